/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/conv-weights.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

/* Floats of patches, or of transformed tiles, at once: half of a second-level cache. */
#define BLOCK_FLOATS 131072
/* Pixels at once without patches: a block of the gradient's columns stays in the first-level cache. */
#define BLOCK_PIXELS 64
/* Slices: from 4 on as many as these floats hold, up to 8; and what each has at least to do. */
#define SLICES_FLOATS 524288
#define SLICE_TILES 32
#define SLICE_PIXELS 256
/* Winograd pays from so many tiles per sample on and so many channels. */
#define MIN_TILES 16
#define MIN_CHANNELS 8
/* With fewer input channels patches are longer runs than taps. */
#define FEW_CHANNELS 8
#define PLANES 36
#define ROW_PADDING 16 /* rows that lie a power of two apart would share cache sets */
/* Input channels whose sums are taken over at once. */
#define CHANNELS_PER_ITEM 8

/* ---- sizes ---- */

static gsize matrix_floats(const LusConvWeights *weights)
{
  return (gsize)weights->in * (gsize)weights->out;
}

/* A slice's sums [groups][planes][in][out] and, behind them, those of the bias. */
static gsize slice_floats(const LusConvWeights *weights)
{
  return (gsize)weights->groups * (gsize)weights->planes * matrix_floats(weights) +
         (gsize)weights->y.c;
}

static gsize pointer_floats(gsize pointers)
{
  return (pointers * sizeof(float *) + sizeof(float) - 1) / sizeof(float);
}

static gsize v_row(const LusConvWeights *weights)
{
  return (gsize)weights->in + ROW_PADDING;
}

static gsize w_row(const LusConvWeights *weights)
{
  return (gsize)weights->out + ROW_PADDING;
}

static gsize scratch_floats(const LusConvWeights *weights)
{
  gsize block = (gsize)weights->block, taps = (gsize)weights->grid->n, in = (gsize)weights->in;
  gsize patches = block * (gsize)weights->y.w * taps * in;
  if (weights->method == LUS_CONV_WEIGHTS_DIRECT)
    patches = pointer_floats(block * taps) + in;
  else if (weights->method == LUS_CONV_WEIGHTS_DEPTHWISE)
    patches = taps * (gsize)weights->x.c;
  else if (weights->method == LUS_CONV_WEIGHTS_WINOGRAD)
    patches = pointer_floats(block) + PLANES * (in + block * (v_row(weights) + w_row(weights)));
  gsize sums = CHANNELS_PER_ITEM * (gsize)weights->out * ((gsize)weights->planes + taps);
  return MAX(patches, sums);
}

/* ---- preparing ---- */

static gboolean pays_winograd(const LusConvWeights *weights)
{
  return weights->in >= MIN_CHANNELS && weights->out >= MIN_CHANNELS &&
         weights->winograd.n_tiles >= MIN_TILES;
}

/* What the environment variable LUS_CONV forces, as for the passes, where it can be done; else the
 * rule. */
static void choose_method(LusConvWeights *weights)
{
  const char *forced = getenv("LUS_CONV");
  gboolean can = weights->groups == 1,
           can_winograd = can && lus_winograd_init(&weights->winograd, weights->grid, weights->x,
                                                   weights->y, 4, FALSE);
  gboolean is_forced = can && g_strcmp0(forced, "direct") == 0;
  if (g_strcmp0(forced, "gemm") == 0 || g_strcmp0(forced, "blas") == 0)
    weights->method = LUS_CONV_WEIGHTS_GEMM;
  else if (can_winograd && !is_forced &&
           (pays_winograd(weights) || g_strcmp0(forced, "winograd4") == 0))
    weights->method = LUS_CONV_WEIGHTS_WINOGRAD;
  else if (weights->in == 1 && weights->out == 1 && weights->groups > 1)
    weights->method = LUS_CONV_WEIGHTS_DEPTHWISE;
  else if (is_forced || (can && weights->in >= FEW_CHANNELS))
    weights->method = LUS_CONV_WEIGHTS_DIRECT;
}

void lus_conv_weights_init(LusConvWeights *weights, LusStep *step, const LusTapGrid *grid,
                           LusMapSize x, LusMapSize y, int groups)
{
  *weights = (LusConvWeights){
      .grid = grid,
      .x = x,
      .y = y,
      .groups = groups,
      .in = x.c / groups,
      .out = y.c / groups,
      .planes = grid->n,
  };
  choose_method(weights);
  switch (weights->method) {
  case LUS_CONV_WEIGHTS_WINOGRAD:
    weights->planes = PLANES;
    weights->units = weights->winograd.n_tiles;
    weights->slice = SLICE_TILES;
    weights->block = CLAMP(BLOCK_FLOATS / (PLANES * (x.c + y.c)), SLICE_TILES / 2, 4 * SLICE_TILES);
    break;
  case LUS_CONV_WEIGHTS_DIRECT:
    weights->units = y.h * y.w;
    weights->slice = SLICE_PIXELS;
    weights->block = BLOCK_PIXELS;
    break;
  case LUS_CONV_WEIGHTS_DEPTHWISE:
    weights->units = y.h;
    weights->slice = MAX(SLICE_PIXELS / y.w, 1);
    weights->block = CLAMP(BLOCK_FLOATS / (x.w * x.c), 1, y.h);
    break;
  case LUS_CONV_WEIGHTS_GEMM:
  default:
    weights->units = y.h;
    weights->slice = MAX(SLICE_PIXELS / y.w, 1);
    weights->block = lus_rows_per_item(BLOCK_FLOATS / 2, (gsize)y.w * (gsize)grid->n * (gsize)weights->in);
    weights->block = MIN(weights->block, y.h);
  }
  weights->max_slices = (int)CLAMP(SLICES_FLOATS / slice_floats(weights), 4, 8);
  step->learn_shared =
      MAX(step->learn_shared, (gsize)weights->max_slices * slice_floats(weights));
  step->scratch = MAX(step->scratch, scratch_floats(weights));
}

/* ---- a slice's sums ---- */

typedef struct {
  const LusConvWeights *weights;
  const LusStep *const *samples;
  const LusRun *run;
  int units, slices; /* units of all samples */
} Job;

static float *scratch_of(const Job *job, int thread)
{
  return job->run->scratch + (gsize)thread * job->run->scratch_stride;
}

static float *slice_sums(const Job *job, int slice)
{
  return job->run->shared + (gsize)slice * slice_floats(job->weights);
}

static float *bias_sums(const Job *job, int slice)
{
  return slice_sums(job, slice + 1) - job->weights->y.c;
}

/* Rows of one sample: sums [groups][taps][in][out] += patches^T dy. */
static void add_rows(const Job *job, float *sums, float *scratch, const LusStep *step, int row,
                     int end)
{
  const LusConvWeights *weights = job->weights;
  const LusTapGrid *grid = weights->grid;
  int k = grid->n * weights->in, pixels = (end - row) * grid->w, pitch = k;
  gsize first = (gsize)row * (gsize)grid->w;
  for (int group = 0; group < weights->groups; group++) {
    const float *patches = scratch;
    if (lus_tap_grid_is_identity(grid, weights->x)) {
      patches = step->x->data + first * (gsize)weights->x.c + (gsize)(group * weights->in);
      pitch = weights->x.c;
    } else {
      lus_tap_grid_gather(grid, scratch, step->x->data, weights->x, group * weights->in,
                          weights->in, row, end);
    }
    const float *dy = step->y->grad + first * (gsize)weights->y.c + (gsize)(group * weights->out);
    lus_kernels()->gemm(sums + (gsize)(group * k) * (gsize)weights->out, patches, dy, k,
                        weights->out, pixels, weights->out, pitch, weights->y.c,
                        LUS_GEMM_TRANSPOSE_A | LUS_GEMM_ACCUMULATE);
  }
}

static inline void add_products(float *restrict sums, const float *restrict x, const float *restrict dy,
                                gsize n)
{
  for (gsize k = 0; k < n; k++)
    sums[k] += x[k] * dy[k];
}

/* Rows of one sample: for each tap and channel sums [channel][tap] += the tap's pixels times dy. */
static void add_depthwise_rows(const Job *job, float *sums, float *scratch, const LusStep *step,
                               int row, int end)
{
  const LusTapGrid *grid = job->weights->grid;
  const LusMapSize *x = &job->weights->x;
  gsize c = (gsize)x->c, taps = (gsize)grid->n;
  memset(scratch, 0, taps * c * sizeof *scratch);
  for (int i = row; i < end; i++)
    for (gsize t = 0; t < taps; t++) {
      int from_row = i * grid->source_step[0] + grid->taps[t].dy;
      if (from_row < 0 || from_row >= x->h)
        continue;
      const float *from = step->x->data + (gsize)from_row * (gsize)x->w * c,
                  *dy = step->y->grad + (gsize)i * (gsize)grid->w * c;
      for (int j = 0; j < grid->w; j++) {
        int column = j * grid->source_step[1] + grid->taps[t].dx;
        if (column >= 0 && column < x->w)
          add_products(scratch + t * c, from + (gsize)column * c, dy + (gsize)j * c, c);
      }
    }
  for (gsize k = 0; k < c; k++)
    for (gsize t = 0; t < taps; t++)
      sums[k * taps + t] += scratch[t * c + k];
}

/* Pixels of one sample: for each tap sums [in][out] += the tap's pixels^T dy. */
static void add_pixels(const Job *job, float *sums, float *scratch, const LusStep *step, int first,
                       int end)
{
  const LusConvWeights *weights = job->weights;
  const LusTapGrid *grid = weights->grid;
  const LusMapSize *x = &weights->x;
  float *zeros = scratch + pointer_floats((gsize)weights->block * (gsize)grid->n);
  memset(zeros, 0, (gsize)weights->in * sizeof *zeros);
  const float **pointers = (gpointer)scratch;
  const float *dy = step->y->grad + (gsize)first * (gsize)weights->y.c;
  for (int t = 0; t < grid->n; t++, sums += matrix_floats(weights)) {
    for (int p = first; p < end; p++) {
      int i = p / grid->w * grid->source_step[0] + grid->taps[t].dy,
          j = p % grid->w * grid->source_step[1] + grid->taps[t].dx;
      gboolean inside = i >= 0 && i < x->h && j >= 0 && j < x->w;
      pointers[p - first] =
          inside ? step->x->data + ((gsize)i * (gsize)x->w + (gsize)j) * (gsize)x->c : zeros;
    }
    lus_kernels()->outer_products(sums, (gsize)weights->out, pointers, 0, dy, (gsize)weights->out,
                                  weights->in, weights->out, end - first);
  }
}

static void transform_result(const LusConvWeights *weights, float *w, gsize plane,
                             const LusStep *step, int tile)
{
  int y = tile / weights->winograd.tiles_across * 4, x = tile % weights->winograd.tiles_across * 4;
  gsize c = (gsize)weights->y.c, row = (gsize)weights->y.w * c;
  lus_kernels()->winograd4_result_gradient(w, step->y->grad + (gsize)y * row + (gsize)x * c, plane,
                                           row, MIN(4, weights->y.h - y), MIN(4, weights->y.w - x),
                                           weights->y.c);
}

/* Tiles, of any samples: for each plane sums [in][out] += V^T W. */
static void add_tiles(const Job *job, float *sums, float *scratch, int first, int end)
{
  const LusConvWeights *weights = job->weights;
  gsize block = (gsize)weights->block, v_plane = block * v_row(weights),
        w_plane = block * w_row(weights);
  const float **pointers = (gpointer)scratch;
  float *window = scratch + pointer_floats(block), *v = window + PLANES * (gsize)weights->in,
        *w = v + PLANES * v_plane;
  for (int i = first; i < end; i++) {
    const LusStep *step = job->samples[i / weights->units];
    gsize at = (gsize)(i - first);
    pointers[at] = v + at * v_row(weights);
    lus_winograd_transform_window(&weights->winograd, v + at * v_row(weights), v_plane, window,
                                  step->x->data, i % weights->units);
    transform_result(weights, w + at * w_row(weights), w_plane, step, i % weights->units);
  }
  for (gsize p = 0; p < PLANES; p++)
    lus_kernels()->outer_products(sums + p * matrix_floats(weights), (gsize)weights->out, pointers,
                                  p * v_plane, w + p * w_plane, w_row(weights), weights->in,
                                  weights->out, end - first);
}

/* The units from @first of the slice that are taken at once: of one sample, unless they are tiles. */
static int block_end(const Job *job, int first, int end)
{
  const LusConvWeights *weights = job->weights;
  int sample_end = (first / weights->units + 1) * weights->units;
  if (weights->method != LUS_CONV_WEIGHTS_WINOGRAD)
    end = MIN(end, sample_end);
  return MIN(end, first + weights->block);
}

static void slice_item(void *data, int slice, int thread)
{
  const Job *job = data;
  const LusConvWeights *weights = job->weights;
  float *sums = slice_sums(job, slice), *scratch = scratch_of(job, thread);
  memset(sums, 0, slice_floats(weights) * sizeof(float));
  int first = (int)((gint64)job->units * slice / job->slices),
      end = (int)((gint64)job->units * (slice + 1) / job->slices);
  for (int next; first < end; first = next) {
    next = block_end(job, first, end);
    const LusStep *step = job->samples[first / weights->units];
    int at = first % weights->units;
    if (weights->method == LUS_CONV_WEIGHTS_WINOGRAD)
      add_tiles(job, sums, scratch, first, next);
    else if (weights->method == LUS_CONV_WEIGHTS_DEPTHWISE)
      add_depthwise_rows(job, sums, scratch, step, at, at + next - first);
    else if (weights->method == LUS_CONV_WEIGHTS_DIRECT)
      add_pixels(job, sums, scratch, step, at, at + next - first);
    else
      add_rows(job, sums, scratch, step, at, at + next - first);
  }
}

/* ---- from the slices to the parameters ---- */

static int channel_items(const LusConvWeights *weights)
{
  return lus_n_items(weights->in, CHANNELS_PER_ITEM);
}

/* sum [planes][channels][out] of all slices for some input channels of a group. */
static void sum_slices(const Job *job, float *sum, int group, int first, int channels)
{
  const LusConvWeights *weights = job->weights;
  gsize n = (gsize)channels * (gsize)weights->out;
  for (int plane = 0; plane < weights->planes; plane++, sum += n) {
    gsize at = (gsize)(group * weights->planes + plane) * matrix_floats(weights) +
               (gsize)first * (gsize)weights->out;
    memcpy(sum, slice_sums(job, 0) + at, n * sizeof *sum);
    for (int slice = 1; slice < job->slices; slice++)
      lus_kernels()->add_scaled(sum, 1, slice_sums(job, slice) + at, n);
  }
}

/* The parameters' gradient [groups][out][in][taps] += the sums of some input channels of a group. */
static void parameters_item(void *data, int item, int thread)
{
  const Job *job = data;
  const LusConvWeights *weights = job->weights;
  int group = item / channel_items(weights),
      first = item % channel_items(weights) * CHANNELS_PER_ITEM,
      channels = MIN(CHANNELS_PER_ITEM, weights->in - first);
  gsize n = (gsize)channels * (gsize)weights->out, taps = (gsize)weights->grid->n,
        out = (gsize)weights->out;
  float *sum = scratch_of(job, thread), *d = sum;
  sum_slices(job, sum, group, first, channels);
  if (weights->method == LUS_CONV_WEIGHTS_WINOGRAD) {
    d = sum + PLANES * n;
    lus_kernels()->winograd4_weights_gradient(d, sum, n, n, n);
  }
  float *to = lus_step_gradient(job->samples[0], job->run, 1) +
              ((gsize)group * out * (gsize)weights->in + (gsize)first) * taps;
  for (gsize o = 0; o < out; o++, to += (gsize)weights->in * taps)
    for (gsize i = 0; i < (gsize)channels; i++)
      for (gsize t = 0; t < taps; t++)
        to[i * taps + t] += d[t * n + i * out + o];
}

static void bias_item(void *data, int slice, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusConvWeights *weights = job->weights;
  float *sums = bias_sums(job, slice);
  gsize pixels = (gsize)weights->y.h * (gsize)weights->y.w, slices = (gsize)job->slices;
  gsize first = pixels * (gsize)slice / slices, end = pixels * (gsize)(slice + 1) / slices;
  for (int i = 0; i < job->units / weights->units; i++)
    lus_kernels()->column_sum(sums, job->samples[i]->y->grad + first * (gsize)weights->y.c,
                              end - first, weights->y.c);
}

void lus_conv_weights_run(const LusConvWeights *weights, const LusStep *const *samples, int n,
                          const LusRun *run)
{
  Job job = {.weights = weights, .samples = samples, .run = run, .units = n * weights->units};
  job.slices = CLAMP(job.units / weights->slice, 1, weights->max_slices);
  lus_parallel_for(run->pool, job.slices, slice_item, &job);
  lus_parallel_for(run->pool, weights->groups * channel_items(weights), parameters_item, &job);
  float *d_bias = lus_step_gradient(samples[0], run, 2);
  if (!d_bias)
    return;
  lus_parallel_for(run->pool, job.slices, bias_item, &job);
  for (int slice = 0; slice < job.slices; slice++)
    lus_kernels()->add_scaled(d_bias, 1, bias_sums(&job, slice), (gsize)weights->y.c);
}
