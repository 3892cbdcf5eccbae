/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include "activation.h"
#include "gemm.h"
#include "int8.h"

/** What becomes of a sum s[i][j] on its way to y: act(y[i][j] where accumulate + s[i][j] + bias[j] +
 * r[i][r_shift + j]), in this order; act is relu or nothing; bias, r NULL: 0. In place: the rows of r
 * may be those of y. */
typedef struct {
  int accumulate;
  const float *bias;
  const float *const *r;
  size_t r_shift;
  int relu;
} LusFinish;

/** Winograd's minimal filtering F(m x m, t x t), m = 4 or 2 with t = 3, m = 5 with t = 2 (Lavin and Gray 2016, section 4.1 with
 * the points 0, 1, -1 and, but for m = 2, 2, -2): a t x t convolution of a tile X of N x N, N = m + t - 1, is
 * A^T [(G g G^T) . (B^T X B)] A. Arrays of N N planes, @plane floats apart. */
typedef struct {
  /** u[N i + j][e] = (G g G^T)[i][j] with g[a][b] = w[t a + b][e], e in 0..n-1, the w[.] being @pitch
   * floats apart. */
  void (*weights)(float *u, const float *w, size_t plane, size_t n, size_t pitch);
  /** v[N i + j][k] = (B^T X B)[i][j] of channel k, X the N x N pixels of c floats at x, rows @row
   * floats apart. */
  void (*input)(float *v, const float *x, size_t plane, size_t row, int c);
  /** y[i row + j column + k] = act((A^T M A)[i][j] + bias[k] + r[i row + j column + k]) with M[i][j] = m[N i
   * + j][k], for i < rows <= m, j < columns <= m. bias, r NULL: 0. In place: r may be y. */
  void (*output)(float *y, const float *m, const float *bias, const float *r, int relu,
                 size_t plane, size_t row, size_t column, int rows, int columns, int c);
} LusWinogradKernels;

/** The numeric kernels: one table per instruction set, one of which is chosen when it is first
 * asked for. kernels-c.c is the specification; the others agree with it up to rounding (they may
 * fuse multiply and add) and in the order of every sum unless said otherwise.
 *
 *  Common to all: arrays of float at any 4-byte alignment, nothing is read or written outside of
 * them, sizes may be 0. [rows][c] is dense. Pointers may not overlap except where "in place" is
 * said. NaN and infinities follow the formula. relu(v) is v < 0 ? 0 : v, so NaN stays NaN. */
typedef struct {
  const char *name; /* "c", "generic", "avx2", "avx512", "avx512vnni" */

  LusGemm gemm;
  /** Columns of a packed matrix that are multiplied at once: a block has panel, panel / 2, ... or
   * lanes of them; both are powers of two. */
  int panel, lanes;
  /** One block of a matrix product whose rows on the left are gathered from runs of floats:
   * y[i ldy + j] = s[i][j] finished for i < rows, j < n with s[i][j] = sum over t < taps, k < run of
   * x[t stride + i][shift + k] w[(t run + k) width + j], t and k in ascending order. @w has width
   * columns, a size of @panel's, of which the first @n are asked for. */
  void (*panel_product)(float *y, size_t ldy, const float *const *x, size_t stride, size_t shift,
                        int rows, int taps, int run, const float *w, int width, int n,
                        const LusFinish *finish);

  /** A depthwise convolution of a row of pixels: y[p][j] = act(sum over t < taps of w[tap[t]][j]
   * x[p step + offset[t] + j] + bias[j] + r[p][j]) for j < c, t in ascending order; the rows of y, w and r are @pitch floats
   * apart; bias, r NULL: 0. In place: r may be y. */
  void (*depthwise)(float *y, const float *x, const float *w, const ptrdiff_t *offset,
                    const int *tap, int taps, const float *bias, const float *r, int relu,
                    size_t step, size_t pixels, size_t pitch, int c);

  LusWinogradKernels winograd4, winograd2, winograd5; /* F(4x4, 3x3), F(2x2, 3x3) and F(5x5, 2x2) */
  /** The way back through F(4x4, 3x3) to the weights. w[6 i + j][k] = (A Y A^T)[i][j] of channel k, Y
   * being the 4 x 4 pixels of c floats at dy, rows @row floats apart, 0 from rows or columns on. */
  void (*winograd4_result_gradient)(float *w, const float *dy, size_t plane, size_t row, int rows,
                                    int columns, int c);
  /** g[3 a + b][e] = (G^T U G)[a][b] with U[i][j] = u[6 i + j][e], e in 0..n-1, the g[.] being @pitch
   * floats apart. */
  void (*winograd4_weights_gradient)(float *g, const float *u, size_t plane, size_t n, size_t pitch);
  /** c[i ldc + j] += sum over l < k of a[l][shift + i] b[l ldb + j], i < m, j < n, l in ascending
   * order. */
  void (*outer_products)(float *c, size_t ldc, const float *const *a, size_t shift, const float *b,
                         size_t ldb, int m, int n, int k);

  /** y[i][j] = act(scale[j] x[i][j] + shift[j] + r[i][j]); act is relu or nothing. scale NULL: 1;
   * shift, r NULL: 0. In place: y may be x or r. */
  void (*affine)(float *y, const float *x, const float *scale, const float *shift, const float *r,
                 int relu, size_t rows, int c);
  /** y[i][o] = bias[o] + sum over j < c of w[o][j] act(scale[j] x[i][j] + shift[j]) for o < k, in any order; act is relu or
   * nothing; bias NULL: 0. Made for few outputs: w[o] is read for every row. */
  void (*project)(float *y, const float *x, const float *scale, const float *shift, int relu, const float *w,
                  const float *bias, size_t rows, int c, int k);
  /** y[i pitch + j] = the activation of x[i pitch + j] for i < rows, j < c; pitch >= c. In place: y may be x. Where e^-x is
   * in it the relative error is at most 2e-7, and results below 1e-38 may be 0. A number's result does not depend on its
   * place. */
  void (*activate)(float *y, const float *x, const LusActivation *activation, size_t pitch,
                   size_t rows, int c);
  /** dy[i] = y[i] > 0 ? dy[i] : 0. */
  void (*relu_backward)(float *dy, const float *y, size_t n);

  /** y[i] += w x[i]. */
  void (*add_scaled)(float *y, float w, const float *x, size_t n);
  /** y[i] = the larger of x[i] and y[i], NaN where one of them is NaN. */
  void (*maximum)(float *y, const float *x, size_t n);
  /** Where x[i] = y[i]: dx[i] += rest[i] and rest[i] = 0. */
  void (*maximum_backward)(float *dx, float *rest, const float *x, const float *y, size_t n);
  /** y[i] = a[i] + w (b[i] - a[i]). In place: y may be a or b. */
  void (*lerp)(float *y, const float *a, const float *b, float w, size_t n);

  /** y[p] = x[i0[p]] + w[p] (x[i1[p]] - x[i0[p]]), each a pixel of c floats. */
  void (*lerp_pixels)(float *y, const float *x, const int *i0, const int *i1, const float *w,
                      size_t pixels, int c);
  /** y[p] = (or +=) sum over k in start[p]..start[p+1]-1 of weight[k] x[index[k]], each a pixel of
   * c floats. */
  void (*gather_pixels)(float *y, const float *x, const int *start, const int *index,
                        const float *weight, int accumulate, size_t pixels, int c);

  /** sum[j] += x[i][j] over i. */
  void (*column_sum)(float *sum, const float *x, size_t rows, int c);
  /** With v = x[i][j] - shift[j]: sum[j] += v, square[j] += v v over i. */
  void (*moments)(float *sum, float *square, const float *x, const float *shift, size_t rows,
                  int c);
  /** sum[j] += dy[i][j], product[j] += dy[i][j] (x[i][j] - shift[j]) over i. */
  void (*gradient_moments)(float *sum, float *product, const float *dy, const float *x,
                           const float *shift, size_t rows, int c);
  /** dx[i][j] = (or +=) a[j] dy[i][j] + b[j] x[i][j] + d[j]. In place: dx may be dy. */
  void (*norm_backward)(float *dx, const float *dy, const float *x, const float *a, const float *b,
                        const float *d, int accumulate, size_t rows, int c);

  const LusInt8Kernels *int8; /* exact: the same bits in every table */
} LusKernels;

/** The table in use: the best for this CPU, or the one named by the environment variable
 * LUS_KERNELS (c, generic, avx2, avx512, avx512vnni; ignored where this CPU or build lacks it). Chosen once. */
const LusKernels *lus_kernels(void);
/** What results depend on, for reports: "avx512+OpenBLAS 0.3.21 SkylakeX". Static string. */
const char *lus_kernels_description(void);
/** The @i-th table this CPU can run, in ascending order of preference, the reference first; NULL
 * past the last. */
const LusKernels *lus_kernels_nth(int i);
