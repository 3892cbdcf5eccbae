/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/heads.h"
#include "nn/error.h"
#include "nn/rng.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MAX_EXAMS 400
#define DEPTH (3 * LUS_FEATURE_PLEURA_DEPTH)          /* pleura_depth.mean */
#define PERCENT (3 * LUS_FEATURE_VERTICAL_PERCENT)    /* vertical_percent.mean */

typedef struct {
  LusFitData data;
  double inputs[MAX_EXAMS][LUS_EXAM_INPUT_N], sf[MAX_EXAMS];
  int group[MAX_EXAMS];
} Study;

/** @n exams, two per patient, all inputs 7 (constant) and S/F 250. */
static Study *study_new(int n)
{
  Study *study = g_new0(Study, 1);
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < LUS_EXAM_INPUT_N; k++)
      study->inputs[i][k] = 7;
    study->sf[i] = 250;
    study->group[i] = 100 + i / 2;
  }
  study->data = (LusFitData){n, study->inputs, study->sf, study->group, 6, 0.6, SHA, "lus fit \"x\""};
  return study;
}

static json_t *fit(const Study *study, LusFitReport *report)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = lus_heads_fit(&study->data, report, &error);
  g_assert_no_error(error);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  g_assert_nonnull(root);
  return root;
}

static json_t *sf_input(json_t *root, gsize index)
{
  return json_array_get(json_object_get(json_object_get(json_object_get(root, "heads"), "sf"), "inputs"), index);
}

static double number(json_t *object, const char *key)
{
  return json_number_value(json_object_get(object, key));
}

/** S/F = 400 - 3 x without noise, x = 0..39: least penalty, mean 19.5, population sd sqrt(133.25). */
static void test_line(void)
{
  Study *study = study_new(40);
  LusFitReport report;
  for (int i = 0; i < 40; i++) {
    study->inputs[i][PERCENT] = i;
    study->sf[i] = 400 - 3 * i;
  }
  json_t *root = fit(study, &report);
  json_t *input = sf_input(root, 0), *sf = json_object_get(json_object_get(root, "heads"), "sf");
  double sd = sqrt(133.25);
  g_assert_cmpint(report.inputs, ==, 1);
  g_assert_cmpint(report.groups, ==, 20);
  g_assert_cmpfloat_with_epsilon(report.lambda, 1e-3, 1e-12);
  g_assert_cmpstr(json_string_value(json_object_get(input, "name")), ==, "vertical_percent.mean");
  g_assert_cmpfloat_with_epsilon(number(input, "mean"), 19.5, 1e-9);
  g_assert_cmpfloat_with_epsilon(number(input, "sd"), sd, 1e-9);
  g_assert_cmpfloat_with_epsilon(number(input, "weight"), -3 * sd / 1.001, 1e-9);
  g_assert_cmpfloat(number(input, "low"), ==, 0);
  g_assert_cmpfloat(number(input, "high"), ==, 39);
  g_assert_cmpfloat_with_epsilon(number(sf, "intercept"), 341.5, 1e-9);
  g_assert_cmpfloat(number(sf, "min_zones"), ==, 4);
  g_assert_cmpfloat(report.mae, <, 0.1);
  /* Without two exams of x < 20 the others' median is x = 20.5, else 18.5: 3 times 11 on average. */
  g_assert_cmpfloat_with_epsilon(report.mae_median_predictor, 33, 1e-9);
  json_decref(root);
  g_free(study);
}

/** Two inputs, of which the ridge solution with lambda 1e-3 solves (A + lambda) w = b by hand. */
static void test_two_inputs(void)
{
  Study *study = study_new(40);
  LusFitReport report;
  for (int i = 0; i < 40; i++) {
    double a = i % 2 ? 1 : -1, b = i / 2 % 2 ? 1 : -1;
    study->inputs[i][DEPTH] = 30 + 2 * a;       /* sd 2 */
    study->inputs[i][PERCENT] = 50 + 5 * a + 5 * b; /* sd sqrt(50), correlation 1 / sqrt(2) */
    study->sf[i] = 250 + 20 * a + 10 * b;
  }
  json_t *root = fit(study, &report);
  double r = sqrt(0.5), d = 1.001, b0 = 20, b1 = 30 * r;
  double det = d * d - r * r;
  g_assert_cmpfloat_with_epsilon(report.lambda, 1e-3, 1e-12);
  g_assert_cmpfloat_with_epsilon(number(sf_input(root, 0), "weight"), (d * b0 - r * b1) / det, 1e-6);
  g_assert_cmpfloat_with_epsilon(number(sf_input(root, 1), "weight"), (d * b1 - r * b0) / det, 1e-6);
  json_decref(root);
  g_free(study);
}

/** Noise alone: the strongest penalties win and the head is no better than the median. */
static void test_noise(void)
{
  Study *study = study_new(200);
  LusFitReport report;
  LusRng rng;
  lus_rng_init(&rng, 11, 0);
  for (int i = 0; i < 200; i++) {
    for (int k = 0; k < LUS_EXAM_INPUT_N; k++)
      study->inputs[i][k] = lus_rng_normal(&rng, 50, 10);
    study->sf[i] = lus_rng_uniform(&rng, 100, 400);
  }
  json_t *root = fit(study, &report);
  g_assert_cmpfloat(report.lambda, >=, 1);
  g_assert_cmpint(report.inputs, ==, LUS_EXAM_INPUT_N);
  g_assert_cmpfloat_with_epsilon(report.mae, report.mae_median_predictor, 3);
  g_assert_cmpfloat_with_epsilon(report.half_width, 135, 8); /* 90 % of 150 */
  g_assert_cmpfloat_with_epsilon(report.coverage, 0.9, 0.05);
  json_decref(root);
  g_free(study);
}

/** Half signal, half noise: coverage holds, error lies near the noise's mean absolute deviation, 30 sqrt(2/pi) =
 *  23.9. */
static void test_signal_and_noise(void)
{
  Study *study = study_new(400);
  LusFitReport report;
  LusRng rng;
  lus_rng_init(&rng, 12, 0);
  for (int i = 0; i < 400; i++) {
    double x = lus_rng_normal(&rng, 0, 1);
    for (int k = 0; k < LUS_EXAM_INPUT_N; k++)
      study->inputs[i][k] = lus_rng_normal(&rng, 50, 10);
    study->inputs[i][PERCENT] = 50 + 10 * x;
    study->sf[i] = CLAMP(260 - 50 * x + lus_rng_normal(&rng, 0, 30), 40, 480);
  }
  json_t *root = fit(study, &report);
  g_assert_cmpfloat(report.mae, <, 27);
  g_assert_cmpfloat(report.mae, >, 22);
  g_assert_cmpfloat(report.mae_median_predictor, >, 40);
  g_assert_cmpfloat_with_epsilon(report.coverage, 0.9, 0.04);
  json_decref(root);
  g_free(study);
}

/** A patient's exams stay together: with one patient's two exams equal, leaving out exams would remember them. */
static void test_groups(void)
{
  Study *study = study_new(40);
  LusFitReport report;
  LusRng rng;
  lus_rng_init(&rng, 13, 0);
  for (int i = 0; i < 40; i += 2) {
    double sf = lus_rng_uniform(&rng, 100, 400);
    for (int k = 0; k < LUS_EXAM_INPUT_N; k++)
      study->inputs[i][k] = study->inputs[i + 1][k] = lus_rng_normal(&rng, 50, 10);
    study->sf[i] = study->sf[i + 1] = sf;
  }
  json_decref(fit(study, &report));
  g_assert_cmpfloat(report.mae, >, 50);
  for (int i = 0; i < 40; i++)
    study->group[i] = i; /* the mistake, to see that the test can fail */
  json_decref(fit(study, &report));
  g_assert_cmpfloat(report.mae, <, 30);
  g_free(study);
}

/** Unknown values count as the mean; inputs unknown on most exams or constant are dropped. */
static void test_unknown(void)
{
  Study *study = study_new(40);
  LusFitReport report;
  for (int i = 0; i < 40; i++) {
    study->inputs[i][PERCENT] = i < 20 ? NAN : i; /* known on half: kept, mean 29.5 */
    study->inputs[i][DEPTH] = i < 21 ? NAN : i;
    study->inputs[i][0] = NAN;
    study->sf[i] = i < 20 ? 250 : 250 + (i - 29.5);
  }
  json_t *root = fit(study, &report);
  g_assert_cmpint(report.inputs, ==, 1);
  g_assert_cmpfloat_with_epsilon(number(sf_input(root, 0), "mean"), 29.5, 1e-9);
  g_assert_cmpfloat(number(sf_input(root, 0), "low"), ==, 20);
  json_decref(root);
  g_free(study);
}

/** The file is one that lus_heads_load() accepts, and the estimate is the line's. */
static void test_round_trip(void)
{
  g_autoptr(GError) error = NULL;
  Study *study = study_new(40);
  LusFitReport report;
  for (int i = 0; i < 40; i++) {
    study->inputs[i][PERCENT] = i;
    study->sf[i] = 400 - 3 * i;
  }
  g_autofree char *text = lus_heads_fit(&study->data, &report, &error);
  g_autofree char *folder = g_dir_make_tmp("lus-fit-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "heads.json", NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  g_autoptr(LusHeads) heads = lus_heads_load(path, &error);
  g_assert_no_error(error);
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  for (int z = 0; z < 6; z++) {
    LusZone zone = {.frames = 30, .pleura_frames = 30};
    for (int f = 0; f < LUS_FEATURE_N; f++)
      zone.features[f] = 7;
    zone.features[LUS_FEATURE_VERTICAL_PERCENT] = 30;
    lus_exam_add_measured(exam, z, &zone);
  }
  LusEstimate e;
  lus_estimate(&e, heads, exam, 30, SHA);
  g_assert_true(e.sf.valid);
  g_assert_cmpfloat_with_epsilon(e.sf.value, 310, 0.1);
  g_assert_cmpfloat_with_epsilon(e.sf.high - e.sf.value, report.half_width, 1e-9);
  g_remove(path);
  g_rmdir(folder);
  g_free(study);
}

static void assert_refused(Study *study, const char *message)
{
  g_autoptr(GError) error = NULL;
  LusFitReport report;
  g_assert_null(lus_heads_fit(&study->data, &report, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  if (!strstr(error->message, message))
    g_error("'%s' does not tell '%s'", error->message, message);
}

static void test_refused(void)
{
  Study *study = study_new(20);
  assert_refused(study, "no input differs");
  for (int i = 0; i < 20; i++)
    study->inputs[i][PERCENT] = i;
  study->data.n = 9;
  assert_refused(study, "9 exams");
  study->data.n = 20;
  for (int i = 0; i < 20; i++)
    study->group[i] = i % 4;
  assert_refused(study, "4 patients");
  study->group[0] = 9;
  study->sf[3] = 481;
  assert_refused(study, "exam 3: S/F 481");
  study->sf[3] = NAN;
  assert_refused(study, "exam 3");
  study->sf[3] = 250;
  study->inputs[5][PERCENT] = INFINITY;
  assert_refused(study, "vertical_percent.mean is inf");
  study->inputs[5][PERCENT] = 5;
  study->data.zones = 0;
  assert_refused(study, "zones");
  study->data.zones = 6;
  study->data.threshold = NAN;
  assert_refused(study, "threshold");
  study->data.threshold = 0.6;
  study->data.model_sha256 = "";
  assert_refused(study, "SHA-256");
  g_free(study);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/heads/line", test_line);
  g_test_add_func("/heads/two-inputs", test_two_inputs);
  g_test_add_func("/heads/noise", test_noise);
  g_test_add_func("/heads/signal-and-noise", test_signal_and_noise);
  g_test_add_func("/heads/groups", test_groups);
  g_test_add_func("/heads/unknown", test_unknown);
  g_test_add_func("/heads/round-trip", test_round_trip);
  g_test_add_func("/heads/refused", test_refused);
  return g_test_run();
}
