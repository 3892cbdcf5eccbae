/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include <lus/lus.h>

/** Runs the model beside the stream: a thread and a mailbox of one place. The streaming thread fills a job with a
 *  picture's scaled luma and posts it; what still waits there is replaced. All functions but the thread itself are the
 *  streaming thread's. */
typedef struct _GstLusWorker GstLusWorker;

/** NULL: out of memory or threads. */
GstLusWorker *gst_lus_worker_new(void);
/** Waits for the job that runs, and drops everything. NULL is accepted. */
void gst_lus_worker_free(GstLusWorker *worker);
/** The job to fill next. Another one after each post. */
LusSegmenterJob *gst_lus_worker_job(GstLusWorker *worker);
/** Hands the filled job over. TRUE if it replaced one that waited, whose PTS then is *skipped. */
gboolean gst_lus_worker_post(GstLusWorker *worker, GstClockTime pts, GstClockTime *skipped);
/** Drops what waits, what is finished and, once it is done, what runs. Does not wait. */
void gst_lus_worker_forget(GstLusWorker *worker);

/** What became of a job: a result (the caller unrefs it), or why there is none (the caller frees it). */
typedef struct {
  LusSegmentation *segmentation;
  GError *error;
  GstClockTime duration; /* of running the model */
} GstLusOutcome;

/** FALSE if none has been finished since the last call; of several it is the newest. */
gboolean gst_lus_worker_take(GstLusWorker *worker, GstLusOutcome *outcome);
