/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"
#include "../nn/parallel.h"

LUS_BEGIN_DECLS

/** 2 x positive-weighted binary cross entropy (on logits) + mean over classes of 1 - soft Dice over the whole batch,
 *  with Dice = (2 sum p t + s) / (sum p^2 + sum t^2 + s), which for soft targets is largest at p = t (s = 50 pixels).
 *  The cross entropy is averaged over all pixels of the batch; every term counts times the pixel's weight. */
typedef struct {
  float positive_weight[16]; /* per class: a pixel of target t counts 1 + (this - 1) t times in the cross entropy */
  float bce, dice;           /* factors of the two parts */
} LusLoss;

/** 2 and 1; positive weight 7 for thin structures (the contract's first two classes), 3 for the others. */
LUS_API void lus_loss_init(LusLoss *loss, int n_classes);

/** Loss of one batch and its gradient. @d_logits, @logits, @target, @weight: arrays of @batch pointers to
 *  [n_classes][pixels]; returns the loss; class Dice into @dice[n_classes] unless NULL. Deterministic in the threads.
 */
LUS_API double lus_loss_batch(float *const *d_logits, double *dice, const float *const *logits,
                              const float *const *target, const float *const *weight, const LusLoss *loss, int batch,
                              int n_classes, gsize pixels, LusParallel *pool);

LUS_END_DECLS
