/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

/* A 64x64 GRAY8 picture with a result and masks on <8, 4, 33, 17>, 0.25 mm per pixel. */
static GstBuffer *make_picture(void)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *buffer = fixture_picture(caps, fixture_line, 1);
  g_autoptr(LusSegmentation) segmentation = fixture_segmentation(fixture_line);
  g_autoptr(LusMask) mask = fixture_mask(segmentation);
  GstLusSegMeta *meta = gst_buffer_add_lus_seg_meta(buffer, segmentation, mask, 64, 64);

  meta->rect = (LusRect){8, 4, 33, 17};
  return buffer;
}

static void assert_rect(const GstLusSegMeta *meta, int x, int y, int width, int height)
{
  g_assert_nonnull(meta);
  g_assert_cmpint(meta->rect.x, ==, x);
  g_assert_cmpint(meta->rect.y, ==, y);
  g_assert_cmpint(meta->rect.width, ==, width);
  g_assert_cmpint(meta->rect.height, ==, height);
}

static void test_add(void)
{
  GstBuffer *buffer = make_picture();
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(buffer);

  g_assert_cmpint(meta->frame_width, ==, 64);
  g_assert_cmpuint(meta->source_pts, ==, 40000000);
  g_assert_cmpuint(meta->age, ==, 0);
  g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NONE);
  g_assert_cmpfloat(meta->mm_per_pixel, ==, 0.25);
  g_assert_cmpuint(strlen(meta->model), ==, 16);
  g_assert_true(g_str_has_prefix(lus_model_sha256(meta->segmentation->model), meta->model));

  /* There is one: a second takes its place. */
  gst_buffer_add_lus_seg_meta(buffer, NULL, NULL, 64, 64);
  g_assert_cmpuint(gst_buffer_get_n_meta(buffer, GST_LUS_SEG_META_API_TYPE), ==, 1);
  meta = gst_buffer_get_lus_seg_meta(buffer);
  g_assert_null(meta->segmentation);
  g_assert_cmpint(meta->flags, ==, GST_LUS_SEG_NO_SECTOR);
  g_assert_cmpuint(meta->source_pts, ==, GST_CLOCK_TIME_NONE);
  g_assert_cmpuint(meta->age, ==, GST_CLOCK_TIME_NONE);
  gst_buffer_unref(buffer);
}

static void test_age(void)
{
  GstBuffer *buffer = gst_buffer_new();
  g_autoptr(LusSegmentation) segmentation = fixture_segmentation(fixture_line);

  GST_BUFFER_PTS(buffer) = 125 * GST_MSECOND;
  g_assert_cmpuint(gst_buffer_add_lus_seg_meta(buffer, segmentation, NULL, 64, 64)->age, ==, 85000000);
  GST_BUFFER_PTS(buffer) = 30 * GST_MSECOND; /* played backwards */
  g_assert_cmpuint(gst_buffer_add_lus_seg_meta(buffer, segmentation, NULL, 64, 64)->age, ==, 10000000);
  GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
  g_assert_cmpuint(gst_buffer_add_lus_seg_meta(buffer, segmentation, NULL, 64, 64)->age, ==, GST_CLOCK_TIME_NONE);
  gst_buffer_unref(buffer);
}

static void test_copy(void)
{
  GstBuffer *buffer = make_picture(), *copy = gst_buffer_copy(buffer), *part;
  LusSegmentation *segmentation = gst_buffer_get_lus_seg_meta(buffer)->segmentation;
  GstLusSegMeta *meta;

  gst_buffer_unref(buffer);
  meta = gst_buffer_get_lus_seg_meta(copy);
  assert_rect(meta, 8, 4, 33, 17);
  g_assert_true(meta->segmentation == segmentation);
  g_assert_cmpuint(meta->segmentation->confidence[20 * 64], ==, 255);
  g_assert_cmpuint(meta->mask->ids[20 * 64], ==, 1);
  part = gst_buffer_copy_region(copy, GST_BUFFER_COPY_ALL, 0, 640);
  g_assert_null(gst_buffer_get_lus_seg_meta(part));
  gst_buffer_unref(part);
  gst_buffer_unref(copy);
}

/* What @line makes of the picture when @sink_caps are asked for; NULL: whatever comes. */
static GstBuffer *pass(const char *line, const char *sink_caps)
{
  GstHarness *harness = gst_harness_new_parse(line);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out;

  if (sink_caps)
    gst_harness_set_sink_caps_str(harness, sink_caps);
  gst_harness_set_src_caps_str(harness, caps);
  g_assert_cmpint(gst_harness_push(harness, make_picture()), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  g_assert_nonnull(out);
  gst_harness_teardown(harness);
  return out;
}

static void test_scaled(void)
{
  GstBuffer *out = pass("videoscale", "video/x-raw,format=GRAY8,width=32,height=32,framerate=25/1");
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(out);

  assert_rect(meta, 4, 2, 17, 9); /* 8..41 -> 4..20.5, 4..21 -> 2..10.5, both up */
  g_assert_cmpint(meta->frame_width, ==, 32);
  g_assert_cmpint(meta->frame_height, ==, 32);
  g_assert_cmpfloat(meta->mm_per_pixel, ==, 0.5);
  g_assert_cmpuint(meta->source_pts, ==, 40000000);
  g_assert_nonnull(meta->mask);
  gst_buffer_unref(out);

  /* Anamorphic pixels: the picture is stretched, and mm per pixel has no one value any more. */
  out = pass("videoscale", "video/x-raw,format=GRAY8,width=128,height=64,pixel-aspect-ratio=1/2,framerate=25/1");
  meta = gst_buffer_get_lus_seg_meta(out);
  assert_rect(meta, 16, 4, 66, 17);
  g_assert_cmpfloat(meta->mm_per_pixel, ==, 0);
  gst_buffer_unref(out);
}

/* Where the place is lost, so is the result. */
static void test_dropped(void)
{
  static const struct {
    const char *line, *caps;
  } cases[] = {
      {"videoscale add-borders=true",
       "video/x-raw,format=GRAY8,width=128,height=64,pixel-aspect-ratio=1/1,framerate=25/1"},
      {"videocrop left=8", NULL},
      {"videobox left=-8", NULL},
      {"videoflip video-direction=horiz", NULL},
      {"videoflip video-direction=90r", NULL},
  };

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstBuffer *out = pass(cases[i].line, cases[i].caps);
    g_test_message("%s", cases[i].line);
    g_assert_null(gst_buffer_get_lus_seg_meta(out));
    gst_buffer_unref(out);
  }
}

static void test_kept(void)
{
  static const char *lines[] = {"identity",
                                "queue",
                                "tee ! queue",
                                "videoconvert ! capsfilter caps=video/x-raw,format=I420",
                                "videoconvert ! capsfilter caps=video/x-raw,format=RGBA",
                                "capsfilter"};

  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
    GstBuffer *out = pass(lines[i], NULL);
    g_test_message("%s", lines[i]);
    assert_rect(gst_buffer_get_lus_seg_meta(out), 8, 4, 33, 17);
    gst_buffer_unref(out);
  }
}

/* Encoders keep the result beside their packets, within one process. */
static void test_encoded(void)
{
  static const char *lines[] = {"jpegenc", "videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency",
                                "videoconvert ! video/x-raw,format=I420 ! vp8enc deadline=1"};

  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
    GstBuffer *out = pass(lines[i], NULL);
    g_test_message("%s", lines[i]);
    assert_rect(gst_buffer_get_lus_seg_meta(out), 8, 4, 33, 17);
    gst_buffer_unref(out);
  }
}

/* compositor makes a new picture, in which nothing says where the old one lies. */
static void test_composed(void)
{
  GstHarness *harness = gst_harness_new_parse("identity ! compositor background=black");
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  gboolean seen = FALSE;

  gst_harness_set_sink_caps_str(harness, "video/x-raw,format=I420,width=64,height=64,framerate=25/1");
  gst_harness_set_src_caps_str(harness, caps);
  g_assert_cmpint(gst_harness_push(harness, make_picture()), ==, GST_FLOW_OK);
  g_assert_true(gst_harness_push_event(harness, gst_event_new_eos()));
  for (int i = 0; i < 1000 && !seen; i++) {
    GstBuffer *out = gst_harness_try_pull(harness);
    guint8 middle = 0;
    if (!out) {
      g_usleep(10000); /* its thread is at work */
      continue;
    }
    gst_buffer_extract(out, 32 * 64 + 32, &middle, 1);
    seen = middle > 60;
    g_assert_null(gst_buffer_get_lus_seg_meta(out));
    gst_buffer_unref(out);
  }
  g_assert_true(seen);
  gst_harness_teardown(harness);
}

static void test_summary(void)
{
  GstBuffer *buffer = gst_buffer_new(), *copy;
  LusExamView view = {.present = TRUE, .zone = "R1", .n_zones = 2, .zones = {"R1", "L4V"}, .frames = {31, 0},
                      .min_frames = 30, .finished = TRUE, .finished_at = "14:31", .has_estimate = TRUE},
              back;

  g_assert_null(gst_buffer_get_lus_summary(buffer));
  g_assert_false(gst_lus_summary_get_exam(NULL, &back));
  g_assert_false(back.present);
  view.estimate.sf = (LusEstimateValue){.value = 287, .low = 251, .high = 323, .valid = TRUE};
  g_strlcpy(view.estimate.readmission.reason, "No estimator", sizeof(view.estimate.readmission.reason));
  view.estimate.change_valid = TRUE;
  view.estimate.change_class = -1;
  view.estimate.change_probability[0] = 0.81;
  gst_lus_summary_set_exam(gst_buffer_add_lus_summary(buffer), &view);
  copy = gst_buffer_copy(buffer);
  gst_buffer_unref(buffer);

  g_assert_true(gst_lus_summary_get_exam(gst_buffer_get_lus_summary(copy), &back));
  g_assert_cmpstr(back.zone, ==, "R1");
  g_assert_cmpint(back.n_zones, ==, 2);
  g_assert_cmpstr(back.zones[1], ==, "L4V");
  g_assert_cmpint(back.frames[0], ==, 31);
  g_assert_cmpint(back.min_frames, ==, 30);
  g_assert_true(back.finished);
  g_assert_cmpstr(back.finished_at, ==, "14:31");
  g_assert_true(back.estimate.sf.valid);
  g_assert_cmpfloat(back.estimate.sf.low, ==, 251);
  g_assert_false(back.estimate.readmission.valid);
  g_assert_cmpstr(back.estimate.readmission.reason, ==, "No estimator");
  g_assert_cmpint(back.estimate.change_class, ==, -1);
  g_assert_cmpfloat(back.estimate.change_probability[0], ==, 0.81);
  g_assert_false(back.has_baseline);

  /* A value that stopped being valid leaves no number behind. */
  view.estimate.sf = (LusEstimateValue){.reason = "Too few frames R1"};
  gst_lus_summary_set_exam(gst_buffer_add_lus_summary(copy), &view);
  g_assert_false(gst_structure_has_field(gst_buffer_get_lus_summary(copy), "sf"));
  g_assert_cmpstr(gst_structure_get_string(gst_buffer_get_lus_summary(copy), "sf-reason"), ==, "Too few frames R1");
  gst_buffer_unref(copy);
}

/* Others may write a summary as well: what does not fit is no exam. */
static void test_foreign_summary(void)
{
  static const char *texts[] = {"LusSummary, zone=R1", "LusSummary, min-frames-per-zone=30, zones=<R1>",
                                "LusSummary, min-frames-per-zone=30, zones=<1, 2>, frames=<1, 2>",
                                "LusSummary, min-frames-per-zone=30, zones=R1, frames=3"};
  LusExamView view;

  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    GstStructure *structure = gst_structure_from_string(texts[i], NULL);
    g_assert_nonnull(structure);
    g_assert_false(gst_lus_summary_get_exam(structure, &view));
    gst_structure_free(structure);
  }
}

static void test_image(void)
{
  GstVideoInfo info;
  LusImage image;

  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 17, 33);
  g_assert_true(gst_lus_image_from_info(&image, &info));
  g_assert_cmpint(image.format, ==, LUS_FORMAT_I420);
  g_assert_false(image.full_range);
  g_assert_cmpint(image.matrix, ==, LUS_MATRIX_BT601);
  gst_video_colorimetry_from_string(&info.colorimetry, "1:3:5:1"); /* full range, BT.709 */
  g_assert_true(gst_lus_image_from_info(&image, &info));
  g_assert_true(image.full_range);
  g_assert_cmpint(image.matrix, ==, LUS_MATRIX_BT709);
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_BGRA, 1920, 1080);
  g_assert_true(gst_lus_image_from_info(&image, &info));
  g_assert_true(image.full_range);
  g_assert_cmpint(image.matrix, ==, LUS_MATRIX_BT709);
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, 16, 8192);
  g_assert_true(gst_lus_image_from_info(&image, &info));
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, 15, 8192);
  g_assert_false(gst_lus_image_from_info(&image, &info));
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420_10LE, 64, 64);
  g_assert_false(gst_lus_image_from_info(&image, &info));
}

static void add_tests(void)
{
  g_test_add_func("/gstlusmeta/add", test_add);
  g_test_add_func("/gstlusmeta/age", test_age);
  g_test_add_func("/gstlusmeta/copy", test_copy);
  g_test_add_func("/gstlusmeta/scaled", test_scaled);
  g_test_add_func("/gstlusmeta/dropped", test_dropped);
  g_test_add_func("/gstlusmeta/kept", test_kept);
  g_test_add_func("/gstlusmeta/encoded", test_encoded);
  g_test_add_func("/gstlusmeta/composed", test_composed);
  g_test_add_func("/gstlusmeta/summary", test_summary);
  g_test_add_func("/gstlusmeta/foreign-summary", test_foreign_summary);
  g_test_add_func("/gstlusmeta/image", test_image);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
