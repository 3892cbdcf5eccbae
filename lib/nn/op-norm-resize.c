/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GroupNorm, ReLU, maybe a 1x1 convolution of few outputs, and a linear Resize at once, in infer mode: rows are normalised on their
 * way into the interpolation, so that the normalised map is never stored. */
#include "kernels/kernels.h"
#include "nn/norm.h"
#include "nn/resize.h"

#define ROWS_PER_ITEM 16

typedef struct {
  LusNorm *norm;
  LusResizeAxis axis[2]; /* vertical, horizontal */
} NormResize;

typedef struct {
  const LusStep *step;
  const LusRun *run;
} Job;

/* The last two rows of x that a thread has normalised, and projected. */
typedef struct {
  float *line[2];
  int row[2];
} Rows;

static const float *normalised_row(const LusStep *step, Rows *rows, int row)
{
  const NormResize *state = step->state;
  int k = row & 1;
  if (rows->row[k] != row) {
    gsize w = (gsize)step->x->w, c = (gsize)step->x->c;
    lus_norm_apply(state->norm, step, rows->line[k], step->x->data + (gsize)row * w * c, w);
    rows->row[k] = row;
  }
  return rows->line[k];
}

static void rows_item(void *data, int item, int thread)
{
  const Job *job = data;
  const LusStep *step = job->step;
  const NormResize *state = step->state;
  const LusResizeAxis *v = &state->axis[0], *u = &state->axis[1];
  gsize c = (gsize)step->y->c, in_row = (gsize)u->in * c, out_row = (gsize)u->out * c;
  float *scratch = job->run->scratch + (gsize)thread * job->run->scratch_stride;
  Rows rows = {.line = {scratch, scratch + in_row}, .row = {-1, -1}};
  float *mixed = scratch + 2 * in_row;
  int end = MIN((item + 1) * ROWS_PER_ITEM, step->y->h);
  for (int o = item * ROWS_PER_ITEM; o < end; o++) {
    const float *line = normalised_row(step, &rows, v->i0[o]);
    if (v->w[o] != 0) {
      lus_kernels()->lerp(mixed, line, normalised_row(step, &rows, v->i1[o]), v->w[o], in_row);
      line = mixed;
    }
    float *out = step->y->data + (gsize)o * out_row;
    lus_kernels()->lerp_pixels(out, line, u->i0, u->i1, u->w, (gsize)u->out, step->y->c);
    if (step->r || step->relu)
      lus_kernels()->affine(out, out, NULL, NULL,
                            step->r ? step->r->data + (gsize)o * out_row : NULL, step->relu, out_row,
                            1);
  }
}

static void forward(const LusStep *step, const LusRun *run)
{
  const NormResize *state = step->state;
  Job job = {.step = step, .run = run};
  lus_norm_group_statistics(state->norm, step, run);
  lus_parallel_for(run->pool, lus_n_items(step->y->h, ROWS_PER_ITEM), rows_item, &job);
}

static void free_state(gpointer data)
{
  NormResize *state = data;
  if (!state)
    return;
  lus_norm_free(state->norm);
  lus_resize_axis_clear(&state->axis[0]);
  lus_resize_axis_clear(&state->axis[1]);
  g_free(state);
}

static gboolean prepare(LusStep *step, GError **error)
{
  (void)error;
  NormResize *state = g_new0(NormResize, 1);
  step->state = state;
  state->norm = lus_norm_new(step, step->node->attrs.norm_groups);
  step->shared = lus_norm_shared_floats(state->norm, step->x->c);
  const LusOpAttrs *a = &step->resize->attrs;
  lus_resize_axis_init(&state->axis[0], a, 0, step->x->h, step->y->h, FALSE);
  lus_resize_axis_init(&state->axis[1], a, 1, step->x->w, step->y->w, FALSE);
  step->scratch = 3 * (gsize)step->x->w * (gsize)step->y->c;
  return TRUE;
}

const LusStepClass lus_step_norm_resize = {
    .prepare = prepare, .forward = forward, .free_state = free_state, .finishes = TRUE};
