/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operators on constants share. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <string.h>

static const LusEvalOp *const families[] = {
  lus_eval_pointwise_ops, lus_eval_convert_ops, lus_eval_move_ops,   lus_eval_shape_ops,
  lus_eval_window_ops,    lus_eval_norm_ops,    lus_eval_matrix_ops, lus_eval_resize_ops,
};

const LusEvalOp *lus_eval_find(const LusOnnxNode *node)
{
  if (*node->domain && !g_str_equal(node->domain, "ai.onnx"))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(families); i++)
    for (const LusEvalOp *op = families[i]; op->type; op++)
      if (g_str_equal(op->type, node->type))
        return op;
  return NULL;
}

gboolean lus_eval_run(LusEval *eval, GError **error)
{
  const LusOnnxNode *node = eval->node;
  const LusEvalOp *op = lus_eval_find(node);
  if (!op) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "operator %s on constants is not supported", node->type);
    return FALSE;
  }
  if (node->n_inputs < op->min_inputs || node->n_inputs > op->max_inputs) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "it has %d inputs; %d to %d are possible", node->n_inputs,
                op->min_inputs, op->max_inputs);
    return FALSE;
  }
  for (int i = 0; i < op->min_inputs; i++)
    if (!eval->in[i])
      return lus_onnx_invalid(error, "an input is missing");
  if (!op->run(eval, error))
    return FALSE;
  const char *unused = lus_onnx_node_unused_attribute(node);
  if (unused)
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "attribute '%s' is not known", unused);
  return !unused;
}

void lus_eval_clear(LusEval *eval)
{
  for (int i = 0; i < LUS_ONNX_MAX_OUTPUTS; i++)
    g_clear_pointer(&eval->out[i], lus_array_free);
}

/* ---- results ---- */

LusArray *lus_eval_new(LusEval *eval, int type, int rank, const int *dims, GError **error)
{
  g_autoptr(LusArray) array = lus_array_new(type, rank, dims, eval->budget, error);
  return array && lus_onnx_spend(eval->budget, array->count, error) ? g_steal_pointer(&array) : NULL;
}

gboolean lus_eval_give(LusEval *eval, int i, LusArray *array)
{
  lus_array_free(eval->out[i]);
  eval->out[i] = array;
  return array != NULL;
}

gboolean lus_eval_reshape(LusEval *eval, int rank, const int *dims, GError **error)
{
  gsize count;
  if (!lus_dims_count(&count, rank, dims, error))
    return FALSE;
  if (count != eval->in[0]->count)
    return lus_onnx_invalid(error, "the new shape has another number of elements");
  return lus_eval_give(eval, 0, lus_array_share(eval->in[0], rank, dims));
}

/* ---- arguments ---- */

gboolean lus_eval_axis(int *out, gint64 axis, int rank, GError **error)
{
  if (axis < -rank || axis >= rank)
    return lus_onnx_invalid(error, "an axis that is not there");
  *out = (int)(axis < 0 ? axis + rank : axis);
  return TRUE;
}

gboolean lus_eval_numbers(LusEval *eval, LusNumbers *out, gboolean *given, int i, const char *name, GError **error)
{
  gboolean ok = TRUE;
  *out = (LusNumbers){.rank = 1};
  *given = eval->in[i] != NULL;
  if (*given)
    return lus_array_numbers(out, eval->in[i], error);
  const LusOnnxAttribute *a =
      name ? lus_onnx_node_attribute(eval->node, name, LUS_ATTRIBUTE_INTS, &ok, error) : NULL;
  if (a) {
    *given = TRUE;
    out->n = a->n_ints;
    memcpy(out->i, a->ints, sizeof out->i);
  }
  return ok;
}

gboolean lus_eval_number(const LusEval *eval, double *value, int i, GError **error)
{
  const LusArray *array = eval->in[i];
  if (!array)
    return TRUE;
  if (array->count != 1 || array->type == LUS_ONNX_STRING)
    return lus_onnx_invalid(error, "a single number is expected");
  *value = lus_array_real(array, 0);
  return TRUE;
}

gboolean lus_eval_need_real(const LusEval *eval, int n, GError **error)
{
  for (int i = 0; i < n; i++)
    if (eval->in[i] && !lus_type_is_real(eval->in[i]->type)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "a constant of ONNX data type %d where real numbers are "
                  "expected", eval->in[i]->type);
      return FALSE;
    }
  return TRUE;
}

/* ---- walks ---- */

gboolean lus_walk_init(LusWalk *walk, int n, const LusArray *const *arrays, GError **error)
{
  *walk = (LusWalk){.n = n};
  for (int k = 0; k < n; k++)
    walk->rank = MAX(walk->rank, arrays[k]->rank);
  for (int d = 0; d < walk->rank; d++)
    walk->dims[d] = 1;
  for (int k = 0; k < n; k++)
    for (int i = 0, d = walk->rank - arrays[k]->rank; d < walk->rank; i++, d++)
      if (arrays[k]->dims[i] != 1) {
        if (walk->dims[d] != 1 && walk->dims[d] != arrays[k]->dims[i])
          return lus_onnx_invalid(error, "the inputs' shapes do not agree");
        walk->dims[d] = arrays[k]->dims[i];
      }
  for (int k = 0; k < n; k++) {
    gsize step = 1;
    for (int i = arrays[k]->rank - 1, d = walk->rank - 1; i >= 0; i--, d--) {
      walk->stride[k][d] = arrays[k]->dims[i] == 1 ? 0 : step;
      step *= (gsize)arrays[k]->dims[i];
    }
  }
  return TRUE;
}

void lus_walk_next(LusWalk *walk)
{
  for (int d = walk->rank - 1; d >= 0; d--) {
    for (int k = 0; k < walk->n; k++)
      walk->at[k] += walk->stride[k][d];
    if (++walk->index[d] < walk->dims[d])
      return;
    for (int k = 0; k < walk->n; k++)
      walk->at[k] -= walk->stride[k][d] * (gsize)walk->dims[d];
    walk->index[d] = 0;
  }
}

/* ---- picks ---- */

gboolean lus_pick_init(LusPick *pick, int rank, const int *dims, GError **error)
{
  *pick = (LusPick){0};
  for (int d = 0; d < rank; d++) {
    pick->axis[d] = d;
    pick->from[d] = g_try_new(int, MAX(dims[d], 1));
    if (!pick->from[d]) {
      lus_pick_clear(pick);
      g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory: %d indices", dims[d]);
      return FALSE;
    }
    for (int i = 0; i < dims[d]; i++)
      pick->from[d][i] = i;
  }
  return TRUE;
}

void lus_pick_clear(LusPick *pick)
{
  for (int d = 0; d < LUS_TENSOR_MAX_RANK; d++)
    g_clear_pointer(&pick->from[d], g_free);
}

void lus_pick_run(LusArray *y, const LusArray *x, const LusPick *pick, const LusArray *fill)
{
  gsize size = lus_type_size(y->type), stride[LUS_TENSOR_MAX_RANK];
  int index[LUS_TENSOR_MAX_RANK] = {0};
  for (int d = 0; d < y->rank; d++)
    stride[d] = pick->axis[d] < 0 ? 0 : lus_array_span(x, pick->axis[d] + 1, x->rank);
  for (gsize i = 0; i < y->count; i++) {
    gsize at = 0;
    gboolean inside = TRUE;
    for (int d = 0; d < y->rank; d++) {
      int from = pick->from[d][index[d]];
      inside &= from >= 0;
      at += (gsize)MAX(from, 0) * stride[d];
    }
    memcpy(y->data + i * size, inside ? x->data + at * size : fill->data, size);
    for (int d = y->rank - 1; d >= 0 && ++index[d] == y->dims[d]; d--)
      index[d] = 0;
  }
}
