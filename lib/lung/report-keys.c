/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report's lower half: key frames and the table of the zones' numbers. */
#include <math.h>

#include "lung/overlay-palette.h"
#include "lung/report-parts.h"

#define GAP 3.0
#define CAPTION 4.5
#define MAX_COLUMNS 6

static void draw_legend(LusPaper *paper, double x, double y)
{
  static const char *const classes[] = {"vertical_line", "fascia_band", "pleural_line"};
  for (gsize i = 0; i < G_N_ELEMENTS(classes); i++) {
    guint8 rgb[3];
    lus_class_colour(rgb, classes[i]);
    g_autofree char *title = lus_class_title(classes[i]);
    lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
    x -= lus_paper_text(paper, x, y, 2.6, LUS_PAPER_RIGHT, 0, title) + 5;
    cairo_set_source_rgb(paper->cr, rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0);
    cairo_rectangle(paper->cr, x, y - 2, 3.6, 2.2);
    cairo_fill(paper->cr);
    x -= 5;
  }
}

/** Black where a picture is, else a shade with the reason. */
static void draw_picture(LusPaper *paper, cairo_surface_t *key, const char *reason, double x, double y, double width,
                         double height)
{
  cairo_t *cr = paper->cr;
  lus_paper_ink(paper, key ? LUS_PAPER_BLACK : LUS_PAPER_SHADE, 1);
  cairo_rectangle(cr, x, y, width, height);
  cairo_fill(cr);
  if (!key) {
    lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
    lus_paper_text(paper, x + width / 2, y + height / 2 + 1, 3, LUS_PAPER_CENTRE, 0, reason);
    return;
  }
  double kw = cairo_image_surface_get_width(key), kh = cairo_image_surface_get_height(key);
  double scale = MIN(width / kw, height / kh);
  cairo_save(cr);
  cairo_translate(cr, x + (width - scale * kw) / 2, y + (height - scale * kh) / 2);
  cairo_scale(cr, scale, scale);
  cairo_set_source_surface(cr, key, 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_GOOD);
  cairo_paint(cr);
  cairo_restore(cr);
}

static void draw_key(LusPaper *paper, const LusReportExam *report, int i, double x, double y, double width,
                     double height)
{
  const LusZone *zone = &report->exam->zones[i];
  const char *reason = zone->frames == 0 ? "zone missing" : "no key frame beside exam.json";
  double percent = zone->features[LUS_FEATURE_VERTICAL_PERCENT];
  g_autofree char *text =
    zone->frames == 0 ? g_strdup("-")
    : report->exam->missing[i] ? g_strdup_printf("too few frames: %d", zone->frames)
    : isnan(percent) ? g_strdup("no pleural line")
                     : g_strdup_printf("%.1f B-lines, %.0f %%", zone->features[LUS_FEATURE_VERTICAL_COUNT], percent);
  draw_picture(paper, report->keys[i], reason, x, y, width, height - CAPTION);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  double taken = lus_paper_text(paper, x, y + height - 0.8, 3.2, LUS_PAPER_BOLD, 0, zone->name);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, x + taken + 2, y + height - 0.8, 2.7, 0, width - taken - 2, text);
}

void lus_report_keys(LusPaper *paper, const LusReportExam *report, double x, double y, double width, double height)
{
  int n = report->exam->n_zones, sides[2] = {0, 0};
  for (int i = 0; i < n; i++)
    sides[report->exam->zones[i].name[0] == 'L']++;
  /* A row for each side where both have the same zones. */
  int columns = CLAMP(sides[0] == sides[1] ? sides[0] : (n + 1) / 2, 1, MAX_COLUMNS), rows = (n + columns - 1) / columns;
  double cell_width = (width - GAP * (columns - 1)) / columns;
  double cell_height = MIN((height - 5 - GAP * (rows - 1)) / rows, cell_width + CAPTION);
  lus_paper_heading(paper, x, y + 3, "Key frames: of each zone's frames a typical one");
  draw_legend(paper, x + width, y + 3);
  for (int i = 0; i < n; i++)
    draw_key(paper, report, i, x + (i % columns) * (cell_width + GAP), y + 5 + (i / columns) * (cell_height + GAP),
             cell_width, cell_height);
}

/* ---- table ---- */

static const struct {
  LusFeature feature;
  const char *head, *below;
} columns[] = {
  {LUS_FEATURE_PLEURA_COVERAGE, "Pleural line", "coverage"},
  {LUS_FEATURE_PLEURA_DEPTH, "Pleural line", "depth"},
  {LUS_FEATURE_PLEURA_THICKNESS, "Pleural line", "thickness"},
  {LUS_FEATURE_PLEURA_BREAKS, "Pleural line", "breaks"},
  {LUS_FEATURE_VERTICAL_COUNT, "B-lines", "per frame"},
  {LUS_FEATURE_VERTICAL_PERCENT, "B-line/", "pleura"},
  {LUS_FEATURE_VERTICAL_WIDEST, "Widest", "B-line"},
  {LUS_FEATURE_FASCIA_AREA, "Fascia", "area"},
};

#define HEAD 8.5

static double row_height(int n_zones)
{
  return n_zones <= 8 ? 4.4 : 3.6;
}

double lus_report_table_height(int n_zones)
{
  return HEAD + n_zones * row_height(n_zones);
}

static void draw_row(LusPaper *paper, const LusExamFile *exam, int i, double x, double y, double step)
{
  const LusZone *zone = &exam->zones[i];
  g_autofree char *frames = zone->frames > 0 ? g_strdup_printf("%d", zone->frames) : g_strdup("missing");
  lus_paper_ink(paper, exam->missing[i] ? LUS_PAPER_LABEL : LUS_PAPER_TEXT, 1);
  lus_paper_text(paper, x, y, 2.8, LUS_PAPER_BOLD, 0, zone->name);
  lus_paper_text(paper, x + 2 * step, y, 2.8, LUS_PAPER_RIGHT, 0, frames);
  for (gsize k = 0; k < G_N_ELEMENTS(columns); k++) {
    LusFeature feature = columns[k].feature;
    g_autofree char *text = lus_report_number(zone->features[feature], lus_feature_info(feature)->unit);
    lus_paper_text(paper, x + (double)(k + 3) * step, y, 2.8, LUS_PAPER_RIGHT, 0, text);
  }
}

void lus_report_table(LusPaper *paper, const LusExamFile *exam, double x, double y, double width)
{
  double step = width / (G_N_ELEMENTS(columns) + 2), height = row_height(exam->n_zones);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, x, y + 6, 2.5, 0, 0, "Zone");
  lus_paper_text(paper, x + 2 * step, y + 6, 2.5, LUS_PAPER_RIGHT, 0, "frames");
  for (gsize k = 0; k < G_N_ELEMENTS(columns); k++) {
    lus_paper_text(paper, x + (double)(k + 3) * step, y + 3, 2.5, LUS_PAPER_RIGHT, 0, columns[k].head);
    lus_paper_text(paper, x + (double)(k + 3) * step, y + 6, 2.5, LUS_PAPER_RIGHT, 0, columns[k].below);
  }
  lus_paper_ink(paper, LUS_PAPER_RULE, 1);
  lus_paper_rule(paper, x, x + width, y + 7.4);
  for (int i = 0; i < exam->n_zones; i++)
    draw_row(paper, exam, i, x, y + HEAD + height * (i + 0.65), step);
}
