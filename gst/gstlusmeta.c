/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusmeta.h"
#include <math.h>

GType gst_lus_seg_meta_api_get_type(void)
{
  static gsize type = 0;
  static const gchar *tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                                GST_META_TAG_VIDEO_ORIENTATION_STR, NULL};

  if (g_once_init_enter(&type)) {
    GType registered = gst_meta_api_type_register("GstLusSegMetaAPI", tags);
    g_once_init_leave(&type, registered);
  }
  return type;
}

static gboolean seg_meta_init(GstMeta *meta, gpointer params, GstBuffer *buffer)
{
  GstLusSegMeta *seg = (GstLusSegMeta *)meta;

  (void)params;
  (void)buffer;
  memset((guint8 *)seg + sizeof(GstMeta), 0, sizeof(*seg) - sizeof(GstMeta));
  seg->source_pts = GST_CLOCK_TIME_NONE;
  seg->age = GST_CLOCK_TIME_NONE;
  return TRUE;
}

static void seg_meta_free(GstMeta *meta, GstBuffer *buffer)
{
  GstLusSegMeta *seg = (GstLusSegMeta *)meta;

  (void)buffer;
  g_clear_pointer(&seg->segmentation, lus_segmentation_unref);
  g_clear_pointer(&seg->mask, lus_mask_unref);
}

/* The display aspect ratio tells whether the whole picture was stretched over the whole new one: where it changes, bars
 * were added, and nothing says where. */
static gboolean keeps_aspect(const GstVideoInfo *in, const GstVideoInfo *out)
{
  double a = (double)in->width * in->par_n / ((double)in->height * in->par_d);
  double b = (double)out->width * out->par_n / ((double)out->height * out->par_d);

  return fabs(a / b - 1) * MAX(out->width, out->height) <= 1.5;
}

static void scale_rect(LusRect *rect, double sx, double sy)
{
  int x0 = (int)floor(rect->x * sx + 0.5), x1 = (int)floor((rect->x + rect->width) * sx + 0.5);
  int y0 = (int)floor(rect->y * sy + 0.5), y1 = (int)floor((rect->y + rect->height) * sy + 0.5);

  *rect = (LusRect){x0, y0, MAX(x1 - x0, 1), MAX(y1 - y0, 1)};
}

static void scale_seg_meta(GstLusSegMeta *seg, const GstVideoInfo *out)
{
  double sx = (double)out->width / seg->frame_width, sy = (double)out->height / seg->frame_height;

  scale_rect(&seg->rect, sx, sy);
  /* One scale for both directions, or none. */
  seg->mm_per_pixel = fabs(sx / sy - 1) < 0.01 ? seg->mm_per_pixel / sy : 0;
  seg->frame_width = out->width;
  seg->frame_height = out->height;
}

static gboolean seg_meta_transform(GstBuffer *to, GstMeta *meta, GstBuffer *from, GQuark type, gpointer data)
{
  const GstLusSegMeta *seg = (const GstLusSegMeta *)meta;
  const GstVideoMetaTransform *video = NULL;
  GstLusSegMeta *copy;

  (void)from;
  if (GST_META_TRANSFORM_IS_COPY(type)) {
    if (((GstMetaTransformCopy *)data)->region)
      return FALSE;
  } else if (GST_VIDEO_META_TRANSFORM_IS_SCALE(type)) {
    video = data;
    if (seg->frame_width != video->in_info->width || seg->frame_height != video->in_info->height ||
        !keeps_aspect(video->in_info, video->out_info))
      return FALSE;
  } else {
    return FALSE;
  }
  copy = gst_buffer_add_lus_seg_meta(to, seg->segmentation, seg->mask, seg->frame_width, seg->frame_height);
  copy->rect = seg->rect;
  copy->mm_per_pixel = seg->mm_per_pixel;
  copy->source_pts = seg->source_pts;
  copy->age = seg->age;
  copy->flags = seg->flags;
  copy->unchanged = seg->unchanged;
  if (video)
    scale_seg_meta(copy, video->out_info);
  return TRUE;
}

const GstMetaInfo *gst_lus_seg_meta_get_info(void)
{
  static gsize info = 0;

  if (g_once_init_enter(&info)) {
    const GstMetaInfo *registered =
        gst_meta_register(GST_LUS_SEG_META_API_TYPE, "GstLusSegMeta", sizeof(GstLusSegMeta), seg_meta_init,
                          seg_meta_free, seg_meta_transform);
    g_once_init_leave(&info, (gsize)registered);
  }
  return (const GstMetaInfo *)info;
}

static GstClockTime age_of(GstClockTime pts, GstClockTime source)
{
  if (!GST_CLOCK_TIME_IS_VALID(pts) || !GST_CLOCK_TIME_IS_VALID(source))
    return GST_CLOCK_TIME_NONE;
  return pts > source ? pts - source : source - pts; /* played backwards, a result is of a later picture */
}

GstLusSegMeta *gst_buffer_add_lus_seg_meta(GstBuffer *buffer, LusSegmentation *segmentation, LusMask *mask,
                                           gint frame_width, gint frame_height)
{
  GstLusSegMeta *seg = gst_buffer_get_lus_seg_meta(buffer);

  if (seg)
    gst_buffer_remove_meta(buffer, &seg->meta);
  seg = (GstLusSegMeta *)gst_buffer_add_meta(buffer, GST_LUS_SEG_META_INFO, NULL);
  seg->frame_width = frame_width;
  seg->frame_height = frame_height;
  gst_lus_seg_meta_set_mask(seg, mask);
  if (!segmentation) {
    seg->flags = GST_LUS_SEG_NO_SECTOR;
    return seg;
  }
  seg->segmentation = lus_segmentation_ref(segmentation);
  seg->rect = segmentation->rect;
  seg->mm_per_pixel = segmentation->mm_per_pixel;
  if (segmentation->pts_ns >= 0)
    seg->source_pts = (GstClockTime)segmentation->pts_ns;
  seg->age = age_of(GST_BUFFER_PTS(buffer), seg->source_pts);
  g_strlcpy(seg->model, lus_model_sha256(segmentation->model), sizeof(seg->model));
  return seg;
}

GstLusSegMeta *gst_buffer_get_lus_seg_meta(GstBuffer *buffer)
{
  return (GstLusSegMeta *)gst_buffer_get_meta(buffer, GST_LUS_SEG_META_API_TYPE);
}

void gst_lus_seg_meta_set_mask(GstLusSegMeta *meta, LusMask *mask)
{
  LusMask *old = meta->mask;

  meta->mask = mask ? lus_mask_ref(mask) : NULL;
  if (old)
    lus_mask_unref(old);
}
