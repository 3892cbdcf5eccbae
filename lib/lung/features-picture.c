/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/features-internal.h"

#include <math.h>
#include <string.h>

#define LIT_GREY 3
#define CONTACT_PART 0.2
/* Bands of this height above and below the pleural line are compared with the frame before, in % of the sector. */
#define SLIDING_BAND 12.0
/* Echoes are looked for this far around the multiples of the depth, and must stand out by this much of full white. */
#define ECHO_REACH 3.0
#define ECHO_MIN_CONTRAST 3.0
#define ECHO_FIRST 2
#define ECHO_LAST 4

static double percent(double part, double whole)
{
  return whole > 0 ? 100.0 * part / whole : NAN;
}

gboolean lus_features_take_picture(LusFeatureMeter *m, const LusImage *image)
{
  int width = MAX(1, m->width / 2), height = MAX(1, m->height / 2);
  guint8 *last = m->last;
  if ((gsize)m->rect.width > m->line_size) {
    g_free(m->line);
    m->line = g_try_malloc((gsize)m->rect.width);
    m->line_size = m->line ? (gsize)m->rect.width : 0;
    if (!m->line)
      return FALSE;
  }
  m->last = m->luma;
  m->luma = last;
  m->has_last = m->has_luma;
  m->has_luma = TRUE;
  for (int y = 0; y < height; y++) {
    guint8 *out = m->luma + (gsize)y * (gsize)width;
    int row = CLAMP(m->rect.y + (int)((2 * y + 1) * (gint64)m->rect.height / m->height), 0, image->height - 1);
    int x0 = CLAMP(m->rect.x, 0, image->width - 1), n = MIN(m->rect.width, image->width - x0);
    lus_image_luma_row(m->line, image, x0, row, n);
    for (int x = 0; x < width; x++)
      out[x] = m->line[MIN(m->pick[x], n - 1)];
  }
  return TRUE;
}

static const guint8 *luma_at(const LusFeatureMeter *m, const guint8 *luma, const LusBeam *beam, int row)
{
  int width = MAX(1, m->width / 2), height = MAX(1, m->height / 2);
  return luma + (gsize)MIN(row / 2, height - 1) * (gsize)width + MIN(lus_beam_column(beam, row) / 2, width - 1);
}

static void measure_contact(double *out, const LusFeatureMeter *m)
{
  double contact = 0, all = 0;
  for (int b = 0; b < m->n_beams; b += 2) {
    const LusBeam *beam = &m->beams[b];
    int to = beam->top + (int)(CONTACT_PART * (beam->bottom - beam->top)), sum = 0, n = 0;
    for (int y = beam->top; y < to; y += 2, n++)
      sum += *luma_at(m, m->luma, beam, y);
    if (n == 0)
      continue;
    all += (double)beam->weight;
    contact += sum > LIT_GREY * n ? (double)beam->weight : 0;
  }
  out[LUS_FEATURE_IMAGE_CONTACT] = percent(contact, all);
}

void lus_features_picture(double *out, LusFeatureMeter *m)
{
  int width = MAX(1, m->width / 2), height = MAX(1, m->height / 2);
  gint64 n = m->n_inside, sum = 0, squares = 0, lit = 0;
  for (int y = 0; y < height; y++) {
    const guint8 *luma = m->luma + (gsize)y * (gsize)width, *inside = m->inside + (gsize)y * (gsize)width;
    int row_sum = 0, row_squares = 0, row_lit = 0;
    for (int x = 0; x < width; x++) {
      int grey = luma[x] & inside[x];
      row_sum += grey;
      row_squares += grey * grey;
      row_lit += grey > LIT_GREY;
    }
    sum += row_sum;
    squares += row_squares;
    lit += row_lit;
  }
  if (n == 0)
    return;
  double mean = (double)sum / (double)n;
  out[LUS_FEATURE_IMAGE_BRIGHTNESS] = mean / 2.55;
  out[LUS_FEATURE_IMAGE_CONTRAST] = sqrt(MAX(0.0, (double)squares / (double)n - mean * mean)) / 2.55;
  out[LUS_FEATURE_IMAGE_LIT] = percent((double)lit, (double)n);
  measure_contact(out, m);
}

/** Mean grey along the pleural line's beams at @multiple of their pleural depth, @offset rows deeper; NaN where fewer
 *  than half of them reach it. */
static double echo_grey(const LusFeatureMeter *m, int multiple, int offset)
{
  gint64 sum = 0;
  int n = 0, reached = 0;
  for (int b = 0; b < m->n_beams; b += 4) {
    const LusBeam *beam = &m->beams[b];
    if (beam->pleura_top < 0)
      continue;
    int row = beam->top + multiple * ((beam->pleura_top + beam->pleura_bottom) / 2 - beam->top) + offset;
    n++;
    if (row < beam->pleura_bottom || row >= beam->bottom)
      continue;
    sum += *luma_at(m, m->luma, beam, row);
    reached++;
  }
  return 2 * reached >= n && reached > 0 ? (double)sum / reached : NAN;
}

/** Strongest grey near the multiple over the mean of both ends, in % of full white; NaN beyond the picture. */
static double echo_contrast(const LusFeatureMeter *m, int multiple)
{
  int reach = MAX(2, (int)(ECHO_REACH * m->rows / 100));
  double strongest = -INFINITY, before = echo_grey(m, multiple, -2 * reach), behind = echo_grey(m, multiple, 2 * reach);
  for (int offset = -reach; offset <= reach; offset += 2)
    strongest = fmax(strongest, echo_grey(m, multiple, offset));
  return (strongest - (before + behind) / 2) / 2.55;
}

static void measure_echoes(double *out, const LusFeatureMeter *m)
{
  double strongest = NAN;
  int count = 0;
  for (int multiple = ECHO_FIRST; multiple <= ECHO_LAST; multiple++) {
    double contrast = echo_contrast(m, multiple);
    if (!isfinite(contrast))
      break;
    strongest = fmax(strongest, MAX(contrast, 0.0));
    count += contrast >= ECHO_MIN_CONTRAST;
  }
  out[LUS_FEATURE_A_LINE_CONTRAST] = strongest;
  if (m->a_line < 0 && !isnan(strongest))
    out[LUS_FEATURE_A_LINE_COUNT] = count;
}

static void count_a_lines(double *out, const LusFeatureMeter *m)
{
  const guint8 *mask = lus_feature_plane(m, m->mask->planes, m->a_line);
  double bands = 0;
  for (int b = 0; b < m->n_beams; b++) {
    const LusBeam *beam = &m->beams[b];
    gboolean inside = FALSE;
    for (int y = beam->pleura_bottom; beam->pleura_top >= 0 && y < beam->bottom; y++) {
      gboolean set = mask[lus_beam_pixel(m, beam, y)] != 0;
      bands += set && !inside ? (double)beam->weight : 0;
      inside = set;
    }
  }
  out[LUS_FEATURE_A_LINE_COUNT] = bands / m->pleura_total;
}

static void measure_intensity(double *out, const LusFeatureMeter *m)
{
  gint64 sum = 0, n = 0;
  for (int b = 0; b < m->n_beams; b++) {
    const LusBeam *beam = &m->beams[b];
    for (int y = beam->pleura_bottom; beam->vertical && y < beam->bottom; y += 2, n++)
      sum += *luma_at(m, m->luma, beam, y);
  }
  if (n > 0)
    out[LUS_FEATURE_VERTICAL_INTENSITY] = (double)sum / (double)n / 2.55;
}

/** Sums for a correlation. */
typedef struct {
  gint64 n, x, y, xx, yy, xy;
} Pairs;

static void add_pairs(Pairs *p, const LusFeatureMeter *m, const LusBeam *beam, int from, int to)
{
  for (int y = MAX(from, beam->top); y < MIN(to, beam->bottom); y += 2) {
    int a = *luma_at(m, m->luma, beam, y), b = *luma_at(m, m->last, beam, y);
    p->n++;
    p->x += a;
    p->y += b;
    p->xx += a * a;
    p->yy += b * b;
    p->xy += a * b;
  }
}

static double correlation(const Pairs *p)
{
  double n = (double)p->n, x = (double)p->x, y = (double)p->y;
  double xx = (double)p->xx - x * x / n, yy = (double)p->yy - y * y / n, xy = (double)p->xy - x * y / n;
  return p->n > 1 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

static void measure_sliding(double *out, const LusFeatureMeter *m)
{
  Pairs above = {0}, below = {0};
  int band = MAX(2, (int)(SLIDING_BAND * m->rows / 100));
  for (int b = 0; b < m->n_beams; b += 4) {
    const LusBeam *beam = &m->beams[b];
    if (beam->pleura_top < 0)
      continue;
    add_pairs(&above, m, beam, beam->pleura_top - band, beam->pleura_top);
    add_pairs(&below, m, beam, beam->pleura_bottom, beam->pleura_bottom + band);
  }
  out[LUS_FEATURE_SLIDING] = 100 * CLAMP(correlation(&above) - correlation(&below), 0.0, 1.0);
}

void lus_features_picture_pleura(double *out, LusFeatureMeter *m)
{
  if (m->a_line >= 0)
    count_a_lines(out, m);
  if (!m->has_luma)
    return;
  measure_echoes(out, m);
  if (m->vertical >= 0)
    measure_intensity(out, m);
  if (m->has_last)
    measure_sliding(out, m);
}
