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
  guint source, alpha;           /* where they begin in the plate's */
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

static void convert_colour(guint8 channels[3], const LusImage *target, LusColour colour)
{
  Conversion conversion;
  const int rgb[3] = {colour.r, colour.g, colour.b};
  conversion_init(&conversion, target);
  for (int c = 0; c < layouts[target->format].n_components; c++)
    channels[c] = convert(conversion.m[c], rgb);
}

void lus_plate_init(LusPlate *plate)
{
  plate->runs = g_array_new(FALSE, FALSE, sizeof(LusRun));
  plate->source = g_byte_array_new();
  plate->alpha = g_byte_array_new();
}

void lus_plate_clear(LusPlate *plate)
{
  g_array_unref(plate->runs);
  g_byte_array_unref(plate->source);
  g_byte_array_unref(plate->alpha);
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
  gboolean transparent;
  guint32 pixel = only_pixel(build, x, y, width, height, &transparent);
  int rgb[3];
  if (pixel && pixel == sample->pixel)
    return;
  sample->pixel = pixel;
  sample->alpha = transparent ? 0 : (guint8)average(rgb, build, x, y, width, height);
  if (!sample->alpha)
    return;
  for (int c = 0; c < 3; c++)
    sample->channels[c] = convert(build->conversion.m[c], rgb);
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

/* A run of plane @p for @n pixels from (@x, @y) of the frame, transparent; its index. */
static guint new_run(LusPlate *plate, const Layout *layout, int p, int x, int y, int n)
{
  const Plane *plane = &layout->planes[p];
  int start = (x >> plane->x_shift) * plane->step, end = ((x + n - 1) >> plane->x_shift) + 1;
  LusRun run = {p, y >> plane->y_shift, start, end * plane->step - start, plate->source->len, plate->alpha->len};
  g_byte_array_set_size(plate->source, run.source + (guint)run.length);
  g_byte_array_set_size(plate->alpha, run.alpha + (guint)run.length);
  memset(plate->source->data + run.source, 0, (gsize)run.length);
  memset(plate->alpha->data + run.alpha, 0, (gsize)run.length);
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
      if ((done >> k & 1) || other->x_shift != like->x_shift || other->y_shift != like->y_shift || runs[other->plane] < 0)
        continue;
      const LusRun *run = &g_array_index(build->plate->runs, LusRun, runs[other->plane]);
      int byte = ((build->where.x + x0) >> other->x_shift) * other->step + other->offset;
      gssize at = byte - run->start;
      targets[n++] = (Target){other, build->plate->source->data + run->source + at,
                              build->plate->alpha->data + run->alpha + at};
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
    for (int p = 0; p < layout->n_planes; p++)
      if (!(j & ((1 << layout->planes[p].y_shift) - 1)))
        runs[p] = (int)new_run(build->plate, layout, p, build->where.x + x0, build->where.y + y + j, x1 - x0);
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

void lus_plate_build(LusPlate *plate, const LusImage *target, const LusDrawing *drawing, LusRect where)
{
  Build build = {.plate = plate, .layout = &layouts[target->format], .drawing = drawing, .where = where};
  lus_plate_empty(plate);
  build.where.width = MIN(where.width, target->width - where.x);
  build.where.height = MIN(where.height, target->height - where.y);
  conversion_init(&build.conversion, target);
  for (int y = 0; y < build.where.height; y += 2)
    build_rows(&build, y, MIN(2, build.where.height - y));
}

/* Means of pixels two by two (@bottom may be @top), or of two pixels of a row; an odd last one stands for two. */
static void mean_row(guint8 *out, const guint8 *top, const guint8 *bottom, int n)
{
  for (int i = 0; i < n / 2; i++)
    out[i] = (guint8)((top[2 * i] + top[2 * i + 1] + bottom[2 * i] + bottom[2 * i + 1] + 2) >> 2);
  if (n & 1)
    out[n / 2] = (guint8)((top[n - 1] + bottom[n - 1] + 1) >> 1);
}

/* One byte of each unit of @step. */
static void scatter(guint8 *out, const guint8 *in, int step, int n)
{
  if (step == 1)
    memcpy(out, in, (gsize)n);
  for (int i = 0; i < n && step != 1; i++)
    out[i * step] = in[i];
}

static void scatter_value(guint8 *out, guint8 value, int step, int n)
{
  if (step == 1)
    memset(out, value, (gsize)n);
  for (int i = 0; i < n && step != 1; i++)
    out[i * step] = value;
}

LusPaint lus_plate_paint(LusPlate *plate, const LusImage *target, LusColour colour)
{
  const Layout *layout = &layouts[target->format];
  LusPaint paint = {{0, 0, 0}};
  guint8 channels[3];
  convert_colour(channels, target, colour);
  for (int p = 0; p < layout->n_planes; p++) {
    const Plane *plane = &layout->planes[p];
    int units = (target->width + plane->x_shift) >> plane->x_shift;
    gsize n = (gsize)units * plane->step;
    paint.rows[p] = plate->source->len;
    g_byte_array_set_size(plate->source, paint.rows[p] + (guint)n);
    memset(plate->source->data + paint.rows[p], 0, n);
  }
  for (int c = 0; c < layout->n_components; c++) {
    const Component *component = &layout->components[c];
    int samples = (target->width + component->x_shift) >> component->x_shift;
    scatter_value(plate->source->data + paint.rows[component->plane] + component->offset, channels[component->channel],
                  component->step, samples);
  }
  return paint;
}

/* Alphas of a plane's bytes from those of its pixels: @bottom is @top where a row of samples is one of pixels. */
static void fill_alpha(guint8 *out, const Layout *layout, int p, const guint8 *top, const guint8 *bottom, int width)
{
  const Plane *plane = &layout->planes[p];
  int units = (width + plane->x_shift) >> plane->x_shift;
  guint8 means[LUS_FRAME_MAX / 2];
  if (plane->x_shift)
    mean_row(means, top, bottom, width);
  if (layout->n_planes == 2 && p == 1) {
    for (int i = 0; i < units; i++)
      out[2 * i] = out[2 * i + 1] = means[i];
    return;
  }
  if (plane->step > 1)
    memset(out, 0, (gsize)units * plane->step);
  for (int c = 0; c < layout->n_components; c++) {
    const Component *component = &layout->components[c];
    if (component->plane == p)
      scatter(out + component->offset, component->x_shift ? means : top, component->step,
              (width + component->x_shift) >> component->x_shift);
  }
}

/* Three planes: the third one is sampled as the second, and its runs have the same alphas. */
void lus_plate_add(LusPlate *plate, const LusImage *target, const LusPaint *paint, LusRect where, const guint8 *alpha,
                   int stride)
{
  const Layout *layout = &layouts[target->format];
  guint bytes = 0, n = 0, at = plate->alpha->len;
  int rows[3], lengths[3];
  for (int p = 0; p < layout->n_planes; p++) {
    const Plane *plane = &layout->planes[p];
    rows[p] = (where.height + plane->y_shift) >> plane->y_shift;
    lengths[p] = ((where.width + plane->x_shift) >> plane->x_shift) * plane->step;
    bytes += p < 2 ? (guint)(rows[p] * lengths[p]) : 0;
    n += (guint)rows[p];
  }
  g_array_set_size(plate->runs, plate->runs->len + n);
  g_byte_array_set_size(plate->alpha, at + bytes);
  LusRun *run = &g_array_index(plate->runs, LusRun, plate->runs->len - n);
  for (int p = 0; p < layout->n_planes; p++) {
    const Plane *plane = &layout->planes[p];
    for (int j = 0; j < rows[p]; j++, run++) {
      const guint8 *top = alpha + ((gssize)j << plane->y_shift) * stride;
      *run = (LusRun){p, (where.y >> plane->y_shift) + j, (where.x >> plane->x_shift) * plane->step, lengths[p],
                      paint->rows[p], p < 2 ? at : run[-rows[p]].alpha};
      if (p == 2)
        continue;
      fill_alpha(plate->alpha->data + at, layout, p, top, plane->y_shift && where.height > 1 ? top + stride : top,
                 where.width);
      at += (guint)lengths[p];
    }
  }
}

static guint8 *run_target(const LusRun *run, const LusImage *frame)
{
  return frame->planes[run->plane] + (gssize)run->row * frame->strides[run->plane] + run->start;
}

/* Most runs are short and far from each other: what is fetched from the memory some runs ahead need not be waited for. */
#define RUNS_AHEAD 8

void lus_plate_draw(const LusPlate *plate, LusImage *frame)
{
  const LusBlendKernels *kernels = lus_blend_kernels();
  const LusRun *runs = (const void *)plate->runs->data;
  guint n = plate->runs->len;
  for (guint i = 0; i < n; i++) {
    if (i + RUNS_AHEAD < n)
      __builtin_prefetch(run_target(&runs[i + RUNS_AHEAD], frame), 1);
    kernels->mix(run_target(&runs[i], frame), plate->source->data + runs[i].source, plate->alpha->data + runs[i].alpha,
                 runs[i].length);
  }
}

/* --- tints --- */

typedef struct {
  int row, first, n; /* units: samples of the chroma, or pixels of RGB */
  int c;             /* class */
  guint at;          /* in alpha */
} TintRun;

/* The unit that has one alpha. */
static const Plane *tint_unit(const Layout *layout)
{
  return &layout->planes[layout->n_planes - 1];
}

static gboolean is_tinted(const Layout *layout, const Component *component)
{
  return layout->kind == KIND_RGB || component->channel > 0;
}

void lus_tint_init(LusTint *tint)
{
  *tint = (LusTint){g_array_new(FALSE, FALSE, sizeof(TintRun)), g_byte_array_new(), g_byte_array_new(),
                    g_byte_array_new(), g_byte_array_new(), 0};
}

void lus_tint_clear(LusTint *tint)
{
  g_array_unref(tint->runs);
  g_byte_array_unref(tint->alpha);
  g_byte_array_unref(tint->source);
  g_byte_array_unref(tint->scratch);
  g_byte_array_unref(tint->work);
}

void lus_tint_empty(LusTint *tint)
{
  g_array_set_size(tint->runs, 0);
  g_byte_array_set_size(tint->alpha, 0);
}

/* What is drawn of class @c, a row of it for each plane. */
static guint8 *tint_source(const LusTint *tint, int c, int plane)
{
  return tint->source->data + (gsize)(3 * c + plane) * tint->row;
}

/* A tint of RGB is the difference between the class and grey of the same luma, half of it for the kernel: half of the
 * difference at an alpha of 128, which is the most a tint has. */
static guint8 difference(LusMatrix matrix, int channel, LusColour colour)
{
  const int rgb[3] = {colour.r, colour.g, colour.b};
  double kr = matrices[matrix].kr, kb = matrices[matrix].kb;
  double luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  return (guint8)CLAMP(lrint((rgb[channel] - luma) * 128 / 255), -128, 127);
}

void lus_tint_start(LusTint *tint, const LusImage *target, const LusColour *colours, int n)
{
  const Layout *layout = &layouts[target->format];
  const Plane *unit = tint_unit(layout);
  int units = (target->width + (1 << unit->x_shift) - 1) >> unit->x_shift;
  lus_tint_empty(tint);
  tint->row = (gsize)units * unit->step;
  g_byte_array_set_size(tint->source, (guint)(3 * (gsize)n * tint->row));
  g_byte_array_set_size(tint->scratch, 10 * (guint)units + 16);
  if (n > 0)
    memset(tint->source->data, 0, tint->source->len);
  for (int c = 0; c < n; c++) {
    guint8 channels[3];
    convert_colour(channels, target, colours[c]);
    for (int k = 0; k < layout->n_components; k++) {
      const Component *component = &layout->components[k];
      guint8 value = layout->kind == KIND_RGB ? difference(target->matrix, component->channel, colours[c])
                                              : channels[component->channel];
      if (is_tinted(layout, component))
        scatter_value(tint_source(tint, c, component->plane) + component->offset, value, unit->step, units);
    }
  }
}

void lus_tint_add(LusTint *tint, int row, int first, const guint8 *who, const guint8 *alpha, int n)
{
  for (int i = 0, end; i < n; i = end) {
    end = i + lus_same_bytes(who + i, n - i);
    if (!who[i])
      continue;
    const TintRun run = {row, first + i, end - i, who[i] - 1, tint->alpha->len};
    g_byte_array_append(tint->alpha, alpha + i, (guint)(end - i));
    g_array_append_val(tint->runs, run);
  }
}

/* Dark pixels take less of a tint: min(1, Y / 96), Y the mean of the unit's pixels. @scratch: two rows of luma, aligned. */
static void tint_weights(guint8 *weights, guint8 *scratch, const LusImage *frame, const Plane *unit, const TintRun *run)
{
  int x = run->first << unit->x_shift, y = run->row << unit->y_shift;
  int wanted = run->n << unit->x_shift, n = MIN(wanted, frame->width - x);
  guint8 *top = scratch, *bottom = unit->y_shift && y + 1 < frame->height ? top + wanted : top;
  for (guint8 *luma = top; luma <= bottom; luma += wanted, y++) {
    lus_image_luma_row(luma, frame, x, y, n);
    if (n < wanted)
      luma[n] = luma[n - 1];
  }
  if (unit->x_shift)
    lus_blend_kernels()->weigh4(weights, top, bottom, run->n);
  else
    lus_blend_kernels()->weigh1(weights, top, run->n);
}

/* The alphas of all bytes of the plane: 0 for luma and what no colour is in. */
static const guint8 *spread(guint8 *out, const guint8 *alpha, const Layout *layout, int step, int n)
{
  if (step == 1)
    return alpha;
  for (int i = 0; i < n && step == 2; i++)
    out[2 * i] = out[2 * i + 1] = alpha[i];
  if (step == 2)
    return out;
  memset(out, 0, (gsize)step * (gsize)n);
  for (int k = 0; k < layout->n_components; k++)
    if (is_tinted(layout, &layout->components[k]))
      scatter(out + layout->components[k].offset, alpha, step, n);
  return out;
}

static void draw_tint(const LusTint *tint, LusImage *frame, const TintRun *run)
{
  const LusBlendKernels *kernels = lus_blend_kernels();
  const Layout *layout = &layouts[frame->format];
  const Plane *unit = tint_unit(layout);
  int bytes = run->n * unit->step;
  guint8 *weights = tint->scratch->data + 4 * run->n, *alpha = weights + run->n;
  tint_weights(weights, tint->scratch->data, frame, unit, run);
  kernels->scale(alpha, tint->alpha->data + run->at, weights, run->n);
  const guint8 *all = spread(alpha + run->n, alpha, layout, unit->step, run->n);
  for (int p = layout->n_planes > 1 ? 1 : 0; p < layout->n_planes; p++) {
    guint8 *d = frame->planes[p] + (gssize)run->row * frame->strides[p] + run->first * unit->step;
    const guint8 *source = tint_source(tint, run->c, p);
    if (layout->kind == KIND_RGB)
      kernels->add(d, (const gint8 *)source, all, bytes);
    else
      kernels->mix(d, source, all, bytes);
  }
}

void lus_tint_draw(const LusTint *tint, LusImage *frame)
{
  for (guint i = 0; i < tint->runs->len; i++)
    draw_tint(tint, frame, &g_array_index(tint->runs, TintRun, i));
}
