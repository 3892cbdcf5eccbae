/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

#include "blend-programs.h"

static void mix(uint8_t *d, const uint8_t *s, const uint8_t *a, int n)
{
  lus_orc_blend_mix(d, s, a, n);
}

static void scale(uint8_t *out, const uint8_t *a, const uint8_t *w, int n)
{
  lus_orc_blend_scale(out, a, w, n);
}

static void add(uint8_t *d, const int8_t *s, const uint8_t *w, int n)
{
  lus_orc_blend_add(d, s, w, n);
}

static void weigh1(uint8_t *w, const uint8_t *luma, int n)
{
  lus_orc_blend_weigh1(w, luma, n);
}

/* ORC's code counts on pairs that are aligned as such. */
static void weigh4(uint8_t *w, const uint8_t *top, const uint8_t *bottom, int n)
{
  const void *above = top, *below = bottom;
  if (((uintptr_t)top | (uintptr_t)bottom) % 2)
    lus_blend_c.weigh4(w, top, bottom, n);
  else
    lus_orc_blend_weigh4(w, above, below, n);
}

const LusBlendKernels lus_blend_orc = {"orc", mix, scale, add, weigh1, weigh4};
