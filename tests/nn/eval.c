/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators on constants: forms that the ONNX project's node tests do not have, and what is refused. Inputs of a node
 * are called a, b, c, ... and its result y. */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/onnx-eval.h"
#include "onnx-bytes.h"

#define DIMS(...) (const int[]){__VA_ARGS__}
#define WHOLE(...) (const gint64[]){__VA_ARGS__}
#define REAL(...) (const double[]){__VA_ARGS__}

static LusArray *new_array(int type, int rank, const int *dims)
{
  LusOnnxBudget budget = lus_onnx_budget(G_MAXSIZE);
  g_autoptr(GError) error = NULL;
  LusArray *array = lus_array_new(type, rank, dims, &budget, &error);
  g_assert_no_error(error);
  return array;
}

static LusArray *whole(int type, int rank, const int *dims, const gint64 *values)
{
  LusArray *array = new_array(type, rank, dims);
  for (gsize i = 0; i < array->count; i++)
    lus_array_set_whole(array, i, values[i]);
  return array;
}

static LusArray *real(int type, int rank, const int *dims, const double *values)
{
  LusArray *array = new_array(type, rank, dims);
  for (gsize i = 0; i < array->count; i++)
    lus_array_set_real(array, i, values[i]);
  return array;
}

static LusArray *floats(int rank, const int *dims, const double *values)
{
  return real(LUS_ONNX_FLOAT, rank, dims, values);
}

static LusArray *ints(int n, const gint64 *values)
{
  return whole(LUS_ONNX_INT64, 1, &n, values);
}

/** 1, 2, 3, ... */
static LusArray *counting(int rank, const int *dims)
{
  LusArray *array = new_array(LUS_ONNX_FLOAT, rank, dims);
  for (gsize i = 0; i < array->count; i++)
    lus_array_set_real(array, i, (double)(i + 1));
  return array;
}

typedef struct {
  LusArray *arrays[5];
} Inputs;

#define IN(...) (Inputs){{__VA_ARGS__}}

/** The node's result; takes it and the inputs over. */
static LusArray *run(GByteArray *node, int opset, Inputs in, GError **error)
{
  g_autoptr(GHashTable) values = test_values();
  LusOnnxBudget budget = lus_onnx_budget(G_MAXSIZE);
  for (int i = 0; i < 5; i++)
    if (in.arrays[i])
      g_hash_table_insert(values, g_strdup_printf("%c", 'a' + i), in.arrays[i]);
  LusWire wire = {.data = node->data, .length = node->len};
  LusArray *result = NULL;
  if (test_run_node(values, &wire, opset, &budget, error)) {
    const LusArray *y = g_hash_table_lookup(values, "y");
    result = lus_array_share(y, y->rank, y->dims);
  }
  g_byte_array_unref(node);
  return result;
}

static void check(GByteArray *node, int opset, Inputs in, LusArray *expected)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusArray) y = run(node, opset, in, &error);
  g_assert_no_error(error);
  g_assert_cmpint(y->type, ==, expected->type);
  g_assert_cmpint(y->rank, ==, expected->rank);
  for (int d = 0; d < y->rank; d++)
    g_assert_cmpint(y->dims[d], ==, expected->dims[d]);
  for (gsize i = 0; i < y->count; i++)
    g_assert_cmpfloat_with_epsilon(lus_array_real(y, i), lus_array_real(expected, i), 1e-5);
  lus_array_free(expected);
}

static void refuse(GByteArray *node, int opset, Inputs in, int code, const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusArray) y = run(node, opset, in, &error);
  g_assert_null(y);
  g_assert_error(error, LUS_ERROR, code);
  if (!strstr(error->message, text))
    g_error("'%s' is not in: %s", text, error->message);
}

static GByteArray *with_ints(GByteArray *node, const char *name, int n, const gint64 *values)
{
  test_attribute_ints(node, name, n, values);
  return node;
}

static GByteArray *with_int(GByteArray *node, const char *name, gint64 value)
{
  test_attribute_int(node, name, value);
  return node;
}

static GByteArray *with_text(GByteArray *node, const char *name, const char *value)
{
  test_attribute_string(node, name, value);
  return node;
}

/* ---- arrays ---- */

static void test_types(void)
{
  static const struct {
    double in, half, bfloat;
  } cases[] = {
    {1.0 / 3, 0.333251953125, 0.333984375}, {65519, 65504, 65536},  {65520, INFINITY, 65536},
    {1e-8, 0, 1.00117176771e-8},            {6e-8, 5.96046447754e-8, 6.0070306063e-8},
    {2049, 2048, 2048},                     {2051, 2052, 2048},     {-0.1, -0.0999755859375, -0.10009765625},
    {0.00006103515624, 0.00006103515625, 0.00006103515625},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(LusArray) half = real(LUS_ONNX_FLOAT16, 0, NULL, &cases[i].in);
    g_autoptr(LusArray) bfloat = real(LUS_ONNX_BFLOAT16, 0, NULL, &cases[i].in);
    if (isfinite(cases[i].half))
      g_assert_cmpfloat_with_epsilon(lus_array_real(half, 0), cases[i].half, 1e-15);
    else
      g_assert_true(isinf(lus_array_real(half, 0)));
    g_assert_cmpfloat_with_epsilon(lus_array_real(bfloat, 0), cases[i].bfloat, 1e-15);
  }
  g_autoptr(LusArray) small = whole(LUS_ONNX_INT8, 1, DIMS(3), WHOLE(-128, 127, -1));
  g_assert_cmpint(lus_array_whole(small, 0), ==, -128);
  g_assert_cmpfloat(lus_array_real(small, 2), ==, -1);
  g_autoptr(LusArray) large = whole(LUS_ONNX_UINT64, 0, NULL, WHOLE(-1));
  g_assert_cmpfloat(lus_array_real(large, 0), ==, 18446744073709551616.0);
  g_assert_cmpint(lus_array_whole(large, 0), ==, G_MAXINT64);
  g_autoptr(LusArray) odd = real(LUS_ONNX_DOUBLE, 1, DIMS(3), REAL(NAN, 1e300, -2.7));
  g_assert_cmpint(lus_array_whole(odd, 0), ==, 0);
  g_assert_cmpint(lus_array_whole(odd, 1), ==, G_MAXINT64);
  g_assert_cmpint(lus_array_whole(odd, 2), ==, -2);
}

static void test_limits(void)
{
  LusOnnxBudget budget = lus_onnx_budget(G_MAXSIZE);
  g_autoptr(GError) error = NULL;
  static const struct {
    int type, rank, dims[LUS_TENSOR_MAX_RANK + 1], code;
  } cases[] = {
    {LUS_ONNX_FLOAT, 2, {1 << 20, 1 << 20}, LUS_ERROR_LIMIT},
    {LUS_ONNX_DOUBLE, 1, {1 << 28}, LUS_ERROR_LIMIT},
    {LUS_ONNX_FLOAT, 2, {3, -1}, LUS_ERROR_INVALID},
    {LUS_ONNX_FLOAT, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, LUS_ERROR_UNSUPPORTED},
    {LUS_ONNX_STRING, 0, {0}, LUS_ERROR_UNSUPPORTED},
    {17, 0, {0}, LUS_ERROR_UNSUPPORTED},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_assert_null(lus_array_new(cases[i].type, cases[i].rank, cases[i].dims, &budget, &error));
    g_assert_error(error, LUS_ERROR, cases[i].code);
    g_clear_error(&error);
  }
  g_assert_true(lus_onnx_spend(&budget, LUS_ONNX_MAX_FOLDED_WORK - 1, &error));
  g_assert_false(lus_onnx_spend(&budget, 2, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
  refuse(test_node("ConstantOfShape", "a", "y"), 17, IN(ints(2, WHOLE(1 << 14, 1 << 14))), LUS_ERROR_LIMIT, "bytes");
  refuse(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_STRING), 17,
         IN(new_array(LUS_ONNX_INT8, 2, DIMS(4000, 4000))), LUS_ERROR_LIMIT, "bytes");
  /* 1914^2 results of 4096^2 windows each */
  GByteArray *pool = with_ints(test_node("MaxPool", "a", "y"), "kernel_shape", 2, WHOLE(4096, 4096));
  test_attribute_ints(pool, "pads", 4, WHOLE(3000, 3000, 3000, 3000));
  refuse(pool, 17, IN(counting(4, DIMS(1, 1, 9, 9))), LUS_ERROR_LIMIT, "elements");
}

/* ---- values ---- */

static void test_arithmetic(void)
{
  check(test_node("Add", "a,b", "y"), 17,
        IN(whole(LUS_ONNX_INT32, 2, DIMS(2, 1), WHOLE(1, -7)), whole(LUS_ONNX_INT32, 1, DIMS(3), WHOLE(1, 2, 3))),
        whole(LUS_ONNX_INT32, 2, DIMS(2, 3), WHOLE(2, 3, 4, -6, -5, -4)));
  check(test_node("Div", "a,b", "y"), 17, IN(ints(2, WHOLE(-7, 7)), ints(1, WHOLE(2))), ints(2, WHOLE(-3, 3)));
  check(test_node("Mul", "a,b", "y"), 17, IN(ints(0, NULL), ints(1, WHOLE(2))), ints(0, NULL));
  check(test_node("Equal", "a,b", "y"), 17, IN(ints(2, WHOLE(-1, 4)), ints(1, WHOLE(-1))),
        whole(LUS_ONNX_BOOL, 1, DIMS(2), WHOLE(1, 0)));
  check(test_node("Where", "a,b,c", "y"), 17,
        IN(whole(LUS_ONNX_BOOL, 2, DIMS(2, 1), WHOLE(1, 0)), ints(2, WHOLE(5, 6)), ints(1, WHOLE(9))),
        whole(LUS_ONNX_INT64, 2, DIMS(2, 2), WHOLE(5, 6, 9, 9)));
  check(test_node("Relu", "a", "y"), 17, IN(whole(LUS_ONNX_INT8, 1, DIMS(2), WHOLE(-4, 4))),
        whole(LUS_ONNX_INT8, 1, DIMS(2), WHOLE(0, 4)));
  GByteArray *clip = test_node("Clip", "a", "y"); /* opset 6 to 10: attributes */
  test_attribute_float(clip, "min", -1);
  test_attribute_float(clip, "max", 2);
  check(clip, 10, IN(floats(1, DIMS(3), REAL(-3, 1.5, 7))), floats(1, DIMS(3), REAL(-1, 1.5, 2)));
  refuse(test_node("Mul", "a,b", "y"), 17, IN(ints(1, WHOLE(G_MAXINT64)), ints(1, WHOLE(2))), LUS_ERROR_INVALID,
         "overflows");
  refuse(test_node("Sub", "a,b", "y"), 17,
         IN(whole(LUS_ONNX_UINT8, 0, NULL, WHOLE(3)), whole(LUS_ONNX_UINT8, 0, NULL, WHOLE(4))), LUS_ERROR_INVALID,
         "overflows");
  refuse(test_node("Div", "a,b", "y"), 17, IN(ints(1, WHOLE(1)), ints(1, WHOLE(0))), LUS_ERROR_INVALID, "zero");
  refuse(test_node("Pow", "a,b", "y"), 17, IN(ints(1, WHOLE(10)), ints(1, WHOLE(40))), LUS_ERROR_INVALID, "overflows");
  refuse(test_node("Add", "a,b", "y"), 17, IN(ints(1, WHOLE(1)), counting(1, DIMS(1))), LUS_ERROR_INVALID,
         "different types");
  refuse(test_node("Add", "a,b", "y"), 17, IN(counting(2, DIMS(2, 3)), counting(1, DIMS(2))), LUS_ERROR_INVALID,
         "do not agree");
  refuse(test_node("Sqrt", "a", "y"), 17, IN(ints(1, WHOLE(4))), LUS_ERROR_UNSUPPORTED, "real numbers");
  refuse(test_node("Where", "a,b,c", "y"), 17, IN(ints(1, WHOLE(1)), ints(1, WHOLE(1)), ints(1, WHOLE(1))),
         LUS_ERROR_INVALID, "condition");
}

static void test_conversion(void)
{
  check(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_UINT8), 17,
        IN(whole(LUS_ONNX_INT32, 1, DIMS(2), WHOLE(257, -1))), whole(LUS_ONNX_UINT8, 1, DIMS(2), WHOLE(1, 255)));
  check(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_BOOL), 17, IN(floats(1, DIMS(3), REAL(0, 0.2, NAN))),
        whole(LUS_ONNX_BOOL, 1, DIMS(3), WHOLE(0, 1, 1)));
  refuse(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_INT8), 17, IN(floats(1, DIMS(1), REAL(128))),
         LUS_ERROR_INVALID, "does not fit");
  refuse(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_INT64), 17, IN(floats(1, DIMS(1), REAL(NAN))),
         LUS_ERROR_INVALID, "does not fit");
  refuse(with_int(test_node("Cast", "a", "y"), "to", 17), 19, IN(counting(1, DIMS(1))), LUS_ERROR_UNSUPPORTED,
         "data type 17");
  LusArray *words = lus_array_new_strings(1, DIMS(1), g_strsplit("four", ",", -1));
  refuse(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_INT32), 17, IN(words), LUS_ERROR_INVALID, "no number");
  words = lus_array_new_strings(1, DIMS(2), g_strsplit("12,-3", ",", -1));
  check(with_int(test_node("Cast", "a", "y"), "to", LUS_ONNX_INT32), 17, IN(words),
        whole(LUS_ONNX_INT32, 1, DIMS(2), WHOLE(12, -3)));
  words = lus_array_new_strings(1, DIMS(1), g_strsplit("12", ",", -1));
  refuse(test_node("Concat", "a,a", "y"), 17, IN(words), LUS_ERROR_UNSUPPORTED, "strings");

  /* int8 along the last axis: halves to even, saturated */
  check(with_int(test_node("QuantizeLinear", "a,b,c", "y"), "axis", -1), 17,
        IN(floats(2, DIMS(2, 2), REAL(2.5, 3.5, -1000, 10)), floats(1, DIMS(2), REAL(1, 0.5)),
                 whole(LUS_ONNX_INT8, 1, DIMS(2), WHOLE(1, -3))),
        whole(LUS_ONNX_INT8, 2, DIMS(2, 2), WHOLE(3, 4, -128, 17)));
  check(with_int(test_node("DequantizeLinear", "a,b", "y"), "axis", 0), 17,
        IN(whole(LUS_ONNX_INT32, 2, DIMS(2, 1), WHOLE(-5, 4)), floats(1, DIMS(2), REAL(2, 0.5))),
        floats(2, DIMS(2, 1), REAL(-10, 2)));
  refuse(test_node("DequantizeLinear", "a,b", "y"), 17,
         IN(whole(LUS_ONNX_INT8, 2, DIMS(1, 3), WHOLE(1, 2, 3)), floats(1, DIMS(2), REAL(1, 1))), LUS_ERROR_INVALID,
         "one scale per element");
  refuse(test_node("QuantizeLinear", "a,b,c", "y"), 17,
         IN(counting(1, DIMS(1)), counting(0, NULL), whole(LUS_ONNX_INT32, 0, NULL, WHOLE(0))), LUS_ERROR_UNSUPPORTED,
         "8- and 16-bit");
  refuse(test_node("Dropout", "a,b,c", "y"), 17,
         IN(counting(1, DIMS(4)), floats(0, NULL, REAL(0.5)), whole(LUS_ONNX_BOOL, 0, NULL, WHOLE(1))),
         LUS_ERROR_UNSUPPORTED, "without a seed");
  refuse(test_node("Dropout", "a,b", "y"), 17, IN(counting(1, DIMS(4)), floats(0, NULL, REAL(1))), LUS_ERROR_INVALID,
         "ratio");
}

static void test_moving(void)
{
  GByteArray *slice = with_ints(test_node("Slice", "a", "y"), "starts", 1, WHOLE(-2)); /* opset 9: attributes */
  test_attribute_ints(slice, "ends", 1, WHOLE(G_MAXINT64));
  test_attribute_ints(slice, "axes", 1, WHOLE(1));
  check(slice, 9, IN(counting(2, DIMS(2, 3))), floats(2, DIMS(2, 2), REAL(2, 3, 5, 6)));
  check(test_node("Slice", "a,b,c,d,e", "y"), 17,
        IN(counting(1, DIMS(5)), ints(1, WHOLE(10)), ints(1, WHOLE(G_MININT64)), ints(1, WHOLE(-1)),
                 ints(1, WHOLE(-2))),
        floats(1, DIMS(3), REAL(5, 3, 1)));
  refuse(test_node("Slice", "a,b,c,,d", "y"), 17,
         IN(counting(1, DIMS(5)), ints(1, WHOLE(0)), ints(1, WHOLE(4)), ints(1, WHOLE(0))), LUS_ERROR_INVALID, "step");
  refuse(test_node("Slice", "a,b,c", "y"), 17, IN(counting(1, DIMS(5)), ints(2, WHOLE(0, 0)), ints(1, WHOLE(4))),
         LUS_ERROR_INVALID, "different lengths");

  GByteArray *pad = with_ints(test_node("Pad", "a", "y"), "pads", 4, WHOLE(0, 1, 0, -1)); /* before opset 11 */
  test_attribute_float(pad, "value", 9);
  check(pad, 10, IN(counting(2, DIMS(2, 2))), floats(2, DIMS(2, 2), REAL(9, 1, 9, 3)));
  check(with_text(test_node("Pad", "a,b,,c", "y"), "mode", "reflect"), 18,
        IN(counting(2, DIMS(1, 3)), ints(2, WHOLE(2, 1)), ints(1, WHOLE(-1))),
        floats(2, DIMS(1, 6), REAL(3, 2, 1, 2, 3, 2)));
  refuse(with_text(test_node("Pad", "a,b", "y"), "mode", "reflect"), 17,
         IN(counting(1, DIMS(3)), ints(2, WHOLE(3, 0))), LUS_ERROR_INVALID, "smaller");
  refuse(with_text(test_node("Pad", "a,b", "y"), "mode", "wrap"), 19, IN(counting(1, DIMS(3)), ints(2, WHOLE(1, 0))),
         LUS_ERROR_UNSUPPORTED, "another mode");
  refuse(test_node("Pad", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(2, WHOLE(G_MAXINT64, 0))), LUS_ERROR_INVALID,
         "impossible");
  refuse(test_node("Pad", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(2, WHOLE(-2, -2))), LUS_ERROR_INVALID,
         "negative dimension");

  check(with_int(test_node("Gather", "a,b", "y"), "axis", 1), 17,
        IN(counting(2, DIMS(2, 3)), whole(LUS_ONNX_INT32, 0, NULL, WHOLE(-1))), floats(1, DIMS(2), REAL(3, 6)));
  refuse(test_node("Gather", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(1, WHOLE(3))), LUS_ERROR_INVALID,
         "not there");
  refuse(test_node("Gather", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(1, WHOLE(G_MININT64))), LUS_ERROR_INVALID,
         "not there");
  refuse(test_node("Gather", "a,b", "y"), 17, IN(counting(0, NULL), ints(1, WHOLE(0))), LUS_ERROR_INVALID,
         "axis that is not there");
  check(test_node("Expand", "a,b", "y"), 17, IN(counting(2, DIMS(2, 1)), ints(3, WHOLE(2, 1, 2))),
        floats(3, DIMS(2, 2, 2), REAL(1, 1, 2, 2, 1, 1, 2, 2)));
  refuse(test_node("Expand", "a,b", "y"), 17, IN(counting(1, DIMS(2)), ints(1, WHOLE(3))), LUS_ERROR_INVALID,
         "expanded");
  check(with_int(test_node("Concat", "a,b,c", "y"), "axis", -1), 17,
        IN(counting(2, DIMS(2, 1)), floats(2, DIMS(2, 0), NULL), counting(2, DIMS(2, 2))),
        floats(2, DIMS(2, 3), REAL(1, 1, 2, 2, 3, 4)));
  refuse(with_int(test_node("Concat", "a,b", "y"), "axis", 0), 17, IN(counting(1, DIMS(2)), ints(1, WHOLE(1))),
         LUS_ERROR_INVALID, "different types");
  refuse(with_ints(test_node("Transpose", "a", "y"), "perm", 2, WHOLE(1, 1)), 17, IN(counting(2, DIMS(2, 2))),
         LUS_ERROR_INVALID, "twice");
  refuse(test_node("Split", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(1, WHOLE(2))), LUS_ERROR_INVALID,
         "leave something");
}

static void test_shapes(void)
{
  check(test_node("Reshape", "a,b", "y"), 17, IN(counting(2, DIMS(2, 3)), ints(3, WHOLE(0, 1, -1))),
        counting(3, DIMS(2, 1, 3)));
  refuse(test_node("Reshape", "a,b", "y"), 17, IN(counting(1, DIMS(6)), ints(2, WHOLE(-1, -1))), LUS_ERROR_INVALID,
         "left open");
  refuse(test_node("Reshape", "a,b", "y"), 17, IN(counting(1, DIMS(6)), ints(2, WHOLE(4, -1))), LUS_ERROR_INVALID,
         "another number");
  refuse(test_node("Reshape", "a,b", "y"), 17,
         IN(counting(1, DIMS(6)), ints(3, WHOLE(G_MAXINT, G_MAXINT, G_MAXINT))), LUS_ERROR_LIMIT, "elements");
  refuse(with_int(test_node("Reshape", "a,b", "y"), "allowzero", 1), 17,
         IN(floats(1, DIMS(0), NULL), ints(2, WHOLE(0, -1))), LUS_ERROR_INVALID, "beside a size of 0");
  refuse(test_node("Reshape", "a,b", "y"), 17, IN(counting(1, DIMS(1)), ints(9, WHOLE(1, 1, 1, 1, 1, 1, 1, 1, 1))),
         LUS_ERROR_INVALID, "at most 8");
  check(test_node("Squeeze", "a", "y"), 17, IN(counting(3, DIMS(1, 2, 1))), counting(1, DIMS(2)));
  refuse(with_ints(test_node("Squeeze", "a", "y"), "axes", 1, WHOLE(1)), 11, IN(counting(3, DIMS(1, 2, 1))),
         LUS_ERROR_INVALID, "not 1");
  refuse(test_node("Unsqueeze", "a,b", "y"), 17, IN(counting(1, DIMS(1)), ints(2, WHOLE(0, -3))), LUS_ERROR_INVALID,
         "twice");
  refuse(test_node("Unsqueeze", "a,b", "y"), 17,
         IN(counting(1, DIMS(1)), ints(8, WHOLE(0, 1, 2, 3, 4, 5, 6, 7))), LUS_ERROR_UNSUPPORTED, "8 dimensions");
  refuse(test_node("ConstantOfShape", "a", "y"), 17, IN(ints(1, WHOLE(-1))), LUS_ERROR_INVALID, "impossible");
  refuse(test_node("Constant", "", "y"), 17, IN(NULL), LUS_ERROR_INVALID, "exactly one value");
  refuse(test_node("Squeeze", ",a", "y"), 17, IN(counting(1, DIMS(1))), LUS_ERROR_INVALID, "missing");
  refuse(with_int(test_node("Shape", "a", "y"), "first", 1), 17, IN(counting(1, DIMS(1))), LUS_ERROR_UNSUPPORTED,
         "'first' is not known");
  refuse(test_node("Softplus", "a", "y"), 17, IN(counting(1, DIMS(1))), LUS_ERROR_UNSUPPORTED, "Softplus");
}

static void test_windows(void)
{
  /* One dimension, two groups: 1 x + 10 x' on the first channel, the second as it is. */
  check(with_int(test_node("Conv", "a,b,c", "y"), "group", 2), 17,
        IN(counting(3, DIMS(1, 2, 3)), floats(3, DIMS(2, 1, 2), REAL(1, 10, 1, 0)), floats(1, DIMS(2), REAL(0.5, 0))),
        floats(3, DIMS(1, 2, 2), REAL(21.5, 32.5, 4, 5)));
  /* Three dimensions: the sum of a cube. */
  check(test_node("Conv", "a,b", "y"), 17,
        IN(counting(5, DIMS(1, 1, 2, 2, 2)), floats(5, DIMS(1, 1, 2, 2, 2), REAL(1, 1, 1, 1, 1, 1, 1, 1))),
        floats(5, DIMS(1, 1, 1, 1, 1), REAL(36)));
  GByteArray *transposed = with_int(test_node("ConvTranspose", "a,b", "y"), "group", 2);
  test_attribute_ints(transposed, "strides", 1, WHOLE(2));
  check(transposed, 17, IN(counting(3, DIMS(1, 2, 2)), floats(3, DIMS(2, 1, 1), REAL(1, 10))),
        floats(3, DIMS(1, 2, 3), REAL(1, 0, 2, 30, 0, 40)));
  /* Windows at -1 and 2 of a row 1 2 3 4, two apart: pads do not count, or do. */
  for (int count = 0; count < 2; count++) {
    GByteArray *pool = with_ints(test_node("AveragePool", "a", "y"), "kernel_shape", 1, WHOLE(2));
    test_attribute_ints(pool, "strides", 1, WHOLE(3));
    test_attribute_ints(pool, "dilations", 1, WHOLE(2));
    test_attribute_ints(pool, "pads", 2, WHOLE(1, 1));
    test_attribute_int(pool, "count_include_pad", count);
    check(pool, 19, IN(counting(3, DIMS(1, 1, 4))), floats(3, DIMS(1, 1, 2), count ? REAL(1, 1.5) : REAL(2, 3)));
  }
  refuse(with_ints(test_node("MaxPool", "a", "y"), "kernel_shape", 1, WHOLE(4)), 17, IN(counting(3, DIMS(1, 1, 3))),
         LUS_ERROR_INVALID, "larger than the input");
  refuse(test_node("MaxPool", "a", "y"), 17, IN(counting(3, DIMS(1, 1, 3))), LUS_ERROR_INVALID, "kernel_shape");
  GByteArray *away = with_ints(test_node("MaxPool", "a", "y"), "kernel_shape", 1, WHOLE(1));
  test_attribute_ints(away, "pads", 2, WHOLE(1, 0));
  refuse(away, 17, IN(counting(3, DIMS(1, 1, 3))), LUS_ERROR_INVALID, "nothing but pads");
  refuse(with_text(test_node("Conv", "a,b", "y"), "auto_pad", "SAME"), 17,
         IN(counting(3, DIMS(1, 1, 3)), counting(3, DIMS(1, 1, 1))), LUS_ERROR_INVALID, "auto_pad");
  refuse(test_node("Conv", "a,b", "y"), 17, IN(counting(3, DIMS(1, 2, 3)), counting(3, DIMS(1, 1, 1))),
         LUS_ERROR_INVALID, "channels and groups");
  refuse(test_node("Conv", "a,b,c", "y"), 17,
         IN(counting(3, DIMS(1, 1, 3)), counting(3, DIMS(1, 1, 1)), counting(1, DIMS(2))), LUS_ERROR_INVALID, "bias");
  refuse(test_node("Conv", "a,b", "y"), 17,
         IN(counting(6, DIMS(1, 1, 1, 1, 1, 1)), counting(6, DIMS(1, 1, 1, 1, 1, 1))),
         LUS_ERROR_UNSUPPORTED, "one to three dimensions");
  refuse(with_ints(test_node("ConvTranspose", "a,b", "y"), "pads", 2, WHOLE(2, 2)), 17,
         IN(counting(3, DIMS(1, 1, 3)), counting(3, DIMS(1, 1, 1))), LUS_ERROR_INVALID, "impossible size");
}

static void test_sums(void)
{
  /* Two groups of (1, 2) and (3, 4): -1 and 1 each; scale per group in opset 18, per channel in 21. */
  for (int opset = 18; opset <= 21; opset += 3) {
    LusArray *scale = opset == 18 ? floats(1, DIMS(2), REAL(1, 2)) : floats(1, DIMS(4), REAL(1, 2, 3, 4));
    LusArray *bias = opset == 18 ? floats(1, DIMS(2), REAL(0, 1)) : floats(1, DIMS(4), REAL(0, 1, 2, 3));
    GByteArray *node = with_int(test_node("GroupNormalization", "a,b,c", "y"), "num_groups", 2);
    test_attribute_float(node, "epsilon", 0);
    check(node, opset, IN(counting(3, DIMS(1, 4, 1)), scale, bias),
          floats(3, DIMS(1, 4, 1), opset == 18 ? REAL(-1, 1, -1, 3) : REAL(-1, 3, -1, 7)));
  }
  refuse(with_int(test_node("GroupNormalization", "a,b,c", "y"), "num_groups", 3), 21,
         IN(counting(3, DIMS(1, 4, 1)), counting(1, DIMS(4)), counting(1, DIMS(4))), LUS_ERROR_INVALID, "multiple");
  refuse(test_node("InstanceNormalization", "a,b,c", "y"), 17,
         IN(counting(3, DIMS(1, 2, 2)), counting(1, DIMS(3)), counting(1, DIMS(2))), LUS_ERROR_INVALID, "per channel");
  /* Before opset 13 over all dimensions from 1 on. */
  check(test_node("Softmax", "a", "y"), 11, IN(floats(3, DIMS(1, 2, 2), REAL(0, 0, 0, 0))),
        floats(3, DIMS(1, 2, 2), REAL(.25, .25, .25, .25)));
  check(test_node("Softmax", "a", "y"), 13, IN(floats(3, DIMS(1, 2, 2), REAL(0, 0, 0, 0))),
        floats(3, DIMS(1, 2, 2), REAL(.5, .5, .5, .5)));
  check(with_int(test_node("ReduceMean", "a,b", "y"), "keepdims", 0), 18,
        IN(counting(3, DIMS(2, 2, 2)), ints(2, WHOLE(0, -1))), floats(1, DIMS(2), REAL(3.5, 5.5)));
  check(test_node("ReduceSum", "a,b", "y"), 13, IN(counting(2, DIMS(2, 2)), ints(1, WHOLE(0))),
        floats(2, DIMS(1, 2), REAL(4, 6)));
  check(with_int(test_node("ReduceMean", "a", "y"), "noop_with_empty_axes", 1), 18, IN(counting(1, DIMS(3))),
        counting(1, DIMS(3)));
  refuse(test_node("ReduceMean", "a", "y"), 17, IN(floats(1, DIMS(0), NULL)), LUS_ERROR_INVALID, "nothing");
  check(test_node("MatMul", "a,b", "y"), 17, IN(counting(1, DIMS(2)), counting(3, DIMS(2, 2, 1))),
        floats(2, DIMS(2, 1), REAL(5, 11)));
  check(test_node("MatMul", "a,b", "y"), 17, IN(counting(1, DIMS(2)), counting(1, DIMS(2))), floats(0, NULL, REAL(5)));
  check(test_node("MatMul", "a,b", "y"), 17, IN(floats(2, DIMS(2, 0), NULL), floats(2, DIMS(0, 1), NULL)),
        floats(2, DIMS(2, 1), REAL(0, 0)));
  refuse(test_node("MatMul", "a,b", "y"), 17, IN(counting(2, DIMS(2, 3)), counting(2, DIMS(2, 3))), LUS_ERROR_INVALID,
         "sizes do not agree");
  refuse(test_node("Gemm", "a,b,c", "y"), 17,
         IN(counting(2, DIMS(1, 2)), counting(2, DIMS(2, 1)), counting(1, DIMS(3))),
         LUS_ERROR_INVALID, "larger");
}

static void test_resize(void)
{
  /* Opset 10 and Upsample: asymmetric. */
  for (int upsample = 0; upsample < 2; upsample++) {
    GByteArray *node = test_node(upsample ? "Upsample" : "Resize", "a,b", "y");
    test_attribute_string(node, "mode", "linear");
    check(node, upsample ? 9 : 10, IN(counting(2, DIMS(1, 2)), floats(1, DIMS(2), REAL(1, 2))),
          floats(2, DIMS(1, 4), REAL(1, 1.5, 2, 2)));
  }
  /* Opset 10, nearest: up where an axis becomes smaller, else down. */
  check(test_node("Resize", "a,b", "y"), 10, IN(counting(2, DIMS(2, 4)), floats(1, DIMS(2), REAL(1.5, 0.6))),
        floats(2, DIMS(3, 2), REAL(1, 3, 1, 3, 5, 7)));
  /* Opset 18: for one axis alone; of three dimensions. */
  GByteArray *node = with_ints(test_node("Resize", "a,,,b", "y"), "axes", 1, WHOLE(-2));
  test_attribute_string(node, "mode", "linear");
  check(node, 18, IN(counting(3, DIMS(1, 2, 2)), ints(1, WHOLE(4))),
        floats(3, DIMS(1, 4, 2), REAL(1, 2, 1.5, 2.5, 2.5, 3.5, 3, 4)));
  /* A scale that changes no size moves the pixels all the same. */
  check(with_text(test_node("Resize", "a,,b", "y"), "mode", "linear"), 17,
        IN(counting(1, DIMS(2)), floats(1, DIMS(1), REAL(1.25))), floats(1, DIMS(2), REAL(1, 1.7)));
  /* Where a position lies on a pixel or half way, float arithmetic decides; what ONNX Runtime 1.32 gives. */
  check(with_text(test_node("Resize", "a,,b", "y"), "nearest_mode", "round_prefer_floor"), 17,
        IN(counting(1, DIMS(7)), floats(1, DIMS(1), REAL(0.7))), floats(1, DIMS(4), REAL(1, 3, 4, 5)));
  check(with_text(test_node("Resize", "a,,,b", "y"), "nearest_mode", "floor"), 17,
        IN(counting(1, DIMS(7)), ints(1, WHOLE(3))), floats(1, DIMS(3), REAL(1, 4, 6)));
  node = with_text(test_node("Resize", "a,,b", "y"), "coordinate_transformation_mode", "tf_half_pixel_for_nn");
  test_attribute_string(node, "nearest_mode", "ceil");
  check(node, 17, IN(counting(1, DIMS(3)), floats(1, DIMS(1), REAL(1))), counting(1, DIMS(3)));
  refuse(with_text(test_node("Resize", "a,,b", "y"), "mode", "cubic"), 17,
         IN(counting(1, DIMS(2)), floats(1, DIMS(1), REAL(2))), LUS_ERROR_UNSUPPORTED, "cubic");
  refuse(test_node("Resize", "a", "y"), 17, IN(counting(1, DIMS(2))), LUS_ERROR_INVALID, "either scales or sizes");
  refuse(test_node("Resize", "a,,b", "y"), 17, IN(counting(1, DIMS(2)), floats(1, DIMS(1), REAL(-1))),
         LUS_ERROR_INVALID, "impossible");
  refuse(test_node("Resize", "a,,b", "y"), 17, IN(counting(1, DIMS(2)), floats(1, DIMS(1), REAL(NAN))),
         LUS_ERROR_INVALID, "NaN");
  refuse(test_node("Resize", "a,,,b", "y"), 17, IN(counting(1, DIMS(2)), ints(2, WHOLE(1, 2))), LUS_ERROR_INVALID,
         "one number for each dimension");
  refuse(with_text(test_node("Resize", "a,,,b", "y"), "coordinate_transformation_mode", "tf_crop_and_resize"), 17,
         IN(counting(1, DIMS(2)), ints(1, WHOLE(2))), LUS_ERROR_INVALID, "region of interest is missing");
}

/** auto_pad: the odd element goes to the end (UPPER) or the beginning (LOWER); VALID takes back pads that were given. */
static void test_auto_pad(void)
{
  static const struct {
    const char *mode;
    double slid[5], spread[5]; /* 1 2 3 under 1 1; 1 2 two apart, each under 1 1 1 */
    int n_slid, n_spread;
  } cases[] = {{"SAME_UPPER", {3, 5, 3}, {1, 1, 3, 2}, 3, 4},
               {"SAME_LOWER", {1, 3, 5}, {1, 3, 2, 2}, 3, 4},
               {"VALID", {3, 5}, {1, 1, 3, 2, 2}, 2, 5}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *conv = with_text(test_node("Conv", "a,b", "y"), "auto_pad", cases[i].mode);
    GByteArray *transposed = with_text(test_node("ConvTranspose", "a,b", "y"), "auto_pad", cases[i].mode);
    test_attribute_ints(transposed, "strides", 1, WHOLE(2));
    test_attribute_ints(conv, "pads", 2, WHOLE(1, 1));
    test_attribute_ints(transposed, "pads", 2, WHOLE(1, 1));
    check(conv, 17, IN(counting(3, DIMS(1, 1, 3)), floats(3, DIMS(1, 1, 2), REAL(1, 1))),
          floats(3, DIMS(1, 1, cases[i].n_slid), cases[i].slid));
    check(transposed, 17, IN(counting(3, DIMS(1, 1, 2)), floats(3, DIMS(1, 1, 3), REAL(1, 1, 1))),
          floats(3, DIMS(1, 1, cases[i].n_spread), cases[i].spread));
  }
  refuse(with_ints(test_node("Conv", "a,b", "y"), "kernel_shape", 1, WHOLE(2)), 17,
         IN(counting(3, DIMS(1, 1, 3)), counting(3, DIMS(1, 1, 1))), LUS_ERROR_INVALID, "disagree");
  refuse(test_node("Conv", "a,b", "y"), 17, IN(counting(3, DIMS(1, 1, 3)), counting(4, DIMS(1, 1, 1, 1))),
         LUS_ERROR_INVALID, "another rank");
  refuse(with_text(test_node("ConvTranspose", "a,b", "y"), "auto_pad", "SAME"), 17,
         IN(counting(3, DIMS(1, 1, 3)), counting(3, DIMS(1, 1, 1))), LUS_ERROR_INVALID, "auto_pad");
  GByteArray *away = with_ints(test_node("AveragePool", "a", "y"), "kernel_shape", 1, WHOLE(1));
  test_attribute_ints(away, "pads", 2, WHOLE(1, 0));
  refuse(away, 17, IN(counting(3, DIMS(1, 1, 3))), LUS_ERROR_INVALID, "nothing but pads");
}

/** Where the maxima of 1 2 3 / 4 5 6 are, in the second plane of two, counted along rows or along columns. */
static void test_indices(void)
{
  for (int columns = 0; columns < 2; columns++) {
    GByteArray *pool = with_ints(test_node("MaxPool", "a", "highest"), "kernel_shape", 2, WHOLE(2, 2));
    lus_wire_put_string(pool, NODE_OUTPUT, "y");
    test_attribute_int(pool, "storage_order", columns);
    check(pool, 17, IN(counting(4, DIMS(1, 2, 2, 3))),
          whole(LUS_ONNX_INT64, 4, DIMS(1, 2, 1, 2), columns ? WHOLE(3, 5, 9, 11) : WHOLE(4, 5, 10, 11)));
  }
}

/** A batch of 1 and 3 by its own mean 2 and variance 1; half of them enter what was known before, 0 and 4. */
static void test_batch_norm(void)
{
  static const double wanted[3] = {-1, 1, 2.5}; /* first element, running mean and variance */
  for (int result = 0; result < 3; result++) {
    GByteArray *node = with_int(test_node("BatchNormalization", "a,b,c,d,e", result == 0 ? "y" : "x0"), "training_mode", 1);
    lus_wire_put_string(node, NODE_OUTPUT, result == 1 ? "y" : "x1");
    lus_wire_put_string(node, NODE_OUTPUT, result == 2 ? "y" : "x2");
    test_attribute_float(node, "epsilon", 0);
    test_attribute_float(node, "momentum", 0.5f);
    check(node, 15, IN(floats(3, DIMS(2, 1, 1), REAL(1, 3)), floats(1, DIMS(1), REAL(2)), floats(1, DIMS(1), REAL(1)),
                       floats(1, DIMS(1), REAL(0)), floats(1, DIMS(1), REAL(4))),
          result == 0 ? floats(3, DIMS(2, 1, 1), REAL(-1, 3)) : floats(1, DIMS(1), wanted + result));
  }
  refuse(test_node("BatchNormalization", "a,b,b,b,b", "y"), 15, IN(counting(1, DIMS(2)), counting(1, DIMS(2))),
         LUS_ERROR_INVALID, "two dimensions");
  check(test_node("GlobalAveragePool", "a", "y"), 17, IN(counting(3, DIMS(1, 2, 2))),
        floats(3, DIMS(1, 2, 1), REAL(1.5, 3.5)));
  refuse(test_node("GlobalAveragePool", "a", "y"), 17, IN(counting(2, DIMS(1, 2))), LUS_ERROR_INVALID, "three dimensions");
  refuse(test_node("ReduceSum", "a,b", "y"), 13, IN(counting(1, DIMS(2)), ints(1, WHOLE(1))), LUS_ERROR_INVALID,
         "axis that is not there");
  check(test_node("Softmax", "a", "y"), 17, IN(floats(2, DIMS(0, 2), NULL)), floats(2, DIMS(0, 2), NULL));
}

/** The part from 1/4 to 3/4 of 1 2 3 4 5, its middle, and a part that reaches beyond the end. */
static void test_region(void)
{
  static const struct {
    double region[2];
    int n;
    double wanted[3];
  } cases[] = {{{0.25, 0.75}, 3, {2, 3, 4}}, {{0.25, 0.75}, 1, {3}}, {{0, 1.5}, 2, {1, 9}}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *node = with_text(test_node("Resize", "a,b,,c", "y"), "coordinate_transformation_mode", "tf_crop_and_resize");
    test_attribute_string(node, "mode", "linear");
    test_attribute_float(node, "extrapolation_value", 9);
    check(node, 17, IN(counting(1, DIMS(5)), floats(1, DIMS(2), cases[i].region), ints(1, WHOLE(cases[i].n))),
          floats(1, DIMS(cases[i].n), cases[i].wanted));
  }
  refuse(with_text(test_node("Resize", "a,b,,c", "y"), "coordinate_transformation_mode", "tf_crop_and_resize"), 17,
         IN(counting(1, DIMS(5)), counting(1, DIMS(3)), ints(1, WHOLE(2))), LUS_ERROR_INVALID, "one number for each dimension");
  refuse(test_node("Resize", "a,,b", "y"), 17, IN(floats(1, DIMS(0), NULL), floats(1, DIMS(1), REAL(2))),
         LUS_ERROR_UNSUPPORTED, "of nothing");
}

/** Nothing at all, and what does not fit. */
static void test_parts(void)
{
  check(test_node("Transpose", "a", "y"), 17, IN(floats(2, DIMS(0, 2), NULL)), floats(2, DIMS(2, 0), NULL));
  check(test_node("Gather", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(0, NULL)),
        floats(1, DIMS(0), NULL));
  check(with_int(test_node("Concat", "a,b", "y"), "axis", 0), 17,
        IN(floats(1, DIMS(0), NULL), floats(1, DIMS(0), NULL)), floats(1, DIMS(0), NULL));
  check(test_node("Pad", "a,b,c", "y"), 17, IN(counting(1, DIMS(2)), ints(2, WHOLE(1, 2)), floats(0, NULL, REAL(7))),
        floats(1, DIMS(5), REAL(7, 1, 2, 7, 7)));
  refuse(test_node("Pad", "a,b,c", "y"), 17, IN(counting(1, DIMS(2)), ints(2, WHOLE(1, 0)), counting(1, DIMS(2))),
         LUS_ERROR_INVALID, "no single element");
  refuse(test_node("Split", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(2, WHOLE(2, 1))), LUS_ERROR_INVALID,
         "another number of parts");
  refuse(test_node("Split", "a,b", "y"), 17, IN(counting(1, DIMS(3)), ints(1, WHOLE(4))), LUS_ERROR_INVALID, "do not fit");
  refuse(test_node("Gather", "a,b", "y"), 17,
         IN(counting(8, DIMS(1, 1, 1, 1, 1, 1, 1, 1)), whole(LUS_ONNX_INT64, 2, DIMS(1, 1), WHOLE(0))),
         LUS_ERROR_UNSUPPORTED, "8 dimensions");
  refuse(test_node("Expand", "a,b", "y"), 17, IN(counting(1, DIMS(1)), counting(1, DIMS(1))), LUS_ERROR_INVALID,
         "impossible");
  refuse(with_int(test_node("Concat", "a,b", "y"), "axis", 0), 17, IN(counting(2, DIMS(1, 2)), counting(2, DIMS(1, 3))),
         LUS_ERROR_INVALID, "do not agree");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nn/eval/types", test_types);
  g_test_add_func("/nn/eval/limits", test_limits);
  g_test_add_func("/nn/eval/arithmetic", test_arithmetic);
  g_test_add_func("/nn/eval/conversion", test_conversion);
  g_test_add_func("/nn/eval/moving", test_moving);
  g_test_add_func("/nn/eval/shapes", test_shapes);
  g_test_add_func("/nn/eval/windows", test_windows);
  g_test_add_func("/nn/eval/sums", test_sums);
  g_test_add_func("/nn/eval/resize", test_resize);
  g_test_add_func("/nn/eval/auto-pad", test_auto_pad);
  g_test_add_func("/nn/eval/indices", test_indices);
  g_test_add_func("/nn/eval/batch-norm", test_batch_norm);
  g_test_add_func("/nn/eval/region", test_region);
  g_test_add_func("/nn/eval/parts", test_parts);
  return g_test_run();
}
