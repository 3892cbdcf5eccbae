/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** The parts of `lus info` on files that are no segmentation model. TRUE for a file that begins like JSON: heads. */
gboolean lus_info_is_heads(const char *path);
/** TRUE for an ONNX file with the metadata of a video network. */
gboolean lus_info_is_video(const char *path);
/** Prints what the file holds, as JSON where @json. */
gboolean lus_info_heads(const char *path, gboolean json, GError **error);
gboolean lus_info_video(const char *path, gboolean json, GError **error);
/** Prints "name  value" with control characters as spaces: a file from elsewhere must not steer the terminal. */
void lus_info_line(const char *name, const char *value);
