/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/predict.h"
#include "learn/trainer.h"
#include "nn/error.h"

#include <math.h>

/* Platt 1999 ("Probabilistic outputs for support vector machines"): sigmoid(a logit + b) is fitted per class by
 * Newton's method. The pixels enter as a histogram of their logits, so that the fit costs the same for any number of
 * samples and does not depend on the threads. */
#define BIN_WIDTH (1.0 / 256)
#define BINS 16384 /* logits -32..32; what lies outside counts at the ends */
#define STEPS 100
#define MIN_SLOPE 0.1 /* a network that has learned nothing must not be turned upside down */

/** Pixels of one class whose logit lies in one bin, in hundredths: those that are and are not in the target, and of
 *  both those in its mask. */
typedef struct {
  gint64 positive, negative, masked;
} Bin;

typedef struct {
  const LusSamples *samples;
  Bin *bins;              /* [threads][n_classes][BINS] */
  guint8 positive[256], negative[256]; /* weight of a label's target and of its opposite, in hundredths */
  guint8 masked[256];                  /* weight of its mask */
} Counter;

static void fill_hundredths(Counter *counter, const LusTarget *target)
{
  for (int percent = 0; percent <= 100; percent++) {
    guint8 label = (guint8)percent;
    float value, weight;
    lus_target_apply(&value, &weight, &label, 1, target);
    counter->positive[percent] = (guint8)(100 * weight * value + 0.5f);
    counter->negative[percent] = (guint8)(100 * weight * (1 - value) + 0.5f);
    float masked = lus_target_is_graded(target) ? value : (float)lus_target_positive(label, target->level);
    counter->masked[percent] = (guint8)(100 * weight * masked + 0.5f);
  }
}

static void count_sample(gpointer data, int sample, const float *output, int thread)
{
  const Counter *c = data;
  gsize pixels = (gsize)c->samples->width * c->samples->height;
  int n_classes = c->samples->n_classes;
  const guint8 *labels = c->samples->labels + (gsize)sample * n_classes * pixels;
  for (int k = 0; k < n_classes; k++) {
    Bin *bins = c->bins + ((gsize)thread * n_classes + k) * BINS;
    for (gsize i = 0; i < pixels; i++) {
      guint8 label = labels[k * pixels + i];
      if (label > 100)
        continue;
      float position = output[k * pixels + i] / (float)BIN_WIDTH + BINS / 2;
      Bin *bin = &bins[position > 0 ? (int)MIN(position, BINS - 1) : 0];
      bin->positive += c->positive[label];
      bin->negative += c->negative[label];
      bin->masked += c->masked[label];
    }
  }
}

static double logit_of_bin(int i)
{
  return (i - BINS / 2 + 0.5) * BIN_WIDTH;
}

/** Gradient, curvature and value of the mean cross entropy at (a, b). */
typedef struct {
  double value, ga, gb, haa, hab, hbb;
} Fit;

static Fit evaluate(const Bin *bins, double total, double a, double b)
{
  Fit fit = {0};
  for (int i = 0; i < BINS; i++) {
    double n = (double)(bins[i].positive + bins[i].negative), t = (double)bins[i].positive;
    if (n == 0)
      continue;
    double x = logit_of_bin(i), z = a * x + b, e = exp(-fabs(z));
    double p = (z >= 0 ? 1 : e) / (1 + e), residual = n * p - t, curvature = n * p * (1 - p);
    fit.value += n * (fmax(z, 0) + log1p(e)) - t * z;
    fit.ga += residual * x;
    fit.gb += residual;
    fit.haa += curvature * x * x;
    fit.hab += curvature * x;
    fit.hbb += curvature;
  }
  fit.value /= total;
  return fit;
}

/** One damped Newton step; FALSE when nothing gets better any more. */
static gboolean newton_step(const Bin *bins, double total, double *a, double *b, gboolean fixed_slope)
{
  Fit fit = evaluate(bins, total, *a, *b);
  double ridge = 1e-9 * (fit.haa + fit.hbb) + 1e-12;
  double da = 0, db = -fit.gb / (fit.hbb + ridge);
  if (!fixed_slope) {
    double haa = fit.haa + ridge, hbb = fit.hbb + ridge, determinant = haa * hbb - fit.hab * fit.hab;
    da = -(hbb * fit.ga - fit.hab * fit.gb) / determinant;
    db = -(haa * fit.gb - fit.hab * fit.ga) / determinant;
  }
  for (double length = 1; length > 1e-6; length /= 2) {
    Fit next = evaluate(bins, total, *a + length * da, *b + length * db);
    if (!(next.value < fit.value))
      continue;
    *a += length * da;
    *b += length * db;
    return fit.value - next.value > 1e-12;
  }
  return FALSE;
}

/** Cross entropy of always saying the share of positives, in the mean over the pixels. */
static double entropy_of_share(double positive, double negative)
{
  double total = positive + negative;
  return -(positive * log(positive / total) + negative * log(negative / total)) / total;
}

/** Returns the part of the target's entropy that the fitted output explains; NaN: nothing was fitted. */
static double fit_class(const Bin *bins, double *a, double *b)
{
  double positive = 0, negative = 0;
  *a = 1;
  *b = 0;
  for (int i = 0; i < BINS; i++) {
    positive += (double)bins[i].positive;
    negative += (double)bins[i].negative;
  }
  if (positive == 0 || negative == 0)
    return (double)NAN; /* nothing to learn a scale from */
  for (int i = 0; i < STEPS && newton_step(bins, positive + negative, a, b, FALSE); i++)
    ;
  double found = *a > 0 ? evaluate(bins, positive + negative, *a, *b).value : INFINITY;
  double explained = fmax(0, 1 - found / entropy_of_share(positive, negative));
  if (*a >= MIN_SLOPE)
    return explained;
  *a = MIN_SLOPE;
  for (int i = 0; i < STEPS && newton_step(bins, positive + negative, a, b, TRUE); i++)
    ;
  return explained;
}

/** The best Dice that a mask of the bins from some logit up has against the target's, and that logit; NaN where there is
 *  nothing in it. */
static double best_mask(const Bin *bins, double *logit)
{
  double reference = 0, found = 0, both = 0, best = 0;
  for (int i = 0; i < BINS; i++)
    reference += (double)bins[i].masked;
  if (reference == 0)
    return (double)NAN;
  for (int i = BINS - 1; i >= 0; i--) {
    both += (double)bins[i].masked;
    found += (double)(bins[i].positive + bins[i].negative);
    double dice = 2 * both / (found + reference);
    if (dice <= best)
      continue;
    best = dice;
    *logit = logit_of_bin(i) - 0.5 * BIN_WIDTH;
  }
  return best;
}

/** The offset with which the mask at confidence @cut has the best Dice against the target: the mask holds the bins
 *  from some logit x up, and @cut is to lie there, a x + b = logit(cut). Cross entropy alone would not do: the cut
 *  that is best for Dice lies at half the reachable Dice for true probabilities (Lipton et al. 2014), always below
 *  0.5. */
static double match_cut(const Bin *bins, double a, double b, double cut)
{
  double logit = 0;
  return best_mask(bins, &logit) > 0 ? log(cut / (1 - cut)) - a * logit : b;
}

/** The Conv whose output, perhaps resized, is the graph's: resizing is a weighted mean, so that a x + b may stand
 *  before it. */
static const LusNode *find_head(const LusGraph *graph, GError **error)
{
  int value = graph->output;
  for (int i = graph->n_nodes - 1; i >= 0; i--) {
    const LusNode *node = &graph->nodes[i];
    if (node->output != value)
      continue;
    if (node->type == LUS_OP_CONV && node->n_inputs > 2 && node->inputs[2] >= 0)
      return node;
    if (node->type != LUS_OP_RESIZE)
      break;
    value = node->inputs[0];
  }
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
              "calibration: the network does not end in a Conv with a bias (and at most a Resize behind it)");
  return NULL;
}

/** Those that the first Conv expects. */
static int input_channels(const LusGraph *graph)
{
  for (int i = 0; i < graph->n_nodes; i++) {
    const LusNode *node = &graph->nodes[i];
    if (node->type == LUS_OP_CONV && node->inputs[0] == graph->input)
      return graph->values[node->inputs[1]].constant->dims[1] * node->attrs.groups;
  }
  return 1;
}

static void fold(LusGraph *graph, const LusNode *head, int class_index, double a, double b)
{
  LusTensor *weight = graph->values[head->inputs[1]].constant, *bias = graph->values[head->inputs[2]].constant;
  gsize n = weight->count / (gsize)weight->dims[0];
  for (gsize i = 0; i < n; i++)
    weight->data[class_index * n + i] = (float)(a * weight->data[class_index * n + i]);
  bias->data[class_index] = (float)(a * bias->data[class_index] + b);
}

/** [n_classes][BINS] over all samples, newly allocated. */
static Bin *count_logits(LusGraph *graph, const LusSamples *samples, const LusTarget *target, LusParallel *pool,
                         const char *what, GError **error)
{
  static const LusNormalise normalise = {.mode = LUS_NORMALISE_LIT};
  gsize per_thread = (gsize)samples->n_classes * BINS;
  int lanes = lus_parallel_threads(pool);
  g_autofree Bin *bins = g_try_new0(Bin, per_thread * lanes);
  if (!bins) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: out of memory", what);
    return NULL;
  }
  Counter counter = {.samples = samples, .bins = bins};
  fill_hundredths(&counter, target);
  if (!lus_predict(graph, &normalise, input_channels(graph), samples, pool, count_sample, &counter, NULL, NULL, what,
                   error))
    return NULL;
  for (gsize i = per_thread; i < per_thread * lanes; i++) {
    bins[i % per_thread].positive += bins[i].positive;
    bins[i % per_thread].negative += bins[i].negative;
    bins[i % per_thread].masked += bins[i].masked;
  }
  return g_steal_pointer(&bins);
}

gboolean lus_best_dice(double *dice, LusGraph *graph, const LusSamples *samples, const LusTarget *target,
                       LusParallel *pool, GError **error)
{
  g_autofree Bin *bins = count_logits(graph, samples, target, pool, "validation", error);
  double logit;
  for (int k = 0; bins && k < samples->n_classes; k++)
    dice[k] = best_mask(bins + (gsize)k * BINS, &logit);
  return bins != NULL;
}

gboolean lus_calibrate(LusGraph *graph, double *explained, const LusSamples *held_out, const LusTarget *target, double cut,
                       int threads, GError **error)
{
  const LusNode *head = find_head(graph, error);
  if (!head)
    return FALSE;
  LusParallel *pool = lus_parallel_new(threads);
  g_autofree Bin *bins = count_logits(graph, held_out, target, pool, "calibration", error);
  for (int k = 0; bins && k < held_out->n_classes; k++) {
    double a, b, told = fit_class(bins + (gsize)k * BINS, &a, &b);
    if (explained)
      explained[k] = told;
    if (cut > 0 && cut < 1)
      b = match_cut(bins + (gsize)k * BINS, a, b, cut);
    fold(graph, head, k, a, b);
  }
  lus_parallel_free(pool);
  return bins != NULL;
}
