/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

/** How long something took for each picture, and the latency to report for it. Plain data; the owner locks. */
#define GST_LUS_STATS_WINDOW 64

typedef struct {
  guint64 count;                             /* durations in all */
  GstClockTime total;                        /* of all */
  GstClockTime recent[GST_LUS_STATS_WINDOW]; /* the last ones, a ring */
  guint n_recent;
  GstClockTime p95;     /* of the recent ones */
  GstClockTime latency; /* to report */
  GstClockTime step;    /* the latency is rounded up to whole steps; 0: as it is */
} GstLusStats;

/** Starts anew with an estimate of the durations to come. */
void gst_lus_stats_reset(GstLusStats *stats, GstClockTime estimate, GstClockTime step);
/** As reset, but what was counted stays. */
void gst_lus_stats_expect(GstLusStats *stats, GstClockTime estimate);
/** TRUE if the latency to report is another one now: the p95 + 5 %, once it exceeds the reported one or falls 25 %
 *  below it. Post LATENCY then. */
gboolean gst_lus_stats_add(GstLusStats *stats, GstClockTime duration);
/** In ms; 0 before the first. */
gdouble gst_lus_stats_mean(const GstLusStats *stats);

/** Whether work that is skipped is worth a warning: once it has gone on for a second, and again only after a second
 *  without any. Plain data, all 0 to begin with; times are running times. */
typedef struct {
  GstClockTime since, last; /* of the skipping that goes on; since 0: none */
  gboolean warned;
} GstLusOverload;

/** Work was skipped at @now. TRUE: warn. */
gboolean gst_lus_overload_add(GstLusOverload *overload, GstClockTime now);
