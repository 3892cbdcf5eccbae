/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/augment.h"
#include "learn/beams.h"
#include "nn/error.h"

enum { WIDTH = 61, HEIGHT = 47, PIXELS = WIDTH * HEIGHT, CLASSES = 2, SEEDS = 400 };

typedef struct {
  guint8 luma[PIXELS], labels[CLASSES * PIXELS];
} Sample;

static guint8 scratch[(1 + CLASSES) * PIXELS];

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

static LusAugment strengths(const char *text)
{
  LusAugment augment;
  lus_augment_init(&augment);
  g_assert_true(lus_augment_parse(&augment, text, NULL));
  return augment;
}

static void augment_by(Sample *s, const LusAugment *augment, guint64 seed)
{
  LusRng rng;
  lus_rng_init(&rng, seed, 0);
  g_assert_cmpuint(lus_augment_scratch_size(CLASSES, WIDTH, HEIGHT), <=, sizeof scratch);
  lus_augment(s->luma, s->labels, CLASSES, WIDTH, HEIGHT, augment, &rng, scratch);
}

static void augment(Sample *s, const char *text, guint64 seed)
{
  LusAugment all = strengths(text);
  fill(s);
  augment_by(s, &all, seed);
}

static void test_deterministic(void)
{
  for (guint64 seed = 0; seed < 50; seed++) {
    Sample a, b;
    augment(&a, "flip=1", seed);
    augment(&b, "flip=1", seed);
    g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
  }
}

/** Each method alone changes something about as often as the table says, and at 0 never; those of the grey values alone
 *  leave the labels. */
static void test_each(void)
{
  Sample original;
  fill(&original);
  for (int i = 0; i < LUS_AUGMENT_N; i++) {
    LusAugmentMethod method = (LusAugmentMethod)i;
    g_autofree char *alone = g_strdup_printf("none,%s=1", lus_augment_name(method));
    int changed = 0, moved = 0;
    for (guint64 seed = 0; seed < SEEDS; seed++) {
      Sample s;
      augment(&s, alone, seed);
      changed += memcmp(&s, &original, sizeof s) != 0;
      moved += memcmp(s.labels, original.labels, sizeof s.labels) != 0;
      augment(&s, "none", seed);
      g_assert_cmpmem(&s, sizeof s, &original, sizeof original);
    }
    double share = (double)changed / SEEDS, expected = lus_augment_probability(method);
    g_test_message("%s: %.3f, expected %.3f", alone, share, expected);
    g_assert_cmpfloat(fabs(share - expected), <, 0.09);
    if (i <= LUS_AUGMENT_JITTER)
      g_assert_cmpint(moved, >, SEEDS / 5);
    else
      g_assert_cmpint(moved, ==, 0);
  }
}

/** What one method does with a seed does not depend on another's strength. */
static void test_independent(void)
{
  for (guint64 seed = 0; seed < 100; seed++) {
    Sample a, b;
    augment(&a, "none,beam=1,jitter=1", seed);
    augment(&b, "none,beam=1,jitter=1,gain=2,noise=3,box=1", seed);
    g_assert_cmpmem(a.labels, sizeof a.labels, b.labels, sizeof b.labels);
  }
}

/** Twice the strength is a wider range: tgc moves grey values further. */
static void test_strength(void)
{
  double sums[3] = {0};
  for (int k = 1; k <= 2; k++)
    for (guint64 seed = 0; seed < SEEDS; seed++) {
      Sample s, original;
      g_autofree char *text = g_strdup_printf("none,tgc=%d", k);
      fill(&original);
      augment(&s, text, seed);
      for (int i = 0; i < PIXELS; i++)
        sums[k] += abs(s.luma[i] - original.luma[i]);
    }
  g_assert_cmpfloat(sums[2] / sums[1], >, 1.7);
  g_assert_cmpfloat(sums[2] / sums[1], <, 2.1);
}

static gboolean is_mirror(const guint8 *a, const guint8 *b)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      if (a[y * WIDTH + x] != b[y * WIDTH + WIDTH - 1 - x])
        return FALSE;
  return TRUE;
}

/** A flip is exact in luma and labels, and at strength 2 it is always there. */
static void test_flip(void)
{
  Sample original;
  fill(&original);
  for (guint64 seed = 0; seed < 50; seed++) {
    Sample s;
    augment(&s, "none,flip=2", seed);
    g_assert_true(is_mirror(s.luma, original.luma));
    g_assert_true(is_mirror(s.labels, original.labels));
    g_assert_true(is_mirror(s.labels + PIXELS, original.labels + PIXELS));
  }
}

/** Labels keep their values, both classes move alike, and the bright block stays under its label. */
static void test_labels_follow(void)
{
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    Sample s;
    augment(&s, "none,flip=1,beam=1,jitter=1,gain=1,gamma=1,noise=1", seed);
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

/** Where class 1 (3 everywhere before) became 0 there was nothing, and the picture is black there. */
static void test_outside_is_black(void)
{
  int pixels = 0;
  for (guint64 seed = 0; seed < SEEDS; seed++) {
    Sample s;
    augment(&s, "none,flip=1,jitter=1", seed);
    for (int i = 0; i < PIXELS; i++)
      if (s.labels[PIXELS + i] == 0) {
        g_assert_cmpint(s.luma[i], <=, 60); /* the border's half pixel is mixed */
        pixels += s.luma[i] == 0;
      }
  }
  g_assert_cmpint(pixels, >, 1000);
}

/** Nothing is written outside of the arrays, at odd sizes and the largest strengths too. */
static void test_bounds(void)
{
  LusAugment all = strengths("flip=3,beam=3,jitter=3,attenuation=3,tgc=3,shadow=3,speckle=3,gain=3,gamma=3,range=3,box=3");
  for (guint64 seed = 0; seed < 300; seed++) {
    int width = 16 + (int)(seed % 5), height = 16 + (int)(seed % 7);
    gsize n = (gsize)width * height;
    guint8 *memory = g_malloc(n * 4 + 3);
    for (gsize i = 0; i < n * 4 + 3; i++)
      memory[i] = seed % 3 == 0 ? 90 : seed % 3 == 1 ? 0 : (guint8)(i * i % 251);
    memory[n] = memory[2 * n + 1] = memory[4 * n + 2] = 77;
    LusRng rng;
    lus_rng_init(&rng, seed, 1);
    lus_augment(memory, memory + n + 1, 1, width, height, &all, &rng, memory + 2 * n + 2);
    g_assert_cmpint(memory[n], ==, 77);
    g_assert_cmpint(memory[2 * n + 1], ==, 77);
    g_assert_cmpint(memory[4 * n + 2], ==, 77);
    g_free(memory);
  }
}

enum { SIDE = 128 };

/** A fan with its apex at (@apex_x, @apex_y), radii @face to @end and edges of tangent +-@tangent, with a stripe of 200
 *  along the beam of tangent 0.1. */
static guint8 *draw_fan(double apex_x, double apex_y, double face, double end, double tangent)
{
  guint8 *luma = g_malloc0(SIDE * SIDE);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      double dx = x - apex_x, dy = y - apex_y, r = sqrt(dx * dx + dy * dy);
      if (dy > 0 && r >= face && r <= end && fabs(dx / dy) <= tangent)
        luma[y * SIDE + x] = fabs(dx / dy - 0.1) < 0.03 ? 200 : 60;
    }
  return luma;
}

static void test_beams(void)
{
  LusBeams beams;
  g_autofree guint8 *convex = draw_fan(63.5, -60, 62, 185, 0.45);
  lus_beams_find(&beams, convex, SIDE, SIDE);
  g_assert_true(beams.fan);
  assert_near(beams.apex_x, 63.5, 2);
  assert_near(beams.apex_y, -60, 8);
  assert_near(beams.left, -0.45, 0.03);
  assert_near(beams.right, 0.45, 0.03);
  g_autofree guint8 *phased = draw_fan(63.5, 1, 3, 120, 0.7);
  lus_beams_find(&beams, phased, SIDE, SIDE);
  g_assert_true(beams.fan);
  assert_near(beams.apex_x, 63.5, 2);
  assert_near(beams.apex_y, 1, 4);
  assert_near(beams.right, 0.7, 0.05);

  g_autofree guint8 *linear = g_malloc0(SIDE * SIDE);
  for (int y = 3; y < SIDE; y++)
    memset(linear + y * SIDE + 20, 70, 88);
  lus_beams_find(&beams, linear, SIDE, SIDE);
  g_assert_false(beams.fan);
  assert_near(beams.left, 20, 0);
  assert_near(beams.right, 107, 0);
  assert_near(beams.face, 3, 0);
  memset(linear, 0, SIDE * SIDE);
  lus_beams_find(&beams, linear, SIDE, SIDE);
  g_assert_false(beams.fan);
  assert_near(beams.right, 127, 0);
}

/** There and back. */
static void test_beam_places(void)
{
  g_autofree guint8 *convex = draw_fan(63.5, -60, 62, 185, 0.45);
  LusBeams beams;
  lus_beams_find(&beams, convex, SIDE, SIDE);
  for (int i = 0; i < 100; i++) {
    double x = 30 + i % 10 * 7, y = 10 + i / 10 * 11, u, r, back_x, back_y;
    lus_beams_place(&beams, x, y, &u, &r);
    lus_beams_pixel(&beams, u, r, &back_x, &back_y);
    assert_near(back_x, x, 1e-6);
    assert_near(back_y, y, 1e-6);
  }
}

/** Moved along the beams, a fan keeps its outline and a stripe along a beam stays one. */
static void test_beam_moves(void)
{
  LusAugment only = strengths("none,beam=1");
  int moved = 0;
  for (guint64 seed = 0; seed < 40; seed++) {
    g_autofree guint8 *before = draw_fan(63.5, -60, 62, 185, 0.45), *after = g_memdup2(before, SIDE * SIDE);
    g_autofree guint8 *labels = g_memdup2(before, SIDE * SIDE), *room = g_malloc(2 * SIDE * SIDE);
    LusRng rng;
    lus_rng_init(&rng, seed, 0);
    lus_augment(after, labels, 1, SIDE, SIDE, &only, &rng, room);
    if (memcmp(before, after, SIDE * SIDE) == 0)
      continue;
    moved++;
    int outline = 0;
    double sum = 0, squares = 0, n = 0;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        outline += (before[y * SIDE + x] > 2) != (after[y * SIDE + x] > 2);
        if (after[y * SIDE + x] < 150)
          continue;
        double tangent = (x - 63.5) / (y + 60.0);
        sum += tangent;
        squares += tangent * tangent;
        n++;
      }
    g_assert_cmpint(outline, <, 400); /* of 12000: pixels along the edges */
    g_assert_cmpfloat(n, >, 200);
    g_assert_cmpfloat(sqrt(squares / n - sum / n * sum / n), <, 0.03); /* a stripe of +-0.03 has 0.017 */
  }
  g_assert_cmpint(moved, >, 5);
}

static void test_parse(void)
{
  LusAugment a = strengths("none");
  for (int i = 0; i < LUS_AUGMENT_N; i++)
    g_assert_true(a.strength[i] == 0);
  a = strengths("shadow=2, flip=0.25");
  g_autofree char *text = lus_augment_to_string(&a);
  g_assert_cmpstr(text, ==, "flip=0.25,beam=1,jitter=1,attenuation=1,tgc=1,shadow=2,speckle=1,gain=1,gamma=1,range=1,noise=1,box=1");
  LusAugment b = strengths(text);
  g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
  static const char *const bad[] = {"flip", "flip=", "flip=x", "flip=-1", "flip=3.1", "flip=nan", "fli=1", "flip=1,", "All"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    LusAugment c = a;
    g_assert_false(lus_augment_parse(&c, bad[i], &error));
    assert_error(error, LUS_ERROR_INVALID, "augmentation '");
    g_assert_cmpmem(&a, sizeof a, &c, sizeof c);
  }
}

/** docs/learning.md has the table's rows. */
static void test_docs(void)
{
  g_autofree char *path = g_build_filename(g_getenv("LUS_SOURCE_ROOT"), "docs", "learning.md", NULL), *page = NULL;
  g_assert_true(g_file_get_contents(path, &page, NULL, NULL));
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  for (int i = 0; i < LUS_AUGMENT_N; i++) {
    LusAugmentMethod method = (LusAugmentMethod)i;
    g_ascii_formatd(number, sizeof number, "%g", lus_augment_probability(method));
    g_autofree char *row = g_strdup_printf("| `%s` | %s | %s |\n", lus_augment_name(method), number, lus_augment_summary(method));
    if (!strstr(page, row))
      g_test_message("docs/learning.md lacks: %s", row);
    g_assert_nonnull(strstr(page, row));
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/augment/deterministic", test_deterministic);
  g_test_add_func("/augment/each", test_each);
  g_test_add_func("/augment/independent", test_independent);
  g_test_add_func("/augment/strength", test_strength);
  g_test_add_func("/augment/flip", test_flip);
  g_test_add_func("/augment/labels_follow", test_labels_follow);
  g_test_add_func("/augment/outside_is_black", test_outside_is_black);
  g_test_add_func("/augment/bounds", test_bounds);
  g_test_add_func("/augment/beams", test_beams);
  g_test_add_func("/augment/beam_places", test_beam_places);
  g_test_add_func("/augment/beam_moves", test_beam_moves);
  g_test_add_func("/augment/parse", test_parse);
  g_test_add_func("/augment/docs", test_docs);
  return g_test_run();
}
