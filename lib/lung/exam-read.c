/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/estimate.h"
#include "nn/error.h"
#include "nn/file.h"

#include <jansson.h>
#include <math.h>

#define MAX_BYTES ((gsize)16 << 20)
#define MAX_FRAMES 1000000000

G_GNUC_PRINTF(3, 4)
static gboolean refuse(GError **error, const char *path, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *problem = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s; give the exam.json of an earlier exam", path, problem);
  return FALSE;
}

/** Numbers of the features known here; others, of other versions, are left out. */
static gboolean read_features(double out[LUS_FEATURE_N], json_t *object, const char *zone, const char *path,
                              GError **error)
{
  for (int f = 0; f < LUS_FEATURE_N; f++) {
    const LusFeatureInfo *info = lus_feature_info((LusFeature)f);
    json_t *value = json_object_get(object, info->name);
    out[f] = json_is_number(value) ? json_number_value(value) : NAN;
    if (!isnan(out[f]) && !(out[f] >= info->low && out[f] <= info->high))
      return refuse(error, path, "zones.%s: %s is %g, expected %g to %g", zone, info->name, out[f], info->low,
                    info->high);
  }
  return TRUE;
}

static gboolean read_zone(LusExam *exam, const char *name, json_t *object, const char *path, GError **error)
{
  json_int_t frames, pleura_frames;
  json_t *features, *peaks;
  json_error_t problem;
  LusZone measured = {.frames = 0};
  if (json_unpack_ex(object, &problem, 0, "{s:I, s:I, s:o, s:o}", "frames", &frames, "pleura_frames", &pleura_frames,
                     "features", &features, "features_p90", &peaks) != 0)
    return refuse(error, path, "zones.%s: %s", name, problem.text);
  if (frames < 0 || frames > MAX_FRAMES || pleura_frames < 0 || pleura_frames > frames)
    return refuse(error, path, "zones.%s: frames are not 0 or more, or pleura_frames are more", name);
  measured.frames = (int)frames;
  measured.pleura_frames = (int)pleura_frames;
  int zone = lus_exam_zone(exam, name);
  if (zone < 0)
    return refuse(error, path, "'%s' is no zone", name);
  if (!read_features(measured.features, features, name, path, error) ||
      !read_features(measured.peaks, peaks, name, path, error))
    return FALSE;
  lus_exam_add_measured(exam, zone, &measured);
  return TRUE;
}

static gboolean read_exam(LusBaseline *baseline, json_t *root, const char *path, GError **error)
{
  json_int_t schema = 0;
  json_t *zones = NULL, *object;
  const char *name;
  json_error_t problem;
  if (json_unpack_ex(root, &problem, 0, "{s:I, s:o}", "schema", &schema, "zones", &zones) != 0)
    return refuse(error, path, "%s", problem.text);
  if (schema != 1 || !json_is_object(zones))
    return refuse(error, path, "schema is not 1, or zones is no object");
  baseline->exam_id = g_strdup(json_string_value(json_object_get(root, "exam_id")));
  baseline->model_sha256 = g_strdup(json_string_value(json_object_get(root, "model_sha256")));
  object = json_object_get(json_object_get(root, "sf"), "value");
  baseline->sf = json_is_number(object) ? json_number_value(object) : NAN;
  baseline->exam = lus_exam_new(NULL, error);
  if (!baseline->exam)
    return FALSE;
  json_object_foreach(zones, name, object)
    if (!read_zone(baseline->exam, name, object, path, error))
      return FALSE;
  return TRUE;
}

LusBaseline *lus_baseline_load(const char *path, GError **error)
{
  gsize length;
  g_autofree guint8 *data = lus_file_read(path, MAX_BYTES, &length, error);
  if (!data)
    return NULL;
  json_error_t problem;
  json_t *root = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, &problem);
  if (!root) {
    refuse(error, path, "line %d: not valid JSON: %s", problem.line, problem.text);
    return NULL;
  }
  g_autoptr(LusBaseline) baseline = g_new0(LusBaseline, 1);
  gboolean done = read_exam(baseline, root, path, error);
  json_decref(root);
  return done ? g_steal_pointer(&baseline) : NULL;
}

void lus_baseline_free(LusBaseline *baseline)
{
  if (!baseline)
    return;
  lus_exam_free(baseline->exam);
  g_free(baseline->exam_id);
  g_free(baseline->model_sha256);
  g_free(baseline);
}
