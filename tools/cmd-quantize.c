/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "samples.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SAMPLES 100
#define MAX_SAMPLES 10000

static const char description[] =
  "Makes a model of 8-bit integers (ONNX, QuantizeLinear and DequantizeLinear) from one in floats. The\n"
  "ranges of its activations are those that the pictures of the data set give; labels are not looked\n"
  "at. DATASET is a folder (docs/dataset.md), of which the training split is taken, or phantom:COUNT,\n"
  "simulated stills.\n\n"
  "Example: lus quantize model.onnx phantom:100 -o model.int8.onnx";

typedef struct {
  char *output;
  int samples, threads;
  gint64 seed;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.samples = DEFAULT_SAMPLES, .seed = 1};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Where to write the quantised model (ONNX)", "MODEL"},
    {"samples", 0, 0, G_OPTION_ARG_INT, &o->samples,
     "Most pictures looked at, evenly spread over the data set's (default 100)", "N"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "Seed of the phantom (default 1)", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "Threads; the result does not depend on them (default: all)",
     "N"},
    {0}};
  int code = lus_tool_parse(argc, argv, entries, "MODEL DATASET", description, 2, 2, arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!o->output)
    return lus_tool_usage("quantize", "no output; say where to write the model with -o MODEL");
  if (o->samples < 1 || o->samples > MAX_SAMPLES)
    return lus_tool_usage("quantize", "--samples must be 1 to 10000");
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

/** Shows all samples to one of the quantiser's two looks at them. */
static gboolean show(const Calibration *c, void (*look)(LusQuantizer *, const float *, LusParallel *),
                     const char *what, GError **error)
{
  const LusModelInfo *info = c->info;
  for (int i = 0; i < c->n; i++) {
    gsize sample = (gsize)((gint64)i * c->samples->n / c->n);
    lus_preprocess_normalise(c->input, c->samples->luma + sample * (gsize)info->width * (gsize)info->height,
                             info->width, info->height, info->channels, &info->normalise);
    look(c->quantizer, c->input, c->pool);
    if (!lus_tool_progress(c->progress, what, i + 1, c->n)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", what);
      return FALSE;
    }
  }
  return TRUE;
}

static LusGraph *calibrate(const LusModel *model, const LusSamples *samples, const Options *o,
                           LusToolProgress *progress, GError **error)
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
      show(&c, lus_quantizer_count, "counts", error))
    quantized = lus_quantizer_finish(c.quantizer, error);
  lus_quantizer_free(c.quantizer);
  lus_parallel_free(c.pool);
  g_free(c.input);
  return quantized;
}

/** Adds how the model was quantised to its training record. */
static void record(LusModelInfo *info, const LusModel *model, const char *data, int samples, const Options *o)
{
  json_t *root = json_loads(info->training, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object(root)) {
    json_decref(root);
    root = json_object();
    if (*info->training)
      json_object_set_new(root, "training", json_string(info->training));
  }
  g_autofree char *data_name = g_utf8_make_valid(data, -1);
  json_object_set_new(root, "quantized",
                      json_pack("{s:s, s:s, s:s, s:i, s:I}", "model_sha256", lus_model_sha256(model), "version",
                                lus_version(), "data", data_name, "samples", samples, "seed", (json_int_t)o->seed));
  char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));
  g_free(info->training);
  info->training = g_strdup(text);
  free(text);
  json_decref(root);
}

static gboolean save(const LusGraph *graph, const LusModel *model, const LusSamples *samples, const char *data,
                     const Options *o, GError **error)
{
  LusModelInfo info = *lus_model_info(model);
  info.training = g_strdup(info.training);
  int n = MIN(samples->n, o->samples);
  record(&info, model, data, n, o);
  gboolean ok = lus_model_save(graph, &info, o->output, error);
  g_free(info.training);
  if (ok)
    printf("%s: %d convolutions in 8-bit integers, ranges from %d samples\n", o->output, lus_graph_n_quantized(graph),
           n);
  return ok;
}

static gboolean quantize(const Options *o, char **arguments, GError **error)
{
  g_autoptr(LusModel) model = lus_model_load(arguments[0], error);
  if (!model)
    return FALSE;
  if (lus_model_is_quantized(model)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is quantised already; start from the model in floats",
                arguments[0]);
    return FALSE;
  }
  const LusModelInfo *info = lus_model_info(model);
  LusToolData data;
  if (!lus_tool_data_open(&data, arguments[1], error))
    return FALSE;
  LusToolProgress *progress = lus_tool_progress_new();
  g_autoptr(LusSamples) samples = lus_tool_data_samples(&data, LUS_SPLIT_TRAIN, 0, (guint64)o->seed, info->width,
                                                        info->height, o->threads, progress, error);
  g_autoptr(LusGraph) graph = samples ? calibrate(model, samples, o, progress, error) : NULL;
  lus_tool_progress_free(progress);
  lus_tool_data_clear(&data);
  return graph && save(graph, model, samples, arguments[1], o, error);
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
