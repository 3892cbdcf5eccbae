/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels in GCC/Clang vector extensions. Compiled once per instruction set with
 * LUS_VECTOR_NAME (the table's suffix), LUS_VECTOR_NAME_STRING and LUS_VECTOR_LANES. Each loop runs
 * over whole vectors, then over half ones, quarters of long ones, then single floats; all share one body,
 * a macro of the type. This file includes no header with inline functions: they would be compiled for
 * the wrong CPU. */
#include "kernels/kernels-tables.h"

#define FULL LUS_VECTOR_LANES
#define HALF (LUS_VECTOR_LANES / 2)

/* aligned(4): loads and stores through these types are unaligned ones. */
typedef float full __attribute__((vector_size(FULL * 4), aligned(4), may_alias));
typedef float half __attribute__((vector_size(HALF * 4), aligned(4), may_alias));
typedef int full_mask __attribute__((vector_size(FULL * 4)));
typedef int half_mask __attribute__((vector_size(HALF * 4)));
#define HAS_QUARTER (LUS_VECTOR_LANES == 16) /* four classes are common */
#if HAS_QUARTER
typedef float quarter __attribute__((vector_size(FULL), aligned(4), may_alias));
typedef int quarter_mask __attribute__((vector_size(FULL)));
#define FOR_QUARTER(n, BODY)                                                                       \
  for (; j + FULL / 4 <= (size_t)(n); j += FULL / 4)                                               \
    BODY(quarter)
#else
#define FOR_QUARTER(n, BODY)
#endif
typedef float single;

#define INLINE static inline __attribute__((always_inline))

#define LOAD(type, p) (*(const type *)(p))
#define STORE(type, p, v) (*(type *)(p) = (v))

/* A vector comparison gives all ones where true; the masks work on the bit patterns. */
#define VECTOR_HELPERS(type, mask)                                                                 \
  INLINE type relu_##type(type v)                                                                  \
  {                                                                                                \
    return (type)((mask)v & ~(mask)(v < 0));                                                       \
  }                                                                                                \
                                                                                                   \
  /* v where y > 0, else 0 */                                                                      \
  INLINE type keep_##type(type v, type y)                                                          \
  {                                                                                                \
    return (type)((mask)v & (mask)(y > 0));                                                        \
  }                                                                                                \
                                                                                                   \
  /* v where x equals y, else 0 */                                                                 \
  INLINE type same_##type(type v, type x, type y)                                                  \
  {                                                                                                \
    return (type)((mask)v & (mask)(x == y));                                                       \
  }                                                                                                \
                                                                                                   \
  /* v where x differs from y, else 0 */                                                           \
  INLINE type other_##type(type v, type x, type y)                                                 \
  {                                                                                                \
    return (type)((mask)v & ~(mask)(x == y));                                                      \
  }                                                                                                \
                                                                                                   \
  INLINE type larger_##type(type x, type y)                                                        \
  {                                                                                                \
    mask m = (mask)(x > y) | (mask)(x != x);                                                       \
    return (type)(((mask)x & m) | ((mask)y & ~m));                                                 \
  }

VECTOR_HELPERS(full, full_mask)
VECTOR_HELPERS(half, half_mask)
#if HAS_QUARTER
VECTOR_HELPERS(quarter, quarter_mask)
#endif

INLINE single relu_single(single v)
{
  return v < 0 ? 0 : v;
}

INLINE single keep_single(single v, single y)
{
  return y > 0 ? v : 0;
}

INLINE single same_single(single v, single x, single y)
{
  return x == y ? v : 0;
}

INLINE single other_single(single v, single x, single y)
{
  return x == y ? 0 : v;
}

INLINE single larger_single(single x, single y)
{
  return x > y || x != x ? x : y;
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
    FOR_QUARTER(n, BODY)                                                                           \
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

static void maximum_backward(float *dx, float *rest, const float *x, const float *y, size_t n)
{
#define BODY(type)                                                                                 \
  {                                                                                                \
    type v = LOAD(type, rest + j), a = LOAD(type, x + j), b = LOAD(type, y + j);                   \
    STORE(type, dx + j, LOAD(type, dx + j) + same_##type(v, a, b));                                \
    STORE(type, rest + j, other_##type(v, a, b));                                                  \
  }
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

/* Fewer channels than half a vector has: half vectors are mixed and stored whole, as long as there are pixels behind to read
 * and results behind that overwrite what is too much. Returns the number of pixels that were done so. */
INLINE size_t lerp_few(float *y, const float *x, const int *i0, const int *i1, const float *w, size_t pixels, size_t n)
{
  if (n == 0 || n >= HALF || pixels == 0)
    return 0;
  size_t p = 0, more = (HALF - 1) / n; /* pixels behind one that a half vector reaches */
  int last = i1[pixels - 1] - (int)more;
  for (; p + more < pixels && i0[p] <= last && i1[p] <= last; p++) {
    half a = LOAD(half, x + (size_t)i0[p] * n), b = LOAD(half, x + (size_t)i1[p] * n);
    STORE(half, y + p * n, a + w[p] * (b - a));
  }
  return p;
}

static void lerp_pixels(float *y, const float *x, const int *i0, const int *i1, const float *w,
                        size_t pixels, int c)
{
  size_t n = (size_t)c;
  for (size_t p = lerp_few(y, x, i0, i1, w, pixels, n); p < pixels; p++)
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

/* ---- panel product: tiles of y in registers, all rows for one block of columns ---- */

/* With every access checked, unrolled loops would take minutes to compile. */
#if defined __has_feature
#define CLANG_CHECKS (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define CLANG_CHECKS 0
#endif
#if CLANG_CHECKS || defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define FOR_TILE(ROWS, VECTORS)                                                                    \
  UNROLL for (size_t i = 0; i < (ROWS); i++)                                                       \
    UNROLL for (size_t v = 0; v < (VECTORS); v++)

typedef struct {
  float *y;
  size_t ldy;
  const float *const *x;
  size_t stride, shift;
  int taps, run;
  const float *w;
  int n;
  const LusFinish *finish;
} Panel;

#define LINE 16 /* floats of a cache line */

/* A row's @width sums finished one by one: the block's last columns are not asked for. */
static __attribute__((noinline)) void finish_part(const Panel *p, const float *sum, size_t row)
{
  const LusFinish *finish = p->finish;
  float *y = p->y + row * p->ldy;
  for (int j = 0; j < p->n; j++) {
    float v = sum[j];
    if (finish->accumulate)
      v += y[j];
    if (finish->bias)
      v += finish->bias[j];
    if (finish->r)
      v += finish->r[row][finish->r_shift + (size_t)j];
    y[j] = finish->relu ? relu_single(v) : v;
  }
}

/* Rows first..first+ROWS-1 of VECTORS vectors. Not inlined: the registers are for one of these
 * loops at a time. */
/* clang-format off */
#define PANEL_TILE(ROWS, VECTORS)                                                                  \
  static __attribute__((noinline)) void panel_##ROWS##x##VECTORS(const Panel *p, size_t first)     \
  {                                                                                                \
    full sum[ROWS][VECTORS];                                                                       \
    FOR_TILE(ROWS, VECTORS)                                                                        \
      sum[i][v] = (full){0};                                                                       \
    const float *w = p->w;                                                                         \
    float *y = p->y + first * p->ldy;                                                              \
    UNROLL for (size_t i = 0; i < ROWS; i++) /* the results' lines come while the sums are made */ \
      for (size_t j = 0; j < (VECTORS) * FULL; j += LINE)                                          \
        __builtin_prefetch(y + i * p->ldy + j, 1);                                                 \
    for (int t = 0; t < p->taps; t++) {                                                            \
      const float *x[ROWS];                                                                        \
      UNROLL for (size_t i = 0; i < ROWS; i++)                                                     \
        x[i] = p->x[(size_t)t * p->stride + first + i] + p->shift;                                 \
      for (size_t k = 0; k < (size_t)p->run; k++, w += (VECTORS) * FULL) {                         \
        full column[VECTORS];                                                                      \
        UNROLL for (size_t v = 0; v < VECTORS; v++)                                                \
          column[v] = LOAD(full, w + v * FULL);                                                    \
        FOR_TILE(ROWS, VECTORS)                                                                    \
          sum[i][v] += x[i][k] * column[v];                                                        \
      }                                                                                            \
    }                                                                                              \
    if (p->n < (VECTORS) * FULL) {                                                                 \
      for (size_t i = 0; i < ROWS; i++)                                                            \
        finish_part(p, (const float *)sum[i], first + i);                                          \
      return;                                                                                      \
    }                                                                                              \
    const LusFinish *finish = p->finish;                                                           \
    if (finish->accumulate)                                                                        \
      FOR_TILE(ROWS, VECTORS)                                                                      \
        sum[i][v] += LOAD(full, y + i * p->ldy + v * FULL);                                        \
    if (finish->bias)                                                                              \
      FOR_TILE(ROWS, VECTORS)                                                                      \
        sum[i][v] += LOAD(full, finish->bias + v * FULL);                                          \
    if (finish->r)                                                                                 \
      FOR_TILE(ROWS, VECTORS)                                                                      \
        sum[i][v] += LOAD(full, finish->r[first + i] + finish->r_shift + v * FULL);                \
    if (finish->relu)                                                                              \
      FOR_TILE(ROWS, VECTORS)                                                                      \
        sum[i][v] = relu_full(sum[i][v]);                                                          \
    FOR_TILE(ROWS, VECTORS)                                                                        \
      STORE(full, y + i * p->ldy + v * FULL, sum[i][v]);                                           \
  }
/* clang-format on */

#define TILES(ROWS, VECTORS)                                                                       \
  for (; first + (ROWS) <= rows; first += (ROWS))                                                  \
  panel_##ROWS##x##VECTORS(p, first)

#if LUS_VECTOR_LANES == 16 /* 32 registers */
#define PANEL 4
PANEL_TILE(6, 4)
PANEL_TILE(5, 4)
PANEL_TILE(4, 4)
PANEL_TILE(2, 4)
PANEL_TILE(1, 4)
PANEL_TILE(10, 2)
PANEL_TILE(10, 1)

static void panel_rows_4(const Panel *p, size_t rows)
{
  size_t first = 0;
  TILES(6, 4);
  TILES(5, 4);
  TILES(4, 4);
  TILES(2, 4);
  TILES(1, 4);
}
#else
#define PANEL 2
#endif
PANEL_TILE(6, 2)
PANEL_TILE(4, 2)
PANEL_TILE(2, 2)
PANEL_TILE(1, 2)
PANEL_TILE(6, 1)
PANEL_TILE(4, 1)
PANEL_TILE(1, 1)

static void panel_rows_2(const Panel *p, size_t rows)
{
  size_t first = 0;
#if LUS_VECTOR_LANES == 16
  TILES(10, 2);
#endif
  TILES(6, 2);
  TILES(4, 2);
  TILES(2, 2);
  TILES(1, 2);
}

static void panel_rows_1(const Panel *p, size_t rows)
{
  size_t first = 0;
#if LUS_VECTOR_LANES == 16
  TILES(10, 1);
#endif
  TILES(6, 1);
  TILES(4, 1);
  TILES(1, 1);
}

static void panel_product(float *y, size_t ldy, const float *const *x, size_t stride, size_t shift,
                          int rows, int taps, int run, const float *w, int width, int n,
                          const LusFinish *finish)
{
  const Panel p = {.y = y,
                   .ldy = ldy,
                   .x = x,
                   .stride = stride,
                   .shift = shift,
                   .taps = taps,
                   .run = run,
                   .w = w,
                   .n = n,
                   .finish = finish};
#if LUS_VECTOR_LANES == 16
  if (width == 4 * FULL) {
    panel_rows_4(&p, (size_t)rows);
    return;
  }
#endif
  if (width == 2 * FULL)
    panel_rows_2(&p, (size_t)rows);
  else
    panel_rows_1(&p, (size_t)rows);
}

#include "kernels/kernels-vector-project.h"
#include "kernels/kernels-vector-winograd.h"

/* ---- outer products: tiles of c in registers ---- */

typedef struct {
  float *c;
  size_t ldc;
  const float *const *a;
  const float *b;
  size_t ldb, k;
} Outer;

/* clang-format off */
#define OUTER_TILE(type, ROWS, VECTORS)                                                            \
  static __attribute__((noinline)) void outer_##type##_##ROWS##x##VECTORS(const Outer *p, size_t at) \
  {                                                                                                \
    const size_t lanes = sizeof(type) / sizeof(float);                                             \
    type sum[ROWS][VECTORS];                                                                       \
    FOR_TILE(ROWS, VECTORS)                                                                        \
      sum[i][v] = (type){0};                                                                       \
    const float *b = p->b;                                                                         \
    for (size_t l = 0; l < p->k; l++, b += p->ldb) {                                               \
      const float *a = p->a[l] + at;                                                               \
      type column[VECTORS];                                                                        \
      UNROLL for (size_t v = 0; v < VECTORS; v++)                                                  \
        column[v] = LOAD(type, b + v * lanes);                                                     \
      FOR_TILE(ROWS, VECTORS)                                                                      \
        sum[i][v] += a[i] * column[v];                                                             \
    }                                                                                              \
    float *c = p->c;                                                                               \
    FOR_TILE(ROWS, VECTORS)                                                                        \
      STORE(type, c + i * p->ldc + v * lanes, LOAD(type, c + i * p->ldc + v * lanes) + sum[i][v]); \
  }

/* All rows of VECTORS vectors of columns. */
#define OUTER_COLUMNS(type, VECTORS)                                                               \
  OUTER_TILE(type, 6, VECTORS)                                                                     \
  OUTER_TILE(type, 4, VECTORS)                                                                     \
  OUTER_TILE(type, 2, VECTORS)                                                                     \
  OUTER_TILE(type, 1, VECTORS)                                                                     \
  static void outer_##type##_##VECTORS(Outer p, size_t at, size_t m)                               \
  {                                                                                                \
    size_t end = at + m;                                                                           \
    for (; at + 6 <= end; at += 6, p.c += 6 * p.ldc)                                               \
      outer_##type##_6x##VECTORS(&p, at);                                                          \
    for (; at + 4 <= end; at += 4, p.c += 4 * p.ldc)                                               \
      outer_##type##_4x##VECTORS(&p, at);                                                          \
    for (; at + 2 <= end; at += 2, p.c += 2 * p.ldc)                                               \
      outer_##type##_2x##VECTORS(&p, at);                                                          \
    for (; at < end; at++, p.c += p.ldc)                                                           \
      outer_##type##_1x##VECTORS(&p, at);                                                          \
  }
/* clang-format on */

#if LUS_VECTOR_LANES == 16
OUTER_COLUMNS(full, 4)
OUTER_COLUMNS(quarter, 1)
#endif
OUTER_COLUMNS(full, 2)
OUTER_COLUMNS(full, 1)
OUTER_COLUMNS(half, 1)
OUTER_COLUMNS(single, 1)

static void outer_products(float *c, size_t ldc, const float *const *a, size_t shift,
                           const float *b, size_t ldb, int m, int n, int k)
{
  size_t j = 0, columns = (size_t)n;
#define COLUMNS(type, vectors, width)                                                              \
  for (; j + (width) <= columns; j += (width))                                                     \
  outer_##type##_##vectors((Outer){c + j, ldc, a, b + j, ldb, (size_t)k}, shift, (size_t)m)
#if LUS_VECTOR_LANES == 16
  COLUMNS(full, 4, 4 * FULL);
#endif
  COLUMNS(full, 2, 2 * FULL);
  COLUMNS(full, 1, FULL);
  COLUMNS(half, 1, HALF);
#if LUS_VECTOR_LANES == 16
  COLUMNS(quarter, 1, FULL / 4);
#endif
  COLUMNS(single, 1, 1);
#undef COLUMNS
}

/* ---- depthwise ---- */

#define STRIP 8 /* pixels that share a load of the weights; what is left in strips of 4, 2 and 1 */

static void depthwise(float *y, const float *x, const float *w, const ptrdiff_t *offset,
                      const int *tap, int taps, const float *bias, const float *r, int relu,
                      size_t step, size_t pixels, size_t pitch, int c)
{
  size_t n = (size_t)c;
#define PIXELS(type, first, count)                                                                 \
  {                                                                                                \
    type sum[count];                                                                               \
    UNROLL for (size_t k = 0; k < count; k++) sum[k] = (type){0};                                  \
    for (int t = 0; t < taps; t++) {                                                               \
      type weight = LOAD(type, w + (size_t)tap[t] * pitch + j);                                        \
      const float *from = x + offset[t] + (first) * step + j;                                      \
      UNROLL for (size_t k = 0; k < count; k++) sum[k] += weight * LOAD(type, from + k * step);    \
    }                                                                                              \
    UNROLL for (size_t k = 0; k < count; k++)                                                      \
    {                                                                                              \
      size_t at = ((first) + k) * pitch + j;                                                           \
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
    size_t p = 0;                                                                                  \
    for (; p + STRIP <= pixels; p += STRIP)                                                        \
      PIXELS(type, p, STRIP)                                                                       \
    for (; p + 4 <= pixels; p += 4)                                                                \
      PIXELS(type, p, 4)                                                                           \
    for (; p + 2 <= pixels; p += 2)                                                                \
      PIXELS(type, p, 2)                                                                           \
    for (; p < pixels; p++)                                                                        \
      PIXELS(type, p, 1)                                                                           \
  }
  FOR_LANES(n, BODY);
#undef BODY
#undef PIXELS
}

const LusKernels LUS_VECTOR_NAME = {
    .name = LUS_VECTOR_NAME_STRING,
    .gemm = lus_gemm_blas,
    .panel = PANEL * FULL,
    .lanes = FULL,
    .panel_product = panel_product,
    .depthwise = depthwise,
    .winograd4 = {winograd4_weights, winograd4_input, winograd4_output},
    .winograd2 = {winograd2_weights, winograd2_input, winograd2_output},
    .winograd5 = {winograd5_weights, winograd4_input, winograd5_output},
    .winograd4_result_gradient = winograd4_result_gradient,
    .winograd4_weights_gradient = winograd4_weights_gradient,
    .outer_products = outer_products,
    .affine = affine,
    .project = project,
    .activate = LUS_VECTOR_ACTIVATE,
    .relu_backward = relu_backward,
    .add_scaled = add_scaled,
    .maximum = maximum,
    .maximum_backward = maximum_backward,
    .lerp = lerp,
    .lerp_pixels = lerp_pixels,
    .gather_pixels = gather_pixels,
    .column_sum = column_sum,
    .moments = moments,
    .gradient_moments = gradient_moments,
    .norm_backward = norm_backward,
    .int8 = &LUS_VECTOR_INT8,
};
