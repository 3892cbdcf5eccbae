/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times training steps: bench-train [SIZE] [THREADS] [BATCH] [RUNS] [MODEL.onnx]. A step is the
 * forward passes, the loss, the backward passes and AdamW, on random pictures and labels; without a
 * model the default network is trained. Prints each step's time after the first, that of
 * the processors, the median, and the most memory that the process had. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "learn/loss.h"
#include "learn/optimizer.h"
#include "nn/file.h"
#include "nn/fpn.h"
#include "nn/onnx.h"
#include "nn/plan.h"
#include "nn/rng.h"

#define MAX_RUNS 1000
#define MAX_BATCH 64

typedef struct {
  LusGraph *graph;
  LusPlan *plan;
  LusParallel *pool;
  int batch, classes;
  gsize n_parameters, pixels;
  float *input, *logits, *d_logits, *target, *weight; /* of all samples */
  float *parameters, *gradient, *m, *v;
  LusLoss loss;
  LusOptimizer optimizer;
} Bench;

static double now_ms(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare_double(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static LusGraph *read_graph(const char *path, int *channels, GError **error)
{
  g_autofree char *data = NULL;
  gsize length;
  if (!g_file_get_contents(path, &data, &length, error))
    return NULL;
  g_autoptr(LusOnnx) onnx = lus_onnx_parse((const guint8 *)data, length, path, error);
  if (!onnx)
    return NULL;
  *channels = onnx->input_channels;
  return g_steal_pointer(&onnx->graph);
}

static void open_bench(Bench *bench, int channels, int size, int threads)
{
  g_autoptr(GError) error = NULL;
  bench->plan =
      lus_plan_new_batch(bench->graph, channels, size, size, bench->batch, threads, &error);
  if (!bench->plan) {
    fprintf(stderr, "%s\n", error->message);
    exit(1);
  }
  int shape[3];
  lus_plan_output_shape(bench->plan, shape);
  bench->classes = shape[0];
  bench->pixels = (gsize)shape[1] * (gsize)shape[2];
  bench->n_parameters = lus_graph_n_parameters(bench->graph);
  gsize n_in = (gsize)bench->batch * (gsize)channels * (gsize)size * (gsize)size;
  gsize n_out = (gsize)bench->batch * (gsize)bench->classes * bench->pixels;
  bench->input = g_new(float, n_in);
  bench->logits = g_new(float, n_out);
  bench->d_logits = g_new(float, n_out);
  bench->target = g_new(float, n_out);
  bench->weight = g_new(float, n_out);
  bench->parameters = g_new(float, bench->n_parameters);
  bench->gradient = g_new(float, bench->n_parameters);
  bench->m = g_new0(float, bench->n_parameters);
  bench->v = g_new0(float, bench->n_parameters);
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  lus_rng_fill_normal(&rng, bench->input, n_in);
  for (gsize i = 0; i < n_out; i++) {
    bench->target[i] = (float)lus_rng_below(&rng, 2);
    bench->weight[i] = 1;
  }
  lus_graph_get_parameters(bench->graph, bench->parameters);
  bench->pool = lus_parallel_new(threads);
  lus_loss_init(&bench->loss, bench->classes);
  lus_optimizer_init(&bench->optimizer, LUS_OPTIMIZER_ADAMW);
}

static double loss_of(const Bench *bench)
{
  float *d_logits[MAX_BATCH];
  const float *logits[MAX_BATCH], *target[MAX_BATCH], *weight[MAX_BATCH];
  for (int i = 0; i < bench->batch; i++) {
    gsize at = (gsize)i * (gsize)bench->classes * bench->pixels;
    d_logits[i] = bench->d_logits + at;
    logits[i] = bench->logits + at;
    target[i] = bench->target + at;
    weight[i] = bench->weight + at;
  }
  return lus_loss_batch(d_logits, NULL, logits, target, weight, &bench->loss, bench->batch,
                        bench->classes, bench->pixels, bench->pool);
}

static double train_step(const Bench *bench, int step)
{
  lus_plan_forward(bench->plan, bench->logits, bench->input, bench->pool);
  double loss = loss_of(bench);
  memset(bench->gradient, 0, bench->n_parameters * sizeof(float));
  lus_plan_backward(bench->plan, bench->gradient, NULL, bench->d_logits, bench->pool);
  lus_optimizer_step(bench->parameters, bench->m, bench->v, bench->gradient, bench->n_parameters,
                     &bench->optimizer, 1e-4, step, bench->pool);
  lus_graph_set_parameters(bench->graph, bench->parameters);
  return loss;
}

static void close_bench(Bench *bench)
{
  lus_plan_free(bench->plan);
  lus_parallel_free(bench->pool);
  float *all[] = {bench->input,      bench->logits,   bench->d_logits, bench->target, bench->weight,
                  bench->parameters, bench->gradient, bench->m,        bench->v};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    g_free(all[i]);
}

static int argument(int argc, char **argv, int i, int fallback, int low, int high)
{
  return argc > i ? CLAMP(atoi(argv[i]), low, high) : fallback;
}

int main(int argc, char **argv)
{
  int size = argument(argc, argv, 1, 256, 32, 4096), threads = argument(argc, argv, 2, 2, 1, 64);
  int runs = argument(argc, argv, 4, 5, 1, MAX_RUNS), channels = 1;
  g_autoptr(GError) error = NULL;
  g_autoptr(LusGraph) graph = NULL;
  if (argc > 5) {
    graph = read_graph(argv[5], &channels, &error);
  } else {
    LusFpnConfig config = lus_fpn_config_default();
    graph = lus_fpn_new(&config, 1, &error);
  }
  if (!graph) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  Bench bench = {.graph = graph, .batch = argument(argc, argv, 3, 8, 1, MAX_BATCH)};
  open_bench(&bench, channels, size, threads);
  double times[MAX_RUNS], loss = train_step(&bench, 1);
  printf("%s, %dx%d, batch %d, %d threads: %.1f MiB, loss %.6f\n", lus_kernels_description(), size,
         size, bench.batch, threads, (double)lus_plan_memory(bench.plan) / 1048576, loss);
  for (int run = 0; run < runs; run++) {
    double start = now_ms(CLOCK_MONOTONIC), cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    loss = train_step(&bench, run + 2);
    times[run] = now_ms(CLOCK_MONOTONIC) - start;
    printf("step %.1f ms, processors %.1f ms, loss %.6f\n", times[run],
           now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu, loss);
  }
  qsort(times, (size_t)runs, sizeof *times, compare_double);
  printf("median %.1f ms, %.1f frames per second, peak %.0f MiB\n", times[runs / 2],
         bench.batch * 1e3 / times[runs / 2], (double)lus_peak_memory() / 1048576);
  close_bench(&bench);
  return 0;
}
