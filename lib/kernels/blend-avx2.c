/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

#include <string.h>

/* In 16 bits, which become vectors: all sums stay below 65536. Compiled with AVX2. */

static inline uint8_t div255(unsigned v)
{
  uint16_t w = (uint16_t)(v + 128);
  return (uint8_t)((uint16_t)(w + (w >> 8)) >> 8);
}

/* mixN() is N samples; mix_endN() are N to 2 N samples, as two blocks that may overlap: both are found before one is written. */
#define MIX(N) \
  typedef uint8_t Bytes##N __attribute__((vector_size(N))); \
  typedef uint16_t Words##N __attribute__((vector_size(2 * N))); \
  static inline Words##N words##N(const uint8_t *p) \
  { \
    Bytes##N bytes; \
    memcpy(&bytes, p, N); \
    return __builtin_convertvector(bytes, Words##N); \
  } \
  static inline Bytes##N mix##N(const uint8_t *d, const uint8_t *s, const uint8_t *a) \
  { \
    Words##N alpha = words##N(a), v = words##N(s) * alpha + words##N(d) * (alpha ^ 255) + 128; \
    return __builtin_convertvector((v + (v >> 8)) >> 8, Bytes##N); \
  } \
  static inline void mix_end##N(uint8_t *d, const uint8_t *s, const uint8_t *a, int n) \
  { \
    int at = n - N; \
    Bytes##N first = mix##N(d, s, a), last = mix##N(d + at, s + at, a + at); \
    memcpy(d, &first, N); \
    memcpy(d + at, &last, N); \
  }
MIX(16)
MIX(8)
MIX(4)

/* Contours are runs of few samples: whole vectors for any length from 4 on. */
static void mix(uint8_t *restrict d, const uint8_t *restrict s, const uint8_t *restrict a, int n)
{
  for (; n > 32; d += 16, s += 16, a += 16, n -= 16) {
    Bytes16 mixed = mix16(d, s, a);
    memcpy(d, &mixed, 16);
  }
  if (n >= 16)
    mix_end16(d, s, a, n);
  else if (n >= 8)
    mix_end8(d, s, a, n);
  else if (n >= 4)
    mix_end4(d, s, a, n);
  else
    for (int i = 0; i < n; i++)
      d[i] = div255((unsigned)(s[i] * a[i] + d[i] * (255 - a[i])));
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
