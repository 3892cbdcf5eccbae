/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/video-internal.h"

#include <math.h>
#include <string.h>

#define TEMPERATURE 0.2

int lus_video_head_parameters(const LusVideoHead *head)
{
  return LUS_VIDEO_ZONES + lus_video_outputs(head->task) * (lus_video_inputs(head) + 1);
}

void lus_video_head_get(float *out, const LusVideoHead *head)
{
  int outputs = lus_video_outputs(head->task), inputs = lus_video_inputs(head);
  memcpy(out, head->zone_bias, sizeof head->zone_bias);
  out += LUS_VIDEO_ZONES;
  for (int o = 0; o < outputs; o++, out += inputs)
    memcpy(out, head->weight[o], (gsize)inputs * sizeof *out);
  memcpy(out, head->bias, (gsize)outputs * sizeof *out);
}

void lus_video_head_set(LusVideoHead *head, const float *in)
{
  int outputs = lus_video_outputs(head->task), inputs = lus_video_inputs(head);
  memcpy(head->zone_bias, in, sizeof head->zone_bias);
  in += LUS_VIDEO_ZONES;
  for (int o = 0; o < outputs; o++, in += inputs)
    memcpy(head->weight[o], in, (gsize)inputs * sizeof *in);
  memcpy(head->bias, in, (gsize)outputs * sizeof *in);
}

/* ---- the task ---- */

/** Loss of one item's outputs and its gradient. */
static double task_loss(double d_out[3], const float out[3], double target, LusTask task)
{
  if (task == LUS_TASK_SF) {
    double r = (double)out[0] - target;
    d_out[0] = CLAMP(r, -1, 1);
    return fabs(r) <= 1 ? r * r / 2 : fabs(r) - 0.5;
  }
  if (task == LUS_TASK_READMISSION) {
    double l = (double)out[0];
    d_out[0] = 1 / (1 + exp(-l)) - target;
    return MAX(l, 0) - l * target + log1p(exp(-fabs(l)));
  }
  double largest = MAX(MAX((double)out[0], (double)out[1]), (double)out[2]), sum = 0;
  for (int o = 0; o < 3; o++)
    sum += exp((double)out[o] - largest);
  for (int o = 0; o < 3; o++)
    d_out[o] = exp((double)out[o] - largest) / sum - (o == (int)target);
  return log(sum) + largest - (double)out[(int)target];
}

/** From the gradient of an exam's p to that of its clips and of the zones' biases. */
static void attend_backward(LusVideoBatch *batch, float *d_head, const double *d_p, const float *attention,
                            LusVideoRange range, int e)
{
  double mean = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < range.n; i++) {
      gsize slot = (gsize)(range.first + i), at = slot * ((gsize)e + 1);
      double along = 0, share = (double)attention[i];
      for (int k = 0; k < e; k++)
        along += d_p[k] * (double)batch->clips[at + (gsize)k];
      if (pass == 0) {
        mean += share * along;
        continue;
      }
      for (int k = 0; k < e; k++)
        batch->d_clips[at + (gsize)k] += (float)(share * d_p[k]);
      float d_score = (float)(share * (along - mean));
      batch->d_clips[at + (gsize)e] += d_score;
      if (batch->zone[slot] >= 0)
        d_head[batch->zone[slot]] += d_score;
    }
}

static void attend(float *p, float *attention, const LusVideoBatch *batch, LusVideoRange range, const LusVideoHead *head)
{
  gsize row = (gsize)head->embedding + 1;
  lus_video_attend(p, attention, batch->clips + (gsize)range.first * row, batch->zone + range.first, range.n, head);
}

static double item_loss(LusVideoBatch *batch, float *d_head, const LusVideoItem *item, const LusVideoHead *head,
                        double scale)
{
  float p[LUS_VIDEO_MAX_EMBEDDING], q[LUS_VIDEO_MAX_EMBEDDING], out[3];
  g_autofree float *attention = g_new(float, MAX(item->last.n, item->earlier.n));
  double d_out[3], d_p[LUS_VIDEO_MAX_EMBEDDING] = {0}, d_q[LUS_VIDEO_MAX_EMBEDDING] = {0};
  int e = head->embedding, inputs = lus_video_inputs(head), outputs = lus_video_outputs(head->task);
  gboolean paired = item->earlier.n > 0;
  attend(p, attention, batch, item->last, head);
  if (paired)
    attend(q, attention, batch, item->earlier, head);
  lus_video_apply(out, p, paired ? q : NULL, head);
  double loss = task_loss(d_out, out, item->target, head->task);
  int first = head->task == LUS_TASK_READMISSION ? e : 0; /* where the difference stands among the inputs */
  for (int o = 0; o < outputs; o++) {
    float *d_weight = d_head + LUS_VIDEO_ZONES + o * inputs;
    double d = d_out[o] * scale;
    for (int k = 0; k < e; k++) {
      double difference = paired ? (double)p[k] - (double)q[k] : 0;
      if (head->task != LUS_TASK_CHANGE) {
        d_weight[k] += (float)(d * (double)p[k]);
        d_p[k] += d * (double)head->weight[o][k];
      }
      if (head->task == LUS_TASK_SF || !paired)
        continue;
      d_weight[first + k] += (float)(d * difference);
      d_p[k] += d * (double)head->weight[o][first + k];
      d_q[k] -= d * (double)head->weight[o][first + k];
    }
    d_head[LUS_VIDEO_ZONES + outputs * inputs + o] += (float)d;
  }
  if (paired)
    attend_backward(batch, d_head, d_q, attention, item->earlier, e); /* attention still is the earlier exam's */
  attend(p, attention, batch, item->last, head);
  attend_backward(batch, d_head, d_p, attention, item->last, e);
  return loss * scale;
}

/* ---- the contrast ---- */

/** Unit vectors of the clips that have a pair, and their lengths. */
static void normalise(double *units, double *lengths, const LusVideoBatch *batch, int e)
{
  for (int i = 0; i < batch->n_slots; i++) {
    const float *clip = batch->clips + (gsize)i * ((gsize)e + 1);
    double squares = 1e-12;
    for (int k = 0; k < e; k++)
      squares += (double)clip[k] * (double)clip[k];
    lengths[i] = sqrt(squares);
    for (int k = 0; k < e; k++)
      units[i * e + k] = (double)clip[k] / lengths[i];
  }
}

static double dot(const double *a, const double *b, int n)
{
  double sum = 0;
  for (int k = 0; k < n; k++)
    sum += a[k] * b[k];
  return sum;
}

static gboolean is_compared(const LusVideoBatch *batch, int i, int k)
{
  return batch->pair[k] >= 0 && (k == batch->pair[i] || batch->exam[k] != batch->exam[i]);
}

/** Loss of clip @i as the one asked about; adds to the gradients of the unit vectors. */
static double anchor_loss(double *d_units, const double *units, const LusVideoBatch *batch, int i, int e, double scale)
{
  double largest = -INFINITY, sum = 0;
  const double *z = units + i * e;
  for (int k = 0; k < batch->n_slots; k++)
    if (is_compared(batch, i, k))
      largest = MAX(largest, dot(z, units + k * e, e) / TEMPERATURE);
  for (int k = 0; k < batch->n_slots; k++)
    if (is_compared(batch, i, k))
      sum += exp(dot(z, units + k * e, e) / TEMPERATURE - largest);
  for (int k = 0; k < batch->n_slots; k++) {
    if (!is_compared(batch, i, k))
      continue;
    double share = exp(dot(z, units + k * e, e) / TEMPERATURE - largest) / sum - (k == batch->pair[i]);
    for (int m = 0; m < e; m++) {
      d_units[i * e + m] += scale * share * units[k * e + m] / TEMPERATURE;
      d_units[k * e + m] += scale * share * z[m] / TEMPERATURE;
    }
  }
  return scale * (log(sum) + largest - dot(z, units + batch->pair[i] * e, e) / TEMPERATURE);
}

static double contrast_loss(LusVideoBatch *batch, int e, double factor)
{
  g_autofree double *units = g_new0(double, (gsize)batch->n_slots * (gsize)e);
  g_autofree double *d_units = g_new0(double, (gsize)batch->n_slots * (gsize)e);
  g_autofree double *lengths = g_new0(double, batch->n_slots);
  double loss = 0;
  int n = 0;
  for (int i = 0; i < batch->n_slots; i++)
    n += batch->pair[i] >= 0;
  if (n == 0)
    return 0;
  normalise(units, lengths, batch, e);
  for (int i = 0; i < batch->n_slots; i++)
    if (batch->pair[i] >= 0)
      loss += anchor_loss(d_units, units, batch, i, e, factor / n);
  for (int i = 0; i < batch->n_slots; i++) {
    double along = dot(d_units + i * e, units + i * e, e);
    float *d_clip = batch->d_clips + (gsize)i * ((gsize)e + 1);
    for (int k = 0; k < e; k++)
      d_clip[k] += (float)((d_units[i * e + k] - along * units[i * e + k]) / lengths[i]);
  }
  return loss;
}

double lus_video_loss(LusVideoBatch *batch, float *d_head, const LusVideoHead *head, double contrast)
{
  double loss = 0;
  memset(batch->d_clips, 0, (gsize)batch->n_slots * ((gsize)head->embedding + 1) * sizeof(float));
  for (int i = 0; i < batch->n_items; i++)
    loss += item_loss(batch, d_head, &batch->items[i], head, 1.0 / batch->n_items);
  return contrast > 0 ? loss + contrast_loss(batch, head->embedding, contrast) : loss;
}
