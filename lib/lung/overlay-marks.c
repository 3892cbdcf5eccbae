/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "lung/overlay-parts.h"

#define LENGTH 4.0  /* u */
#define OUTSIDE 1.2 /* u */

static gboolean row_ends(const guint8 *sector, int width, LusRect box, int y, int *first, int *last)
{
  const guint8 *row = sector + (gsize)y * (gsize)width;
  for (*first = box.x; *first < box.x + box.width && !row[*first]; ++*first)
    ;
  for (*last = box.x + box.width - 1; *last > *first && !row[*last]; --*last)
    ;
  return *first < box.x + box.width;
}

/* Top corners are the ends of the first rows (one in a hundred, as a sector's border is ragged), bottom corners the
 * lowest pixels of the outermost columns: of a rectangle its corners, of a fan the ends of its sides. */
void lus_corners_find(LusCorners *corners, const guint8 *sector, int width, LusRect box)
{
  int first, last, slack_x = box.width / 100, y = box.y + box.height / 100;
  if (!row_ends(sector, width, box, y, &first, &last)) {
    first = box.x;
    last = box.x + box.width - 1;
  }
  corners->top[0] = (LusPoint){first, box.y};
  corners->top[1] = (LusPoint){last + 1, box.y};
  corners->straight = first - box.x < 0.05 * box.width && box.x + box.width - last < 0.05 * box.width;
  corners->bottom[0] = corners->bottom[1] = (LusPoint){0, 0};
  for (y = box.y; y < box.y + box.height; y++) {
    if (!row_ends(sector, width, box, y, &first, &last))
      continue;
    if (first <= box.x + slack_x)
      corners->bottom[0] = (LusPoint){first, y + 1};
    if (last >= box.x + box.width - 1 - slack_x)
      corners->bottom[1] = (LusPoint){last + 1, y + 1};
  }
}

/* A right angle around @corner; @away is the corner at the other end of the side, @inward the sign of x into the
 * sector. */
static void draw_mark(cairo_t *cr, LusPoint corner, LusPoint away, double inward, double u)
{
  double dx = away.x - corner.x, dy = away.y - corner.y, length = hypot(dx, dy);
  if (length < 1)
    return;
  dx /= length;
  dy /= length;
  double nx = fabs(dy) * inward, ny = -dx * inward * (dy < 0 ? -1 : 1); /* across the side, into the sector */
  double x = corner.x - OUTSIDE * u * (dx + nx), y = corner.y - OUTSIDE * u * (dy + ny);
  cairo_move_to(cr, x + LENGTH * u * dx, y + LENGTH * u * dy);
  cairo_line_to(cr, x, y);
  cairo_line_to(cr, x + LENGTH * u * nx, y + LENGTH * u * ny);
  cairo_stroke(cr);
}

/* Each mark on a small plate of its own. */
static void draw_corner(LusPlate *plate, const LusImage *target, LusPoint corner, LusPoint away, double inward,
                        double u)
{
  double margin = LENGTH * u + 2 * OUTSIDE * u + 2;
  int x0 = MAX(0, (int)(corner.x - margin)) & ~1, y0 = MAX(0, (int)(corner.y - margin)) & ~1;
  int x1 = MIN(target->width, (int)(corner.x + margin)), y1 = MIN(target->height, (int)(corner.y + margin));
  LusColour colour = lus_ink_colour(LUS_INK_TEXT2);
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, MAX(x1 - x0, 1), MAX(y1 - y0, 1));
  cairo_t *cr = cairo_create(surface);
  cairo_translate(cr, -x0, -y0);
  cairo_set_source_rgba(cr, colour.r / 255.0, colour.g / 255.0, colour.b / 255.0, 0.7);
  cairo_set_line_width(cr, MAX(1.5, 0.35 * u));
  draw_mark(cr, corner, away, inward, u);
  cairo_destroy(cr);
  cairo_surface_flush(surface);
  const void *data = cairo_image_surface_get_data(surface);
  const LusDrawing drawing = {.argb = data, .stride = cairo_image_surface_get_stride(surface) / 4};
  if (data && x1 > x0 && y1 > y0)
    lus_plate_build(plate, target, &drawing, (LusRect){x0, y0, x1 - x0, y1 - y0});
  cairo_surface_destroy(surface);
}

void lus_corners_draw(LusPlate plates[LUS_CORNERS], const LusCorners *corners, const LusImage *target, double u)
{
  for (int i = 0; i < 2; i++) {
    draw_corner(&plates[i], target, corners->top[i], corners->bottom[i], i ? -1 : 1, u);
    draw_corner(&plates[2 + i], target, corners->bottom[i], corners->top[i], i ? -1 : 1, u);
  }
}
