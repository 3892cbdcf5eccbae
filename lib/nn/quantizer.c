/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "nn/quantize-graph.h"
#include "nn/quantizer-state.h"

#define SHRINKINGS 64 /* ranges tried: the whole one, and down to a quarter of it on either side */
#define MAX_BIAS 1073741824.0 /* 2^30: the sum of products must fit beside it */

LusQuantizer *lus_quantizer_new(const LusGraph *graph, int c, int h, int w, int threads, GError **error)
{
  g_autoptr(LusQuantizer) quantizer = g_new0(LusQuantizer, 1);
  quantizer->input_shape[0] = c;
  quantizer->input_shape[1] = h;
  quantizer->input_shape[2] = w;
  quantizer->threads = threads;
  quantizer->graph = lus_quantize_graph(graph, c, h, w, error);
  if (!quantizer->graph)
    return NULL;
  quantizer->plan = lus_plan_new(quantizer->graph, c, h, w, LUS_PLAN_INFER_FP32, threads, error);
  if (!quantizer->plan)
    return NULL;
  int *shape = quantizer->output_shape;
  lus_plan_output_shape(quantizer->plan, shape);
  quantizer->output = g_try_new(float, (gsize)shape[0] * (gsize)shape[1] * (gsize)shape[2]);
  quantizer->histograms = g_try_new0(LusHistogram, MAX(quantizer->graph->n_nodes, 1));
  if (!quantizer->output || !quantizer->histograms) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for the ranges of the activations");
    return NULL;
  }
  quantizer->left_out = g_new0(gboolean, MAX(quantizer->graph->n_nodes, 1));
  quantizer->effect = g_new(double, MAX(quantizer->graph->n_nodes, 1));
  for (int i = 0; i < quantizer->graph->n_nodes; i++) {
    quantizer->histograms[i].finite = TRUE;
    quantizer->effect[i] = (double)NAN;
  }
  return g_steal_pointer(&quantizer);
}

void lus_quantizer_free(LusQuantizer *quantizer)
{
  if (!quantizer)
    return;
  lus_plan_free(quantizer->plan);
  lus_graph_free(quantizer->graph);
  g_free(quantizer->output);
  g_free(quantizer->histograms);
  g_free(quantizer->left_out);
  g_free(quantizer->effect);
  g_free(quantizer);
}

/* ---- looking at activations ---- */

static LusHistogram *histogram_of(LusQuantizer *quantizer, const LusNode *node)
{
  return &quantizer->histograms[node - quantizer->graph->nodes];
}

static gboolean widen(gpointer data, const LusNode *node, const float *values, gsize n)
{
  LusHistogram *h = histogram_of(data, node);
  for (gsize i = 0; i < n; i++) {
    h->finite &= isfinite(values[i]) != 0;
    h->low = MIN(h->low, values[i]);
    h->high = MAX(h->high, values[i]);
  }
  return FALSE;
}

static gboolean count(gpointer data, const LusNode *node, const float *values, gsize n)
{
  LusHistogram *h = histogram_of(data, node);
  float width = (h->high - h->low) / LUS_QUANTIZER_BINS;
  for (gsize i = 0; width > 0 && h->finite && i < n; i++)
    h->count[CLAMP((int)((values[i] - h->low) / width), 0, LUS_QUANTIZER_BINS - 1)]++;
  return FALSE;
}

void lus_quantizer_find_range(LusQuantizer *quantizer, const float *input, LusParallel *pool)
{
  lus_plan_forward_observed(quantizer->plan, quantizer->output, input, pool, widen, quantizer);
}

void lus_quantizer_count(LusQuantizer *quantizer, const float *input, LusParallel *pool)
{
  lus_plan_forward_observed(quantizer->plan, quantizer->output, input, pool, count, quantizer);
}

/* ---- choosing ranges ---- */

/* Sum of square errors when @low..@high has 256 codes: a step's uniform noise inside, the distance outside. What is
 * about zero has a code of its own. */
static double square_error(const LusHistogram *h, double low, double high)
{
  double width = ((double)h->high - (double)h->low) / LUS_QUANTIZER_BINS, step = (high - low) / 255, sum = 0;
  for (int i = 0; i < LUS_QUANTIZER_BINS; i++) {
    double x = (double)h->low + (i + 0.5) * width, outside = MAX(MAX(x - high, low - x), 0);
    if (h->count[i] > 0 && fabs(x) > width)
      sum += (double)h->count[i] * (outside > 0 ? outside * outside : step * step / 12);
  }
  return sum;
}

/* Shrinks one side after the other. */
static void choose_range(const LusHistogram *h, double *low, double *high)
{
  *low = (double)h->low;
  *high = (double)h->high;
  for (int side = 0; side < 2; side++) {
    double *end = side == 0 ? high : low, whole = *end, best = *end, least = square_error(h, *low, *high);
    for (int i = 1; i < SHRINKINGS; i++) {
      *end = whole * (1 - 0.75 * i / SHRINKINGS);
      double error = square_error(h, *low, *high);
      if (error < least) {
        least = error;
        best = *end;
      }
    }
    *end = best;
  }
}

static gboolean set_step(LusOpAttrs *attrs, const LusHistogram *h, const LusNode *node, GError **error)
{
  double low, high;
  if (!h->finite)
    return lus_node_fail(error, node, LUS_ERROR_INVALID, "its input is not finite; the model cannot be quantised");
  choose_range(h, &low, &high);
  attrs->alpha = (float)((high - low) / 255);
  if (!(attrs->alpha >= 1e-30f)) /* nothing but zeros */
    attrs->alpha = 1;
  attrs->zero_point = (int)CLAMP(rint(-low / (double)attrs->alpha), 0, 255);
  return TRUE;
}

/* The node that makes @value, or NULL. */
static LusNode *maker_of(LusGraph *graph, int value)
{
  for (int i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].output == value)
      return &graph->nodes[i];
  return NULL;
}

/* Behind an operator that only picks or mixes codes the step stays the same. */
static const LusNode *same_step(LusGraph *graph, const LusNode *quantize)
{
  const LusNode *maker = maker_of(graph, quantize->inputs[0]);
  if (!maker || (maker->type != LUS_OP_MAX_POOL && maker->type != LUS_OP_RESIZE))
    return NULL;
  const LusNode *before = maker_of(graph, maker->inputs[0]);
  return before && before->type == LUS_OP_QUANTIZE ? before : NULL;
}

gboolean lus_quantizer_set_steps(LusQuantizer *quantizer, GError **error)
{
  LusGraph *graph = quantizer->graph;
  if (quantizer->has_steps)
    return TRUE;
  for (int i = 0; i < graph->n_nodes; i++) {
    LusNode *node = &graph->nodes[i];
    if (node->type != LUS_OP_QUANTIZE)
      continue;
    const LusNode *same = same_step(graph, node);
    if (same) {
      node->attrs.alpha = same->attrs.alpha;
      node->attrs.zero_point = same->attrs.zero_point;
    } else if (!set_step(&node->attrs, &quantizer->histograms[i], node, error)) {
      return FALSE;
    }
  }
  quantizer->has_steps = TRUE;
  return TRUE;
}

/* ---- weights ---- */

/* The node's input @k, a constant, as one that nobody else uses. */
static LusValue *own_constant(LusGraph *graph, LusNode *node, int k, GError **error)
{
  int value = node->inputs[k], uses = 0;
  for (int i = 0; i < graph->n_nodes; i++)
    for (int j = 0; j < graph->nodes[i].n_inputs; j++)
      uses += graph->nodes[i].inputs[j] == value;
  if (uses > 1) {
    LusTensor *copy = lus_tensor_copy(graph->values[value].constant, error);
    if (!copy)
      return NULL;
    g_autofree char *name = g_strdup(graph->values[value].name);
    value = node->inputs[k] = lus_graph_add_constant(graph, name, copy);
  }
  return &graph->values[value];
}

/* Whole numbers times one scale per share of the elements. */
static void round_constant(LusTensor *tensor, const LusTensor *scales, double limit)
{
  gsize share = tensor->count / scales->count;
  for (gsize i = 0; i < tensor->count; i++) {
    double scale = (double)scales->data[i / share], code = rint((double)tensor->data[i] / scale);
    tensor->data[i] = (float)(CLAMP(code, -limit, limit) * scale);
  }
}

/* Codes to 127 for the largest weight of each output channel, and a bias, in units of the products, that fits. */
static void choose_scales(LusTensor *scales, const LusTensor *weight, const LusTensor *bias, double step)
{
  gsize share = weight->count / scales->count;
  for (gsize o = 0; o < scales->count; o++) {
    double largest = 0;
    for (gsize i = 0; i < share; i++)
      largest = MAX(largest, fabs((double)weight->data[o * share + i]));
    double scale = largest / 127, least = bias ? fabs((double)bias->data[o]) / (step * MAX_BIAS) : 0;
    scales->data[o] = (float)MAX(MAX(scale, least), 1e-20);
  }
}

static gboolean quantize_conv(LusGraph *graph, LusNode *node, double step, GError **error)
{
  int channels = graph->values[node->inputs[1]].constant->dims[0];
  gboolean has_bias = node->n_inputs > 2 && node->inputs[2] >= 0;
  LusTensor *scales = lus_tensor_new(1, &channels, error), *products = lus_tensor_new(1, &channels, error);
  LusValue *weight = scales && products ? own_constant(graph, node, 1, error) : NULL;
  if (!weight) {
    lus_tensor_free(scales);
    lus_tensor_free(products);
    return FALSE;
  }
  choose_scales(scales, weight->constant, has_bias ? graph->values[node->inputs[2]].constant : NULL, step);
  round_constant(weight->constant, scales, 127);
  for (int o = 0; o < channels; o++)
    products->data[o] = (float)(step * (double)scales->data[o]);
  weight->scales = scales;
  weight->code_bits = 8;
  LusValue *bias = has_bias ? own_constant(graph, node, 2, error) : NULL;
  if (!bias) {
    lus_tensor_free(products);
    return !has_bias;
  }
  round_constant(bias->constant, products, G_MAXINT32);
  bias->scales = products;
  bias->code_bits = 32;
  return TRUE;
}

/* ---- the result ---- */

static void read_instead(LusGraph *graph, int value, int other)
{
  for (int i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_inputs; k++)
      if (graph->nodes[i].inputs[k] == value)
        graph->nodes[i].inputs[k] = other;
  if (graph->output == value)
    graph->output = other;
}

static gboolean is_read(const LusGraph *graph, int value)
{
  for (int i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_inputs; k++)
      if (graph->nodes[i].inputs[k] == value)
        return TRUE;
  return graph->output == value;
}

/* Quantize nodes that are left out, and those of which another one does the same, lose their readers; what nobody reads
 * goes. */
static void thin_out(LusGraph *graph, const gboolean *left_out)
{
  for (int i = 0; i < graph->n_nodes; i++) {
    const LusNode *node = &graph->nodes[i];
    if (node->type != LUS_OP_QUANTIZE)
      continue;
    if (left_out[i])
      read_instead(graph, node->output, node->inputs[0]);
    for (int k = 0; k < i; k++)
      if (graph->nodes[k].type == LUS_OP_QUANTIZE && !left_out[k] && graph->nodes[k].inputs[0] == node->inputs[0])
        read_instead(graph, node->output, graph->nodes[k].output);
  }
  int kept = 0;
  for (int i = 0; i < graph->n_nodes; i++) {
    LusNode *node = &graph->nodes[i];
    if (node->type == LUS_OP_QUANTIZE && !is_read(graph, node->output))
      g_free(node->name);
    else
      graph->nodes[kept++] = *node;
  }
  graph->n_nodes = kept;
}

LusGraph *lus_quantizer_build(const LusQuantizer *quantizer, const gboolean *left_out, GError **error)
{
  g_autoptr(LusGraph) graph = lus_graph_copy(quantizer->graph, error);
  if (!graph)
    return NULL;
  thin_out(graph, left_out);
  for (int i = 0; i < graph->n_nodes; i++) {
    LusNode *node = &graph->nodes[i];
    const LusNode *before = node->type == LUS_OP_CONV ? maker_of(graph, node->inputs[0]) : NULL;
    if (before && before->type == LUS_OP_QUANTIZE && !quantize_conv(graph, node, (double)before->attrs.alpha, error))
      return NULL;
  }
  return g_steal_pointer(&graph);
}

LusGraph *lus_quantizer_finish(LusQuantizer *quantizer, GError **error)
{
  return lus_quantizer_set_steps(quantizer, error) ? lus_quantizer_build(quantizer, quantizer->left_out, error) : NULL;
}

int lus_graph_n_quantized(const LusGraph *graph)
{
  int n = 0;
  for (int i = 0; i < graph->n_nodes; i++) {
    const LusNode *node = &graph->nodes[i];
    if (node->type != LUS_OP_CONV || !graph->values[node->inputs[1]].scales)
      continue;
    for (int k = 0; k < i; k++)
      n += graph->nodes[k].output == node->inputs[0] && graph->nodes[k].type == LUS_OP_QUANTIZE;
  }
  return n;
}

gboolean lus_precision_mode(LusPlanMode *mode, LusPrecision precision, const LusGraph *graph, const char *name,
                            GError **error)
{
  *mode = precision == LUS_PRECISION_FP32 ? LUS_PLAN_INFER_FP32 : LUS_PLAN_INFER;
  if (precision != LUS_PRECISION_INT8 || lus_graph_n_quantized(graph) > 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s: precision int8 needs a quantised model and this one is in floats; make one with 'lus quantize', or "
              "use precision auto or fp32", name);
  return FALSE;
}

gboolean lus_precision_parse(LusPrecision *precision, const char *text, GError **error)
{
  static const char *const names[] = {"auto", "fp32", "int8"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (g_str_equal(names[i], text)) {
      *precision = (LusPrecision)i;
      return TRUE;
    }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "precision '%s': is one of auto, fp32, int8", text);
  return FALSE;
}
