/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/onnx-array.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

typedef struct {
  int type;
  gsize size;
  gboolean real;
  gint64 low, high; /* of whole types */
} TypeInfo;

static const TypeInfo types[] = {
  {LUS_ONNX_FLOAT, 4, TRUE, 0, 0},
  {LUS_ONNX_UINT8, 1, FALSE, 0, G_MAXUINT8},
  {LUS_ONNX_INT8, 1, FALSE, G_MININT8, G_MAXINT8},
  {LUS_ONNX_UINT16, 2, FALSE, 0, G_MAXUINT16},
  {LUS_ONNX_INT16, 2, FALSE, G_MININT16, G_MAXINT16},
  {LUS_ONNX_INT32, 4, FALSE, G_MININT32, G_MAXINT32},
  {LUS_ONNX_INT64, 8, FALSE, G_MININT64, G_MAXINT64},
  {LUS_ONNX_STRING, sizeof(char *), FALSE, 0, 0},
  {LUS_ONNX_BOOL, 1, FALSE, 0, 1},
  {LUS_ONNX_FLOAT16, 2, TRUE, 0, 0},
  {LUS_ONNX_DOUBLE, 8, TRUE, 0, 0},
  {LUS_ONNX_UINT32, 4, FALSE, 0, G_MAXUINT32},
  {LUS_ONNX_UINT64, 8, FALSE, 0, G_MAXINT64},
  {LUS_ONNX_BFLOAT16, 2, TRUE, 0, 0},
};

static const TypeInfo *find_type(int type)
{
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
    if (types[i].type == type)
      return &types[i];
  return NULL;
}

gsize lus_type_size(int type)
{
  const TypeInfo *info = find_type(type);
  return info ? info->size : 0;
}

gboolean lus_type_is_real(int type)
{
  const TypeInfo *info = find_type(type);
  return info && info->real;
}

gboolean lus_type_holds(int type, gint64 value)
{
  const TypeInfo *info = find_type(type);
  return info && value >= info->low && value <= info->high;
}

/* ---- limits ---- */

LusOnnxBudget lus_onnx_budget(gsize length)
{
  guint64 more = (guint64)MIN(length, LUS_ONNX_MAX_FOLDED_BYTES) * LUS_ONNX_FOLDED_PER_BYTE;
  return (LusOnnxBudget){(gsize)MIN(LUS_ONNX_FREE_FOLDED_BYTES + more, LUS_ONNX_MAX_FOLDED_BYTES),
                         MIN(LUS_ONNX_FREE_FOLDED_WORK + more, LUS_ONNX_MAX_FOLDED_WORK)};
}

gboolean lus_onnx_spend(LusOnnxBudget *budget, guint64 work, GError **error)
{
  if (work > budget->work) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "more elements would be computed from constants alone than a file of this size may ask for; export the "
                "model with constant folding");
    return FALSE;
  }
  budget->work -= work;
  return TRUE;
}

gboolean lus_onnx_spend_bytes(LusOnnxBudget *budget, gsize bytes, GError **error)
{
  if (bytes > budget->bytes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "what is computed from constants alone would take more bytes than a file of this size may ask for; "
                "export the model with constant folding");
    return FALSE;
  }
  budget->bytes -= bytes;
  return TRUE;
}

gboolean lus_dims_count(gsize *count, int rank, const int *dims, GError **error)
{
  *count = 1;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0)
      return lus_onnx_invalid(error, "a negative dimension");
    if ((gsize)dims[i] > LUS_TENSOR_MAX_COUNT || (dims[i] > 0 && *count > LUS_TENSOR_MAX_COUNT / (gsize)dims[i])) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "more than %" G_GSIZE_FORMAT " elements", LUS_TENSOR_MAX_COUNT);
      return FALSE;
    }
    *count *= (gsize)dims[i];
  }
  return TRUE;
}

/* ---- making ---- */

static LusArray *wrap(int type, int rank, const int *dims, gsize count, GBytes *bytes)
{
  LusArray *array = g_new0(LusArray, 1);
  array->type = type;
  array->rank = rank;
  if (rank > 0)
    memcpy(array->dims, dims, (gsize)rank * sizeof *dims);
  array->count = count;
  array->bytes = bytes;
  array->data = (guint8 *)g_bytes_get_data(bytes, NULL);
  return array;
}

LusArray *lus_array_new(int type, int rank, const int *dims, LusOnnxBudget *budget, GError **error)
{
  gsize count, size = lus_type_size(type);
  if (size == 0 || type == LUS_ONNX_STRING) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "a constant of ONNX data type %d", type);
    return NULL;
  }
  if (rank > LUS_TENSOR_MAX_RANK) {
    lus_onnx_unsupported(error, "more than 8 dimensions");
    return NULL;
  }
  if (!lus_dims_count(&count, rank, dims, error) || !lus_onnx_spend_bytes(budget, count * size, error))
    return NULL;
  guint8 *data = g_try_malloc0(MAX(count * size, 1));
  if (!data) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory: %" G_GSIZE_FORMAT " bytes", count * size);
    return NULL;
  }
  return wrap(type, rank, dims, count, g_bytes_new_take(data, MAX(count * size, 1)));
}

LusArray *lus_array_new_strings(int rank, const int *dims, char **strings)
{
  gsize count = g_strv_length(strings);
  GBytes *bytes =
      g_bytes_new_with_free_func(strings, (count + 1) * sizeof *strings, (GDestroyNotify)g_strfreev, strings);
  return wrap(LUS_ONNX_STRING, rank, dims, count, bytes);
}

LusArray *lus_array_share(const LusArray *array, int rank, const int *dims)
{
  LusArray *shared = wrap(array->type, rank, dims, array->count, g_bytes_ref(array->bytes));
  shared->data = array->data;
  return shared;
}

void lus_array_free(LusArray *array)
{
  if (!array)
    return;
  g_bytes_unref(array->bytes);
  g_free(array);
}

static gboolean store_bits(gpointer data, gsize index, guint64 bits)
{
  const LusArray *array = data;
  gsize size = lus_type_size(array->type);
  guint64 little = GUINT64_TO_LE(bits);
  memcpy(array->data + index * size, &little, size);
  return TRUE;
}

static gboolean add_string(gpointer data, const char *text)
{
  g_ptr_array_add(data, g_strdup(text));
  return TRUE;
}

static LusArray *read_strings(const LusOnnxTensor *tensor, LusOnnxBudget *budget, GError **error)
{
  g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
  /* Each string in the message has two bytes at least. */
  if (!lus_onnx_spend_bytes(budget, tensor->message.length / 2 * LUS_STRING_BYTES, error) ||
      !lus_onnx_tensor_each_string(tensor, add_string, strings, error))
    return NULL;
  if (strings->len != tensor->count) {
    lus_onnx_invalid(error, "it has another number of strings than its dimensions say");
    return NULL;
  }
  g_ptr_array_add(strings, NULL);
  return lus_array_new_strings(tensor->rank, tensor->dims,
                               (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE));
}

LusArray *lus_array_read(const LusOnnxTensor *tensor, LusOnnxBudget *budget, GError **error)
{
  if (tensor->type == LUS_ONNX_STRING)
    return read_strings(tensor, budget, error);
  gsize size = lus_type_size(tensor->type);
  if (size > 0 && tensor->raw)
    return wrap(tensor->type, tensor->rank, tensor->dims, tensor->count,
                g_bytes_new_static(tensor->raw, tensor->count * size));
  g_autoptr(LusArray) array = lus_array_new(tensor->type, tensor->rank, tensor->dims, budget, error);
  if (!array)
    return NULL;
  if (lus_onnx_tensor_each(tensor, store_bits, array))
    return g_steal_pointer(&array);
  lus_onnx_invalid(error, "it holds a malformed number");
  return NULL;
}

/* ---- elements ---- */

static guint64 bits_of(const LusArray *array, gsize i)
{
  guint16 two;
  guint32 four;
  guint64 eight;
  switch (lus_type_size(array->type)) {
  case 1:
    return array->data[i];
  case 2:
    memcpy(&two, array->data + 2 * i, 2);
    return GUINT16_FROM_LE(two);
  case 4:
    memcpy(&four, array->data + 4 * i, 4);
    return GUINT32_FROM_LE(four);
  default:
    memcpy(&eight, array->data + 8 * i, 8);
    return GUINT64_FROM_LE(eight);
  }
}

/** IEEE 754 binary16, exactly. */
static double half_to_double(guint16 bits)
{
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 0    ? ldexp(mantissa, -24)
                 : exponent == 31 ? (mantissa ? (double)NAN : (double)INFINITY)
                                  : ldexp(mantissa + 1024, exponent - 25);
  return bits & 0x8000 ? -value : value;
}

/** The nearest binary16, halves to even. A mantissa that rounds up to 1024 carries into the exponent by itself. */
static guint16 half_from_double(double value)
{
  guint16 sign = signbit(value) ? 0x8000 : 0;
  double size = fabs(value);
  if (isnan(value))
    return sign | 0x7e00;
  if (size >= 65520)
    return sign | 0x7c00;
  if (size < ldexp(1, -14))
    return sign | (guint16)rint(ldexp(size, 24));
  int exponent = ilogb(size);
  return sign | (guint16)(((exponent + 14) << 10) + (int)rint(ldexp(size, 10 - exponent)));
}

static guint32 float_bits(float value)
{
  guint32 bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static double float_from_bits(guint32 bits)
{
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

/** The upper half of a float, rounded, halves to even. */
static guint16 bfloat_from_float(float value)
{
  guint32 bits = float_bits(value);
  return isnan(value) ? 0x7fc0 : (guint16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double lus_array_real(const LusArray *array, gsize i)
{
  double value;
  guint64 bits = bits_of(array, i);
  switch (array->type) {
  case LUS_ONNX_FLOAT:
    return float_from_bits((guint32)bits);
  case LUS_ONNX_DOUBLE:
    memcpy(&value, &bits, sizeof value);
    return value;
  case LUS_ONNX_FLOAT16:
    return half_to_double((guint16)bits);
  case LUS_ONNX_BFLOAT16:
    return float_from_bits((guint32)bits << 16);
  case LUS_ONNX_UINT64:
    return (double)bits;
  default:
    return (double)lus_array_whole(array, i);
  }
}

gint64 lus_array_whole(const LusArray *array, gsize i)
{
  if (lus_type_is_real(array->type)) {
    double value = lus_array_real(array, i);
    return isnan(value)                ? 0
           : value >= 9223372036854775808.0 ? G_MAXINT64
           : value < -9223372036854775808.0 ? G_MININT64
                                            : (gint64)value;
  }
  guint64 bits = bits_of(array, i);
  switch (array->type) {
  case LUS_ONNX_INT8:
    return (gint8)bits;
  case LUS_ONNX_INT16:
    return (gint16)bits;
  case LUS_ONNX_INT32:
    return (gint32)bits;
  case LUS_ONNX_BOOL:
    return bits != 0;
  default:
    return (gint64)MIN(bits, array->type == LUS_ONNX_UINT64 ? (guint64)G_MAXINT64 : G_MAXUINT64);
  }
}

void lus_array_set_real(LusArray *array, gsize i, double value)
{
  guint64 bits;
  switch (array->type) {
  case LUS_ONNX_FLOAT:
    bits = float_bits((float)value);
    break;
  case LUS_ONNX_DOUBLE:
    memcpy(&bits, &value, sizeof bits);
    break;
  case LUS_ONNX_FLOAT16:
    bits = half_from_double(value);
    break;
  case LUS_ONNX_BFLOAT16:
    bits = bfloat_from_float((float)value);
    break;
  default:
    bits = (guint64)(gint64)value;
  }
  store_bits(array, i, bits);
}

void lus_array_set_whole(LusArray *array, gsize i, gint64 value)
{
  if (lus_type_is_real(array->type))
    lus_array_set_real(array, i, (double)value);
  else
    store_bits(array, i, (guint64)value);
}

const char *lus_array_string(const LusArray *array, gsize i)
{
  return ((char *const *)g_bytes_get_data(array->bytes, NULL))[i];
}

/* ---- for the network ---- */

LusTensor *lus_array_floats(const LusArray *array, gboolean whole, GError **error)
{
  if (array->type == LUS_ONNX_STRING || (!whole && !lus_type_is_real(array->type))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "weights of ONNX data type %d; float, double, float16 and "
                "bfloat16 are read", array->type);
    return NULL;
  }
  g_autoptr(LusTensor) out = lus_tensor_new(array->rank, array->dims, error);
  if (!out)
    return NULL;
  gboolean finite = TRUE, copied = array->type == LUS_ONNX_FLOAT && G_BYTE_ORDER == G_LITTLE_ENDIAN;
  if (copied && array->count > 0)
    memcpy(out->data, array->data, array->count * sizeof *out->data);
  for (gsize i = 0; i < array->count; i++) {
    if (!copied)
      out->data[i] = (float)lus_array_real(array, i);
    finite &= isfinite(out->data[i]) != 0;
  }
  if (finite)
    return g_steal_pointer(&out);
  lus_onnx_invalid(error, "it holds NaN or infinity");
  return NULL;
}

gboolean lus_array_numbers(LusNumbers *out, const LusArray *array, GError **error)
{
  if (array->type == LUS_ONNX_STRING)
    return lus_onnx_unsupported(error, "strings where numbers are expected");
  if (array->rank > 1 || array->count > LUS_ONNX_MAX_NUMBERS)
    return lus_onnx_invalid(error, "a scalar or a vector of at most 16 numbers is expected");
  *out = (LusNumbers){.is_float = lus_type_is_real(array->type), .rank = array->rank, .n = (int)array->count};
  for (int i = 0; i < out->n; i++) {
    out->i[i] = out->is_float ? 0 : lus_array_whole(array, (gsize)i);
    out->f[i] = out->is_float ? lus_array_real(array, (gsize)i) : 0;
    if (!isfinite(out->f[i]))
      return lus_onnx_invalid(error, "it holds NaN or infinity");
  }
  return TRUE;
}
