/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/file.h"
#include "nn/model.h"
#include "onnx-bytes.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder, *path, *info_path;

/** One 1x1 convolution from one channel to @classes; with Sigmoid behind it if asked for. */
static LusGraph *tiny(int classes, gboolean sigmoid)
{
  LusGraph *graph = lus_graph_new();
  int x = lus_graph_add_input(graph, "luma");
  LusTensor *weight = lus_tensor_new(4, (int[]){classes, 1, 1, 1}, NULL);
  for (int i = 0; i < classes; i++)
    weight->data[i] = (float)(i + 1);
  int w = lus_graph_add_constant(graph, "w", weight);
  int y = lus_graph_add_node(graph, LUS_OP_CONV, "logits", 2, (int[]){x, w}, NULL);
  if (sigmoid)
    y = lus_graph_add_node(graph, LUS_OP_SIGMOID, "confidence", 1, &y, NULL);
  lus_graph_set_output(graph, y);
  return graph;
}

static void set_up_info(LusModelInfo *info)
{
  lus_model_info_init(info);
  info->width = 40;
  info->height = 24;
}

static void save(const LusGraph *graph, const LusModelInfo *info)
{
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_model_save(graph, info, path, &error));
  g_assert_no_error(error);
}

static LusModel *load(void)
{
  g_autoptr(GError) error = NULL;
  LusModel *model = lus_model_load(path, &error);
  g_assert_no_error(error);
  return model;
}

static void refuse(int code, const char *text)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_model_load(path, &error));
  if (!error || !strstr(error->message, text) || !strstr(error->message, path))
    g_error("%s", error ? error->message : "no error");
  g_assert_error(error, LUS_ERROR, code);
}

/** A model without any setting of ours, as another program writes it. */
static void write_foreign(int classes, gint64 h, gint64 w, int channels)
{
  const gint64 dims[4] = {classes, channels, 1, 1};
  g_autofree float *weights = g_new0(float, classes * channels);
  GByteArray *graph = test_graph(channels, h, w);
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, weights, (gsize)(classes * channels)));
  test_add(graph, GRAPH_NODE, test_node("Conv", "x,w", "y"));
  g_autoptr(GByteArray) model = test_model(graph, 13);
  g_assert_true(lus_file_write(path, model->data, model->len, NULL));
}

static void write_info(const char *text)
{
  g_assert_true(lus_file_write(info_path, text, strlen(text), NULL));
}

static void test_round_trip(void)
{
  LusModelInfo info;
  set_up_info(&info);
  info.threshold = .55f;
  info.normalise = (LusNormalise){.mode = LUS_NORMALISE_FIXED, .mean = .1f, .std = .25f};
  g_free(info.licence);
  info.licence = g_strdup("LGPL-2.1-or-later");
  g_free(info.training);
  info.training = g_strdup("{\"seed\":7}");
  g_autoptr(LusGraph) graph = tiny(3, FALSE);
  save(graph, &info);
  g_autoptr(LusModel) model = load();
  const LusModelInfo *read = lus_model_info(model);
  g_assert_cmpint(read->n_classes, ==, 3);
  g_assert_cmpstr(read->classes[0], ==, "pleural_line");
  g_assert_cmpstr(read->classes[2], ==, "vertical_line");
  g_assert_cmpint(lus_model_info_class(read, "fascia_band"), ==, 1);
  g_assert_cmpint(lus_model_info_class(read, "a_line"), ==, -1);
  g_assert_cmpfloat(read->threshold, ==, .55f);
  g_assert_cmpint(read->width, ==, 40);
  g_assert_cmpint(read->height, ==, 24);
  g_assert_cmpint(read->channels, ==, 1);
  g_assert_cmpint(read->normalise.mode, ==, LUS_NORMALISE_FIXED);
  g_assert_cmpfloat(read->normalise.mean, ==, .1f);
  g_assert_cmpfloat(read->normalise.std, ==, .25f);
  g_assert_true(read->logits);
  g_assert_cmpstr(read->licence, ==, "LGPL-2.1-or-later");
  g_assert_cmpstr(read->training, ==, "{\"seed\":7}");
  g_assert_cmpstr(read->version, ==, lus_version());
  g_assert_cmpint(lus_model_opset(model), ==, 17);
  g_assert_cmpstr(lus_model_producer(model), ==, "lus");
  g_assert_cmpstr(lus_model_path(model), ==, path);

  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(path, 1 << 20, &length, NULL);
  g_autofree char *hash = lus_sha256(bytes, length);
  g_assert_cmpstr(lus_model_sha256(model), ==, hash);
  g_autoptr(LusGraph) copy = lus_model_graph(model, NULL);
  g_assert_cmpint(copy->n_nodes, ==, 1);
  g_assert_cmpfloat(copy->values[1].constant->data[2], ==, 3);
  lus_model_info_clear(&info);
}

/** The format has no end mark: a file of ours that was cut anywhere is not taken for one with other settings. */
static void test_cut(void)
{
  LusModelInfo info;
  gsize length = 0;
  set_up_info(&info);
  g_autoptr(LusGraph) graph = tiny(3, FALSE);
  save(graph, &info);
  lus_model_info_clear(&info);
  g_autofree guint8 *bytes = lus_file_read(path, 1 << 20, &length, NULL);
  for (gsize n = 0; n < length; n++) {
    g_unlink(path);
    g_assert_true(g_file_set_contents_full(path, (const char *)bytes, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0666, NULL));
    refuse(LUS_ERROR_INVALID, "");
  }
}

static void test_references(void)
{
  g_autoptr(LusGraph) graph = tiny(3, FALSE);
  LusModelInfo info;
  set_up_info(&info);
  save(graph, &info);
  LusModel *model = load();
  g_assert_true(lus_model_ref(model) == model);
  lus_model_unref(model);
  g_assert_cmpint(lus_model_info(model)->n_classes, ==, 3);
  lus_model_unref(model);
  lus_model_unref(NULL);
  lus_model_info_clear(&info);
}

/** The key file stands in where the model is silent. */
static void test_key_file(void)
{
  write_foreign(2, -1, -1, 3);
  refuse(LUS_ERROR_INVALID, "input size is open");
  write_info(
      "[lus]\nclasses=pleural_line, a_line\ninput_size=64x32\nthreshold=0.25\nnormalise=fixed\nmean=0.5\nstd=0.2\n"
      "output=sigmoid\n");
  g_autoptr(LusModel) model = load();
  const LusModelInfo *info = lus_model_info(model);
  g_assert_cmpint(info->n_classes, ==, 2);
  g_assert_cmpstr(info->classes[1], ==, "a_line");
  g_assert_cmpint(info->channels, ==, 3);
  g_assert_cmpint(info->width, ==, 64);
  g_assert_cmpint(info->height, ==, 32);
  g_assert_cmpfloat(info->threshold, ==, .25f);
  g_assert_cmpint(info->normalise.mode, ==, LUS_NORMALISE_FIXED);
  g_assert_cmpfloat(info->normalise.mean, ==, .5f);
  g_assert_false(info->logits);
  g_assert_cmpstr(info->version, ==, "");
  g_unlink(info_path);
}

/** The key file's input size is known while the nodes are read: Slice needs it. */
static void test_key_file_size(void)
{
  GByteArray *graph = test_graph(1, -1, -1);
  test_add(graph, GRAPH_INITIALIZER, test_ints("start", 1, (const gint64[]){1}));
  test_add(graph, GRAPH_INITIALIZER, test_ints("end", 1, (const gint64[]){G_MAXINT64}));
  test_add(graph, GRAPH_INITIALIZER, test_ints("axis", 1, (const gint64[]){2}));
  test_add(graph, GRAPH_NODE, test_node("Slice", "x,start,end,axis", "below"));
  test_add(graph, GRAPH_INITIALIZER, test_ints("one", 1, (const gint64[]){1}));
  test_add(graph, GRAPH_INITIALIZER, test_ints("zero", 1, (const gint64[]){0}));
  test_add(graph, GRAPH_NODE, test_node("Slice", "x,zero,one,axis", "top"));
  GByteArray *concat = test_node("Concat", "top,below", "y");
  test_attribute_int(concat, "axis", 2);
  test_add(graph, GRAPH_NODE, concat);
  GByteArray *bytes = test_model(graph, 13);
  g_assert_true(lus_file_write(path, bytes->data, bytes->len, NULL));
  g_byte_array_unref(bytes);
  refuse(LUS_ERROR_UNSUPPORTED, "needs the input's size");
  write_info("[lus]\nclasses=a\ninput_size=7x5\n");
  g_autoptr(LusModel) model = load();
  g_assert_cmpint(lus_model_info(model)->width, ==, 7);
  g_assert_cmpint(lus_model_info(model)->height, ==, 5);
  g_unlink(info_path);
}

/** What the model says itself goes before the key file. */
static void test_precedence(void)
{
  g_autoptr(LusGraph) graph = tiny(3, FALSE);
  LusModelInfo info;
  set_up_info(&info);
  save(graph, &info);
  write_info("[lus]\nthreshold=0.1\n");
  g_autoptr(LusModel) model = load();
  g_assert_cmpfloat(lus_model_info(model)->threshold, ==, .6f);
  g_unlink(info_path);
  lus_model_info_clear(&info);
}

static void refuse_setting(const char *setting, const char *text)
{
  g_autofree char *all = g_strdup_printf("[lus]\n%s\n", setting);
  write_info(all);
  refuse(LUS_ERROR_INVALID, text);
}

static void test_settings(void)
{
  write_foreign(3, 24, 40, 1);
  lus_model_unref(load());
  refuse_setting("threshold=1.5", "setting threshold is '1.5'; give a number from 0 to 1");
  refuse_setting("threshold=nan", "threshold");
  refuse_setting("threshold=0,6", "threshold");
  refuse_setting("input_size=40", "WIDTHxHEIGHT");
  refuse_setting("input_size=40x24x3", "WIDTHxHEIGHT");
  refuse_setting("input_size=40x0", "WIDTHxHEIGHT");
  refuse_setting("input_size=-40x24", "WIDTHxHEIGHT");
  refuse_setting("input_size=24x40", "fixed to 40x24");
  refuse_setting("classes=a,b,a", "different names");
  refuse_setting("classes=a,../b,c", "letters, digits");
  refuse_setting("classes=a,,c", "letters, digits");
  refuse_setting("classes=a,b", "3 outputs but 2 classes");
  refuse_setting("classes=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "1 to 16 names");
  refuse_setting("normalise=none", "give lit or fixed");
  refuse_setting("normalise=fixed\nstd=0", "std");
  refuse_setting("output=softmax", "give sigmoid or logits");
  write_info("threshold\n");
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_model_load(path, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, info_path));
  g_unlink(info_path);
}

static void test_output(void)
{
  LusModelInfo info;
  set_up_info(&info);
  g_autoptr(LusGraph) graph = tiny(3, TRUE);
  info.logits = FALSE;
  save(graph, &info);
  g_autoptr(LusModel) model = load();
  g_assert_false(lus_model_info(model)->logits);
  info.logits = TRUE;
  save(graph, &info);
  refuse(LUS_ERROR_INVALID, "ends in Sigmoid");
  lus_model_info_clear(&info);
}

/** Confidences need no Sigmoid on top: a foreign network that ends in Softmax or HardSigmoid has them. */
static void test_output_of_shares(void)
{
  const char *const types[] = {"Softmax", "HardSigmoid"};
  const gint64 dims[4] = {3, 1, 1, 1};
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    GByteArray *graph = test_graph(1, 32, 64);
    test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, (const float[]){1, 2, 3}, 3));
    test_add(graph, GRAPH_NODE, test_node("Conv", "x,w", "z"));
    GByteArray *node = test_node(types[i], "z", "y");
    if (i == 0)
      test_attribute_int(node, "axis", 1);
    test_add(graph, GRAPH_NODE, node);
    g_autoptr(GByteArray) bytes = test_model(graph, 13);
    g_assert_true(lus_file_write(path, bytes->data, bytes->len, NULL));
    g_autoptr(LusModel) model = load();
    g_assert_false(lus_model_info(model)->logits);
    write_info("[lus]\noutput=logits\n");
    g_autoptr(LusModel) told = load();
    g_assert_true(lus_model_info(told)->logits);
    g_unlink(info_path);
  }
}

static void test_shapes(void)
{
  write_foreign(3, 24, 40, 2);
  refuse(LUS_ERROR_UNSUPPORTED, "2 channels");
  write_foreign(3, 24, 5000, 1);
  refuse(LUS_ERROR_LIMIT, "5000x24");
  LusModelInfo info;
  set_up_info(&info);
  g_autoptr(LusGraph) graph = tiny(3, FALSE);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.scale[0] = 2;
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_RESIZE, "up", 1, &graph->output, &attrs));
  save(graph, &info);
  refuse(LUS_ERROR_UNSUPPORTED, "output is 40x48 for an input of 40x24");
  lus_model_info_clear(&info);
}

static void test_files(void)
{
  g_unlink(path);
  refuse(LUS_ERROR_IO, "No such file");
  g_assert_true(lus_file_write(path, "hello, this is no model\n", 24, NULL));
  refuse(LUS_ERROR_INVALID, "not ONNX");
  g_assert_true(lus_file_write(path, "", 0, NULL));
  refuse(LUS_ERROR_INVALID, "no graph");
}

static void test_bundled_path(void)
{
  g_autofree char *before = g_strdup(g_getenv("LUS_MODEL_DIR"));
  g_setenv("LUS_MODEL_DIR", "/models", TRUE);
  g_autofree char *set = lus_model_bundled_path("default.onnx");
  g_assert_cmpstr(set, ==, "/models/default.onnx");
  /* What nobody named is explained; what somebody did is not there, and that is all. */
  g_autoptr(GError) bundled = NULL, other = NULL;
  g_assert_null(lus_model_load(set, &bundled));
  g_assert_error(bundled, LUS_ERROR, LUS_ERROR_IO);
  g_assert_true(g_str_has_prefix(bundled->message, "/models/default.onnx: cannot open: "));
  g_assert_nonnull(strstr(bundled->message, "set LUS_MODEL_DIR to the folder with default.onnx"));
  g_assert_null(lus_model_load("/models/other.onnx", &other));
  g_assert_null(strstr(other->message, "LUS_MODEL_DIR"));
  g_unsetenv("LUS_MODEL_DIR");
  g_autofree char *installed = lus_model_bundled_path("default.onnx");
  g_assert_true(g_str_has_suffix(installed, "/lus/models/default.onnx"));
  if (before)
    g_setenv("LUS_MODEL_DIR", before, TRUE);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp(NULL, NULL);
  path = g_build_filename(folder, "m.onnx", NULL);
  info_path = g_strconcat(path, ".modelinfo", NULL);
  g_test_add_func("/nn/model/round-trip", test_round_trip);
  g_test_add_func("/nn/model/cut", test_cut);
  g_test_add_func("/nn/model/references", test_references);
  g_test_add_func("/nn/model/key-file", test_key_file);
  g_test_add_func("/nn/model/key-file-size", test_key_file_size);
  g_test_add_func("/nn/model/precedence", test_precedence);
  g_test_add_func("/nn/model/settings", test_settings);
  g_test_add_func("/nn/model/output", test_output);
  g_test_add_func("/nn/model/output-of-shares", test_output_of_shares);
  g_test_add_func("/nn/model/shapes", test_shapes);
  g_test_add_func("/nn/model/files", test_files);
  g_test_add_func("/nn/model/bundled-path", test_bundled_path);
  int code = g_test_run();
  g_unlink(path);
  g_rmdir(folder);
  g_free(folder);
  g_free(path);
  g_free(info_path);
  return code;
}
