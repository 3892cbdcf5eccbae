/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions of one element, of which Clip can be trained. */
#include <math.h>

#include "kernels/kernels.h"
#include "nn/ops.h"

#define ITEM_FLOATS 32768

static gsize n_floats(const LusMap *map)
{
  return (gsize)map->h * (gsize)map->w * (gsize)map->c;
}

LusActivation lus_node_activation(const LusNode *node)
{
  LusActivation activation = {.alpha = node->attrs.alpha, .beta = node->attrs.beta};
  switch (node->type) {
  case LUS_OP_SIGMOID:
    activation.kind = LUS_ACTIVATION_SIGMOID;
    break;
  case LUS_OP_LEAKY_RELU:
    activation.kind = LUS_ACTIVATION_LEAKY_RELU;
    break;
  case LUS_OP_CLIP:
    activation.kind = LUS_ACTIVATION_CLIP;
    break;
  case LUS_OP_HARD_SIGMOID:
    activation.kind = LUS_ACTIVATION_HARD_SIGMOID;
    break;
  case LUS_OP_HARD_SWISH:
    activation = (LusActivation){LUS_ACTIVATION_HARD_SWISH, 1.0f / 6, 0.5f};
    break;
  default:
    break;
  }
  return activation;
}

static void apply(const LusStep *step, float *y, const float *x, gsize n)
{
  if (step->activation.kind != LUS_ACTIVATION_NONE) {
    lus_kernels()->activate(y, x, &step->activation, n, 1, (int)n);
    return;
  }
  for (gsize i = 0; i < n; i++)
    y[i] = step->node->type == LUS_OP_SQRT ? sqrtf(x[i]) : tanhf(x[i]);
}

static void item(void *data, int index, int thread)
{
  (void)thread;
  const LusStep *step = data;
  gsize first = (gsize)index * ITEM_FLOATS;
  apply(step, step->y->data + first, step->x->data + first,
        MIN(n_floats(step->x) - first, ITEM_FLOATS));
}

static void forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, (int)((n_floats(step->x) + ITEM_FLOATS - 1) / ITEM_FLOATS), item,
                   (void *)step);
}

const LusStepClass lus_step_unary = {.forward = forward};

/* dx (+)= dy where x lies between the limits. */
static void clip_gradient_item(void *data, int index, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusOpAttrs *a = &step->node->attrs;
  gsize first = (gsize)index * ITEM_FLOATS, end = first + MIN(n_floats(step->x) - first, ITEM_FLOATS);
  const float *x = step->x->data, *dy = step->y->grad;
  float *dx = step->x->grad;
  for (gsize i = first; i < end; i++) {
    float d = x[i] > a->alpha && x[i] < a->beta ? dy[i] : 0;
    dx[i] = step->x_accumulate ? dx[i] + d : d;
  }
}

static void clip_backward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, (int)((n_floats(step->x) + ITEM_FLOATS - 1) / ITEM_FLOATS), clip_gradient_item,
                   (void *)step);
}

const LusStepClass lus_step_clip = {.forward = forward, .backward = clip_backward};
