/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "../lung/estimate.h"

LUS_BEGIN_DECLS

/** Fitting the S/F head: ridge regression on standardised exam inputs, penalty by leave-one-patient-out error, 90 %
 *  interval from the absolute leave-one-out residuals (docs/estimate.md). */
typedef struct {
  int n;                        /* exams, LUS_FIT_MIN_EXAMS at least */
  double (*inputs)[LUS_EXAM_INPUT_N]; /* NaN: unknown */
  double *sf;                   /* LUS_SF_MIN..LUS_SF_MAX */
  int *group;                   /* patient number of each exam; LUS_FIT_MIN_GROUPS different ones at least */
  int zones;                    /* of a complete exam, 1..LUS_MAX_ZONES */
  double threshold;             /* of the masks measured, 0..1 */
  const char *model_sha256;     /* 64 hexadecimal digits */
  const char *command;          /* recorded in the file */
} LusFitData;

#define LUS_FIT_MIN_EXAMS 10
#define LUS_FIT_MIN_GROUPS 5
/** Zones at hand an estimate needs (or all, when the exams have fewer). */
#define LUS_FIT_MIN_ZONES 4

typedef struct {
  int groups, inputs;           /* patients; inputs that vary and are known */
  double mae, mae_median_predictor; /* leave one patient out; of always saying the median */
  double coverage;              /* share of exams within the interval that the other patients' residuals give, 0..1 */
  double half_width;            /* of the 90 % interval */
  double lambda;
} LusFitReport;

/** JSON text of the heads file, newly allocated, or NULL: too few exams or patients, values out of range, no input that
 *  varies, out of memory. */
LUS_API char *lus_heads_fit(const LusFitData *data, LusFitReport *report, GError **error);

LUS_END_DECLS
