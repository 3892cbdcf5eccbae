/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/exam-networks.h"
#include "lung/heads-file.h"
#include "nn/error.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NORMAL_90 1.6449 /* sd that 90 % of a normal distribution lie within */

struct _LusExamNetworks {
  LusClipNetwork *networks[LUS_TASK_N]; /* NULL: none */
  GArray *clips[LUS_TASK_N];            /* float, embedding + 1 per clip */
  GArray *zones;                              /* int */
};

LusExamNetworks *lus_exam_networks_new(const LusHeads *heads, GError **error)
{
  g_autoptr(LusExamNetworks) networks = g_new0(LusExamNetworks, 1);
  networks->zones = g_array_new(FALSE, FALSE, sizeof(int));
  for (int t = 0; t < LUS_TASK_N; t++) {
    networks->clips[t] = g_array_new(FALSE, FALSE, sizeof(float));
    const char *path = heads ? heads->networks[t].path : NULL;
    if (!path)
      continue;
    networks->networks[t] = lus_clip_network_load(path, error);
    if (!networks->networks[t])
      return NULL;
    const LusVideoHead *head = lus_clip_network_head(networks->networks[t]);
    if (g_str_equal(lus_clip_network_sha256(networks->networks[t]), heads->networks[t].sha256) &&
        g_str_equal(head->model_sha256, heads->model_sha256) && head->task == (LusTask)t)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: not the network that the heads file names, or of another model or task; repeat 'lus fit --network'",
                path);
    return NULL;
  }
  return g_steal_pointer(&networks);
}

void lus_exam_networks_free(LusExamNetworks *networks)
{
  if (!networks)
    return;
  for (int t = 0; t < LUS_TASK_N; t++) {
    lus_clip_network_free(networks->networks[t]);
    if (networks->clips[t])
      g_array_unref(networks->clips[t]);
  }
  g_array_unref(networks->zones);
  g_free(networks);
}

int lus_exam_networks_count(const LusExamNetworks *networks)
{
  int n = 0;
  for (int t = 0; t < LUS_TASK_N; t++)
    n += networks->networks[t] != NULL;
  return n;
}

gboolean lus_exam_networks_add_clip(LusExamNetworks *networks, const char *zone, const guint8 *planes, int classes,
                                    GError **error)
{
  int place = lus_video_zone(zone);
  float out[LUS_VIDEO_MAX_EMBEDDING + 1];
  for (int t = 0; t < LUS_TASK_N; t++) {
    LusClipNetwork *network = networks->networks[t];
    if (!network)
      continue;
    const LusVideoHead *head = lus_clip_network_head(network);
    if (head->classes != classes) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "the %s network reads %d classes, the model gives %d",
                  lus_task_name(head->task), head->classes, classes);
      return FALSE;
    }
    lus_clip_network_embed(network, out, planes, NULL);
    g_array_append_vals(networks->clips[t], out, (guint)head->embedding + 1);
  }
  g_array_append_val(networks->zones, place);
  return TRUE;
}

/** The exam's embedding; FALSE without network or clip. */
static gboolean attend(float *p, const LusExamNetworks *networks, int task)
{
  if (!networks->networks[task] || networks->zones->len == 0)
    return FALSE;
  lus_video_attend(p, NULL, (const float *)(const void *)networks->clips[task]->data,
                   (const int *)(const void *)networks->zones->data, (int)networks->zones->len,
                   lus_clip_network_head(networks->networks[task]));
  return TRUE;
}

static void estimate_sf(LusEstimateValue *sf, const float *p, const LusVideoHead *head, int at_hand)
{
  float out[3];
  lus_video_apply(out, p, NULL, head);
  double half_width = head->half_width * sqrt(MAX(1.0, (double)head->zones / MAX(at_hand, 1)));
  sf->value = CLAMP(head->mean + head->sd * (double)out[0], LUS_SF_MIN, LUS_SF_MAX);
  sf->low = MAX(sf->value - half_width, LUS_SF_MIN);
  sf->high = MIN(sf->value + half_width, LUS_SF_MAX);
}

static void estimate_change(LusEstimate *estimate, const float *p, const float *earlier, const LusVideoHead *head)
{
  float out[3];
  double largest = -INFINITY, sum = 0, *probability = estimate->change_probability;
  lus_video_apply(out, p, earlier, head);
  for (int o = 0; o < 3; o++) {
    if (head->slope * (double)out[o] > largest) {
      largest = head->slope * (double)out[o];
      estimate->change_class = o - 1;
    }
  }
  for (int o = 0; o < 3; o++)
    sum += probability[o] = exp(head->slope * (double)out[o] - largest);
  for (int o = 0; o < 3; o++)
    probability[o] /= sum;
}

static double logistic(double x)
{
  return 1 / (1 + exp(-x));
}

static void estimate_readmission(LusEstimateValue *risk, const float *p, const float *earlier, const LusVideoHead *head)
{
  float out[3];
  lus_video_apply(out, p, earlier, head);
  double l = (double)out[0], logit = head->slope * l + head->intercept;
  double variance = head->covariance[0] * l * l + 2 * head->covariance[1] * l + head->covariance[2];
  double half_width = NORMAL_90 * sqrt(MAX(variance, 0));
  risk->value = logistic(logit);
  risk->low = logistic(logit - half_width);
  risk->high = logistic(logit + half_width);
}

/** What the earlier exam's file holds of the same network; NULL: nothing. */
static const float *embedding_of(const LusExamFile *earlier, const LusExamNetworks *networks, int task)
{
  const LusClipNetwork *network = networks->networks[task];
  if (!earlier || !network)
    return NULL;
  const LusExamEmbedding *embedding = &earlier->embeddings[task];
  gboolean same = embedding->n == lus_clip_network_head(network)->embedding &&
                  g_strcmp0(embedding->network_sha256, lus_clip_network_sha256(network)) == 0;
  return same ? embedding->values : NULL;
}

void lus_exam_networks_estimate(LusExamNetworks *networks, LusEstimate *estimate, const LusExamFile *earlier, int at_hand)
{
  float p[LUS_VIDEO_MAX_EMBEDDING];
  if (estimate->sf.valid && attend(p, networks, LUS_TASK_SF))
    estimate_sf(&estimate->sf, p, lus_clip_network_head(networks->networks[LUS_TASK_SF]), at_hand);
  const float *before = embedding_of(earlier, networks, LUS_TASK_CHANGE);
  if (estimate->change_valid && before && attend(p, networks, LUS_TASK_CHANGE))
    estimate_change(estimate, p, before, lus_clip_network_head(networks->networks[LUS_TASK_CHANGE]));
  before = embedding_of(earlier, networks, LUS_TASK_READMISSION);
  if (estimate->readmission.valid && (before || !earlier) && attend(p, networks, LUS_TASK_READMISSION))
    estimate_readmission(&estimate->readmission, p, before,
                         lus_clip_network_head(networks->networks[LUS_TASK_READMISSION]));
}

char *lus_exam_networks_to_json(const LusExamNetworks *networks)
{
  float p[LUS_VIDEO_MAX_EMBEDDING];
  json_t *root = json_object();
  for (int t = 0; t < LUS_TASK_N; t++) {
    if (!attend(p, networks, t))
      continue;
    json_t *values = json_array();
    for (int k = 0; k < lus_clip_network_head(networks->networks[t])->embedding; k++)
      json_array_append_new(values, json_real((double)p[k]));
    json_object_set_new(root, lus_task_name((LusTask)t),
                        json_pack("{s:s, s:o}", "network_sha256", lus_clip_network_sha256(networks->networks[t]),
                                  "values", values));
  }
  char *dumped = json_object_size(root) > 0 ? json_dumps(root, JSON_COMPACT) : NULL, *text = g_strdup(dumped);
  free(dumped);
  json_decref(root);
  return text;
}
