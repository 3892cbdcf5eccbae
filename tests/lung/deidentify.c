/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/deidentify.h"

#include <string.h>

#define W 37
#define H 23

typedef struct {
  guint8 memory[3][H][4 * W];
  LusImage image;
} Picture;

/** Every byte 200; strides wider than the rows. */
static void fill(Picture *picture, LusFormat format, gboolean full_range)
{
  int planes = format == LUS_FORMAT_NV12 || format == LUS_FORMAT_NV21 ? 2
               : format == LUS_FORMAT_I420 || format == LUS_FORMAT_YV12 || format == LUS_FORMAT_Y42B ||
                     format == LUS_FORMAT_Y444
                 ? 3
                 : 1;
  memset(picture->memory, 200, sizeof(picture->memory));
  picture->image = (LusImage){.format = format, .width = W, .height = H, .full_range = full_range};
  for (int i = 0; i < planes; i++) {
    picture->image.planes[i] = picture->memory[i][0];
    picture->image.strides[i] = 4 * W;
  }
}

static int black_luma(LusFormat format, gboolean full_range)
{
  return format == LUS_FORMAT_GRAY8 || format >= LUS_FORMAT_RGB || full_range ? 0 : 16;
}

/** The bytes of pixel (x, y) that carry luma: their common value, or -1. */
static int luma_byte(const Picture *picture, int x, int y)
{
  guint8 luma;
  lus_image_luma_row(&luma, &picture->image, x, y, 1);
  return luma;
}

/** Everything black but the 3 x 2 samples over (8,6) 12x8: gaps between samples, whole ones at the rectangle's borders. */
static void test_formats(void)
{
  guint8 sector[6] = {255, 255, 255, 255, 255, 255};
  for (int format = 0; format < LUS_FORMAT_N; format++) {
    Picture picture, before;
    fill(&picture, format, FALSE);
    fill(&before, format, FALSE);
    int lit = luma_byte(&before, 0, 0);
    lus_deidentify(&picture.image, sector, 3, 2, (LusRect){8, 6, 12, 8});
    for (int y = 0; y < H; y++)
      for (int x = 0; x < W; x++) {
        gboolean inside = x >= 8 && x < 20 && y >= 6 && y < 14;
        int expected = inside ? lit : 0, luma = luma_byte(&picture, x, y);
        if (inside && format >= LUS_FORMAT_RGB)
          g_assert_cmpint(luma, ==, expected);
        else if (luma != expected)
          g_error("%s: (%d, %d) is %d, expected %d", lus_format_name(format), x, y, luma, expected);
      }
  }
}

/** No byte of an all-black picture keeps anything of what was there: chroma (of an odd last column, too) and alpha included. */
static void test_nothing_known(void)
{
  for (int format = 0; format < LUS_FORMAT_N; format++)
    for (int full = 0; full < 2; full++) {
      Picture picture;
      fill(&picture, format, full);
      int x_shift, y_shift, black = black_luma(format, full);
      lus_format_subsampling(format, &x_shift, &y_shift);
      lus_deidentify(&picture.image, NULL, 0, 0, (LusRect){0});
      for (int y = 0; y < H; y++) {
        gboolean packed = format >= LUS_FORMAT_YUY2 && format <= LUS_FORMAT_VYUY;
        gboolean rgb = format >= LUS_FORMAT_RGB;
        int step = packed ? 2 : !rgb ? 1 : format <= LUS_FORMAT_BGR ? 3 : 4, left = 0, opaque = 0;
        for (int i = 0; i < (packed ? W + 1 : W) * step; i++) {
          left += picture.memory[0][y][i] == 200;
          opaque += picture.memory[0][y][i] == 255;
        }
        g_assert_cmpint(left, ==, packed ? 1 : 0); /* the luma that pads a pair */
        g_assert_cmpint(opaque, ==, step == 4 ? W : 0);
        if (!rgb && !packed)
          g_assert_cmpint(picture.memory[0][y][W - 1], ==, black);
      }
      for (int i = 1; i < 3 && picture.image.planes[i]; i++) {
        gboolean pairs = format == LUS_FORMAT_NV12 || format == LUS_FORMAT_NV21;
        for (int y = 0; y < (H + y_shift) >> y_shift; y++)
          for (int x = 0; x < ((W + x_shift) >> x_shift) * (pairs ? 2 : 1); x++)
            g_assert_cmpint(picture.memory[i][y][x], ==, 128);
      }
    }
}

/** A chroma sample over the border is neutral. */
static void test_chroma_at_border(void)
{
  guint8 sector = 255;
  Picture picture;
  fill(&picture, LUS_FORMAT_I420, TRUE);
  lus_deidentify(&picture.image, &sector, 1, 1, (LusRect){5, 5, 6, 6}); /* 5..10: samples 3, 4 are inside as a whole */
  const int expected[7] = {128, 128, 128, 200, 200, 128, 128};
  for (int i = 0; i < 7; i++) {
    g_assert_cmpint(picture.memory[1][4][i], ==, expected[i]);
    g_assert_cmpint(picture.memory[2][i][4], ==, expected[i]);
  }
}

/** Where samples are pixels, the sector is kept pixel by pixel. */
static void test_one_to_one(void)
{
  guint8 sector[4][5] = {{0, 0, 255, 0, 0}, {0, 255, 255, 255, 0}, {255, 255, 255, 255, 255}, {0, 255, 0, 255, 0}};
  Picture picture;
  fill(&picture, LUS_FORMAT_GRAY8, TRUE);
  lus_deidentify(&picture.image, sector[0], 5, 4, (LusRect){30, 19, 5, 4});
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      gboolean inside = x >= 30 && x < 35 && y >= 19 && sector[y - 19][x - 30];
      g_assert_cmpint(picture.memory[0][y][x], ==, inside ? 200 : 0);
    }
}

/** Enlarged, a pixel is kept only between four samples inside; the rectangle may reach beyond the picture. */
static void test_enlarged(void)
{
  guint8 sector[3][3] = {{255, 255, 0}, {255, 255, 255}, {0, 255, 255}};
  Picture picture;
  fill(&picture, LUS_FORMAT_GRAY8, TRUE);
  lus_deidentify(&picture.image, sector[0], 3, 3, (LusRect){-4, 2, 12, 12}); /* samples at x -2.5 1.5 5.5, y 3.5 7.5 11.5 */
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      gboolean kept = y >= 2 && y < 14 && x < 8 &&
                      !(x >= 2 && y < 8) && /* beside (2, 0) */
                      !(x < 2 && y >= 8);   /* beside (0, 2) */
      g_assert_cmpint(picture.memory[0][y][x], ==, kept ? 200 : 0);
    }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/deidentify/formats", test_formats);
  g_test_add_func("/deidentify/nothing-known", test_nothing_known);
  g_test_add_func("/deidentify/chroma-at-border", test_chroma_at_border);
  g_test_add_func("/deidentify/one-to-one", test_one_to_one);
  g_test_add_func("/deidentify/enlarged", test_enlarged);
  return g_test_run();
}
