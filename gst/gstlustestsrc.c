/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lustestsrc
 *
 * A simulated probe: B-mode lung ultrasound whose anatomy, lung water and machine settings follow from seed, stream and
 * patient. Same properties, same pictures. A whole exam is a concat of six of them:
 *
 *   gst-launch-1.0 concat name=c ! lussegment ! lusconfmask ! lussfestimate ! lusoverlay ! videoconvert ! autovideosink
 * \ lustestsrc zone=R1 stream=1 num-buffers=60 ! c.  lustestsrc zone=R2 stream=2 num-buffers=60 ! c.
 */
#include "gstluselements.h"
#include "gstlusvideo.h"
#include <gst/base/gstpushsrc.h>

GST_DEBUG_CATEGORY_STATIC(lustestsrc_debug);
#define GST_CAT_DEFAULT lustestsrc_debug

#define SIZE_RANGE "[ " G_STRINGIFY(LUS_FRAME_MIN) ", 2048 ]"
#define SRC_CAPS \
  "video/x-raw, format = (string) { GRAY8, I420 }, width = (int) " SIZE_RANGE ", height = (int) " SIZE_RANGE ", " \
  "framerate = (fraction) [ 1/1000, 1000/1 ]"

#define DEFAULT_WIDTH 640
#define DEFAULT_HEIGHT 480
#define DEFAULT_FPS 30

struct _GstLusTestSrc {
  GstPushSrc parent;

  /* Settings, under the object lock; changed: the scene is to be drawn anew. */
  guint64 seed, stream, patient;
  LusProbe probe;
  gdouble water;
  gboolean screen;
  gchar *zone;
  gboolean changed;

  /* The streaming thread's own. */
  GstVideoInfo info;
  LusPhantom *phantom;
  guint64 frame;
  guint64 since; /* the first frame at the caps' frame rate, */
  GstClockTime since_pts; /* and its PTS */
  guint8 to_limited[256]; /* full-range luma to 16..235 */
};

#define GST_TYPE_LUS_TEST_SRC (gst_lus_test_src_get_type())
G_DECLARE_FINAL_TYPE(GstLusTestSrc, gst_lus_test_src, GST, LUS_TEST_SRC, GstPushSrc)
G_DEFINE_TYPE(GstLusTestSrc, gst_lus_test_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lustestsrc, "lustestsrc", GST_RANK_NONE, GST_TYPE_LUS_TEST_SRC,
                                      GST_DEBUG_CATEGORY_INIT(lustestsrc_debug, "lustestsrc", 0, "simulated probe"))

enum { PROP_0, PROP_SEED, PROP_STREAM, PROP_PATIENT, PROP_PROBE, PROP_WATER, PROP_SCREEN, PROP_ZONE, PROP_IS_LIVE };

GST_LUS_DEFINE_ENUM(probe_get_type, "GstLusProbe",
                    {LUS_PROBE_RANDOM, "Drawn from seed and stream", "random"},
                    {LUS_PROBE_LINEAR, "Linear: a rectangle", "linear"},
                    {LUS_PROBE_CONVEX, "Convex: a wide fan with an arc on top", "convex"},
                    {LUS_PROBE_PHASED, "Phased: a fan with a narrow tip", "phased"})

/* Goes out before the next buffer, behind the segment. */
static void send_zone(GstLusTestSrc *self)
{
  GstEvent *event = NULL;

  GST_OBJECT_LOCK(self);
  if (self->zone && *self->zone)
    event = gst_event_new_tag(gst_lus_zone_to_tags(self->zone));
  GST_OBJECT_UNLOCK(self);
  if (event)
    gst_element_send_event(GST_ELEMENT(self), event);
}

static gboolean start(GstBaseSrc *base)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(base);

  self->frame = self->since = self->since_pts = 0;
  send_zone(self);
  return TRUE;
}

static gboolean stop(GstBaseSrc *base)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(base);

  g_clear_pointer(&self->phantom, lus_phantom_free);
  return TRUE;
}

static GstCaps *fixate(GstBaseSrc *base, GstCaps *caps)
{
  GstStructure *structure;

  caps = gst_caps_make_writable(caps);
  structure = gst_caps_get_structure(caps, 0);
  gst_structure_fixate_field_nearest_int(structure, "width", DEFAULT_WIDTH);
  gst_structure_fixate_field_nearest_int(structure, "height", DEFAULT_HEIGHT);
  gst_structure_fixate_field_nearest_fraction(structure, "framerate", DEFAULT_FPS, 1);
  return GST_BASE_SRC_CLASS(gst_lus_test_src_parent_class)->fixate(base, caps);
}

static GstClockTime pts_of(const GstLusTestSrc *self, guint64 frame)
{
  const guint64 second = GST_SECOND * (guint64)self->info.fps_d;

  return self->since_pts + gst_util_uint64_scale(frame - self->since, second, (guint64)self->info.fps_n);
}

/* Another frame rate goes on where the one before ends. */
static gboolean set_caps(GstBaseSrc *base, GstCaps *caps)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(base);
  GstVideoInfo info;

  if (!gst_video_info_from_caps(&info, caps))
    return FALSE;
  if (self->frame > 0 && (info.fps_n != self->info.fps_n || info.fps_d != self->info.fps_d)) {
    self->since_pts = pts_of(self, self->frame);
    self->since = self->frame;
  }
  self->info = info;
  gst_base_src_set_blocksize(base, (guint)self->info.size);
  g_clear_pointer(&self->phantom, lus_phantom_free);
  return TRUE;
}

static gboolean decide_allocation(GstBaseSrc *base, GstQuery *query)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(base);
  gboolean update = gst_query_get_n_allocation_pools(query) > 0;
  GstBufferPool *pool = NULL;
  guint size = 0, min = 0, max = 0;
  GstStructure *config;
  GstCaps *caps = NULL;

  gst_query_parse_allocation(query, &caps, NULL);
  if (update)
    gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
  size = MAX(size, (guint)self->info.size);
  if (!pool)
    pool = gst_video_buffer_pool_new();
  config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, caps, size, min, max);
  if (gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL))
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_set_config(pool, config);
  if (update)
    gst_query_set_nth_allocation_pool(query, 0, pool, size, min, max);
  else
    gst_query_add_allocation_pool(query, pool, size, min, max);
  gst_object_unref(pool);
  return GST_BASE_SRC_CLASS(gst_lus_test_src_parent_class)->decide_allocation(base, query);
}

/* The stream's identity, which exams list, follows from the scene. */
static void answer_uri(GstLusTestSrc *self, GstQuery *query)
{
  g_autofree char *uri = NULL;

  GST_OBJECT_LOCK(self);
  uri = g_strdup_printf("lustestsrc:%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, self->seed,
                        self->patient, self->stream);
  GST_OBJECT_UNLOCK(self);
  gst_query_set_uri(query, uri);
}

static gboolean query(GstBaseSrc *base, GstQuery *query)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(base);
  GstClockTime frame = 0;

  if (self->info.fps_n > 0)
    frame = gst_util_uint64_scale_int(GST_SECOND, self->info.fps_d, self->info.fps_n);
  if (GST_QUERY_TYPE(query) == GST_QUERY_URI) {
    answer_uri(self, query);
    return TRUE;
  }
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && frame > 0) {
    gst_query_set_latency(query, gst_base_src_is_live(base), frame, GST_CLOCK_TIME_NONE);
    return TRUE;
  }
  if (GST_QUERY_TYPE(query) == GST_QUERY_DURATION && frame > 0) {
    GstFormat format;
    gst_query_parse_duration(query, &format, NULL);
    if (format == GST_FORMAT_TIME && base->num_buffers >= 0) {
      gst_query_set_duration(query, format, (gint64)pts_of(self, MAX((guint64)base->num_buffers, self->since)));
      return TRUE;
    }
  }
  return GST_BASE_SRC_CLASS(gst_lus_test_src_parent_class)->query(base, query);
}

static void get_times(GstBaseSrc *base, GstBuffer *buffer, GstClockTime *from, GstClockTime *to)
{
  *from = *to = GST_CLOCK_TIME_NONE;
  if (gst_base_src_is_live(base) && GST_BUFFER_PTS_IS_VALID(buffer)) {
    *from = GST_BUFFER_PTS(buffer);
    *to = *from + GST_BUFFER_DURATION(buffer);
  }
}

static gboolean draw_scene(GstLusTestSrc *self)
{
  LusPhantomConfig config;
  GError *error = NULL;
  gboolean changed;

  GST_OBJECT_LOCK(self);
  lus_phantom_config_init(&config);
  config.seed = self->seed;
  config.stream = self->stream;
  config.patient = self->patient;
  config.probe = self->probe;
  config.water = self->water;
  config.screen = self->screen;
  changed = self->changed;
  self->changed = FALSE;
  GST_OBJECT_UNLOCK(self);
  if (self->phantom && !changed)
    return TRUE;
  config.width = self->info.width;
  config.height = self->info.height;
  g_clear_pointer(&self->phantom, lus_phantom_free);
  self->phantom = lus_phantom_new(&config, &error);
  if (self->phantom)
    return TRUE;
  GST_ELEMENT_ERROR(self, LIBRARY, SETTINGS, ("%s", error->message), ("the simulated scene could not be drawn"));
  g_error_free(error);
  return FALSE;
}

/* Y'CbCr is limited range unless the caps say otherwise; grey chroma is 128. */
static void finish_i420(GstLusTestSrc *self, GstVideoFrame *frame)
{
  if (self->info.colorimetry.range != GST_VIDEO_COLOR_RANGE_0_255) {
    for (int y = 0; y < GST_VIDEO_FRAME_HEIGHT(frame); y++) {
      guint8 *row = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 0) + (gsize)y * GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0);
      for (int x = 0; x < GST_VIDEO_FRAME_WIDTH(frame); x++)
        row[x] = self->to_limited[row[x]];
    }
  }
  for (int c = 1; c < 3; c++) {
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(frame, c); y++)
      memset((guint8 *)GST_VIDEO_FRAME_COMP_DATA(frame, c) + (gsize)y * GST_VIDEO_FRAME_COMP_STRIDE(frame, c), 128,
             (gsize)GST_VIDEO_FRAME_COMP_WIDTH(frame, c));
  }
}

static GstFlowReturn fill(GstPushSrc *push, GstBuffer *buffer)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(push);
  const GstClockTime pts = pts_of(self, self->frame);
  const double since = (double)self->since_pts / GST_SECOND;
  GstVideoFrame frame;

  if (!draw_scene(self))
    return GST_FLOW_ERROR;
  if (!gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("Cannot write to the picture's memory."), (NULL));
    return GST_FLOW_ERROR;
  }
  lus_phantom_render(self->phantom, since + (double)(self->frame - self->since) * self->info.fps_d / self->info.fps_n,
                     GST_VIDEO_FRAME_PLANE_DATA(&frame, 0), GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), NULL);
  if (GST_VIDEO_FRAME_FORMAT(&frame) == GST_VIDEO_FORMAT_I420)
    finish_i420(self, &frame);
  gst_video_frame_unmap(&frame);
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION(buffer) = pts_of(self, self->frame + 1) - pts;
  GST_BUFFER_OFFSET(buffer) = self->frame++;
  GST_BUFFER_OFFSET_END(buffer) = self->frame;
  return GST_FLOW_OK;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(object);

  if (id == PROP_IS_LIVE) {
    gst_base_src_set_live(GST_BASE_SRC(self), g_value_get_boolean(value));
    return;
  }
  GST_OBJECT_LOCK(self);
  self->changed |= id != PROP_ZONE;
  switch (id) {
  case PROP_SEED: self->seed = g_value_get_uint64(value); break;
  case PROP_STREAM: self->stream = g_value_get_uint64(value); break;
  case PROP_PATIENT: self->patient = g_value_get_uint64(value); break;
  case PROP_PROBE: self->probe = (LusProbe)g_value_get_enum(value); break;
  case PROP_WATER: self->water = g_value_get_double(value); break;
  case PROP_SCREEN: self->screen = g_value_get_boolean(value); break;
  case PROP_ZONE:
    g_free(self->zone);
    self->zone = g_value_dup_string(value);
    break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
  if (id == PROP_ZONE && GST_BASE_SRC_IS_STARTED(self))
    send_zone(self);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusTestSrc *self = GST_LUS_TEST_SRC(object);

  if (id == PROP_IS_LIVE) {
    g_value_set_boolean(value, gst_base_src_is_live(GST_BASE_SRC(self)));
    return;
  }
  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_SEED: g_value_set_uint64(value, self->seed); break;
  case PROP_STREAM: g_value_set_uint64(value, self->stream); break;
  case PROP_PATIENT: g_value_set_uint64(value, self->patient); break;
  case PROP_PROBE: g_value_set_enum(value, self->probe); break;
  case PROP_WATER: g_value_set_double(value, self->water); break;
  case PROP_SCREEN: g_value_set_boolean(value, self->screen); break;
  case PROP_ZONE: g_value_set_string(value, self->zone); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  GST_OBJECT_UNLOCK(self);
}

static void finalize(GObject *object)
{
  g_free(GST_LUS_TEST_SRC(object)->zone);
  G_OBJECT_CLASS(gst_lus_test_src_parent_class)->finalize(object);
}

static void gst_lus_test_src_init(GstLusTestSrc *self)
{
  self->probe = LUS_PROBE_RANDOM;
  self->water = -1;
  self->screen = TRUE;
  for (int i = 0; i < 256; i++)
    self->to_limited[i] = (guint8)(16 + (i * 219 + 127) / 255);
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
}

static void install_properties(GObjectClass *object)
{
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property(object, PROP_SEED, g_param_spec_uint64("seed", "Seed",
      "Seed of everything random; same seed and stream, same pictures", 0, G_MAXUINT64, 0, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_STREAM, g_param_spec_uint64("stream", "Stream",
      "Number of the scene under this seed", 0, G_MAXUINT64, 0, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_PATIENT, g_param_spec_uint64("patient", "Patient",
      "Number of the patient whose anatomy and machine settings all scenes share (0 = another one per stream)", 0,
      G_MAXUINT64, 0, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_PROBE, g_param_spec_enum("probe", "Probe",
      "Kind of probe", probe_get_type(), LUS_PROBE_RANDOM, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(
      object, PROP_WATER,
      g_param_spec_double(
          "water", "Lung water",
          "Lung water, 0 (dry) to 1; it sets number, width and strength of vertical lines (below 0 = drawn at random)",
          -1, 1, -1, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(
      object, PROP_SCREEN,
      g_param_spec_boolean("screen", "Screen",
                           "Whole scanner screen with margins, text and depth marks, instead of the sector alone", TRUE,
                           GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_ZONE, g_param_spec_string("zone", "Zone",
      "Lung zone announced by the tag keywords=lus-zone:ZONE, e.g. R1 (unset = none)", NULL, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_IS_LIVE, g_param_spec_boolean("is-live", "Is live",
      "Send pictures at the frame rate, as a capture device does", FALSE,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
}

static void gst_lus_test_src_class_init(GstLusTestSrcClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseSrcClass *base = GST_BASE_SRC_CLASS(klass);
  static GstStaticPadTemplate src =
      GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(SRC_CAPS));

  install_properties(G_OBJECT_CLASS(klass));
  gst_type_mark_as_plugin_api(probe_get_type(), 0);
  gst_element_class_add_static_pad_template(element, &src);
  gst_element_class_set_static_metadata(element, "Simulated lung-ultrasound probe", "Source/Video",
      "Simulated B-mode lung ultrasound with a known amount of lung water. " LUS_NOTICE, "Lus developers");
  base->start = start;
  base->stop = stop;
  base->fixate = fixate;
  base->set_caps = set_caps;
  base->decide_allocation = decide_allocation;
  base->query = query;
  base->get_times = get_times;
  GST_PUSH_SRC_CLASS(klass)->fill = fill;
}
