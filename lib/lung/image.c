/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/image.h"

#include <string.h>

#include "kernels/luma.h"

typedef enum { LAYOUT_PLANAR /* luma plane first */, LAYOUT_PACKED_YUV, LAYOUT_RGB } Layout;

typedef struct {
  const char *name;
  Layout layout;
  int x_shift, y_shift; /* chroma subsampling */
  int step;             /* bytes per pixel of the first plane */
  int luma;             /* packed 4:2:2: byte of the luma */
  int r, g, b;          /* RGB: bytes of the components */
} Format;

#define PLANAR(name, x_shift, y_shift) {name, LAYOUT_PLANAR, x_shift, y_shift, 1, 0, 0, 0, 0}
#define PACKED(name, luma) {name, LAYOUT_PACKED_YUV, 1, 0, 2, luma, 0, 0, 0}
#define RGB(name, step, r, g, b) {name, LAYOUT_RGB, 0, 0, step, 0, r, g, b}

static const Format formats[LUS_FORMAT_N] = {
  [LUS_FORMAT_GRAY8] = PLANAR("GRAY8", 0, 0),
  [LUS_FORMAT_I420] = PLANAR("I420", 1, 1),
  [LUS_FORMAT_YV12] = PLANAR("YV12", 1, 1),
  [LUS_FORMAT_NV12] = PLANAR("NV12", 1, 1),
  [LUS_FORMAT_NV21] = PLANAR("NV21", 1, 1),
  [LUS_FORMAT_Y42B] = PLANAR("Y42B", 1, 0),
  [LUS_FORMAT_Y444] = PLANAR("Y444", 0, 0),
  [LUS_FORMAT_YUY2] = PACKED("YUY2", 0),
  [LUS_FORMAT_YVYU] = PACKED("YVYU", 0),
  [LUS_FORMAT_UYVY] = PACKED("UYVY", 1),
  [LUS_FORMAT_VYUY] = PACKED("VYUY", 1),
  [LUS_FORMAT_RGB] = RGB("RGB", 3, 0, 1, 2),
  [LUS_FORMAT_BGR] = RGB("BGR", 3, 2, 1, 0),
  [LUS_FORMAT_RGBX] = RGB("RGBx", 4, 0, 1, 2),
  [LUS_FORMAT_BGRX] = RGB("BGRx", 4, 2, 1, 0),
  [LUS_FORMAT_XRGB] = RGB("xRGB", 4, 1, 2, 3),
  [LUS_FORMAT_XBGR] = RGB("xBGR", 4, 3, 2, 1),
  [LUS_FORMAT_RGBA] = RGB("RGBA", 4, 0, 1, 2),
  [LUS_FORMAT_BGRA] = RGB("BGRA", 4, 2, 1, 0),
  [LUS_FORMAT_ARGB] = RGB("ARGB", 4, 1, 2, 3),
  [LUS_FORMAT_ABGR] = RGB("ABGR", 4, 3, 2, 1),
};

/* Kr, Kg, Kb in 2^-16, summing up to one: ITU-R BT.601-7, BT.709-6 and BT.2020-2. */
static const struct {
  int r, g, b;
} matrices[] = {
  [LUS_MATRIX_BT601] = {19595, 38470, 7471},
  [LUS_MATRIX_BT709] = {13933, 46871, 4732},
  [LUS_MATRIX_BT2020] = {17216, 44434, 3886},
};

gboolean lus_mm_per_pixel_is_valid(double mm_per_pixel)
{
  return mm_per_pixel >= LUS_MM_PER_PIXEL_MIN && mm_per_pixel <= LUS_MM_PER_PIXEL_MAX;
}

const char *lus_format_name(LusFormat format)
{
  return (unsigned)format < LUS_FORMAT_N ? formats[format].name : NULL;
}

int lus_format_from_name(const char *name)
{
  for (int i = 0; name && i < LUS_FORMAT_N; i++)
    if (strcmp(formats[i].name, name) == 0)
      return i;
  return -1;
}

void lus_format_subsampling(LusFormat format, int *x_shift, int *y_shift)
{
  *x_shift = formats[format].x_shift;
  *y_shift = formats[format].y_shift;
}

void lus_image_luma_row(guint8 *out, const LusImage *image, int x, int y, int n)
{
  const LusLumaKernels *kernels = lus_luma_kernels();
  const Format *format = &formats[image->format];
  const guint8 *in = image->planes[0] + (gssize)y * image->strides[0] + (gssize)x * format->step;
  if (format->layout == LAYOUT_RGB) {
    int weights[4] = {0};
    weights[format->r] = matrices[image->matrix].r;
    weights[format->g] = matrices[image->matrix].g;
    weights[format->b] = matrices[image->matrix].b;
    kernels->weigh(out, in, weights, format->step, n);
    return;
  }
  if (format->layout == LAYOUT_PACKED_YUV)
    kernels->pick(out, in, format->luma, n);
  else
    memcpy(out, in, (gsize)n);
  if (!image->full_range && image->format != LUS_FORMAT_GRAY8)
    kernels->expand(out, n);
}

/** Neutral chroma for the samples first..last of the plane's row that covers row @y; two bytes each where they are
 *  interleaved. */
static void neutral_chroma(const LusImage *image, int y, int first, int last)
{
  const Format *format = &formats[image->format];
  int bytes = image->planes[2] ? 1 : 2;
  for (int i = 1; i < 3 && image->planes[i]; i++)
    memset(image->planes[i] + (gssize)(y >> format->y_shift) * image->strides[i] + (gssize)first * bytes, 128,
           (gsize)(last - first + 1) * (gsize)bytes);
}

static gboolean has_chroma_planes(LusFormat format)
{
  return formats[format].layout == LAYOUT_PLANAR && format != LUS_FORMAT_GRAY8;
}

void lus_image_black_row(const LusImage *image, int x, int y, int n)
{
  const Format *format = &formats[image->format];
  guint8 *row = image->planes[0] + (gssize)y * image->strides[0];
  guint8 black = image->full_range || image->format == LUS_FORMAT_GRAY8 ? 0 : 16;
  if (n < 1)
    return;
  if (format->layout == LAYOUT_PLANAR)
    memset(row + x, black, (gsize)n);
  if (has_chroma_planes(image->format))
    neutral_chroma(image, y, x >> format->x_shift, (x + n - 1) >> format->x_shift);
  for (int i = x; format->layout == LAYOUT_RGB && i < x + n; i++) {
    memset(row + (gsize)i * (gsize)format->step, 0, (gsize)format->step);
    if (format->step == 4) /* opaque */
      row[4 * i + 6 - format->r - format->g - format->b] = 255;
  }
  if (format->layout != LAYOUT_PACKED_YUV)
    return;
  for (int i = x; i < x + n; i++)
    row[2 * i + format->luma] = black;
  for (int i = x & ~1; i <= ((x + n - 1) | 1); i++) { /* both samples of each pair; of an odd last column, if its row has them */
    if (i < image->width || 2 * i + 1 < ABS(image->strides[0]))
      row[2 * i + 1 - format->luma] = 128;
  }
}
