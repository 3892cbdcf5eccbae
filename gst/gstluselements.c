/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstlusvideo.h"

#include <gst/video/gstvideofilter.h>

#define ZONE_KEYWORD "lus-zone:"

void gst_lus_add_video_sink(GstElementClass *klass)
{
  static GstStaticPadTemplate sink =
      GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(GST_LUS_VIDEO_CAPS));

  gst_element_class_add_static_pad_template(klass, &sink);
}

void gst_lus_add_video_pads(GstElementClass *klass)
{
  static GstStaticPadTemplate src =
      GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(GST_LUS_VIDEO_CAPS));

  gst_lus_add_video_sink(klass);
  gst_element_class_add_static_pad_template(klass, &src);
}

gboolean gst_lus_propose_allocation(GstBaseTransform *trans, GstQuery *decided, GstQuery *query)
{
  GstBaseTransformClass *parent = g_type_class_peek_parent(GST_BASE_TRANSFORM_GET_CLASS(trans));
  guint index;

  if (!parent->propose_allocation(trans, decided, query))
    return FALSE;
  while (gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, &index))
    gst_query_remove_nth_allocation_meta(query, index);
  return TRUE;
}

GstClockTime gst_lus_pts_to_stream_time(GstBaseTransform *trans, GstClockTime pts)
{
  if (trans->segment.format != GST_FORMAT_TIME)
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_stream_time(&trans->segment, GST_FORMAT_TIME, pts);
}

GstClockTime gst_lus_pts_to_running_time(GstBaseTransform *trans, GstClockTime pts)
{
  if (trans->segment.format != GST_FORMAT_TIME)
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_running_time(&trans->segment, GST_FORMAT_TIME, pts);
}

GstClockTime gst_lus_stream_time(GstBaseTransform *trans, GstBuffer *buffer)
{
  return gst_lus_pts_to_stream_time(trans, GST_BUFFER_PTS(buffer));
}

void gst_lus_sync_values(GstBaseTransform *trans, GstBuffer *buffer)
{
  GstClockTime time = gst_lus_stream_time(trans, buffer);

  if (GST_CLOCK_TIME_IS_VALID(time))
    gst_object_sync_values(GST_OBJECT(trans), time);
}

GstTagList *gst_lus_zone_to_tags(const char *zone)
{
  g_autofree char *keyword = g_strconcat(ZONE_KEYWORD, zone, NULL);

  return gst_tag_list_new(GST_TAG_KEYWORDS, keyword, NULL);
}

/* One tag may hold several keywords, separated by commas. */
static gboolean zone_from_keywords(const char *keywords, char zone[LUS_ZONE_LENGTH])
{
  g_auto(GStrv) words = g_strsplit(keywords, ",", -1);

  for (char **word = words; *word; word++) {
    g_strstrip(*word);
    if (g_str_has_prefix(*word, ZONE_KEYWORD)) {
      g_strlcpy(zone, *word + strlen(ZONE_KEYWORD), LUS_ZONE_LENGTH);
      return TRUE;
    }
  }
  return FALSE;
}

gboolean gst_lus_zone_from_tags(const GstTagList *tags, char zone[LUS_ZONE_LENGTH])
{
  const gchar *keywords = NULL;

  for (guint i = 0; gst_tag_list_peek_string_index(tags, GST_TAG_KEYWORDS, i, &keywords); i++) {
    if (zone_from_keywords(keywords, zone))
      return TRUE;
  }
  return FALSE;
}

gboolean gst_lus_zone_from_tag_event(GstEvent *event, char zone[LUS_ZONE_LENGTH])
{
  char named[LUS_ZONE_LENGTH];
  GstTagList *tags;

  gst_event_parse_tag(event, &tags);
  if (!gst_lus_zone_from_tags(tags, named) || strcmp(named, zone) == 0)
    return FALSE;
  g_strlcpy(zone, named, LUS_ZONE_LENGTH);
  return TRUE;
}

gboolean gst_lus_zone_from_event(GstEvent *event, char zone[LUS_ZONE_LENGTH])
{
  const gchar *name;

  if (!gst_event_has_name(event, "lus-zone"))
    return FALSE;
  name = gst_structure_get_string(gst_event_get_structure(event), "zone");
  g_strlcpy(zone, name ? name : "", LUS_ZONE_LENGTH);
  return TRUE;
}

void gst_lus_hear_of_zone(GstObject *self, GstEvent *event, gboolean *new_zone)
{
  char zone[LUS_ZONE_LENGTH];

  if (!gst_lus_zone_from_event(event, zone))
    return;
  GST_OBJECT_LOCK(self);
  *new_zone = TRUE;
  GST_OBJECT_UNLOCK(self);
}

GstEvent *gst_lus_zone_to_event(const char *zone)
{
  return gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
                              gst_structure_new("lus-zone", "zone", G_TYPE_STRING, zone ? zone : "", NULL));
}

void gst_lus_post_message(GstBaseTransform *trans, GstBuffer *buffer, const char *name, const GstStructure *fields)
{
  const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(buffer);
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  GstStructure *message = gst_structure_copy(fields);

  gst_structure_set_name(message, name);
  gst_structure_set(message, "timestamp", G_TYPE_UINT64, pts, "stream-time", G_TYPE_UINT64,
                    gst_lus_pts_to_stream_time(trans, pts), "running-time", G_TYPE_UINT64,
                    gst_lus_pts_to_running_time(trans, pts), "source-pts", G_TYPE_UINT64,
                    meta ? meta->source_pts : GST_CLOCK_TIME_NONE, "age", G_TYPE_UINT64,
                    meta ? meta->age : GST_CLOCK_TIME_NONE, NULL);
  gst_element_post_message(GST_ELEMENT(trans), gst_message_new_element(GST_OBJECT(trans), message));
}

GstFlowReturn gst_lus_transform_ip(GstBaseTransform *trans, GstBuffer *buffer)
{
  const GstMapFlags flags = (GstMapFlags)(GST_MAP_READWRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF);
  GstVideoFilter *filter = GST_VIDEO_FILTER(trans);
  GstVideoFrame frame;
  GstFlowReturn flow;

  if (!filter->negotiated)
    return GST_FLOW_NOT_NEGOTIATED;
  if (!gst_video_frame_map(&frame, &filter->in_info, buffer, flags)) {
    GST_LUS_PICTURE_ERROR(filter);
    return GST_FLOW_ERROR;
  }
  flow = GST_VIDEO_FILTER_GET_CLASS(filter)->transform_frame_ip(filter, &frame);
  gst_video_frame_unmap(&frame);
  return flow;
}
