/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "outcome-report.h"

LUS_BEGIN_DECLS

/** Fitting the heads: elastic-net regression of S/F, ordinal regression of its change, logistic regression of readmission,
 *  on standardised exam inputs with signs where medicine gives them (docs/estimate.md). */

#define LUS_FIT_MIN_CASES 10
#define LUS_FIT_MIN_GROUPS 5
/** Up to so many patients each is left out alone, beyond they are left out in ten groups. */
#define LUS_FIT_LEAVE_ONE_OUT 40

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

LUS_END_DECLS
