/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/image.h"

#include <string.h>

static void test_names(void)
{
  g_assert_cmpstr(lus_format_name(LUS_FORMAT_GRAY8), ==, "GRAY8");
  g_assert_cmpstr(lus_format_name(LUS_FORMAT_RGBX), ==, "RGBx");
  g_assert_cmpstr(lus_format_name(LUS_FORMAT_XBGR), ==, "xBGR");
  g_assert_null(lus_format_name(LUS_FORMAT_N));
  g_assert_cmpint(lus_format_from_name("NV21"), ==, LUS_FORMAT_NV21);
  g_assert_cmpint(lus_format_from_name("I420_10LE"), ==, -1);
  g_assert_cmpint(lus_format_from_name(NULL), ==, -1);
  for (int i = 0; i < LUS_FORMAT_N; i++)
    g_assert_cmpint(lus_format_from_name(lus_format_name((LusFormat)i)), ==, i);
}

static void test_subsampling(void)
{
  static const struct {
    LusFormat format;
    int x, y;
  } cases[] = {
    {LUS_FORMAT_GRAY8, 0, 0}, {LUS_FORMAT_YV12, 1, 1}, {LUS_FORMAT_NV12, 1, 1}, {LUS_FORMAT_Y42B, 1, 0},
    {LUS_FORMAT_Y444, 0, 0},  {LUS_FORMAT_UYVY, 1, 0}, {LUS_FORMAT_BGRA, 0, 0},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    int x = -1, y = -1;
    lus_format_subsampling(cases[i].format, &x, &y);
    g_assert_cmpint(x, ==, cases[i].x);
    g_assert_cmpint(y, ==, cases[i].y);
  }
}

/* ---- each format: 7 x 3 pixels, padded; pixel (x, y) has luma 10 (y + 1) + x and everything else is 200 ---- */

enum { WIDTH = 7, HEIGHT = 3, STRIDE = 40 };

/* Bytes per pixel of the first plane and the bytes that carry the luma, first to last. */
typedef struct {
  LusFormat format;
  int step, first, last;
} Place;

static const Place places[LUS_FORMAT_N] = {
  {LUS_FORMAT_GRAY8, 1, 0, 0}, {LUS_FORMAT_I420, 1, 0, 0}, {LUS_FORMAT_YV12, 1, 0, 0}, {LUS_FORMAT_NV12, 1, 0, 0},
  {LUS_FORMAT_NV21, 1, 0, 0},  {LUS_FORMAT_Y42B, 1, 0, 0}, {LUS_FORMAT_Y444, 1, 0, 0}, {LUS_FORMAT_YUY2, 2, 0, 0},
  {LUS_FORMAT_YVYU, 2, 0, 0},  {LUS_FORMAT_UYVY, 2, 1, 1}, {LUS_FORMAT_VYUY, 2, 1, 1}, {LUS_FORMAT_RGB, 3, 0, 2},
  {LUS_FORMAT_BGR, 3, 0, 2},   {LUS_FORMAT_RGBX, 4, 0, 2}, {LUS_FORMAT_BGRX, 4, 0, 2}, {LUS_FORMAT_XRGB, 4, 1, 3},
  {LUS_FORMAT_XBGR, 4, 1, 3},  {LUS_FORMAT_RGBA, 4, 0, 2}, {LUS_FORMAT_BGRA, 4, 0, 2}, {LUS_FORMAT_ARGB, 4, 1, 3},
  {LUS_FORMAT_ABGR, 4, 1, 3},
};

static void draw(guint8 *plane, const Place *place)
{
  memset(plane, 200, STRIDE * HEIGHT);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int k = place->first; k <= place->last; k++)
        plane[y * STRIDE + x * place->step + k] = (guint8)(10 * (y + 1) + x);
}

static void test_formats(void)
{
  for (int i = 0; i < LUS_FORMAT_N; i++) {
    guint8 plane[STRIDE * HEIGHT], out[5] = {0};
    draw(plane, &places[i]);
    LusImage image = {.format = places[i].format, .width = WIDTH, .height = HEIGHT, .planes = {plane},
                      .strides = {STRIDE}, .full_range = TRUE};
    lus_image_luma_row(out, &image, 3, 2, 4);
    const guint8 expected[5] = {33, 34, 35, 36, 0};
    g_assert_cmpmem(out, 5, expected, 5);
    lus_image_luma_row(out, &image, 0, 1, 1);
    g_assert_cmpint(out[0], ==, 20);
  }
}

static void test_range(void)
{
  guint8 plane[6] = {0, 16, 17, 126, 235, 250}, out[6];
  const guint8 expanded[6] = {0, 0, 1, 128, 255, 255};
  LusImage image = {.format = LUS_FORMAT_NV12, .width = 6, .height = 1, .planes = {plane}, .strides = {6}};
  lus_image_luma_row(out, &image, 0, 0, 6);
  g_assert_cmpmem(out, 6, expanded, 6);
  image.full_range = TRUE;
  lus_image_luma_row(out, &image, 0, 0, 6);
  g_assert_cmpmem(out, 6, plane, 6);
  image.format = LUS_FORMAT_GRAY8;
  image.full_range = FALSE; /* GRAY8 is full range whatever is said */
  lus_image_luma_row(out, &image, 0, 0, 6);
  g_assert_cmpmem(out, 6, plane, 6);
}

static void test_matrices(void)
{
  static const struct {
    LusMatrix matrix;
    guint8 luma[3]; /* of pure red, green, blue */
  } cases[] = {
    {LUS_MATRIX_BT601, {76, 150, 29}}, {LUS_MATRIX_BT709, {54, 182, 18}}, {LUS_MATRIX_BT2020, {67, 173, 15}}};
  guint8 rgb[9] = {255, 0, 0, 0, 255, 0, 0, 0, 255}, xbgr[12] = {9, 0, 0, 255, 9, 0, 255, 0, 9, 255, 0, 0}, out[3];
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusImage image = {.format = LUS_FORMAT_RGB, .width = 3, .height = 1, .planes = {rgb}, .strides = {9},
                      .matrix = cases[i].matrix};
    lus_image_luma_row(out, &image, 0, 0, 3);
    g_assert_cmpmem(out, 3, cases[i].luma, 3);
    image = (LusImage){.format = LUS_FORMAT_XBGR, .width = 3, .height = 1, .planes = {xbgr}, .strides = {12},
                       .matrix = cases[i].matrix};
    lus_image_luma_row(out, &image, 0, 0, 3);
    g_assert_cmpmem(out, 3, cases[i].luma, 3);
  }
}

static void test_grey(void)
{
  for (int matrix = LUS_MATRIX_BT601; matrix <= LUS_MATRIX_BT2020; matrix++)
    for (int v = 0; v < 256; v++) {
      guint8 pixel[4] = {(guint8)v, (guint8)v, (guint8)v, 77}, out;
      LusImage image = {.format = LUS_FORMAT_BGRA, .width = 1, .height = 1, .planes = {pixel}, .strides = {4},
                        .matrix = (LusMatrix)matrix};
      lus_image_luma_row(&out, &image, 0, 0, 1);
      g_assert_cmpint(out, ==, v);
    }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/names", test_names);
  g_test_add_func("/image/subsampling", test_subsampling);
  g_test_add_func("/image/formats", test_formats);
  g_test_add_func("/image/range", test_range);
  g_test_add_func("/image/matrices", test_matrices);
  g_test_add_func("/image/grey", test_grey);
  return g_test_run();
}
