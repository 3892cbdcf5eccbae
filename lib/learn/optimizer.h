/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/parallel.h"

LUS_BEGIN_DECLS

/** AdamW (Loshchilov and Hutter 2019, algorithm 2) with gradient clipping by global norm. Plain arrays of @n, owned
 *  by the caller: parameters, first and second moments. */
typedef struct {
  double beta1, beta2, epsilon, weight_decay, clip; /* .9 .999 1e-8 1e-3 2 */
} LusAdamW;
LUS_API void lus_adamw_init(LusAdamW *adamw);
/** One step, number @step from 1 on; returns the gradient's norm before clipping. @pool may be NULL; the result does
 *  not depend on it. */
LUS_API double lus_adamw_step(float *parameters, float *m, float *v, const float *gradient, gsize n,
                              const LusAdamW *adamw, double learning_rate, gint64 step, LusParallel *pool);
/** For step number @step from 1 on: linear warm-up, peak at @warm_up, then a half cosine down to 0.005 x @peak at
 *  @total. */
LUS_API double lus_learning_rate(double peak, gint64 step, gint64 warm_up, gint64 total);

LUS_END_DECLS
