/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "nn/error.h"
#include "graph.h"
#include "onnx-eval.h"

/** Between ONNX's names and our graph: what each name stands for at the moment, while the nodes are read in order. */

typedef enum {
  LUS_SYMBOL_ACTIVATION, /* value of the graph */
  LUS_SYMBOL_CONSTANT,   /* weights, or what was worked out from constants */
  LUS_SYMBOL_CODES,      /* what QuantizeLinear gives; value is decoded already, as DequantizeLinear will */
  /* The stages of PyTorch's GroupNorm: Reshape, InstanceNormalization, Reshape, Mul, Add. value = its x. */
  LUS_SYMBOL_SPLIT,      /* x as [n][groups][rest] */
  LUS_SYMBOL_NORMED,     /* normalised, as [n][groups][rest] */
  LUS_SYMBOL_MERGED,     /* normalised, in x's shape */
  LUS_SYMBOL_SCALED,     /* times scale */
  LUS_SYMBOL_STACK       /* pictures along a fifth dimension, the first; see onnx-stack.c */
} LusSymbolKind;

typedef struct {
  LusSymbolKind kind;
  int value;
  int rank;               /* ACTIVATION: dimensions in the file, the last ones of the value's four */
  LusOnnxTensor *tensor;  /* CONSTANT: owned, a tensor of the file, or NULL */
  LusArray *array;        /* CONSTANT: owned, its elements once asked for. Without either it is the shape of an
                             activation whose size the file leaves open */
  int constant;           /* CONSTANT: its value in the graph once used, or -1 */
  gboolean per_channel;   /* in that value [c][1][1] became [c] */
  LusArray *scales;       /* CONSTANT: owned, see LusValue, or NULL */
  int code_bits;
  int shape_of;           /* CONSTANT: exactly the shape of this activation, or -1 */
  int groups;             /* SPLIT and later */
  float epsilon;          /* NORMED and later */
  int scale;              /* SCALED: constant of the graph */
  int n_stack, stack[LUS_NODE_MAX_INPUTS]; /* STACK: values of the graph */
} LusSymbol;

typedef struct {
  LusGraph *graph;
  GHashTable *symbols;    /* char* -> LusSymbol*, both owned */
  int opset;
  gboolean sized;         /* the input's size is known, and so is every activation's shape */
  LusOnnxBudget budget;   /* for what is worked out from constants */
} LusOnnxBuilder;

/** Reads a node into the graph or the symbols. Errors tell the problem only; the caller names the node. */
gboolean lus_onnx_build_node(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);

/** A symbol with nothing in it, to be given to lus_onnx_define(). */
LusSymbol *lus_symbol_new(LusSymbolKind kind);
LusSymbol *lus_symbol_copy(const LusSymbol *symbol);
void lus_symbol_free(LusSymbol *symbol);
/** Gives @name its meaning; takes @symbol over. An error if the name has one already. */
gboolean lus_onnx_define(LusOnnxBuilder *builder, const char *name, LusSymbol *symbol, GError **error);

/** What input @i stands for; an error where it is absent or not yet defined. */
LusSymbol *lus_onnx_symbol(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i, GError **error);
/** The activation that @symbol, called @name, stands for; a GroupNorm left without scale or bias is completed. */
gboolean lus_onnx_resolve(LusOnnxBuilder *builder, LusSymbol *symbol, const char *name, int *value, GError **error);
gboolean lus_onnx_activation(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int *value, GError **error);
/** The same for operators that want a picture [1][c][h][w]. */
gboolean lus_onnx_picture(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int *value, GError **error);
/** Input @i as an activation, or as a constant of the graph that stands for one. */
gboolean lus_onnx_operand(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, int *value, GError **error);
/** Dimensions that input @i has in the file. */
int lus_onnx_rank(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i);
/** TRUE if input @i is a constant. */
gboolean lus_onnx_is_constant(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i);
/** TRUE where the input's size is known, else an error that tells how to come by it. */
gboolean lus_onnx_need_size(const LusOnnxBuilder *builder, GError **error);
/** The elements of input @i, a constant; NULL with an error. Stays the builder's. */
const LusArray *lus_onnx_array(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, GError **error);
/** Input @i as a constant of the graph; @per_channel: [c][1][1] or [1][c][1][1] becomes [c]. */
gboolean lus_onnx_constant(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, gboolean per_channel, int *value,
                           GError **error);
gboolean lus_onnx_numbers(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, LusNumbers *out,
                          GError **error);
/** Adds an operator whose result is the node's output, of the largest rank of the node's inputs. */
gboolean lus_onnx_emit(LusOnnxBuilder *builder, const LusOnnxNode *node, LusOpType type, int n_inputs,
                       const int *inputs, const LusOpAttrs *attrs, GError **error);

/** Sets the rank of the node's result where it is another. */
void lus_onnx_set_rank(LusOnnxBuilder *builder, const LusOnnxNode *node, int rank);
/** Adds an operator whose result only the next one of the same node reads. */
gboolean lus_onnx_add(LusOnnxBuilder *builder, const LusOnnxNode *node, const char *suffix, LusOpType type, int n_inputs,
                      const int *inputs, const LusOpAttrs *attrs, int *value, GError **error);

/** Arithmetic and Reshape, also for what is no part of GroupNorm after all. */
gboolean lus_onnx_build_binary(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
/** Limits of what a file may ask for: a kernel, stride, dilation or border, and the groups of a Conv. */
#define MAX_WINDOW 4096
#define MAX_GROUPS 65536

static inline const int *shape_of(const LusOnnxBuilder *builder, int value)
{
  return builder->graph->values[value].shape;
}

/** The dimension of axis @axis; FALSE with an error if a tensor of @rank has none such. */
gboolean lus_onnx_dimension(gint64 axis, int rank, int *dimension, GError **error);
/** Input @i or, where it is absent, the attribute @name (NULL: none); without either nothing. */
gboolean lus_onnx_read_numbers(LusOnnxBuilder *builder, LusOnnxNode *node, int i, const char *name, LusNumbers *out,
                               GError **error);

/** TRUE if Unsqueeze with these axes gives a picture a first dimension of 1 before its four. */
gboolean lus_onnx_stacks(const LusOnnxBuilder *builder, const LusOnnxNode *node, const LusNumbers *axes);
/** TRUE if input 0 is a stack. */
gboolean lus_onnx_is_stack(const LusOnnxBuilder *builder, const LusOnnxNode *node);
/** The output is a stack of one picture. */
gboolean lus_onnx_define_stack(LusOnnxBuilder *builder, const LusOnnxNode *node, int value, GError **error);
/** Concat of stacks. */
gboolean lus_onnx_join_stacks(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_reduce_sum(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);

/** The operator of this ONNX name that runs forward only. */
LusOpType lus_onnx_type(const LusOnnxNode *node);
/** Emits a Reshape of @value to the last @rank dimensions of @size. */
gboolean lus_onnx_emit_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, int value, const int size[4], int rank,
                               GError **error);
/** The output is another name for input @i. */
gboolean lus_onnx_define_alias(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, GError **error);
/** The single real number of input @i, or *limit as it is where the input is absent. */
gboolean lus_onnx_read_limit(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, float *limit, GError **error);

/** Inputs (picture, weight, bias or -1), kernel and groups of a Conv or ConvTranspose; @attrs is set from its defaults. */
gboolean lus_onnx_read_convolution(LusOpAttrs *attrs, int inputs[3], LusOnnxBuilder *builder, LusOnnxNode *node,
                                   GError **error);
/** strides, dilations, pads, auto_pad of a sliding window whose kernel is known. */
gboolean lus_onnx_read_window(LusOpAttrs *attrs, const LusOnnxBuilder *builder, LusOnnxNode *node, int x,
                              GError **error);

/** QuantizeLinear and DequantizeLinear of activations. */
gboolean lus_onnx_build_quantize(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_dequantize(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);

/** One operator of ONNX on activations; onnx-ops.c has those that train, onnx-general.c and onnx-move.c those that run
 * forward only. */
typedef struct {
  const char *type;
  int min_inputs, max_inputs;
  gboolean (*build)(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
} LusOnnxOp;
extern const LusOnnxOp lus_onnx_ops[], lus_onnx_general_ops[], lus_onnx_move_ops[]; /* end with type NULL */
