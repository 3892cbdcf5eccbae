/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/chart-internal.h"

#include <math.h>

/* Sizes in points of the SVG, pixels of half the PNG. */
#define MARGIN 18
#define PANEL_WIDTH 236
#define PANEL_HEIGHT 212
#define LEFT 52   /* of the first panel's plot: numbers and label */
#define BETWEEN 22
#define BELOW 48
#define LEGEND_GAP 26
#define LEGEND_ROW 19
#define LEGEND_KEY 38
#define MARK 3.1
#define MAX_COLUMNS 3

static const LusTone paper = {1, 1, 1}, text1 = {.11, .12, .13}, text2 = {.36, .39, .42}, grid = {.89, .9, .91};

typedef struct {
  const LusChart *chart;
  cairo_t *cr;
  double x, y; /* of the panel's plot */
} Plot;

static void use(cairo_t *cr, LusTone tone, double opacity)
{
  cairo_set_source_rgba(cr, tone.r, tone.g, tone.b, opacity);
}

/** A line of text; @align 0: begins at @x, 0.5: around it, 1: ends there; @y is its middle. Returns its width. */
static double draw_text(cairo_t *cr, double x, double y, double align, double size, gboolean bold, LusTone tone,
                        const char *text)
{
  PangoLayout *layout = pango_cairo_create_layout(cr);
  PangoFontDescription *font = pango_font_description_new();
  pango_font_description_set_family_static(font, "Inter, Noto Sans, DejaVu Sans");
  pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
  pango_layout_set_font_description(layout, font);
  pango_layout_set_text(layout, text, -1);
  int width = 0, height = 0;
  pango_layout_get_size(layout, &width, &height);
  double w = (double)width / PANGO_SCALE, h = (double)height / PANGO_SCALE;
  use(cr, tone, 1);
  cairo_move_to(cr, x - align * w, y - h / 2);
  pango_cairo_layout_path(cr, layout); /* outlines: SVG viewers differ in how they find fonts and glyphs */
  cairo_fill(cr);
  pango_font_description_free(font);
  g_object_unref(layout);
  return w;
}

static double to_x(const Plot *p, double x)
{
  const LusAxis *axis = &p->chart->x;
  return p->x + (x - axis->low) / (axis->high - axis->low) * PANEL_WIDTH;
}

static double to_y(const Plot *p, double y)
{
  const LusAxis *axis = &p->chart->y;
  return p->y + PANEL_HEIGHT * (1 - (y - axis->low) / (axis->high - axis->low));
}

static void draw_line(cairo_t *cr, double x0, double y0, double x1, double y1)
{
  cairo_move_to(cr, x0, y0);
  cairo_line_to(cr, x1, y1);
  cairo_stroke(cr);
}

static int ticks(const LusAxis *axis)
{
  return (int)floor((axis->high - axis->low) / axis->step + 1e-6) + 1;
}

static void format_tick(char *out, gsize size, double value, double step)
{
  int digits = step >= 1 ? 0 : step >= .1 ? 1 : 2;
  g_snprintf(out, (gulong)size, "%.*f", digits, fabs(value) < 1e-9 ? 0 : value);
}

static void draw_axes(const Plot *p, gboolean leftmost)
{
  const LusChart *c = p->chart;
  char text[32];
  cairo_set_line_width(p->cr, 1);
  cairo_set_dash(p->cr, NULL, 0, 0);
  for (int i = 0; i < ticks(&c->y); i++) {
    double value = c->y.low + i * c->y.step, y = to_y(p, value);
    use(p->cr, grid, 1);
    draw_line(p->cr, p->x, y, p->x + PANEL_WIDTH, y);
    format_tick(text, sizeof text, value, c->y.step);
    if (leftmost)
      draw_text(p->cr, p->x - 8, y, 1, 11, FALSE, text2, text);
  }
  for (int i = 0; i < ticks(&c->x); i++) {
    double value = c->x.low + i * c->x.step, x = to_x(p, value);
    use(p->cr, text2, 1);
    draw_line(p->cr, x, p->y + PANEL_HEIGHT, x, p->y + PANEL_HEIGHT + 4);
    format_tick(text, sizeof text, value, c->x.step);
    draw_text(p->cr, x, p->y + PANEL_HEIGHT + 13, .5, 11, FALSE, text2, text);
  }
  use(p->cr, text2, 1);
  draw_line(p->cr, p->x, p->y + PANEL_HEIGHT, p->x + PANEL_WIDTH, p->y + PANEL_HEIGHT);
  draw_text(p->cr, p->x + PANEL_WIDTH / 2.0, p->y + PANEL_HEIGHT + 32, .5, 12, FALSE, text1, c->x.label);
  if (!leftmost)
    return;
  cairo_save(p->cr);
  cairo_translate(p->cr, p->x - LEFT + 12, p->y + PANEL_HEIGHT / 2.0);
  cairo_rotate(p->cr, -G_PI / 2);
  draw_text(p->cr, 0, 0, .5, 12, FALSE, text1, c->y.label);
  cairo_restore(p->cr);
}

static void draw_mark(cairo_t *cr, double x, double y, const LusSeries *s)
{
  double r = s->strong ? 1.25 * MARK : MARK;
  cairo_new_path(cr);
  switch (s->mark) {
  case LUS_MARK_SQUARE:
    cairo_rectangle(cr, x - .9 * r, y - .9 * r, 1.8 * r, 1.8 * r);
    break;
  case LUS_MARK_UP:
  case LUS_MARK_DOWN: {
    double sign = s->mark == LUS_MARK_UP ? 1 : -1;
    cairo_move_to(cr, x, y - 1.25 * r * sign);
    cairo_line_to(cr, x + 1.15 * r, y + .8 * r * sign);
    cairo_line_to(cr, x - 1.15 * r, y + .8 * r * sign);
    cairo_close_path(cr);
    break;
  }
  case LUS_MARK_DIAMOND:
    cairo_move_to(cr, x, y - 1.3 * r);
    cairo_line_to(cr, x + 1.3 * r, y);
    cairo_line_to(cr, x, y + 1.3 * r);
    cairo_line_to(cr, x - 1.3 * r, y);
    cairo_close_path(cr);
    break;
  case LUS_MARK_DOT:
  case LUS_MARK_N:
    cairo_arc(cr, x, y, r, 0, 2 * G_PI);
    break;
  }
  use(cr, s->hollow ? paper : s->tone, 1);
  cairo_fill_preserve(cr);
  use(cr, s->hollow ? s->tone : paper, 1);
  cairo_set_line_width(cr, s->hollow ? 1.5 : .8);
  cairo_set_dash(cr, NULL, 0, 0);
  cairo_stroke(cr);
}

static void set_stroke(cairo_t *cr, const LusSeries *s)
{
  use(cr, s->tone, 1);
  cairo_set_line_width(cr, s->strong ? 2.8 : 1.6);
  cairo_set_dash(cr, (const double[]){5, 3}, s->dashed ? 2 : 0, 0);
}

static void draw_band(const Plot *p, const LusSeries *s)
{
  int first = -1;
  for (int i = 0; s->low && i <= s->n; i++) {
    gboolean known = i < s->n && !isnan(s->low[i]) && !isnan(s->high[i]);
    if (known && first < 0)
      first = i;
    if (known || first < 0)
      continue;
    for (int j = first; j < i; j++)
      cairo_line_to(p->cr, to_x(p, s->x[j]), to_y(p, s->high[j]));
    for (int j = i - 1; j >= first; j--)
      cairo_line_to(p->cr, to_x(p, s->x[j]), to_y(p, s->low[j]));
    cairo_close_path(p->cr);
    use(p->cr, s->tone, .16);
    cairo_fill(p->cr);
    first = -1;
  }
}

static void draw_series(const Plot *p, const LusSeries *s)
{
  gboolean open = FALSE;
  cairo_new_path(p->cr);
  for (int i = 0; i < s->n; i++) {
    gboolean known = !isnan(s->y[i]) && !isnan(s->x[i]);
    if (known && open)
      cairo_line_to(p->cr, to_x(p, s->x[i]), to_y(p, s->y[i]));
    else if (known)
      cairo_move_to(p->cr, to_x(p, s->x[i]), to_y(p, s->y[i]));
    open = known;
  }
  set_stroke(p->cr, s);
  cairo_stroke(p->cr);
  for (int i = 0; i < s->n; i++)
    if (!isnan(s->y[i]) && !isnan(s->x[i]))
      draw_mark(p->cr, to_x(p, s->x[i]), to_y(p, s->y[i]), s);
}

static void draw_panel(const Plot *p, const LusPanel *panel, gboolean leftmost)
{
  draw_axes(p, leftmost);
  draw_text(p->cr, p->x, p->y - 12, 0, 12, TRUE, text1, panel->title);
  cairo_save(p->cr);
  if (p->chart->diagonal) {
    use(p->cr, text2, 1);
    cairo_set_dash(p->cr, (const double[]){2, 3}, 2, 0);
    draw_line(p->cr, to_x(p, p->chart->x.low), to_y(p, p->chart->y.low), to_x(p, p->chart->x.high),
              to_y(p, p->chart->y.high));
  }
  cairo_set_line_join(p->cr, CAIRO_LINE_JOIN_ROUND);
  for (int i = 0; i < panel->n; i++)
    draw_band(p, &panel->series[i]);
  for (int strong = 0; strong < 2; strong++)
    for (int i = 0; i < panel->n; i++)
      if (panel->series[i].strong == strong)
        draw_series(p, &panel->series[i]);
  cairo_restore(p->cr);
}

/** Returns the width; draws where @cr is not NULL. */
static double legend(cairo_t *cr, cairo_t *measure, const LusPanel *panel, double x, double y)
{
  double widest = 0;
  int row = 0;
  for (int i = 0; i < panel->n; i++) {
    const LusSeries *s = &panel->series[i];
    if (!s->name)
      continue;
    double at = y + LEGEND_ROW * (row++ + .5);
    if (cr) {
      set_stroke(cr, s);
      draw_line(cr, x, at, x + LEGEND_KEY - 8, at);
      draw_mark(cr, x + LEGEND_KEY / 2.0 - 4, at, s);
    }
    widest = MAX(widest, draw_text(cr ? cr : measure, x + LEGEND_KEY, at, 0, 12, s->strong, text1, s->name));
  }
  return row > 0 ? LEGEND_KEY + widest : 0;
}

static double top(const LusChart *chart)
{
  return MARGIN + 22 + (chart->note ? 18 : 0) + 26;
}

void lus_chart_size(const LusChart *chart, double *width, double *height)
{
  cairo_surface_t *surface = cairo_recording_surface_create(CAIRO_CONTENT_COLOR_ALPHA, NULL);
  cairo_t *cr = cairo_create(surface);
  double key = legend(NULL, cr, &chart->panels[0], 0, 0);
  double title = draw_text(cr, 0, 0, 0, 15, TRUE, text1, chart->title);
  double note = chart->note ? draw_text(cr, 0, 0, 0, 12, FALSE, text2, chart->note) : 0;
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
  int columns = MIN(chart->n_panels, MAX_COLUMNS), rows = (chart->n_panels + columns - 1) / columns;
  double plots = LEFT + columns * PANEL_WIDTH + (columns - 1) * BETWEEN + (key > 0 ? LEGEND_GAP + key : 8);
  *width = ceil(2 * MARGIN + MAX(plots, MAX(title, note)));
  *height = ceil(top(chart) + rows * (PANEL_HEIGHT + BELOW) + (rows - 1) * 26 + MARGIN / 2.0);
}

void lus_chart_draw(cairo_t *cr, const LusChart *chart, double width, double height)
{
  use(cr, paper, 1);
  cairo_rectangle(cr, 0, 0, width, height);
  cairo_fill(cr);
  draw_text(cr, MARGIN, MARGIN + 8, 0, 15, TRUE, text1, chart->title);
  if (chart->note)
    draw_text(cr, MARGIN, MARGIN + 29, 0, 12, FALSE, text2, chart->note);
  int columns = MIN(chart->n_panels, MAX_COLUMNS);
  for (int i = 0; i < chart->n_panels; i++) {
    int column = i % columns, row = i / columns;
    Plot plot = {.chart = chart, .cr = cr, .x = MARGIN + LEFT + column * (PANEL_WIDTH + BETWEEN),
                 .y = top(chart) + row * (PANEL_HEIGHT + BELOW + 26)};
    draw_panel(&plot, &chart->panels[i], column == 0);
  }
  double x = MARGIN + LEFT + columns * PANEL_WIDTH + (columns - 1) * BETWEEN + LEGEND_GAP;
  legend(cr, NULL, &chart->panels[0], x, top(chart) - 4);
}
