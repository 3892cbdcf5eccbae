/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/conv-weights.h"

#include <string.h>

#include "kernels/kernels.h"

/* Floats of patches taken at once: half of a second-level cache of 512 KiB. */
#define PATCH_FLOATS 65536
/* At most so many slices of rows, each of at least so many pixels. */
#define MAX_SLICES 4
#define SLICE_PIXELS 4096

static gsize slice_floats(const LusConvWeights *weights)
{
  return (gsize)weights->groups * (gsize)weights->out *
         ((gsize)weights->grid->n * (gsize)weights->in + 1);
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
      .slices = CLAMP(y.h * y.w / SLICE_PIXELS, 1, MIN(MAX_SLICES, y.h)),
  };
  step->shared = MAX(step->shared, (gsize)weights->slices * slice_floats(weights));
  gsize row = (gsize)y.w * (gsize)grid->n * (gsize)weights->in;
  weights->patch_rows = MIN(lus_rows_per_item(PATCH_FLOATS, row), y.h);
  step->scratch = MAX(step->scratch, (gsize)weights->patch_rows * row);
}

typedef struct {
  const LusConvWeights *weights;
  const LusStep *step;
  const LusRun *run;
} Job;

/* One group's part for a few rows: d_weights [taps][in][out] += patches^T dy. */
static void add_group(const Job *job, float *d_weights, float *scratch, int group, int row,
                      int row_end)
{
  const LusConvWeights *weights = job->weights;
  const LusTapGrid *grid = weights->grid;
  int k = grid->n * weights->in, pixels = (row_end - row) * grid->w, pitch = k;
  gsize first = (gsize)row * (gsize)grid->w;
  const float *patches = scratch;
  if (lus_tap_grid_is_identity(grid, weights->x)) {
    patches = job->step->x->data + first * (gsize)weights->x.c + (gsize)group * (gsize)weights->in;
    pitch = weights->x.c;
  } else {
    lus_tap_grid_gather(grid, scratch, job->step->x->data, weights->x, group * weights->in,
                        weights->in, row, row_end);
  }
  const float *dy =
      job->step->y->grad + first * (gsize)weights->y.c + (gsize)group * (gsize)weights->out;
  lus_kernels()->gemm(d_weights, patches, dy, k, weights->out, pixels, weights->out, pitch,
                      weights->y.c, LUS_GEMM_TRANSPOSE_A | LUS_GEMM_ACCUMULATE);
}

/* The slice's part of d_weights [groups][taps][in][out] and, behind it, of d_bias, into
 * run->shared. */
static void slice_item(void *data, int slice, int thread)
{
  const Job *job = data;
  const LusConvWeights *weights = job->weights;
  const LusTapGrid *grid = weights->grid;
  float *scratch = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  float *d_weights = job->run->shared + (gsize)slice * slice_floats(weights);
  float *d_bias = d_weights + slice_floats(weights) - weights->y.c;
  memset(d_weights, 0, slice_floats(weights) * sizeof(float));
  gsize group_floats = (gsize)grid->n * (gsize)weights->in * (gsize)weights->out;
  int end = (int)((gint64)grid->h * (slice + 1) / weights->slices);
  for (int row = (int)((gint64)grid->h * slice / weights->slices); row < end;
       row += weights->patch_rows) {
    int row_end = MIN(row + weights->patch_rows, end);
    for (int group = 0; group < weights->groups; group++)
      add_group(job, d_weights + (gsize)group * group_floats, scratch, group, row, row_end);
    gsize first = (gsize)row * (gsize)grid->w, pixels = (gsize)(row_end - row) * (gsize)grid->w;
    lus_kernels()->column_sum(d_bias, job->step->y->grad + first * (gsize)weights->y.c, pixels,
                              weights->y.c);
  }
}

/* to [groups * out][in][taps] += from [groups][taps][in][out]. */
static void add_in_order(const LusConvWeights *weights, float *to, const float *from)
{
  gsize n = (gsize)weights->grid->n, in = (gsize)weights->in, out = (gsize)weights->out;
  for (gsize o = 0; o < (gsize)weights->y.c; o++) {
    const float *column = from + o / out * n * in * out + o % out;
    for (gsize i = 0; i < in; i++, to += n)
      for (gsize t = 0; t < n; t++)
        to[t] += column[(t * in + i) * out];
  }
}

void lus_conv_weights_run(const LusConvWeights *weights, const LusStep *step, const LusRun *run)
{
  Job job = {.weights = weights, .step = step, .run = run};
  lus_parallel_for(run->pool, weights->slices, slice_item, &job);
  for (int slice = 1; slice < weights->slices; slice++)
    lus_kernels()->add_scaled(run->shared, 1, run->shared + (gsize)slice * slice_floats(weights),
                              slice_floats(weights));
  add_in_order(weights, lus_step_gradient(step, run, 1), run->shared);
  float *d_bias = lus_step_gradient(step, run, 2);
  if (d_bias)
    lus_kernels()->add_scaled(d_bias, 1, run->shared + slice_floats(weights) - weights->y.c,
                              (gsize)weights->y.c);
}
