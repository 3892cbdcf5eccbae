/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/feature-stats.h"

#include <math.h>
#include <string.h>

typedef struct {
  int n;
  double sum;
} Bin;

struct _LusFeatureStats {
  int known[LUS_FEATURE_N];
  Bin bins[LUS_FEATURE_N][LUS_STATS_BINS];
};

LusFeatureStats *lus_feature_stats_new(void)
{
  return g_new0(LusFeatureStats, 1);
}

void lus_feature_stats_free(LusFeatureStats *stats)
{
  g_free(stats);
}

void lus_feature_stats_clear(LusFeatureStats *stats)
{
  memset(stats, 0, sizeof(*stats));
}

/** Values far below the range's end: bins as wide as the others' would each hold most of a clip's frames. */
static gboolean is_small(const LusFeatureInfo *info, int feature)
{
  return feature == LUS_FEATURE_PLEURA_ROUGHNESS || strcmp(info->unit, "mm") == 0;
}

void lus_feature_stats_add(LusFeatureStats *stats, const double features[LUS_FEATURE_N])
{
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    if (isnan(features[i]))
      continue;
    const LusFeatureInfo *info = lus_feature_info((LusFeature)i);
    double place = (features[i] - info->low) / (info->high - info->low);
    place = (is_small(info, i) ? cbrt(place) : place) * LUS_STATS_BINS;
    Bin *bin = &stats->bins[i][(int)CLAMP(place, 0, LUS_STATS_BINS - 1)];
    bin->n++;
    bin->sum += features[i];
    stats->known[i]++;
  }
}

int lus_feature_stats_known(const LusFeatureStats *stats, LusFeature feature)
{
  return stats->known[feature];
}

/** Mean of the bin that holds the @rank-th smallest value, counted from 1. */
static double at_rank(const LusFeatureStats *stats, LusFeature feature, int rank)
{
  const Bin *bin = stats->bins[feature];
  for (int seen = bin->n; seen < rank; seen += bin->n)
    bin++;
  return bin->sum / bin->n;
}

double lus_feature_stats_percentile(const LusFeatureStats *stats, LusFeature feature, double p)
{
  int n = stats->known[feature];
  if (n == 0)
    return NAN;
  /* An even number's median lies between two values; so does any percentile that falls on a whole rank. */
  double place = p * n;
  int low = CLAMP((int)ceil(place), 1, n), high = CLAMP((int)floor(place) + 1, 1, n);
  double a = at_rank(stats, feature, low);
  return high == low ? a : (a + at_rank(stats, feature, high)) / 2;
}
