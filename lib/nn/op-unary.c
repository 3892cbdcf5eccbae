/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation functions that run forward only. */
#include <math.h>

#include "nn/ops.h"

#define ITEM_FLOATS 32768

static gsize n_floats(const LusMap *map)
{
  return (gsize)map->h * (gsize)map->w * (gsize)map->c;
}

static float clip(float v, float low, float high)
{
  v = v < low ? low : v;
  return v > high ? high : v;
}

static void apply(const LusNode *node, float *y, const float *x, gsize n)
{
  float alpha = node->attrs.alpha, beta = node->attrs.beta;
  switch (node->type) {
  case LUS_OP_SQRT:
    for (gsize i = 0; i < n; i++)
      y[i] = sqrtf(x[i]);
    break;
  case LUS_OP_TANH:
    for (gsize i = 0; i < n; i++)
      y[i] = tanhf(x[i]);
    break;
  case LUS_OP_LEAKY_RELU:
    for (gsize i = 0; i < n; i++)
      y[i] = x[i] < 0 ? alpha * x[i] : x[i];
    break;
  case LUS_OP_HARD_SIGMOID:
    for (gsize i = 0; i < n; i++)
      y[i] = clip(alpha * x[i] + beta, 0, 1);
    break;
  case LUS_OP_HARD_SWISH:
    for (gsize i = 0; i < n; i++)
      y[i] = x[i] * clip(x[i] / 6 + 0.5f, 0, 1);
    break;
  default:
    for (gsize i = 0; i < n; i++)
      y[i] = clip(x[i], alpha, beta);
    break;
  }
}

static void item(void *data, int index, int thread)
{
  (void)thread;
  const LusStep *step = data;
  gsize first = (gsize)index * ITEM_FLOATS;
  apply(step->node, step->y->data + first, step->x->data + first,
        MIN(n_floats(step->x) - first, ITEM_FLOATS));
}

static void forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, (int)((n_floats(step->x) + ITEM_FLOATS - 1) / ITEM_FLOATS), item,
                   (void *)step);
}

const LusStepClass lus_step_unary = {.forward = forward};
