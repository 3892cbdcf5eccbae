/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/graph.h"

#include <string.h>

#include "nn/ops.h"

const char *lus_op_name(LusOpType type)
{
  g_return_val_if_fail(type >= 0 && type < LUS_OP_N, "?");
  return lus_op_table[type].name;
}

LusOpAttrs lus_op_attrs_default(void)
{
  return (LusOpAttrs){
      .kernel = {1, 1},
      .stride = {1, 1},
      .dilation = {1, 1},
      .groups = 1,
      .norm_groups = 1,
      .epsilon = 1e-5f,
      .mode = LUS_RESIZE_NEAREST,
      .coord = LUS_COORD_ASYMMETRIC,
      .scale = {1, 1},
      .step = {1, 1, 1, 1},
      .permutation = {0, 1, 2, 3},
  };
}

/* Arrays have room for the power of two at or above their count. */
static gsize capacity(int count)
{
  gsize n = 1;
  while (n < (gsize)count)
    n *= 2;
  return n;
}

/* Room for one more element. */
static gpointer grow(gpointer array, int count, gsize element)
{
  return !array || capacity(count + 1) > capacity(count)
             ? g_realloc_n(array, capacity(count + 1), element)
             : array;
}

LusGraph *lus_graph_new(void)
{
  LusGraph *graph = g_new0(LusGraph, 1);
  graph->input = -1;
  graph->output = -1;
  return graph;
}

void lus_graph_free(LusGraph *graph)
{
  if (!graph)
    return;
  for (int i = 0; i < graph->n_nodes; i++)
    g_free(graph->nodes[i].name);
  for (int i = 0; i < graph->n_values; i++) {
    g_free(graph->values[i].name);
    lus_tensor_free(graph->values[i].constant);
    lus_tensor_free(graph->values[i].scales);
  }
  g_free(graph->nodes);
  g_free(graph->values);
  g_free(graph);
}

LusGraph *lus_graph_copy(const LusGraph *graph, GError **error)
{
  g_autoptr(LusGraph) copy = lus_graph_new();
  copy->nodes = g_new0(LusNode, capacity(graph->n_nodes));
  copy->n_nodes = graph->n_nodes;
  if (graph->n_nodes > 0)
    memcpy(copy->nodes, graph->nodes, (gsize)graph->n_nodes * sizeof *graph->nodes);
  for (int i = 0; i < copy->n_nodes; i++)
    copy->nodes[i].name = g_strdup(graph->nodes[i].name);
  copy->values = g_new0(LusValue, capacity(graph->n_values));
  copy->n_values = graph->n_values;
  for (int i = 0; i < copy->n_values; i++) {
    const LusValue *from = &graph->values[i];
    LusValue *to = &copy->values[i];
    to->name = g_strdup(from->name);
    memcpy(to->shape, from->shape, sizeof to->shape);
    to->code_bits = from->code_bits;
    if ((from->constant && !(to->constant = lus_tensor_copy(from->constant, error))) ||
        (from->scales && !(to->scales = lus_tensor_copy(from->scales, error))))
      return NULL;
  }
  copy->input = graph->input;
  copy->output = graph->output;
  return g_steal_pointer(&copy);
}

static int add_value(LusGraph *graph, const char *name, LusTensor *constant)
{
  graph->values = grow(graph->values, graph->n_values, sizeof *graph->values);
  graph->values[graph->n_values] = (LusValue){.name = g_strdup(name), .constant = constant};
  return graph->n_values++;
}

int lus_graph_add_input(LusGraph *graph, const char *name)
{
  graph->input = add_value(graph, name, NULL);
  return graph->input;
}

int lus_graph_add_constant(LusGraph *graph, const char *name, LusTensor *constant)
{
  return add_value(graph, name, constant);
}

int lus_graph_add_node(LusGraph *graph, LusOpType type, const char *name, int n_inputs,
                       const int *inputs, const LusOpAttrs *attrs)
{
  g_return_val_if_fail(type >= 0 && type < LUS_OP_N, -1);
  g_return_val_if_fail(n_inputs >= 0 && n_inputs <= LUS_NODE_MAX_INPUTS, -1);
  int output = add_value(graph, name, NULL);
  graph->nodes = grow(graph->nodes, graph->n_nodes, sizeof *graph->nodes);
  LusNode *node = &graph->nodes[graph->n_nodes++];
  *node = (LusNode){
      .type = type,
      .name = g_strdup(name),
      .n_inputs = n_inputs,
      .output = output,
      .attrs = attrs ? *attrs : lus_op_attrs_default(),
  };
  for (int i = 0; i < LUS_NODE_MAX_INPUTS; i++)
    node->inputs[i] = i < n_inputs ? inputs[i] : -1;
  return output;
}

void lus_graph_set_output(LusGraph *graph, int value)
{
  graph->output = value;
}

/* One flag per value: a learnable constant of some node. Newly allocated. */
static gboolean *learnable_flags(const LusGraph *graph)
{
  gboolean *flags = g_new0(gboolean, MAX(graph->n_values, 1));
  for (int i = 0; i < graph->n_nodes; i++) {
    const LusNode *node = &graph->nodes[i];
    const LusOpInfo *info = &lus_op_table[node->type];
    for (int k = info->first_learnable; k < MIN(info->end_learnable, node->n_inputs); k++) {
      int value = node->inputs[k];
      if (value >= 0 && value < graph->n_values && graph->values[value].constant)
        flags[value] = TRUE;
    }
  }
  return flags;
}

gssize *lus_graph_parameter_offsets(const LusGraph *graph, gsize *total)
{
  g_autofree gboolean *flags = learnable_flags(graph);
  gssize *offsets = g_new(gssize, MAX(graph->n_values, 1));
  gsize n = 0;
  for (int i = 0; i < graph->n_values; i++) {
    offsets[i] = flags[i] ? (gssize)n : -1;
    if (flags[i])
      n += graph->values[i].constant->count;
  }
  if (total)
    *total = n;
  return offsets;
}

gsize lus_graph_n_parameters(const LusGraph *graph)
{
  gsize total;
  g_free(lus_graph_parameter_offsets(graph, &total));
  return total;
}

void lus_graph_get_parameters(const LusGraph *graph, float *out)
{
  g_autofree gssize *offsets = lus_graph_parameter_offsets(graph, NULL);
  for (int i = 0; i < graph->n_values; i++)
    if (offsets[i] >= 0)
      memcpy(out + offsets[i], graph->values[i].constant->data,
             graph->values[i].constant->count * sizeof(float));
}

void lus_graph_set_parameters(LusGraph *graph, const float *in)
{
  g_autofree gssize *offsets = lus_graph_parameter_offsets(graph, NULL);
  for (int i = 0; i < graph->n_values; i++)
    if (offsets[i] >= 0)
      memcpy(graph->values[i].constant->data, in + offsets[i],
             graph->values[i].constant->count * sizeof(float));
}

gssize lus_graph_parameter_offset(const LusGraph *graph, int value)
{
  g_return_val_if_fail(value >= 0 && value < graph->n_values, -1);
  g_autofree gssize *offsets = lus_graph_parameter_offsets(graph, NULL);
  return offsets[value];
}

double lus_node_flop(const LusGraph *graph, const LusNode *node)
{
  if (node->type != LUS_OP_CONV && node->type != LUS_OP_CONV_TRANSPOSE)
    return 0; /* next to them the others count for nothing */
  const int *weight = graph->values[node->inputs[1]].constant->dims; /* [o][c/groups][kh][kw] */
  /* Each pixel of a Conv's result, or of what is convolved transposed, meets the weights once. */
  const int *map = graph->values[node->type == LUS_OP_CONV ? node->output : node->inputs[0]].shape;
  return 2.0 * map[1] * map[2] * map[3] * weight[1] * weight[2] * weight[3];
}

double lus_graph_flop(const LusGraph *graph)
{
  double flop = 0;
  for (int i = 0; i < graph->n_nodes; i++)
    flop += lus_node_flop(graph, &graph->nodes[i]);
  return flop;
}
