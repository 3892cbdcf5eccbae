/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"

/* From a mask to contours and tints in frame pixels. The confidence plane is raised inside the mask and lowered
 * outside of it (so that minimum area and hysteresis count), resampled to the frame with the shared function, and
 * its iso-line at the threshold is the mask's edge. The contour is the band of distances gap..gap + width outside
 * of that edge: every crossing of the iso-line with the pixel grid lowers the distances around it, which costs only
 * what the edge is long. */

#define CONTOUR_GAP 1.0 /* pixels that stay bare around a structure */

void lus_mask_drawing_init(LusMaskDrawing *drawing)
{
  memset(drawing, 0, sizeof *drawing);
  lus_plate_init(&drawing->contour);
  lus_plate_init(&drawing->tint);
}

static void free_buffers(LusMaskDrawing *drawing)
{
  g_clear_pointer(&drawing->plane, g_free);
  g_clear_pointer(&drawing->field, g_free);
  g_clear_pointer(&drawing->distance, g_free);
  g_clear_pointer(&drawing->lines, g_free);
  g_clear_pointer(&drawing->tints, g_free);
  g_clear_pointer(&drawing->row_first, g_free);
  g_clear_pointer(&drawing->row_end, g_free);
  drawing->box_size = drawing->plane_size = 0;
}

void lus_mask_drawing_clear(LusMaskDrawing *drawing)
{
  free_buffers(drawing);
  g_clear_pointer(&drawing->sector, g_free);
  lus_plate_clear(&drawing->contour);
  lus_plate_clear(&drawing->tint);
}

static LusRect bounds(const guint8 *map, int width, int height)
{
  int x0 = width, x1 = 0, y0 = height, y1 = 0;
  for (int y = 0; y < height; y++) {
    const guint8 *row = map + (gsize)y * (gsize)width;
    const guint8 *first = memchr(row, 255, (gsize)width);
    if (!first)
      continue;
    const guint8 *last = memrchr(row, 255, (gsize)width);
    x0 = MIN(x0, (int)(first - row));
    x1 = MAX(x1, (int)(last - row) + 1);
    y0 = MIN(y0, y);
    y1 = y + 1;
  }
  return (LusRect){x0, y0, MAX(0, x1 - x0), MAX(0, y1 - y0)};
}

gboolean lus_mask_drawing_set_sector(LusMaskDrawing *drawing, const LusSegmentation *segmentation)
{
  int width = segmentation->frame_width, height = segmentation->frame_height;
  gsize n = (gsize)width * (gsize)height;
  if (!drawing->sector || width != drawing->frame_width || height != drawing->frame_height) {
    g_free(drawing->sector);
    drawing->sector = g_try_malloc(n);
  }
  drawing->frame_width = width;
  drawing->frame_height = height;
  drawing->sector_box = (LusRect){0, 0, 0, 0};
  if (!drawing->sector)
    return FALSE;
  lus_plane_to_frame(drawing->sector, width, width, height, segmentation->sector, segmentation->width,
                     segmentation->height, segmentation->rect, FALSE);
  for (gsize i = 0; i < n; i++)
    drawing->sector[i] = drawing->sector[i] >= 128 ? 255 : 0;
  drawing->sector_box = bounds(drawing->sector, width, height);
  return TRUE;
}

/* The buffers, for the pixels that the planes cover. */
static gboolean set_box(LusMaskDrawing *drawing, const LusSegmentation *segmentation)
{
  LusRect rect = segmentation->rect;
  int x0 = MAX(rect.x, 0) & ~1, y0 = MAX(rect.y, 0) & ~1;
  int x1 = MIN(rect.x + rect.width, segmentation->frame_width);
  int y1 = MIN(rect.y + rect.height, segmentation->frame_height);
  if (x1 <= x0 || y1 <= y0)
    return FALSE;
  drawing->box = (LusRect){x0, y0, x1 - x0, y1 - y0};
  gsize n = (gsize)(x1 - x0) * (gsize)(y1 - y0), m = (gsize)segmentation->width * (gsize)segmentation->height;
  if (n <= drawing->box_size && m <= drawing->plane_size)
    return TRUE;
  free_buffers(drawing);
  drawing->plane = g_try_malloc(m);
  drawing->field = g_try_malloc(n);
  drawing->distance = g_try_malloc_n(n, sizeof *drawing->distance);
  drawing->lines = g_try_malloc0_n(n, sizeof *drawing->lines);
  drawing->tints = g_try_malloc0_n(n, sizeof *drawing->tints);
  drawing->row_first = g_try_malloc_n((gsize)segmentation->frame_height, sizeof *drawing->row_first);
  drawing->row_end = g_try_malloc_n((gsize)segmentation->frame_height, sizeof *drawing->row_end);
  if (!drawing->plane || !drawing->field || !drawing->distance || !drawing->lines || !drawing->tints ||
      !drawing->row_first || !drawing->row_end) {
    free_buffers(drawing);
    return FALSE;
  }
  memset(drawing->distance, 255, n * sizeof *drawing->distance);
  drawing->box_size = n;
  drawing->plane_size = m;
  return TRUE;
}

/* The part of the box, in its own pixels, around @part of the planes with two samples and @reach pixels on each
 * side. */
static LusRect find_window(const LusMaskDrawing *drawing, const LusSegmentation *segmentation, LusRect part, int reach)
{
  LusRect rect = segmentation->rect, box = drawing->box;
  double sx = (double)rect.width / segmentation->width, sy = (double)rect.height / segmentation->height;
  int x0 = (int)floor(rect.x - box.x + (part.x - 2) * sx) - reach;
  int y0 = (int)floor(rect.y - box.y + (part.y - 2) * sy) - reach;
  int x1 = (int)ceil(rect.x - box.x + (part.x + part.width + 2) * sx) + reach;
  int y1 = (int)ceil(rect.y - box.y + (part.y + part.height + 2) * sy) + reach;
  x0 = CLAMP(x0, 0, box.width);
  y0 = CLAMP(y0, 0, box.height);
  return (LusRect){x0, y0, CLAMP(x1, x0, box.width) - x0, CLAMP(y1, y0, box.height) - y0};
}

/* The class's field, on the window around its mask; FALSE if that is empty. */
static gboolean make_field(LusMaskDrawing *drawing, const LusSegmentation *segmentation, const LusMask *mask, int c,
                           int reach)
{
  gsize m = (gsize)segmentation->width * (gsize)segmentation->height;
  const guint8 *q = segmentation->confidence + (gsize)c * m, *in = mask->planes + (gsize)c * m;
  LusRect part = bounds(in, segmentation->width, segmentation->height);
  if (part.width < 1)
    return FALSE;
  guint8 cut = MAX(mask->cut[c], 1);
  for (gsize i = 0; i < m; i++)
    drawing->plane[i] = in[i] ? MAX(q[i], cut) : MIN(q[i], (guint8)(cut - 1));
  LusRect box = drawing->box, window = find_window(drawing, segmentation, part, reach);
  LusRect rect = {segmentation->rect.x - box.x - window.x, segmentation->rect.y - box.y - window.y,
                  segmentation->rect.width, segmentation->rect.height};
  guint8 *first = drawing->field + (gsize)window.y * (gsize)box.width + window.x;
  lus_plane_to_frame(first, box.width, window.width, window.height, drawing->plane, segmentation->width,
                     segmentation->height, rect, FALSE);
  drawing->window = window;
  return window.width > 0 && window.height > 0;
}

/* Distances, squared, of the pixels within @reach of an edge; @scale is units per pixel. */
typedef struct {
  LusMaskDrawing *drawing;
  double reach;
  int scale;
} Edge;

static void edge_point(const Edge *edge, double x, double y)
{
  LusMaskDrawing *drawing = edge->drawing;
  LusRect window = drawing->window;
  double reach = edge->reach;
  int x0 = MAX(window.x, (int)ceil(x - reach)), x1 = MIN(window.x + window.width, (int)floor(x + reach) + 1);
  int y0 = MAX(window.y, (int)ceil(y - reach)), y1 = MIN(window.y + window.height, (int)floor(y + reach) + 1);
  int px = (int)(x * edge->scale + 0.5), py = (int)(y * edge->scale + 0.5);
  for (int j = y0; j < y1; j++) {
    guint16 *row = drawing->distance + (gsize)j * (gsize)drawing->box.width;
    int dy = j * edge->scale - py;
    for (int i = x0; i < x1; i++) {
      int dx = i * edge->scale - px, d = dx * dx + dy * dy;
      row[i] = (guint16)MIN(row[i], d);
    }
    drawing->row_first[j] = MIN(drawing->row_first[j], x0);
    drawing->row_end[j] = MAX(drawing->row_end[j], x1);
  }
}

/* All crossings of the field with @level on the lines between neighbouring pixels. */
static void find_edge(const Edge *edge, int cut)
{
  LusMaskDrawing *drawing = edge->drawing;
  LusRect window = drawing->window;
  int end_x = window.x + window.width, end_y = window.y + window.height;
  double level = cut - 0.5;
  for (int j = window.y; j < end_y; j++) {
    drawing->row_first[j] = drawing->box.width;
    drawing->row_end[j] = 0;
  }
  for (int j = window.y; j < end_y; j++) {
    const guint8 *row = drawing->field + (gsize)j * (gsize)drawing->box.width;
    const guint8 *below = j + 1 < end_y ? row + drawing->box.width : row;
    guint8 highest = 0;
    for (int i = window.x; i < end_x; i++)
      highest = MAX(highest, MAX(row[i], below[i]));
    if (highest < cut)
      continue;
    for (int i = window.x; i < end_x; i++) {
      gboolean in = row[i] >= cut;
      if (i + 1 < end_x && in != (row[i + 1] >= cut))
        edge_point(edge, i + (level - row[i]) / (row[i + 1] - row[i]), j);
      if (in != (below[i] >= cut))
        edge_point(edge, i, j + (level - row[i]) / (below[i] - row[i]));
    }
  }
}

static guint32 premultiplied(LusColour colour, double alpha)
{
  guint32 a = (guint32)lrint(255 * alpha), r = (colour.r * a + 127) / 255, g = (colour.g * a + 127) / 255;
  return a << 24 | r << 16 | g << 8 | (colour.b * a + 127) / 255;
}

/* "over" of premultiplied pixels. */
static guint32 over(guint32 top, guint32 bottom)
{
  guint32 keep = 255 - (top >> 24), out = 0;
  for (int shift = 0; shift < 32; shift += 8)
    out |= MIN(255, (top >> shift & 255) + ((bottom >> shift & 255) * keep + 127) / 255) << shift;
  return out;
}

typedef struct {
  LusColour colour;
  double width, opacity; /* pixels; 0..1 */
  int dash;              /* pixels on and off, 0 = solid */
} Stroke;

/* Coverage of the band gap..gap + width by a pixel whose centre is @d from the edge. */
static double coverage(double d, double width)
{
  return CLAMP(d - CONTOUR_GAP + 0.5, 0, 1) - CLAMP(d - CONTOUR_GAP - width + 0.5, 0, 1);
}

static void stroke_row(LusMaskDrawing *drawing, const Edge *edge, const Stroke *stroke, int cut, int j)
{
  gsize at = (gsize)j * (gsize)drawing->box.width;
  int frame_y = drawing->box.y + j;
  const guint8 *sector = drawing->sector + (gsize)frame_y * (gsize)drawing->frame_width + drawing->box.x;
  for (int i = drawing->row_first[j]; i < drawing->row_end[j]; i++) {
    guint16 d = drawing->distance[at + (gsize)i];
    drawing->distance[at + (gsize)i] = G_MAXUINT16;
    if (d == G_MAXUINT16 || drawing->field[at + (gsize)i] >= cut || !sector[i])
      continue;
    if (stroke->dash && (drawing->box.x + i + frame_y) % (2 * stroke->dash) >= stroke->dash)
      continue;
    double alpha = coverage(sqrt(d) / edge->scale, stroke->width) * stroke->opacity;
    guint32 *p = &drawing->lines[at + (gsize)i];
    *p = over(premultiplied(stroke->colour, alpha), *p);
  }
}

static void draw_contour(LusMaskDrawing *drawing, const Stroke *stroke, int cut)
{
  Edge edge = {.drawing = drawing, .reach = CONTOUR_GAP + stroke->width + 0.5};
  edge.scale = (int)CLAMP(180 / edge.reach, 1, 16); /* squares of the corners' distances fit 16 bits */
  find_edge(&edge, cut);
  for (int j = drawing->window.y; j < drawing->window.y + drawing->window.height; j++)
    stroke_row(drawing, &edge, stroke, cut, j);
}

/* Strength 0.22 + 0.28 (c - t) / (1 - t). */
static void draw_tint(LusMaskDrawing *drawing, LusColour colour, double opacity, int cut)
{
  guint32 pixels[256];
  for (int q = 0; q < 256; q++)
    pixels[q] = q < cut ? 0 : premultiplied(colour, opacity * (0.22 + 0.28 * (q - cut) / MAX(255.0 - cut, 1)));
  LusRect window = drawing->window;
  for (int j = window.y; j < window.y + window.height; j++) {
    gsize at = (gsize)j * (gsize)drawing->box.width;
    const guint8 *sector = drawing->sector + (gsize)(drawing->box.y + j) * (gsize)drawing->frame_width + drawing->box.x;
    for (int i = window.x; i < window.x + window.width; i++)
      if (drawing->field[at + (gsize)i] >= cut && sector[i])
        drawing->tints[at + (gsize)i] = pixels[drawing->field[at + (gsize)i]];
  }
}

static void make_stroke(Stroke *stroke, const LusClassLook *class_look, const LusMaskLook *look, double u)
{
  double width = MAX(1.5, rint(2 * class_look->width * u) / 2);
  *stroke = (Stroke){class_look->colour, width, class_look->opacity * look->opacity, 0};
  if (look->stale) {
    const LusColour c = stroke->colour;
    int luma = (int)lrint(0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b);
    stroke->colour = (LusColour){(guint8)((c.r + luma) / 2), (guint8)((c.g + luma) / 2), (guint8)((c.b + luma) / 2)};
    stroke->opacity *= 0.75;
    stroke->dash = MAX(1, (int)lrint(u));
  } else if (look->style == LUS_OVERLAY_FILL) {
    stroke->width *= 0.6;
    stroke->opacity *= 0.65;
  } else if (look->style == LUS_OVERLAY_BOTH) {
    stroke->opacity *= 0.95;
  }
}

/* Makes a plate of what was drawn in @part of the box, and clears that. */
static void finish(LusMaskDrawing *drawing, LusPlate *plate, const LusImage *target, guint32 *pixels, LusRect part,
                   gboolean tint)
{
  guint32 *first = pixels + (gsize)part.y * (gsize)drawing->box.width + part.x;
  LusRect where = {drawing->box.x + part.x, drawing->box.y + part.y, part.width, part.height};
  lus_plate_build(plate, target, first, drawing->box.width, where, tint);
  for (int j = 0; j < part.height; j++)
    memset(first + (gsize)j * (gsize)drawing->box.width, 0, (gsize)part.width * sizeof *pixels);
}

/* Both of two parts of the box, from an even pixel. */
static LusRect join(LusRect a, LusRect b)
{
  int x0 = b.x & ~1, y0 = b.y & ~1, x1 = b.x + b.width, y1 = b.y + b.height;
  if (a.width > 0) {
    x0 = MIN(x0, a.x);
    y0 = MIN(y0, a.y);
    x1 = MAX(x1, a.x + a.width);
    y1 = MAX(y1, a.y + a.height);
  }
  return (LusRect){x0, y0, x1 - x0, y1 - y0};
}

void lus_mask_drawing_update(LusMaskDrawing *drawing, const LusImage *target, const LusSegmentation *segmentation,
                             const LusMask *mask, const LusMaskLook *look)
{
  LusClassLook looks[LUS_MAX_CLASSES];
  LusRect drawn = {0, 0, 0, 0};
  gboolean tint = look->style != LUS_OVERLAY_CONTOUR && !look->stale;
  lus_plate_empty(&drawing->contour);
  lus_plate_empty(&drawing->tint);
  if (!drawing->sector || !set_box(drawing, segmentation))
    return;
  lus_class_looks(looks, segmentation, target->format == LUS_FORMAT_GRAY8);
  for (int order = 0; order <= LUS_CLASS_TOP; order++)
    for (int c = 0; c < mask->n_classes; c++) {
      Stroke stroke;
      int cut = MAX(mask->cut[c], 1);
      if (looks[c].order != order || !(look->class_mask >> c & 1))
        continue;
      make_stroke(&stroke, &looks[c], look, target->height / 180.0);
      if (!make_field(drawing, segmentation, mask, c, (int)ceil(stroke.width) + 3))
        continue;
      drawn = join(drawn, drawing->window);
      if (tint)
        draw_tint(drawing, looks[c].colour, look->opacity, cut);
      draw_contour(drawing, &stroke, cut);
    }
  if (drawn.width < 1)
    return;
  finish(drawing, &drawing->contour, target, drawing->lines, drawn, FALSE);
  if (tint)
    finish(drawing, &drawing->tint, target, drawing->tints, drawn, TRUE);
}
