/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"

/** What a normalisation knows of its map: y = a[c] x + b[c]. */
typedef struct {
  int pixels, pixels_per_item, n_items;
  int groups;
  float *shift;        /* [c] a value near the mean: sums of differences keep their digits */
  float *a, *b;        /* [c] */
  float *d;            /* [c], backward */
  float *d_scale, *d_bias; /* [c], of the last backward pass */
  double *mean, *rstd; /* [groups] of the last forward pass */
} LusNorm;

LusNorm *lus_norm_new(const LusStep *step, int groups);
void lus_norm_free(gpointer norm);
/** Floats of LusRun's shared space that the statistics need. */
gsize lus_norm_shared_floats(const LusNorm *norm, int c);
/** @pixels of the step's x, from @x on, normalised, and projected where the step does that, to @y. */
void lus_norm_apply(const LusNorm *norm, const LusStep *step, float *y, const float *x, gsize pixels);
/** GroupNorm's a and b from the step's x. */
void lus_norm_group_statistics(const LusNorm *norm, const LusStep *step, const LusRun *run);
