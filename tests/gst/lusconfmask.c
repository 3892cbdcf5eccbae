/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#define SEGMENT "lussegment model-file=MODEL sector=none ! lusconfmask name=mask "

static void test_defaults(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lusconfmask", NULL));
  GParamSpec *threshold = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "confidence-threshold");
  gdouble value, hysteresis, alpha;
  gint area, output;
  GstStructure *classes;

  g_object_get(element, "hysteresis", &hysteresis, "temporal-alpha", &alpha, NULL);
  g_assert_cmpfloat(hysteresis, ==, 0);
  g_assert_cmpfloat(alpha, ==, 1);
  g_object_get(element, "confidence-threshold", &value, "min-area", &area, "output", &output, "class-thresholds",
               &classes, NULL);
  g_assert_cmpfloat(value, ==, 0.6);
  g_assert_cmpint(area, ==, 0);
  g_assert_cmpint(output, ==, 0);
  g_assert_null(classes);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(threshold)->minimum, ==, 0);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(threshold)->maximum, ==, 1);
  g_assert_true(threshold->flags & GST_PARAM_CONTROLLABLE);
  gst_object_unref(element);
}

/* Luma by column: 200, 50, 120, 127 of 64 columns each 16. */
static guint8 four_greys(int x, int y)
{
  static const guint8 greys[] = {200, 50, 120, 127};

  (void)y;
  return greys[x / 16 % 4];
}

static void assert_ids(GstBuffer *out, const guint8 expected[4])
{
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

  g_assert_nonnull(meta->mask);
  for (int i = 0; i < 4; i++) {
    g_assert_cmpuint(meta->mask->ids[16 * i + 8], ==, expected[i]);
    g_assert_cmpuint(meta->mask->ids[63 * 64 + 16 * i + 8], ==, expected[i]);
  }
}

static GstBuffer *mask_picture(GstHarness *harness, guint n)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);

  return fixture_push(harness, caps, four_greys, n);
}

/* q of the classes: l, 255 - l, 128. At 0.6 (153) the first two greys are in a mask; at 0.5 (128) all are, and of equal
 * ones the lower index wins. Changed while playing, it holds from the next picture on. */
static void test_thresholds(void)
{
  GstHarness *harness = fixture_harness(SEGMENT, 64, 64);
  GstElement *mask = gst_harness_find_element(harness, "lusconfmask");
  GstBuffer *out = mask_picture(harness, 0);

  assert_ids(out, (const guint8[]){1, 2, 0, 0});
  g_assert_cmpuint(gst_buffer_get_lus_seg_meta(out)->mask->cut[0], ==, 153);
  gst_buffer_unref(out);
  g_object_set(mask, "confidence-threshold", 0.5, NULL);
  out = mask_picture(harness, 1);
  assert_ids(out, (const guint8[]){1, 2, 2, 2});
  gst_buffer_unref(out);
  gst_util_set_object_arg(G_OBJECT(mask), "class-thresholds", "thresholds, pleural_line=0.1, fascia_band=1.0");
  out = mask_picture(harness, 2);
  assert_ids(out, (const guint8[]){1, 3, 3, 3}); /* pleural_line: 200, 50, 120, 127 of 255, vertical_line: 128 */
  gst_buffer_unref(out);
  g_object_set(mask, "confidence-threshold", 1.0, "class-thresholds", NULL, NULL);
  out = mask_picture(harness, 3);
  assert_ids(out, (const guint8[]){0, 0, 0, 0});
  gst_buffer_unref(out);
  gst_object_unref(mask);
  gst_harness_teardown(harness);
}

/* Two specks of 6 and 4 pixels. */
static guint8 specks(int x, int y)
{
  if (x >= 10 && x < 13 && y >= 10 && y < 12)
    return 255;
  return x >= 40 && x < 42 && y >= 40 && y < 42 ? 255 : 120;
}

/* Names that the model at hand has may be unknown to the next one: thresholds without effect are told again. */
static void test_other_classes(void)
{
  GstHarness *harness = fixture_harness("lussegment name=s model-file=MODEL sector=none ! lusconfmask "
                                        "class-thresholds=\"t, pleural_line=0.4\" ! lusoverlay selected-types=<pleural_line>", 64, 64);
  g_autoptr(GstElement) segment = gst_bin_get_by_name(GST_BIN(harness->element), "s");
  GstBus *bus = gst_bus_new();

  gst_element_set_bus(harness->element, bus);
  gst_buffer_unref(mask_picture(harness, 0));
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  g_object_set(segment, "model-file", fixture_renamed_model(), NULL);
  gst_buffer_unref(mask_picture(harness, 1));
  fixture_assert_warning(bus, "class-thresholds: without effect: pleural_line (no class of the model)");
  fixture_assert_warning(bus, "selected-types: the model has no class \"pleural_line\"");
  gst_buffer_unref(mask_picture(harness, 2));
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  gst_element_set_bus(harness->element, NULL);
  gst_object_unref(bus);
  gst_harness_teardown(harness);
}

static void test_min_area(void)
{
  GstHarness *harness = fixture_harness(SEGMENT "min-area=5", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, specks, 0);
  const LusMask *mask = gst_buffer_get_lus_seg_meta(out)->mask;

  g_assert_cmpuint(mask->ids[10 * 64 + 10], ==, 1);
  g_assert_cmpuint(mask->ids[40 * 64 + 40], ==, 0);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* The same result again gives the same mask again. */
static void test_reused(void)
{
  GstHarness *harness =
      fixture_harness("lussegment model-file=MODEL sector=none inference-interval=2 ! lusconfmask", 64, 64);
  GstBuffer *first = mask_picture(harness, 0), *second = mask_picture(harness, 1);

  g_assert_true(gst_buffer_get_lus_seg_meta(first)->mask == gst_buffer_get_lus_seg_meta(second)->mask);
  gst_buffer_unref(first);
  gst_buffer_unref(second);
  gst_harness_teardown(harness);
}

static void assert_mask_picture(GstBuffer *out, int width, int height, const guint8 expected[4])
{
  GstVideoInfo info;
  GstVideoFrame frame;

  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, (guint)width, (guint)height);
  g_assert_true(gst_video_frame_map(&frame, &info, out, GST_MAP_READ));
  for (int y = 0; y < height; y++) {
    const guint8 *row = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(&frame, 0) + y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    for (int i = 0; i < 4; i++)
      g_assert_cmpuint(row[(2 * i + 1) * width / 8], ==, expected[i]);
  }
  gst_video_frame_unmap(&frame);
}

/* From every format, and from GRAY8 in place. */
static void test_output_mask(void)
{
  for (int f = 0; f < LUS_FORMAT_N; f++) {
    GstHarness *harness = fixture_harness(SEGMENT "output=mask", 64, 64);
    g_autofree char *caps = fixture_caps(lus_format_name((LusFormat)f), 64, 64);
    GstBuffer *out;
    GstCaps *negotiated;

    gst_harness_set_src_caps_str(harness, caps);
    out = fixture_push(harness, caps, four_greys, 2);
    g_test_message("%s", caps);
    assert_mask_picture(out, 64, 64, (const guint8[]){1, 2, 0, 0});
    g_assert_cmpuint(GST_BUFFER_PTS(out), ==, 80000000);
    g_assert_nonnull(gst_buffer_get_lus_seg_meta(out)->mask);
    negotiated = gst_pad_get_current_caps(harness->sinkpad);
    g_assert_cmpstr(gst_structure_get_string(gst_caps_get_structure(negotiated, 0), "format"), ==, "GRAY8");
    gst_caps_unref(negotiated);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}

/* Another size than the model's, odd, with the mask drawn at the picture's size. */
static void test_output_mask_odd(void)
{
  GstHarness *harness = fixture_harness(SEGMENT "output=mask", 17, 33);
  g_autofree char *caps = fixture_caps("I420", 17, 33);
  GstBuffer *out;

  gst_harness_set_src_caps_str(harness, caps);
  out = fixture_push(harness, caps, fixture_bright, 0);
  assert_mask_picture(out, 17, 33, (const guint8[]){1, 1, 1, 1});
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* Literal ids from a meta made by hand, which covers a part of the picture only. */
static void test_output_mask_placed(void)
{
  GstHarness *harness = gst_harness_new_parse("lusconfmask output=mask");
  g_autofree char *caps = fixture_caps("I420", 64, 64);
  GstBuffer *picture = fixture_picture(caps, fixture_black, 0), *out;
  g_autoptr(LusSegmentation) segmentation = fixture_segmentation(fixture_bright);
  GstMapInfo map;

  gst_harness_set_src_caps_str(harness, caps);
  gst_buffer_add_lus_seg_meta(picture, segmentation, NULL, 64, 64)->rect = (LusRect){10, 20, 32, 16};
  g_assert_cmpint(gst_harness_push(harness, picture), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  gst_buffer_map(out, &map, GST_MAP_READ);
  g_assert_cmpuint(map.size, ==, 64 * 64);
  for (int i = 0; i < 64 * 64; i++) {
    gboolean inside = i % 64 >= 10 && i % 64 < 42 && i / 64 >= 20 && i / 64 < 36;
    g_assert_cmpuint(map.data[i], ==, inside ? 1 : 0);
  }
  gst_buffer_unmap(out, &map);
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* Without a result: pictures pass untouched, masks are empty. */
static void test_no_result(void)
{
  static const char *formats[] = {"GRAY8", "NV12"};

  for (gsize f = 0; f < G_N_ELEMENTS(formats); f++) {
    GstHarness *harness = gst_harness_new_parse("lusconfmask");
    GstElement *mask = gst_harness_find_element(harness, "lusconfmask");
    g_autofree char *caps = fixture_caps(formats[f], 64, 64);
    GstBuffer *picture = fixture_picture(caps, fixture_bright, 0), *out;

    gst_harness_set_src_caps_str(harness, caps);
    g_assert_cmpint(gst_harness_push(harness, gst_buffer_ref(picture)), ==, GST_FLOW_OK);
    out = gst_harness_pull(harness);
    g_assert_true(gst_buffer_peek_memory(out, 0) == gst_buffer_peek_memory(picture, 0));
    gst_buffer_unref(out);
    gst_buffer_unref(picture);
    gst_util_set_object_arg(G_OBJECT(mask), "output", "mask");
    out = fixture_push(harness, caps, fixture_bright, 1);
    assert_mask_picture(out, 64, 64, (const guint8[]){0, 0, 0, 0});
    gst_buffer_unref(out);
    gst_util_set_object_arg(G_OBJECT(mask), "output", "meta");
    out = fixture_push(harness, caps, fixture_bright, 2);
    g_assert_cmpuint(gst_buffer_get_size(out), ==, f == 0 ? 4096 : 6144);
    gst_buffer_unref(out);
    gst_object_unref(mask);
    gst_harness_teardown(harness);
  }
}

static void test_caps_change(void)
{
  GstHarness *harness = fixture_harness(SEGMENT "output=mask", 64, 64);
  static const struct {
    const char *format;
    int width, height;
  } steps[] = {{"YUY2", 64, 64}, {"GRAY8", 64, 64}, {"RGB", 33, 17}, {"I420", 64, 48}};

  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    g_autofree char *caps = fixture_caps(steps[i].format, steps[i].width, steps[i].height);
    GstBuffer *out;
    gst_harness_set_src_caps_str(harness, caps);
    out = fixture_push(harness, caps, fixture_bright, i);
    assert_mask_picture(out, steps[i].width, steps[i].height, (const guint8[]){1, 1, 1, 1});
    gst_buffer_unref(out);
  }
  gst_harness_teardown(harness);
}

static guint8 all_120(int x, int y)
{
  (void)x;
  (void)y;
  return 120;
}

/* Whether pleural_line's mask holds the middle of picture @n. */
static gboolean in_mask(GstHarness *harness, FixturePattern pattern, guint n, GstBufferFlags flags)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *picture = fixture_picture(caps, pattern, n), *out;
  gboolean in;

  GST_BUFFER_FLAGS(picture) |= flags;
  g_assert_cmpint(gst_harness_push(harness, picture), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  in = gst_buffer_get_lus_seg_meta(out)->mask->planes[32 * 64 + 32] != 0;
  gst_buffer_unref(out);
  return in;
}

static void push_segment(GstHarness *harness)
{
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  g_assert_true(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
}

enum { GO_ON, NEW_STREAM, FLUSH, ZONE_TAG, ZONE_EVENT, ZONE_FROM_BELOW, CAPS, DISCONT, N_BREAKS };

static GstBufferFlags interrupt(GstHarness *harness, int kind)
{
  GstStructure *zone = gst_structure_new("lus-zone", "zone", G_TYPE_STRING, "R2", NULL);

  switch (kind) {
  case NEW_STREAM:
    gst_harness_push_event(harness, gst_event_new_stream_start("other"));
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1");
    push_segment(harness);
    break;
  case FLUSH:
    gst_harness_push_event(harness, gst_event_new_flush_start());
    gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
    push_segment(harness);
    break;
  case ZONE_TAG:
    fixture_push_zone(harness, "R2");
    break;
  case ZONE_EVENT:
    gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_copy(zone)));
    break;
  case ZONE_FROM_BELOW:
    gst_harness_push_upstream_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, gst_structure_copy(zone)));
    break;
  case CAPS:
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=64,height=64,framerate=30/1");
    break;
  default:
    break;
  }
  gst_structure_free(zone);
  return kind == DISCONT ? GST_BUFFER_FLAG_DISCONT : 0;
}

/* Luma 200, then 120, half each: 160 is in the mask (153), 120 alone is not. */
static void test_smoothing(void)
{
  for (int kind = GO_ON; kind < N_BREAKS; kind++) {
    GstHarness *harness = fixture_harness(SEGMENT "temporal-alpha=0.5", 64, 64);
    GstBufferFlags flags;
    g_test_message("interruption %d", kind);
    g_assert_true(in_mask(harness, fixture_bright, 0, 0));
    flags = interrupt(harness, kind);
    g_assert_cmpint(in_mask(harness, all_120, 1, flags), ==, kind == GO_ON);
    gst_harness_teardown(harness);
  }
}

/* q 200, 50, 120, 127 in columns side by side: at 0.6 - 0.13 (120) the third and fourth join nobody, as 50 lies between;
 * with 0.45 (39) all of them join the first. */
static void test_hysteresis(void)
{
  static const struct {
    const char *settings;
    gboolean in[4];
  } cases[] = {{"hysteresis=0.13", {TRUE, FALSE, FALSE, FALSE}}, {"hysteresis=0.45", {TRUE, TRUE, TRUE, TRUE}}};

  for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
    g_autofree char *line = g_strconcat(SEGMENT, cases[k].settings, NULL);
    GstHarness *harness = fixture_harness(line, 64, 64);
    GstBuffer *out = mask_picture(harness, 0);
    const LusMask *mask = gst_buffer_get_lus_seg_meta(out)->mask;
    for (int i = 0; i < 4; i++)
      g_assert_cmpint(mask->planes[32 * 64 + 16 * i + 8] != 0, ==, cases[k].in[i]);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}

/* videorate prefers one frame rate to all others; GStreamer warns where caps come back with both in one list. */
static void test_frame_rates(void)
{
  fixture_play("lustestsrc num-buffers=2 ! lusconfmask output=mask ! videorate ! video/x-raw,framerate=7/1 ! fakesink");
}

static void add_tests(void)
{
  g_test_add_func("/lusconfmask/defaults", test_defaults);
  g_test_add_func("/lusconfmask/smoothing", test_smoothing);
  g_test_add_func("/lusconfmask/hysteresis", test_hysteresis);
  g_test_add_func("/lusconfmask/thresholds", test_thresholds);
  g_test_add_func("/lusconfmask/other-classes", test_other_classes);
  g_test_add_func("/lusconfmask/min-area", test_min_area);
  g_test_add_func("/lusconfmask/reused", test_reused);
  g_test_add_func("/lusconfmask/output-mask", test_output_mask);
  g_test_add_func("/lusconfmask/output-mask-odd", test_output_mask_odd);
  g_test_add_func("/lusconfmask/output-mask-placed", test_output_mask_placed);
  g_test_add_func("/lusconfmask/no-result", test_no_result);
  g_test_add_func("/lusconfmask/caps-change", test_caps_change);
  g_test_add_func("/lusconfmask/frame-rates", test_frame_rates);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
