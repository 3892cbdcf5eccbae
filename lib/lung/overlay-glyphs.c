/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"
#include "lung/text-layout.h"

/* Texts from glyphs that were drawn before. A text is shaped by Pango and its glyphs are drawn by cairo the first time
 * that they are needed; from then on a text, also one never seen before, is made of their bytes: to draw a glyph and
 * its outline costs many times what it costs to copy them. */

/* A glyph is drawn at so many places within a pixel. */
#define PHASES 4
/* What is kept is forgotten when it becomes more: bytes of glyphs, texts. */
#define GLYPHS_MAX (8 << 20)
#define TEXTS_MAX 512

/* The first members tell one from the other. */
typedef struct {
  PangoFont *font; /* a reference */
  PangoGlyph id;
  int phase;
  int outline; /* how far it reaches, 1/64 pixel; 0 = none */
  /* its pixels, relative to the pen on the baseline */
  int x, y, width, height;
  guint8 *fill, *edge; /* [height][width]; NULL: nothing to draw, no outline */
} Glyph;

typedef struct {
  PangoFont *font; /* a reference */
  PangoGlyphInfo info;
  double x, y; /* pixels from the text's beginning */
} Place;

/* A glyph where it is drawn, pixels of the surface. */
typedef struct {
  const Glyph *glyph;
  int x, y;
} Drawn;

struct _LusText {
  double width;
  int n;
  Place *places;
};

struct _LusGlyphs {
  PangoLayout *layout;
  GHashTable *glyphs; /* of Glyph, each its own key */
  gsize glyph_bytes;
  GHashTable *texts; /* char * to LusText */
  /* of the text at hand: */
  GArray *drawn;    /* of Drawn */
  GByteArray *line; /* where its glyphs are put together */
};

static guint glyph_hash(gconstpointer key)
{
  const Glyph *glyph = key;
  guint drawn = (guint)glyph->phase << 28 ^ (guint)glyph->outline << 16;
  return g_direct_hash(glyph->font) ^ glyph->id * 2654435761u ^ drawn;
}

static gboolean glyph_equal(gconstpointer a, gconstpointer b)
{
  const Glyph *one = a, *other = b;
  return one->font == other->font && one->id == other->id && one->phase == other->phase && one->outline == other->outline;
}

static void glyph_free(gpointer data)
{
  Glyph *glyph = data;
  g_object_unref(glyph->font);
  g_free(glyph->fill);
  g_free(glyph->edge);
  g_free(glyph);
}

static void text_free(gpointer data)
{
  LusText *text = data;
  for (int i = 0; i < text->n; i++)
    g_object_unref(text->places[i].font);
  g_free(text->places);
  g_free(text);
}

LusGlyphs *lus_glyphs_new(void)
{
  LusGlyphs *glyphs = g_new0(LusGlyphs, 1);
  glyphs->layout = lus_text_layout_new();
  glyphs->glyphs = g_hash_table_new_full(glyph_hash, glyph_equal, glyph_free, NULL);
  glyphs->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, text_free);
  glyphs->drawn = g_array_new(FALSE, FALSE, sizeof(Drawn));
  glyphs->line = g_byte_array_new();
  return glyphs;
}

void lus_glyphs_free(LusGlyphs *glyphs)
{
  if (!glyphs)
    return;
  g_hash_table_unref(glyphs->texts);
  g_hash_table_unref(glyphs->glyphs);
  g_array_unref(glyphs->drawn);
  g_byte_array_unref(glyphs->line);
  g_object_unref(glyphs->layout);
  g_free(glyphs);
}

/* --- shaping --- */

static PangoLayoutLine *lay_out(LusGlyphs *glyphs, double px, gboolean tight, unsigned flags, const char *string)
{
  PangoFontDescription *font = pango_font_description_new();
  pango_font_description_set_family_static(font, "Inter, Noto Sans, DejaVu Sans");
  pango_font_description_set_weight(font, flags & LUS_TEXT_BOLD ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_MEDIUM);
  pango_font_description_set_absolute_size(font, px * PANGO_SCALE);
  pango_layout_set_font_description(glyphs->layout, font);
  pango_font_description_free(font);
  PangoAttrList *attributes = pango_attr_list_new();
  if (flags & LUS_TEXT_TABULAR)
    pango_attr_list_insert(attributes, pango_attr_font_features_new("tnum=1"));
  if (tight)
    pango_attr_list_insert(attributes, pango_attr_letter_spacing_new((int)(-0.015 * px * PANGO_SCALE)));
  pango_layout_set_attributes(glyphs->layout, attributes);
  pango_attr_list_unref(attributes);
  pango_layout_set_text(glyphs->layout, string, -1);
  return pango_layout_get_line_readonly(glyphs->layout, 0);
}

static LusText *shape(PangoLayoutLine *line)
{
  LusText *text = g_new0(LusText, 1);
  PangoRectangle logical;
  double pen = 0;
  int n = 0;
  pango_layout_line_get_extents(line, NULL, &logical);
  text->width = (double)logical.width / PANGO_SCALE;
  for (const GSList *run = line->runs; run; run = run->next)
    n += ((const PangoGlyphItem *)run->data)->glyphs->num_glyphs;
  text->places = g_new(Place, (gsize)n);
  for (const GSList *run = line->runs; run; run = run->next) {
    const PangoGlyphItem *item = run->data;
    for (int i = 0; i < item->glyphs->num_glyphs; i++) {
      const PangoGlyphInfo *info = &item->glyphs->glyphs[i];
      if (info->glyph != PANGO_GLYPH_EMPTY) {
        text->places[text->n++] = (Place){.font = g_object_ref(item->item->analysis.font), .info = *info,
                                          .x = (pen + info->geometry.x_offset) / PANGO_SCALE,
                                          .y = (double)info->geometry.y_offset / PANGO_SCALE};
      }
      pen += info->geometry.width;
    }
  }
  return text;
}

const LusText *lus_glyphs_text(LusGlyphs *glyphs, double px, gboolean tight, unsigned flags, const char *string)
{
  unsigned shaped = flags & (LUS_TEXT_BOLD | LUS_TEXT_TABULAR);
  char *key = g_strdup_printf("%d %d %u %s", (int)lrint(px * PANGO_SCALE), tight, shaped, string);
  LusText *text = g_hash_table_lookup(glyphs->texts, key);
  if (text) {
    g_free(key);
    return text;
  }
  if (g_hash_table_size(glyphs->texts) >= TEXTS_MAX)
    g_hash_table_remove_all(glyphs->texts);
  text = shape(lay_out(glyphs, px, tight, shaped, string));
  g_hash_table_insert(glyphs->texts, key, text);
  return text;
}

double lus_text_width(const LusText *text)
{
  return text->width;
}

/* --- drawing a glyph --- */

/* The glyph becomes the path of @cr, with the pen at @x, @y. */
static void glyph_path(cairo_t *cr, const Place *place, double x, double y)
{
  PangoGlyphInfo info = place->info;
  int cluster = 0;
  PangoGlyphString one = {.num_glyphs = 1, .glyphs = &info, .log_clusters = &cluster};
  info.geometry.x_offset = info.geometry.y_offset = 0;
  cairo_new_path(cr);
  cairo_move_to(cr, x, y);
  pango_cairo_glyph_string_path(cr, place->font, &one);
}

/* Coverage 0..255 of what the glyph's path encloses or, with @outline, of what lies within that many pixels of it. */
static guint8 *cover(const Glyph *glyph, const Place *place, double outline)
{
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, glyph->width, glyph->height);
  cairo_t *cr = cairo_create(surface);
  guint8 *out = g_malloc((gsize)glyph->width * (gsize)glyph->height);
  glyph_path(cr, place, (double)glyph->phase / PHASES - glyph->x, -glyph->y);
  cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_width(cr, 2 * outline);
  if (outline > 0)
    cairo_stroke(cr);
  else
    cairo_fill(cr);
  cairo_surface_flush(surface);
  const guint8 *in = cairo_image_surface_get_data(surface);
  for (int y = 0; y < glyph->height; y++) {
    guint8 *row = out + (gsize)y * (gsize)glyph->width;
    if (in)
      memcpy(row, in + (gssize)y * cairo_image_surface_get_stride(surface), (gsize)glyph->width);
    else
      memset(row, 0, (gsize)glyph->width); /* out of memory */
  }
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
  return out;
}

static void measure_glyph(Glyph *glyph, const Place *place)
{
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
  cairo_t *cr = cairo_create(surface);
  double x0, y0, x1, y1, reach = glyph->outline / 64.0;
  glyph_path(cr, place, (double)glyph->phase / PHASES, 0);
  cairo_path_extents(cr, &x0, &y0, &x1, &y1);
  if (x1 > x0 && y1 > y0) {
    glyph->x = (int)floor(x0 - reach);
    glyph->y = (int)floor(y0 - reach);
    glyph->width = (int)ceil(x1 + reach) - glyph->x;
    glyph->height = (int)ceil(y1 + reach) - glyph->y;
  }
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
}

static const Glyph *find_glyph(LusGlyphs *glyphs, const Place *place, int phase, int outline)
{
  const Glyph key = {.font = place->font, .id = place->info.glyph, .phase = phase, .outline = outline};
  Glyph *glyph = g_hash_table_lookup(glyphs->glyphs, &key);
  if (glyph)
    return glyph;
  glyph = g_new(Glyph, 1);
  *glyph = key;
  g_object_ref(glyph->font);
  measure_glyph(glyph, place);
  if (glyph->width > 0) {
    glyph->fill = cover(glyph, place, 0);
    glyph->edge = outline ? cover(glyph, place, outline / 64.0) : NULL;
  }
  glyphs->glyph_bytes += sizeof *glyph + 2 * (gsize)glyph->width * (gsize)glyph->height;
  g_hash_table_add(glyphs->glyphs, glyph);
  return glyph;
}

/* --- drawing a text --- */

/* Pixels x0..x1 - 1 of rows y0..y1 - 1. */
typedef struct { int x0, y0, x1, y1; } Part;

/* Where the text's glyphs are drawn with the pen at (@x, @y); what of the surface they can touch, empty if nothing. */
static Part place_glyphs(LusGlyphs *glyphs, const LusText *text, double x, double y, int outline, Part surface)
{
  Part part = {surface.x1, surface.y1, surface.x0, surface.y0};
  g_array_set_size(glyphs->drawn, 0);
  for (int i = 0; i < text->n; i++) {
    const Place *place = &text->places[i];
    int at = (int)floor((x + place->x) * PHASES + 0.5), phase = at & (PHASES - 1);
    const Glyph *glyph = find_glyph(glyphs, place, phase, outline);
    const Drawn drawn = {glyph, (at - phase) / PHASES + glyph->x, (int)rint(y + place->y) + glyph->y};
    if (!glyph->fill)
      continue;
    part.x0 = MIN(part.x0, MAX(drawn.x, surface.x0));
    part.y0 = MIN(part.y0, MAX(drawn.y, surface.y0));
    part.x1 = MAX(part.x1, MIN(drawn.x + glyph->width, surface.x1));
    part.y1 = MAX(part.y1, MIN(drawn.y + glyph->height, surface.y1));
    g_array_append_val(glyphs->drawn, drawn);
  }
  return part;
}

/* Adds a glyph's pixels to those of the part: glyphs meet side by side within a pixel, so their coverages add up. */
static void put_glyph(guint8 *pixels, Part part, const guint8 *cover, const Drawn *drawn)
{
  const Glyph *glyph = drawn->glyph;
  int x0 = MAX(drawn->x, part.x0), n = MIN(drawn->x + glyph->width, part.x1) - x0;
  int y0 = MAX(drawn->y, part.y0), y1 = MIN(drawn->y + glyph->height, part.y1);
  for (int y = y0; y < y1; y++) {
    const guint8 *in = cover + (gssize)(y - drawn->y) * glyph->width + x0 - drawn->x;
    guint8 *restrict out = pixels + (gssize)(y - part.y0) * (part.x1 - part.x0) + x0 - part.x0;
    for (int i = 0; i < n; i++)
      out[i] = (guint8)MIN(out[i] + in[i], 255);
  }
}

/* Two channels, 0x00cc00cc, times @by / 255. */
static inline guint32 scaled(guint32 channels, guint32 by)
{
  guint32 v = channels * by + 0x800080;
  return (v + (v >> 8 & 0xff00ff)) >> 8 & 0xff00ff;
}

/* Lays @colour, opaque, over the pixels: as much of it as @cover says, 0..255, times @opacity, 0..256. */
static void paint(guint32 *restrict pixels, const guint8 *restrict cover, guint32 colour, guint32 opacity, int n)
{
  for (int i = 0; i < n; i++) {
    guint32 a = cover[i] * opacity >> 8, d = pixels[i];
    guint32 even = scaled(d & 0xff00ff, 255 - a) + scaled(colour & 0xff00ff, a);
    guint32 odd = scaled(d >> 8 & 0xff00ff, 255 - a) + scaled(colour >> 8 & 0xff00ff, a);
    pixels[i] = even | odd << 8;
  }
}

static void draw_part(LusGlyphs *glyphs, guint8 *data, int stride, Part part, guint32 colour)
{
  int width = part.x1 - part.x0;
  gsize n = (gsize)width * (gsize)(part.y1 - part.y0);
  g_byte_array_set_size(glyphs->line, (guint)(2 * n));
  guint8 *edge = glyphs->line->data, *fill = edge + n;
  gboolean edged = FALSE;
  memset(edge, 0, 2 * n);
  for (guint i = 0; i < glyphs->drawn->len; i++) {
    const Drawn *drawn = &g_array_index(glyphs->drawn, Drawn, i);
    put_glyph(fill, part, drawn->glyph->fill, drawn);
    if (drawn->glyph->edge) {
      put_glyph(edge, part, drawn->glyph->edge, drawn);
      edged = TRUE;
    }
  }
  for (int y = part.y0; y < part.y1; y++) {
    guint32 *row = (void *)(data + (gssize)y * stride);
    gsize at = (gsize)(y - part.y0) * (gsize)width;
    if (edged)
      paint(row + part.x0, edge + at, 0xff000000, 192, width); /* black at 0.75 */
    paint(row + part.x0, fill + at, colour, 256, width);
  }
}

void lus_glyphs_draw(LusGlyphs *glyphs, cairo_surface_t *surface, const LusText *text, double x, double y,
                     double outline, LusColour colour)
{
  const Part all = {0, 0, cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface)};
  cairo_surface_flush(surface);
  guint8 *data = cairo_image_surface_get_data(surface);
  if (!data)
    return;
  if (glyphs->glyph_bytes > GLYPHS_MAX) {
    g_hash_table_remove_all(glyphs->glyphs);
    glyphs->glyph_bytes = 0;
  }
  Part part = place_glyphs(glyphs, text, x, y, (int)lrint(64 * outline), all);
  if (part.x1 <= part.x0 || part.y1 <= part.y0)
    return;
  guint32 argb = 0xff000000 | (guint32)colour.r << 16 | (guint32)colour.g << 8 | colour.b;
  draw_part(glyphs, data, cairo_image_surface_get_stride(surface), part, argb);
  cairo_surface_mark_dirty_rectangle(surface, part.x0, part.y0, part.x1 - part.x0, part.y1 - part.y0);
}
