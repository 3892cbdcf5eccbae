/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Model files: parse, then shapes at a small size. Either may refuse; neither may crash, hang or leak. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(data, size, "fuzz.onnx", NULL);
  if (onnx)
    lus_graph_infer_shapes(onnx->graph, onnx->input_channels > 0 ? onnx->input_channels : 1, 64, 64, NULL);
  return 0;
}
