/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/onnx-proto.h"

#include <string.h>

static gboolean too_many(GError **error, const char *what, int limit)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "more than %d %s", limit, what);
  return FALSE;
}

gboolean lus_onnx_read_string(char **out, const LusWireField *field, GError **error)
{
  if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
    return FALSE;
  if (field->length > LUS_ONNX_MAX_NAME)
    return too_many(error, "bytes in a name", LUS_ONNX_MAX_NAME);
  if (!g_utf8_validate_len((const char *)field->bytes, field->length, NULL))
    return lus_onnx_invalid(error, "a name is not UTF-8");
  g_free(*out);
  *out = g_strndup((const char *)field->bytes, field->length);
  return TRUE;
}

static gboolean add_int(gpointer data, guint64 value, GError **error)
{
  LusOnnxAttribute *attribute = data;
  if (attribute->n_ints == LUS_ONNX_MAX_NUMBERS)
    return too_many(error, "numbers in an attribute", LUS_ONNX_MAX_NUMBERS);
  attribute->ints[attribute->n_ints++] = (gint64)value;
  return TRUE;
}

static float float_of(guint32 bits)
{
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static gboolean add_float(LusOnnxAttribute *attribute, guint32 bits, GError **error)
{
  if (attribute->n_floats == LUS_ONNX_MAX_NUMBERS)
    return too_many(error, "numbers in an attribute", LUS_ONNX_MAX_NUMBERS);
  attribute->floats[attribute->n_floats++] = float_of(bits);
  return TRUE;
}

static gboolean read_floats(LusOnnxAttribute *attribute, const LusWireField *field, GError **error)
{
  if (field->type == LUS_WIRE_FIXED32)
    return add_float(attribute, (guint32)field->value, error);
  if (!lus_wire_expect(field, LUS_WIRE_BYTES, error))
    return FALSE;
  if (field->length % 4 != 0)
    return lus_onnx_invalid(error, "an attribute's numbers are cut off");
  for (gsize i = 0; i < field->length; i += 4) {
    const guint8 *b = field->bytes + i;
    guint32 bits = (guint32)b[0] | (guint32)b[1] << 8 | (guint32)b[2] << 16 | (guint32)b[3] << 24;
    if (!add_float(attribute, bits, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean parse_attribute_field(LusOnnxAttribute *attribute, const LusWire *wire, const LusWireField *field,
                                      GError **error)
{
  switch (field->number) {
  case ATTRIBUTE_NAME:
    return lus_onnx_read_string(&attribute->name, field, error);
  case ATTRIBUTE_TYPE:
    attribute->type = (int)MIN(field->value, 1000);
    return lus_wire_expect(field, LUS_WIRE_VARINT, error);
  case ATTRIBUTE_F:
    attribute->f = float_of((guint32)field->value);
    return lus_wire_expect(field, LUS_WIRE_FIXED32, error);
  case ATTRIBUTE_I:
    attribute->i = (gint64)field->value;
    return lus_wire_expect(field, LUS_WIRE_VARINT, error);
  case ATTRIBUTE_S:
    return lus_onnx_read_string(&attribute->s, field, error);
  case ATTRIBUTE_T:
    attribute->has_tensor = TRUE;
    return lus_wire_enter(&attribute->tensor, wire, field, error);
  case ATTRIBUTE_FLOATS:
    return read_floats(attribute, field, error);
  case ATTRIBUTE_INTS:
    return lus_wire_varints(field, add_int, attribute, error);
  default:
    return TRUE; /* graphs, sparse tensors, ...: their type is one nobody asks for */
  }
}

static gboolean parse_attribute(LusOnnxNode *node, const LusWire *outer, const LusWireField *field, GError **error)
{
  if (node->n_attributes == LUS_ONNX_MAX_ATTRIBUTES)
    return too_many(error, "attributes", LUS_ONNX_MAX_ATTRIBUTES);
  LusWire wire;
  if (!lus_wire_enter(&wire, outer, field, error))
    return FALSE;
  LusOnnxAttribute *attribute = &node->attributes[node->n_attributes++];
  attribute->name = g_strdup("");
  attribute->s = g_strdup("");
  LusWireField inner;
  GError *cause = NULL;
  while (lus_wire_next(&wire, &inner, &cause))
    if (!parse_attribute_field(attribute, &wire, &inner, error))
      return FALSE;
  if (cause) {
    g_propagate_error(error, cause);
    return FALSE;
  }
  for (int i = 0; i < node->n_attributes - 1; i++)
    if (g_str_equal(node->attributes[i].name, attribute->name)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "attribute '%s' is given twice", attribute->name);
      return FALSE;
    }
  return TRUE;
}

static gboolean add_name(char **names, int *n, int limit, const char *what, const LusWireField *field, GError **error)
{
  if (*n == limit)
    return too_many(error, what, limit);
  return lus_onnx_read_string(&names[(*n)++], field, error);
}

static gboolean parse_field(LusOnnxNode *node, const LusWire *wire, const LusWireField *field, GError **error)
{
  switch (field->number) {
  case NODE_INPUT:
    return add_name(node->inputs, &node->n_inputs, LUS_ONNX_MAX_INPUTS, "inputs", field, error);
  case NODE_OUTPUT:
    return add_name(node->outputs, &node->n_outputs, LUS_ONNX_MAX_OUTPUTS, "outputs", field, error);
  case NODE_NAME:
    return lus_onnx_read_string(&node->name, field, error);
  case NODE_OP_TYPE:
    return lus_onnx_read_string(&node->type, field, error);
  case NODE_DOMAIN:
    return lus_onnx_read_string(&node->domain, field, error);
  case NODE_ATTRIBUTE:
    return parse_attribute(node, wire, field, error);
  default:
    return TRUE;
  }
}

gboolean lus_onnx_node_parse(LusOnnxNode *node, const LusWire *message, GError **error)
{
  memset(node, 0, sizeof *node);
  node->name = g_strdup("");
  node->type = g_strdup("");
  node->domain = g_strdup("");
  LusWire wire = *message;
  LusWireField field;
  GError *cause = NULL;
  while (lus_wire_next(&wire, &field, &cause))
    if (!parse_field(node, &wire, &field, error))
      return FALSE;
  if (cause)
    g_propagate_error(error, cause);
  return !cause;
}

void lus_onnx_node_clear(LusOnnxNode *node)
{
  for (int i = 0; i < node->n_inputs; i++)
    g_free(node->inputs[i]);
  for (int i = 0; i < node->n_outputs; i++)
    g_free(node->outputs[i]);
  for (int i = 0; i < node->n_attributes; i++) {
    g_free(node->attributes[i].name);
    g_free(node->attributes[i].s);
  }
  g_free(node->name);
  g_free(node->type);
  g_free(node->domain);
}

const char *lus_onnx_node_input(const LusOnnxNode *node, int i)
{
  return i < node->n_inputs && *node->inputs[i] ? node->inputs[i] : NULL;
}

LusOnnxAttribute *lus_onnx_node_attribute(LusOnnxNode *node, const char *name, int type, gboolean *ok, GError **error)
{
  for (int i = 0; i < node->n_attributes; i++) {
    LusOnnxAttribute *attribute = &node->attributes[i];
    if (!g_str_equal(attribute->name, name))
      continue;
    attribute->used = TRUE;
    if (attribute->type == type)
      return attribute;
    *ok = FALSE;
    if (error && !*error)
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "attribute '%s' has type %d, not %d", name, attribute->type,
                  type);
    return NULL;
  }
  return NULL;
}

const char *lus_onnx_node_unused_attribute(const LusOnnxNode *node)
{
  for (int i = 0; i < node->n_attributes; i++)
    if (!node->attributes[i].used)
      return node->attributes[i].name;
  return NULL;
}

gboolean lus_onnx_get_int(LusOnnxNode *node, const char *name, int *value, int low, int high, GError **error)
{
  gboolean ok = TRUE;
  const LusOnnxAttribute *attribute = lus_onnx_node_attribute(node, name, LUS_ATTRIBUTE_INT, &ok, error);
  if (!attribute)
    return ok;
  if (attribute->i < low || attribute->i > high) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "attribute '%s' is %" G_GINT64_FORMAT "; %d to %d is supported", name, attribute->i, low, high);
    return FALSE;
  }
  *value = (int)attribute->i;
  return TRUE;
}

gboolean lus_onnx_get_ints(LusOnnxNode *node, const char *name, int *values, int n, int low, int high, GError **error)
{
  gboolean ok = TRUE;
  const LusOnnxAttribute *attribute = lus_onnx_node_attribute(node, name, LUS_ATTRIBUTE_INTS, &ok, error);
  if (!attribute)
    return ok;
  if (attribute->n_ints != n) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "attribute '%s' has %d numbers; %d are supported", name,
                attribute->n_ints, n);
    return FALSE;
  }
  for (int i = 0; i < n; i++) {
    if (attribute->ints[i] < low || attribute->ints[i] > high) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "attribute '%s' holds %" G_GINT64_FORMAT "; %d to %d is "
                  "supported", name, attribute->ints[i], low, high);
      return FALSE;
    }
    values[i] = (int)attribute->ints[i];
  }
  return TRUE;
}

gboolean lus_onnx_get_float(LusOnnxNode *node, const char *name, float *value, GError **error)
{
  gboolean ok = TRUE;
  const LusOnnxAttribute *attribute = lus_onnx_node_attribute(node, name, LUS_ATTRIBUTE_FLOAT, &ok, error);
  if (attribute)
    *value = attribute->f;
  return ok;
}

const char *lus_onnx_get_string(LusOnnxNode *node, const char *name, const char *fallback, GError **error)
{
  gboolean ok = TRUE;
  const LusOnnxAttribute *attribute = lus_onnx_node_attribute(node, name, LUS_ATTRIBUTE_STRING, &ok, error);
  return attribute ? attribute->s : ok ? fallback : NULL;
}
