/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/exam-file.h"
#include "nn/error.h"
#include "nn/file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES ((gsize)4 << 20)
#define MAX_FRAMES 100000000

G_GNUC_PRINTF(4, 5)
static gboolean refuse(GError **error, const LusExamFile *exam, const char *place, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *problem = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s: %s; make the file anew with 'lus exam'", exam->path, place,
              problem);
  return FALSE;
}

/** A number within bounds; NaN for null or nothing. */
static gboolean read_number(double *out, json_t *object, const char *key, double low, double high, const char *place,
                            const LusExamFile *exam, GError **error)
{
  json_t *value = json_object_get(object, key);
  *out = NAN;
  if (!value || json_is_null(value))
    return TRUE;
  if (!json_is_number(value))
    return refuse(error, exam, place, "%s is not a number", key);
  *out = json_number_value(value);
  if (*out >= low && *out <= high)
    return TRUE;
  return refuse(error, exam, place, "%s is %g, expected %g to %g", key, *out, low, high);
}

static gboolean read_text(char **out, json_t *object, const char *key, const LusExamFile *exam, GError **error)
{
  json_t *value = json_object_get(object, key);
  if (!value || json_is_null(value))
    return TRUE;
  if (!json_is_string(value))
    return refuse(error, exam, "top level", "%s is not a text", key);
  g_free(*out);
  *out = g_strdup(json_string_value(value));
  return TRUE;
}

static int find_zone(const LusExamFile *exam, const char *name)
{
  for (int i = 0; i < exam->n_zones; i++)
    if (g_str_equal(exam->zones[i].name, name))
      return i;
  return -1;
}

static LusZone *add_zone(LusExamFile *exam, const char *name, const char *place, GError **error)
{
  if (find_zone(exam, name) >= 0 || strlen(name) >= LUS_ZONE_LENGTH || !*name || exam->n_zones == LUS_MAX_ZONES) {
    refuse(error, exam, place, "zone '%s' is there twice, has no name or too long a one, or is the 17th", name);
    return NULL;
  }
  LusZone *zone = &exam->zones[exam->n_zones++];
  *zone = (LusZone){.frames = 0};
  g_strlcpy(zone->name, name, LUS_ZONE_LENGTH);
  for (int i = 0; i < LUS_FEATURE_N; i++)
    zone->features[i] = NAN;
  return zone;
}

static gboolean read_zone(LusExamFile *exam, const char *name, json_t *json, GError **error)
{
  g_autofree char *place = g_strdup_printf("zones.%.16s", name);
  double frames, pleura_frames;
  LusZone *zone = add_zone(exam, name, place, error);
  if (!zone || !read_number(&frames, json, "frames", 0, MAX_FRAMES, place, exam, error) ||
      !read_number(&pleura_frames, json, "pleura_frames", 0, MAX_FRAMES, place, exam, error))
    return FALSE;
  zone->frames = isnan(frames) ? 0 : (int)frames;
  zone->pleura_frames = isnan(pleura_frames) ? 0 : (int)pleura_frames;
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    const LusFeatureInfo *info = lus_feature_info(i);
    if (!read_number(&zone->features[i], json_object_get(json, "features"), info->name, -1e6, 1e6, place, exam, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_zones(LusExamFile *exam, json_t *root, GError **error)
{
  json_t *zones = json_object_get(root, "zones"), *missing = json_object_get(root, "missing_zones"), *value;
  const char *name;
  gsize i;
  if (!json_is_object(zones) || !json_is_array(missing))
    return refuse(error, exam, "top level", "zones and missing_zones must be there");
  json_object_foreach (zones, name, value)
    if (!read_zone(exam, name, value, error))
      return FALSE;
  json_array_foreach (missing, i, value) {
    name = json_string_value(value);
    if (!name)
      return refuse(error, exam, "missing_zones", "a zone is not a text");
    if (find_zone(exam, name) < 0 && !add_zone(exam, name, "missing_zones", error))
      return FALSE;
    exam->missing[find_zone(exam, name)] = TRUE;
  }
  return TRUE;
}

/** Right before left, each from the first on: the order in which they are drawn. */
static int compare_zones(const char *a, const char *b)
{
  if ((a[0] == 'L') != (b[0] == 'L'))
    return a[0] == 'L' ? 1 : -1;
  return strcmp(a, b);
}

static void sort_zones(LusExamFile *exam)
{
  for (int i = 1; i < exam->n_zones; i++)
    for (int k = i; k > 0 && compare_zones(exam->zones[k - 1].name, exam->zones[k].name) > 0; k--) {
      LusZone zone = exam->zones[k];
      gboolean missing = exam->missing[k];
      exam->zones[k] = exam->zones[k - 1];
      exam->missing[k] = exam->missing[k - 1];
      exam->zones[k - 1] = zone;
      exam->missing[k - 1] = missing;
    }
}

/** Validity and reason of one result; @section must be an object. */
static gboolean read_validity(gboolean *valid, char *reason, gsize size, json_t *section, const char *place,
                              const LusExamFile *exam, GError **error)
{
  json_t *is_valid = json_object_get(section, "valid");
  const char *why = json_string_value(json_object_get(section, "reason"));
  if (!json_is_object(section) || !json_is_boolean(is_valid))
    return refuse(error, exam, place, "an object with valid, true or false, must be there");
  *valid = json_is_true(is_valid);
  g_strlcpy(reason, why ? why : "", size);
  return TRUE;
}

static gboolean read_value(LusEstimateValue *out, json_t *root, const char *place, const char *name, double low,
                           double high, const LusExamFile *exam, GError **error)
{
  json_t *section = json_object_get(root, place);
  if (!read_validity(&out->valid, out->reason, sizeof(out->reason), section, place, exam, error) ||
      !read_number(&out->value, section, name, low, high, place, exam, error) ||
      !read_number(&out->low, section, "low", low, high, place, exam, error) ||
      !read_number(&out->high, section, "high", low, high, place, exam, error))
    return FALSE;
  return !out->valid || !isnan(out->value + out->low + out->high) ||
         refuse(error, exam, place, "it is valid but has no %s, low and high", name);
}

static gboolean read_change(LusExamFile *exam, json_t *root, GError **error)
{
  static const char *const names[3] = {"lower", "same", "higher"};
  LusEstimate *out = &exam->estimate;
  json_t *section = json_object_get(root, "change");
  const char *class_name = json_string_value(json_object_get(section, "class"));
  if (!read_validity(&out->change_valid, out->change_reason, sizeof(out->change_reason), section, "change", exam, error))
    return FALSE;
  int found = -1;
  for (int i = 0; i < 3; i++) {
    if (class_name && g_str_equal(class_name, names[i]))
      found = i;
    if (!read_number(&out->change_probability[i], json_object_get(section, "probabilities"), names[i], 0, 1, "change",
                     exam, error))
      return FALSE;
  }
  json_t *baseline = json_object_get(section, "baseline");
  if (json_is_string(baseline))
    exam->baseline = g_strdup(json_string_value(baseline));
  out->change_class = found - 1;
  return !out->change_valid || found >= 0 ||
         refuse(error, exam, "change", "it is valid but its class is none of lower, same, higher");
}

static gboolean read_embedding(LusExamEmbedding *out, json_t *json, const LusExamFile *exam, GError **error)
{
  json_t *values = json_object_get(json, "values");
  const char *sha256 = json_string_value(json_object_get(json, "network_sha256"));
  gsize n = json_array_size(values);
  if (!sha256 || n < 1 || n > LUS_VIDEO_MAX_EMBEDDING)
    return refuse(error, exam, "embeddings", "network_sha256 and 1 to %d values must be there", LUS_VIDEO_MAX_EMBEDDING);
  for (gsize i = 0; i < n; i++) {
    json_t *value = json_array_get(values, i);
    if (!json_is_number(value) || fabs(json_number_value(value)) > 1e6)
      return refuse(error, exam, "embeddings", "a value is no number up to 1e6");
    out->values[i] = (float)json_number_value(value);
  }
  out->n = (int)n;
  out->network_sha256 = g_strdup(sha256);
  return TRUE;
}

static gboolean read_embeddings(LusExamFile *exam, json_t *root, GError **error)
{
  json_t *embeddings = json_object_get(root, "embeddings");
  for (int t = 0; t < LUS_TASK_N; t++) {
    json_t *one = json_object_get(embeddings, lus_task_name((LusTask)t));
    if (one && !read_embedding(&exam->embeddings[t], one, exam, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_exam(LusExamFile *exam, json_t *root, GError **error)
{
  double schema, day;
  if (!read_number(&schema, root, "schema", 1, 1, "top level", exam, error) ||
      !read_number(&day, root, "day", 0, 1000000, "top level", exam, error))
    return FALSE;
  if (isnan(schema))
    return refuse(error, exam, "top level", "schema must be 1: is this an exam.json?");
  exam->day = isnan(day) ? -1 : (int)day;
  gboolean done =
    read_text(&exam->exam_id, root, "exam_id", exam, error) && read_text(&exam->patient, root, "patient", exam, error) &&
    read_text(&exam->model_sha256, root, "model_sha256", exam, error) &&
    read_text(&exam->heads_sha256, root, "heads_sha256", exam, error) && read_zones(exam, root, error) &&
    read_value(&exam->estimate.sf, root, "sf", "value", LUS_SF_MIN, LUS_SF_MAX, exam, error) &&
    read_change(exam, root, error) && read_embeddings(exam, root, error) &&
    read_value(&exam->estimate.readmission, root, "readmission", "probability", 0, 1, exam, error) &&
    read_number(&exam->measured_sf, json_object_get(root, "sf"), "measured", LUS_SF_MIN, LUS_SF_MAX, "sf", exam, error);
  sort_zones(exam);
  return done;
}

LusExamFile *lus_exam_file_read(const char *path, GError **error)
{
  gsize length;
  json_error_t problem;
  g_autofree guint8 *data = lus_file_read(path, MAX_BYTES, &length, error);
  if (!data)
    return NULL;
  g_autoptr(LusExamFile) exam = g_new0(LusExamFile, 1);
  exam->path = g_strdup(path);
  json_t *root = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, &problem);
  if (!root) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: not valid JSON: %s; make the file anew with 'lus exam'",
                path, problem.line, problem.text);
    return NULL;
  }
  gboolean done = read_exam(exam, root, error);
  json_decref(root);
  return done ? g_steal_pointer(&exam) : NULL;
}

void lus_exam_file_free(LusExamFile *exam)
{
  if (!exam)
    return;
  g_free(exam->path);
  g_free(exam->exam_id);
  g_free(exam->patient);
  g_free(exam->model_sha256);
  g_free(exam->heads_sha256);
  g_free(exam->baseline);
  for (int t = 0; t < LUS_TASK_N; t++)
    g_free(exam->embeddings[t].network_sha256);
  g_free(exam);
}
