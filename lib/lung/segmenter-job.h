/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "network.h"
#include "recycler.h"

/** Inside of lung: what a job holds. */
struct _LusSegmenterJob {
  LusNetwork *network; /* NULL: not filled */
  LusGeometry geometry;
  int frame_width, frame_height;
  double mm_per_pixel;
  gint64 pts_ns;
  guint8 *luma;   /* [h][w] of the network's input, 0 outside the sector */
  guint8 *inside; /* the sector over the crop's place, [geometry.height][geometry.width] */
  gsize pixels;   /* room in both */
  LusRecycler *recycler; /* of its results */
};

/** Drops what it holds of a frame. */
void lus_segmenter_job_clear(LusSegmenterJob *job);
/** Room for @pixels of luma and sector each. FALSE: out of memory. */
gboolean lus_segmenter_job_make_room(LusSegmenterJob *job, gsize pixels);
