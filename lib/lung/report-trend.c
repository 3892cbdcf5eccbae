/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report's trend over days: S/F with its intervals, and the B-line/pleura percentage. */
#include <math.h>

#include "lung/report-parts.h"

typedef struct {
  double x, y, width, height; /* of the plot */
  double first, last;         /* days */
  double low, high;           /* of the values */
} Plot;

static double at_day(const Plot *plot, double day)
{
  double share = plot->last > plot->first ? (day - plot->first) / (plot->last - plot->first) : 0.5;
  return plot->x + 5 + (plot->width - 10) * share;
}

static double at_value(const Plot *plot, double value)
{
  return plot->y + plot->height * (plot->high - CLAMP(value, plot->low, plot->high)) / (plot->high - plot->low);
}

static void draw_frame(LusPaper *paper, const Plot *plot, const LusReportExam *exams, int n, const int *ticks,
                       int n_ticks)
{
  for (int i = 0; i < n_ticks; i++) {
    double y = at_value(plot, ticks[i]);
    g_autofree char *text = g_strdup_printf("%d", ticks[i]);
    lus_paper_ink(paper, LUS_PAPER_RULE, 1);
    lus_paper_rule(paper, plot->x, plot->x + plot->width, y);
    lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
    lus_paper_text(paper, plot->x - 1.5, y + 0.9, 2.4, LUS_PAPER_RIGHT, 0, text);
  }
  double free_from = -INFINITY;
  for (int i = n - 1; i >= 0; i--) { /* the last day first: where days are close together, earlier labels give way */
    double x = at_day(plot, exams[i].exam->day);
    g_autofree char *text = g_strdup_printf("day %d", exams[i].exam->day);
    if (free_from > 0 && x > free_from - 11)
      continue;
    lus_paper_text(paper, x, plot->y + plot->height + 4, 2.4, LUS_PAPER_CENTRE, 0, text);
    free_from = x;
  }
}

static void draw_dot(LusPaper *paper, double x, double y, gboolean hollow)
{
  cairo_t *cr = paper->cr;
  cairo_arc(cr, x, y, 1.1, 0, 2 * G_PI);
  lus_paper_ink(paper, hollow ? LUS_PAPER_WHITE : LUS_PAPER_TEXT, 1);
  cairo_fill_preserve(cr);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  cairo_set_line_width(cr, 0.3);
  cairo_stroke(cr);
}

static void draw_bar(LusPaper *paper, double x, double y0, double y1)
{
  cairo_t *cr = paper->cr;
  lus_paper_ink(paper, LUS_PAPER_LABEL, 0.7);
  cairo_set_line_width(cr, 0.5);
  cairo_move_to(cr, x, y0);
  cairo_line_to(cr, x, y1);
  cairo_move_to(cr, x - 1.2, y0);
  cairo_line_to(cr, x + 1.2, y0);
  cairo_move_to(cr, x - 1.2, y1);
  cairo_line_to(cr, x + 1.2, y1);
  cairo_stroke(cr);
}

static void draw_triangle(LusPaper *paper, double x, double y)
{
  cairo_t *cr = paper->cr;
  cairo_move_to(cr, x - 2.2, y);
  cairo_line_to(cr, x - 4.2, y - 1.1);
  cairo_line_to(cr, x - 4.2, y + 1.1);
  cairo_close_path(cr);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  cairo_set_line_width(cr, 0.3);
  cairo_stroke(cr);
}

static double sf_of(const LusExamFile *exam)
{
  return exam->estimate.sf.valid ? exam->estimate.sf.value : NAN;
}

static void draw_line(LusPaper *paper, const Plot *plot, const LusReportExam *exams, int n,
                      double (*value)(const LusExamFile *))
{
  gboolean drawing = FALSE;
  for (int i = 0; i < n; i++) {
    double v = value(exams[i].exam), x = at_day(plot, exams[i].exam->day);
    if (isnan(v))
      continue;
    if (drawing)
      cairo_line_to(paper->cr, x, at_value(plot, v));
    else
      cairo_move_to(paper->cr, x, at_value(plot, v));
    drawing = TRUE;
  }
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  cairo_set_line_width(paper->cr, 0.3);
  cairo_stroke(paper->cr);
}

static gboolean same_origin(const LusExamFile *a, const LusExamFile *b)
{
  return g_strcmp0(a->model_sha256, b->model_sha256) == 0 && g_strcmp0(a->heads_sha256, b->heads_sha256) == 0;
}

/** An exam of another model or head stands as a hollow dot: its numbers are not of one kind with the last one's. */
static void draw_points(LusPaper *paper, const Plot *plot, const LusReportExam *exams, int n,
                        double (*value)(const LusExamFile *))
{
  for (int i = 0; i < n; i++) {
    const LusExamFile *exam = exams[i].exam;
    double x = at_day(plot, exam->day), v = value(exam);
    if (value == sf_of && exam->estimate.sf.valid)
      draw_bar(paper, x, at_value(plot, exam->estimate.sf.low), at_value(plot, exam->estimate.sf.high));
    if (value == sf_of && !isnan(exam->measured_sf))
      draw_triangle(paper, x, at_value(plot, exam->measured_sf));
    if (!isnan(v)) {
      draw_dot(paper, x, at_value(plot, v), !same_origin(exam, exams[n - 1].exam));
    } else {
      lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
      lus_paper_text(paper, x, plot->y + plot->height - 1, 3.4, LUS_PAPER_BOLD | LUS_PAPER_CENTRE, 0, "--");
    }
  }
}

static const char *note_of(const LusReportExam *exams, int n)
{
  for (int i = 0; i < n; i++)
    if (!same_origin(exams[i].exam, exams[n - 1].exam))
      return "hollow dots: measured with another model or other heads, not comparable";
  return NULL;
}

void lus_report_trend(LusPaper *paper, const LusReportExam *exams, int n, double x, double y, double width,
                      double height)
{
  static const int sf_ticks[] = {148, 235, 315, 462}, percents[] = {0, 50, 100};
  double half = (width - 10) / 2, first = exams[0].exam->day, last = exams[n - 1].exam->day;
  Plot sf = {x + 8, y + 7, half - 8, height - 13, first, last, LUS_SF_MIN, LUS_SF_MAX};
  Plot percent = {x + half + 18, y + 7, half - 8, height - 13, first, last, 0, 100};
  lus_paper_heading(paper, x, y + 3, "S/F estimate over days, 90 % intervals; triangles: measured");
  lus_paper_heading(paper, x + half + 10, y + 3, "B-line/pleura percentage, mean of zones");
  draw_frame(paper, &sf, exams, n, sf_ticks, G_N_ELEMENTS(sf_ticks));
  draw_frame(paper, &percent, exams, n, percents, G_N_ELEMENTS(percents));
  draw_line(paper, &sf, exams, n, sf_of);
  draw_points(paper, &sf, exams, n, sf_of);
  draw_line(paper, &percent, exams, n, lus_report_mean_percent);
  draw_points(paper, &percent, exams, n, lus_report_mean_percent);
  const char *note = note_of(exams, n);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  if (note)
    lus_paper_text(paper, x, y + height + 1.5, 2.4, 0, width, note);
}
