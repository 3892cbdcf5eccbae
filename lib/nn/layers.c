/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/layers.h"

#include <math.h>

int lus_layers_constant(LusLayers *b, const char *layer, const char *what, int rank, const int *dims, float fill)
{
  LusTensor *tensor = b->failed ? NULL : lus_tensor_new(rank, dims, b->error);
  if (!tensor) {
    b->failed = TRUE;
    return -1;
  }
  for (gsize i = 0; i < tensor->count; i++)
    tensor->data[i] = fill;
  g_autofree char *name = g_strdup_printf("%s.%s", layer, what);
  return lus_graph_add_constant(b->graph, name, tensor);
}

/** @in: channels that one output sees. */
static int he_weight(LusLayers *b, const char *layer, int in, int out, int kernel)
{
  int value = lus_layers_constant(b, layer, "weight", 4, (int[]){out, in, kernel, kernel}, 0);
  if (value >= 0) {
    LusTensor *tensor = b->graph->values[value].constant;
    double sd = sqrt(2.0 / ((double)in * kernel * kernel));
    for (gsize i = 0; i < tensor->count; i++)
      tensor->data[i] = (float)lus_rng_normal(&b->rng, 0, sd);
  }
  return value;
}

static LusOpAttrs conv_attrs(int kernel, int stride)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 2; i++) {
    attrs.kernel[i] = kernel;
    attrs.stride[i] = stride;
    attrs.pad[i] = attrs.pad[i + 2] = kernel / 2;
  }
  return attrs;
}

int lus_layers_conv(LusLayers *b, const char *name, int x, int in, int out, int kernel, int stride, int groups)
{
  LusOpAttrs attrs = conv_attrs(kernel, stride);
  attrs.groups = groups;
  int inputs[] = {x, he_weight(b, name, in / groups, out, kernel)};
  return lus_graph_add_node(b->graph, LUS_OP_CONV, name, 2, inputs, &attrs);
}

int lus_layers_conv_1x1(LusLayers *b, const char *name, int x, int in, int out, float bias)
{
  LusOpAttrs attrs = conv_attrs(1, 1);
  int inputs[] = {x, he_weight(b, name, in, out, 1), lus_layers_constant(b, name, "bias", 1, &out, bias)};
  return lus_graph_add_node(b->graph, LUS_OP_CONV, name, 3, inputs, &attrs);
}

int lus_layers_group_norm(LusLayers *b, const char *layer, int x, int channels, int groups, float scale)
{
  g_autofree char *name = g_strdup_printf("%s.norm", layer);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.norm_groups = groups;
  int inputs[] = {x, lus_layers_constant(b, name, "scale", 1, &channels, scale),
                  lus_layers_constant(b, name, "bias", 1, &channels, 0)};
  return lus_graph_add_node(b->graph, LUS_OP_GROUP_NORM, name, 3, inputs, &attrs);
}

int lus_layers_batch_norm(LusLayers *b, const char *layer, int x, int channels)
{
  g_autofree char *name = g_strdup_printf("%s.norm", layer);
  int inputs[] = {x, lus_layers_constant(b, name, "scale", 1, &channels, 1),
                  lus_layers_constant(b, name, "bias", 1, &channels, 0),
                  lus_layers_constant(b, name, "mean", 1, &channels, 0),
                  lus_layers_constant(b, name, "variance", 1, &channels, 1)};
  for (int i = 0; i < channels && !b->failed; i++) {
    b->graph->values[inputs[3]].constant->data[i] = (float)lus_rng_normal(&b->rng, 0, 0.1);
    b->graph->values[inputs[4]].constant->data[i] = (float)lus_rng_uniform(&b->rng, 0.5, 1.5);
  }
  return lus_graph_add_node(b->graph, LUS_OP_BATCH_NORM, name, 5, inputs, NULL);
}

int lus_layers_norm(LusLayers *b, const char *layer, int x, int channels, float scale)
{
  if (!b->group_norm)
    return lus_layers_batch_norm(b, layer, x, channels);
  int per_group = 8;
  while (channels % per_group != 0)
    per_group /= 2;
  return lus_layers_group_norm(b, layer, x, channels, channels / per_group, scale);
}

int lus_layers_relu(LusLayers *b, const char *layer, int x)
{
  g_autofree char *name = g_strdup_printf("%s.relu", layer);
  return lus_graph_add_node(b->graph, LUS_OP_RELU, name, 1, &x, NULL);
}

int lus_layers_add(LusLayers *b, const char *layer, int x, int y)
{
  g_autofree char *name = g_strdup_printf("%s.add", layer);
  return lus_graph_add_node(b->graph, LUS_OP_ADD, name, 2, (int[]){x, y}, NULL);
}

int lus_layers_up(LusLayers *b, const char *layer, int x, LusResizeMode mode, LusResizeCoord coord, float factor)
{
  g_autofree char *name = g_strdup_printf("%s.up", layer);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.mode = mode;
  attrs.coord = coord;
  attrs.scale[0] = attrs.scale[1] = factor;
  return lus_graph_add_node(b->graph, LUS_OP_RESIZE, name, 1, &x, &attrs);
}

int lus_layers_up_nearest(LusLayers *b, const char *layer, int x)
{
  return lus_layers_up(b, layer, x, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2);
}

void lus_layers_finish(LusLayers *b, int value)
{
  LusValue *logits = &b->graph->values[value];
  g_free(logits->name);
  logits->name = g_strdup("logits");
  lus_graph_set_output(b->graph, value);
}
