/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ONNX project's own node tests (Debian: libonnx-testdata) on the operators of docs/operators.md. Each is one node
 * with its inputs and outputs as protobuf files. The first input is the network's, the others become constants. What is
 * refused must be so for a reason of the table below; a wrong number fails. LUS_ONNX_TESTDATA names another folder. */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/file.h"
#include "nn/onnx-proto.h"
#include "nn/onnx.h"
#include "nn/plan.h"

#define FOLDER "/usr/share/libonnx-testdata/data/node"
#define MAX_PARTS 16

static const char *const operators[] = {
  "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
  "ConvTranspose", "DequantizeLinear", "Div", "Dropout", "Expand", "Flatten", "Gather", "Gemm", "GlobalAveragePool",
  "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LeakyRelu", "MatMul", "MaxPool", "Mul", "PRelu",
  "Pad", "Pow", "QuantizeLinear", "ReduceMean", "Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Slice", "Softmax",
  "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Upsample", NULL};

/** These look at one picture at a time, so that a batch may be run picture by picture. */
static const char *const per_picture[] = {
  "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "Dropout", "GlobalAveragePool", "HardSigmoid",
  "HardSwish", "InstanceNormalization", "LeakyRelu", "MaxPool", "Relu", "Resize", "Sigmoid", "Tanh", NULL};

/** Here the data follow ONNX's reference, which divides by the size before it is rounded down; we divide by the size
 * itself. */
static const char *const other_meaning[] = {"test_resize_downsample_scales_linear_align_corners", NULL};

/** What may be refused: a part of our message, and why. */
static const struct {
  const char *message, *reason;
} reasons[] = {
  {"is not float [1]", "the network's input is one float picture: other types, batches and 5 dimensions are not run"},
  {"cubic", "cubic interpolation is not supported"},
  {"tf_crop_and_resize", "regions of interest are not supported"},
  {"its weight has not 4 dimensions", "only two-dimensional windows are supported"},
  {"numbers; 2 are supported", "only two-dimensional windows are supported"},
  {"numbers; 4 are supported", "only two-dimensional windows are supported"},
  {"dimensions; pictures have 4", "only pictures [1][c][h][w] are supported"},
  {"'training_mode'", "inference form only"},
  {"Dropout in training mode", "inference form only"},
  {"'storage_order'", "MaxPool's indices are not computed"},
  {"dilation", "MaxPool without dilation only"},
  {"MatMul other than with a constant matrix", "the second operand is a constant matrix"},
  {"Reshape to a shape that is impossible or has more than 4", "at most 4 dimensions, the first one 1"},
  {"the first dimension would become", "the first of 4 dimensions stays 1"},
  {"is supported; 11 to 21", "opset below 11"},
  {"11 to 21 are read", "opset below 11"},
  {"must be a constant", "shapes, limits and indices are constants"},
  {"is a constant where a computed picture", "the result is a constant, not a picture"},
  {"more than 4 dimensions", "at most 4 dimensions"},
  {"are empty or too large", "no tensor is empty"},
  {"an empty slice", "no tensor is empty"},
  {"several outputs", "a network has one output"},
  {"its output is its input", "a network that does nothing"},
  {"cannot become", "the first of 4 dimensions stays 1"},
  {"'allowzero'", "no tensor is empty"},
  {"'exclude_outside'", "cubic interpolation is not supported"},
  {"weights of ONNX data type", "constants in arithmetic are floats"},
  {"operator Expand", "not supported"},
  {"operator QuantizeLinear", "not supported"},
  {"(Gather, opset 13): attribute 'axis'", "Gather is shape arithmetic: on vectors"},
};

typedef enum { PASSED, REFUSED, FAILED } Verdict;

typedef struct {
  GByteArray *nodes;
  GPtrArray *types, *inputs, *outputs; /* char* */
  int opset;
} Source;

static guint8 *read_bytes(const char *folder, const char *name, gsize *length)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  return lus_file_read(path, LUS_ONNX_MAX_BYTES, length, NULL);
}

/** The name in a ValueInfoProto. */
static char *value_name(const LusWireField *info)
{
  LusWire wire = {.data = info->bytes, .length = info->length};
  LusWireField field;
  while (lus_wire_next(&wire, &field, NULL))
    if (field.number == VALUE_INFO_NAME)
      return g_strndup((const char *)field.bytes, field.length);
  return g_strdup("");
}

static void read_graph(Source *source, const LusWireField *graph)
{
  LusWire wire = {.data = graph->bytes, .length = graph->length};
  LusWireField field;
  while (lus_wire_next(&wire, &field, NULL)) {
    if (field.number == GRAPH_INPUT)
      g_ptr_array_add(source->inputs, value_name(&field));
    if (field.number == GRAPH_OUTPUT)
      g_ptr_array_add(source->outputs, value_name(&field));
    if (field.number != GRAPH_NODE)
      continue;
    LusWire inner = {.data = field.bytes, .length = field.length};
    LusWireField part;
    while (lus_wire_next(&inner, &part, NULL))
      if (part.number == NODE_OP_TYPE)
        g_ptr_array_add(source->types, g_strndup((const char *)part.bytes, part.length));
    lus_wire_put_bytes(source->nodes, GRAPH_NODE, field.bytes, field.length);
  }
}

static void read_source(Source *source, const guint8 *data, gsize length)
{
  *source = (Source){g_byte_array_new(), g_ptr_array_new_with_free_func(g_free),
                     g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free), 0};
  LusWire wire = {.data = data, .length = length};
  LusWireField field, part;
  while (lus_wire_next(&wire, &field, NULL)) {
    if (field.number == MODEL_GRAPH)
      read_graph(source, &field);
    if (field.number != MODEL_OPSET_IMPORT)
      continue;
    LusWire inner = {.data = field.bytes, .length = field.length};
    while (lus_wire_next(&inner, &part, NULL))
      if (part.number == OPSET_VERSION)
        source->opset = (int)part.value;
  }
}

static void source_clear(Source *source)
{
  g_byte_array_unref(source->nodes);
  g_ptr_array_unref(source->types);
  g_ptr_array_unref(source->inputs);
  g_ptr_array_unref(source->outputs);
}

static gboolean is_listed(const Source *source)
{
  for (guint i = 0; i < source->types->len; i++)
    if (!g_strv_contains(operators, source->types->pdata[i]))
      return FALSE;
  return source->types->len > 0;
}

/* ---- the network ---- */

static GByteArray *value_info(const char *name, int type, int rank, const int *dims)
{
  GByteArray *shape = g_byte_array_new(), *tensor = g_byte_array_new(), *outer = g_byte_array_new();
  GByteArray *info = g_byte_array_new();
  for (int i = 0; i < rank; i++) {
    GByteArray *dim = g_byte_array_new();
    lus_wire_put_varint(dim, DIM_VALUE, (guint64)dims[i]);
    lus_wire_put_message(shape, SHAPE_DIM, dim);
  }
  lus_wire_put_varint(tensor, TENSOR_TYPE_ELEM, (guint64)type);
  lus_wire_put_message(tensor, TENSOR_TYPE_SHAPE, shape);
  lus_wire_put_message(outer, TYPE_TENSOR, tensor);
  lus_wire_put_string(info, VALUE_INFO_NAME, name);
  lus_wire_put_message(info, VALUE_INFO_TYPE, outer);
  return info;
}

/** The nodes with the first input as the network's and the others, input_1.pb and so on, as constants. */
static GByteArray *build_model(const Source *source, const char *data_set, int type, int rank, const int *dims)
{
  GByteArray *graph = g_byte_array_new(), *import = g_byte_array_new(), *model = g_byte_array_new();
  g_byte_array_append(graph, source->nodes->data, source->nodes->len);
  lus_wire_put_message(graph, GRAPH_INPUT, value_info(source->inputs->pdata[0], type, rank, dims));
  for (guint i = 1; i < source->inputs->len; i++) {
    g_autofree char *name = g_strdup_printf("input_%u.pb", i);
    gsize length = 0;
    g_autofree guint8 *bytes = read_bytes(data_set, name, &length);
    GByteArray *tensor = g_byte_array_new();
    g_byte_array_append(tensor, bytes, (guint)length);
    lus_wire_put_string(tensor, TENSOR_NAME, source->inputs->pdata[i]);
    lus_wire_put_message(graph, GRAPH_INITIALIZER, tensor);
  }
  for (guint i = 0; i < source->outputs->len && i < 1; i++)
    lus_wire_put_message(graph, GRAPH_OUTPUT, value_info(source->outputs->pdata[i], LUS_ONNX_FLOAT, 0, NULL));
  lus_wire_put_varint(model, MODEL_IR_VERSION, 8);
  lus_wire_put_varint(import, OPSET_VERSION, (guint64)source->opset);
  lus_wire_put_message(model, MODEL_OPSET_IMPORT, import);
  lus_wire_put_message(model, MODEL_GRAPH, graph);
  return model;
}

/** The network run on every picture of the batch; NULL with an error where it is refused. */
static float *run(const GByteArray *model, const LusTensor *input, int batch, gsize *n, GError **error)
{
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(model->data, model->len, "node", error);
  if (!onnx)
    return NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(onnx->graph, onnx->input_channels, onnx->input_height, onnx->input_width,
                                         LUS_PLAN_INFER, 1, error);
  if (!plan)
    return NULL;
  int shape[3];
  lus_plan_output_shape(plan, shape);
  gsize one = (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2], in = input->count / (gsize)batch;
  float *output = g_new(float, one * (gsize)batch);
  for (int b = 0; b < batch; b++)
    lus_plan_forward(plan, output + (gsize)b * one, input->data + (gsize)b * in, NULL);
  *n = one * (gsize)batch;
  return output;
}

/* ---- one test ---- */

static gboolean read_tensor(LusOnnxTensor *tensor, const guint8 *bytes, gsize length)
{
  LusWire wire = {.data = bytes, .length = length};
  g_autofree char *name = NULL;
  return bytes && lus_onnx_tensor_parse(tensor, &name, &wire, NULL);
}

static const char *find_reason(const char *message)
{
  for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++)
    if (strstr(message, reasons[i].message))
      return reasons[i].reason;
  return NULL;
}

/** As the ONNX project compares: relative 1e-3, absolute 1e-7; ours are wider at zero by what sums of floats lose. */
static gboolean compare(const float *a, gsize n, const LusTensor *b, char **text)
{
  if (n != b->count) {
    *text = g_strdup_printf("%" G_GSIZE_FORMAT " elements instead of %" G_GSIZE_FORMAT, n, b->count);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++)
    if (!(fabs((double)a[i] - (double)b->data[i]) <= 2e-6 + 1e-4 * fabs((double)b->data[i]))) {
      *text = g_strdup_printf("element %" G_GSIZE_FORMAT " is %.9g instead of %.9g", i, (double)a[i],
                              (double)b->data[i]);
      return FALSE;
    }
  return TRUE;
}

static Verdict judge(const Source *source, const char *data_set, char **text)
{
  gsize in_length = 0, out_length = 0, n = 0;
  g_autofree guint8 *in = read_bytes(data_set, "input_0.pb", &in_length);
  g_autofree guint8 *out = read_bytes(data_set, "output_0.pb", &out_length);
  LusOnnxTensor x, y;
  if (!read_tensor(&x, in, in_length) || !read_tensor(&y, out, out_length)) {
    *text = g_strdup("its input or output is no tensor of numbers");
    return REFUSED;
  }
  gboolean batches = x.rank == 4 && g_strv_contains(per_picture, source->types->pdata[0]);
  int batch = batches ? x.dims[0] : 1, dims[LUS_TENSOR_MAX_RANK];
  memcpy(dims, x.dims, sizeof dims);
  if (batches)
    dims[0] = 1;
  g_autoptr(GByteArray) model = build_model(source, data_set, x.type, x.rank, dims);
  g_autoptr(LusTensor) input = lus_onnx_tensor_floats(&x, NULL);
  g_autoptr(LusTensor) expected = lus_onnx_tensor_floats(&y, NULL);
  g_autoptr(GError) error = NULL;
  g_autofree float *output = run(model, input, batch, &n, &error);
  if (!output) {
    const char *reason = find_reason(error->message);
    *text = g_strdup_printf("%s (%s)", reason ? reason : "no reason in the table", error->message);
    return reason ? REFUSED : FAILED;
  }
  if (!expected) {
    *text = g_strdup("the expected output is not float");
    return FAILED;
  }
  return compare(output, n, expected, text) ? PASSED : FAILED;
}

/* ---- all ---- */

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_test(const char *folder, const char *name, int counts[3])
{
  static const char *const words[] = {"pass", "refused", "FAILED"};
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autofree char *data_set = g_build_filename(path, "test_data_set_0", NULL);
  gsize length = 0;
  g_autofree guint8 *bytes = read_bytes(path, "model.onnx", &length);
  g_autofree char *text = NULL;
  Source source;
  if (!bytes)
    return;
  read_source(&source, bytes, length);
  if (is_listed(&source) && source.inputs->len > 0) {
    Verdict verdict = judge(&source, data_set, &text);
    if (verdict == FAILED && g_strv_contains(other_meaning, name))
      verdict = REFUSED;
    counts[verdict]++;
    g_test_message("%-8s %s%s%s", words[verdict], name, text ? ": " : "", text ? text : "");
    if (verdict == FAILED)
      g_test_fail();
  }
  source_clear(&source);
}

static void test_node_tests(void)
{
  const char *folder = g_getenv("LUS_ONNX_TESTDATA") ? g_getenv("LUS_ONNX_TESTDATA") : FOLDER;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  int counts[3] = {0, 0, 0};
  if (!dir) {
    g_test_skip("no " FOLDER ": install libonnx-testdata");
    return;
  }
  for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir))
    g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  for (guint i = 0; i < names->len; i++)
    run_test(folder, names->pdata[i], counts);
  g_test_message("%d pass, %d refused, %d FAILED", counts[PASSED], counts[REFUSED], counts[FAILED]);
  g_assert_cmpint(counts[PASSED], >, 0);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/conformance/node-tests", test_node_tests);
  return g_test_run();
}
