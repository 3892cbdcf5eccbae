/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/trainer.h"
#include "lung/preprocess.h"
#include "nn/error.h"
#include "nn/plan.h"

/* A network of one 1x1 convolution over pictures of two grey values, 50 and 150, half of the pixels each: what the
 * best affine map of its logits is follows from the shares of positive labels alone. Lit normalisation makes of the
 * grey values (50 - 100) / (50 + 4) and the opposite. */

enum { WIDTH = 40, HEIGHT = 35, PIXELS = WIDTH * HEIGHT, SAMPLES = 3 };

static int add_constant(LusGraph *graph, const char *name, int rank, const int *dims, float value)
{
  LusTensor *tensor = lus_tensor_new(rank, dims, NULL);
  tensor->data[0] = value;
  return lus_graph_add_constant(graph, name, tensor);
}

/** luma -> Conv (weight, bias) -> Resize, or Sigmoid where @sigmoid. */
static LusGraph *network(float weight, float bias, gboolean sigmoid)
{
  LusGraph *graph = lus_graph_new();
  int x = lus_graph_add_input(graph, "luma");
  int w = add_constant(graph, "head.weight", 4, (int[]){1, 1, 1, 1}, weight);
  int b = add_constant(graph, "head.bias", 1, (int[]){1}, bias);
  LusOpAttrs attrs = lus_op_attrs_default();
  int y = lus_graph_add_node(graph, LUS_OP_CONV, "head", 3, (int[]){x, w, b}, &attrs);
  attrs.mode = LUS_RESIZE_LINEAR;
  attrs.coord = LUS_COORD_HALF_PIXEL;
  y = lus_graph_add_node(graph, sigmoid ? LUS_OP_SIGMOID : LUS_OP_RESIZE, "last", 1, (int[]){y}, &attrs);
  lus_graph_set_output(graph, y);
  return graph;
}

/** @low and @high: percent of the dark and of the bright pixels whose label is 100; the other labels are 0. Every
 *  seventh pixel is ignored; 600 of each grey remain in a sample. */
static LusSamples *two_greys(int low, int high)
{
  LusSamples *s = g_new0(LusSamples, 1);
  *s = (LusSamples){.n = SAMPLES, .n_classes = 1, .width = WIDTH, .height = HEIGHT};
  s->luma = g_malloc(SAMPLES * PIXELS);
  s->labels = g_malloc(SAMPLES * PIXELS);
  s->group = g_new0(int, SAMPLES);
  s->names = g_new0(char *, SAMPLES);
  int seen[2] = {0, 0};
  for (int i = 0; i < SAMPLES * PIXELS; i++) {
    int bright = i % 2;
    s->luma[i] = bright ? 150 : 50;
    s->labels[i] = 255;
    if (i % 7 != 0)
      s->labels[i] = seen[bright]++ % 100 < (bright ? high : low) ? 100 : 0;
  }
  return s;
}

/** The network's probability of the two greys. */
static void probabilities(LusGraph *graph, const LusSamples *s, double *dark, double *bright)
{
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 1, HEIGHT, WIDTH, LUS_PLAN_INFER, 1, NULL);
  float input[PIXELS], output[PIXELS];
  const LusNormalise lit = {.mode = LUS_NORMALISE_LIT};
  lus_preprocess_normalise(input, s->luma, WIDTH, HEIGHT, 1, &lit);
  lus_plan_forward(plan, output, input, NULL);
  *dark = 1 / (1 + exp(-(double)output[0]));
  *bright = 1 / (1 + exp(-(double)output[1]));
}

/** Returns what the output explains of the target's entropy. */
static double calibrate(LusGraph *graph, const LusSamples *samples, const char *target_text, double cut)
{
  LusTarget target;
  double explained = -1;
  g_autoptr(GError) error = NULL;
  lus_target_parse(&target, target_text, NULL);
  g_assert_true(lus_calibrate(graph, &explained, samples, &target, cut, 2, &error));
  g_assert_no_error(error);
  return explained;
}

/** Two grey values, two parameters: the fit meets both shares. */
static void test_cross_entropy(void)
{
  g_autoptr(LusSamples) samples = two_greys(10, 80);
  g_autoptr(LusGraph) graph = network(7, 3, FALSE);
  double dark, bright;
  probabilities(graph, samples, &dark, &bright);
  assert_near(dark, 0.0299, 0.001); /* logit 3 - 7 x 50 / 54 */
  calibrate(graph, samples, "threshold:60", 0);
  probabilities(graph, samples, &dark, &bright);
  assert_near(dark, 0.1, 0.004);
  assert_near(bright, 0.8, 0.004);
}

static void test_soft_target(void)
{
  g_autoptr(LusSamples) samples = two_greys(0, 0);
  for (int i = 0; i < SAMPLES * PIXELS; i++)
    if (samples->labels[i] != 255)
      samples->labels[i] = i % 2 ? 70 : 20;
  g_autoptr(LusGraph) graph = network(1, 0, FALSE);
  calibrate(graph, samples, "soft", 0);
  double dark, bright;
  probabilities(graph, samples, &dark, &bright);
  assert_near(dark, 0.2, 0.004);
  assert_near(bright, 0.7, 0.004);
}

/** With shares of 10 and 45 % cross entropy puts both below 0.6; the mask with the best Dice holds the bright ones. */
static void test_cut(void)
{
  g_autoptr(LusSamples) samples = two_greys(10, 45);
  g_autoptr(LusGraph) graph = network(3, 1, FALSE);
  double dark, bright;
  calibrate(graph, samples, "threshold:60", 0);
  probabilities(graph, samples, &dark, &bright);
  assert_near(bright, 0.45, 0.004);
  calibrate(graph, samples, "threshold:60", 0.6);
  probabilities(graph, samples, &dark, &bright);
  g_assert_cmpfloat(bright, >=, 0.6 - 1e-6);
  g_assert_cmpfloat(dark, <, 0.2);
  /* Where the dark ones belong in the best mask too, they lie at the cut. */
  g_autoptr(LusSamples) most = two_greys(60, 80);
  calibrate(graph, most, "threshold:60", 0.6);
  probabilities(graph, most, &dark, &bright);
  assert_near(dark, 0.6, 0.004);
  g_assert_cmpfloat(bright, >, 0.7);
}

/** The confidence below the level counts in the fit, the mask is that of the level: the bright pixels. */
static void test_ramp(void)
{
  g_autoptr(LusSamples) samples = two_greys(0, 80);
  for (int i = 0; i < SAMPLES * PIXELS; i++)
    if (samples->labels[i] != 255)
      samples->labels[i] = i % 2 == 0 ? 20 : samples->labels[i] == 100 ? 70 : 40;
  g_autoptr(LusGraph) graph = network(3, 1, FALSE);
  double dark, bright;
  calibrate(graph, samples, "ramp:60", 0);
  probabilities(graph, samples, &dark, &bright);
  assert_near(dark, 0.2, 0.004);
  assert_near(bright, 0.8 * 1 + 0.2 * 0.4, 0.004);
  calibrate(graph, samples, "ramp:60", 0.6);
  probabilities(graph, samples, &dark, &bright);
  assert_near(bright, 0.6, 0.004);
  g_assert_cmpfloat(dark, <, 0.2);
}

/** A class that is never positive, and a network that says the opposite of the truth. */
static void test_hopeless(void)
{
  g_autoptr(LusSamples) never = two_greys(0, 0);
  g_autoptr(LusGraph) graph = network(1, -1, FALSE);
  double dark, bright, before;
  probabilities(graph, never, &before, &bright);
  calibrate(graph, never, "threshold:60", 0.6);
  probabilities(graph, never, &dark, &bright);
  assert_near(dark, before, 1e-6);

  g_autoptr(LusSamples) opposite = two_greys(80, 10);
  calibrate(graph, opposite, "threshold:60", 0);
  probabilities(graph, opposite, &dark, &bright);
  g_assert_cmpfloat(bright, >, dark);
  assert_near((dark + bright) / 2, 0.45, 0.02);
}

/** Half of the pixels are positive: H(0.5) = 1 bit. Shares of 10 and 90 % leave H(0.1) = 0.469 bits, equal shares all. */
static void test_explained(void)
{
  g_autoptr(LusSamples) told = two_greys(10, 90);
  g_autoptr(LusSamples) equal = two_greys(50, 50);
  g_autoptr(LusSamples) opposite = two_greys(80, 10);
  g_autoptr(LusSamples) never = two_greys(0, 0);
  g_autoptr(LusSamples) always = two_greys(100, 100);
  for (int i = 0; i < 2; i++) {
    g_autoptr(LusGraph) graph = network(3, 1, FALSE);
    assert_near(calibrate(graph, told, "threshold:60", i ? 0.6 : 0), 1 - 0.469, 0.002);
  }
  g_autoptr(LusGraph) graph = network(3, 1, FALSE);
  assert_near(calibrate(graph, equal, "threshold:60", 0), 0, 1e-6);
  g_autoptr(LusGraph) upside_down = network(3, 1, FALSE);
  assert_near(calibrate(upside_down, opposite, "threshold:60", 0), 0, 1e-9);
  g_autoptr(LusGraph) constant = network(0, 1, FALSE);
  assert_near(calibrate(constant, told, "threshold:60", 0), 0, 1e-6);
  g_assert_true(isnan(calibrate(graph, never, "threshold:60", 0)));
  g_assert_true(isnan(calibrate(graph, always, "threshold:60", 0)));
}

static void test_unsupported(void)
{
  g_autoptr(LusSamples) samples = two_greys(10, 80);
  g_autoptr(LusGraph) graph = network(1, 0, TRUE);
  const LusTarget target = {.method = LUS_TARGET_THRESHOLD, .level = 60};
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_calibrate(graph, NULL, samples, &target, 0, 1, &error));
  assert_error(error, LUS_ERROR_UNSUPPORTED, "does not end in a Conv");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/calibrate/cross_entropy", test_cross_entropy);
  g_test_add_func("/calibrate/soft_target", test_soft_target);
  g_test_add_func("/calibrate/ramp", test_ramp);
  g_test_add_func("/calibrate/cut", test_cut);
  g_test_add_func("/calibrate/hopeless", test_hopeless);
  g_test_add_func("/calibrate/explained", test_explained);
  g_test_add_func("/calibrate/unsupported", test_unsupported);
  return g_test_run();
}
