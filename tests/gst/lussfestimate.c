/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exam-json.h"
#include "fixture.h"
#include <glib/gstdio.h>
#include <gst/video/navigation.h>

#define CHAIN "lussegment model-file=MODEL sector=none ! lusconfmask ! lussfestimate name=sf "

static void test_defaults(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lussfestimate", NULL));
  GParamSpec *spo2 = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "spo2");
  gint frames;
  guint64 interval;
  gboolean post;
  gdouble fio2;
  gchar *zone, *file;

  g_object_get(element, "zone", &zone, "exam-file", &file, "min-frames-per-zone", &frames, "interval", &interval,
               "post-messages", &post, "fio2", &fio2, NULL);
  g_assert_null(zone);
  g_assert_null(file);
  g_assert_cmpint(frames, ==, 30);
  g_assert_cmpuint(interval, ==, 500000000);
  g_assert_true(post);
  g_assert_cmpfloat(fio2, ==, 0);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(spo2)->maximum, ==, 100);
  gst_object_unref(element);
}

static GstHarness *make_harness(const char *settings)
{
  g_autofree char *line = g_strconcat(CHAIN, settings, NULL);

  return fixture_harness(line, 64, 64);
}

static void push_frames(GstHarness *harness, guint first, guint count)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);

  for (guint n = first; n < first + count; n++)
    gst_buffer_unref(fixture_push(harness, caps, fixture_line, n));
}

static void push_stream(GstHarness *harness, const char *id)
{
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(harness, gst_event_new_stream_start(id));
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
}

static gint64 zone_frames(json_t *exam, const char *zone)
{
  return json_integer_value(json_object_get(json_object_get(json_object_get(exam, "zones"), zone), "frames"));
}

static gboolean is_missing(json_t *exam, const char *zone)
{
  json_t *missing = json_object_get(exam, "missing_zones");
  gsize i;
  json_t *name;

  json_array_foreach(missing, i, name) {
    if (strcmp(json_string_value(name), zone) == 0)
      return TRUE;
  }
  return FALSE;
}

/* One zone by property, two by tag; a tag's zone ends with its stream, and frames without a zone count nowhere. */
static void test_exam(void)
{
  g_autofree char *path = fixture_path("exam.json"),
                  *settings = g_strdup_printf("exam-file=%s exam-id=e1 zone=R1", path);
  GstHarness *harness = make_harness(settings);
  json_t *exam, *r1, *clips;

  push_frames(harness, 0, 31);
  fixture_push_zone(harness, "L2");
  push_frames(harness, 31, 5);
  push_stream(harness, "second");
  push_frames(harness, 0, 7);
  fixture_push_zone(harness, "R3");
  push_frames(harness, 7, 30);
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  gst_harness_push_event(harness, gst_event_new_eos());
  exam = read_exam(path);
  g_assert_cmpstr(json_string_value(json_object_get(exam, "exam_id")), ==, "e1");
  g_assert_cmpint(json_integer_value(json_object_get(exam, "schema")), ==, 1);
  g_assert_cmpstr(json_string_value(json_object_get(exam, "notice")), ==,
                  "Research software - not for diagnosis or treatment");
  g_assert_cmpuint(strlen(json_string_value(json_object_get(exam, "model_sha256"))), ==, 64);
  g_assert_cmpint(zone_frames(exam, "R1"), ==, 31);
  g_assert_cmpint(zone_frames(exam, "L2"), ==, 5);
  g_assert_cmpint(zone_frames(exam, "R3"), ==, 30);
  g_assert_false(is_missing(exam, "R1"));
  g_assert_true(is_missing(exam, "R2"));
  g_assert_true(is_missing(exam, "L1"));
  r1 = json_object_get(json_object_get(exam, "zones"), "R1");
  g_assert_cmpfloat(json_real_value(json_object_get(json_object_get(r1, "features"), "pleura_coverage")), ==, 100);
  clips = json_object_get(json_object_get(json_object_get(exam, "zones"), "R3"), "clips");
  g_assert_cmpuint(json_array_size(clips), ==, 1);
  g_assert_cmpstr(json_string_value(json_array_get(clips, 0)), ==, "second");
  json_decref(exam);
  g_remove(path);
  gst_harness_teardown(harness);
}

static GstStructure *pull_summary(GstHarness *harness, guint n)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_line, n);
  GstStructure *summary = gst_structure_copy(gst_buffer_get_lus_summary(out));

  gst_buffer_unref(out);
  return summary;
}

static void test_summary(void)
{
  GstHarness *harness = make_harness("zone=R2 zones=\"<R1,R2,L4V>\" min-frames-per-zone=2 spo2=96 fio2=0.4");
  GstStructure *summary = pull_summary(harness, 0);
  LusExamView view;
  double number;

  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_cmpstr(view.zone, ==, "R2");
  g_assert_cmpint(view.n_zones, ==, 3);
  g_assert_cmpstr(view.zones[2], ==, "L4V");
  g_assert_cmpint(view.frames[0], ==, 0);
  g_assert_cmpint(view.frames[1], ==, 1);
  g_assert_cmpint(view.min_frames, ==, 2);
  g_assert_false(view.finished);
  g_assert_true(view.has_estimate);
  g_assert_false(view.estimate.sf.valid);
  g_assert_cmpstr(view.estimate.sf.reason, !=, "");
  g_assert_true(gst_structure_get_double(summary, "pleura_coverage", &number));
  g_assert_cmpfloat(number, ==, 100);
  g_assert_true(gst_structure_get_double(summary, "sf-measured", &number));
  g_assert_cmpfloat(number, ==, 240);
  gst_structure_free(summary);
  gst_harness_teardown(harness);
}

/* Pictures that carry an earlier result again, or none, are no further frames; nor is one that comes twice, as behind
 * videorate. */
static void test_counts_results_once(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL inference-interval=3 ! lusconfmask ! "
                                        "lussfestimate zone=R1", 64, 64);
  GstHarness *masks = fixture_harness("lussegment model-file=MODEL sector=none ! lusconfmask", 64, 64);
  GstHarness *twice = gst_harness_new("lussfestimate");
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstStructure *summary;
  GstBuffer *picture;
  LusExamView view;

  gst_buffer_unref(fixture_push(harness, caps, fixture_black, 0));
  gst_harness_push_event(harness, gst_event_new_flush_start());
  gst_harness_push_event(harness, gst_event_new_flush_stop(FALSE));
  push_stream(harness, "pictures");
  push_frames(harness, 1, 6);
  summary = pull_summary(harness, 7);
  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_cmpint(view.frames[0], ==, 3);
  gst_structure_free(summary);
  g_object_set(twice->element, "zone", "R1", NULL);
  gst_harness_set_src_caps_str(twice, caps);
  picture = fixture_push(masks, caps, fixture_line, 0);
  gst_buffer_unref(gst_harness_push_and_pull(twice, gst_buffer_copy(picture)));
  picture = gst_harness_push_and_pull(twice, picture);
  g_assert_true(gst_lus_summary_get_exam(gst_buffer_get_lus_summary(picture), &view));
  g_assert_cmpint(view.frames[0], ==, 1);
  gst_buffer_unref(picture);
  gst_harness_teardown(twice);
  gst_harness_teardown(masks);
  gst_harness_teardown(harness);
}

static void test_actions(void)
{
  g_autofree char *path = fixture_path("acted.json"), *settings = g_strdup_printf("exam-file=%s zone=L1", path);
  GstHarness *harness = make_harness(settings);
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstStructure *summary;
  LusExamView view;
  json_t *exam;

  push_frames(harness, 0, 3);
  g_signal_emit_by_name(sf, "finish-exam");
  exam = read_exam(path);
  g_assert_cmpint(zone_frames(exam, "L1"), ==, 3);
  json_decref(exam);
  g_remove(path);

  /* A finished exam takes no more frames, and is written once. */
  summary = pull_summary(harness, 3);
  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_true(view.finished);
  g_assert_cmpuint(strlen(view.finished_at), ==, 5);
  g_assert_cmpint(view.frames[3], ==, 3);
  gst_structure_free(summary);
  g_signal_emit_by_name(sf, "finish-exam");
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

  /* Another exam begins without a zone. */
  g_signal_emit_by_name(sf, "start-exam");
  push_frames(harness, 4, 1);
  g_object_set(sf, "zone", "L1", NULL);
  summary = pull_summary(harness, 5);
  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_false(view.finished);
  g_assert_cmpint(view.frames[3], ==, 1);
  gst_structure_free(summary);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
  /* Stopping writes what was not written yet. */
  exam = read_exam(path);
  g_assert_cmpint(zone_frames(exam, "L1"), ==, 1);
  json_decref(exam);
  g_remove(path);
}

static gboolean press(GstHarness *harness, const char *key)
{
  return gst_harness_push_upstream_event(harness,
                                         gst_navigation_event_new_key_press(key, GST_NAVIGATION_MODIFIER_NONE));
}

static void assert_zone(GstHarness *harness, guint n, const char *zone, gboolean finished)
{
  GstStructure *summary = pull_summary(harness, n);
  LusExamView view;

  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_cmpstr(view.zone, ==, zone);
  g_assert_cmpint(view.finished, ==, finished);
  gst_structure_free(summary);
}

static void test_keys(void)
{
  GstHarness *harness = make_harness("");

  assert_zone(harness, 0, "", FALSE);
  g_assert_true(press(harness, "4"));
  assert_zone(harness, 1, "L1", FALSE);
  g_assert_true(press(harness, "9")); /* there are six: nothing changes */
  assert_zone(harness, 2, "L1", FALSE);
  g_assert_true(press(harness, "0"));
  assert_zone(harness, 3, "", FALSE);
  g_assert_true(press(harness, "f"));
  assert_zone(harness, 4, "", TRUE);
  g_assert_true(press(harness, "s"));
  assert_zone(harness, 5, "", FALSE);
  press(harness, "q");
  assert_zone(harness, 6, "", FALSE);
  g_assert_true(press(harness, "KP_2"));
  assert_zone(harness, 7, "R2", FALSE);
  g_assert_true(press(harness, "F")); /* Caps Lock */
  assert_zone(harness, 8, "R2", TRUE);
  g_assert_true(press(harness, "S"));
  assert_zone(harness, 9, "", FALSE);
  /* Sources know no such event: the element has heard it all the same. */
  g_assert_true(gst_harness_push_upstream_event(harness, gst_event_new_custom(
    GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new("lus-zone", "zone", G_TYPE_STRING, "L3", NULL))));
  assert_zone(harness, 10, "L3", FALSE);
  gst_harness_teardown(harness);
}

/* Parsers and decoders send a stream's tags again: the zone that was chosen since stays. Another stream's tag counts anew. */
static void test_tag_again(void)
{
  GstHarness *harness = make_harness("");

  fixture_push_zone(harness, "L2");
  assert_zone(harness, 0, "L2", FALSE);
  g_assert_true(press(harness, "1"));
  fixture_push_zone(harness, "L2");
  assert_zone(harness, 1, "R1", FALSE);
  fixture_push_zone(harness, "L3");
  assert_zone(harness, 2, "L3", FALSE);
  push_stream(harness, "the next clip");
  assert_zone(harness, 3, "", FALSE);
  fixture_push_zone(harness, "L3");
  assert_zone(harness, 4, "L3", FALSE);
  gst_harness_teardown(harness);
}

static void test_messages(void)
{
  GstHarness *harness = make_harness("zone=R1 interval=100000000 exam-id=e7");
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstBus *bus = gst_bus_new();
  GstMessage *message;
  guint64 timestamp = 0;
  guint count = 0;

  gst_element_set_bus(sf, bus);
  push_frames(harness, 0, 7); /* 0, 120 and 240 ms are due */
  while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT))) {
    const GstStructure *fields = gst_message_get_structure(message);
    g_assert_true(gst_structure_has_name(fields, "lussfestimate"));
    g_assert_true(gst_structure_get_uint64(fields, "timestamp", &timestamp));
    g_assert_cmpuint(timestamp, ==, count * 120 * GST_MSECOND);
    g_assert_true(gst_structure_has_field(fields, "running-time"));
    g_assert_cmpstr(gst_structure_get_string(fields, "exam-id"), ==, "e7");
    gst_message_unref(message);
    count++;
  }
  g_assert_cmpuint(count, ==, 3);
  push_stream(harness, "from the start again");
  push_frames(harness, 0, 1);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
  g_assert_nonnull(message);
  gst_message_unref(message);
  g_object_set(sf, "post-messages", FALSE, NULL);
  push_frames(harness, 7, 5);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT));
  gst_element_set_bus(sf, NULL);
  gst_object_unref(bus);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
}

/* Zones are called by capitals, in the list too; names of one's own stay as they are, and can be chosen. */
static void test_small_letters(void)
{
  GstHarness *harness = make_harness("zones=\"<r1,apex>\"");

  g_assert_true(press(harness, "1"));
  assert_zone(harness, 0, "R1", FALSE);
  g_assert_true(press(harness, "2"));
  assert_zone(harness, 1, "apex", FALSE);
  gst_harness_teardown(harness);
}

/* A zone that no vocabulary has, and one that an exam of 16 zones has no room for: each for its own reason. */
static void test_refused_zone(gconstpointer full)
{
  GstHarness *harness = make_harness(full ? "zones=\"<a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p>\"" : "");
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstBus *bus = gst_bus_new();

  gst_element_set_bus(sf, bus);
  fixture_push_zone(harness, full ? "R1" : "knee");
  fixture_assert_warning(bus, full ? "no room for zone \"R1\"" : "No zone is called \"knee\"");
  assert_zone(harness, 0, "", FALSE);
  gst_element_set_bus(sf, NULL);
  gst_object_unref(bus);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
}

static void send_start(GstHarness *harness, const char *exam_id, const char *baseline_file)
{
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "start", "exam-id", G_TYPE_STRING, exam_id, "baseline-file",
                        G_TYPE_STRING, baseline_file, NULL)));
}

/* A start that fails ends the exam before: what comes then is the next patient's, and no file gets what is not finished. */
static void test_failed_start(void)
{
  g_autofree char *path = fixture_path("not-begun.json"),
                  *settings = g_strdup_printf("exam-file=%s exam-id=a zone=L1", path);
  GstHarness *harness = make_harness(settings);
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstBus *bus = gst_bus_new();
  GstStructure *summary;
  LusExamView view;
  json_t *exam;

  gst_element_set_bus(sf, bus);
  push_frames(harness, 0, 3);
  send_start(harness, "b", "/nowhere/earlier.json");
  fixture_assert_warning(bus, "nothing of its 3 pictures is written");
  fixture_assert_warning(bus, "No exam begins: /nowhere/earlier.json");
  g_object_set(sf, "exam-id", "b", "zone", "L1", NULL);
  push_frames(harness, 3, 2);
  summary = pull_summary(harness, 5);
  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_true(view.finished);
  g_assert_cmpint(view.frames[3], ==, 3);
  g_assert_cmpstr(gst_structure_get_string(summary, "exam-id"), ==, "a");
  gst_structure_free(summary);
  g_signal_emit_by_name(sf, "finish-exam");
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

  send_start(harness, "c", NULL);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING)); /* the one before had been finished */
  g_object_set(sf, "zone", "L1", NULL);
  push_frames(harness, 6, 2);
  g_signal_emit_by_name(sf, "finish-exam");
  exam = read_exam(path);
  g_assert_cmpint(zone_frames(exam, "L1"), ==, 2);
  g_assert_cmpstr(json_string_value(json_object_get(exam, "exam_id")), ==, "c");
  json_decref(exam);
  send_start(harness, "d", NULL);
  fixture_assert_warning(bus, "not-begun.json holds the exam before; the next one will replace it");
  g_object_set(sf, "zone", "L1", "exam-file", "/nowhere/other.json", NULL);
  push_frames(harness, 8, 1);
  send_start(harness, "e", NULL);
  fixture_assert_warning(bus, "nothing of its 1 pictures is written");
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  g_remove(path);
  gst_element_set_bus(sf, NULL);
  gst_object_unref(bus);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
}

static void test_errors(void)
{
  g_autofree char *text = fixture_path("heads.json");
  GstBus *bus;
  GstElement *element = fixture_element("lussfestimate", &bus);
  GstMessage *message;

  g_assert_true(fixture_fails_ready("lussfestimate", "heads-file", "/nowhere/heads.json", "/nowhere/heads.json"));
  g_assert_true(g_file_set_contents(text, "{\"schema\": 1, \"schema\": 1}", -1, NULL));
  g_assert_true(fixture_fails_ready("lussfestimate", "heads-file", text, "heads.json"));
  gst_util_set_object_arg(G_OBJECT(element), "zones", "<R1, R1>");
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_assert_nonnull(message);
  gst_message_unref(message);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, NULL);
  gst_object_unref(bus);
  gst_object_unref(element);
}

/* A zone that was set before the start is taken up, in capitals; an unknown one is warned of then too. */
static void test_zone_before_start(void)
{
  GstElement *sf = gst_object_ref_sink(gst_element_factory_make("lussfestimate", NULL));
  GstBus *bus = gst_bus_new();
  GstMessage *message;
  gchar *zone;

  gst_element_set_bus(sf, bus);
  g_object_set(sf, "zone", "r2", NULL);
  g_object_get(sf, "zone", &zone, NULL);
  g_assert_cmpstr(zone, ==, "R2");
  g_free(zone);
  gst_element_set_state(sf, GST_STATE_PAUSED);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  gst_element_set_state(sf, GST_STATE_READY);
  g_object_set(sf, "zone", "XX", NULL);
  gst_element_set_state(sf, GST_STATE_PAUSED);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
  g_assert_nonnull(message);
  gst_message_unref(message);
  gst_element_set_state(sf, GST_STATE_NULL);
  gst_element_set_bus(sf, NULL);
  gst_object_unref(bus);
  gst_object_unref(sf);
}

static void test_unwritable_file(void)
{
  GstHarness *harness = make_harness("zone=R1 exam-file=/nowhere/exam.json");
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstBus *bus = gst_bus_new();
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_bus(sf, bus);
  push_frames(harness, 0, 1);
  gst_harness_push_event(harness, gst_event_new_eos());
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_assert_nonnull(message);
  gst_message_parse_error(message, &error, NULL);
  g_assert_nonnull(strstr(error->message, "/nowhere/exam.json"));
  g_error_free(error);
  gst_message_unref(message);
  gst_element_set_bus(sf, NULL);
  gst_object_unref(bus);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
}

/* Heads with one input: S/F = 250 + 10 (pleura_coverage.mean - 50) / 50, +- 20. */
static char *write_heads(void)
{
  g_autoptr(LusModel) model = lus_model_load(fixture_model(), NULL);
  char *path = fixture_path("fitted.json");
  g_autofree char *json = g_strdup_printf(
      "{\"schema\":2,\"notice\":\"%s\",\"version\":\"0\",\"command\":\"none\",\"model_sha256\":\"%s\",\"threshold\":0."
      "6,"
      "\"profile\":{},\"heads\":{\"sf\":{\"intercept\":250,\"range_margin\":1,\"zones\":2,\"min_zones\":2,\"fit\":{},"
      "\"by_zones\":[{\"offset\":0,\"slope\":1,\"half_width\":40},{\"offset\":0,\"slope\":1,\"half_width\":20}],"
      "\"inputs\":[{\"name\":\"pleura_coverage.mean\",\"of\":\"level\",\"mean\":50,\"sd\":50,\"low\":0,\"high\":100,\"weight\":10}]}}}",
      LUS_NOTICE, lus_model_sha256(model));

  g_assert_true(g_file_set_contents(path, json, -1, NULL));
  return path;
}

static void test_estimate(void)
{
  g_autofree char *heads = write_heads();
  g_autofree char *settings =
      g_strdup_printf("heads-file=%s zones=\"<R1,L1>\" min-frames-per-zone=3 interval=0 zone=R1", heads);
  GstHarness *harness = make_harness(settings);
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstStructure *summary;
  LusExamView view;

  push_frames(harness, 0, 2);
  summary = pull_summary(harness, 2);
  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_false(view.estimate.sf.valid);
  g_assert_nonnull(strstr(view.estimate.sf.reason, "L1"));
  gst_structure_free(summary);
  g_object_set(sf, "zone", "L1", NULL);
  push_frames(harness, 3, 2);
  summary = pull_summary(harness, 5);
  g_assert_true(gst_lus_summary_get_exam(summary, &view));
  g_assert_true(view.estimate.sf.valid);
  g_assert_cmpfloat(view.estimate.sf.value, ==, 260);
  g_assert_cmpfloat(view.estimate.sf.low, ==, 240);
  g_assert_cmpfloat(view.estimate.sf.high, ==, 280);
  gst_structure_free(summary);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
}

/* Masks cut elsewhere than the estimator's are reported once, as is a change of the model, whose pictures are left out;
 * also both in one exam. Where masks of a model are cut that the estimator does not know is nothing to it. */
static void test_mismatches(void)
{
  g_autofree char *heads = write_heads(), *settings = g_strdup_printf("heads-file=%s zone=R1", heads);
  GstHarness *harness = make_harness(settings);
  GstElement *sf = gst_harness_find_element(harness, "lussfestimate");
  GstElement *mask = gst_harness_find_element(harness, "lusconfmask");
  GstElement *segment = gst_harness_find_element(harness, "lussegment");
  GstBus *bus = gst_bus_new();
  static const guint warnings[] = {0, 1, 0, 0, 1, 0, 1, 1, 0, 0};
  GstStructure *summary;
  LusExamView view;
  int frames;

  gst_element_set_bus(sf, bus);
  for (guint n = 0; n < G_N_ELEMENTS(warnings); n++) {
    GstMessage *message;
    guint count = 0;
    if (n == 1)
      g_object_set(mask, "confidence-threshold", 0.4, NULL);
    if (n == 3) {
      g_object_set(mask, "confidence-threshold", 0.6, NULL);
      g_signal_emit_by_name(sf, "start-exam");
      g_object_set(sf, "zone", "R1", NULL);
    }
    if (n == 4)
      g_object_set(segment, "model-file", fixture_other_model(), NULL);
    if (n == 6) {
      g_object_set(segment, "model-file", fixture_model(), NULL);
      g_object_set(mask, "confidence-threshold", 0.4, NULL);
      g_signal_emit_by_name(sf, "start-exam");
      g_object_set(sf, "zone", "R1", NULL);
    }
    if (n == 7)
      g_object_set(segment, "model-file", fixture_other_model(), NULL);
    if (n == 9) {
      g_signal_emit_by_name(sf, "start-exam");
      g_object_set(sf, "zone", "R1", NULL);
    }
    summary = pull_summary(harness, n);
    g_assert_true(gst_lus_summary_get_exam(summary, &view));
    frames = view.frames[0];
    gst_structure_free(summary);
    g_assert_true(n < 8 || frames == 1); /* 8: those of the other model are left out; 9: a new exam */
    while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING))) {
      gst_message_unref(message);
      count++;
    }
    g_assert_cmpuint(count, ==, warnings[n]);
  }
  gst_element_set_bus(sf, NULL);
  gst_object_unref(bus);
  gst_object_unref(segment);
  gst_object_unref(mask);
  gst_object_unref(sf);
  gst_harness_teardown(harness);
}

/* The whole exam as one line: six simulated zones, one after the other. */
static void test_concat(void)
{
  static const char *zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  g_autofree char *path = fixture_path("concat.json");
  GString *line = g_string_new(NULL);
  GstElement *pipeline;
  GstBus *bus;
  GstMessage *message;
  json_t *exam;

  g_string_printf(line, "concat name=c ! lussegment model-file=%s threads=1 ! lusconfmask ! "
                  "lussfestimate exam-file=%s ! fakesink", fixture_model(), path);
  for (int i = 0; i < 6; i++)
    g_string_append_printf(line, " lustestsrc zone=%s stream=%d num-buffers=%d ! "
                           "video/x-raw,format=GRAY8,width=96,height=80 ! c.", zones[i], i, i + 1);
  pipeline = gst_parse_launch(line->str, NULL);
  g_assert_nonnull(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus(pipeline);
  message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull(message);
  g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
  gst_message_unref(message);
  exam = read_exam(path);
  for (int i = 0; i < 6; i++)
    g_assert_cmpint(zone_frames(exam, zones[i]), ==, i + 1);
  json_decref(exam);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
  g_string_free(line, TRUE);
}

static void add_tests(void)
{
  g_test_add_func("/lussfestimate/defaults", test_defaults);
  g_test_add_func("/lussfestimate/exam", test_exam);
  g_test_add_func("/lussfestimate/summary", test_summary);
  g_test_add_func("/lussfestimate/counts-results-once", test_counts_results_once);
  g_test_add_func("/lussfestimate/actions", test_actions);
  g_test_add_func("/lussfestimate/keys", test_keys);
  g_test_add_func("/lussfestimate/tag-again", test_tag_again);
  g_test_add_func("/lussfestimate/messages", test_messages);
  g_test_add_func("/lussfestimate/small-letters", test_small_letters);
  g_test_add_data_func("/lussfestimate/unknown-zone", NULL, test_refused_zone);
  g_test_add_data_func("/lussfestimate/no-room-for-zone", "full", test_refused_zone);
  g_test_add_func("/lussfestimate/failed-start", test_failed_start);
  g_test_add_func("/lussfestimate/zone-before-start", test_zone_before_start);
  g_test_add_func("/lussfestimate/errors", test_errors);
  g_test_add_func("/lussfestimate/unwritable-file", test_unwritable_file);
  g_test_add_func("/lussfestimate/estimate", test_estimate);
  g_test_add_func("/lussfestimate/mismatches", test_mismatches);
  g_test_add_func("/lussfestimate/concat", test_concat);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
