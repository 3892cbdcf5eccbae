/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lusdeidentify
 *
 * Keeps the ultrasound sector of pictures that are going to be stored: everything outside of it becomes black, and a picture without
 * a result wholly. Tags, tables of contents and captions, which recordings carry names in, go no further. It stands behind
 * lussegment and before lusoverlay, whose texts it would take away.
 *
 *   gst-launch-1.0 filesrc location=clip.mkv ! decodebin ! lussegment ! lusdeidentify ! videoconvert ! x264enc ! matroskamux ! \
 *     filesink location=shared.mkv
 */
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstlusvideo.h"

GST_DEBUG_CATEGORY_STATIC(lusdeidentify_debug);
#define GST_CAT_DEFAULT lusdeidentify_debug

struct _GstLusDeidentify {
  GstVideoFilter parent;
  LusImage image; /* of the caps */
};

#define GST_TYPE_LUS_DEIDENTIFY (gst_lus_deidentify_get_type())
G_DECLARE_FINAL_TYPE(GstLusDeidentify, gst_lus_deidentify, GST, LUS_DEIDENTIFY, GstVideoFilter)
G_DEFINE_TYPE(GstLusDeidentify, gst_lus_deidentify, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lusdeidentify, "lusdeidentify", GST_RANK_NONE, GST_TYPE_LUS_DEIDENTIFY,
                                      GST_DEBUG_CATEGORY_INIT(lusdeidentify_debug, "lusdeidentify", 0, "sector only"))

static gboolean set_info(GstVideoFilter *filter, GstCaps *in, GstVideoInfo *in_info, GstCaps *out, GstVideoInfo *out_info)
{
  (void)in, (void)out, (void)out_info;
  return gst_lus_image_from_info(&GST_LUS_DEIDENTIFY(filter)->image, in_info);
}

/* What tells where the pixels lie, and what Lus measured. Captions, SEI, overlays and others may hold names, and encoders write
 * some of them. */
static gboolean is_harmless(GstMeta *meta)
{
  const GType api = meta->info->api;

  return gst_meta_api_type_has_tag(api, g_quark_from_static_string(GST_META_TAG_MEMORY_STR)) ||
         gst_meta_api_type_has_tag(api, g_quark_from_static_string(GST_META_TAG_MEMORY_REFERENCE_STR)) ||
         api == GST_LUS_SEG_META_API_TYPE ||
         (gst_meta_info_is_custom(meta->info) && gst_custom_meta_has_name((GstCustomMeta *)meta, GST_LUS_SUMMARY_META_NAME));
}

static gboolean drop_meta(GstBuffer *buffer, GstMeta **meta, gpointer user_data)
{
  (void)buffer, (void)user_data;
  if (!is_harmless(*meta))
    *meta = NULL;
  return TRUE;
}

static GstFlowReturn transform_frame_ip(GstVideoFilter *filter, GstVideoFrame *frame)
{
  GstLusDeidentify *self = GST_LUS_DEIDENTIFY(filter);
  const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(frame->buffer);
  const LusSegmentation *segmentation = meta ? meta->segmentation : NULL;

  gst_lus_image_set_frame(&self->image, frame);
  if (segmentation)
    lus_deidentify(&self->image, segmentation->sector, segmentation->width, segmentation->height, meta->rect);
  else
    lus_deidentify(&self->image, NULL, 0, 0, (LusRect){0});
  gst_buffer_foreach_meta(frame->buffer, drop_meta, NULL);
  return GST_FLOW_OK;
}

/* A stream's description has its tags once more. */
static GstEvent *without_description(GstEvent *event)
{
  GstStream *stream = NULL;

  gst_event_parse_stream(event, &stream);
  if (!stream)
    return event;
  gst_object_unref(stream);
  event = gst_event_make_writable(event);
  gst_structure_remove_field(gst_event_writable_structure(event), "stream");
  return event;
}

/* Of tags only the zone is left. */
static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  char zone[LUS_ZONE_LENGTH];
  GstTagList *tags;

  if (GST_EVENT_TYPE(event) == GST_EVENT_TOC || GST_EVENT_TYPE(event) == GST_EVENT_STREAM_COLLECTION) {
    gst_event_unref(event);
    return TRUE;
  }
  if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START)
    event = without_description(event);
  if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
    gboolean named;
    gst_event_parse_tag(event, &tags);
    named = gst_lus_zone_from_tags(tags, zone) && lus_zone_known(zone);
    gst_event_unref(event);
    if (!named)
      return TRUE;
    event = gst_event_new_tag(gst_lus_zone_to_tags(zone));
  }
  return GST_BASE_TRANSFORM_CLASS(gst_lus_deidentify_parent_class)->sink_event(trans, event);
}

static void gst_lus_deidentify_init(GstLusDeidentify *self)
{
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void gst_lus_deidentify_class_init(GstLusDeidentifyClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);
  GstVideoFilterClass *filter = GST_VIDEO_FILTER_CLASS(klass);

  gst_lus_add_video_pads(element);
  gst_element_class_set_static_metadata(element, "Lung-ultrasound de-identification", "Filter/Effect/Video",
      "Keeps the ultrasound sector and blackens the rest, with the names that may be there. " LUS_NOTICE, "Lus developers");
  trans->sink_event = sink_event;
  trans->propose_allocation = gst_lus_propose_allocation;
  trans->transform_ip = gst_lus_transform_ip;
  filter->set_info = set_info;
  filter->transform_frame_ip = transform_frame_ip;
}
