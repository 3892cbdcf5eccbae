/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"
#include "parallel.h"
#include "plan.h"

LUS_BEGIN_DECLS

/** From a network in floats to one of 8-bit integers, by looking at what its activations are for some inputs. Weights get
 *  codes -127..127 and one scale per output channel, activations codes 0..255 with one scale and zero point each, biases
 *  32 bits. Convolutions, additions, MaxPool, Resize and Concat are quantised, on both sides, as ONNX Runtime's static
 *  quantiser does it, so that it can run them on integers too; what lies behind the last convolutions stays in floats. */
typedef struct _LusQuantizer LusQuantizer;

/** @graph is copied; inputs are [c][h][w]. BatchNorm is folded into the convolution before it. */
LUS_API LusQuantizer *lus_quantizer_new(const LusGraph *graph, int c, int h, int w, int threads, GError **error);
LUS_API void lus_quantizer_free(LusQuantizer *quantizer);

/** All inputs are to be shown twice: first to find the activations' ranges, then to count what lies where in them. The
 *  order of the inputs does not matter. @pool as for lus_plan_forward(). */
LUS_API void lus_quantizer_find_range(LusQuantizer *quantizer, const float *input, LusParallel *pool);
LUS_API void lus_quantizer_count(LusQuantizer *quantizer, const float *input, LusParallel *pool);

/** The quantised network, whose ranges are those with the least expected square error over the counts. To be called once.
 *  NULL with an error when an activation is not finite, or out of memory. */
LUS_API LusGraph *lus_quantizer_finish(LusQuantizer *quantizer, GError **error);

/** How many convolutions have quantised weights and activations, so that they can run on integers. */
LUS_API int lus_graph_n_quantized(const LusGraph *graph);

/** In which arithmetic a network is run. */
typedef enum {
  LUS_PRECISION_AUTO, /* the network's own: on 8-bit integers where it is quantised */
  LUS_PRECISION_FP32, /* floats; what is quantised is only rounded */
  LUS_PRECISION_INT8  /* as AUTO, of a network that is quantised */
} LusPrecision;

/** The plan's mode for a precision. int8 of a network that is not quantised is an error that tells how to quantise it;
 *  @name stands in it for the model. */
LUS_API gboolean lus_precision_mode(LusPlanMode *mode, LusPrecision precision, const LusGraph *graph, const char *name,
                                    GError **error);
/** "auto", "fp32" or "int8"; FALSE with an error for other words. */
LUS_API gboolean lus_precision_parse(LusPrecision *precision, const char *text, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusQuantizer, lus_quantizer_free)

LUS_END_DECLS
