/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sector-reference.h"
#include <math.h>
#include <string.h>
#include "nn/rng.h"

/* A direct search over the few numbers that describe an outline, with nothing in common with lib/lung/sector.c: no
 * components, no hull, no order of frames. */

enum { PARAMETERS = 5, AROUND = 2, LEVEL = 4, RESTARTS = 6 };
#define DARK 0.06 /* what a dark pixel inside costs; a lit one outside costs 1 */

typedef struct {
  int width, height;
  int *lit; /* [height][width + 1], lit pixels left of each column */
} Picture;

typedef struct {
  double low, high;
} Range;

static int brightness(const guint8 *maximum, int width, int height, int x, int y)
{
  int sum = 0, n = 0;
  for (int v = MAX(y - AROUND, 0); v <= MIN(y + AROUND, height - 1); v++)
    for (int u = MAX(x - AROUND, 0); u <= MIN(x + AROUND, width - 1); u++, n++)
      sum += maximum[(gsize)v * width + u];
  return sum / n;
}

static Picture read_picture(const guint8 *maximum, int width, int height)
{
  Picture picture = {width, height, g_new0(int, (gsize)(width + 1) * height)};
  for (int y = 0; y < height; y++) {
    int *lit = picture.lit + (gsize)y * (width + 1);
    for (int x = 0; x < width; x++)
      lit[x + 1] = lit[x] + (maximum[(gsize)y * width + x] >= LEVEL && brightness(maximum, width, height, x, y) >= LEVEL);
  }
  return picture;
}

/* The columns of row @y inside; [0] to [1] and [2] to [3], both may be empty. */
static void row_spans(const RealOutline *o, int y, int width, int spans[4])
{
  memset(spans, 0, 4 * sizeof *spans);
  double center = y + 0.5;
  if (center > o->bottom || (!o->fan && center < o->top))
    return;
  double reach = o->x, hole = 0;
  if (o->fan) {
    double sine = o->slope / sqrt(1 + o->slope * o->slope), far = o->half / sine, apex = o->bottom - far;
    double down = center - apex, near = MAX(o->top - apex, 0);
    if (down <= 0)
      return;
    reach = MIN(down * o->slope, sqrt(MAX(far * far - down * down, 0)));
    hole = down < near ? sqrt(near * near - down * down) : 0;
  }
  if (hole >= reach)
    return;
  spans[0] = CLAMP((int)lround(o->middle - reach), 0, width);
  spans[3] = CLAMP((int)lround(o->middle + reach), 0, width);
  spans[1] = hole > 0 ? CLAMP((int)lround(o->middle - hole), 0, width) : spans[3];
  spans[2] = hole > 0 ? CLAMP((int)lround(o->middle + hole), 0, width) : spans[3];
}

static double cost(const Picture *picture, const RealOutline *o)
{
  gint64 outside = 0, dark = 0;
  for (int y = 0; y < picture->height; y++) {
    const int *lit = picture->lit + (gsize)y * (picture->width + 1);
    int s[4];
    row_spans(o, y, picture->width, s);
    int inside = lit[s[1]] - lit[s[0]] + lit[s[3]] - lit[s[2]];
    outside += lit[picture->width] - inside;
    dark += s[1] - s[0] + s[3] - s[2] - inside;
  }
  return (double)outside + DARK * (double)dark;
}

static double *parameter(RealOutline *o, int i)
{
  double *all[PARAMETERS] = {&o->middle, &o->top, &o->bottom, o->fan ? &o->half : &o->x, &o->slope};
  return all[i];
}

/* Downhill in each number alone, with steps that halve. */
static double descend(const Picture *picture, RealOutline *best, double step)
{
  double least = cost(picture, best);
  for (; step >= 0.25; step /= 2)
    for (gboolean better = TRUE; better;) {
      better = FALSE;
      for (int i = 0; i < (best->fan ? PARAMETERS : PARAMETERS - 1); i++)
        for (int sign = -1; sign <= 1; sign += 2) {
          RealOutline other = *best;
          *parameter(&other, i) += sign * (i == 4 ? step / picture->height : step);
          if (other.fan && (other.slope < 0.03 || other.slope > 3 || other.half < 8))
            continue;
          double value = cost(picture, &other);
          if (value < least) {
            least = value;
            *best = other;
            better = TRUE;
          }
        }
    }
  return least;
}

/* Where all but 2 % of the lit pixels lie, in rows or in columns. */
static Range extent(const Picture *picture, gboolean rows)
{
  int n = rows ? picture->height : picture->width;
  g_autofree gint64 *counts = g_new0(gint64, n);
  gint64 all = 0, seen = 0;
  for (int y = 0; y < picture->height; y++)
    for (int x = 0; x < picture->width; x++) {
      const int *lit = picture->lit + (gsize)y * (picture->width + 1) + x;
      counts[rows ? y : x] += lit[1] - lit[0];
      all += lit[1] - lit[0];
    }
  Range range = {0, n};
  for (int i = 0; i < n; i++) {
    gint64 before = seen;
    seen += counts[i];
    if (before * 100 <= all && seen * 100 > all)
      range.low = i;
    if (before * 100 < all * 99 && seen * 100 >= all * 99)
      range.high = i + 1;
  }
  return range;
}

double real_outline_fit(RealOutline *outline, const guint8 *maximum, int width, int height)
{
  static const double slopes[] = {0, 0.1, 0.35, 0.6, 0.9, 1.4}; /* 0: rectangle */
  Picture picture = read_picture(maximum, width, height);
  Range x = extent(&picture, FALSE), y = extent(&picture, TRUE);
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  double least = G_MAXDOUBLE;
  for (gsize i = 0; i < G_N_ELEMENTS(slopes); i++) {
    double half = (x.high - x.low) / 2;
    RealOutline best = {slopes[i] > 0, half, (x.low + x.high) / 2, y.low, y.high, half, slopes[i]};
    double value = descend(&picture, &best, width / 12.0);
    for (int k = 0; k < RESTARTS; k++) {
      RealOutline other = best;
      for (int p = 0; p < PARAMETERS; p++)
        *parameter(&other, p) *= lus_rng_uniform(&rng, 0.93, 1.07);
      double again = descend(&picture, &other, width / 25.0);
      if (again < value) {
        value = again;
        best = other;
      }
    }
    if (value < least) {
      least = value;
      *outline = best;
    }
  }
  g_free(picture.lit);
  return least;
}

void real_outline_fill(const RealOutline *outline, guint8 *out, int width, int height)
{
  memset(out, 0, (gsize)width * height);
  for (int y = 0; y < height; y++) {
    int s[4];
    row_spans(outline, y, width, s);
    for (int k = 0; k < 4; k += 2)
      if (s[k] < s[k + 1])
        memset(out + (gsize)y * width + s[k], 255, (gsize)(s[k + 1] - s[k]));
  }
}
