/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "bootstrap.h"
#include "dataset.h"
#include "../nn/model.h"

LUS_BEGIN_DECLS

/** One class's result: pixels counted over all samples, interval by bootstrap over groups (patients). Labels 255 are
 *  left out. NaN: unknown (dice, precision and recall of a class that is labelled nowhere; precision when nothing was
 *  found; recall when there was nothing to find). */
typedef struct {
  double dice, dice_low, dice_high; /* 95 %; NaN of one group */
  double precision, recall;
  gint64 positive_pixels;           /* of the reference */
} LusClassMetrics;

/** Runs the model's network on the samples and compares masks at @cut (0..1) with labels at @level (percent >=
 *  level).
 *  @out[n_classes of samples]; the samples' classes are the model's, in its order (lus_dataset_select_classes()).
 *  1000 bootstrap draws from @seed. @threads 0 = all. */
LUS_API gboolean lus_metrics_evaluate(LusClassMetrics *out, LusModel *model, const LusSamples *samples, double cut,
                                      double level, guint64 seed, int threads, LusProgress progress,
                                      gpointer progress_data, GError **error);
/** 2 |A and B| / (|A| + |B|), 1 when both are empty. */
LUS_API double lus_dice(gint64 both, gint64 a, gint64 b);

/** Pixels of one class in one sample. */
typedef struct {
  gint64 both, found, reference; /* in both masks, in the network's, in the label's */
  gint64 known;                  /* labelled 0..100 rather than 255 */
} LusMaskCount;

/** Adds one plane: network confidence @confidence 0..1 against labels @percent, over @n pixels. */
LUS_API void lus_mask_count(LusMaskCount *count, const float *confidence, const guint8 *percent, gsize n, double cut,
                            double level);
/** From counts of patients: Dice and IoU are NaN where nothing is labelled, whatever was found. */
LUS_API LusInterval lus_counts_dice(const LusMaskCount *counts, int n, const LusBootstrap *bootstrap);
LUS_API LusInterval lus_counts_dice_difference(const LusMaskCount *a, const LusMaskCount *b, int n,
                                               const LusBootstrap *bootstrap);
/** The figures of one class from the counts of its @n samples; @group[n] as in LusSamples. */
LUS_API void lus_metrics_summarise(LusClassMetrics *out, const LusMaskCount *counts, const int *group, int n,
                                   guint64 seed);

LUS_END_DECLS
