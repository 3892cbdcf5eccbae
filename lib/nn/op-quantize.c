/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QuantizeLinear and DequantizeLinear as one operator: a rounding of floats to the numbers that codes 0..255 stand for. */
#include <string.h>

#include "kernels/kernels.h"
#include "nn/ops.h"

#define ITEM_FLOATS 8192
#define CHUNK 256

typedef struct {
  const LusStep *step;
  const LusRun *run;
} Job;

void lus_encode(guint8 *codes, const float *x, const LusOpAttrs *attrs, gsize n, const LusRun *run)
{
  if (lus_kernels()->int8->quantize(codes, x, attrs->alpha, attrs->zero_point, 0, n))
    atomic_store_explicit(run->nan, true, memory_order_relaxed);
}

static gsize n_elements(const LusMap *map)
{
  return (gsize)map->h * (gsize)map->w * (gsize)map->c;
}

static void round_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusStep *step = job->step;
  const LusOpAttrs *a = &step->node->attrs;
  gsize at = (gsize)item * ITEM_FLOATS, end = MIN(at + ITEM_FLOATS, n_elements(step->x));
  for (gsize n; at < end; at += n) {
    guint8 codes[CHUNK];
    n = MIN(end - at, CHUNK);
    lus_encode(codes, step->x->data + at, a, n, job->run);
    lus_kernels()->int8->dequantize(step->y->data + at, codes, a->alpha, a->zero_point, n);
  }
}

static void forward(const LusStep *step, const LusRun *run)
{
  if (run->observe && !run->observe(run->observe_data, step->node, step->x->data, n_elements(step->x))) {
    memcpy(step->y->data, step->x->data, n_elements(step->x) * sizeof(float));
    return;
  }
  Job job = {.step = step, .run = run};
  lus_parallel_for(run->pool, (int)((n_elements(step->x) + ITEM_FLOATS - 1) / ITEM_FLOATS), round_item, &job);
}

const LusStepClass lus_step_quantize = {.forward = forward};
