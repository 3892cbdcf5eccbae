/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated probe: same arguments, same pictures; labels lie where their structures are; the lung
 * slides, the wall stays. */
#include "lung/phantom-scene.h"

#include "nn/error.h"

#include <math.h>

enum { SIZE = 96, PLANE = SIZE * SIZE };

static LusPhantom *make(const LusPhantomConfig *config)
{
  g_autoptr(GError) error = NULL;
  LusPhantom *p = lus_phantom_new(config, &error);
  g_assert_no_error(error);
  g_assert_nonnull(p);
  return p;
}

static LusPhantomConfig small_config(guint64 seed, guint64 stream)
{
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = seed;
  config.stream = stream;
  config.width = config.height = SIZE;
  return config;
}

static void still(const LusPhantomConfig *config, double seconds, guint8 *gray, guint8 *labels)
{
  LusPhantom *p = make(config);
  lus_phantom_render(p, seconds, gray, config->width, labels);
  lus_phantom_free(p);
}

static void test_defaults(void)
{
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  g_assert_cmpint(config.width, ==, 256);
  g_assert_cmpint(config.height, ==, 256);
  g_assert_cmpint(config.probe, ==, LUS_PROBE_RANDOM);
  g_assert_cmpfloat(config.water, <, 0);
  g_assert_false(config.screen);
}

static void test_same_arguments_same_picture(void)
{
  guint8 a[PLANE], b[PLANE], la[3 * PLANE], lb[3 * PLANE];
  LusPhantomConfig config = small_config(7, 3);
  still(&config, .48, a, la);
  still(&config, .48, b, lb);
  g_assert_cmpmem(a, sizeof a, b, sizeof b);
  g_assert_cmpmem(la, sizeof la, lb, sizeof lb);
  config.stream = 4;
  still(&config, .48, b, lb);
  g_assert_cmpint(memcmp(a, b, sizeof a), !=, 0);
  config = small_config(8, 3);
  still(&config, .48, b, lb);
  g_assert_cmpint(memcmp(a, b, sizeof a), !=, 0);
}

/* No state outside the phantom, and none inside that one frame leaves for the next. */
static void test_interleaved(void)
{
  guint8 a1[PLANE], a2[PLANE], b[PLANE], alone[PLANE], labels[3 * PLANE];
  LusPhantomConfig one = small_config(1, 1), two = small_config(1, 2);
  LusPhantom *p = make(&one), *q = make(&two);
  lus_phantom_render(p, 0, a1, SIZE, labels);
  lus_phantom_render(q, 0, b, SIZE, NULL);
  lus_phantom_render(p, 1.3, a2, SIZE, NULL);
  lus_phantom_render(q, .04, b, SIZE, labels);
  still(&one, 1.3, alone, NULL);
  g_assert_cmpmem(a2, PLANE, alone, PLANE);
  still(&two, .04, alone, labels);
  g_assert_cmpmem(b, PLANE, alone, PLANE);
  g_assert_cmpint(memcmp(a1, a2, PLANE), !=, 0);
  lus_phantom_free(p);
  lus_phantom_free(q);
}

static gpointer render_in_thread(gpointer data)
{
  guint8 *gray = data;
  for (guint64 i = 0; i < 6; i++) {
    LusPhantomConfig config = small_config(5, i);
    still(&config, .2, gray + i * PLANE, NULL);
  }
  return NULL;
}

static void test_threads(void)
{
  g_autofree guint8 *a = g_malloc(6 * PLANE), *b = g_malloc(6 * PLANE);
  GThread *one = g_thread_new("one", render_in_thread, a), *two = g_thread_new("two", render_in_thread, b);
  g_thread_join(one);
  g_thread_join(two);
  g_assert_cmpmem(a, 6 * PLANE, b, 6 * PLANE);
}

static void test_sizes(void)
{
  static const int bad[][2] = { { 15, 64 }, { 64, 15 }, { 2049, 64 }, { 64, 2049 }, { 0, 0 }, { -1, 64 } };
  static const int good[][2] = { { 16, 16 }, { 2048, 16 }, { 16, 2048 }, { 97, 33 } };
  LusPhantomConfig config = small_config(1, 1);
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    config.width = bad[i][0];
    config.height = bad[i][1];
    g_assert_null(lus_phantom_new(&config, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    gsize stride = (gsize)good[i][0] + 5, n = stride * (gsize)good[i][1];
    g_autofree guint8 *gray = g_malloc(n), *labels = g_malloc(3 * n);
    memset(gray, 77, n);
    config.width = good[i][0];
    config.height = good[i][1];
    LusPhantom *p = make(&config);
    lus_phantom_render(p, 0, gray, (int)stride, labels);
    for (gsize y = 0; y < (gsize)good[i][1]; y++)
      for (gsize x = (gsize)good[i][0]; x < stride; x++)
        g_assert_cmpint(gray[y * stride + x], ==, 77);
    lus_phantom_free(p);
  }
}

static void test_bad_arguments(void)
{
  g_autoptr(GError) error = NULL;
  LusPhantomConfig config = small_config(1, 1);
  config.probe = (LusProbe)3;
  g_assert_null(lus_phantom_new(&config, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_clear_error(&error);
  config = small_config(1, 1);
  config.water = 1.01;
  g_assert_null(lus_phantom_new(&config, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_clear_error(&error);
  config.water = NAN;
  g_assert_null(lus_phantom_new(&config, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  lus_phantom_free(NULL);
}

static void test_label_range(void)
{
  guint8 gray[PLANE], labels[3 * PLANE];
  int lines = 0;
  for (guint64 stream = 0; stream < 40; stream++) {
    LusPhantomConfig config = small_config(11, stream);
    still(&config, 0, gray, labels);
    for (int i = 0; i < 3 * PLANE; i++) {
      g_assert_cmpint(labels[i], <=, 100);
      lines += labels[i] >= 60;
    }
  }
  g_assert_cmpint(lines, >, 5000);
}

/* Share of pixels that a class holds at 60 % or more, over scenes of one wetness. */
static double wet_share(double water, double *scenes)
{
  enum { N = 40 };
  guint8 gray[PLANE], labels[3 * PLANE];
  double sum = 0;
  *scenes = 0;
  for (guint64 stream = 0; stream < N; stream++) {
    LusPhantomConfig config = small_config(2, stream);
    int n = 0;
    config.water = water;
    still(&config, 0, gray, labels);
    for (int i = LUS_PHANTOM_VERTICAL_LINE * PLANE; i < 3 * PLANE; i++)
      n += labels[i] >= 60;
    sum += n;
    *scenes += n > 20;
  }
  *scenes /= N;
  return sum / (N * PLANE);
}

static void test_water(void)
{
  double scenes;
  g_assert_cmpfloat(wet_share(0, &scenes), ==, 0);
  g_assert_cmpfloat(scenes, ==, 0);
  double half = wet_share(.5, &scenes);
  g_assert_cmpfloat(half, >, .06);
  g_assert_cmpfloat(scenes, >, .6);
  double full = wet_share(1, &scenes);
  g_assert_cmpfloat(full, >, .2);
  g_assert_cmpfloat(full, >, half);
  g_assert_cmpfloat(scenes, >, .85);
}

static void test_info(void)
{
  LusPhantomInfo info;
  int phased = 0, linear = 0, dry_lines = 0;
  for (guint64 stream = 0; stream < 60; stream++) {
    LusPhantomConfig config = small_config(3, stream);
    config.water = stream % 2 ? 0 : -1;
    LusPhantom *p = make(&config);
    lus_phantom_info(p, &info);
    g_assert_cmpfloat(info.depth_mm, >=, 40);
    g_assert_cmpfloat(info.depth_mm, <=, 170);
    g_assert_cmpfloat(info.pleura_depth_mm, >=, 7);
    g_assert_cmpfloat(info.pleura_depth_mm, <=, .45 * info.depth_mm + 1e-3);
    g_assert_cmpfloat(info.mm_per_pixel, >, 0);
    phased += info.probe == LUS_PROBE_PHASED;
    linear += info.probe == LUS_PROBE_LINEAR;
    dry_lines += stream % 2 ? info.vertical_lines : 0;
    lus_phantom_free(p);
  }
  g_assert_cmpint(dry_lines, ==, 0);
  g_assert_cmpint(linear, >, 2);
  g_assert_cmpint(linear, <, 20);
  g_assert_cmpint(phased, <, 15);
}

/* Expected grey on the labelled pleural line against 2 to 4 mm beside it, in beam geometry. */
static void test_pleura_on_ridge(void)
{
  guint8 gray[PLANE], labels[3 * PLANE];
  double on = 0, beside = 0;
  int seen = 0;
  for (guint64 stream = 0; stream < 30; stream++) {
    LusPhantomConfig config = small_config(4, stream);
    config.water = 0;
    LusPhantom *p = make(&config);
    lus_phantom_render(p, 1, gray, SIZE, labels);
    for (int b = 2; b < PHANTOM_BEAMS - 2; b++) {
      int row = (int)(p->pleura[b] / p->dr), off = (int)(3 / p->dr);
      if (row < off || row + off >= PHANTOM_ROWS || p->label[0][b * PHANTOM_ROWS + row] < .6f)
        continue;
      on += p->picture[b * PHANTOM_ROWS + row];
      beside += .5 * (p->picture[b * PHANTOM_ROWS + row - off] + p->picture[b * PHANTOM_ROWS + row + off]);
      seen++;
    }
    lus_phantom_free(p);
  }
  g_assert_cmpint(seen, >, 500);
  g_assert_cmpfloat(on / seen, >, 1.3 * beside / seen);
}

/* Correlation of two pictures over rows @first..@last, the second one @shift beams to the left. */
static double correlate(const float *a, const float *b, int first, int last, int shift)
{
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0, n = 0;
  for (int beam = 40; beam < PHANTOM_BEAMS - 40; beam++)
    for (int row = first; row <= last; row++) {
      double x = a[beam * PHANTOM_ROWS + row], y = b[(beam - shift) * PHANTOM_ROWS + row];
      sa += x;
      sb += y;
      saa += x * x;
      sbb += y * y;
      sab += x * y;
      n++;
    }
  double va = saa - sa * sa / n, vb = sbb - sb * sb / n;
  return va > 0 && vb > 0 ? (sab - sa * sb / n) / sqrt(va * vb) : 0;
}

/* Texture alone: what is slow along the beam, shadows above all, goes. */
static void keep_texture(float *map)
{
  g_autofree float *slow = g_memdup2(map, PHANTOM_CELLS * sizeof *map);
  lus_phantom_smooth_along(slow, PHANTOM_BEAMS, PHANTOM_ROWS, 4, FALSE);
  for (int i = 0; i < PHANTOM_CELLS; i++)
    map[i] -= slow[i];
}

static void test_sliding(void)
{
  enum { N = 16 };
  guint8 gray[PLANE];
  g_autofree float *before = g_new(float, PHANTOM_CELLS);
  double wall = 0, stays = 0, slides = 0;
  for (guint64 stream = 0; stream < N; stream++) {
    LusPhantomConfig config = small_config(6, stream);
    config.probe = LUS_PROBE_LINEAR;
    config.water = .5;
    LusPhantom *p = make(&config);
    int deepest = 0, highest = PHANTOM_ROWS;
    lus_phantom_render(p, 0, gray, SIZE, NULL);
    float slide = p->slide;
    memcpy(before, p->picture, sizeof p->picture);
    lus_phantom_render(p, .3, gray, SIZE, NULL);
    keep_texture(before);
    keep_texture(p->picture);
    for (int b = 0; b < PHANTOM_BEAMS; b++) {
      deepest = MAX(deepest, (int)(p->pleura[b] / p->dr));
      highest = MIN(highest, (int)(p->pleura[b] / p->dr));
    }
    int shift = CLAMP((int)lrintf(p->slide - slide), -39, 39), top = MAX(highest - (int)(3 / p->dr), 2);
    int first = MIN(deepest + (int)(2 / p->dr), PHANTOM_ROWS - 40);
    int last = MIN(first + (int)(15 / p->dr), PHANTOM_ROWS - 1);
    wall += correlate(p->picture, before, 0, top, 0) / N;
    stays += correlate(p->picture, before, first, last, 0) / N;
    slides += correlate(p->picture, before, first, last, -shift) / N;
    lus_phantom_free(p);
  }
  g_test_message("wall %.3f, lung unshifted %.3f, lung shifted %.3f", wall, stays, slides);
  g_assert_cmpfloat(wall, >, .95);
  g_assert_cmpfloat(slides, >, stays + .1);
  g_assert_cmpfloat(stays, <, wall - .2);
}

/* Screens: text, marks and black margins, none of it on the sector, and the sector away from the border. */
static void test_screen(void)
{
  enum { W = 320, H = 240 };
  g_autofree guint8 *gray = g_malloc(W * H), *labels = g_malloc(3 * W * H);
  for (guint64 stream = 0; stream < 8; stream++) {
    LusPhantomConfig config = small_config(9, stream);
    config.width = W;
    config.height = H;
    config.screen = TRUE;
    LusPhantom *p = make(&config);
    lus_phantom_render(p, 0, gray, W, labels);
    int inside = 0, written = 0, upper_left = 0;
    for (int i = 0; i < W * H; i++) {
      int x = i % W, y = i / W;
      inside += p->map_u[i] >= 0;
      written += p->text[i] > 100;
      upper_left += x < W / 4 && y < H / 8 && gray[i] > 90;
      g_assert_true(p->map_u[i] < 0 || p->text[i] == 0);
      g_assert_true(p->map_u[i] < 0 || (x > 2 && x < W - 3));
      for (int c = 0; c < 3 && p->map_u[i] < 0; c++)
        g_assert_cmpint(labels[c * W * H + i], ==, 0);
    }
    g_assert_cmpint(inside, >, W * H / 12);
    g_assert_cmpint(inside, <, W * H * 3 / 4);
    g_assert_cmpint(written, >, 300);
    g_assert_cmpint(upper_left, >, 40);
    lus_phantom_free(p);
  }
}

static void test_patient_keeps_machine(void)
{
  LusPhantomInfo a, b, c;
  LusPhantomConfig config = small_config(12, 1);
  config.patient = 42;
  LusPhantom *p = make(&config);
  config.stream = 2;
  LusPhantom *q = make(&config);
  config.patient = 43;
  LusPhantom *r = make(&config);
  lus_phantom_info(p, &a);
  lus_phantom_info(q, &b);
  lus_phantom_info(r, &c);
  g_assert_cmpint(a.probe, ==, b.probe);
  g_assert_cmpfloat(a.depth_mm, ==, b.depth_mm);
  g_assert_cmpfloat(a.mm_per_pixel, ==, b.mm_per_pixel);
  g_assert_cmpfloat(p->range, ==, q->range);
  g_assert_cmpmem(p->grey, sizeof p->grey, q->grey, sizeof q->grey);
  g_assert_cmpint(memcmp(p->pleura_z, q->pleura_z, sizeof p->pleura_z), !=, 0);
  g_assert_cmpfloat(a.depth_mm, !=, c.depth_mm);
  lus_phantom_free(p);
  lus_phantom_free(q);
  lus_phantom_free(r);
}

/* Best confidence of the pleural line on each beam. */
static void line_confidence(const LusPhantom *p, float best[PHANTOM_BEAMS])
{
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    best[b] = 0;
    for (int row = 0; row < PHANTOM_ROWS; row++)
      best[b] = MAX(best[b], p->label[LUS_PHANTOM_PLEURAL_LINE][b * PHANTOM_ROWS + row]);
  }
}

/* Sure pieces (60 %) of a line; @middles: lists how far confidences differ in each, away from its softened ends. */
static int sure_pieces(const float best[PHANTOM_BEAMS], GArray *middles)
{
  enum { SOFT = 8 };
  int pieces = 0;
  for (int first = 0, end; first < PHANTOM_BEAMS; first = end + 1) {
    for (end = first; end < PHANTOM_BEAMS && best[end] >= .6f; end++)
      ;
    pieces += end > first;
    if (end - first <= 2 * SOFT + 4)
      continue;
    float low = 1, high = 0;
    for (int b = first + SOFT; b < end - SOFT; b++) {
      low = MIN(low, best[b]);
      high = MAX(high, best[b]);
    }
    high -= low;
    g_array_append_val(middles, high);
  }
  return pieces;
}

/* Experts draw a line as few pieces, each with one confidence: where one is plain, the rest is doubted. */
static void test_pieces(void)
{
  guint8 gray[PLANE], labels[3 * PLANE];
  g_autoptr(GArray) middles = g_array_new(FALSE, FALSE, sizeof(float));
  int shown = 0, pieces = 0, even = 0;
  for (guint64 stream = 0; stream < 60; stream++) {
    LusPhantomConfig config = small_config(5, stream);
    LusPhantom *p = make(&config);
    lus_phantom_render(p, 0, gray, SIZE, labels);
    float best[PHANTOM_BEAMS];
    line_confidence(p, best);
    int n = sure_pieces(best, middles);
    shown += n > 0;
    pieces += n;
    lus_phantom_free(p);
  }
  for (guint i = 0; i < middles->len; i++)
    even += g_array_index(middles, float, i) < .02f;
  g_assert_cmpint(shown, >=, 30);
  g_assert_cmpfloat(pieces, <, 1.5 * shown);
  g_assert_cmpint(middles->len, >, 20);
  g_assert_cmpint(10 * even, >, 9 * (int)middles->len);
}

/* The confidence of a column of grey @upper and, in its lower half, @lower, in lung of 0.2 under a plain pleural line. @made: by
 * a vertical line, else it is haze between shadows; @echoes: with A-lines. */
static float column_confidence(float upper, float lower, gboolean made, gboolean echoes)
{
  LusPhantomConfig config = small_config(3, 0);
  LusPhantom *p = make(&config);
  memset(p->wide, 0, sizeof p->wide);
  memset(p->specular, 0, sizeof p->specular);
  p->ladder = FALSE;
  p->info.a_lines = echoes;
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    p->pleura[b] = .25f * p->depth;
    for (int row = 0; row < PHANTOM_ROWS; row++) {
      int i = b * PHANTOM_ROWS + row, column = b >= 75 && b < 85;
      float z = range_of_row(p, row), from_pleura = z - p->pleura[b];
      p->expected[i] = fabsf(from_pleura) < 1 ? 1 : from_pleura < 0 || !column ? .2f : z < .625f * p->depth ? upper : lower;
      p->power[i] = 1;
      p->vertical_power[i] = column && made ? 1 : 0;
    }
  }
  lus_phantom_label(p);
  float confidence = p->label[LUS_PHANTOM_VERTICAL_LINE][80 * PHANTOM_ROWS + PHANTOM_ROWS - 1];
  lus_phantom_free(p);
  return confidence;
}

/* Bright to the bottom is a line, faded before it perhaps one, haze hardly, and nothing beside A-lines. */
static void test_columns(void)
{
  g_assert_cmpfloat(column_confidence(.7f, .7f, TRUE, FALSE), >, .9f);
  float fading = column_confidence(.7f, .2f, TRUE, FALSE);
  g_assert_cmpfloat(fading, >, .3f);
  g_assert_cmpfloat(fading, <, .46f);
  float haze = column_confidence(.7f, .7f, FALSE, FALSE);
  g_assert_cmpfloat(haze, >, .15f);
  g_assert_cmpfloat(haze, <, .26f);
  g_assert_cmpfloat(column_confidence(.7f, .2f, FALSE, FALSE), <, .12f);
  g_assert_cmpfloat(column_confidence(.7f, .7f, FALSE, TRUE), ==, 0);
  g_assert_cmpfloat(column_confidence(.2f, .2f, TRUE, FALSE), ==, 0);
}

/* A patient's clips are taken where a pleural line shows: of 24 clips of 4 patients at least 20 have it, at 60 % or more, on a
 * tenth of the columns. */
static void test_patient_shows_pleura(void)
{
  guint8 gray[PLANE], labels[3 * PLANE];
  int shown = 0;
  for (guint i = 0; i < 24; i++) {
    LusPhantomConfig config = small_config(77, i);
    int columns = 0;
    config.patient = 1 + i / 6;
    config.water = .1 + .15 * (i % 6);
    still(&config, 0, gray, labels);
    for (int x = 0; x < SIZE; x++) {
      gboolean marked = FALSE;
      for (int y = 0; y < SIZE; y++)
        marked |= labels[y * SIZE + x] >= 60;
      columns += marked;
    }
    shown += columns * 10 >= SIZE;
  }
  g_assert_cmpint(shown, >=, 20);
}

/* A square of 80 % and one of 25 %, and a strip to be ignored. */
static void draw_squares(guint8 *labels)
{
  memset(labels, 0, 3 * PLANE);
  for (int y = 10; y < 30; y++)
    for (int x = 10; x < 30; x++) {
      labels[y * SIZE + x] = 80;
      labels[(y + 40) * SIZE + x + 40] = 25;
      labels[2 * PLANE + y * SIZE + x] = LUS_LABEL_IGNORE;
    }
}

static void test_experts(void)
{
  guint8 truth[3 * PLANE], a[3 * PLANE], b[3 * PLANE];
  int missed = 0, kept = 0, changed = 0;
  draw_squares(truth);
  memcpy(a, truth, sizeof a);
  lus_phantom_expert(a, 3, SIZE, SIZE, 1, 1, 0);
  g_assert_cmpmem(a, sizeof a, truth, sizeof truth);
  for (int expert = 1; expert <= 20; expert++) {
    memcpy(a, truth, sizeof a);
    memcpy(b, truth, sizeof b);
    lus_phantom_expert(a, 3, SIZE, SIZE, 1, 5, expert);
    lus_phantom_expert(b, 3, SIZE, SIZE, 1, 5, expert);
    g_assert_cmpmem(a, sizeof a, b, sizeof b);
    for (int i = 0; i < 3 * PLANE; i++) {
      g_assert_true(a[i] <= 100 || a[i] == LUS_LABEL_IGNORE);
      g_assert_true((truth[i] == LUS_LABEL_IGNORE) == (a[i] == LUS_LABEL_IGNORE));
    }
    kept += a[20 * SIZE + 20] > 30;
    missed += a[60 * SIZE + 60] == 0;
    changed += memcmp(a, truth, sizeof a) != 0;
    g_assert_cmpint(a[20 * SIZE + 20], >, a[60 * SIZE + 60]);
  }
  g_assert_cmpint(kept, ==, 20);
  g_assert_cmpint(missed, >=, 3);
  g_assert_cmpint(missed, <=, 17);
  g_assert_cmpint(changed, ==, 20);
}

/* The compression stand-in: a flat picture stays, a fine pattern loses more at low quality. */
static void test_jpeg(void)
{
  enum { W = 37, H = 21 };
  guint8 flat[W * H], coarse[W * H], fine[W * H];
  long loss_coarse = 0, loss_fine = 0;
  memset(flat, 90, sizeof flat);
  lus_phantom_jpeg(flat, W, W, H, 90);
  for (int i = 0; i < W * H; i++) {
    g_assert_cmpint(ABS(flat[i] - 90), <=, 1);
    coarse[i] = fine[i] = (guint8)(i * 37 % 101);
  }
  lus_phantom_jpeg(coarse, W, W, H, 20);
  lus_phantom_jpeg(fine, W, W, H, 95);
  for (int i = 0; i < W * H; i++) {
    loss_coarse += ABS(coarse[i] - i * 37 % 101);
    loss_fine += ABS(fine[i] - i * 37 % 101);
  }
  g_assert_cmpint(loss_fine, <, 3 * W * H);
  g_assert_cmpint(loss_coarse, >, 3 * loss_fine);
}

static void test_arithmetic(void)
{
  for (int i = -400; i <= 400; i++) {
    float x = (float)i / 7;
    g_assert_cmpfloat(fabs(exp2_fast(x) / exp2(x) - 1), <, 4e-6);
    float y = (float)exp2(x);
    g_assert_cmpfloat(fabs(log2_fast(y) - log2(y)), <, 1e-5);
  }
  g_assert_cmpfloat(exp2_fast(0), ==, 1);
  g_assert_cmpfloat(log2_fast(1), ==, 0);
  g_assert_cmpfloat_with_epsilon(soft_box(0, 0, 2, .5f), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon(soft_box(1, 0, 2, .5f), .5, 1e-6);
  g_assert_cmpfloat(soft_box(2, 0, 2, .5f), ==, 0);
}

/* Unit variance, whatever the correlation, and smoothing that keeps what it promises. */
static void test_noise(void)
{
  enum { N = 300, TRIALS = 60 };
  LusRng rng;
  float line[N];
  double sum2 = 0, neighbours = 0;
  lus_rng_init(&rng, 1, 1);
  for (int t = 0; t < TRIALS; t++) {
    lus_phantom_noise1(&rng, line, N, 4);
    for (int i = 0; i + 1 < N; i++) {
      sum2 += line[i] * line[i] / (TRIALS * (N - 1));
      neighbours += line[i] * line[i + 1] / (TRIALS * (N - 1));
    }
  }
  g_assert_cmpfloat_with_epsilon(sum2, 1, .1);
  g_assert_cmpfloat(neighbours, >, .95 * sum2);
  float spike[9 * 3] = { [9 + 4] = 1 }, out[9 * 3], sigma[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
  lus_phantom_smooth_along(spike, 3, 9, 1, FALSE);
  double total = 0;
  for (int i = 0; i < 9; i++)
    total += spike[9 + i];
  g_assert_cmpfloat_with_epsilon(total, 1, 1e-5);
  g_assert_cmpfloat_with_epsilon(spike[9 + 3] / spike[9 + 4], exp(-.5), 1e-5);
  lus_phantom_smooth_across(out, spike, 3, 9, sigma, FALSE);
  g_assert_cmpfloat_with_epsilon(out[4] + out[9 + 4] + out[18 + 4], spike[9 + 4], 1e-5);
}

static void test_percentile(void)
{
  float ramp[1001];
  for (int i = 0; i <= 1000; i++)
    ramp[i] = (float)(1000 - i);
  g_assert_cmpfloat_with_epsilon(lus_phantom_percentile(ramp, 1001, .99), 990, 2);
  g_assert_cmpfloat_with_epsilon(lus_phantom_percentile(ramp, 1001, .05), 50, 2);
  float same[5] = { 3, 3, 3, 3, 3 };
  g_assert_cmpfloat(lus_phantom_percentile(same, 5, .5), ==, 3);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/phantom/defaults", test_defaults);
  g_test_add_func("/phantom/same-arguments-same-picture", test_same_arguments_same_picture);
  g_test_add_func("/phantom/interleaved", test_interleaved);
  g_test_add_func("/phantom/threads", test_threads);
  g_test_add_func("/phantom/sizes", test_sizes);
  g_test_add_func("/phantom/bad-arguments", test_bad_arguments);
  g_test_add_func("/phantom/label-range", test_label_range);
  g_test_add_func("/phantom/water", test_water);
  g_test_add_func("/phantom/info", test_info);
  g_test_add_func("/phantom/columns", test_columns);
  g_test_add_func("/phantom/pleura-on-ridge", test_pleura_on_ridge);
  g_test_add_func("/phantom/sliding", test_sliding);
  g_test_add_func("/phantom/screen", test_screen);
  g_test_add_func("/phantom/patient-keeps-machine", test_patient_keeps_machine);
  g_test_add_func("/phantom/pieces", test_pieces);
  g_test_add_func("/phantom/patient-shows-pleura", test_patient_shows_pleura);
  g_test_add_func("/phantom/experts", test_experts);
  g_test_add_func("/phantom/jpeg", test_jpeg);
  g_test_add_func("/phantom/arithmetic", test_arithmetic);
  g_test_add_func("/phantom/noise", test_noise);
  g_test_add_func("/phantom/percentile", test_percentile);
  return g_test_run();
}
