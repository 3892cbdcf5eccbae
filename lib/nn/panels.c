/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/panels.h"

#include <string.h>

#include "kernels/kernels.h"

/* The widest block that @left columns fill, or the narrowest there is. */
static int block_width(int left)
{
  int width = lus_kernels()->panel;
  while (width > left && width > lus_kernels()->lanes)
    width /= 2;
  return width;
}

LusPanel lus_panels_at(int k, int n, int index)
{
  int panel = lus_kernels()->panel;
  LusPanel at = {.first = MIN(index, n / panel) * panel};
  index -= MIN(index, n / panel);
  at.width = block_width(n - at.first);
  for (; index > 0; index--) {
    at.first += at.width;
    at.width = block_width(n - at.first);
  }
  at.n = MIN(at.width, n - at.first);
  at.offset = (gsize)at.first * (gsize)k;
  return at;
}

int lus_panels_count(int n)
{
  int panel = lus_kernels()->panel, count = n / panel;
  for (int left = n % panel; left > 0; left -= block_width(left))
    count++;
  return count;
}

gsize lus_panels_floats(int k, int n)
{
  LusPanel last = lus_panels_at(k, n, lus_panels_count(n) - 1);
  return last.offset + (gsize)k * (gsize)last.width;
}

void lus_panels_set_row(float *panels, int k, int n, int row, const float *values)
{
  for (int first = 0; first < n;) {
    int width = block_width(n - first), columns = MIN(width, n - first);
    float *to = panels + (gsize)first * (gsize)k + (gsize)row * (gsize)width;
    memcpy(to, values + first, (gsize)columns * sizeof *to);
    memset(to + columns, 0, (gsize)(width - columns) * sizeof *to);
    first += width;
  }
}
