/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** What `lus fit --network` is told. */
typedef struct {
  char *planes, *widths; /* folder of 'lus features --planes'; NULL: no network is wanted */
  int frames, embedding, steps, folds, threads;
  gint64 seed;
  double learning_rate, contrast;
  gboolean grey;
} LusToolFitNetwork;

void lus_tool_fit_network_init(LusToolFitNetwork *network);
void lus_tool_fit_network_clear(LusToolFitNetwork *network);

/** The name of an option that was given and that only a network heeds, or NULL. */
const char *lus_tool_fit_network_unused(const LusToolFitNetwork *network);

/** What is wrong with a number among its options, or NULL. */
const char *lus_tool_fit_network_wrong(const LusToolFitNetwork *network);

/** Its options, a part of the command's array of GOptionEntry. */
#define LUS_TOOL_FIT_NETWORK_ENTRIES(o) \
  {"network", 0, 0, G_OPTION_ARG_FILENAME, &(o)->planes, \
   "Train a video network on the planes that 'lus features --planes' wrote", "PLANES"}, \
  {"frames", 0, 0, G_OPTION_ARG_INT, &(o)->frames, "Frames of each clip the network reads: 8 (default) or 16", "N"}, \
  {"grey", 0, 0, G_OPTION_ARG_NONE, &(o)->grey, "It reads the grey picture too", NULL}, \
  {"widths", 0, 0, G_OPTION_ARG_STRING, &(o)->widths, "Its widths (default 16,24,32)", "A,B,C"}, \
  {"embedding", 0, 0, G_OPTION_ARG_INT, &(o)->embedding, "Numbers it makes of a clip (default 16)", "N"}, \
  {"steps", 0, 0, G_OPTION_ARG_INT, &(o)->steps, "Optimiser steps of each training (default 400)", "N"}, \
  {"folds", 0, 0, G_OPTION_ARG_INT, &(o)->folds, "Folds of patients for figures and interval (default 5)", "N"}, \
  {"learning-rate", 0, 0, G_OPTION_ARG_DOUBLE, &(o)->learning_rate, "Peak (default 0.003)", "RATE"}, \
  {"contrast", 0, 0, G_OPTION_ARG_DOUBLE, &(o)->contrast, "Factor of the contrastive loss (default 0: none)", "FACTOR"}, \
  {"seed", 0, 0, G_OPTION_ARG_INT64, &(o)->seed, "The network's training follows from it (default 1)", "N"}, \
  {"threads", 0, 0, G_OPTION_ARG_INT, &(o)->threads, "Threads, 0 = one per CPU", "N"}

/** Trains and writes OUTPUT with the network beside it, OUTPUT's stem + ".TASK.onnx". A network of another task that OUTPUT
 *  has stays. @command for the record. */
gboolean lus_tool_fit_network(const LusToolFitNetwork *network, LusTask task, const char *features,
                              const char *outcomes, const char *output, int min_frames, const char *command,
                              GError **error);
