/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same again and again beside a live source: states, flushes, caps, models. Nothing is left behind: objects,
 * threads, memory. */
#include "live-scene.h"
#include <malloc.h>
#include <math.h>

#define SEG "lussegment model-file=MODEL threads=2 inference-mode=latest "

static guint cycles(guint some, guint full)
{
  return scene_full() ? full : some;
}

/* What the process holds, to be compared with later. */
typedef struct {
  gsize bytes;
  guint threads;
} Holding;

static guint count_threads(void)
{
  GDir *dir = g_dir_open("/proc/self/task", 0, NULL);
  guint n = 0;

  g_assert_nonnull(dir);
  while (g_dir_read_name(dir))
    n++;
  g_dir_close(dir);
  return n;
}

/* Bytes that were asked of the allocator and not given back; 0 where a sanitizer has one of its own. */
static gsize count_bytes(void)
{
  const struct mallinfo2 info = mallinfo2();

  return info.uordblks + info.hblkhd;
}

static Holding hold(void)
{
  return (Holding){count_bytes(), count_threads()};
}

/* GStreamer's own pools of threads end when they like, and with each goes what its thread kept. */
static void assert_holds(const Holding *before, guint n, gsize bytes)
{
  for (int i = 0; i < 3000 && count_threads() > before->threads; i++)
    g_usleep(10000);
  g_assert_cmpuint(count_threads(), <=, before->threads);
  g_test_message("%u times, then %" G_GSSIZE_FORMAT " bytes more than at a third of them", n,
                 (gssize)(count_bytes() - before->bytes));
  g_assert_cmpuint(count_bytes(), <=, before->bytes + bytes);
}

/* A harness keeps the events that came through. */
static void drop_events(GstHarness *harness)
{
  GstEvent *event;

  while ((event = gst_harness_try_pull_event(harness)))
    gst_event_unref(event);
}

static void note_end(gpointer data, GObject *object)
{
  (void)object;
  *(gboolean *)data = TRUE;
}

/* NULL to PLAYING and back, some of them before anything came out. */
static void test_states(void)
{
  const guint n = cycles(30, 1000);
  gboolean ended = FALSE;
  Holding before = {0, 0};
  GstElement *pipeline = gst_parse_launch("lustestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=200/1 ! "
                                          "lussegment name=seg threads=2 ! lusconfmask ! lussfestimate ! lusoverlay ! "
                                          "fakesink sync=false",
                                          NULL);
  GstElement *seg = gst_bin_get_by_name(GST_BIN(pipeline), "seg");

  g_object_set(seg, "model-file", fixture_model(), NULL);
  g_object_weak_ref(G_OBJECT(seg), note_end, &ended);
  for (guint i = 0; i < n; i++) {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    if (i % 3)
      gst_element_get_state(pipeline, NULL, NULL, 10 * GST_SECOND);
    if (i % 3 == 2)
      g_usleep(10000);
    g_assert_cmpint(gst_element_set_state(pipeline, GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
    if (i == n / 3)
      before = hold();
  }
  assert_holds(&before, n, 256 << 10);
  gst_object_unref(seg);
  gst_object_unref(pipeline);
  g_assert_true(ended);
}

/* Flushing seeks, with the model at work on what was before. */
static void test_flushes(void)
{
  GstHarness *harness = scene_harness(SEG, 90 * GST_MSECOND);
  const guint n = cycles(60, 1000);
  Holding before = {0, 0};
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  for (guint i = 0; i < n; i++) {
    const guint first = 6 * i;
    for (guint k = first; k < first + 5; k++) {
      GstBuffer *out = scene_push(harness, k, SCENE_TIME(k));
      const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);
      if (meta->segmentation)
        g_assert_cmpuint(meta->source_pts, >=, SCENE_TIME(first));
      gst_buffer_unref(out);
    }
    gst_harness_push_event(harness, gst_event_new_flush_start());
    gst_harness_push_event(harness, gst_event_new_flush_stop(i % 2));
    gst_harness_push_event(harness, gst_event_new_segment(&segment));
    slow_note_post(-1);
    drop_events(harness);
    if (i == n / 3)
      before = hold();
  }
  assert_holds(&before, n, 256 << 10);
  scene_teardown(harness);
}

/* Any size from 16 to 4096 in any format; large ones are rare, as they take long. */
static int random_side(GRand *rand)
{
  return (int)(16 * pow(2, 8 * pow(g_rand_double(rand), 2)));
}

static void change_caps(GstHarness *harness, LusFormat format, int width, int height, guint n)
{
  g_autofree char *caps = fixture_caps(lus_format_name(format), width, height);

  gst_harness_set_src_caps_str(harness, caps);
  for (guint k = 0; k < 2; k++) {
    GstBuffer *out = fixture_push(harness, caps, k ? fixture_line : fixture_bright, 2 * n + k);
    const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);
    g_assert_cmpint(meta->frame_width, ==, width);
    g_assert_cmpint(meta->frame_height, ==, height);
    if (meta->segmentation)
      g_assert_cmpint(meta->segmentation->frame_width, ==, width);
    gst_buffer_unref(out);
  }
}

static void test_caps(void)
{
  GstHarness *harness = fixture_harness(SEG, 64, 64);
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  const guint n = cycles(84, 10000);
  Holding before = {0, 0};

  for (guint i = 0; i < n; i++) {
    const LusFormat format = (LusFormat)(i % LUS_FORMAT_N);
    if (i == n / 3 || i == n - 1) /* to compare, the same picture */
      change_caps(harness, LUS_FORMAT_GRAY8, 64, 64, i);
    else
      change_caps(harness, format, i ? random_side(rand) : 4096, i ? random_side(rand) : 4096, i);
    drop_events(harness);
    if (i == n / 3)
      before = hold();
  }
  assert_holds(&before, n, 256 << 10);
  gst_harness_teardown(harness);
}

static gboolean has_model(GstElement *seg, const char *path)
{
  GstStructure *info = NULL;
  gboolean has;

  g_object_get(seg, "model-info", &info, NULL);
  has = g_str_equal(gst_structure_get_string(info, "path"), path);
  gst_structure_free(info);
  return has;
}

/* Models and threads change while pictures go on. A model is loaded beside the stream, and each is waited for, so that
 * none is replaced before it was in use. */
static void test_models(void)
{
  GstHarness *harness = scene_harness(SEG, 0);
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  const char *models[] = {fixture_other_model(), fixture_model()};
  const guint n = cycles(60, 1000);
  Holding before = {0, 0};
  guint picture = 0;

  for (guint i = 0; i < n; i++) {
    const guint most = picture + 10000;
    g_object_set(seg, "model-file", models[i % 2], "threads", 1 + (int)(i / 2 % 2), NULL);
    for (guint with = 0; with < 3 && picture < most; picture++) {
      GstBuffer *out = scene_push(harness, picture, SCENE_TIME(picture));
      g_assert_nonnull(gst_buffer_get_lus_seg_meta(out));
      gst_buffer_unref(out);
      with += has_model(seg, models[i % 2]);
      if (!with)
        g_usleep(1000);
    }
    g_assert_true(has_model(seg, models[i % 2]));
    if (i == n / 3)
      before = hold();
  }
  gst_object_unref(seg);
  assert_holds(&before, n, 256 << 10);
  scene_teardown(harness);
}

static void add_tests(void)
{
  scene_open(SCENE_SEED);
  g_test_add_func("/live-cycles/states", test_states);
  g_test_add_func("/live-cycles/flushes", test_flushes);
  g_test_add_func("/live-cycles/caps", test_caps);
  g_test_add_func("/live-cycles/models", test_models);
}

int main(int argc, char **argv)
{
  int failed = fixture_run(&argc, &argv, add_tests);

  scene_close();
  return failed;
}
