/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment-clip.h"
#include "summary.h"

#include <glib/gstdio.h>
#include <stdio.h>

static const char description[] =
  "Segments every frame of video files, several at once. " LUS_TOOL_INPUTS
  "Each clip gets the folder DIR/<stem> with frames.jsonl: per frame and class the area of the mask and the\n"
  "mean confidence, as parts of the sector. FORM of masks: png (a grey picture per frame, 0 none, else class\n"
  "number + 1), rle (COCO run lengths in frames.jsonl), ffv1 (the same pictures, lossless, in masks.mkv).\n"
  "Of confidences: png (a grey picture per frame and class, 255 = 100 %) or ffv1; both write\n"
  "confidences.mkv, from which lus mask makes masks at other thresholds. docs/results.md has all of it.\n\n"
  "Example: lus segment clips/ -o results --overlay --resume\n\n" LUS_NOTICE;

typedef struct {
  char *output, *model, *precision, *masks, *confidences, *summary, *database, *shard;
  double percent;        /* < 0: the model's threshold */
  double hysteresis;     /* percent */
  gboolean resume, keep_going;
  int threads;
  LusSegmentOptions clip;
} Options;

typedef struct {
  const Options *options;
  LusModel *model;
  LusPrecision precision;
  GPtrArray *inputs;
  LusToolRow *rows;      /* [inputs->len] */
} Run;

static void clear(Options *o)
{
  char *all[] = {o->output, o->model, o->precision, o->masks, o->confidences, o->summary, o->database, o->shard};
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    g_free(all[i]);
}

static int check(Options *o)
{
  int masks = o->masks ? lus_tool_planes_form(o->masks) : LUS_PLANES_NONE;
  int confidences = o->confidences ? lus_tool_planes_form(o->confidences) : LUS_PLANES_NONE;
  if (!o->output)
    return lus_tool_usage("segment", "--output is needed");
  if (o->percent != -1 && !lus_tool_is_percent(o->percent))
    return lus_tool_usage("segment", "--threshold must be 0 to 100 percent: 60, not 0.6");
  if (!lus_tool_is_percent(o->hysteresis))
    return lus_tool_usage("segment", "--hysteresis must be 0 to 100 percent: 20, not 0.2");
  if (!(o->clip.temporal_alpha >= 0.01 && o->clip.temporal_alpha <= 1))
    return lus_tool_usage("segment", "--temporal-alpha must be 0.01 to 1");
  if (o->clip.min_area < 0)
    return lus_tool_usage("segment", "--min-area must be 0 or more");
  if (o->threads < 0)
    return lus_tool_usage("segment", "--threads must be 0 or more");
  if (masks < 0)
    return lus_tool_usage("segment", "--masks is one of png, rle, ffv1");
  if (confidences < 0 || confidences == LUS_PLANES_RLE)
    return lus_tool_usage("segment", "--confidences is png or ffv1");
  o->clip.hysteresis = o->hysteresis / 100;
  o->clip.masks = (LusPlanesForm)masks;
  o->clip.confidences = (LusPlanesForm)confidences;
  return LUS_EXIT_DONE;
}

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.percent = -1, .clip = {.temporal_alpha = 1}};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Folder for the results", "DIR"},
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model, "Model file (default: the bundled one)", "MODEL"},
    {"threshold", 't', 0, G_OPTION_ARG_DOUBLE, &o->percent,
     "Confidence at which a mask begins, 0..100 (default: the model's)", "PERCENT"},
    {"hysteresis", 0, 0, G_OPTION_ARG_DOUBLE, &o->hysteresis,
     "Pixels this far below the threshold join others that reach it, 0..100 (default: 0)", "PERCENT"},
    {"min-area", 0, 0, G_OPTION_ARG_INT, &o->clip.min_area,
     "Drop parts of masks smaller than this, in pixels of the model's output (default: 0)", "PIXELS"},
    {"temporal-alpha", 0, 0, G_OPTION_ARG_DOUBLE, &o->clip.temporal_alpha,
     "Share of a frame in the running mean that masks are cut from, 0.01..1 (default: 1, no smoothing)", "SHARE"},
    {"overlay", 0, 0, G_OPTION_ARG_NONE, &o->clip.overlay, "Write overlay.mkv", NULL},
    {"masks", 0, 0, G_OPTION_ARG_STRING, &o->masks, "Write masks: png (if FORM is left out), rle or ffv1", "FORM"},
    {"confidences", 0, 0, G_OPTION_ARG_STRING, &o->confidences,
     "Write confidences: png (if FORM is left out) or ffv1", "FORM"},
    {"dicom-seg", 0, 0, G_OPTION_ARG_NONE, &o->clip.dicom_seg,
     "Write segmentation.dcm: the confidences of a DICOM clip as a DICOM Segmentation", NULL},
    {"keep-frame", 0, 0, G_OPTION_ARG_NONE, &o->clip.keep_frame,
     "Let the overlay show whole frames, with the names that may stand outside the sector", NULL},
    {"precision", 0, 0, G_OPTION_ARG_STRING, &o->precision,
     "auto, fp32 or int8 (default auto: int8 for a quantised model, else fp32)", "NAME"},
    {"resume", 0, 0, G_OPTION_ARG_NONE, &o->resume, "Skip clips whose results are complete", NULL},
    {"keep-going", 0, 0, G_OPTION_ARG_NONE, &o->keep_going, "Do the other clips after one failed; list those that did",
     NULL},
    {"shard", 0, 0, G_OPTION_ARG_STRING, &o->shard, "Do only the Kth of N parts of the clips; K from 1 on", "K/N"},
    {"summary", 0, 0, G_OPTION_ARG_FILENAME, &o->summary,
     "Table of the clips, CSV (default: DIR/summary.csv, of a part DIR/summary-K-of-N.csv)", "FILE"},
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &o->database, "Put the table into this SQLite database too", "FILE"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "Threads; the result does not depend on them (default: all)", "N"},
    G_OPTION_ENTRY_NULL};
  argc = lus_tool_planes_arguments(argc, argv, "--masks");
  argc = lus_tool_planes_arguments(argc, argv, "--confidences");
  int code = lus_tool_parse(argc, argv, entries, "INPUT...", description, 1, -1, arguments);
  return code == LUS_EXIT_DONE ? check(o) : code;
}

static gpointer open_segmenter(gpointer data, int threads, GError **error)
{
  const Run *run = data;
  const LusSegmenterConfig config = {.threads = threads, .precision = run->precision};
  return lus_segmenter_new(run->model, &config, error);
}

static void close_segmenter(gpointer segmenter)
{
  lus_segmenter_free(segmenter);
}

static gboolean segment_clip(gpointer data, gpointer segmenter, guint index, LusToolWorker *worker, GError **error)
{
  Run *run = data;
  const Options *o = run->options;
  const LusToolInput *input = run->inputs->pdata[index];
  LusToolRow *row = &run->rows[index];
  g_autofree char *folder = g_build_filename(o->output, input->name, NULL);
  g_autofree char *sha256 = lus_tool_clip_hash(input->path, error);
  if (!sha256)
    return FALSE;
  if (o->resume && lus_tool_segment_done(input, sha256, folder, run->model, segmenter, &o->clip) &&
      lus_tool_row_read(row, input->name, input->path, folder, NULL)) {
    lus_tool_worker_skip(worker);
    return TRUE;
  }
  if (lus_tool_segment_clip(input, sha256, folder, run->model, segmenter, &o->clip, worker, error))
    return lus_tool_row_read(row, input->name, input->path, folder, error);
  g_rmdir(folder); /* unless somebody else left something in it */
  return FALSE;
}

static char *summary_path(const Options *o)
{
  if (o->summary || !o->shard)
    return o->summary ? g_strdup(o->summary) : g_build_filename(o->output, "summary.csv", NULL);
  g_auto(GStrv) parts = g_strsplit(o->shard, "/", 2);
  g_autofree char *name = g_strdup_printf("summary-%s-of-%s.csv", parts[0], parts[1]);
  return g_build_filename(o->output, name, NULL);
}

/** Of all clips that were begun, also after Ctrl-C. */
static gboolean write_summary(const Run *run, char *const *errors, GError **error)
{
  const LusModelInfo *info = lus_model_info(run->model);
  LusResultsHeader header = {.model_sha256 = lus_model_sha256(run->model), .n_classes = info->n_classes,
                             .threshold = run->options->clip.threshold, .hysteresis = run->options->clip.hysteresis,
                             .temporal_alpha = run->options->clip.temporal_alpha,
                             .min_area = run->options->clip.min_area};
  for (int i = 0; i < info->n_classes; i++)
    header.classes[i] = info->classes[i];
  gboolean any = FALSE;
  for (guint i = 0; i < run->inputs->len; i++) {
    const LusToolInput *input = run->inputs->pdata[i];
    if (errors[i])
      lus_tool_row_fail(&run->rows[i], input->name, input->path, errors[i]);
    any = any || (run->rows[i].name && !errors[i]);
  }
  if (!any && !g_file_test(run->options->output, G_FILE_TEST_IS_DIR))
    return TRUE; /* nothing was written at all */
  g_autofree char *path = summary_path(run->options);
  return lus_tool_summary_write(path, run->rows, run->inputs->len, &header, error) &&
         (!run->options->database ||
          lus_tool_summary_store(run->options->database, run->rows, run->inputs->len, error));
}

static void print_totals(const Run *run)
{
  gint64 pictures = 0, inferred = 0;
  for (guint i = 0; i < run->inputs->len; i++) {
    pictures += run->rows[i].frames;
    inferred += run->rows[i].inferred;
  }
  printf("%s: %u clips, %" G_GINT64_FORMAT " pictures, %" G_GINT64_FORMAT " with a sector\n", run->options->output,
         run->inputs->len, pictures, inferred);
}

static int segment_all(Run *run)
{
  guint n = run->inputs->len;
  const LusToolBatch batch = {.command = "segment", .inputs = run->inputs, .resumes = TRUE, .threads = run->options->threads,
                              .keep_going = run->options->keep_going, .open = open_segmenter,
                              .close = close_segmenter, .clip = segment_clip, .data = run};
  g_autofree char **errors = g_new0(char *, (gsize)n + 1);
  run->rows = g_new0(LusToolRow, n);
  int code = lus_tool_batch_run(&batch, errors);
  GError *error = NULL;
  if (!write_summary(run, errors, &error))
    code = lus_tool_fail("segment", error);
  if (code == LUS_EXIT_DONE)
    print_totals(run);
  for (guint i = 0; i < n; i++) {
    g_free(errors[i]);
    lus_tool_row_clear(&run->rows[i]);
  }
  g_free(run->rows);
  return code;
}

/** frame000000.mask.png would be both. */
static gboolean check_names(const Options *o, const LusModel *model, GError **error)
{
  if (o->clip.masks != LUS_PLANES_PNG || o->clip.confidences != LUS_PLANES_PNG ||
      lus_model_info_class(lus_model_info(model), "mask") < 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the pictures of its class 'mask' would be named as those of the masks; "
              "give --masks rle or ffv1", lus_model_path(model));
  return FALSE;
}

/** Told before the work; the folder of results is made later. */
static gboolean can_write(const Options *o, const char *file, GError **error)
{
  g_autofree char *folder = file ? g_path_get_dirname(file) : NULL;
  g_autofree char *there = folder ? g_canonicalize_filename(folder, NULL) : NULL;
  g_autofree char *results = g_canonicalize_filename(o->output, NULL);
  if (!file || (g_str_equal(there, results) && !g_file_test(results, G_FILE_TEST_EXISTS)))
    return TRUE;
  return lus_tool_can_write(file, error);
}

static int run_segment(Options *o, char **arguments)
{
  GError *error = NULL;
  if (!can_write(o, o->summary, &error) || !can_write(o, o->database, &error))
    return lus_tool_fail("segment", error);
  g_autoptr(GPtrArray) inputs = lus_tool_inputs(arguments, &error);
  if (!inputs || !lus_tool_inputs_shard(inputs, o->shard, &error))
    return lus_tool_fail("segment", error);
  g_autofree char *path = o->model ? g_strdup(o->model) : lus_model_bundled_path("default.onnx");
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  Run run = {.options = o, .model = model, .inputs = inputs};
  if (!model || !check_names(o, model, &error) || (o->precision && !lus_precision_parse(&run.precision, o->precision, &error)))
    return lus_tool_fail("segment", error);
  /* What the model lacks is told once, not for each clip. */
  LusSegmenter *first = open_segmenter(&run, 1, &error);
  if (!first)
    return lus_tool_fail("segment", error);
  lus_segmenter_free(first);
  o->clip.threshold = o->percent < 0 ? (double)lus_model_info(model)->threshold : o->percent / 100;
  return segment_all(&run);
}

int lus_cmd_segment(int argc, char **argv)
{
  Options options;
  g_auto(GStrv) arguments = NULL;
  int code = parse(&options, argc, argv, &arguments);
  if (code == LUS_EXIT_DONE)
    code = run_segment(&options, arguments);
  clear(&options);
  return code;
}
