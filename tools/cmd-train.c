/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peers.h"
#include "samples.h"
#include "training.h"

#include <glib/gstdio.h>
#include <stdio.h>

static const char description[] =
  "DATASET is a folder (docs/dataset.md) or phantom:COUNT: COUNT simulated stills made in\n"
  "memory. The run can be stopped with Ctrl-C and goes on when the command is repeated.";
static const char example[] = "lus train phantom:2000 -o model.onnx --target threshold:60 --steps 1500 --seed 1";

/** The annotators learned from: the mean of those named, or each by itself. */
static gboolean select_experts(const LusTraining *run, LusDataset *dataset, GError **error)
{
  gboolean each = run->target.method == LUS_TARGET_EXPERT;
  if (!dataset && (each || run->options.experts)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "phantom stills have no annotators; use a data set");
    return FALSE;
  }
  return !dataset || lus_tool_select_experts(dataset, run->options.experts, error);
}

static gboolean load_samples(LusTraining *run, LusToolData *data, LusSamples **held_out, GError **error)
{
  const LusTrainConfig *c = &run->config;
  const LusModelInfo *info = &run->info;
  LusToolProgress *progress = c->progress_data;
  if (data->dataset)
    data->dataset->each_annotator = run->target.method == LUS_TARGET_EXPERT;
  run->samples = run->owned = lus_tool_data_samples(data, LUS_SPLIT_TRAIN, 0, c->seed, info->width, info->height,
                                                    c->threads, progress, error);
  if (!run->samples)
    return FALSE;
  if (data->dataset)
    data->dataset->each_annotator = FALSE;
  run->held_out = *held_out = lus_tool_data_samples(data, LUS_SPLIT_VALIDATION, run->options.held_out, c->seed,
                                                    info->width, info->height, c->threads, progress, error);
  return run->held_out != NULL;
}

/** Of several processes number 0 alone writes and reports. */
static gboolean is_first(const LusTraining *run)
{
  return !run->config.peers || run->config.peers->rank == 0;
}

/** Model, checkpoint and log must not replace one another. */
static gboolean are_apart(const char *a, const char *b, GError **error)
{
  g_autofree char *x = g_canonicalize_filename(a, NULL), *y = g_canonicalize_filename(b, NULL);
  if (!g_str_equal(x, y))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s: is named for two of model, checkpoint and log; give each its own name", a);
  return FALSE;
}

static gboolean check_files(const LusTraining *run, GError **error)
{
  const LusTrainOptions *o = &run->options;
  const char *inputs[] = {o->initial, o->average, o->config_file};
  for (gsize i = 0; i < G_N_ELEMENTS(inputs); i++)
    if (inputs[i] && !lus_tool_keeps(inputs[i], o->output, error))
      return FALSE;
  return are_apart(o->output, run->checkpoint, error) &&
         (!o->log || (are_apart(o->log, o->output, error) && are_apart(o->log, run->checkpoint, error))) &&
         lus_tool_can_write(o->output, error) && lus_tool_can_write(run->checkpoint, error) &&
         (!o->log || lus_tool_can_write(o->log, error)) &&
         (!is_first(run) || lus_train_checkpoint_is_free(run->checkpoint, error));
}

static gboolean train(LusTraining *run, LusToolData *data, LusClassMetrics *metrics, GError **error)
{
  if (!select_experts(run, data->dataset, error) || !lus_training_load_initial(run, error))
    return FALSE;
  if (is_first(run))
    lus_training_warn(run);
  lus_training_describe(run, data->dataset);
  LusSamples *held_out = NULL;
  gboolean ok = load_samples(run, data, &held_out, error);
  if (ok && is_first(run) && g_file_test(run->checkpoint, G_FILE_TEST_EXISTS))
    fprintf(stderr, "lus train: going on from %s\n", run->checkpoint);
  ok = ok && lus_training_run(run, metrics, error);
  if (ok && is_first(run))
    g_unlink(run->checkpoint);
  lus_samples_free(held_out);
  return ok;
}

static void print_result(const LusTraining *run, const LusClassMetrics *metrics)
{
  printf("%s: %" G_GSIZE_FORMAT " parameters, %d held-out samples, masks at %.0f %% against labels at %.0f %%\n",
         run->options.output, lus_graph_n_parameters(run->graph), run->n_held_out, 100 * (double)run->info.threshold,
         run->target.level);
  lus_tool_print_metrics(&run->info, metrics);
}

static int run_command(LusTraining *run, const char *data_text)
{
  g_autoptr(GError) error = NULL;
  LusToolData data = {0};
  LusClassMetrics metrics[LUS_MAX_CLASSES];
  run->data_text = data_text;
  gboolean ok = check_files(run, &error) && lus_tool_data_open(&data, data_text, &error);
  LusToolProgress *progress = lus_tool_progress_new(); /* the others' too must outlive Ctrl-C until the first has stopped */
  run->config.progress = lus_tool_progress;
  run->config.progress_data = is_first(run) ? progress : NULL;
  ok = ok && train(run, &data, metrics, &error);
  lus_tool_progress_free(progress);
  lus_tool_data_clear(&data);
  if (ok) {
    if (is_first(run))
      print_result(run, metrics);
    return LUS_EXIT_DONE;
  }
  if (g_error_matches(error, LUS_ERROR, LUS_ERROR_CANCELLED) && g_file_test(run->checkpoint, G_FILE_TEST_EXISTS))
    g_prefix_error(&error, "repeat the command to go on from %s: ", run->checkpoint);
  return lus_tool_fail("train", g_steal_pointer(&error));
}

int lus_cmd_train(int argc, char **argv)
{
  LusTraining run;
  lus_training_init(&run);
  run.command = lus_tool_command_text(argc, argv);
  g_auto(GStrv) arguments = NULL;
  g_autofree char *text = lus_training_help(description, example);
  int code = lus_train_options_parse(&run.options, "train", NULL, NULL, argc, argv, text, &arguments);
  if (code == LUS_EXIT_DONE)
    code = run.options.output ? lus_training_configure(&run)
                              : lus_tool_usage("train", "no output; say where to write the model with -o MODEL");
  GError *error = NULL;
  if (code == LUS_EXIT_DONE && !lus_tool_peers_open(&run.config.peers, &error))
    code = lus_tool_fail("train", error);
  if (code == LUS_EXIT_DONE)
    code = run_command(&run, arguments[0]);
  lus_training_clear(&run);
  lus_tool_peers_close(code);
  return code;
}
