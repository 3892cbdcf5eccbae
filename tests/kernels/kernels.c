/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every kernel of every table this CPU can run against the reference: lengths 0..67, every offset
 * of 0..3 floats, special values, and guard words around what may be written. Run with
 * LUS_TEST_SEED=N to repeat a failure. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/rng.h"

#define MAX_N 67
#define MAX_ROWS 5
#define GUARD 32
#define GUARD_WORD 0x7fb1a5edu /* a NaN nobody computes */

static guint64 seed;

/* ---- buffers: floats at an offset inside guard words ---- */

typedef struct {
  float *memory, *data;
  gsize n, total;
} Buffer;

static void fill_guards(Buffer *buffer)
{
  guint32 word = GUARD_WORD;
  for (gsize i = 0; i < buffer->total; i++)
    memcpy(&buffer->memory[i], &word, sizeof word);
}

static Buffer buffer_new(gsize n, int offset)
{
  Buffer buffer = {.n = n, .total = n + 2 * GUARD};
  buffer.memory = g_new(float, buffer.total);
  fill_guards(&buffer);
  buffer.data = buffer.memory + GUARD + offset;
  return buffer;
}

static void buffer_free(Buffer *buffer)
{
  g_free(buffer->memory);
}

static Buffer buffer_copy(const Buffer *from)
{
  Buffer copy = buffer_new(from->n, (int)(from->data - from->memory) - GUARD);
  for (gsize i = 0; i < from->n; i++)
    copy.data[i] = from->data[i];
  return copy;
}

static float special(guint32 k)
{
  static const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, 4.0f, -4.0f, 1e-40f, -1e-40f};
  switch (k % 12) {
  case 8:
    return NAN;
  case 9:
    return INFINITY;
  case 10:
    return -INFINITY;
  default:
    return values[k % 8];
  }
}

/* Normal deviates; where @specials, every fourth or so is a special value. */
static Buffer buffer_random(LusRng *rng, gsize n, int offset, gboolean specials)
{
  Buffer buffer = buffer_new(n, offset);
  for (gsize i = 0; i < n; i++)
    buffer.data[i] = specials && lus_rng_below(rng, 4) == 0 ? special(lus_rng_below(rng, 12))
                                                            : (float)lus_rng_normal(rng, 0, 1);
  return buffer;
}

static gboolean guards_intact(const Buffer *buffer)
{
  for (gsize i = 0; i < buffer->total; i++) {
    const float *p = buffer->memory + i;
    guint32 word;
    memcpy(&word, p, sizeof word);
    if ((p < buffer->data || p >= buffer->data + buffer->n) && word != GUARD_WORD)
      return FALSE;
  }
  return TRUE;
}

static gboolean same(float a, float b, double tolerance)
{
  if (isnan(a) || isnan(b))
    return isnan(a) && isnan(b);
  if (isinf(a) || isinf(b))
    return a == b;
  return fabs((double)a - (double)b) <= tolerance * (1 + fabs((double)b));
}

static void assert_same(const Buffer *got, const Buffer *expected, double tolerance,
                        const char *table, const char *what, gsize rows, int c, int offset)
{
  if (!guards_intact(got))
    g_error("%s %s: wrote outside of its array (rows %" G_GSIZE_FORMAT
            ", c %d, offset %d, seed %" G_GUINT64_FORMAT ")",
            table, what, rows, c, offset, seed);
  for (gsize i = 0; i < got->n; i++)
    if (!same(got->data[i], expected->data[i], tolerance))
      g_error("%s %s: element %" G_GSIZE_FORMAT " is %.9g, expected %.9g (rows %" G_GSIZE_FORMAT
              ", c %d, offset %d, seed %" G_GUINT64_FORMAT ")",
              table, what, i, (double)got->data[i], (double)expected->data[i], rows, c, offset,
              seed);
}

/* ---- one call on each table ---- */

typedef struct {
  gsize rows;
  int c, offset;
  gboolean specials;
} Shape;

typedef struct {
  const float *x, *y, *r; /* [rows][c] */
  const float *a, *b, *d; /* [c] */
  int flag;               /* relu or accumulate; also which optional arguments are given */
  float w;
} Arguments;

/* @out [rows][c] and @out2 [c], @out3 [c] hold values before the call. */
typedef void (*Call)(const LusKernels *k, float *out, float *out2, float *out3, const Arguments *g,
                     const Shape *s);

static gsize count(const Shape *s)
{
  return s->rows * (gsize)s->c;
}

static void call_affine(const LusKernels *k, float *out, float *out2, float *out3,
                        const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  k->affine(out, g->x, g->flag & 2 ? g->a : NULL, g->flag & 4 ? g->b : NULL,
            g->flag & 8 ? g->r : NULL, g->flag & 1, s->rows, s->c);
}

static void call_affine_in_place(const LusKernels *k, float *out, float *out2, float *out3,
                                 const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  if (g->flag & 8)
    k->affine(out, g->x, g->a, g->b, out, g->flag & 1, s->rows, s->c);
  else
    k->affine(out, out, g->a, g->b, g->r, g->flag & 1, s->rows, s->c);
}

/* One to seven outputs, as far as there is room; weights are the rows of y. */
static void call_project(const LusKernels *k, float *out, float *out2, float *out3, const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  int outputs = MIN(1 + (g->flag >> 2), s->c);
  if ((gsize)outputs <= s->rows)
    k->project(out, g->x, g->a, g->b, g->flag & 1, g->y, g->flag & 2 ? g->d : NULL, s->rows, s->c, outputs);
}

/* Each kind in turn; c - 1 of c columns, so that rows are apart. */
static void call_activate(const LusKernels *k, float *out, float *out2, float *out3,
                          const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  const LusActivation activation = {(LusActivationKind)(g->flag % (LUS_ACTIVATION_HARD_SWISH + 1)), -.5f, .75f};
  int columns = g->flag & 8 ? MAX(s->c - 1, 0) : s->c;
  k->activate(out, g->x, &activation, (gsize)s->c, s->rows, columns);
}

static void call_activate_in_place(const LusKernels *k, float *out, float *out2, float *out3,
                                   const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  const LusActivation activation = {(LusActivationKind)(g->flag % (LUS_ACTIVATION_HARD_SWISH + 1)), -.5f, .75f};
  k->activate(out, out, &activation, (gsize)s->c, s->rows, s->c);
}

static void call_relu_backward(const LusKernels *k, float *out, float *out2, float *out3,
                               const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  k->relu_backward(out, g->x, count(s));
}

static void call_add_scaled(const LusKernels *k, float *out, float *out2, float *out3,
                            const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  k->add_scaled(out, g->w, g->x, count(s));
}

static void call_maximum(const LusKernels *k, float *out, float *out2, float *out3,
                         const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  k->maximum(out, g->x, count(s));
}

static void call_lerp(const LusKernels *k, float *out, float *out2, float *out3, const Arguments *g,
                      const Shape *s)
{
  (void)out2, (void)out3;
  k->lerp(out, g->x, g->y, g->w, count(s));
}

static void call_lerp_pixels(const LusKernels *k, float *out, float *out2, float *out3,
                             const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  int i0[MAX_ROWS], i1[MAX_ROWS];
  float w[MAX_ROWS];
  for (int p = 0; p < (int)s->rows; p++) {
    int at = g->flag & 1 ? p / 2 : p * 3; /* in order, as when a map is doubled, and in none */
    i0[p] = at % (int)s->rows;
    i1[p] = (at + 1) % (int)s->rows;
    w[p] = 0.3f * (float)p;
  }
  k->lerp_pixels(out, g->x, i0, i1, w, s->rows, s->c);
}

static void call_gather_pixels(const LusKernels *k, float *out, float *out2, float *out3,
                               const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  int start[MAX_ROWS + 1] = {0}, index[MAX_ROWS * MAX_ROWS];
  float weight[MAX_ROWS * MAX_ROWS];
  for (int p = 0; p < (int)s->rows; p++) { /* pixel p sums p source pixels, pixel 0 none */
    start[p + 1] = start[p] + p;
    for (int i = start[p]; i < start[p + 1]; i++) {
      index[i] = (i * 7 + p) % (int)s->rows;
      weight[i] = 0.25f * (float)(i - 2);
    }
  }
  k->gather_pixels(out, g->x, start, index, weight, g->flag & 1, s->rows, s->c);
}

static void call_column_sum(const LusKernels *k, float *out, float *out2, float *out3,
                            const Arguments *g, const Shape *s)
{
  (void)out, (void)out3;
  k->column_sum(out2, g->x, s->rows, s->c);
}

static void call_moments(const LusKernels *k, float *out, float *out2, float *out3,
                         const Arguments *g, const Shape *s)
{
  (void)out;
  k->moments(out2, out3, g->x, g->a, s->rows, s->c);
}

static void call_gradient_moments(const LusKernels *k, float *out, float *out2, float *out3,
                                  const Arguments *g, const Shape *s)
{
  (void)out;
  k->gradient_moments(out2, out3, g->y, g->x, g->a, s->rows, s->c);
}

static void call_norm_backward(const LusKernels *k, float *out, float *out2, float *out3,
                               const Arguments *g, const Shape *s)
{
  (void)out2, (void)out3;
  if (g->flag & 8)
    k->norm_backward(out, out, g->x, g->a, g->b, g->d, FALSE, s->rows, s->c);
  else
    k->norm_backward(out, g->y, g->x, g->a, g->b, g->d, g->flag & 1, s->rows, s->c);
}

typedef struct {
  const char *name;
  Call call;
  int flags;        /* try 0..flags-1 */
  double tolerance; /* fused multiply and add round once where the reference rounds twice */
  gboolean specials;
} Kernel;

/* Where terms may cancel or overflow in between, fusing changes special values into others; these
 * kernels get finite ones. */
static const Kernel kernel_cases[] = {
    {"affine", call_affine, 16, 1e-6, TRUE},
    {"project", call_project, 28, 1e-5, FALSE},
    {"activate", call_activate, 16, 1e-6, TRUE},
    {"activate in place", call_activate_in_place, 16, 1e-6, TRUE},
    {"affine in place", call_affine_in_place, 16, 1e-6, FALSE},
    {"relu_backward", call_relu_backward, 1, 0, TRUE},
    {"add_scaled", call_add_scaled, 1, 1e-6, TRUE},
    {"maximum", call_maximum, 1, 0, TRUE},
    {"lerp", call_lerp, 1, 1e-6, FALSE},
    {"lerp_pixels", call_lerp_pixels, 2, 1e-6, FALSE},
    {"gather_pixels", call_gather_pixels, 2, 2e-6, FALSE},
    {"column_sum", call_column_sum, 1, 1e-6, TRUE},
    {"moments", call_moments, 1, 4e-6, FALSE},
    {"gradient_moments", call_gradient_moments, 1, 4e-6, FALSE},
    {"norm_backward", call_norm_backward, 16, 2e-6, FALSE},
};

static void compare_tables(const Kernel *kernel, const LusKernels *table, const Shape *s,
                           LusRng *rng)
{
  gsize n = count(s), c = (gsize)s->c;
  Buffer in[6], out[3], got[3];
  for (int i = 0; i < 6; i++)
    in[i] = buffer_random(rng, i < 3 ? n : c, (s->offset + i) % 4, s->specials && i < 3);
  for (int i = 0; i < 3; i++)
    out[i] = buffer_random(rng, i < 1 ? n : c, (s->offset + i * 3) % 4, s->specials && i < 1);
  for (int flag = 0; flag < kernel->flags; flag++) {
    Arguments arguments = {.x = in[0].data,
                           .y = in[1].data,
                           .r = in[2].data,
                           .a = in[3].data,
                           .b = in[4].data,
                           .d = in[5].data,
                           .flag = flag,
                           .w = 0.375f};
    Buffer expected[3];
    for (int i = 0; i < 3; i++) {
      expected[i] = buffer_copy(&out[i]);
      got[i] = buffer_copy(&out[i]);
    }
    kernel->call(lus_kernels_nth(0), expected[0].data, expected[1].data, expected[2].data,
                 &arguments, s);
    kernel->call(table, got[0].data, got[1].data, got[2].data, &arguments, s);
    for (int i = 0; i < 3; i++) {
      assert_same(&got[i], &expected[i], kernel->tolerance, table->name, kernel->name, s->rows,
                  s->c, s->offset);
      buffer_free(&expected[i]);
      buffer_free(&got[i]);
    }
  }
  for (int i = 0; i < 6; i++)
    buffer_free(&in[i]);
  for (int i = 0; i < 3; i++)
    buffer_free(&out[i]);
}

static void test_kernel(gconstpointer data)
{
  const Kernel *kernel = data;
  LusRng rng;
  lus_rng_init(&rng, seed, (guint64)(kernel - kernel_cases));
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int c = 0; c <= MAX_N; c++)
      for (int offset = 0; offset < 4; offset++)
        for (gsize rows = 0; rows <= MAX_ROWS; rows += rows ? 2 : 1) {
          Shape shape = {
              .rows = rows, .c = c, .offset = offset, .specials = kernel->specials && c % 2};
          compare_tables(kernel, lus_kernels_nth(t), &shape, &rng);
        }
}

/* ---- literal values: the reference itself ---- */

static void test_reference_values(void)
{
  const LusKernels *k = lus_kernels_nth(0);
  g_assert_cmpstr(k->name, ==, "c");
  float y[4];
  k->affine(y, (float[]){1, -2, 3, NAN}, (float[]){2, 3}, (float[]){1, 1}, (float[]){0, 10, 0, 0},
            TRUE, 2, 2);
  g_assert_cmpfloat(y[0], ==, 3);
  g_assert_cmpfloat(y[1], ==, 5);
  g_assert_cmpfloat(y[2], ==, 7);
  g_assert_true(isnan(y[3]));
  k->project(y, (float[]){1, -2, 3, 4}, (float[]){2, 3}, (float[]){1, 1}, TRUE, (float[]){1, 1, -1, 2}, (float[]){0, 10}, 2, 2, 2);
  g_assert_cmpfloat(y[0], ==, 3);
  g_assert_cmpfloat(y[1], ==, 7);
  g_assert_cmpfloat(y[2], ==, 20);
  g_assert_cmpfloat(y[3], ==, 29);
  float dy[3] = {1, 2, 3};
  k->relu_backward(dy, (float[]){0, 5, -1}, 3);
  g_assert_cmpfloat(dy[0] + dy[2], ==, 0);
  g_assert_cmpfloat(dy[1], ==, 2);
  k->lerp(y, (float[]){1, 4}, (float[]){3, 0}, 0.25f, 2);
  g_assert_cmpfloat(y[0], ==, 1.5f);
  g_assert_cmpfloat(y[1], ==, 3);
  float sum[2] = {10, 0}, square[2] = {0, 100};
  k->moments(sum, square, (float[]){1, 2, 3, 4}, (float[]){1, 0}, 2, 2);
  g_assert_cmpfloat(sum[0], ==, 12);
  g_assert_cmpfloat(sum[1], ==, 6);
  g_assert_cmpfloat(square[0], ==, 4);
  g_assert_cmpfloat(square[1], ==, 120);
}

/* ---- gemm ---- */

static void compare_gemm(const LusKernels *table, LusRng *rng, int m, int n, int k, unsigned flags,
                         int offset)
{
  int lda = (flags & LUS_GEMM_TRANSPOSE_A ? m : k) + offset,
      ldb = (flags & LUS_GEMM_TRANSPOSE_B ? k : n) + offset;
  int ldc = n + offset;
  Buffer a =
      buffer_random(rng, (gsize)(flags & LUS_GEMM_TRANSPOSE_A ? k : m) * (gsize)lda, offset, FALSE);
  Buffer b =
      buffer_random(rng, (gsize)(flags & LUS_GEMM_TRANSPOSE_B ? n : k) * (gsize)ldb, offset, FALSE);
  Buffer c = buffer_random(rng, (gsize)m * (gsize)ldc, offset, FALSE);
  Buffer got = buffer_copy(&c), expected = buffer_copy(&c);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      double sum = flags & LUS_GEMM_ACCUMULATE ? (double)c.data[i * ldc + j] : 0;
      for (int l = 0; l < k; l++)
        sum += (double)a.data[flags & LUS_GEMM_TRANSPOSE_A ? l * lda + i : i * lda + l] *
               (double)b.data[flags & LUS_GEMM_TRANSPOSE_B ? j * ldb + l : l * ldb + j];
      expected.data[i * ldc + j] = (float)sum;
    }
  table->gemm(got.data, a.data, b.data, m, n, k, ldc, lda, ldb, flags);
  assert_same(&got, &expected, 1e-6 * sqrt(k) + 1e-6, table->name, "gemm", (gsize)m, n, offset);
  buffer_free(&a);
  buffer_free(&b);
  buffer_free(&c);
  buffer_free(&got);
  buffer_free(&expected);
}

static void test_gemm(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 100);
  static const int sizes[] = {1, 2, 3, 5, 8, 13, 24, 33, 67};
  for (int t = 0; lus_kernels_nth(t); t++)
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
      for (gsize j = 0; j < G_N_ELEMENTS(sizes); j++)
        for (unsigned flags = 0; flags < 8; flags++)
          compare_gemm(lus_kernels_nth(t), &rng, sizes[i], sizes[j],
                       sizes[(i * 5 + j * 2) % G_N_ELEMENTS(sizes)], flags, (int)((i + j) % 4));
}

/* Rows of pixels with 0 to 9 taps, one and two pixels apart. */
static void compare_depthwise(const LusKernels *table, LusRng *rng, int c, int taps, gsize pixels,
                              int form)
{
  gsize step = (gsize)c * (gsize)(1 + form % 2), pitch = (gsize)c + (gsize)(form % 3), n = pixels * pitch;
  ptrdiff_t offset[9];
  int tap[9];
  for (int t = 0; t < taps; t++) {
    offset[t] = (ptrdiff_t)c * ((t * 5) % 4);
    tap[t] = (t * 2) % 9;
  }
  Buffer x = buffer_random(rng, pixels * step + 3 * (gsize)c, form % 4, FALSE);
  Buffer w = buffer_random(rng, 9 * pitch, (form + 1) % 4, FALSE);
  Buffer bias = buffer_random(rng, (gsize)c, 1, FALSE);
  Buffer r = buffer_random(rng, n, 2, FALSE);
  Buffer expected = buffer_random(rng, n, 3, FALSE), got = buffer_copy(&expected);
  const float *b = form & 1 ? bias.data : NULL, *add = form & 2 ? r.data : NULL;
  lus_kernels_nth(0)->depthwise(expected.data, x.data, w.data, offset, tap, taps, b, add, form & 4,
                                step, pixels, pitch, c);
  table->depthwise(got.data, x.data, w.data, offset, tap, taps, b, add, form & 4, step, pixels, pitch, c);
  assert_same(&got, &expected, 5e-6, table->name, "depthwise", pixels, c, form);
  Buffer *all[] = {&x, &w, &bias, &r, &expected, &got};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    buffer_free(all[i]);
}

static void test_depthwise(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 102);
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int c = 1; c <= MAX_N; c++)
      for (int form = 0; form < 8; form++)
        compare_depthwise(lus_kernels_nth(t), &rng, c, (c + form) % 10, (gsize)(c * 3 + form) % 11,
                          form);
  float y[2];
  lus_kernels_nth(0)->depthwise(y, (float[]){1, 2, 3, 4}, (float[]){10, 20, 1, 1},
                                (ptrdiff_t[]){0, 2}, (int[]){0, 1}, 2, (float[]){1, -100}, NULL, 1,
                                2, 1, 2, 2);
  g_assert_cmpfloat(y[0], ==, 14); /* 10 + 3 + 1 */
  g_assert_cmpfloat(y[1], ==, 0);  /* 40 + 4 - 100 */
}

/* ---- panel products ---- */

/* Rows that are gathered from all over x; k in ascending order everywhere, so only the fused rounding
 * differs. */
static void compare_panel(const LusKernels *table, LusRng *rng, int width, int n, int rows, int form)
{
  enum { MAX_TAPS = 3, MAX_PANEL_ROWS = 23, STRIDE = 29, X = 600 };
  int taps = 1 + form % MAX_TAPS, run = 1 + (form * 5 + rows) % 17, ldy = n + form % 3;
  Buffer x = buffer_random(rng, X, form % 4, FALSE);
  const float *pointers[MAX_TAPS * STRIDE] = {NULL};
  for (int i = 0; i < taps * STRIDE; i++)
    pointers[i] = x.data + lus_rng_below(rng, X - 40);
  Buffer w = buffer_random(rng, (gsize)(taps * run * width), (form + 1) % 4, FALSE);
  Buffer bias = buffer_random(rng, (gsize)n, 1, FALSE);
  Buffer r = buffer_random(rng, (gsize)(rows * (n + 1)), 2, FALSE);
  const float *r_rows[MAX_PANEL_ROWS];
  for (int i = 0; i < rows; i++)
    r_rows[i] = r.data + (i * 7 % rows) * (n + 1) - 3;
  Buffer expected = buffer_random(rng, (gsize)((rows - 1) * ldy + n), 3, FALSE), got = buffer_copy(&expected);
  LusFinish finish = {.accumulate = form & 1,
                      .bias = form & 2 ? bias.data : NULL,
                      .r = form & 4 ? r_rows : NULL,
                      .r_shift = 3,
                      .relu = form & 8};
  lus_kernels_nth(0)->panel_product(expected.data, (gsize)ldy, pointers, STRIDE, 7, rows, taps, run,
                                    w.data, width, n, &finish);
  table->panel_product(got.data, (gsize)ldy, pointers, STRIDE, 7, rows, taps, run, w.data, width, n,
                       &finish);
  assert_same(&got, &expected, 5e-6, table->name, "panel_product", (gsize)rows, n, form);
  Buffer *all[] = {&x, &w, &bias, &r, &expected, &got};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    buffer_free(all[i]);
}

static void test_panel_product(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 101);
  for (int t = 0; lus_kernels_nth(t); t++) {
    const LusKernels *table = lus_kernels_nth(t);
    for (int width = table->lanes; width <= table->panel; width *= 2)
      for (int rows = 1; rows <= 23; rows++)
        for (int form = 0; form < 16; form++)
          compare_panel(table, &rng, width, form % 5 == 4 ? width - (rows % width) : width, rows, form);
  }
  const float x[] = {1, 2, 3}, w[] = {10, 20, 30, 40}, *pointers[] = {x, x + 1};
  float y[4] = {0};
  const LusFinish finish = {.bias = (float[]){0.5f, -200}, .relu = 1};
  lus_kernels_nth(0)->panel_product(y, 2, pointers, 0, 0, 2, 1, 2, w, 2, 2, &finish);
  g_assert_cmpfloat(y[0], ==, 70.5f); /* 10 + 2 30 */
  g_assert_cmpfloat(y[1], ==, 0);
  g_assert_cmpfloat(y[2], ==, 110.5f); /* 2 10 + 3 30 */
}

/* ---- Winograd ---- */

static const LusWinogradKernels *winograd_of(const LusKernels *table, int tile)
{
  return tile == 5 ? &table->winograd5 : tile == 4 ? &table->winograd4 : &table->winograd2;
}

/* Taps of a row of the kernel. */
static int taps_of(int tile)
{
  return tile == 5 ? 2 : 3;
}

static int window_of(int tile)
{
  return tile + taps_of(tile) - 1;
}

static void compare_weights(const LusKernels *table, LusRng *rng, int tile, int n, int offset)
{
  gsize plane = (gsize)n + (gsize)offset, pitch = (gsize)n + 2 * (gsize)offset;
  gsize planes = (gsize)(window_of(tile) * window_of(tile)), taps = (gsize)(taps_of(tile) * taps_of(tile));
  Buffer w = buffer_random(rng, taps * pitch, offset, FALSE);
  Buffer expected = buffer_random(rng, planes * plane, offset, FALSE), got = buffer_copy(&expected);
  winograd_of(lus_kernels_nth(0), tile)->weights(expected.data, w.data, plane, (gsize)n, pitch);
  winograd_of(table, tile)->weights(got.data, w.data, plane, (gsize)n, pitch);
  assert_same(&got, &expected, 2e-6, table->name, "winograd weights", taps, n, offset);
  buffer_free(&w);
  buffer_free(&expected);
  buffer_free(&got);
}

static void compare_input(const LusKernels *table, LusRng *rng, int tile, int c, int offset)
{
  gsize row = 7 * (gsize)c + 1, plane = (gsize)c + (gsize)offset, window = (gsize)window_of(tile);
  Buffer x = buffer_random(rng, (window - 1) * row + window * (gsize)c, offset, FALSE);
  Buffer expected = buffer_random(rng, window * window * plane, 0, FALSE), got = buffer_copy(&expected);
  winograd_of(lus_kernels_nth(0), tile)->input(expected.data, x.data, plane, row, c);
  winograd_of(table, tile)->input(got.data, x.data, plane, row, c);
  assert_same(&got, &expected, 5e-5, table->name, "winograd input", window, c, offset);
  buffer_free(&x);
  buffer_free(&expected);
  buffer_free(&got);
}

static void compare_output(const LusKernels *table, LusRng *rng, int tile, int c, int offset)
{
  gsize column = (gsize)(c * (1 + offset % 2)), row = 5 * column + 2, plane = (gsize)c + 3;
  gsize planes = (gsize)(window_of(tile) * window_of(tile));
  int rows = 1 + offset % tile, columns = tile - (c + offset) % tile; /* edges cut a tile */
  gsize n = (gsize)(rows - 1) * row + (gsize)columns * column;
  Buffer m = buffer_random(rng, planes * plane, offset, FALSE),
         bias = buffer_random(rng, (gsize)c, 1, FALSE);
  Buffer r = buffer_random(rng, n, 2, FALSE), y = buffer_random(rng, n, 3, FALSE);
  for (int flag = 0; flag < 16; flag++) { /* bias, r, r is y, relu */
    Buffer expected = buffer_copy(&y), got = buffer_copy(&y);
    const float *shift = flag & 1 ? bias.data : NULL;
    const float *other = flag & 2 ? r.data : NULL;
    winograd_of(lus_kernels_nth(0), tile)
        ->output(expected.data, m.data, shift, flag & 4 ? expected.data : other, flag & 8, plane, row,
                 column, rows, columns, c);
    winograd_of(table, tile)
        ->output(got.data, m.data, shift, flag & 4 ? got.data : other, flag & 8, plane, row, column,
                 rows, columns, c);
    assert_same(&got, &expected, 1e-4, table->name, "winograd output", (gsize)rows, c, offset);
    buffer_free(&expected);
    buffer_free(&got);
  }
  buffer_free(&m);
  buffer_free(&bias);
  buffer_free(&r);
  buffer_free(&y);
}

static void test_winograd(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 102);
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int c = 0; c <= MAX_N; c++)
      for (int form = 0; form < 12; form++) {
        int tile = (const int[]){2, 4, 5}[form / 4], offset = form & 3;
        compare_weights(lus_kernels_nth(t), &rng, tile, c, offset);
        compare_input(lus_kernels_nth(t), &rng, tile, c, offset);
        compare_output(lus_kernels_nth(t), &rng, tile, c, offset);
      }
}

/* The reference's three transforms against the convolution itself: one channel, one tile. */
static void check_is_convolution(int tile)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 103);
  const LusWinogradKernels *k = winograd_of(lus_kernels_nth(0), tile);
  int window = window_of(tile), taps = taps_of(tile);
  float x[36], g[9], u[36], v[36], y[25];
  lus_rng_fill_normal(&rng, x, 36);
  lus_rng_fill_normal(&rng, g, 9);
  k->weights(u, g, 1, 1, 1);
  k->input(v, x, 1, (gsize)window, 1);
  for (int i = 0; i < window * window; i++)
    v[i] *= u[i];
  k->output(y, v, NULL, NULL, FALSE, 1, (gsize)tile, 1, tile, tile, 1);
  for (int i = 0; i < tile * tile; i++) {
    double sum = 0;
    for (int a = 0; a < taps * taps; a++)
      sum += (double)g[a] * (double)x[(i / tile + a / taps) * window + i % tile + a % taps];
    g_assert_cmpfloat_with_epsilon(y[i], (float)sum, 2e-5f);
  }
}

static void test_winograd_is_convolution(void)
{
  check_is_convolution(4);
  check_is_convolution(2);
  check_is_convolution(5);
}

/* ---- the way back to the weights ---- */

static void compare_result_gradient(const LusKernels *table, LusRng *rng, int c, int offset)
{
  gsize row = 5 * (gsize)c + 2, plane = (gsize)c + (gsize)offset;
  for (int cut = 0; cut < 16; cut++) {
    int rows = 1 + cut % 4, columns = 1 + cut / 4;
    gsize n = (gsize)(rows - 1) * row + (gsize)columns * (gsize)c;
    Buffer dy = buffer_random(rng, n, offset, FALSE);
    Buffer expected = buffer_random(rng, 36 * plane, 0, FALSE), got = buffer_copy(&expected);
    lus_kernels_nth(0)->winograd4_result_gradient(expected.data, dy.data, plane, row, rows, columns,
                                                  c);
    table->winograd4_result_gradient(got.data, dy.data, plane, row, rows, columns, c);
    assert_same(&got, &expected, 5e-5, table->name, "winograd result gradient", (gsize)rows, c,
                offset);
    buffer_free(&dy);
    buffer_free(&expected);
    buffer_free(&got);
  }
}

static void compare_weights_gradient(const LusKernels *table, LusRng *rng, int n, int offset)
{
  gsize plane = (gsize)n + (gsize)offset, pitch = (gsize)n + 2 * (gsize)offset;
  Buffer u = buffer_random(rng, 36 * plane, offset, FALSE);
  Buffer expected = buffer_random(rng, 9 * pitch, offset, FALSE), got = buffer_copy(&expected);
  lus_kernels_nth(0)->winograd4_weights_gradient(expected.data, u.data, plane, (gsize)n, pitch);
  table->winograd4_weights_gradient(got.data, u.data, plane, (gsize)n, pitch);
  assert_same(&got, &expected, 5e-6, table->name, "winograd weights gradient", 9, n, offset);
  buffer_free(&u);
  buffer_free(&expected);
  buffer_free(&got);
}

static void test_winograd_gradient(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 104);
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int c = 0; c <= MAX_N; c++)
      for (int offset = 0; offset < 3; offset++) {
        compare_result_gradient(lus_kernels_nth(t), &rng, c, offset);
        compare_weights_gradient(lus_kernels_nth(t), &rng, c, offset);
      }
}

/* The reference against the sums themselves: one channel, one tile, sizes cut. */
static void test_winograd_gradient_is_gradient(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 105);
  const LusKernels *k = lus_kernels_nth(0);
  for (int rows = 1; rows <= 4; rows++) {
    int columns = 5 - rows;
    float x[36], dy[16], v[36], w[36], g[9];
    lus_rng_fill_normal(&rng, x, 36);
    lus_rng_fill_normal(&rng, dy, 16);
    k->winograd4.input(v, x, 1, 6, 1);
    k->winograd4_result_gradient(w, dy, 1, 4, rows, columns, 1);
    for (int i = 0; i < 36; i++)
      v[i] *= w[i];
    k->winograd4_weights_gradient(g, v, 1, 1, 1);
    for (int a = 0; a < 9; a++) {
      double sum = 0;
      for (int i = 0; i < rows * columns; i++)
        sum += (double)dy[i / columns * 4 + i % columns] *
               (double)x[(i / columns + a / 3) * 6 + i % columns + a % 3];
      g_assert_cmpfloat_with_epsilon(g[a], (float)sum, 5e-5f);
    }
  }
}

static void compare_outer(const LusKernels *table, LusRng *rng, int m, int n, int k)
{
  gsize ldc = (gsize)n + 1, ldb = (gsize)n + 2, lda = (gsize)m + 5;
  Buffer a = buffer_random(rng, (gsize)k * lda, 1, FALSE),
         b = buffer_random(rng, (gsize)k * ldb, 2, FALSE);
  Buffer expected = buffer_random(rng, (gsize)m * ldc, 3, FALSE), got = buffer_copy(&expected);
  const float *pointers[MAX_N];
  for (int l = 0; l < k; l++)
    pointers[l] = a.data + (gsize)(k - 1 - l) * lda;
  lus_kernels_nth(0)->outer_products(expected.data, ldc, pointers, 4, b.data, ldb, m, n, k);
  table->outer_products(got.data, ldc, pointers, 4, b.data, ldb, m, n, k);
  assert_same(&got, &expected, 5e-6, table->name, "outer_products", (gsize)m, n, k);
  buffer_free(&a);
  buffer_free(&b);
  buffer_free(&expected);
  buffer_free(&got);
}

static void test_outer_products(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 106);
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int n = 0; n <= MAX_N; n++)
      for (int m = 0; m <= 15; m++)
        compare_outer(lus_kernels_nth(t), &rng, m, n, (m + n) % 5 * 2);
  const float a[] = {1, 2, 3, 4}, b[] = {10, 20}, *pointers[] = {a, a + 2};
  float c[] = {0.5f, 0};
  lus_kernels_nth(0)->outer_products(c, 1, pointers, 0, b, 1, 2, 1, 2);
  g_assert_cmpfloat(c[0], ==, 70.5f); /* 1 10 + 3 20 */
  g_assert_cmpfloat(c[1], ==, 100);   /* 2 10 + 4 20 */
}

static void test_maximum_backward(void)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 107);
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int n = 0; n <= MAX_N; n++) {
      Buffer x = buffer_random(&rng, (gsize)n, 1, FALSE), y = buffer_copy(&x);
      Buffer dx = buffer_random(&rng, (gsize)n, 2, FALSE), got_dx = buffer_copy(&dx);
      Buffer rest = buffer_random(&rng, (gsize)n, 3, TRUE), got_rest = buffer_copy(&rest);
      for (int i = n % 3; i < n; i += 3)
        y.data[i] = i % 2 ? y.data[i] + 1 : NAN;
      lus_kernels_nth(0)->maximum_backward(dx.data, rest.data, x.data, y.data, (gsize)n);
      lus_kernels_nth(t)->maximum_backward(got_dx.data, got_rest.data, x.data, y.data, (gsize)n);
      assert_same(&got_dx, &dx, 0, lus_kernels_nth(t)->name, "maximum_backward", 1, n, 0);
      assert_same(&got_rest, &rest, 0, lus_kernels_nth(t)->name, "maximum_backward rest", 1, n, 0);
      Buffer *all[] = {&x, &y, &dx, &got_dx, &rest, &got_rest};
      for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        buffer_free(all[i]);
    }
  float dx[3] = {1, 1, 1}, rest[3] = {5, 6, 7};
  lus_kernels_nth(0)->maximum_backward(dx, rest, (float[]){2, 3, NAN}, (float[]){2, 4, NAN}, 3);
  g_assert_cmpfloat(dx[0], ==, 6);
  g_assert_cmpfloat(rest[0], ==, 0);
  g_assert_cmpfloat(dx[1] + dx[2], ==, 2);
  g_assert_cmpfloat(rest[1] + rest[2], ==, 13);
}

static void test_maximum_nan(void)
{
  for (int t = 0; lus_kernels_nth(t); t++)
    for (int n = 1; n <= MAX_N; n++) {
      float y[MAX_N], x[MAX_N];
      for (int i = 0; i < n; i++) {
        y[i] = i % 3 == 1 ? NAN : (float)i;
        x[i] = i % 3 == 2 ? NAN : 2 * (float)i;
      }
      lus_kernels_nth(t)->maximum(y, x, (gsize)n);
      for (int i = 0; i < n; i++)
        g_assert_true(i % 3 ? isnan(y[i]) : y[i] == 2 * (float)i);
    }
}

/* ---- choice ---- */

static void test_description(void)
{
  const LusKernels *chosen = lus_kernels();
  g_assert_true(g_str_has_prefix(lus_kernels_description(), chosen->name));
  gboolean found = FALSE;
  for (int i = 0; lus_kernels_nth(i); i++)
    found = found || lus_kernels_nth(i) == chosen;
  g_assert_true(found);
  g_assert_null(lus_kernels_nth(-1));
  if (strcmp(chosen->name, "c") != 0)
    g_assert_nonnull(strstr(lus_kernels_description(), "+OpenBLAS "));
}

static void test_forced(void)
{
  if (g_test_subprocess()) {
    g_assert_cmpstr(lus_kernels()->name, ==, g_getenv("LUS_TEST_EXPECTED"));
    return;
  }
  for (int i = 0; lus_kernels_nth(i); i++) {
    g_setenv("LUS_KERNELS", lus_kernels_nth(i)->name, TRUE);
    g_setenv("LUS_TEST_EXPECTED", lus_kernels_nth(i)->name, TRUE);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
  }
  g_unsetenv("LUS_KERNELS");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  const char *text = g_getenv("LUS_TEST_SEED");
  seed = text ? g_ascii_strtoull(text, NULL, 10) : 1;
  g_test_add_func("/kernels/reference-values", test_reference_values);
  for (gsize i = 0; i < G_N_ELEMENTS(kernel_cases); i++) {
    g_autofree char *path = g_strdup_printf("/kernels/%s", kernel_cases[i].name);
    g_strdelimit(path, " _", '-');
    g_test_add_data_func(path, &kernel_cases[i], test_kernel);
  }
  g_test_add_func("/kernels/gemm", test_gemm);
  g_test_add_func("/kernels/panel-product", test_panel_product);
  g_test_add_func("/kernels/depthwise", test_depthwise);
  g_test_add_func("/kernels/winograd", test_winograd);
  g_test_add_func("/kernels/winograd-is-convolution", test_winograd_is_convolution);
  g_test_add_func("/kernels/winograd-gradient", test_winograd_gradient);
  g_test_add_func("/kernels/winograd-gradient-is-gradient", test_winograd_gradient_is_gradient);
  g_test_add_func("/kernels/outer-products", test_outer_products);
  g_test_add_func("/kernels/maximum-backward", test_maximum_backward);
  g_test_add_func("/kernels/maximum-nan", test_maximum_nan);
  g_test_add_func("/kernels/description", test_description);
  g_test_add_func("/kernels/forced", test_forced);
  return g_test_run();
}
