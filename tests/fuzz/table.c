/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables (CSV): '0' features and '1' outcomes, each beside a good one of the other kind. '@' stands for the columns of all
 * features, '~' for as many values, so that seeds hold when features come and go. */
#include "import.h"
#include "learn/tables.h"

#include <math.h>

static char *write_good(const char *name)
{
  static const char outcomes[] = "patient,day,spo2_percent,fio2\nP1,1,95,0.3\nP2,1,92,0.5\nP1,2,97,0.3\n";
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  if (g_str_equal(name, "outcomes.csv"))
    return fuzz_named_file(name, (const uint8_t *)outcomes, sizeof outcomes - 1);
  g_autoptr(GString) text = g_string_new(NULL);
  g_autofree char *hash = g_strnfill(64, 'a');
  LusZone zone = {.frames = 40, .pleura_frames = 30};
  lus_features_csv_begin(text, hash, .6);
  for (int i = 0; i < 18; i++) {
    LusClipName clip = {.day = i < 12 ? 1 : 2};
    g_strlcpy(clip.patient, i / 6 != 1 ? "P1" : "P2", sizeof clip.patient);
    g_strlcpy(clip.zone, zones[i % 6], sizeof clip.zone);
    g_autofree char *file = g_strdup_printf("%s_d%d_%s.mkv", clip.patient, clip.day, clip.zone);
    lus_features_csv_add(text, file, &clip, &zone, 0, "");
  }
  return fuzz_named_file(name, (const uint8_t *)text->str, text->len);
}

static GString *fill_in(const uint8_t *data, size_t size)
{
  GString *text = g_string_new(NULL);
  for (size_t i = 0; i < size; i++) {
    if (data[i] != '@' && data[i] != '~')
      g_string_append_c(text, (char)data[i]);
    for (int k = 0; k < LUS_FEATURE_N && (data[i] == '@' || data[i] == '~'); k++)
      g_string_append_printf(text, data[i] == '@' ? "%s%s,%s.p90" : "%s1.5,1.5", k > 0 ? "," : "",
                             lus_feature_info(k)->name, lus_feature_info(k)->name);
  }
  return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  GError *error = NULL;
  gboolean second = data[0] & 1;
  g_autoptr(GString) text = fill_in(data + 1, size - 1);
  const uint8_t *bytes = (const uint8_t *)text->str;
  g_autofree char *fuzzed = fuzz_named_file(second ? "outcomes.csv" : "features.csv", bytes, text->len);
  g_autofree char *good = write_good(second ? "features.csv" : "outcomes.csv");
  g_autoptr(LusOutcomeTable) table = lus_outcome_table_load(second ? good : fuzzed, second ? fuzzed : good, 30, &error);
  g_assert_true((table != NULL) == (error == NULL));
  if (error && !strstr(error->message, fuzz_folder))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  for (int task = 0; table && task < LUS_TASK_N; task++) {
    g_autoptr(GArray) cases = lus_outcome_cases(table, (LusTask)task);
    for (guint i = 0; i < cases->len; i++) {
      const LusOutcomeCase *one = &g_array_index(cases, LusOutcomeCase, i);
      g_assert_true(one->exam >= 0 && one->exam < table->n && one->earlier < table->n && !isnan(one->y));
    }
  }
  return 0;
}
