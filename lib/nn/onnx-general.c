/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators that run forward only, as https://onnx.ai/onnx/operators/ defines them for opsets 11 to 21. A tensor of
 * fewer than four dimensions has the last ones of a value's four: axis a of rank r is dimension 4 - r + a. */
#include "nn/error.h"
#include "nn/onnx-build.h"
#include "nn/ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

/** The dimension of axis @axis; FALSE with an error if a tensor of @rank has none such. */
static gboolean dimension_of(gint64 axis, int rank, int *dimension, GError **error)
{
  if (axis < -rank || axis >= rank)
    return invalid(error, "an axis that is not there");
  *dimension = (int)(axis < 0 ? axis + 4 : axis + 4 - rank);
  return TRUE;
}

/** The operator of this ONNX name that runs forward only. */
static LusOpType type_of(const LusOnnxNode *node)
{
  int type = LUS_OP_RESIZE + 1;
  while (!g_str_equal(lus_op_name((LusOpType)type), node->type))
    type++;
  return (LusOpType)type;
}

gboolean lus_onnx_build_binary(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int inputs[2];
  if (lus_onnx_is_constant(builder, node, 0) && lus_onnx_is_constant(builder, node, 1))
    return unsupported(error, "arithmetic of this kind on constants");
  return lus_onnx_operand(builder, node, 0, &inputs[0], error) &&
         lus_onnx_operand(builder, node, 1, &inputs[1], error) &&
         lus_onnx_emit(builder, node, type_of(node), 2, inputs, NULL, error);
}

static gboolean build_unary(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  LusOpType type = type_of(node);
  if (type == LUS_OP_LEAKY_RELU)
    attrs.alpha = 0.01f;
  if (type == LUS_OP_HARD_SIGMOID) {
    attrs.alpha = 0.2f;
    attrs.beta = 0.5f;
  }
  gboolean slope = type == LUS_OP_LEAKY_RELU || type == LUS_OP_HARD_SIGMOID;
  return lus_onnx_activation(builder, node, 0, &x, error) &&
         (!slope || lus_onnx_get_float(node, "alpha", &attrs.alpha, error)) &&
         (type != LUS_OP_HARD_SIGMOID || lus_onnx_get_float(node, "beta", &attrs.beta, error)) &&
         lus_onnx_emit(builder, node, type, 1, &x, &attrs, error);
}

static gboolean read_limit(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i, float *limit, GError **error)
{
  LusNumbers numbers;
  if (!lus_onnx_node_input(node, i))
    return TRUE;
  if (!lus_onnx_numbers(builder, node, i, &numbers, error))
    return FALSE;
  if (!numbers.is_float || numbers.n != 1)
    return invalid(error, "a limit is no single number");
  *limit = (float)numbers.f[0];
  return TRUE;
}

static gboolean build_clip(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  attrs.alpha = -FLT_MAX;
  attrs.beta = FLT_MAX;
  return lus_onnx_activation(builder, node, 0, &x, error) &&
         read_limit(builder, node, 1, &attrs.alpha, error) && read_limit(builder, node, 2, &attrs.beta, error) &&
         lus_onnx_emit(builder, node, LUS_OP_CLIP, 1, &x, &attrs, error);
}

/** Before opset 13 all dimensions from the axis on, and axis 1 was the default. */
static gboolean build_softmax(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  gboolean whole = builder->opset < 13;
  int x, axis = whole ? 1 : -1, dimension;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_get_int(node, "axis", &axis, -4, 3, error) ||
      !dimension_of(axis, lus_onnx_rank(builder, node, 0), &dimension, error))
    return FALSE;
  for (int i = dimension; i < (whole ? 4 : dimension + 1); i++)
    attrs.axes |= 1u << i;
  return lus_onnx_emit(builder, node, LUS_OP_SOFTMAX, 1, &x, &attrs, error);
}

/* ---- means ---- */

/** Emits a Reshape of @value to the last @rank dimensions of @size. */
static gboolean emit_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, int value, const int size[4], int rank,
                             GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  memcpy(attrs.size, size, sizeof attrs.size);
  if (!lus_onnx_emit(builder, node, LUS_OP_RESHAPE, 1, &value, &attrs, error))
    return FALSE;
  lus_onnx_set_rank(builder, node, rank);
  return TRUE;
}

/** Axes as input 1 (opset 18) or as an attribute; none: all. */
static gboolean read_reduced(const LusOnnxBuilder *builder, LusOnnxNode *node, int rank, unsigned *axes,
                             GError **error)
{
  gboolean ok = TRUE;
  LusNumbers numbers = {.rank = 1};
  const LusOnnxAttribute *a = lus_onnx_node_attribute(node, "axes", LUS_ATTRIBUTE_INTS, &ok, error);
  if (a) {
    numbers.n = a->n_ints;
    memcpy(numbers.i, a->ints, sizeof numbers.i);
  }
  if (!ok || (lus_onnx_node_input(node, 1) && !lus_onnx_numbers(builder, node, 1, &numbers, error)))
    return FALSE;
  for (int k = 0; k < numbers.n; k++) {
    int dimension;
    if (!dimension_of(numbers.i[k], rank, &dimension, error))
      return FALSE;
    *axes |= 1u << dimension;
  }
  for (int i = 4 - rank; numbers.n == 0 && i < 4; i++)
    *axes |= 1u << i;
  return TRUE;
}

static gboolean build_reduce_mean(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x, mean, keep = 1, idle = 0, size[4] = {1, 1, 1, 1}, left = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_get_int(node, "keepdims", &keep, 0, 1, error) ||
      !lus_onnx_get_int(node, "noop_with_empty_axes", &idle, 0, 0, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  if (!read_reduced(builder, node, rank, &attrs.axes, error))
    return FALSE;
  if (keep)
    return lus_onnx_emit(builder, node, LUS_OP_REDUCE_MEAN, 1, &x, &attrs, error);
  if (!lus_onnx_need_size(builder, error) ||
      !lus_onnx_add(builder, node, "/mean", LUS_OP_REDUCE_MEAN, 1, &x, &attrs, &mean, error))
    return FALSE;
  for (int i = 3, to = 3; i >= 4 - rank; i--)
    if (!(attrs.axes >> i & 1)) {
      size[to--] = shape_of(builder, x)[i];
      left++;
    }
  return emit_reshape(builder, node, mean, size, left, error);
}

static gboolean build_global_average(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  attrs.axes = 1u << 2 | 1u << 3;
  return lus_onnx_picture(builder, node, 0, &x, error) &&
         lus_onnx_emit(builder, node, LUS_OP_REDUCE_MEAN, 1, &x, &attrs, error);
}

static gboolean build_average_pool(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  attrs.kernel[0] = 0;
  if (!lus_onnx_picture(builder, node, 0, &x, error) ||
      !lus_onnx_get_ints(node, "kernel_shape", attrs.kernel, 2, 1, MAX_WINDOW, error) ||
      !lus_onnx_get_int(node, "ceil_mode", &attrs.ceil_mode, 0, 1, error) ||
      !lus_onnx_get_int(node, "count_include_pad", &attrs.count_pad, 0, 1, error))
    return FALSE;
  if (attrs.kernel[0] == 0)
    return invalid(error, "kernel_shape is missing");
  return lus_onnx_read_window(&attrs, builder, node, x, error) &&
         lus_onnx_emit(builder, node, LUS_OP_AVERAGE_POOL, 1, &x, &attrs, error);
}

/* ---- ConvTranspose ---- */

/** output_shape and auto_pad fix the pads: the result has this size, and what is too much is cut off at both ends, the
 * odd row at the end (SAME_UPPER) or else at the beginning. */
static gboolean pad_to_output(LusOpAttrs *attrs, const LusOnnxBuilder *builder, int x, const int output[2],
                              gboolean upper, GError **error)
{
  for (int i = 0; i < 2; i++) {
    gint64 full = (gint64)attrs->stride[i] * (shape_of(builder, x)[2 + i] - 1) + attrs->extra[i] +
                  (gint64)(attrs->kernel[i] - 1) * attrs->dilation[i] + 1;
    gint64 total = full - output[i];
    if (total > MAX_WINDOW || total < -MAX_WINDOW)
      return invalid(error, "output_shape is impossible");
    if (total < 0)
      attrs->extra[i] -= (int)total;
    total = MAX(total, 0);
    attrs->pad[i] = (int)(upper ? total / 2 : total - total / 2);
    attrs->pad[i + 2] = (int)(total - attrs->pad[i]);
  }
  return TRUE;
}

static gboolean read_transpose_pads(LusOpAttrs *attrs, const LusOnnxBuilder *builder, LusOnnxNode *node, int x,
                                    GError **error)
{
  int output[2] = {0, 0};
  const char *mode = lus_onnx_get_string(node, "auto_pad", "NOTSET", error);
  if (!mode || !lus_onnx_get_ints(node, "output_shape", output, 2, 1, G_MAXINT16, error) ||
      !lus_onnx_get_ints(node, "pads", attrs->pad, 4, 0, MAX_WINDOW, error))
    return FALSE;
  gboolean upper = g_str_equal(mode, "SAME_UPPER"), same = upper || g_str_equal(mode, "SAME_LOWER");
  if (!same && output[0] == 0)
    return TRUE;
  if (!lus_onnx_need_size(builder, error))
    return FALSE;
  for (int i = 0; output[i % 2] == 0 && i < 2; i++)
    output[i] = (int)MIN((gint64)shape_of(builder, x)[2 + i] * attrs->stride[i], G_MAXINT);
  return pad_to_output(attrs, builder, x, output, upper, error);
}

static gboolean build_conv_transpose(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int inputs[3] = {-1, -1, -1};
  if (!lus_onnx_picture(builder, node, 0, &inputs[0], error) ||
      !lus_onnx_constant(builder, node, 1, FALSE, &inputs[1], error) ||
      (lus_onnx_node_input(node, 2) && !lus_onnx_constant(builder, node, 2, FALSE, &inputs[2], error)))
    return FALSE;
  const LusTensor *weight = builder->graph->values[inputs[1]].constant;
  if (weight->rank != 4)
    return unsupported(error, "its weight has not 4 dimensions: only convolutions of pictures are supported");
  attrs.kernel[0] = weight->dims[2];
  attrs.kernel[1] = weight->dims[3];
  return lus_onnx_get_ints(node, "kernel_shape", attrs.kernel, 2, 1, MAX_WINDOW, error) &&
         lus_onnx_get_int(node, "group", &attrs.groups, 1, MAX_GROUPS, error) &&
         lus_onnx_get_ints(node, "strides", attrs.stride, 2, 1, MAX_WINDOW, error) &&
         lus_onnx_get_ints(node, "dilations", attrs.dilation, 2, 1, MAX_WINDOW, error) &&
         lus_onnx_get_ints(node, "output_padding", attrs.extra, 2, 0, MAX_WINDOW, error) &&
         read_transpose_pads(&attrs, builder, node, inputs[0], error) &&
         lus_onnx_emit(builder, node, LUS_OP_CONV_TRANSPOSE, inputs[2] < 0 ? 2 : 3, inputs, &attrs, error);
}

/* ---- moving elements ---- */

gboolean lus_onnx_build_concat(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int inputs[LUS_NODE_MAX_INPUTS], axis = 0, rank = 0;
  for (int k = 0; k < node->n_inputs; k++) {
    if (!lus_onnx_operand(builder, node, k, &inputs[k], error))
      return FALSE;
    rank = MAX(rank, lus_onnx_rank(builder, node, k));
  }
  return lus_onnx_get_int(node, "axis", &axis, -4, 3, error) && dimension_of(axis, rank, &attrs.axis, error) &&
         lus_onnx_emit(builder, node, LUS_OP_CONCAT, node->n_inputs, inputs, &attrs, error);
}

/** One axis of Slice: the numbers of Python's start:end:step. */
static gboolean slice_axis(LusOpAttrs *attrs, int dimension, int size, gint64 start, gint64 end, gint64 step,
                           GError **error)
{
  if (step == 0 || step > G_MAXINT16 || step < -G_MAXINT16)
    return invalid(error, "a step that is impossible");
  gint64 low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  start = CLAMP(start < 0 ? MAX(start, -G_MAXINT) + size : start, low, high);
  end = CLAMP(end < 0 ? MAX(end, -G_MAXINT) + size : end, low, high);
  gint64 n = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
  if (n < 1)
    return unsupported(error, "an empty slice");
  attrs->begin[dimension] = (int)start;
  attrs->step[dimension] = (int)step;
  attrs->size[dimension] = (int)n;
  return TRUE;
}

gboolean lus_onnx_build_slice(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  LusNumbers given[4]; /* starts, ends, axes, steps */
  int x;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error))
    return FALSE;
  for (int i = 0; i < 4; i++) {
    given[i] = (LusNumbers){.rank = 1};
    if (lus_onnx_node_input(node, i + 1) && !lus_onnx_numbers(builder, node, i + 1, &given[i], error))
      return FALSE;
  }
  int n = given[0].n, rank = lus_onnx_rank(builder, node, 0);
  if (n > 4 || given[1].n != n || (given[2].n && given[2].n != n) || (given[3].n && given[3].n != n))
    return invalid(error, "starts, ends, axes and steps have different lengths");
  memcpy(attrs.size, shape_of(builder, x), sizeof attrs.size);
  for (int k = 0; k < n; k++) {
    int d;
    if (!dimension_of(given[2].n ? given[2].i[k] : k, rank, &d, error) ||
        !slice_axis(&attrs, d, shape_of(builder, x)[d], given[0].i[k], given[1].i[k], given[3].n ? given[3].i[k] : 1,
                    error))
      return FALSE;
  }
  return lus_onnx_emit(builder, node, LUS_OP_SLICE, 1, &x, &attrs, error);
}

static gboolean build_pad(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  LusNumbers pads;
  int x;
  const char *mode = lus_onnx_get_string(node, "mode", "constant", error);
  if (!mode || !lus_onnx_activation(builder, node, 0, &x, error) ||
      !lus_onnx_numbers(builder, node, 1, &pads, error) || !read_limit(builder, node, 2, &attrs.alpha, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  if (lus_onnx_node_input(node, 3))
    return unsupported(error, "Pad of some axes");
  if (pads.is_float || pads.n != 2 * rank)
    return invalid(error, "pads are no two whole numbers per dimension");
  attrs.pad_mode = g_str_equal(mode, "reflect") ? LUS_PAD_REFLECT
                   : g_str_equal(mode, "edge")  ? LUS_PAD_EDGE
                                                : LUS_PAD_CONSTANT;
  if (attrs.pad_mode == LUS_PAD_CONSTANT && !g_str_equal(mode, "constant"))
    return unsupported(error, "Pad in another mode than constant, reflect or edge");
  for (int i = 0; i < rank; i++) {
    attrs.begin[4 - rank + i] = (int)CLAMP(pads.i[i], -G_MAXINT, G_MAXINT);
    attrs.end[4 - rank + i] = (int)CLAMP(pads.i[rank + i], -G_MAXINT, G_MAXINT);
  }
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
      return unsupported(error, "Reshape to a shape that is impossible or has more than 4 dimensions");
    if (n == -1)
      open = 4 - shape.n + i;
    if (i >= extra)
      size[4 - shape.n + i] = n == -1 ? 1 : (int)n;
    if (known > total / MAX(n, 1))
      return invalid(error, "Reshape to a shape of more elements");
    known *= MAX(n, 1);
  }
  if (open >= 0)
    size[open] = (int)(total / known);
  return emit_reshape(builder, node, x, size, MIN(shape.n, 4), error);
}

static gboolean build_flatten(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int x, axis = 1, size[4] = {1, 1, 1, 1};
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_get_int(node, "axis", &axis, -4, 4, error) ||
      !lus_onnx_need_size(builder, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  if (axis < -rank || axis > rank)
    return invalid(error, "an axis that is not there");
  int first = axis < 0 ? axis + 4 : axis + 4 - rank;
  for (int i = 0; i < 4; i++)
    size[i < first ? 2 : 3] *= shape_of(builder, x)[i];
  return emit_reshape(builder, node, x, size, 2, error);
}

/** Without axes all dimensions of size 1 go. */
gboolean lus_onnx_build_squeeze(LusOnnxBuilder *builder, LusOnnxNode *node, const LusNumbers *axes, GError **error)
{
  int x, size[4] = {1, 1, 1, 1}, left = 0;
  unsigned removed = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error))
    return FALSE;
  const int *in = shape_of(builder, x);
  int rank = lus_onnx_rank(builder, node, 0);
  for (int k = 0; k < axes->n; k++) {
    int d;
    if (!dimension_of(axes->i[k], rank, &d, error))
      return FALSE;
    if (in[d] != 1)
      return invalid(error, "Squeeze of a dimension that is not 1");
    removed |= 1u << d;
  }
  for (int i = 3, to = 3; i >= 4 - rank; i--)
    if (axes->n ? !(removed >> i & 1) : in[i] != 1) {
      size[to--] = in[i];
      left++;
    }
  return emit_reshape(builder, node, x, size, left, error);
}

gboolean lus_onnx_build_unsqueeze(LusOnnxBuilder *builder, LusOnnxNode *node, const LusNumbers *axes, GError **error)
{
  int x, size[4] = {1, 1, 1, 1};
  unsigned inserted = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error))
    return FALSE;
  int old = lus_onnx_rank(builder, node, 0), rank = old + axes->n;
  if (rank > 4)
    return unsupported(error, "more than 4 dimensions");
  for (int k = 0; k < axes->n; k++) {
    int d;
    if (!dimension_of(axes->i[k], rank, &d, error))
      return FALSE;
    if (inserted >> d & 1)
      return invalid(error, "an axis twice");
    inserted |= 1u << d;
  }
  for (int i = 4 - rank, from = 4 - old; i < 4; i++)
    if (!(inserted >> i & 1))
      size[i] = shape_of(builder, x)[from++];
  return emit_reshape(builder, node, x, size, rank, error);
}

/** Split: a Slice for every output that has a name. */
static gboolean build_split(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  LusNumbers parts = {.rank = 1};
  int x, axis = 0, d, n = 0;
  gboolean ok = TRUE;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_need_size(builder, error) ||
      !lus_onnx_get_int(node, "axis", &axis, -4, 3, error) ||
      !lus_onnx_get_int(node, "num_outputs", &n, 1, LUS_ONNX_MAX_OUTPUTS, error) ||
      !dimension_of(axis, lus_onnx_rank(builder, node, 0), &d, error) ||
      (lus_onnx_node_input(node, 1) && !lus_onnx_numbers(builder, node, 1, &parts, error)))
    return FALSE;
  const LusOnnxAttribute *a = lus_onnx_node_attribute(node, "split", LUS_ATTRIBUTE_INTS, &ok, error);
  if (a) {
    parts.n = a->n_ints;
    memcpy(parts.i, a->ints, sizeof parts.i);
  }
  if (!ok || (parts.n && parts.n != node->n_outputs))
    return ok && invalid(error, "split has another length than there are outputs");
  memcpy(attrs.size, shape_of(builder, x), sizeof attrs.size);
  int size = attrs.size[d], share = (size + node->n_outputs - 1) / node->n_outputs;
  char *first = node->outputs[0];
  for (int k = 0; k < node->n_outputs && ok; k++) {
    gint64 part = parts.n ? parts.i[k] : MIN(share, size - attrs.begin[d]);
    if (part < 1 || part > size - attrs.begin[d]) {
      ok = unsupported(error, "Split into parts that are empty or too large");
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

/* ---- matrices ---- */

static gboolean build_mat_mul(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int inputs[2];
  if (!lus_onnx_activation(builder, node, 0, &inputs[0], error) ||
      !lus_onnx_constant(builder, node, 1, FALSE, &inputs[1], error))
    return FALSE;
  if (lus_onnx_rank(builder, node, 0) < 2 || lus_onnx_rank(builder, node, 1) != 2)
    return unsupported(error, "MatMul other than with a constant matrix");
  return lus_onnx_emit(builder, node, LUS_OP_MAT_MUL, 2, inputs, NULL, error);
}

/** A constant times a factor, transposed where asked for. */
static gboolean scaled_constant(LusOnnxBuilder *builder, int *value, const char *suffix, float factor,
                                gboolean transposed, GError **error)
{
  const LusValue *from = &builder->graph->values[*value];
  LusTensor *to = lus_tensor_copy(from->constant, error);
  if (!to)
    return FALSE;
  int rows = to->rank == 2 ? to->dims[0] : 1, columns = to->rank == 2 ? to->dims[1] : (int)to->count;
  if (transposed) {
    to->dims[0] = columns;
    to->dims[1] = rows;
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      gsize at = transposed ? (gsize)j * (gsize)rows + (gsize)i : (gsize)i * (gsize)columns + (gsize)j;
      to->data[at] = factor * from->constant->data[(gsize)i * (gsize)columns + (gsize)j];
    }
  g_autofree char *name = g_strconcat(from->name, suffix, NULL);
  *value = lus_graph_add_constant(builder->graph, name, to);
  return TRUE;
}

/** alpha op(A) op(B) + beta C: the constants take the factors. */
static gboolean build_gemm(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  float alpha = 1, beta = 1;
  int x, b[2], c[2], trans_a = 0, trans_b = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) ||
      !lus_onnx_constant(builder, node, 1, FALSE, &b[1], error) ||
      (lus_onnx_node_input(node, 2) && !lus_onnx_constant(builder, node, 2, FALSE, &c[1], error)) ||
      !lus_onnx_get_float(node, "alpha", &alpha, error) || !lus_onnx_get_float(node, "beta", &beta, error) ||
      !lus_onnx_get_int(node, "transA", &trans_a, 0, 1, error) ||
      !lus_onnx_get_int(node, "transB", &trans_b, 0, 1, error))
    return FALSE;
  if (lus_onnx_rank(builder, node, 0) != 2 || lus_onnx_rank(builder, node, 1) != 2)
    return invalid(error, "Gemm of other things than matrices");
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.permutation[2] = 3;
  attrs.permutation[3] = 2;
  if ((trans_a && !lus_onnx_add(builder, node, "/transposed", LUS_OP_TRANSPOSE, 1, &x, &attrs, &x, error)) ||
      ((alpha != 1 || trans_b) && !scaled_constant(builder, &b[1], "/gemm", alpha, trans_b, error)))
    return FALSE;
  b[0] = x;
  if (!lus_onnx_node_input(node, 2))
    return lus_onnx_emit(builder, node, LUS_OP_MAT_MUL, 2, b, NULL, error);
  return (beta == 1 || scaled_constant(builder, &c[1], "/beta", beta, FALSE, error)) &&
         lus_onnx_add(builder, node, "/product", LUS_OP_MAT_MUL, 2, b, NULL, &c[0], error) &&
         lus_onnx_emit(builder, node, LUS_OP_BROADCAST_ADD, 2, c, NULL, error);
}

const LusOnnxOp lus_onnx_general_ops[] = {
  {"Pow", 2, 2, lus_onnx_build_binary},
  {"PRelu", 2, 2, lus_onnx_build_binary},
  {"Sqrt", 1, 1, build_unary},
  {"Tanh", 1, 1, build_unary},
  {"LeakyRelu", 1, 1, build_unary},
  {"HardSigmoid", 1, 1, build_unary},
  {"HardSwish", 1, 1, build_unary},
  {"Clip", 1, 3, build_clip},
  {"Softmax", 1, 1, build_softmax},
  {"ReduceMean", 1, 2, build_reduce_mean},
  {"GlobalAveragePool", 1, 1, build_global_average},
  {"AveragePool", 1, 1, build_average_pool},
  {"ConvTranspose", 2, 3, build_conv_transpose},
  {"Pad", 2, 4, build_pad},
  {"Transpose", 1, 1, build_transpose},
  {"Flatten", 1, 1, build_flatten},
  {"Split", 1, 2, build_split},
  {"MatMul", 2, 2, build_mat_mul},
  {"Gemm", 2, 3, build_gemm},
  {NULL, 0, 0, NULL},
};
