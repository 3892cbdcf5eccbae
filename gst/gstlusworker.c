/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusworker.h"

struct _GstLusWorker {
  GThread *thread;
  LusSegmenterJob *filling; /* the streaming thread's */
  LusSegmenterJob *running; /* the worker's */

  GMutex mutex; /* guards what follows */
  GCond posted;
  LusSegmenterJob *waiting;
  gboolean full; /* waiting holds a picture */
  gboolean quit;
  GstClockTime pts;   /* of the waiting picture */
  guint64 epoch;      /* results of another one are dropped */
  gboolean has_outcome;
  GstLusOutcome outcome;
};

static void clear_outcome(GstLusOutcome *outcome)
{
  lus_segmentation_unref(outcome->segmentation);
  g_clear_error(&outcome->error);
  *outcome = (GstLusOutcome){.segmentation = NULL};
}

static GstLusOutcome run_job(LusSegmenterJob *job)
{
  GstLusOutcome outcome = {.segmentation = NULL};
  const gint64 before = g_get_monotonic_time();

  outcome.segmentation = lus_segmenter_job_run(job, &outcome.error);
  outcome.duration = (GstClockTime)(g_get_monotonic_time() - before) * GST_USECOND;
  return outcome;
}

/* FALSE: time to go. The mutex is held. */
static gboolean wait_for_job(GstLusWorker *worker)
{
  LusSegmenterJob *job;

  while (!worker->full && !worker->quit)
    g_cond_wait(&worker->posted, &worker->mutex);
  if (worker->quit)
    return FALSE;
  job = worker->running;
  worker->running = worker->waiting;
  worker->waiting = job;
  worker->full = FALSE;
  return TRUE;
}

static gpointer work(gpointer data)
{
  GstLusWorker *worker = data;

  g_mutex_lock(&worker->mutex);
  while (wait_for_job(worker)) {
    const guint64 epoch = worker->epoch;
    GstLusOutcome outcome;

    g_mutex_unlock(&worker->mutex);
    outcome = run_job(worker->running);
    g_mutex_lock(&worker->mutex);
    if (epoch == worker->epoch) {
      clear_outcome(&worker->outcome);
      worker->outcome = outcome;
      worker->has_outcome = TRUE;
    } else {
      clear_outcome(&outcome);
    }
  }
  g_mutex_unlock(&worker->mutex);
  return NULL;
}

GstLusWorker *gst_lus_worker_new(void)
{
  GstLusWorker *worker = g_new0(GstLusWorker, 1);

  g_mutex_init(&worker->mutex);
  g_cond_init(&worker->posted);
  worker->filling = lus_segmenter_job_new();
  worker->waiting = lus_segmenter_job_new();
  worker->running = lus_segmenter_job_new();
  if (worker->filling && worker->waiting && worker->running)
    worker->thread = g_thread_try_new("lussegment", work, worker, NULL);
  if (!worker->thread)
    g_clear_pointer(&worker, gst_lus_worker_free);
  return worker;
}

void gst_lus_worker_free(GstLusWorker *worker)
{
  if (!worker)
    return;
  g_mutex_lock(&worker->mutex);
  worker->quit = TRUE;
  g_cond_signal(&worker->posted);
  g_mutex_unlock(&worker->mutex);
  if (worker->thread)
    g_thread_join(worker->thread);
  clear_outcome(&worker->outcome);
  lus_segmenter_job_free(worker->filling);
  lus_segmenter_job_free(worker->waiting);
  lus_segmenter_job_free(worker->running);
  g_mutex_clear(&worker->mutex);
  g_cond_clear(&worker->posted);
  g_free(worker);
}

LusSegmenterJob *gst_lus_worker_job(GstLusWorker *worker)
{
  return worker->filling;
}

gboolean gst_lus_worker_post(GstLusWorker *worker, GstClockTime pts, GstClockTime *skipped)
{
  LusSegmenterJob *job = worker->filling;
  gboolean replaced;

  g_mutex_lock(&worker->mutex);
  replaced = worker->full;
  *skipped = worker->pts;
  worker->filling = worker->waiting;
  worker->waiting = job;
  worker->pts = pts;
  worker->full = TRUE;
  g_cond_signal(&worker->posted);
  g_mutex_unlock(&worker->mutex);
  return replaced;
}

void gst_lus_worker_forget(GstLusWorker *worker)
{
  g_mutex_lock(&worker->mutex);
  worker->epoch++;
  worker->full = FALSE;
  worker->has_outcome = FALSE;
  clear_outcome(&worker->outcome);
  g_mutex_unlock(&worker->mutex);
}

gboolean gst_lus_worker_take(GstLusWorker *worker, GstLusOutcome *outcome)
{
  gboolean taken;

  g_mutex_lock(&worker->mutex);
  taken = worker->has_outcome;
  *outcome = worker->outcome;
  worker->outcome = (GstLusOutcome){.segmentation = NULL};
  worker->has_outcome = FALSE;
  g_mutex_unlock(&worker->mutex);
  return taken;
}
