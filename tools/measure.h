/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "batch.h"
#include "clips.h"

/** Segmenter, masks and features in a row, as in the pipeline lussegment ! lusconfmask ! lussfestimate. */
typedef struct {
  LusModel *model;
  LusSegmenter *segmenter;
  LusMasker *masker;
  LusConfidenceConfig masks;
  double threshold;  /* 0..1, of all classes */
  LusFeatureMeter *meter;
  LusToolProgress *progress; /* of lus_tool_measure_open() */
  LusToolWorker *worker;     /* NULL, or who is told of each frame instead */
  LusClipPlanes *planes; /* gets every clip's frames anew; NULL, or whoever measures frees it */
  LusKeyFrames *keys; /* frames are offered to it; NULL, or whoever measures frees it */
} LusToolMeasure;

/** @model_path NULL: the bundled model. @threshold 0..1, negative: the model's own. Clear it also after an error. */
gboolean lus_tool_measure_open(LusToolMeasure *measure, const char *model_path, double threshold, int threads,
                               GError **error);
/** The same for one of several that share a loaded model; without progress. */
gboolean lus_tool_measure_share(LusToolMeasure *measure, LusModel *model, double threshold, int threads, GError **error);
/** Cuts the masks at another threshold, 0..1. */
void lus_tool_measure_cut(LusToolMeasure *measure, double threshold);
void lus_tool_measure_clear(LusToolMeasure *measure);
/** Adds every frame of the clip in which a sector is seen to a zone of the exam. @what: for the progress. */
gboolean lus_tool_measure_clip(LusToolMeasure *measure, LusExam *exam, int zone, const LusToolClip *clip, const char *what,
                               GError **error);
