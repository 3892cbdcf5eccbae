/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>
#include <lus/lus.h>

G_BEGIN_DECLS

#define GST_LUS_SEG_META_API_TYPE (gst_lus_seg_meta_api_get_type())
#define GST_LUS_SEG_META_INFO (gst_lus_seg_meta_get_info())

/** Why a result is what it is, or why there is none. With any flag but REUSED there is no segmentation. */
typedef enum {
  GST_LUS_SEG_NONE = 0,
  GST_LUS_SEG_NO_SECTOR = 1 << 0,  /* no ultrasound seen so far (black pictures): nothing was inferred */
  GST_LUS_SEG_REUSED = 1 << 1,     /* carried over from an earlier picture */
  GST_LUS_SEG_PENDING = 1 << 2,    /* the first result of this scene is still being computed */
  GST_LUS_SEG_NO_SIGNAL = 1 << 3,  /* black, one grey, colour bars, noise instead of ultrasound */
  GST_LUS_SEG_FROZEN = 1 << 4,     /* the sector has been the same for the time in @unchanged */
  GST_LUS_SEG_NO_CONTACT = 1 << 5, /* the probe is off the skin */
  GST_LUS_SEG_NEW_DEPTH = 1 << 6,  /* depth or zoom was changed; mm per pixel is unknown from here on */
  GST_LUS_SEG_NO_MODEL = 1 << 7    /* the model failed on an earlier picture; the reason was posted as a warning */
} GstLusSegFlags;

/**
 * GstLusSegMeta: the segmentation of the picture it is attached to.
 *
 * Tagged {video, size, orientation}: copied with the buffer and scaled by videoscale; dropped by every other
 * transformation (crop, flip, rotate, scaling with borders), so that a mask never lands in the wrong place. Planes
 * cover @rect of the picture as it is now; their own size stays that of the inference.
 */
typedef struct {
  GstMeta meta;

  LusSegmentation *segmentation; /* confidence planes, class names, hash; NULL: the flags say why */
  LusMask *mask;                 /* set by lusconfmask; NULL before */
  LusRect rect;                  /* what the planes cover, in pixels of this picture */
  gint frame_width, frame_height; /* of this picture */
  gdouble mm_per_pixel;          /* of this picture; 0 = unknown */
  GstClockTime source_pts;       /* of the picture that was inferred */
  GstClockTime age;              /* this picture's PTS - source_pts */
  GstLusSegFlags flags;
  gchar model[17];               /* first 16 digits of the model's SHA-256 */
  GstClockTime unchanged;        /* with FROZEN: how long the picture has been the same; else 0 */

  gpointer _gst_reserved[GST_PADDING_LARGE - sizeof(GstClockTime) / sizeof(gpointer)];
} GstLusSegMeta;

LUS_API GType gst_lus_seg_meta_api_get_type(void);
LUS_API const GstMetaInfo *gst_lus_seg_meta_get_info(void);

/** Adds a meta to the writable @buffer; it is the buffer's, and there is one per buffer (an older one is removed).
 * Takes references to @segmentation and @mask; without @segmentation the flags say NO_SECTOR. source_pts is the
 *  segmentation's, age follows from the buffer's PTS (GST_CLOCK_TIME_NONE where one is unknown). */
LUS_API GstLusSegMeta *gst_buffer_add_lus_seg_meta(GstBuffer *buffer, LusSegmentation *segmentation, LusMask *mask,
                                                   gint frame_width, gint frame_height);
/** The buffer's meta, or NULL. */
LUS_API GstLusSegMeta *gst_buffer_get_lus_seg_meta(GstBuffer *buffer);
/** Replaces the mask by a reference to @mask, which may be NULL. The buffer must be writable. */
LUS_API void gst_lus_seg_meta_set_mask(GstLusSegMeta *meta, LusMask *mask);

/** Name of the GstCustomMeta with geometry-free numbers: a GstStructure that Python reads without bindings. */
#define GST_LUS_SUMMARY_META_NAME "LusSummary"
/** Name of the custom downstream event with which lussfestimate sends the exam's numbers once more, right before EOS: no picture
 *  comes any more to carry what the end of the stream made of them. Fields as gst_lus_summary_set_exam() sets them. */
#define GST_LUS_SUMMARY_EVENT_NAME "lus-summary"

/** The structure of the buffer's LusSummary, or NULL. It belongs to the buffer. */
LUS_API const GstStructure *gst_buffer_get_lus_summary(GstBuffer *buffer);
/** The same for writing; added to the writable @buffer if it has none. */
LUS_API GstStructure *gst_buffer_add_lus_summary(GstBuffer *buffer);
/** Registers LusSummary; the plugin does, and both functions above. */
LUS_API void gst_lus_summary_register(void);

/** The exam in a summary's fields: zone, zones, missing-zones, frames, min-frames-per-zone, finished, and of the estimates
 *  sf, sf-low, sf-high, readmission... (only where they are valid; else sf-reason...). */
LUS_API void gst_lus_summary_set_exam(GstStructure *summary, const LusExamView *view);
/** And back. FALSE with view->present = FALSE if @summary is NULL or holds no exam. */
LUS_API gboolean gst_lus_summary_get_exam(const GstStructure *summary, LusExamView *view);

G_END_DECLS
