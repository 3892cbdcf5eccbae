/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels in GCC/Clang vector extensions. Compiled once per instruction set with
 * LUS_VECTOR_NAME (the table's suffix), LUS_VECTOR_NAME_STRING and LUS_VECTOR_LANES. Each loop runs
 * over whole vectors, then over half ones, then over single floats; the three share one body, a
 * macro of the type. This file includes no header with inline functions: they would be compiled for
 * the wrong CPU. */
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

/* Runs BODY(type) with j at every multiple of the type's lanes that fits into 0..n-1, the widest
 * type first. */
#define FOR_LANES(n, BODY)                                                                         \
  do {                                                                                             \
    size_t j = 0;                                                                                  \
    for (; j + FULL <= (size_t)(n); j += FULL)                                                     \
      BODY(full)                                                                                   \
    for (; j + HALF <= (size_t)(n); j += HALF)                                                     \
      BODY(half)                                                                                   \
    for (; j < (size_t)(n); j++)                                                                   \
      BODY(single)                                                                                 \
  } while (0)

/* ---- affine ---- */

INLINE void affine_rows(float *y, const float *x, const float *scale, const float *shift,
                        const float *r, int relu, size_t rows, size_t c)
{
  for (size_t i = 0; i < rows; i++, y += c, x += c, r += r ? c : 0) {
#define BODY(type)                                                                                 \
  {                                                                                                \
    type v = LOAD(type, x + j);                                                                    \
    if (scale)                                                                                     \
      v *= LOAD(type, scale + j);                                                                  \
    if (shift)                                                                                     \
      v += LOAD(type, shift + j);                                                                  \
    if (r)                                                                                         \
      v += LOAD(type, r + j);                                                                      \
    STORE(type, y + j, relu ? relu_##type(v) : v);                                                 \
  }
    FOR_LANES(c, BODY);
#undef BODY
  }
}

static void affine(float *y, const float *x, const float *scale, const float *shift, const float *r,
                   int relu, size_t rows, int c)
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
#define BODY(type)                                                                                 \
  STORE(type, y + j, LOAD(type, a + j) + w * (LOAD(type, b + j) - LOAD(type, a + j)));
  FOR_LANES(n, BODY);
#undef BODY
}

static void lerp(float *y, const float *a, const float *b, float w, size_t n)
{
  lerp_row(y, a, b, w, n);
}

/* ---- pixels ---- */

static void lerp_pixels(float *y, const float *x, const int *i0, const int *i1, const float *w,
                        size_t pixels, int c)
{
  size_t n = (size_t)c;
  for (size_t p = 0; p < pixels; p++)
    lerp_row(y + p * n, x + (size_t)i0[p] * n, x + (size_t)i1[p] * n, w[p], n);
}

static void gather_pixels(float *y, const float *x, const int *start, const int *index,
                          const float *weight, int accumulate, size_t pixels, int c)
{
  size_t n = (size_t)c;
  for (size_t p = 0; p < pixels; p++, y += n) {
#define BODY(type)                                                                                 \
  {                                                                                                \
    type v = {0};                                                                                  \
    if (accumulate)                                                                                \
      v = LOAD(type, y + j);                                                                       \
    for (int k = start[p]; k < start[p + 1]; k++)                                                  \
      v += weight[k] * LOAD(type, x + (size_t)index[k] * n + j);                                   \
    STORE(type, y + j, v);                                                                         \
  }
    FOR_LANES(n, BODY);
#undef BODY
  }
}

/* ---- sums over rows: the sums of one vector of columns stay in registers ---- */

static void column_sum(float *sum, const float *x, size_t rows, int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                 \
  {                                                                                                \
    type s = LOAD(type, sum + j);                                                                  \
    for (size_t i = 0; i < rows; i++)                                                              \
      s += LOAD(type, x + i * n + j);                                                              \
    STORE(type, sum + j, s);                                                                       \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void moments(float *sum, float *square, const float *x, const float *shift, size_t rows,
                    int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                 \
  {                                                                                                \
    type s = LOAD(type, sum + j), q = LOAD(type, square + j), origin = LOAD(type, shift + j);      \
    for (size_t i = 0; i < rows; i++) {                                                            \
      type v = LOAD(type, x + i * n + j) - origin;                                                 \
      s += v;                                                                                      \
      q += v * v;                                                                                  \
    }                                                                                              \
    STORE(type, sum + j, s);                                                                       \
    STORE(type, square + j, q);                                                                    \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void gradient_moments(float *sum, float *product, const float *dy, const float *x,
                             const float *shift, size_t rows, int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                 \
  {                                                                                                \
    type s = LOAD(type, sum + j), q = LOAD(type, product + j), origin = LOAD(type, shift + j);     \
    for (size_t i = 0; i < rows; i++) {                                                            \
      type g = LOAD(type, dy + i * n + j);                                                         \
      s += g;                                                                                      \
      q += g * (LOAD(type, x + i * n + j) - origin);                                               \
    }                                                                                              \
    STORE(type, sum + j, s);                                                                       \
    STORE(type, product + j, q);                                                                   \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

INLINE void norm_backward_rows(float *dx, const float *dy, const float *x, const float *a,
                               const float *b, const float *d, int accumulate, size_t rows,
                               size_t n)
{
  for (size_t i = 0; i < rows; i++, dx += n, dy += n, x += n) {
#define BODY(type)                                                                                 \
  {                                                                                                \
    type v = LOAD(type, a + j) * LOAD(type, dy + j) + LOAD(type, b + j) * LOAD(type, x + j) +      \
             LOAD(type, d + j);                                                                    \
    if (accumulate)                                                                                \
      v += LOAD(type, dx + j);                                                                     \
    STORE(type, dx + j, v);                                                                        \
  }
    FOR_LANES(n, BODY);
#undef BODY
  }
}

static void norm_backward(float *dx, const float *dy, const float *x, const float *a,
                          const float *b, const float *d, int accumulate, size_t rows, int c)
{
  if (accumulate)
    norm_backward_rows(dx, dy, x, a, b, d, 1, rows, (size_t)c);
  else
    norm_backward_rows(dx, dy, x, a, b, d, 0, rows, (size_t)c);
}

/* ---- product: tiles of C in registers, all rows of A for one block of B's columns at a time ---- */

#define UNROLL _Pragma("GCC unroll 8")
#define FOR_TILE(ROWS, VECTORS)                                                                    \
  UNROLL for (size_t r = 0; r < (ROWS); r++)                                                       \
    UNROLL for (size_t v = 0; v < (VECTORS); v++)

/* C [ROWS][VECTORS vectors] = A [ROWS][k] * B [k][...] */
/* clang-format off */
#define PRODUCT_TILE(name, type, ROWS, VECTORS)                                                    \
  INLINE void name(float *c, const float *a, const float *b, int k, size_t ldc, size_t lda,        \
                   size_t ldb)                                                                     \
  {                                                                                                \
    const size_t lanes = sizeof(type) / sizeof(float);                                             \
    type sum[ROWS][VECTORS];                                                                       \
    FOR_TILE(ROWS, VECTORS)                                                                        \
      sum[r][v] = (type){0};                                                                       \
    for (int l = 0; l < k; l++, b += ldb) {                                                        \
      type row[VECTORS];                                                                           \
      UNROLL for (size_t v = 0; v < VECTORS; v++)                                                  \
        row[v] = LOAD(type, b + v * lanes);                                                        \
      FOR_TILE(ROWS, VECTORS)                                                                      \
        sum[r][v] += a[r * lda + (size_t)l] * row[v];                                              \
    }                                                                                              \
    FOR_TILE(ROWS, VECTORS)                                                                        \
      STORE(type, c + r * ldc + v * lanes, sum[r][v]);                                             \
  }
/* clang-format on */

/* The columns of one block for all m rows: six rows at a time, then three, then one. Not inlined:
 * the registers are for one of these loops at a time. */
#define PRODUCT_COLUMNS(name, type, VECTORS)                                                       \
  PRODUCT_TILE(name##_6, type, 6, VECTORS)                                                         \
  PRODUCT_TILE(name##_3, type, 3, VECTORS)                                                         \
  PRODUCT_TILE(name##_1, type, 1, VECTORS)                                                         \
  static __attribute__((noinline)) void name(float *c, const float *a, const float *b, int m,      \
                                             int k, size_t ldc, size_t lda, size_t ldb)            \
  {                                                                                                \
    int i = 0;                                                                                     \
    for (; i + 6 <= m; i += 6)                                                                     \
      name##_6(c + (size_t)i * ldc, a + (size_t)i * lda, b, k, ldc, lda, ldb);                     \
    for (; i + 3 <= m; i += 3)                                                                     \
      name##_3(c + (size_t)i * ldc, a + (size_t)i * lda, b, k, ldc, lda, ldb);                     \
    for (; i < m; i++)                                                                             \
      name##_1(c + (size_t)i * ldc, a + (size_t)i * lda, b, k, ldc, lda, ldb);                     \
  }

#if LUS_VECTOR_LANES == 16 /* 32 registers */
PRODUCT_COLUMNS(product_4, full, 4)
#endif
PRODUCT_COLUMNS(product_2, full, 2)
PRODUCT_COLUMNS(product_1, full, 1)
PRODUCT_COLUMNS(product_half, half, 1)
PRODUCT_COLUMNS(product_single, single, 1)

static void product(float *c, const float *a, const float *b, int m, int n, int k, int ldc, int lda,
                    int ldb)
{
  int j = 0;
#define COLUMNS(name, width)                                                                       \
  for (; j + (width) <= n; j += (width))                                                           \
  name(c + j, a, b + j, m, k, (size_t)ldc, (size_t)lda, (size_t)ldb)
#if LUS_VECTOR_LANES == 16
  COLUMNS(product_4, 4 * FULL);
#endif
  COLUMNS(product_2, 2 * FULL);
  COLUMNS(product_1, FULL);
  COLUMNS(product_half, HALF);
  COLUMNS(product_single, 1);
#undef COLUMNS
}

/* ---- Winograd F(4x4, 3x3): the matrices of kernels-c.c, common terms computed once ---- */

#define WINOGRAD(type)                                                                             \
  /* B^T */                                                                                        \
  INLINE void input_##type(type *d)                                                                \
  {                                                                                                \
    type a = d[0], b = d[1], c = d[2], e = d[3], f = d[4], g = d[5];                               \
    type p = f - 4 * c, q = e - 4 * b, r = f - c, s = 2 * (e - b);                                 \
    d[0] = 4 * a - 5 * c + f;                                                                      \
    d[1] = p + q;                                                                                  \
    d[2] = p - q;                                                                                  \
    d[3] = r + s;                                                                                  \
    d[4] = r - s;                                                                                  \
    d[5] = 4 * b - 5 * e + g;                                                                      \
  }                                                                                                \
                                                                                                   \
  /* A^T */                                                                                        \
  INLINE void output_##type(type *y, const type *m)                                                \
  {                                                                                                \
    type p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];                       \
    y[0] = m[0] + p + r;                                                                           \
    y[1] = q + 2 * s;                                                                              \
    y[2] = p + 4 * r;                                                                              \
    y[3] = q + 8 * s + m[5];                                                                       \
  }                                                                                                \
                                                                                                   \
  /* G */                                                                                          \
  INLINE void weights_##type(type *u, const type *g)                                               \
  {                                                                                                \
    type p = g[0] + g[2], q = g[0] + 4 * g[2];                                                     \
    u[0] = g[0] * (1.0f / 4);                                                                      \
    u[1] = (p + g[1]) * (-1.0f / 6);                                                               \
    u[2] = (p - g[1]) * (-1.0f / 6);                                                               \
    u[3] = (q + 2 * g[1]) * (1.0f / 24);                                                           \
    u[4] = (q - 2 * g[1]) * (1.0f / 24);                                                           \
    u[5] = g[2];                                                                                   \
  }

WINOGRAD(full)
WINOGRAD(half)
WINOGRAD(single)

static void winograd_weights(float *u, const float *w, size_t plane, size_t n)
{
#define BODY(type)                                                                                 \
  {                                                                                                \
    type half_way[3][6];                                                                           \
    UNROLL for (size_t b = 0; b < 3; b++)                                                          \
    {                                                                                              \
      type column[3] = {LOAD(type, w + b * n + j), LOAD(type, w + (3 + b) * n + j),                \
                        LOAD(type, w + (6 + b) * n + j)};                                          \
      weights_##type(half_way[b], column);                                                         \
    }                                                                                              \
    UNROLL for (size_t i = 0; i < 6; i++)                                                          \
    {                                                                                              \
      type row[3] = {half_way[0][i], half_way[1][i], half_way[2][i]}, out[6];                      \
      weights_##type(out, row);                                                                    \
      UNROLL for (size_t k = 0; k < 6; k++) STORE(type, u + (6 * i + k) * plane + j, out[k]);      \
    }                                                                                              \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void winograd_input(float *v, const float *x, size_t plane, size_t row, int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                 \
  {                                                                                                \
    type d[6][6];                                                                                  \
    UNROLL for (size_t k = 0; k < 6; k++)                                                          \
    {                                                                                              \
      type column[6];                                                                              \
      UNROLL for (size_t i = 0; i < 6; i++) column[i] = LOAD(type, x + i * row + k * n + j);       \
      input_##type(column);                                                                        \
      UNROLL for (size_t i = 0; i < 6; i++) d[i][k] = column[i];                                   \
    }                                                                                              \
    UNROLL for (size_t i = 0; i < 6; i++)                                                          \
    {                                                                                              \
      input_##type(d[i]);                                                                          \
      UNROLL for (size_t k = 0; k < 6; k++) STORE(type, v + (6 * i + k) * plane + j, d[i][k]);     \
    }                                                                                              \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void winograd_output(float *y, const float *m, const float *bias, const float *r, int relu,
                            size_t plane, size_t row, int rows, int columns, int c)
{
  size_t n = (size_t)c;
#define BODY(type)                                                                                 \
  {                                                                                                \
    type d[4][6], shift = {0};                                                                     \
    if (bias)                                                                                      \
      shift = LOAD(type, bias + j);                                                                \
    UNROLL for (size_t k = 0; k < 6; k++)                                                          \
    {                                                                                              \
      type column[6], out[4];                                                                      \
      UNROLL for (size_t i = 0; i < 6; i++) column[i] = LOAD(type, m + (6 * i + k) * plane + j);   \
      output_##type(out, column);                                                                  \
      UNROLL for (size_t i = 0; i < 4; i++) d[i][k] = out[i];                                      \
    }                                                                                              \
    for (size_t i = 0; i < (size_t)rows; i++) {                                                    \
      type out[4];                                                                                 \
      output_##type(out, d[i]);                                                                    \
      for (size_t k = 0; k < (size_t)columns; k++) {                                               \
        type sum = out[k] + shift;                                                                 \
        if (r)                                                                                     \
          sum += LOAD(type, r + i * row + k * n + j);                                              \
        STORE(type, y + i * row + k * n + j, relu ? relu_##type(sum) : sum);                       \
      }                                                                                            \
    }                                                                                              \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

/* ---- depthwise ---- */

#define STRIP 4 /* pixels that share a load of the weights */

static void depthwise(float *y, const float *x, const float *w, const ptrdiff_t *offset,
                      const int *tap, int taps, const float *bias, const float *r, int relu,
                      size_t step, size_t pixels, int c)
{
  size_t n = (size_t)c, whole = pixels - pixels % STRIP;
#define PIXELS(type, first, count)                                                                 \
  {                                                                                                \
    type sum[count];                                                                               \
    UNROLL for (size_t k = 0; k < count; k++) sum[k] = (type){0};                                  \
    for (int t = 0; t < taps; t++) {                                                               \
      type weight = LOAD(type, w + (size_t)tap[t] * n + j);                                        \
      const float *from = x + offset[t] + (first) * step + j;                                      \
      UNROLL for (size_t k = 0; k < count; k++) sum[k] += weight * LOAD(type, from + k * step);    \
    }                                                                                              \
    UNROLL for (size_t k = 0; k < count; k++)                                                      \
    {                                                                                              \
      size_t at = ((first) + k) * n + j;                                                           \
      type v = sum[k];                                                                             \
      if (bias)                                                                                    \
        v += LOAD(type, bias + j);                                                                 \
      if (r)                                                                                       \
        v += LOAD(type, r + at);                                                                   \
      STORE(type, y + at, relu ? relu_##type(v) : v);                                              \
    }                                                                                              \
  }
#define BODY(type)                                                                                 \
  {                                                                                                \
    for (size_t p = 0; p < whole; p += STRIP)                                                      \
      PIXELS(type, p, STRIP)                                                                       \
    for (size_t p = whole; p < pixels; p++)                                                        \
      PIXELS(type, p, 1)                                                                           \
  }
  FOR_LANES(n, BODY);
#undef BODY
#undef PIXELS
}

const LusKernels LUS_VECTOR_NAME = {
    .name = LUS_VECTOR_NAME_STRING,
    .gemm = lus_gemm_blas,
    .product = product,
    .depthwise = depthwise,
    .winograd_weights = winograd_weights,
    .winograd_input = winograd_input,
    .winograd_output = winograd_output,
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
