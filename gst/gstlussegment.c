/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lussegment
 *
 * Runs a segmentation model over the pictures and attaches the confidences as #GstLusSegMeta. The pictures pass through
 * unchanged, in every format of liblus: luma is read where it lies, so no videoconvert is needed, and none should scale
 * before. From files each picture waits for its result, and the time this takes is reported as latency. From live
 * sources none waits: the model runs beside the stream on the newest picture, and the newest result is attached with
 * its age.
 *
 *   gst-launch-1.0 filesrc location=clip.mkv ! decodebin ! lussegment ! lusconfmask ! lusoverlay ! videoconvert !
 * autovideosink
 */
#include "gstlussegment.h"
#include "gstlusvalues.h"
#include "gstlusvideo.h"

GST_DEBUG_CATEGORY(lussegment_debug);
#define GST_CAT_DEFAULT lussegment_debug

#define MAX_THREADS 64
/* What a picture costs beside a live stream: a guess before the first, and the steps of the latency reported for it. */
#define LIVE_COST (800 * GST_USECOND)
#define LIVE_STEP GST_MSECOND

G_DEFINE_TYPE(GstLusSegment, gst_lus_segment, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lussegment, "lussegment", GST_RANK_NONE, GST_TYPE_LUS_SEGMENT,
                                      GST_DEBUG_CATEGORY_INIT(lussegment_debug, "lussegment", 0, "segmentation"))

enum {
  PROP_0, PROP_MODEL_FILE, PROP_MODEL_INFO, PROP_THREADS, PROP_MODE, PROP_INTERVAL, PROP_PRECISION, PROP_SECTOR,
  PROP_PROFILE_FILE, PROP_ROI, PROP_MM_PER_PIXEL, PROP_SIGNAL_DETECT, PROP_FREEZE_DETECT, PROP_CONTACT_DETECT, PROP_DEPTH_DETECT,
  PROP_STATS
};

GST_LUS_DEFINE_ENUM(mode_get_type, "GstLusInferenceMode",
                    {MODE_AUTO, "latest when upstream is live, else sync", "auto"},
                    {MODE_SYNC, "Each picture waits for its own result", "sync"},
                    {MODE_LATEST, "No picture waits; the newest result is attached with its age", "latest"})

GST_LUS_DEFINE_ENUM(detect_get_type, "GstLusDetect",
                    {DETECT_AUTO, "Where inference-mode is or becomes latest", "auto"},
                    {DETECT_ON, "Always", "on"},
                    {DETECT_OFF, "Never", "off"})

GST_LUS_DEFINE_ENUM(sector_mode_get_type, "GstLusSectorMode",
                    {LUS_SECTOR_AUTO, "Found in the pictures", "auto"},
                    {LUS_SECTOR_NONE, "The whole picture", "none"},
                    {LUS_SECTOR_MANUAL, "The rectangle of the property roi", "manual"})

GST_LUS_DEFINE_ENUM(precision_get_type, "GstLusPrecision",
                    {LUS_PRECISION_AUTO, "8-bit integers where the model is quantised, else floats", "auto"},
                    {LUS_PRECISION_FP32, "Floats; a quantised model is only rounded", "fp32"},
                    {LUS_PRECISION_INT8, "8-bit integers; the model must be quantised", "int8"})

static GstStateChangeReturn change_state(GstElement *element, GstStateChange transition)
{
  GstLusSegment *self = GST_LUS_SEGMENT(element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !gst_lus_segment_open_model(self))
    return GST_STATE_CHANGE_FAILURE;
  ret = GST_ELEMENT_CLASS(gst_lus_segment_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    gst_lus_segment_close_model(self);
  return ret;
}

/* ---- stream ---- */

static gboolean start(GstBaseTransform *trans)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);

  GST_OBJECT_LOCK(self);
  self->frames = self->skipped = 0;
  self->state = LUS_GUARD_CLEAR;
  self->age = GST_CLOCK_TIME_NONE;
  self->mode_known = FALSE;
  gst_lus_stats_reset(&self->stats, self->model_cost, 0);
  gst_lus_stats_reset(&self->cost, LIVE_COST, LIVE_STEP);
  GST_OBJECT_UNLOCK(self);
  self->zone[0] = '\0';
  self->failed = FALSE;
  self->overload = (GstLusOverload){.warned = FALSE};
  gst_lus_segment_forget_result(self);
  return TRUE;
}

static gboolean stop(GstBaseTransform *trans)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);

  gst_lus_segment_forget_scene(self);
  g_clear_pointer(&self->worker, gst_lus_worker_free);
  return TRUE;
}

/* A pixel of a picture of another size has another size in mm, which nobody told. */
static void forget_scale(GstLusSegment *self, const GstVideoInfo *before)
{
  const gboolean same = before->width == self->info.width && before->height == self->info.height;
  gboolean lost;

  GST_OBJECT_LOCK(self);
  lost = !same && self->frames > 0 && self->settings.mm_per_pixel > 0 && !self->depth_changed;
  self->depth_changed |= lost;
  GST_OBJECT_UNLOCK(self);
  if (lost)
    GST_ELEMENT_WARNING(self, STREAM, FORMAT,
                        ("The pictures' size went from %dx%d to %dx%d: mm per pixel is unknown from here on.", before->width,
                         before->height, self->info.width, self->info.height),
                        ("Set mm-per-pixel again."));
}

static gboolean set_caps(GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  const GstVideoInfo before = self->info;
  g_autoptr(GError) error = NULL;

  (void)out;
  gst_lus_segment_forget_scene(self);
  if (!gst_video_info_from_caps(&self->info, in) || !gst_lus_image_from_info(&self->image, &self->info))
    return FALSE;
  forget_scale(self, &before);
  if (GST_VIDEO_INFO_IS_INTERLACED(&self->info)) {
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("The video is interlaced: two moments in one picture comb what moves."),
                      ("Set the source to a progressive mode, or put deinterlace before lussegment."));
    return FALSE;
  }
  if (lus_segmenter_set_frame_size(self->segmenter, self->info.width, self->info.height, &error))
    return TRUE;
  GST_ELEMENT_ERROR(self, LIBRARY, INIT, ("%s", error->message),
                    ("for pictures of %dx%d", self->info.width, self->info.height));
  return FALSE;
}

static void ask_for_mode(GstLusSegment *self)
{
  GST_OBJECT_LOCK(self);
  self->mode_known = FALSE;
  GST_OBJECT_UNLOCK(self);
}

static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);

  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_STREAM_START:
    self->zone[0] = '\0';
    gst_lus_segment_forget_scene(self);
    ask_for_mode(self);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_lus_segment_forget_scene(self);
    break;
  case GST_EVENT_SEGMENT:
    gst_lus_segment_forget_result(self);
    lus_guard_reset(self->guard);
    break;
  case GST_EVENT_TAG:
    if (gst_lus_zone_from_tag_event(event, self->zone))
      gst_lus_segment_forget_scene(self);
    break;
  default:
    gst_lus_hear_of_zone(GST_OBJECT(self), event, &self->new_zone);
  }
  return GST_BASE_TRANSFORM_CLASS(gst_lus_segment_parent_class)->sink_event(trans, event);
}

static gboolean is_latest(GstLusSegment *self)
{
  gboolean latest;

  GST_OBJECT_LOCK(self);
  latest = self->latest;
  GST_OBJECT_UNLOCK(self);
  return latest;
}

static gboolean src_event(GstBaseTransform *trans, GstEvent *event)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);

  /* Where pictures wait for the model, a sink that finds them late would have decoders drop others before they are measured:
   * results and exams would depend on the machine's pace. */
  if (GST_EVENT_TYPE(event) == GST_EVENT_QOS && !is_latest(self)) {
    gst_event_unref(event);
    return TRUE;
  }
  gst_lus_hear_of_zone(GST_OBJECT(self), event, &self->new_zone);
  return GST_BASE_TRANSFORM_CLASS(gst_lus_segment_parent_class)->src_event(trans, event);
}

static gboolean query(GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  GstClockTime min, max, own;
  gboolean live;

  if (!GST_BASE_TRANSFORM_CLASS(gst_lus_segment_parent_class)->query(trans, direction, query))
    return FALSE;
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY) {
    gst_query_parse_latency(query, &live, &min, &max);
    GST_OBJECT_LOCK(self);
    own = self->mode == MODE_LATEST || (self->mode == MODE_AUTO && live) ? self->cost.latency : self->stats.latency;
    GST_OBJECT_UNLOCK(self);
    gst_query_set_latency(query, live, min + own, GST_CLOCK_TIME_IS_VALID(max) ? max + own : max);
  }
  return TRUE;
}

/* ---- properties ---- */

static LusGuardState guard_of(guint id)
{
  switch (id) {
  case PROP_SIGNAL_DETECT: return LUS_GUARD_NO_SIGNAL;
  case PROP_FREEZE_DETECT: return LUS_GUARD_FROZEN;
  case PROP_CONTACT_DETECT: return LUS_GUARD_NO_CONTACT;
  case PROP_DEPTH_DETECT: return LUS_GUARD_NEW_DEPTH;
  default: return LUS_GUARD_CLEAR;
  }
}

/* The segmenter's recipe. The object is locked. */
static void set_recipe(GstLusSegment *self, guint id, const GValue *value)
{
  LusRect roi;

  self->changed = TRUE;
  switch (id) {
  case PROP_MODEL_FILE:
    g_free(self->recipe.model_file);
    self->recipe.model_file = g_value_dup_string(value);
    break;
  case PROP_THREADS: self->recipe.config.threads = g_value_get_int(value); break;
  case PROP_PRECISION: self->recipe.config.precision = (LusPrecision)g_value_get_enum(value); break;
  case PROP_SECTOR: self->recipe.config.sector_mode = (LusSectorMode)g_value_get_enum(value); break;
  case PROP_PROFILE_FILE: self->recipe.config.profile_file = g_intern_string(g_value_get_string(value)); break;
  default:
    if (gst_lus_rect_from_value(&roi, value))
      self->recipe.config.roi = roi;
    else
      g_warning("lussegment: roi needs four whole numbers <x, y, width, height> of a rectangle that is not empty");
  }
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusSegment *self = GST_LUS_SEGMENT(object);

  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_MODEL_FILE:
  case PROP_THREADS:
  case PROP_PRECISION:
  case PROP_SECTOR:
  case PROP_PROFILE_FILE:
  case PROP_ROI: set_recipe(self, id, value); break;
  case PROP_MODE:
    self->mode = (GstLusMode)g_value_get_enum(value);
    self->mode_known = FALSE;
    break;
  case PROP_INTERVAL: self->settings.interval = g_value_get_uint(value); break;
  case PROP_MM_PER_PIXEL:
    self->settings.mm_per_pixel = g_value_get_double(value);
    self->depth_changed = FALSE;
    break;
  case PROP_SIGNAL_DETECT:
  case PROP_FREEZE_DETECT:
  case PROP_CONTACT_DETECT:
  case PROP_DEPTH_DETECT: self->settings.detect[guard_of(id)] = (GstLusDetect)g_value_get_enum(value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

/* The object is locked. */
static GstStructure *make_stats(const GstLusSegment *self)
{
  const GstLusStats *latency = self->latest ? &self->cost : &self->stats;

  return gst_structure_new(
      "lussegment-stats", "frames", G_TYPE_UINT64, self->frames, "inferred", G_TYPE_UINT64, self->stats.count,
      "skipped", G_TYPE_UINT64, self->skipped, "mean-ms", G_TYPE_DOUBLE, gst_lus_stats_mean(&self->stats), "p95-ms",
      G_TYPE_DOUBLE, (gdouble)self->stats.p95 / GST_MSECOND, "latency-ms", G_TYPE_DOUBLE,
      (gdouble)latency->latency / GST_MSECOND, "picture-mean-ms", G_TYPE_DOUBLE, gst_lus_stats_mean(latency),
      "picture-p95-ms", G_TYPE_DOUBLE, (gdouble)latency->p95 / GST_MSECOND, "age", G_TYPE_UINT64, self->age, "mode",
      G_TYPE_STRING, self->latest ? "latest" : "sync", "guard", G_TYPE_STRING, lus_guard_name(self->state),
      "kernels", G_TYPE_STRING, self->kernels ? self->kernels : "", NULL);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusSegment *self = GST_LUS_SEGMENT(object);

  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_MODEL_FILE: g_value_set_string(value, self->recipe.model_file); break;
  case PROP_MODEL_INFO: g_value_take_boxed(value, self->model ? gst_lus_model_to_structure(self->model) : NULL); break;
  case PROP_THREADS: g_value_set_int(value, self->recipe.config.threads); break;
  case PROP_MODE: g_value_set_enum(value, (gint)self->mode); break;
  case PROP_INTERVAL: g_value_set_uint(value, self->settings.interval); break;
  case PROP_PRECISION: g_value_set_enum(value, self->recipe.config.precision); break;
  case PROP_SECTOR: g_value_set_enum(value, self->recipe.config.sector_mode); break;
  case PROP_PROFILE_FILE: g_value_set_string(value, self->recipe.config.profile_file); break;
  case PROP_ROI: gst_lus_rect_to_value(value, self->recipe.config.roi); break;
  case PROP_MM_PER_PIXEL: g_value_set_double(value, self->settings.mm_per_pixel); break;
  case PROP_SIGNAL_DETECT:
  case PROP_FREEZE_DETECT:
  case PROP_CONTACT_DETECT:
  case PROP_DEPTH_DETECT: g_value_set_enum(value, (gint)self->settings.detect[guard_of(id)]); break;
  case PROP_STATS: g_value_take_boxed(value, make_stats(self)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void finalize(GObject *object)
{
  GstLusSegment *self = GST_LUS_SEGMENT(object);

  gst_lus_segment_close_model(self);
  lus_segmenter_job_free(self->job);
  lus_guard_free(self->guard);
  g_free(self->recipe.model_file);
  G_OBJECT_CLASS(gst_lus_segment_parent_class)->finalize(object);
}

static void gst_lus_segment_init(GstLusSegment *self)
{
  self->settings.interval = 1;
  self->job = lus_segmenter_job_new();
  self->guard = lus_guard_new();
  gst_lus_stats_reset(&self->cost, LIVE_COST, LIVE_STEP);
  /* The base class's QoS drops pictures, which nobody wants. */
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void install_detect(GObjectClass *object, guint id, const char *name, const char *nick, const char *blurb)
{
  g_object_class_install_property(
      object, id, g_param_spec_enum(name, nick, blurb, detect_get_type(), DETECT_AUTO, GST_LUS_PARAM_FLAGS));
}

static void install_guards(GObjectClass *object)
{
  install_detect(object, PROP_SIGNAL_DETECT, "signal-detect", "Detect signal",
                 "Take results away while there is no ultrasound: black, one grey, colour bars, noise");
  install_detect(object, PROP_FREEZE_DETECT, "freeze-detect", "Detect freeze",
                 "Take results away while the picture stays the same");
  install_detect(object, PROP_CONTACT_DETECT, "contact-detect", "Detect contact",
                 "Take results away while the probe is off the skin");
  install_detect(object, PROP_DEPTH_DETECT, "depth-detect", "Detect depth",
                 "Take results and mm per pixel away when depth or zoom change");
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
  g_object_class_install_property(object, PROP_MODE, g_param_spec_enum("inference-mode", "Inference mode",
      "Whether pictures wait for results", mode_get_type(), MODE_AUTO, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_INTERVAL, g_param_spec_uint("inference-interval", "Inference interval",
      "Run the model on every n-th picture; those between carry its last result, flagged as reused and with its age", 1,
      1000, 1, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_PRECISION, g_param_spec_enum("precision", "Precision",
      "Arithmetic of the model's convolutions", precision_get_type(), LUS_PRECISION_AUTO, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_SECTOR, g_param_spec_enum("sector", "Sector",
      "Which part of the picture is ultrasound", sector_mode_get_type(), LUS_SECTOR_AUTO, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_PROFILE_FILE, g_param_spec_string("profile-file", "Profile file",
      "Key file that remembers the scanner's sector from run to run, made where it is missing (unset = none)", NULL,
      GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_ROI, gst_param_spec_array("roi", "Region of interest",
      "The sector's rectangle <x, y, width, height> in pixels, for sector=manual",
      g_param_spec_int("number", "Number", "x, y, width or height in pixels", 0, LUS_FRAME_MAX, 0, GST_LUS_PARAM_FLAGS),
      GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_MM_PER_PIXEL, g_param_spec_double("mm-per-pixel", "mm per pixel",
      "Size of a picture's pixel in mm (0 = unknown); after a change of depth or picture size unknown until it is set again",
      0, 10, 0, GST_LUS_PARAM_NUMBER));
  install_guards(object);
  g_object_class_install_property(
      object, PROP_STATS,
      g_param_spec_boxed(
          "stats", "Statistics",
          "frames (pictures seen), inferred (results), skipped (pictures the model was too slow for), mean-ms and "
          "p95-ms (time per result), latency-ms (reported), picture-mean-ms and picture-p95-ms (what a picture waits), "
          "age (of the last result attached, in ns), mode, guard",
          GST_TYPE_STRUCTURE, GST_LUS_PARAM_READ));
}

static void gst_lus_segment_class_init(GstLusSegmentClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);

  install_properties(G_OBJECT_CLASS(klass));
  gst_type_mark_as_plugin_api(mode_get_type(), 0);
  gst_type_mark_as_plugin_api(detect_get_type(), 0);
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
  trans->src_event = src_event;
  trans->query = query;
  trans->propose_allocation = gst_lus_propose_allocation;
  trans->before_transform = gst_lus_sync_values;
  trans->transform_ip = gst_lus_segment_picture;
}
