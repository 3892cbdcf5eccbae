/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators on two activations whose sizes agree or are 1. */
#include <math.h>

#include "kernels/kernels.h"
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
    } else if (da == 1 && db == 0) {                                                               \
      float u = *b;                                                                                \
      for (gsize j = 0; j < n; j++) {                                                              \
        float v = a[j];                                                                            \
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

/* A map and a number per channel, such as the weights of EfficientNet's squeeze and excitation. */
static gboolean combine_channels(LusOpType type, float *y, const float *a, const float *channels, const LusMap *map)
{
  if (type == LUS_OP_MUL)
    lus_kernels()->affine(y, a, channels, NULL, NULL, FALSE, (gsize)map->w, map->c);
  else if (type == LUS_OP_BROADCAST_ADD)
    lus_kernels()->affine(y, a, NULL, channels, NULL, FALSE, (gsize)map->w, map->c);
  else
    return FALSE;
  return TRUE;
}

static void row_item(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusMap *y = step->y;
  Operand a = operand(lus_step_map(step, 0)), b = operand(lus_step_map(step, 1));
  LusOpType type = step->node->type;
  gsize c = (gsize)y->c, w = (gsize)y->w;
  const float *p = a.data + (gsize)i * a.row, *q = b.data + (gsize)i * b.row;
  float *out = y->data + (gsize)i * w * c;
  gboolean a_dense = a.pixel == c && a.channel, b_dense = b.pixel == c && b.channel;
  if (w > 1 && a_dense && b.pixel == 0 && b.channel && combine_channels(type, out, p, q, y))
    return;
  if (w > 1 && b_dense && a.pixel == 0 && a.channel && combine_channels(type, out, q, p, y))
    return;
  if ((a_dense || (a.pixel == 0 && !a.channel)) && (b_dense || (b.pixel == 0 && !b.channel))) {
    combine(type, out, p, a.channel, q, b.channel, w * c); /* whole rows and single numbers */
    return;
  }
  for (gsize j = 0; j < w; j++)
    combine(type, out + j * c, p + j * a.pixel, a.channel, q + j * b.pixel, b.channel, c);
}

static void forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, row_item, (void *)step);
}

const LusStepClass lus_step_binary = {.forward = forward};
