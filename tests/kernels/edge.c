/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/edge.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#define WIDTH 24
#define GUARD 7.25f

static gboolean is_near(double a, double b)
{
  return fabs(a - b) <= 1e-4 * MAX(1, fabs(b));
}

/* A level segment from (4, 1) to (8, 1): above it distances are positive, below negative. */
static void test_lower(gconstpointer data)
{
  const LusEdgeKernels *kernels = data;
  const LusEdgeSegment segment = {4, 1, 4, 0};
  float map[4 * WIDTH], (*distance)[WIDTH] = (void *)map;
  for (int i = 0; i < 4 * WIDTH; i++)
    map[i] = i % WIDTH < 16 ? LUS_EDGE_FAR : GUARD;
  distance[0][5] = 0.25f; /* nearer already */
  kernels->lower(map, WIDTH, 3, &segment, 0, 3, 16);
  g_assert_true(distance[0][5] == 0.25f);
  g_assert_true(is_near(distance[0][6], 1));
  g_assert_true(is_near(distance[1][6], 0));
  g_assert_true(is_near(distance[2][6], -1));
  g_assert_true(is_near(distance[0][2], 1 + 1.001 * 4));   /* two pixels before its begin */
  g_assert_true(is_near(distance[2][11], -1 - 1.001 * 9)); /* three behind its end */
  for (int y = 0; y < 4; y++)
    for (int x = 16; x < WIDTH; x++)
      g_assert_true(distance[y][x] == GUARD);
  g_assert_true(distance[3][6] == LUS_EDGE_FAR);
}

/* Row 5 is row 1 of four. */
static void test_rows_turn(gconstpointer data)
{
  const LusEdgeKernels *kernels = data;
  const LusEdgeSegment segment = {0, 5, 8, 0};
  float map[4 * 8], (*distance)[8] = (void *)map;
  for (int i = 0; i < 4 * 8; i++)
    map[i] = LUS_EDGE_FAR;
  kernels->lower(map, 8, 3, &segment, 4, 7, 8);
  g_assert_true(is_near(distance[0][3], 1));
  g_assert_true(is_near(distance[1][3], 0));
  g_assert_true(is_near(distance[2][3], -1));
  g_assert_true(distance[3][3] == LUS_EDGE_FAR);
}

static void test_band(gconstpointer data)
{
  const LusEdgeKernels *kernels = data;
  float distance[16] = {LUS_EDGE_FAR, -4, 0, 1, 2.25f, 4, 9, 12.25f, 16, 25, -9};
  guint8 alpha[24];
  memset(alpha, 0xa5, sizeof alpha);
  /* from 1 to 3.5: pixels at 1, 1.5, 2, 3, 3.5 are covered by 1/2, 1, 1, 1, 1/2 */
  g_assert_cmpint(kernels->band(alpha, distance, 1, 2.5f, 1, 16), !=, 0);
  const guint8 expected[11] = {0, 0, 0, 128, 255, 255, 255, 128, 0, 0, 0};
  g_assert_cmpmem(alpha, 11, expected, 11);
  for (int i = 16; i < 24; i++)
    g_assert_cmpint(alpha[i], ==, 0xa5);
  for (int i = 0; i < 16; i++)
    g_assert_true(distance[i] == LUS_EDGE_FAR);
  g_assert_cmpint(kernels->band(alpha, distance, 1, 2.5f, 1, 16), ==, 0);
  distance[3] = 4;
  kernels->band(alpha, distance, 1, 2.5f, 0.5f, 16);
  g_assert_cmpint(alpha[3], ==, 128);
}

/* As the specification, to the bit. */
static void test_same(gconstpointer data)
{
  const LusEdgeKernels *kernels = data;
  g_autoptr(GRand) rand = g_rand_new_with_seed(11);
  for (int round = 0; round < 500; round++) {
    float c[32 * 8], other[32 * 8];
    guint8 alpha[2][32 * 8];
    int n = 8 * g_rand_int_range(rand, 1, 5), y0 = g_rand_int_range(rand, -8, 8);
    for (int i = 0; i < 32 * 8; i++)
      c[i] = LUS_EDGE_FAR;
    memcpy(other, c, sizeof c);
    for (int k = 0; k < 4; k++) {
      const LusEdgeSegment segment = {(float)g_rand_double_range(rand, -4, 36), (float)g_rand_double_range(rand, -10, 10),
                                      (float)g_rand_double_range(rand, -6, 6), (float)g_rand_double_range(rand, -6, 6)};
      lus_edge_c.lower(c, 32, 7, &segment, y0, y0 + 7, n);
      kernels->lower(other, 32, 7, &segment, y0, y0 + 7, n);
    }
    g_assert_cmpmem(c, sizeof c, other, sizeof other);
    float width = (float)g_rand_double_range(rand, 0, 6), opacity = (float)g_rand_double(rand);
    int any = lus_edge_c.band(alpha[0], c, 1, width, opacity, 32 * 8);
    g_assert_cmpint(any != 0, ==, kernels->band(alpha[1], other, 1, width, opacity, 32 * 8) != 0);
    g_assert_cmpmem(alpha[0], sizeof alpha[0], alpha[1], sizeof alpha[1]);
  }
}

static void test_choice(void)
{
  const char *name = g_getenv("LUS_KERNELS");
  const LusEdgeKernels *best = lus_edge_nth(1);
  g_assert_true(lus_edge_kernels() == (name && strcmp(name, "c") == 0 ? &lus_edge_c : best ? best : &lus_edge_c));
}

int main(int argc, char **argv)
{
  const struct { const char *name; GTestDataFunc run; } tests[] = {
    {"lower", test_lower}, {"rows-turn", test_rows_turn}, {"band", test_band}, {"same", test_same}};
  g_test_init(&argc, &argv, NULL);
  for (int k = 0; lus_edge_nth(k); k++)
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
      g_autofree char *path = g_strdup_printf("/edge/%s/%s", tests[i].name, lus_edge_nth(k)->name);
      g_test_add_data_func(path, lus_edge_nth(k), tests[i].run);
    }
  g_test_add_func("/edge/choice", test_choice);
  return g_test_run();
}
