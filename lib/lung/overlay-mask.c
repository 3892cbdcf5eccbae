/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"
#include "lung/resample.h"

/* From a mask to contours and tints in frame pixels. The confidence plane is raised inside the mask and lowered
 * outside of it (so that minimum area and hysteresis count); resampled to the frame as PNG output resamples it, its
 * iso-line at the threshold is the mask's edge. The contour is the band of distances gap..gap + width outside of that
 * edge. All of it costs what the edge is long and the tints are large, not what the sector is. */

#define CONTOUR_GAP 1.0 /* pixels that stay bare around a structure */

void lus_mask_drawing_init(LusMaskDrawing *drawing)
{
  memset(drawing, 0, sizeof *drawing);
  lus_plate_init(&drawing->contour);
  lus_plate_init(&drawing->tint);
}

static void free_layer(LusLayer *layer)
{
  g_clear_pointer(&layer->argb, g_free);
  g_clear_pointer(&layer->touched, g_free);
}

static void free_buffers(LusMaskDrawing *drawing)
{
  g_clear_pointer(&drawing->plane, g_free);
  g_clear_pointer(&drawing->field, g_free);
  free_layer(&drawing->lines);
  free_layer(&drawing->tints);
  lus_edge_map_clear(&drawing->edge);
  drawing->box_size = drawing->plane_size = 0;
}

void lus_mask_drawing_clear(LusMaskDrawing *drawing)
{
  free_buffers(drawing);
  g_clear_pointer(&drawing->sector, g_free);
  for (int c = 0; c < LUS_MAX_CLASSES; c++)
    g_clear_pointer(&drawing->strokes[c].paint, g_free);
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

/* From @n samples, @step apart, those that have one outside of the sector within @reach become its border. */
static void mark_border(guint8 *line, int n, gsize step, int reach)
{
  for (int last = -1, i = 0; i <= n; i++) {
    gboolean inside = i < n && line[(gsize)i * step];
    if (inside)
      continue;
    /* a run of the sector ends here; what the frame cuts off has no border */
    for (int k = last + 1; k < i; k++)
      if ((last >= 0 && k - last <= reach) || (i < n && i - k <= reach))
        line[(gsize)k * step] = LUS_SECTOR_BORDER;
    last = i;
  }
}

/* Where a mask ends with the sector its edge goes in steps of the plane's samples, and it is no edge of a structure: contours
 * keep one sample's size away. */
static void find_border(LusMaskDrawing *drawing, const LusSegmentation *segmentation)
{
  gsize width = (gsize)drawing->frame_width;
  LusRect box = drawing->sector_box, rect = segmentation->rect;
  int reach_x = (rect.width + segmentation->width - 1) / segmentation->width;
  int reach_y = (rect.height + segmentation->height - 1) / segmentation->height;
  for (int y = box.y; y < box.y + box.height; y++)
    mark_border(drawing->sector + (gsize)y * width, drawing->frame_width, 1, reach_x);
  for (int x = box.x; x < box.x + box.width; x++)
    mark_border(drawing->sector + x, drawing->frame_height, width, reach_y);
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
  find_border(drawing, segmentation);
  return TRUE;
}

static gboolean make_layer(LusLayer *layer, gsize tiles)
{
  layer->argb = g_try_malloc0_n(tiles * LUS_TILE, sizeof *layer->argb);
  layer->touched = g_try_malloc0(tiles);
  return layer->argb && layer->touched;
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
  drawing->tiles = (x1 - x0 + LUS_TILE - 1) / LUS_TILE;
  gsize n = (gsize)drawing->tiles * (gsize)(y1 - y0), m = (gsize)segmentation->width * (gsize)segmentation->height;
  if (n > drawing->box_size || m > drawing->plane_size) {
    free_buffers(drawing);
    drawing->plane = g_try_malloc(m);
    drawing->field = g_try_malloc(LUS_FRAME_MAX);
    gboolean layers = make_layer(&drawing->lines, n) && make_layer(&drawing->tints, n);
    if (!drawing->plane || !drawing->field || !layers) {
      free_buffers(drawing);
      return FALSE;
    }
    drawing->box_size = n;
    drawing->plane_size = m;
  }
  return lus_edge_map_set_size(&drawing->edge, drawing->box.width, drawing->box.height);
}

/* The class's plane, raised and lowered; @part: what its mask covers. FALSE if that is empty. */
static gboolean make_plane(LusMaskDrawing *drawing, const LusSegmentation *segmentation, const LusMask *mask, int c,
                           LusRect *part)
{
  int width = segmentation->width, height = segmentation->height;
  gsize m = (gsize)width * (gsize)height;
  const guint8 *q = segmentation->confidence + (gsize)c * m, *in = mask->planes + (gsize)c * m;
  guint8 cut = MAX(mask->cut[c], 1), below = (guint8)(cut - 1);
  *part = bounds(in, width, height);
  if (part->width < 1)
    return FALSE;
  int first = MAX(part->y - 1, 0), end = MIN(part->y + part->height + 1, height);
  guint8 *restrict plane = drawing->plane;
  for (gsize i = (gsize)first * (gsize)width; i < (gsize)end * (gsize)width; i++) {
    guint8 raised = MAX(q[i], cut), lowered = MIN(q[i], below);
    plane[i] = in[i] ? raised : lowered;
  }
  return TRUE;
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

/* Coverage of the band gap..gap + width by a pixel whose centre is @d from the edge. */
static double coverage(double d, double width)
{
  return CLAMP(d - CONTOUR_GAP + 0.5, 0, 1) - CLAMP(d - CONTOUR_GAP - width + 0.5, 0, 1);
}

static void stroke_tile(LusMaskDrawing *drawing, const LusStroke *stroke, int tile, int y)
{
  float distance[LUS_TILE];
  int x0 = tile * LUS_TILE, n = MIN(LUS_TILE, drawing->box.width - x0), frame_y = drawing->box.y + y;
  gsize at = (gsize)y * (gsize)drawing->tiles + (gsize)tile;
  const guint8 *sector = drawing->sector + (gsize)frame_y * (gsize)drawing->frame_width + drawing->box.x + x0;
  guint32 *out = drawing->lines.argb + at * LUS_TILE;
  lus_edge_take(&drawing->edge, tile, y, distance);
  for (int i = 0; i < n; i++) {
    float d = distance[i] * stroke->scale;
    if (!(d > 0 && d < LUS_STROKE_STEPS - 1) || sector[i] != 255)
      continue;
    guint32 paint = stroke->paint[(int)(d + 0.5f)];
    if (!paint || (stroke->dash && (drawing->box.x + x0 + i + frame_y) % (2 * stroke->dash) >= stroke->dash))
      continue;
    out[i] = out[i] ? over(paint, out[i]) : paint;
    drawing->lines.touched[at] = 1;
  }
}

static void draw_contour(LusMaskDrawing *drawing, const LusStroke *stroke, const LusPlaneField *field, LusRect part,
                         int cut)
{
  int tiles = drawing->tiles;
  lus_edge_find(&drawing->edge, field, part, cut, CONTOUR_GAP + stroke->width + 0.5);
  for (int y = 0; y < drawing->box.height; y++) {
    const guint8 *row = drawing->edge.touched + (gsize)y * (gsize)tiles, *next = row;
    while ((next = memchr(next, 1, (gsize)(row + tiles - next)))) {
      stroke_tile(drawing, stroke, (int)(next - row), y);
      if (++next == row + tiles)
        break;
    }
  }
}

/* Columns @x0 to @x1 - 1 of the box that can have a tint in its row @y; FALSE if none can. */
static gboolean tint_span(const LusMaskDrawing *drawing, const LusResample *resample, int cut, int y, int *x0, int *x1)
{
  int width = resample->width, v = lus_resample_row_above(resample, y), first = width, last = -1;
  for (int k = v; k <= MIN(v + 1, resample->height - 1); k++) {
    const guint8 *row = drawing->plane + (gsize)k * (gsize)width;
    int a = 0, b = width - 1;
    while (a < first && row[a] < cut)
      a++;
    while (b > last && row[b] < cut)
      b--;
    first = MIN(first, a);
    last = MAX(last, b);
  }
  double sx = (double)resample->rect.width / width;
  *x0 = MAX(MAX(resample->rect.x, 0), (int)floor(resample->rect.x + (first - 0.5) * sx));
  *x1 = MIN(MIN(resample->rect.x + resample->rect.width, drawing->box.width),
            (int)ceil(resample->rect.x + (last + 1.5) * sx));
  return first <= last && *x0 < *x1;
}

/* Strength 0.22 + 0.28 (c - t) / (1 - t). */
static void draw_tint(LusMaskDrawing *drawing, const LusPlaneField *field, LusColour colour, double opacity,
                      LusRect part, int cut)
{
  guint32 pixels[256];
  LusResample resample;
  double sy = (double)field->rect.height / field->height;
  int first = MAX(0, (int)floor(field->rect.y + (part.y - 0.5) * sy)), x0, x1;
  int end = MIN(drawing->box.height, (int)ceil(field->rect.y + (part.y + part.height + 0.5) * sy));
  for (int q = 0; q < 256; q++)
    pixels[q] = q < cut ? 0 : premultiplied(colour, opacity * (0.22 + 0.28 * (q - cut) / MAX(255.0 - cut, 1)));
  lus_resample_init(&resample, field->width, field->height, field->rect);
  for (int y = MAX(first, field->rect.y); y < MIN(end, field->rect.y + field->rect.height); y++) {
    if (!tint_span(drawing, &resample, cut, y, &x0, &x1))
      continue;
    gsize at = (gsize)y * (gsize)drawing->tiles;
    const guint8 *sector =
      drawing->sector + (gsize)(drawing->box.y + y) * (gsize)drawing->frame_width + drawing->box.x;
    guint32 *out = drawing->tints.argb + at * LUS_TILE;
    lus_resample_row(&resample, drawing->field, drawing->plane, y, x0, x1);
    for (int x = x0; x < x1; x++) {
      guint32 pixel = sector[x] ? pixels[drawing->field[x - x0]] : 0;
      out[x] = pixel ? pixel : out[x];
    }
    memset(drawing->tints.touched + at + x0 / LUS_TILE, 1, (gsize)((x1 - 1) / LUS_TILE - x0 / LUS_TILE + 1));
  }
}

/* The paint for every distance, made anew only when the line looks different from the last time. */
static void make_stroke(LusStroke *stroke, const LusClassLook *class_look, const LusMaskLook *look, double u)
{
  double width = MAX(1.5, rint(2 * class_look->width * u) / 2), opacity = class_look->opacity * look->opacity;
  LusColour colour = class_look->colour;
  stroke->dash = look->stale ? MAX(1, (int)lrint(u)) : 0;
  if (look->stale) {
    int luma = (int)lrint(0.2126 * colour.r + 0.7152 * colour.g + 0.0722 * colour.b);
    colour = (LusColour){(guint8)((colour.r + luma) / 2), (guint8)((colour.g + luma) / 2),
                         (guint8)((colour.b + luma) / 2)};
    opacity *= 0.75;
  } else if (look->style == LUS_OVERLAY_FILL) {
    width *= 0.6;
    opacity *= 0.65;
  } else if (look->style == LUS_OVERLAY_BOTH) {
    opacity *= 0.95;
  }
  if (stroke->paint && stroke->width == width && stroke->opacity == opacity &&
      memcmp(&stroke->colour, &colour, sizeof colour) == 0)
    return;
  double reach = CONTOUR_GAP + width + 0.5;
  if (!stroke->paint)
    stroke->paint = g_new(guint32, LUS_STROKE_STEPS);
  stroke->width = width;
  stroke->opacity = opacity;
  stroke->colour = colour;
  stroke->scale = (float)MIN(64, (LUS_STROKE_STEPS - 2) / (reach * reach));
  for (int i = 0; i < LUS_STROKE_STEPS; i++) {
    double alpha = coverage(sqrt(i / (double)stroke->scale), width) * opacity;
    stroke->paint[i] = alpha > 0 ? premultiplied(colour, alpha) : 0;
  }
}

/* Makes a plate of what was drawn, and clears that. */
static void finish(LusMaskDrawing *drawing, LusPlate *plate, const LusImage *target, LusLayer *layer, gboolean tint)
{
  int tiles = drawing->tiles;
  const LusDrawing drawn = {layer->argb, tiles * LUS_TILE, layer->touched, tiles};
  gsize n = (gsize)tiles * (gsize)drawing->box.height;
  lus_plate_build(plate, target, &drawn, drawing->box, tint);
  guint8 *next = layer->touched, *end = next + n;
  while (next < end && (next = memchr(next, 1, (gsize)(end - next)))) {
    memset(layer->argb + (next - layer->touched) * LUS_TILE, 0, LUS_TILE * sizeof *layer->argb);
    *next++ = 0;
  }
}

void lus_mask_drawing_update(LusMaskDrawing *drawing, const LusImage *target, const LusSegmentation *segmentation,
                             const LusMask *mask, const LusMaskLook *look)
{
  LusClassLook looks[LUS_MAX_CLASSES];
  gboolean tint = look->style != LUS_OVERLAY_CONTOUR && !look->stale;
  lus_plate_empty(&drawing->contour);
  lus_plate_empty(&drawing->tint);
  if (!drawing->sector || !set_box(drawing, segmentation))
    return;
  LusRect rect = segmentation->rect, part;
  const LusPlaneField field = {drawing->plane, segmentation->width, segmentation->height,
                               {rect.x - drawing->box.x, rect.y - drawing->box.y, rect.width, rect.height}};
  lus_class_looks(looks, segmentation, target->format == LUS_FORMAT_GRAY8);
  for (int order = 0; order <= LUS_CLASS_TOP; order++)
    for (int c = 0; c < mask->n_classes; c++) {
      int cut = MAX(mask->cut[c], 1);
      if (looks[c].order != order || !(look->class_mask >> c & 1) ||
          !make_plane(drawing, segmentation, mask, c, &part))
        continue;
      make_stroke(&drawing->strokes[c], &looks[c], look, target->height / 180.0);
      if (tint)
        draw_tint(drawing, &field, looks[c].colour, look->opacity, part, cut);
      draw_contour(drawing, &drawing->strokes[c], &field, part, cut);
    }
  finish(drawing, &drawing->contour, target, &drawing->lines, FALSE);
  if (tint)
    finish(drawing, &drawing->tint, target, &drawing->tints, TRUE);
}
