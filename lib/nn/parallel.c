/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/parallel.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

/* Spins before a thread sleeps: some microseconds, so that short layers in a row do not pay a wake-up each. Where spinning
 * was in vain (others run on this processor) it is halved each time, down to LEAST_SPINS, until it helps again. */
#define SPINS 2000
#define LEAST_SPINS 16
#define MAX_THREADS 256

typedef struct {
  LusParallel *pool;
  int thread;
  int spins;
  pthread_t id;
} Worker;

/* `state` is a job's number, whether it is open, and how many workers are in it. A job is published by the next number. A
 * worker enters while the job is open, and not at all if it comes too late: so nobody waits for a worker that the system
 * does not let run. The caller closes the job when no items are left and waits for those who are in it. The job's fields are
 * written before it is opened, and not again until it is closed and left. */
#define INSIDE 1023u /* at least MAX_THREADS */
#define OPEN 1024u
#define NUMBER 2048u /* one job further */

struct _LusParallel {
  int threads;
  int n_workers; /* workers that were started */
  Worker *workers;

  LusParallelBody body;
  void *data;
  int items;
  atomic_int next; /* first item nobody has taken yet */
  atomic_uint state;
  atomic_bool stop;
  int spins; /* the caller's */

  pthread_mutex_t lock; /* guards the two conditions only */
  pthread_cond_t wake, done;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void run_items(LusParallel *pool, int thread)
{
  int item;
  while ((item = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->items)
    pool->body(pool->data, item, thread);
}

static int fewer(int spins)
{
  return MAX(spins / 2, LEAST_SPINS);
}

static unsigned state_of(LusParallel *pool)
{
  return atomic_load_explicit(&pool->state, memory_order_acquire);
}

static bool same_job(unsigned a, unsigned b)
{
  return a / NUMBER == b / NUMBER;
}

/* Returns the state when its job is another one than in @seen: spins shortly, then sleeps. */
static unsigned wait_for_job(Worker *worker, unsigned seen)
{
  LusParallel *pool = worker->pool;
  unsigned state = state_of(pool);
  for (int i = 0; i < worker->spins && same_job(state, seen); i++) {
    relax();
    state = state_of(pool);
  }
  if (!same_job(state, seen)) {
    worker->spins = SPINS;
    return state;
  }
  pthread_mutex_lock(&pool->lock);
  while (same_job(state = state_of(pool), seen))
    pthread_cond_wait(&pool->wake, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  worker->spins = state & OPEN ? SPINS : fewer(worker->spins);
  return state;
}

/* Takes part in the job of *state unless it is closed. *state becomes what was seen last. */
static bool enter(LusParallel *pool, unsigned *state)
{
  while (*state & OPEN)
    if (atomic_compare_exchange_weak_explicit(&pool->state, state, *state + 1, memory_order_acq_rel, memory_order_acquire))
      return true;
  return false;
}

static void leave(LusParallel *pool)
{
  unsigned before = atomic_fetch_sub_explicit(&pool->state, 1, memory_order_acq_rel);
  if ((before & INSIDE) != 1 || before & OPEN)
    return;
  pthread_mutex_lock(&pool->lock);
  pthread_cond_signal(&pool->done);
  pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *data)
{
  Worker *worker = data;
  LusParallel *pool = worker->pool;
  unsigned seen = 0;
  do { /* what is seen last may be the end: stop is looked at behind it, never before */
    seen = wait_for_job(worker, seen);
    if (enter(pool, &seen)) {
      run_items(pool, worker->thread);
      leave(pool);
    }
  } while (!atomic_load_explicit(&pool->stop, memory_order_acquire));
  return NULL;
}

/* Nobody is in a job now. */
static void publish(LusParallel *pool, unsigned open)
{
  unsigned state = atomic_load_explicit(&pool->state, memory_order_relaxed);
  pthread_mutex_lock(&pool->lock);
  atomic_store_explicit(&pool->state, (state / NUMBER + 1) * NUMBER + open, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

static void close_job(LusParallel *pool)
{
  unsigned state = atomic_fetch_and_explicit(&pool->state, ~OPEN, memory_order_acq_rel);
  for (int i = 0; i < pool->spins && state & INSIDE; i++) {
    relax();
    state = state_of(pool);
  }
  pool->spins = state & INSIDE ? fewer(pool->spins) : SPINS;
  if (!(state & INSIDE))
    return;
  pthread_mutex_lock(&pool->lock);
  while (state_of(pool) & INSIDE)
    pthread_cond_wait(&pool->done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

LusParallel *lus_parallel_new(int threads)
{
  if (threads <= 0)
    threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
  threads = CLAMP(threads, 1, MAX_THREADS);
  LusParallel *pool = g_try_new0(LusParallel, 1);
  if (!pool)
    return NULL;
  pool->workers = g_try_new0(Worker, threads);
  if (!pool->workers) {
    g_free(pool);
    return NULL;
  }
  atomic_init(&pool->next, 0);
  atomic_init(&pool->state, 0);
  atomic_init(&pool->stop, false);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->threads = threads;
  pool->spins = SPINS;
  for (int i = 0; i + 1 < threads; i++) {
    Worker *worker = &pool->workers[i];
    worker->pool = pool;
    worker->thread = i + 1;
    worker->spins = SPINS;
    if (pthread_create(&worker->id, NULL, worker_main, worker) != 0) {
      lus_parallel_free(pool);
      return NULL;
    }
    pool->n_workers++;
  }
  return pool;
}

void lus_parallel_free(LusParallel *pool)
{
  if (!pool)
    return;
  atomic_store_explicit(&pool->stop, true, memory_order_release);
  publish(pool, 0);
  for (int i = 0; i < pool->n_workers; i++)
    pthread_join(pool->workers[i].id, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  g_free(pool->workers);
  g_free(pool);
}

int lus_parallel_threads(const LusParallel *pool)
{
  return pool ? pool->threads : 1;
}

void lus_parallel_for(LusParallel *pool, int items, LusParallelBody body, void *data)
{
  if (!pool || pool->n_workers == 0 || items <= 1) {
    for (int item = 0; item < items; item++)
      body(data, item, 0);
    return;
  }
  pool->body = body;
  pool->data = data;
  pool->items = items;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  publish(pool, OPEN);
  run_items(pool, 0);
  close_job(pool);
}
