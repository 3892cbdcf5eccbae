/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lussegment beside a live stream. The model takes time by order of the test, so that all numbers are the same
 * everywhere. */
#include "live-scene.h"
#include <glib/gstdio.h>

#define SEG "lussegment model-file=MODEL threads=1 inference-mode=latest "
#define MS GST_MSECOND

static GstStructure *get_stats(GstHarness *harness)
{
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  GstStructure *stats = NULL;

  g_object_get(seg, "stats", &stats, NULL);
  gst_object_unref(seg);
  return stats;
}

static guint64 get_count(GstHarness *harness, const char *field)
{
  GstStructure *stats = get_stats(harness);
  guint64 count = 0;

  g_assert_true(gst_structure_get_uint64(stats, field, &count));
  gst_structure_free(stats);
  return count;
}

/* auto: live upstream or not. */
static void test_auto(void)
{
  GstHarness *harness = scene_harness("lussegment model-file=MODEL inference-mode=auto", 0);
  GstBuffer *out = scene_push(harness, 0, 0);
  GstStructure *stats = get_stats(harness);
  GstElement *pipeline, *seg;

  g_assert_cmpint(gst_buffer_get_lus_seg_meta(out)->flags, ==, GST_LUS_SEG_PENDING);
  g_assert_cmpstr(gst_structure_get_string(stats, "mode"), ==, "latest");
  gst_structure_free(stats);
  gst_buffer_unref(out);
  scene_teardown(harness);

  pipeline = gst_parse_launch("lustestsrc num-buffers=1 ! lussegment name=seg ! fakesink", NULL);
  seg = gst_bin_get_by_name(GST_BIN(pipeline), "seg");
  g_object_set(seg, "model-file", fixture_model(), NULL);
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  g_assert_cmpint(gst_element_get_state(pipeline, NULL, NULL, GST_CLOCK_TIME_NONE), ==, GST_STATE_CHANGE_SUCCESS);
  g_object_get(seg, "stats", &stats, NULL);
  g_assert_cmpstr(gst_structure_get_string(stats, "mode"), ==, "sync");
  gst_structure_free(stats);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(seg);
  gst_object_unref(pipeline);
}

/* 50 ms of work per picture at 30 per second: every picture comes out at once, the lag does not grow, no mask is older
 * than two results take. */
static void test_overload(void)
{
  GstHarness *harness = scene_harness(SEG, 50 * MS);
  GstBus *bus = scene_bus(harness);
  GstClockTime oldest[2] = {0, 0}, latency;
  guint without = 0, fresh = 0;

  gst_harness_set_upstream_latency(harness, 40 * MS);
  for (guint n = 0; n < 240; n++) {
    GstBuffer *out = scene_push(harness, n, SCENE_TIME(n));
    GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

    g_assert_cmpuint(GST_BUFFER_PTS(out), ==, SCENE_TIME(n));
    without += meta->segmentation == NULL;
    fresh += meta->segmentation && !(meta->flags & GST_LUS_SEG_REUSED);
    if (meta->segmentation)
      oldest[n / 120] = MAX(oldest[n / 120], meta->age);
    gst_buffer_unref(out);
  }
  g_assert_cmpuint(without, ==, 2);
  g_assert_cmpuint(fresh, ==, 159);
  g_assert_cmpuint(oldest[0], <=, 100 * MS);
  g_assert_cmpuint(oldest[1], <=, oldest[0]);
  g_assert_cmpuint(get_count(harness, "frames"), ==, 240);
  g_assert_cmpuint(get_count(harness, "inferred"), ==, 159);
  g_assert_cmpuint(scene_count_messages(bus, GST_MESSAGE_QOS), ==, get_count(harness, "skipped"));
  g_assert_cmpuint(get_count(harness, "skipped"), >=, 75);
  /* The element's own work alone, although results take 50 ms. */
  latency = gst_harness_query_latency(harness);
  g_assert_cmpuint(latency, >=, 41 * MS);
  g_assert_cmpuint(latency % MS, ==, 0);
  scene_teardown(harness);
  gst_object_unref(bus);
}

static void assert_one_warning(GstBus *bus, const char *text)
{
  fixture_assert_warning(bus, text);
  g_assert_cmpuint(scene_count_messages(bus, GST_MESSAGE_WARNING), ==, 0);
}

/* One warning for each time that skipping goes on. */
static void test_warnings(void)
{
  GstHarness *harness = scene_harness(SEG, 50 * MS);
  GstBus *bus = scene_bus(harness);
  guint n = 0;

  for (int episode = 0; episode < 2; episode++) {
    slow_set_duration(50 * MS);
    for (guint end = n + 90; n < end; n++)
      gst_buffer_unref(scene_push(harness, n, SCENE_TIME(n)));
    assert_one_warning(bus, "too slow for every picture: a result takes ");
    slow_set_duration(10 * MS);
    for (guint end = n + 45; n < end; n++)
      gst_buffer_unref(scene_push(harness, n, SCENE_TIME(n)));
    g_assert_cmpuint(scene_count_messages(bus, GST_MESSAGE_WARNING), ==, 0);
  }
  scene_teardown(harness);
  gst_object_unref(bus);
}

/* A first result that does not come has no time that it takes. */
static void test_warning_before_results(void)
{
  GstHarness *harness = scene_harness(SEG, 3000 * MS);
  GstBus *bus = scene_bus(harness);

  for (guint n = 0; n < 60; n++)
    gst_buffer_unref(scene_push(harness, n, SCENE_TIME(n)));
  assert_one_warning(bus, "too slow for every picture: there is no result yet.");
  scene_teardown(harness);
  gst_object_unref(bus);
}

static void test_interval(void)
{
  GstHarness *harness = scene_harness(SEG " inference-interval=4", 10 * MS);

  for (guint n = 0; n < 17; n++) {
    GstBuffer *out;
    GstLusSegMeta *meta;

    slow_advance((gint64)SCENE_TIME(n));
    g_assert_cmpint(gst_harness_push(harness, scene_picture(n, SCENE_TIME(n))), ==, GST_FLOW_OK);
    out = gst_harness_pull(harness);
    meta = gst_buffer_get_lus_seg_meta(out);
    if (n % 4 == 0)
      slow_note_post((gint64)SCENE_TIME(n));
    slow_advance((gint64)SCENE_TIME(n));
    if (n % 4 == 1)
      g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NONE);
    if (n > 0)
      g_assert_cmpuint(meta->source_pts, ==, SCENE_TIME((n - 1) / 4 * 4));
    gst_buffer_unref(out);
  }
  g_assert_cmpuint(get_count(harness, "skipped"), ==, 0);
  scene_teardown(harness);
}

static GBytes *take_bits(const LusSegmentation *segmentation)
{
  const gsize plane = (gsize)segmentation->width * (gsize)segmentation->height;

  return g_bytes_new(segmentation->confidence, (gsize)segmentation->n_classes * plane);
}

/* Sync and latest: the same bits for the same picture. */
static void test_same_bits(void)
{
  GBytes *bits[SCENE_PICTURES];
  GstHarness *harness = scene_harness("lussegment model-file=MODEL inference-mode=sync", 0);
  guint compared = 0;

  slow_end();
  for (guint n = 0; n < SCENE_PICTURES; n++) {
    GstBuffer *out;
    g_assert_cmpint(gst_harness_push(harness, scene_picture(n, SCENE_TIME(n))), ==, GST_FLOW_OK);
    out = gst_harness_pull(harness);
    bits[n] = take_bits(gst_buffer_get_lus_seg_meta(out)->segmentation);
    gst_buffer_unref(out);
  }
  gst_harness_teardown(harness);
  harness = scene_harness(SEG, 50 * MS);
  for (guint n = 0; n < SCENE_PICTURES; n++) {
    GstBuffer *out = scene_push(harness, n, SCENE_TIME(n));
    GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);
    if (meta->segmentation) {
      GBytes *actual = take_bits(meta->segmentation);
      g_assert_true(g_bytes_equal(actual, bits[(meta->source_pts + 10) * 30 / GST_SECOND]));
      g_bytes_unref(actual);
      compared++;
    }
    gst_buffer_unref(out);
  }
  g_assert_cmpuint(compared, ==, SCENE_PICTURES - 2);
  scene_teardown(harness);
  for (guint n = 0; n < SCENE_PICTURES; n++)
    g_bytes_unref(bits[n]);
}

typedef enum { FLUSH, SEGMENT, STREAM, ZONE, CAPS, DISCONT, N_BREAKS } Break;

static void send_break(GstHarness *harness, Break what)
{
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  switch (what) {
  case FLUSH:
    gst_harness_push_event(harness, gst_event_new_flush_start());
    gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
    gst_harness_push_event(harness, gst_event_new_segment(&segment));
    break;
  case SEGMENT: gst_harness_push_event(harness, gst_event_new_segment(&segment)); break;
  case STREAM:
    gst_harness_push_event(harness, gst_event_new_stream_start("another"));
    gst_harness_push_event(harness, gst_event_new_segment(&segment));
    break;
  case ZONE: fixture_push_zone(harness, "R2"); break;
  case CAPS:
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
    break;
  default: break;
  }
}

/* What is being computed at a break is dropped when it is done. */
static void test_breaks(void)
{
  for (int what = 0; what < N_BREAKS; what++) {
    GstHarness *harness = scene_harness(SEG, 100 * MS);
    guint results = 0;

    for (guint n = 0; n < 12; n++) {
      GstBuffer *picture = scene_picture(n, SCENE_TIME(n)), *out;
      GstLusSegMeta *meta;

      if (n == 5) { /* the model is at picture 2, and 4 waits */
        send_break(harness, (Break)what);
        slow_note_post(-1);
        if (what == DISCONT)
          GST_BUFFER_FLAG_SET(picture, GST_BUFFER_FLAG_DISCONT);
      }
      out = scene_push_buffer(harness, picture);
      meta = gst_buffer_get_lus_seg_meta(out);
      if (n >= 5 && meta->segmentation) {
        g_assert_cmpuint(meta->source_pts, >=, SCENE_TIME(5));
        results++;
      }
      gst_buffer_unref(out);
    }
    g_test_message("break %d", what);
    g_assert_cmpuint(results, >, 0);
    scene_teardown(harness);
  }
}

/* The end of the stream waits for no result. */
static void test_eos(void)
{
  GstHarness *harness = scene_harness(SEG, 1000 * GST_SECOND);
  gboolean ended = FALSE;
  GstEvent *event;

  gst_buffer_unref(scene_push(harness, 0, 0));
  g_assert_cmpint(slow_last_begun(), ==, 0);
  gst_harness_push_event(harness, gst_event_new_eos());
  while (!ended && (event = gst_harness_try_pull_event(harness))) {
    ended = GST_EVENT_TYPE(event) == GST_EVENT_EOS;
    gst_event_unref(event);
  }
  g_assert_true(ended);
  scene_teardown(harness);
}

/* A model that fails costs masks, no pictures; it is told once. */
static void test_failing_model(void)
{
  GstHarness *harness = scene_harness(SEG, 10 * MS);
  GstBus *bus = scene_bus(harness);

  for (guint n = 0; n < 30; n++) {
    GstBuffer *out = scene_push(harness, n, SCENE_TIME(n));
    GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

    if (n == 10 || n == 20)
      slow_set_failing(n == 10);
    if (n > 1 && n <= 10)
      g_assert_nonnull(meta->segmentation);
    if (n > 11 && n <= 20) {
      g_assert_null(meta->segmentation);
      g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NO_MODEL);
    }
    if (n > 21)
      g_assert_nonnull(meta->segmentation);
    gst_buffer_unref(out);
  }
  g_assert_cmpuint(scene_count_messages(bus, GST_MESSAGE_WARNING), ==, 1);
  scene_teardown(harness);
  gst_object_unref(bus);
}

/* Loads happen in the background: pictures go on with the old model until the new one is there. */
static void test_swap(void)
{
  GstHarness *harness = scene_harness(SEG " sector=none signal-detect=off", 0);
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  GstBus *bus = scene_bus(harness);
  const char *models[] = {fixture_other_model(), "/nowhere/none.onnx", fixture_large_model()};
  guint n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS(models); i++) {
    gboolean done = FALSE;
    g_object_set(seg, "model-file", models[i], NULL);
    for (guint end = n + 60000; !done && n < end; n++) {
      GstStructure *info;
      gst_buffer_unref(scene_push(harness, n, SCENE_TIME(n)));
      g_object_get(seg, "model-info", &info, NULL);
      done = i == 1 ? scene_count_messages(bus, GST_MESSAGE_WARNING) == 1
                    : g_str_equal(gst_structure_get_string(info, "path"), models[i]);
      gst_structure_free(info);
      g_usleep(1000);
    }
    g_assert_true(done);
  }
  gst_object_unref(seg);
  scene_teardown(harness);
  gst_object_unref(bus);
}

/* TRUE if any sample of the sector differs from the picture that went in. */
static gboolean is_drawn_on(GstBuffer *out, GstBuffer *in, const LusRect *rect)
{
  GstMapInfo a, b;
  gboolean differs = FALSE;

  gst_buffer_map(out, &a, GST_MAP_READ);
  gst_buffer_map(in, &b, GST_MAP_READ);
  for (int y = rect->y; y < rect->y + rect->height; y++)
    differs |= memcmp(a.data + y * SCENE_WIDTH + rect->x, b.data + y * SCENE_WIDTH + rect->x, (gsize)rect->width) != 0;
  gst_buffer_unmap(in, &b);
  gst_buffer_unmap(out, &a);
  return differs;
}

/* Source and model stall for 0 to 5 s at random: no mask older than expire-overlay is drawn, and younger ones are. */
static void test_stalls(void)
{
  g_autofree char *line = g_strconcat(
      "lussegment threads=1 inference-mode=latest model-file=", fixture_model(),
      " sector=manual roi=<110,40,100,120> freeze-detect=off signal-detect=off depth-detect=off contact-detect=off ! "
      "lusconfmask confidence-threshold=0.2 ! lusoverlay stale-policy=hide show-status=false show-legend=false "
      "show-estimate=false", NULL);
  GstHarness *harness = scene_harness(line, 40 * MS);
  const guint pictures = scene_full() ? 100000 : 600;
  const LusRect rect = {110, 40, 100, 120};
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);
  GstClockTime now = 0;
  guint stale = 0, drawn = 0, expired = 0;

  for (guint n = 0; n < pictures; n++) {
    GstBuffer *in = scene_picture(n, now), *out = scene_push_buffer(harness, gst_buffer_ref(in));
    GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);
    const gboolean old = meta->segmentation && meta->age > 300 * MS, visible = is_drawn_on(out, in, &rect);

    gst_harness_set_time(harness, now);
    stale += visible && (old || !meta->segmentation);
    drawn += visible;
    expired += old;
    gst_buffer_unref(out);
    gst_buffer_unref(in);
    slow_set_duration(g_rand_int_range(rand, 0, 20) ? g_rand_int_range(rand, 20, 60) * (gint64)MS
                                                    : g_rand_int_range(rand, 0, 5000) * (gint64)MS);
    now += g_rand_int_range(rand, 0, 20) ? SCENE_TIME(1) : (GstClockTime)g_rand_int_range(rand, 0, 5000) * MS;
  }
  g_test_message("%u pictures, %u with a mask drawn, %u with one that is too old, %u stale", pictures, drawn, expired,
                 stale);
  g_assert_cmpuint(stale, ==, 0);
  g_assert_cmpuint(drawn, >, pictures / 10);
  g_assert_cmpuint(expired, >, pictures / 10);
  scene_teardown(harness);
}

static void add_tests(void)
{
  scene_open(SCENE_SEED);
  g_test_add_func("/live/auto", test_auto);
  g_test_add_func("/live/overload", test_overload);
  g_test_add_func("/live/warning-before-results", test_warning_before_results);
  g_test_add_func("/live/warnings", test_warnings);
  g_test_add_func("/live/interval", test_interval);
  g_test_add_func("/live/same-bits", test_same_bits);
  g_test_add_func("/live/breaks", test_breaks);
  g_test_add_func("/live/eos", test_eos);
  g_test_add_func("/live/failing-model", test_failing_model);
  g_test_add_func("/live/swap", test_swap);
  g_test_add_func("/live/stalls", test_stalls);
}

int main(int argc, char **argv)
{
  int failed = fixture_run(&argc, &argv, add_tests);

  scene_close();
  return failed;
}
