/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"
#include <string.h>

static const char description[] =
  "Runs the network alone, without sector, normalisation or threshold, so that its numbers can be\n"
  "compared with another program's. The tensor is float32 [channels][height][width] or the same\n"
  "behind a 1; the result has as many dimensions.\n\n"
  "Example: lus infer model.onnx --input x.npy -o y.npy";

/** Puts the tensor's channels, height and width into @chw. */
static gboolean input_shape(int chw[3], const LusTensor *input, const LusModel *model, const char *path, GError **error)
{
  int channels = lus_model_info(model)->channels, first = input->rank - 3;
  gboolean fits = input->rank == 3 || (input->rank == 4 && input->dims[0] == 1);
  if (fits && input->dims[first] == channels) {
    memcpy(chw, input->dims + first, 3 * sizeof *chw);
    return TRUE;
  }
  g_autofree char *dims = lus_tensor_dims_string(input);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the tensor is %s; the model takes [%d][height][width]", path,
              dims, channels);
  return FALSE;
}

static gboolean infer(const char *model_path, const char *input_path, const char *output_path, int threads,
                      GError **error)
{
  g_autoptr(LusModel) model = lus_model_load(model_path, error);
  g_autoptr(LusTensor) input = model ? lus_tensor_read_npy(input_path, error) : NULL;
  int chw[3], shape[4] = {1, 0, 0, 0};
  if (!input || !input_shape(chw, input, model, input_path, error))
    return FALSE;
  g_autoptr(LusGraph) graph = lus_model_graph(model, error);
  LusParallel *pool = lus_parallel_new(threads);
  g_autoptr(LusPlan) plan = NULL;
  g_autoptr(LusTensor) output = NULL;
  if (graph && pool)
    plan = lus_plan_new(graph, chw[0], chw[1], chw[2], LUS_PLAN_INFER, lus_parallel_threads(pool), error);
  if (plan) {
    lus_plan_output_shape(plan, shape + 1);
    output = lus_tensor_new(input->rank, shape + 4 - input->rank, error);
  }
  if (output)
    lus_plan_forward(plan, output->data, input->data, pool);
  lus_parallel_free(pool);
  return output && lus_tensor_write_npy(output, output_path, error);
}

int lus_cmd_infer(int argc, char **argv)
{
  g_autofree char *input = NULL, *output = NULL;
  int threads = 0;
  const GOptionEntry entries[] = {
    {"input", 'i', 0, G_OPTION_ARG_FILENAME, &input, "The network's input (NPY)", "FILE"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Where its output goes (NPY)", "FILE"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "Threads; the result does not depend on them (default: all)", "N"},
    {0}};
  g_auto(GStrv) arguments = NULL;
  int code = lus_tool_parse(argc, argv, entries, "MODEL", description, 1, 1, &arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!input || !output)
    return lus_tool_usage("infer", "--input and --output are needed");
  if (threads < 0)
    return lus_tool_usage("infer", "--threads must be 0 or more");
  GError *error = NULL;
  return infer(arguments[0], input, output, threads, &error) ? LUS_EXIT_DONE : lus_tool_fail("infer", error);
}
