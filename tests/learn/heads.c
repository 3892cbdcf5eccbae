/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "learn/head-trials.h"
#include "learn/heads.h"
#include "learn/penalised.h"
#include "lung/heads-file.h"
#include "nn/error.h"
#include "nn/rng.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/** Two inputs by hand: A = X'X/n = [[1, r], [r, 1]], b = X'y/n; ridge solves (A + lambda) w = b. */
static void test_ridge(void)
{
  double x[40][2], y[40], w[2] = {0, 0}, r = sqrt(0.5);
  for (int i = 0; i < 40; i++) {
    double a = i % 2 ? 1 : -1, b = i / 2 % 2 ? 1 : -1;
    x[i][0] = a;
    x[i][1] = r * (a + b);
    y[i] = 250 + 20 * a + 10 * b;
  }
  const LusPenalisedData data = {40, 2, &x[0][0], y, 0, NULL};
  LusPenalised fit = {.weight = w};
  g_assert_true(lus_penalised_fit(&fit, &data, 0.5, 0));
  double d = 1.5, b0 = 20, b1 = 30 * r, determinant = d * d - r * r;
  g_assert_cmpfloat_with_epsilon(w[0], (d * b0 - r * b1) / determinant, 1e-2);
  g_assert_cmpfloat_with_epsilon(w[1], (d * b1 - r * b0) / determinant, 1e-2);
  g_assert_cmpfloat_with_epsilon(fit.intercept, 250, 1e-6);
}

/** Lasso of one standardised input: the slope, less lambda; a forbidden sign is 0. */
static void test_lasso_and_signs(void)
{
  double x[40], y[40], w = 0;
  const gint8 up = 1, down = -1;
  for (int i = 0; i < 40; i++) {
    x[i] = i % 2 ? 1 : -1;
    y[i] = 100 + 5 * x[i];
  }
  LusPenalisedData data = {40, 1, x, y, 0, &up};
  LusPenalised fit = {.weight = &w};
  g_assert_cmpfloat_with_epsilon(lus_penalised_largest(&data, 1), 5, 1e-9);
  g_assert_true(lus_penalised_fit(&fit, &data, 2, 1));
  g_assert_cmpfloat_with_epsilon(w, 3, 1e-6);
  g_assert_true(lus_penalised_fit(&fit, &data, 5.1, 1));
  g_assert_cmpfloat(w, ==, 0);
  data.sign = &down;
  g_assert_true(lus_penalised_fit(&fit, &data, 0.1, 1));
  g_assert_cmpfloat(w, ==, 0);
}

/** Logistic: at x = -1 a quarter, at x = 1 three quarters: log odds ln 3 x. Ordinal: the cuts of known probabilities. */
static void test_classes(void)
{
  double x[80], y[80], w = 0;
  for (int i = 0; i < 80; i++) {
    x[i] = i % 2 ? 1 : -1;
    y[i] = i / 2 % 4 == 0 ? x[i] < 0 : x[i] > 0;
  }
  LusPenalisedData data = {80, 1, x, y, 2, NULL};
  LusPenalised fit = {.weight = &w};
  g_assert_true(lus_penalised_fit(&fit, &data, 0, 0));
  g_assert_cmpfloat_with_epsilon(w, log(3), 1e-3);
  g_assert_cmpfloat_with_epsilon(fit.cuts[0], 0, 1e-3);
  double e[10] = {0}, classes[10] = {0, 1, 1, 1, 1, 2, 2, 2, 2, 2}, cuts[LUS_PENALISED_CUTS], scale = 1, p[3];
  lus_penalised_cuts(cuts, &scale, FALSE, e, classes, 10, 3);
  lus_penalised_classes(p, cuts, 3, 0);
  g_assert_cmpfloat_with_epsilon(p[0], 0.1, 3e-3);
  g_assert_cmpfloat_with_epsilon(p[1], 0.4, 3e-3);
  g_assert_cmpfloat_with_epsilon(p[2], 0.5, 3e-3);
}

/** @n patients on two days, six zones; water falls or rises; S/F = 400 - 300 water + noise; all features but the verticals'
 *  percentage and confidence are noise. */
static LusOutcomeTable *study_new(int n, double noise, double signal)
{
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  LusOutcomeTable *table = g_new0(LusOutcomeTable, 1);
  LusRng rng;
  lus_rng_init(&rng, 5, 0);
  *table = (LusOutcomeTable){.model_sha256 = g_strdup(SHA), .threshold = 0.6, .min_frames = 10, .n = 2 * n, .n_groups = n,
                             .exams = g_new0(LusOutcomeExam, 2 * n), .zones = 6};
  for (int i = 0; i < 2 * n; i++) {
    LusOutcomeExam *e = &table->exams[i];
    double water = i % 2 ? CLAMP((400 - e[-1].sf) / 300 * lus_rng_uniform(&rng, 0.2, 1.5), 0, 0.95) : lus_rng_uniform01(&rng);
    *e = (LusOutcomeExam){.patient = g_strdup_printf("p%d", i / 2), .day = 1 + i % 2, .group = i / 2,
                          .exam = lus_exam_new(NULL, NULL), .spo2 = 95, .severity = NAN};
    e->sf = CLAMP(400 - 300 * signal * water + lus_rng_normal(&rng, 0, noise), 45, 475);
    e->risk = 1 / (1 + exp(-(-4 + 8 * water * signal)));
    e->readmitted = i % 2 ? lus_rng_uniform01(&rng) < e->risk : -1;
    for (int z = 0; z < 6; z++) {
      LusZone zone = {.frames = 20, .pleura_frames = 20};
      for (int f = 0; f < LUS_FEATURE_N; f++)
        zone.features[f] = zone.peaks[f] = lus_rng_uniform(&rng, 0, 100);
      double seen = CLAMP(100 * water + (z % 3 - 1) * 10 + lus_rng_normal(&rng, 0, 10), 0, 100);
      zone.features[LUS_FEATURE_VERTICAL_PERCENT] = zone.peaks[LUS_FEATURE_VERTICAL_PERCENT] = seen;
      zone.features[LUS_FEATURE_VERTICAL_CONFIDENCE] = zone.peaks[LUS_FEATURE_VERTICAL_CONFIDENCE] = seen;
      lus_exam_add_measured(e->exam, lus_exam_zone(e->exam, zones[z]), &zone);
    }
  }
  return table;
}

static const LusFitConfig config = {.command = "lus fit \"x\"", .seed = 1};

static void free_reports(LusOutcomeReport *reports[LUS_TASK_N])
{
  for (int i = 0; i < LUS_TASK_N; i++)
    lus_outcome_report_free(reports[i]);
}

/** Error near the noise's 15 sqrt(2/pi) = 12; intervals cover; fewer zones err more, and the file is one that loads and says
 *  the same. */
static void test_signal(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(60, 15, 1);
  LusOutcomeReport *r[LUS_TASK_N];
  g_autofree char *text = lus_heads_fit(table, 7, &config, r, &error);
  g_assert_no_error(error);
  const LusOutcomeReport *sf = r[LUS_TASK_SF];
  g_assert_cmpint(sf->n, ==, 120);
  g_assert_cmpint(sf->groups, ==, 60);
  g_assert_cmpfloat(sf->error.value, <, 20);
  g_assert_cmpfloat(sf->error.low, <, sf->error.value);
  g_assert_cmpfloat(sf->ratio.high, <, 0.5);
  g_assert_cmpfloat_with_epsilon(sf->coverage.value, 0.9, 0.07);
  g_assert_cmpfloat(sf->p_value, <, 0.01);
  g_assert_cmpint(sf->n_missing, ==, 6);
  g_assert_cmpfloat(sf->missing[0].error, >, sf->missing[5].error);
  for (int k = 0; k < 6; k++)
    g_assert_cmpfloat_with_epsilon(sf->missing[k].coverage, 0.9, 0.08);
  g_assert_cmpfloat(r[LUS_TASK_CHANGE]->f1.value, >, r[LUS_TASK_CHANGE]->majority_f1.value + 0.3);
  g_assert_cmpfloat(r[LUS_TASK_READMISSION]->auroc.value, >, 0.7);
  g_assert_cmpfloat_with_epsilon(r[LUS_TASK_READMISSION]->known_minus.value, 0, 0.1);
  g_autofree char *folder = g_dir_make_tmp("lus-fit-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "heads.json", NULL);
  g_assert_nonnull(strstr(text, "\"borders\""));
  g_assert_null(strstr(text, "_mm.")); /* no input in mm */
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  g_autoptr(LusHeads) heads = lus_heads_load(path, &error);
  g_assert_no_error(error);
  LusEstimate e;
  const LusEstimateQuery query = {.exam = table->exams[1].exam, .baseline = table->exams[0].exam, .model_sha256 = SHA,
                                  .min_frames = 10};
  lus_estimate(&e, heads, &query);
  g_assert_true(e.sf.valid && e.change_valid && e.readmission.valid);
  g_assert_cmpfloat_with_epsilon(e.sf.value, table->exams[1].sf, 60);
  g_autoptr(LusOutcomeTable) others = study_new(40, 15, 1);
  g_autoptr(LusOutcomeReport) tested = lus_heads_test(heads, others, LUS_TASK_SF, &config, &error);
  g_assert_no_error(error);
  g_assert_cmpint(tested->n, ==, 80);
  g_assert_cmpfloat(tested->ratio.value, <, 0.5);
  g_assert_true(lus_outcome_report_write(r, folder, "Test", &error));
  g_assert_no_error(error);
  const struct {
    const char *name, *begin;
  } tables[] = {{"predictions-sf.csv", "\np0,1,,6,"}, {"predictions-change.csv", "\np0,2,1,6,"},
                {"predictions-readmission.csv", "\np0,2,1,6,"}};
  for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) { /* whose case, and of which days */
    g_autofree char *file = g_build_filename(folder, tables[i].name, NULL), *rows = NULL;
    g_assert_true(g_file_get_contents(file, &rows, NULL, NULL));
    g_assert_nonnull(strstr(rows, "\npatient,day,earlier_day,zones,outcome,predicted,"));
    g_assert_nonnull(strstr(rows, tables[i].begin));
  }
  static const char *const files[] = {"heads.json", "outcomes.html", "outcomes.csv", "predictions-sf.csv",
    "predictions-change.csv", "predictions-readmission.csv", "sf-calibration.png", "sf-calibration.svg",
    "readmission-roc.png", "readmission-roc.svg", "readmission-calibration.png", "readmission-calibration.svg",
    "readmission-decision.png", "readmission-decision.svg"};
  for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *file = g_build_filename(folder, files[i], NULL);
    g_assert_cmpint(g_remove(file), ==, 0);
  }
  g_assert_cmpint(g_rmdir(folder), ==, 0);
  free_reports(r);
}

/** Pixels of the plot, left of the legend, in the colour of the head's curve. */
static int count_curve(const char *path)
{
  g_autoptr(GError) error = NULL;
  int width, height, n = 0;
  g_autofree guint8 *rgba = lus_png_read(path, 4, &width, &height, &error);
  g_assert_no_error(error);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < 640; x++) {
      const guint8 *p = rgba + 4 * ((gsize)y * (gsize)width + (gsize)x);
      n += p[2] > p[0] + 90;
    }
  return n;
}

/** Where nearly everybody comes back, net benefits lie far above those that are usual: the chart has room for them. And an
 *  earlier exam of day 0 is one. */
static void test_high_rate(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(20, 15, 1);
  LusOutcomeReport *r[LUS_TASK_N];
  for (int i = 0; i < table->n; i += 2) {
    table->exams[i].day = 0;
    table->exams[i + 1].readmitted = i % 10 != 0;
  }
  g_autofree char *text = lus_heads_fit(table, 1 << LUS_TASK_READMISSION, &config, r, &error);
  g_assert_no_error(error);
  g_assert_nonnull(text);
  g_autofree char *folder = g_dir_make_tmp("lus-rate-XXXXXX", NULL);
  g_assert_true(lus_outcome_report_write(r, folder, "Test", &error));
  g_assert_no_error(error);
  static const char *const names[] = {"predictions-readmission.csv", "readmission-decision.png", "readmission-decision.svg",
    "readmission-roc.png", "readmission-roc.svg", "readmission-calibration.png", "readmission-calibration.svg",
    "outcomes.html", "outcomes.csv"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(folder, names[i], NULL), *content = NULL;
    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    if (i == 0)
      g_assert_nonnull(strstr(content, "\np0,2,0,6,"));
    if (i == 1)
      g_assert_cmpint(count_curve(path), >, 25 * 100); /* 25 marks, twice the size */
    g_assert_cmpint(g_remove(path), ==, 0);
  }
  g_assert_cmpint(g_rmdir(folder), ==, 0);
  free_reports(r);
}

/** Noise alone: no better than the median, coverage all the same, and a permutation test that says so. */
static void test_noise(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(42, 60, 0);
  LusOutcomeReport *r[LUS_TASK_N];
  g_autofree char *text = lus_heads_fit(table, 1, &config, r, &error);
  g_assert_no_error(error);
  g_assert_nonnull(text);
  g_assert_cmpfloat(r[0]->ratio.value, >, 0.9);
  g_assert_cmpfloat_with_epsilon(r[0]->coverage.value, 0.9, 0.08);
  g_assert_cmpfloat(r[0]->p_value, >, 0.05);
  g_assert_null(r[1]);
  free_reports(r);
}

/** Every second patient without a second day: outcomes are exchanged as thoroughly as where all have two, so that hardly one of
 *  the permutations comes as near as the truth. */
static void test_unequal_patients(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(12, 2, 1);
  LusOutcomeReport *r[LUS_TASK_N];
  int kept = 0;
  for (int i = 0; i < table->n; i++) {
    if (i % 4 != 1) {
      table->exams[kept++] = table->exams[i];
      continue;
    }
    g_free(table->exams[i].patient);
    lus_exam_free(table->exams[i].exam);
  }
  table->n = kept;
  g_autofree char *text = lus_heads_fit(table, 1, &config, r, &error);
  g_assert_no_error(error);
  g_assert_nonnull(text);
  g_assert_cmpint(r[0]->n, ==, 18);
  g_assert_cmpfloat(r[0]->p_value, <, 0.001);
  free_reports(r);
}

/** Probabilities that are too timid three times over, or the wrong way round, are told as they are. */
static void test_logistic_line(void)
{
  static const double lines[][2] = {{0.5, 3}, {-1, 0.2}, {0, -1.5}};
  double x[41], y[41], offset, slope;
  for (gsize k = 0; k < G_N_ELEMENTS(lines); k++) {
    for (int i = 0; i < 41; i++) {
      x[i] = (i - 20) / 10.0;
      y[i] = 1 / (1 + exp(-(lines[k][0] + lines[k][1] * x[i])));
    }
    lus_logistic_line(&offset, &slope, x, y, 41);
    g_assert_cmpfloat_with_epsilon(offset, lines[k][0], 1e-6);
    g_assert_cmpfloat_with_epsilon(slope, lines[k][1], 1e-6);
  }
  for (int i = 0; i < 41; i++)
    y[i] = x[i] > 0;
  lus_logistic_line(&offset, &slope, x, y, 41);
  g_assert_true(slope > 5 && slope <= 100 && isfinite(offset));
}

/** Of a study in which nobody's S/F falls the heads never say that one did, however far an exam lies from those of the fit. */
static void test_class_that_never_was(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(40, 15, 1);
  LusOutcomeReport *r[LUS_TASK_N];
  for (int i = 1; i < table->n; i += 2)
    table->exams[i].sf = MAX(table->exams[i].sf, table->exams[i - 1].sf - 20);
  g_autofree char *text = lus_heads_fit(table, 1 << LUS_TASK_CHANGE, &config, r, &error);
  g_assert_no_error(error);
  for (int i = 0; i < r[LUS_TASK_CHANGE]->n; i++)
    g_assert_cmpfloat(r[LUS_TASK_CHANGE]->predictions[i].value, >, 0);
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("lus-heads-XXXXXX.json", &path, &error);
  g_assert_no_error(error);
  g_assert_true(g_close(fd, NULL) && g_file_set_contents(path, text, -1, NULL));
  g_autoptr(LusHeads) heads = lus_heads_load(path, &error);
  g_assert_no_error(error);
  for (int z = 0; z < 6; z++) {
    double p[LUS_CHANGE_N];
    const LusHeadZones *line = &heads->heads[LUS_TASK_CHANGE].by_zones[z];
    g_assert_cmpint(lus_head_change(p, line, -10 / MAX(1e-3, line->slope)), >, 0);
    g_assert_cmpfloat(p[0], <, 1e-6);
  }
  g_assert_cmpint(g_remove(path), ==, 0);
  free_reports(r);
}

/** A few patients are left out one by one. */
static void test_small(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(8, 10, 1);
  LusOutcomeReport *r[LUS_TASK_N];
  g_autofree char *text = lus_heads_fit(table, 1, &config, r, &error);
  g_assert_no_error(error);
  g_assert_nonnull(text);
  g_assert_cmpint(r[0]->groups, ==, 8);
  g_assert_cmpfloat(r[0]->ratio.value, <, 0.9);
  free_reports(r);
}

static void assert_refused(const LusOutcomeTable *table, guint tasks, const char *message)
{
  g_autoptr(GError) error = NULL;
  LusOutcomeReport *r[LUS_TASK_N];
  g_assert_null(lus_heads_fit(table, tasks, &config, r, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  if (!strstr(error->message, message))
    g_error("'%s' does not tell '%s'", error->message, message);
  for (int i = 0; i < LUS_TASK_N; i++)
    g_assert_null(r[i]);
}

static void test_refused(void)
{
  g_autoptr(LusOutcomeTable) table = study_new(8, 10, 1);
  table->n = 8;
  assert_refused(table, 1, "task sf: 8 cases of 4 patients");
  table->n = 16;
  for (int i = 0; i < 16; i++)
    table->exams[i].sf = 200;
  assert_refused(table, 1, "all alike");
  for (int i = 0; i < 16; i++)
    table->exams[i].readmitted = -1;
  assert_refused(table, 4, "task readmission: 0 cases");
}

static gboolean stop(gpointer data, const char *what, gint64 done, gint64 total)
{
  (void)data;
  g_assert_cmpstr(what, ==, "fitting sf");
  g_assert_cmpint(done, <, total);
  return done < 2;
}

static void test_interrupted(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOutcomeTable) table = study_new(8, 10, 1);
  LusOutcomeReport *r[LUS_TASK_N];
  const LusFitConfig stopping = {.seed = 1, .progress = stop};
  g_assert_null(lus_heads_fit(table, 1, &stopping, r, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_CANCELLED);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/heads/ridge", test_ridge);
  g_test_add_func("/heads/lasso-and-signs", test_lasso_and_signs);
  g_test_add_func("/heads/classes", test_classes);
  g_test_add_func("/heads/signal", test_signal);
  g_test_add_func("/heads/high-rate", test_high_rate);
  g_test_add_func("/heads/noise", test_noise);
  g_test_add_func("/heads/logistic-line", test_logistic_line);
  g_test_add_func("/heads/unequal-patients", test_unequal_patients);
  g_test_add_func("/heads/class-that-never-was", test_class_that_never_was);
  g_test_add_func("/heads/small", test_small);
  g_test_add_func("/heads/refused", test_refused);
  g_test_add_func("/heads/interrupted", test_interrupted);
  return g_test_run();
}
