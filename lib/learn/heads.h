/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "../lung/estimate.h"

LUS_BEGIN_DECLS

/** Fitting the S/F head: ridge regression on standardised exam inputs, penalty by leave-one-patient-out error, 90 % interval
 *  from the absolute leave-one-out residuals. */
typedef struct {
  int n;                        /* exams */
  double (*inputs)[LUS_EXAM_INPUT_N];
  double *sf;
  int *group;                   /* patient number of each exam */
  const char *model_sha256;
  const char *command;          /* recorded in the file */
} LusFitData;

typedef struct {
  double mae, mae_median_predictor; /* leave one patient out; of always saying the median */
  double coverage;                  /* share of exams within the interval, 0..1 */
  double lambda;
} LusFitReport;

/** JSON text of the heads file, newly allocated, or NULL. */
LUS_API char *lus_heads_fit(const LusFitData *data, LusFitReport *report, GError **error);

LUS_END_DECLS
