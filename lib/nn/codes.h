/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"

#include <math.h>

/** Steps on codes: bytes that stand for (code - zero_point) alpha of a Quantize node. */

extern const LusStepClass lus_step_encode, lus_step_decode, lus_step_conv_int8, lus_step_add_codes,
    lus_step_max_pool_codes, lus_step_resize_codes, lus_step_group_norm_codes;

/** Whether the step, a Resize and nothing else, doubles each pixel downwards and to the right. */
gboolean lus_step_doubles_pixels(const LusStep *step);

/** Makes steps read and write codes where their neighbours can, in a plan for inference. */
void lus_steps_use_codes(GPtrArray *steps, const LusGraph *graph);

/** Whether the step, a Conv, perhaps with a Clip, whose input is what @x, a Quantize node, gives, can run on integers. */
gboolean lus_conv_int8_can(const LusStep *step, const LusNode *x);

/** The code of @value, which may be infinite. */
static inline int lus_codes_of(const LusNode *quantize, float value)
{
  double code = rint((double)(value / quantize->attrs.alpha)) + quantize->attrs.zero_point;
  return (int)CLAMP(code, 0, 255);
}

/** Codes from here on are not below this: the zero point behind a ReLU, else 0. */
static inline int lus_codes_low(const LusNode *quantize, gboolean relu)
{
  return relu ? quantize->attrs.zero_point : 0;
}

static inline gsize lus_map_elements(const LusMap *map)
{
  return (gsize)map->h * (gsize)map->w * (gsize)map->c;
}
