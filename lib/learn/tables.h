/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "../lung/estimate.h"

LUS_BEGIN_DECLS

/** features.csv: a comment line with version, model_sha256, threshold and the notice; then
 *  clip,patient,day,zone,frames,pleura_frames, for every feature its median and 90th percentile (NAME.p90) over the clip's
 *  frames, the scale told beside the clip (mm_per_pixel) and the clip's SHA-256, one clip per row. Unknown values are empty. */
/** Of the columns of 90th percentiles; without it the median. */
#define LUS_PEAK_SUFFIX ".p90"
LUS_API void lus_features_csv_begin(GString *out, const char *model_sha256, double threshold);
LUS_API void lus_features_csv_add(GString *out, const char *clip, const LusClipName *name, const LusZone *measured,
                                  double mm_per_pixel, const char *clip_sha256);

/** One patient on one day. */
typedef struct {
  char *patient;
  int day, group;       /* group: number of the patient, 0.. */
  LusExam *exam;
  double sf, spo2;      /* NaN: no outcome */
  double severity;      /* an expert's score, NaN: none */
  double risk;          /* of readmission as known to a simulator, NaN: unknown */
  int readmitted;       /* 0, 1; -1 unknown */
} LusOutcomeExam;

/** features.csv and outcomes.csv joined: patient, day; spo2_percent with fio2 or o2_l_min; readmitted_30d (0 or 1); and,
 *  for comparison only, severity and readmission_risk. Columns that are missing are unknown throughout, further ones are
 *  not looked at. */
typedef struct {
  char *model_sha256;
  double threshold;       /* of the masks measured, 0..1 */
  int min_frames;         /* a zone with fewer counts as missing */
  int n, n_groups;
  LusOutcomeExam *exams;  /* by patient, then day: what is made of them does not depend on the rows' order */
  int n_alone;            /* of them without a row in outcomes.csv */
  int n_outcomes, n_outcomes_alone; /* rows of outcomes.csv; those of exams without features */
  int zones;              /* most zones at hand in an exam */
  int above_97;           /* exams whose SpO2 is above 97 %, where S/F no longer follows P/F (Rice et al. 2007) */
} LusOutcomeTable;

/** Errors name file and line: missing columns, wrong numbers, clips or outcomes twice, rows without patient, day or
 *  zone. */
LUS_API LusOutcomeTable *lus_outcome_table_load(const char *features_path, const char *outcomes_path, int min_frames,
                                                GError **error);
/** Whether @outcomes_path can be read, for work that needs it only in the end; the same errors. */
LUS_API gboolean lus_outcomes_check(const char *outcomes_path, GError **error);
LUS_API void lus_outcome_table_free(LusOutcomeTable *table);

/** What a task learns from: an exam, an earlier one of the same patient (-1: none), and the outcome: S/F; class of its
 *  change; readmitted 0 or 1. sf: every exam with S/F and a zone at hand. change: exams that follow each other. readmission:
 *  each patient's last exam, with the one before it. */
typedef struct {
  int exam, earlier, group;
  double y;
} LusOutcomeCase;
/** Whether @exam, one of the table's, is its patient's last. */
LUS_API gboolean lus_outcome_is_last(const LusOutcomeTable *table, const LusOutcomeExam *exam);
/** Array of LusOutcomeCase; free with g_array_unref(). */
LUS_API GArray *lus_outcome_cases(const LusOutcomeTable *table, LusTask task);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusOutcomeTable, lus_outcome_table_free)

LUS_END_DECLS
