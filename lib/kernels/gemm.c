/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/gemm.h"

#include <cblas.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void lus_gemm_c(float *c, const float *a, const float *b, int m, int n, int k, int ldc, int lda,
                int ldb, unsigned flags)
{
  size_t a_row = flags & LUS_GEMM_TRANSPOSE_A ? 1 : (size_t)lda,
         a_column = flags & LUS_GEMM_TRANSPOSE_A ? (size_t)lda : 1;
  size_t b_row = flags & LUS_GEMM_TRANSPOSE_B ? 1 : (size_t)ldb,
         b_column = flags & LUS_GEMM_TRANSPOSE_B ? (size_t)ldb : 1;
  for (int i = 0; i < m; i++) {
    float *row = c + (size_t)i * (size_t)ldc;
    if (!(flags & LUS_GEMM_ACCUMULATE))
      memset(row, 0, (size_t)n * sizeof *row);
    for (int l = 0; l < k; l++) {
      float x = a[(size_t)i * a_row + (size_t)l * a_column];
      for (int j = 0; j < n; j++)
        row[j] += x * b[(size_t)l * b_row + (size_t)j * b_column];
    }
  }
}

void lus_gemm_blas(float *c, const float *a, const float *b, int m, int n, int k, int ldc, int lda,
                   int ldb, unsigned flags)
{
  cblas_sgemm(CblasRowMajor, flags & LUS_GEMM_TRANSPOSE_A ? CblasTrans : CblasNoTrans,
              flags & LUS_GEMM_TRANSPOSE_B ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a, lda, b,
              ldb, flags & LUS_GEMM_ACCUMULATE ? 1.0f : 0.0f, c, ldc);
}

void lus_gemm_blas_init(void)
{
  openblas_set_num_threads(1);
}

/* openblas_get_config() begins with "OpenBLAS 0.3.21 "; what follows are build options. */
void lus_gemm_blas_description(char *text, int size)
{
  const char *config = openblas_get_config();
  size_t words = strcspn(config, " ");
  if (config[words])
    words += 1 + strcspn(config + words + 1, " ");
  snprintf(text, (size_t)size, "%.*s %s", (int)words, config, openblas_get_corename());
}
