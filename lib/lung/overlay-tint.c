/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"
#include "lung/resample.h"

/* Tints, in the frame's own units: samples of the chroma, or pixels of RGB. How many of a unit's pixels a mask covers is
 * found from the places in each row of pixels where the resampled confidence crosses the threshold; between them nothing
 * is looked at pixel by pixel. The strength is that of the confidence in the unit's middle. */

typedef struct {
  const LusSegmentation *segmentation;
  const guint8 *sector;   /* [frame_height][frame_width], odd inside */
  const LusSpan *rows;    /* of it */
  LusResample resample;
  int x_shift, y_shift, units; /* units: of a row */
  int x0, x1;                  /* the frame's columns that the planes cover */
  int half;                    /* columns of the plane that half a pixel covers, rounded up */
  int *first;                  /* [width + 1] first of these columns at or right of a plane's column */
  guint8 *weight;              /* [frame_width] of the plane's column to the right */
  int *column;                 /* [units] the plane's column at or left of a unit's middle */
  guint8 *column_weight;       /* [units] of the next one */
  guint16 *line;               /* [width + 1] a row between the plane's rows, times 256 */
  guint8 *inside;              /* [width] 1 where it reaches the threshold */
  guint8 *cover;               /* [units] pixels in the mask */
  guint8 *alpha, *who;         /* [units] of all layers */
} Work;

static void *carve(guint8 **memory, gsize n, gsize size)
{
  void *part = *memory;
  *memory += (n * size + 7) & ~(gsize)7;
  return part;
}

static void work_init(Work *work, LusTint *tint, const LusImage *target, const LusSegmentation *segmentation,
                      const guint8 *sector, const LusSpan *rows)
{
  LusRect rect = segmentation->rect;
  int width = segmentation->width, u = 0;
  memset(work, 0, sizeof *work);
  work->segmentation = segmentation;
  work->sector = sector;
  work->rows = rows;
  lus_resample_init(&work->resample, width, segmentation->height, rect);
  lus_format_subsampling(target->format, &work->x_shift, &work->y_shift);
  work->units = (target->width + work->x_shift) >> work->x_shift;
  work->x0 = MAX(rect.x, 0);
  work->x1 = MIN(rect.x + rect.width, target->width);
  work->half = (width + 2 * rect.width - 1) / (2 * rect.width);
  gsize units = (gsize)work->units, columns = (gsize)width + 1, pixels = (gsize)target->width;
  g_byte_array_set_size(tint->work, (guint)(columns * (sizeof *work->first + sizeof *work->line + 1) + pixels +
                                            units * (sizeof *work->column + 4) + 72));
  guint8 *memory = tint->work->data;
  work->first = carve(&memory, columns, sizeof *work->first);
  work->column = carve(&memory, units, sizeof *work->column);
  work->line = carve(&memory, columns, sizeof *work->line);
  work->inside = carve(&memory, columns, 1);
  work->weight = carve(&memory, pixels, 1);
  work->column_weight = carve(&memory, units, 1);
  work->cover = memset(carve(&memory, units, 1), 0, units);
  work->alpha = memset(carve(&memory, units, 1), 0, units);
  work->who = memset(carve(&memory, units, 1), 0, units);
  for (int x = work->x0; x < work->x1; x++) {
    int weight, at = lus_line_at(work->resample.x, 2 * (x - rect.x), width, &weight);
    work->weight[x] = (guint8)weight;
    for (; u <= at; u++)
      work->first[u] = u ? x : work->x0;
  }
  for (; u <= width; u++)
    work->first[u] = work->x1;
  for (int i = 0; i < work->units; i++) {
    int weight, halves = 2 * ((i << work->x_shift) - rect.x) + work->x_shift;
    work->column[i] = lus_line_at(work->resample.x, halves, width, &weight);
    work->column_weight[i] = (guint8)weight;
  }
}

/* Columns of the plane that a layer's edge can lie between, or the middle of a unit that it covers in part: first to last. */
static void layer_columns(const Work *work, const LusMaskLayer *layer, int *first, int *last)
{
  *first = MAX(layer->part.x - 1 - work->half, 0);
  *last = MIN(layer->part.x + layer->part.width + work->half, work->segmentation->width - 1);
}

/* @halves / 2 rows of pixels below the rectangle's first one. */
static void make_line(const Work *work, const LusMaskLayer *layer, int halves)
{
  int weight, first, last, width = work->segmentation->width, height = work->segmentation->height;
  int v = lus_line_at(work->resample.y, halves, height, &weight);
  const guint8 *top = layer->plane + (gsize)v * (gsize)width;
  const guint8 *bottom = layer->plane + (gsize)MIN(v + 1, height - 1) * (gsize)width;
  guint16 *restrict line = work->line, level = (guint16)(layer->cut * 256 - 128);
  guint8 *restrict inside = work->inside;
  layer_columns(work, layer, &first, &last);
  for (int u = first; u <= last; u++)
    line[u] = (guint16)((256 - weight) * top[u] + weight * bottom[u]);
  for (int u = first; u <= last; u++)
    inside[u] = line[u] >= level;
  line[last + 1] = line[last];
}

/* Where the sector's row is more than one run. */
static void cover_bytes(const Work *work, const guint8 *sector, int x0, int x1)
{
  for (int x = x0; x < x1; x++)
    work->cover[x >> work->x_shift] = (guint8)(work->cover[x >> work->x_shift] + (sector[x] & 1));
}

static void cover_pixels(const Work *work, int y, int x0, int x1)
{
  guint8 *restrict cover = work->cover;
  LusSpan row = work->rows[y];
  int shift = work->x_shift, step = 1 << shift;
  if (row.x1 < row.x0) {
    cover_bytes(work, work->sector + (gsize)y * (gsize)work->segmentation->frame_width, x0, x1);
    return;
  }
  x0 = MAX(x0, row.x0);
  x1 = MIN(x1, row.x1);
  if (x0 < x1 && (x0 & shift)) {
    cover[x0 >> shift]++;
    x0++;
  }
  if (x0 < x1 && (x1 & shift))
    cover[x1 >> shift]++;
  for (int i = x0 >> shift; i < x1 >> shift; i++)
    cover[i] = (guint8)(cover[i] + step);
}

/* Between the plane's columns @u and @u + 1 the edge is crossed once: the first pixel behind it. */
static int crossing(const Work *work, int u, int cut, gboolean inside)
{
  int left = work->line[u], right = work->line[u + 1], x = work->first[u], end = work->first[u + 1];
  for (; x < end; x++) {
    int weight = work->weight[x];
    if (((256 - weight) * left + weight * right >= cut * 65536 - 32768) != inside)
      break;
  }
  return x;
}

/* Counts the pixels of a row of the frame that are in the mask; widens @from to @to, units. */
static void cover_row(const Work *work, const LusMaskLayer *layer, int y, int *from, int *to)
{
  int first, last, start = 0;
  make_line(work, layer, 2 * (y - work->segmentation->rect.y));
  layer_columns(work, layer, &first, &last);
  const guint8 *line = work->inside, *end = line + last + 1;
  gboolean inside = FALSE;
  for (const guint8 *next = line + first; next < end;) {
    const guint8 *change = memchr(next, !inside, (gsize)(end - next));
    /* an end at the plane's border is that of its pixels */
    int u = change ? (int)(change - line) : last + 1;
    int x = u == first || u > last ? work->first[u] : crossing(work, u - 1, layer->cut, inside);
    if (inside && start < x) {
      cover_pixels(work, y, start, x);
      *from = MIN(*from, start >> work->x_shift);
      *to = MAX(*to, ((x - 1) >> work->x_shift) + 1);
    }
    start = x;
    inside = !inside;
    next = line + u;
  }
}

/* The strengths in the middles of @n units from @first on. */
static void find_strengths(const Work *work, const guint8 strength[256], guint8 *restrict out, int first, int n)
{
  const guint16 *line = work->line;
  const int *column = work->column + first;
  const guint8 *weights = work->column_weight + first;
  for (int i = 0; i < n; i++) {
    const guint16 *at = line + column[i];
    out[i] = strength[(256 * at[0] + weights[i] * (at[1] - at[0]) + (1 << 15)) >> 16];
  }
}

/* Lays a layer's strengths over those of the layers before it. */
static void add_strengths(const Work *work, const guint8 strength[256], guint8 name, int from, int to)
{
  int shift = work->x_shift + work->y_shift, all = 1 << shift, next;
  for (int i = from; i < to; i = next) {
    int cover = work->cover[i], n = lus_same_bytes(work->cover + i, to - i);
    guint8 whole[8];
    next = i + n;
    if (!cover)
      continue;
    if (cover == all) {
      find_strengths(work, strength, work->alpha + i, i, n);
    } else {
      next = i + MIN(n, (int)sizeof whole);
      find_strengths(work, strength, whole, i, next - i);
      for (int k = i; k < next; k++)
        work->alpha[k] = (guint8)((whole[k - i] * cover + work->alpha[k] * (all - cover) + (all >> 1)) >> shift);
    }
    memset(work->who + i, name, (gsize)(next - i));
  }
  memset(work->cover + from, 0, (gsize)(to - from));
}

/* One layer in one row of units. */
static void add_layer(const Work *work, const LusMaskLayer *layer, const guint8 strength[256], guint8 name, int row,
                      int *from, int *to)
{
  const LusSegmentation *s = work->segmentation;
  double sy = (double)s->rect.height / s->height;
  int begin = MAX(s->rect.y, (int)floor(s->rect.y + (layer->part.y - 0.5) * sy));
  int end = MIN(s->rect.y + s->rect.height, (int)ceil(s->rect.y + (layer->part.y + layer->part.height + 0.5) * sy));
  int rows = 1 << work->y_shift, y0 = row << work->y_shift, left = work->units, right = 0;
  for (int j = 0; j < rows; j++) {
    int y = MIN(y0 + j, s->frame_height - 1); /* an odd last row stands for two */
    if (y >= MAX(begin, 0) && y < end)
      cover_row(work, layer, y, &left, &right);
  }
  if (left >= right)
    return;
  if (work->x_shift && (s->frame_width & 1) && right == work->units)
    work->cover[right - 1] = (guint8)(2 * work->cover[right - 1]);
  if (work->y_shift)
    make_line(work, layer, 2 * (y0 - s->rect.y) + 1);
  add_strengths(work, strength, name, left, right);
  *from = MIN(*from, left);
  *to = MAX(*to, right);
}

void lus_tint_build(LusTint *tint, const LusImage *target, const LusSegmentation *segmentation,
                    const LusMaskLayer *layers, int n, const guint8 *sector, const LusSpan *sector_rows,
                    double opacity)
{
  Work work;
  LusColour colours[LUS_MAX_CLASSES];
  guint8 strength[LUS_MAX_CLASSES][256];
  for (int k = 0; k < n; k++) {
    int cut = layers[k].cut;
    colours[k] = layers[k].colour;
    for (int q = 0; q < 256; q++)
      strength[k][q] = (guint8)lrint(255 * opacity * (0.22 + 0.28 * MAX(q - cut, 0) / MAX(255.0 - cut, 1)));
  }
  lus_tint_start(tint, target, colours, n);
  work_init(&work, tint, target, segmentation, sector, sector_rows);
  int rows = (target->height + work.y_shift) >> work.y_shift;
  for (int row = 0; row < rows && work.x0 < work.x1; row++) {
    int from = work.units, to = 0;
    for (int k = 0; k < n; k++)
      add_layer(&work, &layers[k], strength[k], (guint8)(k + 1), row, &from, &to);
    if (from >= to)
      continue;
    lus_tint_add(tint, row, from, work.who + from, work.alpha + from, to - from);
    memset(work.who + from, 0, (gsize)(to - from));
    memset(work.alpha + from, 0, (gsize)(to - from));
  }
}
