/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "taps.h"

/** A convolution with one channel per group: no matrix, but as many sums side by side as there are
 * channels. */

/** More taps than these go the general way. */
#define LUS_DEPTHWISE_MAX_TAPS 64

/** Row @row of target = act(conv(source) + bias + r). @weights: [kernel's taps][c]. @grid is dense;
 * @bias [c] and @r, a map like the target, may be NULL. */
void lus_depthwise_row(const LusTapGrid *grid, float *target, const float *source,
                       LusMapSize source_size, const float *weights, const float *bias,
                       const float *r, gboolean relu, int row);
