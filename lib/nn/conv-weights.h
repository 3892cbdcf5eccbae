/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "winograd.h"

/** The gradient of a Conv's weights and bias, summed over the samples of a batch. The work is cut into
 * slices of rows of all samples, each with sums of its own, which do not depend on the number of
 * threads.
 *
 * Winograd: with V = B^T X B of the source's tiles and W = A dY A^T of those of the result's gradient,
 * d_u[p] = sum over tiles of V[p]^T W[p] for each of the 36 planes and d_w = G^T d_u G. */
typedef struct {
  const LusTapGrid *grid; /* of the forward pass: every tap, in the kernel's order */
  LusMapSize x, y;
  int groups, in, out; /* channels per group */
  enum {
    LUS_CONV_WEIGHTS_GEMM,    /* patches of some rows times the gradient, by OpenBLAS */
    LUS_CONV_WEIGHTS_DIRECT,  /* the same product without patches, by the own kernel; one group */
    LUS_CONV_WEIGHTS_WINOGRAD, /* 3x3 with step 1, one group */
    LUS_CONV_WEIGHTS_DEPTHWISE /* products of channel with channel; as many groups as channels on both sides */
  } method;
  int planes;            /* matrices [in][out] per group: taps, or Winograd's 36 */
  int units;             /* per sample: rows, pixels or tiles, by method */
  int max_slices, slice; /* a slice has at least so many units */
  int block;             /* units at a time */
  LusWinograd winograd;
} LusConvWeights;

/** @grid is borrowed. Adds to the step's needs. */
void lus_conv_weights_init(LusConvWeights *weights, LusStep *step, const LusTapGrid *grid,
                           LusMapSize x, LusMapSize y, int groups);
/** Adds to the gradients of the step's weights and bias, from each sample's x->data and y->grad. */
void lus_conv_weights_run(const LusConvWeights *weights, const LusStep *const *samples, int n,
                          const LusRun *run);
