/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What sector.c, sector-trace.c and sector-profile.c share. */
#include "lung/sector.h"
#include "lung/sector-shape.h"

#define LUS_SECTOR_EDGE 5 /* cells inside of a border that tell how bright it is */
#define LUS_SECTOR_THIN 4 /* cells: what is not thicker is text, a scale or a line */

typedef struct {
  int cells, first, last; /* columns */
} LusComponent;

struct _LusSector {
  LusSectorMode mode;
  LusRect manual;
  int width, height;
  int cell, columns, rows; /* grid */

  guint8 *brightest; /* [height][width] running maximum of the luma */
  guint8 *means;     /* [rows][columns] running maximum of the cells' means */
  guint8 *row;       /* [width] */
  guint16 *sums;     /* [width] */
  guint8 pixel_level, cell_level; /* what counts as bright, at the last look */
  gboolean changed;               /* a maximum rose over its level since, or all is to be looked at anew */
  int calm;                       /* pictures since the sector changed, as far as CALM and the turns after it */

  guint8 *lit, *core, *kept, *spare; /* [rows][columns], 1 or 0; core: kept ones that are not thin */
  int *labels;                /* [rows][columns], component + 1 */
  LusComponent *components;      /* as many as cells */
  int *stack;                 /* as many as cells or frame rows */
  LusSpan *found;                /* [height] */
  LusSpan *row_limits;           /* [height], where texts begin to the left and the right, */
  LusSpan *column_limits;        /* [width], and above and below */

  LusSpan *remembered; /* [height], a scanner's profile; NULL: none */
  gboolean trusted;    /* what was seen since the reset could be what is remembered */

  gboolean seen;  /* there is a hull */
  gboolean known;
  LusEdge *edges;             /* [height], of the hull */

  LusSpan *hull;  /* [height], what was seen of it */
  LusSpan *spans; /* [height], the sector */
  LusRect rect;
};

/** The border in pixels: into sector->found, in each row, the first and the last lit pixel within the kept cells. */
void lus_sector_trace(LusSector *sector, int level);
/** Takes over a copy of @spans [height] as the scanner's sector. FALSE: out of memory. */
gboolean lus_sector_remember(LusSector *sector, const LusSpan *spans, GError **error);
