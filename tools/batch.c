/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define PIECE ((gsize)1 << 18)
#define LEAST_BYTES 1 /* an empty file counts too */

typedef struct {
  const LusToolBatch *batch;
  char **errors;
  guint *order;          /* of the clips: large ones first */
  gint64 *bytes;         /* of each clip's file */
  int workers;
  LusToolWorker *worker; /* [workers] */

  GMutex lock;           /* guards all below */
  guint next;            /* in @order */
  guint done, failed;
  gboolean stopping;     /* after a failure */
  gint64 all_bytes, skipped_bytes, done_bytes; /* of files: in all; done before; done by this run */
  gint64 frames;         /* by this run */
  gint64 started;
  LusToolProgress *progress;
} Run;

struct _LusToolWorker {
  Run *run;
  GThread *thread;
  int threads;
  guint clip;            /* index now */
  double share;          /* of that clip that is done, 0..1 */
  gboolean skipped;
};

/** What there is to do after Ctrl-C. */
static const char *how_to_go_on(const Run *run)
{
  return run->batch->resumes ? "run it again with --resume" : "run it again";
}

static gboolean stopped(const char *path, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", path);
  return FALSE;
}

static const LusToolInput *input_of(const LusToolWorker *worker)
{
  return worker->run->batch->inputs->pdata[worker->clip];
}

/** With the lock held. */
static gboolean show_progress(Run *run, gint64 frame, gint64 total)
{
  const LusToolBatch *batch = run->batch;
  if (batch->inputs->len == 1)
    return lus_tool_progress(run->progress, ((LusToolInput *)batch->inputs->pdata[0])->name, frame, total);
  double bytes = (double)run->done_bytes;
  for (int i = 0; i < run->workers; i++)
    bytes += run->worker[i].share * (double)run->bytes[run->worker[i].clip];
  const LusToolClips clips = {
    .done = run->done, .failed = run->failed, .all = batch->inputs->len, .frames = run->frames,
    .seconds = (double)(g_get_monotonic_time() - run->started) / G_USEC_PER_SEC,
    .share = bytes / (double)MAX(run->all_bytes - run->skipped_bytes, 1)};
  return lus_tool_progress_clips(run->progress, &clips);
}

gboolean lus_tool_worker_frame(LusToolWorker *worker, gint64 frame, gint64 total, GError **error)
{
  Run *run = worker->run;
  g_mutex_lock(&run->lock);
  run->frames++;
  worker->share = total > 0 ? (double)MIN(frame, total) / (double)total : 0;
  gboolean go_on = show_progress(run, frame, total);
  g_mutex_unlock(&run->lock);
  return go_on || stopped(input_of(worker)->path, error);
}

void lus_tool_worker_skip(LusToolWorker *worker)
{
  worker->skipped = TRUE;
}

char *lus_tool_clip_hash(const char *path, GError **error)
{
  FILE *file = g_fopen(path, "re");
  if (!file) {
    if (errno == ENOENT)
      g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: no such file", path);
    else
      g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot open: %s", path, g_strerror(errno));
    return NULL;
  }
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  g_autofree guint8 *piece = g_malloc(PIECE);
  for (gsize n = fread(piece, 1, PIECE, file); n > 0 && !lus_tool_interrupted(); n = fread(piece, 1, PIECE, file))
    g_checksum_update(checksum, piece, (gssize)n);
  int number = ferror(file) ? errno : 0;
  fclose(file);
  if (number == 0 && !lus_tool_interrupted())
    return g_strdup(g_checksum_get_string(checksum));
  if (number == 0)
    stopped(path, error);
  else if (number == EISDIR)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: not a file; give the path of a video file", path);
  else
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot read: %s", path, g_strerror(number));
  return NULL;
}

/** The next clip, or FALSE: there is none, or none is to be begun any more. */
static gboolean take_clip(LusToolWorker *worker)
{
  Run *run = worker->run;
  g_mutex_lock(&run->lock);
  gboolean more = run->next < run->batch->inputs->len && !run->stopping && !lus_tool_interrupted();
  if (more) {
    worker->clip = run->order[run->next++];
    worker->share = 0;
    worker->skipped = FALSE;
  }
  g_mutex_unlock(&run->lock);
  return more;
}

/** Takes @problem over. With the lock held. */
static void fail_clip(Run *run, guint clip, GError *problem)
{
  if (g_error_matches(problem, LUS_ERROR, LUS_ERROR_CANCELLED)) {
    g_error_free(problem);
    return;
  }
  run->failed++;
  run->stopping = run->stopping || !run->batch->keep_going;
  lus_tool_progress_end(run->progress);
  if (run->errors)
    run->errors[clip] = g_strdup(problem->message);
  lus_tool_fail(run->batch->command, problem);
}

static void end_clip(LusToolWorker *worker, GError *problem)
{
  Run *run = worker->run;
  g_mutex_lock(&run->lock);
  worker->share = 0;
  if (worker->skipped)
    run->skipped_bytes += run->bytes[worker->clip];
  else
    run->done_bytes += run->bytes[worker->clip];
  if (problem)
    fail_clip(run, worker->clip, problem);
  else
    run->done++;
  if (!problem && run->batch->inputs->len > 1)
    show_progress(run, 0, 0);
  g_mutex_unlock(&run->lock);
}

static gpointer work(gpointer data)
{
  LusToolWorker *worker = data;
  const LusToolBatch *batch = worker->run->batch;
  gpointer opened = NULL;
  while (take_clip(worker)) {
    GError *problem = NULL;
    if (!opened)
      opened = batch->open(batch->data, worker->threads, &problem);
    if (opened && !batch->clip(batch->data, opened, worker->clip, worker, &problem) && !problem)
      problem = g_error_new(LUS_ERROR, LUS_ERROR_FAILED, "%s: failed", input_of(worker)->path);
    end_clip(worker, problem);
  }
  if (opened)
    batch->close(opened);
  return NULL;
}

static int compare_bytes(gconstpointer a, gconstpointer b, gpointer bytes)
{
  guint i = *(const guint *)a, k = *(const guint *)b;
  const gint64 *of = bytes;
  return of[i] != of[k] ? (of[i] < of[k] ? 1 : -1) : (i > k) - (i < k);
}

/** Sizes, the order by them, and threads for each worker. */
static void plan(Run *run)
{
  guint n = run->batch->inputs->len;
  run->bytes = g_new0(gint64, n);
  run->order = g_new0(guint, n);
  for (guint i = 0; i < n; i++) {
    GStatBuf status;
    const LusToolInput *input = run->batch->inputs->pdata[i];
    run->bytes[i] = g_stat(input->path, &status) == 0 ? MAX((gint64)status.st_size, LEAST_BYTES) : LEAST_BYTES;
    run->all_bytes += run->bytes[i];
    run->order[i] = i;
  }
  g_qsort_with_data(run->order, (int)n, sizeof *run->order, compare_bytes, run->bytes);
  int threads = run->batch->threads > 0 ? run->batch->threads : (int)g_get_num_processors();
  run->workers = (int)MIN((guint)threads, n);
  run->worker = g_new0(LusToolWorker, run->workers);
  for (int i = 0; i < run->workers; i++)
    run->worker[i] = (LusToolWorker){.run = run, .threads = threads / run->workers + (i < threads % run->workers)};
}

static void print_failures(const Run *run)
{
  fprintf(stderr, "%u of %u clips failed:\n", run->failed, run->batch->inputs->len);
  for (guint i = 0; i < run->batch->inputs->len; i++)
    if (run->errors[i])
      fprintf(stderr, "  %-24s  %s\n", ((LusToolInput *)run->batch->inputs->pdata[i])->name, run->errors[i]);
}

static int conclude(const Run *run)
{
  guint n = run->batch->inputs->len;
  if (run->failed > 0 && run->batch->keep_going && run->errors)
    print_failures(run);
  if (lus_tool_interrupted())
    fprintf(stderr, "lus %s: stopped; %s (%u of %u clips are done)\n", run->batch->command, how_to_go_on(run), run->done,
            n);
  else if (run->stopping && run->done + run->failed < n)
    fprintf(stderr, "lus %s: %u of %u clips were not begun; --keep-going does them all the same\n", run->batch->command,
            n - run->done - run->failed, n);
  return run->done == n ? LUS_EXIT_DONE : LUS_EXIT_ERROR;
}

int lus_tool_batch_run(const LusToolBatch *batch, char **errors)
{
  Run run = {.batch = batch, .errors = errors};
  g_mutex_init(&run.lock);
  run.progress = lus_tool_progress_new();
  run.started = g_get_monotonic_time();
  plan(&run);
  for (int i = 0; i < run.workers; i++)
    run.worker[i].thread = g_thread_new("clips", work, &run.worker[i]);
  for (int i = 0; i < run.workers; i++)
    g_thread_join(run.worker[i].thread);
  lus_tool_progress_end(run.progress);
  int code = conclude(&run);
  lus_tool_progress_free(run.progress);
  g_mutex_clear(&run.lock);
  g_free(run.worker);
  g_free(run.order);
  g_free(run.bytes);
  return code;
}
