/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"
#include "../nn/model.h"

LUS_BEGIN_DECLS

/** From the frame's pixels to the network's input; training and inference both use exactly these functions. */

/** Where a crop of the frame lies in the network's input: aspect kept, anchored at the top, centred left to right, the
 *  rest is black. */
typedef struct {
  LusRect crop;                 /* in frame pixels */
  int input_width, input_height;
  int x, y, width, height;      /* the crop's place in the input */
} LusGeometry;

LUS_API void lus_geometry_fit(LusGeometry *geometry, LusRect crop, int input_width, int input_height);

/** The crop as full-range luma, scaled in one pass (area average when it shrinks, bilinear when it grows; samples at pixel
 *  centres), into @luma [input_height][input_width]; outside the crop's place 0. @scratch: see
 *  lus_preprocess_scratch_size(). */
LUS_API void lus_preprocess_luma(guint8 *luma, const LusImage *image, const LusGeometry *geometry, void *scratch);
LUS_API gsize lus_preprocess_scratch_size(const LusGeometry *geometry);

/** Blackens what lies outside the sector (texts, markers): @sector [height][width] of the crop's place, 255 inside, else 0,
 *  as lus_sector_sample() gives it for the crop. */
LUS_API void lus_preprocess_sector(guint8 *luma, const guint8 *sector, const LusGeometry *geometry);

/** The same resampling for a label or confidence plane of the whole frame (u8, stride = @frame_width). Label value 255
 *  ("ignore") is not mixed: a sample whose nearest pixel is 255 is 255, and 255s are left out of averages. */
LUS_API void lus_preprocess_labels(guint8 *out, const guint8 *plane, int frame_width, const LusGeometry *geometry);

/** [channels][h][w] of the network's input from luma [h][w]; the channels are equal. Lit mode: with m and s the mean and
 *  standard deviation over luma > 3 (at least 64 pixels are assumed), (luma - m) / (s + 4) clipped to -4..6. */
LUS_API void lus_preprocess_normalise(float *out, const guint8 *luma, int width, int height, int channels,
                                      const LusNormalise *normalise);

LUS_END_DECLS
