/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "onnx-bytes.h"

#include <math.h>
#include <string.h>

/* What the reader understands, and that writing and reading give the same graph. */

static LusTensor *filled(int rank, const int *dims, float first, float step)
{
  LusTensor *tensor = lus_tensor_new(rank, dims, NULL);
  for (gsize i = 0; i < tensor->count; i++)
    tensor->data[i] = first + step * (float)i;
  return tensor;
}

static int add_filled(LusGraph *graph, const char *name, int rank, const int *dims, float first, float step)
{
  return lus_graph_add_constant(graph, name, filled(rank, dims, first, step));
}

/** One node of every operator, with attributes that differ from their defaults. */
static LusGraph *every_operator(void)
{
  LusGraph *graph = lus_graph_new();
  LusOpAttrs attrs = lus_op_attrs_default();
  int x = lus_graph_add_input(graph, "luma");

  attrs.kernel[0] = 3;
  attrs.kernel[1] = 5;
  attrs.stride[0] = attrs.stride[1] = 2;
  attrs.pad[0] = attrs.pad[2] = 1;
  attrs.pad[1] = 2;
  attrs.pad[3] = 1;
  int weight = add_filled(graph, "stem.weight", 4, (int[]){4, 1, 3, 5}, -.5f, .01f);
  int bias = add_filled(graph, "stem.bias", 1, (int[]){4}, .25f, 1);
  int conv = lus_graph_add_node(graph, LUS_OP_CONV, "stem", 3, (int[]){x, weight, bias}, &attrs);

  attrs = lus_op_attrs_default();
  attrs.norm_groups = 2;
  attrs.epsilon = 2e-5f;
  int scale = add_filled(graph, "norm.scale", 1, (int[]){4}, 1, .5f);
  int shift = add_filled(graph, "norm.bias", 1, (int[]){4}, -1, .5f);
  int norm = lus_graph_add_node(graph, LUS_OP_GROUP_NORM, "norm", 3, (int[]){conv, scale, shift}, &attrs);
  int relu = lus_graph_add_node(graph, LUS_OP_RELU, "relu", 1, &norm, NULL);

  attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 3;
  attrs.stride[0] = attrs.stride[1] = 2;
  attrs.pad[0] = attrs.pad[1] = attrs.pad[2] = attrs.pad[3] = 1;
  int pool = lus_graph_add_node(graph, LUS_OP_MAX_POOL, "pool", 1, &relu, &attrs);

  attrs = lus_op_attrs_default();
  attrs.scale[0] = attrs.scale[1] = 2;
  int nearest = lus_graph_add_node(graph, LUS_OP_RESIZE, "up", 1, &pool, &attrs);
  int add = lus_graph_add_node(graph, LUS_OP_ADD, "add", 2, (int[]){nearest, relu}, NULL);

  attrs = lus_op_attrs_default();
  attrs.epsilon = 1e-3f;
  int inputs[5] = {add};
  for (int i = 1; i < 5; i++) {
    g_autofree char *name = g_strdup_printf("batch.%d", i);
    inputs[i] = add_filled(graph, name, 1, (int[]){4}, (float)i, .5f);
  }
  int batch = lus_graph_add_node(graph, LUS_OP_BATCH_NORM, "batch", 5, inputs, &attrs);

  attrs = lus_op_attrs_default();
  attrs.groups = 2;
  weight = add_filled(graph, "head.weight", 4, (int[]){2, 2, 1, 1}, .5f, .125f);
  int head = lus_graph_add_node(graph, LUS_OP_CONV, "head", 2, (int[]){batch, weight}, &attrs);

  attrs = lus_op_attrs_default();
  attrs.mode = LUS_RESIZE_LINEAR;
  attrs.coord = LUS_COORD_HALF_PIXEL;
  attrs.scale[0] = attrs.scale[1] = 2;
  int linear = lus_graph_add_node(graph, LUS_OP_RESIZE, "linear", 1, &head, &attrs);
  attrs.coord = LUS_COORD_ALIGN_CORNERS;
  attrs.scale[0] = 1.5f;
  attrs.scale[1] = .75f;
  int corners = lus_graph_add_node(graph, LUS_OP_RESIZE, "corners", 1, &linear, &attrs);
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_SIGMOID, "confidence", 1, &corners, NULL));
  return graph;
}

static GByteArray *write_graph(const LusGraph *graph, GHashTable *metadata)
{
  g_autoptr(GError) error = NULL;
  GByteArray *bytes = lus_onnx_write(graph, metadata, 1, 24, 32, &error);
  g_assert_no_error(error);
  return bytes;
}

static void assert_same_attrs(const LusNode *a, const LusNode *b)
{
  switch (a->type) {
  case LUS_OP_CONV:
  case LUS_OP_MAX_POOL:
    g_assert_cmpmem(a->attrs.kernel, sizeof a->attrs.kernel, b->attrs.kernel, sizeof b->attrs.kernel);
    g_assert_cmpmem(a->attrs.stride, sizeof a->attrs.stride, b->attrs.stride, sizeof b->attrs.stride);
    g_assert_cmpmem(a->attrs.dilation, sizeof a->attrs.dilation, b->attrs.dilation, sizeof b->attrs.dilation);
    g_assert_cmpmem(a->attrs.pad, sizeof a->attrs.pad, b->attrs.pad, sizeof b->attrs.pad);
    g_assert_cmpint(a->attrs.groups, ==, b->attrs.groups);
    break;
  case LUS_OP_GROUP_NORM:
    g_assert_cmpint(a->attrs.norm_groups, ==, b->attrs.norm_groups);
    g_assert_cmpfloat(a->attrs.epsilon, ==, b->attrs.epsilon);
    break;
  case LUS_OP_BATCH_NORM:
    g_assert_cmpfloat(a->attrs.epsilon, ==, b->attrs.epsilon);
    break;
  case LUS_OP_RESIZE:
    g_assert_cmpint(a->attrs.mode, ==, b->attrs.mode);
    g_assert_cmpint(a->attrs.coord, ==, b->attrs.coord);
    g_assert_cmpfloat(a->attrs.scale[0], ==, b->attrs.scale[0]);
    g_assert_cmpfloat(a->attrs.scale[1], ==, b->attrs.scale[1]);
    break;
  default:
    break;
  }
}

static void assert_same_graph(const LusGraph *a, const LusGraph *b)
{
  g_assert_cmpint(a->n_nodes, ==, b->n_nodes);
  g_assert_cmpint(a->n_values, ==, b->n_values);
  g_assert_cmpint(a->input, ==, b->input);
  g_assert_cmpint(a->output, ==, b->output);
  for (int i = 0; i < a->n_nodes; i++) {
    const LusNode *m = &a->nodes[i], *n = &b->nodes[i];
    g_assert_cmpint(m->type, ==, n->type);
    g_assert_cmpstr(m->name, ==, n->name);
    g_assert_cmpint(m->n_inputs, ==, n->n_inputs);
    g_assert_cmpmem(m->inputs, sizeof m->inputs, n->inputs, sizeof n->inputs);
    g_assert_cmpint(m->output, ==, n->output);
    assert_same_attrs(m, n);
  }
  for (int i = 0; i < a->n_values; i++) {
    const LusTensor *s = a->values[i].constant, *t = b->values[i].constant;
    g_assert_cmpstr(a->values[i].name, ==, b->values[i].name);
    g_assert_true(!s == !t);
    if (!s)
      continue;
    g_assert_cmpint(s->rank, ==, t->rank);
    g_assert_cmpmem(s->dims, (gsize)s->rank * sizeof(int), t->dims, (gsize)t->rank * sizeof(int));
    g_assert_cmpmem(s->data, s->count * 4, t->data, t->count * 4);
  }
}

static void test_round_trip(void)
{
  g_autoptr(LusGraph) graph = every_operator();
  g_autoptr(GHashTable) metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert(metadata, g_strdup("lus.classes"), g_strdup("a,b"));
  g_hash_table_insert(metadata, g_strdup("another"), g_strdup(""));
  g_autoptr(LusOnnx) onnx = test_parse(write_graph(graph, metadata));
  assert_same_graph(graph, onnx->graph);
  g_assert_cmpint(onnx->opset, ==, 17);
  g_assert_cmpstr(onnx->producer, ==, "lus");
  g_assert_cmpint(onnx->input_channels, ==, 1);
  g_assert_cmpint(onnx->input_height, ==, 24);
  g_assert_cmpint(onnx->input_width, ==, 32);
  g_assert_cmpuint(g_hash_table_size(onnx->metadata), ==, 2);
  g_assert_cmpstr(g_hash_table_lookup(onnx->metadata, "lus.classes"), ==, "a,b");
  g_assert_cmpstr(g_hash_table_lookup(onnx->metadata, "another"), ==, "");
  const int *shape = onnx->graph->values[onnx->graph->output].shape;
  g_assert_cmpint(shape[1], ==, 2);
  g_assert_cmpint(shape[2], ==, 36);
  g_assert_cmpint(shape[3], ==, 24);
}

static void test_same_bytes(void)
{
  g_autoptr(LusGraph) graph = every_operator();
  g_autoptr(GHashTable) one = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GHashTable) two = g_hash_table_new(g_str_hash, g_str_equal);
  static char keys[4][2] = {"b", "a", "d", "c"};
  for (int i = 0; i < 4; i++) {
    g_hash_table_insert(one, keys[i], keys[0]);
    g_hash_table_insert(two, keys[3 - i], keys[0]);
  }
  g_autoptr(GByteArray) first = write_graph(graph, one);
  g_autoptr(GByteArray) second = write_graph(graph, two);
  g_assert_cmpmem(first->data, first->len, second->data, second->len);
}

/** The graph that is read is written as the same bytes again. */
static void test_fixed_point(void)
{
  g_autoptr(LusGraph) graph = every_operator();
  g_autoptr(GByteArray) first = write_graph(graph, NULL);
  g_autoptr(LusOnnx) onnx = test_parse(g_byte_array_ref(first));
  g_autoptr(GByteArray) second = write_graph(onnx->graph, NULL);
  g_assert_cmpmem(first->data, first->len, second->data, second->len);
}

/** As PyTorch exports it without constant folding: Constant, Unsqueeze, Shape. */
static GByteArray *pytorch_group_norm(gboolean scale, gboolean bias)
{
  GByteArray *graph = test_graph(4, 3, 5);
  const float ones[2] = {1, 1}, zeros[2] = {0, 0}, s[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8};
  const gint64 shape[3] = {0, 2, -1}, axes[2] = {1, 2}, two = 2, four = 4;
  test_add(graph, GRAPH_INITIALIZER, test_ints("shape", 3, shape));
  test_add(graph, GRAPH_INITIALIZER, test_ints("axes", 2, axes));
  test_add(graph, GRAPH_INITIALIZER, test_floats("ones", 1, &two, ones, 2));
  test_add(graph, GRAPH_INITIALIZER, test_floats("zeros", 1, &two, zeros, 2));
  test_add(graph, GRAPH_INITIALIZER, test_floats("s", 1, &four, s, 4));
  test_add(graph, GRAPH_INITIALIZER, test_floats("b", 1, &four, b, 4));
  test_add(graph, GRAPH_NODE, test_node("Reshape", "x,shape", "split"));
  GByteArray *norm = test_node("InstanceNormalization", "split,ones,zeros", "normed");
  test_attribute_float(norm, "epsilon", 1e-4f);
  test_add(graph, GRAPH_NODE, norm);
  test_add(graph, GRAPH_NODE, test_node("Shape", "x", "back"));
  test_add(graph, GRAPH_NODE, test_node("Reshape", "normed,back", "merged"));
  test_add(graph, GRAPH_NODE, test_node("Unsqueeze", "s,axes", "s3"));
  test_add(graph, GRAPH_NODE, test_node("Unsqueeze", "b,axes", "b3"));
  if (scale)
    test_add(graph, GRAPH_NODE, test_node("Mul", "s3,merged", "scaled"));
  if (bias)
    test_add(graph, GRAPH_NODE, test_node("Add", "scaled,b3", "shifted"));
  test_add(graph, GRAPH_NODE, test_node("Relu", bias ? "shifted" : scale ? "scaled" : "merged", "y"));
  return test_model(graph, 13);
}

static void assert_vector(const LusGraph *graph, int value, int n, float first, float step)
{
  const LusTensor *tensor = graph->values[value].constant;
  g_assert_cmpint(tensor->rank, ==, 1);
  g_assert_cmpint(tensor->dims[0], ==, n);
  for (int i = 0; i < n; i++)
    g_assert_cmpfloat(tensor->data[i], ==, first + step * (float)i);
}

static void check_group_norm(gboolean scale, gboolean bias)
{
  g_autoptr(LusOnnx) onnx = test_parse(pytorch_group_norm(scale, bias));
  const LusGraph *graph = onnx->graph;
  g_assert_cmpint(graph->n_nodes, ==, 2);
  const LusNode *norm = &graph->nodes[0];
  g_assert_cmpint(norm->type, ==, LUS_OP_GROUP_NORM);
  g_assert_cmpint(norm->attrs.norm_groups, ==, 2);
  g_assert_cmpfloat(norm->attrs.epsilon, ==, 1e-4f);
  assert_vector(graph, norm->inputs[1], 4, 1, scale ? 1 : 0);
  assert_vector(graph, norm->inputs[2], 4, bias ? 5 : 0, bias ? 1 : 0);
  g_assert_cmpint(graph->nodes[1].type, ==, LUS_OP_RELU);
}

static void test_group_norm(void)
{
  check_group_norm(TRUE, TRUE);
  check_group_norm(TRUE, FALSE);
  check_group_norm(FALSE, FALSE);
}

/** ONNX's own operator: one scale and bias per group at first, one per channel from opset 21 on. */
static void check_group_normalization(int opset, gint64 n, const float *scale, const float wanted[4])
{
  GByteArray *graph = test_graph(4, 3, 5);
  test_add(graph, GRAPH_INITIALIZER, test_floats("s", 1, &n, scale, (gsize)n));
  test_add(graph, GRAPH_NODE, test_node("Identity", "s", "b"));
  GByteArray *node = test_node("GroupNormalization", "x,s,b", "y");
  test_attribute_int(node, "num_groups", 2);
  test_add(graph, GRAPH_NODE, node);
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, opset));
  const LusTensor *read = onnx->graph->values[onnx->graph->nodes[0].inputs[1]].constant;
  g_assert_cmpmem(read->data, read->count * 4, wanted, 4 * sizeof *wanted);
}

static void test_group_normalization(void)
{
  check_group_normalization(18, 2, (float[]){1, 2}, (float[]){1, 1, 2, 2});
  check_group_normalization(21, 4, (float[]){1, 2, 3, 4}, (float[]){1, 2, 3, 4});
}

/** interpolate(size = 2 x) as exporters write it: Shape, Gather, Cast, Mul, Floor, Cast, Unsqueeze, Slice, Concat. */
static GByteArray *folded_resize(gint64 h, gint64 w)
{
  GByteArray *graph = test_graph(3, h, w);
  const gint64 zero = 0, two = 2, three = 3, none = 0;
  const float factor = 2;
  GByteArray *scalar2 = g_byte_array_new(), *scalar3 = g_byte_array_new();
  lus_wire_put_varint(scalar2, TENSOR_DATA_TYPE, LUS_ONNX_INT64);
  lus_wire_put_string(scalar2, TENSOR_NAME, "two");
  lus_wire_put_varint(scalar2, TENSOR_INT64_DATA, (guint64)two);
  lus_wire_put_varint(scalar3, TENSOR_DATA_TYPE, LUS_ONNX_INT64);
  lus_wire_put_string(scalar3, TENSOR_NAME, "three");
  lus_wire_put_varint(scalar3, TENSOR_INT64_DATA, (guint64)three);
  test_add(graph, GRAPH_INITIALIZER, scalar2);
  test_add(graph, GRAPH_INITIALIZER, scalar3);
  test_add(graph, GRAPH_INITIALIZER, test_ints("from", 1, &zero));
  test_add(graph, GRAPH_INITIALIZER, test_ints("to", 1, &two));
  test_add(graph, GRAPH_INITIALIZER, test_floats("factor", 0, &none, &factor, 1));
  test_add(graph, GRAPH_NODE, test_node("Shape", "x", "shape"));
  const char *axis[2] = {"two", "three"}, *names[2] = {"h", "w"};
  for (int i = 0; i < 2; i++) {
    g_autofree char *gather = g_strdup_printf("shape,%s", axis[i]), *g = g_strconcat(names[i], "g", NULL);
    g_autofree char *f = g_strconcat(names[i], "f", NULL), *m = g_strconcat(names[i], "m", NULL);
    g_autofree char *mul = g_strdup_printf("%s,factor", f), *r = g_strconcat(names[i], "r", NULL);
    g_autofree char *c = g_strconcat(names[i], "c", NULL);
    test_add(graph, GRAPH_NODE, test_node("Gather", gather, g));
    GByteArray *cast = test_node("Cast", g, f);
    test_attribute_int(cast, "to", LUS_ONNX_FLOAT);
    test_add(graph, GRAPH_NODE, cast);
    test_add(graph, GRAPH_NODE, test_node("Mul", mul, m));
    test_add(graph, GRAPH_NODE, test_node("Floor", m, r));
    cast = test_node("Cast", r, c);
    test_attribute_int(cast, "to", LUS_ONNX_INT64);
    test_add(graph, GRAPH_NODE, cast);
    GByteArray *unsqueeze = test_node("Unsqueeze", c, names[i]);
    test_attribute_ints(unsqueeze, "axes", 1, &zero);
    test_add(graph, GRAPH_NODE, unsqueeze);
  }
  test_add(graph, GRAPH_NODE, test_node("Slice", "shape,from,to", "head"));
  GByteArray *concat = test_node("Concat", "head,h,w", "sizes");
  test_attribute_int(concat, "axis", 0);
  test_add(graph, GRAPH_NODE, concat);
  GByteArray *resize = test_node("Resize", "x,,,sizes", "y");
  test_attribute_string(resize, "mode", "linear");
  test_attribute_string(resize, "coordinate_transformation_mode", "pytorch_half_pixel");
  test_attribute_float(resize, "cubic_coeff_a", -.75f);
  test_add(graph, GRAPH_NODE, resize);
  return test_model(graph, 11);
}

static void test_folding(void)
{
  g_autoptr(LusOnnx) onnx = test_parse(folded_resize(7, 9));
  g_assert_cmpint(onnx->graph->n_nodes, ==, 1);
  const LusNode *node = &onnx->graph->nodes[0];
  g_assert_cmpint(node->attrs.coord, ==, LUS_COORD_HALF_PIXEL);
  g_assert_cmpfloat(node->attrs.scale[0], ==, 2);
  const int *shape = onnx->graph->values[onnx->graph->output].shape;
  g_assert_cmpint(shape[2], ==, 14);
  g_assert_cmpint(shape[3], ==, 18);
}

static void test_open_size(void)
{
  test_refuse(folded_resize(-1, -1), LUS_ERROR_UNSUPPORTED, "export the model with a fixed size");
  GByteArray *graph = test_graph(1, -1, -1);
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", "y"));
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 12));
  g_assert_cmpint(onnx->input_channels, ==, 1);
  g_assert_cmpint(onnx->input_height, ==, 0);
  g_assert_cmpint(onnx->input_width, ==, 0);
}

/** Python's sum() begins with 0; Identity and Dropout do nothing. */
static void test_aliases(void)
{
  GByteArray *graph = test_graph(2, 4, 4);
  const float zero = 0;
  const gint64 none = 0;
  test_add(graph, GRAPH_INITIALIZER, test_floats("zero", 0, &none, &zero, 1));
  test_add(graph, GRAPH_NODE, test_node("Relu", "x", "r"));
  test_add(graph, GRAPH_NODE, test_node("Add", "zero,r", "a"));
  test_add(graph, GRAPH_NODE, test_node("Identity", "a", "i"));
  test_add(graph, GRAPH_NODE, test_node("Dropout", "i", "d"));
  test_add(graph, GRAPH_NODE, test_node("Add", "d,r", "y"));
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 13));
  g_assert_cmpint(onnx->graph->n_nodes, ==, 2);
  g_assert_cmpint(onnx->graph->nodes[1].inputs[0], ==, onnx->graph->nodes[1].inputs[1]);
}

static GByteArray *conv_model(const char *auto_pad, gint64 h, gint64 w, gint64 stride)
{
  GByteArray *graph = test_graph(1, h, w);
  const gint64 dims[4] = {1, 1, 3, 4}, strides[2] = {stride, stride};
  const float weight[12] = {1};
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, weight, 12));
  GByteArray *conv = test_node("Conv", "x,w", "y");
  test_attribute_string(conv, "auto_pad", auto_pad);
  test_attribute_ints(conv, "strides", 2, strides);
  test_add(graph, GRAPH_NODE, conv);
  return test_model(graph, 17);
}

static void check_pads(const char *auto_pad, gint64 stride, const int wanted[4])
{
  g_autoptr(LusOnnx) onnx = test_parse(conv_model(auto_pad, 7, 9, stride));
  g_assert_cmpmem(onnx->graph->nodes[0].attrs.pad, 4 * sizeof(int), wanted, 4 * sizeof(int));
}

static void test_auto_pad(void)
{
  check_pads("NOTSET", 1, (int[]){0, 0, 0, 0});
  check_pads("VALID", 1, (int[]){0, 0, 0, 0});
  check_pads("SAME_UPPER", 1, (int[]){1, 1, 1, 2});
  check_pads("SAME_LOWER", 1, (int[]){1, 2, 1, 1});
  check_pads("SAME_UPPER", 2, (int[]){1, 1, 1, 2});
  test_refuse(conv_model("SAME_UPPER", -1, -1, 2), LUS_ERROR_UNSUPPORTED, "fixed size");
  test_refuse(conv_model("BOTH", 7, 9, 1), LUS_ERROR_INVALID, "auto_pad");
}

/** Every way a tensor's numbers can be stored. */
static void test_data_types(void)
{
  const gint64 dims[4] = {1, 1, 1, 2};
  const guint16 half[2] = {0x3c00, 0xc200}; /* 1, -3 */
  const double wide[2] = {1, -3};
  for (int kind = 0; kind < 4; kind++) {
    GByteArray *graph = test_graph(1, 3, 3), *tensor = g_byte_array_new();
    for (int i = 0; i < 4; i++)
      lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)dims[i]);
    lus_wire_put_string(tensor, TENSOR_NAME, "w");
    lus_wire_put_varint(tensor, TENSOR_DATA_TYPE,
                        kind == 0   ? LUS_ONNX_FLOAT16
                        : kind == 1 ? LUS_ONNX_FLOAT16
                        : kind == 2 ? LUS_ONNX_DOUBLE
                                    : LUS_ONNX_FLOAT);
    if (kind == 0)
      lus_wire_put_bytes(tensor, TENSOR_RAW_DATA, half, 4);
    for (int i = 0; i < 2 && kind == 1; i++)
      lus_wire_put_varint(tensor, TENSOR_INT32_DATA, half[i]);
    if (kind == 2)
      lus_wire_put_bytes(tensor, TENSOR_DOUBLE_DATA, wide, 16);
    for (int i = 0; i < 2 && kind == 3; i++)
      lus_wire_put_float(tensor, TENSOR_FLOAT_DATA, (float)wide[i]);
    test_add(graph, GRAPH_INITIALIZER, tensor);
    GByteArray *cast = test_node("Cast", "w", "cast");
    test_attribute_int(cast, "to", LUS_ONNX_FLOAT);
    if (kind < 3)
      test_add(graph, GRAPH_NODE, cast);
    else
      g_byte_array_unref(cast);
    test_add(graph, GRAPH_NODE, test_node("Conv", kind < 3 ? "x,cast" : "x,w", "y"));
    g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, 17));
    const float *data = onnx->graph->values[onnx->graph->nodes[0].inputs[1]].constant->data;
    g_assert_cmpfloat(data[0], ==, 1);
    g_assert_cmpfloat(data[1], ==, -3);
  }
}

static GByteArray *resize_model(const char *mode, const char *coord, const char *nearest, float factor)
{
  GByteArray *graph = test_graph(1, 4, 6);
  const gint64 four = 4;
  const float scales[4] = {1, 1, factor, factor};
  test_add(graph, GRAPH_INITIALIZER, test_floats("scales", 1, &four, scales, 4));
  GByteArray *resize = test_node("Resize", "x,,scales", "y");
  test_attribute_string(resize, "mode", mode);
  test_attribute_string(resize, "coordinate_transformation_mode", coord);
  if (nearest)
    test_attribute_string(resize, "nearest_mode", nearest);
  test_add(graph, GRAPH_NODE, resize);
  return test_model(graph, 13);
}

static void check_resize(GByteArray *model, LusResizeMode mode, LusResizeCoord coord)
{
  g_autoptr(LusOnnx) onnx = test_parse(model);
  g_assert_cmpint(onnx->graph->nodes[0].attrs.mode, ==, mode);
  g_assert_cmpint(onnx->graph->nodes[0].attrs.coord, ==, coord);
}

static void test_resize_modes(void)
{
  check_resize(resize_model("nearest", "asymmetric", "floor", 1.5f), LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC);
  check_resize(resize_model("nearest", "half_pixel", NULL, 2), LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC);
  check_resize(resize_model("linear", "half_pixel", NULL, 2), LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL);
  check_resize(resize_model("linear", "align_corners", NULL, 2), LUS_RESIZE_LINEAR, LUS_COORD_ALIGN_CORNERS);
  check_resize(resize_model("nearest", "half_pixel", NULL, 1.5f), LUS_RESIZE_NEAREST, LUS_COORD_HALF_PIXEL);
  check_resize(resize_model("nearest", "asymmetric", NULL, 2), LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC);
  check_resize(resize_model("linear", "pytorch_half_pixel", NULL, 2), LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL);
  check_resize(resize_model("linear", "pytorch_half_pixel", NULL, .5f), LUS_RESIZE_LINEAR,
               LUS_COORD_PYTORCH_HALF_PIXEL);
  test_refuse(resize_model("nearest", "asymmetric", "up", 2), LUS_ERROR_UNSUPPORTED, "Resize mode nearest");
  test_refuse(resize_model("cubic", "half_pixel", NULL, 2), LUS_ERROR_UNSUPPORTED, "Resize mode cubic");
  test_refuse(resize_model("linear", "tf_crop_and_resize", NULL, 2), LUS_ERROR_UNSUPPORTED, "tf_crop_and_resize");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nn/onnx/round-trip", test_round_trip);
  g_test_add_func("/nn/onnx/same-bytes", test_same_bytes);
  g_test_add_func("/nn/onnx/fixed-point", test_fixed_point);
  g_test_add_func("/nn/onnx/group-norm", test_group_norm);
  g_test_add_func("/nn/onnx/group-normalization", test_group_normalization);
  g_test_add_func("/nn/onnx/folding", test_folding);
  g_test_add_func("/nn/onnx/open-size", test_open_size);
  g_test_add_func("/nn/onnx/aliases", test_aliases);
  g_test_add_func("/nn/onnx/auto-pad", test_auto_pad);
  g_test_add_func("/nn/onnx/data-types", test_data_types);
  g_test_add_func("/nn/onnx/resize-modes", test_resize_modes);
  return g_test_run();
}
