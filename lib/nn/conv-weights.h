/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"
#include "taps.h"

/** The gradient of a Conv's weights and bias: products of the source's patches with the gradient of
 * the result, summed over slices of rows that do not depend on the number of threads. */
typedef struct {
  const LusTapGrid *grid; /* of the forward pass: every tap, in the kernel's order */
  LusMapSize x, y;
  int groups, in, out; /* channels per group */
  int slices, patch_rows;
} LusConvWeights;

/** @grid is borrowed. Adds to the step's needs. */
void lus_conv_weights_init(LusConvWeights *weights, LusStep *step, const LusTapGrid *grid,
                           LusMapSize x, LusMapSize y, int groups);
/** Adds to the gradients of the step's weights and bias, from x->data and y->grad. */
void lus_conv_weights_run(const LusConvWeights *weights, const LusStep *step, const LusRun *run);
