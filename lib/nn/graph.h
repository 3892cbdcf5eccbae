/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tensor.h"

LUS_BEGIN_DECLS

/** A network as data: a list of operators in execution order over numbered values. fpn.c writes one, onnx.c reads and
 *  writes one, plan.c runs one forward and backward. Activations are [n][c][h][w] with n = 1. */

typedef enum {
  LUS_OP_CONV,       /* inputs x, weight [o][c/groups][kh][kw], bias [o] or -1 */
  LUS_OP_GROUP_NORM, /* inputs x, scale [c], bias [c]; attrs norm_groups, epsilon (Wu and He 2018, eq. 1-6) */
  LUS_OP_BATCH_NORM, /* inputs x, scale [c], bias [c], mean [c], variance [c]; inference form only */
  LUS_OP_RELU,
  LUS_OP_SIGMOID,
  LUS_OP_ADD,        /* two activations of one shape */
  LUS_OP_MAX_POOL,
  LUS_OP_RESIZE,     /* by the integer or real factors scale[] */
  LUS_OP_N
} LusOpType;

typedef enum { LUS_RESIZE_NEAREST, LUS_RESIZE_LINEAR } LusResizeMode;
/** Source coordinate of output i: asymmetric i/scale (nearest: floor), half_pixel (i+.5)/scale-.5,
 *  align_corners i (in-1)/(out-1). */
typedef enum { LUS_COORD_ASYMMETRIC, LUS_COORD_HALF_PIXEL, LUS_COORD_ALIGN_CORNERS } LusResizeCoord;

typedef struct {
  int kernel[2], stride[2], dilation[2]; /* height, width */
  int pad[4];                            /* top, left, bottom, right */
  int groups;
  int norm_groups;
  float epsilon;
  LusResizeMode mode;
  LusResizeCoord coord;
  float scale[2]; /* height, width */
} LusOpAttrs;

#define LUS_NODE_MAX_INPUTS 5

typedef struct {
  LusOpType type;
  char *name;
  int n_inputs;
  int inputs[LUS_NODE_MAX_INPUTS]; /* value indices, -1 = absent optional input */
  int output;                      /* value index */
  LusOpAttrs attrs;
} LusNode;

typedef struct {
  char *name;
  LusTensor *constant; /* weights and other parameters; NULL for an activation */
  int shape[4];        /* activations: [n][c][h][w], set by lus_graph_infer_shapes() */
} LusValue;

typedef struct {
  int n_nodes;
  LusNode *nodes;
  int n_values;
  LusValue *values;
  int input;  /* value index, -1 until set */
  int output; /* value index, -1 until set */
} LusGraph;

LUS_API LusGraph *lus_graph_new(void);
LUS_API LusGraph *lus_graph_copy(const LusGraph *graph, GError **error);
LUS_API void lus_graph_free(LusGraph *graph);

/** Attributes with every default filled in: kernel, stride, dilation, groups, scale 1, pads 0, epsilon 1e-5. */
LUS_API LusOpAttrs lus_op_attrs_default(void);
/** ONNX name of an operator, e.g. "Conv". */
LUS_API const char *lus_op_name(LusOpType type);

/** Each adds to the end of the graph and returns the index of the new value. Names are copied; constants are taken over. */
LUS_API int lus_graph_add_input(LusGraph *graph, const char *name);
LUS_API int lus_graph_add_constant(LusGraph *graph, const char *name, LusTensor *constant);
LUS_API int lus_graph_add_node(LusGraph *graph, LusOpType type, const char *name, int n_inputs, const int *inputs,
                               const LusOpAttrs *attrs);
LUS_API void lus_graph_set_output(LusGraph *graph, int value);

/** Checks the graph and sets every activation's shape for an input of [1][c][h][w]. Errors name node and operator:
 *  wrong ranks, channels that do not fit, sizes that become < 1, more than LUS_TENSOR_MAX_COUNT elements. */
LUS_API gboolean lus_graph_infer_shapes(LusGraph *graph, int c, int h, int w, GError **error);

/** Multiplications times two of one forward pass at the shapes inferred last. */
LUS_API double lus_graph_flop(const LusGraph *graph);

/** The learnable constants (Conv weights and biases, GroupNorm scales and biases) as one flat vector, in the order of
 *  the values. */
LUS_API gsize lus_graph_n_parameters(const LusGraph *graph);
LUS_API void lus_graph_get_parameters(const LusGraph *graph, float *out);
LUS_API void lus_graph_set_parameters(LusGraph *graph, const float *in);
/** Where value @value's constant begins in the flat vector; -1 if it is not learnable. */
LUS_API gssize lus_graph_parameter_offset(const LusGraph *graph, int value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusGraph, lus_graph_free)

LUS_END_DECLS
