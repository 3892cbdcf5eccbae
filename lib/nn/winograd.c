/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/winograd.h"

#include <string.h>

#include "kernels/kernels.h"
#include "nn/panels.h"

/* Floats of transformed tiles per item, within limits that keep the products efficient and the work
 * divisible. */
#define ITEM_FLOATS 131072
#define MIN_TILES_PER_ITEM 24
#define MAX_TILES_PER_ITEM 72
/* Up to so many tiles are transformed all at once. */
#define FEW_TILES 64
#define PLANE_PADDING 48 /* planes that lie a power of two apart would share cache sets */

static int window_of(const LusWinograd *winograd)
{
  return winograd->tile + winograd->taps - 1;
}

static gsize planes_of(const LusWinograd *winograd)
{
  return (gsize)(window_of(winograd) * window_of(winograd));
}

static const LusWinogradKernels *kernels_of(const LusWinograd *winograd)
{
  const LusKernels *kernels = lus_kernels();
  return winograd->tile == 5 ? &kernels->winograd5 : winograd->tile == 4 ? &kernels->winograd4 : &kernels->winograd2;
}

static gboolean is_few(const LusWinograd *winograd)
{
  return winograd->n_tiles <= FEW_TILES;
}

gboolean lus_winograd_init(LusWinograd *winograd, const LusTapGrid *grid, LusMapSize source,
                           LusMapSize target, int tile, gboolean blas)
{
  int taps = tile == 5 ? 2 : 3;
  if (grid->n != taps * taps || grid->h == 0 || grid->w == 0 || grid->source_step[0] != 1 || grid->source_step[1] != 1)
    return FALSE;
  for (int t = 0; t < grid->n; t++)
    if (grid->taps[t].dy != grid->taps[0].dy + t / taps ||
        grid->taps[t].dx != grid->taps[0].dx + t % taps)
      return FALSE;
  int across = (grid->w + tile - 1) / tile, tiles = across * ((grid->h + tile - 1) / tile);
  *winograd = (LusWinograd){
      .tile = tile,
      .taps = taps,
      .dy = grid->taps[0].dy,
      .dx = grid->taps[0].dx,
      .source = source,
      .target = target,
      .h = grid->h,
      .w = grid->w,
      .step = {grid->target_step[0], grid->target_step[1]},
      .origin = {grid->target_origin[0], grid->target_origin[1]},
      .tiles_across = across,
      .n_tiles = tiles,
      .blas = blas,
  };
  int wanted = CLAMP(ITEM_FLOATS / ((int)planes_of(winograd) * (source.c + target.c)),
                     MIN_TILES_PER_ITEM, MAX_TILES_PER_ITEM);
  winograd->n_items = (tiles + wanted - 1) / wanted;
  winograd->tiles_per_item = (tiles + winograd->n_items - 1) / winograd->n_items;
  if (is_few(winograd))
    winograd->tiles_per_item = tiles;
  return TRUE;
}

/* ---- weights ---- */

static gsize weight_plane(const LusWinograd *winograd)
{
  return winograd->blas ? (gsize)winograd->source.c * (gsize)winograd->target.c
                        : lus_panels_floats(winograd->source.c, winograd->target.c);
}

/* Behind the weights: the planes of one input channel. */
gsize lus_winograd_weight_floats(const LusWinograd *winograd)
{
  return planes_of(winograd) * (weight_plane(winograd) + (gsize)winograd->target.c);
}

void lus_winograd_set_weights(LusWinograd *winograd, const float *weights)
{
  int in = winograd->source.c, out = winograd->target.c;
  gsize n = (gsize)out, planes = planes_of(winograd), plane = weight_plane(winograd);
  float *row = winograd->weights + planes * plane;
  for (int i = 0; i < in; i++) {
    const float *from = weights + (gsize)i * n;
    kernels_of(winograd)->weights(row, from, n, n, (gsize)in * n);
    for (gsize p = 0; p < planes; p++) {
      float *to = winograd->weights + p * plane;
      if (winograd->blas)
        memcpy(to + (gsize)i * n, row + p * n, n * sizeof *to);
      else
        lus_panels_set_row(to, in, out, i, row + p * n);
    }
  }
}

/* ---- running ---- */

typedef struct {
  const LusWinograd *winograd;
  const LusRun *run;
  float *target;
  const float *source, *bias, *r;
  gboolean relu;
  const LusActivation *activation;
  float *v, *m;                 /* all tiles' planes, where there are few */
  gsize v_plane, m_plane;       /* floats from plane to plane */
} Job;

static gsize plane_floats(const LusWinograd *winograd, int channels)
{
  return (gsize)winograd->tiles_per_item * (gsize)channels + PLANE_PADDING;
}

/* The planes before and after the products. */
static gsize transformed_floats(const LusWinograd *winograd)
{
  return planes_of(winograd) *
         (plane_floats(winograd, winograd->source.c) + plane_floats(winograd, winograd->target.c));
}

static gsize pointer_floats(const LusWinograd *winograd)
{
  return ((gsize)winograd->tiles_per_item * sizeof(float *) + sizeof(float) - 1) / sizeof(float);
}

/* Per thread: pointers, one window, and the planes unless they are shared. */
gsize lus_winograd_scratch_floats(const LusWinograd *winograd)
{
  return pointer_floats(winograd) + planes_of(winograd) * (gsize)winograd->source.c +
         (is_few(winograd) ? 0 : transformed_floats(winograd));
}

gsize lus_winograd_shared_floats(const LusWinograd *winograd)
{
  return is_few(winograd) ? transformed_floats(winograd) : 0;
}

/* The source pixels of a window from (y, x) on, zero outside of the map. */
static void copy_window(const LusWinograd *winograd, float *window, const float *source, int y,
                        int x)
{
  const LusMapSize *size = &winograd->source;
  gsize c = (gsize)size->c;
  for (int i = 0; i < window_of(winograd); i++)
    for (int j = 0; j < window_of(winograd); j++, window += c) {
      if (y + i >= 0 && y + i < size->h && x + j >= 0 && x + j < size->w)
        memcpy(window, source + ((gsize)(y + i) * (gsize)size->w + (gsize)(x + j)) * c,
               c * sizeof *window);
      else
        memset(window, 0, c * sizeof *window);
    }
}

void lus_winograd_transform_window(const LusWinograd *winograd, float *v, gsize plane, float *window,
                                   const float *source, int tile)
{
  const LusMapSize *size = &winograd->source;
  int side = window_of(winograd);
  int y = tile / winograd->tiles_across * winograd->tile + winograd->dy,
      x = tile % winograd->tiles_across * winograd->tile + winograd->dx;
  gsize c = (gsize)size->c, row = (gsize)size->w * c;
  const float *from = window;
  if (y >= 0 && y + side <= size->h && x >= 0 && x + side <= size->w) {
    from = source + (gsize)y * row + (gsize)x * c;
  } else {
    copy_window(winograd, window, source, y, x);
    row = (gsize)side * c;
  }
  kernels_of(winograd)->input(v, from, plane, row, size->c);
}

static void transform_output(const Job *job, const float *m, int tile)
{
  const LusWinograd *winograd = job->winograd;
  const LusMapSize *size = &winograd->target;
  int y = tile / winograd->tiles_across * winograd->tile,
      x = tile % winograd->tiles_across * winograd->tile;
  int rows = MIN(winograd->tile, winograd->h - y), columns = MIN(winograd->tile, winograd->w - x);
  const int *step = winograd->step, *origin = winograd->origin;
  gsize c = (gsize)size->c, row = (gsize)size->w * c, column = (gsize)step[1] * c;
  gsize at = (gsize)(y * step[0] + origin[0]) * row + (gsize)(x * step[1] + origin[1]) * c;
  row *= (gsize)step[0];
  kernels_of(winograd)->output(job->target + at, m, job->bias, job->r ? job->r + at : NULL, job->relu,
                               job->m_plane, row, column, rows, columns, size->c);
  for (int i = 0; job->activation && i < rows; i++) {
    float *y_row = job->target + at + (gsize)i * row;
    lus_kernels()->activate(y_row, y_row, job->activation, column, (gsize)columns, size->c);
  }
}

/* Columns of one plane's product, those of panel @panel, or all by OpenBLAS. @rows: pointers to the
 * tiles in plane 0. */
static void multiply(const Job *job, float *m, const float *const *rows, int n, gsize plane,
                     int panel)
{
  const LusWinograd *winograd = job->winograd;
  int in = winograd->source.c, out = winograd->target.c;
  const float *weights = winograd->weights + plane * weight_plane(winograd);
  m += plane * job->m_plane;
  if (winograd->blas) {
    lus_kernels()->gemm(m, rows[0] + plane * job->v_plane, weights, n, out, in, out, in, out, 0);
    return;
  }
  static const LusFinish finish = {0};
  LusPanel at = lus_panels_at(in, out, panel);
  lus_kernels()->panel_product(m + at.first, (gsize)out, rows, 0, plane * job->v_plane, n, 1, in,
                               weights + at.offset, at.width, at.n, &finish);
}

static int products_per_plane(const LusWinograd *winograd)
{
  return winograd->blas ? 1 : lus_panels_count(winograd->target.c);
}

static const float **tile_pointers(const Job *job, const float *v, int n, int thread)
{
  const float **rows = (gpointer)(job->run->scratch + (gsize)thread * job->run->scratch_stride);
  for (int t = 0; t < n; t++)
    rows[t] = v + (gsize)t * (gsize)job->winograd->source.c;
  return rows;
}

static void group_item(void *data, int item, int thread)
{
  const Job *job = data;
  const LusWinograd *winograd = job->winograd;
  gsize in = (gsize)winograd->source.c, out = (gsize)winograd->target.c,
        planes = planes_of(winograd);
  float *window = job->run->scratch + (gsize)thread * job->run->scratch_stride +
                  pointer_floats(winograd);
  float *v = window + planes * in, *m = v + planes * job->v_plane;
  int first = item * winograd->tiles_per_item,
      n = MIN(winograd->tiles_per_item, winograd->n_tiles - first);
  for (int t = 0; t < n; t++)
    lus_winograd_transform_window(winograd, v + (gsize)t * in, job->v_plane, window, job->source,
                                  first + t);
  const float **rows = tile_pointers(job, v, n, thread);
  for (gsize p = 0; p < planes; p++)
    for (int panel = 0; panel < products_per_plane(winograd); panel++)
      multiply(job, m, rows, n, p, panel);
  for (int t = 0; t < n; t++)
    transform_output(job, m + (gsize)t * out, first + t);
}

static void input_item(void *data, int tile, int thread)
{
  const Job *job = data;
  float *window = job->run->scratch + (gsize)thread * job->run->scratch_stride +
                  pointer_floats(job->winograd);
  lus_winograd_transform_window(job->winograd, job->v + (gsize)tile * (gsize)job->winograd->source.c,
                                job->v_plane, window, job->source, tile);
}

static void product_item(void *data, int item, int thread)
{
  const Job *job = data;
  int n = job->winograd->n_tiles, per_plane = products_per_plane(job->winograd);
  multiply(job, job->m, tile_pointers(job, job->v, n, thread), n, (gsize)(item / per_plane),
           item % per_plane);
}

static void output_item(void *data, int tile, int thread)
{
  (void)thread;
  const Job *job = data;
  transform_output(job, job->m + (gsize)tile * (gsize)job->winograd->target.c, tile);
}

void lus_winograd_run(const LusWinograd *winograd, const LusRun *run, float *target,
                      const float *source, const float *bias, const float *r, gboolean relu,
                      const LusActivation *activation)
{
  Job job = {
      .winograd = winograd,
      .run = run,
      .target = target,
      .source = source,
      .bias = bias,
      .r = r,
      .relu = relu,
      .activation = activation,
      .v_plane = plane_floats(winograd, winograd->source.c),
      .m_plane = plane_floats(winograd, winograd->target.c),
  };
  if (!is_few(winograd)) {
    lus_parallel_for(run->pool, winograd->n_items, group_item, &job);
    return;
  }
  int planes = (int)planes_of(winograd);
  job.v = run->shared;
  job.m = job.v + (gsize)planes * job.v_plane;
  lus_parallel_for(run->pool, winograd->n_tiles, input_item, &job);
  lus_parallel_for(run->pool, planes * products_per_plane(winograd), product_item, &job);
  lus_parallel_for(run->pool, winograd->n_tiles, output_item, &job);
}
