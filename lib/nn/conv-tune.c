/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/conv-tune.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nn/tensor.h"

#define RUNS 5

gboolean lus_conv_tune_wanted(void)
{
  return g_strcmp0(getenv("LUS_TUNE"), "1") == 0;
}

static float *zeros(gsize floats)
{
  float *memory = lus_aligned_alloc(MAX(floats, 1) * sizeof(float));
  if (memory)
    memset(memory, 0, MAX(floats, 1) * sizeof(float));
  return memory;
}

static gsize map_floats(LusMapSize size)
{
  return (gsize)size.h * (gsize)size.w * (gsize)size.c;
}

/* What all methods are timed with. */
typedef struct {
  float *source, *target, *weights;
} Buffers;

static gboolean buffers_init(Buffers *buffers, const LusConvPass *pass)
{
  buffers->source = zeros(map_floats(pass->source));
  buffers->target = zeros(map_floats(pass->target));
  buffers->weights = zeros((gsize)pass->groups * (gsize)pass->grid.n * (gsize)pass->in * (gsize)pass->out);
  return buffers->source && buffers->target && buffers->weights;
}

static void buffers_clear(Buffers *buffers)
{
  lus_aligned_free(buffers->source);
  lus_aligned_free(buffers->target);
  lus_aligned_free(buffers->weights);
}

static double least_seconds(const LusConvPass *pass, const LusRun *run, const Buffers *buffers)
{
  const LusConvCall call = {.target = buffers->target, .source = buffers->source};
  double least = G_MAXDOUBLE;
  for (int i = 0; i < RUNS; i++) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    lus_conv_pass_run(pass, run, &call);
    clock_gettime(CLOCK_MONOTONIC, &end);
    least = MIN(least, (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
  }
  return least;
}

static gboolean time_method(const LusConvPass *like, LusConvMethod method, const Buffers *buffers,
                            double *seconds)
{
  LusConvPass pass = {.grid = like->grid};
  LusStep needs = {0};
  gboolean ok = lus_conv_pass_init(&pass, &needs, like->source, like->target, like->groups, method);
  float *scratch = zeros(needs.scratch), *shared = zeros(needs.shared);
  ok = ok && scratch && shared;
  if (ok) {
    const LusRun run = {.scratch = scratch, .scratch_stride = needs.scratch, .shared = shared};
    lus_conv_pass_set_weights(&pass, buffers->weights);
    *seconds = least_seconds(&pass, &run, buffers);
  }
  lus_aligned_free(scratch);
  lus_aligned_free(shared);
  pass.grid.taps = NULL; /* they belong to the other pass */
  lus_conv_pass_clear(&pass);
  return ok;
}

gboolean lus_conv_tune(const LusConvPass *pass, LusConvMethod *fastest)
{
  Buffers buffers;
  gboolean ok = buffers_init(&buffers, pass);
  double least = G_MAXDOUBLE;
  for (int m = 0; ok && m < LUS_CONV_N; m++) {
    double seconds = 0;
    if (!lus_conv_pass_can(pass, m))
      continue;
    ok = time_method(pass, m, &buffers, &seconds);
    if (ok && seconds < least) {
      least = seconds;
      *fastest = m;
    }
  }
  buffers_clear(&buffers);
  return ok;
}
