/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "bootstrap.h"
#include "tables.h"

LUS_BEGIN_DECLS

/** Fitting the heads: elastic-net regression of S/F, ordinal regression of its change, logistic regression of readmission,
 *  on standardised exam inputs with signs where medicine gives them (docs/estimate.md). */

#define LUS_FIT_MIN_CASES 10
#define LUS_FIT_MIN_GROUPS 5
/** Up to so many patients each is left out alone, beyond they are left out in ten groups. */
#define LUS_FIT_LEAVE_ONE_OUT 40

/** One case predicted without its patient. */
typedef struct {
  LusOutcomeCase about;
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

typedef struct {
  const char *command;     /* recorded in the file; NULL: none */
  guint64 seed;            /* of folds, draws of zones, bootstrap and permutations */
  gboolean (*progress)(gpointer data, const char *what, gint64 done, gint64 total); /* FALSE: stop; or NULL */
  gpointer progress_data;
} LusFitConfig;

/** JSON text of the heads file with a head for each task in @tasks (bits), newly allocated; @reports[task] for each (free
 *  them, also NULL). NULL with an error: too few cases or patients, nothing that varies, interrupted, out of memory. */
LUS_API char *lus_heads_fit(const LusOutcomeTable *table, guint tasks, const LusFitConfig *config,
                            LusOutcomeReport *reports[LUS_TASK_N], GError **error);
/** The report of existing heads on cases that they were not fitted on. */
LUS_API LusOutcomeReport *lus_heads_test(const LusHeads *heads, const LusOutcomeTable *table, LusTask task,
                                         const LusFitConfig *config, GError **error);
/** @folder/outcomes.html, outcomes.csv (figures) and predictions-TASK.csv, with charts. NULL reports are left out. */
LUS_API gboolean lus_outcome_report_write(LusOutcomeReport *const reports[LUS_TASK_N], const char *folder,
                                          const char *title, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusOutcomeReport, lus_outcome_report_free)

LUS_END_DECLS
