/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: line charts on white paper, drawn by cairo as PNG (twice the size, for screens and print) and SVG
 *  (texts as outlines: they look the same everywhere). Panels side by side share both axes and one legend, which stands
 *  beside them. */

typedef struct {
  double r, g, b; /* 0..1 */
} LusTone;

typedef enum { LUS_MARK_DOT, LUS_MARK_SQUARE, LUS_MARK_UP, LUS_MARK_DIAMOND, LUS_MARK_DOWN, LUS_MARK_N } LusMark;

typedef struct {
  const char *name;       /* in the legend; NULL: not there */
  LusTone tone;
  LusMark mark;
  gboolean hollow;        /* marks with a white inside */
  gboolean dashed, strong;
  int n;
  const double *x, *y;    /* [n]; NaN: a gap */
  const double *low, *high; /* [n] 95 % interval, drawn as a band; or NULL */
} LusSeries;

typedef struct {
  const char *title;
  int n;
  const LusSeries *series;
} LusPanel;

typedef struct {
  double low, high, step;
  const char *label; /* with its unit */
} LusAxis;

typedef struct {
  const char *title, *note; /* note: a line below the title, or NULL */
  LusAxis x, y;
  gboolean diagonal;        /* where both axes are equal */
  int n_panels;
  const LusPanel *panels;   /* the first one's series make the legend */
} LusChart;

/** Contents of a PNG or SVG file. NULL when out of memory. */
GByteArray *lus_chart_png(const LusChart *chart);
GByteArray *lus_chart_svg(const LusChart *chart);
/** Both, as @folder/@name.png and .svg, atomically. */
gboolean lus_chart_write(const LusChart *chart, const char *folder, const char *name, GError **error);

/** A class's colour of the display (docs/display.md), dark enough for white paper. */
LusTone lus_tone_of_class(const char *class_name);
/** 0..1 along a scale that gets lighter steadily, so that it can be read with any colour vision. */
LusTone lus_tone_of_share(double share);
