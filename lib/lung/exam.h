/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "features.h"

LUS_BEGIN_DECLS

/** An exam: several lung zones of one patient on one day. Zones may be missing (they are listed, never invented) and
 *  may be scanned twice: a zone's features are those of its clips, mean weighted by frames. Breathing and single frames
 *  that went wrong are left to the median and 90th percentile over each clip. */
#define LUS_MAX_ZONES 16
#define LUS_ZONE_LENGTH 8
/** Frames that make a zone count, by default. */
#define LUS_EXAM_MIN_FRAMES 30

typedef struct {
  char name[LUS_ZONE_LENGTH];
  int frames;                     /* frames inferred */
  int pleura_frames;              /* of these, frames with a pleural line */
  double features[LUS_FEATURE_N]; /* median over the frames on which each is known; NaN if none */
  double peaks[LUS_FEATURE_N];    /* their 90th percentile */
} LusZone;

typedef struct _LusExam LusExam;

/** @zones: comma-separated list of expected zones, NULL = "R1,R2,R3,L1,L2,L3"; known ones are called by capitals. Errors:
 *  empty, too many, too long, twice. */
LUS_API LusExam *lus_exam_new(const char *zones, GError **error);
LUS_API void lus_exam_free(LusExam *exam);
LUS_API void lus_exam_reset(LusExam *exam);
/** Index of the zone, capitals or not, added behind the expected ones if it is a known zone name (vocabularies R1-R6, L1-L6, R4V, L4V)
 *  and there is room; else -1. */
LUS_API int lus_exam_zone(LusExam *exam, const char *name);
LUS_API void lus_exam_add_frame(LusExam *exam, int zone, const double features[LUS_FEATURE_N]);
/** Adds a whole clip as it was measured (a row of features.csv); its name is not looked at. */
LUS_API void lus_exam_add_measured(LusExam *exam, int zone, const LusZone *measured);
/** Begins a clip of that name: frames added from here on are its. */
LUS_API void lus_exam_add_clip(LusExam *exam, int zone, const char *clip);
/** The clips added to a zone, a NULL-terminated array that lives as long as nothing is added. */
LUS_API const char *const *lus_exam_clips(const LusExam *exam, int zone);
LUS_API int lus_exam_n_zones(const LusExam *exam);
LUS_API int lus_exam_n_expected(const LusExam *exam);
LUS_API void lus_exam_get_zone(const LusExam *exam, int index, LusZone *out);
/** The zone named in a clip's file name by a part like _R1, or FALSE, also when two different zones are named. Parts
 *  are separated by anything but letters and digits; small letters are read as well. @out of LUS_ZONE_LENGTH. */
LUS_API gboolean lus_zone_from_name(char *out, const char *file_name);
/** TRUE if @name is in the vocabularies. */
LUS_API gboolean lus_zone_known(const char *name);

/** What a clip's file name tells: p003_d1_R2.mkv is patient p003, day 1, zone R2. */
typedef struct {
  char patient[256];          /* what stands before the day, or else before the zone; "" unknown */
  int day;                    /* -1 unknown */
  char zone[LUS_ZONE_LENGTH]; /* "" unknown */
} LusClipName;
LUS_API void lus_clip_name_parse(LusClipName *out, const char *file_name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusExam, lus_exam_free)

LUS_END_DECLS
