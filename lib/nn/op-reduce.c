/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ReduceMean and Softmax over any of the dimensions. Both walk over lines: the elements that are
 * taken together. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/ops.h"

/* Floats per work item of a mean over whole channels. */
#define MEAN_FLOATS 32768

typedef struct {
  const LusStep *step;
  const LusRun *run;
} MeanJob;

/* Sizes and strides of height, width and channels, for those reduced (else 1) and the others. */
typedef struct {
  int lines[3], line[3];
  gsize stride[3];
} Walk;

static Walk walk_over(const LusMap *x, unsigned axes)
{
  const int size[3] = {x->h, x->w, x->c}, dimension[3] = {2, 3, 1};
  Walk walk = {.stride = {(gsize)x->w * (gsize)x->c, (gsize)x->c, 1}};
  for (int i = 0; i < 3; i++) {
    gboolean reduced = axes >> dimension[i] & 1;
    walk.line[i] = reduced ? size[i] : 1;
    walk.lines[i] = reduced ? 1 : size[i];
  }
  return walk;
}

static int n_lines(const Walk *walk)
{
  return walk->lines[0] * walk->lines[1] * walk->lines[2];
}

/* Where line @k begins. */
static gsize line_begin(const Walk *walk, int k)
{
  int c = k % walk->lines[2], rest = k / walk->lines[2];
  return (gsize)(rest / walk->lines[1]) * walk->stride[0] +
         (gsize)(rest % walk->lines[1]) * walk->stride[1] + (gsize)c * walk->stride[2];
}

#define FOR_LINE(walk, at, begin)                                                                  \
  for (int i = 0; i < (walk)->line[0]; i++)                                                        \
    for (int j = 0; j < (walk)->line[1]; j++)                                                      \
      for (gsize at = (begin) + (gsize)i * (walk)->stride[0] + (gsize)j * (walk)->stride[1],       \
                 stop = at + (gsize)(walk)->line[2];                                               \
           at < stop; at++)

/* The result's elements are in the order of the lines. */
static void mean_line(void *data, int k, int thread)
{
  (void)thread;
  const LusStep *step = data;
  Walk walk = walk_over(step->x, step->node->attrs.axes);
  double sum = 0;
  FOR_LINE(&walk, at, line_begin(&walk, k))
    sum += (double)step->x->data[at];
  step->y->data[k] = (float)(sum / ((double)walk.line[0] * walk.line[1] * walk.line[2]));
}

/* ---- the mean of each channel: sums of parts of the pixels, which are then added up ---- */

static int mean_rows(const LusMap *x)
{
  return lus_rows_per_item(MEAN_FLOATS, (gsize)x->c);
}

static void channel_sums(void *data, int item, int thread)
{
  (void)thread;
  const MeanJob *job = data;
  const LusMap *x = job->step->x;
  int pixels = x->h * x->w, first = item * mean_rows(x), n = MIN(mean_rows(x), pixels - first);
  gsize c = (gsize)x->c;
  float *sums = job->run->shared + (gsize)item * c;
  memset(sums, 0, c * sizeof *sums);
  lus_kernels()->column_sum(sums, x->data + (gsize)first * c, (gsize)n, x->c);
}

static void channel_means(const LusStep *step, const LusRun *run)
{
  MeanJob job = {step, run};
  const LusMap *x = step->x;
  int pixels = x->h * x->w, items = lus_n_items(pixels, mean_rows(x));
  lus_parallel_for(run->pool, items, channel_sums, &job);
  for (int k = 0; k < x->c; k++) {
    double sum = 0;
    for (int item = 0; item < items; item++)
      sum += (double)run->shared[(gsize)item * (gsize)x->c + (gsize)k];
    step->y->data[k] = (float)(sum / pixels);
  }
}

static gboolean is_channel_mean(const LusStep *step)
{
  return step->node->attrs.axes == (1u << 2 | 1u << 3);
}

static gboolean reduce_prepare(LusStep *step, GError **error)
{
  (void)error;
  if (is_channel_mean(step))
    step->shared = (gsize)lus_n_items(step->x->h * step->x->w, mean_rows(step->x)) * (gsize)step->x->c;
  return TRUE;
}

static void reduce_forward(const LusStep *step, const LusRun *run)
{
  if (is_channel_mean(step)) {
    channel_means(step, run);
    return;
  }
  Walk walk = walk_over(step->x, step->node->attrs.axes);
  lus_parallel_for(run->pool, n_lines(&walk), mean_line, (void *)step);
}

/* Each element of a line has the same share in its mean. */
static void reduce_backward(const LusStep *step, const LusRun *run)
{
  (void)run;
  const LusMap *x = step->x;
  Walk walk = walk_over(x, step->node->attrs.axes);
  float share = (float)(1 / ((double)walk.line[0] * walk.line[1] * walk.line[2]));
  for (int k = 0; k < n_lines(&walk); k++) {
    float dx = share * step->y->grad[k];
    FOR_LINE(&walk, at, line_begin(&walk, k))
      x->grad[at] = step->x_accumulate ? x->grad[at] + dx : dx;
  }
}

/* exp(x - m) / sum of exp(x - m), m the largest x */
static void softmax_line(void *data, int k, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const float *x = step->x->data;
  float *y = step->y->data;
  Walk walk = walk_over(step->x, step->node->attrs.axes);
  gsize begin = line_begin(&walk, k);
  float largest = x[begin];
  FOR_LINE(&walk, at, begin)
    largest = fmaxf(largest, x[at]);
  double sum = 0;
  FOR_LINE(&walk, at, begin) {
    y[at] = expf(x[at] - largest);
    sum += (double)y[at];
  }
  float scale = (float)(1 / sum);
  FOR_LINE(&walk, at, begin)
    y[at] *= scale;
}

static void softmax_forward(const LusStep *step, const LusRun *run)
{
  Walk walk = walk_over(step->x, step->node->attrs.axes);
  lus_parallel_for(run->pool, n_lines(&walk), softmax_line, (void *)step);
}

const LusStepClass lus_step_reduce = {
    .prepare = reduce_prepare, .forward = reduce_forward, .backward = reduce_backward};
const LusStepClass lus_step_softmax = {.forward = softmax_forward};
