/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "nn/error.h"
#include "graph.h"
#include "onnx-proto.h"

/** Between ONNX's names and our graph: what each name stands for at the moment, while the nodes are read in order. */

typedef enum {
  LUS_SYMBOL_ACTIVATION, /* value of the graph */
  LUS_SYMBOL_TENSOR,     /* weights, not yet copied */
  LUS_SYMBOL_NUMBERS,    /* folded shape arithmetic */
  /* The stages of PyTorch's GroupNorm: Reshape, InstanceNormalization, Reshape, Mul, Add. value = its x. */
  LUS_SYMBOL_SPLIT,      /* x as [n][groups][rest] */
  LUS_SYMBOL_NORMED,     /* normalised, as [n][groups][rest] */
  LUS_SYMBOL_MERGED,     /* normalised, in x's shape */
  LUS_SYMBOL_SCALED      /* times scale */
} LusSymbolKind;

typedef struct {
  LusSymbolKind kind;
  int value;
  int rank;               /* ACTIVATION: dimensions in the file, the last ones of the value's four */
  LusOnnxTensor *tensor;  /* TENSOR: owned */
  int constant;           /* TENSOR: its value in the graph once used, or -1 */
  gboolean per_channel;   /* in that value [c][1][1] became [c] */
  LusNumbers *numbers;    /* NUMBERS: owned; NULL = the shape of an activation whose size the file leaves open */
  int shape_of;           /* NUMBERS: exactly the shape of this activation, or -1 */
  int groups;             /* SPLIT and later */
  float epsilon;          /* NORMED and later */
  int scale;              /* SCALED: constant of the graph */
} LusSymbol;

typedef struct {
  LusGraph *graph;
  GHashTable *symbols;    /* char* -> LusSymbol*, both owned */
  int opset;
  gboolean sized;         /* the input's size is known, and so is every activation's shape */
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
/** Input @i as a constant of the graph; @per_channel: [c][1][1] or [1][c][1][1] becomes [c]. */
gboolean lus_onnx_constant(LusOnnxBuilder *builder, const LusOnnxNode *node, int i, gboolean per_channel, int *value,
                           GError **error);
gboolean lus_onnx_numbers(const LusOnnxBuilder *builder, const LusOnnxNode *node, int i, LusNumbers *out,
                          GError **error);
/** Adds an operator whose result is the node's output, of the largest rank of the node's inputs. */
gboolean lus_onnx_emit(LusOnnxBuilder *builder, const LusOnnxNode *node, LusOpType type, int n_inputs,
                       const int *inputs, const LusOpAttrs *attrs, GError **error);

/** Sets the rank of the node's result where it is another. */
void lus_onnx_set_rank(LusOnnxBuilder *builder, const LusOnnxNode *node, int rank);
/** Adds an operator whose result only the next one of the same node reads. */
gboolean lus_onnx_add(LusOnnxBuilder *builder, const LusOnnxNode *node, const char *suffix, LusOpType type, int n_inputs,
                      const int *inputs, const LusOpAttrs *attrs, int *value, GError **error);

/** Attributes with a default; FALSE with an error when the type or range is wrong. Integers must lie in low..high. */
gboolean lus_onnx_get_int(LusOnnxNode *node, const char *name, int *value, int low, int high, GError **error);
gboolean lus_onnx_get_ints(LusOnnxNode *node, const char *name, int *values, int n, int low, int high, GError **error);
gboolean lus_onnx_get_float(LusOnnxNode *node, const char *name, float *value, GError **error);
/** Never NULL on success: the attribute's text or @fallback. */
const char *lus_onnx_get_string(LusOnnxNode *node, const char *name, const char *fallback, GError **error);

/** Arithmetic on two constants, @op one of + - * and /. */
gboolean lus_onnx_fold_arithmetic(LusOnnxBuilder *builder, LusOnnxNode *node, char op, GError **error);

/** Reshape, Concat, Slice, Squeeze, Unsqueeze and arithmetic on activations. */
gboolean lus_onnx_build_binary(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_reshape(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_concat(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_slice(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
gboolean lus_onnx_build_squeeze(LusOnnxBuilder *builder, LusOnnxNode *node, const LusNumbers *axes, GError **error);
gboolean lus_onnx_build_unsqueeze(LusOnnxBuilder *builder, LusOnnxNode *node, const LusNumbers *axes, GError **error);
/** Limits of what a file may ask for: a kernel, stride, dilation or border, and the groups of a Conv. */
#define MAX_WINDOW 4096
#define MAX_GROUPS 65536

/** What the builders return after saying what is wrong; the caller adds operator, node and opset. */
static inline gboolean unsupported(GError **error, const char *problem)
{
  g_set_error_literal(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, problem);
  return FALSE;
}

static inline gboolean invalid(GError **error, const char *problem)
{
  g_set_error_literal(error, LUS_ERROR, LUS_ERROR_INVALID, problem);
  return FALSE;
}

static inline const int *shape_of(const LusOnnxBuilder *builder, int value)
{
  return builder->graph->values[value].shape;
}

/** strides, dilations, pads, auto_pad of a sliding window whose kernel is known. */
gboolean lus_onnx_read_window(LusOpAttrs *attrs, const LusOnnxBuilder *builder, LusOnnxNode *node, int x,
                              GError **error);

/** One operator of ONNX; onnx-ops.c has the network's, onnx-general.c those that run forward only, onnx-fold.c those of
 * shape arithmetic. */
typedef struct {
  const char *type;
  int min_inputs, max_inputs;
  gboolean (*build)(LusOnnxBuilder *builder, LusOnnxNode *node, GError **error);
} LusOnnxOp;
extern const LusOnnxOp lus_onnx_ops[], lus_onnx_general_ops[], lus_onnx_fold_ops[]; /* end with type NULL */
