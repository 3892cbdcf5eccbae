/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shape inference: one function per operator that checks the node and computes y's [c][h][w] from
 * x's. */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/graph.h"
#include "nn/ops.h"

/* Sizes of windows, strides and pads; far above any real network, and products of two stay in an
 * int. */
#define MAX_WINDOW 4096

static gboolean fail(GError **error, const LusNode *node, LusError code, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static gboolean fail(GError **error, const LusNode *node, LusError code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, LUS_ERROR, (int)code, "node \"%s\" (%s): %s", node->name ? node->name : "",
              lus_op_name(node->type), text);
  return FALSE;
}

static gboolean check_window(const LusNode *node, GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 2; i++) {
    if (a->kernel[i] < 1 || a->kernel[i] > MAX_WINDOW || a->stride[i] < 1 ||
        a->stride[i] > MAX_WINDOW || a->dilation[i] < 1 || a->dilation[i] > MAX_WINDOW)
      return fail(error, node, LUS_ERROR_INVALID,
                  "kernel %dx%d, stride %dx%d, dilation %dx%d: each must be 1..%d", a->kernel[0],
                  a->kernel[1], a->stride[0], a->stride[1], a->dilation[0], a->dilation[1],
                  MAX_WINDOW);
  }
  for (int i = 0; i < 4; i++)
    if (a->pad[i] < 0 || a->pad[i] > MAX_WINDOW)
      return fail(error, node, LUS_ERROR_INVALID, "pad %d must be 0..%d", a->pad[i], MAX_WINDOW);
  return TRUE;
}

/* Output size of a sliding window along axis @i (0 height, 1 width); may be < 1. */
static int window_size(const LusOpAttrs *a, int i, int size)
{
  gint64 span = (gint64)a->dilation[i] * (a->kernel[i] - 1) + 1;
  gint64 room = (gint64)size + a->pad[i] + a->pad[i + 2] - span;
  return room < 0 ? 0 : (int)(room / a->stride[i] + 1);
}

/* The constant input @k must be [channels]. */
static gboolean check_vector(const LusGraph *graph, const LusNode *node, int k, const char *what,
                             int channels, GError **error)
{
  const LusTensor *t = graph->values[node->inputs[k]].constant;
  if (t->rank == 1 && t->dims[0] == channels)
    return TRUE;
  g_autofree char *dims = lus_tensor_dims_string(t);
  return fail(error, node, LUS_ERROR_INVALID, "the %s is %s but should be %d, one per channel",
              what, dims, channels);
}

static gboolean conv_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                           GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  const LusTensor *weight = graph->values[node->inputs[1]].constant;
  g_autofree char *dims = lus_tensor_dims_string(weight);
  if (weight->rank != 4)
    return fail(error, node, LUS_ERROR_INVALID, "the weight is %s but should have 4 dimensions",
                dims);
  if (weight->count == 0)
    return fail(error, node, LUS_ERROR_INVALID, "the weight is empty (%s)", dims);
  if (!check_window(node, error))
    return FALSE;
  if (weight->dims[2] != a->kernel[0] || weight->dims[3] != a->kernel[1])
    return fail(error, node, LUS_ERROR_INVALID, "the weight is %s but kernel_shape is %dx%d", dims,
                a->kernel[0], a->kernel[1]);
  if (a->groups < 1 || x[1] % a->groups != 0 || weight->dims[0] % a->groups != 0)
    return fail(error, node, LUS_ERROR_INVALID,
                "%d groups do not divide %d input and %d output channels", a->groups, x[1],
                weight->dims[0]);
  if (weight->dims[1] != x[1] / a->groups)
    return fail(error, node, LUS_ERROR_INVALID,
                "the weight is %s for %d input channels in %d groups", dims, x[1], a->groups);
  if (node->n_inputs > 2 && node->inputs[2] >= 0 &&
      !check_vector(graph, node, 2, "bias", weight->dims[0], error))
    return FALSE;
  y[1] = weight->dims[0];
  y[2] = window_size(a, 0, x[2]);
  y[3] = window_size(a, 1, x[3]);
  return TRUE;
}

static gboolean group_norm_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                 GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  if (a->norm_groups < 1 || x[1] % a->norm_groups != 0)
    return fail(error, node, LUS_ERROR_INVALID, "%d groups do not divide %d channels",
                a->norm_groups, x[1]);
  if (!(a->epsilon > 0) || !isfinite(a->epsilon))
    return fail(error, node, LUS_ERROR_INVALID, "epsilon %g must be positive", (double)a->epsilon);
  memcpy(y, x, 4 * sizeof *y);
  return check_vector(graph, node, 1, "scale", x[1], error) &&
         check_vector(graph, node, 2, "bias", x[1], error);
}

static gboolean batch_norm_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                 GError **error)
{
  static const char *const names[] = {NULL, "scale", "bias", "mean", "variance"};
  for (int k = 1; k < 5; k++)
    if (!check_vector(graph, node, k, names[k], x[1], error))
      return FALSE;
  if (!(node->attrs.epsilon >= 0) || !isfinite(node->attrs.epsilon))
    return fail(error, node, LUS_ERROR_INVALID, "epsilon %g must not be negative",
                (double)node->attrs.epsilon);
  const LusTensor *variance = graph->values[node->inputs[4]].constant;
  for (int i = 0; i < x[1]; i++)
    if (!(variance->data[i] + node->attrs.epsilon > 0))
      return fail(error, node, LUS_ERROR_INVALID,
                  "variance %g of channel %d plus epsilon must be positive",
                  (double)variance->data[i], i);
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}

static gboolean same_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                           GError **error)
{
  (void)graph, (void)node, (void)error;
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}

static gboolean add_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                          GError **error)
{
  const int *b = graph->values[node->inputs[1]].shape;
  if (memcmp(x, b, 4 * sizeof *x) != 0)
    return fail(error, node, LUS_ERROR_INVALID, "shapes %dx%dx%d and %dx%dx%d differ%s", x[1], x[2],
                x[3], b[1], b[2], b[3],
                x[1] == b[1]
                    ? "; the input's height and width must be multiples of the network's stride"
                    : "");
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}

static gboolean max_pool_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                               GError **error)
{
  (void)graph;
  if (!check_window(node, error))
    return FALSE;
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 4; i++)
    if (a->pad[i] >= a->kernel[i % 2]) /* else a window may hold no pixel at all */
      return fail(error, node, LUS_ERROR_INVALID, "pad %d must be smaller than the kernel's %d",
                  a->pad[i], a->kernel[i % 2]);
  if (a->dilation[0] != 1 || a->dilation[1] != 1)
    return fail(error, node, LUS_ERROR_UNSUPPORTED, "dilation %dx%d: only 1x1 is supported",
                a->dilation[0], a->dilation[1]);
  y[1] = x[1];
  y[2] = window_size(a, 0, x[2]);
  y[3] = window_size(a, 1, x[3]);
  return TRUE;
}

static gboolean resize_shape(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                             GError **error)
{
  (void)graph;
  const LusOpAttrs *a = &node->attrs;
  y[1] = x[1];
  for (int i = 0; i < 2; i++) {
    if (!(a->scale[i] > 0) || !isfinite(a->scale[i]))
      return fail(error, node, LUS_ERROR_INVALID, "scale %g must be positive", (double)a->scale[i]);
    /* A factor stored as float may fall just short of the quotient it stands for: 3 * (7/3) is 7.
     */
    double size = floor((double)x[2 + i] * (double)a->scale[i] + 1e-3);
    if (size > (double)LUS_TENSOR_MAX_COUNT)
      return fail(error, node, LUS_ERROR_LIMIT, "scale %g makes the result too large",
                  (double)a->scale[i]);
    y[2 + i] = (int)size;
  }
  return TRUE;
}

typedef gboolean (*ShapeFunc)(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                              GError **error);

static const ShapeFunc shape_funcs[LUS_OP_N] = {
    [LUS_OP_CONV] = conv_shape,
    [LUS_OP_GROUP_NORM] = group_norm_shape,
    [LUS_OP_BATCH_NORM] = batch_norm_shape,
    [LUS_OP_RELU] = same_shape,
    [LUS_OP_SIGMOID] = same_shape,
    [LUS_OP_ADD] = add_shape,
    [LUS_OP_MAX_POOL] = max_pool_shape,
    [LUS_OP_RESIZE] = resize_shape,
};

/* Elements of [1][c][h][w]; FALSE with an error if a size is < 1 or there are too many. */
static gboolean check_size(const int *shape, const char *what, GError **error)
{
  for (int i = 1; i < 4; i++)
    if (shape[i] < 1) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                  "%s would be %dx%dx%d: the input is too small for this network", what, shape[1],
                  shape[2], shape[3]);
      return FALSE;
    }
  if ((gsize)shape[1] > LUS_TENSOR_MAX_COUNT / (gsize)shape[2] ||
      (gsize)shape[1] * (gsize)shape[2] > LUS_TENSOR_MAX_COUNT / (gsize)shape[3]) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "%s would be %dx%dx%d, more than %" G_GSIZE_FORMAT " elements: use a smaller input",
                what, shape[1], shape[2], shape[3], LUS_TENSOR_MAX_COUNT);
    return FALSE;
  }
  return TRUE;
}

/* Counts and kinds of the inputs: which are activations computed earlier, which are constants. */
static gboolean check_inputs(const LusGraph *graph, const LusNode *node, const gboolean *defined,
                             GError **error)
{
  const LusOpInfo *info = &lus_op_table[node->type];
  if (node->n_inputs < info->min_inputs || node->n_inputs > info->max_inputs)
    return fail(error, node, LUS_ERROR_INVALID, "%d inputs; it takes %d to %d", node->n_inputs,
                info->min_inputs, info->max_inputs);
  for (int k = 0; k < node->n_inputs; k++) {
    int value = node->inputs[k];
    if (value < 0 && k >= info->min_inputs)
      continue; /* an absent optional input */
    if (value < 0 || value >= graph->n_values)
      return fail(error, node, LUS_ERROR_INVALID, "input %d is missing", k);
    const LusValue *v = &graph->values[value];
    gboolean wants_activation = k == 0 || node->type == LUS_OP_ADD;
    if (wants_activation && v->constant)
      return fail(error, node, LUS_ERROR_UNSUPPORTED,
                  "input %d, \"%s\", is a constant; only activations are supported", k, v->name);
    if (!wants_activation && !v->constant)
      return fail(error, node, LUS_ERROR_UNSUPPORTED,
                  "input %d, \"%s\", is computed; only constants are supported", k, v->name);
    if (wants_activation && !defined[value])
      return fail(error, node, LUS_ERROR_INVALID, "input %d, \"%s\", is used before it is computed",
                  k, v->name);
  }
  return TRUE;
}

static gboolean check_ends(const LusGraph *graph, GError **error)
{
  if (graph->input < 0 || graph->input >= graph->n_values) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "the network has no input");
    return FALSE;
  }
  if (graph->output < 0 || graph->output >= graph->n_values ||
      graph->values[graph->output].constant) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "the network has no output");
    return FALSE;
  }
  return TRUE;
}

gboolean lus_graph_infer_node(LusGraph *graph, int index, GError **error)
{
  const LusNode *node = &graph->nodes[index];
  int y[4] = {1, 0, 0, 0};
  if (!shape_funcs[node->type](graph, node, graph->values[node->inputs[0]].shape, y, error))
    return FALSE;
  g_autofree char *what = g_strdup_printf("node \"%s\" (%s): its result",
                                          node->name ? node->name : "", lus_op_name(node->type));
  if (!check_size(y, what, error))
    return FALSE;
  memcpy(graph->values[node->output].shape, y, sizeof y);
  return TRUE;
}

gboolean lus_graph_infer_shapes(LusGraph *graph, int c, int h, int w, GError **error)
{
  if (!check_ends(graph, error))
    return FALSE;
  const int input[4] = {1, c, h, w};
  if (!check_size(input, "the input", error))
    return FALSE;
  g_autofree gboolean *defined = g_new0(gboolean, graph->n_values);
  memcpy(graph->values[graph->input].shape, input, sizeof input);
  defined[graph->input] = TRUE;
  for (int i = 0; i < graph->n_nodes; i++) {
    const LusNode *node = &graph->nodes[i];
    if (!check_inputs(graph, node, defined, error))
      return FALSE;
    if (!lus_graph_infer_node(graph, i, error))
      return FALSE;
    defined[node->output] = TRUE;
  }
  if (!defined[graph->output]) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "the network's output \"%s\" is never computed", graph->values[graph->output].name);
    return FALSE;
  }
  return TRUE;
}
