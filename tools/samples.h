/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** What `lus train` and `lus evaluate` are given: a data set's folder, or "phantom:COUNT", simulated stills made in
 *  memory. */
typedef struct {
  int phantoms;        /* 0: a folder */
  LusDataset *dataset; /* NULL: phantoms */
} LusToolData;

gboolean lus_tool_data_open(LusToolData *data, const char *text, GError **error);
void lus_tool_data_clear(LusToolData *data);

/** The samples of one split. Phantoms: the numbers of each split are far from the others', so that no still is in
 *  two; @limit > 0 makes so many instead of COUNT. */
LusSamples *lus_tool_data_samples(const LusToolData *data, LusSplit split, int limit, guint64 seed, int width,
                                  int height, int threads, LusToolProgress *progress, GError **error);

/** "256x256" or FALSE. */
gboolean lus_tool_parse_size(const char *text, int *width, int *height);

/** A table of the figures, a header line first; '-' where something is unknown. */
void lus_tool_print_metrics(const LusModelInfo *info, const LusClassMetrics *metrics);

/** "A,B": uses the labels of these annotators alone; NULL leaves the data set as it is. */
gboolean lus_tool_select_experts(LusDataset *dataset, const char *experts, GError **error);
