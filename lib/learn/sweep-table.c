/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/sweep-internal.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

/** Where the counts of one method, class and level begin. */
static gsize place(const LusSweepTable *t, int target, gboolean fitted, int class_index, int level)
{
  return ((((gsize)target * 2 + (fitted ? 1 : 0)) * t->n_classes + class_index) * t->n_levels + level) * t->n_patients;
}

const LusMaskCount *lus_sweep_counts(const LusSweepTable *t, int target, gboolean fitted, int class_index, int level)
{
  return t->counts + place(t, target, fitted, class_index, level);
}

void lus_sweep_table_clear(LusSweepTable *t)
{
  for (int i = 0; t->evaluations && i < t->n_targets; i++)
    lus_evaluation_free(t->evaluations[i]);
  g_free(t->evaluations);
  g_free(t->counts);
  g_strfreev(t->names);
  lus_bootstrap_free(t->bootstrap);
  lus_sweep_outcomes_clear(&t->outcomes);
  *t = (LusSweepTable){0};
}

/** Results of all jobs, in their order. */
static LusSweepResult *read_results(const LusSweepConfig *c, GPtrArray *jobs, GError **error)
{
  LusSweepResult *results = g_new0(LusSweepResult, jobs->len + 1);
  g_autofree LusSplit *roles = g_new(LusSplit, c->samples->n);
  g_autofree char *data = NULL;
  int fold = -1;
  for (guint i = 0; i < jobs->len; i++) {
    const LusSweepJob *job = jobs->pdata[i];
    g_autofree char *path = lus_sweep_job_path(c, job, "result.bin");
    gboolean ok = job->fold == fold || lus_sweep_roles(roles, c, job->fold, error);
    if (ok && job->fold != fold) {
      g_free(data);
      data = lus_sweep_data(c, roles);
      fold = job->fold;
    }
    g_autofree char *settings = ok ? lus_sweep_settings(c, job, data) : NULL;
    if (ok && lus_sweep_result_read(&results[i], path, settings, error))
      continue;
    for (guint j = 0; j < i; j++)
      lus_sweep_result_clear(&results[j]);
    g_free(results);
    return NULL;
  }
  return results;
}

static gboolean merge(LusSweepTable *t, LusSweepResult *results, GPtrArray *jobs, GError **error)
{
  for (guint i = 0; i < jobs->len; i++) {
    LusEvaluation **sum = &t->evaluations[((const LusSweepJob *)jobs->pdata[i])->target];
    if (!*sum) {
      *sum = g_new0(LusEvaluation, 1);
      **sum = *results[i].evaluation;
      LusEvaluation *e = *sum; /* a copy of its own: the result is still needed */
      e->levels = g_memdup2(e->levels, e->n_levels * sizeof *e->levels);
      e->classes = g_strdupv(e->classes);
      e->patients = g_new0(char *, 1);
      e->histograms = g_new0(LusHistogram, 1);
      e->distances = g_new0(LusDistances, 1);
      e->n_patients = e->n_samples = 0;
    }
    if (!lus_evaluation_add(*sum, results[i].evaluation, error))
      return FALSE;
  }
  return TRUE;
}

static void add_counts(LusMaskCount *sum, const LusMaskCount *counts, const int *patient, int n)
{
  for (int p = 0; p < n; p++) {
    sum[patient[p]].both += counts[p].both;
    sum[patient[p]].found += counts[p].found;
    sum[patient[p]].reference += counts[p].reference;
    sum[patient[p]].known += counts[p].known;
  }
}

static void count_job(LusSweepTable *t, const LusSweepResult *result, int target, GHashTable *numbers)
{
  const LusEvaluation *e = result->evaluation;
  g_autofree LusMaskCount *counts = g_new(LusMaskCount, e->n_patients);
  g_autofree int *patient = g_new(int, e->n_patients);
  for (int p = 0; p < e->n_patients; p++)
    patient[p] = GPOINTER_TO_INT(g_hash_table_lookup(numbers, e->patients[p]));
  for (int fitted = 0; fitted < 2; fitted++)
    for (int k = 0; k < t->n_classes; k++)
      for (int l = 0; l < t->n_levels; l++) {
        double cut = result->cuts[k * t->n_levels + l];
        lus_evaluation_count(counts, e, k, fitted && !isnan(cut) ? cut : e->cut, e->levels[l]);
        add_counts(t->counts + place(t, target, fitted, k, l), counts, patient, e->n_patients);
      }
}

/** Sizes, names and the method that others are compared with. */
static gboolean describe(LusSweepTable *t, const LusSweepConfig *c, GError **error)
{
  const LusEvaluation *first = t->evaluations[0];
  t->n_classes = first->n_classes;
  t->n_levels = first->n_levels;
  t->n_patients = first->n_patients;
  t->names = g_new0(char *, c->n_targets + 1);
  for (int i = 0; i < c->n_targets; i++) {
    t->names[i] = lus_target_to_string(&c->targets[i]);
    if (g_str_equal(t->names[i], "threshold:60"))
      t->baseline = i;
    if (!g_strv_equal((const char *const *)t->evaluations[i]->patients, (const char *const *)first->patients)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: the methods were not tested on the same patients", c->path);
      return FALSE;
    }
  }
  t->bootstrap = lus_bootstrap_new(t->n_patients, c->seed);
  t->counts = g_try_new0(LusMaskCount, place(t, t->n_targets, FALSE, 0, 0));
  if (t->bootstrap && t->counts)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for the report", c->path);
  return FALSE;
}

gboolean lus_sweep_table_fill(LusSweepTable *t, const LusSweepConfig *c, GError **error)
{
  *t = (LusSweepTable){.config = c, .n_targets = c->n_targets};
  t->evaluations = g_new0(LusEvaluation *, c->n_targets);
  g_autoptr(GPtrArray) jobs = lus_sweep_jobs(c);
  LusSweepResult *results = read_results(c, jobs, error);
  gboolean ok = results && merge(t, results, jobs, error) && describe(t, c, error);
  if (ok) {
    g_autoptr(GHashTable) numbers = g_hash_table_new(g_str_hash, g_str_equal);
    for (int p = 0; p < t->n_patients; p++)
      g_hash_table_insert(numbers, t->evaluations[0]->patients[p], GINT_TO_POINTER(p));
    for (guint i = 0; i < jobs->len; i++)
      count_job(t, &results[i], ((const LusSweepJob *)jobs->pdata[i])->target, numbers);
  }
  for (guint i = 0; results && i < jobs->len; i++)
    lus_sweep_result_clear(&results[i]);
  g_free(results);
  return ok;
}

static void append_interval(GString *out, const LusInterval *i)
{
  const double values[] = {i->value, i->low, i->high};
  for (int j = 0; j < 3; j++) {
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_c(out, ',');
    if (!isnan(values[j]))
      g_string_append(out, g_ascii_formatd(text, sizeof text, "%.6g", values[j]));
  }
}

static void append_row(GString *out, const LusSweepTable *t, int target, gboolean fitted, int k, int l)
{
  const LusEvaluation *e = t->evaluations[target];
  const LusMaskCount *mine = lus_sweep_counts(t, target, fitted, k, l);
  const LusMaskCount *other = lus_sweep_counts(t, t->baseline, fitted, k, l);
  LusInterval dice = lus_counts_dice(mine, t->n_patients, t->bootstrap);
  LusInterval difference = lus_counts_dice_difference(mine, other, t->n_patients, t->bootstrap);
  char level[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(level, sizeof level, "%g", e->levels[l]);
  g_string_append_printf(out, "%s,%s,%s,%s", t->names[target], e->classes[k], level, fitted ? "fitted" : "threshold");
  append_interval(out, &dice);
  append_interval(out, &difference);
  if (fitted) {
    g_string_append(out, ",,,,,,,,,,,,\n");
    return;
  }
  LusScores s;
  lus_evaluation_scores(&s, e, k, l, t->bootstrap);
  append_interval(out, &s.precision);
  append_interval(out, &s.recall);
  append_interval(out, &s.distance);
  append_interval(out, &s.hausdorff95);
  g_string_append_c(out, '\n');
}

char *lus_sweep_csv(const LusSweepTable *t)
{
  static const char *const names[] = {"dice", "difference", "precision", "recall", "distance", "hausdorff95"};
  GString *out = g_string_new("target,class,level_percent,cut");
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *unit = i < 4 ? "" : t->evaluations[0]->mm ? "_mm" : "_sector_percent";
    g_string_append_printf(out, ",%s%s,%s%s_low,%s%s_high", names[i], unit, names[i], unit, names[i], unit);
  }
  g_string_append_c(out, '\n');
  for (int target = 0; target < t->n_targets; target++)
    for (int k = 0; k < t->n_classes; k++)
      for (int fitted = 0; fitted < 2; fitted++)
        for (int l = 0; l < t->n_levels; l++)
          append_row(out, t, target, fitted, k, l);
  return g_string_free(out, FALSE);
}
