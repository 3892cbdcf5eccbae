/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "samples.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static const char description[] =
  "Compares the model's masks with a data set's labels: pooled Dice with its 95 % interval\n"
  "(bootstrap over patients), precision and recall per class. A class without labels shows '-'.\n"
  "DATASET is a folder (docs/dataset.md) or phantom:COUNT, simulated stills no training uses.\n\n"
  "Example: lus evaluate model.onnx data --split test --json";

typedef struct {
  char *split, *experts;
  double cut, level;
  gint64 seed;
  int threads;
  gboolean json;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.cut = -1, .level = 60, .seed = 1};
  const GOptionEntry entries[] = {{"split", 0, 0, G_OPTION_ARG_STRING, &o->split,
                                   "train, validation or test (default test)", "NAME"},
                                  {"experts", 0, 0, G_OPTION_ARG_STRING, &o->experts,
                                   "Annotators to compare with (default: all that are not fused, averaged)",
                                   "A,B,..."},
                                  {"cut", 0, 0, G_OPTION_ARG_DOUBLE, &o->cut,
                                   "Confidence at which the model's masks begin (default: the model's)", "PERCENT"},
                                  {"level", 0, 0, G_OPTION_ARG_DOUBLE, &o->level,
                                   "Confidence at which labels count as positive (default 60)", "PERCENT"},
                                  {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed,
                                   "Seed of phantom and bootstrap (default 1)", "N"},
                                  {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
                                   "Threads; the result does not depend on them (default: all)", "N"},
                                  {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print JSON", NULL},
                                  {0}};
  return lus_tool_parse(argc, argv, entries, "MODEL DATASET", description, 2, 2, arguments);
}

static gboolean parse_split(LusSplit *split, const char *name)
{
  *split = LUS_SPLIT_TEST;
  if (!name)
    return TRUE;
  for (int i = 0; i < LUS_SPLIT_N; i++) {
    *split = (LusSplit)i;
    if (g_str_equal(name, lus_split_name(*split)))
      return TRUE;
  }
  return FALSE;
}

static json_t *figure(double value)
{
  return isnan(value) ? json_null() : json_real(value);
}

static void print_json(const LusModel *model, const char *data, const LusClassMetrics *metrics, const Options *o,
                       LusSplit split, int n_samples)
{
  const LusModelInfo *info = lus_model_info(model);
  json_t *classes = json_object();
  for (int k = 0; k < info->n_classes; k++) {
    const LusClassMetrics *m = &metrics[k];
    json_object_set_new(classes, info->classes[k],
                        json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "dice", figure(m->dice), "dice_low",
                                  figure(m->dice_low), "dice_high", figure(m->dice_high), "precision",
                                  figure(m->precision), "recall", figure(m->recall), "positive_pixels",
                                  (json_int_t)m->positive_pixels));
  }
  /* JSON is UTF-8, file names need not be. */
  g_autofree char *model_name = g_filename_display_name(lus_model_path(model));
  g_autofree char *data_name = g_filename_display_name(data);
  json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:I, s:o}", "lus", lus_version(), "notice",
                           LUS_NOTICE, "model", model_name, "model_sha256", lus_model_sha256(model),
                           "data", data_name, "split", lus_split_name(split), "samples", n_samples, "cut_percent", o->cut,
                           "level_percent", o->level, "seed", (json_int_t)o->seed, "classes", classes);
  char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  puts(text);
  free(text);
  json_decref(root);
}

static gboolean evaluate(Options *o, LusSplit split, char **arguments, GError **error)
{
  g_autoptr(LusModel) model = lus_model_load(arguments[0], error);
  if (!model)
    return FALSE;
  const LusModelInfo *info = lus_model_info(model);
  if (o->cut < 0)
    o->cut = 100 * round((double)info->threshold * 1e6) / 1e6;
  LusToolData data;
  if (!lus_tool_data_open(&data, arguments[1], error))
    return FALSE;
  /* The model's classes in its order; what the data set does not label is left out. */
  gboolean ok = !data.dataset || (lus_dataset_select_classes(data.dataset, info->n_classes, info->classes, error) &&
                                  lus_tool_select_experts(data.dataset, o->experts, error));
  g_autoptr(LusSamples) samples = NULL;
  LusToolProgress *progress = lus_tool_progress_new();
  if (ok)
    samples = lus_tool_data_samples(&data, split, 0, (guint64)o->seed, info->width, info->height, o->threads,
                                    progress, error);
  LusClassMetrics metrics[LUS_MAX_CLASSES];
  ok = samples && lus_metrics_evaluate(metrics, model, samples, o->cut / 100, o->level, (guint64)o->seed, o->threads,
                                       lus_tool_progress, progress, error);
  lus_tool_progress_free(progress);
  lus_tool_data_clear(&data);
  if (!ok)
    return FALSE;
  if (o->json) {
    print_json(model, arguments[1], metrics, o, split, samples->n);
    return TRUE;
  }
  printf("%s: %d samples of %s (%s), masks at %g %% against labels at %g %%\n", arguments[0], samples->n,
         arguments[1], lus_split_name(split), o->cut, o->level);
  lus_tool_print_metrics(info, metrics);
  return TRUE;
}

int lus_cmd_evaluate(int argc, char **argv)
{
  Options o;
  g_auto(GStrv) arguments = NULL;
  LusSplit split = LUS_SPLIT_TEST;
  int code = parse(&o, argc, argv, &arguments);
  if (code != LUS_EXIT_DONE) {
    g_free(o.split);
    g_free(o.experts);
    return code;
  }
  if (!parse_split(&split, o.split)) {
    code = lus_tool_usage("evaluate", "--split: is one of train, validation, test");
  } else if (o.cut > 100 || !(o.level >= 0 && o.level <= 100) || o.seed < 0) {
    code = lus_tool_usage("evaluate", "--cut and --level are 0 to 100 percent, --seed is not negative");
  } else {
    GError *error = NULL;
    if (!evaluate(&o, split, arguments, &error))
      code = lus_tool_fail("evaluate", error);
  }
  g_free(o.split);
  g_free(o.experts);
  return code;
}
