/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "../kernels/activation.h"
#include "error.h"
#include "graph.h"
#include "parallel.h"
#include "plan.h"

#include <stdatomic.h>
#include <stdbool.h>

/** Inside of nn: the table of operators, and what plan.c and the op-*.c files know of each other.
 */

typedef struct _LusStepClass LusStepClass;

/** Checks the node, whose inputs are of the right number and kind, and computes y's [1][c][h][w]
 * from that of input 0. */
typedef gboolean (*LusShapeFunc)(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                 GError **error);

typedef struct {
  const char *name; /* in ONNX */
  int min_inputs, max_inputs;
  int first_learnable, end_learnable; /* inputs that are learnable constants: first..end-1 */
  int n_maps;             /* the first inputs, as many as there are, are activations */
  gboolean constant_maps; /* or constants instead, not all of them */
  LusShapeFunc shape;
  const LusStepClass *step;
} LusOpInfo;

extern const LusOpInfo lus_op_table[LUS_OP_N];

gboolean lus_shape_conv(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_group_norm(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_batch_norm(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_same(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_add(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_pool(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_resize(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_conv_transpose(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_broadcast(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_reduce(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_concat(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_slice(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_pad(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_reshape(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_transpose(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_mat_mul(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_batch_mat_mul(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_expand(const LusGraph *, const LusNode *, const int *, int *, GError **);
gboolean lus_shape_quantize(const LusGraph *, const LusNode *, const int *, int *, GError **);

/** Sets the error with the node's name and operator before it; FALSE. */
gboolean lus_node_fail(GError **error, const LusNode *node, LusError code, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
/** Multiplications times two of a convolution at the shapes inferred last; 0 for others. */
double lus_node_flop(const LusGraph *graph, const LusNode *node);
/** How many of the node's inputs are activations or constants in their place. */
int lus_node_n_maps(const LusNode *node);

/** Where output @o of @out lies in an input of @in elements, and which of these is nearest. Computed in float, and nothing
 * at a scale of 1, as ONNX Runtime does: where a position is half way between two, or on one, this decides. */
float lus_resize_source(LusResizeCoord coord, float scale, int in, int out, int o);
int lus_resize_nearest(LusNearest nearest, LusResizeCoord coord, double position);
/** Elements of @in times @scale. A factor stored as float may fall just short of the quotient it stands for: 3 (7/3) is
 * 7. */
double lus_resize_length(int in, double scale);

/** Per value: offset in the flat parameter vector or -1. Newly allocated; *total (may be NULL) is
 * the vector's length. */
gssize *lus_graph_parameter_offsets(const LusGraph *graph, gsize *total);

/** What an operator of one activation function does to each element; of no kind for the others. */
LusActivation lus_node_activation(const LusNode *node);

/** The shape of node @index's result from its inputs' shapes, whose kinds and number are right. */
gboolean lus_graph_infer_node(LusGraph *graph, int index, GError **error);

/** An activation inside a plan: data and gradient, both [h][w][c]. grad is NULL in infer mode. */
typedef struct {
  int h, w, c;
  float *data, *grad;
  guint8 *codes; /* in a plan on codes, where a step writes them */
} LusMap;

/** Called for each Quantize node with the @n numbers that it would round; FALSE: they are left as they are. */
typedef gboolean (*LusObserve)(gpointer data, const LusNode *node, const float *values, gsize n);

/** Shared by all steps during one forward or backward pass. */
typedef struct {
  LusParallel *pool;
  LusObserve observe; /* or NULL: everything is quantised */
  gpointer observe_data;
  float *scratch; /* per thread, step->scratch floats from scratch + thread * scratch_stride */
  gsize scratch_stride; /* floats */
  float *shared;        /* step->shared floats, for the step as a whole */
  float *d_parameters;  /* backward: the flat vector, accumulated into */
  gboolean d_input;     /* backward: the gradient of the graph's input is wanted */
  atomic_bool *nan;     /* forward: set where a NaN becomes a code, which cannot tell it */
} LusRun;

/** lus_plan_forward() of a plan in floats, in which @observe, if not NULL, decides what is quantised. */
void lus_plan_forward_observed(LusPlan *plan, float *output, const float *input, LusParallel *pool,
                               LusObserve observe, gpointer data);

typedef struct _LusStep LusStep;

/** How one operator runs: forward and backward are neighbours in one op-*.c file. */
struct _LusStepClass {
  /** Builds step->state and sets step->scratch and step->shared. NULL: nothing to do. */
  gboolean (*prepare)(LusStep *step, GError **error);
  /** y = act(op(x) + r). */
  void (*forward)(const LusStep *step, const LusRun *run);
  /** x->grad (+)= dx for y->grad, which is already past act and r. NULL: the operator runs forward
   * only. */
  void (*backward)(const LusStep *step, const LusRun *run);
  void (*free_state)(gpointer state);
  /** How it is computed, a literal; NULL: there is only one way. */
  const char *(*method)(const LusStep *step);
  gboolean finishes; /* forward adds r and applies act; else neither is ever asked of it */
  gboolean activates; /* forward applies step->activation last; else it is none, but for the operators that are one */
  /** Train mode, once before the forward or the @backward passes of all samples: takes over the
   * graph's parameters. NULL: nothing is kept of them. */
  void (*load)(const LusStep *step, gboolean backward);
  /** Train mode: the parameters' gradients += those of the step's @n samples, each after its backward
   * pass. NULL: nothing to learn. */
  void (*learn)(const LusStep *const *samples, int n, const LusRun *run);
  /** The state keeps what backward or learn need of forward: each sample has its own. */
  gboolean keeps;
};

/** One thing to do: an operator with an addition and a ReLU that follow it folded in. */
struct _LusStep {
  const LusStepClass *class;
  const LusGraph *graph;
  const LusNode *node;
  const LusNode *norm;   /* Conv in infer mode: the BatchNorm folded into the weights, or NULL */
  const LusNode *lateral; /* Conv in infer mode: what made its input of doubled pixels, see op-conv-doubled.c, or NULL */
  gboolean doubled_first; /* with a Concat there: the doubled map's channels stand before the other's */
  const LusNode *resize; /* GroupNorm in infer mode: the Resize that follows, or NULL */
  const LusNode *project; /* GroupNorm in infer mode: a 1x1 Conv before resize and r, whose result y is, or NULL */
  gboolean project_bias;  /* and its bias is added here */
  const gssize *offsets; /* of lus_graph_parameter_offsets() */
  guint position;        /* in the list of steps while it is built */
  int x_value, r_value, y_value; /* r_value -1: nothing is added */
  LusMap *x, *r, *y;             /* r: added to the result, or NULL */
  int n_maps;                    /* activations read, r not counted */
  LusMap *maps;                  /* all of the plan; see lus_step_map() */
  gboolean r_half; /* r has half of y's rows and columns: each of its pixels is added to four */
  /* On codes: the Quantize nodes that tell what x, r and y stand for; NULL: floats. */
  const LusNode *x_codes, *r_codes, *y_codes;
  const LusNode *inner_codes; /* rounds the operator's own result before r is added, or NULL */
  gboolean relu_before; /* with resize or project: a ReLU behind the norm; of a GroupNorm, on codes too: one before r is added */
  gboolean relu;
  LusActivation activation; /* infer mode, with a class that activates: last of all, and then without relu */
  gboolean train;
  gboolean x_accumulate,
      r_accumulate;    /* backward: the gradient adds to what is there, else it is written */
  unsigned maps_accumulate; /* the same for the activations read beside x: bit i is the node's input i */
  gboolean x_is_input; /* backward: x->grad is wanted only when run->d_input */
  gpointer state;
  gsize scratch, shared; /* floats, see LusRun */
  gsize learn_shared;    /* floats of shared space for class->learn */
  gsize weights;         /* floats of packed weights, for the record */
};

extern const LusStepClass lus_step_conv, lus_step_conv_doubled, lus_step_group_norm, lus_step_norm_resize, lus_step_batch_norm, lus_step_sigmoid,
    lus_step_identity, lus_step_max_pool, lus_step_resize, lus_step_binary, lus_step_unary, lus_step_clip,
    lus_step_softmax, lus_step_reduce, lus_step_average_pool, lus_step_conv_transpose,
    lus_step_concat, lus_step_gather, lus_step_reshape, lus_step_mat_mul,
    lus_step_batch_mat_mul, lus_step_quantize;

/** The activation that the node's input @i is. */
static inline const LusMap *lus_step_map(const LusStep *step, int i)
{
  return &step->maps[step->node->inputs[i]];
}

/** Whether the gradient of the node's activation @i adds to what is there. */
static inline gboolean lus_step_accumulates(const LusStep *step, int i)
{
  return i == 0 ? step->x_accumulate : (gboolean)(step->maps_accumulate >> i & 1);
}

/** Data of the node's input @i, a constant, or NULL where it is absent. */
static inline const float *lus_step_constant(const LusStep *step, int i)
{
  int value = i < step->node->n_inputs ? step->node->inputs[i] : -1;
  return value < 0 ? NULL : step->graph->values[value].constant->data;
}

/** Where the gradient of the node's input @i goes; NULL where the input is absent or not learnable.
 */
static inline float *lus_step_gradient(const LusStep *step, const LusRun *run, int i)
{
  int value = i < step->node->n_inputs ? step->node->inputs[i] : -1;
  return value < 0 || step->offsets[value] < 0 ? NULL : run->d_parameters + step->offsets[value];
}

/** @n floats to codes; a NaN among them is noted. */
void lus_encode(guint8 *codes, const float *x, const LusOpAttrs *attrs, gsize n, const LusRun *run);

/** How many rows of @row floats make a work item of about @floats floats. Depends on the shape
 * alone, so that work is cut the same way for any number of threads. */
static inline int lus_rows_per_item(gsize floats, gsize row)
{
  return (int)CLAMP(floats / MAX(row, 1), 1, 65536);
}

static inline int lus_n_items(int rows, int rows_per_item)
{
  return (rows + rows_per_item - 1) / rows_per_item;
}
