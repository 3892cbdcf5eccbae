/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/luma.h"

#include <stdbool.h>

#include "luma-programs.h"

static void expand(uint8_t *luma, int n)
{
  lus_orc_luma_expand(luma, n);
}

/* ORC's code counts on elements aligned to their size; it faults (aligned SSE loads) where they are not. */
static bool is_aligned(const void *p, uintptr_t size)
{
  return (uintptr_t)p % size == 0;
}

static void pick(uint8_t *luma, const uint8_t *pixels, int odd, int n)
{
  const void *pairs = pixels;
  if (!is_aligned(pixels, 2))
    lus_luma_c.pick(luma, pixels, odd, n);
  else if (odd)
    lus_orc_luma_odd(luma, pairs, n);
  else
    lus_orc_luma_even(luma, pairs, n);
}

static void weigh(uint8_t *luma, const uint8_t *pixels, const int *weights, int step, int n)
{
  const void *words = pixels;
  if (step == 4 && is_aligned(pixels, 4)) /* ORC has no arrays of three bytes */
    lus_orc_luma_weigh(luma, words, weights[0], weights[1], weights[2], weights[3], n);
  else
    lus_luma_c.weigh(luma, pixels, weights, step, n);
}

const LusLumaKernels lus_luma_orc = {"orc", expand, pick, weigh};
