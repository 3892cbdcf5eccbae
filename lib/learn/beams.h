/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: where the beams of a sample run, told from the outline of its lit pixels. A place is (u, r): u 0..1
 *  from the left edge to the right, r 0..1 from the probe's face down to the farthest lit pixel. */
typedef struct {
  gboolean fan;       /* beams from one apex; else they run straight down */
  double apex_x, apex_y;
  double left, right; /* fan: tangents of the edges, (x - apex_x) / (y - apex_y); else columns */
  double face, depth; /* distance of the face from the apex (else its row), and from there to the end, pixels */
} LusBeams;

/** A picture without an outline has straight beams over all of it. */
void lus_beams_find(LusBeams *beams, const guint8 *luma, int width, int height);

/** The place of a pixel; u is outside of 0..1 beside the sector. */
void lus_beams_place(const LusBeams *beams, double x, double y, double *u, double *r);
/** The pixel of a place. */
void lus_beams_pixel(const LusBeams *beams, double u, double r, double *x, double *y);
