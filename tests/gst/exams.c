/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include <string.h>

/* Exams one after the other in one pipeline, told by events as an application does. */

#define CHAIN "lussegment model-file=MODEL sector=none ! lusconfmask temporal-alpha=0.5 ! " \
  "lussfestimate name=exam min-frames-per-zone=2 interval=0 exam-file=FILE ! lusoverlay"
#define WIDTH 1280
#define HEIGHT 720

static GstHarness *make_harness(const char *file)
{
  g_auto(GStrv) parts = g_strsplit(CHAIN, "FILE", 2);
  g_autofree char *line = g_strjoinv(file, parts);

  return fixture_harness(line, WIDTH, HEIGHT);
}

static void begin(GstHarness *harness, const char *patient, const char *caps)
{
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(harness, gst_event_new_stream_start(patient));
  gst_harness_set_src_caps_str(harness, caps);
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "start", "exam-id", G_TYPE_STRING, patient, NULL)));
}

static void choose(GstHarness *harness, const char *zone)
{
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-zone", "zone", G_TYPE_STRING, zone, NULL)));
}

static void finish(GstHarness *harness)
{
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "finish", NULL)));
}

static guint8 faint(int x, int y)
{
  return y >= HEIGHT / 2 && y < HEIGHT / 2 + 40 ? 160 : x < WIDTH / 4 ? 0 : 40;
}

/* Everything that patient B's exam leaves: pictures, summaries without the clock's time, file. */
typedef struct {
  GByteArray *pictures;
  GString *summaries;
  char *file;
} Trace;

static void trace_picture(Trace *trace, GstHarness *harness, const char *caps, FixturePattern pattern, guint n)
{
  GstBuffer *out = fixture_push(harness, caps, pattern, n);
  GstStructure *summary = gst_structure_copy(gst_buffer_get_lus_summary(out));
  g_autofree char *text = NULL;
  GstMapInfo map;

  g_assert_true(gst_buffer_map(out, &map, GST_MAP_READ));
  g_byte_array_append(trace->pictures, map.data, (guint)map.size);
  gst_buffer_unmap(out, &map);
  gst_structure_remove_field(summary, "finished-at");
  text = gst_structure_to_string(summary);
  g_string_append(trace->summaries, text);
  gst_structure_free(summary);
  gst_buffer_unref(out);
}

static void examine_b(Trace *trace, GstHarness *harness, const char *path)
{
  g_autofree char *caps = fixture_caps("I420", WIDTH, HEIGHT);

  trace->pictures = g_byte_array_new();
  trace->summaries = g_string_new(NULL);
  begin(harness, "B", caps);
  trace_picture(trace, harness, caps, faint, 0); /* in no zone yet */
  choose(harness, "L2");
  for (guint n = 1; n < 4; n++)
    trace_picture(trace, harness, caps, faint, n);
  finish(harness);
  g_assert_true(g_file_get_contents(path, &trace->file, NULL, NULL));
}

static void trace_clear(Trace *trace)
{
  g_byte_array_unref(trace->pictures);
  g_string_free(trace->summaries, TRUE);
  g_free(trace->file);
}

/* Patient A, with everything that could stay: zones, oxygen, a mask, a finished exam. */
static void examine_a(GstHarness *harness)
{
  GstElement *exam = gst_harness_find_element(harness, "lussfestimate");
  g_autofree char *caps = fixture_caps("I420", WIDTH, HEIGHT);
  gdouble spo2, fio2;

  begin(harness, "A", caps);
  g_object_set(exam, "spo2", 93.0, "fio2", 0.4, NULL);
  choose(harness, "L2");
  for (guint n = 0; n < 3; n++)
    gst_buffer_unref(fixture_push(harness, caps, fixture_bright, n));
  choose(harness, "R1");
  gst_buffer_unref(fixture_push(harness, caps, fixture_bright, 3));
  finish(harness);
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "start", NULL)));
  g_object_get(exam, "spo2", &spo2, "fio2", &fio2, NULL);
  g_assert_cmpfloat(spo2, ==, 0);
  g_assert_cmpfloat(fio2, ==, 0);
  gst_object_unref(exam);
}

/* A then B is B alone, bit for bit. */
static void test_two_patients(void)
{
  g_autofree char *path = fixture_path("exam-b.json");
  GstHarness *both = make_harness(path), *alone = make_harness(path);
  Trace after_a, b;

  examine_a(both);
  examine_b(&after_a, both, path);
  g_assert_nonnull(strstr(after_a.file, "\"B\""));
  examine_b(&b, alone, path);
  g_assert_cmpmem(after_a.pictures->data, after_a.pictures->len, b.pictures->data, b.pictures->len);
  g_assert_cmpstr(after_a.summaries->str, ==, b.summaries->str);
  g_assert_cmpstr(after_a.file, ==, b.file);
  trace_clear(&after_a);
  trace_clear(&b);
  gst_harness_teardown(both);
  gst_harness_teardown(alone);
}

static void assert_missing(GstHarness *harness, const char *caps, guint n, const char *expected)
{
  GstBuffer *out = fixture_push(harness, caps, fixture_line, n);
  const GValue *missing = gst_structure_get_value(gst_buffer_get_lus_summary(out), "missing-zones");
  g_autoptr(GString) names = g_string_new(NULL);

  for (guint i = 0; i < gst_value_array_get_size(missing); i++)
    g_string_append_printf(names, "%s ", g_value_get_string(gst_value_array_get_value(missing, i)));
  g_assert_cmpstr(names->str, ==, expected);
  gst_buffer_unref(out);
}

/* Events that come up from the sink, as a window or an application sends them to the pipeline. */
static void test_events_from_below(void)
{
  g_autofree char *path = fixture_path("exam-below.json"), *caps = fixture_caps("I420", WIDTH, HEIGHT);
  GstHarness *harness = make_harness(path);

  gst_harness_set_src_caps_str(harness, caps);
  assert_missing(harness, caps, 0, "R1 R2 R3 L1 L2 L3 ");
  gst_harness_push_upstream_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
      gst_structure_new("lus-zone", "zone", G_TYPE_STRING, "R2", NULL)));
  assert_missing(harness, caps, 1, "R1 R2 R3 L1 L2 L3 ");
  assert_missing(harness, caps, 2, "R1 R3 L1 L2 L3 ");
  gst_harness_push_upstream_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "finish", NULL)));
  g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
  gst_harness_push_upstream_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "start", "exam-id", G_TYPE_STRING, "next", NULL)));
  assert_missing(harness, caps, 3, "R1 R2 R3 L1 L2 L3 ");
  gst_harness_teardown(harness);
}

/* Two exams within one stream: each lists it, the second as it would alone. */
static void test_one_stream(void)
{
  g_autofree char *path = fixture_path("exam-stream.json"), *caps = fixture_caps("I420", WIDTH, HEIGHT);
  GstHarness *harness = make_harness(path);

  for (guint n = 0; n < 2; n++) {
    g_autofree char *file = NULL;
    if (n == 0)
      begin(harness, "clip7", caps);
    else
      gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
          gst_structure_new("lus-exam", "action", G_TYPE_STRING, "start", "exam-id", G_TYPE_STRING, "next", NULL)));
    choose(harness, "L2");
    gst_buffer_unref(fixture_push(harness, caps, fixture_line, n));
    finish(harness);
    g_assert_true(g_file_get_contents(path, &file, NULL, NULL));
    g_assert_nonnull(strstr(file, "\"clips\": [\n        \"clip7\"\n      ]"));
    g_assert_true(n == 0 || strstr(file, "\"next\""));
  }
  gst_harness_teardown(harness);
}

static void add_tests(void)
{
  g_test_add_func("/exams/two-patients", test_two_patients);
  g_test_add_func("/exams/events-from-below", test_events_from_below);
  g_test_add_func("/exams/one-stream", test_one_stream);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
