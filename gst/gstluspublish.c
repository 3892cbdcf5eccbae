/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-luspublish
 *
 * Sends the values that lussfestimate puts on the pictures ("LusSummary") out of the process: as JSON to an MQTT broker, and as a
 * text file for Prometheus. Pictures pass through and never wait for either.
 *
 *   gst-launch-1.0 v4l2src ! lussegment ! lusconfmask ! lussfestimate zone=R1 ! \
 *     luspublish mqtt-server=localhost topic=lus/bed1 metrics-file=/var/lib/node-exporter/lus.prom ! lusoverlay ! \
 *     videoconvert ! autovideosink
 */
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstluspublisher.h"

GST_DEBUG_CATEGORY_STATIC(luspublish_debug);
#define GST_CAT_DEFAULT luspublish_debug

#define DEFAULT_TOPIC "lus"
#define DEFAULT_INTERVAL GST_SECOND

struct _GstLusPublish {
  GstBaseTransform parent;

  /* Settings, under the object lock. */
  gchar *server, *topic, *ca_file, *metrics_file;
  GstClockTime interval;

  /* The streaming thread's own. */
  GstLusPublisher *publisher;
  GstStructure *newest; /* the last values that came */
  gboolean unsent;      /* they were not sent yet */
  GstClockTime last;    /* stream time of the values sent last; GST_CLOCK_TIME_NONE: none */
  gboolean finished;    /* the exam of the values before was */
};

#define GST_TYPE_LUS_PUBLISH (gst_lus_publish_get_type())
G_DECLARE_FINAL_TYPE(GstLusPublish, gst_lus_publish, GST, LUS_PUBLISH, GstBaseTransform)
G_DEFINE_TYPE(GstLusPublish, gst_lus_publish, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(luspublish, "luspublish", GST_RANK_NONE, GST_TYPE_LUS_PUBLISH,
                                      GST_DEBUG_CATEGORY_INIT(luspublish_debug, "luspublish", 0, "values sent out"))

enum { PROP_0, PROP_SERVER, PROP_TOPIC, PROP_CA_FILE, PROP_METRICS_FILE, PROP_INTERVAL };

static void warn(const char *message, gpointer user_data)
{
  GstLusPublish *self = user_data;

  GST_ELEMENT_WARNING(self, RESOURCE, WRITE, ("%s", message), ("Pictures go on."));
}

static gboolean start(GstBaseTransform *trans)
{
  GstLusPublish *self = GST_LUS_PUBLISH(trans);
  g_autoptr(GError) error = NULL;

  GST_OBJECT_LOCK(self);
  g_autofree gchar *server = g_strdup(self->server), *topic = g_strdup(self->topic), *ca_file = g_strdup(self->ca_file);
  g_autofree gchar *metrics = g_strdup(self->metrics_file);
  GST_OBJECT_UNLOCK(self);
  GstLusPublisherSettings settings = {server, topic && *topic ? topic : DEFAULT_TOPIC, ca_file, metrics};
  self->last = GST_CLOCK_TIME_NONE;
  self->finished = FALSE;
  self->publisher = gst_lus_publisher_new(&settings, warn, self, &error);
  if (!self->publisher)
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("%s", error->message), ("See mqtt-server, topic and ca-file."));
  return self->publisher != NULL;
}

static void send_newest(GstLusPublish *self)
{
  if (self->publisher && self->unsent)
    gst_lus_publisher_send(self->publisher, gst_structure_copy(self->newest));
  self->unsent = FALSE;
}

static void take_newest(GstLusPublish *self, const GstStructure *summary)
{
  gst_clear_structure(&self->newest);
  self->newest = gst_structure_copy(summary);
  self->unsent = TRUE;
}

/* What the end of the stream made of the exam, which may be another than that of the last picture. */
static void take_last_exam(GstLusPublish *self, const GstStructure *summary)
{
  guint64 time = GST_CLOCK_TIME_NONE;
  LusExamView exam;

  if (!gst_lus_summary_get_exam(summary, &exam))
    return;
  if (self->newest)
    gst_structure_get_uint64(self->newest, "stream-time", &time);
  take_newest(self, summary);
  if (GST_CLOCK_TIME_IS_VALID(time))
    gst_structure_set(self->newest, "stream-time", G_TYPE_UINT64, time, NULL);
}

static gboolean stop(GstBaseTransform *trans)
{
  GstLusPublish *self = GST_LUS_PUBLISH(trans);

  send_newest(self);
  g_clear_pointer(&self->publisher, gst_lus_publisher_free);
  g_clear_pointer(&self->newest, gst_structure_free);
  return TRUE;
}

/* At EOS the last values go out; a new stream time may begin anywhere. */
static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  GstLusPublish *self = GST_LUS_PUBLISH(trans);

  if (gst_event_has_name(event, GST_LUS_SUMMARY_EVENT_NAME))
    take_last_exam(self, gst_event_get_structure(event));
  if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
    send_newest(self);
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT || GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP)
    self->last = GST_CLOCK_TIME_NONE;
  return GST_BASE_TRANSFORM_CLASS(gst_lus_publish_parent_class)->sink_event(trans, event);
}

static GstFlowReturn transform_ip(GstBaseTransform *trans, GstBuffer *buffer)
{
  GstLusPublish *self = GST_LUS_PUBLISH(trans);
  const GstStructure *summary = gst_buffer_get_lus_summary(buffer);
  GstClockTime time = gst_lus_stream_time(trans, buffer), interval;
  gboolean finished = FALSE;

  if (!summary)
    return GST_FLOW_OK;
  take_newest(self, summary);
  if (GST_CLOCK_TIME_IS_VALID(time))
    gst_structure_set(self->newest, "stream-time", G_TYPE_UINT64, time, NULL);
  gst_structure_get_boolean(summary, "finished", &finished);
  GST_OBJECT_LOCK(self);
  interval = self->interval;
  GST_OBJECT_UNLOCK(self);
  if (GST_CLOCK_TIME_IS_VALID(time) && GST_CLOCK_TIME_IS_VALID(self->last) && finished == self->finished &&
      MAX(time, self->last) - MIN(time, self->last) < interval) /* clips may be played backwards */
    return GST_FLOW_OK;
  self->last = time;
  self->finished = finished;
  send_newest(self);
  return GST_FLOW_OK;
}

static gchar **text_of(GstLusPublish *self, guint id)
{
  return id == PROP_SERVER ? &self->server : id == PROP_TOPIC ? &self->topic : id == PROP_CA_FILE ? &self->ca_file
                                                                                                   : &self->metrics_file;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusPublish *self = GST_LUS_PUBLISH(object);

  if (id < PROP_SERVER || id > PROP_INTERVAL) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    return;
  }
  GST_OBJECT_LOCK(self);
  if (id == PROP_INTERVAL) {
    self->interval = g_value_get_uint64(value);
  } else {
    g_free(*text_of(self, id));
    *text_of(self, id) = g_value_dup_string(value);
  }
  GST_OBJECT_UNLOCK(self);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusPublish *self = GST_LUS_PUBLISH(object);

  if (id < PROP_SERVER || id > PROP_INTERVAL) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    return;
  }
  GST_OBJECT_LOCK(self);
  if (id == PROP_INTERVAL)
    g_value_set_uint64(value, self->interval);
  else
    g_value_set_string(value, *text_of(self, id));
  GST_OBJECT_UNLOCK(self);
}

static void finalize(GObject *object)
{
  GstLusPublish *self = GST_LUS_PUBLISH(object);

  for (guint id = PROP_SERVER; id <= PROP_METRICS_FILE; id++)
    g_free(*text_of(self, id));
  G_OBJECT_CLASS(gst_lus_publish_parent_class)->finalize(object);
}

static void gst_lus_publish_init(GstLusPublish *self)
{
  self->topic = g_strdup(DEFAULT_TOPIC);
  self->interval = DEFAULT_INTERVAL;
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
  gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), TRUE);
}

static void install_text(GObjectClass *object, guint id, const char *name, const char *nick, const char *blurb,
                         const char *value)
{
  g_object_class_install_property(object, id, g_param_spec_string(name, nick, blurb, value,
                                                                  G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                                    GST_PARAM_MUTABLE_READY));
}

static void gst_lus_publish_class_init(GstLusPublishClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS(klass);
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);

  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  install_text(object, PROP_SERVER, "mqtt-server", "MQTT server",
               "HOST or HOST:PORT of the broker; unset: none. LUS_MQTT_USER and LUS_MQTT_PASSWORD in the environment log in",
               NULL);
  install_text(object, PROP_TOPIC, "topic", "Topic", "Values go to TOPIC/values, online or offline to TOPIC/status",
               DEFAULT_TOPIC);
  install_text(object, PROP_CA_FILE, "ca-file", "CA file", "Certificates to trust (PEM): the connection is encrypted (TLS)",
               NULL);
  install_text(object, PROP_METRICS_FILE, "metrics-file", "Metrics file",
               "Text file for Prometheus (node exporter's textfile collector), written whole; unset: none", NULL);
  g_object_class_install_property(
    object, PROP_INTERVAL,
    g_param_spec_uint64("interval", "Interval", "Least stream time between two messages in ns", 0, G_MAXUINT64,
                        DEFAULT_INTERVAL, GST_LUS_PARAM_FLAGS));
  gst_lus_add_video_pads(element);
  gst_element_class_set_static_metadata(element, "Lung-ultrasound values out", "Filter/Video",
                                        "Sends an exam's values to an MQTT broker and a Prometheus text file. " LUS_NOTICE,
                                        "Lus developers");
  trans->start = start;
  trans->stop = stop;
  trans->sink_event = sink_event;
  trans->transform_ip = transform_ip;
  trans->transform_ip_on_passthrough = TRUE;
}
