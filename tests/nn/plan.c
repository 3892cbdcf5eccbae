/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph-fixture.h"
#include "kernels/kernels.h"
#include "nn/error.h"
#include "nn/fpn.h"
#include "nn/plan.h"

#define SEED 5

static const char *program;

static LusGraph *begin(LusRng *rng, int *x)
{
  LusGraph *graph = lus_graph_new();
  lus_rng_init(rng, SEED, 0);
  *x = lus_graph_add_input(graph, "x");
  return graph;
}

static LusPlan *new_plan(LusGraph *graph, int c, int h, int w, LusPlanMode mode, int threads)
{
  g_autoptr(GError) error = NULL;
  LusPlan *plan = lus_plan_new(graph, c, h, w, mode, threads, &error);
  g_assert_no_error(error);
  return plan;
}

static gsize output_count(const LusPlan *plan)
{
  int shape[3];
  lus_plan_output_shape(plan, shape);
  return (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2];
}

static float *random_floats(gsize n, guint64 stream)
{
  LusRng rng;
  lus_rng_init(&rng, SEED, stream);
  float *x = g_new(float, n);
  lus_rng_fill_normal(&rng, x, n);
  return x;
}

static void assert_close(const float *a, const float *b, gsize n, double tolerance,
                         const char *what)
{
  double largest = 0;
  for (gsize i = 0; i < n; i++)
    largest = fmax(largest, fabs((double)b[i]));
  for (gsize i = 0; i < n; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= tolerance * largest))
      g_error("%s: element %" G_GSIZE_FORMAT " is %.9g, expected %.9g", what, i, (double)a[i],
              (double)b[i]);
}

/* Runs a graph with one input of [c][h][w] in both modes; both must give @expected. */
static void assert_forward(LusGraph *graph, int c, int h, int w, const float *input,
                           const float *expected, gsize n, double tolerance, const char *what)
{
  for (int mode = LUS_PLAN_INFER; mode <= LUS_PLAN_TRAIN; mode++) {
    g_autoptr(LusPlan) plan = new_plan(graph, c, h, w, (LusPlanMode)mode, 1);
    g_assert_cmpuint(output_count(plan), ==, n);
    g_autofree float *output = g_new(float, n);
    lus_plan_forward(plan, output, input, NULL);
    assert_close(output, expected, n, tolerance, what);
  }
}

static void assert_modes_within(LusGraph *graph, int c, int h, int w, double tolerance)
{
  g_autoptr(LusPlan) train = new_plan(graph, c, h, w, LUS_PLAN_TRAIN, 1);
  gsize n = output_count(train);
  g_autofree float *input = random_floats((gsize)c * (gsize)h * (gsize)w, 2);
  g_autofree float *expected = g_new(float, n);
  lus_plan_forward(train, expected, input, NULL);
  assert_forward(graph, c, h, w, input, expected, n, tolerance, "folded");
}

static void assert_modes_agree(LusGraph *graph, int c, int h, int w)
{
  assert_modes_within(graph, c, h, w, 2e-6);
}

/* ---- operators ---- */

/* The definition, in double. */
static float *reference_conv(const FixtureConv *v, const float *x, const float *weight,
                             const float *bias, int oh, int ow)
{
  int in = v->c / v->groups, out = v->out / v->groups;
  float *y = g_new(float, (gsize)v->out *(gsize)oh *(gsize)ow);
  for (int o = 0; o < v->out; o++)
    for (int i = 0; i < oh; i++)
      for (int j = 0; j < ow; j++) {
        double sum = bias ? (double)bias[o] : 0;
        for (int c = 0; c < in; c++)
          for (int ky = 0; ky < v->kernel[0]; ky++)
            for (int kx = 0; kx < v->kernel[1]; kx++) {
              int r = i * v->stride[0] - v->pad[0] + ky * v->dilation[0];
              int s = j * v->stride[1] - v->pad[1] + kx * v->dilation[1];
              if (r >= 0 && r < v->h && s >= 0 && s < v->w)
                sum += (double)weight[((o * in + c) * v->kernel[0] + ky) * v->kernel[1] + kx] *
                       (double)x[((o / out * in + c) * v->h + r) * v->w + s];
            }
        y[(o * oh + i) * ow + j] = (float)sum;
      }
  return y;
}

static void test_conv(gconstpointer data)
{
  const FixtureConv *v = data;
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = fixture_conv_attrs(v);
  int y = fixture_conv(graph, &rng, x, v->c, v->out, v->bias, &attrs);
  lus_graph_set_output(graph, y);
  g_assert_true(lus_graph_infer_shapes(graph, v->c, v->h, v->w, NULL));
  int oh = graph->values[y].shape[2], ow = graph->values[y].shape[3];
  g_autofree float *input = random_floats((gsize)v->c * (gsize)v->h * (gsize)v->w, 1);
  const int *inputs = graph->nodes[0].inputs;
  g_autofree float *expected =
      reference_conv(v, input, graph->values[inputs[1]].constant->data,
                     v->bias ? graph->values[inputs[2]].constant->data : NULL, oh, ow);
  assert_forward(graph, v->c, v->h, v->w, input, expected, (gsize)v->out * (gsize)oh * (gsize)ow,
                 1e-5, v->name);
}

/* 0 1 2 3 | 10 20 30 40 in one group: mean 13.25, variance 201.1875 */
static void test_group_norm(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_group_norm(graph, &rng, x, 2, 1));
  memcpy(graph->values[1].constant->data, (float[]){2, -1}, 2 * sizeof(float));
  memcpy(graph->values[2].constant->data, (float[]){0.5f, 3}, 2 * sizeof(float));
  static const float input[8] = {0, 1, 2, 3, 10, 20, 30, 40};
  float expected[8];
  for (int i = 0; i < 8; i++)
    expected[i] =
        (float)((input[i] - 13.25) / sqrt(201.1875 + 1e-5) * (i < 4 ? 2 : -1) + (i < 4 ? 0.5 : 3));
  assert_forward(graph, 2, 2, 2, input, expected, 8, 1e-6, "group norm");
}

/* A mean a thousand times the deviation must not eat the digits of the variance. */
static void test_group_norm_offset(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_group_norm(graph, &rng, x, 4, 2));
  g_autofree float *input = random_floats(4 * 64 * 64, 1);
  g_autofree float *moved = g_new(float, 4 * 64 * 64);
  for (int i = 0; i < 4 * 64 * 64; i++)
    moved[i] = floorf(input[i] * 16) + 16000;
  for (int i = 0; i < 4 * 64 * 64; i++)
    input[i] = floorf(input[i] * 16);
  g_autoptr(LusPlan) plan = new_plan(graph, 4, 64, 64, LUS_PLAN_INFER, 1);
  g_autofree float *a = g_new(float, 4 * 64 * 64);
  g_autofree float *b = g_new(float, 4 * 64 * 64);
  lus_plan_forward(plan, a, input, NULL);
  lus_plan_forward(plan, b, moved, NULL);
  assert_close(b, a, 4 * 64 * 64, 1e-4, "group norm far from 0");
}

/* Nor must a border unlike the rest, such as a convolution's of a dark picture: against the definition, in double. */
static void test_group_norm_border(void)
{
  enum { SIDE = 128, N = SIDE * SIDE };
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_group_norm(graph, &rng, x, 1, 1));
  g_autofree float *input = random_floats(N, 1), *expected = g_new(float, N);
  for (int i = 0; i < N; i++)
    input[i] = i == 0 ? 8 : 0.01f * input[i];
  double sum = 0, square = 0;
  for (int i = 0; i < N; i++)
    sum += (double)input[i];
  for (int i = 0; i < N; i++)
    square += pow((double)input[i] - sum / N, 2);
  double scale = (double)graph->values[1].constant->data[0], bias = (double)graph->values[2].constant->data[0];
  for (int i = 0; i < N; i++)
    expected[i] = (float)(((double)input[i] - sum / N) / sqrt(square / N + 1e-5) * scale + bias);
  assert_forward(graph, 1, SIDE, SIDE, input, expected, N, 1e-5, "group norm with another border");
}

static void test_batch_norm(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_batch_norm(graph, &rng, x, 2));
  static const float constants[4][2] = {
      {2, -1}, {0.5f, 3}, {1, 10}, {4, 25}}; /* scale, bias, mean, variance */
  for (int k = 0; k < 4; k++)
    memcpy(graph->values[1 + k].constant->data, constants[k], sizeof constants[k]);
  static const float input[4] = {1, 5, 0, 20}, expected[4] = {0.5f, 4.5f, 5, 1};
  assert_forward(graph, 2, 1, 2, input, expected, 4, 1e-5, "batch norm");
}

static void test_pointwise(void)
{
  static const float input[4] = {-2, 0, 1, 3};
  LusRng rng;
  int x;
  LusGraph *graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_unary(graph, LUS_OP_RELU, x));
  assert_forward(graph, 1, 1, 4, input, (float[]){0, 0, 1, 3}, 4, 0, "relu");
  lus_graph_free(graph);
  graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_unary(graph, LUS_OP_SIGMOID, x));
  assert_forward(graph, 1, 1, 4, input, (float[]){0.119202922f, 0.5f, 0.731058579f, 0.952574127f},
                 4, 1e-6, "sigmoid");
  lus_graph_free(graph);
  graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_add(graph, x, fixture_unary(graph, LUS_OP_RELU, x)));
  assert_forward(graph, 1, 1, 4, input, (float[]){-2, 0, 2, 6}, 4, 0, "add");
  lus_graph_free(graph);
  graph = begin(&rng, &x); /* the input is the output */
  lus_graph_set_output(graph, x);
  assert_forward(graph, 2, 1, 2, input, input, 4, 0, "nothing");
  lus_graph_free(graph);
}

static void test_max_pool(void)
{
  static const float input[15] = {-1, -2, -3, -4, -5, -6, 9, -8, 7, -1, -2, -3, -4, -5, -6};
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_max_pool(graph, x, 3, 2, 1)); /* padding is not a zero */
  assert_forward(graph, 1, 3, 5, input, (float[]){9, 9, 7, 9, 9, 7}, 6, 0, "max pool");
  graph->nodes[0].attrs.stride[0] = graph->nodes[0].attrs.stride[1] = 4;
  assert_forward(graph, 1, 1, 5, input, (float[]){-1, -4}, 2, 0, "max pool of negative values");
}

typedef struct {
  const char *name;
  LusResizeMode mode;
  LusResizeCoord coord;
  float scale[2];
  int w;
  float expected[12];
} ResizeCase;

/* Of the row 1 2 4 (two equal rows, except where the scale is vertical too). Values as the ONNX
 * operator gives them. */
static const ResizeCase resize_cases[] = {
    {"nearest", LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, {1, 2}, 6, {1, 1, 2, 2, 4, 4}},
    {"nearest 5/3", LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, {1, 5.0f / 3}, 5, {1, 1, 2, 2, 4}},
    {"nearest half pixel",
     LUS_RESIZE_NEAREST,
     LUS_COORD_HALF_PIXEL,
     {1, 5.0f / 3},
     5,
     {1, 1, 2, 4, 4}},
    {"nearest half pixel down", LUS_RESIZE_NEAREST, LUS_COORD_HALF_PIXEL, {1, 0.5f}, 1, {1}},
    {"linear half pixel",
     LUS_RESIZE_LINEAR,
     LUS_COORD_HALF_PIXEL,
     {1, 2},
     6,
     {1, 1.25f, 1.75f, 2.5f, 3.5f, 4}},
    {"linear asymmetric",
     LUS_RESIZE_LINEAR,
     LUS_COORD_ASYMMETRIC,
     {1, 2},
     6,
     {1, 1.5f, 2, 3, 4, 4}},
    {"linear corners",
     LUS_RESIZE_LINEAR,
     LUS_COORD_ALIGN_CORNERS,
     {1, 5.0f / 3},
     5,
     {1, 1.5f, 2, 3, 4}},
    {"linear corners to 1", LUS_RESIZE_LINEAR, LUS_COORD_ALIGN_CORNERS, {1, 0.4f}, 1, {1}},
};

static void test_resize(void)
{
  for (gsize i = 0; i < G_N_ELEMENTS(resize_cases); i++) {
    const ResizeCase *v = &resize_cases[i];
    LusRng rng;
    int x;
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    lus_graph_set_output(graph,
                         fixture_resize(graph, x, v->mode, v->coord, v->scale[0], v->scale[1]));
    assert_forward(graph, 1, 1, 3, (float[]){1, 2, 4}, v->expected, (gsize)v->w, 1e-6, v->name);
    /* the same along the other axis */
    graph->nodes[0].attrs.scale[0] = v->scale[1];
    graph->nodes[0].attrs.scale[1] = v->scale[0];
    assert_forward(graph, 1, 3, 1, (float[]){1, 2, 4}, v->expected, (gsize)v->w, 1e-6, v->name);
  }
}

static void test_resize_both_axes(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph,
                       fixture_resize(graph, x, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, 2, 2));
  static const float expected[32] = {
      1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f, 4,
      8, 8,     8,     8, 8,    8,     8,     8,    8,    8,     8,     8,    8, 8,     8,     8};
  assert_forward(graph, 2, 2, 2, (float[]){1, 2, 3, 4, 8, 8, 8, 8}, expected, 32, 1e-6, "bilinear");
}

/* ---- folding ---- */

/* conv, BatchNorm, ReLU: one step in infer mode, three in train mode. */
static void test_fold_batch_norm(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 3;
  attrs.pad[0] = attrs.pad[1] = attrs.pad[2] = attrs.pad[3] = 1;
  int y = fixture_batch_norm(graph, &rng, fixture_conv(graph, &rng, x, 3, 5, TRUE, &attrs), 5);
  y = fixture_unary(graph, LUS_OP_RELU, y);
  attrs.groups = 5;
  y = fixture_batch_norm(graph, &rng, fixture_conv(graph, &rng, y, 5, 10, FALSE, &attrs), 10);
  lus_graph_set_output(graph, y);
  g_autofree float *input = random_floats(3 * 7 * 6, 1);
  g_autoptr(LusPlan) plan = new_plan(graph, 3, 7, 6, LUS_PLAN_TRAIN, 1);
  g_autofree float *expected = g_new(float, 10 * 7 * 6);
  lus_plan_forward(plan, expected, input, NULL);
  assert_forward(graph, 3, 7, 6, input, expected, 10 * 7 * 6, 1e-5, "folded batch norm");
}

/* A value with two readers is not folded away, nor is one that is the output; dead branches do no
 * harm. */
static void test_fold_limits(void)
{
  static const float input[4] = {-2, -1, 1, 2};
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  int sum = fixture_add(graph, x, x);
  int relu = fixture_unary(graph, LUS_OP_RELU, sum);
  int both = fixture_add(graph, sum, relu);
  fixture_unary(graph, LUS_OP_SIGMOID, both);
  lus_graph_set_output(graph, both);
  assert_forward(graph, 1, 1, 4, input, (float[]){-4, -2, 4, 8}, 4, 0, "two readers");
  lus_graph_set_output(graph, sum);
  assert_forward(graph, 1, 1, 4, input, (float[]){-4, -2, 2, 4}, 4, 0, "output in the middle");
}

/* Both branches of a sum are folded candidates and the sum itself moves behind the later one. */
static void test_fold_residual(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  int up = fixture_resize(graph, fixture_max_pool(graph, x, 2, 2, 0), LUS_RESIZE_NEAREST,
                          LUS_COORD_ASYMMETRIC, 2, 2);
  int up_again = fixture_resize(graph, x, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 1, 1);
  int sum = fixture_unary(graph, LUS_OP_RELU, fixture_add(graph, up, up_again));
  lus_graph_set_output(graph, fixture_add(graph, sum, x));
  static const float input[4] = {-5, -1, -2, -3};
  assert_forward(graph, 1, 2, 2, input, (float[]){-5, -1, -2, -3}, 4, 0, "residual, shut");
  static const float positive[4] = {5, -1, 2, 3};
  assert_forward(graph, 1, 2, 2, positive, (float[]){15, 3, 9, 11}, 4, 0, "residual, open");
}

/* ---- whole networks ---- */

static LusGraph *new_fpn(void)
{
  g_autoptr(GError) error = NULL;
  LusFpnConfig config = lus_fpn_config_default();
  LusGraph *graph = lus_fpn_new(&config, SEED, &error);
  g_assert_no_error(error);
  gsize n = lus_graph_n_parameters(graph);
  g_autofree float *parameters = g_new(float, n);
  g_autofree float *noise = random_floats(n, 9);
  lus_graph_get_parameters(graph, parameters);
  for (gsize i = 0; i < n; i++) /* zero scales would hide the residual branches */
    parameters[i] += 0.05f * noise[i];
  lus_graph_set_parameters(graph, parameters);
  return graph;
}

/* A Feature Pyramid Network's way down: train mode folds nothing, infer mode adds the doubled map in
 * the 1x1 convolution. */
static void test_fold_doubling(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.stride[0] = attrs.stride[1] = 2;
  int low = fixture_conv(graph, &rng, x, 5, 40, TRUE, &attrs);
  attrs.stride[0] = attrs.stride[1] = 1;
  int doubled = fixture_resize(graph, low, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2);
  int side = fixture_conv(graph, &rng, x, 5, 40, TRUE, &attrs);
  int sum = fixture_unary(graph, LUS_OP_RELU, fixture_add(graph, side, doubled));
  lus_graph_set_output(graph, fixture_add(graph, sum, side)); /* side is read twice */
  assert_modes_agree(graph, 5, 10, 14);
}

static gboolean folds_doubled(void)
{
  const char *forced = g_getenv("LUS_CONV");
  return !forced || g_str_equal(forced, "blas");
}

static LusOpAttrs square_attrs(void)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 4; i++) {
    attrs.kernel[i / 2] = 3;
    attrs.pad[i] = 1;
  }
  return attrs;
}

/* A doubled map, alone or beside another one, that a 3x3 convolution alone reads: a U-Net's way up. */
static void test_fold_doubled(void)
{
  enum { BIAS = 1, RELU = 2, ODD = 4, CONCAT = 8, FIRST = 16, BOTH = 32, READ_TWICE = 64, OTHER_AXIS = 128 };
  static const int forms[] = {0, 1, 2, 3, 4, 8, 9, 11, 13, 24, 27, 28, 31, 40, 56, 8 | READ_TWICE, READ_TWICE, 8 | OTHER_AXIS};
  for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
    LusRng rng;
    int x, form = forms[i];
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    LusOpAttrs plain = lus_op_attrs_default(), halving = plain, square = square_attrs(), concat = plain;
    halving.stride[0] = halving.stride[1] = 2;
    concat.axis = form & OTHER_AXIS ? 2 : 1;
    int small = fixture_conv(graph, &rng, x, 5, 24, TRUE, &halving);
    int y = fixture_resize(graph, small, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2), inside = 24;
    if (form & CONCAT) {
      int side = form & BOTH ? fixture_resize(graph, small, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2)
                             : fixture_conv(graph, &rng, x, 5, form & OTHER_AXIS ? 24 : 9, TRUE, &plain);
      int inputs[] = {form & FIRST ? y : side, form & FIRST ? side : y};
      y = lus_graph_add_node(graph, LUS_OP_CONCAT, "concat", 2, inputs, &concat);
      inside = form & OTHER_AXIS ? 24 : form & BOTH ? 48 : 33;
    }
    int doubled = y;
    y = fixture_conv(graph, &rng, y, inside, 13, form & BIAS, &square);
    if (form & RELU)
      y = fixture_unary(graph, LUS_OP_RELU, y);
    if (form & READ_TWICE)
      y = fixture_add(graph, y, fixture_conv(graph, &rng, doubled, inside, 13, TRUE, &plain));
    lus_graph_set_output(graph, y);
    int h = form & ODD ? 34 : 40, w = form & ODD ? 38 : 50;
    assert_modes_within(graph, 5, h, w, 1e-5);
    g_autoptr(LusPlan) plan = new_plan(graph, 5, h, w, LUS_PLAN_INFER, 1);
    LusPlanStep step;
    lus_plan_get_step(plan, lus_plan_n_steps(plan) - 1, &step);
    if (folds_doubled())
      g_assert_cmpint(g_str_has_prefix(step.operators, form & CONCAT ? "Resize+Concat+Conv" : "Resize+Conv"), ==, form < READ_TWICE);
  }
}

/* Behind it a 3x3 convolution that alone reads the sum: one step, but for the forms that need the sum itself or are too small. */
static void test_fold_lateral(void)
{
  enum { LATERAL_BIAS = 1, BIAS = 2, RELU = 4, ODD = 8, RELU_BETWEEN = 16, READ_TWICE = 32, SMALL = 64, STEP = 128 };
  for (int form = 0; form < 256; form = form < 15 ? form + 1 : form == 15 ? 16 : form * 2) {
    LusRng rng;
    int x, h = form & SMALL ? 10 : form & ODD ? 34 : 40, w = form & ODD ? 38 : 50;
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    LusOpAttrs plain = lus_op_attrs_default(), halving = plain, square = square_attrs();
    halving.stride[0] = halving.stride[1] = 2;
    if (form & STEP)
      square.stride[0] = 2;
    int low = fixture_conv(graph, &rng, x, 5, 24, TRUE, &halving);
    int doubled = fixture_resize(graph, low, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2);
    int sum = fixture_add(graph, fixture_conv(graph, &rng, x, 5, 24, form & LATERAL_BIAS, &plain), doubled);
    if (form & RELU_BETWEEN)
      sum = fixture_unary(graph, LUS_OP_RELU, sum);
    int y = fixture_conv(graph, &rng, sum, 24, 17, (form & BIAS) != 0, &square);
    if (form & RELU)
      y = fixture_unary(graph, LUS_OP_RELU, y);
    if (form & READ_TWICE)
      y = fixture_add(graph, y, fixture_conv(graph, &rng, sum, 24, 17, TRUE, &plain));
    lus_graph_set_output(graph, y);
    assert_modes_within(graph, 5, h, w, 1e-5); /* by other transforms */
    g_autoptr(LusPlan) plan = new_plan(graph, 5, h, w, LUS_PLAN_INFER, 1);
    if (folds_doubled())
      g_assert_cmpint(lus_plan_n_steps(plan), ==, form < 16 ? 2 : form & READ_TWICE ? 4 : 3);
    LusPlanStep step;
    lus_plan_get_step(plan, 1, &step);
    if (lus_plan_n_steps(plan) == 2) {
      g_assert_cmpstr(step.operators, ==, form & RELU ? "Conv+Resize+Add+Conv+Relu" : "Conv+Resize+Add+Conv");
      g_assert_cmpstr(step.method, ==, "winograd 5x5");
    }
  }
}

/* GroupNorm, with and without ReLU, before the kinds of linear Resize; ReLU and addition after it. */
static void test_fold_norm_resize(void)
{
  for (int form = 0; form < 16; form++) {
    LusRng rng;
    int x;
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    int y = fixture_group_norm(graph, &rng, x, 6, 3);
    if (form & 1)
      y = fixture_unary(graph, LUS_OP_RELU, y);
    LusResizeCoord coord = form & 2 ? LUS_COORD_ALIGN_CORNERS : LUS_COORD_HALF_PIXEL;
    float scale = form & 4 ? 2 : 0.5f; /* down: rows are left out */
    y = fixture_resize(graph, y, LUS_RESIZE_LINEAR, coord, scale, 1.5f);
    if (form & 8)
      y = fixture_unary(graph, LUS_OP_RELU, fixture_add(graph, y, y));
    lus_graph_set_output(graph, y);
    assert_modes_agree(graph, 6, 38, 10);
  }
}

/* GroupNorm and ReLU on either side of an addition, or on both; not where others read their result. */
static void test_fold_norm_add(void)
{
  for (int form = 0; form < 16; form++) {
    LusRng rng;
    int x;
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    int a = fixture_unary(graph, LUS_OP_RELU, fixture_group_norm(graph, &rng, x, 6, 3));
    int b = form & 1 ? fixture_unary(graph, LUS_OP_RELU, fixture_group_norm(graph, &rng, x, 6, 2)) : x;
    int y = form & 2 ? fixture_add(graph, a, b) : fixture_add(graph, b, a);
    if (form & 4)
      y = fixture_unary(graph, LUS_OP_RELU, y);
    if (form & 8)
      y = fixture_add(graph, y, a);
    lus_graph_set_output(graph, y);
    assert_modes_agree(graph, 6, 38, 40);
    g_autoptr(LusPlan) plan = new_plan(graph, 6, 38, 40, LUS_PLAN_INFER, 1);
    int both_in_one = form & 8 && !(form & 1);
    g_assert_cmpint(lus_plan_n_steps(plan), ==, 1 + (form & 1) + (form & 8 ? 1 : 0) + both_in_one);
  }
}

/* A pyramid's levels, normalised, some of them enlarged, added and read by a 1x1 convolution of few outputs: no step makes the sum. */
static void test_fold_head(void)
{
  static const int outputs[] = {1, 3, 4, 7, 16};
  for (int form = 0; form < 80; form++) {
    LusRng rng;
    int x, channels = form & 4 ? 32 : 38, k = outputs[form % 5], sum = -1, n = 1 + form % 3;
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    LusOpAttrs attrs = lus_op_attrs_default();
    for (int level = 0; level < n; level++) {
      gboolean small = level < 2 && form & 8;
      int y = small ? fixture_max_pool(graph, x, 2, 2, 0) : x;
      y = fixture_group_norm(graph, &rng, fixture_conv(graph, &rng, y, 6, channels, TRUE, &attrs), channels, 2);
      y = form & 16 && level == 1 ? y : fixture_unary(graph, LUS_OP_RELU, y);
      y = small ? fixture_resize(graph, y, LUS_RESIZE_LINEAR, LUS_COORD_ALIGN_CORNERS, 2, 2) : y;
      sum = level == 0 ? y : form & 2 ? fixture_add(graph, sum, y) : fixture_add(graph, y, sum);
    }
    int y = fixture_conv(graph, &rng, sum, channels, k, (form & 1) == 0, &attrs);
    if (form & 32)
      y = fixture_unary(graph, LUS_OP_RELU, y);
    if (form & 64)
      y = fixture_resize(graph, y, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, 2, 2);
    lus_graph_set_output(graph, y);
    assert_modes_agree(graph, 6, 12, 26);
    g_autoptr(LusPlan) plan = new_plan(graph, 6, 12, 26, LUS_PLAN_INFER, 1);
    LusPlanStep step;
    int last = lus_plan_n_steps(plan) - (form & 64 ? 2 : 1);
    lus_plan_get_step(plan, last, &step);
    g_assert_true(strstr(step.operators, "GroupNormalization") && strstr(step.operators, "+Conv"));
    g_assert_cmpint(step.shape[0], ==, k);
  }
}

/* Where somebody else reads the sum, where a ReLU stands behind it, and with many outputs the convolution stays. */
static void test_fold_head_not(void)
{
  for (int form = 0; form < 4; form++) {
    LusRng rng;
    int x;
    g_autoptr(LusGraph) graph = begin(&rng, &x);
    const LusOpAttrs attrs = lus_op_attrs_default();
    int a = fixture_unary(graph, LUS_OP_RELU, fixture_group_norm(graph, &rng, x, 6, 3));
    int b = fixture_unary(graph, LUS_OP_RELU, fixture_group_norm(graph, &rng, x, 6, 2));
    int sum = fixture_add(graph, a, b), k = form == 2 ? 4 : 3;
    if (form == 1)
      sum = fixture_unary(graph, LUS_OP_RELU, sum);
    int y = fixture_conv(graph, &rng, form == 3 ? x : sum, 6, k, TRUE, &attrs);
    if (form == 0)
      y = fixture_add(graph, y, fixture_conv(graph, &rng, sum, 6, k, TRUE, &attrs));
    lus_graph_set_output(graph, y);
    assert_modes_agree(graph, 6, 9, 10);
    g_autoptr(LusPlan) plan = new_plan(graph, 6, 9, 10, LUS_PLAN_INFER, 1);
    LusPlanStep step;
    lus_plan_get_step(plan, lus_plan_n_steps(plan) - 1, &step);
    g_assert_true(g_str_has_prefix(step.operators, "Conv"));
  }
}

/* Steps tell what they do and, once profiled, how long it takes. */
static void test_profile(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 2; i++)
    attrs.kernel[i] = 3;
  for (int i = 0; i < 4; i++)
    attrs.pad[i] = 1;
  int y = fixture_conv(graph, &rng, x, 8, 16, TRUE, &attrs);
  y = fixture_unary(graph, LUS_OP_RELU, fixture_batch_norm(graph, &rng, y, 16));
  lus_graph_set_output(graph, fixture_max_pool(graph, y, 2, 2, 0));
  g_autoptr(LusPlan) plan = new_plan(graph, 8, 20, 24, LUS_PLAN_INFER, 1);
  g_assert_cmpint(lus_plan_n_steps(plan), ==, 2);
  LusPlanStep step;
  lus_plan_get_step(plan, 0, &step);
  g_assert_cmpstr(step.name, ==, "conv");
  g_assert_cmpstr(step.operators, ==, "Conv+BatchNormalization+Relu");
  if (!g_getenv("LUS_CONV"))
    g_assert_cmpstr(step.method, ==, "winograd 4x4");
  g_assert_cmpint(step.shape[0], ==, 16);
  g_assert_cmpint(step.shape[1], ==, 20);
  g_assert_cmpint(step.shape[2], ==, 24);
  g_assert_cmpfloat(step.flop, ==, 2.0 * 16 * 8 * 9 * 20 * 24);
  g_assert_cmpuint(step.weight_bytes, >=, 4 * 16 * 8 * 9);
  g_assert_cmpfloat(step.ms, ==, 0);
  g_autofree float *input = random_floats(8 * 20 * 24, 1);
  g_assert_true(lus_plan_profile(plan, input, NULL, 3, NULL));
  for (int i = 0; i < 2; i++) {
    lus_plan_get_step(plan, i, &step);
    g_assert_cmpfloat(step.ms, >, 0);
    g_assert_cmpfloat(step.ms, <, 10000);
  }
  g_assert_cmpstr(step.operators, ==, "MaxPool");
  g_assert_cmpstr(step.method, ==, "");
}

static void test_infer_equals_train(void)
{
  g_autoptr(LusGraph) graph = new_fpn();
  g_autoptr(LusPlan) infer = new_plan(graph, 1, 96, 128, LUS_PLAN_INFER, 1);
  g_autoptr(LusPlan) train = new_plan(graph, 1, 96, 128, LUS_PLAN_TRAIN, 1);
  gsize n = output_count(infer);
  g_assert_cmpuint(n, ==, 3 * 96 * 128);
  g_autofree float *input = random_floats(96 * 128, 1);
  g_autofree float *a = g_new(float, n);
  g_autofree float *b = g_new(float, n);
  for (int run = 0; run < 2; run++) { /* the second time over memory that was used before */
    lus_plan_forward(infer, a, input, NULL);
    lus_plan_forward(train, b, input, NULL);
    assert_close(a, b, n, 1e-5, "infer and train");
  }
  g_assert_cmpuint(lus_plan_memory(infer), <, lus_plan_memory(train) / 2);
  g_assert_cmpuint(lus_plan_memory(infer), >, lus_graph_n_parameters(graph) * sizeof(float));
}

static void run_training(LusPlan *plan, LusParallel *pool, const float *input, float *output,
                         float *d_parameters, float *d_input, gsize n_parameters)
{
  memset(d_parameters, 0, n_parameters * sizeof *d_parameters);
  lus_plan_forward(plan, output, input, pool);
  lus_plan_backward(plan, d_parameters, d_input, output, pool);
}

static void test_threads_bit_equal(void)
{
  g_autoptr(LusGraph) graph = new_fpn();
  const int h = 160, w = 192;
  gsize n_in = (gsize)h * w, n_out = 3 * n_in, n = lus_graph_n_parameters(graph);
  g_autofree float *input = random_floats(n_in, 1);
  g_autofree float *output[4] = {NULL};
  g_autofree float *gradient[4] = {NULL};
  g_autofree float *d_input[4] = {NULL};
  for (int threads = 0; threads <= 3; threads++) { /* 0: no pool */
    LusParallel *pool = threads ? lus_parallel_new(threads) : NULL;
    g_autoptr(LusPlan) plan = new_plan(graph, 1, h, w, LUS_PLAN_TRAIN, MAX(threads, 1));
    output[threads] = g_new(float, n_out);
    gradient[threads] = g_new(float, n);
    d_input[threads] = g_new(float, n_in);
    run_training(plan, pool, input, output[threads], gradient[threads], d_input[threads], n);
    lus_parallel_free(pool);
    g_assert_cmpmem(output[threads], n_out * sizeof(float), output[0], n_out * sizeof(float));
    g_assert_cmpmem(gradient[threads], n * sizeof(float), gradient[0], n * sizeof(float));
    g_assert_cmpmem(d_input[threads], n_in * sizeof(float), d_input[0], n_in * sizeof(float));
  }
  for (int threads = 0; threads <= 3; threads++) {
    g_free(g_steal_pointer(&output[threads]));
    g_free(g_steal_pointer(&gradient[threads]));
    g_free(g_steal_pointer(&d_input[threads]));
  }
}

#define SAMPLES 5

typedef struct {
  LusPlan *plans[SAMPLES];
  float *input[SAMPLES], *output[SAMPLES], *gradient[SAMPLES];
  gsize n;
} Batch;

static void run_sample(void *data, int item, int thread)
{
  (void)thread;
  Batch *batch = data;
  run_training(batch->plans[item], NULL, batch->input[item], batch->output[item],
               batch->gradient[item], NULL, batch->n);
}

/* Several plans of one graph at the same time, as the trainer runs them. */
static void test_plans_side_by_side(void)
{
  g_autoptr(LusGraph) graph = new_fpn();
  Batch batch = {.n = lus_graph_n_parameters(graph)};
  const gsize n_in = 64 * 96;
  for (int i = 0; i < SAMPLES; i++) {
    batch.plans[i] = new_plan(graph, 1, 64, 96, LUS_PLAN_TRAIN, 1);
    batch.input[i] = random_floats(n_in, (guint64)i + 1);
    batch.output[i] = g_new(float, 3 * n_in);
    batch.gradient[i] = g_new(float, batch.n);
  }
  LusParallel *pool = lus_parallel_new(3);
  lus_parallel_for(pool, SAMPLES, run_sample, &batch);
  lus_parallel_free(pool);
  g_autoptr(LusPlan) alone = new_plan(graph, 1, 64, 96, LUS_PLAN_TRAIN, 1);
  g_autofree float *output = g_new(float, 3 * n_in);
  g_autofree float *gradient = g_new(float, batch.n);
  for (int i = 0; i < SAMPLES; i++) {
    run_training(alone, NULL, batch.input[i], output, gradient, NULL, batch.n);
    g_assert_cmpmem(output, 3 * n_in * sizeof(float), batch.output[i], 3 * n_in * sizeof(float));
    g_assert_cmpmem(gradient, batch.n * sizeof(float), batch.gradient[i], batch.n * sizeof(float));
    lus_plan_free(batch.plans[i]);
    g_free(batch.input[i]);
    g_free(batch.output[i]);
    g_free(batch.gradient[i]);
  }
}

/* ---- kernel sets: this program runs itself with LUS_KERNELS set ---- */

#define PRINT_ARGUMENT "--print-network"

/* The sums over many small parts of outputs and gradients, as text. */
static int print_network(void)
{
  g_autoptr(LusGraph) graph = new_fpn();
  gsize n_in = 64 * 64, n = lus_graph_n_parameters(graph);
  g_autoptr(LusPlan) plan = new_plan(graph, 1, 64, 64, LUS_PLAN_TRAIN, 1);
  g_autofree float *input = random_floats(n_in, 1);
  g_autofree float *output = g_new(float, 3 * n_in);
  g_autofree float *gradient = g_new(float, n);
  run_training(plan, NULL, input, output, gradient, NULL, n);
  printf("%s\n", lus_kernels()->name);
  for (gsize i = 0; i < 3 * n_in; i += 97)
    printf("%.9g\n", (double)output[i]);
  for (gsize i = 0; i < n; i += 997)
    printf("%.9g\n", (double)gradient[i]);
  return 0;
}

static char **network_of(const char *kernels)
{
  g_autoptr(GError) error = NULL;
  char *argv[] = {(char *)program, (char *)PRINT_ARGUMENT, NULL};
  g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LUS_KERNELS", kernels, TRUE);
  g_autofree char *text = NULL;
  int status;
  g_spawn_sync(NULL, argv, env, G_SPAWN_DEFAULT, NULL, NULL, &text, NULL, &status, &error);
  g_assert_no_error(error);
  g_assert_cmpint(status, ==, 0);
  return g_strsplit(text, "\n", -1);
}

static void test_kernel_sets_agree(void)
{
  g_auto(GStrv) expected = network_of("c");
  g_assert_cmpstr(expected[0], ==, "c");
  guint n = g_strv_length(expected);
  g_assert_cmpuint(n, >, 900);
  for (int i = 1; lus_kernels_nth(i); i++) {
    g_auto(GStrv) got = network_of(lus_kernels_nth(i)->name);
    g_assert_cmpstr(got[0], ==, lus_kernels_nth(i)->name);
    g_assert_cmpuint(g_strv_length(got), ==, n);
    double difference = 0, square = 0;
    for (guint k = 1; k < n && *expected[k]; k++) {
      double a = g_ascii_strtod(expected[k], NULL), b = g_ascii_strtod(got[k], NULL);
      difference += (a - b) * (a - b);
      square += a * a;
    }
    g_assert_cmpfloat(square, >, 0);
    g_assert_cmpfloat(difference, <=, 1e-8 * square);
  }
}

/* ---- errors ---- */

static void test_errors(void)
{
  g_autoptr(LusGraph) graph = new_fpn();
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_plan_new(graph, 1, 40, 64, LUS_PLAN_INFER, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, "multiples"));
  g_clear_error(&error);
  g_assert_null(lus_plan_new(graph, 3, 64, 64, LUS_PLAN_INFER, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_null(lus_plan_new(graph, 1, 1 << 15, 1 << 15, LUS_PLAN_INFER, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
  lus_plan_free(NULL);
}

/* Every value below the limit of one tensor, but all of them together above the limit of a plan. */
static void test_memory_limit(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  int sum = x, before = x;
  for (int i = 0; i < 12; i++) {
    before = fixture_unary(graph, LUS_OP_SIGMOID, before);
    sum = fixture_add(graph, before, sum);
  }
  lus_graph_set_output(graph, sum);
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_plan_new(graph, 1, 1 << 14, 1 << 14, LUS_PLAN_TRAIN, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
  g_assert_nonnull(strstr(error->message, "smaller input"));
}

/* Operators without a gradient run, but are no part of training. */
static void test_forward_only(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  g_autoptr(GError) error = NULL;
  LusTensor *three = lus_tensor_new(0, NULL, NULL);
  three->data[0] = 3;
  int inputs[2] = {x, lus_graph_add_constant(graph, "three", three)};
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_MUL, "thrice", 2, inputs, NULL));
  g_assert_null(lus_plan_new(graph, 1, 2, 2, LUS_PLAN_TRAIN, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED);
  g_assert_nonnull(strstr(error->message, "\"thrice\" (Mul): this operator runs forward only"));
  g_autoptr(LusPlan) plan = new_plan(graph, 1, 2, 2, LUS_PLAN_INFER, 1);
  float output[4];
  lus_plan_forward(plan, output, (const float[]){1, -2, 3, 0.5f}, NULL);
  assert_close(output, (const float[]){3, -6, 9, 1.5f}, 4, 0, "thrice");
}

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], PRINT_ARGUMENT) == 0)
    return print_network();
  program = argv[0];
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(fixture_convs); i++) {
    g_autofree char *path = g_strdup_printf("/plan/conv/%s", fixture_convs[i].name);
    g_test_add_data_func(path, &fixture_convs[i], test_conv);
  }
  g_test_add_func("/plan/group-norm", test_group_norm);
  g_test_add_func("/plan/group-norm-offset", test_group_norm_offset);
  g_test_add_func("/plan/group-norm-border", test_group_norm_border);
  g_test_add_func("/plan/batch-norm", test_batch_norm);
  g_test_add_func("/plan/pointwise", test_pointwise);
  g_test_add_func("/plan/max-pool", test_max_pool);
  g_test_add_func("/plan/resize", test_resize);
  g_test_add_func("/plan/resize-both-axes", test_resize_both_axes);
  g_test_add_func("/plan/fold/batch-norm", test_fold_batch_norm);
  g_test_add_func("/plan/fold/limits", test_fold_limits);
  g_test_add_func("/plan/fold/residual", test_fold_residual);
  g_test_add_func("/plan/fold/doubling", test_fold_doubling);
  g_test_add_func("/plan/fold/doubled", test_fold_doubled);
  g_test_add_func("/plan/fold/lateral", test_fold_lateral);
  g_test_add_func("/plan/fold/norm-resize", test_fold_norm_resize);
  g_test_add_func("/plan/fold/norm-add", test_fold_norm_add);
  g_test_add_func("/plan/fold/head", test_fold_head);
  g_test_add_func("/plan/fold/head-not", test_fold_head_not);
  g_test_add_func("/plan/profile", test_profile);
  g_test_add_func("/plan/infer-equals-train", test_infer_equals_train);
  g_test_add_func("/plan/threads-bit-equal", test_threads_bit_equal);
  g_test_add_func("/plan/plans-side-by-side", test_plans_side_by_side);
  g_test_add_func("/plan/kernel-sets-agree", test_kernel_sets_agree);
  g_test_add_func("/plan/errors", test_errors);
  g_test_add_func("/plan/memory-limit", test_memory_limit);
  g_test_add_func("/plan/forward-only", test_forward_only);
  return g_test_run();
}
