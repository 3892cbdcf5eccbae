/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resize and Upsample over any number of dimensions, one axis after the other. */
#include "nn/onnx-eval.h"
#include "nn/error.h"
#include "nn/onnx-resize.h"
#include "nn/ops.h"

#include <math.h>
#include <string.h>

typedef struct {
  LusOnnxResize modes;
  float scale[LUS_TENSOR_MAX_RANK];
  double from[LUS_TENSOR_MAX_RANK], to[LUS_TENSOR_MAX_RANK]; /* the region of interest */
  int size[LUS_TENSOR_MAX_RANK];
} Resize;

/** Input element between @low and @low + 1, and how far; outside of the input: none, but the extrapolated value. */
typedef struct {
  int low, high;
  double weight;
  gboolean outside;
} Tap;

static Tap tap_of(const Resize *r, int d, int in, int o)
{
  int out = r->size[d];
  double at;
  if (r->modes.crop) {
    double span = (r->to[d] - r->from[d]) * (in - 1);
    at = r->from[d] * (in - 1) + (out > 1 ? o * span / (out - 1) : span / 2);
  } else {
    at = (double)lus_resize_source(r->modes.coord, r->scale[d], in, out, o);
  }
  Tap tap = {.outside = r->modes.crop && !(at >= 0 && at <= in - 1)};
  at = CLAMP(at, 0, in - 1);
  if (r->modes.linear) {
    tap.low = (int)at;
    tap.high = MIN(tap.low + 1, in - 1);
    tap.weight = at - tap.low;
  } else {
    tap.low = tap.high = CLAMP(lus_resize_nearest(lus_onnx_nearest(&r->modes, r->scale[d]), r->modes.coord, at), 0, in - 1);
  }
  return tap;
}

/** Axis @d of @x resized, the others as they are. */
static LusArray *resize_axis(LusEval *eval, const LusArray *x, const Resize *r, int d, GError **error)
{
  int dims[LUS_TENSOR_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  dims[d] = r->size[d];
  LusArray *y = lus_eval_new(eval, x->type, x->rank, dims, error);
  if (!y || y->count == 0)
    return y;
  gsize inner = lus_array_span(y, d + 1, y->rank), outer = lus_array_span(y, 0, d), in = (gsize)x->dims[d];
  for (int o = 0; o < dims[d]; o++) {
    Tap tap = tap_of(r, d, x->dims[d], o);
    for (gsize k = 0; k < outer * inner; k++) {
      gsize first = k / inner * in * inner + k % inner;
      double a = lus_array_real(x, first + (gsize)tap.low * inner);
      double b = lus_array_real(x, first + (gsize)tap.high * inner);
      lus_array_set_real(y, (k / inner * (gsize)dims[d] + (gsize)o) * inner + k % inner,
                         tap.outside ? (double)r->modes.extrapolation : a + tap.weight * (b - a));
    }
  }
  return y;
}

/** Puts numbers given for the axes that the node names (opset 18), @per for each, in their places. */
static gboolean spread(LusEval *eval, double *out, const LusNumbers *numbers, int per, GError **error)
{
  int rank = eval->in[0]->rank;
  gboolean ok = TRUE;
  const LusOnnxAttribute *axes = lus_onnx_node_attribute(eval->node, "axes", LUS_ATTRIBUTE_INTS, &ok, error);
  int n = axes ? axes->n_ints : rank;
  if (!ok || numbers->n != per * n)
    return ok && lus_onnx_invalid(error, "scales, sizes or region have not one number for each dimension");
  for (int k = 0; k < n; k++) {
    int d;
    if (!lus_eval_axis(&d, axes ? axes->ints[k] : k, rank, error))
      return FALSE;
    for (int i = 0; i < per; i++)
      out[d + i * rank] = numbers->is_float ? numbers->f[k + i * n] : (double)numbers->i[k + i * n];
  }
  return TRUE;
}

static gboolean read_region(LusEval *eval, Resize *r, GError **error)
{
  LusNumbers numbers;
  double region[2 * LUS_TENSOR_MAX_RANK];
  int rank = eval->in[0]->rank;
  for (int d = 0; d < rank; d++) {
    region[d] = 0;
    region[rank + d] = 1;
  }
  if (!r->modes.crop)
    return TRUE;
  if (!eval->in[1])
    return lus_onnx_invalid(error, "the region of interest is missing");
  if (!lus_array_numbers(&numbers, eval->in[1], error) || !spread(eval, region, &numbers, 2, error))
    return FALSE;
  memcpy(r->from, region, (gsize)rank * sizeof *region);
  memcpy(r->to, region + rank, (gsize)rank * sizeof *region);
  return TRUE;
}

/** Either scales or sizes; both end up as sizes. */
static gboolean read_lengths(LusEval *eval, Resize *r, int scales_input, GError **error)
{
  const LusArray *x = eval->in[0], *scales = eval->in[scales_input], *sizes = eval->in[3];
  LusNumbers numbers;
  double values[LUS_TENSOR_MAX_RANK];
  gboolean by_scale = scales && scales->count > 0, by_size = sizes && sizes->count > 0;
  if (by_scale == by_size)
    return lus_onnx_invalid(error, "either scales or sizes must be given");
  for (int d = 0; d < x->rank; d++)
    values[d] = by_scale ? 1 : x->dims[d];
  if (!lus_array_numbers(&numbers, by_scale ? scales : sizes, error) || !spread(eval, values, &numbers, 1, error))
    return FALSE;
  for (int d = 0; d < x->rank; d++) {
    double extent = r->modes.crop ? r->to[d] - r->from[d] : 1;
    double length = by_scale ? lus_resize_length(x->dims[d], values[d] * extent) : values[d];
    if (!(values[d] > 0 && length >= 1 && length <= (double)LUS_TENSOR_MAX_COUNT))
      return lus_onnx_invalid(error, "Resize to a size that is impossible");
    r->size[d] = (int)length;
    r->scale[d] = (float)(by_scale ? values[d] : length / x->dims[d]);
  }
  return TRUE;
}

/** Before opset 11, and in Upsample, the scales are input 1. */
static gboolean eval_resize(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  Resize r;
  memset(&r, 0, sizeof r);
  if (x->type == LUS_ONNX_STRING || x->count == 0)
    return lus_onnx_unsupported(error, "Resize of strings or of nothing");
  if (!lus_onnx_read_resize(&r.modes, eval->node, eval->opset, error) || !read_region(eval, &r, error) ||
      !read_lengths(eval, &r, r.modes.scales_input, error))
    return FALSE;
  LusArray *y = lus_array_share(x, x->rank, x->dims);
  for (int d = 0; y && d < x->rank; d++) {
    if (r.scale[d] == 1 && !r.modes.crop)
      continue;
    LusArray *next = resize_axis(eval, y, &r, d, error);
    lus_array_free(y);
    y = next;
  }
  return lus_eval_give(eval, 0, y);
}

const LusEvalOp lus_eval_resize_ops[] = {
  {"Resize", 1, 4, eval_resize},
  {"Upsample", 2, 2, eval_resize},
  {NULL, 0, 0, NULL},
};
