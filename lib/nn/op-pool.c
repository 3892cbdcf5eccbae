/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MaxPool and AveragePool. Pixels outside of the map take no part, unless AveragePool counts the pads
 * as zeros. */
#include <string.h>

#include "kernels/kernels.h"
#include "nn/ops.h"

typedef struct {
  const LusStep *step;
} Job;

/* Window of output @i along one axis: the pixels [*begin, *end), dilation apart, that lie in the map. Never none, as
 * lus_shape_pool() sees to. */
static void window(const LusOpAttrs *a, int axis, int i, int size, int *begin, int *end)
{
  int step = a->dilation[axis], first = i * a->stride[axis] - a->pad[axis];
  *begin = first < 0 ? first + (-first + step - 1) / step * step : first;
  *end = MIN(first + (a->kernel[axis] - 1) * step + 1, size);
}

static void forward_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = ((const Job *)data)->step;
  const LusMap *x = step->x, *y = step->y;
  const int *dilation = step->node->attrs.dilation;
  gsize c = (gsize)x->c;
  int y0, y1, x0, x1;
  window(&step->node->attrs, 0, i, x->h, &y0, &y1);
  for (int j = 0; j < y->w; j++) {
    float *out = y->data + ((gsize)i * (gsize)y->w + (gsize)j) * c;
    window(&step->node->attrs, 1, j, x->w, &x0, &x1);
    memcpy(out, x->data + ((gsize)y0 * (gsize)x->w + (gsize)x0) * c, c * sizeof *out);
    for (int v = y0; v < y1; v += dilation[0])
      for (int u = x0; u < x1; u += dilation[1])
        lus_kernels()->maximum(out, x->data + ((gsize)v * (gsize)x->w + (gsize)u) * c, c);
  }
}

static void forward(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step};
  lus_parallel_for(run->pool, step->y->h, forward_row, &job);
}

/* dy goes to the first pixel, in reading order, that holds the window's maximum. */
static void backward_pixel(const LusStep *step, int i, int j, int channel)
{
  const LusMap *x = step->x, *y = step->y;
  const int *dilation = step->node->attrs.dilation;
  gsize c = (gsize)x->c, out = ((gsize)i * (gsize)y->w + (gsize)j) * c + (gsize)channel;
  int y0, y1, x0, x1;
  window(&step->node->attrs, 0, i, x->h, &y0, &y1);
  window(&step->node->attrs, 1, j, x->w, &x0, &x1);
  for (int v = y0; v < y1; v += dilation[0]) {
    for (int u = x0; u < x1; u += dilation[1]) {
      gsize in = ((gsize)v * (gsize)x->w + (gsize)u) * c + (gsize)channel;
      if (x->data[in] == y->data[out]) {
        x->grad[in] += y->grad[out];
        return;
      }
    }
  }
}

/* Windows overlap, so work is cut by channel. */
static void backward_channel(void *data, int channel, int thread)
{
  (void)thread;
  const LusStep *step = ((const Job *)data)->step;
  for (int i = 0; i < step->y->h; i++)
    for (int j = 0; j < step->y->w; j++)
      backward_pixel(step, i, j, channel);
}

static void backward(const LusStep *step, const LusRun *run)
{
  const LusMap *x = step->x;
  if (!step->x_accumulate)
    memset(x->grad, 0, (gsize)x->h * (gsize)x->w * (gsize)x->c * sizeof *x->grad);
  Job job = {.step = step};
  lus_parallel_for(run->pool, x->c, backward_channel, &job);
}

const LusStepClass lus_step_max_pool = {.forward = forward, .backward = backward};

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
