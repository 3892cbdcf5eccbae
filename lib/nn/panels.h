/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** A matrix [k][n] packed for lus_kernels()->panel_product: blocks of columns one after another,
 * each [k][width], the last ones narrower so that little is multiplied in vain. */

typedef struct {
  int first, n; /* columns */
  int width;    /* in memory; columns from n on are zero */
  gsize offset; /* floats from the packed matrix to the block */
} LusPanel;

int lus_panels_count(int n);
LusPanel lus_panels_at(int k, int n, int index);
gsize lus_panels_floats(int k, int n);
/** Row @row of the matrix; @values [n]. Padding is written too. */
void lus_panels_set_row(float *panels, int k, int n, int row, const float *values);
