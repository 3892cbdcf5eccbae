/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key file beside a model. The first character tells the model: '0' an open size, '1' a fixed one, '2' ends in Sigmoid, '3' reads two
 * channels, '4' halves the picture, '5' is wider than can be; '6': a whole file with settings of its own. */
#include "../nn/onnx-bytes.h"
#include "import.h"

static void write_model(int kind, const uint8_t *file, size_t size)
{
  if (kind == 6) {
    g_free(fuzz_named_file("m.onnx", file, size));
    return;
  }
  int channels = kind == 3 ? 2 : 1;
  const gint64 dims[4] = {2, channels, 1, 1};
  const float weights[4] = {1, -1, 1, -1};
  GByteArray *graph = test_graph(channels, kind == 0 ? -1 : 24, kind == 0 ? -1 : kind == 5 ? 20000 : 32);
  GByteArray *conv = test_node("Conv", "x,w", kind == 2 ? "a" : "y");
  if (kind == 4)
    test_attribute_ints(conv, "strides", 2, (const gint64[]){2, 2});
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, weights, (gsize)channels * 2));
  test_add(graph, GRAPH_NODE, conv);
  if (kind == 2)
    test_add(graph, GRAPH_NODE, test_node("Sigmoid", "a", "y"));
  g_autoptr(GByteArray) model = test_model(graph, 17);
  g_free(fuzz_named_file("m.onnx", model->data, model->len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  GError *error = NULL;
  int kind = (uint8_t)(data[0] - '0') % 7;
  write_model(kind, data + 1, size - 1);
  g_free(fuzz_named_file("m.onnx.modelinfo", data + 1, kind == 6 ? 0 : size - 1));
  g_autofree char *path = g_build_filename(fuzz_folder, "m.onnx", NULL);
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_true((model != NULL) == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  if (model) {
    const LusModelInfo *info = lus_model_info(model);
    g_assert_true(info->threshold >= 0 && info->threshold <= 1);
    g_assert_true(kind == 6 || info->n_classes == 2);
  }
  return 0;
}
