/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vpdpbusd adds four products of unsigned and signed bytes to each of 16 sums, without saturation. Given as assembly,
 * since gcc 12 keeps copies of the accumulators of the intrinsic. */
#include <immintrin.h>

#include "kernels/int8.h"
#include "kernels/int8-finish.h"

#define MAX_PIXELS 13 /* times two accumulators leaves room for two vectors of weights and one of pixels */

/* Sums of PIXELS pixels and VECTORS x 16 outputs. */
#define DEFINE_SUMS(PIXELS, VECTORS)                                                              \
  static void sums_##PIXELS##_##VECTORS(int32_t *s, const LusInt8Sums *sums, const uint8_t *x)    \
  {                                                                                               \
    __m512i acc[PIXELS][VECTORS];                                                                 \
    const int8_t *w = sums->w;                                                                    \
    size_t step = sums->step;                                                                     \
    _Pragma("GCC unroll 13") for (int p = 0; p < PIXELS; p++)                                     \
      _Pragma("GCC unroll 2") for (int v = 0; v < VECTORS; v++)                                   \
        acc[p][v] = _mm512_loadu_si512(sums->bias + 16 * v);                                      \
    for (int t = 0; t < sums->taps; t++) {                                                        \
      const uint8_t *from = x + sums->offset[t], *end = from + sums->run;                         \
      for (; from < end; from += 4, w += 64 * VECTORS) {                                          \
        __m512i weights[VECTORS];                                                                 \
        _Pragma("GCC unroll 2") for (int v = 0; v < VECTORS; v++)                                 \
          weights[v] = _mm512_load_si512(w + 64 * v);                                             \
        _Pragma("GCC unroll 13") for (int p = 0; p < PIXELS; p++) {                               \
          int32_t four;                                                                           \
          memcpy(&four, from + (size_t)p * step, sizeof four);                                    \
          __m512i pixel = _mm512_set1_epi32(four);                                                \
          _Pragma("GCC unroll 2") for (int v = 0; v < VECTORS; v++)                               \
            __asm__("vpdpbusd %1, %2, %0" : "+v"(acc[p][v]) : "v"(weights[v]), "v"(pixel));       \
        }                                                                                         \
      }                                                                                           \
    }                                                                                             \
    _Pragma("GCC unroll 13") for (int p = 0; p < PIXELS; p++)                                     \
      _Pragma("GCC unroll 2") for (int v = 0; v < VECTORS; v++)                                   \
        _mm512_storeu_si512(s + 32 * p + 16 * v, acc[p][v]);                                      \
  }
#define DEFINE_BOTH(PIXELS) DEFINE_SUMS(PIXELS, 1) DEFINE_SUMS(PIXELS, 2)

DEFINE_BOTH(1) DEFINE_BOTH(2) DEFINE_BOTH(3) DEFINE_BOTH(4) DEFINE_BOTH(5) DEFINE_BOTH(6) DEFINE_BOTH(7)
DEFINE_BOTH(8) DEFINE_BOTH(9) DEFINE_BOTH(10) DEFINE_BOTH(11) DEFINE_BOTH(12) DEFINE_BOTH(13)

typedef void (*SumsFunc)(int32_t *s, const LusInt8Sums *sums, const uint8_t *x);

#define BOTH(PIXELS) {sums_##PIXELS##_1, sums_##PIXELS##_2}
static const SumsFunc sum_functions[MAX_PIXELS][2] = {BOTH(1),  BOTH(2),  BOTH(3),  BOTH(4), BOTH(5),
                                                      BOTH(6),  BOTH(7),  BOTH(8),  BOTH(9), BOTH(10),
                                                      BOTH(11), BOTH(12), BOTH(13)};

static __m512i rounded(__m512 v)
{
  v = _mm512_max_ps(v, _mm512_set1_ps(-LUS_INT8_CUT));
  return _mm512_cvtps_epi32(_mm512_min_ps(v, _mm512_set1_ps(LUS_INT8_CUT)));
}

static __m512i clamped(__m512i q, int low, int high)
{
  q = _mm512_max_epi32(q, _mm512_set1_epi32(low));
  return _mm512_min_epi32(q, _mm512_set1_epi32(high));
}

/* (q - zero) as floats */
static __m512 centred(__m512i q, int zero)
{
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(q, _mm512_set1_epi32(zero)));
}

static __m512i load_codes(const uint8_t *q, __mmask16 mask)
{
  return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, q));
}

/* Up to 16 outputs from o on of pixel p. */
static inline void finish16(const LusInt8Finish *f, __m512i sums, size_t p, int o)
{
  __mmask16 mask = (__mmask16)(f->n - o >= 16 ? 0xffff : (1 << (f->n - o)) - 1);
  __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_maskz_loadu_ps(mask, f->scale + o));
  size_t at = p * f->ldy + (size_t)o, r_at = (p >> f->r_half) * f->ldr + (size_t)o;
  if (f->codes) {
    __m512i q = clamped(_mm512_add_epi32(rounded(v), _mm512_set1_epi32(f->zero)), f->low, f->high);
    if (f->r) {
      __m512 sum = _mm512_mul_ps(centred(q, f->zero), _mm512_set1_ps(f->a));
      __m512 other = _mm512_mul_ps(centred(load_codes(f->r + r_at, mask), f->r_zero), _mm512_set1_ps(f->b));
      q = rounded(_mm512_add_ps(sum, other));
      q = clamped(_mm512_add_epi32(q, _mm512_set1_epi32(f->sum_zero)), f->sum_low, 255);
    }
    _mm_mask_storeu_epi8(f->codes + at, mask, _mm512_cvtepi32_epi8(q));
    return;
  }
  if (f->r_floats)
    v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, f->r_floats + r_at));
  v = _mm512_max_ps(_mm512_set1_ps(f->least), v); /* of NaN the second: it stays */
  v = _mm512_min_ps(_mm512_set1_ps(f->most), v);
  _mm512_mask_storeu_ps(f->floats + at, mask, v);
}

/* The pixels in turns of equal size, so that none is short. */
static void product(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  int32_t s[MAX_PIXELS * 32] __attribute__((aligned(64)));
  int turns = (pixels + MAX_PIXELS - 1) / MAX_PIXELS;
  for (int turn = 0; turn < turns; turn++) {
    int first = pixels * turn / turns, n = pixels * (turn + 1) / turns - first;
    sum_functions[n - 1][sums->width / 32](s, sums, sums->x + (size_t)first * sums->step);
    for (int p = 0; p < n; p++)
      for (int o = 0; o < finish->n; o += 16)
        finish16(finish, _mm512_load_si512(s + 32 * p + o), (size_t)(first + p), o);
  }
}

/* ---- depthwise ---- */

#define MAX_QUADS (LUS_INT8_DEPTHWISE_TAPS / 4)

/* Four rows of 16 bytes: byte 4 k + t is byte k of row t. */
static inline __m512i interleave(const __m128i row[4])
{
  const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  __m512i rows = _mm512_castsi128_si512(row[0]);
  rows = _mm512_inserti32x4(rows, row[1], 1);
  rows = _mm512_inserti32x4(rows, row[2], 2);
  rows = _mm512_inserti32x4(rows, row[3], 3);
  return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, rows), bytes);
}

/* All pixels of up to 16 channels from @first on. Taps that are missing in the last four have weights of zero. */
static void depthwise16(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels, int first)
{
  __m512i w[MAX_QUADS];
  __m128i row[4];
  int n = finish->n, quads = (sums->taps + 3) / 4;
  __mmask16 mask = (__mmask16)(n - first >= 16 ? 0xffff : (1 << (n - first)) - 1);
  for (int i = 0; i < quads; i++) {
    for (int t = 4 * i; t < 4 * i + 4; t++)
      row[t % 4] = _mm_maskz_loadu_epi8(t < sums->taps ? mask : 0, sums->w + (t < sums->taps ? t * n + first : 0));
    w[i] = interleave(row);
  }
  __m512i bias = _mm512_maskz_loadu_epi32(mask, sums->bias + first);
  for (int p = 0; p < pixels; p++) {
    const uint8_t *x = sums->x + (size_t)p * sums->step + first;
    __m512i acc = bias;
    for (int i = 0; i < quads; i++) {
      for (int t = 4 * i; t < 4 * i + 4; t++)
        row[t % 4] = _mm_maskz_loadu_epi8(mask, x + sums->offset[t < sums->taps ? t : 0]);
      __m512i four = interleave(row);
      __asm__("vpdpbusd %1, %2, %0" : "+v"(acc) : "v"(w[i]), "v"(four));
    }
    finish16(finish, acc, (size_t)p, first);
  }
}

static void depthwise(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  for (int first = 0; first < finish->n; first += 16)
    depthwise16(sums, finish, pixels, first);
}

const LusInt8Kernels lus_int8_vnni = {"vnni", product, depthwise, LUS_INT8_LOOPS};
