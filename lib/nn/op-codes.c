/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps on codes other than convolutions: from and to floats, Add, MaxPool, Resize, GroupNorm. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/codes.h"
#include "nn/norm.h"
#include "nn/resize.h"

#define ITEM_CODES 16384

static const char *method(const LusStep *step)
{
  (void)step;
  return "int8";
}

static int n_items(const LusStep *step)
{
  return (int)((lus_map_elements(step->y) + ITEM_CODES - 1) / ITEM_CODES);
}

/* First element of an item, and how many. */
static gsize item_range(const LusStep *step, int item, gsize *n)
{
  gsize first = (gsize)item * ITEM_CODES;
  *n = MIN(lus_map_elements(step->y) - first, ITEM_CODES);
  return first;
}

/* ---- from and to floats ---- */

static void encode_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *a = &step->y_codes->attrs;
  gsize n, at = item_range(step, item, &n);
  lus_kernels()->int8->quantize(step->y->codes + at, step->x->data + at, a->alpha, a->zero_point, 0, n);
}

static void encode(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, n_items(step), encode_item, (void *)step);
}

static void decode_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *a = &step->x_codes->attrs;
  gsize n, at = item_range(step, item, &n);
  lus_kernels()->int8->dequantize(step->y->data + at, step->x->codes + at, a->alpha, a->zero_point, n);
}

static void decode(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, n_items(step), decode_item, (void *)step);
}

static const char *encode_method(const LusStep *step)
{
  (void)step;
  return "to int8";
}

static const char *decode_method(const LusStep *step)
{
  (void)step;
  return "from int8";
}

const LusStepClass lus_step_encode = {.forward = encode, .method = encode_method};
const LusStepClass lus_step_decode = {.forward = decode, .method = decode_method};

/* ---- Add ---- */

static void add_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *x = &step->x_codes->attrs, *r = &step->r_codes->attrs, *y = &step->y_codes->attrs;
  gsize n, at = item_range(step, item, &n);
  lus_kernels()->int8->add(step->y->codes + at, step->x->codes + at, step->r->codes + at, x->zero_point,
                           r->zero_point, x->alpha / y->alpha, r->alpha / y->alpha, y->zero_point,
                           lus_codes_low(step->y_codes, step->relu), n);
}

static void add(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, n_items(step), add_item, (void *)step);
}

const LusStepClass lus_step_add_codes = {.forward = add, .method = method};

/* ---- MaxPool ---- */

static void max_pool_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *a = &step->node->attrs;
  const LusMap *x = step->x, *y = step->y;
  gsize c = (gsize)x->c;
  for (int j = 0; j < y->w; j++) {
    guint8 *out = y->codes + ((gsize)i * (gsize)y->w + (gsize)j) * c;
    memset(out, 0, c);
    for (int ky = 0; ky < a->kernel[0]; ky++) {
      int v = i * a->stride[0] - a->pad[0] + ky * a->dilation[0];
      for (int kx = 0; v >= 0 && v < x->h && kx < a->kernel[1]; kx++) {
        int u = j * a->stride[1] - a->pad[1] + kx * a->dilation[1];
        if (u >= 0 && u < x->w)
          lus_kernels()->int8->maximum(out, x->codes + ((gsize)v * (gsize)x->w + (gsize)u) * c, c);
      }
    }
  }
}

static void max_pool(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, max_pool_row, (void *)step);
}

const LusStepClass lus_step_max_pool_codes = {.forward = max_pool, .method = method};

/* ---- Resize ---- */

typedef struct {
  LusResizeAxis axis[2]; /* vertical, horizontal */
} Resize;

typedef struct {
  const LusStep *step;
  const LusRun *run;
} Job;

static void nearest_row(const LusStep *step, guint8 *out, const guint8 *line, const LusResizeAxis *u)
{
  gsize c = (gsize)step->x->c;
  for (int o = 0; o < u->out; o++, out += c)
    memcpy(out, line + (gsize)u->i0[o] * c, c);
}

static void resize_row(void *data, int o, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const Resize *resize = step->state;
  const LusResizeAxis *v = &resize->axis[0], *u = &resize->axis[1];
  gsize in_row = (gsize)u->in * (gsize)step->x->c;
  const guint8 *top = step->x->codes + (gsize)v->i0[o] * in_row, *bottom = step->x->codes + (gsize)v->i1[o] * in_row;
  guint8 *out = step->y->codes + (gsize)o * (gsize)u->out * (gsize)step->x->c;
  if (step->node->attrs.mode == LUS_RESIZE_NEAREST) {
    nearest_row(step, out, top, u);
    return;
  }
  float *line = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  lus_kernels()->int8->lerp(line, top, bottom, v->w[o], in_row);
  lus_kernels()->int8->lerp_pixels(out, line, u->i0, u->i1, u->w, (gsize)u->out, step->x->c);
}

static void resize_forward(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, step->y->h, resize_row, &job);
}

static gboolean resize_prepare(LusStep *step, GError **error)
{
  (void)error;
  Resize *resize = g_new0(Resize, 1);
  step->state = resize;
  lus_resize_axis_init(&resize->axis[0], &step->node->attrs, 0, step->x->h, step->y->h, FALSE);
  lus_resize_axis_init(&resize->axis[1], &step->node->attrs, 1, step->x->w, step->y->w, FALSE);
  step->scratch = (gsize)step->x->w * (gsize)step->x->c;
  return TRUE;
}

static void resize_free(gpointer state)
{
  Resize *resize = state;
  if (!resize)
    return;
  lus_resize_axis_clear(&resize->axis[0]);
  lus_resize_axis_clear(&resize->axis[1]);
  g_free(resize);
}

const LusStepClass lus_step_resize_codes = {
    .prepare = resize_prepare, .forward = resize_forward, .free_state = resize_free, .method = method};

/* ---- GroupNorm: sums of codes are whole numbers, exact in any order ---- */

static void norm_range(const LusNorm *norm, int item, gsize *first, gsize *count)
{
  int begin = item * norm->pixels_per_item;
  *first = (gsize)begin;
  *count = (gsize)(MIN(begin + norm->pixels_per_item, norm->pixels) - begin);
}

static guint32 *sums_of(const LusRun *run, int item, gsize c)
{
  return (guint32 *)(gpointer)(run->shared + (gsize)item * 2 * c);
}

static void moments_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  gsize first, count, c = (gsize)job->step->x->c;
  guint32 *sums = sums_of(job->run, item, c);
  norm_range(job->step->state, item, &first, &count);
  memset(sums, 0, 2 * c * sizeof *sums);
  lus_kernels()->int8->moments(sums, sums + c, job->step->x->codes + first * c, count, (int)c);
}

static void affine_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = step->state;
  gsize first, count, c = (gsize)step->x->c;
  norm_range(norm, item, &first, &count);
  lus_kernels()->int8->affine(step->y->codes + first * c, step->x->codes + first * c, norm->a, norm->b,
                              step->y_codes->attrs.zero_point, lus_codes_low(step->y_codes, step->relu), count,
                              step->x->c);
}

/* With q the codes of x, whose zero point the mean takes away: y / y_step = a q + b. */
static void set_affine(const LusStep *step, const LusRun *run, int group)
{
  const LusNorm *norm = step->state;
  const float *scale = lus_step_constant(step, 1), *bias = lus_step_constant(step, 2);
  gsize c = (gsize)step->x->c, share = c / (gsize)norm->groups, first = (gsize)group * share;
  guint64 sum = 0, square = 0;
  for (int item = 0; item < norm->n_items; item++)
    for (gsize j = first; j < first + share; j++) {
      sum += sums_of(run, item, c)[j];
      square += sums_of(run, item, c)[c + j];
    }
  double n = (double)norm->pixels * (double)share, mean = (double)sum / n;
  double x_step = (double)step->x_codes->attrs.alpha, y_step = (double)step->y_codes->attrs.alpha;
  double variance = fmax((double)square / n - mean * mean, 0) * x_step * x_step;
  double rstd = 1 / sqrt(variance + (double)step->node->attrs.epsilon);
  for (gsize j = first; j < first + share; j++) {
    double a = (double)scale[j] * rstd * x_step;
    norm->a[j] = (float)(a / y_step);
    norm->b[j] = (float)(((double)bias[j] - a * mean) / y_step);
  }
}

static void norm_forward(const LusStep *step, const LusRun *run)
{
  const LusNorm *norm = step->state;
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, norm->n_items, moments_item, &job);
  for (int group = 0; group < norm->groups; group++)
    set_affine(step, run, group);
  lus_parallel_for(run->pool, norm->n_items, affine_item, &job);
}

static gboolean norm_prepare(LusStep *step, GError **error)
{
  (void)error;
  LusNorm *norm = lus_norm_new(step, step->node->attrs.norm_groups);
  step->state = norm;
  step->shared = (gsize)norm->n_items * 2 * (gsize)step->x->c;
  return TRUE;
}

const LusStepClass lus_step_group_norm_codes = {
    .prepare = norm_prepare, .forward = norm_forward, .free_state = lus_norm_free, .method = method};
