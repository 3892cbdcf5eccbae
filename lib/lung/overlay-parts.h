/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <pango/pangocairo.h>
#include <string.h>

#include "kernels/edge.h"
#include "lung/overlay.h"

/** The parts of the overlay, private to overlay*.c. Lengths are in u, the grid's unit (docs/display.md), unless said
 *  otherwise. Drawn pixels are premultiplied ARGB32 as cairo has it. */

/* --- palette: overlay-palette.c --- */

typedef struct { guint8 r, g, b; } LusColour;

typedef enum {
  LUS_INK_TEXT1, /* values, words */
  LUS_INK_TEXT2, /* labels, marks */
  LUS_INK_LINE,  /* rules, trunk */
  LUS_INK_PLATE, /* text on light plates */
  LUS_INK_DONE, LUS_INK_PART, LUS_INK_OPEN, /* zones */
  LUS_INK_TRACK, /* under confidence bars */
  LUS_INK_BLACK
} LusInk;

LusColour lus_ink_colour(LusInk ink);


/** How a class looks and what it is called. */
typedef struct {
  char name[40], short_name[24];
  LusColour colour;
  double width;   /* of its contour */
  double opacity; /* of its contour, 0..1 */
  int order;      /* 0..LUS_CLASS_TOP: the highest is drawn last */
} LusClassLook;

#define LUS_CLASS_TOP 4

/** Looks of all classes of @segmentation; @gray: as GRAY8 shows them. */
void lus_class_looks(LusClassLook looks[LUS_MAX_CLASSES], const LusSegmentation *segmentation, gboolean gray);

/* --- plates: overlay-blend.c --- */

/** Something drawn once and blended often: the pixels that are not transparent, already in the frame's layout. */
typedef struct {
  GArray *runs; /* of LusRun */
  GByteArray *source, *alpha;
} LusPlate;

void lus_plate_init(LusPlate *plate);
void lus_plate_clear(LusPlate *plate);
/** Empties it; the memory stays. */
void lus_plate_empty(LusPlate *plate);

typedef struct {
  const guint32 *argb;
  int stride; /* pixels */
} LusDrawing;

/** From the pixels of @drawing that belong at @where of frames like @target; what lies outside of the frame is left
 *  out. x and y of @where are even. */
void lus_plate_build(LusPlate *plate, const LusImage *target, const LusDrawing *drawing, LusRect where);

/** A colour in a plate, ready to be drawn with: where each plane's row of it begins in the plate's source. */
typedef struct { guint rows[3]; } LusPaint;
/** It lasts until the plate is emptied or built. */
LusPaint lus_plate_paint(LusPlate *plate, const LusImage *target, LusColour colour);
/** Adds one or two rows of one colour, drawn over what is in the plate: @where, x and y even, lies within the frame;
 *  @alpha [height][stride]. */
void lus_plate_add(LusPlate *plate, const LusImage *target, const LusPaint *paint, LusRect where, const guint8 *alpha,
                   int stride);
/** Draws on a frame of the format and size it was built for. */
void lus_plate_draw(const LusPlate *plate, LusImage *frame);

/** Colours that move the chroma only, by alphas that the frame's luma scales down where it is dark. */
typedef struct {
  GArray *runs;
  GByteArray *alpha, *source, *scratch, *work;
  gsize row; /* bytes of source per plane of a class */
} LusTint;

void lus_tint_init(LusTint *tint);
void lus_tint_clear(LusTint *tint);
/** Empties it; the memory stays. */
void lus_tint_empty(LusTint *tint);
/** Empties it for frames like @target and @n colours. */
void lus_tint_start(LusTint *tint, const LusImage *target, const LusColour *colours, int n);
/** Adds @n units of row @row, from @first: samples of the chroma, or pixels of RGB. @who: colour + 1, 0 = none. */
void lus_tint_add(LusTint *tint, int row, int first, const guint8 *who, const guint8 *alpha, int n);
void lus_tint_draw(const LusTint *tint, LusImage *frame);

/** How many of the @n bytes are the same as the first, from it on. */
static inline int lus_same_bytes(const guint8 *bytes, int n)
{
  guint64 first = n ? bytes[0] * G_GUINT64_CONSTANT(0x0101010101010101) : 0, eight;
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    memcpy(&eight, bytes + i, sizeof eight);
    if (eight != first)
      break;
  }
  while (i < n && bytes[i] == bytes[0])
    i++;
  return i;
}

#define LUS_TILE 16

typedef struct { double x, y; } LusPoint;

/* --- edges of masks: overlay-edge.c --- */

/** A plane and where it lies: what lus_plane_to_frame() resamples. */
typedef struct {
  const guint8 *plane; /* [height][width] */
  int width, height;
  LusRect rect; /* pixels of the map */
} LusPlaneField;

/** Squared distances in pixels, positive outside of the mask, negative inside; only near its edge, and only of the rows
 *  that are worked on. */
typedef struct {
  int width, height, tiles; /* tiles of LUS_TILE pixels per row */
  int rows;                 /* a power of two: row y is kept in row y & (rows - 1) */
  float *distance;          /* [rows][(tiles + 1) * LUS_TILE] */
  guint8 *touched;          /* [rows][tiles + 1, whole words]: there is a distance */
  const LusEdgeKernels *kernels;
} LusEdgeMap;

void lus_edge_map_clear(LusEdgeMap *map);
/** @span: pixel rows that what lies between two of the field's rows can reach. FALSE when out of memory: the map is
 *  empty then. */
gboolean lus_edge_map_set_size(LusEdgeMap *map, int width, int height, double span);
/** Called for every two rows from @y, even, in their order, all tiles that were touched in them are to be taken. */
typedef void (*LusEdgeRows)(void *data, int y);
/** The distances of at least all pixels within @reach of the line where the field crosses @cut - 0.5, in or around
 *  @part of the plane. */
void lus_edge_find(LusEdgeMap *map, const LusPlaneField *field, LusRect part, int cut, double reach, LusEdgeRows rows,
                   void *data);
/** The first tile from @tile on that was touched in one of the rows, 1 or 2; tiles if none is. */
int lus_edge_next(const LusEdgeMap *map, int tile, int y, int rows);
/** The first tile behind @tile that was not. */
int lus_edge_end(const LusEdgeMap *map, int tile, int y, int rows);
/** Alphas of the pixels of @n tiles in the band between the distances @gap and @gap + @width outside of the mask; the
 *  map forgets the tiles. FALSE if all are 0. */
gboolean lus_edge_band(LusEdgeMap *map, guint8 *alpha, int tile, int n, int y, double gap, double width, double opacity);

/* --- tints of masks: overlay-tint.c --- */

/** A class's plane, raised inside its mask and lowered outside of it. */
typedef struct {
  const guint8 *plane; /* [height][width], good in and two rows around part */
  LusRect part;        /* samples that the mask covers */
  int cut;
  LusColour colour;
} LusMaskLayer;

/** Columns x0 to x1 - 1; x1 < x0: more than one run of them. */
typedef struct { int x0, x1; } LusSpan;

/** Strength 0.22 + 0.28 (c - t) / (1 - t) times @opacity where the layers' confidence reaches their thresholds, each over the
 *  one before; @sector is odd inside, in @sector_rows. */
void lus_tint_build(LusTint *tint, const LusImage *target, const LusSegmentation *segmentation,
                    const LusMaskLayer *layers, int n, const guint8 *sector, const LusSpan *sector_rows,
                    double opacity);

/* --- masks: overlay-mask.c --- */

/** How a class's contour looks. */
typedef struct {
  LusColour colour;
  double width, opacity; /* pixels; 0..1 */
  int dash;              /* pixels on and off, 0 = solid */
} LusStroke;

/** Pixels of the sector at its border, where no contour is drawn; odd, as 255 is. */
#define LUS_SECTOR_BORDER 127

/** Contours and tints of the mask at hand. */
typedef struct {
  int frame_width, frame_height;
  guint8 *sector;     /* [frame_height][frame_width], 255 inside, at its border LUS_SECTOR_BORDER; NULL before the first */
  guint8 *whole;      /* [frame_height][frame_width / LUS_TILE] 1 where all pixels of a tile are 255 */
  LusSpan *rows;      /* [frame_height] the pixels inside, with the border */
  LusRect sector_box; /* the pixels inside it */
  LusRect box;        /* what the planes cover, from whole tiles and even rows on, frame pixels */
  gsize planes_size;  /* samples there is memory for */
  guint8 *planes;     /* confidences, raised inside the mask and lowered outside of it */
  guint8 *alpha;      /* two rows of pixels of the box */
  LusEdgeMap edge;
  LusPlate contour;
  LusTint tint;
} LusMaskDrawing;

typedef struct {
  LusOverlayStyle style; /* contour where the frame has no chroma */
  gboolean stale;
  double opacity;
  guint32 class_mask;
} LusMaskLook;

void lus_mask_drawing_init(LusMaskDrawing *drawing);
void lus_mask_drawing_clear(LusMaskDrawing *drawing);
/** A new sector. FALSE when out of memory: there is none then. */
gboolean lus_mask_drawing_set_sector(LusMaskDrawing *drawing, const LusSegmentation *segmentation);
void lus_mask_drawing_update(LusMaskDrawing *drawing, const LusImage *target, const LusSegmentation *segmentation,
                             const LusMask *mask, const LusMaskLook *look);

/* --- the sector's corners: overlay-marks.c --- */

typedef struct {
  LusPoint top[2], bottom[2]; /* left, right; frame pixels */
  gboolean straight;          /* the sides are upright: depth runs down the picture from the top */
} LusCorners;

void lus_corners_find(LusCorners *corners, const guint8 *sector, int width, LusRect box);
#define LUS_CORNERS 4
/** Marks outside of the corners, one plate each: this is analysed. */
void lus_corners_draw(LusPlate plates[LUS_CORNERS], const LusCorners *corners, const LusImage *target, double u);

/* --- glyphs: overlay-glyphs.c --- */

typedef enum {
  LUS_TEXT_BOLD = 1,
  LUS_TEXT_RIGHT = 2,
  LUS_TEXT_CENTRE = 4,
  LUS_TEXT_BARE = 8,    /* no outline */
  LUS_TEXT_TABULAR = 16 /* digits of one width: the number moves */
} LusTextFlags;

/** Texts that were shaped and glyphs that were drawn, kept for the next time. */
typedef struct _LusGlyphs LusGlyphs;
/** A text that was shaped. */
typedef struct _LusText LusText;

LusGlyphs *lus_glyphs_new(void);
void lus_glyphs_free(LusGlyphs *glyphs);
/** @string of @px pixels, BOLD and TABULAR of @flags; @tight: spaced by -1.5 %. It lives until the next call. */
const LusText *lus_glyphs_text(LusGlyphs *glyphs, double px, gboolean tight, unsigned flags, const char *string);
/** Pixels. */
double lus_text_width(const LusText *text);
/** Draws on an image surface in ARGB32, unclipped, from (@x, @y) on its baseline, in pixels: black at 0.75 within
 *  @outline pixels of the glyphs (0 = none), then the glyphs. */
void lus_glyphs_draw(LusGlyphs *glyphs, cairo_surface_t *surface, const LusText *text, double x, double y,
                     double outline, LusColour colour);

/* --- text and shapes: overlay-text.c --- */

/** What a block is drawn with: cairo's user space is the grid, moved to where the block stands. */
typedef struct {
  cairo_t *cr; /* on an image; NULL between drawings */
  LusGlyphs *glyphs;
  double u;      /* pixels */
  double min_px; /* smallest text */
  LusColour colour;
} LusCanvas;

void lus_canvas_open(LusCanvas *canvas);
void lus_canvas_close(LusCanvas *canvas);
void lus_canvas_ink(LusCanvas *canvas, LusInk ink);
void lus_canvas_colour(LusCanvas *canvas, LusColour colour, double opacity);
/** @string of @size on the baseline (x, y), in the colour last set, unclipped; what is wider than @width is set smaller,
 *  down to 0.85. Returns the width drawn. */
double lus_canvas_text(LusCanvas *canvas, double x, double y, double size, unsigned flags, double width,
                       const char *string);
/** The width lus_canvas_text() would draw where there is room. */
double lus_canvas_text_width(LusCanvas *canvas, double size, unsigned flags, const char *text);
/** A level line of at least two pixels, on even ones. */
void lus_canvas_rule(LusCanvas *canvas, double x0, double x1, double y);
/** A path, snapped to even pixels. */
void lus_canvas_rounded(LusCanvas *canvas, double x, double y, double width, double height, double radius);
void lus_canvas_triangle(LusCanvas *canvas, double x, double y, double width, double height, gboolean down);

/* --- room and layout: overlay-room.c, overlay-layout.c --- */

/** In the order in which they get their place: each column from its top. */
typedef enum {
  LUS_BLOCK_NOTICE,
  LUS_BLOCK_STATUS,
  LUS_BLOCK_LEGEND,
  LUS_BLOCK_ZONE,
  LUS_BLOCK_THORAX,
  LUS_BLOCK_SF,
  LUS_BLOCK_OUTLOOK, /* change and readmission */
  LUS_BLOCK_DEPTH,
  LUS_BLOCK_FOOTER, /* status and notice where there is no room */
  LUS_BLOCK_MARK,   /* of status or footer: it moves, they don't */
  LUS_BLOCK_N
} LusBlockId;

/** Which pixels of the frame are free: outside of the sector, and never brighter than 32 while it was measured. */
typedef struct {
  int width, height;
  guint8 *taken;  /* [height][width], 1 = seen bright */
  guint8 *line;   /* one row of luma */
  guint8 *counts; /* [2][width] taken and sector's pixels of each column, in one row of cells */
  int cell;       /* pixels; the sums below count cells */
  int columns, rows;
  guint32 *taken_sum, *sector_sum; /* [rows + 1][columns + 1], summed pixels of all cells above and to the left */
} LusRoom;

void lus_room_init(LusRoom *room);
void lus_room_clear(LusRoom *room);
/** Forgets what was seen. FALSE when out of memory. */
gboolean lus_room_set_size(LusRoom *room, int width, int height);
void lus_room_look(LusRoom *room, const LusImage *frame);
/** Makes the sums; @sector [height][width] or NULL. */
void lus_room_sum(LusRoom *room, const guint8 *sector);
/** Number of taken pixels in @rect; -1 where it touches the sector or leaves the frame. */
int lus_room_taken(const LusRoom *room, LusRect rect);
/** How bad it is to cover @rect, which lies within the frame: pixels of the sector first, taken ones second. */
gint64 lus_room_cost(const LusRoom *room, LusRect rect);

typedef struct { double x, y, width, height; } LusBox; /* in u */

#define LUS_MARK_RADIUS 4.4  /* u, of the status mark with all its dots */
#define LUS_FOOTER_PITCH 5.6  /* u, of the notice's lines */
#define LUS_FOOTER_STATUS 7.6 /* u, height of the status line */

typedef struct {
  gboolean shown;
  gboolean plate; /* on a black plate: it stands on something */
  LusRect rect;   /* frame pixels, even */
  double x, y;    /* where exactly the block's box begins, u */
} LusSlot;

typedef struct {
  gboolean compact;
  double u;      /* pixels */
  double min_px;
  int footer_lines; /* of the notice, in the footer */
  gboolean footer_status; /* the footer shows the status too */
  LusBox homes[LUS_BLOCK_N]; /* what each block's drawing covers, in its own coordinates */
  LusSlot slots[LUS_BLOCK_N];
} LusLayout;

typedef struct {
  int width, height;   /* frame pixels */
  unsigned wanted;     /* bit i: block i */
  int legend_rows;
  gboolean confidence; /* the legend has bars */
  LusRect sector;      /* empty: unknown */
  LusCanvas *canvas;   /* measures texts */
} LusLayoutInput;

/** Places the blocks: nothing on the sector, nothing on the scanner's own text, nothing on each other. */
void lus_layout_find(LusLayout *layout, const LusLayoutInput *input, const LusRoom *room);
/** The notice in 1, 2, 3 or 5 lines: the @i-th one, or NULL past the last. Static. */
const char *lus_notice_line(int lines, int i);

/* --- what the blocks say: overlay-content.c, drawn by overlay-blocks.c and overlay-thorax.c --- */

typedef struct {
  LusStatus status;
  char lines[2][40];
} LusStatusContent;

typedef struct {
  LusStatus status;
  int step; /* 0..7: the dot that is lit */
} LusMarkContent;

enum { LUS_PERCENT_NOT_SEEN = -1, LUS_PERCENT_UNKNOWN = -2 };

typedef struct {
  char name[40], short_name[24];
  LusColour colour;
  double width;
  int percent;   /* 0..100, LUS_PERCENT_... */
  int threshold; /* percent */
} LusLegendRow;

typedef struct {
  char head[40];
  gboolean confidence, dim;
  LusOverlayStyle style;
  int n;
  LusLegendRow rows[LUS_MAX_CLASSES];
} LusLegendContent;

typedef struct {
  char zone[LUS_ZONE_LENGTH];
  int done, n;
} LusZoneContent;

typedef struct {
  int n, current; /* current: index or -1 */
  gboolean finished;
  char names[LUS_MAX_ZONES][LUS_ZONE_LENGTH];
  int parts[LUS_MAX_ZONES]; /* 0..100 % of the frames that make a zone done */
} LusThoraxContent;

typedef struct {
  char label[32], note[32];
  gboolean tick;   /* before the note */
  gboolean valid;
  int value, low, high, baseline; /* baseline 0: none */
  char reason[2][64];
} LusSfContent;

typedef struct {
  char change_label[48];
  gboolean baseline, change_valid;
  int change_class;
  char change_note[48];
  char readmission[16], readmission_note[32];
} LusOutlookContent;

typedef struct {
  double mm_per_pixel;
  LusRect sector;
} LusDepthContent;

typedef struct {
  LusStatusContent status;
  LusMarkContent mark;
  LusLegendContent legend;
  LusZoneContent zone;
  LusThoraxContent thorax;
  LusSfContent sf;
  LusOutlookContent outlook;
  LusDepthContent depth;
} LusContent;

/** The classes last seen: the legend outlives a result. */
typedef struct {
  int n_classes;
  LusClassLook looks[LUS_MAX_CLASSES];
  guint8 cut[LUS_MAX_CLASSES]; /* 0: no mask yet */
} LusLegendSource;

/** What is shown of numbers that move: changed at most twice a second. */
typedef struct {
  gint64 published_ns, stepped_ns, since_ns; /* since: this status */
  guint64 result_number;
  gboolean started;
  LusStatus status;
  int step;
  int age_ms;   /* largest of the period, -1 unknown */
  int every;    /* frames per result */
  int percent[LUS_MAX_CLASSES];
  /* gathered since the last publication */
  int draws, results, max_age_ms, n_samples;
  gint16 samples[LUS_MAX_CLASSES][32];
} LusWatch;

void lus_watch_reset(LusWatch *watch);
/** Looks at one state; @status is the one shown. */
void lus_watch_update(LusWatch *watch, const LusOverlayState *state, LusStatus status);

/** The status shown: a mask past its time makes Live and Slow stale. */
LusStatus lus_status_shown(const LusOverlayState *state, const LusOverlayConfig *config);
void lus_content_fill(LusContent *content, const LusOverlayState *state, const LusOverlayConfig *config,
                      const LusWatch *watch, const LusLegendSource *known, gboolean gray);

void lus_draw_status(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_mark(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_legend(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_zone(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_thorax(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_sf(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_outlook(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_notice(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_depth(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);
void lus_draw_footer(LusCanvas *canvas, const LusContent *content, const LusLayout *layout);

/* --- the sketch of the thorax, for the overlay and the report: overlay-thorax.c --- */

/* Its own coordinates: this wide and high, the patient's right lung on the left. */
#define LUS_THORAX_WIDTH 54.0
#define LUS_THORAX_HEIGHT 40.0

/** A zone's part of the lung's unit box. */
typedef struct { double x0, y0, x1, y1; } LusThoraxCell;

/** Place of the @i-th of a side's @n zones. */
LusThoraxCell lus_thorax_cell(int i, int n);
/** From the sketch's coordinates to the unit box of one lung. */
void lus_thorax_enter_lung(cairo_t *cr, gboolean left);
/** In the unit box: the lung's outline; the cell's rectangle. */
void lus_thorax_lung_path(cairo_t *cr);
void lus_thorax_cell_path(cairo_t *cr, const LusThoraxCell *cell);
/** In the sketch's coordinates, with the colour last set: trunk and a cell's edge; where a cell's label stands. */
void lus_thorax_stroke_trunk(cairo_t *cr, double width);
void lus_thorax_stroke_cell(cairo_t *cr, const LusThoraxCell *cell, gboolean left, double width, gboolean dashed);
void lus_thorax_label_place(cairo_t *cr, const LusThoraxCell *cell, gboolean left, double *x, double *y);
