/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/sector-shape.h"

#include <math.h>
#include <string.h>

/* Around a hull, a fan of given axis and opening that is even to both sides is determined: its apex lies where a side
 * touches the hull, its arc where the farthest point is. So only two numbers are searched for; the fan with the least beside
 * the hull has its sides on the hull's, its arc on the hull's bottom. Where the hull ends in the dark, a shadow or a part of
 * the probe without contact may hide the rest, and what lies beside it counts little; bright tissue ends at the scan's
 * border. Any hull has a best fan, so whether it is the scan's is checked then. */

#define ROWS 64             /* rows of the hull that are looked at */
#define AXES 24             /* places of the axis tried first */
#define MARGIN 0.2          /* of the hull's width: the axis lies that far inside */
#define SLOPES 20           /* openings tried first, in geometric steps */
#define SLOPE_MIN 0.04      /* of a side, dx/dy */
#define SLOPE_MAX 1.75
#define REFINEMENTS 8       /* halvings of both steps */
#define MISSING_MIN 0.015   /* a hull that lacks no more of the area is whole */
#define MISSING_MAX 0.5    /* of one that lacks more too little is known */
#define UPRIGHT 0.15        /* part of the rows that make an upright side */
#define CUT 0.3             /* what area outside of the frame counts, where the hull is as far from the axis inside it */
#define DARK 0.06           /* what area beside a dark border counts; beside a bright one it is 1 more */
#define SIDES_TOUCHED 0.35  /* parts of both sides together that the hull must reach */
#define BOTTOM_TOUCHED 0.2  /* and of the bottom */
#define SEEN 0.8            /* of each side and of the bottom, where the shape is beyond doubt */
#define ABRUPT 0.75         /* brightness of the bottom from which on it is the scan's end */
#define BRIGHT_MAX 0.06     /* of the hull's area, what may lie beside its bright borders */
#define TOUCH 0.02          /* of the hull's larger side: borders that near lie on each other */

typedef struct {
  int n;
  double y[ROWS], left[ROWS], right[ROWS]; /* row centres, borders */
  double left_weight[ROWS], right_weight[ROWS];
  double first, last;                      /* outermost borders */
  double top, bottom;
  double width;                            /* of the frame */
  gboolean upright;                        /* a side that is cut off there, as far as is to be seen */
} Outline;

typedef struct {
  double axis, slope; /* slope 0: a rectangle */
  double apex, far;   /* follow from the hull */
  double box;         /* greatest distance of the hull from the axis */
  double reach;       /* that, unless the frame cuts it off */
} Shape;

/* Part of the rows that end at the hull's outermost column on one side, and brightly. */
static double upright_part(const Outline *o, gboolean right)
{
  double near = TOUCH * (o->last - o->first);
  int rows = 0;
  for (int i = 0; i < o->n; i++)
    rows += (right ? o->last - o->right[i] : o->left[i] - o->first) <= near &&
            (right ? o->right_weight[i] : o->left_weight[i]) >= 0.5;
  return (double)rows / o->n;
}

static void read_outline(Outline *o, const LusSpan *hull, const LusEdge *edges, int first, int last,
                         int width)
{
  int n = MIN(last - first + 1, ROWS);
  *o = (Outline){.n = n, .first = G_MAXDOUBLE, .last = 0, .top = first, .bottom = last + 1,
                 .width = width};
  for (int i = 0; i < n; i++) {
    int y = n == 1 ? first : first + (int)((gint64)(last - first) * i / (n - 1));
    o->y[i] = y + 0.5;
    o->left[i] = hull[y].left;
    o->right[i] = hull[y].right;
    o->left_weight[i] = DARK + edges[y].left / 255.0;
    o->right_weight[i] = DARK + edges[y].right / 255.0;
    o->first = MIN(o->first, o->left[i]);
    o->last = MAX(o->last, o->right[i]);
  }
  o->upright = o->first > 0 && o->last < width && MAX(upright_part(o, FALSE), upright_part(o, TRUE)) >= UPRIGHT;
}

/* Apex, arc and reach of the smallest fan with this axis and slope around the hull. */
static void enclose(Shape *shape, const Outline *o)
{
  shape->box = shape->reach = MAX(shape->axis - o->first, o->last - shape->axis);
  if (shape->slope <= 0)
    return;
  if (!o->upright) /* it may lie in the dark how far the fan reaches */
    shape->reach = G_MAXDOUBLE;
  shape->apex = G_MAXDOUBLE;
  for (int i = 0; i < o->n; i++) {
    double away = MAX(shape->axis - o->left[i], o->right[i] - shape->axis);
    shape->apex = MIN(shape->apex, o->y[i] - away / shape->slope);
  }
  double square = 0;
  for (int i = 0; i < o->n; i++) {
    double away = MAX(shape->axis - o->left[i], o->right[i] - shape->axis), down = o->y[i] - shape->apex;
    square = MAX(square, away * away + down * down);
  }
  shape->far = sqrt(square);
}

/* Half the shape's width in the row at @y. */
static double half_width(const Shape *shape, double y)
{
  if (shape->slope <= 0)
    return shape->reach;
  double down = y - shape->apex, arc = shape->far * shape->far - down * down;
  if (down < 0 || arc < 0)
    return 0;
  return MIN(MIN(down * shape->slope, sqrt(arc)), shape->reach);
}

/* What the shape has beside the hull, in rows of the outline: much where the hull's border is bright, since tissue is cut
 * off there and does not fade; and less where the frame cuts it off. */
static double excess(const Shape *shape, const Outline *o)
{
  double sum = 0;
  for (int i = 0; i < o->n; i++) {
    double half = half_width(shape, o->y[i]), box = MIN(half, shape->box);
    double left = MAX(shape->axis - half, 0), right = MIN(shape->axis + half, o->width);
    sum += o->left_weight[i] * MAX(o->left[i] - left, 0) + o->right_weight[i] * MAX(right - o->right[i], 0);
    sum += CUT * (MAX(box - shape->axis, 0) + MAX(shape->axis + box - o->width, 0));
  }
  return sum;
}

static double area(const Shape *shape, const Outline *o)
{
  double sum = 0;
  for (int i = 0; i < o->n; i++) {
    double half = half_width(shape, o->y[i]);
    sum += MIN(shape->axis + half, o->width) - MAX(shape->axis - half, 0);
  }
  return sum;
}

static double try_shape(Shape *best, double least, double axis, double slope, const Outline *o)
{
  double margin = MARGIN * (o->last - o->first);
  Shape shape = {.axis = CLAMP(axis, o->first + margin, o->last - margin), .slope = slope};
  enclose(&shape, o);
  double value = excess(&shape, o);
  if (value >= least)
    return least;
  *best = shape;
  return value;
}

/* The fan around the outline that has least beside it. */
static double fit_fan(Shape *best, const Outline *o)
{
  double axis_step = (o->last - o->first) / AXES, factor = pow(SLOPE_MAX / SLOPE_MIN, 1.0 / (SLOPES - 1));
  double least = G_MAXDOUBLE;
  for (int i = 0; i <= AXES; i++)
    for (int k = 0; k < SLOPES; k++)
      least = try_shape(best, least, o->first + axis_step * i, SLOPE_MIN * pow(factor, k), o);
  for (int k = 0; k < REFINEMENTS; k++) {
    axis_step /= 2;
    factor = sqrt(factor);
    double before;
    do {
      before = least;
      Shape at = *best;
      for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++)
          least = try_shape(best, least, at.axis + axis_step * i,
                            CLAMP(at.slope * pow(factor, j), SLOPE_MIN, SLOPE_MAX), o);
    } while (least < before);
  }
  return least;
}

/* Row of the outline that column @x ends in, from below; -1: none. */
static double column_end(const Outline *o, double x)
{
  for (int i = o->n - 1; i >= 0; i--)
    if (x >= o->left[i] && x <= o->right[i])
      return o->y[i];
  return -1;
}

typedef struct {
  double left, right, bottom; /* parts of the shape's borders that the hull reaches, 0..1 */
  double bright;              /* what the shape has beside bright borders of the hull, of the hull's area */
} Contact;

/* Part of the bottom, the arc or a rectangle's side, that the hull reaches. */
static double bottom_contact(const Shape *shape, const Outline *o, double near)
{
  int bottom = 0, columns = 0;
  double widest = shape->reach;
  if (shape->slope > 0)
    widest = MIN(widest, shape->far * shape->slope / sqrt(1 + shape->slope * shape->slope));
  for (int i = 0; i < ROWS; i++) {
    double x = shape->axis + widest * ((i + 0.5) / ROWS * 2 - 1), away = fabs(x - shape->axis);
    if (x < 0 || x > o->width)
      continue;
    double end = o->bottom;
    if (shape->slope > 0)
      end = MIN(end, shape->apex + sqrt(MAX(shape->far * shape->far - away * away, 0)));
    columns++;
    double found = column_end(o, x);
    bottom += found >= 0 && end - found <= near + (o->bottom - o->top) / ROWS;
  }
  return (double)bottom / MAX(columns, 1);
}

static Contact find_contact(const Shape *shape, const Outline *o)
{
  double near = MAX(TOUCH * MAX(o->last - o->first, o->bottom - o->top), 2), hull = 0;
  int rows = 0;
  Contact c = {.bottom = bottom_contact(shape, o, near)};
  for (int i = 0; i < o->n; i++) {
    double half = half_width(shape, o->y[i]);
    double left = o->left[i] - MAX(shape->axis - half, 0), right = MIN(shape->axis + half, o->width) - o->right[i];
    hull += o->right[i] - o->left[i];
    if (half <= 0)
      continue;
    rows++;
    c.left += left <= near;
    c.right += right <= near;
    c.bright += (o->left_weight[i] - DARK) * MAX(left, 0) + (o->right_weight[i] - DARK) * MAX(right, 0);
  }
  c.left /= MAX(rows, 1);
  c.right /= MAX(rows, 1);
  c.bright /= MAX(hull, 1);
  return c;
}

/* Brightness of the last eighth of the rows at their ends, 0..1: whether the scan ends there or fades. */
static double bottom_brightness(const Outline *o)
{
  int first = o->n - MAX(o->n / 8, 1);
  double sum = 0;
  for (int i = first; i < o->n; i++)
    sum += (o->left_weight[i] + o->right_weight[i]) / 2 - DARK;
  return sum / (o->n - first);
}

/* @part: of the shape's area, the hull's. */
static LusShape judge(const Shape *shape, const Outline *o, double part)
{
  if (part < 1 - MISSING_MAX)
    return LUS_SHAPE_UNKNOWN;
  Contact c = find_contact(shape, o);
  if (c.left + c.right < SIDES_TOUCHED || c.bottom < BOTTOM_TOUCHED || c.bright > BRIGHT_MAX)
    return LUS_SHAPE_UNKNOWN;
  gboolean seen = MIN(MIN(c.left, c.right), c.bottom) >= SEEN && bottom_brightness(o) >= ABRUPT;
  return seen ? LUS_SHAPE_SEEN : LUS_SHAPE_GUESSED;
}

static void write_spans(LusSpan *whole, const Shape *shape, const LusSpan *hull, int width, int first, int last)
{
  for (int y = first; y <= last; y++) {
    double half = half_width(shape, y + 0.5);
    int left = MAX((int)lround(shape->axis - half), 0), right = MIN((int)lround(shape->axis + half), width);
    whole[y] = half <= 0 ? hull[y] : (LusSpan){MIN(left, hull[y].left), MAX(right, hull[y].right)};
  }
}

LusShape lus_sector_shape_complete(LusSpan *whole, const LusSpan *hull, const LusEdge *edges, int width, int height)
{
  int first = 0, last = height - 1;
  while (first <= last && lus_span_is_empty(hull[first]))
    first++;
  while (last > first && lus_span_is_empty(hull[last]))
    last--;
  memcpy(whole, hull, sizeof *whole * (gsize)height);
  if (first > last)
    return LUS_SHAPE_UNKNOWN;
  Outline o;
  read_outline(&o, hull, edges, first, last, width);
  double hull_area = 0;
  for (int i = 0; i < o.n; i++)
    hull_area += o.right[i] - o.left[i];
  Shape fan, box = {.axis = (o.first + o.last) / 2};
  enclose(&box, &o);
  const Shape *shape = fit_fan(&fan, &o) < excess(&box, &o) ? &fan : &box;
  double part = hull_area / area(shape, &o);
  LusShape result = judge(shape, &o, part);
  if (result != LUS_SHAPE_UNKNOWN && part <= 1 - MISSING_MIN)
    write_spans(whole, shape, hull, width, first, last);
  return result;
}
