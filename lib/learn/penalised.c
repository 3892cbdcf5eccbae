/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/penalised.h"

#include <math.h>
#include <string.h>

#define MAX_SWEEPS 60
#define MAX_OUTER 12
#define TOLERANCE 1e-4
#define MIN_WEIGHT 1e-4 /* of an observation in the quadratic approximation */
#define CUT_REACH 30.0

static double logistic(double x)
{
  return 1 / (1 + exp(-x));
}

double lus_penalised_predictor(const LusPenalised *fit, const double *x, int p)
{
  double sum = 0;
  for (int k = 0; k < p; k++)
    sum += fit->weight[k] * x[k];
  return sum;
}

/** Probability of a class no higher than @j. */
static double up_to(const double *cuts, int n_classes, int j, double predictor)
{
  return j < 0 ? 0 : j >= n_classes - 1 ? 1 : logistic(cuts[j] - predictor);
}

void lus_penalised_classes(double *out, const double *cuts, int n_classes, double predictor)
{
  for (int j = 0; j < n_classes; j++)
    out[j] = MAX(0.0, up_to(cuts, n_classes, j, predictor) - up_to(cuts, n_classes, j - 1, predictor));
}

/** Slope of the log likelihood along cut @j: positive while the cut is too low. */
static double cut_slope(const double *cuts, int j, double at, double scale, const double *predictor, const double *y,
                        int n, int n_classes)
{
  double moved[LUS_PENALISED_CUTS] = {0}, slope = 0;
  memcpy(moved, cuts, (gsize)(n_classes - 1) * sizeof(double));
  moved[j] = at;
  for (int i = 0; i < n; i++) {
    int class = (int)y[i];
    if (class != j && class != j + 1)
      continue;
    double f = logistic(at - scale * predictor[i]), density = f * (1 - f);
    double p = up_to(moved, n_classes, class, scale * predictor[i]) -
               up_to(moved, n_classes, class - 1, scale * predictor[i]);
    slope += (class == j ? density : -density) / MAX(p, 1e-12);
  }
  return slope;
}

/** The log likelihood is concave in each cut: halving. */
static void fit_cuts(double *cuts, double scale, const double *predictor, const double *y, int n, int n_classes)
{
  for (int round = 0; round < (n_classes > 2 ? 6 : 1); round++)
    for (int j = 0; j < n_classes - 1; j++) {
      double low = j > 0 ? cuts[j - 1] + 1e-6 : -CUT_REACH;
      double high = j < n_classes - 2 ? cuts[j + 1] - 1e-6 : CUT_REACH;
      for (int step = 0; step < 22 && high > low; step++) {
        double middle = (low + high) / 2;
        if (cut_slope(cuts, j, middle, scale, predictor, y, n, n_classes) > 0)
          low = middle;
        else
          high = middle;
      }
      cuts[j] = (low + high) / 2;
    }
}

static double log_likelihood(const double *cuts, double scale, const double *predictor, const double *y, int n,
                             int n_classes)
{
  double sum = 0;
  for (int i = 0; i < n; i++) {
    int class = (int)y[i];
    double p = up_to(cuts, n_classes, class, scale * predictor[i]) -
               up_to(cuts, n_classes, class - 1, scale * predictor[i]);
    sum += log(MAX(p, 1e-12));
  }
  return sum;
}

/** Cut points far apart, in order, that the halving begins at. */
static void begin_cuts(double *cuts, int n_classes)
{
  for (int j = 0; j < n_classes - 1; j++)
    cuts[j] = (j - (n_classes - 2) / 2.0) * 2;
}

void lus_penalised_cuts(double *cuts, double *scale, gboolean fit_scale, const double *predictor, const double *y, int n,
                        int n_classes)
{
  begin_cuts(cuts, n_classes);
  if (!fit_scale) {
    fit_cuts(cuts, *scale, predictor, y, n, n_classes);
    return;
  }
  /* Golden section: the likelihood has one maximum in the scale. */
  double low = 0, high = 2, ratio = (sqrt(5) - 1) / 2;
  for (int step = 0; step < 12; step++) {
    double at[2] = {high - ratio * (high - low), low + ratio * (high - low)}, likelihood[2];
    for (int k = 0; k < 2; k++) {
      fit_cuts(cuts, at[k], predictor, y, n, n_classes);
      likelihood[k] = log_likelihood(cuts, at[k], predictor, y, n, n_classes);
    }
    if (likelihood[0] >= likelihood[1])
      high = at[1];
    else
      low = at[0];
  }
  *scale = (low + high) / 2;
  fit_cuts(cuts, *scale, predictor, y, n, n_classes);
}

/** The quadratic approximation at the fit: loss = sum of h (r - change of the predictor)^2 / 2n. */
typedef struct {
  double *h, *r, *predictor; /* [n] */
  double *curvature;         /* [p] sum of h x^2 / n */
} Work;

static void approximate(Work *w, const LusPenalised *fit, const LusPenalisedData *d)
{
  for (int i = 0; i < d->n; i++) {
    double e = w->predictor[i];
    if (d->n_classes == 0) {
      w->h[i] = 1;
      w->r[i] = d->y[i] - fit->intercept - e;
      continue;
    }
    int class = (int)d->y[i];
    double a = up_to(fit->cuts, d->n_classes, class, e), b = up_to(fit->cuts, d->n_classes, class - 1, e);
    w->h[i] = MAX(MIN_WEIGHT, a * (1 - a) + b * (1 - b));
    w->r[i] = (a + b - 1) / w->h[i]; /* a + b - 1 is the slope of log(a - b) along the predictor */
  }
  for (int k = 0; k < d->p; k++) {
    double sum = 0;
    for (int i = 0; i < d->n; i++) {
      double x = d->x[(gsize)i * (gsize)d->p + (gsize)k];
      sum += w->h[i] * x * x;
    }
    w->curvature[k] = sum / d->n;
  }
}

static double allowed(double weight, int sign)
{
  return sign > 0 ? MAX(0.0, weight) : sign < 0 ? MIN(0.0, weight) : weight;
}

/** One sweep over the weights; the largest change, in units of the predictor. */
static double sweep(LusPenalised *fit, Work *w, const LusPenalisedData *d, double lambda, double mix)
{
  double largest = 0;
  for (int k = 0; k < d->p; k++) {
    double slope = 0, old = fit->weight[k];
    if (w->curvature[k] <= 0)
      continue;
    for (int i = 0; i < d->n; i++)
      slope += w->h[i] * w->r[i] * d->x[(gsize)i * (gsize)d->p + (gsize)k];
    double target = slope / d->n + w->curvature[k] * old;
    double shrunk = copysign(MAX(0.0, fabs(target) - lambda * mix), target);
    double weight = allowed(shrunk / (w->curvature[k] + lambda * (1 - mix)), d->sign ? d->sign[k] : 0);
    double change = weight - old;
    if (fabs(change) <= 0)
      continue;
    fit->weight[k] = weight;
    for (int i = 0; i < d->n; i++) {
      double step = change * d->x[(gsize)i * (gsize)d->p + (gsize)k];
      w->r[i] -= step;
      w->predictor[i] += step;
    }
    largest = MAX(largest, fabs(change) * sqrt(w->curvature[k]));
  }
  return largest;
}

static void fit_offset(LusPenalised *fit, const Work *w, const LusPenalisedData *d)
{
  if (d->n_classes > 0) {
    fit_cuts(fit->cuts, 1, w->predictor, d->y, d->n, d->n_classes);
    return;
  }
  fit->intercept = 0;
  for (int i = 0; i < d->n; i++)
    fit->intercept += (d->y[i] - w->predictor[i]) / d->n;
}

static double spread_of(const LusPenalisedData *d)
{
  double mean = 0, squares = 0;
  if (d->n_classes > 0)
    return 1;
  for (int i = 0; i < d->n; i++)
    mean += d->y[i] / d->n;
  for (int i = 0; i < d->n; i++)
    squares += (d->y[i] - mean) * (d->y[i] - mean) / d->n;
  return MAX(1e-12, sqrt(squares));
}

gboolean lus_penalised_fit(LusPenalised *fit, const LusPenalisedData *d, double lambda, double mix)
{
  g_autofree double *memory = g_try_new(double, 3 * (gsize)d->n + (gsize)d->p);
  if (!memory)
    return FALSE;
  Work w = {memory, memory + d->n, memory + 2 * d->n, memory + 3 * d->n};
  double tolerance = TOLERANCE * spread_of(d);
  begin_cuts(fit->cuts, MAX(2, d->n_classes));
  for (int i = 0; i < d->n; i++)
    w.predictor[i] = lus_penalised_predictor(fit, d->x + (gsize)i * (gsize)d->p, d->p);
  for (int outer = 0; outer < MAX_OUTER; outer++) {
    double moved = 0;
    fit_offset(fit, &w, d);
    approximate(&w, fit, d);
    for (int i = 0; i < MAX_SWEEPS; i++) {
      double change = sweep(fit, &w, d, lambda, mix);
      moved = MAX(moved, change);
      if (change < tolerance)
        break;
    }
    if (moved < 10 * tolerance)
      break;
  }
  fit_offset(fit, &w, d);
  return TRUE;
}

double lus_penalised_largest(const LusPenalisedData *d, double mix)
{
  g_autofree double *memory = g_new0(double, 3 * (gsize)d->n + 2 * (gsize)d->p);
  Work w = {memory, memory + d->n, memory + 2 * d->n, memory + 3 * d->n};
  LusPenalised empty = {.weight = memory + 3 * d->n + d->p};
  double largest = 0;
  begin_cuts(empty.cuts, MAX(2, d->n_classes));
  fit_offset(&empty, &w, d);
  approximate(&w, &empty, d);
  for (int k = 0; k < d->p; k++) {
    double slope = 0;
    for (int i = 0; i < d->n; i++)
      slope += w.h[i] * w.r[i] * d->x[(gsize)i * (gsize)d->p + (gsize)k];
    largest = MAX(largest, fabs(slope) / d->n);
  }
  return largest / mix;
}
