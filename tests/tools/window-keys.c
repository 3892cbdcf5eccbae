/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GStreamer plugin: windowkeys, a video sink whose window's keys are what is written to a FIFO. With each picture it presses those
 * that came since the last one. */
#include <fcntl.h>
#include <gst/video/navigation.h>
#include <gst/video/video.h>
#include <unistd.h>

typedef struct {
  GstVideoSink parent;
  gchar *location; /* of the FIFO */
  int fd;
} WindowKeys;

typedef GstVideoSinkClass WindowKeysClass;

static GType window_keys_get_type(void);
G_DEFINE_TYPE(WindowKeys, window_keys, GST_TYPE_VIDEO_SINK)

static gboolean start(GstBaseSink *sink)
{
  WindowKeys *self = (WindowKeys *)sink;

  self->fd = open(self->location, O_RDONLY | O_NONBLOCK);
  return self->fd >= 0;
}

static gboolean stop(GstBaseSink *sink)
{
  return close(((WindowKeys *)sink)->fd) == 0;
}

static GstFlowReturn show_frame(GstVideoSink *sink, GstBuffer *buffer)
{
  char key[2] = "";

  (void)buffer;
  while (read(((WindowKeys *)sink)->fd, key, 1) == 1)
    gst_pad_push_event(GST_VIDEO_SINK_PAD(sink), gst_navigation_event_new_key_press(key, GST_NAVIGATION_MODIFIER_NONE));
  return GST_FLOW_OK;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  (void)id, (void)pspec;
  g_free(((WindowKeys *)object)->location);
  ((WindowKeys *)object)->location = g_value_dup_string(value);
}

static void finalize(GObject *object)
{
  g_free(((WindowKeys *)object)->location);
  G_OBJECT_CLASS(window_keys_parent_class)->finalize(object);
}

static void window_keys_init(WindowKeys *self)
{
  self->fd = -1;
}

static void window_keys_class_init(WindowKeysClass *klass)
{
  static GstStaticPadTemplate sink =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));
  GObjectClass *object = G_OBJECT_CLASS(klass);

  object->set_property = set_property;
  object->finalize = finalize;
  g_object_class_install_property(object, 1, g_param_spec_string("location", "Location", "The FIFO", NULL,
                                                                 G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS));
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &sink);
  gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(klass), "Keys of a window", "Sink/Video",
                                        "Presses the keys that a FIFO names", "Lus developers");
  GST_BASE_SINK_CLASS(klass)->start = start;
  GST_BASE_SINK_CLASS(klass)->stop = stop;
  klass->show_frame = show_frame;
}

static gboolean plugin_init(GstPlugin *plugin)
{
  return gst_element_register(plugin, "windowkeys", GST_RANK_NONE, window_keys_get_type());
}

#define PACKAGE "lus"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, windowkeys, "Keys of a window, for tests", plugin_init, "1", "LGPL", "lus",
                  "https://gstreamer.freedesktop.org/")
