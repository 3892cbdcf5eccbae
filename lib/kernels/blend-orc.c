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

const LusBlendKernels lus_blend_orc = {"orc", mix, scale, add};
