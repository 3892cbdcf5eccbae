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

/* Pixels of a scan whose longer side is 350 pixels, in mm. */
static float drawn_pixels(const LusPhantom *p, float pixels)
{
  float high = p->view.scale_y * (float)p->view.height, wide = p->view.scale_x * (float)p->view.width;
  return MAX(high, fminf(wide, 2 * lus_phantom_half_width(p))) * pixels / 350;
}

/* How thick experts draw a line: about 7.5 such pixels, at least 1.4 mm. */
static float drawn_thickness(const LusPhantom *p, float thickness)
{
  return MAX(thickness, MAX(1.4f, drawn_pixels(p, 7.5f)));
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

/* The same for the upper border of a bright area: it may have no echo of its own that stands out of what lies below. */
static float border_contrast(const LusPhantom *p, int beam, float z, float half)
{
  const float *grey = p->expected + beam * ROWS;
  int above_n, below_n;
  float above = mean_between(p, grey, z - half - 3, z - half - .5f, &above_n);
  float below = mean_between(p, grey, z, z + half + 3, &below_n);
  return above_n && below_n ? below - above : 0;
}

/* What makes a line sure. Each pair becomes 0..1: contrast; contrast as a part of the strongest place's, because beside a
 * bright line experts doubt a faint one; of a piece, length as a part of the picture's shorter side, because short ones may be
 * anything, and what it weighs (quality times length) as a part of the heaviest one, because where one line is plain the
 * rest is taken for something else. */
typedef struct {
  float contrast[2], relative[2], length[2], weight[2];
  float faintest; /* quality at a piece's faintest place */
  float border;   /* what the mere border of a bright area counts, as a part of a ridge */
} Visibility;

static float sureness(float value, const float limits[2])
{
  return smoothstep((value - limits[0]) / (limits[1] - limits[0]));
}

/* The contrast of a line along the beams, smoothed over 2 mm. */
static void line_contrast(const LusPhantom *p, float *contrast, const float *position, float thickness, float grey_range,
                          const Visibility *v)
{
  for (int b = 0; b < BEAMS; b++) {
    float half = MAX(thickness / 2, .7f), ridge = ridge_contrast(p, b, position[b], half);
    contrast[b] = MAX(ridge, v->border * border_contrast(p, b, position[b], half)) / grey_range;
  }
  smooth_beams(p, contrast, 2, 1);
}

/* The strongest contrast that a piece of some 8 mm has. */
static float strongest_piece(const LusPhantom *p, const float *contrast, const float *window)
{
  float seen[BEAMS], best = 0;
  for (int b = 0; b < BEAMS; b++)
    seen[b] = MAX(contrast[b], 0) * window[b];
  smooth_beams(p, seen, 4, 1);
  for (int b = 0; b < BEAMS; b++)
    best = MAX(best, seen[b]);
  return best;
}

/* A run of beams on which a line may be there: quality above that of a faintest place. */
typedef struct {
  int first, end;
  float sum, squares; /* of the quality */
} Piece;

/* The first piece from beam @from on; FALSE if there is none. */
static gboolean next_piece(const float *quality, int from, float faintest, Piece *piece)
{
  *piece = (Piece){ .first = from };
  while (piece->first < BEAMS && quality[piece->first] <= faintest)
    piece->first++;
  for (piece->end = piece->first; piece->end < BEAMS && quality[piece->end] > faintest; piece->end++) {
    piece->sum += quality[piece->end];
    piece->squares += quality[piece->end] * quality[piece->end];
  }
  return piece->end > piece->first;
}

/* Experts draw a piece as one, with one confidence: its mean quality, weighted by itself, less what its length and its
 * weight leave in doubt. @heaviest: weight of the picture's heaviest piece. What is no piece stays faint. */
static void judge_pieces(const LusPhantom *p, float *quality, float heaviest, const Visibility *v)
{
  float shown = MIN(p->view.scale_x * (float)p->view.width, p->view.scale_y * (float)p->view.height), judged[BEAMS];
  Piece piece;
  for (int b = 0; b < BEAMS; b++)
    judged[b] = .2f * quality[b];
  for (int from = 0; next_piece(quality, from, v->faintest, &piece); from = piece.end) {
    float length = (float)(piece.end - piece.first) * p->beam_mm / shown;
    float confidence = piece.squares / piece.sum * (.2f + .8f * sureness(length, v->length)) *
                       (.2f + .8f * sureness(piece.sum / heaviest, v->weight));
    for (int b = piece.first; b < piece.end; b++)
      judged[b] = confidence;
  }
  memcpy(quality, judged, sizeof judged);
  smooth_beams(p, quality, .8f, .7f);
}

static float heaviest_piece(const float *quality, const Visibility *v)
{
  float heaviest = 0;
  Piece piece;
  for (int from = 0; next_piece(quality, from, v->faintest, &piece); from = piece.end)
    heaviest = MAX(heaviest, piece.sum);
  return heaviest;
}

/* How visible a line is, beam by beam. */
static void line_quality(float *quality, const float *contrast, const float *window, float strongest, const Visibility *v)
{
  for (int b = 0; b < BEAMS; b++)
    quality[b] = sureness(contrast[b], v->contrast) * sureness(contrast[b] / MAX(strongest, 1e-3f), v->relative) * window[b];
}

/* Products of several doubts never reach 1, experts do: what is .95 they call 100 %. Up to .6 nothing changes. */
static float full_scale(float q)
{
  return q <= .6f ? q : MIN(.6f + (q - .6f) * (.4f / .35f), 1);
}

/* Marks a line in @label; its middle lies .7 pixels above the echo's, because experts follow the edge that sound meets
 * first. */
static void mark_line(const LusPhantom *p, float *label, const float *position, float thickness, const float *quality)
{
  float half = drawn_thickness(p, thickness) / 2, raised = drawn_pixels(p, .7f);
  for (int b = 0; b < BEAMS; b++) {
    float q = quality[b], middle = position[b] - raised;
    int first = MAX((int)((middle - half) / p->dr) - 2, 0);
    int last = MIN((int)((middle + half) / p->dr) + 2, ROWS - 1);
    for (int row = first; q > 0 && row <= last; row++) {
      float d = fabsf(range_of_row(p, row) - middle);
      float *cell = &label[b * ROWS + row];
      *cell = MAX(*cell, full_scale(q * clampf((half - d) / .35f + .5f, 0, 1)));
    }
  }
}

/* How sure it is that what lies below a beam's line is lung: brightness 2 to 14 mm below it against the brightest
 * there. A line with darkness below may be a rib's surface or a layer of the wall. */
static void lung_below(const LusPhantom *p, float *sure, float grey_range)
{
  float brightest = 0;
  int n;
  for (int b = 0; b < BEAMS; b++)
    sure[b] = mean_between(p, p->expected + b * ROWS, p->pleura[b] + 2, p->pleura[b] + 14, &n) / grey_range;
  smooth_beams(p, sure, 2.5f, 1);
  for (int b = 0; b < BEAMS; b++)
    brightest = MAX(brightest, sure[b]);
  for (int b = 0; b < BEAMS; b++)
    sure[b] = smoothstep(((sure[b] + .03f) / (brightest + .03f) - .2f) / .45f);
}

static void label_pleura(LusPhantom *p, float grey_range)
{
  static const Visibility visibility = { { .03f, .27f }, { .15f, .68f }, { .04f, .18f }, { .45f, 1 }, .2f, .7f };
  float clear[BEAMS], contrast[BEAMS], quality[BEAMS];
  lung_below(p, clear, grey_range);
  for (int b = 0; b < BEAMS; b++) {
    int row = CLAMP((int)(p->pleura[b] / p->dr), 0, ROWS - 1);
    clear[b] = (.4f + .6f * clear[b]) * (1 - .7f * p->rib[b * ROWS + row]);
  }
  line_contrast(p, contrast, p->pleura, p->pleura_thickness, grey_range, &visibility);
  line_quality(quality, contrast, clear, strongest_piece(p, contrast, clear), &visibility);
  judge_pieces(p, quality, heaviest_piece(quality, &visibility), &visibility);
  mark_line(p, p->label[LUS_PHANTOM_PLEURAL_LINE], p->pleura, p->pleura_thickness, quality);
}

/* Where a fascia is one, 0..1: not at the pleura or below it, and less near the probe, whose bright streaks experts take
 * for skin and fat. */
static float fascia_there(const LusPhantom *p, const PhantomFascia *f, int b)
{
  float depth = f->position[b] / p->pleura[b];
  return f->position[b] < p->pleura[b] - 1.6f
           ? clampf(f->window[b] * 1.3f, 0, 1) * (.3f + .7f * smoothstep((depth - .08f) / .3f))
           : 0;
}

static void label_fasciae(LusPhantom *p, float grey_range)
{
  static const Visibility visibility = { { .09f, .40f }, { .30f, .80f }, { .10f, .26f }, { .3f, .9f }, .3f, 0 };
  float contrast[PHANTOM_FASCIAE][BEAMS], there[PHANTOM_FASCIAE][BEAMS], quality[PHANTOM_FASCIAE][BEAMS];
  float strongest = 0, heaviest = 0, *label = p->label[LUS_PHANTOM_FASCIA_BAND];
  for (int k = 0; k < p->n_fasciae; k++) {
    const PhantomFascia *f = &p->fascia[k];
    for (int b = 0; b < BEAMS; b++)
      there[k][b] = fascia_there(p, f, b);
    line_contrast(p, contrast[k], f->position, f->thickness, grey_range, &visibility);
    strongest = MAX(strongest, strongest_piece(p, contrast[k], there[k]));
  }
  for (int k = 0; k < p->n_fasciae; k++) {
    line_quality(quality[k], contrast[k], there[k], strongest, &visibility);
    heaviest = MAX(heaviest, heaviest_piece(quality[k], &visibility));
  }
  for (int k = 0; k < p->n_fasciae; k++) {
    judge_pieces(p, quality[k], heaviest, &visibility);
    mark_line(p, label, p->fascia[k].position, p->fascia[k].thickness, quality[k]);
  }
  for (int b = 0; b < BEAMS; b++) { /* none at the pleura or below it */
    int first = CLAMP((int)((p->pleura[b] - 1.6f) / p->dr), 0, ROWS);
    memset(label + b * ROWS + first, 0, (gsize)(ROWS - first) * sizeof *label);
  }
}

/* What decides about the columns below the pleura, one value per beam. */
typedef struct {
  float contrast[BEAMS]; /* brighter than both sides within 30 mm, above as below: geometric mean of the upper half's and
                            the lowest third's */
  float above[BEAMS];    /* the upper half's alone */
  float upper[BEAMS], lower[BEAMS]; /* mean grey of the upper half and of the lowest third, relative */
  float wide[BEAMS];     /* of wide, confluent lines, 0..1 */
  float share[BEAMS];    /* of the power that vertical lines make */
  float pleura[BEAMS];   /* best confidence of the pleura within 8 mm */
  float strongest, strongest_above; /* contrast, above */
} Columns;

static float lowest(const float *value, int first, int last)
{
  float low = value[first];
  for (int b = first + 1; b <= last; b++)
    low = MIN(low, value[b]);
  return low;
}

/* How much brighter than the darker of the places on its left and than the one on its right; none at the fan's edge. */
static void two_sided(const LusPhantom *p, float *contrast, const float *grey)
{
  float smooth[BEAMS];
  int near = MAX((int)(30 / MAX(p->beam_mm, 1e-3f)), 2);
  memcpy(smooth, grey, sizeof smooth);
  smooth_beams(p, smooth, 1, .7f);
  for (int b = 0; b < BEAMS; b++) {
    float left = lowest(smooth, MAX(b - near + 1, 0), b), right = lowest(smooth, b, MIN(b + near - 1, BEAMS - 1));
    contrast[b] = smooth[b] - MAX(left, right);
  }
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
  float below[BEAMS];
  for (int b = 0; b < BEAMS; b++) {
    const float *grey = p->expected + b * ROWS;
    float from = p->pleura[b] + 1.5f, deep = p->depth - p->pleura[b];
    c->share[b] = mean_between(p, share + b * ROWS, from, p->depth, &n);
    c->upper[b] = mean_between(p, grey, from, p->pleura[b] + .5f * deep, &n) / grey_range;
    c->lower[b] = mean_between(p, grey, p->pleura[b] + .66f * deep, p->depth, &n) / grey_range;
    c->wide[b] = p->wide[CLAMP((int)((float)b + PHANTOM_SLIDE + p->slide + .5f), 0, PHANTOM_LUNG_BEAMS - 1)];
  }
  two_sided(p, c->above, c->upper);
  two_sided(p, below, c->lower);
  c->strongest = c->strongest_above = 0;
  for (int b = 0; b < BEAMS; b++) {
    c->contrast[b] = sqrtf(MAX(c->above[b], 0) * MAX(below[b], 0));
    c->strongest = MAX(c->strongest, c->contrast[b]);
    c->strongest_above = MAX(c->strongest_above, c->above[b]);
  }
  measure_pleura(p, c);
}

/* A column counts by its contrast from the pleura to the bottom, absolute and against the strongest's. One that fades on
 * its way may be one: experts give it less than half. So may mere haze between shadows, which no vertical line made: a
 * quarter, or nothing if it shows horizontal echoes instead. A wide one, whose sides may lie outside the picture, also
 * counts if it stays bright to the bottom. All count less if no pleura is in sight above. */
static float column_quality(const LusPhantom *p, const Columns *c, int b)
{
  static const float contrast[2] = { .08f, .30f }, relative[2] = { .15f, .60f };
  static const float contrast_above[2] = { .05f, .20f }, relative_above[2] = { .10f, .45f };
  float made = p->info.a_lines || p->ladder ? smoothstep((c->share[b] - .12f) / .3f)
                                            : .25f + .75f * smoothstep((c->share[b] - .1f) / .22f);
  float narrow = sureness(c->contrast[b], contrast) * sureness(c->contrast[b] / MAX(c->strongest, 1e-3f), relative);
  float fading = .45f * sureness(c->above[b], contrast_above) *
                 sureness(c->above[b] / MAX(c->strongest_above, 1e-3f), relative_above);
  float wide = c->wide[b] * smoothstep((c->share[b] - .4f) / .35f) * smoothstep((c->lower[b] - .14f) / .22f) *
               smoothstep((c->lower[b] / MAX(c->upper[b], 1e-3f) - .4f) / .4f);
  return MAX(MAX(narrow, fading) * made, wide) * (.75f + .25f * smoothstep(c->pleura[b] / .3f));
}

static void label_verticals(LusPhantom *p, float grey_range)
{
  Columns c;
  float *label = p->label[LUS_PHANTOM_VERTICAL_LINE], *share = p->scratch;
  for (int i = 0; i < CELLS; i++)
    share[i] = p->vertical_power[i] /
               (p->power[i] + p->vertical_power[i] + p->specular[i] * p->specular[i] + 1e-12f);
  measure_columns(p, share, grey_range, &c);
  for (int b = 0; b < BEAMS; b++) {
    float q = column_quality(p, &c, b);
    for (int row = 0; row < ROWS; row++)
      label[b * ROWS + row] = q * smoothstep(range_of_row(p, row) - p->pleura[b]);
  }
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
