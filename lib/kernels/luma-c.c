/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/luma.h"

static void expand(uint8_t *luma, int n)
{
  for (int i = 0; i < n; i++) {
    int d = luma[i] > 16 ? luma[i] - 16 : 0;
    int full = (2 * 255 * d + 219) / (2 * 219);
    luma[i] = (uint8_t)(full < 255 ? full : 255);
  }
}

static void pick(uint8_t *luma, const uint8_t *pixels, int odd, int n)
{
  for (int i = 0; i < n; i++)
    luma[i] = pixels[2 * i + odd];
}

/* With a constant step the compiler unrolls the inner loop. */
static inline void weigh_step(uint8_t *luma, const uint8_t *pixels, const int *weights, int step, int n)
{
  for (int i = 0; i < n; i++) {
    int sum = 1 << 15;
    for (int k = 0; k < step; k++)
      sum += weights[k] * pixels[step * i + k];
    luma[i] = (uint8_t)(sum >> 16);
  }
}

static void weigh(uint8_t *luma, const uint8_t *pixels, const int *weights, int step, int n)
{
  if (step == 3)
    weigh_step(luma, pixels, weights, 3, n);
  else
    weigh_step(luma, pixels, weights, 4, n);
}

const LusLumaKernels lus_luma_c = {"c", expand, pick, weigh};
