/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Which new patients train, and which validate and test. */
#include "dataset-internal.h"
#include "import-internal.h"
#include "nn/file.h"

#include <math.h>
#include <string.h>

#define SHARE 0.15 /* of validation and of test, as in simulated data sets */

typedef struct {
  const char *name;
  char *rank; /* SHA-256 of the name: an order that has nothing to do with names, and is the same each time */
} Patient;

static int compare_ranks(gconstpointer a, gconstpointer b)
{
  return strcmp(((const Patient *)a)->rank, ((const Patient *)b)->rank);
}

static void clear_patient(gpointer data)
{
  g_free(((Patient *)data)->rank);
}

/** How many of @n patients of this split there should be. */
static int wanted(int n)
{
  return n < 3 ? 0 : MAX((int)lround(SHARE * n), 1);
}

static void deal(json_t *splits, GArray *patients, const int *there)
{
  g_array_sort(patients, compare_ranks);
  int n = (int)patients->len, total = n + there[LUS_SPLIT_TRAIN] + there[LUS_SPLIT_VALIDATION] + there[LUS_SPLIT_TEST];
  int validation = CLAMP(wanted(total) - there[LUS_SPLIT_VALIDATION], 0, n);
  int test = CLAMP(wanted(total) - there[LUS_SPLIT_TEST], 0, n - validation);
  for (int i = 0; i < n; i++) {
    LusSplit split = i < validation ? LUS_SPLIT_VALIDATION : i < validation + test ? LUS_SPLIT_TEST : LUS_SPLIT_TRAIN;
    json_array_append_new(json_object_get(splits, lus_split_name(split)),
                          json_string(g_array_index(patients, Patient, i).name));
  }
}

void lus_import_deal(json_t *manifest, gsize first, GHashTable *labelled)
{
  json_t *names = json_object_get(manifest, "patients"), *splits = json_object_get(manifest, "splits");
  int there[LUS_SPLIT_N] = {0}, none[LUS_SPLIT_N] = {0};
  for (int i = 0; i < LUS_SPLIT_N; i++)
    there[i] = (int)json_array_size(json_object_get(splits, lus_split_name((LusSplit)i)));
  for (int has = 1; has >= 0; has--) { /* apart, so that each split gets patients with labels */
    g_autoptr(GArray) patients = g_array_new(FALSE, FALSE, sizeof(Patient));
    g_array_set_clear_func(patients, clear_patient);
    for (gsize i = first; i < json_array_size(names); i++) {
      Patient p = {.name = json_string_value(json_array_get(names, i))};
      if (g_hash_table_contains(labelled, p.name) != has)
        continue;
      p.rank = lus_sha256(p.name, strlen(p.name));
      g_array_append_val(patients, p);
    }
    deal(splits, patients, has ? there : none);
  }
}
