/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/optimizer.h"

#include <math.h>

/** Share of the peak that is left at the end. */
#define FINAL_SHARE 0.005

void lus_adamw_init(LusAdamW *adamw)
{
  *adamw = (LusAdamW){.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 1e-3, .clip = 2.0};
}

double lus_adamw_step(float *parameters, float *m, float *v, const float *gradient, gsize n, const LusAdamW *adamw,
                      double learning_rate, gint64 step)
{
  double square = 0;
  for (gsize i = 0; i < n; i++)
    square += (double)gradient[i] * gradient[i];
  double norm = sqrt(square);
  float scale = norm > adamw->clip ? (float)(adamw->clip / norm) : 1.0f;

  /* theta -= lr (m^ / (sqrt(v^) + eps) + decay theta), with m^ = m / (1 - beta1^t) and v^ = v / (1 - beta2^t). */
  float beta1 = (float)adamw->beta1, beta2 = (float)adamw->beta2;
  float share1 = (float)(1.0 - adamw->beta1), share2 = (float)(1.0 - adamw->beta2);
  float rate = (float)(learning_rate / (1.0 - pow(adamw->beta1, (double)step)));
  float correction = (float)(1.0 / sqrt(1.0 - pow(adamw->beta2, (double)step)));
  float epsilon = (float)adamw->epsilon;
  float keep = (float)(1.0 - learning_rate * adamw->weight_decay);
  for (gsize i = 0; i < n; i++) {
    float g = gradient[i] * scale;
    m[i] = beta1 * m[i] + share1 * g;
    v[i] = beta2 * v[i] + share2 * g * g;
    parameters[i] = keep * parameters[i] - rate * m[i] / (sqrtf(v[i]) * correction + epsilon);
  }
  return norm;
}

double lus_learning_rate(double peak, gint64 step, gint64 warm_up, gint64 total)
{
  if (step <= warm_up)
    return peak * (double)step / (double)warm_up;
  double done = step >= total ? 1.0 : (double)(step - warm_up) / (double)(total - warm_up);
  return peak * (FINAL_SHARE + (1.0 - FINAL_SHARE) * 0.5 * (1.0 + cos(G_PI * done)));
}
