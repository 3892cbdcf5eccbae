/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stdatomic.h>

#include "nn/parallel.h"

#define ITEMS 1000
#define ROUNDS 3000

typedef struct {
  atomic_int done[ITEMS];
  int threads;
} Counts;

static void count(void *data, int item, int thread)
{
  Counts *counts = data;
  g_assert_cmpint(thread, >=, 0);
  g_assert_cmpint(thread, <, counts->threads);
  atomic_fetch_add(&counts->done[item], 1);
}

static void test_every_item_once(void)
{
  for (int threads = 1; threads <= 4; threads++) {
    LusParallel *pool = lus_parallel_new(threads);
    g_assert_nonnull(pool);
    g_assert_cmpint(lus_parallel_threads(pool), ==, threads);
    for (int items = 0; items <= ITEMS; items = items * 3 + 1) {
      Counts counts = {.threads = threads};
      lus_parallel_for(pool, items, count, &counts);
      for (int i = 0; i < ITEMS; i++)
        g_assert_cmpint(atomic_load(&counts.done[i]), ==, i < items ? 1 : 0);
    }
    lus_parallel_free(pool);
  }
}

static void in_order(void *data, int item, int thread)
{
  int *next = data;
  g_assert_cmpint(thread, ==, 0);
  g_assert_cmpint(item, ==, *next);
  ++*next;
}

static void test_no_pool(void)
{
  int next = 0;
  lus_parallel_for(NULL, 5, in_order, &next);
  g_assert_cmpint(next, ==, 5);
  g_assert_cmpint(lus_parallel_threads(NULL), ==, 1);
  lus_parallel_free(NULL);
}

/* What one job writes the next one reads, by whatever thread: no atomics here, so a thread
 * sanitizer sees a missing barrier. */
static void add_neighbour(void *data, int item, int thread)
{
  (void)thread;
  int **buffers = data;
  buffers[1][item] = buffers[0][item] + buffers[0][(item + 1) % 64];
}

static void test_many_short_jobs(void)
{
  LusParallel *pool = lus_parallel_new(3);
  int a[64], b[64];
  for (int i = 0; i < 64; i++)
    a[i] = 1;
  int *buffers[2] = {a, b};
  for (int job = 0; job < 2000; job++) {
    lus_parallel_for(pool, 64, add_neighbour, buffers);
    int *t = buffers[0];
    buffers[0] = buffers[1];
    buffers[1] = t;
    for (int i = 0; i < 64; i++)
      buffers[0][i] %= 1 << 20;
    if (job % 500 == 0)
      g_usleep(2000); /* long enough for the workers to fall asleep */
  }
  for (int i = 1; i < 64; i++)
    g_assert_cmpint(buffers[0][i], ==, buffers[0][0]);
  lus_parallel_free(pool);
}

static void test_idle_pool_and_default(void)
{
  LusParallel *pool = lus_parallel_new(0);
  g_assert_cmpint(lus_parallel_threads(pool), >=, 1);
  lus_parallel_free(pool);
}

static void do_nothing(void *data, int item, int thread)
{
  (void)data, (void)item, (void)thread;
}

/* A worker that wakes up for a job finds it over, and the pool about to go: it must end all the same. */
static void test_end_after_job(void)
{
  for (int round = 0; round < ROUNDS; round++) {
    LusParallel *pool = lus_parallel_new(2 + round % 3);
    for (int job = 0; job < round % 4; job++)
      lus_parallel_for(pool, 2, do_nothing, NULL);
    lus_parallel_free(pool);
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/parallel/every-item-once", test_every_item_once);
  g_test_add_func("/parallel/no-pool", test_no_pool);
  g_test_add_func("/parallel/many-short-jobs", test_many_short_jobs);
  g_test_add_func("/parallel/idle-pool-and-default", test_idle_pool_and_default);
  g_test_add_func("/parallel/end-after-job", test_end_after_job);
  return g_test_run();
}
