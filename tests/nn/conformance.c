/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ONNX project's own node tests (Debian: libonnx-testdata) on the operators of docs/operators.md. Each is one node
 * or a few with their inputs and outputs as protobuf files, and runs on two roads: through a plan, the first input being
 * the network's and the others constants, and with all inputs as constants. Constants must give the expected result, and so
 * must the plan or else refuse for a reason of the table below. LUS_ONNX_TESTDATA names another folder. */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/file.h"
#include "nn/onnx-proto.h"
#include "nn/onnx.h"
#include "nn/plan.h"
#include "onnx-bytes.h"

#define FOLDER "/usr/share/libonnx-testdata/data/node"
#define MAX_PARTS 16

static const char *const operators[] = {
  "Add", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape",
  "Conv", "ConvTranspose", "DequantizeLinear", "Div", "Dropout", "Equal", "Expand", "Flatten", "Floor", "Gather",
  "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LeakyRelu",
  "MatMul", "MaxPool", "Mul", "PRelu", "Pad", "Pow", "QuantizeLinear", "ReduceMean", "ReduceSum", "Relu", "Reshape",
  "Resize", "Shape", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose",
  "Unsqueeze", "Upsample", "Where", NULL};

/** These look at one picture at a time, so that a batch may be run picture by picture. */
static const char *const per_picture[] = {
  "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "Dropout", "GlobalAveragePool", "HardSigmoid",
  "HardSwish", "InstanceNormalization", "LeakyRelu", "MaxPool", "Relu", "Resize", "Sigmoid", "Tanh", NULL};

/** Here the data follow ONNX's reference, which divides by the size before it is rounded down; ONNX Runtime and we
 * divide by the size itself. */
static const char *const other_meaning[] = {"test_resize_downsample_scales_linear_align_corners", NULL};

typedef struct {
  const char *message, *reason;
} Reason;

/** What may be refused on both roads: a part of our message, and why. */
static const Reason refusals[] = {
  {"mode cubic", "cubic interpolation is not supported"},
  {"'exclude_outside'", "cubic interpolation is not supported"},
  {NULL, NULL},
};

/** What a plan may refuse that constants can do. */
static const Reason plan_refusals[] = {
  {"is not float [1]", "other inputs than one float picture, among them batches and 5 dimensions"},
  {"tf_crop_and_resize", "regions of interest"},
  {"its weight has not 4 dimensions", "windows of other than two dimensions"},
  {"numbers; 2 are supported", "windows of other than two dimensions"},
  {"numbers; 4 are supported", "windows of other than two dimensions"},
  {"dimensions; pictures have 4", "windows and means of other than pictures"},
  {"'training_mode'", "training mode"},
  {"Dropout in training mode", "training mode"},
  {"'storage_order'", "MaxPool's indices"},
  {"Reshape to a shape that is impossible or has more than 4", "more than 4 dimensions, or a first one other than 1"},
  {"the first dimension would become", "more than 4 dimensions, or a first one other than 1"},
  {"more than 4 dimensions", "more than 4 dimensions, or a first one other than 1"},
  {"cannot become", "more than 4 dimensions, or a first one other than 1"},
  {"is supported; 9 to 21", "opset below 9"},
  {"9 to 21 are read", "opset below 9"},
  {"must be a constant", "shapes, limits and indices that are computed"},
  {"is a constant where a computed picture", "a result that is a constant"},
  {"are empty or too large", "empty tensors"},
  {"an empty slice", "empty tensors"},
  {"'allowzero'", "empty tensors"},
  {"its output is its input", "a network that does nothing"},
  {"the sum of other things", "sums other than of a stack of pictures"},
  {"on constants alone", "operators on constants alone"},
  {"Cast of a picture", "pictures of other types than float"},
  {"only DequantizeLinear may read", "pictures of other types than float"},
  {"scale and zero point of an activation", "pictures quantised along an axis"},
  {NULL, NULL},
};

typedef enum { PASSED, PLAN_REFUSED, REFUSED, FAILED } Verdict;

typedef enum { TENSOR = 1, SEQUENCE = 4, OPTIONAL = 9 } Kind; /* fields of TypeProto */

typedef struct {
  GByteArray *nodes;
  GPtrArray *types, *inputs, *outputs; /* char* */
  GArray *input_types, *output_types;  /* int: of tensors' elements */
  Kind kind;                           /* of the first input */
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

/** What the type in a ValueInfoProto is, and of a tensor the type of its elements. */
static Kind value_kind(const LusWireField *info, int *type)
{
  LusWire wire = {.data = info->bytes, .length = info->length}, kind, tensor;
  LusWireField field, inner, part;
  *type = 0;
  while (lus_wire_next(&wire, &field, NULL)) {
    if (field.number != VALUE_INFO_TYPE || !lus_wire_enter(&kind, &wire, &field, NULL) ||
        !lus_wire_next(&kind, &inner, NULL))
      continue;
    if (inner.number == TYPE_TENSOR && lus_wire_enter(&tensor, &kind, &inner, NULL))
      while (lus_wire_next(&tensor, &part, NULL))
        if (part.number == TENSOR_TYPE_ELEM)
          *type = (int)part.value;
    return (Kind)inner.number;
  }
  return TENSOR;
}

static void read_graph(Source *source, const LusWireField *graph)
{
  LusWire wire = {.data = graph->bytes, .length = graph->length};
  LusWireField field;
  while (lus_wire_next(&wire, &field, NULL)) {
    if (field.number == GRAPH_INPUT || field.number == GRAPH_OUTPUT) {
      gboolean input = field.number == GRAPH_INPUT;
      int type;
      Kind kind = value_kind(&field, &type);
      if (input && source->inputs->len == 0)
        source->kind = kind;
      g_ptr_array_add(input ? source->inputs : source->outputs, value_name(&field));
      g_array_append_val(input ? source->input_types : source->output_types, type);
    }
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
  *source = (Source){g_byte_array_new(),
                     g_ptr_array_new_with_free_func(g_free),
                     g_ptr_array_new_with_free_func(g_free),
                     g_ptr_array_new_with_free_func(g_free),
                     g_array_new(FALSE, FALSE, sizeof(int)),
                     g_array_new(FALSE, FALSE, sizeof(int)),
                     TENSOR,
                     0};
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
  g_array_unref(source->input_types);
  g_array_unref(source->output_types);
}

static gboolean is_listed(const Source *source)
{
  for (guint i = 0; i < source->types->len; i++)
    if (!g_strv_contains(operators, source->types->pdata[i]))
      return FALSE;
  return source->types->len > 0 && source->outputs->len > 0;
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
static float *run_plan(const GByteArray *model, const LusTensor *input, int batch, gsize *n, GError **error)
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

/* ---- results ---- */

static const char *find_reason(const Reason *reasons, const char *message)
{
  for (; reasons->message; reasons++)
    if (strstr(message, reasons->message))
      return reasons->reason;
  return NULL;
}

/** As the ONNX project compares: relative 1e-3, absolute 1e-7; ours are wider at zero by what sums of floats lose. */
static gboolean is_near(double a, double b)
{
  return isnan(b) ? isnan(a) : a == b || fabs(a - b) <= 2e-6 + 1e-4 * fabs(b);
}

static gboolean compare_floats(const float *a, gsize n, const LusArray *b, char **text)
{
  if (n != b->count || b->type != LUS_ONNX_FLOAT) {
    *text = g_strdup_printf("%" G_GSIZE_FORMAT " elements instead of %" G_GSIZE_FORMAT, n, b->count);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++)
    if (!is_near((double)a[i], lus_array_real(b, i))) {
      *text = g_strdup_printf("element %" G_GSIZE_FORMAT " is %.9g instead of %.9g", i, (double)a[i],
                              lus_array_real(b, i));
      return FALSE;
    }
  return TRUE;
}

/** bfloat16 numbers may differ in their last place: the data's are cut off, ours (and ONNX Runtime's) rounded. */
static gboolean equal_element(const LusArray *a, const LusArray *b, gsize i)
{
  double slack = a->type == LUS_ONNX_BFLOAT16 ? ldexp(fabs(lus_array_real(b, i)), -7) : 0;
  if (a->type == LUS_ONNX_STRING)
    return g_str_equal(lus_array_string(a, i), lus_array_string(b, i));
  return lus_type_is_real(a->type) ? is_near(lus_array_real(a, i), lus_array_real(b, i)) ||
                                         fabs(lus_array_real(a, i) - lus_array_real(b, i)) <= slack
                                   : lus_array_whole(a, i) == lus_array_whole(b, i);
}

static gboolean compare_arrays(const LusArray *a, const LusArray *b, char **text)
{
  if (!a || a->type != b->type || a->rank != b->rank || memcmp(a->dims, b->dims, sizeof a->dims) != 0) {
    *text = g_strdup("a constant of another type or shape");
    return FALSE;
  }
  for (gsize i = 0; i < a->count; i++)
    if (!equal_element(a, b, i)) {
      *text = g_strdup_printf("element %" G_GSIZE_FORMAT " of a constant", i);
      return FALSE;
    }
  return TRUE;
}

/* ---- the test's data ---- */

typedef struct {
  guint8 *bytes;
  GPtrArray *tensors; /* LusOnnxTensor*: one, or a sequence's */
} Data;

static void data_free(gpointer pointer)
{
  Data *data = pointer;
  g_free(data->bytes);
  g_ptr_array_unref(data->tensors);
  g_free(data);
}

static gboolean add_tensor(Data *data, const LusWire *wire)
{
  g_autofree char *name = NULL;
  LusOnnxTensor *tensor = g_new0(LusOnnxTensor, 1);
  g_ptr_array_add(data->tensors, tensor);
  return lus_onnx_tensor_parse(tensor, &name, wire, NULL);
}

/** A tensor, the tensors of a sequence (field 3), or of the sequence in an optional (field 5). The data call bfloat16
 * numbers uint16; the network's @type is right. */
static Data *read_data(const char *folder, const char *prefix, guint i, Kind kind, int type)
{
  g_autofree char *name = g_strdup_printf("%s_%u.pb", prefix, i);
  gsize length = 0;
  Data *data = g_new0(Data, 1);
  data->tensors = g_ptr_array_new_with_free_func(g_free);
  data->bytes = read_bytes(folder, name, &length);
  g_assert_nonnull(data->bytes);
  LusWire wire = {.data = data->bytes, .length = length}, inner;
  LusWireField field;
  if (kind == TENSOR)
    g_assert_true(add_tensor(data, &wire));
  if (kind == OPTIONAL)
    while (lus_wire_next(&wire, &field, NULL))
      if (field.number == 5 && lus_wire_enter(&inner, &wire, &field, NULL)) {
        wire = inner;
        kind = SEQUENCE;
        break;
      }
  while (kind == SEQUENCE && lus_wire_next(&wire, &field, NULL))
    if (field.number == 3 && lus_wire_enter(&inner, &wire, &field, NULL))
      g_assert_true(add_tensor(data, &inner));
  LusOnnxTensor *first = data->tensors->pdata[0];
  if (type == LUS_ONNX_BFLOAT16 && first->type == LUS_ONNX_UINT16)
    first->type = type;
  return data;
}

static LusArray *read_array(const Data *data, guint k, LusOnnxBudget *budget)
{
  g_autoptr(GError) error = NULL;
  LusArray *array = lus_array_read(data->tensors->pdata[MIN(k, data->tensors->len - 1)], budget, &error);
  g_assert_no_error(error);
  return array;
}

typedef struct {
  const Source *source;
  const char *folder;
  GPtrArray *inputs, *outputs; /* Data* */
} Test;

/* ---- constants ---- */

/** All nodes on element @k of the inputs. */
static gboolean run_constants(const Test *test, guint k, GHashTable *values, LusOnnxBudget *budget, GError **error)
{
  const Source *source = test->source;
  for (guint i = 0; i < source->inputs->len; i++)
    g_hash_table_insert(values, g_strdup(source->inputs->pdata[i]), read_array(test->inputs->pdata[i], k, budget));
  LusWire wire = {.data = source->nodes->data, .length = source->nodes->len}, node;
  LusWireField field;
  while (lus_wire_next(&wire, &field, NULL))
    if (!lus_wire_enter(&node, &wire, &field, error) || !test_run_node(values, &node, source->opset, budget, error))
      return FALSE;
  return TRUE;
}

/** A sequence is run element by element: only Identity has one. */
static Verdict judge_constants(const Test *test, const char **reason, char **text)
{
  guint n = test->source->kind == TENSOR ? 1 : ((const Data *)test->inputs->pdata[0])->tensors->len;
  for (guint k = 0; k < n; k++) {
    g_autoptr(GHashTable) values = test_values();
    g_autoptr(GError) error = NULL;
    LusOnnxBudget budget = lus_onnx_budget(G_MAXSIZE);
    if (!run_constants(test, k, values, &budget, &error)) {
      *reason = find_reason(refusals, error->message);
      *text = g_strdup_printf("%s (%s)", *reason ? *reason : "no reason in the table", error->message);
      return *reason ? REFUSED : FAILED;
    }
    for (guint i = 0; i < test->outputs->len; i++) {
      g_autoptr(LusArray) expected = read_array(test->outputs->pdata[i], k, &budget);
      if (!compare_arrays(g_hash_table_lookup(values, test->source->outputs->pdata[i]), expected, text))
        return FAILED;
    }
  }
  return PASSED;
}

/* ---- the plan ---- */

/** The first result; a batch picture by picture where the operator allows it. */
static Verdict judge_plan(const Test *test, const char **reason, char **text)
{
  const Source *source = test->source;
  if (source->inputs->len == 0 || source->kind != TENSOR) {
    *reason = source->kind == TENSOR ? "a network without an input" : "a sequence, run element by element";
    *text = g_strdup(*reason);
    return PLAN_REFUSED;
  }
  const LusOnnxTensor *x = ((const Data *)test->inputs->pdata[0])->tensors->pdata[0];
  gboolean batches = x->rank == 4 && g_strv_contains(per_picture, source->types->pdata[0]);
  int batch = batches ? x->dims[0] : 1, dims[LUS_TENSOR_MAX_RANK];
  gsize n = 0;
  LusOnnxBudget budget = lus_onnx_budget(G_MAXSIZE);
  memcpy(dims, x->dims, sizeof dims);
  if (batches)
    dims[0] = 1;
  g_autoptr(GByteArray) model = build_model(source, test->folder, x->type, x->rank, dims);
  g_autoptr(LusArray) input_array = read_array(test->inputs->pdata[0], 0, &budget);
  g_autoptr(LusTensor) input = lus_array_floats(input_array, FALSE, NULL);
  g_autoptr(LusArray) expected = read_array(test->outputs->pdata[0], 0, &budget);
  g_autoptr(GError) error = NULL;
  g_autofree float *output = run_plan(model, input, batch, &n, &error);
  if (output)
    return compare_floats(output, n, expected, text) ? PASSED : FAILED;
  *reason = find_reason(refusals, error->message);
  if (!*reason)
    *reason = find_reason(plan_refusals, error->message);
  *text = g_strdup_printf("%s (%s)", *reason ? *reason : "no reason in the table", error->message);
  return *reason ? PLAN_REFUSED : FAILED;
}

static Verdict judge(const Test *test, const char **reason, char **text)
{
  g_autofree char *plan_text = NULL;
  g_autofree char *constant_text = NULL;
  Verdict plan = judge_plan(test, reason, &plan_text), constants = judge_constants(test, reason, &constant_text);
  if (plan == FAILED || constants == FAILED)
    *text = g_strdup_printf("plan: %s; constants: %s", plan_text ? plan_text : "pass",
                            constant_text ? constant_text : "pass");
  else if (constants == REFUSED)
    *text = g_strdup(constant_text);
  else
    *text = plan == PASSED ? g_strdup("plan + constants") : g_strconcat("constants only: ", plan_text, NULL);
  if (plan == FAILED || constants == FAILED || (constants == REFUSED && plan == PASSED))
    return FAILED;
  return constants == PASSED ? plan : constants;
}

/* ---- all ---- */

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

typedef struct {
  int counts[4];
  GHashTable *reasons; /* const char* -> how many tests */
} Report;

static void run_data(const char *name, const char *folder, const Source *source, Report *report)
{
  static const char *const words[] = {"pass", "pass", "refused", "FAILED"};
  Test test = {source, folder, g_ptr_array_new_with_free_func(data_free), g_ptr_array_new_with_free_func(data_free)};
  g_autofree char *text = NULL;
  for (guint i = 0; i < source->inputs->len; i++)
    g_ptr_array_add(test.inputs, read_data(folder, "input", i, source->kind,
                                            g_array_index(source->input_types, int, i)));
  for (guint i = 0; i < source->outputs->len; i++)
    g_ptr_array_add(test.outputs, read_data(folder, "output", i, source->kind,
                                             g_array_index(source->output_types, int, i)));
  const char *reason = NULL;
  Verdict verdict = judge(&test, &reason, &text);
  if (verdict == FAILED && g_strv_contains(other_meaning, name))
    verdict = REFUSED;
  report->counts[verdict]++;
  if (reason)
    g_hash_table_insert(report->reasons, (gpointer)reason,
                        GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(report->reasons, reason)) + 1));
  g_test_message("%-8s %s: %s", words[verdict], name, text);
  if (verdict == FAILED)
    g_test_fail();
  g_ptr_array_unref(test.inputs);
  g_ptr_array_unref(test.outputs);
}

static void run_test(const char *folder, const char *name, Report *report)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autofree char *data_set = g_build_filename(path, "test_data_set_0", NULL);
  gsize length = 0;
  g_autofree guint8 *bytes = read_bytes(path, "model.onnx", &length);
  Source source;
  if (!bytes)
    return;
  read_source(&source, bytes, length);
  if (is_listed(&source))
    run_data(name, data_set, &source, report);
  source_clear(&source);
}

static int compare_counts(gconstpointer a, gconstpointer b, gpointer reasons)
{
  return GPOINTER_TO_INT(g_hash_table_lookup(reasons, b)) - GPOINTER_TO_INT(g_hash_table_lookup(reasons, a));
}

static void print_report(const Report *report)
{
  const int *counts = report->counts;
  GList *reasons = g_list_sort_with_data(g_hash_table_get_keys(report->reasons), compare_counts, report->reasons);
  for (GList *r = reasons; r; r = r->next)
    g_test_message("%4d %s", GPOINTER_TO_INT(g_hash_table_lookup(report->reasons, r->data)), (const char *)r->data);
  g_list_free(reasons);
  g_test_message("%d pass: %d on both roads, %d on constants alone; %d refused, %d FAILED",
                 counts[PASSED] + counts[PLAN_REFUSED], counts[PASSED], counts[PLAN_REFUSED], counts[REFUSED],
                 counts[FAILED]);
}

static void test_node_tests(void)
{
  const char *folder = g_getenv("LUS_ONNX_TESTDATA") ? g_getenv("LUS_ONNX_TESTDATA") : FOLDER;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  Report report = {{0, 0, 0, 0}, g_hash_table_new(g_str_hash, g_str_equal)};
  if (!dir) {
    g_hash_table_unref(report.reasons);
    g_test_skip("no " FOLDER ": install libonnx-testdata");
    return;
  }
  for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir))
    g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  for (guint i = 0; i < names->len; i++)
    run_test(folder, names->pdata[i], &report);
  print_report(&report);
  g_hash_table_unref(report.reasons);
  g_assert_cmpint(report.counts[PASSED], >, 0);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/conformance/node-tests", test_node_tests);
  return g_test_run();
}
