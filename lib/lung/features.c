/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/features.h"

#include <math.h>
#include <string.h>

/* What counts as a pleural line in one column: it begins this far below the column's first sector pixel (the skin line
 * and the transducer's ring-down are as bright), is no thicker, and leaves this much sector below, in % of the sector's
 * height. */
#define PLEURA_MIN_DEPTH 2.0
#define PLEURA_MAX_THICKNESS 20.0
#define PLEURA_MIN_BELOW 10.0
/* On fewer columns than this part of the sector's, it is a speck and no pleural line was detected. */
#define PLEURA_MIN_COVERAGE 3.0
/* A column belongs to a vertical line when its mask fills this part of the depth below the pleura. */
#define VERTICAL_MIN_FILL 20.0
/* Gaps narrower than this part of the sector's columns (one column at least) are mask noise, in lines and between
 * them. */
#define GAP_MIN_WIDTH 1.0

static const LusFeatureInfo table[LUS_FEATURE_N] = {
  [LUS_FEATURE_PLEURA_COVERAGE] = {"pleura_coverage", "%", 0, 100, "Columns of the sector that show the pleural line."},
  [LUS_FEATURE_PLEURA_DEPTH] = {"pleura_depth", "%", 0, 100,
    "Median depth of the pleural line's upper edge below the sector's top, of the sector's height."},
  [LUS_FEATURE_PLEURA_THICKNESS] = {"pleura_thickness", "%", 0, 100,
    "Median thickness of the pleural line, of the sector's height."},
  [LUS_FEATURE_PLEURA_CONFIDENCE] = {"pleura_confidence", "%", 0, 100,
    "Mean confidence over the pleural line's mask."},
  [LUS_FEATURE_PLEURA_BREAKS] = {"pleura_breaks", "count", 0, 100,
    "Gaps of the pleural line between its first and last column."},
  [LUS_FEATURE_FASCIA_AREA] = {"fascia_area", "%", 0, 100,
    "Area of the fascia mask above the pleural line, of the sector's area there."},
  [LUS_FEATURE_VERTICAL_COUNT] = {"vertical_count", "count", 0, 100,
    "Vertical lines (B-lines) below the pleural line."},
  [LUS_FEATURE_VERTICAL_PERCENT] = {"vertical_percent", "%", 0, 100,
    "B-line/pleura percentage: columns with a vertical line, of the columns that show the pleural line."},
  [LUS_FEATURE_VERTICAL_WIDEST] = {"vertical_widest", "%", 0, 100,
    "Columns of the widest vertical line, of the columns that show the pleural line."},
  [LUS_FEATURE_VERTICAL_AREA] = {"vertical_area", "%", 0, 100,
    "Area of the vertical-line mask below the pleural line, of the sector's area there."},
  [LUS_FEATURE_VERTICAL_CONFIDENCE] = {"vertical_confidence", "%", 0, 100,
    "Mean confidence of the class vertical line below the pleural line, in the mask or not."},
};

const LusFeatureInfo *lus_feature_info(LusFeature feature)
{
  return (int)feature >= 0 && feature < LUS_FEATURE_N ? &table[feature] : NULL;
}

int lus_feature_from_name(const char *name)
{
  for (int i = 0; i < LUS_FEATURE_N; i++)
    if (g_str_equal(table[i].name, name))
      return i;
  return -1;
}

/** One column of the sector; columns outside it have no rows. */
typedef struct {
  int top, bottom;               /* sector rows, top <= row < bottom */
  int pleura_top, pleura_bottom; /* pleural line, alike; none: pleura_top < 0 */
  gboolean vertical;             /* belongs to a vertical line */
} Column;

typedef struct {
  const LusSegmentation *segmentation;
  const LusMask *mask;
  int pleura, fascia, vertical;  /* class indices, -1: the model has none */
  Column *columns;               /* [width] */
  int *histogram;                /* [height + 1] */
  int top, height;               /* rows of the sector */
  int n_columns, n_pleura;       /* columns of the sector; of these, with pleural line */
} Measure;

gsize lus_features_scratch_size(const LusSegmentation *segmentation)
{
  return (gsize)segmentation->width * sizeof(Column) + ((gsize)segmentation->height + 1) * sizeof(int);
}

static const guint8 *class_plane(const guint8 *planes, const Measure *m, int index)
{
  return planes + (gsize)index * (gsize)m->segmentation->width * (gsize)m->segmentation->height;
}

static gboolean is_set(const guint8 *plane, const Measure *m, int x, int y)
{
  return plane[(gsize)y * (gsize)m->segmentation->width + (gsize)x] != 0;
}

/** Sector rows of every column, and the sector's extent. */
static void find_columns(Measure *m)
{
  const LusSegmentation *s = m->segmentation;
  int bottom = 0;
  m->top = s->height;
  for (int x = 0; x < s->width; x++) {
    Column *column = &m->columns[x];
    *column = (Column){.top = 0, .bottom = s->height, .pleura_top = -1, .pleura_bottom = -1};
    while (column->top < column->bottom && !is_set(s->sector, m, x, column->top))
      column->top++;
    while (column->bottom > column->top && !is_set(s->sector, m, x, column->bottom - 1))
      column->bottom--;
    if (column->top == column->bottom)
      continue;
    m->n_columns++;
    m->top = MIN(m->top, column->top);
    bottom = MAX(bottom, column->bottom);
  }
  m->height = MAX(0, bottom - m->top);
}

static gboolean is_plausible_pleura(const Measure *m, const Column *column, int top, int bottom)
{
  double percent = 100.0 / m->height;
  return (top - column->top) * percent >= PLEURA_MIN_DEPTH && (bottom - top) * percent <= PLEURA_MAX_THICKNESS &&
         (column->bottom - bottom) * percent >= PLEURA_MIN_BELOW;
}

/** The topmost plausible run of the pleural mask in every column. */
static void find_pleura(Measure *m)
{
  const guint8 *plane = class_plane(m->mask->planes, m, m->pleura);
  for (int x = 0; x < m->segmentation->width; x++) {
    Column *column = &m->columns[x];
    for (int y = column->top; y < column->bottom && column->pleura_top < 0; y++) {
      int top = y;
      while (y < column->bottom && is_set(plane, m, x, y))
        y++;
      if (y == top || !is_plausible_pleura(m, column, top, y))
        continue;
      column->pleura_top = top;
      column->pleura_bottom = y;
      m->n_pleura++;
    }
  }
}

/** Median of what find() tells of every pleura column, each 0..height. */
static double pleura_median(const Measure *m, int (*find)(const Measure *m, const Column *column))
{
  memset(m->histogram, 0, ((gsize)m->segmentation->height + 1) * sizeof(int));
  for (int x = 0; x < m->segmentation->width; x++)
    if (m->columns[x].pleura_top >= 0)
      m->histogram[find(m, &m->columns[x])]++;
  int below = (m->n_pleura - 1) / 2, above = m->n_pleura / 2; /* ranks of the two middle values, equal for odd counts */
  int low = 0, seen = m->histogram[0];
  while (seen <= below)
    seen += m->histogram[++low];
  int high = low;
  while (seen <= above)
    seen += m->histogram[++high];
  return (low + high) / 2.0;
}

static int depth_of(const Measure *m, const Column *column)
{
  return column->pleura_top - m->top;
}

static int thickness_of(const Measure *m, const Column *column)
{
  (void)m;
  return column->pleura_bottom - column->pleura_top;
}

static int min_gap(const Measure *m)
{
  return MAX(1, (int)(m->n_columns * GAP_MIN_WIDTH / 100.0));
}

static int count_breaks(const Measure *m)
{
  int breaks = 0, last = -1;
  for (int x = 0; x < m->segmentation->width; x++) {
    if (m->columns[x].pleura_top < 0)
      continue;
    if (last >= 0 && x - last - 1 >= min_gap(m))
      breaks++;
    last = x;
  }
  return breaks;
}

/** Set pixels and sum of confidences of one class in rows of the columns with pleural line. */
typedef struct {
  gint64 area, set, confidence;
} Region;

static void add_rows(Region *region, const Measure *m, int class_index, int x, int from, int to)
{
  const guint8 *mask = class_plane(m->mask->planes, m, class_index);
  const guint8 *confidence = class_plane(m->segmentation->confidence, m, class_index);
  for (int y = from; y < to; y++) {
    region->area++;
    region->set += is_set(mask, m, x, y);
    region->confidence += confidence[(gsize)y * (gsize)m->segmentation->width + (gsize)x];
  }
}

static double share(gint64 part, gint64 whole)
{
  return whole > 0 ? 100.0 * (double)part / (double)whole : NAN;
}

static void measure_pleura(double *out, const Measure *m)
{
  Region line = {0};
  for (int x = 0; x < m->segmentation->width; x++)
    if (m->columns[x].pleura_top >= 0)
      add_rows(&line, m, m->pleura, x, m->columns[x].pleura_top, m->columns[x].pleura_bottom);
  out[LUS_FEATURE_PLEURA_DEPTH] = 100.0 * pleura_median(m, depth_of) / m->height;
  out[LUS_FEATURE_PLEURA_THICKNESS] = 100.0 * pleura_median(m, thickness_of) / m->height;
  out[LUS_FEATURE_PLEURA_CONFIDENCE] = share(line.confidence, 255 * line.area);
  out[LUS_FEATURE_PLEURA_BREAKS] = count_breaks(m);
}

static void measure_fascia(double *out, const Measure *m)
{
  Region above = {0};
  for (int x = 0; x < m->segmentation->width; x++)
    if (m->columns[x].pleura_top >= 0)
      add_rows(&above, m, m->fascia, x, m->columns[x].top, m->columns[x].pleura_top);
  out[LUS_FEATURE_FASCIA_AREA] = share(above.set, above.area);
}

/** Groups the marked columns into lines. */
static void measure_lines(double *out, const Measure *m)
{
  int lines = 0, total = 0, width = 0, widest = 0, last = -1;
  for (int x = 0; x < m->segmentation->width; x++) {
    if (!m->columns[x].vertical)
      continue;
    if (last < 0 || x - last - 1 >= min_gap(m)) {
      lines++;
      width = 0;
    }
    last = x;
    total++;
    width++;
    widest = MAX(widest, width);
  }
  out[LUS_FEATURE_VERTICAL_COUNT] = lines;
  out[LUS_FEATURE_VERTICAL_PERCENT] = share(total, m->n_pleura);
  out[LUS_FEATURE_VERTICAL_WIDEST] = share(widest, m->n_pleura);
}

static void measure_vertical(double *out, const Measure *m)
{
  Region all = {0};
  for (int x = 0; x < m->segmentation->width; x++) {
    Column *column = &m->columns[x];
    if (column->pleura_top < 0)
      continue;
    Region below = {0};
    add_rows(&below, m, m->vertical, x, column->pleura_bottom, column->bottom);
    column->vertical = share(below.set, below.area) >= VERTICAL_MIN_FILL;
    all.area += below.area;
    all.set += below.set;
    all.confidence += below.confidence;
  }
  measure_lines(out, m);
  out[LUS_FEATURE_VERTICAL_AREA] = share(all.set, all.area);
  out[LUS_FEATURE_VERTICAL_CONFIDENCE] = share(all.confidence, 255 * all.area);
}

void lus_features_measure(double *out, const LusSegmentation *segmentation, const LusMask *mask, void *scratch)
{
  const LusModelInfo *info = lus_model_info(segmentation->model);
  Measure m = {.segmentation = segmentation, .mask = mask, .columns = scratch};
  m.histogram = (int *)(void *)(m.columns + segmentation->width);
  m.pleura = lus_model_info_class(info, "pleural_line");
  m.fascia = lus_model_info_class(info, "fascia_band");
  m.vertical = lus_model_info_class(info, "vertical_line");
  for (int i = 0; i < LUS_FEATURE_N; i++)
    out[i] = NAN;
  find_columns(&m);
  if (m.n_columns == 0 || m.pleura < 0)
    return;
  find_pleura(&m);
  out[LUS_FEATURE_PLEURA_COVERAGE] = share(m.n_pleura, m.n_columns);
  if (out[LUS_FEATURE_PLEURA_COVERAGE] < PLEURA_MIN_COVERAGE)
    return;
  measure_pleura(out, &m);
  if (m.fascia >= 0)
    measure_fascia(out, &m);
  if (m.vertical >= 0)
    measure_vertical(out, &m);
}
