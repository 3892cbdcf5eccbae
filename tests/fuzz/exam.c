/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exam.json: read, written and read again, and as an Observation. */
#include "import.h"
#include "lung/exam-file.h"
#include "lung/fhir.h"

#include <math.h>

static void check_value(const LusEstimateValue *value)
{
  g_assert_true(!value->valid || isfinite(value->value + value->low + value->high));
  g_assert_true(g_utf8_validate(value->reason, -1, NULL));
}

static void check_exam(const LusExamFile *file)
{
  check_value(&file->estimate.sf);
  check_value(&file->estimate.readmission);
  g_assert_cmpint(file->n_zones, <=, LUS_MAX_ZONES);
  for (int i = 0; i < file->n_zones; i++) {
    const LusZone *zone = &file->zones[i];
    g_assert_true(zone->frames >= 0 && zone->pleura_frames >= 0 && zone->pleura_frames <= zone->frames);
    for (int f = 0; f < LUS_FEATURE_N; f++)
      g_assert_true(!isinf(zone->features[f]) && !isinf(zone->peaks[f]));
  }
}

static void write_again(const LusExamFile *file)
{
  g_autoptr(GError) error = NULL;
  const LusExamRecord record = {.exam_id = file->exam_id, .patient = file->patient, .day = file->day, .min_frames = 1,
                                .model_sha256 = file->model_sha256, .heads_sha256 = file->heads_sha256,
                                .baseline = file->baseline, .sf_measured = file->measured_sf > 0 ? file->measured_sf : 0};
  g_autofree char *text = lus_exam_to_json(file->exam, &file->estimate, &record);
  g_autofree char *path = fuzz_named_file("again.json", (const uint8_t *)text, strlen(text));
  g_autoptr(LusExamFile) again = lus_exam_file_read(path, &error);
  g_assert_no_error(error);
  g_assert_cmpint(again->day, ==, file->day);
  g_assert_cmpstr(again->patient, ==, file->patient);
  g_assert_cmpint(lus_exam_at_hand(again->exam, 1) != 0, ==, lus_exam_at_hand(file->exam, 1) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = fuzz_named_file("exam.json", data, size);
  g_autoptr(LusExamFile) file = lus_exam_file_read(path, &error);
  g_assert_true((file != NULL) == (error == NULL));
  if (error && (!strstr(error->message, path) || !g_utf8_validate(error->message, -1, NULL)))
    g_error("no place, or no text: %s", error->message);
  g_clear_error(&error);
  if (file) {
    check_exam(file);
    write_again(file);
  }
  g_autofree char *observation = lus_fhir_from_exam((const char *)data, size, path, &error);
  g_assert_true((observation != NULL) == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  return 0;
}
