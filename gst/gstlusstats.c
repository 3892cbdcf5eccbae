/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusstats.h"
#include <stdlib.h>

#define LASTING (1 * GST_SECOND)
#define OVER (1 * GST_SECOND)

/* An estimate comes from an idle machine and lacks the smaller parts of the work. */
static GstClockTime with_reserve(GstClockTime estimate)
{
  return estimate + estimate * 3 / 20;
}

static GstClockTime round_up(const GstLusStats *stats, GstClockTime time)
{
  return stats->step ? (time + stats->step - 1) / stats->step * stats->step : time;
}

void gst_lus_stats_reset(GstLusStats *stats, GstClockTime estimate, GstClockTime step)
{
  *stats = (GstLusStats){.step = step};
  gst_lus_stats_expect(stats, estimate);
}

void gst_lus_stats_expect(GstLusStats *stats, GstClockTime estimate)
{
  stats->n_recent = 0;
  stats->p95 = 0;
  stats->latency = round_up(stats, with_reserve(estimate));
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

  stats->recent[stats->n_recent++ % GST_LUS_STATS_WINDOW] = duration;
  stats->count++;
  stats->total += duration;
  stats->p95 = percentile95(stats->recent, MIN(stats->n_recent, GST_LUS_STATS_WINDOW));
  estimate = round_up(stats, stats->p95 + stats->p95 / 20);
  if (estimate <= stats->latency && estimate >= stats->latency - stats->latency / 4)
    return FALSE;
  if (stats->step && estimate < stats->latency && stats->latency - estimate <= stats->step)
    return FALSE;
  stats->latency = estimate;
  return TRUE;
}

gdouble gst_lus_stats_mean(const GstLusStats *stats)
{
  return stats->count ? (gdouble)stats->total / (gdouble)stats->count / GST_MSECOND : 0;
}

gboolean gst_lus_overload_add(GstLusOverload *overload, GstClockTime now)
{
  if (!overload->since || now < overload->last || now - overload->last >= OVER) {
    overload->since = now;
    overload->warned = FALSE;
  }
  overload->last = now;
  if (overload->warned || now - overload->since < LASTING)
    return FALSE;
  overload->warned = TRUE;
  return TRUE;
}
