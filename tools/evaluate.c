/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "evaluate.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static json_t *figure(double value)
{
  return isnan(value) ? json_null() : json_real(value);
}

/** "dice": value, "dice_low": ..., "dice_high": ... */
static void add_interval(json_t *object, const char *name, const LusInterval *i)
{
  g_autofree char *low = g_strconcat(name, "_low", NULL), *high = g_strconcat(name, "_high", NULL);
  json_object_set_new(object, name, figure(i->value));
  json_object_set_new(object, low, figure(i->low));
  json_object_set_new(object, high, figure(i->high));
}

static json_t *scores_json(const LusEvaluation *e, int class_index, int level_index, const LusBootstrap *bootstrap)
{
  LusScores s;
  lus_evaluation_scores(&s, e, class_index, level_index, bootstrap);
  json_t *out = json_object();
  add_interval(out, "dice", &s.dice);
  add_interval(out, "iou", &s.iou);
  add_interval(out, "precision", &s.precision);
  add_interval(out, "recall", &s.recall);
  add_interval(out, e->mm ? "distance_mm" : "distance_sector_percent", &s.distance);
  add_interval(out, e->mm ? "hausdorff95_mm" : "hausdorff95_sector_percent", &s.hausdorff95);
  json_object_set_new(out, "compared_samples", json_integer(s.compared));
  json_object_set_new(out, "one_sided_samples", json_integer(s.one_sided));
  json_object_set_new(out, "positive_pixels", json_integer(s.reference));
  json_object_set_new(out, "found_pixels", json_integer(s.found));
  return out;
}

static json_t *calibration_json(const LusEvaluation *e, int class_index, double level, const LusBootstrap *bootstrap)
{
  LusCalibration c;
  lus_evaluation_calibration(&c, e, class_index, level, bootstrap);
  json_t *out = json_object(), *bins = json_array();
  add_interval(out, "brier", &c.brier);
  json_object_set_new(out, "ece", figure(c.ece));
  json_object_set_new(out, "ece_marked", figure(c.ece_marked));
  for (int i = 0; i < LUS_CALIBRATION_BINS; i++) {
    json_t *bin = json_pack("{s:I, s:o}", "pixels", (json_int_t)c.bins[i].pixels, "confidence",
                            figure(c.bins[i].confidence));
    add_interval(bin, "observed", &c.bins[i].observed);
    json_array_append_new(bins, bin);
  }
  json_object_set_new(out, "bins", bins);
  return out;
}

static json_t *class_json(const LusToolEvaluation *t, int k)
{
  const LusEvaluation *e = t->evaluation;
  json_t *out = scores_json(e, k, t->level_index, t->bootstrap), *levels = json_array(), *patients = json_object();
  for (int l = 0; l < e->n_levels; l++) {
    json_t *scores = scores_json(e, k, l, t->bootstrap);
    json_object_set_new(scores, "level_percent", json_real(e->levels[l]));
    json_array_append_new(levels, scores);
  }
  double level = e->levels[t->level_index];
  g_autofree LusMaskCount *counts = g_new(LusMaskCount, e->n_patients);
  lus_evaluation_count(counts, e, k, e->cut, level);
  for (int p = 0; p < e->n_patients; p++)
    json_object_set_new(patients, e->patients[p],
                        counts[p].known ? json_real(lus_dice(counts[p].both, counts[p].found, counts[p].reference))
                                        : json_null());
  json_object_set_new(out, "best_cut_percent", figure(100 * lus_evaluation_best_cut(e, k, level)));
  json_object_set_new(out, "levels", levels);
  json_object_set_new(out, "calibration", calibration_json(e, k, level, t->bootstrap));
  json_object_set_new(out, "calibration_of_confidence", calibration_json(e, k, -1, t->bootstrap));
  json_object_set_new(out, "dice_of_patients", patients);
  return out;
}

static json_t *likeness_json(const LusToolEvaluation *t)
{
  int n = t->evaluation->n_classes;
  json_t *classes = json_object(), *out = json_object();
  for (int k = 0; k <= n; k++) {
    const LusLikeness *l = &t->likeness[k];
    json_t *one = json_pack("{s:I, s:I, s:I, s:f}", "pixels", (json_int_t)l->first, "other_pixels",
                            (json_int_t)l->second, "both_pixels", (json_int_t)l->both, "mean_difference",
                            l->difference);
    add_interval(one, "iou", &l->iou);
    json_object_set_new(k < n ? classes : out, k < n ? t->evaluation->classes[k] : "pooled", one);
  }
  g_autofree char *name = g_filename_display_name(lus_model_path(t->other));
  json_object_set_new(out, "model", json_string(name));
  json_object_set_new(out, "model_sha256", json_string(lus_model_sha256(t->other)));
  json_object_set_new(out, "classes", classes);
  return out;
}

void lus_tool_evaluation_json(const LusToolEvaluation *t)
{
  const LusEvaluation *e = t->evaluation;
  json_t *classes = json_object();
  for (int k = 0; k < e->n_classes; k++)
    json_object_set_new(classes, e->classes[k], class_json(t, k));
  json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:I, s:o}", "lus", lus_version(),
                           "notice", LUS_NOTICE, "model", t->model_name, "model_sha256", lus_model_sha256(t->model),
                           "data", t->data_name, "split", lus_split_name(t->split), "samples", e->n_samples,
                           "patients", e->n_patients, "cut_percent", 100 * e->cut, "level_percent",
                           e->levels[t->level_index], "seed", (json_int_t)t->seed, "classes", classes);
  if (t->other)
    json_object_set_new(root, "against", likeness_json(t));
  char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  puts(text);
  free(text);
  json_decref(root);
}

/** "0.812 (0.790-0.835)" or "-". */
static void print_interval(const LusInterval *i, int digits, int width)
{
  g_autofree char *text = isnan(i->value) ? g_strdup("-")
                          : isnan(i->low)
                            ? g_strdup_printf("%.*f", digits, i->value)
                            : g_strdup_printf("%.*f (%.*f-%.*f)", digits, i->value, digits, i->low, digits, i->high);
  printf(" %*s", width, text);
}

static void print_number(double value, int digits)
{
  if (isnan(value))
    printf(" %9s", "-");
  else
    printf(" %9.*f", digits, value);
}

static void print_scores(const LusToolEvaluation *t)
{
  const LusEvaluation *e = t->evaluation;
  const char *unit = e->mm ? "mm" : "% of the sector's height";
  printf("%-16s %20s %20s %20s %20s\n", "class", "dice", "iou", "precision", "recall");
  LusScores s[LUS_MAX_CLASSES];
  for (int k = 0; k < e->n_classes; k++) {
    lus_evaluation_scores(&s[k], e, k, t->level_index, t->bootstrap);
    const LusInterval *all[] = {&s[k].dice, &s[k].iou, &s[k].precision, &s[k].recall};
    printf("%-16s", e->classes[k]);
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
      print_interval(all[i], 3, 20);
    putchar('\n');
  }
  printf("\nDistance of the borders [%s] over the samples in which both masks hold something:\n", unit);
  printf("%-16s %20s %20s %9s %9s\n", "class", "mean", "95 % Hausdorff", "samples", "one-sided");
  for (int k = 0; k < e->n_classes; k++) {
    printf("%-16s", e->classes[k]);
    print_interval(&s[k].distance, 2, 20);
    print_interval(&s[k].hausdorff95, 2, 20);
    printf(" %9d %9d\n", s[k].compared, s[k].one_sided);
  }
}

static void print_levels(const LusToolEvaluation *t)
{
  const LusEvaluation *e = t->evaluation;
  g_autofree LusMaskCount *counts = g_new(LusMaskCount, e->n_patients);
  printf("\nDice against labels at or above a level:\n%-16s", "level [%]");
  for (int k = 0; k < e->n_classes; k++)
    printf(" %20s", e->classes[k]);
  for (int l = 0; l < e->n_levels; l++) {
    printf("\n%-16g", e->levels[l]);
    for (int k = 0; k < e->n_classes; k++) {
      lus_evaluation_count(counts, e, k, e->cut, e->levels[l]);
      LusInterval dice = lus_counts_dice(counts, e->n_patients, t->bootstrap);
      print_interval(&dice, 3, 20);
    }
  }
  putchar('\n');
}

static void print_calibration(const LusToolEvaluation *t)
{
  const LusEvaluation *e = t->evaluation;
  double level = e->levels[t->level_index];
  printf("\nCalibration against labels at %g %%, and against the labelled confidence itself:\n", level);
  printf("%-16s %9s %9s %9s %9s %9s %9s\n", "class", "brier", "ece", "ece >=5%", "brier", "ece", "ece >=5%");
  for (int k = 0; k < e->n_classes; k++) {
    printf("%-16s", e->classes[k]);
    for (int confidence = 0; confidence < 2; confidence++) {
      LusCalibration c;
      lus_evaluation_calibration(&c, e, k, confidence ? -1 : level, t->bootstrap);
      print_number(c.brier.value, 4);
      print_number(c.ece, 4);
      print_number(c.ece_marked, 4);
    }
    putchar('\n');
  }
}

static void print_likeness(const LusToolEvaluation *t)
{
  int n = t->evaluation->n_classes;
  g_autofree char *name = g_filename_display_name(lus_model_path(t->other));
  printf("\nMasks of %s, each model at its threshold:\n", name);
  printf("%-16s %20s %12s %12s %12s %10s\n", "class", "iou", "pixels", "other's", "in both", "mean |dc|");
  for (int k = 0; k <= n; k++) {
    const LusLikeness *l = &t->likeness[k];
    printf("%-16s", k < n ? t->evaluation->classes[k] : "pooled");
    print_interval(&l->iou, 4, 20);
    printf(" %12" G_GINT64_FORMAT " %12" G_GINT64_FORMAT " %12" G_GINT64_FORMAT " %10.5f\n", l->first, l->second,
           l->both, l->difference);
  }
}

void lus_tool_evaluation_print(const LusToolEvaluation *t)
{
  const LusEvaluation *e = t->evaluation;
  printf("%s: %d samples of %d patients of %s (%s), masks at %.4g %% against labels at %g %%\n", t->model_name,
         e->n_samples, e->n_patients, t->data_name, lus_split_name(t->split), 100 * e->cut,
         e->levels[t->level_index]);
  print_scores(t);
  print_levels(t);
  print_calibration(t);
  if (t->other)
    print_likeness(t);
}
