/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* The phantom's scene, private to phantom*.c. Lengths in mm, powers in dB unless the name says "power"
 * or "amplitude". Maps are [beam][row], so that a beam is one contiguous run. */
#include "lung/phantom.h"

#include <string.h>

enum {
  PHANTOM_ROWS = 320,  /* range samples */
  PHANTOM_BEAMS = 160,
  PHANTOM_CELLS = PHANTOM_ROWS * PHANTOM_BEAMS,
  PHANTOM_SLIDE = 40, /* beams that the lung's own maps extend beyond the picture on each side */
  PHANTOM_ABOVE = 8,  /* rows they begin above the pleura */
  PHANTOM_LUNG_BEAMS = PHANTOM_BEAMS + 2 * PHANTOM_SLIDE,
  PHANTOM_LUNG_ROWS = PHANTOM_ROWS + PHANTOM_ABOVE,
  PHANTOM_LUNG_CELLS = PHANTOM_LUNG_ROWS * PHANTOM_LUNG_BEAMS,
  PHANTOM_FASCIAE = 5,
  PHANTOM_RIDGES = 16,
  PHANTOM_GREYS = 1024,
  PHANTOM_SIZE_MAX = 2048
};

/* Shapes that one rater drew on 77 clips of a linear probe, medians per clip of 3,155 polygons and tracks, then mean and
 * standard deviation over clips. Source: annotations of cit-research/Lung-Ultrasound-A-B-lines-classification (MIT); only
 * these numbers are taken over. */
typedef struct {
  float mean, sd;
} PhantomPrior;
static const PhantomPrior PHANTOM_LINEAR_SLOPE = { -1.9f, 6.3f };     /* of the pleural line, degrees; 77 clips */
static const PhantomPrior PHANTOM_LINEAR_A_LINE = { .67f, .20f };     /* length over that of the pleural line; 32 clips */
static const PhantomPrior PHANTOM_LINEAR_VERTICAL = { .15f, .07f };   /* width over the length of the pleural line; 30 clips */

typedef struct {
  float low, high;
} PhantomRange;

/* How varied machines, bodies and hands are. P: probability. */
typedef struct {
  float linear, phased;                   /* P of such a probe, else convex; phased of those that are not linear */
  PhantomRange depth, radius, half_angle; /* of the convex one: mm, mm, degrees */
  PhantomRange pleura;                    /* its depth, mm */
  float regular_ribs, beyond;             /* P of a regular row; of its outer spaces being darker */
  PhantomRange rib_spacing, rib_width, beyond_db;
  float sides;                            /* P that the picture darkens towards both sides */
  guint contact;                          /* how many of 0, 1, 2, 2 lost sides are drawn from */
  float gap, window;                      /* P of one lost place within; of an acoustic window */
  float pleura_windowed, pleura_absent, pleura_border; /* P; border: no echo of its own stands out */
  PhantomPrior gain_slope;                /* of the residual gain, dB/cm */
  PhantomRange gain_spread;               /* of its knots, dB */
  PhantomRange floor_db;                  /* noise against the wall */
  PhantomRange compounding;
  PhantomRange display_offset, display_gamma, display_peak, display_range; /* dB */
  float in_sight;                         /* part of the beams on which the pleural line has to show */
} PhantomPractice;

/* A bright layer that belongs to the pleura or the lung below it. Its amplitude is still[beam] times
 * lung[sliding beam], and times the pleura's own where @echo. */
typedef struct {
  float position[PHANTOM_BEAMS]; /* range at rest [mm] */
  float still[PHANTOM_BEAMS];
  float lung[PHANTOM_LUNG_BEAMS];
  float thickness;
  float motion;  /* multiple of the pleura's displacement: an echo of an echo moves twice as far */
  gboolean echo;
} PhantomRidge;

/* A bright layer of the chest wall, kept for its label. */
typedef struct {
  float position[PHANTOM_BEAMS], window[PHANTOM_BEAMS];
  float thickness;
} PhantomFascia;

typedef struct {
  int x, y, width, height; /* the part of the frame that shows the scan */
  float scale_x, scale_y;  /* mm per pixel */
  float shift, top;        /* mm: lateral shift, depth of the first line */
} PhantomView;

typedef struct {
  float blur, shrink, sharpen; /* 0: not done */
  int jpeg_quality;            /* 0: not done */
} PhantomPost;

struct _LusPhantom {
  LusPhantomConfig config;
  LusPhantomInfo info;
  const PhantomPractice *practice;
  LusRng anatomy, rng; /* drawn from while the scene is made: what stays with a patient; what belongs to the clip */

  /* geometry */
  gboolean linear;
  float depth, dr, half, radius, beam_mm;
  float lateral[PHANTOM_BEAMS], reach;        /* L [mm along the pleura]; max |L| */
  float lung_lateral[PHANTOM_LUNG_BEAMS];
  float pleura_z[PHANTOM_BEAMS];              /* at rest, without its roughness */
  float roughness[PHANTOM_LUNG_BEAMS];        /* slides with the lung */
  float breath_period, breath_phase, breath_slide, breath_depth;

  /* chest wall: stays */
  float wall_mean, wall_max;
  float wall[PHANTOM_CELLS];          /* dB while drawn, power once finished */
  float layers[PHANTOM_CELLS];        /* amplitude of fasciae, ribs and other fixed layers */
  float transmission[PHANTOM_CELLS];  /* dB, then power */
  float rib[PHANTOM_CELLS];           /* 0..1: on or under a rib */
  float floor_power[PHANTOM_ROWS];
  float multipath[PHANTOM_ROWS];      /* power of what reaches even shadows, by way of other paths */
  PhantomFascia fascia[PHANTOM_FASCIAE];
  int n_fasciae;
  float window_centre, window_width;  /* acoustic window; width 0: none */

  /* pleura and lung: slide */
  float specular_width;               /* radians */
  float pleura_amplitude, pleura_thickness;
  float pleura_still[PHANTOM_BEAMS], pleura_lung[PHANTOM_LUNG_BEAMS];
  PhantomRidge ridge[PHANTOM_RIDGES];
  int n_ridges;
  float haze_level;
  float haze[PHANTOM_LUNG_CELLS];     /* dB while drawn, power once finished */
  float vertical[PHANTOM_LUNG_CELLS]; /* power of vertical lines */
  float wide[PHANTOM_LUNG_BEAMS];     /* 0..1: in a wide, confluent vertical line */
  gboolean ladder;

  /* scatterers: [0] in phase, [1] in quadrature */
  float wall_scatter[2][PHANTOM_CELLS], lung_scatter[2][PHANTOM_LUNG_CELLS];

  /* machine */
  float psf_axial, psf_lateral[PHANTOM_ROWS], compounding, phase[PHANTOM_BEAMS];
  float reference, range;             /* dB: brightest grey; dynamic range */
  float grey[PHANTOM_GREYS + 1], smooth_lateral, smooth_axial;
  PhantomView view;
  PhantomPost post;
  float *map_u, *map_v;               /* [height][width] row and beam of each pixel; map_u < 0: outside */
  guint8 *text;                       /* [height][width] burned-in grey, 0: none */

  /* working planes of lus_phantom_render */
  float pleura[PHANTOM_BEAMS], pleura_gain[PHANTOM_BEAMS], slide; /* at this moment; slide in beams */
  float power[PHANTOM_CELLS];         /* all but vertical lines */
  float vertical_power[PHANTOM_CELLS], specular[PHANTOM_CELLS];
  float field[2][PHANTOM_CELLS], scratch[PHANTOM_CELLS];
  float picture[PHANTOM_CELLS], expected[PHANTOM_CELLS]; /* grey 0..1 with and without speckle */
  float label[LUS_PHANTOM_CLASSES][PHANTOM_CELLS];
  float *image, *image_scratch, *image_sharp; /* [height][width] */
};

/* ---- small arithmetic ---- */

static inline float uniform(LusRng *rng, double low, double high)
{
  return (float)lus_rng_uniform(rng, low, high);
}

static inline float log_uniform(LusRng *rng, double low, double high)
{
  return (float)lus_rng_log_uniform(rng, low, high);
}

static inline float normal(LusRng *rng, double mean, double sd)
{
  return (float)lus_rng_normal(rng, mean, sd);
}

static inline float within(LusRng *rng, PhantomRange range)
{
  return uniform(rng, (double)range.low, (double)range.high);
}

static inline float log_within(LusRng *rng, PhantomRange range)
{
  return log_uniform(rng, (double)range.low, (double)range.high);
}

static inline float from_prior(LusRng *rng, PhantomPrior prior)
{
  return normal(rng, (double)prior.mean, (double)prior.sd);
}

static inline gboolean chance(LusRng *rng, double probability)
{
  return lus_rng_uniform01(rng) < probability;
}

static inline float clampf(float x, float low, float high)
{
  return x < low ? low : x > high ? high : x;
}

/* Smoothstep of x clipped to 0..1. */
static inline float smoothstep(float x)
{
  x = clampf(x, 0, 1);
  return x * x * (3 - 2 * x);
}

/* A window of width @w about @c with soft edges @s. */
static inline float soft_box(float t, float c, float w, float s)
{
  return smoothstep((t - (c - w / 2)) / s + .5f) * smoothstep(((c + w / 2) - t) / s + .5f);
}

/* 2^x: Taylor series of 2^f on -1/2..1/2 (relative error < 3e-6), exponent by bits. Vectorises, and does
 * not depend on libm. */
static inline float exp2_fast(float x)
{
  x = clampf(x, -120, 120);
  int whole = (int)(x + 128.5f) - 128;
  float f = (x - (float)whole) * .69314718f;
  float y = 1 + f * (1 + f * (.5f + f * (.16666667f + f * (.041666667f + f * .0083333333f))));
  gint32 bits;
  memcpy(&bits, &y, 4);
  bits += whole * 0x800000;
  memcpy(&y, &bits, 4);
  return y;
}

/* log2(x), x > 0 and normal: mantissa about 1, then 2 atanh (absolute error < 1e-6). */
static inline float log2_fast(float x)
{
  gint32 bits;
  memcpy(&bits, &x, 4);
  int exponent = (bits - 0x3f3504f3) >> 23; /* mantissa in sqrt(1/2)..sqrt(2) */
  bits -= exponent * 0x800000;
  float m;
  memcpy(&m, &bits, 4);
  float t = (m - 1) / (m + 1), t2 = t * t;
  return (float)exponent + 2.88539008f * t * (1 + t2 * (.33333333f + t2 * (.2f + t2 * .14285714f)));
}

static inline float exp_fast(float x)
{
  return exp2_fast(x * 1.44269504f);
}

static inline float power_of_db(float db)
{
  return exp2_fast(db * .33219281f);
}

static inline float amplitude_of_db(float db)
{
  return exp2_fast(db * .16609640f);
}

static inline float db_of_power(float power)
{
  return 3.01029996f * log2_fast(power);
}

/* exp(-|2d/t|^3): a layer of full thickness @t at signed distance @d. */
static inline float layer(float d, float t)
{
  float q = 2 * d / t;
  q = q < 0 ? -q : q;
  q = q * q * q;
  return exp_fast(-(q < 30 ? q : 30));
}

static inline float range_of_row(const LusPhantom *p, int row)
{
  return ((float)row + .5f) * p->dr;
}

/* ---- phantom-field.c: noise and smoothing ---- */

/* Unit-variance Gaussian noise of correlation @sigma samples, @n <= PHANTOM_LUNG_ROWS. */
void lus_phantom_noise1(LusRng *rng, float *out, int n, float sigma);
/* Adds @gain times unit-variance bilinear value noise with cells of @cell_rows x @cell_beams to
 * map[beams][rows]. */
void lus_phantom_noise2(LusRng *rng, float *map, int beams, int rows, float cell_rows, float cell_beams, float gain);
/* Gaussian smoothing along each of @lines contiguous runs; @energy: keeps the power of white noise
 * instead of the mean. */
void lus_phantom_smooth_along(float *map, int lines, int length, float sigma, gboolean energy);
/* The same across the lines, with a sigma per position along them; into @out. */
void lus_phantom_smooth_across(float *out, const float *map, int lines, int length, const float *sigma,
                               gboolean energy);
/* Adds a layer of @amplitude at range @position to a beam. */
void lus_phantom_add_layer(float *beam, float dr, float position, float thickness, float amplitude);
/* The value below which @part of the cells lie (2048 steps between the extremes). */
float lus_phantom_percentile(const float *map, int n, double part);

/* ---- the scene's parts, in the order in which they are drawn ---- */

void lus_phantom_draw_geometry(LusPhantom *p); /* phantom.c */
void lus_phantom_draw_wall(LusPhantom *p);     /* phantom-wall.c */
void lus_phantom_draw_pleura(LusPhantom *p);   /* phantom-lung.c */
void lus_phantom_draw_lung(LusPhantom *p);
void lus_phantom_draw_machine(LusPhantom *p);  /* phantom-render.c */
/* The pleura at time @seconds: p->pleura, p->pleura_gain, p->slide. */
void lus_phantom_breathe(LusPhantom *p, double seconds);
/* Fills p->power, vertical_power, specular and picture, expected. */
void lus_phantom_insonify(LusPhantom *p, double seconds);
void lus_phantom_show(LusPhantom *p);
void lus_phantom_label(LusPhantom *p);         /* phantom-label.c: p->label */

/* ---- phantom-screen.c, phantom-post.c, phantom-text.c ---- */

float lus_phantom_half_width(const LusPhantom *p); /* of the scan at its deepest, mm */
void lus_phantom_draw_view(LusPhantom *p);
gboolean lus_phantom_map_view(LusPhantom *p, GError **error); /* allocates the maps */
void lus_phantom_draw_post(LusPhantom *p);
void lus_phantom_convert(const LusPhantom *p, const float *polar, float *image);
void lus_phantom_post(LusPhantom *p, guint8 *gray, int stride);
void lus_phantom_jpeg(guint8 *gray, int stride, int width, int height, int quality);
void lus_phantom_draw_text(LusPhantom *p);
