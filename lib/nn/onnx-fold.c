/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/onnx-build.h"

#include <math.h>
#include <string.h>

/* Exporters compute the target size of Resize and the shape of Reshape with small graphs of their own (Shape, Gather,
 * Mul, Concat, ...). Where the input's size is known these are constants, and are worked out here. */

static gboolean define_numbers(LusOnnxBuilder *builder, const LusOnnxNode *node, const LusNumbers *numbers,
                               GError **error)
{
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_NUMBERS);
  symbol->numbers = g_memdup2(numbers, sizeof *numbers);
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

/** The single attribute of Constant, which must be one that numbers or weights come in. */
static gboolean build_constant(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  if (node->n_attributes != 1)
    return invalid(error, "Constant needs exactly one value");
  LusOnnxAttribute *a = &node->attributes[0];
  LusNumbers numbers = {0};
  a->used = TRUE;
  if (g_str_equal(a->name, "value") && a->type == LUS_ATTRIBUTE_TENSOR && a->has_tensor) {
    LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_TENSOR);
    g_autofree char *name = NULL;
    symbol->tensor = g_new0(LusOnnxTensor, 1);
    if (lus_onnx_tensor_parse(symbol->tensor, &name, &a->tensor, error))
      return lus_onnx_define(builder, node->outputs[0], symbol, error);
    lus_symbol_free(symbol);
    return FALSE;
  }
  if (g_str_equal(a->name, "value_int") && a->type == LUS_ATTRIBUTE_INT) {
    numbers.n = 1;
    numbers.i[0] = a->i;
  } else if (g_str_equal(a->name, "value_float") && a->type == LUS_ATTRIBUTE_FLOAT && isfinite(a->f)) {
    numbers.is_float = TRUE;
    numbers.n = 1;
    numbers.f[0] = (double)a->f;
  } else if (g_str_equal(a->name, "value_ints") && a->type == LUS_ATTRIBUTE_INTS) {
    numbers.rank = 1;
    numbers.n = a->n_ints;
    memcpy(numbers.i, a->ints, sizeof numbers.i);
  } else if (g_str_equal(a->name, "value_floats") && a->type == LUS_ATTRIBUTE_FLOATS) {
    numbers.is_float = TRUE;
    numbers.rank = 1;
    numbers.n = a->n_floats;
    for (int i = 0; i < a->n_floats; i++) {
      if (!isfinite(a->floats[i]))
        return invalid(error, "Constant holds NaN or infinity");
      numbers.f[i] = (double)a->floats[i];
    }
  } else {
    return unsupported(error, "Constant of a kind that is not supported");
  }
  return define_numbers(builder, node, &numbers, error);
}

/** Shape from opset 15 on can be cut to start..end - 1. */
static gboolean cut_shape(LusNumbers *numbers, int start, int end)
{
  int n = numbers->n;
  start = CLAMP(start < 0 ? start + n : start, 0, n);
  end = CLAMP(end < 0 ? end + n : end, 0, n);
  numbers->n = MAX(end - start, 0);
  memmove(numbers->i, numbers->i + start, (gsize)numbers->n * sizeof numbers->i[0]);
  return numbers->n < n;
}

static gboolean build_shape(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int start = 0, end = LUS_TENSOR_MAX_RANK, value;
  if (!lus_onnx_get_int(node, "start", &start, -G_MAXINT, G_MAXINT, error) ||
      !lus_onnx_get_int(node, "end", &end, -G_MAXINT, G_MAXINT, error))
    return FALSE;
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, error);
  if (!source)
    return FALSE;
  LusNumbers numbers = {.rank = 1};
  if (source->kind == LUS_SYMBOL_TENSOR) {
    numbers.n = source->tensor->rank;
    for (int i = 0; i < numbers.n; i++)
      numbers.i[i] = source->tensor->dims[i];
    cut_shape(&numbers, start, end);
    return define_numbers(builder, node, &numbers, error);
  }
  if (!lus_onnx_activation(builder, node, 0, &value, error))
    return FALSE;
  numbers.n = lus_onnx_rank(builder, node, 0);
  for (int i = 0; i < numbers.n; i++)
    numbers.i[i] = builder->graph->values[value].shape[4 - numbers.n + i];
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_NUMBERS);
  symbol->shape_of = cut_shape(&numbers, start, end) || numbers.n != 4 ? -1 : value;
  symbol->numbers = builder->sized ? g_memdup2(&numbers, sizeof numbers) : NULL;
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

static void copy_number(LusNumbers *out, int to, const LusNumbers *in, int from)
{
  out->i[to] = in->i[from];
  out->f[to] = in->f[from];
}

static gboolean build_gather(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int axis = 0;
  LusNumbers data, index;
  if (!lus_onnx_get_int(node, "axis", &axis, -1, 0, error) || !lus_onnx_numbers(builder, node, 0, &data, error) ||
      !lus_onnx_numbers(builder, node, 1, &index, error))
    return FALSE;
  if (data.rank != 1 || index.is_float)
    return invalid(error, "Gather needs a vector and whole numbers");
  LusNumbers out = {.is_float = data.is_float, .rank = index.rank, .n = index.n};
  for (int k = 0; k < index.n; k++) {
    gint64 at = index.i[k] < 0 ? index.i[k] + data.n : index.i[k];
    if (at < 0 || at >= data.n)
      return invalid(error, "Gather takes an element that is not there");
    copy_number(&out, k, &data, (int)at);
  }
  return define_numbers(builder, node, &out, error);
}

/** Axes as an attribute (before opset 13) or as input 1. */
static gboolean read_axes(const LusOnnxBuilder *builder, LusOnnxNode *node, LusNumbers *axes, GError **error)
{
  if (lus_onnx_node_input(node, 1))
    return lus_onnx_numbers(builder, node, 1, axes, error);
  gboolean ok = TRUE;
  const LusOnnxAttribute *a = lus_onnx_node_attribute(node, "axes", LUS_ATTRIBUTE_INTS, &ok, error);
  *axes = (LusNumbers){.rank = 1};
  if (a) {
    axes->n = a->n_ints;
    memcpy(axes->i, a->ints, sizeof axes->i);
  }
  return ok;
}

/** Weights get dimensions of 1, such as GroupNorm's [c] -> [c][1][1]. */
static gboolean unsqueeze_tensor(LusOnnxBuilder *builder, const LusOnnxNode *node, const LusSymbol *source,
                                 const LusNumbers *axes, GError **error)
{
  int rank = source->tensor->rank + axes->n;
  gboolean inserted[LUS_TENSOR_MAX_RANK] = {FALSE};
  if (rank > LUS_TENSOR_MAX_RANK)
    return invalid(error, "more than 8 dimensions");
  for (int k = 0; k < axes->n; k++) {
    gint64 axis = axes->i[k] < 0 ? axes->i[k] + rank : axes->i[k];
    if (axis < 0 || axis >= rank || inserted[axis])
      return invalid(error, "an axis that is not there, or twice");
    inserted[axis] = TRUE;
  }
  LusSymbol *symbol = lus_symbol_copy(source);
  symbol->constant = -1;
  symbol->tensor->rank = rank;
  for (int k = 0, from = 0; k < rank; k++)
    symbol->tensor->dims[k] = inserted[k] ? 1 : source->tensor->dims[from++];
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

static gboolean build_unsqueeze(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers axes, data;
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, error);
  if (!source || !read_axes(builder, node, &axes, error))
    return FALSE;
  if (axes.is_float)
    return invalid(error, "axes must be whole numbers");
  if (source->kind == LUS_SYMBOL_TENSOR)
    return unsqueeze_tensor(builder, node, source, &axes, error);
  if (source->kind != LUS_SYMBOL_NUMBERS)
    return lus_onnx_build_unsqueeze(builder, node, &axes, error);
  if (!lus_onnx_numbers(builder, node, 0, &data, error))
    return FALSE;
  if (data.rank != 0 || axes.n != 1 || axes.i[0] < -1 || axes.i[0] > 0)
    return unsupported(error, "Unsqueeze of more than a single number");
  data.rank = 1;
  return define_numbers(builder, node, &data, error);
}

static gboolean build_squeeze(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers axes, data;
  if (!read_axes(builder, node, &axes, error))
    return FALSE;
  if (!lus_onnx_is_constant(builder, node, 0))
    return lus_onnx_build_squeeze(builder, node, &axes, error);
  if (!lus_onnx_numbers(builder, node, 0, &data, error))
    return FALSE;
  if (data.n != 1 || axes.n > 1 || axes.i[0] < -1 || axes.i[0] > 0)
    return unsupported(error, "Squeeze of more than a single number");
  data.rank = 0;
  return define_numbers(builder, node, &data, error);
}

static gboolean build_concat(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int axis = 0;
  LusNumbers out = {.rank = 1};
  for (int k = 0; k < node->n_inputs; k++)
    if (!lus_onnx_is_constant(builder, node, k))
      return lus_onnx_build_concat(builder, node, error);
  if (!lus_onnx_get_int(node, "axis", &axis, -1, 0, error)) {
    g_prefix_error(error, "only shapes can be joined: ");
    return FALSE;
  }
  for (int k = 0; k < node->n_inputs; k++) {
    LusNumbers part;
    if (!lus_onnx_numbers(builder, node, k, &part, error))
      return FALSE;
    if (part.rank != 1 || (k > 0 && part.is_float != out.is_float) || part.n > LUS_ONNX_MAX_NUMBERS - out.n)
      return unsupported(error, "Concat of other things than short vectors of one type");
    out.is_float = part.is_float;
    for (int i = 0; i < part.n; i++)
      copy_number(&out, out.n++, &part, i);
  }
  return define_numbers(builder, node, &out, error);
}

/** Slice's inputs 1..4; each a vector of one number here. */
static gboolean read_slice_input(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i, gint64 *value,
                                 GError **error)
{
  LusNumbers numbers;
  if (!lus_onnx_node_input(node, i))
    return TRUE;
  if (!lus_onnx_numbers(builder, node, i, &numbers, error))
    return FALSE;
  if (numbers.is_float || numbers.n != 1)
    return unsupported(error, "Slice along more than one axis");
  *value = numbers.i[0];
  return TRUE;
}

static gboolean build_slice(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers data;
  gint64 start = 0, end = G_MAXINT64, axis = 0, step = 1;
  if (!lus_onnx_is_constant(builder, node, 0))
    return lus_onnx_build_slice(builder, node, error);
  if (!lus_onnx_numbers(builder, node, 0, &data, error) || !read_slice_input(builder, node, 1, &start, error) ||
      !read_slice_input(builder, node, 2, &end, error) || !read_slice_input(builder, node, 3, &axis, error) ||
      !read_slice_input(builder, node, 4, &step, error))
    return FALSE;
  if (data.rank != 1 || axis < -1 || axis > 0 || step != 1)
    return unsupported(error, "Slice of another kind than a part of a vector");
  int n = data.n;
  gint64 first = start < 0 ? MAX(start, -n) + n : MIN(start, n);
  gint64 last = end < 0 ? MAX(end, -n) + n : MIN(end, n);
  LusNumbers out = {.is_float = data.is_float, .rank = 1};
  for (gint64 i = first; i < last; i++)
    copy_number(&out, out.n++, &data, (int)i);
  return define_numbers(builder, node, &out, error);
}

static gboolean build_cast(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  int to = 0, saturate = 1; /* saturate concerns 8-bit floats alone */
  LusNumbers numbers;
  const LusSymbol *source = lus_onnx_symbol(builder, node, 0, error);
  if (!source || !lus_onnx_get_int(node, "to", &to, 1, 32, error) ||
      !lus_onnx_get_int(node, "saturate", &saturate, 0, 1, error))
    return FALSE;
  /* Weights kept as float16: all floats become float32 when they are used. */
  gboolean weights = source->kind == LUS_SYMBOL_TENSOR &&
                     (source->tensor->type == LUS_ONNX_FLOAT16 || source->tensor->type == LUS_ONNX_DOUBLE);
  if (to == LUS_ONNX_FLOAT && weights)
    return lus_onnx_define(builder, node->outputs[0], lus_symbol_copy(source), error);
  if (!lus_onnx_numbers(builder, node, 0, &numbers, error))
    return FALSE;
  gboolean to_float = to == LUS_ONNX_FLOAT || to == LUS_ONNX_DOUBLE;
  if (!to_float && to != LUS_ONNX_INT64 && to != LUS_ONNX_INT32)
    return unsupported(error, "Cast to another type than float, double, int32 or int64");
  for (int k = 0; k < numbers.n; k++) {
    if (to_float && !numbers.is_float)
      numbers.f[k] = (double)numbers.i[k];
    if (to == LUS_ONNX_FLOAT)
      numbers.f[k] = (double)(float)numbers.f[k];
    if (!to_float && numbers.is_float) {
      if (!(fabs(numbers.f[k]) < 2147483648.0))
        return invalid(error, "Cast of a number that does not fit");
      numbers.i[k] = (gint64)numbers.f[k];
    }
  }
  numbers.is_float = to_float;
  return define_numbers(builder, node, &numbers, error);
}

/** One integer operation; FALSE on overflow and division by zero. */
static gboolean whole(gint64 *out, char op, gint64 a, gint64 b)
{
  switch (op) {
  case '+':
    return !__builtin_add_overflow(a, b, out);
  case '-':
    return !__builtin_sub_overflow(a, b, out);
  case '*':
    return !__builtin_mul_overflow(a, b, out);
  default:
    if (b == 0 || (a == G_MININT64 && b == -1))
      return FALSE;
    *out = a / b;
    return TRUE;
  }
}

static double real(char op, double a, double b)
{
  return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
}

gboolean lus_onnx_fold_arithmetic(LusOnnxBuilder *builder, LusOnnxNode *node, char op, GError **error)
{
  LusNumbers a, b;
  if (!lus_onnx_numbers(builder, node, 0, &a, error) || !lus_onnx_numbers(builder, node, 1, &b, error))
    return FALSE;
  if (a.is_float != b.is_float || (a.n != b.n && a.n != 1 && b.n != 1))
    return invalid(error, "arithmetic on constants of different types or lengths");
  LusNumbers out = {.is_float = a.is_float, .rank = MAX(a.rank, b.rank)};
  out.n = a.n == 0 || b.n == 0 ? 0 : MAX(a.n, b.n);
  for (int k = 0; k < out.n; k++) {
    int ka = a.n == 1 ? 0 : k, kb = b.n == 1 ? 0 : k;
    if (a.is_float)
      out.f[k] = real(op, a.f[ka], b.f[kb]);
    if (a.is_float ? !isfinite(out.f[k]) : !whole(&out.i[k], op, a.i[ka], b.i[kb]))
      return invalid(error, "arithmetic on constants overflows or divides by zero");
  }
  return define_numbers(builder, node, &out, error);
}

static gboolean build_sub(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  if (!lus_onnx_is_constant(builder, node, 0) || !lus_onnx_is_constant(builder, node, 1))
    return lus_onnx_build_binary(builder, node, error);
  return lus_onnx_fold_arithmetic(builder, node, '-', error);
}

static gboolean build_div(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  if (!lus_onnx_is_constant(builder, node, 0) || !lus_onnx_is_constant(builder, node, 1))
    return lus_onnx_build_binary(builder, node, error);
  return lus_onnx_fold_arithmetic(builder, node, '/', error);
}

static gboolean build_rounding(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusNumbers numbers;
  if (!lus_onnx_numbers(builder, node, 0, &numbers, error))
    return FALSE;
  if (!numbers.is_float)
    return invalid(error, "rounding of whole numbers");
  for (int k = 0; k < numbers.n; k++)
    numbers.f[k] = g_str_equal(node->type, "Floor") ? floor(numbers.f[k]) : ceil(numbers.f[k]);
  return define_numbers(builder, node, &numbers, error);
}

const LusOnnxOp lus_onnx_fold_ops[] = {
  {"Constant", 0, 0, build_constant},
  {"Shape", 1, 1, build_shape},
  {"Gather", 2, 2, build_gather},
  {"Unsqueeze", 1, 2, build_unsqueeze},
  {"Squeeze", 1, 2, build_squeeze},
  {"Concat", 1, LUS_ONNX_MAX_INPUTS, build_concat},
  {"Slice", 3, 5, build_slice},
  {"Cast", 1, 1, build_cast},
  {"Sub", 2, 2, build_sub},
  {"Div", 2, 2, build_div},
  {"Floor", 1, 1, build_rounding},
  {"Ceil", 1, 1, build_rounding},
  {NULL, 0, 0, NULL},
};
