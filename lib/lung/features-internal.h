/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/features.h"

/** Inside of features: one frame, seen along its beams. */

/** A line of sight. In row y it is in column (start + slope y) / 65536, rounded down; a linear probe's beams are the plane's
 *  columns. */
typedef struct {
  gint32 start, slope;           /* 2^-16 columns */
  float weight;                  /* width of a linear probe's, angle of a fan's beam, relative to the middle one */
  float stretch;                 /* length per row of height */
  int top, bottom;               /* rows in the sector, top <= row < bottom; none: equal */
  int pleura_top, pleura_bottom; /* pleural line, alike; none: pleura_top < 0 */
  float below;                   /* mean confidence of vertical lines below the pleural line, 0..255 */
  gboolean vertical;             /* belongs to a vertical line */
} LusBeam;

struct _LusFeatureMeter {
  /* The sector that the beams belong to. */
  int width, height;
  LusRect rect;
  guint8 *sector;            /* [height][width] */
  LusBeam *beams;            /* [n_beams] */
  int n_beams;
  gboolean fan;
  double apex_x, apex_y;     /* of a fan, plane pixels */
  int top, rows;             /* rows of the sector: first, how many */
  double total;              /* weight of all beams with rows */
  guint16 *lower_rows;       /* [width] rows of the sector's lower half in each column */
  guint8 *inside;            /* [height / 2][width / 2] 255 in the sector, 0 outside, at the pixels of luma */
  int n_inside;
  int *pick;                 /* [width / 2] the picture's column of each of luma's, from the rectangle's left */
  /* Scratch. */
  int *histogram;            /* [MAX(height, 256) + 1] */
  float *edge;               /* [n_beams] */
  guint32 *column;           /* [width] */
  guint16 *part;             /* [width] */
  guint8 *largest;           /* [width] */
  /* Every second column and row of the plane, of this and of the last picture. */
  guint8 *luma, *last;       /* [height / 2][width / 2] */
  guint8 *line;              /* [rect.width] */
  gsize line_size;
  gboolean has_luma, has_last;
  /* The frame at hand. */
  const LusSegmentation *segmentation;
  const LusMask *mask;
  int pleura, fascia, vertical, a_line; /* class indices, -1: the model has none */
  double pleura_total;       /* weight of the beams with pleural line */
  int n_pleura;
};

/** Memory and beams for the segmentation's sector; kept while it stays the same. FALSE when out of memory. */
gboolean lus_beams_update(LusFeatureMeter *meter, const LusSegmentation *segmentation);

static inline int lus_beam_column(const LusBeam *beam, int row)
{
  return (beam->start + beam->slope * row) >> 16;
}

static inline gsize lus_beam_pixel(const LusFeatureMeter *m, const LusBeam *beam, int row)
{
  return (gsize)row * (gsize)m->width + (gsize)lus_beam_column(beam, row);
}

static inline const guint8 *lus_feature_plane(const LusFeatureMeter *m, const guint8 *planes, int index)
{
  return planes + (gsize)index * (gsize)m->width * (gsize)m->height;
}

/** Beams narrower than this are mask noise, in lines and between them. */
int lus_beams_min_gap(const LusFeatureMeter *meter);

/** First row of the sector's lower half. */
static inline int lus_feature_lower(const LusFeatureMeter *m)
{
  return m->top + m->rows / 2;
}

/** mm per row of the plane, NaN unknown. */
double lus_feature_mm(const LusFeatureMeter *meter);

void lus_features_pleura(double *out, LusFeatureMeter *meter);
void lus_features_fascia(double *out, LusFeatureMeter *meter);
void lus_features_vertical(double *out, LusFeatureMeter *meter);
/** What needs no pleural line. */
void lus_features_columns(double *out, LusFeatureMeter *meter);

/** Picks the picture's luma at the plane's pixels; keeps the one before. */
gboolean lus_features_take_picture(LusFeatureMeter *meter, const LusImage *image);
void lus_features_picture(double *out, LusFeatureMeter *meter);
void lus_features_picture_pleura(double *out, LusFeatureMeter *meter);
