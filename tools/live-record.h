/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"
#include <gstlusmeta.h>

/** Records what `lus live` sees: of each zone of an exam a clip of the sector alone, in grey, all else black, and
 *  frames.jsonl (results.h) beside it. A thread of its own encodes and writes, so that pictures never wait.
 *
 *  FOLDER/EXAM/NAME_ZONE.mkv, FOLDER/EXAM/NAME_ZONE/frames.jsonl; NAME_ZONE_2... when a zone is scanned again. */
typedef struct _LusLiveRecord LusLiveRecord;

/** NAME, from which patient and day are read (lus_clip_name_parse()): EXAM if it tells the day, else EXAM_d1. */
char *lus_live_record_name(const char *exam);

LusLiveRecord *lus_live_record_new(const char *folder);
/** From any thread: the frames to come belong to @exam; NULL: to none, they are not recorded. */
void lus_live_record_exam(LusLiveRecord *record, const char *exam);
/** From the streaming thread, with a picture of @image. Recorded if it is of the exam that runs, @zone is not empty and @meta
 *  has a result.
 *  @kernels: what computed it, as lussegment's stats tell, interned; @fps: frames per second as a fraction, for the clip's header. */
void lus_live_record_frame(LusLiveRecord *record, const LusImage *image, const GstLusSegMeta *meta, const char *exam,
                           const char *zone, const char *kernels, gint64 pts_ns, const int fps[2]);
/** The error that ended the recording, once; newly allocated. NULL: none, or it was told before. From any thread. */
char *lus_live_record_take_problem(LusLiveRecord *record);
/** Waits until all is written. FALSE with the first error; *lost is how many pictures found no room in the queue. */
gboolean lus_live_record_finish(LusLiveRecord *record, guint64 *lost, GError **error);
void lus_live_record_free(LusLiveRecord *record);
