/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference: plain loops, the specification of kernels.h. */
#include "kernels/kernels-tables.h"

static float relu(float v)
{
  return v < 0 ? 0 : v;
}

static void affine(float *y, const float *x, const float *scale, const float *shift, const float *r, int relu_after,
                   size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      size_t at = i * (size_t)c + (size_t)j;
      float v = x[at];
      if (scale)
        v *= scale[j];
      if (shift)
        v += shift[j];
      if (r)
        v += r[at];
      y[at] = relu_after ? relu(v) : v;
    }
  }
}

static void relu_backward(float *dy, const float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    dy[i] = y[i] > 0 ? dy[i] : 0;
}

static void add_scaled(float *y, float w, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] += w * x[i];
}

static void maximum(float *y, const float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] > y[i] ? x[i] : y[i];
}

static void lerp(float *y, const float *a, const float *b, float w, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = a[i] + w * (b[i] - a[i]);
}

static void lerp_pixels(float *y, const float *x, const int *i0, const int *i1, const float *w, size_t pixels, int c)
{
  for (size_t p = 0; p < pixels; p++)
    lerp(y + p * (size_t)c, x + (size_t)i0[p] * (size_t)c, x + (size_t)i1[p] * (size_t)c, w[p], (size_t)c);
}

static void gather_pixels(float *y, const float *x, const int *start, const int *index, const float *weight,
                          int accumulate, size_t pixels, int c)
{
  for (size_t p = 0; p < pixels; p++) {
    for (int j = 0; j < c; j++) {
      float *out = y + p * (size_t)c + (size_t)j;
      float v = accumulate ? *out : 0;
      for (int k = start[p]; k < start[p + 1]; k++)
        v += weight[k] * x[(size_t)index[k] * (size_t)c + (size_t)j];
      *out = v;
    }
  }
}

static void column_sum(float *sum, const float *x, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++)
    for (int j = 0; j < c; j++)
      sum[j] += x[i * (size_t)c + (size_t)j];
}

static void moments(float *sum, float *square, const float *x, const float *shift, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      float v = x[i * (size_t)c + (size_t)j] - shift[j];
      sum[j] += v;
      square[j] += v * v;
    }
  }
}

static void gradient_moments(float *sum, float *product, const float *dy, const float *x, const float *shift, size_t rows,
                             int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      size_t at = i * (size_t)c + (size_t)j;
      sum[j] += dy[at];
      product[j] += dy[at] * (x[at] - shift[j]);
    }
  }
}

static void norm_backward(float *dx, const float *dy, const float *x, const float *a, const float *b, const float *d,
                          int accumulate, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      size_t at = i * (size_t)c + (size_t)j;
      float v = a[j] * dy[at] + b[j] * x[at] + d[j];
      dx[at] = accumulate ? dx[at] + v : v;
    }
  }
}

const LusKernels lus_kernels_c = {
  .name = "c",
  .gemm = lus_gemm_c,
  .affine = affine,
  .relu_backward = relu_backward,
  .add_scaled = add_scaled,
  .maximum = maximum,
  .lerp = lerp,
  .lerp_pixels = lerp_pixels,
  .gather_pixels = gather_pixels,
  .column_sum = column_sum,
  .moments = moments,
  .gradient_moments = gradient_moments,
  .norm_backward = norm_backward,
};
