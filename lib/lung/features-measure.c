/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/features-internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What counts as a pleural line on one beam: it begins this far below the probe's face (the skin line and the
 * transducer's ring-down are as bright), is no thicker, and leaves this much sector below, in % of the sector's height. */
#define PLEURA_MIN_DEPTH 2.0
#define PLEURA_MAX_THICKNESS 20.0
#define PLEURA_MIN_BELOW 10.0
/* On fewer beams than this part of the sector's, it is a speck and no pleural line was detected. */
#define PLEURA_MIN_COVERAGE 3.0
/* The moving average that roughness and indentations refer to reaches this part of the beams to either side; an
 * indentation is this much deeper, in % of the sector's height, two rows at least. */
#define EDGE_REACH 0.04
#define INDENTATION_MIN_DEPTH 1.5
/* A beam belongs to a vertical line when the mask fills this part of the depth below the pleura. */
#define VERTICAL_MIN_FILL 20.0
/* Lines wider than this part of the pleural line's beams are confluent. */
#define CONFLUENT_MIN_WIDTH 25.0
#define SPREAD_MIN_CONFIDENCE 25.0
#define PEAK_PERCENTILE 0.9

static double share(double part, double whole)
{
  return whole > 0 ? 100.0 * part / whole : NAN;
}

/** Length along the beam in rows, so that it compares with the sector's height. */
static double length(const LusBeam *beam, int rows)
{
  return (double)beam->stretch * rows;
}

static void set_size(double *out, const LusFeatureMeter *m, LusFeature percent, LusFeature mm, double rows)
{
  out[percent] = MIN(100.0, 100.0 * rows / m->rows);
  out[mm] = rows * lus_feature_mm(m);
}

static gboolean is_plausible_pleura(const LusFeatureMeter *m, const LusBeam *beam, int top, int bottom)
{
  double percent = 100.0 / m->rows;
  return length(beam, top - beam->top) * percent >= PLEURA_MIN_DEPTH &&
         length(beam, bottom - top) * percent <= PLEURA_MAX_THICKNESS &&
         length(beam, beam->bottom - bottom) * percent >= PLEURA_MIN_BELOW;
}

/** First and last row with a pixel of the mask; none: first > last. */
static void mask_rows(const LusFeatureMeter *m, const guint8 *plane, int *first, int *last)
{
  const gsize width = (gsize)m->width;
  *first = 0;
  *last = m->height - 1;
  while (*first <= *last && !memchr(plane + (gsize)*first * width, 255, width))
    ++*first;
  while (*last > *first && !memchr(plane + (gsize)*last * width, 255, width))
    --*last;
}

/** First row from @y on, to @last, in which the beam's pixel is set; its bottom if there is none. */
static int next_run(const LusFeatureMeter *m, const LusBeam *beam, const guint8 *plane, int y, int last)
{
  const int end = MIN(beam->bottom, last + 1), slope = beam->slope;
  const gsize width = (gsize)m->width;
  gint32 at = beam->start + slope * y;
  for (plane += (gsize)y * width; y < end && !plane[at >> 16]; y++, plane += width)
    at += slope;
  return y < end ? y : beam->bottom;
}

/** The topmost plausible run of the pleural mask on every beam. */
static void find_pleura(LusFeatureMeter *m)
{
  const guint8 *plane = lus_feature_plane(m, m->mask->planes, m->pleura);
  int first, last;
  mask_rows(m, plane, &first, &last);
  m->pleura_total = 0;
  m->n_pleura = 0;
  for (int b = 0; b < m->n_beams; b++) {
    LusBeam *beam = &m->beams[b];
    beam->pleura_top = beam->pleura_bottom = -1;
    beam->vertical = FALSE;
    for (int y = next_run(m, beam, plane, MAX(beam->top, first), last); y < beam->bottom;
         y = next_run(m, beam, plane, y, last)) {
      int top = y;
      while (y < beam->bottom && plane[lus_beam_pixel(m, beam, y)])
        y++;
      if (!is_plausible_pleura(m, beam, top, y))
        continue;
      beam->pleura_top = top;
      beam->pleura_bottom = y;
      m->pleura_total += (double)beam->weight;
      m->n_pleura++;
      break;
    }
  }
}

/** Median of values 0..rows in m->edge[0..n), to half a row. */
static double median(const LusFeatureMeter *m, int n)
{
  int half = 0, seen = 0, low = -1;
  memset(m->histogram, 0, ((gsize)m->height + 1) * sizeof(int));
  for (int i = 0; i < n; i++)
    m->histogram[CLAMP((int)lrintf(m->edge[i]), 0, m->height)]++;
  half = (n + 1) / 2;
  for (int value = 0; value <= m->height; value++) {
    seen += m->histogram[value];
    if (seen >= half && low < 0)
      low = value;
    if (seen >= n / 2 + 1)
      return (low + value) / 2.0;
  }
  return NAN;
}

static double pleura_median(const LusFeatureMeter *m, gboolean thickness)
{
  int n = 0;
  for (int b = 0; b < m->n_beams; b++) {
    const LusBeam *beam = &m->beams[b];
    if (beam->pleura_top < 0)
      continue;
    int rows = thickness ? beam->pleura_bottom - beam->pleura_top : beam->pleura_top - beam->top;
    m->edge[n++] = (float)length(beam, rows);
  }
  return median(m, n);
}

/** Gaps and the longest piece between the first and the last beam of the pleural line. */
static void measure_pieces(double *out, const LusFeatureMeter *m)
{
  int gap = lus_beams_min_gap(m), first = -1, last = -1, piece = -1, longest = 0, breaks = 0;
  for (int b = 0; b < m->n_beams; b++) {
    if (m->beams[b].pleura_top < 0)
      continue;
    first = first < 0 ? b : first;
    if (last < 0 || b - last - 1 >= gap) {
      breaks += last >= 0;
      piece = b;
    }
    last = b;
    longest = MAX(longest, last - piece + 1);
  }
  out[LUS_FEATURE_PLEURA_BREAKS] = breaks;
  out[LUS_FEATURE_PLEURA_CONTINUITY] = share(longest, last - first + 1);
}

/** How far the upper edge lies below its moving average at beam @b; NaN where that reaches beyond the piece. */
static double edge_residual(const LusFeatureMeter *m, int b, int reach)
{
  double sum = 0;
  if (b < reach || b + reach >= m->n_beams)
    return NAN;
  for (int k = b - reach; k <= b + reach; k++) {
    if (m->beams[k].pleura_top < 0)
      return NAN;
    sum += length(&m->beams[k], m->beams[k].pleura_top - m->beams[k].top);
  }
  return length(&m->beams[b], m->beams[b].pleura_top - m->beams[b].top) - sum / (2 * reach + 1);
}

static void measure_edge(double *out, const LusFeatureMeter *m)
{
  int reach = MAX(2, (int)(EDGE_REACH * m->n_beams)), n = 0, indentations = 0;
  double squares = 0, deep = MAX(2.0, INDENTATION_MIN_DEPTH * m->rows / 100);
  gboolean inside = FALSE;
  for (int b = 0; b < m->n_beams; b++) {
    double residual = edge_residual(m, b, reach);
    if (isnan(residual)) {
      inside = FALSE;
      continue;
    }
    squares += residual * residual;
    n++;
    indentations += residual >= deep && !inside;
    inside = residual >= deep;
  }
  out[LUS_FEATURE_PLEURA_INDENTATIONS] = indentations;
  if (n > 0)
    set_size(out, m, LUS_FEATURE_PLEURA_ROUGHNESS, LUS_FEATURE_PLEURA_ROUGHNESS_MM, sqrt(squares / n));
}

void lus_features_pleura(double *out, LusFeatureMeter *m)
{
  const guint8 *plane = lus_feature_plane(m, m->segmentation->confidence, m->pleura);
  double confidence = 0;
  gint64 pixels = 0;
  for (int b = 0; b < m->n_beams; b++) {
    const LusBeam *beam = &m->beams[b];
    for (int y = beam->pleura_top; beam->pleura_top >= 0 && y < beam->pleura_bottom; y++) {
      confidence += plane[lus_beam_pixel(m, beam, y)];
      pixels++;
    }
  }
  out[LUS_FEATURE_PLEURA_CONFIDENCE] = share(confidence, 255.0 * (double)pixels);
  set_size(out, m, LUS_FEATURE_PLEURA_DEPTH, LUS_FEATURE_PLEURA_DEPTH_MM, pleura_median(m, FALSE));
  set_size(out, m, LUS_FEATURE_PLEURA_THICKNESS, LUS_FEATURE_PLEURA_THICKNESS_MM, pleura_median(m, TRUE));
  measure_pieces(out, m);
  measure_edge(out, m);
}

/** Fascia on the beams above the pleural line. */
typedef struct {
  double area, set, confidence; /* weighted pixels */
  double bands, beams;          /* weighted */
  int n;                        /* beams with a band: their first one's depth is in edge */
} Fascia;

static void add_fascia(Fascia *f, const LusFeatureMeter *m, const LusBeam *beam, const guint8 *mask,
                       const guint8 *confidence)
{
  double w = (double)beam->weight;
  int first = -1;
  gboolean inside = FALSE;
  for (int y = beam->top; y < beam->pleura_top; y++) {
    gsize at = lus_beam_pixel(m, beam, y);
    f->area += w;
    f->confidence += w * confidence[at];
    if (mask[at]) {
      f->set += w;
      f->bands += inside ? 0 : w;
      first = first < 0 ? y : first;
    }
    inside = mask[at] != 0;
  }
  f->beams += w;
  if (first >= 0)
    m->edge[f->n++] = (float)length(beam, first - beam->top);
}

void lus_features_fascia(double *out, LusFeatureMeter *m)
{
  const guint8 *mask = lus_feature_plane(m, m->mask->planes, m->fascia);
  const guint8 *confidence = lus_feature_plane(m, m->segmentation->confidence, m->fascia);
  Fascia f = {0};
  double stretch = 0;
  for (int b = 0; b < m->n_beams; b++)
    if (m->beams[b].pleura_top >= 0) {
      add_fascia(&f, m, &m->beams[b], mask, confidence);
      stretch += (double)(m->beams[b].weight * m->beams[b].stretch);
    }
  out[LUS_FEATURE_FASCIA_AREA] = share(f.set, f.area);
  out[LUS_FEATURE_FASCIA_COUNT] = f.bands / f.beams;
  out[LUS_FEATURE_FASCIA_CONFIDENCE] = share(f.confidence, 255 * f.area);
  if (f.n == 0)
    return;
  set_size(out, m, LUS_FEATURE_FASCIA_DEPTH, LUS_FEATURE_FASCIA_DEPTH_MM, median(m, f.n));
  set_size(out, m, LUS_FEATURE_FASCIA_THICKNESS, LUS_FEATURE_FASCIA_THICKNESS_MM,
           f.set / f.bands * stretch / f.beams);
}

/** Vertical lines below the pleural line, weighted pixels. */
typedef struct {
  double area, set, confidence, deep_area, deep;
} Below;

static void add_below(Below *all, const LusFeatureMeter *m, LusBeam *beam, const guint8 *mask, const guint8 *confidence)
{
  int rows = beam->bottom - beam->pleura_bottom, deep_from = beam->bottom - rows / 3;
  int set = 0, upper = 0, deep = 0;
  for (int y = beam->pleura_bottom; y < deep_from; y++) {
    gsize at = lus_beam_pixel(m, beam, y);
    upper += confidence[at];
    set += mask[at] != 0;
  }
  for (int y = deep_from; y < beam->bottom; y++) {
    gsize at = lus_beam_pixel(m, beam, y);
    deep += confidence[at];
    set += mask[at] != 0;
  }
  int sum = upper + deep;
  double w = (double)beam->weight;
  beam->vertical = share(set, rows) >= VERTICAL_MIN_FILL;
  beam->below = (float)sum / (float)rows;
  all->area += w * rows;
  all->set += w * set;
  all->confidence += w * sum;
  all->deep_area += w * (beam->bottom - deep_from);
  all->deep += w * deep;
}

/** Width of a beam at the pleural line, in rows. */
static double beam_width(const LusFeatureMeter *m, int b)
{
  double aspect = (double)m->rect.width / m->width * m->height / m->rect.height;
  if (!m->fan)
    return aspect;
  const LusBeam *beam = &m->beams[b];
  double spacing = abs(m->beams[MIN(b + 1, m->n_beams - 1)].slope - m->beams[MAX(b - 1, 0)].slope) / 65536.0 * aspect /
                   (MIN(b + 1, m->n_beams - 1) - MAX(b - 1, 0));
  /* Across the beam: distance from the apex times the angle. */
  return (beam->pleura_top + 0.5 - m->apex_y) * (double)(beam->stretch * beam->weight) * spacing;
}

/** Groups the marked beams into lines. */
static void measure_lines(double *out, const LusFeatureMeter *m)
{
  double total = 0, total_rows = 0, width = 0, rows = 0, widest = 0, widest_rows = 0, confluent = 0;
  int lines = 0, last = -1, gap = lus_beams_min_gap(m), end = m->n_beams;
  for (int b = 0; b <= end; b++) {
    if (b < end && !m->beams[b].vertical)
      continue;
    if (b == end || last < 0 || b - last - 1 >= gap) {
      widest = MAX(widest, width);
      widest_rows = MAX(widest_rows, rows);
      confluent += share(width, m->pleura_total) > CONFLUENT_MIN_WIDTH ? width : 0;
      lines += b < end;
      width = rows = 0;
    }
    if (b == end)
      break;
    double own = beam_width(m, b);
    last = b;
    width += (double)m->beams[b].weight;
    rows += own;
    total += (double)m->beams[b].weight;
    total_rows += own;
  }
  out[LUS_FEATURE_VERTICAL_COUNT] = lines;
  out[LUS_FEATURE_VERTICAL_PERCENT] = share(total, m->pleura_total);
  out[LUS_FEATURE_VERTICAL_WIDEST] = share(widest, m->pleura_total);
  out[LUS_FEATURE_VERTICAL_WIDTH_MM] = total_rows * lus_feature_mm(m);
  out[LUS_FEATURE_VERTICAL_WIDEST_MM] = widest_rows * lus_feature_mm(m);
  out[LUS_FEATURE_VERTICAL_CONFLUENCE] = total > 0 ? share(confluent, total) : 0;
}

/** Value 0..255 that part @p of the weights in the histogram does not exceed, in %. */
static double percentile(const int *histogram, double p)
{
  gint64 all = 0, seen = 0;
  for (int v = 0; v < 256; v++)
    all += histogram[v];
  for (int v = 0; v < 256; v++) {
    seen += histogram[v];
    if ((double)seen >= p * (double)all)
      return v / 2.55;
  }
  return NAN;
}

void lus_features_vertical(double *out, LusFeatureMeter *m)
{
  const guint8 *mask = lus_feature_plane(m, m->mask->planes, m->vertical);
  const guint8 *confidence = lus_feature_plane(m, m->segmentation->confidence, m->vertical);
  Below all = {0};
  double spread = 0;
  memset(m->histogram, 0, 256 * sizeof(int));
  for (int b = 0; b < m->n_beams; b++) {
    LusBeam *beam = &m->beams[b];
    if (beam->pleura_top < 0)
      continue;
    add_below(&all, m, beam, mask, confidence);
    m->histogram[(int)lrintf(beam->below)]++;
    spread += (double)beam->below >= 2.55 * SPREAD_MIN_CONFIDENCE ? (double)beam->weight : 0;
  }
  measure_lines(out, m);
  out[LUS_FEATURE_VERTICAL_AREA] = share(all.set, all.area);
  out[LUS_FEATURE_VERTICAL_CONFIDENCE] = share(all.confidence, 255 * all.area);
  out[LUS_FEATURE_VERTICAL_PEAK] = percentile(m->histogram, PEAK_PERCENTILE);
  out[LUS_FEATURE_VERTICAL_SPREAD] = share(spread, m->pleura_total);
  out[LUS_FEATURE_VERTICAL_DEEP] = share(all.deep, 255 * all.deep_area);
}

/** The largest value of the column that a beam crosses halfway down, mean over the beams in %: in a fan those columns lie in
 *  its middle, where most of the picture is. */
static double mean_largest(LusFeatureMeter *m, const guint8 *plane)
{
  guint8 *restrict largest = m->largest;
  const int width = m->width;
  memset(largest, 0, (gsize)width);
  for (int y = m->top; y < m->top + m->rows; y++) {
    const guint8 *restrict row = plane + (gsize)y * (gsize)width;
    for (int x = 0; x < width; x++)
      largest[x] = row[x] > largest[x] ? row[x] : largest[x];
  }
  double sum = 0, n = 0;
  for (int b = 0; b < m->n_beams; b++) {
    const LusBeam *beam = &m->beams[b];
    if (beam->bottom <= beam->top)
      continue;
    sum += (double)largest[lus_beam_column(beam, (beam->top + beam->bottom) / 2)];
    n++;
  }
  return share(sum, 255 * n);
}

/** Sums of the class's confidence in the sector's lower half, column by column. */
static void sum_columns(LusFeatureMeter *m, const guint8 *plane)
{
  guint32 *restrict column = m->column;
  guint16 *restrict part = m->part;
  const int width = m->width, end = m->top + m->rows;
  memset(column, 0, (gsize)width * sizeof *column);
  for (int from = lus_feature_lower(m); from < end; from += 256) {
    memset(part, 0, (gsize)width * sizeof *part);
    for (int y = from; y < MIN(from + 256, end); y++) { /* 256 times 255 fits 16 bits */
      const guint8 *restrict row = plane + (gsize)y * (gsize)width, *restrict sector = m->sector + (gsize)y * (gsize)width;
      for (int x = 0; x < width; x++) {
        guint8 value = sector[x] ? row[x] : 0;
        part[x] = (guint16)(part[x] + value);
      }
    }
    for (int x = 0; x < width; x++)
      column[x] += part[x];
  }
}

static void measure_overall(double *out, LusFeatureMeter *m)
{
  const guint8 *plane = lus_feature_plane(m, m->segmentation->confidence, m->vertical);
  int n = 0;
  double sum = 0;
  sum_columns(m, plane);
  memset(m->histogram, 0, 256 * sizeof(int));
  for (int x = 0; x < m->width; x++) {
    if (m->lower_rows[x] == 0)
      continue;
    double mean = m->column[x] / (double)m->lower_rows[x];
    sum += mean;
    m->histogram[(int)lrint(mean)]++;
    n++;
  }
  out[LUS_FEATURE_VERTICAL_OVERALL] = share(sum, 255.0 * n);
  out[LUS_FEATURE_VERTICAL_OVERALL_PEAK] = percentile(m->histogram, PEAK_PERCENTILE);
  out[LUS_FEATURE_VERTICAL_VISIBILITY] = mean_largest(m, plane);
}

void lus_features_columns(double *out, LusFeatureMeter *m)
{
  if (m->vertical >= 0)
    measure_overall(out, m);
  if (m->pleura >= 0)
    out[LUS_FEATURE_PLEURA_VISIBILITY] = mean_largest(m, lus_feature_plane(m, m->segmentation->confidence, m->pleura));
}

gboolean lus_feature_meter_run(LusFeatureMeter *m, double *out, const LusSegmentation *segmentation,
                               const LusMask *mask, const LusImage *image)
{
  const LusModelInfo *info = lus_model_info(segmentation->model);
  for (int i = 0; i < LUS_FEATURE_N; i++)
    out[i] = NAN;
  m->segmentation = segmentation;
  m->mask = mask;
  m->pleura = lus_model_info_class(info, "pleural_line");
  m->fascia = lus_model_info_class(info, "fascia_band");
  m->vertical = lus_model_info_class(info, "vertical_line");
  m->a_line = lus_model_info_class(info, "a_line");
  if (!lus_beams_update(m, segmentation) || (image && !lus_features_take_picture(m, image)))
    return FALSE;
  if (m->total <= 0)
    return TRUE;
  if (m->has_luma)
    lus_features_picture(out, m);
  lus_features_columns(out, m);
  if (m->pleura < 0)
    return TRUE;
  find_pleura(m);
  out[LUS_FEATURE_PLEURA_COVERAGE] = share(m->pleura_total, m->total);
  if (out[LUS_FEATURE_PLEURA_COVERAGE] < PLEURA_MIN_COVERAGE)
    return TRUE;
  lus_features_pleura(out, m);
  if (m->fascia >= 0)
    lus_features_fascia(out, m);
  if (m->vertical >= 0)
    lus_features_vertical(out, m);
  lus_features_picture_pleura(out, m);
  return TRUE;
}
