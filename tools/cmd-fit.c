/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fit-network.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

static const char description[] =
  "FEATURES is what 'lus features' wrote. OUTCOMES has the columns patient, day, spo2_percent and fio2\n"
  "or o2_l_min, one row per patient and day. docs/estimate.md explains the method and the figures.\n\n"
  "Example: lus fit --task sf features.csv data/outcomes.csv -o heads.json";

typedef struct {
  char *task, *output;
  int min_frames;
  LusToolFitNetwork network;
} Options;

static void print_report(const LusFitTable *table, const LusFitReport *report, const char *output)
{
  printf("%s: S/F head on %d exams of %d patients, %d inputs, penalty %g\n", output, table->data.n, report->groups,
         report->inputs, report->lambda);
  printf("left out: %d exams without outcome, %d with too few zones\n", table->without_outcome, table->incomplete);
  printf("mean absolute error, leaving out one patient: %.1f (always saying the median: %.1f)\n", report->mae,
         report->mae_median_predictor);
  printf("90 %% interval: +-%.1f, covers %.0f %% of the exams left out\n", report->half_width, 100 * report->coverage);
  if (table->above_97 > 0)
    printf("note: SpO2 is above 97 %% in %d exams, where S/F no longer follows P/F\n", table->above_97);
  if (report->mae >= report->mae_median_predictor)
    printf("warning: no better than always saying the median; don't use this head\n");
}

static gboolean fit(const Options *options, const char *features, const char *outcomes, const char *command,
                    GError **error)
{
  LusFitReport report;
  g_autoptr(LusFitTable) table = lus_fit_table_load(features, outcomes, options->min_frames, error);
  if (!table)
    return FALSE;
  table->data.command = command;
  g_autofree char *text = lus_heads_fit(&table->data, &report, error);
  if (!text) {
    g_prefix_error(error, "%s with %s (%d exams without outcome, %d with too few zones): ", features, outcomes,
                   table->without_outcome, table->incomplete);
    return FALSE;
  }
  if (!lus_file_write(options->output, text, strlen(text), error))
    return FALSE;
  print_report(table, &report, options->output);
  return TRUE;
}

int lus_cmd_fit(int argc, char **argv)
{
  Options options = {.min_frames = 10};
  lus_tool_fit_network_init(&options.network);
  const GOptionEntry entries[] = {
    {"task", 0, 0, G_OPTION_ARG_STRING, &options.task, "What to estimate: sf (default)", "TASK"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "Heads file to write (JSON)", "HEADS"},
    {"min-frames", 0, 0, G_OPTION_ARG_INT, &options.min_frames, "Frames a zone must have (default 10)", "N"},
    LUS_TOOL_FIT_NETWORK_ENTRIES(&options.network),
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) arguments = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *command = g_strjoinv(" ", argv);
  int code = lus_tool_parse(argc, argv, entries, "FEATURES OUTCOMES", description, 2, 2, &arguments);
  int task = 0;
  while (options.task && task < LUS_VIDEO_TASK_N && !g_str_equal(options.task, lus_video_task_name((LusVideoTask)task)))
    task++;
  if (code == LUS_EXIT_DONE && task > 0 && (task == LUS_VIDEO_TASK_N || !options.network.planes))
    code = lus_tool_usage("fit", "--task knows sf, with --network also change and readmission");
  else if (code == LUS_EXIT_DONE && !options.output)
    code = lus_tool_usage("fit", "say where to write with -o HEADS");
  else if (code == LUS_EXIT_DONE && options.min_frames < 1)
    code = lus_tool_usage("fit", "--min-frames must be 1 or more");
  else if (code == LUS_EXIT_DONE && options.network.planes) {
    if (!lus_tool_fit_network(&options.network, (LusVideoTask)task, arguments[0], arguments[1], options.output, command,
                              &error))
      code = lus_tool_fail("fit", g_steal_pointer(&error));
  } else if (code == LUS_EXIT_DONE && !fit(&options, arguments[0], arguments[1], command, &error))
    code = lus_tool_fail("fit", g_steal_pointer(&error));
  lus_tool_fit_network_clear(&options.network);
  g_free(options.task);
  g_free(options.output);
  return code;
}
