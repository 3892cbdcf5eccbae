/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/bootstrap.h"
#include "nn/rng.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS 1000
#define TAIL 0.025

struct _LusBootstrap {
  int n;
  guint16 *times; /* [DRAWS][n]: how often the draw holds the patient */
};

LusBootstrap *lus_bootstrap_new(int n, guint64 seed)
{
  LusBootstrap *bootstrap = g_new0(LusBootstrap, 1);
  bootstrap->n = n;
  bootstrap->times = g_try_malloc0_n((gsize)n * DRAWS, sizeof *bootstrap->times);
  if (!bootstrap->times) {
    lus_bootstrap_free(bootstrap);
    return NULL;
  }
  LusRng rng;
  lus_rng_init(&rng, seed, 0);
  for (int d = 0; d < DRAWS; d++)
    for (int i = 0; i < n; i++)
      bootstrap->times[(gsize)d * n + lus_rng_below(&rng, (guint32)n)]++;
  return bootstrap;
}

void lus_bootstrap_free(LusBootstrap *bootstrap)
{
  if (!bootstrap)
    return;
  g_free(bootstrap->times);
  g_free(bootstrap);
}

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/** @times NULL: everybody once. NaN where the denominators sum to 0. */
static double ratio(const guint16 *times, const double *numerator, const double *denominator, int n)
{
  double above = 0, below = 0;
  for (int i = 0; i < n; i++) {
    double t = times ? times[i] : 1;
    above += t * numerator[i];
    below += t * denominator[i];
  }
  return below != 0 ? above / below : (double)NAN;
}

/** Whether two patients or more have a part in the ratio: of one all draws are the same, and that is no interval. */
static gboolean varies(const double *denominator, int n)
{
  int known = 0;
  for (int i = 0; i < n; i++)
    known += denominator[i] != 0;
  return known > 1;
}

static LusInterval interval(double value, double *draws, int n, gboolean varies)
{
  LusInterval out = {value, (double)NAN, (double)NAN};
  if (!varies || n == 0 || isnan(value))
    return out;
  qsort(draws, (gsize)n, sizeof *draws, compare_doubles);
  int tail = (int)(TAIL * n);
  out.low = draws[tail];
  out.high = draws[n - 1 - tail];
  return out;
}

LusInterval lus_bootstrap_ratio(const LusBootstrap *b, const double *numerator, const double *denominator)
{
  double draws[DRAWS];
  int kept = 0;
  for (int d = 0; d < DRAWS; d++) {
    double value = ratio(b->times + (gsize)d * b->n, numerator, denominator, b->n);
    if (!isnan(value))
      draws[kept++] = value;
  }
  return interval(ratio(NULL, numerator, denominator, b->n), draws, kept, varies(denominator, b->n));
}

LusInterval lus_bootstrap_difference(const LusBootstrap *b, const double *numerator, const double *denominator,
                                     const double *numerator2, const double *denominator2)
{
  double draws[DRAWS];
  int kept = 0;
  for (int d = 0; d < DRAWS; d++) {
    const guint16 *times = b->times + (gsize)d * b->n;
    double value = ratio(times, numerator, denominator, b->n) - ratio(times, numerator2, denominator2, b->n);
    if (!isnan(value))
      draws[kept++] = value;
  }
  return interval(ratio(NULL, numerator, denominator, b->n) - ratio(NULL, numerator2, denominator2, b->n), draws, kept,
                  varies(denominator, b->n) || varies(denominator2, b->n));
}
