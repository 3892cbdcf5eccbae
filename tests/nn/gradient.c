/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every backward pass against finite differences of the forward pass: per operator and, in a small
 * FPN, per named tensor.
 *
 * L = sum of output times fixed random numbers, summed in double. For a tensor with gradient g, the
 * derivative of L along a direction u of length 1 must be g.u to within TOLERANCE |g|. Directions:
 * g/|g| itself, which sees a wrong scale, and random ones, which see everything else. Differences
 * are of fourth order: (8 (f(h) - f(-h)) - f(2h) + f(-2h)) / 12 h. How far a tensor may move before
 * curvature shows, and how little before rounding does, depends on the tensor: of several steps h
 * the one that agrees best counts. A wrong gradient agrees with none. */
#include <math.h>
#include <string.h>

#include "graph-fixture.h"
#include "nn/fpn.h"
#include "nn/plan.h"

#define TOLERANCE 1e-3
#define FPN_TOLERANCE 7e-3 /* many layers' rounding; still below 1 % */
#define DIRECTIONS 4
#define STEPS 6
#define STEP_RATIO 4
#define SEED 20240917

typedef struct {
  LusGraph *graph;
  LusPlan *plan;
  gsize n_in, n_out, n_parameters;
  float *input, *output, *probe; /* probe: d_output */
  float *parameters, *d_parameters, *d_input;
  double step; /* largest change per element, about */
  LusRng rng;
} Check;

static double loss(Check *check)
{
  lus_plan_forward(check->plan, check->output, check->input, NULL);
  double sum = 0;
  for (gsize i = 0; i < check->n_out; i++)
    sum += (double)check->output[i] * (double)check->probe[i];
  return sum;
}

/* L with @tensor moved by @t times @direction. */
static double loss_at(Check *check, float *tensor, const float *saved, const double *direction,
                      gsize n, double t)
{
  for (gsize i = 0; i < n; i++)
    tensor[i] = (float)((double)saved[i] + t * direction[i]);
  lus_graph_set_parameters(check->graph, check->parameters);
  double value = loss(check);
  memcpy(tensor, saved, n * sizeof *tensor);
  return value;
}

static double length(const double *v, gsize n)
{
  double sum = 0;
  for (gsize i = 0; i < n; i++)
    sum += v[i] * v[i];
  return sqrt(sum);
}

/* |difference - g.u| for the best step; @u has length 1. */
static double direction_error(Check *check, float *tensor, const float *saved, const double *u,
                              gsize n, double analytic)
{
  double best = INFINITY, h = check->step * sqrt((double)n);
  for (int k = 0; k < STEPS; k++, h /= STEP_RATIO) {
    double near = loss_at(check, tensor, saved, u, n, h) - loss_at(check, tensor, saved, u, n, -h);
    double far =
        loss_at(check, tensor, saved, u, n, 2 * h) - loss_at(check, tensor, saved, u, n, -2 * h);
    best = fmin(best, fabs((8 * near - far) / (12 * h) - analytic));
  }
  return best;
}

/* Largest |difference - g.u| / |g| over the directions. @tensor is the input or a part of
 * check->parameters. */
static double tensor_error(Check *check, float *tensor, const float *gradient, gsize n)
{
  g_autofree double *u = g_new(double, n);
  g_autofree float *saved = g_memdup2(tensor, n * sizeof *tensor);
  for (gsize i = 0; i < n; i++)
    u[i] = (double)gradient[i];
  double g = length(u, n), worst = 0;
  if (g == 0)
    return INFINITY;
  for (int k = 0; k < DIRECTIONS; k++) {
    for (gsize i = 0; i < n && k > 0; i++)
      u[i] = lus_rng_normal(&check->rng, 0, 1);
    double scale = 1 / length(u, n), analytic = 0;
    for (gsize i = 0; i < n; i++) {
      u[i] *= scale;
      analytic += u[i] * (double)gradient[i];
    }
    worst = fmax(worst, direction_error(check, tensor, saved, u, n, analytic) / g);
  }
  return worst;
}

static void check_open(Check *check, LusGraph *graph, int c, int h, int w, double step)
{
  g_autoptr(GError) error = NULL;
  *check = (Check){.graph = graph, .step = step};
  check->plan = lus_plan_new(graph, c, h, w, LUS_PLAN_TRAIN, 1, &error);
  g_assert_no_error(error);
  int shape[3];
  lus_plan_output_shape(check->plan, shape);
  check->n_in = (gsize)c * (gsize)h * (gsize)w;
  check->n_out = (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2];
  check->n_parameters = lus_graph_n_parameters(graph);
  check->input = g_new(float, check->n_in);
  check->output = g_new(float, check->n_out);
  check->probe = g_new(float, check->n_out);
  check->parameters = g_new(float, check->n_parameters + 1);
  check->d_parameters = g_new0(float, check->n_parameters + 1);
  check->d_input = g_new(float, check->n_in);
  lus_rng_init(&check->rng, SEED, 1);
  lus_rng_fill_normal(&check->rng, check->input, check->n_in);
  lus_rng_fill_normal(&check->rng, check->probe, check->n_out);
  for (gsize i = 0; i < check->n_out;
       i++) /* a common part keeps L large against the outputs' rounding */
    check->probe[i] = 1 + check->probe[i] / 2;
  lus_graph_get_parameters(graph, check->parameters);
}

static void check_gradients(Check *check)
{
  loss(check);
  lus_plan_backward(check->plan, check->d_parameters, check->d_input, check->probe, NULL);
}

static void check_close(Check *check)
{
  lus_plan_free(check->plan);
  lus_graph_free(check->graph);
  g_free(check->input);
  g_free(check->output);
  g_free(check->probe);
  g_free(check->parameters);
  g_free(check->d_parameters);
  g_free(check->d_input);
}

static void assert_error(const char *graph, const char *tensor, double error, double tolerance)
{
  if (!(error <= tolerance))
    g_error("%s: gradient of %s differs from finite differences by %.2g of its length (seed %d)",
            graph, tensor, error, SEED);
}

static void assert_all_tensors(Check *check, const char *name, double tolerance)
{
  check_gradients(check);
  assert_error(name, "the input", tensor_error(check, check->input, check->d_input, check->n_in),
               tolerance);
  for (int v = 0; v < check->graph->n_values; v++) {
    gssize offset = lus_graph_parameter_offset(check->graph, v);
    if (offset >= 0)
      assert_error(name, check->graph->values[v].name,
                   tensor_error(check, check->parameters + offset, check->d_parameters + offset,
                                check->graph->values[v].constant->count),
                   tolerance);
  }
  lus_graph_set_parameters(check->graph, check->parameters);
}

static void test_conv(gconstpointer data)
{
  const FixtureConv *conv = data;
  LusGraph *graph = lus_graph_new();
  LusRng rng;
  lus_rng_init(&rng, SEED, 0);
  LusOpAttrs attrs = fixture_conv_attrs(conv);
  int x = lus_graph_add_input(graph, "x");
  lus_graph_set_output(graph, fixture_conv(graph, &rng, x, conv->c, conv->out, conv->bias, &attrs));
  Check check;
  check_open(&check, graph, conv->c, conv->h, conv->w, 0.05);
  assert_all_tensors(&check, conv->name, TOLERANCE);
  check_close(&check);
}

static int build_group_norm_1(LusGraph *graph, LusRng *rng, int x)
{
  return fixture_group_norm(graph, rng, x, 6, 1);
}

static int build_group_norm_3(LusGraph *graph, LusRng *rng, int x)
{
  return fixture_group_norm(graph, rng, x, 6, 3);
}

static int build_group_norm_6(LusGraph *graph, LusRng *rng, int x)
{
  return fixture_group_norm(graph, rng, x, 6, 6);
}

static int build_batch_norm(LusGraph *graph, LusRng *rng, int x)
{
  return fixture_batch_norm(graph, rng, x, 6);
}

static int build_sigmoid(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return fixture_unary(graph, LUS_OP_SIGMOID, x);
}

static int build_relu(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return fixture_unary(graph, LUS_OP_RELU, x);
}

static int build_add_self(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return fixture_add(graph, x, x);
}

/* The sum, the norm and the input itself all read the norm's value: nothing may be folded away. */
static int build_add_shared(LusGraph *graph, LusRng *rng, int x)
{
  int y = fixture_group_norm(graph, rng, x, 6, 2);
  int z = fixture_add(graph, y, fixture_unary(graph, LUS_OP_SIGMOID, y));
  return fixture_add(graph, z, fixture_add(graph, x, y));
}

static int build_residual(LusGraph *graph, LusRng *rng, int x)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int branch =
      fixture_group_norm(graph, rng, fixture_conv(graph, rng, x, 6, 6, FALSE, &attrs), 6, 2);
  int shortcut =
      fixture_group_norm(graph, rng, fixture_conv(graph, rng, x, 6, 6, TRUE, &attrs), 6, 3);
  return fixture_unary(graph, LUS_OP_SIGMOID, fixture_add(graph, branch, shortcut));
}

static int build_conv_add_up(LusGraph *graph, LusRng *rng, int x)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int small = fixture_max_pool(graph, x, 2, 2, 0);
  int up = fixture_resize(graph, small, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2);
  return fixture_add(graph, fixture_conv(graph, rng, x, 6, 6, TRUE, &attrs), up);
}

static int build_pool_3(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return fixture_max_pool(graph, x, 3, 2, 1);
}

static int build_pool_2(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return fixture_max_pool(graph, x, 2, 1, 0);
}

static int build_pool_dilated(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  int y = fixture_max_pool(graph, x, 2, 1, 1);
  graph->nodes[graph->n_nodes - 1].attrs.dilation[0] = 2;
  graph->nodes[graph->n_nodes - 1].attrs.dilation[1] = 3;
  return y;
}

#define RESIZE(name, mode, coord, sy, sx)                                                          \
  static int build_##name(LusGraph *graph, LusRng *rng, int x)                                     \
  {                                                                                                \
    (void)rng;                                                                                     \
    return fixture_resize(graph, x, mode, coord, sy, sx);                                          \
  }

RESIZE(nearest_2, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2)
RESIZE(nearest_uneven, LUS_RESIZE_NEAREST, LUS_COORD_HALF_PIXEL, 1.5f, 0.5f)
RESIZE(linear_half, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, 2, 2)
RESIZE(linear_half_4, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, 4, 3)
RESIZE(linear_corners, LUS_RESIZE_LINEAR, LUS_COORD_ALIGN_CORNERS, 2, 3)
RESIZE(linear_asymmetric, LUS_RESIZE_LINEAR, LUS_COORD_ASYMMETRIC, 2.25f, 0.75f)
RESIZE(linear_down, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, 0.5f, 0.4f)

static int build_clip(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  int y = fixture_unary(graph, LUS_OP_CLIP, x);
  graph->nodes[graph->n_nodes - 1].attrs.alpha = -3.8f;
  graph->nodes[graph->n_nodes - 1].attrs.beta = 21.8f;
  return fixture_add(graph, y, x);
}

/* The input's gradient comes from two sides. */
static int build_depthwise_shared(LusGraph *graph, LusRng *rng, int x)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.groups = 6;
  attrs.kernel[0] = attrs.kernel[1] = 3;
  for (int i = 0; i < 4; i++)
    attrs.pad[i] = 1;
  return fixture_add(graph, fixture_unary(graph, LUS_OP_SIGMOID, x),
                     fixture_unary(graph, LUS_OP_SIGMOID, fixture_conv(graph, rng, x, 6, 6, FALSE, &attrs)));
}

static int add_moved(LusGraph *graph, LusOpType type, int x, const LusOpAttrs *attrs)
{
  g_autofree char *name = g_strdup_printf("moved%d", graph->n_nodes);
  return lus_graph_add_node(graph, type, name, 1, &x, attrs);
}

static int take(LusGraph *graph, int x, const int begin[4], const int size[4], int step)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 4; i++) {
    attrs.begin[i] = begin[i];
    attrs.size[i] = size[i];
    attrs.step[i] = i > 1 ? step : 1;
  }
  return add_moved(graph, LUS_OP_SLICE, x, &attrs);
}

/* Slices that overlap, joined along @axis with a value that is also read elsewhere, one of them twice. */
static int build_concat(LusGraph *graph, LusRng *rng, int x, int axis)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  (void)rng;
  int size[4] = {1, 6, 7, 8}, begin[4] = {0, 0, 0, 0};
  int y = fixture_unary(graph, LUS_OP_SIGMOID, x);
  size[axis] = 3;
  int first = take(graph, y, begin, size, 1);
  begin[axis] = 2;
  int second = take(graph, y, begin, size, 1);
  int parts[] = {first, y, second, first};
  attrs.axis = axis;
  int joined = lus_graph_add_node(graph, LUS_OP_CONCAT, "joined", 4, parts, &attrs);
  return fixture_unary(graph, LUS_OP_SIGMOID, joined);
}

#define CONCAT(name, axis)                                                                         \
  static int build_concat_##name(LusGraph *graph, LusRng *rng, int x)                              \
  {                                                                                                \
    return build_concat(graph, rng, x, axis);                                                      \
  }
CONCAT(channels, 1)
CONCAT(rows, 2)
CONCAT(columns, 3)

static int build_slice_steps(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return take(graph, fixture_unary(graph, LUS_OP_SIGMOID, x), (int[]){0, 1, 1, 0}, (int[]){1, 4, 3, 4}, 2);
}

static int build_pad_edge(LusGraph *graph, LusRng *rng, int x)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  (void)rng;
  attrs.pad_mode = LUS_PAD_EDGE;
  attrs.begin[2] = 2;
  attrs.end[2] = -1;
  attrs.end[3] = 3;
  return add_moved(graph, LUS_OP_PAD, x, &attrs);
}

static int build_mean(LusGraph *graph, int x, unsigned axes)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.axes = axes;
  int y = fixture_unary(graph, LUS_OP_SIGMOID, x);
  return fixture_add(graph, add_moved(graph, LUS_OP_REDUCE_MEAN, y, &attrs),
                     add_moved(graph, LUS_OP_REDUCE_MEAN, x, &attrs));
}

static int build_channel_mean(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return build_mean(graph, x, 1u << 2 | 1u << 3);
}

static int build_row_mean(LusGraph *graph, LusRng *rng, int x)
{
  (void)rng;
  return build_mean(graph, x, 1u << 1 | 1u << 2);
}

typedef struct {
  const char *name;
  int (*build)(LusGraph *graph, LusRng *rng, int x);
  int h, w;
  gboolean
      steps; /* the input's values keep apart from each other and from 0: kinks are out of reach */
} OpCase;

static const OpCase op_cases[] = {
    {"group-norm-1", build_group_norm_1, 7, 9, FALSE},
    {"group-norm-3", build_group_norm_3, 7, 9, FALSE},
    {"group-norm-6", build_group_norm_6, 7, 9, FALSE},
    {"group-norm-blocks", build_group_norm_3, 80, 90, FALSE},
    {"batch-norm", build_batch_norm, 5, 4, FALSE},
    {"sigmoid", build_sigmoid, 5, 7, FALSE},
    {"relu", build_relu, 5, 7, TRUE},
    {"clip", build_clip, 5, 7, TRUE},
    {"depthwise-shared", build_depthwise_shared, 6, 7, FALSE},
    {"add-self", build_add_self, 3, 4, FALSE},
    {"add-shared", build_add_shared, 5, 6, FALSE},
    {"residual", build_residual, 5, 6, FALSE},
    {"conv-add-up", build_conv_add_up, 6, 8, TRUE},
    {"max-pool-3", build_pool_3, 7, 8, TRUE},
    {"max-pool-2", build_pool_2, 5, 6, TRUE},
    {"max-pool-dilated", build_pool_dilated, 6, 7, TRUE},
    {"nearest-2", build_nearest_2, 5, 6, FALSE},
    {"nearest-uneven", build_nearest_uneven, 5, 6, FALSE},
    {"linear-half-2", build_linear_half, 5, 6, FALSE},
    {"linear-half-4", build_linear_half_4, 3, 5, FALSE},
    {"linear-corners", build_linear_corners, 5, 4, FALSE},
    {"linear-asymmetric", build_linear_asymmetric, 5, 8, FALSE},
    {"linear-down", build_linear_down, 8, 10, FALSE},
    {"concat-channels", build_concat_channels, 7, 8, FALSE},
    {"concat-rows", build_concat_rows, 7, 8, FALSE},
    {"concat-columns", build_concat_columns, 7, 8, FALSE},
    {"slice-steps", build_slice_steps, 7, 8, FALSE},
    {"pad-edge", build_pad_edge, 5, 6, FALSE},
    {"channel-mean", build_channel_mean, 5, 6, FALSE},
    {"row-mean", build_row_mean, 5, 6, FALSE},
};

/* A shuffle of 0.4, -0.8, 1.2, ... */
static void fill_steps(float *x, gsize n, LusRng *rng)
{
  for (gsize i = 0; i < n; i++)
    x[i] = 0.4f * (float)(i + 1) * (i % 2 ? -1 : 1);
  for (gsize i = n - 1; i > 0; i--) {
    gsize j = lus_rng_below(rng, (guint32)i + 1);
    float t = x[i];
    x[i] = x[j];
    x[j] = t;
  }
}

static void test_op(gconstpointer data)
{
  const OpCase *op = data;
  LusGraph *graph = lus_graph_new();
  LusRng rng;
  lus_rng_init(&rng, SEED, 0);
  int x = lus_graph_add_input(graph, "x");
  lus_graph_set_output(graph, op->build(graph, &rng, x));
  Check check;
  check_open(&check, graph, 6, op->h, op->w, 0.02);
  if (op->steps) {
    fill_steps(check.input, check.n_in, &check.rng);
  }
  assert_all_tensors(&check, op->name, TOLERANCE);
  check_close(&check);
}

/* Moves every parameter, so that no norm's scale is 0 any more. */
static void disturb(LusGraph *graph)
{
  LusRng rng;
  lus_rng_init(&rng, SEED, 2);
  gsize n = lus_graph_n_parameters(graph);
  g_autofree float *parameters = g_new(float, n);
  lus_graph_get_parameters(graph, parameters);
  for (gsize i = 0; i < n; i++)
    parameters[i] += (float)lus_rng_normal(&rng, 0, 0.1);
  lus_graph_set_parameters(graph, parameters);
}

static LusFpnConfig small_fpn(int detail)
{
  LusFpnConfig config = lus_fpn_config_default();
  config.stem = 8;
  config.widths[0] = 8;
  config.widths[1] = config.widths[2] = config.widths[3] = 16;
  config.blocks[1] = config.blocks[2] = 1; /* the last stage has a second one */
  config.pyramid = 12;
  config.segmentation = 16;
  config.detail = detail;
  return config;
}

/* The network with Sigmoid for ReLU: every step stays separate and differences meet no kinks. */
static void test_fpn_smooth(gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  LusFpnConfig config = small_fpn(GPOINTER_TO_INT(data));
  LusGraph *graph = lus_fpn_new(&config, SEED, &error);
  g_assert_no_error(error);
  for (int i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].type == LUS_OP_RELU)
      graph->nodes[i].type = LUS_OP_SIGMOID;
  disturb(graph);
  Check check;
  check_open(&check, graph, 1, 64, 64, 0.25);
  assert_all_tensors(&check, "fpn with sigmoid", FPN_TOLERANCE);
  check_close(&check);
}

/* The network itself, with everything folded that can be. */
static void test_fpn(void)
{
  g_autoptr(GError) error = NULL;
  LusFpnConfig config = small_fpn(8);
  LusGraph *graph = lus_fpn_new(&config, SEED, &error);
  g_assert_no_error(error);
  disturb(graph);
  Check check;
  check_open(&check, graph, 1, 64, 64, 0.01);
  assert_all_tensors(&check, "fpn", FPN_TOLERANCE);
  check_close(&check);
}

/* The check itself must see a gradient that is 1 % too large, and one with two elements exchanged.
 */
static void test_sensitivity(void)
{
  LusGraph *graph = lus_graph_new();
  LusRng rng;
  lus_rng_init(&rng, SEED, 0);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 3;
  int x = lus_graph_add_input(graph, "x");
  lus_graph_set_output(graph, fixture_conv(graph, &rng, x, 2, 3, FALSE, &attrs));
  Check check;
  check_open(&check, graph, 2, 9, 9, 0.05);
  check_gradients(&check);
  g_assert_cmpfloat(tensor_error(&check, check.parameters, check.d_parameters, check.n_parameters),
                    <=, TOLERANCE);
  for (gsize i = 0; i < check.n_parameters; i++)
    check.d_parameters[i] *= 1.01f;
  g_assert_cmpfloat(tensor_error(&check, check.parameters, check.d_parameters, check.n_parameters),
                    >, TOLERANCE);
  for (gsize i = 0; i < check.n_parameters; i++)
    check.d_parameters[i] /= 1.01f;
  float t = check.d_parameters[0];
  check.d_parameters[0] = check.d_parameters[1];
  check.d_parameters[1] = t;
  g_assert_cmpfloat(tensor_error(&check, check.parameters, check.d_parameters, check.n_parameters),
                    >, TOLERANCE);
  check_close(&check);
}

/* d_parameters is added to. */
static void test_accumulates(void)
{
  LusGraph *graph = lus_graph_new();
  LusRng rng;
  lus_rng_init(&rng, SEED, 0);
  LusOpAttrs attrs = lus_op_attrs_default();
  int x = lus_graph_add_input(graph, "x");
  lus_graph_set_output(graph, fixture_conv(graph, &rng, x, 2, 3, TRUE, &attrs));
  Check check;
  check_open(&check, graph, 2, 3, 3, 0.05);
  check_gradients(&check);
  g_autofree float *once = g_memdup2(check.d_parameters, check.n_parameters * sizeof(float));
  lus_plan_backward(check.plan, check.d_parameters, NULL, check.probe, NULL);
  for (gsize i = 0; i < check.n_parameters; i++)
    g_assert_cmpfloat_with_epsilon(check.d_parameters[i], 2 * once[i], 1e-5f * fabsf(once[i]));
  check_close(&check);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/gradient/check-sees-errors", test_sensitivity);
  g_test_add_func("/gradient/accumulates", test_accumulates);
  for (gsize i = 0; i < G_N_ELEMENTS(fixture_convs); i++) {
    g_autofree char *path = g_strdup_printf("/gradient/conv/%s", fixture_convs[i].name);
    g_test_add_data_func(path, &fixture_convs[i], test_conv);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(op_cases); i++) {
    g_autofree char *path = g_strdup_printf("/gradient/op/%s", op_cases[i].name);
    g_test_add_data_func(path, &op_cases[i], test_op);
  }
  g_test_add_data_func("/gradient/fpn-smooth", GINT_TO_POINTER(0), test_fpn_smooth);
  g_test_add_data_func("/gradient/fpn-smooth-detail", GINT_TO_POINTER(8), test_fpn_smooth);
  g_test_add_func("/gradient/fpn", test_fpn);
  return g_test_run();
}
