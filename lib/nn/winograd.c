/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/winograd.h"

#include <string.h>

#include "kernels/kernels.h"

#define TILE 4            /* pixels of the target per tile and axis */
#define WINDOW (TILE + 2) /* of the source */
#define PLANES (WINDOW * WINDOW)
/* With few tiles the transformed weights, four times the plain ones, cost more than the
 * multiplications they save. */
#define MIN_TILES 12
#define MIN_CHANNELS 8
/* Floats of transformed tiles per item, about 1 MiB, within limits that keep the products efficient
 * and the work divisible. */
#define ITEM_FLOATS 262144
#define MIN_TILES_PER_ITEM 24
#define MAX_TILES_PER_ITEM 60
#define PLANE_PADDING 48 /* planes that lie a power of two apart would share cache sets */

gboolean lus_winograd_init(LusWinograd *winograd, const LusTapGrid *grid, LusMapSize source,
                           LusMapSize target)
{
  if (grid->n != 9 || grid->source_step[0] != 1 || grid->source_step[1] != 1 ||
      !lus_tap_grid_is_dense(grid))
    return FALSE;
  for (int t = 0; t < 9; t++)
    if (grid->taps[t].dy != grid->taps[0].dy + t / 3 ||
        grid->taps[t].dx != grid->taps[0].dx + t % 3)
      return FALSE;
  int across = (target.w + TILE - 1) / TILE, tiles = across * ((target.h + TILE - 1) / TILE);
  if (tiles < MIN_TILES || source.c % MIN_CHANNELS != 0 || target.c % MIN_CHANNELS != 0)
    return FALSE;
  *winograd = (LusWinograd){
      .dy = grid->taps[0].dy,
      .dx = grid->taps[0].dx,
      .source = source,
      .target = target,
      .tiles_across = across,
      .n_tiles = tiles,
  };
  int wanted =
      CLAMP(ITEM_FLOATS / (PLANES * (source.c + target.c)), MIN_TILES_PER_ITEM, MAX_TILES_PER_ITEM);
  winograd->n_items = (tiles + wanted - 1) / wanted;
  winograd->tiles_per_item = (tiles + winograd->n_items - 1) / winograd->n_items;
  return TRUE;
}

gsize lus_winograd_weight_floats(const LusWinograd *winograd)
{
  return (gsize)PLANES * (gsize)winograd->source.c * (gsize)winograd->target.c;
}

static gsize plane_floats(const LusWinograd *winograd, int channels)
{
  return (gsize)winograd->tiles_per_item * (gsize)channels + PLANE_PADDING;
}

gsize lus_winograd_scratch_floats(const LusWinograd *winograd)
{
  int in = winograd->source.c, out = winograd->target.c;
  return PLANES * (plane_floats(winograd, in) + plane_floats(winograd, out) + (gsize)in);
}

void lus_winograd_set_weights(LusWinograd *winograd, const float *weights)
{
  gsize n = (gsize)winograd->source.c * (gsize)winograd->target.c;
  lus_kernels()->winograd_weights(winograd->weights, weights, n, n);
}

/* The 6x6 source pixels from (y, x) on, zero outside of the map. */
static void copy_window(const LusWinograd *winograd, float *window, const float *source, int y,
                        int x)
{
  const LusMapSize *size = &winograd->source;
  gsize c = (gsize)size->c;
  for (int i = 0; i < WINDOW; i++)
    for (int j = 0; j < WINDOW; j++, window += c) {
      if (y + i >= 0 && y + i < size->h && x + j >= 0 && x + j < size->w)
        memcpy(window, source + ((gsize)(y + i) * (gsize)size->w + (gsize)(x + j)) * c,
               c * sizeof *window);
      else
        memset(window, 0, c * sizeof *window);
    }
}

static void transform_input(const LusWinograd *winograd, float *v, float *window,
                            const float *source, int tile)
{
  const LusMapSize *size = &winograd->source;
  int y = tile / winograd->tiles_across * TILE + winograd->dy,
      x = tile % winograd->tiles_across * TILE + winograd->dx;
  gsize c = (gsize)size->c, row = (gsize)size->w * c;
  const float *from = window;
  if (y >= 0 && y + WINDOW <= size->h && x >= 0 && x + WINDOW <= size->w) {
    from = source + (gsize)y * row + (gsize)x * c;
  } else {
    copy_window(winograd, window, source, y, x);
    row = WINDOW * c;
  }
  lus_kernels()->winograd_input(v, from, plane_floats(winograd, size->c), row, size->c);
}

void lus_winograd_item(const LusWinograd *winograd, float *target, const float *source,
                       const float *bias, const float *r, gboolean relu, int item, float *scratch)
{
  const LusKernels *k = lus_kernels();
  int in = winograd->source.c, out = winograd->target.c;
  gsize v_plane = plane_floats(winograd, in), m_plane = plane_floats(winograd, out);
  float *v = scratch, *m = v + PLANES * v_plane, *window = m + PLANES * m_plane;
  int first = item * winograd->tiles_per_item,
      n = MIN(winograd->tiles_per_item, winograd->n_tiles - first);
  for (int t = 0; t < n; t++)
    transform_input(winograd, v + (gsize)t * (gsize)in, window, source, first + t);
  for (gsize p = 0; p < PLANES; p++)
    k->product(m + p * m_plane, v + p * v_plane, winograd->weights + p * (gsize)in * (gsize)out, n,
               out, in, out, in, out);
  gsize row = (gsize)winograd->target.w * (gsize)out;
  for (int t = 0; t < n; t++) {
    int y = (first + t) / winograd->tiles_across * TILE,
        x = (first + t) % winograd->tiles_across * TILE;
    gsize at = (gsize)y * row + (gsize)x * (gsize)out;
    k->winograd_output(target + at, m + (gsize)t * (gsize)out, bias, r ? r + at : NULL, relu,
                       m_plane, row, MIN(TILE, winograd->target.h - y),
                       MIN(TILE, winograd->target.w - x), out);
  }
}
