/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The finest level of a Feature Pyramid Network at once, in infer mode: S(L(x) + D(r)), L a 1x1 convolution, D doubling each pixel of
 * r, S a 3x3 convolution that alone reads the sum. All being linear this is (S L)(x) + (S D)(r). S L is one 3x3 convolution. S D, a
 * transposed convolution with step 2 and 4x4 taps, gives each of four interleaved grids of the result by 2x2 taps on the small r,
 * since where a pixel is doubled the taps on both halves are one. L's bias, which is zero outside of the map, is left out where S
 * looks beyond the border. The sum, often four times as wide as x, is never made. */
#include "nn/op-conv-doubled.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/conv-pass.h"
#include "nn/error.h"

#define TAPS 9
#define MIN_TILES 16 /* of 5x5 pixels, as for the other transforms */
#define TILE 5

typedef struct {
  LusConvPass lateral, phases[4];
  float *bias;   /* [y.c] of both convolutions, or NULL */
  float *border; /* [TAPS][y.c]: what is too much of it at each tap outside of the map, or NULL */
} Doubled;

static int channels(const LusGraph *graph, int value)
{
  return graph->values[value].shape[1];
}

static gboolean is_square(const LusNode *node, int side, int pad)
{
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 2; i++)
    if (a->kernel[i] != side || a->stride[i] != 1 || a->dilation[i] != 1 || a->pad[i] != pad || a->pad[i + 2] != pad)
      return FALSE;
  return a->groups == 1;
}

/* By multiplications per pixel: F(4x4, 3x3) takes 2.25 per tap grid, F(5x5, 2x2) 1.44. */
static gboolean pays(const LusGraph *graph, const LusStep *lateral, const LusStep *step)
{
  const int *r = graph->values[lateral->r_value].shape;
  double in = channels(graph, lateral->x_value), middle = r[1], out = channels(graph, step->y_value);
  double before = in * middle + 2.25 * middle * out, now = 2.25 * in * out + 1.44 * middle * out;
  return now < 0.85 * before && (r[2] + TILE - 1) / TILE * ((r[3] + TILE - 1) / TILE) >= MIN_TILES;
}

gboolean lus_conv_doubled_can(const LusStep *lateral, const LusStep *step)
{
  const char *forced = getenv("LUS_CONV");
  gboolean winograd = !forced || g_str_equal(forced, "blas") || g_str_equal(forced, "winograd5");
  return winograd && lateral->class == &lus_step_conv && lateral->r_half && !lateral->relu && !lateral->norm &&
         lateral->activation.kind == LUS_ACTIVATION_NONE && is_square(lateral->node, 1, 0) &&
         step->class == &lus_step_conv && step->r_value < 0 && !step->norm &&
         step->activation.kind == LUS_ACTIVATION_NONE && is_square(step->node, 3, 1) &&
         (pays(step->graph, lateral, step) || g_strcmp0(forced, "winograd5") == 0);
}

/* ---- preparing ---- */

static void free_state(gpointer data)
{
  Doubled *doubled = data;
  if (!doubled)
    return;
  lus_conv_pass_clear(&doubled->lateral);
  for (int i = 0; i < 4; i++)
    lus_conv_pass_clear(&doubled->phases[i]);
  lus_aligned_free(doubled->bias);
  lus_aligned_free(doubled->border);
  g_free(doubled);
}

static LusMapSize size_of(const LusMap *map)
{
  return (LusMapSize){map->h, map->w, map->c};
}

static gboolean init_passes(LusStep *step, Doubled *doubled)
{
  LusMapSize x = size_of(step->x), r = size_of(step->r), y = size_of(step->y);
  const LusWindow plain = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1}};
  const LusWindow doubling = {.kernel = {4, 4}, .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1}};
  lus_tap_grid_forward(&doubled->lateral.grid, &plain, y.h, y.w);
  gboolean ok = lus_conv_pass_init(&doubled->lateral, step, x, y, 1, LUS_CONV_WINOGRAD4);
  for (int i = 0; i < 4; i++) {
    lus_tap_grid_backward(&doubled->phases[i].grid, &doubling, i / 2, i % 2, y.h, y.w);
    ok = ok && lus_conv_pass_init(&doubled->phases[i], step, r, y, 1, LUS_CONV_WINOGRAD5);
  }
  return ok;
}

/* matrices[tap][middle][out] from S's weights [out][middle][tap]. */
static void turn_weights(float *matrices, const float *weights, gsize middle, gsize out)
{
  for (gsize o = 0; o < out; o++)
    for (gsize m = 0; m < middle; m++)
      for (gsize t = 0; t < TAPS; t++)
        matrices[(t * middle + m) * out + o] = *weights++;
}

/* weights[t][middle][out] of a phase: sums over the taps of S that fall on one pixel of r. Those of the 4x4 taps' row or column k
 * are the bits of @on_one[k]. */
static void sum_taps(float *weights, const LusTapGrid *grid, const float *matrices, gsize n)
{
  static const unsigned on_one[4] = {4, 6, 3, 1};
  memset(weights, 0, (gsize)grid->n * n * sizeof *weights);
  for (int t = 0; t < grid->n; t++)
    for (int tap = 0; tap < TAPS; tap++)
      if (on_one[grid->taps[t].tap / 4] >> tap / 3 & on_one[grid->taps[t].tap % 4] >> tap % 3 & 1)
        lus_kernels()->add_scaled(weights + (gsize)t * n, 1, matrices + (gsize)tap * n, n);
}

/* border[tap] = L's bias through the tap's matrix; bias = S's own and all of these. */
static void set_bias(const LusStep *step, Doubled *doubled, const float *matrices, const float *lateral_bias)
{
  int middle = step->r->c, out = step->y->c;
  const float *own = lus_step_constant(step, 2);
  memset(doubled->bias, 0, (gsize)out * sizeof(float));
  if (own)
    memcpy(doubled->bias, own, (gsize)out * sizeof(float));
  for (int tap = 0; lateral_bias && tap < TAPS; tap++) {
    float *row = doubled->border + tap * out;
    lus_kernels()->gemm(row, lateral_bias, matrices + (gsize)tap * (gsize)middle * (gsize)out, 1, out, middle, out, middle,
                        out, 0);
    lus_kernels()->add_scaled(doubled->bias, 1, row, (gsize)out);
  }
}

static const float *constant_of(const LusStep *step, const LusNode *node, int i)
{
  int value = i < node->n_inputs ? node->inputs[i] : -1;
  return value < 0 ? NULL : step->graph->values[value].constant->data;
}

static gboolean pack(LusStep *step, Doubled *doubled)
{
  int in = step->x->c, middle = step->r->c, out = step->y->c;
  gsize n = (gsize)middle * (gsize)out;
  const float *lateral_bias = constant_of(step, step->lateral, 2);
  float *matrices = lus_aligned_alloc(TAPS * n * sizeof(float));
  float *weights = lus_aligned_alloc(TAPS * (gsize)MAX(in, middle) * (gsize)out * sizeof(float));
  doubled->bias = lus_aligned_alloc((gsize)out * sizeof(float));
  doubled->border = lateral_bias ? lus_aligned_alloc(TAPS * (gsize)out * sizeof(float)) : NULL;
  gboolean ok = matrices && weights && doubled->bias && (doubled->border || !lateral_bias);
  if (ok) {
    turn_weights(matrices, lus_step_constant(step, 1), (gsize)middle, (gsize)out);
    for (gsize tap = 0; tap < TAPS; tap++) /* L's weights are [middle][in] */
      lus_kernels()->gemm(weights + tap * (gsize)in * (gsize)out, constant_of(step, step->lateral, 1), matrices + tap * n, in,
                          out, middle, out, in, out, LUS_GEMM_TRANSPOSE_A);
    lus_conv_pass_set_weights(&doubled->lateral, weights);
    for (int i = 0; i < 4; i++) {
      sum_taps(weights, &doubled->phases[i].grid, matrices, n);
      lus_conv_pass_set_weights(&doubled->phases[i], weights);
    }
    set_bias(step, doubled, matrices, lateral_bias);
  }
  lus_aligned_free(matrices);
  lus_aligned_free(weights);
  return ok;
}

static gboolean prepare(LusStep *step, GError **error)
{
  Doubled *doubled = step->state = g_new0(Doubled, 1);
  if (init_passes(step, doubled) && pack(step, doubled))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for the weights of node \"%s\"", step->node->name);
  return FALSE;
}

/* ---- running ---- */

/* Takes L's bias out of what the taps give that lie outside of the map at (y, x). */
static void mend_pixel(const LusStep *step, int y, int x)
{
  const Doubled *doubled = step->state;
  int h = step->y->h, w = step->y->w, c = step->y->c;
  for (int tap = 0; tap < TAPS; tap++) {
    int row = y + tap / 3 - 1, column = x + tap % 3 - 1;
    if (row < 0 || row >= h || column < 0 || column >= w)
      lus_kernels()->add_scaled(step->y->data + ((gsize)y * (gsize)w + (gsize)x) * (gsize)c, -1, doubled->border + tap * c,
                                (gsize)c);
  }
}

static void mend_border(const LusStep *step)
{
  int h = step->y->h, w = step->y->w;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x += y == 0 || y == h - 1 ? 1 : w - 1)
      mend_pixel(step, y, x);
}

static void forward(const LusStep *step, const LusRun *run)
{
  const Doubled *doubled = step->state;
  const LusConvCall lateral = {.target = step->y->data, .source = step->x->data, .bias = doubled->bias};
  lus_conv_pass_run(&doubled->lateral, run, &lateral);
  if (doubled->border)
    mend_border(step);
  const LusConvCall phase = {.target = step->y->data, .source = step->r->data, .r = step->y->data, .relu = step->relu};
  for (int i = 0; i < 4; i++)
    lus_conv_pass_run(&doubled->phases[i], run, &phase);
}

static const char *method(const LusStep *step)
{
  const Doubled *doubled = step->state;
  return lus_conv_method_name(&doubled->phases[0]);
}

const LusStepClass lus_step_conv_doubled = {.prepare = prepare, .forward = forward, .method = method, .free_state = free_state};
