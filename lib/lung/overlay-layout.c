/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"
#include "nn/error.h"

/* What may have been bright in a block's place where it cannot be avoided: half a percent, and not more than a few
 * strokes of a ruler; a digit is more than one square u. */
#define TAKEN_SHARE 0.005
#define TAKEN_AREA 1.0 /* square u */
#define STEP 4.0          /* of the search, u */
#define COLUMN 54.0       /* width of a column, u */
#define COLUMN_SHIFT 16.0 /* furthest that a column moves in as a whole, u */

/* Notice, by number of lines. */
static const char *const notice_lines[][5] = {
  {LUS_NOTICE},
  {"Research software -", "not for diagnosis or treatment"},
  {"Research software -", "not for diagnosis", "or treatment"},
  {"Research", "software -", "not for", "diagnosis", "or treatment"},
};

const char *lus_notice_line(int lines, int i)
{
  int row = lines <= 3 ? lines - 1 : 3;
  return i < lines ? notice_lines[row][i] : NULL;
}

static double notice_width(LusCanvas *canvas, int lines)
{
  double width = 0;
  for (int i = 0; i < lines; i++)
    width = MAX(width, lus_canvas_text_width(canvas, 4.5, 0, lus_notice_line(lines, i)));
  return width;
}

/* One kind of grid on one frame. */
typedef struct {
  const LusLayoutInput *input;
  const LusRoom *room;
  LusLayout *layout;
  double width, height; /* u */
  double margin_x, top, bottom;
  gboolean lenient; /* a few bright pixels in a block's place are put up with */
} Grid;

/* Where the blocks stand if nothing is in the way, in the coordinates of docs/display.md: columns at 12 and 254,
 * widths as for 320 x 180 u. A wider frame moves the right column out. */
static void full_homes(LusBox homes[LUS_BLOCK_N], const LusLayoutInput *input)
{
  double pitch = input->confidence ? 17 : 9, legend = input->confidence ? 48.5 : 58;
  homes[LUS_BLOCK_STATUS] = (LusBox){11, 14, COLUMN + 1, 30.5};
  homes[LUS_BLOCK_LEGEND] = (LusBox){11, legend, COLUMN + 1.5,
                                     59 - legend + pitch * (input->legend_rows - 1) + (input->confidence ? 15 : 7.5)};
  homes[LUS_BLOCK_ZONE] = (LusBox){253.5, 13, COLUMN + 1, 17.5};
  homes[LUS_BLOCK_THORAX] = (LusBox){253.5, 32, COLUMN + 1, 49.5};
  homes[LUS_BLOCK_SF] = (LusBox){253.5, 83, COLUMN + 1, 44};
  homes[LUS_BLOCK_OUTLOOK] = (LusBox){253.5, 129.5, COLUMN + 1, 35};
  homes[LUS_BLOCK_NOTICE] = (LusBox){11, 166.5, notice_width(input->canvas, 1) + 2, 7};
}

/* The compact grid is 200 x 150 u; blocks of the right column and of the last rows hang on the frame's far sides. */
static void compact_homes(LusBox homes[LUS_BLOCK_N], const LusLayoutInput *input)
{
  homes[LUS_BLOCK_STATUS] = (LusBox){5, 5.5, 52, 22.2};
  homes[LUS_BLOCK_LEGEND] = (LusBox){5, 28, 38, 8.0 * input->legend_rows - 2};
  homes[LUS_BLOCK_ZONE] = (LusBox){158, 7, 37, 12};
  homes[LUS_BLOCK_THORAX] = (LusBox){161.5, 20.5, 33.5, 29};
  homes[LUS_BLOCK_SF] = (LusBox){145, 125.5, 50, 22.5};
  homes[LUS_BLOCK_NOTICE] = (LusBox){5, 129, notice_width(input->canvas, 3) + 2, 19};
}

/* Frame pixels of a block's box moved to @x, @y (u), grown to even pixels. */
static LusRect place(const Grid *grid, LusBlockId id, double x, double y)
{
  double u = grid->layout->u;
  const LusBox *home = &grid->layout->homes[id];
  int x0 = 2 * (int)floor(x * u / 2), y0 = 2 * (int)floor(y * u / 2);
  return (LusRect){x0, y0, 2 * (int)ceil((home->width * u + 1) / 2), 2 * (int)ceil((home->height * u + 1) / 2)};
}

static gboolean overlaps(LusRect a, LusRect b)
{
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/* As lus_room_taken(), and -1 on another block. */
static int taken(const Grid *grid, LusRect rect)
{
  for (int i = 0; i < LUS_BLOCK_N; i++)
    if (grid->layout->slots[i].shown && overlaps(rect, grid->layout->slots[i].rect))
      return -1;
  return lus_room_taken(grid->room, rect);
}

static gboolean take(Grid *grid, LusBlockId id, double x, double y)
{
  LusRect rect = place(grid, id, x, y);
  double u = grid->layout->u, limit = MIN(TAKEN_SHARE * rect.width * rect.height, TAKEN_AREA * u * u);
  int n = taken(grid, rect);
  if (n < 0 || n > (grid->lenient ? limit : 0))
    return FALSE;
  grid->layout->slots[id] = (LusSlot){TRUE, FALSE, rect, x, y};
  return TRUE;
}

/* Where a block stands if nothing is in the way: what lies in the right half of the nominal grid keeps its distance
 * from the right side, what lies in the last fifth of the compact one that from the bottom. */
static void home_of(const Grid *grid, LusBlockId id, double *x, double *y)
{
  const LusBox *home = &grid->layout->homes[id];
  double width = grid->layout->compact ? 200 : 320, height = grid->layout->compact ? 150 : 180;
  *x = home->x > width / 2 ? home->x + grid->width - width : home->x;
  *y = home->y > 0.8 * height ? home->y + grid->height - height : home->y;
}

static gboolean try_column(Grid *grid, LusBlockId id, double x, double y)
{
  double bottom = grid->bottom - grid->layout->homes[id].height;
  for (double d = STEP; d < grid->height; d += STEP)
    if ((y + d <= bottom && take(grid, id, x, y + d)) || (y - d >= grid->top && take(grid, id, x, y - d)))
      return TRUE;
  return FALSE;
}

static gboolean try_row(Grid *grid, LusBlockId id, double y)
{
  double right = grid->width - grid->margin_x - grid->layout->homes[id].width;
  for (double x = grid->margin_x; x <= right; x += STEP)
    if (take(grid, id, x, y))
      return TRUE;
  return FALSE;
}

/* The same column lower or higher, the other column, the strip below, the corners beside a fan's apex. */
static gboolean try_elsewhere(Grid *grid, LusBlockId id)
{
  double x, y, height = grid->layout->homes[id].height, other;
  home_of(grid, id, &x, &y);
  other = grid->width - x - grid->layout->homes[id].width;
  return try_column(grid, id, x, y) || take(grid, id, other, y) || try_column(grid, id, other, y) ||
         try_row(grid, id, grid->bottom - height) || try_row(grid, id, grid->top);
}

static gboolean is_right(const Grid *grid, LusBlockId id)
{
  return grid->layout->homes[id].x > (grid->layout->compact ? 100 : 160);
}

/* The whole column in its order, moved in beside what the scanner writes at the frame's side. */
static gboolean try_whole_column(Grid *grid, unsigned wanted, gboolean right)
{
  for (double shift = 0; shift <= COLUMN_SHIFT; shift += STEP) {
    gboolean all = TRUE;
    for (int i = LUS_BLOCK_STATUS; i < LUS_BLOCK_DEPTH; i++) {
      double x, y;
      home_of(grid, i, &x, &y);
      if (wanted >> i & 1 && is_right(grid, i) == right)
        all = all && take(grid, i, right ? x - shift : x + shift, y);
    }
    if (all)
      return TRUE;
    for (int i = LUS_BLOCK_STATUS; i < LUS_BLOCK_DEPTH; i++)
      if (is_right(grid, i) == right)
        memset(&grid->layout->slots[i], 0, sizeof grid->layout->slots[i]);
  }
  return FALSE;
}

/* Places all of @wanted; FALSE if one found no room. The notice keeps to the bottom if it can. */
static gboolean place_all(Grid *grid, unsigned wanted)
{
  double x, y;
  memset(grid->layout->slots, 0, sizeof grid->layout->slots);
  home_of(grid, LUS_BLOCK_NOTICE, &x, &y);
  gboolean all = take(grid, LUS_BLOCK_NOTICE, x, y) || try_row(grid, LUS_BLOCK_NOTICE, y) ||
                 try_elsewhere(grid, LUS_BLOCK_NOTICE);
  for (int right = 0; right < 2; right++) {
    if (try_whole_column(grid, wanted, right))
      continue;
    for (int i = LUS_BLOCK_STATUS; i < LUS_BLOCK_DEPTH; i++) {
      home_of(grid, i, &x, &y);
      if (wanted >> i & 1 && is_right(grid, i) == right && !take(grid, i, x, y))
        all = try_elsewhere(grid, i) && all;
    }
  }
  return all;
}

/* Better not on a stroke of a ruler; better so than smaller, or less of it. */
static gboolean place_well(Grid *grid, unsigned wanted)
{
  grid->lenient = FALSE;
  if (place_all(grid, wanted))
    return TRUE;
  grid->lenient = TRUE;
  return place_all(grid, wanted);
}

/* The whole grid needs 16:9 and text that isn't below the smallest size. */
static gboolean full_grid(Grid *grid, const LusLayoutInput *input)
{
  double u = input->height / 180.0;
  if (input->width * 9 < input->height * 16 - 16 || 4.5 * u < 0.97 * grid->layout->min_px)
    return FALSE;
  grid->layout->compact = FALSE;
  grid->layout->u = input->canvas->u = u;
  grid->width = input->width / u;
  grid->height = 180;
  grid->margin_x = 11;
  grid->top = 8;
  grid->bottom = 173.5;
  full_homes(grid->layout->homes, input);
  return TRUE;
}

static void compact_grid(Grid *grid, const LusLayoutInput *input)
{
  double u = MAX(MIN(input->height / 150.0, input->width / 200.0), grid->layout->min_px / 4.5);
  grid->layout->compact = TRUE;
  grid->layout->u = input->canvas->u = u;
  grid->width = input->width / u;
  grid->height = input->height / u;
  grid->margin_x = 5;
  grid->top = 5;
  grid->bottom = grid->height - 2;
  compact_homes(grid->layout->homes, input);
}

/* On a black plate in the emptiest corner outside of the sector. */
static gboolean place_on_plate(Grid *grid, LusBlockId id)
{
  const LusBox *home = &grid->layout->homes[id];
  double left = grid->margin_x, right = grid->width - left - home->width, bottom = grid->bottom - home->height;
  int best = G_MAXINT;
  const double corners[4][2] = {{left, grid->top}, {right, grid->top}, {left, bottom}, {right, bottom}};
  for (int i = 0; i < 4; i++) {
    LusRect rect = place(grid, id, corners[i][0], corners[i][1]);
    int n = taken(grid, rect);
    if (n >= 0 && n < best) {
      best = n;
      grid->layout->slots[id] = (LusSlot){TRUE, TRUE, rect, corners[i][0], corners[i][1]};
    }
  }
  return best < G_MAXINT;
}

/* From left to right, where it hides the least. */
static LusSlot footer_slot(const Grid *grid)
{
  double u = grid->layout->u;
  LusSlot best = {FALSE, TRUE, {0, 0, 0, 0}, 0, 0};
  gint64 least = G_MAXINT64;
  for (double x = 1; !best.shown || x <= grid->width - 1; x += STEP) {
    LusRect rect = place(grid, LUS_BLOCK_FOOTER, x, 0);
    rect.y = (grid->input->height - rect.height - (int)u) & ~1;
    gint64 cost = best.shown && rect.x + rect.width > grid->input->width ? least : lus_room_cost(grid->room, rect);
    if (cost < least) {
      best = (LusSlot){TRUE, TRUE, rect, rect.x / u, rect.y / u};
      least = cost;
    }
  }
  return best;
}

/* Status and notice on one plate over the deepest rows: the sector fills the frame. What doesn't fit there is left
 * out. */
static void place_footer(Grid *grid, unsigned wanted)
{
  static const int choices[] = {1, 2, 3, 5};
  LusLayout *layout = grid->layout;
  gboolean status = wanted >> LUS_BLOCK_STATUS & 1;
  memset(layout->slots, 0, sizeof layout->slots);
  for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
    double width = MAX(notice_width(grid->input->canvas, choices[i]) + 4, status ? 45 : 0);
    double height = LUS_FOOTER_PITCH * choices[i] + (status ? LUS_FOOTER_STATUS : 0) + 2.2;
    if (width + 1 > grid->width || height + 1 > grid->height)
      continue;
    layout->footer_lines = choices[i];
    layout->footer_status = status;
    layout->homes[LUS_BLOCK_FOOTER] = (LusBox){0, 0, width, height};
    layout->slots[LUS_BLOCK_FOOTER] = footer_slot(grid);
    return;
  }
}

/* Left of the sector, where its numbers have room. */
static void place_depth(Grid *grid)
{
  double u = grid->layout->u, x = grid->input->sector.x / u - 22;
  grid->layout->homes[LUS_BLOCK_DEPTH] =
    (LusBox){x, grid->input->sector.y / u - 3, 20, grid->input->sector.height / u + 6};
  take(grid, LUS_BLOCK_DEPTH, x, grid->input->sector.y / u - 3);
}

/* The mark's own place within status or footer. */
static void place_mark(LusLayout *layout)
{
  gboolean footer = layout->slots[LUS_BLOCK_FOOTER].shown;
  LusBlockId id = footer ? LUS_BLOCK_FOOTER : LUS_BLOCK_STATUS;
  double r = footer ? 0.7 * LUS_MARK_RADIUS : LUS_MARK_RADIUS, u = layout->u;
  double cx = footer ? 4.9 : layout->compact ? 10.4 : 16, cy = footer ? 5.2 : layout->compact ? 11.4 : 20.3;
  if (!layout->slots[id].shown || (footer && !layout->footer_status))
    return;
  layout->homes[LUS_BLOCK_MARK] = (LusBox){cx - r, cy - r, 2 * r, 2 * r};
  double x = layout->slots[id].x + cx - r - layout->homes[id].x, y = layout->slots[id].y + cy - r - layout->homes[id].y;
  int x0 = (int)floor(x * u) & ~1, y0 = (int)floor(y * u) & ~1;
  int size = 2 * (int)ceil((2 * r * u + 3) / 2);
  layout->slots[LUS_BLOCK_MARK] = (LusSlot){TRUE, FALSE, {x0, y0, size, size}, x, y};
}

void lus_layout_find(LusLayout *layout, const LusLayoutInput *input, const LusRoom *room)
{
  static const unsigned drops[] = {0, 1u << LUS_BLOCK_LEGEND, 1u << LUS_BLOCK_THORAX, 1u << LUS_BLOCK_OUTLOOK,
                                   1u << LUS_BLOCK_ZONE};
  static const LusBlockId stay[] = {LUS_BLOCK_STATUS, LUS_BLOCK_NOTICE, LUS_BLOCK_SF};
  Grid grid = {.input = input, .room = room, .layout = layout};
  unsigned wanted = input->wanted & ~(1u << LUS_BLOCK_DEPTH);
  gboolean placed = FALSE;
  memset(layout, 0, sizeof *layout);
  layout->min_px = input->canvas->min_px = input->height < 400 ? 10 : 14;
  for (guint i = 0; i < G_N_ELEMENTS(drops) && !placed; i++) {
    wanted &= ~drops[i];
    placed = full_grid(&grid, input) && place_well(&grid, wanted);
    if (!placed) {
      compact_grid(&grid, input);
      placed = place_well(&grid, wanted & ~(1u << LUS_BLOCK_OUTLOOK));
    }
  }
  for (guint k = 0; k < G_N_ELEMENTS(stay) && !placed; k++) {
    LusBlockId i = stay[k];
    if (wanted >> i & 1 && !layout->slots[i].shown && !place_on_plate(&grid, i) && i != LUS_BLOCK_SF) {
      place_footer(&grid, wanted);
      placed = TRUE;
    }
  }
  if (input->wanted >> LUS_BLOCK_DEPTH & 1)
    place_depth(&grid);
  place_mark(layout);
}
