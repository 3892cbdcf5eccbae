/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A warm network's forward pass allocates nothing. */
#include "../heap.h"
#include "nn/fpn-encoders.h"
#include "nn/fpn.h"
#include "nn/plan.h"
#include "nn/rng.h"

#define SIDE 64

static long count_forward(LusGraph *graph, int channels, int threads)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(graph, channels, SIDE, SIDE, LUS_PLAN_INFER, threads, &error);
  g_assert_no_error(error);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  gsize n = (gsize)channels * SIDE * SIDE;
  g_autofree float *input = g_new(float, n);
  g_autofree float *output = g_new(float, (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2]);
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  lus_rng_fill_normal(&rng, input, n);
  LusParallel *pool = lus_parallel_new(threads);
  lus_plan_forward(plan, output, input, pool);
  heap_watch();
  for (int i = 0; i < 5; i++)
    lus_plan_forward(plan, output, input, pool);
  long allocations = heap_stop();
  lus_parallel_free(pool);
  return allocations;
}

/* Without this the other test could pass because nothing is counted at all. */
static void test_counts(void)
{
  heap_watch();
  g_free(g_new(char, 100));
  char *text = g_strdup("x");
  g_assert_cmpint(heap_stop(), ==, 2);
  g_assert_cmpuint(heap_peak(), >=, 100);
  g_free(text);
}

static void test_forward(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  g_autoptr(LusGraph) graph = lus_fpn_new(&config, 1, NULL);
  g_assert_nonnull(graph);
  for (int threads = 1; threads <= 3; threads++)
    g_assert_cmpint(count_forward(graph, 1, threads), ==, 0);
}

static void test_encoders(gconstpointer name)
{
  LusEncoderFpnConfig config = {.in_channels = 3, .classes = 4};
  g_assert_true(lus_encoder_fpn_named(&config, name, NULL));
  g_autoptr(LusGraph) graph = lus_encoder_fpn_new(&config, 1, NULL);
  g_assert_nonnull(graph);
  for (int threads = 1; threads <= 3; threads++)
    g_assert_cmpint(count_forward(graph, 3, threads), ==, 0);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/allocations/counts", test_counts);
  g_test_add_func("/allocations/forward", test_forward);
  g_test_add_data_func("/allocations/forward/r18h", "r18h", test_encoders);
  g_test_add_data_func("/allocations/forward/mbv2", "mbv2", test_encoders);
  return g_test_run();
}
