/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lusconfmask
 *
 * Turns the confidences of lussegment into masks: a pixel is in its class's mask when its confidence reaches the
 * class's threshold. With output=mask the stream itself becomes pictures of class ids (GRAY8: 0 none, else class number
 * + 1) of the frame's size, for pngenc, filesink and others; a picture without a result is 0 throughout.
 *
 *   gst-launch-1.0 filesrc location=clip.mkv ! decodebin ! lussegment ! lusconfmask output=mask ! pngenc ! \
 *     multifilesink location=mask%06d.png
 */
#include "gstlusanalytics.h"
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstlusvideo.h"

GST_DEBUG_CATEGORY_STATIC(lusconfmask_debug);
#define GST_CAT_DEFAULT lusconfmask_debug

#define DEFAULT_THRESHOLD 0.6

typedef enum { OUTPUT_META, OUTPUT_MASK } Output;

struct _GstLusConfMask {
  GstBaseTransform parent;

  /* Settings, under the object lock. */
  gdouble threshold;
  GstStructure *class_thresholds;
  gint min_area;
  gdouble hysteresis, temporal_alpha;
  Output output;
  gboolean new_zone; /* told by an event */
  gboolean unchecked; /* class_thresholds were set since they were looked over */

  /* The streaming thread's own. */
  GstVideoInfo in_info, out_info;
  LusMasker *masker;
  LusSegmentation *segmentation; /* the last one, and its mask as made with config */
  LusMask *mask;
  LusConfidenceConfig config;
  char zone[LUS_ZONE_LENGTH]; /* from the last tag */
  char model[65];             /* SHA-256 of the one that class_thresholds were looked over for */
};

#define GST_TYPE_LUS_CONF_MASK (gst_lus_conf_mask_get_type())
G_DECLARE_FINAL_TYPE(GstLusConfMask, gst_lus_conf_mask, GST, LUS_CONF_MASK, GstBaseTransform)
G_DEFINE_TYPE(GstLusConfMask, gst_lus_conf_mask, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lusconfmask, "lusconfmask", GST_RANK_NONE, GST_TYPE_LUS_CONF_MASK,
                                      GST_DEBUG_CATEGORY_INIT(lusconfmask_debug, "lusconfmask", 0, "masks"))

enum { PROP_0, PROP_THRESHOLD, PROP_CLASS_THRESHOLDS, PROP_MIN_AREA, PROP_HYSTERESIS, PROP_TEMPORAL_ALPHA, PROP_OUTPUT };

GST_LUS_DEFINE_ENUM(output_get_type, "GstLusConfMaskOutput",
                    {OUTPUT_META, "Pictures pass through, masks travel as metadata", "meta"},
                    {OUTPUT_MASK, "The pictures become GRAY8 class ids", "mask"})

static Output get_output(GstLusConfMask *self)
{
  Output output;

  GST_OBJECT_LOCK(self);
  output = self->output;
  GST_OBJECT_UNLOCK(self);
  return output;
}

static void forget_mask(GstLusConfMask *self)
{
  g_clear_pointer(&self->segmentation, lus_segmentation_unref);
  g_clear_pointer(&self->mask, lus_mask_unref);
}

/* Nothing of the pictures so far counts for those to come. */
static void forget_scene(GstLusConfMask *self)
{
  forget_mask(self);
  if (self->masker)
    lus_masker_reset(self->masker);
}

static gboolean start(GstBaseTransform *trans)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(trans);

  self->masker = lus_masker_new();
  self->zone[0] = '\0';
  if (self->masker)
    return TRUE;
  GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("Out of memory for the masks."), (NULL));
  return FALSE;
}

static gboolean stop(GstBaseTransform *trans)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(trans);

  forget_mask(self);
  g_clear_pointer(&self->masker, lus_masker_free);
  return TRUE;
}

/* Masks come in any picture's size, but in one format; pictures for masks may have any format. */
static GstCaps *transform_caps(GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps, GstCaps *filter)
{
  GstCaps *result = gst_caps_copy(caps);

  if (get_output(GST_LUS_CONF_MASK(trans)) == OUTPUT_MASK) {
    for (guint i = 0; i < gst_caps_get_size(result); i++) {
      GstStructure *structure = gst_caps_get_structure(result, i);
      gst_structure_remove_fields(structure, "format", "colorimetry", "chroma-site", NULL);
      if (direction == GST_PAD_SINK)
        gst_structure_set(structure, "format", G_TYPE_STRING, "GRAY8", NULL);
    }
    result = gst_caps_merge(gst_caps_new_empty(), result); /* gst_caps_simplify() would mix frame rates and their order */
  }
  if (filter) {
    GstCaps *both = gst_caps_intersect_full(filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(result);
    result = both;
  }
  return result;
}

/* GRAY8 pictures become masks in place, others in a new buffer. */
static gboolean set_caps(GstBaseTransform *trans, GstCaps *in, GstCaps *out)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(trans);

  forget_scene(self);
  if (!gst_video_info_from_caps(&self->in_info, in) || !gst_video_info_from_caps(&self->out_info, out))
    return FALSE;
  gst_base_transform_set_in_place(trans,
                                  GST_VIDEO_INFO_FORMAT(&self->in_info) == GST_VIDEO_INFO_FORMAT(&self->out_info));
  return TRUE;
}

static gboolean transform_size(GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps, gsize size,
                               GstCaps *other_caps, gsize *other_size)
{
  GstVideoInfo info;

  (void)trans;
  (void)direction;
  (void)caps;
  (void)size;
  if (!gst_video_info_from_caps(&info, other_caps))
    return FALSE;
  *other_size = info.size;
  return TRUE;
}

static gboolean get_unit_size(GstBaseTransform *trans, GstCaps *caps, gsize *size)
{
  return transform_size(trans, GST_PAD_UNKNOWN, NULL, 0, caps, size);
}

static gboolean propose_allocation(GstBaseTransform *trans, GstQuery *decided, GstQuery *query)
{
  if (!gst_lus_propose_allocation(trans, decided, query))
    return FALSE;
  /* In place, the answer is the next element's; else the pictures end here, strides and all. */
  if (decided && !gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL))
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

/* A mask has its picture's geometry, so the result belongs to it too. */
static gboolean transform_meta(GstBaseTransform *trans, GstBuffer *out, GstMeta *meta, GstBuffer *in)
{
  if (meta->info->api == GST_LUS_SEG_META_API_TYPE)
    return TRUE;
  return GST_BASE_TRANSFORM_CLASS(gst_lus_conf_mask_parent_class)->transform_meta(trans, out, meta, in);
}

static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(trans);

  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_STREAM_START:
    self->zone[0] = '\0';
    forget_scene(self);
    break;
  case GST_EVENT_FLUSH_STOP:
  case GST_EVENT_SEGMENT:
    forget_scene(self);
    break;
  case GST_EVENT_TAG:
    if (gst_lus_zone_from_tag_event(event, self->zone))
      forget_scene(self);
    break;
  default:
    gst_lus_hear_of_zone(GST_OBJECT(self), event, &self->new_zone);
  }
  return GST_BASE_TRANSFORM_CLASS(gst_lus_conf_mask_parent_class)->sink_event(trans, event);
}

/* lussfestimate tells of zones that were chosen there. */
static gboolean src_event(GstBaseTransform *trans, GstEvent *event)
{
  gst_lus_hear_of_zone(GST_OBJECT(trans), event, &GST_LUS_CONF_MASK(trans)->new_zone);
  return GST_BASE_TRANSFORM_CLASS(gst_lus_conf_mask_parent_class)->src_event(trans, event);
}

/* "pleural_line=1" is a whole number to GStreamer. FALSE: no number of 0 to 1. */
static gboolean read_threshold(const GValue *value, gdouble *threshold)
{
  g_auto(GValue) number = G_VALUE_INIT;

  g_value_init(&number, G_TYPE_DOUBLE);
  if (!value || !g_value_type_transformable(G_VALUE_TYPE(value), G_TYPE_DOUBLE) || !g_value_transform(value, &number) ||
      !(g_value_get_double(&number) >= 0 && g_value_get_double(&number) <= 1))
    return FALSE;
  *threshold = g_value_get_double(&number);
  return TRUE;
}

/* What of class-thresholds has no effect with this model; NULL: nothing, or nothing new. */
static gchar *find_idle_thresholds(GstLusConfMask *self, const LusModel *model)
{
  const LusModelInfo *info = lus_model_info(model);
  const gboolean other = strcmp(self->model, lus_model_sha256(model)) != 0;
  g_autoptr(GString) names = g_string_new(NULL);
  gboolean unchecked;
  gdouble threshold;

  GST_OBJECT_LOCK(self);
  unchecked = (self->unchecked || other) && self->class_thresholds;
  self->unchecked = FALSE;
  for (gint i = 0; unchecked && i < gst_structure_n_fields(self->class_thresholds); i++) {
    const gchar *name = gst_structure_nth_field_name(self->class_thresholds, (guint)i);
    if (lus_model_info_class(info, name) < 0)
      g_string_append_printf(names, "%s%s (no class of the model)", names->len ? ", " : "", name);
    else if (!read_threshold(gst_structure_get_value(self->class_thresholds, name), &threshold))
      g_string_append_printf(names, "%s%s (not 0 to 1)", names->len ? ", " : "", name);
  }
  GST_OBJECT_UNLOCK(self);
  g_strlcpy(self->model, lus_model_sha256(model), sizeof(self->model));
  return names->len ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
}

static void check_thresholds(GstLusConfMask *self, const LusModel *model)
{
  g_autofree gchar *idle = find_idle_thresholds(self, model), *classes = NULL;

  if (!idle)
    return;
  classes = g_strjoinv(", ", (gchar **)lus_model_info(model)->classes);
  GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("class-thresholds: without effect: %s.", idle),
                      ("The model's classes are %s; 0.5 stands for 50 %%.", classes));
}

static void read_config(GstLusConfMask *self, const LusModelInfo *info, LusConfidenceConfig *config)
{
  memset(config, 0, sizeof(*config));
  GST_OBJECT_LOCK(self);
  for (int k = 0; k < info->n_classes; k++) {
    config->thresholds[k] = self->threshold;
    if (self->class_thresholds)
      read_threshold(gst_structure_get_value(self->class_thresholds, info->classes[k]), &config->thresholds[k]);
  }
  config->min_area = self->min_area;
  config->hysteresis = self->hysteresis;
  config->temporal_alpha = self->temporal_alpha;
  GST_OBJECT_UNLOCK(self);
}

/* The mask of @segmentation; the last one again if neither it nor the settings changed. NULL: out of memory. */
static LusMask *find_mask(GstLusConfMask *self, LusSegmentation *segmentation)
{
  LusConfidenceConfig config;
  gboolean again = self->segmentation == segmentation;

  check_thresholds(self, segmentation->model);
  read_config(self, lus_model_info(segmentation->model), &config);
  if (again && memcmp(&config, &self->config, sizeof(config)) == 0)
    return self->mask;
  forget_mask(self);
  self->mask = (again ? lus_masker_run_again : lus_masker_run)(self->masker, segmentation, &config);
  if (self->mask) {
    self->segmentation = lus_segmentation_ref(segmentation);
    self->config = config;
  }
  return self->mask;
}

static gboolean take_new_zone(GstLusConfMask *self)
{
  gboolean new_zone;

  GST_OBJECT_LOCK(self);
  new_zone = self->new_zone;
  self->new_zone = FALSE;
  GST_OBJECT_UNLOCK(self);
  return new_zone;
}

static gboolean add_mask(GstLusConfMask *self, GstBuffer *buffer)
{
  GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(buffer);
  LusMask *mask;

  /* A gap in the stream, another zone, a fault: masks begin anew. */
  if (take_new_zone(self) || GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT) || !meta || !meta->segmentation)
    forget_scene(self);
  if (!meta || !meta->segmentation)
    return TRUE;
  mask = find_mask(self, meta->segmentation);
  if (!mask) {
    GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("Out of memory for the masks."), (NULL));
    return FALSE;
  }
  gst_lus_seg_meta_set_mask(meta, mask);
  return TRUE;
}

static gboolean write_ids(GstLusConfMask *self, GstBuffer *buffer)
{
  const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(buffer);
  const LusMask *mask = meta ? meta->mask : NULL;
  const int width = self->out_info.width, height = self->out_info.height;
  GstVideoFrame frame;
  guint8 *out;
  int stride;

  if (!gst_video_frame_map(&frame, &self->out_info, buffer, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("Cannot write to the picture's memory."), (NULL));
    return FALSE;
  }
  out = GST_VIDEO_FRAME_PLANE_DATA(&frame, 0);
  stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
  if (mask)
    lus_plane_to_frame(out, stride, width, height, mask->ids, mask->width, mask->height, meta->rect, TRUE);
  else
    for (int y = 0; y < height; y++)
      memset(out + (gsize)y * (gsize)stride, 0, (gsize)width);
  gst_video_frame_unmap(&frame);
  return TRUE;
}

static GstFlowReturn transform_ip(GstBaseTransform *trans, GstBuffer *buffer)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(trans);
  gboolean grey = GST_VIDEO_INFO_FORMAT(&self->out_info) == GST_VIDEO_FORMAT_GRAY8;

  if (!add_mask(self, buffer))
    return GST_FLOW_ERROR;
  gst_lus_analytics_attach(buffer, gst_buffer_get_lus_seg_meta(buffer));
  if (grey && get_output(self) == OUTPUT_MASK && !write_ids(self, buffer))
    return GST_FLOW_ERROR;
  return GST_FLOW_OK;
}

static GstFlowReturn transform(GstBaseTransform *trans, GstBuffer *in, GstBuffer *out)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(trans);

  (void)in; /* its metas are on the new buffer already */
  if (!add_mask(self, out) || !write_ids(self, out))
    return GST_FLOW_ERROR;
  gst_lus_analytics_attach(out, gst_buffer_get_lus_seg_meta(out));
  return GST_FLOW_OK;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(object);

  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_THRESHOLD: self->threshold = g_value_get_double(value); break;
  case PROP_CLASS_THRESHOLDS:
    g_clear_pointer(&self->class_thresholds, gst_structure_free);
    self->class_thresholds = g_value_dup_boxed(value);
    self->unchecked = TRUE;
    break;
  case PROP_MIN_AREA: self->min_area = g_value_get_int(value); break;
  case PROP_HYSTERESIS: self->hysteresis = g_value_get_double(value); break;
  case PROP_TEMPORAL_ALPHA: self->temporal_alpha = g_value_get_double(value); break;
  case PROP_OUTPUT: self->output = (Output)g_value_get_enum(value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
  if (id == PROP_OUTPUT)
    gst_base_transform_reconfigure_src(GST_BASE_TRANSFORM(self));
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusConfMask *self = GST_LUS_CONF_MASK(object);

  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_THRESHOLD: g_value_set_double(value, self->threshold); break;
  case PROP_CLASS_THRESHOLDS: g_value_set_boxed(value, self->class_thresholds); break;
  case PROP_MIN_AREA: g_value_set_int(value, self->min_area); break;
  case PROP_HYSTERESIS: g_value_set_double(value, self->hysteresis); break;
  case PROP_TEMPORAL_ALPHA: g_value_set_double(value, self->temporal_alpha); break;
  case PROP_OUTPUT: g_value_set_enum(value, self->output); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void finalize(GObject *object)
{
  g_clear_pointer(&GST_LUS_CONF_MASK(object)->class_thresholds, gst_structure_free);
  G_OBJECT_CLASS(gst_lus_conf_mask_parent_class)->finalize(object);
}

static void gst_lus_conf_mask_init(GstLusConfMask *self)
{
  self->threshold = DEFAULT_THRESHOLD;
  self->temporal_alpha = 1;
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void install_properties(GObjectClass *object)
{
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property(object, PROP_THRESHOLD, g_param_spec_double("confidence-threshold",
      "Confidence threshold", "Confidence 0..1 from which on a pixel is in the mask", 0, 1, DEFAULT_THRESHOLD,
      GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_CLASS_THRESHOLDS,
                                  g_param_spec_boxed("class-thresholds", "Class thresholds",
                                                     "Thresholds 0..1 of single classes by name, e.g. \"thresholds, "
                                                     "pleural_line=0.5\"; others keep confidence-threshold",
                                                     GST_TYPE_STRUCTURE, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_MIN_AREA, g_param_spec_int("min-area", "Minimum area",
      "Parts of a mask smaller than this are dropped, in pixels of the model's output (0 = keep all)", 0, G_MAXINT, 0,
      GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_HYSTERESIS, g_param_spec_double("hysteresis", "Hysteresis",
      "Pixels up to this far (0..1) below the threshold are in the mask where they join one that reaches it", 0, 1, 0,
      GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_TEMPORAL_ALPHA, g_param_spec_double("temporal-alpha", "Temporal alpha",
      "Share of a new result in the running mean of confidences that masks are cut from (1 = no smoothing); the mean "
      "begins anew with every stream, zone, caps, flush, gap and fault", 0.01, 1, 1, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_OUTPUT, g_param_spec_enum("output", "Output",
      "Where the masks go", output_get_type(), OUTPUT_META, GST_LUS_PARAM_FLAGS));
}

static void gst_lus_conf_mask_class_init(GstLusConfMaskClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);

  install_properties(G_OBJECT_CLASS(klass));
  gst_type_mark_as_plugin_api(output_get_type(), 0);
  gst_lus_add_video_pads(element);
  gst_element_class_set_static_metadata(
      element, "Lung-ultrasound masks", "Filter/Analyzer/Video",
      "Masks from lussegment's confidences, as metadata or as GRAY8 pictures of class ids. " LUS_NOTICE,
      "Lus developers");
  trans->start = start;
  trans->stop = stop;
  trans->transform_caps = transform_caps;
  trans->set_caps = set_caps;
  trans->transform_size = transform_size;
  trans->get_unit_size = get_unit_size;
  trans->propose_allocation = propose_allocation;
  trans->transform_meta = transform_meta;
  trans->sink_event = sink_event;
  trans->src_event = src_event;
  trans->before_transform = gst_lus_sync_values;
  trans->transform = transform;
  trans->transform_ip = transform_ip;
}
