/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "error.h"
#include "onnx-wire.h"
#include "tensor.h"

/** ONNX messages decoded one at a time into bounded structs; all sizes are checked here. Errors tell the problem;
 * callers put the file and the node or tensor before it. */

#define LUS_ONNX_MAX_NAME 4096
#define LUS_ONNX_MAX_INPUTS 16
#define LUS_ONNX_MAX_OUTPUTS 8
#define LUS_ONNX_MAX_ATTRIBUTES 24
#define LUS_ONNX_MAX_NUMBERS 16

/** A tensor's header. The data stays in the file's bytes, which must outlive it. */
typedef struct {
  LusWire message;
  int type;                      /* ONNX data type */
  int rank;
  int dims[LUS_TENSOR_MAX_RANK];
  gsize count;
  const guint8 *raw;             /* raw_data, or NULL: the data is in the field for its type */
} LusOnnxTensor;

/** A short vector (rank 1) or scalar (rank 0): an axis, a size, a limit. */
typedef struct {
  gboolean is_float;
  int rank, n;
  gint64 i[LUS_ONNX_MAX_NUMBERS]; /* one of the two is used */
  double f[LUS_ONNX_MAX_NUMBERS];
} LusNumbers;

typedef struct {
  char *name;
  int type;          /* LUS_ATTRIBUTE_* */
  float f;
  gint64 i;
  char *s;
  gboolean has_tensor;
  LusWire tensor;
  int n_ints, n_floats;
  gint64 ints[LUS_ONNX_MAX_NUMBERS];
  float floats[LUS_ONNX_MAX_NUMBERS];
  gboolean used;     /* somebody asked for it */
} LusOnnxAttribute;

typedef struct {
  char *name, *type, *domain; /* "" when missing */
  int n_inputs, n_outputs, n_attributes;
  char *inputs[LUS_ONNX_MAX_INPUTS];   /* "" = absent */
  char *outputs[LUS_ONNX_MAX_OUTPUTS];
  LusOnnxAttribute attributes[LUS_ONNX_MAX_ATTRIBUTES];
} LusOnnxNode;

/** A string field: UTF-8, no NUL, at most LUS_ONNX_MAX_NAME bytes. Replaces *out. */
gboolean lus_onnx_read_string(char **out, const LusWireField *field, GError **error);

/** Checks a TensorProto: dims, data type, and that the data is neither shorter nor longer. @name is set, newly
 * allocated. */
gboolean lus_onnx_tensor_parse(LusOnnxTensor *tensor, char **name, const LusWire *message, GError **error);
/** Calls @func for each element of a tensor that is not raw, in order, with the bits of its field; FALSE from @func or a
 * malformed number stops. */
typedef gboolean (*LusElementFunc)(gpointer data, gsize index, guint64 bits);
gboolean lus_onnx_tensor_each(const LusOnnxTensor *tensor, LusElementFunc func, gpointer data);
/** The same for strings. */
typedef gboolean (*LusStringFunc)(gpointer data, const char *text);
gboolean lus_onnx_tensor_each_string(const LusOnnxTensor *tensor, LusStringFunc func, gpointer data, GError **error);

/** Decodes a NodeProto; clear @node also after an error. */
gboolean lus_onnx_node_parse(LusOnnxNode *node, const LusWire *message, GError **error);
void lus_onnx_node_clear(LusOnnxNode *node);
/** Name of input @i, or NULL where it is absent. */
const char *lus_onnx_node_input(const LusOnnxNode *node, int i);
/** The attribute @name of the given type, or NULL where it is missing; another type is an error (*ok = FALSE). */
LusOnnxAttribute *lus_onnx_node_attribute(LusOnnxNode *node, const char *name, int type, gboolean *ok, GError **error);
/** The first attribute nobody asked for, or NULL. */
const char *lus_onnx_node_unused_attribute(const LusOnnxNode *node);

/** Attributes with a default; FALSE with an error when the type or range is wrong. Integers must lie in low..high. */
gboolean lus_onnx_get_int(LusOnnxNode *node, const char *name, int *value, int low, int high, GError **error);
gboolean lus_onnx_get_ints(LusOnnxNode *node, const char *name, int *values, int n, int low, int high, GError **error);
gboolean lus_onnx_get_float(LusOnnxNode *node, const char *name, float *value, GError **error);
/** Never NULL on success: the attribute's text or @fallback. */
const char *lus_onnx_get_string(LusOnnxNode *node, const char *name, const char *fallback, GError **error);

/** Set the error and return FALSE; the caller adds operator, node and opset. */
static inline gboolean lus_onnx_unsupported(GError **error, const char *problem)
{
  g_set_error_literal(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, problem);
  return FALSE;
}

static inline gboolean lus_onnx_invalid(GError **error, const char *problem)
{
  g_set_error_literal(error, LUS_ERROR, LUS_ERROR_INVALID, problem);
  return FALSE;
}
