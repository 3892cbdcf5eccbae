/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/outcome-report.h"
#include "learn/chart.h"
#include "learn/csv.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 10
#define MAX_PICTURE ((gsize)16 << 20)

static const char style[] =
  "body{font:16px/1.5 Inter,'Noto Sans','DejaVu Sans',sans-serif;color:#1c1f22;background:#fff;max-width:1100px;"
  "margin:2em auto;padding:0 1.2em}h1{font-size:1.6em}h2{font-size:1.2em;margin:2em 0 .5em}p{max-width:75ch}"
  "table{border-collapse:collapse;margin:.6em 0 1.6em;font-variant-numeric:tabular-nums}th,td{padding:.32em .8em;"
  "text-align:right;border-bottom:1px solid #e3e6e8}th:first-child,td:first-child{text-align:left}img{max-width:100%}";

/** A figure of the report: its name in the tables, and where it stands. */
typedef struct {
  const char *name, *words;
  LusInterval value;
} Row;

#define MAX_ROWS 12

static int add_row(Row *rows, int n, const char *name, const char *words, LusInterval value)
{
  if (!isfinite(value.value))
    return n;
  rows[n] = (Row){name, words, value};
  return n + 1;
}

static int list_rows(Row rows[MAX_ROWS], const LusOutcomeReport *r)
{
  const LusInterval p = {r->p_value, NAN, NAN};
  int n = 0;
  if (r->task == LUS_TASK_SF) {
    n = add_row(rows, n, "mae", "Mean absolute error", r->error);
    n = add_row(rows, n, "mae_median", "of always saying the median", r->median_error);
    n = add_row(rows, n, "mae_severity", "of a straight line through severity", r->severity_error);
    n = add_row(rows, n, "mae_ratio", "Error over that of the median", r->ratio);
    n = add_row(rows, n, "coverage", "Part of the 90 % intervals that hold the truth", r->coverage);
    n = add_row(rows, n, "half_width", "Half width of the intervals", r->half_width);
  } else if (r->task == LUS_TASK_CHANGE) {
    n = add_row(rows, n, "macro_f1", "Macro F1", r->f1);
    n = add_row(rows, n, "macro_f1_majority", "of always saying the most frequent class", r->majority_f1);
    n = add_row(rows, n, "macro_f1_severity", "of the change of severity", r->severity_f1);
    n = add_row(rows, n, "accuracy", "Accuracy", r->accuracy);
  } else {
    n = add_row(rows, n, "auroc", "Area under the ROC curve", r->auroc);
    n = add_row(rows, n, "auroc_severity", "of severity", r->severity_auroc);
    n = add_row(rows, n, "auroc_known", "of the risk that the simulator knows", r->known_auroc);
    n = add_row(rows, n, "auroc_known_minus", "that minus this", r->known_minus);
    n = add_row(rows, n, "brier", "Brier score", r->brier);
    n = add_row(rows, n, "brier_base_rate", "of always saying the base rate", r->constant_brier);
    n = add_row(rows, n, "calibration_slope", "Slope of the calibration (1 is right)",
                (LusInterval){r->calibration_slope, NAN, NAN});
    n = add_row(rows, n, "calibration_offset", "Offset of the calibration in log odds (0 is right)",
                (LusInterval){r->calibration_offset, NAN, NAN});
  }
  return add_row(rows, n, "p_value", "Permutation test, p", p);
}

static void append_number(GString *out, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE] = "";
  if (isfinite(value))
    g_ascii_formatd(number, sizeof(number), "%.6g", value);
  g_string_append_printf(out, ",%s", number);
}

static char *figures_csv(LusOutcomeReport *const reports[LUS_TASK_N])
{
  GString *out = g_string_new("# " LUS_NOTICE "\ntask,figure,zones,value,low,high\n");
  for (int t = 0; t < LUS_TASK_N; t++) {
    Row rows[MAX_ROWS];
    int n = reports[t] ? list_rows(rows, reports[t]) : 0;
    for (int i = 0; i < n; i++) {
      g_string_append_printf(out, "%s,%s,", lus_task_name((LusTask)t), rows[i].name);
      append_number(out, rows[i].value.value);
      append_number(out, rows[i].value.low);
      append_number(out, rows[i].value.high);
      g_string_append_c(out, '\n');
    }
    for (int i = 0; reports[t] && i < reports[t]->n_missing; i++) {
      const LusOutcomeMissing *m = &reports[t]->missing[i];
      g_string_append_printf(out, "%s,error,%d", lus_task_name((LusTask)t), m->zones);
      append_number(out, m->error);
      g_string_append_printf(out, ",,\n%s,coverage,%d", lus_task_name((LusTask)t), m->zones);
      append_number(out, m->coverage);
      g_string_append(out, ",,\n");
    }
  }
  return g_string_free(out, FALSE);
}

static char *predictions_csv(const LusOutcomeReport *r)
{
  GString *out = g_string_new("# " LUS_NOTICE "\npatient,day,earlier_day,zones,outcome,predicted,low,high,lower,same,higher,"
                              "constant,severity\n");
  for (int i = 0; i < r->n; i++) {
    const LusOutcomePrediction *p = &r->predictions[i];
    lus_csv_append(out, p->patient);
    g_string_append_printf(out, ",%d", p->day);
    append_number(out, p->earlier_day >= 0 ? p->earlier_day : (double)NAN);
    g_string_append_printf(out, ",%d", p->zones);
    append_number(out, p->about.y);
    append_number(out, p->value);
    append_number(out, p->low);
    append_number(out, p->high);
    for (int c = 0; c < LUS_CHANGE_N; c++)
      append_number(out, r->task == LUS_TASK_CHANGE ? p->probability[c] : (double)NAN);
    append_number(out, p->constant);
    append_number(out, p->severity);
    g_string_append_c(out, '\n');
  }
  return g_string_free(out, FALSE);
}

static gboolean write_text(const char *folder, const char *name, char *text, GError **error)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  gboolean done = lus_file_write(path, text, strlen(text), error);
  g_free(text);
  return done;
}

static gint by_value(gconstpointer a, gconstpointer b, gpointer data)
{
  const LusOutcomePrediction *p = data;
  double x = p[*(const int *)a].value, y = p[*(const int *)b].value;
  return (x > y) - (x < y);
}

/** Numbers of the predictions, smallest value first. */
static int *sorted(const LusOutcomeReport *r)
{
  int *order = g_new(int, MAX(1, r->n));
  for (int i = 0; i < r->n; i++)
    order[i] = i;
  g_qsort_with_data(order, r->n, sizeof(int), by_value, r->predictions);
  return order;
}

static gboolean draw(const char *folder, const char *name, const char *title, LusAxis x, LusAxis y, gboolean diagonal,
                     const LusSeries *series, int n, GError **error)
{
  const LusPanel panel = {"", n, series};
  const LusChart chart = {.title = title, .x = x, .y = y, .diagonal = diagonal, .n_panels = 1, .panels = &panel};
  return lus_chart_write(&chart, folder, name, error);
}

/** Outcome against prediction in tenths of the cases. */
static gboolean draw_calibration(const LusOutcomeReport *r, const char *folder, GError **error)
{
  double x[BINS], y[BINS];
  int n = 0;
  g_autofree int *order = sorted(r);
  for (int b = 0; b < BINS; b++) {
    int from = b * r->n / BINS, to = (b + 1) * r->n / BINS;
    if (to <= from)
      continue;
    x[n] = y[n] = 0;
    for (int i = from; i < to; i++) {
      x[n] += r->predictions[order[i]].value / (to - from);
      y[n] += r->predictions[order[i]].about.y / (to - from);
    }
    n++;
  }
  const LusSeries series = {.name = "tenths of the cases", .tone = {0.1, 0.35, 0.6}, .n = n, .x = x, .y = y};
  if (r->task == LUS_TASK_SF)
    return draw(folder, "sf-calibration", "S/F: outcome against estimate", (LusAxis){40, 480, 80, "estimated S/F"},
                (LusAxis){40, 480, 80, "measured S/F"}, TRUE, &series, 1, error);
  return draw(folder, "readmission-calibration", "Readmission: observed against predicted",
              (LusAxis){0, 1, 0.2, "predicted probability"}, (LusAxis){0, 1, 0.2, "observed"}, TRUE, &series, 1, error);
}

static gboolean draw_roc(const LusOutcomeReport *r, const char *folder, GError **error)
{
  g_autofree double *x = g_new(double, (gsize)r->n + 1), *y = g_new(double, (gsize)r->n + 1);
  g_autofree int *order = sorted(r);
  double positives = 0, hit = 0, false_alarm = 0;
  for (int i = 0; i < r->n; i++)
    positives += r->predictions[i].about.y;
  x[0] = y[0] = 0;
  for (int i = 0; i < r->n; i++) {
    double outcome = r->predictions[order[r->n - 1 - i]].about.y;
    hit += outcome;
    false_alarm += 1 - outcome;
    x[i + 1] = false_alarm / MAX(1, r->n - positives);
    y[i + 1] = hit / MAX(1, positives);
  }
  const LusSeries series = {.name = "readmission", .tone = {0.1, 0.35, 0.6}, .mark = LUS_MARK_DOT, .n = r->n + 1, .x = x,
                            .y = y};
  return draw(folder, "readmission-roc", "Readmission: ROC curve", (LusAxis){0, 1, 0.2, "false positive rate"},
              (LusAxis){0, 1, 0.2, "true positive rate"}, TRUE, &series, 1, error);
}

/** Net benefit (Vickers and Elkin 2006) of treating those above a probability, beside treating all and none. */
static gboolean draw_decision(const LusOutcomeReport *r, const char *folder, GError **error)
{
  enum { STEPS = 25 };
  double x[STEPS], model[STEPS], all[STEPS], none[STEPS] = {0};
  LusAxis benefit = {-0.1, 0.3, 0.1, "net benefit"};
  for (int k = 0; k < STEPS; k++) {
    double odds, hit = 0, alarm = 0, positives = 0;
    x[k] = (k + 1) * 0.02;
    odds = x[k] / (1 - x[k]);
    for (int i = 0; i < r->n; i++) {
      const LusOutcomePrediction *p = &r->predictions[i];
      positives += p->about.y;
      hit += p->value >= x[k] ? p->about.y : 0;
      alarm += p->value >= x[k] ? 1 - p->about.y : 0;
    }
    model[k] = (hit - alarm * odds) / r->n;
    all[k] = (positives - (r->n - positives) * odds) / r->n;
    benefit.low = MIN(benefit.low, floor(10 * model[k]) / 10);
    benefit.high = MAX(benefit.high, ceil(10 * MAX(model[k], all[k])) / 10);
  }
  for (int k = 0; k < STEPS; k++)
    all[k] = all[k] < benefit.low ? (double)NAN : all[k]; /* how bad it is further on tells nothing of the head */
  const LusSeries series[] = {
    {.name = "by this head", .tone = {0.1, 0.35, 0.6}, .strong = TRUE, .n = STEPS, .x = x, .y = model},
    {.name = "all", .tone = {0.5, 0.5, 0.5}, .mark = LUS_MARK_SQUARE, .dashed = TRUE, .n = STEPS, .x = x, .y = all},
    {.name = "none", .tone = {0.3, 0.3, 0.3}, .mark = LUS_MARK_UP, .dashed = TRUE, .n = STEPS, .x = x, .y = none}};
  return draw(folder, "readmission-decision", "Readmission: decision curve",
              (LusAxis){0, 0.5, 0.1, "probability from which one acts"}, benefit, FALSE, series, 3, error);
}

static gboolean draw_charts(const LusOutcomeReport *r, const char *folder, GError **error)
{
  if (r->task == LUS_TASK_CHANGE)
    return TRUE;
  return draw_calibration(r, folder, error) &&
         (r->task != LUS_TASK_READMISSION || (draw_roc(r, folder, error) && draw_decision(r, folder, error)));
}

static gboolean append_picture(GString *out, const char *folder, const char *name, GError **error)
{
  g_autofree char *file = g_strconcat(name, ".svg", NULL), *path = g_build_filename(folder, file, NULL);
  gsize length;
  g_autofree guint8 *data = lus_file_read(path, MAX_PICTURE, &length, error);
  if (!data)
    return FALSE;
  g_autofree char *text = g_base64_encode(data, length);
  g_string_append_printf(out, "<img alt=\"%s\" src=\"data:image/svg+xml;base64,%s\">\n", name, text);
  return TRUE;
}

static void append_tables(GString *out, const LusOutcomeReport *r)
{
  Row rows[MAX_ROWS];
  int n = list_rows(rows, r);
  g_string_append(out, "<table><thead><tr><th>figure</th><th>value</th><th>95 % interval</th></tr></thead><tbody>\n");
  for (int i = 0; i < n; i++) {
    g_string_append_printf(out, "<tr><td>%s</td><td>%.3g</td><td>", rows[i].words, rows[i].value.value);
    if (isfinite(rows[i].value.low))
      g_string_append_printf(out, "%.3g to %.3g", rows[i].value.low, rows[i].value.high);
    g_string_append(out, "</td></tr>\n");
  }
  g_string_append_printf(out, "</tbody></table>\n<table><thead><tr><th>zones at hand</th><th>cases</th><th>%s</th>"
                         "<th>coverage</th></tr></thead><tbody>\n",
                         r->task == LUS_TASK_SF ? "mean absolute error" : r->task == LUS_TASK_CHANGE ? "1 - macro F1"
                                                                                                     : "1 - AUROC");
  for (int i = 0; i < r->n_missing; i++) {
    const LusOutcomeMissing *m = &r->missing[i];
    if (m->n == 0)
      continue;
    g_string_append_printf(out, "<tr><td>%d</td><td>%d</td><td>%.3g</td><td>", m->zones, m->n, m->error);
    if (isfinite(m->coverage))
      g_string_append_printf(out, "%.2f", m->coverage);
    g_string_append(out, "</td></tr>\n");
  }
  g_string_append(out, "</tbody></table>\n");
}

static gboolean append_task(GString *out, const LusOutcomeReport *r, const char *folder, GError **error)
{
  static const char *const titles[LUS_TASK_N] = {"S/F value", "S/F change", "Readmission within 30 days"};
  g_string_append_printf(out, "<h2>%s</h2>\n<p>%d cases of %d patients. Intervals: patients drawn with replacement; p: "
                         "outcomes exchanged between patients.</p>\n",
                         titles[r->task], r->n, r->groups);
  append_tables(out, r);
  if (r->task == LUS_TASK_SF)
    return append_picture(out, folder, "sf-calibration", error);
  return r->task == LUS_TASK_CHANGE || (append_picture(out, folder, "readmission-roc", error) &&
                                        append_picture(out, folder, "readmission-calibration", error) &&
                                        append_picture(out, folder, "readmission-decision", error));
}

gboolean lus_outcome_report_write(LusOutcomeReport *const reports[LUS_TASK_N], const char *folder, const char *title,
                                  GError **error)
{
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder: %s", folder, g_strerror(errno));
    return FALSE;
  }
  g_autofree char *valid = g_utf8_make_valid(title, -1), *escaped = g_markup_escape_text(valid, -1);
  g_autoptr(GString) page = g_string_new("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
  g_string_append_printf(page, "%s</title><style>%s</style></head><body>\n<h1>%s</h1>\n<p>" LUS_NOTICE "</p>\n", escaped,
                         style, escaped);
  for (int t = 0; t < LUS_TASK_N; t++) {
    g_autofree char *name = g_strdup_printf("predictions-%s.csv", lus_task_name((LusTask)t));
    if (reports[t] && (!draw_charts(reports[t], folder, error) ||
                       !write_text(folder, name, predictions_csv(reports[t]), error) ||
                       !append_task(page, reports[t], folder, error)))
      return FALSE;
  }
  g_string_append(page, "</body></html>\n");
  return write_text(folder, "outcomes.csv", figures_csv(reports), error) &&
         write_text(folder, "outcomes.html", g_strdup(page->str), error);
}

void lus_outcome_report_free(LusOutcomeReport *report)
{
  if (!report)
    return;
  for (int i = 0; i < report->n; i++)
    g_free(report->predictions[i].patient);
  g_free(report->predictions);
  g_free(report);
}
