/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference: the specification of activation.h. */
#include "kernels/activation.h"

#include <math.h>

static float clip(float v, float low, float high)
{
  v = v < low ? low : v;
  return v > high ? high : v;
}

static float activated(const LusActivation *a, float v)
{
  switch (a->kind) {
  case LUS_ACTIVATION_CLIP:
    return clip(v, a->alpha, a->beta);
  case LUS_ACTIVATION_LEAKY_RELU:
    return v < 0 ? a->alpha * v : v;
  case LUS_ACTIVATION_SIGMOID:
    return 1 / (1 + expf(-v));
  case LUS_ACTIVATION_SWISH:
    return v / (1 + expf(-v));
  case LUS_ACTIVATION_HARD_SIGMOID:
    return clip(a->alpha * v + a->beta, 0, 1);
  case LUS_ACTIVATION_HARD_SWISH:
    return v * clip(a->alpha * v + a->beta, 0, 1);
  case LUS_ACTIVATION_NONE:
  default:
    return v;
  }
}

void lus_activate_c(float *y, const float *x, const LusActivation *activation, size_t pitch, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < (size_t)c; j++)
      y[i * pitch + j] = activated(activation, x[i * pitch + j]);
}
