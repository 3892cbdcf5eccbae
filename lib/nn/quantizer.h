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

/** How near the quantised network's masks must be to those of the one in floats. */
typedef struct {
  double iou;         /* 0..1: least intersection over union for each output; 0: whatever it becomes */
  double least_share; /* 0..1: this part of the multiplications must stay on integers */
  float level;        /* an output of at least this belongs to its mask */
  float unit;         /* by how much an output at that level changes when its log odds change by one: 1 for logits */
} LusQuantizerGoal;

/** What choosing looks at, again and again. */
typedef struct {
  int n;
  void (*get)(gpointer data, int i, float *input); /* writes input @i, [c][h][w] */
  gboolean (*progress)(gpointer data, const char *what, gint64 done, gint64 total); /* FALSE stops */
  gpointer data;
} LusQuantizerInputs;

#define LUS_QUANTIZER_MAX_OUTPUTS 64

typedef struct {
  int n_outputs;
  double iou[LUS_QUANTIZER_MAX_OUTPUTS]; /* with the masks in floats; 1 where neither has a pixel */
  double share; /* of the multiplications of convolutions that are on integers, 0..1 */
} LusQuantizerResult;

/** After both looks, optional: leaves out the roundings that change the results most for what they save, as few as reach
 *  @goal, and tells what is reached; it may be less than asked when least_share forbids more. The effect of each rounding
 *  alone is measured on a few of the inputs, the masks on all. A choice does not depend on the number of threads. FALSE
 *  with an error when stopped (LUS_ERROR_CANCELLED), an activation is not finite, more than LUS_QUANTIZER_MAX_OUTPUTS
 *  outputs, or out of memory. */
LUS_API gboolean lus_quantizer_choose(LusQuantizer *quantizer, const LusQuantizerGoal *goal,
                                      const LusQuantizerInputs *inputs, LusParallel *pool, LusQuantizerResult *result,
                                      GError **error);

/** Only tells what is reached, by what was chosen, on other inputs; of @goal, level and unit count. */
LUS_API gboolean lus_quantizer_compare(LusQuantizer *quantizer, const LusQuantizerGoal *goal,
                                       const LusQuantizerInputs *inputs, LusParallel *pool, LusQuantizerResult *result,
                                       GError **error);

/** One place where an activation may be rounded to codes. */
typedef struct {
  const char *name;   /* of the rounding, as long as the quantiser lives */
  gboolean conv;      /* convolutions read it: without it they are in floats */
  double effect;      /* mean square change of the log odds near the masks' edges, summed over the outputs, if nothing
                         else were rounded; NAN: not measured */
  gboolean left_out;
} LusQuantizerPoint;

LUS_API int lus_quantizer_n_points(const LusQuantizer *quantizer);
LUS_API void lus_quantizer_get_point(const LusQuantizer *quantizer, int i, LusQuantizerPoint *point);

/** The quantised network, whose ranges are those with the least expected square error over the counts. NULL with an error
 *  when an activation is not finite, or out of memory. */
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
