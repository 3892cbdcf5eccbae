/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps on codes other than convolutions: from and to floats, Add, MaxPool, Resize, GroupNorm. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/codes.h"
#include "nn/norm.h"
#include "nn/resize.h"

#define ITEM_CODES 16384
#define CHUNK_CODES 4096

typedef struct {
  const LusStep *step;
  const LusRun *run;
} Job;

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

/* The codes of the step's own result are not below this. */
static int own_low(const LusStep *step)
{
  return step->inner_codes ? lus_codes_low(step->inner_codes, step->relu_before)
                           : lus_codes_low(step->y_codes, step->relu);
}

/* Adds r to @n codes of what @own tells, which are the map's from @at on: with steps s and zero points z
 * q_y = q (s / s_y) + q_r (s_r / s_y) + (z_y - z s / s_y - z_r s_r / s_y). */
static void add_r(const LusStep *step, const guint8 *codes, const LusNode *own, gsize at, gsize n)
{
  const LusOpAttrs *x = &own->attrs, *r = &step->r_codes->attrs, *y = &step->y_codes->attrs;
  float u = x->alpha / y->alpha, v = r->alpha / y->alpha;
  double w = (double)y->zero_point - (double)x->zero_point * (double)u - (double)r->zero_point * (double)v;
  lus_kernels()->int8->add(step->y->codes + at, codes, step->r->codes + at, u, v, (float)w,
                           lus_codes_low(step->y_codes, step->relu), n);
}

/* ---- from and to floats ---- */

static void encode_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  gsize n, at = item_range(step, item, &n);
  lus_encode(step->y->codes + at, step->x->data + at, &step->y_codes->attrs, n, job->run);
}

static void encode(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, n_items(step), encode_item, &job);
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
  gsize n, at = item_range(step, item, &n);
  add_r(step, step->x->codes + at, step->x_codes, at, n);
}

static void add(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, n_items(step), add_item, (void *)step);
}

const LusStepClass lus_step_add_codes = {.forward = add, .method = method};

/* ---- MaxPool ---- */

/* The largest of the window's rows about output row @i, for each pixel of x. */
static void max_of_rows(guint8 *out, const LusStep *step, int i)
{
  const LusOpAttrs *a = &step->node->attrs;
  gsize row = (gsize)step->x->w * (gsize)step->x->c;
  gboolean any = FALSE;
  for (int ky = 0; ky < a->kernel[0]; ky++) {
    int v = i * a->stride[0] - a->pad[0] + ky * a->dilation[0];
    if (v < 0 || v >= step->x->h)
      continue;
    if (any)
      lus_kernels()->int8->maximum(out, step->x->codes + (gsize)v * row, row);
    else
      memcpy(out, step->x->codes + (gsize)v * row, row);
    any = TRUE;
  }
  if (!any)
    memset(out, 0, row);
}

static void max_pool_row(void *data, int i, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const LusOpAttrs *a = &step->node->attrs;
  const LusMap *x = step->x, *y = step->y;
  guint8 *line = (guint8 *)(gpointer)(job->run->scratch + (gsize)thread * job->run->scratch_stride);
  gsize c = (gsize)x->c;
  max_of_rows(line, step, i);
  for (int j = 0; j < y->w; j++) {
    guint8 *out = y->codes + ((gsize)i * (gsize)y->w + (gsize)j) * c;
    gboolean any = FALSE;
    for (int kx = 0; kx < a->kernel[1]; kx++) {
      int u = j * a->stride[1] - a->pad[1] + kx * a->dilation[1];
      if (u < 0 || u >= x->w)
        continue;
      if (any)
        lus_kernels()->int8->maximum(out, line + (gsize)u * c, c);
      else
        memcpy(out, line + (gsize)u * c, c);
      any = TRUE;
    }
    if (!any)
      memset(out, 0, c);
  }
}

static gboolean max_pool_prepare(LusStep *step, GError **error)
{
  (void)error;
  step->scratch = ((gsize)step->x->w * (gsize)step->x->c + 3) / 4;
  return TRUE;
}

static void max_pool(const LusStep *step, const LusRun *run)
{
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, step->y->h, max_pool_row, &job);
}

const LusStepClass lus_step_max_pool_codes = {.prepare = max_pool_prepare, .forward = max_pool, .method = method};

/* ---- Resize ---- */

typedef struct {
  LusResizeAxis axis[2]; /* vertical, horizontal */
} Resize;

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
  float *line = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  gsize out_row = (gsize)u->out * (gsize)step->x->c;
  guint8 *out = step->r ? (guint8 *)(gpointer)(line + in_row) : step->y->codes + (gsize)o * out_row;
  if (step->node->attrs.mode == LUS_RESIZE_NEAREST) {
    nearest_row(step, out, top, u);
  } else {
    lus_kernels()->int8->lerp(line, top, bottom, v->w[o], in_row);
    lus_kernels()->int8->lerp_pixels(out, line, u->i0, u->i1, u->w, (gsize)u->out, step->x->c);
  }
  if (step->r)
    add_r(step, out, step->inner_codes, (gsize)o * out_row, out_row);
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
  step->scratch = (gsize)step->x->w * (gsize)step->x->c + ((gsize)step->y->w * (gsize)step->y->c + 3) / 4;
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

/* Pixels at a time where r is added. */
static gsize chunk_pixels(const LusStep *step)
{
  return (gsize)MAX(CHUNK_CODES / step->x->c, 1);
}

static void affine_item(void *data, int item, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const LusNorm *norm = step->state;
  gsize first, count, c = (gsize)step->x->c;
  guint8 *chunk = (guint8 *)(gpointer)(job->run->scratch + (gsize)thread * job->run->scratch_stride);
  norm_range(norm, item, &first, &count);
  for (gsize end = first + count, n; first < end; first += n) {
    n = step->r ? MIN(end - first, chunk_pixels(step)) : end - first;
    lus_kernels()->int8->affine(step->r ? chunk : step->y->codes + first * c, step->x->codes + first * c, norm->a,
                                norm->b, own_low(step), n, step->x->c);
    if (step->r)
      add_r(step, chunk, step->inner_codes, first * c, n * c);
  }
}

/* With q the codes of x, whose zero point the mean takes away: y / own_step + zero = a q + b. */
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
  const LusNode *own = step->inner_codes ? step->inner_codes : step->y_codes;
  double x_step = (double)step->x_codes->attrs.alpha, own_step = (double)own->attrs.alpha;
  double variance = fmax((double)square / n - mean * mean, 0) * x_step * x_step;
  double rstd = 1 / sqrt(variance + (double)step->node->attrs.epsilon);
  for (gsize j = first; j < first + share; j++) {
    double a = (double)scale[j] * rstd * x_step;
    norm->a[j] = (float)(a / own_step);
    norm->b[j] = (float)(((double)bias[j] - a * mean) / own_step + (double)own->attrs.zero_point);
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
  if (step->r)
    step->scratch = (chunk_pixels(step) * (gsize)step->x->c + 3) / 4;
  return TRUE;
}

const LusStepClass lus_step_group_norm_codes = {
    .prepare = norm_prepare, .forward = norm_forward, .free_state = lus_norm_free, .method = method};
