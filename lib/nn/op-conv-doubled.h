/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"

/** What a convolution reads of which one part is a doubled map. */
typedef struct {
  const LusNode *maker; /* the Resize; a Concat of the doubled map and x; or a 1x1 Conv of x to which it is added */
  int small, x;         /* values: the map before it is doubled, and the other one or -1 */
} LusDoubled;

/** Whether @step, which alone reads what @doubled tells, can do all of that, as a step of lus_step_conv_doubled, and is
 * likely to be faster so. */
gboolean lus_conv_doubled_can(const LusStep *step, const LusDoubled *doubled);
