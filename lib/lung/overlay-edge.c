/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"

/* The edge of a mask as segments, found between the samples of the planes, and the distances of the pixels around it.
 *
 * On the lines between neighbouring samples the resampled confidence is linear, so that the places where it crosses
 * the threshold are exact; within a cell of four samples the iso-line is taken as straight. Every segment lowers the
 * distances around it: the cost is that of the edge's length, whatever the area. */

static gsize row_floats(const LusEdgeMap *map)
{
  return (gsize)(map->tiles + 1) * LUS_TILE; /* segments are drawn in blocks, which may reach past the last tile */
}

static gsize row_bytes(const LusEdgeMap *map)
{
  return ((gsize)map->tiles + 8) & ~(gsize)7; /* whole words */
}

static guint8 *touched_row(const LusEdgeMap *map, int y)
{
  return map->touched + (gsize)(y & (map->rows - 1)) * row_bytes(map);
}

void lus_edge_map_clear(LusEdgeMap *map)
{
  g_clear_pointer(&map->distance, g_free);
  g_clear_pointer(&map->touched, g_free);
  map->tiles = map->rows = 0;
}

gboolean lus_edge_map_set_size(LusEdgeMap *map, int width, int height, double span)
{
  int tiles = (width + LUS_TILE - 1) / LUS_TILE, rows = 8;
  while (rows < span + 5) /* a pair of rows may be held back by one, and either end may lie between rows */
    rows *= 2;
  map->width = width;
  map->height = height;
  map->kernels = lus_edge_kernels();
  if (tiles == map->tiles && rows == map->rows)
    return TRUE;
  lus_edge_map_clear(map);
  map->tiles = tiles;
  map->rows = rows;
  gsize n = row_floats(map) * (gsize)rows;
  map->distance = g_try_malloc_n(n, sizeof *map->distance);
  map->touched = g_try_malloc0_n(row_bytes(map), (gsize)rows);
  if (!map->distance || !map->touched) {
    lus_edge_map_clear(map);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++)
    map->distance[i] = LUS_EDGE_FAR;
  return TRUE;
}

/* Squared distances, positive outside. */
static void draw_segment(LusEdgeMap *map, LusPoint p, LusPoint q, float reach)
{
  double dx = q.x - p.x, dy = q.y - p.y;
  int x0 = MAX(0, (int)ceil(MIN(p.x, q.x) - reach)), x1 = MIN(map->width, (int)floor(MAX(p.x, q.x) + reach) + 1);
  int y0 = MAX(0, (int)ceil(MIN(p.y, q.y) - reach)), y1 = MIN(map->height, (int)floor(MAX(p.y, q.y) + reach) + 1);
  if (dx * dx + dy * dy < 1e-6 || x0 >= x1)
    return;
  const LusEdgeSegment segment = {(float)(p.x - x0), (float)p.y, (float)dx, (float)dy};
  int n = (x1 - x0 + LUS_EDGE_BLOCK - 1) / LUS_EDGE_BLOCK * LUS_EDGE_BLOCK, t0 = x0 / LUS_TILE, t1 = (x0 + n - 1) / LUS_TILE;
  map->kernels->lower(map->distance + x0, (ptrdiff_t)row_floats(map), map->rows - 1, &segment, y0, y1, n);
  for (int y = y0; y < y1; y++) {
    guint8 *touched = touched_row(map, y);
    for (int t = t0; t <= t1; t++)
      touched[t] = 1;
  }
}

/* What one edge is found in. */
typedef struct {
  LusEdgeMap *map;
  const LusPlaneField *field;
  float reach;
  double x0, y0, sx, sy; /* sample (u, v) lies at pixel (x0 + u sx, y0 + v sy) of the map */
} Edge;

/* A cell's corners: 0 top left, 1 top right, 2 bottom right, 3 bottom left; side i leads from corner i to i + 1. */
typedef struct {
  LusPoint corner[4];
  int value[4];
  double level;
} Cell;

static LusPoint crossing(const Cell *cell, int side)
{
  int a = side, b = (side + 1) & 3;
  double t = (cell->level - cell->value[a]) / (cell->value[b] - cell->value[a]);
  return (LusPoint){cell->corner[a].x + t * (cell->corner[b].x - cell->corner[a].x),
                    cell->corner[a].y + t * (cell->corner[b].y - cell->corner[a].y)};
}

/* A segment with @inside to its left, which is where the cross product is negative. */
static void add_segment(const Edge *edge, LusPoint p, LusPoint q, LusPoint inside)
{
  double cross = (inside.x - p.x) * (q.y - p.y) - (inside.y - p.y) * (q.x - p.x);
  draw_segment(edge->map, cross < 0 ? p : q, cross < 0 ? q : p, edge->reach);
}

static void add_cell(const Edge *edge, const Cell *cell, int code)
{
  int sides[4], n = 0, inside = 0;
  for (int i = 0; i < 4; i++)
    if ((code >> i ^ code >> ((i + 1) & 3)) & 1)
      sides[n++] = i;
  if (n == 2) {
    while (!(code >> inside & 1))
      inside++;
    add_segment(edge, crossing(cell, sides[0]), crossing(cell, sides[1]), cell->corner[inside]);
    return;
  }
  /* Opposite corners: the saddle tells which are one. */
  const int *f = cell->value;
  double saddle = (double)(f[0] * f[2] - f[1] * f[3]) / (f[0] + f[2] - f[1] - f[3]);
  gboolean joined = saddle >= cell->level;
  for (int i = 0; i < 4; i++) {
    gboolean in = code >> i & 1;
    if (in == joined)
      continue; /* every corner that stands alone is cut off */
    LusPoint p = crossing(cell, (i + 3) & 3), q = crossing(cell, i);
    LusPoint other = cell->corner[(i + 1) & 3];
    add_segment(edge, p, q, in ? cell->corner[i] : other);
  }
}

/* Which samples of two rows are inside: 1 in the upper one, 2 in the lower one. @codes[0] stands for the first of
 * @n samples once more, @codes[n + 1] for the last one. */
static void code_rows(guint8 *restrict codes, const guint8 *top, const guint8 *bottom, int n, guint8 cut)
{
  for (int i = 0; i < n; i++) {
    guint8 above = top[i] >= cut, below = bottom[i] >= cut;
    codes[i + 1] = (guint8)(above | below << 1);
  }
  codes[0] = codes[1];
  codes[n + 1] = codes[n];
}

/* From code @i on, the first one before @n that is not the same as the next one, or neither all inside nor all
 * outside; @n if there is none. */
static int next_code(const guint8 *codes, int i, int n)
{
  for (; i < n; i++) {
    if (codes[i] != codes[i + 1] || codes[i] == 1 || codes[i] == 2)
      return i;
    guint64 same = codes[i] * G_GUINT64_CONSTANT(0x0101010101010101), eight;
    int equal = 0;
    for (; i + equal + 9 <= n; equal += 8) {
      memcpy(&eight, codes + i + equal + 1, sizeof eight);
      if (eight != same)
        break;
    }
    i += MAX(equal - 1, 0);
  }
  return n;
}

/* The cells between sample rows @v and @v + 1 and columns @u0..@u1, which lie half a sample outside of the plane at its
 * borders. */
static void add_row(const Edge *edge, int v, int u0, int u1, int cut)
{
  const LusPlaneField *field = edge->field;
  int width = field->width, height = field->height, first = MAX(u0, 0), last = MIN(u1, width - 1);
  const guint8 *top = field->plane + (gsize)MAX(v, 0) * (gsize)width;
  const guint8 *bottom = field->plane + (gsize)MIN(v + 1, height - 1) * (gsize)width;
  double y0 = v < 0 ? -0.5 : v, y1 = v + 1 == height ? height - 0.5 : v + 1;
  guint8 codes[LUS_FRAME_MAX + 2];
  code_rows(codes, top + first, bottom + first, last - first + 1, (guint8)cut);
  int skip = u0 < 0 ? 0 : 1, n = u1 - u0 + skip;
  for (int i = next_code(codes, skip, n); i < n; i = next_code(codes, i + 1, n)) {
    int u = first - 1 + i, a = MAX(u, 0), b = MIN(u + 1, width - 1);
    int code = (codes[i] & 1) | (codes[i] & 2) << 2 | (codes[i + 1] & 1) << 1 | (codes[i + 1] & 2) << 1;
    double x0 = u < 0 ? -0.5 : u, x1 = u + 1 == width ? width - 0.5 : u + 1;
    double px0 = edge->x0 + x0 * edge->sx, px1 = edge->x0 + x1 * edge->sx;
    double py0 = edge->y0 + y0 * edge->sy, py1 = edge->y0 + y1 * edge->sy;
    const Cell cell = {{{px0, py0}, {px1, py0}, {px1, py1}, {px0, py1}},
                       {top[a], top[b], bottom[b], bottom[a]}, cut - 0.5};
    add_cell(edge, &cell, code);
  }
}

void lus_edge_find(LusEdgeMap *map, const LusPlaneField *field, LusRect part, int cut, double reach, LusEdgeRows rows,
                   void *data)
{
  LusRect rect = field->rect;
  Edge edge = {.map = map, .field = field, .reach = (float)reach, .sx = (double)rect.width / field->width,
               .sy = (double)rect.height / field->height};
  edge.x0 = rect.x + 0.5 * edge.sx - 0.5;
  edge.y0 = rect.y + 0.5 * edge.sy - 0.5;
  int y = -1;
  for (int v = part.y - 1; v < part.y + part.height; v++) {
    /* Above this row nothing will be drawn any more; the slack is for rounding. */
    int open = (int)floor(edge.y0 + MAX(v, -0.5) * edge.sy - reach - 0.01);
    y = y < 0 ? MAX(open, 0) & ~1 : y;
    for (; y + 2 <= MIN(open, map->height); y += 2)
      rows(data, y);
    add_row(&edge, v, part.x - 1, part.x + part.width, cut);
  }
  int end = MIN((int)ceil(edge.y0 + (part.y + part.height) * edge.sy + reach) + 1, map->height);
  for (; y < end; y += 2)
    rows(data, y);
}

int lus_edge_next(const LusEdgeMap *map, int tile, int y, int rows)
{
  const guint8 *top = touched_row(map, y), *bottom = touched_row(map, y + rows - 1);
  for (; tile < map->tiles; tile += 8 - tile % 8) {
    guint64 above, below;
    memcpy(&above, top + tile / 8 * 8, sizeof above);
    memcpy(&below, bottom + tile / 8 * 8, sizeof below);
    for (int t = tile; (above | below) && t < MIN(tile / 8 * 8 + 8, map->tiles); t++)
      if (top[t] | bottom[t])
        return t;
  }
  return map->tiles;
}

int lus_edge_end(const LusEdgeMap *map, int tile, int y, int rows)
{
  const guint8 *top = touched_row(map, y), *bottom = touched_row(map, y + rows - 1);
  for (tile++; tile < map->tiles && (top[tile] | bottom[tile]); tile++)
    ;
  return tile;
}

gboolean lus_edge_band(LusEdgeMap *map, guint8 *alpha, int tile, int n, int y, double gap, double width, double opacity)
{
  float *distance = map->distance + (gsize)(y & (map->rows - 1)) * row_floats(map) + (gsize)tile * LUS_TILE;
  memset(touched_row(map, y) + tile, 0, (gsize)n);
  return map->kernels->band(alpha, distance, (float)gap, (float)width, (float)opacity, n * LUS_TILE) != 0;
}
