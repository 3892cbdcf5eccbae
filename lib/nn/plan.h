/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"
#include "parallel.h"

LUS_BEGIN_DECLS

/** A graph made ready to run at one input size: shapes, one arena for all activations, packed weights, scratch space per
 *  thread. Running allocates nothing. Inside, activations are [h][w][c]; at the border [c][h][w]. */
typedef struct _LusPlan LusPlan;

/** Most memory a plan may take for its activations or its gradients. */
#define LUS_PLAN_MAX_BYTES ((gsize)8 << 30)

typedef enum {
  LUS_PLAN_INFER,     /* weights packed now, memory shared between activations; quantised convolutions on integers */
  LUS_PLAN_TRAIN,     /* weights read from the graph at each pass, every activation kept for the backward pass */
  LUS_PLAN_INFER_FP32 /* as INFER, but all arithmetic in floats, which quantisation only rounds */
} LusPlanMode;

/** @graph is borrowed and must outlive the plan. @threads: how many threads forward/backward may be given. */
LUS_API LusPlan *lus_plan_new(LusGraph *graph, int c, int h, int w, LusPlanMode mode, int threads, GError **error);
/** In train mode, for @samples inputs at once: they share the packed weights and run side by side. */
LUS_API LusPlan *lus_plan_new_batch(LusGraph *graph, int c, int h, int w, int samples, int threads, GError **error);
LUS_API void lus_plan_free(LusPlan *plan);

/** [k][h][w] of the output. */
LUS_API void lus_plan_output_shape(const LusPlan *plan, int shape[3]);

/** output [k][oh][ow] = network(input [c][h][w]), for each sample, which follow one another. @pool NULL = this thread
 *  alone. Results do not depend on @pool. */
LUS_API void lus_plan_forward(LusPlan *plan, float *output, const float *input, LusParallel *pool);

/** After a forward pass in train mode: d_parameters (flat, lus_graph_n_parameters() long) += gradient, summed over the
 *  samples, for their d_output [k][oh][ow]. Their d_input [c][h][w] are written when it is not NULL. */
LUS_API void lus_plan_backward(LusPlan *plan, float *d_parameters, float *d_input, const float *d_output,
                               LusParallel *pool);

/** Bytes of activations, packed weights and scratch. */
LUS_API gsize lus_plan_memory(const LusPlan *plan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusPlan, lus_plan_free)

LUS_END_DECLS
