/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/head-trials.h"
#include "learn/penalised.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COVERAGE 0.9
#define DRAWS 3        /* of zones, for each smaller number */
#define BORDER_STEPS 100 /* borders are sought at so many parts of the trials */
#define MIN_TRIALS 8   /* a line is fitted on so many, else it is that of more zones */

static LusEstimateQuery query_of(const LusOutcomeTable *table, const LusOutcomeCase *one)
{
  return (LusEstimateQuery){.exam = table->exams[one->exam].exam,
                            .baseline = one->earlier >= 0 ? table->exams[one->earlier].exam : NULL,
                            .model_sha256 = table->model_sha256, .min_frames = table->min_frames};
}

/** @count of the bits set in @mask, drawn at random. */
static guint draw_zones(guint mask, int count, LusRng *rng)
{
  guint out = 0;
  int left = lus_zones_count(mask);
  for (int bit = 0; bit < LUS_MAX_ZONES && count > 0; bit++) {
    if (!(mask >> bit & 1))
      continue;
    if ((int)lus_rng_below(rng, (guint32)left) < count) {
      out |= 1u << bit;
      count--;
    }
    left--;
  }
  return out;
}

static void add_trial(LusHeadTrials *t, const LusHeads *heads, int number, int fold, guint mask, gboolean all)
{
  LusEstimateQuery query = query_of(t->table, lus_case(t->cases, number));
  LusHeadValues values;
  lus_head_values(&values, heads, &query, mask, -1);
  LusHeadTrial trial = {number, fold, lus_zones_count(mask), all, lus_head_predict(&heads->heads[t->task], &values)};
  g_array_append_val(t->trials, trial);
}

void lus_head_try(LusHeadTrials *t, const LusHeads *heads, int number, int fold, LusRng *rng)
{
  LusEstimateQuery query = query_of(t->table, lus_case(t->cases, number));
  guint mask = t->task == LUS_TASK_CHANGE ? lus_query_common_zones(&query)
                                          : lus_exam_at_hand(query.exam, query.min_frames);
  int n = lus_zones_count(mask);
  if (n > 0)
    add_trial(t, heads, number, fold, mask, TRUE);
  for (int count = 1; count < n; count++)
    for (int draw = 0; draw < DRAWS; draw++)
      add_trial(t, heads, number, fold, draw_zones(mask, count, rng), FALSE);
}

/** Predictors and outcomes of the trials with a number of zones. */
typedef struct {
  int n;
  double *e, *y;
} Pairs;

static void gather(Pairs *pairs, const LusHeadTrials *t, int zones, int left_out)
{
  pairs->n = 0;
  for (guint i = 0; i < t->trials->len; i++) {
    const LusHeadTrial *trial = &g_array_index(t->trials, LusHeadTrial, i);
    /* With all zones of the protocol at hand or more, a case counts once. */
    if (trial->fold == left_out || MIN(trial->zones, t->zones) != zones)
      continue;
    pairs->e[pairs->n] = trial->predictor;
    pairs->y[pairs->n++] = lus_case(t->cases, trial->number)->y;
  }
}

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void lus_line(double *offset, double *slope, const double *x, const double *y, int n)
{
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int i = 0; i < n; i++) {
    sx += x[i] / n;
    sy += y[i] / n;
  }
  for (int i = 0; i < n; i++) {
    sxx += (x[i] - sx) * (x[i] - sx);
    sxy += (x[i] - sx) * (y[i] - sy);
  }
  *slope = sxx > 1e-9 ? sxy / sxx : 0;
  *offset = sy - *slope * sx;
}

void lus_logistic_line(double *offset, double *slope, const double *x, const double *y, int n)
{
  *offset = *slope = 0;
  for (int step = 0; step < 100; step++) {
    double g0 = 0, g1 = 0, a = 1e-9, b = 0, c = 1e-9;
    for (int i = 0; i < n; i++) {
      double p = 1 / (1 + exp(-(*offset + *slope * x[i]))), h = p * (1 - p);
      g0 += y[i] - p;
      g1 += (y[i] - p) * x[i];
      a += h;
      b += h * x[i];
      c += h * x[i] * x[i];
    }
    double determinant = a * c - b * b, d0 = (c * g0 - b * g1) / determinant, d1 = (a * g1 - b * g0) / determinant;
    if (!(determinant > 0) || fabs(*slope + d1) > 100)
      return;
    *offset += d0;
    *slope += d1;
    if (fabs(d0) + fabs(d1) < 1e-9)
      return;
  }
}

/** Straight line through outcomes against predictors, and the ceil(0.9 (n + 1))-th smallest residual from it, as in split
 *  conformal prediction (Lei et al. 2018). */
static void calibrate_value(LusHeadZones *line, const Pairs *pairs)
{
  int n = pairs->n;
  lus_line(&line->offset, &line->slope, pairs->e, pairs->y, n);
  if (line->slope < 0) { /* a head that knows nothing: the mean */
    line->offset = 0;
    for (int i = 0; i < n; i++)
      line->offset += pairs->y[i] / n;
    line->slope = 0;
  }
  g_autofree double *residual = g_new(double, n);
  for (int i = 0; i < n; i++) {
    double value = CLAMP(line->offset + line->slope * pairs->e[i], LUS_SF_MIN, LUS_SF_MAX);
    residual[i] = fabs(pairs->y[i] - value);
  }
  qsort(residual, (gsize)n, sizeof(double), compare_doubles);
  line->half_width = residual[MIN(n, (int)ceil(COVERAGE * (n + 1))) - 1];
}

/** Logistic line (Platt 1999) and the covariance of its two numbers. */
static void calibrate_probability(LusHeadZones *line, const Pairs *pairs)
{
  double cut = 0, scale = 1, a = 0, b = 0, c = 0;
  lus_penalised_cuts(&cut, &scale, TRUE, pairs->e, pairs->y, pairs->n, 2);
  line->offset = -cut;
  line->slope = scale;
  for (int i = 0; i < pairs->n; i++) {
    double p = 1 / (1 + exp(-(line->offset + line->slope * pairs->e[i]))), h = MAX(1e-6, p * (1 - p));
    a += h;
    b += h * pairs->e[i];
    c += h * pairs->e[i] * pairs->e[i];
  }
  double determinant = a * c - b * b;
  if (determinant > 1e-9 * a * a) {
    line->variance[0] = c / determinant;
    line->variance[1] = -b / determinant;
    line->variance[2] = a / determinant;
  } else {
    line->variance[0] = 1 / a;
  }
}

/** Sums over the first i of the sorted @at, [n + 1]: how many of each class are to be expected among them. */
static void sum_expected(double (*sum)[LUS_CHANGE_N], const LusHeadZones *line, const double *at, int n)
{
  LusHeadZones unit = {.slope = 1, .cuts = {line->cuts[0], line->cuts[1]}};
  memset(sum[0], 0, sizeof(sum[0]));
  for (int i = 0; i < n; i++) {
    double p[LUS_CHANGE_N];
    lus_head_change(p, &unit, at[i]);
    for (int c = 0; c < LUS_CHANGE_N; c++)
      sum[i + 1][c] = sum[i][c] + p[c];
  }
}

/** Three times the macro F1 to be expected when the first @low of @n are said to be lower and those from @high on higher. */
static double expected_f1(double (*sum)[LUS_CHANGE_N], int n, int low, int high)
{
  const double *all = sum[n];
  return 2 * sum[low][0] / (low + all[0]) + 2 * (sum[high][1] - sum[low][1]) / (high - low + all[1]) +
         2 * (all[2] - sum[high][2]) / (n - high + all[2]);
}

/** A border between the first @i of @n and the others. Where all lie on one side it says nothing of what is farther out: there the
 *  other side begins where it is more likely than not, at the @cut. */
static double border(const double *at, int n, int i, double cut)
{
  return i == 0 ? MIN(at[0] - 1, cut) : i == n ? MAX(at[n - 1] + 1, cut) : .5 * (at[i - 1] + at[i]);
}

void lus_head_set_borders(LusHeadZones *line, const double *e, int n)
{
  double most = 0;
  line->has_borders = n > 0 && fabs(line->slope) > 1e-9;
  if (!line->has_borders)
    return;
  g_autofree double *at = g_new(double, n);
  g_autofree double(*sum)[LUS_CHANGE_N] = g_malloc_n((gsize)n + 1, sizeof *sum);
  for (int i = 0; i < n; i++)
    at[i] = line->slope * e[i];
  qsort(at, (gsize)n, sizeof *at, compare_doubles);
  sum_expected(sum, line, at, n);
  for (int i = 0; i <= BORDER_STEPS; i++)
    for (int j = i; j <= BORDER_STEPS; j++) {
      int low = (int)((gint64)n * i / BORDER_STEPS), high = (int)((gint64)n * j / BORDER_STEPS);
      double f1 = expected_f1(sum, n, low, high);
      if (f1 <= most)
        continue;
      most = f1;
      line->borders[0] = border(at, n, low, line->cuts[0]);
      line->borders[1] = border(at, n, high, line->cuts[1]);
    }
}

static void calibrate_classes(LusHeadZones *line, const Pairs *pairs)
{
  lus_penalised_cuts(line->cuts, &line->slope, TRUE, pairs->e, pairs->y, pairs->n, LUS_CHANGE_N);
  lus_head_set_borders(line, pairs->e, pairs->n);
}

void lus_head_calibrate(LusHead *head, const LusHeadTrials *t, int left_out)
{
  g_autofree double *memory = g_new(double, 2 * (gsize)t->trials->len + 2);
  Pairs pairs = {0, memory, memory + t->trials->len};
  for (int zones = t->zones; zones >= 1; zones--) {
    LusHeadZones *line = &head->by_zones[zones - 1];
    gather(&pairs, t, zones, left_out);
    *line = zones < t->zones ? line[1] : (LusHeadZones){.slope = 0};
    if (pairs.n < MIN_TRIALS && zones == t->zones) /* hardly any exam is complete: what there is */
      for (int fewer = zones - 1; pairs.n < MIN_TRIALS && fewer >= 1; fewer--)
        gather(&pairs, t, fewer, left_out);
    if (pairs.n < MIN_TRIALS)
      continue;
    double widest = line->half_width;
    if (t->task == LUS_TASK_SF)
      calibrate_value(line, &pairs);
    else if (t->task == LUS_TASK_READMISSION)
      calibrate_probability(line, &pairs);
    else
      calibrate_classes(line, &pairs);
    line->half_width = MAX(widest, line->half_width); /* fewer zones never make it surer */
  }
}
