/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels-tables.h"

#define MAX_TABLES 5

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const LusKernels *tables[MAX_TABLES + 1]; /* NULL after the last */
static const LusKernels *chosen;
static _Atomic(const LusKernels *) ready; /* chosen, once that is final */
static char description[128];
#ifdef LUS_HAVE_X86_KERNELS
static LusKernels avx512vnni; /* avx512 with other kernels on codes */
#endif

static void list_tables(void)
{
  int n = 0;
  tables[n++] = &lus_kernels_c;
  tables[n++] = &lus_kernels_generic;
#ifdef LUS_HAVE_X86_KERNELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    tables[n++] = &lus_kernels_avx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    tables[n++] = &lus_kernels_avx512;
    if (__builtin_cpu_supports("avx512vnni")) {
      avx512vnni = lus_kernels_avx512;
      avx512vnni.name = "avx512vnni";
      avx512vnni.int8 = &lus_int8_vnni;
      tables[n++] = &avx512vnni;
    }
  }
#endif
  chosen = tables[n - 1];
}

static void choose(void)
{
  lus_gemm_blas_init();
  list_tables();
  const char *name = getenv("LUS_KERNELS");
  for (int i = 0; name && tables[i]; i++)
    if (strcmp(tables[i]->name, name) == 0)
      chosen = tables[i];
  if (chosen->gemm == lus_gemm_c) {
    snprintf(description, sizeof description, "%s", chosen->name);
  } else {
    char blas[96];
    lus_gemm_blas_description(blas, (int)sizeof blas);
    snprintf(description, sizeof description, "%s+%s", chosen->name, blas);
  }
}

const LusKernels *lus_kernels(void)
{
  const LusKernels *kernels = atomic_load_explicit(&ready, memory_order_acquire);
  if (kernels) /* asked for very often: cheaper than pthread_once() */
    return kernels;
  pthread_once(&once, choose);
  atomic_store_explicit(&ready, chosen, memory_order_release);
  return chosen;
}

const char *lus_kernels_description(void)
{
  pthread_once(&once, choose);
  return description;
}

const LusKernels *lus_kernels_nth(int i)
{
  pthread_once(&once, choose);
  return i >= 0 && i < MAX_TABLES ? tables[i] : NULL;
}
