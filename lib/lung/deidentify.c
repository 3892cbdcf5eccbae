/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/deidentify.h"

/* @n samples lie evenly over @length pixels, each at its centre: sample c at pixel (2c + 1) length / (2n) - 1/2. The gap c, from
 * sample c to the next one, holds the pixels from first_pixel(c) to before first_pixel(c + 1); gap -1 lies before the first
 * sample, gap n - 1 behind the last. */

static int first_pixel(int gap, int length, int n)
{
  gint64 twice = (2 * (gint64)gap + 1) * length - n;
  return twice <= 0 ? 0 : (int)MIN((twice + 2 * n - 1) / (2 * n), length);
}

/** The sample behind @gap; where samples are pixels, each pixel lies on its own sample. */
static int behind(int gap, int length, int n)
{
  return length == n ? gap : MIN(gap + 1, n - 1);
}

static int gap_of(int pixel, int length, int n)
{
  gint64 twice = (2 * (gint64)pixel + 1) * n - length;
  return twice < 0 ? -1 : (int)(twice / (2 * (gint64)length));
}

/** Blackens what of row @y lies in gaps with a sample outside, given the lines of samples above and below it. */
static void black_gaps(const LusImage *image, int y, const guint8 *above, const guint8 *below, int width, LusRect rect)
{
  int start = 0; /* from here on nothing has been decided */
  for (int gap = -1; gap < width; gap++) {
    int left = MAX(gap, 0), right = behind(left, rect.width, width);
    if (gap < 0)
      right = left;
    if (!(above[left] && above[right] && below[left] && below[right]))
      continue;
    int from = CLAMP(rect.x + (gap < 0 ? 0 : first_pixel(gap, rect.width, width)), start, image->width);
    lus_image_black_row(image, start, y, from - start);
    start = CLAMP(rect.x + first_pixel(gap + 1, rect.width, width), from, image->width);
  }
  lus_image_black_row(image, start, y, image->width - start);
}

void lus_deidentify(const LusImage *image, const guint8 *sector, int width, int height, LusRect rect)
{
  for (int y = 0; y < image->height; y++) {
    if (!sector || y < rect.y || y >= rect.y + rect.height) {
      lus_image_black_row(image, 0, y, image->width);
      continue;
    }
    int gap = gap_of(y - rect.y, rect.height, height), above = MAX(gap, 0);
    int below = gap < 0 ? 0 : behind(above, rect.height, height);
    black_gaps(image, y, sector + (gsize)above * (gsize)width, sector + (gsize)below * (gsize)width, width, rect);
  }
}
