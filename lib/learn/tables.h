/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "heads.h"

LUS_BEGIN_DECLS

/** features.csv: a comment line with version, model_sha256, threshold and the notice; then
 *  clip,patient,day,zone,frames,pleura_frames, every feature's mean, and the clip's SHA-256, one clip per row. Unknown values
 *  are empty. */
LUS_API void lus_features_csv_begin(GString *out, const char *model_sha256, double threshold);
LUS_API void lus_features_csv_add(GString *out, const char *clip, const LusClipName *name, const LusZone *measured,
                                  const char *clip_sha256);

/** features.csv and outcomes.csv (patient, day, spo2_percent, fio2 or o2_l_min; further columns are not looked at)
 *  joined into exams, one per patient and day. */
typedef struct {
  LusFitData data;     /* command is left NULL; all else belongs to the table */
  char *model_sha256;
  int without_outcome; /* exams left out because there is no SpO2 of that patient and day */
  int incomplete;      /* and those with fewer than LUS_FIT_MIN_ZONES zones at hand */
  int above_97;        /* exams used whose SpO2 is above 97 %, where S/F no longer follows P/F (Rice et al. 2007) */
} LusFitTable;
/** Errors name file and line: missing columns, wrong numbers, clips or outcomes twice, rows without patient, day or
 *  zone. */
LUS_API LusFitTable *lus_fit_table_load(const char *features_path, const char *outcomes_path, int min_frames,
                                        GError **error);
LUS_API void lus_fit_table_free(LusFitTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusFitTable, lus_fit_table_free)

LUS_END_DECLS
