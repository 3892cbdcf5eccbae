/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"
#include "measure.h"

#include <stdio.h>

static const char description[] =
  "INPUT is a video file, a folder of them, or a data set. Patient, day and zone come from the data\n"
  "set or from names like p003_d1_R2.mkv; what is not known stays empty. docs/features.md tells\n"
  "what each column means.\n\n"
  "Example: lus features data -o features.csv";

typedef struct {
  char *output, *model;
  double threshold; /* percent, negative: the model's */
  int threads;
} Options;

static gboolean measure_clip(GString *table, LusToolMeasure *measure, LusExam *one, const LusToolClip *clip,
                             guint number, guint total, GError **error)
{
  LusZone measured;
  g_autofree char *what = g_strdup_printf("clip %u/%u %s", number, total, clip->name);
  lus_exam_reset(one);
  if (!lus_tool_measure_clip(measure, one, 0, clip->path, what, error))
    return FALSE;
  lus_exam_get_zone(one, 0, &measured);
  if (measured.frames == 0)
    fprintf(stderr, "lus features: %s: no ultrasound sector in any frame\n", clip->path);
  lus_features_csv_add(table, clip->name, &clip->told, &measured);
  return TRUE;
}

static gboolean write_features(const Options *options, char *const *inputs, GError **error)
{
  g_autoptr(GPtrArray) clips = lus_tool_clips(inputs, error);
  g_autoptr(LusExam) one = lus_exam_new("clip", error);
  LusToolMeasure measure = {0};
  if (!clips || !one)
    return FALSE;
  gboolean done = lus_tool_measure_open(&measure, options->model, options->threshold / 100, options->threads, error);
  g_autoptr(GString) table = g_string_new(NULL);
  if (done)
    lus_features_csv_begin(table, lus_model_sha256(measure.model), measure.threshold);
  for (guint i = 0; done && i < clips->len; i++)
    done = measure_clip(table, &measure, one, g_ptr_array_index(clips, i), i + 1, clips->len, error);
  lus_tool_measure_clear(&measure);
  if (!done || !lus_file_write(options->output, table->str, table->len, error))
    return FALSE;
  printf("%s: %u clips\n", options->output, clips->len);
  return TRUE;
}

int lus_cmd_features(int argc, char **argv)
{
  Options options = {.threshold = -1};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "Table to write (CSV)", "FILE"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &options.model, "Model to segment with (default: the bundled one)", "MODEL"},
    {"threshold", 0, 0, G_OPTION_ARG_DOUBLE, &options.threshold, "Confidence a mask begins at (default: the model's)",
     "PERCENT"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &options.threads, "Threads, 0 = one per CPU", "N"},
    {0}};
  g_auto(GStrv) inputs = NULL;
  g_autoptr(GError) error = NULL;
  int code = lus_tool_parse(argc, argv, entries, "INPUT...", description, 1, -1, &inputs);
  if (code == LUS_EXIT_DONE && !options.output)
    code = lus_tool_usage("features", "say where to write with -o FILE");
  else if (code == LUS_EXIT_DONE && (options.threshold > 100 || (options.threshold < 0 && options.threshold != -1)))
    code = lus_tool_usage("features", "--threshold must be 0 to 100 percent");
  else if (code == LUS_EXIT_DONE && !write_features(&options, inputs, &error))
    code = lus_tool_fail("features", g_steal_pointer(&error));
  g_free(options.output);
  g_free(options.model);
  return code;
}
