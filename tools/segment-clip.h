/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "batch.h"
#include "results.h"

/** What is written for each clip besides frames.jsonl, and how masks are made (LusConfidenceConfig). */
typedef struct {
  double threshold, hysteresis, temporal_alpha; /* 0..1 each; temporal_alpha 1 = no smoothing */
  int min_area;
  gboolean overlay, dicom_seg;
  gboolean keep_frame; /* the overlay shows what is outside the sector too */
  LusPlanesForm masks, confidences;
} LusSegmentOptions;

/** Segments one clip, whose file has the hash @sha256, into @folder. @segmenter is reset first. */
gboolean lus_tool_segment_clip(const LusToolInput *input, const char *sha256, const char *folder, LusModel *model,
                               LusSegmenter *segmenter, const LusSegmentOptions *options, LusToolWorker *worker,
                               GError **error);
/** TRUE if @folder holds the finished results of the clip of this hash with this model, this segmenter's precision and these
 *  options, and an overlay that is asked for has the input's scale. */
gboolean lus_tool_segment_done(const LusToolInput *input, const char *sha256, const char *folder, const LusModel *model,
                               const LusSegmenter *segmenter, const LusSegmentOptions *options);
