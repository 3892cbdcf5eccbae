/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"
#include "taps.h"

/** A grid of 3x3 taps with step 1 by Winograd's F(4x4, 3x3) or F(2x2, 3x3), or of 2x2 taps by F(5x5, 2x2): 36 or 16 small
 * matrix products in place of one large one, with 4, 2.25 or 2.8 times fewer multiplications. Many tiles are
 * taken in groups whose transforms stay in the second-level cache; few are transformed all at once,
 * and the work is divided over the products. */
typedef struct {
  int tile;   /* pixels of the grid per tile and axis: 4, 2 or 5 */
  int taps;   /* per axis: 3 or 2 */
  int dy, dx; /* source offset of the first tap */
  LusMapSize source, target;
  int h, w, step[2], origin[2]; /* of the grid in the target */
  int tiles_across, n_tiles, tiles_per_item, n_items;
  gboolean blas;  /* the products by OpenBLAS */
  float *weights; /* per plane [source.c][target.c] transformed: packed in panels, plain for OpenBLAS */
} LusWinograd;

/** Sets all but the weights. @tile is 4, 2 or 5. FALSE: the grid is of another kind. */
gboolean lus_winograd_init(LusWinograd *winograd, const LusTapGrid *grid, LusMapSize source,
                           LusMapSize target, int tile, gboolean blas);
/** Floats of winograd->weights, which the caller allocates. */
gsize lus_winograd_weight_floats(const LusWinograd *winograd);
/** Floats of LusRun's scratch and shared space that lus_winograd_run() needs. */
gsize lus_winograd_scratch_floats(const LusWinograd *winograd);
gsize lus_winograd_shared_floats(const LusWinograd *winograd);

/** v[plane][source.c] = the transform of the source's window for one tile; @window is room for its
 * pixels [(tile + taps - 1)^2][source.c]. */
void lus_winograd_transform_window(const LusWinograd *winograd, float *v, gsize plane, float *window,
                                   const float *source, int tile);

/** From the grid's weights [taps^2][source.c][target.c] in the order of its taps. */
void lus_winograd_set_weights(LusWinograd *winograd, const float *weights);

/** target = act(conv(source) + bias + r) in the grid's pixels, act being ReLU or @activation, which may be NULL. @bias
 * [target.c] and @r, a map like the target, may be NULL; @r may be the target. */
void lus_winograd_run(const LusWinograd *winograd, const LusRun *run, float *target,
                      const float *source, const float *bias, const float *r, gboolean relu,
                      const LusActivation *activation);
