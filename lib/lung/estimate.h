/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "heads.h"

LUS_BEGIN_DECLS

/** From an exam to three outcomes: the S/F ratio (SpO2 [%] / FiO2 [fraction], 40..480), its change since an earlier exam,
 *  and the risk of readmission within 30 days. Every number carries its validity and, where it is missing, the reason in
 *  the display's words. */
typedef struct {
  double value, low, high; /* S/F or probability 0..1; low..high is the 90 % interval */
  gboolean valid;
  char reason[96];         /* "" when valid; else e.g. "Zones missing R3 L2", "Needs 4 zones", "Too few frames",
                              "No pleural line", "Outside trained range", "Other model", "No estimator",
                              "Network failed" */
} LusEstimateValue;

typedef struct {
  LusEstimateValue sf;
  LusEstimateValue readmission;
  int change_class;            /* -1 lower, 0 same, +1 higher; said by the heads' borders, which need not make it the
                                  likeliest */
  double change_probability[3]; /* lower, same, higher */
  gboolean change_valid;
  char change_reason[96];      /* also "No earlier exam" */
  double zone_sf[LUS_MAX_ZONES]; /* running: S/F as each zone of the exam alone would have it; NaN not at hand */
} LusEstimate;

/** What an estimate is made of. */
typedef struct {
  const LusExam *exam;
  const LusExam *baseline;        /* an earlier exam of the patient, or NULL */
  const char *baseline_model;     /* SHA-256 of the model that measured it; NULL unknown */
  const char *model_sha256;       /* of the model that measured @exam */
  int min_frames;                 /* a zone with fewer frames counts as missing */
  gboolean running;               /* the exam goes on: a value is given once all expected zones are at hand */
} LusEstimateQuery;

/** @heads NULL gives "No estimator"; another model than the heads were fitted on "Other model". The heads say how many
 *  zones must be at hand, and how the interval grows when fewer are. */
LUS_API void lus_estimate(LusEstimate *out, const LusHeads *heads, const LusEstimateQuery *query);

/** How much of a linear predictor comes from where, against the average exam of the fit. */
typedef struct {
  double zones[LUS_MAX_ZONES];          /* of each zone of the exam */
  double other;                         /* what belongs to no zone */
} LusContributions;
/** FALSE when there is no such head. In S/F for sf, else in log odds (change: towards higher). */
LUS_API gboolean lus_heads_contributions(LusContributions *out, const LusHeads *heads, LusTask task,
                                         const LusEstimateQuery *query);

/** The exam.json of the contract; newly allocated text, NULL when out of memory. Strings may be NULL. */
typedef struct {
  const char *exam_id, *patient;
  int day;                 /* -1 unknown */
  const char *model_sha256, *heads_sha256;
  int min_frames;
  const char *baseline;    /* the earlier exam that the change refers to; NULL: none */
  double sf_measured;      /* entered beside it; 0 unknown */
  const char *embeddings;  /* of lus_exam_networks_to_json(); NULL: none */
} LusExamRecord;
LUS_API char *lus_exam_to_json(const LusExam *exam, const LusEstimate *estimate, const LusExamRecord *record);

/** S/F from SpO2 [%] and FiO2 [0.21..1]; FALSE with LUS_ERROR_INVALID outside 40..480 or when an input is
 *  out of range. */
LUS_API gboolean lus_sf_ratio(double *sf, double spo2_percent, double fio2, GError **error);
/** FiO2 of a nasal cannula: 0.21 + 0.04 per l/min, at most 0.9. */
LUS_API double lus_fio2_from_flow(double o2_l_min);

LUS_END_DECLS
