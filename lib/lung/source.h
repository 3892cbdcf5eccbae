/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"

LUS_BEGIN_DECLS

/** How clips reach liblus, which knows no video library: the program implements it (tools/ with GStreamer). */
typedef struct _LusFrameSource LusFrameSource;
struct _LusFrameSource {
  /** Next picture in decode order, valid until the next call. TRUE with *end set: no more. FALSE: error. */
  gboolean (*next)(LusFrameSource *source, LusImage *image, gint64 *pts_ns, gboolean *end, GError **error);
  void (*free)(LusFrameSource *source);
};

/** Opens the clip at @path. */
typedef LusFrameSource *(*LusFrameOpen)(const char *path, gpointer user_data, GError **error);

/** Where simulated or overlaid pictures go: a video file being written. */
typedef struct _LusFrameSink LusFrameSink;
struct _LusFrameSink {
  gboolean (*push)(LusFrameSink *sink, const LusImage *image, gint64 pts_ns, GError **error);
  /** Finishes the file under its final name; the sink is to be freed afterwards all the same. */
  gboolean (*finish)(LusFrameSink *sink, GError **error);
  /** Without finish(): nothing is left under the final name. */
  void (*free)(LusFrameSink *sink);
};
/** A sink for @width x @height pictures of @format at @fps_n/@fps_d frames per second. */
typedef LusFrameSink *(*LusFrameCreate)(const char *path, LusFormat format, int width, int height, int fps_n, int fps_d,
                                        gpointer user_data, GError **error);

LUS_END_DECLS
