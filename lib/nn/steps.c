/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/steps.h"

#include "nn/codes.h"
#include "nn/op-conv-doubled.h"

typedef struct {
  const LusGraph *graph;
  const gssize *offsets;
  gboolean train;
  int *uses;        /* per value: how often the nodes that count read it, the caller included */
  LusStep **maker;  /* per value: the step that computes it */
  GPtrArray *steps; /* NULL where a step has moved to the end */
} Builder;

static void step_free(gpointer data)
{
  LusStep *step = data;
  if (step && step->class->free_state)
    step->class->free_state(step->state);
  g_free(step);
}

/* From the output backwards: nodes stand in execution order. */
static void count_uses(Builder *b)
{
  b->uses[b->graph->output]++;
  for (int i = b->graph->n_nodes - 1; i >= 0; i--) {
    const LusNode *node = &b->graph->nodes[i];
    for (int k = 0; b->uses[node->output] > 0 && k < lus_node_n_maps(node); k++)
      b->uses[node->inputs[k]]++;
  }
}

static void push(Builder *b, LusStep *step)
{
  step->position = b->steps->len;
  g_ptr_array_add(b->steps, step);
}

static LusStep *append(Builder *b, const LusNode *node)
{
  LusStep *step = g_new0(LusStep, 1);
  *step = (LusStep){
      .class = lus_op_table[node->type].step,
      .graph = b->graph,
      .node = node,
      .offsets = b->offsets,
      .train = b->train,
      .n_maps = node->type == LUS_OP_ADD ? 1 : lus_node_n_maps(node),
      .x_value = node->inputs[0],
      .r_value = -1,
      .y_value = node->output,
  };
  push(b, step);
  b->maker[node->output] = step;
  return step;
}

/* Something can still be added to the end of what the step does. */
static gboolean is_open(const LusStep *step)
{
  return step->class->finishes && !step->relu && step->activation.kind == LUS_ACTIVATION_NONE;
}

/* The step that makes @value, if @value is read only once and what the step does can still be added
 * to. */
static LusStep *open_maker(const Builder *b, int value)
{
  LusStep *step = b->maker[value];
  return step && b->uses[value] == 1 && is_open(step) ? step : NULL;
}

static void redirect(Builder *b, LusStep *step, int value)
{
  step->y_value = value;
  b->maker[value] = step;
}

static gboolean fold_relu(Builder *b, const LusNode *node)
{
  LusStep *step = open_maker(b, node->inputs[0]);
  if (!step)
    return FALSE;
  step->relu = TRUE;
  redirect(b, step, node->output);
  return TRUE;
}

static gboolean fold_activation(Builder *b, const LusNode *node)
{
  LusActivation activation = lus_node_activation(node);
  LusStep *step = activation.kind != LUS_ACTIVATION_NONE ? open_maker(b, node->inputs[0]) : NULL;
  if (b->train || !step || !step->class->activates)
    return FALSE;
  step->activation = activation;
  redirect(b, step, node->output);
  return TRUE;
}

static void remove_step(Builder *b, LusStep *step)
{
  b->steps->pdata[step->position] = NULL;
  b->maker[step->y_value] = NULL;
  step_free(step);
}

/* x sigmoid(x), the Swish of EfficientNet (Tan and Le 2019) as exporters write it: @gate made input @k. */
static gboolean fold_gate(Builder *b, const LusNode *node, int k)
{
  LusStep *gate = b->maker[node->inputs[k]];
  int x = node->inputs[1 - k];
  if (b->train || !gate || b->uses[node->inputs[k]] != 1 || gate->x_value != x || gate->node->output != gate->y_value)
    return FALSE;
  LusActivation activation = gate->activation;
  if (gate->class == &lus_step_sigmoid)
    activation.kind = LUS_ACTIVATION_SWISH;
  else if (gate->node->type == LUS_OP_HARD_SIGMOID)
    activation.kind = LUS_ACTIVATION_HARD_SWISH;
  else
    return FALSE;
  LusStep *step = b->maker[x];
  if (step && b->uses[x] == 2 && is_open(step) && step->class->activates) {
    remove_step(b, gate);
  } else {
    step = gate;
    step->class = &lus_step_unary;
  }
  step->activation = activation;
  redirect(b, step, node->output);
  return TRUE;
}

static gboolean fold_batch_norm(Builder *b, const LusNode *node)
{
  LusStep *step = open_maker(b, node->inputs[0]);
  if (b->train || !step || (step->class != &lus_step_conv && step->class != &lus_step_conv_transpose) || step->norm || step->r_value >= 0)
    return FALSE;
  step->norm = node;
  redirect(b, step, node->output);
  return TRUE;
}

gboolean lus_step_doubles_pixels(const LusStep *step)
{
  const LusOpAttrs *a = &step->node->attrs;
  const int *x = step->graph->values[step->x_value].shape, *y = step->graph->values[step->y_value].shape;
  return (step->class == &lus_step_resize || step->class == &lus_step_resize_codes) && a->mode == LUS_RESIZE_NEAREST &&
         a->coord == LUS_COORD_ASYMMETRIC && (a->nearest == LUS_NEAREST_USUAL || a->nearest == LUS_NEAREST_FLOOR) &&
         y[2] == 2 * x[2] && y[3] == 2 * x[3] && !step->relu && step->r_value < 0;
}

static gboolean is_pointwise(const LusStep *step)
{
  const LusOpAttrs *a = &step->node->attrs;
  return step->class == &lus_step_conv && a->groups == 1 && a->kernel[0] == 1 && a->kernel[1] == 1;
}

/* A 1x1 convolution to which a map of half its size is added after each pixel was doubled (a Feature
 * Pyramid Network's top-down path) reads that map itself. */
static void fold_doubling(Builder *b, LusStep *step)
{
  LusStep *resize = b->maker[step->r_value];
  if (b->train || !is_pointwise(step) || !resize || b->uses[step->r_value] != 1 ||
      !lus_step_doubles_pixels(resize))
    return;
  step->r_value = resize->x_value;
  step->r_half = TRUE;
  remove_step(b, resize);
}

#define PROJECT_MAX 16 /* outputs of a convolution that is done for each row of pixels */

/* Whether @value is a sum of normalised and maybe resized maps, each read by the next one only: linear in every one of them behind
 * its own ReLU. */
static gboolean is_sum_of_norms(const Builder *b, int value)
{
  for (const LusStep *step; value >= 0; value = step->r_value) {
    step = b->maker[value];
    if (!step || b->uses[value] != 1 || step->project ||
        (step->class != &lus_step_group_norm && step->class != &lus_step_norm_resize))
      return FALSE;
    gboolean relu_first = step->class == &lus_step_group_norm && step->r_value < 0;
    if (step->relu && !relu_first)
      return FALSE;
  }
  return TRUE;
}

/* A Feature Pyramid Network's head: what a 1x1 convolution makes of a sum of maps is the sum of what it makes of each, before
 * that was resized, since the weights of a linear Resize sum to 1. So neither the sum nor a large map is ever made. */
static gboolean fold_head(Builder *b, const LusNode *node)
{
  const LusOpAttrs *a = &node->attrs;
  const int *weights = b->graph->values[node->inputs[1]].constant->dims;
  if (b->train || a->groups != 1 || a->kernel[0] != 1 || a->kernel[1] != 1 || a->stride[0] != 1 || a->stride[1] != 1 ||
      a->pad[0] + a->pad[1] + a->pad[2] + a->pad[3] != 0 || weights[0] > PROJECT_MAX || 2 * weights[0] > weights[1] ||
      !is_sum_of_norms(b, node->inputs[0]))
    return FALSE;
  LusStep *last = b->maker[node->inputs[0]];
  for (LusStep *step = last; step; step = step->r_value >= 0 ? b->maker[step->r_value] : NULL) {
    step->project = node;
    step->project_bias = step->r_value < 0;
    step->relu_before |= step->relu;
    step->relu = FALSE;
  }
  redirect(b, last, node->output);
  return TRUE;
}

static gboolean fold_resize(Builder *b, const LusNode *node)
{
  LusStep *step = b->maker[node->inputs[0]];
  if (b->train || node->attrs.mode != LUS_RESIZE_LINEAR || !step || b->uses[node->inputs[0]] != 1 ||
      step->class != &lus_step_group_norm || step->r_value >= 0 || step->project)
    return FALSE;
  step->class = &lus_step_norm_resize;
  step->resize = node;
  step->relu_before = step->relu;
  step->relu = FALSE;
  redirect(b, step, node->output);
  return TRUE;
}

/* Whether @step takes in an addition of what @other makes better than the other way round. */
static gboolean prefers(const LusStep *step, const LusStep *other, gboolean train)
{
  return !train && is_pointwise(step) && lus_step_doubles_pixels(other);
}

/* A GroupNorm with its ReLU, whose result is read only once. */
static LusStep *norm_relu_maker(const Builder *b, int value)
{
  LusStep *step = b->maker[value];
  gboolean usable = !b->train && step && b->uses[value] == 1 && step->class == &lus_step_group_norm && step->relu &&
                    step->r_value < 0 && !step->project;
  return usable ? step : NULL;
}

/* An addition to which nothing else is open can be done by the GroupNorm and ReLU before it. */
static gboolean fold_norm_add(Builder *b, const LusNode *node)
{
  for (int k = 1; k >= 0; k--) {
    LusStep *step = norm_relu_maker(b, node->inputs[k]);
    if (!step || node->inputs[0] == node->inputs[1])
      continue;
    step->relu_before = TRUE;
    step->relu = FALSE;
    b->steps->pdata[step->position] = NULL;
    push(b, step);
    step->r_value = node->inputs[1 - k];
    redirect(b, step, node->output);
    return TRUE;
  }
  return FALSE;
}

/* Of the two makers the later one takes the addition: it moves to the end, where the other value
 * exists. */
static gboolean fold_add(Builder *b, const LusNode *node)
{
  LusStep *best = NULL;
  int other = -1;
  for (int k = 0; k < 2; k++) {
    LusStep *step = open_maker(b, node->inputs[k]);
    if (!step || step->r_value >= 0)
      continue;
    if (!best || (step->position > best->position && !prefers(best, step, b->train)) ||
        prefers(step, best, b->train)) {
      best = step;
      other = node->inputs[1 - k];
    }
  }
  if (!best)
    return fold_norm_add(b, node);
  b->steps->pdata[best->position] = NULL;
  push(b, best);
  best->r_value = other;
  redirect(b, best, node->output);
  fold_doubling(b, best);
  return TRUE;
}

static void add_node(Builder *b, const LusNode *node)
{
  if ((node->type == LUS_OP_RELU && fold_relu(b, node)) || fold_activation(b, node) ||
      (node->type == LUS_OP_MUL && (fold_gate(b, node, 0) || fold_gate(b, node, 1))) ||
      (node->type == LUS_OP_ADD && fold_add(b, node)) ||
      (node->type == LUS_OP_BATCH_NORM && fold_batch_norm(b, node)) ||
      (node->type == LUS_OP_RESIZE && fold_resize(b, node)) || (node->type == LUS_OP_CONV && fold_head(b, node)))
    return;
  LusStep *step = append(b, node);
  step->activation = lus_node_activation(node);
  if (node->type == LUS_OP_RELU)
    step->relu = TRUE;
  else if (node->type == LUS_OP_ADD)
    step->r_value = node->inputs[1];
}

/* The step that doubles what is read as @value and there alone, or NULL. */
static LusStep *doubling_maker(const Builder *b, int value)
{
  LusStep *step = b->maker[value];
  return step && b->uses[value] == 1 && lus_step_doubles_pixels(step) ? step : NULL;
}

/* What a step that makes a convolution's input has of doubled pixels; *resize: the step that doubles them, where it is another
 * one. */
static gboolean find_doubled(const Builder *b, const LusStep *made, LusDoubled *doubled, LusStep **resize)
{
  const LusNode *node = made->node;
  *doubled = (LusDoubled){.maker = node, .small = made->x_value, .x = -1};
  *resize = NULL;
  if (lus_step_doubles_pixels(made))
    return TRUE;
  if (made->class == &lus_step_conv && made->r_half) {
    *doubled = (LusDoubled){node, made->r_value, made->x_value};
    return !made->relu && !made->norm && made->activation.kind == LUS_ACTIVATION_NONE;
  }
  for (int k = 0; k < 2 && made->class == &lus_step_concat && node->n_inputs == 2 && node->attrs.axis == 1; k++) {
    *resize = doubling_maker(b, node->inputs[k]);
    if (*resize && !b->graph->values[node->inputs[1 - k]].constant) {
      *doubled = (LusDoubled){node, (*resize)->x_value, node->inputs[1 - k]};
      return TRUE;
    }
  }
  return FALSE;
}

/* Once nothing else is folded any more. */
static void fold_doubled(Builder *b, LusStep *step)
{
  LusStep *made = b->maker[step->x_value], *resize = NULL;
  LusDoubled doubled;
  if (b->train || !made || b->uses[step->x_value] != 1 || !find_doubled(b, made, &doubled, &resize) ||
      !lus_conv_doubled_can(step, &doubled))
    return;
  step->class = &lus_step_conv_doubled;
  step->lateral = doubled.maker;
  step->doubled_first = resize && resize->y_value == doubled.maker->inputs[0];
  step->x_value = doubled.x < 0 ? doubled.small : doubled.x;
  step->r_value = doubled.x < 0 ? -1 : doubled.small;
  remove_step(b, made);
  if (resize)
    remove_step(b, resize);
}

static void remove_gaps(GPtrArray *steps)
{
  guint kept = 0;
  for (guint i = 0; i < steps->len; i++) {
    gpointer step = g_steal_pointer(&steps->pdata[i]);
    if (step)
      steps->pdata[kept++] = step;
  }
  g_ptr_array_set_size(steps, (int)kept);
}

GPtrArray *lus_steps_new(const LusGraph *graph, const gssize *offsets, gboolean train)
{
  g_autofree int *uses = g_new0(int, graph->n_values);
  g_autofree LusStep **maker = g_new0(LusStep *, graph->n_values);
  Builder b = {
      .graph = graph,
      .offsets = offsets,
      .train = train,
      .uses = uses,
      .maker = maker,
      .steps = g_ptr_array_new_with_free_func(step_free),
  };
  count_uses(&b);
  for (int i = 0; i < graph->n_nodes; i++)
    if (uses[graph->nodes[i].output] > 0)
      add_node(&b, &graph->nodes[i]);
  for (guint i = 0; i < b.steps->len; i++)
    if (b.steps->pdata[i])
      fold_doubled(&b, b.steps->pdata[i]);
  remove_gaps(b.steps);
  return b.steps;
}
