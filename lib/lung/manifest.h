/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "exam.h"

LUS_BEGIN_DECLS

/** Which clips make an exam, where file names do not tell:
 *  {"schema":1, "exam_id":"e1", "patient":"p003", "day":1, "zones":"R1,R2", "clips":[{"file":"a.mkv", "zone":"R1",
 *  "mm_per_pixel":0.2}]}. Only schema and clips must be there, and of a clip file and zone. */
typedef struct {
  char *file;                 /* path; what is relative lies beside the manifest */
  char zone[LUS_ZONE_LENGTH];
  double mm_per_pixel;        /* of the frames; 0: not told */
} LusManifestClip;

typedef struct {
  char *exam_id, *patient;    /* NULL: not told */
  char *zones;                /* expected zones, for lus_exam_new(); NULL: not told */
  int day;                    /* -1: not told */
  int n_clips;                /* 1..LUS_MANIFEST_MAX_CLIPS */
  LusManifestClip *clips;
} LusManifest;

#define LUS_MANIFEST_MAX_CLIPS 1000

/** Strict; messages name the file and the place in it. */
LUS_API LusManifest *lus_manifest_load(const char *path, GError **error);
LUS_API void lus_manifest_free(LusManifest *manifest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusManifest, lus_manifest_free)

LUS_END_DECLS
