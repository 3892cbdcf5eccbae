/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/int8.h"
#include "kernels/int8-finish.h"

static void product(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  for (int p = 0; p < pixels; p++) {
    int32_t s[LUS_INT8_WIDTH];
    const int8_t *w = sums->w;
    memcpy(s, sums->bias, (size_t)sums->width * sizeof *s);
    for (int t = 0; t < sums->taps; t++) {
      const uint8_t *x = sums->x + (size_t)p * sums->step + sums->offset[t];
      for (int k = 0; k < sums->run; k += 4)
        for (int o = 0; o < sums->width; o++, w += 4)
          s[o] += x[k] * w[0] + x[k + 1] * w[1] + x[k + 2] * w[2] + x[k + 3] * w[3];
    }
    for (int o = 0; o < finish->n; o++)
      lus_int8_finish(finish, s[o], (size_t)p, o);
  }
}

static void depthwise(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  lus_int8_depthwise(sums, finish, pixels, 0);
}

const LusInt8Kernels lus_int8_c = {"c", product, depthwise, LUS_INT8_LOOPS};
