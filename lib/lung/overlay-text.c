/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "lung/overlay-parts.h"
#include "nn/error.h"

void lus_canvas_open(LusCanvas *canvas)
{
  *canvas = (LusCanvas){.u = 10, .min_px = 10};
  canvas->fonts = pango_cairo_font_map_new();
  PangoContext *context = pango_font_map_create_context(canvas->fonts);
  cairo_font_options_t *options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);
  pango_context_set_round_glyph_positions(context, FALSE);
  canvas->layout = pango_layout_new(context);
  g_object_unref(context);
  lus_canvas_text_width(canvas, 1, 0, LUS_NOTICE); /* finds the fonts now rather than at the first frame */
  lus_canvas_text_width(canvas, 1, LUS_TEXT_BOLD, LUS_NOTICE);
}

void lus_canvas_close(LusCanvas *canvas)
{
  g_clear_object(&canvas->layout);
  g_clear_object(&canvas->fonts);
}

void lus_canvas_colour(LusCanvas *canvas, LusColour colour, double opacity)
{
  canvas->colour = colour;
  cairo_set_source_rgba(canvas->cr, colour.r / 255.0, colour.g / 255.0, colour.b / 255.0, opacity);
}

void lus_canvas_ink(LusCanvas *canvas, LusInk ink)
{
  lus_canvas_colour(canvas, lus_ink_colour(ink), 1);
}

static PangoLayoutLine *set_text(LusCanvas *canvas, double px, gboolean large, unsigned flags, const char *text)
{
  PangoFontDescription *font = pango_font_description_new();
  pango_font_description_set_family_static(font, "Inter, Noto Sans, DejaVu Sans");
  pango_font_description_set_weight(font, flags & LUS_TEXT_BOLD ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_MEDIUM);
  pango_font_description_set_absolute_size(font, px * PANGO_SCALE);
  pango_layout_set_font_description(canvas->layout, font);
  pango_font_description_free(font);
  PangoAttrList *attributes = pango_attr_list_new();
  if (flags & LUS_TEXT_TABULAR)
    pango_attr_list_insert(attributes, pango_attr_font_features_new("tnum=1"));
  if (large)
    pango_attr_list_insert(attributes, pango_attr_letter_spacing_new((int)(-0.015 * px * PANGO_SCALE)));
  pango_layout_set_attributes(canvas->layout, attributes);
  pango_attr_list_unref(attributes);
  pango_layout_set_text(canvas->layout, text, -1);
  return pango_layout_get_line_readonly(canvas->layout, 0);
}

static double line_width(PangoLayoutLine *line)
{
  PangoRectangle logical;
  pango_layout_line_get_extents(line, NULL, &logical);
  return (double)logical.width / PANGO_SCALE;
}

double lus_canvas_text_width(LusCanvas *canvas, double size, unsigned flags, const char *text)
{
  return line_width(set_text(canvas, MAX(size * canvas->u, canvas->min_px), size >= 8, flags, text)) / canvas->u;
}

double lus_canvas_text(LusCanvas *canvas, double x, double y, double size, unsigned flags, double width,
                       const char *text)
{
  cairo_t *cr = canvas->cr;
  double px = MAX(size * canvas->u, canvas->min_px), limit = width * canvas->u;
  PangoLayoutLine *line = set_text(canvas, px, size >= 8, flags, text);
  double drawn = line_width(line);
  if (drawn > limit && drawn > 0) {
    px = MAX(px * MAX(limit / drawn, 0.85), MIN(px, canvas->min_px));
    line = set_text(canvas, px, size >= 8, flags, text);
    drawn = line_width(line);
  }
  cairo_user_to_device(cr, &x, &y);
  x -= flags & LUS_TEXT_RIGHT ? drawn : flags & LUS_TEXT_CENTRE ? drawn / 2 : 0;
  cairo_save(cr);
  cairo_identity_matrix(cr);
  cairo_move_to(cr, x, rint(y));
  pango_cairo_layout_line_path(cr, line);
  if (!(flags & LUS_TEXT_BARE)) {
    cairo_set_source_rgba(cr, 0, 0, 0, 0.75);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_width(cr, canvas->u); /* 0.5 u on either side */
    cairo_stroke_preserve(cr);
  }
  cairo_restore(cr);
  lus_canvas_colour(canvas, canvas->colour, 1);
  cairo_fill(cr);
  return drawn / canvas->u;
}

/* Nearest grid position on an even pixel. */
static double snap_x(const LusCanvas *canvas, double x)
{
  double y = 0;
  cairo_user_to_device(canvas->cr, &x, &y);
  x = 2 * rint(x / 2);
  cairo_device_to_user(canvas->cr, &x, &y);
  return x;
}

static double snap_y(const LusCanvas *canvas, double y)
{
  double x = 0;
  cairo_user_to_device(canvas->cr, &x, &y);
  y = 2 * rint(y / 2);
  cairo_device_to_user(canvas->cr, &x, &y);
  return y;
}

void lus_canvas_rule(LusCanvas *canvas, double x0, double x1, double y)
{
  double height = 2 * MAX(1, rint(0.15 * canvas->u)) / canvas->u;
  cairo_rectangle(canvas->cr, x0, snap_y(canvas, y - height / 2), x1 - x0, height);
  cairo_fill(canvas->cr);
}

void lus_canvas_rounded(LusCanvas *canvas, double x, double y, double width, double height, double radius)
{
  cairo_t *cr = canvas->cr;
  double x1 = snap_x(canvas, x + width), y1 = snap_y(canvas, y + height);
  x = snap_x(canvas, x);
  y = snap_y(canvas, y);
  radius = MIN(radius, MIN(x1 - x, y1 - y) / 2);
  cairo_new_sub_path(cr);
  cairo_arc(cr, x1 - radius, y + radius, radius, -G_PI_2, 0);
  cairo_arc(cr, x1 - radius, y1 - radius, radius, 0, G_PI_2);
  cairo_arc(cr, x + radius, y1 - radius, radius, G_PI_2, G_PI);
  cairo_arc(cr, x + radius, y + radius, radius, G_PI, 3 * G_PI_2);
  cairo_close_path(cr);
}

void lus_canvas_triangle(LusCanvas *canvas, double x, double y, double width, double height, gboolean down)
{
  double base = down ? y : y + height, tip = down ? y + height : y;
  cairo_move_to(canvas->cr, x, base);
  cairo_line_to(canvas->cr, x + width, base);
  cairo_line_to(canvas->cr, x + width / 2, tip);
  cairo_close_path(canvas->cr);
}
