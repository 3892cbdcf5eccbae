/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"

/** Whether @step, which alone reads what @lateral makes, can do its work too, as a step of lus_step_conv_doubled, and is likely
 * to be faster so. */
gboolean lus_conv_doubled_can(const LusStep *lateral, const LusStep *step);
