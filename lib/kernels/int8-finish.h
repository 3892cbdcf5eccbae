/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <string.h>

#include "int8.h"

/** One element at a time, for the reference and for what is left over in the others; and loops that every compiler turns
 * into the vectors of its instruction set. */

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

static inline int lus_int8_clamp(int q, int low, int high)
{
  q = q < low ? low : q;
  return q > high ? high : q;
}

/* Element @o of pixel @p. */
static inline void lus_int8_finish(const LusInt8Finish *f, int32_t s, size_t p, int o)
{
  float v = (float)s * f->scale[o];
  size_t r_at = (p >> f->r_half) * f->ldr + (size_t)o;
  if (f->codes) {
    int q = lus_int8_clamp(lus_int8_round(v) + f->zero, f->low, f->high);
    if (f->r) {
      float sum = (float)(q - f->zero) * f->a;
      float other = (float)(f->r[r_at] - f->r_zero) * f->b;
      q = lus_int8_clamp(lus_int8_round(sum + other) + f->sum_zero, f->sum_low, 255);
    }
    f->codes[p * f->ldy + (size_t)o] = (uint8_t)q;
    return;
  }
  if (f->r_floats)
    v += f->r_floats[r_at];
  v = v < f->least ? f->least : v;
  f->floats[p * f->ldy + (size_t)o] = v > f->most ? f->most : v;
}

/* Channels from @first on, one at a time. */
static inline void lus_int8_depthwise(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels, int first)
{
  for (int p = 0; p < pixels; p++)
    for (int o = first; o < finish->n; o++) {
      int32_t s = sums->bias[o];
      for (int t = 0; t < sums->taps; t++)
        s += sums->x[(ptrdiff_t)((size_t)p * sums->step) + sums->offset[t] + o] * sums->w[t * finish->n + o];
      lus_int8_finish(finish, s, (size_t)p, o);
    }
}

#define LUS_INT8_LOOP static inline __attribute__((unused))

LUS_INT8_LOOP int lus_int8_quantize(uint8_t *restrict q, const float *restrict x, float step, int zero, int low,
                                    size_t n)
{
  int nan = 0;
  for (size_t i = 0; i < n; i++) {
    nan |= x[i] != x[i];
    q[i] = (uint8_t)lus_int8_clamp(lus_int8_round(x[i] / step) + zero, low, 255);
  }
  return nan;
}

LUS_INT8_LOOP void lus_int8_dequantize(float *restrict x, const uint8_t *restrict q, float step, int zero, size_t n)
{
  for (size_t i = 0; i < n; i++)
    x[i] = (float)(q[i] - zero) * step;
}

/* Of 0..255: adding 1.5 2^23 leaves the whole number in the lowest byte. */
static inline uint8_t lus_int8_whole(float v)
{
  float sum = v + 12582912.0f;
  uint32_t bits;
  memcpy(&bits, &sum, sizeof bits);
  return (uint8_t)bits;
}

static inline uint8_t lus_int8_cut(float v, float low)
{
  v = v > low ? v : low;
  return lus_int8_whole(v < 255 ? v : 255);
}

LUS_INT8_LOOP void lus_int8_add(uint8_t *restrict y, const uint8_t *restrict a, const uint8_t *restrict b, float u,
                                float v, float w, int low, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = lus_int8_cut((float)a[i] * u + (float)b[i] * v + w, (float)low);
}

LUS_INT8_LOOP void lus_int8_maximum(uint8_t *restrict y, const uint8_t *restrict x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] > y[i] ? x[i] : y[i];
}

LUS_INT8_LOOP void lus_int8_lerp(float *restrict y, const uint8_t *restrict a, const uint8_t *restrict b, float w,
                                 size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = (float)a[i] + w * (float)(b[i] - a[i]);
}

LUS_INT8_LOOP void lus_int8_lerp_pixels(uint8_t *restrict y, const float *restrict x, const int *restrict i0,
                                        const int *restrict i1, const float *restrict w, size_t pixels, int c)
{
  for (size_t p = 0; p < pixels; p++, y += c) {
    const float *a = x + (size_t)i0[p] * (size_t)c, *b = x + (size_t)i1[p] * (size_t)c;
    for (int k = 0; k < c; k++)
      y[k] = lus_int8_whole(a[k] + w[p] * (b[k] - a[k]));
  }
}

LUS_INT8_LOOP void lus_int8_moments(uint32_t *restrict sum, uint32_t *restrict square, const uint8_t *restrict x,
                                    size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++, x += c)
    for (int j = 0; j < c; j++) {
      sum[j] += x[j];
      square[j] += (uint32_t)x[j] * x[j];
    }
}

LUS_INT8_LOOP void lus_int8_affine(uint8_t *restrict y, const uint8_t *restrict x, const float *restrict a,
                                   const float *restrict b, int low, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++, x += c, y += c)
    for (int j = 0; j < c; j++)
      y[j] = lus_int8_cut(a[j] * (float)x[j] + b[j], (float)low);
}

LUS_INT8_LOOP void lus_int8_confidence(uint8_t *restrict q, const float *restrict x, const uint8_t *restrict inside, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    float v = x[i] > 0 ? x[i] : 0;
    v = v < 1 ? v : 1;
    q[i] = inside[i] & (uint8_t)(int)(255.0f * v + 0.5f);
  }
}

/* What follows the convolutions in a table made of these. */
#define LUS_INT8_LOOPS                                                                                              \
  lus_int8_quantize, lus_int8_dequantize, lus_int8_add, lus_int8_maximum, lus_int8_lerp, lus_int8_lerp_pixels,     \
      lus_int8_moments, lus_int8_affine, lus_int8_confidence
