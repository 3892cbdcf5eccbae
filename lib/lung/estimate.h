/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "exam.h"

LUS_BEGIN_DECLS

/** From an exam to the S/F ratio (SpO2 [%] / FiO2 [fraction], 40..480) and, as further heads come, its change and the
 *  risk of readmission. Every number carries its validity and, where it is missing, the reason in the display's
 *  words. */
typedef struct {
  double value, low, high; /* S/F or probability 0..1; low..high is the 90 % interval */
  gboolean valid;
  char reason[96];         /* "" when valid; else e.g. "Zones missing R3 L2", "Too few frames", "No pleural line",
                              "Outside trained range", "Other model", "No estimator" */
} LusEstimateValue;

typedef struct {
  LusEstimateValue sf;
  LusEstimateValue readmission;
  int change_class;            /* -1 lower, 0 same, +1 higher */
  double change_probability[3]; /* lower, same, higher */
  gboolean change_valid;
  char change_reason[96];
} LusEstimate;

/** Fitted heads: `lus fit` writes them as JSON, lib/models/default.heads.json is the bundled file. Immutable and
 *  counted. */
typedef struct _LusHeads LusHeads;
LUS_API LusHeads *lus_heads_load(const char *path, GError **error);
LUS_API LusHeads *lus_heads_ref(LusHeads *heads);
LUS_API void lus_heads_unref(LusHeads *heads);
LUS_API const char *lus_heads_sha256(const LusHeads *heads);
/** Confidence threshold (0..1) of the masks the heads were fitted on: an exam's masks should be cut there too. */
LUS_API double lus_heads_threshold(const LusHeads *heads);

/** The S/F ratio's possible range: 97 % on room air is 462, 100 % is 476. */
#define LUS_SF_MIN 40.0
#define LUS_SF_MAX 480.0

/** A zone is at hand when it has @min_frames frames or more, with a pleural line on at least a tenth of them. */
LUS_API gboolean lus_zone_at_hand(const LusZone *zone, int min_frames);

/** The inputs of the heads: for every feature the mean over the zones at hand ("vertical_percent.mean"), the largest
 *  zone (".max") and the mean of the lower zones R3, L3 (".lower"; the mean where neither is at hand). NaN where no
 *  zone at hand knows the feature. */
#define LUS_EXAM_INPUT_N (3 * LUS_FEATURE_N)
LUS_API void lus_exam_inputs(double out[LUS_EXAM_INPUT_N], const LusExam *exam, int min_frames);
/** "vertical_percent.mean"; static. */
LUS_API const char *lus_exam_input_name(int index);

/** @heads NULL gives "No estimator"; @model_sha256 is compared with the one the heads were fitted on ("Other model").
 *  @min_frames: a zone with fewer frames counts as missing. The heads say how many zones must be at hand; the interval
 *  grows with sqrt(zones / zones at hand). Change and readmission have no heads yet: "No estimator". */
LUS_API void lus_estimate(LusEstimate *out, const LusHeads *heads, const LusExam *exam, int min_frames,
                          const char *model_sha256);

/** The exam.json of the contract; newly allocated text, NULL when out of memory. Strings may be NULL. */
typedef struct {
  const char *exam_id, *patient;
  int day;                 /* -1 unknown */
  const char *model_sha256, *heads_sha256;
  int min_frames;
} LusExamRecord;
LUS_API char *lus_exam_to_json(const LusExam *exam, const LusEstimate *estimate, const LusExamRecord *record);

/** S/F from SpO2 [%] and FiO2 [0.21..1]; FALSE with LUS_ERROR_INVALID outside 40..480 or when an input is
 *  out of range. */
LUS_API gboolean lus_sf_ratio(double *sf, double spo2_percent, double fio2, GError **error);
/** FiO2 of a nasal cannula: 0.21 + 0.04 per l/min, at most 0.9. */
LUS_API double lus_fio2_from_flow(double o2_l_min);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusHeads, lus_heads_unref)

LUS_END_DECLS
