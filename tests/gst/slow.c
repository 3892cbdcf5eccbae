/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "slow.h"
#include <dlfcn.h>
#include <lung/segmenter-job.h>
#include <lus/lus.h>
#include <pthread.h>

#define EXPORT __attribute__((visibility("default")))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled = PTHREAD_COND_INITIALIZER; /* for the test */
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;   /* the time, for the worker */
static struct {
  gboolean on, failing, running, idle;
  GThread *worker;
  gint64 now, duration, finish; /* finish: of the run at hand, else of the last one */
  gint64 begun, posted;
} state = {.begun = -1, .posted = -1};

EXPORT void g_cond_wait(GCond *cond, GMutex *held);

static void *next(const char *name)
{
  void *symbol = dlsym(RTLD_NEXT, name);

  g_assert_nonnull(symbol);
  return symbol;
}

/* Blocked until later, or without anything to do. */
static gboolean is_settled(void)
{
  if (state.running)
    return state.finish > state.now;
  return state.begun == state.posted && (state.idle || !state.worker);
}

/* Wakes the test only if it has something to do: each time one thread waits for the other costs a busy machine long. */
static void tell_settled(void)
{
  if (is_settled())
    pthread_cond_signal(&settled);
}

static void set_idle(gboolean idle)
{
  pthread_mutex_lock(&mutex);
  if (g_thread_self() == state.worker) {
    state.idle = idle;
    tell_settled();
  }
  pthread_mutex_unlock(&mutex);
}

/* The worker waits here for work, and only then is its last result in place. */
void g_cond_wait(GCond *cond, GMutex *held)
{
  static void (*real)(GCond *, GMutex *);

  if (!real)
    *(void **)&real = next("g_cond_wait");
  set_idle(TRUE);
  real(cond, held);
  set_idle(FALSE);
}

/* TRUE: the run shall fail. */
static gboolean take_time(gint64 pts)
{
  gboolean fails;

  pthread_mutex_lock(&mutex);
  if (state.on) {
    state.worker = g_thread_self();
    state.running = TRUE;
    state.idle = FALSE;
    state.begun = pts;
    state.finish = MAX(state.finish, pts) + state.duration;
    tell_settled();
    while (state.on && state.now < state.finish)
      pthread_cond_wait(&moved, &mutex);
    state.running = FALSE;
  }
  fails = state.failing;
  pthread_mutex_unlock(&mutex);
  return fails;
}

EXPORT LusSegmentation *lus_segmenter_job_run(LusSegmenterJob *job, GError **error)
{
  LusSegmentation *(*real)(LusSegmenterJob *, GError **);

  *(void **)&real = next("lus_segmenter_job_run");
  if (!take_time(job->pts_ns))
    return real(job, error);
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory, says the test");
  return NULL;
}

void slow_begin(gint64 duration_ns)
{
  pthread_mutex_lock(&mutex);
  state.on = TRUE;
  state.failing = state.running = state.idle = FALSE;
  state.now = state.finish = 0;
  state.duration = duration_ns;
  state.begun = state.posted = -1;
  state.worker = NULL;
  pthread_mutex_unlock(&mutex);
}

void slow_set_duration(gint64 duration_ns)
{
  pthread_mutex_lock(&mutex);
  state.duration = duration_ns;
  pthread_mutex_unlock(&mutex);
}

void slow_set_failing(gboolean failing)
{
  pthread_mutex_lock(&mutex);
  state.failing = failing;
  pthread_mutex_unlock(&mutex);
}

void slow_note_post(gint64 pts_ns)
{
  pthread_mutex_lock(&mutex);
  state.posted = pts_ns < 0 ? state.begun : pts_ns;
  pthread_mutex_unlock(&mutex);
}

void slow_advance(gint64 now_ns)
{
  pthread_mutex_lock(&mutex);
  state.now = now_ns;
  if (!is_settled())
    pthread_cond_signal(&moved);
  while (!is_settled())
    pthread_cond_wait(&settled, &mutex);
  pthread_mutex_unlock(&mutex);
}

gint64 slow_last_begun(void)
{
  gint64 begun;

  pthread_mutex_lock(&mutex);
  begun = state.begun;
  pthread_mutex_unlock(&mutex);
  return begun;
}

void slow_end(void)
{
  pthread_mutex_lock(&mutex);
  state.on = state.failing = FALSE;
  pthread_cond_signal(&moved);
  pthread_mutex_unlock(&mutex);
}
