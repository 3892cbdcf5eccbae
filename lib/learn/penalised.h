/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: generalised linear models with an elastic-net penalty and signs, by coordinate descent (Friedman,
 *  Hastie and Tibshirani 2010; the ordinal one is the proportional-odds model of McCullagh 1980). */
typedef struct {
  int n, p;
  const double *x;     /* [n][p] standardised, unknown ones 0 */
  const double *y;     /* [n] value; or class 0..n_classes - 1 */
  int n_classes;       /* 0: a value (squared error), 2: logistic, 3..: ordinal */
  const gint8 *sign;   /* [p] +1 weights may not fall below 0, -1 not rise above, 0 free; NULL: all free */
} LusPenalisedData;

#define LUS_PENALISED_CUTS 4

typedef struct {
  double *weight;      /* [p], the caller's */
  double intercept;    /* of a value */
  double cuts[LUS_PENALISED_CUTS]; /* log odds of a class no higher than j: cuts[j] - sum of weight x */
} LusPenalised;

/** Minimises mean loss + lambda (mix |w| + (1 - mix) / 2 w^2), beginning at what @fit holds (weights 0 to begin with).
 *  Squared loss is halved. FALSE when out of memory. */
gboolean lus_penalised_fit(LusPenalised *fit, const LusPenalisedData *data, double lambda, double mix);
/** The smallest lambda at which all weights are 0, for @mix above 0. */
double lus_penalised_largest(const LusPenalisedData *data, double mix);
/** sum of weight x of row @x. */
double lus_penalised_predictor(const LusPenalised *fit, const double *x, int p);
/** @out [n_classes] probabilities. */
void lus_penalised_classes(double *out, const double *cuts, int n_classes, double predictor);
/** Cut points that are best for the given predictors; @scale is applied to them and, if @fit_scale, found too. */
void lus_penalised_cuts(double *cuts, double *scale, gboolean fit_scale, const double *predictor, const double *y, int n,
                        int n_classes);
