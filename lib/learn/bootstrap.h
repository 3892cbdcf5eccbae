/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** A figure with its 95 % interval; NaN: unknown, as the interval is where a single patient has a
 *  part in it. */
typedef struct {
  double value, low, high;
} LusInterval;

/** Patients drawn with replacement, 1000 times (Efron and Tibshirani 1993, chapter 13). All figures that are looked at
 *  with one bootstrap see the same draws, so that differences between them are paired. */
typedef struct _LusBootstrap LusBootstrap;

/** For @n patients, at least 1; NULL only when out of memory. */
LUS_API LusBootstrap *lus_bootstrap_new(int n, guint64 seed);
LUS_API void lus_bootstrap_free(LusBootstrap *bootstrap);

/** sum of @numerator / sum of @denominator, both [n]; draws whose denominators sum to 0 say nothing, they are left
 *  out. */
LUS_API LusInterval lus_bootstrap_ratio(const LusBootstrap *bootstrap, const double *numerator,
                                        const double *denominator);
/** The first such ratio minus the second. */
LUS_API LusInterval lus_bootstrap_difference(const LusBootstrap *bootstrap, const double *numerator,
                                             const double *denominator, const double *numerator2,
                                             const double *denominator2);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusBootstrap, lus_bootstrap_free)

LUS_END_DECLS
