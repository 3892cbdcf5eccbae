/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The phantom's geometry and its public functions. docs/phantom.md tells what is modelled. */
#include "lung/phantom-scene.h"

#include "nn/error.h"

#include <math.h>

static const float TURN = (float)(2 * G_PI);

/* Whatever may come: what a network has to learn. */
static const PhantomPractice ANY = {
  .linear = .15f, .phased = .08f,
  .depth = { 70, 170 }, .radius = { 35, 65 }, .half_angle = { 27, 40 }, .pleura = { 7, 50 },
  .regular_ribs = .7f, .beyond = .7f,
  .rib_spacing = { 18, 45 }, .rib_width = { 7, 17 }, .beyond_db = { 2, 22 },
  .sides = .6f, .contact = 4, .gap = .3f, .window = .4f, .pleura_windowed = .5f, .pleura_absent = .07f,
  .pleura_border = .25f,
  .gain_slope = { -.6f, .55f }, .gain_spread = { 0, 4 }, .floor_db = { -58, -27 }, .compounding = { 0, .75f },
  .display_offset = { -.1f, .04f }, .display_gamma = { 1.1f, 2.8f }, .display_peak = { .36f, .74f },
  .display_range = { 38, 78 },
  .in_sight = .2f,
};

/* An exam by a protocol: a convex probe with a lung preset, on an intercostal space, gain and depth set with care. */
static const PhantomPractice EXAM = {
  .linear = 0, .phased = 0,
  .depth = { 95, 130 }, .radius = { 48, 62 }, .half_angle = { 29, 34 }, .pleura = { 11, 32 },
  .regular_ribs = 1, .beyond = .5f,
  .rib_spacing = { 30, 45 }, .rib_width = { 7, 13 }, .beyond_db = { 2, 8 },
  .sides = .3f, .contact = 2, .gap = .1f, .window = .1f, .pleura_windowed = .2f, .pleura_absent = 0,
  .pleura_border = 0,
  .gain_slope = { -.4f, .25f }, .gain_spread = { 0, 2 }, .floor_db = { -58, -46 }, .compounding = { .3f, .75f },
  .display_offset = { -.05f, .02f }, .display_gamma = { 1.3f, 2 }, .display_peak = { .5f, .74f },
  .display_range = { 50, 68 },
  .in_sight = .35f,
};

static float radians(float degrees)
{
  return degrees * (float)(G_PI / 180);
}

static void draw_probe(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  LusProbe probe = p->config.probe;
  if (probe == LUS_PROBE_RANDOM)
    probe = chance(a, (double)p->practice->linear)   ? LUS_PROBE_LINEAR
            : chance(a, (double)p->practice->phased) ? LUS_PROBE_PHASED
                                                     : LUS_PROBE_CONVEX;
  p->info.probe = probe;
  p->linear = probe == LUS_PROBE_LINEAR;
  if (p->linear) {
    p->depth = uniform(a, 40, 130);
    p->half = uniform(a, 30, 52) / 2;
    p->radius = 0;
  } else {
    p->depth = log_within(a, p->practice->depth);
    p->radius = probe == LUS_PROBE_PHASED ? uniform(a, 5, 20) : log_within(a, p->practice->radius);
    p->half = radians(within(a, p->practice->half_angle));
  }
  p->dr = p->depth / PHANTOM_ROWS;
}

/* Lateral position of each beam at the pleura's first guess, then the pleura's range by fixed-point steps. */
static void draw_pleura_curve(LusPhantom *p)
{
  LusRng *r = &p->rng;
  float depth = fminf(log_within(&p->anatomy, p->practice->pleura), .45f * p->depth);
  if (p->config.patient)
    depth = fminf(depth * log_uniform(r, .85, 1.2), .45f * p->depth);
  float side = chance(r, .5) ? 1 : -1; /* probes are held either way round */
  float slope = side * tanf(radians(p->linear ? from_prior(r, PHANTOM_LINEAR_SLOPE) : normal(r, 0, 9)));
  float curvature = normal(r, 0, .0035);
  float wave1 = TURN / uniform(r, 8, 40), height1 = (float)lus_rng_exponential(r, .35), phase1 = uniform(r, 0, TURN);
  float wave2 = TURN / uniform(r, 25, 80), height2 = (float)lus_rng_exponential(r, .8), phase2 = uniform(r, 0, TURN);
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    float t = p->half * (2 * (float)b / (PHANTOM_BEAMS - 1) - 1), z = depth, x = t;
    for (int step = 0; step < 4; step++) {
      if (!p->linear)
        x = (p->radius + z) * sinf(t);
      float y = depth + slope * x + clampf(curvature * x * x, -12, 12) + height1 * sinf(wave1 * x + phase1) +
                height2 * sinf(wave2 * x + phase2);
      z = clampf(p->linear ? y : (y + p->radius) / cosf(t) - p->radius, 3, p->depth * .8f);
    }
    p->pleura_z[b] = z;
    p->lateral[b] = p->linear ? t : (p->radius + z) * sinf(t);
    p->reach = MAX(p->reach, fabsf(p->lateral[b]));
  }
  p->info.pleura_depth_mm = depth;
}

static void draw_breathing(LusPhantom *p)
{
  LusRng *a = &p->anatomy, *r = &p->rng;
  float widest = (PHANTOM_SLIDE - 2) * p->beam_mm;
  p->breath_period = uniform(a, 3, 6);
  p->breath_slide = fminf(log_uniform(r, 1.5, 6), widest);
  p->breath_depth = uniform(r, .1, .6);
  p->breath_phase = uniform(r, 0, TURN);
}

void lus_phantom_draw_geometry(LusPhantom *p)
{
  draw_probe(p);
  draw_pleura_curve(p);
  p->beam_mm = fabsf(p->lateral[PHANTOM_BEAMS - 1] - p->lateral[0]) / PHANTOM_BEAMS;
  for (int l = 0; l < PHANTOM_LUNG_BEAMS; l++) {
    int beam = CLAMP(l - PHANTOM_SLIDE, 0, PHANTOM_BEAMS - 1);
    p->lung_lateral[l] = p->lateral[beam] + (float)(l - PHANTOM_SLIDE - beam) * p->beam_mm;
  }
  float rough = log_uniform(&p->rng, .05, .5) * .434f; /* .434: what smoothing white noise over 1.5 beams leaves */
  lus_phantom_noise1(&p->rng, p->roughness, PHANTOM_LUNG_BEAMS, 1.5f);
  for (int l = 0; l < PHANTOM_LUNG_BEAMS; l++)
    p->roughness[l] *= rough;
  draw_breathing(p);
  p->info.depth_mm = p->depth;
}

/* Everything that is drawn once, but where its pixels lie. */
static void draw_scene(LusPhantom *p)
{
  lus_phantom_draw_geometry(p);
  lus_phantom_draw_view(p); /* before what needs its scale: labels are as thick as experts draw them */
  lus_phantom_draw_wall(p);
  lus_phantom_draw_pleura(p);
  lus_phantom_draw_lung(p);
  lus_phantom_draw_machine(p);
}

/* The part of the beams on which an unbiased expert marks the pleural line. */
static float pleura_in_sight(LusPhantom *p)
{
  int marked = 0;
  lus_phantom_insonify(p, 0);
  lus_phantom_show(p);
  lus_phantom_label(p);
  for (int b = 0; b < PHANTOM_BEAMS; b++) {
    const float *label = p->label[LUS_PHANTOM_PLEURAL_LINE] + b * PHANTOM_ROWS;
    float best = 0;
    for (int row = 0; row < PHANTOM_ROWS; row++)
      best = MAX(best, label[row]);
    marked += best >= .6f;
  }
  return (float)marked / PHANTOM_BEAMS;
}

/* The scene that attempt number @attempt of holding the probe shows. */
static void place_probe(LusPhantom *p, int attempt)
{
  const LusPhantomConfig config = p->config;
  const PhantomPractice *practice = p->practice;
  memset(p, 0, sizeof *p);
  p->config = config;
  p->practice = practice;
  lus_rng_init(&p->rng, config.seed + (guint64)attempt * G_GUINT64_CONSTANT(0x70726f6265), config.stream);
  if (config.patient)
    lus_rng_init(&p->anatomy, ~config.seed, config.patient);
  else
    lus_rng_init(&p->anatomy, config.seed ^ G_GUINT64_CONSTANT(0x616e61746f6d79), config.stream);
  draw_scene(p);
}

/* Who examines a patient moves the probe until the pleural line shows, and takes the best of what was tried otherwise.
 * Other scenes are as often taken as they come; some have a patient's water, and some of these a patient's examiner. */
static void find_window(LusPhantom *p)
{
  enum { ATTEMPTS = 12 };
  LusRng r;
  lus_rng_init(&r, ~p->config.seed, ~p->config.stream);
  p->practice = p->config.patient ? &EXAM : &ANY;
  if (p->config.water < 0 && chance(&r, .3)) {
    p->config.water = lus_rng_uniform(&r, 0, 1);
    p->practice = chance(&r, .6) ? &EXAM : &ANY;
  }
  int attempts = p->config.patient || chance(&r, .35) ? ATTEMPTS : 1, best = 0;
  float most = -1;
  for (int i = 0; i < attempts; i++) {
    place_probe(p, i);
    float seen = attempts > 1 ? pleura_in_sight(p) : 1;
    if (seen >= p->practice->in_sight)
      return;
    if (seen > most) {
      most = seen;
      best = i;
    }
  }
  place_probe(p, best);
}

void lus_phantom_config_init(LusPhantomConfig *config)
{
  *config = (LusPhantomConfig){ .width = 256, .height = 256, .probe = LUS_PROBE_RANDOM, .water = -1 };
}

LusPhantom *lus_phantom_new(const LusPhantomConfig *config, GError **error)
{
  if (config->width < LUS_FRAME_MIN || config->width > PHANTOM_SIZE_MAX || config->height < LUS_FRAME_MIN ||
      config->height > PHANTOM_SIZE_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "phantom: frame of %d x %d pixels, choose %d to %d", config->width,
                config->height, LUS_FRAME_MIN, PHANTOM_SIZE_MAX);
    return NULL;
  }
  if (config->probe < LUS_PROBE_RANDOM || config->probe > LUS_PROBE_PHASED || !(config->water <= 1)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "phantom: probe %d, lung water %g: choose a known probe, and water of at most 1", config->probe,
                config->water);
    return NULL;
  }
  LusPhantom *p = g_try_new0(LusPhantom, 1);
  if (!p) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "phantom: no memory for a scene of %zu bytes", sizeof *p);
    return NULL;
  }
  p->config = *config;
  find_window(p);
  lus_phantom_draw_post(p);
  if (!lus_phantom_map_view(p, error)) {
    lus_phantom_free(p);
    return NULL;
  }
  lus_phantom_draw_text(p);
  return p;
}

void lus_phantom_free(LusPhantom *p)
{
  if (!p)
    return;
  g_free(p->map_u);
  g_free(p->map_v);
  g_free(p->text);
  g_free(p->image);
  g_free(p->image_scratch);
  g_free(p->image_sharp);
  g_free(p);
}

void lus_phantom_info(const LusPhantom *p, LusPhantomInfo *info)
{
  *info = p->info;
}

/* Labels of one class in frame geometry, in whole percent. */
static void convert_label(LusPhantom *p, int class, guint8 *out)
{
  gsize n = (gsize)p->config.width * p->config.height;
  lus_phantom_convert(p, p->label[class], p->image);
  for (gsize i = 0; i < n; i++)
    out[i] = (guint8)(clampf(p->image[i], 0, 1) * 100 + .5f);
}

void lus_phantom_render(LusPhantom *p, double seconds, guint8 *gray, int stride, guint8 *labels)
{
  lus_phantom_insonify(p, seconds);
  lus_phantom_show(p);
  lus_phantom_convert(p, p->picture, p->image);
  lus_phantom_post(p, gray, stride);
  if (!labels)
    return;
  lus_phantom_label(p);
  for (int c = 0; c < LUS_PHANTOM_CLASSES; c++)
    convert_label(p, c, labels + (gsize)c * p->config.width * p->config.height);
}
