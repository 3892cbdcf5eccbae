/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "dataset.h"
#include "../nn/graph.h"

LUS_BEGIN_DECLS

/** How label percents become training targets; one table, from which names, parsing, help, docs and tests follow. */
typedef enum {
  LUS_TARGET_THRESHOLD, /* 1 where percent >= level, else 0 */
  LUS_TARGET_SOFT,      /* percent / 100 */
  LUS_TARGET_WEIGHTED,  /* as threshold; a positive weighs percent / 100, a negative 1 - percent / 100 */
  LUS_TARGET_IGNORE,    /* 1 where percent >= level, 0 where percent < low, between them weight 0 */
  LUS_TARGET_SMOOTH,    /* as threshold, then the mask's Gaussian mean of @sigma pixels: soft at borders alone (Islam and
                           Glocker 2021, "Spatially varying label smoothing") */
  LUS_TARGET_EXPERT,    /* as threshold, each annotator's label a sample of its own instead of the annotators' mean */
  LUS_TARGET_RAMP,      /* 1 where percent >= level, else percent / 100 */
  LUS_TARGET_ORDINAL,   /* one output per class and level j = 1..levels: 1 where percent >= 100 j / levels; the model gives
                           the outputs' mean, the expected confidence (Frank and Hall 2001) */
  LUS_TARGET_N
} LusTargetMethod;

typedef struct {
  LusTargetMethod method;
  double level;  /* percent, 0..100; 60 by default. At 0 every pixel with percent > 0 is positive. Where the method has no
                    level: at what percent it is evaluated */
  double low;    /* ignore: percent, 0..level; default 20 */
  double sigma;  /* smooth: pixels of the network's input, 0.25..8; default 1 */
  double levels; /* ordinal: whole number 2..16; default 5 */
} LusTarget;

/** "threshold:60", "soft", "ignore:20:60", ... as in the table; numbers may be left out from the end. */
LUS_API gboolean lus_target_parse(LusTarget *target, const char *text, GError **error);
LUS_API char *lus_target_to_string(const LusTarget *target);
/** The table: how a method is written, "ignore:LOW:LEVEL", and what it does in one sentence. Static strings. */
LUS_API const char *lus_target_form(LusTargetMethod method);
LUS_API const char *lus_target_summary(LusTargetMethod method);
/** Whether the model's output estimates the label's confidence itself, rather than a mask. */
LUS_API gboolean lus_target_is_graded(const LusTarget *target);

/** Whether a label of @percent is positive at @level percent: percent >= level, and never at 0 percent. */
LUS_API gboolean lus_target_positive(guint8 percent, double level);
/** target[i] 0..1 and weight[i] 0..1 (0 where percents[i] is 255) for @n pixels, each by itself. */
LUS_API void lus_target_apply(float *target, float *weight, const guint8 *percents, gsize n, const LusTarget *method);
/** The same for @planes planes of [height][width], neighbours included where the method looks at them. */
LUS_API void lus_target_planes(float *target, float *weight, const guint8 *percents, int planes, int width, int height,
                               const LusTarget *method);

/** Ordinal: the samples with each class replaced by its levels, class k's level j being number k levels + j and 100 or 0
 *  percent, to be trained as threshold:50. At most LUS_MAX_CLASSES in all. */
LUS_API LusSamples *lus_target_expand(const LusSamples *samples, int levels, GError **error);
/** Ordinal: appends sigmoid and mean over the levels, so that @graph gives one confidence 0..1 per class. */
LUS_API gboolean lus_target_fold(LusGraph *graph, int n_classes, int levels, GError **error);

LUS_END_DECLS
