/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MatMul and Gemm. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <string.h>

/** A matrix in an array: element (i, j) is first + i row + j column. */
typedef struct {
  const LusArray *array;
  gsize first, row, column;
} Matrix;

static double dot(const Matrix *a, const Matrix *b, gsize i, gsize j, gsize n)
{
  double sum = 0;
  for (gsize k = 0; k < n; k++)
    sum += lus_array_real(a->array, a->first + i * a->row + k * a->column) *
           lus_array_real(b->array, b->first + k * b->row + j * b->column);
  return sum;
}

/** As many dimensions in front of the matrix as there are, together with its own. */
typedef struct {
  LusArray *a, *b; /* at least two dimensions each */
  LusArray *a_batch, *b_batch;
} Factors;

static void factors_clear(Factors *f)
{
  lus_array_free(f->a);
  lus_array_free(f->b);
  lus_array_free(f->a_batch);
  lus_array_free(f->b_batch);
}

/** A vector is a row on the left and a column on the right. */
static void read_factors(Factors *f, const LusArray *a, const LusArray *b)
{
  const int row[2] = {1, a->dims[0]}, column[2] = {b->dims[0], 1};
  f->a = a->rank == 1 ? lus_array_share(a, 2, row) : lus_array_share(a, a->rank, a->dims);
  f->b = b->rank == 1 ? lus_array_share(b, 2, column) : lus_array_share(b, b->rank, b->dims);
  f->a_batch = lus_array_share(a, f->a->rank - 2, f->a->dims);
  f->b_batch = lus_array_share(b, f->b->rank - 2, f->b->dims);
}

static gboolean mat_mul(LusEval *eval, const Factors *f, GError **error)
{
  const LusArray *a = f->a, *b = f->b, *const batches[2] = {f->a_batch, f->b_batch};
  gsize rows = (gsize)a->dims[a->rank - 2], n = (gsize)a->dims[a->rank - 1], columns = (gsize)b->dims[b->rank - 1];
  LusWalk walk;
  int dims[LUS_TENSOR_MAX_RANK + 2];
  if ((gsize)b->dims[b->rank - 2] != n)
    return lus_onnx_invalid(error, "the matrices' sizes do not agree");
  if (!lus_walk_init(&walk, 2, batches, error))
    return FALSE;
  int rank = walk.rank;
  memcpy(dims, walk.dims, sizeof walk.dims);
  if (eval->in[0]->rank > 1)
    dims[rank++] = (int)rows;
  if (eval->in[1]->rank > 1)
    dims[rank++] = (int)columns;
  LusArray *y = lus_eval_new(eval, a->type, rank, dims, error);
  if (!lus_eval_give(eval, 0, y) || y->count == 0)
    return y != NULL;
  if (!lus_onnx_spend(eval->budget, (guint64)y->count * n, error))
    return FALSE;
  for (gsize k = 0; k < y->count; lus_walk_next(&walk)) {
    Matrix left = {a, walk.at[0] * rows * n, n, 1}, right = {b, walk.at[1] * n * columns, columns, 1};
    for (gsize i = 0; i < rows; i++)
      for (gsize j = 0; j < columns; j++)
        lus_array_set_real(y, k++, dot(&left, &right, i, j, n));
  }
  return TRUE;
}

static gboolean eval_mat_mul(LusEval *eval, GError **error)
{
  Factors factors;
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error))
    return FALSE;
  if (eval->in[0]->type != eval->in[1]->type || eval->in[0]->rank < 1 || eval->in[1]->rank < 1)
    return lus_onnx_invalid(error, "the factors are no matrices or vectors of one type");
  read_factors(&factors, eval->in[0], eval->in[1]);
  gboolean ok = mat_mul(eval, &factors, error);
  factors_clear(&factors);
  return ok;
}

/** alpha op(A) op(B) + beta C, C broadcast. */
static gboolean eval_gemm(LusEval *eval, GError **error)
{
  const LusArray *a = eval->in[0], *b = eval->in[1], *c = eval->in[2];
  float alpha = 1, beta = 1;
  int trans_a = 0, trans_b = 0;
  LusWalk walk;
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error) || !lus_onnx_get_float(eval->node, "alpha", &alpha, error) ||
      !lus_onnx_get_float(eval->node, "beta", &beta, error) ||
      !lus_onnx_get_int(eval->node, "transA", &trans_a, 0, 1, error) ||
      !lus_onnx_get_int(eval->node, "transB", &trans_b, 0, 1, error))
    return FALSE;
  if (a->rank != 2 || b->rank != 2 || a->dims[1 - trans_a] != b->dims[trans_b])
    return lus_onnx_invalid(error, "Gemm of other things than matrices that fit");
  const int dims[2] = {a->dims[trans_a], b->dims[1 - trans_b]};
  gsize n = (gsize)a->dims[1 - trans_a];
  LusArray *y = lus_eval_new(eval, a->type, 2, dims, error);
  if (!lus_eval_give(eval, 0, y) || !lus_onnx_spend(eval->budget, (guint64)y->count * n, error))
    return FALSE;
  const LusArray *const both[2] = {y, c ? c : y};
  if (!lus_walk_init(&walk, 2, both, error))
    return FALSE;
  if (walk.rank != 2 || walk.dims[0] != dims[0] || walk.dims[1] != dims[1])
    return lus_onnx_invalid(error, "C is larger than the product");
  Matrix left = {a, 0, trans_a ? 1 : (gsize)a->dims[1], trans_a ? (gsize)a->dims[1] : 1};
  Matrix right = {b, 0, trans_b ? 1 : (gsize)b->dims[1], trans_b ? (gsize)b->dims[1] : 1};
  for (gsize k = 0; k < y->count; k++, lus_walk_next(&walk)) {
    double sum = (double)alpha * dot(&left, &right, k / (gsize)dims[1], k % (gsize)dims[1], n);
    lus_array_set_real(y, k, sum + (c ? (double)beta * lus_array_real(c, walk.at[1]) : 0));
  }
  return TRUE;
}

const LusEvalOp lus_eval_matrix_ops[] = {
  {"MatMul", 2, 2, eval_mat_mul},
  {"Gemm", 2, 3, eval_gemm},
  {NULL, 0, 0, NULL},
};
