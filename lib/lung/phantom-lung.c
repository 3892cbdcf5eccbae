/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pleura and what lies below it: haze, echoes of the pleura (A-lines) and vertical lines (B-lines).
 * These maps have their own beams, wider than the picture, and begin at the pleura, because they slide
 * along it. */
#include "lung/phantom-scene.h"

#include <math.h>

enum { BEAMS = PHANTOM_BEAMS, LUNG_BEAMS = PHANTOM_LUNG_BEAMS, LUNG_ROWS = PHANTOM_LUNG_ROWS };

/* Depth below the pleura of a row of the lung's maps. */
static float lung_depth(const LusPhantom *p, int row)
{
  return (float)(row - PHANTOM_ABOVE) * p->dr;
}

/* Soft window along the lung's beams. */
static void lung_box(const LusPhantom *p, float *out, float centre, float width, float edge)
{
  for (int l = 0; l < LUNG_BEAMS; l++)
    out[l] = soft_box(p->lung_lateral[l], centre, width, edge);
}

static float somewhere(LusPhantom *p)
{
  return uniform(&p->rng, -p->reach, p->reach);
}

/* ---- pleura ---- */

static void draw_pleura_amplitude(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float patches[LUNG_BEAMS], window[LUNG_BEAMS];
  p->specular_width = uniform(r, 12, 30) * (float)(G_PI / 180);
  gboolean border = chance(r, (double)p->practice->pleura_border); /* of bright lung, hardly an echo of its own */
  p->pleura_amplitude = amplitude_of_db(p->wall_max + normal(r, border ? 2 : 13, 5));
  p->pleura_thickness = log_uniform(r, .7, 2);
  float patchy = uniform(r, .1, .5);
  lus_phantom_noise1(r, patches, LUNG_BEAMS, uniform(r, 2, 12));
  for (int l = 0; l < LUNG_BEAMS; l++)
    p->pleura_lung[l] = clampf(1 + patchy * patches[l], .05f, 2);
  int breaks = chance(r, .45) ? (int)lus_rng_below(r, 4) : 0;
  for (int i = 0; i < breaks; i++) {
    float loss = uniform(r, .5, 1), centre = somewhere(p);
    lung_box(p, window, centre, log_uniform(r, 1.5, 9), 1.5f);
    for (int l = 0; l < LUNG_BEAMS; l++)
      p->pleura_lung[l] *= 1 - loss * window[l];
  }
  gboolean windowed = chance(r, (double)p->practice->pleura_windowed);
  float centre = normal(r, 0, 9), width = log_uniform(r, 10, 60), edge = uniform(r, 2, 8), outside = uniform(r, 0, .25);
  float all = chance(r, (double)p->practice->pleura_absent) ? .05f : 1; /* nearly absent */
  for (int b = 0; b < BEAMS; b++)
    p->pleura_still[b] = all * (outside + .75f * (windowed ? soft_box(p->lateral[b], centre, width, edge) : 1));
}

/* A ridge parallel to the pleura: @multiple times its range, @offset mm deeper, same amplitude everywhere. */
static PhantomRidge *add_ridge(LusPhantom *p, float multiple, float offset, float thickness, float amplitude)
{
  PhantomRidge *ridge = &p->ridge[p->n_ridges++];
  ridge->thickness = thickness;
  ridge->motion = multiple;
  ridge->echo = TRUE;
  for (int b = 0; b < BEAMS; b++) {
    ridge->position[b] = multiple * p->pleura_z[b] + offset;
    ridge->still[b] = amplitude;
  }
  for (int l = 0; l < LUNG_BEAMS; l++)
    ridge->lung[l] = 1;
  return ridge;
}

void lus_phantom_draw_pleura(LusPhantom *p)
{
  LusRng *r = &p->rng;
  draw_pleura_amplitude(p);
  float t = p->pleura_thickness, patches[LUNG_BEAMS];
  add_ridge(p, 1, 0, t, p->pleura_amplitude);
  if (!chance(r, .4))
    return;
  float below = t * uniform(r, 1.3, 3); /* a double echo just under the pleura */
  PhantomRidge *echo = add_ridge(p, 1, below, t, p->pleura_amplitude * uniform(r, .1, .6));
  lus_phantom_noise1(r, patches, LUNG_BEAMS, 5);
  for (int l = 0; l < LUNG_BEAMS; l++)
    echo->lung[l] = clampf(patches[l], 0, 2);
}

/* ---- haze ---- */

/* Scattered sound between the lines. Where the lung's water is known it fades: what stays bright to the bottom is a
 * vertical line. */
static void draw_haze(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float decay = 0;
  if (p->config.water >= 0) {
    p->haze_level = p->wall_mean + normal(r, -12, 3);
    decay = log_uniform(r, 1.5, 6) / 10;
  } else {
    p->haze_level = p->wall_mean + normal(r, -11, 6);
    gboolean even = chance(r, p->info.a_lines ? .6 : .35);
    decay = (even ? (float)lus_rng_exponential(r, .8) : log_uniform(r, .8, 6)) / 10;
  }
  for (int l = 0; l < LUNG_BEAMS; l++)
    for (int i = 0; i < LUNG_ROWS; i++)
      p->haze[l * LUNG_ROWS + i] = p->haze_level - decay * lung_depth(p, i);
  float rows = uniform(r, 6, 40) / p->dr, beams = uniform(r, 6, 30);
  lus_phantom_noise2(r, p->haze, LUNG_BEAMS, LUNG_ROWS, rows, beams, uniform(r, .5, 3));
}

/* Bright just under the pleura, gone within a few centimetres. */
static void draw_near_haze(LusPhantom *p)
{
  LusRng *r = &p->rng;
  g_autofree float *near = g_new(float, PHANTOM_LUNG_CELLS);
  float lateral[LUNG_BEAMS], level = p->wall_mean + normal(r, -2, 5), decay = log_uniform(r, .15, 1.5);
  lus_phantom_noise1(r, lateral, LUNG_BEAMS, uniform(r, 3, 15));
  float varies = uniform(r, 0, 3);
  for (int l = 0; l < LUNG_BEAMS; l++)
    for (int i = 0; i < LUNG_ROWS; i++)
      near[l * LUNG_ROWS + i] = level - decay * lung_depth(p, i) + varies * lateral[l];
  float rows = log_uniform(r, .6, 3) / p->dr, beams = uniform(r, 5, 20);
  lus_phantom_noise2(r, near, LUNG_BEAMS, LUNG_ROWS, rows, beams, uniform(r, .5, 4));
  for (int i = 0; i < PHANTOM_LUNG_CELLS; i++)
    p->haze[i] = db_of_power(power_of_db(clampf(p->haze[i], -90, 40)) + power_of_db(clampf(near[i], -90, 40)));
}

/* The chest wall's texture seen again below the pleura. */
static void draw_mirrored_wall(LusPhantom *p)
{
  float offset = p->haze_level - p->wall_mean - uniform(&p->rng, 0, 6);
  float decay = (float)lus_rng_exponential(&p->rng, 1.8) / 10;
  for (int l = 0; l < LUNG_BEAMS; l++) {
    int b = CLAMP(l - PHANTOM_SLIDE, 0, BEAMS - 1);
    int period = MAX((int)(p->pleura_z[b] / p->dr), 2);
    for (int i = PHANTOM_ABOVE; i < LUNG_ROWS; i++) {
      float mirrored = p->wall[b * PHANTOM_ROWS + (i - PHANTOM_ABOVE) % period] + offset - decay * lung_depth(p, i);
      float *haze = &p->haze[l * LUNG_ROWS + i], mixed = .3f * *haze + .7f * mirrored;
      *haze = MAX(*haze, mixed);
    }
  }
}

/* ---- echoes of the pleura ---- */

static void draw_a_lines(LusPhantom *p, int n)
{
  LusRng *r = &p->rng;
  float patches[LUNG_BEAMS], level = uniform(r, -14, 0);
  for (int k = 1; k <= n; k++) {
    float thickness = p->pleura_thickness * uniform(r, 1, 1.8), offset = normal(r, 0, .3);
    float amplitude = p->pleura_amplitude * amplitude_of_db(level - (float)k * uniform(r, 1.5, 5));
    PhantomRidge *line = add_ridge(p, (float)(k + 1), offset, thickness, amplitude);
    float centre = normal(r, 0, 6), width = log_uniform(r, 8, 50);
    if (p->linear)
      width = 2 * p->reach * clampf(from_prior(r, PHANTOM_LINEAR_A_LINE), .2f, 1);
    lus_phantom_noise1(r, patches, LUNG_BEAMS, 5);
    for (int b = 0; b < BEAMS; b++)
      line->still[b] *= soft_box(p->lateral[b], centre, width, 5);
    for (int l = 0; l < LUNG_BEAMS; l++)
      line->lung[l] = clampf(1 + .5f * patches[l], 0, 2);
  }
}

static void draw_other_echoes(LusPhantom *p)
{
  LusRng *r = &p->rng;
  int n = 1 + (int)lus_rng_below(r, 7);
  float about = .7f * somewhere(p);
  for (int i = 0; i < n; i++) {
    float multiple = log_uniform(r, 1.08, 3.2), thickness = log_uniform(r, .6, 2.2);
    float amplitude = p->pleura_amplitude * amplitude_of_db(uniform(r, -28, -6));
    PhantomRidge *echo = add_ridge(p, multiple, 0, thickness, amplitude);
    echo->echo = FALSE; /* of some layer of the wall, not of the pleura */
    float centre = about + normal(r, 0, 6), width = log_uniform(r, 4, 25);
    for (int b = 0; b < BEAMS; b++)
      echo->still[b] *= soft_box(p->lateral[b], centre, width, 4);
  }
}

/* A bright window full of dense horizontal echoes, a frequent look-alike of confluent vertical lines. */
static void draw_ladder(LusPhantom *p)
{
  LusRng *r = &p->rng;
  gboolean in_window = p->window_width > 0;
  float centre = in_window ? p->window_centre + normal(r, 0, 2) : .7f * somewhere(p);
  float width = in_window ? p->window_width * uniform(r, .5, 1.2) : log_uniform(r, 8, 30);
  float spacing = log_uniform(r, 1.5, 4.5), thickness = spacing * uniform(r, .35, .7);
  float edge = width * uniform(r, .2, .6);
  float level = uniform(r, -16, -4), decay = uniform(r, .05, .3);
  p->ladder = TRUE;
  for (float z = spacing; z < p->depth; z += spacing * uniform(r, .9, 1.1)) {
    float step = p->pleura_amplitude * amplitude_of_db(level + normal(r, 0, 2.5) - decay * z);
    for (int b = 0; b < BEAMS; b++)
      lus_phantom_add_layer(p->layers + b * PHANTOM_ROWS, p->dr, p->pleura_z[b] + z, thickness,
                            step * soft_box(p->lateral[b], centre, width, edge));
  }
}

/* ---- organ or consolidation in place of air ---- */

static void draw_consolidation(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float part[LUNG_BEAMS], level = p->wall_mean + normal(r, -6, 7);
  float side = chance(r, .5) ? -1 : 1, from = uniform(r, -15, 20), edge = uniform(r, 3, 20);
  gboolean partial = chance(r, .7);
  for (int l = 0; l < LUNG_BEAMS; l++)
    part[l] = partial ? smoothstep((p->lung_lateral[l] * side - from) / edge + .5f) : 1;
  g_autofree float *texture = g_new0(float, PHANTOM_LUNG_CELLS);
  lus_phantom_noise2(r, texture, LUNG_BEAMS, LUNG_ROWS, 8 / p->dr, 15, uniform(r, .5, 3));
  for (int l = 0; l < LUNG_BEAMS; l++)
    for (int i = l * LUNG_ROWS; i < (l + 1) * LUNG_ROWS; i++)
      p->haze[i] += part[l] * (level + texture[i] - p->haze[i]);
  for (int k = 1; k < p->n_ridges; k++)
    for (int l = 0; l < LUNG_BEAMS; l++)
      p->ridge[k].lung[l] *= 1 - part[l];
  p->info.consolidation = TRUE;
  if (!chance(r, .6))
    return;
  float thickness = log_uniform(r, 1, 4), amplitude = p->pleura_amplitude * amplitude_of_db(uniform(r, -10, 3));
  PhantomRidge *diaphragm = add_ridge(p, 1, 0, thickness, amplitude);
  float deep = (float)p->info.pleura_depth_mm + uniform(r, 15, 70), slope = uniform(r, -.8, .8);
  float bend = uniform(r, 0, .012);
  diaphragm->echo = FALSE;
  memcpy(diaphragm->lung, part, sizeof part);
  for (int b = 0; b < BEAMS; b++) {
    float x = p->lateral[b];
    diaphragm->position[b] = deep + slope * x + bend * x * x;
  }
}

/* ---- vertical lines ---- */

typedef struct {
  float centre, width, level;
} Vertical;

/* Where sound gets through and the pleura is seen, there vertical lines are seen. */
static float visible_lateral(LusPhantom *p)
{
  float weight[BEAMS], sum = 0;
  for (int b = 0; b < BEAMS; b++) {
    float db = p->transmission[b * PHANTOM_ROWS + PHANTOM_ROWS - 1];
    weight[b] = power_of_db(clampf(db, -30, 10)) * (p->pleura_gain[b] + .1f) + 1e-6f;
    sum += weight[b];
  }
  float left = uniform(&p->rng, 0, sum);
  int b = 0;
  while (b < BEAMS - 1 && left >= weight[b])
    left -= weight[b++];
  return p->lateral[b];
}

/* Texture along a line: the comet's sinusoid, slow changes, and a faint ladder, in dB per row. */
static void draw_comet(LusPhantom *p, float *db)
{
  LusRng *r = &p->rng;
  float noise[LUNG_ROWS];
  memset(db, 0, LUNG_ROWS * sizeof *db);
  if (chance(r, .6)) {
    float amplitude = uniform(r, .5, 3), wave = (float)(2 * G_PI) / uniform(r, 1.2, 6);
    lus_phantom_noise1(r, noise, LUNG_ROWS, 20);
    for (int i = 0; i < LUNG_ROWS; i++)
      db[i] += amplitude * sinf(wave * lung_depth(p, i) + noise[i]);
  }
  lus_phantom_noise1(r, noise, LUNG_ROWS, uniform(r, 8, 40) / p->dr * .3f);
  float slow = uniform(r, 0, 1.5);
  for (int i = 0; i < LUNG_ROWS; i++)
    db[i] += slow * noise[i];
  lus_phantom_noise1(r, noise, LUNG_ROWS, log_uniform(r, .3, 1.2) / p->dr);
  float ladder = uniform(r, 0, 1.75);
  for (int i = 0; i < LUNG_ROWS; i++)
    db[i] += ladder * noise[i];
}

/* Adds one line to @power; @length > 0: it fades within that many mm, as a comet tail does. */
static void draw_vertical(LusPhantom *p, const Vertical *v, float *power, float *covered, float length)
{
  LusRng *r = &p->rng;
  float profile[LUNG_BEAMS], uneven[LUNG_BEAMS], row[LUNG_ROWS], db[LUNG_ROWS];
  float unevenness = uniform(r, 0, .35), decay = (float)lus_rng_exponential(r, .35) / 10;
  lung_box(p, profile, v->centre, v->width, fmaxf(.8f, v->width * uniform(r, .3, 1.3)));
  lus_phantom_noise1(r, uneven, LUNG_BEAMS, uniform(r, 1, 5));
  draw_comet(p, db);
  for (int i = 0; i < LUNG_ROWS; i++) {
    float depth = lung_depth(p, i), fade = length > 0 ? exp_fast(-2.3f * MAX(depth, 0) / length) : 1;
    row[i] = power_of_db(v->level - decay * depth + db[i]) * smoothstep(depth / 1.5f) * fade;
  }
  for (int l = 0; l < LUNG_BEAMS; l++) {
    profile[l] *= clampf(1 + unevenness * uneven[l], .05f, 2);
    if (covered)
      covered[l] = MAX(covered[l], profile[l]);
    if (covered && v->width >= 12)
      p->wide[l] = MAX(p->wide[l], MIN(profile[l], 1));
    for (int i = 0; profile[l] > 0 && i < LUNG_ROWS; i++)
      power[l * LUNG_ROWS + i] += profile[l] * row[i];
  }
}

/* Training's mixture: how many, how wide, how bright. */
static Vertical random_vertical(LusPhantom *p, gboolean first)
{
  LusRng *r = &p->rng;
  float kind = uniform(r, 0, 1);
  Vertical v;
  v.width = kind < .45f ? log_uniform(r, 1.5, 5) : kind < .85f ? log_uniform(r, 5, 16) : log_uniform(r, 16, 35);
  if (p->linear && chance(r, .7))
    v.width = 2 * p->reach * clampf(from_prior(r, PHANTOM_LINEAR_VERTICAL), .03f, .5f);
  v.centre = visible_lateral(p) + normal(r, 0, 1);
  if (p->window_width > 0 && first && chance(r, .55)) { /* fills the acoustic window */
    v.centre = p->window_centre + normal(r, 0, 2);
    v.width = p->window_width * uniform(r, .4, 1.2);
  }
  v.level = p->haze_level + normal(r, 10, 6);
  return v;
}

/* Room between a line of @width around @centre and the nearest of the @n before; negative: they overlap. */
static float room_beside(const Vertical *lines, int n, float centre, float width)
{
  float room = 1000;
  for (int i = 0; i < n; i++)
    room = MIN(room, fabsf(lines[i].centre - centre) - .5f * (lines[i].width + width));
  return room;
}

/* A line is bright from the first (Volpicelli et al. 2012: discrete, laser-like); a wetter lung has wider ones, in the
 * end confluent. They stand beside each other, as the septa do (Lichtenstein 1997: 7 mm apart), while there is room. */
static Vertical wet_vertical(LusPhantom *p, float water, const Vertical *before, int n)
{
  enum { PLACES = 60 };
  LusRng *r = &p->rng;
  Vertical v;
  float most = -G_MAXFLOAT;
  v.width = chance(r, water * water) ? log_uniform(r, 8, 20) : log_uniform(r, 2, 4) * (1 + water);
  for (int i = 0; i < PLACES && most < 4; i++) {
    float centre = visible_lateral(p), room = room_beside(before, n, centre, v.width);
    if (room > most) {
      most = room;
      v.centre = centre;
    }
  }
  v.level = p->haze_level + normal(r, 12 + 3 * water, 2);
  return v;
}

#define MOST_VERTICALS 7

static int count_verticals(LusPhantom *p)
{
  static const int counts[8] = { 1, 1, 1, 2, 2, 3, 4, 6 };
  LusRng *r = &p->rng;
  float water = (float)p->config.water;
  if (water >= 0) /* dry lung shows none; the wettest six and a white background */
    return water < .05f ? 0 : (int)(water * 6 + uniform(r, 0, 1));
  if (chance(r, .68) || (p->ladder && chance(r, .7)))
    return 0;
  return counts[lus_rng_below(r, 8)];
}

static void draw_verticals(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float covered[LUNG_BEAMS] = { 0 }, water = (float)p->config.water;
  g_autofree float *tails = g_new0(float, PHANTOM_LUNG_CELLS);
  int n = count_verticals(p);
  Vertical lines[MOST_VERTICALS];
  for (int i = 0; i < n; i++) {
    Vertical v = water >= 0 ? wet_vertical(p, water, lines, i) : random_vertical(p, i == 0);
    gboolean tail = water < 0 && chance(r, .12), fades = water < 0 && !tail && chance(r, .35);
    lines[i] = v;
    draw_vertical(p, &v, tail ? tails : p->vertical, tail ? NULL : covered,
                  tail ? uniform(r, 5, 30) : fades ? uniform(r, 30, 120) : 0);
    p->info.vertical_lines += !tail;
  }
  if (water > .85f) { /* white lung */
    Vertical v = { .width = 4 * p->reach, .level = p->haze_level + normal(r, 10, 2) };
    draw_vertical(p, &v, p->vertical, covered, 0);
    p->info.vertical_lines++;
  }
  for (int i = 0; i < PHANTOM_LUNG_CELLS; i++)
    p->haze[i] = power_of_db(clampf(p->haze[i], -80, 40)) + tails[i];
  for (int k = 1; k < p->n_ridges; k++) /* vertical lines hide horizontal ones */
    for (int l = 0; l < LUNG_BEAMS; l++)
      p->ridge[k].lung[l] *= 1 - .8f * MIN(covered[l], 1);
}

void lus_phantom_draw_lung(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float water = (float)p->config.water;
  lus_phantom_breathe(p, 0);
  p->info.a_lines = chance(r, water >= 0 ? .9 * (1 - water) : .6);
  draw_haze(p);
  if (chance(r, .75))
    draw_near_haze(p);
  if (chance(r, .6))
    draw_mirrored_wall(p);
  if (p->info.a_lines)
    draw_a_lines(p, 1 + (int)lus_rng_below(r, 4));
  if (chance(r, .4))
    draw_other_echoes(p);
  if (chance(r, p->window_width > 0 ? .1 : .04))
    draw_ladder(p);
  if (chance(r, water >= 0 ? .04 : .1))
    draw_consolidation(p);
  draw_verticals(p);
}
