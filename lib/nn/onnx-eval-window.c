/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sliding windows over one to three dimensions: Conv, ConvTranspose, MaxPool and AveragePool. Inside there are always
 * three; of fewer the first ones have size 1. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define MAX_WINDOW 4096

typedef struct {
  int n;                                     /* dimensions of the file */
  int kernel[3], stride[3], dilation[3];
  int begin[3], end[3];                      /* pads */
  int in[3], out[3];
} Window;

/** Attributes with one number for each dimension go to the last ones. */
static gboolean read_ints(LusEval *eval, const char *name, int values[3], int n, int low, GError **error)
{
  return lus_onnx_get_ints(eval->node, name, values + 3 - n, n, low, MAX_WINDOW, error);
}

/** Reads everything but auto_pad; @kernel: the weight's dims, or NULL where kernel_shape must tell. */
static gboolean read_window(LusEval *eval, Window *w, const int *kernel, GError **error)
{
  const LusArray *x = eval->in[0];
  int n = x->rank - 2, pads[6] = {0};
  if (n < 1 || n > 3 || x->count == 0)
    return lus_onnx_unsupported(error, "other than one to three dimensions besides batch and channels, or nothing");
  *w = (Window){n, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0}, {0}, {1, 1, 1}, {1, 1, 1}};
  memcpy(w->in + 3 - n, x->dims + 2, (gsize)n * sizeof *w->in);
  if (kernel)
    memcpy(w->kernel + 3 - n, kernel, (gsize)n * sizeof *kernel);
  else
    w->kernel[2] = 0;
  if (!read_ints(eval, "kernel_shape", w->kernel, n, 1, error) || !read_ints(eval, "strides", w->stride, n, 1, error) ||
      !read_ints(eval, "dilations", w->dilation, n, 1, error) ||
      !lus_onnx_get_ints(eval->node, "pads", pads, 2 * n, 0, MAX_WINDOW, error))
    return FALSE;
  memcpy(w->begin + 3 - n, pads, (gsize)n * sizeof *pads);
  memcpy(w->end + 3 - n, pads + n, (gsize)n * sizeof *pads);
  for (int i = 0; i < 3; i++)
    if (w->kernel[i] < 1 || w->kernel[i] > MAX_WINDOW)
      return lus_onnx_invalid(error, "kernel_shape is missing or the kernel too large");
  if (kernel && memcmp(w->kernel + 3 - n, kernel, (gsize)n * sizeof *kernel) != 0)
    return lus_onnx_invalid(error, "kernel_shape and the weight's dimensions disagree");
  return TRUE;
}

typedef enum { PADS_GIVEN, PADS_NONE, PADS_UPPER, PADS_LOWER } AutoPad;

static gboolean read_auto_pad(LusEval *eval, AutoPad *mode, GError **error)
{
  static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
  const char *name = lus_onnx_get_string(eval->node, "auto_pad", names[0], error);
  if (!name)
    return FALSE;
  for (int i = 0; i < 4; i++)
    if (g_str_equal(name, names[i])) {
      *mode = (AutoPad)i;
      return TRUE;
    }
  return lus_onnx_invalid(error, "auto_pad is none of NOTSET, VALID, SAME_UPPER and SAME_LOWER");
}

static void split_pad(Window *w, int i, gint64 total, gboolean upper)
{
  w->begin[i] = (int)(upper ? total / 2 : total - total / 2);
  w->end[i] = (int)total - w->begin[i];
}

/** Pads and sizes of a window that slides over the input. */
static gboolean slide(LusEval *eval, Window *w, gboolean ceil_mode, GError **error)
{
  AutoPad mode;
  if (!read_auto_pad(eval, &mode, error))
    return FALSE;
  for (int i = 0; i < 3; i++) {
    gint64 span = (gint64)w->dilation[i] * (w->kernel[i] - 1) + 1;
    if (mode == PADS_UPPER || mode == PADS_LOWER)
      split_pad(w, i, MAX((gint64)((w->in[i] - 1) / w->stride[i]) * w->stride[i] + span - w->in[i], 0),
                mode == PADS_UPPER);
    if (mode == PADS_NONE)
      w->begin[i] = w->end[i] = 0;
    gint64 room = (gint64)w->in[i] + w->begin[i] + w->end[i] - span;
    if (room < 0)
      return lus_onnx_invalid(error, "the window is larger than the input");
    gint64 n = room / w->stride[i] + 1;
    /* One more where something is left, if its window begins inside the input or the pads before it. */
    if (ceil_mode && room % w->stride[i] != 0 && n * w->stride[i] < w->in[i] + w->begin[i])
      n++;
    w->out[i] = (int)n;
  }
  return TRUE;
}

static LusArray *new_output(LusEval *eval, const Window *w, int type, int channels, GError **error)
{
  int dims[LUS_TENSOR_MAX_RANK] = {eval->in[0]->dims[0], channels};
  memcpy(dims + 2, w->out + 3 - w->n, (gsize)w->n * sizeof *dims);
  return lus_eval_new(eval, type, w->n + 2, dims, error);
}

static gsize volume(const int size[3])
{
  return (gsize)size[0] * (gsize)size[1] * (gsize)size[2];
}

/** Where index @i of three dimensions lies. */
static void unravel(int at[3], const int size[3], gsize i)
{
  at[2] = (int)(i % (gsize)size[2]);
  at[1] = (int)(i / (gsize)size[2] % (gsize)size[1]);
  at[0] = (int)(i / (gsize)size[2] / (gsize)size[1]);
}

/** The input element under tap @tap of output @out; FALSE where it lies in the pads. */
static gboolean source_of(const Window *w, const int out[3], const int tap[3], gsize *source)
{
  *source = 0;
  for (int i = 0; i < 3; i++) {
    int at = out[i] * w->stride[i] - w->begin[i] + tap[i] * w->dilation[i];
    if (at < 0 || at >= w->in[i])
      return FALSE;
    *source = *source * (gsize)w->in[i] + (gsize)at;
  }
  return TRUE;
}

/** The input element that tap @tap adds to output @out of a transposed convolution. */
static gboolean origin_of(const Window *w, const int out[3], const int tap[3], gsize *source)
{
  *source = 0;
  for (int i = 0; i < 3; i++) {
    int at = out[i] + w->begin[i] - tap[i] * w->dilation[i];
    if (at < 0 || at % w->stride[i] != 0 || at / w->stride[i] >= w->in[i])
      return FALSE;
    *source = *source * (gsize)w->in[i] + (gsize)(at / w->stride[i]);
  }
  return TRUE;
}

/** @work elements for each of @y's. */
static gboolean spend_each(LusEval *eval, const LusArray *y, gsize work, GError **error)
{
  return lus_onnx_spend(eval->budget, (guint64)y->count * MIN(work, G_MAXUINT32), error);
}

/* ---- convolutions ---- */

typedef struct {
  const LusArray *x, *weight, *bias;
  const Window *w;
  gsize in_channels, out_channels, groups;
  gboolean transposed; /* weight [c][o/groups][taps], else [o][c/groups][taps] */
} Convolution;

static double convolve_element(const Convolution *conv, gsize n, gsize o, const int at[3])
{
  const Window *w = conv->w;
  gsize taps = volume(w->kernel), plane = volume(w->in), per = conv->in_channels / conv->groups;
  gsize out_per = conv->out_channels / conv->groups, first = o / out_per * per;
  double sum = conv->bias ? lus_array_real(conv->bias, o) : 0;
  for (gsize k = 0; k < taps; k++) {
    int tap[3];
    gsize source;
    unravel(tap, w->kernel, k);
    if (!(conv->transposed ? origin_of : source_of)(w, at, tap, &source))
      continue;
    for (gsize c = 0; c < per; c++) {
      gsize row = conv->transposed ? (first + c) * out_per + o % out_per : o * per + c;
      sum += lus_array_real(conv->x, (n * conv->in_channels + first + c) * plane + source) *
             lus_array_real(conv->weight, row * taps + k);
    }
  }
  return sum;
}

static gboolean convolve(LusEval *eval, const Convolution *conv, GError **error)
{
  LusArray *y = new_output(eval, conv->w, conv->x->type, (int)conv->out_channels, error);
  gsize plane = volume(conv->w->out), work = volume(conv->w->kernel) * (conv->in_channels / conv->groups);
  if (!lus_eval_give(eval, 0, y) || !spend_each(eval, y, work, error))
    return FALSE;
  for (gsize i = 0; i < y->count; i++) {
    int at[3];
    unravel(at, conv->w->out, i % plane);
    gsize channel = i / plane;
    lus_array_set_real(y, i, convolve_element(conv, channel / conv->out_channels, channel % conv->out_channels, at));
  }
  return TRUE;
}

/** Checks channels, groups and the bias; the window is read already. */
static gboolean read_convolution(LusEval *eval, Convolution *conv, Window *w, gboolean transposed, GError **error)
{
  const LusArray *x = eval->in[0], *weight = eval->in[1], *bias = eval->in[2];
  int group = 1;
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error) || !lus_onnx_get_int(eval->node, "group", &group, 1, G_MAXINT, error))
    return FALSE;
  if (weight->rank != x->rank || weight->rank < 3 || weight->count == 0)
    return lus_onnx_invalid(error, "its weight has another rank than its input or is empty");
  if (!read_window(eval, w, weight->dims + 2, error))
    return FALSE;
  gsize first = (gsize)weight->dims[0], second = (gsize)weight->dims[1], groups = (gsize)group;
  gsize out_channels = transposed ? second * groups : first;
  *conv = (Convolution){x, weight, bias, w, (gsize)x->dims[1], out_channels, groups, transposed};
  if ((transposed ? first : second * groups) != conv->in_channels || conv->in_channels % groups != 0 ||
      conv->out_channels % groups != 0 || conv->out_channels > LUS_TENSOR_MAX_COUNT)
    return lus_onnx_invalid(error, "its weight does not fit the channels and groups");
  return !bias || (bias->rank == 1 && (gsize)bias->dims[0] == conv->out_channels) ||
         lus_onnx_invalid(error, "its bias is no vector of one number per channel");
}

static gboolean eval_conv(LusEval *eval, GError **error)
{
  Convolution conv;
  Window w;
  return read_convolution(eval, &conv, &w, FALSE, error) && slide(eval, &w, FALSE, error) &&
         convolve(eval, &conv, error);
}

/** output_shape and auto_pad fix the pads: what is too much is cut off at both ends, the odd one at the end
 * (SAME_UPPER) or else at the beginning; what is missing is put at the end. */
static gboolean spread(LusEval *eval, Window *w, GError **error)
{
  AutoPad mode;
  int extra[3] = {0}, shape[3] = {0};
  if (!read_auto_pad(eval, &mode, error) || !read_ints(eval, "output_padding", extra, w->n, 0, error) ||
      !lus_onnx_get_ints(eval->node, "output_shape", shape + 3 - w->n, w->n, 1, G_MAXINT, error))
    return FALSE;
  for (int i = 0; i < 3; i++) {
    gint64 full = (gint64)w->stride[i] * (w->in[i] - 1) + extra[i] + (gint64)(w->kernel[i] - 1) * w->dilation[i] + 1;
    gint64 wanted = shape[i];
    if (wanted == 0 && (mode == PADS_UPPER || mode == PADS_LOWER))
      wanted = (gint64)w->in[i] * w->stride[i];
    if (mode == PADS_NONE)
      w->begin[i] = w->end[i] = 0;
    if (wanted > 0)
      split_pad(w, i, CLAMP(full - wanted, 0, G_MAXINT), mode == PADS_UPPER);
    else
      wanted = full - w->begin[i] - w->end[i];
    if (wanted < 1 || wanted > G_MAXINT / 2 || full > G_MAXINT / 2)
      return lus_onnx_invalid(error, "a result of an impossible size");
    w->out[i] = (int)wanted;
  }
  return TRUE;
}

static gboolean eval_conv_transpose(LusEval *eval, GError **error)
{
  Convolution conv;
  Window w;
  return read_convolution(eval, &conv, &w, TRUE, error) && spread(eval, &w, error) && convolve(eval, &conv, error);
}

/* ---- pools ---- */

typedef struct {
  gsize n;     /* elements inside */
  double sum, highest;
  gsize where; /* of the highest, the first one */
} Found;

static Found look(const LusArray *x, gsize plane, const Window *w, const int out[3])
{
  Found found = {0, 0, 0, 0};
  gsize taps = volume(w->kernel), first = plane * volume(w->in);
  for (gsize k = 0; k < taps; k++) {
    int tap[3];
    gsize source;
    unravel(tap, w->kernel, k);
    if (!source_of(w, out, tap, &source))
      continue;
    double value = lus_array_real(x, first + source);
    if (found.n == 0 || value > found.highest) {
      found.highest = value;
      found.where = source;
    }
    found.sum += value;
    found.n++;
  }
  return found;
}

/** Taps of output @out on the input or its pads: with ceil_mode a window may reach beyond these. */
static gsize counted(const Window *w, const int out[3])
{
  gsize n = 1;
  for (int i = 0; i < 3; i++) {
    int room = w->in[i] + w->end[i] - (out[i] * w->stride[i] - w->begin[i]);
    n *= (gsize)MIN(w->kernel[i], (room - 1) / w->dilation[i] + 1);
  }
  return n;
}

static gboolean read_pool(LusEval *eval, Window *w, GError **error)
{
  int ceil_mode = 0;
  return read_window(eval, w, NULL, error) && lus_onnx_get_int(eval->node, "ceil_mode", &ceil_mode, 0, 1, error) &&
         slide(eval, w, ceil_mode, error);
}

/** Where an element stands when the first of its dimensions changes fastest. */
static gsize column_major(const Window *w, gsize where)
{
  int at[3];
  unravel(at, w->in, where);
  return (gsize)at[0] + (gsize)w->in[0] * ((gsize)at[1] + (gsize)w->in[1] * (gsize)at[2]);
}

/** Result 1 are the indices of the maxima in the whole input, each plane row or column major. */
static gboolean eval_max_pool(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int columns = 0;
  Window w;
  if (x->type == LUS_ONNX_STRING)
    return lus_onnx_unsupported(error, "numbers are expected");
  if (!read_pool(eval, &w, error) || !lus_onnx_get_int(eval->node, "storage_order", &columns, 0, 1, error))
    return FALSE;
  if (!lus_eval_give(eval, 0, new_output(eval, &w, x->type, x->dims[1], error)) ||
      !lus_eval_give(eval, 1, new_output(eval, &w, LUS_ONNX_INT64, x->dims[1], error)) ||
      !spend_each(eval, eval->out[0], volume(w.kernel), error))
    return FALSE;
  gsize plane = volume(w.out), in = volume(w.in);
  for (gsize i = 0; i < eval->out[0]->count; i++) {
    int at[3];
    unravel(at, w.out, i % plane);
    Found found = look(x, i / plane, &w, at);
    if (found.n == 0)
      return lus_onnx_invalid(error, "a window holds nothing but pads");
    lus_array_set_real(eval->out[0], i, found.highest);
    gsize where = columns ? column_major(&w, found.where) : found.where;
    lus_array_set_whole(eval->out[1], i, (gint64)(i / plane * in + where));
  }
  return TRUE;
}

static gboolean eval_average_pool(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int count_pads = 0;
  Window w;
  if (!lus_eval_need_real(eval, eval->node->n_inputs, error) || !read_pool(eval, &w, error) ||
      !lus_onnx_get_int(eval->node, "count_include_pad", &count_pads, 0, 1, error))
    return FALSE;
  LusArray *y = new_output(eval, &w, x->type, x->dims[1], error);
  if (!lus_eval_give(eval, 0, y) || !spend_each(eval, y, volume(w.kernel), error))
    return FALSE;
  gsize plane = volume(w.out);
  for (gsize i = 0; i < y->count; i++) {
    int at[3];
    unravel(at, w.out, i % plane);
    Found found = look(x, i / plane, &w, at);
    if (found.n == 0)
      return lus_onnx_invalid(error, "a window holds nothing but pads");
    lus_array_set_real(y, i, found.sum / (double)(count_pads ? counted(&w, at) : found.n));
  }
  return TRUE;
}

const LusEvalOp lus_eval_window_ops[] = {
  {"Conv", 2, 3, eval_conv},
  {"ConvTranspose", 2, 3, eval_conv_transpose},
  {"MaxPool", 1, 1, eval_max_pool},
  {"AveragePool", 1, 1, eval_average_pool},
  {NULL, 0, 0, NULL},
};
