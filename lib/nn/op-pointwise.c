/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators that look at one element at a time: Add and Relu (both are a copy with the plan's
 * addition and ReLU), Sigmoid. */
#include "kernels/kernels.h"
#include "nn/ops.h"

#define ITEM_FLOATS 32768

typedef struct {
  const LusStep *step;
  gsize count;
} Job;

static gsize item_range(const Job *job, int item, gsize *count)
{
  gsize first = (gsize)item * ITEM_FLOATS;
  *count = MIN(job->count - first, ITEM_FLOATS);
  return first;
}

static void run_items(const LusStep *step, const LusRun *run, LusParallelBody body)
{
  Job job = {.step = step, .count = (gsize)step->x->h * (gsize)step->x->w * (gsize)step->x->c};
  lus_parallel_for(run->pool, (int)((job.count + ITEM_FLOATS - 1) / ITEM_FLOATS), body, &job);
}

static void identity_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = ((const Job *)data)->step;
  gsize count, first = item_range(data, item, &count);
  lus_kernels()->affine(step->y->data + first, step->x->data + first, NULL, NULL,
                        step->r ? step->r->data + first : NULL, step->relu, count, 1);
}

static void identity_forward(const LusStep *step, const LusRun *run)
{
  run_items(step, run, identity_item);
}

static void identity_gradient_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = ((const Job *)data)->step;
  gsize count, first = item_range(data, item, &count);
  float *dx = step->x->grad + first;
  lus_kernels()->affine(dx, step->y->grad + first, NULL, NULL, step->x_accumulate ? dx : NULL,
                        FALSE, count, 1);
}

static void identity_backward(const LusStep *step, const LusRun *run)
{
  run_items(step, run, identity_gradient_item);
}

static void sigmoid_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = ((const Job *)data)->step;
  gsize count, first = item_range(data, item, &count);
  lus_kernels()->activate(step->y->data + first, step->x->data + first, &step->activation, count, 1,
                          (int)count);
}

static void sigmoid_forward(const LusStep *step, const LusRun *run)
{
  run_items(step, run, sigmoid_item);
}

/* dx (+)= dy y (1 - y) */
static void sigmoid_gradient_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = ((const Job *)data)->step;
  gsize count, first = item_range(data, item, &count);
  for (gsize i = first; i < first + count; i++) {
    float y = step->y->data[i], dx = step->y->grad[i] * y * (1 - y);
    step->x->grad[i] = step->x_accumulate ? step->x->grad[i] + dx : dx;
  }
}

static void sigmoid_backward(const LusStep *step, const LusRun *run)
{
  run_items(step, run, sigmoid_gradient_item);
}

const LusStepClass lus_step_identity = {
    .forward = identity_forward, .backward = identity_backward, .finishes = TRUE};
const LusStepClass lus_step_sigmoid = {.forward = sigmoid_forward, .backward = sigmoid_backward};
