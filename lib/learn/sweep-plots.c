/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/chart.h"
#include "learn/sweep-internal.h"
#include "lung/overlay-palette.h"

#include <math.h>

/** Looks of the methods that are not thresholds, in the order in which they come. */
static const LusTone others[] = {{.1, .1, .12}, {.72, .2, .5}, {.45, .45, .48}, {.4, .3, .1}};

/** One panel per class, one line per method; the numbers are filled in by the caller. */
typedef struct {
  int n;            /* points per line */
  double *x, *y;    /* [n_classes][n_targets][n] */
  LusSeries *series;
  LusPanel *panels;
} Figure;

static void figure_clear(Figure *f, int n_classes)
{
  for (int k = 0; k < n_classes; k++)
    g_free((char *)f->panels[k].title);
  g_free(f->x);
  g_free(f->y);
  g_free(f->series);
  g_free(f->panels);
}

static void set_look(LusSeries *s, const LusSweepTable *t, int target, int *threshold, int *other)
{
  const LusTarget *method = &t->config->targets[target];
  s->name = t->names[target];
  s->strong = target == t->baseline;
  if (method->method == LUS_TARGET_THRESHOLD) {
    s->tone = lus_tone_of_share(method->level / 100);
    s->mark = (LusMark)((*threshold)++ % LUS_MARK_N);
    return;
  }
  s->tone = others[*other % (int)G_N_ELEMENTS(others)];
  s->mark = (LusMark)((*other)++ % LUS_MARK_N);
  s->dashed = s->hollow = TRUE;
}

static void figure_init(Figure *f, const LusSweepTable *t, int n)
{
  gsize lines = (gsize)t->n_classes * t->n_targets;
  *f = (Figure){.n = n, .x = g_new(double, lines * n), .y = g_new(double, lines * n),
                .series = g_new0(LusSeries, lines), .panels = g_new0(LusPanel, t->n_classes)};
  for (int k = 0; k < t->n_classes; k++) {
    int threshold = 0, other = 0;
    for (int i = 0; i < t->n_targets; i++) {
      LusSeries *s = &f->series[k * t->n_targets + i];
      gsize at = ((gsize)k * t->n_targets + i) * n;
      set_look(s, t, i, &threshold, &other);
      s->n = n;
      s->x = f->x + at;
      s->y = f->y + at;
    }
    f->panels[k] = (LusPanel){.title = lus_class_title(t->evaluations[0]->classes[k]), .n = t->n_targets,
                              .series = f->series + k * t->n_targets};
  }
}

static char *figure_note(const LusSweepTable *t, const char *text)
{
  const LusSweepConfig *c = t->config;
  g_autofree char *seeds = c->seeds > 1 ? g_strdup_printf(", %d seeds", c->seeds) : g_strdup("");
  g_autofree char *folds = c->folds > 1 ? g_strdup_printf("%d folds", c->folds) : g_strdup("test split");
  return g_strdup_printf("%s: %s%s, %d patients. %s", c->data_name, folds, seeds, t->n_patients, text);
}

static gboolean plot_dice(const LusSweepTable *t, gboolean fitted, const char *folder, GError **error)
{
  Figure f;
  figure_init(&f, t, t->n_levels);
  double highest = 0;
  for (int k = 0; k < t->n_classes; k++)
    for (int i = 0; i < t->n_targets; i++)
      for (int l = 0; l < t->n_levels; l++) {
        gsize at = ((gsize)k * t->n_targets + i) * f.n + l;
        LusInterval dice = lus_counts_dice(lus_sweep_counts(t, i, fitted, k, l), t->n_patients, t->bootstrap);
        f.x[at] = t->evaluations[0]->levels[l];
        f.y[at] = dice.value;
        highest = fmax(highest, isnan(dice.value) ? 0 : dice.value);
      }
  g_autofree char *note = figure_note(t, fitted ? "The cut that was best for the level on the calibrating patients."
                                                : "Masks at the models' threshold.");
  LusChart chart = {.title = fitted ? "Dice against level, cut fitted to each level"
                                    : "Dice against level, by target method",
                    .note = note,
                    .x = {0, 100, 20, "evaluation level of the labels [%]"},
                    .y = {0, highest > .8 ? 1 : highest > .6 ? .8 : highest > .4 ? .6 : .4, highest > .4 ? .2 : .1,
                          "pooled Dice"},
                    .n_panels = t->n_classes,
                    .panels = f.panels};
  gboolean ok = lus_chart_write(&chart, folder, fitted ? "dice-fitted" : "dice", error);
  figure_clear(&f, t->n_classes);
  return ok;
}

static gboolean plot_reliability(const LusSweepTable *t, const char *folder, GError **error)
{
  Figure f;
  figure_init(&f, t, LUS_CALIBRATION_BINS);
  for (int k = 0; k < t->n_classes; k++)
    for (int i = 0; i < t->n_targets; i++) {
      LusCalibration c;
      lus_evaluation_calibration(&c, t->evaluations[i], k, -1, t->bootstrap);
      for (int b = 0; b < LUS_CALIBRATION_BINS; b++) {
        gsize at = ((gsize)k * t->n_targets + i) * f.n + b;
        f.x[at] = 100 * c.bins[b].confidence;
        f.y[at] = 100 * c.bins[b].observed.value;
      }
    }
  g_autofree char *note = figure_note(t, "Pixels in ten bins of the predicted confidence.");
  LusChart chart = {.title = "Reliability of the confidence, by target method",
                    .note = note,
                    .x = {0, 100, 20, "predicted confidence [%]"},
                    .y = {0, 100, 20, "labelled confidence, mean [%]"},
                    .diagonal = TRUE,
                    .n_panels = t->n_classes,
                    .panels = f.panels};
  gboolean ok = lus_chart_write(&chart, folder, "reliability", error);
  figure_clear(&f, t->n_classes);
  return ok;
}

gboolean lus_sweep_plots(const LusSweepTable *t, const char *folder, GError **error)
{
  return plot_dice(t, FALSE, folder, error) && plot_dice(t, TRUE, folder, error) &&
         plot_reliability(t, folder, error);
}
