/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same again and again beside a live source: states, flushes, caps, models. Nothing is left behind: objects,
 * threads, memory. */
#include "live-scene.h"
#include <math.h>
#include <stdlib.h>

#define SEG "lussegment model-file=MODEL threads=2 inference-mode=latest "

static guint cycles(guint some)
{
  return scene_full() ? 1000 : some;
}

/* A number from /proc/self/status. */
static long status_of(const char *key)
{
  g_autofree char *text = NULL;
  const char *at;

  g_assert_true(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
  at = strstr(text, key);
  g_assert_nonnull(at);
  return strtol(at + strlen(key), NULL, 10);
}

/* GStreamer's own pools of threads end when they like. */
static void assert_threads(long before)
{
  for (int i = 0; i < 3000 && status_of("Threads:") > before; i++)
    g_usleep(10000);
  g_assert_cmpint(status_of("Threads:"), <=, before);
}

static void note_end(gpointer data, GObject *object)
{
  (void)object;
  *(gboolean *)data = TRUE;
}

/* NULL to PLAYING and back, some of them before anything came out. */
static void test_states(void)
{
  const guint n = cycles(30);
  gboolean ended = FALSE;
  long threads = 0, memory = 0;
  GstElement *pipeline = gst_parse_launch("lustestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=200/1 ! "
                                          "lussegment name=seg threads=2 ! lusconfmask ! fakesink sync=false",
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
    if (i == n / 3) {
      threads = status_of("Threads:");
      memory = status_of("VmRSS:");
    }
  }
  assert_threads(threads);
  g_assert_cmpint(status_of("VmRSS:"), <, memory + 16384); /* allocators keep some of what was freed */
  gst_object_unref(seg);
  gst_object_unref(pipeline);
  g_assert_true(ended);
}

/* Flushing seeks, with the model at work on what was before. */
static void test_flushes(void)
{
  GstHarness *harness = scene_harness(SEG, 90 * GST_MSECOND);
  const guint n = cycles(60);
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
  }
  scene_teardown(harness);
}

/* Any size from 16 to 4096 in any format; large ones are rare, as they take long. */
static int random_side(GRand *rand)
{
  return (int)(16 * pow(2, 8 * pow(g_rand_double(rand), 2)));
}

static void test_caps(void)
{
  GstHarness *harness = fixture_harness(SEG, 64, 64);
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  const guint n = cycles(84);
  long memory = 0;

  for (guint i = 0; i < n; i++) {
    const int width = i ? random_side(rand) : 4096, height = i ? random_side(rand) : 4096;
    g_autofree char *caps = fixture_caps(lus_format_name((LusFormat)(i % LUS_FORMAT_N)), width, height);
    gst_harness_set_src_caps_str(harness, caps);
    for (guint k = 0; k < 2; k++) {
      GstBuffer *out = fixture_push(harness, caps, k ? fixture_line : fixture_bright, 2 * i + k);
      const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);
      g_assert_cmpint(meta->frame_width, ==, width);
      g_assert_cmpint(meta->frame_height, ==, height);
      if (meta->segmentation)
        g_assert_cmpint(meta->segmentation->frame_width, ==, width);
      gst_buffer_unref(out);
    }
    if (i == n / 3)
      memory = status_of("VmRSS:");
  }
  g_assert_cmpint(status_of("VmRSS:"), <, memory + 65536);
  gst_harness_teardown(harness);
}

/* Models, threads and sectors change from picture to picture. */
static void test_models(void)
{
  GstHarness *harness = scene_harness(SEG, 0);
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  const guint n = cycles(60);
  long threads = 0, memory = 0;

  for (guint i = 0; i < n; i++) {
    g_object_set(seg, "model-file", i % 2 ? fixture_model() : fixture_other_model(), "threads",
                 1 + (int)(i / 2 % 2), NULL);
    for (guint k = 4 * i; k < 4 * i + 4; k++) {
      GstBuffer *out = scene_push(harness, k, SCENE_TIME(k));
      g_assert_nonnull(gst_buffer_get_lus_seg_meta(out));
      gst_buffer_unref(out);
    }
    if (i == n / 3) {
      threads = status_of("Threads:");
      memory = status_of("VmRSS:");
    }
  }
  g_assert_cmpint(status_of("VmRSS:"), <, memory + 8192);
  gst_object_unref(seg);
  scene_teardown(harness);
  assert_threads(threads);
}

static void add_tests(void)
{
  scene_open();
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
