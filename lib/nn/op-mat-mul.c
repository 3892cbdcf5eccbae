/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of the picture times a constant matrix [w][m]. */
#include "kernels/kernels.h"
#include "nn/ops.h"

/* For one h: y [m][c] = matrix^T [m][w] x [w][c]. */
static void row_item(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusMap *x = step->x, *y = step->y;
  lus_kernels()->gemm(y->data + (gsize)i * (gsize)y->w * (gsize)y->c, lus_step_constant(step, 1),
                      x->data + (gsize)i * (gsize)x->w * (gsize)x->c, y->w, y->c, x->w, y->c, y->w,
                      x->c, LUS_GEMM_TRANSPOSE_A);
}

static void forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, row_item, (void *)step);
}

const LusStepClass lus_step_mat_mul = {.forward = forward};
