/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "kernels/blend.h"
#include "lung/overlay-parts.h"

/* Plates: pixels drawn once are turned into the bytes of the frame's own layout, with one alpha per byte, so that
 * blending knows one operation on bytes and no format. Bytes that nothing is drawn on (X and A of RGB, luma under a
 * tint) have alpha 0, which the kernels keep exactly. */

typedef struct {
  guint8 plane, offset, step; /* sample s of a row is at byte s * step + offset */
  guint8 x_shift, y_shift;
  guint8 channel; /* 0 Y or R or grey, 1 Cb or G, 2 Cr or B */
} Component;

typedef struct {
  guint8 x_shift, y_shift, step; /* a unit of step bytes covers 1 << x_shift by 1 << y_shift pixels */
} Plane;

typedef enum { KIND_GRAY, KIND_YUV, KIND_RGB } Kind;

typedef struct {
  Kind kind;
  int n_planes, n_components;
  Plane planes[3];
  Component components[3];
} Layout;

#define PLANAR(u, v, xs, ys) {KIND_YUV, 3, 3, {{0, 0, 1}, {xs, ys, 1}, {xs, ys, 1}}, \
  {{0, 0, 1, 0, 0, 0}, {u, 0, 1, xs, ys, 1}, {v, 0, 1, xs, ys, 2}}}
#define SEMI(u, v) {KIND_YUV, 2, 3, {{0, 0, 1}, {1, 1, 2}}, \
  {{0, 0, 1, 0, 0, 0}, {1, u, 2, 1, 1, 1}, {1, v, 2, 1, 1, 2}}}
#define PACKED(y, u, v) {KIND_YUV, 1, 3, {{1, 0, 4}}, {{0, y, 2, 0, 0, 0}, {0, u, 4, 1, 0, 1}, {0, v, 4, 1, 0, 2}}}
#define RGB(step, r, g, b) {KIND_RGB, 1, 3, {{0, 0, step}}, \
  {{0, r, step, 0, 0, 0}, {0, g, step, 0, 0, 1}, {0, b, step, 0, 0, 2}}}

static const Layout layouts[LUS_FORMAT_N] = {
  [LUS_FORMAT_GRAY8] = {KIND_GRAY, 1, 1, {{0, 0, 1}}, {{0, 0, 1, 0, 0, 0}}},
  [LUS_FORMAT_I420] = PLANAR(1, 2, 1, 1),
  [LUS_FORMAT_YV12] = PLANAR(2, 1, 1, 1),
  [LUS_FORMAT_NV12] = SEMI(0, 1),
  [LUS_FORMAT_NV21] = SEMI(1, 0),
  [LUS_FORMAT_Y42B] = PLANAR(1, 2, 1, 0),
  [LUS_FORMAT_Y444] = PLANAR(1, 2, 0, 0),
  [LUS_FORMAT_YUY2] = PACKED(0, 1, 3),
  [LUS_FORMAT_YVYU] = PACKED(0, 3, 1),
  [LUS_FORMAT_UYVY] = PACKED(1, 0, 2),
  [LUS_FORMAT_VYUY] = PACKED(1, 2, 0),
  [LUS_FORMAT_RGB] = RGB(3, 0, 1, 2),
  [LUS_FORMAT_BGR] = RGB(3, 2, 1, 0),
  [LUS_FORMAT_RGBX] = RGB(4, 0, 1, 2),
  [LUS_FORMAT_BGRX] = RGB(4, 2, 1, 0),
  [LUS_FORMAT_XRGB] = RGB(4, 1, 2, 3),
  [LUS_FORMAT_XBGR] = RGB(4, 3, 2, 1),
  [LUS_FORMAT_RGBA] = RGB(4, 0, 1, 2),
  [LUS_FORMAT_BGRA] = RGB(4, 2, 1, 0),
  [LUS_FORMAT_ARGB] = RGB(4, 1, 2, 3),
  [LUS_FORMAT_ABGR] = RGB(4, 3, 2, 1),
};

/* ITU-R BT.601-7, BT.709-6, BT.2020-2. */
static const struct { double kr, kb; } matrices[] = {
  [LUS_MATRIX_BT601] = {0.299, 0.114}, [LUS_MATRIX_BT709] = {0.2126, 0.0722}, [LUS_MATRIX_BT2020] = {0.2627, 0.0593},
};

typedef struct {
  int plane, row, start, length; /* bytes of the plane's row */
  guint at;                      /* in source and alpha */
} LusRun;

/* Runs nearer than this are one: a call costs more than a few transparent pixels. */
#define RUN_GAP 16

/* Channel = (m[0] R + m[1] G + m[2] B + m[3]) >> 16. */
typedef struct { int m[3][4]; } Conversion;

static void conversion_row(int row[4], double r, double g, double b, double offset)
{
  row[0] = (int)lrint(r * 65536);
  row[1] = (int)lrint(g * 65536);
  row[2] = (int)lrint(b * 65536);
  row[3] = (int)lrint(offset * 65536) + 32768;
}

/* Y = Kr R + Kg G + Kb B, Cb = (B - Y) / (2 - 2 Kb), Cr = (R - Y) / (2 - 2 Kr). */
static void conversion_init(Conversion *conversion, const LusImage *target)
{
  double kr = matrices[target->matrix].kr, kb = matrices[target->matrix].kb, kg = 1 - kr - kb;
  switch (layouts[target->format].kind) {
  case KIND_GRAY:
    conversion_row(conversion->m[0], kr, kg, kb, 0);
    break;
  case KIND_RGB:
    for (int i = 0; i < 3; i++)
      conversion_row(conversion->m[i], i == 0, i == 1, i == 2, 0);
    break;
  case KIND_YUV: {
    double ys = target->full_range ? 1 : 219.0 / 255, cs = target->full_range ? 1 : 224.0 / 255;
    double cb = cs / (2 - 2 * kb), cr = cs / (2 - 2 * kr);
    conversion_row(conversion->m[0], ys * kr, ys * kg, ys * kb, target->full_range ? 0 : 16);
    conversion_row(conversion->m[1], -cb * kr, -cb * kg, cb * (1 - kb), 128);
    conversion_row(conversion->m[2], cr * (1 - kr), -cr * kg, -cr * kb, 128);
    break;
  }
  }
}

static guint8 convert(const int row[4], const int rgb[3])
{
  return (guint8)CLAMP((row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2] + row[3]) >> 16, 0, 255);
}

void lus_plate_init(LusPlate *plate)
{
  plate->runs = g_array_new(FALSE, FALSE, sizeof(LusRun));
  plate->source = g_byte_array_new();
  plate->alpha = g_byte_array_new();
  plate->scratch = g_byte_array_new();
  plate->tint = FALSE;
}

void lus_plate_clear(LusPlate *plate)
{
  g_array_unref(plate->runs);
  g_byte_array_unref(plate->source);
  g_byte_array_unref(plate->alpha);
  g_byte_array_unref(plate->scratch);
}

void lus_plate_empty(LusPlate *plate)
{
  g_array_set_size(plate->runs, 0);
  g_byte_array_set_size(plate->source, 0);
  g_byte_array_set_size(plate->alpha, 0);
}

/* What one call of lus_plate_build() works on. */
typedef struct {
  LusPlate *plate;
  const Layout *layout;
  Conversion conversion;
  LusMatrix matrix;
  const LusDrawing *drawing;
  LusRect where; /* clipped to the frame */
} Build;

/* What is drawn on one sample, in the channels of the frame. */
typedef struct {
  guint32 pixel; /* it was made of pixels that are all this one, or 0 */
  guint8 alpha, channels[3];
} Sample;

static const guint32 *pixels_at(const Build *build, int x, int y)
{
  return build->drawing->argb + (gssize)y * build->drawing->stride + x;
}

/* The mean of the pixels of one sample: alpha 0..255, and colours not multiplied by it. */
static int average(int rgb[3], const Build *build, int x, int y, int width, int height)
{
  int a = 0, n = width * height;
  rgb[0] = rgb[1] = rgb[2] = 0;
  for (int j = 0; j < height; j++) {
    const guint32 *row = pixels_at(build, x, y + j);
    for (int i = 0; i < width; i++) {
      guint32 p = row[i];
      a += (int)(p >> 24);
      rgb[0] += (int)(p >> 16 & 255);
      rgb[1] += (int)(p >> 8 & 255);
      rgb[2] += (int)(p & 255);
    }
  }
  if (!a)
    return 0;
  for (int i = 0; i < 3; i++)
    rgb[i] = MIN(255, (rgb[i] * 255 + a / 2) / a);
  return (a + n / 2) / n;
}

/* A tint of RGB is the difference between the class and grey of the same luma. */
static gint8 difference(LusMatrix matrix, int channel, const int rgb[3], int alpha)
{
  double kr = matrices[matrix].kr, kb = matrices[matrix].kb;
  double luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  return (gint8)CLAMP(lrint(alpha / 255.0 * (rgb[channel] - luma)), -127, 127);
}

/* The one pixel that all pixels of a sample (of 2 x 2 at most) are, or 0. */
static guint32 only_pixel(const Build *build, int x, int y, int width, int height, gboolean *transparent)
{
  const guint32 *top = pixels_at(build, x, y), *bottom = pixels_at(build, x, y + height - 1);
  guint32 p = *top;
  *transparent = !(p | top[width - 1] | bottom[0] | bottom[width - 1]);
  return p == top[width - 1] && p == bottom[0] && p == bottom[width - 1] ? p : 0;
}

/* @sample is the one before; neighbours are mostly alike. */
static void make_sample(Sample *sample, const Build *build, int x, int y, int width, int height)
{
  gboolean difference_only = build->plate->tint && build->layout->kind == KIND_RGB, transparent;
  guint32 pixel = only_pixel(build, x, y, width, height, &transparent);
  int rgb[3];
  if (pixel && pixel == sample->pixel)
    return;
  sample->pixel = pixel;
  sample->alpha = transparent ? 0 : (guint8)average(rgb, build, x, y, width, height);
  if (!sample->alpha)
    return;
  for (int c = 0; c < 3; c++)
    sample->channels[c] = difference_only ? (guint8)difference(build->matrix, c, rgb, sample->alpha)
                                          : convert(build->conversion.m[c], rgb);
  if (difference_only)
    sample->alpha = 255;
}

/* Components that are sampled alike, in their runs, for the pixels x0..x1 (relative to where). */
typedef struct {
  const Component *component;
  guint8 *source, *alpha; /* of the component's first byte */
} Target;

static void fill_targets(const Build *build, const Target *targets, int n, int y, int x0, int x1)
{
  Sample sample = {0, 0, {0, 0, 0}};
  int x_shift = targets->component->x_shift, w = 1 << x_shift, h = 1 << targets->component->y_shift;
  for (int x = x0, i = 0; x < x1; x += w, i++) {
    make_sample(&sample, build, x, y, MIN(w, build->where.width - x), MIN(h, build->where.height - y));
    if (!sample.alpha)
      continue;
    for (int k = 0; k < n; k++) {
      targets[k].source[i * targets[k].component->step] = sample.channels[targets[k].component->channel];
      targets[k].alpha[i * targets[k].component->step] = sample.alpha;
    }
  }
}

/* A run of plane @p for the pixels x0..x1 of row @y, transparent; its index. */
static guint new_run(const Build *build, int p, int y, int x0, int x1)
{
  const Plane *plane = &build->layout->planes[p];
  LusPlate *plate = build->plate;
  int start = ((build->where.x + x0) >> plane->x_shift) * plane->step, end = build->where.x + x1;
  LusRun run = {p, (build->where.y + y) >> plane->y_shift, start, 0, plate->source->len};
  run.length = ((end + (1 << plane->x_shift) - 1) >> plane->x_shift) * plane->step - run.start;
  g_byte_array_set_size(plate->source, run.at + (guint)run.length);
  g_byte_array_set_size(plate->alpha, run.at + (guint)run.length);
  memset(plate->source->data + run.at, 0, (gsize)run.length);
  memset(plate->alpha->data + run.at, 0, (gsize)run.length);
  g_array_append_val(plate->runs, run);
  return plate->runs->len - 1;
}

/* Fills the runs of row @y, @runs by plane (-1: none), component group by component group. */
static void fill_runs(const Build *build, const int runs[3], int y, int x0, int x1)
{
  const Layout *layout = build->layout;
  guint done = 0;
  for (int c = 0; c < layout->n_components; c++) {
    Target targets[3];
    int n = 0;
    const Component *like = &layout->components[c];
    for (int k = c; k < layout->n_components; k++) {
      const Component *other = &layout->components[k];
      gboolean luma = layout->kind == KIND_YUV && other->channel == 0;
      if ((done >> k & 1) || other->x_shift != like->x_shift || other->y_shift != like->y_shift ||
          runs[other->plane] < 0 || (build->plate->tint && luma))
        continue;
      const LusRun *run = &g_array_index(build->plate->runs, LusRun, runs[other->plane]);
      int byte = ((build->where.x + x0) >> other->x_shift) * other->step + other->offset;
      gssize at = (gssize)run->at + byte - run->start;
      targets[n++] = (Target){other, build->plate->source->data + at, build->plate->alpha->data + at};
      done |= 1u << k;
    }
    if (n)
      fill_targets(build, targets, n, y, x0, x1);
  }
}

/* One run of pixels, x0 and y even, @rows high, in all planes. */
static void add_run(const Build *build, int y, int rows, int x0, int x1)
{
  const Layout *layout = build->layout;
  for (int j = 0; j < rows; j++) {
    int runs[3] = {-1, -1, -1};
    for (int p = 0; p < layout->n_planes; p++) {
      gboolean luma_only = build->plate->tint && layout->kind == KIND_YUV && layout->n_planes > 1 && p == 0;
      if (!luma_only && !(j & ((1 << layout->planes[p].y_shift) - 1))) /* luma stays under a tint */
        runs[p] = (int)new_run(build, p, y + j, x0, x1);
    }
    fill_runs(build, runs, y + j, x0, x1);
  }
}

/* Two pixels at once: 0 if both are transparent. */
static guint64 pair(const guint32 *row, int x, int width)
{
  guint64 both = 0;
  memcpy(&both, row + x, x + 1 < width ? 8 : 4);
  return both;
}

/* First x >= @x, even, where one of the @rows rows (1 or 2) from @y has something; the width if none. */
static int next_drawn(const Build *build, int y, int rows, int x)
{
  int width = build->where.width;
  const guint32 *top = pixels_at(build, 0, y), *bottom = pixels_at(build, 0, y + rows - 1);
  for (; x + 1 < width; x += 2)
    if (pair(top, x, G_MAXINT) | pair(bottom, x, G_MAXINT))
      return x;
  return x < width && (pair(top, x, width) | pair(bottom, x, width)) ? x : MAX(x, width);
}

static void build_rows(const Build *build, int y, int rows)
{
  int width = build->where.width;
  int x = next_drawn(build, y, rows, 0);
  while (x < width) {
    int end = x + 2, next;
    while ((next = next_drawn(build, y, rows, end)) < width && next - end < RUN_GAP)
      end = next + 2;
    add_run(build, y, rows, x, MIN(end, width));
    x = next;
  }
}

/* The same by whole tiles, without looking at pixels. */
static void build_tiles(const Build *build, int y, int rows)
{
  int tiles = build->drawing->tiles;
  const guint8 *top = build->drawing->touched + (gssize)y * tiles, *bottom = top + (gssize)(rows - 1) * tiles;
  for (int t = 0; t < tiles; t++) {
    int first = t;
    while (t < tiles && (top[t] | bottom[t]))
      t++;
    if (t > first && first * LUS_TILE < build->where.width)
      add_run(build, y, rows, first * LUS_TILE, MIN(t * LUS_TILE, build->where.width));
  }
}

void lus_plate_build(LusPlate *plate, const LusImage *target, const LusDrawing *drawing, LusRect where, gboolean tint)
{
  Build build = {.plate = plate, .layout = &layouts[target->format], .matrix = target->matrix, .drawing = drawing,
                 .where = where};
  lus_plate_empty(plate);
  plate->tint = tint;
  build.where.width = MIN(where.width, target->width - where.x);
  build.where.height = MIN(where.height, target->height - where.y);
  conversion_init(&build.conversion, target);
  for (int y = 0; y < build.where.height; y += 2)
    (drawing->touched ? build_tiles : build_rows)(&build, y, MIN(2, build.where.height - y));
  int longest = 0;
  for (guint i = 0; i < plate->runs->len; i++)
    longest = MAX(longest, g_array_index(plate->runs, LusRun, i).length);
  g_byte_array_set_size(plate->scratch, tint ? 6 * (guint)longest + 8 : 0); /* two rows of luma, weights, alphas */
}

/* Dark pixels take less of a tint: weight min(1, Y / 96) in 0..255, one per byte of the run, Y the mean of the
 * sample. */
static void tint_weights(guint8 *weights, guint8 *luma, const LusImage *frame, const Plane *plane, const LusRun *run)
{
  int units = run->length / plane->step, w = 1 << plane->x_shift;
  int x = (run->start / plane->step) << plane->x_shift, y = run->row << plane->y_shift;
  int n = MIN(units << plane->x_shift, frame->width - x), rows = MIN(1 << plane->y_shift, frame->height - y);
  for (int j = 0; j < rows; j++)
    lus_image_luma_row(luma + (gssize)j * n, frame, x, y + j, n);
  for (int i = 0; i < units; i++) {
    int sum = 0, count = 0;
    for (int k = i * w; k < MIN((i + 1) * w, n); k++)
      for (int j = 0; j < rows; j++, count++)
        sum += luma[(gssize)j * n + k];
    int weight = MIN(255, sum * 255 / (96 * MAX(count, 1)));
    memset(weights + (gssize)i * plane->step, weight, plane->step);
  }
}

static void draw_tint(const LusPlate *plate, LusImage *frame, const LusRun *run)
{
  const LusBlendKernels *kernels = lus_blend_kernels();
  const Layout *layout = &layouts[frame->format];
  guint8 *weights = plate->scratch->data, *alpha = weights + run->length, *luma = alpha + run->length;
  guint8 *d = frame->planes[run->plane] + (gssize)run->row * frame->strides[run->plane] + run->start;
  tint_weights(weights, luma, frame, &layout->planes[run->plane], run);
  kernels->scale(alpha, plate->alpha->data + run->at, weights, run->length);
  if (layout->kind == KIND_RGB)
    kernels->add(d, (const gint8 *)plate->source->data + run->at, alpha, run->length);
  else
    kernels->mix(d, plate->source->data + run->at, alpha, run->length);
}

void lus_plate_draw(const LusPlate *plate, LusImage *frame)
{
  const LusBlendKernels *kernels = lus_blend_kernels();
  for (guint i = 0; i < plate->runs->len; i++) {
    const LusRun *run = &g_array_index(plate->runs, LusRun, i);
    if (plate->tint)
      draw_tint(plate, frame, run);
    else
      kernels->mix(frame->planes[run->plane] + (gssize)run->row * frame->strides[run->plane] + run->start,
                   plate->source->data + run->at, plate->alpha->data + run->at, run->length);
  }
}
