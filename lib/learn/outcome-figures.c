/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/outcome-figures.h"
#include "learn/penalised.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS 1000
#define PERMUTATIONS 2000

/** What a figure is computed from; index[i] says which case stands at place i of a draw. */
typedef struct {
  int n;
  const int *index;
  const double *y, *predicted; /* [cases] */
} Sample;

typedef double (*Figure)(const Sample *sample);

static double mean_error(const Sample *s)
{
  double sum = 0;
  for (int i = 0; i < s->n; i++)
    sum += fabs(s->y[s->index[i]] - s->predicted[s->index[i]]) / s->n;
  return s->n ? sum : NAN;
}

/** Mean squared error: of probabilities, Brier's score. */
static double squared_error(const Sample *s)
{
  double sum = 0;
  for (int i = 0; i < s->n; i++) {
    double d = s->y[s->index[i]] - s->predicted[s->index[i]];
    sum += d * d / s->n;
  }
  return s->n ? sum : NAN;
}

static double mean_predicted(const Sample *s)
{
  double sum = 0;
  for (int i = 0; i < s->n; i++)
    sum += s->predicted[s->index[i]] / s->n;
  return s->n ? sum : NAN;
}

/** Mean of the classes' F1; a class that neither occurs nor is predicted says nothing. */
static double macro_f1(const Sample *s)
{
  double sum = 0;
  int classes = 0;
  for (int c = 0; c < LUS_CHANGE_N; c++) {
    int hit = 0, truth = 0, said = 0;
    for (int i = 0; i < s->n; i++) {
      int y = (int)s->y[s->index[i]], p = (int)s->predicted[s->index[i]];
      hit += y == c && p == c;
      truth += y == c;
      said += p == c;
    }
    if (truth + said == 0)
      continue;
    sum += 2.0 * hit / (truth + said);
    classes++;
  }
  return classes ? sum / classes : NAN;
}

static double accuracy(const Sample *s)
{
  double sum = 0;
  for (int i = 0; i < s->n; i++)
    sum += (int)s->y[s->index[i]] == (int)s->predicted[s->index[i]];
  return s->n ? sum / s->n : NAN;
}

/** Part of the pairs of different outcome that are in the right order, ties one half. */
static double auroc(const Sample *s)
{
  double sum = 0;
  gint64 pairs = 0;
  for (int i = 0; i < s->n; i++) {
    if (s->y[s->index[i]] < 0.5)
      continue;
    for (int j = 0; j < s->n; j++) {
      if (s->y[s->index[j]] > 0.5)
        continue;
      double a = s->predicted[s->index[i]], b = s->predicted[s->index[j]];
      sum += a > b ? 1 : a < b ? 0 : 0.5;
      pairs++;
    }
  }
  return pairs ? sum / (double)pairs : NAN;
}

/** Cases of one patient lie together: place of the first, how many. */
typedef struct {
  int n_cases, n_groups;
  int *order, *first, *count, *draw;
} Groups;

static void groups_init(Groups *g, const LusOutcomePrediction *predictions, int n)
{
  *g = (Groups){.n_cases = n, .order = g_new(int, n), .first = g_new(int, n), .count = g_new0(int, n)};
  for (int i = 0; i < n; i++)
    g->order[i] = i;
  for (int i = 1; i < n; i++) /* insertion: stable, and the table is nearly in order */
    for (int j = i; j > 0 && predictions[g->order[j]].about.group < predictions[g->order[j - 1]].about.group; j--) {
      int swap = g->order[j];
      g->order[j] = g->order[j - 1];
      g->order[j - 1] = swap;
    }
  int largest = 0;
  for (int i = 0; i < n; i++) {
    if (i == 0 || predictions[g->order[i]].about.group != predictions[g->order[i - 1]].about.group)
      g->first[g->n_groups++] = i;
    g->count[g->n_groups - 1]++;
    largest = MAX(largest, g->count[g->n_groups - 1]);
  }
  g->draw = g_new(int, (gsize)g->n_groups * (gsize)largest);
}

static void groups_clear(Groups *g)
{
  g_free(g->order);
  g_free(g->first);
  g_free(g->count);
  g_free(g->draw);
}

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/** Whole patients drawn with replacement; all figures see the same draws. */
static int draw_groups(Groups *g, LusRng *rng)
{
  int n = 0;
  for (int k = 0; k < g->n_groups; k++) {
    int group = (int)lus_rng_below(rng, (guint32)g->n_groups);
    for (int i = 0; i < g->count[group]; i++)
      g->draw[n++] = g->order[g->first[group] + i];
  }
  return n;
}

/** The figure and its 95 % interval; with @minus the difference of the figure on two predictions, with @over the ratio. */
static LusInterval bootstrap(Groups *g, Figure figure, const double *y, const double *predicted, const double *minus,
                             const double *over, guint64 seed)
{
  g_autofree double *values = g_new(double, DRAWS);
  LusInterval out = {NAN, NAN, NAN};
  LusRng rng;
  int kept = 0;
  lus_rng_init(&rng, seed, 77);
  for (int draw = -1; draw < DRAWS; draw++) {
    int n = draw < 0 ? g->n_cases : draw_groups(g, &rng);
    Sample s = {n, draw < 0 ? g->order : g->draw, y, predicted};
    double value = figure(&s);
    s.predicted = minus ? minus : over;
    value = minus ? value - figure(&s) : over ? value / figure(&s) : value;
    if (draw < 0)
      out.value = value;
    else if (isfinite(value))
      values[kept++] = value;
  }
  if (kept < DRAWS / 2)
    return out;
  qsort(values, (gsize)kept, sizeof(double), compare_doubles);
  out.low = values[(int)(0.025 * (kept - 1))];
  out.high = values[(int)ceil(0.975 * (kept - 1))];
  return out;
}

/** Patients of as many cases side by side in @alike; @from[i]: where those like alike[i] begin. */
static void gather_alike(int *alike, int *from, const Groups *g)
{
  int n = 0;
  for (int count = 1; n < g->n_groups; count++)
    for (int i = 0, first = n; i < g->n_groups; i++)
      if (g->count[i] == count) {
        from[n] = first;
        alike[n++] = i;
      }
}

/** Part of the permutations of outcomes over patients whose figure is as good or better (Phipson and Smyth 2010: + 1).
 *  Patients are exchanged with patients of as many cases; of such permutations each is as likely. */
static double permutation_p(Groups *g, Figure figure, gboolean small_is_good, const double *y, const double *predicted,
                            guint64 seed)
{
  g_autofree double *shuffled = g_new(double, g->n_cases);
  g_autofree int *memory = g_new(int, 3 * (gsize)g->n_groups);
  int *place = memory, *alike = place + g->n_groups, *from = alike + g->n_groups;
  LusRng rng;
  int as_good = 0;
  Sample s = {g->n_cases, g->order, y, predicted};
  double observed = figure(&s);
  lus_rng_init(&rng, seed, 78);
  gather_alike(alike, from, g);
  for (int k = 0; k < PERMUTATIONS; k++) {
    for (int i = 0; i < g->n_groups; i++)
      place[i] = i;
    for (int i = g->n_groups - 1; i > 0; i--) {
      if (i == from[i])
        continue;
      int a = alike[i], b = alike[from[i] + (int)lus_rng_below(&rng, (guint32)(i - from[i]) + 1)], swap = place[a];
      place[a] = place[b];
      place[b] = swap;
    }
    for (int i = 0; i < g->n_groups; i++)
      for (int c = 0; c < g->count[i]; c++)
        shuffled[g->order[g->first[i] + c]] = y[g->order[g->first[place[i]] + c]];
    s.y = shuffled;
    double value = figure(&s);
    as_good += small_is_good ? value <= observed : value >= observed;
  }
  return (as_good + 1.0) / (PERMUTATIONS + 1.0);
}

/** An exam's severity: the expert's score; else the sum over zones of 0 to 3 by B-line/pleura percentage (none, below a
 *  quarter, below a half, more). */
static double severity_of(const LusOutcomeTable *t, int exam)
{
  const LusOutcomeExam *e = &t->exams[exam];
  double sum = 0;
  int n = 0;
  if (!isnan(e->severity))
    return e->severity;
  for (int i = 0; i < lus_exam_n_zones(e->exam); i++) {
    LusZone zone;
    lus_exam_get_zone(e->exam, i, &zone);
    double percent = zone.features[LUS_FEATURE_VERTICAL_PERCENT];
    if (!lus_zone_at_hand(&zone, t->min_frames) || isnan(percent))
      continue;
    sum += percent <= 1 ? 0 : percent < 25 ? 1 : percent < 50 ? 2 : 3;
    n++;
  }
  return n ? sum / n : 0;
}

/** The severity the case's outcome is set against: its change for a change. */
static double case_severity(const LusHeadTrials *t, int number)
{
  const LusOutcomeCase *c = lus_case(t->cases, number);
  double now = severity_of(t->table, c->exam);
  return t->task == LUS_TASK_CHANGE ? severity_of(t->table, c->earlier) - now : now;
}

/** Fold of each case; -1: it has no trial. */
static void find_folds(int *fold, const LusHeadTrials *t)
{
  for (guint i = 0; i < t->cases->len; i++)
    fold[i] = -1;
  for (guint i = 0; i < t->trials->len; i++) {
    const LusHeadTrial *trial = &g_array_index(t->trials, LusHeadTrial, i);
    fold[trial->number] = trial->fold;
  }
}

static double median_of(double *values, int n)
{
  qsort(values, (gsize)n, sizeof(double), compare_doubles);
  return n ? (values[(n - 1) / 2] + values[n / 2]) / 2 : NAN;
}

/** Median, majority class or base rate of the others' outcomes, and the severity baseline fitted on the others: a straight
 *  line for S/F, an ordinal one for the change. With one fold only (heads that were fitted elsewhere) others are all. */
static void add_baselines(LusOutcomeReport *report, const LusHeadTrials *t, const int *fold)
{
  int n = report->n;
  g_autofree double *y = g_new(double, n), *s = g_new(double, n), *severity = g_new(double, n);
  for (int i = 0; i < n; i++)
    severity[i] = case_severity(t, i);
  for (int f = 0; f < t->n_folds; f++) {
    int m = 0, counts[LUS_CHANGE_N] = {0}, majority = 0;
    double slope = 0, offset = 0;
    LusHeadZones line = {.slope = 1};
    for (int i = 0; i < n; i++)
      if (t->n_folds == 1 || fold[i] != f) {
        y[m] = lus_case(t->cases, i)->y;
        s[m] = severity[i];
        counts[t->task == LUS_TASK_CHANGE ? (int)y[m] : 0]++;
        m++;
      }
    if (t->task == LUS_TASK_CHANGE) {
      lus_penalised_cuts(line.cuts, &line.slope, TRUE, s, y, m, LUS_CHANGE_N);
      lus_head_set_borders(&line, s, m);
    } else {
      lus_line(&offset, &slope, s, y, m);
    }
    for (int c = 1; c < LUS_CHANGE_N; c++)
      majority = counts[c] > counts[majority] ? c : majority;
    double rate = 0;
    for (int i = 0; i < m; i++)
      rate += y[i] / m;
    double constant = t->task == LUS_TASK_SF ? median_of(y, m) : t->task == LUS_TASK_CHANGE ? majority : rate;
    for (int i = 0; i < n; i++) {
      LusOutcomePrediction *p = &report->predictions[i];
      double classes[LUS_CHANGE_N];
      if (fold[i] != f)
        continue;
      p->constant = constant;
      p->severity = t->task == LUS_TASK_CHANGE ? lus_head_change(classes, &line, severity[i]) : offset + slope * severity[i];
    }
  }
}

/** From a linear predictor to what is told. */
static void predict(LusOutcomePrediction *p, LusTask task, const LusHeadZones *line, double e)
{
  p->value = line->offset + line->slope * e;
  p->low = p->high = NAN;
  if (task == LUS_TASK_SF) {
    p->value = CLAMP(p->value, LUS_SF_MIN, LUS_SF_MAX);
    p->low = MAX(LUS_SF_MIN, p->value - line->half_width);
    p->high = MIN(LUS_SF_MAX, p->value + line->half_width);
  } else if (task == LUS_TASK_READMISSION) {
    p->value = 1 / (1 + exp(-p->value));
  } else {
    p->value = lus_head_change(p->probability, line, e);
  }
}

static const LusHeadZones *line_of(const LusHeadTrials *t, const LusHeadZones (*lines)[LUS_MAX_ZONES], gboolean one_line,
                                   const LusHeadTrial *trial)
{
  return &lines[one_line ? 0 : trial->fold][MIN(trial->zones, t->zones) - 1];
}

static void measure_missing(LusOutcomeReport *report, const LusHeadTrials *t, const LusHeadZones (*lines)[LUS_MAX_ZONES],
                            gboolean one_line)
{
  g_autofree double *y = g_new(double, t->trials->len), *v = g_new(double, t->trials->len);
  g_autofree int *index = g_new(int, t->trials->len);
  report->n_missing = t->zones;
  for (int zones = 1; zones <= t->zones; zones++) {
    LusOutcomeMissing *out = &report->missing[zones - 1];
    int n = 0, covered = 0;
    for (guint i = 0; i < t->trials->len; i++) {
      const LusHeadTrial *trial = &g_array_index(t->trials, LusHeadTrial, i);
      LusOutcomePrediction p;
      if (MIN(trial->zones, t->zones) != zones)
        continue;
      predict(&p, t->task, line_of(t, lines, one_line, trial), trial->predictor);
      y[n] = lus_case(t->cases, trial->number)->y;
      v[n] = p.value;
      index[n] = n;
      covered += y[n] >= p.low && y[n] <= p.high;
      n++;
    }
    Sample s = {n, index, y, v};
    *out = (LusOutcomeMissing){.zones = zones, .n = n, .error = NAN, .coverage = NAN};
    if (n == 0)
      continue;
    out->error = t->task == LUS_TASK_SF ? mean_error(&s) : 1 - (t->task == LUS_TASK_CHANGE ? macro_f1(&s) : auroc(&s));
    out->coverage = t->task == LUS_TASK_SF ? (double)covered / n : NAN;
  }
}

/** Columns of the predictions as arrays. */
typedef struct {
  double *y, *value, *constant, *severity, *covered, *width, *risk;
} Columns;

static double *columns_init(Columns *c, const LusOutcomeReport *report, const LusHeadTrials *t)
{
  gsize n = (gsize)report->n;
  double *memory = g_new(double, 7 * n);
  *c = (Columns){memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n, memory + 5 * n, memory + 6 * n};
  for (gsize i = 0; i < n; i++) {
    const LusOutcomePrediction *p = &report->predictions[i];
    c->y[i] = p->about.y;
    c->value[i] = p->value;
    c->constant[i] = p->constant;
    c->severity[i] = p->severity;
    c->covered[i] = p->about.y >= p->low && p->about.y <= p->high;
    c->width[i] = (p->high - p->low) / 2;
    c->risk[i] = t->table->exams[p->about.exam].risk;
  }
  return memory;
}

static void readmission_figures(LusOutcomeReport *r, Groups *g, const Columns *c, guint64 seed)
{
  gboolean known = TRUE;
  g_autofree double *log_odds = g_new(double, r->n);
  for (int i = 0; i < r->n; i++) {
    known = known && !isnan(c->risk[i]);
    double p = CLAMP(c->value[i], 1e-6, 1 - 1e-6);
    log_odds[i] = log(p / (1 - p));
  }
  r->auroc = bootstrap(g, auroc, c->y, c->value, NULL, NULL, seed);
  r->severity_auroc = bootstrap(g, auroc, c->y, c->severity, NULL, NULL, seed);
  r->known_auroc = r->known_minus = (LusInterval){NAN, NAN, NAN};
  if (known) {
    r->known_auroc = bootstrap(g, auroc, c->y, c->risk, NULL, NULL, seed);
    r->known_minus = bootstrap(g, auroc, c->y, c->risk, c->value, NULL, seed);
  }
  r->brier = bootstrap(g, squared_error, c->y, c->value, NULL, NULL, seed);
  r->constant_brier = bootstrap(g, squared_error, c->y, c->constant, NULL, NULL, seed);
  lus_logistic_line(&r->calibration_offset, &r->calibration_slope, log_odds, c->y, r->n);
  r->p_value = permutation_p(g, auroc, FALSE, c->y, c->value, seed);
}

static void measure(LusOutcomeReport *r, const LusHeadTrials *t, guint64 seed)
{
  Groups g;
  Columns c;
  groups_init(&g, r->predictions, r->n);
  r->groups = g.n_groups;
  double *memory = columns_init(&c, r, t);
  if (t->task == LUS_TASK_SF) {
    r->error = bootstrap(&g, mean_error, c.y, c.value, NULL, NULL, seed);
    r->median_error = bootstrap(&g, mean_error, c.y, c.constant, NULL, NULL, seed);
    r->severity_error = bootstrap(&g, mean_error, c.y, c.severity, NULL, NULL, seed);
    r->ratio = bootstrap(&g, mean_error, c.y, c.value, NULL, c.constant, seed);
    r->coverage = bootstrap(&g, mean_predicted, c.y, c.covered, NULL, NULL, seed);
    r->half_width = bootstrap(&g, mean_predicted, c.y, c.width, NULL, NULL, seed);
    r->p_value = permutation_p(&g, mean_error, TRUE, c.y, c.value, seed);
  } else if (t->task == LUS_TASK_CHANGE) {
    r->f1 = bootstrap(&g, macro_f1, c.y, c.value, NULL, NULL, seed);
    r->accuracy = bootstrap(&g, accuracy, c.y, c.value, NULL, NULL, seed);
    r->majority_f1 = bootstrap(&g, macro_f1, c.y, c.constant, NULL, NULL, seed);
    r->severity_f1 = bootstrap(&g, macro_f1, c.y, c.severity, NULL, NULL, seed);
    r->p_value = permutation_p(&g, macro_f1, FALSE, c.y, c.value, seed);
  } else {
    readmission_figures(r, &g, &c, seed);
  }
  g_free(memory);
  groups_clear(&g);
}

LusOutcomeReport *lus_outcome_figures(const LusHeadTrials *t, const LusHeadZones (*lines)[LUS_MAX_ZONES],
                                      gboolean one_line, guint64 seed)
{
  LusOutcomeReport *report = g_new0(LusOutcomeReport, 1);
  report->task = t->task;
  report->n = (int)t->cases->len;
  report->predictions = g_new0(LusOutcomePrediction, MAX(1, report->n));
  g_autofree int *fold = g_new(int, MAX(1, report->n));
  find_folds(fold, t);
  add_baselines(report, t, fold);
  for (guint i = 0; i < t->trials->len; i++) {
    const LusHeadTrial *trial = &g_array_index(t->trials, LusHeadTrial, i);
    LusOutcomePrediction *p = &report->predictions[trial->number];
    if (!trial->all)
      continue;
    p->about = *lus_case(t->cases, trial->number);
    p->zones = trial->zones;
    predict(p, t->task, line_of(t, lines, one_line, trial), trial->predictor);
  }
  /* A change between days of no common zone can't be told: such cases are no predictions. */
  int kept = 0;
  for (int i = 0; i < report->n; i++)
    if (report->predictions[i].zones > 0)
      report->predictions[kept++] = report->predictions[i];
  report->n = kept;
  for (int i = 0; i < kept; i++) {
    LusOutcomePrediction *p = &report->predictions[i];
    const LusOutcomeExam *exams = t->table->exams;
    p->patient = g_strdup(exams[p->about.exam].patient);
    p->day = exams[p->about.exam].day;
    p->earlier_day = p->about.earlier >= 0 ? exams[p->about.earlier].day : -1;
  }
  measure(report, t, seed);
  measure_missing(report, t, lines, one_line);
  return report;
}
