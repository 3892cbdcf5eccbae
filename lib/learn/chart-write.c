/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/chart-internal.h"
#include "lung/overlay-palette.h"
#include "nn/error.h"
#include "nn/file.h"

#include <cairo-svg.h>
#include <math.h>

#define SCALE 2
#define CONTRAST 3.2 /* to white, of lines and marks (WCAG 2.1 asks for 3) */

static cairo_status_t append(void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append(closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

/** Draws and finishes; destroys @surface. */
static gboolean draw(cairo_surface_t *surface, const LusChart *chart, double width, double height, int scale,
                     GByteArray *png)
{
  cairo_t *cr = cairo_create(surface);
  cairo_scale(cr, scale, scale);
  lus_chart_draw(cr, chart, width, height);
  gboolean ok = cairo_status(cr) == CAIRO_STATUS_SUCCESS;
  cairo_destroy(cr);
  if (ok && png)
    ok = cairo_surface_write_to_png_stream(surface, append, png) == CAIRO_STATUS_SUCCESS;
  cairo_surface_finish(surface);
  ok = ok && cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS;
  cairo_surface_destroy(surface);
  return ok;
}

GByteArray *lus_chart_png(const LusChart *chart)
{
  double width, height;
  lus_chart_size(chart, &width, &height);
  GByteArray *out = g_byte_array_new();
  cairo_surface_t *surface =
    cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(SCALE * width), (int)(SCALE * height));
  if (!draw(surface, chart, width, height, SCALE, out))
    g_clear_pointer(&out, g_byte_array_unref);
  return out;
}

GByteArray *lus_chart_svg(const LusChart *chart)
{
  double width, height;
  lus_chart_size(chart, &width, &height);
  GByteArray *out = g_byte_array_new();
  cairo_surface_t *surface = cairo_svg_surface_create_for_stream(append, out, width, height);
  if (!draw(surface, chart, width, height, 1, NULL))
    g_clear_pointer(&out, g_byte_array_unref);
  return out;
}

static gboolean write_part(GByteArray *content, const char *folder, const char *name, const char *ending,
                           GError **error)
{
  g_autofree char *base = g_strconcat(name, ending, NULL), *path = g_build_filename(folder, base, NULL);
  gboolean ok = content && lus_file_write(path, content->data, content->len, error);
  if (!content)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory to draw it", path);
  else
    g_byte_array_unref(content);
  return ok;
}

gboolean lus_chart_write(const LusChart *chart, const char *folder, const char *name, GError **error)
{
  return write_part(lus_chart_png(chart), folder, name, ".png", error) &&
         write_part(lus_chart_svg(chart), folder, name, ".svg", error);
}

static double linear(double v)
{
  return v <= .04045 ? v / 12.92 : pow((v + .055) / 1.055, 2.4);
}

LusTone lus_tone_of_class(const char *class_name)
{
  guint8 rgb[3];
  lus_class_colour(rgb, class_name);
  LusTone tone = {rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0};
  for (int i = 0; i < 40; i++) {
    double luminance = .2126 * linear(tone.r) + .7152 * linear(tone.g) + .0722 * linear(tone.b);
    if (1.05 / (luminance + .05) >= CONTRAST)
      break;
    tone = (LusTone){.96 * tone.r, .96 * tone.g, .96 * tone.b};
  }
  return tone;
}

LusTone lus_tone_of_share(double share)
{
  static const LusTone steps[] = {{.27, .03, .36}, {.25, .27, .55}, {.13, .46, .56}, {.10, .62, .48}, {.80, .60, .05}};
  double at = CLAMP(share, 0, 1) * (G_N_ELEMENTS(steps) - 1);
  int i = MIN((int)at, (int)G_N_ELEMENTS(steps) - 2);
  double part = at - i;
  const LusTone *a = &steps[i], *b = &steps[i + 1];
  return (LusTone){a->r + part * (b->r - a->r), a->g + part * (b->g - a->g), a->b + part * (b->b - a->b)};
}
