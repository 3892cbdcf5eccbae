/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 10000

static const char description[] =
  "Runs the network alone, without sector, normalisation or threshold, so that its numbers can be\n"
  "compared with another program's. It needs none of this program's settings. The tensor is float32\n"
  "[channels][height][width] or the same behind a 1; the result has as many dimensions. Where the\n"
  "file leaves the input's size open, it is the tensor's.\n\n"
  "Example: lus infer model.onnx --input x.npy -o y.npy";

typedef struct {
  const char *model, *input, *output, *precision;
  int threads, runs;
} Options;

/** Puts the tensor's channels, height and width into @chw. */
static gboolean input_shape(int chw[3], const LusTensor *input, const char *path, GError **error)
{
  if (input->rank == 3 || (input->rank == 4 && input->dims[0] == 1)) {
    memcpy(chw, input->dims + input->rank - 3, 3 * sizeof *chw);
    return TRUE;
  }
  g_autofree char *dims = lus_tensor_dims_string(input);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s: the tensor is %s; [channels][height][width] is expected, or the same behind a 1", path, dims);
  return FALSE;
}

/** Times more passes than the one that gave the result, which warmed the caches up. */
static void print_times(LusPlan *plan, LusTensor *output, const LusTensor *input, LusParallel *pool, int runs)
{
  g_autofree double *ms = g_new(double, runs);
  for (int i = 0; i < runs; i++) {
    gint64 start = g_get_monotonic_time();
    lus_plan_forward(plan, output->data, input->data, pool);
    ms[i] = (double)(g_get_monotonic_time() - start) / 1000;
  }
  qsort(ms, (size_t)runs, sizeof *ms, lus_tool_compare_double);
  g_print("%d runs, %d threads: fastest %.3f ms, median %.3f ms\n", runs, lus_parallel_threads(pool), ms[0],
          (ms[(runs - 1) / 2] + ms[runs / 2]) / 2);
}

static gboolean infer(const Options *options, GError **error)
{
  g_autoptr(LusTensor) input = lus_tensor_read_npy(options->input, error);
  int chw[3], shape[4] = {1, 0, 0, 0};
  if (!input || !input_shape(chw, input, options->input, error) || !lus_tool_can_write(options->output, error) ||
      !lus_tool_keeps(options->input, options->output, error) ||
      !lus_tool_keeps(options->model, options->output, error))
    return FALSE;
  g_autoptr(LusOnnx) onnx = lus_tool_load_network(options->model, chw, error);
  if (!onnx)
    return FALSE;
  LusParallel *pool = lus_parallel_new(options->threads);
  LusPrecision precision = LUS_PRECISION_AUTO;
  LusPlanMode mode;
  g_autoptr(LusPlan) plan = NULL;
  if ((!options->precision || lus_precision_parse(&precision, options->precision, error)) &&
      lus_precision_mode(&mode, precision, onnx->graph, options->model, error))
    plan = lus_plan_new(onnx->graph, chw[0], chw[1], chw[2], mode, lus_parallel_threads(pool), error);
  g_autoptr(LusTensor) output = NULL;
  if (plan) {
    lus_plan_output_shape(plan, shape + 1);
    output = lus_tensor_new(input->rank, shape + 4 - input->rank, error);
  }
  if (output) {
    lus_plan_forward(plan, output->data, input->data, pool);
    if (options->runs > 0)
      print_times(plan, output, input, pool, options->runs);
  }
  lus_parallel_free(pool);
  return output && lus_tensor_write_npy(output, options->output, error);
}

int lus_cmd_infer(int argc, char **argv)
{
  g_autofree char *input = NULL, *output = NULL, *precision = NULL;
  Options options = {0};
  const GOptionEntry entries[] = {
    {"input", 'i', 0, G_OPTION_ARG_FILENAME, &input, "The network's input (NPY)", "FILE"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Where its output goes (NPY)", "FILE"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &options.threads,
     "Threads; the result does not depend on them (default: all)", "N"},
    {"precision", 0, 0, G_OPTION_ARG_STRING, &precision,
     "auto, fp32 or int8 (default auto: int8 for a quantised model, else fp32)", "NAME"},
    {"runs", 0, 0, G_OPTION_ARG_INT, &options.runs, "Then time so many more passes (default: none)", "N"},
    {0}};
  g_auto(GStrv) arguments = NULL;
  int code = lus_tool_parse(argc, argv, entries, "MODEL", description, 1, 1, &arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!input || !output)
    return lus_tool_usage("infer", "--input and --output are needed");
  if (options.threads < 0)
    return lus_tool_usage("infer", "--threads must be 0 or more");
  if (options.runs < 0 || options.runs > MAX_RUNS)
    return lus_tool_usage("infer", "--runs must be 0 to 10000");
  options.model = arguments[0];
  options.input = input;
  options.output = output;
  options.precision = precision;
  GError *error = NULL;
  return infer(&options, &error) ? LUS_EXIT_DONE : lus_tool_fail("infer", error);
}
