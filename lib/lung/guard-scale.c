/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/guard-scale.h"

#include <math.h>
#include <string.h>

#include "lung/segmenter-job.h"

#define ALIKE 0.97       /* correlation of most pictures that follow one another */
#define RESCALED 0.85    /* correlation that a scale must reach, */
#define GAIN 0.55        /* with less of this part of what the best shift lacks to 1 */
#define SIDE 32          /* of the picture that is compared; two cells make a pixel */
#define SCALE_STEP 1.09
#define SCALES 10        /* each way: 0.42 to 2.37 */
#define OVERLAP 0.2      /* least part of the picture that must be comparable */

/* What is compared: columns x rows, at most SIDE a side. */
typedef struct {
  int columns, rows;
  guint8 luma[SIDE * SIDE], inside[SIDE * SIDE];
} Small;

void lus_guard_cells_fill(LusGuardCells *cells, const LusSegmenterJob *job)
{
  const LusGeometry *geometry = &job->geometry;
  int size = (MAX(geometry->width, geometry->height) + LUS_GUARD_CELLS - 1) / LUS_GUARD_CELLS;
  cells->geometry = *geometry;
  cells->size = size;
  cells->columns = geometry->width / size;
  cells->rows = geometry->height / size;
  for (int r = 0; r < cells->rows; r++) {
    const guint8 *inside = job->inside + (gsize)(r * size + size / 2) * geometry->width;
    guint32 sums[LUS_GUARD_CELLS] = {0};
    for (int y = r * size; y < (r + 1) * size; y++) {
      const guint8 *row = job->luma + (gsize)(geometry->y + y) * geometry->input_width + geometry->x;
      for (int c = 0; c < cells->columns; c++)
        for (int x = c * size; x < (c + 1) * size; x++)
          sums[c] += row[x];
    }
    for (int c = 0; c < cells->columns; c++) {
      cells->luma[r * LUS_GUARD_CELLS + c] = (guint8)(sums[c] / (guint32)(size * size));
      cells->inside[r * LUS_GUARD_CELLS + c] = inside[c * size + size / 2] != 0;
    }
  }
}

gboolean lus_guard_cells_match(const LusGuardCells *a, const LusGuardCells *b)
{
  return memcmp(&a->geometry, &b->geometry, sizeof(a->geometry)) == 0;
}

static void halve(Small *small, const LusGuardCells *cells)
{
  small->columns = cells->columns / 2;
  small->rows = cells->rows / 2;
  for (int y = 0; y < small->rows; y++)
    for (int x = 0; x < small->columns; x++) {
      int at = 2 * y * LUS_GUARD_CELLS + 2 * x;
      const guint8 *luma = cells->luma + at, *inside = cells->inside + at;
      small->luma[y * SIDE + x] =
        (guint8)((luma[0] + luma[1] + luma[LUS_GUARD_CELLS] + luma[LUS_GUARD_CELLS + 1] + 2) / 4);
      small->inside[y * SIDE + x] =
        inside[0] & inside[1] & inside[LUS_GUARD_CELLS] & inside[LUS_GUARD_CELLS + 1];
    }
}

/* The job's picture at the place of @before: the sector may have grown since. */
static void sample(Small *small, const LusGuardCells *before, const LusSegmenterJob *job)
{
  const LusGeometry *from = &before->geometry, *to = &job->geometry;
  double step = 2.0 * before->size / from->width * from->crop.width; /* frame pixels per pixel of @small */
  double scale = (double)to->width / to->crop.width;
  small->columns = before->columns / 2;
  small->rows = before->rows / 2;
  for (int y = 0; y < small->rows; y++)
    for (int x = 0; x < small->columns; x++) {
      int sum = 0;
      for (int i = 0; i < 16; i++) {
        double fx = from->crop.x + (x + (i % 4 + 0.5) / 4) * step, fy = from->crop.y + (y + (i / 4 + 0.5) / 4) * step;
        int px = CLAMP((int)((fx - to->crop.x) * scale), 0, to->width - 1);
        int py = CLAMP((int)((fy - to->crop.y) * scale), 0, to->height - 1);
        sum += job->luma[(gsize)(to->y + py) * to->input_width + to->x + px];
      }
      small->luma[y * SIDE + x] = (guint8)(sum / 16);
    }
}

/* Correlation of the new picture's pixel (x, y) with the old one's at column[x], row[y] (-1: outside), over those that are in
 * the old sector; -1 where too few are. */
static double correlate(const Small *old, const Small *new, const int *column, const int *row)
{
  gint64 n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for (int y = 0; y < new->rows; y++) {
    if (row[y] < 0)
      continue;
    for (int x = 0; x < new->columns; x++) {
      int from = row[y] * SIDE + column[x];
      if (column[x] < 0 || !old->inside[from] || !old->inside[y * SIDE + x])
        continue;
      int u = old->luma[from], v = new->luma[y * SIDE + x];
      n++, a += u, b += v, aa += u * u, bb += v * v, ab += u * v;
    }
  }
  double va = (double)(n * aa - a * a), vb = (double)(n * bb - b * b);
  if (n < OVERLAP * old->columns * old->rows || va <= 0 || vb <= 0)
    return -1;
  return (double)(n * ab - a * b) / sqrt(va * vb);
}

/* Where pixels come from that were @scale times nearer to each other, when @from goes to @to. */
static void map_axis(int *map, int n, double scale, double from, double to)
{
  for (int i = 0; i < n; i++) {
    int at = (int)floor(from + (i + 0.5 - to) / scale);
    map[i] = at >= 0 && at < n ? at : -1;
  }
}

/* The best correlation over @steps shifts along each axis, up to @reach_y and @reach_x each way, at @scale. */
static double best_at(const Small *old, const Small *new, double scale, double reach_y, double reach_x, int steps)
{
  double best = -1, middle_x = new->columns / 2.0, middle_y = new->rows / 2.0;
  for (int i = -steps; i <= steps; i++) {
    int row[SIDE], column[SIDE];
    double dy = reach_y * i / steps;
    map_axis(row, new->rows, scale, middle_y - dy, middle_y + dy);
    for (int j = -1; j <= 1; j++) {
      double dx = reach_x * j;
      map_axis(column, new->columns, scale, middle_x - dx, middle_x + dx);
      best = MAX(best, correlate(old, new, column, row));
    }
  }
  return best;
}

/* About points from above the picture to below it: depth is changed about the probe, zoom about anything. */
static double best_scaled(const Small *old, const Small *new, double scale)
{
  double part = fabs(scale - 1) / (scale + 1) / 2;
  return best_at(old, new, scale, 1.5 * part * new->rows, 0.5 * part * new->columns, 6);
}

gboolean lus_guard_is_rescaled(const LusGuardCells *before, const LusSegmenterJob *job)
{
  Small old, new;
  halve(&old, before);
  sample(&new, before, job);
  int column[SIDE], row[SIDE];
  map_axis(row, old.rows, 1, 0, 0);
  map_axis(column, old.columns, 1, 0, 0);
  double same = correlate(&old, &new, column, row);
  if (same > ALIKE)
    return FALSE;
  double best = MAX(best_at(&old, &new, 1, old.rows / 4.0, old.columns / 16.0, 8), same);
  double needed = MAX(RESCALED, 1 - GAIN * (1 - best));
  for (int i = 1; i <= SCALES; i++) {
    double scale = pow(SCALE_STEP, i);
    if (best_scaled(&old, &new, scale) > needed || best_scaled(&old, &new, 1 / scale) > needed)
      return TRUE;
  }
  return FALSE;
}
