/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusanalytics.h"

#include <gst/analytics/analytics.h>

static void free_mask(gpointer data)
{
  lus_mask_unref(data);
}

/* The ids as a picture: their memory stays the mask's. */
static GstBuffer *wrap_ids(LusMask *mask)
{
  gsize size = (gsize)mask->width * (gsize)mask->height;
  GstBuffer *buffer =
      gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, mask->ids, size, 0, size, lus_mask_ref(mask), free_mask);

  gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, (guint)mask->width,
                            (guint)mask->height);
  return buffer;
}

/* Mean confidence within the mask, 0..1; 0 where it is empty. */
static gfloat mean_confidence(const LusSegmentation *segmentation, const LusMask *mask, int k)
{
  gsize n = (gsize)mask->width * (gsize)mask->height, inside = 0, sum = 0;
  const guint8 *plane = mask->planes + (gsize)k * n, *confidence = segmentation->confidence + (gsize)k * n;

  for (gsize i = 0; i < n; i++)
    if (plane[i]) {
      inside++;
      sum += confidence[i];
    }
  return inside ? (gfloat)sum / (gfloat)inside / 255 : 0;
}

void gst_lus_analytics_attach(GstBuffer *buffer, const GstLusSegMeta *meta)
{
  guint ids[LUS_MAX_CLASSES];
  gfloat levels[LUS_MAX_CLASSES];
  GQuark names[LUS_MAX_CLASSES];
  GstAnalyticsRelationMeta *relations;
  GstAnalyticsSegmentationMtd regions;
  GstAnalyticsClsMtd classes;

  if (!meta || !meta->segmentation || !meta->mask)
    return;
  for (int k = 0; k < meta->mask->n_classes; k++) {
    ids[k] = (guint)k + 1;
    levels[k] = mean_confidence(meta->segmentation, meta->mask, k);
    names[k] = g_quark_from_string(lus_model_info(meta->segmentation->model)->classes[k]);
  }
  relations = gst_buffer_get_analytics_relation_meta(buffer);
  if (!relations)
    relations = gst_buffer_add_analytics_relation_meta(buffer);
  if (relations &&
      gst_analytics_relation_meta_add_segmentation_mtd(
          relations, wrap_ids(meta->mask), GST_SEGMENTATION_TYPE_SEMANTIC, (gsize)meta->mask->n_classes, ids,
          meta->rect.x, meta->rect.y, (guint)meta->rect.width, (guint)meta->rect.height, &regions) &&
      gst_analytics_relation_meta_add_cls_mtd(relations, (gsize)meta->mask->n_classes, levels, names, &classes)) {
    gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_N_TO_N, regions.id, classes.id);
    gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_N_TO_N, classes.id, regions.id);
  }
}
