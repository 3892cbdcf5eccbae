/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exams, their clips' planes and outcomes, from tables and pictures. */
#include "learn/annotation.h"
#include "learn/csv.h"
#include "learn/tables.h"
#include "learn/video.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P LUS_CLIP_PIXELS
#define RECORD_BYTES 4096

/* ---- the folder ---- */

/** Whether @folder's record is of the model. *marked: there is a record. */
static gboolean check_model(gboolean *marked, const char *folder, const char *model_sha256, GError **error)
{
  gsize length;
  g_autofree char *path = g_build_filename(folder, LUS_PLANES_RECORD, NULL);
  *marked = g_file_test(path, G_FILE_TEST_EXISTS);
  if (!*marked)
    return TRUE;
  g_autofree guint8 *data = lus_file_read(path, RECORD_BYTES, &length, error);
  if (!data)
    return FALSE;
  json_t *root = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, NULL);
  const char *found = json_string_value(json_object_get(root, "model_sha256"));
  gboolean same = g_strcmp0(found, model_sha256) == 0;
  if (!same)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: these planes are of model %.12s, not of %.12s; make both table and "
                "planes with 'lus features --planes' and one model, in a folder of their own", path, found ? found : "unknown",
                model_sha256);
  json_decref(root);
  return same;
}

gboolean lus_video_planes_begin(gboolean *same, const char *folder, const char *model_sha256, GError **error)
{
  if (!check_model(same, folder, model_sha256, error))
    return FALSE;
  if (*same)
    return TRUE;
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder: %s", folder, g_strerror(errno));
    return FALSE;
  }
  g_autofree char *path = g_build_filename(folder, LUS_PLANES_RECORD, NULL);
  g_autofree char *text = g_strdup_printf("{\"model_sha256\": \"%s\"}\n", model_sha256);
  return lus_file_write(path, text, strlen(text), error);
}

/* ---- a clip's picture ---- */

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
  int row, zone;
  const LusOutcomeExam *exam;
  guint8 *planes; /* NULL: does not count */
} Row;

static int compare_rows(const void *a, const void *b)
{
  const Row *x = a, *y = b;
  int order = strcmp(x->exam->patient, y->exam->patient), days = (x->exam->day > y->exam->day) - (x->exam->day < y->exam->day);
  return order ? order : days ? days : x->row - y->row;
}

/* The exam of a row of the features; the table was read from the same file. */
static const LusOutcomeExam *exam_of(const LusOutcomeTable *table, const char *patient, int day)
{
  for (int i = 0; i < table->n; i++)
    if (table->exams[i].day == day && g_str_equal(table->exams[i].patient, patient))
      return &table->exams[i];
  return NULL;
}

static gboolean read_planes(Row *out, LusVideoData *data, const LusCsv *csv, int row, const char *path, GError **error)
{
  int found = data->classes;
  if (!lus_video_planes_read(path, &out->planes, &found, error))
    return FALSE;
  if (!out->planes) {
    data->without_planes++;
    return TRUE;
  }
  if (data->classes == 0 || found == data->classes) {
    data->classes = found;
    return TRUE;
  }
  g_clear_pointer(&out->planes, g_free);
  return lus_csv_refuse(csv, row, error, "%s has %d classes, others %d", path, found, data->classes);
}

static gboolean read_row(Row *out, LusVideoData *data, const LusOutcomeTable *table, const LusCsv *csv, int row,
                         const char *folder, GError **error)
{
  const char *zone = lus_csv_field(csv, row, lus_csv_column(csv, "zone"));
  double day;
  if (!lus_csv_number(&day, csv, row, lus_csv_column(csv, "day"), 0, 1e6, error))
    return FALSE;
  *out = (Row){.row = row, .zone = lus_video_zone(zone),
               .exam = exam_of(table, lus_csv_field(csv, row, lus_csv_column(csv, "patient")), (int)day)};
  if (!out->exam)
    return lus_csv_refuse(csv, row, error, "the file changed while it was read; try again");
  LusZone measured;
  lus_exam_get_zone(out->exam->exam, lus_exam_zone(out->exam->exam, zone), &measured);
  if (!lus_zone_at_hand(&measured, table->min_frames)) {
    data->not_at_hand++;
    return TRUE;
  }
  g_autofree char *name = g_strconcat(lus_csv_field(csv, row, lus_csv_column(csv, "clip")), ".png", NULL);
  g_autofree char *path = g_build_filename(folder, name, NULL);
  return read_planes(out, data, csv, row, path, error);
}

static void add_clip(LusVideoData *data, const LusOutcomeTable *table, const Row *row)
{
  LusVideoExam *exam = data->n_exams > 0 ? &data->exams[data->n_exams - 1] : NULL;
  gboolean other = !exam || !g_str_equal(data->patients[exam->patient], row->exam->patient);
  if (other)
    data->patients[data->n_patients++] = g_strdup(row->exam->patient);
  if (other || exam->day != row->exam->day) {
    int patient = data->n_patients - 1;
    exam = &data->exams[data->n_exams++];
    *exam = (LusVideoExam){.patient = patient, .day = row->exam->day, .first_clip = data->n_clips, .sf = row->exam->sf};
    data->readmitted[patient] = lus_outcome_is_last(table, row->exam) ? row->exam->readmitted : -1;
  }
  exam->n_clips++;
  data->clips[data->n_clips++] = (LusVideoClip){row->zone, row->planes};
}

static gboolean read_clips(LusVideoData *data, const LusOutcomeTable *table, const LusCsv *csv, const char *folder,
                           GError **error)
{
  int n = 0;
  gboolean done = TRUE;
  gsize rows = (gsize)MAX(csv->n_rows, 1);
  g_autofree Row *read = g_new0(Row, rows);
  data->clips = g_new0(LusVideoClip, rows);
  data->exams = g_new0(LusVideoExam, rows);
  data->readmitted = g_new0(int, rows);
  data->patients = g_new0(char *, rows + 1);
  for (int row = 0; row < csv->n_rows && done; row++) {
    done = read_row(&read[n], data, table, csv, row, folder, error);
    n += done && read[n].planes;
  }
  qsort(read, (gsize)n, sizeof *read, compare_rows);
  for (int i = 0; i < n; i++)
    add_clip(data, table, &read[i]);
  if (done && n == 0)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: no planes of any clip of %s whose zone counts (%d clips lack planes: write them with 'lus features --planes "
                "%s'; of %d the zone has fewer than %d frames or no pleural line)", folder, csv->path, data->without_planes,
                folder, data->not_at_hand, table->min_frames);
  return done && n > 0;
}

LusVideoData *lus_video_data_load(const char *features, const char *folder, const char *outcomes, int min_frames,
                                  GError **error)
{
  g_autoptr(LusOutcomeTable) table = lus_outcome_table_load(features, outcomes, min_frames, error);
  g_autoptr(LusCsv) csv = table ? lus_csv_load(features, error) : NULL;
  g_autoptr(LusVideoData) data = g_new0(LusVideoData, 1);
  gboolean marked;
  if (!csv || !check_model(&marked, folder, table->model_sha256, error) || !read_clips(data, table, csv, folder, error))
    return NULL;
  data->unmarked = !marked;
  data->model_sha256 = g_strdup(table->model_sha256);
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
