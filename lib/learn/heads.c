/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/heads.h"
#include "learn/heads-write.h"
#include "learn/outcome-figures.h"
#include "learn/penalised.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define RANGE_MARGIN 3.0 /* sd an input may lie outside the range fitted on */
#define FOLDS 10
#define INNER_FOLDS 5
/* Penalties: from the one that leaves nothing down, each half of the one before, with two mixtures of lasso and ridge. */
#define N_LAMBDAS 9
#define N_MIXES 2
static const double mixes[N_MIXES] = {0.1, 0.5};

/** The cases of a fit as a matrix. */
typedef struct {
  const LusOutcomeTable *table;
  LusTask task;
  GArray *cases;
  int n, p;
  const int *group_fold;  /* [table->n_groups] fold of each patient */
  int *fold;              /* [n] of each case */
  /* Of the cases that are fitted on. */
  LusHeadInput *inputs;   /* [p] kept ones */
  gint8 *sign;            /* [p] */
  double *x;              /* [n][p] of all cases, standardised, unknown 0 */
} Problem;

static int n_classes_of(LusTask task)
{
  return task == LUS_TASK_SF ? 0 : task == LUS_TASK_CHANGE ? LUS_CHANGE_N : 2;
}

static LusEstimateQuery query_of(const LusOutcomeTable *table, const LusOutcomeCase *one)
{
  return (LusEstimateQuery){.exam = table->exams[one->exam].exam,
                            .baseline = one->earlier >= 0 ? table->exams[one->earlier].exam : NULL,
                            .model_sha256 = table->model_sha256, .min_frames = table->min_frames};
}

/** Which inputs a task looks at: those that medicine says follow lung water, and which zones are missing. All others, tried on
 *  simulated exams, only added noise: with a hundred patients there is nothing to choose them by. None in mm: the same sizes stand
 *  in % of the sector's height, and where the heads are used the scale is mostly unknown. */
static gboolean looks_at(LusTask task, gboolean difference, int input)
{
  if (lus_exam_input_in_mm(input) || (lus_exam_input_water(input) == 0 && (difference || !lus_exam_input_is_missing(input))))
    return FALSE;
  return task == LUS_TASK_READMISSION || difference == (task == LUS_TASK_CHANGE);
}

/** S/F falls with lung water, readmission rises. */
static int sign_of(LusTask task, int input)
{
  return task == LUS_TASK_READMISSION ? lus_exam_input_water(input) : -lus_exam_input_water(input);
}

/** Mean, spread and range of one input over the cases outside fold @left_out; FALSE if it says nothing. */
static gboolean describe_input(LusHeadInput *input, const Problem *q, const LusHeadValues *values, int left_out)
{
  double sum = 0, squares = 0;
  int known = 0, n = 0;
  input->low = INFINITY;
  input->high = -INFINITY;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < q->n; i++) {
      double x = input->difference ? values[i].difference[input->index] : values[i].level[input->index];
      if (q->fold[i] == left_out)
        continue;
      n += pass == 0;
      if (isnan(x))
        continue;
      if (pass == 1) {
        squares += (x - input->mean) * (x - input->mean);
        continue;
      }
      known++;
      sum += x;
      input->mean = sum / known;
      input->low = MIN(input->low, x);
      input->high = MAX(input->high, x);
    }
  input->sd = known ? sqrt(squares / known) : 0;
  return 2 * known >= n && input->sd > 1e-6 * (1 + fabs(input->mean));
}

/** Keeps the inputs that are known on half of the cases and vary, and standardises them. */
static void build_matrix(Problem *q, const LusHeadValues *values, int left_out)
{
  q->p = 0;
  for (int difference = 0; difference < 2; difference++)
    for (int k = 0; k < LUS_EXAM_INPUT_N; k++) {
      if (!looks_at(q->task, difference, k))
        continue;
      LusHeadInput *input = &q->inputs[q->p];
      *input = (LusHeadInput){.index = k, .difference = difference};
      q->sign[q->p] = (gint8)sign_of(q->task, k);
      q->p += describe_input(input, q, values, left_out);
    }
  for (int i = 0; i < q->n; i++)
    for (int k = 0; k < q->p; k++) {
      const LusHeadInput *input = &q->inputs[k];
      double x = input->difference ? values[i].difference[input->index] : values[i].level[input->index];
      q->x[(gsize)i * (gsize)q->p + (gsize)k] = isnan(x) ? 0 : (CLAMP(x, input->low, input->high) - input->mean) / input->sd;
    }
}

/** The rows outside two folds, or of the second only. */
typedef struct {
  int n;
  double *x, *y;
} Rows;

static void take_rows(Rows *rows, const Problem *q, const int *inner, int left_out, int inner_out, gboolean only)
{
  rows->n = 0;
  for (int i = 0; i < q->n; i++) {
    if (q->fold[i] == left_out || (inner && (inner[i] == inner_out) != only))
      continue;
    memcpy(rows->x + (gsize)rows->n * (gsize)q->p, q->x + (gsize)i * (gsize)q->p, (gsize)q->p * sizeof(double));
    rows->y[rows->n++] = lus_case(q->cases, i)->y;
  }
}

static double loss_of(const LusPenalised *fit, const Problem *q, const Rows *rows)
{
  int classes = n_classes_of(q->task);
  double sum = 0;
  for (int i = 0; i < rows->n; i++) {
    double e = lus_penalised_predictor(fit, rows->x + (gsize)i * (gsize)q->p, q->p), p[LUS_PENALISED_CUTS + 1];
    if (classes == 0) {
      sum += (rows->y[i] - fit->intercept - e) * (rows->y[i] - fit->intercept - e);
      continue;
    }
    lus_penalised_classes(p, fit->cuts, classes, e);
    sum -= log(MAX(p[(int)rows->y[i]], 1e-6));
  }
  return sum;
}

static double lambda_at(double largest, int step)
{
  return largest * pow(10, -0.3 * step);
}

static LusPenalisedData data_of(const Problem *q, const Rows *rows)
{
  return (LusPenalisedData){rows->n, q->p, rows->x, rows->y, n_classes_of(q->task), q->sign};
}

/** Losses of all penalties on one inner fold, added to @losses [N_MIXES][N_LAMBDAS]. */
static gboolean add_losses(double *losses, const Problem *q, Rows *rows, Rows *test, double *weight,
                           const double *largest, const int *inner, int left_out, int inner_out)
{
  take_rows(rows, q, inner, left_out, inner_out, FALSE);
  take_rows(test, q, inner, left_out, inner_out, TRUE);
  LusPenalisedData data = data_of(q, rows);
  for (int m = 0; m < N_MIXES; m++) {
    LusPenalised fit = {.weight = weight};
    memset(weight, 0, (gsize)q->p * sizeof(double));
    for (int l = 0; l < N_LAMBDAS; l++) {
      if (!lus_penalised_fit(&fit, &data, lambda_at(largest[m], l), mixes[m]))
        return FALSE;
      losses[m * N_LAMBDAS + l] += loss_of(&fit, q, test);
    }
  }
  return TRUE;
}

/** Moves what was fitted into the head. */
static void fill_head(LusHead *head, const Problem *q, const LusPenalised *fit)
{
  head->inputs = g_new0(LusHeadInput, (gsize)q->p);
  for (int k = 0; k < q->p; k++) {
    q->inputs[k].weight = fit->weight[k];
    if (fabs(fit->weight[k]) > 0)
      head->inputs[head->n_inputs++] = q->inputs[k];
  }
  if (head->n_inputs == 0)
    head->inputs[head->n_inputs++] = q->inputs[0]; /* a head that always says the same is a head */
  head->intercept = q->task == LUS_TASK_SF ? fit->intercept : q->task == LUS_TASK_READMISSION ? -fit->cuts[0] : 0;
  head->range_margin = RANGE_MARGIN;
}

/** With the penalty of least loss, along the path that leads there. */
static gboolean fit_best(LusHead *head, const Problem *q, const Rows *rows, double *weight, const double *losses,
                         const double *largest)
{
  int best = 0;
  LusPenalisedData data = data_of(q, rows);
  LusPenalised fit = {.weight = weight};
  for (int i = 1; i < N_MIXES * N_LAMBDAS; i++)
    if (losses[i] < losses[best])
      best = i;
  memset(weight, 0, (gsize)q->p * sizeof(double));
  for (int l = 0; l <= best % N_LAMBDAS; l++)
    if (!lus_penalised_fit(&fit, &data, lambda_at(largest[best / N_LAMBDAS], l), mixes[best / N_LAMBDAS]))
      return FALSE;
  fill_head(head, q, &fit);
  return TRUE;
}

/** The head on the cases outside fold @left_out, with the penalty that inner folds of patients prefer. */
static gboolean fit_head(LusHead *head, Problem *q, const LusHeadValues *values, int left_out)
{
  double losses[N_MIXES * N_LAMBDAS] = {0}, largest[N_MIXES];
  build_matrix(q, values, left_out);
  if (q->p == 0)
    return TRUE;
  gsize cells = (gsize)q->n * (gsize)q->p;
  g_autofree double *memory = g_try_new0(double, 2 * cells + 2 * (gsize)q->n + (gsize)q->p);
  g_autofree int *inner = g_try_new(int, q->n);
  if (!memory || !inner)
    return FALSE;
  Rows rows = {0, memory, memory + 2 * cells}, test = {0, memory + cells, memory + 2 * cells + q->n};
  double *weight = memory + 2 * cells + 2 * q->n;
  for (int i = 0; i < q->n; i++)
    inner[i] = lus_case(q->cases, i)->group % INNER_FOLDS;
  take_rows(&rows, q, NULL, left_out, 0, FALSE);
  LusPenalisedData data = data_of(q, &rows);
  for (int m = 0; m < N_MIXES; m++)
    largest[m] = lus_penalised_largest(&data, mixes[m]);
  for (int f = 0; f < INNER_FOLDS; f++)
    if (!add_losses(losses, q, &rows, &test, weight, largest, inner, left_out, f))
      return FALSE;
  take_rows(&rows, q, NULL, left_out, 0, FALSE);
  return fit_best(head, q, &rows, weight, losses, largest);
}

/** Adds a zone to the running means. */
static void add_to_profile(LusZoneProfile *profile, int n[LUS_MAX_ZONES][LUS_FEATURE_N], const LusZone *zone)
{
  int p = 0;
  while (p < profile->n && !g_str_equal(zone->name, profile->zones[p]))
    p++;
  for (int f = 0; p < profile->n && f < LUS_FEATURE_N; f++) {
    if (isnan(zone->features[f]) || isnan(zone->peaks[f]))
      continue;
    n[p][f]++;
    profile->features[p][f] += (zone->features[f] - profile->features[p][f]) / n[p][f];
    profile->peaks[p][f] += (zone->peaks[f] - profile->peaks[p][f]) / n[p][f];
  }
}

/** Zone means over the exams of patients outside the fold. */
static void make_profile(LusZoneProfile *profile, const LusOutcomeTable *table, const int *group_fold, int left_out)
{
  static const char *const usual[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  int n[LUS_MAX_ZONES][LUS_FEATURE_N] = {{0}};
  memset(profile, 0, sizeof(*profile));
  for (gsize z = 0; z < G_N_ELEMENTS(usual); z++)
    g_strlcpy(profile->zones[profile->n++], usual[z], LUS_ZONE_LENGTH);
  for (int e = 0; e < table->n; e++) {
    const LusExam *exam = table->exams[e].exam;
    guint mask = group_fold[table->exams[e].group] == left_out ? 0 : lus_exam_at_hand(exam, table->min_frames);
    for (int i = 0; i < lus_exam_n_zones(exam); i++) {
      LusZone zone;
      lus_exam_get_zone(exam, i, &zone);
      if (mask >> i & 1)
        add_to_profile(profile, n, &zone);
    }
  }
  for (int p = 0; p < profile->n; p++)
    for (int f = 0; f < LUS_FEATURE_N; f++)
      if (n[p][f] == 0)
        profile->features[p][f] = profile->peaks[p][f] = NAN;
}

static void fill_values(LusHeadValues *values, const Problem *q, const LusHeads *heads)
{
  for (int i = 0; i < q->n; i++) {
    LusEstimateQuery query = query_of(q->table, lus_case(q->cases, i));
    lus_head_values(&values[i], heads, &query, ~0u, -1);
  }
}

/** One fold of the outer cross-validation, or (fold -1) the head on all cases. */
static gboolean fit_fold(LusHeads *heads, Problem *q, LusHeadValues *values, int fold)
{
  make_profile(&heads->profile, q->table, q->group_fold, fold);
  fill_values(values, q, heads);
  return fit_head(&heads->heads[q->task], q, values, fold);
}

static LusHeads *heads_new(const LusOutcomeTable *table)
{
  LusHeads *heads = g_new0(LusHeads, 1);
  atomic_init(&heads->references, 1);
  heads->model_sha256 = g_strdup(table->model_sha256);
  heads->threshold = table->threshold;
  return heads;
}

static gboolean tell(const LusFitConfig *config, LusTask task, int done, int total, GError **error)
{
  g_autofree char *what = g_strdup_printf("fitting %s", lus_task_name(task));
  if (!config->progress || config->progress(config->progress_data, what, done, total))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "interrupted; nothing was written");
  return FALSE;
}

static gboolean no_memory(GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the fit");
  return FALSE;
}

/** Patients in random order, dealt to the folds. */
static int *deal_folds(const LusOutcomeTable *table, int n_folds, guint64 seed)
{
  int *fold = g_new(int, MAX(1, table->n_groups));
  LusRng rng;
  lus_rng_init(&rng, seed, 1);
  for (int i = 0; i < table->n_groups; i++) {
    int j = (int)lus_rng_below(&rng, (guint32)i + 1);
    fold[i] = fold[j];
    fold[j] = i;
  }
  for (int i = 0; i < table->n_groups; i++)
    fold[i] %= n_folds;
  return fold;
}

static gboolean cross_validate(LusHeadTrials *trials, Problem *q, LusHeadValues *values, const LusFitConfig *config,
                               GError **error)
{
  LusRng rng;
  lus_rng_init(&rng, config->seed, 2 + (guint64)q->task);
  for (int f = 0; f < trials->n_folds; f++) {
    g_autoptr(LusHeads) heads = heads_new(q->table);
    if (!tell(config, q->task, f, trials->n_folds + 1, error))
      return FALSE;
    if (!fit_fold(heads, q, values, f))
      return no_memory(error);
    heads->heads[q->task].zones = trials->zones;
    for (int i = 0; i < q->n; i++)
      if (q->fold[i] == f)
        lus_head_try(trials, heads, i, f, &rng);
  }
  return TRUE;
}

static gboolean check_cases(const GArray *cases, LusTask task, int *n_groups, GError **error)
{
  g_autoptr(GHashTable) groups = g_hash_table_new(NULL, NULL);
  gboolean varies = FALSE;
  for (guint i = 0; i < cases->len; i++) {
    g_hash_table_add(groups, GINT_TO_POINTER(lus_case(cases, (int)i)->group));
    varies |= fabs(lus_case(cases, (int)i)->y - lus_case(cases, 0)->y) > 0;
  }
  *n_groups = (int)g_hash_table_size(groups);
  if (cases->len >= LUS_FIT_MIN_CASES && *n_groups >= LUS_FIT_MIN_GROUPS && varies)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "task %s: %u cases of %d patients with features and outcome%s; at least %d of %d, whose outcomes differ, are "
              "needed",
              lus_task_name(task), cases->len, *n_groups, varies || cases->len == 0 ? "" : ", all alike", LUS_FIT_MIN_CASES,
              LUS_FIT_MIN_GROUPS);
  return FALSE;
}

static LusOutcomeReport *fit_task(LusHeads *heads, const LusOutcomeTable *table, LusTask task,
                                  const LusFitConfig *config, GError **error)
{
  g_autoptr(GArray) cases = lus_outcome_cases(table, task);
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(LusHeadTrial));
  int n_groups;
  if (!check_cases(cases, task, &n_groups, error))
    return NULL;
  int n = (int)cases->len, n_folds = n_groups <= LUS_FIT_LEAVE_ONE_OUT ? table->n_groups : FOLDS;
  g_autofree int *fold = g_try_new(int, n);
  g_autofree LusHeadInput *inputs = g_try_new(LusHeadInput, 2 * LUS_EXAM_INPUT_N + 1);
  g_autofree gint8 *sign = g_try_new(gint8, 2 * LUS_EXAM_INPUT_N + 1);
  g_autofree double *x = g_try_new(double, (gsize)n * 2 * LUS_EXAM_INPUT_N);
  g_autofree LusHeadValues *values = g_try_new(LusHeadValues, n);
  g_autofree LusHeadZones *lines = g_try_new0(LusHeadZones, (gsize)n_folds * LUS_MAX_ZONES);
  if (!fold || !inputs || !sign || !x || !values || !lines) {
    no_memory(error);
    return NULL;
  }
  g_autofree int *group_fold = deal_folds(table, n_folds, config->seed);
  for (int i = 0; i < n; i++)
    fold[i] = group_fold[lus_case(cases, i)->group];
  Problem q = {table, task, cases, n, 0, group_fold, fold, inputs, sign, x};
  LusHeadTrials trials = {table, task, cases, found, n_folds, MAX(1, table->zones)};
  LusHead *head = &heads->heads[task];
  if (!cross_validate(&trials, &q, values, config, error) ||
      !tell(config, task, n_folds, n_folds + 1, error) || (!fit_fold(heads, &q, values, -1) && !no_memory(error)))
    return NULL;
  if (head->n_inputs == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "task %s: no input differs between the exams: there is nothing to "
                "learn from", lus_task_name(task));
    return NULL;
  }
  head->zones = trials.zones;
  head->min_zones = 1;
  for (int f = 0; f < n_folds; f++) {
    LusHead other = {.zones = trials.zones};
    lus_head_calibrate(&other, &trials, f);
    memcpy(&lines[f * LUS_MAX_ZONES], other.by_zones, sizeof(other.by_zones));
  }
  lus_head_calibrate(head, &trials, -1);
  LusOutcomeReport *report = lus_outcome_figures(&trials, (const LusHeadZones(*)[LUS_MAX_ZONES])(void *)lines, FALSE,
                                                 config->seed);
  report->inputs = head->n_inputs;
  return report;
}

char *lus_heads_fit(const LusOutcomeTable *table, guint tasks, const LusFitConfig *config,
                    LusOutcomeReport *reports[LUS_TASK_N], GError **error)
{
  g_autoptr(LusHeads) heads = heads_new(table);
  gboolean done = TRUE;
  for (int task = 0; task < LUS_TASK_N; task++)
    reports[task] = NULL;
  for (int task = 0; done && task < LUS_TASK_N; task++)
    if (tasks >> task & 1)
      done = (reports[task] = fit_task(heads, table, (LusTask)task, config, error)) != NULL;
  char *text = NULL;
  if (done) {
    text = lus_heads_write(heads, table, config->command, reports);
    if (!text)
      no_memory(error);
  }
  for (int task = 0; !text && task < LUS_TASK_N; task++)
    g_clear_pointer(&reports[task], lus_outcome_report_free);
  return text;
}

LusOutcomeReport *lus_heads_test(const LusHeads *heads, const LusOutcomeTable *table, LusTask task,
                                 const LusFitConfig *config, GError **error)
{
  const LusHead *head = &heads->heads[task];
  g_autoptr(GArray) cases = lus_outcome_cases(table, task);
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(LusHeadTrial));
  int n_groups;
  if (head->n_inputs == 0 || !g_str_equal(heads->model_sha256, table->model_sha256) ||
      fabs(heads->threshold - table->threshold) > 1e-6) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "task %s: the heads have none, or were fitted on the masks of another model or threshold; measure the "
                "features with that one",
                lus_task_name(task));
    return NULL;
  }
  if (!check_cases(cases, task, &n_groups, error))
    return NULL;
  LusHeadTrials trials = {table, task, cases, found, 1, head->zones};
  LusRng rng;
  lus_rng_init(&rng, config->seed, 2 + (guint64)task);
  for (guint i = 0; i < cases->len; i++)
    lus_head_try(&trials, heads, (int)i, 0, &rng);
  LusOutcomeReport *report = lus_outcome_figures(&trials, (const LusHeadZones(*)[LUS_MAX_ZONES])(const void *)head->by_zones, TRUE,
                                                 config->seed);
  report->inputs = head->n_inputs;
  return report;
}
