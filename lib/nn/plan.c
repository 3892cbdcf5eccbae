/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/plan.h"

#include <string.h>

#include "kernels/kernels.h"
#include "nn/arena.h"
#include "nn/error.h"
#include "nn/ops.h"
#include "nn/steps.h"

/* Floats per work item of the backward pass through an addition and a ReLU. */
#define ITEM_FLOATS 32768
/* Pixels per work item of a change of layout. */
#define LAYOUT_PIXELS 4096

struct _LusPlan {
  gboolean train;
  GPtrArray *steps;
  gssize *offsets;
  int n_maps;
  LusMap *maps; /* per value of the graph; data NULL where no step touches it */
  gboolean *is_constant; /* per value: a constant that a step reads like an activation */
  int input, output;
  float *data, *grads, *scratch, *shared;
  gsize data_floats, grad_floats, scratch_floats, shared_floats; /* scratch: per thread */
  int threads;
};

static gsize map_floats(const LusMap *map)
{
  return (gsize)map->h * (gsize)map->w * (gsize)map->c;
}

static LusStep *step_at(const LusPlan *plan, guint i)
{
  return g_ptr_array_index(plan->steps, i);
}

/* ---- memory ---- */

static gboolean allocate(float **memory, gsize floats, const char *what, GError **error)
{
  if (floats > LUS_PLAN_MAX_BYTES / sizeof(float)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "the network needs %" G_GSIZE_FORMAT
                " MiB for its %s at this input size, more than %" G_GSIZE_FORMAT
                " MiB: use a smaller input",
                floats >> 18, what, LUS_PLAN_MAX_BYTES >> 20);
    return FALSE;
  }
  *memory = lus_aligned_alloc(MAX(floats, 1) * sizeof(float));
  if (!*memory) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY,
                "out of memory: the network's %s take %" G_GSIZE_FORMAT " MiB at this input size",
                what, floats >> 18);
    return FALSE;
  }
  return TRUE;
}

/* Moments are steps; the input lives from the first one on, the output until after the last. In
 * train mode everything lives to the end. */
static gboolean place_data(LusPlan *plan, GError **error)
{
  g_autofree LusArenaBlock *blocks = g_new0(LusArenaBlock, plan->n_maps);
  int last = (int)plan->steps->len;
  blocks[plan->input].size = map_floats(&plan->maps[plan->input]);
  for (guint i = 0; i < plan->steps->len; i++) {
    const LusStep *step = step_at(plan, i);
    blocks[step->y_value] =
        (LusArenaBlock){.size = map_floats(step->y), .begin = (int)i, .end = (int)i};
    for (int k = 0; k < step->n_maps; k++)
      blocks[step->node->inputs[k]].end = (int)i;
    if (step->r)
      blocks[step->r_value].end = (int)i;
  }
  blocks[plan->output].end = last;
  for (int v = 0; v < plan->n_maps; v++) {
    if (plan->is_constant[v])
      blocks[v] = (LusArenaBlock){.size = map_floats(&plan->maps[v]), .end = last};
    if (plan->train)
      blocks[v].end = last;
  }
  plan->data_floats = lus_arena_place(blocks, plan->n_maps);
  if (!allocate(&plan->data, plan->data_floats, "activations", error))
    return FALSE;
  for (int v = 0; v < plan->n_maps; v++)
    if (blocks[v].size > 0)
      plan->maps[v].data = plan->data + blocks[v].offset;
  return TRUE;
}

/* Moments count from the last step to the first: a gradient lives from its value's last reader to
 * its maker. */
static gboolean place_gradients(LusPlan *plan, GError **error)
{
  g_autofree LusArenaBlock *blocks = g_new0(LusArenaBlock, plan->n_maps);
  int last = (int)plan->steps->len;
  blocks[plan->output] =
      (LusArenaBlock){.size = map_floats(&plan->maps[plan->output]), .end = last};
  for (guint i = plan->steps->len; i-- > 0;) {
    LusStep *step = step_at(plan, i);
    int now = last - 1 - (int)i;
    blocks[step->y_value].end = now;
    if (step->r) { /* before x: the plan passes r its gradient before the step runs */
      step->r_accumulate = blocks[step->r_value].size > 0;
      if (!step->r_accumulate)
        blocks[step->r_value] =
            (LusArenaBlock){.size = map_floats(step->r), .begin = now, .end = last};
    }
    step->x_accumulate = blocks[step->x_value].size > 0;
    if (!step->x_accumulate)
      blocks[step->x_value] =
          (LusArenaBlock){.size = map_floats(step->x), .begin = now, .end = last};
  }
  plan->grad_floats = lus_arena_place(blocks, plan->n_maps);
  if (!allocate(&plan->grads, plan->grad_floats, "gradients", error))
    return FALSE;
  for (int v = 0; v < plan->n_maps; v++)
    if (blocks[v].size > 0)
      plan->maps[v].grad = plan->grads + blocks[v].offset;
  return TRUE;
}

static gboolean place_scratch(LusPlan *plan, GError **error)
{
  for (guint i = 0; i < plan->steps->len; i++) {
    const LusStep *step = step_at(plan, i);
    plan->scratch_floats = MAX(plan->scratch_floats, step->scratch);
    plan->shared_floats = MAX(plan->shared_floats, step->shared);
  }
  plan->scratch_floats =
      (plan->scratch_floats + 15) / 16 * 16 + 16; /* threads do not share cache lines */
  return allocate(&plan->scratch, plan->scratch_floats * (gsize)plan->threads, "scratch space",
                  error) &&
         allocate(&plan->shared, plan->shared_floats, "partial sums", error);
}

/* ---- layout ---- */

typedef struct {
  float *to;
  const float *from;
  gsize pixels, channels;
} Layout;

/* [c][h][w] to [h][w][c], some pixels of it, and back */
static void to_pixels_item(void *data, int item, int thread)
{
  (void)thread;
  const Layout *layout = data;
  gsize first = (gsize)item * LAYOUT_PIXELS, end = MIN(first + LAYOUT_PIXELS, layout->pixels);
  for (gsize k = 0; k < layout->channels; k++)
    for (gsize i = first; i < end; i++)
      layout->to[i * layout->channels + k] = layout->from[k * layout->pixels + i];
}

static void to_planes_item(void *data, int item, int thread)
{
  (void)thread;
  const Layout *layout = data;
  gsize first = (gsize)item * LAYOUT_PIXELS, end = MIN(first + LAYOUT_PIXELS, layout->pixels);
  for (gsize k = 0; k < layout->channels; k++)
    for (gsize i = first; i < end; i++)
      layout->to[k * layout->pixels + i] = layout->from[i * layout->channels + k];
}

static void change_layout(float *to, const float *from, const LusMap *map, LusParallelBody body,
                          LusParallel *pool)
{
  Layout layout = {to, from, (gsize)map->h * (gsize)map->w, (gsize)map->c};
  lus_parallel_for(pool, (int)((layout.pixels + LAYOUT_PIXELS - 1) / LAYOUT_PIXELS), body, &layout);
}

static void to_pixels(float *pixels, const float *planes, const LusMap *map, LusParallel *pool)
{
  change_layout(pixels, planes, map, to_pixels_item, pool);
}

static void to_planes(float *planes, const float *pixels, const LusMap *map, LusParallel *pool)
{
  change_layout(planes, pixels, map, to_planes_item, pool);
}

static void fill_constants(LusPlan *plan, const LusGraph *graph)
{
  for (int v = 0; v < plan->n_maps; v++)
    if (plan->is_constant[v])
      to_pixels(plan->maps[v].data, graph->values[v].constant->data, &plan->maps[v], NULL);
}

/* ---- building ---- */

static void set_maps(LusPlan *plan, const LusGraph *graph)
{
  plan->n_maps = graph->n_values;
  plan->maps = g_new0(LusMap, graph->n_values);
  plan->is_constant = g_new0(gboolean, graph->n_values);
  for (int v = 0; v < graph->n_values; v++) {
    const int *shape = graph->values[v].shape;
    plan->maps[v] = (LusMap){.h = shape[2], .w = shape[3], .c = shape[1]};
  }
  for (guint i = 0; i < plan->steps->len; i++) {
    LusStep *step = step_at(plan, i);
    step->x = &plan->maps[step->x_value];
    step->y = &plan->maps[step->y_value];
    step->r = step->r_value >= 0 ? &plan->maps[step->r_value] : NULL;
    step->maps = plan->maps;
    for (int k = 0; k < step->n_maps; k++)
      if (graph->values[step->node->inputs[k]].constant)
        plan->is_constant[step->node->inputs[k]] = TRUE;
    step->x_is_input = step->x_value == plan->input;
  }
}

/* Training needs each step's way back. */
static gboolean check_backward(const LusPlan *plan, GError **error)
{
  for (guint i = 0; i < plan->steps->len; i++) {
    const LusStep *step = step_at(plan, i);
    if (!step->class->backward)
      return lus_node_fail(error, step->node, LUS_ERROR_UNSUPPORTED,
                           "this operator runs forward only: the network cannot be trained here");
  }
  return TRUE;
}

static gboolean prepare_steps(LusPlan *plan, GError **error)
{
  for (guint i = 0; i < plan->steps->len; i++) {
    LusStep *step = step_at(plan, i);
    if (step->class->prepare && !step->class->prepare(step, error))
      return FALSE;
  }
  return TRUE;
}

LusPlan *lus_plan_new(LusGraph *graph, int c, int h, int w, LusPlanMode mode, int threads,
                      GError **error)
{
  if (!lus_graph_infer_shapes(graph, c, h, w, error))
    return NULL;
  g_autoptr(LusPlan) plan = g_new0(LusPlan, 1);
  plan->train = mode == LUS_PLAN_TRAIN;
  plan->threads = MAX(threads, 1);
  plan->input = graph->input;
  plan->output = graph->output;
  plan->offsets = lus_graph_parameter_offsets(graph, NULL);
  plan->steps = lus_steps_new(graph, plan->offsets, plan->train);
  set_maps(plan, graph);
  if ((plan->train && !check_backward(plan, error)) || !prepare_steps(plan, error) || !place_data(plan, error) ||
      (plan->train && !place_gradients(plan, error)) || !place_scratch(plan, error))
    return NULL;
  fill_constants(plan, graph);
  return g_steal_pointer(&plan);
}

void lus_plan_free(LusPlan *plan)
{
  if (!plan)
    return;
  g_clear_pointer(&plan->steps, g_ptr_array_unref);
  g_free(plan->offsets);
  g_free(plan->maps);
  g_free(plan->is_constant);
  lus_aligned_free(plan->data);
  lus_aligned_free(plan->grads);
  lus_aligned_free(plan->scratch);
  lus_aligned_free(plan->shared);
  g_free(plan);
}

void lus_plan_output_shape(const LusPlan *plan, int shape[3])
{
  const LusMap *map = &plan->maps[plan->output];
  shape[0] = map->c;
  shape[1] = map->h;
  shape[2] = map->w;
}

gsize lus_plan_memory(const LusPlan *plan)
{
  gsize weights = 0;
  for (guint i = 0; i < plan->steps->len; i++)
    weights += step_at(plan, i)->weights;
  gsize floats = plan->data_floats + plan->grad_floats +
                 plan->scratch_floats * (gsize)plan->threads + plan->shared_floats;
  return (floats + weights) * sizeof(float);
}

/* ---- running ---- */

static LusRun run_of(const LusPlan *plan, LusParallel *pool)
{
  return (LusRun){
      .pool = lus_parallel_threads(pool) <= plan->threads ? pool : NULL,
      .scratch = plan->scratch,
      .scratch_stride = plan->scratch_floats,
      .shared = plan->shared,
  };
}

void lus_plan_forward(LusPlan *plan, float *output, const float *input, LusParallel *pool)
{
  LusRun run = run_of(plan, pool);
  const LusMap *x = &plan->maps[plan->input], *y = &plan->maps[plan->output];
  to_pixels(x->data, input, x, run.pool);
  for (guint i = 0; i < plan->steps->len; i++) {
    const LusStep *step = step_at(plan, i);
    step->class->forward(step, &run);
  }
  to_planes(output, y->data, y, run.pool);
}

/* From the gradient of act(op(x) + r) to that of op(x), and r's share. */
static void finish_item(void *data, int item, int thread)
{
  (void)thread;
  const LusStep *step = data;
  gsize first = (gsize)item * ITEM_FLOATS, count = MIN(map_floats(step->y) - first, ITEM_FLOATS);
  float *dy = step->y->grad + first;
  if (step->relu)
    lus_kernels()->relu_backward(dy, step->y->data + first, count);
  if (!step->r)
    return;
  float *dr = step->r->grad + first;
  if (step->r_accumulate)
    lus_kernels()->add_scaled(dr, 1, dy, count);
  else
    memcpy(dr, dy, count * sizeof *dr);
}

void lus_plan_backward(LusPlan *plan, float *d_parameters, float *d_input, const float *d_output,
                       LusParallel *pool)
{
  g_return_if_fail(plan->train);
  LusRun run = run_of(plan, pool);
  run.d_parameters = d_parameters;
  run.d_input = d_input != NULL;
  const LusMap *x = &plan->maps[plan->input], *y = &plan->maps[plan->output];
  to_pixels(y->grad, d_output, y, run.pool);
  for (guint i = plan->steps->len; i-- > 0;) {
    LusStep *step = step_at(plan, i);
    if (step->relu || step->r)
      lus_parallel_for(run.pool, (int)((map_floats(step->y) + ITEM_FLOATS - 1) / ITEM_FLOATS),
                       finish_item, step);
    step->class->backward(step, &run);
  }
  if (d_input)
    to_planes(d_input, x->grad, x, run.pool);
}
