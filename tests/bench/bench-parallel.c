/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Short jobs in a row, as a small network's layers are, then a pause: bench-parallel [FRAMES [THREADS]]. Prints a frame's time
 * (least, median) and the process's time per frame; on a machine that is busy otherwise both tell what waiting costs. */
#include <lus/lus.h>
#include <stdlib.h>
#include <time.h>

#define LAYERS 60
#define ITEMS 8
#define PAUSE 3000 /* microseconds */

static volatile float kept[256 * 64]; /* [thread], a cache line each or more */

static double milliseconds(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void work(void *data, int item, int thread)
{
  const int *steps = data;
  float sum = (float)item;
  for (int i = 0; i < *steps; i++)
    sum = sum * 0.999f + (float)i;
  kept[thread * 64] = sum;
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  int frames = argc > 1 ? CLAMP(atoi(argv[1]), 1, 100000) : 200, threads = argc > 2 ? CLAMP(atoi(argv[2]), 1, 256) : 2;
  g_autofree double *times = g_new(double, frames);
  LusParallel *pool = lus_parallel_new(threads);
  double used = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
  for (int f = 0; f < frames; f++) {
    double begin = milliseconds(CLOCK_MONOTONIC);
    for (int layer = 0; layer < LAYERS; layer++) {
      int steps = layer % 3 == 0 ? 300 : 3000;
      lus_parallel_for(pool, ITEMS, work, &steps);
    }
    times[f] = milliseconds(CLOCK_MONOTONIC) - begin;
    g_usleep(PAUSE);
  }
  used = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - used;
  lus_parallel_free(pool);
  qsort(times, (size_t)frames, sizeof *times, compare);
  g_print("%d threads, %d jobs: least %.3f ms, median %.3f ms, processor %.3f ms per frame\n", threads, LAYERS, times[0],
          times[frames / 2], used / frames);
  return 0;
}
