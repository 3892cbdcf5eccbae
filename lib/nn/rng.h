/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "api.h"

LUS_BEGIN_DECLS

/** A small seeded generator (xoshiro256++, Blackman and Vigna 2019; seeded by splitmix64). Plain data: copy it to fork,
 *  store it to resume. Same seed and stream: same numbers on every machine. */
typedef struct {
  guint64 s[4];
  float spare;      /* second normal deviate of a pair */
  guint32 has_spare;
} LusRng;

/** @stream separates independent sequences of one seed (a frame's index, a patient's, ...). */
LUS_API void lus_rng_init(LusRng *rng, guint64 seed, guint64 stream);
LUS_API guint64 lus_rng_next(LusRng *rng);
/** Uniform in [0, 1). */
LUS_API double lus_rng_uniform01(LusRng *rng);
/** Uniform in [low, high). */
LUS_API double lus_rng_uniform(LusRng *rng, double low, double high);
/** exp(uniform(log low, log high)); both > 0. */
LUS_API double lus_rng_log_uniform(LusRng *rng, double low, double high);
/** Normal deviate (polar method). */
LUS_API double lus_rng_normal(LusRng *rng, double mean, double sd);
/** Exponential deviate of the given mean. */
LUS_API double lus_rng_exponential(LusRng *rng, double mean);
/** Uniform integer in [0, n), n >= 1. */
LUS_API guint32 lus_rng_below(LusRng *rng, guint32 n);
/** Fills @out with standard normal deviates. */
LUS_API void lus_rng_fill_normal(LusRng *rng, float *out, gsize n);

LUS_END_DECLS
