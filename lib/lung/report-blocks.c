/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report's upper half: zones on the thorax, and the estimates. */
#include <math.h>

#include "lung/overlay-parts.h"
#include "lung/report-parts.h"

/* ---- thorax ---- */

#define HEAVY 60.0 /* % at which a zone's shade is strongest */

static gboolean is_known(const LusExamFile *exam, int i)
{
  return !exam->missing[i] && !isnan(exam->zones[i].features[LUS_FEATURE_VERTICAL_PERCENT]);
}

static const char *why_unknown(const LusExamFile *exam, int i)
{
  return exam->zones[i].frames == 0 ? "missing" : exam->missing[i] ? "too short" : "no pleura";
}

static double shade_of(double percent)
{
  return 0.06 + 0.74 * CLAMP(percent / HEAVY, 0, 1);
}

static void fill_zone(LusPaper *paper, const LusExamFile *exam, int i, const LusThoraxCell *cell, gboolean left)
{
  cairo_t *cr = paper->cr;
  cairo_save(cr);
  lus_thorax_enter_lung(cr, left);
  lus_thorax_cell_path(cr, cell);
  cairo_clip(cr);
  lus_thorax_lung_path(cr);
  if (is_known(exam, i))
    lus_paper_ink(paper, LUS_PAPER_VERTICAL, shade_of(exam->zones[i].features[LUS_FEATURE_VERTICAL_PERCENT]));
  else
    lus_paper_ink(paper, LUS_PAPER_WHITE, 1);
  cairo_fill(cr);
  cairo_restore(cr);
}

static void draw_zone(LusPaper *paper, const LusExamFile *exam, int i, const LusThoraxCell *cell, int n)
{
  const LusZone *zone = &exam->zones[i];
  gboolean left = zone->name[0] == 'L', known = is_known(exam, i);
  double x, y, percent = zone->features[LUS_FEATURE_VERTICAL_PERCENT], size = n <= 4 ? 2.4 : 1.8;
  g_autofree char *number = known ? g_strdup_printf("%.0f %%", percent) : g_strdup(why_unknown(exam, i));
  fill_zone(paper, exam, i, cell, left);
  lus_paper_ink(paper, known ? LUS_PAPER_TEXT : LUS_PAPER_LABEL, 1);
  lus_thorax_stroke_cell(paper->cr, cell, left, known ? 0.18 : 0.22, !known);
  lus_thorax_label_place(paper->cr, cell, left, &x, &y);
  y -= cell->y1 < 1 ? 0.3 : 1.2; /* the lowest zones are cut off by the diaphragm */
  gboolean dark = known && shade_of(percent) > 0.55;
  lus_paper_ink(paper, dark ? LUS_PAPER_WHITE : known ? LUS_PAPER_TEXT : LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, x, y - 0.1, size, LUS_PAPER_BOLD | LUS_PAPER_CENTRE, 0, zone->name);
  lus_paper_text(paper, x, y + (n <= 4 ? 2.9 : 2.2), known ? size : 1.7, LUS_PAPER_CENTRE, 0, number);
}

static void draw_scale(LusPaper *paper, double x, double y, double width)
{
  cairo_pattern_t *shades = cairo_pattern_create_linear(x, 0, x + width, 0);
  for (int i = 0; i < 2; i++)
    cairo_pattern_add_color_stop_rgba(shades, i, .02, .56, .68, shade_of(i * HEAVY));
  cairo_rectangle(paper->cr, x, y, width, 2);
  cairo_set_source(paper->cr, shades);
  cairo_fill(paper->cr);
  cairo_pattern_destroy(shades);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, x - 1.2, y + 1.9, 2.4, LUS_PAPER_RIGHT, 0, "0 %");
  g_autofree char *high = g_strdup_printf("%.0f %% and more", HEAVY);
  lus_paper_text(paper, x + width + 1.2, y + 1.9, 2.4, 0, 0, high);
}

void lus_report_thorax(LusPaper *paper, const LusExamFile *exam, double x, double y, double width)
{
  cairo_t *cr = paper->cr;
  int n[2] = {0, 0}, seen[2] = {0, 0};
  lus_paper_heading(paper, x, y, "B-line/pleura percentage of each zone");
  for (int i = 0; i < exam->n_zones; i++)
    n[exam->zones[i].name[0] == 'L']++;
  cairo_save(cr);
  double scale = MIN(width / LUS_THORAX_WIDTH, 52 / LUS_THORAX_HEIGHT);
  cairo_translate(cr, x + (width - scale * LUS_THORAX_WIDTH) / 2, y + 5);
  cairo_scale(cr, scale, scale);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 0.7);
  lus_thorax_stroke_trunk(cr, 0.25);
  for (int i = 0; i < exam->n_zones; i++) {
    gboolean left = exam->zones[i].name[0] == 'L';
    LusThoraxCell cell = lus_thorax_cell(seen[left]++, n[left]);
    draw_zone(paper, exam, i, &cell, n[left]);
  }
  cairo_restore(cr);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, x, y + 7, 2.6, 0, 0, "patient's right");
  lus_paper_text(paper, x + width, y + 7, 2.6, LUS_PAPER_RIGHT, 0, "patient's left");
  draw_scale(paper, x + width / 2 - 20, y + 60.5, 30);
}

/* ---- estimates ---- */

/** A track with the interval and the value on it; NaN leaves out. */
static void draw_range(LusPaper *paper, double x, double y, double width, const double axis[2],
                       const LusEstimateValue *value)
{
  cairo_t *cr = paper->cr;
  double scale = width / (axis[1] - axis[0]);
  lus_paper_ink(paper, LUS_PAPER_SHADE, 1);
  cairo_rectangle(cr, x, y - 1.5, width, 3);
  cairo_fill(cr);
  if (!value->valid)
    return;
  double low = x + (CLAMP(value->low, axis[0], axis[1]) - axis[0]) * scale;
  double high = x + (CLAMP(value->high, axis[0], axis[1]) - axis[0]) * scale;
  lus_paper_ink(paper, LUS_PAPER_LABEL, 0.55);
  cairo_rectangle(cr, low, y - 1.5, high - low, 3);
  cairo_fill(cr);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  cairo_rectangle(cr, x + (value->value - axis[0]) * scale - 0.5, y - 2.4, 1, 4.8);
  cairo_fill(cr);
}

static void draw_ticks(LusPaper *paper, double x, double y, double width, const double axis[2], const int *ticks, int n,
                       const char *unit)
{
  for (int i = 0; i < n; i++) {
    double at = x + (ticks[i] - axis[0]) * width / (axis[1] - axis[0]);
    g_autofree char *text = g_strdup_printf("%d%s", ticks[i], unit);
    lus_paper_ink(paper, LUS_PAPER_RULE, 1);
    cairo_rectangle(paper->cr, at - 0.12, y, 0.24, 1.4);
    cairo_fill(paper->cr);
    lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
    lus_paper_text(paper, at, y + 4, 2.3, LUS_PAPER_CENTRE, 0, text);
  }
}

static void draw_reason(LusPaper *paper, double x, double y, double width, const char *reason)
{
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  double taken = lus_paper_text(paper, x, y, 9, LUS_PAPER_BOLD, 0, "--");
  lus_paper_text(paper, x + taken + 4, y - 0.6, 3.2, 0, width - taken - 4, *reason ? reason : "not valid");
}

static void draw_measured(LusPaper *paper, const LusExamFile *exam, double x, double y, double width,
                          const double axis[2])
{
  cairo_t *cr = paper->cr;
  if (isnan(exam->measured_sf))
    return;
  double at = x + (exam->measured_sf - axis[0]) * width / (axis[1] - axis[0]);
  g_autofree char *text = g_strdup_printf("measured %.0f", exam->measured_sf);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  cairo_move_to(cr, at, y - 1.9);
  cairo_line_to(cr, at - 1.1, y - 4);
  cairo_line_to(cr, at + 1.1, y - 4);
  cairo_close_path(cr);
  cairo_set_line_width(cr, 0.3);
  cairo_stroke(cr);
  gboolean near_end = at > x + width - 18;
  lus_paper_text(paper, near_end ? at - 1.8 : at + 1.8, y - 2.6, 2.5, near_end ? LUS_PAPER_RIGHT : 0, 0, text);
}

static void draw_sf(LusPaper *paper, const LusExamFile *exam, double x, double y, double width)
{
  static const double axis[2] = {LUS_SF_MIN, LUS_SF_MAX};
  static const int ticks[] = {148, 235, 315, 462};
  const LusEstimateValue *sf = &exam->estimate.sf;
  lus_paper_heading(paper, x, y, "S/F estimate (SpO2 / FiO2)");
  if (sf->valid) {
    g_autofree char *value = g_strdup_printf("%.0f", sf->value);
    g_autofree char *interval = g_strdup_printf("90 %% interval %.0f to %.0f", sf->low, sf->high);
    lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
    double taken = lus_paper_text(paper, x, y + 11, 9, LUS_PAPER_BOLD, 0, value);
    lus_paper_text(paper, x + taken + 4, y + 11, 3.2, 0, width - taken - 4, interval);
  } else {
    draw_reason(paper, x, y + 11, width, sf->reason);
  }
  draw_range(paper, x, y + 18.5, width, axis, sf);
  draw_measured(paper, exam, x, y + 18.5, width, axis);
  draw_ticks(paper, x, y + 20.4, width, axis, ticks, G_N_ELEMENTS(ticks), "");
  lus_paper_text(paper, x, y + 28, 2.3, 0, width, "148, 235, 315: steps of the 2024 ARDS definition; 462: 97 % on room air");
}

static void draw_change(LusPaper *paper, const LusExamFile *exam, double x, double y, double width)
{
  static const char *const names[3] = {"lower", "same", "higher"};
  const LusEstimate *estimate = &exam->estimate;
  g_autofree char *base = exam->baseline ? g_path_get_basename(exam->baseline) : NULL;
  g_autofree char *heading = g_strdup_printf("S/F change%s%s", base ? " since " : "", base ? base : "");
  lus_paper_heading(paper, x, y, heading);
  if (!estimate->change_valid) {
    draw_reason(paper, x, y + 8.5, width, estimate->change_reason);
    return;
  }
  for (int i = 0; i < 3; i++) {
    gboolean chosen = i == estimate->change_class + 1;
    double p = estimate->change_probability[i], at = y + 4.7 + 4.2 * i, bar = width - 36;
    g_autofree char *percent = isnan(p) ? g_strdup("-") : g_strdup_printf("%.0f %%", 100 * p);
    lus_paper_ink(paper, chosen ? LUS_PAPER_TEXT : LUS_PAPER_LABEL, 1);
    lus_paper_text(paper, x, at, 3.2, chosen ? LUS_PAPER_BOLD : 0, 0, names[i]);
    lus_paper_text(paper, x + width, at, 3, LUS_PAPER_RIGHT | (chosen ? LUS_PAPER_BOLD : 0), 0, percent);
    lus_paper_ink(paper, LUS_PAPER_SHADE, 1);
    cairo_rectangle(paper->cr, x + 18, at - 2.3, bar, 2.4);
    cairo_fill(paper->cr);
    lus_paper_ink(paper, chosen ? LUS_PAPER_TEXT : LUS_PAPER_LABEL, chosen ? 1 : 0.55);
    cairo_rectangle(paper->cr, x + 18, at - 2.3, isnan(p) ? 0 : bar * p, 2.4);
    cairo_fill(paper->cr);
  }
}

static void draw_readmission(LusPaper *paper, const LusExamFile *exam, double x, double y, double width)
{
  static const double axis[2] = {0, 1};
  const LusEstimateValue *risk = &exam->estimate.readmission;
  lus_paper_heading(paper, x, y, "Readmission within 30 days");
  if (!risk->valid) {
    draw_reason(paper, x, y + 8.5, width, risk->reason);
    return;
  }
  g_autofree char *value = g_strdup_printf("%.0f %%", 100 * risk->value);
  g_autofree char *interval = g_strdup_printf("90 %% interval %.0f to %.0f %%", 100 * risk->low, 100 * risk->high);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  double taken = lus_paper_text(paper, x, y + 7.2, 6, LUS_PAPER_BOLD, 0, value);
  lus_paper_text(paper, x + taken + 3, y + 7.2, 3.2, 0, width - taken - 3, interval);
  draw_range(paper, x, y + 11.2, width, axis, risk);
}

void lus_report_results(LusPaper *paper, const LusExamFile *exam, double x, double y, double width)
{
  draw_sf(paper, exam, x, y, width);
  draw_change(paper, exam, x, y + 34, width);
  draw_readmission(paper, exam, x, y + 53, width);
}
