/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/loss.h"

#include <math.h>

#define DICE_SMOOTHING 50.0 /* pixels */
#define THIN_CLASSES 2
#define BLOCK 256 /* pixels at once in the first-level cache */

/** What one sample's plane of one class adds to the batch: cross entropy, sum p t, and sum p^2 + t^2. */
typedef struct {
  double bce, both, squares;
} Sums;

typedef struct {
  float *const *d_logits;
  const float *const *logits, *const *target, *const *weight;
  const LusLoss *loss;
  int n_classes;
  gsize pixels;
  Sums *sums;           /* [batch][n_classes] */
  double bce_factor;    /* d loss / d (sum of cross entropies) */
  double *by_p, *by_t;  /* [n_classes]: -d Dice part / d p = weight (by_t t - by_p p) */
} Job;

void lus_loss_init(LusLoss *loss, int n_classes)
{
  *loss = (LusLoss){.bce = 2.0f, .dice = 1.0f};
  for (int k = 0; k < n_classes && k < (int)G_N_ELEMENTS(loss->positive_weight); k++)
    loss->positive_weight[k] = k < THIN_CLASSES ? 7.0f : 3.0f;
}

/** log(1 + e) for e in 0..1: the series of 2 artanh(s), s = e / (2 + e) <= 1/3, to within rounding. No branch and no
 *  call, so that loops over it become vectors. */
static inline float log1p_small(float e)
{
  float s = e / (2.0f + e), q = s * s;
  float series = 1.0f / 3 + q * (1.0f / 5 + q * (1.0f / 7 + q * (1.0f / 9 + q * (1.0f / 11 + q * (1.0f / 13)))));
  return 2.0f * s * (1.0f + q * series);
}

/** Up to BLOCK pixels of a plane: their probabilities, and their share of the sums. With e = exp(-|x|): cross entropy
 *  max(x, 0) - x t + log(1 + e), sigmoid 1 / (1 + e) or e / (1 + e): no overflow. */
static void sum_block(Sums *sums, float *p, const float *x, const float *t, const float *w, float extra, gsize n)
{
  float e[BLOCK], bce[BLOCK], both[BLOCK], squares[BLOCK];
  for (gsize i = 0; i < n; i++)
    e[i] = expf(-fabsf(x[i]));
  for (gsize i = 0; i < n; i++) {
    float above = x[i] > 0 ? x[i] : 0.0f;
    bce[i] = w[i] * (1.0f + extra * t[i]) * (above - x[i] * t[i] + log1p_small(e[i]));
    p[i] = (x[i] >= 0 ? 1.0f : e[i]) / (1.0f + e[i]);
    both[i] = w[i] * p[i] * t[i];
    squares[i] = w[i] * (p[i] * p[i] + t[i] * t[i]);
  }
  for (gsize i = 0; i < n; i++) {
    sums->bce += (double)bce[i];
    sums->both += (double)both[i];
    sums->squares += (double)squares[i];
  }
}

/** First pass over one plane: its sums; p is kept in d_logits for the second pass. */
static void sum_plane(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  int k = item % job->n_classes, sample = item / job->n_classes;
  gsize start = (gsize)k * job->pixels;
  float *p = job->d_logits[sample] + start;
  const float *x = job->logits[sample] + start, *t = job->target[sample] + start, *w = job->weight[sample] + start;
  float extra = job->loss->positive_weight[k] - 1.0f;
  Sums sums = {0};
  for (gsize i = 0; i < job->pixels; i += BLOCK) {
    gsize n = MIN(BLOCK, job->pixels - i);
    sum_block(&sums, p + i, x + i, t + i, w + i, extra, n);
  }
  job->sums[item] = sums;
}

/** Second pass over one plane: p in d_logits is replaced by the gradient. d bce / dx = p - t, dp / dx = p (1 - p). */
static void differentiate_plane(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  int k = item % job->n_classes, sample = item / job->n_classes;
  gsize start = (gsize)k * job->pixels;
  float *d = job->d_logits[sample] + start;
  const float *t = job->target[sample] + start, *w = job->weight[sample] + start;
  float extra = job->loss->positive_weight[k] - 1.0f, factor = (float)job->bce_factor;
  float by_p = (float)job->by_p[k], by_t = (float)job->by_t[k];
  for (gsize i = 0; i < job->pixels; i++) {
    float p = d[i];
    d[i] = w[i] * (factor * (1.0f + extra * t[i]) * (p - t[i]) - (by_t * t[i] - by_p * p) * p * (1.0f - p));
  }
}

double lus_loss_batch(float *const *d_logits, double *dice, const float *const *logits, const float *const *target,
                      const float *const *weight, const LusLoss *loss, int batch, int n_classes, gsize pixels,
                      LusParallel *pool)
{
  int planes = batch * n_classes;
  g_autofree Sums *sums = g_new(Sums, planes);
  double by_p[16], by_t[16];
  Job job = {.d_logits = d_logits, .logits = logits, .target = target, .weight = weight, .loss = loss,
             .n_classes = n_classes, .pixels = pixels, .sums = sums, .by_p = by_p, .by_t = by_t};
  job.bce_factor = loss->bce / ((double)planes * (double)pixels);
  lus_parallel_for(pool, planes, sum_plane, &job);

  double total = 0;
  for (int k = 0; k < n_classes; k++) {
    Sums class_sums = {0};
    for (int i = k; i < planes; i += n_classes) {
      class_sums.bce += sums[i].bce;
      class_sums.both += sums[i].both;
      class_sums.squares += sums[i].squares;
    }
    double numerator = 2.0 * class_sums.both + DICE_SMOOTHING, denominator = class_sums.squares + DICE_SMOOTHING;
    double factor = loss->dice / n_classes;
    total += job.bce_factor * class_sums.bce + factor * (1.0 - numerator / denominator);
    /* d (N / D) / dp = w (2 t / D - 2 p N / D^2) */
    by_t[k] = factor * 2.0 / denominator;
    by_p[k] = factor * 2.0 * numerator / (denominator * denominator);
    if (dice)
      dice[k] = numerator / denominator;
  }
  lus_parallel_for(pool, planes, differentiate_plane, &job);
  return total;
}
