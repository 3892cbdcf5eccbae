/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** Pixel formats, named as GStreamer names them. Planes: GRAY8, packed RGB and packed 4:2:2 one; NV12, NV21 two
 *  (luma, interleaved chroma); I420, YV12, Y42B, Y444 three, in memory order (YV12: Y, V, U). */
typedef enum {
  LUS_FORMAT_GRAY8,
  LUS_FORMAT_I420, LUS_FORMAT_YV12, LUS_FORMAT_NV12, LUS_FORMAT_NV21, LUS_FORMAT_Y42B, LUS_FORMAT_Y444,
  LUS_FORMAT_YUY2, LUS_FORMAT_YVYU, LUS_FORMAT_UYVY, LUS_FORMAT_VYUY,
  LUS_FORMAT_RGB, LUS_FORMAT_BGR,
  LUS_FORMAT_RGBX, LUS_FORMAT_BGRX, LUS_FORMAT_XRGB, LUS_FORMAT_XBGR,
  LUS_FORMAT_RGBA, LUS_FORMAT_BGRA, LUS_FORMAT_ARGB, LUS_FORMAT_ABGR,
  LUS_FORMAT_N
} LusFormat;

typedef enum { LUS_MATRIX_BT601, LUS_MATRIX_BT709, LUS_MATRIX_BT2020 } LusMatrix;

/** Smallest and largest frame side. */
#define LUS_FRAME_MIN 16
#define LUS_FRAME_MAX 8192

/** Smallest and largest mm per pixel that is believed. */
#define LUS_MM_PER_PIXEL_MIN 0.001
#define LUS_MM_PER_PIXEL_MAX 10.0
LUS_API gboolean lus_mm_per_pixel_is_valid(double mm_per_pixel);

/** A picture in somebody else's memory: nothing is copied or owned. */
typedef struct {
  LusFormat format;
  int width, height;       /* pixels */
  guint8 *planes[3];
  int strides[3];          /* bytes; >= the row's bytes */
  gboolean full_range;     /* Y' 0..255 rather than 16..235; RGB and GRAY8 are always full range */
  LusMatrix matrix;        /* of Y'CbCr, and of the luma weights for RGB */
  double mm_per_pixel;     /* 0 = unknown */
} LusImage;

typedef struct { int x, y, width, height; } LusRect; /* pixels; empty when width or height < 1 */

/** GStreamer's name of a format ("I420"), and back (-1: unknown). */
LUS_API const char *lus_format_name(LusFormat format);
LUS_API int lus_format_from_name(const char *name);
/** Horizontal and vertical chroma subsampling as shifts (0 or 1); RGB and GRAY8: 0, 0. */
LUS_API void lus_format_subsampling(LusFormat format, int *x_shift, int *y_shift);

/** Full-range luma 0..255 of the @n pixels from (@x, @y) of one row: limited range is expanded
 *  round((Y - 16) 255 / 219) clipped, RGB goes through the matrix (Kr, Kg, Kb of @matrix), GRAY8 is copied. */
LUS_API void lus_image_luma_row(guint8 *out, const LusImage *image, int x, int y, int n);

/** Makes @n pixels from (@x, @y) of one row black, in the picture's own memory; a chroma sample that covers one of them becomes
 *  neutral, alpha (or the byte in its place) 255: nothing of what was there is left. */
LUS_API void lus_image_black_row(const LusImage *image, int x, int y, int n);

LUS_END_DECLS
