/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "confidence.h"
#include "exam.h"

LUS_BEGIN_DECLS

/** One picture per zone for the report: of the frames whose B-line/pleura percentage is nearest to the zone's, in
 *  steps of ten, the one that shows most of the pleural line. A typical frame, so that picture and numbers agree. */
typedef struct _LusKeyFrames LusKeyFrames;

/** Longer side of a key frame. */
#define LUS_KEY_FRAME_PIXELS 640

LUS_API LusKeyFrames *lus_key_frames_new(void);
LUS_API void lus_key_frames_free(LusKeyFrames *keys);
/** Offers a frame of zone 0..LUS_MAX_ZONES - 1, which is copied where it is wanted. FALSE: out of memory. */
LUS_API gboolean lus_key_frames_offer(LusKeyFrames *keys, int zone, const LusImage *image,
                                      LusSegmentation *segmentation, LusMask *mask,
                                      const double features[LUS_FEATURE_N]);
/** The key frame of a zone with these @features as a PNG: the sector's crop alone, with the masks' contours as on the
 *  display. *png is NULL when no frame was offered; its user frees it with g_byte_array_unref(). */
LUS_API gboolean lus_key_frames_png(const LusKeyFrames *keys, GByteArray **png, int zone,
                                    const double features[LUS_FEATURE_N], GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusKeyFrames, lus_key_frames_free)

LUS_END_DECLS
