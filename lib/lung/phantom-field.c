/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Noise and smoothing for the phantom. Plain loops over floats that the compiler vectorises. */
#include "lung/phantom-scene.h"

#include <math.h>

enum { RADIUS_MAX = 320 };

/* Gaussian weights out to @reach sigmas; their sum is 1, or with @energy the sum of their squares. */
static int gauss(float *weight, float sigma, float reach, gboolean energy)
{
  int radius = MIN((int)ceilf(reach * sigma), RADIUS_MAX);
  float sum = 0;
  for (int k = -radius; k <= radius; k++) {
    float w = sigma > 0 ? expf(-.5f * (float)(k * k) / (sigma * sigma)) : 1;
    weight[k + radius] = w;
    sum += energy ? w * w : w;
  }
  float scale = energy ? 1 / sqrtf(sum) : 1 / sum;
  for (int k = 0; k <= 2 * radius; k++)
    weight[k] *= scale;
  return radius;
}

/* Index reflected about the ends (edge sample repeated). */
static int reflect(int i, int n)
{
  int period = 2 * n;
  i %= period;
  if (i < 0)
    i += period;
  return i < n ? i : period - 1 - i;
}

void lus_phantom_noise1(LusRng *rng, float *out, int n, float sigma)
{
  float weight[2 * RADIUS_MAX + 1], white[PHANTOM_LUNG_ROWS + 2 * RADIUS_MAX];
  int radius = gauss(weight, MAX(sigma, .3f), 3, TRUE);
  lus_rng_fill_normal(rng, white, (gsize)(n + 2 * radius));
  memset(out, 0, (gsize)n * sizeof *out);
  for (int k = 0; k <= 2 * radius; k++)
    for (int i = 0; i < n; i++)
      out[i] += weight[k] * white[i + k];
}

void lus_phantom_noise2(LusRng *rng, float *map, int beams, int rows, float cell_rows, float cell_beams, float gain)
{
  float coarse_rows = 1 / MAX(cell_rows, 1), coarse_beams = 1 / MAX(cell_beams, 1);
  int h = (int)((float)rows * coarse_rows) + 3, w = (int)((float)beams * coarse_beams) + 3;
  g_autofree float *coarse = g_new(float, (gsize)h * w);
  g_autofree float *line = g_new(float, h);
  lus_rng_fill_normal(rng, coarse, (gsize)h * w);
  float at_row = uniform(rng, 0, 1), at_beam = uniform(rng, 0, 1);
  gain *= 1.5f; /* bilinear interpolation leaves (2/3)^2 of the variance */
  for (int b = 0; b < beams; b++) {
    float x = at_beam + (float)b * coarse_beams, fx = x - floorf(x);
    const float *left = coarse + (gsize)h * (int)x, *right = left + h;
    for (int i = 0; i < h; i++)
      line[i] = gain * (left[i] * (1 - fx) + right[i] * fx);
    float *out = map + (gsize)b * rows;
    for (int r = 0; r < rows; r++) {
      float y = at_row + (float)r * coarse_rows;
      int i = (int)y;
      out[r] += line[i] + (y - (float)i) * (line[i + 1] - line[i]);
    }
  }
}

void lus_phantom_smooth_along(float *map, int lines, int length, float sigma, gboolean energy)
{
  float weight[2 * RADIUS_MAX + 1], padded[PHANTOM_SIZE_MAX + 2 * RADIUS_MAX];
  int radius = gauss(weight, sigma, 2.5f, energy);
  for (int l = 0; l < lines; l++) {
    float *line = map + (gsize)l * length;
    memcpy(padded + radius, line, (gsize)length * sizeof *line);
    for (int k = 1; k <= radius; k++) {
      padded[radius - k] = line[reflect(-k, length)];
      padded[radius + length + k - 1] = line[reflect(length + k - 1, length)];
    }
    memset(line, 0, (gsize)length * sizeof *line);
    for (int k = 0; k <= 2 * radius; k++) {
      float w = weight[k];
      const float *in = padded + k;
      for (int i = 0; i < length; i++)
        line[i] += w * in[i];
    }
  }
}

enum { STRIP = 64, REACH = 40 };

/* One strip of positions: their kernels side by side, so that the inner loop runs along the lines. */
static void smooth_strip(float *out, const float *map, int lines, int length, int first, int n, const float *sigma,
                         gboolean energy)
{
  float table[2 * REACH + 1][STRIP], weight[2 * RADIUS_MAX + 1];
  int reach = 0;
  memset(table, 0, sizeof table);
  for (int i = 0; i < n; i++) {
    int radius = gauss(weight, MIN(sigma[first + i], REACH / 2.5f), 2.5f, energy);
    reach = MAX(reach, radius);
    for (int k = -radius; k <= radius; k++)
      table[k + REACH][i] = weight[k + radius];
  }
  for (int l = 0; l < lines; l++) {
    float sum[STRIP] = { 0 };
    for (int k = -reach; k <= reach; k++) {
      const float *in = map + (gsize)reflect(l + k, lines) * length + first, *w = table[k + REACH];
      for (int i = 0; i < n; i++)
        sum[i] += w[i] * in[i];
    }
    memcpy(out + (gsize)l * length + first, sum, (gsize)n * sizeof *out);
  }
}

void lus_phantom_smooth_across(float *out, const float *map, int lines, int length, const float *sigma, gboolean energy)
{
  for (int first = 0; first < length; first += STRIP)
    smooth_strip(out, map, lines, length, first, MIN(STRIP, length - first), sigma, energy);
}

void lus_phantom_add_layer(float *beam, float dr, float position, float thickness, float amplitude)
{
  float reach = 1.56f * thickness; /* where the layer has fallen to exp(-30) */
  if (!(position + reach > 0 && position - reach < dr * PHANTOM_ROWS) || amplitude == 0)
    return;
  int first = MAX((int)floorf((position - reach) / dr), 0);
  int last = MIN((int)ceilf((position + reach) / dr), PHANTOM_ROWS - 1);
  for (int r = first; r <= last; r++)
    beam[r] += amplitude * layer(((float)r + .5f) * dr - position, thickness);
}

float lus_phantom_percentile(const float *map, int n, double part)
{
  enum { STEPS = 2048 };
  guint32 count[STEPS] = { 0 };
  float low = map[0], high = map[0];
  for (int i = 1; i < n; i++) {
    low = map[i] < low ? map[i] : low;
    high = map[i] > high ? map[i] : high;
  }
  if (!(high > low))
    return low;
  float step = (STEPS - 1) / (high - low);
  for (int i = 0; i < n; i++)
    count[(int)((map[i] - low) * step)]++;
  double wanted = part * n, seen = 0;
  int i = 0;
  while (i < STEPS - 1 && seen + count[i] < wanted)
    seen += count[i++];
  double within = count[i] ? (wanted - seen) / count[i] : 0;
  return low + ((float)i + (float)within) / step;
}
