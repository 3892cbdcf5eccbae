/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "chart.h"

#include <pango/pangocairo.h>

/** Inside of the chart: size in points, and the drawing itself. */
void lus_chart_size(const LusChart *chart, double *width, double *height);
void lus_chart_draw(cairo_t *cr, const LusChart *chart, double width, double height);
