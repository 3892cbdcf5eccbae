/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/evaluate-internal.h"
#include "nn/error.h"

#include <string.h>

static gboolean check_alike(const LusEvaluation *a, const LusEvaluation *b, GError **error)
{
  const char *wrong = NULL;
  if (!g_strv_equal((const char *const *)a->classes, (const char *const *)b->classes))
    wrong = "classes";
  else if (a->n_levels != b->n_levels || memcmp(a->levels, b->levels, a->n_levels * sizeof *a->levels) != 0)
    wrong = "levels";
  else if (a->cut < b->cut || a->cut > b->cut)
    wrong = "thresholds";
  else if (a->mm != b->mm)
    wrong = "units of length";
  if (wrong)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "evaluations with different %s cannot be put together", wrong);
  return !wrong;
}

/** Room for the patients that only @other has; @place [other's patients] tells where each is. */
static void add_patients(LusEvaluation *e, const LusEvaluation *other, int *place)
{
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GStrvBuilder) names = g_strv_builder_new();
  int before = e->n_patients, n = before;
  for (int p = 0; p < before; p++) {
    g_hash_table_insert(known, e->patients[p], GINT_TO_POINTER(p));
    g_strv_builder_add(names, e->patients[p]);
  }
  for (int p = 0; p < other->n_patients; p++) {
    gpointer found = NULL;
    if (g_hash_table_lookup_extended(known, other->patients[p], NULL, &found)) {
      place[p] = GPOINTER_TO_INT(found);
      continue;
    }
    g_strv_builder_add(names, other->patients[p]);
    place[p] = n++;
  }
  LusHistogram *histograms = g_new0(LusHistogram, (gsize)e->n_classes * n);
  LusDistances *distances = g_new0(LusDistances, (gsize)e->n_classes * e->n_levels * n);
  for (int k = 0; k < e->n_classes; k++)
    memcpy(histograms + (gsize)k * n, e->histograms + (gsize)k * before, before * sizeof *histograms);
  for (int kl = 0; kl < e->n_classes * e->n_levels; kl++)
    memcpy(distances + (gsize)kl * n, e->distances + (gsize)kl * before, before * sizeof *distances);
  g_free(e->histograms);
  g_free(e->distances);
  e->histograms = histograms;
  e->distances = distances;
  e->n_patients = n;
  g_strfreev(e->patients);
  e->patients = g_strv_builder_end(names);
}

gboolean lus_evaluation_add(LusEvaluation *e, const LusEvaluation *other, GError **error)
{
  if (!check_alike(e, other, error))
    return FALSE;
  g_autofree int *place = g_new(int, MAX(other->n_patients, 1));
  add_patients(e, other, place);
  int n = e->n_patients, m = other->n_patients;
  for (int k = 0; k < e->n_classes; k++)
    for (int p = 0; p < m; p++)
      lus_histogram_add(&e->histograms[k * n + place[p]], &other->histograms[k * m + p]);
  for (int kl = 0; kl < e->n_classes * e->n_levels; kl++)
    for (int p = 0; p < m; p++)
      lus_distances_add(&e->distances[kl * n + place[p]], &other->distances[kl * m + p]);
  e->n_samples += other->n_samples;
  return TRUE;
}
