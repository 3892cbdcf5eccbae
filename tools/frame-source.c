/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline.h"
#include "source.h"
#include "gstlusvideo.h"
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <stdio.h>
#include <string.h>

/* filesrc ! decodebin ! [videoconvert !] appsink, pulled frame by frame. videoconvert is there only for what no
 * LusFormat covers, such as 10-bit pictures. */

#define RAW_CAPS "video/x-raw, format = (string) " GST_LUS_VIDEO_FORMATS
#define STALL_INTERVAL (G_USEC_PER_SEC / 2)
#define STALL_LIMIT 240 /* intervals */
#define QUEUE_LENGTH 3 /* decoded pictures kept ahead */
#define ASK_EVERY 32   /* pictures after which the duration is asked for again: of some files it gets known late */

typedef struct {
  LusToolSource base;
  LusToolPipeline pipeline;
  GstElement *appsink;
  GQueue samples;        /* GstSample*, guarded by the pipeline's lock */
  gboolean ended;        /* appsink saw the end; guarded as well */
  gboolean linked;       /* a video stream was found; guarded as well */
  gboolean turned;       /* the recording says that its pictures must be turned to be upright */
  GstSample *sample;     /* the picture handed out */
  GstVideoFrame frame;
  gboolean mapped;
  GstVideoInfo info;     /* of the newest caps */
  LusImage image;        /* the same in liblus's words; the element uses the same function */
  GstCaps *caps;
  gint64 frames;
  gint64 duration;       /* ns; 0: unknown */
} ClipSource;

static GstFlowReturn on_sample(GstAppSink *appsink, gpointer user_data)
{
  ClipSource *self = user_data;
  GstSample *sample = gst_app_sink_pull_sample(appsink);
  if (!sample)
    return GST_FLOW_FLUSHING;
  g_mutex_lock(&self->pipeline.lock);
  while (g_queue_get_length(&self->samples) >= QUEUE_LENGTH && !self->pipeline.stopping)
    g_cond_wait(&self->pipeline.changed, &self->pipeline.lock);
  gboolean stopping = self->pipeline.stopping;
  if (!stopping) {
    g_queue_push_tail(&self->samples, g_steal_pointer(&sample));
    g_cond_broadcast(&self->pipeline.changed);
  }
  g_mutex_unlock(&self->pipeline.lock);
  if (sample)
    gst_sample_unref(sample);
  return stopping ? GST_FLOW_FLUSHING : GST_FLOW_OK;
}

static void on_end(GstAppSink *appsink, gpointer user_data)
{
  (void)appsink;
  ClipSource *self = user_data;
  g_mutex_lock(&self->pipeline.lock);
  self->ended = TRUE;
  g_cond_broadcast(&self->pipeline.changed);
  g_mutex_unlock(&self->pipeline.lock);
}

/** FALSE keeps decodebin from decoding sound and subtitles, whose decoders need not be installed. */
static gboolean on_autoplug_continue(GstElement *decodebin, GstPad *pad, GstCaps *caps, gpointer user_data)
{
  (void)decodebin, (void)pad, (void)user_data;
  const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
  return !g_str_has_prefix(name, "audio/") && !g_str_has_prefix(name, "text/") &&
         !g_str_has_prefix(name, "subpicture/") && !g_str_has_prefix(name, "closedcaption/");
}

static gboolean link_video(ClipSource *self, GstPad *pad, GError **error)
{
  g_autoptr(GstPad) sink = gst_element_get_static_pad(self->appsink, "sink");
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(pad);
  if (!caps)
    caps = gst_pad_query_caps(pad, NULL);
  g_autoptr(GstCaps) accepted = gst_caps_from_string(RAW_CAPS);
  if (!self->turned && gst_caps_can_intersect(caps, accepted))
    return gst_pad_link(pad, sink) == GST_PAD_LINK_OK;
  GstElement *convert = lus_tool_pipeline_add(&self->pipeline, "videoconvert", "gstreamer1.0-plugins-base", error);
  GstElement *next = self->appsink;
  if (convert && self->turned)
    next = lus_tool_pipeline_add(&self->pipeline, "videoflip", "gstreamer1.0-plugins-good", error);
  if (!convert || !next)
    return FALSE;
  gst_util_set_object_arg(G_OBJECT(convert), "dither", "none");
  if (self->turned)
    gst_util_set_object_arg(G_OBJECT(next), "video-direction", "auto");
  g_autoptr(GstPad) convert_sink = gst_element_get_static_pad(convert, "sink");
  return (!self->turned || gst_element_link(next, self->appsink)) && gst_element_link(convert, next) &&
         gst_element_sync_state_with_parent(next) && gst_element_sync_state_with_parent(convert) &&
         gst_pad_link(pad, convert_sink) == GST_PAD_LINK_OK;
}

/** The first video stream is the clip; others are not looked at. */
static void on_pad(GstElement *decodebin, GstPad *pad, gpointer user_data)
{
  (void)decodebin;
  ClipSource *self = user_data;
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(pad);
  if (!caps || !g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "video/x-raw"))
    return;
  g_mutex_lock(&self->pipeline.lock);
  gboolean first = !self->linked;
  self->linked = TRUE;
  g_mutex_unlock(&self->pipeline.lock);
  GError *error = NULL;
  if (!first || link_video(self, pad, &error))
    return;
  if (!error)
    error = g_error_new(LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: its pictures cannot be converted to a known format",
                        self->pipeline.path);
  lus_tool_pipeline_fail(&self->pipeline, error);
}

static void on_no_more_pads(GstElement *decodebin, gpointer user_data)
{
  (void)decodebin;
  ClipSource *self = user_data;
  g_mutex_lock(&self->pipeline.lock);
  gboolean linked = self->linked;
  const char *missing = self->pipeline.missing;
  GError *error = NULL;
  if (!linked && missing)
    error = g_error_new(LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: no %s is installed; on Debian: apt install "
                        "gstreamer1.0-libav", self->pipeline.path, missing);
  else if (!linked)
    error = g_error_new(LUS_ERROR, LUS_ERROR_INVALID, "%s: not a video: no picture stream in it", self->pipeline.path);
  g_mutex_unlock(&self->pipeline.lock);
  if (error)
    lus_tool_pipeline_fail(&self->pipeline, error);
}

static void release_picture(ClipSource *self)
{
  if (self->mapped)
    gst_video_frame_unmap(&self->frame);
  self->mapped = FALSE;
  g_clear_pointer(&self->sample, gst_sample_unref);
}

static void source_free(LusFrameSource *source)
{
  ClipSource *self = (ClipSource *)source;
  release_picture(self);
  lus_tool_pipeline_clear(&self->pipeline);
  g_queue_clear_full(&self->samples, (GDestroyNotify)gst_sample_unref);
  gst_clear_caps(&self->caps);
  g_free(self);
}

/** decodebin drops the errors of an element it is just trying out, also when that is the only one and gives up: then
 *  nobody tells us, and nothing moves any more. Others read for ever and find nothing. Called with the lock held, after each interval
 *  without a picture. */
static void check_stalled(ClipSource *self, int *idle, int intervals)
{
  g_mutex_unlock(&self->pipeline.lock);
  *idle = lus_tool_pipeline_idle(&self->pipeline) ? *idle + 1 : 0;
  g_mutex_lock(&self->pipeline.lock);
  if (!g_queue_is_empty(&self->samples) || self->ended || self->pipeline.error)
    return;
  if (lus_tool_interrupted())
    self->pipeline.error = g_error_new(LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", self->pipeline.path);
  else if (*idle >= 2 || intervals >= STALL_LIMIT)
    self->pipeline.error = g_error_new(LUS_ERROR, LUS_ERROR_INVALID, "%s: no picture comes out of it; the file may be "
                                       "damaged or cut off", self->pipeline.path);
}

/** Waits for the next sample; FALSE with *end or an error when there is none. Pictures decoded before an error are
 *  delivered first. */
static gboolean wait_sample(ClipSource *self, gboolean *end, GError **error)
{
  int idle = 0, intervals = 0;
  g_mutex_lock(&self->pipeline.lock);
  while (g_queue_is_empty(&self->samples) && !self->ended && !self->pipeline.error)
    if (!g_cond_wait_until(&self->pipeline.changed, &self->pipeline.lock, g_get_monotonic_time() + STALL_INTERVAL))
      check_stalled(self, &idle, ++intervals);
  self->sample = g_queue_pop_head(&self->samples);
  *end = !self->sample && !self->pipeline.error;
  if (!self->sample && self->pipeline.error && error)
    *error = g_error_copy(self->pipeline.error);
  g_cond_broadcast(&self->pipeline.changed);
  g_mutex_unlock(&self->pipeline.lock);
  return self->sample != NULL;
}

/** Whether the stream's tags say that its pictures lie on their side, as a phone held across records them. */
static gboolean tagged_turned(const ClipSource *self)
{
  g_autoptr(GstPad) pad = gst_element_get_static_pad(self->appsink, "sink");
  for (guint i = 0;; i++) {
    g_autoptr(GstEvent) event = gst_pad_get_sticky_event(pad, GST_EVENT_TAG, i);
    if (!event)
      return FALSE;
    GstTagList *tags = NULL;
    g_autofree char *text = NULL;
    gst_event_parse_tag(event, &tags);
    if (gst_tag_list_get_string(tags, GST_TAG_IMAGE_ORIENTATION, &text) && !g_str_equal(text, "rotate-0"))
      return TRUE;
  }
}

static gboolean build(ClipSource *self, GError **error);

/** Opens the clip again from its beginning, with its pictures turned upright. */
static gboolean start_turned(ClipSource *self, GError **error)
{
  g_autofree char *path = g_strdup(self->pipeline.path);
  release_picture(self);
  lus_tool_pipeline_clear(&self->pipeline);
  g_queue_clear_full(&self->samples, (GDestroyNotify)gst_sample_unref);
  self->pipeline = (LusToolPipeline){0};
  self->ended = self->linked = FALSE;
  self->turned = TRUE;
  lus_tool_pipeline_init(&self->pipeline, path);
  if (!build(self, error))
    return FALSE;
  gst_element_set_state(self->pipeline.bin, GST_STATE_PLAYING);
  return TRUE;
}

/** The next sample, of turned pictures where the first one shows that they must be. */
static gboolean pull_sample(ClipSource *self, gboolean *end, GError **error)
{
  if (!wait_sample(self, end, error))
    return FALSE;
  if (self->frames > 0 || self->turned || !tagged_turned(self))
    return TRUE;
  return start_turned(self, error) && wait_sample(self, end, error);
}

static gboolean take_caps(ClipSource *self, GError **error)
{
  GstCaps *caps = gst_sample_get_caps(self->sample);
  if (!caps || !gst_video_info_from_caps(&self->info, caps)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: a picture without a known format", self->pipeline.path);
    return FALSE;
  }
  gst_caps_replace(&self->caps, caps);
  if (!gst_lus_image_from_info(&self->image, &self->info)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: pictures of %dx%d pixels (%s); sides of %d to %d can be read",
                self->pipeline.path, GST_VIDEO_INFO_WIDTH(&self->info), GST_VIDEO_INFO_HEIGHT(&self->info),
                GST_VIDEO_INFO_NAME(&self->info), LUS_FRAME_MIN, LUS_FRAME_MAX);
    return FALSE;
  }
  return TRUE;
}

/** From the clip's beginning, which may have a later timestamp: MP4 files with B-frames say so in an edit list. -1: unknown. */
static gint64 time_in_clip(GstSample *sample, GstBuffer *buffer)
{
  const GstSegment *segment = gst_sample_get_segment(sample);
  guint64 time = GST_BUFFER_PTS(buffer);
  if (segment->format == GST_FORMAT_TIME)
    time = gst_segment_to_stream_time(segment, GST_FORMAT_TIME, time);
  return GST_CLOCK_TIME_IS_VALID(time) ? (gint64)time : -1;
}

static gboolean source_next(LusFrameSource *source, LusImage *image, gint64 *pts_ns, gboolean *end, GError **error)
{
  ClipSource *self = (ClipSource *)source;
  release_picture(self);
  if (!pull_sample(self, end, error)) {
    if (*end && self->frames == 0) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: holds no picture; the file may be cut off",
                  self->pipeline.path);
      return FALSE;
    }
    return *end;
  }
  if (gst_sample_get_caps(self->sample) != self->caps && !take_caps(self, error))
    return FALSE;
  GstBuffer *buffer = gst_sample_get_buffer(self->sample);
  if (!buffer || !gst_video_frame_map(&self->frame, &self->info, buffer, GST_MAP_READ)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: picture %" G_GINT64_FORMAT " cannot be read from memory",
                self->pipeline.path, self->frames);
    return FALSE;
  }
  self->mapped = TRUE;
  gst_lus_image_set_frame(&self->image, &self->frame);
  *image = self->image;
  *pts_ns = time_in_clip(self->sample, buffer);
  if (self->frames++ % ASK_EVERY == 0 &&
      !gst_element_query_duration(self->pipeline.bin, GST_FORMAT_TIME, &self->duration))
    self->duration = 0;
  return TRUE;
}

/** Pictures with rows of any length are taken: decoders then draw into our buffers instead of copying into them. */
static GstPadProbeReturn on_query(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  (void)pad, (void)user_data;
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY(info);
  if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
  return GST_PAD_PROBE_HANDLED;
}

static gboolean build(ClipSource *self, GError **error)
{
  LusToolPipeline *pipeline = &self->pipeline;
  GstElement *file = lus_tool_pipeline_add(pipeline, "filesrc", "libgstreamer1.0-0", error);
  if (!file)
    return FALSE;
  GstElement *decode = lus_tool_pipeline_add(pipeline, "decodebin", "gstreamer1.0-plugins-base", error);
  if (!decode)
    return FALSE;
  self->appsink = lus_tool_pipeline_add(pipeline, "appsink", "gstreamer1.0-plugins-base", error);
  if (!self->appsink)
    return FALSE;
  g_object_set(file, "location", pipeline->path, NULL);
  /* Software decoders: the same pictures on every machine, and in memory that can be read. */
  g_object_set(decode, "force-sw-decoders", TRUE, NULL);
  g_signal_connect(decode, "autoplug-continue", G_CALLBACK(on_autoplug_continue), NULL);
  g_signal_connect(decode, "pad-added", G_CALLBACK(on_pad), self);
  g_signal_connect(decode, "no-more-pads", G_CALLBACK(on_no_more_pads), self);
  g_autoptr(GstCaps) caps = gst_caps_from_string(RAW_CAPS);
  g_object_set(self->appsink, "caps", caps, "sync", FALSE, "max-buffers", 1, NULL);
  GstAppSinkCallbacks callbacks = {.eos = on_end, .new_sample = on_sample};
  gst_app_sink_set_callbacks(GST_APP_SINK(self->appsink), &callbacks, self, NULL);
  g_autoptr(GstPad) sink = gst_element_get_static_pad(self->appsink, "sink");
  gst_pad_add_probe(sink, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_query, NULL, NULL);
  return gst_element_link(file, decode);
}

static void source_rate(const LusFrameSource *source, int *fps_n, int *fps_d, gint64 *frames)
{
  const ClipSource *self = (const ClipSource *)source;
  *fps_n = GST_VIDEO_INFO_FPS_N(&self->info);
  *fps_d = GST_VIDEO_INFO_FPS_D(&self->info);
  if (*fps_n <= 0 || *fps_d <= 0) {
    *fps_n = 25;
    *fps_d = 1;
  }
  *frames = -1;
  if (self->duration > 0)
    *frames = (gint64)gst_util_uint64_scale_round((guint64)self->duration, (guint64)*fps_n,
                                                  (guint64)*fps_d * GST_SECOND);
}

gboolean lus_tool_is_dicom(const char *path)
{
  char head[132] = {0};
  FILE *file = g_fopen(path, "rb");
  gsize length = file ? fread(head, 1, sizeof(head), file) : 0;
  if (file)
    fclose(file);
  if (length == sizeof(head) && memcmp(head + 128, "DICM", 4) == 0)
    return TRUE;
  g_autofree char *lower = g_ascii_strdown(path, -1);
  return g_str_has_suffix(lower, ".dcm") || g_str_has_suffix(lower, ".dicom");
}

#ifndef LUS_HAVE_DICOM
LusFrameSource *lus_tool_open_dicom(const char *path, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: a DICOM file, and this program was built without DCMTK; build "
              "it with -Ddicom=enabled (Debian: libdcmtk-dev, g++)", path);
  return NULL;
}
#endif

LusFrameSource *lus_tool_open_clip(const char *path, gpointer user_data, GError **error)
{
  (void)user_data;
  /* Told here, since GStreamer's words for these are less clear. */
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: no such file", path);
    return NULL;
  }
  if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: not a file; give the path of a video file", path);
    return NULL;
  }
  GStatBuf status;
  if (g_stat(path, &status) == 0 && status.st_size == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is empty (0 bytes); copy it again", path);
    return NULL;
  }
  if (lus_tool_is_dicom(path))
    return lus_tool_open_dicom(path, error);
  if (!lus_tool_gstreamer_init(error))
    return NULL;
  ClipSource *self = g_new0(ClipSource, 1);
  self->base = (LusToolSource){{.next = source_next, .free = source_free}, source_rate};
  lus_tool_pipeline_init(&self->pipeline, path);
  g_queue_init(&self->samples);
  if (!build(self, error)) {
    source_free(&self->base.base);
    return NULL;
  }
  /* A failure to start posts an error, which the first next() returns. */
  gst_element_set_state(self->pipeline.bin, GST_STATE_PLAYING);
  return &self->base.base;
}

void lus_tool_clip_rate(const LusFrameSource *source, int *fps_n, int *fps_d, gint64 *frames)
{
  ((const LusToolSource *)source)->rate(source, fps_n, fps_d, frames);
}
