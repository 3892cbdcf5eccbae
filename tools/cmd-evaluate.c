/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "evaluate.h"
#include "samples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char description[] =
  "Compares the model's masks with a data set's labels: Dice, IoU, precision, recall and the\n"
  "borders' distance, each with its 95 % interval (bootstrap over patients), at one level and Dice\n"
  "at others; and the predicted confidence with the labels. What is unknown shows '-'.\n"
  "DATASET is a folder (docs/dataset.md) or phantom:COUNT, simulated stills no training uses.\n\n"
  "Example: lus evaluate model.onnx data --split test --csv test.csv --plots plots";

static const double usual_levels[] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100};

typedef struct {
  char *split, *experts, *levels_text, *csv, *plots, *against;
  double cut, level;
  gint64 seed;
  int threads;
  gboolean json;
  double levels[LUS_EVALUATION_LEVELS]; /* with @level among them */
  int n_levels, level_index;
} Options;

static void options_clear(Options *o)
{
  char *texts[] = {o->split, o->experts, o->levels_text, o->csv, o->plots, o->against};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.cut = -1, .level = 60, .seed = 1};
  const GOptionEntry entries[] = {
    {"split", 0, 0, G_OPTION_ARG_STRING, &o->split, "train, validation or test (default test)", "NAME"},
    {"experts", 0, 0, G_OPTION_ARG_STRING, &o->experts,
     "Annotators to compare with (default: all that are not fused, averaged)", "A,B,..."},
    {"cut", 0, 0, G_OPTION_ARG_DOUBLE, &o->cut, "Confidence at which the model's masks begin (default: the model's)",
     "PERCENT"},
    {"level", 0, 0, G_OPTION_ARG_DOUBLE, &o->level, "Confidence at which labels count as positive (default 60)",
     "PERCENT"},
    {"levels", 0, 0, G_OPTION_ARG_STRING, &o->levels_text, "Further such levels (default 0,10,...,100)", "A,B,..."},
    {"csv", 0, 0, G_OPTION_ARG_FILENAME, &o->csv, "Write every figure of every patient as a table", "FILE"},
    {"plots", 0, 0, G_OPTION_ARG_FILENAME, &o->plots, "Write charts of Dice and reliability, PNG and SVG", "DIR"},
    {"against", 0, 0, G_OPTION_ARG_FILENAME, &o->against,
     "Also tell how alike this other model's masks are, each at its own threshold", "MODEL"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "Seed of phantom and bootstrap (default 1)", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "Threads; the result does not depend on them (default: all)",
     "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print JSON", NULL},
    G_OPTION_ENTRY_NULL};
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

/** The levels asked for and the main one among them, ascending, each once. */
static gboolean collect_levels(Options *o)
{
  g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(double));
  g_auto(GStrv) words = o->levels_text ? g_strsplit(o->levels_text, ",", -1) : NULL;
  g_array_append_val(levels, o->level);
  if (!words)
    g_array_append_vals(levels, usual_levels, G_N_ELEMENTS(usual_levels));
  for (int i = 0; words && words[i]; i++) {
    char *end = NULL;
    double level = g_ascii_strtod(words[i], &end);
    if (end == words[i] || *end || !lus_tool_is_percent(level))
      return FALSE;
    g_array_append_val(levels, level);
  }
  g_array_sort(levels, lus_tool_compare_double);
  for (guint i = 0; i < levels->len; i++) {
    double level = g_array_index(levels, double, i);
    if (o->n_levels > 0 && level <= o->levels[o->n_levels - 1])
      continue;
    if (o->n_levels == LUS_EVALUATION_LEVELS)
      return FALSE;
    if (level <= o->level)
      o->level_index = o->n_levels;
    o->levels[o->n_levels++] = level;
  }
  return TRUE;
}

static gboolean load(LusSamples **samples, const LusModelInfo *info, const Options *o, LusSplit split,
                     const char *text, LusToolProgress *progress, GError **error)
{
  LusToolData data;
  if (!lus_tool_data_open(&data, text, error))
    return FALSE;
  gboolean ok = data.dataset || !o->experts;
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: phantom stills have no annotators; leave --experts out, or "
                "use a data set", text);
  /* The model's classes in its order; what the data set does not label is left out. */
  if (data.dataset)
    ok = lus_dataset_select_classes(data.dataset, info->n_classes, info->classes, error) &&
         lus_tool_select_experts(data.dataset, o->experts, error);
  *samples = ok ? lus_tool_data_samples(&data, split, 0, (guint64)o->seed, info->width, info->height, o->threads,
                                        progress, error)
                : NULL;
  lus_tool_data_clear(&data);
  return *samples != NULL;
}

/** Whatever is to be written; checked before the work begins. */
static gboolean check_files(const Options *o, GError **error)
{
  if (o->csv && !lus_tool_can_write(o->csv, error))
    return FALSE;
  if (!o->plots || g_mkdir_with_parents(o->plots, 0777) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder", o->plots);
  return FALSE;
}

static gboolean write_files(const Options *o, const LusToolEvaluation *e, GError **error)
{
  if (o->csv) {
    g_autofree char *csv = lus_evaluation_csv(e->evaluation, e->bootstrap);
    if (!lus_file_write(o->csv, csv, strlen(csv), error))
      return FALSE;
  }
  g_autofree char *model = g_path_get_basename(e->model_name);
  g_autofree char *what = g_strdup_printf("%s on %s (%s): %d samples of %d patients", model, e->data_name,
                                          lus_split_name(e->split), e->evaluation->n_samples,
                                          e->evaluation->n_patients);
  return !o->plots || lus_evaluation_plots(e->evaluation, o->level, e->bootstrap, o->plots, what, error);
}

static gboolean measure(LusToolEvaluation *e, const Options *o, LusModel *model, LusModel *other,
                        const char *data_text, GError **error)
{
  LusToolProgress *progress = lus_tool_progress_new();
  g_autoptr(LusSamples) samples = NULL;
  LusEvaluateConfig config = {.levels = o->levels, .n_levels = o->n_levels, .cut = o->cut / 100,
                              .threads = o->threads, .progress = lus_tool_progress, .progress_data = progress};
  gboolean ok = load(&samples, lus_model_info(model), o, e->split, data_text, progress, error) &&
                (e->evaluation = lus_evaluate(model, samples, &config, error)) != NULL;
  if (ok && other)
    ok = lus_evaluate_against(e->likeness, model, other, samples, (guint64)o->seed, o->threads, lus_tool_progress,
                              progress, error);
  lus_tool_progress_free(progress);
  if (ok && !(e->bootstrap = lus_bootstrap_new(e->evaluation->n_patients, (guint64)o->seed))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "evaluation: out of memory");
    ok = FALSE;
  }
  return ok;
}

static gboolean evaluate(Options *o, LusSplit split, char **arguments, GError **error)
{
  g_autoptr(LusModel) model = lus_model_load(arguments[0], error);
  g_autoptr(LusModel) other = model && o->against ? lus_model_load(o->against, error) : NULL;
  if (!model || (o->against && !other) || !check_files(o, error))
    return FALSE;
  if (o->cut < 0)
    o->cut = 100 * round((double)lus_model_info(model)->threshold * 1e6) / 1e6;
  /* JSON is UTF-8, file names need not be. */
  g_autofree char *model_name = g_filename_display_name(arguments[0]);
  g_autofree char *data_name = g_filename_display_name(arguments[1]);
  LusToolEvaluation e = {.model = model, .other = other, .model_name = model_name, .data_name = data_name,
                         .split = split, .seed = o->seed, .level_index = o->level_index};
  gboolean ok = measure(&e, o, model, other, arguments[1], error) && write_files(o, &e, error);
  if (ok && o->json)
    lus_tool_evaluation_json(&e);
  else if (ok)
    lus_tool_evaluation_print(&e);
  lus_evaluation_free(e.evaluation);
  lus_bootstrap_free(e.bootstrap);
  return ok;
}

int lus_cmd_evaluate(int argc, char **argv)
{
  Options o;
  g_auto(GStrv) arguments = NULL;
  LusSplit split = LUS_SPLIT_TEST;
  int code = parse(&o, argc, argv, &arguments);
  if (code != LUS_EXIT_DONE) {
    options_clear(&o);
    return code;
  }
  if (!parse_split(&split, o.split)) {
    code = lus_tool_usage("evaluate", "--split: is one of train, validation, test");
  } else if ((o.cut != -1 && !lus_tool_is_percent(o.cut)) || !lus_tool_is_percent(o.level) || o.seed < 0) {
    code = lus_tool_usage("evaluate", "--cut and --level are 0 to 100 percent (60, not 0.6), --seed is not negative");
  } else if (!collect_levels(&o)) {
    code = lus_tool_usage("evaluate", "--levels: write percents, for example 0,20,60,100");
  } else {
    GError *error = NULL;
    if (!evaluate(&o, split, arguments, &error))
      code = lus_tool_fail("evaluate", error);
  }
  options_clear(&o);
  return code;
}
