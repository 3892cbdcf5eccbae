/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vpdpbusd adds four products of unsigned and signed bytes to each of 16 sums, without saturation. Given as assembly,
 * since gcc 12 keeps copies of the accumulators of the intrinsic. */
#include <immintrin.h>

#include "kernels/int8.h"
#include "kernels/int8-finish.h"

#define MAX_PIXELS 13 /* times two accumulators leaves room for two vectors of weights and one of pixels */

/* What 16 outputs from o on have in common, made once for many pixels. Clamping to whole numbers before rounding is clamping
 * behind it, and NaN becomes the least as a float cut to -2^20 does. */
typedef struct {
  int o;
  __mmask16 mask;
  __m512 scale, low, high;         /* of codes less their zero, or of floats */
  __m512 a, b, sum_low, sum_high;
  __m512i zero, r_zero;            /* zero: of what is stored */
} Outputs;

static inline Outputs outputs_from(const LusInt8Finish *f, int o)
{
  Outputs c;
  c.o = o;
  c.mask = (__mmask16)(f->n - o >= 16 ? 0xffff : (1 << (f->n - o)) - 1);
  c.scale = _mm512_maskz_loadu_ps(c.mask, f->scale + o);
  c.low = _mm512_set1_ps(f->codes ? (float)(f->low - f->zero) : f->least);
  c.high = _mm512_set1_ps(f->codes ? (float)(f->high - f->zero) : f->most);
  c.zero = _mm512_set1_epi32(f->r ? f->sum_zero : f->zero);
  c.r_zero = _mm512_set1_epi32(f->r_zero);
  c.a = _mm512_set1_ps(f->a);
  c.b = _mm512_set1_ps(f->b);
  c.sum_low = _mm512_set1_ps((float)(f->sum_low - f->sum_zero));
  c.sum_high = _mm512_set1_ps((float)(255 - f->sum_zero));
  return c;
}

/* Codes of the sums of 16 outputs with those scales, still as wide as the sums. */
static inline __m512i wide_codes(const Outputs *c, __m512 scale, __m512i sums)
{
  __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
  v = _mm512_min_ps(_mm512_max_ps(v, c->low), c->high);
  return _mm512_add_epi32(_mm512_cvtps_epi32(v), c->zero);
}

/* Where there is nothing to add. */
static inline __m128i codes_of(const Outputs *c, __m512i sums)
{
  return _mm512_cvtepi32_epi8(wide_codes(c, c->scale, sums));
}

/* Sums of PIXELS pixels and VECTORS x 16 outputs into @s, or their codes where @s is NULL. */
#define DEFINE_SUMS(PIXELS, VECTORS)                                                              \
  static void sums_##PIXELS##_##VECTORS(int32_t *s, uint8_t *codes, size_t ldy, const Outputs *c, \
                                        const LusInt8Sums *sums, const uint8_t *x)                \
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
    if (s) {                                                                                      \
      _Pragma("GCC unroll 13") for (int p = 0; p < PIXELS; p++)                                   \
        _Pragma("GCC unroll 2") for (int v = 0; v < VECTORS; v++)                                 \
          _mm512_storeu_si512(s + 32 * p + 16 * v, acc[p][v]);                                    \
      return;                                                                                     \
    }                                                                                             \
    _Pragma("GCC unroll 13") for (int p = 0; p < PIXELS; p++)                                     \
      _Pragma("GCC unroll 2") for (int v = 0; v < VECTORS; v++)                                   \
        _mm_storeu_si128((__m128i *)(void *)(codes + (size_t)p * ldy + 16 * v),                   \
                         codes_of(&c[v], acc[p][v]));                                             \
  }
#define DEFINE_BOTH(PIXELS) DEFINE_SUMS(PIXELS, 1) DEFINE_SUMS(PIXELS, 2)

DEFINE_BOTH(1) DEFINE_BOTH(2) DEFINE_BOTH(3) DEFINE_BOTH(4) DEFINE_BOTH(5) DEFINE_BOTH(6) DEFINE_BOTH(7)
DEFINE_BOTH(8) DEFINE_BOTH(9) DEFINE_BOTH(10) DEFINE_BOTH(11) DEFINE_BOTH(12) DEFINE_BOTH(13)

typedef void (*SumsFunc)(int32_t *s, uint8_t *codes, size_t ldy, const Outputs *c, const LusInt8Sums *sums, const uint8_t *x);

#define BOTH(PIXELS) {sums_##PIXELS##_1, sums_##PIXELS##_2}
static const SumsFunc sum_functions[MAX_PIXELS][2] = {BOTH(1),  BOTH(2),  BOTH(3),  BOTH(4), BOTH(5),
                                                      BOTH(6),  BOTH(7),  BOTH(8),  BOTH(9), BOTH(10),
                                                      BOTH(11), BOTH(12), BOTH(13)};

/* Where the codes @r are added. */
static inline __m128i codes_with(const Outputs *c, __m512i sums, __m128i r)
{
  __m512 other = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_cvtepu8_epi32(r), c->r_zero)), c->b);
  __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), c->scale);
  v = _mm512_roundscale_ps(_mm512_min_ps(_mm512_max_ps(v, c->low), c->high), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  v = _mm512_add_ps(_mm512_mul_ps(v, c->a), other);
  v = _mm512_min_ps(_mm512_max_ps(v, c->sum_low), c->sum_high);
  return _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(v), c->zero));
}

/* Of pixel p. */
static inline void finish16(const LusInt8Finish *f, const Outputs *c, __m512i sums, size_t p)
{
  size_t at = p * f->ldy + (size_t)c->o, r_at = (p >> f->r_half) * f->ldr + (size_t)c->o;
  if (f->codes) {
    __m128i codes = f->r ? codes_with(c, sums, _mm_maskz_loadu_epi8(c->mask, f->r + r_at)) : codes_of(c, sums);
    _mm_mask_storeu_epi8(f->codes + at, c->mask, codes);
    return;
  }
  __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), c->scale);
  if (f->r_floats)
    v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(c->mask, f->r_floats + r_at));
  v = _mm512_min_ps(c->high, _mm512_max_ps(c->low, v)); /* of NaN the second: it stays */
  _mm512_mask_storeu_ps(f->floats + at, c->mask, v);
}

/* 16 outputs of @n pixels from @first on, whose sums are 32 apart. */
static void finish_pixels(const LusInt8Finish *f, const Outputs *outputs, const int32_t *s, size_t first, int n)
{
  const Outputs c = *outputs;
  if (f->codes && f->r && c.mask == 0xffff) {
    const uint8_t *r = f->r + c.o;
    uint8_t *codes = f->codes + first * f->ldy + (size_t)c.o;
    size_t ldy = f->ldy, ldr = f->ldr;
    int half = f->r_half;
    for (size_t p = first; p < first + (size_t)n; p++, s += 32, codes += ldy) {
      const __m128i *other = (const __m128i *)(const void *)(r + (p >> half) * ldr);
      _mm_storeu_si128((__m128i *)(void *)codes, codes_with(&c, _mm512_load_si512(s), _mm_loadu_si128(other)));
    }
    return;
  }
  for (int p = 0; p < n; p++)
    finish16(f, &c, _mm512_load_si512(s + 32 * p), first + (size_t)p);
}

/* The pixels in turns of equal size, so that none is short. */
static void product(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  int32_t s[MAX_PIXELS * 32] __attribute__((aligned(64)));
  const LusInt8Finish f = *finish; /* what is stored cannot be this copy */
  const Outputs outputs[2] = {outputs_from(&f, 0), outputs_from(&f, f.n > 16 ? 16 : 0)};
  int whole = f.codes && !f.r && f.n == sums->width;
  int turns = (pixels + MAX_PIXELS - 1) / MAX_PIXELS;
  for (int turn = 0; turn < turns; turn++) {
    int first = pixels * turn / turns, n = pixels * (turn + 1) / turns - first;
    SumsFunc function = sum_functions[n - 1][sums->width / 32];
    function(whole ? NULL : s, whole ? f.codes + (size_t)first * f.ldy : NULL, f.ldy, outputs, sums,
             sums->x + (size_t)first * sums->step);
    for (int v = 0; !whole && 16 * v < f.n; v++)
      finish_pixels(&f, &outputs[v], s + 16 * v, (size_t)first, n);
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
  const LusInt8Finish f = *finish;
  const Outputs c = outputs_from(&f, first);
  const __mmask16 mask = c.mask;
  int n = f.n, quads = (sums->taps + 3) / 4;
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
    finish16(&f, &c, acc, (size_t)p);
  }
}

/* Four rows of 64 bytes, four bytes of each channel side by side: of 16 channels in a lane, four after four. */
static inline void interleave64(__m512i four[4], const __m512i row[4])
{
  __m512i low = _mm512_unpacklo_epi8(row[0], row[1]), high = _mm512_unpackhi_epi8(row[0], row[1]);
  __m512i other_low = _mm512_unpacklo_epi8(row[2], row[3]), other_high = _mm512_unpackhi_epi8(row[2], row[3]);
  four[0] = _mm512_unpacklo_epi16(low, other_low);
  four[1] = _mm512_unpackhi_epi16(low, other_low);
  four[2] = _mm512_unpacklo_epi16(high, other_high);
  four[3] = _mm512_unpackhi_epi16(high, other_high);
}

/* 32-bit values of up to 64 channels in that order. */
static inline void load64(__m512i to[4], const void *values, int n)
{
  int32_t all[64] __attribute__((aligned(64))) = {0};
  memcpy(all, values, (size_t)n * sizeof *all);
  for (int j = 0; j < 4; j++)
    to[j] = _mm512_inserti32x4(
        _mm512_inserti32x4(_mm512_inserti32x4(_mm512_castsi128_si512(_mm_load_si128((const __m128i *)(void *)(all + 4 * j))),
                                              _mm_load_si128((const __m128i *)(void *)(all + 16 + 4 * j)), 1),
                           _mm_load_si128((const __m128i *)(void *)(all + 32 + 4 * j)), 2),
        _mm_load_si128((const __m128i *)(void *)(all + 48 + 4 * j)), 3);
}

/* All pixels of up to 64 channels from @first on, as codes without anything to add. */
static void depthwise64(const LusInt8Sums *sums, const LusInt8Finish *f, int pixels, int first)
{
  __m512i w[MAX_QUADS][4], row[4], bias[4], scale[4], four[4];
  int n = f->n - first < 64 ? f->n - first : 64, quads = (sums->taps + 3) / 4;
  const __mmask64 mask = n < 64 ? ((__mmask64)1 << n) - 1 : ~(__mmask64)0;
  ptrdiff_t offset[4 * MAX_QUADS];
  for (int i = 0; i < quads; i++) {
    for (int t = 4 * i; t < 4 * i + 4; t++) {
      row[t % 4] = _mm512_maskz_loadu_epi8(t < sums->taps ? mask : 0, sums->w + (t < sums->taps ? t * f->n + first : 0));
      offset[t] = sums->offset[t < sums->taps ? t : 0] + first;
    }
    interleave64(w[i], row);
  }
  load64(bias, sums->bias + first, n);
  load64(scale, f->scale + first, n);
  const Outputs c = outputs_from(f, first); /* of the limits */
  for (int p = 0; p < pixels; p++) {
    const uint8_t *x = sums->x + (size_t)p * sums->step;
    __m512i acc[4] = {bias[0], bias[1], bias[2], bias[3]};
    for (int i = 0; i < quads; i++) {
      _Pragma("GCC unroll 4") for (int t = 0; t < 4; t++)
        row[t] = _mm512_maskz_loadu_epi8(mask, x + offset[4 * i + t]);
      interleave64(four, row);
      _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
        __asm__("vpdpbusd %1, %2, %0" : "+v"(acc[j]) : "v"(w[i][j]), "v"(four[j]));
    }
    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
      acc[j] = wide_codes(&c, _mm512_castsi512_ps(scale[j]), acc[j]);
    __m512i words = _mm512_packs_epi32(acc[0], acc[1]), others = _mm512_packs_epi32(acc[2], acc[3]);
    _mm512_mask_storeu_epi8(f->codes + (size_t)p * f->ldy + (size_t)first, mask, _mm512_packus_epi16(words, others));
  }
}

static void depthwise(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels)
{
  const LusInt8Finish f = *finish;
  int first = 0;
  for (; f.codes && !f.r && first + 16 < f.n; first += 64)
    depthwise64(sums, &f, pixels, first);
  for (; first < f.n; first += 16)
    depthwise16(sums, &f, pixels, first);
}

const LusInt8Kernels lus_int8_vnni = {"vnni", product, depthwise, LUS_INT8_LOOPS};
