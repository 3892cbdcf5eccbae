/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** What `lus evaluate` has found out, and how it tells. */
typedef struct {
  LusModel *model, *other; /* @other: NULL, or what the likeness is to */
  const char *model_name, *data_name;
  LusSplit split;
  gint64 seed;
  int level_index; /* of the main level */
  LusEvaluation *evaluation;
  LusBootstrap *bootstrap;
  LusLikeness likeness[LUS_MAX_CLASSES + 1];
} LusToolEvaluation;

/** Both to stdout. */
void lus_tool_evaluation_print(const LusToolEvaluation *e);
void lus_tool_evaluation_json(const LusToolEvaluation *e);
