/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/outcome-report.h"
#include "lung/heads-file.h"

/** JSON text. */
char *lus_heads_write(const LusHeads *heads, const LusOutcomeTable *table, const char *command,
                      LusOutcomeReport *const reports[LUS_TASK_N]);
