/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/onnx-build.h"
#include "nn/error.h"
#include "nn/ops.h"

#include <string.h>

LusSymbol *lus_symbol_new(LusSymbolKind kind)
{
  LusSymbol *symbol = g_new0(LusSymbol, 1);
  symbol->kind = kind;
  symbol->rank = 4;
  symbol->value = symbol->constant = symbol->shape_of = symbol->scale = -1;
  return symbol;
}

LusSymbol *lus_symbol_copy(const LusSymbol *symbol)
{
  LusSymbol *copy = g_memdup2(symbol, sizeof *symbol);
  copy->tensor = g_memdup2(symbol->tensor, sizeof *symbol->tensor);
  copy->array = symbol->array ? lus_array_share(symbol->array, symbol->array->rank, symbol->array->dims) : NULL;
  copy->scales = symbol->scales ? lus_array_share(symbol->scales, symbol->scales->rank, symbol->scales->dims) : NULL;
  return copy;
}

void lus_symbol_free(LusSymbol *symbol)
{
  g_free(symbol->tensor);
  lus_array_free(symbol->array);
  lus_array_free(symbol->scales);
  g_free(symbol);
}

gboolean lus_onnx_define(LusOnnxBuilder *builder, const char *name, LusSymbol *symbol, GError **error)
{
  if (!*name)
    g_set_error_literal(error, LUS_ERROR, LUS_ERROR_INVALID, "a result has no name");
  else if (g_hash_table_contains(builder->symbols, name))
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "the name '%s' is given twice", name);
  else
    return g_hash_table_insert(builder->symbols, g_strdup(name), symbol);
  lus_symbol_free(symbol);
  return FALSE;
}

LusSymbol *lus_onnx_symbol(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i, GError **error)
{
  const char *name = lus_onnx_node_input(node, i);
  LusSymbol *symbol = name ? g_hash_table_lookup(builder->symbols, name) : NULL;
  if (!name)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "input %d is missing", i);
  else if (!symbol)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "input '%s' is not defined before this node: the name is wrong, or "
                "the nodes are out of order or run in a circle",
                name);
  return symbol;
}

/** Adds a node and, where sizes are known, its result's shape. */
static gboolean add_node(LusOnnxBuilder *builder, LusOpType type, const char *name, int n_inputs, const int *inputs,
                         const LusOpAttrs *attrs, int *value, GError **error)
{
  *value = lus_graph_add_node(builder->graph, type, name, n_inputs, inputs, attrs);
  return !builder->sized || lus_graph_infer_node(builder->graph, builder->graph->n_nodes - 1, error);
}

/** A constant [channels] with one value everywhere. */
static gboolean add_filled(LusOnnxBuilder *builder, const char *name, const char *suffix, int channels, float fill,
                           int *value, GError **error)
{
  LusTensor *tensor = lus_tensor_new(1, &channels, error);
  if (!tensor)
    return FALSE;
  for (int i = 0; i < channels; i++)
    tensor->data[i] = fill;
  g_autofree char *full = g_strconcat(name, suffix, NULL);
  *value = lus_graph_add_constant(builder->graph, full, tensor);
  return TRUE;
}

/** GroupNorm(affine=False) and the like: the missing scale is 1, the missing bias 0. */
static gboolean complete_group_norm(LusOnnxBuilder *builder, LusSymbol *symbol, const char *name, GError **error)
{
  int inputs[3] = {symbol->value, symbol->scale, -1};
  int channels;
  if (symbol->kind == LUS_SYMBOL_SCALED) {
    channels = builder->graph->values[symbol->scale].constant->dims[0];
  } else if (builder->sized) {
    channels = builder->graph->values[symbol->value].shape[1];
  } else {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "a GroupNorm without scale needs the input's size, which the file "
                "leaves open; export the model with a fixed size");
    return FALSE;
  }
  if (inputs[1] < 0 && !add_filled(builder, name, "/ones", channels, 1, &inputs[1], error))
    return FALSE;
  if (!add_filled(builder, name, "/zeros", channels, 0, &inputs[2], error))
    return FALSE;
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.norm_groups = symbol->groups;
  attrs.epsilon = symbol->epsilon;
  if (!add_node(builder, LUS_OP_GROUP_NORM, name, 3, inputs, &attrs, &symbol->value, error))
    return FALSE;
  symbol->kind = LUS_SYMBOL_ACTIVATION;
  return TRUE;
}

/** What might have become a GroupNorm is a Reshape to [1][groups][rest] after all. */
static gboolean complete_split(LusOnnxBuilder *builder, LusSymbol *symbol, const char *name, GError **error)
{
  if (!lus_onnx_need_size(builder, error))
    return FALSE;
  const int *x = builder->graph->values[symbol->value].shape;
  gint64 total = (gint64)x[1] * x[2] * x[3];
  LusOpAttrs attrs = lus_op_attrs_default();
  const int size[4] = {1, 1, symbol->groups, (int)(total / symbol->groups)};
  memcpy(attrs.size, size, sizeof size);
  if (!add_node(builder, LUS_OP_RESHAPE, name, 1, &symbol->value, &attrs, &symbol->value, error))
    return FALSE;
  symbol->kind = LUS_SYMBOL_ACTIVATION;
  symbol->rank = 3;
  return TRUE;
}

gboolean lus_onnx_resolve(LusOnnxBuilder *builder, LusSymbol *symbol, const char *name, int *value, GError **error)
{
  switch (symbol->kind) {
  case LUS_SYMBOL_MERGED:
  case LUS_SYMBOL_SCALED:
    if (!complete_group_norm(builder, symbol, name, error))
      return FALSE;
    break;
  case LUS_SYMBOL_SPLIT:
    if (!complete_split(builder, symbol, name, error))
      return FALSE;
    break;
  case LUS_SYMBOL_NORMED:
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "'%s' is the middle of a GroupNorm, which is understood only as a whole",
                name);
    return FALSE;
  case LUS_SYMBOL_CODES:
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "'%s' is quantised; only DequantizeLinear may read what QuantizeLinear gives", name);
    return FALSE;
  case LUS_SYMBOL_STACK:
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "'%s' has 5 dimensions, at most 4 are supported; a stack of pictures can only be summed up", name);
    return FALSE;
  case LUS_SYMBOL_CONSTANT:
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "'%s' is a constant where a computed picture is expected",
                name);
    return FALSE;
  case LUS_SYMBOL_ACTIVATION:
    break;
  }
  *value = symbol->value;
  return TRUE;
}

gboolean lus_onnx_activation(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int *value, GError **error)
{
  LusSymbol *symbol = lus_onnx_symbol(builder, node, i, error);
  return symbol && lus_onnx_resolve(builder, symbol, node->inputs[i], value, error);
}

gboolean lus_onnx_picture(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int *value, GError **error)
{
  if (!lus_onnx_activation(builder, node, i, value, error))
    return FALSE;
  int rank = lus_onnx_rank(builder, node, i);
  if (rank != 4)
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "input '%s' has %d dimensions; pictures have 4",
                node->inputs[i], rank);
  return rank == 4;
}

gboolean lus_onnx_is_constant(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i)
{
  const LusSymbol *symbol = lus_onnx_symbol(builder, node, i, NULL);
  return symbol && symbol->kind == LUS_SYMBOL_CONSTANT;
}

int lus_onnx_rank(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i)
{
  const LusSymbol *symbol = lus_onnx_symbol(builder, node, i, NULL);
  if (!symbol || symbol->kind != LUS_SYMBOL_CONSTANT)
    return symbol ? symbol->rank : 0;
  return symbol->array ? symbol->array->rank : symbol->tensor ? symbol->tensor->rank : 1;
}

const LusArray *lus_onnx_array(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, GError **error)
{
  LusSymbol *symbol = lus_onnx_symbol(builder, node, i, error);
  if (!symbol)
    return NULL;
  const char *name = node->inputs[i];
  if (symbol->kind != LUS_SYMBOL_CONSTANT) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "input '%s' must be a constant", name);
    return NULL;
  }
  if (!symbol->array && !symbol->tensor) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "'%s' depends on the input's size, which the file leaves open; export the model with a fixed size",
                name);
    return NULL;
  }
  if (!symbol->array && !(symbol->array = lus_array_read(symbol->tensor, &builder->budget, error)))
    g_prefix_error(error, "tensor '%s': ", name);
  return symbol->array;
}

/** [c][1][1] and [1][c][1][1] become [c]. */
static gboolean flatten_channels(LusTensor *tensor, const char *name, GError **error)
{
  int axis = tensor->rank - 3;
  if ((axis == 0 || axis == 1) && tensor->count == (gsize)tensor->dims[axis]) {
    tensor->dims[0] = tensor->dims[axis];
    tensor->rank = 1;
    return TRUE;
  }
  g_autofree char *dims = lus_tensor_dims_string(tensor);
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "'%s' is %s, not one number per channel (Cx1x1)", name, dims);
  return FALSE;
}

/** Adds the constant to the graph, unless it is there already. */
static gboolean add_constant(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, gboolean per_channel,
                             gboolean whole, int *value, GError **error)
{
  const LusArray *array = lus_onnx_array(builder, node, i, error);
  if (!array)
    return FALSE;
  LusSymbol *symbol = lus_onnx_symbol(builder, node, i, NULL);
  const char *name = node->inputs[i];
  if (symbol->constant >= 0 && symbol->per_channel == per_channel) {
    *value = symbol->constant;
    return TRUE;
  }
  LusTensor *tensor = lus_array_floats(array, whole, error);
  if (!tensor || (per_channel && !flatten_channels(tensor, name, error))) {
    lus_tensor_free(tensor);
    g_prefix_error(error, "tensor '%s': ", name);
    return FALSE;
  }
  symbol->constant = *value = lus_graph_add_constant(builder->graph, name, tensor);
  symbol->per_channel = per_channel;
  LusValue *added = &builder->graph->values[*value];
  added->code_bits = symbol->code_bits;
  return !symbol->scales || (added->scales = lus_array_floats(symbol->scales, FALSE, error)) != NULL;
}

gboolean lus_onnx_constant(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, gboolean per_channel, int *value,
                           GError **error)
{
  return add_constant(builder, node, i, per_channel, FALSE, value, error);
}

gboolean lus_onnx_operand(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int *value, GError **error)
{
  const LusSymbol *symbol = lus_onnx_symbol(builder, node, i, error);
  if (!symbol)
    return FALSE;
  return symbol->kind == LUS_SYMBOL_CONSTANT ? add_constant(builder, node, i, FALSE, TRUE, value, error)
                                             : lus_onnx_activation(builder, node, i, value, error);
}

gboolean lus_onnx_need_size(const LusOnnxBuilder *builder, GError **error)
{
  if (!builder->sized)
    g_set_error_literal(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                        "this needs the input's size, which the file leaves open; export the model with a fixed size");
  return builder->sized;
}

gboolean lus_onnx_numbers(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, LusNumbers *out, GError **error)
{
  const LusArray *array = lus_onnx_array(builder, node, i, error);
  if (!array)
    return FALSE;
  if (lus_array_numbers(out, array, error))
    return TRUE;
  g_prefix_error(error, "tensor '%s': ", node->inputs[i]);
  return FALSE;
}

gboolean lus_onnx_add(LusOnnxBuilder *builder, const LusOnnxNode *node, const char *suffix, LusOpType type, int n_inputs,
                      const int *inputs, const LusOpAttrs *attrs, int *value, GError **error)
{
  g_autofree char *name = g_strconcat(node->outputs[0], suffix, NULL);
  return add_node(builder, type, name, n_inputs, inputs, attrs, value, error);
}

void lus_onnx_set_rank(LusOnnxBuilder *builder, const LusOnnxNode *node, int rank)
{
  LusSymbol *symbol = g_hash_table_lookup(builder->symbols, node->outputs[0]);
  symbol->rank = rank;
}

gboolean lus_onnx_emit(LusOnnxBuilder *builder, const LusOnnxNode *node, LusOpType type, int n_inputs,
                       const int *inputs, const LusOpAttrs *attrs, GError **error)
{
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_ACTIVATION);
  symbol->rank = 0;
  for (int i = 0; i < node->n_inputs; i++)
    symbol->rank = MAX(symbol->rank, lus_onnx_rank(builder, node, i));
  const char *name = *node->name ? node->name : node->outputs[0];
  if (!add_node(builder, type, name, n_inputs, inputs, attrs, &symbol->value, error)) {
    lus_symbol_free(symbol);
    return FALSE;
  }
  LusValue *value = &builder->graph->values[symbol->value];
  g_free(value->name);
  value->name = g_strdup(node->outputs[0]);
  return lus_onnx_define(builder, node->outputs[0], symbol, error);
}

static const LusOnnxOp *find_op(const LusOnnxNode *node)
{
  static const LusOnnxOp *const tables[] = {lus_onnx_ops, lus_onnx_general_ops, lus_onnx_move_ops};
  if (*node->domain && !g_str_equal(node->domain, "ai.onnx"))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
    for (const LusOnnxOp *op = tables[i]; op->type; op++)
      if (g_str_equal(op->type, node->type))
        return op;
  return NULL;
}

/** Whether the node is one to be worked out now: all of its inputs are constants. Those that depend on a size that the
 * file leaves open count too. */
static gboolean is_constant_node(const LusOnnxBuilder *builder, const LusOnnxNode *node)
{
  if (!lus_eval_find(node))
    return FALSE;
  for (int i = 0; i < node->n_inputs; i++)
    if (lus_onnx_node_input(node, i) && !lus_onnx_is_constant(builder, node, i))
      return FALSE;
  return TRUE;
}

/** Lets the constant @symbol remember the scales with which @node, if a DequantizeLinear, made it. */
static void keep_scales(LusSymbol *symbol, LusOnnxNode *node, const LusEval *eval)
{
  const LusArray *codes = eval->in[0], *scale = eval->in[1], *zero = eval->in[2];
  int axis = 1;
  if (!g_str_equal(node->type, "DequantizeLinear") || scale->type != LUS_ONNX_FLOAT ||
      (codes->type != LUS_ONNX_INT8 && codes->type != LUS_ONNX_UINT8 && codes->type != LUS_ONNX_INT32) ||
      !lus_onnx_get_int(node, "axis", &axis, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, NULL) ||
      (scale->count != 1 && axis != 0 && axis != -codes->rank))
    return;
  for (gsize i = 0; i < scale->count; i++)
    if ((zero ? lus_array_whole(zero, i) : 0) != (codes->type == LUS_ONNX_UINT8 ? 128 : 0) ||
        !(lus_array_real(scale, i) > 0))
      return;
  symbol->scales = lus_array_share(scale, scale->rank, scale->dims);
  symbol->code_bits = codes->type == LUS_ONNX_INT32 ? 32 : 8;
}

/** Works a node out and gives its results their names. */
static gboolean fold_node(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  LusEval eval = {.node = node, .opset = builder->opset, .budget = &builder->budget};
  gboolean ok = TRUE;
  for (int i = 0; i < node->n_inputs && ok; i++)
    if (lus_onnx_node_input(node, i))
      ok = (eval.in[i] = lus_onnx_array(builder, node, i, error)) != NULL;
  ok = ok && lus_eval_run(&eval, error);
  for (int i = 0; i < node->n_outputs && ok; i++) {
    if (!*node->outputs[i] || !eval.out[i])
      continue;
    LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_CONSTANT);
    symbol->array = g_steal_pointer(&eval.out[i]);
    keep_scales(symbol, node, &eval);
    ok = lus_onnx_define(builder, node->outputs[i], symbol, error);
  }
  lus_eval_clear(&eval);
  return ok;
}

/** Further, optional results (Dropout's mask, MaxPool's indices, BatchNormalization's statistics) may be named, since
 * nobody can use a name that is not defined. */
static gboolean check_node(const LusOnnxNode *node, const LusOnnxOp *op, GError **error)
{
  if (node->n_inputs >= op->min_inputs && node->n_inputs <= op->max_inputs)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "it has %d inputs; %d to %d are possible", node->n_inputs,
              op->min_inputs, op->max_inputs);
  return FALSE;
}

gboolean lus_onnx_build_node(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error)
{
  const LusOnnxOp *op = find_op(node);
  if (!op && !lus_eval_find(node)) {
    gboolean standard = !*node->domain || g_str_equal(node->domain, "ai.onnx");
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "operator %s%s%s is not supported (docs/operators.md lists "
                "those that are)", standard ? "" : node->domain, standard ? "" : ".", node->type);
    return FALSE;
  }
  if (node->n_outputs < 1)
    return lus_onnx_invalid(error, "it has no output");
  if (is_constant_node(builder, node))
    return fold_node(builder, node, error);
  if (!op) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "operator %s is supported on constants alone", node->type);
    return FALSE;
  }
  if (!check_node(node, op, error) || !op->build(builder, node, error))
    return FALSE;
  const char *unused = lus_onnx_node_unused_attribute(node);
  if (unused)
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "attribute '%s' is not known", unused);
  return !unused;
}
