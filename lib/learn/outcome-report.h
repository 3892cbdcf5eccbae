/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "bootstrap.h"
#include "tables.h"

LUS_BEGIN_DECLS

/** One case predicted without its patient. */
typedef struct {
  LusOutcomeCase about;
  char *patient;             /* whose case it is */
  int day, earlier_day;      /* of the exam; of the earlier one, -1: none */
  int zones;                 /* at hand; for a change in both exams */
  double value, low, high;   /* S/F and its 90 % interval; or probability of readmission */
  double probability[LUS_CHANGE_N]; /* of a change */
  double severity;           /* the severity baseline's prediction; change: of the class */
  double constant;           /* median of the others' outcomes; majority class; base rate */
} LusOutcomePrediction;

/** With only some of the zones, drawn at random. */
typedef struct {
  int zones, n;
  double error;    /* sf: mean absolute error; change: 1 - macro F1; readmission: 1 - AUROC */
  double coverage; /* sf: part of the intervals that hold the truth; else NaN */
} LusOutcomeMissing;

/** How well a task is predicted; each figure with its 95 % interval over patients. */
typedef struct {
  LusTask task;
  int n, groups, inputs;         /* cases, patients, inputs with a weight (of the last fit) */
  LusOutcomePrediction *predictions; /* [n] */
  LusOutcomeMissing missing[LUS_MAX_ZONES]; /* [n_missing], from one zone on */
  int n_missing;
  /* sf */
  LusInterval error, median_error, severity_error, ratio, coverage, half_width;
  /* change */
  LusInterval f1, accuracy, majority_f1, severity_f1;
  /* readmission */
  LusInterval auroc, severity_auroc, known_auroc, known_minus, brier, constant_brier;
  double calibration_slope, calibration_offset; /* readmission; 1 and 0 are right */
  double p_value;                /* of the main figure, when outcomes are permuted over patients */
} LusOutcomeReport;
LUS_API void lus_outcome_report_free(LusOutcomeReport *report);
/** @folder/outcomes.html, outcomes.csv (figures) and predictions-TASK.csv (each case), with charts. NULL reports are left out. */
LUS_API gboolean lus_outcome_report_write(LusOutcomeReport *const reports[LUS_TASK_N], const char *folder,
                                          const char *title, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusOutcomeReport, lus_outcome_report_free)

LUS_END_DECLS
