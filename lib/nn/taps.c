/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/taps.h"

#include <string.h>

void lus_tap_grid_forward(LusTapGrid *grid, const LusWindow *window, int h, int w)
{
  *grid = (LusTapGrid){
      .h = h,
      .w = w,
      .source_step = {window->stride[0], window->stride[1]},
      .target_step = {1, 1},
  };
  grid->taps = g_new(LusTap, window->kernel[0] * window->kernel[1]);
  for (int ky = 0; ky < window->kernel[0]; ky++)
    for (int kx = 0; kx < window->kernel[1]; kx++)
      grid->taps[grid->n++] = (LusTap){
          .dy = ky * window->dilation[0] - window->pad[0],
          .dx = kx * window->dilation[1] - window->pad[1],
          .tap = ky * window->kernel[1] + kx,
      };
}

/* Row i = stride * gi + phase of x meets row oy of y through ky where oy * stride - pad + ky *
 * dilation = i, so oy = gi + (phase + pad - ky * dilation) / stride, for those ky where the
 * division is exact. Taps in descending order of ky have ascending offsets. */
void lus_tap_grid_backward(LusTapGrid *grid, const LusWindow *window, int phase_y, int phase_x,
                           int h, int w)
{
  *grid = (LusTapGrid){
      .h = h > phase_y ? (h - phase_y - 1) / window->stride[0] + 1 : 0,
      .w = w > phase_x ? (w - phase_x - 1) / window->stride[1] + 1 : 0,
      .source_step = {1, 1},
      .target_step = {window->stride[0], window->stride[1]},
      .target_origin = {phase_y, phase_x},
  };
  grid->taps = g_new(LusTap, window->kernel[0] * window->kernel[1]);
  for (int ky = window->kernel[0] - 1; ky >= 0; ky--) {
    int y = phase_y + window->pad[0] - ky * window->dilation[0];
    for (int kx = window->kernel[1] - 1; kx >= 0 && y % window->stride[0] == 0; kx--) {
      int x = phase_x + window->pad[1] - kx * window->dilation[1];
      if (x % window->stride[1] == 0)
        grid->taps[grid->n++] = (LusTap){
            .dy = y / window->stride[0],
            .dx = x / window->stride[1],
            .tap = ky * window->kernel[1] + kx,
        };
    }
  }
}

void lus_tap_grid_clear(LusTapGrid *grid)
{
  g_clear_pointer(&grid->taps, g_free);
}

gboolean lus_tap_grid_is_identity(const LusTapGrid *grid, LusMapSize source)
{
  return grid->n == 1 && grid->taps[0].dy == 0 && grid->taps[0].dx == 0 &&
         grid->source_step[0] == 1 && grid->source_step[1] == 1 && grid->h == source.h &&
         grid->w == source.w;
}

gboolean lus_tap_grid_is_dense(const LusTapGrid *grid)
{
  return grid->target_step[0] == 1 && grid->target_step[1] == 1;
}

/* Taps first..first+length-1 lie side by side in the source. */
static int run_length(const LusTapGrid *grid, int first)
{
  int length = 1;
  while (first + length < grid->n && grid->taps[first + length].dy == grid->taps[first].dy &&
         grid->taps[first + length].dx == grid->taps[first].dx + length)
    length++;
  return length;
}

/* One run of taps for one row of the grid; row @source is NULL outside of the map. */
static void gather_run(const LusTapGrid *grid, float *patches, const float *source, LusMapSize size,
                       int channel, int channels, int first, int length)
{
  gsize pitch = (gsize)grid->n * (gsize)channels, bytes = (gsize)channels * sizeof(float);
  gboolean whole = channels == size.c;
  float *out = patches + (gsize)first * (gsize)channels;
  for (int j = 0; j < grid->w; j++, out += pitch) {
    int x = j * grid->source_step[1] + grid->taps[first].dx;
    if (!source) {
      memset(out, 0, (gsize)length * bytes);
    } else if (whole && x >= 0 && x + length <= size.w) {
      memcpy(out, source + (gsize)x * (gsize)channels, (gsize)length * bytes);
    } else {
      for (int t = 0; t < length; t++) {
        float *pixel = out + (gsize)t * (gsize)channels;
        if (x + t >= 0 && x + t < size.w)
          memcpy(pixel, source + (gsize)(x + t) * (gsize)size.c + channel, bytes);
        else
          memset(pixel, 0, bytes);
      }
    }
  }
}

void lus_tap_grid_gather(const LusTapGrid *grid, float *patches, const float *source,
                         LusMapSize size, int channel, int channels, int row, int row_end)
{
  gsize patch_row = (gsize)grid->w * (gsize)grid->n * (gsize)channels;
  for (int first = 0; first < grid->n;) {
    int length = run_length(grid, first);
    for (int i = row; i < row_end; i++) {
      int y = i * grid->source_step[0] + grid->taps[first].dy;
      const float *line =
          y >= 0 && y < size.h ? source + (gsize)y * (gsize)size.w * (gsize)size.c : NULL;
      gather_run(grid, patches + (gsize)(i - row) * patch_row, line, size, channel, channels, first,
                 length);
    }
    first += length;
  }
}
