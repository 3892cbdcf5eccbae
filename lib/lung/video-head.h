/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "heads.h"

LUS_BEGIN_DECLS

#define LUS_VIDEO_MAX_EMBEDDING 64
/** Key of the metadata that makes an ONNX file a video network. */
#define LUS_VIDEO_METADATA "lus.video"
/** Places of the vocabularies' zones (R1-R6, L1-L6, R4V, L4V). */
#define LUS_VIDEO_ZONES 14
/** Place of a zone's bias; -1: a zone of another name. */
LUS_API int lus_video_zone(const char *name);

/** The part of a video network behind the clips, few numbers that stand in the file's metadata. A clip gives an embedding
 *  e and a score a; an exam's clips are attended, p = sum of softmax(a + zone bias) e, missing zones being left out of
 *  both sums. The task's inputs x are p of the exam (S/F), its difference to the earlier exam's (change), or both, the
 *  difference being 0 without an earlier exam (readmission); its outputs W x + b. */
typedef struct {
  LusTask task;
  int embedding;                             /* elements of e */
  int frames;                                /* of a clip's LUS_CLIP_FRAMES, evenly spread */
  int classes;                               /* of the segmentation */
  gboolean grey;                             /* the grey plane is read too */
  float zone_bias[LUS_VIDEO_ZONES];
  float weight[3][2 * LUS_VIDEO_MAX_EMBEDDING]; /* [output][x] */
  float bias[3];
  double mean, sd;          /* S/F: of the patients learnt from; the output is in sd around the mean */
  double half_width;        /* S/F: of the 90 % interval */
  double low, high;         /* S/F: lowest and highest value learnt from */
  double slope, intercept;  /* readmission: logit = slope output + intercept; change: all outputs times slope */
  double covariance[3];     /* readmission: of slope and intercept: variance, covariance, variance */
  int zones, min_zones;     /* of a complete exam; needed at least */
  char model_sha256[65];    /* of the segmentation model whose planes were learnt from */
} LusVideoHead;

/** Outputs of the task: 1 or, for the change, 3 (lower, same, higher). */
LUS_API int lus_video_outputs(LusTask task);
/** Elements of x. */
LUS_API int lus_video_inputs(const LusVideoHead *head);

/** @p [embedding] from @n >= 1 clips' @clips [n][embedding + 1] and their zones' places (-1: no bias). @attention [n] gets
 *  the weights, which sum up to 1; may be NULL. */
LUS_API void lus_video_attend(float *p, float *attention, const float *clips, const int *zones, int n,
                              const LusVideoHead *head);
/** The task's outputs from an exam's p and the earlier exam's, or NULL. */
LUS_API void lus_video_apply(float out[3], const float *p, const float *earlier, const LusVideoHead *head);

LUS_END_DECLS
