/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/direct.h"

#include <string.h>

#include "kernels/kernels.h"
#include "nn/panels.h"
#include "nn/tensor.h"

#define FEW_CHANNELS 8
/* An item's pixels, by what of the source stays in half a second-level cache of 512 KiB while all columns pass over it;
 * a few strips of rows of the kernel at least. */
#define ITEM_FLOATS 32768
#define MIN_PIXELS 48
#define MAX_PIXELS 128
/* So many items are enough for all threads; columns are shared out where there are fewer bands. */
#define ENOUGH_ITEMS 16
/* Columns whose activation follows at once, while they are in the cache. */
#define ACTIVATED 64
/* Rows of a block of weights that are multiplied at once: what stays in the second-level cache. */
#define WEIGHT_ROWS 1024

/* Taps of one dy side by side, as many and from the same dx for each dy. 0: they are not. */
static int taps_side_by_side(const LusTapGrid *grid)
{
  int length = 1;
  while (length < grid->n && grid->taps[length].dy == grid->taps[0].dy)
    length++;
  if (grid->n % length != 0)
    return 0;
  for (int t = 0; t < grid->n; t++)
    if (grid->taps[t].dy != grid->taps[t / length * length].dy ||
        grid->taps[t].dx != grid->taps[0].dx + t % length)
      return 0;
  return length;
}

gboolean lus_direct_init(LusDirect *direct, const LusTapGrid *grid, LusMapSize source,
                         LusMapSize target)
{
  if (grid->n == 0 || grid->h == 0 || grid->w == 0)
    return FALSE;
  *direct = (LusDirect){
      .grid = grid, .source = source, .target = target, .taps = grid->n, .run = source.c};
  int length = taps_side_by_side(grid);
  if (source.c < FEW_CHANNELS && length > 1) {
    direct->copies_rows = TRUE;
    direct->taps = grid->n / length;
    direct->run = source.c * length;
  }
  int pixels = CLAMP(ITEM_FLOATS / source.c, MIN_PIXELS, MAX_PIXELS);
  direct->rows_per_item = CLAMP(pixels / grid->w, 1, grid->h);
  direct->bands = lus_n_items(grid->h, direct->rows_per_item);
  int panels = lus_panels_count(target.c), columns = lus_n_items(ENOUGH_ITEMS, direct->bands);
  direct->panels_per_item = lus_n_items(panels, MIN(columns, panels));
  direct->columns = lus_n_items(panels, direct->panels_per_item);
  return TRUE;
}

gsize lus_direct_weight_floats(const LusDirect *direct)
{
  return lus_panels_floats(direct->grid->n * direct->source.c, direct->target.c);
}

gboolean lus_direct_alloc(LusDirect *direct)
{
  direct->weights = lus_aligned_alloc(lus_direct_weight_floats(direct) * sizeof(float));
  gsize bytes = (gsize)direct->source.c * sizeof(float);
  direct->zeros = lus_aligned_alloc(bytes);
  if (direct->zeros)
    memset(direct->zeros, 0, bytes);
  return direct->weights && direct->zeros;
}

void lus_direct_clear(LusDirect *direct)
{
  g_clear_pointer(&direct->weights, lus_aligned_free);
  g_clear_pointer(&direct->zeros, lus_aligned_free);
}

void lus_direct_set_weights(LusDirect *direct, const float *weights)
{
  int k = direct->grid->n * direct->source.c;
  for (int row = 0; row < k; row++, weights += direct->target.c)
    lus_panels_set_row(direct->weights, k, direct->target.c, row, weights);
}

/* ---- where an item's parts lie in a thread's scratch space ---- */

static int item_pixels(const LusDirect *direct)
{
  return direct->rows_per_item * direct->grid->w;
}

/* One per tap and pixel, and one per pixel for what is added. */
static gsize pointer_floats(const LusDirect *direct)
{
  gsize bytes = (gsize)(direct->taps + 1) * (gsize)item_pixels(direct) * sizeof(float *);
  return (bytes + sizeof(float) - 1) / sizeof(float);
}

/* Rows of the source between the first and the last tap of @rows rows. */
static int source_rows(const LusDirect *direct, int rows)
{
  const LusTapGrid *grid = direct->grid;
  return (rows - 1) * grid->source_step[0] + grid->taps[grid->n - 1].dy - grid->taps[0].dy + 1;
}

static gsize copied_row(const LusDirect *direct)
{
  const LusTapGrid *grid = direct->grid;
  return ((gsize)(grid->w - 1) * (gsize)grid->source_step[1]) * (gsize)direct->source.c +
         (gsize)direct->run;
}

static gsize copy_floats(const LusDirect *direct)
{
  return direct->copies_rows
             ? (gsize)source_rows(direct, direct->rows_per_item) * copied_row(direct)
             : 0;
}

gsize lus_direct_scratch_floats(const LusDirect *direct)
{
  gsize result = lus_tap_grid_is_dense(direct->grid)
                     ? 0
                     : (gsize)item_pixels(direct) * (gsize)lus_kernels()->panel;
  return pointer_floats(direct) + copy_floats(direct) + result;
}

/* ---- running ---- */

typedef struct {
  const LusDirect *direct;
  const LusRun *run;
  const LusConvCall *call;
} Job;

/* One row of the source with its border, from the first tap of the first pixel to the last of the last. */
static void copy_row(const LusDirect *direct, float *to, const float *source, int y)
{
  int first = direct->grid->taps[0].dx, c = direct->source.c;
  int width = (int)(copied_row(direct) / (gsize)c);
  int left = CLAMP(-first, 0, width), right = CLAMP(direct->source.w - first, left, width);
  if (y < 0 || y >= direct->source.h)
    right = left = 0;
  memset(to, 0, (gsize)left * (gsize)c * sizeof *to);
  if (right > left)
    memcpy(to + left * c,
           source + ((gsize)y * (gsize)direct->source.w + (gsize)(first + left)) * (gsize)c,
           (gsize)(right - left) * (gsize)c * sizeof *to);
  memset(to + right * c, 0, (gsize)(width - right) * (gsize)c * sizeof *to);
}

static void point_to_copies(const Job *job, const float **pointers, float *copy, int row, int rows)
{
  const LusDirect *direct = job->direct;
  const LusTapGrid *grid = direct->grid;
  gsize pitch = copied_row(direct);
  int per_dy = grid->n / direct->taps, top = grid->taps[0].dy;
  for (int i = 0; i < source_rows(direct, rows); i++)
    copy_row(direct, copy + (gsize)i * pitch, job->call->source,
             row * grid->source_step[0] + top + i);
  for (int t = 0; t < direct->taps; t++) {
    int dy = grid->taps[t * per_dy].dy - top;
    for (int i = 0; i < rows; i++) {
      const float *line = copy + (gsize)(i * grid->source_step[0] + dy) * pitch;
      for (int j = 0; j < grid->w; j++)
        *pointers++ = line + (gsize)(j * grid->source_step[1]) * (gsize)direct->source.c;
    }
  }
}

static void point_to_source(const Job *job, const float **pointers, int row, int rows)
{
  const LusDirect *direct = job->direct;
  const LusTapGrid *grid = direct->grid;
  const LusMapSize *size = &direct->source;
  for (int t = 0; t < grid->n; t++) {
    for (int i = 0; i < rows; i++) {
      int y = (row + i) * grid->source_step[0] + grid->taps[t].dy;
      gboolean inside = y >= 0 && y < size->h;
      const float *line =
          inside ? job->call->source + (gsize)y * (gsize)size->w * (gsize)size->c : NULL;
      for (int j = 0; j < grid->w; j++) {
        int x = j * grid->source_step[1] + grid->taps[t].dx;
        *pointers++ =
            inside && x >= 0 && x < size->w ? line + (gsize)x * (gsize)size->c : direct->zeros;
      }
    }
  }
}

/* One block of columns for @pixels pixels; taps in turns whose weights stay in the cache. */
static void multiply(const Job *job, float *y, gsize ldy, const float *const *pointers, int pixels,
                     LusPanel panel, const LusFinish *finish)
{
  const LusDirect *direct = job->direct;
  int turn = MAX(WEIGHT_ROWS / direct->run, 1);
  const float *weights = direct->weights + panel.offset;
  for (int t = 0; t < direct->taps; t += turn) {
    int taps = MIN(turn, direct->taps - t);
    LusFinish part = {.accumulate = t > 0 || finish->accumulate};
    if (t + taps == direct->taps) {
      part = *finish;
      part.accumulate |= t > 0;
    }
    lus_kernels()->panel_product(y, ldy, pointers + (gsize)t * (gsize)pixels, (gsize)pixels, 0,
                                 pixels, taps, direct->run,
                                 weights + (gsize)t * (gsize)direct->run * (gsize)panel.width,
                                 panel.width, panel.n, &part);
  }
}

/* @columns columns of the grid's pixels to their places in the target. */
static void scatter(const Job *job, const float *from, gsize ldf, LusPanel panel, int row, int rows)
{
  const LusTapGrid *grid = job->direct->grid;
  const LusMapSize *size = &job->direct->target;
  for (int i = row; i < row + rows; i++) {
    int y = i * grid->target_step[0] + grid->target_origin[0];
    for (int j = 0; j < grid->w; j++, from += ldf) {
      int x = j * grid->target_step[1] + grid->target_origin[1];
      float *to = job->call->target + ((gsize)y * (gsize)size->w + (gsize)x) * (gsize)size->c +
                  panel.first;
      if (job->call->accumulate)
        lus_kernels()->add_scaled(to, 1, from, (gsize)panel.n);
      else
        memcpy(to, from, (gsize)panel.n * sizeof *to);
    }
  }
}

/* The pixels of r that are added to those of the target. */
static void point_to_r(const Job *job, const float **pointers, int row, int rows)
{
  const LusMapSize *size = &job->direct->target;
  int shift = job->call->r_half ? 1 : 0;
  gsize c = (gsize)size->c, pitch = (gsize)(size->w >> shift) * c;
  for (int y = row; y < row + rows; y++)
    for (int x = 0; x < size->w; x++)
      *pointers++ = job->call->r + (gsize)(y >> shift) * pitch + (gsize)(x >> shift) * c;
}

static void run_panel(const Job *job, float *scratch, const float *const *pointers, int row,
                      int rows, LusPanel panel)
{
  const LusDirect *direct = job->direct;
  const LusConvCall *call = job->call;
  int pixels = rows * direct->grid->w;
  if (!lus_tap_grid_is_dense(direct->grid)) {
    static const LusFinish none = {0};
    multiply(job, scratch, (gsize)panel.n, pointers, pixels, panel, &none);
    scatter(job, scratch, (gsize)panel.n, panel, row, rows);
    return;
  }
  gsize ldy = (gsize)direct->target.c;
  const LusFinish finish = {
      .accumulate = call->accumulate,
      .bias = call->bias ? call->bias + panel.first : NULL,
      .r = call->r ? pointers + (gsize)direct->taps * (gsize)pixels : NULL,
      .r_shift = (gsize)panel.first,
      .relu = call->relu,
  };
  float *y = call->target + (gsize)row * (gsize)direct->grid->w * ldy + panel.first;
  multiply(job, y, ldy, pointers, pixels, panel, &finish);
}

/* The activation of rows of the target, columns first..end-1. */
static void activate(const Job *job, int row, int rows, int first, int end)
{
  gsize c = (gsize)job->direct->target.c, pixels = (gsize)rows * (gsize)job->direct->target.w;
  float *y = job->call->target + (gsize)row * (gsize)job->direct->target.w * c + first;
  lus_kernels()->activate(y, y, job->call->activation, c, pixels, end - first);
}

static void item(void *data, int index, int thread)
{
  const Job *job = data;
  const LusDirect *direct = job->direct;
  int row = index % direct->bands * direct->rows_per_item,
      rows = MIN(direct->rows_per_item, direct->grid->h - row);
  int first = index / direct->bands * direct->panels_per_item,
      end = MIN(first + direct->panels_per_item, lus_panels_count(direct->target.c));
  float *scratch = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  const float **pointers = (gpointer)scratch;
  float *copy = scratch + pointer_floats(direct), *result = copy + copy_floats(direct);
  if (direct->copies_rows)
    point_to_copies(job, pointers, copy, row, rows);
  else
    point_to_source(job, pointers, row, rows);
  if (job->call->r)
    point_to_r(job, pointers + (gsize)direct->taps * (gsize)(rows * direct->grid->w), row, rows);
  for (int p = first, from = -1; p < end; p++) {
    LusPanel panel = lus_panels_at(direct->grid->n * direct->source.c, direct->target.c, p);
    int next = panel.first + panel.n;
    run_panel(job, result, pointers, row, rows, panel);
    from = from < 0 ? panel.first : from;
    if (job->call->activation && (next - from >= ACTIVATED || p + 1 == end)) {
      activate(job, row, rows, from, next);
      from = -1;
    }
  }
}

void lus_direct_run(const LusDirect *direct, const LusRun *run, const LusConvCall *call)
{
  Job job = {.direct = direct, .run = run, .call = call};
  lus_parallel_for(run->pool, direct->bands * direct->columns, item, &job);
}
