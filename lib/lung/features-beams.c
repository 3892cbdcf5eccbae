/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/features-internal.h"

#include <math.h>
#include <string.h>

/* A sector is a fan when straight lines fit its sides in this part of its rows to within this part of its width, each
 * leaning outwards by this tangent or more. */
#define SIDE_FROM 0.2
#define SIDE_TO 0.65
#define SIDE_MAX_MISFIT 0.015
#define SIDE_MIN_TANGENT 0.15
#define GAP_MIN_WIDTH 0.01

/** A straight side: column edge = at + slope (row + 0.5). */
typedef struct {
  double at, slope;
} Side;

int lus_beams_min_gap(const LusFeatureMeter *meter)
{
  int n = 0;
  for (int b = 0; b < meter->n_beams; b++)
    n += meter->beams[b].bottom > meter->beams[b].top;
  return MAX(1, (int)(GAP_MIN_WIDTH * n));
}

double lus_feature_mm(const LusFeatureMeter *meter)
{
  double mm = meter->segmentation->mm_per_pixel;
  return mm > 0 ? mm * meter->rect.height / meter->height : NAN;
}

/** First and last column of the sector in a row; FALSE if there is none. */
static gboolean find_sides(int *left, int *right, const guint8 *row, int width)
{
  *left = 0;
  *right = width - 1;
  while (*left < width && !row[*left])
    (*left)++;
  while (*right > *left && !row[*right])
    (*right)--;
  return *left < width;
}

static void find_rows(LusFeatureMeter *m)
{
  int bottom = 0, left, right;
  m->top = m->height;
  for (int y = 0; y < m->height; y++)
    if (find_sides(&left, &right, m->sector + (gsize)y * (gsize)m->width, m->width)) {
      m->top = MIN(m->top, y);
      bottom = y + 1;
    }
  m->rows = MAX(0, bottom - m->top);
}

/** Least squares; the largest misfit into @misfit. */
static Side fit_side(double *misfit, const LusFeatureMeter *m, gboolean is_right)
{
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  int from = m->top + (int)(SIDE_FROM * m->rows), to = m->top + (int)(SIDE_TO * m->rows), n = 0;
  Side side = {0};
  for (int pass = 0; pass < 2; pass++)
    for (int y = from; y < to; y++) {
      int left, right;
      if (!find_sides(&left, &right, m->sector + (gsize)y * (gsize)m->width, m->width))
        continue;
      double row = y + 0.5, column = is_right ? right + 1 : left;
      if (pass == 1) {
        *misfit = MAX(*misfit, fabs(column - side.at - side.slope * row));
        continue;
      }
      n++;
      sx += row;
      sy += column;
      sxx += row * row;
      sxy += row * column;
      if (y + 1 >= to && n > 1) {
        side.slope = (sxy - sx * sy / n) / (sxx - sx * sx / n);
        side.at = (sy - side.slope * sx) / n;
      }
    }
  return side;
}

/** Tells fan from linear, and finds a fan's apex: where its sides meet. @aspect: width of a plane pixel over its height. */
static void find_fan(LusFeatureMeter *m, Side sides[2], double aspect)
{
  double misfit = 0;
  m->fan = FALSE;
  if (m->rows < 32)
    return;
  sides[0] = fit_side(&misfit, m, FALSE);
  sides[1] = fit_side(&misfit, m, TRUE);
  if (misfit > SIDE_MAX_MISFIT * m->width || -sides[0].slope * aspect < SIDE_MIN_TANGENT ||
      sides[1].slope * aspect < SIDE_MIN_TANGENT)
    return;
  m->apex_y = (sides[0].at - sides[1].at) / (sides[1].slope - sides[0].slope);
  m->apex_x = sides[0].at + sides[0].slope * m->apex_y;
  m->fan = m->apex_y < m->top + 0.2 * m->rows;
}

/** Rows of the sector along the beam. */
static void clip_beam(const LusFeatureMeter *m, LusBeam *beam)
{
  int first = m->fan ? MAX(m->top, (int)ceil(m->apex_y)) : m->top;
  beam->top = beam->bottom = 0;
  for (int y = first; y < m->top + m->rows; y++) {
    int x = lus_beam_column(beam, y);
    if (x < 0 || x >= m->width || !m->sector[(gsize)y * (gsize)m->width + (gsize)x])
      continue;
    if (beam->bottom == 0)
      beam->top = y;
    beam->bottom = y + 1;
  }
  /* Between them the beam may leave the plane only where a side of the sector is hollow: it has none. */
  for (int y = beam->top; y < beam->bottom; y++)
    if (lus_beam_column(beam, y) < 0 || lus_beam_column(beam, y) >= m->width)
      beam->top = beam->bottom = 0;
}

static void place_beams(LusFeatureMeter *m)
{
  Side sides[2];
  double aspect = (double)m->rect.width / m->width * m->height / m->rect.height;
  find_rows(m);
  find_fan(m, sides, aspect);
  m->total = 0;
  for (int b = 0; b < m->n_beams; b++) {
    LusBeam *beam = &m->beams[b];
    *beam = (LusBeam){.start = (b << 16) + (1 << 15), .weight = 1, .stretch = 1};
    if (m->fan) {
      double slope = sides[0].slope + (sides[1].slope - sides[0].slope) * (b + 0.5) / m->n_beams, tangent = slope * aspect;
      beam->slope = (gint32)lrint(65536 * slope);
      beam->start = (gint32)lrint(65536 * CLAMP(m->apex_x + slope * (0.5 - m->apex_y), -16384.0, 16383.0));
      beam->weight = (float)(1 / (1 + tangent * tangent));
      beam->stretch = (float)sqrt(1 + tangent * tangent);
    }
    clip_beam(m, beam);
    m->total += beam->bottom > beam->top ? (double)beam->weight : 0;
  }
}

/** What depends on the sector alone. */
static void look_at_sector(LusFeatureMeter *m)
{
  int width = MAX(1, m->width / 2), height = MAX(1, m->height / 2);
  gint64 step = ((gint64)m->rect.width << 32) / m->width, at = step;
  memset(m->lower_rows, 0, (gsize)m->width * sizeof *m->lower_rows);
  for (int y = lus_feature_lower(m); y < m->top + m->rows; y++)
    for (int x = 0; x < m->width; x++)
      m->lower_rows[x] = (guint16)(m->lower_rows[x] + (m->sector[(gsize)y * (gsize)m->width + (gsize)x] != 0));
  m->n_inside = 0;
  for (int y = 0; y < height; y++) {
    const guint8 *sector = m->sector + (gsize)MIN(2 * y, m->height - 1) * (gsize)m->width;
    for (int x = 0; x < width; x++) {
      gboolean inside = sector[MIN(2 * x, m->width - 1)] != 0;
      m->inside[(gsize)y * (gsize)width + (gsize)x] = inside ? 255 : 0;
      m->n_inside += inside;
    }
  }
  for (int x = 0; x < width; x++, at += 2 * step)
    m->pick[x] = (int)(at >> 32);
}

static void free_memory(LusFeatureMeter *m)
{
  g_free(m->sector);
  g_free(m->beams);
  g_free(m->histogram);
  g_free(m->edge);
  g_free(m->column);
  g_free(m->part);
  g_free(m->lower_rows);
  g_free(m->inside);
  g_free(m->pick);
  g_free(m->largest);
  g_free(m->luma);
  g_free(m->last);
  m->sector = m->largest = m->luma = m->last = m->inside = NULL;
  m->part = m->lower_rows = NULL;
  m->pick = NULL;
  m->beams = NULL;
  m->histogram = NULL;
  m->edge = NULL;
  m->column = NULL;
  m->width = m->height = m->n_beams = 0;
}

static gboolean reserve(LusFeatureMeter *m, int width, int height)
{
  gsize pixels = (gsize)width * (gsize)height, small = (gsize)MAX(1, width / 2) * (gsize)MAX(1, height / 2);
  free_memory(m);
  m->sector = g_try_malloc(pixels);
  m->beams = g_try_new(LusBeam, (gsize)width);
  m->histogram = g_try_new(int, (gsize)MAX(height, 256) + 1);
  m->edge = g_try_new(float, (gsize)width);
  m->column = g_try_new(guint32, (gsize)width);
  m->part = g_try_new(guint16, (gsize)width);
  m->lower_rows = g_try_new(guint16, (gsize)width);
  m->inside = g_try_malloc(small);
  m->pick = g_try_new(int, (gsize)MAX(1, width / 2));
  m->largest = g_try_malloc((gsize)width);
  m->luma = g_try_malloc(small);
  m->last = g_try_malloc(small);
  if (!m->sector || !m->beams || !m->histogram || !m->edge || !m->column || !m->part || !m->lower_rows || !m->inside ||
      !m->pick || !m->largest || !m->luma || !m->last) {
    free_memory(m);
    return FALSE;
  }
  m->width = width;
  m->height = height;
  m->n_beams = width;
  return TRUE;
}

static gboolean is_same_rect(LusRect a, LusRect b)
{
  return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
}

gboolean lus_beams_update(LusFeatureMeter *m, const LusSegmentation *s)
{
  gsize pixels = (gsize)s->width * (gsize)s->height;
  gboolean same_size = s->width == m->width && s->height == m->height;
  if (same_size && is_same_rect(m->rect, s->rect) && memcmp(m->sector, s->sector, pixels) == 0)
    return TRUE;
  if (!same_size && !reserve(m, s->width, s->height))
    return FALSE;
  m->rect = s->rect;
  m->has_luma = m->has_last = FALSE;
  memcpy(m->sector, s->sector, pixels);
  place_beams(m);
  look_at_sector(m);
  return TRUE;
}

LusFeatureMeter *lus_feature_meter_new(void)
{
  return g_new0(LusFeatureMeter, 1);
}

void lus_feature_meter_free(LusFeatureMeter *meter)
{
  if (!meter)
    return;
  free_memory(meter);
  g_free(meter->line);
  g_free(meter);
}

void lus_feature_meter_reset(LusFeatureMeter *meter)
{
  meter->has_luma = meter->has_last = FALSE;
}
