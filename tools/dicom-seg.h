/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "results.h"

/** A clip's confidences as one DICOM Segmentation, built frame by frame. */
typedef struct _LusToolSeg LusToolSeg;

/** FALSE (with an error): there can be none of that clip, or this program makes none. */
gboolean lus_tool_seg_possible(const char *source, GError **error);
/** For the DICOM file @source, to become @folder/segmentation.dcm. Errors: it cannot be read. */
LusToolSeg *lus_tool_seg_new(const char *source, const char *folder, const LusModel *model, GError **error);
/** Adds what a class's confidence has of frame @frame (from 0), at frame size. Planes that are 0 throughout are left out, as the
 *  standard allows. NULL @segmentation: nothing was inferred. */
gboolean lus_tool_seg_add(LusToolSeg *seg, gint64 frame, const LusSegmentation *segmentation, GError **error);
/** Writes the file, whole or not at all; none, and none is left from before, where no confidence is above 0. */
gboolean lus_tool_seg_finish(LusToolSeg *seg, GError **error);
/** Accepts NULL. */
void lus_tool_seg_free(LusToolSeg *seg);
