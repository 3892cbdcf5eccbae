/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "../nn/rng.h"

/** Inside of learn: which samples an epoch has, and in which order. */

/** How often each sample is to be met, 1 for the common ones: the largest (f_max / f_k)^balance over the classes k that it
 *  shows at @level percent, f_k being the share of samples that show k. @balance 0: all alike; 1: classes equally often.
 *  Newly allocated [n]. */
double *lus_sampling_weights(const LusSamples *samples, double level, double balance);

/** Fills @order [n] with sample numbers in random order: each once, or, with @weights, as often as its weight says, rounded
 *  up or down (systematic sampling). From @rng alone. */
void lus_sampling_epoch(int *order, int n, const double *weights, LusRng *rng);
