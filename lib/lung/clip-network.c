/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/clip-network.h"

#include "lung/clip-network-file.h"
#include "nn/error.h"
#include "nn/plan.h"

#define PLANE ((gsize)LUS_CLIP_PIXELS * LUS_CLIP_PIXELS)

struct _LusClipNetwork {
  LusVideoHead head;
  LusGraph *graph;
  LusPlan *plan;
  float *input; /* [frames x planes][LUS_CLIP_PIXELS][LUS_CLIP_PIXELS] */
  char *sha256, *training;
};

static int n_planes(const LusVideoHead *head)
{
  return head->classes + (head->grey ? 1 : 0);
}

LusClipNetwork *lus_clip_network_new(LusGraph *graph, const LusVideoHead *head, GError **error)
{
  g_autoptr(LusClipNetwork) network = g_new0(LusClipNetwork, 1);
  int channels = head->frames * n_planes(head), shape[3];
  network->graph = graph;
  network->head = *head;
  network->plan = lus_plan_new(graph, channels, LUS_CLIP_PIXELS, LUS_CLIP_PIXELS, LUS_PLAN_INFER_FP32, 1, error);
  if (!network->plan)
    return NULL;
  lus_plan_output_shape(network->plan, shape);
  if (shape[0] != head->embedding + 1 || shape[1] != 1 || shape[2] != 1) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "the network gives %dx%dx%d numbers, expected %d", shape[0], shape[1],
                shape[2], head->embedding + 1);
    return NULL;
  }
  network->input = g_try_malloc_n((gsize)channels * PLANE, sizeof(float));
  if (!network->input) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for a clip's planes");
    return NULL;
  }
  return g_steal_pointer(&network);
}

void lus_clip_network_free(LusClipNetwork *network)
{
  if (!network)
    return;
  lus_plan_free(network->plan);
  lus_graph_free(network->graph);
  g_free(network->input);
  g_free(network->sha256);
  g_free(network->training);
  g_free(network);
}

LusClipNetwork *lus_clip_network_load(const char *path, GError **error)
{
  LusVideoHead head;
  g_autofree char *sha256 = NULL, *training = NULL;
  LusGraph *graph = lus_clip_network_read(path, &head, &sha256, &training, error);
  LusClipNetwork *network = graph ? lus_clip_network_new(graph, &head, error) : NULL;
  if (network) {
    network->sha256 = g_steal_pointer(&sha256);
    network->training = g_steal_pointer(&training);
  } else if (graph)
    g_prefix_error(error, "%s: ", path);
  return network;
}

gboolean lus_clip_network_save(const LusClipNetwork *network, const char *record, const char *path, GError **error)
{
  return lus_clip_network_write(network->graph, &network->head, record, path, error);
}

const LusVideoHead *lus_clip_network_head(const LusClipNetwork *network)
{
  return &network->head;
}

void lus_clip_network_set_head(LusClipNetwork *network, const LusVideoHead *head)
{
  network->head = *head;
}

const char *lus_clip_network_sha256(const LusClipNetwork *network)
{
  return network->sha256;
}

const char *lus_clip_network_training(const LusClipNetwork *network)
{
  return network->training;
}

gsize lus_clip_network_n_parameters(const LusClipNetwork *network)
{
  return lus_graph_n_parameters(network->graph);
}

void lus_clip_network_input(float *out, const guint8 *planes, const LusVideoHead *head, int first, gboolean mirror)
{
  gsize frame = ((gsize)head->classes + 1) * PLANE, n = (gsize)n_planes(head) * LUS_CLIP_PIXELS;
  int step = LUS_CLIP_FRAMES / head->frames;
  for (int t = 0; t < head->frames; t++) {
    const guint8 *in = planes + (gsize)(first + t * step) * frame;
    for (gsize row = 0; row < n; row++, in += LUS_CLIP_PIXELS, out += LUS_CLIP_PIXELS)
      for (int x = 0; x < LUS_CLIP_PIXELS; x++)
        out[mirror ? LUS_CLIP_PIXELS - 1 - x : x] = (float)in[x] / 255;
  }
}

void lus_clip_network_embed(LusClipNetwork *network, float *out, const guint8 *planes, LusParallel *pool)
{
  lus_clip_network_input(network->input, planes, &network->head, 0, FALSE);
  lus_plan_forward(network->plan, out, network->input, pool);
}
