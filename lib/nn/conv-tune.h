/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "conv-pass.h"

/** Whether the environment variable LUS_TUNE=1 asks for methods by timing. */
gboolean lus_conv_tune_wanted(void);
/** The method that takes the least time for @pass, whose grid, sizes and groups are set, on this
 * machine now, in this thread. FALSE: out of memory. */
gboolean lus_conv_tune(const LusConvPass *pass, LusConvMethod *fastest);
