/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#define CAPS "video/x-raw,format=%s,width=%d,height=%d,framerate=%d/%d"

static GstHarness *play(const char *settings, const char *format, int width, int height, int fps_n, int fps_d)
{
  g_autofree char *caps = g_strdup_printf(CAPS, format, width, height, fps_n, fps_d);
  g_autofree char *line = g_strdup_printf("lustestsrc name=src %s ! capsfilter caps=%s", settings, caps);
  GstHarness *harness = gst_harness_new_parse(line);

  gst_harness_play(harness);
  return harness;
}

static void test_defaults(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lustestsrc", NULL));
  GParamSpec *water = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "water");
  guint64 seed, stream, patient;
  gint probe;
  gdouble level;
  gboolean screen, live;
  gchar *zone;

  g_object_get(element, "seed", &seed, "stream", &stream, "patient", &patient, "probe", &probe, "water", &level,
               "screen", &screen, "is-live", &live, "zone", &zone, NULL);
  g_assert_cmpuint(seed, ==, 0);
  g_assert_cmpuint(stream, ==, 0);
  g_assert_cmpuint(patient, ==, 0);
  g_assert_cmpint(probe, ==, LUS_PROBE_RANDOM);
  g_assert_cmpfloat(level, ==, -1);
  g_assert_true(screen);
  g_assert_false(live);
  g_assert_null(zone);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(water)->minimum, ==, -1);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(water)->maximum, ==, 1);
  gst_object_unref(element);
}

static char *checksum(const char *settings, const char *format, guint frames)
{
  GstHarness *harness = play(settings, format, 161, 97, 25, 1);
  GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
  char *text;

  for (guint n = 0; n < frames; n++) {
    GstBuffer *buffer = gst_harness_pull(harness);
    g_autofree guint8 *bytes = NULL;
    gsize length;
    gst_buffer_extract_dup(buffer, 0, (gsize)-1, (gpointer *)&bytes, &length);
    g_checksum_update(sum, bytes, (gssize)length);
    gst_buffer_unref(buffer);
  }
  text = g_strdup(g_checksum_get_string(sum));
  g_checksum_free(sum);
  gst_harness_teardown(harness);
  return text;
}

static void test_deterministic(void)
{
  g_autofree char *first = checksum("num-buffers=3 seed=7 stream=2", "I420", 3);
  g_autofree char *again = checksum("num-buffers=3 seed=7 stream=2", "I420", 3);
  g_autofree char *other = checksum("num-buffers=3 seed=7 stream=3", "I420", 3);

  g_assert_cmpstr(first, ==, again);
  g_assert_cmpstr(first, !=, other);
}

static char *stream_id(const char *settings)
{
  GstHarness *harness = play(settings, "GRAY8", 64, 48, 25, 1);
  char *id;

  gst_buffer_unref(gst_harness_pull(harness));
  id = gst_pad_get_stream_id(harness->sinkpad);
  gst_harness_teardown(harness);
  return id;
}

static void test_stream_id(void)
{
  g_autofree char *first = stream_id("seed=7 stream=2"), *again = stream_id("seed=7 stream=2"),
                  *other = stream_id("seed=7");

  g_assert_nonnull(first);
  g_assert_cmpstr(first, ==, again);
  g_assert_cmpstr(first, !=, other);
}

/* I420 is the GRAY8 picture in limited range: 16 + 219/255 of it, with grey chroma. */
static void test_limited_range(void)
{
  GstHarness *grey = play("seed=4 num-buffers=1", "GRAY8", 64, 48, 30, 1),
             *yuv = play("seed=4 num-buffers=1", "I420", 64, 48, 30, 1);
  GstBuffer *a = gst_harness_pull(grey), *b = gst_harness_pull(yuv);
  GstMapInfo full, limited;

  gst_buffer_map(a, &full, GST_MAP_READ);
  gst_buffer_map(b, &limited, GST_MAP_READ);
  g_assert_cmpuint(limited.size, ==, 64 * 48 * 3 / 2);
  for (int i = 0; i < 64 * 48; i++)
    g_assert_cmpint(limited.data[i], ==, 16 + (full.data[i] * 219 + 127) / 255);
  for (int i = 64 * 48; i < 64 * 48 * 3 / 2; i++)
    g_assert_cmpint(limited.data[i], ==, 128);
  gst_buffer_unmap(a, &full);
  gst_buffer_unmap(b, &limited);
  gst_buffer_unref(a);
  gst_buffer_unref(b);
  gst_harness_teardown(grey);
  gst_harness_teardown(yuv);
}

/* 30000/1001: no rounding adds up. */
static void test_timestamps(void)
{
  GstHarness *harness = play("num-buffers=4", "GRAY8", 64, 48, 30000, 1001);
  static const GstClockTime expected[] = {0, 33366666, 66733333, 100100000};
  GstQuery *query = gst_query_new_duration(GST_FORMAT_TIME);
  gint64 duration;

  for (int n = 0; n < 4; n++) {
    GstBuffer *buffer = gst_harness_pull(harness);
    g_assert_cmpuint(GST_BUFFER_PTS(buffer), ==, expected[n]);
    g_assert_cmpuint(GST_BUFFER_OFFSET(buffer), ==, (guint64)n);
    g_assert_cmpuint(GST_BUFFER_DURATION(buffer), ==, n < 3 ? expected[n + 1] - expected[n] : 33366666);
    gst_buffer_unref(buffer);
  }
  g_assert_true(gst_pad_peer_query(harness->sinkpad, query));
  gst_query_parse_duration(query, NULL, &duration);
  g_assert_cmpint(duration, ==, 133466666);
  gst_query_unref(query);
  gst_harness_teardown(harness);
}

/* The frame rate changes while the picture of 40 ms waits: time goes on from 80 ms, and so does the scene. */
static void test_frame_rate_change(void)
{
  GstHarness *steady = play("seed=3", "GRAY8", 64, 48, 25, 1), *harness = play("seed=3 is-live=true", "GRAY8", 64, 48, 25, 1);
  GstElement *filter = gst_harness_find_element(harness, "capsfilter");
  static const GstClockTime expected[] = {0, 40000000, 80000000, 180000000, 280000000};
  g_autofree char *text = g_strdup_printf(CAPS, "GRAY8", 64, 48, 10, 1);

  for (gsize n = 0; n < G_N_ELEMENTS(expected); n++) {
    g_assert_true(gst_harness_crank_single_clock_wait(harness));
    GstBuffer *buffer = gst_harness_pull(harness), *same = n < 3 ? gst_harness_pull(steady) : gst_buffer_ref(buffer);
    GstMapInfo map;
    g_assert_cmpuint(GST_BUFFER_PTS(buffer), ==, expected[n]);
    gst_buffer_map(same, &map, GST_MAP_READ);
    g_assert_cmpuint(gst_buffer_get_size(buffer), ==, map.size);
    g_assert_cmpint(gst_buffer_memcmp(buffer, 0, map.data, map.size), ==, 0);
    gst_buffer_unmap(same, &map);
    gst_buffer_unref(same);
    gst_buffer_unref(buffer);
    if (n == 0) {
      g_assert_true(gst_harness_wait_for_clock_id_waits(harness, 1, 60));
      gst_util_set_object_arg(G_OBJECT(filter), "caps", text);
    }
  }
  gst_object_unref(filter);
  gst_harness_teardown(steady);
  gst_harness_teardown(harness);
}

static void assert_next_zone(GstHarness *harness, const char *zone)
{
  GstEvent *event;
  gchar *keyword = NULL;

  while ((event = gst_harness_try_pull_event(harness))) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
      GstTagList *tags;
      gst_event_parse_tag(event, &tags);
      g_clear_pointer(&keyword, g_free);
      gst_tag_list_get_string(tags, GST_TAG_KEYWORDS, &keyword);
    }
    gst_event_unref(event);
  }
  g_assert_cmpstr(keyword, ==, zone);
  g_free(keyword);
}

/* Behind the segment and before the first picture; a new zone is announced before the next picture. */
static void test_zone(void)
{
  GstHarness *harness = gst_harness_new_parse("lustestsrc zone=L3 ! capsfilter caps=video/x-raw,width=64,height=48");
  GstElement *src = gst_harness_find_element(harness, "lustestsrc");

  g_object_set(src, "is-live", TRUE, NULL);
  gst_harness_play(harness);
  g_assert_true(gst_harness_crank_single_clock_wait(harness));
  gst_buffer_unref(gst_harness_pull(harness));
  assert_next_zone(harness, "lus-zone:L3");
  g_object_set(src, "zone", "R2", NULL);
  for (int n = 0; n < 2; n++) {
    g_assert_true(gst_harness_crank_single_clock_wait(harness));
    gst_buffer_unref(gst_harness_pull(harness));
  }
  assert_next_zone(harness, "lus-zone:R2");
  gst_object_unref(src);
  gst_harness_teardown(harness);
}

static void test_live(void)
{
  GstHarness *harness = play("is-live=true num-buffers=2", "GRAY8", 64, 48, 25, 1);
  GstQuery *query = gst_query_new_latency();
  gboolean live;
  GstClockTime min, max;

  g_assert_true(gst_harness_crank_single_clock_wait(harness));
  gst_buffer_unref(gst_harness_pull(harness));
  g_assert_true(gst_pad_peer_query(harness->sinkpad, query));
  gst_query_parse_latency(query, &live, &min, &max);
  g_assert_true(live);
  g_assert_cmpuint(min, ==, 40000000);
  gst_query_unref(query);
  gst_harness_teardown(harness);
}

static void test_sizes(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lustestsrc", NULL));
  GstPad *pad = gst_element_get_static_pad(element, "src");
  GstCaps *caps = gst_pad_query_caps(pad, NULL);
  static const struct {
    int width, height;
    gboolean possible;
  } cases[] = {{16, 16, TRUE}, {2048, 2048, TRUE}, {15, 16, FALSE}, {64, 2049, FALSE}};

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *text = g_strdup_printf(CAPS, "GRAY8", cases[i].width, cases[i].height, 25, 1);
    GstCaps *wanted = gst_caps_from_string(text);
    g_assert_cmpint(gst_caps_can_intersect(caps, wanted), ==, cases[i].possible);
    gst_caps_unref(wanted);
  }
  gst_caps_unref(caps);
  gst_object_unref(pad);
  gst_object_unref(element);
}

static void add_tests(void)
{
  g_test_add_func("/lustestsrc/defaults", test_defaults);
  g_test_add_func("/lustestsrc/deterministic", test_deterministic);
  g_test_add_func("/lustestsrc/stream-id", test_stream_id);
  g_test_add_func("/lustestsrc/limited-range", test_limited_range);
  g_test_add_func("/lustestsrc/timestamps", test_timestamps);
  g_test_add_func("/lustestsrc/frame-rate-change", test_frame_rate_change);
  g_test_add_func("/lustestsrc/zone", test_zone);
  g_test_add_func("/lustestsrc/live", test_live);
  g_test_add_func("/lustestsrc/sizes", test_sizes);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
