/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "loss.h"
#include "target.h"
#include "../nn/fpn.h"
#include "../nn/model.h"

LUS_BEGIN_DECLS

typedef struct {
  LusFpnConfig network;
  LusTarget target;        /* ordinal: of samples that lus_target_expand() has expanded, threshold:50 here */
  const LusLoss *loss;     /* borrowed; NULL: lus_loss_init() */
  guint64 seed;
  int steps;               /* optimiser steps in all */
  int batch;               /* samples per step, default 8 */
  double learning_rate;    /* peak, default 2e-3 */
  int warm_up;             /* steps, default 50 */
  double ema;              /* decay of the averaged weights that are saved, default 0.998 */
  int threads;             /* 0 = all */
  int checkpoint_interval; /* steps, default 200 */
  const char *checkpoint;  /* file to write and, when it exists and fits, to resume from; NULL = none */
  LusProgress progress; /* "loss 0.412 dice .61 .32 .44" with steps done and total; FALSE: checkpoint, then cancel */
  gpointer progress_data;
} LusTrainConfig;

LUS_API void lus_train_config_init(LusTrainConfig *config);

/** Trains from scratch (or from the checkpoint, exactly: the result is bit-identical to an undisturbed run). Each
 *  step's samples follow from (seed, step). The new graph holds the averaged weights. */
LUS_API LusGraph *lus_train(const LusTrainConfig *config, const LusSamples *samples, GError **error);

/** After training: logit' = a logit + b per class, fitted on held-out samples and folded into the head's weights. a
 *  and b minimise the cross entropy against the target (Platt scaling); then, unless @cut is 0, b moves so that the
 *  mask at confidence @cut (0..1) is the one with the best Dice against the target: 0.6 then means 60 %. A class that
 *  is always or never positive there keeps its output. @graph as from lus_train(): logits, lit normalisation. */
LUS_API gboolean lus_calibrate(LusGraph *graph, const LusSamples *held_out, const LusTarget *target, double cut,
                               int threads, GError **error);

LUS_END_DECLS
