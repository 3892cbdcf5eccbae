/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Constants and their shapes: Constant, ConstantOfShape, Shape, Reshape, Flatten, Squeeze and Unsqueeze. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <string.h>

/* ---- Constant ---- */

static gboolean give_tensor(LusEval *eval, const LusOnnxAttribute *a, LusArray **array, GError **error)
{
  LusOnnxTensor tensor;
  g_autofree char *name = NULL;
  if (!a->has_tensor)
    return lus_onnx_invalid(error, "the attribute's tensor is missing");
  return lus_onnx_tensor_parse(&tensor, &name, &a->tensor, error) &&
         (*array = lus_array_read(&tensor, eval->budget, error)) != NULL;
}

static gboolean give_numbers(LusEval *eval, int type, int rank, int n, const gint64 *whole, const float *real,
                             GError **error)
{
  LusArray *array = lus_eval_new(eval, type, rank, &n, error);
  for (int i = 0; array && i < n; i++) {
    if (real)
      lus_array_set_real(array, (gsize)i, (double)real[i]);
    else
      lus_array_set_whole(array, (gsize)i, whole[i]);
  }
  return lus_eval_give(eval, 0, array);
}

/** The single attribute must be one that numbers or weights come in. */
static gboolean eval_constant(LusEval *eval, GError **error)
{
  if (eval->node->n_attributes != 1)
    return lus_onnx_invalid(error, "Constant needs exactly one value");
  LusOnnxAttribute *a = &eval->node->attributes[0];
  a->used = TRUE;
  if (g_str_equal(a->name, "value") && a->type == LUS_ATTRIBUTE_TENSOR)
    return give_tensor(eval, a, &eval->out[0], error);
  if (g_str_equal(a->name, "value_int") && a->type == LUS_ATTRIBUTE_INT)
    return give_numbers(eval, LUS_ONNX_INT64, 0, 1, &a->i, NULL, error);
  if (g_str_equal(a->name, "value_float") && a->type == LUS_ATTRIBUTE_FLOAT)
    return give_numbers(eval, LUS_ONNX_FLOAT, 0, 1, NULL, &a->f, error);
  if (g_str_equal(a->name, "value_ints") && a->type == LUS_ATTRIBUTE_INTS)
    return give_numbers(eval, LUS_ONNX_INT64, 1, a->n_ints, a->ints, NULL, error);
  if (g_str_equal(a->name, "value_floats") && a->type == LUS_ATTRIBUTE_FLOATS)
    return give_numbers(eval, LUS_ONNX_FLOAT, 1, a->n_floats, NULL, a->floats, error);
  return lus_onnx_unsupported(error, "Constant of a kind that is not supported");
}

/** Sizes as dims. */
static gboolean read_dims(int dims[LUS_TENSOR_MAX_RANK], const LusNumbers *shape, GError **error)
{
  if (shape->is_float || shape->n > LUS_TENSOR_MAX_RANK)
    return lus_onnx_invalid(error, "a shape is no vector of at most 8 whole numbers");
  for (int i = 0; i < shape->n; i++) {
    if (shape->i[i] < 0 || shape->i[i] > G_MAXINT)
      return lus_onnx_invalid(error, "a size that is impossible");
    dims[i] = (int)shape->i[i];
  }
  return TRUE;
}

static gboolean eval_constant_of_shape(LusEval *eval, GError **error)
{
  LusNumbers shape;
  int dims[LUS_TENSOR_MAX_RANK];
  gboolean ok = TRUE;
  g_autoptr(LusArray) value = NULL;
  const LusOnnxAttribute *a = lus_onnx_node_attribute(eval->node, "value", LUS_ATTRIBUTE_TENSOR, &ok, error);
  if (!ok || (a && !give_tensor(eval, a, &value, error)) || !lus_array_numbers(&shape, eval->in[0], error) ||
      !read_dims(dims, &shape, error))
    return FALSE;
  if (value && (value->count != 1 || value->type == LUS_ONNX_STRING))
    return lus_onnx_invalid(error, "its value is no single number");
  LusArray *y = lus_eval_new(eval, value ? value->type : LUS_ONNX_FLOAT, shape.n, dims, error);
  gsize size = y ? lus_type_size(y->type) : 0;
  for (gsize i = 0; value && y && i < y->count; i++)
    memcpy(y->data + i * size, value->data, size);
  return lus_eval_give(eval, 0, y);
}

/** From opset 15 on cut to start..end - 1. */
static gboolean eval_shape(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int start = 0, end = LUS_TENSOR_MAX_RANK;
  gint64 dims[LUS_TENSOR_MAX_RANK];
  if (!lus_onnx_get_int(eval->node, "start", &start, -G_MAXINT, G_MAXINT, error) ||
      !lus_onnx_get_int(eval->node, "end", &end, -G_MAXINT, G_MAXINT, error))
    return FALSE;
  start = CLAMP(start < 0 ? start + x->rank : start, 0, x->rank);
  end = CLAMP(end < 0 ? end + x->rank : end, start, x->rank);
  for (int d = start; d < end; d++)
    dims[d - start] = x->dims[d];
  return give_numbers(eval, LUS_ONNX_INT64, 1, end - start, dims, NULL, error);
}

/* ---- other shapes ---- */

/** 0 copies the input's size unless allowzero, -1 takes what is left. */
static gboolean eval_reshape(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  LusNumbers shape;
  int allow_zero = 0, open = -1, dims[LUS_TENSOR_MAX_RANK];
  gsize known;
  if (!lus_array_numbers(&shape, eval->in[1], error) ||
      !lus_onnx_get_int(eval->node, "allowzero", &allow_zero, 0, 1, error))
    return FALSE;
  for (int i = 0; i < shape.n; i++) {
    if (shape.i[i] == 0 && !allow_zero && i < x->rank)
      shape.i[i] = x->dims[i];
    if (shape.i[i] != -1)
      continue;
    if (open >= 0)
      return lus_onnx_invalid(error, "two sizes are left open");
    open = i;
    shape.i[i] = 1;
  }
  if (!read_dims(dims, &shape, error) || !lus_dims_count(&known, shape.n, dims, error))
    return FALSE;
  if (open >= 0 && known == 0)
    return lus_onnx_invalid(error, "a size is left open beside a size of 0");
  if (open >= 0)
    dims[open] = (int)(x->count / known);
  return lus_eval_reshape(eval, shape.n, dims, error);
}

static gboolean eval_flatten(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int axis = 1;
  gsize rows, columns;
  if (!lus_onnx_get_int(eval->node, "axis", &axis, -x->rank, x->rank, error))
    return FALSE;
  axis += axis < 0 ? x->rank : 0;
  if (!lus_dims_count(&rows, axis, x->dims, error) ||
      !lus_dims_count(&columns, x->rank - axis, x->dims + axis, error))
    return FALSE;
  const int dims[2] = {(int)rows, (int)columns};
  return lus_eval_reshape(eval, 2, dims, error);
}

/** A bit for each axis of input 1 or, before opset 13, of the attribute: one of the input's or, when axes are inserted,
 * of the result's. */
static gboolean read_axes(LusEval *eval, gboolean inserting, unsigned *axes, gboolean *given, int *n, GError **error)
{
  LusNumbers numbers;
  if (!lus_eval_numbers(eval, &numbers, given, 1, "axes", error))
    return FALSE;
  *axes = 0;
  *n = numbers.n;
  int rank = eval->in[0]->rank + (inserting ? numbers.n : 0);
  if (numbers.is_float)
    return lus_onnx_invalid(error, "axes must be whole numbers");
  if (rank > LUS_TENSOR_MAX_RANK)
    return lus_onnx_unsupported(error, "more than 8 dimensions");
  for (int k = 0; k < numbers.n; k++) {
    int d;
    if (!lus_eval_axis(&d, numbers.i[k], rank, error))
      return FALSE;
    if (*axes >> d & 1)
      return lus_onnx_invalid(error, "an axis twice");
    *axes |= 1u << d;
  }
  return TRUE;
}

/** Without axes all dimensions of size 1 go. */
static gboolean eval_squeeze(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int dims[LUS_TENSOR_MAX_RANK], n, rank = 0;
  unsigned axes;
  gboolean given;
  if (!read_axes(eval, FALSE, &axes, &given, &n, error))
    return FALSE;
  for (int d = 0; d < x->rank; d++) {
    gboolean removed = given ? axes >> d & 1 : x->dims[d] == 1;
    if (removed && x->dims[d] != 1)
      return lus_onnx_invalid(error, "Squeeze of a dimension that is not 1");
    if (!removed)
      dims[rank++] = x->dims[d];
  }
  return lus_eval_reshape(eval, rank, dims, error);
}

static gboolean eval_unsqueeze(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int dims[LUS_TENSOR_MAX_RANK], n;
  unsigned axes;
  gboolean given;
  if (!read_axes(eval, TRUE, &axes, &given, &n, error))
    return FALSE;
  for (int d = 0, from = 0; d < x->rank + n; d++)
    dims[d] = axes >> d & 1 ? 1 : x->dims[from++];
  return lus_eval_reshape(eval, x->rank + n, dims, error);
}

const LusEvalOp lus_eval_shape_ops[] = {
  {"Constant", 0, 0, eval_constant},
  {"ConstantOfShape", 1, 1, eval_constant_of_shape},
  {"Shape", 1, 1, eval_shape},
  {"Reshape", 2, 2, eval_reshape},
  {"Flatten", 1, 1, eval_flatten},
  {"Squeeze", 1, 2, eval_squeeze},
  {"Unsqueeze", 1, 2, eval_unsqueeze},
  {NULL, 0, 0, NULL},
};
