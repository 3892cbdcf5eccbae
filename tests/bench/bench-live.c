/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Live video in real time: a 1280x720 camera at 30 pictures per second before lussegment ! lusconfmask ! lusoverlay
 * with the bundled model. How long pictures wait, how old the masks drawn are when they leave the overlay (from the
 * capture of the picture they were computed from), and what preparing a picture costs.
 *   bench-live [PICTURES] [FORMAT] */
#include <gst/check/gstharness.h>
#include <gstlusmeta.h>
#include <gstlusvideo.h>
#include <stdlib.h>

#define SIZE "width=1280,height=720,framerate=30/1"
#define RENDERED 16
#define PREPARED 600

static GstBuffer *pictures[RENDERED];

/* There and back, so that no picture jumps. */
static GstBuffer *picture_at(guint i)
{
  const guint k = i % (2 * RENDERED - 2);
  return pictures[k < RENDERED ? k : 2 * RENDERED - 2 - k];
}

static int by_value(const void *a, const void *b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return (x > y) - (x < y);
}

static void print_times(const char *what, gint64 *us, guint n)
{
  if (n == 0)
    return;
  qsort(us, n, sizeof(*us), by_value);
  g_print("%-44s p50 %7.2f  p95 %7.2f  p99 %7.2f  max %7.2f ms\n", what, us[n / 2] / 1e3, us[n * 95 / 100] / 1e3,
          us[n * 99 / 100] / 1e3, us[n - 1] / 1e3);
}

static void render(const char *caps)
{
  g_autofree char *line = g_strdup_printf(
      "lustestsrc seed=5 num-buffers=%d ! video/x-raw,format=I420," SIZE " ! videoconvert ! capsfilter caps=%s",
      RENDERED, caps);
  GstHarness *source = gst_harness_new_parse(line);

  gst_harness_play(source);
  for (int i = 0; i < RENDERED; i++)
    pictures[i] = gst_harness_pull(source);
  gst_harness_teardown(source);
}

/* Reading, finding the sector and scaling, as the streaming thread does it for each picture. */
static void measure_prepare(const char *text)
{
  g_autofree char *path = lus_model_bundled_path("default.onnx");
  const LusSegmenterConfig config = {.threads = 1};
  g_autoptr(GError) error = NULL;
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_open(path, &config, &error);
  g_autoptr(LusSegmenterJob) job = lus_segmenter_job_new();
  g_autoptr(LusGuard) guard = lus_guard_new();
  const LusGuardConfig all = {TRUE, TRUE, TRUE, TRUE};
  GstCaps *caps = gst_caps_from_string(text);
  gint64 prepare[PREPARED], watch[PREPARED];
  GstVideoInfo info;
  LusImage image;

  g_assert_no_error(error);
  g_assert_true(gst_video_info_from_caps(&info, caps) && gst_lus_image_from_info(&image, &info));
  gst_caps_unref(caps);
  lus_segmenter_set_frame_size(segmenter, info.width, info.height, &error);
  for (int i = 0; i < PREPARED; i++) {
    GstVideoFrame frame;
    gint64 began, middle;
    gst_video_frame_map(&frame, &info, picture_at((guint)i), GST_MAP_READ);
    gst_lus_image_set_frame(&image, &frame);
    began = g_get_monotonic_time();
    lus_segmenter_prepare(segmenter, job, &image, i, &error);
    middle = g_get_monotonic_time();
    lus_guard_watch(guard, job, i * (GST_SECOND / 30), &all);
    prepare[i] = middle - began;
    watch[i] = g_get_monotonic_time() - middle;
    gst_video_frame_unmap(&frame);
  }
  print_times("sector and scaled luma of a picture", prepare, PREPARED);
  print_times("guards", watch, PREPARED);
}

static void measure_stream(const char *caps, guint n)
{
  GstHarness *harness = gst_harness_new_parse("lussegment name=seg inference-mode=latest ! lusconfmask ! lusoverlay");
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  g_autofree gint64 *waits = g_new(gint64, n), *ages = g_new(gint64, n);
  guint with_mask = 0, aged = 0, first = n;
  g_autofree char *text = NULL;
  GstStructure *stats;
  gint64 start;

  gst_harness_set_src_caps_str(harness, caps);
  start = g_get_monotonic_time();
  for (guint i = 0; i < n; i++) {
    const gint64 due = start + i * G_GINT64_CONSTANT(1000000) / 30;
    GstBuffer *picture = gst_buffer_copy_deep(picture_at(i)), *out;
    const GstLusSegMeta *meta;
    gint64 captured, now;

    while ((now = g_get_monotonic_time()) < due)
      g_usleep((gulong)(due - now));
    captured = now - start;
    GST_BUFFER_PTS(picture) = (GstClockTime)captured * GST_USECOND;
    GST_BUFFER_FLAG_UNSET(picture, GST_BUFFER_FLAG_DISCONT);
    gst_harness_push(harness, picture);
    out = gst_harness_pull(harness);
    now = g_get_monotonic_time() - start;
    waits[i] = now - captured;
    meta = gst_buffer_get_lus_seg_meta(out);
    if (meta->mask) {
      first = MIN(first, i);
      with_mask++;
      if (i >= 30)
        ages[aged++] = now - (gint64)(meta->source_pts / GST_USECOND);
    }
    gst_buffer_unref(out);
  }
  print_times("a picture from capture to behind the overlay", waits, n);
  print_times("its mask, from capture to behind the overlay", ages, aged);
  g_object_get(seg, "stats", &stats, NULL);
  text = gst_structure_to_string(stats);
  g_print("%u of %u pictures with a mask, the first is number %u; %s\n", with_mask, n, first + 1, text);
  gst_structure_free(stats);
  gst_object_unref(seg);
  gst_harness_teardown(harness);
}

int main(int argc, char **argv)
{
  const guint n = argc > 1 ? (guint)strtoul(argv[1], NULL, 10) : 300;
  g_autofree char *caps = g_strdup_printf("video/x-raw,format=%s," SIZE, argc > 2 ? argv[2] : "YUY2");

  gst_init(&argc, &argv);
  render(caps);
  measure_prepare(caps);
  measure_stream(caps, n);
  for (int i = 0; i < RENDERED; i++)
    gst_clear_buffer(&pictures[i]);
  return 0;
}
