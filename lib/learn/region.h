/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** What annotators drew, whatever program they drew it with: regions of one class and one confidence on frames of a
 *  clip. Coordinates are frame pixels; pixel 0 reaches from 0 to 1, its centre is 0.5. */

typedef struct {
  double x, y;
} LusPoint;

typedef enum {
  LUS_REGION_EMPTY,   /* somebody looked at the frame */
  LUS_REGION_POLYGON, /* rings filled even-odd */
  LUS_REGION_LINE,    /* a polyline of a thickness */
  LUS_REGION_RUNS,    /* lengths of runs, outside first */
  LUS_REGION_PICTURE  /* a PNG: its values */
} LusRegionKind;

typedef enum {
  LUS_PICTURE_PERCENT, /* grey, as lus_label_read() reads it */
  LUS_PICTURE_ALPHA,   /* opacity */
  LUS_PICTURE_VALUE,   /* pixels of one number */
  LUS_PICTURE_IGNORE   /* half opaque and more, or where all is opaque: grey of 128 and more */
} LusPictureKind;

#define LUS_REGION_IGNORE 255
#define LUS_REGION_LAST 999999

/** Texts belong to the LusRegions. */
typedef struct {
  LusRegionKind kind;
  const char *clip;       /* stem; NULL or "": not told */
  const char *annotator;  /* NULL: not told */
  const char *class_name; /* NULL with LUS_REGION_EMPTY */
  const char *place;      /* "file: place", for messages */
  int frame, last;        /* first and last frame; last may be LUS_REGION_LAST: to the clip's end */
  int width, height;      /* of the picture drawn on; 0: not told */
  guint8 percent;         /* 0..100, LUS_REGION_IGNORE: could not tell */
  int n_points;
  LusPoint *points;  /* [n_points] at @frame */
  LusPoint *towards; /* NULL, or [n_points]: where they are at @last + 1, with a linear movement between */
  int n_rings;
  int *rings;        /* [n_rings]: points of each, adding up to n_points; NULL: one */
  double thickness;  /* of lines, pixels */
  int n_runs;
  guint32 *runs;     /* adding up to box.width * box.height */
  gboolean columns;  /* runs go down the columns, else along the rows */
  int left, top, box_width, box_height;
  LusPictureKind picture;
  const char *path;
  guint8 value;      /* LUS_PICTURE_VALUE */
} LusRegion;

typedef struct {
  GArray *list;        /* of LusRegion */
  GStringChunk *texts;
} LusRegions;

LUS_API LusRegions *lus_regions_new(void);
LUS_API void lus_regions_free(LusRegions *regions);
/** Frees what @region points to, but its texts. */
LUS_API void lus_region_clear(LusRegion *region);
/** Takes @region with what it points to (points, towards, rings, runs; also on failure); texts are copied. Refuses
 *  frames, coordinates and sizes out of bounds, and more than 1,000,000 regions. */
LUS_API gboolean lus_regions_add(LusRegions *regions, LusRegion *region, GError **error);

/** Raises every pixel of @plane [height][width] whose centre lies inside (even-odd over all rings) to at least @value.
 *  @rings NULL: one ring. The largest value counts; FALSE when out of memory. */
LUS_API gboolean lus_polygon_fill(guint8 *plane, int width, int height, const LusPoint *points, const int *rings,
                                  int n_rings, int n_points, guint8 value);
/** The same for a polyline with round ends: pixels whose centre is within thickness / 2. */
LUS_API void lus_line_fill(guint8 *plane, int width, int height, const LusPoint *points, int n_points,
                           double thickness, guint8 value);
/** Draws a region as it is on @frame. */
LUS_API gboolean lus_region_draw(const LusRegion *region, guint8 *plane, int width, int height, int frame,
                                 GError **error);

/** Whether a picture of @n RGBA pixels has no transparency anywhere. */
LUS_API gboolean lus_picture_opaque(const guint8 *rgba, gsize n);

/** "P1_d1_R2_frame000012.pleural_line.png", "P1_d1_R2/frame_12_mask.png": clip, number and what follows the number.
 *  Texts to be freed; the clip may be "". FALSE: there is no number. */
LUS_API gboolean lus_picture_name_parse(const char *name, char **clip, int *frame, char **rest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusRegions, lus_regions_free)

LUS_END_DECLS
