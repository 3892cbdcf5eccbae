/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/edge.h"

#include <string.h>

#include "kernels/kernels.h"

#ifdef LUS_HAVE_X86_KERNELS
extern const LusEdgeKernels lus_edge_avx2;
#endif

const LusEdgeKernels *lus_edge_nth(int i)
{
#ifdef LUS_HAVE_X86_KERNELS
  if (i == 1 && __builtin_cpu_supports("avx2"))
    return &lus_edge_avx2;
#endif
  return i == 0 ? &lus_edge_c : NULL;
}

const LusEdgeKernels *lus_edge_kernels(void)
{
  const LusEdgeKernels *best = strcmp(lus_kernels()->name, "c") == 0 ? NULL : lus_edge_nth(1);
  return best ? best : &lus_edge_c;
}
