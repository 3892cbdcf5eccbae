/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** One clip of a command that takes files and folders. */
typedef struct {
  char *path; /* of the video file */
  char *name; /* under which its results are kept: the stem, with the folders that tell it apart before it */
} LusToolInput;

/** The clips that @arguments (files and folders) stand for, in order: a folder gives its video files, sub-folders
 * included, sorted by name. Two clips with one stem keep their folders in the name; LUS_ERROR_INVALID where that does
 * not tell them apart, and where a folder has no video. Elements: LusToolInput*, freed with the array. */
GPtrArray *lus_tool_inputs(char *const *arguments, GError **error);
