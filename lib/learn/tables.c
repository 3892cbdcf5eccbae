/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/tables.h"
#include "learn/csv.h"
#include "nn/error.h"

#include <math.h>
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
    g_string_append_printf(out, ",%s", lus_feature_info(i)->name);
  g_string_append(out, ",clip_sha256\n");
}

void lus_features_csv_add(GString *out, const char *clip, const LusClipName *name, const LusZone *measured,
                          const char *clip_sha256)
{
  lus_csv_append(out, clip);
  g_string_append_c(out, ',');
  lus_csv_append(out, name->patient);
  g_string_append_c(out, ',');
  if (name->day >= 0)
    g_string_append_printf(out, "%d", name->day);
  g_string_append_printf(out, ",%s,%d,%d", name->zone, measured->frames, measured->pleura_frames);
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE] = "";
    if (!isnan(measured->features[i]))
      g_ascii_formatd(number, sizeof(number), "%.10g", measured->features[i]);
    g_string_append_printf(out, ",%s", number);
  }
  g_string_append_printf(out, ",%s\n", clip_sha256);
}

/** One patient's day. */
typedef struct {
  char *key; /* patient and day, of the hash table */
  int group;
  LusExam *exam;
  double sf, spo2; /* NaN: no outcome */
} Exam;

static void exam_free(gpointer data)
{
  Exam *exam = data;
  lus_exam_free(exam->exam);
  g_free(exam->key);
  g_free(exam);
}

typedef struct {
  GPtrArray *exams;     /* Exam*, in the order of features.csv */
  GHashTable *by_key;   /* key -> Exam*, borrowed */
  GHashTable *patients; /* char* -> group + 1 */
} Join;

static void join_init(Join *join)
{
  join->exams = g_ptr_array_new_with_free_func(exam_free);
  join->by_key = g_hash_table_new(g_str_hash, g_str_equal);
  join->patients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void join_clear(Join *join)
{
  g_hash_table_unref(join->by_key);
  g_hash_table_unref(join->patients);
  g_ptr_array_unref(join->exams);
}

/** Reads patient and day of a row into a key; both must be there. */
static char *read_key(const LusCsv *csv, int row, int patient_column, int day_column, GError **error)
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
static Exam *exam_of(Join *join, char *key, const char *patient)
{
  Exam *exam = g_hash_table_lookup(join->by_key, key);
  if (exam) {
    g_free(key);
    return exam;
  }
  exam = g_new0(Exam, 1);
  exam->key = key;
  exam->group = group_of(join, patient);
  exam->exam = lus_exam_new(NULL, NULL);
  exam->sf = exam->spo2 = NAN;
  g_ptr_array_add(join->exams, exam);
  g_hash_table_insert(join->by_key, exam->key, exam);
  return exam;
}

typedef struct {
  int clip, patient, day, zone, frames, pleura_frames, features[LUS_FEATURE_N];
} FeatureColumns;

static gboolean find_feature_columns(FeatureColumns *columns, const LusCsv *csv, GError **error)
{
  if (!lus_csv_require(&columns->clip, csv, "clip", error) ||
      !lus_csv_require(&columns->patient, csv, "patient", error) ||
      !lus_csv_require(&columns->day, csv, "day", error) || !lus_csv_require(&columns->zone, csv, "zone", error) ||
      !lus_csv_require(&columns->frames, csv, "frames", error) ||
      !lus_csv_require(&columns->pleura_frames, csv, "pleura_frames", error))
    return FALSE;
  for (int i = 0; i < LUS_FEATURE_N; i++)
    if (!lus_csv_require(&columns->features[i], csv, lus_feature_info(i)->name, error))
      return FALSE;
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
  char *key = read_key(csv, row, columns->patient, columns->day, error);
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

static gboolean read_comments(LusFitTable *table, const LusCsv *csv, GError **error)
{
  g_autofree char *threshold = comment_value(csv, THRESHOLD_KEY);
  table->model_sha256 = comment_value(csv, MODEL_KEY);
  table->data.model_sha256 = table->model_sha256;
  table->data.threshold = g_ascii_strtod(threshold, NULL);
  if (strlen(table->model_sha256) == 64 && *threshold && table->data.threshold >= 0 && table->data.threshold <= 1)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s:1: the comment line with model_sha256= and threshold= is missing; "
              "keep the line that 'lus features' writes",
              csv->path);
  return FALSE;
}

static gboolean load_features(LusFitTable *table, Join *join, const char *path, GError **error)
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

typedef struct {
  int patient, day, spo2, fio2, flow;
} OutcomeColumns;

/** S/F of a row, NaN where SpO2 is empty. */
static gboolean read_sf(double *sf, double *spo2, const LusCsv *csv, const OutcomeColumns *columns, int row,
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

static gboolean load_outcomes(Join *join, const char *path, GError **error)
{
  OutcomeColumns columns;
  g_autoptr(LusCsv) csv = lus_csv_load(path, error);
  if (!csv || !lus_csv_require(&columns.patient, csv, "patient", error) ||
      !lus_csv_require(&columns.day, csv, "day", error) || !lus_csv_require(&columns.spo2, csv, "spo2_percent", error))
    return FALSE;
  columns.fio2 = lus_csv_column(csv, "fio2");
  columns.flow = lus_csv_column(csv, "o2_l_min");
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (int row = 0; row < csv->n_rows; row++) {
    double sf, spo2;
    char *key = read_key(csv, row, columns.patient, columns.day, error);
    if (!key)
      return FALSE;
    Exam *exam = g_hash_table_lookup(join->by_key, key);
    if (!g_hash_table_add(seen, key))
      return lus_csv_refuse(csv, row, error, "patient and day stand there twice");
    if (!read_sf(&sf, &spo2, csv, &columns, row, error))
      return FALSE;
    if (exam) {
      exam->sf = sf;
      exam->spo2 = spo2;
    }
  }
  return TRUE;
}

static int zones_at_hand(const LusExam *exam, int min_frames)
{
  int n = 0;
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    n += lus_zone_at_hand(&zone, min_frames);
  }
  return n;
}

/** Moves the exams that can be learned from into the table. */
static gboolean fill_table(LusFitTable *table, const Join *join, int min_frames, GError **error)
{
  LusFitData *data = &table->data;
  data->inputs = g_try_malloc_n(join->exams->len + 1, sizeof(*data->inputs));
  data->sf = g_try_malloc_n(join->exams->len + 1, sizeof(double));
  data->group = g_try_malloc_n(join->exams->len + 1, sizeof(int));
  if (!data->inputs || !data->sf || !data->group) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for %u exams", join->exams->len);
    return FALSE;
  }
  for (guint i = 0; i < join->exams->len; i++) {
    const Exam *exam = g_ptr_array_index(join->exams, i);
    data->zones = MAX(data->zones, zones_at_hand(exam->exam, min_frames));
  }
  for (guint i = 0; i < join->exams->len; i++) {
    const Exam *exam = g_ptr_array_index(join->exams, i);
    if (isnan(exam->sf)) {
      table->without_outcome++;
    } else if (zones_at_hand(exam->exam, min_frames) < MIN(LUS_FIT_MIN_ZONES, MAX(1, data->zones))) {
      table->incomplete++;
    } else {
      lus_exam_inputs(data->inputs[data->n], exam->exam, min_frames);
      data->sf[data->n] = exam->sf;
      data->group[data->n++] = exam->group;
      table->above_97 += exam->spo2 > 97;
    }
  }
  return TRUE;
}

LusFitTable *lus_fit_table_load(const char *features_path, const char *outcomes_path, int min_frames, GError **error)
{
  g_autoptr(LusFitTable) table = g_new0(LusFitTable, 1);
  Join join;
  join_init(&join);
  gboolean done = load_features(table, &join, features_path, error) && load_outcomes(&join, outcomes_path, error) &&
                  fill_table(table, &join, min_frames, error);
  join_clear(&join);
  return done ? g_steal_pointer(&table) : NULL;
}

void lus_fit_table_free(LusFitTable *table)
{
  if (!table)
    return;
  g_free(table->data.inputs);
  g_free(table->data.sf);
  g_free(table->data.group);
  g_free(table->model_sha256);
  g_free(table);
}
