/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"

/* From a mask to contours and tints in frame pixels. The confidence plane is raised inside the mask and lowered
 * outside of it (so that minimum area and hysteresis count); resampled to the frame as PNG output resamples it, its
 * iso-line at the threshold is the mask's edge. The contour is the band of distances gap..gap + width outside of that
 * edge, found a few rows at a time. All of it costs what the edge is long and the tints are large, not what the sector is. */

#define CONTOUR_GAP 1.0 /* pixels that stay bare around a structure */

void lus_mask_drawing_init(LusMaskDrawing *drawing)
{
  memset(drawing, 0, sizeof *drawing);
  lus_plate_init(&drawing->contour);
  lus_tint_init(&drawing->tint);
}

static void free_buffers(LusMaskDrawing *drawing)
{
  g_clear_pointer(&drawing->planes, g_free);
  g_clear_pointer(&drawing->alpha, g_free);
  drawing->planes_size = 0;
}

void lus_mask_drawing_clear(LusMaskDrawing *drawing)
{
  free_buffers(drawing);
  lus_edge_map_clear(&drawing->edge);
  g_clear_pointer(&drawing->sector, g_free);
  g_clear_pointer(&drawing->whole, g_free);
  g_clear_pointer(&drawing->rows, g_free);
  lus_plate_clear(&drawing->contour);
  lus_tint_clear(&drawing->tint);
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

/* Of @n samples those that have one outside of the sector within @reach become its border. */
static void mark_border(guint8 *line, int n, int reach)
{
  for (int last = -1, i = 0; i <= n; i++) {
    gboolean inside = i < n && line[i];
    if (inside)
      continue;
    /* a run of the sector ends here; what the frame cuts off has no border */
    for (int k = last + 1; k < i; k++)
      if ((last >= 0 && k - last <= reach) || (i < n && i - k <= reach))
        line[k] = LUS_SECTOR_BORDER;
    last = i;
  }
}

/* The same along the columns, a row at a time: @since counts each column's rows since the last one outside. */
static void mark_row(guint8 *restrict row, guint16 *restrict since, int n, int reach)
{
  for (int x = 0; x < n; x++) {
    guint16 next = (guint16)(since[x] + (since[x] < G_MAXUINT16));
    since[x] = row[x] ? next : 0;
    row[x] = row[x] && since[x] <= reach ? LUS_SECTOR_BORDER : row[x];
  }
}

static void mark_columns(LusMaskDrawing *drawing, LusRect box, int reach)
{
  gsize width = (gsize)drawing->frame_width;
  g_autofree guint16 *since = g_new(guint16, width);
  int last = box.y + box.height - 1;
  for (int up = 0; up < 2; up++) {
    gboolean cut_off = up ? last == drawing->frame_height - 1 : box.y == 0;
    memset(since, cut_off ? 0xff : 0, width * sizeof *since);
    for (int i = 0; i < box.height; i++)
      mark_row(drawing->sector + (gsize)(up ? last - i : box.y + i) * width + box.x, since, box.width, reach);
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
    mark_border(drawing->sector + (gsize)y * width, drawing->frame_width, reach_x);
  mark_columns(drawing, box, reach_y);
}

static void find_whole_tiles(LusMaskDrawing *drawing)
{
  static const guint8 inside[LUS_TILE] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  int tiles = drawing->frame_width / LUS_TILE;
  guint8 *whole = drawing->whole;
  for (int y = 0; y < drawing->frame_height; y++)
    for (int t = 0; t < tiles; t++)
      *whole++ = memcmp(drawing->sector + (gsize)y * (gsize)drawing->frame_width + t * LUS_TILE, inside, LUS_TILE) == 0;
}

static void find_rows(LusMaskDrawing *drawing)
{
  gsize width = (gsize)drawing->frame_width;
  for (int y = 0; y < drawing->frame_height; y++) {
    const guint8 *row = drawing->sector + (gsize)y * width;
    int x0 = 0, x1 = drawing->frame_width;
    while (x0 < x1 && !row[x0])
      x0++;
    while (x1 > x0 && !row[x1 - 1])
      x1--;
    gboolean one = x0 == x1 || !memchr(row + x0, 0, (gsize)(x1 - x0));
    drawing->rows[y] = (LusSpan){x0, one ? x1 : x0 - 1};
  }
}

gboolean lus_mask_drawing_set_sector(LusMaskDrawing *drawing, const LusSegmentation *segmentation)
{
  int width = segmentation->frame_width, height = segmentation->frame_height;
  gsize n = (gsize)width * (gsize)height;
  if (!drawing->sector || width != drawing->frame_width || height != drawing->frame_height) {
    g_free(drawing->sector);
    g_free(drawing->whole);
    g_free(drawing->rows);
    drawing->sector = g_try_malloc(n);
    drawing->whole = g_try_malloc0(n / LUS_TILE + 1);
    drawing->rows = g_try_new(LusSpan, (gsize)height);
    if (!drawing->whole || !drawing->rows)
      g_clear_pointer(&drawing->sector, g_free);
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
  find_whole_tiles(drawing);
  find_rows(drawing);
  return TRUE;
}

/* The buffers, for the pixels that the planes cover and contours that reach so far. */
static gboolean set_box(LusMaskDrawing *drawing, const LusSegmentation *segmentation, double reach)
{
  LusRect rect = segmentation->rect;
  int x0 = MAX(rect.x, 0) / LUS_TILE * LUS_TILE, y0 = MAX(rect.y, 0) & ~1;
  int x1 = MIN(rect.x + rect.width, segmentation->frame_width);
  int y1 = MIN(rect.y + rect.height, segmentation->frame_height);
  gsize n = (gsize)segmentation->width * (gsize)segmentation->height * (gsize)segmentation->n_classes;
  if (x1 <= x0 || y1 <= y0)
    return FALSE;
  drawing->box = (LusRect){x0, y0, x1 - x0, y1 - y0};
  if (n > drawing->planes_size) {
    free_buffers(drawing);
    drawing->planes = g_try_malloc(n);
    drawing->alpha = g_try_malloc(2 * LUS_FRAME_MAX);
    if (!drawing->planes || !drawing->alpha) {
      free_buffers(drawing);
      return FALSE;
    }
    drawing->planes_size = n;
  }
  return lus_edge_map_set_size(&drawing->edge, drawing->box.width, drawing->box.height,
                               (double)rect.height / segmentation->height + 2 * reach);
}

/* The class's plane, raised and lowered. FALSE if its mask is empty. */
static gboolean make_layer(LusMaskLayer *layer, LusMaskDrawing *drawing, const LusSegmentation *segmentation,
                           const LusMask *mask, int c)
{
  int width = segmentation->width, height = segmentation->height;
  gsize m = (gsize)width * (gsize)height;
  const guint8 *q = segmentation->confidence + (gsize)c * m, *in = mask->planes + (gsize)c * m;
  guint8 cut = MAX(mask->cut[c], 1), below = (guint8)(cut - 1);
  guint8 *restrict plane = drawing->planes + (gsize)c * m;
  LusRect part = bounds(in, width, height);
  if (part.width < 1)
    return FALSE;
  /* Beyond the edge's cells, what the middle of two rows of pixels can see. */
  int spare = 2 + (height + 2 * segmentation->rect.height - 1) / (2 * segmentation->rect.height);
  int first = MAX(part.y - spare, 0), end = MIN(part.y + part.height + spare, height);
  for (gsize i = (gsize)first * (gsize)width; i < (gsize)end * (gsize)width; i++) {
    guint8 raised = MAX(q[i], cut), lowered = MIN(q[i], below);
    plane[i] = in[i] ? raised : lowered;
  }
  layer->plane = plane;
  layer->part = part;
  layer->cut = cut;
  return TRUE;
}

/* One class's contour on its way from the edge to the plate. */
typedef struct {
  LusMaskDrawing *drawing;
  const LusImage *target;
  const LusStroke *stroke;
  LusPaint paint;
} Contour;

/* A dash is 1 u on and 1 u off along the diagonals. */
static void break_line(guint8 *alpha, int x, int y, int dash, int n)
{
  for (int i = 0; i < n; i++)
    alpha[i] = (x + i + y) % (2 * dash) >= dash ? 0 : alpha[i];
}

/* Nothing is drawn outside of the sector and at its border. */
static void clip_tile(const LusMaskDrawing *drawing, guint8 alpha[LUS_TILE], int x, int y)
{
  int n = MIN(LUS_TILE, drawing->frame_width - x), whole_tiles = drawing->frame_width / LUS_TILE, tile = x / LUS_TILE;
  const guint8 *sector = drawing->sector + (gsize)y * (gsize)drawing->frame_width + x;
  if (tile < whole_tiles && drawing->whole[(gsize)y * (gsize)whole_tiles + (gsize)tile])
    return;
  for (int i = 0; i < LUS_TILE; i++)
    alpha[i] = i < n && sector[i] == 255 ? alpha[i] : 0;
}

/* The alphas of the pixels of row @y in the tiles @first..@end - 1; whether there may be others than 0. */
static gboolean stroke_row(const Contour *contour, guint8 *alpha, int first, int end, int y)
{
  LusMaskDrawing *drawing = contour->drawing;
  const LusStroke *stroke = contour->stroke;
  int x = drawing->box.x + first * LUS_TILE, frame_y = drawing->box.y + y, n = end - first;
  if (!lus_edge_band(&drawing->edge, alpha, first, n, y, CONTOUR_GAP, stroke->width, stroke->opacity))
    return FALSE;
  for (int t = 0; t < n; t++)
    clip_tile(drawing, alpha + t * LUS_TILE, x + t * LUS_TILE, frame_y);
  if (stroke->dash)
    break_line(alpha, x, frame_y, stroke->dash, n * LUS_TILE);
  return TRUE;
}

/* Eight pixels of one or two rows: 0 if nothing is drawn on them. */
static guint64 eight_drawn(const guint8 *alpha, int rows)
{
  guint64 top, bottom;
  memcpy(&top, alpha, sizeof top);
  memcpy(&bottom, alpha + (rows - 1) * LUS_FRAME_MAX, sizeof bottom);
  return top | bottom;
}

/* A run of tiles becomes one of the plate, without what is empty at its ends. */
static void add_tiles(const Contour *contour, int first, int end, int y, int rows)
{
  LusMaskDrawing *drawing = contour->drawing;
  int x0 = first * LUS_TILE, x1 = end * LUS_TILE;
  while (x0 < x1 && !eight_drawn(drawing->alpha + x0, rows))
    x0 += 8;
  while (x0 < x1 && !eight_drawn(drawing->alpha + x1 - 8, rows))
    x1 -= 8;
  x1 = MIN(x1, drawing->box.width);
  const LusRect where = {drawing->box.x + x0, drawing->box.y + y, x1 - x0, rows};
  if (x0 < x1)
    lus_plate_add(&drawing->contour, contour->target, &contour->paint, where, drawing->alpha + x0, LUS_FRAME_MAX);
}

static void contour_rows(void *data, int y)
{
  const Contour *contour = data;
  const LusEdgeMap *edge = &contour->drawing->edge;
  int rows = MIN(2, contour->drawing->box.height - y), end;
  for (int first = lus_edge_next(edge, 0, y, rows); first < edge->tiles; first = lus_edge_next(edge, end, y, rows)) {
    gboolean drawn = FALSE;
    end = lus_edge_end(edge, first, y, rows);
    for (int j = 0; j < rows; j++)
      drawn |= stroke_row(contour, contour->drawing->alpha + j * LUS_FRAME_MAX + first * LUS_TILE, first, end, y + j);
    if (drawn)
      add_tiles(contour, first, end, y, rows);
  }
}

static double stroke_width(const LusClassLook *class_look, double u)
{
  return MAX(1.5, rint(2 * class_look->width * u) / 2);
}

/* How far from the edge a line's last pixels are. */
static double stroke_reach(double width)
{
  return CONTOUR_GAP + width + 0.5;
}

static LusStroke make_stroke(const LusClassLook *class_look, const LusMaskLook *look, double u)
{
  LusColour colour = class_look->colour;
  LusStroke stroke = {colour, stroke_width(class_look, u), class_look->opacity * look->opacity, 0};
  if (look->stale) {
    guint8 luma = (guint8)lrint(0.2126 * colour.r + 0.7152 * colour.g + 0.0722 * colour.b);
    stroke.colour = (LusColour){(guint8)((colour.r + luma) / 2), (guint8)((colour.g + luma) / 2),
                                (guint8)((colour.b + luma) / 2)};
    stroke.opacity *= 0.75;
    stroke.dash = MAX(1, (int)lrint(u));
  } else if (look->style == LUS_OVERLAY_FILL) {
    stroke.width *= 0.6;
    stroke.opacity *= 0.65;
  } else if (look->style == LUS_OVERLAY_BOTH) {
    stroke.opacity *= 0.95;
  }
  return stroke;
}

static void draw_contour(LusMaskDrawing *drawing, const LusImage *target, const LusSegmentation *segmentation,
                         const LusMaskLayer *layer, const LusStroke *stroke)
{
  LusRect rect = segmentation->rect;
  Contour contour = {drawing, target, stroke, lus_plate_paint(&drawing->contour, target, stroke->colour)};
  const LusPlaneField field = {layer->plane, segmentation->width, segmentation->height,
                               {rect.x - drawing->box.x, rect.y - drawing->box.y, rect.width, rect.height}};
  lus_edge_find(&drawing->edge, &field, layer->part, layer->cut, stroke_reach(stroke->width), contour_rows, &contour);
}

void lus_mask_drawing_update(LusMaskDrawing *drawing, const LusImage *target, const LusSegmentation *segmentation,
                             const LusMask *mask, const LusMaskLook *look)
{
  LusClassLook looks[LUS_MAX_CLASSES];
  LusMaskLayer layers[LUS_MAX_CLASSES];
  LusStroke strokes[LUS_MAX_CLASSES];
  double u = target->height / 180.0, widest = 0;
  int n = 0;
  lus_plate_empty(&drawing->contour);
  lus_tint_empty(&drawing->tint);
  lus_class_looks(looks, segmentation, target->format == LUS_FORMAT_GRAY8);
  for (int c = 0; c < mask->n_classes; c++)
    widest = MAX(widest, stroke_width(&looks[c], u));
  if (!drawing->sector || !set_box(drawing, segmentation, stroke_reach(widest)))
    return;
  for (int order = 0; order <= LUS_CLASS_TOP; order++)
    for (int c = 0; c < mask->n_classes; c++) {
      if (looks[c].order != order || !(look->class_mask >> c & 1) ||
          !make_layer(&layers[n], drawing, segmentation, mask, c))
        continue;
      layers[n].colour = looks[c].colour;
      strokes[n++] = make_stroke(&looks[c], look, u);
    }
  if (look->style != LUS_OVERLAY_CONTOUR && !look->stale)
    lus_tint_build(&drawing->tint, target, segmentation, layers, n, drawing->sector, drawing->rows, look->opacity);
  for (int i = 0; i < n; i++)
    draw_contour(drawing, target, segmentation, &layers[i], &strokes[i]);
}
