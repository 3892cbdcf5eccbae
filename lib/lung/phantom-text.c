/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Burned-in text and marks. The letters are drawn here, 5x7 dots each, and not by a font of the machine,
 * because the same seed must give the same picture everywhere. */
#include "lung/phantom-scene.h"

#include <math.h>

enum { GLYPH_WIDTH = 5, GLYPH_HEIGHT = 7, ADVANCE = 6 };

typedef struct {
  char letter;
  const char *dots; /* rows from the top, 5 dots each */
} Glyph;

static const Glyph glyphs[] = {
  { '0', ".###.#...##..###.#.###..##...#.###." }, { '1', "..#...##....#....#....#....#...###." },
  { '2', ".###.#...#....#...#...#...#...#####" }, { '3', "####.....#....#.###.....#....#####." },
  { '4', "...#...##..#.#.#..#.#####...#....#." }, { '5', "######....####.....#....##...#.###." },
  { '6', ".###.#....#....####.#...##...#.###." }, { '7', "#####....#...#...#...#....#....#..." },
  { '8', ".###.#...##...#.###.#...##...#.###." }, { '9', ".###.#...##...#.####....#....#.###." },
  { 'A', ".###.#...##...#######...##...##...#" }, { 'B', "####.#...##...#####.#...##...#####." },
  { 'C', ".###.#...##....#....#....#...#.###." }, { 'D', "####.#...##...##...##...##...#####." },
  { 'E', "######....#....####.#....#....#####" }, { 'F', "######....#....####.#....#....#...." },
  { 'G', ".###.#...##....#.####...##...#.###." }, { 'H', "#...##...##...#######...##...##...#" },
  { 'I', ".###...#....#....#....#....#...###." }, { 'J', "..###...#....#....#....#.#..#..##.." },
  { 'K', "#...##..#.#.#..##...#.#..#..#.#...#" }, { 'L', "#....#....#....#....#....#....#####" },
  { 'M', "#...###.###.#.##.#.##...##...##...#" }, { 'N', "#...###..##.#.##..###...##...##...#" },
  { 'O', ".###.#...##...##...##...##...#.###." }, { 'P', "####.#...##...#####.#....#....#...." },
  { 'R', "####.#...##...#####.#.#..#..#.#...#" }, { 'S', ".#####....#.....###.....#....#####." },
  { 'T', "#####..#....#....#....#....#....#.." }, { 'U', "#...##...##...##...##...##...#.###." },
  { 'X', "#...##...#.#.#...#...#.#.#...##...#" }, { 'Z', "#####....#...#...#...#...#....#####" },
  { '.', "..........................##...##.." }, { ':', ".....##...##........##...##........" },
  { '%', "##..###..#...#...#...#...#..###..##" }, { '-', "................###................" },
};

static const char *dots_of(char letter)
{
  for (gsize i = 0; i < G_N_ELEMENTS(glyphs); i++)
    if (glyphs[i].letter == letter)
      return glyphs[i].dots;
  return NULL;
}

static void put(LusPhantom *p, int x, int y, int grey)
{
  int w = p->config.width, h = p->config.height;
  if (x < 0 || y < 0 || x >= w || y >= h)
    return;
  gsize i = (gsize)y * w + x;
  if (!p->config.screen || p->map_u[i] < 0) /* a screen keeps its sector free */
    p->text[i] = (guint8)MAX(grey, p->text[i]);
}

/* Part of pixel @x (in dots of @scale pixels) that lit dots of one glyph cover, by 3x3 samples. */
static int coverage(const char *dots, float x, float y, float scale)
{
  int lit = 0;
  for (int k = 0; k < 9; k++) {
    int column = (int)floorf((x + (float)(k % 3) / 3 + .17f) / scale);
    int row = (int)floorf((y + (float)(k / 3) / 3 + .17f) / scale);
    gboolean within = column >= 0 && column < GLYPH_WIDTH && row >= 0 && row < GLYPH_HEIGHT;
    lit += within && dots[row * GLYPH_WIDTH + column] == '#';
  }
  return lit;
}

/* Writes @text with its upper left corner at (x, y), letters 7 * @scale pixels high. */
static void write_text(LusPhantom *p, int x, int y, float scale, int grey, const char *text)
{
  int high = (int)ceilf(GLYPH_HEIGHT * scale), wide = (int)ceilf(GLYPH_WIDTH * scale);
  for (int n = 0; text[n]; n++) {
    const char *dots = dots_of(text[n]);
    int left = x + (int)((float)n * ADVANCE * scale);
    for (int j = 0; dots && j < high; j++)
      for (int i = 0; i < wide; i++)
        put(p, left + i, y + j, grey * coverage(dots, (float)i, (float)j, scale) / 9);
  }
}

static int text_width(const char *text, float scale)
{
  return (int)((float)strlen(text) * ADVANCE * scale);
}

/* Depth marks every centimetre, numbers every second one. */
static void draw_depth_marks(LusPhantom *p, int x, float scale, int grey)
{
  const PhantomView *v = &p->view;
  char number[16];
  /* cm between numbers, so that they stay apart */
  int step = (int)ceilf(3 * GLYPH_HEIGHT * scale * v->scale_y / 20) * 2;
  for (int cm = 0; cm * 10 <= (int)p->depth; cm++) {
    int y = v->y + (int)(((float)cm * 10 - v->top) / v->scale_y);
    int length = (int)(scale * (cm % 5 ? 3 : 6));
    for (int i = 0; i < MAX(length, 1); i++)
      put(p, x - i, y, grey);
    g_snprintf(number, sizeof number, "%d", cm);
    if (cm && cm % step == 0)
      write_text(p, x + (int)(2 * scale), y - (int)(GLYPH_HEIGHT * scale / 2), scale, grey, number);
  }
}

/* The wedge of greys that scanners show beside the picture. */
static void draw_grey_wedge(LusPhantom *p, int x, int y, int width, int height)
{
  for (int j = 0; j < height; j++)
    for (int i = 0; i < width; i++)
      put(p, x + i, y + j, 255 - 255 * j / height);
}

static void draw_screen_text(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  int w = p->config.width, h = p->config.height, grey = 150 + (int)lus_rng_below(a, 90);
  float scale = MAX((float)h / 330, 1);
  int margin = (int)(4 * scale), line = (int)(10 * scale);
  char text[4][24], id[24];
  g_snprintf(id, sizeof id, "ID %05u", (guint)(p->config.patient % 100000));
  g_snprintf(text[0], sizeof text[0], "MI %.1f", (double)uniform(a, .3, 1.4));
  g_snprintf(text[1], sizeof text[1], "TIS %.1f", (double)uniform(a, .1, .8));
  g_snprintf(text[2], sizeof text[2], "G %d%%", 30 + (int)lus_rng_below(a, 60));
  g_snprintf(text[3], sizeof text[3], "DR %d", (int)p->range);
  write_text(p, margin, margin, scale, grey, "PHANTOM");
  write_text(p, margin, margin + line, scale, grey, id);
  for (int i = 0; i < 2; i++)
    write_text(p, w - margin - text_width(text[i], scale), margin + i * line, scale, grey, text[i]);
  write_text(p, margin, h - margin - 3 * line, scale, grey, "LUNG");
  write_text(p, margin, h - margin - 2 * line, scale, grey, text[2]);
  write_text(p, margin, h - margin - line, scale, grey, text[3]);
  draw_depth_marks(p, w - margin - (int)(3 * ADVANCE * scale), scale, grey);
  draw_grey_wedge(p, margin, h / 4, (int)(6 * scale), h / 3);
}

/* Labels and marks that operators leave on the picture itself. */
static void draw_crop_text(LusPhantom *p)
{
  static const char letters[] = "LR123456789 ACB.CM";
  LusRng *r = &p->rng;
  float w = (float)p->config.width, h = (float)p->config.height, scale = MAX(h / 256, 1);
  int n = 1 + (int)lus_rng_below(r, 3);
  for (int i = 0; i < n; i++) {
    char text[6] = "";
    int length = 1 + (int)lus_rng_below(r, 4), grey = (int)uniform(r, 120, 255);
    for (int k = 0; k < length; k++)
      text[k] = letters[lus_rng_below(r, sizeof letters - 1)];
    int x = (int)uniform(r, -8, w - 5), y = (int)(uniform(r, chance(r, .7) ? .3 : 0, .98) * h);
    write_text(p, x, y, scale * uniform(r, .8, 1.5), grey, text);
  }
  if (!chance(r, .2))
    return;
  int x0 = (int)uniform(r, 0, w), step = (int)fmaxf(uniform(r, 12, 40) * scale, 4);
  for (int y = 0; y < (int)h; y += step)
    for (int x = x0; x < x0 + 5; x++)
      put(p, x, y, 180);
}

void lus_phantom_draw_text(LusPhantom *p)
{
  enum { LEGIBLE = 96 }; /* smaller frames have no room for letters */
  if (MIN(p->config.width, p->config.height) < LEGIBLE)
    return;
  if (p->config.screen)
    draw_screen_text(p);
  else if (chance(&p->rng, .22))
    draw_crop_text(p);
}
