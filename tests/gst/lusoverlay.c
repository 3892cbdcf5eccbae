/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include <gst/video/video-overlay-composition.h>

#define WIDTH 640
#define HEIGHT 360

static void test_defaults(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lusoverlay", NULL));
  GParamSpec *opacity = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "opacity");
  gdouble value;
  gint style, policy;
  guint64 expire;
  gboolean legend, confidence, estimate, status, attach, enabled;

  g_object_get(element, "opacity", &value, "style", &style, "stale-policy", &policy, "expire-overlay", &expire,
               "show-legend", &legend, "show-confidence", &confidence, "show-estimate", &estimate, "show-status",
               &status, "attach-texts", &attach, "enabled", &enabled, NULL);
  g_assert_cmpfloat(value, ==, 1);
  g_assert_cmpint(style, ==, LUS_OVERLAY_CONTOUR);
  g_assert_cmpint(policy, ==, LUS_STALE_DIM);
  g_assert_cmpuint(expire, ==, 300000000);
  g_assert_true(legend && confidence && estimate && status && attach && enabled);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(opacity)->minimum, ==, 0);
  g_assert_cmpfloat(G_PARAM_SPEC_DOUBLE(opacity)->maximum, ==, 1);
  gst_object_unref(element);
}

/* A scanner's screen: black around the sector, so that the columns find room. */
static guint8 screen(int x, int y)
{
  return x >= 200 && x < 440 && y >= 40 && y < 320 ? 120 : 0;
}

/* A picture with the result of the fixture's line in the sector. */
static GstBuffer *make_picture(const char *format, guint n)
{
  g_autofree char *caps = fixture_caps(format, WIDTH, HEIGHT);
  GstBuffer *buffer = fixture_picture(caps, screen, n);
  g_autoptr(LusSegmentation) segmentation = fixture_segmentation(fixture_line);
  g_autoptr(LusMask) mask = fixture_mask(segmentation);
  GstLusSegMeta *meta = gst_buffer_add_lus_seg_meta(buffer, segmentation, mask, WIDTH, HEIGHT);

  meta->rect = (LusRect){200, 40, 240, 280};
  meta->age = 0;
  return buffer;
}

static GstHarness *make_harness(const char *settings, const char *format)
{
  g_autofree char *line = g_strconcat("lusoverlay ", settings, NULL), *caps = fixture_caps(format, WIDTH, HEIGHT);
  GstHarness *harness = gst_harness_new_parse(line);

  gst_harness_set_src_caps_str(harness, caps);
  return harness;
}

/* Bytes of picture @n as it comes out, and in @before as it went in. */
static guint8 *draw(GstHarness *harness, GstBuffer *picture, guint8 **before, gsize *length)
{
  guint8 *after;
  GstBuffer *out;

  gst_buffer_extract_dup(picture, 0, (gsize)-1, (gpointer *)before, length);
  g_assert_cmpint(gst_harness_push(harness, picture), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  g_assert_cmpuint(gst_buffer_get_size(out), ==, *length);
  gst_buffer_extract_dup(out, 0, (gsize)-1, (gpointer *)&after, length);
  gst_buffer_unref(out);
  return after;
}

/* Changed bytes of a GRAY8 picture within a rectangle. */
static guint count_changes(const char *settings, GstBuffer *picture, LusRect rect)
{
  GstHarness *harness = make_harness(settings, "GRAY8");
  g_autofree guint8 *before = NULL, *after = NULL;
  gsize length;
  guint n = 0;

  after = draw(harness, picture, &before, &length);
  for (int y = rect.y; y < rect.y + rect.height; y++) {
    for (int x = rect.x; x < rect.x + rect.width; x++)
      n += before[y * WIDTH + x] != after[y * WIDTH + x];
  }
  gst_harness_teardown(harness);
  return n;
}

static const LusRect sector = {201, 41, 238, 278}, left = {0, 0, 180, HEIGHT}, right = {460, 0, 180, 340};

static void test_disabled(void)
{
  for (int f = 0; f < LUS_FORMAT_N; f++) {
    GstHarness *harness = make_harness("enabled=false", lus_format_name((LusFormat)f));
    g_autofree guint8 *before = NULL, *after = NULL;
    gsize length;

    after = draw(harness, make_picture(lus_format_name((LusFormat)f), 0), &before, &length);
    g_assert_cmpmem(before, length, after, length);
    gst_harness_teardown(harness);
  }
}

static void test_formats(void)
{
  for (int f = 0; f < LUS_FORMAT_N; f++) {
    GstHarness *harness = make_harness("style=both", lus_format_name((LusFormat)f));
    g_autofree guint8 *before = NULL, *after = NULL;
    gsize length;

    after = draw(harness, make_picture(lus_format_name((LusFormat)f), 0), &before, &length);
    g_test_message("%s", lus_format_name((LusFormat)f));
    g_assert_cmpint(memcmp(before, after, length), !=, 0);
    gst_harness_teardown(harness);
  }
}

/* Everything off but masks: only the sector changes, and it does only for a class that is drawn. */
static void test_masks(void)
{
  const char *alone = "show-legend=false show-confidence=false show-estimate=false show-status=false";
  g_autofree char *none = g_strconcat(alone, " selected-types=\"<a_line>\"", NULL);
  g_autofree char *pleura = g_strconcat(alone, " selected-types=\"<pleural_line>\"", NULL);
  g_autofree char *clear = g_strconcat(alone, " opacity=0", NULL);

  g_assert_cmpuint(count_changes(alone, make_picture("GRAY8", 0), sector), >, 100);
  g_assert_cmpuint(count_changes(pleura, make_picture("GRAY8", 0), sector), >, 100);
  g_assert_cmpuint(count_changes(none, make_picture("GRAY8", 0), sector), ==, 0);
  g_assert_cmpuint(count_changes(clear, make_picture("GRAY8", 0), sector), ==, 0);
}

/* The result's place in the picture rules, not that of the picture it was made from. */
static void test_place(void)
{
  const char *alone = "show-legend=false show-confidence=false show-estimate=false show-status=false";
  GstBuffer *picture = make_picture("GRAY8", 0);

  gst_buffer_get_lus_seg_meta(picture)->rect = (LusRect){20, 40, 100, 280};
  g_assert_cmpuint(count_changes(alone, gst_buffer_ref(picture), sector), ==, 0);
  g_assert_cmpuint(count_changes(alone, picture, left), >, 50);
}

static void test_columns(void)
{
  LusExamView view = {.present = TRUE, .zone = "R1", .n_zones = 2, .zones = {"R1", "L1"}, .frames = {30, 3},
                      .min_frames = 30};
  GstBuffer *picture = make_picture("GRAY8", 0);
  guint bare, exam;

  bare = count_changes("show-status=false", gst_buffer_ref(picture), right);
  gst_lus_summary_set_exam(gst_buffer_add_lus_summary(picture), &view);
  exam = count_changes("show-status=false", gst_buffer_ref(picture), right);
  g_assert_cmpuint(exam, >, bare + 500);
  g_assert_cmpuint(count_changes("show-status=false show-estimate=false", gst_buffer_ref(picture), right), ==, bare);
  g_assert_cmpuint(count_changes("show-legend=false show-confidence=false", gst_buffer_ref(picture), left), <,
                   count_changes("", gst_buffer_ref(picture), left));
  gst_buffer_unref(picture);
}

/* Old, lost or missing results: the mask goes. */
static void test_status(void)
{
  GstBuffer *picture = make_picture("GRAY8", 0);
  g_autofree char *caps = fixture_caps("GRAY8", WIDTH, HEIGHT);

  gst_buffer_get_lus_seg_meta(picture)->age = 400 * GST_MSECOND;
  g_assert_cmpuint(count_changes("stale-policy=dim", gst_buffer_ref(picture), sector), >, 50);
  g_assert_cmpuint(count_changes("stale-policy=hide", gst_buffer_ref(picture), sector), ==, 0);
  g_assert_cmpuint(count_changes("stale-policy=hide expire-overlay=500000000", gst_buffer_ref(picture), sector), >, 50);
  gst_buffer_get_lus_seg_meta(picture)->age = GST_SECOND;
  g_assert_cmpuint(count_changes("stale-policy=dim", picture, sector), ==, 0);

  picture = fixture_picture(caps, screen, 0);
  g_assert_cmpuint(count_changes("", gst_buffer_ref(picture), sector), ==, 0); /* no model */
  g_assert_cmpuint(count_changes("", gst_buffer_ref(picture), left), >, 50);
  gst_buffer_add_lus_seg_meta(picture, NULL, NULL, WIDTH, HEIGHT); /* no signal */
  g_assert_cmpuint(count_changes("", picture, sector), ==, 0);
}

static void test_switch_while_playing(void)
{
  GstHarness *harness = make_harness("", "I420");
  GstElement *overlay = gst_harness_find_element(harness, "lusoverlay");

  for (guint n = 0; n < 6; n++) {
    g_autofree guint8 *before = NULL, *after = NULL;
    gsize length;
    g_object_set(overlay, "enabled", n % 2 == 0, NULL);
    after = draw(harness, make_picture("I420", n), &before, &length);
    g_assert_cmpint(memcmp(before, after, length) == 0, ==, n % 2);
  }
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}

/* Somebody else's reference to the picture keeps the bare picture. */
static void test_shared_picture(void)
{
  GstHarness *harness = make_harness("", "I420");
  GstBuffer *picture = make_picture("I420", 0);
  g_autofree guint8 *before = NULL, *after = NULL, *kept = NULL;
  gsize length;

  after = draw(harness, gst_buffer_ref(picture), &before, &length);
  gst_buffer_extract_dup(picture, 0, (gsize)-1, (gpointer *)&kept, &length);
  g_assert_cmpmem(before, length, kept, length);
  g_assert_cmpint(memcmp(before, after, length), !=, 0);
  gst_buffer_unref(picture);
  gst_harness_teardown(harness);
}

static void test_caps_change(void)
{
  GstHarness *harness =
      fixture_harness("lussegment model-file=MODEL ! lusconfmask ! lussfestimate zone=R1 ! lusoverlay", 64, 64);
  static const struct {
    const char *format;
    int width, height;
  } steps[] = {{"I420", 320, 240}, {"YUY2", 17, 33}, {"RGB", 641, 481}, {"GRAY8", 16, 16}, {"NV12", 1920, 1080}};

  for (guint n = 0; n < G_N_ELEMENTS(steps); n++) {
    g_autofree char *caps = fixture_caps(steps[n].format, steps[n].width, steps[n].height);
    gst_harness_set_src_caps_str(harness, caps);
    for (guint i = 0; i < 2; i++)
      gst_buffer_unref(fixture_push(harness, caps, fixture_line, 2 * n + i));
  }
  gst_harness_teardown(harness);
}

#define ATTACHED "video/x-raw(memory:SystemMemory, meta:GstVideoOverlayComposition)"

/* A harness whose sink takes @caps; @asks: and the metadata with texts. */
static GstHarness *sink_harness(const char *settings, const char *caps, gboolean asks)
{
  g_autofree char *line = g_strconcat("lusoverlay name=overlay ", settings, NULL), *src = fixture_caps("BGRx", WIDTH, HEIGHT);
  GstHarness *harness = gst_harness_new_parse(line);

  if (asks)
    gst_harness_add_propose_allocation_meta(harness, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str(harness, caps);
  gst_harness_set_src_caps_str(harness, src);
  return harness;
}

static GstBuffer *attach(GstHarness *harness, guint n)
{
  g_assert_cmpint(gst_harness_push(harness, make_picture("BGRx", n)), ==, GST_FLOW_OK);
  return gst_harness_pull(harness);
}

/* Largest difference of two pictures' bytes. */
static int difference(GstBuffer *a, GstBuffer *b)
{
  GstMapInfo x, y;
  int most = 0;

  g_assert_true(gst_buffer_map(a, &x, GST_MAP_READ) && gst_buffer_map(b, &y, GST_MAP_READ));
  g_assert_cmpuint(x.size, ==, y.size);
  for (gsize i = 0; i < x.size; i++)
    most = i % 4 == 3 ? most : MAX(most, ABS((int)x.data[i] - (int)y.data[i]));
  gst_buffer_unmap(a, &x);
  gst_buffer_unmap(b, &y);
  return most;
}

/* Blended by another, the texts look as when they are drawn; the masks are in the picture either way. */
static void test_attached(void)
{
  GstHarness *drawing = sink_harness("style=both", "video/x-raw", FALSE), *attaching = sink_harness("style=both", ATTACHED, TRUE);
  GstVideoOverlayComposition *first = NULL;
  GstVideoInfo info;

  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_BGRx, WIDTH, HEIGHT);
  for (guint n = 0; n < 3; n++) {
    GstBuffer *drawn = attach(drawing, n), *attached = attach(attaching, n);
    GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta(attached);
    GstVideoFrame frame;

    g_assert_null(gst_buffer_get_video_overlay_composition_meta(drawn));
    g_assert_nonnull(meta);
    g_assert_cmpuint(gst_video_overlay_composition_n_rectangles(meta->overlay), ==, 5); /* notice, status, legend, depth scale, mark */
    g_assert_cmpint(difference(drawn, attached), >, 150);
    g_assert_true(gst_video_frame_map(&frame, &info, attached, GST_MAP_READWRITE));
    g_assert_true(gst_video_overlay_composition_blend(meta->overlay, &frame));
    gst_video_frame_unmap(&frame);
    g_assert_cmpint(difference(drawn, attached), <=, 3);
    if (n == 0)
      first = gst_video_overlay_composition_ref(meta->overlay);
    else if (n == 1)
      g_assert_true(gst_video_overlay_composition_get_rectangle(first, 0) ==
                    gst_video_overlay_composition_get_rectangle(meta->overlay, 0)); /* the notice stays */
    gst_buffer_unref(drawn);
    gst_buffer_unref(attached);
  }
  gst_video_overlay_composition_unref(first);
  gst_harness_teardown(drawing);
  gst_harness_teardown(attaching);
}

/* Texts are drawn where caps alone are accepted, where the metadata alone is, and where it is not wanted. */
static void test_not_attached(void)
{
  static const struct { const char *settings, *caps; gboolean asks; } cases[] = {
    {"", "video/x-raw", TRUE}, {"", ATTACHED "; video/x-raw", FALSE}, {"attach-texts=false", ATTACHED "; video/x-raw", TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstHarness *harness = sink_harness(cases[i].settings, cases[i].caps, cases[i].asks);
    GstBuffer *clean = make_picture("BGRx", 0), *out = attach(harness, 0);
    GstCaps *caps = gst_pad_get_current_caps(harness->sinkpad);

    g_assert_null(gst_buffer_get_video_overlay_composition_meta(out));
    g_assert_cmpuint(gst_caps_features_get_size(gst_caps_get_features(caps, 0)), ==, 1);
    g_assert_cmpint(difference(clean, out), >, 150);
    gst_caps_unref(caps);
    gst_buffer_unref(clean);
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}

/* While playing, either way; without the display there is no text at all. */
static void test_attach_while_playing(void)
{
  GstHarness *harness = sink_harness("", ATTACHED "; video/x-raw", TRUE);
  GstElement *overlay = gst_harness_find_element(harness, "lusoverlay");
  static const struct { const char *property; gboolean value, attached; } steps[] = {
    {"attach-texts", TRUE, TRUE}, {"attach-texts", FALSE, FALSE}, {"attach-texts", TRUE, TRUE}, {"enabled", FALSE, FALSE},
    {"enabled", TRUE, TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    g_object_set(overlay, steps[i].property, steps[i].value, NULL);
    GstBuffer *out = attach(harness, i);
    g_assert_cmpint(gst_buffer_get_video_overlay_composition_meta(out) != NULL, ==, steps[i].attached);
    gst_buffer_unref(out);
  }
  gst_object_unref(overlay);
  gst_harness_teardown(harness);
}

/* videorate prefers one frame rate to all others; GStreamer warns where caps come back with both in one list. */
static void test_frame_rates(void)
{
  fixture_play("lustestsrc num-buffers=2 ! lusoverlay ! videorate ! video/x-raw,framerate=7/1 ! fakesink");
}

/* What the bus is told of a picture that comes twice; @warning NULL: nothing. */
static void check_missing(GstBuffer *picture, const char *warning)
{
  GstHarness *harness = make_harness("", "GRAY8");
  GstBus *bus = gst_bus_new();

  gst_element_set_bus(harness->element, bus);
  for (int i = 0; i < 2; i++) {
    g_assert_cmpint(gst_harness_push(harness, gst_buffer_ref(picture)), ==, GST_FLOW_OK);
    gst_buffer_unref(gst_harness_pull(harness));
  }
  if (warning)
    fixture_assert_warning(bus, warning);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  gst_element_set_bus(harness->element, NULL);
  gst_object_unref(bus);
  gst_buffer_unref(picture);
  gst_harness_teardown(harness);
}

/* A line without one of the elements would look as if nothing were found: it is told, once. */
static void test_missing(void)
{
  g_autofree char *caps = fixture_caps("GRAY8", WIDTH, HEIGHT);
  GstBuffer *without = make_picture("GRAY8", 0);
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(without);

  check_missing(make_picture("GRAY8", 0), NULL);
  check_missing(fixture_picture(caps, screen, 0), "No metadata of lussegment");
  g_clear_pointer(&meta->mask, lus_mask_unref);
  check_missing(without, "The results have no masks");
}

static void add_tests(void)
{
  g_test_add_func("/lusoverlay/defaults", test_defaults);
  g_test_add_func("/lusoverlay/disabled", test_disabled);
  g_test_add_func("/lusoverlay/formats", test_formats);
  g_test_add_func("/lusoverlay/masks", test_masks);
  g_test_add_func("/lusoverlay/place", test_place);
  g_test_add_func("/lusoverlay/columns", test_columns);
  g_test_add_func("/lusoverlay/status", test_status);
  g_test_add_func("/lusoverlay/missing", test_missing);
  g_test_add_func("/lusoverlay/switch-while-playing", test_switch_while_playing);
  g_test_add_func("/lusoverlay/shared-picture", test_shared_picture);
  g_test_add_func("/lusoverlay/caps-change", test_caps_change);
  g_test_add_func("/lusoverlay/attached", test_attached);
  g_test_add_func("/lusoverlay/not-attached", test_not_attached);
  g_test_add_func("/lusoverlay/attach-while-playing", test_attach_while_playing);
  g_test_add_func("/lusoverlay/frame-rates", test_frame_rates);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
