/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"

/** Inside of lung: how lus_plane_to_frame() finds a frame's pixels in a plane. */

/** Where pixel centres of the frame lie in the plane, in 2^-32 plane pixels. */
typedef struct { gint64 start, step; } LusLine;

typedef struct {
  int width, height; /* of the plane */
  LusRect rect;      /* of the frame, that it covers */
  LusLine x, y;
} LusResample;

/** The plane's pixel before a place and the weight of the one after it, 0..255 of 256; before the first pixel's centre and
 *  behind the last one's the weight is 0. The place is the centre of the @halves / 2-th frame pixel of the rectangle, or the
 *  middle between two where @halves is odd; @n pixels are in the plane. */
static inline int lus_line_at(LusLine line, int halves, int n, int *weight)
{
  const gint64 to_centre = (gint64)1 << 31, rounding = (gint64)1 << 23;
  gint64 at = CLAMP(line.start + (halves * line.step >> 1) - to_centre + rounding, 0, (gint64)(n - 1) << 32);
  *weight = (int)(at >> 24) & 255;
  return (int)(at >> 32);
}

void lus_resample_init(LusResample *resample, int width, int height, LusRect rect);
