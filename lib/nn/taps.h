/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "parallel.h"

/** A convolution seen as taps: target pixel (i, j) of a grid takes, from each tap t, the source
 * pixel (i * source_step + dy_t, j * source_step + dx_t) times a matrix. A Conv's forward pass is
 * one such grid; the gradient of its input is stride x stride interleaved ones, none of which
 * multiplies by a stuffed zero. Maps are [h][w][c]. */

typedef struct {
  int dy, dx; /* source offset */
  int tap;    /* index ky * kw + kx of the kernel */
} LusTap;

typedef struct {
  int n;
  LusTap *taps; /* ordered by dy, then dx: source pixels that lie side by side are copied at once */
  int h, w;     /* size of the grid */
  int source_step[2];
  int target_step[2],
      target_origin[2]; /* grid pixel (i, j) is target pixel (i * step + origin, ...) */
} LusTapGrid;

typedef struct {
  int h, w, c;
} LusMapSize;

typedef struct {
  int kernel[2], stride[2], dilation[2], pad[2]; /* height, width; pad: top, left */
} LusWindow;

/** The grid of y = conv(x) for a result of @h x @w. */
void lus_tap_grid_forward(LusTapGrid *grid, const LusWindow *window, int h, int w);
/** The grid of dx = conv^T(dy) for the pixels of x [@h][@w] with (row, column) = (@phase_y,
 * @phase_x) modulo the stride. May have no taps: these pixels get nothing. */
void lus_tap_grid_backward(LusTapGrid *grid, const LusWindow *window, int phase_y, int phase_x,
                           int h, int w);
void lus_tap_grid_clear(LusTapGrid *grid);

/** Whether the grid's patches are the source itself, pixel by pixel. */
gboolean lus_tap_grid_is_identity(const LusTapGrid *grid, LusMapSize source);
/** Whether grid pixels are the target's pixels, all and in order. */
gboolean lus_tap_grid_is_dense(const LusTapGrid *grid);

/** patches [(row_end - row) * grid->w][grid->n][channels]: for each grid pixel of the rows,
 * @channels channels from
 *  @channel on of each tap's source pixel; 0 outside of the source. */
void lus_tap_grid_gather(const LusTapGrid *grid, float *patches, const float *source,
                         LusMapSize size, int channel, int channels, int row, int row_end);
