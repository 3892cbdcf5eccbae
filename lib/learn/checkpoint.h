/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: what a training is made of at one moment, and the file that keeps it. */
typedef struct {
  gint64 step; /* optimiser steps done */
  gsize n;     /* parameters */
  float *parameters, *m, *v, *average; /* [n] each: weights, the optimiser's moments, averaged weights */
  gint64 best_step;  /* when the averaged weights did best on the validation samples; 0: not measured yet */
  double best_score; /* mean Dice there */
  float *best;       /* [n]: these weights */
} LusTrainState;

gboolean lus_train_state_alloc(LusTrainState *state, gsize n, GError **error);
void lus_train_state_clear(LusTrainState *state);

/** @settings: lines "name value\n" that a run must share with the file to go on from it. */
gboolean lus_checkpoint_write(const char *path, const LusTrainState *state, const char *settings, GError **error);
/** Into an allocated state. Errors: damaged or foreign file, other settings (the first that differs is named). */
gboolean lus_checkpoint_read(const char *path, LusTrainState *state, const char *settings, GError **error);
