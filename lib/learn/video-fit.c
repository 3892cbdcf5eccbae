/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Folds of patients, figures on those not seen, calibration, and the network on all. */
#include "learn/video-internal.h"
#include "lung/estimate.h"
#include "nn/error.h"
#include "nn/rng.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COVERAGE 0.9
#define STREAM_FOLDS ((guint64)4 << 60)

typedef struct {
  const LusVideoConfig *config;
  const LusVideoData *data;
  const LusVideoSample *samples;
  int n, folds;
  int *fold;         /* per patient, -1: has no sample */
  float (*out)[3];   /* per sample, of the network that has not seen its patient */
  LusVideoReport *report;
} Fit;

static int patient_of(const Fit *fit, int i)
{
  return fit->data->exams[fit->samples[i].exam].patient;
}

static int fold_of(const Fit *fit, int i)
{
  return fit->fold[patient_of(fit, i)];
}

/* ---- folds ---- */

/** Patients that have samples, shuffled by the seed and dealt out. */
static void deal(Fit *fit)
{
  int n = 0;
  LusRng rng;
  g_autofree int *order = g_new0(int, fit->data->n_patients);
  for (int p = 0; p < fit->data->n_patients; p++)
    fit->fold[p] = -1;
  for (int i = 0; i < fit->n; i++) {
    if (fit->fold[patient_of(fit, i)] < 0)
      order[n++] = patient_of(fit, i);
    fit->fold[patient_of(fit, i)] = 0;
  }
  lus_rng_init(&rng, fit->config->seed, STREAM_FOLDS);
  for (int i = n - 1; i > 0; i--) {
    int k = (int)lus_rng_below(&rng, (guint32)i + 1), swapped = order[i];
    order[i] = order[k];
    order[k] = swapped;
  }
  fit->folds = MIN(fit->config->folds, n);
  for (int i = 0; i < n; i++)
    fit->fold[order[i]] = i % fit->folds;
  fit->report->patients = n;
}

/** Mean and standard deviation of what is learnt from. */
static void set_scale(LusVideoHead *head, const Fit *fit, int left_out)
{
  double sum = 0, squares = 0;
  int n = 0;
  head->mean = head->low = head->high = 0;
  head->sd = 1;
  if (head->task != LUS_TASK_SF)
    return;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < fit->n; i++) {
      double y = fit->samples[i].target;
      if (fold_of(fit, i) == left_out)
        continue;
      if (pass == 1) {
        squares += (y - sum / n) * (y - sum / n);
        continue;
      }
      head->low = n ? MIN(head->low, y) : y;
      head->high = n ? MAX(head->high, y) : y;
      sum += y;
      n++;
    }
  head->mean = sum / n;
  head->sd = MAX(sqrt(squares / n), 1);
}

/** One that was scanned twice is one. */
static int count_zones(const LusVideoData *data, const LusVideoExam *exam)
{
  guint mask = 0;
  for (int i = 0; i < exam->n_clips; i++)
    mask |= 1u << data->clips[exam->first_clip + i].zone;
  return lus_zones_count(mask);
}

static void start_head(LusVideoHead *head, const Fit *fit)
{
  const LusVideoConfig *config = fit->config;
  int zones = 1;
  for (int i = 0; i < fit->data->n_exams; i++)
    zones = MAX(zones, count_zones(fit->data, &fit->data->exams[i]));
  *head = (LusVideoHead){.task = config->task, .embedding = config->embedding, .frames = config->frames,
                         .classes = fit->data->classes, .grey = config->grey, .slope = 1,
                         .zones = MIN(zones, LUS_MAX_ZONES)};
  head->min_zones = MIN(4, head->zones);
  g_strlcpy(head->model_sha256, fit->data->model_sha256, sizeof head->model_sha256);
}

static void embed_exam(LusClipNetwork *network, float *p, const Fit *fit, int index, LusParallel *pool)
{
  const LusVideoExam *exam = &fit->data->exams[index];
  const LusVideoHead *head = lus_clip_network_head(network);
  gsize row = (gsize)head->embedding + 1;
  g_autofree float *clips = g_new(float, (gsize)exam->n_clips * row);
  g_autofree int *zones = g_new(int, exam->n_clips);
  for (int i = 0; i < exam->n_clips; i++) {
    zones[i] = fit->data->clips[exam->first_clip + i].zone;
    lus_clip_network_embed(network, clips + (gsize)i * row, fit->data->clips[exam->first_clip + i].planes, pool);
  }
  lus_video_attend(p, NULL, clips, zones, exam->n_clips, head);
}

/** The outputs for the samples of one fold, or of all (-1). */
static void predict(LusClipNetwork *network, const Fit *fit, int fold)
{
  float p[LUS_VIDEO_MAX_EMBEDDING], q[LUS_VIDEO_MAX_EMBEDDING];
  for (int i = 0; i < fit->n; i++) {
    const LusVideoSample *sample = &fit->samples[i];
    if (fold_of(fit, i) != fold)
      continue;
    embed_exam(network, p, fit, sample->exam, NULL);
    if (sample->earlier >= 0)
      embed_exam(network, q, fit, sample->earlier, NULL);
    lus_video_apply(fit->out[i], p, sample->earlier >= 0 ? q : NULL, lus_clip_network_head(network));
  }
}

static char *checkpoint_of(const Fit *fit, int fold)
{
  if (!fit->config->checkpoint)
    return NULL;
  return fold < 0 ? g_strdup_printf("%s.all.checkpoint", fit->config->checkpoint)
                  : g_strdup_printf("%s.fold%d.checkpoint", fit->config->checkpoint, fold + 1);
}

/** A network that has not seen fold @fold (-1: all seen). */
static LusClipNetwork *train(const Fit *fit, int fold, GError **error)
{
  LusVideoHead head;
  g_autofree gboolean *held_out = g_new0(gboolean, fit->data->n_patients);
  g_autofree char *checkpoint = checkpoint_of(fit, fold);
  g_autofree char *name = fold < 0 ? g_strdup("all patients") : g_strdup_printf("fold %d/%d", fold + 1, fit->folds);
  for (int p = 0; p < fit->data->n_patients; p++)
    held_out[p] = fold >= 0 && fit->fold[p] == fold;
  start_head(&head, fit);
  set_scale(&head, fit, fold);
  LusGraph *graph = lus_video_train(fit->config, fit->data, fit->samples, fit->n, held_out, &head, name, checkpoint, error);
  return graph ? lus_clip_network_new(graph, &head, error) : NULL;
}

/* ---- S/F ---- */

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/** Of the samples outside a fold (-1: all) the ceil(0.9 (n + 1))-th smallest error, as in split conformal prediction (Lei et al.
 *  2018), and the median target. */
static double quantile(const Fit *fit, const double *errors, int fold, double *median)
{
  int n = 0;
  g_autofree double *sorted = g_new(double, fit->n), *targets = g_new(double, fit->n);
  for (int i = 0; i < fit->n; i++) {
    if (fold_of(fit, i) == fold)
      continue;
    sorted[n] = errors[i];
    targets[n++] = fit->samples[i].target;
  }
  qsort(sorted, (gsize)n, sizeof *sorted, compare_doubles);
  qsort(targets, (gsize)n, sizeof *targets, compare_doubles);
  *median = (targets[(n - 1) / 2] + targets[n / 2]) / 2;
  return sorted[MIN((int)ceil(COVERAGE * (n + 1)), n) - 1];
}

static void finish_sf(const Fit *fit, LusVideoHead *head, const double *value)
{
  LusVideoReport *report = fit->report;
  double median;
  g_autofree double *errors = g_new(double, fit->n);
  for (int i = 0; i < fit->n; i++) {
    errors[i] = fabs(value[i] - fit->samples[i].target);
    report->mae += errors[i] / fit->n;
  }
  for (int fold = 0; fold < fit->folds; fold++) {
    double half_width = quantile(fit, errors, fold, &median);
    for (int i = 0; i < fit->n; i++) {
      if (fold_of(fit, i) != fold)
        continue;
      report->mae_median += fabs(fit->samples[i].target - median) / fit->n;
      report->coverage += (errors[i] <= half_width ? 1.0 : 0.0) / fit->n;
    }
  }
  head->half_width = quantile(fit, errors, -1, &median);
}

/* ---- readmission ---- */

/** Platt's scaling (1999) by Newton's method on the patients outside a fold (-1: all); with a weak pull of the slope towards 1, so
 *  that few patients whom the network parts without fault don't make it infinite. It is never negative: a network that is
 *  wrong more often than right tells nothing. */
static void platt(LusVideoHead *head, const Fit *fit, int left_out)
{
  double a = 1, b = 0, h[3] = {1, 0, 1};
  const double prior = 0.5;
  for (int round = 0; round < 50; round++) {
    double ga = prior * (a - 1), gb = 0;
    h[0] = prior;
    h[1] = 0;
    h[2] = 1e-6;
    for (int i = 0; i < fit->n; i++) {
      if (fold_of(fit, i) == left_out)
        continue;
      double l = CLAMP((double)fit->out[i][0], -20, 20), p = 1 / (1 + exp(-(a * l + b))), w = p * (1 - p);
      ga += (p - fit->samples[i].target) * l;
      gb += p - fit->samples[i].target;
      h[0] += w * l * l;
      h[1] += w * l;
      h[2] += w;
    }
    double det = h[0] * h[2] - h[1] * h[1];
    a -= CLAMP((h[2] * ga - h[1] * gb) / det, -1, 1);
    b -= CLAMP((h[0] * gb - h[1] * ga) / det, -1, 1);
    a = MAX(a, 0);
  }
  double det = h[0] * h[2] - h[1] * h[1];
  head->slope = a;
  head->intercept = b;
  head->covariance[0] = h[2] / det;
  head->covariance[1] = -h[1] / det;
  head->covariance[2] = h[0] / det;
}

static double auroc(const Fit *fit)
{
  double won = 0, pairs = 0;
  for (int i = 0; i < fit->n; i++)
    for (int k = 0; k < fit->n; k++) {
      if (fit->samples[i].target < 1 || fit->samples[k].target > 0)
        continue;
      pairs++;
      won += fit->out[i][0] > fit->out[k][0] ? 1 : fit->out[i][0] < fit->out[k][0] ? 0 : 0.5;
    }
  return pairs > 0 ? won / pairs : NAN;
}

static double log_loss_of(double p)
{
  return -log(CLAMP(p, 1e-9, 1));
}

static void finish_readmission(const Fit *fit, LusVideoHead *head)
{
  LusVideoReport *report = fit->report;
  double share = 0;
  report->auroc = auroc(fit);
  for (int i = 0; i < fit->n; i++)
    share += fit->samples[i].target / fit->n;
  for (int fold = 0; fold < fit->folds; fold++) {
    platt(head, fit, fold);
    for (int i = 0; i < fit->n; i++) {
      double p = 1 / (1 + exp(-(head->slope * (double)fit->out[i][0] + head->intercept)));
      gboolean yes = fit->samples[i].target > 0;
      if (fold_of(fit, i) != fold)
        continue;
      report->log_loss += log_loss_of(yes ? p : 1 - p) / fit->n;
      report->log_loss_base += log_loss_of(yes ? share : 1 - share) / fit->n;
    }
  }
  platt(head, fit, -1);
}

/* ---- change ---- */

static void soften(double p[3], const float out[3], double slope)
{
  double largest = slope * (double)MAX(MAX(out[0], out[1]), out[2]), sum = 0;
  for (int o = 0; o < 3; o++)
    sum += p[o] = exp(slope * (double)out[o] - largest);
  for (int o = 0; o < 3; o++)
    p[o] /= sum;
}

static double change_loss(const Fit *fit, double slope)
{
  double loss = 0, p[3];
  for (int i = 0; i < fit->n; i++) {
    soften(p, fit->out[i], slope);
    loss += log_loss_of(p[(int)fit->samples[i].target]) / fit->n;
  }
  return loss;
}

/** Mean F1 over the classes that occur. @chosen per sample. */
static double macro_f1(const Fit *fit, const int *chosen)
{
  double sum = 0;
  int classes = 0;
  for (int c = 0; c < 3; c++) {
    int both = 0, either = 0, there = 0;
    for (int i = 0; i < fit->n; i++) {
      gboolean is = (int)fit->samples[i].target == c, said = chosen[i] == c;
      both += is && said;
      either += is + said;
      there += is;
    }
    if (there == 0)
      continue;
    classes++;
    sum += 2.0 * both / either;
  }
  return classes > 0 ? sum / classes : NAN;
}

static void finish_change(const Fit *fit, LusVideoHead *head)
{
  LusVideoReport *report = fit->report;
  g_autofree int *chosen = g_new(int, fit->n);
  int count[3] = {0}, majority = 0;
  head->slope = 1;
  for (double slope = 0.05; slope < 20; slope *= 1.1) /* temperature scaling (Guo et al. 2017) on a grid */
    if (change_loss(fit, slope) < change_loss(fit, head->slope))
      head->slope = slope;
  for (int i = 0; i < fit->n; i++) {
    const float *out = fit->out[i];
    chosen[i] = out[0] >= out[1] && out[0] >= out[2] ? 0 : out[1] >= out[2] ? 1 : 2;
    count[(int)fit->samples[i].target]++;
  }
  report->macro_f1 = macro_f1(fit, chosen);
  report->log_loss = change_loss(fit, head->slope);
  for (int c = 0; c < 3; c++) {
    majority = count[c] > count[majority] ? c : majority;
    if (count[c] > 0)
      report->log_loss_base += log_loss_of((double)count[c] / fit->n) * count[c] / fit->n;
  }
  for (int i = 0; i < fit->n; i++)
    chosen[i] = majority;
  report->majority_f1 = macro_f1(fit, chosen);
}

/* ---- all of it ---- */

static gboolean check(const Fit *fit, GError **error)
{
  int classes[3] = {0};
  for (int i = 0; i < fit->n && fit->config->task != LUS_TASK_SF; i++)
    classes[(int)fit->samples[i].target]++;
  if (fit->report->patients < LUS_VIDEO_MIN_PATIENTS || fit->config->folds < 2 || fit->config->steps < 1) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%d patients with planes and outcome for this task, at least %d are needed, with 2 folds and 1 step or more",
                fit->report->patients, LUS_VIDEO_MIN_PATIENTS);
    return FALSE;
  }
  if (fit->config->task == LUS_TASK_READMISSION && (classes[0] == 0 || classes[1] == 0)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "all patients have the same outcome: there is nothing to learn from");
    return FALSE;
  }
  return TRUE;
}

static gboolean train_folds(const Fit *fit, GError **error)
{
  for (int fold = 0; fold < fit->folds; fold++) {
    g_autoptr(LusClipNetwork) network = train(fit, fold, error);
    if (!network)
      return FALSE;
    predict(network, fit, fold);
    if (fit->config->task == LUS_TASK_SF) /* in S/F, since each fold has its own scale */
      for (int i = 0; i < fit->n; i++)
        if (fold_of(fit, i) == fold) {
          const LusVideoHead *head = lus_clip_network_head(network);
          fit->out[i][0] = (float)CLAMP(head->mean + head->sd * (double)fit->out[i][0], LUS_SF_MIN, LUS_SF_MAX);
        }
  }
  return TRUE;
}

static void finish(const Fit *fit, LusVideoHead *head)
{
  fit->report->samples = fit->n;
  if (fit->config->task == LUS_TASK_READMISSION) {
    finish_readmission(fit, head);
  } else if (fit->config->task == LUS_TASK_CHANGE) {
    finish_change(fit, head);
  } else {
    g_autofree double *value = g_new(double, fit->n);
    for (int i = 0; i < fit->n; i++)
      value[i] = (double)fit->out[i][0];
    finish_sf(fit, head, value);
  }
}

static void remove_checkpoints(const Fit *fit)
{
  for (int fold = -1; fold < fit->folds; fold++) {
    g_autofree char *path = checkpoint_of(fit, fold);
    if (path)
      g_unlink(path);
  }
}

LusClipNetwork *lus_video_fit(const LusVideoConfig *config, const LusVideoData *data, LusVideoReport *report,
                              float **predicted, GError **error)
{
  Fit fit = {.config = config, .data = data, .report = report};
  *report = (LusVideoReport){.samples = 0};
  g_autofree LusVideoSample *samples = lus_video_samples(data, config, &fit.n);
  g_autofree int *fold = g_new0(int, data->n_patients);
  g_autofree float *out = g_new0(float, 3 * (gsize)MAX(fit.n, 1));
  fit.samples = samples;
  fit.fold = fold;
  fit.out = (float (*)[3])(void *)out;
  deal(&fit);
  if (!check(&fit, error) || !train_folds(&fit, error))
    return NULL;
  g_autoptr(LusClipNetwork) network = train(&fit, -1, error);
  if (!network)
    return NULL;
  LusVideoHead head = *lus_clip_network_head(network);
  finish(&fit, &head);
  lus_clip_network_set_head(network, &head);
  remove_checkpoints(&fit);
  if (predicted)
    *predicted = g_steal_pointer(&out);
  return g_steal_pointer(&network);
}
