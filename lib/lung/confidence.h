/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "segmenter.h"

LUS_BEGIN_DECLS

/** From confidences to masks. All masks, live or from files, come from the quantised confidence q: a pixel is in the mask at
 *  threshold t (0..1) when q >= ceil(255 t). */

/** q = floor(255 c + 0.5), clipped; NaN gives 0. */
LUS_API guint8 lus_confidence_quantise(float confidence);
/** ceil(255 t), where a t less than 1e-6 above a step counts as that step (0.6 gives 153, 0.6f too). Clipped to 0..255; NaN
 *  gives 255. */
LUS_API guint8 lus_confidence_cut(double threshold);

typedef struct {
  double thresholds[LUS_MAX_CLASSES]; /* 0..1 each */
  int min_area;                       /* 8-connected components under this many plane pixels are dropped; 0 = keep all */
  double hysteresis;     /* 0..1: pixels up to this far below the threshold are in the mask where they are 8-connected,
                            through their like, to one that reaches it; 0 = none */
  double temporal_alpha; /* 0..1: share of a new result in the running mean of confidences that masks are cut from;
                            0 and 1 = no smoothing */
} LusConfidenceConfig;

/** One plane per class (classes may overlap) and one picture of class ids. Reference counted, immutable once made. */
typedef struct {
  int n_classes, width, height;
  guint8 cut[LUS_MAX_CLASSES]; /* q at which each class begins */
  guint8 *planes;              /* [n_classes][height][width], 255 in the mask, else 0; outside the sector 0 */
  guint8 *ids;                 /* [height][width]: 0 none, else class index + 1; highest q wins, ties the lower index */
} LusMask;

/** Makes masks and keeps their memory for the next ones. Not thread-safe; one per stream. */
typedef struct _LusMasker LusMasker;
LUS_API LusMasker *lus_masker_new(void);
LUS_API void lus_masker_free(LusMasker *masker);
/** A new reference, or NULL when out of memory. With smoothing, results count in the order in which they come; one of
 *  another geometry or model begins anew. */
LUS_API LusMask *lus_masker_run(LusMasker *masker, const LusSegmentation *segmentation, const LusConfidenceConfig *config);
/** The same for the result that came last, once more with other settings: smoothing takes no step. */
LUS_API LusMask *lus_masker_run_again(LusMasker *masker, const LusSegmentation *segmentation,
                                      const LusConfidenceConfig *config);
/** Forgets the running mean: new stream, new zone, gap. */
LUS_API void lus_masker_reset(LusMasker *masker);

LUS_API LusMask *lus_mask_ref(LusMask *mask);
LUS_API void lus_mask_unref(LusMask *mask);

/** Resamples a plane (confidence: bilinear; mask or ids, @nearest: nearest) to whole-frame pixels, 0 outside @rect. The one
 *  function for PNG output, overlay and measurements. @out [frame_height][out_stride]. */
LUS_API void lus_plane_to_frame(guint8 *out, int out_stride, int frame_width, int frame_height, const guint8 *plane,
                                int width, int height, LusRect rect, gboolean nearest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusMask, lus_mask_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusMasker, lus_masker_free)

LUS_END_DECLS
