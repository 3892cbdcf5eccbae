/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Confidences of an unbiased expert, from what is visible in the expected picture (no speckle): contrast
 * of a line with its two flanks, of a column with its two sides. All contrasts are relative to the
 * picture's own grey range. */
#include "lung/phantom-scene.h"

#include <math.h>

enum { ROWS = PHANTOM_ROWS, BEAMS = PHANTOM_BEAMS, CELLS = PHANTOM_CELLS };

/* Gaussian smoothing of one value per beam; @mm of correlation, at least @least beams. */
static void smooth_beams(const LusPhantom *p, float *value, float mm, float least)
{
  lus_phantom_smooth_along(value, 1, BEAMS, MAX(mm / MAX(p->beam_mm, 1e-3f), least), FALSE);
}

static float mean_between(const LusPhantom *p, const float *beam, float from, float to, int *n)
{
  int first = MAX((int)ceilf(from / p->dr - .5f), 0), last = MIN((int)floorf(to / p->dr - .5f), ROWS - 1);
  float sum = 0;
  for (int row = first; row <= last; row++)
    sum += beam[row];
  *n = MAX(last - first + 1, 0);
  return *n ? sum / (float)*n : 0;
}

/* How thick experts draw a line: 6 to 7 pixels of 350 in the picture's height, at least 1.4 mm. */
static float drawn_thickness(const LusPhantom *p, float thickness)
{
  float shown = p->view.scale_y * (float)p->view.height;
  return MAX(thickness, MAX(1.4f, shown * 6.5f / 350));
}

/* Mean grey in the line minus the mean of its flanks .5 to 3 mm away. */
static float ridge_contrast(const LusPhantom *p, int beam, float z, float half)
{
  const float *grey = p->expected + beam * ROWS;
  int n, above_n, below_n;
  float in = mean_between(p, grey, z - .8f * half, z + .8f * half, &n);
  float above = mean_between(p, grey, z - half - 3, z - half - .5f, &above_n);
  float below = mean_between(p, grey, z + half + .5f, z + half + 3, &below_n);
  return n && above_n && below_n ? in - .5f * (above + below) : 0;
}

/* Marks a line in @label: contrast @low..@high becomes 0..1, pieces shorter than about 5 mm are damped. */
static void label_ridge(const LusPhantom *p, float *label, const float *position, const float *window, float thickness,
                        float grey_range, float low, float high)
{
  float quality[BEAMS], seen[BEAMS], contrast_half = MAX(thickness / 2, .7f), half = drawn_thickness(p, thickness) / 2;
  for (int b = 0; b < BEAMS; b++)
    quality[b] = ridge_contrast(p, b, position[b], contrast_half) / grey_range;
  smooth_beams(p, quality, 2, 1);
  for (int b = 0; b < BEAMS; b++) {
    quality[b] = smoothstep((quality[b] - low) / (high - low)) * clampf(window[b] * 1.3f, 0, 1);
    seen[b] = quality[b] > .4f;
  }
  smooth_beams(p, seen, 3, 1);
  for (int b = 0; b < BEAMS; b++) {
    float q = quality[b] * clampf(seen[b] * 1.7f, 0, 1);
    int first = MAX((int)((position[b] - half) / p->dr) - 2, 0);
    int last = MIN((int)((position[b] + half) / p->dr) + 2, ROWS - 1);
    for (int row = first; q > 0 && row <= last; row++) {
      float d = fabsf(range_of_row(p, row) - position[b]);
      float *cell = &label[b * ROWS + row];
      *cell = MAX(*cell, q * clampf((half - d) / .35f + .5f, 0, 1));
    }
  }
}

static void label_pleura(LusPhantom *p, float grey_range)
{
  float everywhere[BEAMS], *label = p->label[LUS_PHANTOM_PLEURAL_LINE];
  for (int b = 0; b < BEAMS; b++)
    everywhere[b] = 1;
  label_ridge(p, label, p->pleura, everywhere, p->pleura_thickness, grey_range, .01f, .23f);
  for (int i = 0; i < CELLS; i++)
    label[i] *= 1 - .7f * p->rib[i];
}

static void label_fasciae(LusPhantom *p, float grey_range)
{
  float *label = p->label[LUS_PHANTOM_FASCIA_BAND];
  for (int k = 0; k < p->n_fasciae; k++)
    label_ridge(p, label, p->fascia[k].position, p->fascia[k].window, p->fascia[k].thickness, grey_range, .04f, .52f);
  for (int b = 0; b < BEAMS; b++) { /* none at the pleura or below it */
    int first = CLAMP((int)((p->pleura[b] - 1.6f) / p->dr), 0, ROWS);
    memset(label + b * ROWS + first, 0, (gsize)(ROWS - first) * sizeof *label);
  }
}

/* What decides about the columns below the pleura, one value per beam. */
typedef struct {
  float grey[BEAMS];                   /* mean, relative */
  float one_sided[BEAMS], both[BEAMS]; /* brighter than the darker side; than both sides, within 18 mm */
  float share[BEAMS];                  /* of the power that vertical lines make */
  float wide[BEAMS];                   /* of wide, confluent lines, 0..1 */
  float upper[BEAMS], lower[BEAMS];    /* mean grey of the upper and the lower third */
  float pleura[BEAMS];                 /* best confidence of the pleura within 8 mm */
} Columns;

static float lowest(const float *value, int first, int last)
{
  float low = value[first];
  for (int b = first + 1; b <= last; b++)
    low = MIN(low, value[b]);
  return low;
}

static void column_contrast(const LusPhantom *p, Columns *c)
{
  float side[BEAMS], mm = MAX(p->beam_mm, 1e-3f);
  int near = MAX((int)(18 / mm), 2), far = MAX((int)(20 / mm), 1);
  smooth_beams(p, c->grey, 1, .7f);
  for (int b = 0; b < BEAMS; b++) {
    float left = lowest(c->grey, MAX(b - near + 1, 0), b), right = lowest(c->grey, b, MIN(b + near - 1, BEAMS - 1));
    c->both[b] = c->grey[b] - MAX(left, right);
    side[b] = lowest(c->grey, MAX(b - far, 0), MIN(b + far, BEAMS - 1));
  }
  smooth_beams(p, side, 3, 1);
  for (int b = 0; b < BEAMS; b++)
    c->one_sided[b] = MAX(c->grey[b] - side[b], 0);
}

static void measure_pleura(const LusPhantom *p, Columns *c)
{
  int near = (int)(8 / MAX(p->beam_mm, 1e-3f));
  float best[BEAMS] = { 0 };
  for (int i = 0; i < CELLS; i++)
    best[i / ROWS] = MAX(best[i / ROWS], p->label[LUS_PHANTOM_PLEURAL_LINE][i]);
  for (int b = 0; b < BEAMS; b++) {
    c->pleura[b] = 0;
    for (int k = MAX(b - near, 0); k <= MIN(b + near, BEAMS - 1); k++)
      c->pleura[b] = MAX(c->pleura[b], best[k]);
  }
}

static void measure_columns(const LusPhantom *p, const float *share, float grey_range, Columns *c)
{
  int n;
  for (int b = 0; b < BEAMS; b++) {
    const float *grey = p->expected + b * ROWS;
    float from = p->pleura[b] + 1.5f, below = p->depth - p->pleura[b];
    c->grey[b] = mean_between(p, grey, from, p->depth, &n) / grey_range;
    c->share[b] = mean_between(p, share + b * ROWS, from, p->depth, &n);
    c->upper[b] = mean_between(p, grey, from, p->pleura[b] + .33f * below, &n) / grey_range;
    c->lower[b] = mean_between(p, grey, p->pleura[b] + .66f * below, p->depth, &n) / grey_range;
    c->wide[b] = p->wide[CLAMP((int)((float)b + PHANTOM_SLIDE + p->slide + .5f), 0, PHANTOM_LUNG_BEAMS - 1)];
  }
  column_contrast(p, c);
  measure_pleura(p, c);
}

/* A column counts by its two-sided contrast and its share of vertical-line power; a wide one also by its
 * share alone, because its sides may lie outside the picture, but then a pleura above is asked for. */
static float column_quality(const Columns *c, int b)
{
  float narrow = smoothstep((c->both[b] - .02f) / .16f) * smoothstep((c->share[b] - .15f) / .35f);
  float wide = c->wide[b] * smoothstep((c->share[b] - .35f) / .35f) * smoothstep((c->grey[b] - .12f) / .22f) *
               (.45f + .55f * smoothstep(c->pleura[b] / .5f));
  return MAX(narrow, wide);
}

/* Bright columns that reach the bottom without being vertical lines, and vertical lines whose contrast
 * is too poor to tell. */
static gboolean column_unclear(const LusPhantom *p, const Columns *c, int b)
{
  gboolean reaches_bottom = c->lower[b] > .6f * c->upper[b] && c->lower[b] > .12f;
  gboolean alike = !p->info.a_lines && !p->ladder && reaches_bottom && c->both[b] > .12f;
  return alike || (c->share[b] > .3f && c->one_sided[b] > .08f);
}

static void label_verticals(LusPhantom *p, float grey_range)
{
  Columns c;
  float *label = p->label[LUS_PHANTOM_VERTICAL_LINE], *share = p->scratch, unclear[BEAMS];
  for (int i = 0; i < CELLS; i++)
    share[i] = p->vertical_power[i] /
               (p->power[i] + p->vertical_power[i] + p->specular[i] * p->specular[i] + 1e-12f);
  measure_columns(p, share, grey_range, &c);
  lus_phantom_smooth_along(share, BEAMS, ROWS, 6 / p->dr, FALSE);
  lus_phantom_smooth_along(p->expected, BEAMS, ROWS, 6 / p->dr, FALSE);
  for (int b = 0; b < BEAMS; b++) {
    float q = p->info.vertical_lines ? column_quality(&c, b) : 0;
    int base = b * ROWS;
    for (int row = 0; row < ROWS; row++) {
      float visible = smoothstep((p->expected[base + row] / grey_range - .03f) / .08f);
      label[base + row] = q * visible * smoothstep((share[base + row] - .05f) / .25f) *
                          smoothstep(range_of_row(p, row) - p->pleura[b]);
    }
    unclear[b] = column_unclear(p, &c, b);
  }
  smooth_beams(p, unclear, 0, 1);
  for (int b = 0; b < BEAMS; b++)
    for (int row = 0; row < ROWS; row++)
      p->ignored[b * ROWS + row] = unclear[b] > .4f && range_of_row(p, row) > p->pleura[b] + 1.5f;
}

void lus_phantom_label(LusPhantom *p)
{
  float grey_range =
    MAX(lus_phantom_percentile(p->expected, CELLS, .99) - lus_phantom_percentile(p->expected, CELLS, .05), .1f);
  memset(p->label, 0, sizeof p->label);
  label_pleura(p, grey_range);
  label_fasciae(p, grey_range);
  label_verticals(p, grey_range);
}
