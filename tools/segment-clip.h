/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** What is written for each clip besides frames.jsonl, and at which threshold (0..1). */
typedef struct {
  double threshold;
  gboolean overlay, masks, confidences;
} LusSegmentOptions;

/** Segments one clip into @folder, which exists: frames.jsonl (under its final name only once the clip is complete),
 *  frame%06d.mask.png, frame%06d.<class>.png, overlay.mkv. @segmenter is reset first. */
gboolean lus_tool_segment_clip(const char *path, const char *folder, LusModel *model, LusSegmenter *segmenter,
                               const LusSegmentOptions *options, LusToolProgress *progress, GError **error);
/** TRUE if @folder holds the finished results of this clip with this model, this segmenter's precision and these options. */
gboolean lus_tool_segment_done(const char *path, const char *folder, const LusModel *model, const LusSegmenter *segmenter,
                               const LusSegmentOptions *options);
