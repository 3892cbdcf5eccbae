/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "features.h"

LUS_BEGIN_DECLS

/** An exam: several lung zones of one patient on one day. Zones may be missing (they are listed, never invented) and may be
 *  scanned twice (their frames add up). */
#define LUS_MAX_ZONES 16
#define LUS_ZONE_LENGTH 8

typedef struct {
  char name[LUS_ZONE_LENGTH];
  int frames;                     /* frames inferred */
  int pleura_frames;              /* of these, frames with a pleural line */
  double features[LUS_FEATURE_N]; /* mean over the frames on which each is known; NaN if none */
} LusZone;

typedef struct _LusExam LusExam;

/** @zones: comma-separated list of expected zones, NULL = "R1,R2,R3,L1,L2,L3". Errors: empty, too many, too long, twice. */
LUS_API LusExam *lus_exam_new(const char *zones, GError **error);
LUS_API void lus_exam_free(LusExam *exam);
LUS_API void lus_exam_reset(LusExam *exam);
/** Index of the zone, added behind the expected ones if it is a known zone name (vocabularies R1-R6, L1-L6, R4V, L4V)
 *  and there is room; else -1. */
LUS_API int lus_exam_zone(LusExam *exam, const char *name);
LUS_API void lus_exam_add_frame(LusExam *exam, int zone, const double features[LUS_FEATURE_N]);
LUS_API void lus_exam_add_clip(LusExam *exam, int zone, const char *clip);
LUS_API int lus_exam_n_zones(const LusExam *exam);
LUS_API int lus_exam_n_expected(const LusExam *exam);
LUS_API void lus_exam_get_zone(const LusExam *exam, int index, LusZone *out);
/** The zone named in a clip's file name by a part like _R1, or FALSE. @out of LUS_ZONE_LENGTH. */
LUS_API gboolean lus_zone_from_name(char *out, const char *file_name);
/** TRUE if @name is in the vocabularies. */
LUS_API gboolean lus_zone_known(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusExam, lus_exam_free)

LUS_END_DECLS
