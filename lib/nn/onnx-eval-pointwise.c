/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators element by element, with broadcasting where there are several inputs. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

/* ---- one input ---- */

typedef struct {
  const char *type;
  double (*f)(double x, double alpha, double beta);
  gboolean has_alpha, has_beta;
  float alpha, beta; /* defaults */
} Unary;

static double leaky_relu(double x, double alpha, double beta)
{
  (void)beta;
  return x < 0 ? alpha * x : x;
}

static double sigmoid(double x, double alpha, double beta)
{
  (void)alpha, (void)beta;
  return 1 / (1 + exp(-x));
}

static double hard_sigmoid(double x, double alpha, double beta)
{
  return fmax(0, fmin(1, alpha * x + beta));
}

static double hard_swish(double x, double alpha, double beta)
{
  (void)alpha, (void)beta;
  return x * hard_sigmoid(x, 1.0 / 6, 0.5);
}

static double hyperbolic_tangent(double x, double alpha, double beta)
{
  (void)alpha, (void)beta;
  return tanh(x);
}

static double root(double x, double alpha, double beta)
{
  (void)alpha, (void)beta;
  return sqrt(x);
}

static double down(double x, double alpha, double beta)
{
  (void)alpha, (void)beta;
  return floor(x);
}

static double up(double x, double alpha, double beta)
{
  (void)alpha, (void)beta;
  return ceil(x);
}

static const Unary unaries[] = {
  {"LeakyRelu", leaky_relu, TRUE, FALSE, 0.01f, 0},
  {"Sigmoid", sigmoid, FALSE, FALSE, 0, 0},
  {"HardSigmoid", hard_sigmoid, TRUE, TRUE, 0.2f, 0.5f},
  {"HardSwish", hard_swish, FALSE, FALSE, 0, 0},
  {"Tanh", hyperbolic_tangent, FALSE, FALSE, 0, 0},
  {"Sqrt", root, FALSE, FALSE, 0, 0},
  {"Floor", down, FALSE, FALSE, 0, 0},
  {"Ceil", up, FALSE, FALSE, 0, 0},
};

static gboolean eval_unary(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  const Unary *unary = unaries;
  while (!g_str_equal(unary->type, eval->node->type))
    unary++;
  float alpha = unary->alpha, beta = unary->beta;
  if ((unary->has_alpha && !lus_onnx_get_float(eval->node, "alpha", &alpha, error)) ||
      (unary->has_beta && !lus_onnx_get_float(eval->node, "beta", &beta, error)) || !lus_eval_need_real(eval, 1, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, x->type, x->rank, x->dims, error);
  for (gsize i = 0; y && i < y->count; i++)
    lus_array_set_real(y, i, unary->f(lus_array_real(x, i), (double)alpha, (double)beta));
  return lus_eval_give(eval, 0, y);
}

/** A limit of Clip, from an input or before opset 11 an attribute; @limit keeps it where there is none. */
static gboolean read_limit(LusEval *eval, int i, const char *name, LusArray **limit, GError **error)
{
  const LusArray *x = eval->in[0], *in = eval->in[i];
  gboolean ok = TRUE;
  const LusOnnxAttribute *a = lus_onnx_node_attribute(eval->node, name, LUS_ATTRIBUTE_FLOAT, &ok, error);
  if (in && (in->count != 1 || in->type != x->type))
    return lus_onnx_invalid(error, "a limit is no single number of the input's type");
  if (in)
    *limit = lus_array_share(in, 0, NULL);
  else if (a && (*limit = lus_array_new(LUS_ONNX_FLOAT, 0, NULL, eval->budget, error)))
    lus_array_set_real(*limit, 0, (double)a->f);
  return ok && (*limit || !a);
}

/** Relu is Clip at 0, on whole numbers too. */
static gboolean eval_clip(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  gboolean relu = g_str_equal(eval->node->type, "Relu"), real = lus_type_is_real(x->type);
  g_autoptr(LusArray) low = NULL;
  g_autoptr(LusArray) high = NULL;
  if (x->type == LUS_ONNX_STRING || x->type == LUS_ONNX_BOOL)
    return lus_onnx_unsupported(error, "numbers are expected");
  if (!relu && (!read_limit(eval, 1, "min", &low, error) || !read_limit(eval, 2, "max", &high, error)))
    return FALSE;
  if (relu && !(low = lus_array_new(x->type, 0, NULL, eval->budget, error)))
    return FALSE;
  LusArray *y = lus_eval_new(eval, x->type, x->rank, x->dims, error);
  for (gsize i = 0; y && i < y->count; i++) {
    if (real) {
      double v = lus_array_real(x, i), a = low ? lus_array_real(low, 0) : v, b = high ? lus_array_real(high, 0) : v;
      v = v < a ? a : v;
      lus_array_set_real(y, i, high && v > b ? b : v);
    } else {
      gint64 v = lus_array_whole(x, i), a = low ? lus_array_whole(low, 0) : v;
      v = MAX(v, a);
      lus_array_set_whole(y, i, high ? MIN(v, lus_array_whole(high, 0)) : v);
    }
  }
  return lus_eval_give(eval, 0, y);
}

/* ---- two inputs ---- */

typedef enum { ADD, SUB, MUL, DIV, POW, PRELU, EQUAL } Operation;

static Operation operation_of(const LusOnnxNode *node)
{
  static const char *const names[] = {"Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Equal"};
  int i = 0;
  while (!g_str_equal(names[i], node->type))
    i++;
  return (Operation)i;
}

static double combine_real(Operation operation, double a, double b)
{
  switch (operation) {
  case ADD:
    return a + b;
  case SUB:
    return a - b;
  case MUL:
    return a * b;
  case DIV:
    return a / b;
  case POW:
    return pow(a, b);
  case PRELU:
    return a < 0 ? a * b : a;
  default:
    return a == b;
  }
}

/** FALSE on overflow and division by zero. */
static gboolean combine_whole(gint64 *out, Operation operation, gint64 a, gint64 b)
{
  switch (operation) {
  case ADD:
    return !__builtin_add_overflow(a, b, out);
  case SUB:
    return !__builtin_sub_overflow(a, b, out);
  case MUL:
    return !__builtin_mul_overflow(a, b, out);
  case DIV:
    if (b == 0 || (a == G_MININT64 && b == -1))
      return FALSE;
    *out = a / b;
    return TRUE;
  case PRELU:
    *out = a;
    return a >= 0 || !__builtin_mul_overflow(a, b, out);
  default:
    *out = a == b;
    return TRUE;
  }
}

/** A power of whole numbers, whose exponent may be real, is cut off. */
static gboolean whole_power(gint64 *out, double base, double exponent)
{
  double power = pow(base, exponent);
  if (!(fabs(power) < 9223372036854775808.0))
    return FALSE;
  *out = (gint64)power;
  return TRUE;
}

static gboolean combine(LusArray *y, gsize i, Operation operation, const LusArray *a, gsize at, const LusArray *b,
                        gsize bt)
{
  gint64 whole;
  if (lus_type_is_real(a->type)) {
    double real = combine_real(operation, lus_array_real(a, at), lus_array_real(b, bt));
    if (operation == EQUAL)
      lus_array_set_whole(y, i, real != 0);
    else
      lus_array_set_real(y, i, real);
    return TRUE;
  }
  if (operation == POW ? !whole_power(&whole, lus_array_real(a, at), lus_array_real(b, bt))
                       : !combine_whole(&whole, operation, lus_array_whole(a, at), lus_array_whole(b, bt)))
    return FALSE;
  if (!lus_type_holds(y->type, whole))
    return FALSE;
  lus_array_set_whole(y, i, whole);
  return TRUE;
}

static gboolean eval_binary(LusEval *eval, GError **error)
{
  Operation operation = operation_of(eval->node);
  const LusArray *a = eval->in[0], *b = eval->in[1];
  LusWalk walk;
  if (a->type == LUS_ONNX_STRING || b->type == LUS_ONNX_STRING || (operation != EQUAL && a->type == LUS_ONNX_BOOL))
    return lus_onnx_unsupported(error, "numbers are expected");
  if (a->type != b->type && operation != POW)
    return lus_onnx_invalid(error, "the inputs have different types");
  if (!lus_walk_init(&walk, 2, eval->in, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, operation == EQUAL ? LUS_ONNX_BOOL : a->type, walk.rank, walk.dims, error);
  if (!lus_eval_give(eval, 0, y))
    return FALSE;
  for (gsize i = 0; i < y->count; i++, lus_walk_next(&walk))
    if (!combine(y, i, operation, a, walk.at[0], b, walk.at[1]))
      return lus_onnx_invalid(error, "arithmetic on constants overflows or divides by zero");
  return TRUE;
}

/* ---- three inputs ---- */

static gboolean eval_where(LusEval *eval, GError **error)
{
  const LusArray *const *in = eval->in;
  LusWalk walk;
  if (in[0]->type != LUS_ONNX_BOOL || in[1]->type != in[2]->type || in[1]->type == LUS_ONNX_STRING)
    return lus_onnx_invalid(error, "a condition and two inputs of one type are expected");
  if (!lus_walk_init(&walk, 3, in, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, in[1]->type, walk.rank, walk.dims, error);
  gsize size = lus_type_size(in[1]->type);
  for (gsize i = 0; y && i < y->count; i++, lus_walk_next(&walk)) {
    int k = lus_array_whole(in[0], walk.at[0]) ? 1 : 2;
    memcpy(y->data + i * size, in[k]->data + walk.at[k] * size, size);
  }
  return lus_eval_give(eval, 0, y);
}

const LusEvalOp lus_eval_pointwise_ops[] = {
  {"LeakyRelu", 1, 1, eval_unary},
  {"Sigmoid", 1, 1, eval_unary},
  {"HardSigmoid", 1, 1, eval_unary},
  {"HardSwish", 1, 1, eval_unary},
  {"Tanh", 1, 1, eval_unary},
  {"Sqrt", 1, 1, eval_unary},
  {"Floor", 1, 1, eval_unary},
  {"Ceil", 1, 1, eval_unary},
  {"Relu", 1, 1, eval_clip},
  {"Clip", 1, 3, eval_clip},
  {"Add", 2, 2, eval_binary},
  {"Sub", 2, 2, eval_binary},
  {"Mul", 2, 2, eval_binary},
  {"Div", 2, 2, eval_binary},
  {"Pow", 2, 2, eval_binary},
  {"PRelu", 2, 2, eval_binary},
  {"Equal", 2, 2, eval_binary},
  {"Where", 3, 3, eval_where},
  {NULL, 0, 0, NULL},
};
