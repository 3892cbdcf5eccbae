/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of the picture times a constant matrix [w][m], and products of two pictures, channel by channel. */
#include <string.h>

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

/* For one h: y [m][c] += a [w][c] b [w][m][c] over w, where a factor with one channel is repeated. */
static void batch_row(void *data, int i, int thread)
{
  (void)thread;
  const LusStep *step = data;
  const LusMap *a = lus_step_map(step, 0), *b = lus_step_map(step, 1), *y = step->y;
  gsize c = (gsize)y->c, a_step = a->c > 1, b_step = b->c > 1;
  float *row = y->data + (gsize)i * (gsize)y->w * c;
  memset(row, 0, (gsize)y->w * c * sizeof *row);
  for (int k = 0; k < a->w; k++) {
    const float *left = a->data + ((gsize)i * (gsize)a->w + (gsize)k) * (gsize)a->c;
    for (int j = 0; j < y->w; j++) {
      const float *right = b->data + ((gsize)k * (gsize)b->w + (gsize)j) * (gsize)b->c;
      float *out = row + (gsize)j * c;
      for (gsize m = 0; m < c; m++)
        out[m] += left[m * a_step] * right[m * b_step];
    }
  }
}

static void batch_forward(const LusStep *step, const LusRun *run)
{
  lus_parallel_for(run->pool, step->y->h, batch_row, (void *)step);
}

const LusStepClass lus_step_batch_mat_mul = {.forward = batch_forward};
