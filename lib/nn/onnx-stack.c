/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torch.stack(pictures).sum(0), which the Feature Pyramid Networks of segmentation_models_pytorch merge their levels with:
 * Unsqueeze of each, Concat and ReduceSum along the new first dimension. Five dimensions exist in no other place; the sum
 * is a chain of Add. */
#include "nn/onnx-build.h"

#include <string.h>

/** TRUE if the axes are the first one of @rank dimensions alone. */
static gboolean is_first(const LusNumbers *axes, int rank)
{
  return axes->n == 1 && !axes->is_float && (axes->i[0] == 0 || axes->i[0] == -rank);
}

gboolean lus_onnx_stacks(const LusOnnxBuilder *builder, const LusOnnxNode *node, const LusNumbers *axes)
{
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, NULL);
  return source && source->kind == LUS_SYMBOL_ACTIVATION && source->rank == 4 && is_first(axes, 5);
}

gboolean lus_onnx_is_stack(const LusOnnxBuilder *builder, const LusOnnxNode *node)
{
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, NULL);
  return source && source->kind == LUS_SYMBOL_STACK;
}

gboolean lus_onnx_define_stack(LusOnnxBuilder *builder, const LusOnnxNode *node, int value, GError **error)
{
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_STACK);
  symbol->n_stack = 1;
  symbol->stack[0] = value;
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

gboolean lus_onnx_join_stacks(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int axis = 0;
  if (!lus_onnx_get_int(node, "axis", &axis, -5, 4, error))
    return FALSE;
  if (axis != 0 && axis != -5)
    return lus_onnx_unsupported(error, "pictures of 5 dimensions joined along another axis than the first");
  g_autofree LusSymbol *joined = lus_symbol_new(LUS_SYMBOL_STACK);
  for (int k = 0; k < node->n_inputs; k++) {
    const LusSymbol *part = lus_onnx_symbol(builder, node, k, error);
    if (!part)
      return FALSE;
    if (part->kind != LUS_SYMBOL_STACK || joined->n_stack + part->n_stack > LUS_NODE_MAX_INPUTS)
      return lus_onnx_unsupported(error, "a stack of too many pictures, or of pictures and other things");
    memcpy(joined->stack + joined->n_stack, part->stack, (gsize)part->n_stack * sizeof *part->stack);
    joined->n_stack += part->n_stack;
  }
  return lus_onnx_define(builder, node->outputs[0], g_steal_pointer(&joined), error);
}

/** ReduceSum; the axes are an input from opset 13 on. Without axes all is summed or nothing: neither is a stack's sum. */
gboolean lus_onnx_build_reduce_sum(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int keep = 1, idle = 0, sum;
  LusNumbers axes;
  if (!lus_onnx_read_numbers(builder, node, 1, "axes", &axes, error) ||
      !lus_onnx_get_int(node, "keepdims", &keep, 0, 1, error) ||
      !lus_onnx_get_int(node, "noop_with_empty_axes", &idle, 0, 1, error))
    return FALSE;
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, error);
  if (!source)
    return FALSE;
  if (source->kind != LUS_SYMBOL_STACK || keep || !is_first(&axes, 5))
    return lus_onnx_unsupported(error, "the sum of other things than a stack of pictures");
  if (source->n_stack == 1)
    return lus_onnx_unsupported(error, "the sum of a single picture");
  sum = source->stack[0];
  for (int k = 1; k < source->n_stack - 1; k++) {
    g_autofree char *suffix = g_strdup_printf("/%d", k);
    const int inputs[2] = {sum, source->stack[k]};
    if (!lus_onnx_add(builder, node, suffix, LUS_OP_ADD, 2, inputs, NULL, &sum, error))
      return FALSE;
  }
  const int inputs[2] = {sum, source->stack[source->n_stack - 1]};
  if (!lus_onnx_emit(builder, node, LUS_OP_ADD, 2, inputs, NULL, error))
    return FALSE;
  lus_onnx_set_rank(builder, node, 4);
  return TRUE;
}
