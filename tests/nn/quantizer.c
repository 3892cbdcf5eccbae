/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quantised networks: what the operator does, files, convolutions on bytes against plain sums, the quantiser. */
#include <math.h>
#include <string.h>

#include "graph-fixture.h"
#include "nn/error.h"
#include "nn/onnx.h"
#include "nn/plan.h"
#include "nn/quantizer.h"

static int quantize(LusGraph *graph, int x, float step, int zero)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.alpha = step;
  attrs.zero_point = zero;
  return lus_graph_add_node(graph, LUS_OP_QUANTIZE, "quantize", 1, &x, &attrs);
}

/** Lets the constant be whole numbers times one scale per output. */
static void make_codes(LusGraph *graph, int value, int bits, const float *scales, int n)
{
  LusValue *v = &graph->values[value];
  v->scales = lus_tensor_new(1, &n, NULL);
  v->code_bits = bits;
  memcpy(v->scales->data, scales, (gsize)n * sizeof *scales);
  gsize share = v->constant->count / (gsize)n;
  for (gsize i = 0; i < v->constant->count; i++) {
    float code = rintf(v->constant->data[i] / scales[i / share]);
    v->constant->data[i] = (bits == 8 ? CLAMP(code, -127, 127) : code) * scales[i / share];
  }
}

static float *run(LusGraph *graph, const float *x, int c, int h, int w, LusPlanMode mode, int threads)
{
  g_autoptr(LusPlan) plan = lus_plan_new(graph, c, h, w, mode, threads, NULL);
  g_assert_nonnull(plan);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  float *y = g_new(float, shape[0] * shape[1] * shape[2]);
  LusParallel *pool = lus_parallel_new(threads);
  lus_plan_forward(plan, y, x, pool);
  lus_parallel_free(pool);
  return y;
}

static void test_operator(void)
{
  static const float x[] = {0, 0.3f, 0.25f, 0.75f, -0.3f, 200, -100, 62.5f};
  static const float y[] = {0, 0.5f, 0, 1, -0.5f, 122.5f, -5, 62.5f}; /* steps of 0.5, codes from -10 to 245 */
  for (int mode = LUS_PLAN_INFER; mode <= LUS_PLAN_INFER_FP32; mode += 2) {
    g_autoptr(LusGraph) graph = lus_graph_new();
    lus_graph_set_output(graph, quantize(graph, lus_graph_add_input(graph, "x"), 0.5f, 10));
    g_autofree float *got = run(graph, x, 2, 2, 2, (LusPlanMode)mode, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(x); i++)
      g_assert_true(got[i] == y[i]);
  }
}

static void test_wrong_steps(void)
{
  static const struct {
    float step;
    int zero;
  } cases[] = {{0, 0}, {-1, 0}, {NAN, 0}, {INFINITY, 0}, {1, -1}, {1, 256}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(LusGraph) graph = lus_graph_new();
    lus_graph_set_output(graph, quantize(graph, lus_graph_add_input(graph, "x"), cases[i].step, cases[i].zero));
    g_assert_false(lus_graph_infer_shapes(graph, 1, 4, 4, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  }
}

typedef struct {
  int c, out, kernel, stride, dilation, pad, h, w;
  LusOpType activation; /* CONV: none */
  int groups;
  gboolean floats;
} ConvCase;

/** What the result's codes mean, and the limits of a Clip. */
#define Y_STEP 0.11f
#define CLIP_LOW -1.0f
#define CLIP_HIGH 6.0f

static int zero_of(const ConvCase *k)
{
  return k->activation == LUS_OP_RELU ? 0 : k->activation == LUS_OP_CLIP ? 30 : 101;
}

/** x, Quantize, Conv, [ReLU or Clip,] [Quantize]: all steps and zero points are given. */
static LusGraph *conv_graph(const ConvCase *k, LusRng *rng, float scales[64], int *weight, int *bias)
{
  LusGraph *graph = lus_graph_new();
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 2; i++) {
    attrs.kernel[i] = k->kernel;
    attrs.stride[i] = k->stride;
    attrs.dilation[i] = k->dilation;
    attrs.pad[i] = attrs.pad[i + 2] = k->pad;
  }
  attrs.groups = k->groups;
  int x = quantize(graph, lus_graph_add_input(graph, "x"), 0.05f, 37);
  int y = fixture_conv(graph, rng, x, k->c, k->out, TRUE, &attrs);
  *weight = graph->nodes[graph->n_nodes - 1].inputs[1];
  *bias = graph->nodes[graph->n_nodes - 1].inputs[2];
  float products[64];
  for (int o = 0; o < k->out; o++) {
    scales[o] = 0.01f + 0.0001f * (float)o;
    products[o] = scales[o] * 0.05f;
  }
  make_codes(graph, *weight, 8, scales, k->out);
  make_codes(graph, *bias, 32, products, k->out);
  LusOpAttrs clip = lus_op_attrs_default();
  clip.alpha = CLIP_LOW;
  clip.beta = CLIP_HIGH;
  if (k->activation != LUS_OP_CONV)
    y = lus_graph_add_node(graph, k->activation, "activation", 1, &y, &clip);
  lus_graph_set_output(graph, k->floats ? y : quantize(graph, y, Y_STEP, zero_of(k)));
  return graph;
}

static int code_at(const float *x, const ConvCase *k, int i, int v, int u)
{
  if (v < 0 || v >= k->h || u < 0 || u >= k->w)
    return 0;
  float code = rintf(x[(i * k->h + v) * k->w + u] / 0.05f) + 37;
  return (int)CLAMP(code, 0, 255) - 37;
}

static float plain_conv(const LusGraph *graph, const ConvCase *k, const float *x, const float *scales, int weight,
                        int bias, int o, int row, int column)
{
  int in = k->c / k->groups, first = o / (k->out / k->groups) * in;
  gint64 sum = (gint64)rint((double)graph->values[bias].constant->data[o] / ((double)scales[o] * (double)0.05f));
  const float *w = graph->values[weight].constant->data + o * in * k->kernel * k->kernel;
  for (int i = first; i < first + in; i++)
    for (int ky = 0; ky < k->kernel; ky++)
      for (int kx = 0; kx < k->kernel; kx++, w++)
        sum += (gint64)rint((double)*w / (double)scales[o]) *
               code_at(x, k, i, row * k->stride - k->pad + ky * k->dilation,
                       column * k->stride - k->pad + kx * k->dilation);
  gboolean clips = k->activation == LUS_OP_CLIP;
  float low = clips ? CLIP_LOW : k->activation == LUS_OP_RELU ? 0 : -INFINITY, high = clips ? CLIP_HIGH : INFINITY;
  double scale = (double)scales[o] * (double)0.05f;
  if (k->floats)
    return CLAMP((float)sum * (float)scale, low, high);
  float zero = (float)zero_of(k), code = rintf((float)sum * (float)(scale / (double)Y_STEP)) + zero;
  low = MAX(rintf(low / Y_STEP) + zero, 0);
  return (CLAMP(code, low, MIN(rintf(high / Y_STEP) + zero, 255)) - zero) * Y_STEP;
}

/** How the graph's only convolution is computed. */
static void check_method(LusGraph *graph, const ConvCase *k, const char *begin)
{
  g_autoptr(LusPlan) plan = lus_plan_new(graph, k->c, k->h, k->w, LUS_PLAN_INFER, 1, NULL);
  int convs = 0;
  for (int i = 0; i < lus_plan_n_steps(plan); i++) {
    LusPlanStep step;
    lus_plan_get_step(plan, i, &step);
    if (!g_str_has_prefix(step.operators, "Conv"))
      continue;
    convs++;
    g_assert_true(*begin ? g_str_has_prefix(step.method, begin) : !strstr(step.method, "int8"));
  }
  g_assert_cmpint(convs, ==, 1);
}

/** On one and three threads, what plain loops say. */
static void check_convs(const ConvCase *cases, gsize n_cases, const char *method)
{
  LusRng rng;
  lus_rng_init(&rng, 3, 0);
  for (gsize n = 0; n < n_cases; n++) {
    const ConvCase *k = &cases[n];
    float scales[64];
    int weight, bias;
    g_autoptr(LusGraph) graph = conv_graph(k, &rng, scales, &weight, &bias);
    g_assert_cmpint(lus_graph_n_quantized(graph), ==, 1);
    check_method(graph, k, method);
    g_autofree float *x = g_new(float, k->c * k->h * k->w);
    for (int i = 0; i < k->c * k->h * k->w; i++)
      x[i] = (float)lus_rng_normal(&rng, 2, 3);
    g_autofree float *y = run(graph, x, k->c, k->h, k->w, LUS_PLAN_INFER, 1);
    g_autofree float *same = run(graph, x, k->c, k->h, k->w, LUS_PLAN_INFER, 3);
    const int *shape = graph->values[graph->output].shape;
    int at = 0;
    for (int o = 0; o < shape[1]; o++)
      for (int i = 0; i < shape[2]; i++)
        for (int j = 0; j < shape[3]; j++, at++) {
          g_assert_cmpfloat(y[at], ==, plain_conv(graph, k, x, scales, weight, bias, o, i, j));
          g_assert_cmpfloat(y[at], ==, same[at]);
        }
  }
}

static void test_conv(void)
{
  static const ConvCase cases[] = {
      {3, 32, 7, 2, 1, 3, 21, 30, LUS_OP_RELU, 1, FALSE}, {1, 16, 5, 2, 1, 2, 19, 17, LUS_OP_RELU, 1, FALSE},
      {8, 33, 3, 1, 1, 1, 9, 14, LUS_OP_CONV, 1, FALSE},  {5, 7, 3, 1, 1, 1, 6, 3, LUS_OP_CONV, 1, FALSE},
      {16, 48, 1, 1, 1, 0, 7, 11, LUS_OP_RELU, 1, FALSE}, {6, 40, 1, 2, 1, 0, 8, 9, LUS_OP_CONV, 1, FALSE},
      {4, 20, 3, 1, 2, 2, 11, 10, LUS_OP_CONV, 1, FALSE}, {12, 64, 3, 2, 1, 1, 13, 40, LUS_OP_RELU, 1, FALSE},
      {16, 48, 1, 1, 1, 0, 7, 11, LUS_OP_CLIP, 1, FALSE}, {3, 33, 3, 2, 1, 1, 12, 13, LUS_OP_CLIP, 1, TRUE},
      {7, 21, 3, 1, 1, 1, 6, 9, LUS_OP_RELU, 1, TRUE},
  };
  check_convs(cases, G_N_ELEMENTS(cases), "int8");
}

/** One channel per group, alone on bytes; more channels per group and very wide borders stay in floats. */
static void test_depthwise(void)
{
  static const ConvCase cases[] = {
      {24, 24, 3, 1, 1, 1, 11, 10, LUS_OP_CLIP, 24, FALSE}, {33, 33, 3, 2, 1, 1, 13, 40, LUS_OP_RELU, 33, FALSE},
      {16, 16, 5, 1, 1, 2, 9, 8, LUS_OP_CONV, 16, FALSE},   {8, 8, 7, 2, 1, 3, 15, 17, LUS_OP_CLIP, 8, TRUE},
      {40, 40, 3, 1, 4, 4, 11, 12, LUS_OP_CONV, 40, TRUE},  {64, 64, 3, 1, 1, 0, 40, 33, LUS_OP_CLIP, 64, FALSE},
      {17, 17, 1, 1, 1, 0, 5, 4, LUS_OP_CLIP, 17, FALSE},
  };
  static const ConvCase floats[] = {
      {8, 16, 3, 1, 1, 1, 8, 8, LUS_OP_CONV, 8, FALSE},
      {8, 8, 3, 1, 1, 1, 8, 8, LUS_OP_CONV, 4, FALSE},
      {8, 8, 3, 1, 9, 9, 8, 8, LUS_OP_CONV, 8, FALSE},
      {2, 2, 9, 1, 1, 4, 20, 20, LUS_OP_CONV, 2, FALSE},
  };
  check_convs(cases, G_N_ELEMENTS(cases), "int8 depthwise");
  for (gsize n = 0; n < G_N_ELEMENTS(floats); n++) {
    const ConvCase *k = &floats[n];
    LusRng rng;
    float scales[64];
    int weight, bias;
    lus_rng_init(&rng, 4, 0);
    g_autoptr(LusGraph) graph = conv_graph(k, &rng, scales, &weight, &bias);
    check_method(graph, k, "");
  }
}

/** A BatchNormalization behind a convolution of codes counts, as plain arithmetic says. */
static void test_batch_norm(void)
{
  static const ConvCase k = {3, 5, 3, 1, 1, 1, 6, 7, LUS_OP_CONV, 1, TRUE};
  LusRng rng;
  float scales[64];
  int weight, bias;
  lus_rng_init(&rng, 5, 0);
  g_autoptr(LusGraph) graph = conv_graph(&k, &rng, scales, &weight, &bias);
  float x[3 * 6 * 7];
  for (gsize i = 0; i < G_N_ELEMENTS(x); i++)
    x[i] = (float)lus_rng_normal(&rng, 2, 3);
  lus_graph_set_output(graph, fixture_batch_norm(graph, &rng, graph->output, k.out));
  const int *parts = graph->nodes[graph->n_nodes - 1].inputs;
  g_autofree float *y = run(graph, x, k.c, k.h, k.w, LUS_PLAN_INFER, 1);
  for (int i = 0; i < k.out * k.h * k.w; i++) {
    int o = i / (k.h * k.w), at = i % (k.h * k.w);
    float norm[4];
    for (int n = 0; n < 4; n++)
      norm[n] = graph->values[parts[n + 1]].constant->data[o];
    float sum = plain_conv(graph, &k, x, scales, weight, bias, o, at / k.w, at % k.w);
    float wanted = (sum - norm[2]) / sqrtf(norm[3] + 1e-5f) * norm[0] + norm[1];
    g_assert_cmpfloat_with_epsilon(y[i], wanted, 1e-4f);
  }
}

/** Encoder and decoder in small: all operators that are quantised, and GroupNorm. */
static LusGraph *network(LusRng *rng)
{
  LusGraph *graph = lus_graph_new();
  LusOpAttrs wide = lus_op_attrs_default(), point = lus_op_attrs_default();
  for (int i = 0; i < 2; i++) {
    wide.kernel[i] = 3;
    wide.pad[i] = wide.pad[i + 2] = 1;
  }
  int x = lus_graph_add_input(graph, "x");
  x = fixture_unary(graph, LUS_OP_RELU,
                    fixture_batch_norm(graph, rng, fixture_conv(graph, rng, x, 1, 16, FALSE, &wide), 16));
  x = fixture_max_pool(graph, x, 3, 2, 1);
  int skip = x;
  x = fixture_unary(graph, LUS_OP_RELU, fixture_conv(graph, rng, x, 16, 16, TRUE, &wide));
  x = fixture_conv(graph, rng, x, 16, 16, TRUE, &wide);
  x = fixture_unary(graph, LUS_OP_RELU, fixture_add(graph, x, skip));
  x = fixture_group_norm(graph, rng, fixture_conv(graph, rng, x, 16, 20, FALSE, &wide), 20, 4);
  x = fixture_unary(graph, LUS_OP_RELU, x);
  LusOpAttrs up = lus_op_attrs_default();
  up.mode = LUS_RESIZE_LINEAR;
  up.coord = LUS_COORD_HALF_PIXEL;
  up.scale[0] = up.scale[1] = 2;
  x = lus_graph_add_node(graph, LUS_OP_RESIZE, "up", 1, &x, &up);
  int y = fixture_group_norm(graph, rng, fixture_conv(graph, rng, skip, 16, 20, FALSE, &wide), 20, 5);
  y = lus_graph_add_node(graph, LUS_OP_RESIZE, "up too", 1, &y, &up);
  x = fixture_unary(graph, LUS_OP_RELU, fixture_add(graph, x, y));
  y = fixture_group_norm(graph, rng, fixture_conv(graph, rng, x, 20, 20, FALSE, &wide), 20, 4);
  x = fixture_add(graph, fixture_unary(graph, LUS_OP_RELU, y), x);
  up.mode = LUS_RESIZE_NEAREST;
  up.coord = LUS_COORD_ASYMMETRIC;
  y = fixture_conv(graph, rng, skip, 16, 8, TRUE, &point);
  y = lus_graph_add_node(graph, LUS_OP_RESIZE, "doubled", 1, &y, &up);
  x = fixture_add(graph, fixture_conv(graph, rng, x, 20, 8, TRUE, &point), y);
  x = fixture_conv(graph, rng, x, 8, 3, TRUE, &wide);
  lus_graph_set_output(graph, x);
  return graph;
}

#define SIDE 24

static LusGraph *quantized_network(const LusGraph *graph, float *x, LusRng *rng)
{
  GError *error = NULL;
  g_autoptr(LusQuantizer) quantizer = lus_quantizer_new(graph, 1, SIDE, SIDE, 1, &error);
  g_assert_no_error(error);
  for (int look = 0; look < 2; look++) {
    LusRng again = *rng;
    for (int n = 0; n < 4; n++) {
      lus_rng_fill_normal(&again, x, SIDE * SIDE);
      (look ? lus_quantizer_count : lus_quantizer_find_range)(quantizer, x, NULL);
    }
  }
  LusGraph *quantized = lus_quantizer_finish(quantizer, &error);
  g_assert_no_error(error);
  return quantized;
}

typedef struct {
  LusRng rng; /* of the first input */
  int left;   /* calls of progress before it stops; < 0: never */
} Inputs;

static void get_input(gpointer data, int i, float *input)
{
  LusRng rng = ((const Inputs *)data)->rng;
  for (int k = 0; k <= i; k++)
    lus_rng_fill_normal(&rng, input, SIDE * SIDE);
}

static gboolean count_down(gpointer data, const char *what, gint64 done, gint64 total)
{
  g_assert_true(*what && done <= total);
  return ((Inputs *)data)->left < 0 || ((Inputs *)data)->left-- > 0;
}

static LusQuantizer *looked_at(const LusGraph *graph, Inputs *from, int n)
{
  float x[SIDE * SIDE];
  LusQuantizer *quantizer = lus_quantizer_new(graph, 1, SIDE, SIDE, 3, NULL);
  for (int look = 0; look < 2; look++)
    for (int i = 0; i < n; i++) {
      get_input(from, i, x);
      (look ? lus_quantizer_count : lus_quantizer_find_range)(quantizer, x, NULL);
    }
  return quantizer;
}

static int n_left_out(const LusQuantizer *quantizer, int *n_measured)
{
  int n = *n_measured = 0;
  for (int i = 0; i < lus_quantizer_n_points(quantizer); i++) {
    LusQuantizerPoint point;
    lus_quantizer_get_point(quantizer, i, &point);
    g_assert_nonnull(strstr(point.name, "/quantized"));
    g_assert_true(isnan(point.effect) || point.effect >= 0);
    *n_measured += point.effect > 0;
    n += point.left_out;
  }
  return n;
}

/** More is left out the nearer the masks must be; what remains is what is told; threads don't matter. */
static void test_choose(void)
{
  Inputs from = {.left = -1};
  lus_rng_init(&from.rng, 5, 0);
  g_autoptr(LusGraph) graph = network(&from.rng);
  static const double ious[] = {0, 0.97, 1};
  int before = 0, measured;
  for (gsize i = 0; i < G_N_ELEMENTS(ious); i++) {
    LusQuantizerGoal goal = {.iou = ious[i], .least_share = 0.5, .level = 0.3f, .unit = 1};
    LusQuantizerInputs inputs = {.n = 4, .get = get_input, .progress = count_down, .data = &from};
    LusQuantizerResult results[3];
    g_autoptr(LusQuantizer) quantizer = looked_at(graph, &from, 4);
    g_autoptr(LusQuantizer) again = looked_at(graph, &from, 4);
    LusParallel *pool = lus_parallel_new(3);
    g_assert_true(lus_quantizer_choose(quantizer, &goal, &inputs, pool, &results[0], NULL));
    lus_parallel_free(pool);
    g_assert_true(lus_quantizer_choose(again, &goal, &inputs, NULL, &results[1], NULL));
    g_assert_true(lus_quantizer_compare(again, &goal, &inputs, NULL, &results[2], NULL));
    for (int k = 1; k < 3; k++) {
      g_assert_true(results[k].share == results[0].share && results[k].n_outputs == 3);
      g_assert_cmpmem(results[k].iou, 3 * sizeof(double), results[0].iou, 3 * sizeof(double));
    }
    int left_out = n_left_out(quantizer, &measured);
    g_assert_cmpint(n_left_out(again, &measured), ==, left_out);
    g_assert_cmpint(measured > 0, ==, ious[i] > 0);
    g_assert_true(i == 0 ? left_out == 0 : left_out > before);
    g_assert_cmpfloat(results[0].share, >=, i == 0 ? 1 - 1e-9 : 0.5);
    for (int k = 0; k < 3; k++)
      g_assert_cmpfloat(results[0].iou[k], >=, i == 2 ? 0.97 : ious[i]);
    before = left_out;
    g_autoptr(LusGraph) quantized = lus_quantizer_finish(quantizer, NULL);
    g_assert_cmpint(lus_graph_n_quantized(quantized), >, 0);
  }
}

static void test_choose_stopped(void)
{
  Inputs from = {.left = -1};
  lus_rng_init(&from.rng, 5, 0);
  g_autoptr(LusGraph) graph = network(&from.rng);
  for (int calls = 0; calls < 12; calls += 3) {
    LusQuantizerGoal goal = {.iou = 1, .level = 0.3f, .unit = 1};
    LusQuantizerInputs inputs = {.n = 4, .get = get_input, .progress = count_down, .data = &from};
    LusQuantizerResult result;
    g_autoptr(GError) error = NULL;
    g_autoptr(LusQuantizer) quantizer = looked_at(graph, &from, 4);
    from.left = calls;
    g_assert_false(lus_quantizer_choose(quantizer, &goal, &inputs, NULL, &result, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_CANCELLED);
  }
}

static double rms_difference(const float *a, const float *b, gsize n)
{
  double sum = 0, all = 0;
  for (gsize i = 0; i < n; i++) {
    sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    all += (double)a[i] * (double)a[i];
  }
  return sqrt(sum / all);
}

/** The network in floats; the quantised one in @quantized, and a picture in @x. */
static LusGraph *both_networks(LusGraph **quantized, float *x)
{
  LusRng rng;
  lus_rng_init(&rng, 5, 0);
  LusGraph *graph = network(&rng);
  *quantized = quantized_network(graph, x, &rng);
  return graph;
}

static void test_network(void)
{
  float x[SIDE * SIDE];
  gsize n = 3 * SIDE * SIDE;
  g_autoptr(LusGraph) quantized = NULL;
  g_autoptr(LusGraph) graph = both_networks(&quantized, x);
  g_assert_cmpint(lus_graph_n_quantized(graph), ==, 0);
  g_assert_cmpint(lus_graph_n_quantized(quantized), ==, 9);
  g_autofree float *floats = run(graph, x, 1, SIDE, SIDE, LUS_PLAN_INFER, 1);
  g_autofree float *rounded = run(quantized, x, 1, SIDE, SIDE, LUS_PLAN_INFER_FP32, 1);
  g_autofree float *whole = run(quantized, x, 1, SIDE, SIDE, LUS_PLAN_INFER, 1);
  g_autofree float *threads = run(quantized, x, 1, SIDE, SIDE, LUS_PLAN_INFER, 3);
  g_assert_cmpmem(whole, n * sizeof(float), threads, n * sizeof(float));
  g_assert_cmpfloat(rms_difference(floats, rounded, n), <, 0.05);
  g_assert_cmpfloat(rms_difference(floats, rounded, n), >, 1e-4);
  g_assert_cmpfloat(rms_difference(rounded, whole, n), <, 0.02);
}

/** Codes cannot tell NaN: one that meets them makes all of the output NaN, for that run. */
static void test_nan(void)
{
  float x[SIDE * SIDE];
  gsize n = 3 * SIDE * SIDE;
  g_autoptr(LusGraph) quantized = NULL;
  g_autoptr(LusGraph) graph = both_networks(&quantized, x);
  g_assert_cmpint(lus_graph_n_quantized(graph), ==, 0);
  for (int mode = LUS_PLAN_INFER; mode <= LUS_PLAN_INFER_FP32; mode += 2) {
    g_autoptr(LusPlan) plan = lus_plan_new(quantized, 1, SIDE, SIDE, (LusPlanMode)mode, 1, NULL);
    g_autofree float *y = g_new(float, n);
    float kept = x[7];
    for (int round = 0; round < 3; round++) {
      x[7] = round == 1 ? NAN : kept;
      lus_plan_forward(plan, y, x, NULL);
      for (gsize i = 0; i < n; i++)
        g_assert_true((round == 1) == (isnan(y[i]) != 0));
    }
  }
}

/** Additions are part of what makes one of their sides, and so is the doubling. */
static void test_steps(void)
{
  LusRng rng;
  float x[SIDE * SIDE];
  lus_rng_init(&rng, 5, 0);
  g_autoptr(LusGraph) graph = network(&rng);
  g_autoptr(LusGraph) quantized = quantized_network(graph, x, &rng);
  g_autoptr(LusPlan) plan = lus_plan_new(quantized, 1, SIDE, SIDE, LUS_PLAN_INFER, 1, NULL);
  static const char *const expected[] = {"QuantizeLinear to int8", "Conv+Relu int8 direct", "MaxPool int8",
                                         "Conv+Relu int8 direct", "Conv+Add+Relu int8 direct", "Conv int8 direct",
                                         "GroupNormalization+Relu int8", "Resize int8", "Conv int8 direct",
                                         "GroupNormalization int8", "Resize+Add+Relu int8", "Conv int8 direct",
                                         "GroupNormalization+Relu+Add int8", "Conv int8 matrix",
                                         "Conv+Resize+Add int8 matrix", "Conv int8 direct"};
  g_assert_cmpint(lus_plan_n_steps(plan), ==, G_N_ELEMENTS(expected));
  for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
    LusPlanStep step;
    lus_plan_get_step(plan, (int)i, &step);
    g_autofree char *text = g_strdup_printf("%s %s", step.operators, step.method);
    g_assert_cmpstr(text, ==, expected[i]);
  }
}

/** Written and read again: the same numbers; written again: the same bytes. */
static void test_file(void)
{
  LusRng rng;
  float x[SIDE * SIDE];
  gsize n = 3 * SIDE * SIDE;
  lus_rng_init(&rng, 6, 0);
  g_autoptr(LusGraph) graph = network(&rng);
  g_autoptr(LusGraph) quantized = quantized_network(graph, x, &rng);
  GError *error = NULL;
  g_autoptr(GByteArray) bytes = lus_onnx_write(quantized, NULL, 1, SIDE, SIDE, &error);
  g_assert_no_error(error);
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(bytes->data, bytes->len, "file", &error);
  g_assert_no_error(error);
  g_assert_cmpint(lus_graph_n_quantized(onnx->graph), ==, 9);
  g_autofree float *before = run(quantized, x, 1, SIDE, SIDE, LUS_PLAN_INFER, 1);
  g_autofree float *after = run(onnx->graph, x, 1, SIDE, SIDE, LUS_PLAN_INFER, 1);
  g_assert_cmpmem(before, n * sizeof(float), after, n * sizeof(float));
}

static void test_training_refused(void)
{
  LusRng rng;
  float x[SIDE * SIDE];
  lus_rng_init(&rng, 6, 0);
  g_autoptr(LusGraph) graph = network(&rng);
  g_autoptr(LusGraph) quantized = quantized_network(graph, x, &rng);
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_plan_new(quantized, 1, SIDE, SIDE, LUS_PLAN_TRAIN, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED);
}

static void test_precision(void)
{
  LusRng rng;
  lus_rng_init(&rng, 6, 0);
  g_autoptr(LusGraph) graph = network(&rng);
  LusPlanMode mode;
  LusPrecision precision;
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_precision_mode(&mode, LUS_PRECISION_AUTO, graph, "m.onnx", NULL) && mode == LUS_PLAN_INFER);
  g_assert_true(lus_precision_mode(&mode, LUS_PRECISION_FP32, graph, "m.onnx", NULL) && mode == LUS_PLAN_INFER_FP32);
  g_assert_false(lus_precision_mode(&mode, LUS_PRECISION_INT8, graph, "m.onnx", &error));
  g_assert_nonnull(strstr(error->message, "m.onnx: precision int8"));
  g_assert_nonnull(strstr(error->message, "lus quantize"));
  g_clear_error(&error);
  g_assert_true(lus_precision_parse(&precision, "int8", NULL) && precision == LUS_PRECISION_INT8);
  g_assert_false(lus_precision_parse(&precision, "int4", &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/quantizer/operator", test_operator);
  g_test_add_func("/quantizer/wrong-steps", test_wrong_steps);
  g_test_add_func("/quantizer/conv", test_conv);
  g_test_add_func("/quantizer/depthwise", test_depthwise);
  g_test_add_func("/quantizer/batch-norm", test_batch_norm);
  g_test_add_func("/quantizer/network", test_network);
  g_test_add_func("/quantizer/nan", test_nan);
  g_test_add_func("/quantizer/steps", test_steps);
  g_test_add_func("/quantizer/choose", test_choose);
  g_test_add_func("/quantizer/choose/stopped", test_choose_stopped);
  g_test_add_func("/quantizer/file", test_file);
  g_test_add_func("/quantizer/training-refused", test_training_refused);
  g_test_add_func("/quantizer/precision", test_precision);
  return g_test_run();
}
