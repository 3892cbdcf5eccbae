/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/sector.h"
#include "lung/phantom-scene.h"

#include <math.h>
#include <string.h>

/* Synthetic scanner screens: a known region of speckle among black, text and scales. */

typedef struct {
  int width, height, stride;
  guint8 *pixels;
  guint8 *truth; /* 1 in the region, dense */
  GRand *rand;
} Screen;

static Screen *screen_new(int width, int height)
{
  Screen *s = g_new0(Screen, 1);
  *s = (Screen){.width = width, .height = height, .stride = width + 13};
  s->pixels = g_malloc0((gsize)s->stride * height);
  s->truth = g_malloc0((gsize)width * height);
  s->rand = g_rand_new_with_seed(5);
  return s;
}

static void screen_free(Screen *s)
{
  g_rand_free(s->rand);
  g_free(s->pixels);
  g_free(s->truth);
  g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Screen, screen_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSector, lus_sector_free)

static LusImage screen_image(const Screen *s)
{
  return (LusImage){.format = LUS_FORMAT_GRAY8, .width = s->width, .height = s->height, .planes = {s->pixels},
                    .strides = {s->stride}};
}

/* A ring segment around (@cx, @cy): radii @r0 to @r1, @half radians to each side; cut off at the frame's border. */
static void mark_fan(Screen *s, double cx, double cy, double r0, double r1, double half)
{
  for (int y = 0; y < s->height; y++)
    for (int x = 0; x < s->width; x++) {
      double dx = x + 0.5 - cx, dy = y + 0.5 - cy, r = hypot(dx, dy);
      s->truth[y * s->width + x] = r >= r0 && r <= r1 && fabs(atan2(dx, dy)) <= half;
    }
}

static void mark_rectangle(Screen *s, LusRect r)
{
  for (int y = r.y; y < r.y + r.height; y++)
    memset(s->truth + y * s->width + r.x, 1, (gsize)r.width);
}

/* Rayleigh speckle whose mean falls from @top to @bottom down the frame. */
static void speckle(Screen *s, double top, double bottom)
{
  for (int y = 0; y < s->height; y++)
    for (int x = 0; x < s->width; x++)
      if (s->truth[y * s->width + x]) {
        double mean = top + (bottom - top) * y / s->height, u = g_rand_double(s->rand);
        s->pixels[y * s->stride + x] = (guint8)MIN(mean * sqrt(-2 * log(1 - u)) / 1.2533, 255);
      }
}

/* Strokes 2 pixels thick, like letters. */
static void text(Screen *s, int x, int y, int letters)
{
  for (int i = 0; i < letters; i++)
    for (int v = 0; v < 12; v++)
      for (int u = 0; u < 8; u++)
        if (u < 2 || v < 2 || (i % 2 && v > 9))
          s->pixels[(y + v) * s->stride + x + 11 * i + u] = 230;
}

static void ticks(Screen *s, int x, int y, int n, int distance)
{
  for (int i = 0; i < n; i++)
    memset(s->pixels + (y + i * distance) * s->stride + x, 200, i % 5 ? 4 : 9);
}

static double iou(const Screen *s, const LusSector *sector, gboolean hull_of_rows)
{
  g_autofree guint8 *found = g_malloc((gsize)s->width * s->height);
  lus_sector_sample(sector, found, (LusRect){0, 0, s->width, s->height}, s->width, s->height);
  gint64 both = 0, either = 0;
  for (int y = 0; y < s->height; y++) {
    int first = s->width, last = -1;
    for (int x = 0; x < s->width; x++)
      if (s->truth[y * s->width + x]) {
        first = MIN(first, x);
        last = x;
      }
    for (int x = 0; x < s->width; x++) {
      gboolean truth = hull_of_rows ? x >= first && x <= last : s->truth[y * s->width + x];
      both += truth && found[y * s->width + x];
      either += truth || found[y * s->width + x];
    }
  }
  return (double)both / (double)either;
}

static LusSector *look(const Screen *s)
{
  LusSector *sector = lus_sector_new(s->width, s->height, LUS_SECTOR_AUTO, (LusRect){0});
  LusImage image = screen_image(s);
  g_assert_true(lus_sector_update(sector, &image));
  return sector;
}

/* ---- what is found ---- */

static void test_convex(void)
{
  g_autoptr(Screen) s = screen_new(801, 603);
  mark_fan(s, 400, -60, 140, 620, 0.6);
  speckle(s, 110, 14);
  text(s, 20, 20, 12);
  text(s, 600, 20, 14);
  text(s, 20, 560, 9);
  ticks(s, 780, 60, 21, 25);
  for (int y = 100; y < 400; y++)
    memset(s->pixels + y * s->stride + 24, 255 - y / 2, 10); /* grey scale */
  g_autoptr(LusSector) sector = look(s);
  g_assert_cmpfloat(iou(s, sector, TRUE), >=, 0.95);
  LusRect rect;
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(rect.x, >, 40);
  g_assert_cmpint(rect.x + rect.width, <, 770);
}

static void test_linear(void)
{
  g_autoptr(Screen) s = screen_new(640, 480);
  mark_rectangle(s, (LusRect){211, 47, 203, 391});
  speckle(s, 90, 10);
  text(s, 30, 50, 10);
  text(s, 216, 24, 16); /* a title right above */
  ticks(s, 424, 47, 20, 20);
  g_autoptr(LusSector) sector = look(s);
  g_assert_cmpfloat(iou(s, sector, FALSE), >=, 0.97);
  LusRect rect;
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(ABS(rect.x - 211), <=, 2);
  g_assert_cmpint(ABS(rect.y - 47), <=, 2);
  g_assert_cmpint(ABS(rect.x + rect.width - 414), <=, 2);
  g_assert_cmpint(ABS(rect.y + rect.height - 438), <=, 2);
}

/* Exact where the region is flat: the border is followed in pixels. */
static void test_exact(void)
{
  g_autoptr(Screen) s = screen_new(700, 500);
  mark_rectangle(s, (LusRect){101, 33, 331, 417});
  for (int y = 33; y < 450; y++)
    memset(s->pixels + y * s->stride + 101, 60, 331);
  g_autoptr(LusSector) sector = look(s);
  LusRect rect;
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(rect.x, ==, 101);
  g_assert_cmpint(rect.y, ==, 33);
  g_assert_cmpint(rect.width, ==, 331);
  g_assert_cmpint(rect.height, ==, 417);
  g_assert_cmpfloat(iou(s, sector, FALSE), ==, 1.0);
}

static void test_full_frame(void)
{
  g_autoptr(Screen) s = screen_new(97, 131);
  mark_rectangle(s, (LusRect){0, 0, 97, 131});
  speckle(s, 90, 60);
  g_autoptr(LusSector) sector = look(s);
  g_assert_cmpfloat(iou(s, sector, FALSE), >=, 0.97);
}

/* An anechoic layer or a rib's shadow does not cut the sector in two. */
static void test_dark_layer(void)
{
  g_autoptr(Screen) s = screen_new(512, 384);
  mark_rectangle(s, (LusRect){120, 20, 250, 90});
  mark_rectangle(s, (LusRect){120, 200, 250, 160});
  speckle(s, 90, 40);
  g_autoptr(LusSector) sector = look(s);
  LusRect rect;
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(ABS(rect.y - 20), <=, 3);
  g_assert_cmpint(ABS(rect.height - 340), <=, 4);
}

/* A thin bright layer of skin over a dark corner belongs to the sector as well. */
static void test_thin_layer(void)
{
  g_autoptr(Screen) s = screen_new(160, 540);
  mark_rectangle(s, (LusRect){2, 2, 150, 400});
  speckle(s, 90, 40);
  for (int y = 12; y < 40; y++) /* dark under it, on the right */
    memset(s->pixels + y * s->stride + 110, 0, 42);
  g_autoptr(LusSector) sector = look(s);
  g_assert_cmpfloat(iou(s, sector, FALSE), >=, 0.98);
}

/* ---- what lies in the dark ---- */

/* A rib's shadow, or a part of the probe without contact, along the beams between two angles. */
static void darken(Screen *s, double cx, double cy, double from, double to, double radius)
{
  for (int y = 0; y < s->height; y++)
    for (int x = 0; x < s->width; x++) {
      double dx = x + 0.5 - cx, dy = y + 0.5 - cy, angle = atan2(dx, dy), fade = (angle - from) / (to - from);
      guint8 *pixel = s->pixels + y * s->stride + x;
      if (hypot(dx, dy) > radius && fade < 1)
        *pixel = fade <= 0 ? 0 : (guint8)(*pixel * fade);
    }
}

static void test_dark_corner(void)
{
  static const struct {
    double near, from, to, radius;
  } cases[] = {{140, -0.3, -0.2, 300}, {140, -0.3, -0.2, 220}, {10, -0.25, -0.15, 250}, {140, -0.1, 0, 350}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Screen) s = screen_new(801, 603);
    mark_fan(s, 400, -40, cases[i].near, 600, 0.6);
    speckle(s, 110, 50);
    darken(s, 400, -40, cases[i].from, cases[i].to, cases[i].radius);
    text(s, 20, 560, 9);
    g_autoptr(LusSector) sector = look(s);
    g_test_message("shadow %d: IoU %.3f", (int)i, iou(s, sector, TRUE));
    g_assert_cmpfloat(iou(s, sector, TRUE), >=, 0.95);
  }
}

/* A fan whose corners the scanner cuts off, upright, with text beside it: nothing is to be completed there. */
static void test_cut_corners(void)
{
  g_autoptr(Screen) s = screen_new(801, 603);
  mark_fan(s, 400, -40, 140, 600, 0.6);
  for (int y = 0; y < 603; y++)
    for (int x = 0; x < 801; x++)
      s->truth[y * 801 + x] &= x >= 200 && x < 600;
  speckle(s, 110, 50);
  text(s, 100, 400, 6);
  g_autoptr(LusSector) sector = look(s);
  g_assert_cmpfloat(iou(s, sector, TRUE), >=, 0.95);
}

/* Whether the text (x, y) of @letters has a pixel in the sector. */
static gboolean holds_text(const Screen *s, const LusSector *sector, int x, int y, int letters)
{
  g_autofree guint8 *found = g_malloc((gsize)s->width * s->height);
  lus_sector_sample(sector, found, (LusRect){0, 0, s->width, s->height}, s->width, s->height);
  for (int v = y; v < y + 12; v++)
    for (int u = x; u < x + 11 * letters; u++)
      if (found[v * s->width + u] && s->pixels[v * s->stride + u] == 230)
        return TRUE;
  return FALSE;
}

/* Names six pixels from the sector, on each side of it and at a corner, stay outside. */
static void test_texts_beside(void)
{
  static const struct {
    gboolean fan;
    int x, y, letters;
  } texts[] = {{FALSE, 131, 200, 6}, {FALSE, 507, 300, 9}, {FALSE, 300, 482, 12}, {FALSE, 220, 61, 8},
               {FALSE, 100, 72, 9},  {TRUE, 557, 150, 10}, {TRUE, 34, 300, 10},   {TRUE, 360, 565, 8}};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(Screen) s = screen_new(801, 603);
    if (texts[i].fan)
      mark_fan(s, 400, -60, 140, 620, 0.6);
    else
      mark_rectangle(s, (LusRect){202, 80, 299, 395});
    speckle(s, 110, 50);
    text(s, texts[i].x, texts[i].y, texts[i].letters);
    for (int v = texts[i].y; v < texts[i].y + 12; v++)
      for (int u = texts[i].x; u < texts[i].x + 11 * texts[i].letters; u++)
        g_assert_false(s->truth[v * s->width + u]);
    g_autoptr(LusSector) sector = look(s);
    g_test_message("text %d: IoU %.3f", (int)i, iou(s, sector, TRUE));
    g_assert_cmpfloat(iou(s, sector, TRUE), >=, 0.98);
    g_assert_false(holds_text(s, sector, texts[i].x, texts[i].y, texts[i].letters));
  }
}

static double look_at_phantom(guint64 stream)
{
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = 12;
  config.stream = stream;
  config.screen = TRUE;
  config.probe = (LusProbe)(stream % 3);
  config.width = 480;
  config.height = 360;
  g_autoptr(GError) error = NULL;
  LusPhantom *phantom = lus_phantom_new(&config, &error);
  g_assert_no_error(error);
  g_autoptr(Screen) s = screen_new(480, 360);
  for (int k = 0; k < 480 * 360; k++)
    s->truth[k] = phantom->map_u[k] >= 0;
  g_autoptr(LusSector) sector = lus_sector_new(480, 360, LUS_SECTOR_AUTO, (LusRect){0});
  LusImage image = screen_image(s);
  for (int frame = 0; frame < 3; frame++) {
    lus_phantom_render(phantom, frame * 0.2, s->pixels, s->stride, NULL);
    lus_sector_update(sector, &image);
  }
  lus_phantom_free(phantom);
  return iou(s, sector, TRUE);
}

/* Simulated scans of all probes on whole screens: shadows, gain, blur and coding as they come. In one or the other, less
 * than half of the fan is to be seen. */
static void test_phantom_screens(void)
{
  enum { SCREENS = 12 };
  int good = 0;
  for (int i = 0; i < SCREENS; i++) {
    double value = look_at_phantom((guint64)i);
    g_test_message("screen %d: IoU %.3f", i, value);
    good += value >= 0.95;
  }
  g_assert_cmpint(good, >=, SCREENS - 2);
}

/* ---- limited range, compression noise ---- */

static void test_noise(void)
{
  g_autoptr(Screen) s = screen_new(350, 350);
  mark_fan(s, 175, -90, 100, 430, 0.55);
  g_autoptr(LusSector) sector = lus_sector_new(350, 350, LUS_SECTOR_AUTO, (LusRect){0});
  LusImage image = screen_image(s);
  image.format = LUS_FORMAT_I420; /* limited range: black is 16 */
  for (int frame = 0; frame < 40; frame++) {
    speckle(s, 80, 12);
    for (int y = 0; y < 350; y++)
      for (int x = 0; x < 350; x++) {
        guint8 *pixel = s->pixels + y * s->stride + x;
        int level = s->truth[y * 350 + x] ? 16 + *pixel * 219 / 255 : 16;
        *pixel = (guint8)CLAMP(level + g_rand_int_range(s->rand, -3, 4), 0, 255);
      }
    lus_sector_update(sector, &image);
  }
  g_assert_cmpfloat(iou(s, sector, TRUE), >=, 0.95);
}

/* A grabber that calls studio range full: black is 16, texts lie on it. Some noise does not hide that it is one grey. */
static void test_raised_black(void)
{
  g_autoptr(Screen) s = screen_new(640, 480);
  mark_fan(s, 320, -60, 120, 520, 0.5);
  g_autoptr(LusSector) sector = lus_sector_new(640, 480, LUS_SECTOR_AUTO, (LusRect){0});
  LusImage image = screen_image(s);
  for (int frame = 0; frame < 10; frame++) {
    speckle(s, 110, 14);
    text(s, 20, 20, 12);
    text(s, 500, 20, 10);
    ticks(s, 620, 60, 15, 25);
    for (int y = 100; y < 300; y++)
      memset(s->pixels + y * s->stride + 8, 255 - y / 2, 9); /* grey scale */
    for (int i = 0; i < s->stride * s->height; i++)
      s->pixels[i] = (guint8)CLAMP(16 + s->pixels[i] * 219 / 255 + g_rand_int_range(s->rand, -1, 2), 0, 255);
    lus_sector_update(sector, &image);
    memset(s->pixels, 0, (gsize)s->stride * (gsize)s->height);
  }
  g_assert_cmpfloat(iou(s, sector, TRUE), >=, 0.95);
}

/* ---- over time ---- */

static void test_black(void)
{
  g_autoptr(Screen) s = screen_new(320, 240);
  g_autoptr(LusSector) sector = lus_sector_new(320, 240, LUS_SECTOR_AUTO, (LusRect){0});
  LusImage image = screen_image(s);
  LusRect rect;
  guint8 sample[4];
  for (int i = 0; i < 3; i++) {
    g_assert_false(lus_sector_update(sector, &image));
    g_assert_false(lus_sector_get_rect(sector, &rect));
  }
  lus_sector_sample(sector, sample, (LusRect){0, 0, 320, 240}, 2, 2);
  for (int i = 0; i < 4; i++)
    g_assert_cmpint(sample[i], ==, 0);
  text(s, 20, 20, 10); /* text alone is no sector */
  g_assert_false(lus_sector_update(sector, &image));
  mark_rectangle(s, (LusRect){80, 40, 160, 180});
  speckle(s, 80, 40);
  g_assert_true(lus_sector_update(sector, &image));
  g_assert_cmpfloat(iou(s, sector, FALSE), >=, 0.95);
}

static void test_growth(void)
{
  g_autoptr(LusSector) sector = lus_sector_new(600, 400, LUS_SECTOR_AUTO, (LusRect){0});
  g_autoptr(Screen) s = screen_new(600, 400);
  LusImage image = screen_image(s);
  static const struct {
    int width, height;
    gboolean changes;
    int known_width; /* afterwards */
  } steps[] = {{200, 300, TRUE, 200}, {200, 300, FALSE, 200}, {203, 301, FALSE, 200}, {230, 300, TRUE, 230},
               {150, 100, FALSE, 230}, {231, 350, TRUE, 231}};
  for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
    memset(s->pixels, 0, (gsize)s->stride * 400);
    for (int y = 10; y < 10 + steps[i].height; y++)
      memset(s->pixels + y * s->stride + 50, 70, (gsize)steps[i].width);
    g_assert_cmpint(lus_sector_update(sector, &image), ==, steps[i].changes);
    LusRect rect;
    g_assert_true(lus_sector_get_rect(sector, &rect));
    g_assert_cmpint(rect.x, ==, 50);
    g_assert_cmpint(rect.width, ==, steps[i].known_width);
  }
  lus_sector_reset(sector);
  LusRect rect;
  g_assert_false(lus_sector_get_rect(sector, &rect));
  g_assert_true(lus_sector_update(sector, &image));
}

static void test_deterministic(void)
{
  g_autoptr(LusSector) a = lus_sector_new(300, 200, LUS_SECTOR_AUTO, (LusRect){0});
  g_autoptr(LusSector) b = lus_sector_new(300, 200, LUS_SECTOR_AUTO, (LusRect){0});
  g_autoptr(Screen) s = screen_new(300, 200);
  mark_fan(s, 150, -30, 40, 210, 0.7);
  LusImage image = screen_image(s);
  guint8 from_a[41 * 33], from_b[41 * 33];
  for (int i = 0; i < 10; i++) {
    speckle(s, 8 * i, 2 * i);
    g_assert_cmpint(lus_sector_update(a, &image), ==, lus_sector_update(b, &image));
    lus_sector_sample(a, from_a, (LusRect){0, 0, 300, 200}, 41, 33);
    lus_sector_sample(b, from_b, (LusRect){0, 0, 300, 200}, 41, 33);
    g_assert_cmpmem(from_a, sizeof from_a, from_b, sizeof from_b);
  }
}

/* ---- modes, rectangles, sampling ---- */

static void check_mode(LusSectorMode mode, LusRect manual, LusRect expected)
{
  g_autoptr(LusSector) sector = lus_sector_new(100, 60, mode, manual);
  g_autoptr(Screen) s = screen_new(100, 60);
  LusImage image = screen_image(s);
  LusRect rect;
  g_assert_false(lus_sector_update(sector, &image));
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(rect.x, ==, expected.x);
  g_assert_cmpint(rect.y, ==, expected.y);
  g_assert_cmpint(rect.width, ==, expected.width);
  g_assert_cmpint(rect.height, ==, expected.height);
  lus_sector_reset(sector);
  g_assert_true(lus_sector_get_rect(sector, &rect));
}

static void test_modes(void)
{
  check_mode(LUS_SECTOR_NONE, (LusRect){0}, (LusRect){0, 0, 100, 60});
  check_mode(LUS_SECTOR_MANUAL, (LusRect){10, 20, 50, 30}, (LusRect){10, 20, 50, 30});
  check_mode(LUS_SECTOR_MANUAL, (LusRect){-10, 50, 500, 300}, (LusRect){0, 44, 100, 16});
  check_mode(LUS_SECTOR_MANUAL, (LusRect){200, 7, 0, 2}, (LusRect){84, 0, 16, 16});
  check_mode(LUS_SECTOR_MANUAL, (LusRect){G_MAXINT - 5, 0, G_MAXINT, G_MAXINT}, (LusRect){84, 0, 16, 60});
}

static void test_sample(void)
{
  g_autoptr(LusSector) sector = lus_sector_new(40, 40, LUS_SECTOR_MANUAL, (LusRect){10, 10, 20, 20});
  guint8 out[15];
  lus_sector_sample(sector, out, (LusRect){0, 8, 40, 12}, 5, 3); /* centres x 4 12 20 28 36, y 10 14 18 */
  for (int i = 0; i < 15; i++)
    g_assert_cmpint(out[i], ==, i % 5 >= 1 && i % 5 <= 3 ? 255 : 0);
  lus_sector_sample(sector, out, (LusRect){-30, 35, 15, 30}, 5, 3); /* outside of the frame */
  for (int i = 0; i < 15; i++)
    g_assert_cmpint(out[i], ==, 0);
}

static void test_smallest_frame(void)
{
  g_autoptr(Screen) s = screen_new(16, 16);
  mark_rectangle(s, (LusRect){3, 0, 11, 16});
  speckle(s, 90, 90);
  g_autoptr(LusSector) sector = look(s);
  LusRect rect;
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(rect.x, ==, 0);
  g_assert_cmpint(rect.width, ==, 16);
  g_assert_cmpint(rect.height, ==, 16);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sector/convex", test_convex);
  g_test_add_func("/sector/linear", test_linear);
  g_test_add_func("/sector/exact", test_exact);
  g_test_add_func("/sector/full-frame", test_full_frame);
  g_test_add_func("/sector/dark-layer", test_dark_layer);
  g_test_add_func("/sector/thin-layer", test_thin_layer);
  g_test_add_func("/sector/dark-corner", test_dark_corner);
  g_test_add_func("/sector/cut-corners", test_cut_corners);
  g_test_add_func("/sector/texts-beside", test_texts_beside);
  g_test_add_func("/sector/phantom-screens", test_phantom_screens);
  g_test_add_func("/sector/noise", test_noise);
  g_test_add_func("/sector/raised-black", test_raised_black);
  g_test_add_func("/sector/black", test_black);
  g_test_add_func("/sector/growth", test_growth);
  g_test_add_func("/sector/deterministic", test_deterministic);
  g_test_add_func("/sector/modes", test_modes);
  g_test_add_func("/sector/sample", test_sample);
  g_test_add_func("/sector/smallest-frame", test_smallest_frame);
  return g_test_run();
}
