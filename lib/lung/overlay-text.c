/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "lung/overlay-parts.h"
#include "nn/error.h"

void lus_canvas_open(LusCanvas *canvas)
{
  *canvas = (LusCanvas){.glyphs = lus_glyphs_new(), .u = 10, .min_px = 10};
  lus_canvas_text_width(canvas, 1, 0, LUS_NOTICE); /* finds the fonts now rather than at the first frame */
  lus_canvas_text_width(canvas, 1, LUS_TEXT_BOLD, LUS_NOTICE);
}

void lus_canvas_close(LusCanvas *canvas)
{
  g_clear_pointer(&canvas->glyphs, lus_glyphs_free);
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

static const LusText *find_text(const LusCanvas *canvas, double px, double size, unsigned flags, const char *string)
{
  return lus_glyphs_text(canvas->glyphs, px, size >= 8, flags, string);
}

double lus_canvas_text_width(LusCanvas *canvas, double size, unsigned flags, const char *text)
{
  return lus_text_width(find_text(canvas, MAX(size * canvas->u, canvas->min_px), size, flags, text)) / canvas->u;
}

double lus_canvas_text(LusCanvas *canvas, double x, double y, double size, unsigned flags, double width,
                       const char *string)
{
  double px = MAX(size * canvas->u, canvas->min_px), limit = width * canvas->u;
  const LusText *text = find_text(canvas, px, size, flags, string);
  double drawn = lus_text_width(text);
  if (drawn > limit && drawn > 0) {
    px = MAX(px * MAX(limit / drawn, 0.85), MIN(px, canvas->min_px));
    text = find_text(canvas, px, size, flags, string);
    drawn = lus_text_width(text);
  }
  cairo_user_to_device(canvas->cr, &x, &y);
  x -= flags & LUS_TEXT_RIGHT ? drawn : flags & LUS_TEXT_CENTRE ? drawn / 2 : 0;
  lus_glyphs_draw(canvas->glyphs, cairo_get_target(canvas->cr), text, x, rint(y),
                  flags & LUS_TEXT_BARE ? 0 : 0.5 * canvas->u, canvas->colour);
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
