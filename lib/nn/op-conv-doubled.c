/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 3x3 convolutions S of a map of which each pixel was doubled, D(r), in infer mode:
 *   S(D(r));
 *   S(D(r) beside x), a U-Net's way up: S's weights for r's channels and for x's, (S D)(r) + S(x);
 *   S(L(x) + D(r)), L a 1x1 convolution, the finest level of a Feature Pyramid Network: (S L)(x) + (S D)(r), S L one 3x3 convolution.
 * S D, a transposed convolution with step 2 and 4x4 taps, gives each of four interleaved grids of the result by 2x2 taps on the small
 * r, since where a pixel is doubled the taps on both halves are one. L's bias, which is zero outside of the map, is left out where S
 * looks beyond the border. Neither the doubled map nor the sum, often four times as wide as x, is ever made. */
#include "nn/op-conv-doubled.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/conv-pass.h"
#include "nn/error.h"

#define TAPS 9
#define MIN_TILES 16 /* of 5x5 pixels, as for the other transforms */
#define TILE 5
#define MIN_CHANNELS 8

typedef struct {
  LusConvPass lateral, phases[4]; /* lateral: where there is an x beside the doubled map */
  float *bias;                    /* [y.c] of S and L */
  float *border; /* [TAPS][y.c]: what is too much of it at each tap outside of the map, or NULL */
} Doubled;

/* The map that is doubled. */
static const LusMap *small_map(const LusStep *step)
{
  return step->r ? step->r : step->x;
}

static gboolean is_square(const LusNode *node, int side, int pad)
{
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 2; i++)
    if (a->kernel[i] != side || a->stride[i] != 1 || a->dilation[i] != 1 || a->pad[i] != pad || a->pad[i + 2] != pad)
      return FALSE;
  return a->groups == 1;
}

/* By multiplications per pixel: F(4x4, 3x3) takes 2.25 for each pair of channels, F(5x5, 2x2) 1.44. */
static gboolean pays(const LusGraph *graph, const LusDoubled *doubled, const LusStep *step)
{
  const int *small = graph->values[doubled->small].shape;
  double in = doubled->x < 0 ? 0 : graph->values[doubled->x].shape[1], middle = small[1];
  double out = graph->values[step->y_value].shape[1], now = 2.25 * in * out + 1.44 * middle * out, before = 2.25 * middle * out;
  before += doubled->maker->type == LUS_OP_CONV ? in * middle : 2.25 * in * out;
  return middle >= MIN_CHANNELS && now < 0.85 * before && (small[2] + TILE - 1) / TILE * ((small[3] + TILE - 1) / TILE) >= MIN_TILES;
}

gboolean lus_conv_doubled_can(const LusStep *step, const LusDoubled *doubled)
{
  const char *forced = getenv("LUS_CONV");
  gboolean winograd = !forced || g_str_equal(forced, "blas") || g_str_equal(forced, "winograd5");
  return winograd && step->class == &lus_step_conv && step->r_value < 0 && !step->norm &&
         step->activation.kind == LUS_ACTIVATION_NONE && is_square(step->node, 3, 1) &&
         (doubled->maker->type != LUS_OP_CONV || is_square(doubled->maker, 1, 0)) &&
         (pays(step->graph, doubled, step) || g_strcmp0(forced, "winograd5") == 0);
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
  LusMapSize small = size_of(small_map(step)), y = size_of(step->y);
  const LusWindow plain = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1}};
  const LusWindow doubling = {.kernel = {4, 4}, .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1}};
  gboolean ok = TRUE;
  if (step->r) {
    lus_tap_grid_forward(&doubled->lateral.grid, &plain, y.h, y.w);
    ok = lus_conv_pass_init(&doubled->lateral, step, size_of(step->x), y, 1, LUS_CONV_WINOGRAD4);
  }
  for (int i = 0; i < 4; i++) {
    lus_tap_grid_backward(&doubled->phases[i].grid, &doubling, i / 2, i % 2, y.h, y.w);
    ok = ok && lus_conv_pass_init(&doubled->phases[i], step, small, y, 1, LUS_CONV_WINOGRAD5);
  }
  return ok;
}

/* matrices[tap][n][out] of @n input channels from @first on, of S's weights [out][inputs][tap]. */
static void turn_weights(float *matrices, const float *weights, gsize inputs, gsize first, gsize n, gsize out)
{
  for (gsize o = 0; o < out; o++)
    for (gsize m = 0; m < n; m++)
      for (gsize t = 0; t < TAPS; t++)
        matrices[(t * n + m) * out + o] = weights[(o * inputs + first + m) * TAPS + t];
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
  int middle = small_map(step)->c, out = step->y->c;
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

/* The lateral pass's weights [tap][in][out]: S's own for x, or those of L, [middle][in], through S's. */
static void pack_lateral(const LusStep *step, Doubled *doubled, float *weights, const float *matrices)
{
  int in = step->x->c, middle = step->r->c, out = step->y->c;
  gsize n = (gsize)middle * (gsize)out;
  if (step->lateral->type == LUS_OP_CONCAT)
    turn_weights(weights, lus_step_constant(step, 1), (gsize)(in + middle), (gsize)(step->doubled_first ? middle : 0),
                 (gsize)in, (gsize)out);
  for (gsize tap = 0; step->lateral->type == LUS_OP_CONV && tap < TAPS; tap++)
    lus_kernels()->gemm(weights + tap * (gsize)in * (gsize)out, constant_of(step, step->lateral, 1), matrices + tap * n, in,
                        out, middle, out, in, out, LUS_GEMM_TRANSPOSE_A);
  lus_conv_pass_set_weights(&doubled->lateral, weights);
}

static gboolean pack(LusStep *step, Doubled *doubled)
{
  gsize middle = (gsize)small_map(step)->c, out = (gsize)step->y->c, in = step->r ? (gsize)step->x->c : 0;
  const float *lateral_bias = step->lateral->type == LUS_OP_CONV ? constant_of(step, step->lateral, 2) : NULL;
  gboolean concat = step->lateral->type == LUS_OP_CONCAT;
  float *matrices = lus_aligned_alloc(TAPS * middle * out * sizeof(float));
  float *weights = lus_aligned_alloc(TAPS * MAX(in, middle) * out * sizeof(float));
  doubled->bias = lus_aligned_alloc(out * sizeof(float));
  doubled->border = lateral_bias ? lus_aligned_alloc(TAPS * out * sizeof(float)) : NULL;
  gboolean ok = matrices && weights && doubled->bias && (doubled->border || !lateral_bias);
  if (ok) {
    turn_weights(matrices, lus_step_constant(step, 1), concat ? in + middle : middle, concat && !step->doubled_first ? in : 0,
                 middle, out);
    if (step->r)
      pack_lateral(step, doubled, weights, matrices);
    for (int i = 0; i < 4; i++) {
      sum_taps(weights, &doubled->phases[i].grid, matrices, middle * out);
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
  LusConvCall phase = {.target = step->y->data, .source = small_map(step)->data, .bias = doubled->bias, .relu = step->relu};
  if (step->r) {
    const LusConvCall lateral = {.target = step->y->data, .source = step->x->data, .bias = doubled->bias};
    lus_conv_pass_run(&doubled->lateral, run, &lateral);
    phase.bias = NULL;
    phase.r = step->y->data;
  }
  if (doubled->border)
    mend_border(step);
  for (int i = 0; i < 4; i++)
    lus_conv_pass_run(&doubled->phases[i], run, &phase);
}

static const char *method(const LusStep *step)
{
  const Doubled *doubled = step->state;
  return lus_conv_method_name(&doubled->phases[0]);
}

const LusStepClass lus_step_conv_doubled = {.prepare = prepare, .forward = forward, .method = method, .free_state = free_state};
