/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/optimizer.h"

#include <math.h>

/** Share of the peak that is left at the end. */
#define FINAL_SHARE 0.005
#define CHUNK 16384 /* parameters per work item; fixed, so that sums do not depend on the threads */

void lus_adamw_init(LusAdamW *adamw)
{
  *adamw = (LusAdamW){.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 1e-3, .clip = 2.0};
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

static void update_item(void *data, int item, int thread)
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

double lus_adamw_step(float *parameters, float *m, float *v, const float *gradient, gsize n, const LusAdamW *adamw,
                      double learning_rate, gint64 step, LusParallel *pool)
{
  int chunks = (int)((n + CHUNK - 1) / CHUNK);
  g_autofree double *squares = g_new(double, chunks);
  Job job = {.parameters = parameters, .m = m, .v = v, .gradient = gradient, .n = n, .squares = squares};
  lus_parallel_for(pool, chunks, square_item, &job);
  double square = 0;
  for (int i = 0; i < chunks; i++)
    square += squares[i];
  double norm = sqrt(square);

  /* theta -= lr (m^ / (sqrt(v^) + eps) + decay theta), with m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t). */
  job.scale = norm > adamw->clip ? (float)(adamw->clip / norm) : 1.0f;
  job.beta1 = (float)adamw->beta1;
  job.beta2 = (float)adamw->beta2;
  job.share1 = (float)(1.0 - adamw->beta1);
  job.share2 = (float)(1.0 - adamw->beta2);
  job.rate = (float)(learning_rate / (1.0 - pow(adamw->beta1, (double)step)));
  job.correction = (float)(1.0 / sqrt(1.0 - pow(adamw->beta2, (double)step)));
  job.epsilon = (float)adamw->epsilon;
  job.keep = (float)(1.0 - learning_rate * adamw->weight_decay);
  lus_parallel_for(pool, chunks, update_item, &job);
  return norm;
}

double lus_learning_rate(double peak, gint64 step, gint64 warm_up, gint64 total)
{
  if (step <= warm_up)
    return peak * (double)step / (double)warm_up;
  double done = step >= total ? 1.0 : (double)(step - warm_up) / (double)(total - warm_up);
  return peak * (FINAL_SHARE + (1.0 - FINAL_SHARE) * 0.5 * (1.0 + cos(G_PI * done)));
}
