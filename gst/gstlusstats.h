/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

/** How long the results took, and the latency to report for it. Plain data; the owner locks. */
#define GST_LUS_STATS_WINDOW 64

typedef struct {
  guint64 frames, inferred;
  GstClockTime total;                        /* of all results */
  GstClockTime recent[GST_LUS_STATS_WINDOW]; /* of the last ones, a ring */
  GstClockTime p95;                          /* of the recent ones */
  GstClockTime latency;                      /* reported; 0 before the first result */
} GstLusStats;

void gst_lus_stats_reset(GstLusStats *stats);
/** TRUE if the latency to report is another one now: the p95 + 5 %, once it exceeds the reported one or falls 25 %
 *  below it. Post LATENCY then. */
gboolean gst_lus_stats_add(GstLusStats *stats, GstClockTime duration);
/** frames, inferred, mean-ms, p95-ms. The caller frees it. */
GstStructure *gst_lus_stats_to_structure(const GstLusStats *stats, const char *name);
