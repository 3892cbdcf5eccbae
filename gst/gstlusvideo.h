/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>
#include <lus/lus.h>

G_BEGIN_DECLS

#define GST_LUS_VIDEO_FORMATS \
  "{ GRAY8, I420, YV12, NV12, NV21, Y42B, Y444, YUY2, YVYU, UYVY, VYUY, RGB, BGR, " \
  "RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR }"

/** Caps of every picture liblus reads: all of LusFormat, LUS_FRAME_MIN to LUS_FRAME_MAX pixels. */
#define GST_LUS_VIDEO_CAPS "video/x-raw, " GST_LUS_VIDEO_FIELDS
/** Their fields. */
#define GST_LUS_VIDEO_FIELDS \
  "format = (string) " GST_LUS_VIDEO_FORMATS ", " \
  "width = (int) [ " G_STRINGIFY(LUS_FRAME_MIN) ", " G_STRINGIFY(LUS_FRAME_MAX) " ], " \
  "height = (int) [ " G_STRINGIFY(LUS_FRAME_MIN) ", " G_STRINGIFY(LUS_FRAME_MAX) " ], " \
  "framerate = (fraction) [ 0/1, 2147483647/1 ]"

/** At caps time: format, size, range and matrix of @info; planes are NULL, mm per pixel unknown. A matrix the caps do
 * not tell (RGB) is BT.601 up to 576 rows, else BT.709. FALSE if liblus does not know the format or the size. */
LUS_API gboolean gst_lus_image_from_info(LusImage *image, const GstVideoInfo *info);
/** At frame time: points the planes at the mapped @frame, with its strides. Valid until the frame is unmapped. */
LUS_API void gst_lus_image_set_frame(LusImage *image, const GstVideoFrame *frame);

G_END_DECLS
