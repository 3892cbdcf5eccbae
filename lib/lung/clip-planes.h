/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "confidence.h"

LUS_BEGIN_DECLS

/** A clip as a video network reads it: a few frames, evenly spread over the clip, each the confidence planes of all
 *  classes and the grey picture within the sector, scaled to a small square (area averages; aspect kept, at the top,
 *  centred left to right, the rest 0). */
#define LUS_CLIP_FRAMES 16
#define LUS_CLIP_PIXELS 48
/** Elements of one clip: u8 [LUS_CLIP_FRAMES][classes + 1][LUS_CLIP_PIXELS][LUS_CLIP_PIXELS], grey last. */
#define LUS_CLIP_SIZE(classes) ((gsize)LUS_CLIP_FRAMES * ((gsize)(classes) + 1) * LUS_CLIP_PIXELS * LUS_CLIP_PIXELS)

/** Gathers frames of a clip whose length is not known: of so many that there is no room it keeps every other one, from
 *  then on every second frame, and so on. What is kept does not depend on how the clip is fed in. */
typedef struct _LusClipPlanes LusClipPlanes;

/** @grey FALSE: for networks that do not read the grey plane, which then is 0. */
LUS_API LusClipPlanes *lus_clip_planes_new(gboolean grey);
LUS_API void lus_clip_planes_free(LusClipPlanes *planes);
/** A new clip begins. */
LUS_API void lus_clip_planes_reset(LusClipPlanes *planes);
/** The next frame in which a sector is seen. @image: the picture that was segmented; not looked at without grey, may be
 *  NULL then. FALSE: out of memory. */
LUS_API gboolean lus_clip_planes_add(LusClipPlanes *planes, const LusImage *image, const LusSegmentation *segmentation);
/** Newly allocated planes of the clip, LUS_CLIP_SIZE(@classes) bytes; frames stand there twice where the clip has too few.
 *  NULL: no frame was added, or out of memory. */
LUS_API guint8 *lus_clip_planes_take(const LusClipPlanes *planes, int *classes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusClipPlanes, lus_clip_planes_free)

LUS_END_DECLS
