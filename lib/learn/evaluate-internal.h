/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/evaluate.h"

/** Inside of learn: what evaluations are made of. */

#define LUS_CELLS (256 * 101)
#define LUS_CELL_SHIFT 48
#define LUS_CELL(cell, count) ((guint64)(cell) << LUS_CELL_SHIFT | (guint64)(count))
#define LUS_CELL_COUNT(packed) ((gint64)((packed) & (((guint64)1 << LUS_CELL_SHIFT) - 1)))
#define LUS_CELL_Q(packed) ((int)((packed) >> LUS_CELL_SHIFT) / 101)
#define LUS_CELL_PERCENT(packed) ((int)((packed) >> LUS_CELL_SHIFT) % 101)

void lus_histogram_add(LusHistogram *sum, const LusHistogram *other);
void lus_distances_add(LusDistances *sum, const LusDistances *other);
/** A ratio of pixels, which is unknown where nothing is labelled at this level: 1 for finding nothing and 0 for a single
 *  pixel would tell methods apart by what the labels cannot say. */
LusInterval lus_counts_ratio(const LusMaskCount *counts, const double *numerator, const double *denominator, int n,
                             const LusBootstrap *bootstrap);
/** Numbers the groups (patients) of @n samples in the order in which they appear: @number [n]. Returns how many there
 *  are. */
int lus_number_groups(int *number, const int *group, int n);
