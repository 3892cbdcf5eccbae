/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "samples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PHANTOM_PREFIX "phantom:"
#define PHANTOM_MAX 1000000
#define PHANTOM_SPLIT_STRIDE G_GUINT64_CONSTANT(1000000000) /* stills 0.. train, 1e9.. validation, 2e9.. test */

gboolean lus_tool_data_open(LusToolData *data, const char *text, GError **error)
{
  *data = (LusToolData){0};
  if (!g_str_has_prefix(text, PHANTOM_PREFIX)) {
    data->dataset = lus_dataset_load(text, error);
    return data->dataset != NULL;
  }
  gint64 count = 0;
  if (!g_ascii_string_to_signed(text + strlen(PHANTOM_PREFIX), 10, 1, PHANTOM_MAX, &count, NULL)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "'%s': write phantom:COUNT with a count of 1 to %d", text,
                PHANTOM_MAX);
    return FALSE;
  }
  data->phantoms = (int)count;
  return TRUE;
}

void lus_tool_data_clear(LusToolData *data)
{
  g_clear_pointer(&data->dataset, lus_dataset_free);
}

LusSamples *lus_tool_data_samples(const LusToolData *data, LusSplit split, int limit, guint64 seed, int width,
                                  int height, int threads, LusToolProgress *progress, GError **error)
{
  if (data->dataset)
    return lus_samples_load(data->dataset, split, width, height, lus_tool_open_clip, NULL, lus_tool_progress,
                            progress, error);
  int count = limit > 0 ? limit : data->phantoms;
  LusParallel *pool = lus_parallel_new(threads);
  LusSamples *samples = lus_samples_simulate(count, seed, (guint64)split * PHANTOM_SPLIT_STRIDE, width, height, pool,
                                             lus_tool_progress, progress, error);
  lus_parallel_free(pool);
  return samples;
}

gboolean lus_tool_parse_size(const char *text, int *width, int *height)
{
  char rest = 0;
  return sscanf(text, "%5dx%5d%c", width, height, &rest) == 2 && *width > 0 && *height > 0;
}

static void print_figure(double value)
{
  if (isnan(value))
    printf(" %9s", "-");
  else
    printf(" %9.3f", value);
}

void lus_tool_print_metrics(const LusModelInfo *info, const LusClassMetrics *metrics)
{
  printf("%-16s %9s %9s %9s %9s %9s %12s\n", "class", "dice", "low", "high", "precision", "recall", "pixels");
  for (int k = 0; k < info->n_classes; k++) {
    printf("%-16s", info->classes[k]);
    print_figure(metrics[k].dice);
    print_figure(metrics[k].dice_low);
    print_figure(metrics[k].dice_high);
    print_figure(metrics[k].precision);
    print_figure(metrics[k].recall);
    printf(" %12" G_GINT64_FORMAT "\n", metrics[k].positive_pixels);
  }
}

gboolean lus_tool_select_experts(LusDataset *dataset, const char *experts, GError **error)
{
  if (!experts)
    return TRUE;
  g_auto(GStrv) names = g_strsplit(experts, ",", -1);
  return lus_dataset_select_annotators(dataset, names, error);
}
