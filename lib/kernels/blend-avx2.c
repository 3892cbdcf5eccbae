/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

/* In 16 bits, which become vectors: all sums stay below 65536. Compiled with AVX2. */

static inline uint8_t div255(unsigned v)
{
  uint16_t w = (uint16_t)(v + 128);
  return (uint8_t)((uint16_t)(w + (w >> 8)) >> 8);
}

static void mix(uint8_t *restrict d, const uint8_t *restrict s, const uint8_t *restrict a, int n)
{
  for (int i = 0; i < n; i++) {
    uint16_t over = (uint16_t)(s[i] * a[i]), under = (uint16_t)(d[i] * (uint8_t)~a[i]);
    d[i] = div255((uint16_t)(over + under));
  }
}

static void scale(uint8_t *restrict out, const uint8_t *restrict a, const uint8_t *restrict w, int n)
{
  for (int i = 0; i < n; i++)
    out[i] = div255((uint16_t)(a[i] * w[i]));
}

static void add(uint8_t *restrict d, const int8_t *restrict s, const uint8_t *restrict w, int n)
{
  for (int i = 0; i < n; i++) {
    int16_t v = (int16_t)((int16_t)(s[i] * w[i] + 64) >> 7);
    int16_t sum = (int16_t)(v + d[i]), positive = sum < 0 ? 0 : sum;
    d[i] = (uint8_t)(positive > 255 ? 255 : positive);
  }
}

/* 255 / 96 is 85 / 32. */
static void weigh1(uint8_t *restrict w, const uint8_t *restrict luma, int n)
{
  for (int i = 0; i < n; i++) {
    uint16_t v = luma[i] > 96 ? 96 : luma[i];
    w[i] = (uint8_t)((uint16_t)(v * 85) >> 5);
  }
}

static void weigh4(uint8_t *restrict w, const uint8_t *top, const uint8_t *bottom, int n)
{
  for (int i = 0; i < n; i++) {
    uint16_t sum = (uint16_t)(top[2 * i] + top[2 * i + 1] + bottom[2 * i] + bottom[2 * i + 1]);
    uint16_t v = sum > 4 * 96 ? 4 * 96 : sum;
    w[i] = (uint8_t)((uint16_t)(v * 85) >> 7);
  }
}

const LusBlendKernels lus_blend_avx2 = {"avx2", mix, scale, add, weigh1, weigh4};
