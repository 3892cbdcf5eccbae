/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make-model SIZE FILE: a small untrained FPN whose masks are neither empty nor full, the same at every run. */
#include <lus/lus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
  LusFpnConfig config = lus_fpn_config_default();
  int size = argc == 3 ? atoi(argv[1]) : 0;
  if (size < 32)
    return 2;
  config.stem = config.pyramid = config.segmentation = config.detail = 8;
  for (int i = 0; i < 4; i++) {
    config.widths[i] = 8;
    config.blocks[i] = i < 3 ? 1 : 2;
  }
  config.head_bias = 0;
  GError *error = NULL;
  LusGraph *graph = lus_fpn_new(&config, 11, &error);
  gboolean ok = FALSE;
  if (graph) {
    gsize n = lus_graph_n_parameters(graph);
    float *parameters = g_new(float, n);
    LusRng rng;
    lus_rng_init(&rng, 5, 0);
    lus_graph_get_parameters(graph, parameters);
    for (gsize i = 0; i < n; i++)
      parameters[i] += (float)lus_rng_normal(&rng, 0, .1);
    lus_graph_set_parameters(graph, parameters);
    g_free(parameters);
    LusModelInfo info;
    lus_model_info_init(&info);
    info.width = info.height = size;
    ok = lus_model_save(graph, &info, argv[2], &error);
    lus_model_info_clear(&info);
  }
  if (!ok)
    fprintf(stderr, "%s\n", error->message);
  lus_graph_free(graph);
  return ok ? 0 : 1;
}
