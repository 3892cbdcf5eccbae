/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tables-internal.h"
#include "nn/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_KEY "model_sha256="
#define THRESHOLD_KEY "threshold="

void lus_features_csv_begin(GString *out, const char *model_sha256, double threshold)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(number, sizeof(number), "%.6g", threshold);
  g_string_append_printf(out, "# lus %s features " MODEL_KEY "%s " THRESHOLD_KEY "%s - %s\n", lus_version(),
                         model_sha256, number, LUS_NOTICE);
  g_string_append(out, "clip,patient,day,zone,frames,pleura_frames");
  for (int i = 0; i < LUS_FEATURE_N; i++)
    g_string_append_printf(out, ",%s,%s" LUS_PEAK_SUFFIX, lus_feature_info(i)->name, lus_feature_info(i)->name);
  g_string_append(out, ",mm_per_pixel,clip_sha256\n");
}

static void append_number(GString *out, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE] = "";
  if (!isnan(value))
    g_ascii_formatd(number, sizeof(number), "%.10g", value);
  g_string_append_printf(out, ",%s", number);
}

void lus_features_csv_add(GString *out, const char *clip, const LusClipName *name, const LusZone *measured,
                          double mm_per_pixel, const char *clip_sha256)
{
  lus_csv_append(out, clip);
  g_string_append_c(out, ',');
  lus_csv_append(out, name->patient);
  g_string_append_c(out, ',');
  if (name->day >= 0)
    g_string_append_printf(out, "%d", name->day);
  g_string_append_printf(out, ",%s,%d,%d", name->zone, measured->frames, measured->pleura_frames);
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    append_number(out, measured->features[i]);
    append_number(out, measured->peaks[i]);
  }
  append_number(out, mm_per_pixel > 0 ? mm_per_pixel : (double)NAN);
  g_string_append_printf(out, ",%s\n", clip_sha256);
}

typedef struct {
  GArray *exams;        /* LusOutcomeExam, in the order of features.csv */
  GHashTable *by_key;   /* key -> number + 1 */
  GHashTable *patients; /* char* -> group + 1 */
  int n_outcomes, n_matched; /* rows of outcomes.csv; those with features */
} Join;

static void exam_clear(gpointer data)
{
  LusOutcomeExam *exam = data;
  lus_exam_free(exam->exam);
  g_free(exam->patient);
}

static void join_init(Join *join)
{
  join->n_outcomes = join->n_matched = 0;
  join->exams = g_array_new(FALSE, TRUE, sizeof(LusOutcomeExam));
  g_array_set_clear_func(join->exams, exam_clear);
  join->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  join->patients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void join_clear(Join *join)
{
  g_hash_table_unref(join->by_key);
  g_hash_table_unref(join->patients);
  g_array_unref(join->exams);
}

static LusOutcomeExam *find_exam(const Join *join, const char *key)
{
  int number = GPOINTER_TO_INT(g_hash_table_lookup(join->by_key, key));
  return number ? &g_array_index(join->exams, LusOutcomeExam, (guint)number - 1) : NULL;
}

char *lus_outcome_key(const LusCsv *csv, int row, int patient_column, int day_column, GError **error)
{
  const char *patient = lus_csv_field(csv, row, patient_column);
  double day;
  if (!lus_csv_number(&day, csv, row, day_column, 0, 1e6, error))
    return NULL;
  if (*patient == 0 || isnan(day) || day != floor(day)) {
    lus_csv_refuse(csv, row, error, "patient or day is missing or not a whole number; fill them in (files named like "
                   "p003_d1_R2.mkv get them by themselves)");
    return NULL;
  }
  return g_strdup_printf("%d %s", (int)day, patient);
}

static int group_of(Join *join, const char *patient)
{
  int group = GPOINTER_TO_INT(g_hash_table_lookup(join->patients, patient));
  if (group == 0) {
    group = (int)g_hash_table_size(join->patients) + 1;
    g_hash_table_insert(join->patients, g_strdup(patient), GINT_TO_POINTER(group));
  }
  return group - 1;
}

/** The exam of @key (taken over), new if there is none yet. */
static LusOutcomeExam *exam_of(Join *join, char *key, const char *patient)
{
  LusOutcomeExam *found = find_exam(join, key);
  if (found) {
    g_free(key);
    return found;
  }
  LusOutcomeExam exam = {.patient = g_strdup(patient), .day = atoi(key), .group = group_of(join, patient),
                         .exam = lus_exam_new(NULL, NULL), .sf = NAN, .spo2 = NAN, .severity = NAN, .risk = NAN,
                         .readmitted = -1};
  g_array_append_val(join->exams, exam);
  g_hash_table_insert(join->by_key, key, GINT_TO_POINTER((int)join->exams->len));
  return find_exam(join, key);
}

typedef struct {
  int clip, patient, day, zone, frames, pleura_frames, features[LUS_FEATURE_N], peaks[LUS_FEATURE_N];
} FeatureColumns;

static gboolean find_feature_columns(FeatureColumns *columns, const LusCsv *csv, GError **error)
{
  if (!lus_csv_require(&columns->clip, csv, "clip", error) ||
      !lus_csv_require(&columns->patient, csv, "patient", error) ||
      !lus_csv_require(&columns->day, csv, "day", error) || !lus_csv_require(&columns->zone, csv, "zone", error) ||
      !lus_csv_require(&columns->frames, csv, "frames", error) ||
      !lus_csv_require(&columns->pleura_frames, csv, "pleura_frames", error))
    return FALSE;
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    g_autofree char *peak = g_strconcat(lus_feature_info(i)->name, LUS_PEAK_SUFFIX, NULL);
    if (!lus_csv_require(&columns->features[i], csv, lus_feature_info(i)->name, error) ||
        !lus_csv_require(&columns->peaks[i], csv, peak, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_measured(LusZone *measured, const LusCsv *csv, const FeatureColumns *columns, int row,
                              GError **error)
{
  double frames, pleura_frames;
  if (!lus_csv_number(&frames, csv, row, columns->frames, 0, 1e9, error) ||
      !lus_csv_number(&pleura_frames, csv, row, columns->pleura_frames, 0, 1e9, error))
    return FALSE;
  if (isnan(frames) || isnan(pleura_frames) || pleura_frames > frames)
    return lus_csv_refuse(csv, row, error, "frames or pleura_frames is missing, or there are more of the latter");
  measured->frames = (int)frames;
  measured->pleura_frames = (int)pleura_frames;
  for (int i = 0; i < LUS_FEATURE_N; i++)
    if (!lus_csv_number(&measured->features[i], csv, row, columns->features[i], lus_feature_info(i)->low,
                        lus_feature_info(i)->high, error) ||
        !lus_csv_number(&measured->peaks[i], csv, row, columns->peaks[i], lus_feature_info(i)->low,
                        lus_feature_info(i)->high, error))
      return FALSE;
  return TRUE;
}

static gboolean add_feature_row(Join *join, GHashTable *clips, const LusCsv *csv, const FeatureColumns *columns,
                                int row, GError **error)
{
  const char *clip = lus_csv_field(csv, row, columns->clip);
  const char *patient = lus_csv_field(csv, row, columns->patient);
  LusZone measured = {.frames = 0};
  if (!g_hash_table_add(clips, (gpointer)clip))
    return lus_csv_refuse(csv, row, error, "clip '%s' stands there twice", clip);
  if (!read_measured(&measured, csv, columns, row, error))
    return FALSE;
  char *key = lus_outcome_key(csv, row, columns->patient, columns->day, error);
  if (!key)
    return FALSE;
  LusExam *exam = exam_of(join, key, patient)->exam;
  int zone = lus_exam_zone(exam, lus_csv_field(csv, row, columns->zone));
  if (zone < 0)
    return lus_csv_refuse(csv, row, error, "'%s' is no zone; expected R1 to R6, L1 to L6, R4V or L4V",
                          lus_csv_field(csv, row, columns->zone));
  lus_exam_add_measured(exam, zone, &measured);
  return TRUE;
}

/** The word behind @key in the comment lines, up to a space or the line's end; "" if there is none. */
static char *comment_value(const LusCsv *csv, const char *key)
{
  const char *at = strstr(csv->comments, key);
  if (!at)
    return g_strdup("");
  at += strlen(key);
  return g_strndup(at, strcspn(at, " \r\n"));
}

static gboolean read_comments(LusOutcomeTable *table, const LusCsv *csv, GError **error)
{
  g_autofree char *threshold = comment_value(csv, THRESHOLD_KEY);
  table->model_sha256 = comment_value(csv, MODEL_KEY);
  table->threshold = g_ascii_strtod(threshold, NULL);
  if (strlen(table->model_sha256) == 64 && *threshold && table->threshold >= 0 && table->threshold <= 1)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s:1: the comment line with model_sha256= and threshold= is missing; "
              "keep the line that 'lus features' writes",
              csv->path);
  return FALSE;
}

static gboolean load_features(LusOutcomeTable *table, Join *join, const char *path, GError **error)
{
  FeatureColumns columns;
  g_autoptr(LusCsv) csv = lus_csv_load(path, error);
  if (!csv || !read_comments(table, csv, error) || !find_feature_columns(&columns, csv, error))
    return FALSE;
  g_autoptr(GHashTable) clips = g_hash_table_new(g_str_hash, g_str_equal);
  for (int row = 0; row < csv->n_rows; row++)
    if (!add_feature_row(join, clips, csv, &columns, row, error))
      return FALSE;
  return TRUE;
}

/** S/F of a row, NaN where SpO2 is empty. */
static gboolean read_sf(double *sf, double *spo2, const LusCsv *csv, const LusOutcomeColumns *columns, int row,
                        GError **error)
{
  double fio2, flow;
  g_autoptr(GError) problem = NULL;
  *sf = NAN;
  if (!lus_csv_number(spo2, csv, row, columns->spo2, 0, 100, error) ||
      !lus_csv_number(&fio2, csv, row, columns->fio2, 0, 100, error) ||
      !lus_csv_number(&flow, csv, row, columns->flow, 0, 100, error))
    return FALSE;
  if (isnan(*spo2))
    return TRUE;
  if (isnan(fio2) && isnan(flow))
    return lus_csv_refuse(csv, row, error, "give fio2 (0.21 is room air) or o2_l_min beside spo2_percent");
  if (!lus_sf_ratio(sf, *spo2, isnan(fio2) ? lus_fio2_from_flow(flow) : fio2, &problem))
    return lus_csv_refuse(csv, row, error, "%s", problem->message);
  return TRUE;
}

gboolean lus_outcome_read(LusOutcomeExam *exam, const LusCsv *csv, const LusOutcomeColumns *columns, int row, GError **error)
{
  double readmitted;
  if (!read_sf(&exam->sf, &exam->spo2, csv, columns, row, error) ||
      !lus_csv_number(&readmitted, csv, row, columns->readmitted, 0, 1, error) ||
      !lus_csv_number(&exam->severity, csv, row, columns->severity, -1e6, 1e6, error) ||
      !lus_csv_number(&exam->risk, csv, row, columns->risk, 0, 1, error))
    return FALSE;
  if (!isnan(readmitted) && readmitted > 0 && readmitted < 1)
    return lus_csv_refuse(csv, row, error, "readmitted_30d is %g, expected 0 or 1", readmitted);
  exam->readmitted = isnan(readmitted) ? -1 : (int)readmitted;
  return TRUE;
}

gboolean lus_outcome_columns_find(LusOutcomeColumns *columns, const LusCsv *csv, GError **error)
{
  columns->spo2 = lus_csv_column(csv, "spo2_percent");
  columns->fio2 = lus_csv_column(csv, "fio2");
  columns->flow = lus_csv_column(csv, "o2_l_min");
  columns->readmitted = lus_csv_column(csv, "readmitted_30d");
  columns->severity = lus_csv_column(csv, "severity");
  columns->risk = lus_csv_column(csv, "readmission_risk");
  if (columns->readmitted < 0 && !lus_csv_require(&columns->spo2, csv, "spo2_percent", error))
    return FALSE; /* one outcome there must be */
  return lus_csv_require(&columns->patient, csv, "patient", error) && lus_csv_require(&columns->day, csv, "day", error);
}

static gboolean load_outcomes(Join *join, const char *path, GError **error)
{
  LusOutcomeColumns columns;
  g_autoptr(LusCsv) csv = lus_csv_load(path, error);
  if (!csv || !lus_outcome_columns_find(&columns, csv, error))
    return FALSE;
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (int row = 0; row < csv->n_rows; row++) {
    LusOutcomeExam unused;
    char *key = lus_outcome_key(csv, row, columns.patient, columns.day, error);
    if (!key)
      return FALSE;
    LusOutcomeExam *exam = find_exam(join, key);
    if (!g_hash_table_add(seen, key))
      return lus_csv_refuse(csv, row, error, "patient and day stand there twice");
    join->n_outcomes++;
    join->n_matched += exam != NULL;
    if (!lus_outcome_read(exam ? exam : &unused, csv, &columns, row, error))
      return FALSE;
  }
  return TRUE;
}

gboolean lus_outcomes_check(const char *outcomes_path, GError **error)
{
  Join none;
  join_init(&none);
  gboolean done = load_outcomes(&none, outcomes_path, error);
  join_clear(&none);
  return done;
}

static int compare_exams(gconstpointer a, gconstpointer b)
{
  const LusOutcomeExam *one = a, *other = b;
  int order = strcmp(one->patient, other->patient);
  return order ? order : (one->day > other->day) - (one->day < other->day);
}

/** Exams by patient and day, patients numbered alike: folds are dealt by these numbers. */
static void sort_exams(GArray *exams)
{
  int group = -1;
  g_array_sort(exams, compare_exams);
  for (guint i = 0; i < exams->len; i++) {
    LusOutcomeExam *exam = &g_array_index(exams, LusOutcomeExam, i);
    if (i == 0 || strcmp(exam->patient, (exam - 1)->patient) != 0)
      group++;
    exam->group = group;
  }
}

LusOutcomeTable *lus_outcome_table_load(const char *features_path, const char *outcomes_path, int min_frames,
                                        GError **error)
{
  g_autoptr(LusOutcomeTable) table = g_new0(LusOutcomeTable, 1);
  Join join;
  join_init(&join);
  gboolean done = load_features(table, &join, features_path, error) && load_outcomes(&join, outcomes_path, error);
  if (done) {
    sort_exams(join.exams);
    table->n_groups = (int)g_hash_table_size(join.patients);
    table->n_alone = (int)join.exams->len - join.n_matched;
    table->n_outcomes = join.n_outcomes;
    table->n_outcomes_alone = join.n_outcomes - join.n_matched;
    table->n = (int)join.exams->len;
    g_array_set_clear_func(join.exams, NULL); /* they are the table's from here on */
    table->exams = (LusOutcomeExam *)(void *)g_array_steal(join.exams, NULL);
    table->min_frames = min_frames;
  }
  join_clear(&join);
  for (int i = 0; done && i < table->n; i++) {
    table->zones = MAX(table->zones, lus_zones_count(lus_exam_at_hand(table->exams[i].exam, min_frames)));
    table->above_97 += table->exams[i].spo2 > 97;
  }
  return done ? g_steal_pointer(&table) : NULL;
}

void lus_outcome_table_free(LusOutcomeTable *table)
{
  if (!table)
    return;
  for (int i = 0; i < table->n; i++)
    exam_clear(&table->exams[i]);
  g_free(table->exams);
  g_free(table->model_sha256);
  g_free(table);
}

/** The patient's last exam before @exam, or -1. */
static int find_earlier(const LusOutcomeTable *t, int exam)
{
  int found = -1;
  for (int i = 0; i < t->n; i++)
    if (t->exams[i].group == t->exams[exam].group && t->exams[i].day < t->exams[exam].day &&
        (found < 0 || t->exams[i].day > t->exams[found].day))
      found = i;
  return found;
}

gboolean lus_outcome_is_last(const LusOutcomeTable *t, const LusOutcomeExam *exam)
{
  for (int i = 0; i < t->n; i++)
    if (t->exams[i].group == exam->group && t->exams[i].day > exam->day)
      return FALSE;
  return TRUE;
}

static gboolean make_case(LusOutcomeCase *out, const LusOutcomeTable *t, LusTask task, int exam)
{
  const LusOutcomeExam *e = &t->exams[exam];
  *out = (LusOutcomeCase){exam, find_earlier(t, exam), e->group, e->sf};
  if (!lus_exam_at_hand(e->exam, t->min_frames))
    return FALSE;
  if (task == LUS_TASK_SF)
    return !isnan(e->sf);
  if (task == LUS_TASK_READMISSION) {
    out->y = e->readmitted;
    return e->readmitted >= 0 && lus_outcome_is_last(t, e);
  }
  if (out->earlier < 0 || !lus_exam_at_hand(t->exams[out->earlier].exam, t->min_frames))
    return FALSE;
  double difference = e->sf - t->exams[out->earlier].sf;
  out->y = lus_change_class(difference);
  return !isnan(difference);
}

GArray *lus_outcome_cases(const LusOutcomeTable *table, LusTask task)
{
  GArray *cases = g_array_new(FALSE, FALSE, sizeof(LusOutcomeCase));
  for (int i = 0; i < table->n; i++) {
    LusOutcomeCase one;
    if (make_case(&one, table, task, i))
      g_array_append_val(cases, one);
  }
  return cases;
}
