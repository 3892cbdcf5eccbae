/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>

/** Blending rows of 8-bit samples. div255(v) = (v + 128 + ((v + 128) >> 8)) >> 8, which is round(v / 255) for v of
 *  0..65025,  so that alpha 0 keeps and alpha 255 replaces a sample exactly. Integers only: all variants give the
 *  same bytes. n may be  0; any alignment; rows don't overlap; nothing is read or written outside of the n samples.
 *  */
typedef struct {
  const char *name; /* "c", "orc", "avx2" */

  /** d[i] = div255(s[i] a[i] + d[i] (255 - a[i])). */
  void (*mix)(uint8_t *d, const uint8_t *s, const uint8_t *a, int n);
  /** out[i] = div255(a[i] w[i]). */
  void (*scale)(uint8_t *out, const uint8_t *a, const uint8_t *w, int n);
  /** d[i] = d[i] + ((s[i] w[i] + 64) >> 7), clipped to 0..255; the shift rounds down. */
  void (*add)(uint8_t *d, const int8_t *s, const uint8_t *w, int n);
  /** w[i] = min(255, 255 luma[i] / 96), rounded down: what dark pixels take of a tint. */
  void (*weigh1)(uint8_t *w, const uint8_t *luma, int n);
  /** The same of the mean of four pixels, top[2 i], top[2 i + 1], bottom[2 i], bottom[2 i + 1]. The rows may be one. */
  void (*weigh4)(uint8_t *w, const uint8_t *top, const uint8_t *bottom, int n);
} LusBlendKernels;

/** The specification. */
extern const LusBlendKernels lus_blend_c;
/** ORC programs. */
extern const LusBlendKernels lus_blend_orc;

/** The one in use: lus_blend_c with LUS_KERNELS=c, else the best that this CPU runs. */
const LusBlendKernels *lus_blend_kernels(void);
/** All that it runs, the specification first, ORC second; NULL past the last. */
const LusBlendKernels *lus_blend_nth(int i);
