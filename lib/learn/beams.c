/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/beams.h"

#include <math.h>
#include <stdlib.h>

#define LIT 2              /* grey values up to here may lie outside of the sector */
#define BANDS 10           /* of rows, in which an edge is looked for */
#define BANDS_END 0.65     /* of the height: further down the edges are cut off by the arc or the crop */
#define LEAST_OPENING 0.15 /* difference of the tangents below which beams count as parallel */

/** An edge x = start + slope y. */
typedef struct {
  double start, slope;
} Edge;

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int n)
{
  qsort(values, (size_t)n, sizeof *values, compare);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/** The line through points, of which some may be wrong (Theil and Sen: the median of the slopes of all pairs). */
static Edge fit(const double *x, const double *y, int n)
{
  double values[BANDS * BANDS];
  int count = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++)
      values[count++] = (x[i] - x[j]) / (y[i] - y[j]);
  Edge edge = {.slope = median(values, count)};
  for (int i = 0; i < n; i++)
    values[i] = x[i] - edge.slope * y[i];
  edge.start = median(values, n);
  return edge;
}

/** The first lit column of a row from the left, or from the right; -1: none. */
static int first_lit(const guint8 *row, int width, gboolean from_right)
{
  for (int i = 0; i < width; i++) {
    int x = from_right ? width - 1 - i : i;
    if (row[x] > LIT)
      return x;
  }
  return -1;
}

/** The outermost lit pixel of each band; bands from where the edge reaches the picture's border are left out. */
static Edge find_edge(const guint8 *luma, int width, int height, int top, gboolean from_right)
{
  double xs[BANDS], ys[BANDS], outermost = from_right ? 0 : width - 1;
  double rows = (BANDS_END * height - top) / BANDS;
  int n = 0;
  for (int band = 0; band < BANDS && rows >= 1; band++) {
    int best = -1, at = 0;
    for (int y = top + (int)(band * rows); y < top + (int)((band + 1) * rows); y++) {
      int x = first_lit(luma + (gsize)y * width, width, from_right);
      if (x >= 0 && (best < 0 || (from_right ? x > best : x < best))) {
        best = x;
        at = y;
      }
    }
    if (best < 0)
      continue;
    outermost = from_right ? MAX(outermost, best) : MIN(outermost, best);
    if (from_right ? best >= width - 2 : best <= 1)
      break;
    xs[n] = best;
    ys[n++] = at;
  }
  return n >= 4 ? fit(xs, ys, n) : (Edge){outermost, 0};
}

static int find_top(const guint8 *luma, int width, int height)
{
  for (int y = 0; y < height; y++) {
    int lit = 0;
    for (int x = 0; x < width; x++)
      lit += luma[(gsize)y * width + x] > LIT;
    if (lit >= MAX(width / 20, 2))
      return y;
  }
  return 0;
}

/** The apex of two edges that open downwards; FALSE: there is none. */
static gboolean find_fan(LusBeams *beams, Edge left, Edge right, int top, int height)
{
  double opening = right.slope - left.slope;
  if (opening <= LEAST_OPENING)
    return FALSE;
  double apex_y = (left.start - right.start) / opening;
  if (apex_y > top + 0.1 * height || apex_y < -20.0 * height)
    return FALSE;
  beams->fan = TRUE;
  beams->apex_y = MIN(apex_y, top - 1.0); /* no place is at the apex */
  beams->apex_x = left.start + left.slope * apex_y;
  beams->left = left.slope;
  beams->right = right.slope;
  beams->face = top - beams->apex_y;
  return TRUE;
}

/** @beams has a depth of 1 pixel: the distance of the farthest lit pixel from the face. */
static double find_depth(const LusBeams *beams, const guint8 *luma, int width, int height)
{
  double farthest = 1, u, r;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x += 2) {
      if (luma[(gsize)y * width + x] <= LIT)
        continue;
      lus_beams_place(beams, x, y, &u, &r);
      if (u >= 0 && u <= 1)
        farthest = MAX(farthest, r);
    }
  return farthest;
}

void lus_beams_find(LusBeams *beams, const guint8 *luma, int width, int height)
{
  int top = find_top(luma, width, height);
  Edge left = find_edge(luma, width, height, top, FALSE), right = find_edge(luma, width, height, top, TRUE);
  *beams = (LusBeams){.left = 0, .right = width - 1, .face = top, .depth = 1};
  if (!find_fan(beams, left, right, top, height)) {
    double middle = BANDS_END / 2 * height;
    double a = left.start + left.slope * middle, b = right.start + right.slope * middle;
    if (b - a > width / 4.0) {
      beams->left = MAX(a, 0);
      beams->right = MIN(b, width - 1);
    }
  }
  beams->depth = find_depth(beams, luma, width, height);
}

void lus_beams_place(const LusBeams *beams, double x, double y, double *u, double *r)
{
  double across = x, down = y;
  if (beams->fan) {
    double dx = x - beams->apex_x, dy = MAX(y - beams->apex_y, 1e-3);
    across = dx / dy;
    down = sqrt(dx * dx + dy * dy);
  }
  *u = (across - beams->left) / (beams->right - beams->left);
  *r = (down - beams->face) / beams->depth;
}

void lus_beams_pixel(const LusBeams *beams, double u, double r, double *x, double *y)
{
  double across = beams->left + u * (beams->right - beams->left), down = beams->face + r * beams->depth;
  if (beams->fan) {
    double dy = down / sqrt(1 + across * across);
    *x = beams->apex_x + across * dy;
    *y = beams->apex_y + dy;
  } else {
    *x = across;
    *y = down;
  }
}
