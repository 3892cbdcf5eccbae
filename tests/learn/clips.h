/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "fixture.h"
#include "lung/source.h"
#include "nn/error.h"
#include "nn/file.h"

/** Clips without a video library: a text file "WxH FRAMES" stands for a clip, whose frame i is of grey 100 + i. */

typedef struct {
  LusFrameSource source;
  int width, height, frames, next;
  guint8 *gray;
} TextSource;

static inline gboolean text_source_next(LusFrameSource *source, LusImage *image, gint64 *pts_ns, gboolean *end,
                                        GError **error)
{
  (void)error;
  TextSource *self = (TextSource *)source;
  *end = self->next == self->frames;
  if (*end)
    return TRUE;
  memset(self->gray, 100 + self->next, (gsize)self->width * self->height);
  *image = (LusImage){.format = LUS_FORMAT_GRAY8,
                      .width = self->width,
                      .height = self->height,
                      .planes = {self->gray},
                      .strides = {self->width},
                      .full_range = TRUE};
  *pts_ns = self->next++;
  return TRUE;
}

static inline void text_source_free(LusFrameSource *source)
{
  TextSource *self = (TextSource *)source;
  g_free(self->gray);
  g_free(self);
}

static inline LusFrameSource *text_source_open(const char *path, gpointer user_data, GError **error)
{
  (void)user_data;
  gsize length = 0;
  g_autofree char *text = (char *)lus_file_read(path, 1000, &length, error);
  if (!text)
    return NULL;
  TextSource *self = g_new0(TextSource, 1);
  self->source = (LusFrameSource){text_source_next, text_source_free};
  g_auto(GStrv) numbers = g_strsplit_set(text, "x ", 3);
  self->width = atoi(numbers[0]);
  self->height = atoi(numbers[1]);
  self->frames = atoi(numbers[2]);
  self->gray = g_malloc((gsize)self->width * self->height);
  return &self->source;
}

/** The sink that writes such a file under its final name on finish(). */
typedef struct {
  LusFrameSink sink;
  char *path;
  int width, height, frames;
} TextSink;

static inline gboolean text_sink_push(LusFrameSink *sink, const LusImage *image, gint64 pts_ns, GError **error)
{
  (void)error;
  TextSink *self = (TextSink *)sink;
  g_assert_cmpint(image->width, ==, self->width);
  g_assert_cmpint(pts_ns, ==, self->frames * G_GINT64_CONSTANT(40000000));
  self->frames++;
  return TRUE;
}

static inline gboolean text_sink_finish(LusFrameSink *sink, GError **error)
{
  TextSink *self = (TextSink *)sink;
  g_autofree char *text = g_strdup_printf("%dx%d %d", self->width, self->height, self->frames);
  return lus_file_write(self->path, text, strlen(text), error);
}

static inline void text_sink_free(LusFrameSink *sink)
{
  TextSink *self = (TextSink *)sink;
  g_free(self->path);
  g_free(self);
}

/** @user_data: int*, the number of clips made. */
static inline LusFrameSink *text_sink_create(const char *path, LusFormat format, int width, int height, int fps_n,
                                             int fps_d, gpointer user_data, GError **error)
{
  (void)error;
  g_assert_cmpint(format, ==, LUS_FORMAT_GRAY8);
  g_assert_cmpint(fps_n, ==, 25 * fps_d);
  ++*(int *)user_data;
  TextSink *self = g_new0(TextSink, 1);
  *self = (TextSink){{text_sink_push, text_sink_finish, text_sink_free}, g_strdup(path), width, height, 0};
  return &self->sink;
}
