/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of lussegment: what its files share. gstlussegment.c: properties, events, queries; gstlussegment-model.c:
 * models come and go, with what they found; gstlussegment-picture.c: what happens to a picture. */
#include "gstluselements.h"
#include "gstlusmeta.h"
#include "gstlusstats.h"
#include "gstlusworker.h"

GST_DEBUG_CATEGORY_EXTERN(lussegment_debug);

typedef enum { MODE_AUTO, MODE_SYNC, MODE_LATEST } GstLusMode;
typedef enum { DETECT_AUTO, DETECT_ON, DETECT_OFF } GstLusDetect;

/* What a segmenter is made from. */
typedef struct {
  gchar *model_file;
  LusSegmenterConfig config;
} GstLusRecipe;

/* Settings that hold from picture to picture. */
typedef struct {
  guint interval;
  gdouble mm_per_pixel;
  GstLusDetect detect[LUS_GUARD_N]; /* by state */
} GstLusSettings;

struct _GstLusSegment {
  GstBaseTransform parent;

  /* Under the object lock. */
  GstLusRecipe recipe;
  GstLusSettings settings;
  GstLusMode mode;
  gboolean changed;    /* the segmenter is to be made anew */
  gboolean open;       /* READY or higher */
  guint opened;        /* how often that has come about */
  gboolean loading;    /* in the background */
  gboolean mode_known; /* latest is what mode says of this stream */
  gboolean latest;
  gboolean depth_changed;  /* or the pictures' size, since mm per pixel was set */
  gboolean new_zone;       /* told by an event: scanner and sector are the same, results are of another place */
  LusSegmenter *next;      /* made in the background, to be used from the next picture on */
  GstClockTime next_cost;
  LusModel *model;
  const char *kernels; /* interned; of the segmenter in use */
  guint64 frames, skipped;
  GstLusStats stats; /* of results; in sync mode with all the picture's work */
  GstLusStats cost;  /* of pictures beside a live stream */
  LusGuardState state;
  GstClockTime age; /* of the last result attached */

  /* The streaming thread's own. */
  GstLusSettings now;
  LusSegmenter *segmenter;
  GstClockTime model_cost; /* estimate of one run */
  LusSegmenterJob *job;    /* sync */
  GstLusWorker *worker;    /* latest, else NULL */
  LusGuard *guard;
  GstVideoInfo info;
  LusImage image;
  char zone[LUS_ZONE_LENGTH];
  LusSegmentation *result;
  guint result_frames; /* pictures that have it so far */
  guint since_post;    /* pictures since one was given to the worker */
  gboolean failed;     /* latest: the model's last run */
  GstLusOverload overload;
};

#define GST_TYPE_LUS_SEGMENT (gst_lus_segment_get_type())
G_DECLARE_FINAL_TYPE(GstLusSegment, gst_lus_segment, GST, LUS_SEGMENT, GstBaseTransform)

/** Drops the result at hand, and those under way. */
void gst_lus_segment_forget_result(GstLusSegment *self);
/** And what is known of the scene: sector, guards. */
void gst_lus_segment_forget_scene(GstLusSegment *self);

/** NULL to READY: FALSE after an error message. */
gboolean gst_lus_segment_open_model(GstLusSegment *self);
void gst_lus_segment_close_model(GstLusSegment *self);
/** A setting changed while running: makes a segmenter and uses it. What cannot be used is a warning; the old one
 *  stays. */
void gst_lus_segment_reopen_model(GstLusSegment *self);
/** The same without a stop: for gst_element_call_async(). The result is self->next. */
void gst_lus_segment_load(GstElement *element, gpointer data);
/** From this picture on. Takes @segmenter. */
void gst_lus_segment_use(GstLusSegment *self, LusSegmenter *segmenter, GstClockTime cost);

/** The transform_ip. */
GstFlowReturn gst_lus_segment_picture(GstBaseTransform *trans, GstBuffer *buffer);
