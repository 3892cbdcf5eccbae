/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the report's blocks are drawn with: texts, rules and colours on white paper. */
#include "lung/report-parts.h"
#include "lung/text-layout.h"

#include <math.h>

static const double inks[][3] = {
  [LUS_PAPER_TEXT] = {.10, .11, .13}, [LUS_PAPER_LABEL] = {.36, .39, .42}, [LUS_PAPER_RULE] = {.80, .82, .84},
  [LUS_PAPER_SHADE] = {.945, .95, .955}, [LUS_PAPER_BLACK] = {0, 0, 0}, [LUS_PAPER_WHITE] = {1, 1, 1},
  [LUS_PAPER_VERTICAL] = {.02, .56, .68},
};

void lus_paper_open(LusPaper *paper, cairo_t *cr)
{
  paper->cr = cr;
  paper->layout = lus_text_layout_new();
  pango_layout_set_single_paragraph_mode(paper->layout, TRUE);
}

void lus_paper_close(LusPaper *paper)
{
  g_clear_object(&paper->layout);
}

void lus_paper_ink(LusPaper *paper, LusPaperInk ink, double opacity)
{
  cairo_set_source_rgba(paper->cr, inks[ink][0], inks[ink][1], inks[ink][2], opacity);
}

/* Texts are set ten times as large as they are drawn: Pango rounds small sizes. */
#define ENLARGED 10.0

double lus_paper_text(LusPaper *paper, double x, double y, double size, unsigned flags, double width, const char *text)
{
  PangoFontDescription *font = pango_font_description_new();
  PangoAttrList *attributes = pango_attr_list_new();
  pango_font_description_set_family_static(font, "Inter, Noto Sans, DejaVu Sans");
  pango_font_description_set_weight(font, flags & LUS_PAPER_BOLD ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_absolute_size(font, size * ENLARGED * PANGO_SCALE);
  pango_layout_set_font_description(paper->layout, font);
  pango_font_description_free(font);
  pango_attr_list_insert(attributes, pango_attr_font_features_new("tnum=1"));
  pango_layout_set_attributes(paper->layout, attributes);
  pango_attr_list_unref(attributes);
  pango_layout_set_ellipsize(paper->layout, width > 0 ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_NONE);
  pango_layout_set_width(paper->layout, width > 0 ? (int)(width * ENLARGED * PANGO_SCALE) : -1);
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  pango_layout_set_text(paper->layout, valid, -1);
  PangoLayoutLine *line = pango_layout_get_line_readonly(paper->layout, 0);
  PangoRectangle logical;
  pango_layout_line_get_extents(line, NULL, &logical);
  double drawn = (double)logical.width / PANGO_SCALE / ENLARGED;
  x -= flags & LUS_PAPER_RIGHT ? drawn : flags & LUS_PAPER_CENTRE ? drawn / 2 : 0;
  cairo_save(paper->cr);
  cairo_translate(paper->cr, x, y);
  cairo_scale(paper->cr, 1 / ENLARGED, 1 / ENLARGED);
  cairo_move_to(paper->cr, 0, 0);
  pango_cairo_show_layout_line(paper->cr, line);
  cairo_restore(paper->cr);
  cairo_new_path(paper->cr);
  return drawn;
}

void lus_paper_rule(LusPaper *paper, double x0, double x1, double y)
{
  cairo_set_line_width(paper->cr, 0.25);
  cairo_move_to(paper->cr, x0, y);
  cairo_line_to(paper->cr, x1, y);
  cairo_stroke(paper->cr);
}

void lus_paper_heading(LusPaper *paper, double x, double y, const char *text)
{
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, x, y, 3, LUS_PAPER_BOLD, 0, text);
}

static cairo_status_t append(void *closure, const unsigned char *data, unsigned length)
{
  g_byte_array_append(closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

GByteArray *lus_surface_png(cairo_surface_t *surface)
{
  GByteArray *png = g_byte_array_new();
  if (cairo_surface_write_to_png_stream(surface, append, png) == CAIRO_STATUS_SUCCESS)
    return png;
  g_byte_array_unref(png);
  return NULL;
}

char *lus_report_number(double value, const char *unit)
{
  if (isnan(value))
    return g_strdup("-");
  if (g_str_equal(unit, "count"))
    return g_strdup_printf("%.1f", value);
  return g_strdup_printf(fabs(value) < 9.95 ? "%.1f %s" : "%.0f %s", value, unit);
}

double lus_report_mean_percent(const LusExamFile *exam)
{
  double sum = 0;
  int n = 0;
  for (int i = 0; i < exam->n_zones; i++) {
    double percent = exam->zones[i].features[LUS_FEATURE_VERTICAL_PERCENT];
    if (isnan(percent) || exam->missing[i])
      continue;
    sum += percent;
    n++;
  }
  return n > 0 ? sum / n : NAN;
}
