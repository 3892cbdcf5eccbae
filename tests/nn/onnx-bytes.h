/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "nn/onnx-eval.h"
#include "nn/onnx-wire.h"
#include "nn/onnx.h"

/** ONNX files put together byte by byte, also wrong ones. The functions that make a message return it for the caller to
 * add to and to hand on to test_add(), which takes it over. */

GByteArray *test_node(const char *type, const char *inputs /* comma-separated */, const char *output);
void test_attribute_int(GByteArray *node, const char *name, gint64 value);
void test_attribute_ints(GByteArray *node, const char *name, int n, const gint64 *values);
void test_attribute_float(GByteArray *node, const char *name, float value);
void test_attribute_string(GByteArray *node, const char *name, const char *value);

GByteArray *test_floats(const char *name, int rank, const gint64 *dims, const float *values, gsize n);
GByteArray *test_ints(const char *name, int n, const gint64 *values);
/** Input or output, float [1][c][h][w]; -1 = open. */
GByteArray *test_value_info(const char *name, gint64 c, gint64 h, gint64 w);

/** @field: GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT or GRAPH_OUTPUT. Takes @message. */
void test_add(GByteArray *graph, guint32 field, GByteArray *message);
/** A graph with input "x" [1][c][h][w] and output "y". */
GByteArray *test_graph(gint64 c, gint64 h, gint64 w);
/** The file around @graph, which is taken over. */
GByteArray *test_model(GByteArray *graph, int opset);
void test_add_metadata(GByteArray *model, const char *key, const char *value);

/** With the environment variable LUS_SEED_DIR, writes @model there: tests/fuzz/seeds.sh makes seeds of them. */
void test_keep(const GByteArray *model);
/** Parses @model (taken over) and expects success. */
LusOnnx *test_parse(GByteArray *model);
/** Parses @model (taken over) and expects this error with this text in its message. */
void test_refuse(GByteArray *model, int code, const char *text);

/** Works out one node (a NodeProto) on @values, char* -> LusArray*, and adds its results to them. */
gboolean test_run_node(GHashTable *values, const LusWire *node, int opset, LusOnnxBudget *budget, GError **error);
/** Names and arrays, both owned. */
GHashTable *test_values(void);
