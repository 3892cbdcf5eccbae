/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/evaluate-internal.h"
#include "learn/predict.h"
#include "lung/confidence.h"
#include "nn/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  gint64 first, second, both, pixels, difference;
} Count;

typedef struct {
  const LusSamples *samples;
  guint8 cut_first, cut_second;
  guint8 *q;     /* [n][n_classes][pixels] of the first model */
  Count *counts; /* [n_classes][n] */
} Job;

static void keep_first(gpointer data, int sample, const float *output, int thread)
{
  (void)thread;
  const Job *job = data;
  gsize n = (gsize)job->samples->width * job->samples->height * job->samples->n_classes;
  for (gsize i = 0; i < n; i++)
    job->q[sample * n + i] = lus_confidence_quantise(output[i]);
}

static void compare_second(gpointer data, int sample, const float *output, int thread)
{
  (void)thread;
  const Job *job = data;
  const LusSamples *s = job->samples;
  gsize pixels = (gsize)s->width * s->height;
  for (int k = 0; k < s->n_classes; k++) {
    Count *count = &job->counts[(gsize)k * s->n + sample];
    const guint8 *q = job->q + ((gsize)sample * s->n_classes + k) * pixels;
    for (gsize i = 0; i < pixels; i++) {
      guint8 other = lus_confidence_quantise(output[k * pixels + i]);
      gboolean first = q[i] >= job->cut_first, second = other >= job->cut_second;
      count->first += first;
      count->second += second;
      count->both += first && second;
      count->difference += abs(q[i] - other);
    }
    count->pixels += (gint64)pixels;
  }
}

/** Sums over patients of class @first_class and the @n_classes - 1 after it. */
static gboolean summarise(LusLikeness *out, const Job *job, int first_class, int n_classes, guint64 seed)
{
  const LusSamples *s = job->samples;
  g_autofree double *memory = g_new0(double, 2 * (gsize)s->n);
  double *both = memory, *either = memory + s->n;
  g_autofree int *patient = g_new(int, MAX(s->n, 1));
  int n_patients = lus_number_groups(patient, s->group, s->n);
  Count all = {0};
  for (int i = 0; i < s->n; i++)
    for (int k = first_class; k < first_class + n_classes; k++) {
      const Count *c = &job->counts[(gsize)k * s->n + i];
      both[patient[i]] += (double)c->both;
      either[patient[i]] += (double)(c->first + c->second - c->both);
      all.first += c->first;
      all.second += c->second;
      all.both += c->both;
      all.difference += c->difference;
      all.pixels += c->pixels;
    }
  g_autoptr(LusBootstrap) bootstrap = lus_bootstrap_new(n_patients, seed);
  if (!bootstrap)
    return FALSE;
  *out = (LusLikeness){.first = all.first, .second = all.second, .both = all.both,
                       .difference = (double)all.difference / 255 / (double)all.pixels};
  out->iou = all.first + all.second == 0 ? (LusInterval){1, 1, 1} : lus_bootstrap_ratio(bootstrap, both, either);
  return TRUE;
}

static gboolean same_classes(const LusModelInfo *a, const LusModelInfo *b)
{
  gboolean same = a->n_classes == b->n_classes;
  for (int k = 0; same && k < a->n_classes; k++)
    same = g_str_equal(a->classes[k], b->classes[k]);
  return same;
}

gboolean lus_evaluate_against(LusLikeness *out, LusModel *first, LusModel *second, const LusSamples *samples,
                              guint64 seed, int threads, LusProgress progress, gpointer progress_data, GError **error)
{
  const LusModelInfo *a = lus_model_info(first), *b = lus_model_info(second);
  if (!same_classes(a, b)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s and %s: have different classes and cannot be compared",
                lus_model_path(first), lus_model_path(second));
    return FALSE;
  }
  Job job = {.samples = samples, .cut_first = lus_confidence_cut((double)a->threshold),
             .cut_second = lus_confidence_cut((double)b->threshold)};
  int n_classes = samples->n_classes;
  gsize planes = (gsize)samples->n * n_classes;
  g_autofree guint8 *q = job.q = g_try_malloc_n(planes, (gsize)samples->width * samples->height);
  g_autofree Count *counts = job.counts = g_try_new0(Count, planes);
  LusParallel *pool = lus_parallel_new(threads);
  gboolean ok = q && counts && pool;
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "evaluation: no memory to compare two models");
  ok = ok && lus_predict_model(first, samples, pool, keep_first, &job, progress, progress_data, "first model", error) &&
       lus_predict_model(second, samples, pool, compare_second, &job, progress, progress_data, "second model", error);
  lus_parallel_free(pool);
  for (int k = 0; ok && k <= n_classes; k++)
    if (!summarise(&out[k], &job, k < n_classes ? k : 0, k < n_classes ? 1 : n_classes, seed)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "evaluation: out of memory");
      ok = FALSE;
    }
  return ok;
}
