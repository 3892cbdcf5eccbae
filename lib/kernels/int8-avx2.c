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

const LusInt8Kernels lus_int8_avx2 = {"avx2", product, LUS_INT8_LOOPS};
