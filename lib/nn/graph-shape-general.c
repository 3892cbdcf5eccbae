/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shape rules of the operators that run forward only. */
#include <math.h>
#include <string.h>

#include "nn/graph.h"
#include "nn/ops.h"

#define MAX_PART 65536 /* of begin, end, step and extra: sums stay in an int */

gboolean lus_shape_broadcast(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                             GError **error)
{
  const int *b = graph->values[node->inputs[1]].shape;
  for (int i = 0; i < 4; i++) {
    if (x[i] != b[i] && x[i] != 1 && b[i] != 1)
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "shapes %dx%dx%d and %dx%dx%d differ",
                           x[1], x[2], x[3], b[1], b[2], b[3]);
    y[i] = MAX(x[i], b[i]);
  }
  if (node->type == LUS_OP_PRELU && memcmp(x, y, 4 * sizeof *x) != 0)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "the slope is larger than the input");
  return TRUE;
}

gboolean lus_shape_reduce(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                          GError **error)
{
  (void)graph, (void)error;
  for (int i = 0; i < 4; i++)
    y[i] = node->attrs.axes >> i & 1 ? 1 : x[i];
  return TRUE;
}

gboolean lus_shape_concat(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                          GError **error)
{
  int axis = node->attrs.axis;
  if (axis < 1 || axis > 3)
    return lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED, "axis %d: only 1 to 3 are supported",
                         axis);
  gint64 total = 0;
  for (int k = 0; k < node->n_inputs; k++) {
    const int *part = graph->values[node->inputs[k]].shape;
    for (int i = 1; i < 4; i++)
      if (i != axis && part[i] != x[i])
        return lus_node_fail(error, node, LUS_ERROR_INVALID,
                             "input %d is %dx%dx%d, which does not fit %dx%dx%d along axis %d", k,
                             part[1], part[2], part[3], x[1], x[2], x[3], axis);
    total += part[axis];
  }
  memcpy(y, x, 4 * sizeof *y);
  y[axis] = (int)MIN(total, G_MAXINT);
  return TRUE;
}

gboolean lus_shape_slice(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                         GError **error)
{
  (void)graph;
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 4; i++) {
    gint64 last = a->begin[i] + (gint64)(a->size[i] - 1) * a->step[i];
    if (a->size[i] < 1 || a->begin[i] < 0 || a->begin[i] >= x[i] || last < 0 || last >= x[i])
      return lus_node_fail(error, node, LUS_ERROR_INVALID,
                           "%d elements from %d on do not lie in dimension %d of size %d",
                           a->size[i], a->begin[i], i, x[i]);
    y[i] = a->size[i];
  }
  return TRUE;
}

gboolean lus_shape_pad(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                       GError **error)
{
  (void)graph;
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 4; i++) {
    int widest = MAX(a->begin[i], a->end[i]), least = MIN(a->begin[i], a->end[i]);
    if (widest > MAX_PART || least < -MAX_PART || (i == 0 && (widest != 0 || least != 0)))
      return lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED, "pads %d and %d of dimension %d",
                           a->begin[i], a->end[i], i);
    if (a->pad_mode == LUS_PAD_REFLECT && widest >= x[i] && widest > 0)
      return lus_node_fail(error, node, LUS_ERROR_INVALID,
                           "pad %d must be smaller than the %d elements it reflects", widest, x[i]);
    gint64 size = (gint64)x[i] + a->begin[i] + a->end[i];
    y[i] = (int)CLAMP(size, 0, G_MAXINT);
  }
  return TRUE;
}

gboolean lus_shape_reshape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                           GError **error)
{
  (void)graph;
  const int *size = node->attrs.size;
  double from = 1, to = 1; /* exact below 2^53, and the input has fewer elements */
  for (int i = 0; i < 4; i++) {
    from *= x[i];
    to *= size[i];
  }
  if (size[0] != 1 || from != to)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "%dx%dx%d cannot become %dx%dx%d", x[1],
                         x[2], x[3], size[1], size[2], size[3]);
  memcpy(y, size, 4 * sizeof *y);
  return TRUE;
}

gboolean lus_shape_transpose(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                             GError **error)
{
  (void)graph;
  unsigned seen = 0;
  for (int i = 0; i < 4; i++) {
    int from = node->attrs.permutation[i];
    if (from < 0 || from > 3 || seen >> from & 1)
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "the permutation is none");
    seen |= 1u << from;
    y[i] = x[from];
  }
  return y[0] == 1 || lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED,
                                    "the first dimension would become %d", y[0]);
}

gboolean lus_shape_mat_mul(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                           GError **error)
{
  const LusTensor *matrix = graph->values[node->inputs[1]].constant;
  g_autofree char *dims = lus_tensor_dims_string(matrix);
  if (matrix->rank != 2 || matrix->count == 0 || matrix->dims[0] != x[3])
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "the matrix is %s for rows of %d", dims,
                         x[3]);
  memcpy(y, x, 4 * sizeof *y);
  y[3] = matrix->dims[1];
  return TRUE;
}

gboolean lus_shape_batch_mat_mul(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                 GError **error)
{
  const int *b = graph->values[node->inputs[1]].shape;
  if (x[3] != b[2] || (x[1] != b[1] && x[1] != 1 && b[1] != 1))
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "%dx%dx%d times %dx%dx%d", x[1], x[2],
                         x[3], b[1], b[2], b[3]);
  y[1] = MAX(x[1], b[1]);
  y[2] = x[2];
  y[3] = b[3];
  return TRUE;
}

gboolean lus_shape_expand(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                          GError **error)
{
  (void)graph;
  const int *size = node->attrs.size;
  for (int i = 0; i < 4; i++)
    if (size[i] != x[i] && (x[i] != 1 || i == 0))
      return lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED, "dimension %d of size %d to %d", i,
                           x[i], size[i]);
  memcpy(y, size, 4 * sizeof *y);
  return TRUE;
}

gboolean lus_shape_quantize(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                            GError **error)
{
  (void)graph;
  const LusOpAttrs *a = &node->attrs;
  if (!(a->alpha > 0) || !isfinite(a->alpha) || a->zero_point < 0 || a->zero_point > 255)
    return lus_node_fail(error, node, LUS_ERROR_INVALID,
                         "scale %g must be positive, zero point %d must be 0 to 255",
                         (double)a->alpha, a->zero_point);
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}
