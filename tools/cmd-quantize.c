/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip-frames.h"
#include "samples.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SAMPLES 100
#define MAX_SAMPLES 10000
#define DEFAULT_IOU 98.5
#define DEFAULT_SHARE 80

static const char description[] =
  "Makes a model of 8-bit integers (ONNX, QuantizeLinear and DequantizeLinear) from one in floats. The\n"
  "ranges of its activations are those that the pictures of DATA give; labels are not looked at. DATA\n"
  "is a data set's folder (docs/dataset.md), of which the training split is taken, or phantom:COUNT,\n"
  "simulated stills, or video files and folders of them.\n\n"
  "Where a rounding changes the masks too much, it is left out: as few as bring each class's masks\n"
  "to --iou with those in floats, on the same pictures.\n\n"
  "Example: lus quantize model.onnx phantom:100 -o model.int8.onnx\n"
  "         lus quantize model.onnx clips more.mp4 -o model.int8.onnx";

typedef struct {
  char *output;
  int samples, threads, check;
  gint64 seed;
  double iou, share; /* percent */
  gboolean effects;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.samples = DEFAULT_SAMPLES, .seed = 1, .iou = DEFAULT_IOU, .share = DEFAULT_SHARE};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Where to write the quantised model (ONNX)", "MODEL"},
    {"samples", 0, 0, G_OPTION_ARG_INT, &o->samples,
     "Most pictures looked at, evenly spread over those of the data set or of each clip (default 100)", "N"},
    {"iou", 0, 0, G_OPTION_ARG_DOUBLE, &o->iou,
     "Least intersection over union of each class's masks with those in floats; 0: round all (default 98.5)",
     "PERCENT"},
    {"least-int8", 0, 0, G_OPTION_ARG_DOUBLE, &o->share,
     "Part of the multiplications that stays on integers in any case (default 80)", "PERCENT"},
    {"check", 0, 0, G_OPTION_ARG_INT, &o->check,
     "Compare the masks on N pictures of the test split too, which nothing was chosen by", "N"},
    {"effects", 0, 0, G_OPTION_ARG_NONE, &o->effects, "List what each rounding changes, and which are left out", NULL},
    {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "Seed of the phantom (default 1)", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "Threads; the result does not depend on them (default: all)",
     "N"},
    G_OPTION_ENTRY_NULL};
  int code = lus_tool_parse(argc, argv, entries, "MODEL DATA...", description, 2, -1, arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!o->output)
    return lus_tool_usage("quantize", "no output; say where to write the model with -o MODEL");
  if (o->samples < 1 || o->samples > MAX_SAMPLES)
    return lus_tool_usage("quantize", "--samples must be 1 to 10000");
  if (o->check < 0 || o->check > MAX_SAMPLES)
    return lus_tool_usage("quantize", "--check must be 0 to 10000");
  if (!lus_tool_is_percent(o->iou) || !lus_tool_is_percent(o->share))
    return lus_tool_usage("quantize", "--iou and --least-int8 must be 0 to 100 percent: 98.5, not 0.985");
  if (o->threads < 0 || o->seed < 0)
    return lus_tool_usage("quantize", "--threads and --seed must not be negative");
  return LUS_EXIT_DONE;
}

typedef struct {
  LusQuantizer *quantizer;
  const LusModelInfo *info;
  const LusSamples *samples;
  int n; /* of the samples */
  float *input;
  LusParallel *pool;
  LusToolProgress *progress;
} Calibration;

static void get_input(gpointer data, int i, float *input)
{
  const Calibration *c = data;
  const LusModelInfo *info = c->info;
  gsize sample = (gsize)((gint64)i * c->samples->n / c->n);
  lus_preprocess_normalise(input, c->samples->luma + sample * (gsize)info->width * (gsize)info->height, info->width,
                           info->height, info->channels, &info->normalise);
}

static gboolean show_progress(gpointer data, const char *what, gint64 done, gint64 total)
{
  const Calibration *c = data;
  return lus_tool_progress(c->progress, what, done, total);
}

/** Shows all samples to one of the quantiser's two looks at them. */
static gboolean show(Calibration *c, void (*look)(LusQuantizer *, const float *, LusParallel *), const char *what,
                     GError **error)
{
  for (int i = 0; i < c->n; i++) {
    get_input(c, i, c->input);
    look(c->quantizer, c->input, c->pool);
    if (!lus_tool_progress(c->progress, what, i + 1, c->n)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", what);
      return FALSE;
    }
  }
  return TRUE;
}

/** A pixel is in the mask when its confidence, in steps of 1/255, reaches the threshold. */
static LusQuantizerGoal goal_of(const LusModelInfo *info, const Options *o)
{
  double level = CLAMP((ceil(255 * (double)info->threshold) - 0.5) / 255, 1e-3, 1 - 1e-3);
  LusQuantizerGoal goal = {.iou = o->iou / 100, .least_share = o->share / 100};
  goal.level = (float)(info->logits ? log(level / (1 - level)) : level);
  goal.unit = (float)(info->logits ? 1 : level * (1 - level));
  return goal;
}

/** What is reached on the calibration's pictures, and on the test's. */
typedef struct {
  LusQuantizerResult own, test;
  int n, n_test;
} Results;

static gboolean choose(Calibration *c, const Options *o, Results *results, GError **error)
{
  LusQuantizerGoal goal = goal_of(c->info, o);
  LusQuantizerInputs inputs = {.n = c->n, .get = get_input, .progress = show_progress, .data = c};
  results->n = c->n;
  return lus_quantizer_choose(c->quantizer, &goal, &inputs, c->pool, &results->own, error);
}

static gboolean check(const Calibration *from, const LusSamples *test, const Options *o, Results *results,
                      GError **error)
{
  Calibration c = *from;
  LusQuantizerGoal goal = goal_of(c.info, o);
  c.samples = test;
  c.n = results->n_test = MIN(test->n, o->check);
  LusQuantizerInputs inputs = {.n = c.n, .get = get_input, .progress = show_progress, .data = &c};
  return lus_quantizer_compare(c.quantizer, &goal, &inputs, c.pool, &results->test, error);
}

static void print_effects(const LusQuantizer *quantizer)
{
  printf("%-10s %-12s %s\n", "effect", "is", "rounding");
  for (int i = 0; i < lus_quantizer_n_points(quantizer); i++) {
    LusQuantizerPoint point;
    lus_quantizer_get_point(quantizer, i, &point);
    const char *is = !point.left_out ? "done" : point.conv ? "left, floats" : "left out";
    if (isnan(point.effect))
      printf("%-10s %-12s %s\n", "-", is, point.name);
    else
      printf("%-10.2e %-12s %s\n", point.effect, is, point.name);
  }
}

/** @test: NULL, or what to compare on as well. */
static LusGraph *calibrate(const LusModel *model, const LusSamples *samples, const LusSamples *test, const Options *o,
                           LusToolProgress *progress, Results *results, GError **error)
{
  const LusModelInfo *info = lus_model_info(model);
  g_autoptr(LusGraph) graph = lus_model_graph(model, error);
  if (!graph)
    return NULL;
  Calibration c = {.info = info, .samples = samples, .n = MIN(samples->n, o->samples), .progress = progress};
  c.pool = lus_parallel_new(o->threads);
  c.input = g_try_new(float, (gsize)info->channels * (gsize)info->width * (gsize)info->height);
  LusGraph *quantized = NULL;
  if (!c.pool || !c.input)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory to run the network");
  else
    c.quantizer = lus_quantizer_new(graph, info->channels, info->height, info->width, lus_parallel_threads(c.pool),
                                    error);
  if (c.quantizer && show(&c, lus_quantizer_find_range, "ranges", error) &&
      show(&c, lus_quantizer_count, "counts", error) && choose(&c, o, results, error) &&
      (!test || check(&c, test, o, results, error)))
    quantized = lus_quantizer_finish(c.quantizer, error);
  if (quantized && o->effects)
    print_effects(c.quantizer);
  lus_quantizer_free(c.quantizer);
  lus_parallel_free(c.pool);
  g_free(c.input);
  return quantized;
}

/** Adds how the model was quantised to its training record. */
static void record(LusModelInfo *info, const LusModel *model, const char *data, const Options *o,
                   const Results *results)
{
  json_t *iou = json_object();
  for (int k = 0; k < info->n_classes; k++)
    json_object_set_new(iou, info->classes[k], json_real(results->own.iou[k]));
  json_t *root = json_loads(info->training, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object(root)) {
    json_decref(root);
    root = json_object();
    if (*info->training)
      json_object_set_new(root, "training", json_string(info->training));
  }
  g_autofree char *data_name = g_utf8_make_valid(data, -1);
  json_object_set_new(root, "quantized",
                      json_pack("{s:s, s:s, s:s, s:i, s:I, s:f, s:o}", "model_sha256", lus_model_sha256(model),
                                "version", lus_version(), "data", data_name, "samples", results->n, "seed",
                                (json_int_t)o->seed, "int8_share", results->own.share, "iou_with_floats", iou));
  char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));
  g_free(info->training);
  info->training = g_strdup(text);
  free(text);
  json_decref(root);
}

static void print_iou(const LusModelInfo *info, const LusQuantizerResult *result, int n, const char *what)
{
  printf("masks at %g %%, intersection over union with those in floats, %d %s:", 100 * (double)info->threshold, n,
         what);
  for (int k = 0; k < info->n_classes; k++)
    printf(" %s %.2f %%%s", info->classes[k], 100 * result->iou[k], k < info->n_classes - 1 ? "," : "\n");
}

static void print_results(const LusGraph *graph, const LusModelInfo *info, const Options *o, const Results *results)
{
  printf("%s: %d convolutions with %.1f %% of the multiplications in 8-bit integers\n", o->output,
         lus_graph_n_quantized(graph), 100 * results->own.share);
  print_iou(info, &results->own, results->n, "samples it was made with");
  if (results->n_test > 0)
    print_iou(info, &results->test, results->n_test, "samples of the test split");
  gboolean reached = TRUE;
  for (int k = 0; k < info->n_classes; k++)
    reached &= 100 * results->own.iou[k] >= o->iou;
  if (!reached)
    fprintf(stderr, "lus quantize: %s: less than the %g %% asked for; allow more floats with a smaller --least-int8\n",
            o->output, o->iou);
}

static gboolean save(const LusGraph *graph, const LusModel *model, const char *data, const Options *o,
                     const Results *results, GError **error)
{
  LusModelInfo info = *lus_model_info(model);
  info.training = g_strdup(info.training);
  record(&info, model, data, o, results);
  gboolean ok = lus_model_save(graph, &info, o->output, error);
  if (ok)
    print_results(graph, &info, o, results);
  g_free(info.training);
  return ok;
}

static LusSamples *load(const LusToolData *data, LusSplit split, int limit, const LusModelInfo *info, const Options *o,
                        LusToolProgress *progress, GError **error)
{
  return lus_tool_data_samples(data, split, limit, (guint64)o->seed, info->width, info->height, o->threads, progress,
                               error);
}

/** Samples of a data set or of the phantom, and those of its test split where they are asked for. */
static gboolean load_data(LusSamples **samples, LusSamples **test, const char *text, const LusModelInfo *info,
                          const Options *o, LusToolProgress *progress, GError **error)
{
  LusToolData data;
  if (!lus_tool_data_open(&data, text, error))
    return FALSE;
  *samples = load(&data, LUS_SPLIT_TRAIN, MIN(o->samples, data.phantoms), info, o, progress, error);
  if (*samples && o->check > 0)
    *test = load(&data, LUS_SPLIT_TEST, o->check, info, o, progress, error);
  lus_tool_data_clear(&data);
  return *samples && (*test || o->check == 0);
}

static gboolean load_pictures(LusSamples **samples, LusSamples **test, char **arguments, const LusModelInfo *info,
                              const Options *o, LusToolProgress *progress, GError **error)
{
  g_autofree char *manifest = g_build_filename(arguments[0], "dataset.json", NULL);
  if (!arguments[1] && (g_str_has_prefix(arguments[0], "phantom:") || g_file_test(manifest, G_FILE_TEST_EXISTS)))
    return load_data(samples, test, arguments[0], info, o, progress, error);
  if (o->check > 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "--check takes pictures of the test split, and clips have none; give a data set or phantom:COUNT");
    return FALSE;
  }
  *samples = lus_tool_clip_frames(arguments, o->samples, info->width, info->height, progress, error);
  return *samples != NULL;
}

/** Not every network that is read can be written. */
static gboolean can_save(const LusModel *model, GError **error)
{
  const LusModelInfo *info = lus_model_info(model);
  g_autoptr(LusGraph) graph = lus_model_graph(model, error);
  g_autoptr(GByteArray) bytes = graph ? lus_onnx_write(graph, NULL, info->channels, info->height, info->width, error) : NULL;
  if (!bytes)
    g_prefix_error(error, "%s: ", lus_model_path(model));
  return bytes != NULL;
}

static gboolean quantize(const Options *o, char **arguments, GError **error)
{
  if (!lus_tool_can_write(o->output, error))
    return FALSE;
  for (char **input = arguments; *input; input++)
    if (!lus_tool_keeps(*input, o->output, error))
      return FALSE;
  g_autoptr(LusModel) model = lus_model_load(arguments[0], error);
  if (!model)
    return FALSE;
  if (lus_model_is_quantized(model)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is quantised already; start from the model in floats",
                arguments[0]);
    return FALSE;
  }
  if (!can_save(model, error))
    return FALSE;
  g_autoptr(LusSamples) samples = NULL;
  g_autoptr(LusSamples) test = NULL;
  LusToolProgress *progress = lus_tool_progress_new();
  Results results = {0};
  g_autoptr(LusGraph) graph = NULL;
  if (load_pictures(&samples, &test, arguments + 1, lus_model_info(model), o, progress, error))
    graph = calibrate(model, samples, test, o, progress, &results, error);
  lus_tool_progress_free(progress);
  g_autofree char *data = g_strjoinv(" ", arguments + 1);
  return graph && save(graph, model, data, o, &results, error);
}

int lus_cmd_quantize(int argc, char **argv)
{
  Options o;
  g_auto(GStrv) arguments = NULL;
  int code = parse(&o, argc, argv, &arguments);
  GError *error = NULL;
  if (code == LUS_EXIT_DONE && !quantize(&o, arguments, &error))
    code = lus_tool_fail("quantize", error);
  g_free(o.output);
  return code;
}
