/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Processes that train one network together, each on an equal part of every batch. The functions return once all have
 *  called them, with the same @n; a process that cannot go on must end the others. */
typedef struct {
  int rank, count; /* 0..count-1; number 0 alone reads and writes files and reports */
  void (*sum_floats)(gpointer data, float *values, gsize n);   /* over all, the same bits for everyone */
  void (*sum_doubles)(gpointer data, double *values, gsize n);
  void (*broadcast)(gpointer data, void *bytes, gsize n); /* from number 0 to all */
  gpointer data;
} LusTrainPeers;
