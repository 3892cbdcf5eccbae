/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnx-bytes.h"
#include "nn/error.h"
#include "nn/file.h"

#include <string.h>

GByteArray *test_node(const char *type, const char *inputs, const char *output)
{
  GByteArray *node = g_byte_array_new();
  g_auto(GStrv) names = g_strsplit(inputs, ",", -1);
  for (char **name = names; *name; name++)
    lus_wire_put_string(node, NODE_INPUT, *name);
  lus_wire_put_string(node, NODE_OUTPUT, output);
  g_autofree char *name = g_strconcat(output, "_node", NULL);
  lus_wire_put_string(node, NODE_NAME, name);
  lus_wire_put_string(node, NODE_OP_TYPE, type);
  return node;
}

static GByteArray *attribute(const char *name, int type)
{
  GByteArray *out = g_byte_array_new();
  lus_wire_put_string(out, ATTRIBUTE_NAME, name);
  lus_wire_put_varint(out, ATTRIBUTE_TYPE, (guint64)type);
  return out;
}

void test_attribute_int(GByteArray *node, const char *name, gint64 value)
{
  GByteArray *a = attribute(name, LUS_ATTRIBUTE_INT);
  lus_wire_put_varint(a, ATTRIBUTE_I, (guint64)value);
  lus_wire_put_message(node, NODE_ATTRIBUTE, a);
}

void test_attribute_ints(GByteArray *node, const char *name, int n, const gint64 *values)
{
  GByteArray *a = attribute(name, LUS_ATTRIBUTE_INTS);
  for (int i = 0; i < n; i++)
    lus_wire_put_varint(a, ATTRIBUTE_INTS, (guint64)values[i]);
  lus_wire_put_message(node, NODE_ATTRIBUTE, a);
}

void test_attribute_float(GByteArray *node, const char *name, float value)
{
  GByteArray *a = attribute(name, LUS_ATTRIBUTE_FLOAT);
  lus_wire_put_float(a, ATTRIBUTE_F, value);
  lus_wire_put_message(node, NODE_ATTRIBUTE, a);
}

void test_attribute_string(GByteArray *node, const char *name, const char *value)
{
  GByteArray *a = attribute(name, LUS_ATTRIBUTE_STRING);
  lus_wire_put_string(a, ATTRIBUTE_S, value);
  lus_wire_put_message(node, NODE_ATTRIBUTE, a);
}

GByteArray *test_floats(const char *name, int rank, const gint64 *dims, const float *values, gsize n)
{
  GByteArray *tensor = g_byte_array_new();
  for (int i = 0; i < rank; i++)
    lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)dims[i]);
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, LUS_ONNX_FLOAT);
  lus_wire_put_string(tensor, TENSOR_NAME, name);
  lus_wire_put_bytes(tensor, TENSOR_RAW_DATA, values, n * 4);
  return tensor;
}

GByteArray *test_ints(const char *name, int n, const gint64 *values)
{
  GByteArray *tensor = g_byte_array_new();
  lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)n);
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, LUS_ONNX_INT64);
  lus_wire_put_string(tensor, TENSOR_NAME, name);
  for (int i = 0; i < n; i++)
    lus_wire_put_varint(tensor, TENSOR_INT64_DATA, (guint64)values[i]);
  return tensor;
}

GByteArray *test_value_info(const char *name, gint64 c, gint64 h, gint64 w)
{
  const gint64 shape[4] = {1, c, h, w};
  GByteArray *dims = g_byte_array_new(), *tensor = g_byte_array_new(), *type = g_byte_array_new();
  GByteArray *info = g_byte_array_new();
  for (int i = 0; i < 4; i++) {
    GByteArray *dim = g_byte_array_new();
    if (shape[i] >= 0)
      lus_wire_put_varint(dim, DIM_VALUE, (guint64)shape[i]);
    lus_wire_put_message(dims, SHAPE_DIM, dim);
  }
  lus_wire_put_varint(tensor, TENSOR_TYPE_ELEM, LUS_ONNX_FLOAT);
  lus_wire_put_message(tensor, TENSOR_TYPE_SHAPE, dims);
  lus_wire_put_message(type, TYPE_TENSOR, tensor);
  lus_wire_put_string(info, VALUE_INFO_NAME, name);
  lus_wire_put_message(info, VALUE_INFO_TYPE, type);
  return info;
}

void test_add(GByteArray *graph, guint32 field, GByteArray *message)
{
  lus_wire_put_message(graph, field, message);
}

GByteArray *test_graph(gint64 c, gint64 h, gint64 w)
{
  GByteArray *graph = g_byte_array_new();
  test_add(graph, GRAPH_INPUT, test_value_info("x", c, h, w));
  test_add(graph, GRAPH_OUTPUT, test_value_info("y", -1, -1, -1));
  return graph;
}

GByteArray *test_model(GByteArray *graph, int opset)
{
  GByteArray *model = g_byte_array_new(), *import = g_byte_array_new();
  lus_wire_put_varint(model, MODEL_IR_VERSION, 8);
  lus_wire_put_varint(import, OPSET_VERSION, (guint64)opset);
  lus_wire_put_message(model, MODEL_OPSET_IMPORT, import);
  lus_wire_put_message(model, MODEL_GRAPH, graph);
  return model;
}

void test_add_metadata(GByteArray *model, const char *key, const char *value)
{
  GByteArray *entry = g_byte_array_new();
  lus_wire_put_string(entry, METADATA_KEY, key);
  lus_wire_put_string(entry, METADATA_VALUE, value);
  lus_wire_put_message(model, MODEL_METADATA_PROPS, entry);
}

void test_keep(const GByteArray *model)
{
  const char *folder = g_getenv("LUS_SEED_DIR");
  if (!folder)
    return;
  g_autofree char *hash = lus_sha256(model->data, model->len), *path = g_build_filename(folder, hash, NULL);
  g_assert_true(g_file_set_contents(path, (const char *)model->data, (gssize)model->len, NULL));
}

LusOnnx *test_parse(GByteArray *model)
{
  test_keep(model);
  g_autoptr(GError) error = NULL;
  LusOnnx *onnx = lus_onnx_parse(model->data, model->len, "test.onnx", &error);
  g_assert_no_error(error);
  g_assert_nonnull(onnx);
  g_byte_array_unref(model);
  return onnx;
}

void test_refuse(GByteArray *model, int code, const char *text)
{
  test_keep(model);
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(model->data, model->len, "test.onnx", &error);
  g_assert_null(onnx);
  g_assert_nonnull(error);
  g_test_message("%s", error->message);
  g_assert_true(g_str_has_prefix(error->message, "test.onnx: "));
  if (!strstr(error->message, text))
    g_error("'%s' is not in: %s", text, error->message);
  g_assert_error(error, LUS_ERROR, code);
  g_byte_array_unref(model);
}

GHashTable *test_values(void)
{
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)lus_array_free);
}

static GByteArray *test_array(const char *name, const LusArray *array)
{
  GByteArray *tensor = g_byte_array_new();
  for (int i = 0; i < array->rank; i++)
    lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)array->dims[i]);
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, (guint64)array->type);
  lus_wire_put_string(tensor, TENSOR_NAME, name);
  if (array->type != LUS_ONNX_STRING)
    lus_wire_put_bytes(tensor, TENSOR_RAW_DATA, array->data, array->count * lus_type_size(array->type));
  for (gsize i = 0; array->type == LUS_ONNX_STRING && i < array->count; i++)
    lus_wire_put_string(tensor, TENSOR_STRING_DATA, lus_array_string(array, i));
  return tensor;
}

/** A model that works this node out of constants, beside a network that does not need it. */
static void keep_node(GHashTable *values, const LusOnnxNode *node, const LusWire *message, int opset)
{
  if (!g_getenv("LUS_SEED_DIR"))
    return;
  GByteArray *graph = test_graph(1, 8, 8), *copy = g_byte_array_new();
  for (int i = 0; i < node->n_inputs; i++) {
    const LusArray *array = g_hash_table_lookup(values, node->inputs[i]);
    gboolean seen = FALSE;
    for (int k = 0; k < i; k++)
      seen = seen || g_str_equal(node->inputs[k], node->inputs[i]);
    if (array && !seen)
      test_add(graph, GRAPH_INITIALIZER, test_array(node->inputs[i], array));
  }
  g_byte_array_append(copy, message->data, (guint)message->length);
  test_add(graph, GRAPH_NODE, copy);
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", g_strcmp0(node->outputs[0], "y") == 0 ? "z" : "y"));
  g_autoptr(GByteArray) model = test_model(graph, opset);
  test_keep(model);
}

gboolean test_run_node(GHashTable *values, const LusWire *message, int opset, LusOnnxBudget *budget, GError **error)
{
  LusOnnxNode node;
  gboolean ok = lus_onnx_node_parse(&node, message, error);
  LusEval eval = {.node = &node, .opset = opset, .budget = budget};
  if (ok)
    keep_node(values, &node, message, opset);
  for (int i = 0; i < node.n_inputs && ok; i++)
    eval.in[i] = g_hash_table_lookup(values, node.inputs[i]);
  ok = ok && lus_eval_run(&eval, error);
  for (int i = 0; i < node.n_outputs && ok; i++)
    if (eval.out[i])
      g_hash_table_insert(values, g_strdup(node.outputs[i]), g_steal_pointer(&eval.out[i]));
  lus_eval_clear(&eval);
  lus_onnx_node_clear(&node);
  return ok;
}
