/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/parallel.h"

LUS_BEGIN_DECLS

/** How a gradient moves the weights. */
typedef enum {
  LUS_OPTIMIZER_ADAMW, /* Loshchilov and Hutter 2019, algorithm 2 */
  LUS_OPTIMIZER_SGD,   /* m = momentum m + gradient, theta -= rate m; weight decay apart from it, as with AdamW */
  LUS_OPTIMIZER_N
} LusOptimizerMethod;

typedef struct {
  LusOptimizerMethod method;
  double beta1, beta2, epsilon; /* AdamW: .9 .999 1e-8 */
  double momentum;              /* SGD: .9 */
  double weight_decay;          /* theta -= rate x this x theta; 1e-3 */
  double clip;                  /* longest gradient (norm over all parameters), 0: as it is; 2 */
} LusOptimizer;

LUS_API void lus_optimizer_init(LusOptimizer *optimizer, LusOptimizerMethod method);
/** "adamw", "sgd". */
LUS_API const char *lus_optimizer_name(LusOptimizerMethod method);
LUS_API gboolean lus_optimizer_parse(LusOptimizerMethod *method, const char *text, GError **error);
/** Peak learning rate where none is asked for: 0.002, 0.02. */
LUS_API double lus_optimizer_usual_rate(LusOptimizerMethod method);

/** One step, number @step from 1 on, over plain arrays of @n that belong to the caller: parameters, first and second
 *  moments (SGD leaves @v alone). Returns the gradient's norm before clipping. @pool may be NULL; the result does not
 *  depend on it. */
LUS_API double lus_optimizer_step(float *parameters, float *m, float *v, const float *gradient, gsize n,
                                  const LusOptimizer *optimizer, double learning_rate, gint64 step,
                                  LusParallel *pool);
/** For step number @step from 1 on: linear warm-up, peak at @warm_up, then a half cosine down to 0.005 x @peak at
 *  @total. */
LUS_API double lus_learning_rate(double peak, gint64 step, gint64 warm_up, gint64 total);

LUS_END_DECLS
