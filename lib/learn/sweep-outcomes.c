/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the jobs' features to one table per method, in which every patient was measured by a model that has not seen them. */
#include "learn/sweep-internal.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define MAX_TABLE ((gsize)64 << 20)
#define MODEL_KEY "model_sha256="

char *lus_sweep_outcomes_path(const LusSweepConfig *config, int target, const char *suffix)
{
  g_autofree char *name = lus_target_to_string(&config->targets[target]), *stem = lus_sweep_file_name(name);
  g_autofree char *file = g_strconcat(stem, suffix, NULL);
  return g_build_filename(config->path, "outcomes", file, NULL);
}

/** A table of one job: where the header line and the rows begin. */
typedef struct {
  char *text, *header, *rows;
} Table;

static gboolean read_table(Table *table, const char *path, GError **error)
{
  gsize length;
  table->text = (char *)lus_file_read(path, MAX_TABLE, &length, error);
  if (!table->text)
    return FALSE;
  table->header = table->text;
  while (table->header && *table->header == '#')
    table->header = (table->header = strchr(table->header, '\n')) ? table->header + 1 : NULL;
  char *end = table->header ? strchr(table->header, '\n') : NULL;
  if (!end || !strstr(table->text, MODEL_KEY)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no table of features; remove it and repeat the sweep", path);
    return FALSE;
  }
  table->rows = end + 1;
  return TRUE;
}

/** What stands between the key and the next blank. */
static char *value_of(const char *text, const char *key)
{
  const char *at = strstr(text, key);
  return at ? g_strndup(at + strlen(key), strcspn(at + strlen(key), " \n")) : g_strdup("");
}

typedef struct {
  GChecksum *models;
  GString *rows;
  char *header, *threshold; /* of the first table */
} Gathering;

static gboolean add_table(Gathering *g, const char *path, GError **error)
{
  Table table = {.text = NULL};
  gboolean done = read_table(&table, path, error);
  if (done) {
    g_autofree char *header = g_strndup(table.header, (gsize)(table.rows - table.header));
    g_autofree char *model = value_of(table.text, MODEL_KEY);
    g_checksum_update(g->models, (const guchar *)model, -1);
    if (!g->header) {
      g->header = g_strdup(header);
      g->threshold = value_of(table.text, "threshold=");
    }
    done = g_str_equal(header, g->header);
    if (!done)
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: other columns than the folds before; remove it and repeat the sweep",
                  path);
    g_string_append(g->rows, table.rows);
  }
  g_free(table.text);
  return done;
}

static gboolean write_table(const Gathering *g, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder: %s", folder, g_strerror(errno));
    return FALSE;
  }
  /* The models of all folds stand as one: the SHA-256 of theirs, one behind the other. */
  g_autofree char *text = g_strdup_printf("# lus %s features " MODEL_KEY "%s threshold=%s - %s\n%s%s", lus_version(),
                                          g_checksum_get_string(g->models), g->threshold, LUS_NOTICE, g->header,
                                          g->rows->str);
  return lus_file_write(path, text, strlen(text), error);
}

gboolean lus_sweep_outcomes_gather(const LusSweepConfig *config, int target, GError **error)
{
  g_autoptr(GPtrArray) jobs = lus_sweep_jobs(config);
  g_autofree char *path = lus_sweep_outcomes_path(config, target, ".features.csv");
  Gathering g = {.models = g_checksum_new(G_CHECKSUM_SHA256), .rows = g_string_new(NULL)};
  gboolean done = TRUE;
  for (guint i = 0; i < jobs->len && done; i++) {
    const LusSweepJob *job = jobs->pdata[i];
    if (job->target != target || job->seed != config->seed)
      continue;
    g_autofree char *table = lus_sweep_job_path(config, job, "features.csv");
    done = add_table(&g, table, error);
  }
  done = done && write_table(&g, path, error);
  g_checksum_free(g.models);
  g_string_free(g.rows, TRUE);
  g_free(g.header);
  g_free(g.threshold);
  return done;
}

/* ---- from the tables to figures ---- */

/** A task for which there are too few cases is left out with a note; other errors end the sweep. */
static gboolean fit_task(LusOutcomeReport **report, const LusSweepConfig *config, const char *title,
                         const LusOutcomeTable *table, LusTask task, GError **error)
{
  g_autoptr(GError) problem = NULL;
  LusOutcomeReport *reports[LUS_TASK_N] = {NULL};
  LusFitConfig fit = {.seed = config->seed, .progress = config->progress, .progress_data = config->progress_data};
  g_autofree char *heads = lus_heads_fit(table, 1u << task, &fit, reports, &problem);
  *report = reports[task];
  if (heads || g_error_matches(problem, LUS_ERROR, LUS_ERROR_INVALID)) {
    if (!heads && config->note) {
      g_autofree char *line = g_strdup_printf("%s: outcome %s: left out: %s", title, lus_task_name(task), problem->message);
      config->note(config->progress_data, line);
    }
    return TRUE;
  }
  g_propagate_error(error, g_steal_pointer(&problem));
  return FALSE;
}

/** Figures, charts and predictions of one method go to outcomes/TARGET/. */
static gboolean fit_target(LusOutcomeReport *reports[LUS_TASK_N], const LusSweepConfig *config, int target, GError **error)
{
  g_autofree char *features = lus_sweep_outcomes_path(config, target, ".features.csv");
  g_autofree char *folder = lus_sweep_outcomes_path(config, target, ""), *title = lus_target_to_string(&config->targets[target]);
  if (!lus_sweep_outcomes_gather(config, target, error))
    return FALSE;
  g_autoptr(LusOutcomeTable) table = lus_outcome_table_load(features, config->outcomes, config->min_frames, error);
  if (!table)
    return FALSE;
  for (int task = 0; task < LUS_TASK_N; task++)
    if (!fit_task(&reports[task], config, title, table, (LusTask)task, error))
      return FALSE;
  return lus_outcome_report_write(reports, folder, title, error);
}

void lus_sweep_outcomes_clear(LusSweepOutcomes *outcomes)
{
  for (int i = 0; outcomes->reports && i < outcomes->n_targets; i++)
    for (int task = 0; task < LUS_TASK_N; task++)
      lus_outcome_report_free(outcomes->reports[i][task]);
  g_free(outcomes->reports);
  *outcomes = (LusSweepOutcomes){0};
}

gboolean lus_sweep_outcomes_fit(LusSweepOutcomes *outcomes, const LusSweepConfig *config, GError **error)
{
  outcomes->n_targets = config->n_targets;
  outcomes->reports = g_malloc0_n((gsize)config->n_targets, sizeof *outcomes->reports);
  for (int i = 0; i < config->n_targets; i++)
    if (!fit_target(outcomes->reports[i], config, i, error))
      return FALSE;
  return TRUE;
}

/* ---- differences ---- */

/** Absolute error of the prediction of patient @group's exam number @exam of the table's order; NaN: not predicted. Tables of
 *  all methods have the same exams in the same order. */
static double error_of(const LusOutcomeReport *report, int group, int exam)
{
  for (int i = 0; i < report->n; i++)
    if (report->predictions[i].about.group == group && report->predictions[i].about.exam == exam)
      return fabs(report->predictions[i].value - report->predictions[i].about.y);
  return NAN;
}

LusInterval lus_sweep_outcomes_difference(const LusSweepOutcomes *outcomes, int target, int baseline, guint64 seed)
{
  const LusOutcomeReport *a = outcomes->reports[target][LUS_TASK_SF], *b = outcomes->reports[baseline][LUS_TASK_SF];
  LusInterval unknown = {NAN, NAN, NAN};
  if (!a || !b || a->groups < 1)
    return unknown;
  int groups = 0;
  for (int i = 0; i < a->n; i++)
    groups = MAX(groups, a->predictions[i].about.group + 1);
  g_autofree double *mine = g_new0(double, groups), *theirs = g_new0(double, groups), *cases = g_new0(double, groups);
  for (int i = 0; i < a->n; i++) {
    const LusOutcomePrediction *p = &a->predictions[i];
    double other = error_of(b, p->about.group, p->about.exam);
    if (isnan(other))
      continue;
    mine[p->about.group] += fabs(p->value - p->about.y);
    theirs[p->about.group] += other;
    cases[p->about.group]++;
  }
  g_autoptr(LusBootstrap) bootstrap = lus_bootstrap_new(groups, seed);
  return bootstrap ? lus_bootstrap_difference(bootstrap, mine, cases, theirs, cases) : unknown;
}

/* ---- table ---- */

static void append_interval(GString *out, const LusInterval *i)
{
  const double values[] = {i->value, i->low, i->high};
  for (gsize k = 0; k < G_N_ELEMENTS(values); k++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE] = "";
    if (!isnan(values[k]))
      g_ascii_formatd(number, sizeof number, "%.6g", values[k]);
    g_string_append_printf(out, ",%s", number);
  }
}

static void append_rows(GString *out, const char *target, const LusOutcomeReport *r)
{
  const struct {
    LusTask task;
    const char *name;
    const LusInterval *value;
  } rows[] = {{LUS_TASK_SF, "mae", &r->error}, {LUS_TASK_SF, "mae_median", &r->median_error},
              {LUS_TASK_SF, "ratio", &r->ratio}, {LUS_TASK_SF, "coverage", &r->coverage},
              {LUS_TASK_CHANGE, "macro_f1", &r->f1}, {LUS_TASK_CHANGE, "macro_f1_majority", &r->majority_f1},
              {LUS_TASK_CHANGE, "accuracy", &r->accuracy}, {LUS_TASK_READMISSION, "auroc", &r->auroc},
              {LUS_TASK_READMISSION, "auroc_known_risk", &r->known_auroc}, {LUS_TASK_READMISSION, "brier", &r->brier},
              {LUS_TASK_READMISSION, "brier_constant", &r->constant_brier}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    if (rows[i].task != r->task)
      continue;
    g_string_append_printf(out, "%s,%s,%s,%d,%d", target, lus_task_name(r->task), rows[i].name, r->n, r->groups);
    append_interval(out, rows[i].value);
    g_string_append_c(out, '\n');
  }
  LusInterval p = {r->p_value, NAN, NAN};
  g_string_append_printf(out, "%s,%s,p_value,%d,%d", target, lus_task_name(r->task), r->n, r->groups);
  append_interval(out, &p);
  g_string_append_c(out, '\n');
}

char *lus_sweep_outcomes_csv(const LusSweepOutcomes *outcomes, char *const *names)
{
  GString *out = g_string_new("target,task,figure,cases,patients,value,low,high\n");
  for (int i = 0; i < outcomes->n_targets; i++)
    for (int task = 0; task < LUS_TASK_N; task++)
      if (outcomes->reports[i][task])
        append_rows(out, names[i], outcomes->reports[i][task]);
  return g_string_free(out, FALSE);
}
