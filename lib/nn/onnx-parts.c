/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What builders of several operators read and emit. */
#include "nn/error.h"
#include "nn/onnx-build.h"

#include <string.h>

gboolean lus_onnx_dimension(gint64 axis, int rank, int *dimension, GError **error)
{
  if (axis < -rank || axis >= rank)
    return lus_onnx_invalid(error, "an axis that is not there");
  *dimension = (int)(axis < 0 ? axis + 4 : axis + 4 - rank);
  return TRUE;
}

gboolean lus_onnx_read_numbers(LusOnnxBuilder *builder, LusOnnxNode *node, int i, const char *name, LusNumbers *out,
                               GError **error)
{
  gboolean ok = TRUE;
  *out = (LusNumbers){.rank = 1};
  if (lus_onnx_node_input(node, i))
    return lus_onnx_numbers(builder, node, i, out, error);
  const LusOnnxAttribute *a = name ? lus_onnx_node_attribute(node, name, LUS_ATTRIBUTE_INTS, &ok, error) : NULL;
  if (a) {
    out->n = a->n_ints;
    memcpy(out->i, a->ints, sizeof out->i);
  }
  return ok;
}

gboolean lus_onnx_read_limit(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, float *limit, GError **error)
{
  LusNumbers numbers;
  if (!lus_onnx_node_input(node, i))
    return TRUE;
  if (!lus_onnx_numbers(builder, node, i, &numbers, error))
    return FALSE;
  if (!numbers.is_float || numbers.n != 1)
    return lus_onnx_invalid(error, "a limit is no single number");
  *limit = (float)numbers.f[0];
  return TRUE;
}

/** auto_pad SAME_*: ceil(in / stride) outputs; the odd pixel goes to the end (UPPER) or the beginning (LOWER). */
static gboolean pad_same(LusOpAttrs *attrs, const LusOnnxBuilder *builder, int x, gboolean upper, GError **error)
{
  for (int i = 0; i < 2; i++) {
    gint64 span = (gint64)attrs->dilation[i] * (attrs->kernel[i] - 1) + 1, total = span - 1;
    if (attrs->stride[i] > 1) {
      if (!builder->sized)
        return lus_onnx_unsupported(error,
                           "auto_pad with strides needs the input's size, which the file leaves open; export the "
                           "model with a fixed size");
      gint64 in = shape_of(builder, x)[2 + i], out = (in - 1) / attrs->stride[i] + 1;
      total = MAX((out - 1) * attrs->stride[i] + span - in, 0);
    }
    if (total > MAX_WINDOW)
      return lus_onnx_invalid(error, "auto_pad gives too large a border");
    attrs->pad[i] = (int)(upper ? total / 2 : total - total / 2);
    attrs->pad[i + 2] = (int)(total - attrs->pad[i]);
  }
  return TRUE;
}

gboolean lus_onnx_read_window(LusOpAttrs *attrs, const LusOnnxBuilder *builder, LusOnnxNode *node, int x,
                              GError **error)
{
  if (!lus_onnx_get_ints(node, "strides", attrs->stride, 2, 1, MAX_WINDOW, error) ||
      !lus_onnx_get_ints(node, "dilations", attrs->dilation, 2, 1, MAX_WINDOW, error) ||
      !lus_onnx_get_ints(node, "pads", attrs->pad, 4, 0, MAX_WINDOW, error))
    return FALSE;
  const char *mode = lus_onnx_get_string(node, "auto_pad", "NOTSET", error);
  if (!mode)
    return FALSE;
  if (g_str_equal(mode, "NOTSET"))
    return TRUE;
  memset(attrs->pad, 0, sizeof attrs->pad);
  if (g_str_equal(mode, "VALID"))
    return TRUE;
  if (g_str_equal(mode, "SAME_UPPER") || g_str_equal(mode, "SAME_LOWER"))
    return pad_same(attrs, builder, x, g_str_equal(mode, "SAME_UPPER"), error);
  return lus_onnx_invalid(error, "auto_pad is none of NOTSET, VALID, SAME_UPPER and SAME_LOWER");
}

gboolean lus_onnx_read_convolution(LusOpAttrs *attrs, int inputs[3], LusOnnxBuilder *builder, LusOnnxNode *node,
                                   GError **error)
{
  *attrs = lus_op_attrs_default();
  inputs[2] = -1;
  if (!lus_onnx_picture(builder, node, 0, &inputs[0], error) ||
      !lus_onnx_constant(builder, node, 1, FALSE, &inputs[1], error) ||
      (lus_onnx_node_input(node, 2) && !lus_onnx_constant(builder, node, 2, FALSE, &inputs[2], error)))
    return FALSE;
  const LusTensor *weight = builder->graph->values[inputs[1]].constant;
  if (weight->rank != 4)
    return lus_onnx_unsupported(error, "its weight has not 4 dimensions: only convolutions of pictures are supported");
  attrs->kernel[0] = weight->dims[2];
  attrs->kernel[1] = weight->dims[3];
  if (!lus_onnx_get_ints(node, "kernel_shape", attrs->kernel, 2, 1, MAX_WINDOW, error) ||
      !lus_onnx_get_int(node, "group", &attrs->groups, 1, MAX_GROUPS, error))
    return FALSE;
  if (attrs->kernel[0] != weight->dims[2] || attrs->kernel[1] != weight->dims[3])
    return lus_onnx_invalid(error, "kernel_shape and the weight's dimensions disagree");
  return TRUE;
}

gboolean lus_onnx_emit_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, int value, const int size[4], int rank,
                               GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  memcpy(attrs.size, size, sizeof attrs.size);
  if (!lus_onnx_emit(builder, node, LUS_OP_RESHAPE, 1, &value, &attrs, error))
    return FALSE;
  lus_onnx_set_rank(builder, node, rank);
  return TRUE;
}

gboolean lus_onnx_define_alias(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, GError **error)
{
  const LusSymbol *symbol = lus_onnx_symbol(builder, node, i, error);
  return symbol && lus_onnx_define(builder, node->outputs[0], lus_symbol_copy(symbol), error);
}
