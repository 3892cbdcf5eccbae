/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the steps of a quantised network to ones on codes. A Quantize step is folded into the step before it where that
 * can write codes; where somebody needs them in floats, a step decodes them. */
#include "nn/codes.h"

typedef struct {
  const LusGraph *graph;
  GPtrArray *steps;
  const LusNode **quantize; /* per value: the Quantize node that makes it, or NULL */
  int *readers;             /* per value: how many steps read it */
  guint *reader;            /* per value: the last step that reads it */
  guint *maker;             /* per value: the step that makes it */
} Builder;

static LusStep *step_at(const Builder *b, guint i)
{
  return g_ptr_array_index(b->steps, i);
}

static int input_of(const LusStep *step, int k)
{
  return k == 0 ? step->x_value : step->node->inputs[k];
}

static void note_reader(Builder *b, int value, guint i)
{
  b->readers[value]++;
  b->reader[value] = i;
}

static void look(Builder *b)
{
  for (guint i = 0; i < b->steps->len; i++) {
    const LusStep *step = step_at(b, i);
    for (int k = 0; k < step->n_maps; k++)
      note_reader(b, input_of(step, k), i);
    if (step->r_value >= 0)
      note_reader(b, step->r_value, i);
    b->maker[step->y_value] = i;
    if (step->class == &lus_step_quantize)
      b->quantize[step->y_value] = step->node;
  }
}

/* The only step that reads @value, if it is of @class, else NULL: whoever runs the plan reads the output. */
static LusStep *only_reader(const Builder *b, int value, const LusStepClass *class)
{
  gboolean one = b->readers[value] == 1 && value != b->graph->output;
  LusStep *step = one ? step_at(b, b->reader[value]) : NULL;
  return step && step->class == class ? step : NULL;
}

static gboolean is_plain(const LusStep *step)
{
  return step->activation.kind == LUS_ACTIVATION_NONE && !step->resize && !step->norm && !step->project;
}

/* Puts @step in the place of @last, whose result it gives. */
static void take_over(Builder *b, LusStep *step, LusStep *last)
{
  guint from = b->maker[step->y_value], to = b->maker[last->y_value];
  step->y_value = last->y_value;
  b->steps->pdata[from] = NULL;
  b->steps->pdata[to] = step;
  for (int v = 0; v < b->graph->n_values; v++) /* what @step reads is read later now */
    if (b->readers[v] > 0 && b->reader[v] == from)
      b->reader[v] = to;
  g_free(last);
}

/* Lets the step write codes if nobody but a Quantize step reads its result. */
static gboolean fold_quantize(Builder *b, LusStep *step)
{
  LusStep *quantize = only_reader(b, step->y_value, &lus_step_quantize);
  if (!quantize)
    return FALSE;
  step->y_codes = quantize->node;
  take_over(b, step, quantize);
  return TRUE;
}

/* Conv, Quantize, Add with other codes, Quantize: one step. */
static void fold_add(Builder *b, LusStep *conv)
{
  LusStep *add = only_reader(b, conv->y_value, &lus_step_identity);
  if (!conv->y_codes || conv->relu || !is_plain(conv) || !add || add->r_value < 0 || !is_plain(add))
    return;
  int other = add->x_value == conv->y_value ? add->r_value : add->x_value;
  LusStep *quantize = only_reader(b, add->y_value, &lus_step_quantize);
  if (!b->quantize[other] || other == conv->y_value || !quantize)
    return;
  conv->inner_codes = conv->y_codes;
  conv->r_value = other;
  conv->r_codes = b->quantize[other];
  conv->relu = add->relu;
  conv->y_codes = quantize->node;
  take_over(b, conv, add);
  take_over(b, conv, quantize);
}

static gboolean same_codes(const LusNode *a, const LusNode *b)
{
  return a->attrs.alpha == b->attrs.alpha && a->attrs.zero_point == b->attrs.zero_point;
}

/* MaxPool and Resize keep the codes' meaning. */
static void fold_same(Builder *b, LusStep *step, const LusStepClass *class)
{
  const LusNode *x = b->quantize[step->x_value];
  LusStep *quantize = only_reader(b, step->y_value, &lus_step_quantize);
  if (!quantize || !same_codes(x, quantize->node) || step->relu || step->r_value >= 0 || !fold_quantize(b, step))
    return;
  step->class = class;
  step->x_codes = x;
}

/* A map that is doubled only to be added to a 1x1 convolution is read twice instead. */
static void fold_doubling(Builder *b, LusStep *step)
{
  LusStep *resize = step->r_codes ? step_at(b, b->maker[step->r_value]) : NULL;
  const LusOpAttrs *a = &step->node->attrs;
  if (!resize || resize->class != &lus_step_resize_codes || b->readers[step->r_value] != 1 || step->r_half ||
      step->r_value == b->graph->output || a->kernel[0] != 1 || a->kernel[1] != 1 || !lus_step_doubles_pixels(resize))
    return;
  b->steps->pdata[b->maker[step->r_value]] = NULL;
  step->r_value = resize->x_value;
  step->r_codes = resize->x_codes;
  step->r_half = TRUE;
  g_free(resize);
}

/* The last of the two that make an addition's operands adds the other one to its codes while they are in the cache. */
static void fold_sum(Builder *b, LusStep *add)
{
  LusStep *best = NULL;
  for (int k = 0; k < 2; k++) {
    int value = k == 0 ? add->x_value : add->r_value;
    LusStep *step = b->readers[value] == 1 && value != b->graph->output ? step_at(b, b->maker[value]) : NULL;
    if (step && (step->class == &lus_step_resize_codes || step->class == &lus_step_group_norm_codes) &&
        step->r_value < 0 && (!best || b->maker[value] > b->maker[best->y_value]))
      best = step;
  }
  if (!best)
    return;
  gboolean is_x = best->y_value == add->x_value;
  best->inner_codes = best->y_codes;
  best->relu_before = best->relu;
  best->r_value = is_x ? add->r_value : add->x_value;
  best->r_codes = is_x ? add->r_codes : add->x_codes;
  best->y_codes = add->y_codes;
  best->relu = add->relu;
  take_over(b, best, add);
}

static void fold_conv(Builder *b, LusStep *step)
{
  const LusNode *x = b->quantize[step->x_value];
  if (!lus_conv_int8_can(step, x))
    return;
  step->class = &lus_step_conv_int8;
  step->x_codes = x;
  if (step->r_value < 0 && fold_quantize(b, step))
    fold_add(b, step);
}

static void fold_step(Builder *b, LusStep *step)
{
  const LusNode *x = b->quantize[step->x_value];
  if (x && step->class == &lus_step_conv)
    fold_conv(b, step);
  if (!x || !is_plain(step))
    return;
  if (step->class == &lus_step_max_pool) {
    fold_same(b, step, &lus_step_max_pool_codes);
  } else if (step->class == &lus_step_resize) {
    fold_same(b, step, &lus_step_resize_codes);
  } else if (step->class == &lus_step_group_norm && step->r_value < 0) {
    if (!fold_quantize(b, step))
      return;
    step->class = &lus_step_group_norm_codes;
    step->x_codes = x;
  } else if (step->class == &lus_step_identity && step->r_value >= 0 && b->quantize[step->r_value]) {
    if (!fold_quantize(b, step))
      return;
    step->class = &lus_step_add_codes;
    step->x_codes = x;
    step->r_codes = b->quantize[step->r_value];
  }
}

/* ---- codes to floats where they are needed ---- */

static gboolean reads_floats(const LusStep *step, int value)
{
  for (int k = 0; k < step->n_maps; k++)
    if (input_of(step, k) == value && !(k == 0 && step->x_codes))
      return TRUE;
  return step->r_value == value && !step->r_codes;
}

static gboolean needs_floats(const Builder *b, int value)
{
  if (value == b->graph->output)
    return TRUE;
  for (guint i = 0; i < b->steps->len; i++)
    if (step_at(b, i) && reads_floats(step_at(b, i), value))
      return TRUE;
  return FALSE;
}

static LusStep *decode_step(const LusStep *from)
{
  LusStep *step = g_new0(LusStep, 1);
  *step = *from;
  step->class = &lus_step_decode;
  step->node = from->y_codes;
  step->x_value = step->y_value;
  step->x_codes = from->y_codes;
  step->y_codes = step->r_codes = step->inner_codes = NULL;
  step->r_value = -1;
  step->n_maps = 1;
  step->relu = FALSE;
  return step;
}

static void rebuild(Builder *b)
{
  g_autoptr(GPtrArray) old = g_ptr_array_new();
  for (guint i = 0; i < b->steps->len; i++)
    if (step_at(b, i))
      g_ptr_array_add(old, step_at(b, i));
  gboolean *decoded = g_new0(gboolean, MAX(b->graph->n_values, 1));
  for (guint i = 0; i < old->len; i++) {
    LusStep *step = g_ptr_array_index(old, i);
    if (step->class == &lus_step_quantize) {
      step->class = &lus_step_encode;
      step->y_codes = step->node;
    }
    decoded[step->y_value] = step->y_codes && needs_floats(b, step->y_value);
  }
  for (guint i = 0; i < b->steps->len; i++)
    b->steps->pdata[i] = NULL;
  g_ptr_array_set_size(b->steps, 0);
  for (guint i = 0; i < old->len; i++) {
    LusStep *step = g_ptr_array_index(old, i);
    g_ptr_array_add(b->steps, step);
    if (decoded[step->y_value])
      g_ptr_array_add(b->steps, decode_step(step));
  }
  g_free(decoded);
}

void lus_steps_use_codes(GPtrArray *steps, const LusGraph *graph)
{
  gsize n = (gsize)MAX(graph->n_values, 1);
  g_autofree const LusNode **quantize = g_new0(const LusNode *, n);
  g_autofree int *readers = g_new0(int, n);
  g_autofree guint *reader = g_new0(guint, n), *maker = g_new0(guint, n);
  Builder b = {graph, steps, quantize, readers, reader, maker};
  look(&b);
  gboolean any = FALSE;
  for (gsize v = 0; v < n; v++)
    any |= quantize[v] != NULL;
  if (!any)
    return;
  for (guint i = 0; i < steps->len; i++)
    if (step_at(&b, i))
      fold_step(&b, step_at(&b, i));
  for (guint i = 0; i < steps->len; i++)
    if (step_at(&b, i) && step_at(&b, i)->class == &lus_step_conv_int8)
      fold_doubling(&b, step_at(&b, i));
  for (guint i = 0; i < steps->len; i++)
    if (step_at(&b, i) && step_at(&b, i)->class == &lus_step_add_codes)
      fold_sum(&b, step_at(&b, i));
  rebuild(&b);
}
