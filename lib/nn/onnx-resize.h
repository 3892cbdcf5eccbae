/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"
#include "onnx-proto.h"

/** The attributes of Resize and Upsample, for the network and for constants. */
typedef struct {
  gboolean linear, crop; /* crop: tf_crop_and_resize */
  gboolean up_when_less; /* Resize-10: where an axis is made smaller, nearest is up of i / scale */
  LusResizeCoord coord;
  LusNearest nearest;
  float extrapolation;
  int scales_input;      /* which one the scales are */
} LusOnnxResize;

/** Cubic, antialias and the like are errors. */
gboolean lus_onnx_read_resize(LusOnnxResize *resize, LusOnnxNode *node, int opset, GError **error);
/** Which pixel is nearest along an axis of this scale. */
LusNearest lus_onnx_nearest(const LusOnnxResize *resize, float scale);
