/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activations folded into convolutions, gates (x times the sigmoid of x), squeeze and excitation, and the operators on
 * two maps, each against the plain formula on what the same network gives without it. */
#include <math.h>

#include "graph-fixture.h"
#include "nn/plan.h"

#define SEED 11
#define HEIGHT 9
#define WIDTH 7
#define PIXELS (HEIGHT * WIDTH)

static double clip(double v, double low, double high)
{
  return fmin(fmax(v, low), high);
}

static double activated(LusOpType type, double v)
{
  switch (type) {
  case LUS_OP_SIGMOID:
    return 1 / (1 + exp(-v));
  case LUS_OP_CLIP:
    return clip(v, -.25, .5);
  case LUS_OP_LEAKY_RELU:
    return v < 0 ? -.25 * v : v;
  case LUS_OP_HARD_SIGMOID:
    return clip(-.25 * v + .5, 0, 1);
  default: /* HardSwish */
    return v * clip(v / 6 + .5, 0, 1);
  }
}

static const LusOpType types[] = {LUS_OP_SIGMOID, LUS_OP_CLIP, LUS_OP_LEAKY_RELU, LUS_OP_HARD_SIGMOID,
                                  LUS_OP_HARD_SWISH};

static int add_activation(LusGraph *graph, LusOpType type, int x)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.alpha = -.25f;
  attrs.beta = .5f;
  return lus_graph_add_node(graph, type, lus_op_name(type), 1, &x, &attrs);
}

static int add_pair(LusGraph *graph, LusOpType type, int a, int b)
{
  return lus_graph_add_node(graph, type, lus_op_name(type), 2, (int[]){a, b}, NULL);
}

/** Results [n] of the network whose output is @value, for a fixed input; the same with 1 and 3 threads. */
static float *run(LusGraph *graph, int value, int c, gsize *n)
{
  g_autoptr(GError) error = NULL;
  lus_graph_set_output(graph, value);
  g_autoptr(LusPlan) plan = lus_plan_new(graph, c, HEIGHT, WIDTH, LUS_PLAN_INFER, 3, &error);
  g_assert_no_error(error);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  *n = (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2];
  LusRng rng;
  lus_rng_init(&rng, SEED, 1);
  g_autofree float *x = g_new(float, c * PIXELS), *again = g_new(float, *n);
  lus_rng_fill_normal(&rng, x, (gsize)c * PIXELS);
  float *y = g_new(float, *n);
  lus_plan_forward(plan, y, x, NULL);
  LusParallel *pool = lus_parallel_new(3);
  lus_plan_forward(plan, again, x, pool);
  lus_parallel_free(pool);
  g_assert_cmpmem(y, *n * sizeof *y, again, *n * sizeof *again);
  return y;
}

static void assert_near(double got, double wanted, const char *what, gsize i)
{
  if (!(fabs(got - wanted) <= 2e-5 * (1 + fabs(wanted))))
    g_error("%s: element %" G_GSIZE_FORMAT " is %.9g, not %.9g", what, i, got, wanted);
}

/* Windows of every kind of convolution; the one that LUS_CONV names takes those it can. */
static const struct {
  int in, out, kernel, stride, dilation, groups;
} convs[] = {
    {3, 5, 3, 2, 1, 1},   {8, 70, 1, 1, 1, 1}, {9, 20, 3, 1, 1, 1}, {6, 6, 3, 1, 1, 6},
    {17, 17, 5, 2, 1, 17}, {8, 6, 3, 1, 2, 2},  {16, 33, 3, 1, 1, 1},
};

static LusGraph *begin(LusRng *rng, int i, int *conv)
{
  LusGraph *graph = lus_graph_new();
  LusOpAttrs attrs = lus_op_attrs_default();
  lus_rng_init(rng, SEED, 0);
  for (int k = 0; k < 2; k++) {
    attrs.kernel[k] = convs[i].kernel;
    attrs.stride[k] = convs[i].stride;
    attrs.dilation[k] = convs[i].dilation;
    attrs.pad[k] = attrs.pad[k + 2] = convs[i].kernel / 2 * convs[i].dilation;
  }
  attrs.groups = convs[i].groups;
  int x = lus_graph_add_input(graph, "x");
  *conv = fixture_conv(graph, rng, x, convs[i].in, convs[i].out, TRUE, &attrs);
  return graph;
}

static void test_folded(void)
{
  for (int i = 0; i < (int)G_N_ELEMENTS(convs); i++)
    for (gsize t = 0; t < G_N_ELEMENTS(types); t++) {
      LusRng rng;
      int conv;
      gsize n;
      g_autoptr(LusGraph) graph = begin(&rng, i, &conv);
      int y = add_activation(graph, types[t], conv);
      g_autofree float *before = run(graph, conv, convs[i].in, &n), *after = run(graph, y, convs[i].in, &n);
      for (gsize k = 0; k < n; k++)
        assert_near((double)after[k], activated(types[t], (double)before[k]), lus_op_name(types[t]), k);
    }
}

/** After an addition, which the convolution takes in as well. */
static void test_residual(void)
{
  LusRng rng;
  int conv;
  gsize n;
  g_autoptr(LusGraph) graph = begin(&rng, 2, &conv);
  int other = fixture_unary(graph, LUS_OP_TANH, conv), sum = fixture_add(graph, conv, other);
  int y = add_activation(graph, LUS_OP_CLIP, sum);
  g_autofree float *before = run(graph, conv, convs[2].in, &n), *after = run(graph, y, convs[2].in, &n);
  for (gsize k = 0; k < n; k++) {
    double v = (double)before[k];
    assert_near((double)after[k], activated(LUS_OP_CLIP, v + tanh(v)), "residual", k);
  }
}

/** A BatchNorm and an activation after a transposed convolution of two groups, with and without bias. */
static void test_transposed(void)
{
  for (int bias = 0; bias < 2; bias++) {
    LusRng rng;
    gsize n;
    g_autoptr(LusGraph) graph = lus_graph_new();
    LusOpAttrs attrs = lus_op_attrs_default();
    lus_rng_init(&rng, SEED, 0);
    attrs.kernel[0] = attrs.kernel[1] = attrs.stride[0] = attrs.stride[1] = attrs.groups = 2;
    int x = lus_graph_add_input(graph, "x");
    int weight = fixture_constant(graph, &rng, "weight", 0, .3, 4, (int[]){4, 3, 2, 2});
    int inputs[] = {x, weight, bias ? fixture_constant(graph, &rng, "bias", 0, 1, 1, (int[]){6}) : -1};
    int up = lus_graph_add_node(graph, LUS_OP_CONV_TRANSPOSE, "up", 3, inputs, &attrs);
    int norm = fixture_batch_norm(graph, &rng, up, 6), y = add_activation(graph, LUS_OP_HARD_SWISH, norm);
    const float *p[5];
    for (int i = 1; i < 5; i++)
      p[i] = graph->values[graph->nodes[1].inputs[i]].constant->data;
    g_autofree float *before = run(graph, up, 4, &n), *after = run(graph, y, 4, &n);
    g_assert_cmpuint(n, ==, 6 * 4 * PIXELS);
    for (gsize k = 0; k < n; k++) {
      gsize c = k / (4 * PIXELS);
      double v = ((double)before[k] - (double)p[3][c]) / sqrt((double)p[4][c] + 1e-5) * (double)p[1][c] + (double)p[2][c];
      assert_near((double)after[k], activated(LUS_OP_HARD_SWISH, v), "transposed", k);
    }
  }
}

/** x sigmoid(x) with the factors in either order; read by nobody else, or by an addition. */
static void test_gate(void)
{
  for (int form = 0; form < 8; form++) {
    LusRng rng;
    int conv;
    gsize n;
    gboolean hard = form & 4;
    g_autoptr(LusGraph) graph = begin(&rng, 2, &conv);
    LusOpAttrs attrs = lus_op_attrs_default();
    attrs.alpha = .3f;
    attrs.beta = .4f;
    int gate = lus_graph_add_node(graph, hard ? LUS_OP_HARD_SIGMOID : LUS_OP_SIGMOID, "gate", 1, &conv, &attrs);
    int y = form & 1 ? add_pair(graph, LUS_OP_MUL, gate, conv) : add_pair(graph, LUS_OP_MUL, conv, gate);
    if (form & 2)
      y = fixture_add(graph, y, conv);
    g_autofree float *before = run(graph, conv, convs[2].in, &n), *after = run(graph, y, convs[2].in, &n);
    for (gsize k = 0; k < n; k++) {
      double v = (double)before[k], factor = hard ? clip(.3 * v + .4, 0, 1) : 1 / (1 + exp(-v));
      assert_near((double)after[k], v * factor + (form & 2 ? v : 0), "gate", k);
    }
  }
}

/** The input has no maker to fold into; a gate that two read stays a map of its own. */
static void test_gate_limits(void)
{
  gsize n;
  g_autoptr(LusGraph) graph = lus_graph_new();
  int x = lus_graph_add_input(graph, "x"), same = fixture_unary(graph, LUS_OP_TANH, x);
  int gate = fixture_unary(graph, LUS_OP_SIGMOID, x), y = add_pair(graph, LUS_OP_MUL, x, gate);
  g_autofree float *v = run(graph, same, 3, &n), *swish = run(graph, y, 3, &n);
  int more = add_pair(graph, LUS_OP_SUB, y, gate), other = add_pair(graph, LUS_OP_MUL, same, gate);
  g_autofree float *shared = run(graph, more, 3, &n), *foreign = run(graph, other, 3, &n);
  for (gsize k = 0; k < n; k++) {
    double value = atanh((double)v[k]), s = 1 / (1 + exp(-value));
    if (fabs((double)v[k]) > .99)
      continue; /* atanh magnifies what was rounded */
    assert_near((double)swish[k], value * s, "swish of the input", k);
    assert_near((double)shared[k], value * s - s, "shared gate", k);
    assert_near((double)foreign[k], (double)v[k] * s, "gate of another map", k);
  }
}

/** Each channel times a factor that comes from all the channels' means (Hu, Shen and Sun 2018). */
static void test_excitation(void)
{
  LusRng rng;
  int conv;
  gsize n, n_factors;
  g_autoptr(LusGraph) graph = begin(&rng, 6, &conv);
  const int channels = convs[6].out;
  LusOpAttrs attrs = lus_op_attrs_default(), mean_attrs = attrs;
  attrs.kernel[0] = attrs.kernel[1] = 1;
  mean_attrs.axes = 1u << 2 | 1u << 3;
  int mean = lus_graph_add_node(graph, LUS_OP_REDUCE_MEAN, "mean", 1, &conv, &mean_attrs);
  int squeezed = fixture_conv(graph, &rng, mean, channels, channels, TRUE, &attrs);
  int factor = fixture_unary(graph, LUS_OP_SIGMOID, squeezed), y = add_pair(graph, LUS_OP_MUL, factor, conv);
  g_autofree float *before = run(graph, conv, convs[6].in, &n), *means = run(graph, mean, convs[6].in, &n_factors);
  g_autofree float *factors = run(graph, factor, convs[6].in, &n_factors), *after = run(graph, y, convs[6].in, &n);
  g_assert_cmpint((int)n_factors, ==, channels);
  for (gsize k = 0; k < n_factors; k++) {
    double sum = 0;
    for (gsize p = 0; p < PIXELS; p++)
      sum += (double)before[k * PIXELS + p];
    assert_near((double)means[k], sum / PIXELS, "mean", k);
  }
  for (gsize k = 0; k < n; k++)
    assert_near((double)after[k], (double)before[k] * (double)factors[k / PIXELS], "excitation", k);
}

static double combined(LusOpType type, double a, double b)
{
  return type == LUS_OP_MUL ? a * b : type == LUS_OP_SUB ? a - b : type == LUS_OP_DIV ? a / b : a + b;
}

/** A map with a constant of each shape that can be repeated, on either side. */
static void test_broadcast(void)
{
  static const LusOpType pairs[] = {LUS_OP_BROADCAST_ADD, LUS_OP_MUL, LUS_OP_SUB, LUS_OP_DIV};
  for (int shape = 0; shape < 8; shape++)
    for (gsize t = 0; t < G_N_ELEMENTS(pairs) * 2; t++) {
      LusRng rng;
      gsize n;
      gboolean swapped = t % 2;
      LusOpType type = pairs[t / 2];
      g_autoptr(LusGraph) graph = lus_graph_new();
      lus_rng_init(&rng, SEED, 0);
      const int dims[4] = {1, shape & 1 ? 5 : 1, shape & 2 ? HEIGHT : 1, shape & 4 ? WIDTH : 1};
      int x = lus_graph_add_input(graph, "x"), tanh_x = fixture_unary(graph, LUS_OP_TANH, x);
      int one = fixture_constant(graph, &rng, "one", 1, 0, 1, (int[]){1});
      int a = add_pair(graph, LUS_OP_BROADCAST_ADD, add_pair(graph, LUS_OP_MUL, tanh_x, tanh_x), one);
      int b = fixture_constant(graph, &rng, "b", 3, .3, 4, dims);
      int y = swapped ? add_pair(graph, type, b, a) : add_pair(graph, type, a, b);
      g_autofree float *before = run(graph, a, 5, &n), *after = run(graph, y, 5, &n);
      const float *constant = graph->values[b].constant->data;
      for (gsize k = 0; k < n; k++) {
        gsize c = k / PIXELS, i = k % PIXELS / WIDTH, j = k % WIDTH;
        gsize at = ((dims[1] > 1 ? c : 0) * (gsize)dims[2] + (dims[2] > 1 ? i : 0)) * (gsize)dims[3] +
                   (dims[3] > 1 ? j : 0);
        double p = (double)before[k], q = (double)constant[at];
        assert_near((double)after[k], swapped ? combined(type, q, p) : combined(type, p, q), lus_op_name(type), k);
      }
    }
}

/** Rows, columns and channels joined: y is each part in turn. */
static void test_concat(void)
{
  for (int axis = 1; axis <= 3; axis++) {
    gsize n, n_part;
    g_autoptr(LusGraph) graph = lus_graph_new();
    LusOpAttrs attrs = lus_op_attrs_default();
    attrs.axis = axis;
    int x = lus_graph_add_input(graph, "x"), other = fixture_unary(graph, LUS_OP_TANH, x);
    int y = lus_graph_add_node(graph, LUS_OP_CONCAT, "concat", 3, (int[]){x, other, x}, &attrs);
    int same = fixture_unary(graph, LUS_OP_RELU, x), negative = fixture_unary(graph, LUS_OP_RELU, other);
    g_autofree float *joined = run(graph, fixture_unary(graph, LUS_OP_RELU, y), 2, &n);
    g_autofree float *first = run(graph, same, 2, &n_part), *second = run(graph, negative, 2, &n_part);
    g_assert_cmpuint(n, ==, 3 * n_part);
    gsize inner = axis == 1 ? 2 * PIXELS : axis == 2 ? PIXELS : WIDTH;
    for (gsize k = 0; k < n; k++) {
      gsize part = k / inner % 3, at = k / (3 * inner) * inner + k % inner;
      g_assert_cmpfloat(joined[k], ==, part == 1 ? second[at] : first[at]);
    }
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nn/activation/folded", test_folded);
  g_test_add_func("/nn/activation/residual", test_residual);
  g_test_add_func("/nn/activation/transposed", test_transposed);
  g_test_add_func("/nn/activation/gate", test_gate);
  g_test_add_func("/nn/activation/gate-limits", test_gate_limits);
  g_test_add_func("/nn/activation/excitation", test_excitation);
  g_test_add_func("/nn/activation/broadcast", test_broadcast);
  g_test_add_func("/nn/activation/concat", test_concat);
  return g_test_run();
}
