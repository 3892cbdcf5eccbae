/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/parallel.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

/* Spins before a thread sleeps: some microseconds, so that short layers in a row do not pay a
 * wake-up each. */
#define SPINS 2000
#define MAX_THREADS 256

typedef struct {
  LusParallel *pool;
  int thread;
  pthread_t id;
} Worker;

/* A job is published by raising `generation`; each worker takes part in every job exactly once and
 * counts itself out of `busy`. The job's fields are written before the release of `generation` and
 * not again until `busy` is 0. */
struct _LusParallel {
  int threads;
  int n_workers; /* workers that were started */
  Worker *workers;

  LusParallelBody body;
  void *data;
  int items;
  atomic_int next; /* first item nobody has taken yet */
  atomic_uint generation;
  atomic_int busy;
  atomic_bool stop;

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

/* Returns when generation differs from @seen: spins shortly, then sleeps. */
static unsigned wait_for_job(LusParallel *pool, unsigned seen)
{
  for (int i = 0; i < SPINS; i++) {
    unsigned generation = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (generation != seen)
      return generation;
    relax();
  }
  unsigned generation;
  pthread_mutex_lock(&pool->lock);
  while ((generation = atomic_load_explicit(&pool->generation, memory_order_acquire)) == seen)
    pthread_cond_wait(&pool->wake, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  return generation;
}

static void *worker_main(void *data)
{
  Worker *worker = data;
  LusParallel *pool = worker->pool;
  unsigned seen = 0;
  for (;;) {
    seen = wait_for_job(pool, seen);
    if (atomic_load_explicit(&pool->stop, memory_order_acquire))
      return NULL;
    run_items(pool, worker->thread);
    if (atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_acq_rel) == 1) {
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->lock);
    }
  }
}

static void publish(LusParallel *pool)
{
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

static void wait_until_done(LusParallel *pool)
{
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(&pool->busy, memory_order_acquire) == 0)
      return;
    relax();
  }
  pthread_mutex_lock(&pool->lock);
  while (atomic_load_explicit(&pool->busy, memory_order_acquire) > 0)
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
  atomic_init(&pool->generation, 0);
  atomic_init(&pool->busy, 0);
  atomic_init(&pool->stop, false);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->threads = threads;
  for (int i = 0; i + 1 < threads; i++) {
    Worker *worker = &pool->workers[i];
    worker->pool = pool;
    worker->thread = i + 1;
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
  publish(pool);
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
  atomic_store_explicit(&pool->busy, pool->n_workers, memory_order_relaxed);
  publish(pool);
  run_items(pool, 0);
  wait_until_done(pool);
}
