/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** One clip of a command that takes files and folders. */
typedef struct {
  char *path;      /* of the video file */
  char *name;      /* under which its results are kept: the stem, with the folders that tell it apart before it */
  int folders;     /* how many of the path's folders stand in the name because of clips of the same name */
  LusClipName told; /* by a manifest: patient, day, zone; "" and -1 where it does not tell */
  double mm_per_pixel; /* by a manifest or data set; 0: not told */
} LusToolInput;

void lus_tool_input_free(gpointer input);

/** Which arguments stand for clips, for --help. */
#define LUS_TOOL_INPUTS                                                                                                \
  "INPUT is a video file, a folder (all video files in it, sub-folders included), a pattern in quotes\n"                \
  "('clips/*.mkv'), a list (.txt, a path per line; - for stdin), or a manifest: .csv with the column\n"                 \
  "file and, where known, patient, day, zone, or .json as in docs/exam.md.\n"

/** Whether a file of this name is taken for a clip in folders. */
gboolean lus_tool_is_video(const char *name);
/** The clips that @arguments stand for, in order: files; folders, which give their video files, sub-folders included, sorted
 *  by name; patterns of the shell that name no file themselves; lists (.txt, "-": stdin), whose paths begin at the working
 *  folder; manifests (.csv, .json), whose paths begin at the manifest. Two clips with one stem keep as many folders in the
 *  name as tell them apart. LUS_ERROR_INVALID for the same file twice, and where nothing is found. Elements: LusToolInput*,
 *  freed with the array. */
GPtrArray *lus_tool_inputs(char *const *arguments, GError **error);

/** Leaves part K of N, by @text "K/N" (NULL: all): every N-th clip, so that the parts are of one size. */
gboolean lus_tool_inputs_shard(GPtrArray *inputs, const char *text, GError **error);
