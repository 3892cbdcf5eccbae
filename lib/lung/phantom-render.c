/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From scene to grey picture in beam geometry: powers at one moment, scatterers through the point spread
 * function, display. */
#include "lung/phantom-scene.h"

#include <math.h>

enum { ROWS = PHANTOM_ROWS, BEAMS = PHANTOM_BEAMS, CELLS = PHANTOM_CELLS, LUNG_ROWS = PHANTOM_LUNG_ROWS };

/* ---- machine: point spread function, compounding, grey map ---- */

/* Residual time-gain compensation and the noise floor. */
static void draw_gain(LusPhantom *p)
{
  enum { KNOTS = 8 };
  LusRng *a = &p->anatomy;
  const PhantomPractice *x = p->practice;
  float slope = from_prior(a, x->gain_slope) / 10;
  float knot[KNOTS + 1], spread = within(a, x->gain_spread);
  float noise = p->wall_mean + within(a, x->floor_db), rise = fmaxf(0, normal(a, .6, .9)) / 10;
  gboolean ring_down = !p->linear && chance(a, .5);
  float ring = power_of_db(10 * uniform(a, -1, 1)), ring_depth = uniform(a, 2, 8);
  for (int i = 0; i <= KNOTS; i++)
    knot[i] = normal(a, 0, spread);
  for (int row = 0; row < ROWS; row++) {
    float z = range_of_row(p, row), at = z / p->depth * (KNOTS - 1);
    int i = (int)at;
    float gain = slope * z + knot[i] + (at - (float)i) * (knot[i + 1] - knot[i]);
    p->floor_power[row] = power_of_db(noise + rise * z) * (ring_down ? 1 + ring * exp_fast(-z / ring_depth) : 1);
    for (int b = 0; b < BEAMS; b++)
      p->transmission[b * ROWS + row] = power_of_db(clampf(p->transmission[b * ROWS + row] + gain, -100, 40));
  }
  for (int i = 0; i < CELLS; i++)
    p->wall[i] = power_of_db(clampf(p->wall[i], -80, 40));
}

/* Sound that went other ways: shadows are seldom black. */
static void draw_multipath(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  float level = p->wall_mean + (chance(a, .7) ? uniform(a, -38, -12) : -60), decay = log_uniform(a, .3, 4) / 10;
  for (int row = 0; row < ROWS; row++) {
    float z = range_of_row(p, row);
    p->multipath[row] = power_of_db(level - decay * z) * smoothstep(z / 10);
  }
}

static void draw_psf(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  p->psf_axial = fmaxf(log_uniform(a, .1, .36) / p->dr, .5f);
  float narrow = log_uniform(a, .7, 2.6), widening = uniform(a, .3, 3), focus = uniform(a, .15, .9);
  for (int row = 0; row < ROWS; row++)
    p->psf_lateral[row] = narrow * (1 + widening * fabsf((float)row / ROWS - focus));
  p->compounding = chance(a, .85) ? within(a, p->practice->compounding) : 0;
  lus_phantom_noise1(&p->rng, p->phase, BEAMS, uniform(&p->rng, 4, 20));
  for (int b = 0; b < BEAMS; b++)
    p->phase[b] *= 1.5f;
}

/* grey of v = (dB - reference + range) / range, v in 0..1.25. */
static void draw_grey_map(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  const PhantomPractice *x = p->practice;
  float offset = within(a, x->display_offset), gamma = log_within(a, x->display_gamma);
  float peak = chance(a, .75) ? log_within(a, x->display_peak) : uniform(a, .35, 1);
  p->range = within(a, x->display_range);
  p->smooth_lateral = chance(a, .4) ? uniform(a, .3, 1.2) : 0;
  p->smooth_axial = chance(a, .2) ? uniform(a, .3, .8) : 0;
  for (int i = 0; i <= PHANTOM_GREYS; i++) {
    float v = clampf(1.25f * (float)i / PHANTOM_GREYS + offset, 0, 1.25f);
    p->grey[i] = clampf(v > 0 ? powf(v, gamma) * peak : 0, 0, 1);
  }
}

static void envelope_db(LusPhantom *p, float *out);

void lus_phantom_draw_machine(LusPhantom *p)
{
  draw_gain(p);
  draw_multipath(p);
  draw_psf(p);
  draw_grey_map(p);
  lus_rng_fill_normal(&p->rng, p->wall_scatter[0], 2 * CELLS);
  lus_rng_fill_normal(&p->rng, p->lung_scatter[0], 2 * PHANTOM_LUNG_CELLS);
  lus_phantom_insonify(p, 0);
  envelope_db(p, p->picture);
  p->reference = lus_phantom_percentile(p->picture, CELLS, uniform(&p->anatomy, .97, .999));
}

/* ---- the scene at one moment ---- */

void lus_phantom_breathe(LusPhantom *p, double seconds)
{
  double cycle = 2 * G_PI * seconds / p->breath_period + p->breath_phase;
  p->slide = p->breath_slide * (float)sin(cycle) / MAX(p->beam_mm, 1e-3f);
  float sink = p->breath_depth * (float)sin(cycle + .4), rough[BEAMS];
  float at = PHANTOM_SLIDE + p->slide, whole = floorf(at), f = at - whole;
  for (int b = 0; b < BEAMS; b++) {
    int l = b + (int)whole;
    rough[b] = p->roughness[l] * (1 - f) + p->roughness[l + 1] * f;
    p->pleura[b] = MAX(p->pleura_z[b] + rough[b] + sink, 1);
    p->pleura_gain[b] = p->pleura_still[b] * (p->pleura_lung[l] * (1 - f) + p->pleura_lung[l + 1] * f);
  }
  for (int b = 0; b < BEAMS; b++) { /* a slanting surface reflects past the probe */
    int i = MAX(b - 1, 0), j = MIN(b + 1, BEAMS - 1);
    float slope = (p->pleura[j] - p->pleura[i]) / ((float)(j - i) * MAX(p->beam_mm, 1e-3f));
    float angle = atanf(slope) / p->specular_width;
    p->pleura_gain[b] *= exp_fast(-angle * angle);
  }
}

static void add_ridges(LusPhantom *p)
{
  float at = PHANTOM_SLIDE + p->slide, f = at - floorf(at);
  for (int k = 0; k < p->n_ridges; k++) {
    const PhantomRidge *ridge = &p->ridge[k];
    for (int b = 0; b < BEAMS; b++) {
      int l = b + (int)floorf(at);
      float amplitude = ridge->still[b] * (ridge->lung[l] * (1 - f) + ridge->lung[l + 1] * f);
      float moved = ridge->motion * (p->pleura[b] - p->pleura_z[b]);
      if (ridge->echo)
        amplitude *= p->pleura_gain[b];
      lus_phantom_add_layer(p->specular + b * ROWS, p->dr, ridge->position[b] + moved, ridge->thickness, amplitude);
    }
  }
}

typedef struct {
  float haze[ROWS], vertical[ROWS], scatter[2][ROWS];
  int first; /* rows before it lie above the lung's maps */
} LungBeam;

/* out[row] = bilinear sample of @map between beams @l and @l + 1, @offset rows on. */
static void sample_rows(float *out, const float *map, int l, float f, int offset, float g, int first, float scale)
{
  const float *a = map + (gsize)l * LUNG_ROWS + offset, *b = a + LUNG_ROWS;
  float aa = (1 - f) * (1 - g) * scale, ab = (1 - f) * g * scale, ba = f * (1 - g) * scale, bb = f * g * scale;
  for (int row = first; row < ROWS; row++)
    out[row] = aa * a[row] + ab * a[row + 1] + ba * b[row] + bb * b[row + 1];
}

/* What the lung's maps show along one beam. Interpolated scatterers keep their variance. */
static void sample_lung(const LusPhantom *p, int beam, LungBeam *out)
{
  float at = (float)beam + PHANTOM_SLIDE + p->slide, row0 = .5f - p->pleura[beam] / p->dr + PHANTOM_ABOVE;
  int l = (int)floorf(at), offset = (int)floorf(row0);
  float f = at - (float)l, g = row0 - (float)offset;
  float keep = 1 / sqrtf((f * f + (1 - f) * (1 - f)) * (g * g + (1 - g) * (1 - g)));
  memset(out, 0, sizeof *out);
  out->first = CLAMP(-offset, 0, ROWS);
  sample_rows(out->haze, p->haze, l, f, offset, g, out->first, 1);
  sample_rows(out->vertical, p->vertical, l, f, offset, g, out->first, 1);
  for (int part = 0; part < 2; part++)
    sample_rows(out->scatter[part], p->lung_scatter[part], l, f, offset, g, out->first, keep);
}

/* Powers of one beam, and its scatterers weighted by them. @noise: electronic noise of this frame. */
static void insonify_beam(LusPhantom *p, int beam, const LungBeam *lung, const float *const noise[2])
{
  int base = beam * ROWS;
  for (int row = 0; row < ROWS; row++) {
    int i = base + row;
    float below = smoothstep(range_of_row(p, row) - p->pleura[beam] + .5f), through = p->transmission[i];
    float wall = p->wall[i] * (1 - below) * through + p->multipath[row], haze = lung->haze[row] * below * through;
    float vertical = lung->vertical[row] * through, dark = p->floor_power[row];
    p->power[i] = wall + haze + dark;
    p->vertical_power[i] = vertical;
    float a = sqrtf(.5f * wall), b = sqrtf(.5f * (haze + vertical)), c = sqrtf(.5f * dark);
    p->field[0][i] = a * p->wall_scatter[0][i] + b * lung->scatter[0][row] + c * noise[0][i];
    p->field[1][i] = a * p->wall_scatter[1][i] + b * lung->scatter[1][row] + c * noise[1][i];
    p->specular[i] *= sqrtf(through);
  }
}

void lus_phantom_insonify(LusPhantom *p, double seconds)
{
  LusRng noise_rng;
  LungBeam lung;
  lus_phantom_breathe(p, seconds);
  lus_rng_init(&noise_rng, p->config.seed + p->config.stream * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15),
               (guint64)llround(seconds * 1e6));
  lus_rng_fill_normal(&noise_rng, p->scratch, CELLS);
  lus_rng_fill_normal(&noise_rng, p->expected, CELLS);
  const float *noise[2] = { p->scratch, p->expected };
  memcpy(p->specular, p->layers, sizeof p->specular);
  add_ridges(p);
  for (int b = 0; b < BEAMS; b++) {
    sample_lung(p, b, &lung);
    insonify_beam(p, b, &lung, noise);
  }
}

/* ---- detection and display ---- */

/* Speckle: the field through the point spread function, plus specular echoes of slowly varying phase;
 * compounding mixes in the expectation. */
static void envelope_db(LusPhantom *p, float *out)
{
  float one[ROWS];
  for (int row = 0; row < ROWS; row++)
    one[row] = 1;
  lus_phantom_smooth_along(p->specular, BEAMS, ROWS, p->psf_axial, FALSE);
  lus_phantom_smooth_across(p->scratch, p->specular, BEAMS, ROWS, one, FALSE);
  memcpy(p->specular, p->scratch, sizeof p->specular);
  for (int part = 0; part < 2; part++) {
    lus_phantom_smooth_along(p->field[part], BEAMS, ROWS, p->psf_axial, TRUE);
    lus_phantom_smooth_across(p->scratch, p->field[part], BEAMS, ROWS, p->psf_lateral, TRUE);
    memcpy(p->field[part], p->scratch, sizeof p->scratch);
  }
  for (int b = 0; b < BEAMS; b++) {
    float c = cosf(p->phase[b]), s = sinf(p->phase[b]), q = p->compounding;
    for (int i = b * ROWS; i < (b + 1) * ROWS; i++) {
      float echo = p->specular[i], re = p->field[0][i] + echo * c, im = p->field[1][i] + echo * s;
      float expected = p->power[i] + p->vertical_power[i] + echo * echo;
      out[i] = db_of_power((1 - q) * (re * re + im * im) + q * expected + 1e-9f);
    }
  }
}

static void grey_of_db(const LusPhantom *p, float *map)
{
  float scale = PHANTOM_GREYS / (1.25f * p->range), low = p->reference - p->range;
  for (int i = 0; i < CELLS; i++) {
    float x = clampf((map[i] - low) * scale, 0, PHANTOM_GREYS - .01f);
    int k = (int)x;
    map[i] = p->grey[k] + (x - (float)k) * (p->grey[k + 1] - p->grey[k]);
  }
}

void lus_phantom_show(LusPhantom *p)
{
  float lateral[ROWS];
  envelope_db(p, p->picture);
  grey_of_db(p, p->picture);
  if (p->smooth_lateral > 0) {
    for (int row = 0; row < ROWS; row++)
      lateral[row] = p->smooth_lateral;
    lus_phantom_smooth_across(p->scratch, p->picture, BEAMS, ROWS, lateral, FALSE);
    memcpy(p->picture, p->scratch, sizeof p->scratch);
  }
  if (p->smooth_axial > 0)
    lus_phantom_smooth_along(p->picture, BEAMS, ROWS, p->smooth_axial, FALSE);
  for (int i = 0; i < CELLS; i++)
    p->expected[i] = db_of_power(p->power[i] + p->vertical_power[i] + p->specular[i] * p->specular[i] + 1e-9f);
  grey_of_db(p, p->expected);
}
