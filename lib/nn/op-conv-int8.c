/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conv on codes: x and the weights are bytes, sums are exact 32-bit integers. Each item copies the rows of x that it
 * needs, with their border, so that the taps of one row are one run of bytes; what a run is longer than its taps meets
 * weights of zero. Depthwise, each tap is a run of its own. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/codes.h"
#include "nn/error.h"
#include "nn/tensor.h"

/* Pixels of a band of rows, whose weights are passed over once. */
#define BAND_PIXELS 512
#define MAX_TAPS 4096
/* The same of a depthwise convolution, in bytes. */
#define BAND_BYTES 65536
/* Where the border is so wide that it makes the copies more than this many times as large as the map, floats are faster. */
#define MAX_COPIED 4

typedef struct {
  gboolean depthwise;
  int taps, run;        /* runs per pixel, bytes of each */
  int taps_per_run;
  ptrdiff_t *offset;    /* [taps] */
  gboolean copies;
  gsize row;            /* bytes of a copied row */
  int rows_per_item, bands, blocks, blocks_per_item;
  gint8 *weights;       /* [blocks][taps][run / 4][width][4]; depthwise: [taps][outputs] */
  gint32 *bias;         /* [outputs, padded] */
  float *scale;
} Conv;

/* ---- what fits ---- */

/* 255 times the sum of the weights' codes, and the bias in units of the products, for output @o. */
static double largest_sum(const LusStep *step, const LusNode *x, int o)
{
  const LusValue *weight = &step->graph->values[step->node->inputs[1]];
  const float *bias = lus_step_constant(step, 2);
  gsize share = weight->constant->count / (gsize)weight->constant->dims[0];
  double scale = (double)weight->scales->data[weight->scales->count == 1 ? 0 : o], sum = 0;
  for (gsize i = 0; i < share; i++)
    sum += fabs((double)weight->constant->data[(gsize)o * share + i]);
  return 255 * sum / scale + (bias ? fabs((double)bias[o]) / (scale * (double)x->attrs.alpha) : 0);
}

/* One channel per group; one of all channels is a convolution like others. */
static gboolean is_depthwise(const LusStep *step)
{
  const int *w = step->graph->values[step->node->inputs[1]].constant->dims;
  return step->node->attrs.groups > 1 && w[0] == step->node->attrs.groups && w[1] == 1;
}

static gboolean fits_depthwise(const LusStep *step)
{
  const LusOpAttrs *a = &step->node->attrs;
  const int *x = step->graph->values[step->x_value].shape;
  double copied = 1;
  for (int i = 0; i < 2; i++)
    copied *= (double)(x[2 + i] + (a->kernel[i] - 1) * a->dilation[i]) / x[2 + i];
  return a->kernel[0] * a->kernel[1] <= LUS_INT8_DEPTHWISE_TAPS && copied <= MAX_COPIED;
}

gboolean lus_conv_int8_can(const LusStep *step, const LusNode *x)
{
  const LusOpAttrs *a = &step->node->attrs;
  const LusActivation *act = &step->activation;
  const LusValue *weight = &step->graph->values[step->node->inputs[1]];
  if (step->norm || !weight->scales || weight->code_bits != 8 || a->kernel[0] * a->kernel[1] > MAX_TAPS ||
      (weight->scales->count != 1 && weight->scales->count != (gsize)weight->constant->dims[0]) ||
      (a->groups != 1 && !(is_depthwise(step) && fits_depthwise(step))) ||
      (act->kind != LUS_ACTIVATION_NONE && act->kind != LUS_ACTIVATION_CLIP) || isnan(act->alpha) || isnan(act->beta))
    return FALSE;
  for (int o = 0; o < weight->constant->dims[0]; o++)
    if (!(2 * largest_sum(step, x, o) < G_MAXINT32))
      return FALSE;
  return TRUE;
}

/* ---- preparing ---- */

static int block_width(const Conv *conv, int outputs, int block)
{
  return block == conv->blocks - 1 && outputs - block * LUS_INT8_WIDTH <= LUS_INT8_WIDTH / 2 ? LUS_INT8_WIDTH / 2
                                                                                              : LUS_INT8_WIDTH;
}

static gsize k_of(const Conv *conv)
{
  return (gsize)conv->taps * (gsize)conv->run;
}

static void set_depthwise_layout(Conv *conv, const LusStep *step)
{
  const LusOpAttrs *a = &step->node->attrs;
  int c = step->x->c;
  conv->taps = a->kernel[0] * a->kernel[1];
  conv->copies = TRUE;
  conv->row = ((gsize)((step->y->w - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1]) + 1) * (gsize)c;
  conv->rows_per_item = CLAMP(BAND_BYTES / (int)MIN(conv->row, BAND_BYTES), 1, step->y->h);
  conv->bands = lus_n_items(step->y->h, conv->rows_per_item);
  conv->blocks = conv->blocks_per_item = 1;
  conv->offset = g_new(ptrdiff_t, conv->taps);
  for (int t = 0; t < conv->taps; t++)
    conv->offset[t] = (ptrdiff_t)(t / a->kernel[1] * a->dilation[0]) * (ptrdiff_t)conv->row +
                      (ptrdiff_t)(t % a->kernel[1] * a->dilation[1]) * c;
}

static void set_layout(Conv *conv, const LusStep *step)
{
  const LusOpAttrs *a = &step->node->attrs;
  int c = step->x->c;
  gboolean side_by_side = a->dilation[1] == 1;
  gboolean pointwise = a->kernel[0] == 1 && a->kernel[1] == 1 && a->pad[0] == 0 && a->pad[1] == 0;
  conv->taps_per_run = side_by_side ? a->kernel[1] : 1;
  conv->taps = a->kernel[0] * (side_by_side ? 1 : a->kernel[1]);
  conv->run = (conv->taps_per_run * c + 3) / 4 * 4;
  conv->copies = !(pointwise && c % 4 == 0 && (step->y->h - 1) * a->stride[0] < step->x->h &&
                   (step->y->w - 1) * a->stride[1] < step->x->w);
  /* The last run may be up to three bytes longer than the row. */
  conv->row = ((gsize)((step->y->w - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1]) + 1) * (gsize)c;
  conv->rows_per_item = CLAMP(BAND_PIXELS / step->y->w, 1, step->y->h);
  conv->bands = lus_n_items(step->y->h, conv->rows_per_item);
  conv->blocks = lus_n_items(step->y->c, LUS_INT8_WIDTH);
  conv->blocks_per_item = conv->bands > 4 ? conv->blocks : (conv->blocks + 3) / 4;
  conv->offset = g_new(ptrdiff_t, conv->taps);
  for (int t = 0; t < conv->taps; t++)
    conv->offset[t] = side_by_side ? (ptrdiff_t)(t * a->dilation[0]) * (ptrdiff_t)conv->row
                                   : (ptrdiff_t)(t / a->kernel[1] * a->dilation[0]) * (ptrdiff_t)conv->row +
                                         (ptrdiff_t)(t % a->kernel[1] * a->dilation[1] * c);
}

static int copied_rows(const LusOpAttrs *a, int rows)
{
  return (rows - 1) * a->stride[0] + (a->kernel[0] - 1) * a->dilation[0] + 1;
}

/* The weight is a whole number times the scale, but for the rounding. */
static int code_of(float weight, double per_scale)
{
  double code = (double)weight * per_scale;
  return (int)(code < 0 ? code - 0.5 : code + 0.5);
}

static int pack_depthwise_output(Conv *conv, const LusStep *step, int o)
{
  const LusValue *weight = &step->graph->values[step->node->inputs[1]];
  double per_scale = 1 / (double)weight->scales->data[weight->scales->count == 1 ? 0 : o];
  int sum = 0;
  for (int t = 0; t < conv->taps; t++) {
    int code = code_of(weight->constant->data[(gsize)o * (gsize)conv->taps + (gsize)t], per_scale);
    conv->weights[(gsize)t * (gsize)step->y->c + (gsize)o] = (gint8)code;
    sum += code;
  }
  return sum;
}

/* Codes of the weights of output @o; their sum. */
static int pack_output(Conv *conv, const LusStep *step, int o)
{
  const LusOpAttrs *a = &step->node->attrs;
  const LusValue *weight = &step->graph->values[step->node->inputs[1]];
  int c = step->x->c, kernel = a->kernel[0] * a->kernel[1], sum = 0;
  double per_scale = 1 / (double)weight->scales->data[weight->scales->count == 1 ? 0 : o];
  const float *w = weight->constant->data + (gsize)o * (gsize)c * (gsize)kernel;
  int block = o / LUS_INT8_WIDTH, width = block_width(conv, step->y->c, block);
  gint8 *to = conv->weights + (gsize)block * LUS_INT8_WIDTH * k_of(conv) + o % LUS_INT8_WIDTH * 4;
  for (int t = 0; t < kernel; t++) {
    gsize first = (gsize)(t / conv->taps_per_run) * (gsize)conv->run + (gsize)(t % conv->taps_per_run * c);
    for (int i = 0; i < c; i++) {
      int code = code_of(w[i * kernel + t], per_scale);
      gsize k = first + (gsize)i;
      to[k / 4 * (gsize)(4 * width) + k % 4] = (gint8)code;
      sum += code;
    }
  }
  return sum;
}

static void pack(Conv *conv, const LusStep *step)
{
  const LusValue *weight = &step->graph->values[step->node->inputs[1]];
  const float *bias = lus_step_constant(step, 2);
  const LusOpAttrs *x = &step->x_codes->attrs;
  const LusNode *own = step->inner_codes ? step->inner_codes : step->y_codes;
  for (int o = 0; o < step->y->c; o++) {
    double scale = (double)weight->scales->data[weight->scales->count == 1 ? 0 : o] * (double)x->alpha;
    double start = bias ? rint((double)bias[o] / scale) : 0;
    int sum = conv->depthwise ? pack_depthwise_output(conv, step, o) : pack_output(conv, step, o);
    conv->bias[o] = (gint32)start - x->zero_point * sum;
    conv->scale[o] = (float)(own ? scale / (double)own->attrs.alpha : scale);
  }
}

static void free_state(gpointer state)
{
  Conv *conv = state;
  if (!conv)
    return;
  g_free(conv->offset);
  lus_aligned_free(conv->weights);
  lus_aligned_free(conv->bias);
  lus_aligned_free(conv->scale);
  g_free(conv);
}

static gboolean prepare(LusStep *step, GError **error)
{
  Conv *conv = g_new0(Conv, 1);
  step->state = conv;
  conv->depthwise = is_depthwise(step);
  (conv->depthwise ? set_depthwise_layout : set_layout)(conv, step);
  gsize outputs = conv->depthwise ? (gsize)step->y->c : (gsize)conv->blocks * LUS_INT8_WIDTH;
  gsize weights = outputs * (conv->depthwise ? (gsize)conv->taps : k_of(conv));
  conv->weights = lus_aligned_alloc(weights);
  conv->bias = lus_aligned_alloc(outputs * sizeof *conv->bias);
  conv->scale = lus_aligned_alloc(outputs * sizeof *conv->scale);
  if (!conv->weights || !conv->bias || !conv->scale)
    return lus_node_fail(error, step->node, LUS_ERROR_MEMORY, "out of memory for the weights");
  pack(conv, step);
  step->weights = (weights + 8 * outputs) / 4;
  if (conv->copies)
    step->scratch =
        ((gsize)copied_rows(&step->node->attrs, conv->rows_per_item) * conv->row + 4 + 3) / 4;
  return TRUE;
}

/* ---- running ---- */

typedef struct {
  const LusStep *step;
  const LusRun *run;
} Job;

/* Row @y of x from column @x0 on with its border. */
static void copy_row(const LusStep *step, guint8 *to, gsize bytes, int y, int x0)
{
  const LusMap *x = step->x;
  int c = x->c, zero = step->x_codes->attrs.zero_point, width = (int)(bytes / (gsize)c);
  int left = CLAMP(-x0, 0, width), right = CLAMP(x->w - x0, left, width);
  if (y < 0 || y >= x->h)
    left = right = 0;
  memset(to, zero, (gsize)left * (gsize)c);
  if (right > left)
    memcpy(to + (gsize)left * (gsize)c,
           x->codes + ((gsize)y * (gsize)x->w + (gsize)(x0 + left)) * (gsize)c, (gsize)(right - left) * (gsize)c);
  memset(to + (gsize)right * (gsize)c, zero, bytes - (gsize)right * (gsize)c);
}

static LusInt8Finish finish_of(const LusStep *step)
{
  gboolean clips = step->activation.kind == LUS_ACTIVATION_CLIP;
  LusInt8Finish f = {.ldy = (gsize)step->y->c, .ldr = (gsize)step->y->c, .r_half = step->r_half, .high = 255};
  f.least = clips ? step->activation.alpha : step->relu ? 0 : -INFINITY;
  f.most = clips ? step->activation.beta : INFINITY;
  if (!step->y_codes)
    return f;
  const LusNode *own = step->inner_codes ? step->inner_codes : step->y_codes;
  f.zero = own->attrs.zero_point;
  f.low = lus_codes_low(own, step->relu && !step->inner_codes);
  if (clips) {
    f.low = lus_codes_of(own, f.least);
    f.high = lus_codes_of(own, f.most);
  }
  if (step->inner_codes) {
    const LusOpAttrs *y = &step->y_codes->attrs, *r = &step->r_codes->attrs;
    f.a = own->attrs.alpha / y->alpha;
    f.b = r->alpha / y->alpha;
    f.r_zero = r->zero_point;
    f.sum_zero = y->zero_point;
    f.sum_low = lus_codes_low(step->y_codes, step->relu);
  }
  return f;
}

/* One block of outputs of one row. */
static void run_row(const LusStep *step, const guint8 *from, int block, int row)
{
  const Conv *conv = step->state;
  int first = block * LUS_INT8_WIDTH;
  gsize at = (gsize)row * (gsize)step->y->w * (gsize)step->y->c + (gsize)first;
  gsize r_at = (gsize)(row >> step->r_half) * (gsize)(step->y->w >> step->r_half) * (gsize)step->y->c + (gsize)first;
  LusInt8Finish finish = finish_of(step);
  finish.n = conv->depthwise ? step->y->c : MIN(LUS_INT8_WIDTH, step->y->c - first);
  finish.scale = conv->scale + first;
  finish.codes = step->y_codes ? step->y->codes + at : NULL;
  finish.floats = step->y_codes ? NULL : step->y->data + at;
  finish.r = step->r && step->r_codes ? step->r->codes + r_at : NULL;
  finish.r_floats = step->r && !step->r_codes ? step->r->data + r_at : NULL;
  const LusInt8Sums sums = {
      .x = from,
      .step = (gsize)step->node->attrs.stride[1] * (gsize)step->x->c,
      .offset = conv->offset,
      .taps = conv->taps,
      .run = conv->run,
      .w = conv->depthwise ? conv->weights : conv->weights + (gsize)first * k_of(conv),
      .width = conv->depthwise ? 0 : block_width(conv, step->y->c, block),
      .bias = conv->bias + first,
  };
  const LusInt8Kernels *kernels = lus_kernels()->int8;
  (conv->depthwise ? kernels->depthwise : kernels->product)(&sums, &finish, step->y->w);
}

static void item(void *data, int index, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const Conv *conv = step->state;
  const LusOpAttrs *a = &step->node->attrs;
  int row = index % conv->bands * conv->rows_per_item, rows = MIN(conv->rows_per_item, step->y->h - row);
  int first = index / conv->bands * conv->blocks_per_item, end = MIN(first + conv->blocks_per_item, conv->blocks);
  const guint8 *from = step->x->codes + (gsize)row * (gsize)a->stride[0] * (gsize)step->x->w * (gsize)step->x->c;
  gsize pitch = (gsize)step->x->w * (gsize)step->x->c;
  if (conv->copies) {
    guint8 *copy = (guint8 *)(gpointer)(job->run->scratch + (gsize)thread * job->run->scratch_stride);
    for (int i = 0; i < copied_rows(a, rows); i++)
      copy_row(step, copy + (gsize)i * conv->row, conv->row, row * a->stride[0] - a->pad[0] + i, -a->pad[1]);
    from = copy;
    pitch = conv->row;
  }
  for (int block = first; block < end; block++)
    for (int i = 0; i < rows; i++)
      run_row(step, from + (gsize)(i * a->stride[0]) * pitch, block, row + i);
}

static void forward(const LusStep *step, const LusRun *run)
{
  const Conv *conv = step->state;
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, conv->bands * lus_n_items(conv->blocks, conv->blocks_per_item), item, &job);
}

static const char *method(const LusStep *step)
{
  const Conv *conv = step->state;
  return conv->depthwise ? "int8 depthwise" : conv->copies ? "int8 direct" : "int8 matrix";
}

const LusStepClass lus_step_conv_int8 = {
    .prepare = prepare, .forward = forward, .free_state = free_state, .method = method, .activates = TRUE};
