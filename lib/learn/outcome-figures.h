/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/head-trials.h"
#include "learn/outcome-report.h"

/** The lines of a fold's cases come from the other folds. @lines: [n_folds][LUS_MAX_ZONES], or of one fold for all. */
LusOutcomeReport *lus_outcome_figures(const LusHeadTrials *trials, const LusHeadZones (*lines)[LUS_MAX_ZONES],
                                      gboolean one_line, guint64 seed);
