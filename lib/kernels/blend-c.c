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
    int v = d[i] + ((s[i] * w[i] + 64) >> 7);
    d[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

static void weigh1(uint8_t *w, const uint8_t *luma, int n)
{
  for (int i = 0; i < n; i++)
    w[i] = (uint8_t)(luma[i] > 96 ? 255 : luma[i] * 255 / 96);
}

static void weigh4(uint8_t *w, const uint8_t *top, const uint8_t *bottom, int n)
{
  for (int i = 0; i < n; i++) {
    int sum = top[2 * i] + top[2 * i + 1] + bottom[2 * i] + bottom[2 * i + 1];
    w[i] = (uint8_t)(sum > 4 * 96 ? 255 : sum * 255 / (4 * 96));
  }
}

const LusBlendKernels lus_blend_c = {"c", mix, scale, add, weigh1, weigh4};
