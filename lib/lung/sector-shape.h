/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** The pixels left..right-1 of a row; none when left >= right. */
typedef struct {
  int left, right;
} LusSpan;

static inline gboolean lus_span_is_empty(LusSpan span)
{
  return span.left >= span.right;
}

/** How bright the scan is just inside of a row's borders: 0 black, 255 at least half as bright as on average. */
typedef struct {
  guint8 left, right;
} LusEdge;

/** What the visible part of a scan tells of all of it. */
typedef enum {
  LUS_SHAPE_UNKNOWN, /* the hull's borders are those of no fan or rectangle */
  LUS_SHAPE_GUESSED, /* some borders lie in the dark */
  LUS_SHAPE_SEEN     /* the hull reaches the shape's borders nearly everywhere and ends abruptly */
} LusShape;

/** @hull [height] is a convex region in a frame of @width x @height pixels, @edges [height] tells how bright its borders are.
 *  @whole [height] becomes the probe's sector that it is a part of, its dark corners too: a fan (wedge and arc around one
 *  point, even to both sides of the vertical) or a rectangle, cut off at the frame; the hull lies in it. Where that is
 *  unknown, or the hull lacks nothing, @whole becomes the hull. */
LusShape lus_sector_shape_complete(LusSpan *whole, const LusSpan *hull, const LusEdge *edges, int width, int height);
