/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch.h"
#include "clips.h"
#include "measure.h"
#include "samples.h"
#include "training.h"

#include <stdio.h>
#include <string.h>

static const char description[] =
  "Trains a network for each target method, fold of patients and seed, evaluates each on patients\n"
  "it has not seen, and writes DIR/report.html with charts, tables and examples (docs/sweep.md).\n"
  "DATASET is a folder (docs/dataset.md) or phantom:COUNT, where each still is its own patient.\n"
  "Flags of 'lus train' hold for every training. A sweep can be stopped with Ctrl-C and goes on\n"
  "when the command is repeated; with --shard several processes do a part each.";
static const char example[] =
  "lus sweep data --targets threshold:0,threshold:20,threshold:60,soft,weighted --folds 3 -o report";

/** Flags of lus train that a sweep sets itself or has no use for. */
static const char *const without[] = {"output", "target", "held-out", "checkpoint", "log", NULL};

#define MAX_TARGETS 32
#define MAX_FOLDS 100
#define MAX_SEEDS 100
#define MAX_SHARDS 10000
#define USUAL_MIN_FRAMES 10

static const double usual_levels[] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100};

/** All that a sweep consists of. */
typedef struct {
  char *output, *targets_text, *shard_text;
  int folds, seeds;
  gboolean outcomes;
  int min_frames;
  int argc; /* the command line, from which each training is made anew */
  char **argv;
  LusTraining first; /* options as given: size, experts, threads, ... */
  LusTarget targets[MAX_TARGETS];
  LusToolData data;
  const char *data_text;
  LusSamples *samples, *each;
  LusSplit *splits;
  LusToolProgress *progress;
  LusSweepConfig config;
} Sweep;

static void sweep_clear(Sweep *s)
{
  g_free(s->output);
  g_free(s->targets_text);
  g_free(s->shard_text);
  g_free(s->splits);
  lus_training_clear(&s->first);
  lus_tool_data_clear(&s->data);
  lus_samples_free(s->samples);
  lus_samples_free(s->each);
  lus_tool_progress_free(s->progress);
}

static int parse(Sweep *s, LusTraining *training, char ***arguments)
{
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &s->output, "Folder for the report and the jobs", "DIR"},
    {"targets", 0, 0, G_OPTION_ARG_STRING, &s->targets_text,
     "Target methods to compare, see below (default threshold:0,20,50,60,80,100 and soft)", "A,B,..."},
    {"folds", 0, 0, G_OPTION_ARG_INT, &s->folds, "Folds of patients; 1: the data set's own splits (default 3)", "N"},
    {"seeds", 0, 0, G_OPTION_ARG_INT, &s->seeds, "Trainings with different seeds of each (default 1)", "N"},
    {"outcomes", 0, 0, G_OPTION_ARG_NONE, &s->outcomes,
     "Estimate the data set's outcomes from each method's masks as well: features of all clips, heads, figures", NULL},
    {"min-frames", 0, 0, G_OPTION_ARG_INT, &s->min_frames, "With --outcomes: frames a zone must have (default 10)", "N"},
    {"shard", 0, 0, G_OPTION_ARG_STRING, &s->shard_text, "Do only the Ith of N parts of the jobs; I from 1 on", "I/N"},
    G_OPTION_ENTRY_NULL};
  g_autofree char *text = lus_training_help(description, example);
  return lus_train_options_parse(&training->options, "sweep", entries, without, s->argc, s->argv, text, arguments);
}

/** NULL, or what is wrong. */
static char *read_targets(Sweep *s)
{
  const char *usual = "threshold:0,threshold:20,threshold:50,threshold:60,threshold:80,threshold:100,soft";
  g_auto(GStrv) words = g_strsplit(s->targets_text ? s->targets_text : usual, ",", -1);
  LusSweepConfig *c = &s->config;
  for (int i = 0; words[i]; i++) {
    g_autoptr(GError) error = NULL;
    if (i == MAX_TARGETS)
      return g_strdup_printf("--targets: more than %d methods", MAX_TARGETS);
    if (!lus_target_parse(&s->targets[i], words[i], &error))
      return g_strdup_printf("--targets: %s", error->message);
    g_autofree char *name = lus_target_to_string(&s->targets[i]);
    for (int j = 0; j < i; j++) {
      g_autofree char *other = lus_target_to_string(&s->targets[j]);
      if (g_str_equal(name, other))
        return g_strdup_printf("--targets: %s is there twice", name);
    }
    c->n_targets = i + 1;
  }
  c->targets = s->targets;
  return c->n_targets > 0 ? NULL : g_strdup("--targets: name at least one method");
}

static gboolean read_shard(Sweep *s)
{
  LusSweepConfig *c = &s->config;
  char rest = 0;
  c->shards = 1;
  if (!s->shard_text)
    return TRUE;
  if (sscanf(s->shard_text, "%5d/%5d%c", &c->shard, &c->shards, &rest) != 2 || c->shards < 1 ||
      c->shards > MAX_SHARDS || c->shard < 1 || c->shard > c->shards)
    return FALSE;
  c->shard--;
  return TRUE;
}

static int configure(Sweep *s)
{
  if (!s->output)
    return lus_tool_usage("sweep", "no output; say where to write the report with -o DIR");
  if (s->folds < 1 || s->folds > MAX_FOLDS || s->seeds < 1 || s->seeds > MAX_SEEDS)
    return lus_tool_usage("sweep", "--folds and --seeds are 1 to 100");
  if (s->min_frames < 1)
    return lus_tool_usage("sweep", "--min-frames must be 1 or more");
  if (s->min_frames != USUAL_MIN_FRAMES && !s->outcomes)
    return lus_tool_usage("sweep", "--min-frames is for --outcomes");
  if (!read_shard(s))
    return lus_tool_usage("sweep", "--shard: write I/N, for example 2/8");
  g_autofree char *wrong = read_targets(s);
  return wrong ? lus_tool_usage("sweep", wrong) : lus_training_configure(&s->first);
}

/** What all trainings have in common, a line per option; the initial weights by their file's content. */
static char *settings_text(const LusTraining *t)
{
  static const char *const apart[] = {"target", "seed", "init", "average", "licence", "probes", NULL};
  json_t *record = lus_train_options_record(&t->options), *group, *value;
  const char *group_name, *key;
  GString *lines = g_string_new(NULL);
  json_object_foreach(record, group_name, group) {
    json_object_foreach(group, key, value) {
      if (!g_strv_contains(apart, key) && !g_strv_contains(without, key))
        g_string_append_printf(lines, "%s %s\n", key, json_string_value(value));
    }
  }
  json_decref(record);
  g_string_append_printf(lines, "initial weights %s\n", t->initial ? lus_model_sha256(t->initial) : "random");
  if (t->average)
    g_string_append_printf(lines, "averaged with %s\n", lus_model_sha256(t->average));
  return g_string_free(lines, FALSE);
}

/* --- data --- */

static gboolean needs_each(const Sweep *s)
{
  for (int i = 0; i < s->config.n_targets; i++)
    if (s->targets[i].method == LUS_TARGET_EXPERT)
      return TRUE;
  return FALSE;
}

static gboolean check_data(const Sweep *s, GError **error)
{
  const char *wrong = NULL;
  if (!s->data.dataset && (needs_each(s) || s->first.options.experts))
    wrong = "phantom stills have no annotators; use a data set";
  else if (!s->data.dataset && s->folds < 2)
    wrong = "phantom stills have no splits; use --folds 2 or more";
  else if (!s->data.dataset && s->outcomes)
    wrong = "phantom stills have no outcomes; use a data set";
  if (wrong)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s", s->data_text, wrong);
  g_autofree char *outcomes = g_build_filename(s->data_text, "outcomes.csv", NULL);
  return !wrong && (!s->outcomes || lus_outcomes_check(outcomes, error)); /* before the work rather than after it */
}

/** The split of each patient, by number of the group. */
static void find_splits(Sweep *s)
{
  const LusDataset *d = s->data.dataset;
  s->splits = g_new0(LusSplit, g_strv_length(s->samples->patients) + 1);
  for (int i = 0; s->samples->patients[i]; i++)
    for (int j = 0; j < d->n_clips; j++)
      if (g_str_equal(d->clips[j].patient, s->samples->patients[i]))
        s->splits[i] = d->clips[j].split;
  s->config.splits = s->splits;
}

static gboolean load(Sweep *s, GError **error)
{
  const LusTraining *t = &s->first;
  LusDataset *dataset = s->data.dataset;
  /* Phantoms: the stills that trainings have; the folds keep some of them from each. */
  LusSplit split = dataset ? LUS_SPLIT_N : LUS_SPLIT_TRAIN;
  if (!check_data(s, error) || (dataset && !lus_tool_select_experts(dataset, t->options.experts, error)))
    return FALSE;
  s->samples = lus_tool_data_samples(&s->data, split, 0, t->config.seed, t->info.width, t->info.height,
                                     t->config.threads, s->progress, error);
  if (!s->samples)
    return FALSE;
  if (s->folds == 1)
    find_splits(s);
  if (!needs_each(s))
    return TRUE;
  dataset->each_annotator = TRUE;
  s->each = lus_tool_data_samples(&s->data, split, 0, t->config.seed, t->info.width, t->info.height,
                                  t->config.threads, s->progress, error);
  return s->each != NULL;
}

/* --- a training --- */

/** Lets the bar begin anew for each job. */
static void note(gpointer progress_data, const char *line)
{
  lus_tool_progress_end(progress_data);
  printf("%s\n", line);
  fflush(stdout);
}

static gboolean train(gpointer user_data, const LusTarget *target, guint64 seed, const LusSamples *training,
                      const LusSamples *held_out, const char *model, const char *checkpoint, GError **error)
{
  Sweep *s = user_data;
  LusTraining t;
  LusClassMetrics metrics[LUS_MAX_CLASSES];
  Sweep again = {.argc = s->argc, .argv = s->argv}; /* takes the sweep's own flags, which are known already */
  g_auto(GStrv) arguments = NULL;
  lus_training_init(&t);
  gboolean ok = parse(&again, &t, &arguments) == LUS_EXIT_DONE;
  if (ok) {
    g_autofree char *text = lus_target_to_string(target), *number = g_strdup_printf("%" G_GUINT64_FORMAT, seed);
    lus_train_options_set(&t.options, "target", text);
    lus_train_options_set(&t.options, "output", model);
    lus_train_options_set(&t.options, "checkpoint", checkpoint);
    lus_train_options_set(&t.options, "seed", number);
    t.options.seed = (gint64)seed;
    ok = lus_training_configure(&t) == LUS_EXIT_DONE;
  }
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "the training's options do not hold for this target");
  t.command = lus_tool_command_text(s->argc, s->argv);
  t.data_text = s->data_text;
  t.config.progress = lus_tool_progress;
  t.config.progress_data = s->progress;
  t.samples = training;
  t.held_out = held_out;
  ok = ok && lus_training_load_initial(&t, error);
  if (ok)
    lus_training_describe(&t, s->data.dataset);
  ok = ok && lus_training_run(&t, metrics, error);
  lus_training_clear(&t);
  g_free(again.output);
  g_free(again.targets_text);
  g_free(again.shard_text);
  return ok;
}

static gboolean is_among(const char *const *patients, const char *patient)
{
  for (int i = 0; patients[i]; i++)
    if (g_str_equal(patients[i], patient))
      return TRUE;
  return FALSE;
}

static gboolean measure(gpointer user_data, const char *model, const char *const *patients, const char *table,
                        GError **error)
{
  Sweep *s = user_data;
  char *inputs[] = {(char *)s->data_text, NULL};
  g_autoptr(GPtrArray) clips = lus_tool_clips(inputs, error);
  g_autoptr(LusExam) one = lus_exam_new("clip", error);
  g_autoptr(GString) rows = g_string_new(NULL);
  LusToolMeasure measure = {0};
  gboolean done = clips && lus_tool_measure_open(&measure, model, -1, s->first.config.threads, error);
  if (done)
    lus_features_csv_begin(rows, lus_model_sha256(measure.model), measure.threshold);
  for (guint i = 0; done && i < clips->len; i++) {
    const LusToolClip *clip = g_ptr_array_index(clips, i);
    LusZone measured;
    if (!is_among(patients, clip->told.patient))
      continue;
    lus_exam_reset(one);
    done = lus_tool_measure_clip(&measure, one, 0, clip, clip->name, error);
    lus_exam_get_zone(one, 0, &measured);
    lus_features_csv_add(rows, clip->name, &clip->told, &measured, clip->mm_per_pixel, "");
  }
  lus_tool_measure_clear(&measure);
  return done && lus_file_write(table, rows->str, rows->len, error);
}

/** A line per clip of the data set: whose it is, and what it holds. */
static char *clips_text(const Sweep *s, GError **error)
{
  char *inputs[] = {(char *)s->data_text, NULL};
  g_autoptr(GPtrArray) clips = lus_tool_clips(inputs, error);
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; clips && i < clips->len; i++) {
    const LusToolClip *clip = g_ptr_array_index(clips, i);
    g_autofree char *sha256 = lus_tool_clip_hash(clip->path, error);
    if (!sha256)
      return NULL;
    g_string_append_printf(text, "%s %s %d %s %g %s\n", clip->name, clip->told.patient, clip->told.day, clip->told.zone,
                           clip->mm_per_pixel, sha256);
  }
  return clips ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static gboolean sweep(Sweep *s, GError **error)
{
  LusSweepConfig *c = &s->config;
  if (!lus_tool_data_open(&s->data, s->data_text, error) || !lus_training_load_initial(&s->first, error) ||
      !load(s, error))
    return FALSE;
  lus_training_warn(&s->first);
  g_autofree char *settings = settings_text(&s->first), *command = lus_tool_command_text(s->argc, s->argv);
  g_autofree char *base = g_path_get_basename(s->data_text), *data_name = g_filename_display_name(base);
  int missing = 0;
  c->path = s->output;
  c->command = command;
  c->data_name = data_name;
  c->settings = settings;
  c->folds = s->folds;
  c->seeds = s->seeds;
  c->seed = s->first.config.seed;
  c->samples = s->samples;
  c->each = s->each;
  c->levels = usual_levels;
  c->n_levels = G_N_ELEMENTS(usual_levels);
  c->threads = s->first.config.threads;
  c->train = train;
  c->user_data = s;
  g_autofree char *outcomes = s->outcomes ? g_build_filename(s->data_text, "outcomes.csv", NULL) : NULL;
  g_autofree char *clips = s->outcomes ? clips_text(s, error) : NULL;
  if (s->outcomes && !clips)
    return FALSE;
  c->measure = s->outcomes ? measure : NULL;
  c->clips = clips;
  c->outcomes = outcomes;
  c->min_frames = s->min_frames;
  c->note = note;
  c->progress = lus_tool_progress;
  c->progress_data = s->progress;
  if (!lus_sweep_run(c, &missing, error))
    return FALSE;
  if (missing > 0) {
    printf("%d of %d jobs are missing; when they are done, the command without --shard writes the report\n", missing,
           c->n_targets * c->folds * c->seeds);
    return TRUE;
  }
  if (!lus_sweep_report(c, error))
    return FALSE;
  printf("%s/report.html: %d methods, %d patients\n", s->output, c->n_targets,
         s->samples->patients ? (int)g_strv_length(s->samples->patients) : s->samples->n);
  return TRUE;
}

int lus_cmd_sweep(int argc, char **argv)
{
  Sweep s = {.argc = argc, .argv = argv, .folds = 3, .seeds = 1, .min_frames = USUAL_MIN_FRAMES};
  g_auto(GStrv) arguments = NULL;
  lus_training_init(&s.first);
  int code = parse(&s, &s.first, &arguments);
  if (code == LUS_EXIT_DONE)
    code = configure(&s);
  if (code == LUS_EXIT_DONE) {
    GError *error = NULL;
    s.data_text = arguments[0];
    s.progress = lus_tool_progress_new();
    if (!sweep(&s, &error)) {
      lus_tool_progress_end(s.progress);
      if (g_error_matches(error, LUS_ERROR, LUS_ERROR_CANCELLED))
        g_prefix_error(&error, "repeat the command to go on: ");
      code = lus_tool_fail("sweep", error);
    }
  }
  sweep_clear(&s);
  return code;
}
