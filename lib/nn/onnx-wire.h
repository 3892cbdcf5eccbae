/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** The protocol-buffers wire format, as far as ONNX needs it (https://protobuf.dev/programming-guides/encoding/), and
 * the numbers of ONNX's messages and fields (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */

enum { LUS_WIRE_VARINT = 0, LUS_WIRE_FIXED64 = 1, LUS_WIRE_BYTES = 2, LUS_WIRE_FIXED32 = 5 };

enum {
  LUS_ONNX_FLOAT = 1,
  LUS_ONNX_UINT8 = 2,
  LUS_ONNX_INT8 = 3,
  LUS_ONNX_UINT16 = 4,
  LUS_ONNX_INT16 = 5,
  LUS_ONNX_INT32 = 6,
  LUS_ONNX_INT64 = 7,
  LUS_ONNX_STRING = 8,
  LUS_ONNX_BOOL = 9,
  LUS_ONNX_FLOAT16 = 10,
  LUS_ONNX_DOUBLE = 11,
  LUS_ONNX_UINT32 = 12,
  LUS_ONNX_UINT64 = 13,
  LUS_ONNX_BFLOAT16 = 16
};

enum {
  LUS_ATTRIBUTE_FLOAT = 1, LUS_ATTRIBUTE_INT = 2, LUS_ATTRIBUTE_STRING = 3, LUS_ATTRIBUTE_TENSOR = 4,
  LUS_ATTRIBUTE_FLOATS = 6, LUS_ATTRIBUTE_INTS = 7
};

enum {
  MODEL_IR_VERSION = 1, MODEL_PRODUCER_NAME = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET_IMPORT = 8,
  MODEL_METADATA_PROPS = 14, MODEL_FUNCTIONS = 25,
  OPSET_DOMAIN = 1, OPSET_VERSION = 2,
  METADATA_KEY = 1, METADATA_VALUE = 2,
  GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
  GRAPH_SPARSE_INITIALIZER = 15,
  NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP_TYPE = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7,
  ATTRIBUTE_NAME = 1, ATTRIBUTE_F = 2, ATTRIBUTE_I = 3, ATTRIBUTE_S = 4, ATTRIBUTE_T = 5, ATTRIBUTE_FLOATS = 7,
  ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20,
  TENSOR_DIMS = 1, TENSOR_DATA_TYPE = 2, TENSOR_SEGMENT = 3, TENSOR_FLOAT_DATA = 4, TENSOR_INT32_DATA = 5,
  TENSOR_STRING_DATA = 6, TENSOR_INT64_DATA = 7, TENSOR_NAME = 8, TENSOR_RAW_DATA = 9, TENSOR_DOUBLE_DATA = 10, TENSOR_UINT64_DATA = 11,
  TENSOR_EXTERNAL_DATA = 13, TENSOR_DATA_LOCATION = 14,
  VALUE_INFO_NAME = 1, VALUE_INFO_TYPE = 2, TYPE_TENSOR = 1, TENSOR_TYPE_ELEM = 1, TENSOR_TYPE_SHAPE = 2,
  SHAPE_DIM = 1, DIM_VALUE = 1
};

/** A message being read: borrowed bytes, never past @length. */
typedef struct {
  const guint8 *data;
  gsize length, at;
  int depth;
} LusWire;

/** One field of a message. */
typedef struct {
  guint32 number;
  int type;             /* LUS_WIRE_* */
  guint64 value;        /* varint and fixed */
  const guint8 *bytes;  /* LUS_WIRE_BYTES: borrowed */
  gsize length;
} LusWireField;

/** Reads the next field. FALSE at the message's end, and on malformed bytes, which set @error: varints over 10 bytes or
 * 64 bit, lengths beyond the message, groups, field number 0. */
gboolean lus_wire_next(LusWire *wire, LusWireField *field, GError **error);
/** The message inside a field. FALSE with @error when the field is no message or lies deeper than LUS_ONNX_MAX_DEPTH.
 */
gboolean lus_wire_enter(LusWire *inner, const LusWire *outer, const LusWireField *field, GError **error);
/** TRUE if the field has the wire type, else @error. */
gboolean lus_wire_expect(const LusWireField *field, int type, GError **error);
/** Hands each integer of a repeated field, packed or not, to @add with @data, until that returns FALSE (its error set). */
gboolean lus_wire_varints(const LusWireField *field, gboolean (*add)(gpointer data, guint64 value, GError **error),
                          gpointer data, GError **error);
/** The next varint of a packed field; FALSE at its end or on malformed bytes (@error set). */
gboolean lus_wire_packed_varint(LusWire *packed, guint64 *value, GError **error);

void lus_wire_put_varint(GByteArray *out, guint32 number, guint64 value);
void lus_wire_put_float(GByteArray *out, guint32 number, float value);
void lus_wire_put_bytes(GByteArray *out, guint32 number, const void *bytes, gsize length);
void lus_wire_put_string(GByteArray *out, guint32 number, const char *text);
/** Tag and length of a bytes field whose content the caller appends. */
void lus_wire_put_head(GByteArray *out, guint32 number, gsize length);
/** Appends @message as a field and frees it. */
void lus_wire_put_message(GByteArray *out, guint32 number, GByteArray *message);
