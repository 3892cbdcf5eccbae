/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fit-network.h"
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char description[] =
  "FEATURES is what 'lus features' wrote. OUTCOMES has the columns patient, day, spo2_percent and fio2\n"
  "or o2_l_min, and readmitted_30d, one row per patient and day. With --test nothing is fitted: the\n"
  "figures are those of the heads given, on patients that they were not fitted on. docs/estimate.md\n"
  "explains the method and the figures.\n\n"
  "Example: lus fit --task all features.csv data/outcomes.csv -o heads.json --report report";

typedef struct {
  char *task, *output, *report, *test;
  int min_frames;
  gboolean explain;
  LusToolFitNetwork network;
} Options;

static void print_interval(const char *what, const LusInterval *i, const char *behind)
{
  if (isfinite(i->low))
    printf("%s %.3g (%.3g to %.3g)%s", what, i->value, i->low, i->high, behind);
  else
    printf("%s %.3g%s", what, i->value, behind);
}

static void print_missing(const LusOutcomeReport *r)
{
  for (int i = 0; i < r->n_missing; i++) {
    const LusOutcomeMissing *m = &r->missing[i];
    if (m->n > 0 && isfinite(m->error))
      printf("  %d zones: %s %.3g", m->zones, r->task == LUS_TASK_SF ? "error" : r->task == LUS_TASK_CHANGE
             ? "1 - macro F1" : "1 - AUROC", m->error);
    if (m->n > 0 && isfinite(m->coverage))
      printf(", coverage %.0f %%", 100 * m->coverage);
    if (m->n > 0)
      printf("\n");
  }
}

/** FALSE: no better than what needs no picture. */
static gboolean print_task(const LusOutcomeReport *r)
{
  printf("%s: %d cases of %d patients, %d inputs\n", lus_task_name(r->task), r->n, r->groups, r->inputs);
  if (r->task == LUS_TASK_SF) {
    print_interval("  mean absolute error", &r->error, "");
    printf("; always saying the median %.3g, severity %.3g\n", r->median_error.value, r->severity_error.value);
    print_interval("  error over the median's", &r->ratio, "\n");
    print_interval("  90 % intervals cover", &r->coverage, "");
    printf(", half width %.3g\n", r->half_width.value);
  } else if (r->task == LUS_TASK_CHANGE) {
    print_interval("  macro F1", &r->f1, "");
    printf("; most frequent class %.3g, severity %.3g\n", r->majority_f1.value, r->severity_f1.value);
    print_interval("  accuracy", &r->accuracy, "\n");
  } else {
    print_interval("  AUROC", &r->auroc, "");
    printf("; severity %.3g\n", r->severity_auroc.value);
    if (isfinite(r->known_auroc.value)) {
      print_interval("  AUROC of the simulator's own risk", &r->known_auroc, "");
      print_interval("; minus this", &r->known_minus, "\n");
    }
    print_interval("  Brier score", &r->brier, "");
    printf("; base rate %.3g; calibration slope %.2f\n", r->constant_brier.value, r->calibration_slope);
  }
  printf("  permutation test p = %.2g\n", r->p_value);
  print_missing(r);
  return r->task == LUS_TASK_SF ? r->ratio.value < 1 : r->task == LUS_TASK_CHANGE ? r->f1.value > r->majority_f1.value
                                                                                  : r->auroc.value > 0.5;
}

static gboolean tell(const Options *options, LusOutcomeReport *const reports[LUS_TASK_N], const LusOutcomeTable *table,
                     GError **error)
{
  for (int t = 0; t < LUS_TASK_N; t++)
    if (reports[t] && !print_task(reports[t]))
      printf("  warning: no better than what needs no picture; don't use this head\n");
  if (table->above_97 > 0)
    printf("note: SpO2 is above 97 %% in %d exams, where S/F no longer follows P/F\n", table->above_97);
  if (options->report && !lus_outcome_report_write(reports, options->report, "Outcomes from lung ultrasound", error))
    return FALSE;
  if (options->report)
    printf("%s/outcomes.html\n", options->report);
  return TRUE;
}

/** Patients written differently in the two tables would be left out in silence. */
static void tell_alone(const LusOutcomeTable *t, const char *features, const char *outcomes)
{
  if (t->n_alone > 0)
    fprintf(stderr, "lus fit: %d of %d exams in %s have no row in %s and are left out; patient and day must be written alike\n",
            t->n_alone, t->n, features, outcomes);
  if (t->n_outcomes_alone > 0)
    fprintf(stderr, "lus fit: %d of %d rows in %s have no features in %s and are left out\n", t->n_outcomes_alone,
            t->n_outcomes, outcomes, features);
}

static gboolean explain(const char *path, GError **error)
{
  g_autoptr(LusHeads) heads = lus_heads_load(path, error);
  if (!heads)
    return FALSE;
  g_autofree char *text = lus_heads_describe(heads);
  printf("%s", text);
  return TRUE;
}

static gboolean fit(const Options *options, const LusOutcomeTable *table, guint tasks, const LusFitConfig *config,
                    LusOutcomeReport *reports[LUS_TASK_N], GError **error)
{
  g_autofree char *text = lus_heads_fit(table, tasks, config, reports, error);
  return text && lus_file_write(options->output, text, strlen(text), error);
}

static gboolean test(const Options *options, const LusOutcomeTable *table, guint tasks, const LusFitConfig *config,
                     LusOutcomeReport *reports[LUS_TASK_N], GError **error)
{
  g_autoptr(LusHeads) heads = lus_heads_load(options->test, error);
  if (!heads)
    return FALSE;
  for (int t = 0; t < LUS_TASK_N; t++)
    if ((tasks >> t & 1) && !(reports[t] = lus_heads_test(heads, table, (LusTask)t, config, error)))
      return FALSE;
  return TRUE;
}

static gboolean run(const Options *options, const char *features, const char *outcomes, guint tasks, const char *command,
                    GError **error)
{
  LusOutcomeReport *reports[LUS_TASK_N] = {NULL};
  if (options->output && (!lus_tool_can_write(options->output, error) || !lus_tool_keeps(features, options->output, error) ||
                          !lus_tool_keeps(outcomes, options->output, error)))
    return FALSE;
  g_autoptr(LusOutcomeTable) table = lus_outcome_table_load(features, outcomes, options->min_frames, error);
  if (!table)
    return FALSE;
  tell_alone(table, features, outcomes);
  LusToolProgress *progress = lus_tool_progress_new();
  const LusFitConfig config = {command, (guint64)options->network.seed, lus_tool_progress, progress};
  gboolean done = options->test ? test(options, table, tasks, &config, reports, error)
                                : fit(options, table, tasks, &config, reports, error);
  lus_tool_progress_free(progress);
  if (!done)
    g_prefix_error(error, "%s with %s: ", features, outcomes);
  done = done && tell(options, reports, table, error) && (!options->explain || explain(options->test ? options->test
                                                                                       : options->output, error));
  for (int t = 0; t < LUS_TASK_N; t++)
    lus_outcome_report_free(reports[t]);
  if (done && !options->test)
    printf("%s\n", options->output);
  return done;
}

/** Bits of the tasks named, 0 if one is unknown. */
static guint read_tasks(const char *text)
{
  guint tasks = 0;
  g_auto(GStrv) names = g_strsplit(text ? text : "sf", ",", -1);
  if (text && g_str_equal(text, "all"))
    return (1u << LUS_TASK_N) - 1;
  for (int i = 0; names[i]; i++) {
    int task = lus_task_from_name(names[i]);
    if (task < 0)
      return 0;
    tasks |= 1u << task;
  }
  return tasks;
}

int lus_cmd_fit(int argc, char **argv)
{
  Options options = {.min_frames = 10};
  lus_tool_fit_network_init(&options.network);
  const GOptionEntry entries[] = {
    {"task", 0, 0, G_OPTION_ARG_STRING, &options.task,
     "What to estimate: sf (default), change, readmission, several with commas, or all", "TASK"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "Heads file to write (JSON)", "HEADS"},
    {"min-frames", 0, 0, G_OPTION_ARG_INT, &options.min_frames, "Frames a zone must have (default 10)", "N"},
    {"report", 0, 0, G_OPTION_ARG_FILENAME, &options.report, "Folder for a report (HTML, CSV, charts)", "DIR"},
    {"test", 0, 0, G_OPTION_ARG_FILENAME, &options.test, "Fit nothing: the figures of these heads", "HEADS"},
    {"explain", 0, 0, G_OPTION_ARG_NONE, &options.explain, "Print inputs, weights and intervals of the heads", NULL},
    LUS_TOOL_FIT_NETWORK_ENTRIES(&options.network),
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) arguments = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *command = g_strjoinv(" ", argv);
  const char *wrong = NULL;
  int code = lus_tool_parse(argc, argv, entries, "FEATURES OUTCOMES", description, 2, 2, &arguments);
  guint tasks = code == LUS_EXIT_DONE ? read_tasks(options.task) : 0;
  if (code == LUS_EXIT_DONE && !tasks)
    code = lus_tool_usage("fit", "--task knows sf, change, readmission and all");
  else if (code == LUS_EXIT_DONE && !options.output == !options.test)
    code = lus_tool_usage("fit", "say where to write with -o HEADS, or which heads to test with --test HEADS");
  else if (code == LUS_EXIT_DONE && (options.min_frames < 1 || options.network.seed < 0))
    code = lus_tool_usage("fit", "--min-frames must be 1 or more, --seed 0 or more");
  else if (code == LUS_EXIT_DONE && (wrong = lus_tool_fit_network_wrong(&options.network)))
    code = lus_tool_usage("fit", wrong);
  else if (code == LUS_EXIT_DONE && options.network.planes && (!options.output || (tasks & (tasks - 1))))
    code = lus_tool_usage("fit", "--network fits one task, into -o HEADS");
  else if (code == LUS_EXIT_DONE && options.network.planes && (options.report || options.explain))
    code = lus_tool_usage("fit", "--report and --explain are for fits without --network");
  else if (code == LUS_EXIT_DONE && !options.network.planes && lus_tool_fit_network_unused(&options.network)) {
    g_autofree char *text = g_strdup_printf("%s is for --network", lus_tool_fit_network_unused(&options.network));
    code = lus_tool_usage("fit", text);
  }
  else if (code == LUS_EXIT_DONE && options.network.planes) {
    if (!lus_tool_fit_network(&options.network, (LusTask)g_bit_nth_lsf(tasks, -1), arguments[0], arguments[1],
                              options.output, options.min_frames, command, &error))
      code = lus_tool_fail("fit", g_steal_pointer(&error));
  } else if (code == LUS_EXIT_DONE && !run(&options, arguments[0], arguments[1], tasks, command, &error))
    code = lus_tool_fail("fit", g_steal_pointer(&error));
  lus_tool_fit_network_clear(&options.network);
  char *texts[] = {options.task, options.output, options.report, options.test};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  return code;
}
