/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: how far two masks' borders lie apart. A border pixel is one of the mask that has a 4-neighbour
 *  outside of it; the picture's edge is outside. Distances are Euclidean, between pixel centres, in pixels. */

/** One mask's border and the distance of every pixel to it. */
typedef struct {
  int width, height, n;  /* n border pixels */
  guint32 *border;       /* [n] y width + x, ascending; room for all pixels */
  float *distance;       /* [height][width]; unknown when n = 0 */
  float *scratch;
} LusSurface;

/** Room for masks of this size; FALSE when out of memory (then clear() all the same). */
gboolean lus_surface_init(LusSurface *surface, int width, int height);
void lus_surface_clear(LusSurface *surface);
/** Takes a @mask [height][width], nonzero inside. Exact distances by two passes of parabolas' lower envelopes
 *  (Felzenszwalb and Huttenlocher 2012). */
void lus_surface_set(LusSurface *surface, const guint8 *mask);

/** @mean: average of the distances from each border pixel of either mask to the other's border (average symmetric
 *  surface distance); @hausdorff95: the larger one of both directions' 95th percentiles (nearest rank). FALSE when a
 *  mask is empty: there is no distance then. @sorted: room for the larger n of the two. */
gboolean lus_surface_compare(double *mean, double *hausdorff95, const LusSurface *a, const LusSurface *b,
                             float *sorted);
