/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/fhir.h"
#include "lung/features.h"
#include "nn/error.h"

#include <jansson.h>
#include <string.h>

/* Resource Observation, https://hl7.org/fhir/R4/observation.html */

#define UCUM "http://unitsofmeasure.org"
#define ABSENT "http://terminology.hl7.org/CodeSystem/data-absent-reason"
#define CATEGORY "http://terminology.hl7.org/CodeSystem/observation-category"
#define DIGITS 10

static json_t *concept(const char *code, const char *display)
{
  return json_pack("{s:[{s:s, s:s, s:s}], s:s}", "coding", "system", LUS_FHIR_SYSTEM, "code", code, "display", display,
                   "text", display);
}

static const char *ucum_of(const char *unit)
{
  return strcmp(unit, "count") == 0 ? "1" : unit;
}

/** @value: a JSON number; else the component has no value, with @reason in words if it is one. */
static void add_number(json_t *components, const char *code, const char *display, const json_t *value, const char *unit,
                       const char *reason)
{
  json_t *component = json_pack("{s:o}", "code", concept(code, display));
  if (json_is_number(value))
    json_object_set_new(component, "valueQuantity",
                        json_pack("{s:f, s:s, s:s, s:s}", "value", json_number_value(value), "unit", unit, "system", UCUM,
                                  "code", ucum_of(unit)));
  else if (reason && *reason)
    json_object_set_new(component, "dataAbsentReason",
                        json_pack("{s:[{s:s, s:s}], s:s}", "coding", "system", ABSENT, "code", "unknown", "text", reason));
  else
    json_object_set_new(component, "dataAbsentReason",
                        json_pack("{s:[{s:s, s:s}]}", "coding", "system", ABSENT, "code", "unknown"));
  json_array_append_new(components, component);
}

/** An estimate of the exam: @key with its value called @value, low and high. */
static void add_estimate(json_t *components, const json_t *exam, const char *key, const char *value, const char *display)
{
  const json_t *estimate = json_object_get(exam, key);
  gboolean valid = json_is_true(json_object_get(estimate, "valid"));
  const char *reason = json_string_value(json_object_get(estimate, "reason"));
  g_autofree char *low = g_strconcat(key, ".low", NULL), *high = g_strconcat(key, ".high", NULL);
  g_autofree char *low_text = g_strconcat(display, ", lower end of the 90 % interval", NULL);
  g_autofree char *high_text = g_strconcat(display, ", upper end of the 90 % interval", NULL);
  add_number(components, key, display, valid ? json_object_get(estimate, value) : NULL, "1", reason);
  if (!valid)
    return;
  add_number(components, low, low_text, json_object_get(estimate, "low"), "1", NULL);
  add_number(components, high, high_text, json_object_get(estimate, "high"), "1", NULL);
}

static void add_change(json_t *components, const json_t *exam)
{
  const json_t *change = json_object_get(exam, "change");
  const char *class_name = json_string_value(json_object_get(change, "class"));
  const char *display = "Change of the S/F ratio since the exam before";
  if (!json_is_true(json_object_get(change, "valid")) || !class_name) {
    add_number(components, "change", display, NULL, "1", json_string_value(json_object_get(change, "reason")));
    return;
  }
  json_array_append_new(components, json_pack("{s:o, s:{s:s}}", "code", concept("change", display), "valueCodeableConcept",
                                              "text", class_name));
}

static void add_zone(json_t *components, const char *zone, const json_t *values)
{
  g_autofree char *frames = g_strconcat(zone, ".frames", NULL);
  g_autofree char *frames_text = g_strdup_printf("Zone %s: frames measured", zone);
  const json_t *features = json_object_get(values, "features");
  add_number(components, frames, frames_text, json_object_get(values, "frames"), "count", NULL);
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    const LusFeatureInfo *info = lus_feature_info(i);
    g_autofree char *code = g_strconcat(zone, ".", info->name, NULL);
    g_autofree char *display = g_strdup_printf("Zone %s: %s", zone, info->definition);
    add_number(components, code, display, json_object_get(features, info->name), info->unit, NULL);
  }
}

static json_t *make_components(json_t *exam)
{
  json_t *components = json_array();
  const char *zone;
  json_t *values;
  add_estimate(components, exam, "sf", "value", "Estimated S/F ratio (SpO2/FiO2)");
  add_change(components, exam);
  add_estimate(components, exam, "readmission", "probability", "Estimated probability of readmission within 30 days");
  json_object_foreach(json_object_get(exam, "zones"), zone, values)
    add_zone(components, zone, values);
  return components;
}

static void add_missing(json_t *notes, const json_t *exam)
{
  g_autoptr(GString) text = g_string_new("Zones missing:");
  const json_t *missing = json_object_get(exam, "missing_zones");
  for (gsize i = 0; i < json_array_size(missing); i++)
    g_string_append_printf(text, " %s", json_string_value(json_array_get(missing, i)));
  if (json_array_size(missing) > 0)
    json_array_append_new(notes, json_pack("{s:s}", "text", text->str));
}

static json_t *make_observation(json_t *exam)
{
  const char *patient = json_string_value(json_object_get(exam, "patient"));
  const char *id = json_string_value(json_object_get(exam, "exam_id"));
  const char *model = json_string_value(json_object_get(exam, "model_sha256"));
  const json_t *day = json_object_get(exam, "day");
  g_autofree char *cut = g_strndup(model ? model : "unknown", 16), *valid = g_utf8_make_valid(cut, -1);
  g_autofree char *device = g_strdup_printf("Lus %s, model %s", lus_version(), valid);
  json_t *observation =
    json_pack("{s:s, s:s, s:[{s:[{s:s, s:s}]}], s:o, s:{s:s}}", "resourceType", "Observation", "status", "preliminary",
              "category", "coding", "system", CATEGORY, "code", "imaging", "code",
              concept("lung-ultrasound-exam", "Lung ultrasound exam, measured by software"), "device", "display", device);
  json_t *notes = json_pack("[{s:s}]", "text", LUS_NOTICE), *components = make_components(exam);
  if (patient && *patient)
    json_object_set_new(observation, "subject",
                        json_pack("{s:{s:s, s:s}}", "identifier", "system", "urn:lus:patient", "value", patient));
  if (id && *id)
    json_object_set_new(observation, "identifier", json_pack("[{s:s, s:s}]", "system", "urn:lus:exam", "value", id));
  if (json_is_integer(day))
    add_number(components, "day", "Day of the patient's stay", day, "count", NULL);
  add_missing(notes, exam);
  json_object_set_new(observation, "note", notes);
  json_object_set_new(observation, "component", components);
  return observation;
}

static gboolean refuse(const char *name, const char *what, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s; expected an exam.json of lus exam or lussfestimate", name, what);
  return FALSE;
}

/** Names of zones become codes: only those that the exam's vocabulary has. */
static gboolean check_zones(json_t *exam, const char *name, GError **error)
{
  const char *zone;
  json_t *values;
  if (!json_is_object(json_object_get(exam, "zones")) || !json_is_object(json_object_get(exam, "sf")))
    return refuse(name, "has no zones or no sf", error);
  json_object_foreach(json_object_get(exam, "zones"), zone, values)
    if (strlen(zone) > 8 || strspn(zone, "RLV0123456789") < strlen(zone))
      return refuse(name, "has a zone that is none", error);
  const json_t *missing = json_object_get(exam, "missing_zones");
  for (gsize i = 0; i < json_array_size(missing); i++)
    if (!json_is_string(json_array_get(missing, i)))
      return refuse(name, "missing_zones has something else than names", error);
  return TRUE;
}

char *lus_fhir_from_exam(const char *json, gsize length, const char *name, GError **error)
{
  json_error_t problem;
  json_t *exam = json_loadb(json, length, JSON_REJECT_DUPLICATES, &problem);
  char *out = NULL;
  if (!exam)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: not valid JSON: %s", name, problem.line, problem.text);
  else if (json_integer_value(json_object_get(exam, "schema")) != 1)
    refuse(name, "its schema is not 1", error);
  else if (check_zones(exam, name, error)) {
    json_t *observation = make_observation(exam);
    char *text = json_dumps(observation, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
    json_decref(observation);
    out = g_strconcat(text, "\n", NULL);
    free(text);
  }
  json_decref(exam);
  return out;
}
