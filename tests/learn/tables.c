/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/csv.h"
#include "learn/tables.h"
#include "nn/error.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *folder;

static char *write_text(const char *name, const char *text)
{
  char *path = g_build_filename(folder, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  return path;
}

static void assert_message(const GError *error, const char *message)
{
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  if (!strstr(error->message, message))
    g_error("'%s' does not tell '%s'", error->message, message);
}

static void test_csv(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = write_text("a.csv", "# one\n# two\na,b,c\r\n1,\"x, \"\"y\"\"\nz\",\n-2.5e1,,w w");
  g_autoptr(LusCsv) csv = lus_csv_load(path, &error);
  double value;
  g_assert_no_error(error);
  g_assert_cmpstr(csv->comments, ==, "# one\n# two\n");
  g_assert_cmpint(csv->n_columns, ==, 3);
  g_assert_cmpint(csv->n_rows, ==, 2);
  g_assert_cmpint(lus_csv_column(csv, "c"), ==, 2);
  g_assert_cmpint(lus_csv_column(csv, "d"), ==, -1);
  g_assert_cmpstr(lus_csv_field(csv, 0, 1), ==, "x, \"y\"\nz");
  g_assert_cmpstr(lus_csv_field(csv, 0, 2), ==, "");
  g_assert_cmpstr(lus_csv_field(csv, 1, 2), ==, "w w");
  g_assert_true(lus_csv_number(&value, csv, 1, 0, -30, 0, &error));
  g_assert_cmpfloat(value, ==, -25);
  g_assert_true(lus_csv_number(&value, csv, 1, 1, 0, 1, &error));
  g_assert_true(isnan(value));
  g_assert_false(lus_csv_number(&value, csv, 1, 0, 0, 1, &error));
  assert_message(error, "a.csv:6: a: -2.5e1 is outside 0 to 1"); /* the quoted field spans two lines */
  g_clear_error(&error);
  g_assert_false(lus_csv_number(&value, csv, 1, 2, 0, 1, &error));
  assert_message(error, "a.csv:6: c: 'w w' is not a number");
}

static void test_csv_refused(void)
{
  static const char *const wrong[][2] = {
    {"", ":1: there is no header"},      {"# only\n", ":2: there is no header"},
    {"a,b\n1,2\n1\n", ":3: 1 fields, but the header in line 1 has 2"},
    {"a,b\n1,2,3\n", ":2: 3 fields"},    {"a,b\n\n", ":2: 1 fields"},
    {"a,,b\n", ":1: the header has a column without a name"}, {"\n", ":1: the header"},
    {"a,b,a\n", ":1: the header names a column twice"},
    {"a\n\"x\n", ":2: a quoted field has no closing quote"},
    {"a\n\"x\"y\n", ":2: text follows a quoted field"}, {"a\nx\"y\n", ":2: a quote or a lone CR"},
    {"a\nx\ry\n", ":2: a quote or a lone CR"}, {"a\n\xff\n", "not UTF-8"}};
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *path = write_text("b.csv", wrong[i][0]);
    g_assert_null(lus_csv_load(path, &error));
    assert_message(error, wrong[i][1]);
  }
  g_autoptr(GError) error = NULL;
  g_autofree char *many = g_strnfill(300, ',');
  g_autofree char *path = write_text("b.csv", many);
  g_assert_null(lus_csv_load(path, &error));
  assert_message(error, "more than 256 columns");
}

static void test_csv_append(void)
{
  static const char *const fields[][2] = {
    {"plain", "plain"}, {"", ""}, {"a,b", "\"a,b\""}, {"say \"x\"", "\"say \"\"x\"\"\""}, {"#1", "\"#1\""}};
  for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
    g_autoptr(GString) out = g_string_new(NULL);
    lus_csv_append(out, fields[i][0]);
    g_assert_cmpstr(out->str, ==, fields[i][1]);
  }
}

static void add_clip(GString *table, const char *patient, int day, const char *zone, int frames, double percent)
{
  g_autofree char *clip = g_strdup_printf("%s_d%d_%s", patient, day, zone);
  LusZone measured = {.frames = frames, .pleura_frames = frames / 2};
  LusClipName name = {.day = day};
  g_strlcpy(name.patient, patient, sizeof(name.patient));
  g_strlcpy(name.zone, zone, sizeof(name.zone));
  for (int i = 0; i < LUS_FEATURE_N; i++)
    measured.features[i] = measured.peaks[i] = i == LUS_FEATURE_FASCIA_AREA ? NAN : percent;
  lus_features_csv_add(table, clip, &name, &measured, 0, "");
}

static void test_written(void)
{
  g_autoptr(GString) table = g_string_new(NULL);
  lus_features_csv_begin(table, SHA, (double)0.6f);
  add_clip(table, "p,1", 1, "R1", 20, 12.5);
  g_auto(GStrv) lines = g_strsplit(table->str, "\n", -1);
  g_assert_true(g_str_has_prefix(lines[0], "# lus "));
  g_assert_nonnull(strstr(lines[0], " model_sha256=" SHA " threshold=0.6 - " LUS_NOTICE));
  g_assert_true(g_str_has_prefix(lines[1], "clip,patient,day,zone,frames,pleura_frames,pleura_coverage,pleura_coverage.p90,pleura_visibility,"));
  g_assert_true(g_str_has_prefix(lines[2], "\"p,1_d1_R1\",\"p,1\",1,R1,20,10,12.5,12.5,12.5,"));
  g_auto(GStrv) names = g_strsplit(lines[1], ",", -1);
  g_assert_cmpuint(g_strv_length(names), ==, 6 + 2 * LUS_FEATURE_N + 2);
  g_assert_cmpstr(names[6 + 2 * LUS_FEATURE_FASCIA_AREA + 1], ==, "fascia_area.p90");
  LusClipName unknown = {.day = -1};
  LusZone none = {.frames = 0};
  for (int i = 0; i < LUS_FEATURE_N; i++)
    none.features[i] = none.peaks[i] = NAN;
  g_string_truncate(table, 0);
  lus_features_csv_add(table, "x", &unknown, &none, .25, SHA);
  g_autofree char *commas = g_strnfill(2 * LUS_FEATURE_N + 1, ',');
  g_autofree char *row = g_strconcat("x,,,,0,0", commas, "0.25," SHA "\n", NULL);
  g_assert_cmpstr(table->str, ==, row);
}

/** Features of three patients: p1 on two days, p2 without outcome, p3 with three zones only. */
static char *write_features(void)
{
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  g_autoptr(GString) table = g_string_new(NULL);
  lus_features_csv_begin(table, SHA, 0.5);
  for (int z = 0; z < 6; z++) {
    add_clip(table, "p1", 1, zones[z], 20, 10 + z);
    add_clip(table, "p1", 2, zones[z], 20, 20 + z);
    add_clip(table, "p2", 1, zones[z], 20, 30);
    if (z < 3)
      add_clip(table, "p3", 1, zones[z], 20, 40);
    else
      add_clip(table, "p3", 1, zones[z], 5, 40);
  }
  return write_text("features.csv", table->str);
}

static void test_joined(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *features = write_features();
  g_autofree char *outcomes = write_text(
      "outcomes.csv", "patient,day,ward,spo2_percent,fio2,o2_l_min,readmitted_30d,severity\n"
                      "p1,2,a,97,0.21,0,0,4\np1,1,a,90,,2,0,\np3,1,b,95,0.5,,1,\np9,1,b,95,0.5,,1,\np2,1,c,,,,,\n");
  g_autoptr(LusOutcomeTable) table = lus_outcome_table_load(features, outcomes, 10, &error);
  g_assert_no_error(error);
  g_assert_cmpint(table->n, ==, 4);
  g_assert_cmpint(table->n_groups, ==, 3);
  g_assert_cmpint(table->n_alone, ==, 0);
  g_assert_cmpint(table->n_outcomes, ==, 5);
  g_assert_cmpint(table->n_outcomes_alone, ==, 1); /* p9 */
  g_assert_cmpint(table->above_97, ==, 0);
  g_assert_cmpint(table->zones, ==, 6);
  g_assert_cmpint(table->exams[0].group, ==, table->exams[1].group);
  g_assert_cmpint(table->exams[0].day, ==, 1);
  g_assert_cmpfloat_with_epsilon(table->exams[0].sf, 90 / 0.29, 1e-9);
  g_assert_cmpfloat_with_epsilon(table->exams[1].sf, 97 / 0.21, 1e-9);
  g_assert_cmpfloat(table->exams[1].severity, ==, 4);
  g_assert_true(isnan(table->exams[2].sf));
  g_assert_cmpint(table->exams[2].readmitted, ==, -1);
  g_assert_cmpint(table->exams[3].readmitted, ==, 1);
  g_assert_cmpstr(table->model_sha256, ==, SHA);
  g_assert_cmpfloat(table->threshold, ==, 0.5);
  double inputs[LUS_EXAM_INPUT_N];
  lus_exam_inputs(inputs, table->exams[1].exam, NULL, ~0u, 10);
  const double *parts = inputs + LUS_EXAM_PARTS * LUS_FEATURE_VERTICAL_PERCENT;
  g_assert_cmpfloat_with_epsilon(parts[0], 22.5, 1e-9);
  g_assert_cmpfloat_with_epsilon(parts[1], 25, 1e-9);
  g_assert_cmpfloat_with_epsilon(parts[2], 23.5, 1e-9); /* R3 22, L3 25 */
  g_assert_true(isnan(inputs[LUS_EXAM_PARTS * LUS_FEATURE_FASCIA_AREA]));
}

static void test_cases(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *features = write_features();
  g_autofree char *outcomes = write_text("outcomes.csv", "patient,day,spo2_percent,fio2,readmitted_30d\n"
                                                         "p1,2,97,0.21,1\np1,1,90,0.29,1\np3,1,95,0.5,0\n");
  g_autoptr(LusOutcomeTable) table = lus_outcome_table_load(features, outcomes, 10, &error);
  g_assert_no_error(error);
  g_autoptr(GArray) sf = lus_outcome_cases(table, LUS_TASK_SF);
  g_autoptr(GArray) change = lus_outcome_cases(table, LUS_TASK_CHANGE);
  g_autoptr(GArray) readmission = lus_outcome_cases(table, LUS_TASK_READMISSION);
  g_assert_cmpint(sf->len, ==, 3); /* p2 has no S/F */
  g_assert_cmpint(change->len, ==, 1);
  const LusOutcomeCase *one = &g_array_index(change, LusOutcomeCase, 0);
  g_assert_cmpint(one->exam, ==, 1);
  g_assert_cmpint(one->earlier, ==, 0);
  g_assert_cmpfloat(one->y, ==, LUS_CHANGE_HIGHER);
  g_assert_cmpint(readmission->len, ==, 2); /* p1's last day, p3's only one */
  g_assert_cmpfloat(g_array_index(readmission, LusOutcomeCase, 0).y, ==, 1);
  g_assert_cmpint(g_array_index(readmission, LusOutcomeCase, 1).earlier, ==, -1);
}

static void test_outcomes_refused(void)
{
  static const char *const wrong[][2] = {
      {"patient,day,fio2\np1,1,0.21\n", "outcomes.csv:1: there is no column 'spo2_percent'"},
      {"patient,day,spo2_percent\np1,1,95\n", "outcomes.csv:2: give fio2"},
      {"patient,day,spo2_percent,fio2\np1,1,98,0.21\np1,2,98,40\n", "outcomes.csv:3: FiO2 40"},
      {"patient,day,spo2_percent,fio2\np1,1,980,0.21\n", "outcomes.csv:2: spo2_percent: 980 is outside 0 to 100"},
      {"patient,day,spo2_percent,fio2\np1,1,30,1\n", "outcomes.csv:2: S/F 30.0"},
      {"patient,day,spo2_percent,fio2\np1,1,98,room\n", "outcomes.csv:2: fio2: 'room' is not a number"},
      {"patient,day,spo2_percent,fio2\np1,1,0x5a,0.3\n", "outcomes.csv:2: spo2_percent: '0x5a' is not a number"},
      {"patient,day,spo2_percent,fio2\np1,1,98,0.21\np1,1,98,0.21\n",
       "outcomes.csv:3: patient and day stand there twice"},
      {"patient,day,spo2_percent,fio2\n,1,98,0.21\n", "outcomes.csv:2: patient or day"},
      {"patient,day,spo2_percent,fio2\np1,1.5,98,0.21\n", "outcomes.csv:2: patient or day"}};
  g_autofree char *features = write_features();
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *outcomes = write_text("outcomes.csv", wrong[i][0]);
    g_assert_null(lus_outcome_table_load(features, outcomes, 10, &error));
    assert_message(error, wrong[i][1]);
  }
}

/** @from replaced by @to in a good table of features. */
static void test_features_refused(void)
{
  static const char *const wrong[][3] = {
      {"model_sha256=" SHA, "model=x", "features.csv:1: the comment line"},
      {"threshold=0.5", "threshold=1.5", "features.csv:1: the comment line"},
      {"# lus ", "", "features.csv:2: 90 fields"},
      {"pleura_depth", "depth", "features.csv:2: there is no column 'pleura_depth'"},
      {",pleura_frames", ",frames2", "there is no column 'pleura_frames'"},
      {"p1_d1_R1,p1,1,R1,20,10,10", "p1_d1_R1,p1,1,R1,20,10,101",
       "features.csv:3: pleura_coverage: 101 is outside 0 to 100"},
      {"p1_d1_R1,p1,1,R1,20,10", "p1_d1_R1,p1,1,R1,20,21", "features.csv:3: frames or pleura_frames"},
      {"p1_d1_R1,p1,1,R1,20,10", "p1_d1_R1,p1,1,R1,,10", "features.csv:3: frames or pleura_frames"},
      {"p1_d1_R1,p1,1,R1", "p1_d1_R1,,1,R1", "features.csv:3: patient or day"},
      {"p1_d1_R1,p1,1,R1", "p1_d1_R1,p1,,R1", "features.csv:3: patient or day"},
      {"p1_d1_R1,p1,1,R1", "p1_d1_R1,p1,1,R9", "features.csv:3: 'R9' is no zone"},
      {"p1_d2_R1", "p1_d1_R1", "features.csv:4: clip 'p1_d1_R1' stands there twice"}};
  g_autofree char *outcomes = write_text("outcomes.csv", "patient,day,spo2_percent,fio2\np1,1,97,0.21\n");
  g_autofree char *good_path = write_features(), *good = NULL;
  g_assert_true(g_file_get_contents(good_path, &good, NULL, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(good, wrong[i][0], 2);
    g_assert_nonnull(parts[1]);
    g_autofree char *text = g_strjoinv(wrong[i][1], parts);
    g_autofree char *path = write_text("features.csv", text);
    g_assert_null(lus_outcome_table_load(path, outcomes, 10, &error));
    assert_message(error, wrong[i][2]);
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_outcome_table_load("/no/such/features.csv", outcomes, 10, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("lus-tables-XXXXXX", NULL);
  g_test_add_func("/tables/csv", test_csv);
  g_test_add_func("/tables/csv-refused", test_csv_refused);
  g_test_add_func("/tables/csv-append", test_csv_append);
  g_test_add_func("/tables/written", test_written);
  g_test_add_func("/tables/joined", test_joined);
  g_test_add_func("/tables/cases", test_cases);
  g_test_add_func("/tables/outcomes-refused", test_outcomes_refused);
  g_test_add_func("/tables/features-refused", test_features_refused);
  int result = g_test_run();
  static const char *const names[] = {"a.csv", "b.csv", "features.csv", "outcomes.csv"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(folder, names[i], NULL);
    g_remove(path);
  }
  g_rmdir(folder);
  g_free(folder);
  return result;
}
