/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"
#include "preprocess.h"
#include "sector.h"
#include "../nn/model.h"
#include "../nn/quantizer.h"

LUS_BEGIN_DECLS

/** One frame's result: confidences at the size of the inferred crop. Immutable once handed out; reference counted;
 *  the memory goes back to the segmenter's pool. */
typedef struct {
  LusModel *model;             /* class names, threshold, hash */
  int n_classes;
  int frame_width, frame_height;
  LusRect rect;                /* what the planes cover, frame pixels */
  int width, height;           /* of the planes */
  guint8 *confidence;          /* [n_classes][height][width], q = floor(255 c + 0.5) */
  guint8 *sector;              /* [height][width], 255 inside the sector */
  double mm_per_pixel;         /* of the frame, 0 = unknown */
  gint64 pts_ns;               /* of the source picture, -1 = none */
} LusSegmentation;

typedef struct {
  LusSectorMode sector_mode;
  LusRect roi;     /* manual mode */
  int threads;     /* 0 = one per CPU */
  LusPrecision precision;
} LusSegmenterConfig;

/** Runs a model over the frames of one stream; the element and the tool both use it, so that their results are
 *  bit-equal. Not thread-safe; one per stream. */
typedef struct _LusSegmenter LusSegmenter;

/** Takes a reference to @model. */
LUS_API LusSegmenter *lus_segmenter_new(LusModel *model, const LusSegmenterConfig *config, GError **error);
LUS_API void lus_segmenter_free(LusSegmenter *segmenter);

/** At caps time: the frames' size. Forgets the sector. */
LUS_API gboolean lus_segmenter_set_frame_size(LusSegmenter *segmenter, int width, int height, GError **error);
/** New stream, new zone: forgets the sector. */
LUS_API void lus_segmenter_reset(LusSegmenter *segmenter);

/** At frame time: TRUE with *out = a new reference, or NULL when there is nothing to infer (no sector seen yet: black
 *  frame). NaN or infinity out of the network is LUS_ERROR_INVALID: no mask is better than a wrong one. Allocates
 *  nothing once warm. */
LUS_API gboolean lus_segmenter_run(LusSegmenter *segmenter, LusSegmentation **out, const LusImage *image, gint64 pts_ns,
                                   GError **error);
/** Name of the kernel set in use, e.g. "avx512+OpenBLAS 0.3.21 SkylakeX", with "int8, " before it where convolutions run on
 *  integers. Owned by @segmenter. */
LUS_API const char *lus_segmenter_kernels(const LusSegmenter *segmenter);

LUS_API LusSegmentation *lus_segmentation_ref(LusSegmentation *segmentation);
LUS_API void lus_segmentation_unref(LusSegmentation *segmentation);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSegmenter, lus_segmenter_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSegmentation, lus_segmentation_unref)

LUS_END_DECLS
