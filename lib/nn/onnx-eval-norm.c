/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators with a sum over axes: normalisations, Softmax, ReduceMean, ReduceSum, GlobalAveragePool. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

/* ---- normalisations; x is [n][c][rest] ---- */

typedef struct {
  gsize n, c, rest;
} Planes;

/** Checks that inputs 1.. are real vectors of @channels (0: of x's) numbers. */
static gboolean read_planes(const LusEval *eval, Planes *planes, int channels, GError **error)
{
  const LusArray *x = eval->in[0];
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error))
    return FALSE;
  if (x->rank < 2 || x->count == 0)
    return lus_onnx_invalid(error, "the input has less than two dimensions or is empty");
  *planes = (Planes){(gsize)x->dims[0], (gsize)x->dims[1], lus_array_span(x, 2, x->rank)};
  for (int i = 1; i < eval->node->n_inputs; i++)
    if (eval->in[i]->rank != 1 || eval->in[i]->dims[0] != (channels ? channels : x->dims[1]))
      return lus_onnx_invalid(error, "an input is no vector of one number per channel or group");
  return TRUE;
}

/** Mean and population variance of @n runs of @length elements, @step apart. */
static void moments(const LusArray *x, gsize first, gsize n, gsize step, gsize length, double *mean, double *variance)
{
  double sum = 0, squares = 0, total = (double)n * (double)length;
  for (gsize k = 0; k < n; k++)
    for (gsize i = 0; i < length; i++)
      sum += lus_array_real(x, first + k * step + i);
  *mean = sum / total;
  for (gsize k = 0; k < n; k++)
    for (gsize i = 0; i < length; i++) {
      double off = lus_array_real(x, first + k * step + i) - *mean;
      squares += off * off;
    }
  *variance = squares / total;
}

/** Plane (n, c): y = (x - mean) / sqrt(variance + epsilon) scale + bias. */
static void normalise(LusArray *y, const LusArray *x, gsize first, gsize length, double mean, double variance,
                      double epsilon, double scale, double bias)
{
  double factor = scale / sqrt(variance + epsilon);
  for (gsize i = first; i < first + length; i++)
    lus_array_set_real(y, i, (lus_array_real(x, i) - mean) * factor + bias);
}

/** In training mode the batch's own moments, and as results 1 and 2 the running ones that follow. */
static gboolean eval_batch_norm(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  Planes p;
  int training = 0, channels = x->rank > 1 ? x->dims[1] : 0;
  float epsilon = 1e-5f, momentum = 0.9f;
  if (!read_planes(eval, &p, 0, error) || !lus_onnx_get_float(eval->node, "epsilon", &epsilon, error) ||
      !lus_onnx_get_float(eval->node, "momentum", &momentum, error) ||
      !lus_onnx_get_int(eval->node, "training_mode", &training, 0, 1, error))
    return FALSE;
  if (!lus_eval_give(eval, 0, lus_eval_new(eval, x->type, x->rank, x->dims, error)))
    return FALSE;
  for (int k = 1; training && k < 3; k++)
    if (!lus_eval_give(eval, k, lus_eval_new(eval, eval->in[2 + k]->type, 1, &channels, error)))
      return FALSE;
  for (gsize c = 0; c < p.c; c++) {
    double mean = lus_array_real(eval->in[3], c), variance = lus_array_real(eval->in[4], c);
    if (training) {
      double old_mean = mean, old_variance = variance, keep = (double)momentum;
      moments(x, c * p.rest, p.n, p.c * p.rest, p.rest, &mean, &variance);
      lus_array_set_real(eval->out[1], c, old_mean * keep + mean * (1 - keep));
      lus_array_set_real(eval->out[2], c, old_variance * keep + variance * (1 - keep));
    }
    for (gsize n = 0; n < p.n; n++)
      normalise(eval->out[0], x, (n * p.c + c) * p.rest, p.rest, mean, variance, (double)epsilon,
                lus_array_real(eval->in[1], c), lus_array_real(eval->in[2], c));
  }
  return TRUE;
}

/** InstanceNormalization has one channel per group. GroupNormalization's scale and bias are per group before opset
 * 21. */
static gboolean eval_group_norm(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  gboolean instance = g_str_equal(eval->node->type, "InstanceNormalization");
  int groups = 0, stash_type = LUS_ONNX_FLOAT;
  float epsilon = 1e-5f;
  Planes p;
  if (!lus_onnx_get_float(eval->node, "epsilon", &epsilon, error) ||
      (!instance && (!lus_onnx_get_int(eval->node, "num_groups", &groups, 1, G_MAXINT, error) ||
                     !lus_onnx_get_int(eval->node, "stash_type", &stash_type, 0, 32, error))))
    return FALSE;
  gboolean per_group = !instance && eval->opset < 21;
  if (!instance && groups == 0)
    return lus_onnx_invalid(error, "num_groups is missing");
  if (!read_planes(eval, &p, per_group ? groups : 0, error))
    return FALSE;
  gsize n_groups = instance ? p.c : (gsize)groups;
  if (p.c % n_groups != 0)
    return lus_onnx_invalid(error, "the channels are no multiple of the groups");
  LusArray *y = lus_eval_new(eval, x->type, x->rank, x->dims, error);
  if (!lus_eval_give(eval, 0, y))
    return FALSE;
  gsize per = p.c / n_groups;
  for (gsize g = 0; g < p.n * n_groups; g++) {
    double mean, variance;
    moments(x, g * per * p.rest, 1, 0, per * p.rest, &mean, &variance);
    for (gsize c = g * per; c < (g + 1) * per; c++) {
      gsize at = per_group ? g % n_groups : c % p.c;
      normalise(y, x, c * p.rest, p.rest, mean, variance, (double)epsilon, lus_array_real(eval->in[1], at),
                lus_array_real(eval->in[2], at));
    }
  }
  return TRUE;
}

/* ---- Softmax ---- */

static void softmax_line(LusArray *y, const LusArray *x, gsize first, gsize step, gsize n)
{
  double highest = -INFINITY, sum = 0;
  for (gsize i = 0; i < n; i++)
    highest = fmax(highest, lus_array_real(x, first + i * step));
  for (gsize i = 0; i < n; i++)
    sum += exp(lus_array_real(x, first + i * step) - highest);
  for (gsize i = 0; i < n; i++)
    lus_array_set_real(y, first + i * step, exp(lus_array_real(x, first + i * step) - highest) / sum);
}

/** Before opset 13 over all dimensions from the axis on, and axis 1 was the default. */
static gboolean eval_softmax(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  gboolean all = eval->opset < 13;
  int axis = all ? 1 : -1, d;
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error) ||
      !lus_onnx_get_int(eval->node, "axis", &axis, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, error) ||
      !lus_eval_axis(&d, axis, x->rank, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, x->type, x->rank, x->dims, error);
  if (!lus_eval_give(eval, 0, y) || y->count == 0)
    return y != NULL;
  gsize inner = all ? 1 : lus_array_span(x, d + 1, x->rank);
  gsize n = all ? lus_array_span(x, d, x->rank) : (gsize)x->dims[d], outer = x->count / (n * inner);
  for (gsize o = 0; o < outer; o++)
    for (gsize i = 0; i < inner; i++)
      softmax_line(y, x, o * n * inner + i, inner, n);
  return TRUE;
}

/* ---- sums and means ---- */

/** The sum or mean over the dimensions in @axes, which become 1 or go. */
static gboolean reduce(LusEval *eval, unsigned axes, gboolean mean, gboolean keep, GError **error)
{
  const LusArray *x = eval->in[0];
  int kept[LUS_TENSOR_MAX_RANK], left[LUS_TENSOR_MAX_RANK], rank = 0;
  LusWalk walk;
  if (x->count == 0)
    return lus_onnx_invalid(error, "the sum or mean of nothing");
  for (int d = 0; d < x->rank; d++) {
    kept[d] = axes >> d & 1 ? 1 : x->dims[d];
    if (!(axes >> d & 1))
      left[rank++] = x->dims[d];
  }
  g_autoptr(LusArray) y = lus_eval_new(eval, x->type, x->rank, kept, error);
  g_autoptr(LusArray) sum = lus_array_new(LUS_ONNX_DOUBLE, x->rank, kept, eval->budget, error);
  const LusArray *const both[2] = {x, sum};
  if (!y || !sum || !lus_onnx_spend(eval->budget, x->count, error) || !lus_walk_init(&walk, 2, both, error))
    return FALSE;
  for (gsize i = 0; i < x->count; i++, lus_walk_next(&walk))
    lus_array_set_real(sum, walk.at[1], lus_array_real(sum, walk.at[1]) + lus_array_real(x, i));
  for (gsize i = 0; i < y->count; i++)
    lus_array_set_real(y, i, lus_array_real(sum, i) / (mean ? (double)(x->count / y->count) : 1));
  return lus_eval_give(eval, 0, keep ? g_steal_pointer(&y) : lus_array_share(y, rank, left));
}

/** Axes as input 1 (ReduceSum from opset 13 on, ReduceMean from 18) or as an attribute; none: all, or with
 * noop_with_empty_axes nothing. */
static gboolean eval_reduce(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int keep = 1, idle = 0;
  unsigned axes = 0;
  gboolean given;
  LusNumbers numbers;
  if (!lus_eval_need_real(eval, 1, error) ||
      !lus_onnx_get_int(eval->node, "keepdims", &keep, 0, 1, error) ||
      !lus_onnx_get_int(eval->node, "noop_with_empty_axes", &idle, 0, 1, error) ||
      !lus_eval_numbers(eval, &numbers, &given, 1, "axes", error))
    return FALSE;
  for (int k = 0; k < numbers.n; k++) {
    int d;
    if (!lus_eval_axis(&d, numbers.i[k], x->rank, error))
      return FALSE;
    axes |= 1u << d;
  }
  return reduce(eval, numbers.n || idle ? axes : (1u << x->rank) - 1, g_str_equal(eval->node->type, "ReduceMean"), keep,
                error);
}

static gboolean eval_global_average(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error))
    return FALSE;
  if (x->rank < 3)
    return lus_onnx_invalid(error, "the input has less than three dimensions");
  return reduce(eval, (1u << x->rank) - 4, TRUE, TRUE, error);
}

const LusEvalOp lus_eval_norm_ops[] = {
  {"BatchNormalization", 5, 5, eval_batch_norm},
  {"InstanceNormalization", 3, 3, eval_group_norm},
  {"GroupNormalization", 3, 3, eval_group_norm},
  {"Softmax", 1, 1, eval_softmax},
  {"ReduceMean", 1, 2, eval_reduce},
  {"ReduceSum", 1, 2, eval_reduce},
  {"GlobalAveragePool", 1, 1, eval_global_average},
  {NULL, 0, 0, NULL},
};
