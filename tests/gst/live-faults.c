/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Faults of scanner, cable, probe and model while the video flows: within 200 ms of stream time no mask is on the
 * picture and its metadata say why; afterwards results come back. */
#include "live-scene.h"

#define LINE(SECTOR) \
  "lussegment model-file=MODEL threads=1 inference-mode=latest " SECTOR " ! " \
  "lusconfmask confidence-threshold=0.2 ! " \
  "lusoverlay show-status=false show-legend=false show-estimate=false"
#define HERE "sector=manual roi=<120,72,136,110>" /* in the scene of SCENE_SEED */
#define IN_TIME (200 * GST_MSECOND)
#define FAULT_PICTURES 13  /* 400 ms and a bit */
#define AFTER_PICTURES 36  /* a new depth is told for half a second */

typedef enum {
  FROZEN, FROZEN_NOISY, FROZEN_CLOCK, BLACK, BARS, ONE_GREY, BOX_ON_GREY, SNOW, PROBE_OFF, DEEPER, SHALLOWER,
  FAILING_MODEL, N_FAULTS
} Fault;

static const GstLusSegFlags expected[N_FAULTS] = {
    GST_LUS_SEG_FROZEN,    GST_LUS_SEG_FROZEN,     GST_LUS_SEG_FROZEN,    GST_LUS_SEG_NO_SIGNAL,
    GST_LUS_SEG_NO_SIGNAL, GST_LUS_SEG_NO_SIGNAL,  GST_LUS_SEG_NO_SIGNAL, GST_LUS_SEG_NO_SIGNAL,
    GST_LUS_SEG_NO_CONTACT, GST_LUS_SEG_NEW_DEPTH, GST_LUS_SEG_NEW_DEPTH, GST_LUS_SEG_NO_MODEL};

typedef struct {
  GRand *rand;
  LusRect rect;           /* of the sector */
  int top[SCENE_WIDTH];   /* first row of the sector in each column; SCENE_HEIGHT: none */
  int end[SCENE_WIDTH];
  double scale;           /* of DEEPER and SHALLOWER */
  guint frozen;           /* number of the picture that stays */
} Injection;

typedef guint8 Pixels[SCENE_HEIGHT][SCENE_WIDTH];

/* Where the pictures are ever bright inside of the rectangle. */
static void find_sector(Injection *injection)
{
  for (int x = 0; x < SCENE_WIDTH; x++) {
    injection->top[x] = SCENE_HEIGHT;
    injection->end[x] = 0;
  }
  for (guint n = 0; n < SCENE_PICTURES; n++) {
    GstBuffer *picture = scene_picture(n, 0);
    GstMapInfo map;
    gst_buffer_map(picture, &map, GST_MAP_READ);
    for (int y = injection->rect.y; y < injection->rect.y + injection->rect.height; y++)
      for (int x = injection->rect.x; x < injection->rect.x + injection->rect.width; x++)
        if (map.data[y * SCENE_WIDTH + x] > 12) {
          injection->top[x] = MIN(injection->top[x], y);
          injection->end[x] = MAX(injection->end[x], y + 1);
        }
    gst_buffer_unmap(picture, &map);
    gst_buffer_unref(picture);
  }
}

static guint8 random_grey(const Injection *injection, int from, int to)
{
  return (guint8)g_rand_int_range(injection->rand, from, to);
}

static void fill(const Injection *injection, Pixels pixels, Fault fault)
{
  static const guint8 bars[8] = {235, 210, 170, 145, 106, 81, 41, 16};

  for (int y = 0; y < SCENE_HEIGHT; y++)
    for (int x = 0; x < SCENE_WIDTH; x++) {
      gboolean box = fault == BOX_ON_GREY && y / 24 == 5 && x / 64 == 2;
      guint8 grey = fault == BLACK ? 0 : fault == BARS ? bars[x * 8 / SCENE_WIDTH] : 40;
      if (fault == SNOW || box)
        grey = random_grey(injection, 0, 256);
      pixels[y][x] = grey;
    }
}

/* Reverberations at the probe's face, and the noise of the receiver. */
static void lift_probe(const Injection *injection, Pixels pixels)
{
  for (int x = 0; x < SCENE_WIDTH; x++)
    for (int y = injection->top[x]; y < injection->end[x]; y++) {
      int percent = (y - injection->top[x]) * 100 / (injection->end[x] - injection->top[x]);
      int level = percent < 12 ? (percent % 4 < 2 ? 170 : 60) : 0;
      pixels[y][x] = (guint8)(level + random_grey(injection, 0, 6));
    }
}

/* The sector about the middle of its upper border. */
static void rescale(const Injection *injection, Pixels pixels)
{
  const LusRect *rect = &injection->rect;
  const double x0 = rect->x + rect->width / 2.0, y0 = rect->y;
  Pixels before;

  memcpy(before, pixels, sizeof(before));
  for (int y = rect->y; y < rect->y + rect->height; y++)
    for (int x = rect->x; x < rect->x + rect->width; x++) {
      int from_x = (int)(x0 + (x + 0.5 - x0) / injection->scale);
      int from_y = (int)(y0 + (y + 0.5 - y0) / injection->scale);
      gboolean inside = from_x >= rect->x && from_x < rect->x + rect->width && from_y >= rect->y &&
                        from_y < rect->y + rect->height && y >= injection->top[x] && y < injection->end[x];
      pixels[y][x] = inside ? before[from_y][from_x] : 0;
    }
}

static void disturb(const Injection *injection, Pixels pixels, Fault fault)
{
  for (int y = 0; fault == FROZEN_NOISY && y < SCENE_HEIGHT; y++)
    for (int x = 0; x < SCENE_WIDTH; x++) {
      int noisy = pixels[y][x] + g_rand_int_range(injection->rand, -1, 2);
      pixels[y][x] = (guint8)CLAMP(noisy, 0, 255);
    }
  for (int y = 2; fault == FROZEN_CLOCK && y < 10; y++)
    for (int x = 2; x < 40; x++)
      pixels[y][x] = random_grey(injection, 0, 256);
}

/* Picture @n as it arrives under the fault. */
static GstBuffer *spoil(const Injection *injection, Fault fault, guint n)
{
  const gboolean frozen = fault <= FROZEN_CLOCK;
  GstBuffer *picture = scene_picture(frozen ? injection->frozen : n, SCENE_TIME(n));
  GstMapInfo map;

  gst_buffer_map(picture, &map, GST_MAP_READWRITE);
  if (frozen)
    disturb(injection, (guint8(*)[SCENE_WIDTH])map.data, fault);
  else if (fault <= SNOW)
    fill(injection, (guint8(*)[SCENE_WIDTH])map.data, fault);
  else if (fault == PROBE_OFF)
    lift_probe(injection, (guint8(*)[SCENE_WIDTH])map.data);
  else if (fault != FAILING_MODEL)
    rescale(injection, (guint8(*)[SCENE_WIDTH])map.data);
  gst_buffer_unmap(picture, &map);
  return picture;
}

/* TRUE if a sample of the sector's middle is another than the one that went in. */
static gboolean is_drawn_on(const Injection *injection, GstBuffer *out, GstBuffer *in)
{
  const LusRect *rect = &injection->rect;
  GstMapInfo a, b;
  gboolean differs = FALSE;

  gst_buffer_map(out, &a, GST_MAP_READ);
  gst_buffer_map(in, &b, GST_MAP_READ);
  for (int x = rect->x; x < rect->x + rect->width; x++)
    for (int y = injection->top[x] + 8; y < injection->end[x] - 8; y++)
      differs |= a.data[y * SCENE_WIDTH + x] != b.data[y * SCENE_WIDTH + x];
  gst_buffer_unmap(in, &b);
  gst_buffer_unmap(out, &a);
  return differs;
}

static void inject(GstHarness *harness, Injection *injection, Fault fault, guint *n)
{
  const GstClockTime began = SCENE_TIME(*n);

  injection->frozen = *n - 1;
  injection->scale = fault == SHALLOWER ? g_rand_double_range(injection->rand, 1.25, 1.8)
                                        : g_rand_double_range(injection->rand, 0.55, 0.8);
  slow_set_failing(fault == FAILING_MODEL);
  for (guint end = *n + FAULT_PICTURES; *n < end; ++*n) {
    GstBuffer *in = spoil(injection, fault, *n), *out = scene_push_buffer(harness, gst_buffer_ref(in));
    GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

    if (SCENE_TIME(*n) - began >= IN_TIME) {
      if (!(meta->flags & expected[fault]) || meta->mask || is_drawn_on(injection, out, in))
        g_error("fault %d, scale %.2f about %d,%d %dx%d, %u ms after it began: flags 0x%x, %s mask", fault,
                injection->scale, injection->rect.x, injection->rect.y, injection->rect.width, injection->rect.height,
                (guint)((SCENE_TIME(*n) - began) / GST_MSECOND), meta->flags, meta->mask ? "a" : "no");
    }
    gst_buffer_unref(out);
    gst_buffer_unref(in);
  }
  slow_set_failing(FALSE);
}

/* Live pictures until the end; the last ones have masks, which are drawn. */
static void recover(GstHarness *harness, Injection *injection, guint *n, guint pictures)
{
  gboolean drawn = FALSE;

  for (guint end = *n + pictures; *n < end; ++*n) {
    GstBuffer *in = scene_picture(*n, SCENE_TIME(*n)), *out = scene_push_buffer(harness, gst_buffer_ref(in));
    GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

    drawn = meta->mask && is_drawn_on(injection, out, in);
    if (meta->segmentation)
      injection->rect = meta->rect;
    gst_buffer_unref(out);
    gst_buffer_unref(in);
  }
  if (!drawn)
    g_error("no mask on picture %u although nothing is wrong with it", *n);
}

static void inject_many(const char *line, Fault fault, guint injections)
{
  GstHarness *harness = scene_harness(line, 40 * GST_MSECOND);
  Injection injection = {.rand = g_rand_new_with_seed((guint32)fault), .rect = {0, 0, SCENE_WIDTH, SCENE_HEIGHT}};
  guint n = 0;

  find_sector(&injection);
  recover(harness, &injection, &n, SCENE_PICTURES);
  find_sector(&injection);
  for (guint i = 0; i < injections; i++) {
    inject(harness, &injection, fault, &n);
    recover(harness, &injection, &n, AFTER_PICTURES + (guint)g_rand_int_range(injection.rand, 0, 10));
  }
  g_test_message("%u injections", injections);
  g_rand_free(injection.rand);
  scene_teardown(harness);
}

static void test_fault(gconstpointer data)
{
  inject_many(LINE(HERE), (Fault)GPOINTER_TO_INT(data), scene_full() ? 84 : 2);
}

/* The echoes of the probe's own face stay, in some scenes so much that they look frozen. */
static void test_steady_echoes(void)
{
  static const int seeds[] = {2, 3, 5, 12};
  for (gsize i = 0; i < G_N_ELEMENTS(seeds); i++) {
    scene_close();
    scene_open(seeds[i]);
    inject_many(LINE("sector=auto"), PROBE_OFF, 3);
  }
  scene_close();
  scene_open(SCENE_SEED);
}

/* The word goes out on the bus, once when it begins and once when it ends. */
static void test_messages(void)
{
  GstHarness *harness = scene_harness(LINE(HERE), 40 * GST_MSECOND);
  GstBus *bus = scene_bus(harness);
  Injection injection = {.rand = g_rand_new_with_seed(1), .rect = {0, 0, SCENE_WIDTH, SCENE_HEIGHT}};
  static const char *words[] = {"frozen", "clear"};
  guint n = 0, heard = 0;
  GstMessage *message;

  find_sector(&injection);
  recover(harness, &injection, &n, SCENE_PICTURES);
  find_sector(&injection);
  inject(harness, &injection, FROZEN, &n);
  recover(harness, &injection, &n, SCENE_PICTURES);
  while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT))) {
    const GstStructure *structure = gst_message_get_structure(message);
    guint64 time, unchanged;
    g_assert_cmpuint(heard, <, 2);
    g_assert_true(gst_structure_has_name(structure, "lussegment"));
    g_assert_cmpstr(gst_structure_get_string(structure, "guard"), ==, words[heard++]);
    g_assert_true(gst_structure_get_uint64(structure, "stream-time", &time));
    g_assert_true(gst_structure_get_uint64(structure, "unchanged", &unchanged));
    g_assert_cmpuint(time, >=, SCENE_TIME(SCENE_PICTURES));
    gst_message_unref(message);
  }
  g_assert_cmpuint(heard, ==, 2);
  g_rand_free(injection.rand);
  scene_teardown(harness);
  gst_object_unref(bus);
}

static void add_tests(void)
{
  static const char *names[N_FAULTS] = {"frozen",   "frozen-noisy", "frozen-clock", "black",
                                        "bars",     "one-grey",     "box-on-grey",  "snow",
                                        "probe-off", "deeper",      "shallower",    "failing-model"};

  scene_open(SCENE_SEED);
  for (int i = 0; i < N_FAULTS; i++) {
    g_autofree char *path = g_strconcat("/live-faults/", names[i], NULL);
    g_test_add_data_func(path, GINT_TO_POINTER(i), test_fault);
  }
  g_test_add_func("/live-faults/messages", test_messages);
  g_test_add_func("/live-faults/steady-echoes", test_steady_echoes);
}

int main(int argc, char **argv)
{
  int failed = fixture_run(&argc, &argv, add_tests);

  scene_close();
  return failed;
}
