/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators on two activations whose sizes agree or are 1. */
#include <math.h>

#include "nn/ops.h"

/* Floats from one element to the next along each axis; 0 where the size is 1. */
typedef struct {
  const float *data;
  gsize row, pixel, channel;
} Operand;

static Operand operand(const LusMap *map)
{
  return (Operand){
      .data = map->data,
      .row = map->h > 1 ? (gsize)map->w * (gsize)map->c : 0,
      .pixel = map->w > 1 ? (gsize)map->c : 0,
      .channel = map->c > 1,
  };
}

/* y[j] = FORMULA of v = a[j] and u = b[j], with the common strides spelt out so that they
 * vectorise. */
#define EACH(FORMULA)                                                                              \
  do {                                                                                             \
    if (da == 1 && db == 1) {                                                                      \
      for (gsize j = 0; j < n; j++) {                                                              \
        float v = a[j], u = b[j];                                                                  \
        y[j] = FORMULA;                                                                            \
      }                                                                                            \
    } else {                                                                                       \
      for (gsize j = 0; j < n; j++) {                                                              \
        float v = a[j * da], u = b[j * db];                                                        \
        y[j] = FORMULA;                                                                            \
      }                                                                                            \
    }                                                                                              \
  } while (0)

static void combine(LusOpType type, float *y, const float *a, gsize da, const float *b, gsize db,
                    gsize n)
{
  switch (type) {
  case LUS_OP_SUB:
    EACH(v - u);
    break;
  case LUS_OP_MUL:
    EACH(v * u);
    break;
  case LUS_OP_DIV:
    EACH(v / u);
    break;
  case LUS_OP_POW:
    EACH(powf(v, u));
    break;
  case LUS_OP_PRELU:
    EACH(v < 0 ? u * v : v);
    break;
  default:
    EACH(v + u);
    break;
  }
}

static void row_item(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusMap *y = step->y;
  Operand a = operand(lus_step_map(step, 0)), b = operand(lus_step_map(step, 1));
  for (int j = 0; j < y->w; j++)
    combine(step->node->type, y->data + ((gsize)i * (gsize)y->w + (gsize)j) * (gsize)y->c,
            a.data + (gsize)i * a.row + (gsize)j * a.pixel, a.channel,
            b.data + (gsize)i * b.row + (gsize)j * b.pixel, b.channel, (gsize)y->c);
}

static void forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, row_item, (void *)step);
}

const LusStepClass lus_step_binary = {.forward = forward};
