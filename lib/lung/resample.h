/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"

/** Inside of lung: what lus_plane_to_frame() is made of, for those who need rows only. */

/** Where pixel centres of the frame lie in the plane, in 2^-32 plane pixels. */
typedef struct { gint64 start, step; } LusLine;

typedef struct {
  int width, height; /* of the plane */
  LusRect rect;      /* of the frame, that it covers */
  LusLine x, y;
} LusResample;

void lus_resample_init(LusResample *resample, int width, int height, LusRect rect);
/** Bilinear: columns @x0 to @x1 - 1 of frame row @y, all inside the rectangle. @out[0] is column @x0. */
void lus_resample_row(const LusResample *resample, guint8 *out, const guint8 *plane, int y, int x0, int x1);
/** The plane's row at or above the centres of frame row @y; the one below counts as well. */
int lus_resample_row_above(const LusResample *resample, int y);
