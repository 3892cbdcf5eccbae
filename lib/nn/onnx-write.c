/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/onnx-wire.h"
#include "nn/onnx.h"

#include <math.h>
#include <string.h>

/* What is written depends on the graph alone: no clock, no random ids, tables in sorted order. */

#define OPSET 17
#define IR_VERSION 8 /* the first that knows opset 17 */

typedef enum { PLAIN = 1, PER_CHANNEL /* [c] as [c][1][1], to be broadcast over height and width */ } ConstantForm;

typedef struct {
  const LusGraph *graph;
  char **names;          /* per value: unique */
  GHashTable *taken;     /* char* -> itself: all names of values */
  guint8 *written;       /* per value: ConstantForm, 0 = not yet */
  GByteArray *nodes, *initializers;
} Writer;

/** A name that no other value has, from @wanted; owned by the table. */
static char *unique_name(Writer *writer, const char *wanted)
{
  char *name = g_strdup(wanted && *wanted ? wanted : "value");
  for (int i = 2; g_hash_table_contains(writer->taken, name); i++) {
    g_free(name);
    name = g_strdup_printf("%s.%d", wanted && *wanted ? wanted : "value", i);
  }
  g_hash_table_add(writer->taken, name);
  return name;
}

static void writer_init(Writer *writer, const LusGraph *graph)
{
  *writer = (Writer){
    .graph = graph,
    .names = g_new0(char *, graph->n_values),
    .taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    .written = g_new0(guint8, graph->n_values),
    .nodes = g_byte_array_new(),
    .initializers = g_byte_array_new(),
  };
  for (int i = 0; i < graph->n_values; i++)
    writer->names[i] = unique_name(writer, graph->values[i].name);
}

static void writer_clear(Writer *writer)
{
  g_free(writer->names);
  g_free(writer->written);
  g_hash_table_unref(writer->taken);
  g_byte_array_unref(writer->nodes);
  g_byte_array_unref(writer->initializers);
}

static void append_floats(GByteArray *out, const float *values, gsize n)
{
  guint at = out->len;
  g_byte_array_set_size(out, at + (guint)(n * 4));
  for (gsize i = 0; i < n; i++) {
    guint32 bits;
    memcpy(&bits, &values[i], 4);
    bits = GUINT32_TO_LE(bits);
    memcpy(out->data + at + i * 4, &bits, 4);
  }
}

/** A float tensor. Its length is known beforehand, so that weights are copied once. */
static void put_floats(Writer *writer, const char *name, const float *values, int rank, const int *dims)
{
  g_autoptr(GByteArray) head = g_byte_array_new();
  gsize n = 1;
  for (int i = 0; i < rank; i++) {
    lus_wire_put_varint(head, TENSOR_DIMS, (guint64)dims[i]);
    n *= (gsize)dims[i];
  }
  lus_wire_put_varint(head, TENSOR_DATA_TYPE, LUS_ONNX_FLOAT);
  lus_wire_put_string(head, TENSOR_NAME, name);
  lus_wire_put_head(head, TENSOR_RAW_DATA, n * 4);
  lus_wire_put_head(writer->initializers, GRAPH_INITIALIZER, head->len + n * 4);
  g_byte_array_append(writer->initializers, head->data, head->len);
  append_floats(writer->initializers, values, n);
}

static void put_ints(Writer *writer, const char *name, const gint64 *values, int n)
{
  GByteArray *tensor = g_byte_array_new();
  lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)n);
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, LUS_ONNX_INT64);
  lus_wire_put_string(tensor, TENSOR_NAME, name);
  lus_wire_put_head(tensor, TENSOR_RAW_DATA, (gsize)n * 8);
  for (int i = 0; i < n; i++) {
    gint64 little = GINT64_TO_LE(values[i]);
    g_byte_array_append(tensor, (const guint8 *)&little, 8);
  }
  lus_wire_put_message(writer->initializers, GRAPH_INITIALIZER, tensor);
}

/** Name of a helper constant that all nodes share; TRUE when it is to be written now. */
static gboolean shared_name(Writer *writer, char **name, const char *kind, int n)
{
  *name = g_strdup_printf("lus/%s/%d", kind, n);
  if (g_hash_table_contains(writer->taken, *name))
    return FALSE;
  g_hash_table_add(writer->taken, g_strdup(*name));
  return TRUE;
}

static GByteArray *begin_attribute(const char *name, int type)
{
  GByteArray *attribute = g_byte_array_new();
  lus_wire_put_string(attribute, ATTRIBUTE_NAME, name);
  lus_wire_put_varint(attribute, ATTRIBUTE_TYPE, (guint64)type);
  return attribute;
}

static void put_attribute_ints(GByteArray *node, const char *name, const int *values, int n)
{
  GByteArray *attribute = begin_attribute(name, LUS_ATTRIBUTE_INTS);
  for (int i = 0; i < n; i++)
    lus_wire_put_varint(attribute, ATTRIBUTE_INTS, (guint64)values[i]);
  lus_wire_put_message(node, NODE_ATTRIBUTE, attribute);
}

static void put_attribute_int(GByteArray *node, const char *name, int value)
{
  GByteArray *attribute = begin_attribute(name, LUS_ATTRIBUTE_INT);
  lus_wire_put_varint(attribute, ATTRIBUTE_I, (guint64)value);
  lus_wire_put_message(node, NODE_ATTRIBUTE, attribute);
}

static void put_attribute_float(GByteArray *node, const char *name, float value)
{
  GByteArray *attribute = begin_attribute(name, LUS_ATTRIBUTE_FLOAT);
  lus_wire_put_float(attribute, ATTRIBUTE_F, value);
  lus_wire_put_message(node, NODE_ATTRIBUTE, attribute);
}

static void put_attribute_string(GByteArray *node, const char *name, const char *value)
{
  GByteArray *attribute = begin_attribute(name, LUS_ATTRIBUTE_STRING);
  lus_wire_put_string(attribute, ATTRIBUTE_S, value);
  lus_wire_put_message(node, NODE_ATTRIBUTE, attribute);
}

/** A node with inputs ("" = absent) and one output; attributes may be added until end_node(). */
static GByteArray *begin_node(const char *type, const char *name, const char *output, int n_inputs,
                              const char *const *inputs)
{
  GByteArray *node = g_byte_array_new();
  for (int i = 0; i < n_inputs; i++)
    lus_wire_put_string(node, NODE_INPUT, inputs[i]);
  lus_wire_put_string(node, NODE_OUTPUT, output);
  lus_wire_put_string(node, NODE_NAME, name);
  lus_wire_put_string(node, NODE_OP_TYPE, type);
  return node;
}

static void end_node(Writer *writer, GByteArray *node)
{
  lus_wire_put_message(writer->nodes, GRAPH_NODE, node);
}

/** A tensor of whole numbers of one or four bytes each. */
static void put_whole(Writer *writer, const char *name, int type, const gint32 *values, int rank, const int *dims)
{
  GByteArray *tensor = g_byte_array_new();
  gsize n = 1, bytes = type == LUS_ONNX_INT32 ? 4 : 1;
  for (int i = 0; i < rank; i++) {
    lus_wire_put_varint(tensor, TENSOR_DIMS, (guint64)dims[i]);
    n *= (gsize)dims[i];
  }
  lus_wire_put_varint(tensor, TENSOR_DATA_TYPE, (guint64)type);
  lus_wire_put_string(tensor, TENSOR_NAME, name);
  lus_wire_put_head(tensor, TENSOR_RAW_DATA, n * bytes);
  for (gsize i = 0; i < n; i++) {
    guint32 little = GUINT32_TO_LE((guint32)values[i]);
    g_byte_array_append(tensor, (const guint8 *)&little, (guint)bytes);
  }
  lus_wire_put_message(writer->initializers, GRAPH_INITIALIZER, tensor);
}

/** A name for what belongs to value @value. */
static const char *part_name(Writer *writer, int value, const char *part)
{
  g_autofree char *wanted = g_strconcat(writer->names[value], part, NULL);
  return unique_name(writer, wanted);
}

/** A constant that is whole numbers times scales, behind DequantizeLinear. */
static void put_codes(Writer *writer, int value)
{
  const LusTensor *tensor = writer->graph->values[value].constant, *scales = writer->graph->values[value].scales;
  int type = writer->graph->values[value].code_bits == 32 ? LUS_ONNX_INT32 : LUS_ONNX_INT8;
  double low = type == LUS_ONNX_INT32 ? G_MININT32 : G_MININT8, high = type == LUS_ONNX_INT32 ? G_MAXINT32 : G_MAXINT8;
  g_autofree gint32 *codes = g_new0(gint32, MAX(tensor->count, 1));
  g_autofree gint32 *zeros = g_new0(gint32, MAX(scales->count, 1));
  gsize share = MAX(tensor->count / MAX(scales->count, 1), 1); /* elements that have one scale */
  for (gsize i = 0; i < tensor->count; i++)
    codes[i] = (gint32)CLAMP(rint((double)tensor->data[i] / (double)scales->data[i / share]), low, high);
  const char *inputs[] = {part_name(writer, value, "/codes"), part_name(writer, value, "/scale"),
                          part_name(writer, value, "/zero")};
  put_whole(writer, inputs[0], type, codes, tensor->rank, tensor->dims);
  put_floats(writer, inputs[1], scales->data, scales->rank, scales->dims);
  put_whole(writer, inputs[2], type, zeros, scales->rank, scales->dims);
  GByteArray *node = begin_node("DequantizeLinear", inputs[0], writer->names[value], 3, inputs);
  if (scales->rank == 1)
    put_attribute_int(node, "axis", 0);
  end_node(writer, node);
}

/** The operator as the pair that every runtime knows. */
static void put_quantize(Writer *writer, const LusNode *node)
{
  const char *codes = part_name(writer, node->output, "/codes");
  const char *inputs[] = {writer->names[node->inputs[0]], part_name(writer, node->output, "/scale"),
                          part_name(writer, node->output, "/zero")};
  const gint32 zero = node->attrs.zero_point;
  put_floats(writer, inputs[1], &node->attrs.alpha, 0, NULL);
  put_whole(writer, inputs[2], LUS_ONNX_UINT8, &zero, 0, NULL);
  end_node(writer, begin_node("QuantizeLinear", codes, codes, 3, inputs));
  inputs[0] = codes;
  end_node(writer, begin_node("DequantizeLinear", node->name, writer->names[node->output], 3, inputs));
}

static gboolean put_constant(Writer *writer, int value, ConstantForm form, GError **error)
{
  const LusTensor *tensor = writer->graph->values[value].constant;
  if (writer->written[value] == form)
    return TRUE;
  if (writer->written[value] || (form == PER_CHANNEL && writer->graph->values[value].scales)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "constant '%s' is used by GroupNorm, and by another operator or quantised", writer->names[value]);
    return FALSE;
  }
  writer->written[value] = (guint8)form;
  if (writer->graph->values[value].scales) {
    put_codes(writer, value);
    return TRUE;
  }
  const int broadcast[3] = {tensor->dims[0], 1, 1};
  if (form == PER_CHANNEL)
    put_floats(writer, writer->names[value], tensor->data, 3, broadcast);
  else
    put_floats(writer, writer->names[value], tensor->data, tensor->rank, tensor->dims);
  return TRUE;
}

static void put_window(GByteArray *node, const LusOpAttrs *attrs)
{
  put_attribute_ints(node, "dilations", attrs->dilation, 2);
  put_attribute_ints(node, "kernel_shape", attrs->kernel, 2);
  put_attribute_ints(node, "pads", attrs->pad, 4);
  put_attribute_ints(node, "strides", attrs->stride, 2);
}

static const char *coordinate_name(LusResizeCoord coord)
{
  switch (coord) {
  case LUS_COORD_ASYMMETRIC:
    return "asymmetric";
  case LUS_COORD_HALF_PIXEL:
    return "half_pixel";
  case LUS_COORD_ALIGN_CORNERS:
    return "align_corners";
  case LUS_COORD_PYTORCH_HALF_PIXEL:
    return "pytorch_half_pixel";
  case LUS_COORD_TF_HALF_PIXEL:
    return "tf_half_pixel_for_nn";
  }
  return "";
}

static const char *nearest_name(const LusOpAttrs *attrs)
{
  switch (attrs->nearest) {
  case LUS_NEAREST_USUAL:
    return attrs->coord == LUS_COORD_ASYMMETRIC ? "floor" : "round_prefer_floor";
  case LUS_NEAREST_FLOOR:
    return "floor";
  case LUS_NEAREST_CEIL:
    return "ceil";
  case LUS_NEAREST_PREFER_FLOOR:
    return "round_prefer_floor";
  case LUS_NEAREST_PREFER_CEIL:
    return "round_prefer_ceil";
  }
  return "";
}

static void put_resize(Writer *writer, const LusNode *node)
{
  const LusOpAttrs *attrs = &node->attrs;
  const char *scales = part_name(writer, node->output, "/scales");
  const float values[4] = {1, 1, attrs->scale[0], attrs->scale[1]};
  const int dims[1] = {4};
  put_floats(writer, scales, values, 1, dims);
  const char *inputs[] = {writer->names[node->inputs[0]], "", scales};
  GByteArray *out = begin_node("Resize", node->name, writer->names[node->output], 3, inputs);
  put_attribute_string(out, "coordinate_transformation_mode", coordinate_name(attrs->coord));
  put_attribute_string(out, "mode", attrs->mode == LUS_RESIZE_NEAREST ? "nearest" : "linear");
  if (attrs->mode == LUS_RESIZE_NEAREST)
    put_attribute_string(out, "nearest_mode", nearest_name(attrs));
  end_node(writer, out);
}

static void put_clip(Writer *writer, const LusNode *node)
{
  const char *inputs[] = {writer->names[node->inputs[0]], part_name(writer, node->output, "/min"),
                          part_name(writer, node->output, "/max")};
  put_floats(writer, inputs[1], &node->attrs.alpha, 0, NULL);
  put_floats(writer, inputs[2], &node->attrs.beta, 0, NULL);
  end_node(writer, begin_node("Clip", node->name, writer->names[node->output], 3, inputs));
}

/** Scale 1 and bias 0 per group: InstanceNormalization's own parameters, unused in PyTorch's pattern. */
static void put_unit_parameters(Writer *writer, char **ones, char **zeros, int groups)
{
  g_autofree float *values = g_new(float, groups);
  if (shared_name(writer, ones, "ones", groups)) {
    for (int i = 0; i < groups; i++)
      values[i] = 1;
    put_floats(writer, *ones, values, 1, &groups);
  }
  if (shared_name(writer, zeros, "zeros", groups)) {
    memset(values, 0, sizeof *values * (gsize)groups);
    put_floats(writer, *zeros, values, 1, &groups);
  }
}

/** GroupNorm as PyTorch exports it, since GroupNormalization is newer than most runtimes: Reshape to [n][groups][rest],
 *  InstanceNormalization, Reshape back, Mul and Add per channel. */
static gboolean put_group_norm(Writer *writer, const LusNode *node, GError **error)
{
  int groups = node->attrs.norm_groups;
  if (!put_constant(writer, node->inputs[1], PER_CHANNEL, error) ||
      !put_constant(writer, node->inputs[2], PER_CHANNEL, error))
    return FALSE;
  g_autofree char *ones = NULL, *zeros = NULL, *split_shape = NULL;
  put_unit_parameters(writer, &ones, &zeros, groups);
  const gint64 shape[3] = {0, groups, -1};
  if (shared_name(writer, &split_shape, "groups", groups))
    put_ints(writer, split_shape, shape, 3);

  const char *x = writer->names[node->inputs[0]], *y = writer->names[node->output];
  static const char *const parts[] = {"/split", "/normalised", "/shape", "/merged", "/scaled"};
  const char *names[G_N_ELEMENTS(parts)];
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree char *wanted = g_strconcat(y, parts[i], NULL);
    names[i] = unique_name(writer, wanted);
  }
  end_node(writer, begin_node("Reshape", names[0], names[0], 2, (const char *[]){x, split_shape}));
  GByteArray *norm =
      begin_node("InstanceNormalization", names[1], names[1], 3, (const char *[]){names[0], ones, zeros});
  put_attribute_float(norm, "epsilon", node->attrs.epsilon);
  end_node(writer, norm);
  end_node(writer, begin_node("Shape", names[2], names[2], 1, (const char *[]){x}));
  end_node(writer, begin_node("Reshape", names[3], names[3], 2, (const char *[]){names[1], names[2]}));
  end_node(writer,
           begin_node("Mul", names[4], names[4], 2, (const char *[]){names[3], writer->names[node->inputs[1]]}));
  end_node(writer, begin_node("Add", node->name, y, 2, (const char *[]){names[4], writer->names[node->inputs[2]]}));
  return TRUE;
}

/** The dimensions of a mask, which stay with size 1. */
static void put_axes(GByteArray *node, unsigned axes)
{
  int values[4], n = 0;
  for (int i = 0; i < 4; i++)
    if (axes >> i & 1)
      values[n++] = i;
  put_attribute_ints(node, "axes", values, n);
  put_attribute_int(node, "keepdims", 1);
}

/** A tensor of whole numbers that belongs to the node's result; its name. */
static const char *put_part(Writer *writer, const LusNode *node, const char *part, const int values[4])
{
  const char *name = part_name(writer, node->output, part);
  const gint64 numbers[4] = {values[0], values[1], values[2], values[3]};
  put_ints(writer, name, numbers, 4);
  return name;
}

/** Forward slices only; dimension by dimension. */
static gboolean put_slice(Writer *writer, const LusNode *node, GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  static const int axes[4] = {0, 1, 2, 3};
  int ends[4];
  for (int i = 0; i < 4; i++) {
    if (a->step[i] < 1) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "node '%s': a Slice backwards is not written", node->name);
      return FALSE;
    }
    ends[i] = a->begin[i] + (a->size[i] - 1) * a->step[i] + 1;
  }
  const char *inputs[] = {writer->names[node->inputs[0]], put_part(writer, node, "/starts", a->begin),
                          put_part(writer, node, "/ends", ends), put_part(writer, node, "/axes", axes),
                          put_part(writer, node, "/steps", a->step)};
  end_node(writer, begin_node("Slice", node->name, writer->names[node->output], 5, inputs));
  return TRUE;
}

/** All operators that ONNX has under the same name with the same inputs. */
static gboolean put_plain(Writer *writer, const LusNode *node, GError **error)
{
  const char *inputs[LUS_NODE_MAX_INPUTS];
  int n = node->n_inputs;
  while (n > 0 && node->inputs[n - 1] < 0)
    n--;
  for (int i = 0; i < n; i++) {
    int value = node->inputs[i];
    inputs[i] = value < 0 ? "" : writer->names[value];
    if (value >= 0 && writer->graph->values[value].constant && !put_constant(writer, value, PLAIN, error))
      return FALSE;
  }
  GByteArray *out = begin_node(lus_op_name(node->type), node->name, writer->names[node->output], n, inputs);
  if (node->type == LUS_OP_CONV || node->type == LUS_OP_MAX_POOL)
    put_window(out, &node->attrs);
  if (node->type == LUS_OP_CONV)
    put_attribute_int(out, "group", node->attrs.groups);
  if (node->type == LUS_OP_BATCH_NORM)
    put_attribute_float(out, "epsilon", node->attrs.epsilon);
  if (node->type == LUS_OP_CONCAT)
    put_attribute_int(out, "axis", node->attrs.axis);
  if (node->type == LUS_OP_REDUCE_MEAN)
    put_axes(out, node->attrs.axes);
  end_node(writer, out);
  return TRUE;
}

static gboolean put_node(Writer *writer, const LusNode *node, GError **error)
{
  switch (node->type) {
  case LUS_OP_GROUP_NORM:
    return put_group_norm(writer, node, error);
  case LUS_OP_RESIZE:
    put_resize(writer, node);
    return TRUE;
  case LUS_OP_CLIP:
    put_clip(writer, node);
    return TRUE;
  case LUS_OP_QUANTIZE:
    put_quantize(writer, node);
    return TRUE;
  case LUS_OP_SLICE:
    return put_slice(writer, node, error);
  case LUS_OP_CONCAT:
  case LUS_OP_REDUCE_MEAN:
    return put_plain(writer, node, error);
  default:
    if (node->type > LUS_OP_RESIZE) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                  "node '%s': %s is read but not written; keep the file it came from", node->name,
                  lus_op_name(node->type));
      return FALSE;
    }
    return put_plain(writer, node, error);
  }
}

static void put_value_info(GByteArray *graph, guint32 field, const char *name, const int shape[4])
{
  GByteArray *dims = g_byte_array_new(), *tensor = g_byte_array_new(), *type = g_byte_array_new();
  GByteArray *info = g_byte_array_new();
  for (int i = 0; i < 4; i++) {
    GByteArray *dim = g_byte_array_new();
    lus_wire_put_varint(dim, DIM_VALUE, (guint64)shape[i]);
    lus_wire_put_message(dims, SHAPE_DIM, dim);
  }
  lus_wire_put_varint(tensor, TENSOR_TYPE_ELEM, LUS_ONNX_FLOAT);
  lus_wire_put_message(tensor, TENSOR_TYPE_SHAPE, dims);
  lus_wire_put_message(type, TYPE_TENSOR, tensor);
  lus_wire_put_string(info, VALUE_INFO_NAME, name);
  lus_wire_put_message(info, VALUE_INFO_TYPE, type);
  lus_wire_put_message(graph, field, info);
}

static void put_metadata(GByteArray *model, GHashTable *metadata)
{
  g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(metadata), (GCompareFunc)strcmp);
  for (GList *l = keys; l; l = l->next) {
    GByteArray *entry = g_byte_array_new();
    lus_wire_put_string(entry, METADATA_KEY, l->data);
    lus_wire_put_string(entry, METADATA_VALUE, g_hash_table_lookup(metadata, l->data));
    lus_wire_put_message(model, MODEL_METADATA_PROPS, entry);
  }
}

/** The sizes of 32-bit byte arrays and of our own reader must hold the file. */
static gboolean check_length(const LusGraph *graph, GError **error)
{
  gsize total = 0;
  for (int i = 0; i < graph->n_values; i++)
    if (graph->values[i].constant)
      total += graph->values[i].constant->count * sizeof(float);
  if (total <= LUS_ONNX_MAX_BYTES / 2)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%" G_GSIZE_FORMAT " bytes of weights; at most %" G_GSIZE_FORMAT
              " are written to a model file", total, LUS_ONNX_MAX_BYTES / 2);
  return FALSE;
}

static GByteArray *finish(Writer *writer, const LusGraph *graph, GHashTable *metadata)
{
  GByteArray *body = g_steal_pointer(&writer->nodes);
  writer->nodes = g_byte_array_new();
  lus_wire_put_string(body, GRAPH_NAME, "lus");
  g_byte_array_append(body, writer->initializers->data, writer->initializers->len);
  put_value_info(body, GRAPH_INPUT, writer->names[graph->input], graph->values[graph->input].shape);
  put_value_info(body, GRAPH_OUTPUT, writer->names[graph->output], graph->values[graph->output].shape);

  GByteArray *model = g_byte_array_new(), *opset = g_byte_array_new();
  lus_wire_put_varint(model, MODEL_IR_VERSION, IR_VERSION);
  lus_wire_put_string(model, MODEL_PRODUCER_NAME, LUS_ONNX_PRODUCER);
  lus_wire_put_string(model, MODEL_PRODUCER_VERSION, lus_version());
  lus_wire_put_message(model, MODEL_GRAPH, body);
  lus_wire_put_string(opset, OPSET_DOMAIN, "");
  lus_wire_put_varint(opset, OPSET_VERSION, OPSET);
  lus_wire_put_message(model, MODEL_OPSET_IMPORT, opset);
  if (metadata)
    put_metadata(model, metadata);
  return model;
}

GByteArray *lus_onnx_write(const LusGraph *graph, GHashTable *metadata, int c, int h, int w, GError **error)
{
  if (!check_length(graph, error))
    return NULL;
  /* The shapes are wanted at this size; the caller's graph keeps its own. */
  g_autoptr(LusGraph) copy = lus_graph_copy(graph, error);
  if (!copy || !lus_graph_infer_shapes(copy, c, h, w, error))
    return NULL;
  Writer writer;
  writer_init(&writer, copy);
  GByteArray *model = NULL;
  gboolean ok = TRUE;
  for (int i = 0; i < copy->n_nodes && ok; i++)
    ok = put_node(&writer, &copy->nodes[i], error);
  if (ok)
    model = finish(&writer, copy, metadata);
  writer_clear(&writer);
  return model;
}
