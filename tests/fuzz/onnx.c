/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Model files: parse, then shapes at a small size, then one pass of the network where it is small. Each may refuse; none
 * may crash, hang or leak. */
#include "fuzz.h"
#include "nn/plan.h"

#define SIDE 32
#define MOST_BYTES ((gsize)1 << 22)

static void run(LusGraph *graph, int channels, int height, int width)
{
  g_autoptr(LusPlan) plan = NULL;
  int shape[3];
  gsize bytes = 0;
  if (!lus_graph_infer_shapes(graph, channels, height, width, NULL))
    return;
  for (int i = 0; i < graph->n_values; i++)
    bytes += 4 * (gsize)graph->values[i].shape[1] * graph->values[i].shape[2] * graph->values[i].shape[3];
  if (bytes > MOST_BYTES || !(plan = lus_plan_new(graph, channels, height, width, LUS_PLAN_INFER, 1, NULL)))
    return;
  lus_plan_output_shape(plan, shape);
  g_autofree float *input = g_new0(float, (gsize)channels * height * width);
  g_autofree float *output = g_new(float, (gsize)shape[0] * shape[1] * shape[2]);
  for (int i = 0; i < channels * height * width; i++)
    input[i] = (float)(i % 7) - 3;
  lus_plan_forward(plan, output, input, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  GError *error = NULL;
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(data, size, "fuzz.onnx", &error);
  g_assert_true((onnx != NULL) == (error == NULL));
  if (error && !g_str_has_prefix(error->message, "fuzz.onnx: "))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  if (onnx)
    run(onnx->graph, onnx->input_channels, onnx->input_height ? onnx->input_height : SIDE,
        onnx->input_width ? onnx->input_width : SIDE);
  return 0;
}
