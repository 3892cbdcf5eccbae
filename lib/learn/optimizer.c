/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/optimizer.h"
#include "nn/error.h"

#include <math.h>

/** Share of the peak that is left at the end. */
#define FINAL_SHARE 0.005
#define CHUNK 16384 /* parameters per work item; fixed, so that sums do not depend on the threads */

static const struct {
  const char *name;
  double rate;
} methods[LUS_OPTIMIZER_N] = {
  [LUS_OPTIMIZER_ADAMW] = {"adamw", 2e-3},
  [LUS_OPTIMIZER_SGD] = {"sgd", 2e-2},
};

void lus_optimizer_init(LusOptimizer *optimizer, LusOptimizerMethod method)
{
  *optimizer = (LusOptimizer){.method = method,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .epsilon = 1e-8,
                              .momentum = 0.9,
                              .weight_decay = 1e-3,
                              .clip = 2.0};
}

const char *lus_optimizer_name(LusOptimizerMethod method)
{
  return methods[method].name;
}

double lus_optimizer_usual_rate(LusOptimizerMethod method)
{
  return methods[method].rate;
}

gboolean lus_optimizer_parse(LusOptimizerMethod *method, const char *text, GError **error)
{
  for (int i = 0; i < LUS_OPTIMIZER_N; i++)
    if (g_str_equal(methods[i].name, text)) {
      *method = (LusOptimizerMethod)i;
      return TRUE;
    }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "optimizer '%s': is one of adamw, sgd", text);
  return FALSE;
}

typedef struct {
  float *parameters, *m, *v;
  const float *gradient;
  gsize n;
  double *squares; /* per chunk */
  float beta1, beta2, share1, share2, scale, rate, correction, epsilon, keep;
} Job;

static gsize chunk_end(const Job *job, int item)
{
  return MIN(((gsize)item + 1) * CHUNK, job->n);
}

static void square_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  double square = 0;
  for (gsize i = (gsize)item * CHUNK; i < chunk_end(job, item); i++)
    square += (double)job->gradient[i] * job->gradient[i];
  job->squares[item] = square;
}

static void adamw_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  float *parameters = job->parameters, *m = job->m, *v = job->v;
  const Job k = *job; /* a copy, of which the compiler knows that the arrays do not overlap it */
  gsize end = chunk_end(job, item);
  for (gsize i = (gsize)item * CHUNK; i < end; i++) {
    float g = k.gradient[i] * k.scale;
    m[i] = k.beta1 * m[i] + k.share1 * g;
    v[i] = k.beta2 * v[i] + k.share2 * g * g;
    parameters[i] = k.keep * parameters[i] - k.rate * m[i] / (sqrtf(v[i]) * k.correction + k.epsilon);
  }
}

static void sgd_item(void *data, int item, int thread)
{
  (void)thread;
  const Job *job = data;
  float *parameters = job->parameters, *m = job->m;
  const Job k = *job;
  gsize end = chunk_end(job, item);
  for (gsize i = (gsize)item * CHUNK; i < end; i++) {
    m[i] = k.beta1 * m[i] + k.gradient[i] * k.scale;
    parameters[i] = k.keep * parameters[i] - k.rate * m[i];
  }
}

static double norm_of(Job *job, int chunks, LusParallel *pool)
{
  lus_parallel_for(pool, chunks, square_item, job);
  double square = 0;
  for (int i = 0; i < chunks; i++)
    square += job->squares[i];
  return sqrt(square);
}

double lus_optimizer_step(float *parameters, float *m, float *v, const float *gradient, gsize n,
                          const LusOptimizer *optimizer, double learning_rate, gint64 step, LusParallel *pool)
{
  int chunks = (int)((n + CHUNK - 1) / CHUNK);
  g_autofree double *squares = g_new(double, chunks);
  Job job = {.parameters = parameters, .m = m, .v = v, .gradient = gradient, .n = n, .squares = squares};
  double norm = norm_of(&job, chunks, pool), clip = optimizer->clip;
  job.scale = clip > 0 && norm > clip ? (float)(clip / norm) : 1.0f;
  job.keep = (float)(1.0 - learning_rate * optimizer->weight_decay);
  if (optimizer->method == LUS_OPTIMIZER_SGD) {
    job.beta1 = (float)optimizer->momentum;
    job.rate = (float)learning_rate;
    lus_parallel_for(pool, chunks, sgd_item, &job);
    return norm;
  }
  /* theta -= lr (m^ / (sqrt(v^) + eps) + decay theta), with m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t). */
  job.beta1 = (float)optimizer->beta1;
  job.beta2 = (float)optimizer->beta2;
  job.share1 = (float)(1.0 - optimizer->beta1);
  job.share2 = (float)(1.0 - optimizer->beta2);
  job.rate = (float)(learning_rate / (1.0 - pow(optimizer->beta1, (double)step)));
  job.correction = (float)(1.0 / sqrt(1.0 - pow(optimizer->beta2, (double)step)));
  job.epsilon = (float)optimizer->epsilon;
  lus_parallel_for(pool, chunks, adamw_item, &job);
  return norm;
}

double lus_learning_rate(double peak, gint64 step, gint64 warm_up, gint64 total)
{
  if (step <= warm_up)
    return peak * (double)step / (double)warm_up;
  double done = step >= total ? 1.0 : (double)(step - warm_up) / (double)(total - warm_up);
  return peak * (FINAL_SHARE + (1.0 - FINAL_SHARE) * 0.5 * (1.0 + cos(G_PI * done)));
}
