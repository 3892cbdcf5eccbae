/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <pango/pangocairo.h>

#include "lung/exam-file.h"

/** The parts of the report, private to report*.c. Lengths are mm on a page of A4. */

#define LUS_PAPER_WIDTH 210.0
#define LUS_PAPER_HEIGHT 297.0
#define LUS_PAPER_MARGIN 14.0

typedef enum {
  LUS_PAPER_TEXT,  /* values, words */
  LUS_PAPER_LABEL, /* captions, units */
  LUS_PAPER_RULE,  /* rules, tracks */
  LUS_PAPER_SHADE, /* under pictures that are not there */
  LUS_PAPER_BLACK, LUS_PAPER_WHITE,
  LUS_PAPER_VERTICAL /* the display's colour for vertical lines, dark enough for paper */
} LusPaperInk;

typedef enum { LUS_PAPER_BOLD = 1, LUS_PAPER_RIGHT = 2, LUS_PAPER_CENTRE = 4 } LusPaperFlags;

typedef struct {
  cairo_t *cr;
  PangoLayout *layout;
} LusPaper;

void lus_paper_open(LusPaper *paper, cairo_t *cr);
void lus_paper_close(LusPaper *paper);
void lus_paper_ink(LusPaper *paper, LusPaperInk ink, double opacity);
/** @text of @size on the baseline (x, y) with the colour last set; what is wider than @width (0: no limit) ends in dots.
 *  Returns the width drawn. */
double lus_paper_text(LusPaper *paper, double x, double y, double size, unsigned flags, double width, const char *text);
void lus_paper_rule(LusPaper *paper, double x0, double x1, double y);
/** A small heading. */
void lus_paper_heading(LusPaper *paper, double x, double y, const char *text);

/** A PNG file's bytes; NULL: out of memory. */
GByteArray *lus_surface_png(cairo_surface_t *surface);

/** An exam and its key frames. */
typedef struct {
  LusExamFile *exam;
  cairo_surface_t *keys[LUS_MAX_ZONES]; /* NULL: none */
} LusReportExam;

#define LUS_REPORT_MAX_EXAMS 64

struct _LusReport {
  int n;
  LusReportExam exams[LUS_REPORT_MAX_EXAMS]; /* by day; the last one is reported */
};

/** "34 %", "2.1", "-" where unknown. Newly allocated. */
char *lus_report_number(double value, const char *unit);
/** Mean B-line/pleura percentage over the zones that know it; NaN: none. */
double lus_report_mean_percent(const LusExamFile *exam);

/* Blocks; each begins at (x, y) and takes at most the width and height given. */
void lus_report_thorax(LusPaper *paper, const LusExamFile *exam, double x, double y, double width);
void lus_report_results(LusPaper *paper, const LusExamFile *exam, double x, double y, double width);
void lus_report_trend(LusPaper *paper, const LusReportExam *exams, int n, double x, double y, double width,
                      double height);
void lus_report_keys(LusPaper *paper, const LusReportExam *exam, double x, double y, double width, double height);
/** Height of the table of an exam with so many zones. */
double lus_report_table_height(int n_zones);
void lus_report_table(LusPaper *paper, const LusExamFile *exam, double x, double y, double width);
