/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "../nn/model.h"

LUS_BEGIN_DECLS

/** One class's result: pixels counted over all samples, interval by bootstrap over groups (patients). */
typedef struct {
  double dice, dice_low, dice_high; /* 95 % */
  double precision, recall;
  gint64 positive_pixels;           /* of the reference */
} LusClassMetrics;

/** Runs the model's network on the samples and compares masks at @cut (0..1) with labels at @level (percent >= level).
 *  @out[n_classes of samples]. 1000 bootstrap draws from @seed. */
LUS_API gboolean lus_metrics_evaluate(LusClassMetrics *out, LusModel *model, const LusSamples *samples, double cut, double level,
                                      guint64 seed, int threads, LusProgress progress, gpointer progress_data, GError **error);
/** 2 |A and B| / (|A| + |B|), 1 when both are empty. */
LUS_API double lus_dice(gint64 both, gint64 a, gint64 b);

LUS_END_DECLS
