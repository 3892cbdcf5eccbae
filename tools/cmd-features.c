/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "features-table.h"
#include "measure.h"

#include <stdio.h>

static const char description[] =
  "Measures the clips' lung features into a table, several clips at once. " LUS_TOOL_INPUTS
  "Patient, day and zone come from the manifest, from a data set (a folder with dataset.json), or from names like\n"
  "p003_d1_R2.mkv; what is not known stays empty. docs/features.md tells what each column means. --planes\n"
  "keeps what a video network learns from (docs/video.md).\n\n"
  "Example: lus features data -o features.csv\n\n" LUS_NOTICE;

typedef struct {
  char *output, *model, *database, *shard, *planes;
  double threshold; /* percent, negative: the model's */
  gboolean resume, keep_going;
  int threads;
} Options;

typedef struct {
  const Options *options;
  LusModel *model;
  GPtrArray *clips;
  LusToolFeatures *features;
  LusZone *measured; /* [clips->len] */
  char **sha256;     /* [clips->len], NULL: not measured */
  gboolean same_planes; /* those that are there already are the model's */
} Run;

/** What a worker has for itself. */
typedef struct {
  LusToolMeasure measure;
  LusExam *one;
} Worker;

static void close_worker(gpointer data)
{
  Worker *worker = data;
  lus_clip_planes_free(worker->measure.planes);
  lus_tool_measure_clear(&worker->measure);
  lus_exam_free(worker->one);
  g_free(worker);
}

static gpointer open_worker(gpointer data, int threads, GError **error)
{
  const Run *run = data;
  Worker *worker = g_new0(Worker, 1);
  worker->one = lus_exam_new("clip", error);
  if (worker->one &&
      lus_tool_measure_share(&worker->measure, run->model, run->options->threshold / 100, threads, error)) {
    worker->measure.planes = run->options->planes ? lus_clip_planes_new(TRUE) : NULL;
    return worker;
  }
  close_worker(worker);
  return NULL;
}

/** The clip's planes as FOLDER/CLIP.png; a clip's name may have folders. NULL: none are kept. */
static char *planes_path(const Run *run, const LusToolClip *clip)
{
  g_autofree char *name = g_strconcat(clip->name, ".png", NULL);
  return run->options->planes ? g_build_filename(run->options->planes, name, NULL) : NULL;
}

/** Nothing where no frame showed a sector. */
static gboolean write_planes(const LusToolMeasure *measure, const char *path, GError **error)
{
  int classes;
  g_autofree guint8 *planes = path ? lus_clip_planes_take(measure->planes, &classes) : NULL;
  g_autofree char *folder = path ? g_path_get_dirname(path) : NULL;
  if (!planes)
    return TRUE;
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot create the folder", folder);
    return FALSE;
  }
  return lus_video_planes_write(path, planes, classes, error);
}

static gboolean measure_clip(gpointer data, gpointer opened, guint index, LusToolWorker *batch_worker, GError **error)
{
  Run *run = data;
  Worker *worker = opened;
  const LusToolClip *clip = run->clips->pdata[index];
  LusZone *measured = &run->measured[index];
  g_autofree char *sha256 = lus_tool_clip_hash(clip->path, error);
  if (!sha256)
    return FALSE;
  g_autofree char *planes = planes_path(run, clip);
  gboolean kept = !planes || (run->same_planes && g_file_test(planes, G_FILE_TEST_EXISTS));
  if (kept && lus_tool_features_known(run->features, clip, sha256, measured)) {
    lus_tool_worker_skip(batch_worker);
    run->sha256[index] = g_steal_pointer(&sha256);
    return TRUE;
  }
  worker->measure.worker = batch_worker;
  lus_exam_reset(worker->one);
  if (!lus_tool_measure_clip(&worker->measure, worker->one, 0, clip, clip->name, error) ||
      !write_planes(&worker->measure, planes, error))
    return FALSE;
  lus_exam_get_zone(worker->one, 0, measured);
  if (measured->frames == 0)
    fprintf(stderr, "lus features: %s: no ultrasound sector in any frame\n", clip->path);
  if (!lus_tool_features_keep(run->features, clip, measured, sha256, error))
    return FALSE;
  run->sha256[index] = g_steal_pointer(&sha256);
  return TRUE;
}

/** After a failure the table is written only with --keep-going: without some clips, which are told. */
static int write_table(Run *run, char *const *errors, int code)
{
  const Options *o = run->options;
  GError *error = NULL;
  guint n = 0;
  for (guint i = 0; i < run->clips->len; i++)
    n += run->sha256[i] != NULL;
  if (lus_tool_interrupted() || (code != LUS_EXIT_DONE && !o->keep_going))
    return code;
  if (!lus_tool_features_write(run->features, run->clips, run->measured, run->sha256, &error) ||
      (o->database && !lus_tool_features_store(run->features, o->database, run->clips, run->measured, run->sha256, errors,
                                               &error)))
    return lus_tool_fail("features", error);
  printf("%s: %u clips\n", o->output, n);
  return code;
}

static int run_batch(Run *run)
{
  guint n = run->clips->len;
  const LusToolBatch batch = {.command = "features", .inputs = run->clips, .resumes = TRUE, .threads = run->options->threads,
                              .keep_going = run->options->keep_going, .open = open_worker, .close = close_worker,
                              .clip = measure_clip, .data = run};
  g_autofree char **errors = g_new0(char *, (gsize)n + 1);
  run->measured = g_new0(LusZone, n);
  run->sha256 = g_new0(char *, (gsize)n + 1);
  int code = write_table(run, errors, lus_tool_batch_run(&batch, errors));
  for (guint i = 0; i < n; i++) {
    g_free(errors[i]);
    g_free(run->sha256[i]);
  }
  g_free(run->sha256);
  g_free(run->measured);
  return code;
}

static int run_features(const Options *o, char *const *arguments)
{
  GError *error = NULL;
  if (!lus_tool_can_write(o->output, &error) || (o->database && !lus_tool_can_write(o->database, &error)))
    return lus_tool_fail("features", error);
  g_autoptr(GPtrArray) clips = lus_tool_clips(arguments, &error);
  if (!clips || !lus_tool_inputs_shard(clips, o->shard, &error))
    return lus_tool_fail("features", error);
  g_autofree char *path = o->model ? g_strdup(o->model) : lus_model_bundled_path("default.onnx");
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  if (!model)
    return lus_tool_fail("features", error);
  Run run = {.options = o, .model = model, .clips = clips};
  if (o->planes && !lus_video_planes_begin(&run.same_planes, o->planes, lus_model_sha256(model), &error))
    return lus_tool_fail("features", error);
  double threshold = o->threshold < 0 ? (double)lus_model_info(model)->threshold : o->threshold / 100;
  g_autoptr(LusToolFeatures) features =
    lus_tool_features_open(o->output, lus_model_sha256(model), threshold, o->resume, &error);
  if (!features)
    return lus_tool_fail("features", error);
  run.features = features;
  return run_batch(&run);
}

int lus_cmd_features(int argc, char **argv)
{
  Options o = {.threshold = -1};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o.output, "Table to write (CSV)", "FILE"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &o.model, "Model to segment with (default: the bundled one)", "MODEL"},
    {"threshold", 0, 0, G_OPTION_ARG_DOUBLE, &o.threshold, "Confidence a mask begins at (default: the model's)",
     "PERCENT"},
    {"resume", 0, 0, G_OPTION_ARG_NONE, &o.resume, "Take over what FILE and FILE.resume say of the same clips", NULL},
    {"keep-going", 0, 0, G_OPTION_ARG_NONE, &o.keep_going, "Do the other clips after one failed; list those that did",
     NULL},
    {"planes", 0, 0, G_OPTION_ARG_FILENAME, &o.planes, "Folder for a small picture of each clip's planes", "DIR"},
    {"shard", 0, 0, G_OPTION_ARG_STRING, &o.shard, "Do only the Kth of N parts of the clips; K from 1 on", "K/N"},
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &o.database, "Put the table into this SQLite database too", "FILE"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o.threads, "Threads, 0 = one per CPU", "N"},
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) inputs = NULL;
  int code = lus_tool_parse(argc, argv, entries, "INPUT...", description, 1, -1, &inputs);
  if (code == LUS_EXIT_DONE && !o.output)
    code = lus_tool_usage("features", "say where to write with -o FILE");
  else if (code == LUS_EXIT_DONE && o.threshold != -1 && !lus_tool_is_percent(o.threshold))
    code = lus_tool_usage("features", "--threshold must be 0 to 100 percent: 60, not 0.6");
  else if (code == LUS_EXIT_DONE && o.threads < 0)
    code = lus_tool_usage("features", "--threads must be 0 or more");
  else if (code == LUS_EXIT_DONE)
    code = run_features(&o, inputs);
  g_free(o.output);
  g_free(o.model);
  g_free(o.database);
  g_free(o.shard);
  g_free(o.planes);
  return code;
}
