/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <string.h>

#include "int8.h"

/** One element at a time, for the reference and for what is left over in the others. */

#define LUS_INT8_CUT 1048576.0f

/* Adding 1.5 2^23 leaves the whole number, rounded to even, in the low bits of the sum. */
static inline int lus_int8_round(float v)
{
  v = v > -LUS_INT8_CUT ? v : -LUS_INT8_CUT;
  v = v < LUS_INT8_CUT ? v : LUS_INT8_CUT;
  float sum = v + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &sum, sizeof bits);
  return bits - 0x4B400000;
}

static inline int lus_int8_clamp(int q, int low)
{
  q = q < low ? low : q;
  return q > 255 ? 255 : q;
}

/* Element @o of pixel @p. */
static inline void lus_int8_finish(const LusInt8Finish *f, int32_t s, size_t p, int o)
{
  float v = (float)s * f->scale[o];
  if (f->codes) {
    int q = lus_int8_clamp(lus_int8_round(v) + f->zero, f->low);
    if (f->r) {
      float sum = (float)(q - f->zero) * f->a;
      float other = (float)(f->r[p * f->ldr + (size_t)o] - f->r_zero) * f->b;
      q = lus_int8_clamp(lus_int8_round(sum + other) + f->sum_zero, f->sum_low);
    }
    f->codes[p * f->ldy + (size_t)o] = (uint8_t)q;
    return;
  }
  if (f->r_floats)
    v += f->r_floats[p * f->ldr + (size_t)o];
  f->floats[p * f->ldy + (size_t)o] = f->relu && v < 0 ? 0 : v;
}
