/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/fpn.h"
#include "nn/plan.h"

static LusGraph *new_fpn(const LusFpnConfig *config, guint64 seed)
{
  g_autoptr(GError) error = NULL;
  LusGraph *graph = lus_fpn_new(config, seed, &error);
  g_assert_no_error(error);
  return graph;
}

static const LusValue *value_named(const LusGraph *graph, const char *name)
{
  for (int i = 0; i < graph->n_values; i++)
    if (strcmp(graph->values[i].name, name) == 0)
      return &graph->values[i];
  g_error("no value \"%s\"", name);
}

static void test_default_size(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  g_autoptr(LusGraph) graph = new_fpn(&config, 1);
  g_assert_true(lus_graph_infer_shapes(graph, 1, 256, 256, NULL));
  gsize n = lus_graph_n_parameters(graph);
  g_assert_cmpuint(n, ==, 1299563);
  g_assert_cmpuint(n * sizeof(float), <=, 5500000);
  g_assert_cmpfloat(lus_graph_flop(graph), >, 1.0e9);
  g_assert_cmpfloat(lus_graph_flop(graph), <, 1.3e9);
}

static void test_levels(void)
{
  for (int detail = 0; detail <= 16; detail += 16) {
    LusFpnConfig config = lus_fpn_config_default();
    config.detail = detail;
    config.classes = 5;
    config.in_channels = 3;
    config.blocks[2] = 3;
    g_autoptr(LusGraph) graph = new_fpn(&config, 1);
    g_assert_true(lus_graph_infer_shapes(graph, 3, 96, 160, NULL));
    g_assert_cmpstr(graph->values[graph->input].name, ==, "luma");
    g_assert_cmpstr(graph->values[graph->output].name, ==, "logits");
    const int logits[4] = {1, 5, 96, 160}, p5[4] = {1, 48, 3, 5}, c4[4] = {1, 96, 6, 10},
              head[4] = {1, 5, 24, 40};
    g_assert_cmpmem(graph->values[graph->output].shape, sizeof logits, logits, sizeof logits);
    g_assert_cmpmem(value_named(graph, "pyramid.p5")->shape, sizeof p5, p5, sizeof p5);
    g_assert_cmpmem(value_named(graph, "encoder.stage3.block3.relu")->shape, sizeof c4, c4,
                    sizeof c4);
    if (!detail)
      g_assert_cmpmem(value_named(graph, "head")->shape, sizeof head, head, sizeof head);
  }
}

static void test_initial_weights(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  config.head_bias = -2.5f;
  g_autoptr(LusGraph) graph = new_fpn(&config, 1);
  const LusTensor *weight = value_named(graph, "encoder.stage4.block1.conv2.weight")->constant;
  double square = 0;
  for (gsize i = 0; i < weight->count; i++)
    square += (double)weight->data[i] * (double)weight->data[i];
  g_assert_cmpfloat_with_epsilon(square / (double)weight->count, 2.0 / (128 * 9),
                                 0.02 * 2 / (128 * 9));
  g_assert_cmpfloat(value_named(graph, "encoder.stage2.block1.conv2.norm.scale")->constant->data[5],
                    ==, 0);
  g_assert_cmpfloat(value_named(graph, "encoder.stage2.block1.conv1.norm.scale")->constant->data[5],
                    ==, 1);
  g_assert_cmpfloat(
      value_named(graph, "encoder.stage2.block1.shortcut.norm.scale")->constant->data[5], ==, 1);
  g_assert_cmpfloat(value_named(graph, "head.bias")->constant->data[2], ==, -2.5f);
}

static void test_seed(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  g_autoptr(LusGraph) a = new_fpn(&config, 1);
  g_autoptr(LusGraph) b = new_fpn(&config, 1);
  g_autoptr(LusGraph) c = new_fpn(&config, 2);
  gsize n = lus_graph_n_parameters(a);
  g_autofree float *pa = g_new(float, n);
  g_autofree float *pb = g_new(float, n);
  g_autofree float *pc = g_new(float, n);
  lus_graph_get_parameters(a, pa);
  lus_graph_get_parameters(b, pb);
  lus_graph_get_parameters(c, pc);
  g_assert_cmpmem(pa, n * sizeof(float), pb, n * sizeof(float));
  g_assert_cmpint(memcmp(pa, pc, n * sizeof(float)), !=, 0);
}

/* Names are what a reader of the ONNX file sees: none twice. */
static void test_names_unique(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  g_autoptr(LusGraph) graph = new_fpn(&config, 1);
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (int i = 0; i < graph->n_values; i++)
    if (!g_hash_table_add(seen, graph->values[i].name))
      g_error("two values are called \"%s\"", graph->values[i].name);
}

/* At first every output is near the head's bias: a rare class. */
static void test_first_output(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  g_autoptr(LusGraph) graph = new_fpn(&config, 3);
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 1, 64, 64, LUS_PLAN_INFER, 1, &error);
  g_assert_no_error(error);
  g_autofree float *input = g_new0(float, 64 * 64);
  g_autofree float *output = g_new(float, 3 * 64 * 64);
  for (int i = 0; i < 64 * 64; i++)
    input[i] = (float)(i % 64 > 20 && i % 64 < 30);
  lus_plan_forward(plan, output, input, NULL);
  double sum = 0;
  for (int i = 0; i < 3 * 64 * 64; i++) {
    g_assert_true(isfinite(output[i]));
    sum += (double)output[i];
  }
  g_assert_cmpfloat_with_epsilon(sum / (3 * 64 * 64), -3, 3);
}

static void assert_refused(const LusFpnConfig *config, const char *pattern)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_fpn_new(config, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  if (!g_pattern_match_simple(pattern, error->message))
    g_error("\"%s\" does not match \"%s\"", error->message, pattern);
}

static void test_errors(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  config.classes = 0;
  assert_refused(&config, "*0 classes*");
  config.classes = 17;
  assert_refused(&config, "*17 classes*");
  config = lus_fpn_config_default();
  config.stem = 12;
  assert_refused(&config, "*stem*12*multiple of 8*");
  config = lus_fpn_config_default();
  config.widths[3] = 1 << 20;
  assert_refused(&config, "*encoder width*");
  config = lus_fpn_config_default();
  config.blocks[1] = 0;
  assert_refused(&config, "*stage 2 has 0 blocks*");
  config = lus_fpn_config_default();
  config.detail = -8;
  assert_refused(&config, "*detail*-8*");
  config = lus_fpn_config_default();
  config.in_channels = 0;
  assert_refused(&config, "*input channels*");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/fpn/default-size", test_default_size);
  g_test_add_func("/fpn/levels", test_levels);
  g_test_add_func("/fpn/initial-weights", test_initial_weights);
  g_test_add_func("/fpn/seed", test_seed);
  g_test_add_func("/fpn/names-unique", test_names_unique);
  g_test_add_func("/fpn/first-output", test_first_output);
  g_test_add_func("/fpn/errors", test_errors);
  return g_test_run();
}
