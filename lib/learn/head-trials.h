/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/tables.h"
#include "lung/estimate-internal.h"
#include "nn/rng.h"

/** Inside of the fit: what its figures and intervals come from. */

/** One case predicted from some of its zones. */
typedef struct {
  int number, fold, zones; /* of the case; zones used */
  gboolean all;            /* these are all it has */
  double predictor;
} LusHeadTrial;

/** Linear predictors of cases by heads that did not see their patients. */
typedef struct {
  const LusOutcomeTable *table;
  LusTask task;
  GArray *cases;           /* LusOutcomeCase */
  GArray *trials;          /* LusHeadTrial */
  int n_folds, zones;      /* zones of a complete exam */
} LusHeadTrials;

/** Adds a case's trials: all its zones, and a few draws of each smaller number. @heads: with the head of the task. */
void lus_head_try(LusHeadTrials *trials, const LusHeads *heads, int number, int fold, LusRng *rng);
/** head->by_zones from the trials of all folds but @left_out (-1: all folds). */
void lus_head_calibrate(LusHead *head, const LusHeadTrials *trials, int left_out);
/** The borders between what is said of a change where, going by the line's probabilities, the macro F1 of cases with these
 *  predictors is to be expected largest (F1 of an optimal decision: Ye et al. 2012): each class counts alike, so that a rare one is said
 *  before it is the likeliest. None if the line tells no differences. */
void lus_head_set_borders(LusHeadZones *line, const double *e, int n);
/** Least squares. */
void lus_line(double *offset, double *slope, const double *x, const double *y, int n);
/** The likeliest log odds offset + slope x of @y, 0..1, by Newton's method; |slope| at most 100, where @x parts the classes. */
void lus_logistic_line(double *offset, double *slope, const double *x, const double *y, int n);

static inline const LusOutcomeCase *lus_case(const GArray *cases, int i)
{
  return &g_array_index(cases, LusOutcomeCase, i);
}
