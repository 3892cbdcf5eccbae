/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusvideo.h"

static LusMatrix matrix_of(const GstVideoInfo *info)
{
  switch (info->colorimetry.matrix) {
  case GST_VIDEO_COLOR_MATRIX_BT601:
  case GST_VIDEO_COLOR_MATRIX_FCC:
    return LUS_MATRIX_BT601;
  case GST_VIDEO_COLOR_MATRIX_BT709:
  case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
    return LUS_MATRIX_BT709;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    return LUS_MATRIX_BT2020;
  default:
    return info->height <= 576 ? LUS_MATRIX_BT601 : LUS_MATRIX_BT709;
  }
}

static gboolean size_fits(int size)
{
  return size >= LUS_FRAME_MIN && size <= LUS_FRAME_MAX;
}

gboolean gst_lus_image_from_info(LusImage *image, const GstVideoInfo *info)
{
  int format = lus_format_from_name(gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(info)));

  if (format < 0 || !size_fits(info->width) || !size_fits(info->height))
    return FALSE;
  *image = (LusImage){
      .format = (LusFormat)format,
      .width = info->width,
      .height = info->height,
      .full_range = !GST_VIDEO_INFO_IS_YUV(info) || info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255,
      .matrix = matrix_of(info),
  };
  return TRUE;
}

void gst_lus_image_set_frame(LusImage *image, const GstVideoFrame *frame)
{
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(frame); i++) {
    image->planes[i] = GST_VIDEO_FRAME_PLANE_DATA(frame, i);
    image->strides[i] = GST_VIDEO_FRAME_PLANE_STRIDE(frame, i);
  }
}
