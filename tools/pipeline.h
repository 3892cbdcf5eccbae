/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"
#include <gst/gst.h>

/** What frame-source.c and frame-sink.c share: a pipeline whose messages are seen in the thread that posts them, so
 * that whoever waits for data is woken by an error or the end as well, without polling. */
typedef struct {
  char *path;          /* the file, for messages */
  GstElement *bin;
  GMutex lock;         /* guards all below, and what the owner adds */
  GCond changed;
  GError *error;       /* the first one */
  char *missing;       /* description of a plugin that was not found */
  gboolean eos;        /* the pipeline posted its end */
  gboolean stopping;   /* nobody may wait any longer */
} LusToolPipeline;

/** Initialises GStreamer once; FALSE with an error when it cannot be. */
gboolean lus_tool_gstreamer_init(GError **error);
/** A new element in the pipeline, or NULL with an error that names the Debian package. */
GstElement *lus_tool_pipeline_add(LusToolPipeline *pipeline, const char *factory, const char *package, GError **error);
void lus_tool_pipeline_init(LusToolPipeline *pipeline, const char *path);
/** Wakes all waiters, stops the pipeline, frees what it holds. */
void lus_tool_pipeline_clear(LusToolPipeline *pipeline);
/** TRUE if no thread of the pipeline moves data any more. */
gboolean lus_tool_pipeline_idle(LusToolPipeline *pipeline);
/** Records @error (taken over) if it is the first, and wakes the waiters. */
void lus_tool_pipeline_fail(LusToolPipeline *pipeline, GError *error);
