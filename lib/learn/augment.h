/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/rng.h"

LUS_BEGIN_DECLS

/** Random changes fit for ultrasound, to one sample in place: left-right flip, small scaling and shift, gamma, gain,
 *  noise on lit pixels, black boxes (the luma alone: what they hide stays labelled), near field cut off. Labels move
 *  along (nearest pixel); pixels that come from outside are 0 (luma and labels). @labels [n_classes][height][width]. */
LUS_API void lus_augment(guint8 *luma, guint8 *labels, int n_classes, int width, int height, LusRng *rng,
                         guint8 *scratch);
/** Bytes of scratch. */
LUS_API gsize lus_augment_scratch_size(int n_classes, int width, int height);

LUS_END_DECLS
