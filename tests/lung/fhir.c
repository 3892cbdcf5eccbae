/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/fhir.h"
#include "lung/estimate.h"
#include "nn/error.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/** Two zones, of which one has no pleural line; an S/F estimate, no readmission. As lus exam writes it. */
static char *make_exam(const char *patient)
{
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  double seen[LUS_FEATURE_N], unseen[LUS_FEATURE_N];
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    seen[i] = 2 * i;
    unseen[i] = (double)NAN;
  }
  for (int i = 0; i < 30; i++) {
    lus_exam_add_frame(exam, lus_exam_zone(exam, "R1"), seen);
    lus_exam_add_frame(exam, lus_exam_zone(exam, "L2"), unseen);
  }
  LusEstimate estimate = {.sf = {.valid = TRUE, .value = 287.5, .low = 236, .high = 337}};
  g_strlcpy(estimate.readmission.reason, "No estimator", sizeof(estimate.readmission.reason));
  g_strlcpy(estimate.change_reason, "No exam before", sizeof(estimate.change_reason));
  const LusExamRecord record = {
    .exam_id = "e7", .patient = patient, .day = 2, .model_sha256 = "0123456789abcdef0123", .min_frames = 30};
  return lus_exam_to_json(exam, &estimate, &record);
}

static json_t *convert(const char *exam)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = lus_fhir_from_exam(exam, strlen(exam), "exam.json", &error);
  g_assert_no_error(error);
  json_t *observation = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  g_assert_nonnull(observation);
  return observation;
}

static const char *text_at(json_t *object, const char *key)
{
  return json_string_value(json_object_get(object, key));
}

/** The component with this code; each code stands once. */
static json_t *component(json_t *observation, const char *code)
{
  json_t *found = NULL, *item;
  size_t i;
  json_array_foreach(json_object_get(observation, "component"), i, item)
  {
    json_t *coding = json_array_get(json_object_get(json_object_get(item, "code"), "coding"), 0);
    g_assert_cmpstr(text_at(coding, "system"), ==, "urn:lus:codes");
    if (strcmp(text_at(coding, "code"), code) != 0)
      continue;
    g_assert_null(found);
    found = item;
  }
  return found;
}

static void check_value(json_t *observation, const char *code, double value, const char *unit)
{
  json_t *quantity = json_object_get(component(observation, code), "valueQuantity");
  g_assert_cmpfloat(json_number_value(json_object_get(quantity, "value")), ==, value);
  g_assert_cmpstr(text_at(quantity, "code"), ==, unit);
  g_assert_cmpstr(text_at(quantity, "system"), ==, "http://unitsofmeasure.org");
  g_assert_null(json_object_get(component(observation, code), "dataAbsentReason"));
}

static void check_absent(json_t *observation, const char *code, const char *reason)
{
  json_t *absent = json_object_get(component(observation, code), "dataAbsentReason");
  g_assert_nonnull(absent);
  g_assert_cmpstr(text_at(absent, "text"), ==, reason);
  g_assert_null(json_object_get(component(observation, code), "valueQuantity"));
}

static void test_observation(void)
{
  g_autofree char *exam = make_exam("p003");
  json_t *observation = convert(exam);
  g_assert_cmpstr(text_at(observation, "resourceType"), ==, "Observation");
  g_assert_cmpstr(text_at(observation, "status"), ==, "preliminary");
  g_assert_cmpstr(text_at(json_array_get(json_object_get(observation, "note"), 0), "text"), ==,
                  "Research software - not for diagnosis or treatment");
  g_assert_cmpstr(text_at(json_array_get(json_object_get(observation, "note"), 1), "text"), ==,
                  "Zones missing: R2 R3 L1 L3");
  g_assert_cmpstr(text_at(json_object_get(json_object_get(observation, "subject"), "identifier"), "value"), ==, "p003");
  g_assert_cmpstr(text_at(json_array_get(json_object_get(observation, "identifier"), 0), "value"), ==, "e7");
  g_assert_nonnull(strstr(text_at(json_object_get(observation, "device"), "display"), "model 0123456789abcdef"));
  check_value(observation, "sf", 287.5, "1");
  check_value(observation, "sf.low", 236, "1");
  check_value(observation, "sf.high", 337, "1");
  check_value(observation, "day", 2, "1");
  check_value(observation, "R1.frames", 30, "1");
  check_value(observation, "R1.pleura_coverage", 0, "%");
  check_value(observation, "R1.vertical_count", 2 * LUS_FEATURE_VERTICAL_COUNT, "1");
  check_absent(observation, "readmission", "No estimator");
  check_absent(observation, "change", "No exam before");
  check_absent(observation, "L2.pleura_coverage", NULL);
  g_assert_null(component(observation, "readmission.low"));
  g_assert_null(component(observation, "L1.frames"));
  json_decref(observation);
}

static void test_no_patient(void)
{
  g_autofree char *exam = make_exam(NULL);
  json_t *observation = convert(exam);
  g_assert_null(json_object_get(observation, "subject"));
  json_decref(observation);
}

/** Nothing that is no exam becomes an Observation; no length of a whole one crashes. */
static void test_refused(void)
{
  static const char *const broken[] = {
    "", "{", "[]", "{}", "{\"schema\":2,\"zones\":{},\"sf\":{}}", "{\"schema\":1,\"zones\":[],\"sf\":{}}",
    "{\"schema\":1,\"zones\":{\"<R1>\":{}},\"sf\":{}}", "{\"schema\":1,\"zones\":{},\"sf\":{},\"missing_zones\":[1]}",
    "{\"schema\":1,\"schema\":1,\"zones\":{},\"sf\":{}}"};
  g_autofree char *exam = make_exam("p");
  for (gsize i = 0; i < G_N_ELEMENTS(broken) + strlen(exam); i++) {
    const char *text = i < G_N_ELEMENTS(broken) ? broken[i] : exam;
    gsize length = i < G_N_ELEMENTS(broken) ? strlen(text) : i - G_N_ELEMENTS(broken);
    g_autoptr(GError) error = NULL;
    g_assert_null(lus_fhir_from_exam(text, length, "exam.json", &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "exam.json"));
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/fhir/observation", test_observation);
  g_test_add_func("/fhir/no-patient", test_no_patient);
  g_test_add_func("/fhir/refused", test_refused);
  return g_test_run();
}
