/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the elements of the plugin share. */
#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <lus/lus.h>

GST_ELEMENT_REGISTER_DECLARE(lustestsrc)
GST_ELEMENT_REGISTER_DECLARE(lussegment)
GST_ELEMENT_REGISTER_DECLARE(lusconfmask)
GST_ELEMENT_REGISTER_DECLARE(lussfestimate)
GST_ELEMENT_REGISTER_DECLARE(lusdeidentify)
GST_ELEMENT_REGISTER_DECLARE(lusoverlay)
GST_ELEMENT_REGISTER_DECLARE(luspublish)

#define GST_LUS_PARAM_FLAGS (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)
#define GST_LUS_PARAM_NUMBER (GST_LUS_PARAM_FLAGS | GST_PARAM_CONTROLLABLE)
#define GST_LUS_PARAM_READ (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)

/** Defines the function that registers an enumeration: GST_LUS_DEFINE_ENUM(function, "GstLusName", {value, "What it
 * means", "nick"}, ...). */
#define GST_LUS_DEFINE_ENUM(function, name, ...)                              \
  static GType function(void)                                                 \
  {                                                                           \
    static gsize type = 0;                                                    \
    static const GEnumValue values[] = {__VA_ARGS__, {0, NULL, NULL}};        \
    if (g_once_init_enter(&type)) {                                           \
      GType registered = g_enum_register_static(name, values);                \
      g_once_init_leave(&type, registered);                                   \
    }                                                                         \
    return type;                                                              \
  }

/** Sink pad of a filter that takes GST_LUS_VIDEO_CAPS. */
void gst_lus_add_video_sink(GstElementClass *klass);
/** It and the source pad of one that changes no caps. */
void gst_lus_add_video_pads(GstElementClass *klass);

/** The propose_allocation of a filter that looks at pixels: what its parent class answers, without GstVideoCropMeta. In place the
 * answer is the next element's, and a sink that crops (ximagesink, waylandsink) would let whole pictures come. */
gboolean gst_lus_propose_allocation(GstBaseTransform *trans, GstQuery *decided, GstQuery *query);

/** Stream time and running time of @pts; GST_CLOCK_TIME_NONE if it has none, as in a stream of bytes (filesrc, appsrc). */
GstClockTime gst_lus_pts_to_stream_time(GstBaseTransform *trans, GstClockTime pts);
GstClockTime gst_lus_pts_to_running_time(GstBaseTransform *trans, GstClockTime pts);
/** Stream time of the buffer, or GST_CLOCK_TIME_NONE. */
GstClockTime gst_lus_stream_time(GstBaseTransform *trans, GstBuffer *buffer);
/** The before_transform of all elements: moves controlled properties on to the buffer's stream time. */
void gst_lus_sync_values(GstBaseTransform *trans, GstBuffer *buffer);

/** The transform_ip of a GstVideoFilter that works in place: maps the picture for its transform_frame_ip. One that is
 * shorter than its caps say is an error of the element; the filter's own transform_ip lets it pass with a warning. */
GstFlowReturn gst_lus_transform_ip(GstBaseTransform *trans, GstBuffer *buffer);

/** What an element posts that cannot map a picture. */
#define GST_LUS_PICTURE_ERROR(element) \
  GST_ELEMENT_ERROR((element), RESOURCE, READ, \
                    ("Cannot read the picture's memory; its size does not fit the caps."), \
                    ("Check the format, width and height that the source was told, and its strides (GstVideoMeta)."))

/** Tags that name the zone of what follows: keywords=lus-zone:ZONE. Takes nothing, gives a new list. */
GstTagList *gst_lus_zone_to_tags(const char *zone);
/** FALSE if @tags name no zone; the name is cut to LUS_ZONE_LENGTH. */
gboolean gst_lus_zone_from_tags(const GstTagList *tags, char zone[LUS_ZONE_LENGTH]);
/** TRUE if the TAG @event names another zone than @zone, which it is from then on. Parsers and decoders send what they know
 * of a stream again and again, as they learn its bitrate: that is no new zone. */
gboolean gst_lus_zone_from_tag_event(GstEvent *event, char zone[LUS_ZONE_LENGTH]);

/** The custom events of docs/elements.md, which travel either way. "lus-zone" with the string zone: of the pictures to
 * come, "" = none. FALSE if @event is another one; the name is cut. */
gboolean gst_lus_zone_from_event(GstEvent *event, char zone[LUS_ZONE_LENGTH]);
/** Sets *@new_zone, which @self's lock guards, if @event is "lus-zone": the streaming thread takes note with the next picture,
 * because the event may come from any. */
void gst_lus_hear_of_zone(GstObject *self, GstEvent *event, gboolean *new_zone);
/** The same event, to be sent up. */
GstEvent *gst_lus_zone_to_event(const char *zone);

/** Posts the element message @name: @fields with timestamp, stream time and running time of @buffer, and source PTS and
 * age of its result, all in ns. */
void gst_lus_post_message(GstBaseTransform *trans, GstBuffer *buffer, const char *name, const GstStructure *fields);
