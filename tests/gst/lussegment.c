/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include <glib/gstdio.h>

#define LINE "lussegment name=seg model-file=MODEL sector=none"

static void test_defaults(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lussegment", NULL));
  GParamSpec *interval = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "inference-interval");
  GstStructure *info, *stats;
  gint threads, sector, precision;
  guint every;
  gdouble mm;
  gchar *file;
  gboolean qos;

  g_object_get(element, "model-file", &file, "threads", &threads, "sector", &sector, "inference-interval", &every,
               "mm-per-pixel", &mm, "precision", &precision, "model-info", &info, "stats", &stats, "qos", &qos, NULL);
  g_assert_null(file);
  g_assert_cmpint(threads, ==, 0);
  g_assert_cmpint(sector, ==, LUS_SECTOR_AUTO);
  g_assert_cmpint(precision, ==, LUS_PRECISION_AUTO);
  g_assert_cmpuint(every, ==, 1);
  g_assert_cmpfloat(mm, ==, 0);
  g_assert_null(info);
  g_assert_false(qos);
  gst_structure_free(stats);
  g_assert_cmpuint(G_PARAM_SPEC_UINT(interval)->minimum, ==, 1);
  g_assert_cmpuint(G_PARAM_SPEC_UINT(interval)->maximum, ==, 1000);
  g_assert_true(interval->flags & GST_PARAM_CONTROLLABLE);
  gst_object_unref(element);
}

/* Errors come in NULL to READY and name the file. */
static void test_model_errors(void)
{
  g_autofree char *missing = fixture_path("missing.onnx"), *text = fixture_path("text.onnx"),
                  *truncated = fixture_path("truncated.onnx"), *model = NULL;
  gsize length;

  g_assert_true(g_file_set_contents(text, "this is no model\n", -1, NULL));
  g_assert_true(g_file_get_contents(fixture_model(), &model, &length, NULL));
  g_assert_true(g_file_set_contents(truncated, model, (gssize)length / 2, NULL));
  g_assert_true(fixture_fails_ready("lussegment", "model-file", missing, "missing.onnx"));
  g_assert_true(fixture_fails_ready("lussegment", "model-file", text, "text.onnx"));
  g_assert_true(fixture_fails_ready("lussegment", "model-file", truncated, "truncated.onnx"));
  g_assert_true(fixture_fails_ready("lussegment", "model-file", g_get_tmp_dir(), g_get_tmp_dir()));
}

static void test_int8_needs_quantised_model(void)
{
  GstBus *bus;
  GstElement *element = fixture_element("lussegment", &bus);
  GstMessage *message;
  GError *error = NULL;

  g_object_set(element, "model-file", fixture_model(), "precision", LUS_PRECISION_INT8, NULL);
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_READY), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  gst_message_parse_error(message, &error, NULL);
  g_assert_nonnull(strstr(error->message, "lus quantize"));
  g_error_free(error);
  gst_message_unref(message);
  gst_util_set_object_arg(G_OBJECT(element), "precision", "fp32");
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_READY), ==, GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, NULL);
  gst_object_unref(bus);
  gst_object_unref(element);
}

static void test_manual_needs_roi(void)
{
  GstBus *bus;
  GstElement *element = fixture_element("lussegment", &bus);
  GstMessage *message;
  GError *error = NULL;

  g_object_set(element, "model-file", fixture_model(), "sector", LUS_SECTOR_MANUAL, NULL);
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_READY), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  gst_message_parse_error(message, &error, NULL);
  g_assert_nonnull(strstr(error->message, "roi"));
  g_error_free(error);
  gst_message_unref(message);
  gst_util_set_object_arg(G_OBJECT(element), "roi", "<4, 2, 30, 40>");
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_READY), ==, GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, NULL);
  gst_object_unref(bus);
  gst_object_unref(element);
}

static void test_result(void)
{
  GstHarness *harness = fixture_harness(LINE " mm-per-pixel=0.5", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_line, 3);
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);
  const gsize plane = 64 * 64;
  const guint8 *q;

  g_assert_nonnull(meta);
  q = meta->segmentation->confidence;
  g_assert_cmpint(meta->segmentation->n_classes, ==, 3);
  g_assert_cmpint(meta->segmentation->width, ==, 64);
  g_assert_cmpint(meta->rect.width, ==, 64);
  g_assert_cmpint(meta->rect.height, ==, 64);
  g_assert_cmpuint(q[19 * 64 + 5], ==, 120);
  g_assert_cmpuint(q[20 * 64 + 5], ==, 255);
  g_assert_cmpuint(q[plane + 19 * 64 + 5], ==, 135);
  g_assert_cmpuint(q[plane + 23 * 64 + 5], ==, 0);
  g_assert_cmpuint(q[2 * plane], ==, 128);
  g_assert_null(meta->mask);
  g_assert_cmpuint(meta->source_pts, ==, 120000000);
  g_assert_cmpuint(meta->age, ==, 0);
  g_assert_cmpfloat(meta->mm_per_pixel, ==, 0.5);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* Every format passes unchanged, and its luma arrives within one step of limited range. */
static void test_formats(void)
{
  for (int f = 0; f < LUS_FORMAT_N; f++) {
    static const int sizes[][2] = {{64, 64}, {17, 33}};
    for (gsize s = 0; s < G_N_ELEMENTS(sizes); s++) {
      const int width = sizes[s][0], height = sizes[s][1];
      g_autofree char *caps = fixture_caps(lus_format_name((LusFormat)f), width, height);
      GstHarness *harness = fixture_harness(LINE, width, height);
      GstBuffer *picture = fixture_picture(caps, fixture_bright, 0), *out;
      GstMapInfo before, after;
      GstLusSegMeta *meta;

      gst_harness_set_src_caps_str(harness, caps);
      g_assert_cmpint(gst_harness_push(harness, gst_buffer_ref(picture)), ==, GST_FLOW_OK);
      out = gst_harness_pull(harness);
      meta = gst_buffer_get_lus_seg_meta(out);
      g_test_message("%s", caps);
      g_assert_cmpint(meta->frame_width, ==, width);
      g_assert_cmpint(meta->frame_height, ==, height);
      g_assert_cmpint(meta->rect.height, ==, height);
      g_assert_cmpint(abs(meta->segmentation->confidence[10 * meta->segmentation->width + 8] - 200), <=, 2);
      gst_buffer_map(picture, &before, GST_MAP_READ);
      gst_buffer_map(out, &after, GST_MAP_READ);
      g_assert_cmpmem(before.data, before.size, after.data, after.size);
      gst_buffer_unmap(out, &after);
      gst_buffer_unmap(picture, &before);
      gst_buffer_unref(out);
      gst_buffer_unref(picture);
      gst_harness_teardown(harness);
    }
  }
}

/* Rows 100 bytes apart, the first one 12 bytes in. */
static void test_stride(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, 12 + 100 * 64, NULL), *out;
  gsize offset[4] = {12};
  gint stride[4] = {100};
  const guint8 *q;

  gst_buffer_memset(buffer, 0, 77, 12 + 100 * 64);
  for (int y = 0; y < 64; y++)
    gst_buffer_memset(buffer, (gsize)(12 + 100 * y), (guint8)(2 * y), 64);
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 64, 64, 1, offset, stride);
  g_assert_cmpint(gst_harness_push(harness, buffer), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  q = gst_buffer_get_lus_seg_meta(out)->segmentation->confidence;
  for (int y = 0; y < 64; y++) {
    g_assert_cmpuint(q[64 * y], ==, 2 * y);
    g_assert_cmpuint(q[64 * y + 63], ==, 2 * y);
  }
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

static void test_short_buffer(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);

  g_assert_cmpint(gst_harness_push(harness, gst_buffer_new_allocate(NULL, 100, NULL)), ==, GST_FLOW_ERROR);
  gst_harness_teardown(harness);
}

static void test_caps_change(void)
{
  GstHarness *harness = fixture_harness(LINE " inference-interval=10", 64, 64);
  g_autofree char *small = fixture_caps("GRAY8", 64, 64), *large = fixture_caps("NV12", 128, 96);
  GstBuffer *out = fixture_push(harness, small, fixture_line, 0);
  GstLusSegMeta *meta;

  gst_buffer_unref(out);
  gst_harness_set_src_caps_str(harness, large);
  out = fixture_push(harness, large, fixture_line, 1);
  meta = gst_buffer_get_lus_seg_meta(out);
  g_assert_cmpint(meta->frame_width, ==, 128);
  g_assert_cmpint(meta->rect.width, ==, 128);
  g_assert_cmpint(meta->rect.height, ==, 96);
  g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NONE);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

static double scale_of(GstHarness *harness, const char *caps, guint n)
{
  GstBuffer *out;
  double scale;

  gst_harness_set_src_caps_str(harness, caps);
  out = fixture_push(harness, caps, fixture_line, n);
  scale = gst_buffer_get_lus_seg_meta(out)->mm_per_pixel;
  gst_buffer_unref(out);
  return scale;
}

/* Pixels of a picture of another size have another size in mm: unknown, told once, until it is set again. */
static void test_scale(void)
{
  GstHarness *harness = fixture_harness(LINE " mm-per-pixel=0.5", 96, 96); /* no picture has this size */
  GstElement *seg = gst_bin_get_by_name(GST_BIN(harness->element), "seg");
  g_autofree char *small = fixture_caps("GRAY8", 64, 64), *i420 = fixture_caps("I420", 64, 64);
  g_autofree char *large = fixture_caps("GRAY8", 128, 128);
  GstBus *bus = gst_bus_new();
  GstMessage *message;

  gst_element_set_bus(harness->element, bus);
  g_assert_cmpfloat(scale_of(harness, small, 0), ==, 0.5);
  g_assert_cmpfloat(scale_of(harness, i420, 1), ==, 0.5);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  g_assert_cmpfloat(scale_of(harness, large, 2), ==, 0);
  g_assert_cmpfloat(scale_of(harness, small, 3), ==, 0);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
  g_assert_nonnull(message);
  gst_message_unref(message);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  g_object_set(seg, "mm-per-pixel", 0.25, NULL);
  g_assert_cmpfloat(scale_of(harness, small, 4), ==, 0.25);
  gst_harness_teardown(harness);
  gst_object_unref(seg);
  gst_object_unref(bus);
}

static void assert_result(GstHarness *harness, guint n, GstLusSegFlags flags, GstClockTime source, GstClockTime age)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_bright, n);
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

  g_assert_cmpint(meta->flags, ==, flags);
  g_assert_cmpuint(meta->source_pts, ==, source);
  g_assert_cmpuint(meta->age, ==, age);
  gst_buffer_unref(out);
}

/* Every third picture; a result never crosses a flush, segment, stream, zone or gap. */
static void test_interval(void)
{
  GstHarness *harness = fixture_harness(LINE " inference-interval=3", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  GstSegment segment;
  GstStructure *stats;
  GstBuffer *gap;
  guint64 frames, inferred;

  assert_result(harness, 0, GST_LUS_SEG_NONE, 0, 0);
  assert_result(harness, 1, GST_LUS_SEG_REUSED, 0, 40000000);
  assert_result(harness, 2, GST_LUS_SEG_REUSED, 0, 80000000);
  assert_result(harness, 3, GST_LUS_SEG_NONE, 120000000, 0);
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
  assert_result(harness, 4, GST_LUS_SEG_NONE, 160000000, 0);
  fixture_push_zone(harness, "R2");
  assert_result(harness, 5, GST_LUS_SEG_NONE, 200000000, 0);
  fixture_push_zone(harness, "R2");
  assert_result(harness, 6, GST_LUS_SEG_REUSED, 200000000, 40000000);
  gap = fixture_picture(caps, fixture_bright, 7);
  GST_BUFFER_FLAG_SET(gap, GST_BUFFER_FLAG_DISCONT);
  g_assert_cmpint(gst_harness_push(harness, gap), ==, GST_FLOW_OK);
  gap = gst_harness_pull(harness);
  g_assert_cmpint(gst_buffer_get_lus_seg_meta(gap)->flags, ==, GST_LUS_SEG_NONE);
  gst_buffer_unref(gap);
  assert_result(harness, 8, GST_LUS_SEG_REUSED, 280000000, 40000000);
  gst_harness_push_event(harness, gst_event_new_flush_start());
  gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
  assert_result(harness, 9, GST_LUS_SEG_NONE, 360000000, 0);
  gst_harness_push_event(harness, gst_event_new_stream_start("another"));
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
  assert_result(harness, 10, GST_LUS_SEG_NONE, 400000000, 0);
  /* Controlled while running: from now on every picture. */
  g_object_set(seg, "inference-interval", 1, NULL);
  assert_result(harness, 11, GST_LUS_SEG_NONE, 440000000, 0);
  g_object_get(seg, "stats", &stats, NULL);
  gst_structure_get(stats, "frames", G_TYPE_UINT64, &frames, "inferred", G_TYPE_UINT64, &inferred, NULL);
  g_assert_cmpuint(frames, ==, 12);
  g_assert_cmpuint(inferred, ==, 8);
  gst_structure_free(stats);
  gst_object_unref(seg);
  gst_harness_teardown(harness);
}

static guint8 wide_scan(int x, int y)
{
  return x >= 40 && x < 280 && y >= 30 && y < 210 ? 200 : 0;
}

static guint8 small_scan(int x, int y)
{
  return x >= 100 && x < 220 && y >= 60 && y < 180 ? 200 : 0;
}

static void assert_zone(GstHarness *harness, guint n, FixturePattern pattern, GstLusSegFlags flags, LusRect rect)
{
  g_autofree char *caps = fixture_caps("GRAY8", 320, 240);
  GstBuffer *out = fixture_push(harness, caps, pattern, n);
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

  g_assert_cmpint(meta->flags, ==, flags);
  g_assert_cmpint(meta->rect.x, ==, rect.x);
  g_assert_cmpint(meta->rect.y, ==, rect.y);
  g_assert_cmpint(meta->rect.width, ==, rect.width);
  g_assert_cmpint(meta->rect.height, ==, rect.height);
  gst_buffer_unref(out);
}

/* A zone chosen while the scan goes on, by an event of either way, drops the result and keeps the sector; one that a tag
 * names is another recording's. */
static void test_zone_events(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL inference-interval=3", 320, 240);
  const LusRect wide = {40, 30, 240, 180}, small = {100, 60, 120, 120};
  g_autoptr(GstEvent) up =
    gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new("lus-zone", "zone", G_TYPE_STRING, "R2", NULL));
  g_autoptr(GstEvent) other = gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty("lus-other"));

  assert_zone(harness, 0, wide_scan, GST_LUS_SEG_NONE, wide);
  assert_zone(harness, 1, small_scan, GST_LUS_SEG_REUSED, wide);
  gst_harness_push_upstream_event(harness, gst_event_ref(up));
  assert_zone(harness, 2, small_scan, GST_LUS_SEG_NONE, wide);
  gst_harness_push_upstream_event(harness, gst_event_ref(other));
  assert_zone(harness, 3, small_scan, GST_LUS_SEG_REUSED, wide);
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                                       gst_structure_new("lus-zone", "zone", G_TYPE_STRING, "R3", NULL)));
  assert_zone(harness, 4, small_scan, GST_LUS_SEG_NONE, wide);
  fixture_push_zone(harness, "L1");
  assert_zone(harness, 5, small_scan, GST_LUS_SEG_NONE, small);
  gst_harness_teardown(harness);
}

static void test_no_sector(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_black, 0);
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

  g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NO_SECTOR);
  g_assert_null(meta->segmentation);
  gst_buffer_unref(out);
  out = fixture_push(harness, caps, fixture_bright, 1);
  meta = gst_buffer_get_lus_seg_meta(out);
  g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NONE);
  g_assert_nonnull(meta->segmentation);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* A region that no longer lies in the picture is no strip at its edge. */
static void test_roi_outside(void)
{
  GstBus *bus;
  GstElement *element = fixture_element("lussegment", &bus);
  GstHarness *harness;

  g_object_set(element, "model-file", fixture_model(), "sector", LUS_SECTOR_MANUAL, NULL);
  gst_util_set_object_arg(G_OBJECT(element), "roi", "<64, 4, 40, 52>");
  harness = gst_harness_new_with_element(element, "sink", "src");
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1");
  gst_harness_push(harness, gst_buffer_new_allocate(NULL, 64 * 64, NULL));
  g_autoptr(GstMessage) message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_autoptr(GError) error = NULL;
  g_assert_nonnull(message);
  gst_message_parse_error(message, &error, NULL);
  g_assert_nonnull(strstr(error->message, "roi <64, 4, 40, 52> lies outside of the picture, which has 64 x 64 pixels"));
  gst_element_set_bus(element, NULL);
  gst_object_unref(bus);
  gst_harness_teardown(harness);
  gst_object_unref(element);
}

/* Where every picture waits for its result no decoder must drop one because the sink was late. */
static void test_qos(void)
{
  static const char *const modes[] = {"sync", "latest"};

  for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
    g_autofree char *line = g_strdup_printf("lussegment model-file=MODEL inference-mode=%s", modes[i]);
    GstHarness *harness = fixture_harness(line, 64, 64);
    g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
    gboolean heard = FALSE;
    GstEvent *event;

    gst_buffer_unref(fixture_push(harness, caps, fixture_bright, 0));
    gst_harness_push_upstream_event(harness, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2, GST_SECOND, GST_SECOND));
    while ((event = gst_harness_try_pull_upstream_event(harness))) {
      heard |= GST_EVENT_TYPE(event) == GST_EVENT_QOS;
      gst_event_unref(event);
    }
    g_assert_cmpint(heard, ==, i == 1);
    gst_harness_teardown(harness);
  }
}

/* Each mode has its own latency: whoever waits for the message asks again. */
static void test_mode_latency(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL inference-mode=latest", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstElement *segment = gst_harness_find_element(harness, "lussegment");
  GstBus *bus = gst_bus_new();
  GstMessage *message;

  gst_buffer_unref(fixture_push(harness, caps, fixture_bright, 0));
  gst_element_set_bus(segment, bus);
  gst_util_set_object_arg(G_OBJECT(segment), "inference-mode", "sync");
  gst_buffer_unref(fixture_push(harness, caps, fixture_bright, 1));
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_LATENCY);
  g_assert_nonnull(message);
  gst_message_unref(message);
  gst_element_set_bus(segment, NULL);
  gst_object_unref(bus);
  gst_object_unref(segment);
  gst_harness_teardown(harness);
}

static void test_roi(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL sector=manual roi=<8,4,40,52>", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_bright, 0);
  LusRect rect = gst_buffer_get_lus_seg_meta(out)->rect;

  g_assert_cmpint(rect.x, ==, 8);
  g_assert_cmpint(rect.y, ==, 4);
  g_assert_cmpint(rect.width, ==, 40);
  g_assert_cmpint(rect.height, ==, 52);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* A model that is chosen while playing is in use from the next picture on; a bad one is reported and changes nothing.
 */
static void test_swap(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  GstBus *bus = gst_bus_new();
  GstStructure *info;
  GstMessage *message;
  GstBuffer *out;
  static const guint8 expected[] = {200, 55, 55, 200};

  gst_element_set_bus(seg, bus);
  for (guint n = 0; n < 4; n++) {
    if (n == 1)
      g_object_set(seg, "model-file", fixture_other_model(), NULL);
    if (n == 2)
      g_object_set(seg, "model-file", "/nowhere/none.onnx", NULL);
    if (n == 3)
      g_object_set(seg, "model-file", fixture_model(), NULL);
    out = fixture_push(harness, caps, fixture_bright, n);
    g_assert_cmpuint(gst_buffer_get_lus_seg_meta(out)->segmentation->confidence[0], ==, expected[n]);
    gst_buffer_unref(out);
    message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
    g_assert_true((message != NULL) == (n == 2));
    g_clear_pointer(&message, gst_message_unref);
  }
  g_object_get(seg, "model-info", &info, NULL);
  g_assert_cmpstr(gst_structure_get_string(info, "path"), ==, fixture_model());
  g_assert_cmpuint(gst_value_array_get_size(gst_structure_get_value(info, "classes")), ==, 3);
  gst_structure_free(info);
  gst_element_set_bus(seg, NULL);
  gst_object_unref(bus);
  gst_object_unref(seg);
  gst_harness_teardown(harness);
}

static gpointer keep_swapping(gpointer data)
{
  GstElement *seg = data;

  for (int i = 0; i < 40; i++) {
    g_object_set(seg, "model-file", i % 2 ? fixture_model() : fixture_other_model(), "threads", 1 + i % 2,
                 "inference-interval", 1 + i % 3, NULL);
    g_usleep(500);
  }
  return NULL;
}

static void test_settings_from_another_thread(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  GThread *thread;

  fixture_other_model();
  thread = g_thread_new("settings", keep_swapping, seg);
  for (guint n = 0; n < 200; n++) {
    GstBuffer *out = fixture_push(harness, caps, fixture_bright, n);
    guint8 q = gst_buffer_get_lus_seg_meta(out)->segmentation->confidence[0];
    g_assert_true(q == 200 || q == 55);
    gst_buffer_unref(out);
  }
  g_thread_join(thread);
  gst_object_unref(seg);
  gst_harness_teardown(harness);
}

/* Element and library give the same bits, sector and all. */
static void test_same_as_library(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL", 320, 240);
  GstHarness *source = gst_harness_new_parse(
      "lustestsrc num-buffers=3 seed=5 ! capsfilter caps=video/x-raw,format=GRAY8,width=320,height=240");
  const LusSegmenterConfig config = {.threads = 2};
  g_autoptr(LusModel) model = lus_model_load(fixture_model(), NULL);
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(model, &config, NULL);

  g_assert_true(lus_segmenter_set_frame_size(segmenter, 320, 240, NULL));
  gst_harness_play(source);
  for (int n = 0; n < 3; n++) {
    GstBuffer *picture = gst_harness_pull(source), *out;
    LusImage image = {.format = LUS_FORMAT_GRAY8, .width = 320, .height = 240, .strides = {320}, .full_range = TRUE};
    LusSegmentation *expected = NULL, *actual;
    GstMapInfo map;

    gst_buffer_map(picture, &map, GST_MAP_READ);
    image.planes[0] = map.data;
    g_assert_true(lus_segmenter_run(segmenter, &expected, &image, 0, NULL));
    gst_buffer_unmap(picture, &map);
    g_assert_cmpint(gst_harness_push(harness, picture), ==, GST_FLOW_OK);
    out = gst_harness_pull(harness);
    actual = gst_buffer_get_lus_seg_meta(out)->segmentation;
    g_assert_nonnull(expected);
    g_assert_cmpint(memcmp(&actual->rect, &expected->rect, sizeof(LusRect)), ==, 0);
    g_assert_cmpmem(actual->confidence, 3 * (gsize)actual->width * (gsize)actual->height, expected->confidence,
                    3 * (gsize)expected->width * (gsize)expected->height);
    lus_segmentation_unref(expected);
    gst_buffer_unref(out);
  }
  gst_harness_teardown(source);
  gst_harness_teardown(harness);
}

static void test_latency(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);

  gst_harness_set_upstream_latency(harness, 40 * GST_MSECOND);
  /* Right before the first picture: the model was tried in READY. */
  g_assert_cmpuint(gst_harness_query_latency(harness), >, 40000000);
  g_assert_cmpuint(gst_harness_query_latency(harness), <, 10 * GST_SECOND);
  gst_buffer_unref(fixture_push(harness, caps, fixture_bright, 0));
  g_assert_cmpuint(gst_harness_query_latency(harness), >, 40000000);
  gst_harness_teardown(harness);
}

static void test_eos(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstEvent *event;
  gboolean ended = FALSE;

  gst_buffer_unref(fixture_push(harness, caps, fixture_bright, 0));
  gst_harness_push_event(harness, gst_event_new_eos());
  while (!ended && (event = gst_harness_try_pull_event(harness))) {
    ended = GST_EVENT_TYPE(event) == GST_EVENT_EOS;
    gst_event_unref(event);
  }
  g_assert_true(ended);
  gst_harness_teardown(harness);
}

/* Without a sink the pictures' memory is nobody else's, so it must come out as it went in; with two owners, too. */
static void test_shared_memory(void)
{
  GstHarness *harness = fixture_harness("tee name=t ! queue ! " LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *picture = fixture_picture(caps, fixture_line, 0), *out;

  g_assert_cmpint(gst_harness_push(harness, gst_buffer_ref(picture)), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  g_assert_true(out != picture);
  g_assert_null(gst_buffer_get_lus_seg_meta(picture));
  g_assert_true(gst_buffer_peek_memory(out, 0) == gst_buffer_peek_memory(picture, 0));
  gst_buffer_unref(out);
  gst_buffer_unref(picture);
  gst_harness_teardown(harness);
}

/* In place, the next element's word on strides is passed on; where pictures end, lusconfmask gives its own. */
static void test_allocation(void)
{
  static const struct {
    const char *line;
    gboolean strides;
  } cases[] = {{"lussegment model-file=MODEL ! videoconvert ! capsfilter caps=video/x-raw,format=RGB", TRUE},
               {"lussegment model-file=MODEL ! lusconfmask ! lussfestimate ! identity", FALSE},
               {"lussegment model-file=MODEL ! lusconfmask output=mask", TRUE}};

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstHarness *harness = fixture_harness(cases[i].line, 64, 64);
    g_autofree char *text = fixture_caps("I420", 64, 64);
    GstCaps *caps = gst_caps_from_string(text);
    GstQuery *query = gst_query_new_allocation(caps, TRUE);

    gst_harness_set_src_caps_str(harness, text);
    gst_buffer_unref(fixture_push(harness, text, fixture_bright, 0));
    gst_pad_peer_query(harness->srcpad, query);
    g_test_message("%s", cases[i].line);
    g_assert_cmpint(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL), ==, cases[i].strides);
    gst_query_unref(query);
    gst_caps_unref(caps);
    gst_harness_teardown(harness);
  }
}

static void test_start_stop(void)
{
  GstElement *pipeline =
      gst_parse_launch("lustestsrc num-buffers=2 ! video/x-raw,width=64,height=48 ! lussegment name=seg ! "
                       "lusconfmask ! lussfestimate ! lusoverlay ! fakesink",
                       NULL);
  GstElement *seg = gst_bin_get_by_name(GST_BIN(pipeline), "seg");

  g_object_set(seg, "model-file", fixture_model(), "threads", 1, NULL);
  for (int i = 0; i < 50; i++) {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    if (i % 2)
      g_assert_cmpint(gst_element_get_state(pipeline, NULL, NULL, 10 * GST_SECOND), ==, GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint(gst_element_set_state(pipeline, GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
  }
  gst_object_unref(seg);
  gst_object_unref(pipeline);
}

static void test_refused_caps(void)
{
  static const char *names[] = {"lussegment", "lusconfmask", "lussfestimate", "lusoverlay"};
  static const char *refused[] = {"audio/x-raw,format=S16LE,rate=8000,channels=1",
                                  "video/x-raw,format=GRAY8,width=1,height=1,framerate=25/1",
                                  "video/x-raw,format=GRAY8,width=15,height=64,framerate=25/1",
                                  "video/x-raw,format=GRAY8,width=64,height=8193,framerate=25/1",
                                  "video/x-raw,format=I420_10LE,width=64,height=64,framerate=25/1"};

  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    for (gsize k = 0; k < G_N_ELEMENTS(refused); k++) {
      GstElement *element = gst_object_ref_sink(gst_element_factory_make(names[i], NULL));
      GstPad *pad = gst_element_get_static_pad(element, "sink");
      GstCaps *caps = gst_caps_from_string(refused[k]);
      g_assert_false(gst_pad_query_accept_caps(pad, caps));
      gst_caps_unref(caps);
      gst_object_unref(pad);
      gst_object_unref(element);
    }
  }
}

static void test_not_negotiated(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL", 64, 64);

  gst_harness_set_src_caps_str(harness, "audio/x-raw,format=S16LE,rate=8000,channels=1,layout=interleaved");
  g_assert_cmpint(gst_harness_push(harness, gst_buffer_new_allocate(NULL, 64, NULL)), ==, GST_FLOW_NOT_NEGOTIATED);
  gst_harness_teardown(harness);
}

static void add_tests(void)
{
  g_test_add_func("/lussegment/defaults", test_defaults);
  g_test_add_func("/lussegment/model-errors", test_model_errors);
  g_test_add_func("/lussegment/int8-needs-quantised-model", test_int8_needs_quantised_model);
  g_test_add_func("/lussegment/manual-needs-roi", test_manual_needs_roi);
  g_test_add_func("/lussegment/result", test_result);
  g_test_add_func("/lussegment/formats", test_formats);
  g_test_add_func("/lussegment/stride", test_stride);
  g_test_add_func("/lussegment/short-buffer", test_short_buffer);
  g_test_add_func("/lussegment/caps-change", test_caps_change);
  g_test_add_func("/lussegment/scale", test_scale);
  g_test_add_func("/lussegment/interval", test_interval);
  g_test_add_func("/lussegment/zone-events", test_zone_events);
  g_test_add_func("/lussegment/no-sector", test_no_sector);
  g_test_add_func("/lussegment/roi", test_roi);
  g_test_add_func("/lussegment/roi-outside", test_roi_outside);
  g_test_add_func("/lussegment/qos", test_qos);
  g_test_add_func("/lussegment/mode-latency", test_mode_latency);
  g_test_add_func("/lussegment/swap", test_swap);
  g_test_add_func("/lussegment/settings-from-another-thread", test_settings_from_another_thread);
  g_test_add_func("/lussegment/same-as-library", test_same_as_library);
  g_test_add_func("/lussegment/latency", test_latency);
  g_test_add_func("/lussegment/eos", test_eos);
  g_test_add_func("/lussegment/shared-memory", test_shared_memory);
  g_test_add_func("/lussegment/allocation", test_allocation);
  g_test_add_func("/lussegment/start-stop", test_start_stop);
  g_test_add_func("/lussegment/refused-caps", test_refused_caps);
  g_test_add_func("/lussegment/not-negotiated", test_not_negotiated);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
