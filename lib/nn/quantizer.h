/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"
#include "parallel.h"

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

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusQuantizer, lus_quantizer_free)

LUS_END_DECLS
