/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/exam-file.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/refuse.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES ((gsize)16 << 20)
#define MAX_FRAMES 1000000000

#define refuse(error, exam, place, ...)                                                                                 \
  lus_refuse(error, (exam)->path, place, "make the file anew with 'lus exam'", __VA_ARGS__)

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
  if (find_zone(exam, name) >= 0 || strlen(name) >= LUS_ZONE_LENGTH || !*name || strchr(name, ',') ||
      exam->n_zones == LUS_MAX_ZONES) {
    refuse(error, exam, place, "zone '%s' is there twice, has no name, too long a one or a comma in it, or is the 17th",
           name);
    return NULL;
  }
  LusZone *zone = &exam->zones[exam->n_zones++];
  *zone = (LusZone){.frames = 0};
  g_strlcpy(zone->name, name, LUS_ZONE_LENGTH);
  for (int i = 0; i < LUS_FEATURE_N; i++)
    zone->features[i] = zone->peaks[i] = NAN;
  return zone;
}

/** A whole number of frames, 0..@most. */
static gboolean read_frames(int *out, json_t *object, const char *key, int most, const char *place,
                            const LusExamFile *exam, GError **error)
{
  double frames;
  if (!read_number(&frames, object, key, 0, most, place, exam, error))
    return FALSE;
  if (isnan(frames) || frames > floor(frames))
    return refuse(error, exam, place, "%s is not there, or is no whole number", key);
  *out = (int)frames;
  return TRUE;
}

/** Numbers of the features known here; others, of other versions, are left out. */
static gboolean read_features(double out[LUS_FEATURE_N], json_t *zone, const char *key, const char *place,
                              const LusExamFile *exam, GError **error)
{
  json_t *features = json_object_get(zone, key);
  if (!json_is_object(features))
    return refuse(error, exam, place, "%s must be there", key);
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    const LusFeatureInfo *info = lus_feature_info((LusFeature)i);
    if (!read_number(&out[i], features, info->name, info->low, info->high, place, exam, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_zone(LusExamFile *exam, const char *name, json_t *json, GError **error)
{
  g_autofree char *place = g_strdup_printf("zones.%s", name);
  LusZone *zone = add_zone(exam, name, place, error);
  return zone && read_frames(&zone->frames, json, "frames", MAX_FRAMES, place, exam, error) &&
         read_frames(&zone->pleura_frames, json, "pleura_frames", zone->frames, place, exam, error) &&
         read_features(zone->features, json, "features", place, exam, error) &&
         read_features(zone->peaks, json, "features_p90", place, exam, error);
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
  const char *end;
  g_strlcpy(reason, why ? why : "", size);
  g_utf8_validate(reason, -1, &end);
  reason[end - reason] = 0; /* what is too long ends with a whole character */
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
  const double *p = out->change_probability;
  if (out->change_valid && isnan(p[0] + p[1] + p[2]))
    return refuse(error, exam, "change", "it is valid but has no probabilities");
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

/** The zones with frames as an exam. */
static gboolean make_exam(LusExamFile *file, GError **error)
{
  g_autoptr(GString) names = g_string_new(NULL);
  for (int i = 0; i < file->n_zones; i++)
    g_string_append_printf(names, i ? ",%s" : "%s", file->zones[i].name);
  file->exam = lus_exam_new(file->n_zones ? names->str : NULL, error);
  if (!file->exam) {
    g_prefix_error(error, "%s: ", file->path);
    return FALSE;
  }
  for (int i = 0; i < file->n_zones; i++)
    if (file->zones[i].frames > 0)
      lus_exam_add_measured(file->exam, i, &file->zones[i]);
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
  return done && make_exam(exam, error);
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
  lus_exam_free(exam->exam);
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
