/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lusoverlay
 *
 * Draws masks, legend, status, exam and estimate on the pictures, natively in every format of liblus; what is drawn and
 * why is docs/display.md. Put it last, behind lussfestimate.
 */
#include "gstluscomposition.h"
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstlusvalues.h"
#include "gstlusvideo.h"

GST_DEBUG_CATEGORY_STATIC(lusoverlay_debug);
#define GST_CAT_DEFAULT lusoverlay_debug

/* Results that were carried over within this time make the status "Slow". */
#define SLOW_MEMORY (500 * GST_MSECOND)

struct _GstLusOverlay {
  GstVideoFilter parent;

  /* Settings, under the object lock. */
  LusOverlayConfig config; /* class_mask follows from selected */
  char **selected;         /* class names; NULL or empty = all */
  gboolean attach_texts;
  gboolean unchecked;      /* selected was set since it was looked over */

  /* The streaming thread's own. */
  LusOverlay *overlay;
  LusImage image;
  char model[65];           /* SHA-256 of the one that selected was looked over for */
  guint64 results;          /* seen in this stream */
  gboolean told_metadata, told_masks; /* what is missing was told since start() */
  GstClockTime last_result; /* stream time of the last picture with a result */
  GstClockTime last_reused;
  gboolean attaching; /* the next elements take texts as metadata */
  GstLusComposition composition;
};

#define GST_TYPE_LUS_OVERLAY (gst_lus_overlay_get_type())
G_DECLARE_FINAL_TYPE(GstLusOverlay, gst_lus_overlay, GST, LUS_OVERLAY, GstVideoFilter)
G_DEFINE_TYPE(GstLusOverlay, gst_lus_overlay, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lusoverlay, "lusoverlay", GST_RANK_NONE, GST_TYPE_LUS_OVERLAY,
                                      GST_DEBUG_CATEGORY_INIT(lusoverlay_debug, "lusoverlay", 0, "display"))

enum {
  PROP_0, PROP_OPACITY, PROP_STYLE, PROP_SELECTED_TYPES, PROP_SHOW_LEGEND, PROP_SHOW_CONFIDENCE, PROP_SHOW_ESTIMATE,
  PROP_SHOW_STATUS, PROP_EXPIRE_OVERLAY, PROP_STALE_POLICY, PROP_ATTACH_TEXTS, PROP_ENABLED
};

GST_LUS_DEFINE_ENUM(style_get_type, "GstLusOverlayStyle",
                    {LUS_OVERLAY_FILL, "Tint over the structures", "fill"},
                    {LUS_OVERLAY_CONTOUR, "Line around the structures", "contour"},
                    {LUS_OVERLAY_BOTH, "Tint and line", "both"})

GST_LUS_DEFINE_ENUM(stale_policy_get_type, "GstLusStalePolicy",
                    {LUS_STALE_DIM, "Dim and broken, hidden after three times the age", "dim"},
                    {LUS_STALE_HIDE, "Hidden at once", "hide"})

static void forget_stream(GstLusOverlay *self)
{
  self->results = 0;
  self->last_result = GST_CLOCK_TIME_NONE;
  self->last_reused = GST_CLOCK_TIME_NONE;
  if (self->overlay)
    lus_overlay_reset(self->overlay);
}

static gboolean start(GstBaseTransform *trans)
{
  GstLusOverlay *self = GST_LUS_OVERLAY(trans);

  self->overlay = lus_overlay_new();
  self->told_metadata = self->told_masks = FALSE;
  forget_stream(self);
  if (self->overlay)
    return TRUE;
  GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("Out of memory for the overlay."), (NULL));
  return FALSE;
}

static gboolean stop(GstBaseTransform *trans)
{
  gst_lus_composition_clear(&GST_LUS_OVERLAY(trans)->composition);
  g_clear_pointer(&GST_LUS_OVERLAY(trans)->overlay, lus_overlay_free);
  return TRUE;
}

static gboolean get_attach_texts(GstLusOverlay *self)
{
  gboolean attach;

  GST_OBJECT_LOCK(self);
  attach = self->attach_texts;
  GST_OBJECT_UNLOCK(self);
  return attach;
}

/* Pictures come without texts attached, and may go out with them. */
static GstCaps *transform_caps(GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps, GstCaps *filter)
{
  GstCaps *result = gst_lus_composition_remove_feature(gst_caps_copy(caps));

  if (direction == GST_PAD_SINK && get_attach_texts(GST_LUS_OVERLAY(trans)))
    result = gst_caps_merge(gst_lus_composition_add_feature(gst_caps_copy(result)), result);
  if (filter) {
    GstCaps *both = gst_caps_intersect_full(filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(result);
    result = both;
  }
  return result;
}

/* That the next elements accept such caps is not enough: they must ask for the metadata too. Asking sends the caps, so
 * that set_info() may not be called for them: what was found is kept here. */
static GstCaps *fixate_caps(GstBaseTransform *trans, GstPadDirection direction, GstCaps *caps, GstCaps *others)
{
  GstLusOverlay *self = GST_LUS_OVERLAY(trans);
  GstCaps *all = gst_caps_ref(others), *plain;

  others = GST_BASE_TRANSFORM_CLASS(gst_lus_overlay_parent_class)->fixate_caps(trans, direction, caps, others);
  if (direction == GST_PAD_SINK && gst_lus_composition_has_feature(others) &&
      !gst_lus_composition_accepted(GST_BASE_TRANSFORM_SRC_PAD(trans), others)) {
    plain = gst_lus_composition_remove_feature(gst_caps_copy(others));
    if (gst_caps_can_intersect(all, plain))
      gst_caps_replace(&others, plain);
    gst_caps_unref(plain);
  }
  gst_caps_unref(all);
  if (direction == GST_PAD_SINK)
    self->attaching = gst_lus_composition_has_feature(others);
  return others;
}

static gboolean set_info(GstVideoFilter *filter, GstCaps *in, GstVideoInfo *in_info, GstCaps *out,
                         GstVideoInfo *out_info)
{
  GstLusOverlay *self = GST_LUS_OVERLAY(filter);

  (void)in;
  (void)out;
  (void)out_info;
  gst_lus_composition_clear(&self->composition);
  lus_overlay_reset(self->overlay);
  return gst_lus_image_from_info(&self->image, in_info);
}

static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START || GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP)
    forget_stream(GST_LUS_OVERLAY(trans));
  return GST_BASE_TRANSFORM_CLASS(gst_lus_overlay_parent_class)->sink_event(trans, event);
}

static guint32 class_mask(char *const *selected, const LusModelInfo *info)
{
  guint32 mask = 0;

  if (!selected || !*selected)
    return G_MAXUINT32;
  for (; *selected; selected++) {
    int k = lus_model_info_class(info, *selected);
    if (k >= 0)
      mask |= 1u << k;
  }
  return mask;
}

/* The first of the selected names that the model doesn't know, once after each setting and for each other model; else NULL. */
static gchar *find_unknown_locked(GstLusOverlay *self, const LusModel *model)
{
  const LusModelInfo *info = lus_model_info(model);
  const gboolean other = strcmp(self->model, lus_model_sha256(model)) != 0;
  gboolean unchecked = (self->unchecked || other) && self->selected;

  self->unchecked = FALSE;
  g_strlcpy(self->model, lus_model_sha256(model), sizeof(self->model));
  for (char **name = self->selected; unchecked && *name; name++)
    if (lus_model_info_class(info, *name) < 0)
      return g_strdup(*name);
  return NULL;
}

static void warn_unknown(GstLusOverlay *self, const gchar *name, const LusModelInfo *info)
{
  g_autofree gchar *classes = g_strjoinv(", ", (gchar **)info->classes);

  GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("selected-types: the model has no class \"%s\".", name),
                      ("Its classes are %s.", classes));
}

static gboolean is_recent(GstClockTime then, GstClockTime now, GstClockTime span)
{
  return GST_CLOCK_TIME_IS_VALID(then) && GST_CLOCK_TIME_IS_VALID(now) && now >= then && now - then <= span;
}

/* The display's word for a picture without a result; the first flag that is set counts. */
static LusStatus status_without_result(GstLusSegFlags flags)
{
  static const struct {
    GstLusSegFlags flag;
    LusStatus status;
  } words[] = {
      {GST_LUS_SEG_NO_SIGNAL, LUS_STATUS_NO_SIGNAL},   {GST_LUS_SEG_NO_SECTOR, LUS_STATUS_NO_SIGNAL},
      {GST_LUS_SEG_FROZEN, LUS_STATUS_FROZEN},         {GST_LUS_SEG_NO_MODEL, LUS_STATUS_NO_MODEL},
      {GST_LUS_SEG_NO_CONTACT, LUS_STATUS_NO_CONTACT}, {GST_LUS_SEG_NEW_DEPTH, LUS_STATUS_NEW_DEPTH},
  };

  for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
    if (flags & words[i].flag)
      return words[i].status;
  }
  return LUS_STATUS_STARTING;
}

/* The display's word for what arrived with this picture. */
static LusStatus status_of(GstLusOverlay *self, const GstLusSegMeta *meta, GstClockTime now)
{
  if (!meta)
    return self->results ? LUS_STATUS_STALE : LUS_STATUS_NO_MODEL;
  if (!meta->segmentation)
    return status_without_result(meta->flags);
  if (!meta->mask)
    return LUS_STATUS_NO_MASKS;
  if (GST_CLOCK_TIME_IS_VALID(meta->age) && meta->age > (GstClockTime)self->config.expire_ns)
    return LUS_STATUS_STALE;
  return is_recent(self->last_reused, now, SLOW_MEMORY) ? LUS_STATUS_SLOW : LUS_STATUS_LIVE;
}

static void count_result(GstLusOverlay *self, const GstLusSegMeta *meta, GstClockTime now)
{
  if (!meta || !meta->segmentation)
    return;
  self->last_result = now;
  if (meta->flags & GST_LUS_SEG_REUSED)
    self->last_reused = now;
  else
    self->results++;
}

/* A line that lacks an element would show no masks, as if nothing were found. */
static void warn_missing(GstLusOverlay *self, LusStatus status, const GstLusSegMeta *meta)
{
  if (status == LUS_STATUS_NO_MODEL && !meta && !self->told_metadata) {
    self->told_metadata = TRUE;
    GST_ELEMENT_WARNING(self, STREAM, FAILED, ("No metadata of lussegment comes with the pictures."),
                        ("Put lussegment before lusoverlay; elements between them may drop metadata, as those do that crop or flip."));
  } else if (status == LUS_STATUS_NO_MASKS && !self->told_masks) {
    self->told_masks = TRUE;
    GST_ELEMENT_WARNING(self, STREAM, FAILED, ("The results have no masks, so that none is drawn."),
                        ("Put lusconfmask between lussegment and lusoverlay."));
  }
}

static gint64 mask_age(const GstLusOverlay *self, const GstLusSegMeta *meta, GstClockTime now)
{
  if (meta)
    return GST_CLOCK_TIME_IS_VALID(meta->age) ? (gint64)meta->age : -1;
  return is_recent(self->last_result, now, G_MAXINT64) ? (gint64)(now - self->last_result) : -1;
}

static GstFlowReturn transform_frame_ip(GstVideoFilter *filter, GstVideoFrame *frame)
{
  GstLusOverlay *self = GST_LUS_OVERLAY(filter);
  const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(frame->buffer);
  GstClockTime now = gst_lus_stream_time(GST_BASE_TRANSFORM(filter), frame->buffer);
  LusOverlayState state = {.now_ns = GST_CLOCK_TIME_IS_VALID(now) ? (gint64)now : 0};
  g_autofree gchar *unknown = NULL;
  LusSegmentation placed;
  LusExamView exam;

  count_result(self, meta, now);
  gst_lus_image_set_frame(&self->image, frame);
  self->image.mm_per_pixel = 0; /* a depth scale stands only beside a result */
  GST_OBJECT_LOCK(self);
  if (meta && meta->segmentation) {
    /* The planes are the result's, their place is that of this picture. */
    placed = *meta->segmentation;
    placed.rect = meta->rect;
    placed.frame_width = meta->frame_width;
    placed.frame_height = meta->frame_height;
    placed.mm_per_pixel = meta->mm_per_pixel;
    state.segmentation = &placed;
    state.mask = meta->mask;
    self->image.mm_per_pixel = meta->mm_per_pixel;
    self->config.class_mask = class_mask(self->selected, lus_model_info(placed.model));
    unknown = find_unknown_locked(self, placed.model);
  }
  state.status = status_of(self, meta, now);
  self->config.texts_apart = self->attaching;
  lus_overlay_set_config(self->overlay, &self->config);
  GST_OBJECT_UNLOCK(self);
  if (unknown)
    warn_unknown(self, unknown, lus_model_info(placed.model));
  warn_missing(self, state.status, meta);
  state.mask_age_ns = mask_age(self, meta, now);
  state.unchanged_ns = meta ? (gint64)meta->unchanged : 0;
  state.result_number = self->results;
  if (gst_lus_summary_get_exam(gst_buffer_get_lus_summary(frame->buffer), &exam))
    state.exam = &exam;
  lus_overlay_draw(self->overlay, &self->image, &state);
  if (self->attaching)
    gst_lus_composition_attach(&self->composition, frame->buffer, self->overlay);
  return GST_FLOW_OK;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusOverlay *self = GST_LUS_OVERLAY(object);

  if (id == PROP_ENABLED) {
    gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), !g_value_get_boolean(value));
    return;
  }
  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_OPACITY: self->config.opacity = g_value_get_double(value); break;
  case PROP_STYLE: self->config.style = (LusOverlayStyle)g_value_get_enum(value); break;
  case PROP_SELECTED_TYPES:
    g_strfreev(self->selected);
    self->selected = gst_lus_strings_from_value(value);
    self->unchecked = TRUE;
    break;
  case PROP_SHOW_LEGEND: self->config.show_legend = g_value_get_boolean(value); break;
  case PROP_SHOW_CONFIDENCE: self->config.show_confidence = g_value_get_boolean(value); break;
  case PROP_SHOW_ESTIMATE: self->config.show_estimate = g_value_get_boolean(value); break;
  case PROP_SHOW_STATUS: self->config.show_status = g_value_get_boolean(value); break;
  case PROP_EXPIRE_OVERLAY: self->config.expire_ns = (gint64)g_value_get_uint64(value); break;
  case PROP_STALE_POLICY: self->config.stale_policy = (LusStalePolicy)g_value_get_enum(value); break;
  case PROP_ATTACH_TEXTS: self->attach_texts = g_value_get_boolean(value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
  if (id == PROP_ATTACH_TEXTS)
    gst_base_transform_reconfigure_src(GST_BASE_TRANSFORM(self));
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusOverlay *self = GST_LUS_OVERLAY(object);

  if (id == PROP_ENABLED) {
    g_value_set_boolean(value, !gst_base_transform_is_passthrough(GST_BASE_TRANSFORM(self)));
    return;
  }
  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_OPACITY: g_value_set_double(value, self->config.opacity); break;
  case PROP_STYLE: g_value_set_enum(value, self->config.style); break;
  case PROP_SELECTED_TYPES: gst_lus_strings_to_value(value, self->selected); break;
  case PROP_SHOW_LEGEND: g_value_set_boolean(value, self->config.show_legend); break;
  case PROP_SHOW_CONFIDENCE: g_value_set_boolean(value, self->config.show_confidence); break;
  case PROP_SHOW_ESTIMATE: g_value_set_boolean(value, self->config.show_estimate); break;
  case PROP_SHOW_STATUS: g_value_set_boolean(value, self->config.show_status); break;
  case PROP_EXPIRE_OVERLAY: g_value_set_uint64(value, (guint64)self->config.expire_ns); break;
  case PROP_STALE_POLICY: g_value_set_enum(value, self->config.stale_policy); break;
  case PROP_ATTACH_TEXTS: g_value_set_boolean(value, self->attach_texts); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void finalize(GObject *object)
{
  g_strfreev(GST_LUS_OVERLAY(object)->selected);
  G_OBJECT_CLASS(gst_lus_overlay_parent_class)->finalize(object);
}

static void gst_lus_overlay_init(GstLusOverlay *self)
{
  lus_overlay_config_init(&self->config);
  self->attach_texts = TRUE;
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void install_switch(GObjectClass *object, guint id, const char *name, const char *nick, const char *blurb)
{
  g_object_class_install_property(object, id, g_param_spec_boolean(name, nick, blurb, TRUE, GST_LUS_PARAM_NUMBER));
}

static void install_properties(GObjectClass *object)
{
  LusOverlayConfig defaults;

  lus_overlay_config_init(&defaults);
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property(object, PROP_OPACITY, g_param_spec_double("opacity", "Opacity",
      "Multiplies the opacity 0..1 of masks", 0, 1, defaults.opacity, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_STYLE, g_param_spec_enum("style", "Style",
      "How masks are drawn", style_get_type(), (gint)defaults.style, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(
      object, PROP_SELECTED_TYPES,
      gst_lus_param_spec_strings("selected-types", "Selected types",
                                 "Classes to draw, e.g. <pleural_line, vertical_line> (empty = all)",
                                 "Name of a class"));
  install_switch(object, PROP_SHOW_LEGEND, "show-legend", "Show legend", "Names and marks of the classes");
  install_switch(object, PROP_SHOW_CONFIDENCE, "show-confidence", "Show confidence",
                 "Confidence in % beside the legend");
  install_switch(object, PROP_SHOW_ESTIMATE, "show-estimate", "Show estimate", "Exam, zones and S/F estimate");
  install_switch(object, PROP_SHOW_STATUS, "show-status", "Show status", "Status word and mark");
  g_object_class_install_property(object, PROP_EXPIRE_OVERLAY, g_param_spec_uint64("expire-overlay", "Expire overlay",
      "Age in ns from which on a mask is stale", 0, G_MAXINT64, (guint64)defaults.expire_ns, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_STALE_POLICY, g_param_spec_enum("stale-policy", "Stale policy",
      "What becomes of a stale mask", stale_policy_get_type(), (gint)defaults.stale_policy, GST_LUS_PARAM_FLAGS));
  install_switch(object, PROP_ATTACH_TEXTS, "attach-texts", "Attach texts",
                 "Where the next elements take GstVideoOverlayComposition, attach the texts instead of drawing them");
  install_switch(object, PROP_ENABLED, "enabled", "Enabled", "Draw at all; else pictures pass untouched");
}

static void gst_lus_overlay_class_init(GstLusOverlayClass *klass)
{
  static GstStaticPadTemplate src = GST_STATIC_PAD_TEMPLATE(
      "src", GST_PAD_SRC, GST_PAD_ALWAYS,
      GST_STATIC_CAPS(GST_LUS_VIDEO_CAPS "; video/x-raw(" GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY
                      ", " GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION "), " GST_LUS_VIDEO_FIELDS));
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);
  GstVideoFilterClass *filter = GST_VIDEO_FILTER_CLASS(klass);

  install_properties(G_OBJECT_CLASS(klass));
  gst_type_mark_as_plugin_api(style_get_type(), 0);
  gst_type_mark_as_plugin_api(stale_policy_get_type(), 0);
  gst_lus_add_video_sink(element);
  gst_element_class_add_static_pad_template(element, &src);
  gst_element_class_set_static_metadata(element, "Lung-ultrasound display", "Filter/Effect/Visualization/Video",
      "Draws masks, legend, status, exam and estimate. " LUS_NOTICE, "Lus developers");
  trans->start = start;
  trans->stop = stop;
  trans->sink_event = sink_event;
  trans->transform_caps = transform_caps;
  trans->fixate_caps = fixate_caps;
  trans->propose_allocation = gst_lus_propose_allocation;
  trans->before_transform = gst_lus_sync_values;
  trans->transform_ip = gst_lus_transform_ip;
  trans->transform_ip_on_passthrough = FALSE;
  filter->set_info = set_info;
  filter->transform_frame_ip = transform_frame_ip;
}
