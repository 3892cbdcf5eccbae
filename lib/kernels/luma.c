/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/luma.h"

#include <string.h>

#include "kernels/kernels.h"

const LusLumaKernels *lus_luma_kernels(void)
{
  return strcmp(lus_kernels()->name, "c") == 0 ? &lus_luma_c : &lus_luma_orc;
}
