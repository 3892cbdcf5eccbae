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
  const char *profile_file; /* the scanner's, read by set_frame_size() (sector-profile.h); NULL = none; copied */
  int threads;     /* 0 = one per CPU */
  LusPrecision precision;
} LusSegmenterConfig;

/** Runs a model over the frames of one stream; the element and the tool both use it, so that their results are
 *  bit-equal. Not thread-safe; one per stream. */
typedef struct _LusSegmenter LusSegmenter;

/** Takes a reference to @model. */
LUS_API LusSegmenter *lus_segmenter_new(LusModel *model, const LusSegmenterConfig *config, GError **error);
/** The same for the model file at @path. Segmenters of one process that are made from the same unchanged file with the same
 *  threads and precision share one loaded model and take turns with it. */
LUS_API LusSegmenter *lus_segmenter_open(const char *path, const LusSegmenterConfig *config, GError **error);
LUS_API void lus_segmenter_free(LusSegmenter *segmenter);
/** Runs the model over a black input, so that the first frame takes no longer than others. The time of one run in ns. */
LUS_API gint64 lus_segmenter_warm_up(LusSegmenter *segmenter);
/** The model; it is the segmenter's. */
LUS_API LusModel *lus_segmenter_model(const LusSegmenter *segmenter);

/** At caps time: the frames' size. Forgets the sector, and reads the scanner's profile, which may fail. */
LUS_API gboolean lus_segmenter_set_frame_size(LusSegmenter *segmenter, int width, int height, GError **error);
/** Writes what was found of the sector to the scanner's profile, and remembers it. Nothing happens without a profile, or
 *  where nothing new was found. FALSE: the file is no profile, or cannot be written. */
LUS_API gboolean lus_segmenter_save_profile(LusSegmenter *segmenter, GError **error);
/** New stream, new zone: forgets the sector. */
LUS_API void lus_segmenter_reset(LusSegmenter *segmenter);

/** At frame time: TRUE with *out = a new reference, or NULL when there is nothing to infer (no sector seen yet: black
 *  frame). NaN or infinity out of the network is LUS_ERROR_INVALID: no mask is better than a wrong one. Allocates
 *  nothing once warm. */
LUS_API gboolean lus_segmenter_run(LusSegmenter *segmenter, LusSegmentation **out, const LusImage *image, gint64 pts_ns,
                                   GError **error);
/** What the model needs of one frame, and nothing of the frame itself: it may wait, and be run by another thread while the
 *  segmenter looks at the next frames. */
typedef struct _LusSegmenterJob LusSegmenterJob;

/** NULL: out of memory. */
LUS_API LusSegmenterJob *lus_segmenter_job_new(void);
/** NULL is accepted. Results of the job live on. */
LUS_API void lus_segmenter_job_free(LusSegmenterJob *job);
/** The first half of lus_segmenter_run(): finds the sector and scales its luma into @job, which may hold an older frame.
 *  Allocates nothing once warm. */
LUS_API gboolean lus_segmenter_prepare(LusSegmenter *segmenter, LusSegmenterJob *job, const LusImage *image, gint64 pts_ns,
                                       GError **error);
/** FALSE when there is nothing to infer (no sector seen yet: black frame). */
LUS_API gboolean lus_segmenter_job_is_filled(const LusSegmenterJob *job);
/** The second half: a new reference to the result of a filled job, the same bits as lus_segmenter_run() gives. The segmenter
 *  may be gone by then. NULL: out of memory, or the network computed NaN or infinity. */
LUS_API LusSegmentation *lus_segmenter_job_run(LusSegmenterJob *job, GError **error);

/** Name of the kernel set in use, e.g. "avx512+OpenBLAS 0.3.21 SkylakeX", with "int8, " before it where convolutions run on
 *  integers. Owned by @segmenter. */
LUS_API const char *lus_segmenter_kernels(const LusSegmenter *segmenter);

LUS_API LusSegmentation *lus_segmentation_ref(LusSegmentation *segmentation);
LUS_API void lus_segmentation_unref(LusSegmentation *segmentation);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSegmenter, lus_segmenter_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSegmenterJob, lus_segmenter_job_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSegmentation, lus_segmentation_unref)

LUS_END_DECLS
