/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** The limits that docs/model-files.md lists, each at the limit and one beyond. */
#include "lung/segmenter.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/onnx-array.h"
#include "onnx-bytes.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *folder, *path, *info_path;

/** One convolution with one weight on an input of @h x @w; the rest is @graph's. */
static GByteArray *small_graph(gint64 h, gint64 w)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  GByteArray *graph = test_graph(1, h, w);
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, &one, 1));
  test_add(graph, GRAPH_NODE, test_node("Conv", "x,w", "y"));
  return graph;
}

static void accept(GByteArray *model)
{
  lus_onnx_free(test_parse(model));
}

static GByteArray *with_metadata(guint n, gsize value_bytes)
{
  GByteArray *model = test_model(small_graph(3, 3), 17);
  g_autofree char *value = g_strnfill(value_bytes, 'v');
  for (guint i = 0; i < n; i++) {
    g_autofree char *key = g_strdup_printf("k%u", i);
    test_add_metadata(model, key, value);
  }
  return model;
}

static void test_metadata(void)
{
  accept(with_metadata(LUS_ONNX_MAX_METADATA, 1));
  test_refuse(with_metadata(LUS_ONNX_MAX_METADATA + 1, 1), LUS_ERROR_LIMIT, "more than 1024 metadata entries");
  accept(with_metadata(4, LUS_ONNX_MAX_METADATA_BYTES / 4));
  test_refuse(with_metadata(1, LUS_ONNX_MAX_METADATA_BYTES + 1), LUS_ERROR_LIMIT, "metadata");
  test_refuse(with_metadata(4, LUS_ONNX_MAX_METADATA_BYTES / 4 + 1), LUS_ERROR_LIMIT, "metadata");
}

static void test_names(void)
{
  for (int beyond = 0; beyond <= 1; beyond++) {
    g_autofree char *name = g_strnfill((gsize)(LUS_ONNX_MAX_NAME + beyond), 'n');
    GByteArray *graph = test_graph(1, 3, 3);
    test_add(graph, GRAPH_NODE, test_node("Relu", "x", name));
    test_add(graph, GRAPH_NODE, test_node("Relu", name, "y"));
    GByteArray *model = test_model(graph, 17);
    /* the node's own name is made from its output's and longer */
    test_refuse(model, LUS_ERROR_LIMIT, "more than 4096 bytes in a name");
    graph = test_graph(1, 3, 3);
    const gint64 dims[4] = {1, 1, 1, 1};
    const float one = 1;
    g_autofree char *inputs = g_strconcat("x,", name, NULL);
    test_add(graph, GRAPH_INITIALIZER, test_floats(name, 4, dims, &one, 1));
    test_add(graph, GRAPH_NODE, test_node("Conv", inputs, "y"));
    if (beyond)
      test_refuse(test_model(graph, 17), LUS_ERROR_LIMIT, "more than 4096 bytes in a name");
    else
      accept(test_model(graph, 17));
  }
}

/** A chain of @n Relus. */
static GByteArray *chain(int n)
{
  GByteArray *graph = test_graph(1, 1, 1);
  for (int i = 0; i < n; i++) {
    g_autofree char *from = i == 0 ? g_strdup("x") : g_strdup_printf("v%d", i);
    g_autofree char *to = i == n - 1 ? g_strdup("y") : g_strdup_printf("v%d", i + 1);
    test_add(graph, GRAPH_NODE, test_node("Relu", from, to));
  }
  return test_model(graph, 17);
}

static void test_nodes(void)
{
  accept(chain(LUS_ONNX_MAX_NODES));
  test_refuse(chain(LUS_ONNX_MAX_NODES + 1), LUS_ERROR_LIMIT, "more than 100000 nodes");
}

static void test_tensors(void)
{
  for (int n = LUS_ONNX_MAX_NODES; n <= LUS_ONNX_MAX_NODES + 1; n++) {
    GByteArray *graph = small_graph(3, 3);
    const float one = 1;
    for (int i = 1; i < n; i++) {
      g_autofree char *name = g_strdup_printf("t%d", i);
      test_add(graph, GRAPH_INITIALIZER, test_floats(name, 0, NULL, &one, 1));
    }
    if (n > LUS_ONNX_MAX_NODES)
      test_refuse(test_model(graph, 17), LUS_ERROR_LIMIT, "more than 100000 tensors");
    else
      accept(test_model(graph, 17));
  }
}

static GByteArray *with_constant(int rank, const gint64 *dims)
{
  GByteArray *graph = small_graph(3, 3);
  const float one = 1;
  test_add(graph, GRAPH_INITIALIZER, test_floats("c", rank, dims, &one, 1));
  return test_model(graph, 17);
}

/** At the limit a tensor fails for its missing data alone. */
static void test_elements(void)
{
  const gint64 dims[2] = {1 << 14, 1 << 14}, more[2] = {1 << 14, (1 << 14) + 1}, ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  test_refuse(with_constant(2, dims), LUS_ERROR_INVALID, "shorter or longer");
  test_refuse(with_constant(2, more), LUS_ERROR_LIMIT, "more than 268435456 elements");
  accept(with_constant(8, ones));
  test_refuse(with_constant(9, ones), LUS_ERROR_INVALID, "more than 8 dimensions");
}

static GByteArray *concat(int n_inputs, int n_outputs)
{
  GByteArray *graph = test_graph(1, 3, 3);
  g_autoptr(GString) inputs = g_string_new("x");
  for (int i = 1; i < n_inputs; i++)
    g_string_append(inputs, ",x");
  GByteArray *node = test_node("Concat", inputs->str, "y");
  for (int i = 1; i < n_outputs; i++)
    lus_wire_put_string(node, NODE_OUTPUT, "");
  test_attribute_int(node, "axis", 1);
  test_add(graph, GRAPH_NODE, node);
  return test_model(graph, 17);
}

static void test_inputs_and_outputs(void)
{
  accept(concat(16, 8));
  test_refuse(concat(17, 1), LUS_ERROR_LIMIT, "more than 16 inputs");
  test_refuse(concat(1, 9), LUS_ERROR_LIMIT, "more than 8 outputs");
}

/** A ConstantOfShape of @n bytes less the eight of its shape. */
static GByteArray *folded(gint64 n)
{
  const gint64 size = (n - 8) / 4;
  GByteArray *graph = small_graph(3, 3);
  test_add(graph, GRAPH_INITIALIZER, test_ints("size", 1, &size));
  test_add(graph, GRAPH_NODE, test_node("ConstantOfShape", "size", "c"));
  return test_model(graph, 17);
}

static void test_folding(void)
{
  g_autoptr(GByteArray) model = folded(1 << 20);
  const gint64 most = (gint64)(LUS_ONNX_FREE_FOLDED_BYTES + model->len * LUS_ONNX_FOLDED_PER_BYTE);
  accept(folded(most / 4 * 4));
  test_refuse(folded(most / 4 * 4 + 4 + 16), LUS_ERROR_LIMIT, "a file of this size");
  g_assert_cmpuint(lus_onnx_budget(0).bytes, ==, LUS_ONNX_FREE_FOLDED_BYTES);
  g_assert_cmpuint(lus_onnx_budget(1000).work, ==, LUS_ONNX_FREE_FOLDED_WORK + 16000);
  g_assert_cmpuint(lus_onnx_budget(G_MAXSIZE).bytes, ==, LUS_ONNX_MAX_FOLDED_BYTES);
  g_assert_cmpuint(lus_onnx_budget(G_MAXSIZE).work, ==, LUS_ONNX_MAX_FOLDED_WORK);
}

/* ---- files ---- */

static void write_model(gint64 h, gint64 w)
{
  g_autoptr(GByteArray) model = test_model(small_graph(h, w), 17);
  g_assert_true(lus_file_write(path, model->data, model->len, NULL));
}

static void write_info(const char *text, gsize length)
{
  g_assert_true(lus_file_write(info_path, text, length, NULL));
}

static void load(int code, const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  if (!text) {
    g_assert_no_error(error);
    g_assert_nonnull(model);
    return;
  }
  g_assert_null(model);
  g_assert_error(error, LUS_ERROR, code);
  if (!strstr(error->message, text))
    g_error("'%s'", error->message);
}

static void test_input_size(void)
{
  const char *classes = "[lus]\nclasses=a\n";
  write_info(classes, strlen(classes));
  write_model(4096, 1);
  load(0, NULL);
  write_model(1, 4096);
  load(0, NULL);
  write_model(4097, 1);
  load(LUS_ERROR_LIMIT, "at most 4096x4096");
  write_model(1, 4097);
  load(LUS_ERROR_LIMIT, "at most 4096x4096");
}

/** Beyond the limit nothing is read: the file has a hole of a GiB. A file at the limit would be read
 *  into memory as a whole, and is not tried. */
static void test_file_size(void)
{
  g_assert_true(g_file_set_contents(path, "", 0, NULL));
  g_assert_cmpint(truncate(path, (off_t)LUS_ONNX_MAX_BYTES + 1), ==, 0);
  load(LUS_ERROR_LIMIT, "at most 1073741824 are read");
  g_unlink(path);
}

static void test_info_size(void)
{
  const gsize limit = (gsize)1 << 20;
  g_autofree char *text = g_strnfill(limit + 1, '\n');
  memcpy(text, "[lus]\nclasses=a", 15);
  write_model(8, 8);
  write_info(text, limit);
  load(0, NULL);
  write_info(text, limit + 1);
  load(LUS_ERROR_LIMIT, "at most 1048576 are read");
}

static void test_classes(void)
{
  g_autofree char *name = g_strnfill(48, 'c'), *good = g_strdup_printf("[lus]\nclasses=%s\n", name),
                  *bad = g_strdup_printf("[lus]\nclasses=%sc\n", name);
  const char *sixteen = "[lus]\nclasses=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\n",
             *seventeen = "[lus]\nclasses=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n";
  write_model(8, 8);
  write_info(good, strlen(good));
  load(0, NULL);
  write_info(bad, strlen(bad));
  load(LUS_ERROR_INVALID, "classes");
  write_info(sixteen, strlen(sixteen));
  load(LUS_ERROR_INVALID, "1 outputs but 16 classes");
  write_info(seventeen, strlen(seventeen));
  load(LUS_ERROR_INVALID, "give 1 to 16 names");
}

/* ---- what a good file computes ---- */

/** What the network makes of a picture of 64 x 64 is refused: an empty mask would look like a finding. */
static void refuse_result(GByteArray *graph)
{
  guint8 pixels[64 * 64];
  const LusImage image = {.format = LUS_FORMAT_GRAY8, .width = 64, .height = 64, .planes = {pixels}, .strides = {64},
                          .full_range = TRUE};
  const LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_NONE, .threads = 1};
  const char *info = "[lus]\nclasses=a\nnormalise=fixed\nmean=-1\nstd=0.001\n";
  g_autoptr(GError) error = NULL;
  LusSegmentation *segmentation = NULL;
  g_autoptr(GByteArray) bytes = test_model(graph, 17);
  g_assert_true(lus_file_write(path, bytes->data, bytes->len, NULL));
  write_info(info, strlen(info));
  memset(pixels, 100, sizeof pixels);
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_no_error(error);
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(model, &config, &error);
  g_assert_no_error(error);
  g_assert_true(lus_segmenter_set_frame_size(segmenter, 64, 64, &error));
  g_assert_false(lus_segmenter_run(segmenter, &segmentation, &image, 0, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, "NaN or infinity"));
  g_assert_null(segmentation);
}

/** Weights that are finite and too large give infinity, and that less itself NaN, which nothing that follows hides. */
static void test_overflow(void)
{
  static const char *const last[] = {NULL, "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "MaxPool",
                                     "Clip", "QuantizeLinear"};
  const gint64 dims[4] = {1, 1, 1, 1}, kernel[2] = {3, 3}, pads[4] = {1, 1, 1, 1};
  const float huge = 3e38f, half = .5f, six = 6;
  for (gsize i = 0; i < G_N_ELEMENTS(last); i++) {
    GByteArray *graph = test_graph(1, 64, 64), *node;
    test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, &huge, 1));
    test_add(graph, GRAPH_INITIALIZER, test_floats("half", 0, NULL, &half, 1));
    test_add(graph, GRAPH_INITIALIZER, test_floats("six", 0, NULL, &six, 1));
    test_add(graph, GRAPH_NODE, test_node("Conv", "x,w", last[i] ? "a" : "y"));
    if (last[i]) {
      gboolean codes = g_str_equal(last[i], "QuantizeLinear");
      test_add(graph, GRAPH_NODE, test_node("Sub", "a,a", "b"));
      node = test_node(last[i], g_str_equal(last[i], "Clip") ? "b,half,six" : codes ? "b,half" : "b", codes ? "c" : "y");
      if (g_str_equal(last[i], "MaxPool")) {
        test_attribute_ints(node, "kernel_shape", 2, kernel);
        test_attribute_ints(node, "pads", 4, pads);
      }
      test_add(graph, GRAPH_NODE, node);
      if (codes)
        test_add(graph, GRAPH_NODE, test_node("DequantizeLinear", "c,half", "y"));
    }
    refuse_result(graph);
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("lus-limits-XXXXXX", NULL);
  path = g_build_filename(folder, "model.onnx", NULL);
  info_path = g_build_filename(folder, "model.onnx.modelinfo", NULL);
  g_test_add_func("/nn/model-limits/metadata", test_metadata);
  g_test_add_func("/nn/model-limits/names", test_names);
  g_test_add_func("/nn/model-limits/nodes", test_nodes);
  g_test_add_func("/nn/model-limits/tensors", test_tensors);
  g_test_add_func("/nn/model-limits/elements", test_elements);
  g_test_add_func("/nn/model-limits/inputs-and-outputs", test_inputs_and_outputs);
  g_test_add_func("/nn/model-limits/folding", test_folding);
  g_test_add_func("/nn/model-limits/input-size", test_input_size);
  g_test_add_func("/nn/model-limits/file-size", test_file_size);
  g_test_add_func("/nn/model-limits/info-size", test_info_size);
  g_test_add_func("/nn/model-limits/classes", test_classes);
  g_test_add_func("/nn/model-limits/overflow", test_overflow);
  int failed = g_test_run();
  g_unlink(path);
  g_unlink(info_path);
  g_rmdir(folder);
  return failed;
}
