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
 *  alone. Results do not depend on @pool. A NaN on the way stays NaN; where codes of 8 bits cannot tell it, the whole
 *  output is NaN. */
LUS_API void lus_plan_forward(LusPlan *plan, float *output, const float *input, LusParallel *pool);

/** After a forward pass in train mode: d_parameters (flat, lus_graph_n_parameters() long) += gradient, summed over the
 *  samples, for their d_output [k][oh][ow]. Their d_input [c][h][w] are written when it is not NULL. */
LUS_API void lus_plan_backward(LusPlan *plan, float *d_parameters, float *d_input, const float *d_output,
                               LusParallel *pool);

/** Bytes of activations, packed weights and scratch. */
LUS_API gsize lus_plan_memory(const LusPlan *plan);

/** What the digits of results depend on besides the model: kernel table and BLAS, "avx512+OpenBLAS 0.3.21 SkylakeX". */
LUS_API const char *lus_plan_kernels(void);

/** One thing a plan does: an operator with those that are folded into it. */
typedef struct {
  const char *name;   /* of the graph's node */
  char operators[64]; /* "Conv+Add+Relu" */
  const char *method; /* how, "winograd 4x4" or "int8 direct" say; "" where there is only one way */
  int shape[3];       /* [k][h][w] of the result */
  double flop;        /* multiplications times two, of convolutions */
  gsize weight_bytes; /* packed */
  double ms;          /* of lus_plan_profile(), else 0 */
} LusPlanStep;

LUS_API int lus_plan_n_steps(const LusPlan *plan);
/** @step's strings live as long as the plan's graph. */
LUS_API void lus_plan_get_step(const LusPlan *plan, int i, LusPlanStep *step);
/** In infer mode: @runs forward passes (1..1000) of @input [c][h][w], after which each step knows the median of its times.
 *  FALSE: out of memory. */
LUS_API gboolean lus_plan_profile(LusPlan *plan, const float *input, LusParallel *pool, int runs, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusPlan, lus_plan_free)

LUS_END_DECLS
