/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An exam as lussfestimate conducts it: frames of a stream, zone by zone, up to the estimate and the file. Not
 * thread-safe but for gst_lus_exam_run(); the owner locks. */
#include "gstlusmeta.h"
#include "gstlusnetworks.h"

typedef struct _GstLusExam GstLusExam;

/* What goes into the file beside the exam itself, and where that is. */
typedef struct {
  const char *path, *exam_id; /* NULL: none */
  int min_frames;             /* zones with fewer count as missing */
  double sf_measured;         /* 0 = unknown */
} GstLusExamSettings;

/** @heads_file: the estimator, with its video networks; NULL: the bundled one, without which the estimate is "No
 * estimator". @zones: expected ones (NULL or empty = R1 R2 R3 L1 L2 L3). @baseline: exam.json of an earlier exam, for the
 * change, or NULL. NULL with @error if a file cannot be used, or a zone's name is empty, too long or there twice. */
GstLusExam *gst_lus_exam_new(const char *heads_file, char *const *zones, const char *baseline, GError **error);
GstLusExam *gst_lus_exam_ref(GstLusExam *exam);
/** NULL is accepted. */
void gst_lus_exam_unref(GstLusExam *exam);

/** Chooses the zone of the frames to come, "" = none; the clip of the zone before pauses. FALSE (then none)
 * if its name is in no vocabulary, or there is no room for another zone. */
gboolean gst_lus_exam_set_zone(GstLusExam *exam, const char *zone);
/** Name of the expected zone at @index; FALSE if there are fewer. */
gboolean gst_lus_exam_expected_zone(const GstLusExam *exam, int index, char zone[LUS_ZONE_LENGTH]);
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
/** How many frames were added. */
guint64 gst_lus_exam_frames(const GstLusExam *exam);
/** Estimates anew if frames came since; zones with fewer than @min_frames count as missing. Where video networks are at
 * work, a valid estimate comes with the end of the next round. */
void gst_lus_exam_estimate(GstLusExam *exam, int min_frames);
/** The last estimate; no frame is added from here on. The first finish says name and file (path NULL: it is written
 * nowhere); another changes nothing. */
void gst_lus_exam_finish(GstLusExam *exam, const GstLusExamSettings *settings);
/** The exam is finished, and @path is the file that it is in or will be. */
gboolean gst_lus_exam_is_in(const GstLusExam *exam, const char *path);
/** 0 once it is finished. */
guint64 gst_lus_exam_unfinished_frames(const GstLusExam *exam);
/** exam.json of a finished exam with its last estimate, once; then it counts as written. NULL: not so far, no path, no
 * frame was added, or written already. The caller frees it and *path. */
char *gst_lus_exam_take_text(GstLusExam *exam, char **path);
/** It could not be written after all. */
void gst_lus_exam_note_unwritten(GstLusExam *exam);
/** Why the video networks cannot be used, once; NULL: nothing (new) is wrong. The caller frees it. */
GError *gst_lus_exam_take_problem(GstLusExam *exam);

/** TRUE if video networks have to be run and nobody is at it: from now on the caller is. */
gboolean gst_lus_exam_begin_work(GstLusExam *exam);
/** The next round of the work, or NULL: it is done. */
GstLusRound *gst_lus_exam_next_round(GstLusExam *exam);
/** Runs it; in any thread, without the lock. */
void gst_lus_exam_run(GstLusExam *exam, GstLusRound *round);
/** Takes what came of it, and frees it. */
void gst_lus_exam_end_round(GstLusExam *exam, GstLusRound *round);
/** The work is done; what it made is written. */
void gst_lus_exam_end_work(GstLusExam *exam);
gboolean gst_lus_exam_is_at_work(const GstLusExam *exam);

/** What lusoverlay shows, name and measured S/F of the exam and, by name, those features of the frame added last that are
 * known; to @summary. @settings: of now; a finished exam has its own. */
void gst_lus_exam_summarise(const GstLusExam *exam, const GstLusExamSettings *settings, GstStructure *summary);
