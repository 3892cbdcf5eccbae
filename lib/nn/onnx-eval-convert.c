/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cast, QuantizeLinear, DequantizeLinear, Identity and Dropout. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- Cast ---- */

/** The shortest decimal number that reads back as @value. */
static char *real_to_string(double value, gboolean single)
{
  char text[32];
  if (isnan(value))
    return g_strdup("NaN");
  if (isinf(value))
    return g_strdup(value > 0 ? "INF" : "-INF");
  for (int digits = 1; digits <= (single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG); digits++) {
    char format[8];
    g_snprintf(format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd(text, sizeof text, format, value);
    double back = g_ascii_strtod(text, NULL);
    if (single ? (float)back == (float)value : back == value)
      break;
  }
  return g_strdup(text);
}

static LusArray *cast_to_string(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  if (!lus_onnx_spend(eval->budget, x->count, error) ||
      !lus_onnx_spend_bytes(eval->budget, x->count * LUS_STRING_BYTES, error))
    return NULL;
  char **strings = g_try_new0(char *, x->count + 1);
  if (!strings) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory: %" G_GSIZE_FORMAT " strings", x->count);
    return NULL;
  }
  for (gsize i = 0; i < x->count; i++)
    strings[i] = lus_type_is_real(x->type) ? real_to_string(lus_array_real(x, i), x->type != LUS_ONNX_DOUBLE)
                                           : g_strdup_printf("%" G_GINT64_FORMAT, lus_array_whole(x, i));
  return lus_array_new_strings(x->rank, x->dims, strings);
}

/** Numbers are cut off; those beyond an integer type's range are refused where real, else keep their low bits. */
static gboolean cast_number(LusArray *y, gsize i, double real, gint64 whole, gboolean is_real)
{
  if (lus_type_is_real(y->type)) {
    lus_array_set_real(y, i, real);
    return TRUE;
  }
  if (y->type == LUS_ONNX_BOOL) {
    lus_array_set_whole(y, i, is_real ? real != 0 : whole != 0);
    return TRUE;
  }
  if (is_real && !(fabs(real) < 9223372036854775808.0 && lus_type_holds(y->type, (gint64)real)))
    return FALSE;
  lus_array_set_whole(y, i, is_real ? (gint64)real : whole);
  return TRUE;
}

static gboolean cast_element(LusArray *y, const LusArray *x, gsize i)
{
  if (x->type != LUS_ONNX_STRING)
    return cast_number(y, i, lus_array_real(x, i), lus_array_whole(x, i), lus_type_is_real(x->type));
  const char *text = lus_array_string(x, i);
  char *end;
  gboolean real = lus_type_is_real(y->type);
  gint64 whole = real ? 0 : g_ascii_strtoll(text, &end, 10);
  double value = real ? g_ascii_strtod(text, &end) : 0;
  return end != text && *end == '\0' && cast_number(y, i, value, whole, real);
}

static gboolean eval_cast(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int to = 0, saturate = 1; /* saturate concerns 8-bit floats alone */
  if (!lus_onnx_get_int(eval->node, "to", &to, 1, 32, error) ||
      !lus_onnx_get_int(eval->node, "saturate", &saturate, 0, 1, error))
    return FALSE;
  if (to == x->type)
    return lus_eval_give(eval, 0, lus_array_share(x, x->rank, x->dims));
  if (to == LUS_ONNX_STRING)
    return lus_eval_give(eval, 0, cast_to_string(eval, error));
  LusArray *y = lus_eval_new(eval, to, x->rank, x->dims, error);
  if (!lus_eval_give(eval, 0, y))
    return FALSE;
  for (gsize i = 0; i < y->count; i++)
    if (!cast_element(y, x, i))
      return lus_onnx_invalid(error, "Cast of what is no number or does not fit");
  return TRUE;
}

/* ---- quantised numbers ---- */

/** Checks scale and zero point: one, or one per index of the axis. *stride: elements that share one. */
static gboolean read_quantisation(LusEval *eval, gsize *stride, gsize *n, GError **error)
{
  const LusArray *x = eval->in[0], *scale = eval->in[1], *zero = eval->in[2];
  int axis = 1, d;
  if (!lus_onnx_get_int(eval->node, "axis", &axis, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, error))
    return FALSE;
  if (!lus_type_is_real(scale->type) || scale->rank > 1 ||
      (zero && (lus_type_is_real(zero->type) || zero->type == LUS_ONNX_STRING || zero->count != scale->count)))
    return lus_onnx_invalid(error, "scale and zero point are no numbers or vectors of one length");
  *n = scale->count;
  *stride = 1;
  if (*n == 1)
    return TRUE;
  if (!lus_eval_axis(&d, axis, x->rank, error))
    return FALSE;
  if ((gsize)x->dims[d] != *n)
    return lus_onnx_invalid(error, "there is not one scale per element of the axis");
  *stride = x->count ? lus_array_span(x, d + 1, x->rank) : 1;
  return TRUE;
}

/** y = saturate(round(x / scale) + zero), halves to even. */
static gboolean eval_quantize(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0], *scale = eval->in[1], *zero = eval->in[2];
  int type = zero ? zero->type : LUS_ONNX_UINT8;
  gsize stride, n;
  if (x->type == LUS_ONNX_STRING || (type != LUS_ONNX_UINT8 && type != LUS_ONNX_INT8 && type != LUS_ONNX_UINT16 &&
                                     type != LUS_ONNX_INT16))
    return lus_onnx_unsupported(error, "other than 8- and 16-bit numbers");
  if (!read_quantisation(eval, &stride, &n, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, type, x->rank, x->dims, error);
  for (gsize i = 0; y && i < y->count; i++) {
    gsize k = i / stride % n;
    float quotient = (float)lus_array_real(x, i) / (float)lus_array_real(scale, k);
    double value = (double)rintf(quotient) + (zero ? lus_array_real(zero, k) : 0);
    double low = type == LUS_ONNX_INT8 ? G_MININT8 : type == LUS_ONNX_INT16 ? G_MININT16 : 0;
    double high = type == LUS_ONNX_INT8    ? G_MAXINT8
                  : type == LUS_ONNX_UINT8 ? G_MAXUINT8
                  : type == LUS_ONNX_INT16 ? G_MAXINT16
                                           : G_MAXUINT16;
    lus_array_set_whole(y, i, isnan(value) ? 0 : (gint64)CLAMP(value, low, high));
  }
  return lus_eval_give(eval, 0, y);
}

/** (x - zero) scale of elements first..end-1, which share scale @k. */
static void dequantize_range(LusArray *y, const LusArray *x, const LusArray *scale, const LusArray *zero, gsize k,
                             gsize first, gsize end)
{
  double offset = zero ? lus_array_real(zero, k) : 0, factor = lus_array_real(scale, k);
  gboolean bytes = x->type == LUS_ONNX_INT8 || x->type == LUS_ONNX_UINT8;
  if (!bytes || y->type != LUS_ONNX_FLOAT || G_BYTE_ORDER != G_LITTLE_ENDIAN) {
    for (gsize i = first; i < end; i++)
      lus_array_set_real(y, i, (lus_array_real(x, i) - offset) * factor);
    return;
  }
  for (gsize i = first; i < end; i++) { /* weights, of which there are millions */
    int code = x->type == LUS_ONNX_INT8 ? (gint8)x->data[i] : x->data[i];
    float value = (float)((code - offset) * factor);
    memcpy(y->data + i * sizeof value, &value, sizeof value);
  }
}

static gboolean eval_dequantize(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0], *scale = eval->in[1], *zero = eval->in[2];
  gsize stride, n;
  if (lus_type_is_real(x->type) || x->type == LUS_ONNX_STRING || (zero && zero->type != x->type))
    return lus_onnx_invalid(error, "input and zero point are not of one whole type");
  if (!read_quantisation(eval, &stride, &n, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, scale->type, x->rank, x->dims, error);
  if (n == 1)
    stride = y ? MAX(y->count, 1) : 1;
  for (gsize first = 0, k = 0; y && first < y->count; first += stride, k = (k + 1) % n)
    dequantize_range(y, x, scale, zero, k, first, MIN(first + stride, y->count));
  return lus_eval_give(eval, 0, y);
}

/* ---- nothing, or almost ---- */

static gboolean eval_identity(LusEval *eval, GError **error)
{
  (void)error;
  return lus_eval_give(eval, 0, lus_array_share(eval->in[0], eval->in[0]->rank, eval->in[0]->dims));
}

/** Uniform in 0..1, of 53 bits, as the test data's NumPy makes them of two numbers of the Mersenne Twister. */
static double uniform(GRand *rand)
{
  guint32 a = g_rand_int(rand) >> 5, b = g_rand_int(rand) >> 6;
  return ((double)a * 67108864 + (double)b) / 9007199254740992.0;
}

/** In training each element is dropped with probability @ratio and the others grow by as much. */
static gboolean drop(LusEval *eval, guint32 seed, double ratio, GError **error)
{
  const LusArray *x = eval->in[0];
  LusArray *y = lus_eval_new(eval, x->type, x->rank, x->dims, error);
  if (!lus_eval_give(eval, 0, y))
    return FALSE;
  GRand *rand = g_rand_new_with_seed(seed);
  for (gsize i = 0; i < y->count; i++) {
    gboolean kept = uniform(rand) >= ratio;
    lus_array_set_whole(eval->out[1], i, kept);
    lus_array_set_real(y, i, kept ? lus_array_real(x, i) / (1 - ratio) : 0);
  }
  g_rand_free(rand);
  return TRUE;
}

/** Results: what is left, and the mask of what was kept. Training is an input from opset 12 on. */
static gboolean eval_dropout(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  float ignored = 0;
  double ratio = 0.5, training = 0;
  int seed = 0;
  gboolean ok = TRUE;
  if (!lus_eval_need_real(eval, 1, error) ||
      !lus_onnx_get_float(eval->node, "ratio", &ignored, error) ||
      !lus_onnx_get_int(eval->node, "seed", &seed, G_MININT, G_MAXINT, error) ||
      !lus_eval_number(eval, &ratio, 1, error) || !lus_eval_number(eval, &training, 2, error))
    return FALSE;
  if (!(ratio >= 0 && ratio < 1))
    return lus_onnx_invalid(error, "a ratio outside 0..1");
  LusArray *mask = lus_eval_new(eval, LUS_ONNX_BOOL, x->rank, x->dims, error);
  if (!lus_eval_give(eval, 1, mask))
    return FALSE;
  if (training == 0 || ratio == 0) {
    for (gsize i = 0; i < mask->count; i++)
      lus_array_set_whole(mask, i, 1);
    return eval_identity(eval, error);
  }
  if (!lus_onnx_node_attribute(eval->node, "seed", LUS_ATTRIBUTE_INT, &ok, error))
    return ok && lus_onnx_unsupported(error, "Dropout in training mode without a seed");
  return drop(eval, (guint32)seed, ratio, error);
}

const LusEvalOp lus_eval_convert_ops[] = {
  {"Cast", 1, 1, eval_cast},
  {"QuantizeLinear", 2, 3, eval_quantize},
  {"DequantizeLinear", 2, 3, eval_dequantize},
  {"Identity", 1, 1, eval_identity},
  {"Dropout", 1, 3, eval_dropout},
  {NULL, 0, 0, NULL},
};
