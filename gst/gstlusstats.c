/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusstats.h"
#include <stdlib.h>

void gst_lus_stats_reset(GstLusStats *stats)
{
  *stats = (GstLusStats){.frames = 0};
}

static int compare_times(const void *a, const void *b)
{
  GstClockTime x = *(const GstClockTime *)a, y = *(const GstClockTime *)b;

  return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least 95 % do not exceed. */
static GstClockTime percentile95(const GstClockTime *times, guint n)
{
  GstClockTime sorted[GST_LUS_STATS_WINDOW];

  memcpy(sorted, times, n * sizeof(*times));
  qsort(sorted, n, sizeof(*sorted), compare_times);
  return sorted[(n * 95 + 99) / 100 - 1];
}

gboolean gst_lus_stats_add(GstLusStats *stats, GstClockTime duration)
{
  GstClockTime estimate;

  stats->recent[stats->inferred++ % GST_LUS_STATS_WINDOW] = duration;
  stats->total += duration;
  stats->p95 = percentile95(stats->recent, (guint)MIN(stats->inferred, GST_LUS_STATS_WINDOW));
  estimate = stats->p95 + stats->p95 / 20;
  if (estimate <= stats->latency && estimate >= stats->latency - stats->latency / 4)
    return FALSE;
  stats->latency = estimate;
  return TRUE;
}

GstStructure *gst_lus_stats_to_structure(const GstLusStats *stats, const char *name)
{
  gdouble mean = stats->inferred ? (gdouble)stats->total / (gdouble)stats->inferred : 0;

  return gst_structure_new(name, "frames", G_TYPE_UINT64, stats->frames, "inferred", G_TYPE_UINT64, stats->inferred,
                           "mean-ms", G_TYPE_DOUBLE, mean / GST_MSECOND, "p95-ms", G_TYPE_DOUBLE,
                           (gdouble)stats->p95 / GST_MSECOND, NULL);
}
