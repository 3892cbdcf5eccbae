/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <jansson.h>
#include "tool.h"

/** What `lus train` can be told, by flags and by a configuration file: one table, from which flags, keys, help and the
 *  record in the model follow. Texts belong to the structure. */
typedef struct {
  char *output, *size, *experts;
  char *encoder, *widths, *initial, *average;
  int width; /* 0: the encoder's usual one */
  char *target, *loss, *optimizer;
  int steps, batch, warm_up, threads;
  gint64 seed;
  char *augment; /* NULL: as it is by default */
  double learning_rate; /* 0: the optimiser's usual one */
  double balance, momentum, weight_decay, clip, ema;
  int held_out, validation_interval, patience;
  double best_mask;
  char *checkpoint, *log;
  int checkpoint_interval;
  char *licence, *probes;
  char *config_file; /* or NULL */
  const char *command;        /* "train", for messages */
  const char *const *without; /* keys that the command has no use for; or NULL */
  char **values;     /* inside: each option's effective text, NULL where there is none */
  gboolean *in_file; /* inside: whether that came from the file */
} LusTrainOptions;

/** From the command line and, where it names one, the configuration file; the former wins. @more: flags of the
 *  command's own, or NULL; @without: keys that it has no use for, NULL-terminated, or NULL. Returns an exit code; what
 *  is wrong has been printed. @arguments as of lus_tool_parse(). */
int lus_train_options_parse(LusTrainOptions *options, const char *command, const GOptionEntry *more,
                            const char *const *without, int argc, char **argv, const char *description,
                            char ***arguments);
void lus_train_options_clear(LusTrainOptions *options);
/** Prints that the value of @key is wrong, with where it stands; returns the exit code. */
int lus_train_options_bad(const LusTrainOptions *options, const char *key, const char *message);
/** Replaces what the record says of @key. */
void lus_train_options_set(LusTrainOptions *options, const char *key, const char *text);
/** {"group": {"key": "value"}} of all that is set and has to do with the result. */
json_t *lus_train_options_record(const LusTrainOptions *options);
