/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times the default network's forward pass in infer mode: bench-plan [SIZE] [THREADS] [RUNS]. Prints
 * the median. bench-train times training. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/kernels.h"
#include "nn/fpn.h"
#include "nn/plan.h"
#include "nn/rng.h"

#define MAX_RUNS 1000

static double now_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare_double(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double *times, int n)
{
  qsort(times, (size_t)n, sizeof *times, compare_double);
  return times[n / 2];
}

static void bench_forward(LusGraph *graph, const float *input, int size, int threads, int runs)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 1, size, size, LUS_PLAN_INFER, threads, &error);
  if (!plan) {
    printf("forward: %s\n", error->message);
    exit(1);
  }
  LusParallel *pool = lus_parallel_new(threads);
  g_autofree float *output = g_new(float, 3 * (gsize)size * (gsize)size);
  double times[MAX_RUNS];
  lus_plan_forward(plan, output, input, pool);
  for (int run = 0; run < runs; run++) {
    double start = now_ms();
    lus_plan_forward(plan, output, input, pool);
    times[run] = now_ms() - start;
  }
  printf("forward: %.2f ms, %.1f MiB\n", median(times, runs),
         (double)lus_plan_memory(plan) / 1048576);
  lus_parallel_free(pool);
}

static int argument(int argc, char **argv, int i, int fallback, int low, int high)
{
  return argc > i ? CLAMP(atoi(argv[i]), low, high) : fallback;
}

int main(int argc, char **argv)
{
  int size = argument(argc, argv, 1, 256, 32, 4096), threads = argument(argc, argv, 2, 2, 1, 64);
  int runs = argument(argc, argv, 3, 20, 1, MAX_RUNS);
  g_autoptr(GError) error = NULL;
  LusFpnConfig config = lus_fpn_config_default();
  g_autoptr(LusGraph) graph = lus_fpn_new(&config, 1, &error);
  if (!graph || !lus_graph_infer_shapes(graph, 1, size, size, &error)) {
    printf("%s\n", error->message);
    return 1;
  }
  printf("%s, %dx%d, %d threads: %.2f GFLOP, %" G_GSIZE_FORMAT " parameters\n",
         lus_kernels_description(), size, size, threads, lus_graph_flop(graph) * 1e-9,
         lus_graph_n_parameters(graph));
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  g_autofree float *input = g_new(float, (gsize)size *(gsize)size);
  lus_rng_fill_normal(&rng, input, (gsize)size * (gsize)size);
  bench_forward(graph, input, size, threads, runs);
  return 0;
}
