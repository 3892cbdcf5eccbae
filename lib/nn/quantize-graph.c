/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which activations become codes. */
#include "nn/quantize-graph.h"

#include <math.h>
#include <string.h>

#include "nn/ops.h"

typedef struct {
  const LusGraph *from;
  LusGraph *to;
  int *uses;      /* per value: how often nodes read it */
  int *reader;    /* per value: the last node that reads it, or -1 */
  gboolean *tail; /* per value: the output comes from it without a convolution in between */
  int *plain;     /* per value: where it is in the new graph, -1 = not yet */
  int *coded;     /* per value: the same behind the Quantize node that convolutions read, -1 = it has none */
  int *mixed;     /* per value: the same of the one that all others read */
} Builder;

/* ---- BatchNorm ---- */

/* w' = w a, b' = b a + shift - mean a with a = scale / sqrt(variance + epsilon). */
static gboolean fold_into(LusGraph *graph, LusNode *conv, const LusNode *norm, GError **error)
{
  const float *parts[4];
  for (int i = 0; i < 4; i++)
    parts[i] = graph->values[norm->inputs[i + 1]].constant->data;
  LusTensor *weight = lus_tensor_copy(graph->values[conv->inputs[1]].constant, error);
  int channels = weight ? weight->dims[0] : 1;
  LusTensor *bias = weight ? lus_tensor_new(1, &channels, error) : NULL;
  if (!bias) {
    lus_tensor_free(weight);
    return FALSE;
  }
  gsize share = weight->count / (gsize)channels;
  const LusTensor *old = conv->n_inputs > 2 && conv->inputs[2] >= 0 ? graph->values[conv->inputs[2]].constant : NULL;
  for (int o = 0; o < channels; o++) {
    double a = (double)parts[0][o] / sqrt((double)parts[3][o] + (double)norm->attrs.epsilon);
    for (gsize i = 0; i < share; i++)
      weight->data[(gsize)o * share + i] *= (float)a;
    bias->data[o] = (float)((old ? (double)old->data[o] : 0) * a + (double)parts[1][o] - (double)parts[2][o] * a);
  }
  g_autofree char *weight_name = g_strdup(graph->values[conv->inputs[1]].name);
  g_autofree char *bias_name = g_strconcat(weight_name, "/bias", NULL);
  conv->inputs[1] = lus_graph_add_constant(graph, weight_name, weight);
  conv->inputs[2] = lus_graph_add_constant(graph, bias_name, bias);
  conv->n_inputs = 3;
  return TRUE;
}

static int count_uses(const LusGraph *graph, int value)
{
  int n = graph->output == value;
  for (int i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_inputs; k++)
      n += graph->nodes[i].inputs[k] == value;
  return n;
}

/* The convolution takes over the BatchNorm's result, and the node is removed. */
static gboolean fold_batch_norms(LusGraph *graph, GError **error)
{
  int kept = 0;
  for (int i = 0; i < graph->n_nodes; i++) {
    LusNode node = graph->nodes[i], *conv = NULL;
    for (int k = 0; node.type == LUS_OP_BATCH_NORM && k < kept; k++)
      if (graph->nodes[k].type == LUS_OP_CONV && graph->nodes[k].output == node.inputs[0])
        conv = &graph->nodes[k];
    if (!conv || count_uses(graph, node.inputs[0]) != 1) {
      graph->nodes[kept++] = node;
      continue;
    }
    gboolean folded = fold_into(graph, conv, &node, error);
    conv->output = node.output;
    g_free(node.name);
    if (!folded) { /* the graph must stay one that can be freed */
      memmove(&graph->nodes[kept], &graph->nodes[i + 1], (gsize)(graph->n_nodes - i - 1) * sizeof node);
      graph->n_nodes += kept - i - 1;
      return FALSE;
    }
  }
  graph->n_nodes = kept;
  return TRUE;
}

/* ---- what is quantised ---- */

static gboolean is_coded_type(LusOpType type)
{
  return type == LUS_OP_CONV || type == LUS_OP_ADD || type == LUS_OP_MAX_POOL || type == LUS_OP_RESIZE ||
         type == LUS_OP_CONCAT;
}

static gboolean is_activation(LusOpType type)
{
  return type == LUS_OP_RELU || type == LUS_OP_CLIP;
}

static gboolean is_coded_node(const Builder *b, const LusNode *node)
{
  return is_coded_type(node->type) && (node->type == LUS_OP_CONV || !b->tail[node->output]);
}

static void look(Builder *b)
{
  const LusGraph *graph = b->from;
  b->tail[graph->output] = TRUE;
  for (int i = graph->n_nodes - 1; i >= 0; i--) {
    const LusNode *node = &graph->nodes[i];
    for (int k = 0; k < lus_node_n_maps(node); k++) {
      int value = node->inputs[k];
      b->uses[value]++;
      if (b->reader[value] < 0)
        b->reader[value] = i;
      if (b->tail[node->output] && node->type != LUS_OP_CONV)
        b->tail[value] = TRUE;
    }
  }
}

/* A ReLU that alone reads a result is part of the operator before it. */
static gboolean is_inner(const Builder *b, int value)
{
  return b->uses[value] == 1 && is_activation(b->from->nodes[b->reader[value]].type);
}

static gboolean is_read_as_codes(const Builder *b, int value)
{
  for (int i = 0; i < b->from->n_nodes; i++) {
    const LusNode *node = &b->from->nodes[i];
    for (int k = 0; is_coded_node(b, node) && k < lus_node_n_maps(node); k++)
      if (node->inputs[k] == value)
        return TRUE;
  }
  return FALSE;
}

/* @node makes the value, NULL: it is the network's input. */
static gboolean wants_codes(const Builder *b, const LusNode *node, int value)
{
  if (is_read_as_codes(b, value))
    return TRUE;
  if (!node || b->tail[value] || is_inner(b, value) || node->type == LUS_OP_QUANTIZE)
    return FALSE;
  if (!is_activation(node->type))
    return is_coded_node(b, node);
  for (int i = 0; i < b->from->n_nodes; i++)
    if (b->from->nodes[i].output == node->inputs[0])
      return is_coded_type(b->from->nodes[i].type);
  return FALSE;
}

/* ---- the new graph ---- */

static int add_quantize(Builder *b, int value, const char *suffix)
{
  g_autofree char *name = g_strconcat(b->from->values[value].name, suffix, NULL);
  int coded = lus_graph_add_node(b->to, LUS_OP_QUANTIZE, name, 1, &b->plain[value], NULL);
  b->to->nodes[b->to->n_nodes - 1].attrs.alpha = 1;
  return coded;
}

static gboolean is_read_by(const Builder *b, int value, gboolean conv)
{
  for (int i = 0; i < b->from->n_nodes; i++)
    for (int k = 0; k < lus_node_n_maps(&b->from->nodes[i]); k++)
      if (b->from->nodes[i].inputs[k] == value && (b->from->nodes[i].type == LUS_OP_CONV) == conv)
        return TRUE;
  return FALSE;
}

static void place(Builder *b, const LusNode *node, int value)
{
  if (!wants_codes(b, node, value))
    return;
  if (is_read_by(b, value, TRUE))
    b->coded[value] = add_quantize(b, value, "/quantized");
  if (is_read_by(b, value, FALSE))
    b->mixed[value] = add_quantize(b, value, b->coded[value] < 0 ? "/quantized" : "/quantized/mixed");
}

static gboolean place_constant(Builder *b, int value, GError **error)
{
  const LusValue *from = &b->from->values[value];
  LusTensor *copy = lus_tensor_copy(from->constant, error);
  if (copy)
    b->plain[value] = lus_graph_add_constant(b->to, from->name, copy);
  return copy != NULL;
}

static gboolean place_node(Builder *b, const LusNode *node, GError **error)
{
  int inputs[LUS_NODE_MAX_INPUTS];
  gboolean floats = b->tail[node->output] && node->type != LUS_OP_CONV;
  for (int k = 0; k < node->n_inputs; k++) {
    int value = node->inputs[k];
    if (value >= 0 && b->plain[value] < 0 && !place_constant(b, value, error))
      return FALSE;
    const int *codes = node->type == LUS_OP_CONV ? b->coded : b->mixed;
    inputs[k] = value < 0 ? -1 : codes[value] >= 0 && !floats ? codes[value] : b->plain[value];
  }
  b->plain[node->output] = lus_graph_add_node(b->to, node->type, node->name, node->n_inputs, inputs, &node->attrs);
  LusValue *value = &b->to->values[b->plain[node->output]];
  g_free(value->name);
  value->name = g_strdup(b->from->values[node->output].name);
  place(b, node, node->output);
  return TRUE;
}

static gboolean build(Builder *b, GError **error)
{
  const LusGraph *graph = b->from;
  look(b);
  for (int v = 0; v < graph->n_values; v++)
    b->plain[v] = b->coded[v] = b->mixed[v] = -1;
  b->plain[graph->input] = lus_graph_add_input(b->to, graph->values[graph->input].name);
  place(b, NULL, graph->input);
  for (int i = 0; i < graph->n_nodes; i++)
    if (!place_node(b, &graph->nodes[i], error))
      return FALSE;
  lus_graph_set_output(b->to, b->plain[graph->output]);
  return TRUE;
}

LusGraph *lus_quantize_graph(const LusGraph *graph, int c, int h, int w, GError **error)
{
  g_autoptr(LusGraph) copy = lus_graph_copy(graph, error);
  if (!copy || !lus_graph_infer_shapes(copy, c, h, w, error) || !fold_batch_norms(copy, error))
    return NULL;
  gsize n = (gsize)copy->n_values;
  g_autoptr(LusGraph) to = lus_graph_new();
  g_autofree int *uses = g_new0(int, n), *reader = g_new(int, n), *plain = g_new(int, n), *coded = g_new(int, n);
  g_autofree int *mixed = g_new(int, n);
  g_autofree gboolean *tail = g_new0(gboolean, n);
  for (gsize v = 0; v < n; v++)
    reader[v] = -1;
  Builder b = {copy, to, uses, reader, tail, plain, coded, mixed};
  return build(&b, error) ? g_steal_pointer(&to) : NULL;
}
