/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

static int div255(int v)
{
  return (v + 128 + ((v + 128) >> 8)) >> 8;
}

static void mix(uint8_t *d, const uint8_t *s, const uint8_t *a, int n)
{
  for (int i = 0; i < n; i++)
    d[i] = (uint8_t)div255(s[i] * a[i] + d[i] * (255 - a[i]));
}

static void scale(uint8_t *out, const uint8_t *a, const uint8_t *w, int n)
{
  for (int i = 0; i < n; i++)
    out[i] = (uint8_t)div255(a[i] * w[i]);
}

static void add(uint8_t *d, const int8_t *s, const uint8_t *w, int n)
{
  for (int i = 0; i < n; i++) {
    int v = d[i] + ((s[i] * w[i] + 128) >> 8);
    d[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

const LusBlendKernels lus_blend_c = {"c", mix, scale, add};
