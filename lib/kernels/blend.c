/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/blend.h"

#include <string.h>

#include "kernels/kernels.h"

const LusBlendKernels *lus_blend_kernels(void)
{
  return strcmp(lus_kernels()->name, "c") == 0 ? &lus_blend_c : &lus_blend_orc;
}
