/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/sector.h"
#include "lung/sector-internal.h"
#include "nn/error.h"

#include <string.h>

/* The sector is looked for on a grid of cells, whose means are little disturbed by noise and thin lines; its border is
 * then followed in pixels. It is kept as one span per row of the frame, since a convex region has no more than that. */

#define GRID 160        /* cells along the frame's larger side, at most */
#define GAP 1           /* cells: gaps up to this are closed */
#define PART 8          /* a further component belongs to the sector from 1/8 of the largest one's size */
#define SMALLEST 64     /* of the frame's area, one part of this is the least a sector covers */
#define GROWTH 50       /* growth below one part of this (2 %) is ignored, so that the geometry keeps still */
#define OTHER 20        /* a sector that differs by one part of this (5 %) from the remembered one is another one */
#define SIDE_MIN 16     /* pixels */
#define CALM 120        /* pictures without a change after which a sector counts as steady */
#define LOOK_EVERY 4    /* of a steady sector's pictures this one is looked at */
#define BLACK_MAX 8     /* highest level taken for the display's black */
#define RAISED_MAX 24   /* the same where the frame has a border of one grey: 16 is black in studio range */
#define BORDER 5        /* such a border covers one part of this of the frame at least, */
#define FLAT 3          /* within so many levels */
#define CELL_ABOVE 3    /* least mean of a lit cell above black */
#define PIXEL_ABOVE 6   /* least luma of a lit pixel above black */

static LusRect frame_rect(const LusSector *sector)
{
  return (LusRect){0, 0, sector->width, sector->height};
}

/* At least SIDE_MIN pixels where the frame has them, inside 0..size. */
static void fit_side(int *start, int *length, int size)
{
  int end = (int)CLAMP((gint64)*start + *length, 0, size);
  *start = CLAMP(*start, 0, size);
  int missing = MIN(SIDE_MIN, size) - (end - *start);
  if (missing > 0) {
    *start = CLAMP(*start - missing / 2, 0, size - MIN(SIDE_MIN, size));
    end = *start + MIN(SIDE_MIN, size);
  }
  *length = end - *start;
}

static LusRect fit_rect(const LusSector *sector, LusRect rect)
{
  fit_side(&rect.x, &rect.width, sector->width);
  fit_side(&rect.y, &rect.height, sector->height);
  return rect;
}

static void set_rectangle(LusSector *sector, LusRect rect)
{
  sector->rect = fit_rect(sector, rect);
  for (int y = 0; y < sector->height; y++) {
    gboolean inside = y >= sector->rect.y && y < sector->rect.y + sector->rect.height;
    sector->spans[y] = inside ? (LusSpan){sector->rect.x, sector->rect.x + sector->rect.width} : (LusSpan){0, 0};
  }
  sector->known = TRUE;
}

static gboolean allocate(LusSector *sector)
{
  gsize width = (gsize)sector->width, height = (gsize)sector->height;
  sector->spans = g_try_new0(LusSpan, height);
  if (!sector->spans || sector->mode != LUS_SECTOR_AUTO)
    return sector->spans != NULL;
  gsize cells = (gsize)sector->rows * sector->columns;
  sector->brightest = g_try_malloc0_n(height, width);
  sector->means = g_try_malloc0(cells);
  sector->row = g_try_malloc0(width);
  sector->sums = g_try_new0(guint16, width);
  sector->lit = g_try_malloc0(cells);
  sector->core = g_try_malloc0(cells);
  sector->kept = g_try_malloc0(cells);
  sector->spare = g_try_malloc0(cells);
  sector->labels = g_try_new0(int, cells);
  sector->components = g_try_new0(LusComponent, cells);
  sector->stack = g_try_new0(int, MAX(cells, height));
  sector->found = g_try_new0(LusSpan, height);
  sector->row_limits = g_try_new0(LusSpan, height);
  sector->column_limits = g_try_new0(LusSpan, width);
  sector->hull = g_try_new0(LusSpan, height);
  sector->edges = g_try_new0(LusEdge, height);
  return sector->brightest && sector->means && sector->row && sector->sums && sector->lit && sector->core &&
         sector->kept && sector->spare && sector->labels && sector->components && sector->stack && sector->found &&
         sector->row_limits && sector->column_limits && sector->hull && sector->edges;
}

LusSector *lus_sector_new(int frame_width, int frame_height, LusSectorMode mode, LusRect manual)
{
  LusSector *sector = g_try_new0(LusSector, 1);
  if (!sector)
    return NULL;
  sector->mode = mode;
  sector->manual = manual;
  sector->width = frame_width;
  sector->height = frame_height;
  sector->cell = (MAX(frame_width, frame_height) + GRID - 1) / GRID;
  sector->columns = (frame_width + sector->cell - 1) / sector->cell;
  sector->rows = (frame_height + sector->cell - 1) / sector->cell;
  if (!allocate(sector)) {
    lus_sector_free(sector);
    return NULL;
  }
  lus_sector_reset(sector);
  return sector;
}

void lus_sector_free(LusSector *sector)
{
  if (!sector)
    return;
  g_free(sector->brightest);
  g_free(sector->means);
  g_free(sector->row);
  g_free(sector->sums);
  g_free(sector->lit);
  g_free(sector->core);
  g_free(sector->kept);
  g_free(sector->spare);
  g_free(sector->labels);
  g_free(sector->components);
  g_free(sector->stack);
  g_free(sector->found);
  g_free(sector->row_limits);
  g_free(sector->column_limits);
  g_free(sector->hull);
  g_free(sector->remembered);
  g_free(sector->edges);
  g_free(sector->spans);
  g_free(sector);
}

void lus_sector_reset(LusSector *sector)
{
  if (sector->mode != LUS_SECTOR_AUTO) {
    set_rectangle(sector, sector->mode == LUS_SECTOR_MANUAL ? sector->manual : frame_rect(sector));
    return;
  }
  sector->known = sector->seen = FALSE;
  sector->changed = TRUE;
  sector->calm = 0;
  sector->trusted = sector->remembered != NULL;
  memset(sector->brightest, 0, (gsize)sector->width * sector->height);
  memset(sector->means, 0, (gsize)sector->rows * sector->columns);
}

/* ---- running maxima ---- */

/* One row of cells: @height pixel rows have been added up. */
static void update_means(LusSector *sector, int cell_row, int height)
{
  guint8 *means = sector->means + (gsize)cell_row * sector->columns;
  for (int c = 0; c < sector->columns; c++) {
    int x = c * sector->cell, end = MIN(x + sector->cell, sector->width);
    int pixels = (end - x) * height;
    int sum = pixels / 2;
    for (; x < end; x++)
      sum += sector->sums[x];
    if (sum >= (means[c] + 1) * pixels) { /* a larger mean, found without a division */
      guint8 mean = (guint8)(sum / pixels);
      sector->changed |= means[c] < sector->cell_level && mean >= sector->cell_level;
      means[c] = mean;
    }
  }
}

/* Whether a maximum rose to @level. */
static gboolean add_row(guint8 *restrict brightest, guint16 *restrict sums, const guint8 *restrict row, int width,
                        guint8 level)
{
  guint8 rose = 0;
  for (int x = 0; x < width; x++) {
    guint8 old = brightest[x], next = MAX(old, row[x]);
    rose |= (guint8)((next >= level) & (old < level));
    brightest[x] = next;
    sums[x] = (guint16)(sums[x] + row[x]);
  }
  return rose;
}

static void watch(LusSector *sector, const LusImage *image)
{
  int width = sector->width;
  for (int r = 0; r < sector->rows; r++) {
    int y = r * sector->cell, end = MIN(y + sector->cell, sector->height);
    int height = end - y;
    memset(sector->sums, 0, sizeof(guint16) * (gsize)width);
    for (; y < end; y++) {
      lus_image_luma_row(sector->row, image, 0, y, width);
      sector->changed |=
          add_row(sector->brightest + (gsize)y * width, sector->sums, sector->row, width, sector->pixel_level);
    }
    update_means(sector, r, height);
  }
}

/* ---- cells that belong to the sector ---- */

/* into[c] = any (or, @all, all) of into[c] and from[c + offset], where there is such a column. */
static void combine(guint8 *into, const guint8 *from, int columns, int offset, gboolean all)
{
  int first = MAX(-offset, 0), end = columns - MAX(offset, 0);
  if (all)
    for (int c = first; c < end; c++)
      into[c] &= from[c + offset];
  else
    for (int c = first; c < end; c++)
      into[c] |= from[c + offset];
}

/* Dilation (or erosion, @erode) of 1/0 cells by a square: a cell becomes any (or all) of those at offsets @first..@last
 * in both directions; what lies outside of the grid does not count. */
static void spread(guint8 *cells, guint8 *spare, int columns, int rows, int first, int last, gboolean erode)
{
  memcpy(spare, cells, (gsize)rows * columns);
  for (int r = 0; r < rows; r++)
    for (int i = first; i <= last; i++)
      combine(spare + r * columns, cells + r * columns, columns, i, erode);
  memcpy(cells, spare, (gsize)rows * columns);
  for (int r = 0; r < rows; r++)
    for (int i = MAX(r + first, 0); i <= MIN(r + last, rows - 1); i++)
      combine(cells + r * columns, spare + i * columns, columns, 0, erode);
}

/* Level below which @permille of the cells lie. */
static int percentile(const int histogram[256], int cells, int permille)
{
  int seen = 0, level = 0;
  while (level < 255 && (seen += histogram[level]) * 1000LL <= (gint64)cells * permille)
    level++;
  return level;
}

/* The level of what is not lit. A crop of tissue alone has no such level: its darkest cells differ. */
static int find_black(const int histogram[256], int cells)
{
  int black = percentile(histogram, cells, 20), flat = 0;
  if (black <= BLACK_MAX || black > RAISED_MAX)
    return MIN(black, BLACK_MAX);
  for (int level = black - 1; level < black - 1 + FLAT; level++)
    flat += histogram[level];
  return flat >= cells / BORDER ? black : BLACK_MAX;
}

/* Black is what the darkest cells show; the brighter the picture, the brighter is its coding noise. Whether a level moved. */
static gboolean find_levels(LusSector *sector)
{
  int histogram[256] = {0}, cells = sector->columns * sector->rows;
  for (int i = 0; i < cells; i++)
    histogram[sector->means[i]]++;
  int black = find_black(histogram, cells), bright = percentile(histogram, cells, 950);
  guint8 cell_level = (guint8)(black + MAX(CELL_ABOVE, bright / 32));
  guint8 pixel_level = (guint8)(black + MAX(PIXEL_ABOVE, bright / 16));
  gboolean moved = cell_level != sector->cell_level || pixel_level != sector->pixel_level;
  sector->cell_level = cell_level;
  sector->pixel_level = pixel_level;
  return moved;
}

/* The cells left, right, above and below cell @at; -1 past the border. */
static void find_neighbours(const LusSector *sector, int neighbours[4], int at)
{
  int columns = sector->columns, c = at % columns, r = at / columns;
  neighbours[0] = c > 0 ? at - 1 : -1;
  neighbours[1] = c < columns - 1 ? at + 1 : -1;
  neighbours[2] = r > 0 ? at - columns : -1;
  neighbours[3] = r < sector->rows - 1 ? at + columns : -1;
}

/* Labels the 4-connected component of kept cells around cell @start. */
static LusComponent flood(LusSector *sector, int start, int label)
{
  int n = 0;
  LusComponent component = {0, sector->columns, -1};
  sector->labels[start] = label;
  sector->stack[n++] = start;
  while (n > 0) {
    int at = sector->stack[--n], c = at % sector->columns, neighbours[4];
    component.cells++;
    component.first = MIN(component.first, c);
    component.last = MAX(component.last, c);
    find_neighbours(sector, neighbours, at);
    for (int i = 0; i < 4; i++) {
      int next = neighbours[i];
      if (next >= 0 && sector->kept[next] && !sector->labels[next]) {
        sector->labels[next] = label;
        sector->stack[n++] = next;
      }
    }
  }
  return component;
}

/* Keeps the largest component and others of some size above or below it: an anechoic layer can divide a sector. */
static void keep_components(LusSector *sector)
{
  int cells = sector->columns * sector->rows, n = 0, largest = 0;
  memset(sector->labels, 0, sizeof(int) * (gsize)cells);
  for (int i = 0; i < cells; i++)
    if (sector->kept[i] && !sector->labels[i]) {
      sector->components[n] = flood(sector, i, n + 1);
      if (sector->components[n].cells > sector->components[largest].cells)
        largest = n;
      n++;
    }
  const LusComponent *main_part = &sector->components[largest];
  for (int i = 0; i < cells; i++) {
    if (!sector->kept[i])
      continue;
    const LusComponent *part = &sector->components[sector->labels[i] - 1];
    int middle = (part->first + part->last) / 2;
    sector->kept[i] = part == main_part || (part->cells >= main_part->cells / PART && middle >= main_part->first &&
                                            middle <= main_part->last);
  }
}

/* Lit cells that touch kept ones are kept too, as long as they do not lie beyond their first or last row and column:
 * thin layers of skin at a corner come back, scales beside the sector and titles above it do not. */
static void regrow(LusSector *sector)
{
  int columns = sector->columns, cells = columns * sector->rows, n = 0;
  int left = columns, right = -1, top = sector->rows, bottom = -1;
  for (int i = 0; i < cells; i++) {
    if (!sector->kept[i])
      continue;
    left = MIN(left, i % columns);
    right = MAX(right, i % columns);
    top = MIN(top, i / columns);
    bottom = i / columns;
    sector->stack[n++] = i;
  }
  while (n > 0) {
    int neighbours[4];
    find_neighbours(sector, neighbours, sector->stack[--n]);
    for (int i = 0; i < 4; i++) {
      int next = neighbours[i];
      if (next < 0 || sector->kept[next] || !sector->lit[next] || next % columns < left || next % columns > right ||
          next / columns < top || next / columns > bottom)
        continue;
      sector->kept[next] = 1;
      sector->stack[n++] = next;
    }
  }
}

static void find_cells(LusSector *sector, int level)
{
  int columns = sector->columns, rows = sector->rows, cells = columns * rows;
  for (int i = 0; i < cells; i++)
    sector->lit[i] = sector->means[i] >= level;
  spread(sector->lit, sector->spare, columns, rows, 0, GAP, FALSE);
  spread(sector->lit, sector->spare, columns, rows, -GAP, 0, TRUE);
  memcpy(sector->kept, sector->lit, (gsize)cells);
  spread(sector->kept, sector->spare, columns, rows, 0, LUS_SECTOR_THIN, TRUE);
  spread(sector->kept, sector->spare, columns, rows, -LUS_SECTOR_THIN, 0, FALSE);
  keep_components(sector);
  memcpy(sector->core, sector->kept, (gsize)cells);
  /* Opening rounds pointed corners off: they come back. */
  spread(sector->kept, sector->spare, columns, rows, -LUS_SECTOR_THIN / 2, LUS_SECTOR_THIN / 2, FALSE);
  for (int i = 0; i < cells; i++)
    sector->kept[i] &= sector->lit[i];
  regrow(sector);
}

/* ---- the hull of what was seen ---- */

static gint64 floor_div(gint64 a, gint64 b)
{
  return a / b - (a % b < 0);
}

/* A border as a function whose convex envelope is wanted. */
static int border(const LusSpan *spans, int y, gboolean right)
{
  return right ? -spans[y].right : spans[y].left;
}

/* Replaces one border of rows @first..@last by its convex envelope (monotone chain, Andrew 1979). */
static void make_convex(LusSpan *spans, int *stack, int first, int last, gboolean right)
{
  int n = 0;
  for (int y = first; y <= last; y++) {
    if (lus_span_is_empty(spans[y]))
      continue;
    while (n >= 2) {
      int from = border(spans, stack[n - 2], right), y_from = stack[n - 2];
      gint64 dx = border(spans, stack[n - 1], right) - from, dy = stack[n - 1] - y_from;
      if (dx * (y - y_from) < (border(spans, y, right) - from) * dy)
        break;
      n--;
    }
    stack[n++] = y;
  }
  for (int i = 0; i + 1 < n; i++) {
    int y0 = stack[i], y1 = stack[i + 1], x0 = border(spans, y0, right), x1 = border(spans, y1, right);
    for (int y = y0 + 1; y < y1; y++) {
      int x = (int)floor_div((gint64)x0 * (y1 - y) + (gint64)x1 * (y - y0), y1 - y0);
      if (right)
        spans[y].right = -x;
      else
        spans[y].left = x;
    }
  }
}

/* Convex hull of the spans in place: a row between two others gets both its borders. FALSE: no span at all. */
static gboolean make_hull(const LusSector *sector, LusSpan *spans)
{
  int first = 0, last = sector->height - 1;
  while (first <= last && lus_span_is_empty(spans[first]))
    first++;
  while (last > first && lus_span_is_empty(spans[last]))
    last--;
  if (first > last)
    return FALSE;
  /* Rows without lit pixels stay recognisable as such until both borders are made. */
  for (int y = first + 1; y < last; y++)
    if (lus_span_is_empty(spans[y]))
      spans[y] = (LusSpan){sector->width, -1};
  make_convex(spans, sector->stack, first, last, FALSE);
  make_convex(spans, sector->stack, first, last, TRUE);
  return TRUE;
}

static gint64 area_of(const LusSector *sector, const LusSpan *spans)
{
  gint64 area = 0;
  for (int y = 0; y < sector->height; y++)
    area += MAX(spans[y].right - spans[y].left, 0);
  return area;
}

static LusRect bounds_of(const LusSector *sector, const LusSpan *spans)
{
  int left = sector->width, right = 0, top = sector->height, bottom = 0;
  for (int y = 0; y < sector->height; y++) {
    if (lus_span_is_empty(spans[y]))
      continue;
    left = MIN(left, spans[y].left);
    right = MAX(right, spans[y].right);
    top = MIN(top, y);
    bottom = y + 1;
  }
  return (LusRect){left, top, right - left, bottom - top};
}

static gboolean has_grown(const LusSector *sector)
{
  LusRect from = bounds_of(sector, sector->hull), to = bounds_of(sector, sector->found);
  int x = MAX(from.x - to.x, to.x + to.width - from.x - from.width);
  int y = MAX(from.y - to.y, to.y + to.height - from.y - from.height);
  gint64 old_area = area_of(sector, sector->hull), area = area_of(sector, sector->found);
  return x * GROWTH > from.width || y * GROWTH > from.height || (area - old_area) * GROWTH > old_area;
}

/* Area that belongs to one of both alone. */
static gint64 difference(const LusSector *sector, const LusSpan *a, const LusSpan *b)
{
  gint64 sum = 0;
  for (int y = 0; y < sector->height; y++) {
    int both = MAX(MIN(a[y].right, b[y].right) - MAX(a[y].left, b[y].left), 0);
    sum += MAX(a[y].right - a[y].left, 0) + MAX(b[y].right - b[y].left, 0) - 2 * both;
  }
  return sum;
}

/* Whether the sector known so far does for @next too: it holds all that was seen, and little of it lies elsewhere. */
static gboolean still_fits(const LusSector *sector, const LusSpan *next)
{
  for (int y = 0; y < sector->height; y++) {
    LusSpan old = sector->spans[y], seen = sector->hull[y];
    if (!lus_span_is_empty(seen) && (seen.left < old.left || seen.right > old.right))
      return FALSE;
  }
  return difference(sector, sector->spans, next) * GROWTH <= area_of(sector, sector->spans);
}

/* Whether the pictures show another sector than is remembered: something outside of it, or all borders of another one. */
static gboolean is_refuted(const LusSector *sector, LusShape shape)
{
  gint64 outside = 0, remembered = area_of(sector, sector->remembered);
  for (int y = 0; y < sector->height; y++) {
    LusSpan seen = sector->hull[y], old = sector->remembered[y];
    outside += MAX(seen.right - seen.left, 0) - MAX(MIN(seen.right, old.right) - MAX(seen.left, old.left), 0);
  }
  if (outside * GROWTH > remembered)
    return TRUE;
  return shape == LUS_SHAPE_SEEN && difference(sector, sector->found, sector->remembered) * OTHER > remembered;
}

/* Joins what is seen now to the hull of what was seen before. FALSE if that changed little. */
static gboolean extend_hull(LusSector *sector)
{
  for (int y = 0; sector->seen && y < sector->height; y++) {
    LusSpan *found = &sector->found[y], old = sector->hull[y];
    if (lus_span_is_empty(*found))
      *found = old;
    else if (!lus_span_is_empty(old))
      *found = (LusSpan){MIN(found->left, old.left), MAX(found->right, old.right)};
  }
  if (!make_hull(sector, sector->found))
    return FALSE;
  if (sector->seen ? !has_grown(sector)
                   : area_of(sector, sector->found) * SMALLEST < (gint64)sector->width * sector->height)
    return FALSE;
  memcpy(sector->hull, sector->found, sizeof(LusSpan) * (gsize)sector->height);
  sector->seen = TRUE;
  return TRUE;
}

/* Mean of @n cells. */
static int brightness(const guint8 *means, int n)
{
  int sum = 0;
  for (int c = 0; c < n; c++)
    sum += means[c];
  return n > 0 ? sum / n : 0;
}

static void find_edges(LusSector *sector)
{
  gint64 sum = 0, n = 1;
  for (int i = 0; i < sector->columns * sector->rows; i++) {
    sum += sector->kept[i] ? sector->means[i] : 0;
    n += sector->kept[i];
  }
  int average = MAX((int)(sum / n), 1);
  for (int y = 0; y < sector->height; y++) {
    LusSpan hull = sector->hull[y];
    if (lus_span_is_empty(hull))
      continue;
    const guint8 *means = sector->means + (gsize)(y / sector->cell) * sector->columns;
    int first = hull.left / sector->cell, last = (hull.right - 1) / sector->cell;
    int n_inside = MIN(LUS_SECTOR_EDGE, last + 1 - first);
    sector->edges[y].left = (guint8)MIN(brightness(means + first, n_inside) * 510 / average, 255);
    sector->edges[y].right = (guint8)MIN(brightness(means + last + 1 - n_inside, n_inside) * 510 / average, 255);
  }
}

gboolean lus_sector_update(LusSector *sector, const LusImage *image)
{
  if (sector->mode != LUS_SECTOR_AUTO)
    return FALSE;
  if (sector->known && ++sector->calm > CALM && sector->calm < CALM + LOOK_EVERY)
    return FALSE;
  sector->calm = MIN(sector->calm, CALM);
  watch(sector, image);
  if (!find_levels(sector) && !sector->changed)
    return FALSE; /* nothing of what follows would come out otherwise than at the last picture */
  sector->changed = FALSE;
  find_cells(sector, sector->cell_level);
  lus_sector_trace(sector, sector->pixel_level);
  if (!extend_hull(sector))
    return FALSE;
  find_edges(sector);
  LusShape shape = lus_sector_shape_complete(sector->found, sector->hull, sector->edges, sector->width, sector->height);
  sector->trusted = sector->trusted && !is_refuted(sector, shape);
  const LusSpan *next = sector->trusted ? sector->remembered : sector->found;
  if (sector->known && (sector->trusted || still_fits(sector, next)))
    return FALSE;
  memcpy(sector->spans, next, sizeof(LusSpan) * (gsize)sector->height);
  sector->rect = fit_rect(sector, bounds_of(sector, sector->spans));
  sector->known = TRUE;
  sector->calm = 0;
  return TRUE;
}

gboolean lus_sector_remember(LusSector *sector, const LusSpan *spans, GError **error)
{
  LusSpan *copy = g_try_new(LusSpan, (gsize)sector->height);
  if (!copy) {
    g_set_error_literal(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the scanner's profile");
    return FALSE;
  }
  memcpy(copy, spans, sizeof *copy * (gsize)sector->height);
  g_free(sector->remembered);
  sector->remembered = copy;
  sector->trusted = sector->changed = TRUE;
  sector->calm = 0;
  return TRUE;
}

gboolean lus_sector_get_rect(const LusSector *sector, LusRect *rect)
{
  if (sector->known)
    *rect = sector->rect;
  return sector->known;
}

/* The frame pixel that the centre of sample @i of @n over @length pixels from @start lies in. */
static int pixel_of(int i, int n, int start, int length)
{
  return start + (int)(((2 * (gint64)i + 1) * length) / (2 * (gint64)n));
}

void lus_sector_sample(const LusSector *sector, guint8 *out, LusRect rect, int width, int height)
{
  for (int i = 0; i < height; i++) {
    int y = pixel_of(i, height, rect.y, rect.height);
    LusSpan span = sector->known && y >= 0 && y < sector->height ? sector->spans[y] : (LusSpan){0, 0};
    for (int j = 0; j < width; j++) {
      int x = pixel_of(j, width, rect.x, rect.width);
      out[(gsize)i * width + j] = x >= span.left && x < span.right ? 255 : 0;
    }
  }
}
