/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the scan lies in the frame, and its conversion from beams to pixels. */
#include "lung/phantom-scene.h"

#include "nn/error.h"

#include <math.h>

enum { ROWS = PHANTOM_ROWS, BEAMS = PHANTOM_BEAMS };

float lus_phantom_half_width(const LusPhantom *p)
{
  return p->linear ? p->half : (p->radius + p->depth) * sinf(p->half);
}

/* A scanner's screen: the whole sector with margins about it. */
static void draw_screen_view(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  PhantomView *v = &p->view;
  float w = (float)p->config.width, h = (float)p->config.height;
  float rise = p->linear ? 0 : p->radius * (1 - cosf(p->half)); /* the probe's edges lie higher than its middle */
  float high = h * uniform(a, .78, .9), wide = w * uniform(a, .66, .8);
  float scale = MAX((p->depth + rise) / high, 2 * lus_phantom_half_width(p) / wide);
  v->height = MIN((int)((p->depth + rise) / scale + .5f), p->config.height);
  v->width = p->config.width;
  v->x = 0;
  v->y = (int)((h - (float)v->height) * uniform(a, .4, .7));
  v->scale_x = v->scale_y = scale;
  v->shift = uniform(a, -.04, .04) * w * scale;
  v->top = -rise;
}

static void draw_linear_crop(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  PhantomView *v = &p->view;
  float w = (float)v->width, h = (float)v->height, width = 2 * p->half;
  float whole = p->depth / h * uniform(a, .9, 1.15), part = fminf(p->depth, width * uniform(a, 1, 2)) / h;
  float filled = w * uniform(a, .55, 1), stretch = uniform(a, .9, 1.1);
  v->scale_y = chance(a, .5) ? whole : part;
  v->scale_x = width > .6f * p->depth ? v->scale_y : width / filled * stretch;
  v->shift = uniform(a, -.05, .05) * width;
  v->top = uniform(a, -2, 2);
}

static void draw_convex_crop(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  PhantomView *v = &p->view;
  float pleura = (float)p->info.pleura_depth_mm;
  float top = (chance(a, .8) ? uniform(a, -.02, .12) : -uniform(a, 0, .1)) * p->depth;
  float bottom = (chance(a, .8) ? 1 : uniform(a, .7, 1)) * p->depth;
  float shift = uniform(a, -.06, .06) * p->depth, margin = uniform(a, .97, 1.06);
  if (chance(a, .12)) { /* zoomed in, no border of the fan in sight; the pleura still is */
    top = pleura * uniform(a, 0, .6);
    bottom = top + (p->depth - top) * uniform(a, .45, .7);
    bottom = MAX(bottom, pleura + .2f * p->depth);
  }
  v->scale_y = (bottom - top) * margin / (float)v->height;
  v->scale_x = v->scale_y * (chance(a, .7) ? 1 : uniform(a, .85, 1.2));
  v->shift = shift;
  v->top = top;
}

void lus_phantom_draw_view(LusPhantom *p)
{
  p->view = (PhantomView){ .width = p->config.width, .height = p->config.height };
  if (p->config.screen)
    draw_screen_view(p);
  else if (p->linear)
    draw_linear_crop(p);
  else
    draw_convex_crop(p);
  p->info.mm_per_pixel = p->view.scale_y;
}

/* Beam and row of a point; FALSE outside the scan. */
static gboolean locate(const LusPhantom *p, float x, float z, float *row, float *beam)
{
  float lateral = x, range = z;
  if (!p->linear) {
    lateral = atan2f(x, z + p->radius);
    range = hypotf(x, z + p->radius) - p->radius;
  }
  *row = range / p->dr - .5f;
  *beam = (lateral + p->half) / (2 * p->half) * (BEAMS - 1);
  return *row >= 0 && *row <= ROWS - 1 && *beam >= 0 && *beam <= BEAMS - 1;
}

gboolean lus_phantom_map_view(LusPhantom *p, GError **error)
{
  const PhantomView *v = &p->view;
  int w = p->config.width, h = p->config.height;
  gsize n = (gsize)w * h;
  p->map_u = g_try_new(float, n);
  p->map_v = g_try_new(float, n);
  p->image = g_try_new(float, n);
  p->image_scratch = g_try_new(float, n);
  p->image_sharp = g_try_new(float, n);
  p->text = g_try_new0(guint8, n);
  if (!p->map_u || !p->map_v || !p->image || !p->image_scratch || !p->image_sharp || !p->text) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "phantom: no memory for frames of %d x %d pixels", w, h);
    return FALSE;
  }
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float mm_x = ((float)x + .5f - .5f * (float)w) * v->scale_x + v->shift;
      float mm_z = ((float)(y - v->y) + .5f) * v->scale_y + v->top, row, beam;
      gboolean inside = y >= v->y && y < v->y + v->height && locate(p, mm_x, mm_z, &row, &beam);
      p->map_u[(gsize)y * w + x] = inside ? MIN(row, ROWS - 1.001f) : -1;
      p->map_v[(gsize)y * w + x] = inside ? MIN(beam, BEAMS - 1.001f) : 0;
    }
  return TRUE;
}

void lus_phantom_convert(const LusPhantom *p, const float *polar, float *image)
{
  gsize n = (gsize)p->config.width * p->config.height;
  for (gsize i = 0; i < n; i++) {
    float u = p->map_u[i], v = p->map_v[i];
    if (u < 0) {
      image[i] = 0;
      continue;
    }
    int row = (int)u, beam = (int)v;
    const float *a = polar + beam * ROWS + row, *b = a + ROWS;
    float f = u - (float)row, left = a[0] + f * (a[1] - a[0]), right = b[0] + f * (b[1] - b[0]);
    image[i] = left + (v - (float)beam) * (right - left);
  }
}
