/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/confidence.h"

#include <math.h>
#include <string.h>

/* ---- quantising and cutting ---- */

static void test_quantise(void)
{
  static const struct {
    float confidence;
    guint8 q;
  } cases[] = {{0, 0},       {0.6f, 153}, {1, 255},         {0.5f, 128},       {0.0019f, 0}, {0.002f, 1},
               {0.998f, 254}, {0.999f, 255}, {-3, 0},       {7, 255},          {INFINITY, 255}, {-INFINITY, 0}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    g_assert_cmpint(lus_confidence_quantise(cases[i].confidence), ==, cases[i].q);
  g_assert_cmpint(lus_confidence_quantise(NAN), ==, 0);
}

static void test_cut(void)
{
  static const struct {
    double threshold;
    guint8 cut;
  } cases[] = {{0, 0},     {0.6, 153},           {(double)0.6f, 153},     {0.3, 77}, {0.4, 102}, {0.5, 128},
               {1, 255},   {153.0 / 255 + 1e-5, 154}, {153.0 / 255 - 1e-5, 153}, {1e-9, 0}, {-1, 0},   {2, 255},
               {0.999, 255}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
    g_assert_cmpint(lus_confidence_cut(cases[i].threshold), ==, cases[i].cut);
  g_assert_cmpint(lus_confidence_cut(NAN), ==, 255);
}

/* Every quantised value lies in the mask of its own threshold and not in that of the next one. */
static void test_steps(void)
{
  for (int q = 1; q < 256; q++) {
    g_assert_cmpint(lus_confidence_quantise((float)q / 255), ==, q);
    g_assert_cmpint(lus_confidence_cut(q / 255.0), ==, q);
  }
}

/* ---- masks: 2 classes, 7 x 3 ---- */

enum { W = 7, H = 3, CLASSES = 2 };

static LusSegmentation example(guint8 *confidence, guint8 *sector)
{
  static const guint8 values[CLASSES * W * H] = {
    160, 160, 0, 0, 153, 0,   152, /* */
    0,   0,   0, 0, 0,   153, 0,   /* */
    200, 0,   0, 0, 0,   0,   255,
    /* second class */
    90, 170, 0, 0, 153, 0, 152, /* */
    0,  0,   0, 0, 0,   0, 152, /* */
    0,  0,   0, 0, 0,   0, 153,
  };
  memcpy(confidence, values, sizeof values);
  memset(sector, 255, W * H);
  return (LusSegmentation){.n_classes = CLASSES, .width = W, .height = H, .confidence = confidence, .sector = sector};
}

static void check_plane(const guint8 *plane, const char *expected)
{
  for (int i = 0; i < W * H; i++)
    g_assert_cmpint(plane[i], ==, expected[i] == '#' ? 255 : 0);
}

static void check_ids(const LusMask *mask, const char *expected)
{
  for (int i = 0; i < W * H; i++)
    g_assert_cmpint(mask->ids[i], ==, expected[i] - '0');
}

static void test_masks(void)
{
  guint8 confidence[CLASSES * W * H], sector[W * H];
  LusSegmentation segmentation = example(confidence, sector);
  const LusConfidenceConfig config = {.thresholds = {0.6, 0.35}};
  g_autoptr(LusMasker) masker = lus_masker_new();
  g_autoptr(LusMask) mask = lus_masker_run(masker, &segmentation, &config);
  g_assert_cmpint(mask->n_classes, ==, 2);
  g_assert_cmpint(mask->width, ==, 7);
  g_assert_cmpint(mask->height, ==, 3);
  g_assert_cmpint(mask->cut[0], ==, 153);
  g_assert_cmpint(mask->cut[1], ==, 90);
  check_plane(mask->planes, "##..#.."
                            ".....#."
                            "#.....#");
  check_plane(mask->planes + W * H, "##..#.#"
                                    "......#"
                                    "......#");
  check_ids(mask, "1200102" /* 153 against 153: the lower index */
                  "0000012"
                  "1000001");
}

static void test_min_area(void)
{
  guint8 confidence[CLASSES * W * H], sector[W * H];
  LusSegmentation segmentation = example(confidence, sector);
  LusConfidenceConfig config = {.thresholds = {0.6, 0.6}, .min_area = 3};
  g_autoptr(LusMasker) masker = lus_masker_new();
  g_autoptr(LusMask) mask = lus_masker_run(masker, &segmentation, &config);
  check_plane(mask->planes, "....#.." /* a diagonal of three is one component */
                            ".....#."
                            "......#");
  check_plane(mask->planes + W * H, "......."
                                    "......."
                                    ".......");
  config.min_area = 1;
  g_autoptr(LusMask) all = lus_masker_run(masker, &segmentation, &config);
  check_plane(all->planes, "##..#.."
                           ".....#."
                           "#.....#");
}

static void test_outside(void)
{
  guint8 confidence[CLASSES * W * H], sector[W * H];
  LusSegmentation segmentation = example(confidence, sector);
  const LusConfidenceConfig config = {.thresholds = {0, 0.6}};
  memset(sector + W, 0, 2 * W);
  g_autoptr(LusMasker) masker = lus_masker_new();
  g_autoptr(LusMask) mask = lus_masker_run(masker, &segmentation, &config);
  check_plane(mask->planes, "#######" /* at 0 everything inside the sector */
                            "......."
                            ".......");
  check_ids(mask, "1211111"
                  "0000000"
                  "0000000");
}

/* The memory is used again, but never under a reference, and outlives the masker. */
static void test_reuse(void)
{
  guint8 confidence[CLASSES * W * H], sector[W * H];
  LusSegmentation segmentation = example(confidence, sector);
  const LusConfidenceConfig config = {.thresholds = {0.6, 0.6}};
  LusMasker *masker = lus_masker_new();
  LusMask *first = lus_masker_run(masker, &segmentation, &config);
  LusMask *second = lus_masker_run(masker, &segmentation, &config);
  g_assert_true(first != second);
  g_assert_true(lus_mask_ref(first) == first);
  lus_mask_unref(first);
  LusMask *third = lus_masker_run(masker, &segmentation, &config);
  g_assert_true(third != first && third != second);
  lus_mask_unref(first);
  LusMask *fourth = lus_masker_run(masker, &segmentation, &config);
  g_assert_true(fourth == first);
  lus_mask_unref(third);
  segmentation.height = 2; /* another size: idle memory goes */
  LusMask *fifth = lus_masker_run(masker, &segmentation, &config);
  g_assert_cmpint(fifth->height, ==, 2);
  lus_masker_free(masker);
  g_assert_cmpint(second->ids[1], ==, 2);
  lus_mask_unref(second);
  lus_mask_unref(fourth);
  lus_mask_unref(fifth);
  lus_mask_unref(NULL);
  lus_masker_free(NULL);
}

/* ---- planes to frames ---- */

static void test_identity(void)
{
  guint8 plane[15], out[5 * 9];
  for (int i = 0; i < 15; i++)
    plane[i] = (guint8)(i * 17 + 3);
  for (int nearest = 0; nearest < 2; nearest++) {
    memset(out, 99, sizeof out);
    lus_plane_to_frame(out, 9, 7, 5, plane, 5, 3, (LusRect){1, 2, 5, 3}, nearest);
    for (int y = 0; y < 5; y++)
      for (int x = 0; x < 9; x++) {
        gboolean inside = x >= 1 && x < 6 && y >= 2;
        int expected = x >= 7 ? 99 /* padding */ : inside ? plane[(y - 2) * 5 + x - 1] : 0;
        g_assert_cmpint(out[y * 9 + x], ==, expected);
      }
  }
}

static void test_bilinear(void)
{
  const guint8 plane[4] = {0, 100, 200, 40};
  guint8 out[16];
  lus_plane_to_frame(out, 4, 4, 4, plane, 2, 2, (LusRect){0, 0, 4, 4}, FALSE);
  /* centres at 0 (clamped), 1/4, 3/4, 1 (clamped) */
  const guint8 expected[16] = {0,   25,  75, 100, /* */
                               50,  59,  76, 85,  /* 3/4 (0 25 75 100) + 1/4 (200 160 80 40) */
                               150, 126, 79, 55,  /* */
                               200, 160, 80, 40};
  g_assert_cmpmem(out, 16, expected, 16);
}

static void test_nearest(void)
{
  const guint8 plane[3] = {1, 2, 3};
  guint8 out[8];
  lus_plane_to_frame(out, 8, 8, 1, plane, 3, 1, (LusRect){0, 0, 8, 1}, TRUE);
  /* floor((x + 0.5) 3 / 8) */
  const guint8 expected[8] = {1, 1, 1, 2, 2, 3, 3, 3};
  g_assert_cmpmem(out, 8, expected, 8);
  for (int rw = 1; rw < 40; rw++)
    for (int w = 1; w < 40; w++) {
      guint8 numbers[40], row[40];
      for (int i = 0; i < w; i++)
        numbers[i] = (guint8)i;
      lus_plane_to_frame(row, 40, rw, 1, numbers, w, 1, (LusRect){0, 0, rw, 1}, TRUE);
      for (int x = 0; x < rw; x++)
        g_assert_cmpint(row[x], ==, (2 * x + 1) * w / (2 * rw));
    }
}

static void test_clipped(void)
{
  guint8 plane[16], out[4 * 5];
  for (int i = 0; i < 16; i++)
    plane[i] = (guint8)(i + 1);
  lus_plane_to_frame(out, 5, 5, 4, plane, 4, 4, (LusRect){-2, 2, 4, 4}, FALSE);
  const guint8 expected[20] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 7, 8, 0, 0, 0};
  g_assert_cmpmem(out, 20, expected, 20);
  lus_plane_to_frame(out, 5, 5, 4, plane, 4, 4, (LusRect){7, 0, 4, 4}, TRUE);
  for (int i = 0; i < 20; i++)
    g_assert_cmpint(out[i], ==, 0);
}

/* 8-connected pixels down to 151 (59 %) join those from 153 on: in the first class the one at the right end of the first
 * row, through the corner below; in the second three of the last column. */
static void test_hysteresis(void)
{
  static const guint8 joined[CLASSES * W * H] = {
    1, 1, 0, 0, 1, 0, 1, /* */
    0, 0, 0, 0, 0, 1, 0, /* */
    1, 0, 0, 0, 0, 0, 1,
    /* second class */
    0, 1, 0, 0, 1, 0, 1, /* */
    0, 0, 0, 0, 0, 0, 1, /* */
    0, 0, 0, 0, 0, 0, 1,
  };
  guint8 confidence[CLASSES * W * H], sector[W * H];
  LusSegmentation segmentation = example(confidence, sector);
  LusConfidenceConfig config = {.thresholds = {0.6, 0.6}, .hysteresis = 0.01};
  g_autoptr(LusMasker) masker = lus_masker_new();
  g_autoptr(LusMask) mask = lus_masker_run(masker, &segmentation, &config);
  for (int i = 0; i < CLASSES * W * H; i++)
    g_assert_cmpint(mask->planes[i], ==, joined[i] ? 255 : 0);
  g_assert_cmpint(mask->cut[0], ==, 153);
  g_assert_cmpint(mask->ids[6], ==, 1);     /* 152 both: the lower index */
  g_assert_cmpint(mask->ids[W + 6], ==, 2); /* only the second */

  /* A far lower limit joins what reaches the threshold, and nothing else. */
  config.hysteresis = 0.5;
  g_autoptr(LusMask) wide = lus_masker_run(masker, &segmentation, &config);
  g_assert_cmpint(wide->planes[W * H + 0], ==, 255); /* 90 beside 170 */
  g_assert_cmpint(wide->planes[W * H + 2], ==, 0);   /* 0 */
  config.thresholds[1] = 0.7;                        /* 179: nobody reaches it */
  g_autoptr(LusMask) none = lus_masker_run(masker, &segmentation, &config);
  for (int i = 0; i < W * H; i++)
    g_assert_cmpint(none->planes[W * H + i], ==, 0);
}

static void assert_pair(LusMasker *masker, guint8 first, guint8 second, const LusConfidenceConfig *config, int expected,
                        gboolean again)
{
  guint8 confidence[2] = {first, second}, sector[2] = {255, 255};
  const LusSegmentation s = {.n_classes = 1, .width = 2, .height = 1, .confidence = confidence, .sector = sector};
  g_autoptr(LusMask) mask = again ? lus_masker_run_again(masker, &s, config) : lus_masker_run(masker, &s, config);
  g_assert_cmpint((mask->planes[0] ? 10 : 0) + (mask->planes[1] ? 1 : 0), ==, expected);
}

/* The mean at 0.5: 200 100, then 150 150, then 202.5 202.5 (rounded to 203), cut at 153. */
static void test_smoothing(void)
{
  LusConfidenceConfig config = {.thresholds = {0.6}, .temporal_alpha = 0.5};
  g_autoptr(LusMasker) masker = lus_masker_new();
  assert_pair(masker, 200, 100, &config, 10, FALSE);
  assert_pair(masker, 100, 200, &config, 0, FALSE);
  config.thresholds[0] = 150 / 255.0; /* the same result with another threshold: no step */
  assert_pair(masker, 100, 200, &config, 11, TRUE);
  config.thresholds[0] = 0.6;
  assert_pair(masker, 255, 255, &config, 11, FALSE);
  config.thresholds[0] = 204 / 255.0;
  assert_pair(masker, 255, 255, &config, 0, TRUE);
  config.thresholds[0] = 0.6;
  lus_masker_reset(masker);
  assert_pair(masker, 100, 200, &config, 1, FALSE);
  config.temporal_alpha = 1; /* off: as they come, and nothing is kept */
  assert_pair(masker, 200, 100, &config, 10, FALSE);
  config.temporal_alpha = 0.5;
  assert_pair(masker, 100, 200, &config, 1, FALSE);
}

/* A result of another shape doesn't go into the mean. */
static void test_smoothing_shapes(void)
{
  const LusConfidenceConfig config = {.thresholds = {0.6}, .temporal_alpha = 0.25};
  guint8 confidence[3] = {100, 100, 100}, sector[3] = {255, 255, 255};
  LusSegmentation s = {.n_classes = 1, .width = 3, .height = 1, .confidence = confidence, .sector = sector};
  g_autoptr(LusMasker) masker = lus_masker_new();
  assert_pair(masker, 255, 255, &config, 11, FALSE);
  g_autoptr(LusMask) other = lus_masker_run(masker, &s, &config);
  g_assert_cmpint(other->planes[0], ==, 0);
  s.rect.x = 7; /* another place */
  memset(confidence, 255, 3);
  g_autoptr(LusMask) moved = lus_masker_run(masker, &s, &config);
  g_assert_cmpint(moved->planes[0], ==, 255);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/confidence/quantise", test_quantise);
  g_test_add_func("/confidence/cut", test_cut);
  g_test_add_func("/confidence/steps", test_steps);
  g_test_add_func("/confidence/masks", test_masks);
  g_test_add_func("/confidence/min-area", test_min_area);
  g_test_add_func("/confidence/outside", test_outside);
  g_test_add_func("/confidence/reuse", test_reuse);
  g_test_add_func("/confidence/identity", test_identity);
  g_test_add_func("/confidence/bilinear", test_bilinear);
  g_test_add_func("/confidence/nearest", test_nearest);
  g_test_add_func("/confidence/clipped", test_clipped);
  g_test_add_func("/confidence/hysteresis", test_hysteresis);
  g_test_add_func("/confidence/smoothing", test_smoothing);
  g_test_add_func("/confidence/smoothing/shapes", test_smoothing_shapes);
  return g_test_run();
}
