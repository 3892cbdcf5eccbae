/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/features.h"

/** Inside of lung: the frames of one clip, in bounded memory. Each feature's range is cut into bins that keep count and
 *  sum, so that a percentile is the mean of the values in its bin: exact where they are equal, else to within
 *  1/LUS_STATS_BINS of the range. Sizes in mm and roughness, which are small against their range, have bins that are
 *  narrower at its lower end: even in the cube root. */
#define LUS_STATS_BINS 400

typedef struct _LusFeatureStats LusFeatureStats;

LusFeatureStats *lus_feature_stats_new(void);
void lus_feature_stats_free(LusFeatureStats *stats);
void lus_feature_stats_clear(LusFeatureStats *stats);
void lus_feature_stats_add(LusFeatureStats *stats, const double features[LUS_FEATURE_N]);
/** Frames on which the feature is known. */
int lus_feature_stats_known(const LusFeatureStats *stats, LusFeature feature);
/** Value that part @p (0..1) of the known frames do not exceed; NaN if none is known. */
double lus_feature_stats_percentile(const LusFeatureStats *stats, LusFeature feature, double p);
