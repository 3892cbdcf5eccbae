/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conv and ConvTranspose. Conv: patches of a few rows that stay in the second-level cache, times the weights as one matrix
 * per group. A 1x1 convolution needs no patches; a 3x3 one of step 1 goes through winograd.c. The
 * gradients are the same with other taps (input) and the transpose (weights). ConvTranspose is the
 * gradient of a Conv's input. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/depthwise.h"
#include "nn/error.h"
#include "nn/ops.h"
#include "nn/taps.h"
#include "nn/winograd.h"

/* Floats of patches per work item: half of a second-level cache of 512 KiB. */
#define PATCH_FLOATS 65536
/* The weights' gradient is summed in at most so many slices of rows, each of at least so many
 * pixels. */
#define MAX_SLICES 4
#define SLICE_PIXELS 4096

typedef struct {
  LusTapGrid grid;
  float *weights; /* [groups][taps][in][out] of this grid's direction */
  int rows_per_item;
  gboolean use_winograd;
  LusWinograd winograd;
  gboolean use_depthwise; /* infer mode: the weights are [taps][channels] */
} Pass;

typedef struct {
  int groups, in, out; /* channels per group */
  LusMapSize x, y;
  Pass forward;
  int n_backward; /* stride x stride in train mode, else 0 */
  Pass *backward;
  float *bias; /* infer mode with bias or folded norm: [groups * out] */
  int slices;
} Conv;

static gsize patch_floats(const Pass *pass, LusMapSize source, int in)
{
  if (lus_tap_grid_is_identity(&pass->grid, source))
    return 0;
  return (gsize)pass->rows_per_item * (gsize)pass->grid.w * (gsize)pass->grid.n * (gsize)in;
}

/* ---- packing ---- */

/* weights[g][t][i][o] = w[g out + o][i][tap t] * scale[g out + o]; scale NULL: 1. */
static void pack_forward(const Conv *conv, Pass *pass, const float *w, int taps, const float *scale)
{
  int n = pass->grid.n;
  for (int o = 0; o < conv->groups * conv->out; o++) {
    float s = scale ? scale[o] : 1;
    gsize group = (gsize)(o / conv->out) * (gsize)n;
    for (int i = 0; i < conv->in; i++, w += taps)
      for (int t = 0; t < n; t++)
        pass->weights[((group + (gsize)t) * (gsize)conv->in + (gsize)i) * (gsize)conv->out +
                      (gsize)(o % conv->out)] = w[pass->grid.taps[t].tap] * s;
  }
  if (pass->use_winograd)
    lus_winograd_set_weights(&pass->winograd, pass->weights);
}

/* weights[g][t][o][i] = w[g out + o][i][tap t]. */
static void pack_backward(const Conv *conv, Pass *pass, const float *w, int taps)
{
  int n = pass->grid.n;
  for (int o = 0; o < conv->groups * conv->out; o++) {
    gsize group = (gsize)(o / conv->out) * (gsize)n;
    for (int t = 0; t < n; t++) {
      float *row =
          pass->weights +
          ((group + (gsize)t) * (gsize)conv->out + (gsize)(o % conv->out)) * (gsize)conv->in;
      const float *from = w + (gsize)o * (gsize)conv->in * (gsize)taps + pass->grid.taps[t].tap;
      for (int i = 0; i < conv->in; i++)
        row[i] = from[(gsize)i * (gsize)taps];
    }
  }
  if (pass->use_winograd)
    lus_winograd_set_weights(&pass->winograd, pass->weights);
}

/* ---- running one grid ---- */

typedef struct {
  const Pass *pass;
  const LusRun *run;
  float *target;
  LusMapSize target_size;
  const float *source;
  LusMapSize source_size;
  int groups, in, out; /* channels per group of source and target */
  gboolean accumulate;
  gboolean finish; /* bias, r and relu follow */
  const float *bias;
  const LusStep *step;
} Job;

/* Copies [pixels][out] to the pixels of a grid that is not dense. */
static void scatter(const Job *job, const float *from, int group, int row, int row_end)
{
  const LusTapGrid *grid = &job->pass->grid;
  for (int i = row; i < row_end; i++) {
    int y = i * grid->target_step[0] + grid->target_origin[0];
    for (int j = 0; j < grid->w; j++) {
      int x = j * grid->target_step[1] + grid->target_origin[1];
      float *to = job->target +
                  ((gsize)y * (gsize)job->target_size.w + (gsize)x) * (gsize)job->target_size.c +
                  (gsize)group * (gsize)job->out;
      if (!from && !job->accumulate) {
        memset(to, 0, (gsize)job->out * sizeof *to);
      } else if (from && job->accumulate) {
        for (int c = 0; c < job->out; c++)
          to[c] += from[c];
      } else if (from) {
        memcpy(to, from, (gsize)job->out * sizeof *to);
      }
      if (from)
        from += job->out;
    }
  }
}

static void run_group(const Job *job, float *scratch, int group, int row, int row_end)
{
  const LusTapGrid *grid = &job->pass->grid;
  gboolean dense = lus_tap_grid_is_dense(grid),
           identity = lus_tap_grid_is_identity(grid, job->source_size);
  gsize first = (gsize)row * (gsize)grid->w;
  int pixels = (row_end - row) * grid->w, k = grid->n * job->in;
  if (k == 0) {
    scatter(job, NULL, group, row, row_end);
    return;
  }
  const float *patches = scratch;
  int pitch = k;
  if (identity) {
    patches = job->source + first * (gsize)job->source_size.c + (gsize)group * (gsize)job->in;
    pitch = job->source_size.c;
  } else {
    lus_tap_grid_gather(grid, scratch, job->source, job->source_size, group * job->in, job->in, row,
                        row_end);
  }
  const float *weights = job->pass->weights + (gsize)group * (gsize)k * (gsize)job->out;
  if (dense) {
    float *to = job->target + first * (gsize)job->target_size.c + (gsize)group * (gsize)job->out;
    lus_kernels()->gemm(to, patches, weights, pixels, job->out, k, job->target_size.c, pitch,
                        job->out, job->accumulate ? LUS_GEMM_ACCUMULATE : 0);
  } else {
    float *to = scratch + patch_floats(job->pass, job->source_size, job->in);
    lus_kernels()->gemm(to, patches, weights, pixels, job->out, k, job->out, pitch, job->out, 0);
    scatter(job, to, group, row, row_end);
  }
}

static void run_item(void *data, int item, int thread)
{
  const Job *job = data;
  const LusTapGrid *grid = &job->pass->grid;
  int row = item * job->pass->rows_per_item, row_end = MIN(row + job->pass->rows_per_item, grid->h);
  float *scratch = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  for (int group = 0; group < job->groups; group++)
    run_group(job, scratch, group, row, row_end);
  if (!job->finish)
    return;
  gsize pixels = (gsize)(row_end - row) * (gsize)grid->w;
  gsize at = (gsize)row * (gsize)grid->w * (gsize)job->target_size.c;
  lus_kernels()->affine(job->target + at, job->target + at, NULL, job->bias,
                        job->step->r ? job->step->r->data + at : NULL, job->step->relu, pixels,
                        job->target_size.c);
}

static void winograd_item(void *data, int item, int thread)
{
  const Job *job = data;
  const float *r = job->accumulate               ? job->target
                   : job->finish && job->step->r ? job->step->r->data
                                                 : NULL;
  lus_winograd_item(&job->pass->winograd, job->target, job->source, job->bias, r,
                    job->finish && job->step->relu, item,
                    job->run->scratch + (gsize)thread * job->run->scratch_stride);
}

static void depthwise_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const Pass *pass = job->pass;
  int row = item * pass->rows_per_item, end = MIN(row + pass->rows_per_item, pass->grid.h);
  for (; row < end; row++)
    lus_depthwise_row(&pass->grid, job->target, job->source, job->source_size, pass->weights,
                      job->bias, step->r ? step->r->data : NULL, step->relu, row);
}

static void run_pass(Job *job)
{
  if (job->pass->use_depthwise) {
    lus_parallel_for(job->run->pool, lus_n_items(job->pass->grid.h, job->pass->rows_per_item),
                     depthwise_item, job);
    return;
  }
  if (job->pass->use_winograd) {
    lus_parallel_for(job->run->pool, job->pass->winograd.n_items, winograd_item, job);
    return;
  }
  lus_parallel_for(job->run->pool, lus_n_items(job->pass->grid.h, job->pass->rows_per_item),
                   run_item, job);
}

static void forward(const LusStep *step, const LusRun *run)
{
  Conv *conv = step->state;
  if (step->train)
    pack_forward(conv, &conv->forward, lus_step_constant(step, 1),
                 step->node->attrs.kernel[0] * step->node->attrs.kernel[1], NULL);
  const float *bias = step->train ? lus_step_constant(step, 2) : conv->bias;
  Job job = {
      .pass = &conv->forward,
      .run = run,
      .target = step->y->data,
      .target_size = conv->y,
      .source = step->x->data,
      .source_size = conv->x,
      .groups = conv->groups,
      .in = conv->in,
      .out = conv->out,
      .finish = bias || step->r || step->relu,
      .bias = bias,
      .step = step,
  };
  run_pass(&job);
}

/* ---- gradients ---- */

static gsize slice_floats(const Conv *conv)
{
  return (gsize)conv->groups * (gsize)conv->out *
         ((gsize)conv->forward.grid.n * (gsize)conv->in + 1);
}

typedef struct {
  const LusStep *step;
  const LusRun *run;
} SliceJob;

/* The slice's part of d_weights [groups][taps][in][out] and, behind it, of d_bias, into
 * run->shared. */
static void slice_item(void *data, int slice, int thread)
{
  const SliceJob *job = data;
  const LusStep *step = job->step;
  const Conv *conv = step->state;
  const LusTapGrid *grid = &conv->forward.grid;
  gboolean identity = lus_tap_grid_is_identity(grid, conv->x);
  float *patches = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  float *d_weights = job->run->shared + (gsize)slice * slice_floats(conv);
  float *d_bias = d_weights + slice_floats(conv) - conv->y.c;
  memset(d_weights, 0, slice_floats(conv) * sizeof(float));
  int k = grid->n * conv->in;
  int end = (int)((gint64)grid->h * (slice + 1) / conv->slices);
  for (int row = (int)((gint64)grid->h * slice / conv->slices); row < end;
       row += conv->forward.rows_per_item) {
    int row_end = MIN(row + conv->forward.rows_per_item, end);
    int pixels = (row_end - row) * grid->w;
    gsize first = (gsize)row * (gsize)grid->w;
    const float *dy = step->y->grad + first * (gsize)conv->y.c;
    for (int group = 0; group < conv->groups; group++) {
      if (!identity)
        lus_tap_grid_gather(grid, patches, step->x->data, conv->x, group * conv->in, conv->in, row,
                            row_end);
      const float *a =
          identity ? step->x->data + first * (gsize)conv->x.c + (gsize)group * (gsize)conv->in
                   : patches;
      lus_kernels()->gemm(d_weights + (gsize)group * (gsize)k * (gsize)conv->out, a,
                          dy + (gsize)group * (gsize)conv->out, k, conv->out, pixels, conv->out,
                          identity ? conv->x.c : k, conv->y.c,
                          LUS_GEMM_TRANSPOSE_A | LUS_GEMM_ACCUMULATE);
    }
    lus_kernels()->column_sum(d_bias, dy, (gsize)pixels, conv->y.c);
  }
}

static void backward_weights(const LusStep *step, const LusRun *run)
{
  const Conv *conv = step->state;
  SliceJob job = {.step = step, .run = run};
  lus_parallel_for(run->pool, conv->slices, slice_item, &job);
  for (int slice = 1; slice < conv->slices; slice++)
    lus_kernels()->add_scaled(run->shared, 1, run->shared + (gsize)slice * slice_floats(conv),
                              slice_floats(conv));

  const LusTapGrid *grid = &conv->forward.grid;
  float *to = lus_step_gradient(step, run, 1);
  for (int o = 0; o < conv->groups * conv->out; o++) {
    const float *from =
        run->shared + (gsize)(o / conv->out) * (gsize)grid->n * (gsize)conv->in * (gsize)conv->out +
        o % conv->out;
    for (int i = 0; i < conv->in;
         i++, to += grid->n) /* the forward grid has every tap, in the kernel's order */
      for (int t = 0; t < grid->n; t++)
        to[t] += from[((gsize)t * (gsize)conv->in + (gsize)i) * (gsize)conv->out];
  }
  float *d_bias = lus_step_gradient(step, run, 2);
  if (d_bias)
    lus_kernels()->add_scaled(d_bias, 1, run->shared + slice_floats(conv) - conv->y.c,
                              (gsize)conv->y.c);
}

static void backward(const LusStep *step, const LusRun *run)
{
  const Conv *conv = step->state;
  backward_weights(step, run);
  if (step->x_is_input && !run->d_input)
    return;
  for (int i = 0; i < conv->n_backward; i++) {
    Pass *pass = &conv->backward[i];
    pack_backward(conv, pass, lus_step_constant(step, 1),
                  step->node->attrs.kernel[0] * step->node->attrs.kernel[1]);
    Job job = {
        .pass = pass,
        .run = run,
        .target = step->x->grad,
        .target_size = conv->x,
        .source = step->y->grad,
        .source_size = conv->y,
        .groups = conv->groups,
        .in = conv->out,
        .out = conv->in,
        .accumulate = step->x_accumulate,
    };
    run_pass(&job);
  }
}

/* ---- preparing ---- */

static void pass_free(Pass *pass)
{
  lus_tap_grid_clear(&pass->grid);
  lus_aligned_free(pass->weights);
  lus_aligned_free(pass->winograd.weights);
}

static void free_state(gpointer state)
{
  Conv *conv = state;
  if (!conv)
    return;
  pass_free(&conv->forward);
  for (int i = 0; i < conv->n_backward; i++)
    pass_free(&conv->backward[i]);
  g_free(conv->backward);
  lus_aligned_free(conv->bias);
  g_free(conv);
}

/* After the pass's grid is set: its method, weights and scratch space. @in, @out: channels per
 * group in its direction. */
static gboolean pass_init(Pass *pass, LusStep *step, LusMapSize source, LusMapSize target,
                          int groups, int in, int out)
{
  gsize row = (gsize)pass->grid.w * (gsize)MAX(pass->grid.n * in, out);
  pass->rows_per_item = MIN(lus_rows_per_item(PATCH_FLOATS, row), MAX(pass->grid.h, 1));
  gsize scattered = lus_tap_grid_is_dense(&pass->grid)
                        ? 0
                        : (gsize)pass->rows_per_item * (gsize)pass->grid.w * (gsize)out;
  step->scratch = MAX(step->scratch, patch_floats(pass, source, in) + scattered);
  gsize weights = (gsize)groups * (gsize)pass->grid.n * (gsize)in * (gsize)out;
  step->weights += weights;
  pass->weights = lus_aligned_alloc(weights * sizeof(float));
  pass->use_winograd =
      groups == 1 && lus_winograd_init(&pass->winograd, &pass->grid, source, target);
  if (pass->use_winograd) {
    weights = lus_winograd_weight_floats(&pass->winograd);
    step->weights += weights;
    pass->winograd.weights = lus_aligned_alloc(weights * sizeof(float));
    step->scratch = MAX(step->scratch, lus_winograd_scratch_floats(&pass->winograd));
  }
  return pass->weights && (pass->winograd.weights || !pass->use_winograd);
}

static gboolean init_backward_passes(LusStep *step, Conv *conv, const LusWindow *window)
{
  conv->backward = g_new0(Pass, window->stride[0] * window->stride[1]);
  for (int py = 0; py < window->stride[0]; py++) {
    for (int px = 0; px < window->stride[1]; px++) {
      Pass *pass = &conv->backward[conv->n_backward++];
      lus_tap_grid_backward(&pass->grid, window, py, px, conv->x.h, conv->x.w);
      if (!pass_init(pass, step, conv->y, conv->x, conv->groups, conv->out, conv->in))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean init_backward(LusStep *step, Conv *conv, const LusWindow *window)
{
  if (!init_backward_passes(step, conv, window))
    return FALSE;
  conv->slices = CLAMP(conv->y.h * conv->y.w / SLICE_PIXELS, 1, MIN(MAX_SLICES, conv->y.h));
  step->shared = (gsize)conv->slices * slice_floats(conv);
  return TRUE;
}

/* From [channels][taps] to [taps][channels]. */
static gboolean use_depthwise(LusStep *step, Conv *conv)
{
  Pass *pass = &conv->forward;
  gsize n = (gsize)pass->grid.n, channels = (gsize)conv->groups;
  float *weights = lus_aligned_alloc(n * channels * sizeof *weights);
  if (!weights)
    return FALSE;
  for (gsize c = 0; c < channels; c++)
    for (gsize t = 0; t < n; t++)
      weights[t * channels + c] = pass->weights[c * n + t];
  lus_aligned_free(pass->weights);
  pass->weights = weights;
  pass->use_depthwise = TRUE;
  pass->rows_per_item =
      MIN(lus_rows_per_item(PATCH_FLOATS, (gsize)pass->grid.w * channels), MAX(pass->grid.h, 1));
  step->scratch = 0; /* no patches */
  return TRUE;
}

/* Infer mode: bias and weights, times the BatchNorm that follows: y = s (conv(x) + b - mean) +
 * shift, s = scale / sqrt(variance + epsilon). */
static gboolean pack_once(LusStep *step, Conv *conv)
{
  int channels = conv->y.c;
  const float *bias = lus_step_constant(step, 2);
  g_autofree float *scale = NULL;
  if (bias || step->norm) {
    conv->bias = lus_aligned_alloc((gsize)channels * sizeof(float));
    if (!conv->bias)
      return FALSE;
    if (bias)
      memcpy(conv->bias, bias, (gsize)channels * sizeof(float));
  }
  if (step->norm) {
    const float *p[5];
    for (int i = 1; i < 5; i++)
      p[i] = step->graph->values[step->norm->inputs[i]].constant->data;
    scale = g_new(float, channels);
    for (int i = 0; i < channels; i++) {
      scale[i] = p[1][i] / sqrtf(p[4][i] + step->norm->attrs.epsilon);
      conv->bias[i] = scale[i] * (conv->bias[i] - p[3][i]) + p[2][i];
    }
  }
  pack_forward(conv, &conv->forward, lus_step_constant(step, 1),
               step->node->attrs.kernel[0] * step->node->attrs.kernel[1], scale);
  if (conv->in == 1 && conv->out == 1 && conv->groups > 1 &&
      conv->forward.grid.n <= LUS_DEPTHWISE_MAX_TAPS)
    return use_depthwise(step, conv);
  if (conv->forward.use_winograd) { /* only the transformed weights are needed */
    step->weights -= (gsize)conv->forward.grid.n * (gsize)conv->in * (gsize)conv->out;
    g_clear_pointer(&conv->forward.weights, lus_aligned_free);
  }
  return TRUE;
}

static gboolean prepare(LusStep *step, GError **error)
{
  const LusOpAttrs *a = &step->node->attrs;
  Conv *conv = g_new0(Conv, 1);
  step->state = conv;
  conv->x = (LusMapSize){step->x->h, step->x->w, step->x->c};
  conv->y = (LusMapSize){step->y->h, step->y->w, step->y->c};
  conv->groups = a->groups;
  conv->in = conv->x.c / a->groups;
  conv->out = conv->y.c / a->groups;
  LusWindow window = {
      .kernel = {a->kernel[0], a->kernel[1]},
      .stride = {a->stride[0], a->stride[1]},
      .dilation = {a->dilation[0], a->dilation[1]},
      .pad = {a->pad[0], a->pad[1]},
  };
  lus_tap_grid_forward(&conv->forward.grid, &window, conv->y.h, conv->y.w);
  if (!pass_init(&conv->forward, step, conv->x, conv->y, conv->groups, conv->in, conv->out) ||
      !(step->train ? init_backward(step, conv, &window) : pack_once(step, conv))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for the weights of node \"%s\"",
                step->node->name);
    return FALSE;
  }
  return TRUE;
}

const LusStepClass lus_step_conv = {prepare, forward, backward, free_state, TRUE};

/* ---- ConvTranspose: x has the place of a Conv's result, y that of its input ---- */

static void transpose_finish_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const Conv *conv = step->state;
  gsize at = (gsize)i * (gsize)conv->x.w * (gsize)conv->x.c;
  float *y = step->y->data + at;
  lus_kernels()->affine(y, y, NULL, lus_step_constant(step, 2), step->r ? step->r->data + at : NULL,
                        step->relu, (gsize)conv->x.w, conv->x.c);
}

static void transpose_forward(const LusStep *step, const LusRun *run)
{
  Conv *conv = step->state;
  for (int i = 0; i < conv->n_backward; i++) {
    Job job = {
        .pass = &conv->backward[i],
        .run = run,
        .target = step->y->data,
        .target_size = conv->x,
        .source = step->x->data,
        .source_size = conv->y,
        .groups = conv->groups,
        .in = conv->out,
        .out = conv->in,
        .step = step,
    };
    run_pass(&job);
  }
  if (lus_step_constant(step, 2) || step->r || step->relu)
    lus_parallel_for(run->pool, conv->x.h, transpose_finish_row, (void *)step);
}

static gboolean transpose_prepare(LusStep *step, GError **error)
{
  const LusOpAttrs *a = &step->node->attrs;
  Conv *conv = g_new0(Conv, 1);
  step->state = conv;
  conv->x = (LusMapSize){step->y->h, step->y->w, step->y->c};
  conv->y = (LusMapSize){step->x->h, step->x->w, step->x->c};
  conv->groups = a->groups;
  conv->in = conv->x.c / a->groups;
  conv->out = conv->y.c / a->groups;
  LusWindow window = {
      .kernel = {a->kernel[0], a->kernel[1]},
      .stride = {a->stride[0], a->stride[1]},
      .dilation = {a->dilation[0], a->dilation[1]},
      .pad = {a->pad[0], a->pad[1]},
  };
  gboolean ok = init_backward_passes(step, conv, &window);
  for (int i = 0; ok && i < conv->n_backward; i++)
    pack_backward(conv, &conv->backward[i], lus_step_constant(step, 1),
                  a->kernel[0] * a->kernel[1]);
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for the weights of node \"%s\"",
                step->node->name);
  return ok;
}

const LusStepClass lus_step_conv_transpose = {
    .prepare = transpose_prepare,
    .forward = transpose_forward,
    .free_state = free_state,
    .finishes = TRUE,
};
