/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/onnx.h"
#include "nn/error.h"
#include "nn/onnx-build.h"

#include <string.h>

/* Two walks over the graph's fields: the first gathers weights, inputs and outputs, the second builds the nodes in
 * order. The schema fixes how deep messages nest (Model, Graph, Node, Attribute, Tensor), so nothing here calls itself.
 */

#define OPSET_MIN 9
#define OPSET_MAX 21

/** A ValueInfoProto: a name and, for pictures, the dimensions (0 = open). */
typedef struct {
  char *name;
  int type, rank;
  int dims[4];
} ValueInfo;

typedef struct {
  LusOnnx *onnx;
  LusOnnxBuilder builder;
  LusWire graph;
  gboolean has_graph;
  ValueInfo input;
  char *output;
  int n_initializers, n_inputs, n_outputs, n_nodes;
  gsize metadata_bytes;
  int width, height; /* of the input where the file leaves both open, or 0 */
} Reader;

static gboolean fail(GError **error, LusError code, const char *problem)
{
  g_set_error_literal(error, LUS_ERROR, (int)code, problem);
  return FALSE;
}

/** Hands every field of @wire to @func. FALSE after the first error. */
typedef gboolean (*FieldFunc)(gpointer data, const LusWire *wire, const LusWireField *field, GError **error);

static gboolean each_field(const LusWire *message, FieldFunc func, gpointer data, GError **error)
{
  LusWire wire = *message;
  LusWireField field;
  GError *cause = NULL;
  while (lus_wire_next(&wire, &field, &cause))
    if (!func(data, &wire, &field, error))
      return FALSE;
  if (cause)
    g_propagate_error(error, cause);
  return !cause;
}

static gboolean enter_each(const LusWire *outer, const LusWireField *field, FieldFunc func, gpointer data,
                           GError **error)
{
  LusWire inner;
  return lus_wire_enter(&inner, outer, field, error) && each_field(&inner, func, data, error);
}

typedef struct {
  char *domain;
  guint64 version;
} OpsetImport;

static gboolean opset_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  (void)wire;
  OpsetImport *import = data;
  if (field->number == OPSET_DOMAIN)
    return lus_onnx_read_string(&import->domain, field, error);
  if (field->number == OPSET_VERSION) {
    import->version = field->value;
    return lus_wire_expect(field, LUS_WIRE_VARINT, error);
  }
  return TRUE;
}

static gboolean read_opset(Reader *reader, const LusWire *wire, const LusWireField *field, GError **error)
{
  OpsetImport import = {0};
  gboolean ok = enter_each(wire, field, opset_field, &import, error);
  gboolean standard = !import.domain || !*import.domain || g_str_equal(import.domain, "ai.onnx");
  g_free(import.domain);
  if (!ok || !standard)
    return ok; /* another domain's operators are refused where one is used */
  if (reader->onnx->opset)
    return fail(error, LUS_ERROR_INVALID, "two opsets are named");
  if (import.version < OPSET_MIN || import.version > OPSET_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "opset %" G_GUINT64_FORMAT "; %d to %d are read. Export the model "
                "again with opset 17",
                import.version, OPSET_MIN, OPSET_MAX);
    return FALSE;
  }
  reader->onnx->opset = reader->builder.opset = (int)import.version;
  return TRUE;
}

typedef struct {
  char *key, *value;
  gsize bytes, most; /* of the value */
} MetadataEntry;

static gboolean metadata_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  (void)wire;
  MetadataEntry *entry = data;
  if (field->number == METADATA_KEY)
    return lus_onnx_read_string(&entry->key, field, error);
  if (field->number != METADATA_VALUE)
    return TRUE;
  if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
    return FALSE;
  /* Values may be long (a training record), and foreign ones may be anything. */
  if (field->length > entry->most) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "more than %" G_GSIZE_FORMAT " bytes of metadata",
                LUS_ONNX_MAX_METADATA_BYTES);
    return FALSE;
  }
  entry->bytes = field->length;
  g_free(entry->value);
  entry->value = g_utf8_make_valid((const char *)field->bytes, (gssize)field->length);
  return TRUE;
}

static gboolean read_metadata(Reader *reader, const LusWire *wire, const LusWireField *field, GError **error)
{
  MetadataEntry entry = {.most = LUS_ONNX_MAX_METADATA_BYTES - reader->metadata_bytes};
  GHashTable *metadata = reader->onnx->metadata;
  gboolean ok = enter_each(wire, field, metadata_field, &entry, error);
  reader->metadata_bytes += entry.bytes;
  if (ok && g_hash_table_size(metadata) >= LUS_ONNX_MAX_METADATA)
    ok = fail(error, LUS_ERROR_LIMIT, "more than 1024 metadata entries");
  if (ok && entry.key && g_hash_table_contains(metadata, entry.key)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "metadata '%s' is given twice", entry.key);
    ok = FALSE;
  }
  if (ok && entry.key && entry.value) {
    g_hash_table_insert(metadata, g_steal_pointer(&entry.key), g_steal_pointer(&entry.value));
  }
  g_free(entry.key);
  g_free(entry.value);
  return ok;
}

static gboolean model_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  Reader *reader = data;
  switch (field->number) {
  case MODEL_PRODUCER_NAME:
    return lus_onnx_read_string(&reader->onnx->producer, field, error);
  case MODEL_OPSET_IMPORT:
    return read_opset(reader, wire, field, error);
  case MODEL_METADATA_PROPS:
    return read_metadata(reader, wire, field, error);
  case MODEL_FUNCTIONS:
    return fail(error, LUS_ERROR_UNSUPPORTED, "it defines functions of its own; export it with them inlined");
  case MODEL_GRAPH:
    if (reader->has_graph)
      return fail(error, LUS_ERROR_INVALID, "it holds two graphs");
    reader->has_graph = TRUE;
    return lus_wire_enter(&reader->graph, wire, field, error);
  default:
    return TRUE;
  }
}

static gboolean dim_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  (void)wire;
  int *dim = data;
  if (field->number != DIM_VALUE)
    return TRUE;
  if (!lus_wire_expect(field, LUS_WIRE_VARINT, error))
    return FALSE;
  /* Some exporters write -1 or 0 for an open dimension. */
  gint64 value = (gint64)field->value;
  if (value > G_MAXINT32)
    return fail(error, LUS_ERROR_LIMIT, "a dimension of the input is too large");
  *dim = (int)MAX(value, 0);
  return TRUE;
}

static gboolean shape_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  ValueInfo *info = data;
  if (field->number != SHAPE_DIM)
    return TRUE;
  if (info->rank >= 4) {
    info->rank = 5;
    return TRUE;
  }
  return enter_each(wire, field, dim_field, &info->dims[info->rank++], error);
}

static gboolean tensor_type_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  ValueInfo *info = data;
  if (field->number == TENSOR_TYPE_SHAPE)
    return enter_each(wire, field, shape_field, info, error);
  if (field->number != TENSOR_TYPE_ELEM)
    return TRUE;
  info->type = (int)MIN(field->value, 1000);
  return lus_wire_expect(field, LUS_WIRE_VARINT, error);
}

static gboolean type_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  return field->number != TYPE_TENSOR || enter_each(wire, field, tensor_type_field, data, error);
}

static gboolean value_info_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  ValueInfo *info = data;
  if (field->number == VALUE_INFO_NAME)
    return lus_onnx_read_string(&info->name, field, error);
  return field->number != VALUE_INFO_TYPE || enter_each(wire, field, type_field, info, error);
}

static gboolean read_initializer(Reader *reader, const LusWire *wire, const LusWireField *field, GError **error)
{
  if (++reader->n_initializers > LUS_ONNX_MAX_NODES)
    return fail(error, LUS_ERROR_LIMIT, "more than 100000 tensors");
  LusWire message;
  if (!lus_wire_enter(&message, wire, field, error))
    return FALSE;
  g_autofree char *name = NULL;
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_CONSTANT);
  symbol->tensor = g_new0(LusOnnxTensor, 1);
  if (lus_onnx_tensor_parse(symbol->tensor, &name, &message, error))
    return lus_onnx_define(&reader->builder, name, symbol, error);
  lus_symbol_free(symbol);
  return FALSE;
}

/** First walk. Inputs are looked at when all initializers are known, since old files list these among them. */
static gboolean gather_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  Reader *reader = data;
  switch (field->number) {
  case GRAPH_INITIALIZER:
    return read_initializer(reader, wire, field, error);
  case GRAPH_SPARSE_INITIALIZER:
    return fail(error, LUS_ERROR_UNSUPPORTED, "it has sparse weights");
  case GRAPH_OUTPUT: {
    ValueInfo info = {0};
    gboolean ok = enter_each(wire, field, value_info_field, &info, error);
    if (ok && ++reader->n_outputs > 1)
      ok = fail(error, LUS_ERROR_UNSUPPORTED, "it has several outputs; export it with the segmentation alone");
    g_free(reader->output);
    reader->output = info.name;
    return ok;
  }
  default:
    return TRUE;
  }
}

static gboolean input_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  Reader *reader = data;
  if (field->number != GRAPH_INPUT)
    return TRUE;
  ValueInfo info = {0};
  gboolean ok = enter_each(wire, field, value_info_field, &info, error);
  if (ok && !info.name)
    ok = fail(error, LUS_ERROR_INVALID, "an input has no name");
  if (!ok || g_hash_table_contains(reader->builder.symbols, info.name)) {
    g_free(info.name);
    return ok;
  }
  g_free(reader->input.name);
  reader->input = info;
  return ++reader->n_inputs == 1 ||
         fail(error, LUS_ERROR_UNSUPPORTED, "it has several inputs; a network over one picture is expected");
}

static gboolean read_node(Reader *reader, const LusWire *wire, const LusWireField *field, GError **error)
{
  LusWire message;
  if (++reader->n_nodes > LUS_ONNX_MAX_NODES)
    return fail(error, LUS_ERROR_LIMIT, "more than 100000 nodes");
  if (!lus_wire_enter(&message, wire, field, error))
    return FALSE;
  LusOnnxNode node;
  gboolean ok = lus_onnx_node_parse(&node, &message, error) && lus_onnx_build_node(&reader->builder, &node, error);
  if (!ok) {
    const char *name = *node.name ? node.name : node.n_outputs > 0 && node.outputs[0] ? node.outputs[0] : "";
    g_prefix_error(error, "node %d '%s' (%s, opset %d): ", reader->n_nodes - 1, name, node.type, reader->onnx->opset);
  }
  lus_onnx_node_clear(&node);
  return ok;
}

/** Second walk. */
static gboolean node_field(gpointer data, const LusWire *wire, const LusWireField *field, GError **error)
{
  return field->number != GRAPH_NODE || read_node(data, wire, field, error);
}

/** Where the file leaves the size open, the caller or our own setting may tell it. */
static void set_open_size(const Reader *reader, int *height, int *width)
{
  const char *text = g_hash_table_lookup(reader->onnx->metadata, "lus.input_size");
  char *end = NULL;
  guint64 w = text ? g_ascii_strtoull(text, &end, 10) : 0;
  guint64 h = end && *end == 'x' ? g_ascii_strtoull(end + 1, &end, 10) : 0;
  if (*height != 0 || *width != 0)
    return;
  if (reader->width > 0 && reader->height > 0) {
    *width = reader->width;
    *height = reader->height;
  } else if (w <= G_MAXINT16 && h <= G_MAXINT16) {
    *width = (int)w;
    *height = (int)h;
  }
}

static gboolean set_up_input(Reader *reader, GError **error)
{
  ValueInfo *input = &reader->input;
  LusOnnx *onnx = reader->onnx;
  LusOnnxBuilder *builder = &reader->builder;
  if (reader->n_inputs == 0)
    return fail(error, LUS_ERROR_INVALID, "it has no input");
  if (input->type != LUS_ONNX_FLOAT || input->rank < 1 || input->rank > 4 ||
      (input->rank == 4 && input->dims[0] > 1) || input->dims[MIN(input->rank - 1, 1)] < 1) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "input '%s' is not float [1][channels][height][width] with a fixed "
                "number of channels",
                input->name);
    return FALSE;
  }
  onnx->input_rank = input->rank;
  int dims[4] = {1, 1, 1, 1};
  memcpy(dims + 4 - input->rank, input->dims, (gsize)input->rank * sizeof *dims);
  onnx->input_channels = dims[1];
  onnx->input_height = dims[2];
  onnx->input_width = dims[3];
  LusSymbol *symbol = lus_symbol_new(LUS_SYMBOL_ACTIVATION);
  symbol->value = lus_graph_add_input(builder->graph, input->name);
  int *shape = builder->graph->values[symbol->value].shape;
  shape[0] = 1;
  memcpy(shape + 1, dims + 1, 3 * sizeof *shape);
  symbol->rank = input->rank;
  set_open_size(reader, &shape[2], &shape[3]);
  builder->sized = shape[1] > 0 && shape[2] > 0 && shape[3] > 0;
  return lus_onnx_define(builder, input->name, symbol, error);
}

static gboolean set_output(Reader *reader, GError **error)
{
  LusGraph *graph = reader->builder.graph;
  LusSymbol *symbol = reader->output ? g_hash_table_lookup(reader->builder.symbols, reader->output) : NULL;
  int value;
  if (!symbol) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "its output '%s' is computed by no node",
                reader->output ? reader->output : "");
    return FALSE;
  }
  if (!lus_onnx_resolve(&reader->builder, symbol, reader->output, &value, error))
    return FALSE;
  if (value == graph->input)
    return fail(error, LUS_ERROR_INVALID, "its output is its input");
  lus_graph_set_output(graph, value);
  if (!reader->builder.sized)
    return TRUE;
  const int *shape = graph->values[graph->input].shape;
  return lus_graph_infer_shapes(graph, shape[1], shape[2], shape[3], error);
}

static gboolean read_model(Reader *reader, const LusWire *model, GError **error)
{
  if (!each_field(model, model_field, reader, error))
    return FALSE;
  if (!reader->has_graph)
    return fail(error, LUS_ERROR_INVALID, "no graph in it; this is not an ONNX model");
  if (!reader->onnx->opset)
    return fail(error, LUS_ERROR_INVALID, "no opset is named");
  return each_field(&reader->graph, gather_field, reader, error) &&
         each_field(&reader->graph, input_field, reader, error) && set_up_input(reader, error) &&
         each_field(&reader->graph, node_field, reader, error) && set_output(reader, error);
}

LusOnnx *lus_onnx_parse(const guint8 *data, gsize length, const char *name, GError **error)
{
  return lus_onnx_parse_sized(data, length, name, 0, 0, error);
}

LusOnnx *lus_onnx_parse_sized(const guint8 *data, gsize length, const char *name, int width, int height, GError **error)
{
  if (length > LUS_ONNX_MAX_BYTES) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: more than %" G_GSIZE_FORMAT " bytes", name, LUS_ONNX_MAX_BYTES);
    return NULL;
  }
  g_autoptr(LusOnnx) onnx = g_new0(LusOnnx, 1);
  onnx->graph = lus_graph_new();
  onnx->metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  onnx->producer = g_strdup("");
  g_autoptr(GHashTable) symbols =
      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)lus_symbol_free);
  Reader reader = {
    .onnx = onnx,
    .builder = {.graph = onnx->graph, .symbols = symbols, .budget = lus_onnx_budget(length)},
    .width = width,
    .height = height,
  };
  LusWire model = {.data = data, .length = length};
  gboolean ok = read_model(&reader, &model, error);
  g_free(reader.input.name);
  g_free(reader.output);
  if (!ok) {
    g_prefix_error(error, "%s: ", name);
    lus_error_make_printable(error);
  }
  return ok ? g_steal_pointer(&onnx) : NULL;
}

void lus_onnx_free(LusOnnx *onnx)
{
  if (!onnx)
    return;
  lus_graph_free(onnx->graph);
  g_hash_table_unref(onnx->metadata);
  g_free(onnx->producer);
  g_free(onnx);
}
