/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conv and ConvTranspose: grids of taps, see conv-pass.h. The gradient of a Conv's input is the same
 * with other taps; that of the weights is the transpose. ConvTranspose is the gradient of a Conv's
 * input. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/conv-pass.h"
#include "nn/conv-weights.h"
#include "nn/conv-tune.h"
#include "nn/error.h"
#include "nn/ops.h"
#include "nn/taps.h"

typedef struct {
  int groups, in, out; /* channels per group */
  LusMapSize x, y;
  LusConvPass forward;
  int n_backward; /* stride x stride in train mode, else 0 */
  LusConvPass *backward;
  float *bias;    /* infer mode with bias or folded norm: [groups * out] */
  float *weights; /* room for one pass's weights in plain order while they are packed */
  LusConvWeights d_weights;
} Conv;

/* ---- packing ---- */

/* weights[g][t][i][o] = w[g out + o][i][tap t] * scale[g out + o]; scale NULL: 1. Some outputs at a
 * time, so that both sides are read and written in runs. */
static void pack_forward(const Conv *conv, LusConvPass *pass, const float *w, int taps,
                         const float *scale)
{
  enum { OUTPUTS = 16 };
  gsize n = (gsize)pass->grid.n, in = (gsize)conv->in, out = (gsize)conv->out;
  gsize pitch = in * (gsize)taps; /* from output to output in w */
  for (gsize first = 0; first < (gsize)conv->groups * out;) {
    gsize group = first / out, o = first % out, count = MIN(OUTPUTS, out - o);
    for (gsize i = 0; i < in; i++)
      for (gsize t = 0; t < n; t++) {
        float *to = conv->weights + ((group * n + t) * in + i) * out + o;
        const float *from = w + first * pitch + i * (gsize)taps + pass->grid.taps[t].tap;
        for (gsize k = 0; k < count; k++)
          to[k] = from[k * pitch] * (scale ? scale[first + k] : 1);
      }
    first += count;
  }
  lus_conv_pass_set_weights(pass, conv->weights);
}

/* weights[g][t][o][i] = w[g out + o][i][tap t] * scale[g in + i]; scale NULL: 1. */
static void pack_backward(const Conv *conv, LusConvPass *pass, const float *w, int taps,
                          const float *scale)
{
  int n = pass->grid.n;
  for (int o = 0; o < conv->groups * conv->out; o++) {
    gsize group = (gsize)(o / conv->out) * (gsize)n;
    for (int t = 0; t < n; t++) {
      float *row = conv->weights + ((group + (gsize)t) * (gsize)conv->out + (gsize)(o % conv->out)) *
                                       (gsize)conv->in;
      const float *from = w + (gsize)o * (gsize)conv->in * (gsize)taps + pass->grid.taps[t].tap;
      for (int i = 0; i < conv->in; i++)
        row[i] = from[(gsize)i * (gsize)taps] * (scale ? scale[o / conv->out * conv->in + i] : 1);
    }
  }
  lus_conv_pass_set_weights(pass, conv->weights);
}

static void forward(const LusStep *step, const LusRun *run)
{
  const Conv *conv = step->state;
  const LusConvCall call = {
      .target = step->y->data,
      .source = step->x->data,
      .bias = step->train ? lus_step_constant(step, 2) : conv->bias,
      .r = step->r ? step->r->data : NULL,
      .r_half = step->r_half,
      .relu = step->relu,
      .activation = step->activation.kind == LUS_ACTIVATION_NONE ? NULL : &step->activation,
  };
  lus_conv_pass_run(&conv->forward, run, &call);
}

/* ---- gradients ---- */

static void backward(const LusStep *step, const LusRun *run)
{
  const Conv *conv = step->state;
  if (step->x_is_input && !run->d_input)
    return;
  for (int i = 0; i < conv->n_backward; i++) {
    const LusConvCall call = {
        .target = step->x->grad,
        .source = step->y->grad,
        .accumulate = step->x_accumulate,
    };
    lus_conv_pass_run(&conv->backward[i], run, &call);
  }
}

static void load(const LusStep *step, gboolean backward)
{
  Conv *conv = step->state;
  const float *w = lus_step_constant(step, 1);
  int taps = step->node->attrs.kernel[0] * step->node->attrs.kernel[1];
  if (!backward)
    pack_forward(conv, &conv->forward, w, taps, NULL);
  for (int i = 0; backward && i < conv->n_backward; i++)
    pack_backward(conv, &conv->backward[i], w, taps, NULL);
}

static void learn(const LusStep *const *samples, int n, const LusRun *run)
{
  const Conv *conv = samples[0]->state;
  lus_conv_weights_run(&conv->d_weights, samples, n, run);
}

/* ---- preparing ---- */

static void free_state(gpointer state)
{
  Conv *conv = state;
  if (!conv)
    return;
  lus_conv_pass_clear(&conv->forward);
  for (int i = 0; i < conv->n_backward; i++)
    lus_conv_pass_clear(&conv->backward[i]);
  g_free(conv->backward);
  lus_aligned_free(conv->bias);
  lus_aligned_free(conv->weights);
  g_free(conv);
}

static gboolean pass_init(LusConvPass *pass, LusStep *step, LusMapSize source, LusMapSize target,
                          int groups)
{
  pass->source = source;
  pass->target = target;
  pass->groups = groups;
  pass->in = source.c / groups;
  pass->out = target.c / groups;
  LusConvMethod method = lus_conv_pass_rule(pass);
  if (!step->train && !step->r_half && lus_conv_tune_wanted() && !lus_conv_tune(pass, &method))
    return FALSE;
  return lus_conv_pass_init(pass, step, source, target, groups, method);
}

static gboolean alloc_weights(Conv *conv, const LusOpAttrs *a)
{
  gsize taps = (gsize)a->kernel[0] * (gsize)a->kernel[1];
  conv->weights = lus_aligned_alloc((gsize)conv->groups * (gsize)conv->in * (gsize)conv->out * taps *
                                    sizeof(float));
  return conv->weights != NULL;
}

static gboolean init_backward_passes(LusStep *step, Conv *conv, const LusWindow *window)
{
  conv->backward = g_new0(LusConvPass, window->stride[0] * window->stride[1]);
  for (int py = 0; py < window->stride[0]; py++) {
    for (int px = 0; px < window->stride[1]; px++) {
      LusConvPass *pass = &conv->backward[conv->n_backward++];
      lus_tap_grid_backward(&pass->grid, window, py, px, conv->x.h, conv->x.w);
      if (!pass_init(pass, step, conv->y, conv->x, conv->groups))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean init_backward(LusStep *step, Conv *conv, const LusWindow *window)
{
  if (!init_backward_passes(step, conv, window))
    return FALSE;
  lus_conv_weights_init(&conv->d_weights, step, &conv->forward.grid, conv->x, conv->y,
                        conv->groups);
  step->weights += (gsize)conv->groups * (gsize)conv->in * (gsize)conv->out *
                   (gsize)conv->forward.grid.n;
  return TRUE;
}

/* Infer mode: the bias and, newly allocated, the weights' factors of the BatchNorm that follows (NULL:
 * none does) for the step's @channels: y = s (conv(x) + b - mean) + shift, s = scale / sqrt(variance +
 * epsilon). */
static gboolean fold_norm(const LusStep *step, Conv *conv, int channels, float **scale)
{
  const float *bias = lus_step_constant(step, 2), *p[5];
  *scale = NULL;
  if (!bias && !step->norm)
    return TRUE;
  conv->bias = lus_aligned_alloc((gsize)channels * sizeof(float));
  if (!conv->bias)
    return FALSE;
  for (int i = 0; i < channels; i++)
    conv->bias[i] = bias ? bias[i] : 0;
  if (!step->norm)
    return TRUE;
  for (int i = 1; i < 5; i++)
    p[i] = step->graph->values[step->norm->inputs[i]].constant->data;
  *scale = g_new(float, channels);
  for (int i = 0; i < channels; i++) {
    (*scale)[i] = p[1][i] / sqrtf(p[4][i] + step->norm->attrs.epsilon);
    conv->bias[i] = (*scale)[i] * (conv->bias[i] - p[3][i]) + p[2][i];
  }
  return TRUE;
}

static gboolean pack_once(LusStep *step, Conv *conv)
{
  g_autofree float *scale = NULL;
  if (!fold_norm(step, conv, conv->y.c, &scale))
    return FALSE;
  pack_forward(conv, &conv->forward, lus_step_constant(step, 1),
               step->node->attrs.kernel[0] * step->node->attrs.kernel[1], scale);
  g_clear_pointer(&conv->weights, lus_aligned_free);
  return TRUE;
}

/* @x, @y: what a Conv would read and write. */
static Conv *conv_new(const LusOpAttrs *a, const LusMap *x, const LusMap *y)
{
  Conv *conv = g_new0(Conv, 1);
  conv->x = (LusMapSize){x->h, x->w, x->c};
  conv->y = (LusMapSize){y->h, y->w, y->c};
  conv->groups = a->groups;
  conv->in = x->c / a->groups;
  conv->out = y->c / a->groups;
  return conv;
}

static LusWindow window_of(const LusOpAttrs *a)
{
  return (LusWindow){
      .kernel = {a->kernel[0], a->kernel[1]},
      .stride = {a->stride[0], a->stride[1]},
      .dilation = {a->dilation[0], a->dilation[1]},
      .pad = {a->pad[0], a->pad[1]},
  };
}

static gboolean prepare(LusStep *step, GError **error)
{
  const LusOpAttrs *a = &step->node->attrs;
  Conv *conv = step->state = conv_new(a, step->x, step->y);
  LusWindow window = window_of(a);
  lus_tap_grid_forward(&conv->forward.grid, &window, conv->y.h, conv->y.w);
  if (!alloc_weights(conv, a) || !pass_init(&conv->forward, step, conv->x, conv->y, conv->groups) ||
      !(step->train ? init_backward(step, conv, &window) : pack_once(step, conv))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for the weights of node \"%s\"",
                step->node->name);
    return FALSE;
  }
  return TRUE;
}

static const char *method(const LusStep *step)
{
  const Conv *conv = step->state;
  return lus_conv_method_name(&conv->forward);
}

const LusStepClass lus_step_conv = {
    .prepare = prepare,
    .method = method,
    .forward = forward,
    .backward = backward,
    .free_state = free_state,
    .finishes = TRUE,
    .activates = TRUE,
    .load = load,
    .learn = learn,
};

/* ---- ConvTranspose: x has the place of a Conv's result, y that of its input ---- */

static void transpose_finish_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const Conv *conv = step->state;
  gsize at = (gsize)i * (gsize)conv->x.w * (gsize)conv->x.c;
  float *y = step->y->data + at;
  if (conv->bias || step->r || step->relu)
    lus_kernels()->affine(y, y, NULL, conv->bias, step->r ? step->r->data + at : NULL, step->relu,
                          (gsize)conv->x.w, conv->x.c);
  if (step->activation.kind != LUS_ACTIVATION_NONE)
    lus_kernels()->activate(y, y, &step->activation, (gsize)conv->x.c, (gsize)conv->x.w, conv->x.c);
}

static void transpose_forward(const LusStep *step, const LusRun *run)
{
  Conv *conv = step->state;
  for (int i = 0; i < conv->n_backward; i++) {
    const LusConvCall call = {.target = step->y->data, .source = step->x->data};
    lus_conv_pass_run(&conv->backward[i], run, &call);
  }
  if (conv->bias || step->r || step->relu || step->activation.kind != LUS_ACTIVATION_NONE)
    lus_parallel_for(run->pool, conv->x.h, transpose_finish_row, (void *)step);
}

static gboolean transpose_prepare(LusStep *step, GError **error)
{
  const LusOpAttrs *a = &step->node->attrs;
  Conv *conv = step->state = conv_new(a, step->y, step->x);
  LusWindow window = window_of(a);
  g_autofree float *scale = NULL;
  gboolean ok = alloc_weights(conv, a) && init_backward_passes(step, conv, &window) &&
                fold_norm(step, conv, conv->x.c, &scale);
  for (int i = 0; ok && i < conv->n_backward; i++)
    pack_backward(conv, &conv->backward[i], lus_step_constant(step, 1),
                  a->kernel[0] * a->kernel[1], scale);
  g_clear_pointer(&conv->weights, lus_aligned_free);
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
    .activates = TRUE,
};
