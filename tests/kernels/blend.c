/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

#include <glib.h>
#include <string.h>

/* All variants must give the same bytes for every length, offset and value, and touch nothing else. */

#define GUARD 0xa5
#define LONGEST 67
#define SIZE 80

/* Random bytes, with many 0 and 255 among them: those are the ends that must be exact. */
static void fill(GRand *rand, void *bytes, int n)
{
  uint8_t *b = bytes;
  for (int i = 0; i < n; i++) {
    int r = g_rand_int_range(rand, 0, 384);
    b[i] = (uint8_t)(r < 256 ? r : r < 320 ? 0 : 255);
  }
}

static void check_guards(const uint8_t *out, int offset, int n)
{
  for (int i = 0; i < SIZE; i++)
    if (i < offset || i >= offset + n)
      g_assert_cmpint(out[i], ==, GUARD);
}

static void test_mix_values(void)
{
  const uint8_t s[] = {200, 200, 200, 0, 255, 10}, a[] = {0, 255, 128, 255, 255, 1};
  uint8_t d[] = {77, 77, 100, 255, 0, 250};
  lus_blend_c.mix(d, s, a, 6);
  g_assert_cmpint(d[0], ==, 77);
  g_assert_cmpint(d[1], ==, 200);
  g_assert_cmpint(d[2], ==, 150); /* (200 * 128 + 100 * 127) / 255 = 150.2 */
  g_assert_cmpint(d[3], ==, 0);
  g_assert_cmpint(d[4], ==, 255);
  g_assert_cmpint(d[5], ==, 249); /* 249.06 */
}

/* Every pair of alpha and source over three destinations, against round(v / 255). */
static void test_mix_rounds(const void *data)
{
  const LusBlendKernels *kernels = data;
  const uint8_t grounds[] = {0, 101, 255};
  for (int k = 0; k < 3; k++)
    for (int alpha = 0; alpha < 256; alpha++) {
      uint8_t s[256], a[256], d[256];
      for (int i = 0; i < 256; i++)
        s[i] = (uint8_t)i;
      memset(a, alpha, sizeof a);
      memset(d, grounds[k], sizeof d);
      kernels->mix(d, s, a, 256);
      for (int i = 0; i < 256; i++)
        g_assert_cmpint(d[i], ==, (2 * (i * alpha + grounds[k] * (255 - alpha)) + 255) / 510);
    }
}

static void test_scale_values(void)
{
  const uint8_t a[] = {255, 255, 128, 1, 0}, w[] = {255, 7, 128, 127, 255};
  uint8_t out[5];
  lus_blend_c.scale(out, a, w, 5);
  g_assert_cmpint(out[0], ==, 255);
  g_assert_cmpint(out[1], ==, 7);
  g_assert_cmpint(out[2], ==, 64);
  g_assert_cmpint(out[3], ==, 0);
  g_assert_cmpint(out[4], ==, 0);
}

static void test_add_values(void)
{
  const int8_t s[] = {100, -100, 127, -128, 60, -1};
  const uint8_t w[] = {0, 64, 255, 255, 127, 1};
  uint8_t d[] = {9, 100, 200, 100, 100, 50};
  lus_blend_c.add(d, s, w, 6);
  g_assert_cmpint(d[0], ==, 9);
  g_assert_cmpint(d[1], ==, 50);
  g_assert_cmpint(d[2], ==, 255); /* clipped */
  g_assert_cmpint(d[3], ==, 0);
  g_assert_cmpint(d[4], ==, 160); /* 60 * 127 / 128 rounded */
  g_assert_cmpint(d[5], ==, 50);
}

static void test_weigh_values(void)
{
  const uint8_t luma[] = {0, 1, 48, 95, 96, 97, 255, 10}, pairs[] = {0, 0, 96, 96, 255, 255, 1, 0};
  uint8_t w[8];
  lus_blend_c.weigh1(w, luma, 8);
  g_assert_cmpint(w[0], ==, 0);
  g_assert_cmpint(w[1], ==, 2); /* 2.66 */
  g_assert_cmpint(w[2], ==, 127);
  g_assert_cmpint(w[3], ==, 252);
  g_assert_cmpint(w[4], ==, 255);
  g_assert_cmpint(w[5], ==, 255);
  g_assert_cmpint(w[6], ==, 255);
  g_assert_cmpint(w[7], ==, 26);
  lus_blend_c.weigh4(w, luma, pairs, 4);
  g_assert_cmpint(w[0], ==, 0);   /* a sum of 1: 0.66 */
  g_assert_cmpint(w[1], ==, 222); /* 335 */
  g_assert_cmpint(w[2], ==, 255); /* 703 */
  g_assert_cmpint(w[3], ==, 176); /* 266 */
}

/* All values of one pixel, all sums of four. */
static void test_weigh_all(const void *data)
{
  const LusBlendKernels *kernels = data;
  uint8_t top[2048], bottom[2048], c[1024], other[1024];
  for (int i = 0; i < 1024; i++) {
    int rest = MIN(i, 1020);
    for (int k = 0; k < 4; k++) {
      uint8_t part = (uint8_t)MIN(rest, 255);
      *(k < 2 ? &top[2 * i + k] : &bottom[2 * i + k - 2]) = part;
      rest -= part;
    }
  }
  lus_blend_c.weigh4(c, top, bottom, 1024);
  kernels->weigh4(other, top, bottom, 1024);
  g_assert_cmpmem(c, sizeof c, other, sizeof other);
  for (int i = 0; i < 256; i++)
    top[i] = (uint8_t)i;
  lus_blend_c.weigh1(c, top, 256);
  kernels->weigh1(other, top, 256);
  g_assert_cmpmem(c, 256, other, 256);
}

/* Every sample with every weight, over three destinations. */
static void test_add_all(const void *data)
{
  const LusBlendKernels *kernels = data;
  const uint8_t grounds[] = {0, 120, 255};
  for (int k = 0; k < 3; k++)
    for (int weight = 0; weight < 256; weight++) {
      int8_t s[256];
      uint8_t w[256], c[256], other[256];
      for (int i = 0; i < 256; i++)
        s[i] = (int8_t)(i - 128);
      memset(w, weight, sizeof w);
      memset(c, grounds[k], sizeof c);
      memset(other, grounds[k], sizeof other);
      lus_blend_c.add(c, s, w, 256);
      kernels->add(other, s, w, 256);
      g_assert_cmpmem(c, sizeof c, other, sizeof other);
    }
}

static void test_lengths(const void *data)
{
  const LusBlendKernels *kernels = data;
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  for (int n = 0; n <= LONGEST; n++)
    for (int offset = 0; offset < 4; offset++) {
      uint8_t s[SIZE], a[SIZE], pairs[2 * SIZE], c[5][SIZE], other[5][SIZE];
      int8_t difference[SIZE];
      fill(rand, s, SIZE);
      fill(rand, a, SIZE);
      fill(rand, difference, SIZE);
      fill(rand, pairs, 2 * SIZE);
      memset(c, GUARD, sizeof c);
      for (int k = 0; k < 5; k++)
        fill(rand, c[k] + offset, n);
      memcpy(other, c, sizeof other);
      lus_blend_c.mix(c[0] + offset, s + 1, a + offset, n);
      kernels->mix(other[0] + offset, s + 1, a + offset, n);
      lus_blend_c.scale(c[1] + offset, a, s + 3, n);
      kernels->scale(other[1] + offset, a, s + 3, n);
      lus_blend_c.add(c[2] + offset, difference + 2, a + 1, n);
      kernels->add(other[2] + offset, difference + 2, a + 1, n);
      lus_blend_c.weigh1(c[3] + offset, a + 2, n);
      kernels->weigh1(other[3] + offset, a + 2, n);
      lus_blend_c.weigh4(c[4] + offset, pairs + offset, pairs + 2 * offset, n);
      kernels->weigh4(other[4] + offset, pairs + offset, pairs + 2 * offset, n);
      for (int k = 0; k < 5; k++)
        check_guards(other[k], offset, n);
      g_assert_cmpmem(c, sizeof c, other, sizeof other);
    }
}

static void test_choice(void)
{
  const char *name = g_getenv("LUS_KERNELS");
  int n = 0;
  while (lus_blend_nth(n))
    n++;
  const LusBlendKernels *best = name && strcmp(name, "c") == 0 ? &lus_blend_c : lus_blend_nth(n - 1);
  g_assert_cmpint(n, >=, 2);
  g_assert_cmpstr(lus_blend_kernels()->name, ==, best->name);
}

static void add_test(const char *name, const LusBlendKernels *kernels, GTestDataFunc test)
{
  g_autofree char *path = g_strdup_printf("/blend/%s/%s", name, kernels->name);
  g_test_add_data_func(path, kernels, test);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/blend/mix/values", test_mix_values);
  g_test_add_func("/blend/scale/values", test_scale_values);
  g_test_add_func("/blend/add/values", test_add_values);
  g_test_add_func("/blend/weigh/values", test_weigh_values);
  for (int i = 0; lus_blend_nth(i); i++) {
    const LusBlendKernels *kernels = lus_blend_nth(i);
    add_test("mix/rounds", kernels, test_mix_rounds);
    add_test("weigh/all", kernels, test_weigh_all);
    add_test("add/all", kernels, test_add_all);
    add_test("lengths", kernels, test_lengths);
  }
  g_test_add_func("/blend/choice", test_choice);
  return g_test_run();
}
