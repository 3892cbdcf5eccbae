/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"

/* The blocks' drawings, in the coordinates of docs/display.md: the whole grid of 320 x 180 u, the compact one of
 * 200 x 150. */

#define LEFT 254.0 /* the exam column */
#define RIGHT 308.0
#define COMPACT_RIGHT 194.0

static const char *const words[LUS_STATUS_N] = {
  [LUS_STATUS_LIVE] = "Live", [LUS_STATUS_SLOW] = "Slow", [LUS_STATUS_STALE] = "Stale",
  [LUS_STATUS_STARTING] = "Starting", [LUS_STATUS_NO_SIGNAL] = "No signal", [LUS_STATUS_FROZEN] = "Frozen",
  [LUS_STATUS_NO_MODEL] = "No model", [LUS_STATUS_NO_CONTACT] = "No contact", [LUS_STATUS_NEW_DEPTH] = "New depth",
  [LUS_STATUS_NO_MASKS] = "No masks",
};

/* --- status --- */

static gboolean running(LusStatus status)
{
  return status == LUS_STATUS_LIVE || status == LUS_STATUS_SLOW;
}

/* Eight dots in a ring, one of them lit while results come. */
static void draw_dots(LusCanvas *canvas, double x, double y, double radius, int lit)
{
  for (int i = 0; i < 8; i++) {
    double angle = i * G_PI / 4 - G_PI_2;
    lus_canvas_ink(canvas, i == lit ? LUS_INK_TEXT1 : LUS_INK_TEXT2);
    cairo_new_sub_path(canvas->cr);
    cairo_arc(canvas->cr, x + 0.8 * radius * cos(angle), y + 0.8 * radius * sin(angle),
              (i == lit ? 0.25 : 0.13) * radius, 0, 2 * G_PI);
    cairo_fill(canvas->cr);
  }
}

void lus_draw_mark(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  const LusBox *home = &layout->homes[LUS_BLOCK_MARK];
  double radius = home->width / 2, x = home->x + radius, y = home->y + radius;
  cairo_t *cr = canvas->cr;
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  switch (content->mark.status) {
  case LUS_STATUS_FROZEN:
    lus_canvas_rounded(canvas, x - 0.56 * radius, y - 0.7 * radius, 0.4 * radius, 1.4 * radius, 0);
    lus_canvas_rounded(canvas, x + 0.16 * radius, y - 0.7 * radius, 0.4 * radius, 1.4 * radius, 0);
    cairo_fill(cr);
    break;
  case LUS_STATUS_NO_SIGNAL:
  case LUS_STATUS_NO_MODEL:
  case LUS_STATUS_NO_MASKS:
  case LUS_STATUS_NO_CONTACT:
    cairo_set_line_width(cr, 0.2 * radius);
    cairo_new_sub_path(cr);
    cairo_arc(cr, x, y, 0.8 * radius, 0, 2 * G_PI);
    cairo_move_to(cr, x - 0.55 * radius, y + 0.55 * radius);
    cairo_line_to(cr, x + 0.55 * radius, y - 0.55 * radius);
    cairo_stroke(cr);
    break;
  default:
    draw_dots(canvas, x, y, radius, running(content->mark.status) ? content->mark.step : -1);
  }
}

/* The word; whatever needs attention is inverted: ink on a light plate, 1.36 times as high as the text. */
static void draw_word(LusCanvas *canvas, LusStatus status, double x, double y, double size, double width)
{
  if (running(status)) {
    lus_canvas_ink(canvas, LUS_INK_TEXT1);
    lus_canvas_text(canvas, x, y, size, LUS_TEXT_BOLD, width, words[status]);
    return;
  }
  double inset = 0.32 * size, room = width - 1.6 * inset, height = 1.36 * size;
  double drawn = MIN(lus_canvas_text_width(canvas, size, LUS_TEXT_BOLD, words[status]), room);
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  lus_canvas_rounded(canvas, x - 0.1 * size, y - 0.36 * size - height / 2, drawn + 2 * inset, height, 0.18 * size);
  cairo_fill(canvas->cr);
  lus_canvas_ink(canvas, LUS_INK_PLATE);
  lus_canvas_text(canvas, x - 0.1 * size + inset, y, size, LUS_TEXT_BOLD | LUS_TEXT_BARE, room, words[status]);
}

void lus_draw_status(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  const LusStatusContent *status = &content->status;
  gboolean live = running(status->status);
  if (layout->compact) {
    draw_word(canvas, status->status, 18.2, 14.3, 8, 38);
    for (int i = 0; i < 2 && !live; i++) {
      lus_canvas_ink(canvas, i ? LUS_INK_TEXT2 : LUS_INK_TEXT1);
      lus_canvas_text(canvas, 6, 21.4 + 4.8 * i, 4.5, 0, 50, status->lines[i]);
    }
    return;
  }
  draw_word(canvas, status->status, 24, 23, 8, 42);
  lus_canvas_ink(canvas, live ? LUS_INK_TEXT2 : LUS_INK_TEXT1);
  if (live)
    lus_canvas_text(canvas, 12, 32, 4.5, LUS_TEXT_TABULAR, 54, status->lines[0]);
  else
    lus_canvas_text(canvas, 12, 34, 6, 0, 54, status->lines[0]);
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  lus_canvas_text(canvas, 12, 42, 6, 0, 54, status->lines[1]);
}

/* --- legend --- */

static LusColour mixed(LusColour a, LusColour b, double share)
{
  return (LusColour){(guint8)lrint(a.r + share * (b.r - a.r)), (guint8)lrint(a.g + share * (b.g - a.g)),
                     (guint8)lrint(a.b + share * (b.b - a.b))};
}

/* A square drawn as the masks are: edge, fill, both, or the pale edge of what can't be vouched for. */
static void draw_swatch(LusCanvas *canvas, const LusLegendContent *legend, const LusLegendRow *row, double x, double y,
                        double size)
{
  cairo_t *cr = canvas->cr;
  double width = MAX(1.5 / canvas->u, row->width);
  cairo_new_path(cr);
  lus_canvas_rounded(canvas, x + 0.3, y, size, size, 0.2 * size);
  if (legend->style != LUS_OVERLAY_CONTOUR) {
    lus_canvas_colour(canvas, mixed(row->colour, lus_ink_colour(LUS_INK_BLACK), 0.58), 1);
    cairo_fill_preserve(cr);
  }
  double dim = legend->dim ? 0.55 : legend->style == LUS_OVERLAY_FILL ? 0.25 : 0;
  lus_canvas_colour(canvas, mixed(row->colour, lus_ink_colour(LUS_INK_BLACK), dim), 1);
  cairo_set_line_width(cr, legend->style == LUS_OVERLAY_FILL && !legend->dim ? 0.8 * width : width);
  cairo_stroke(cr);
}

static void draw_bar(LusCanvas *canvas, const LusLegendRow *row, double x, double y)
{
  const double length = 23.5, height = 1.2;
  cairo_t *cr = canvas->cr;
  lus_canvas_ink(canvas, LUS_INK_TRACK);
  lus_canvas_rounded(canvas, x, y - height / 2, length, height, height / 2);
  cairo_fill(cr);
  if (row->percent > 0) {
    lus_canvas_colour(canvas, row->colour, 1);
    lus_canvas_rounded(canvas, x, y - height / 2, MAX(height, length * row->percent / 100.0), height, height / 2);
    cairo_fill(cr);
  }
  if (row->threshold >= 0) {
    lus_canvas_ink(canvas, LUS_INK_TEXT1);
    cairo_set_line_width(cr, MAX(0.35, 1 / canvas->u));
    cairo_move_to(cr, x + length * row->threshold / 100.0, y - 1.4);
    cairo_line_to(cr, x + length * row->threshold / 100.0, y + 1.4);
    cairo_stroke(cr);
  }
}

static void draw_row(LusCanvas *canvas, const LusLegendContent *legend, const LusLegendRow *row, double top)
{
  char text[24];
  gboolean seen = row->percent >= 0;
  draw_swatch(canvas, legend, row, 12, top, 6);
  lus_canvas_ink(canvas, seen || !legend->confidence ? LUS_INK_TEXT1 : LUS_INK_TEXT2);
  lus_canvas_text(canvas, 21.5, top + 4.7, 4.5, 0, 44.5, row->name);
  if (!legend->confidence)
    return;
  draw_bar(canvas, row, 21.5, top + 10.8);
  g_snprintf(text, sizeof text, "%d\302\240%%", row->percent);
  if (seen) {
    lus_canvas_ink(canvas, LUS_INK_TEXT1);
    lus_canvas_text(canvas, 66, top + 13, 6, LUS_TEXT_BOLD | LUS_TEXT_RIGHT | LUS_TEXT_TABULAR, 19, text);
    return;
  }
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  if (row->percent == LUS_PERCENT_NOT_SEEN)
    lus_canvas_text(canvas, 66, top + 12.6, 4.5, LUS_TEXT_RIGHT, 20, "not seen");
  else
    lus_canvas_text(canvas, 66, top + 12.9, 6, LUS_TEXT_BOLD | LUS_TEXT_RIGHT, 20, "--");
}

void lus_draw_legend(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  const LusLegendContent *legend = &content->legend;
  for (int i = 0; i < legend->n && layout->compact; i++) {
    double top = 28.8 + 8 * i;
    draw_swatch(canvas, legend, &legend->rows[i], 6, top, 4.5);
    lus_canvas_ink(canvas, legend->dim ? LUS_INK_TEXT2 : LUS_INK_TEXT1);
    lus_canvas_text(canvas, 13.2, top + 3.9, 4.5, 0, 29, legend->rows[i].short_name);
  }
  if (layout->compact)
    return;
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  lus_canvas_text(canvas, 12, 53, 4.5, 0, 54, legend->head);
  for (int i = 0; i < legend->n; i++)
    draw_row(canvas, legend, &legend->rows[i], 59 + (legend->confidence ? 17 : 9) * i);
}

/* --- exam --- */

void lus_draw_zone(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  char text[32];
  const LusZoneContent *zone = &content->zone;
  g_snprintf(text, sizeof text, "%d of %d", zone->done, zone->n);
  if (layout->compact) {
    lus_canvas_ink(canvas, LUS_INK_TEXT1);
    double width = lus_canvas_text(canvas, COMPACT_RIGHT, 17.1, 12, LUS_TEXT_BOLD | LUS_TEXT_RIGHT, 22, zone->zone);
    lus_canvas_ink(canvas, LUS_INK_TEXT2);
    lus_canvas_text(canvas, COMPACT_RIGHT - width - 4, 17.1, 4.5, LUS_TEXT_RIGHT, 32 - width, text);
    return;
  }
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  lus_canvas_text(canvas, LEFT, 18, 4.5, 0, 26, "Zone");
  lus_canvas_text(canvas, RIGHT, 18, 4.5, LUS_TEXT_RIGHT, 27, "Zones done");
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  lus_canvas_text(canvas, LEFT - 0.6, 29.4, 12, LUS_TEXT_BOLD, 26, zone->zone);
  lus_canvas_text(canvas, RIGHT, 29.4, 8, LUS_TEXT_BOLD | LUS_TEXT_RIGHT, 30, text);
}

/* The scale of S/F, 40..480: interval as a bar, the value across it, the earlier value as a hollow triangle. */
static void draw_scale(LusCanvas *canvas, const LusSfContent *sf, double y)
{
  cairo_t *cr = canvas->cr;
  const double unit = (RIGHT - LEFT) / 440;
  lus_canvas_ink(canvas, LUS_INK_LINE);
  lus_canvas_rule(canvas, LEFT, RIGHT, y);
  cairo_set_line_width(cr, MAX(0.3, 1 / canvas->u));
  for (int v = 100; v <= 400; v += 100) {
    cairo_move_to(cr, LEFT + (v - 40) * unit, y - 0.9);
    cairo_line_to(cr, LEFT + (v - 40) * unit, y + 0.9);
  }
  cairo_stroke(cr);
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  for (int v = 100; v <= 400; v += 100) {
    char text[8];
    g_snprintf(text, sizeof text, "%d", v);
    lus_canvas_text(canvas, LEFT + (v - 40) * unit, y + 6.4, 4, LUS_TEXT_CENTRE, 12, text);
  }
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
  cairo_set_line_width(cr, 1.5);
  cairo_move_to(cr, LEFT + (CLAMP(sf->low, 40, 480) - 40) * unit, y);
  cairo_line_to(cr, LEFT + (CLAMP(sf->high, 40, 480) - 40) * unit, y);
  cairo_stroke(cr);
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  cairo_set_line_width(cr, 1.1);
  cairo_move_to(cr, LEFT + (CLAMP(sf->value, 40, 480) - 40) * unit, y - 2.2);
  cairo_line_to(cr, LEFT + (CLAMP(sf->value, 40, 480) - 40) * unit, y + 2.2);
  cairo_stroke(cr);
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
  if (sf->baseline) {
    lus_canvas_ink(canvas, LUS_INK_TEXT2);
    cairo_set_line_width(cr, MAX(0.35, 1 / canvas->u));
    lus_canvas_triangle(canvas, LEFT + (CLAMP(sf->baseline, 40, 480) - 40) * unit - 1.3, y - 3.6, 2.6, 2.3, TRUE);
    cairo_stroke(cr);
  }
}

static void draw_tick(LusCanvas *canvas, double x, double y)
{
  cairo_t *cr = canvas->cr;
  cairo_set_line_width(cr, 0.55);
  cairo_move_to(cr, x, y - 1.3);
  cairo_line_to(cr, x + 1.2, y);
  cairo_line_to(cr, x + 3.6, y - 2.9);
  cairo_stroke(cr);
}

static void draw_sf_compact(LusCanvas *canvas, const LusSfContent *sf)
{
  char text[48];
  g_snprintf(text, sizeof text, "%d", sf->value);
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  double width = lus_canvas_text(canvas, COMPACT_RIGHT, 138.8, 16, LUS_TEXT_BOLD | LUS_TEXT_RIGHT, 36,
                                 sf->valid ? text : "--");
  if (sf->valid)
    g_snprintf(text, sizeof text, "%d to %d", sf->low, sf->high);
  else
    g_snprintf(text, sizeof text, "%.40s", sf->reason[0]);
  lus_canvas_text(canvas, COMPACT_RIGHT, 145.8, 4.5, LUS_TEXT_RIGHT, 48, text);
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  lus_canvas_text(canvas, COMPACT_RIGHT - width - 3, 138.8, 4.5, LUS_TEXT_RIGHT, 46 - width, "S/F");
}

void lus_draw_sf(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  const LusSfContent *sf = &content->sf;
  char text[48];
  if (layout->compact) {
    draw_sf_compact(canvas, sf);
    return;
  }
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  double width = lus_canvas_text(canvas, LEFT, 88, 4.5, 0, 34, sf->label);
  if (!sf->valid) {
    lus_canvas_ink(canvas, LUS_INK_TEXT1);
    lus_canvas_text(canvas, LEFT - 0.6, 103, 16, LUS_TEXT_BOLD, 54, "--");
    lus_canvas_text(canvas, LEFT, 112, 6, 0, 54, sf->reason[0]);
    lus_canvas_text(canvas, LEFT, 120, 6, 0, 54, sf->reason[1]);
    return;
  }
  double note = lus_canvas_text(canvas, RIGHT, 88, 4.5, LUS_TEXT_RIGHT, RIGHT - LEFT - width - 6, sf->note);
  if (sf->tick)
    draw_tick(canvas, RIGHT - note - 4.6, 87.6);
  lus_canvas_text(canvas, RIGHT, 112, 4.5, LUS_TEXT_RIGHT, 16, "(90\302\240%)");
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  g_snprintf(text, sizeof text, "%d", sf->value);
  lus_canvas_text(canvas, LEFT - 0.6, 103, 16, LUS_TEXT_BOLD, 54, text);
  g_snprintf(text, sizeof text, "%d to %d", sf->low, sf->high);
  lus_canvas_text(canvas, LEFT, 112, 6, 0, 38, text);
  draw_scale(canvas, sf, 118.7);
}

/* --- change and readmission --- */

static void draw_change(LusCanvas *canvas, int change)
{
  if (change)
    lus_canvas_triangle(canvas, LEFT, 140.2, 4.1, 3.4, change < 0);
  else
    cairo_rectangle(canvas->cr, LEFT, 141.2, 4.1, 1.3);
  cairo_fill(canvas->cr);
}

void lus_draw_outlook(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  static const char *const changes[] = {"Lower", "Same", "Higher"};
  const LusOutlookContent *outlook = &content->outlook;
  (void)layout; /* the compact grid has no place for it */
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  double width = lus_canvas_text(canvas, LEFT, 134.5, 4.5, 0, 50, outlook->change_label);
  if (outlook->baseline) {
    cairo_set_line_width(canvas->cr, MAX(0.35, 1 / canvas->u));
    lus_canvas_triangle(canvas, LEFT + width + 1.8, 131.6, 2.6, 2.3, TRUE);
    cairo_stroke(canvas->cr);
  }
  lus_canvas_text(canvas, RIGHT, 143.8, 4.5, LUS_TEXT_RIGHT, 42, outlook->change_note);
  lus_canvas_text(canvas, LEFT, 153.5, 4.5, 0, 54, "Readmission in 30 days");
  lus_canvas_text(canvas, RIGHT, 162.8, 4.5, LUS_TEXT_RIGHT, 32, outlook->readmission_note);
  lus_canvas_ink(canvas, LUS_INK_TEXT1);
  if (outlook->change_valid) {
    draw_change(canvas, outlook->change_class);
    lus_canvas_text(canvas, LEFT + 7, 143.8, 6.5, LUS_TEXT_BOLD, 22, changes[outlook->change_class + 1]);
  } else {
    lus_canvas_text(canvas, LEFT, 143.8, 6.5, LUS_TEXT_BOLD, 20, "--");
  }
  lus_canvas_text(canvas, LEFT, 162.8, 6.5, LUS_TEXT_BOLD, 22, outlook->readmission[0] ? outlook->readmission : "--");
}

/* --- notice, footer, depth --- */

void lus_draw_notice(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  int lines = layout->compact ? 3 : 1;
  (void)content; /* always the same */
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  for (int i = 0; i < lines; i++)
    lus_canvas_text(canvas, layout->compact ? 6 : 12, layout->compact ? 134 + 6 * i : 171.5, 4.5, 0, 320,
                    lus_notice_line(lines, i));
}

void lus_draw_footer(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  double y = 5.4;
  if (layout->footer_status) {
    draw_word(canvas, content->status.status, 10.3, 7.2, 5.5, 33);
    y += LUS_FOOTER_STATUS;
  }
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  for (int i = 0; i < layout->footer_lines; i++)
    lus_canvas_text(canvas, 2, y + LUS_FOOTER_PITCH * i, 4.5, LUS_TEXT_BARE, 320,
                    lus_notice_line(layout->footer_lines, i));
}

void lus_draw_depth(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  const LusDepthContent *depth = &content->depth;
  const LusBox *home = &layout->homes[LUS_BLOCK_DEPTH];
  cairo_t *cr = canvas->cr;
  double cm = 10 / depth->mm_per_pixel / canvas->u, x = depth->sector.x / canvas->u - 2.4;
  double top = depth->sector.y / canvas->u, bottom = top + depth->sector.height / canvas->u;
  if (cm * canvas->u < 3)
    return;
  lus_canvas_ink(canvas, LUS_INK_TEXT2);
  cairo_set_line_width(cr, MAX(0.35, 1 / canvas->u));
  for (int i = 0; top + i * cm <= bottom; i++) {
    double y = top + i * cm;
    cairo_move_to(cr, x - (i % 5 ? 1.5 : 2.5), y);
    cairo_line_to(cr, x, y);
    cairo_stroke(cr);
    if (i && i % 5 == 0) {
      char text[16];
      g_snprintf(text, sizeof text, "%d\302\240cm", i);
      lus_canvas_text(canvas, x - 3.6, y + 1.6, 4.5, LUS_TEXT_RIGHT, x - 3.6 - home->x, text);
    }
  }
}
