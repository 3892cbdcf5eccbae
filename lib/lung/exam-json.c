/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/estimate.h"
#include "nn/error.h"

#include <jansson.h>
#include <math.h>

#define DIGITS 10 /* significant ones of a number; features carry fewer */

/** null for NULL; bytes that are not UTF-8 are replaced. */
static json_t *text(const char *string)
{
  if (!string)
    return json_null();
  g_autofree char *valid = g_utf8_make_valid(string, -1);
  return json_string(valid);
}

/** null for what is unknown. */
static json_t *number(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *zone_object(const LusExam *exam, int index, const LusZone *zone)
{
  json_t *clips = json_array(), *features = json_object(), *peaks = json_object();
  for (const char *const *clip = lus_exam_clips(exam, index); *clip; clip++)
    json_array_append_new(clips, text(*clip));
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    json_object_set_new(features, lus_feature_info(i)->name, number(zone->features[i]));
    json_object_set_new(peaks, lus_feature_info(i)->name, number(zone->peaks[i]));
  }
  return json_pack("{s:o, s:i, s:i, s:o, s:o}", "clips", clips, "frames", zone->frames, "pleura_frames",
                   zone->pleura_frames, "features", features, "features_p90", peaks);
}

static void add_zones(json_t *root, const LusExam *exam, int min_frames)
{
  json_t *zones = json_object(), *missing = json_array();
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    if (zone.frames > 0)
      json_object_set_new(zones, zone.name, zone_object(exam, i, &zone));
    if (i < lus_exam_n_expected(exam) && zone.frames < MAX(1, min_frames))
      json_array_append_new(missing, text(zone.name));
  }
  json_object_set_new(root, "zones", zones);
  json_object_set_new(root, "missing_zones", missing);
}

static json_t *value_object(const LusEstimateValue *value, const char *name)
{
  double unknown = NAN;
  return json_pack("{s:o, s:o, s:o, s:b, s:o}", name, number(value->valid ? value->value : unknown), "low",
                   number(value->valid ? value->low : unknown), "high", number(value->valid ? value->high : unknown),
                   "valid", value->valid, "reason", text(value->reason));
}

static json_t *change_object(const LusEstimate *estimate, const char *baseline)
{
  static const char *const names[3] = {"lower", "same", "higher"};
  const double *p = estimate->change_probability;
  json_t *class_name = json_null(), *probabilities = json_null();
  if (estimate->change_valid) {
    class_name = json_string(names[CLAMP(estimate->change_class, -1, 1) + 1]);
    probabilities =
        json_pack("{s:o, s:o, s:o}", names[0], number(p[0]), names[1], number(p[1]), names[2], number(p[2]));
  }
  return json_pack("{s:o, s:o, s:o, s:b, s:o}", "class", class_name, "probabilities", probabilities, "baseline",
                   text(baseline), "valid", estimate->change_valid, "reason", text(estimate->change_reason));
}

char *lus_exam_to_json(const LusExam *exam, const LusEstimate *estimate, const LusExamRecord *record)
{
  json_t *root =
      json_pack("{s:i, s:s, s:o, s:o, s:o}", "schema", 1, "notice", LUS_NOTICE, "exam_id", text(record->exam_id),
                "patient", text(record->patient), "day", record->day < 0 ? json_null() : json_integer(record->day));
  add_zones(root, exam, record->min_frames);
  json_object_set_new(root, "sf", value_object(&estimate->sf, "value"));
  if (record->sf_measured > 0)
    json_object_set_new(json_object_get(root, "sf"), "measured", json_real(record->sf_measured));
  json_object_set_new(root, "change", change_object(estimate, record->baseline));
  json_object_set_new(root, "readmission", value_object(&estimate->readmission, "probability"));
  if (record->embeddings)
    json_object_set_new(root, "embeddings", json_loads(record->embeddings, 0, NULL));
  json_object_set_new(root, "model_sha256", text(record->model_sha256));
  json_object_set_new(root, "heads_sha256", text(record->heads_sha256));
  char *dumped = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
  json_decref(root);
  char *out = g_strdup(dumped);
  free(dumped);
  return out;
}
