/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/augment.h"

#include <math.h>
#include <string.h>

/** Where output pixel (x, y) comes from: (x scale_x + shift_x, y scale_y + shift_y), in pixels; scale_x < 0 flips. */
typedef struct {
  double scale_x, shift_x, scale_y, shift_y;
} Affine;

static gboolean chance(LusRng *rng, double probability)
{
  return lus_rng_uniform01(rng) < probability;
}

/** Flip, scale about the top centre (where the probe is), shift sideways, and a cut-off near field. */
static Affine draw_affine(int width, int height, LusRng *rng)
{
  Affine affine = {.scale_x = 1, .scale_y = 1};
  double centre = (width - 1) / 2.0;
  gboolean flip = chance(rng, 0.5);
  if (chance(rng, 0.4)) {
    double scale = lus_rng_log_uniform(rng, 0.85, 1.2), aspect = lus_rng_log_uniform(rng, 0.9, 1.1);
    affine.scale_x = scale * aspect;
    affine.scale_y = scale;
    affine.shift_x = lus_rng_uniform(rng, -0.05, 0.05) * width;
  }
  if (chance(rng, 0.3))
    affine.shift_y = lus_rng_uniform(rng, 0, 0.15) * height;
  if (flip)
    affine.scale_x = -affine.scale_x;
  /* x' = centre + scale_x (x - centre) + shift */
  affine.shift_x += centre - affine.scale_x * centre;
  return affine;
}

static gboolean is_identity(const Affine *affine)
{
  return affine->scale_x == 1 && affine->scale_y == 1 && affine->shift_x == 0 && affine->shift_y == 0;
}

static int pixel_or_zero(const guint8 *plane, int width, int height, int x, int y)
{
  return x >= 0 && x < width && y >= 0 && y < height ? plane[(gsize)y * width + x] : 0;
}

static void move_luma(guint8 *out, const guint8 *in, int width, int height, const Affine *affine)
{
  for (int y = 0; y < height; y++) {
    double source_y = y * affine->scale_y + affine->shift_y;
    int y0 = (int)floor(source_y);
    float fy = (float)(source_y - y0);
    for (int x = 0; x < width; x++) {
      double source_x = x * affine->scale_x + affine->shift_x;
      int x0 = (int)floor(source_x);
      float fx = (float)(source_x - x0);
      float top = (float)pixel_or_zero(in, width, height, x0, y0) * (1 - fx) +
                  (float)pixel_or_zero(in, width, height, x0 + 1, y0) * fx;
      float bottom = (float)pixel_or_zero(in, width, height, x0, y0 + 1) * (1 - fx) +
                     (float)pixel_or_zero(in, width, height, x0 + 1, y0 + 1) * fx;
      out[(gsize)y * width + x] = (guint8)(top * (1 - fy) + bottom * fy + 0.5f);
    }
  }
}

static void move_labels(guint8 *out, const guint8 *in, int width, int height, const Affine *affine)
{
  for (int y = 0; y < height; y++) {
    int source_y = (int)floor(y * affine->scale_y + affine->shift_y + 0.5);
    for (int x = 0; x < width; x++) {
      int source_x = (int)floor(x * affine->scale_x + affine->shift_x + 0.5);
      out[(gsize)y * width + x] = (guint8)pixel_or_zero(in, width, height, source_x, source_y);
    }
  }
}

/** grey' = 255 (grey / 255)^gamma x gain */
static void change_grey(guint8 *luma, gsize n, LusRng *rng)
{
  double gamma = chance(rng, 0.4) ? exp(lus_rng_uniform(rng, -0.4, 0.4)) : 1.0;
  double gain = chance(rng, 0.4) ? exp(lus_rng_uniform(rng, -0.4, 0.3)) : 1.0;
  if (gamma == 1.0 && gain == 1.0)
    return;
  guint8 table[256];
  for (int i = 0; i < 256; i++)
    table[i] = (guint8)MIN(255.0 * pow(i / 255.0, gamma) * gain + 0.5, 255.0);
  for (gsize i = 0; i < n; i++)
    luma[i] = table[luma[i]];
}

/** Noise where the sector is lit, so that its outline stays what it is. */
static void add_noise(guint8 *luma, gsize n, LusRng *rng)
{
  double sd = lus_rng_uniform(rng, 0, 5);
  for (gsize i = 0; i < n; i++) {
    if (luma[i] <= 2)
      continue;
    double value = luma[i] + lus_rng_normal(rng, 0, sd);
    luma[i] = (guint8)(CLAMP(value, 0.0, 255.0) + 0.5);
  }
}

/** A black box, as a text's background leaves it. */
static void black_box(guint8 *luma, int width, int height, LusRng *rng)
{
  int box_width = 1 + (int)lus_rng_below(rng, (guint32)(width / 4 + 1));
  int box_height = 1 + (int)lus_rng_below(rng, (guint32)(height / 8 + 1));
  int x = (int)lus_rng_below(rng, (guint32)width), y = (int)lus_rng_below(rng, (guint32)height);
  int end_x = MIN(x + box_width, width), end_y = MIN(y + box_height, height);
  for (; y < end_y; y++)
    memset(luma + (gsize)y * width + x, 0, (gsize)(end_x - x));
}

void lus_augment(guint8 *luma, guint8 *labels, int n_classes, int width, int height, LusRng *rng, guint8 *scratch)
{
  gsize n = (gsize)width * height;
  Affine affine = draw_affine(width, height, rng);
  if (!is_identity(&affine)) {
    memcpy(scratch, luma, n);
    move_luma(luma, scratch, width, height, &affine);
    for (int k = 0; k < n_classes; k++) {
      memcpy(scratch, labels + k * n, n);
      move_labels(labels + k * n, scratch, width, height, &affine);
    }
  }
  change_grey(luma, n, rng);
  if (chance(rng, 0.3))
    add_noise(luma, n, rng);
  if (chance(rng, 0.1))
    black_box(luma, width, height, rng);
}

gsize lus_augment_scratch_size(int n_classes, int width, int height)
{
  (void)n_classes;
  return (gsize)width * height;
}
