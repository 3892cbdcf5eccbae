/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"
#include "plan.h"
#include "quantizer.h"

/** Inside of the quantiser. */

#define LUS_QUANTIZER_BINS 2048

typedef struct {
  float low, high; /* of all values seen, and 0 */
  gboolean finite;
  guint64 count[LUS_QUANTIZER_BINS];
} LusHistogram;

struct _LusQuantizer {
  LusGraph *graph; /* with all its Quantize nodes */
  LusPlan *plan;
  int input_shape[3], output_shape[3], threads;
  float *output;
  LusHistogram *histograms; /* per node; of Quantize nodes only used */
  gboolean has_steps;       /* the Quantize nodes know their steps */
  gboolean *left_out;       /* per node: a Quantize node that the result does without */
  double *effect;           /* per node, see LusQuantizerPoint; NAN where it was not measured */
};

/** Sets the steps from the histograms, once. */
gboolean lus_quantizer_set_steps(LusQuantizer *quantizer, GError **error);

/** The quantised network without the nodes that are @left_out. */
LusGraph *lus_quantizer_build(const LusQuantizer *quantizer, const gboolean *left_out, GError **error);
