/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vpmaddubsw would saturate, so bytes are widened and multiplied by vpmaddwd, whose sums of two products are exact: an
 * accumulator holds four outputs, each as two partial sums. */
#include <immintrin.h>

#include "kernels/int8.h"
#include "kernels/int8-finish.h"

#define PIXELS 4

/* Outputs o..o+7 of up to PIXELS pixels: s[p][0..7]. */
static void sum8(int32_t (*s)[8], const LusInt8Sums *sums, int first, int n, int o)
{
  __m256i acc[PIXELS][2];
  for (int p = 0; p < PIXELS; p++)
    acc[p][0] = acc[p][1] = _mm256_setzero_si256();
  const uint8_t *x[PIXELS];
  const int8_t *w = sums->w + 4 * (size_t)o;
  for (int t = 0; t < sums->taps; t++) {
    for (int p = 0; p < PIXELS; p++)
      x[p] = sums->x + (size_t)(first + (p < n ? p : 0)) * sums->step + sums->offset[t];
    for (int k = 0; k < sums->run; k += 4, w += 4 * (size_t)sums->width) {
      __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
      __m256i w1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(w + 16)));
      for (int p = 0; p < PIXELS; p++) {
        int32_t four;
        memcpy(&four, x[p] + k, sizeof four);
        __m256i v = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
        acc[p][0] = _mm256_add_epi32(acc[p][0], _mm256_madd_epi16(v, w0));
        acc[p][1] = _mm256_add_epi32(acc[p][1], _mm256_madd_epi16(v, w1));
      }
    }
  }
  __m256i bias = _mm256_loadu_si256((const __m256i *)(const void *)(sums->bias + o));
  for (int p = 0; p < PIXELS; p++) {
    __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[p][0], acc[p][1]), 0xd8);
    _mm256_storeu_si256((__m256i *)(void *)s[p], _mm256_add_epi32(sum, bias));
  }
}

static void product(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  int32_t s[PIXELS][8];
  for (int first = 0; first < pixels; first += PIXELS) {
    int n = pixels - first < PIXELS ? pixels - first : PIXELS;
    for (int o = 0; o < finish->n; o += 8) {
      sum8(s, sums, first, n, o);
      for (int p = 0; p < n; p++)
        for (int i = 0; i < 8 && o + i < finish->n; i++)
          lus_int8_finish(finish, s[p][i], (size_t)(first + p), o + i);
    }
  }
}

/* Eight codes as bytes in the low half. */
static __m128i pack(__m256i q, int low)
{
  q = _mm256_max_epi32(q, _mm256_set1_epi32(low));
  q = _mm256_min_epi32(q, _mm256_set1_epi32(255));
  __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  return _mm_packus_epi16(words, words);
}

static __m256i rounded(__m256 v)
{
  v = _mm256_max_ps(v, _mm256_set1_ps(-LUS_INT8_CUT));
  return _mm256_cvtps_epi32(_mm256_min_ps(v, _mm256_set1_ps(LUS_INT8_CUT)));
}

static void quantize(uint8_t *q, const float *x, float step, int zero, int low, size_t n)
{
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i v = rounded(_mm256_div_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(step)));
    _mm_storel_epi64((__m128i *)(void *)(q + i), pack(_mm256_add_epi32(v, _mm256_set1_epi32(zero)), low));
  }
  for (; i < n; i++)
    q[i] = (uint8_t)lus_int8_clamp(lus_int8_round(x[i] / step) + zero, low);
}

static void dequantize(float *x, const uint8_t *q, float step, int zero, size_t n)
{
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(q + i)));
    v = _mm256_sub_epi32(v, _mm256_set1_epi32(zero));
    _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_cvtepi32_ps(v), _mm256_set1_ps(step)));
  }
  for (; i < n; i++)
    x[i] = (float)(q[i] - zero) * step;
}

const LusInt8Kernels lus_int8_avx2 = {"avx2", product, quantize, dequantize};
