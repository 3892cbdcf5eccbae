/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
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

/** A short vector (rank 1) or scalar (rank 0) that shape computations are made of. */
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
/** The elements as float32; NaN and infinity are refused. */
LusTensor *lus_onnx_tensor_floats(const LusOnnxTensor *tensor, GError **error);
/** The elements of a scalar or short vector. */
gboolean lus_onnx_tensor_numbers(LusNumbers *out, const LusOnnxTensor *tensor, GError **error);

/** Decodes a NodeProto; clear @node also after an error. */
gboolean lus_onnx_node_parse(LusOnnxNode *node, const LusWire *message, GError **error);
void lus_onnx_node_clear(LusOnnxNode *node);
/** Name of input @i, or NULL where it is absent. */
const char *lus_onnx_node_input(const LusOnnxNode *node, int i);
/** The attribute @name of the given type, or NULL where it is missing; another type is an error (*ok = FALSE). */
LusOnnxAttribute *lus_onnx_node_attribute(LusOnnxNode *node, const char *name, int type, gboolean *ok, GError **error);
/** The first attribute nobody asked for, or NULL. */
const char *lus_onnx_node_unused_attribute(const LusOnnxNode *node);
