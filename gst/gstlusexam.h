/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An exam as lussfestimate conducts it: frames of a stream, zone by zone, up to the estimate and the file. Not thread-safe;
 * the owner locks. */
#include "gstlusmeta.h"

typedef struct _GstLusExam GstLusExam;

/** @zones: expected ones (NULL or empty = R1 R2 R3 L1 L2 L3); @heads may be NULL ("No estimator"), a reference is taken.
 *  NULL with @error if a zone is unknown or named twice. */
GstLusExam *gst_lus_exam_new(char *const *zones, LusHeads *heads, GError **error);
void gst_lus_exam_free(GstLusExam *exam);

/** Chooses the zone of the frames to come, "" = none. FALSE (then none) if its name is in no vocabulary. */
gboolean gst_lus_exam_set_zone(GstLusExam *exam, const char *zone);
/** Name of the expected zone at @index; FALSE if there are fewer. */
gboolean gst_lus_exam_expected_zone(const GstLusExam *exam, int index, char zone[LUS_ZONE_LENGTH]);
/** Name for the clip of the frames to come; listed in the file. */
void gst_lus_exam_set_clip(GstLusExam *exam, const char *clip);

typedef enum {
  GST_LUS_EXAM_ADDED,
  GST_LUS_EXAM_SKIPPED,     /* no new result, no zone, or the exam is finished */
  GST_LUS_EXAM_OTHER_MODEL, /* not the model of the frames before: left out */
  GST_LUS_EXAM_NO_MEMORY
} GstLusExamAdded;

/** Measures a frame that carries a new result and its mask, and adds it to the current zone. */
GstLusExamAdded gst_lus_exam_add(GstLusExam *exam, const GstLusSegMeta *meta);
/** Estimates anew if frames came since; zones with fewer than @min_frames count as missing. */
void gst_lus_exam_estimate(GstLusExam *exam, int min_frames);
/** No frame is added from here on. */
void gst_lus_exam_finish(GstLusExam *exam);
guint64 gst_lus_exam_n_frames(const GstLusExam *exam);

/** What lusoverlay shows. */
void gst_lus_exam_view(GstLusExam *exam, int min_frames, LusExamView *view);
/** Features of the frame added last, by name, those that are known; to @summary. */
void gst_lus_exam_write_features(const GstLusExam *exam, GstStructure *summary);
/** Writes exam.json atomically. */
gboolean gst_lus_exam_write(GstLusExam *exam, const char *path, const char *exam_id, int min_frames, GError **error);
