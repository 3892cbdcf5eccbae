/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QuantizeLinear and DequantizeLinear around activations, as https://onnx.ai/onnx/operators/ defines them: a pair of them
 * is one operator. Activations are quantised as a whole, not along an axis nor in opset 21's blocks. */
#include "nn/error.h"
#include "nn/onnx-build.h"

#include <math.h>

/** Attributes that must have the value at which they do nothing. */
static gboolean read_attributes(LusOnnxNode *node, GError **error)
{
  int ignored = 0;
  return lus_onnx_get_int(node, "axis", &ignored, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, error) &&
         lus_onnx_get_int(node, "saturate", &ignored, 0, 1, error) &&
         lus_onnx_get_int(node, "block_size", &ignored, 0, 0, error) &&
         lus_onnx_get_int(node, "output_dtype", &ignored, 0, LUS_ONNX_INT8, error);
}

/** Scale and zero point for codes 0..255: those of int8 lie 128 lower. */
static gboolean read_step(LusOpAttrs *attrs, LusOnnxBuilder *builder, const LusOnnxNode *node, GError **error)
{
  const LusArray *scale = lus_onnx_array(builder, node, 1, error), *zero = NULL;
  if (!scale || (lus_onnx_node_input(node, 2) && !(zero = lus_onnx_array(builder, node, 2, error))))
    return FALSE;
  if (scale->type != LUS_ONNX_FLOAT || scale->count != 1 || (zero && zero->count != 1))
    return lus_onnx_unsupported(error, "scale and zero point of an activation other than one number each");
  if (zero && zero->type != LUS_ONNX_UINT8 && zero->type != LUS_ONNX_INT8)
    return lus_onnx_unsupported(error, "codes of an activation other than uint8 or int8");
  attrs->alpha = (float)lus_array_real(scale, 0);
  if (!(attrs->alpha > 0) || !isfinite(attrs->alpha))
    return lus_onnx_invalid(error, "its scale is not positive");
  if (zero)
    attrs->zero_point = (int)lus_array_whole(zero, 0) + (zero->type == LUS_ONNX_INT8 ? 128 : 0);
  return TRUE;
}

gboolean lus_onnx_build_quantize(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !read_attributes(node, error) ||
      !read_step(&attrs, builder, node, error) ||
      !lus_onnx_emit(builder, node, LUS_OP_QUANTIZE, 1, &x, &attrs, error))
    return FALSE;
  LusSymbol *symbol = g_hash_table_lookup(builder->symbols, node->outputs[0]);
  symbol->kind = LUS_SYMBOL_CODES;
  return TRUE;
}

gboolean lus_onnx_build_dequantize(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  const LusSymbol *codes = lus_onnx_symbol(builder, node, 0, error);
  if (!codes || !read_attributes(node, error) || !read_step(&attrs, builder, node, error))
    return FALSE;
  if (codes->kind != LUS_SYMBOL_CODES)
    return lus_onnx_unsupported(error, "it must follow QuantizeLinear or stand behind a constant");
  const LusNode *quantize = builder->graph->nodes;
  while (quantize->output != codes->value)
    quantize++;
  if (quantize->attrs.alpha != attrs.alpha || quantize->attrs.zero_point != attrs.zero_point)
    return lus_onnx_unsupported(error, "its scale or zero point is not that of the QuantizeLinear before it");
  LusSymbol *symbol = lus_symbol_copy(codes);
  symbol->kind = LUS_SYMBOL_ACTIVATION;
  LusValue *value = &builder->graph->values[codes->value];
  g_free(value->name);
  value->name = g_strdup(node->outputs[0]);
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}
