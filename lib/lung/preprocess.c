/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/preprocess.h"

#include <math.h>
#include <string.h>

/* Resampling is separable and in integers, so that it gives the same bytes everywhere. Rows are mixed first, with
 * weights in 2^-8 (16-bit sums, which compilers vectorise), then pixels, with weights in 2^-15. */
#define ROW_BITS 8
#define PIXEL_BITS 15

#define LIT 3          /* luma above this is lit */
#define LIT_MIN 64     /* pixels assumed at least */
#define DEVIATION 4.0f /* added to the standard deviation */
#define LOWEST -4.0f
#define HIGHEST 6.0f

void lus_geometry_fit(LusGeometry *geometry, LusRect crop, int input_width, int input_height)
{
  gint64 cw = crop.width, ch = crop.height, iw = input_width, ih = input_height;
  gboolean wide = iw * ch <= ih * cw;
  *geometry = (LusGeometry){.crop = crop, .input_width = input_width, .input_height = input_height};
  geometry->width = wide ? input_width : (int)MAX((2 * cw * ih + ch) / (2 * ch), 1);
  geometry->height = wide ? (int)MAX((2 * ch * iw + cw) / (2 * cw), 1) : input_height;
  geometry->x = (input_width - geometry->width) / 2;
}

/* ---- which pixels make a sample ---- */

/* Pixels @first..@last of @in make sample i of @out; their weights are whole numbers that sum up to @total. A pixel is
 * out units long when it shrinks: the weight is the overlap with the sample's in units. Else the sample's centre lies
 * between two pixels' centres, 2 out units apart. */
typedef struct {
  int first, last;
  gint64 start, total; /* of the sample, in units */
  int size;            /* units per pixel */
  gboolean shrinks;
} Taps;

static Taps find_taps(int in, int out, int i)
{
  if (out < in) {
    gint64 start = (gint64)i * in, end = start + in;
    return (Taps){(int)(start / out), (int)((end - 1) / out), start, in, out, TRUE};
  }
  gint64 centre = (2 * (gint64)i + 1) * in - out; /* may be negative: before the first pixel's centre */
  int first = centre < 0 ? 0 : (int)(centre / (2 * out));
  gint64 start = centre < 0 ? 0 : centre % (2 * out);
  return (Taps){first, start > 0 && first + 1 < in ? first + 1 : first, start, 2 * out, 2 * out, FALSE};
}

static gint64 tap_weight(const Taps *taps, int j)
{
  gint64 at = (gint64)j * taps->size;
  if (taps->shrinks)
    return MIN(at + taps->size, taps->start + taps->total) - MAX(at, taps->start);
  if (taps->first == taps->last)
    return taps->total;
  return j == taps->first ? taps->total - taps->start : taps->start;
}

/* ---- luma ---- */

typedef struct {
  int first, count;
  guint16 *weights;
} Sample;

/* Pixels that a sample has at most. */
static int most_taps(int in, int n)
{
  return n < in ? in / n + 2 : 2;
}

/* Samples @n of one axis with weights that sum up to 1 << @bits exactly, most_taps() each, those too many 0. Returns the end
 * of the weights. */
static guint16 *prepare_axis(Sample *samples, guint16 *weights, int in, int n, int bits)
{
  int most = most_taps(in, n);
  for (int i = 0; i < n; i++) {
    Taps taps = find_taps(in, n, i);
    samples[i] = (Sample){taps.first, taps.last + 1 - taps.first, weights};
    gint64 sum = 0, before = 0;
    for (int j = taps.first; j <= taps.last; j++) {
      sum += tap_weight(&taps, j);
      gint64 so_far = ((2 * sum << bits) + taps.total) / (2 * taps.total);
      *weights++ = (guint16)(so_far - before);
      before = so_far;
    }
    for (int k = samples[i].count; k < most; k++)
      *weights++ = 0;
  }
  return weights;
}

static gsize axis_weights(int in, int n)
{
  return (gsize)n * (gsize)most_taps(in, n);
}

/* Sums of a row, and 0 for what taps reach behind it. */
static gsize row_sums(const LusGeometry *geometry)
{
  return (gsize)geometry->crop.width + (gsize)most_taps(geometry->crop.width, geometry->width);
}

gsize lus_preprocess_scratch_size(const LusGeometry *geometry)
{
  gsize samples = (gsize)geometry->width + geometry->height;
  gsize weights = axis_weights(geometry->crop.width, geometry->width) +
                  axis_weights(geometry->crop.height, geometry->height);
  return samples * sizeof(Sample) + (weights + row_sums(geometry)) * sizeof(guint16) + (gsize)geometry->crop.width;
}

static void add_row(guint16 *restrict sums, const guint8 *restrict row, int weight, int n)
{
  for (int x = 0; x < n; x++)
    sums[x] = (guint16)(sums[x] + weight * row[x]);
}

/* With a constant number of taps the compiler unrolls the inner loop. */
static inline void mix_taps(guint8 *restrict out, const guint16 *restrict sums, const Sample *samples, int n, int taps)
{
  const guint32 half = 1u << (ROW_BITS + PIXEL_BITS - 1);
  const guint16 *restrict weights = samples[0].weights;
  for (int x = 0; x < n; x++, weights += taps) {
    const guint16 *in = sums + samples[x].first;
    guint32 sum = half;
    for (int k = 0; k < taps; k++)
      sum += (guint32)weights[k] * in[k];
    out[x] = (guint8)(sum >> (ROW_BITS + PIXEL_BITS));
  }
}

static void mix_pixels(guint8 *out, const guint16 *sums, const Sample *samples, int n, int taps)
{
  switch (taps) {
  case 2: mix_taps(out, sums, samples, n, 2); break;
  case 3: mix_taps(out, sums, samples, n, 3); break;
  case 4: mix_taps(out, sums, samples, n, 4); break;
  case 5: mix_taps(out, sums, samples, n, 5); break;
  default: mix_taps(out, sums, samples, n, taps);
  }
}

void lus_preprocess_luma(guint8 *luma, const LusImage *image, const LusGeometry *geometry, void *scratch)
{
  const LusRect *crop = &geometry->crop;
  Sample *columns = scratch, *rows = columns + geometry->width;
  void *after = rows + geometry->height;
  guint16 *weights = prepare_axis(columns, after, crop->width, geometry->width, PIXEL_BITS);
  guint16 *sums = prepare_axis(rows, weights, crop->height, geometry->height, ROW_BITS);
  int taps = most_taps(crop->width, geometry->width);
  guint8 *row = (guint8 *)(sums + row_sums(geometry));
  memset(luma, 0, (gsize)geometry->input_width * geometry->input_height);
  for (int y = 0; y < geometry->height; y++) {
    memset(sums, 0, sizeof(guint16) * row_sums(geometry));
    for (int k = 0; k < rows[y].count; k++) {
      lus_image_luma_row(row, image, crop->x, crop->y + rows[y].first + k, crop->width);
      add_row(sums, row, rows[y].weights[k], crop->width);
    }
    mix_pixels(luma + (gsize)(geometry->y + y) * geometry->input_width + geometry->x, sums, columns, geometry->width,
               taps);
  }
}

void lus_preprocess_sector(guint8 *luma, const guint8 *sector, const LusGeometry *geometry)
{
  for (int y = 0; y < geometry->height; y++) {
    guint8 *row = luma + (gsize)(geometry->y + y) * geometry->input_width + geometry->x;
    for (int x = 0; x < geometry->width; x++)
      row[x] &= sector[(gsize)y * geometry->width + x];
  }
}

/* ---- labels ---- */

static guint8 mix_labels(const guint8 *labels, gsize stride, const Taps *x_taps, const Taps *y_taps)
{
  gint64 sum = 0, weight = 0;
  for (int y = y_taps->first; y <= y_taps->last; y++) {
    gint64 y_weight = tap_weight(y_taps, y);
    for (int x = x_taps->first; x <= x_taps->last; x++) {
      guint8 label = labels[y * stride + x];
      if (label == 255)
        continue;
      gint64 w = y_weight * tap_weight(x_taps, x);
      sum += w * label;
      weight += w;
    }
  }
  return (guint8)((2 * sum + weight) / (2 * weight));
}

static int nearest(int in, int out, int i)
{
  return (int)((2 * (gint64)i + 1) * in / (2 * (gint64)out));
}

void lus_preprocess_labels(guint8 *out, const guint8 *plane, int frame_width, const LusGeometry *geometry)
{
  const LusRect *crop = &geometry->crop;
  gsize stride = (gsize)frame_width;
  const guint8 *labels = plane + crop->y * stride + crop->x;
  memset(out, 0, (gsize)geometry->input_width * geometry->input_height);
  for (int y = 0; y < geometry->height; y++) {
    Taps y_taps = find_taps(crop->height, geometry->height, y);
    const guint8 *near_row = labels + nearest(crop->height, geometry->height, y) * stride;
    guint8 *row = out + (gsize)(geometry->y + y) * geometry->input_width + geometry->x;
    for (int x = 0; x < geometry->width; x++) {
      Taps x_taps = find_taps(crop->width, geometry->width, x);
      gboolean ignored = near_row[nearest(crop->width, geometry->width, x)] == 255;
      row[x] = ignored ? 255 : mix_labels(labels, stride, &x_taps, &y_taps);
    }
  }
}

/* ---- normalisation ---- */

static void table_fixed(float table[256], const LusNormalise *normalise)
{
  for (int v = 0; v < 256; v++)
    table[v] = ((float)v / 255.0f - normalise->mean) / normalise->std;
}

static void table_lit(float table[256], const guint8 *luma, gsize n)
{
  gint64 histogram[256] = {0}, count = 0, sum = 0;
  for (gsize i = 0; i < n; i++)
    histogram[luma[i]]++;
  for (int v = LIT + 1; v < 256; v++) {
    count += histogram[v];
    sum += v * histogram[v];
  }
  double assumed = (double)MAX(count, LIT_MIN), mean = (double)sum / assumed, squares = 0;
  for (int v = LIT + 1; v < 256; v++)
    squares += (double)histogram[v] * (v - mean) * (v - mean);
  float deviation = (float)sqrt(squares / assumed) + DEVIATION;
  for (int v = 0; v < 256; v++)
    table[v] = CLAMP(((float)v - (float)mean) / deviation, LOWEST, HIGHEST);
}

void lus_preprocess_normalise(float *out, const guint8 *luma, int width, int height, int channels,
                              const LusNormalise *normalise)
{
  float table[256];
  gsize n = (gsize)width * height;
  if (normalise->mode == LUS_NORMALISE_LIT)
    table_lit(table, luma, n);
  else
    table_fixed(table, normalise);
  for (gsize i = 0; i < n; i++)
    out[i] = table[luma[i]];
  for (int c = 1; c < channels; c++)
    memcpy(out + n * (gsize)c, out, n * sizeof(float));
}
