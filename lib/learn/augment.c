/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/augment.h"
#include "learn/beams.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define LIT 2 /* darker pixels are outside of the sector, or as good as that */
#define SLIDERS 6
#define MAX_GRAIN 65536 /* cells of the speckle's grid */

/** What is to be done to one sample. */
typedef struct {
  /* Output pixel (x, y) shows (x scale_x + shift_x, y scale_y + shift_y); scale_x < 0 flips. */
  double scale_x, shift_x, scale_y, shift_y;
  /* and of that the place (u, r) shows (u scale_u + shift_u, r scale_r + shift_r) */
  double scale_u, shift_u, scale_r, shift_r;
  double attenuation, slider[SLIDERS]; /* grey values */
  double shadow, shadow_u, shadow_width, shadow_r;
  double grain, grain_u, grain_r; /* grey values, cells in 0..1 */
  guint64 grain_seed;
  double gain, gamma, range, noise;
  guint64 noise_seed;
  int box_x, box_y, box_width, box_height;
  int width, height;
} Change;

typedef void (*Draw)(Change *change, double strength, LusRng *rng);

/* ---- one function for each: draws what is to be done ---- */

static void draw_flip(Change *c, double strength, LusRng *rng)
{
  (void)strength;
  (void)rng;
  c->scale_x = -c->scale_x;
}

static void draw_beam(Change *c, double strength, LusRng *rng)
{
  c->scale_u = 1 - MIN(0.15 * strength, 0.6) * lus_rng_uniform01(rng);
  c->shift_u = (1 - c->scale_u) * lus_rng_uniform01(rng);
  c->scale_r = 1 - MIN(0.15 * strength, 0.6) * lus_rng_uniform01(rng);
  c->shift_r = (1 - c->scale_r) * lus_rng_uniform01(rng);
}

static void draw_jitter(Change *c, double strength, LusRng *rng)
{
  double scale = exp(strength * lus_rng_uniform(rng, -0.16, 0.18)), aspect = exp(strength * lus_rng_uniform(rng, -0.1, 0.1));
  c->scale_x *= scale * aspect;
  c->scale_y *= scale;
  c->shift_x += strength * lus_rng_uniform(rng, -0.05, 0.05) * c->width;
  if (lus_rng_uniform01(rng) < 0.5)
    c->shift_y += MIN(strength * lus_rng_uniform(rng, 0, 0.15), 0.4) * c->height;
}

static void draw_attenuation(Change *c, double strength, LusRng *rng)
{
  c->attenuation = strength * lus_rng_uniform(rng, 0, 30);
}

static void draw_tgc(Change *c, double strength, LusRng *rng)
{
  for (int i = 0; i < SLIDERS; i++)
    c->slider[i] = strength * lus_rng_uniform(rng, -20, 20);
}

static void draw_shadow(Change *c, double strength, LusRng *rng)
{
  c->shadow = strength * lus_rng_uniform(rng, 10, 40);
  c->shadow_u = lus_rng_uniform01(rng);
  c->shadow_width = lus_rng_uniform(rng, 0.03, 0.15);
  c->shadow_r = lus_rng_uniform(rng, 0, 0.6);
}

static void draw_speckle(Change *c, double strength, LusRng *rng)
{
  c->grain = strength * lus_rng_uniform(rng, 2, 16);
  c->grain_u = lus_rng_uniform(rng, 3, 7) / c->width;
  c->grain_r = lus_rng_uniform(rng, 1.5, 4) / c->height;
  c->grain_seed = lus_rng_next(rng);
}

static void draw_gain(Change *c, double strength, LusRng *rng)
{
  c->gain = exp(strength * lus_rng_uniform(rng, -0.4, 0.3));
}

static void draw_gamma(Change *c, double strength, LusRng *rng)
{
  c->gamma = exp(strength * lus_rng_uniform(rng, -0.4, 0.4));
}

static void draw_range(Change *c, double strength, LusRng *rng)
{
  c->range = exp(strength * lus_rng_uniform(rng, -0.08, 0.08));
}

static void draw_noise(Change *c, double strength, LusRng *rng)
{
  c->noise = strength * lus_rng_uniform(rng, 0, 5);
  c->noise_seed = lus_rng_next(rng);
}

static void draw_box(Change *c, double strength, LusRng *rng)
{
  (void)strength;
  c->box_width = 1 + (int)lus_rng_below(rng, (guint32)(c->width / 4 + 1));
  c->box_height = 1 + (int)lus_rng_below(rng, (guint32)(c->height / 8 + 1));
  c->box_x = (int)lus_rng_below(rng, (guint32)c->width);
  c->box_y = (int)lus_rng_below(rng, (guint32)c->height);
}

static const struct {
  const char *name;
  double probability;
  gboolean more_often; /* strength multiplies the probability, not the range */
  Draw draw;
  const char *summary;
} methods[LUS_AUGMENT_N] = {
  [LUS_AUGMENT_FLIP] = {"flip", 0.5, TRUE, draw_flip, "left-right"},
  [LUS_AUGMENT_BEAM] = {"beam", 0.4, FALSE, draw_beam,
                        "85 to 100 % of the beams and of the depth take the place of all; the outline stays"},
  [LUS_AUGMENT_JITTER] = {"jitter", 0.4, FALSE, draw_jitter,
                          "the sector's scale 0.85 to 1.2, aspect 0.9 to 1.1, place 5 %, up to 15 % of the near field cut off"},
  [LUS_AUGMENT_ATTENUATION] = {"attenuation", 0.2, FALSE, draw_attenuation,
                               "up to 30 grey values darker at the lower end"},
  [LUS_AUGMENT_TGC] = {"tgc", 0.3, FALSE, draw_tgc, "six sliders over the depth, 20 grey values each way"},
  [LUS_AUGMENT_SHADOW] = {"shadow", 0.15, FALSE, draw_shadow,
                          "a band of 3 to 15 % of the beams 10 to 40 grey values darker from some depth on"},
  [LUS_AUGMENT_SPECKLE] = {"speckle", 0.25, FALSE, draw_speckle,
                           "grain of 2 to 16 grey values, 3 to 7 pixels across and 1.5 to 4 along the beams"},
  [LUS_AUGMENT_GAIN] = {"gain", 0.4, FALSE, draw_gain, "grey values times 0.67 to 1.35"},
  [LUS_AUGMENT_GAMMA] = {"gamma", 0.4, FALSE, draw_gamma, "grey map with exponent 0.67 to 1.5"},
  [LUS_AUGMENT_RANGE] = {"range", 0.2, FALSE, draw_range,
                         "dynamic range: distance from white times 0.92 to 1.08"},
  [LUS_AUGMENT_NOISE] = {"noise", 0.3, FALSE, draw_noise, "of single pixels, standard deviation up to 5 grey values"},
  [LUS_AUGMENT_BOX] = {"box", 0.1, TRUE, draw_box,
                       "a black box of up to a quarter of the width and an eighth of the height"},
};

const char *lus_augment_name(LusAugmentMethod method)
{
  return methods[method].name;
}

double lus_augment_probability(LusAugmentMethod method)
{
  return methods[method].probability;
}

const char *lus_augment_summary(LusAugmentMethod method)
{
  return methods[method].summary;
}

void lus_augment_init(LusAugment *augment)
{
  for (int i = 0; i < LUS_AUGMENT_N; i++)
    augment->strength[i] = 1;
}

/** One "NAME=STRENGTH" or "none". */
static gboolean parse_one(LusAugment *augment, const char *text, GError **error)
{
  if (g_str_equal(text, "none")) {
    *augment = (LusAugment){{0}};
    return TRUE;
  }
  const char *value = strchr(text, '=');
  char *end = NULL;
  double strength = value ? g_ascii_strtod(value + 1, &end) : 0;
  for (int i = 0; value && i < LUS_AUGMENT_N; i++) {
    if (strlen(methods[i].name) != (gsize)(value - text) || !g_str_has_prefix(text, methods[i].name))
      continue;
    if (end == value + 1 || *end != '\0' || !(strength >= 0 && strength <= LUS_AUGMENT_MAX)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "augmentation '%s': the strength must be a number from 0 to %g",
                  text, LUS_AUGMENT_MAX);
      return FALSE;
    }
    augment->strength[i] = strength;
    return TRUE;
  }
  g_autoptr(GString) known = g_string_new(NULL);
  for (int i = 0; i < LUS_AUGMENT_N; i++)
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", methods[i].name);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "augmentation '%s': write NAME=STRENGTH or none; names are %s", text,
              known->str);
  return FALSE;
}

gboolean lus_augment_parse(LusAugment *augment, const char *text, GError **error)
{
  LusAugment changed = *augment;
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  for (int i = 0; parts[i]; i++)
    if (!parse_one(&changed, g_strstrip(parts[i]), error))
      return FALSE;
  *augment = changed;
  return TRUE;
}

char *lus_augment_to_string(const LusAugment *augment)
{
  GString *text = g_string_new(NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  for (int i = 0; i < LUS_AUGMENT_N; i++)
    g_string_append_printf(text, "%s%s=%s", i > 0 ? "," : "", methods[i].name,
                           g_ascii_formatd(number, sizeof number, "%.6g", augment->strength[i]));
  return g_string_free(text, FALSE);
}

/* ---- doing it ---- */

static Change draw_change(const LusAugment *augment, int width, int height, LusRng *rng)
{
  Change change = {.scale_x = 1, .scale_y = 1, .scale_u = 1, .scale_r = 1, .gain = 1, .gamma = 1, .range = 1,
                   .width = width, .height = height};
  guint64 seed = lus_rng_next(rng);
  for (int i = 0; i < LUS_AUGMENT_N; i++) {
    double strength = augment->strength[i];
    LusRng own;
    lus_rng_init(&own, seed, (guint64)i);
    double probability = methods[i].probability * (methods[i].more_often ? strength : 1);
    if (strength > 0 && lus_rng_uniform01(&own) < probability)
      methods[i].draw(&change, strength, &own);
  }
  /* x' = centre + scale_x (x - centre) + shift */
  double centre = (width - 1) / 2.0;
  change.shift_x += centre - change.scale_x * centre;
  return change;
}

static int pixel_or_zero(const guint8 *plane, int width, int height, int x, int y)
{
  return x >= 0 && x < width && y >= 0 && y < height ? plane[(gsize)y * width + x] : 0;
}

static guint8 bilinear(const guint8 *plane, int width, int height, double x, double y)
{
  if (!(x > -1 && y > -1 && x < width && y < height))
    return 0;
  int x0 = (int)floor(x), y0 = (int)floor(y);
  float fx = (float)(x - x0), fy = (float)(y - y0);
  float top = (float)pixel_or_zero(plane, width, height, x0, y0) * (1 - fx) +
              (float)pixel_or_zero(plane, width, height, x0 + 1, y0) * fx;
  float bottom = (float)pixel_or_zero(plane, width, height, x0, y0 + 1) * (1 - fx) +
                 (float)pixel_or_zero(plane, width, height, x0 + 1, y0 + 1) * fx;
  return (guint8)(top * (1 - fy) + bottom * fy + 0.5f);
}

static guint8 nearest(const guint8 *plane, int width, int height, double x, double y)
{
  if (!(x > -1 && y > -1 && x < width && y < height))
    return 0;
  return (guint8)pixel_or_zero(plane, width, height, (int)floor(x + 0.5), (int)floor(y + 0.5));
}

/** The last lit row of each column: below it is nothing, even where the outline's form was not understood. Newly
 *  allocated. */
static int *find_ends(const guint8 *luma, int width, int height)
{
  int *ends = g_new(int, width);
  for (int x = 0; x < width; x++) {
    ends[x] = height - 1;
    while (ends[x] > 0 && luma[(gsize)ends[x] * width + x] <= LIT)
      ends[x]--;
  }
  return ends;
}

/** What the output pixel (x, y) shows. */
static void source_of(const Change *c, const LusBeams *beams, const int *ends, double *x, double *y)
{
  *x = *x * c->scale_x + c->shift_x;
  *y = *y * c->scale_y + c->shift_y;
  if (c->scale_u == 1 && c->scale_r == 1)
    return;
  if (*x < 0 || *x > c->width - 1 || *y > ends[(int)*x])
    return;
  double u, r;
  lus_beams_place(beams, *x, *y, &u, &r);
  if (u >= 0 && u <= 1 && r >= 0 && r <= 1)
    lus_beams_pixel(beams, u * c->scale_u + c->shift_u, r * c->scale_r + c->shift_r, x, y);
}

/** All planes at once; @copy holds them all. */
static void move_planes(guint8 *luma, guint8 *labels, int n_classes, guint8 *copy, const Change *c,
                        const LusBeams *beams)
{
  gsize n = (gsize)c->width * c->height;
  memcpy(copy, luma, n);
  memcpy(copy + n, labels, n * n_classes);
  g_autofree int *ends = find_ends(luma, c->width, c->height);
  for (int j = 0; j < c->height; j++)
    for (int i = 0; i < c->width; i++) {
      double x = i, y = j;
      source_of(c, beams, ends, &x, &y);
      gsize at = (gsize)j * c->width + i;
      luma[at] = bilinear(copy, c->width, c->height, x, y);
      for (int k = 0; k < n_classes; k++)
        labels[k * n + at] = nearest(copy + (k + 1) * n, c->width, c->height, x, y);
    }
}

static double sliders_at(const Change *c, double r)
{
  double at = CLAMP(r, 0.0, 1.0) * (SLIDERS - 1);
  int i = MIN((int)at, SLIDERS - 2);
  return c->slider[i] + (c->slider[i + 1] - c->slider[i]) * (at - i);
}

/** Soft at its edges, and begins softly. */
static double shadow_at(const Change *c, double u, double r)
{
  double aside = fabs(u - c->shadow_u) / c->shadow_width, below = (r - c->shadow_r) / 0.05;
  if (aside >= 1 || below <= 0)
    return 0;
  return c->shadow * MIN(4 * (1 - aside), 1) * MIN(below, 1);
}

/** A grid of normal numbers in beam coordinates, between which is interpolated. */
typedef struct {
  float *values;
  int columns, rows;
} Grain;

static void grain_init(Grain *grain, const Change *c)
{
  *grain = (Grain){0};
  if (c->grain <= 0)
    return;
  grain->columns = (int)(1 / c->grain_u) + 2;
  grain->rows = (int)(1 / c->grain_r) + 2;
  gsize n = (gsize)grain->columns * grain->rows;
  if (n > MAX_GRAIN) /* of very large pictures: coarser */
    grain->rows = MAX(MAX_GRAIN / grain->columns, 2);
  n = (gsize)grain->columns * grain->rows;
  grain->values = g_new(float, n);
  LusRng rng;
  lus_rng_init(&rng, c->grain_seed, 0);
  lus_rng_fill_normal(&rng, grain->values, n);
}

static double grain_at(const Grain *grain, double u, double r)
{
  double x = CLAMP(u, 0.0, 1.0) * (grain->columns - 1), y = CLAMP(r, 0.0, 1.0) * (grain->rows - 1);
  int i = MIN((int)x, grain->columns - 2), j = MIN((int)y, grain->rows - 2);
  const float *at = grain->values + (gsize)j * grain->columns + i;
  double fx = x - i, fy = y - j;
  double top = (double)at[0] * (1 - fx) + (double)at[1] * fx;
  double bottom = (double)at[grain->columns] * (1 - fx) + (double)at[grain->columns + 1] * fx;
  return top * (1 - fy) + bottom * fy;
}

static gboolean has_tgc(const Change *c)
{
  for (int i = 0; i < SLIDERS; i++)
    if (c->slider[i] != 0)
      return TRUE;
  return FALSE;
}

static gboolean changes_along_beams(const Change *c)
{
  return c->attenuation != 0 || has_tgc(c) || c->shadow != 0 || c->grain != 0;
}

/** What depends on where along which beam a pixel lies. Grey values are log-compressed: factors are added. */
static void change_along_beams(guint8 *luma, const Change *c, const LusBeams *beams)
{
  gboolean tgc = has_tgc(c);
  Grain grain;
  grain_init(&grain, c);
  for (int y = 0; y < c->height; y++)
    for (int x = 0; x < c->width; x++) {
      guint8 *pixel = &luma[(gsize)y * c->width + x];
      if (*pixel <= LIT)
        continue;
      double u, r;
      lus_beams_place(beams, x, y, &u, &r);
      double value = *pixel - c->attenuation * CLAMP(r, 0.0, 1.0);
      value += tgc ? sliders_at(c, r) : 0;
      value -= c->shadow > 0 ? shadow_at(c, u, r) : 0;
      value += c->grain > 0 ? c->grain * grain_at(&grain, u, r) : 0;
      *pixel = (guint8)(CLAMP(value, 0.0, 255.0) + 0.5);
    }
  g_free(grain.values);
}

/** grey' = gain x 255 (grey / 255)^gamma, and then 255 - range (255 - grey'). Black stays black. */
static void change_grey(guint8 *luma, gsize n, const Change *c)
{
  if (c->gain == 1 && c->gamma == 1 && c->range == 1)
    return;
  guint8 table[256] = {0};
  for (int i = 1; i < 256; i++) {
    double value = MIN(255.0 * pow(i / 255.0, c->gamma) * c->gain, 255.0);
    value = 255 - c->range * (255 - value);
    table[i] = (guint8)(CLAMP(value, 0.0, 255.0) + 0.5);
  }
  for (int i = 1; i <= LIT; i++) /* a widened range does not light up what surrounds the sector */
    table[i] = MIN(table[i], (guint8)i);
  for (gsize i = 0; i < n; i++)
    luma[i] = table[luma[i]];
}

/** Where the sector is lit, so that its outline stays what it is. */
static void add_noise(guint8 *luma, gsize n, const Change *c)
{
  if (c->noise <= 0)
    return;
  LusRng rng;
  lus_rng_init(&rng, c->noise_seed, 0);
  for (gsize i = 0; i < n; i++) {
    if (luma[i] <= LIT)
      continue;
    double value = luma[i] + lus_rng_normal(&rng, 0, c->noise);
    luma[i] = (guint8)(CLAMP(value, 0.0, 255.0) + 0.5);
  }
}

static void black_box(guint8 *luma, const Change *c)
{
  int end_x = MIN(c->box_x + c->box_width, c->width), end_y = MIN(c->box_y + c->box_height, c->height);
  for (int y = c->box_y; y < end_y; y++)
    memset(luma + (gsize)y * c->width + c->box_x, 0, (gsize)(end_x - c->box_x));
}

void lus_augment(guint8 *luma, guint8 *labels, int n_classes, int width, int height, const LusAugment *augment,
                 LusRng *rng, guint8 *scratch)
{
  gsize n = (gsize)width * height;
  Change c = draw_change(augment, width, height, rng);
  LusBeams beams = {0};
  gboolean along = changes_along_beams(&c);
  if (along || c.scale_u != 1 || c.scale_r != 1)
    lus_beams_find(&beams, luma, width, height);
  if (along)
    change_along_beams(luma, &c, &beams);
  if (c.scale_x != 1 || c.scale_y != 1 || c.shift_x != 0 || c.shift_y != 0 || c.scale_u != 1 || c.scale_r != 1)
    move_planes(luma, labels, n_classes, scratch, &c, &beams);
  change_grey(luma, n, &c);
  add_noise(luma, n, &c);
  black_box(luma, &c);
}

gsize lus_augment_scratch_size(int n_classes, int width, int height)
{
  return (gsize)width * height * (1 + n_classes);
}
