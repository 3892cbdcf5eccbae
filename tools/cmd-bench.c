/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_RUNS 10000
#define MAX_SIDE 4096
#define MAX_THREADS 1024
#define FRAME_WIDTH 640
#define FRAME_HEIGHT 480
/* Phantom frames that are gone through in turn. */
#define FRAMES 8

static const char description[] =
  "Measures how fast a network runs here, alone and, for models of this program, behind sector and\n"
  "preprocessing on simulated frames of 640x480 pixels. MODEL may be any ONNX file of one picture\n"
  "in and one out; without MODEL the bundled one is measured. OpenBLAS is set free to choose its\n"
  "kernels by the CPU: the program starts itself again if the environment forbids that.\n\n"
  "Example: lus bench model.onnx --size 256,512 --threads 1,2 --json";

typedef struct {
  const char *model;
  int runs;
  gboolean json, keep;
  LusToolProgress *progress;
} Options;

typedef struct {
  double median, least, p95; /* ms */
  double processor;          /* ms of processor time per run, in the mean, all threads together */
  double *ms;                /* in the order of the runs */
  int n;
} Times;

/** One combination of size and threads. */
typedef struct {
  int shape[3], threads;
  gboolean integers;
  double load_ms, plan_ms, gflop;
  gsize memory;
  Times network, frames; /* frames.n 0: not a model of this program, or not its size */
} Result;

static double now_ms(void)
{
  return (double)g_get_monotonic_time() / 1000;
}

/** Of the whole process. */
static double processor_ms(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/** @before: processor_ms() before the first run that counts. */
static void times_finish(Times *times, double before)
{
  times->processor = (processor_ms() - before) / times->n;
  g_autofree double *sorted = g_memdup2(times->ms, (gsize)times->n * sizeof *times->ms);
  qsort(sorted, (size_t)times->n, sizeof *sorted, lus_tool_compare_double);
  times->least = sorted[0];
  times->median = (sorted[(times->n - 1) / 2] + sorted[times->n / 2]) / 2;
  times->p95 = sorted[MIN(times->n - 1, times->n * 95 / 100)];
}

static void result_free(gpointer data)
{
  Result *result = data;
  g_free(result->network.ms);
  g_free(result->frames.ms);
  g_free(result);
}

/* ---- measuring ---- */

/** FALSE: Ctrl-C. */
static gboolean show(const Options *options, const Result *result, const char *what, int done, GError **error)
{
  g_autofree char *text = g_strdup_printf("%s of %dx%d, %d thread%s", what, result->shape[2], result->shape[1],
                                          result->threads, result->threads == 1 ? "" : "s");
  if (lus_tool_progress(options->progress, text, done, options->runs))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", text);
  return FALSE;
}

static gboolean time_plan(Result *result, LusPlan *plan, LusParallel *pool, const Options *options, GError **error)
{
  int out[3], runs = options->runs;
  const int *shape = result->shape;
  Times *times = &result->network;
  lus_plan_output_shape(plan, out);
  gsize n = (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2];
  g_autofree float *input = g_new(float, n);
  g_autofree float *output = g_new(float, (gsize)out[0] * (gsize)out[1] * (gsize)out[2]);
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  lus_rng_fill_normal(&rng, input, n);
  *times = (Times){.ms = g_new(double, runs), .n = runs};
  lus_plan_forward(plan, output, input, pool); /* warms up */
  double before = processor_ms();
  for (int i = 0; i < runs; i++) {
    double start = now_ms();
    lus_plan_forward(plan, output, input, pool);
    times->ms[i] = now_ms() - start;
    if (!show(options, result, "network", i + 1, error))
      return FALSE;
  }
  times_finish(times, before);
  return TRUE;
}

static gboolean time_network(Result *result, int size, const Options *options, GError **error)
{
  const char *path = options->model;
  const int wanted[3] = {0, size, size};
  double start = now_ms();
  g_autoptr(LusOnnx) onnx = lus_tool_load_network(path, wanted, error);
  if (!onnx)
    return FALSE;
  result->load_ms = now_ms() - start;
  const int shape[3] = {onnx->input_channels, size ? size : onnx->input_height, size ? size : onnx->input_width};
  if (shape[1] == 0 || shape[2] == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s leaves the input's size open: tell it by --size", path);
    return FALSE;
  }
  memcpy(result->shape, shape, sizeof shape);
  start = now_ms();
  g_autoptr(LusPlan) plan =
    lus_plan_new(onnx->graph, shape[0], shape[1], shape[2], LUS_PLAN_INFER, result->threads, error);
  if (!plan)
    return FALSE;
  result->plan_ms = now_ms() - start;
  result->gflop = lus_graph_flop(onnx->graph) * 1e-9;
  result->memory = lus_plan_memory(plan);
  result->integers = lus_graph_n_quantized(onnx->graph) > 0;
  LusParallel *pool = lus_parallel_new(result->threads);
  gboolean done = time_plan(result, plan, pool, options, error);
  lus_parallel_free(pool);
  return done;
}

static guint8 *phantom_frames(GError **error)
{
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.width = FRAME_WIDTH;
  config.height = FRAME_HEIGHT;
  config.screen = TRUE;
  config.seed = 1;
  LusPhantom *phantom = lus_phantom_new(&config, error);
  if (!phantom)
    return NULL;
  guint8 *frames = g_malloc((gsize)FRAMES * FRAME_WIDTH * FRAME_HEIGHT);
  for (int i = 0; i < FRAMES; i++)
    lus_phantom_render(phantom, i / 25.0, frames + (gsize)i * FRAME_WIDTH * FRAME_HEIGHT, FRAME_WIDTH, NULL);
  lus_phantom_free(phantom);
  return frames;
}

/** From the luma of a whole frame to quantised confidences, as the element and `lus segment` do it. */
static gboolean time_frames(Result *result, LusModel *model, const Options *options, GError **error)
{
  int runs = options->runs;
  const LusSegmenterConfig config = {.threads = result->threads};
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(model, &config, error);
  g_autofree guint8 *frames = segmenter ? phantom_frames(error) : NULL;
  if (!frames || !lus_segmenter_set_frame_size(segmenter, FRAME_WIDTH, FRAME_HEIGHT, error))
    return FALSE;
  Times times = {.ms = g_new(double, runs), .n = runs};
  gboolean ok = TRUE;
  double before = 0;
  for (int i = -FRAMES; ok && i < runs; i++) { /* the first ones find the sector */
    if (i == 0)
      before = processor_ms();
    LusImage image = {.format = LUS_FORMAT_GRAY8, .width = FRAME_WIDTH, .height = FRAME_HEIGHT};
    image.planes[0] = frames + (gsize)((i + FRAMES) % FRAMES) * FRAME_WIDTH * FRAME_HEIGHT;
    image.strides[0] = FRAME_WIDTH;
    double start = now_ms();
    g_autoptr(LusSegmentation) segmentation = NULL;
    ok = lus_segmenter_run(segmenter, &segmentation, &image, i, error);
    if (i >= 0)
      times.ms[i] = now_ms() - start;
    ok = ok && (i < 0 || show(options, result, "frames with a network", i + 1, error));
  }
  if (!ok) {
    g_free(times.ms);
    return FALSE;
  }
  times_finish(&times, before);
  result->frames = times;
  return TRUE;
}

static gboolean is_own_size(LusModel *model, const int shape[3])
{
  const LusModelInfo *info = lus_model_info(model);
  return info->height == shape[1] && info->width == shape[2];
}

static GPtrArray *measure(const Options *options, const GArray *sizes, const GArray *threads, GError **error)
{
  g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(result_free);
  /* NULL: another network, which is measured alone */
  g_autoptr(LusModel) model = lus_model_load(options->model, NULL);
  for (guint i = 0; i < sizes->len; i++)
    for (guint k = 0; k < threads->len; k++) {
      Result *result = g_new0(Result, 1);
      g_ptr_array_add(results, result);
      result->threads = g_array_index(threads, int, k);
      if (!time_network(result, g_array_index(sizes, int, i), options, error))
        return NULL;
      if (model && is_own_size(model, result->shape) && !time_frames(result, model, options, error))
        return NULL;
    }
  return g_steal_pointer(&results);
}

/* ---- telling ---- */

static double rate(double ms)
{
  return ms > 0 ? 1000 / ms : 0;
}

/** Of the first result, as of all: a quantised network runs on integers at any size. To be freed. */
static char *kernels_of(const GPtrArray *results)
{
  const Result *first = g_ptr_array_index((GPtrArray *)results, 0);
  return g_strconcat(first->integers ? "int8, " : "", lus_plan_kernels(), NULL);
}

static void print_text(const Options *options, const GPtrArray *results)
{
  g_autofree char *pinned = lus_tool_pinned_blas(), *kernels = kernels_of(results);
  printf("%s\n%s, %s%s%s\n%s\n\n", options->model, lus_version(), kernels, pinned ? ", pinned by " : "",
         pinned ? pinned : "", LUS_NOTICE);
  printf("%-14s %7s %9s %9s %9s %9s %9s %9s %9s %8s\n", "input", "threads", "median ms", "least", "95 %", "frames/s",
         "GFLOP/s", "load ms", "plan ms", "MB");
  for (guint i = 0; i < results->len; i++) {
    const Result *r = g_ptr_array_index((GPtrArray *)results, i);
    g_autofree char *input = g_strdup_printf("%dx%dx%d", r->shape[0], r->shape[1], r->shape[2]);
    printf("%-14s %7d %9.3f %9.3f %9.3f %9.1f %9.1f %9.1f %9.1f %8.1f\n", input, r->threads, r->network.median,
           r->network.least, r->network.p95, rate(r->network.median), r->gflop * rate(r->network.median), r->load_ms,
           r->plan_ms, (double)r->memory / 1e6);
    if (r->frames.n > 0)
      printf("%-14s %7d %9.3f %9.3f %9.3f %9.1f  with sector, preprocessing and confidences\n", "640x480 frame", r->threads,
             r->frames.median, r->frames.least, r->frames.p95, rate(r->frames.median));
  }
  printf("\npeak memory of the process %.1f MB\n", (double)lus_peak_memory() / 1e6);
}

static json_t *times_to_json(const Times *times)
{
  json_t *ms = json_array();
  for (int i = 0; i < times->n; i++)
    json_array_append_new(ms, json_real(times->ms[i]));
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:o}", "median_ms", times->median, "min_ms", times->least, "p95_ms", times->p95,
                   "processor_ms", times->processor, "frames_per_s", rate(times->median), "ms", ms);
}

static int print_json(const Options *options, const GPtrArray *results)
{
  g_autofree char *pinned = lus_tool_pinned_blas(), *kernels = kernels_of(results);
  g_autofree char *name = g_filename_display_name(options->model);
  json_t *list = json_array();
  for (guint i = 0; i < results->len; i++) {
    const Result *r = g_ptr_array_index((GPtrArray *)results, i);
    json_t *entry = json_pack("{s:[i,i,i], s:i, s:f, s:f, s:f, s:I, s:o}", "input", r->shape[0], r->shape[1], r->shape[2],
                              "threads", r->threads, "load_ms", r->load_ms, "plan_ms", r->plan_ms, "gflop", r->gflop,
                              "memory_bytes", (json_int_t)r->memory, "network", times_to_json(&r->network));
    if (r->frames.n > 0)
      json_object_set_new(entry, "frames", times_to_json(&r->frames));
    json_array_append_new(list, entry);
  }
  json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:I, s:o}", "notice", LUS_NOTICE, "lus", lus_version(), "model", name,
                           "kernels", kernels, "pinned", pinned, "peak_rss_bytes",
                           (json_int_t)lus_peak_memory(), "results", list);
  g_autofree char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
  json_decref(root);
  if (!text)
    return lus_tool_fail("bench", g_error_new(LUS_ERROR, LUS_ERROR_MEMORY, "out of memory"));
  puts(text);
  return LUS_EXIT_DONE;
}

/** "1,2" to a list of numbers in @low..@high; NULL: something else. */
static GArray *parse_list(const char *text, int low, int high)
{
  g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(int));
  g_auto(GStrv) parts = g_strsplit(text, ",", 64);
  for (char **part = parts; *part; part++) {
    guint64 value = 0;
    if (!g_ascii_string_to_unsigned(*part, 10, (guint64)low, (guint64)high, &value, NULL))
      return NULL;
    int number = (int)value;
    g_array_append_val(list, number);
  }
  return list->len > 0 ? g_steal_pointer(&list) : NULL;
}

int lus_cmd_bench(int argc, char **argv)
{
  g_autofree char *size_text = NULL, *threads_text = NULL;
  Options options = {.runs = 30};
  const GOptionEntry entries[] = {
    {"size", 0, 0, G_OPTION_ARG_STRING, &size_text, "Sides of a square input in pixels (default: the model's)", "N,..."},
    {"threads", 0, 0, G_OPTION_ARG_STRING, &threads_text, "Numbers of threads (default: 1)", "N,..."},
    {"runs", 0, 0, G_OPTION_ARG_INT, &options.runs, "Timed passes, after one that is not (default: 30)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON, with every run's time", NULL},
    {"keep-environment", 0, 0, G_OPTION_ARG_NONE, &options.keep, "Leave OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE as they are",
     NULL},
    {0}};
  g_auto(GStrv) arguments = NULL;
  int code = lus_tool_parse(argc, argv, entries, "[MODEL]", description, 0, 1, &arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  g_autoptr(GArray) sizes = parse_list(size_text ? size_text : "0", size_text ? 16 : 0, MAX_SIDE);
  g_autoptr(GArray) threads = parse_list(threads_text ? threads_text : "1", 1, MAX_THREADS);
  if (!sizes || !threads)
    return lus_tool_usage("bench", "--size takes numbers of 16 to 4096, --threads of 1 to 1024, with commas between them");
  if (options.runs < 1 || options.runs > MAX_RUNS)
    return lus_tool_usage("bench", "--runs must be 1 to 10000");
  if (!options.keep)
    lus_tool_unpin_blas("bench", argv);
  g_autofree char *bundled = arguments[0] ? NULL : lus_model_bundled_path("default.onnx");
  options.model = arguments[0] ? arguments[0] : bundled;
  GError *error = NULL;
  options.progress = lus_tool_progress_new();
  g_autoptr(GPtrArray) results = measure(&options, sizes, threads, &error);
  lus_tool_progress_free(options.progress);
  if (!results)
    return lus_tool_fail("bench", error);
  if (options.json)
    return print_json(&options, results);
  print_text(&options, results);
  return LUS_EXIT_DONE;
}
