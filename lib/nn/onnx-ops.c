/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/onnx-build.h"
#include "nn/onnx-resize.h"

#include <math.h>
#include <string.h>

/* The network's operators, as https://onnx.ai/onnx/operators/ defines them for opsets 9 to 21. */

/** Zeros that a Pad puts around a picture before a convolution, as EfficientNet does, are borders of the convolution. */
static void fold_pad(LusOpAttrs *attrs, const LusGraph *graph, int *x)
{
  const LusNode *node = NULL;
  for (int i = graph->n_nodes - 1; i >= 0 && !node; i--)
    if (graph->nodes[i].output == *x)
      node = &graph->nodes[i];
  if (!node || node->type != LUS_OP_PAD || node->attrs.pad_mode != LUS_PAD_CONSTANT || node->attrs.alpha != 0)
    return;
  const int *begin = node->attrs.begin, *end = node->attrs.end;
  if (begin[1] != 0 || end[1] != 0)
    return;
  for (int i = 2; i < 4; i++)
    if (MIN(begin[i], end[i]) < 0 || MAX(begin[i], end[i]) > MAX_WINDOW)
      return;
  for (int i = 0; i < 2; i++) {
    attrs->pad[i] += begin[2 + i];
    attrs->pad[2 + i] += end[2 + i];
  }
  *x = node->inputs[0];
}

static gboolean build_conv(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs;
  int inputs[3];
  if (!lus_onnx_read_convolution(&attrs, inputs, builder, node, error) ||
      !lus_onnx_read_window(&attrs, builder, node, inputs[0], error))
    return FALSE;
  fold_pad(&attrs, builder->graph, &inputs[0]);
  return lus_onnx_emit(builder, node, LUS_OP_CONV, inputs[2] < 0 ? 2 : 3, inputs, &attrs, error);
}

static gboolean build_max_pool(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int x, storage_order = 0;
  attrs.kernel[0] = 0;
  if (!lus_onnx_picture(builder, node, 0, &x, error) ||
      !lus_onnx_get_ints(node, "kernel_shape", attrs.kernel, 2, 1, MAX_WINDOW, error) ||
      !lus_onnx_get_int(node, "ceil_mode", &attrs.ceil_mode, 0, 1, error) ||
      !lus_onnx_get_int(node, "storage_order", &storage_order, 0, 0, error))
    return FALSE;
  if (attrs.kernel[0] == 0)
    return lus_onnx_invalid(error, "kernel_shape is missing");
  return lus_onnx_read_window(&attrs, builder, node, x, error) &&
         lus_onnx_emit(builder, node, LUS_OP_MAX_POOL, 1, &x, &attrs, error);
}

static gboolean build_batch_norm(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int inputs[5], training = 0;
  float momentum;
  if (!lus_onnx_picture(builder, node, 0, &inputs[0], error))
    return FALSE;
  for (int i = 1; i < 5; i++)
    if (!lus_onnx_constant(builder, node, i, FALSE, &inputs[i], error))
      return FALSE;
  return lus_onnx_get_float(node, "epsilon", &attrs.epsilon, error) &&
         lus_onnx_get_float(node, "momentum", &momentum, error) &&
         lus_onnx_get_int(node, "training_mode", &training, 0, 0, error) &&
         lus_onnx_emit(builder, node, LUS_OP_BATCH_NORM, 5, inputs, &attrs, error);
}

static gboolean build_relu(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int x;
  return lus_onnx_activation(builder, node, 0, &x, error) &&
         lus_onnx_emit(builder, node, LUS_OP_RELU, 1, &x, NULL, error);
}

static gboolean build_sigmoid(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int x;
  return lus_onnx_activation(builder, node, 0, &x, error) &&
         lus_onnx_emit(builder, node, LUS_OP_SIGMOID, 1, &x, NULL, error);
}

static gboolean build_identity(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  return lus_onnx_define_alias(builder, node, 0, error);
}

/** At inference Dropout does nothing. */
static gboolean build_dropout(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  float ratio;
  int seed;
  LusNumbers training = {0};
  if (!lus_onnx_get_float(node, "ratio", &ratio, error) ||
      !lus_onnx_get_int(node, "seed", &seed, G_MININT, G_MAXINT, error) ||
      (lus_onnx_node_input(node, 2) && !lus_onnx_numbers(builder, node, 2, &training, error)))
    return FALSE;
  if (training.i[0] != 0)
    return lus_onnx_unsupported(error, "Dropout in training mode; export the model in evaluation mode");
  return lus_onnx_define_alias(builder, node, 0, error);
}

static LusSymbolKind kind_of(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i)
{
  const LusSymbol *symbol = lus_onnx_symbol(builder, node, i, NULL);
  return symbol ? symbol->kind : LUS_SYMBOL_ACTIVATION;
}

/** Reshape to [n][groups][rest]: the first step of GroupNorm. */
static gboolean build_split(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int x;
  LusNumbers shape;
  if (!lus_onnx_activation(builder, node, 0, &x, error) || !lus_onnx_numbers(builder, node, 1, &shape, error))
    return FALSE;
  gboolean fits = !shape.is_float && lus_onnx_rank(builder, node, 0) == 4 && shape.n == 3 &&
                  (shape.i[0] == 0 || shape.i[0] == 1) && shape.i[1] >= 1 && shape.i[1] <= MAX_GROUPS;
  if (fits && shape.i[2] != -1) {
    const int *dims = shape_of(builder, x);
    gint64 total = (gint64)dims[1] * dims[2] * dims[3];
    fits = builder->sized && shape.i[2] >= 1 && shape.i[2] <= total && shape.i[1] * shape.i[2] == total;
  }
  if (!fits)
    return lus_onnx_build_reshape(builder, node, error);
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_SPLIT);
  symbol->value = x;
  symbol->groups = (int)shape.i[1];
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

/** TRUE if input 1 is the shape of activation @x: Shape(x), or the same numbers. */
static gboolean is_shape_of(LusOnnxBuilder *builder, const LusOnnxNode *node, int x)
{
  const LusSymbol *symbol = lus_onnx_symbol(builder, node, 1, NULL);
  LusNumbers shape;
  if (symbol && symbol->kind == LUS_SYMBOL_CONSTANT && symbol->shape_of == x)
    return TRUE;
  if (!builder->sized || !lus_onnx_numbers(builder, node, 1, &shape, NULL) || shape.is_float || shape.n != 4)
    return FALSE;
  const int *dims = shape_of(builder, x);
  int open = 0;
  for (int i = 0; i < 4; i++) {
    gboolean copied = i == 0 && shape.i[i] == 0; /* dimension 0 of [n][groups][rest] is n */
    open += shape.i[i] == -1;
    if (shape.i[i] != dims[i] && shape.i[i] != -1 && !copied)
      return FALSE;
  }
  return open <= 1;
}

static gboolean build_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int allowzero = 0;
  LusNumbers shape;
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, error);
  if (!source || !lus_onnx_get_int(node, "allowzero", &allowzero, 0, 1, error))
    return FALSE;
  if (allowzero == 1 && lus_onnx_numbers(builder, node, 1, &shape, NULL))
    for (int i = 0; i < shape.n; i++)
      if (shape.i[i] == 0) /* a size rather than the input's, and no tensor here is empty */
        return lus_onnx_unsupported(error, "Reshape with attribute 'allowzero' to a size of 0");
  if (source->kind != LUS_SYMBOL_NORMED)
    return build_split(builder, node, error);
  if (!is_shape_of(builder, node, source->value))
    return lus_onnx_unsupported(error, "Reshape is understood only as a part of GroupNorm, back to its input's shape");
  LusSymbol *symbol = lus_symbol_copy(source);
  symbol->kind = LUS_SYMBOL_MERGED;
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

/** TRUE if input @i is a constant of @n times @wanted. */
static gboolean is_filled(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int n, float wanted)
{
  const LusArray *array = lus_onnx_array(builder, node, i, NULL);
  if (!array || array->rank != 1 || array->dims[0] != n || !lus_type_is_real(array->type))
    return FALSE;
  for (int k = 0; k < n; k++)
    if (lus_array_real(array, (gsize)k) != (double)wanted)
      return FALSE;
  return TRUE;
}

/** On [n][groups][rest] the heart of GroupNorm; on pictures GroupNorm with one channel per group. */
static gboolean build_instance_norm(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, error);
  if (!source || !lus_onnx_get_float(node, "epsilon", &attrs.epsilon, error))
    return FALSE;
  if (source->kind == LUS_SYMBOL_SPLIT) {
    if (!is_filled(builder, node, 1, source->groups, 1) || !is_filled(builder, node, 2, source->groups, 0))
      return lus_onnx_unsupported(error,
                         "InstanceNormalization inside GroupNorm with a scale other than 1 or a bias other than 0");
    LusSymbol *symbol = lus_symbol_copy(source);
    symbol->kind = LUS_SYMBOL_NORMED;
    symbol->epsilon = attrs.epsilon;
    return lus_onnx_define(builder, node->outputs[0], symbol, error);
  }
  int inputs[3];
  if (!lus_onnx_picture(builder, node, 0, &inputs[0], error) ||
      !lus_onnx_constant(builder, node, 1, FALSE, &inputs[1], error) ||
      !lus_onnx_constant(builder, node, 2, FALSE, &inputs[2], error))
    return FALSE;
  const LusTensor *scale = builder->graph->values[inputs[1]].constant;
  if (scale->rank != 1 || scale->dims[0] < 1)
    return lus_onnx_invalid(error, "its scale is no vector");
  attrs.norm_groups = scale->dims[0];
  return lus_onnx_emit(builder, node, LUS_OP_GROUP_NORM, 3, inputs, &attrs, error);
}

/** Before opset 21 there is one scale and bias per group: each is repeated for the group's channels. */
static gboolean repeat_per_channel(LusOnnxBuilder *builder, int *value, int groups, int channels, GError **error)
{
  const LusTensor *in = builder->graph->values[*value].constant;
  if (in->rank != 1 || in->dims[0] != groups || channels % groups != 0)
    return lus_onnx_invalid(error, "its scale or bias is no vector of one number per group");
  LusTensor *out = lus_tensor_new(1, &channels, error);
  if (!out)
    return FALSE;
  for (int c = 0; c < channels; c++)
    out->data[c] = in->data[c / (channels / groups)];
  g_autofree char *name = g_strconcat(builder->graph->values[*value].name, "/per-channel", NULL);
  *value = lus_graph_add_constant(builder->graph, name, out);
  return TRUE;
}

static gboolean build_group_norm(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  int inputs[3], stash_type = LUS_ONNX_FLOAT;
  attrs.norm_groups = 0;
  if (!lus_onnx_picture(builder, node, 0, &inputs[0], error) ||
      !lus_onnx_constant(builder, node, 1, FALSE, &inputs[1], error) ||
      !lus_onnx_constant(builder, node, 2, FALSE, &inputs[2], error) ||
      !lus_onnx_get_float(node, "epsilon", &attrs.epsilon, error) ||
      !lus_onnx_get_int(node, "num_groups", &attrs.norm_groups, 1, MAX_GROUPS, error) ||
      !lus_onnx_get_int(node, "stash_type", &stash_type, LUS_ONNX_FLOAT, LUS_ONNX_FLOAT, error))
    return FALSE;
  if (attrs.norm_groups == 0)
    return lus_onnx_invalid(error, "num_groups is missing");
  if (builder->opset >= 21)
    return lus_onnx_emit(builder, node, LUS_OP_GROUP_NORM, 3, inputs, &attrs, error);
  if (!builder->sized)
    return lus_onnx_unsupported(error, "GroupNormalization needs the input's size, which the file leaves open; export "
                                       "the model with a fixed size");
  int channels = shape_of(builder, inputs[0])[1];
  for (int i = 1; i < 3; i++)
    if (!repeat_per_channel(builder, &inputs[i], attrs.norm_groups, channels, error))
      return FALSE;
  return lus_onnx_emit(builder, node, LUS_OP_GROUP_NORM, 3, inputs, &attrs, error);
}

/** Arithmetic, or GroupNorm's scale. */
static gboolean build_mul(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusSymbolKind a = kind_of(builder, node, 0), b = kind_of(builder, node, 1);
  int merged = a == LUS_SYMBOL_MERGED ? 0 : 1, scale;
  const LusSymbol *source = lus_onnx_symbol(builder, node, merged, error);
  if (!source)
    return FALSE;
  if (source->kind != LUS_SYMBOL_MERGED || (merged == 0 ? b : a) != LUS_SYMBOL_CONSTANT)
    return lus_onnx_build_binary(builder, node, error);
  if (!lus_onnx_constant(builder, node, 1 - merged, TRUE, &scale, error))
    return FALSE;
  LusSymbol *symbol = lus_symbol_copy(source);
  symbol->kind = LUS_SYMBOL_SCALED;
  symbol->scale = scale;
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

/** GroupNorm's last step; @scaled is the input with what was gathered so far. */
static gboolean emit_group_norm(LusOnnxBuilder *builder, LusOnnxNode *node, int scaled, GError **error)
{
  const LusSymbol *source = lus_onnx_symbol(builder, node, scaled, error);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.norm_groups = source->groups;
  attrs.epsilon = source->epsilon;
  int inputs[3] = {source->value, source->scale, -1};
  return lus_onnx_constant(builder, node, 1 - scaled, TRUE, &inputs[2], error) &&
         lus_onnx_emit(builder, node, LUS_OP_GROUP_NORM, 3, inputs, &attrs, error);
}

/** TRUE for a scalar 0: Python's sum() of activations begins with it. */
static gboolean is_zero(LusOnnxBuilder *builder, const LusOnnxNode *node, int i)
{
  LusNumbers numbers;
  return lus_onnx_numbers(builder, node, i, &numbers, NULL) && numbers.n == 1 && numbers.i[0] == 0 && numbers.f[0] == 0;
}

static gboolean build_add(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusSymbolKind a = kind_of(builder, node, 0), b = kind_of(builder, node, 1);
  if (a == LUS_SYMBOL_CONSTANT || b == LUS_SYMBOL_CONSTANT) {
    int computed = a == LUS_SYMBOL_CONSTANT ? 1 : 0;
    if (is_zero(builder, node, 1 - computed))
      return lus_onnx_define_alias(builder, node, computed, error);
    if ((computed == 0 ? a : b) == LUS_SYMBOL_SCALED)
      return emit_group_norm(builder, node, computed, error);
    return lus_onnx_build_binary(builder, node, error);
  }
  int inputs[2];
  if (!lus_onnx_activation(builder, node, 0, &inputs[0], error) ||
      !lus_onnx_activation(builder, node, 1, &inputs[1], error))
    return FALSE;
  const int *p = shape_of(builder, inputs[0]), *q = shape_of(builder, inputs[1]);
  if (builder->sized && memcmp(p, q, 4 * sizeof *p) != 0)
    return lus_onnx_build_binary(builder, node, error);
  return lus_onnx_emit(builder, node, LUS_OP_ADD, 2, inputs, NULL, error);
}

/** Which source pixel; brings what comes to the same into one form. */
static gboolean read_coordinates(LusOpAttrs *attrs, const LusOnnxResize *modes, GError **error)
{
  if (modes->crop)
    return lus_onnx_unsupported(error, "tf_crop_and_resize of pictures: regions of interest are not supported");
  /* An axis that stays as it is has whole positions, which every way of rounding keeps. */
  LusNearest nearest = lus_onnx_nearest(modes, MIN(attrs->scale[0], attrs->scale[1]));
  if (!modes->linear && nearest != modes->nearest && MAX(attrs->scale[0], attrs->scale[1]) > 1)
    return lus_onnx_unsupported(error, "Resize of opset 10 that makes one side larger and the other smaller; export the "
                                       "model with opset 11 or later");
  attrs->mode = modes->linear ? LUS_RESIZE_LINEAR : LUS_RESIZE_NEAREST;
  attrs->coord = modes->coord;
  attrs->nearest = modes->linear ? LUS_NEAREST_USUAL : nearest;
  /* By a whole factor s the half-pixel source of s q + r is q + (r + .5) / s - .5, which rounds to q. */
  gboolean enlarges = attrs->scale[0] >= 1 && attrs->scale[1] >= 1;
  gboolean whole = enlarges && attrs->scale[0] == floorf(attrs->scale[0]) && attrs->scale[1] == floorf(attrs->scale[1]);
  gboolean half = modes->coord == LUS_COORD_HALF_PIXEL || modes->coord == LUS_COORD_PYTORCH_HALF_PIXEL;
  gboolean rounds = modes->nearest == LUS_NEAREST_PREFER_FLOOR || modes->nearest == LUS_NEAREST_PREFER_CEIL;
  gboolean down = modes->coord == LUS_COORD_ASYMMETRIC && nearest == LUS_NEAREST_FLOOR;
  /* The two differ only where a size becomes 1. */
  if (modes->linear && modes->coord == LUS_COORD_PYTORCH_HALF_PIXEL && enlarges)
    attrs->coord = LUS_COORD_HALF_PIXEL;
  if (!modes->linear && (down || (half && whole && rounds))) {
    attrs->coord = LUS_COORD_ASYMMETRIC;
    attrs->nearest = LUS_NEAREST_USUAL;
  }
  return TRUE;
}

/** Puts a vector given for some axes (opset 18) in the places of [n][c][h][w]; the others get @fill. */
static gboolean spread_axes(LusNumbers *numbers, LusOnnxNode *node, const gint64 fill[4], GError **error)
{
  gboolean ok = TRUE;
  const LusOnnxAttribute *axes = lus_onnx_node_attribute(node, "axes", LUS_ATTRIBUTE_INTS, &ok, error);
  if (!ok || !axes)
    return ok && (numbers->n == 4 || lus_onnx_invalid(error, "scales or sizes have not 4 numbers"));
  LusNumbers out = {.is_float = numbers->is_float, .rank = 1, .n = 4};
  for (int i = 0; i < 4; i++) {
    out.i[i] = fill[i];
    out.f[i] = 1;
  }
  if (axes->n_ints != numbers->n)
    return lus_onnx_invalid(error, "axes and scales or sizes have different lengths");
  for (int k = 0; k < axes->n_ints; k++) {
    gint64 axis = axes->ints[k] < 0 ? axes->ints[k] + 4 : axes->ints[k];
    if (axis < 0 || axis > 3)
      return lus_onnx_invalid(error, "an axis that is not there");
    out.i[axis] = numbers->i[k];
    out.f[axis] = numbers->f[k];
  }
  *numbers = out;
  return TRUE;
}

static gboolean read_sizes(LusOpAttrs *attrs, const LusOnnxBuilder *builder, LusOnnxNode *node, int x,
                           LusNumbers *sizes, GError **error)
{
  if (!builder->sized)
    return lus_onnx_unsupported(error,
                       "Resize to a fixed size needs the input's size, which the file leaves open; export the model "
                       "with a fixed size");
  const int *in = shape_of(builder, x);
  const gint64 fill[4] = {in[0], in[1], in[2], in[3]};
  if (!spread_axes(sizes, node, fill, error))
    return FALSE;
  if (sizes->is_float || sizes->i[0] != in[0] || sizes->i[1] != in[1] || MIN(sizes->i[2], sizes->i[3]) < 1 ||
      MAX(sizes->i[2], sizes->i[3]) > G_MAXINT16)
    return lus_onnx_invalid(error, "Resize to a size that is impossible");
  for (int i = 0; i < 2; i++) {
    attrs->size[2 + i] = (int)sizes->i[2 + i];
    attrs->scale[i] = (float)((double)sizes->i[2 + i] / in[2 + i]);
  }
  return TRUE;
}

static gboolean read_scales(LusOpAttrs *attrs, LusOnnxNode *node, LusNumbers *scales, GError **error)
{
  const gint64 fill[4] = {1, 1, 1, 1};
  if (!spread_axes(scales, node, fill, error))
    return FALSE;
  if (!scales->is_float || scales->f[0] != 1 || scales->f[1] != 1)
    return lus_onnx_invalid(error, "Resize by factors that are impossible or change the number of channels");
  for (int i = 0; i < 2; i++) {
    attrs->scale[i] = (float)scales->f[2 + i];
    if (!(attrs->scale[i] >= 1e-3f && attrs->scale[i] <= 1e3f))
      return lus_onnx_invalid(error, "Resize by a factor outside 0.001 to 1000");
  }
  return TRUE;
}

static gboolean build_resize(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  LusNumbers scales = {0}, sizes = {0};
  LusOnnxResize modes;
  int x;
  if (!lus_onnx_picture(builder, node, 0, &x, error) || !lus_onnx_read_resize(&modes, node, builder->opset, error))
    return FALSE;
  int i = modes.scales_input;
  if ((lus_onnx_node_input(node, i) && !lus_onnx_numbers(builder, node, i, &scales, error)) ||
      (lus_onnx_node_input(node, 3) && !lus_onnx_numbers(builder, node, 3, &sizes, error)))
    return FALSE;
  if ((scales.n > 0) == (sizes.n > 0))
    return lus_onnx_invalid(error, "either scales or sizes must be given");
  return (sizes.n > 0 ? read_sizes(&attrs, builder, node, x, &sizes, error)
                      : read_scales(&attrs, node, &scales, error)) &&
         read_coordinates(&attrs, &modes, error) && lus_onnx_emit(builder, node, LUS_OP_RESIZE, 1, &x, &attrs, error);
}

const LusOnnxOp lus_onnx_ops[] = {
  {"Conv", 2, 3, build_conv},
  {"BatchNormalization", 5, 5, build_batch_norm},
  {"InstanceNormalization", 3, 3, build_instance_norm},
  {"GroupNormalization", 3, 3, build_group_norm},
  {"Reshape", 2, 2, build_reshape},
  {"Mul", 2, 2, build_mul},
  {"Add", 2, 2, build_add},
  {"ReduceSum", 1, 2, lus_onnx_build_reduce_sum},
  {"Relu", 1, 1, build_relu},
  {"Sigmoid", 1, 1, build_sigmoid},
  {"MaxPool", 1, 1, build_max_pool},
  {"Resize", 2, 4, build_resize},
  {"Upsample", 2, 2, build_resize},
  {"Identity", 1, 1, build_identity},
  {"Dropout", 1, 3, build_dropout},
  {"QuantizeLinear", 2, 3, lus_onnx_build_quantize},
  {"DequantizeLinear", 2, 3, lus_onnx_build_dequantize},
  {NULL, 0, 0, NULL},
};
