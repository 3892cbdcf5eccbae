/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live-scene.h"

static GstBuffer *pictures[SCENE_PICTURES];

void scene_open(int seed)
{
  g_autofree char *line =
    g_strdup_printf("lustestsrc num-buffers=%d seed=%d probe=convex ! capsfilter caps=" SCENE_CAPS, SCENE_PICTURES, seed);
  GstHarness *source = gst_harness_new_parse(line);

  gst_harness_play(source);
  for (int i = 0; i < SCENE_PICTURES; i++) {
    pictures[i] = gst_harness_pull(source);
    g_assert_nonnull(pictures[i]);
  }
  gst_harness_teardown(source);
}

void scene_close(void)
{
  for (int i = 0; i < SCENE_PICTURES; i++)
    gst_clear_buffer(&pictures[i]);
}

GstHarness *scene_harness(const char *line, gint64 duration_ns)
{
  g_auto(GStrv) parts = g_strsplit(line, "MODEL", -1);
  g_autofree char *full = g_strjoinv(fixture_large_model(), parts);
  GstHarness *harness;

  slow_begin(duration_ns);
  harness = fixture_harness(full, SCENE_WIDTH, SCENE_HEIGHT);
  gst_harness_set_src_caps_str(harness, SCENE_CAPS);
  return harness;
}

void scene_teardown(GstHarness *harness)
{
  slow_end();
  gst_harness_teardown(harness);
}

/* To the end and back, so that no picture jumps. */
GstBuffer *scene_picture(guint n, GstClockTime time)
{
  const guint i = n % (2 * SCENE_PICTURES - 2);
  GstBuffer *picture = gst_buffer_copy_deep(pictures[i < SCENE_PICTURES ? i : 2 * SCENE_PICTURES - 2 - i]);

  GST_BUFFER_PTS(picture) = time;
  GST_BUFFER_DURATION(picture) = SCENE_TIME(1);
  GST_BUFFER_FLAG_UNSET(picture, GST_BUFFER_FLAG_DISCONT);
  return picture;
}

GstBuffer *scene_push_buffer(GstHarness *harness, GstBuffer *picture)
{
  const GstClockTime time = GST_BUFFER_PTS(picture);
  const GstLusSegMeta *meta;
  GstBuffer *out;

  slow_advance((gint64)time);
  g_assert_cmpint(gst_harness_push(harness, picture), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  g_assert_nonnull(out);
  meta = gst_buffer_get_lus_seg_meta(out);
  /* Where a guard is on, what waited is forgotten. */
  slow_note_post(meta->segmentation || meta->flags & (GST_LUS_SEG_PENDING | GST_LUS_SEG_NO_MODEL) ? (gint64)time : -1);
  slow_advance((gint64)time);
  return out;
}

GstBuffer *scene_push(GstHarness *harness, guint n, GstClockTime time)
{
  return scene_push_buffer(harness, scene_picture(n, time));
}

GstBus *scene_bus(GstHarness *harness)
{
  GstElement *seg = gst_harness_find_element(harness, "lussegment");
  GstBus *bus = gst_bus_new();

  gst_element_set_bus(seg, bus);
  gst_object_unref(seg);
  return bus;
}

guint scene_count_messages(GstBus *bus, GstMessageType type)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered(bus, type))) {
    gst_message_unref(message);
    n++;
  }
  return n;
}

gboolean scene_full(void)
{
  return g_strcmp0(g_getenv("LUS_LIVE_FULL"), "1") == 0;
}
