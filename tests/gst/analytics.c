/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Masks in the words of gstreamer-analytics; built where that library is there. */
#include "fixture.h"
#include <gst/analytics/analytics.h>

#define LINE "lussegment model-file=MODEL sector=none ! lusconfmask"

static void assert_classes(GstAnalyticsRelationMeta *relations, guint regions)
{
  static const char *const names[] = {"pleural_line", "fascia_band", "vertical_line"};
  GstAnalyticsMtd related;
  gpointer state = NULL;
  GstAnalyticsClsMtd *classes = &related;

  g_assert_true(gst_analytics_relation_meta_get_direct_related(relations, regions, GST_ANALYTICS_REL_TYPE_N_TO_N,
                                                               gst_analytics_cls_mtd_get_mtd_type(), &state, &related));
  g_assert_cmpuint(gst_analytics_cls_mtd_get_length(classes), ==, 3);
  for (gsize i = 0; i < 3; i++)
    g_assert_cmpstr(g_quark_to_string(gst_analytics_cls_mtd_get_quark(classes, i)), ==, names[i]);
  g_assert_cmpfloat(gst_analytics_cls_mtd_get_level(classes, 0), ==, 1); /* rows of 255 */
  g_assert_cmpfloat(gst_analytics_cls_mtd_get_level(classes, 1), ==, 0); /* in no mask */
}

static void assert_mask(const GstAnalyticsSegmentationMtd *regions, const GstLusSegMeta *meta)
{
  gint x, y;
  guint width, height;
  GstMapInfo map;
  GstBuffer *mask = gst_analytics_segmentation_mtd_get_mask(regions, &x, &y, &width, &height);
  GstVideoMeta *video = gst_buffer_get_video_meta(mask);

  g_assert_cmpint(x, ==, 0);
  g_assert_cmpint(y, ==, 0);
  g_assert_cmpuint(width, ==, 64);
  g_assert_cmpuint(height, ==, 64);
  g_assert_cmpint(video->format, ==, GST_VIDEO_FORMAT_GRAY8);
  g_assert_cmpint(video->stride[0], ==, (gint)video->width);
  g_assert_true(gst_buffer_map(mask, &map, GST_MAP_READ));
  g_assert_true(map.data == meta->mask->ids); /* shared, not copied */
  g_assert_cmpuint(map.size, ==, 64 * 64);
  g_assert_cmpuint(map.data[20 * 64 + 5], ==, 1);
  g_assert_cmpuint(map.data[40 * 64 + 5], ==, 0);
  gst_buffer_unmap(mask, &map);
  gst_buffer_unref(mask);
}

static void test_attached(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_line, 0);
  GstAnalyticsRelationMeta *relations = gst_buffer_get_analytics_relation_meta(out);
  GstAnalyticsSegmentationMtd regions;
  gpointer state = NULL;
  gsize index;

  g_assert_nonnull(relations);
  g_assert_true(gst_analytics_relation_meta_iterate(relations, &state, gst_analytics_segmentation_mtd_get_mtd_type(),
                                                    &regions));
  g_assert_cmpuint(gst_analytics_segmentation_mtd_get_region_count(&regions), ==, 3);
  for (gsize i = 0; i < 3; i++)
    g_assert_cmpuint(gst_analytics_segmentation_mtd_get_region_id(&regions, i), ==, i + 1);
  g_assert_true(gst_analytics_segmentation_mtd_get_region_index(&regions, &index, 3));
  g_assert_cmpuint(index, ==, 2);
  assert_mask(&regions, gst_buffer_get_lus_seg_meta(out));
  assert_classes(relations, regions.id);
  g_assert_false(gst_analytics_relation_meta_iterate(relations, &state, gst_analytics_segmentation_mtd_get_mtd_type(),
                                                     &regions)); /* there is one */
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* The mask outlives the elements that made it. */
static void test_kept(void)
{
  GstHarness *harness = fixture_harness(LINE, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_line, 0);
  GstAnalyticsSegmentationMtd regions;
  gpointer state = NULL;

  gst_harness_teardown(harness);
  g_assert_true(gst_analytics_relation_meta_iterate(gst_buffer_get_analytics_relation_meta(out), &state,
                                                    gst_analytics_segmentation_mtd_get_mtd_type(), &regions));
  assert_mask(&regions, gst_buffer_get_lus_seg_meta(out));
  gst_buffer_unref(out);
}

static void test_nothing(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL ! lusconfmask", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, fixture_black, 0);

  g_assert_null(gst_buffer_get_analytics_relation_meta(out));
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

static void add_tests(void)
{
  g_test_add_func("/analytics/attached", test_attached);
  g_test_add_func("/analytics/kept", test_kept);
  g_test_add_func("/analytics/nothing", test_nothing);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
