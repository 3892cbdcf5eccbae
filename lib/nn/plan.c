/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "nn/arena.h"
#include "nn/codes.h"
#include "nn/error.h"
#include "nn/ops.h"
#include "nn/steps.h"

/* Floats per work item of the backward pass through an addition and a ReLU. */
#define ITEM_FLOATS 32768
/* Pixels per work item of a change of layout. */
#define LAYOUT_PIXELS 4096

struct _LusPlan {
  gboolean train;
  int samples;
  GPtrArray *steps;       /* of the first sample */
  LusStep *others;        /* of the others, [samples - 1][steps->len] */
  const LusStep **table;  /* all, [steps->len][samples] */
  gssize *offsets;
  int n_maps;
  LusMap *maps; /* [samples], per value of the graph; data NULL where no step touches it */
  gboolean *is_constant; /* per value: a constant that a step reads like an activation */
  int input, output;
  float *data, *grads, *scratch, *shared;
  /* data and grads: per sample; scratch: per thread; shared: per thread that runs a sample alone */
  gsize data_floats, grad_floats, scratch_floats, shared_floats, shared_total;
  int threads;
  double *times; /* per step, while a profile is taken, else NULL */
  double *ms;    /* per step, of the last profile, or NULL */
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

/* @n times @floats, of which each may be as large as the limit. */
static gboolean allocate(float **memory, gsize floats, int n, const char *what, GError **error)
{
  if (floats > LUS_PLAN_MAX_BYTES / sizeof(float)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "the network needs %" G_GSIZE_FORMAT
                " MiB for its %s at this input size, more than %" G_GSIZE_FORMAT
                " MiB: use a smaller input",
                floats >> 18, what, LUS_PLAN_MAX_BYTES >> 20);
    return FALSE;
  }
  *memory = lus_aligned_alloc(MAX(floats, 1) * (gsize)n * sizeof(float));
  if (!*memory) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY,
                "out of memory: the network's %s take %d x %" G_GSIZE_FORMAT
                " MiB at this input size",
                what, n, floats >> 18);
    return FALSE;
  }
  return TRUE;
}

/* Block of a value's floats, or of its codes. */
static int block_of(const LusPlan *plan, int value, gboolean codes)
{
  return value + (codes ? plan->n_maps : 0);
}

static gsize block_floats(const LusMap *map, gboolean codes)
{
  return codes ? (map_floats(map) + sizeof(float) - 1) / sizeof(float) : map_floats(map);
}

static void note_step(const LusPlan *plan, LusArenaBlock *blocks, guint i)
{
  const LusStep *step = step_at(plan, i);
  gboolean codes = step->y_codes != NULL;
  blocks[block_of(plan, step->y_value, codes)] =
      (LusArenaBlock){.size = block_floats(step->y, codes), .begin = (int)i, .end = (int)i};
  blocks[block_of(plan, step->x_value, step->x_codes != NULL)].end = (int)i;
  for (int k = 1; k < step->n_maps; k++)
    blocks[step->node->inputs[k]].end = (int)i;
  if (step->r)
    blocks[block_of(plan, step->r_value, step->r_codes != NULL)].end = (int)i;
}

static void set_addresses(LusPlan *plan, const LusArenaBlock *blocks)
{
  for (int v = 0; v < plan->n_maps; v++) {
    if (blocks[v].size > 0)
      plan->maps[v].data = plan->data + blocks[v].offset;
    if (blocks[plan->n_maps + v].size > 0)
      plan->maps[v].codes = (guint8 *)(plan->data + blocks[plan->n_maps + v].offset);
  }
}

/* Moments are steps; the input lives from the first one on, the output until after the last. In
 * train mode everything lives to the end. */
static gboolean place_data(LusPlan *plan, GError **error)
{
  g_autofree LusArenaBlock *blocks = g_new0(LusArenaBlock, 2 * (gsize)plan->n_maps);
  int last = (int)plan->steps->len;
  blocks[plan->input].size = map_floats(&plan->maps[plan->input]);
  for (guint i = 0; i < plan->steps->len; i++)
    note_step(plan, blocks, i);
  blocks[plan->output].end = last;
  for (int v = 0; v < plan->n_maps; v++) {
    if (plan->is_constant[v])
      blocks[v] = (LusArenaBlock){.size = map_floats(&plan->maps[v]), .end = last};
    if (plan->train)
      blocks[v].end = last;
  }
  plan->data_floats = lus_arena_place(blocks, 2 * plan->n_maps);
  if (!allocate(&plan->data, plan->data_floats, plan->samples, "activations", error))
    return FALSE;
  set_addresses(plan, blocks);
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
    for (int k = 1; k < step->n_maps; k++) {
      LusArenaBlock *block = &blocks[step->node->inputs[k]];
      if (block->size > 0)
        step->maps_accumulate |= 1u << k;
      else
        *block = (LusArenaBlock){.size = map_floats(lus_step_map(step, k)), .begin = now, .end = last};
    }
  }
  plan->grad_floats = lus_arena_place(blocks, plan->n_maps);
  if (!allocate(&plan->grads, plan->grad_floats, plan->samples, "gradients", error))
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
  gsize learn = 0;
  for (guint i = 0; plan->train && i < plan->steps->len; i++)
    learn = MAX(learn, step_at(plan, i)->learn_shared);
  plan->shared_floats = (plan->shared_floats + 15) / 16 * 16;
  plan->shared_total =
      MAX(learn, plan->shared_floats * (gsize)MIN(plan->threads, plan->samples));
  return allocate(&plan->scratch, plan->scratch_floats, plan->threads, "scratch space", error) &&
         allocate(&plan->shared, plan->shared_total, 1, "partial sums", error);
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
  for (int i = 0; i < plan->samples * plan->n_maps; i++) {
    int v = i % plan->n_maps;
    if (plan->is_constant[v])
      to_pixels(plan->maps[i].data, graph->values[v].constant->data, &plan->maps[i], NULL);
  }
}

/* ---- building ---- */

static void set_maps(LusPlan *plan, const LusGraph *graph)
{
  plan->n_maps = graph->n_values;
  plan->maps = g_new0(LusMap, (gsize)plan->samples * (gsize)graph->n_values);
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
    if (step->project)
      step->y->c = graph->values[step->project->output].shape[1];
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

/* ---- the other samples of a batch ---- */

static void shift_maps(LusPlan *plan, LusMap *maps, int sample)
{
  memcpy(maps, plan->maps, (gsize)plan->n_maps * sizeof *maps);
  for (int v = 0; v < plan->n_maps; v++) {
    if (maps[v].data)
      maps[v].data += (gsize)sample * plan->data_floats;
    if (maps[v].grad)
      maps[v].grad += (gsize)sample * plan->grad_floats;
  }
}

static gboolean copy_step(LusStep *copy, const LusStep *step, LusMap *maps, GError **error)
{
  *copy = *step;
  copy->maps = maps;
  copy->x = &maps[step->x_value];
  copy->y = &maps[step->y_value];
  copy->r = step->r ? &maps[step->r_value] : NULL;
  if (!step->class->keeps)
    return TRUE;
  copy->state = NULL;
  return step->class->prepare(copy, error);
}

/* Copies of the first sample's steps with maps of their own. */
static gboolean add_samples(LusPlan *plan, GError **error)
{
  guint n = plan->steps->len;
  plan->others = g_new0(LusStep, (gsize)(plan->samples - 1) * n);
  plan->table = g_new0(const LusStep *, (gsize)plan->samples * n);
  for (int s = 0; s < plan->samples; s++) {
    LusMap *maps = plan->maps + (gsize)s * (gsize)plan->n_maps;
    if (s > 0)
      shift_maps(plan, maps, s);
    for (guint i = 0; i < n; i++) {
      LusStep *step = step_at(plan, i);
      if (s > 0) {
        LusStep *copy = &plan->others[(gsize)(s - 1) * n + i];
        if (!copy_step(copy, step, maps, error))
          return FALSE;
        step = copy;
      }
      plan->table[(gsize)i * (gsize)plan->samples + (gsize)s] = step;
    }
  }
  return TRUE;
}

static void free_samples(LusPlan *plan)
{
  gsize n = plan->others ? (gsize)(plan->samples - 1) * plan->steps->len : 0;
  for (gsize i = 0; i < n; i++) {
    const LusStep *copy = &plan->others[i];
    if (copy->class && copy->class->keeps)
      copy->class->free_state(copy->state);
  }
  g_free(plan->others);
  g_free(plan->table);
}

static LusPlan *plan_new(LusGraph *graph, int c, int h, int w, LusPlanMode mode, int samples,
                         int threads, GError **error)
{
  if (!lus_graph_infer_shapes(graph, c, h, w, error))
    return NULL;
  g_autoptr(LusPlan) plan = g_new0(LusPlan, 1);
  plan->train = mode == LUS_PLAN_TRAIN;
  plan->samples = samples;
  plan->threads = MAX(threads, 1);
  plan->input = graph->input;
  plan->output = graph->output;
  plan->offsets = lus_graph_parameter_offsets(graph, NULL);
  plan->steps = lus_steps_new(graph, plan->offsets, plan->train);
  if (mode == LUS_PLAN_INFER)
    lus_steps_use_codes(plan->steps, graph);
  set_maps(plan, graph);
  if ((plan->train && !check_backward(plan, error)) || !prepare_steps(plan, error) || !place_data(plan, error) ||
      (plan->train && !place_gradients(plan, error)) || !place_scratch(plan, error) ||
      !add_samples(plan, error))
    return NULL;
  fill_constants(plan, graph);
  return g_steal_pointer(&plan);
}

LusPlan *lus_plan_new(LusGraph *graph, int c, int h, int w, LusPlanMode mode, int threads,
                      GError **error)
{
  return plan_new(graph, c, h, w, mode, 1, threads, error);
}

LusPlan *lus_plan_new_batch(LusGraph *graph, int c, int h, int w, int samples, int threads,
                            GError **error)
{
  g_return_val_if_fail(samples >= 1, NULL);
  return plan_new(graph, c, h, w, LUS_PLAN_TRAIN, samples, threads, error);
}

void lus_plan_free(LusPlan *plan)
{
  if (!plan)
    return;
  free_samples(plan);
  g_clear_pointer(&plan->steps, g_ptr_array_unref);
  g_free(plan->offsets);
  g_free(plan->maps);
  g_free(plan->is_constant);
  lus_aligned_free(plan->data);
  lus_aligned_free(plan->grads);
  lus_aligned_free(plan->scratch);
  lus_aligned_free(plan->shared);
  g_free(plan->ms);
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
  gsize floats = (plan->data_floats + plan->grad_floats) * (gsize)plan->samples +
                 plan->scratch_floats * (gsize)plan->threads + plan->shared_total;
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

typedef struct {
  LusPlan *plan;
  guint step; /* backward */
  const LusRun *run;
  float *output;
  const float *input;
} Pass;

/* Whether each sample runs in one thread, side by side with others, rather than one after another in
 * all threads: when that leaves few threads idle. */
static gboolean side_by_side(const LusPlan *plan, const LusRun *run)
{
  int threads = lus_parallel_threads(run->pool), rest = plan->samples % threads;
  return plan->samples > 1 && (rest == 0 || plan->samples >= 4 * threads);
}

static void for_samples(const Pass *pass, LusParallelBody body)
{
  if (side_by_side(pass->plan, pass->run))
    lus_parallel_for(pass->run->pool, pass->plan->samples, body, (void *)pass);
  else
    for (int sample = 0; sample < pass->plan->samples; sample++)
      body((void *)pass, sample, 0);
}

/* The run as one of the samples sees it. */
static LusRun run_of_sample(const Pass *pass, int thread)
{
  LusRun run = *pass->run;
  if (side_by_side(pass->plan, pass->run)) {
    run.pool = NULL;
    run.scratch += (gsize)thread * run.scratch_stride;
    run.shared += (gsize)thread * pass->plan->shared_floats;
  }
  return run;
}

static const LusMap *map_of(const LusPlan *plan, int sample, int value)
{
  return &plan->maps[(gsize)sample * (gsize)plan->n_maps + (gsize)value];
}

static const LusStep *step_of(const LusPlan *plan, int sample, guint i)
{
  return plan->table[(gsize)i * (gsize)plan->samples + (gsize)sample];
}

typedef struct {
  const LusPlan *plan;
  const LusRun *run;
  gboolean backward;
} Load;

/* The last steps first: a network's widest layers stand behind its first ones. */
static void load_item(void *data, int item, int thread)
{
  (void)thread;
  const Load *load = data;
  const LusStep *step = step_at(load->plan, load->plan->steps->len - 1 - (guint)item);
  gboolean needed = !load->backward || !step->x_is_input || load->run->d_input;
  if (step->class->load && needed)
    step->class->load(step, load->backward);
}

static void load_parameters(const LusPlan *plan, const LusRun *run, gboolean backward)
{
  Load load = {plan, run, backward};
  lus_parallel_for(run->pool, (int)plan->steps->len, load_item, &load);
}

static double now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void forward_sample(void *data, int sample, int thread)
{
  const Pass *pass = data;
  LusPlan *plan = pass->plan;
  LusRun run = run_of_sample(pass, thread);
  const LusMap *x = map_of(plan, sample, plan->input), *y = map_of(plan, sample, plan->output);
  to_pixels(x->data, pass->input + (gsize)sample * map_floats(x), x, run.pool);
  for (guint i = 0; i < plan->steps->len; i++) {
    const LusStep *step = step_of(plan, sample, i);
    double begin = plan->times ? now_ms() : 0;
    step->class->forward(step, &run);
    if (plan->times)
      plan->times[i] = now_ms() - begin;
  }
  to_planes(pass->output + (gsize)sample * map_floats(y), y->data, y, run.pool);
}

void lus_plan_forward(LusPlan *plan, float *output, const float *input, LusParallel *pool)
{
  lus_plan_forward_observed(plan, output, input, pool, NULL, NULL);
}

void lus_plan_forward_observed(LusPlan *plan, float *output, const float *input, LusParallel *pool,
                               LusObserve observe, gpointer data)
{
  atomic_bool nan = false;
  LusRun run = run_of(plan, pool);
  run.observe = observe;
  run.observe_data = data;
  run.nan = &nan;
  const Pass pass = {.plan = plan, .run = &run, .output = output, .input = input};
  if (plan->train)
    load_parameters(plan, &run, FALSE);
  for_samples(&pass, forward_sample);
  gsize n = (gsize)plan->samples * map_floats(map_of(plan, 0, plan->output));
  for (gsize i = 0; nan && i < n; i++)
    output[i] = NAN;
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

static void start_sample(void *data, int sample, int thread)
{
  const Pass *pass = data;
  LusRun run = run_of_sample(pass, thread);
  const LusMap *y = map_of(pass->plan, sample, pass->plan->output);
  to_pixels(y->grad, pass->input + (gsize)sample * map_floats(y), y, run.pool);
}

static void end_sample(void *data, int sample, int thread)
{
  const Pass *pass = data;
  LusRun run = run_of_sample(pass, thread);
  const LusMap *x = map_of(pass->plan, sample, pass->plan->input);
  to_planes(pass->output + (gsize)sample * map_floats(x), x->grad, x, run.pool);
}

static void backward_sample(void *data, int sample, int thread)
{
  const Pass *pass = data;
  LusRun run = run_of_sample(pass, thread);
  const LusStep *step = step_of(pass->plan, sample, pass->step);
  if (step->relu || step->r)
    lus_parallel_for(run.pool, (int)((map_floats(step->y) + ITEM_FLOATS - 1) / ITEM_FLOATS),
                     finish_item, (void *)step);
  step->class->backward(step, &run);
}

void lus_plan_backward(LusPlan *plan, float *d_parameters, float *d_input, const float *d_output,
                       LusParallel *pool)
{
  g_return_if_fail(plan->train);
  LusRun run = run_of(plan, pool);
  run.d_parameters = d_parameters;
  run.d_input = d_input != NULL;
  Pass pass = {.plan = plan, .run = &run, .output = d_input, .input = d_output};
  load_parameters(plan, &run, TRUE);
  for_samples(&pass, start_sample);
  for (pass.step = plan->steps->len; pass.step-- > 0;) {
    for_samples(&pass, backward_sample);
    const LusStep *first = step_of(plan, 0, pass.step);
    if (first->class->learn)
      first->class->learn(&plan->table[(gsize)pass.step * (gsize)plan->samples], plan->samples,
                          &run);
  }
  if (d_input)
    for_samples(&pass, end_sample);
}

/* ---- what a plan is made of ---- */

const char *lus_plan_kernels(void)
{
  return lus_kernels_description();
}

int lus_plan_n_steps(const LusPlan *plan)
{
  return (int)plan->steps->len;
}

static void describe_operators(const LusStep *step, char *text, gsize size)
{
  if (step->lateral)
    g_strlcpy(text, step->lateral->type == LUS_OP_CONV ? "Conv+Resize+Add+" : step->r ? "Resize+Concat+" : "Resize+", size);
  else
    *text = 0;
  g_strlcat(text, lus_op_name(step->node->type), size);
  if (step->norm)
    g_strlcat(text, "+BatchNormalization", size);
  if (step->relu_before)
    g_strlcat(text, "+Relu", size);
  if (step->project)
    g_strlcat(text, "+Conv", size);
  if (step->resize)
    g_strlcat(text, "+Resize", size);
  if (step->r_half)
    g_strlcat(text, "+Resize", size);
  if (step->r && !step->lateral && step->node->type != LUS_OP_ADD)
    g_strlcat(text, "+Add", size);
  if (step->relu && step->node->type != LUS_OP_RELU)
    g_strlcat(text, "+Relu", size);
  static const char *const activations[] = {"",         "+Clip",        "+LeakyRelu", "+Sigmoid",
                                            "+Swish", "+HardSigmoid", "+HardSwish"};
  if (step->class->activates && lus_node_activation(step->node).kind == LUS_ACTIVATION_NONE)
    g_strlcat(text, activations[step->activation.kind], size);
}

void lus_plan_get_step(const LusPlan *plan, int i, LusPlanStep *out)
{
  const LusStep *step = step_at(plan, (guint)i);
  *out = (LusPlanStep){
      .name = step->node->name,
      .method = step->class->method ? step->class->method(step) : "",
      .shape = {step->y->c, step->y->h, step->y->w},
      .flop = lus_node_flop(step->graph, step->node) + (step->lateral ? lus_node_flop(step->graph, step->lateral) : 0) +
              (step->project ? 2. * step->x->h * step->x->w * step->x->c * step->y->c : 0),
      .weight_bytes = step->weights * sizeof(float),
      .ms = plan->ms ? plan->ms[i] : 0,
  };
  describe_operators(step, out->operators, sizeof out->operators);
}

static int compare_double(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

gboolean lus_plan_profile(LusPlan *plan, const float *input, LusParallel *pool, int runs, GError **error)
{
  g_return_val_if_fail(!plan->train && runs >= 1 && runs <= 1000, FALSE);
  gsize steps = plan->steps->len;
  g_autofree float *output = g_try_new(float, map_floats(&plan->maps[plan->output]));
  g_autofree double *times = g_try_new(double, steps *(gsize)runs), *column = g_try_new(double, runs);
  double *ms = g_try_new(double, steps);
  if (!output || !times || !column || !ms) {
    g_free(ms);
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for %d runs of the network", runs);
    return FALSE;
  }
  for (gsize run = 0; run < (gsize)runs; run++) {
    plan->times = times + run * steps;
    lus_plan_forward(plan, output, input, pool);
  }
  plan->times = NULL;
  for (gsize i = 0; i < steps; i++) {
    for (gsize run = 0; run < (gsize)runs; run++)
      column[run] = times[run * steps + i];
    qsort(column, (gsize)runs, sizeof *column, compare_double);
    ms[i] = (column[(runs - 1) / 2] + column[runs / 2]) / 2;
  }
  g_free(plan->ms);
  plan->ms = ms;
  return TRUE;
}
