/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/sweep-internal.h"
#include "lung/overlay-palette.h"
#include "nn/error.h"
#include "nn/file.h"

#include <math.h>
#include <string.h>

#define MAX_PICTURE ((gsize)64 << 20)
#define MAIN_LEVEL 60

static const char style[] =
  "body{font:16px/1.5 Inter,'Noto Sans','DejaVu Sans',sans-serif;color:#1c1f22;background:#fff;max-width:1280px;"
  "margin:2em auto;padding:0 1.2em}h1{font-size:1.6em;margin-bottom:.2em}h2{font-size:1.2em;margin:2em 0 .5em}"
  "p,li{max-width:75ch}.quiet{color:#5c646b}table{border-collapse:collapse;margin:.6em 0 1.6em;"
  "font-variant-numeric:tabular-nums;font-size:.84em}caption{text-align:left;font-weight:600;padding:.4em 0}"
  "th,td{padding:.32em .5em;text-align:right;border-bottom:1px solid #e3e6e8;white-space:nowrap;vertical-align:top}"
  "th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #9aa1a7;font-weight:600}"
  "td small{display:block;color:#5c646b}tr.base td{background:#f5f3ea}b{font-weight:700}"
  "img{max-width:100%;height:auto;display:block;margin:.4em 0 1em}.scroll{overflow-x:auto}"
  "@media print{@page{size:A4 landscape;margin:12mm}.scroll{overflow:visible;font-size:8pt}}"
  ".examples td{padding:.25em;text-align:center;border:0}.examples img{width:168px;image-rendering:auto;margin:0}"
  ".key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .4em 0 1em;border:1px solid #0003}"
  "code{background:#f1f3f4;padding:.1em .3em;border-radius:3px;word-break:break-word}";

static void append_escaped(GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1), *escaped = g_markup_escape_text(valid, -1);
  g_string_append(out, escaped);
}

/** A file of the sweep as part of the page; @alt: its words. Where it is missing: nothing, when @optional. */
static gboolean append_picture(GString *out, const char *path, const char *type, const char *alt, gboolean optional,
                               GError **error)
{
  if (optional && !g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  gsize length = 0;
  g_autofree guint8 *data = lus_file_read(path, MAX_PICTURE, &length, error);
  if (!data)
    return FALSE;
  g_autofree char *text = g_base64_encode(data, length);
  g_string_append_printf(out, "<img alt=\"");
  append_escaped(out, alt);
  g_string_append_printf(out, "\" src=\"data:%s;base64,%s\">", type, text);
  return TRUE;
}

static void append_figure(GString *out, double value, int digits)
{
  if (isnan(value))
    g_string_append(out, "–");
  else
    g_string_append_printf(out, "%.*f", digits, value);
}

static void append_cell(GString *out, const LusInterval *i, int digits, gboolean best)
{
  g_string_append(out, best ? "<td><b>" : "<td>");
  append_figure(out, i->value, digits);
  g_string_append(out, best ? "</b>" : "");
  if (!isnan(i->low))
    g_string_append_printf(out, "<small>%.*f to %.*f</small>", digits, i->low, digits, i->high);
  g_string_append(out, "</td>");
}

/** The levels that tables show: those of the paper that were evaluated, else all. Returns how many. */
static int shown_levels(int *shown, const LusEvaluation *e)
{
  static const double usual[] = {0, 20, 50, 60, 80, 100};
  int n = 0;
  for (int l = 0; l < e->n_levels; l++)
    for (gsize i = 0; i < G_N_ELEMENTS(usual); i++)
      if (e->levels[l] >= usual[i] && e->levels[l] <= usual[i])
        shown[n++] = l;
  for (int l = 0; n == 0 && l < e->n_levels; l++)
    shown[l] = l;
  return n > 0 ? n : e->n_levels;
}

/** Number of the level nearest to 60 %. */
static int main_level(const LusEvaluation *e)
{
  int best = 0;
  for (int l = 1; l < e->n_levels; l++)
    if (fabs(e->levels[l] - MAIN_LEVEL) < fabs(e->levels[best] - MAIN_LEVEL))
      best = l;
  return best;
}

static LusInterval dice_of(const LusSweepTable *t, int target, gboolean fitted, int k, int l)
{
  return lus_counts_dice(lus_sweep_counts(t, target, fitted, k, l), t->n_patients, t->bootstrap);
}

static LusInterval difference_of(const LusSweepTable *t, int target, int k, int l)
{
  return lus_counts_dice_difference(lus_sweep_counts(t, target, FALSE, k, l),
                                    lus_sweep_counts(t, t->baseline, FALSE, k, l), t->n_patients, t->bootstrap);
}

static int best_target(const LusSweepTable *t, gboolean fitted, int k, int l)
{
  int best = -1;
  double highest = -1;
  for (int i = 0; i < t->n_targets; i++) {
    double dice = dice_of(t, i, fitted, k, l).value;
    if (dice > highest) {
      highest = dice;
      best = i;
    }
  }
  return best;
}

static void append_row(GString *out, const LusSweepTable *t, int target, int k, const int *best, const int *shown,
                       int n)
{
  const LusEvaluation *e = t->evaluations[target];
  int main = main_level(e);
  g_string_append_printf(out, "<tr%s><td>%s</td>", target == t->baseline ? " class=\"base\"" : "", t->names[target]);
  for (int i = 0; i < n; i++) {
    LusInterval dice = dice_of(t, target, FALSE, k, shown[i]);
    append_cell(out, &dice, 3, target == best[i]);
  }
  LusInterval difference = difference_of(t, target, k, main), fitted = dice_of(t, target, TRUE, k, main);
  if (target == t->baseline)
    g_string_append(out, "<td>–</td>");
  else
    append_cell(out, &difference, 3, FALSE);
  append_cell(out, &fitted, 3, target == best_target(t, TRUE, k, main));
  LusScores scores;
  LusCalibration calibration;
  lus_evaluation_scores(&scores, e, k, main, t->bootstrap);
  lus_evaluation_calibration(&calibration, e, k, -1, t->bootstrap);
  append_cell(out, &scores.distance, e->mm ? 2 : 1, FALSE);
  g_string_append(out, "<td>");
  append_figure(out, calibration.ece_marked, 3);
  g_string_append(out, "</td></tr>\n");
}

static void append_table(GString *out, const LusSweepTable *t, int k)
{
  const LusEvaluation *e = t->evaluations[0];
  int shown[LUS_EVALUATION_LEVELS], best[LUS_EVALUATION_LEVELS], n = shown_levels(shown, e);
  double level = e->levels[main_level(e)];
  g_autofree char *title = lus_class_title(e->classes[k]);
  g_string_append(out, "<div class=\"scroll\"><table><caption>");
  append_escaped(out, title);
  g_string_append(out, "</caption><thead><tr><th>target</th>");
  for (int i = 0; i < n; i++) {
    best[i] = best_target(t, FALSE, k, shown[i]);
    g_string_append_printf(out, "<th>Dice at %g&nbsp;%%</th>", e->levels[shown[i]]);
  }
  g_string_append_printf(out, "<th>at %g&nbsp;%% minus<br>%s</th><th>Dice at %g&nbsp;%%,<br>cut fitted</th>"
                         "<th>border distance<br>at %g&nbsp;%% [%s]</th><th>calibration<br>error</th></tr>"
                         "</thead><tbody>\n",
                         level, t->names[t->baseline], level, level, e->mm ? "mm" : "% of sector");
  for (int i = 0; i < t->n_targets; i++)
    append_row(out, t, i, k, best, shown, n);
  g_string_append(out, "</tbody></table></div>\n");
}

/** In words: who is best at the main level, and whether the difference is more than chance. */
static void append_outcome(GString *out, const LusSweepTable *t)
{
  const LusEvaluation *e = t->evaluations[0];
  int main = main_level(e);
  g_string_append(out, "<ul>\n");
  for (int k = 0; k < t->n_classes; k++) {
    int best = best_target(t, FALSE, k, main);
    g_autofree char *title = lus_class_title(e->classes[k]);
    g_string_append(out, "<li>");
    append_escaped(out, title);
    if (best < 0) {
      g_string_append(out, ": not labelled.</li>\n");
      continue;
    }
    LusInterval dice = dice_of(t, best, FALSE, k, main), base = dice_of(t, t->baseline, FALSE, k, main);
    g_string_append_printf(out, ": at %g&nbsp;%% the highest Dice is that of <b>%s</b>, %.3f", e->levels[main],
                           t->names[best], dice.value);
    if (best != t->baseline) {
      LusInterval d = difference_of(t, best, k, main);
      g_string_append_printf(out, "; %s has %.3f. The difference is %.3f", t->names[t->baseline], base.value, d.value);
      if (isnan(d.low))
        g_string_append(out, "; one patient does not tell whether it is chance.");
      else
        g_string_append_printf(out, " (%.3f to %.3f)%s", d.low, d.high,
                               d.low > 0 ? "." : ": its interval contains 0, so that it may be chance.");
    } else {
      g_string_append_c(out, '.');
    }
    g_string_append(out, "</li>\n");
  }
  g_string_append(out, "</ul>\n");
}

static gboolean append_charts(GString *out, const LusSweepTable *t, GError **error)
{
  static const struct {
    const char *file, *title, *words;
  } charts[] = {
    {"dice.svg", "Dice against level",
     "Each line is one target method; the mask of its model, at the model's threshold, is compared with what the labels "
     "hold at or above the level."},
    {"dice-fitted.svg", "Dice against level, cut fitted",
     "The same confidences, but cut where Dice was best for the level on the patients that calibrate: what a method "
     "knows, apart from where its threshold lies."},
    {"reliability.svg", "Reliability",
     "Pixels in ten bins of the confidence predicted for them, and the mean confidence of their labels. On the dotted "
     "line both are equal."},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(charts); i++) {
    g_autofree char *path = g_build_filename(t->config->path, charts[i].file, NULL);
    g_string_append_printf(out, "<h2>%s</h2>\n<p>%s</p>\n", charts[i].title, charts[i].words);
    if (!append_picture(out, path, "image/svg+xml", charts[i].title, FALSE, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean append_example(GString *out, const LusSweepTable *t, const LusSweepJob *job, int number,
                               const char *what, const char *alt, GError **error)
{
  g_autofree char *file = g_strdup_printf("example%d.%s.png", number + 1, what);
  g_autofree char *path = lus_sweep_job_path(t->config, job, file);
  g_string_append(out, "<td>");
  gboolean ok = append_picture(out, path, "image/png", alt, TRUE, error);
  g_string_append(out, "</td>");
  return ok;
}

static gboolean append_examples(GString *out, const LusSweepTable *t, GError **error)
{
  g_autoptr(GPtrArray) jobs = lus_sweep_jobs(t->config); /* the first n_targets are of the first fold and seed */
  g_string_append(out, "<h2>Examples</h2>\n<p>Test samples of the first fold that show most classes: the picture, the "
                       "labelled confidence (as strong as it is sure), and each method's mask.");
  for (int k = 0; k < t->n_classes; k++) {
    guint8 rgb[3];
    g_autofree char *title = lus_class_title(t->evaluations[0]->classes[k]);
    lus_class_colour(rgb, t->evaluations[0]->classes[k]);
    g_string_append_printf(out, "<span class=\"key\" style=\"background:rgb(%d,%d,%d)\"></span>", rgb[0], rgb[1],
                           rgb[2]);
    append_escaped(out, title);
  }
  g_string_append(out, "</p>\n<div class=\"scroll\"><table class=\"examples\">\n");
  for (int row = -2; row < t->n_targets; row++) {
    const char *name = row == -2 ? "picture" : row == -1 ? "labels" : t->names[row];
    g_string_append_printf(out, "<tr><td>%s</td>", name);
    for (int i = 0; i < LUS_SWEEP_EXAMPLES; i++)
      if (!append_example(out, t, jobs->pdata[MAX(row, 0)], i, row == -2 ? "frame" : row == -1 ? "label" : "mask", name,
                          error))
        return FALSE;
    g_string_append(out, "</tr>\n");
  }
  g_string_append(out, "</table></div>\n");
  return TRUE;
}

static void append_p(GString *out, const LusOutcomeReport *r)
{
  g_string_append(out, "<td>");
  append_figure(out, r ? r->p_value : NAN, 3);
  g_string_append(out, "</td>");
}

static void append_outcome_row(GString *out, const LusSweepTable *t, int target)
{
  const LusInterval unknown = {NAN, NAN, NAN};
  LusOutcomeReport *const *reports = t->outcomes.reports[target];
  const LusOutcomeReport *sf = reports[LUS_TASK_SF], *change = reports[LUS_TASK_CHANGE];
  const LusOutcomeReport *readmission = reports[LUS_TASK_READMISSION];
  LusInterval difference = lus_sweep_outcomes_difference(&t->outcomes, target, t->baseline, t->config->seed);
  g_string_append_printf(out, "<tr%s><td>%s</td>", target == t->baseline ? " class=\"base\"" : "", t->names[target]);
  append_cell(out, sf ? &sf->error : &unknown, 1, FALSE);
  append_cell(out, target == t->baseline ? &unknown : &difference, 1, FALSE);
  append_cell(out, sf ? &sf->median_error : &unknown, 1, FALSE);
  append_p(out, sf);
  append_cell(out, change ? &change->f1 : &unknown, 3, FALSE);
  append_cell(out, change ? &change->majority_f1 : &unknown, 3, FALSE);
  append_p(out, change);
  append_cell(out, readmission ? &readmission->auroc : &unknown, 3, FALSE);
  append_p(out, readmission);
  g_string_append(out, "</tr>\n");
}

/** What the masks are good for. */
static void append_outcomes(GString *out, const LusSweepTable *t)
{
  if (t->outcomes.n_targets == 0)
    return;
  g_string_append_printf(out, "<h2>Outcomes</h2>\n<p>From each method's masks: every patient's clips segmented by a model that has not "
                              "seen them, lung features, and heads that are fitted without the patient they are tested on. p: share "
                              "of permutations of the outcomes over patients that do as well. Errors of S/F are absolute ones; the "
                              "difference is paired over patients. Each method's own pages: outcomes/TARGET/outcomes.html.</p>\n"
                              "<div class=\"scroll\"><table><thead><tr><th>target</th><th>S/F: error</th><th>minus<br>%s</th>"
                              "<th>median<br>predictor</th><th>p</th><th>change: macro F1</th><th>majority<br>class</th><th>p</th>"
                              "<th>readmission: AUROC</th><th>p</th></tr></thead><tbody>\n", t->names[t->baseline]);
  for (int i = 0; i < t->n_targets; i++)
    append_outcome_row(out, t, i);
  g_string_append(out, "</tbody></table></div>\n");
}

static void append_head(GString *out, const LusSweepTable *t)
{
  const LusSweepConfig *c = t->config;
  const LusEvaluation *e = t->evaluations[0];
  g_string_append_printf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                         "<meta name=\"viewport\" content=\"width=device-width\"><title>Target methods</title><style>%s"
                         "</style></head><body>\n<h1>Target methods compared</h1>\n<p class=\"quiet\">", style);
  append_escaped(out, c->data_name);
  g_string_append_printf(out, " &middot; %d patients, %d samples tested%s &middot; lus %s<br>" LUS_NOTICE "</p>\n",
                         e->n_patients, e->n_samples, c->seeds > 1 ? " over all seeds" : "", lus_version());
}

static void append_method(GString *out, const LusSweepTable *t)
{
  const LusSweepConfig *c = t->config;
  g_string_append(out, "<h2>How</h2>\n<p>");
  if (c->folds > 1)
    g_string_append_printf(out, "Cross-validation over patients: %d folds, each patient tested once by a model that has "
                                "not seen them; of the others 15&nbsp;%% calibrate. ", c->folds);
  else
    g_string_append(out, "The data set's own splits: trained on train, calibrated on validation, tested on test. ");
  g_string_append_printf(out, "%d trainings. Pixels are pooled over all folds%s. Intervals are 95&nbsp;%% percentiles of "
                              "1000 bootstrap draws over patients, the same draws for all methods: differences are "
                              "paired. The calibration error is the expected one, against the labelled confidence, of "
                              "pixels predicted at 5&nbsp;%% and more. Bold: highest of a column. Several columns and "
                              "methods are compared; intervals are not corrected for that.</p>\n"
                              "<p>Command:<br><code>",
                         c->n_targets * c->folds * c->seeds, c->seeds > 1 ? " and seeds" : "");
  append_escaped(out, c->command);
  g_string_append(out, "</code></p>\n<p class=\"quiet\">All figures: sweep.csv; of each patient: patients/TARGET.csv; "
                       "charts: PNG and SVG beside this file.</p>\n</body></html>\n");
}

char *lus_sweep_html(const LusSweepTable *t, GError **error)
{
  g_autoptr(GString) out = g_string_new(NULL);
  append_head(out, t);
  append_outcome(out, t);
  if (!append_charts(out, t, error))
    return NULL;
  g_string_append(out, "<h2>Table</h2>\n");
  for (int k = 0; k < t->n_classes; k++)
    append_table(out, t, k);
  append_outcomes(out, t);
  if (!append_examples(out, t, error))
    return NULL;
  append_method(out, t);
  return g_strdup(out->str);
}
