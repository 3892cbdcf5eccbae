/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** Appends the mask @plane [@height][@width] (0: outside, else inside) as "counts" of COCO's compressed run lengths: runs go
 *  down the columns, outside first; a number is written in characters of six bits from '0' on, the sixth bit saying that more
 *  follow, the fifth of the last the sign; from the fourth run on it is the difference to the last but one.
 *  (cocodataset/cocoapi, common/maskApi.c, rleToString.) pycocotools reads it with size [height, width]. */
LUS_API void lus_rle_append(GString *out, const guint8 *plane, int width, int height);

LUS_END_DECLS
