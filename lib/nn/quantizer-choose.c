/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which activations are better not rounded. What one rounding alone changes is measured; such small changes add up,
 * so the roundings are left out in the order of what they change over what they save, until the masks agree. */
#include <math.h>
#include <string.h>

#include "nn/error.h"
#include "nn/quantizer-state.h"

#define EFFECT_INPUTS 8
/* What an element costs that stays float, in multiplications: some bytes more to store and load. */
#define ELEMENT_COST 8.0

typedef struct {
  LusQuantizer *quantizer;
  const LusQuantizerGoal *goal;
  const LusQuantizerInputs *inputs;
  LusParallel *pool;
  float *input, *reference, *output;
  gsize plane, outputs; /* pixels of an output, and how many outputs */
  guint8 *masks;        /* [inputs][outputs][pixels] of the network in floats */
  int active;           /* the node that rounds while effects are measured, -1 = none */
  int *order;           /* nodes that may be left out, the best first */
  int n_order;
  double *cost;         /* per node */
} Choice;

static gboolean is_point(const LusQuantizer *quantizer, int i)
{
  return quantizer->graph->nodes[i].type == LUS_OP_QUANTIZE;
}

static double reading_flop(const LusGraph *graph, int value)
{
  double flop = 0;
  for (int i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].type == LUS_OP_CONV && graph->nodes[i].inputs[0] == value)
      flop += lus_node_flop(graph, &graph->nodes[i]);
  return flop;
}

static gboolean show_progress(const Choice *c, const char *what, gint64 done, gint64 total, GError **error)
{
  if (!c->inputs->progress || c->inputs->progress(c->inputs->data, what, done, total))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", what);
  return FALSE;
}

/* ---- what each rounding changes ---- */

static gboolean round_active(gpointer data, const LusNode *node, const float *values, gsize n)
{
  (void)values;
  (void)n;
  const Choice *c = data;
  return c->active >= 0 && node == &c->quantizer->graph->nodes[c->active];
}

/* Mean square change in log odds, each pixel weighted by s (1 - s), s = sigmoid of its log odds about the level: the
 * pixels on which the mask depends. */
static double change_near_edges(const Choice *c)
{
  double all = 0, unit = (double)c->goal->unit;
  for (gsize k = 0; k < c->outputs; k++) {
    const float *a = c->reference + k * c->plane, *b = c->output + k * c->plane;
    double sum = 0, weights = 1e-12;
    for (gsize i = 0; i < c->plane; i++) {
      double odds = ((double)a[i] - (double)c->goal->level) / unit, s = 1 / (1 + exp(-odds));
      double change = ((double)b[i] - (double)a[i]) / unit;
      sum += s * (1 - s) * change * change;
      weights += s * (1 - s);
    }
    all += sum / weights;
  }
  return all;
}

static gboolean measure_effects(Choice *c, GError **error)
{
  LusQuantizer *quantizer = c->quantizer;
  int n = MIN(c->inputs->n, EFFECT_INPUTS), nodes = quantizer->graph->n_nodes;
  for (int i = 0; i < nodes; i++)
    quantizer->effect[i] = is_point(quantizer, i) ? 0 : (double)NAN;
  for (int k = 0; k < n; k++) {
    c->inputs->get(c->inputs->data, (int)((gint64)k * c->inputs->n / n), c->input);
    c->active = -1;
    lus_plan_forward_observed(quantizer->plan, c->reference, c->input, c->pool, round_active, c);
    for (int i = 0; i < nodes; i++) {
      if (!is_point(quantizer, i))
        continue;
      c->active = i;
      lus_plan_forward_observed(quantizer->plan, c->output, c->input, c->pool, round_active, c);
      quantizer->effect[i] += change_near_edges(c) / n;
      if (!show_progress(c, "effects", (gint64)k * nodes + i + 1, (gint64)n * nodes, error))
        return FALSE;
    }
  }
  return show_progress(c, "effects", (gint64)n * nodes, (gint64)n * nodes, error);
}

/* ---- in which order ---- */

static double elements_of(const LusGraph *graph, int value)
{
  const int *shape = graph->values[value].shape;
  return (double)shape[1] * shape[2] * shape[3];
}

static int compare_gain(const void *a, const void *b, gpointer data)
{
  const Choice *c = data;
  int i = *(const int *)a, j = *(const int *)b;
  double x = c->quantizer->effect[i] / c->cost[i], y = c->quantizer->effect[j] / c->cost[j];
  return x != y ? (x < y) - (x > y) : i - j;
}

/* Without those that would leave too little on integers. */
static void set_order(Choice *c)
{
  const LusGraph *graph = c->quantizer->graph;
  double all = lus_graph_flop(graph), floats = all;
  for (int i = 0; i < graph->n_nodes; i++) {
    if (!is_point(c->quantizer, i))
      continue;
    double flop = reading_flop(graph, graph->nodes[i].output);
    floats -= flop;
    c->cost[i] = flop > 0 ? flop / 2 : ELEMENT_COST * elements_of(graph, graph->nodes[i].output);
    c->order[c->n_order++] = i;
  }
  g_qsort_with_data(c->order, c->n_order, sizeof *c->order, compare_gain, c);
  int kept = 0;
  for (int k = 0; k < c->n_order; k++) {
    double flop = reading_flop(graph, graph->nodes[c->order[k]].output);
    if (flop > 0 && floats + flop > (1 - c->goal->least_share) * all)
      continue;
    floats += flop;
    c->order[kept++] = c->order[k];
  }
  c->n_order = kept;
}

/* ---- how many ---- */

static void forward(const Choice *c, LusPlan *plan, int i, float *output)
{
  c->inputs->get(c->inputs->data, i, c->input);
  lus_plan_forward(plan, output, c->input, c->pool);
}

static LusPlan *plan_of(const Choice *c, LusGraph *graph, GError **error)
{
  const int *shape = c->quantizer->input_shape;
  return lus_plan_new(graph, shape[0], shape[1], shape[2], LUS_PLAN_INFER, c->quantizer->threads, error);
}

static gboolean make_masks(Choice *c, GError **error)
{
  gsize n = c->outputs * c->plane;
  c->active = -1;
  for (int i = 0; i < c->inputs->n; i++) {
    c->inputs->get(c->inputs->data, i, c->input);
    lus_plan_forward_observed(c->quantizer->plan, c->output, c->input, c->pool, round_active, c);
    for (gsize k = 0; k < n; k++)
      c->masks[(gsize)i * n + k] = c->output[k] >= c->goal->level;
    if (!show_progress(c, "masks", i + 1, c->inputs->n, error))
      return FALSE;
  }
  return TRUE;
}

static double share_of(const LusGraph *graph)
{
  double all = lus_graph_flop(graph), codes = 0;
  for (int i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].type == LUS_OP_QUANTIZE)
      codes += reading_flop(graph, graph->nodes[i].output);
  return all > 0 ? codes / all : 0;
}

static gboolean compare_masks(const Choice *c, LusPlan *plan, LusQuantizerResult *result, GError **error)
{
  gsize both[LUS_QUANTIZER_MAX_OUTPUTS] = {0}, either[LUS_QUANTIZER_MAX_OUTPUTS] = {0};
  for (int i = 0; i < c->inputs->n; i++) {
    forward(c, plan, i, c->output);
    const guint8 *mask = c->masks + (gsize)i * c->outputs * c->plane;
    for (gsize k = 0; k < c->outputs; k++)
      for (gsize p = k * c->plane; p < (k + 1) * c->plane; p++) {
        gboolean in = c->output[p] >= c->goal->level;
        both[k] += in && mask[p];
        either[k] += in || mask[p];
      }
    if (!show_progress(c, "comparisons", i + 1, c->inputs->n, error))
      return FALSE;
  }
  result->n_outputs = (int)c->outputs;
  for (gsize k = 0; k < c->outputs; k++)
    result->iou[k] = either[k] ? (double)both[k] / (double)either[k] : 1;
  return TRUE;
}

/* Compares what the quantiser makes with the roundings that it leaves out now. */
static gboolean compare(const Choice *c, LusQuantizerResult *result, GError **error)
{
  g_autoptr(LusGraph) graph = lus_quantizer_build(c->quantizer, c->quantizer->left_out, error);
  g_autoptr(LusPlan) plan = graph ? plan_of(c, graph, error) : NULL;
  if (!plan)
    return FALSE;
  result->share = share_of(graph);
  return compare_masks(c, plan, result, error);
}

/* Leaves out the first @n of the order, and compares. */
static gboolean try(const Choice *c, int n, LusQuantizerResult *result, GError **error)
{
  LusQuantizer *quantizer = c->quantizer;
  memset(quantizer->left_out, 0, (gsize)quantizer->graph->n_nodes * sizeof *quantizer->left_out);
  for (int k = 0; k < n; k++)
    quantizer->left_out[c->order[k]] = TRUE;
  return compare(c, result, error);
}

static gboolean is_good(const Choice *c, const LusQuantizerResult *result)
{
  for (int k = 0; k < result->n_outputs; k++)
    if (result->iou[k] < c->goal->iou)
      return FALSE;
  return TRUE;
}

/* The least number that is good enough, by halving; all of them where none is. */
static gboolean search(Choice *c, LusQuantizerResult *result, GError **error)
{
  if (!try(c, 0, result, error))
    return FALSE;
  if (c->goal->iou <= 0 || is_good(c, result))
    return TRUE;
  if (!measure_effects(c, error))
    return FALSE;
  set_order(c);
  int bad = 0, good = c->n_order, tried = 0;
  while (good - bad > 1) {
    int middle = (bad + good) / 2;
    if (!try(c, middle, result, error))
      return FALSE;
    tried = middle;
    *(is_good(c, result) ? &good : &bad) = middle;
  }
  return tried == good || try(c, good, result, error);
}

typedef gboolean (*Task)(Choice *c, LusQuantizerResult *result, GError **error);

static gboolean compare_only(Choice *c, LusQuantizerResult *result, GError **error)
{
  return compare(c, result, error);
}

static gboolean perform(Task task, LusQuantizer *quantizer, const LusQuantizerGoal *goal,
                        const LusQuantizerInputs *inputs, LusParallel *pool, LusQuantizerResult *result, GError **error)
{
  const int *x = quantizer->input_shape, *y = quantizer->output_shape;
  g_return_val_if_fail(inputs->n > 0, FALSE);
  Choice c = {.quantizer = quantizer, .goal = goal, .inputs = inputs, .pool = pool};
  c.outputs = (gsize)y[0];
  c.plane = (gsize)y[1] * (gsize)y[2];
  if (c.outputs > LUS_QUANTIZER_MAX_OUTPUTS) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "the network has %d outputs; at most %d can be compared", y[0],
                LUS_QUANTIZER_MAX_OUTPUTS);
    return FALSE;
  }
  gsize n = c.outputs * c.plane, nodes = (gsize)MAX(quantizer->graph->n_nodes, 1);
  g_autofree float *input = c.input = g_try_new(float, (gsize)x[0] * (gsize)x[1] * (gsize)x[2]);
  g_autofree float *reference = c.reference = g_try_new(float, n), *output = c.output = g_try_new(float, n);
  g_autofree guint8 *masks = c.masks = g_try_new(guint8, n * (gsize)inputs->n);
  g_autofree int *order = c.order = g_try_new(int, nodes);
  g_autofree double *cost = c.cost = g_try_new0(double, nodes);
  if (!input || !reference || !output || !masks || !order || !cost) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for the masks of %d inputs; use fewer", inputs->n);
    return FALSE;
  }
  return lus_quantizer_set_steps(quantizer, error) && make_masks(&c, error) && task(&c, result, error);
}

gboolean lus_quantizer_choose(LusQuantizer *quantizer, const LusQuantizerGoal *goal, const LusQuantizerInputs *inputs,
                              LusParallel *pool, LusQuantizerResult *result, GError **error)
{
  return perform(search, quantizer, goal, inputs, pool, result, error);
}

gboolean lus_quantizer_compare(LusQuantizer *quantizer, const LusQuantizerGoal *goal, const LusQuantizerInputs *inputs,
                               LusParallel *pool, LusQuantizerResult *result, GError **error)
{
  return perform(compare_only, quantizer, goal, inputs, pool, result, error);
}

/* ---- what was found ---- */

int lus_quantizer_n_points(const LusQuantizer *quantizer)
{
  int n = 0;
  for (int i = 0; i < quantizer->graph->n_nodes; i++)
    n += is_point(quantizer, i);
  return n;
}

void lus_quantizer_get_point(const LusQuantizer *quantizer, int i, LusQuantizerPoint *point)
{
  const LusGraph *graph = quantizer->graph;
  int node = 0;
  for (; node < graph->n_nodes - 1; node++)
    if (is_point(quantizer, node) && i-- == 0)
      break;
  *point = (LusQuantizerPoint){.name = graph->nodes[node].name,
                               .conv = reading_flop(graph, graph->nodes[node].output) > 0,
                               .effect = quantizer->effect[node],
                               .left_out = quantizer->left_out[node]};
}
