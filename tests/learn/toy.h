/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "fixture.h"
#include "learn/trainer.h"

/** A task a tiny network learns in seconds: class 0 is a bright horizontal bar, class 1 a dark box, on a noisy
 *  ground. */

enum { TOY_WIDTH = 64, TOY_HEIGHT = 32, TOY_CLASSES = 2, TOY_PIXELS = TOY_WIDTH * TOY_HEIGHT };

static inline LusSamples *toy_samples(int n, guint64 seed)
{
  LusSamples *s = g_new0(LusSamples, 1);
  *s = (LusSamples){.n = n, .n_classes = TOY_CLASSES, .width = TOY_WIDTH, .height = TOY_HEIGHT};
  s->luma = g_malloc0_n(n, TOY_PIXELS);
  s->labels = g_malloc0_n(n, TOY_CLASSES * TOY_PIXELS);
  s->group = g_new0(int, n);
  s->names = g_new0(char *, n);
  LusRng rng;
  lus_rng_init(&rng, seed, 0);
  for (int i = 0; i < n; i++) {
    s->group[i] = i / 2;
    s->names[i] = g_strdup_printf("toy/%d", i);
    int bar = 4 + (int)lus_rng_below(&rng, 10), box = 4 + (int)lus_rng_below(&rng, 40);
    for (int y = 0; y < TOY_HEIGHT; y++)
      for (int x = 0; x < TOY_WIDTH; x++) {
        gsize p = (gsize)y * TOY_WIDTH + x;
        gboolean in_bar = y >= bar && y < bar + 4, in_box = y >= 20 && y < 28 && x >= box && x < box + 16;
        s->luma[i * TOY_PIXELS + p] = (guint8)((in_bar ? 190 : in_box ? 20 : 90) + lus_rng_below(&rng, 30));
        s->labels[i * TOY_CLASSES * TOY_PIXELS + p] = in_bar ? 90 : 10;
        s->labels[(i * TOY_CLASSES + 1) * TOY_PIXELS + p] = in_box ? 70 : 0;
      }
  }
  return s;
}

static inline LusTrainConfig toy_config(int steps)
{
  LusTrainConfig config;
  lus_train_config_init(&config);
  config.network = (LusFpnConfig){.in_channels = 1,
                                  .classes = TOY_CLASSES,
                                  .stem = 8,
                                  .widths = {8, 8, 8, 8},
                                  .blocks = {1, 1, 1, 1},
                                  .pyramid = 8,
                                  .segmentation = 8,
                                  .detail = 8,
                                  .head_bias = -2};
  config.steps = steps;
  config.batch = 3;
  config.learning_rate = 1e-2;
  config.warm_up = 5;
  config.ema = 0.9;
  config.threads = 1;
  return config;
}

static inline float *toy_parameters(const LusGraph *graph, gsize *n)
{
  *n = lus_graph_n_parameters(graph);
  float *parameters = g_new(float, *n);
  lus_graph_get_parameters(graph, parameters);
  return parameters;
}
