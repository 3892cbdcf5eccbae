/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "segmenter.h"

/** Inside of lung: the guard's small picture, and whether one is another one scaled. */

#define LUS_GUARD_CELLS 64 /* a side, at most */

/** Means of the crop's pixels, in square cells; a cell is inside when its middle is in the sector. */
typedef struct {
  LusGeometry geometry;
  int size; /* pixels of the network's input per cell side */
  int columns, rows;
  guint8 luma[LUS_GUARD_CELLS * LUS_GUARD_CELLS];   /* [row * LUS_GUARD_CELLS + column] */
  guint8 inside[LUS_GUARD_CELLS * LUS_GUARD_CELLS]; /* 1 or 0 */
} LusGuardCells;

void lus_guard_cells_fill(LusGuardCells *cells, const LusSegmenterJob *job);
/** Whether both show the same part of the frame. */
gboolean lus_guard_cells_match(const LusGuardCells *a, const LusGuardCells *b);

/** Whether the picture in @job is the one in @before with another scale, by 8 % or more: not alike as it is, and alike
 *  when scaled about some point. */
gboolean lus_guard_is_rescaled(const LusGuardCells *before, const LusSegmenterJob *job);
