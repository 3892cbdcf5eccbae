/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a picture goes through after the scan conversion: blur, resampling, edge enhancement, text, lossy
 * compression. */
#include "lung/phantom-scene.h"

#include <math.h>

void lus_phantom_draw_post(LusPhantom *p)
{
  LusRng *a = &p->anatomy;
  gboolean blurred = chance(a, .4), resampled = chance(a, .25), sharpened = chance(a, .3), compressed = chance(a, .8);
  float blur = uniform(a, .3, .9), shrink = uniform(a, .45, .9), sharpen = uniform(a, .2, 1);
  float quality = p->config.screen ? uniform(a, 50, 90) : uniform(a, 18, 85);
  p->post.blur = blurred ? blur : 0;
  p->post.shrink = resampled && !p->config.screen ? shrink : 0;
  p->post.sharpen = sharpened ? sharpen : 0;
  p->post.jpeg_quality = compressed ? (int)quality : 0;
}

/* Gaussian blur of an image; in place, @scratch of the same size. */
static void blur_image(float *image, float *scratch, int width, int height, float sigma)
{
  float sigmas[PHANTOM_SIZE_MAX];
  for (int x = 0; x < width; x++)
    sigmas[x] = sigma;
  lus_phantom_smooth_along(image, height, width, sigma, FALSE);
  lus_phantom_smooth_across(scratch, image, height, width, sigmas, FALSE);
  memcpy(image, scratch, (gsize)width * height * sizeof *image);
}

/* Bilinear resize with pixel centres aligned. */
static void resize_image(float *out, int out_width, int out_height, const float *in, int width, int height)
{
  float step_x = (float)width / (float)out_width, step_y = (float)height / (float)out_height;
  for (int y = 0; y < out_height; y++) {
    float v = clampf(((float)y + .5f) * step_y - .5f, 0, (float)height - 1.001f);
    int j = (int)v;
    const float *top = in + (gsize)j * width, *bottom = top + width;
    for (int x = 0; x < out_width; x++) {
      float u = clampf(((float)x + .5f) * step_x - .5f, 0, (float)width - 1.001f);
      int i = (int)u;
      float f = u - (float)i, a = top[i] + f * (top[i + 1] - top[i]), b = bottom[i] + f * (bottom[i + 1] - bottom[i]);
      out[(gsize)y * out_width + x] = a + (v - (float)j) * (b - a);
    }
  }
}

static void sharpen_image(float *image, float *scratch, float *blurred, int width, int height, float amount)
{
  gsize n = (gsize)width * height;
  memcpy(blurred, image, n * sizeof *image);
  blur_image(blurred, scratch, width, height, 1.5f);
  for (gsize i = 0; i < n; i++)
    image[i] += amount * (image[i] - blurred[i]);
}

void lus_phantom_post(LusPhantom *p, guint8 *gray, int stride)
{
  int w = p->config.width, h = p->config.height;
  if (p->post.blur > 0)
    blur_image(p->image, p->image_scratch, w, h, p->post.blur);
  if (p->post.shrink > 0) {
    int small_w = MAX((int)((float)w * p->post.shrink), 2), small_h = MAX((int)((float)h * p->post.shrink), 2);
    resize_image(p->image_scratch, small_w, small_h, p->image, w, h);
    resize_image(p->image, w, h, p->image_scratch, small_w, small_h);
  }
  if (p->post.sharpen > 0)
    sharpen_image(p->image, p->image_scratch, p->image_sharp, w, h, p->post.sharpen);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      gsize i = (gsize)y * w + x;
      int grey = (int)(clampf(p->image[i], 0, 1) * 255 + .5f);
      gray[(gsize)y * stride + x] = (guint8)MAX(grey, p->text[i]);
    }
  if (p->post.jpeg_quality)
    lus_phantom_jpeg(gray, stride, w, h, p->post.jpeg_quality);
}

/* ---- a stand-in for lossy compression: quantised 8x8 cosine transforms ---- */

/* Luminance quantisation table of JPEG (ITU-T T.81, table K.1). */
static const guint8 quantum[64] = {
  16, 11, 10, 16, 24, 40, 51, 61,     12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56,     14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77,   24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99
};

typedef float Block[8][8];

/* out = basis * in, or its transpose * in. */
static void multiply(Block out, Block basis, Block in, gboolean transpose)
{
  for (int i = 0; i < 8; i++) {
    float row[8] = { 0 };
    for (int k = 0; k < 8; k++) {
      float w = transpose ? basis[k][i] : basis[i][k];
      for (int j = 0; j < 8; j++)
        row[j] += w * in[k][j];
    }
    memcpy(out[i], row, sizeof row);
  }
}

static void transpose_block(Block b)
{
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < i; j++) {
      float t = b[i][j];
      b[i][j] = b[j][i];
      b[j][i] = t;
    }
}

/* Transform, quantise, transform back. */
static void quantise_block(Block b, Block basis, const float *step)
{
  Block t;
  multiply(t, basis, b, FALSE);
  transpose_block(t);
  multiply(b, basis, t, FALSE); /* the transform, transposed */
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++) {
      float s = step[j * 8 + i], q = b[i][j] / s;
      b[i][j] = (float)(int)(q + (q < 0 ? -.5f : .5f)) * s;
    }
  multiply(t, basis, b, TRUE);
  transpose_block(t);
  multiply(b, basis, t, TRUE);
}

void lus_phantom_jpeg(guint8 *gray, int stride, int width, int height, int quality)
{
  Block basis, b;
  float step[64], scale = quality < 50 ? 50.f / (float)quality : 2 - (float)quality / 50; /* libjpeg's quality scale */
  for (int i = 0; i < 64; i++)
    step[i] = MAX((float)quantum[i] * scale, 1);
  for (int k = 0; k < 8; k++)
    for (int x = 0; x < 8; x++)
      basis[k][x] = (k ? .5f : .35355339f) * (float)cos((2 * x + 1) * k * G_PI / 16);
  for (int y0 = 0; y0 < height; y0 += 8)
    for (int x0 = 0; x0 < width; x0 += 8) {
      for (int y = 0; y < 8; y++) /* blocks at the edge repeat the last pixel */
        for (int x = 0; x < 8; x++)
          b[y][x] = (float)gray[(gsize)MIN(y0 + y, height - 1) * stride + MIN(x0 + x, width - 1)] - 128;
      quantise_block(b, basis, step);
      for (int y = 0; y < 8 && y0 + y < height; y++)
        for (int x = 0; x < 8 && x0 + x < width; x++)
          gray[(gsize)(y0 + y) * stride + x0 + x] = (guint8)clampf(b[y][x] + 128.5f, 0, 255);
    }
}
