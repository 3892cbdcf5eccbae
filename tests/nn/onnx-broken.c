/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "onnx-bytes.h"

#include <math.h>
#include <string.h>

/* What goes wrong in model files, one test per class of bug: each file gives one clean error, or a graph. */

/** A convolution whose weight is the given TensorProto. */
static GByteArray *with_weight(GByteArray *tensor)
{
  GByteArray *graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_INITIALIZER, tensor);
  test_add(graph, GRAPH_NODE, test_node("Conv", "x,w", "y"));
  return test_model(graph, 17);
}

static GByteArray *with_node(GByteArray *node)
{
  GByteArray *graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_NODE, node);
  return test_model(graph, 17);
}

static GByteArray *small_model(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  return with_weight(test_floats("w", 4, dims, &one, 1));
}

static void test_dims_overflow(void)
{
  const gint64 product[4] = {1 << 20, 1 << 20, 1 << 20, 1 << 20}, huge[1] = {G_MAXINT64}, negative[2] = {1, -1};
  const gint64 nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const float one = 1;
  test_refuse(with_weight(test_floats("w", 4, product, &one, 1)), LUS_ERROR_LIMIT, "tensor 'w'");
  test_refuse(with_weight(test_floats("w", 1, huge, &one, 1)), LUS_ERROR_LIMIT, "elements");
  test_refuse(with_weight(test_floats("w", 2, negative, &one, 1)), LUS_ERROR_INVALID, "negative dimension");
  test_refuse(with_weight(test_floats("w", 9, nine, &one, 1)), LUS_ERROR_INVALID, "more than 8 dimensions");
}

/** A length of nearly 2^64: adding the offset would wrap. */
static void test_length_wrap(void)
{
  static const guint8 wrap[] = {0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0};
  static const guint8 long_varint[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  static const guint8 group[] = {0x0b}, zero_field[] = {0x00, 0x00};
  test_refuse(g_byte_array_append(g_byte_array_new(), wrap, sizeof wrap), LUS_ERROR_INVALID, "longer than the message");
  test_refuse(g_byte_array_append(g_byte_array_new(), long_varint, sizeof long_varint), LUS_ERROR_INVALID, "64 bits");
  test_refuse(g_byte_array_append(g_byte_array_new(), group, sizeof group), LUS_ERROR_INVALID, "wire type");
  test_refuse(g_byte_array_append(g_byte_array_new(), zero_field, sizeof zero_field), LUS_ERROR_INVALID,
              "impossible number");
}

/** kernel_shape says one thing, the weight's dimensions another; axes and numbers of different lengths. */
static void test_counts_disagree(void)
{
  const gint64 dims[4] = {1, 1, 3, 3}, kernel[2] = {3, 4}, strides[3] = {1, 1, 1};
  const float weight[9] = {0};
  const char *const operators[2] = {"Conv", "ConvTranspose"};
  GByteArray *graph, *conv;
  for (int i = 0; i < 2; i++) {
    graph = test_graph(1, 3, 3);
    conv = test_node(operators[i], "x,w", "y");
    test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, weight, 9));
    test_attribute_ints(conv, "kernel_shape", 2, kernel);
    test_add(graph, GRAPH_NODE, conv);
    test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "kernel_shape");
  }

  graph = test_graph(1, 3, 3);
  conv = test_node("Conv", "x,w", "y");
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, weight, 9));
  test_attribute_ints(conv, "strides", 3, strides);
  test_add(graph, GRAPH_NODE, conv);
  test_refuse(test_model(graph, 17), LUS_ERROR_UNSUPPORTED, "'strides' has 3 numbers");
}

/** Weights may begin anywhere in the file: each offset gives the same numbers. */
static void test_alignment(void)
{
  for (guint pad = 0; pad < 8; pad++) {
    g_autofree char *name = g_strnfill(pad + 1, 'w');
    g_autofree char *inputs = g_strconcat("x,", name, NULL);
    const gint64 dims[4] = {1, 1, 1, 1};
    const float value = 1.25f;
    GByteArray *graph = test_graph(1, 3, 3);
    test_add(graph, GRAPH_INITIALIZER, test_floats(name, 4, dims, &value, 1));
    test_add(graph, GRAPH_NODE, test_node("Conv", inputs, "y"));
    g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 17));
    g_assert_cmpfloat(onnx->graph->values[onnx->graph->nodes[0].inputs[1]].constant->data[0], ==, 1.25f);
  }
}

static void test_data_length(void)
{
  const gint64 dims[4] = {1, 1, 1, 2};
  const float data[3] = {0};
  test_refuse(with_weight(test_floats("w", 4, dims, data, 1)), LUS_ERROR_INVALID,
              "tensor 'w': its data is shorter or longer");
  test_refuse(with_weight(test_floats("w", 4, dims, data, 3)), LUS_ERROR_INVALID, "shorter or longer");
  test_refuse(with_weight(test_floats("w", 4, dims, data, 0)), LUS_ERROR_INVALID, "shorter or longer");
  GByteArray *twice = test_floats("w", 4, dims, data, 2);
  lus_wire_put_bytes(twice, TENSOR_FLOAT_DATA, data, 8);
  test_refuse(with_weight(twice), LUS_ERROR_INVALID, "twice");
}

static void test_type_confusion(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  GByteArray *tensor = test_floats("w", 4, dims, &one, 1);
  lus_wire_put_varint(tensor, TENSOR_INT64_DATA, 1);
  test_refuse(with_weight(tensor), LUS_ERROR_INVALID, "another type");

  GByteArray *ints = test_ints("w", 1, dims);
  test_refuse(with_weight(ints), LUS_ERROR_UNSUPPORTED, "data type 7");

  GByteArray *relu = test_node("MaxPool", "x", "y");
  test_attribute_int(relu, "kernel_shape", 2);
  test_refuse(with_node(relu), LUS_ERROR_INVALID, "attribute 'kernel_shape' has type 2");

  /* A tensor where a message is expected, and a number where bytes are. */
  GByteArray *graph = test_graph(1, 3, 3);
  lus_wire_put_varint(graph, GRAPH_NODE, 7);
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "wrong type");
}

/** Arrays of fixed size are indexed by values of the file: at the limit, and one further. */
static void test_fixed_arrays(void)
{
  const gint64 numbers[17] = {0};
  for (int n = 16; n <= 17; n++) {
    GByteArray *node = test_node("MaxPool", "x", "y");
    test_attribute_ints(node, "pads", n, numbers);
    test_refuse(with_node(node), n == 16 ? LUS_ERROR_INVALID : LUS_ERROR_LIMIT,
                n == 16 ? "kernel_shape is missing" : "more than 16 numbers");
  }
  for (int n = 24; n <= 25; n++) {
    GByteArray *node = test_node("Relu", "x", "y");
    for (int i = 0; i < n; i++) {
      g_autofree char *name = g_strdup_printf("a%d", i);
      test_attribute_int(node, name, 0);
    }
    test_refuse(with_node(node), n == 24 ? LUS_ERROR_UNSUPPORTED : LUS_ERROR_LIMIT,
                n == 24 ? "attribute 'a0' is not known" : "more than 24 attributes");
  }
  GByteArray *graph = test_graph(1, 3, 3), *node = test_node("Concat", "i,i,i,i,i,i,i,i,i,i,i,i,i,i,i,i,i", "y");
  test_add(graph, GRAPH_NODE, node);
  test_refuse(test_model(graph, 17), LUS_ERROR_LIMIT, "more than 16 inputs");
  GByteArray *gather_graph = test_graph(1, 3, 3);
  const gint64 four = 4, one = 1;
  test_add(gather_graph, GRAPH_INITIALIZER, test_ints("four", 1, &four));
  test_add(gather_graph, GRAPH_INITIALIZER, test_ints("vector", 1, &one));
  test_add(gather_graph, GRAPH_NODE, test_node("Gather", "vector,four", "y"));
  test_refuse(test_model(gather_graph, 17), LUS_ERROR_INVALID, "not there");
}

static void test_rank_mismatch(void)
{
  const gint64 three[3] = {1, 1, 1}, four[4] = {1, 1, 1, 1}, two[2] = {1, 1};
  const float one = 1;
  test_refuse(with_weight(test_floats("w", 3, three, &one, 1)), LUS_ERROR_UNSUPPORTED, "4 dimensions");
  GByteArray *graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, four, &one, 1));
  test_add(graph, GRAPH_INITIALIZER, test_floats("b", 2, two, &one, 1));
  test_add(graph, GRAPH_NODE, test_node("Conv", "x,w,b", "y"));
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "bias");
  GByteArray *channels = test_graph(2, 3, 3);
  test_add(channels, GRAPH_INITIALIZER, test_floats("w", 4, four, &one, 1));
  test_add(channels, GRAPH_NODE, test_node("Conv", "x,w", "y"));
  test_refuse(test_model(channels, 17), LUS_ERROR_INVALID, "2 input channels");
}

/** A few bytes that ask for gigabytes. */
static void test_allocation_bomb(void)
{
  const gint64 dims[4] = {1 << 14, 1 << 14, 1, 1};
  test_refuse(with_weight(test_floats("w", 4, dims, NULL, 0)), LUS_ERROR_INVALID, "shorter or longer");
  GByteArray *graph = test_graph(1, 30000, 30000);
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", "y"));
  test_refuse(test_model(graph, 17), LUS_ERROR_LIMIT, "elements");
}

/** Sub-graphs in attributes in sub-graphs: a reader that follows them runs out of stack. */
static void test_recursion(void)
{
  GByteArray *inner = g_byte_array_new();
  for (int depth = 0; depth < 3000; depth++) {
    GByteArray *attribute = g_byte_array_new(), *node = g_byte_array_new();
    lus_wire_put_string(attribute, ATTRIBUTE_NAME, "body");
    lus_wire_put_varint(attribute, ATTRIBUTE_TYPE, 5);
    lus_wire_put_message(attribute, 6, inner);
    lus_wire_put_message(node, NODE_ATTRIBUTE, attribute);
    inner = g_byte_array_new();
    lus_wire_put_message(inner, GRAPH_NODE, node);
  }
  g_autoptr(GByteArray) whole = test_graph(1, 3, 3);
  g_byte_array_append(whole, inner->data, inner->len);
  g_byte_array_unref(inner);
  test_refuse(test_model(g_byte_array_ref(whole), 17), LUS_ERROR_UNSUPPORTED, "operator");
}

/** The limit on depth itself, at it and one beyond. */
static void test_depth(void)
{
  const LusWireField field = {.number = 1, .type = LUS_WIRE_BYTES, .bytes = (const guint8 *)"", .length = 0};
  LusWire outer = {.depth = LUS_ONNX_MAX_DEPTH - 1}, inner;
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_wire_enter(&inner, &outer, &field, &error));
  g_assert_false(lus_wire_enter(&outer, &inner, &field, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
}

static void test_external_data(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  GByteArray *tensor = test_floats("w", 4, dims, &one, 1), *entry = g_byte_array_new();
  lus_wire_put_string(entry, 1, "location");
  lus_wire_put_string(entry, 2, "../../etc/passwd");
  lus_wire_put_message(tensor, TENSOR_EXTERNAL_DATA, entry);
  test_refuse(with_weight(tensor), LUS_ERROR_UNSUPPORTED, "another file");
  tensor = test_floats("w", 4, dims, &one, 1);
  lus_wire_put_varint(tensor, TENSOR_DATA_LOCATION, 1);
  test_refuse(with_weight(tensor), LUS_ERROR_UNSUPPORTED, "another file");
}

/** Fields of later ONNX versions are passed over, as protocol buffers want it; operators' attributes are not. */
static void test_unknown_keys(void)
{
  GByteArray *model = small_model();
  lus_wire_put_varint(model, 999, 1);
  lus_wire_put_string(model, 1000, "new");
  lus_onnx_free(test_parse(model));
  GByteArray *relu = test_node("Relu", "x", "y");
  test_attribute_float(relu, "alpha", .5f);
  test_refuse(with_node(relu), LUS_ERROR_UNSUPPORTED, "attribute 'alpha' is not known");
}

static void test_duplicates(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  GByteArray *graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, &one, 1));
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, &one, 1));
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "'w' is given twice");

  graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", "a"));
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", "a"));
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "'a' is given twice");

  GByteArray *relu = test_node("Relu", "x", "y");
  test_attribute_int(relu, "a", 1);
  test_attribute_int(relu, "a", 1);
  test_refuse(with_node(relu), LUS_ERROR_INVALID, "attribute 'a' is given twice");

  GByteArray *model = small_model();
  test_add(model, MODEL_GRAPH, test_graph(1, 3, 3));
  test_refuse(model, LUS_ERROR_INVALID, "two graphs");
}

static void test_trailing_bytes(void)
{
  GByteArray *model = small_model();
  g_byte_array_append(model, (const guint8 *)"\xff", 1);
  test_refuse(model, LUS_ERROR_INVALID, "cut off");
}

static void test_not_finite(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float values[3] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 3; i++)
    test_refuse(with_weight(test_floats("w", 4, dims, &values[i], 1)), LUS_ERROR_INVALID, "tensor 'w': it holds NaN");
}

static void test_enums(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  GByteArray *tensor = test_floats("w", 4, dims, &one, 1);
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, G_MAXUINT64);
  test_refuse(with_weight(tensor), LUS_ERROR_UNSUPPORTED, "data type 1000");
  for (int opset = 8; opset <= 22; opset++) {
    GByteArray *graph = test_graph(1, 3, 3);
    test_add(graph, GRAPH_NODE, test_node("Relu", "x", "y"));
    if (opset == 8 || opset == 22)
      test_refuse(test_model(graph, opset), LUS_ERROR_UNSUPPORTED, "9 to 21 are read");
    else
      lus_onnx_free(test_parse(test_model(graph, opset)));
  }
}

static void test_order(void)
{
  GByteArray *graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_NODE, test_node("Relu", "b", "y"));
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", "b"));
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "input 'b' is not defined before this node");
  test_refuse(with_node(test_node("Relu", "y", "y")), LUS_ERROR_INVALID, "circle");
  test_refuse(with_node(test_node("Relu", "x", "z")), LUS_ERROR_INVALID, "output 'y' is computed by no node");
  test_refuse(with_node(test_node("Identity", "x", "y")), LUS_ERROR_INVALID, "its output is its input");
}

static void test_unknown_operator(void)
{
  test_refuse(with_node(test_node("Softplus", "x", "y")), LUS_ERROR_UNSUPPORTED,
              "node 0 'y_node' (Softplus, opset 17): operator Softplus is not supported");
  GByteArray *node = test_node("Relu", "x", "y");
  lus_wire_put_string(node, NODE_DOMAIN, "com.example");
  test_refuse(with_node(node), LUS_ERROR_UNSUPPORTED, "com.example.Relu");
}

/** Limits must not be so tight that good files fail. */
static void test_good_files(void)
{
  const gint64 dims[4] = {1, 1, 1, 1};
  const float one = 1;
  g_autofree char *name = g_strnfill(LUS_ONNX_MAX_METADATA, 'n'), *inputs = g_strconcat("x,", name, NULL);
  GByteArray *graph = test_graph(1, 3, 3);
  test_add(graph, GRAPH_INITIALIZER, test_floats(name, 4, dims, &one, 1));
  test_add(graph, GRAPH_INITIALIZER, test_floats("unused", 4, dims, &one, 1));
  for (int i = 0; i < 2000; i++) {
    g_autofree char *a = i == 0 ? g_strdup(inputs) : g_strdup_printf("v%d,%s", i, name),
                    *b = g_strdup_printf("v%d", i + 1);
    test_add(graph, GRAPH_NODE, test_node("Conv", a, i == 1999 ? "y" : b));
  }
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 17));
  g_assert_cmpint(onnx->graph->n_nodes, ==, 2000);
  g_assert_cmpint(onnx->graph->n_values, ==, 2002); /* input, one shared weight, 2000 results */
}

/** A graph with a GroupNorm, so that the reader's longest way is walked. */
static GByteArray *mutation_model(void)
{
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusOpAttrs attrs = lus_op_attrs_default();
  int x = lus_graph_add_input(graph, "x");
  const int dims[4] = {2, 1, 3, 3}, two = 2;
  LusTensor *weight = lus_tensor_new(4, dims, NULL), *scale = lus_tensor_new(1, &two, NULL);
  for (int i = 0; i < 18; i++)
    weight->data[i] = .1f * (float)i;
  int inputs[3] = {x, lus_graph_add_constant(graph, "w", weight), -1};
  attrs.kernel[0] = attrs.kernel[1] = 3;
  attrs.pad[0] = attrs.pad[1] = attrs.pad[2] = attrs.pad[3] = 1;
  int conv = lus_graph_add_node(graph, LUS_OP_CONV, "conv", 2, inputs, &attrs);
  attrs = lus_op_attrs_default();
  attrs.norm_groups = 2;
  int norm_inputs[3] = {conv, lus_graph_add_constant(graph, "s", scale),
                        lus_graph_add_constant(graph, "b", lus_tensor_new(1, &two, NULL))};
  int norm = lus_graph_add_node(graph, LUS_OP_GROUP_NORM, "norm", 3, norm_inputs, &attrs);
  attrs = lus_op_attrs_default();
  attrs.mode = LUS_RESIZE_LINEAR;
  attrs.coord = LUS_COORD_HALF_PIXEL;
  attrs.scale[0] = attrs.scale[1] = 2;
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_RESIZE, "up", 1, &norm, &attrs));
  return lus_onnx_write(graph, NULL, 1, 8, 8, NULL);
}

/** Exactly one of graph and error. @data is copied to memory of its size, so that a sanitizer sees every byte too many.
 */
static void parse_any(const guint8 *data, gsize length)
{
  g_autofree guint8 *copy = g_memdup2(data, MAX(length, 1));
  g_autoptr(GError) error = NULL;
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(copy, length, "mutant", &error);
  g_assert_true((onnx == NULL) == (error != NULL));
}

static void test_truncations(void)
{
  g_autoptr(GByteArray) model = mutation_model();
  g_assert_nonnull(model);
  lus_onnx_free(test_parse(g_byte_array_ref(model)));
  for (gsize n = 0; n < model->len; n++)
    parse_any(model->data, n);
}

static void test_bit_flips(void)
{
  g_autoptr(GByteArray) model = mutation_model();
  for (guint i = 0; i < model->len * 8; i++) {
    model->data[i / 8] ^= (guint8)(1 << i % 8);
    parse_any(model->data, model->len);
    model->data[i / 8] ^= (guint8)(1 << i % 8);
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nn/onnx-broken/dims-overflow", test_dims_overflow);
  g_test_add_func("/nn/onnx-broken/length-wrap", test_length_wrap);
  g_test_add_func("/nn/onnx-broken/counts-disagree", test_counts_disagree);
  g_test_add_func("/nn/onnx-broken/alignment", test_alignment);
  g_test_add_func("/nn/onnx-broken/data-length", test_data_length);
  g_test_add_func("/nn/onnx-broken/type-confusion", test_type_confusion);
  g_test_add_func("/nn/onnx-broken/fixed-arrays", test_fixed_arrays);
  g_test_add_func("/nn/onnx-broken/rank-mismatch", test_rank_mismatch);
  g_test_add_func("/nn/onnx-broken/allocation-bomb", test_allocation_bomb);
  g_test_add_func("/nn/onnx-broken/recursion", test_recursion);
  g_test_add_func("/nn/onnx-broken/depth", test_depth);
  g_test_add_func("/nn/onnx-broken/external-data", test_external_data);
  g_test_add_func("/nn/onnx-broken/unknown-keys", test_unknown_keys);
  g_test_add_func("/nn/onnx-broken/duplicates", test_duplicates);
  g_test_add_func("/nn/onnx-broken/trailing-bytes", test_trailing_bytes);
  g_test_add_func("/nn/onnx-broken/not-finite", test_not_finite);
  g_test_add_func("/nn/onnx-broken/enums", test_enums);
  g_test_add_func("/nn/onnx-broken/order", test_order);
  g_test_add_func("/nn/onnx-broken/unknown-operator", test_unknown_operator);
  g_test_add_func("/nn/onnx-broken/good-files", test_good_files);
  g_test_add_func("/nn/onnx-broken/truncations", test_truncations);
  g_test_add_func("/nn/onnx-broken/bit-flips", test_bit_flips);
  return g_test_run();
}
