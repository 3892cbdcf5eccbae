/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "../lung/preprocess.h"
#include "../lung/sector.h"

/** Inside of learn: how samples are filled, be they real or simulated. */

/** Room for @n samples, at least 1. */
LusSamples *lus_samples_new(int n, int n_classes, int width, int height, GError **error);

/** Sample @index becomes @image, cropped to what @sector has found so far (the whole frame if nothing), and scaled as
 *  at inference; @geometry tells where, for the labels. */
gboolean lus_sample_luma(LusSamples *samples, int index, LusGeometry *geometry, const LusImage *image,
                         LusSector *sector, GError **error);
/** One class's label percents of the whole frame. */
void lus_sample_label(LusSamples *samples, int index, int class_index, const LusGeometry *geometry,
                      const guint8 *plane, int frame_width);
/** A class that nobody labelled: unknown everywhere, beside the crop too. */
void lus_sample_unlabelled(LusSamples *samples, int index, int class_index);
