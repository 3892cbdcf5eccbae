/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** Kernels on codes: bytes 0..255 that stand for (code - zero) step. int8-c.c is the specification; the others give the
 * same bits. round() is to the nearest whole number, half to even; every operation on floats is rounded once; before
 * round() a float is cut to +-2^20, NaN to -2^20. Rules for arrays as in kernels.h, except where reading beyond a size is
 * said to happen. */

/** Widest block of columns of a packed matrix; the other width is half of it. */
#define LUS_INT8_WIDTH 32
#define LUS_INT8_DEPTHWISE_TAPS 64

/** s[p][o] = bias[o] + sum over t < taps, k < run of x[p step + offset[t] + k] w[(t run + k) / 4][o][k % 4], exactly, for
 * o < width: 32 or 16. run is a multiple of 4. */
typedef struct {
  const uint8_t *x;
  size_t step;
  const ptrdiff_t *offset;
  int taps, run;
  const int8_t *w; /* 64-byte aligned */
  int width;
  const int32_t *bias;
} LusInt8Sums;

/** What becomes of the sums, for o < n, with v = s[p][o] scale[o].
 * Codes: q = clamp(round(v) + zero, low, high); with r: q = clamp(round((q - zero) a + (r[p' ldr + o] - r_zero) b) +
 * sum_zero, sum_low, 255); codes[p ldy + o] = q.
 * Else floats: floats[p ldy + o] = clamp(v + r_floats[p' ldr + o], least, most), r_floats NULL: 0.
 * p' is p, with r_half p / 2: each pixel of r is added to two. clamp(x, low, high) is high where high < low; NaN stays
 * NaN. */
typedef struct {
  uint8_t *codes;
  float *floats; /* when codes is NULL */
  size_t ldy;
  int n;
  const float *scale;
  int zero, low, high; /* codes: 0..255 */
  const uint8_t *r;
  const float *r_floats;
  size_t ldr;
  int r_half, r_zero, sum_zero, sum_low;
  float a, b;
  float least, most; /* +-infinity: no limit */
} LusInt8Finish;

typedef struct {
  const char *name; /* for reports: "c", "avx2", "vnni" */
  /** n <= width. */
  void (*product)(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels);
  /** A depthwise convolution of a row of pixels, of which run and width say nothing: s[p][o] = bias[o] + sum over t < taps
   * <= LUS_INT8_DEPTHWISE_TAPS of x[p step + offset[t] + o] w[t n + o], exactly, for o < n of any size; w at any address. */
  void (*depthwise)(const LusInt8Sums *sums, const LusInt8Finish *finish, int pixels);
  /** q[i] = clamp(round(x[i] / step) + zero, low, 255). Whether one of x is NaN, for which there is no code. */
  int (*quantize)(uint8_t *q, const float *x, float step, int zero, int low, size_t n);
  /** x[i] = (q[i] - zero) step. */
  void (*dequantize)(float *x, const uint8_t *q, float step, int zero, size_t n);
  /** y[i] = round(clamp((a[i] u + b[i] v) + w, low, 255)). */
  void (*add)(uint8_t *y, const uint8_t *a, const uint8_t *b, float u, float v, float w, int low, size_t n);
  /** y[i] = x[i] > y[i] ? x[i] : y[i]. */
  void (*maximum)(uint8_t *y, const uint8_t *x, size_t n);
  /** y[i] = a[i] + w (b[i] - a[i]). */
  void (*lerp)(float *y, const uint8_t *a, const uint8_t *b, float w, size_t n);
  /** y[p] = round(x[i0[p]] + w[p] (x[i1[p]] - x[i0[p]])), each a pixel of c elements; x is 0..255, w 0..1. */
  void (*lerp_pixels)(uint8_t *y, const float *x, const int *i0, const int *i1, const float *w, size_t pixels, int c);
  /** sum[j] += x[i][j], square[j] += x[i][j]^2 over i; at most 65536 rows, so that they fit. */
  void (*moments)(uint32_t *sum, uint32_t *square, const uint8_t *x, size_t rows, int c);
  /** y[i][j] = round(clamp(a[j] x[i][j] + b[j], low, 255)); none may become NaN. */
  void (*affine)(uint8_t *y, const uint8_t *x, const float *a, const float *b, int low, size_t rows, int c);
  /** q[i] = inside[i] & floor(255 min(max(x[i], 0), 1) + 0.5), of NaN 0: lus_confidence_quantise() where inside[i] is 255. */
  void (*confidence)(uint8_t *q, const float *x, const uint8_t *inside, size_t n);
} LusInt8Kernels;

extern const LusInt8Kernels lus_int8_c;
extern const LusInt8Kernels lus_int8_avx2;
extern const LusInt8Kernels lus_int8_vnni;
