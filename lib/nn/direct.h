/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/kernels.h"
#include "ops.h"
#include "taps.h"

/** What a convolution is asked for: target = act(conv(source) + bias + r). */
typedef struct {
  float *target;
  const float *source;
  gboolean accumulate;   /* target += ; then bias and r are NULL and relu is FALSE */
  const float *bias, *r; /* [channels], and a map like the target; or NULL */
  gboolean r_half;       /* r's map has half the target's rows and columns: each pixel counts for four */
  gboolean relu;
  const LusActivation *activation; /* last of all, without relu; NULL: none */
} LusConvCall;

/** A grid of taps as one matrix product whose left rows, the patches, are never copied: each pixel's
 * taps are pointers into the source, or to zeros outside of it. With few channels, where a pointer
 * per tap would not pay, taps that lie side by side are one run in a copy of the rows with their
 * border. */
typedef struct {
  const LusTapGrid *grid; /* borrowed */
  LusMapSize source, target;
  gboolean copies_rows;
  int taps, run; /* pointers per pixel, floats behind each */
  int rows_per_item, bands, panels_per_item, columns; /* items: bands x columns */
  float *weights;                                     /* [taps * run][target.c] in panels */
  float *zeros;                                       /* a pixel of the source */
} LusDirect;

/** Sets all but weights and zeros. FALSE: the grid has no tap. */
gboolean lus_direct_init(LusDirect *direct, const LusTapGrid *grid, LusMapSize source,
                         LusMapSize target);
/** Allocates weights and zeros. FALSE: out of memory. */
gboolean lus_direct_alloc(LusDirect *direct);
void lus_direct_clear(LusDirect *direct);
gsize lus_direct_weight_floats(const LusDirect *direct);
gsize lus_direct_scratch_floats(const LusDirect *direct);

/** From the grid's weights [taps][source.c][target.c]. */
void lus_direct_set_weights(LusDirect *direct, const float *weights);

/** The grid's pixels of the target. Where these are not all of the target's, bias and r are NULL and
 * relu is FALSE. */
void lus_direct_run(const LusDirect *direct, const LusRun *run, const LusConvCall *call);
