/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference: plain loops, the specification of kernels.h. */
#include "kernels/kernels-tables.h"

#include <math.h>

static float relu(float v)
{
  return v < 0 ? 0 : v;
}

static void affine(float *y, const float *x, const float *scale, const float *shift, const float *r,
                   int relu_after, size_t rows, int c)
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

static void project(float *y, const float *x, const float *scale, const float *shift, int relu_before, const float *w,
                    const float *bias, size_t rows, int c, int k)
{
  for (size_t i = 0; i < rows; i++, x += c) {
    for (int o = 0; o < k; o++) {
      float sum = bias ? bias[o] : 0;
      for (int j = 0; j < c; j++) {
        float v = scale[j] * x[j] + shift[j];
        sum += w[(size_t)o * (size_t)c + (size_t)j] * (relu_before ? relu(v) : v);
      }
      *y++ = sum;
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
    y[i] = x[i] > y[i] || isnan(x[i]) ? x[i] : y[i];
}

static void maximum_backward(float *dx, float *rest, const float *x, const float *y, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (x[i] == y[i]) {
      dx[i] += rest[i];
      rest[i] = 0;
    }
}

static void lerp(float *y, const float *a, const float *b, float w, size_t n)
{
  for (size_t i = 0; i < n; i++)
    y[i] = a[i] + w * (b[i] - a[i]);
}

static void lerp_pixels(float *y, const float *x, const int *i0, const int *i1, const float *w,
                        size_t pixels, int c)
{
  for (size_t p = 0; p < pixels; p++)
    lerp(y + p * (size_t)c, x + (size_t)i0[p] * (size_t)c, x + (size_t)i1[p] * (size_t)c, w[p],
         (size_t)c);
}

static void gather_pixels(float *y, const float *x, const int *start, const int *index,
                          const float *weight, int accumulate, size_t pixels, int c)
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

static void moments(float *sum, float *square, const float *x, const float *shift, size_t rows,
                    int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      float v = x[i * (size_t)c + (size_t)j] - shift[j];
      sum[j] += v;
      square[j] += v * v;
    }
  }
}

static void gradient_moments(float *sum, float *product, const float *dy, const float *x,
                             const float *shift, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      size_t at = i * (size_t)c + (size_t)j;
      sum[j] += dy[at];
      product[j] += dy[at] * (x[at] - shift[j]);
    }
  }
}

static void norm_backward(float *dx, const float *dy, const float *x, const float *a,
                          const float *b, const float *d, int accumulate, size_t rows, int c)
{
  for (size_t i = 0; i < rows; i++) {
    for (int j = 0; j < c; j++) {
      size_t at = i * (size_t)c + (size_t)j;
      float v = a[j] * dy[at] + b[j] * x[at] + d[j];
      dx[at] = accumulate ? dx[at] + v : v;
    }
  }
}

static float finished(const LusFinish *finish, float sum, float before, int row, int column)
{
  if (finish->accumulate)
    sum += before;
  if (finish->bias)
    sum += finish->bias[column];
  if (finish->r)
    sum += finish->r[row][finish->r_shift + (size_t)column];
  return finish->relu ? relu(sum) : sum;
}

static void panel_product(float *y, size_t ldy, const float *const *x, size_t stride, size_t shift,
                          int rows, int taps, int run, const float *w, int width, int n,
                          const LusFinish *finish)
{
  for (int i = 0; i < rows; i++, y += ldy) {
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int t = 0; t < taps; t++)
        for (int k = 0; k < run; k++)
          sum += x[(size_t)t * stride + (size_t)i][shift + (size_t)k] *
                 w[((size_t)t * (size_t)run + (size_t)k) * (size_t)width + (size_t)j];
      y[j] = finished(finish, sum, y[j], i, j);
    }
  }
}

static void depthwise(float *y, const float *x, const float *w, const ptrdiff_t *offset,
                      const int *tap, int taps, const float *bias, const float *r, int relu_after,
                      size_t step, size_t pixels, size_t pitch, int c)
{
  for (size_t p = 0; p < pixels; p++, x += step) {
    for (int j = 0; j < c; j++) {
      size_t at = p * pitch + (size_t)j;
      float v = 0;
      for (int t = 0; t < taps; t++)
        v += w[(size_t)tap[t] * pitch + (size_t)j] * x[offset[t] + j];
      if (bias)
        v += bias[j];
      if (r)
        v += r[at];
      y[at] = relu_after ? relu(v) : v;
    }
  }
}

static const float matrix_g[6][3] = {
    {1.0f / 4, 0, 0},
    {-1.0f / 6, -1.0f / 6, -1.0f / 6},
    {-1.0f / 6, 1.0f / 6, -1.0f / 6},
    {1.0f / 24, 1.0f / 12, 1.0f / 6},
    {1.0f / 24, -1.0f / 12, 1.0f / 6},
    {0, 0, 1},
};

static const float matrix_bt[6][6] = {
    {4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
    {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1},
};

static const float matrix_at[4][6] = {
    {1, 1, 1, 1, 1, 0},
    {0, 1, -1, 2, -2, 0},
    {0, 1, 1, 4, 4, 0},
    {0, 1, -1, 8, -8, 1},
};

/* out [n][n] = T [n][m] X [m][m] T^T. */
static void transform(float *out, const float *t, const float *x, int n, int m)
{
  float half[6 * 6];
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      half[i * m + j] = 0;
      for (int k = 0; k < m; k++)
        half[i * m + j] += t[i * m + k] * x[k * m + j];
    }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      out[i * n + j] = 0;
      for (int k = 0; k < m; k++)
        out[i * n + j] += half[i * m + k] * t[j * m + k];
    }
}

static const float matrix2_g[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};

static const float matrix2_bt[4][4] = {
    {1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};

static const float matrix2_at[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

/* F(5x5, 2x2) has the points, so the windows' transform, of F(4x4, 3x3). */
static const float matrix5_g[6][2] = {{1.0f / 4, 0},        {-1.0f / 6, -1.0f / 6}, {-1.0f / 6, 1.0f / 6},
                                      {1.0f / 24, 1.0f / 12}, {1.0f / 24, -1.0f / 12}, {0, 1}};

static const float matrix5_at[5][6] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 0}, {0, 1, 1, 16, 16, 1}};

/* @window: the side of a tile of the source; @taps: that of the kernel. */
static void tile_weights(float *u, const float *w, size_t plane, size_t n, size_t pitch,
                         const float *matrix, size_t window, size_t taps)
{
  for (size_t e = 0; e < n; e++) {
    float g[9], out[36];
    for (size_t k = 0; k < taps * taps; k++)
      g[k] = w[k * pitch + e];
    transform(out, matrix, g, (int)window, (int)taps);
    for (size_t k = 0; k < window * window; k++)
      u[k * plane + e] = out[k];
  }
}

static void tile_input(float *v, const float *x, size_t plane, size_t row, int c,
                       const float *matrix, size_t window)
{
  for (size_t channel = 0; channel < (size_t)c; channel++) {
    float tile[36], out[36];
    for (size_t k = 0; k < window * window; k++)
      tile[k] = x[k / window * row + k % window * (size_t)c + channel];
    transform(out, matrix, tile, (int)window, (int)window);
    for (size_t k = 0; k < window * window; k++)
      v[k * plane + channel] = out[k];
  }
}

/* What is left to do with a tile's @side x @side results of one channel, @at being the first's place. */
static void tile_finish(float *y, const float *out, size_t side, float bias, const float *r,
                        int relu_after, size_t at, size_t row, size_t column, size_t rows, size_t columns)
{
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      size_t to = at + i * row + j * column;
      float sum = out[side * i + j] + bias;
      if (r)
        sum += r[to];
      y[to] = relu_after ? relu(sum) : sum;
    }
}

static void tile_output(float *y, const float *m, const float *bias, const float *r, int relu_after,
                        size_t plane, size_t row, size_t column, size_t rows, size_t columns, int c,
                        const float *matrix, size_t window, size_t side)
{
  for (size_t channel = 0; channel < (size_t)c; channel++) {
    float tile[36], out[25];
    for (size_t k = 0; k < window * window; k++)
      tile[k] = m[k * plane + channel];
    transform(out, matrix, tile, (int)side, (int)window);
    tile_finish(y, out, side, bias ? bias[channel] : 0, r, relu_after, channel, row, column, rows, columns);
  }
}

static void winograd4_weights(float *u, const float *w, size_t plane, size_t n, size_t pitch)
{
  tile_weights(u, w, plane, n, pitch, matrix_g[0], 6, 3);
}

static void winograd4_input(float *v, const float *x, size_t plane, size_t row, int c)
{
  tile_input(v, x, plane, row, c, matrix_bt[0], 6);
}

static void winograd4_output(float *y, const float *m, const float *bias, const float *r, int relu_after, size_t plane,
                             size_t row, size_t column, int rows, int columns, int c)
{
  tile_output(y, m, bias, r, relu_after, plane, row, column, (size_t)rows, (size_t)columns, c, matrix_at[0], 6, 4);
}

static void winograd2_weights(float *u, const float *w, size_t plane, size_t n, size_t pitch)
{
  tile_weights(u, w, plane, n, pitch, matrix2_g[0], 4, 3);
}

static void winograd2_input(float *v, const float *x, size_t plane, size_t row, int c)
{
  tile_input(v, x, plane, row, c, matrix2_bt[0], 4);
}

static void winograd2_output(float *y, const float *m, const float *bias, const float *r, int relu_after, size_t plane,
                             size_t row, size_t column, int rows, int columns, int c)
{
  tile_output(y, m, bias, r, relu_after, plane, row, column, (size_t)rows, (size_t)columns, c, matrix2_at[0], 4, 2);
}

static void winograd5_weights(float *u, const float *w, size_t plane, size_t n, size_t pitch)
{
  tile_weights(u, w, plane, n, pitch, matrix5_g[0], 6, 2);
}

static void winograd5_output(float *y, const float *m, const float *bias, const float *r, int relu_after, size_t plane,
                             size_t row, size_t column, int rows, int columns, int c)
{
  tile_output(y, m, bias, r, relu_after, plane, row, column, (size_t)rows, (size_t)columns, c, matrix5_at[0], 6, 5);
}

/* t [m][n], the transpose of matrix [n][m]. */
static void transpose(float *t, const float *matrix, size_t n, size_t m)
{
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++)
      t[j * n + i] = matrix[i * m + j];
}

static void winograd4_result_gradient(float *w, const float *dy, size_t plane, size_t row, int rows,
                                      int columns, int c)
{
  float matrix[6 * 4];
  transpose(matrix, matrix_at[0], 4, 6);
  for (size_t channel = 0; channel < (size_t)c; channel++) {
    float tile[16] = {0}, out[36];
    for (size_t i = 0; i < (size_t)rows; i++)
      for (size_t j = 0; j < (size_t)columns; j++)
        tile[4 * i + j] = dy[i * row + j * (size_t)c + channel];
    transform(out, matrix, tile, 6, 4);
    for (size_t k = 0; k < 36; k++)
      w[k * plane + channel] = out[k];
  }
}

static void winograd4_weights_gradient(float *g, const float *u, size_t plane, size_t n,
                                       size_t pitch)
{
  float matrix[3 * 6];
  transpose(matrix, matrix_g[0], 6, 3);
  for (size_t e = 0; e < n; e++) {
    float tile[36], out[9];
    for (size_t k = 0; k < 36; k++)
      tile[k] = u[k * plane + e];
    transform(out, matrix, tile, 3, 6);
    for (size_t k = 0; k < 9; k++)
      g[k * pitch + e] = out[k];
  }
}

static void outer_products(float *c, size_t ldc, const float *const *a, size_t shift,
                           const float *b, size_t ldb, int m, int n, int k)
{
  for (size_t i = 0; i < (size_t)m; i++)
    for (size_t j = 0; j < (size_t)n; j++) {
      float sum = 0;
      for (size_t l = 0; l < (size_t)k; l++)
        sum += a[l][shift + i] * b[l * ldb + j];
      c[i * ldc + j] += sum;
    }
}

const LusKernels lus_kernels_c = {
    .name = "c",
    .gemm = lus_gemm_c,
    .panel = 16,
    .lanes = 4,
    .panel_product = panel_product,
    .depthwise = depthwise,
    .winograd4 = {winograd4_weights, winograd4_input, winograd4_output},
    .winograd2 = {winograd2_weights, winograd2_input, winograd2_output},
    .winograd5 = {winograd5_weights, winograd4_input, winograd5_output},
    .winograd4_result_gradient = winograd4_result_gradient,
    .winograd4_weights_gradient = winograd4_weights_gradient,
    .outer_products = outer_products,
    .affine = affine,
    .project = project,
    .activate = lus_activate_c,
    .relu_backward = relu_backward,
    .add_scaled = add_scaled,
    .maximum = maximum,
    .maximum_backward = maximum_backward,
    .lerp = lerp,
    .lerp_pixels = lerp_pixels,
    .gather_pixels = gather_pixels,
    .column_sum = column_sum,
    .moments = moments,
    .gradient_moments = gradient_moments,
    .norm_backward = norm_backward,
    .int8 = &lus_int8_c,
};
