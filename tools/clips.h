/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** A clip and what is known of it. */
typedef struct {
  char *path, *name; /* as in inputs.h */
  LusClipName told;  /* patient, day and zone, by the data set or the file's name */
} LusToolClip;

/** The clips of @arguments as in inputs.h; one single data set (a folder with dataset.json) gives its clips. Elements:
 *  LusToolClip*, freed with the array. */
GPtrArray *lus_tool_clips(char *const *arguments, GError **error);
