/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels in GCC/Clang vector extensions. Compiled once per instruction set with LUS_VECTOR_NAME (the table's suffix),
 * LUS_VECTOR_NAME_STRING and LUS_VECTOR_LANES. Each loop runs over whole vectors, then over half ones, then over single
 * floats; the three share one body, a macro of the type. This file includes no header with inline functions: they would
 * be compiled for the wrong CPU. */
#include "kernels/kernels-tables.h"

#define FULL LUS_VECTOR_LANES
#define HALF (LUS_VECTOR_LANES / 2)

/* aligned(4): loads and stores through these types are unaligned ones. */
typedef float full __attribute__((vector_size(FULL * 4), aligned(4), may_alias));
typedef float half __attribute__((vector_size(HALF * 4), aligned(4), may_alias));
typedef int full_mask __attribute__((vector_size(FULL * 4)));
typedef int half_mask __attribute__((vector_size(HALF * 4)));
typedef float single;

#define INLINE static inline __attribute__((always_inline))

#define LOAD(type, p) (*(const type *)(p))
#define STORE(type, p, v) (*(type *)(p) = (v))

/* A vector comparison gives all ones where true; the masks work on the bit patterns. */
INLINE full relu_full(full v)
{
  return (full)((full_mask)v & ~(full_mask)(v < 0));
}

INLINE half relu_half(half v)
{
  return (half)((half_mask)v & ~(half_mask)(v < 0));
}

INLINE single relu_single(single v)
{
  return v < 0 ? 0 : v;
}

/* v where y > 0, else 0 */
INLINE full keep_full(full v, full y)
{
  return (full)((full_mask)v & (full_mask)(y > 0));
}

INLINE half keep_half(half v, half y)
{
  return (half)((half_mask)v & (half_mask)(y > 0));
}

INLINE single keep_single(single v, single y)
{
  return y > 0 ? v : 0;
}

INLINE full larger_full(full x, full y)
{
  full_mask m = (full_mask)(x > y);
  return (full)(((full_mask)x & m) | ((full_mask)y & ~m));
}

INLINE half larger_half(half x, half y)
{
  half_mask m = (half_mask)(x > y);
  return (half)(((half_mask)x & m) | ((half_mask)y & ~m));
}

INLINE single larger_single(single x, single y)
{
  return x > y ? x : y;
}

/* Runs BODY(type) with j at every multiple of the type's lanes that fits into 0..n-1, the widest type first. */
#define FOR_LANES(n, BODY)                                                                                             \
  do {                                                                                                                 \
    size_t j = 0;                                                                                                      \
    for (; j + FULL <= (size_t)(n); j += FULL)                                                                         \
      BODY(full)                                                                                                       \
    for (; j + HALF <= (size_t)(n); j += HALF)                                                                         \
      BODY(half)                                                                                                       \
    for (; j < (size_t)(n); j++)                                                                                       \
      BODY(single)                                                                                                     \
  } while (0)

/* ---- affine ---- */

INLINE void affine_rows(float *y, const float *x, const float *scale, const float *shift, const float *r, int relu,
                        size_t rows, size_t c)
{
  for (size_t i = 0; i < rows; i++, y += c, x += c, r += r ? c : 0) {
#define BODY(type)                                                                                                     \
  {                                                                                                                    \
    type v = LOAD(type, x + j);                                                                                        \
    if (scale)                                                                                                         \
      v *= LOAD(type, scale + j);                                                                                      \
    if (shift)                                                                                                         \
      v += LOAD(type, shift + j);                                                                                      \
    if (r)                                                                                                             \
      v += LOAD(type, r + j);                                                                                          \
    STORE(type, y + j, relu ? relu_##type(v) : v);                                                                     \
  }
    FOR_LANES(c, BODY);
#undef BODY
  }
}

static void affine(float *y, const float *x, const float *scale, const float *shift, const float *r, int relu, size_t rows,
                   int c)
{
  size_t n = (size_t)c;
  if (!scale && !shift) /* no dependence on the channel: one long row */
    affine_rows(y, x, NULL, NULL, r, relu, 1, rows * n);
  else if (scale && shift && !r)
    affine_rows(y, x, scale, shift, NULL, relu, rows, n);
  else if (!scale && !r)
    affine_rows(y, x, NULL, shift, NULL, relu, rows, n);
  else
    affine_rows(y, x, scale, shift, r, relu, rows, n);
}

/* ---- elementwise ---- */

static void relu_backward(float *dy, const float *y, size_t n)
{
#define BODY(type) STORE(type, dy + j, keep_##type(LOAD(type, dy + j), LOAD(type, y + j)));
  FOR_LANES(n, BODY);
#undef BODY
}

static void add_scaled(float *y, float w, const float *x, size_t n)
{
#define BODY(type) STORE(type, y + j, LOAD(type, y + j) + w * LOAD(type, x + j));
  FOR_LANES(n, BODY);
#undef BODY
}

static void maximum(float *y, const float *x, size_t n)
{
#define BODY(type) STORE(type, y + j, larger_##type(LOAD(type, x + j), LOAD(type, y + j)));
  FOR_LANES(n, BODY);
#undef BODY
}

INLINE void lerp_row(float *y, const float *a, const float *b, float w, size_t n)
{
#define BODY(type) STORE(type, y + j, LOAD(type, a + j) + w * (LOAD(type, b + j) - LOAD(type, a + j)));
  FOR_LANES(n, BODY);
#undef BODY
}

static void lerp(float *y, const float *a, const float *b, float w, size_t n)
{
  lerp_row(y, a, b, w, n);
}

/* ---- pixels ---- */

static void lerp_pixels(float *y, const float *x, const int *i0, const int *i1, const float *w, size_t pixels, int c)
{
  size_t n = (size_t)c;
  for (size_t p = 0; p < pixels; p++)
    lerp_row(y + p * n, x + (size_t)i0[p] * n, x + (size_t)i1[p] * n, w[p], n);
}

static void gather_pixels(float *y, const float *x, const int *start, const int *index, const float *weight,
                          int accumulate, size_t pixels, int c)
{
  size_t n = (size_t)c;
  for (size_t p = 0; p < pixels; p++, y += n) {
#define BODY(type)                                                                                                     \
  {                                                                                                                    \
    type v = {0};                                                                                                      \
    if (accumulate)                                                                                                    \
      v = LOAD(type, y + j);                                                                                           \
    for (int k = start[p]; k < start[p + 1]; k++)                                                                      \
      v += weight[k] * LOAD(type, x + (size_t)index[k] * n + j);                                                       \
    STORE(type, y + j, v);                                                                                             \
  }
    FOR_LANES(n, BODY);
#undef BODY
  }
}

/* ---- sums over rows: the sums of one vector of columns stay in registers ---- */

static void column_sum(float *sum, const float *x, size_t rows, int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                                     \
  {                                                                                                                    \
    type s = LOAD(type, sum + j);                                                                                      \
    for (size_t i = 0; i < rows; i++)                                                                                  \
      s += LOAD(type, x + i * n + j);                                                                                  \
    STORE(type, sum + j, s);                                                                                           \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void moments(float *sum, float *square, const float *x, const float *shift, size_t rows, int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                                     \
  {                                                                                                                    \
    type s = LOAD(type, sum + j), q = LOAD(type, square + j), origin = LOAD(type, shift + j);                          \
    for (size_t i = 0; i < rows; i++) {                                                                                \
      type v = LOAD(type, x + i * n + j) - origin;                                                                     \
      s += v;                                                                                                          \
      q += v * v;                                                                                                      \
    }                                                                                                                  \
    STORE(type, sum + j, s);                                                                                           \
    STORE(type, square + j, q);                                                                                        \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void gradient_moments(float *sum, float *product, const float *dy, const float *x, const float *shift, size_t rows,
                             int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                                     \
  {                                                                                                                    \
    type s = LOAD(type, sum + j), q = LOAD(type, product + j), origin = LOAD(type, shift + j);                         \
    for (size_t i = 0; i < rows; i++) {                                                                                \
      type g = LOAD(type, dy + i * n + j);                                                                             \
      s += g;                                                                                                          \
      q += g * (LOAD(type, x + i * n + j) - origin);                                                                   \
    }                                                                                                                  \
    STORE(type, sum + j, s);                                                                                           \
    STORE(type, product + j, q);                                                                                       \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

INLINE void norm_backward_rows(float *dx, const float *dy, const float *x, const float *a, const float *b, const float *d,
                               int accumulate, size_t rows, size_t n)
{
  for (size_t i = 0; i < rows; i++, dx += n, dy += n, x += n) {
#define BODY(type)                                                                                                     \
  {                                                                                                                    \
    type v = LOAD(type, a + j) * LOAD(type, dy + j) + LOAD(type, b + j) * LOAD(type, x + j) + LOAD(type, d + j);       \
    if (accumulate)                                                                                                    \
      v += LOAD(type, dx + j);                                                                                         \
    STORE(type, dx + j, v);                                                                                            \
  }
    FOR_LANES(n, BODY);
#undef BODY
  }
}

static void norm_backward(float *dx, const float *dy, const float *x, const float *a, const float *b, const float *d,
                          int accumulate, size_t rows, int c)
{
  if (accumulate)
    norm_backward_rows(dx, dy, x, a, b, d, 1, rows, (size_t)c);
  else
    norm_backward_rows(dx, dy, x, a, b, d, 0, rows, (size_t)c);
}

const LusKernels LUS_VECTOR_NAME = {
  .name = LUS_VECTOR_NAME_STRING,
  .gemm = lus_gemm_blas,
  .affine = affine,
  .relu_backward = relu_backward,
  .add_scaled = add_scaled,
  .maximum = maximum,
  .lerp = lerp,
  .lerp_pixels = lerp_pixels,
  .gather_pixels = gather_pixels,
  .column_sum = column_sum,
  .moments = moments,
  .gradient_moments = gradient_moments,
  .norm_backward = norm_backward,
};
