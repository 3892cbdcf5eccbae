/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "confidence.h"

LUS_BEGIN_DECLS

/** Lung features of one frame, in one table from which names, units, ranges, CSV header and docs follow. */
typedef enum {
  LUS_FEATURE_PLEURA_COVERAGE,     /* % of the sector's columns that show pleural line */
  LUS_FEATURE_PLEURA_DEPTH,        /* median depth of its upper edge below the sector's top, % of the sector's height */
  LUS_FEATURE_PLEURA_THICKNESS,    /* median, % of the sector's height */
  LUS_FEATURE_PLEURA_CONFIDENCE,   /* mean over its mask, 0..100 % */
  LUS_FEATURE_PLEURA_BREAKS,       /* gaps between its first and last column, count */
  LUS_FEATURE_FASCIA_AREA,         /* % of the sector's area above the pleural line */
  LUS_FEATURE_VERTICAL_COUNT,      /* vertical lines that start under detected pleura, count */
  LUS_FEATURE_VERTICAL_PERCENT,    /* B-line/pleura percentage: pleura columns with a vertical line below, % */
  LUS_FEATURE_VERTICAL_WIDEST,     /* widest one, % of the pleura's columns */
  LUS_FEATURE_VERTICAL_AREA,       /* % of the sector's area below the pleural line */
  LUS_FEATURE_VERTICAL_CONFIDENCE, /* mean confidence (not mask) below the detected pleura, 0..100 % */
  LUS_FEATURE_N
} LusFeature;

typedef struct {
  const char *name;       /* e.g. "vertical_percent" */
  const char *unit;       /* "%", "count" */
  double low, high;       /* range */
  const char *definition; /* one sentence */
} LusFeatureInfo;

LUS_API const LusFeatureInfo *lus_feature_info(LusFeature feature);
/** Feature by name, or -1. */
LUS_API int lus_feature_from_name(const char *name);

/** All features of one frame into @out[LUS_FEATURE_N]; those that need a pleural line are NaN when none was detected.
 *  Classes are found by name in the model's info; a model without pleural_line or vertical_line gives NaN for theirs.
 *  @scratch of lus_features_scratch_size() bytes. */
LUS_API void lus_features_measure(double *out, const LusSegmentation *segmentation, const LusMask *mask, void *scratch);
LUS_API gsize lus_features_scratch_size(const LusSegmentation *segmentation);

LUS_END_DECLS
