/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"

LUS_BEGIN_DECLS

/** Finds the ultrasound sector of a scanner's picture from the frames seen so far: the running maximum of the luma is
 *  thresholded, the largest connected component (small gaps closed; texts, lines and markers are smaller) is kept with large
 *  ones above or below it. The fan or rectangle that their convex hull is a part of is the sector, so that corners in the dark
 *  belong to it; the hull itself where it is a part of neither. Deterministic in the sequence of frames. What was seen only
 *  grows, until reset (by less than 2 %: not at all, so that the rectangle keeps still). */
typedef struct _LusSector LusSector;

typedef enum { LUS_SECTOR_AUTO, LUS_SECTOR_NONE /* whole frame */, LUS_SECTOR_MANUAL /* a given rectangle */ } LusSectorMode;

/** NULL only when out of memory. @manual is used in manual mode (clipped to the frame). */
LUS_API LusSector *lus_sector_new(int frame_width, int frame_height, LusSectorMode mode, LusRect manual);
LUS_API void lus_sector_free(LusSector *sector);
/** Forgets all frames (new stream, new zone, depth change). */
LUS_API void lus_sector_reset(LusSector *sector);
/** Looks at one frame of the size given to new(). TRUE if the sector is another one than before. A sector that has not changed
 *  for 120 frames is looked at in every fourth. */
LUS_API gboolean lus_sector_update(LusSector *sector, const LusImage *image);
/** FALSE while no sector has been seen (black frames). The rectangle is at least 16 x 16. */
LUS_API gboolean lus_sector_get_rect(const LusSector *sector, LusRect *rect);
/** Samples the sector (255 inside, 0 outside) at the centres of a @width x @height grid laid over @rect. */
LUS_API void lus_sector_sample(const LusSector *sector, guint8 *out, LusRect rect, int width, int height);

LUS_END_DECLS
