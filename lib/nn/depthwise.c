/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/depthwise.h"

#include <stddef.h>

#include "kernels/kernels.h"

typedef struct {
  const LusTapGrid *grid;
  float *target;
  const float *source, *weights, *bias, *r;
  LusMapSize size;
  gboolean relu;
  int row;
} Row;

/* Pixels first..first+n-1 of the row, all with the taps that lie inside the map for the first one. */
static void run(const Row *row, int first, int n)
{
  const LusTapGrid *grid = row->grid;
  ptrdiff_t offset[LUS_DEPTHWISE_MAX_TAPS];
  int tap[LUS_DEPTHWISE_MAX_TAPS], taps = 0;
  gsize c = (gsize)row->size.c;
  for (int t = 0; t < grid->n; t++) {
    int y = row->row * grid->source_step[0] + grid->taps[t].dy;
    int x = first * grid->source_step[1] + grid->taps[t].dx;
    if (y < 0 || y >= row->size.h || x < 0 || x >= row->size.w)
      continue;
    offset[taps] = (ptrdiff_t)(((gsize)y * (gsize)row->size.w + (gsize)x) * c);
    tap[taps++] = t; /* weights stand in the order of the grid */
  }
  gsize at = ((gsize)row->row * (gsize)grid->w + (gsize)first) * c;
  lus_kernels()->depthwise(row->target + at, row->source, row->weights, offset, tap, taps,
                           row->bias, row->r ? row->r + at : NULL, row->relu,
                           (gsize)grid->source_step[1] * c, (gsize)n, row->size.c);
}

/* The taps whose column lies inside the map at pixel @j, one bit each. */
static guint64 columns_inside(const Row *row, int j)
{
  const LusTapGrid *grid = row->grid;
  guint64 inside = 0;
  for (int t = 0; t < grid->n; t++) {
    int x = j * grid->source_step[1] + grid->taps[t].dx;
    if (x >= 0 && x < row->size.w)
      inside |= (guint64)1 << t;
  }
  return inside;
}

/* The first pixel from @first on whose taps are inside in another way than those of @first. */
static int end_of_run(const Row *row, int first)
{
  const LusTapGrid *grid = row->grid;
  guint64 inside = columns_inside(row, first);
  int end = first + 1, far = 0;
  for (int t = 0; t < grid->n; t++)
    far = MAX(far, grid->taps[t].dx);
  if (inside == ~(guint64)0 >> (64 - grid->n)) /* all, up to where the last column leaves the map */
    end = MAX(end, MIN((row->size.w - 1 - far) / grid->source_step[1] + 1, grid->w));
  while (end < grid->w && columns_inside(row, end) == inside)
    end++;
  return end;
}

void lus_depthwise_row(const LusTapGrid *grid, float *target, const float *source,
                       LusMapSize source_size, const float *weights, const float *bias,
                       const float *r, gboolean relu, int row)
{
  Row job = {
      .grid = grid,
      .target = target,
      .source = source,
      .weights = weights,
      .bias = bias,
      .r = r,
      .size = source_size,
      .relu = relu,
      .row = row,
  };
  for (int first = 0, end; first < grid->w; first = end) {
    end = end_of_run(&job, first);
    run(&job, first, end - first);
  }
}
