/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The chest wall: tissue layers, fasciae, clutter, ribs, and how much sound gets through. Depth in the
 * wall is counted in u = range / range of the pleura, so that layers follow the probe at the top and the
 * pleura at the bottom. */
#include "lung/phantom-scene.h"

#include <math.h>

enum { LAYERS_MAX = 5 };

typedef struct {
  float undulation[PHANTOM_BEAMS]; /* shift of u, greatest half way down */
  int n_layers;
  float cut[LAYERS_MAX], edge[LAYERS_MAX], level[LAYERS_MAX];
} Wall;

static float bent_u(const LusPhantom *p, const Wall *w, int beam, int row)
{
  float u = range_of_row(p, row) / p->pleura_z[beam];
  float c = 2 * clampf(u, 0, 1) - 1;
  return u + w->undulation[beam] * (1 - c * c); /* a parabola in place of sin(pi u) */
}

static void draw_undulation(LusPhantom *p, Wall *w)
{
  LusRng *r = &p->rng;
  float fine[PHANTOM_BEAMS], slow[PHANTOM_BEAMS];
  lus_phantom_noise1(r, fine, PHANTOM_BEAMS, uniform(r, 8, 25));
  lus_phantom_noise1(r, slow, PHANTOM_BEAMS, 40);
  float a = uniform(r, .01, .05), b = uniform(r, 0, .08), tilt = uniform(r, -.25, .25);
  for (int i = 0; i < PHANTOM_BEAMS; i++)
    w->undulation[i] = a * fine[i] + b * slow[i] + tilt * p->lateral[i] / p->reach;
}

static int compare_floats(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void draw_layers(LusPhantom *p, Wall *w)
{
  LusRng *a = &p->anatomy;
  w->n_layers = 2 + (int)lus_rng_below(a, LAYERS_MAX - 1);
  float sum = 0, top = -100;
  for (int i = 0; i < w->n_layers; i++) {
    w->level[i] = normal(a, -6, 5);
    w->cut[i] = uniform(a, .05, .95);
    w->edge[i] = uniform(a, .01, .06);
    sum += w->level[i];
    top = MAX(top, w->level[i]);
  }
  qsort(w->cut, (gsize)w->n_layers - 1, sizeof *w->cut, compare_floats);
  p->wall_mean = sum / (float)w->n_layers;
  p->wall_max = top;
  for (int b = 0; b < PHANTOM_BEAMS; b++)
    for (int row = 0; row < PHANTOM_ROWS; row++) {
      float u = bent_u(p, w, b, row), level = w->level[0];
      for (int i = 0; i + 1 < w->n_layers; i++)
        level += (w->level[i + 1] - w->level[i]) * smoothstep((u - w->cut[i]) / w->edge[i] + .5f);
      p->wall[b * PHANTOM_ROWS + row] = level;
    }
}

static void draw_texture(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float rows = uniform(r, 1, 4) / p->dr, beams = uniform(r, 6, 30);
  lus_phantom_noise2(r, p->wall, PHANTOM_BEAMS, PHANTOM_ROWS, rows, beams, uniform(r, 1, 5));
  rows = uniform(r, .45, 1.2) / p->dr;
  beams = log_uniform(r, 5, 30);
  lus_phantom_noise2(r, p->wall, PHANTOM_BEAMS, PHANTOM_ROWS, rows, beams, uniform(r, .5, 5.5));
}

/* Range at which the bent wall coordinate reaches @u. */
static float range_at_u(const LusPhantom *p, const Wall *w, int beam, float u)
{
  float before = bent_u(p, w, beam, 0);
  for (int row = 1; row < PHANTOM_ROWS; row++) {
    float now = bent_u(p, w, beam, row);
    if (now >= u) {
      float back = now > before ? clampf((now - u) / (now - before), 0, 1) : 0;
      return range_of_row(p, row) - back * p->dr;
    }
    before = now;
  }
  return p->depth;
}

/* Diffuse brightness along a layer, dB. */
static void add_diffuse(LusPhantom *p, const float *position, const float *window, float thickness, float db)
{
  for (int b = 0; b < PHANTOM_BEAMS; b++)
    if (window[b] > 0)
      lus_phantom_add_layer(p->wall + b * PHANTOM_ROWS, p->dr, position[b], thickness, db * window[b]);
}

static void draw_fascia(LusPhantom *p, const Wall *w, float gap)
{
  LusRng *r = &p->rng;
  PhantomFascia *f = &p->fascia[p->n_fasciae++];
  float wander[PHANTOM_BEAMS], patches[PHANTOM_BEAMS], beam[PHANTOM_ROWS];
  float u = uniform(r, .06, .93), tilt = normal(r, 0, p->linear ? .03 : .06);
  lus_phantom_noise1(r, wander, PHANTOM_BEAMS, uniform(r, 10, 40));
  float wandering = uniform(r, 0, .03);
  lus_phantom_noise1(r, patches, PHANTOM_BEAMS, uniform(r, 2, 10));
  f->thickness = log_uniform(r, .5, 2.2);
  float width = log_uniform(r, p->linear ? 16 : 8, p->linear ? 120 : 80), centre = uniform(r, -p->reach, p->reach);
  float edge = uniform(r, 2, 8), amplitude = amplitude_of_db(p->wall_max + normal(r, 5, 6));
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    f->window[b] = soft_box(p->lateral[b], centre, width, edge);
    f->position[b] = range_at_u(p, w, b, u + 2 * tilt * p->lateral[b] / p->reach + wandering * wander[b]);
    float a = amplitude * f->window[b] * clampf(1 + .45f * patches[b], .1f, 2);
    int last = (int)((p->pleura_z[b] - gap) / p->dr - .5f);
    memset(beam, 0, sizeof beam);
    lus_phantom_add_layer(beam, p->dr, f->position[b], f->thickness, a);
    for (int row = 0; row < MIN(last, PHANTOM_ROWS); row++)
      p->layers[b * PHANTOM_ROWS + row] += beam[row];
  }
  if (chance(r, .5))
    add_diffuse(p, f->position, f->window, 1.5f * f->thickness, 6 * uniform(r, 0, 1));
}

static void draw_clutter(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float z0 = uniform(r, .05, 1.3) * (float)p->info.pleura_depth_mm, l0 = uniform(r, -p->reach, p->reach);
  float high = log_uniform(r, .6, 3), broad = log_uniform(r, 1.5, 12), db = uniform(r, 2, 12);
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    float x = (p->lateral[b] - l0) / broad, lateral = db * exp_fast(-x * x);
    if (lateral < .01f)
      continue;
    for (int row = 0; row < PHANTOM_ROWS; row++) {
      float y = (range_of_row(p, row) - z0) / high;
      p->wall[b * PHANTOM_ROWS + row] += lateral * exp_fast(-MIN(y * y, 30));
    }
  }
}

/* Attenuates by @db * window[beam], coming on over @onset mm below start[beam]. */
static void attenuate(LusPhantom *p, const float *window, float db, const float *start, float onset)
{
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    float loss = db * window[b];
    if (loss == 0)
      continue;
    for (int row = 0; row < PHANTOM_ROWS; row++)
      p->transmission[b * PHANTOM_ROWS + row] -= loss * smoothstep((range_of_row(p, row) - start[b]) / onset);
  }
}

static void draw_rib(LusPhantom *p, float centre, float width)
{
  LusRng *r = &p->rng;
  float window[PHANTOM_BEAMS], top[PHANTOM_BEAMS], patches[PHANTOM_BEAMS];
  float pleura = (float)p->info.pleura_depth_mm, above = uniform(r, 0, 9) * .9f * MIN(pleura / 25, 1);
  float droop = uniform(r, .5, 3.5), edge = log_uniform(r, 2.5, 18), thickness = log_uniform(r, .8, 3.5);
  float amplitude = amplitude_of_db(p->wall_max + normal(r, 0, 7)), diffuse = 8 * uniform(r, 0, 1);
  lus_phantom_noise1(r, patches, PHANTOM_BEAMS, 4);
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    float off = (p->lateral[b] - centre) / (width / 2);
    window[b] = soft_box(p->lateral[b], centre, width, edge);
    top[b] = p->pleura_z[b] - above + MIN(off * off, 25) * droop;
    if (window[b] > 0)
      lus_phantom_add_layer(p->layers + b * PHANTOM_ROWS, p->dr, top[b], thickness,
                            amplitude * window[b] * clampf(1 + .5f * patches[b], .1f, 2));
    for (int row = 0; window[b] > 0 && row < PHANTOM_ROWS; row++) {
      float *cell = &p->rib[b * PHANTOM_ROWS + row];
      *cell = MAX(*cell, window[b] * smoothstep(range_of_row(p, row) - top[b]));
    }
  }
  add_diffuse(p, top, window, 2 * thickness, diffuse);
  float shadow = log_uniform(r, 5, 60);
  attenuate(p, window, shadow, top, log_uniform(r, 1.5, 14));
}

/* The probe's middle lies over a space between ribs; what lies beyond them is reached at an angle. */
static void draw_side_loss(LusPhantom *p, float centre, float spacing)
{
  LusRng *r = &p->rng;
  float window[PHANTOM_BEAMS], edge = spacing * uniform(r, .2, .5);
  for (int b = 0; b < PHANTOM_BEAMS; b++)
    window[b] = 1 - soft_box(p->lateral[b], centre, spacing, edge);
  attenuate(p, window, log_within(r, p->practice->beyond_db), p->pleura_z, 8);
}

static void draw_ribs(LusPhantom *p)
{
  LusRng *r = &p->rng;
  const PhantomPractice *x = p->practice;
  float spacing = within(r, x->rib_spacing), width = within(r, x->rib_width), centre = normal(r, 0, 8);
  gboolean regular = chance(r, p->linear ? .3 : (double)x->regular_ribs);
  if (regular && chance(r, (double)x->beyond))
    draw_side_loss(p, centre, spacing);
  for (int k = -2; k <= 1; k++) {
    gboolean kept = chance(r, regular ? .94 : .7);
    float c = centre + ((float)k + .5f) * spacing + normal(r, 0, 1.5);
    if (kept && c > p->lateral[0] - 4 && c < p->lateral[PHANTOM_BEAMS - 1] + 4)
      draw_rib(p, c, width * uniform(r, .8, 1.2));
  }
}

/* Less sound goes to the sides, and less comes back from there. */
static void draw_dark_sides(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float loss = uniform(r, 2, 14), power = uniform(r, 1.5, 4);
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    float db = loss * powf(fabsf(p->lateral[b]) / p->reach, power);
    for (int row = 0; row < PHANTOM_ROWS; row++)
      p->transmission[b * PHANTOM_ROWS + row] -= db;
  }
}

/* Lost contact of one side of the probe. */
static void draw_contact_loss(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float window[PHANTOM_BEAMS], start[PHANTOM_BEAMS] = { 0 };
  float side = chance(r, .5) ? -1 : 1, edge = uniform(r, .3, 1) * p->reach, soft = uniform(r, 3, 30);
  for (int b = 0; b < PHANTOM_BEAMS; b++)
    window[b] = smoothstep((side * p->lateral[b] - edge) / soft + .5f);
  float loss = log_uniform(r, 4, 45);
  attenuate(p, window, loss, start, uniform(r, 1, 15));
}

static void draw_gap(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float window[PHANTOM_BEAMS], start[PHANTOM_BEAMS] = { 0 };
  float centre = uniform(r, -p->reach, p->reach), width = log_uniform(r, 3, 15), edge = uniform(r, 2, 6);
  for (int b = 0; b < PHANTOM_BEAMS; b++)
    window[b] = soft_box(p->lateral[b], centre, width, edge);
  attenuate(p, window, log_uniform(r, 3, 25), start, 10);
}

/* One acoustic window with dark, soft sides. */
static void draw_window(LusPhantom *p)
{
  LusRng *r = &p->rng;
  p->window_centre = normal(r, 0, 6);
  p->window_width = log_uniform(r, 14, 45);
  float edge = log_uniform(r, 3, 16), loss = log_uniform(r, 5, 40), from = uniform(r, .1, 1);
  float over = log_uniform(r, .1, 1.5);
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    float db = loss * (1 - soft_box(p->lateral[b], p->window_centre, p->window_width, edge));
    for (int row = 0; row < PHANTOM_ROWS; row++) {
      float u = range_of_row(p, row) / p->pleura_z[b];
      p->transmission[b * PHANTOM_ROWS + row] -= db * smoothstep((u - from) / over);
    }
  }
}

static void draw_beam_gain(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float slow[PHANTOM_BEAMS], fine[PHANTOM_BEAMS];
  lus_phantom_noise1(r, slow, PHANTOM_BEAMS, uniform(r, 6, 25));
  lus_phantom_noise1(r, fine, PHANTOM_BEAMS, uniform(r, 1.5, 4));
  float a = uniform(r, 0, 2.5), c = uniform(r, 0, 1.2);
  for (int b = 0; b < PHANTOM_BEAMS; b++)
    for (int row = 0; row < PHANTOM_ROWS; row++)
      p->transmission[b * PHANTOM_ROWS + row] += a * slow[b] + c * fine[b];
}

void lus_phantom_draw_wall(LusPhantom *p)
{
  static const int contact_losses[4] = { 0, 1, 2, 2 };
  LusRng *r = &p->rng;
  Wall wall = { .n_layers = 0 };
  draw_undulation(p, &wall);
  draw_layers(p, &wall);
  draw_texture(p);
  int n = p->linear ? 1 + (int)lus_rng_below(r, PHANTOM_FASCIAE) : (int)lus_rng_below(r, PHANTOM_FASCIAE + 1);
  float gap = log_uniform(r, 1.2, 5);
  for (int i = 0; i < n; i++)
    draw_fascia(p, &wall, gap);
  n = (int)lus_rng_below(r, 5);
  for (int i = 0; i < n; i++)
    draw_clutter(p);
  draw_ribs(p);
  if (chance(r, (double)p->practice->sides))
    draw_dark_sides(p);
  n = contact_losses[lus_rng_below(r, p->practice->contact)];
  for (int i = 0; i < n; i++)
    draw_contact_loss(p);
  if (chance(r, (double)p->practice->gap))
    draw_gap(p);
  if (chance(r, (double)p->practice->window))
    draw_window(p);
  draw_beam_gain(p);
}
