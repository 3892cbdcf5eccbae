/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/luma.h"

#include <glib.h>
#include <string.h>

/* Both variants must give the same bytes for every length, offset and value, and touch nothing else. */

#define GUARD 0xa5
#define LONGEST 67

static void fill(GRand *rand, uint8_t *bytes, int n)
{
  for (int i = 0; i < n; i++)
    bytes[i] = (uint8_t)g_rand_int(rand);
}

static void check_guards(const uint8_t *out, int offset, int n, int size)
{
  for (int i = 0; i < size; i++)
    if (i < offset || i >= offset + n)
      g_assert_cmpint(out[i], ==, GUARD);
}

static void test_expand(void)
{
  uint8_t every[256], out[256];
  for (int i = 0; i < 256; i++)
    every[i] = (uint8_t)i;
  memcpy(out, every, sizeof out);
  lus_luma_c.expand(out, 256);
  g_assert_cmpint(out[0], ==, 0);
  g_assert_cmpint(out[16], ==, 0);
  g_assert_cmpint(out[17], ==, 1);
  g_assert_cmpint(out[126], ==, 128);
  g_assert_cmpint(out[234], ==, 254);
  g_assert_cmpint(out[235], ==, 255);
  g_assert_cmpint(out[255], ==, 255);
  lus_luma_orc.expand(every, 256);
  g_assert_cmpmem(every, 256, out, 256);
}

static void test_expand_lengths(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  for (int n = 0; n <= LONGEST; n++)
    for (int offset = 0; offset < 4; offset++) {
      uint8_t a[80], b[80];
      memset(a, GUARD, sizeof a);
      fill(rand, a + offset, n);
      memcpy(b, a, sizeof b);
      lus_luma_c.expand(a + offset, n);
      lus_luma_orc.expand(b + offset, n);
      check_guards(b, offset, n, sizeof b);
      g_assert_cmpmem(a, sizeof a, b, sizeof b);
    }
}

static void test_pick(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);
  const uint8_t pixels[6] = {1, 2, 3, 4, 5, 6};
  uint8_t three[3];
  lus_luma_c.pick(three, pixels, 1, 3);
  g_assert_cmpint(three[0] * 100 + three[1] * 10 + three[2], ==, 246);
  for (int n = 0; n <= LONGEST; n++)
    for (int offset = 0; offset < 4; offset++)
      for (int odd = 0; odd < 2; odd++) {
        uint8_t in[160], a[80], b[80];
        fill(rand, in, sizeof in);
        memset(a, GUARD, sizeof a);
        memset(b, GUARD, sizeof b);
        lus_luma_c.pick(a + offset, in + offset, odd, n);
        lus_luma_orc.pick(b + offset, in + offset, odd, n);
        check_guards(b, offset, n, sizeof b);
        g_assert_cmpmem(a, sizeof a, b, sizeof b);
      }
}

static void test_weigh(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  const int weights[2][4] = {{19595, 38470, 7471, 0}, {0, 3886, 44434, 17216}};
  const uint8_t white[4] = {255, 255, 255, 255};
  uint8_t one;
  lus_luma_orc.weigh(&one, white, weights[0], 4, 1);
  g_assert_cmpint(one, ==, 255);
  for (int n = 0; n <= LONGEST; n++)
    for (int offset = 0; offset < 4; offset++)
      for (int step = 3; step <= 4; step++) {
        uint8_t in[300], a[80], b[80];
        fill(rand, in, sizeof in);
        memset(a, GUARD, sizeof a);
        memset(b, GUARD, sizeof b);
        lus_luma_c.weigh(a + offset, in + offset, weights[step - 3], step, n);
        lus_luma_orc.weigh(b + offset, in + offset, weights[step - 3], step, n);
        check_guards(b, offset, n, sizeof b);
        g_assert_cmpmem(a, sizeof a, b, sizeof b);
      }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/luma/expand", test_expand);
  g_test_add_func("/luma/expand-lengths", test_expand_lengths);
  g_test_add_func("/luma/pick", test_pick);
  g_test_add_func("/luma/weigh", test_weigh);
  return g_test_run();
}
