/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/** Matrix products, row major. */

enum {
  LUS_GEMM_TRANSPOSE_A = 1, /* A is stored [k][m] */
  LUS_GEMM_TRANSPOSE_B = 2, /* B is stored [n][k] */
  LUS_GEMM_ACCUMULATE = 4   /* C += instead of C = */
};

/** C [m][n] (+)= A [m][k] * B [k][n]. ldc, lda, ldb: floats from one stored row to the next, at
 * least the row's length. C overlaps neither A nor B. m, n, k >= 1. Sums run over k in float; their
 * order is the implementation's. */
typedef void (*LusGemm)(float *c, const float *a, const float *b, int m, int n, int k, int ldc,
                        int lda, int ldb, unsigned flags);

/** The specification: three loops, k in ascending order. */
void lus_gemm_c(float *c, const float *a, const float *b, int m, int n, int k, int ldc, int lda,
                int ldb, unsigned flags);
/** OpenBLAS, one thread per call. */
void lus_gemm_blas(float *c, const float *a, const float *b, int m, int n, int k, int ldc, int lda,
                   int ldb, unsigned flags);

/** To be called once before lus_gemm_blas(): tells OpenBLAS to stay in the calling thread. */
void lus_gemm_blas_init(void);
/** "OpenBLAS 0.3.21 SkylakeX". @text holds @size bytes. */
void lus_gemm_blas_description(char *text, int size);
