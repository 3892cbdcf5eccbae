/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/exam-networks.h"
#include "lung/heads-file.h"
#include "nn/error.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FAILED "Network failed"
#define NORMAL_90 1.6449 /* sd that 90 % of a normal distribution lie within */

#define MAX_NUMBER 1e6f  /* of an embedding: more is no sensible number */

typedef struct {
  char zone[LUS_ZONE_LENGTH];
  int number;
  float out[LUS_TASK_N][LUS_VIDEO_MAX_EMBEDDING + 1];
} Clip;

struct _LusExamNetworks {
  LusClipNetwork *networks[LUS_TASK_N]; /* NULL: none */
  char *paths[LUS_TASK_N];              /* theirs */
  char *model_sha256;
  GArray *clips;                        /* Clip, by zone and number */
};

LusExamNetworks *lus_exam_networks_new(const LusHeads *heads, GError **error)
{
  g_autoptr(LusExamNetworks) networks = g_new0(LusExamNetworks, 1);
  networks->clips = g_array_new(FALSE, TRUE, sizeof(Clip));
  networks->model_sha256 = heads ? g_strdup(heads->model_sha256) : NULL;
  for (int t = 0; t < LUS_TASK_N; t++) {
    const char *path = heads ? heads->networks[t].path : NULL;
    if (!path)
      continue;
    networks->networks[t] = lus_clip_network_load(path, error);
    if (!networks->networks[t])
      return NULL;
    networks->paths[t] = g_strdup(path);
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
    g_free(networks->paths[t]);
  }
  g_free(networks->model_sha256);
  g_array_unref(networks->clips);
  g_free(networks);
}

int lus_exam_networks_count(const LusExamNetworks *networks)
{
  int n = 0;
  for (int t = 0; t < LUS_TASK_N; t++)
    n += networks->networks[t] != NULL;
  return n;
}

gboolean lus_exam_networks_read_grey(const LusExamNetworks *networks)
{
  for (int t = 0; t < LUS_TASK_N; t++)
    if (networks->networks[t] && lus_clip_network_head(networks->networks[t])->grey)
      return TRUE;
  return FALSE;
}

static gboolean check_classes(const LusExamNetworks *networks, int classes, GError **error)
{
  for (int t = 0; t < LUS_TASK_N; t++) {
    if (!networks->networks[t] || lus_clip_network_head(networks->networks[t])->classes == classes)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: the network reads %d classes, the model gives %d; repeat 'lus features --planes' and 'lus fit "
                "--network' with this model",
                networks->paths[t], lus_clip_network_head(networks->networks[t])->classes, classes);
    return FALSE;
  }
  return TRUE;
}

gboolean lus_exam_networks_suit(const LusExamNetworks *networks, const LusModel *model, GError **error)
{
  if (lus_exam_networks_count(networks) == 0 || !g_str_equal(networks->model_sha256, lus_model_sha256(model)))
    return FALSE;
  return check_classes(networks, lus_model_info(model)->n_classes, error);
}

/** The place of a clip, made where there is none yet. */
static Clip *find_clip(LusExamNetworks *networks, const char *zone, int number)
{
  guint i = 0;
  for (; i < networks->clips->len; i++) {
    Clip *clip = &g_array_index(networks->clips, Clip, i);
    int order = strcmp(clip->zone, zone);
    if (order == 0 && clip->number == number)
      return clip;
    if (order > 0 || (order == 0 && clip->number > number))
      break;
  }
  Clip added = {.number = number};
  g_strlcpy(added.zone, zone, sizeof added.zone);
  g_array_insert_val(networks->clips, i, added);
  return &g_array_index(networks->clips, Clip, i);
}

static gboolean run_network(float *out, const LusExamNetworks *networks, int task, const char *zone,
                            const guint8 *planes, GError **error)
{
  LusClipNetwork *network = networks->networks[task];
  lus_clip_network_embed(network, out, planes, NULL);
  for (int k = 0; k <= lus_clip_network_head(network)->embedding; k++) {
    if (fabsf(out[k]) <= MAX_NUMBER)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: the network makes %g of a clip of zone %s, which is no sensible number; repeat 'lus fit --network'",
                networks->paths[task], (double)out[k], zone);
    return FALSE;
  }
  return TRUE;
}

gboolean lus_exam_networks_set_clip(LusExamNetworks *networks, const char *zone, int number, const guint8 *planes,
                                    int classes, GError **error)
{
  float out[LUS_TASK_N][LUS_VIDEO_MAX_EMBEDDING + 1] = {{0}};
  if (!check_classes(networks, classes, error))
    return FALSE;
  for (int t = 0; t < LUS_TASK_N; t++)
    if (networks->networks[t] && !run_network(out[t], networks, t, zone, planes, error))
      return FALSE;
  memcpy(find_clip(networks, zone, number)->out, out, sizeof out);
  return TRUE;
}

/** The exam's embedding; FALSE without network or clip. */
static gboolean attend(float *p, const LusExamNetworks *networks, int task, const char *const *zones)
{
  if (!networks->networks[task])
    return FALSE;
  const LusVideoHead *head = lus_clip_network_head(networks->networks[task]);
  gsize size = (gsize)head->embedding + 1;
  g_autofree float *clips = g_new(float, networks->clips->len * size);
  g_autofree int *places = g_new(int, networks->clips->len);
  int n = 0;
  for (guint i = 0; i < networks->clips->len; i++) {
    const Clip *clip = &g_array_index(networks->clips, Clip, i);
    if (!g_strv_contains(zones, clip->zone))
      continue;
    memcpy(clips + (gsize)n * size, clip->out[task], size * sizeof *clips);
    places[n++] = lus_video_zone(clip->zone);
  }
  if (n > 0)
    lus_video_attend(p, NULL, clips, places, n, head);
  return n > 0;
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
  gboolean same = g_strcmp0(earlier->model_sha256, networks->model_sha256) == 0 && embedding->n == lus_clip_network_head(network)->embedding &&
                  g_strcmp0(embedding->network_sha256, lus_clip_network_sha256(network)) == 0;
  return same ? embedding->values : NULL;
}

/** The same where the network's numbers are to be used. */
static gboolean attend_enough(float *p, const LusExamNetworks *networks, int task, const char *const *zones)
{
  const LusClipNetwork *network = networks->networks[task];
  return network && (int)g_strv_length((char **)zones) >= lus_clip_network_head(network)->min_zones &&
         attend(p, networks, task, zones);
}

void lus_exam_networks_estimate(const LusExamNetworks *networks, LusEstimate *estimate, const LusExamFile *earlier,
                                const char *const *zones)
{
  float p[LUS_VIDEO_MAX_EMBEDDING];
  if (estimate->sf.valid && attend_enough(p, networks, LUS_TASK_SF, zones))
    estimate_sf(&estimate->sf, p, lus_clip_network_head(networks->networks[LUS_TASK_SF]),
                (int)g_strv_length((char **)zones));
  const float *before = embedding_of(earlier, networks, LUS_TASK_CHANGE);
  if (estimate->change_valid && before && attend_enough(p, networks, LUS_TASK_CHANGE, zones))
    estimate_change(estimate, p, before, lus_clip_network_head(networks->networks[LUS_TASK_CHANGE]));
  before = embedding_of(earlier, networks, LUS_TASK_READMISSION);
  if (estimate->readmission.valid && (before || !earlier) && attend_enough(p, networks, LUS_TASK_READMISSION, zones))
    estimate_readmission(&estimate->readmission, p, before,
                         lus_clip_network_head(networks->networks[LUS_TASK_READMISSION]));
}

static void invalidate(LusEstimateValue *value)
{
  if (!value->valid)
    return;
  *value = (LusEstimateValue){.value = NAN, .low = NAN, .high = NAN};
  g_strlcpy(value->reason, FAILED, sizeof value->reason);
}

void lus_exam_networks_fail(const LusExamNetworks *networks, LusEstimate *estimate)
{
  if (networks->networks[LUS_TASK_SF])
    invalidate(&estimate->sf);
  if (networks->networks[LUS_TASK_READMISSION])
    invalidate(&estimate->readmission);
  if (!networks->networks[LUS_TASK_CHANGE] || !estimate->change_valid)
    return;
  estimate->change_valid = FALSE;
  for (int i = 0; i < LUS_CHANGE_N; i++)
    estimate->change_probability[i] = NAN;
  g_strlcpy(estimate->change_reason, FAILED, sizeof estimate->change_reason);
}

char *lus_exam_networks_to_json(const LusExamNetworks *networks, const char *const *zones)
{
  float p[LUS_VIDEO_MAX_EMBEDDING];
  json_t *root = json_object();
  for (int t = 0; t < LUS_TASK_N; t++) {
    if (!attend(p, networks, t, zones))
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
