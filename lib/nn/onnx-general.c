/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators that run forward only, as https://onnx.ai/onnx/operators/ defines them for opsets 9 to 21. A tensor of
 * fewer than four dimensions has the last ones of a value's four: axis a of rank r is dimension 4 - r + a. */
#include "nn/error.h"
#include "nn/onnx-build.h"
#include "nn/ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

LusOpType lus_onnx_type(const LusOnnxNode *node)
{
  int type = LUS_OP_RESIZE + 1;
  while (!g_str_equal(lus_op_name((LusOpType)type), node->type))
    type++;
  return (LusOpType)type;
}

gboolean lus_onnx_build_binary(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int inputs[2];
  return lus_onnx_operand(builder, node, 0, &inputs[0], error) &&
         lus_onnx_operand(builder, node, 1, &inputs[1], error) &&
         lus_onnx_emit(builder, node, lus_onnx_type(node), 2, inputs, NULL, error);
}

static gboolean build_unary(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  LusOpType type = lus_onnx_type(node);
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

/** The limits are inputs from opset 11 on, before that attributes. */
static gboolean build_clip(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  attrs.alpha = -FLT_MAX;
  attrs.beta = FLT_MAX;
  return lus_onnx_activation(builder, node, 0, &x, error) && lus_onnx_get_float(node, "min", &attrs.alpha, error) &&
         lus_onnx_get_float(node, "max", &attrs.beta, error) &&
         lus_onnx_read_limit(builder, node, 1, &attrs.alpha, error) &&
         lus_onnx_read_limit(builder, node, 2, &attrs.beta, error) &&
         lus_onnx_emit(builder, node, LUS_OP_CLIP, 1, &x, &attrs, error);
}

/** Before opset 13 all dimensions from the axis on, and axis 1 was the default. */
static gboolean build_softmax(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  gboolean whole = builder->opset < 13;
  int x, axis = whole ? 1 : -1, dimension;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_get_int(node, "axis", &axis, -4, 3, error) ||
      !lus_onnx_dimension(axis, lus_onnx_rank(builder, node, 0), &dimension, error))
    return FALSE;
  for (int i = dimension; i < (whole ? 4 : dimension + 1); i++)
    attrs.axes |= 1u << i;
  return lus_onnx_emit(builder, node, LUS_OP_SOFTMAX, 1, &x, &attrs, error);
}

/* ---- means ---- */

/** Axes as input 1 (opset 18) or as an attribute; none: all, or with noop_with_empty_axes nothing. */
static gboolean read_reduced(LusOnnxBuilder *builder, LusOnnxNode *node, int rank, unsigned *axes,
                             GError **error)
{
  gboolean ok = TRUE;
  int idle = 0;
  LusNumbers numbers = {.rank = 1};
  const LusOnnxAttribute *a = lus_onnx_node_attribute(node, "axes", LUS_ATTRIBUTE_INTS, &ok, error);
  if (a) {
    numbers.n = a->n_ints;
    memcpy(numbers.i, a->ints, sizeof numbers.i);
  }
  if (!ok || (lus_onnx_node_input(node, 1) && !lus_onnx_numbers(builder, node, 1, &numbers, error)) ||
      !lus_onnx_get_int(node, "noop_with_empty_axes", &idle, 0, 1, error))
    return FALSE;
  for (int k = 0; k < numbers.n; k++) {
    int dimension;
    if (!lus_onnx_dimension(numbers.i[k], rank, &dimension, error))
      return FALSE;
    *axes |= 1u << dimension;
  }
  for (int i = 4 - rank; numbers.n == 0 && !idle && i < 4; i++)
    *axes |= 1u << i;
  return TRUE;
}

static gboolean build_reduce_mean(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x, mean, keep = 1, size[4] = {1, 1, 1, 1}, left = 0;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_get_int(node, "keepdims", &keep, 0, 1, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, 0);
  if (!read_reduced(builder, node, rank, &attrs.axes, error))
    return FALSE;
  if (!attrs.axes)
    return lus_onnx_define_alias(builder, node, 0, error);
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
  return lus_onnx_emit_reshape(builder, node, mean, size, left, error);
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
    return lus_onnx_invalid(error, "kernel_shape is missing");
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
      return lus_onnx_invalid(error, "output_shape is impossible");
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
  LusOpAttrs attrs;
  int inputs[3];
  return lus_onnx_read_convolution(&attrs, inputs, builder, node, error) &&
         lus_onnx_get_ints(node, "strides", attrs.stride, 2, 1, MAX_WINDOW, error) &&
         lus_onnx_get_ints(node, "dilations", attrs.dilation, 2, 1, MAX_WINDOW, error) &&
         lus_onnx_get_ints(node, "output_padding", attrs.extra, 2, 0, MAX_WINDOW, error) &&
         read_transpose_pads(&attrs, builder, node, inputs[0], error) &&
         lus_onnx_emit(builder, node, LUS_OP_CONV_TRANSPOSE, inputs[2] < 0 ? 2 : 3, inputs, &attrs, error);
}

/* ---- matrices ---- */

/** A constant matrix on the right is multiplied row by row; otherwise both factors are pictures, or one is a constant
 * in the place of one. */
static gboolean build_mat_mul(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int inputs[2], ranks[2] = {lus_onnx_rank(builder, node, 0), lus_onnx_rank(builder, node, 1)};
  gboolean matrix = ranks[1] == 2 && lus_onnx_is_constant(builder, node, 1);
  if (!lus_onnx_operand(builder, node, 0, &inputs[0], error) ||
      !(matrix ? lus_onnx_constant(builder, node, 1, FALSE, &inputs[1], error)
               : lus_onnx_operand(builder, node, 1, &inputs[1], error)))
    return FALSE;
  if (MIN(ranks[0], ranks[1]) < 2)
    return lus_onnx_unsupported(error, "MatMul with a vector");
  return lus_onnx_emit(builder, node, matrix ? LUS_OP_MAT_MUL : LUS_OP_BATCH_MAT_MUL, 2, inputs, NULL, error);
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
    return lus_onnx_invalid(error, "Gemm of other things than matrices");
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
  {"Sub", 2, 2, lus_onnx_build_binary},
  {"Div", 2, 2, lus_onnx_build_binary},
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
  {"MatMul", 2, 2, build_mat_mul},
  {"Gemm", 2, 3, build_gemm},
  {NULL, 0, 0, NULL},
};
