/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lung/overlay-parts.h"

/* Front view: the patient's right lung is on the viewer's left. All in the sketch's own coordinates: 54 wide, 40
 * high. */

#define WIDTH LUS_THORAX_WIDTH
#define HEIGHT LUS_THORAX_HEIGHT
#define GAP 1.1

typedef LusThoraxCell Cell;

/* The right lung in its unit box; the left one is its mirror image. */
void lus_thorax_lung_path(cairo_t *cr)
{
  cairo_move_to(cr, .93, .30);
  cairo_curve_to(cr, .93, .08, .80, 0, .66, 0);
  cairo_curve_to(cr, .40, 0, .20, .22, .11, .50);
  cairo_curve_to(cr, .04, .72, 0, .88, 0, 1);
  cairo_curve_to(cr, .25, .90, .70, .86, .95, .93);
  cairo_curve_to(cr, .98, .75, .93, .50, .93, .30);
  cairo_close_path(cr);
}

/* From the unit box to the sketch. */
void lus_thorax_enter_lung(cairo_t *cr, gboolean left)
{
  cairo_translate(cr, WIDTH / 2, 0.15 * HEIGHT);
  if (left)
    cairo_scale(cr, -1, 1);
  cairo_translate(cr, -0.38 * WIDTH, 0);
  cairo_scale(cr, 0.335 * WIDTH, 0.84 * HEIGHT);
}

/* Neck and shoulder, flank; the other side is the mirror image. */
void lus_thorax_stroke_trunk(cairo_t *cr, double width)
{
  for (int left = 0; left < 2; left++) {
    cairo_save(cr);
    if (left) {
      cairo_translate(cr, WIDTH, 0);
      cairo_scale(cr, -1, 1);
    }
    cairo_scale(cr, WIDTH, HEIGHT);
    cairo_move_to(cr, .416, -.052);
    cairo_curve_to(cr, .416, .06, .36, .075, .26, .101);
    cairo_curve_to(cr, .10, .142, .02, .26, .005, .46);
    cairo_move_to(cr, .0755, .419);
    cairo_curve_to(cr, .066, .62, .066, .83, .079, 1.04);
    cairo_restore(cr);
  }
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
  cairo_set_line_width(cr, width);
  cairo_stroke(cr);
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
}

/* Up to four zones of a side lie one below the other, more in two columns, the inner one first. */
LusThoraxCell lus_thorax_cell(int i, int n)
{
  static const double cuts[5][5] = {{0, 1}, {0, 1}, {0, .5, 1}, {0, .345, .655, 1}, {0, .28, .52, .75, 1}};
  int rows = n <= 4 ? MAX(n, 1) : (n + 1) / 2, row = i % rows, column = i / rows;
  double y0 = rows <= 4 ? cuts[rows][row] : (double)row / rows;
  double y1 = rows <= 4 ? cuts[rows][row + 1] : (row + 1.0) / rows;
  if (n <= 4)
    return (Cell){0, y0, 1, y1};
  return column == 0 ? (Cell){.54, y0, 1, y1} : (Cell){0, y0, .54, y1};
}

/* The cell's rectangle: half a gap is left free at every inner cut. */
void lus_thorax_cell_path(cairo_t *cr, const LusThoraxCell *cell)
{
  double gx = GAP / 2 / (0.335 * WIDTH), gy = GAP / 2 / (0.84 * HEIGHT);
  double x0 = cell->x0 > 0 ? cell->x0 + gx : -1, x1 = cell->x1 < 1 ? cell->x1 - gx : 2;
  double y0 = cell->y0 > 0 ? cell->y0 + gy : -1, y1 = cell->y1 < 1 ? cell->y1 - gy : 2;
  cairo_rectangle(cr, x0, y0, x1 - x0, y1 - y0);
}

/* The outline of a cell: the edges of lung and rectangle, clipped to both, so that only their inner halves stay. */
void lus_thorax_stroke_cell(cairo_t *cr, const LusThoraxCell *cell, gboolean left, double width, gboolean dashed)
{
  const double dashes[] = {1.2, 0.8};
  cairo_matrix_t sketch;
  cairo_save(cr);
  cairo_get_matrix(cr, &sketch);
  lus_thorax_enter_lung(cr, left);
  lus_thorax_cell_path(cr, cell);
  cairo_clip(cr);
  lus_thorax_lung_path(cr);
  cairo_clip_preserve(cr);
  lus_thorax_cell_path(cr, cell);
  cairo_set_matrix(cr, &sketch);
  if (dashed)
    cairo_set_dash(cr, dashes, 2, 0);
  cairo_set_line_width(cr, 2 * width);
  cairo_stroke(cr);
  cairo_restore(cr);
}

/* Where a cell's label stands: the middle of the lung at the cell's middle. */
void lus_thorax_label_place(cairo_t *cr, const LusThoraxCell *cell, gboolean left, double *x, double *y)
{
  double first = 2, last = -1, bottom = cell->y1 < 1 ? cell->y1 : 0.96;
  *y = (cell->y0 + bottom) / 2 + (cell->y0 > 0 ? 0 : 0.02);
  cairo_save(cr);
  cairo_identity_matrix(cr);
  cairo_new_path(cr);
  lus_thorax_lung_path(cr);
  cairo_set_tolerance(cr, 0.001);
  for (double at = cell->x0; at <= cell->x1; at += 0.01)
    if (cairo_in_fill(cr, at, *y)) {
      first = MIN(first, at);
      last = MAX(last, at);
    }
  cairo_new_path(cr);
  cairo_restore(cr);
  *x = (first + last) / 2;
  cairo_save(cr);
  lus_thorax_enter_lung(cr, left);
  cairo_user_to_device(cr, x, y);
  cairo_restore(cr);
  cairo_device_to_user(cr, x, y);
}

static void draw_zone(LusCanvas *canvas, const LusThoraxContent *thorax, int index, const Cell *cell, gboolean left,
                      double scale, gboolean labelled)
{
  cairo_t *cr = canvas->cr;
  gboolean done = thorax->parts[index] >= 100, current = index == thorax->current;
  double bottom = cell->y1 < 1 ? cell->y1 : 1, part = thorax->parts[index] / 100.0;
  double thin = MAX(0.3 / scale, 1 / (canvas->u * scale)), x, y;
  cairo_save(cr);
  lus_thorax_enter_lung(cr, left);
  lus_thorax_cell_path(cr, cell);
  cairo_clip(cr);
  lus_thorax_lung_path(cr);
  lus_canvas_ink(canvas, done ? LUS_INK_DONE : LUS_INK_OPEN);
  cairo_fill_preserve(cr);
  if (!done && part > 0) {
    cairo_clip(cr);
    cairo_rectangle(cr, -1, bottom - part * (bottom - cell->y0), 3, 2);
    lus_canvas_ink(canvas, LUS_INK_PART);
    cairo_fill(cr);
  }
  cairo_new_path(cr);
  cairo_restore(cr);
  if (current) {
    lus_canvas_ink(canvas, LUS_INK_TEXT1);
    lus_thorax_stroke_cell(cr, cell, left, MAX(0.75 / scale * (scale < 1 ? 0.6 : 1), thin), thorax->finished && !done);
  } else if (!done) {
    lus_canvas_ink(canvas, LUS_INK_TEXT2);
    lus_thorax_stroke_cell(cr, cell, left, thin, thorax->finished);
  }
  if (!labelled)
    return;
  lus_thorax_label_place(cr, cell, left, &x, &y);
  lus_canvas_ink(canvas, done ? LUS_INK_PLATE : current ? LUS_INK_TEXT1 : LUS_INK_TEXT2);
  lus_canvas_text(canvas, x, y + 1.8, 5, LUS_TEXT_BOLD | LUS_TEXT_CENTRE | LUS_TEXT_BARE, 14, thorax->names[index]);
}

void lus_draw_thorax(LusCanvas *canvas, const LusContent *content, const LusLayout *layout)
{
  const LusThoraxContent *thorax = &content->thorax;
  cairo_t *cr = canvas->cr;
  double scale = layout->compact ? 0.59 : 1;
  int n[2] = {0, 0}, seen[2] = {0, 0};
  for (int i = 0; i < thorax->n; i++)
    n[thorax->names[i][0] == 'L']++;
  cairo_save(cr);
  cairo_translate(cr, layout->compact ? 162.2 : 254, layout->compact ? 22.5 : 35);
  cairo_scale(cr, scale, scale);
  lus_canvas_ink(canvas, LUS_INK_LINE);
  lus_thorax_stroke_trunk(cr, MAX(0.3 / scale, 1 / (canvas->u * scale)));
  for (int i = 0; i < thorax->n; i++) {
    gboolean left = thorax->names[i][0] == 'L';
    Cell cell = lus_thorax_cell(seen[left]++, n[left]);
    draw_zone(canvas, thorax, i, &cell, left, scale, !layout->compact && n[left] <= 4);
  }
  cairo_restore(cr);
  if (layout->compact)
    return;
  lus_canvas_ink(canvas, LUS_INK_LINE);
  lus_canvas_rule(canvas, 254, 308, 80.5);
}
