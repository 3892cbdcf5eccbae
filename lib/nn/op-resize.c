/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resize, nearest and linear: one axis after the other, each given by a table. Linear: vertically
 * first. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/error.h"
#include "nn/resize.h"

typedef struct {
  LusResizeAxis axis[2]; /* vertical, horizontal */
} Resize;

float lus_resize_source(LusResizeCoord coord, float scale, int in, int out, int o)
{
  float at = (float)o;
  if (scale == 1)
    return at;
  switch (coord) {
  case LUS_COORD_HALF_PIXEL:
    return (at + 0.5f) / scale - 0.5f;
  case LUS_COORD_PYTORCH_HALF_PIXEL:
    return out > 1 ? (at + 0.5f) / scale - 0.5f : 0;
  case LUS_COORD_TF_HALF_PIXEL:
    return (at + 0.5f) / scale;
  case LUS_COORD_ALIGN_CORNERS:
    return out > 1 ? at * (float)(in - 1) / (float)(out - 1) : 0;
  case LUS_COORD_ASYMMETRIC:
  default:
    return at / scale;
  }
}

/* A position this near to half way is half way, as in ONNX Runtime 1.32: the float division may have missed it. */
#define HALF_WAY 1e-6

/* The usual way: asymmetric down, else to the nearest, half way down (ONNX round_prefer_floor). */
int lus_resize_nearest(LusNearest nearest, LusResizeCoord coord, double position)
{
  switch (nearest) {
  case LUS_NEAREST_FLOOR:
    return (int)floor(position);
  case LUS_NEAREST_CEIL:
    return (int)ceil(position);
  case LUS_NEAREST_PREFER_FLOOR:
    return (int)ceil(position - 0.5 - HALF_WAY);
  case LUS_NEAREST_PREFER_CEIL:
    return (int)floor(position + 0.5 + HALF_WAY);
  case LUS_NEAREST_USUAL:
  default:
    return coord == LUS_COORD_ASYMMETRIC ? (int)position : (int)ceil(position - 0.5 - HALF_WAY);
  }
}

static void init_forward(LusResizeAxis *axis, const LusOpAttrs *a, int which)
{
  for (int o = 0; o < axis->out; o++) {
    float source = lus_resize_source(a->coord, a->scale[which], axis->in, axis->out, o);
    double position = CLAMP((double)source, 0, axis->in - 1);
    int i = (int)position;
    if (a->mode == LUS_RESIZE_NEAREST)
      i = lus_resize_nearest(a->nearest, a->coord, position);
    axis->i0[o] = i;
    axis->i1[o] = MIN(i + 1, axis->in - 1);
    axis->w[o] = a->mode == LUS_RESIZE_NEAREST ? 0 : (float)(position - i);
  }
}

/* Counting sort of every output's taps (one or two) by their input. */
static void init_transpose(LusResizeAxis *axis)
{
  for (int o = 0; o < axis->out; o++) {
    axis->start[axis->i0[o] + 1]++;
    if (axis->w[o] != 0)
      axis->start[axis->i1[o] + 1]++;
  }
  for (int i = 0; i < axis->in; i++)
    axis->start[i + 1] += axis->start[i];
  g_autofree int *next = g_memdup2(axis->start, (gsize)axis->in * sizeof *axis->start);
  for (int o = 0; o < axis->out; o++) {
    int k = next[axis->i0[o]]++;
    axis->index[k] = o;
    axis->weight[k] = 1 - axis->w[o];
    if (axis->w[o] != 0) {
      k = next[axis->i1[o]]++;
      axis->index[k] = o;
      axis->weight[k] = axis->w[o];
    }
  }
}

void lus_resize_axis_init(LusResizeAxis *axis, const LusOpAttrs *a, int which, int in, int out,
                          gboolean train)
{
  *axis = (LusResizeAxis){
      .in = in,
      .out = out,
      .i0 = g_new(int, out),
      .i1 = g_new(int, out),
      .w = g_new(float, out),
  };
  init_forward(axis, a, which);
  if (train) {
    axis->start = g_new0(int, in + 1);
    axis->index = g_new(int, 2 * (gsize)out);
    axis->weight = g_new(float, 2 * (gsize)out);
    init_transpose(axis);
  }
}

void lus_resize_axis_clear(LusResizeAxis *axis)
{
  g_free(axis->i0);
  g_free(axis->i1);
  g_free(axis->w);
  g_free(axis->start);
  g_free(axis->index);
  g_free(axis->weight);
}

typedef struct {
  const LusStep *step;
  const LusRun *run;
} Job;

static void forward_row(void *data, int o, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const Resize *resize = step->state;
  const LusResizeAxis *v = &resize->axis[0], *u = &resize->axis[1];
  gsize c = (gsize)step->x->c, in_row = (gsize)u->in * c, out_row = (gsize)u->out * c;
  const float *top = step->x->data + (gsize)v->i0[o] * in_row, *line = top;
  if (v->w[o] != 0) {
    float *mixed = job->run->scratch + (gsize)thread * job->run->scratch_stride;
    lus_kernels()->lerp(mixed, top, step->x->data + (gsize)v->i1[o] * in_row, v->w[o], in_row);
    line = mixed;
  }
  float *out = step->y->data + (gsize)o * out_row;
  lus_kernels()->lerp_pixels(out, line, u->i0, u->i1, u->w, (gsize)u->out, step->x->c);
  if (step->r || step->relu)
    lus_kernels()->affine(out, out, NULL, NULL, step->r ? step->r->data + (gsize)o * out_row : NULL,
                          step->relu, out_row, 1);
}

static void forward(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, step->y->h, forward_row, &job);
}

static void backward_row(void *data, int i, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const Resize *resize = step->state;
  const LusResizeAxis *v = &resize->axis[0], *u = &resize->axis[1];
  gsize c = (gsize)step->x->c, in_row = (gsize)u->in * c, out_row = (gsize)u->out * c;
  float *line = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  memset(line, 0, out_row * sizeof *line);
  for (int k = v->start[i]; k < v->start[i + 1]; k++)
    lus_kernels()->add_scaled(line, v->weight[k], step->y->grad + (gsize)v->index[k] * out_row,
                              out_row);
  lus_kernels()->gather_pixels(step->x->grad + (gsize)i * in_row, line, u->start, u->index,
                               u->weight, step->x_accumulate, (gsize)u->in, step->x->c);
}

static void backward(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, step->x->h, backward_row, &job);
}

static gboolean prepare(LusStep *step, GError **error)
{
  (void)error;
  const LusOpAttrs *a = &step->node->attrs;
  Resize *resize = g_new0(Resize, 1);
  step->state = resize;
  lus_resize_axis_init(&resize->axis[0], a, 0, step->x->h, step->y->h, step->train);
  lus_resize_axis_init(&resize->axis[1], a, 1, step->x->w, step->y->w, step->train);
  step->scratch = (gsize)MAX(step->x->w, step->y->w) * (gsize)step->x->c;
  return TRUE;
}

static void free_state(gpointer state)
{
  Resize *resize = state;
  if (!resize)
    return;
  lus_resize_axis_clear(&resize->axis[0]);
  lus_resize_axis_clear(&resize->axis[1]);
  g_free(resize);
}

const LusStepClass lus_step_resize = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .free_state = free_state,
    .finishes = TRUE,
};
