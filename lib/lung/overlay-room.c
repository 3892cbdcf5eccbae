/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lung/overlay-parts.h"

#define BRIGHT 32 /* full-range luma above which a pixel outside of the sector is the scanner's */

void lus_room_init(LusRoom *room)
{
  memset(room, 0, sizeof *room);
}

void lus_room_clear(LusRoom *room)
{
  g_free(room->taken);
  g_free(room->line);
  g_free(room->counts);
  g_free(room->taken_sum);
  g_free(room->sector_sum);
  lus_room_init(room);
}

gboolean lus_room_set_size(LusRoom *room, int width, int height)
{
  gsize n = (gsize)width * (gsize)height;
  if (!room->taken || width != room->width || height != room->height) {
    lus_room_clear(room);
    room->width = width;
    room->height = height;
    room->cell = MAX(1, height / 270);
    room->columns = (width + room->cell - 1) / room->cell;
    room->rows = (height + room->cell - 1) / room->cell;
    gsize cells = (gsize)(room->columns + 1) * (gsize)(room->rows + 1);
    room->taken = g_try_malloc(n);
    room->line = g_try_malloc((gsize)width);
    room->counts = g_try_malloc(2 * (gsize)width);
    room->taken_sum = g_try_malloc0_n(cells, sizeof *room->taken_sum);
    room->sector_sum = g_try_malloc0_n(cells, sizeof *room->sector_sum);
    if (!room->taken || !room->line || !room->counts || !room->taken_sum || !room->sector_sum) {
      lus_room_clear(room);
      return FALSE;
    }
  }
  memset(room->taken, 0, n);
  return TRUE;
}

void lus_room_look(LusRoom *room, const LusImage *frame)
{
  int width = room->width, height = room->height;
  guint8 *restrict line = room->line, *restrict taken = room->taken;
  for (int y = 0; y < height; y++, taken += width) {
    lus_image_luma_row(line, frame, 0, y, width);
    for (int x = 0; x < width; x++)
      taken[x] |= line[x] > BRIGHT;
  }
}

/* Adds the pixels of one row to the counts of its columns. */
static void count_row(guint8 *restrict taken, guint8 *restrict inside, const guint8 *bright, const guint8 *sector, int n)
{
  for (int x = 0; x < n; x++) {
    guint8 in = sector[x] & 1;
    inside[x] = (guint8)(inside[x] + in);
    taken[x] = (guint8)(taken[x] + (bright[x] & (in ^ 1)));
  }
}

static void count_free_row(guint8 *restrict taken, const guint8 *bright, int n)
{
  for (int x = 0; x < n; x++)
    taken[x] = (guint8)(taken[x] + bright[x]);
}

/* One row of the sums, from the counts of its columns: cells to the left and above are in it. */
static void sum_row(guint32 *sums, const guint8 *counts, const LusRoom *room)
{
  gsize stride = (gsize)room->columns + 1;
  guint32 total = 0;
  sums[0] = 0;
  for (int c = 0; c < room->columns; c++) {
    for (int x = c * room->cell; x < MIN((c + 1) * room->cell, room->width); x++)
      total += counts[x];
    sums[c + 1] = total + sums[c + 1 - (gssize)stride];
  }
}

void lus_room_sum(LusRoom *room, const guint8 *sector)
{
  gsize stride = (gsize)room->columns + 1, width = (gsize)room->width;
  guint8 *taken = room->counts, *inside = taken + width;
  for (int r = 0; r < room->rows; r++) {
    memset(room->counts, 0, 2 * width);
    for (int y = r * room->cell; y < MIN((r + 1) * room->cell, room->height); y++) {
      gsize at = (gsize)y * width;
      if (sector)
        count_row(taken, inside, room->taken + at, sector + at, room->width);
      else
        count_free_row(taken, room->taken + at, room->width);
    }
    sum_row(room->taken_sum + (gsize)(r + 1) * stride, taken, room);
    sum_row(room->sector_sum + (gsize)(r + 1) * stride, inside, room);
  }
}

static guint32 sum(const LusRoom *room, const guint32 *sums, int c0, int r0, int c1, int r1)
{
  gsize stride = (gsize)room->columns + 1;
  return sums[(gsize)r1 * stride + (gsize)c1] - sums[(gsize)r0 * stride + (gsize)c1] -
         sums[(gsize)r1 * stride + (gsize)c0] + sums[(gsize)r0 * stride + (gsize)c0];
}

/* Pixels that @sums counts in the cells that @rect touches; -1 where it leaves the frame. */
static int count(const LusRoom *room, const guint32 *sums, LusRect rect)
{
  if (rect.x < 0 || rect.y < 0 || rect.x + rect.width > room->width || rect.y + rect.height > room->height ||
      rect.width < 1 || rect.height < 1)
    return -1;
  int c0 = rect.x / room->cell, r0 = rect.y / room->cell;
  int c1 = (rect.x + rect.width + room->cell - 1) / room->cell;
  int r1 = (rect.y + rect.height + room->cell - 1) / room->cell;
  return (int)sum(room, sums, c0, r0, c1, r1);
}

int lus_room_taken(const LusRoom *room, LusRect rect)
{
  return count(room, room->sector_sum, rect) ? -1 : count(room, room->taken_sum, rect);
}

gint64 lus_room_cost(const LusRoom *room, LusRect rect)
{
  return (gint64)count(room, room->sector_sum, rect) * G_MAXINT32 + count(room, room->taken_sum, rect);
}
