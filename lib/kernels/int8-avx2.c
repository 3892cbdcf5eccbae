/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vpmaddubsw would saturate, so bytes are widened and multiplied by vpmaddwd, whose sums of two products are exact: an
 * accumulator holds four outputs, each as two partial sums. The pixels are widened once for all outputs, as many of their
 * bytes at a time as stay in the L1 cache. */
#include <immintrin.h>

#include "kernels/int8.h"
#include "kernels/int8-finish.h"

#define MAX_PIXELS 6 /* times two accumulators leaves room for two vectors of weights, one of pixels, one of products */
#define CHUNK 1024   /* bytes of a pixel */
#define PITCH (CHUNK + 32)

static inline __m256i widen_weights(const int8_t *w)
{
  return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)w));
}

/* The sum is given as assembly in its order, since gcc 12 keeps copies of the accumulators and loads all pixels first. */
static inline void add_products(__m256i *sum, __m256i x, __m256i w)
{
  __m256i products = _mm256_madd_epi16(x, w);
  __asm__ volatile("vpaddd %1, %0, %0" : "+x"(*sum) : "x"(products));
}

/* s[32 p + 0..7] += the sums over n bytes of PIXELS pixels. */
#define DEFINE_SUMS(PIXELS)                                                                                      \
  static void sums_##PIXELS(int32_t *s, const int16_t *x, const int8_t *w, size_t pitch, int n)                  \
  {                                                                                                              \
    __m256i acc[PIXELS][2];                                                                                      \
    _Pragma("GCC unroll 6") for (int p = 0; p < PIXELS; p++)                                                     \
      acc[p][0] = acc[p][1] = _mm256_setzero_si256();                                                            \
    for (const int16_t *end = x + n; x < end; x += 4, w += pitch) {                                              \
      __m256i w0 = widen_weights(w), w1 = widen_weights(w + 16);                                                 \
      _Pragma("GCC unroll 6") for (int p = 0; p < PIXELS; p++) {                                                 \
        __m256i v = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(const void *)(x + PITCH * p)));    \
        add_products(&acc[p][0], v, w0);                                                                         \
        add_products(&acc[p][1], v, w1);                                                                         \
      }                                                                                                          \
    }                                                                                                            \
    _Pragma("GCC unroll 6") for (int p = 0; p < PIXELS; p++) {                                                   \
      __m256i *to = (__m256i *)(void *)(s + LUS_INT8_WIDTH * p);                                                 \
      __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[p][0], acc[p][1]), 0xd8);                     \
      _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), sum));                                    \
    }                                                                                                            \
  }

DEFINE_SUMS(1) DEFINE_SUMS(2) DEFINE_SUMS(3) DEFINE_SUMS(4) DEFINE_SUMS(5) DEFINE_SUMS(6)

typedef void (*SumsFunc)(int32_t *s, const int16_t *x, const int8_t *w, size_t pitch, int n);
static const SumsFunc sum_functions[MAX_PIXELS] = {sums_1, sums_2, sums_3, sums_4, sums_5, sums_6};

static void widen(int16_t *to, const uint8_t *from, int n)
{
  int k = 0;
  for (; k + 16 <= n; k += 16)
    _mm256_storeu_si256((__m256i *)(void *)(to + k),
                        _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(from + k))));
  for (; k < n; k++)
    to[k] = from[k];
}

/* Up to CHUNK bytes of each of @n pixels from byte @k of tap @t on, which move on; returns how many. */
static int gather(int16_t *to, const LusInt8Sums *sums, const uint8_t *x, int n, int *t, int *k)
{
  int length = 0;
  while (*t < sums->taps && length < CHUNK) {
    int part = sums->run - *k < CHUNK - length ? sums->run - *k : CHUNK - length;
    for (int p = 0; p < n; p++)
      widen(to + PITCH * p + length, x + (size_t)p * sums->step + sums->offset[*t] + *k, part);
    length += part;
    *k += part;
    if (*k == sums->run) {
      *k = 0;
      ++*t;
    }
  }
  return length;
}

/* s[32 p + o] of @n pixels. */
static void sum_pixels(int32_t *s, const LusInt8Sums *sums, const uint8_t *x, int n, int outputs)
{
  int16_t wide[MAX_PIXELS * PITCH] __attribute__((aligned(32)));
  const int8_t *w = sums->w;
  for (int p = 0; p < n; p++)
    memcpy(s + LUS_INT8_WIDTH * p, sums->bias, (size_t)sums->width * sizeof *s);
  for (int t = 0, k = 0; t < sums->taps;) {
    int length = gather(wide, sums, x, n, &t, &k);
    for (int o = 0; o < outputs; o += 8)
      sum_functions[n - 1](s + o, wide, w + 4 * o, 4 * (size_t)sums->width, length);
    w += (size_t)length * (size_t)sums->width;
  }
}

static inline __m256i rounded(__m256 v)
{
  v = _mm256_max_ps(v, _mm256_set1_ps(-LUS_INT8_CUT));
  return _mm256_cvtps_epi32(_mm256_min_ps(v, _mm256_set1_ps(LUS_INT8_CUT)));
}

static inline __m256i clamped(__m256i q, int low, int high)
{
  q = _mm256_max_epi32(q, _mm256_set1_epi32(low));
  return _mm256_min_epi32(q, _mm256_set1_epi32(high));
}

/* (q - zero) as floats */
static inline __m256 centred(__m256i q, int zero)
{
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(q, _mm256_set1_epi32(zero)));
}

static inline __m256i load_codes(const uint8_t *q)
{
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)q));
}

static inline void store_codes(uint8_t *codes, __m256i q)
{
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64((__m128i *)(void *)codes, _mm_packus_epi16(words, words));
}

/* Eight outputs from o on of pixel p. */
static inline void finish8(const LusInt8Finish *f, __m256i sums, size_t p, int o)
{
  __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(f->scale + o));
  size_t at = p * f->ldy + (size_t)o, r_at = (p >> f->r_half) * f->ldr + (size_t)o;
  if (f->codes) {
    __m256i q = clamped(_mm256_add_epi32(rounded(v), _mm256_set1_epi32(f->zero)), f->low, f->high);
    if (f->r) {
      __m256 sum = _mm256_mul_ps(centred(q, f->zero), _mm256_set1_ps(f->a));
      __m256 other = _mm256_mul_ps(centred(load_codes(f->r + r_at), f->r_zero), _mm256_set1_ps(f->b));
      q = rounded(_mm256_add_ps(sum, other));
      q = clamped(_mm256_add_epi32(q, _mm256_set1_epi32(f->sum_zero)), f->sum_low, 255);
    }
    store_codes(f->codes + at, q);
    return;
  }
  if (f->r_floats)
    v = _mm256_add_ps(v, _mm256_loadu_ps(f->r_floats + r_at));
  v = _mm256_max_ps(_mm256_set1_ps(f->least), v); /* of NaN the second: it stays */
  v = _mm256_min_ps(_mm256_set1_ps(f->most), v);
  _mm256_storeu_ps(f->floats + at, v);
}

static void finish_pixel(const LusInt8Finish *f, const int32_t *s, size_t p)
{
  int o = 0;
  for (; o + 8 <= f->n; o += 8)
    finish8(f, _mm256_loadu_si256((const __m256i *)(const void *)(s + o)), p, o);
  for (; o < f->n; o++)
    lus_int8_finish(f, s[o], p, o);
}

/* The pixels in turns of equal size, so that none is short. */
static void product(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  int32_t s[MAX_PIXELS * LUS_INT8_WIDTH];
  int turns = (pixels + MAX_PIXELS - 1) / MAX_PIXELS;
  for (int turn = 0; turn < turns; turn++) {
    int first = pixels * turn / turns, n = pixels * (turn + 1) / turns - first;
    sum_pixels(s, sums, sums->x + (size_t)first * sums->step, n, finish->n);
    for (int p = 0; p < n; p++)
      finish_pixel(finish, s + LUS_INT8_WIDTH * p, (size_t)(first + p));
  }
}

/* ---- depthwise ---- */

#define MAX_PAIRS (LUS_INT8_DEPTHWISE_TAPS / 2)

/* Two taps side by side, of channels 0-3 and 8-11, and of the others. */
static inline void interleave(__m256i pair[2], __m256i a, __m256i b)
{
  pair[0] = _mm256_unpacklo_epi16(a, b);
  pair[1] = _mm256_unpackhi_epi16(a, b);
}

static inline __m256i load_bytes(const uint8_t *x)
{
  return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)x));
}

/* The weights of 16 channels from @first on, by pairs of taps; an odd one has zeros beside it. */
static void pair_weights(__m256i w[MAX_PAIRS][2], const LusInt8Sums *sums, int n, int first)
{
  for (int t = 0; t < sums->taps; t += 2) {
    const int8_t *from = sums->w + t * n + first;
    __m256i a = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from)), b = _mm256_setzero_si256();
    if (t + 1 < sums->taps)
      b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(from + n)));
    interleave(w[t / 2], a, b);
  }
}

/* All pixels of 16 channels from @first on. */
static void depthwise16(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels, int first)
{
  __m256i w[MAX_PAIRS][2];
  int pairs = (sums->taps + 1) / 2, last = sums->taps - 1;
  const __m256i *bias = (const __m256i *)(const void *)(sums->bias + first);
  pair_weights(w, sums, finish->n, first);
  for (int p = 0; p < pixels; p++) {
    const uint8_t *x = sums->x + (size_t)p * sums->step + first;
    __m256i acc[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, pair[2];
    for (int i = 0; i < pairs; i++) {
      int other = 2 * i + 1 < last ? 2 * i + 1 : last;
      interleave(pair, load_bytes(x + sums->offset[2 * i]), load_bytes(x + sums->offset[other]));
      acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(pair[0], w[i][0]));
      acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(pair[1], w[i][1]));
    }
    __m256i low = _mm256_permute2x128_si256(acc[0], acc[1], 0x20);
    __m256i high = _mm256_permute2x128_si256(acc[0], acc[1], 0x31);
    finish8(finish, _mm256_add_epi32(low, _mm256_loadu_si256(bias)), (size_t)p, first);
    finish8(finish, _mm256_add_epi32(high, _mm256_loadu_si256(bias + 1)), (size_t)p, first + 8);
  }
}

/* The last channels are done twice where they are no multiple of 16. */
static void depthwise(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  if (finish->n < 16) {
    lus_int8_depthwise(sums, finish, pixels, 0);
    return;
  }
  for (int first = 0; first < finish->n; first += 16)
    depthwise16(sums, finish, pixels, first < finish->n - 16 ? first : finish->n - 16);
}

const LusInt8Kernels lus_int8_avx2 = {"avx2", product, depthwise, LUS_INT8_LOOPS};
