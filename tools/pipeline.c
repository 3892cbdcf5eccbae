/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline.h"

gboolean lus_tool_gstreamer_init(GError **error)
{
  static gsize done;
  static gboolean ok;
  static GError *failure;
  if (g_once_init_enter(&done)) {
    ok = gst_init_check(NULL, NULL, &failure);
    g_once_init_leave(&done, 1);
  }
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "GStreamer does not start: %s",
                failure ? failure->message : "unknown reason");
  return ok;
}

void lus_tool_pipeline_fail(LusToolPipeline *pipeline, GError *error)
{
  g_mutex_lock(&pipeline->lock);
  if (!pipeline->error)
    pipeline->error = g_steal_pointer(&error);
  g_cond_broadcast(&pipeline->changed);
  g_mutex_unlock(&pipeline->lock);
  g_clear_error(&error);
}

/** A GStreamer error in our words: the file, what was said, and what helps. Called with the lock held. */
static GError *translate(const LusToolPipeline *pipeline, const GError *cause)
{
  if (pipeline->missing)
    return g_error_new(LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: no %s is installed; on Debian: apt install "
                       "gstreamer1.0-libav gstreamer1.0-plugins-good gstreamer1.0-plugins-bad", pipeline->path,
                       pipeline->missing);
  if (g_error_matches(cause, GST_STREAM_ERROR, GST_STREAM_ERROR_TYPE_NOT_FOUND) ||
      g_error_matches(cause, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE))
    return g_error_new(LUS_ERROR, LUS_ERROR_INVALID, "%s: not a video file that GStreamer knows", pipeline->path);
  if (cause->domain == GST_RESOURCE_ERROR)
    return g_error_new(LUS_ERROR, LUS_ERROR_IO, "%s: %s", pipeline->path, cause->message);
  return g_error_new(LUS_ERROR, LUS_ERROR_INVALID, "%s: %s The file may be damaged or cut off; does it play in another "
                     "program?", pipeline->path, cause->message);
}

static GstBusSyncReply on_message(GstBus *bus, GstMessage *message, gpointer user_data)
{
  (void)bus;
  LusToolPipeline *pipeline = user_data;
  g_mutex_lock(&pipeline->lock);
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_ERROR:
    if (!pipeline->error) {
      g_autoptr(GError) cause = NULL;
      gst_message_parse_error(message, &cause, NULL);
      pipeline->error = translate(pipeline, cause);
    }
    g_cond_broadcast(&pipeline->changed);
    break;
  case GST_MESSAGE_EOS:
    pipeline->eos = TRUE;
    g_cond_broadcast(&pipeline->changed);
    break;
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name(message, "missing-plugin") && !pipeline->missing) {
      const char *name = gst_structure_get_string(gst_message_get_structure(message), "name");
      pipeline->missing = g_strdup(name ? name : "decoder for it");
    }
    break;
  default:
    break;
  }
  g_mutex_unlock(&pipeline->lock);
  gst_message_unref(message);
  return GST_BUS_DROP;
}

void lus_tool_pipeline_init(LusToolPipeline *pipeline, const char *path)
{
  pipeline->path = g_strdup(path);
  pipeline->bin = gst_object_ref_sink(gst_pipeline_new(NULL));
  g_mutex_init(&pipeline->lock);
  g_cond_init(&pipeline->changed);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline->bin);
  gst_bus_set_sync_handler(bus, on_message, pipeline, NULL);
}

GstElement *lus_tool_pipeline_add(LusToolPipeline *pipeline, const char *factory, const char *package, GError **error)
{
  GstElement *element = gst_element_factory_make(factory, NULL);
  if (!element) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: GStreamer's element '%s' is missing; on Debian: apt "
                "install %s", pipeline->path, factory, package);
    return NULL;
  }
  gst_bin_add(GST_BIN(pipeline->bin), element);
  return element;
}

static gboolean pad_is_still(GstElement *element, GstPad *pad, gpointer user_data)
{
  (void)element, (void)user_data;
  return gst_pad_get_task_state(pad) != GST_TASK_STARTED;
}

static void look_at_element(const GValue *item, gpointer still)
{
  GstElement *element = g_value_get_object(item);
  if (!gst_element_foreach_pad(element, pad_is_still, NULL))
    *(gboolean *)still = FALSE;
}

gboolean lus_tool_pipeline_idle(LusToolPipeline *pipeline)
{
  gboolean still = TRUE;
  GstIterator *elements = gst_bin_iterate_recurse(GST_BIN(pipeline->bin));
  gboolean all = gst_iterator_foreach(elements, look_at_element, &still) == GST_ITERATOR_DONE;
  gst_iterator_free(elements);
  return all && still;
}

void lus_tool_pipeline_clear(LusToolPipeline *pipeline)
{
  g_mutex_lock(&pipeline->lock);
  pipeline->stopping = TRUE;
  g_cond_broadcast(&pipeline->changed);
  g_mutex_unlock(&pipeline->lock);
  gst_element_set_state(pipeline->bin, GST_STATE_NULL);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline->bin);
  gst_bus_set_sync_handler(bus, NULL, NULL, NULL);
  gst_clear_object(&pipeline->bin);
  g_clear_error(&pipeline->error);
  g_clear_pointer(&pipeline->missing, g_free);
  g_clear_pointer(&pipeline->path, g_free);
  g_cond_clear(&pipeline->changed);
  g_mutex_clear(&pipeline->lock);
}
