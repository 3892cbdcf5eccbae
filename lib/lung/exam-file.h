/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "clip-network.h"
#include "estimate.h"

LUS_BEGIN_DECLS

/** What a video network made of an exam. */
typedef struct {
  int n; /* 0: none */
  float values[LUS_VIDEO_MAX_EMBEDDING];
  char *network_sha256;
} LusExamEmbedding;

/** An exam.json as read back. */
typedef struct {
  char *path;
  char *exam_id, *patient;             /* NULL: unknown */
  int day;                             /* -1: unknown */
  char *model_sha256, *heads_sha256;   /* NULL: none */
  int n_zones;                         /* zones with frames and missing ones, right side first */
  LusZone zones[LUS_MAX_ZONES];        /* features as in the file, NaN where unknown; frames 0: no clip */
  LusExam *exam;                       /* the same zones as an exam, for lus_estimate() */
  gboolean missing[LUS_MAX_ZONES];     /* listed as missing: no frames, or too few */
  LusEstimate estimate;
  char *baseline;                      /* what the change is measured against; NULL: nothing */
  LusExamEmbedding embeddings[LUS_TASK_N];
  double measured_sf;                  /* from SpO2 and FiO2, NaN: not entered */
} LusExamFile;

/** Errors: not JSON, another schema, a value of another type or out of range, a zone twice or of too long a name; each
 *  with file and place. Keys that this version does not know are ignored. */
LUS_API LusExamFile *lus_exam_file_read(const char *path, GError **error);
LUS_API void lus_exam_file_free(LusExamFile *exam);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusExamFile, lus_exam_file_free)

LUS_END_DECLS
