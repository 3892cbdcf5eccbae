/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** How label percents become training targets; one table, from which names, parsing, docs and tests follow. */
typedef enum {
  LUS_TARGET_THRESHOLD /* 1 where percent >= level, else 0 */,
  LUS_TARGET_SOFT /* percent / 100 */,
  LUS_TARGET_N
} LusTargetMethod;

typedef struct {
  LusTargetMethod method;
  double level; /* percent, 0..100 (threshold); 60 by default. At 0 every pixel with percent > 0 is positive. */
} LusTarget;

/** "threshold:60", "threshold:0", "soft". */
LUS_API gboolean lus_target_parse(LusTarget *target, const char *text, GError **error);
LUS_API char *lus_target_to_string(const LusTarget *target);
/** Whether a label of @percent is positive at @level percent: percent >= level, and never at 0 percent. */
LUS_API gboolean lus_target_positive(guint8 percent, double level);
/** target[i] 0..1 and weight[i] (0 where percents[i] is 255, else 1) for @n pixels. */
LUS_API void lus_target_apply(float *target, float *weight, const guint8 *percents, gsize n, const LusTarget *method);

LUS_END_DECLS
