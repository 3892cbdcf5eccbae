/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: the course of a training as a CSV file, one row per step:
 *  step,loss,learning_rate,gradient_norm,dice_CLASS...,seconds. */
typedef struct _LusTrainLog LusTrainLog;

/** Opens @path for a training that has done @step steps: rows beyond are cut off, what is missing stays missing. The
 *  seconds go on from the last row kept. Errors: the file is there and is not the log of a training with these classes. */
LusTrainLog *lus_train_log_open(const char *path, const char *const *classes, int n_classes, gint64 step,
                                GError **error);
/** @dice [n_classes] or NULL where nothing was measured; NaN leaves a field empty. Each row is handed to the system at
 *  once. */
gboolean lus_train_log_add(LusTrainLog *log, gint64 step, double loss, double learning_rate, double gradient_norm,
                           const double *dice, GError **error);
/** NULL is accepted. */
void lus_train_log_free(LusTrainLog *log);
