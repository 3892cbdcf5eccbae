/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "onnx-proto.h"

/** Most bytes that all constants worked out from one file may take together, and most elements that may be computed on
 * the way, a multiplication of a convolution or matrix counted as one. They grow with the file, so that a small one
 * cannot ask for much: a part that each file has, and so much more per byte of it. */
#define LUS_ONNX_MAX_FOLDED_BYTES ((gsize)1 << 27)
#define LUS_ONNX_MAX_FOLDED_WORK ((guint64)1 << 25)
#define LUS_ONNX_FREE_FOLDED_BYTES ((gsize)1 << 23)
#define LUS_ONNX_FREE_FOLDED_WORK ((guint64)1 << 22)
#define LUS_ONNX_FOLDED_PER_BYTE 16

/** What is left of the two. */
typedef struct {
  gsize bytes;
  guint64 work;
} LusOnnxBudget;

/** What a file of @length bytes is given; G_MAXSIZE: the most. */
LusOnnxBudget lus_onnx_budget(gsize length);
/** Takes @work, or memory; an error where less is left. */
gboolean lus_onnx_spend(LusOnnxBudget *budget, guint64 work, GError **error);
gboolean lus_onnx_spend_bytes(LusOnnxBudget *budget, gsize bytes, GError **error);

/** A constant of any type and rank, dense, row major. Whoever makes it fills it; from then on its elements never
 * change, and arrays may share them. */
typedef struct {
  int type; /* LUS_ONNX_* */
  int rank;
  int dims[LUS_TENSOR_MAX_RANK];
  gsize count;
  GBytes *bytes; /* keeps the elements */
  guint8 *data;  /* elements, little endian, at any address; of strings the pointers */
} LusArray;

/** Bytes of an element; 0 for types that are not read. */
gsize lus_type_size(int type);
/** float, double, float16, bfloat16. */
gboolean lus_type_is_real(int type);
/** Whether the whole type can hold @value. */
gboolean lus_type_holds(int type, gint64 value);

/** Product of @dims; FALSE with an error if one is negative or there are more than LUS_TENSOR_MAX_COUNT elements. */
gboolean lus_dims_count(gsize *count, int rank, const int *dims, GError **error);

/** Zeros of any type but strings, for which see lus_array_new_strings(). */
LusArray *lus_array_new(int type, int rank, const int *dims, LusOnnxBudget *budget, GError **error);
/** What a short string takes. */
#define LUS_STRING_BYTES 40
/** Takes over @strings, NULL-terminated, as many as the dims say. */
LusArray *lus_array_new_strings(int rank, const int *dims, char **strings);
/** The elements of @array, of equal number, with other dims. */
LusArray *lus_array_share(const LusArray *array, int rank, const int *dims);
/** The elements of a tensor of a file, whose bytes must outlive it. */
LusArray *lus_array_read(const LusOnnxTensor *tensor, LusOnnxBudget *budget, GError **error);
/** NULL is accepted. */
void lus_array_free(LusArray *array);

/** Element @i of any type but strings. Real numbers become whole ones by cutting off, at most G_MAXINT64. */
double lus_array_real(const LusArray *array, gsize i);
gint64 lus_array_whole(const LusArray *array, gsize i);
/** Rounds to the array's type, halves to even; whole types take what lus_type_holds(). */
void lus_array_set_real(LusArray *array, gsize i, double value);
void lus_array_set_whole(LusArray *array, gsize i, gint64 value);
/** Element @i of strings. */
const char *lus_array_string(const LusArray *array, gsize i);

/** As float32 for the network; NaN and infinity are refused, and whole numbers unless @whole. */
LusTensor *lus_array_floats(const LusArray *array, gboolean whole, GError **error);
/** A scalar or vector of at most LUS_ONNX_MAX_NUMBERS numbers. */
gboolean lus_array_numbers(LusNumbers *out, const LusArray *array, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusArray, lus_array_free)
