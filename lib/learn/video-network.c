/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The graph: the same weights for every frame, whose maps meet in the shifts and in the mean. */
#include "learn/video.h"
#include "nn/error.h"
#include "nn/layers.h"

#include <math.h>

#define CHANNELS_PER_GROUP 8
#define SHIFTED 8 /* an eighth of the channels each way */
#define STAGES 3
#define AMOUNTS 8
#define MAX_FRAMES LUS_CLIP_FRAMES

/* One value per frame. */
typedef struct {
  int n, channels;
  int at[MAX_FRAMES];
} Frames;

static int node(LusLayers *b, LusOpType type, const char *name, int frame, int n, const int *inputs,
                const LusOpAttrs *attrs)
{
  g_autofree char *full = g_strdup_printf("%s.%d", name, frame);
  return lus_graph_add_node(b->graph, type, full, n, inputs, attrs);
}

static int weight(LusLayers *b, const char *name, int in, int out, int kernel)
{
  int value = lus_layers_constant(b, name, "weight", 4, (int[]){out, in, kernel, kernel}, 0);
  if (value < 0)
    return value;
  LusTensor *tensor = b->graph->values[value].constant;
  float sd = (float)sqrt(2.0 / ((double)in * kernel * kernel)); /* He et al. 2015, eq. 10 */
  lus_rng_fill_normal(&b->rng, tensor->data, tensor->count);
  for (gsize i = 0; i < tensor->count; i++)
    tensor->data[i] *= sd;
  return value;
}

/* Convolution and GroupNorm. */
static Frames conv_norm(LusLayers *b, const char *name, Frames x, int out, int kernel, int stride, float scale)
{
  g_autofree char *norm_name = g_strdup_printf("%s.norm", name);
  LusOpAttrs attrs = lus_op_attrs_default(), norm = lus_op_attrs_default();
  int w = weight(b, name, x.channels, out, kernel);
  int gain = lus_layers_constant(b, norm_name, "scale", 1, &out, scale);
  int bias = lus_layers_constant(b, norm_name, "bias", 1, &out, 0);
  norm.norm_groups = out / CHANNELS_PER_GROUP;
  for (int i = 0; i < 2; i++) {
    attrs.kernel[i] = kernel;
    attrs.stride[i] = stride;
    attrs.pad[i] = attrs.pad[i + 2] = kernel / 2;
  }
  for (int t = 0; t < x.n; t++) {
    int y = node(b, LUS_OP_CONV, name, t, 2, (int[]){x.at[t], w}, &attrs);
    x.at[t] = node(b, LUS_OP_GROUP_NORM, norm_name, t, 3, (int[]){y, gain, bias}, &norm);
  }
  x.channels = out;
  return x;
}

static Frames relu(LusLayers *b, const char *name, Frames x)
{
  g_autofree char *full = g_strdup_printf("%s.relu", name);
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int t = 0; t < x.n; t++)
    x.at[t] = node(b, LUS_OP_RELU, full, t, 1, &x.at[t], &attrs);
  return x;
}

static int channels(LusLayers *b, const char *name, int frame, int x, int first, int n, int size)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 4; i++) {
    attrs.begin[i] = 0;
    attrs.size[i] = i == 0 ? 1 : size;
    attrs.step[i] = 1;
  }
  attrs.begin[1] = first;
  attrs.size[1] = n;
  return node(b, LUS_OP_SLICE, name, frame, 1, &x, &attrs);
}

/* The shift: what stays, what comes from the frame after, what comes from the frame before. */
static Frames shift(LusLayers *b, const char *name, Frames x, int size)
{
  static const char *const parts[] = {"next", "previous", "own"};
  int n = x.channels / SHIFTED, first[] = {0, n, 2 * n}, count[] = {n, n, x.channels - 2 * n};
  LusOpAttrs attrs = lus_op_attrs_default();
  Frames y = x;
  attrs.axis = 1;
  for (int t = 0; t < x.n; t++) {
    int from[] = {x.at[MIN(t + 1, x.n - 1)], x.at[MAX(t - 1, 0)], x.at[t]}, inputs[3];
    for (int i = 0; i < 3; i++) {
      g_autofree char *part = g_strdup_printf("%s.%s", name, parts[i]);
      inputs[i] = channels(b, part, t, from[i], first[i], count[i], size);
    }
    y.at[t] = node(b, LUS_OP_CONCAT, name, t, 3, inputs, &attrs);
  }
  return y;
}

static Frames residual(LusLayers *b, int stage, Frames x, int out, int size)
{
  g_autofree char *name = g_strdup_printf("stage%d", stage), *first = g_strdup_printf("%s.conv1", name);
  g_autofree char *second = g_strdup_printf("%s.conv2", name), *shortcut = g_strdup_printf("%s.shortcut", name);
  g_autofree char *shifted = g_strdup_printf("%s.shift", name), *sum = g_strdup_printf("%s.add", name);
  LusOpAttrs attrs = lus_op_attrs_default();
  Frames y = relu(b, first, conv_norm(b, first, shift(b, shifted, x, size), out, 3, 2, 1));
  y = conv_norm(b, second, y, out, 3, 1, 0);
  x = conv_norm(b, shortcut, x, out, 1, 2, 1);
  for (int t = 0; t < x.n; t++)
    y.at[t] = node(b, LUS_OP_ADD, sum, t, 2, (int[]){y.at[t], x.at[t]}, &attrs);
  return relu(b, name, y);
}

/* The mean of a channel over all frames and pixels: [channels][1][1]. */
static int mean_of(LusLayers *b, const char *name, const Frames *x)
{
  g_autofree char *join_name = g_strdup_printf("%s.join", name);
  LusOpAttrs join = lus_op_attrs_default(), mean = lus_op_attrs_default();
  join.axis = 2;
  mean.axes = 1u << 2 | 1u << 3;
  int joined = lus_graph_add_node(b->graph, LUS_OP_CONCAT, join_name, x->n, x->at, &join);
  return lus_graph_add_node(b->graph, LUS_OP_REDUCE_MEAN, name, 1, &joined, &mean);
}

/* How much there is of each class, which the norms take out of the frames' maps: a few mixtures of the planes' means. These are
 * small, so that their weights begin large. */
static int amounts(LusLayers *b, const Frames *planes)
{
  int value = lus_layers_conv_1x1(b, "amount", mean_of(b, "amount.mean", planes), planes->channels, AMOUNTS, 0);
  const LusNode *last = &b->graph->nodes[b->graph->n_nodes - 1];
  if (b->failed)
    return value;
  LusTensor *w = b->graph->values[last->inputs[1]].constant;
  for (gsize i = 0; i < w->count; i++)
    w->data[i] *= 8;
  return value;
}

static void build(LusLayers *b, const LusVideoConfig *config, int planes)
{
  int input = lus_graph_add_input(b->graph, "planes"), size = LUS_CLIP_PIXELS / 2;
  Frames x = {.n = config->frames, .channels = planes};
  for (int t = 0; t < x.n; t++)
    x.at[t] = channels(b, "frame", t, input, t * planes, planes, LUS_CLIP_PIXELS);
  int parts[2] = {0, amounts(b, &x)};
  x = relu(b, "stem", conv_norm(b, "stem", x, config->widths[0], 3, 2, 1));
  for (int i = 0; i < STAGES; i++, size /= 2)
    x = residual(b, i + 1, x, config->widths[i], size);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.axis = 1;
  parts[0] = mean_of(b, "mean", &x);
  int pooled = lus_graph_add_node(b->graph, LUS_OP_CONCAT, "pooled", 2, parts, &attrs);
  lus_layers_finish(b, lus_layers_conv_1x1(b, "embedding", pooled, x.channels + AMOUNTS, config->embedding + 1, 0));
}

static gboolean check(const LusVideoConfig *config, int planes, GError **error)
{
  const char *wrong = NULL;
  if (config->frames != 8 && config->frames != 16)
    wrong = "a network reads 8 or 16 frames";
  if (config->embedding < 1 || config->embedding > LUS_VIDEO_MAX_EMBEDDING)
    wrong = "the embedding has 1 to 64 elements";
  if (planes < 1 || planes > LUS_MAX_CLASSES + 1)
    wrong = "a frame has 1 to 17 planes";
  for (int i = 0; i < STAGES; i++)
    if (config->widths[i] < 8 || config->widths[i] > 512 || config->widths[i] % CHANNELS_PER_GROUP)
      wrong = "widths are multiples of 8 up to 512";
  if (!wrong)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "video network: %s", wrong);
  return FALSE;
}

LusGraph *lus_video_network_new(const LusVideoConfig *config, int planes, GError **error)
{
  if (!check(config, planes, error))
    return NULL;
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusLayers b = {.graph = graph, .error = error, .group_norm = TRUE};
  lus_rng_init(&b.rng, config->seed, 0);
  build(&b, config, planes);
  return b.failed ? NULL : g_steal_pointer(&graph);
}
