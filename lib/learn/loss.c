/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/loss.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define DICE_SMOOTHING 50.0 /* pixels */
#define THIN_CLASSES 2
#define THIN_WEIGHT 7.0f
#define OTHER_WEIGHT 3.0f
#define MAX_CLASSES 16
#define MAX_NUMBERS 2
#define MAX_FACTOR 1000.0
#define BLOCK 256 /* pixels at once in the first-level cache */

typedef struct {
  const char *name;
  gsize offset; /* of the float in LusLoss */
  double low, high, usual;
} Number;

static const struct {
  const char *name, *form, *summary;
  Number numbers[MAX_NUMBERS];
} terms[LUS_LOSS_N] = {
  [LUS_LOSS_BCE] = {"bce", "bce", "cross entropy, positives weighted", {{0}}},
  [LUS_LOSS_FOCAL] = {"focal", "focal:GAMMA", "cross entropy that pays less for pixels nearly right",
                      {{"GAMMA", G_STRUCT_OFFSET(LusLoss, gamma), 1, 5, 2}}},
  [LUS_LOSS_DICE] = {"dice", "dice", "1 - soft Dice over the batch", {{0}}},
  [LUS_LOSS_TVERSKY] = {"tversky", "tversky:ALPHA:BETA",
                        "Dice with its own prices for too much (ALPHA) and too little (BETA)",
                        {{"ALPHA", G_STRUCT_OFFSET(LusLoss, alpha), 0.05, 1, 0.3},
                         {"BETA", G_STRUCT_OFFSET(LusLoss, beta), 0.05, 1, 0.7}}},
};

/** What one sample's plane of one class adds to the batch. */
typedef struct {
  double bce, focal, both, over, under; /* I, F and M of the header */
} Sums;

/** How the overlap terms of one class depend on p: -d / dp = weight (by_t t - 2 by_over (p - t)+ + 2 by_under (t - p)+). */
typedef struct {
  double by_t, by_over, by_under;
} Overlap;

typedef struct {
  float *const *d_logits;
  const float *const *logits, *const *target, *const *weight;
  const LusLoss *loss;
  int n_classes;
  gsize pixels;
  Sums *sums;                    /* [batch][n_classes] */
  double per_pixel;              /* 1 / (all pixels of the batch) */
  Overlap overlap[MAX_CLASSES];
} Job;

void lus_loss_init(LusLoss *loss, int n_classes)
{
  *loss = (LusLoss){.gamma = 2, .alpha = 0.3f, .beta = 0.7f};
  loss->factor[LUS_LOSS_BCE] = 2;
  loss->factor[LUS_LOSS_DICE] = 1;
  for (int k = 0; k < n_classes && k < MAX_CLASSES; k++)
    loss->positive_weight[k] = k < THIN_CLASSES ? THIN_WEIGHT : OTHER_WEIGHT;
}

void lus_loss_weigh_classes(LusLoss *loss, const char *const *names, int n_classes)
{
  static const char *const thin[THIN_CLASSES + 1] = {"pleural_line", "fascia_band", NULL};
  for (int k = 0; k < n_classes && k < MAX_CLASSES; k++)
    loss->positive_weight[k] = g_strv_contains(thin, names[k]) ? THIN_WEIGHT : OTHER_WEIGHT;
}

const char *lus_loss_form(LusLossTerm term)
{
  return terms[term].form;
}

const char *lus_loss_summary(LusLossTerm term)
{
  return terms[term].summary;
}

static gboolean parse_value(double *value, const char *text, double low, double high)
{
  char *end = NULL;
  *value = g_ascii_strtod(text, &end);
  return end != text && *end == 0 && *value >= low && *value <= high;
}

static gboolean G_GNUC_PRINTF(3, 4) refuse(GError **error, const char *text, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *why = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "loss '%s': %s", text, why);
  return FALSE;
}

static float *number_of(LusLoss *loss, const Number *number)
{
  return G_STRUCT_MEMBER_P(loss, number->offset);
}

static int find_term(const char *name)
{
  for (int i = 0; i < LUS_LOSS_N; i++)
    if (g_str_equal(name, terms[i].name))
      return i;
  return -1;
}

/** One summand, "0.5*tversky:0.3:0.7". */
static gboolean parse_term(LusLoss *loss, const char *text, const char *summand, GError **error)
{
  const char *star = strchr(summand, '*');
  g_autofree char *before = star ? g_strndup(summand, (gsize)(star - summand)) : g_strdup("1");
  g_auto(GStrv) parts = g_strsplit(star ? star + 1 : summand, ":", -1);
  double factor = 0;
  if (!parse_value(&factor, before, 0, MAX_FACTOR) || factor == 0)
    return refuse(error, text, "'%s' is no factor above 0 and up to %g", before, MAX_FACTOR);
  int term = parts[0] ? find_term(parts[0]) : -1;
  if (term < 0)
    return refuse(error, text, "'%s' is unknown; known are: bce, focal:GAMMA, dice, tversky:ALPHA:BETA, and sums of them",
                  parts[0] ? parts[0] : "");
  if (loss->factor[term] > 0)
    return refuse(error, text, "%s is there twice", terms[term].name);
  loss->factor[term] = (float)factor;
  for (int i = 0; parts[i + 1]; i++) {
    double value = 0;
    const Number *number = i < MAX_NUMBERS && terms[term].numbers[i].name ? &terms[term].numbers[i] : NULL;
    if (!number)
      return refuse(error, text, "too many numbers; write %s", terms[term].form);
    if (!parse_value(&value, parts[i + 1], number->low, number->high))
      return refuse(error, text, "'%s' is no %s, a number of %g to %g", parts[i + 1], number->name, number->low,
                    number->high);
    *number_of(loss, number) = (float)value;
  }
  return TRUE;
}

gboolean lus_loss_parse(LusLoss *loss, const char *text, GError **error)
{
  LusLoss parsed = *loss;
  memset(parsed.factor, 0, sizeof parsed.factor);
  for (int i = 0; i < LUS_LOSS_N; i++)
    for (int k = 0; k < MAX_NUMBERS && terms[i].numbers[k].name; k++)
      *number_of(&parsed, &terms[i].numbers[k]) = (float)terms[i].numbers[k].usual;
  g_auto(GStrv) summands = g_strsplit(text, "+", -1);
  if (!summands[0])
    return refuse(error, text, "is empty; write for example 2*bce+dice");
  for (int i = 0; summands[i]; i++)
    if (!parse_term(&parsed, text, summands[i], error))
      return FALSE;
  *loss = parsed;
  return TRUE;
}

static void append_number(GString *text, const char *before, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(text, "%s%s", before, g_ascii_formatd(number, sizeof number, "%.6g", value));
}

char *lus_loss_to_string(const LusLoss *loss)
{
  GString *text = g_string_new(NULL);
  LusLoss copy = *loss;
  for (int i = 0; i < LUS_LOSS_N; i++) {
    if (!(loss->factor[i] > 0))
      continue;
    append_number(text, text->len ? "+" : "", (double)loss->factor[i]);
    g_string_append_printf(text, "*%s", terms[i].name);
    for (int k = 0; k < MAX_NUMBERS && terms[i].numbers[k].name; k++)
      append_number(text, ":", (double)*number_of(&copy, &terms[i].numbers[k]));
  }
  return g_string_free(text, FALSE);
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
 *  max(x, 0) - x t + log(1 + e), sigmoid 1 / (1 + e) or e / (1 + e): no overflow. @gamma 0: no focal term. */
static void sum_block(Sums *sums, float *p, const float *x, const float *t, const float *w, float extra, float gamma,
                      gsize n)
{
  float e[BLOCK], bce[BLOCK], both[BLOCK], over[BLOCK], under[BLOCK];
  for (gsize i = 0; i < n; i++)
    e[i] = expf(-fabsf(x[i]));
  for (gsize i = 0; i < n; i++) {
    float above = x[i] > 0 ? x[i] : 0.0f;
    bce[i] = w[i] * (1.0f + extra * t[i]) * (above - x[i] * t[i] + log1p_small(e[i]));
    p[i] = (x[i] >= 0 ? 1.0f : e[i]) / (1.0f + e[i]);
    both[i] = w[i] * p[i] * t[i];
    float d = p[i] - t[i], error = w[i] * d * d;
    over[i] = d > 0 ? error : 0.0f;
    under[i] = d > 0 ? 0.0f : error;
  }
  for (gsize i = 0; i < n; i++) {
    sums->bce += (double)bce[i];
    sums->both += (double)both[i];
    sums->over += (double)over[i];
    sums->under += (double)under[i];
  }
  for (gsize i = 0; gamma > 0 && i < n; i++)
    sums->focal += (double)(powf(fabsf(p[i] - t[i]), gamma) * bce[i]);
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
  float gamma = job->loss->factor[LUS_LOSS_FOCAL] > 0 ? job->loss->gamma : 0;
  Sums sums = {0};
  for (gsize i = 0; i < job->pixels; i += BLOCK) {
    gsize n = MIN(BLOCK, job->pixels - i);
    sum_block(&sums, p + i, x + i, t + i, w + i, extra, gamma, n);
  }
  job->sums[item] = sums;
}

/** d / dx of |d|^gamma bce, d = p - t: by the product rule with d bce / dx = d and dp / dx = p (1 - p). */
static float focal_slope(float x, float t, float p, float gamma)
{
  float d = p - t;
  if (d == 0)
    return 0;
  float power = powf(fabsf(d), gamma), flat = p * (1.0f - p);
  if (flat == 0)
    return power * d; /* the first factor no longer changes, however large the cross entropy */
  float bce = fmaxf(x, 0.0f) - x * t + log1pf(expf(-fabsf(x)));
  return power * d + gamma * power / d * flat * bce;
}

/** Second pass over up to BLOCK pixels: p in @d is replaced by the gradient. d bce / dx = p - t, dp / dx = p (1 - p). */
static void differentiate_block(float *d, const float *x, const float *t, const float *w, const LusLoss *loss,
                                const Overlap *overlap, float extra, double per_pixel, gsize n)
{
  float bce = (float)((double)loss->factor[LUS_LOSS_BCE] * per_pixel);
  float focal = (float)((double)loss->factor[LUS_LOSS_FOCAL] * per_pixel);
  float by_t = (float)overlap->by_t, by_over = (float)(2 * overlap->by_over), by_under = (float)(2 * overlap->by_under);
  float slope[BLOCK] = {0};
  for (gsize i = 0; focal > 0 && i < n; i++)
    slope[i] = focal * focal_slope(x[i], t[i], d[i], loss->gamma);
  for (gsize i = 0; i < n; i++) {
    float p = d[i], over = p - t[i];
    float pull = by_t * t[i] - (over > 0 ? by_over : by_under) * over;
    d[i] = w[i] * ((1.0f + extra * t[i]) * (bce * over + slope[i]) - pull * p * (1.0f - p));
  }
}

static void differentiate_plane(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  int k = item % job->n_classes, sample = item / job->n_classes;
  gsize start = (gsize)k * job->pixels;
  float *d = job->d_logits[sample] + start, extra = job->loss->positive_weight[k] - 1.0f;
  const float *x = job->logits[sample] + start, *t = job->target[sample] + start, *w = job->weight[sample] + start;
  for (gsize i = 0; i < job->pixels; i += BLOCK) {
    gsize n = MIN(BLOCK, job->pixels - i);
    differentiate_block(d + i, x + i, t + i, w + i, job->loss, &job->overlap[k], extra, job->per_pixel, n);
  }
}

/** 1 - N / (N + E) with N = I + s / 2 and E = alpha F + beta M, whose slopes go to @overlap:
 *  d (N / (N + E)) = (E dN - N dE) / (N + E)^2. */
static double overlap_term(Overlap *overlap, const Sums *sums, double alpha, double beta, double factor)
{
  double n = sums->both + DICE_SMOOTHING / 2, e = alpha * sums->over + beta * sums->under;
  double scale = factor / ((n + e) * (n + e));
  overlap->by_t += scale * e;
  overlap->by_over += scale * n * alpha;
  overlap->by_under += scale * n * beta;
  return e / (n + e);
}

/** Each class's sums over the samples, here and at the peers. */
static void add_samples(Sums *class_sums, const Sums *sums, int planes, int n_classes, const LusTrainPeers *peers)
{
  for (int k = 0; k < n_classes; k++) {
    class_sums[k] = (Sums){0};
    for (int i = k; i < planes; i += n_classes) {
      class_sums[k].bce += sums[i].bce;
      class_sums[k].focal += sums[i].focal;
      class_sums[k].both += sums[i].both;
      class_sums[k].over += sums[i].over;
      class_sums[k].under += sums[i].under;
    }
  }
  G_STATIC_ASSERT(sizeof(Sums) == 5 * sizeof(double));
  if (peers)
    peers->sum_doubles(peers->data, &class_sums[0].bce, 5 * (gsize)n_classes);
}

double lus_loss_batch_part(float *const *d_logits, double *dice, const float *const *logits,
                           const float *const *target, const float *const *weight, const LusLoss *loss, int batch,
                           int n_classes, gsize pixels, const LusTrainPeers *peers, LusParallel *pool)
{
  int planes = batch * n_classes;
  g_autofree Sums *sums = g_new(Sums, planes);
  Job job = {.d_logits = d_logits, .logits = logits, .target = target, .weight = weight, .loss = loss,
             .n_classes = n_classes, .pixels = pixels, .sums = sums};
  job.per_pixel = 1 / ((double)planes * (peers ? peers->count : 1) * (double)pixels);
  lus_parallel_for(pool, planes, sum_plane, &job);
  Sums class_sums[MAX_CLASSES];
  add_samples(class_sums, sums, planes, n_classes, peers);

  const float *factor = loss->factor;
  double total = 0, dice_factor = (double)factor[LUS_LOSS_DICE] / n_classes;
  double tversky_factor = (double)factor[LUS_LOSS_TVERSKY] / n_classes;
  for (int k = 0; k < n_classes; k++) {
    Overlap *overlap = &job.overlap[k];
    double miss = overlap_term(overlap, &class_sums[k], 0.5, 0.5, dice_factor);
    total += job.per_pixel * ((double)factor[LUS_LOSS_BCE] * class_sums[k].bce +
                              (double)factor[LUS_LOSS_FOCAL] * class_sums[k].focal);
    total += dice_factor * miss;
    total += tversky_factor *
             overlap_term(overlap, &class_sums[k], (double)loss->alpha, (double)loss->beta, tversky_factor);
    if (dice)
      dice[k] = 1 - miss;
  }
  lus_parallel_for(pool, planes, differentiate_plane, &job);
  return total;
}

double lus_loss_batch(float *const *d_logits, double *dice, const float *const *logits, const float *const *target,
                      const float *const *weight, const LusLoss *loss, int batch, int n_classes, gsize pixels,
                      LusParallel *pool)
{
  return lus_loss_batch_part(d_logits, dice, logits, target, weight, loss, batch, n_classes, pixels, NULL, pool);
}
