/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators on activations that move elements or change shapes; run forward only. A tensor of fewer than four
 * dimensions has the last ones of a value's four. */
#include "nn/error.h"
#include "nn/onnx-build.h"
#include "nn/ops.h"

#include <string.h>

/* ---- moving elements ---- */

/** Of pictures and constants. */
static gboolean build_concat(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int inputs[LUS_NODE_MAX_INPUTS], axis = 0, rank = 0;
  if (lus_onnx_is_stack(builder, node))
    return lus_onnx_join_stacks(builder, node, error);
  for (int k = 0; k < node->n_inputs; k++) {
    if (!lus_onnx_operand(builder, node, k, &inputs[k], error))
      return FALSE;
    rank = MAX(rank, lus_onnx_rank(builder, node, k));
  }
  return lus_onnx_get_int(node, "axis", &axis, -4, 3, error) && lus_onnx_dimension(axis, rank, &attrs.axis, error) &&
         lus_onnx_emit(builder, node, LUS_OP_CONCAT, node->n_inputs, inputs, &attrs, error);
}

/** One axis of Slice: Python's start:end:step, but that backwards a start before the first element is the first. */
static gboolean slice_axis(LusOpAttrs *attrs, int dimension, int size, gint64 start, gint64 end, gint64 step,
                           GError **error)
{
  if (step == 0 || step > G_MAXINT16 || step < -G_MAXINT16)
    return lus_onnx_invalid(error, "a step that is impossible");
  gint64 low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  start = CLAMP(start < 0 ? MAX(start, -G_MAXINT) + size : start, 0, high);
  end = CLAMP(end < 0 ? MAX(end, -G_MAXINT) + size : end, low, high);
  gint64 n = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
  if (n < 1)
    return lus_onnx_unsupported(error, "an empty slice");
  attrs->begin[dimension] = (int)start;
  attrs->step[dimension] = (int)step;
  attrs->size[dimension] = (int)n;
  return TRUE;
}

/** starts, ends, axes, steps: inputs from opset 10 on, before that attributes. */
static gboolean build_slice(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  static const char *const names[4] = {"starts", "ends", "axes", "steps"};
  LusNumbers given[4];
  int x;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error))
    return FALSE;
  for (int i = 0; i < 4; i++)
    if (!lus_onnx_read_numbers(builder, node, i + 1, names[i], &given[i], error))
      return FALSE;
  int n = given[0].n, rank = lus_onnx_rank(builder, node, 0);
  if (n > 4 || given[1].n != n || (given[2].n && given[2].n != n) || (given[3].n && given[3].n != n))
    return lus_onnx_invalid(error, "starts, ends, axes and steps have different lengths");
  memcpy(attrs.size, shape_of(builder, x), sizeof attrs.size);
  for (int k = 0; k < n; k++) {
    int d;
    if (!lus_onnx_dimension(given[2].n ? given[2].i[k] : k, rank, &d, error) ||
        !slice_axis(&attrs, d, shape_of(builder, x)[d], given[0].i[k], given[1].i[k], given[3].n ? given[3].i[k] : 1,
                    error))
      return FALSE;
  }
  return lus_onnx_emit(builder, node, LUS_OP_SLICE, 1, &x, &attrs, error);
}

/** pads: an input from opset 11 on, before that an attribute. Opset 18 may give them for some axes alone. */
static gboolean read_pads(LusOpAttrs *attrs, LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers pads, axes;
  int rank = lus_onnx_rank(builder, node, 0);
  if (!lus_onnx_read_numbers(builder, node, 1, "pads", &pads, error) ||
      !lus_onnx_read_numbers(builder, node, 3, NULL, &axes, error))
    return FALSE;
  int n = lus_onnx_node_input(node, 3) ? axes.n : rank;
  if (pads.is_float || axes.is_float || pads.n != 2 * n)
    return lus_onnx_invalid(error, "pads are no two whole numbers per dimension");
  for (int i = 0; i < n; i++) {
    int d;
    if (!lus_onnx_dimension(lus_onnx_node_input(node, 3) ? axes.i[i] : i, rank, &d, error))
      return FALSE;
    attrs->begin[d] = (int)CLAMP(pads.i[i], -G_MAXINT, G_MAXINT);
    attrs->end[d] = (int)CLAMP(pads.i[n + i], -G_MAXINT, G_MAXINT);
  }
  return TRUE;
}

static gboolean build_pad(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  const char *mode = lus_onnx_get_string(node, "mode", "constant", error);
  if (!mode || !lus_onnx_activation(builder, node, 0, &x, error) || !read_pads(&attrs, builder, node, error) ||
      !lus_onnx_get_float(node, "value", &attrs.alpha, error) ||
      !lus_onnx_read_limit(builder, node, 2, &attrs.alpha, error))
    return FALSE;
  attrs.pad_mode = g_str_equal(mode, "reflect") ? LUS_PAD_REFLECT
                   : g_str_equal(mode, "edge")  ? LUS_PAD_EDGE
                                                : LUS_PAD_CONSTANT;
  if (attrs.pad_mode == LUS_PAD_CONSTANT && !g_str_equal(mode, "constant"))
    return lus_onnx_unsupported(error, "Pad in another mode than constant, reflect or edge");
  return lus_onnx_emit(builder, node, LUS_OP_PAD, 1, &x, &attrs, error);
}

static gboolean build_transpose(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x, order[4];
  if (!lus_onnx_activation(builder, node, 0, &x, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  for (int i = 0; i < rank; i++)
    order[i] = rank - 1 - i;
  if (!lus_onnx_get_ints(node, "perm", order, rank, 0, rank - 1, error))
    return FALSE;
  for (int i = 0; i < rank; i++)
    attrs.permutation[4 - rank + i] = 4 - rank + order[i];
  return lus_onnx_emit(builder, node, LUS_OP_TRANSPOSE, 1, &x, &attrs, error);
}

/* ---- shapes ---- */

/** 0 copies the input's size, -1 takes what is left. */
gboolean lus_onnx_build_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers shape;
  int x, size[4] = {1, 1, 1, 1}, open = -1;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_numbers(builder, node, 1, &shape, error) ||
      !lus_onnx_need_size(builder, error))
    return FALSE;
  const int *in = shape_of(builder, x);
  int rank = lus_onnx_rank(builder, node, 0), extra = MAX(shape.n - 4, 0);
  gint64 total = (gint64)in[1] * in[2] * in[3], known = 1;
  for (int i = 0; i < shape.n; i++) {
    gint64 n = shape.i[i] == 0 && i < rank ? in[4 - rank + i] : shape.i[i];
    if (n < -1 || n == 0 || n > total || (n == -1 && open >= 0) || (i < extra && n != 1))
      return lus_onnx_unsupported(error, "Reshape to a shape that is impossible or has more than 4 dimensions");
    if (n == -1)
      open = 4 - shape.n + i;
    if (i >= extra)
      size[4 - shape.n + i] = n == -1 ? 1 : (int)n;
    if (known > total / MAX(n, 1))
      return lus_onnx_invalid(error, "Reshape to a shape of more elements");
    known *= MAX(n, 1);
  }
  if (open >= 0)
    size[open] = (int)(total / known);
  return lus_onnx_emit_reshape(builder, node, x, size, MIN(shape.n, 4), error);
}

static gboolean build_flatten(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int x, axis = 1, size[4] = {1, 1, 1, 1};
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_get_int(node, "axis", &axis, -4, 4, error) ||
      !lus_onnx_need_size(builder, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  if (axis < -rank || axis > rank)
    return lus_onnx_invalid(error, "an axis that is not there");
  int first = axis < 0 ? axis + 4 : axis + 4 - rank;
  for (int i = 0; i < 4; i++)
    size[i < first ? 2 : 3] *= shape_of(builder, x)[i];
  return lus_onnx_emit_reshape(builder, node, x, size, 2, error);
}

/** Without axes all dimensions of size 1 go. */
static gboolean build_squeeze(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers axes;
  int x, size[4] = {1, 1, 1, 1}, left = 0;
  unsigned removed = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error) ||
      !lus_onnx_read_numbers(builder, node, 1, "axes", &axes, error))
    return FALSE;
  const int *in = shape_of(builder, x);
  int rank = lus_onnx_rank(builder, node, 0);
  for (int k = 0; k < axes.n; k++) {
    int d;
    if (!lus_onnx_dimension(axes.i[k], rank, &d, error))
      return FALSE;
    if (in[d] != 1)
      return lus_onnx_invalid(error, "Squeeze of a dimension that is not 1");
    removed |= 1u << d;
  }
  for (int i = 3, to = 3; i >= 4 - rank; i--)
    if (axes.n ? !(removed >> i & 1) : in[i] != 1) {
      size[to--] = in[i];
      left++;
    }
  return lus_onnx_emit_reshape(builder, node, x, size, left, error);
}

static gboolean build_unsqueeze(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers axes;
  int x, size[4] = {1, 1, 1, 1};
  unsigned inserted = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) ||
      !lus_onnx_read_numbers(builder, node, 1, "axes", &axes, error))
    return FALSE;
  if (lus_onnx_stacks(builder, node, &axes))
    return lus_onnx_define_stack(builder, node, x, error);
  if (!lus_onnx_need_size(builder, error))
    return FALSE;
  int old = lus_onnx_rank(builder, node, 0), rank = old + axes.n;
  if (rank > 4)
    return lus_onnx_unsupported(error, "more than 4 dimensions");
  for (int k = 0; k < axes.n; k++) {
    int d;
    if (!lus_onnx_dimension(axes.i[k], rank, &d, error))
      return FALSE;
    if (inserted >> d & 1)
      return lus_onnx_invalid(error, "an axis twice");
    inserted |= 1u << d;
  }
  for (int i = 4 - rank, from = 4 - old; i < 4; i++)
    if (!(inserted >> i & 1))
      size[i] = shape_of(builder, x)[from++];
  return lus_onnx_emit_reshape(builder, node, x, size, rank, error);
}

/** Split: a Slice for every output that has a name. */
static gboolean build_split(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  LusNumbers parts;
  int x, axis = 0, d, n = 0;
  gboolean ok = TRUE;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error) ||
      !lus_onnx_get_int(node, "axis", &axis, -4, 3, error) ||
      !lus_onnx_get_int(node, "num_outputs", &n, 1, LUS_ONNX_MAX_OUTPUTS, error) ||
      !lus_onnx_dimension(axis, lus_onnx_rank(builder, node, 0), &d, error) ||
      !lus_onnx_read_numbers(builder, node, 1, "split", &parts, error))
    return FALSE;
  if (parts.n && parts.n != node->n_outputs)
    return lus_onnx_invalid(error, "split has another length than there are outputs");
  memcpy(attrs.size, shape_of(builder, x), sizeof attrs.size);
  int size = attrs.size[d], share = (size + node->n_outputs - 1) / node->n_outputs;
  char *first = node->outputs[0];
  for (int k = 0; k < node->n_outputs && ok; k++) {
    gint64 part = parts.n ? parts.i[k] : MIN(share, size - attrs.begin[d]);
    if (part < 1 || part > size - attrs.begin[d]) {
      ok = lus_onnx_unsupported(error, "Split into parts that are empty or too large");
      break;
    }
    attrs.size[d] = (int)part;
    node->outputs[0] = node->outputs[k];
    if (*node->outputs[k])
      ok = lus_onnx_emit(builder, node, LUS_OP_SLICE, 1, &x, &attrs, error);
    if (k == 0)
      node->outputs[0] = first;
    attrs.begin[d] += (int)part;
  }
  node->outputs[0] = first;
  return ok;
}

/* ---- types and shapes as results ---- */

/** The shape is a constant; from opset 15 on cut to start..end - 1. */
static gboolean build_shape(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int start = 0, end = LUS_TENSOR_MAX_RANK, value;
  if (!lus_onnx_get_int(node, "start", &start, -G_MAXINT, G_MAXINT, error) ||
      !lus_onnx_get_int(node, "end", &end, -G_MAXINT, G_MAXINT, error) ||
      !lus_onnx_activation(builder, node, 0, &value, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  start = CLAMP(start < 0 ? start + rank : start, 0, rank);
  end = CLAMP(end < 0 ? end + rank : end, start, rank);
  int n = end - start;
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_CONSTANT);
  symbol->shape_of = n == 4 ? value : -1;
  if (builder->sized) {
    symbol->array = lus_array_new(LUS_ONNX_INT64, 1, &n, &builder->budget, error);
    if (!symbol->array) {
      lus_symbol_free(symbol);
      return FALSE;
    }
    for (int i = 0; i < n; i++)
      lus_array_set_whole(symbol->array, (gsize)i, shape_of(builder, value)[4 - rank + start + i]);
  }
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

/** Activations are float32 and stay so. */
static gboolean build_cast(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int to = 0, saturate = 1;
  if (!lus_onnx_get_int(node, "to", &to, 1, 32, error) ||
      !lus_onnx_get_int(node, "saturate", &saturate, 0, 1, error))
    return FALSE;
  if (to != LUS_ONNX_FLOAT)
    return lus_onnx_unsupported(error, "Cast of a picture to another type than float");
  return lus_onnx_define_alias(builder, node, 0, error);
}

/** Dimensions of size 1 are repeated up to the shape's. */
static gboolean build_expand(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  LusNumbers shape;
  int x;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error) ||
      !lus_onnx_numbers(builder, node, 1, &shape, error))
    return FALSE;
  if (shape.is_float || shape.n > 4)
    return lus_onnx_unsupported(error, "Expand to more than 4 dimensions");
  memcpy(attrs.size, shape_of(builder, x), sizeof attrs.size);
  for (int i = 0; i < shape.n; i++) {
    int d = 4 - shape.n + i;
    gboolean fits = shape.i[i] == 1 || attrs.size[d] == 1 || shape.i[i] == attrs.size[d];
    if (shape.i[i] < 1 || shape.i[i] > G_MAXINT || !fits)
      return lus_onnx_invalid(error, "a shape that the input cannot be expanded to");
    attrs.size[d] = MAX(attrs.size[d], (int)shape.i[i]);
  }
  if (!lus_onnx_emit(builder, node, LUS_OP_EXPAND, 1, &x, &attrs, error))
    return FALSE;
  lus_onnx_set_rank(builder, node, MAX(lus_onnx_rank(builder, node, 0), shape.n));
  return TRUE;
}

const LusOnnxOp lus_onnx_move_ops[] = {
  {"Concat", 1, LUS_ONNX_MAX_INPUTS, build_concat},
  {"Slice", 1, 5, build_slice},
  {"Split", 1, 2, build_split},
  {"Pad", 1, 4, build_pad},
  {"Transpose", 1, 1, build_transpose},
  {"Flatten", 1, 1, build_flatten},
  {"Squeeze", 1, 2, build_squeeze},
  {"Unsqueeze", 1, 2, build_unsqueeze},
  {"Expand", 2, 2, build_expand},
  {"Shape", 1, 1, build_shape},
  {"Cast", 1, 1, build_cast},
  {NULL, 0, 0, NULL},
};
