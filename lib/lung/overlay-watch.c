/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lung/overlay-parts.h"

#define PERIOD_NS (500 * (gint64)1000000) /* numbers change at most twice a second */
#define STEP_NS (250 * (gint64)1000000)   /* the status mark steps at most four times a second */

void lus_watch_reset(LusWatch *watch)
{
  memset(watch, 0, sizeof *watch);
  watch->age_ms = watch->max_age_ms = -1;
  for (int c = 0; c < LUS_MAX_CLASSES; c++)
    watch->percent[c] = LUS_PERCENT_UNKNOWN;
}

/* Mean confidence over the class's mask, percent; LUS_PERCENT_NOT_SEEN without one. */
static int mask_percent(const LusSegmentation *segmentation, const LusMask *mask, int c)
{
  gsize n = (gsize)mask->width * (gsize)mask->height;
  const guint8 *q = segmentation->confidence + (gsize)c * n, *in = mask->planes + (gsize)c * n;
  guint64 sum = 0, count = 0;
  for (int y = 0; y < mask->height; y++, q += mask->width, in += mask->width) {
    guint32 row_sum = 0, row_count = 0;
    for (int x = 0; x < mask->width; x++) {
      row_sum += q[x] & in[x]; /* 255 or 0 */
      row_count += in[x] & 1;
    }
    sum += row_sum;
    count += row_count;
  }
  return count ? (int)((sum * 200 + 255 * count) / (510 * count)) : LUS_PERCENT_NOT_SEEN;
}

static void sample(LusWatch *watch, const LusOverlayState *state)
{
  int n_classes = MIN(state->mask->n_classes, LUS_MAX_CLASSES);
  int at = watch->n_samples % (int)G_N_ELEMENTS(watch->samples[0]);
  for (int c = 0; c < n_classes; c++)
    watch->samples[c][at] = (gint16)mask_percent(state->segmentation, state->mask, c);
  watch->n_samples++;
}

static int ascending(const void *a, const void *b)
{
  return *(const gint16 *)a - *(const gint16 *)b;
}

static void publish(LusWatch *watch, gint64 now_ns)
{
  int n = MIN(watch->n_samples, (int)G_N_ELEMENTS(watch->samples[0]));
  watch->age_ms = watch->max_age_ms;
  watch->every = watch->results ? (watch->draws + watch->results / 2) / watch->results : 0;
  for (int c = 0; c < LUS_MAX_CLASSES && n; c++) {
    qsort(watch->samples[c], (size_t)n, sizeof watch->samples[c][0], ascending);
    watch->percent[c] = watch->samples[c][n / 2];
  }
  watch->published_ns = now_ns;
  watch->draws = watch->results = watch->n_samples = 0;
  watch->max_age_ms = -1;
}

void lus_watch_update(LusWatch *watch, const LusOverlayState *state, LusStatus status)
{
  gint64 now = state->now_ns;
  gboolean first = !watch->started, fresh = first || state->result_number != watch->result_number;
  if (first || status != watch->status || now < watch->since_ns)
    watch->since_ns = now;
  watch->draws++;
  if (state->mask_age_ns >= 0)
    watch->max_age_ms = MAX(watch->max_age_ms, (int)MIN((state->mask_age_ns + 999999) / 1000000, G_MAXINT / 2));
  if (fresh && state->mask && state->segmentation) {
    sample(watch, state);
    watch->results++;
    if (first || now < watch->stepped_ns || now - watch->stepped_ns >= STEP_NS) {
      watch->step = (watch->step + 1) % 8;
      watch->stepped_ns = now;
    }
  }
  gboolean unknown = watch->n_samples && watch->percent[0] == LUS_PERCENT_UNKNOWN;
  gboolean due = now < watch->published_ns || now - watch->published_ns >= PERIOD_NS;
  if (first || unknown || status != watch->status || due)
    publish(watch, now);
  watch->started = TRUE;
  watch->status = status;
  watch->result_number = state->result_number;
}
