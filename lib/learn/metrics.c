/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/metrics.h"
#include "learn/evaluate-internal.h"
#include "learn/predict.h"
#include "learn/target.h"
#include "lung/confidence.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

double lus_dice(gint64 both, gint64 a, gint64 b)
{
  return a + b == 0 ? 1.0 : 2.0 * (double)both / (double)(a + b);
}

void lus_mask_count(LusMaskCount *count, const float *confidence, const guint8 *percent, gsize n, double cut,
                    double level)
{
  guint8 q = lus_confidence_cut(cut);
  for (gsize i = 0; i < n; i++) {
    if (percent[i] > 100)
      continue;
    gboolean found = lus_confidence_quantise(confidence[i]) >= q, positive = lus_target_positive(percent[i], level);
    count->known++;
    count->both += found && positive;
    count->found += found;
    count->reference += positive;
  }
}

static const LusInterval unknown = {(double)NAN, (double)NAN, (double)NAN};

static gboolean is_labelled(const LusMaskCount *counts, int n)
{
  int p = 0;
  while (p < n && counts[p].reference == 0)
    p++;
  return p < n;
}

LusInterval lus_counts_ratio(const LusMaskCount *counts, const double *numerator, const double *denominator, int n,
                             const LusBootstrap *bootstrap)
{
  return is_labelled(counts, n) ? lus_bootstrap_ratio(bootstrap, numerator, denominator) : unknown;
}

static void dice_parts(double *numerator, double *denominator, const LusMaskCount *counts, int n)
{
  for (int p = 0; p < n; p++) {
    numerator[p] = 2 * (double)counts[p].both;
    denominator[p] = (double)(counts[p].found + counts[p].reference);
  }
}

LusInterval lus_counts_dice(const LusMaskCount *counts, int n, const LusBootstrap *bootstrap)
{
  g_autofree double *parts = g_new(double, 2 * (gsize)n);
  dice_parts(parts, parts + n, counts, n);
  return lus_counts_ratio(counts, parts, parts + n, n, bootstrap);
}

LusInterval lus_counts_dice_difference(const LusMaskCount *a, const LusMaskCount *b, int n,
                                       const LusBootstrap *bootstrap)
{
  g_autofree double *parts = g_new(double, 4 * (gsize)n);
  dice_parts(parts, parts + n, a, n);
  dice_parts(parts + 2 * n, parts + 3 * n, b, n);
  if (!is_labelled(a, n) || !is_labelled(b, n))
    return unknown;
  return lus_bootstrap_difference(bootstrap, parts, parts + n, parts + 2 * n, parts + 3 * n);
}

static void add_count(LusMaskCount *sum, const LusMaskCount *count)
{
  sum->both += count->both;
  sum->found += count->found;
  sum->reference += count->reference;
  sum->known += count->known;
}

/** Adds the samples of each group up; a group without known pixels is none. Returns the number of groups. */
static int gather_groups(LusMaskCount *groups, const LusMaskCount *counts, const int *group, int n)
{
  g_autofree int *known = g_new(int, n), *number = g_new(int, n), *known_group = g_new(int, n);
  int n_known = 0;
  for (int i = 0; i < n; i++)
    if (counts[i].known > 0) {
      known[n_known] = i;
      known_group[n_known++] = group[i];
    }
  int n_groups = lus_number_groups(number, known_group, n_known);
  memset(groups, 0, (gsize)n_groups * sizeof *groups);
  for (int i = 0; i < n_known; i++)
    add_count(&groups[number[i]], &counts[known[i]]);
  return n_groups;
}

void lus_metrics_summarise(LusClassMetrics *out, const LusMaskCount *counts, const int *group, int n, guint64 seed)
{
  *out = (LusClassMetrics){.dice = NAN, .dice_low = NAN, .dice_high = NAN, .precision = NAN, .recall = NAN};
  g_autofree LusMaskCount *groups = g_new(LusMaskCount, MAX(n, 1));
  int n_groups = gather_groups(groups, counts, group, n);
  if (n_groups == 0)
    return;
  LusMaskCount sum = {0};
  for (int i = 0; i < n_groups; i++)
    add_count(&sum, &groups[i]);
  out->dice = lus_dice(sum.both, sum.found, sum.reference);
  out->positive_pixels = sum.reference;
  if (sum.found > 0)
    out->precision = (double)sum.both / (double)sum.found;
  if (sum.reference > 0)
    out->recall = (double)sum.both / (double)sum.reference;
  g_autoptr(LusBootstrap) bootstrap = lus_bootstrap_new(n_groups, seed);
  if (!bootstrap)
    return;
  LusInterval dice = lus_counts_dice(groups, n_groups, bootstrap);
  out->dice_low = dice.low;
  out->dice_high = dice.high;
}

typedef struct {
  const LusSamples *samples;
  double cut, level;
  LusMaskCount *counts; /* [n_classes][n] */
} Evaluation;

static void evaluate_sample(gpointer data, int sample, const float *output, int thread)
{
  (void)thread;
  const Evaluation *e = data;
  const LusSamples *s = e->samples;
  gsize pixels = (gsize)s->width * s->height;
  for (int k = 0; k < s->n_classes; k++) {
    const guint8 *percent = s->labels + ((gsize)sample * s->n_classes + k) * pixels;
    lus_mask_count(&e->counts[(gsize)k * s->n + sample], output + k * pixels, percent, pixels, e->cut, e->level);
  }
}

gboolean lus_metrics_evaluate(LusClassMetrics *out, LusModel *model, const LusSamples *samples, double cut,
                              double level, guint64 seed, int threads, LusProgress progress, gpointer progress_data,
                              GError **error)
{
  LusParallel *pool = lus_parallel_new(threads);
  Evaluation e = {.samples = samples, .cut = cut, .level = level};
  e.counts = g_try_new0(LusMaskCount, (gsize)samples->n * samples->n_classes);
  gboolean ok = FALSE;
  if (pool && e.counts)
    ok = lus_predict_model(model, samples, pool, evaluate_sample, &e, progress, progress_data, "evaluating", error);
  else
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "evaluation: out of memory");
  for (int k = 0; ok && k < samples->n_classes; k++)
    lus_metrics_summarise(&out[k], e.counts + (gsize)k * samples->n, samples->group, samples->n, seed);
  g_free(e.counts);
  lus_parallel_free(pool);
  return ok;
}
