/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GroupNorm (Wu and He 2018) and BatchNorm in its inference form. Both end as y = a[c] x + b[c]. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/norm.h"

/* Floats per work item, and the most pixels: so many values a float sum takes in before it is added up in double. */
#define ITEM_FLOATS 32768
#define ITEM_PIXELS 1024
/* Floats at a time where a ReLU stands before the addition, so that they are still in the cache. */
#define CHUNK_FLOATS 4096

#define SHIFT_PIXELS 64

typedef struct {
  const LusNorm *norm;
  const LusStep *step;
  const LusRun *run;
} Job;

static void item_range(const LusNorm *norm, int item, gsize *first, gsize *count)
{
  int begin = item * norm->pixels_per_item;
  *first = (gsize)begin;
  *count = (gsize)(MIN(begin + norm->pixels_per_item, norm->pixels) - begin);
}

void lus_norm_apply(const LusNorm *norm, const LusStep *step, float *y, const float *x, gsize pixels)
{
  const LusNode *conv = step->project;
  if (!conv) {
    lus_kernels()->affine(y, x, norm->a, norm->b, NULL, step->relu_before, pixels, step->x->c);
    return;
  }
  const LusValue *values = step->graph->values;
  gboolean bias = step->project_bias && conv->n_inputs > 2 && conv->inputs[2] >= 0;
  lus_kernels()->project(y, x, norm->a, norm->b, step->relu_before, values[conv->inputs[1]].constant->data,
                         bias ? values[conv->inputs[2]].constant->data : NULL, pixels, step->x->c, step->y->c);
}

/* What stands between the norm and r, then r. */
static void apply_and_add(const LusStep *step, const LusNorm *norm, gsize first, gsize end)
{
  gsize c = (gsize)step->x->c, k = (gsize)step->y->c, chunk = MAX(CHUNK_FLOATS / c, 1);
  for (gsize n; first < end; first += n) {
    n = MIN(end - first, chunk);
    float *y = step->y->data + first * k;
    lus_norm_apply(norm, step, y, step->x->data + first * c, n);
    if (step->r || step->relu)
      lus_kernels()->affine(y, y, NULL, NULL, step->r ? step->r->data + first * k : NULL, step->relu, n, step->y->c);
  }
}

static void apply_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = job->norm;
  gsize first, count, c = (gsize)step->x->c;
  item_range(norm, item, &first, &count);
  if (step->relu_before || step->project) {
    apply_and_add(step, norm, first, first + count);
    return;
  }
  lus_kernels()->affine(step->y->data + first * c, step->x->data + first * c, norm->a, norm->b,
                        step->r ? step->r->data + first * c : NULL, step->relu, count, step->x->c);
}

/* Partial sums of item i: run->shared + i * 2 c. */
static void moments_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = job->norm;
  gsize first, count, c = (gsize)step->x->c;
  item_range(norm, item, &first, &count);
  float *sums = job->run->shared + (gsize)item * 2 * c;
  memset(sums, 0, 2 * c * sizeof *sums);
  lus_kernels()->moments(sums, sums + c, step->x->data + first * c, norm->shift, count, step->x->c);
}

/* Sum of entry @k (0..2c-1) over the items. */
static double total(const LusNorm *norm, const LusRun *run, int c, int k)
{
  double sum = 0;
  for (int item = 0; item < norm->n_items; item++)
    sum += (double)run->shared[(gsize)item * 2 * (gsize)c + (gsize)k];
  return sum;
}

/* mean = m0 + average of (S + n (shift - m0)) with m0 the group's first shift; then the variance
 * about it: sum of (x - mean)^2 = Q + 2 (shift - mean) S + n (shift - mean)^2 for each channel. */
static void group_statistics(const LusNorm *norm, const LusRun *run, int c, int group, double epsilon)
{
  int first = group * (c / norm->groups), end = first + c / norm->groups;
  double n = norm->pixels, origin = (double)norm->shift[first], sum = 0, square = 0;
  for (int j = first; j < end; j++)
    sum += total(norm, run, c, j) + n * ((double)norm->shift[j] - origin);
  double mean = origin + sum / (n * (end - first));
  for (int j = first; j < end; j++) {
    double offset = (double)norm->shift[j] - mean;
    square +=
        total(norm, run, c, c + j) + 2 * offset * total(norm, run, c, j) + n * offset * offset;
  }
  norm->mean[group] = mean;
  norm->rstd[group] = 1 / sqrt(fmax(square / (n * (end - first)), 0) + epsilon);
}

/* The mean of some pixels that lie all over the map: near the whole one's even if those at the border are unlike all others, as
 * in maps of dark pictures, where squares about a border's pixel would leave few digits to the variance. */
static void set_shift(const LusNorm *norm, const LusMap *x)
{
  gsize samples = (gsize)MIN(norm->pixels, SHIFT_PIXELS), c = (gsize)x->c;
  memset(norm->shift, 0, c * sizeof *norm->shift);
  for (gsize i = 0; i < samples; i++) {
    guint32 part = (guint32)i * 2654435769u + 0x80000000u; /* of 2^32, by the golden ratio, from the middle on */
    gsize pixel = (gsize)((guint64)part * (guint64)norm->pixels >> 32);
    lus_kernels()->add_scaled(norm->shift, 1 / (float)samples, x->data + pixel * c, c);
  }
}

void lus_norm_group_statistics(const LusNorm *norm, const LusStep *step, const LusRun *run)
{
  int c = step->x->c;
  Job job = {.norm = norm, .step = step, .run = run};
  set_shift(norm, step->x);
  lus_parallel_for(run->pool, norm->n_items, moments_item, &job);
  const float *scale = lus_step_constant(step, 1), *bias = lus_step_constant(step, 2);
  for (int group = 0; group < norm->groups; group++) {
    group_statistics(norm, run, c, group, (double)step->node->attrs.epsilon);
    for (int j = group * (c / norm->groups); j < (group + 1) * (c / norm->groups); j++) {
      double a = (double)scale[j] * norm->rstd[group];
      norm->a[j] = (float)a;
      norm->b[j] = (float)((double)bias[j] - norm->mean[group] * a);
    }
  }
}

static void group_norm_forward(const LusStep *step, const LusRun *run)
{
  const LusNorm *norm = step->state;
  Job job = {.norm = norm, .step = step, .run = run};
  lus_norm_group_statistics(norm, step, run);
  lus_parallel_for(run->pool, norm->n_items, apply_item, &job);
}

static void gradient_moments_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = job->norm;
  gsize first, count, c = (gsize)step->x->c;
  item_range(norm, item, &first, &count);
  float *sums = job->run->shared + (gsize)item * 2 * c;
  memset(sums, 0, 2 * c * sizeof *sums);
  lus_kernels()->gradient_moments(sums, sums + c, step->y->grad + first * c,
                                  step->x->data + first * c, norm->shift, count, step->x->c);
}

static void gradient_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = job->norm;
  gsize first, count, c = (gsize)step->x->c;
  item_range(norm, item, &first, &count);
  lus_kernels()->norm_backward(step->x->grad + first * c, step->y->grad + first * c,
                               step->x->data + first * c, norm->a, norm->b, norm->d,
                               step->x_accumulate, count, step->x->c);
}

/* With xhat = (x - mean) rstd, N values per group, sums over the group:
 *   d_scale = sum dy xhat, d_bias = sum dy (per channel)
 *   dx = rstd (scale dy - m1 - xhat m2), m1 = sum(scale dy) / N, m2 = sum(scale dy xhat) / N,
 * which is a dy + b x + d per channel. */
static void group_gradient(const LusStep *step, const LusRun *run, int group)
{
  const LusNorm *norm = step->state;
  int c = step->x->c, first = group * (c / norm->groups), end = first + c / norm->groups;
  const float *scale = lus_step_constant(step, 1);
  double mean = norm->mean[group], rstd = norm->rstd[group], m1 = 0, m2 = 0;
  for (int j = first; j < end; j++) {
    double dy = total(norm, run, c, j);
    double dy_xhat = (total(norm, run, c, c + j) + ((double)norm->shift[j] - mean) * dy) * rstd;
    norm->d_scale[j] = (float)dy_xhat;
    norm->d_bias[j] = (float)dy;
    m1 += (double)scale[j] * dy;
    m2 += (double)scale[j] * dy_xhat;
  }
  double n = (double)norm->pixels * (end - first);
  for (int j = first; j < end; j++) {
    double b = -rstd * rstd * m2 / n;
    norm->a[j] = (float)((double)scale[j] * rstd);
    norm->b[j] = (float)b;
    norm->d[j] = (float)(-rstd * m1 / n - mean * b);
  }
}

static void group_norm_backward(const LusStep *step, const LusRun *run)
{
  const LusNorm *norm = step->state;
  Job job = {.norm = norm, .step = step, .run = run};
  for (int j = 0; j < step->x->c; j++)
    norm->shift[j] = (float)norm->mean[j / (step->x->c / norm->groups)];
  lus_parallel_for(run->pool, norm->n_items, gradient_moments_item, &job);
  for (int group = 0; group < norm->groups; group++)
    group_gradient(step, run, group);
  lus_parallel_for(run->pool, norm->n_items, gradient_item, &job);
}

static void group_norm_learn(const LusStep *const *samples, int n, const LusRun *run)
{
  float *d_scale = lus_step_gradient(samples[0], run, 1),
        *d_bias = lus_step_gradient(samples[0], run, 2);
  gsize c = (gsize)samples[0]->x->c;
  for (int i = 0; i < n; i++) {
    const LusNorm *norm = samples[i]->state;
    lus_kernels()->add_scaled(d_scale, 1, norm->d_scale, c);
    lus_kernels()->add_scaled(d_bias, 1, norm->d_bias, c);
  }
}

void lus_norm_free(gpointer data)
{
  LusNorm *norm = data;
  if (!norm)
    return;
  g_free(norm->shift);
  g_free(norm->a);
  g_free(norm->b);
  g_free(norm->d);
  g_free(norm->d_scale);
  g_free(norm->d_bias);
  g_free(norm->mean);
  g_free(norm->rstd);
  g_free(norm);
}

LusNorm *lus_norm_new(const LusStep *step, int groups)
{
  int c = step->x->c;
  LusNorm *norm = g_new0(LusNorm, 1);
  norm->pixels = step->x->h * step->x->w;
  norm->pixels_per_item = MIN(lus_rows_per_item(ITEM_FLOATS, (gsize)c), ITEM_PIXELS);
  norm->n_items = lus_n_items(norm->pixels, norm->pixels_per_item);
  norm->groups = groups;
  norm->shift = g_new0(float, c);
  norm->a = g_new0(float, c);
  norm->b = g_new0(float, c);
  norm->d = g_new0(float, c);
  norm->d_scale = g_new0(float, c);
  norm->d_bias = g_new0(float, c);
  norm->mean = g_new0(double, groups);
  norm->rstd = g_new0(double, groups);
  return norm;
}

gsize lus_norm_shared_floats(const LusNorm *norm, int c)
{
  return (gsize)norm->n_items * 2 * (gsize)c;
}

static gboolean group_norm_prepare(LusStep *step, GError **error)
{
  (void)error;
  LusNorm *norm = lus_norm_new(step, step->node->attrs.norm_groups);
  step->state = norm;
  step->shared = lus_norm_shared_floats(norm, step->x->c);
  return TRUE;
}

static gboolean batch_norm_prepare(LusStep *step, GError **error)
{
  (void)error;
  LusNorm *norm = lus_norm_new(step, 1);
  step->state = norm;
  const float *scale = lus_step_constant(step, 1), *bias = lus_step_constant(step, 2);
  const float *mean = lus_step_constant(step, 3), *variance = lus_step_constant(step, 4);
  for (int j = 0; j < step->x->c; j++) {
    norm->a[j] = scale[j] / sqrtf(variance[j] + step->node->attrs.epsilon);
    norm->b[j] = bias[j] - mean[j] * norm->a[j];
  }
  return TRUE;
}

static void batch_norm_forward(const LusStep *step, const LusRun *run)
{
  const LusNorm *norm = step->state;
  Job job = {.norm = norm, .step = step, .run = run};
  lus_parallel_for(run->pool, norm->n_items, apply_item, &job);
}

/* dx (+)= a dy. Nothing is learnt: mean and variance would have to follow the weights. */
static void batch_norm_gradient_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = job->norm;
  gsize first, count, c = (gsize)step->x->c;
  item_range(norm, item, &first, &count);
  float *dx = step->x->grad + first * c;
  lus_kernels()->affine(dx, step->y->grad + first * c, norm->a, NULL,
                        step->x_accumulate ? dx : NULL, FALSE, count, step->x->c);
}

static void batch_norm_backward(const LusStep *step, const LusRun *run)
{
  const LusNorm *norm = step->state;
  Job job = {.norm = norm, .step = step, .run = run};
  lus_parallel_for(run->pool, norm->n_items, batch_norm_gradient_item, &job);
}

const LusStepClass lus_step_group_norm = {
    .prepare = group_norm_prepare,
    .forward = group_norm_forward,
    .backward = group_norm_backward,
    .free_state = lus_norm_free,
    .finishes = TRUE,
    .learn = group_norm_learn,
    .keeps = TRUE,
};
const LusStepClass lus_step_batch_norm = {
    .prepare = batch_norm_prepare,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
    .free_state = lus_norm_free,
    .finishes = TRUE,
};
