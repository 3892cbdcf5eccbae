/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QuantizeLinear and DequantizeLinear as one operator: a rounding of floats to the numbers that codes 0..255 stand for. */
#include <string.h>

#include "kernels/kernels.h"
#include "nn/ops.h"

#define ITEM_FLOATS 8192
#define CHUNK 256

static gsize n_elements(const LusMap *map)
{
  return (gsize)map->h * (gsize)map->w * (gsize)map->c;
}

static void round_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *a = &step->node->attrs;
  gsize at = (gsize)item * ITEM_FLOATS, end = MIN(at + ITEM_FLOATS, n_elements(step->x));
  for (gsize n; at < end; at += n) {
    guint8 codes[CHUNK];
    n = MIN(end - at, CHUNK);
    lus_kernels()->int8->quantize(codes, step->x->data + at, a->alpha, a->zero_point, 0, n);
    lus_kernels()->int8->dequantize(step->y->data + at, codes, a->alpha, a->zero_point, n);
  }
}

static void forward(const LusStep *step, const LusRun *run)
{
  if (run->observe && !run->observe(run->observe_data, step->node, step->x->data, n_elements(step->x))) {
    memcpy(step->y->data, step->x->data, n_elements(step->x) * sizeof(float));
    return;
  }
  lus_parallel_for(run->pool, (int)((n_elements(step->x) + ITEM_FLOATS - 1) / ITEM_FLOATS), round_item, (void *)step);
}

const LusStepClass lus_step_quantize = {.forward = forward};
