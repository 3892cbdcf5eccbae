/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exams, their clips' planes and outcomes, from tables and pictures. */
#include "learn/annotation.h"
#include "learn/csv.h"
#include "learn/video.h"
#include "lung/estimate.h"
#include "nn/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P LUS_CLIP_PIXELS
#define MODEL_KEY "model_sha256="

gboolean lus_video_planes_write(const char *path, const guint8 *planes, int classes, GError **error)
{
  int width = P * LUS_CLIP_FRAMES, height = P * (classes + 1);
  g_autofree guint8 *picture = g_malloc((gsize)width * (gsize)height);
  for (int t = 0; t < LUS_CLIP_FRAMES; t++)
    for (int y = 0; y < height; y++)
      memcpy(picture + (gsize)y * (gsize)width + (gsize)t * P, planes + ((gsize)t * (gsize)height + (gsize)y) * P, P);
  return lus_png_write(path, picture, width, height, width, 1, error);
}

gboolean lus_video_planes_read(const char *path, guint8 **planes, int *classes, GError **error)
{
  int width, height;
  *planes = NULL;
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree guint8 *picture = lus_png_read(path, 1, &width, &height, error);
  if (!picture)
    return FALSE;
  if (width != P * LUS_CLIP_FRAMES || height % P || height < 2 * P || height > (LUS_MAX_CLASSES + 1) * P) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: %dx%d pixels, expected %d wide and a multiple of %d high; make it anew with 'lus features --planes'",
                path, width, height, P * LUS_CLIP_FRAMES, P);
    return FALSE;
  }
  *classes = height / P - 1;
  *planes = g_malloc(LUS_CLIP_SIZE(*classes));
  for (int t = 0; t < LUS_CLIP_FRAMES; t++)
    for (int y = 0; y < height; y++)
      memcpy(*planes + ((gsize)t * (gsize)height + (gsize)y) * P, picture + (gsize)y * (gsize)width + (gsize)t * P, P);
  return TRUE;
}

/* ---- the tables ---- */

typedef struct {
  int row;
  const char *patient;
  int day;
  int zone;
  guint8 *planes;
} Row;

static int compare_rows(const void *a, const void *b)
{
  const Row *x = a, *y = b;
  int order = strcmp(x->patient, y->patient);
  return order ? order : x->day != y->day ? (x->day > y->day) - (x->day < y->day) : x->row - y->row;
}

static gboolean read_row(Row *out, const LusCsv *csv, int row, const int columns[4], const char *folder, int *classes,
                         GError **error)
{
  double day;
  int found = *classes;
  g_autofree char *name = g_strconcat(lus_csv_field(csv, row, columns[0]), ".png", NULL);
  g_autofree char *path = g_build_filename(folder, name, NULL);
  *out = (Row){.row = row, .patient = lus_csv_field(csv, row, columns[1]),
               .zone = lus_video_zone(lus_csv_field(csv, row, columns[3]))};
  if (!lus_csv_number(&day, csv, row, columns[2], 0, 1e6, error))
    return FALSE;
  if (!*out->patient || isnan(day) || day != floor(day))
    return lus_csv_refuse(csv, row, error, "patient or day is missing or not a whole number");
  out->day = (int)day;
  if (!lus_video_planes_read(path, &out->planes, &found, error))
    return FALSE;
  if (!out->planes || *classes == 0 || found == *classes) {
    *classes = found;
    return TRUE;
  }
  g_free(out->planes);
  out->planes = NULL;
  return lus_csv_refuse(csv, row, error, "%s has %d classes, others %d", path, found, *classes);
}

static void add_clip(LusVideoData *data, const Row *row)
{
  LusVideoExam *exam = data->n_exams > 0 ? &data->exams[data->n_exams - 1] : NULL;
  gboolean other = !exam || !g_str_equal(data->patients[exam->patient], row->patient);
  if (other) {
    data->readmitted[data->n_patients] = -1;
    data->patients[data->n_patients++] = g_strdup(row->patient);
  }
  if (other || exam->day != row->day) {
    exam = &data->exams[data->n_exams++];
    *exam = (LusVideoExam){.patient = data->n_patients - 1, .day = row->day, .first_clip = data->n_clips, .sf = NAN};
  }
  exam->n_clips++;
  data->clips[data->n_clips++] = (LusVideoClip){row->zone, row->planes};
}

static gboolean read_clips(LusVideoData *data, const LusCsv *csv, const char *folder, GError **error)
{
  static const char *const names[] = {"clip", "patient", "day", "zone"};
  int columns[4], n = 0;
  gboolean done = TRUE;
  for (int i = 0; i < 4; i++)
    if (!lus_csv_require(&columns[i], csv, names[i], error))
      return FALSE;
  gsize rows = (gsize)MAX(csv->n_rows, 1);
  g_autofree Row *table = g_new0(Row, rows);
  data->clips = g_new0(LusVideoClip, rows);
  data->exams = g_new0(LusVideoExam, rows);
  data->readmitted = g_new0(int, rows);
  data->patients = g_new0(char *, rows + 1);
  for (int row = 0; row < csv->n_rows && done; row++) {
    done = read_row(&table[n], csv, row, columns, folder, &data->classes, error);
    if (done && !table[n].planes)
      data->without_planes++;
    else if (done)
      n++;
  }
  qsort(table, (gsize)n, sizeof *table, compare_rows);
  for (int i = 0; i < n; i++)
    add_clip(data, &table[i]);
  if (done && n == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no planes of any clip of %s; write them with 'lus features "
                "--planes %s'", folder, csv->path, folder);
    return FALSE;
  }
  return done;
}

static int find_patient(const LusVideoData *data, const char *name)
{
  int low = 0, high = data->n_patients; /* they are sorted */
  while (low < high) {
    int middle = (low + high) / 2, order = strcmp(data->patients[middle], name);
    if (order == 0)
      return middle;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return -1;
}

static LusVideoExam *find_exam(const LusVideoData *data, int patient, int day)
{
  for (int i = 0; i < data->n_exams; i++)
    if (data->exams[i].patient == patient && data->exams[i].day == day)
      return &data->exams[i];
  return NULL;
}

static gboolean read_sf(double *sf, const LusCsv *csv, int row, const int columns[6], GError **error)
{
  double spo2, fio2, flow;
  g_autoptr(GError) problem = NULL;
  *sf = NAN;
  if (!lus_csv_number(&spo2, csv, row, columns[2], 0, 100, error) ||
      !lus_csv_number(&fio2, csv, row, columns[3], 0, 100, error) ||
      !lus_csv_number(&flow, csv, row, columns[4], 0, 100, error))
    return FALSE;
  if (isnan(fio2) && !isnan(flow))
    fio2 = lus_fio2_from_flow(flow);
  if (isnan(spo2) || isnan(fio2) || lus_sf_ratio(sf, spo2, fio2, &problem))
    return TRUE;
  return lus_csv_refuse(csv, row, error, "%s", problem->message);
}

static gboolean read_outcome(LusVideoData *data, const LusCsv *csv, int row, const int columns[6], GError **error)
{
  int patient = find_patient(data, lus_csv_field(csv, row, columns[0]));
  double day, readmitted, sf;
  if (!lus_csv_number(&day, csv, row, columns[1], 0, 1e6, error) || !read_sf(&sf, csv, row, columns, error) ||
      !lus_csv_number(&readmitted, csv, row, columns[5], 0, 1, error))
    return FALSE;
  if (patient < 0)
    return TRUE;
  LusVideoExam *exam = isnan(day) ? NULL : find_exam(data, patient, (int)day);
  if (exam && !isnan(exam->sf))
    return lus_csv_refuse(csv, row, error, "this patient's day stands there twice");
  if (exam)
    exam->sf = sf;
  if (isnan(readmitted))
    return TRUE;
  int known = data->readmitted[patient];
  if (known >= 0 && known != (int)readmitted)
    return lus_csv_refuse(csv, row, error, "readmitted_30d differs between this patient's rows");
  data->readmitted[patient] = readmitted > 0;
  return TRUE;
}

static gboolean read_outcomes(LusVideoData *data, const char *path, GError **error)
{
  g_autoptr(LusCsv) csv = lus_csv_load(path, error);
  int columns[6];
  if (!csv || !lus_csv_require(&columns[0], csv, "patient", error) || !lus_csv_require(&columns[1], csv, "day", error))
    return FALSE;
  static const char *const names[] = {"spo2_percent", "fio2", "o2_l_min", "readmitted_30d"};
  for (int i = 0; i < 4; i++)
    columns[2 + i] = lus_csv_column(csv, names[i]);
  for (int row = 0; row < csv->n_rows; row++)
    if (!read_outcome(data, csv, row, columns, error))
      return FALSE;
  return TRUE;
}

LusVideoData *lus_video_data_load(const char *features, const char *folder, const char *outcomes, GError **error)
{
  g_autoptr(LusCsv) csv = lus_csv_load(features, error);
  g_autoptr(LusVideoData) data = g_new0(LusVideoData, 1);
  if (!csv)
    return NULL;
  const char *at = strstr(csv->comments, MODEL_KEY);
  gsize length = at ? strspn(at + strlen(MODEL_KEY), "0123456789abcdef") : 0;
  if (length != 64) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no comment tells the model's SHA-256; make it with 'lus features'",
                features);
    return NULL;
  }
  data->model_sha256 = g_strndup(at + strlen(MODEL_KEY), length);
  if (!read_clips(data, csv, folder, error) || !read_outcomes(data, outcomes, error))
    return NULL;
  return g_steal_pointer(&data);
}

void lus_video_data_free(LusVideoData *data)
{
  if (!data)
    return;
  for (int i = 0; i < data->n_clips; i++)
    g_free(data->clips[i].planes);
  g_strfreev(data->patients);
  g_free(data->clips);
  g_free(data->exams);
  g_free(data->readmitted);
  g_free(data->model_sha256);
  g_free(data);
}

/* ---- samples ---- */

LusVideoSample *lus_video_samples(const LusVideoData *data, const LusVideoConfig *config, int *n)
{
  LusVideoSample *samples = g_new0(LusVideoSample, MAX(data->n_exams, 1));
  *n = 0;
  for (int i = 0; i < data->n_exams; i++) {
    const LusVideoExam *exam = &data->exams[i], *before = i > 0 ? exam - 1 : NULL;
    int earlier = before && before->patient == exam->patient ? i - 1 : -1;
    gboolean last = i + 1 == data->n_exams || exam[1].patient != exam->patient;
    LusVideoSample sample = {i, -1, NAN};
    if (config->task == LUS_TASK_SF)
      sample.target = exam->sf;
    else if (config->task == LUS_TASK_CHANGE && earlier >= 0 && !isnan(exam->sf - before->sf))
      sample = (LusVideoSample){i, earlier, lus_change_class(exam->sf - before->sf)};
    else if (config->task == LUS_TASK_READMISSION && last && data->readmitted[exam->patient] >= 0)
      sample = (LusVideoSample){i, earlier, data->readmitted[exam->patient]};
    if (!isnan(sample.target))
      samples[(*n)++] = sample;
  }
  return samples;
}
