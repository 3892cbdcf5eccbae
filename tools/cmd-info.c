/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "info-heads.h"
#include "tool.h"
#include <jansson.h>
#include <stdio.h>

#define USUAL_THREADS 1
#define USUAL_RUNS 15

static const char description[] =
  "Tells what a model file holds: classes, threshold, input, size, training record, licence. With\n"
  "--plan also how the network runs here, step by step: method, work, measured milliseconds.\n"
  "MODEL may also be a heads file or a video network of `lus fit`.\n\n"
  "Example: lus info model.onnx --json";

/** All that is told, gathered once for both ways of telling. */
typedef struct {
  LusModel *model;
  LusGraph *graph;
  char *kernels, *pinned; /* pinned: what keeps OpenBLAS from choosing, or NULL */
  LusPlan *plan;
  int threads;
  gsize parameters, memory;
  double gflop;
} Facts;

static gboolean gather(Facts *facts, const char *path, GError **error)
{
  facts->model = lus_model_load(path, error);
  if (!facts->model)
    return FALSE;
  const LusModelInfo *info = lus_model_info(facts->model);
  const LusSegmenterConfig config = {.threads = 1};
  facts->graph = lus_model_graph(facts->model, error);
  if (!facts->graph || !lus_graph_infer_shapes(facts->graph, info->channels, info->height, info->width, error))
    return FALSE;
  facts->parameters = lus_graph_n_parameters(facts->graph);
  facts->gflop = lus_graph_flop(facts->graph) / 1e9;
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(facts->model, &config, error);
  facts->plan = segmenter ? lus_plan_new(facts->graph, info->channels, info->height, info->width, LUS_PLAN_INFER,
                                         facts->threads, error)
                          : NULL;
  if (!facts->plan)
    return FALSE;
  facts->kernels = g_strdup(lus_segmenter_kernels(segmenter));
  facts->pinned = lus_tool_pinned_blas();
  facts->memory = lus_plan_memory(facts->plan);
  return TRUE;
}

/** Times each step on noise. */
static gboolean profile(Facts *facts, int runs, GError **error)
{
  const LusModelInfo *info = lus_model_info(facts->model);
  gsize n = (gsize)info->channels * (gsize)info->height * (gsize)info->width;
  g_autofree float *input = g_new(float, n);
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  lus_rng_fill_normal(&rng, input, n);
  LusParallel *pool = lus_parallel_new(facts->threads);
  gboolean done = lus_plan_profile(facts->plan, input, pool, runs, error);
  lus_parallel_free(pool);
  return done;
}

static void clear(Facts *facts)
{
  g_clear_pointer(&facts->plan, lus_plan_free);
  g_clear_pointer(&facts->graph, lus_graph_free);
  g_clear_pointer(&facts->model, lus_model_unref);
  g_clear_pointer(&facts->kernels, g_free);
  g_clear_pointer(&facts->pinned, g_free);
}

static void print_line(const char *name, const char *value)
{
  lus_info_line(name, *value ? value : "(not told)");
}

static void print_text(const Facts *facts)
{
  const LusModelInfo *info = lus_model_info(facts->model);
  print_line("model", lus_model_path(facts->model));
  print_line("sha256", lus_model_sha256(facts->model));
  printf("%-12s", "classes");
  for (int i = 0; i < info->n_classes; i++)
    printf("%s%s", i ? ", " : " ", info->classes[i]);
  printf("\n%-12s %g %%\n", "threshold", 100 * (double)info->threshold);
  printf("%-12s %d x %d, %d channel%s%s\n", "input", info->width, info->height, info->channels,
         info->channels == 1 ? "" : "s",
         info->normalise.mode == LUS_NORMALISE_LIT ? ", normalised over the lit pixels" : "");
  if (info->normalise.mode == LUS_NORMALISE_FIXED)
    printf("%-12s mean %g, standard deviation %g\n", "normalised", (double)info->normalise.mean,
           (double)info->normalise.std);
  print_line("output", info->logits ? "logits" : "sigmoid");
  printf("%-12s %" G_GSIZE_FORMAT "\n", "parameters", facts->parameters);
  printf("%-12s %.3f GFLOP per frame, %.1f MB to run\n", "work", facts->gflop, (double)facts->memory / 1e6);
  const char *producer = lus_model_producer(facts->model);
  g_autofree char *opset = g_strdup_printf("%d%s%s %s", lus_model_opset(facts->model), *producer ? ", written by " : "",
                                           producer, info->version);
  g_strchomp(opset);
  print_line("opset", opset);
  print_line("kernels", facts->kernels);
  if (facts->pinned)
    printf("%-12s %s keeps OpenBLAS from choosing by the CPU; unset it unless you know why\n", "pinned", facts->pinned);
  print_line("training", info->training);
  print_line("probes", info->probes);
  print_line("licence", info->licence);
  print_line("notice", LUS_NOTICE);
}

static double per_second(double flop, double ms)
{
  return ms > 0 ? flop / ms * 1e-6 : 0;
}

static void print_plan(const Facts *facts)
{
  double ms = 0;
  printf("\n%5s  %-40s %-13s %-14s %8s %9s %9s  %s\n", "step", "operators", "method", "result", "GFLOP", "ms", "GFLOP/s",
         "name");
  for (int i = 0; i < lus_plan_n_steps(facts->plan); i++) {
    LusPlanStep step;
    lus_plan_get_step(facts->plan, i, &step);
    g_autofree char *size = g_strdup_printf("%dx%dx%d", step.shape[0], step.shape[1], step.shape[2]);
    printf("%5d  %-40s %-13s %-14s %8.4f %9.4f %9.1f  %s\n", i, step.operators, step.method, size, step.flop * 1e-9,
           step.ms, per_second(step.flop, step.ms), step.name);
    ms += step.ms;
  }
  printf("%5s  %-40s %-13s %-14s %8.4f %9.4f %9.1f  medians, %d thread%s\n", "", "sum", "", "", facts->gflop, ms,
         per_second(facts->gflop * 1e9, ms), facts->threads, facts->threads == 1 ? "" : "s");
}

static json_t *plan_to_json(const LusPlan *plan)
{
  json_t *steps = json_array();
  for (int i = 0; i < lus_plan_n_steps(plan); i++) {
    LusPlanStep step;
    lus_plan_get_step(plan, i, &step);
    json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:[i,i,i], s:f, s:I, s:f}", "operators", step.operators,
                                           "name", step.name, "method", step.method, "result", step.shape[0],
                                           step.shape[1], step.shape[2], "gflop", step.flop * 1e-9, "weight_bytes",
                                           (json_int_t)step.weight_bytes, "ms", step.ms));
  }
  return steps;
}

/** The training record as JSON where it is JSON. */
static json_t *training_to_json(const char *training)
{
  json_t *record = json_loads(training, JSON_REJECT_DUPLICATES, NULL);
  return record ? record : json_string(training);
}

static int print_json(const Facts *facts, gboolean plan)
{
  const LusModelInfo *info = lus_model_info(facts->model);
  json_t *classes = json_array();
  for (int i = 0; i < info->n_classes; i++)
    json_array_append_new(classes, json_string(info->classes[i]));
  json_t *normalise = info->normalise.mode == LUS_NORMALISE_LIT
                        ? json_pack("{s:s}", "mode", "lit")
                        : json_pack("{s:s, s:f, s:f}", "mode", "fixed", "mean", (double)info->normalise.mean, "std",
                                    (double)info->normalise.std);
  g_autofree char *name = g_filename_display_name(lus_model_path(facts->model)); /* JSON is UTF-8, file names need not be */
  json_t *root = json_pack(
    "{s:s, s:s, s:s, s:o, s:f, s:{s:i, s:i, s:i}, s:o, s:s, s:I, s:f, s:I, s:i, s:s, s:s, s:s, s:o, s:s, s:s}",
    "notice", LUS_NOTICE, "model", name, "sha256", lus_model_sha256(facts->model),
    "classes", classes, "threshold", (double)info->threshold,
    "input", "channels", info->channels, "width", info->width, "height", info->height, "normalise", normalise,
    "output", info->logits ? "logits" : "sigmoid", "parameters", (json_int_t)facts->parameters, "gflop", facts->gflop,
    "memory_bytes", (json_int_t)facts->memory, "opset", lus_model_opset(facts->model),
    "producer", lus_model_producer(facts->model), "version", info->version, "kernels", facts->kernels,
    "training", training_to_json(info->training), "probes", info->probes, "licence", info->licence);
  if (root && facts->pinned)
    json_object_set_new(root, "pinned", json_string(facts->pinned));
  if (root && plan)
    json_object_set_new(root, "plan", plan_to_json(facts->plan));
  g_autofree char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(7)) : NULL;
  json_decref(root);
  if (!text)
    return lus_tool_fail("info", g_error_new(LUS_ERROR, LUS_ERROR_MEMORY, "out of memory"));
  puts(text);
  return LUS_EXIT_DONE;
}

/** Of a file that is no segmentation model: what it holds. */
static int tell_other(gboolean (*tell)(const char *path, gboolean json, GError **error), const char *path,
                      gboolean json, gboolean plan)
{
  GError *error = NULL;
  if (plan)
    return lus_tool_usage("info", "--plan is for segmentation models, not for heads and video networks");
  return tell(path, json, &error) ? LUS_EXIT_DONE : lus_tool_fail("info", error);
}

int lus_cmd_info(int argc, char **argv)
{
  gboolean json = FALSE, plan = FALSE;
  int runs = USUAL_RUNS;
  Facts facts = {.threads = USUAL_THREADS};
  const GOptionEntry entries[] = {
    {"plan", 0, 0, G_OPTION_ARG_NONE, &plan, "List and time the steps in which the network runs", NULL},
    {"threads", 0, 0, G_OPTION_ARG_INT, &facts.threads, "Threads for --plan (default: 1)", "N"},
    {"runs", 0, 0, G_OPTION_ARG_INT, &runs, "Passes for --plan, of which the medians are told (default: 15)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL},
    {0}};
  g_auto(GStrv) arguments = NULL;
  int code = lus_tool_parse(argc, argv, entries, "MODEL", description, 1, 1, &arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (facts.threads < 1 || facts.threads > 1024 || runs < 1 || runs > 1000)
    return lus_tool_usage("info", "--threads must be 1 to 1024, --runs 1 to 1000");
  if (!plan && (facts.threads != USUAL_THREADS || runs != USUAL_RUNS))
    return lus_tool_usage("info", "--threads and --runs are for --plan");
  GError *error = NULL;
  if (lus_info_is_heads(arguments[0]))
    return tell_other(lus_info_heads, arguments[0], json, plan);
  if (!gather(&facts, arguments[0], &error) || (plan && !profile(&facts, runs, &error))) {
    if (!facts.model && lus_info_is_video(arguments[0])) {
      g_clear_error(&error);
      code = tell_other(lus_info_video, arguments[0], json, plan);
    } else {
      code = lus_tool_fail("info", error);
    }
  } else if (json) {
    code = print_json(&facts, plan);
  } else {
    print_text(&facts);
    if (plan)
      print_plan(&facts);
  }
  clear(&facts);
  return code;
}
