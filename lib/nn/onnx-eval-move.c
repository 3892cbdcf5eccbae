/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators that move elements: Transpose, Slice, Split, Pad, Gather, Expand and Concat. */
#include "nn/onnx-eval.h"
#include "nn/error.h"

#include <string.h>

static gboolean no_strings(const LusArray *x, GError **error)
{
  return x->type != LUS_ONNX_STRING || lus_onnx_unsupported(error, "strings can only be cast");
}

static gboolean eval_transpose(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int order[LUS_TENSOR_MAX_RANK], dims[LUS_TENSOR_MAX_RANK];
  unsigned seen = 0;
  LusPick pick;
  for (int d = 0; d < x->rank; d++)
    order[d] = x->rank - 1 - d;
  if (!no_strings(x, error) || !lus_onnx_get_ints(eval->node, "perm", order, x->rank, 0, x->rank - 1, error))
    return FALSE;
  for (int d = 0; d < x->rank; d++) {
    seen |= 1u << order[d];
    dims[d] = x->dims[order[d]];
  }
  if (seen != (1u << x->rank) - 1)
    return lus_onnx_invalid(error, "perm names an axis twice");
  LusArray *y = lus_eval_new(eval, x->type, x->rank, dims, error);
  if (!lus_eval_give(eval, 0, y) || y->count == 0)
    return y != NULL;
  if (!lus_pick_init(&pick, y->rank, dims, error))
    return FALSE;
  memcpy(pick.axis, order, sizeof order);
  lus_pick_run(y, x, &pick, NULL);
  lus_pick_clear(&pick);
  return TRUE;
}

/* ---- Slice and Split: runs of indices along axes ---- */

typedef struct {
  int dims[LUS_TENSOR_MAX_RANK];
  gint64 start[LUS_TENSOR_MAX_RANK], step[LUS_TENSOR_MAX_RANK];
} Range;

static void whole_range(Range *range, const LusArray *x)
{
  for (int d = 0; d < LUS_TENSOR_MAX_RANK; d++) {
    range->dims[d] = d < x->rank ? x->dims[d] : 0;
    range->start[d] = 0;
    range->step[d] = 1;
  }
}

static gboolean give_range(LusEval *eval, int i, const Range *range, GError **error)
{
  const LusArray *x = eval->in[0];
  LusPick pick;
  LusArray *y = lus_eval_new(eval, x->type, x->rank, range->dims, error);
  if (!lus_eval_give(eval, i, y) || y->count == 0)
    return y != NULL;
  if (!lus_pick_init(&pick, y->rank, y->dims, error))
    return FALSE;
  for (int d = 0; d < y->rank; d++)
    for (int k = 0; k < y->dims[d]; k++)
      pick.from[d][k] = (int)(range->start[d] + k * range->step[d]);
  lus_pick_run(y, x, &pick, NULL);
  lus_pick_clear(&pick);
  return TRUE;
}

/** Python's start:end:step, but that backwards a start before the first element is the first. */
static gboolean set_range(Range *range, int d, int size, gint64 start, gint64 end, gint64 step, GError **error)
{
  if (step == 0 || step == G_MININT64)
    return lus_onnx_invalid(error, "a step that is impossible");
  gint64 low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  start = CLAMP(start < 0 ? MAX(start, -G_MAXINT) + size : start, MAX(low, 0), high);
  end = CLAMP(end < 0 ? MAX(end, -G_MAXINT) + size : end, low, high);
  gint64 way = step > 0 ? end - start : start - end, stride = ABS(step);
  range->dims[d] = size == 0 || way <= 0 ? 0 : (int)((way - 1) / stride + 1);
  range->start[d] = start;
  range->step[d] = step;
  return TRUE;
}

/** starts, ends, axes, steps: inputs from opset 10 on, before that attributes. */
static gboolean eval_slice(LusEval *eval, GError **error)
{
  static const char *const names[] = {"starts", "ends", "axes", NULL};
  const LusArray *x = eval->in[0];
  LusNumbers part[4];
  gboolean given[4];
  Range range;
  if (!no_strings(x, error))
    return FALSE;
  for (int i = 0; i < 4; i++)
    if (!lus_eval_numbers(eval, &part[i], &given[i], i + 1, names[i], error))
      return FALSE;
  int n = part[0].n;
  if (!given[0] || !given[1] || part[1].n != n || (given[2] && part[2].n != n) || (given[3] && part[3].n != n) ||
      n > x->rank)
    return lus_onnx_invalid(error, "starts, ends, axes and steps have different lengths");
  whole_range(&range, x);
  for (int k = 0; k < n; k++) {
    int d;
    if (!lus_eval_axis(&d, given[2] ? part[2].i[k] : k, x->rank, error) ||
        !set_range(&range, d, x->dims[d], part[0].i[k], part[1].i[k], given[3] ? part[3].i[k] : 1, error))
      return FALSE;
  }
  return give_range(eval, 0, &range, error);
}

static gboolean eval_split(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  int axis = 0, d, n = eval->node->n_outputs, wanted = n;
  LusNumbers parts;
  gboolean given;
  Range range;
  if (!no_strings(x, error) ||
      !lus_onnx_get_int(eval->node, "axis", &axis, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, error) ||
      !lus_eval_axis(&d, axis, x->rank, error) ||
      !lus_onnx_get_int(eval->node, "num_outputs", &wanted, 1, LUS_ONNX_MAX_OUTPUTS, error) ||
      !lus_eval_numbers(eval, &parts, &given, 1, "split", error))
    return FALSE;
  if (n < 1 || wanted != n || (given && parts.n != n))
    return lus_onnx_invalid(error, "Split into another number of parts than there are outputs");
  whole_range(&range, x);
  int share = (x->dims[d] - 1) / n + 1, at = 0;
  for (int k = 0; k < n; k++) {
    gint64 part = given ? parts.i[k] : MIN(share, x->dims[d] - at);
    if (part < 0 || part > x->dims[d] - at)
      return lus_onnx_invalid(error, "Split into parts that do not fit");
    range.dims[d] = (int)part;
    range.start[d] = at;
    at += (int)part;
    if (!give_range(eval, k, &range, error))
      return FALSE;
  }
  return at == x->dims[d] || lus_onnx_invalid(error, "Split into parts that leave something");
}

/* ---- Pad ---- */

typedef enum { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE } PadMode;

/** The element of @size that stands at @at, which may lie outside; -1: none. */
static int padded_index(PadMode mode, gint64 at, int size)
{
  if (mode == PAD_EDGE)
    return (int)CLAMP(at, 0, size - 1);
  if (mode == PAD_REFLECT)
    return (int)(at < 0 ? -at : at >= size ? 2 * ((gint64)size - 1) - at : at);
  return at < 0 || at >= size ? -1 : (int)at;
}

/** pads: an input from opset 11 on, before that an attribute; opset 18 knows axes. */
static gboolean read_pads(LusEval *eval, gint64 begin[LUS_TENSOR_MAX_RANK], gint64 end[LUS_TENSOR_MAX_RANK],
                          GError **error)
{
  int rank = eval->in[0]->rank;
  LusNumbers pads, axes;
  gboolean given, some;
  if (!lus_eval_numbers(eval, &pads, &given, 1, "pads", error) ||
      !lus_eval_numbers(eval, &axes, &some, 3, NULL, error))
    return FALSE;
  int n = some ? axes.n : rank;
  if (!given || pads.is_float || axes.is_float || pads.n != 2 * n)
    return lus_onnx_invalid(error, "pads are no two whole numbers per dimension");
  for (int k = 0; k < n; k++) {
    int d;
    if (!lus_eval_axis(&d, some ? axes.i[k] : k, rank, error))
      return FALSE;
    begin[d] = pads.i[k];
    end[d] = pads.i[n + k];
    if (MAX(ABS(begin[d] / 2), ABS(end[d] / 2)) > G_MAXINT / 4)
      return lus_onnx_invalid(error, "pads that are impossible");
  }
  return TRUE;
}

static gboolean pad(LusEval *eval, PadMode mode, const gint64 *begin, const gint64 *end, const LusArray *fill,
                    GError **error)
{
  const LusArray *x = eval->in[0];
  int dims[LUS_TENSOR_MAX_RANK];
  LusPick pick;
  for (int d = 0; d < x->rank; d++) {
    gint64 widest = MAX(begin[d], end[d]);
    if (mode != PAD_CONSTANT && widest > 0 && (x->dims[d] == 0 || (mode == PAD_REFLECT && widest >= x->dims[d])))
      return lus_onnx_invalid(error, "a pad must be smaller than what it reflects");
    dims[d] = (int)CLAMP(x->dims[d] + begin[d] + end[d], -1, G_MAXINT);
  }
  LusArray *y = lus_eval_new(eval, x->type, x->rank, dims, error);
  if (!lus_eval_give(eval, 0, y) || y->count == 0)
    return y != NULL;
  if (!lus_pick_init(&pick, y->rank, dims, error))
    return FALSE;
  for (int d = 0; d < y->rank; d++)
    for (int k = 0; k < dims[d]; k++)
      pick.from[d][k] = padded_index(mode, k - begin[d], x->dims[d]);
  lus_pick_run(y, x, &pick, fill);
  lus_pick_clear(&pick);
  return TRUE;
}

static gboolean eval_pad(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0], *given = eval->in[2];
  gint64 begin[LUS_TENSOR_MAX_RANK] = {0}, end[LUS_TENSOR_MAX_RANK] = {0};
  float value = 0;
  const char *name = lus_onnx_get_string(eval->node, "mode", "constant", error);
  if (!name || !no_strings(x, error) || !lus_onnx_get_float(eval->node, "value", &value, error) ||
      !read_pads(eval, begin, end, error))
    return FALSE;
  PadMode mode = g_str_equal(name, "reflect") ? PAD_REFLECT : g_str_equal(name, "edge") ? PAD_EDGE : PAD_CONSTANT;
  if (mode == PAD_CONSTANT && !g_str_equal(name, "constant"))
    return lus_onnx_unsupported(error, "Pad in another mode than constant, reflect or edge");
  if (given && (given->count != 1 || given->type != x->type))
    return lus_onnx_invalid(error, "what is put around is no single element of the input's type");
  g_autoptr(LusArray) fill = lus_array_new(x->type, 0, NULL, eval->budget, error);
  if (!fill)
    return FALSE;
  if (given)
    memcpy(fill->data, given->data, lus_type_size(x->type));
  else
    lus_array_set_real(fill, 0, lus_type_is_real(x->type) ? (double)value : 0);
  return pad(eval, mode, begin, end, fill, error);
}

/* ---- Gather ---- */

/** The elements along one axis in the order of the indices, which become a single axis. */
static LusArray *gather(LusEval *eval, int axis, GError **error)
{
  const LusArray *x = eval->in[0], *index = eval->in[1];
  int dims[LUS_TENSOR_MAX_RANK];
  LusPick pick;
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = (int)index->count;
  g_autoptr(LusArray) y = lus_eval_new(eval, x->type, x->rank, dims, error);
  if (!y || y->count == 0)
    return g_steal_pointer(&y);
  if (!lus_pick_init(&pick, y->rank, dims, error))
    return NULL;
  gboolean there = TRUE;
  for (gsize k = 0; k < index->count; k++) {
    gint64 at = lus_array_whole(index, k);
    at += at < 0 ? x->dims[axis] : 0;
    there &= at >= 0 && at < x->dims[axis];
    pick.from[axis][k] = (int)at;
  }
  if (there)
    lus_pick_run(y, x, &pick, NULL);
  else
    lus_onnx_invalid(error, "Gather takes an element that is not there");
  lus_pick_clear(&pick);
  return there ? g_steal_pointer(&y) : NULL;
}

static gboolean eval_gather(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0], *index = eval->in[1];
  int axis = 0, d, rank = x->rank - 1 + index->rank, dims[LUS_TENSOR_MAX_RANK];
  if (index->type != LUS_ONNX_INT32 && index->type != LUS_ONNX_INT64)
    return lus_onnx_invalid(error, "the indices are no whole numbers");
  if (!no_strings(x, error) ||
      !lus_onnx_get_int(eval->node, "axis", &axis, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, error) ||
      !lus_eval_axis(&d, axis, x->rank, error))
    return FALSE;
  if (rank > LUS_TENSOR_MAX_RANK)
    return lus_onnx_unsupported(error, "more than 8 dimensions");
  g_autoptr(LusArray) y = gather(eval, d, error);
  if (!y)
    return FALSE;
  for (int i = 0; i < rank; i++)
    dims[i] = i < d ? x->dims[i] : i < d + index->rank ? index->dims[i - d] : x->dims[i + 1 - index->rank];
  return lus_eval_give(eval, 0, lus_array_share(y, rank, dims));
}

/* ---- Expand ---- */

static gboolean eval_expand(LusEval *eval, GError **error)
{
  const LusArray *x = eval->in[0];
  LusNumbers shape;
  LusPick pick;
  int dims[LUS_TENSOR_MAX_RANK];
  if (!no_strings(x, error) || !lus_array_numbers(&shape, eval->in[1], error))
    return FALSE;
  int rank = MAX(x->rank, shape.n);
  if (rank > LUS_TENSOR_MAX_RANK || shape.is_float)
    return lus_onnx_invalid(error, "a shape that is impossible");
  for (int d = 0; d < rank; d++) {
    int mine = d < rank - x->rank ? 1 : x->dims[d - rank + x->rank];
    gint64 other = d < rank - shape.n ? 1 : shape.i[d - rank + shape.n];
    if (other < 0 || other > G_MAXINT || (mine != other && mine != 1 && other != 1))
      return lus_onnx_invalid(error, "a shape that the input cannot be expanded to");
    dims[d] = mine == 1 ? (int)other : mine;
  }
  LusArray *y = lus_eval_new(eval, x->type, rank, dims, error);
  if (!lus_eval_give(eval, 0, y) || y->count == 0)
    return y != NULL;
  if (!lus_pick_init(&pick, rank, dims, error))
    return FALSE;
  for (int d = 0; d < rank; d++) {
    pick.axis[d] = d - rank + x->rank;
    if (pick.axis[d] >= 0 && x->dims[pick.axis[d]] == 1)
      pick.axis[d] = -1;
  }
  lus_pick_run(y, x, &pick, NULL);
  lus_pick_clear(&pick);
  return TRUE;
}

/* ---- Concat ---- */

static gboolean concat_dims(const LusEval *eval, int axis, int dims[LUS_TENSOR_MAX_RANK], GError **error)
{
  const LusArray *first = eval->in[0];
  gint64 total = 0;
  for (int k = 0; k < eval->node->n_inputs; k++) {
    const LusArray *x = eval->in[k];
    if (!x || x->type != first->type || x->rank != first->rank)
      return lus_onnx_invalid(error, "Concat of different types or ranks");
    for (int d = 0; d < x->rank; d++)
      if (d != axis && x->dims[d] != first->dims[d])
        return lus_onnx_invalid(error, "the inputs' shapes do not agree");
    total += x->dims[axis];
  }
  memcpy(dims, first->dims, sizeof first->dims);
  dims[axis] = (int)MIN(total, G_MAXINT);
  return TRUE;
}

static gboolean eval_concat(LusEval *eval, GError **error)
{
  const LusArray *first = eval->in[0];
  int axis = 1, d, dims[LUS_TENSOR_MAX_RANK];
  if (!no_strings(first, error) ||
      !lus_onnx_get_int(eval->node, "axis", &axis, -LUS_TENSOR_MAX_RANK, LUS_TENSOR_MAX_RANK, error) ||
      !lus_eval_axis(&d, axis, first->rank, error) || !concat_dims(eval, d, dims, error))
    return FALSE;
  LusArray *y = lus_eval_new(eval, first->type, first->rank, dims, error);
  if (!lus_eval_give(eval, 0, y) || y->count == 0)
    return y != NULL;
  gsize size = lus_type_size(y->type), outer = lus_array_span(y, 0, d), row = lus_array_span(y, d, y->rank) * size;
  gsize at = 0;
  for (int k = 0; k < eval->node->n_inputs; k++) {
    const LusArray *x = eval->in[k];
    gsize part = x->count / outer * size;
    for (gsize i = 0; i < outer; i++)
      memcpy(y->data + i * row + at, x->data + i * part, part);
    at += part;
  }
  return TRUE;
}

const LusEvalOp lus_eval_move_ops[] = {
  {"Transpose", 1, 1, eval_transpose},
  {"Slice", 1, 5, eval_slice},
  {"Split", 1, 2, eval_split},
  {"Pad", 1, 4, eval_pad},
  {"Gather", 2, 2, eval_gather},
  {"Expand", 2, 2, eval_expand},
  {"Concat", 1, LUS_ONNX_MAX_INPUTS, eval_concat},
  {NULL, 0, 0, NULL},
};
