/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/csv.h"
#include "learn/evaluate.h"

#include <math.h>

enum { FIGURES = 6 };
static const char *const figures[FIGURES] = {"dice", "iou", "precision", "recall", "distance", "hausdorff95"};

/** ",0.123456", or "," where it is unknown. */
static void append_figure(GString *out, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_c(out, ',');
  if (!isnan(value))
    g_string_append(out, g_ascii_formatd(text, sizeof text, "%.6g", value));
}

static void append_header(GString *out, const LusEvaluation *e)
{
  g_string_append(out, "class,level_percent,cut_percent,patient,known_pixels,reference_pixels,found_pixels,"
                       "both_pixels");
  for (int i = 0; i < FIGURES; i++) {
    const char *unit = i < 4 ? "" : e->mm ? "_mm" : "_sector_percent";
    g_string_append_printf(out, ",%s%s,%s%s_low,%s%s_high", figures[i], unit, figures[i], unit, figures[i], unit);
  }
  g_string_append_c(out, '\n');
}

static void append_start(GString *out, const LusEvaluation *e, int class_index, int level_index, const char *patient,
                         const LusMaskCount *count)
{
  lus_csv_append(out, e->classes[class_index]);
  append_figure(out, e->levels[level_index]);
  append_figure(out, 100 * e->cut);
  g_string_append_c(out, ',');
  lus_csv_append(out, patient);
  g_string_append_printf(out, ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT,
                         count->known, count->reference, count->found, count->both);
}

static double share(gint64 part, gint64 whole)
{
  return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

static void append_patient(GString *out, const LusMaskCount *c, const LusDistances *d)
{
  gint64 either = c->found + c->reference - c->both;
  double values[FIGURES] = {
    c->known ? lus_dice(c->both, c->found, c->reference) : (double)NAN,
    c->known && either == 0 ? 1 : share(c->both, either),
    share(c->both, c->found),
    share(c->both, c->reference),
    d->n > 0 ? d->mean / d->n : (double)NAN,
    d->n > 0 ? d->hausdorff95 / d->n : (double)NAN,
  };
  for (int i = 0; i < FIGURES; i++) {
    append_figure(out, values[i]);
    g_string_append(out, ",,");
  }
  g_string_append_c(out, '\n');
}

static void append_all(GString *out, const LusScores *scores)
{
  const LusInterval *values[FIGURES] = {&scores->dice,   &scores->iou,      &scores->precision,
                                        &scores->recall, &scores->distance, &scores->hausdorff95};
  for (int i = 0; i < FIGURES; i++) {
    append_figure(out, values[i]->value);
    append_figure(out, values[i]->low);
    append_figure(out, values[i]->high);
  }
  g_string_append_c(out, '\n');
}

char *lus_evaluation_csv(const LusEvaluation *e, const LusBootstrap *bootstrap)
{
  int n = e->n_patients;
  g_autofree LusMaskCount *counts = g_new(LusMaskCount, n);
  GString *out = g_string_new(NULL);
  append_header(out, e);
  for (int k = 0; k < e->n_classes; k++)
    for (int l = 0; l < e->n_levels; l++) {
      LusMaskCount all = {0};
      LusScores scores;
      lus_evaluation_count(counts, e, k, e->cut, e->levels[l]);
      lus_evaluation_scores(&scores, e, k, l, bootstrap);
      for (int p = 0; p < n; p++) {
        all.known += counts[p].known;
        all.reference += counts[p].reference;
        all.found += counts[p].found;
        all.both += counts[p].both;
      }
      append_start(out, e, k, l, "all", &all);
      append_all(out, &scores);
      for (int p = 0; p < n; p++) {
        append_start(out, e, k, l, e->patients[p], &counts[p]);
        append_patient(out, &counts[p], &e->distances[((gsize)k * e->n_levels + l) * n + p]);
      }
    }
  return g_string_free(out, FALSE);
}
