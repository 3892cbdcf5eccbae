/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "target.h"
#include "../nn/model.h"

/** Inside of learn: a network run over samples. */

/** Called for every sample, side by side in the pool's threads; @output [n_classes][height][width] as the network
 *  gives it. */
typedef void (*LusPredictBody)(gpointer data, int sample, const float *output, int thread);

/** @graph is borrowed. Errors: the network's size, channels or classes do not fit the samples; cancelled. */
gboolean lus_predict(LusGraph *graph, const LusNormalise *normalise, int channels, const LusSamples *samples,
                     LusParallel *pool, LusPredictBody body, gpointer data, LusProgress progress,
                     gpointer progress_data, const char *what, GError **error);

/** In calibrate.c: the Dice against the target's mask that each class's mask has at the best cut of its logits, which is what
 *  the mask has after calibration; NaN where the samples have nothing of a class. @dice [n_classes]. */
gboolean lus_best_dice(double *dice, LusGraph *graph, const LusSamples *samples, const LusTarget *target,
                       LusParallel *pool, GError **error);

/** The same for a model and its settings; the body is given confidences 0..1. Errors: it has other classes or another
 *  size than the samples. */
gboolean lus_predict_model(LusModel *model, const LusSamples *samples, LusParallel *pool, LusPredictBody body,
                           gpointer data, LusProgress progress, gpointer progress_data, const char *what,
                           GError **error);
