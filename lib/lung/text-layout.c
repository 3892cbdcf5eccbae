/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/text-layout.h"

PangoLayout *lus_text_layout_new(void)
{
  PangoFontMap *fonts = pango_cairo_font_map_new();
  PangoContext *context = pango_font_map_create_context(fonts);
  cairo_font_options_t *options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);
  pango_context_set_round_glyph_positions(context, FALSE);
  PangoLayout *layout = pango_layout_new(context);
  g_object_unref(context);
  g_object_unref(fonts);
  return layout;
}
