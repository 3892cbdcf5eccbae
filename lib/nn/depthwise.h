/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "direct.h"

/** A convolution with one channel per group: no matrix, but as many sums side by side as there are
 * channels. */

/** More taps than these go the general way. */
#define LUS_DEPTHWISE_MAX_TAPS 64

/** Floats of scratch space per thread. */
gsize lus_depthwise_scratch_floats(const LusTapGrid *grid, LusMapSize source);

/** What @call asks for, r not of half size. @weights: [kernel's taps][c]. @grid is dense. */
void lus_depthwise_run(const LusTapGrid *grid, const LusRun *run, const LusConvCall *call, LusMapSize source,
                       const float *weights);
