/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/evaluate-internal.h"
#include "learn/target.h"
#include "lung/confidence.h"

#include <math.h>

#define MARKED 0.05 /* least confidence of the pixels that ece_marked is about */

static const LusHistogram *histograms_of(const LusEvaluation *e, int class_index)
{
  return e->histograms + (gsize)class_index * e->n_patients;
}

void lus_evaluation_count(LusMaskCount *counts, const LusEvaluation *e, int class_index, double cut, double level)
{
  int q = lus_confidence_cut(cut);
  for (int p = 0; p < e->n_patients; p++) {
    const LusHistogram *h = &histograms_of(e, class_index)[p];
    counts[p] = (LusMaskCount){0};
    for (int i = 0; i < h->n; i++) {
      gint64 n = LUS_CELL_COUNT(h->cells[i]);
      gboolean found = LUS_CELL_Q(h->cells[i]) >= q;
      gboolean positive = lus_target_positive((guint8)LUS_CELL_PERCENT(h->cells[i]), level);
      counts[p].known += n;
      counts[p].found += found ? n : 0;
      counts[p].reference += positive ? n : 0;
      counts[p].both += found && positive ? n : 0;
    }
  }
}

double lus_evaluation_best_cut(const LusEvaluation *e, int class_index, double level)
{
  gint64 found[256] = {0}, both[256] = {0}, reference = 0;
  for (int p = 0; p < e->n_patients; p++) {
    const LusHistogram *h = &histograms_of(e, class_index)[p];
    for (int i = 0; i < h->n; i++) {
      gint64 n = LUS_CELL_COUNT(h->cells[i]);
      gboolean positive = lus_target_positive((guint8)LUS_CELL_PERCENT(h->cells[i]), level);
      found[LUS_CELL_Q(h->cells[i])] += n;
      both[LUS_CELL_Q(h->cells[i])] += positive ? n : 0;
      reference += positive ? n : 0;
    }
  }
  if (reference == 0)
    return (double)NAN;
  gint64 all_found = 0, all_both = 0;
  double best = -1;
  int best_q = 0;
  for (int q = 255; q >= 1; q--) {
    all_found += found[q];
    all_both += both[q];
    double dice = lus_dice(all_both, all_found, reference);
    if (dice > best) {
      best = dice;
      best_q = q;
    }
  }
  return best_q / 255.0;
}

static void mask_scores(LusScores *out, const LusMaskCount *counts, int n, const LusBootstrap *bootstrap)
{
  g_autofree double *memory = g_new(double, 4 * (gsize)n);
  double *both = memory, *found = both + n, *reference = found + n, *either = reference + n;
  for (int p = 0; p < n; p++) {
    both[p] = (double)counts[p].both;
    found[p] = (double)counts[p].found;
    reference[p] = (double)counts[p].reference;
    either[p] = found[p] + reference[p] - both[p];
    out->reference += counts[p].reference;
    out->found += counts[p].found;
  }
  out->dice = lus_counts_dice(counts, n, bootstrap);
  out->iou = lus_counts_ratio(counts, both, either, n, bootstrap);
  out->precision = lus_bootstrap_ratio(bootstrap, both, found);
  out->recall = lus_bootstrap_ratio(bootstrap, both, reference);
}

void lus_evaluation_scores(LusScores *out, const LusEvaluation *e, int class_index, int level_index,
                           const LusBootstrap *bootstrap)
{
  int n = e->n_patients;
  g_autofree LusMaskCount *counts = g_new(LusMaskCount, n);
  g_autofree double *memory = g_new(double, 3 * (gsize)n);
  double *mean = memory, *hausdorff = mean + n, *samples = hausdorff + n;
  *out = (LusScores){0};
  lus_evaluation_count(counts, e, class_index, e->cut, e->levels[level_index]);
  mask_scores(out, counts, n, bootstrap);
  const LusDistances *distances = e->distances + ((gsize)class_index * e->n_levels + level_index) * n;
  for (int p = 0; p < n; p++) {
    mean[p] = distances[p].mean;
    hausdorff[p] = distances[p].hausdorff95;
    samples[p] = distances[p].n;
    out->compared += distances[p].n;
    out->one_sided += distances[p].one_sided;
  }
  out->distance = lus_bootstrap_ratio(bootstrap, mean, samples);
  out->hausdorff95 = lus_bootstrap_ratio(bootstrap, hausdorff, samples);
}

/** What one patient's pixels add to a calibration. */
typedef struct {
  double pixels[LUS_CALIBRATION_BINS], confidence[LUS_CALIBRATION_BINS], observed[LUS_CALIBRATION_BINS];
  double marked_pixels[LUS_CALIBRATION_BINS], marked_gap[LUS_CALIBRATION_BINS];
  double all, square;
} Part;

static void add_cells(Part *part, const LusHistogram *h, double level)
{
  for (int i = 0; i < h->n; i++) {
    double n = (double)LUS_CELL_COUNT(h->cells[i]), c = LUS_CELL_Q(h->cells[i]) / 255.0;
    guint8 percent = (guint8)LUS_CELL_PERCENT(h->cells[i]);
    double y = level < 0 ? percent / 100.0 : lus_target_positive(percent, level) ? 1 : 0;
    int bin = MIN((int)(c * LUS_CALIBRATION_BINS), LUS_CALIBRATION_BINS - 1);
    part->pixels[bin] += n;
    part->confidence[bin] += n * c;
    part->observed[bin] += n * y;
    if (c >= MARKED) {
      part->marked_pixels[bin] += n;
      part->marked_gap[bin] += n * (c - y);
    }
    part->all += n;
    part->square += n * (c - y) * (c - y);
  }
}

static void calibrate_bin(LusCalibration *out, const Part *parts, int n, int bin, const LusBootstrap *bootstrap)
{
  g_autofree double *memory = g_new(double, 2 * (gsize)n);
  double *pixels = memory, *observed = memory + n, sum = 0, confidence = 0;
  for (int p = 0; p < n; p++) {
    pixels[p] = parts[p].pixels[bin];
    observed[p] = parts[p].observed[bin];
    sum += pixels[p];
    confidence += parts[p].confidence[bin];
  }
  out->bins[bin].pixels = (gint64)sum;
  out->bins[bin].confidence = sum > 0 ? confidence / sum : (double)NAN;
  out->bins[bin].observed = lus_bootstrap_ratio(bootstrap, observed, pixels);
}

void lus_evaluation_calibration(LusCalibration *out, const LusEvaluation *e, int class_index, double level,
                                const LusBootstrap *bootstrap)
{
  int n = e->n_patients;
  g_autofree Part *parts = g_new0(Part, n);
  g_autofree double *memory = g_new(double, 2 * (gsize)n);
  double all = 0, marked = 0, gaps = 0, marked_gaps = 0;
  *out = (LusCalibration){0};
  for (int p = 0; p < n; p++) {
    add_cells(&parts[p], &histograms_of(e, class_index)[p], level);
    memory[p] = parts[p].square;
    memory[n + p] = parts[p].all;
    all += parts[p].all;
  }
  out->brier = lus_bootstrap_ratio(bootstrap, memory, memory + n);
  for (int bin = 0; bin < LUS_CALIBRATION_BINS; bin++) {
    double gap = 0;
    calibrate_bin(out, parts, n, bin, bootstrap);
    if (out->bins[bin].pixels > 0)
      gaps += (double)out->bins[bin].pixels * fabs(out->bins[bin].confidence - out->bins[bin].observed.value);
    for (int p = 0; p < n; p++) {
      gap += parts[p].marked_gap[bin];
      marked += parts[p].marked_pixels[bin];
    }
    marked_gaps += fabs(gap);
  }
  out->ece = all > 0 ? gaps / all : (double)NAN;
  out->ece_marked = marked > 0 ? marked_gaps / marked : (double)NAN;
}
