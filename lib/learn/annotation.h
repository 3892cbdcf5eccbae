/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** Confidence labels as grey PNG: 16 bit with 65535 = 100 %, or 8 bit with 255 = 100 %. In memory percent, 0..100,
 *  and 255 = ignore (in files: a second PNG <name>.ignore.png, 255 where ignored). */

/** Reads @path into a new [height][width] plane of percent (rounded to the nearest). Bounded: sides 16..8192, grey
 *  only. */
LUS_API guint8 *lus_label_read(const char *path, int *width, int *height, GError **error);
/** Writes 16-bit grey, atomically; 255 (ignore) goes to the second file, which exists only when needed. */
LUS_API gboolean lus_label_write(const char *path, const guint8 *percent, int width, int height, GError **error);

/** A PNG as it is, 8 bits: @channels 4: any picture as RGBA; 1: the numbers of a grey or palette picture (a class each).
 *  [height][width][channels], sides 16..8192. */
LUS_API guint8 *lus_png_read(const char *path, int channels, int *width, int *height, GError **error);

/** 8-bit grey, RGB or RGBA (channels 1, 3, 4) as PNG in memory: a new array, to be freed with g_byte_array_unref(). @path: for messages. Quick rather than small. */
LUS_API GByteArray *lus_png_encode(const char *path, const guint8 *pixels, int width, int height, int stride,
                                   int channels, GError **error);
/** The same as a file, atomically. */
LUS_API gboolean lus_png_write(const char *path, const guint8 *pixels, int width, int height, int stride,
                               int channels, GError **error);

LUS_END_DECLS
