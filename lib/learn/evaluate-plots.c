/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/chart.h"
#include "learn/evaluate.h"
#include "lung/overlay-palette.h"

#include <math.h>

/** The values behind one class's line. */
typedef struct {
  double x[LUS_EVALUATION_LEVELS], y[LUS_EVALUATION_LEVELS], low[LUS_EVALUATION_LEVELS], high[LUS_EVALUATION_LEVELS];
  LusSeries series;
  char *title;
} Line;

static void line_set(Line *line, int i, double x, const LusInterval *y)
{
  line->x[i] = x;
  line->y[i] = y->value;
  line->low[i] = y->low;
  line->high[i] = y->high;
}

static void line_finish(Line *line, const char *class_name, int n)
{
  line->title = lus_class_title(class_name);
  line->series = (LusSeries){.tone = lus_tone_of_class(class_name), .strong = TRUE, .n = n, .x = line->x,
                             .y = line->y, .low = line->low, .high = line->high};
}

static gboolean write_chart(LusChart *chart, Line *lines, int n, const char *folder, const char *name, GError **error)
{
  g_autofree LusPanel *panels = g_new(LusPanel, n);
  for (int i = 0; i < n; i++)
    panels[i] = (LusPanel){.title = lines[i].title, .n = 1, .series = &lines[i].series};
  chart->n_panels = n;
  chart->panels = panels;
  gboolean ok = lus_chart_write(chart, folder, name, error);
  for (int i = 0; i < n; i++)
    g_free(lines[i].title);
  return ok;
}

static gboolean plot_dice(const LusEvaluation *e, const LusBootstrap *bootstrap, const char *folder, const char *what,
                          GError **error)
{
  g_autofree Line *lines = g_new0(Line, e->n_classes);
  g_autofree LusMaskCount *counts = g_new(LusMaskCount, e->n_patients);
  for (int k = 0; k < e->n_classes; k++) {
    for (int l = 0; l < e->n_levels; l++) {
      lus_evaluation_count(counts, e, k, e->cut, e->levels[l]);
      LusInterval dice = lus_counts_dice(counts, e->n_patients, bootstrap);
      line_set(&lines[k], l, e->levels[l], &dice);
    }
    line_finish(&lines[k], e->classes[k], e->n_levels);
  }
  g_autofree char *title = g_strdup_printf("Dice of the mask at %.3g %% against labels at or above a level",
                                           100 * e->cut);
  LusChart chart = {.title = title,
                    .note = what,
                    .x = {0, 100, 20, "evaluation level of the labels [%]"},
                    .y = {0, 1, .2, "pooled Dice, 95 % band over patients"}};
  return write_chart(&chart, lines, e->n_classes, folder, "dice", error);
}

static gboolean plot_reliability(const LusEvaluation *e, double level, const LusBootstrap *bootstrap,
                                 const char *folder, const char *what, GError **error)
{
  g_autofree Line *lines = g_new0(Line, e->n_classes);
  for (int k = 0; k < e->n_classes; k++) {
    LusCalibration c;
    lus_evaluation_calibration(&c, e, k, level, bootstrap);
    for (int i = 0; i < LUS_CALIBRATION_BINS; i++) {
      LusInterval percent = {100 * c.bins[i].observed.value, 100 * c.bins[i].observed.low,
                             100 * c.bins[i].observed.high};
      line_set(&lines[k], i, 100 * c.bins[i].confidence, &percent);
    }
    line_finish(&lines[k], e->classes[k], LUS_CALIBRATION_BINS);
  }
  g_autofree char *label = level < 0 ? g_strdup("labelled confidence, mean [%]")
                                     : g_strdup_printf("pixels labelled at or above %.3g %% [%%]", level);
  LusChart chart = {.title = "Reliability of the confidence",
                    .note = what,
                    .x = {0, 100, 20, "predicted confidence [%]"},
                    .y = {0, 100, 20, label},
                    .diagonal = TRUE};
  return write_chart(&chart, lines, e->n_classes, folder, level < 0 ? "reliability-confidence" : "reliability", error);
}

gboolean lus_evaluation_plots(const LusEvaluation *e, double level, const LusBootstrap *bootstrap, const char *folder,
                              const char *what, GError **error)
{
  return plot_dice(e, bootstrap, folder, what, error) &&
         plot_reliability(e, level, bootstrap, folder, what, error) &&
         plot_reliability(e, -1, bootstrap, folder, what, error);
}
