/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels on codes: the reference against plain loops in wide arithmetic, every other set against the reference, bit for
 * bit. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/rng.h"
#include "nn/tensor.h"

#define GUARD 0xA5
#define MAX_PIXELS 41
#define MAX_TAPS 9
#define MAX_RUN 24

/** Channels of a depthwise convolution, and bytes that its weights start after an aligned address. */
#define MAX_CHANNELS 150
#define ROW 155 /* most elements from one pixel to the next */
#define SHIFT 3

typedef struct {
  guint8 x[MAX_PIXELS * 32 + MAX_TAPS * 64 + MAX_RUN + MAX_CHANNELS];
  gint8 *w;
  gint32 bias[MAX_CHANNELS];
  float scale[MAX_CHANNELS];
  guint8 r[MAX_PIXELS * ROW];
  float r_floats[MAX_PIXELS * ROW];
  ptrdiff_t offset[MAX_TAPS];
} Case;

static void fill(Case *c, LusRng *rng)
{
  for (gsize i = 0; i < sizeof c->x; i++)
    c->x[i] = lus_rng_below(rng, 4) ? (guint8)lus_rng_below(rng, 256) : 255;
  for (int i = 0; i < MAX_TAPS * MAX_RUN * LUS_INT8_WIDTH; i++)
    c->w[i] = lus_rng_below(rng, 4) ? (gint8)((int)lus_rng_below(rng, 256) - 128) : -128;
  for (int i = 0; i < MAX_CHANNELS; i++) {
    c->bias[i] = (gint32)lus_rng_below(rng, 200000) - 100000;
    c->scale[i] = (float)lus_rng_normal(rng, 1e-3, 3e-4);
  }
  for (gsize i = 0; i < sizeof c->r; i++) {
    c->r[i] = (guint8)lus_rng_below(rng, 256);
    c->r_floats[i] = (float)lus_rng_normal(rng, 0, 20);
  }
  for (int t = 0; t < MAX_TAPS; t++)
    c->offset[t] = (ptrdiff_t)lus_rng_below(rng, 64 * MAX_TAPS);
}

/** What the declaration says, in double arithmetic: halves can only arise where float has them too. */
static gint64 plain_sum(const Case *c, const LusInt8Sums *s, int n, int p, int o)
{
  gint64 sum = s->bias[o];
  for (int t = 0; s->width == 0 && t < s->taps; t++)
    sum += (gint64)c->x[(gsize)p * s->step + (gsize)s->offset[t] + (gsize)o] * s->w[t * n + o];
  for (int t = 0; s->width > 0 && t < s->taps; t++)
    for (int k = 0; k < s->run; k++)
      sum += (gint64)c->x[(gsize)p * s->step + (gsize)s->offset[t] + (gsize)k] *
             s->w[((t * s->run + k) / 4 * s->width + o) * 4 + k % 4];
  return sum;
}

static void check_reference(const Case *c, const LusInt8Sums *s, const LusInt8Finish *f, const guint8 *codes,
                            const float *floats, int pixels)
{
  for (int p = 0; p < pixels; p++)
    for (int o = 0; o < f->n; o++) {
      float v = (float)plain_sum(c, s, f->n, p, o) * f->scale[o];
      gsize at = (gsize)p * f->ldy + (gsize)o, r_at = (gsize)(p >> f->r_half) * f->ldr + (gsize)o;
      if (!f->codes) {
        if (f->r_floats)
          v += f->r_floats[r_at];
        g_assert_true(floats[at] == CLAMP(v, f->least, f->most));
        continue;
      }
      int q = (int)CLAMP(rintf(v) + (float)f->zero, (float)f->low, (float)f->high);
      if (f->r) {
        float a = (float)(q - f->zero) * f->a, b = (float)(f->r[r_at] - f->r_zero) * f->b;
        q = (int)CLAMP(rintf(a + b) + (float)f->sum_zero, (float)f->sum_low, 255);
      }
      g_assert_cmpint(codes[at], ==, q);
    }
}

/** One call by every set; a width of 0: depthwise. */
static void check_product(Case *c, LusInt8Sums *s, LusInt8Finish *f, int pixels, gboolean codes)
{
  gsize bytes = (MAX_PIXELS * ROW + 8) * (codes ? 1 : sizeof(float));
  g_autofree guint8 *expected = g_malloc(bytes), *got = g_malloc(bytes);
  for (int i = 0; lus_kernels_nth(i); i++) {
    guint8 *out = i == 0 ? expected : got;
    memset(out, GUARD, bytes);
    f->codes = codes ? out : NULL;
    f->floats = codes ? NULL : (float *)(gpointer)out;
    const LusInt8Kernels *kernels = lus_kernels_nth(i)->int8;
    (s->width > 0 ? kernels->product : kernels->depthwise)(s, f, pixels);
    if (i == 0)
      check_reference(c, s, f, out, f->floats, pixels);
    g_assert_cmpmem(out, bytes, expected, bytes);
  }
}

/** All forms of what becomes of the sums. */
static void check_finishes(Case *c, LusInt8Sums *s, LusInt8Finish *f, int pixels, LusRng *rng)
{
  f->zero = (int)lus_rng_below(rng, 256);
  f->low = lus_rng_below(rng, 2) ? f->zero : 0;
  f->high = lus_rng_below(rng, 2) ? 255 : (int)lus_rng_below(rng, 256);
  f->low = MIN(f->low, f->high); /* CLAMP of the check needs it */
  check_product(c, s, f, pixels, TRUE);
  f->r = c->r;
  f->r_half = (int)lus_rng_below(rng, 2);
  f->r_zero = (int)lus_rng_below(rng, 256);
  f->sum_zero = (int)lus_rng_below(rng, 256);
  f->sum_low = lus_rng_below(rng, 2) ? f->sum_zero : 0;
  f->a = (float)lus_rng_normal(rng, 1, 0.2);
  f->b = (float)lus_rng_normal(rng, 1, 0.2);
  check_product(c, s, f, pixels, TRUE);
  f->least = lus_rng_below(rng, 2) ? 0 : -INFINITY;
  f->most = lus_rng_below(rng, 2) ? 20 : INFINITY;
  f->r_floats = lus_rng_below(rng, 2) ? c->r_floats : NULL;
  check_product(c, s, f, pixels, FALSE);
}

static void test_product(void)
{
  LusRng generator, *rng = &generator;
  lus_rng_init(rng, 7, 0);
  Case c;
  c.w = lus_aligned_alloc(MAX_TAPS * MAX_RUN * LUS_INT8_WIDTH);
  for (int round = 0; round < 300; round++) {
    fill(&c, rng);
    int width = lus_rng_below(rng, 2) ? 32 : 16, pixels = (int)lus_rng_below(rng, MAX_PIXELS + 1);
    LusInt8Sums s = {.x = c.x,
                     .step = lus_rng_below(rng, 33),
                     .offset = c.offset,
                     .taps = 1 + (int)lus_rng_below(rng, MAX_TAPS),
                     .run = 4 + 4 * (int)lus_rng_below(rng, MAX_RUN / 4),
                     .w = c.w,
                     .width = width,
                     .bias = c.bias};
    LusInt8Finish f = {.ldy = 32 + lus_rng_below(rng, 8),
                       .n = 1 + (int)lus_rng_below(rng, (guint)width),
                       .scale = c.scale,
                       .ldr = 32 + lus_rng_below(rng, 8)};
    check_finishes(&c, &s, &f, pixels, rng);
  }
  lus_aligned_free(c.w);
}

static void test_depthwise(void)
{
  LusRng generator, *rng = &generator;
  lus_rng_init(rng, 8, 0);
  Case c;
  c.w = lus_aligned_alloc(MAX_TAPS * MAX_RUN * LUS_INT8_WIDTH);
  for (int round = 0; round < 300; round++) {
    fill(&c, rng);
    int n = 1 + (int)lus_rng_below(rng, MAX_CHANNELS);
    LusInt8Sums s = {.x = c.x,
                     .step = lus_rng_below(rng, 33),
                     .offset = c.offset,
                     .taps = 1 + (int)lus_rng_below(rng, MAX_TAPS),
                     .w = c.w + lus_rng_below(rng, SHIFT + 1),
                     .bias = c.bias};
    LusInt8Finish f = {.ldy = (gsize)n + lus_rng_below(rng, (guint)(ROW - n) + 1),
                       .n = n,
                       .scale = c.scale,
                       .ldr = (gsize)n + lus_rng_below(rng, (guint)(ROW - n) + 1)};
    check_finishes(&c, &s, &f, (int)lus_rng_below(rng, MAX_PIXELS + 1), rng);
  }
  lus_aligned_free(c.w);
}

/** The largest number of taps, and sums at their limits. */
static void test_depthwise_limits(void)
{
  enum { CHANNELS = 35, TAPS = LUS_INT8_DEPTHWISE_TAPS };
  guint8 x[CHANNELS + 1];
  gint8 w[TAPS * CHANNELS];
  gint32 bias[CHANNELS] = {0};
  float scale[CHANNELS], y[2 * CHANNELS];
  ptrdiff_t offset[TAPS];
  memset(x, 255, sizeof x);
  for (int i = 0; i < TAPS * CHANNELS; i++)
    w[i] = i % 2 ? -128 : 127; /* an odd number of channels: alternating by tap */
  for (int i = 0; i < CHANNELS; i++)
    scale[i] = 1;
  for (int t = 0; t < TAPS; t++)
    offset[t] = 0;
  for (int taps = 1; taps <= TAPS; taps++)
    for (int i = 0; lus_kernels_nth(i); i++) {
      const LusInt8Sums s = {.x = x, .step = 1, .offset = offset, .taps = taps, .w = w, .bias = bias};
      const LusInt8Finish f = {
          .floats = y, .ldy = CHANNELS, .n = CHANNELS, .scale = scale, .least = -INFINITY, .most = INFINITY};
      lus_kernels_nth(i)->int8->depthwise(&s, &f, 2);
      for (int k = 0; k < 2 * CHANNELS; k++) {
        int first = k % CHANNELS % 2 ? -128 : 127, pairs = taps / 2 * -1;
        g_assert_cmpfloat(y[k], ==, (float)(255 * (pairs + taps % 2 * first)));
      }
    }
}

/** Literal numbers: floats that are no numbers stay so, whatever the limits. */
static void test_limits_nan(void)
{
  enum { N = 17 };
  guint8 x[N] = {0};
  gint8 w[N] = {0};
  gint32 bias[N];
  float scale[N], r[N], y[N];
  ptrdiff_t offset = 0;
  for (int i = 0; i < N; i++) {
    bias[i] = i - 8;
    scale[i] = 1;
    r[i] = i % 4 == 3 ? NAN : 0;
  }
  for (int i = 0; lus_kernels_nth(i); i++) {
    const LusInt8Sums s = {.x = x, .offset = &offset, .taps = 1, .w = w, .bias = bias};
    const LusInt8Finish f = {
        .floats = y, .ldy = N, .n = N, .scale = scale, .r_floats = r, .ldr = N, .least = -2, .most = 6};
    lus_kernels_nth(i)->int8->depthwise(&s, &f, 1);
    for (int k = 0; k < N; k++)
      g_assert_true(k % 4 == 3 ? isnan(y[k]) : y[k] == CLAMP(k - 8, -2, 6));
  }
}

/** Literal numbers: halves go to even, what is not a number to the lowest code, and is told. */
static void test_quantize_values(void)
{
  static const float x[] = {0, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN, 127.4f, 250};
  static const guint8 expected[] = {10, 10, 12, 12, 10, 8, 255, 3, 255, 3, 3, 137, 255};
  for (int i = 0; lus_kernels_nth(i); i++) {
    guint8 q[G_N_ELEMENTS(x)];
    float back[2];
    g_assert_true(lus_kernels_nth(i)->int8->quantize(q, x, 1, 10, 3, G_N_ELEMENTS(x)));
    g_assert_cmpmem(q, sizeof q, expected, sizeof expected);
    lus_kernels_nth(i)->int8->dequantize(back, (const guint8[]){0, 255}, 0.25f, 10, 2);
    g_assert_true(back[0] == -2.5f && back[1] == 61.25f);
  }
}

static void test_confidence_values(void)
{
  static const float x[] = {0, 1, 0.5f, 0.6f, 0.0019f, 0.002f, 0.998f, -3, 7, INFINITY, -INFINITY, NAN, 0.5f, 1};
  static const guint8 inside[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 15};
  static const guint8 expected[] = {0, 255, 128, 153, 0, 1, 254, 0, 255, 255, 0, 0, 0, 15};
  for (int i = 0; lus_kernels_nth(i); i++) {
    guint8 q[G_N_ELEMENTS(x)];
    lus_kernels_nth(i)->int8->confidence(q, x, inside, G_N_ELEMENTS(x));
    g_assert_cmpmem(q, sizeof q, expected, sizeof expected);
  }
}

static void test_quantize_sizes(void)
{
  LusRng generator, *rng = &generator;
  lus_rng_init(rng, 8, 0);
  for (gsize n = 0; n < 68; n++) {
    float x[72], back[2][72];
    guint8 q[2][72];
    for (gsize i = 0; i < n; i++)
      x[i] = (float)lus_rng_normal(rng, 1, 2);
    for (int i = 0; lus_kernels_nth(i); i++) {
      const LusInt8Kernels *kernels = lus_kernels_nth(i)->int8;
      memset(q[i > 0], GUARD, sizeof q[0]);
      memset(back[i > 0], GUARD, sizeof back[0]);
      g_assert_false(kernels->quantize(q[i > 0], x, 0.037f, 77, (int)n, n));
      kernels->dequantize(back[i > 0], q[i > 0], 0.037f, 77, n);
      g_assert_cmpmem(q[i > 0], sizeof q[0], q[0], sizeof q[0]);
      g_assert_cmpmem(back[i > 0], sizeof back[0], back[0], sizeof back[0]);
    }
  }
}

/* ---- the kernels that go over rows ---- */

enum { ROWS = 5, MAX_C = 68, N = ROWS * MAX_C };

typedef struct {
  guint8 a[N], b[N];
  float x[N], p[N], w[ROWS], scale[MAX_C], shift[MAX_C];
  int i0[ROWS], i1[ROWS];
} RowCase;

/** What one set gives; all of it is compared, guards too. */
typedef struct {
  guint8 add[N + 8], maximum[N + 8], pixels[N + 8], affine[N + 8], confidence[N + 8];
  float lerp[N + 8];
  guint32 sum[MAX_C + 8], square[MAX_C + 8];
} RowResult;

static void fill_rows(RowCase *r, LusRng *rng)
{
  for (int i = 0; i < N; i++) {
    r->a[i] = (guint8)lus_rng_below(rng, 256);
    r->b[i] = (guint8)lus_rng_below(rng, 256);
    r->x[i] = (float)lus_rng_below(rng, 256);
    r->p[i] = ((float)lus_rng_below(rng, 613) - 51) / 510; /* -0.1 to 1.1, every other one half way between two results */
  }
  for (int i = 0; i < ROWS; i++) {
    r->i0[i] = (int)lus_rng_below(rng, ROWS);
    r->i1[i] = (int)lus_rng_below(rng, ROWS);
    r->w[i] = (float)lus_rng_below(rng, 5) / 4; /* halves to be rounded */
  }
  for (int i = 0; i < MAX_C; i++) {
    r->scale[i] = (float)lus_rng_normal(rng, 0.5, 0.5);
    r->shift[i] = (float)lus_rng_normal(rng, 0, 50);
  }
}

static void run_rows(RowResult *out, const LusInt8Kernels *kernels, const RowCase *r, int c)
{
  gsize n = ROWS * (gsize)c;
  memset(out, GUARD, sizeof *out);
  memcpy(out->maximum, r->b, n);
  memset(out->sum, 0, (gsize)c * sizeof *out->sum);
  memset(out->square, 0, (gsize)c * sizeof *out->square);
  kernels->add(out->add, r->a, r->b, 0.5f, 0.25f, 25.5f, c % 100, n);
  kernels->maximum(out->maximum, r->a, n);
  kernels->lerp(out->lerp, r->a, r->b, 0.3f, n);
  kernels->lerp_pixels(out->pixels, r->x, r->i0, r->i1, r->w, ROWS, c);
  kernels->moments(out->sum, out->square, r->a, ROWS, c);
  kernels->affine(out->affine, r->a, r->scale, r->shift, c % 100, ROWS, c);
  kernels->confidence(out->confidence, r->p, r->b, n);
}

static int cut(float v, int low)
{
  return (int)rintf(CLAMP(v, (float)low, 255));
}

static void check_rows(const RowResult *out, const RowCase *r, int c)
{
  for (int i = 0; i < ROWS * c; i++) {
    int row = i / c, j = i % c;
    float sum = (float)r->a[i] * 0.5f + (float)r->b[i] * 0.25f; /* exact, with halves to be rounded */
    g_assert_cmpint(out->add[i], ==, cut(sum + 25.5f, c % 100));
    g_assert_cmpint(out->maximum[i], ==, MAX(r->a[i], r->b[i]));
    g_assert_cmpfloat_with_epsilon(out->lerp[i], (float)r->a[i] + 0.3f * (float)(r->b[i] - r->a[i]), 1e-4f);
    float from = r->x[r->i0[row] * c + j], to = r->x[r->i1[row] * c + j];
    g_assert_cmpint(out->pixels[i], ==, (int)rintf(from + r->w[row] * (to - from)));
    float scaled = r->scale[j] * (float)r->a[i];
    g_assert_cmpint(out->affine[i], ==, cut(scaled + r->shift[j], c % 100));
    g_assert_cmpint(out->confidence[i], ==, r->b[i] & (int)floorf(255 * CLAMP(r->p[i], 0.0f, 1.0f) + 0.5f));
  }
  for (int j = 0; j < c; j++) {
    guint32 sum = 0, square = 0;
    for (int row = 0; row < ROWS; row++) {
      sum += r->a[row * c + j];
      square += (guint32)r->a[row * c + j] * r->a[row * c + j];
    }
    g_assert_cmpuint(out->sum[j], ==, sum);
    g_assert_cmpuint(out->square[j], ==, square);
  }
}

static void test_rows(void)
{
  LusRng generator, *rng = &generator;
  lus_rng_init(rng, 9, 0);
  RowCase r;
  RowResult expected, got;
  for (int c = 1; c <= MAX_C; c++) {
    fill_rows(&r, rng);
    run_rows(&expected, lus_kernels_nth(0)->int8, &r, c);
    check_rows(&expected, &r, c);
    for (int i = 1; lus_kernels_nth(i); i++) {
      run_rows(&got, lus_kernels_nth(i)->int8, &r, c);
      g_assert_cmpmem(&got, sizeof got, &expected, sizeof expected);
    }
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/int8/product", test_product);
  g_test_add_func("/int8/depthwise", test_depthwise);
  g_test_add_func("/int8/depthwise/limits", test_depthwise_limits);
  g_test_add_func("/int8/limits/nan", test_limits_nan);
  g_test_add_func("/int8/quantize/values", test_quantize_values);
  g_test_add_func("/int8/quantize/sizes", test_quantize_sizes);
  g_test_add_func("/int8/confidence/values", test_confidence_values);
  g_test_add_func("/int8/rows", test_rows);
  return g_test_run();
}
