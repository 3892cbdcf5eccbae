/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/conv-pass.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/depthwise.h"
#include "nn/tensor.h"

/* Floats of patches per work item: half of a second-level cache of 512 KiB. */
#define PATCH_FLOATS 65536
/* With fewer tiles the transformed weights, four times the plain ones (F(4x4)) or 1.8 times, cost more
 * than the multiplications they save. */
#define MIN_TILES4 16
#define MIN_TILES2 6
#define MIN_CHANNELS 8 /* of the source; few of the target are rounded up to a vector by every method */

/* ---- methods ---- */

static gboolean use_blas(void)
{
  return g_strcmp0(getenv("LUS_CONV"), "blas") == 0;
}

static const char *const method_names[LUS_CONV_N] = {"gemm", "direct", "winograd 4x4",
                                                     "winograd 2x2", "winograd 5x5", "depthwise"};
static const char *const method_keys[LUS_CONV_N] = {"gemm", "direct", "winograd4", "winograd2",
                                                    "winograd5", "depthwise"};

const char *lus_conv_method_name(const LusConvPass *pass)
{
  if (pass->method == LUS_CONV_DIRECT && lus_tap_grid_is_identity(&pass->grid, pass->source))
    return "matrix";
  return method_names[pass->method];
}

static int tiles(const LusConvPass *pass, int tile)
{
  return (pass->grid.w + tile - 1) / tile * ((pass->grid.h + tile - 1) / tile);
}

/* Pixels per tile and axis of a Winograd method. */
static int tile_of(LusConvMethod method)
{
  return method == LUS_CONV_WINOGRAD5 ? 5 : method == LUS_CONV_WINOGRAD4 ? 4 : 2;
}

gboolean lus_conv_pass_can(const LusConvPass *pass, LusConvMethod method)
{
  LusWinograd winograd;
  switch (method) {
  case LUS_CONV_DIRECT:
    return pass->groups == 1 && pass->grid.n > 0 && pass->grid.h > 0 && pass->grid.w > 0;
  case LUS_CONV_WINOGRAD4:
  case LUS_CONV_WINOGRAD2:
  case LUS_CONV_WINOGRAD5:
    return pass->groups == 1 &&
           lus_winograd_init(&winograd, &pass->grid, pass->source, pass->target, tile_of(method), FALSE);
  case LUS_CONV_DEPTHWISE:
    return pass->groups > 1 && pass->in == 1 && pass->out == 1 &&
           lus_tap_grid_is_dense(&pass->grid) && pass->grid.n <= LUS_DEPTHWISE_MAX_TAPS;
  case LUS_CONV_GEMM:
  default:
    return TRUE;
  }
}

static gboolean pays_winograd(const LusConvPass *pass, int tile, int min_tiles)
{
  return tiles(pass, tile) >= min_tiles && pass->source.c >= MIN_CHANNELS;
}

LusConvMethod lus_conv_pass_rule(const LusConvPass *pass)
{
  const char *forced = getenv("LUS_CONV");
  for (int m = 0; forced && m < LUS_CONV_N; m++)
    if (strcmp(forced, method_keys[m]) == 0 && lus_conv_pass_can(pass, m))
      return m;
  if (lus_conv_pass_can(pass, LUS_CONV_DEPTHWISE))
    return LUS_CONV_DEPTHWISE;
  if (lus_conv_pass_can(pass, LUS_CONV_WINOGRAD4)) {
    if (pays_winograd(pass, 4, MIN_TILES4))
      return LUS_CONV_WINOGRAD4;
    if (pays_winograd(pass, 2, MIN_TILES2))
      return LUS_CONV_WINOGRAD2;
  }
  if (lus_conv_pass_can(pass, LUS_CONV_WINOGRAD5) && pays_winograd(pass, 5, MIN_TILES4))
    return LUS_CONV_WINOGRAD5;
  return lus_conv_pass_can(pass, LUS_CONV_DIRECT) && !use_blas() ? LUS_CONV_DIRECT
                                                                        : LUS_CONV_GEMM;
}

/* ---- preparing ---- */

static gsize plain_floats(const LusConvPass *pass)
{
  return (gsize)pass->groups * (gsize)pass->grid.n * (gsize)pass->in * (gsize)pass->out;
}

static gsize patch_floats(const LusConvPass *pass)
{
  if (lus_tap_grid_is_identity(&pass->grid, pass->source))
    return 0;
  return (gsize)pass->rows_per_item * (gsize)pass->grid.w * (gsize)pass->grid.n * (gsize)pass->in;
}

static gboolean alloc_plain(LusConvPass *pass, LusStep *step)
{
  step->weights += plain_floats(pass);
  pass->weights = lus_aligned_alloc(MAX(plain_floats(pass), 1) * sizeof(float));
  return pass->weights != NULL;
}

static gboolean init_gemm(LusConvPass *pass, LusStep *step)
{
  gsize row = (gsize)pass->grid.w * (gsize)MAX(pass->grid.n * pass->in, pass->out);
  pass->rows_per_item = MIN(lus_rows_per_item(PATCH_FLOATS, row), MAX(pass->grid.h, 1));
  gsize scattered = lus_tap_grid_is_dense(&pass->grid)
                        ? 0
                        : (gsize)pass->rows_per_item * (gsize)pass->grid.w * (gsize)pass->out;
  step->scratch = MAX(step->scratch, patch_floats(pass) + scattered);
  return alloc_plain(pass, step);
}

static gboolean init_depthwise(LusConvPass *pass, LusStep *step)
{
  step->scratch = MAX(step->scratch, lus_depthwise_scratch_floats(&pass->grid, pass->source));
  return alloc_plain(pass, step);
}

static gboolean init_winograd(LusConvPass *pass, LusStep *step)
{
  LusWinograd *winograd = &pass->winograd;
  lus_winograd_init(winograd, &pass->grid, pass->source, pass->target, tile_of(pass->method), use_blas());
  step->scratch = MAX(step->scratch, lus_winograd_scratch_floats(winograd));
  step->shared = MAX(step->shared, lus_winograd_shared_floats(winograd));
  gsize weights = lus_winograd_weight_floats(winograd);
  step->weights += weights;
  winograd->weights = lus_aligned_alloc(weights * sizeof(float));
  return winograd->weights != NULL;
}

static gboolean init_direct(LusConvPass *pass, LusStep *step)
{
  lus_direct_init(&pass->direct, &pass->grid, pass->source, pass->target);
  step->scratch = MAX(step->scratch, lus_direct_scratch_floats(&pass->direct));
  step->weights += lus_direct_weight_floats(&pass->direct);
  return lus_direct_alloc(&pass->direct);
}

gboolean lus_conv_pass_init(LusConvPass *pass, LusStep *step, LusMapSize source, LusMapSize target,
                            int groups, LusConvMethod method)
{
  pass->source = source;
  pass->target = target;
  pass->groups = groups;
  pass->in = source.c / groups;
  pass->out = target.c / groups;
  pass->method = method;
  switch (method) {
  case LUS_CONV_DIRECT:
    return init_direct(pass, step);
  case LUS_CONV_WINOGRAD4:
  case LUS_CONV_WINOGRAD2:
  case LUS_CONV_WINOGRAD5:
    return init_winograd(pass, step);
  case LUS_CONV_DEPTHWISE:
    return init_depthwise(pass, step);
  case LUS_CONV_GEMM:
  default:
    return init_gemm(pass, step);
  }
}

void lus_conv_pass_clear(LusConvPass *pass)
{
  lus_tap_grid_clear(&pass->grid);
  g_clear_pointer(&pass->weights, lus_aligned_free);
  g_clear_pointer(&pass->winograd.weights, lus_aligned_free);
  lus_direct_clear(&pass->direct);
}

void lus_conv_pass_set_weights(LusConvPass *pass, const float *weights)
{
  gsize n = (gsize)pass->grid.n, channels = (gsize)pass->groups;
  switch (pass->method) {
  case LUS_CONV_DIRECT:
    lus_direct_set_weights(&pass->direct, weights);
    break;
  case LUS_CONV_WINOGRAD4:
  case LUS_CONV_WINOGRAD2:
  case LUS_CONV_WINOGRAD5:
    lus_winograd_set_weights(&pass->winograd, weights);
    break;
  case LUS_CONV_DEPTHWISE: /* from [channels][taps] */
    for (gsize c = 0; c < channels; c++)
      for (gsize t = 0; t < n; t++)
        pass->weights[t * channels + c] = weights[c * n + t];
    break;
  case LUS_CONV_GEMM:
  default:
    memcpy(pass->weights, weights, plain_floats(pass) * sizeof *weights);
  }
}

/* ---- running ---- */

typedef struct {
  const LusConvPass *pass;
  const LusRun *run;
  const LusConvCall *call;
} Job;

/* Copies [pixels][out] to the pixels of a grid that is not dense; @from NULL: zeros. */
static void scatter(const Job *job, const float *from, int group, int row, int row_end)
{
  const LusConvPass *pass = job->pass;
  const LusTapGrid *grid = &pass->grid;
  gsize out = (gsize)pass->out;
  for (int i = row; i < row_end; i++) {
    int y = i * grid->target_step[0] + grid->target_origin[0];
    for (int j = 0; j < grid->w; j++, from += from ? out : 0) {
      int x = j * grid->target_step[1] + grid->target_origin[1];
      float *to = job->call->target +
                  ((gsize)y * (gsize)pass->target.w + (gsize)x) * (gsize)pass->target.c +
                  (gsize)group * out;
      if (from && job->call->accumulate)
        lus_kernels()->add_scaled(to, 1, from, out);
      else if (from)
        memcpy(to, from, out * sizeof *to);
      else if (!job->call->accumulate)
        memset(to, 0, out * sizeof *to);
    }
  }
}

static void run_group(const Job *job, float *scratch, int group, int row, int row_end)
{
  const LusConvPass *pass = job->pass;
  const LusTapGrid *grid = &pass->grid;
  gsize first = (gsize)row * (gsize)grid->w;
  int pixels = (row_end - row) * grid->w, k = grid->n * pass->in, pitch = k;
  if (k == 0) {
    scatter(job, NULL, group, row, row_end);
    return;
  }
  const float *patches = scratch;
  if (lus_tap_grid_is_identity(grid, pass->source)) {
    patches =
        job->call->source + first * (gsize)pass->source.c + (gsize)group * (gsize)pass->in;
    pitch = pass->source.c;
  } else {
    lus_tap_grid_gather(grid, scratch, job->call->source, pass->source, group * pass->in, pass->in,
                        row, row_end);
  }
  const float *weights = pass->weights + (gsize)group * (gsize)k * (gsize)pass->out;
  if (lus_tap_grid_is_dense(grid)) {
    float *to =
        job->call->target + first * (gsize)pass->target.c + (gsize)group * (gsize)pass->out;
    lus_kernels()->gemm(to, patches, weights, pixels, pass->out, k, pass->target.c, pitch,
                        pass->out, job->call->accumulate ? LUS_GEMM_ACCUMULATE : 0);
  } else {
    float *to = scratch + patch_floats(pass);
    lus_kernels()->gemm(to, patches, weights, pixels, pass->out, k, pass->out, pitch, pass->out, 0);
    scatter(job, to, group, row, row_end);
  }
}

/* Adds r, whose pixels count for four each, to rows of the target. */
static void add_half(const LusConvPass *pass, const LusConvCall *call, int row, int row_end)
{
  gsize c = (gsize)pass->target.c, w = (gsize)pass->target.w;
  for (gsize y = (gsize)row; y < (gsize)row_end; y++)
    for (gsize x = 0; x < w; x++)
      lus_kernels()->add_scaled(call->target + (y * w + x) * c, 1,
                                call->r + (y / 2 * (w / 2) + x / 2) * c, c);
}

static void gemm_item(void *data, int item, int thread)
{
  const Job *job = data;
  const LusConvPass *pass = job->pass;
  const LusConvCall *call = job->call;
  int row = item * pass->rows_per_item, row_end = MIN(row + pass->rows_per_item, pass->grid.h);
  float *scratch = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  for (int group = 0; group < pass->groups; group++)
    run_group(job, scratch, group, row, row_end);
  if (call->r && call->r_half)
    add_half(pass, call, row, row_end);
  const float *r = call->r_half ? NULL : call->r;
  gsize pixels = (gsize)(row_end - row) * (gsize)pass->grid.w, c = (gsize)pass->target.c;
  gsize at = (gsize)row * (gsize)pass->grid.w * c;
  float *y = call->target + at;
  if (call->bias || r || call->relu)
    lus_kernels()->affine(y, y, NULL, call->bias, r ? r + at : NULL, call->relu, pixels, pass->target.c);
  if (call->activation)
    lus_kernels()->activate(y, y, call->activation, c, pixels, pass->target.c);
}

void lus_conv_pass_run(const LusConvPass *pass, const LusRun *run, const LusConvCall *call)
{
  Job job = {.pass = pass, .run = run, .call = call};
  switch (pass->method) {
  case LUS_CONV_DIRECT:
    lus_direct_run(&pass->direct, run, call);
    break;
  case LUS_CONV_WINOGRAD4:
  case LUS_CONV_WINOGRAD2:
  case LUS_CONV_WINOGRAD5:
    lus_winograd_run(&pass->winograd, run, call->target, call->source, call->bias,
                     call->accumulate ? call->target : call->r, call->relu, call->activation);
    break;
  case LUS_CONV_DEPTHWISE:
    lus_depthwise_run(&pass->grid, run, call, pass->source, pass->weights);
    break;
  case LUS_CONV_GEMM:
  default:
    lus_parallel_for(run->pool, lus_n_items(pass->grid.h, pass->rows_per_item), gemm_item, &job);
  }
}
