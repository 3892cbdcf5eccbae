/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/preprocess.h"

#include <math.h>
#include <string.h>

static LusImage gray_image(guint8 *pixels, int width, int height, int stride)
{
  return (LusImage){.format = LUS_FORMAT_GRAY8, .width = width, .height = height, .planes = {pixels},
                    .strides = {stride}};
}

/* Luma of the whole picture (or @crop) at @width x @height; newly allocated. */
static guint8 *scale(const LusImage *image, LusRect crop, int width, int height)
{
  LusGeometry geometry;
  lus_geometry_fit(&geometry, crop, width, height);
  g_autofree void *scratch = g_malloc(lus_preprocess_scratch_size(&geometry));
  guint8 *luma = g_malloc((gsize)width * height);
  memset(luma, 99, (gsize)width * height);
  lus_preprocess_luma(luma, image, &geometry, scratch);
  return luma;
}

/* ---- geometry ---- */

static void check_geometry(LusRect crop, int input_width, int input_height, int x, int width, int height)
{
  LusGeometry g;
  lus_geometry_fit(&g, crop, input_width, input_height);
  g_assert_cmpint(g.x, ==, x);
  g_assert_cmpint(g.y, ==, 0);
  g_assert_cmpint(g.width, ==, width);
  g_assert_cmpint(g.height, ==, height);
  g_assert_cmpint(g.crop.x, ==, crop.x);
  g_assert_cmpint(g.input_width, ==, input_width);
}

static void test_geometry(void)
{
  check_geometry((LusRect){5, 6, 350, 350}, 256, 256, 0, 256, 256);
  check_geometry((LusRect){0, 0, 1280, 720}, 256, 256, 0, 256, 144);
  check_geometry((LusRect){3, 1, 156, 540}, 256, 256, 91, 74, 256); /* 73.96 wide */
  check_geometry((LusRect){0, 0, 100, 50}, 256, 192, 0, 256, 128);
  check_geometry((LusRect){0, 0, 8192, 16}, 256, 256, 0, 256, 1); /* never less than a pixel */
}

/* ---- luma ---- */

static void test_same_size(void)
{
  guint8 pixels[3 * 8];
  for (int i = 0; i < 24; i++)
    pixels[i] = (guint8)(10 * i);
  LusImage image = gray_image(pixels, 5, 3, 8);
  g_autofree guint8 *out = scale(&image, (LusRect){0, 0, 5, 3}, 5, 3);
  for (int y = 0; y < 3; y++)
    g_assert_cmpmem(out + 5 * y, 5, pixels + 8 * y, 5);
}

static void test_average(void)
{
  /* 5 pixels to 2: 1/2.5 of each of two, half a weight of the middle one; (10 + 20 + 15) / 2.5 = 18. */
  guint8 pixels[10] = {10, 20, 30, 40, 50, 10, 20, 30, 40, 50};
  LusImage image = gray_image(pixels, 5, 2, 5);
  g_autofree guint8 *out = scale(&image, (LusRect){0, 0, 5, 2}, 2, 1);
  g_assert_cmpint(out[0], ==, 18);
  g_assert_cmpint(out[1], ==, 42);
  guint8 square[16] = {0, 0, 255, 255, 0, 0, 255, 255, 1, 2, 9, 9, 3, 4, 9, 11};
  image = gray_image(square, 4, 4, 4);
  g_autofree guint8 *halved = scale(&image, (LusRect){0, 0, 4, 4}, 2, 2);
  const guint8 expected[4] = {0, 255, 3 /* 2.5 */, 10 /* 9.5 */};
  g_assert_cmpmem(halved, 4, expected, 4);
}

static void test_bilinear(void)
{
  /* Sample centres at -0.25, 0.25, 0.75, 1.25 of the two pixels. */
  guint8 pixels[2] = {0, 100};
  LusImage image = gray_image(pixels, 2, 1, 2);
  g_autofree guint8 *out = scale(&image, (LusRect){0, 0, 2, 1}, 4, 2);
  const guint8 expected[8] = {0, 25, 75, 100, 0, 25, 75, 100};
  g_assert_cmpmem(out, 8, expected, 8);
}

static void test_place(void)
{
  guint8 pixels[12 * 20];
  memset(pixels, 7, sizeof pixels);
  for (int y = 2; y < 12; y++)
    memset(pixels + 20 * y + 3, 200, 5); /* a crop 5 x 10 at (3, 2) */
  LusImage image = gray_image(pixels, 18, 12, 20);
  g_autofree guint8 *out = scale(&image, (LusRect){3, 2, 5, 10}, 16, 20);
  for (int y = 0; y < 20; y++)
    for (int x = 0; x < 16; x++)
      g_assert_cmpint(out[16 * y + x], ==, x >= 3 && x < 13 ? 200 : 0);
}

/* A flat picture stays exactly as it is whatever the sizes: the weights sum up to one. */
static void test_flat(void)
{
  static const int sizes[][4] = {
    {97, 61, 32, 32}, {33, 35, 32, 64}, {640, 479, 96, 64}, {17, 16, 64, 64}, {2000, 17, 7, 7}};
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    int width = sizes[i][0], height = sizes[i][1], w = sizes[i][2], h = sizes[i][3];
    g_autofree guint8 *pixels = g_malloc((gsize)width * height);
    for (int level = 1; level < 256; level += 127) {
      memset(pixels, level, (gsize)width * height);
      LusImage image = gray_image(pixels, width, height, width);
      LusGeometry g;
      lus_geometry_fit(&g, (LusRect){0, 0, width, height}, w, h);
      g_autofree guint8 *out = scale(&image, g.crop, w, h);
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
          g_assert_cmpint(out[y * w + x], ==, y < g.height && x >= g.x && x < g.x + g.width ? level : 0);
    }
  }
}

/* Against the area average in double precision. */
static void test_accuracy(void)
{
  enum { W = 211, H = 173, N = 64 };
  g_autofree guint8 *pixels = g_malloc(W * H);
  g_autoptr(GRand) rand = g_rand_new_with_seed(4);
  for (int i = 0; i < W * H; i++)
    pixels[i] = (guint8)g_rand_int(rand);
  LusImage image = gray_image(pixels, W, H, W);
  LusGeometry g;
  lus_geometry_fit(&g, (LusRect){0, 0, W, H}, N, N);
  g_autofree guint8 *out = scale(&image, g.crop, N, N);
  for (int y = 0; y < g.height; y++)
    for (int x = 0; x < g.width; x++) {
      double x0 = (double)x * W / g.width, x1 = (double)(x + 1) * W / g.width, y0 = (double)y * H / g.height,
             y1 = (double)(y + 1) * H / g.height, sum = 0;
      for (int v = (int)y0; v < MIN(y1, H); v++)
        for (int u = (int)x0; u < MIN(x1, W); u++)
          sum += (MIN(u + 1, x1) - MAX(u, x0)) * (MIN(v + 1, y1) - MAX(v, y0)) * pixels[v * W + u];
      double expected = sum / ((x1 - x0) * (y1 - y0));
      g_assert_cmpfloat(fabs(out[y * N + g.x + x] - expected), <, 1.25);
    }
}

static void test_sector(void)
{
  LusGeometry g;
  lus_geometry_fit(&g, (LusRect){0, 0, 20, 40}, 4, 4);
  guint8 luma[16], inside[8] = {255, 0, 0, 255, 255, 255, 0, 0};
  memset(luma, 50, sizeof luma);
  lus_preprocess_sector(luma, inside, &g);
  const guint8 expected[16] = {50, 50, 0, 50, 50, 0, 50, 50, 50, 50, 50, 50, 50, 0, 0, 50};
  g_assert_cmpmem(luma, 16, expected, 16);
}

/* ---- labels ---- */

static void test_labels(void)
{
  LusGeometry g;
  lus_geometry_fit(&g, (LusRect){1, 0, 4, 4}, 2, 2);
  const guint8 plane[4 * 6] = {
    9, 0,   100, 255, 255, 9, /* */
    9, 100, 100, 80,  255, 9, /* */
    9, 255, 255, 40,  60,  9, /* */
    9, 255, 60,  60,  40,  9,
  };
  guint8 out[4];
  lus_preprocess_labels(out, plane, 6, &g);
  /* The pixel under a sample's centre is its lower right one: 100, 255, 60, 40. */
  const guint8 expected[4] = {75, 255, 60, 50};
  g_assert_cmpmem(out, 4, expected, 4);
}

static void test_labels_like_luma(void)
{
  guint8 pixels[40 * 30];
  for (int y = 0; y < 30; y++)
    for (int x = 0; x < 40; x++)
      pixels[40 * y + x] = (guint8)(2 * x + 3 * y);
  LusImage image = gray_image(pixels, 40, 30, 40);
  static const int inputs[][2] = {{32, 32}, {64, 64}, {7, 9}};
  for (gsize i = 0; i < G_N_ELEMENTS(inputs); i++) {
    LusGeometry g;
    lus_geometry_fit(&g, (LusRect){2, 3, 37, 25}, inputs[i][0], inputs[i][1]);
    g_autofree guint8 *luma = scale(&image, g.crop, inputs[i][0], inputs[i][1]);
    g_autofree guint8 *labels = g_malloc((gsize)inputs[i][0] * inputs[i][1]);
    lus_preprocess_labels(labels, pixels, 40, &g);
    for (int k = 0; k < inputs[i][0] * inputs[i][1]; k++)
      g_assert_cmpint(ABS(labels[k] - luma[k]), <=, 1);
  }
}

/* ---- normalisation ---- */

static void test_fixed(void)
{
  const guint8 luma[4] = {0, 51, 255, 102};
  const LusNormalise normalise = {.mode = LUS_NORMALISE_FIXED, .mean = 0.4f, .std = 0.2f};
  float out[12];
  lus_preprocess_normalise(out, luma, 2, 2, 3, &normalise);
  const float expected[4] = {-2, -1, 3, 0};
  for (int i = 0; i < 12; i++)
    g_assert_cmpfloat_with_epsilon(out[i], expected[i % 4], 1e-6f);
}

static void test_lit(void)
{
  /* 50 pixels of 20, 50 of 40, 44 dark: m = 30, s = 10. */
  guint8 luma[144] = {0};
  for (int i = 0; i < 100; i++)
    luma[i] = i % 2 ? 20 : 40;
  luma[100] = 3; /* not lit */
  const LusNormalise normalise = {.mode = LUS_NORMALISE_LIT};
  float out[144];
  lus_preprocess_normalise(out, luma, 12, 12, 1, &normalise);
  g_assert_cmpfloat_with_epsilon(out[0], 10.0f / 14.0f, 1e-6f);
  g_assert_cmpfloat_with_epsilon(out[1], -10.0f / 14.0f, 1e-6f);
  g_assert_cmpfloat_with_epsilon(out[100], -27.0f / 14.0f, 1e-6f);
  g_assert_cmpfloat_with_epsilon(out[101], -30.0f / 14.0f, 1e-6f);
}

static void test_lit_limits(void)
{
  guint8 luma[256];
  const LusNormalise normalise = {.mode = LUS_NORMALISE_LIT};
  float out[256];
  memset(luma, 0, sizeof luma);
  lus_preprocess_normalise(out, luma, 16, 16, 1, &normalise);
  g_assert_cmpfloat(out[7], ==, 0.0f); /* black: nothing lit, m = 0, s = 0 */
  memset(luma, 100, sizeof luma);
  luma[3] = 0;
  luma[4] = 255;
  lus_preprocess_normalise(out, luma, 16, 16, 1, &normalise);
  g_assert_cmpfloat(out[3], ==, -4.0f);
  g_assert_cmpfloat(out[4], ==, 6.0f);
  /* 16 lit pixels of 200 count as 64: m = 50, s = sqrt(16 150^2 / 64) = 75. */
  memset(luma, 0, sizeof luma);
  memset(luma, 200, 16);
  lus_preprocess_normalise(out, luma, 16, 16, 1, &normalise);
  g_assert_cmpfloat_with_epsilon(out[0], 150.0f / 79.0f, 1e-6f);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/preprocess/geometry", test_geometry);
  g_test_add_func("/preprocess/same-size", test_same_size);
  g_test_add_func("/preprocess/average", test_average);
  g_test_add_func("/preprocess/bilinear", test_bilinear);
  g_test_add_func("/preprocess/place", test_place);
  g_test_add_func("/preprocess/flat", test_flat);
  g_test_add_func("/preprocess/accuracy", test_accuracy);
  g_test_add_func("/preprocess/sector", test_sector);
  g_test_add_func("/preprocess/labels", test_labels);
  g_test_add_func("/preprocess/labels-like-luma", test_labels_like_luma);
  g_test_add_func("/preprocess/fixed", test_fixed);
  g_test_add_func("/preprocess/lit", test_lit);
  g_test_add_func("/preprocess/lit-limits", test_lit_limits);
  return g_test_run();
}
