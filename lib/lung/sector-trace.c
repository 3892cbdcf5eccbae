/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/sector-internal.h"

#include <string.h>

#define SPREAD 4   /* of the brightness of tissue at a border, one part of this may lie outside of it */
#define RUN 4      /* pixels: what is shorter is a coding artefact */
#define TEXT 32    /* least luma of a text, */
#define CONTRAST 4 /* and so many times the gap before it */
#define INSIDE (2 * LUS_SECTOR_THIN) /* cells: a text that touches the core is not thicker than this */
#define LETTER 3   /* rows: what begins a letter in one row does so in those around it */

static int peak(const guint8 *means, int n)
{
  int highest = 0;
  for (int c = 0; c < n; c++)
    highest = MAX(highest, means[c]);
  return highest;
}

/* Whether the pixel, and in the mean the next ones in @direction too, of which there are @n, reach @level. */
static gboolean is_lit(const guint8 *pixel, int n, int direction, int level)
{
  n = MIN(n, RUN);
  int sum = 0;
  for (int i = 0; i < n; i++)
    sum += pixel[i * direction];
  return *pixel >= level && sum >= level * n;
}

/* ---- texts ---- */

/* A text that the kept cells reach into lies beyond a gap, unlike tissue. It is looked for from the sector's core
 * outwards: along the rows, and, above and below, along the columns. */
typedef struct {
  const guint8 *cells; /* of one row or column of cells, */
  int n, step;         /* how many, and from one to the next */
} Line;

/* First and last non-zero cell. FALSE: none. */
static gboolean find_ends(Line line, int *first, int *last)
{
  *first = 0;
  *last = line.n - 1;
  while (*first <= *last && !line.cells[*first * line.step])
    ++*first;
  while (*last >= *first && !line.cells[*last * line.step])
    --*last;
  return *first <= *last;
}

/* How many of the @n pixels from @pixel on, one @step apart, come before a text: two dark ones, also in the lines
 * @before and @after, and then a stroke. Speckle does not rise so suddenly. */
static int before_text(const guint8 *pixel, int n, int step, int before, int after)
{
  for (int i = 3; i < n; i++) {
    const guint8 *gap = pixel + (i - 3) * step;
    int most = pixel[i * step] / CONTRAST;
    if (most < TEXT / CONTRAST || gap[step] > most || gap[0] > most)
      continue;
    if (gap[before] <= most && gap[after] <= most && gap[step + before] <= most && gap[step + after] <= most)
      return i - 1;
  }
  return n;
}

/* Which pixels are looked at in each line of a row or column of cells: from inside of the core to beyond the kept
 * cells. */
typedef struct {
  int back, begin; /* from one to the other, backwards, */
  int on, end;     /* and on */
} Reach;

static Reach find_reach(Line core, Line kept, int cell, int length)
{
  int first, last, kept_first, kept_last;
  if (!find_ends(core, &first, &last) || !find_ends(kept, &kept_first, &kept_last))
    return (Reach){0, 1, 0, 0}; /* nowhere */
  int end = MIN((kept_last + 2) * cell, length);
  return (Reach){MIN((MIN(first + INSIDE, last) + 1) * cell, end) - 1, MAX(kept_first - 1, 0) * cell,
                 MAX(last - INSIDE, first) * cell, end};
}

/* Where texts begin to both sides in the line of @length pixels from @pixel on. */
static LusSpan find_limits(const guint8 *pixel, int length, const Reach *reach, int step, int before, int after)
{
  int back = reach->back + 1 - reach->begin, on = reach->end - reach->on;
  int n_back = before_text(pixel + reach->back * step, back, -step, before, after);
  int n_on = before_text(pixel + reach->on * step, on, step, before, after);
  return (LusSpan){n_back < back ? reach->back + 1 - n_back : 0, n_on < on ? reach->on + n_on : length};
}

/* The core's first and last column of cells, as pixels. */
static LusSpan find_columns(const LusSector *sector)
{
  LusSpan all = {sector->width, 0};
  int first, last;
  for (int r = 0; r < sector->rows; r++)
    if (find_ends((Line){sector->core + r * sector->columns, sector->columns, 1}, &first, &last)) {
      all.left = MIN(all.left, first * sector->cell);
      all.right = MAX(all.right, MIN((last + 1) * sector->cell, sector->width));
    }
  return all;
}

static void find_row_limits(LusSector *sector)
{
  const int width = sector->width, columns = sector->columns;
  const LusSpan all = find_columns(sector);
  for (int r = 0; r < sector->rows; r++) {
    const guint8 *core = sector->core + r * columns, *kept = sector->kept + r * columns;
    const Reach reach = find_reach((Line){core, columns, 1}, (Line){kept, columns, 1}, sector->cell, width);
    /* Cells above or below the core are not beside it as well. */
    const gboolean beside = memchr(core, 1, (gsize)columns) != NULL;
    for (int y = r * sector->cell; y < MIN((r + 1) * sector->cell, sector->height); y++)
      sector->row_limits[y] = beside ? find_limits(sector->brightest + (gsize)y * width, width, &reach, 1,
                                                   y > 0 ? -width : 0, y + 1 < sector->height ? width : 0)
                                     : all;
  }
}

static void find_column_limits(LusSector *sector)
{
  const int width = sector->width, rows = sector->rows, columns = sector->columns;
  for (int c = 0; c < columns; c++) {
    const Reach reach = find_reach((Line){sector->core + c, rows, columns}, (Line){sector->kept + c, rows, columns},
                                   sector->cell, sector->height);
    for (int x = c * sector->cell; x < MIN((c + 1) * sector->cell, width); x++)
      sector->column_limits[x] = find_limits(sector->brightest + x, sector->height, &reach, width, x > 0 ? -1 : 0,
                                             x + 1 < width ? 1 : 0);
  }
}

/* A letter's strokes do not begin in each line. */
static LusSpan around(const LusSpan *limits, int at, int n)
{
  LusSpan narrowest = limits[at];
  for (int i = MAX(at - LETTER, 0); i <= MIN(at + LETTER, n - 1); i++)
    narrowest = (LusSpan){MAX(narrowest.left, limits[i].left), MIN(narrowest.right, limits[i].right)};
  return narrowest;
}

/* Pixels of row @y that can belong to the sector. */
static LusSpan find_candidates(const LusSector *sector, int y)
{
  int first, last;
  if (!find_ends((Line){sector->kept + y / sector->cell * sector->columns, sector->columns, 1}, &first, &last))
    return (LusSpan){0, 0};
  LusSpan limits = around(sector->row_limits, y, sector->height);
  LusSpan span = {MAX(first * sector->cell, limits.left),
                  MIN(MIN((last + 1) * sector->cell, sector->width), limits.right)};
  return span.left < span.right ? span : (LusSpan){0, 0};
}

static gboolean is_text(const LusSector *sector, int x, int y)
{
  LusSpan limits = around(sector->column_limits, x, sector->width);
  return y < limits.left || y >= limits.right;
}

/* ---- the border ---- */

/* Beside bright tissue a lit pixel is brighter, since blur and coding spread it over its border. */
void lus_sector_trace(LusSector *sector, int level)
{
  find_row_limits(sector);
  find_column_limits(sector);
  for (int y = 0; y < sector->height; y++) {
    const guint8 *means = sector->means + (gsize)(y / sector->cell) * sector->columns;
    const guint8 *brightest = sector->brightest + (gsize)y * sector->width;
    LusSpan span = find_candidates(sector, y);
    int first = span.left / sector->cell, end = (span.right + sector->cell - 1) / sector->cell;
    int n = MIN(LUS_SECTOR_EDGE, end - first);
    int left_level = MAX(level, peak(means + first, n) / SPREAD);
    int right_level = MAX(level, peak(means + end - n, n) / SPREAD);
    while (span.left < span.right && (!is_lit(brightest + span.left, span.right - span.left, 1, left_level) ||
                                      is_text(sector, span.left, y)))
      span.left++;
    while (span.right > span.left && (!is_lit(brightest + span.right - 1, span.right - span.left, -1, right_level) ||
                                      is_text(sector, span.right - 1, y)))
      span.right--;
    sector->found[y] = span;
  }
}
