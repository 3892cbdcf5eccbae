/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "taps.h"

/** A grid of 3x3 taps with step 1 by Winograd's F(4x4, 3x3): 36 small matrix products in place of
 * one large one, with a quarter of the multiplications. Tiles are taken in groups whose transforms
 * stay in the second-level cache. */
typedef struct {
  int dy, dx; /* source offset of the first tap */
  LusMapSize source, target;
  int tiles_across, n_tiles, tiles_per_item, n_items;
  float *weights; /* [36][source.c][target.c], transformed */
} LusWinograd;

/** Sets all but the weights. FALSE: the grid is of another kind, or so small that the plain way is
 * faster. */
gboolean lus_winograd_init(LusWinograd *winograd, const LusTapGrid *grid, LusMapSize source,
                           LusMapSize target);
/** Floats of winograd->weights, which the caller allocates. */
gsize lus_winograd_weight_floats(const LusWinograd *winograd);
/** Floats of scratch space for lus_winograd_item(). */
gsize lus_winograd_scratch_floats(const LusWinograd *winograd);

/** From the grid's weights [9][source.c][target.c] in the order of its taps. */
void lus_winograd_set_weights(LusWinograd *winograd, const float *weights);

/** The target's pixels of work item @item in 0..n_items-1: target = act(conv(source) + bias + r).
 * @bias [target.c] and @r, a map like the target, may be NULL; @r may be the target. */
void lus_winograd_item(const LusWinograd *winograd, float *target, const float *source,
                       const float *bias, const float *r, gboolean relu, int item, float *scratch);
