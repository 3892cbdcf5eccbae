/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small graphs with random constants for the tests of graph, plan and gradients. */
#pragma once
#include "nn/graph.h"
#include "nn/rng.h"

/* A constant of normal deviates of the given mean and deviation. */
static inline int fixture_constant(LusGraph *graph, LusRng *rng, const char *name, double mean,
                                   double sd, int rank, const int *dims)
{
  LusTensor *tensor = lus_tensor_new(rank, dims, NULL);
  g_assert_nonnull(tensor);
  for (gsize i = 0; i < tensor->count; i++)
    tensor->data[i] = (float)lus_rng_normal(rng, mean, sd);
  return lus_graph_add_constant(graph, name, tensor);
}

static inline int fixture_conv(LusGraph *graph, LusRng *rng, int x, int in, int out, gboolean bias,
                               const LusOpAttrs *a)
{
  int weight = fixture_constant(graph, rng, "weight", 0, 0.3, 4,
                                (int[]){out, in / a->groups, a->kernel[0], a->kernel[1]});
  int inputs[] = {x, weight, bias ? fixture_constant(graph, rng, "bias", 0, 1, 1, &out) : -1};
  return lus_graph_add_node(graph, LUS_OP_CONV, "conv", 3, inputs, a);
}

static inline int fixture_group_norm(LusGraph *graph, LusRng *rng, int x, int channels, int groups)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.norm_groups = groups;
  int inputs[] = {x, fixture_constant(graph, rng, "scale", 1, 0.3, 1, &channels),
                  fixture_constant(graph, rng, "shift", 0, 1, 1, &channels)};
  return lus_graph_add_node(graph, LUS_OP_GROUP_NORM, "norm", 3, inputs, &attrs);
}

static inline int fixture_batch_norm(LusGraph *graph, LusRng *rng, int x, int channels)
{
  int inputs[] = {x, fixture_constant(graph, rng, "scale", 1, 0.3, 1, &channels),
                  fixture_constant(graph, rng, "shift", 0, 1, 1, &channels),
                  fixture_constant(graph, rng, "mean", 0, 1, 1, &channels),
                  fixture_constant(graph, rng, "variance", 2, 0.2, 1, &channels)};
  return lus_graph_add_node(graph, LUS_OP_BATCH_NORM, "batch_norm", 5, inputs, NULL);
}

static inline int fixture_unary(LusGraph *graph, LusOpType type, int x)
{
  return lus_graph_add_node(graph, type, lus_op_name(type), 1, &x, NULL);
}

static inline int fixture_add(LusGraph *graph, int x, int y)
{
  return lus_graph_add_node(graph, LUS_OP_ADD, "add", 2, (int[]){x, y}, NULL);
}

static inline int fixture_max_pool(LusGraph *graph, int x, int kernel, int stride, int pad)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 2; i++) {
    attrs.kernel[i] = kernel;
    attrs.stride[i] = stride;
    attrs.pad[i] = attrs.pad[i + 2] = pad;
  }
  return lus_graph_add_node(graph, LUS_OP_MAX_POOL, "pool", 1, &x, &attrs);
}

static inline int fixture_resize(LusGraph *graph, int x, LusResizeMode mode, LusResizeCoord coord,
                                 float sy, float sx)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.mode = mode;
  attrs.coord = coord;
  attrs.scale[0] = sy;
  attrs.scale[1] = sx;
  return lus_graph_add_node(graph, LUS_OP_RESIZE, "resize", 1, &x, &attrs);
}

/* The convolutions the tests try: every field of the attributes, odd sizes, more than one block of
 * rows. */
typedef struct {
  const char *name;
  int c, h, w, out;
  int kernel[2], stride[2], dilation[2], pad[4], groups;
  gboolean bias;
} FixtureConv;

static const FixtureConv fixture_convs[] = {
    {"1x1", 5, 7, 9, 3, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1, TRUE},
    {"1x1-stride-2", 4, 7, 8, 6, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}, 1, FALSE},
    {"1x1-groups", 6, 5, 4, 4, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 2, TRUE},
    {"3x3", 3, 9, 11, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, TRUE},
    {"3x3-no-pad", 8, 6, 5, 16, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1, FALSE},
    {"3x3-stride-2", 4, 9, 12, 6, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, 1, FALSE},
    {"3x3-stride-2-pad-end", 4, 8, 8, 3, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, 1, FALSE},
    {"3x3-dilated", 4, 11, 10, 3, {3, 3}, {1, 1}, {2, 3}, {2, 3, 2, 3}, 1, TRUE},
    {"3x3-dilated-stride", 2, 13, 12, 3, {3, 3}, {2, 3}, {2, 2}, {1, 2, 3, 1}, 1, TRUE},
    {"3x3-groups", 6, 7, 8, 9, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 3, TRUE},
    {"3x3-depthwise", 8, 10, 9, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 8, FALSE},
    {"3x3-depthwise-stride", 5, 10, 9, 10, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, 5, TRUE},
    {"5x5-one-channel", 1, 17, 19, 8, {5, 5}, {2, 2}, {1, 1}, {2, 2, 2, 2}, 1, FALSE},
    {"7x7-stride-2", 3, 18, 17, 4, {7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}, 1, TRUE},
    {"1x5-4x1-pads", 3, 8, 9, 4, {4, 5}, {1, 1}, {1, 1}, {0, 4, 3, 1}, 1, FALSE},
    {"2x2-stride-3", 3, 10, 11, 4, {2, 2}, {3, 3}, {1, 1}, {0, 0, 0, 0}, 1, TRUE},
    {"pad-beyond-kernel", 2, 4, 3, 3, {1, 3}, {1, 2}, {1, 1}, {2, 4, 1, 4}, 1, TRUE},
    {"3x3-large", 16, 96, 90, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, TRUE},
    {"3x3-cut-tiles", 24, 23, 29, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, TRUE},
    {"3x3-tiles-no-pad", 8, 19, 18, 40, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}, 1, FALSE},
    {"3x3-tiles-pads", 8, 15, 18, 8, {3, 3}, {1, 1}, {1, 1}, {2, 0, 1, 3}, 1, TRUE},
    {"3x3-wide", 40, 24, 27, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 1, TRUE},
};

static inline LusOpAttrs fixture_conv_attrs(const FixtureConv *conv)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 2; i++) {
    attrs.kernel[i] = conv->kernel[i];
    attrs.stride[i] = conv->stride[i];
    attrs.dilation[i] = conv->dilation[i];
  }
  for (int i = 0; i < 4; i++)
    attrs.pad[i] = conv->pad[i];
  attrs.groups = conv->groups;
  return attrs;
}
