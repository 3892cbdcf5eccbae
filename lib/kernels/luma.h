/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>

/** Luma of @n pixels of a video row. Integers only: all variants give the same bytes. n may be 0; any alignment; nothing is
 *  read or written outside of the n pixels. */
typedef struct {
  const char *name; /* "c", "orc" */

  /** Limited to full range, in place: min(255, round(max(0, y - 16) 255 / 219)). */
  void (*expand)(uint8_t *luma, int n);
  /** Packed 4:2:2: luma[i] = pixels[2 i + odd], odd 0 or 1. */
  void (*pick)(uint8_t *luma, const uint8_t *pixels, int odd, int n);
  /** luma[i] = (sum over k < step of weights[k] pixels[step i + k] + 2^15) >> 16; step 3 or 4. The weights are 0..65535 and
   *  sum up to 65536, so that grey stays as it is. */
  void (*weigh)(uint8_t *luma, const uint8_t *pixels, const int *weights, int step, int n);
} LusLumaKernels;

/** The specification. */
extern const LusLumaKernels lus_luma_c;
/** ORC programs. */
extern const LusLumaKernels lus_luma_orc;

/** The one in use: lus_luma_c with LUS_KERNELS=c, else lus_luma_orc. */
const LusLumaKernels *lus_luma_kernels(void);
