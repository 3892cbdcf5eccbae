/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "matroska.h"
#include "pipeline.h"
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <glib/gstdio.h>
#include <string.h>

/* appsrc ! videoconvert ! ENCODER ! matroskamux ! filesink. videoconvert passes everything through where the encoder
 * takes the format as it is. */

#define QUEUE_BYTES (32 << 20)

typedef struct {
  LusFrameSink base;
  LusToolPipeline pipeline;
  char *temporary;
  GstElement *appsrc;
  GstVideoInfo info;
  gboolean full;      /* appsrc has enough; guarded by the pipeline's lock */
  gboolean finished;
  gint64 frames;
} ClipSink;

static void set_full(ClipSink *self, gboolean full)
{
  g_mutex_lock(&self->pipeline.lock);
  self->full = full;
  g_cond_broadcast(&self->pipeline.changed);
  g_mutex_unlock(&self->pipeline.lock);
}

static void on_need_data(GstAppSrc *appsrc, guint length, gpointer user_data)
{
  (void)appsrc, (void)length;
  set_full(user_data, FALSE);
}

static void on_enough_data(GstAppSrc *appsrc, gpointer user_data)
{
  (void)appsrc;
  set_full(user_data, TRUE);
}

/** Copies row by row: the picture's strides are its own. */
static GstBuffer *copy_picture(const ClipSink *self, const LusImage *image)
{
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&self->info), NULL);
  GstVideoFrame frame;
  if (!buffer || !gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_WRITE)) {
    gst_clear_buffer(&buffer);
    return NULL;
  }
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(&frame); i++) {
    int components[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(frame.info.finfo, i, components);
    int rows = GST_VIDEO_FRAME_COMP_HEIGHT(&frame, components[0]);
    int stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, i);
    gsize bytes = (gsize)MIN(stride, image->strides[i]);
    guint8 *out = GST_VIDEO_FRAME_PLANE_DATA(&frame, i);
    for (int y = 0; y < rows; y++)
      memcpy(out + (gsize)y * (gsize)stride, image->planes[i] + (gsize)y * (gsize)image->strides[i], bytes);
  }
  gst_video_frame_unmap(&frame);
  return buffer;
}

/** Waits until appsrc has room. FALSE when the pipeline failed. */
static gboolean wait_room(ClipSink *self, GError **error)
{
  g_mutex_lock(&self->pipeline.lock);
  while (self->full && !self->pipeline.error)
    g_cond_wait(&self->pipeline.changed, &self->pipeline.lock);
  gboolean ok = !self->pipeline.error;
  if (!ok && error)
    *error = g_error_copy(self->pipeline.error);
  g_mutex_unlock(&self->pipeline.lock);
  return ok;
}

/** Range and matrix are the first picture's, so that nobody has to guess them from the size. */
static void set_colorimetry(ClipSink *self, const LusImage *image)
{
  if (GST_VIDEO_INFO_IS_YUV(&self->info)) {
    GstVideoColorimetry *colorimetry = &self->info.colorimetry;
    colorimetry->range = image->full_range ? GST_VIDEO_COLOR_RANGE_0_255 : GST_VIDEO_COLOR_RANGE_16_235;
    colorimetry->matrix = image->matrix == LUS_MATRIX_BT709    ? GST_VIDEO_COLOR_MATRIX_BT709
                          : image->matrix == LUS_MATRIX_BT2020 ? GST_VIDEO_COLOR_MATRIX_BT2020
                                                               : GST_VIDEO_COLOR_MATRIX_BT601;
  }
  g_autoptr(GstCaps) caps = gst_video_info_to_caps(&self->info);
  gst_app_src_set_caps(GST_APP_SRC(self->appsrc), caps);
}

static gboolean sink_push(LusFrameSink *sink, const LusImage *image, gint64 pts_ns, GError **error)
{
  ClipSink *self = (ClipSink *)sink;
  if ((int)image->format != lus_format_from_name(gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&self->info))) ||
      image->width != GST_VIDEO_INFO_WIDTH(&self->info) || image->height != GST_VIDEO_INFO_HEIGHT(&self->info)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: picture %" G_GINT64_FORMAT " has another size or format than "
                "the first", self->pipeline.path, self->frames);
    return FALSE;
  }
  if (self->frames == 0)
    set_colorimetry(self, image);
  if (!wait_room(self, error))
    return FALSE;
  GstBuffer *buffer = copy_picture(self, image);
  if (!buffer) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a picture", self->pipeline.path);
    return FALSE;
  }
  guint64 frame = (guint64)self->frames, fps_n = (guint64)GST_VIDEO_INFO_FPS_N(&self->info);
  guint64 second = (guint64)GST_VIDEO_INFO_FPS_D(&self->info) * GST_SECOND;
  GST_BUFFER_PTS(buffer) = pts_ns >= 0 ? (GstClockTime)pts_ns : gst_util_uint64_scale(frame, second, fps_n);
  GST_BUFFER_DURATION(buffer) = gst_util_uint64_scale(1, second, fps_n);
  self->frames++;
  if (gst_app_src_push_buffer(GST_APP_SRC(self->appsrc), buffer) != GST_FLOW_OK) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: the encoder took no more pictures", self->pipeline.path);
    return FALSE;
  }
  return TRUE;
}

static gboolean sink_finish(LusFrameSink *sink, GError **error)
{
  ClipSink *self = (ClipSink *)sink;
  LusToolPipeline *pipeline = &self->pipeline;
  if (self->frames == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: a video without pictures is not written", pipeline->path);
    return FALSE;
  }
  gst_app_src_end_of_stream(GST_APP_SRC(self->appsrc));
  g_mutex_lock(&pipeline->lock);
  while (!pipeline->eos && !pipeline->error)
    g_cond_wait(&pipeline->changed, &pipeline->lock);
  gboolean ok = !pipeline->error;
  if (!ok && error)
    *error = g_error_copy(pipeline->error);
  g_mutex_unlock(&pipeline->lock);
  gst_element_set_state(pipeline->bin, GST_STATE_NULL); /* filesink writes what it still holds */
  self->finished = ok && lus_tool_matroska_settle(self->temporary, error) && lus_file_commit(self->temporary, pipeline->path, error);
  return self->finished;
}

static void sink_free(LusFrameSink *sink)
{
  ClipSink *self = (ClipSink *)sink;
  lus_tool_pipeline_clear(&self->pipeline);
  if (!self->finished)
    g_unlink(self->temporary);
  g_free(self->temporary);
  g_free(self);
}

static gboolean set_up_source(ClipSink *self, LusFormat format, int width, int height, int fps_n, int fps_d,
                              GError **error)
{
  GstVideoFormat video_format = gst_video_format_from_string(lus_format_name(format));
  if (fps_n < 1 || fps_d < 1 || MIN(width, height) < LUS_FRAME_MIN || MAX(width, height) > LUS_FRAME_MAX ||
      !gst_video_info_set_format(&self->info, video_format, (guint)width, (guint)height)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: cannot write pictures of %dx%d at %d/%d per second",
                self->pipeline.path, width, height, fps_n, fps_d);
    return FALSE;
  }
  GST_VIDEO_INFO_FPS_N(&self->info) = fps_n;
  GST_VIDEO_INFO_FPS_D(&self->info) = fps_d;
  g_object_set(self->appsrc, "format", GST_FORMAT_TIME, "max-bytes", (guint64)QUEUE_BYTES, NULL);
  GstAppSrcCallbacks callbacks = {.need_data = on_need_data, .enough_data = on_enough_data};
  gst_app_src_set_callbacks(GST_APP_SRC(self->appsrc), &callbacks, self, NULL);
  return TRUE;
}

/* x264's bytes depend on the number of its threads, by default that of the processors, and with a limited buffer (VBV) on
 * how far each thread is: a fixed number and no such buffer give the same bytes each time. */
#define H264_THREADS 4

/** Adds the encoder behind @before; returns the last element. I420 is what every player of H.264 takes. */
static GstElement *add_encoder(LusToolPipeline *pipeline, GstElement *before, gboolean h264, GError **error)
{
  GstElement *encoder = h264 ? lus_tool_pipeline_add(pipeline, "x264enc", "gstreamer1.0-plugins-ugly", error)
                             : lus_tool_pipeline_add(pipeline, "avenc_ffv1", "gstreamer1.0-libav", error);
  if (!encoder)
    return NULL;
  g_autoptr(GstCaps) caps = h264 ? gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", NULL) : NULL;
  if (h264) {
    gst_util_set_object_arg(G_OBJECT(encoder), "speed-preset", "faster");
    g_object_set(encoder, "threads", H264_THREADS, "vbv-buf-capacity", 0, NULL);
  }
  if (gst_element_link_filtered(before, encoder, caps))
    return encoder;
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: the encoder takes no such pictures", pipeline->path);
  return NULL;
}

/** From this seed on the first 436 numbers have four bytes, as lus_tool_matroska_settle() needs it, also where several files
 *  begin at once. matroskamux draws when its pad is made and at the first picture. */
static void seed_numbers(void)
{
  g_random_set_seed(3);
}

static GstPadProbeReturn on_first_buffer(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  (void)pad, (void)info, (void)user_data;
  seed_numbers();
  return GST_PAD_PROBE_REMOVE;
}

static gboolean build(ClipSink *self, gboolean h264, GError **error)
{
  LusToolPipeline *pipeline = &self->pipeline;
  GstElement *convert = lus_tool_pipeline_add(pipeline, "videoconvert", "gstreamer1.0-plugins-base", error);
  if (!convert)
    return FALSE;
  GstElement *encoder = add_encoder(pipeline, convert, h264, error);
  if (!encoder)
    return FALSE;
  GstElement *mux = lus_tool_pipeline_add(pipeline, "matroskamux", "gstreamer1.0-plugins-good", error);
  if (!mux)
    return FALSE;
  GstElement *file = lus_tool_pipeline_add(pipeline, "filesink", "libgstreamer1.0-0", error);
  if (!file)
    return FALSE;
  /* Nothing in the file depends on when it was made. */
  g_autoptr(GDateTime) epoch = g_date_time_new_utc(2001, 1, 1, 0, 0, 0);
  g_object_set(mux, "creation-time", epoch, "min-index-interval", (gint64)GST_SECOND, NULL);
  g_object_set(file, "location", self->temporary, NULL);
  seed_numbers();
  if (!gst_element_link(self->appsrc, convert) || !gst_element_link_many(encoder, mux, file, NULL)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: GStreamer cannot connect encoder and file", pipeline->path);
    return FALSE;
  }
  g_autoptr(GstPad) encoded = gst_element_get_static_pad(encoder, "src");
  gst_pad_add_probe(encoded, GST_PAD_PROBE_TYPE_BUFFER, on_first_buffer, NULL, NULL);
  return TRUE;
}

static LusFrameSink *create(const char *path, LusFormat format, int width, int height, int fps_n, int fps_d,
                            gboolean h264, GError **error)
{
  if (!lus_tool_gstreamer_init(error))
    return NULL;
  ClipSink *self = g_new0(ClipSink, 1);
  self->base = (LusFrameSink){.push = sink_push, .finish = sink_finish, .free = sink_free};
  self->temporary = g_strconcat(path, ".part", NULL);
  lus_tool_pipeline_init(&self->pipeline, path);
  self->appsrc = lus_tool_pipeline_add(&self->pipeline, "appsrc", "gstreamer1.0-plugins-base", error);
  if (!self->appsrc || !set_up_source(self, format, width, height, fps_n, fps_d, error) || !build(self, h264, error)) {
    sink_free(&self->base);
    return NULL;
  }
  if (gst_element_set_state(self->pipeline.bin, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
    g_mutex_lock(&self->pipeline.lock);
    g_propagate_error(error, self->pipeline.error
                                 ? g_error_copy(self->pipeline.error)
                                 : g_error_new(LUS_ERROR, LUS_ERROR_IO, "%s: cannot be written", path));
    g_mutex_unlock(&self->pipeline.lock);
    sink_free(&self->base);
    return NULL;
  }
  return &self->base;
}

LusFrameSink *lus_tool_create_clip(const char *path, LusFormat format, int width, int height, int fps_n, int fps_d,
                                   gpointer user_data, GError **error)
{
  (void)user_data;
  return create(path, format, width, height, fps_n, fps_d, FALSE, error);
}

LusFrameSink *lus_tool_create_preview(const char *path, LusFormat format, int width, int height, int fps_n, int fps_d,
                                      gpointer user_data, GError **error)
{
  (void)user_data;
  gboolean h264 = width % 2 == 0 && height % 2 == 0;
  if (h264 && !lus_tool_gstreamer_init(error))
    return NULL;
  g_autoptr(GstElementFactory) encoder = h264 ? gst_element_factory_find("x264enc") : NULL;
  return create(path, format, width, height, fps_n, fps_d, encoder != NULL, error);
}
