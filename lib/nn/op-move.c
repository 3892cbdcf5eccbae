/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators that move elements: Concat, Slice, Pad, Transpose, Expand, Reshape. */
#include <string.h>

#include "kernels/kernels.h"
#include "nn/error.h"
#include "nn/ops.h"

/* ---- Concat ---- */

/* Row @i of the result: what each part has in it. */
static void concat_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusMap *y = step->y;
  int axis = step->node->attrs.axis, at[3] = {0, 0, 0}; /* height, width, channels */
  for (int k = 0; k < step->n_maps; k++) {
    const LusMap *x = lus_step_map(step, k);
    int row = i - at[0];
    const float *from = x->data + (gsize)MAX(row, 0) * (gsize)x->w * (gsize)x->c;
    float *to = y->data + ((gsize)i * (gsize)y->w + (gsize)at[1]) * (gsize)y->c + (gsize)at[2];
    for (int j = 0; row >= 0 && row < x->h && j < x->w; j++, from += x->c, to += y->c)
      memcpy(to, from, (gsize)x->c * sizeof *to);
    at[0] += axis == 2 ? x->h : 0;
    at[1] += axis == 3 ? x->w : 0;
    at[2] += axis == 1 ? x->c : 0;
  }
}

static void concat_forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, concat_row, (void *)step);
}

/* Row @i of each part's gradient is what stands in its place in the result's. */
static void concat_backward_part(const LusStep *step, int k, const int at[3])
{
  const LusMap *x = lus_step_map(step, k), *y = step->y;
  gsize n = (gsize)x->w * (gsize)x->c;
  gboolean add = lus_step_accumulates(step, k);
  for (int i = 0; i < x->h; i++)
    for (int j = 0; j < x->w; j++) {
      float *to = x->grad + (gsize)i * n + (gsize)j * (gsize)x->c;
      const float *from =
          y->grad + ((gsize)(i + at[0]) * (gsize)y->w + (gsize)(j + at[1])) * (gsize)y->c + (gsize)at[2];
      if (add)
        lus_kernels()->add_scaled(to, 1, from, (gsize)x->c);
      else
        memcpy(to, from, (gsize)x->c * sizeof *to);
    }
}

static void concat_backward(const LusStep *step, const LusRun *run)
{
  (void)run;
  int axis = step->node->attrs.axis, at[3] = {0, 0, 0};
  for (int k = 0; k < step->n_maps; k++) {
    const LusMap *x = lus_step_map(step, k);
    concat_backward_part(step, k, at);
    at[0] += axis == 2 ? x->h : 0;
    at[1] += axis == 3 ? x->w : 0;
    at[2] += axis == 1 ? x->c : 0;
  }
}

const LusStepClass lus_step_concat = {.forward = concat_forward, .backward = concat_backward};

/* ---- Slice, Pad, Transpose, Expand: each axis has a table of where its elements come from ---- */

typedef struct {
  gssize *from[3]; /* height, width, channels: floats from x's first element, or -1: alpha */
} Gather;

/* The element of dimension @d, of size @size, that element @i of the result shows; -1: none. */
static int source_index(const LusNode *node, int d, int size, int i)
{
  const LusOpAttrs *a = &node->attrs;
  if (node->type == LUS_OP_TRANSPOSE)
    return i;
  if (node->type == LUS_OP_SLICE)
    return a->begin[d] + i * a->step[d];
  if (node->type == LUS_OP_EXPAND)
    return size == 1 ? 0 : i;
  int at = i - a->begin[d];
  if (a->pad_mode == LUS_PAD_EDGE)
    return CLAMP(at, 0, size - 1);
  if (a->pad_mode == LUS_PAD_REFLECT)
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
  return at < 0 || at >= size ? -1 : at;
}

static gboolean gather_prepare(LusStep *step, GError **error)
{
  (void)error;
  static const int dimensions[3] = {2, 3, 1}; /* of a map's height, width, channels */
  const LusMap *x = step->x, *y = step->y;
  const int sizes[4] = {1, x->c, x->h, x->w}, results[3] = {y->h, y->w, y->c};
  const gsize strides[4] = {0, 1, (gsize)x->w * (gsize)x->c, (gsize)x->c};
  Gather *gather = g_new0(Gather, 1);
  step->state = gather;
  for (int axis = 0; axis < 3; axis++) {
    int d = dimensions[axis];
    int from = step->node->type == LUS_OP_TRANSPOSE ? step->node->attrs.permutation[d] : d;
    gather->from[axis] = g_new(gssize, results[axis]);
    for (int i = 0; i < results[axis]; i++) {
      int index = source_index(step->node, d, sizes[from], i);
      gather->from[axis][i] = index < 0 ? -1 : (gssize)((gsize)index * strides[from]);
    }
  }
  return TRUE;
}

static void gather_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const Gather *gather = step->state;
  const LusMap *y = step->y;
  float *out = y->data + (gsize)i * (gsize)y->w * (gsize)y->c, fill = step->node->attrs.alpha;
  for (int j = 0; j < y->w; j++)
    for (int k = 0; k < y->c; k++, out++) {
      gssize row = gather->from[0][i], pixel = gather->from[1][j], channel = gather->from[2][k];
      *out = row < 0 || pixel < 0 || channel < 0 ? fill : step->x->data[row + pixel + channel];
    }
}

static void gather_forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, gather_row, (void *)step);
}

/* Several elements may come from one, so that their gradients add up in the result's order. */
static void gather_backward(const LusStep *step, const LusRun *run)
{
  const Gather *gather = step->state;
  const LusMap *x = step->x, *y = step->y;
  const float *dy = y->grad;
  if (step->x_is_input && !run->d_input)
    return;
  if (!step->x_accumulate)
    memset(x->grad, 0, (gsize)x->h * (gsize)x->w * (gsize)x->c * sizeof *x->grad);
  for (int i = 0; i < y->h; i++)
    for (int j = 0; j < y->w; j++)
      for (int k = 0; k < y->c; k++, dy++) {
        gssize row = gather->from[0][i], pixel = gather->from[1][j], channel = gather->from[2][k];
        if (row >= 0 && pixel >= 0 && channel >= 0)
          x->grad[row + pixel + channel] += *dy;
      }
}

static void gather_free(gpointer state)
{
  Gather *gather = state;
  for (int axis = 0; gather && axis < 3; axis++)
    g_free(gather->from[axis]);
  g_free(gather);
}

const LusStepClass lus_step_gather = {
    .prepare = gather_prepare, .forward = gather_forward, .backward = gather_backward, .free_state = gather_free};

/* ---- Reshape: the order is that of [c][h][w] ---- */

static void reshape_channel(void *data, int k, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusMap *x = step->x, *y = step->y;
  gsize in = (gsize)x->h * (gsize)x->w, out = (gsize)y->h * (gsize)y->w;
  for (gsize i = 0; i < out; i++) {
    gsize at = (gsize)k * out + i;
    y->data[i * (gsize)y->c + (gsize)k] = x->data[at % in * (gsize)x->c + at / in];
  }
}

static void reshape_forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->c, reshape_channel, (void *)step);
}

const LusStepClass lus_step_reshape = {.forward = reshape_forward};
