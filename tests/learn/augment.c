/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/augment.h"

enum { WIDTH = 61, HEIGHT = 47, PIXELS = WIDTH * HEIGHT, CLASSES = 2, SEEDS = 400 };

typedef struct {
  guint8 luma[PIXELS], labels[CLASSES * PIXELS];
} Sample;

static guint8 scratch[PIXELS];

/** A bright block where class 0 says 80 %, and where class 1 wants to be ignored. */
static void fill(Sample *s)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      int i = y * WIDTH + x;
      gboolean block = x >= 10 && x < 30 && y >= 15 && y < 30;
      s->luma[i] = block ? 200 : 40;
      s->labels[i] = block ? 80 : 0;
      s->labels[PIXELS + i] = block ? 255 : 3;
    }
}

static void augment(Sample *s, guint64 seed)
{
  LusRng rng;
  fill(s);
  lus_rng_init(&rng, seed, 0);
  g_assert_cmpuint(lus_augment_scratch_size(CLASSES, WIDTH, HEIGHT), <=, sizeof scratch);
  lus_augment(s->luma, s->labels, CLASSES, WIDTH, HEIGHT, &rng, scratch);
}

static void test_deterministic(void)
{
  for (guint64 seed = 0; seed < 50; seed++) {
    Sample a, b;
    augment(&a, seed);
    augment(&b, seed);
    g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
  }
}

/** Some draws change nothing (0.5 x 0.6 x 0.7 x 0.6 x 0.6 x 0.7 x 0.9 = 4.8 % of them), most do. */
static void test_identity(void)
{
  Sample original;
  fill(&original);
  int same = 0;
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    Sample s;
    augment(&s, seed);
    same += memcmp(&s, &original, sizeof s) == 0;
  }
  g_assert_cmpint(same, >, 4);
  g_assert_cmpint(same, <, 45);
}

static gboolean is_mirror(const guint8 *a, const guint8 *b)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      if (a[y * WIDTH + x] != b[y * WIDTH + WIDTH - 1 - x])
        return FALSE;
  return TRUE;
}

/** A flip alone is exact in luma and labels. */
static void test_flip(void)
{
  Sample original;
  fill(&original);
  int flips = 0;
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    Sample s;
    augment(&s, seed);
    if (!is_mirror(s.labels, original.labels))
      continue;
    flips++;
    g_assert_true(is_mirror(s.labels + PIXELS, original.labels + PIXELS));
  }
  g_assert_cmpint(flips, >, SEEDS / 10);
}

/** Labels keep their values, both classes move alike, and the bright block stays under its label. */
static void test_labels_follow(void)
{
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    Sample s;
    augment(&s, seed);
    double inside = 0, outside = 0;
    int n_inside = 0, n_outside = 0;
    for (int i = 0; i < PIXELS; i++) {
      g_assert_true(s.labels[i] == 0 || s.labels[i] == 80);
      g_assert_true((s.labels[i] == 80) == (s.labels[PIXELS + i] == 255));
      if (s.labels[i] == 80) {
        inside += s.luma[i];
        n_inside++;
      } else {
        outside += s.luma[i];
        n_outside++;
      }
    }
    g_assert_cmpint(n_inside, >, 100);
    g_assert_cmpfloat(inside / n_inside, >, 1.4 * outside / n_outside);
  }
}

/** Where class 1 (3 everywhere before) became 0 there was nothing, and unless it is a box the picture is black there.
 */
static void test_outside_is_black(void)
{
  int pixels = 0;
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    Sample s;
    augment(&s, seed);
    for (int y = 0; y < HEIGHT; y++)
      for (int x = 0; x < WIDTH; x++)
        if (s.labels[PIXELS + y * WIDTH + x] == 0) {
          /* the border's half pixel is mixed */
          g_assert_cmpint(s.luma[y * WIDTH + x], <=, 60);
          pixels += s.luma[y * WIDTH + x] == 0;
        }
  }
  g_assert_cmpint(pixels, >, 1000);
}

/** Nothing is written outside of the arrays, at odd sizes too. */
static void test_bounds(void)
{
  for (guint64 seed = 0; seed < 100; seed++) {
    int width = 16 + (int)(seed % 5), height = 16 + (int)(seed % 7);
    gsize n = (gsize)width * height;
    guint8 *memory = g_malloc(n * 3 + 3);
    memset(memory, 90, n * 3);
    memory[n] = memory[2 * n + 1] = memory[3 * n + 2] = 77;
    LusRng rng;
    lus_rng_init(&rng, seed, 1);
    lus_augment(memory, memory + n + 1, 1, width, height, &rng, memory + 2 * n + 2);
    g_assert_cmpint(memory[n], ==, 77);
    g_assert_cmpint(memory[2 * n + 1], ==, 77);
    g_assert_cmpint(memory[3 * n + 2], ==, 77);
    g_free(memory);
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/augment/deterministic", test_deterministic);
  g_test_add_func("/augment/identity", test_identity);
  g_test_add_func("/augment/flip", test_flip);
  g_test_add_func("/augment/labels_follow", test_labels_follow);
  g_test_add_func("/augment/outside_is_black", test_outside_is_black);
  g_test_add_func("/augment/bounds", test_bounds);
  return g_test_run();
}
