/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "augment.h"
#include "dataset.h"
#include "loss.h"
#include "optimizer.h"
#include "target.h"
#include "../nn/fpn.h"
#include "../nn/fpn-encoders.h"
#include "../nn/model.h"

LUS_BEGIN_DECLS

typedef struct {
  LusFpnConfig network;
  const LusEncoderFpnConfig *encoder; /* borrowed: this network instead, whose group_norm must be set; NULL: network */
  const LusGraph *initial; /* borrowed: weights to begin with, see lus_train_take_weights(); NULL: random ones */
  gboolean initial_other_classes; /* its classes are others or in another order, so that the head starts anew */
  LusTarget target;        /* ordinal: of samples that lus_target_expand() has expanded, threshold:50 here */
  const LusLoss *loss;     /* borrowed; NULL: lus_loss_init() */
  LusAugment augment;      /* default: all at 1 */
  guint64 seed;
  int steps;               /* optimiser steps in all */
  int batch;               /* samples per step, default 8 */
  double balance;          /* 0..1: how much more often samples with rare classes come; 0 (default): all alike, 1: each
                              class equally often */
  LusOptimizer optimizer;  /* default AdamW */
  double learning_rate;    /* peak, default 2e-3 */
  int warm_up;             /* steps, default 50 */
  double ema;              /* decay of the averaged weights, 0..1, default 0.998; less in the first steps. They are what
                              is validated and saved; 0: the weights themselves */
  const LusSamples *validation; /* borrowed, of other patients; NULL: none */
  int validation_interval; /* steps, default 500; 0: never */
  int patience;            /* so many validations without a better mean Dice end the training, whose best weights are
                              then the result; default 0: all steps, and the last weights */
  const LusTrainPeers *peers; /* borrowed; NULL: this process alone. Else batch is a multiple of their number, everybody
                              has the same configuration and samples, and all get the result */
  int threads;             /* 0 = all */
  int checkpoint_interval; /* steps, default 200 */
  const char *checkpoint;  /* file to write and, when it exists and fits, to resume from; NULL = none */
  const char *log;         /* CSV file, a row per step; NULL = none */
  const char *const *class_names; /* for its header, one per class; NULL: numbers */
  LusProgress progress; /* "loss 0.412 dice .61 .32 .44" with steps done and total; FALSE: checkpoint, then cancel */
  gpointer progress_data;
} LusTrainConfig;

/** How a training went. */
typedef struct {
  gint64 steps;     /* done; fewer than asked for when the patience was over */
  gint64 used_step; /* whose averaged weights are the result */
} LusTrainResult;

LUS_API void lus_train_config_init(LusTrainConfig *config);

/** Trains from scratch (or from the checkpoint, exactly: the result is bit-identical to an undisturbed run). Each
 *  step's samples follow from (seed, step). The new graph holds the averaged weights. @result may be NULL. */
LUS_API LusGraph *lus_train(const LusTrainConfig *config, const LusSamples *samples, LusTrainResult *result,
                            GError **error);

/** Whether no other training uses the checkpoint at the moment, so that a second one can be refused before it has read its
 *  samples. lus_train() itself holds CHECKPOINT.lock. */
LUS_API gboolean lus_train_checkpoint_is_free(const char *checkpoint, GError **error);

/** Gives @graph the weights of @from that have the same names; every one of @graph's must be there with its shape, with
 *  two exceptions that keep what they have: a head (the convolution that gives the logits) with another number of
 *  outputs, or of @other_classes, which *new_head (may be NULL) tells; and residual blocks after a stage's last one in @from, so that a deeper
 *  network begins as the shallower one's function. Errors name the first weight that does not fit; @graph is then as it was. */
LUS_API gboolean lus_train_take_weights(LusGraph *graph, const LusGraph *from, gboolean other_classes, gboolean *new_head,
                                        GError **error);

/** Gives @graph the mean of its weights and those of @with that have the same names; every one must be there with its shape.
 *  Two trainings that began alike end in one valley, and what lies between them often sees more than either (Wortsman et
 *  al. 2022, Model soups). Errors name the first weight that does not fit; @graph is then as it was. */
LUS_API gboolean lus_train_average_weights(LusGraph *graph, const LusGraph *with, GError **error);

/** After training: logit' = a logit + b per class, fitted on held-out samples and folded into the head's weights. a
 *  and b minimise the cross entropy against the target (Platt scaling); then, unless @cut is 0, b moves so that the
 *  mask at confidence @cut (0..1) is the one with the best Dice against the target's: 0.6 then means 60 %. A class that
 *  is always or never positive there keeps its output. @explained [n_classes], or NULL: which part of the target's entropy
 *  a logit + b tells, 1: all, 0: no more than the share of positives does, NaN: nothing was fitted. @graph as from
 *  lus_train(): logits, lit normalisation. */
LUS_API gboolean lus_calibrate(LusGraph *graph, double *explained, const LusSamples *held_out, const LusTarget *target,
                               double cut, int threads, GError **error);

LUS_END_DECLS
