/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/surface.h"

#include <math.h>
#include <stdlib.h>

#define FAR 1e12f
#define PERCENTILE 0.95

gboolean lus_surface_init(LusSurface *surface, int width, int height)
{
  gsize pixels = (gsize)width * height, longest = (gsize)MAX(width, height);
  *surface = (LusSurface){.width = width, .height = height};
  surface->border = g_try_new(guint32, pixels);
  surface->distance = g_try_new(float, pixels);
  surface->scratch = g_try_new(float, 3 * longest + 1);
  return surface->border && surface->distance && surface->scratch;
}

void lus_surface_clear(LusSurface *surface)
{
  g_free(surface->border);
  g_free(surface->distance);
  g_free(surface->scratch);
  *surface = (LusSurface){0};
}

/** out[i] = min over j of (i - j)^2 + line[j], in place; @scratch [3 n + 1]. */
static void transform(float *line, int n, gsize stride, float *scratch)
{
  float *value = scratch, *centre = scratch + n, *from = scratch + 2 * n;
  int k = -1;
  for (int i = 0; i < n; i++) {
    value[i] = line[i * stride];
    if (value[i] >= FAR)
      continue;
    float start = -FAR;
    for (; k >= 0; k--) {
      int j = (int)centre[k];
      start = ((value[i] + (float)i * (float)i) - (value[j] + (float)j * (float)j)) / (float)(2 * (i - j));
      if (start > from[k])
        break;
    }
    centre[++k] = (float)i;
    from[k] = k == 0 ? -FAR : start;
  }
  int n_parabolas = k + 1;
  k = 0;
  for (int i = 0; n_parabolas > 0 && i < n; i++) {
    while (k + 1 < n_parabolas && from[k + 1] < (float)i)
      k++;
    float d = (float)i - centre[k];
    line[i * stride] = d * d + value[(int)centre[k]];
  }
}

static gboolean is_border(const guint8 *mask, int width, int height, int x, int y)
{
  const guint8 *p = mask + (gsize)y * width + x;
  return *p && (x == 0 || y == 0 || x == width - 1 || y == height - 1 || !p[-1] || !p[1] || !p[-width] || !p[width]);
}

void lus_surface_set(LusSurface *surface, const guint8 *mask)
{
  int w = surface->width, h = surface->height;
  surface->n = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      gsize i = (gsize)y * w + x;
      gboolean border = is_border(mask, w, h, x, y);
      surface->distance[i] = border ? 0 : FAR;
      if (border)
        surface->border[surface->n++] = (guint32)i;
    }
  if (surface->n == 0)
    return;
  for (int x = 0; x < w; x++)
    transform(surface->distance + x, h, (gsize)w, surface->scratch);
  for (int y = 0; y < h; y++)
    transform(surface->distance + (gsize)y * w, w, 1, surface->scratch);
  for (gsize i = 0; i < (gsize)w * h; i++)
    surface->distance[i] = sqrtf(surface->distance[i]);
}

static int compare_floats(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/** The sum of the distances from @a's border to @b's, and their percentile. */
static double one_way(double *percentile, const LusSurface *a, const LusSurface *b, float *sorted)
{
  double sum = 0;
  for (int i = 0; i < a->n; i++) {
    sorted[i] = b->distance[a->border[i]];
    sum += (double)sorted[i];
  }
  qsort(sorted, (gsize)a->n, sizeof *sorted, compare_floats);
  *percentile = (double)sorted[(int)ceil(PERCENTILE * a->n) - 1];
  return sum;
}

gboolean lus_surface_compare(double *mean, double *hausdorff95, const LusSurface *a, const LusSurface *b,
                             float *sorted)
{
  if (a->n == 0 || b->n == 0)
    return FALSE;
  double from_a, from_b;
  double sum = one_way(&from_a, a, b, sorted);
  sum += one_way(&from_b, b, a, sorted);
  *mean = sum / (a->n + b->n);
  *hausdorff95 = fmax(from_a, from_b);
  return TRUE;
}
