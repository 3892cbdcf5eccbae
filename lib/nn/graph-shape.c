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
#define MAX_CHANNELS 1000000

gboolean lus_node_fail(GError **error, const LusNode *node, LusError code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, LUS_ERROR, (int)code, "node \"%s\" (%s): %s", node->name ? node->name : "",
              lus_op_name(node->type), text);
  return FALSE;
}

int lus_node_n_maps(const LusNode *node)
{
  return MIN(node->n_inputs, lus_op_table[node->type].n_maps);
}

static gboolean check_window(const LusNode *node, GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 2; i++) {
    if (a->kernel[i] < 1 || a->kernel[i] > MAX_WINDOW || a->stride[i] < 1 ||
        a->stride[i] > MAX_WINDOW || a->dilation[i] < 1 || a->dilation[i] > MAX_WINDOW)
      return lus_node_fail(error, node, LUS_ERROR_INVALID,
                  "kernel %dx%d, stride %dx%d, dilation %dx%d: each must be 1..%d", a->kernel[0],
                  a->kernel[1], a->stride[0], a->stride[1], a->dilation[0], a->dilation[1],
                  MAX_WINDOW);
  }
  for (int i = 0; i < 4; i++)
    if (a->pad[i] < 0 || a->pad[i] > MAX_WINDOW)
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "pad %d must be 0..%d", a->pad[i], MAX_WINDOW);
  return TRUE;
}

/* Output size of a sliding window along axis @i (0 height, 1 width); may be < 1. */
static int window_size(const LusOpAttrs *a, int i, int size)
{
  gint64 span = (gint64)a->dilation[i] * (a->kernel[i] - 1) + 1;
  gint64 room = (gint64)size + a->pad[i] + a->pad[i + 2] - span;
  if (room < 0)
    return 0;
  gint64 n = room / a->stride[i] + 1;
  /* One more where something is left, if its window begins inside the map or the pads before it. */
  if (a->ceil_mode && room % a->stride[i] != 0 && n * a->stride[i] < size + a->pad[i])
    n++;
  return (int)n;
}

/* The constant input @k must be [channels]. */
static gboolean check_vector(const LusGraph *graph, const LusNode *node, int k, const char *what,
                             int channels, GError **error)
{
  const LusTensor *t = graph->values[node->inputs[k]].constant;
  if (t->rank == 1 && t->dims[0] == channels)
    return TRUE;
  g_autofree char *dims = lus_tensor_dims_string(t);
  return lus_node_fail(error, node, LUS_ERROR_INVALID, "the %s is %s but should be %d, one per channel",
              what, dims, channels);
}

gboolean lus_shape_conv(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                           GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  const LusTensor *weight = graph->values[node->inputs[1]].constant;
  g_autofree char *dims = lus_tensor_dims_string(weight);
  if (weight->rank != 4)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "the weight is %s but should have 4 dimensions",
                dims);
  if (weight->count == 0)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "the weight is empty (%s)", dims);
  if (!check_window(node, error))
    return FALSE;
  if (weight->dims[2] != a->kernel[0] || weight->dims[3] != a->kernel[1])
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "the weight is %s but kernel_shape is %dx%d", dims,
                a->kernel[0], a->kernel[1]);
  if (a->groups < 1 || x[1] % a->groups != 0 || weight->dims[0] % a->groups != 0)
    return lus_node_fail(error, node, LUS_ERROR_INVALID,
                "%d groups do not divide %d input and %d output channels", a->groups, x[1],
                weight->dims[0]);
  if (weight->dims[1] != x[1] / a->groups)
    return lus_node_fail(error, node, LUS_ERROR_INVALID,
                "the weight is %s for %d input channels in %d groups", dims, x[1], a->groups);
  if (node->n_inputs > 2 && node->inputs[2] >= 0 &&
      !check_vector(graph, node, 2, "bias", weight->dims[0], error))
    return FALSE;
  y[1] = weight->dims[0];
  y[2] = window_size(a, 0, x[2]);
  y[3] = window_size(a, 1, x[3]);
  return TRUE;
}

/* y = stride (x - 1) + span of the kernel - pads + extra */
gboolean lus_shape_conv_transpose(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                  GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  const LusTensor *weight = graph->values[node->inputs[1]].constant;
  g_autofree char *dims = lus_tensor_dims_string(weight);
  if (weight->rank != 4 || weight->count == 0 || weight->dims[2] != a->kernel[0] ||
      weight->dims[3] != a->kernel[1])
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "the weight is %s for a kernel of %dx%d",
                         dims, a->kernel[0], a->kernel[1]);
  if (!check_window(node, error))
    return FALSE;
  if (a->groups < 1 || weight->dims[0] != x[1] || x[1] % a->groups != 0 ||
      weight->dims[1] > MAX_CHANNELS / a->groups)
    return lus_node_fail(error, node, LUS_ERROR_INVALID,
                         "the weight is %s for %d input channels in %d groups", dims, x[1],
                         a->groups);
  y[1] = weight->dims[1] * a->groups;
  for (int i = 0; i < 2; i++) {
    if (a->extra[i] < 0 || a->extra[i] > MAX_WINDOW)
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "output padding %d must be 0..%d",
                           a->extra[i], MAX_WINDOW);
    gint64 size = (gint64)(x[2 + i] - 1) * a->stride[i] +
                  (gint64)a->dilation[i] * (a->kernel[i] - 1) + 1 - a->pad[i] - a->pad[i + 2] +
                  a->extra[i];
    y[2 + i] = (int)CLAMP(size, 0, G_MAXINT);
  }
  return node->n_inputs < 3 || node->inputs[2] < 0 ||
         check_vector(graph, node, 2, "bias", y[1], error);
}

gboolean lus_shape_group_norm(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                 GError **error)
{
  const LusOpAttrs *a = &node->attrs;
  if (a->norm_groups < 1 || x[1] % a->norm_groups != 0)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "%d groups do not divide %d channels",
                a->norm_groups, x[1]);
  if (!(a->epsilon > 0) || !isfinite(a->epsilon))
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "epsilon %g must be positive", (double)a->epsilon);
  memcpy(y, x, 4 * sizeof *y);
  return check_vector(graph, node, 1, "scale", x[1], error) &&
         check_vector(graph, node, 2, "bias", x[1], error);
}

gboolean lus_shape_batch_norm(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                                 GError **error)
{
  static const char *const names[] = {NULL, "scale", "bias", "mean", "variance"};
  for (int k = 1; k < 5; k++)
    if (!check_vector(graph, node, k, names[k], x[1], error))
      return FALSE;
  if (!(node->attrs.epsilon >= 0) || !isfinite(node->attrs.epsilon))
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "epsilon %g must not be negative",
                (double)node->attrs.epsilon);
  const LusTensor *variance = graph->values[node->inputs[4]].constant;
  for (int i = 0; i < x[1]; i++)
    if (!(variance->data[i] + node->attrs.epsilon > 0))
      return lus_node_fail(error, node, LUS_ERROR_INVALID,
                  "variance %g of channel %d plus epsilon must be positive",
                  (double)variance->data[i], i);
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}

gboolean lus_shape_same(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                           GError **error)
{
  (void)graph, (void)node, (void)error;
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}

gboolean lus_shape_add(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                          GError **error)
{
  const int *b = graph->values[node->inputs[1]].shape;
  if (memcmp(x, b, 4 * sizeof *x) != 0)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "shapes %dx%dx%d and %dx%dx%d differ%s", x[1], x[2],
                x[3], b[1], b[2], b[3],
                x[1] == b[1]
                    ? "; the input's height and width must be multiples of the network's stride"
                    : "");
  memcpy(y, x, 4 * sizeof *y);
  return TRUE;
}

/* Whether each of @n windows along axis @i has a pixel in the map: with a dilation it may step over a small one. */
static gboolean windows_meet_map(const LusOpAttrs *a, int i, int size, int n)
{
  for (int o = 0; o < n; o++) {
    gint64 first = (gint64)o * a->stride[i] - a->pad[i];
    gint64 skipped = first < 0 ? (-first + a->dilation[i] - 1) / a->dilation[i] : 0;
    if (skipped >= a->kernel[i] || first + skipped * a->dilation[i] >= size)
      return FALSE;
  }
  return TRUE;
}

gboolean lus_shape_pool(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                               GError **error)
{
  (void)graph;
  if (!check_window(node, error))
    return FALSE;
  const LusOpAttrs *a = &node->attrs;
  for (int i = 0; i < 4; i++) {
    gint64 span = (gint64)(a->kernel[i % 2] - 1) * a->dilation[i % 2] + 1;
    if (a->pad[i] >= span) /* else a window may hold no pixel at all */
      return lus_node_fail(error, node, LUS_ERROR_INVALID,
                           "pad %d must be smaller than the window's %" G_GINT64_FORMAT, a->pad[i], span);
  }
  y[1] = x[1];
  for (int i = 0; i < 2; i++) {
    y[2 + i] = window_size(a, i, x[2 + i]);
    if (!windows_meet_map(a, i, x[2 + i], y[2 + i]))
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "a window with dilation %d lies in the pads alone",
                           a->dilation[i]);
  }
  return TRUE;
}

double lus_resize_length(int in, double scale)
{
  return floor(in * scale + 1e-3);
}

gboolean lus_shape_resize(const LusGraph *graph, const LusNode *node, const int *x, int *y,
                             GError **error)
{
  (void)graph;
  const LusOpAttrs *a = &node->attrs;
  y[1] = x[1];
  for (int i = 0; i < 2; i++) {
    if (!(a->scale[i] > 0) || !isfinite(a->scale[i]))
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "scale %g must be positive", (double)a->scale[i]);
    double size = a->size[2 + i] > 0 ? a->size[2 + i]
                                     : lus_resize_length(x[2 + i], (double)a->scale[i]);
    if (size > (double)LUS_TENSOR_MAX_COUNT)
      return lus_node_fail(error, node, LUS_ERROR_LIMIT, "scale %g makes the result too large",
                  (double)a->scale[i]);
    y[2 + i] = (int)size;
  }
  return TRUE;
}

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

/* A constant in an activation's place: its last three dimensions are [c][h][w]. */
static gboolean set_constant_shape(LusValue *value, const LusNode *node, GError **error)
{
  const LusTensor *t = value->constant;
  int shape[4] = {1, 1, 1, 1};
  for (int i = 0; i < t->rank; i++) {
    int to = 4 - t->rank + i;
    if (t->dims[i] < 1 || (to < 1 && t->dims[i] > 1)) {
      g_autofree char *dims = lus_tensor_dims_string(t);
      return lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED,
                           "constant \"%s\" is %s, not of the form CxHxW", value->name, dims);
    }
    if (to >= 1)
      shape[to] = t->dims[i];
  }
  memcpy(value->shape, shape, sizeof shape);
  return TRUE;
}

/* Counts and kinds of the inputs: which are activations computed earlier, which are constants. */
static gboolean check_inputs(const LusGraph *graph, const LusNode *node, const gboolean *defined,
                             GError **error)
{
  const LusOpInfo *info = &lus_op_table[node->type];
  if (node->n_inputs < info->min_inputs || node->n_inputs > info->max_inputs)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "%d inputs; it takes %d to %d", node->n_inputs,
                info->min_inputs, info->max_inputs);
  for (int k = 0; k < node->n_inputs; k++) {
    int value = node->inputs[k];
    if (value < 0 && k >= info->min_inputs)
      continue; /* an absent optional input */
    if (value < 0 || value >= graph->n_values)
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "input %d is missing", k);
    const LusValue *v = &graph->values[value];
    gboolean wants_activation = k < info->n_maps;
    if (wants_activation && v->constant && info->constant_maps)
      continue;
    if (wants_activation && v->constant)
      return lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED,
                  "input %d, \"%s\", is a constant; only activations are supported", k, v->name);
    if (!wants_activation && !v->constant)
      return lus_node_fail(error, node, LUS_ERROR_UNSUPPORTED,
                  "input %d, \"%s\", is computed; only constants are supported", k, v->name);
    if (wants_activation && !defined[value])
      return lus_node_fail(error, node, LUS_ERROR_INVALID, "input %d, \"%s\", is used before it is computed",
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
  for (int k = 0; k < lus_node_n_maps(node); k++)
    if (graph->values[node->inputs[k]].constant &&
        !set_constant_shape(&graph->values[node->inputs[k]], node, error))
      return FALSE;
  if (!lus_op_table[node->type].shape(graph, node, graph->values[node->inputs[0]].shape, y, error))
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
