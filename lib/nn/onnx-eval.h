/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "onnx-array.h"

/** Operators on constants: every operator of docs/operators.md, on tensors of any rank, as
 * https://onnx.ai/onnx/operators/ defines them for opsets 9 to 21. Elements are computed in double precision and rounded
 * to the result's type. */

/** One node being worked out. */
typedef struct {
  LusOnnxNode *node;
  int opset;
  LusOnnxBudget *budget;
  const LusArray *in[LUS_ONNX_MAX_INPUTS]; /* NULL where absent */
  LusArray *out[LUS_ONNX_MAX_OUTPUTS];     /* NULL where there is no such result */
} LusEval;

typedef struct {
  const char *type;
  int min_inputs, max_inputs;
  gboolean (*run)(LusEval *eval, GError **error);
} LusEvalOp;

/** The operator, or NULL. */
const LusEvalOp *lus_eval_find(const LusOnnxNode *node);

/** Works out @eval->node, whose inputs are all there, into @eval->out, which the caller frees, also after an error.
 * Errors tell the problem only. An attribute nobody asked for is an error. */
gboolean lus_eval_run(LusEval *eval, GError **error);
void lus_eval_clear(LusEval *eval);

/* ---- for the operators ---- */

/** A result of these dims, counted as so many elements of work. */
LusArray *lus_eval_new(LusEval *eval, int type, int rank, const int *dims, GError **error);
/** Result @i; takes @array over. FALSE if it is NULL. */
gboolean lus_eval_give(LusEval *eval, int i, LusArray *array);
/** Input 0 with other dims, of as many elements. */
gboolean lus_eval_reshape(LusEval *eval, int rank, const int *dims, GError **error);
/** Axis @axis of @rank dimensions, negative ones from the end. */
gboolean lus_eval_axis(int *out, gint64 axis, int rank, GError **error);
/** The numbers of input @i or, where it is absent, of the attribute @name (NULL: none); @given tells whether there was
 * either. */
gboolean lus_eval_numbers(LusEval *eval, LusNumbers *out, gboolean *given, int i, const char *name, GError **error);
/** The single number of input @i, or @value as it is where the input is absent. */
gboolean lus_eval_number(const LusEval *eval, double *value, int i, GError **error);
/** Real numbers in those of the first @n inputs that there are; else an error. */
gboolean lus_eval_need_real(const LusEval *eval, int n, GError **error);

/** Product of dims first..end-1, of an array that is not empty. */
static inline gsize lus_array_span(const LusArray *array, int first, int end)
{
  gsize n = 1;
  for (int i = first; i < end; i++)
    n *= (gsize)array->dims[i];
  return n;
}

#define LUS_WALK_MAX 3

/** A walk over all indices of a shape, the last dimension fastest, with the places of up to three arrays' elements. */
typedef struct {
  int rank, dims[LUS_TENSOR_MAX_RANK], index[LUS_TENSOR_MAX_RANK];
  int n;
  gsize stride[LUS_WALK_MAX][LUS_TENSOR_MAX_RANK]; /* 0 where an array is repeated */
  gsize at[LUS_WALK_MAX];
} LusWalk;

/** The shape that @arrays become together: dimensions agree, counted from the last, or are 1. */
gboolean lus_walk_init(LusWalk *walk, int n, const LusArray *const *arrays, GError **error);
void lus_walk_next(LusWalk *walk);

/** y[i][j]... = x[from[0][i]][from[1][j]]..., or @fill's element where an index is -1. */
typedef struct {
  int *from[LUS_TENSOR_MAX_RANK]; /* of x's dimension; by the dimension of y */
  int axis[LUS_TENSOR_MAX_RANK];  /* which one of x that is; -1: none, repeated */
} LusPick;
/** Room for the indices of y's @dims; each axis is its own, each index its own place. */
gboolean lus_pick_init(LusPick *pick, int rank, const int *dims, GError **error);
void lus_pick_clear(LusPick *pick);
void lus_pick_run(LusArray *y, const LusArray *x, const LusPick *pick, const LusArray *fill);

/** The families: each table ends with type NULL. */
extern const LusEvalOp lus_eval_pointwise_ops[], lus_eval_convert_ops[], lus_eval_move_ops[], lus_eval_shape_ops[],
    lus_eval_window_ops[], lus_eval_norm_ops[], lus_eval_matrix_ops[], lus_eval_resize_ops[];
