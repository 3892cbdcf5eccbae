/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "confidence.h"

LUS_BEGIN_DECLS

/** Lung features of one frame, in one table from which names, units, ranges, CSV header and docs follow. Sizes stand in
 *  % of the sector's height, and again in mm where mm per pixel is known. */
typedef enum {
  LUS_FEATURE_PLEURA_COVERAGE,
  LUS_FEATURE_PLEURA_VISIBILITY,
  LUS_FEATURE_PLEURA_DEPTH,
  LUS_FEATURE_PLEURA_DEPTH_MM,
  LUS_FEATURE_PLEURA_THICKNESS,
  LUS_FEATURE_PLEURA_THICKNESS_MM,
  LUS_FEATURE_PLEURA_CONFIDENCE,
  LUS_FEATURE_PLEURA_BREAKS,
  LUS_FEATURE_PLEURA_CONTINUITY,
  LUS_FEATURE_PLEURA_INDENTATIONS,
  LUS_FEATURE_PLEURA_ROUGHNESS,
  LUS_FEATURE_PLEURA_ROUGHNESS_MM,
  LUS_FEATURE_FASCIA_AREA,
  LUS_FEATURE_FASCIA_COUNT,
  LUS_FEATURE_FASCIA_DEPTH,
  LUS_FEATURE_FASCIA_DEPTH_MM,
  LUS_FEATURE_FASCIA_THICKNESS,
  LUS_FEATURE_FASCIA_THICKNESS_MM,
  LUS_FEATURE_FASCIA_CONFIDENCE,
  LUS_FEATURE_VERTICAL_COUNT,
  LUS_FEATURE_VERTICAL_PERCENT,
  LUS_FEATURE_VERTICAL_WIDEST,
  LUS_FEATURE_VERTICAL_WIDTH_MM,
  LUS_FEATURE_VERTICAL_WIDEST_MM,
  LUS_FEATURE_VERTICAL_CONFLUENCE,
  LUS_FEATURE_VERTICAL_AREA,
  LUS_FEATURE_VERTICAL_INTENSITY,
  LUS_FEATURE_VERTICAL_CONFIDENCE,
  LUS_FEATURE_VERTICAL_PEAK,
  LUS_FEATURE_VERTICAL_SPREAD,
  LUS_FEATURE_VERTICAL_DEEP,
  LUS_FEATURE_VERTICAL_OVERALL,
  LUS_FEATURE_VERTICAL_OVERALL_PEAK,
  LUS_FEATURE_VERTICAL_VISIBILITY,
  LUS_FEATURE_A_LINE_COUNT,
  LUS_FEATURE_A_LINE_CONTRAST,
  LUS_FEATURE_SLIDING,
  LUS_FEATURE_IMAGE_BRIGHTNESS,
  LUS_FEATURE_IMAGE_CONTRAST,
  LUS_FEATURE_IMAGE_LIT,
  LUS_FEATURE_IMAGE_CONTACT,
  LUS_FEATURE_N
} LusFeature;

typedef struct {
  const char *name;       /* e.g. "vertical_percent" */
  const char *unit;       /* "%", "mm", "count" */
  double low, high;       /* range */
  gboolean needs_pleura;  /* unknown where no pleural line was detected */
  int water;              /* +1 grows with lung water, -1 falls, 0 medicine does not say */
  const char *definition; /* one sentence */
  const char *source;     /* what it is measured on: "mask", "confidence" or "picture" */
} LusFeatureInfo;

LUS_API const LusFeatureInfo *lus_feature_info(LusFeature feature);
/** Feature by name, or -1. */
LUS_API int lus_feature_from_name(const char *name);

/** Measures the frames of one stream; keeps memory, the sector's beams and the picture before. Not thread-safe. */
typedef struct _LusFeatureMeter LusFeatureMeter;
LUS_API LusFeatureMeter *lus_feature_meter_new(void);
LUS_API void lus_feature_meter_free(LusFeatureMeter *meter);
/** New clip: forgets the picture before. */
LUS_API void lus_feature_meter_reset(LusFeatureMeter *meter);

/** All features of one frame into @out[LUS_FEATURE_N]; what is not known is NaN: what needs a pleural line when none was
 *  detected, what needs a class that the model lacks (classes are found by name), mm without mm per pixel. @image: the
 *  picture that was segmented, or NULL (then features measured on the picture are NaN). FALSE when out of memory. */
LUS_API gboolean lus_feature_meter_run(LusFeatureMeter *meter, double *out, const LusSegmentation *segmentation,
                                       const LusMask *mask, const LusImage *image);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusFeatureMeter, lus_feature_meter_free)

LUS_END_DECLS
