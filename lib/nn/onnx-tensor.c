/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/onnx-proto.h"

#include <string.h>

typedef struct {
  int type;
  guint32 field; /* where the data is when it is not raw */
  int wire;      /* of one element there */
  gsize bytes;   /* of one element in raw_data */
} DataType;

static const DataType data_types[] = {
  {LUS_ONNX_FLOAT, TENSOR_FLOAT_DATA, LUS_WIRE_FIXED32, 4},
  {LUS_ONNX_DOUBLE, TENSOR_DOUBLE_DATA, LUS_WIRE_FIXED64, 8},
  {LUS_ONNX_FLOAT16, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 2},
  {LUS_ONNX_INT32, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 4},
  {LUS_ONNX_INT64, TENSOR_INT64_DATA, LUS_WIRE_VARINT, 8},
  {LUS_ONNX_BOOL, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 1},
  {LUS_ONNX_UINT8, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 1},
  {LUS_ONNX_INT8, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 1},
  {LUS_ONNX_UINT16, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 2},
  {LUS_ONNX_INT16, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 2},
  {LUS_ONNX_BFLOAT16, TENSOR_INT32_DATA, LUS_WIRE_VARINT, 2},
  {LUS_ONNX_UINT32, TENSOR_UINT64_DATA, LUS_WIRE_VARINT, 4},
  {LUS_ONNX_UINT64, TENSOR_UINT64_DATA, LUS_WIRE_VARINT, 8},
};

static const DataType *find_type(int type)
{
  for (gsize i = 0; i < G_N_ELEMENTS(data_types); i++)
    if (data_types[i].type == type)
      return &data_types[i];
  return NULL;
}

static gboolean add_dim(gpointer data, guint64 value, GError **error)
{
  LusOnnxTensor *tensor = data;
  if (tensor->rank == LUS_TENSOR_MAX_RANK)
    return lus_onnx_invalid(error, "more than 8 dimensions");
  if (value > G_MAXINT64)
    return lus_onnx_invalid(error, "a negative dimension");
  if (value > LUS_TENSOR_MAX_COUNT || (value > 0 && tensor->count > LUS_TENSOR_MAX_COUNT / value)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "its dimensions give more than %" G_GSIZE_FORMAT " elements",
                LUS_TENSOR_MAX_COUNT);
    return FALSE;
  }
  tensor->dims[tensor->rank++] = (int)value;
  tensor->count *= (gsize)value;
  return TRUE;
}

/** Elements in one data field: packed, or a single one. */
static gboolean count_elements(gsize *n, const LusWireField *field, const DataType *type, GError **error)
{
  if (field->type == type->wire) {
    *n += 1;
    return TRUE;
  }
  if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
    return FALSE;
  if (type->wire != LUS_WIRE_VARINT) {
    gsize bytes = type->wire == LUS_WIRE_FIXED32 ? 4 : 8;
    *n += field->length / bytes;
    return field->length % bytes == 0 || lus_onnx_invalid(error, "its data is cut off");
  }
  for (gsize i = 0; i < field->length; i++)
    *n += field->bytes[i] < 128; /* each varint has one last byte */
  return field->length == 0 || field->bytes[field->length - 1] < 128 || lus_onnx_invalid(error, "its data is cut off");
}

static gboolean is_data_field(guint32 number)
{
  return number == TENSOR_FLOAT_DATA || number == TENSOR_INT32_DATA || number == TENSOR_INT64_DATA ||
         number == TENSOR_DOUBLE_DATA ||
         number == TENSOR_UINT64_DATA;
}

/** Second look at the message, once type and dims are known: is the data what they say? */
static gboolean check_data(LusOnnxTensor *tensor, gsize raw_length, GError **error)
{
  const DataType *type = find_type(tensor->type);
  if (!type)
    return TRUE; /* refused when somebody wants the elements */
  if (tensor->raw && raw_length != tensor->count * type->bytes)
    return lus_onnx_invalid(error, "its data is shorter or longer than its dimensions say");
  LusWire wire = tensor->message;
  LusWireField field;
  gsize n = 0;
  while (lus_wire_next(&wire, &field, NULL)) {
    if (!is_data_field(field.number))
      continue;
    if (field.number != type->field)
      return lus_onnx_invalid(error, "it holds data of another type than it says");
    if (!count_elements(&n, &field, type, error))
      return FALSE;
  }
  if (tensor->raw ? n > 0 : n != tensor->count)
    return lus_onnx_invalid(error,
                   tensor->raw ? "it holds its data twice" : "its data is shorter or longer than its dimensions say");
  return TRUE;
}

static gboolean parse_field(LusOnnxTensor *tensor, gsize *raw_length, const LusWireField *field, GError **error)
{
  switch (field->number) {
  case TENSOR_DIMS:
    return lus_wire_varints(field, add_dim, tensor, error);
  case TENSOR_DATA_TYPE:
    tensor->type = (int)MIN(field->value, 1000);
    return lus_wire_expect(field, LUS_WIRE_VARINT, error);
  case TENSOR_RAW_DATA:
    if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
      return FALSE;
    tensor->raw = field->bytes;
    *raw_length = field->length;
    return TRUE;
  case TENSOR_SEGMENT:
    return lus_onnx_invalid(error, "it is stored in segments, which is not supported");
  case TENSOR_EXTERNAL_DATA:
  case TENSOR_DATA_LOCATION:
    if (field->number == TENSOR_DATA_LOCATION && field->type == LUS_WIRE_VARINT && field->value == 0)
      return TRUE;
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "its data is in another file, which is never opened; save the "
                "model as one file");
    return FALSE;
  default:
    return TRUE;
  }
}

/** The name comes first, wherever it stands in the message, since all errors tell it. */
static gboolean read_name(char **name, const LusWire *message, GError **error)
{
  LusWire wire = *message;
  LusWireField field;
  GError *cause = NULL;
  *name = g_strdup("");
  while (!cause && lus_wire_next(&wire, &field, &cause))
    if (field.number == TENSOR_NAME)
      lus_onnx_read_string(name, &field, &cause);
  if (cause)
    g_propagate_error(error, cause);
  return !cause;
}

gboolean lus_onnx_tensor_parse(LusOnnxTensor *tensor, char **name, const LusWire *message, GError **error)
{
  *tensor = (LusOnnxTensor){.message = *message, .count = 1};
  gsize raw_length = 0;
  LusWire wire = *message;
  LusWireField field;
  GError *cause = NULL;
  gboolean ok = read_name(name, message, &cause);
  while (ok && lus_wire_next(&wire, &field, &cause))
    ok = parse_field(tensor, &raw_length, &field, &cause);
  if (!cause)
    check_data(tensor, raw_length, &cause);
  if (!cause)
    return TRUE;
  g_propagate_prefixed_error(error, cause, "tensor '%s': ", *name);
  g_clear_pointer(name, g_free);
  return FALSE;
}

/** All elements of one field of the data type: a single one, or packed. */
static gboolean each_in_field(const LusWireField *field, const DataType *type, gsize *index, LusElementFunc func,
                              gpointer data)
{
  if (field->type == type->wire)
    return func(data, (*index)++, field->value);
  LusWire packed = {.data = field->bytes, .length = field->length};
  gsize bytes = type->wire == LUS_WIRE_FIXED32 ? 4 : 8;
  while (packed.at < packed.length) {
    guint64 bits = 0;
    if (type->wire == LUS_WIRE_VARINT && !lus_wire_packed_varint(&packed, &bits, NULL))
      return FALSE;
    for (gsize b = 0; type->wire != LUS_WIRE_VARINT && b < bytes; b++)
      bits |= (guint64)packed.data[packed.at++] << (8 * b);
    if (!func(data, (*index)++, bits))
      return FALSE;
  }
  return TRUE;
}

gboolean lus_onnx_tensor_each(const LusOnnxTensor *tensor, LusElementFunc func, gpointer data)
{
  const DataType *type = find_type(tensor->type);
  LusWire wire = tensor->message;
  LusWireField field;
  gsize index = 0;
  while (lus_wire_next(&wire, &field, NULL))
    if (field.number == type->field && !each_in_field(&field, type, &index, func, data))
      return FALSE;
  return TRUE;
}

gboolean lus_onnx_tensor_each_string(const LusOnnxTensor *tensor, LusStringFunc func, gpointer data, GError **error)
{
  LusWire wire = tensor->message;
  LusWireField field;
  while (lus_wire_next(&wire, &field, NULL)) {
    g_autofree char *text = NULL;
    if (field.number != TENSOR_STRING_DATA)
      continue;
    if (!lus_onnx_read_string(&text, &field, error) || !func(data, text))
      return FALSE;
  }
  return TRUE;
}
