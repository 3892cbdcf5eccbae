/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"

/** One axis of a Resize: y[o] = x[i0[o]] + w[o] (x[i1[o]] - x[i0[o]]), and the transpose, in train
 * mode: dx[i] = sum over k = start[i]..start[i+1]-1 of weight[k] dy[index[k]]. */
typedef struct {
  int in, out;
  int *i0, *i1;
  float *w;
  int *start, *index;
  float *weight;
} LusResizeAxis;

/** @which: 0 vertical, 1 horizontal. */
void lus_resize_axis_init(LusResizeAxis *axis, const LusOpAttrs *a, int which, int in, int out,
                          gboolean train);
void lus_resize_axis_clear(LusResizeAxis *axis);
