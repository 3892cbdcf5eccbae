/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/guard-scale.h"

#include <math.h>
#include <string.h>

#include "lung/segmenter-job.h"

#define ALIKE 0.97       /* correlation of most pictures that follow one another */
#define RESCALED 0.85    /* correlation that a scale must reach, */
#define GAIN 0.6         /* with less than this part of what the best shift lacks to 1; */
#define GRAINY 0.75      /* or, in a picture of speckle, this one */
#define CLEAR_GAIN 0.45  /* with less than that part */
#define PROMISING 0.85   /* the same part, at the coarse search */
#define SIDE 64          /* of the pictures that are compared; the coarse search takes every other pixel */
#define SAMPLES 4 /* along a pixel's side */
#define SCALE_STEP 1.09
#define SCALES 10        /* each way: 0.42 to 2.37 */
#define OVERLAP 0.2      /* least part of the picture that must be comparable */

/* What is compared, at most SIDE x SIDE. */
typedef struct {
  int columns, rows;
  guint8 luma[SIDE * SIDE], inside[SIDE * SIDE];
} View;

/* The new picture is the old one @scale times as large; what was (dx, dy) before the middle is as far behind it now, in
 * parts of the picture's columns and rows. */
typedef struct {
  double scale, dx, dy, correlation;
} Match;

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

static void copy_cells(View *view, const LusGuardCells *cells)
{
  view->columns = cells->columns;
  view->rows = cells->rows;
  memcpy(view->luma, cells->luma, sizeof(view->luma));
  memcpy(view->inside, cells->inside, sizeof(view->inside));
}

/* Where the samples of @n pixels lie, SAMPLES each: @step apart from @start in the frame, @scale to the input's @length from
 * @crop. */
static void sample_places(int *places, int n, double start, double step, double crop, double scale, int length)
{
  for (int i = 0; i < n * SAMPLES; i++) {
    double at = start + (i / SAMPLES + (i % SAMPLES + 0.5) / SAMPLES) * step;
    places[i] = CLAMP((int)((at - crop) * scale), 0, length - 1);
  }
}

/* The job's picture at the place of @before: the sector may have grown since. */
static void sample(View *view, const LusGuardCells *before, const LusSegmenterJob *job)
{
  const LusGeometry *from = &before->geometry, *to = &job->geometry;
  double step = (double)before->size / from->width * from->crop.width; /* frame pixels per pixel of @view */
  double scale = (double)to->width / to->crop.width;
  int px[SIDE * SAMPLES], py[SIDE * SAMPLES];
  view->columns = before->columns;
  view->rows = before->rows;
  sample_places(px, view->columns, from->crop.x, step, to->crop.x, scale, to->width);
  sample_places(py, view->rows, from->crop.y, step, to->crop.y, scale, to->height);
  for (int y = 0; y < view->rows; y++)
    for (int x = 0; x < view->columns; x++) {
      int sum = 0;
      for (int j = SAMPLES * y; j < SAMPLES * (y + 1); j++) {
        const guint8 *row = job->luma + (gsize)(to->y + py[j]) * to->input_width + to->x;
        for (int i = SAMPLES * x; i < SAMPLES * (x + 1); i++)
          sum += row[px[i]];
      }
      view->luma[y * SIDE + x] = (guint8)(sum / (SAMPLES * SAMPLES));
    }
}

/* Every other pixel: the mean of four. */
static void halve(View *half, const View *view)
{
  half->columns = view->columns / 2;
  half->rows = view->rows / 2;
  for (int y = 0; y < half->rows; y++)
    for (int x = 0; x < half->columns; x++) {
      int at = 2 * y * SIDE + 2 * x;
      const guint8 *luma = view->luma + at, *inside = view->inside + at;
      half->luma[y * SIDE + x] = (guint8)((luma[0] + luma[1] + luma[SIDE] + luma[SIDE + 1] + 2) / 4);
      half->inside[y * SIDE + x] = inside[0] & inside[1] & inside[SIDE] & inside[SIDE + 1];
    }
}

/* ---- how alike two pictures are ---- */

/* Where along an axis the new picture's pixels come from, in 1/16 pixels; -1: from outside. */
static void map_axis(int *map, int n, double scale, double shift)
{
  double middle = n / 2.0, by = shift * n;
  for (int i = 0; i < n; i++) {
    double at = middle - by + (i + 0.5 - middle - by) / scale - 0.5;
    map[i] = at >= -0.5 && at < n - 0.5 ? (int)(CLAMP(at, 0, n - 1) * 16) : -1;
  }
}

/* Bilinear, or the nearest pixel where @smooth is not set. */
static int pixel_at(const View *view, int x, int y, gboolean smooth)
{
  if (!smooth)
    return view->luma[(y + 8) / 16 * SIDE + (x + 8) / 16];
  int right = x / 16 + 1 < view->columns, down = y / 16 + 1 < view->rows ? SIDE : 0, u = x % 16, v = y % 16;
  const guint8 *p = view->luma + y / 16 * SIDE + x / 16;
  return ((p[0] * (16 - u) + p[right] * u) * (16 - v) + (p[down] * (16 - u) + p[down + right] * u) * v + 128) / 256;
}

/* Over the pixels that come from the old sector and lie in it; -1 where too few do. */
static double correlate(const View *old, const View *new, const Match *match, gboolean smooth)
{
  gint64 n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  int row[SIDE], column[SIDE];
  map_axis(row, new->rows, match->scale, match->dy);
  map_axis(column, new->columns, match->scale, match->dx);
  for (int y = 0; y < new->rows; y++) {
    if (row[y] < 0)
      continue;
    const guint8 *inside = old->inside + (row[y] + 8) / 16 * SIDE;
    for (int x = 0; x < new->columns; x++) {
      if (column[x] < 0 || !old->inside[y * SIDE + x] || !inside[(column[x] + 8) / 16])
        continue;
      int u = pixel_at(old, column[x], row[y], smooth), v = new->luma[y * SIDE + x];
      n++, a += u, b += v, aa += u * u, bb += v * v, ab += u * v;
    }
  }
  double va = (double)(n * aa - a * a), vb = (double)(n * bb - b * b);
  if (n < OVERLAP * old->columns * old->rows || va <= 0 || vb <= 0)
    return -1;
  return (double)(n * ab - a * b) / sqrt(va * vb);
}

/* Tries shifts about @around: 2 @ny + 1 by 2 @nx + 1, @step_y and @step_x apart. */
static void improve(Match *best, const View *old, const View *new, Match around, int ny, double step_y, int nx,
                    double step_x, gboolean smooth)
{
  for (int j = -ny; j <= ny; j++)
    for (int i = -nx; i <= nx; i++) {
      Match match = {around.scale, around.dx + i * step_x, around.dy + j * step_y, -1};
      match.correlation = correlate(old, new, &match, smooth);
      if (match.correlation > best->correlation)
        *best = match;
    }
}

/* About points from above the picture to below it: depth is changed about the probe, zoom about anything. */
static void improve_scale(Match *best, const View *old, const View *new, double scale)
{
  double reach = fabs(scale - 1) / (scale + 1) / 2;
  improve(best, old, new, (Match){scale, 0, 0, -1}, 6, reach / 4, 1, reach / 2, FALSE);
}

/* Finer steps about @match: half of the coarse search's, on the full picture. */
static void refine(Match *match, const View *old, const View *new, gboolean scales)
{
  Match around = *match;
  double scale = match->scale;
  match->correlation = -1;
  for (int i = scales ? -1 : 0; i <= (scales ? 1 : 0); i++) {
    around.scale = scale * pow(SCALE_STEP, 0.4 * i);
    improve(match, old, new, around, 2, 0.006, 1, 0.008, TRUE);
  }
}

gboolean lus_guard_is_rescaled(const LusGuardCells *before, const LusSegmenterJob *job)
{
  View old, new, old_half, new_half;
  copy_cells(&old, before);
  sample(&new, before, job);
  halve(&old_half, &old);
  halve(&new_half, &new);
  Match shifted = {1, 0, 0, -1}, scaled = shifted;
  shifted.correlation = correlate(&old_half, &new_half, &shifted, FALSE);
  if (shifted.correlation > ALIKE)
    return FALSE;
  improve(&shifted, &old_half, &new_half, shifted, 8, 0.03, 1, 0.06, FALSE);
  for (int i = 1; i <= SCALES; i++) {
    improve_scale(&scaled, &old_half, &new_half, pow(SCALE_STEP, i));
    improve_scale(&scaled, &old_half, &new_half, pow(SCALE_STEP, -i));
  }
  if (1 - scaled.correlation > PROMISING * (1 - shifted.correlation))
    return FALSE;
  refine(&shifted, &old, &new, FALSE);
  refine(&scaled, &old, &new, TRUE);
  double part = (1 - scaled.correlation) / (1 - shifted.correlation + 1e-9);
  return (scaled.correlation > RESCALED && part < GAIN) || (scaled.correlation > GRAINY && part < CLEAR_GAIN);
}
