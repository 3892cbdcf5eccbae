/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlussegment.h"

#define GST_CAT_DEFAULT lussegment_debug

void gst_lus_segment_forget_result(GstLusSegment *self)
{
  g_clear_pointer(&self->result, lus_segmentation_unref);
  self->result_frames = 0;
  self->since_post = G_MAXUINT / 2;
  if (self->worker)
    gst_lus_worker_forget(self->worker);
}

static void save_profile(GstLusSegment *self)
{
  g_autoptr(GError) error = NULL;

  if (self->segmenter && !lus_segmenter_save_profile(self->segmenter, &error))
    GST_ELEMENT_WARNING(self, RESOURCE, WRITE, ("%s", error->message), ("The scanner's profile stays as it was."));
}

void gst_lus_segment_forget_scene(GstLusSegment *self)
{
  save_profile(self);
  gst_lus_segment_forget_result(self);
  lus_guard_reset(self->guard);
  if (self->segmenter)
    lus_segmenter_reset(self->segmenter);
}

/* The segmenter that the properties describe now. */
static LusSegmenter *make_segmenter(GstLusSegment *self, GstClockTime *cost, GError **error)
{
  g_autofree char *path = NULL;
  LusSegmenter *segmenter;
  LusSegmenterConfig config;

  GST_OBJECT_LOCK(self);
  path = self->recipe.model_file ? g_strdup(self->recipe.model_file) : lus_model_bundled_path("default.onnx");
  config = self->recipe.config;
  self->changed = FALSE;
  GST_OBJECT_UNLOCK(self);
  if (config.sector_mode == LUS_SECTOR_MANUAL && (config.roi.width < 1 || config.roi.height < 1)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "sector=manual needs a rectangle: set roi to <x, y, width, height> in pixels");
    return NULL;
  }
  segmenter = lus_segmenter_open(path, &config, error);
  if (segmenter)
    *cost = (GstClockTime)lus_segmenter_warm_up(segmenter);
  return segmenter;
}

static void take_segmenter(GstLusSegment *self, LusSegmenter *segmenter, GstClockTime cost)
{
  LusModel *old;

  gst_lus_segment_forget_scene(self);
  lus_segmenter_free(self->segmenter);
  self->segmenter = segmenter;
  self->model_cost = cost;
  GST_OBJECT_LOCK(self);
  old = self->model;
  self->model = segmenter ? lus_model_ref(lus_segmenter_model(segmenter)) : NULL;
  self->kernels = segmenter ? g_intern_string(lus_segmenter_kernels(segmenter)) : NULL;
  gst_lus_stats_expect(&self->stats, cost);
  GST_OBJECT_UNLOCK(self);
  if (old)
    lus_model_unref(old);
}

gboolean gst_lus_segment_open_model(GstLusSegment *self)
{
  g_autoptr(GError) error = NULL;
  GstClockTime cost = 0;
  LusSegmenter *segmenter = make_segmenter(self, &cost, &error);

  if (segmenter) {
    GST_INFO_OBJECT(self, "model %s, kernels %s", lus_model_path(lus_segmenter_model(segmenter)),
                    lus_segmenter_kernels(segmenter));
    take_segmenter(self, segmenter, cost);
    GST_OBJECT_LOCK(self);
    self->open = TRUE;
    self->opened++;
    GST_OBJECT_UNLOCK(self);
    return TRUE;
  }
  GST_ELEMENT_ERROR(
      self, RESOURCE, OPEN_READ, ("%s", error->message),
      ("Set model-file to an ONNX model that `lus info` accepts, or leave it unset for the bundled one."));
  return FALSE;
}

void gst_lus_segment_close_model(GstLusSegment *self)
{
  LusSegmenter *next;

  GST_OBJECT_LOCK(self);
  self->open = FALSE;
  next = self->next;
  self->next = NULL;
  GST_OBJECT_UNLOCK(self);
  lus_segmenter_free(next);
  take_segmenter(self, NULL, 0);
}

static void warn_of_model(GstLusSegment *self, const GError *error)
{
  GST_ELEMENT_WARNING(self, RESOURCE, OPEN_READ, ("%s", error->message), ("The former model and sector stay in use."));
}

/* A setting changed while running: from this picture on. What cannot be used is reported, and the old one goes on. */
void gst_lus_segment_use(GstLusSegment *self, LusSegmenter *segmenter, GstClockTime cost)
{
  g_autoptr(GError) error = NULL;

  if (lus_segmenter_set_frame_size(segmenter, self->info.width, self->info.height, &error)) {
    take_segmenter(self, segmenter, cost);
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
    return;
  }
  lus_segmenter_free(segmenter);
  warn_of_model(self, error);
}

void gst_lus_segment_reopen_model(GstLusSegment *self)
{
  g_autoptr(GError) error = NULL;
  GstClockTime cost = 0;
  LusSegmenter *segmenter = make_segmenter(self, &cost, &error);

  if (segmenter)
    gst_lus_segment_use(self, segmenter, cost);
  else
    warn_of_model(self, error);
}

static guint get_opened(GstLusSegment *self)
{
  guint opened;

  GST_OBJECT_LOCK(self);
  opened = self->opened;
  GST_OBJECT_UNLOCK(self);
  return opened;
}

/* In a thread of GStreamer's: makes what the properties describe, again if they changed or the element was closed and opened
 * meanwhile. */
void gst_lus_segment_load(GstElement *element, gpointer data)
{
  GstLusSegment *self = GST_LUS_SEGMENT(element);
  gboolean again = TRUE;

  (void)data;
  while (again) {
    g_autoptr(GError) error = NULL;
    GstClockTime cost = 0;
    const guint opened = get_opened(self);
    LusSegmenter *segmenter = make_segmenter(self, &cost, &error), *unused = segmenter;
    GST_OBJECT_LOCK(self);
    again = (self->changed || self->opened != opened) && self->open;
    if (!again && self->open && segmenter) {
      unused = self->next;
      self->next = segmenter;
      self->next_cost = cost;
    }
    self->loading = again;
    GST_OBJECT_UNLOCK(self);
    lus_segmenter_free(unused);
    if (error)
      warn_of_model(self, error);
  }
}
