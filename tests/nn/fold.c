/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole files: what is worked out when they are read, and that the plan and the evaluation of constants agree. */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/onnx-eval.h"
#include "nn/plan.h"
#include "nn/rng.h"
#include "onnx-bytes.h"

static void add_node(GByteArray *graph, const char *type, const char *inputs, const char *output)
{
  test_add(graph, GRAPH_NODE, test_node(type, inputs, output));
}

static void add_ints(GByteArray *graph, const char *name, int n, const gint64 *values)
{
  test_add(graph, GRAPH_INITIALIZER, test_ints(name, n, values));
}

#define INTS(graph, name, ...)                                                                                         \
  add_ints(graph, name, sizeof((const gint64[]){__VA_ARGS__}) / sizeof(gint64), (const gint64[]){__VA_ARGS__})

static void add_floats(GByteArray *graph, const char *name, int n, const float *values)
{
  const gint64 dims[1] = {n};
  test_add(graph, GRAPH_INITIALIZER, test_floats(name, 1, dims, values, (gsize)n));
}

/* ---- folding ---- */

/** As PyTorch writes tensor.expand(-1, -1, 4, 5). */
static void test_expand(void)
{
  GByteArray *graph = test_graph(2, 1, 1);
  INTS(graph, "sizes", -1, -1, 4, 5);
  INTS(graph, "minus", -1);
  add_node(graph, "Shape", "sizes", "rank");
  GByteArray *ones = test_node("ConstantOfShape", "rank", "ones"), *attribute = g_byte_array_new();
  lus_wire_put_string(attribute, ATTRIBUTE_NAME, "value");
  lus_wire_put_varint(attribute, ATTRIBUTE_TYPE, LUS_ATTRIBUTE_TENSOR);
  lus_wire_put_message(attribute, ATTRIBUTE_T, test_ints("", 1, (const gint64[]){1}));
  lus_wire_put_message(ones, NODE_ATTRIBUTE, attribute);
  test_add(graph, GRAPH_NODE, ones);
  add_node(graph, "Mul", "ones,minus", "open");
  add_node(graph, "Equal", "sizes,open", "is_open");
  add_node(graph, "Where", "is_open,ones,sizes", "target");
  add_node(graph, "Expand", "x,target", "y");
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 13));
  g_assert_cmpint(onnx->graph->n_nodes, ==, 1);
  g_assert_cmpint(onnx->graph->nodes[0].type, ==, LUS_OP_EXPAND);
  g_autoptr(LusPlan) plan = lus_plan_new(onnx->graph, 2, 1, 1, LUS_PLAN_INFER, 1, NULL);
  float output[40];
  lus_plan_forward(plan, output, (const float[]){3, -7}, NULL);
  for (int i = 0; i < 40; i++)
    g_assert_cmpfloat(output[i], ==, i < 20 ? 3 : -7);
}

/** Weights of more than a few numbers: 40 float16 times a factor, turned round. */
static void test_weights(void)
{
  GByteArray *graph = test_graph(1, 5, 9), *tensor = g_byte_array_new();
  const gint64 dims[4] = {8, 5, 1, 1};
  for (int i = 0; i < 4; i++)
    lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)dims[i]);
  lus_wire_put_string(tensor, TENSOR_NAME, "half");
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, LUS_ONNX_FLOAT16);
  for (int i = 0; i < 40; i++)
    lus_wire_put_varint(tensor, TENSOR_INT32_DATA, (guint64)(0x3c00 + 16 * i)); /* 1 + i / 64 */
  test_add(graph, GRAPH_INITIALIZER, tensor);
  add_floats(graph, "factor", 1, (const float[]){64});
  GByteArray *cast = test_node("Cast", "half", "single"), *turn = test_node("Transpose", "scaled", "w");
  test_attribute_int(cast, "to", LUS_ONNX_FLOAT);
  test_attribute_ints(turn, "perm", 4, (const gint64[]){1, 2, 0, 3});
  test_add(graph, GRAPH_NODE, cast);
  add_node(graph, "Mul", "single,factor", "scaled");
  test_add(graph, GRAPH_NODE, turn);
  GByteArray *conv = test_node("Conv", "x,w", "y");
  test_attribute_ints(conv, "pads", 4, (const gint64[]){4, 0, 4, 0});
  test_add(graph, GRAPH_NODE, conv);
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 17));
  g_assert_cmpint(onnx->graph->n_nodes, ==, 1);
  const LusTensor *weight = onnx->graph->values[onnx->graph->nodes[0].inputs[1]].constant;
  g_assert_cmpint(weight->dims[0], ==, 5);
  g_assert_cmpint(weight->dims[2], ==, 8);
  for (int o = 0; o < 5; o++)
    for (int i = 0; i < 8; i++)
      g_assert_cmpfloat(weight->data[o * 8 + i], ==, (float)(64 + 5 * i + o));
}

static void test_limits(void)
{
  GByteArray *graph = test_graph(1, 2, 2);
  INTS(graph, "one", 1);
  INTS(graph, "shape", 1 << 10, 1 << 9);
  add_node(graph, "Expand", "one,shape", "a"); /* 8-byte numbers, half of the bytes */
  add_node(graph, "Expand", "one,shape", "b");
  add_node(graph, "Expand", "one,shape", "c");
  test_refuse(test_model(graph, 17), LUS_ERROR_LIMIT,
              "'c_node' (Expand, opset 17): what is computed from constants");
  graph = test_graph(1, 2, 2);
  INTS(graph, "shape", 1 << 10, 1 << 10);
  add_node(graph, "ConstantOfShape", "shape", "square");
  add_node(graph, "MatMul", "square,square", "product");
  test_refuse(test_model(graph, 17), LUS_ERROR_LIMIT,
              "'product_node' (MatMul, opset 17): more elements would be computed");
}

static void test_refused(void)
{
  GByteArray *graph = test_graph(1, 2, 2);
  INTS(graph, "index", 0);
  add_node(graph, "Gather", "x,index", "y");
  test_refuse(test_model(graph, 17), LUS_ERROR_UNSUPPORTED, "operator Gather is supported on constants alone");
  graph = test_graph(1, 2, 2);
  GByteArray *cast = test_node("Cast", "x", "y");
  test_attribute_int(cast, "to", LUS_ONNX_FLOAT16);
  test_add(graph, GRAPH_NODE, cast);
  test_refuse(test_model(graph, 17), LUS_ERROR_UNSUPPORTED, "another type than float");
  graph = test_graph(1, -1, -1);
  INTS(graph, "index", 2);
  add_node(graph, "Shape", "x", "shape");
  add_node(graph, "Gather", "shape,index", "height");
  test_refuse(test_model(graph, 17), LUS_ERROR_UNSUPPORTED, "'shape' depends on the input's size");
  graph = test_graph(1, 2, 2);
  INTS(graph, "shape", 1, 3, 2, 3);
  add_node(graph, "Expand", "x,shape", "y");
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "cannot be expanded");
  graph = test_graph(2, 3, 4);
  add_node(graph, "MatMul", "x,x", "y");
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "2x3x4 times 2x3x4");
  graph = test_graph(1, 2, 2);
  add_floats(graph, "vector", 2, (const float[]){1, 2});
  add_node(graph, "MatMul", "x,vector", "y");
  test_refuse(test_model(graph, 17), LUS_ERROR_UNSUPPORTED, "MatMul with a vector");
  graph = test_graph(1, 2, 2);
  add_floats(graph, "bad", 2, (const float[]){1, NAN});
  add_node(graph, "Add", "x,bad", "y");
  test_refuse(test_model(graph, 17), LUS_ERROR_INVALID, "tensor 'bad': it holds NaN");
}

/* ---- two roads ---- */

/** Runs the graph's nodes on its initializers and on x [1][c][h][w]. */
static GHashTable *run_constants(const GByteArray *graph, int opset, const float *x, int c, int h, int w)
{
  GHashTable *values = test_values();
  LusOnnxBudget budget = lus_onnx_budget(G_MAXSIZE);
  g_autoptr(GError) error = NULL;
  LusArray *input = lus_array_new(LUS_ONNX_FLOAT, 4, (const int[]){1, c, h, w}, &budget, &error);
  for (gsize i = 0; i < input->count; i++)
    lus_array_set_real(input, i, (double)x[i]);
  g_hash_table_insert(values, g_strdup("x"), input);
  LusWire wire = {.data = graph->data, .length = graph->len}, inner;
  LusWireField field;
  while (lus_wire_next(&wire, &field, NULL)) {
    LusOnnxTensor tensor;
    char *name;
    g_assert_true(lus_wire_enter(&inner, &wire, &field, NULL));
    if (field.number == GRAPH_INITIALIZER) {
      g_assert_true(lus_onnx_tensor_parse(&tensor, &name, &inner, &error));
      g_hash_table_insert(values, name, lus_array_read(&tensor, &budget, &error));
    }
    if (field.number == GRAPH_NODE)
      test_run_node(values, &inner, opset, &budget, &error);
    g_assert_no_error(error);
  }
  return values;
}

/** y from random numbers is the same on both roads; @graph is taken over. */
static void check_roads(GByteArray *graph, int opset, int c, int h, int w, const char *what)
{
  LusRng rng;
  g_autoptr(GError) error = NULL;
  gsize n = (gsize)c * (gsize)h * (gsize)w;
  g_autofree float *x = g_new(float, n);
  lus_rng_init(&rng, 7, 0);
  lus_rng_fill_normal(&rng, x, n);
  g_autoptr(GHashTable) values = run_constants(graph, opset, x, c, h, w);
  const LusArray *y = g_hash_table_lookup(values, "y");
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, opset));
  g_autoptr(LusPlan) plan = lus_plan_new(onnx->graph, c, h, w, LUS_PLAN_INFER, 1, &error);
  g_assert_no_error(error);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  g_assert_cmpuint((gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2], ==, y->count);
  g_autofree float *output = g_new(float, y->count);
  lus_plan_forward(plan, output, x, NULL);
  for (gsize i = 0; i < y->count; i++)
    if (!(fabs((double)output[i] - lus_array_real(y, i)) <= 1e-5))
      g_error("%s: element %" G_GSIZE_FORMAT " is %g through the plan and %g as a constant", what, i, (double)output[i],
              lus_array_real(y, i));
}

static void check_pool(const char *type, int count_pads, const gint64 window[10], gboolean ceil_mode)
{
  GByteArray *graph = test_graph(3, 9, 11), *pool = test_node(type, "x", "y");
  test_attribute_ints(pool, "kernel_shape", 2, window);
  test_attribute_ints(pool, "strides", 2, window + 2);
  test_attribute_ints(pool, "dilations", 2, window + 4);
  test_attribute_ints(pool, "pads", 4, window + 6);
  test_attribute_int(pool, "ceil_mode", ceil_mode);
  if (count_pads)
    test_attribute_int(pool, "count_include_pad", 1);
  test_add(graph, GRAPH_NODE, pool);
  check_roads(graph, 19, 3, 9, 11, type);
}

static void test_pools(void)
{
  /* kernel, strides, dilations, pads */
  static const gint64 windows[][10] = {
    {2, 2, 1, 1, 2, 2, 0, 0, 0, 0}, {3, 2, 2, 1, 2, 3, 1, 0, 2, 1}, {3, 3, 3, 2, 1, 4, 2, 2, 1, 2},
    {2, 3, 2, 3, 5, 1, 1, 2, 1, 0}, {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, {3, 2, 1, 2, 3, 4, 5, 3, 4, 1},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(windows); i++)
    for (int ceil_mode = 0; ceil_mode < 2; ceil_mode++) {
      check_pool("MaxPool", 0, windows[i], ceil_mode);
      check_pool("AveragePool", 0, windows[i], ceil_mode);
      check_pool("AveragePool", 1, windows[i], ceil_mode);
    }
}

static void test_products(void)
{
  /* x times its transpose, channel by channel */
  GByteArray *graph = test_graph(3, 5, 7), *turn = test_node("Transpose", "x", "t");
  test_attribute_ints(turn, "perm", 4, (const gint64[]){0, 1, 3, 2});
  test_add(graph, GRAPH_NODE, turn);
  add_node(graph, "MatMul", "x,t", "y");
  check_roads(graph, 17, 3, 5, 7, "two pictures");
  /* one channel, the mean over all, times many */
  graph = test_graph(4, 6, 6);
  GByteArray *mean = test_node("ReduceMean", "x", "m");
  test_attribute_ints(mean, "axes", 1, (const gint64[]){1});
  test_add(graph, GRAPH_NODE, mean);
  add_node(graph, "MatMul", "m,x", "y");
  check_roads(graph, 17, 4, 6, 6, "one channel times many");
  /* a constant on the left: [2][5] and, per channel, [3][2][5] */
  const float values[30] = {1, -2, .5f, 3,  0, 2, 1, 1, -1, 4, -3, 2, 1, 0, 1,
                            5, 1,  -1,  2,  2, 0, 1, 1, -4, 2, 1,  3, 1, 0, 1};
  const gint64 dims[3] = {3, 2, 5};
  for (int rank = 2; rank <= 3; rank++) {
    graph = test_graph(3, 5, 4);
    test_add(graph, GRAPH_INITIALIZER, test_floats("c", rank, dims + 3 - rank, values, rank == 2 ? 10 : 30));
    add_node(graph, "MatMul", "c,x", "y");
    check_roads(graph, 17, 3, 5, 4, "a constant on the left");
  }
}

static void test_arithmetic(void)
{
  static const char *const types[] = {"Add", "Sub", "Mul", "Div", "Pow"};
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    GByteArray *graph = test_graph(2, 3, 4);
    INTS(graph, "whole", 2); /* whole numbers stand for real ones: exporters write x ** 2 so */
    add_node(graph, types[i], "x,whole", "y");
    g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 17));
    g_assert_cmpint(onnx->graph->n_nodes, ==, 1);
    g_assert_cmpfloat(onnx->graph->values[onnx->graph->nodes[0].inputs[1]].constant->data[0], ==, 2);
  }
}

/** Forms before opset 11, and those of 18. */
static void test_forms(void)
{
  GByteArray *graph = test_graph(2, 3, 4), *node = test_node("Upsample", "x,scales", "y");
  add_floats(graph, "scales", 4, (const float[]){1, 1, 2, 1.5f});
  test_attribute_string(node, "mode", "linear");
  test_add(graph, GRAPH_NODE, node);
  check_roads(graph, 9, 2, 3, 4, "Upsample");
  graph = test_graph(2, 3, 4);
  add_floats(graph, "scales", 4, (const float[]){1, 1, 3, 2});
  add_node(graph, "Resize", "x,scales", "y");
  check_roads(graph, 10, 2, 3, 4, "Resize of opset 10");
  graph = test_graph(2, 3, 5);
  node = test_node("Slice", "x", "y");
  test_attribute_ints(node, "starts", 2, (const gint64[]){1, -3});
  test_attribute_ints(node, "ends", 2, (const gint64[]){2, G_MAXINT64});
  test_attribute_ints(node, "axes", 2, (const gint64[]){1, 3});
  test_add(graph, GRAPH_NODE, node);
  check_roads(graph, 9, 2, 3, 5, "Slice of opset 9");
  graph = test_graph(2, 3, 5);
  node = test_node("Pad", "x", "p");
  test_attribute_ints(node, "pads", 8, (const gint64[]){0, 1, 0, 2, 0, 0, -1, 1});
  test_attribute_float(node, "value", -2.5f);
  test_add(graph, GRAPH_NODE, node);
  node = test_node("Clip", "p", "y");
  test_attribute_float(node, "min", -2);
  test_attribute_float(node, "max", .5f);
  test_add(graph, GRAPH_NODE, node);
  check_roads(graph, 9, 2, 3, 5, "Pad and Clip of opset 9");
  graph = test_graph(2, 4, 5);
  INTS(graph, "pads", 2, 1);
  INTS(graph, "axes", -2);
  node = test_node("Pad", "x,pads,,axes", "y");
  test_attribute_string(node, "mode", "reflect");
  test_add(graph, GRAPH_NODE, node);
  check_roads(graph, 18, 2, 4, 5, "Pad of opset 18");
}

/** noop_with_empty_axes says nothing where axes are given. */
static void test_mean_of_given_axes(void)
{
  GByteArray *graph = test_graph(2, 4, 5), *mean = test_node("ReduceMean", "x,axes", "m");
  INTS(graph, "axes", -1);
  test_attribute_int(mean, "noop_with_empty_axes", 1);
  test_add(graph, GRAPH_NODE, mean);
  GByteArray *none = test_node("ReduceMean", "m", "y0");
  test_attribute_int(none, "noop_with_empty_axes", 1);
  test_add(graph, GRAPH_NODE, none);
  add_node(graph, "Relu", "y0", "y");
  check_roads(graph, 18, 2, 4, 5, "ReduceMean over given axes");
}

/** Backwards from before the first element: ONNX begins at the first, of which one is left, or none. */
static void test_slice_from_before(void)
{
  GByteArray *graph = test_graph(2, 4, 5);
  INTS(graph, "start", -9, -9);
  INTS(graph, "end", G_MININT64, -99);
  INTS(graph, "axes", 2, 3);
  INTS(graph, "steps", -1, -2);
  add_node(graph, "Slice", "x,start,end,axes,steps", "y");
  check_roads(graph, 17, 2, 4, 5, "Slice from before the first");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nn/fold/expand", test_expand);
  g_test_add_func("/nn/fold/weights", test_weights);
  g_test_add_func("/nn/fold/limits", test_limits);
  g_test_add_func("/nn/fold/refused", test_refused);
  g_test_add_func("/nn/roads/pools", test_pools);
  g_test_add_func("/nn/roads/products", test_products);
  g_test_add_func("/nn/roads/arithmetic", test_arithmetic);
  g_test_add_func("/nn/roads/forms", test_forms);
  g_test_add_func("/nn/roads/mean-of-given-axes", test_mean_of_given_axes);
  g_test_add_func("/nn/roads/slice-from-before", test_slice_from_before);
  return g_test_run();
}
