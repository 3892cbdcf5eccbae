/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstlusmeta.h"

G_BEGIN_DECLS

/** Tells the masks of @meta, which is the writable @buffer's, in the words of GStreamer's analytics library (1.26 and newer)
 *  as well: a GstAnalyticsSegmentationMtd that shares the mask's memory (GRAY8, stride == width, 0 none, else class index + 1
 *  = region id) and covers meta->rect, with a GstAnalyticsClsMtd of the classes' names and mean confidences, related
 *  N_TO_N. Nothing without masks, or where that library was not there at build time. */
#ifdef HAVE_GST_ANALYTICS
void gst_lus_analytics_attach(GstBuffer *buffer, const GstLusSegMeta *meta);
#else
static inline void gst_lus_analytics_attach(GstBuffer *buffer, const GstLusSegMeta *meta)
{
  (void)buffer;
  (void)meta;
}
#endif

G_END_DECLS
