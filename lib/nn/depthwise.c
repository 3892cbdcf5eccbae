/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Some channels at a time: the source's rows, with a border of zeros, are copied to where a pixel's channels of the
 * block follow those of its neighbour, so that the rows under the taps stay in the first-level cache and every pixel has
 * all taps. In the map itself they would lie far apart, at worst in a few of the cache's sets. Where the border is wide
 * beside the map (large dilations) each row is computed from the map, in runs of pixels with the same taps. */
#include "nn/depthwise.h"

#include <stddef.h>
#include <string.h>

#include "kernels/kernels.h"

#define LINE 16 /* floats of a cache line, by which channels are copied */
/* Floats of the copied rows under the taps of one row: what stays in the first-level cache. */
#define BLOCK_FLOATS 4096
/* Floats of the target per work item. */
#define ITEM_FLOATS 16384
/* Copies at most so many times as large as the map. */
#define MAX_COPIED 3.0

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
                           (gsize)grid->source_step[1] * c, (gsize)n, c, row->size.c);
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

static void run_from_map(const LusTapGrid *grid, const LusConvCall *call, LusMapSize source, const float *weights,
                         int row)
{
  Row job = {
      .grid = grid,
      .target = call->target,
      .source = call->source,
      .weights = weights,
      .bias = call->bias,
      .r = call->accumulate ? call->target : call->r,
      .size = source,
      .relu = call->relu,
      .row = row,
  };
  for (int first = 0, end; first < grid->w; first = end) {
    end = end_of_run(&job, first);
    run(&job, first, end - first);
  }
  gsize floats = (gsize)grid->w * (gsize)source.c;
  float *y = call->target + (gsize)row * floats;
  if (call->activation)
    lus_kernels()->activate(y, y, call->activation, floats, 1, (int)floats);
}

/* ---- from copies ---- */

typedef struct {
  int top, left;     /* the first tap's */
  int height, width; /* source pixels under one row of the target */
  int block;         /* channels at a time */
} Layout;

static Layout layout_of(const LusTapGrid *grid, LusMapSize source)
{
  Layout l = {.top = grid->taps[0].dy, .left = grid->taps[0].dx};
  int bottom = l.top, right = l.left;
  for (int t = 1; t < grid->n; t++) {
    l.top = MIN(l.top, grid->taps[t].dy);
    bottom = MAX(bottom, grid->taps[t].dy);
    l.left = MIN(l.left, grid->taps[t].dx);
    right = MAX(right, grid->taps[t].dx);
  }
  l.height = bottom - l.top + 1;
  l.width = (grid->w - 1) * grid->source_step[1] + right - l.left + 1;
  int fits = (int)(BLOCK_FLOATS / ((double)l.height * l.width));
  l.block = MIN(MAX(fits / LINE, 1) * LINE, source.c);
  return l;
}

static gboolean copies(const LusTapGrid *grid, LusMapSize source)
{
  if (grid->n == 0 || grid->h == 0 || grid->w == 0)
    return FALSE;
  Layout l = layout_of(grid, source);
  double height = (double)(grid->h - 1) * grid->source_step[0] + l.height;
  return height * l.width <= MAX_COPIED * source.h * source.w;
}

static int copied_rows(const LusTapGrid *grid, const Layout *l, int rows)
{
  return (rows - 1) * grid->source_step[0] + l->height;
}

static int rows_per_item(const LusTapGrid *grid, int channels)
{
  return MIN(lus_rows_per_item(ITEM_FLOATS, (gsize)grid->w * (gsize)channels), MAX(grid->h, 1));
}

gsize lus_depthwise_scratch_floats(const LusTapGrid *grid, LusMapSize source)
{
  if (!copies(grid, source))
    return 0;
  Layout l = layout_of(grid, source);
  return (gsize)copied_rows(grid, &l, rows_per_item(grid, l.block)) * (gsize)l.width * (gsize)l.block;
}

/* n channels of pixels that are c floats apart; those @ahead are called for. */
static float *copy_pixels(float *to, const float *from, int pixels, gsize c, gsize n, gsize ahead)
{
  for (int i = 0; i < pixels; i++, from += c, to += n) {
    gsize k = 0;
    for (; k + LINE <= n; k += LINE) {
      __builtin_prefetch(from + ahead + k);
      memcpy(to + k, from + k, LINE * sizeof *to);
    }
    for (; k < n; k++)
      to[k] = from[k];
  }
  return to;
}

/* Calls for the places of @n channels of @pixels pixels, which lie too far apart for the CPU to foresee them. */
static void expect_pixels(const float *y, int pixels, gsize c, int n)
{
  for (int i = 0; i < pixels; i++, y += c)
    for (int k = 0; k < n; k += LINE)
      __builtin_prefetch(y + k, 1);
}

/* @rows rows from source row @y on, channels first..first+n-1. */
static void copy_block(float *to, const float *source, LusMapSize size, const Layout *l, int y, int rows, int first,
                       int n)
{
  int left = CLAMP(-l->left, 0, l->width), right = CLAMP(size.w - l->left, left, l->width);
  for (int end = y + rows; y < end; y++) {
    gboolean inside = y >= 0 && y < size.h && right > left;
    int before = inside ? left : l->width, after = inside ? l->width - right : 0;
    memset(to, 0, (gsize)before * (gsize)n * sizeof *to);
    to += (gsize)before * (gsize)n;
    if (inside)
      to = copy_pixels(to, source + ((gsize)y * (gsize)size.w + (gsize)(l->left + left)) * (gsize)size.c + first,
                       right - left, (gsize)size.c, (gsize)n, y + 1 < size.h ? (gsize)size.w * (gsize)size.c : 0);
    memset(to, 0, (gsize)after * (gsize)n * sizeof *to);
    to += (gsize)after * (gsize)n;
  }
}

typedef struct {
  const LusTapGrid *grid;
  const LusConvCall *call;
  LusMapSize source;
  const float *weights;
  const LusRun *run;
  int rows_per_item, blocks;
  Layout layout; /* without copies only rows and blocks count */
} Job;

/* Channels first..first+n-1 of rows row..end-1. */
static void run_block(const Job *job, float *copy, int row, int end, int first, int n)
{
  const LusTapGrid *grid = job->grid;
  const LusConvCall *call = job->call;
  const Layout *l = &job->layout;
  ptrdiff_t offset[LUS_DEPTHWISE_MAX_TAPS];
  int tap[LUS_DEPTHWISE_MAX_TAPS];
  gsize c = (gsize)job->source.c, pitch = (gsize)l->width * (gsize)n;
  for (int t = 0; t < grid->n; t++) {
    offset[t] = (ptrdiff_t)((gsize)(grid->taps[t].dy - l->top) * pitch + (gsize)((grid->taps[t].dx - l->left) * n));
    tap[t] = t; /* weights stand in the order of the grid */
  }
  expect_pixels(call->target + (gsize)row * (gsize)grid->w * c + (gsize)first, grid->w, c, n);
  copy_block(copy, call->source, job->source, l, row * grid->source_step[0] + l->top,
             copied_rows(grid, l, end - row), first, n);
  const float *r = call->accumulate ? call->target : call->r;
  for (int i = row; i < end; i++, copy += (gsize)grid->source_step[0] * pitch) {
    gsize at = (gsize)i * (gsize)grid->w * c + (gsize)first;
    float *y = call->target + at;
    if (i + 1 < end)
      expect_pixels(y + (gsize)grid->w * c, grid->w, c, n);
    lus_kernels()->depthwise(y, copy, job->weights + first, offset, tap, grid->n,
                             call->bias ? call->bias + first : NULL, r ? r + at : NULL, call->relu, (gsize)(grid->source_step[1] * n), (gsize)grid->w, c, n);
    if (call->activation)
      lus_kernels()->activate(y, y, call->activation, c, (gsize)grid->w, n);
  }
}

static void item(void *data, int index, int thread)
{
  const Job *job = data;
  int row = index / job->blocks * job->rows_per_item, end = MIN(row + job->rows_per_item, job->grid->h);
  if (!copies(job->grid, job->source)) {
    for (; row < end; row++)
      run_from_map(job->grid, job->call, job->source, job->weights, row);
    return;
  }
  float *copy = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  int first = index % job->blocks * job->layout.block;
  run_block(job, copy, row, end, first, MIN(job->layout.block, job->source.c - first));
}

void lus_depthwise_run(const LusTapGrid *grid, const LusRun *run, const LusConvCall *call, LusMapSize source,
                       const float *weights)
{
  Job job = {.grid = grid, .call = call, .source = source, .weights = weights, .run = run, .blocks = 1};
  job.rows_per_item = rows_per_item(grid, source.c);
  if (copies(grid, source)) {
    job.layout = layout_of(grid, source);
    job.blocks = lus_n_items(source.c, job.layout.block);
    job.rows_per_item = rows_per_item(grid, job.layout.block);
  }
  lus_parallel_for(run->pool, lus_n_items(grid->h, job.rows_per_item) * job.blocks, item, &job);
}
