/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/fpn-encoders.h"
#include "nn/onnx.h"
#include "nn/plan.h"
#include "nn/rng.h"

#define SIDE 64

static LusGraph *new_network(const char *name, int in_channels, int classes, guint64 seed)
{
  g_autoptr(GError) error = NULL;
  LusEncoderFpnConfig config = {.in_channels = in_channels, .classes = classes};
  g_assert_true(lus_encoder_fpn_named(&config, name, &error));
  LusGraph *graph = lus_encoder_fpn_new(&config, seed, &error);
  g_assert_no_error(error);
  return graph;
}

/* What PyTorch calls parameters: all constants but BatchNorm's statistics. */
static gsize count_parameters(const LusGraph *graph)
{
  gsize n = 0;
  for (int i = 0; i < graph->n_values; i++) {
    const LusValue *value = &graph->values[i];
    if (value->constant && !g_str_has_suffix(value->name, ".mean") && !g_str_has_suffix(value->name, ".variance"))
      n += value->constant->count;
  }
  return n;
}

/* The numbers are those of the same networks in PyTorch. */
static void test_size(void)
{
  static const struct {
    const char *name;
    int in_channels, classes;
    gsize parameters;
    double flop;
  } networks[] = {
    {"r18gn", 3, 4, 13047620, 8881438720}, {"r18gn", 1, 3, 13041219, 8674869248},
    {"r18h", 3, 4, 3267492, 2298478592},   {"r18h", 1, 3, 3264291, 2195193856},
    {"mbv2", 3, 4, 2814340, 1817296896},   {"mbv2", 1, 3, 2813699, 1797898240},
  };
  for (guint i = 0; i < G_N_ELEMENTS(networks); i++) {
    g_autoptr(LusGraph) graph = new_network(networks[i].name, networks[i].in_channels, networks[i].classes, 1);
    g_assert_cmpuint(count_parameters(graph), ==, networks[i].parameters);
    g_assert_true(lus_graph_infer_shapes(graph, networks[i].in_channels, 256, 256, NULL));
    g_assert_cmpfloat(lus_graph_flop(graph), ==, networks[i].flop);
    const int shape[4] = {1, networks[i].classes, 256, 256};
    g_assert_cmpmem(graph->values[graph->output].shape, sizeof shape, shape, sizeof shape);
  }
}

/* ResNet-34 has 10108160 weights more than ResNet-18 in PyTorch; GroupNorm has as many as BatchNorm, and leaves nothing
 * that is not learnt. */
static void test_trainable(void)
{
  static const struct {
    LusEncoder encoder;
    gsize parameters;
  } networks[] = {
    {LUS_ENCODER_RESNET18, 13047620}, {LUS_ENCODER_RESNET34, 23155780}, {LUS_ENCODER_MOBILENET_V2, 2814340}};
  for (guint i = 0; i < G_N_ELEMENTS(networks); i++) {
    LusEncoderFpnConfig config = {.encoder = networks[i].encoder,
                                  .width = lus_encoder_usual_width(networks[i].encoder),
                                  .in_channels = 3,
                                  .classes = 4,
                                  .group_norm = TRUE,
                                  .head_bias = -3};
    g_autoptr(GError) error = NULL;
    g_autoptr(LusGraph) graph = lus_encoder_fpn_new(&config, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(count_parameters(graph), ==, networks[i].parameters);
    g_assert_cmpuint(lus_graph_n_parameters(graph), ==, networks[i].parameters);
    g_autoptr(LusPlan) plan = lus_plan_new(graph, 3, 32, 32, LUS_PLAN_TRAIN, 1, &error);
    g_assert_no_error(error);
    float input[3 * 32 * 32], output[4 * 32 * 32];
    LusRng rng;
    lus_rng_init(&rng, 7, 0);
    lus_rng_fill_normal(&rng, input, G_N_ELEMENTS(input));
    lus_plan_forward(plan, output, input, NULL);
    double mean = 0;
    for (guint k = 0; k < G_N_ELEMENTS(output); k++)
      mean += (double)output[k] / G_N_ELEMENTS(output);
    g_assert_cmpfloat(fabs(mean + 3), <, 2.5); /* about the head's bias */
  }
}

static void test_oblong(void)
{
  g_autoptr(LusGraph) graph = new_network("mbv2", 1, 2, 1);
  g_assert_true(lus_graph_infer_shapes(graph, 1, 96, 160, NULL));
  const int shape[4] = {1, 2, 96, 160};
  g_assert_cmpmem(graph->values[graph->output].shape, sizeof shape, shape, sizeof shape);
}

static gsize run(LusGraph *graph, int threads, float **output)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 1, SIDE, SIDE, LUS_PLAN_INFER, threads, &error);
  g_assert_no_error(error);
  g_autofree float *input = g_new(float, SIDE * SIDE);
  LusRng rng;
  lus_rng_init(&rng, 7, 0);
  lus_rng_fill_normal(&rng, input, SIDE * SIDE);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  gsize n = (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2];
  *output = g_new(float, n);
  LusParallel *pool = lus_parallel_new(threads);
  lus_plan_forward(plan, *output, input, pool);
  lus_parallel_free(pool);
  return n;
}

static void test_threads(gconstpointer name)
{
  g_autoptr(LusGraph) graph = new_network(name, 1, 3, 1);
  g_autofree float *one = NULL;
  gsize n = run(graph, 1, &one);
  g_assert_cmpuint(n, ==, 3 * SIDE * SIDE);
  float low = one[0], high = one[0];
  for (gsize i = 0; i < n; i++) {
    g_assert_true(isfinite(one[i]));
    low = MIN(low, one[i]);
    high = MAX(high, one[i]);
  }
  g_assert_cmpfloat(high - low, >, 0.1); /* the input is not lost on the way */
  for (int threads = 2; threads <= 3; threads++) {
    g_autofree float *more = NULL;
    g_assert_cmpuint(run(graph, threads, &more), ==, n);
    g_assert_cmpmem(more, n * sizeof *more, one, n * sizeof *one);
  }
}

static void test_write_read(gconstpointer name)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusGraph) graph = new_network(name, 1, 3, 2);
  g_autoptr(GByteArray) bytes = lus_onnx_write(graph, NULL, 1, SIDE, SIDE, &error);
  g_assert_no_error(error);
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(bytes->data, bytes->len, "test", &error);
  g_assert_no_error(error);
  g_assert_cmpint(onnx->input_channels, ==, 1);
  g_autofree float *written = NULL;
  g_autofree float *read = NULL;
  gsize n = run(graph, 1, &written);
  g_assert_cmpuint(run(onnx->graph, 1, &read), ==, n);
  g_assert_cmpmem(read, n * sizeof *read, written, n * sizeof *written);
}

static void test_seed(void)
{
  g_autoptr(LusGraph) a = new_network("r18h", 1, 3, 1);
  g_autoptr(LusGraph) b = new_network("r18h", 1, 3, 1);
  g_autoptr(LusGraph) c = new_network("r18h", 1, 3, 2);
  for (int i = 0; i < a->n_values; i++) {
    const LusTensor *ta = a->values[i].constant, *tb = b->values[i].constant, *tc = c->values[i].constant;
    if (!ta)
      continue;
    gsize bytes = ta->count * sizeof(float);
    g_assert_cmpmem(ta->data, bytes, tb->data, tb->count * sizeof(float));
    if (g_str_has_suffix(a->values[i].name, ".weight") || g_str_has_suffix(a->values[i].name, ".mean"))
      g_assert_cmpint(memcmp(ta->data, tc->data, bytes), !=, 0);
  }
}

/* Names are what a reader of the ONNX file sees: none twice. */
static void test_names_unique(gconstpointer name)
{
  g_autoptr(LusGraph) graph = new_network(name, 1, 3, 1);
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (int i = 0; i < graph->n_values; i++)
    if (!g_hash_table_add(seen, graph->values[i].name))
      g_error("two values are called \"%s\"", graph->values[i].name);
}

static void assert_refused(LusEncoderFpnConfig config, const char *pattern)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_encoder_fpn_new(&config, 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  if (!g_pattern_match_simple(pattern, error->message))
    g_error("\"%s\" does not match \"%s\"", error->message, pattern);
}

static void test_errors(void)
{
  const LusEncoderFpnConfig good = {LUS_ENCODER_RESNET18, 32, 1, 3, FALSE, 0};
  LusEncoderFpnConfig config = good;
  config.encoder = (LusEncoder)9;
  assert_refused(config, "*no encoder number 9*");
  config = good;
  config.width = 24;
  assert_refused(config, "*width is 24*multiple of 16*");
  config.width = 0;
  assert_refused(config, "*width is 0*");
  config.width = 1 << 20;
  assert_refused(config, "*up to 512*");
  config = good;
  config.in_channels = 0;
  assert_refused(config, "*0 input channels*");
  config = good;
  config.classes = 17;
  assert_refused(config, "*17 classes*");
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_encoder_fpn_named(&config, "r19", &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
}

static void test_encoders(void)
{
  LusEncoder encoder;
  g_assert_true(lus_encoder_parse(&encoder, "resnet18", NULL));
  g_assert_cmpint(lus_encoder_usual_width(encoder), ==, 64);
  for (int i = 0; i < LUS_ENCODER_N; i++) {
    g_assert_true(lus_encoder_parse(&encoder, lus_encoder_name((LusEncoder)i), NULL));
    g_assert_cmpint((int)encoder, ==, i);
  }
  g_assert_true(lus_encoder_parse(&encoder, "mobilenet_v2", NULL));
  g_assert_cmpint(lus_encoder_usual_width(encoder), ==, 32);
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_encoder_parse(&encoder, "resnet", &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/fpn-encoders/size", test_size);
  g_test_add_func("/fpn-encoders/trainable", test_trainable);
  g_test_add_func("/fpn-encoders/oblong", test_oblong);
  g_test_add_data_func("/fpn-encoders/threads/r18h", "r18h", test_threads);
  g_test_add_data_func("/fpn-encoders/threads/mbv2", "mbv2", test_threads);
  g_test_add_data_func("/fpn-encoders/write-read/r18h", "r18h", test_write_read);
  g_test_add_data_func("/fpn-encoders/write-read/mbv2", "mbv2", test_write_read);
  g_test_add_func("/fpn-encoders/seed", test_seed);
  g_test_add_data_func("/fpn-encoders/names-unique/r18gn", "r18gn", test_names_unique);
  g_test_add_data_func("/fpn-encoders/names-unique/mbv2", "mbv2", test_names_unique);
  g_test_add_func("/fpn-encoders/encoders", test_encoders);
  g_test_add_func("/fpn-encoders/errors", test_errors);
  return g_test_run();
}
