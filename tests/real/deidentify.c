/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts burned into real convex-probe clips beside the fan's slanted sides, at several distances: how many of them leave
 * something behind in what is written. The sector of the clip without text is the yardstick. The clips are crops of a
 * screen: they get black at both sides, so that there is room for a text. */
#include <cairo.h>
#include <gst/gst.h>
#include <math.h>
#include <string.h>
#include "clip.h"
#include "real.h"

enum { FRAMES = 12, EVERY = 5 };

static const int distances[] = {2, 4, 6, 8, 12, 16, 24, 32}; /* pixels */

typedef struct {
  int width, height, n;
  guint8 *luma[FRAMES]; /* [height][width] */
} Clip;

typedef struct {
  int texts, leaking;
  gint64 pixels, surviving;
} Count;

static gboolean read_clip(Clip *clip, const char *path)
{
  g_autoptr(GError) error = NULL;
  LusFrameSource *source = lus_tool_open_clip(path, NULL, &error);
  g_assert_no_error(error);
  for (clip->n = 0; clip->n < FRAMES; clip->n++) {
    LusImage image;
    gint64 pts;
    if (!real_next(source, &image, &pts))
      break;
    int margin = image.width / 2;
    clip->width = image.width + 2 * margin;
    clip->height = image.height;
    guint8 *luma = clip->luma[clip->n] = g_malloc0((gsize)clip->width * image.height);
    for (int y = 0; y < image.height; y++)
      lus_image_luma_row(luma + (gsize)y * clip->width + margin, &image, 0, y, image.width);
  }
  source->free(source);
  return clip->n > 0;
}

static LusImage image_of(const Clip *clip, guint8 *pixels)
{
  return (LusImage){.format = LUS_FORMAT_GRAY8, .width = clip->width, .height = clip->height, .planes = {pixels},
                    .strides = {clip->width}, .full_range = TRUE};
}

/* The sector after all frames with @text (255 text, 0 none) burned in, or NULL; in the last of them, in @last, what a file
 * would hold. */
static LusSector *run(const Clip *clip, guint8 *last, const guint8 *text)
{
  gsize n = (gsize)clip->width * clip->height;
  LusSector *sector = lus_sector_new(clip->width, clip->height, LUS_SECTOR_AUTO, (LusRect){0, 0, 0, 0});
  for (int f = 0; f < clip->n; f++) {
    memcpy(last, clip->luma[f], n);
    for (gsize i = 0; text && i < n; i++)
      last[i] = MAX(last[i], text[i]);
    LusImage image = image_of(clip, last);
    lus_sector_update(sector, &image);
  }
  LusRect rect;
  LusImage image = image_of(clip, last);
  if (!lus_sector_get_rect(sector, &rect)) {
    lus_sector_free(sector);
    return NULL;
  }
  g_autofree guint8 *samples = g_malloc(256 * 256);
  lus_sector_sample(sector, samples, rect, 256, 256);
  lus_deidentify(&image, samples, 256, 256, rect);
  return sector;
}

/* A name and a date in letters of 1/40 of the frame's height; their nearest pixel @distance from the side of @inside, in the
 * rows from @top on; FALSE where there is no room for three letters. */
static gboolean burn(guint8 *out, const Clip *clip, const guint8 *inside, int top, gboolean right, int distance)
{
  int width = clip->width, height = clip->height, size = MAX(10, height / 40), edge = right ? 0 : width;
  for (int y = top; y < MIN(top + size, height); y++)
    for (int x = 0; x < width; x++)
      if (inside[(gsize)y * width + x])
        edge = right ? MAX(edge, x + 1) : MIN(edge, x);
  if (right ? edge + distance + 3 * size > width : edge - distance - 3 * size < 0)
    return FALSE;
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, width, height);
  cairo_t *cr = cairo_create(surface);
  cairo_text_extents_t extents;
  cairo_select_font_face(cr, "sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  cairo_set_font_size(cr, size);
  cairo_text_extents(cr, "DOE JANE 12.03.1954", &extents);
  double left = right ? edge + distance : edge - distance - extents.width;
  cairo_move_to(cr, left - extents.x_bearing, top - extents.y_bearing);
  cairo_show_text(cr, "DOE JANE 12.03.1954");
  cairo_surface_flush(surface);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      out[(gsize)y * width + x] =
        cairo_image_surface_get_data(surface)[(gsize)y * (gsize)cairo_image_surface_get_stride(surface) + (gsize)x];
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
  return TRUE;
}

static void try_text(Count *count, const Clip *clip, const guint8 *inside, int top, gboolean right, int distance)
{
  gsize n = (gsize)clip->width * clip->height;
  g_autofree guint8 *text = g_malloc0(n), *last = g_malloc(n);
  gint64 surviving = 0;
  if (!burn(text, clip, inside, top, right, distance))
    return;
  LusSector *sector = run(clip, last, text);
  if (!sector) /* then nothing is written */
    memset(last, 0, n);
  for (gsize i = 0; i < n; i++) {
    count->pixels += text[i] > 127;
    surviving += text[i] > 127 && last[i] > 0;
  }
  count->texts++;
  count->leaking += surviving > 0;
  count->surviving += surviving;
  lus_sector_free(sector);
}

static void try_clip(Count counts[G_N_ELEMENTS(distances)], const Clip *clip)
{
  gsize n = (gsize)clip->width * clip->height;
  g_autofree guint8 *inside = g_malloc(n), *last = g_malloc(n);
  LusRect rect;
  LusSector *sector = run(clip, last, NULL);
  if (!sector)
    return;
  lus_sector_get_rect(sector, &rect);
  lus_sector_sample(sector, inside, (LusRect){0, 0, clip->width, clip->height}, clip->width, clip->height);
  lus_sector_free(sector);
  for (gsize d = 0; d < G_N_ELEMENTS(distances); d++)
    for (int place = 0; place < 6; place++)
      try_text(&counts[d], clip, inside, rect.y + rect.height * (1 + place / 2) / 5, place % 2, distances[d]);
}

int main(int argc, char **argv)
{
  Count counts[G_N_ELEMENTS(distances)] = {{0}};
  gst_init(&argc, &argv);
  g_autofree char *folder = real_folder("covid_blues");
  if (!folder)
    return 0;
  g_auto(GStrv) lines = real_clip_rows(folder);
  int cell = 0, failed = 0;
  for (int i = 0; lines[i] && *lines[i]; i++) {
    Clip clip = {0};
    g_auto(GStrv) fields = g_strsplit(lines[i], ",", -1);
    g_autofree char *path = g_strdup_printf("%s/videos/%s.mp4", folder, fields[0]);
    if (i % EVERY == 0 && read_clip(&clip, path)) {
      try_clip(counts, &clip);
      cell = MAX(cell, (MAX(clip.width, clip.height) + 159) / 160);
    }
    for (int f = 0; f < clip.n; f++)
      g_free(clip.luma[f]);
  }
  g_print("# a cell has up to %d pixels\n", cell);
  for (gsize d = 0; d < G_N_ELEMENTS(distances); d++) {
    const Count *c = &counts[d];
    g_print("# %2d pixels beside the fan: %d of %d texts leave something, %.2f %% of their pixels\n", distances[d],
            c->leaking, c->texts, 100.0 * (double)c->surviving / (double)MAX(c->pixels, 1));
    failed += distances[d] > cell && c->leaking;
  }
  g_print("%s 1 - texts farther than a cell from the fan leave nothing\n1..1\n",
          failed || !counts[0].texts ? "not ok" : "ok");
  return failed != 0;
}
