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
  LUS_OP_RESIZE,     /* to size[2], size[3] where these are set, else by the real factors scale[] */
  /* Of the rest Concat, Slice, Pad, Transpose, Expand and ReduceMean can be trained through; a plan for training refuses the
   * others. Where one takes several activations, constants may
   * stand in their place: they count as [1][c][h][w] with ones in front. */
  LUS_OP_BROADCAST_ADD, /* two activations each, whose sizes agree or are 1 */
  LUS_OP_SUB,
  LUS_OP_MUL,
  LUS_OP_DIV,
  LUS_OP_POW,
  LUS_OP_PRELU,          /* inputs x, slope */
  LUS_OP_SQRT,
  LUS_OP_TANH,
  LUS_OP_LEAKY_RELU,     /* slope alpha */
  LUS_OP_CLIP,           /* to alpha..beta */
  LUS_OP_HARD_SIGMOID,   /* alpha x + beta, clipped to 0..1 */
  LUS_OP_HARD_SWISH,     /* x times the hard sigmoid of x / 6 + 1 / 2 */
  LUS_OP_SOFTMAX,        /* over the dimensions axes */
  LUS_OP_REDUCE_MEAN,    /* over the dimensions axes, which become 1 */
  LUS_OP_AVERAGE_POOL,   /* divided by the pixels inside, or with count_pad by the window's */
  LUS_OP_CONV_TRANSPOSE, /* inputs x, weight [c][o/groups][kh][kw], bias [o] or -1; extra[] more rows and columns */
  LUS_OP_CONCAT,         /* along dimension axis */
  LUS_OP_SLICE,          /* size[] elements from begin[] on, step[] apart */
  LUS_OP_PAD,            /* begin[], end[] elements added, negative: cut off */
  LUS_OP_RESHAPE,        /* to size[], the order of the elements kept */
  LUS_OP_TRANSPOSE,      /* dimension i is the input's permutation[i] */
  LUS_OP_MAT_MUL,        /* inputs x, matrix [w][m]: [1][c][h][w] becomes [1][c][h][m] */
  LUS_OP_BATCH_MAT_MUL,  /* two activations [1][c][h][w] and [1][c][w][m], of which either c may be 1 */
  LUS_OP_EXPAND,         /* dimensions of size 1 repeated up to size[] */
  LUS_OP_QUANTIZE,       /* to codes 0..255 and back: (clamp(round(x / alpha) + zero_point) - zero_point) alpha, half to
                            even. Not only a rounding: a plan keeps the codes where both sides can use them */
  LUS_OP_N
} LusOpType;

typedef enum { LUS_RESIZE_NEAREST, LUS_RESIZE_LINEAR } LusResizeMode;
/** Source coordinate of output i: asymmetric i/scale, half_pixel (i+.5)/scale-.5, align_corners i (in-1)/(out-1),
 *  pytorch_half_pixel 0 where the output has size 1, else half_pixel, tf_half_pixel (i+.5)/scale. */
typedef enum {
  LUS_COORD_ASYMMETRIC,
  LUS_COORD_HALF_PIXEL,
  LUS_COORD_ALIGN_CORNERS,
  LUS_COORD_PYTORCH_HALF_PIXEL,
  LUS_COORD_TF_HALF_PIXEL
} LusResizeCoord;
/** Which pixel is nearest; USUAL is down for asymmetric coordinates, else the nearest, half way down. */
typedef enum {
  LUS_NEAREST_USUAL,
  LUS_NEAREST_FLOOR,
  LUS_NEAREST_CEIL,
  LUS_NEAREST_PREFER_FLOOR,
  LUS_NEAREST_PREFER_CEIL
} LusNearest;
typedef enum { LUS_PAD_CONSTANT, LUS_PAD_REFLECT, LUS_PAD_EDGE } LusPadMode;

typedef struct {
  int kernel[2], stride[2], dilation[2]; /* height, width */
  int pad[4];                            /* top, left, bottom, right */
  int groups;
  int norm_groups;
  float epsilon;
  LusResizeMode mode;
  LusResizeCoord coord;
  LusNearest nearest;
  float scale[2]; /* height, width */
  gboolean ceil_mode, count_pad;
  LusPadMode pad_mode;
  float alpha, beta; /* Pad: alpha is what is put around */
  int zero_point;
  int axis;
  unsigned axes; /* 1 << dimension for each */
  int extra[2];  /* height, width */
  int size[4], begin[4], end[4], step[4], permutation[4];
} LusOpAttrs;

#define LUS_NODE_MAX_INPUTS 16

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
  LusTensor *scales;   /* of a constant that is whole numbers times a scale, [1] or [dims[0]] of it; else NULL */
  int code_bits;       /* with scales: the numbers have 8 bits, -128..127, or 32 */
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
