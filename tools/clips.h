/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "inputs.h"

/** An input of which @told is what is known of patient, day and zone: by the data set, the manifest, or the file's name. */
typedef LusToolInput LusToolClip;

/** The clips of @arguments as in inputs.h; one single data set (a folder with dataset.json) gives its clips. Elements:
 *  LusToolClip*, freed with the array. */
GPtrArray *lus_tool_clips(char *const *arguments, GError **error);
