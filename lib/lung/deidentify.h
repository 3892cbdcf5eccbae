/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"

LUS_BEGIN_DECLS

/** Keeps the sector of a picture and blackens the rest, with names, dates and whatever else is burned in there; in the picture's own
 *  memory. @sector [@height][@width] lies over @rect, 255 inside, else 0, as in LusSegmentation; NULL: nothing is known to be
 *  sector, all becomes black. A pixel is kept only between samples that are all inside: nothing beyond the sector's border
 *  remains. Allocates nothing. */
LUS_API void lus_deidentify(const LusImage *image, const guint8 *sector, int width, int height, LusRect rect);

LUS_END_DECLS
