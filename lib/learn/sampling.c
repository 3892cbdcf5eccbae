/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/sampling.h"
#include "learn/target.h"
#include "nn/model.h"

#include <math.h>

static gboolean shows(const LusSamples *samples, int sample, int class_index, double level)
{
  gsize pixels = (gsize)samples->width * samples->height;
  const guint8 *labels = samples->labels + ((gsize)sample * samples->n_classes + class_index) * pixels;
  gboolean positive[256];
  for (int percent = 0; percent < 256; percent++)
    positive[percent] = percent <= 100 && lus_target_positive((guint8)percent, level);
  for (gsize i = 0; i < pixels; i++)
    if (positive[labels[i]])
      return TRUE;
  return FALSE;
}

double *lus_sampling_weights(const LusSamples *samples, double level, double balance)
{
  int n = samples->n, n_classes = samples->n_classes, counts[LUS_MAX_CLASSES] = {0}, most = 0;
  g_autofree gboolean *shown = g_new(gboolean, (gsize)n * n_classes);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n_classes; k++) {
      shown[(gsize)i * n_classes + k] = shows(samples, i, k, level);
      counts[k] += shown[(gsize)i * n_classes + k];
    }
  for (int k = 0; k < n_classes; k++)
    most = MAX(most, counts[k]);
  double *weights = g_new(double, n);
  for (int i = 0; i < n; i++) {
    weights[i] = 1;
    for (int k = 0; k < n_classes; k++)
      if (shown[(gsize)i * n_classes + k])
        weights[i] = MAX(weights[i], pow((double)most / counts[k], balance));
  }
  return weights;
}

/** Number i is taken where the sum of weights passes a mark; marks lie a share of the total apart. */
static void pick(int *order, int n, const double *weights, LusRng *rng)
{
  double total = 0, passed = 0, offset = lus_rng_uniform01(rng);
  for (int i = 0; i < n; i++)
    total += weights[i];
  int taken = 0;
  for (int i = 0; i < n; i++) {
    passed += weights[i];
    while (taken < n && (taken + offset) * total < passed * n)
      order[taken++] = i;
  }
  while (taken < n) /* rounding */
    order[taken++] = n - 1;
}

void lus_sampling_epoch(int *order, int n, const double *weights, LusRng *rng)
{
  for (int i = 0; i < n; i++)
    order[i] = i;
  if (weights)
    pick(order, n, weights, rng);
  for (int i = 0; i < n; i++) { /* Fisher and Yates */
    int j = (int)lus_rng_below(rng, (guint32)(i + 1)), other = order[i];
    order[i] = order[j];
    order[j] = other;
  }
}
