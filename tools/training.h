/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "train-options.h"

/** What `lus train` and `lus sweep` share: one training, from options to a model file. */
typedef struct {
  LusTrainOptions options;
  LusTrainConfig config; /* progress and progress_data are the caller's */
  LusEncoderFpnConfig encoder;
  LusTarget target; /* as asked for; the trainer's own where samples are expanded is another */
  LusLoss loss;
  const char *data_text;
  char *command, *checkpoint;
  LusModel *initial;
  LusModel *average;
  LusGraph *initial_graph;
  char *outputs[LUS_MAX_CLASSES + 1]; /* names of what the network gives */
  LusTrainResult result;
  LusModelInfo info;
  const LusSamples *samples, *held_out; /* borrowed */
  LusSamples *owned; /* samples that the training frees when it needs them no more; or NULL */
  LusGraph *graph;
  int n_held_out; /* how many there were */
} LusTraining;

void lus_training_init(LusTraining *training);
void lus_training_clear(LusTraining *training);
/** The description with the tables of augmentation, target methods and losses, and the example. */
char *lus_training_help(const char *description, const char *example);
/** From options to configuration; an exit code, and what is wrong has been printed. */
int lus_training_configure(LusTraining *training);
/** Says what is allowed but hardly meant. */
void lus_training_warn(const LusTraining *training);
/** Class names and their weights in the loss from the data set, or NULL; licence and probes from the options or from what the data says. */
void lus_training_describe(LusTraining *training, const LusDataset *dataset);
/** The weights to begin with, if there are to be any. */
gboolean lus_training_load_initial(LusTraining *training, GError **error);
/** Trains on @samples, calibrates on @held_out and writes the model to options.output, with what made it and how good
 *  it is; @metrics [n_classes]: on the held-out samples. The checkpoint stays. */
gboolean lus_training_run(LusTraining *training, LusClassMetrics *metrics, GError **error);
