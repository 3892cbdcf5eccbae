/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MaxPool and AveragePool. Pixels outside of the map take no part, unless AveragePool counts the pads
 * as zeros. */
#include <string.h>

#include "kernels/kernels.h"
#include "nn/ops.h"

#define CHANNELS_PER_ITEM 16 /* a line of the cache */

typedef struct {
  const LusStep *step;
  const LusRun *run;
  gsize channels; /* backward: per item */
} Job;

/* Window of output @i along one axis: the pixels [*begin, *end), dilation apart, that lie in the map. Never none, as
 * lus_shape_pool() sees to. */
static void window(const LusOpAttrs *a, int axis, int i, int size, int *begin, int *end)
{
  int step = a->dilation[axis], first = i * a->stride[axis] - a->pad[axis];
  *begin = first < 0 ? first + (-first + step - 1) / step * step : first;
  *end = MIN(first + (a->kernel[axis] - 1) * step + 1, size);
}

/* First the maximum of the window's rows, a whole row at once, then that of each pixel's columns. */
static void forward_row(void *data, int i, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const LusMap *x = step->x, *y = step->y;
  const int *dilation = step->node->attrs.dilation;
  gsize c = (gsize)x->c, row = (gsize)x->w * c;
  float *line = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  int y0, y1, x0, x1;
  window(&step->node->attrs, 0, i, x->h, &y0, &y1);
  memcpy(line, x->data + (gsize)y0 * row, row * sizeof *line);
  for (int v = y0 + dilation[0]; v < y1; v += dilation[0])
    lus_kernels()->maximum(line, x->data + (gsize)v * row, row);
  for (int j = 0; j < y->w; j++) {
    float *out = y->data + ((gsize)i * (gsize)y->w + (gsize)j) * c;
    window(&step->node->attrs, 1, j, x->w, &x0, &x1);
    memcpy(out, line + (gsize)x0 * c, c * sizeof *out);
    for (int u = x0 + dilation[1]; u < x1; u += dilation[1])
      lus_kernels()->maximum(out, line + (gsize)u * c, c);
  }
}

static void forward(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, step->y->h, forward_row, &job);
}

/* dy goes to the first pixel, in reading order, that holds the window's maximum: some channels of one
 * output pixel. */
static void backward_pixel(const LusStep *step, float *rest, int i, int j, gsize channel, gsize n)
{
  const LusMap *x = step->x, *y = step->y;
  const int *dilation = step->node->attrs.dilation;
  gsize c = (gsize)x->c, out = ((gsize)i * (gsize)y->w + (gsize)j) * c + channel;
  int y0, y1, x0, x1;
  window(&step->node->attrs, 0, i, x->h, &y0, &y1);
  window(&step->node->attrs, 1, j, x->w, &x0, &x1);
  memcpy(rest, y->grad + out, n * sizeof *rest);
  for (int v = y0; v < y1; v += dilation[0])
    for (int u = x0; u < x1; u += dilation[1]) {
      gsize in = ((gsize)v * (gsize)x->w + (gsize)u) * c + channel;
      lus_kernels()->maximum_backward(x->grad + in, rest, x->data + in, y->data + out, n);
    }
}

/* Windows overlap, so work is cut by channels. */
static void backward_channels(void *data, int item, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  gsize first = (gsize)item * job->channels, n = MIN(job->channels, (gsize)step->x->c - first);
  float *rest = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  for (int i = 0; i < step->y->h; i++)
    for (int j = 0; j < step->y->w; j++)
      backward_pixel(step, rest, i, j, first, n);
}

static void backward(const LusStep *step, const LusRun *run)
{
  const LusMap *x = step->x;
  if (!step->x_accumulate)
    memset(x->grad, 0, (gsize)x->h * (gsize)x->w * (gsize)x->c * sizeof *x->grad);
  gsize c = (gsize)x->c, channels = run->pool ? MIN(c, CHANNELS_PER_ITEM) : c;
  Job job = {.step = step, .run = run, .channels = channels};
  lus_parallel_for(run->pool, (int)((c + channels - 1) / channels), backward_channels, &job);
}

static gboolean prepare(LusStep *step, GError **error)
{
  (void)error;
  step->scratch = (gsize)step->x->w * (gsize)step->x->c;
  return TRUE;
}

const LusStepClass lus_step_max_pool = {
    .prepare = prepare, .forward = forward, .backward = backward};

/* Pixels of a window. With the pads counted it still ends where these do. */
static int counted(const LusOpAttrs *a, int axis, int i, int size)
{
  int first = i * a->stride[axis] - a->pad[axis], room = size + a->pad[axis + 2] - first;
  return MIN(a->kernel[axis], (room - 1) / a->dilation[axis] + 1);
}

static int inside(const LusOpAttrs *a, int axis, int begin, int end)
{
  return (end - begin - 1) / a->dilation[axis] + 1;
}

static void average_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *a = &step->node->attrs;
  const LusMap *x = step->x, *y = step->y;
  gsize c = (gsize)x->c;
  int y0, y1, x0, x1;
  window(a, 0, i, x->h, &y0, &y1);
  for (int j = 0; j < y->w; j++) {
    float *out = y->data + ((gsize)i * (gsize)y->w + (gsize)j) * c;
    window(a, 1, j, x->w, &x0, &x1);
    int n = a->count_pad ? counted(a, 0, i, x->h) * counted(a, 1, j, x->w)
                         : inside(a, 0, y0, y1) * inside(a, 1, x0, x1);
    memset(out, 0, c * sizeof *out);
    for (int v = y0; v < y1; v += a->dilation[0])
      for (int u = x0; u < x1; u += a->dilation[1])
        lus_kernels()->add_scaled(out, 1, x->data + ((gsize)v * (gsize)x->w + (gsize)u) * c, c);
    for (gsize k = 0; k < c; k++)
      out[k] /= (float)n;
  }
}

static void average_forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, average_row, (void *)step);
}

const LusStepClass lus_step_average_pool = {.forward = average_forward};
