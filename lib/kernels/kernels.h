/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include "gemm.h"

/** The numeric kernels: one table per instruction set, one of which is chosen when it is first
 * asked for. kernels-c.c is the specification; the others agree with it up to rounding (they may
 * fuse multiply and add) and in the order of every sum unless said otherwise.
 *
 *  Common to all: arrays of float at any 4-byte alignment, nothing is read or written outside of
 * them, sizes may be 0. [rows][c] is dense. Pointers may not overlap except where "in place" is
 * said. NaN and infinities follow the formula. relu(v) is v < 0 ? 0 : v, so NaN stays NaN. */
typedef struct {
  const char *name; /* "c", "generic", "avx2", "avx512" */

  LusGemm gemm;
  /** C [m][n] = A [m][k] * B [k][n] for small matrices, B in the nearer caches; rows ldc, lda, ldb
   * floats apart. Sums run over k in ascending order. C overlaps neither A nor B. */
  void (*product)(float *c, const float *a, const float *b, int m, int n, int k, int ldc, int lda,
                  int ldb);

  /** A depthwise convolution of a row of pixels: y[p][j] = act(sum over t < taps of w[tap[t]][j]
   * x[p step + offset[t] + j] + bias[j] + r[p][j]), t in ascending order; w [.][c]; bias, r NULL: 0. */
  void (*depthwise)(float *y, const float *x, const float *w, const ptrdiff_t *offset,
                    const int *tap, int taps, const float *bias, const float *r, int relu,
                    size_t step, size_t pixels, int c);

  /** Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, section 4.1 with the points 0,
   * 1, -1, 2, -2): a 3x3 convolution of a 6x6 tile is A^T [(G g G^T) . (B^T X B)] A. Each array
   * holds 36 planes, @plane floats apart. u[6 i + j][e] = (G g G^T)[i][j] with g[a][b] = w[3 a +
   * b][e], e in 0..n-1, the w[.] being n floats apart. */
  void (*winograd_weights)(float *u, const float *w, size_t plane, size_t n);
  /** v[6 i + j][k] = (B^T X B)[i][j] of channel k, X the 6x6 pixels of c floats at x, rows @row
   * floats apart. */
  void (*winograd_input)(float *v, const float *x, size_t plane, size_t row, int c);
  /** y[i row + j c + k] = act((A^T M A)[i][j] + bias[k] + r[i row + j c + k]) with M[i][j] = m[6 i
   * + j][k], for i < rows <= 4, j < columns <= 4. bias, r NULL: 0. In place: r may be y. */
  void (*winograd_output)(float *y, const float *m, const float *bias, const float *r, int relu,
                          size_t plane, size_t row, int rows, int columns, int c);

  /** y[i][j] = act(scale[j] x[i][j] + shift[j] + r[i][j]); act is relu or nothing. scale NULL: 1;
   * shift, r NULL: 0. In place: y may be x or r. */
  void (*affine)(float *y, const float *x, const float *scale, const float *shift, const float *r,
                 int relu, size_t rows, int c);
  /** dy[i] = y[i] > 0 ? dy[i] : 0. */
  void (*relu_backward)(float *dy, const float *y, size_t n);

  /** y[i] += w x[i]. */
  void (*add_scaled)(float *y, float w, const float *x, size_t n);
  /** y[i] = x[i] > y[i] ? x[i] : y[i]: a NaN in x is ignored, one in y stays. */
  void (*maximum)(float *y, const float *x, size_t n);
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
} LusKernels;

/** The table in use: the best for this CPU, or the one named by the environment variable
 * LUS_KERNELS (c, generic, avx2, avx512; ignored where this CPU or build lacks it). Chosen once. */
const LusKernels *lus_kernels(void);
/** What results depend on, for reports: "avx512+OpenBLAS 0.3.21 SkylakeX". Static string. */
const char *lus_kernels_description(void);
/** The @i-th table this CPU can run, in ascending order of preference, the reference first; NULL
 * past the last. */
const LusKernels *lus_kernels_nth(int i);
