/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

#include <string.h>

#include "kernels/kernels.h"

#ifdef LUS_HAVE_X86_KERNELS
extern const LusBlendKernels lus_blend_avx2;
#endif

const LusBlendKernels *lus_blend_nth(int i)
{
#ifdef LUS_HAVE_X86_KERNELS
  if (i == 2 && __builtin_cpu_supports("avx2"))
    return &lus_blend_avx2;
#endif
  return i == 0 ? &lus_blend_c : i == 1 ? &lus_blend_orc : NULL;
}

const LusBlendKernels *lus_blend_kernels(void)
{
  const LusBlendKernels *best = lus_blend_nth(2);
  return strcmp(lus_kernels()->name, "c") == 0 ? &lus_blend_c : best ? best : &lus_blend_orc;
}
