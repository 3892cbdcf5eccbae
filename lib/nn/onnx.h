/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"

LUS_BEGIN_DECLS

/** ONNX files (opset 9..21) to graphs and back. The reader is bounded: depth, counts and sizes are checked before use,
 *  external data is refused, raw_data and float_data must match dims. Limits: */
#define LUS_ONNX_MAX_BYTES ((gsize)1 << 30)
#define LUS_ONNX_MAX_DEPTH 16
#define LUS_ONNX_MAX_NODES 100000
#define LUS_ONNX_MAX_METADATA 1024
#define LUS_ONNX_MAX_METADATA_BYTES ((gsize)1 << 22) /* of all values together */

/** Producer's name in the files that lus_onnx_write() makes. */
#define LUS_ONNX_PRODUCER "lus"

/** A fixed or default input size read from the file; 0 where the dimension is symbolic. */
typedef struct {
  LusGraph *graph;
  GHashTable *metadata; /* char* -> char*, metadata_props */
  int input_channels, input_height, input_width;
  int input_rank; /* 4 for pictures; of fewer dimensions the missing first ones count as 1 */
  int opset;
  char *producer;
} LusOnnx;

/** Parses a whole model. @name stands in messages for the file. docs/operators.md lists the operators. An unknown one is
 *  LUS_ERROR_UNSUPPORTED and names operator, node and opset. NULL and nothing else on error. */
LUS_API LusOnnx *lus_onnx_parse(const guint8 *data, gsize length, const char *name, GError **error);
/** The same, with the input's size in pixels where the file leaves both dimensions open; 0, 0: as its metadata says. */
LUS_API LusOnnx *lus_onnx_parse_sized(const guint8 *data, gsize length, const char *name, int width, int height,
                                      GError **error);
LUS_API void lus_onnx_free(LusOnnx *onnx);

/** Serialises @graph (opset 17, IR 8; GroupNorm as PyTorch's pattern, so that every runtime reads it) with @metadata
 *  (char* -> char*, written in sorted order; may be NULL). Fixed input size @c x @h x @w. The same graph gives the same
 *  bytes. */
LUS_API GByteArray *lus_onnx_write(const LusGraph *graph, GHashTable *metadata, int c, int h, int w, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusOnnx, lus_onnx_free)

LUS_END_DECLS
