/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An exam as lussfestimate conducts it: frames of a stream, zone by zone, up to the estimate and the file. Not
 * thread-safe; the owner locks. */
#include "gstlusmeta.h"

typedef struct _GstLusExam GstLusExam;

/** The estimator of @file, or of the bundled file if NULL. Only a file that was asked for must be there: without the
 * bundled one *heads is NULL. */
gboolean gst_lus_heads_load(LusHeads **heads, const char *file, GError **error);

/** @zones: expected ones (NULL or empty = R1 R2 R3 L1 L2 L3); @heads may be NULL ("No estimator"), a reference is
 * taken. NULL with @error if a zone is unknown or named twice. */
GstLusExam *gst_lus_exam_new(char *const *zones, LusHeads *heads, GError **error);
void gst_lus_exam_free(GstLusExam *exam);

/** Chooses the zone of the frames to come, "" = none. FALSE (then none) if its name is in no vocabulary. */
gboolean gst_lus_exam_set_zone(GstLusExam *exam, const char *zone);
/** Name of the expected zone at @index; FALSE if there are fewer. */
gboolean gst_lus_exam_expected_zone(const GstLusExam *exam, int index, char zone[LUS_ZONE_LENGTH]);
/** The exam.json of an earlier exam, for the change. */
gboolean gst_lus_exam_set_baseline(GstLusExam *exam, const char *file, GError **error);
/** Name for the clip of the frames to come; listed in the file. */
void gst_lus_exam_set_clip(GstLusExam *exam, const char *clip);

typedef enum {
  GST_LUS_EXAM_ADDED,
  GST_LUS_EXAM_OTHER_THRESHOLD, /* added, but its masks are not cut where the heads' were */
  GST_LUS_EXAM_SKIPPED,         /* no new result, no zone, or the exam is finished */
  GST_LUS_EXAM_OTHER_MODEL,     /* not the model of the frames before: left out */
  GST_LUS_EXAM_NO_MEMORY
} GstLusExamAdded;

/** Measures a frame that carries a new result and its mask, and adds it to the current zone. @image: the picture, or NULL
 * if it can't be read. */
GstLusExamAdded gst_lus_exam_add(GstLusExam *exam, const GstLusSegMeta *meta, const LusImage *image);
/** Estimates anew if frames came since; zones with fewer than @min_frames count as missing. */
void gst_lus_exam_estimate(GstLusExam *exam, int min_frames);
/** The last estimate; no frame is added from here on. Writes exam.json atomically to @path, unless that is NULL, no
 * frame was added, or it is written already. @exam_id may be NULL; @sf_measured 0 = unknown. */
gboolean gst_lus_exam_finish(GstLusExam *exam, const char *path, const char *exam_id, int min_frames,
                             double sf_measured, GError **error);

/** What lusoverlay shows and, by name, those features of the frame added last that are known; to @summary. */
void gst_lus_exam_summarise(const GstLusExam *exam, int min_frames, GstStructure *summary);
