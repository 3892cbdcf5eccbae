/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"

/* Texts made of kept glyphs, against Pango and cairo, against each other, and at the borders of what is drawn on. */

#define WIDTH 400
#define HEIGHT 120
#define OUTLINE 2.5

static const LusColour ink = {232, 234, 237};

static cairo_surface_t *new_surface(int width, int height)
{
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
  g_assert_cmpint(cairo_surface_status(surface), ==, CAIRO_STATUS_SUCCESS);
  return surface;
}

static guint32 pixel(cairo_surface_t *surface, int x, int y)
{
  guint32 p;
  memcpy(&p, cairo_image_surface_get_data(surface) + y * cairo_image_surface_get_stride(surface) + 4 * x, sizeof p);
  return p;
}

static int channel(guint32 p, int c)
{
  return (int)(p >> (8 * c) & 255);
}

static cairo_surface_t *draw(LusGlyphs *glyphs, int width, int height, double px, unsigned flags, const char *string,
                             double x, double y, double outline)
{
  cairo_surface_t *surface = new_surface(width, height);
  const LusText *text = lus_glyphs_text(glyphs, px, FALSE, flags, string);
  lus_glyphs_draw(glyphs, surface, text, x, y, outline, ink);
  return surface;
}

static void assert_same(cairo_surface_t *a, cairo_surface_t *b)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      g_assert_cmphex(pixel(a, x, y), ==, pixel(b, x, y));
}

/* The same text by Pango's and cairo's own means. */
static cairo_surface_t *draw_whole(double px, const char *string, double x, double y, double outline, double *width)
{
  cairo_surface_t *surface = new_surface(WIDTH, HEIGHT);
  cairo_t *cr = cairo_create(surface);
  PangoLayout *layout = pango_cairo_create_layout(cr);
  PangoFontDescription *font = pango_font_description_from_string("Inter, Noto Sans, DejaVu Sans Medium");
  cairo_font_options_t *options = cairo_font_options_create();
  PangoRectangle logical;
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(pango_layout_get_context(layout), options);
  pango_context_set_round_glyph_positions(pango_layout_get_context(layout), FALSE);
  pango_font_description_set_absolute_size(font, px * PANGO_SCALE);
  pango_layout_set_font_description(layout, font);
  pango_layout_set_text(layout, string, -1);
  pango_layout_get_extents(layout, NULL, &logical);
  *width = (double)logical.width / PANGO_SCALE;
  cairo_move_to(cr, x, y);
  pango_cairo_layout_line_path(cr, pango_layout_get_line_readonly(layout, 0));
  cairo_set_source_rgba(cr, 0, 0, 0, 0.75);
  cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_width(cr, 2 * outline);
  cairo_stroke_preserve(cr);
  cairo_set_source_rgb(cr, ink.r / 255.0, ink.g / 255.0, ink.b / 255.0);
  cairo_fill(cr);
  cairo_font_options_destroy(options);
  pango_font_description_free(font);
  g_object_unref(layout);
  cairo_destroy(cr);
  cairo_surface_flush(surface);
  return surface;
}

/* Glyphs stand within an eighth of a pixel of their place: coverages are off by an eighth of 255, at corners by two. */
static void test_as_cairo(void)
{
  static const char *const strings[] = {"Mask 50 ms old", "Vertical line (B-line)", "87\302\240%", "AV Ty fi",
                                        "\303\204\314\201rger"};
  static const double sizes[] = {14, 27.3, 36, 72};
  LusGlyphs *glyphs = lus_glyphs_new();
  for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
    for (gsize k = 0; k < G_N_ELEMENTS(sizes); k++) {
      double width, x = 9.37 + 0.11 * (double)k, sum = 0;
      int greatest = 0;
      cairo_surface_t *whole = draw_whole(sizes[k], strings[i], x, 90, OUTLINE, &width);
      cairo_surface_t *made = draw(glyphs, WIDTH, HEIGHT, sizes[k], 0, strings[i], x, 90, OUTLINE);
      const LusText *text = lus_glyphs_text(glyphs, sizes[k], FALSE, 0, strings[i]);
      g_assert_cmpfloat_with_epsilon(lus_text_width(text), width, 0.01);
      for (int at = 0; at < 4 * WIDTH * HEIGHT; at++) {
        int d = abs(channel(pixel(whole, at / 4 % WIDTH, at / 4 / WIDTH), at % 4) -
                    channel(pixel(made, at / 4 % WIDTH, at / 4 / WIDTH), at % 4));
        greatest = MAX(greatest, d);
        sum += d;
      }
      g_assert_cmpint(greatest, <=, 64);
      g_assert_cmpfloat(sum / (4 * WIDTH * HEIGHT), <, 0.7);
      cairo_surface_destroy(whole);
      cairo_surface_destroy(made);
    }
  lus_glyphs_free(glyphs);
}

/* What was drawn before changes nothing, also when it was so much that all was forgotten in between. */
static void test_kept(void)
{
  LusGlyphs *fresh = lus_glyphs_new(), *used = lus_glyphs_new();
  cairo_surface_t *first = draw(fresh, WIDTH, HEIGHT, 36, LUS_TEXT_BOLD, "251 to 323", 10.6, 80, OUTLINE);
  for (int i = 0; i < 700; i++) {
    char string[16];
    g_snprintf(string, sizeof string, "%d to %d", i, 1000 - i);
    double px = i % 7 ? 36 : 100 + i;
    cairo_surface_destroy(draw(used, WIDTH, HEIGHT, px, i & 1 ? LUS_TEXT_BOLD : 0, string, 0.1 * i, 70, i % 3));
  }
  cairo_surface_t *again = draw(used, WIDTH, HEIGHT, 36, LUS_TEXT_BOLD, "251 to 323", 10.6, 80, OUTLINE);
  assert_same(first, again);
  cairo_surface_destroy(again);
  again = draw(used, WIDTH, HEIGHT, 36, LUS_TEXT_BOLD, "251 to 323", 10.6, 80, OUTLINE);
  assert_same(first, again);
  cairo_surface_destroy(again);
  cairo_surface_destroy(first);
  lus_glyphs_free(used);
  lus_glyphs_free(fresh);
}

/* A surface smaller than the text gets its part of it; beside it lies nothing that may be written to. */
static void test_cut_off(void)
{
  LusGlyphs *glyphs = lus_glyphs_new();
  cairo_surface_t *whole = draw(glyphs, WIDTH, HEIGHT, 72, 0, "R3 Lower", 30, 85, OUTLINE);
  static const struct { int x, y, width, height; } parts[] = {
    {60, 40, 37, 21}, {0, 0, 31, 120}, {390, 0, 10, 120}, {100, 0, 60, 30}, {100, 100, 60, 20}, {141, 67, 1, 1}};
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    cairo_surface_t *part = draw(glyphs, parts[i].width, parts[i].height, 72, 0, "R3 Lower", 30 - parts[i].x,
                                 85 - parts[i].y, OUTLINE);
    for (int y = 0; y < parts[i].height; y++)
      for (int x = 0; x < parts[i].width; x++)
        g_assert_cmphex(pixel(part, x, y), ==, pixel(whole, parts[i].x + x, parts[i].y + y));
    cairo_surface_destroy(part);
  }
  cairo_surface_destroy(whole);
  lus_glyphs_free(glyphs);
}

static int drawn_pixels(cairo_surface_t *surface)
{
  int n = 0;
  for (int i = 0; i < WIDTH * HEIGHT; i++)
    n += pixel(surface, i % WIDTH, i / WIDTH) != 0;
  return n;
}

/* No font has this character: Pango's box stands in its place. A text may be empty, or blank. */
static void test_odd_texts(void)
{
  LusGlyphs *glyphs = lus_glyphs_new();
  cairo_surface_t *box = draw(glyphs, WIDTH, HEIGHT, 36, 0, "\357\277\276\364\217\277\276", 20, 80, OUTLINE);
  g_assert_cmpint(drawn_pixels(box), >, 100);
  cairo_surface_destroy(box);
  for (int i = 0; i < 2; i++) {
    cairo_surface_t *nothing = draw(glyphs, WIDTH, HEIGHT, 36, 0, i ? "  " : "", 20, 80, OUTLINE);
    g_assert_cmpint(drawn_pixels(nothing), ==, 0);
    cairo_surface_destroy(nothing);
  }
  lus_glyphs_free(glyphs);
}

/* Over what is there: opaque where the glyph is whole, without an outline no pixel around it. */
static void test_over_plate(void)
{
  LusGlyphs *glyphs = lus_glyphs_new();
  cairo_surface_t *surface = new_surface(WIDTH, HEIGHT);
  const LusText *text = lus_glyphs_text(glyphs, 80, FALSE, LUS_TEXT_BOLD, "I");
  int bare = 0, plate = 0;
  cairo_t *cr = cairo_create(surface);
  cairo_set_source_rgb(cr, 1, 0, 0);
  cairo_paint(cr);
  lus_glyphs_draw(glyphs, surface, text, 100, 90, 0, ink);
  cairo_destroy(cr);
  for (int i = 0; i < WIDTH * HEIGHT; i++) {
    guint32 p = pixel(surface, i % WIDTH, i / WIDTH);
    g_assert_cmpint(channel(p, 3), ==, 255);
    g_assert_cmpint(channel(p, 1), <=, 234);
    bare += p == 0xffe8eaed;
    plate += p == 0xffff0000;
  }
  g_assert_cmpint(bare, >, 300);
  g_assert_cmpint(plate, >, WIDTH * HEIGHT - 1500);
  cairo_surface_destroy(surface);
  lus_glyphs_free(glyphs);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/overlay-text/as-cairo", test_as_cairo);
  g_test_add_func("/overlay-text/kept", test_kept);
  g_test_add_func("/overlay-text/cut-off", test_cut_off);
  g_test_add_func("/overlay-text/odd-texts", test_odd_texts);
  g_test_add_func("/overlay-text/over-plate", test_over_plate);
  return g_test_run();
}
