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
  const guint32 *argb;
  int stride;
  LusRect where; /* clipped to the frame */
} Build;

/* The mean of the pixels of one sample: alpha 0..255, and colours not multiplied by it. */
static int average(int rgb[3], const Build *build, int x, int y, int width, int height)
{
  int a = 0, n = width * height;
  rgb[0] = rgb[1] = rgb[2] = 0;
  for (int j = 0; j < height; j++)
    for (int i = 0; i < width; i++) {
      guint32 p = build->argb[(gssize)(y + j) * build->stride + x + i];
      a += (int)(p >> 24);
      rgb[0] += (int)(p >> 16 & 255);
      rgb[1] += (int)(p >> 8 & 255);
      rgb[2] += (int)(p & 255);
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

/* The samples of @component in @row of its plane, for the pixels x0..x1 (relative to where). */
static void fill_component(const Build *build, const Component *component, const LusRun *run, int y, int x0, int x1)
{
  guint8 *source = build->plate->source->data + run->at, *alpha = build->plate->alpha->data + run->at;
  int w = 1 << component->x_shift, h = 1 << component->y_shift;
  for (int x = x0; x < x1; x += w) {
    int rgb[3];
    int a = average(rgb, build, x, y, MIN(w, build->where.width - x), MIN(h, build->where.height - y));
    if (!a)
      continue;
    int byte = ((build->where.x + x) >> component->x_shift) * component->step + component->offset - run->start;
    if (build->plate->tint && build->layout->kind == KIND_RGB) {
      source[byte] = (guint8)difference(build->matrix, component->channel, rgb, a);
      alpha[byte] = 255;
    } else {
      source[byte] = convert(build->conversion.m[component->channel], rgb);
      alpha[byte] = (guint8)a;
    }
  }
}

/* One run of pixels, x0 and y even, @rows high, in all planes. */
static void add_run(const Build *build, int y, int rows, int x0, int x1)
{
  for (int p = 0; p < build->layout->n_planes; p++) {
    const Plane *plane = &build->layout->planes[p];
    if (build->plate->tint && build->layout->kind == KIND_YUV && build->layout->n_planes > 1 && p == 0)
      continue; /* luma stays */
    for (int j = 0; j < rows; j += 1 << plane->y_shift) {
      int start = ((build->where.x + x0) >> plane->x_shift) * plane->step;
      LusRun run = {p, (build->where.y + y + j) >> plane->y_shift, start, 0, build->plate->source->len};
      int end = build->where.x + x1;
      run.length = ((end + (1 << plane->x_shift) - 1) >> plane->x_shift) * plane->step - run.start;
      g_byte_array_set_size(build->plate->source, run.at + (guint)run.length);
      g_byte_array_set_size(build->plate->alpha, run.at + (guint)run.length);
      memset(build->plate->source->data + run.at, 0, (gsize)run.length);
      memset(build->plate->alpha->data + run.at, 0, (gsize)run.length);
      for (int c = 0; c < build->layout->n_components; c++) {
        const Component *component = &build->layout->components[c];
        gboolean luma = build->layout->kind == KIND_YUV && component->channel == 0;
        if (component->plane == p && !(build->plate->tint && luma))
          fill_component(build, component, &run, y + j, x0, x1);
      }
      g_array_append_val(build->plate->runs, run);
    }
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
  const guint32 *top = build->argb + (gssize)y * build->stride, *bottom = top + (gssize)(rows - 1) * build->stride;
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

void lus_plate_build(LusPlate *plate, const LusImage *target, const guint32 *argb, int stride, LusRect where,
                     gboolean tint)
{
  Build build = {.plate = plate, .layout = &layouts[target->format], .matrix = target->matrix, .argb = argb,
                 .stride = stride, .where = where};
  lus_plate_empty(plate);
  plate->tint = tint;
  build.where.width = MIN(where.width, target->width - where.x);
  build.where.height = MIN(where.height, target->height - where.y);
  conversion_init(&build.conversion, target);
  for (int y = 0; y < build.where.height; y += 2)
    build_rows(&build, y, MIN(2, build.where.height - y));
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
