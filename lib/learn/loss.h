/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "peers.h"
#include "../nn/api.h"
#include "../nn/parallel.h"

LUS_BEGIN_DECLS

/** What a loss is summed up from; one table, from which names, parsing, docs and tests follow. p = sigmoid of the logit,
 *  t = target 0..1, w = the pixel's weight. Each is smallest at p = t, soft targets included. */
typedef enum {
  LUS_LOSS_BCE,     /* cross entropy, averaged over all pixels of the batch; a pixel of target t counts
                       1 + (positive weight - 1) t times */
  LUS_LOSS_FOCAL,   /* |p - t|^gamma times that (Lin et al. 2017; for soft targets Li et al. 2020, "Generalized focal loss",
                       eq. 6) */
  LUS_LOSS_DICE,    /* mean over classes of 1 - (2 sum w p t + s) / (sum w p^2 + sum w t^2 + s), s = 50 pixels, the sums over
                       the whole batch */
  LUS_LOSS_TVERSKY, /* the same with (I + s/2) / (I + s/2 + alpha F + beta M), I = sum w p t, F and M the sums of w (p - t)^2
                       where p lies above and below t; at alpha = beta = 1/2 it is Dice (Salehi et al. 2017, made smallest at
                       p = t by squares) */
  LUS_LOSS_N
} LusLossTerm;

typedef struct {
  float factor[LUS_LOSS_N];  /* >= 0; 0: not part of the sum */
  float positive_weight[16]; /* per class */
  float gamma;               /* focal: 1..5 (below 1 it has a cusp at soft targets), 2 by default */
  float alpha, beta;         /* Tversky: prices of too much and of too little, 0.05..1, .3 and .7 by default */
} LusLoss;

/** 2 x cross entropy + Dice; positive weight 7 for thin structures (the contract's first two classes), 3 for the others. */
LUS_API void lus_loss_init(LusLoss *loss, int n_classes);
/** The same positive weights by the classes' names, whatever their order. */
LUS_API void lus_loss_weigh_classes(LusLoss *loss, const char *const *names, int n_classes);
/** Sets the factors and numbers from a sum of terms "FACTOR*NAME:NUMBERS", of which factor and numbers may be left out:
 *  "2*bce+dice", "focal:2+0.5*tversky:0.3:0.7". */
LUS_API gboolean lus_loss_parse(LusLoss *loss, const char *text, GError **error);
LUS_API char *lus_loss_to_string(const LusLoss *loss);
/** How a term is written, "tversky:ALPHA:BETA", and what it is for. Static strings. */
LUS_API const char *lus_loss_form(LusLossTerm term);
LUS_API const char *lus_loss_summary(LusLossTerm term);

/** Loss of one batch and its gradient. @d_logits, @logits, @target, @weight: arrays of @batch pointers to
 *  [n_classes][pixels]; returns the loss; class Dice into @dice[n_classes] unless NULL. Deterministic in the threads.
 */
LUS_API double lus_loss_batch(float *const *d_logits, double *dice, const float *const *logits,
                              const float *const *target, const float *const *weight, const LusLoss *loss, int batch,
                              int n_classes, gsize pixels, LusParallel *pool);
/** The same for this process's part of a batch that is spread over @peers (NULL: it is all): loss, Dice and gradient are
 *  those of the whole. */
LUS_API double lus_loss_batch_part(float *const *d_logits, double *dice, const float *const *logits,
                                   const float *const *target, const float *const *weight, const LusLoss *loss, int batch,
                                   int n_classes, gsize pixels, const LusTrainPeers *peers, LusParallel *pool);

LUS_END_DECLS
