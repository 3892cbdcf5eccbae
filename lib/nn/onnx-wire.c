/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/onnx-wire.h"
#include "nn/error.h"
#include "nn/onnx.h"

#include <string.h>

static gboolean malformed(GError **error, const char *problem)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s; the file is damaged or not ONNX", problem);
  return FALSE;
}

static gboolean read_varint(LusWire *wire, guint64 *value, GError **error)
{
  *value = 0;
  for (int shift = 0;; shift += 7) {
    if (wire->at == wire->length)
      return malformed(error, "a number is cut off");
    guint8 byte = wire->data[wire->at++];
    if (shift == 63 && byte > 1)
      return malformed(error, "a number has more than 64 bits");
    *value |= (guint64)(byte & 127) << shift;
    if (byte < 128)
      return TRUE;
  }
}

static gboolean read_fixed(LusWire *wire, guint64 *value, gsize bytes, GError **error)
{
  if (wire->length - wire->at < bytes)
    return malformed(error, "a number is cut off");
  *value = 0;
  for (gsize i = 0; i < bytes; i++)
    *value |= (guint64)wire->data[wire->at++] << (8 * i);
  return TRUE;
}

gboolean lus_wire_next(LusWire *wire, LusWireField *field, GError **error)
{
  if (wire->at == wire->length)
    return FALSE;
  guint64 tag;
  if (!read_varint(wire, &tag, error))
    return FALSE;
  if (tag >> 3 == 0 || tag >> 3 > (1u << 29) - 1)
    return malformed(error, "a field has an impossible number");
  *field = (LusWireField){.number = (guint32)(tag >> 3), .type = (int)(tag & 7)};
  switch (field->type) {
  case LUS_WIRE_VARINT:
    return read_varint(wire, &field->value, error);
  case LUS_WIRE_FIXED64:
    return read_fixed(wire, &field->value, 8, error);
  case LUS_WIRE_FIXED32:
    return read_fixed(wire, &field->value, 4, error);
  case LUS_WIRE_BYTES:
    break;
  default:
    return malformed(error, "a field has an unknown wire type");
  }
  guint64 length;
  if (!read_varint(wire, &length, error))
    return FALSE;
  if (length > wire->length - wire->at)
    return malformed(error, "a field is longer than the message around it");
  field->bytes = wire->data + wire->at;
  field->length = (gsize)length;
  wire->at += field->length;
  return TRUE;
}

gboolean lus_wire_expect(const LusWireField *field, int type, GError **error)
{
  return field->type == type || malformed(error, "a field has the wrong type");
}

gboolean lus_wire_enter(LusWire *inner, const LusWire *outer, const LusWireField *field, GError **error)
{
  if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
    return FALSE;
  if (outer->depth + 1 > LUS_ONNX_MAX_DEPTH) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "messages are nested deeper than %d", LUS_ONNX_MAX_DEPTH);
    return FALSE;
  }
  *inner = (LusWire){.data = field->bytes, .length = field->length, .depth = outer->depth + 1};
  return TRUE;
}

gboolean lus_wire_packed_varint(LusWire *packed, guint64 *value, GError **error)
{
  return packed->at < packed->length && read_varint(packed, value, error);
}

gboolean lus_wire_varints(const LusWireField *field, gboolean (*add)(gpointer data, guint64 value, GError **error),
                          gpointer data, GError **error)
{
  if (field->type == LUS_WIRE_VARINT)
    return add(data, field->value, error);
  if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
    return FALSE;
  LusWire packed = {.data = field->bytes, .length = field->length};
  GError *cause = NULL;
  guint64 value;
  while (lus_wire_packed_varint(&packed, &value, &cause))
    if (!add(data, value, error))
      return FALSE;
  if (cause)
    g_propagate_error(error, cause);
  return !cause;
}

static void append_varint(GByteArray *out, guint64 value)
{
  guint8 bytes[10];
  guint n = 0;
  do {
    bytes[n] = (guint8)(value & 127);
    value >>= 7;
    if (value)
      bytes[n] |= 128;
    n++;
  } while (value);
  g_byte_array_append(out, bytes, n);
}

static void append_tag(GByteArray *out, guint32 number, int type)
{
  append_varint(out, (guint64)number << 3 | (guint64)type);
}

void lus_wire_put_varint(GByteArray *out, guint32 number, guint64 value)
{
  append_tag(out, number, LUS_WIRE_VARINT);
  append_varint(out, value);
}

void lus_wire_put_float(GByteArray *out, guint32 number, float value)
{
  guint32 bits;
  memcpy(&bits, &value, 4);
  bits = GUINT32_TO_LE(bits);
  append_tag(out, number, LUS_WIRE_FIXED32);
  g_byte_array_append(out, (const guint8 *)&bits, 4);
}

void lus_wire_put_head(GByteArray *out, guint32 number, gsize length)
{
  append_tag(out, number, LUS_WIRE_BYTES);
  append_varint(out, length);
}

void lus_wire_put_bytes(GByteArray *out, guint32 number, const void *bytes, gsize length)
{
  lus_wire_put_head(out, number, length);
  g_byte_array_append(out, bytes, (guint)length);
}

void lus_wire_put_string(GByteArray *out, guint32 number, const char *text)
{
  lus_wire_put_bytes(out, number, text, strlen(text));
}

void lus_wire_put_message(GByteArray *out, guint32 number, GByteArray *message)
{
  lus_wire_put_bytes(out, number, message->data, message->len);
  g_byte_array_unref(message);
}
