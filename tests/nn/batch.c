/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Training with several samples per plan, and the ways to the weights' gradient. */
#include <math.h>
#include <string.h>

#include "graph-fixture.h"
#include "nn/fpn.h"
#include "nn/plan.h"

#define SEED 7
#define H 96
#define W 64

typedef struct {
  LusGraph *graph;
  int samples, c, h, w;
  gsize n_in, n_out, n; /* floats of one sample, parameters */
  float *input, *output, *gradient, *d_input;
  gsize memory;
} Training;

static void run(Training *t, int threads)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan =
      lus_plan_new_batch(t->graph, t->c, t->h, t->w, t->samples, MAX(threads, 1), &error);
  g_assert_no_error(error);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  t->n_out = (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2];
  t->n_in = (gsize)t->c * (gsize)t->h * (gsize)t->w;
  t->n = lus_graph_n_parameters(t->graph);
  gsize samples = (gsize)t->samples;
  t->input = g_new(float, samples * t->n_in);
  t->d_input = g_new(float, samples * t->n_in);
  t->output = g_new(float, samples * t->n_out);
  t->gradient = g_new0(float, t->n);
  LusRng rng;
  lus_rng_init(&rng, SEED, 1);
  lus_rng_fill_normal(&rng, t->input, samples * t->n_in);
  LusParallel *pool = threads ? lus_parallel_new(threads) : NULL;
  lus_plan_forward(plan, t->output, t->input, pool);
  lus_plan_backward(plan, t->gradient, t->d_input, t->output, pool);
  lus_parallel_free(pool);
  t->memory = lus_plan_memory(plan);
}

static void clear(Training *t)
{
  g_free(t->input);
  g_free(t->d_input);
  g_free(t->output);
  g_free(t->gradient);
}

static Training train_fpn(LusGraph *graph, int samples, int threads)
{
  Training t = {.graph = graph, .samples = samples, .c = 1, .h = H, .w = W};
  run(&t, threads);
  return t;
}

static LusGraph *new_fpn(void)
{
  g_autoptr(GError) error = NULL;
  LusFpnConfig config = lus_fpn_config_default();
  LusGraph *graph = lus_fpn_new(&config, SEED, &error);
  g_assert_no_error(error);
  return graph;
}

static void assert_close(const float *a, const float *b, gsize n, double tolerance,
                         const char *what)
{
  double largest = 0;
  for (gsize i = 0; i < n; i++)
    largest = fmax(largest, fabs((double)b[i]));
  g_assert_cmpfloat(largest, >, 0);
  for (gsize i = 0; i < n; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= tolerance * largest))
      g_error("%s: element %" G_GSIZE_FORMAT " is %.9g, expected %.9g", what, i, (double)a[i],
              (double)b[i]);
}

/* Each sample gives what it gives alone, and the gradients are summed. */
static void test_equals_singles(void)
{
  enum { SAMPLES = 3 };
  g_autoptr(LusGraph) graph = new_fpn();
  Training batch = train_fpn(graph, SAMPLES, 2);
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 1, H, W, LUS_PLAN_TRAIN, 1, &error);
  g_assert_no_error(error);
  g_autofree float *output = g_new(float, batch.n_out), *d_input = g_new(float, batch.n_in);
  g_autofree float *gradient = g_new0(float, batch.n);
  for (int i = 0; i < SAMPLES; i++) {
    gsize in = (gsize)i * batch.n_in, out = (gsize)i * batch.n_out;
    lus_plan_forward(plan, output, batch.input + in, NULL);
    lus_plan_backward(plan, gradient, d_input, output, NULL);
    g_assert_cmpmem(output, batch.n_out * sizeof(float), batch.output + out,
                    batch.n_out * sizeof(float));
    g_assert_cmpmem(d_input, batch.n_in * sizeof(float), batch.d_input + in,
                    batch.n_in * sizeof(float));
  }
  assert_close(batch.gradient, gradient, batch.n, 1e-4, "gradient");
  g_assert_cmpuint(batch.memory, <, SAMPLES * lus_plan_memory(plan));
  clear(&batch);
}

static void test_threads_bit_equal(void)
{
  g_autoptr(LusGraph) graph = new_fpn();
  for (int samples = 1; samples <= 8; samples += samples < 3 ? 1 : 5) {
    Training alone = train_fpn(graph, samples, 0);
    for (int threads = 1; threads <= 3; threads++) {
      Training t = train_fpn(graph, samples, threads);
      gsize n = (gsize)samples;
      g_assert_cmpmem(t.output, n * t.n_out * sizeof(float), alone.output,
                      n * t.n_out * sizeof(float));
      g_assert_cmpmem(t.d_input, n * t.n_in * sizeof(float), alone.d_input,
                      n * t.n_in * sizeof(float));
      g_assert_cmpmem(t.gradient, t.n * sizeof(float), alone.gradient, t.n * sizeof(float));
      clear(&t);
    }
    clear(&alone);
  }
}

static Training train_conv(LusGraph *graph, const FixtureConv *conv, const char *method)
{
  Training t = {.graph = graph, .samples = 3, .c = conv->c, .h = conv->h, .w = conv->w};
  if (method)
    g_setenv("LUS_CONV", method, TRUE);
  else
    g_unsetenv("LUS_CONV");
  run(&t, 2);
  g_unsetenv("LUS_CONV");
  return t;
}

/* The rule's choice and each method where it can be used, else what then is used, against OpenBLAS. */
static void test_methods(gconstpointer data)
{
  const FixtureConv *conv = data;
  static const char *const methods[] = {NULL, "direct", "winograd4"};
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusRng rng;
  lus_rng_init(&rng, SEED, 0);
  LusOpAttrs attrs = fixture_conv_attrs(conv);
  int x = lus_graph_add_input(graph, "x");
  lus_graph_set_output(graph, fixture_conv(graph, &rng, x, conv->c, conv->out, conv->bias, &attrs));
  Training expected = train_conv(graph, conv, "gemm");
  for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
    Training got = train_conv(graph, conv, methods[i]);
    assert_close(got.gradient, expected.gradient, got.n, 1e-4, conv->name);
    clear(&got);
  }
  clear(&expected);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/batch/equals-singles", test_equals_singles);
  g_test_add_func("/batch/threads-bit-equal", test_threads_bit_equal);
  for (gsize i = 0; i < G_N_ELEMENTS(fixture_convs); i++) {
    g_autofree char *path = g_strdup_printf("/batch/weights/%s", fixture_convs[i].name);
    g_test_add_data_func(path, &fixture_convs[i], test_methods);
  }
  return g_test_run();
}
