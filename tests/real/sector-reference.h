/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** A scan's outline as its geometry gives it: the ring segment of a convex or phased probe, which lies evenly to both sides
 *  of the vertical, or a linear probe's rectangle. Pixels; the frame cuts off what does not lie in it. */
typedef struct {
  gboolean fan;
  double x, middle, top, bottom; /* rectangle: x is half its width; fan: of its axis, top and bottom on that axis */
  double half, slope;            /* fan: half its greatest width, dx/dy of its sides */
} RealOutline;

/** The outline that explains @maximum [height][width], a clip's maximum over its frames, best: few lit pixels outside, and
 *  among such outlines few dark ones inside. Returns what it costs, pixels. */
double real_outline_fit(RealOutline *outline, const guint8 *maximum, int width, int height);
/** 255 inside, 0 outside. */
void real_outline_fill(const RealOutline *outline, guint8 *out, int width, int height);
