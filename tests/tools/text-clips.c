/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clips with text burned in outside the sector, and what is left of it.
 *   text-clips make LAYOUT A.mkv B.mkv AREAS   two clips that differ in their texts alone, and where the texts lie
 *   text-clips compare A.mkv B.mkv AREAS       the largest difference of luma there over all frames, on stdout */
#include "tool.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 3
#define TEXTS 14
#define CLEAR 8 /* pixels between a text and a drawn sector (docs/deidentify.md, limits) */

typedef struct {
  const char *shape; /* linear, convex, phased: the phantom's screens; fan, narrow, box, high: drawn */
  int width, height;
  LusFormat format;
} Layout;

static const Layout layouts[] = {
  {"linear", 640, 480, LUS_FORMAT_GRAY8}, {"convex", 640, 480, LUS_FORMAT_I420},  {"phased", 641, 481, LUS_FORMAT_GRAY8},
  {"fan", 640, 480, LUS_FORMAT_RGB},      {"fan", 801, 603, LUS_FORMAT_GRAY8},    {"narrow", 640, 480, LUS_FORMAT_I420},
  {"box", 720, 576, LUS_FORMAT_GRAY8},    {"high", 400, 640, LUS_FORMAT_RGB},
};

typedef struct {
  LusRect areas[TEXTS];
  int n;
  double grey[TEXTS];
  int size[TEXTS];
} Places;

static gboolean drawn(const Layout *layout)
{
  return strlen(layout->shape) != 6 || g_str_equal(layout->shape, "narrow");
}

/** Whether (x, y), in parts of the frame, is in the drawn sector. */
static gboolean in_shape(const Layout *layout, double x, double y)
{
  double dx = (x - 0.5) * layout->width / layout->height, dy, radius;
  if (g_str_equal(layout->shape, "box"))
    return x > 0.25 && x < 0.7 && y > 0.15 && y < 0.9;
  if (g_str_equal(layout->shape, "high"))
    return x > 0.3 && x < 0.68 && y > 0.12 && y < 0.95;
  gboolean narrow = g_str_equal(layout->shape, "narrow");
  dy = y - (narrow ? 0.06 : -0.05);
  radius = sqrt(dx * dx + dy * dy);
  return dy > 0 && fabs(atan2(dx, dy)) < (narrow ? 0.7 : 0.55) && radius > (narrow ? 0.03 : 0.22) && radius < 0.85;
}

static double speckle(LusRng *rng)
{
  return 70 + 90 * lus_rng_uniform01(rng);
}

/** Whether the rectangle keeps CLEAR pixels from the sector; on the phantom's screens: from the rectangle found. */
static gboolean is_free(const Layout *layout, const Places *places, LusRect found, LusRect area)
{
  if (area.x < 1 || area.y < 1 || area.x + area.width >= layout->width || area.y + area.height >= layout->height)
    return FALSE;
  for (int i = 0; i < places->n; i++) {
    const LusRect *other = &places->areas[i];
    if (area.x < other->x + other->width && other->x < area.x + area.width && area.y < other->y + other->height &&
        other->y < area.y + area.height)
      return FALSE;
  }
  for (int y = area.y - CLEAR; y < area.y + area.height + CLEAR; y += 3)
    for (int x = area.x - CLEAR; x < area.x + area.width + CLEAR; x += 3)
      if (drawn(layout) ? in_shape(layout, (x + 0.5) / layout->width, (y + 0.5) / layout->height)
                        : x >= found.x && x < found.x + found.width && y >= found.y && y < found.y + found.height)
        return FALSE;
  return TRUE;
}

static void place_texts(Places *places, const Layout *layout, LusRect found, LusRng *rng)
{
  for (int tries = 0; tries < 4000 && places->n < TEXTS; tries++) {
    int size = 9 + (int)(20 * lus_rng_uniform01(rng));
    LusRect area = {(int)(lus_rng_uniform01(rng) * layout->width), (int)(lus_rng_uniform01(rng) * layout->height),
                    size * (2 + (int)(5 * lus_rng_uniform01(rng))), size + 4};
    if (!is_free(layout, places, found, area))
      continue;
    places->size[places->n] = size;
    places->grey[places->n] = 0.55 + 0.45 * lus_rng_uniform01(rng);
    places->areas[places->n++] = area;
  }
}

static void draw_texts(guint8 *gray, const Layout *layout, const Places *places, LusRng *rng)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,-:/^";
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, layout->width, layout->height);
  cairo_t *cr = cairo_create(surface);
  cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  for (int i = 0; i < places->n; i++) {
    char text[24] = {0};
    for (int k = 0; k < 23; k++)
      text[k] = letters[(gsize)(lus_rng_uniform01(rng) * (sizeof(letters) - 1))];
    const LusRect *area = &places->areas[i];
    cairo_save(cr);
    cairo_rectangle(cr, area->x, area->y, area->width, area->height);
    cairo_clip(cr);
    cairo_set_font_size(cr, places->size[i]);
    cairo_set_source_rgb(cr, places->grey[i], places->grey[i], places->grey[i]);
    cairo_move_to(cr, area->x, area->y + places->size[i]);
    cairo_show_text(cr, text);
    cairo_restore(cr);
  }
  cairo_surface_flush(surface);
  const guint8 *pixels = cairo_image_surface_get_data(surface);
  int stride = cairo_image_surface_get_stride(surface);
  for (int y = 0; y < layout->height; y++)
    for (int x = 0; x < layout->width; x++)
      gray[y * layout->width + x] = MAX(gray[y * layout->width + x], pixels[y * stride + 4 * x + 1]);
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
}

static void draw_shape(guint8 *gray, const Layout *layout, int frame)
{
  LusRng rng;
  lus_rng_init(&rng, 7, (guint64)frame);
  for (int y = 0; y < layout->height; y++)
    for (int x = 0; x < layout->width; x++)
      gray[y * layout->width + x] =
        in_shape(layout, (x + 0.5) / layout->width, (y + 0.5) / layout->height) ? (guint8)speckle(&rng) : 0;
}

static LusPhantom *make_phantom(const Layout *layout)
{
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = 5;
  config.screen = TRUE;
  config.width = layout->width;
  config.height = layout->height;
  config.probe = g_str_equal(layout->shape, "linear")   ? LUS_PROBE_LINEAR
                 : g_str_equal(layout->shape, "convex") ? LUS_PROBE_CONVEX
                                                        : LUS_PROBE_PHASED;
  return lus_phantom_new(&config, NULL);
}

static void draw_frame(guint8 *gray, const Layout *layout, LusPhantom *phantom, int frame)
{
  if (phantom)
    lus_phantom_render(phantom, frame * 0.04, gray, layout->width, NULL);
  else
    draw_shape(gray, layout, frame);
}

/** The rectangle that is found where there are no texts but the phantom's own. */
static LusRect find_rect(const Layout *layout, LusPhantom *phantom, guint8 *gray)
{
  LusSector *sector = lus_sector_new(layout->width, layout->height, LUS_SECTOR_AUTO, (LusRect){0});
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = layout->width, .height = layout->height, .planes = {gray},
                    .strides = {layout->width}, .full_range = TRUE};
  LusRect rect = {0};
  for (int i = 0; i < FRAMES; i++) {
    draw_frame(gray, layout, phantom, i);
    lus_sector_update(sector, &image);
  }
  lus_sector_get_rect(sector, &rect);
  lus_sector_free(sector);
  return rect;
}

/** @gray in the layout's format, in @memory of three times its size. */
static LusImage convert(const Layout *layout, guint8 *gray, guint8 *memory)
{
  gsize pixels = (gsize)layout->width * (gsize)layout->height;
  LusImage image = {.format = layout->format, .width = layout->width, .height = layout->height, .full_range = TRUE};
  image.planes[0] = gray;
  image.strides[0] = layout->width;
  if (layout->format == LUS_FORMAT_RGB) {
    for (gsize i = 0; i < 3 * pixels; i++)
      memory[i] = gray[i / 3];
    image.planes[0] = memory;
    image.strides[0] = 3 * layout->width;
  } else if (layout->format == LUS_FORMAT_I420) {
    memset(memory, 128, pixels);
    image.planes[1] = memory;
    image.planes[2] = memory + pixels / 4 + (gsize)layout->width;
    image.strides[1] = image.strides[2] = (layout->width + 1) / 2;
  }
  return image;
}

static gboolean write_clip(const char *path, const Layout *layout, LusPhantom *phantom, const Places *places, guint64 seed,
                           guint8 *gray, guint8 *memory, GError **error)
{
  LusFrameSink *sink = lus_tool_create_clip(path, layout->format, layout->width, layout->height, 25, 1, NULL, error);
  gboolean ok = sink != NULL;
  for (int i = 0; ok && i < FRAMES; i++) {
    LusRng rng;
    lus_rng_init(&rng, seed, 1);
    draw_frame(gray, layout, phantom, i);
    draw_texts(gray, layout, places, &rng);
    LusImage image = convert(layout, gray, memory);
    ok = sink->push(sink, &image, i * 40000000, error);
  }
  ok = ok && sink->finish(sink, error);
  if (sink)
    sink->free(sink);
  return ok;
}

static gboolean make(const Layout *layout, const char *a, const char *b, const char *areas, GError **error)
{
  g_autofree guint8 *gray = g_malloc((gsize)layout->width * (gsize)layout->height);
  g_autofree guint8 *memory = g_malloc(3 * (gsize)layout->width * (gsize)layout->height);
  LusPhantom *phantom = drawn(layout) ? NULL : make_phantom(layout);
  Places places = {.n = 0};
  LusRng rng;
  lus_rng_init(&rng, 3, (guint64)(layout - layouts));
  place_texts(&places, layout, find_rect(layout, phantom, gray), &rng);
  g_autoptr(GString) list = g_string_new(NULL);
  for (int i = 0; i < places.n; i++)
    g_string_append_printf(list, "%d %d %d %d\n", places.areas[i].x, places.areas[i].y, places.areas[i].width,
                           places.areas[i].height);
  gboolean ok = places.n > 2 && g_file_set_contents(areas, list->str, -1, error) &&
                write_clip(a, layout, phantom, &places, 11, gray, memory, error) &&
                write_clip(b, layout, phantom, &places, 12, gray, memory, error);
  lus_phantom_free(phantom);
  return ok;
}

/** Largest difference of luma in the areas. */
static int difference(const LusImage *a, const LusImage *b, const char *areas)
{
  g_auto(GStrv) lines = g_strsplit(areas, "\n", -1);
  guint8 row_a[LUS_FRAME_MAX], row_b[LUS_FRAME_MAX];
  int most = 0;
  for (char **line = lines; *line; line++) {
    LusRect area;
    if (sscanf(*line, "%d %d %d %d", &area.x, &area.y, &area.width, &area.height) != 4)
      continue;
    for (int y = area.y; y < area.y + area.height; y++) {
      lus_image_luma_row(row_a, a, area.x, y, area.width);
      lus_image_luma_row(row_b, b, area.x, y, area.width);
      for (int x = 0; x < area.width; x++)
        most = MAX(most, ABS(row_a[x] - row_b[x]));
    }
  }
  return most;
}

static gboolean compare(const char *a, const char *b, const char *areas, GError **error)
{
  g_autofree char *text = NULL;
  LusFrameSource *one = lus_tool_open_clip(a, NULL, error), *other = one ? lus_tool_open_clip(b, NULL, error) : NULL;
  gboolean ok = other && g_file_get_contents(areas, &text, NULL, error), end = FALSE, end_other = FALSE;
  int most = 0, frames = 0;
  while (ok && !end && !end_other) {
    LusImage image, image_other;
    gint64 pts;
    ok = one->next(one, &image, &pts, &end, error) && other->next(other, &image_other, &pts, &end_other, error);
    if (ok && !end && !end_other) {
      most = MAX(most, difference(&image, &image_other, text));
      frames++;
    }
  }
  if (ok && (end != end_other || frames != FRAMES))
    ok = FALSE;
  if (ok)
    printf("%d\n", most);
  if (one)
    one->free(one);
  if (other)
    other->free(other);
  return ok;
}

int main(int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  int number = argc == 6 ? atoi(argv[2]) : 0;
  if (argc == 2 && g_str_equal(argv[1], "count")) {
    printf("%d\n", (int)G_N_ELEMENTS(layouts));
    return 0;
  }
  if (argc == 6 && number >= 0 && number < (int)G_N_ELEMENTS(layouts) &&
      make(&layouts[number], argv[3], argv[4], argv[5], &error))
    return 0;
  if (argc == 5 && compare(argv[2], argv[3], argv[4], &error))
    return 0;
  fprintf(stderr, "text-clips: %s\n", error ? error->message : "wrong arguments, or clips of another length");
  return 1;
}
