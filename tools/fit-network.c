/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fit-network.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lus_tool_fit_network_init(LusToolFitNetwork *network)
{
  LusVideoConfig usual;
  lus_video_config_init(&usual);
  *network = (LusToolFitNetwork){.frames = usual.frames, .embedding = usual.embedding, .steps = usual.steps,
                                 .folds = usual.folds, .seed = 1, .learning_rate = usual.learning_rate};
}

void lus_tool_fit_network_clear(LusToolFitNetwork *network)
{
  g_free(network->planes);
  g_free(network->widths);
}

const char *lus_tool_fit_network_unused(const LusToolFitNetwork *o)
{
  LusToolFitNetwork usual;
  lus_tool_fit_network_init(&usual);
  return o->frames != usual.frames               ? "--frames"
         : o->grey                               ? "--grey"
         : o->widths                             ? "--widths"
         : o->embedding != usual.embedding       ? "--embedding"
         : o->steps != usual.steps               ? "--steps"
         : o->folds != usual.folds               ? "--folds"
         : o->learning_rate < usual.learning_rate || o->learning_rate > usual.learning_rate ? "--learning-rate"
         : o->contrast < 0 || o->contrast > 0    ? "--contrast"
         : o->threads != usual.threads           ? "--threads"
                                                 : NULL;
}

const char *lus_tool_fit_network_wrong(const LusToolFitNetwork *o)
{
  return !(o->learning_rate >= 1e-9 && o->learning_rate <= 100) ? "--learning-rate must be 1e-9 to 100"
         : !(o->contrast >= 0 && o->contrast <= 1000)           ? "--contrast must be 0 to 1000"
         : o->threads < 0 || o->threads > 1024                  ? "--threads must be 0 to 1024"
                                                                : NULL;
}

static gboolean configure(LusVideoConfig *config, const LusToolFitNetwork *o, LusTask task, GError **error)
{
  lus_video_config_init(config);
  config->task = task;
  config->frames = o->frames;
  config->grey = o->grey;
  config->embedding = o->embedding;
  config->steps = o->steps;
  config->folds = o->folds;
  config->seed = (guint64)o->seed;
  config->threads = o->threads;
  config->learning_rate = o->learning_rate;
  config->contrast = o->contrast;
  char rest;
  if (!o->widths || sscanf(o->widths, "%d,%d,%d%c", &config->widths[0], &config->widths[1], &config->widths[2], &rest) == 3)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "--widths '%s': expected three numbers like 16,24,32", o->widths);
  return FALSE;
}

static char *record_of(const LusVideoReport *r, LusTask task, const char *command)
{
  json_t *figures = json_pack("{s:i, s:i}", "samples", r->samples, "patients", r->patients);
  const struct {
    const char *name;
    double value;
    LusTask task;
  } all[] = {{"mae", r->mae, LUS_TASK_SF}, {"mae_median_predictor", r->mae_median, LUS_TASK_SF},
             {"coverage", r->coverage, LUS_TASK_SF}, {"macro_f1", r->macro_f1, LUS_TASK_CHANGE},
             {"macro_f1_majority", r->majority_f1, LUS_TASK_CHANGE}, {"auroc", r->auroc, LUS_TASK_READMISSION},
             {"log_loss", r->log_loss, LUS_TASK_N}, {"log_loss_shares", r->log_loss_base, LUS_TASK_N}};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    if (all[i].task == task || (all[i].task == LUS_TASK_N && task != LUS_TASK_SF))
      json_object_set_new(figures, all[i].name, json_real(all[i].value));
  g_autofree char *valid = g_utf8_make_valid(command, -1);
  json_t *record = json_pack("{s:s, s:s, s:o}", "command", valid, "notice", LUS_NOTICE, "held_out", figures);
  char *dumped = json_dumps(record, JSON_COMPACT), *text = g_strdup(dumped);
  json_decref(record);
  free(dumped);
  return text;
}

static void print_report(const LusVideoReport *r, LusTask task, const char *path, int folds)
{
  printf("%s: %s network on %d samples of %d patients; figures on patients not seen, %d folds\n", path,
         lus_task_name(task), r->samples, r->patients, MIN(folds, r->patients));
  if (task == LUS_TASK_SF) {
    printf("mean absolute error %.1f (always saying the median: %.1f)\n", r->mae, r->mae_median);
    printf("90 %% interval covers %.0f %%\n", 100 * r->coverage);
    if (r->mae >= r->mae_median)
      printf("warning: no better than always saying the median; don't use this network\n");
  } else if (task == LUS_TASK_CHANGE) {
    printf("macro F1 %.3f (always saying the most frequent class: %.3f)\n", r->macro_f1, r->majority_f1);
  } else {
    printf("AUROC %.3f\n", r->auroc);
  }
  if (task != LUS_TASK_SF)
    printf("log loss %.3f (always saying the shares: %.3f)\n", r->log_loss, r->log_loss_base);
  if (task != LUS_TASK_SF && r->log_loss >= r->log_loss_base)
    printf("warning: no better than always saying the shares; don't use this network\n");
}

static gboolean write_files(const LusClipNetwork *network, const LusVideoData *data, const LusVideoReport *report,
                            LusTask task, const char *output, const char *command, GError **error)
{
  g_autofree char *path = lus_heads_network_path(output, task), *record = record_of(report, task, command);
  return lus_clip_network_save(network, record, path, error) &&
         lus_heads_add_network(output, task, path, data->model_sha256, error);
}

gboolean lus_tool_fit_network(const LusToolFitNetwork *o, LusTask task, const char *features, const char *outcomes,
                              const char *output, int min_frames, const char *command, GError **error)
{
  LusVideoConfig config;
  LusVideoReport report;
  if (!configure(&config, o, task, error))
    return FALSE;
  if (!g_file_test(output, G_FILE_TEST_EXISTS)) { /* before the work rather than after it */
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: there is no such heads file to add a network to; make it with 'lus fit' without --network", output);
    return FALSE;
  }
  g_autoptr(LusVideoData) data = lus_video_data_load(features, o->planes, outcomes, min_frames, error);
  if (!data || !lus_heads_take_network(output, task, data->model_sha256, error))
    return FALSE;
  if (data->unmarked)
    fprintf(stderr, "lus fit: %s: does not say of which model its planes are; they are taken for those of the table's\n",
            o->planes);
  g_autofree char *checkpoint = g_strdup_printf("%s.%s", output, lus_task_name(task));
  LusToolProgress *progress = lus_tool_progress_new();
  config.checkpoint = checkpoint;
  config.progress = lus_tool_progress;
  config.progress_data = progress;
  g_autoptr(LusClipNetwork) network = lus_video_fit(&config, data, &report, NULL, error);
  lus_tool_progress_free(progress);
  if (!network || !write_files(network, data, &report, task, output, command, error))
    return FALSE;
  g_autofree char *path = lus_heads_network_path(output, task);
  print_report(&report, task, path, config.folds);
  if (data->not_at_hand > 0)
    printf("%d clips left out: their zone has fewer than %d frames or no pleural line on a tenth of them\n", data->not_at_hand,
           min_frames);
  return TRUE;
}
