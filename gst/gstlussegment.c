/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lussegment
 *
 * Runs a segmentation model over the pictures and attaches the confidences as #GstLusSegMeta. The pictures pass through
 * unchanged, in every format of liblus: luma is read where it lies, so no videoconvert is needed, and none should scale
 * before. Each picture waits for its result; the time this takes is reported as latency.
 *
 *   gst-launch-1.0 filesrc location=clip.mkv ! decodebin ! lussegment ! lusconfmask ! lusoverlay ! videoconvert !
 * autovideosink
 */
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstlusstats.h"
#include "gstlusvalues.h"
#include "gstlusvideo.h"

GST_DEBUG_CATEGORY_STATIC(lussegment_debug);
#define GST_CAT_DEFAULT lussegment_debug

#define MAX_THREADS 64

/* What a segmenter is made from. */
typedef struct {
  gchar *model_file;
  LusSegmenterConfig config;
} Recipe;

struct _GstLusSegment {
  GstBaseTransform parent;

  /* Settings, under the object lock, as are stats and model. changed: the segmenter is to be made anew. */
  Recipe recipe;
  guint interval;
  gdouble mm_per_pixel;
  gboolean changed;
  GstLusStats stats;
  LusModel *model;

  /* The streaming thread's own. */
  LusSegmenter *segmenter;
  GstVideoInfo info;
  LusImage image;
  char zone[LUS_ZONE_LENGTH];
  gboolean has_result;     /* there is one to carry over, although it may be "no sector" */
  LusSegmentation *result; /* NULL: no sector */
  guint result_frames;     /* pictures that have it so far */
};

#define GST_TYPE_LUS_SEGMENT (gst_lus_segment_get_type())
G_DECLARE_FINAL_TYPE(GstLusSegment, gst_lus_segment, GST, LUS_SEGMENT, GstBaseTransform)
G_DEFINE_TYPE(GstLusSegment, gst_lus_segment, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lussegment, "lussegment", GST_RANK_NONE, GST_TYPE_LUS_SEGMENT,
                                      GST_DEBUG_CATEGORY_INIT(lussegment_debug, "lussegment", 0, "segmentation"))

enum {
  PROP_0, PROP_MODEL_FILE, PROP_MODEL_INFO, PROP_THREADS, PROP_INTERVAL, PROP_PRECISION, PROP_SECTOR, PROP_ROI, PROP_MM_PER_PIXEL,
  PROP_STATS
};

GST_LUS_DEFINE_ENUM(sector_mode_get_type, "GstLusSectorMode",
                    {LUS_SECTOR_AUTO, "Found in the pictures", "auto"},
                    {LUS_SECTOR_NONE, "The whole picture", "none"},
                    {LUS_SECTOR_MANUAL, "The rectangle of the property roi", "manual"})

GST_LUS_DEFINE_ENUM(precision_get_type, "GstLusPrecision",
                    {LUS_PRECISION_AUTO, "8-bit integers where the model is quantised, else floats", "auto"},
                    {LUS_PRECISION_FP32, "Floats; a quantised model is only rounded", "fp32"},
                    {LUS_PRECISION_INT8, "8-bit integers; the model must be quantised", "int8"})

static void forget_result(GstLusSegment *self)
{
  g_clear_pointer(&self->result, lus_segmentation_unref);
  self->has_result = FALSE;
  self->result_frames = 0;
}

static void forget_scene(GstLusSegment *self)
{
  forget_result(self);
  if (self->segmenter)
    lus_segmenter_reset(self->segmenter);
}

/* The segmenter that the properties describe now, and its model. */
static LusSegmenter *make_segmenter(GstLusSegment *self, LusModel **model, GError **error)
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
  *model = lus_model_load(path, error);
  if (!*model)
    return NULL;
  segmenter = lus_segmenter_new(*model, &config, error);
  if (!segmenter)
    g_clear_pointer(model, lus_model_unref);
  return segmenter;
}

static void take_segmenter(GstLusSegment *self, LusSegmenter *segmenter, LusModel *model)
{
  LusModel *old;

  forget_result(self);
  g_clear_pointer(&self->segmenter, lus_segmenter_free);
  self->segmenter = segmenter;
  GST_OBJECT_LOCK(self);
  old = self->model;
  self->model = model;
  GST_OBJECT_UNLOCK(self);
  if (old)
    lus_model_unref(old);
}

static gboolean open_model(GstLusSegment *self)
{
  g_autoptr(GError) error = NULL;
  LusModel *model = NULL;
  LusSegmenter *segmenter = make_segmenter(self, &model, &error);

  if (segmenter) {
    GST_INFO_OBJECT(self, "model %s, kernels %s", lus_model_path(model), lus_segmenter_kernels(segmenter));
    take_segmenter(self, segmenter, model);
    return TRUE;
  }
  GST_ELEMENT_ERROR(
      self, RESOURCE, OPEN_READ, ("%s", error->message),
      ("Set model-file to an ONNX model that `lus info` accepts, or leave it unset for the bundled one."));
  return FALSE;
}

/* A setting changed while running. What cannot be used is reported, and the old one goes on. */
static void reopen_model(GstLusSegment *self)
{
  g_autoptr(GError) error = NULL;
  LusModel *model = NULL;
  LusSegmenter *segmenter = make_segmenter(self, &model, &error);

  if (segmenter && lus_segmenter_set_frame_size(segmenter, self->info.width, self->info.height, &error)) {
    take_segmenter(self, segmenter, model);
    return;
  }
  lus_segmenter_free(segmenter);
  if (model)
    lus_model_unref(model);
  GST_ELEMENT_WARNING(self, RESOURCE, OPEN_READ, ("%s", error->message), ("The former model and sector stay in use."));
}

static GstStateChangeReturn change_state(GstElement *element, GstStateChange transition)
{
  GstLusSegment *self = GST_LUS_SEGMENT(element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !open_model(self))
    return GST_STATE_CHANGE_FAILURE;
  ret = GST_ELEMENT_CLASS(gst_lus_segment_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    take_segmenter(self, NULL, NULL);
  return ret;
}

static gboolean start(GstBaseTransform *trans)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);

  GST_OBJECT_LOCK(self);
  gst_lus_stats_reset(&self->stats);
  GST_OBJECT_UNLOCK(self);
  self->zone[0] = '\0';
  return TRUE;
}

static gboolean stop(GstBaseTransform *trans)
{
  forget_scene(GST_LUS_SEGMENT(trans));
  return TRUE;
}

static gboolean set_caps(GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  g_autoptr(GError) error = NULL;

  (void)out;
  forget_result(self);
  if (!gst_video_info_from_caps(&self->info, in) || !gst_lus_image_from_info(&self->image, &self->info))
    return FALSE;
  if (lus_segmenter_set_frame_size(self->segmenter, self->info.width, self->info.height, &error))
    return TRUE;
  GST_ELEMENT_ERROR(self, LIBRARY, INIT, ("%s", error->message),
                    ("for pictures of %dx%d", self->info.width, self->info.height));
  return FALSE;
}

static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  char zone[LUS_ZONE_LENGTH];
  GstTagList *tags;

  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_STREAM_START:
    self->zone[0] = '\0';
    forget_scene(self);
    break;
  case GST_EVENT_FLUSH_STOP:
    forget_scene(self);
    break;
  case GST_EVENT_SEGMENT:
    forget_result(self);
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag(event, &tags);
    if (gst_lus_zone_from_tags(tags, zone) && strcmp(zone, self->zone) != 0) {
      g_strlcpy(self->zone, zone, sizeof(self->zone));
      forget_scene(self);
    }
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_lus_segment_parent_class)->sink_event(trans, event);
}

static gboolean query(GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  GstClockTime min, max, own;
  gboolean live;

  if (!GST_BASE_TRANSFORM_CLASS(gst_lus_segment_parent_class)->query(trans, direction, query))
    return FALSE;
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY) {
    GST_OBJECT_LOCK(self);
    own = self->stats.latency;
    GST_OBJECT_UNLOCK(self);
    gst_query_parse_latency(query, &live, &min, &max);
    gst_query_set_latency(query, live, min + own, GST_CLOCK_TIME_IS_VALID(max) ? max + own : max);
  }
  return TRUE;
}

static gboolean run_model(GstLusSegment *self, GstBuffer *buffer)
{
  g_autoptr(GError) error = NULL;
  GstVideoFrame frame;
  gboolean done, latency_changed;
  gint64 before;

  if (!gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_READ)) {
    GST_ELEMENT_ERROR(self, RESOURCE, READ, ("Cannot read the picture's memory; its size does not fit the caps."),
                      (NULL));
    return FALSE;
  }
  forget_result(self);
  gst_lus_image_set_frame(&self->image, &frame);
  before = g_get_monotonic_time();
  done = lus_segmenter_run(self->segmenter, &self->result, &self->image, (gint64)GST_BUFFER_PTS(buffer), &error);
  gst_video_frame_unmap(&frame);
  if (!done) {
    GST_ELEMENT_ERROR(self, LIBRARY, FAILED, ("%s", error->message), (NULL));
    return FALSE;
  }
  self->has_result = TRUE;
  if (!self->result)
    return TRUE;
  GST_OBJECT_LOCK(self);
  latency_changed = gst_lus_stats_add(&self->stats, (GstClockTime)(g_get_monotonic_time() - before) * GST_USECOND);
  GST_OBJECT_UNLOCK(self);
  if (latency_changed)
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  return TRUE;
}

static GstFlowReturn transform_ip(GstBaseTransform *trans, GstBuffer *buffer)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  GstLusSegMeta *meta;
  gboolean changed, reuse;
  guint interval;

  GST_OBJECT_LOCK(self);
  changed = self->changed;
  interval = self->interval;
  self->image.mm_per_pixel = self->mm_per_pixel;
  self->stats.frames++;
  GST_OBJECT_UNLOCK(self);
  if (changed)
    reopen_model(self);
  if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT))
    forget_result(self);
  reuse = self->has_result && self->result_frames < interval;
  if (!reuse && !run_model(self, buffer))
    return GST_FLOW_ERROR;
  self->result_frames++;
  meta = gst_buffer_add_lus_seg_meta(buffer, self->result, NULL, self->info.width, self->info.height);
  if (reuse)
    meta->flags |= GST_LUS_SEG_REUSED;
  return GST_FLOW_OK;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusSegment *self = GST_LUS_SEGMENT(object);
  LusRect roi;

  GST_OBJECT_LOCK(self);
  self->changed |= id != PROP_INTERVAL && id != PROP_MM_PER_PIXEL;
  switch (id) {
  case PROP_MODEL_FILE:
    g_free(self->recipe.model_file);
    self->recipe.model_file = g_value_dup_string(value);
    break;
  case PROP_THREADS: self->recipe.config.threads = g_value_get_int(value); break;
  case PROP_INTERVAL: self->interval = g_value_get_uint(value); break;
  case PROP_PRECISION: self->recipe.config.precision = (LusPrecision)g_value_get_enum(value); break;
  case PROP_SECTOR: self->recipe.config.sector_mode = (LusSectorMode)g_value_get_enum(value); break;
  case PROP_ROI:
    if (gst_lus_rect_from_value(&roi, value))
      self->recipe.config.roi = roi;
    else
      g_warning("lussegment: roi needs four whole numbers <x, y, width, height> of a rectangle that is not empty");
    break;
  case PROP_MM_PER_PIXEL: self->mm_per_pixel = g_value_get_double(value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusSegment *self = GST_LUS_SEGMENT(object);

  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_MODEL_FILE: g_value_set_string(value, self->recipe.model_file); break;
  case PROP_MODEL_INFO: g_value_take_boxed(value, self->model ? gst_lus_model_to_structure(self->model) : NULL); break;
  case PROP_THREADS: g_value_set_int(value, self->recipe.config.threads); break;
  case PROP_INTERVAL: g_value_set_uint(value, self->interval); break;
  case PROP_PRECISION: g_value_set_enum(value, self->recipe.config.precision); break;
  case PROP_SECTOR: g_value_set_enum(value, self->recipe.config.sector_mode); break;
  case PROP_ROI: gst_lus_rect_to_value(value, self->recipe.config.roi); break;
  case PROP_MM_PER_PIXEL: g_value_set_double(value, self->mm_per_pixel); break;
  case PROP_STATS: g_value_take_boxed(value, gst_lus_stats_to_structure(&self->stats, "lussegment-stats")); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void finalize(GObject *object)
{
  GstLusSegment *self = GST_LUS_SEGMENT(object);

  take_segmenter(self, NULL, NULL);
  g_free(self->recipe.model_file);
  G_OBJECT_CLASS(gst_lus_segment_parent_class)->finalize(object);
}

static void gst_lus_segment_init(GstLusSegment *self)
{
  self->interval = 1;
  /* The base class's QoS drops pictures, which nobody wants. */
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void install_properties(GObjectClass *object)
{
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property(object, PROP_MODEL_FILE, g_param_spec_string("model-file", "Model file",
      "ONNX model (unset = the bundled one)", NULL, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_MODEL_INFO,
                                  g_param_spec_boxed("model-info", "Model info",
                                                     "What the model says about itself: path, sha256, classes, "
                                                     "threshold, input size, licence, training; from READY on",
                                                     GST_TYPE_STRUCTURE, GST_LUS_PARAM_READ));
  g_object_class_install_property(
      object, PROP_THREADS,
      g_param_spec_int("threads", "Threads",
                       "Threads that run the model (0 = one per CPU); results do not depend on it", 0, MAX_THREADS, 0,
                       GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_INTERVAL, g_param_spec_uint("inference-interval", "Inference interval",
      "Run the model on every n-th picture; those between carry its last result, flagged as reused and with its age", 1,
      1000, 1, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_PRECISION, g_param_spec_enum("precision", "Precision",
      "Arithmetic of the model's convolutions", precision_get_type(), LUS_PRECISION_AUTO, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_SECTOR, g_param_spec_enum("sector", "Sector",
      "Which part of the picture is ultrasound", sector_mode_get_type(), LUS_SECTOR_AUTO, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_ROI, gst_param_spec_array("roi", "Region of interest",
      "The sector's rectangle <x, y, width, height> in pixels, for sector=manual",
      g_param_spec_int("number", "Number", "x, y, width or height in pixels", 0, LUS_FRAME_MAX, 0, GST_LUS_PARAM_FLAGS),
      GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_MM_PER_PIXEL, g_param_spec_double("mm-per-pixel", "mm per pixel",
      "Size of a picture's pixel in mm (0 = unknown)", 0, 10, 0, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(
      object, PROP_STATS,
      g_param_spec_boxed(
          "stats", "Statistics",
          "frames (pictures seen), inferred (results computed), mean-ms and p95-ms (time per result in ms)",
          GST_TYPE_STRUCTURE, GST_LUS_PARAM_READ));
}

static void gst_lus_segment_class_init(GstLusSegmentClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);

  install_properties(G_OBJECT_CLASS(klass));
  gst_type_mark_as_plugin_api(sector_mode_get_type(), 0);
  gst_type_mark_as_plugin_api(precision_get_type(), 0);
  gst_lus_add_video_pads(element);
  gst_element_class_set_static_metadata(element, "Lung-ultrasound segmentation", "Filter/Analyzer/Video",
      "Confidence per class and pixel as GstLusSegMeta; pictures pass through. " LUS_NOTICE, "Lus developers");
  element->change_state = change_state;
  trans->start = start;
  trans->stop = stop;
  trans->set_caps = set_caps;
  trans->sink_event = sink_event;
  trans->query = query;
  trans->before_transform = gst_lus_sync_values;
  trans->transform_ip = transform_ip;
}
