/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#define WIDTH 640
#define HEIGHT 360

static void test_defaults(void)
{
  GstElement *element = gst_object_ref_sink(gst_element_factory_make("lusoverlay", NULL));
  GParamSpec *opacity = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "opacity");
  gdouble value;
  gint style, policy;
  guint64 expire;
  gboolean legend, confidence, estimate, status, enabled;

  g_object_get(element, "opacity", &value, "style", &style, "stale-policy", &policy, "expire-overlay", &expire,
               "show-legend", &legend, "show-confidence", &confidence, "show-estimate", &estimate, "show-status",
               &status, "enabled", &enabled, NULL);
  g_assert_cmpfloat(value, ==, 1);
  g_assert_cmpint(style, ==, LUS_OVERLAY_CONTOUR);
  g_assert_cmpint(policy, ==, LUS_STALE_DIM);
  g_assert_cmpuint(expire, ==, 300000000);
  g_assert_true(legend && confidence && estimate && status && enabled);
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

static void add_tests(void)
{
  g_test_add_func("/lusoverlay/defaults", test_defaults);
  g_test_add_func("/lusoverlay/disabled", test_disabled);
  g_test_add_func("/lusoverlay/formats", test_formats);
  g_test_add_func("/lusoverlay/masks", test_masks);
  g_test_add_func("/lusoverlay/place", test_place);
  g_test_add_func("/lusoverlay/columns", test_columns);
  g_test_add_func("/lusoverlay/status", test_status);
  g_test_add_func("/lusoverlay/switch-while-playing", test_switch_while_playing);
  g_test_add_func("/lusoverlay/shared-picture", test_shared_picture);
  g_test_add_func("/lusoverlay/caps-change", test_caps_change);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
