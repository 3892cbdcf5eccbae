/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/fpn-encoders.h"

#include "nn/error.h"
#include "nn/layers.h"

#define LEVELS 4 /* 1/4, 1/8, 1/16, 1/32 */
#define NORM_GROUPS 32
#define WIDTH_UNIT 16 /* twice it is the least width with 32 groups */
#define MAX_WIDTH 512
#define MAX_IN_CHANNELS 64
#define MAX_CLASSES 16
#define MOBILENET_WIDTH 32

/** A map and its number of channels. */
typedef struct {
  int value, channels;
} Map;

static const struct {
  const char *name;
  int usual_width;
} encoders[] = {
  [LUS_ENCODER_RESNET18] = {"resnet18", 64},
  [LUS_ENCODER_MOBILENET_V2] = {"mobilenet_v2", MOBILENET_WIDTH},
  [LUS_ENCODER_RESNET34] = {"resnet34", 64},
};

static const struct {
  const char *name;
  LusEncoder encoder;
  int width;
} reference_networks[] = {
  {"r18gn", LUS_ENCODER_RESNET18, 64},
  {"r18h", LUS_ENCODER_RESNET18, 32},
  {"mbv2", LUS_ENCODER_MOBILENET_V2, MOBILENET_WIDTH},
};

/** Convolution and normalisation. */
static Map conv_norm(LusLayers *b, const char *name, Map x, int out, int kernel, int stride, int groups)
{
  int y = lus_layers_conv(b, name, x.value, x.channels, out, kernel, stride, groups);
  return (Map){lus_layers_norm(b, name, y, out, 1), out};
}

/* ---- ResNet-18 and 34 ---- */

static Map relu(LusLayers *b, const char *name, Map x)
{
  return (Map){lus_layers_relu(b, name, x.value), x.channels};
}

static Map max_pool(LusLayers *b, Map x)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  for (int i = 0; i < 2; i++) {
    attrs.kernel[i] = 3;
    attrs.stride[i] = 2;
    attrs.pad[i] = attrs.pad[i + 2] = 1;
  }
  return (Map){lus_graph_add_node(b->graph, LUS_OP_MAX_POOL, "encoder.pool", 1, &x.value, &attrs), x.channels};
}

/** Two 3x3 convolutions beside the identity, or beside a 1x1 convolution where the shape changes. A GroupNorm at the end
 *  has scale zero at first, so that training starts from the identity (Goyal et al. 2017, section 5.1). */
static Map basic_block(LusLayers *b, const char *name, Map x, int out, int stride)
{
  g_autofree char *first = g_strdup_printf("%s.conv1", name);
  g_autofree char *second = g_strdup_printf("%s.conv2", name);
  g_autofree char *shortcut = g_strdup_printf("%s.shortcut", name);
  Map y = relu(b, first, conv_norm(b, first, x, out, 3, stride, 1));
  int z = lus_layers_conv(b, second, y.value, out, out, 3, 1, 1);
  z = lus_layers_norm(b, second, z, out, 0);
  if (stride != 1 || x.channels != out)
    x = conv_norm(b, shortcut, x, out, 1, stride, 1);
  return relu(b, name, (Map){lus_layers_add(b, name, z, x.value), out});
}

static void resnet(LusLayers *b, Map features[LEVELS], Map x, int width, const int blocks[LEVELS])
{
  x = max_pool(b, relu(b, "encoder.stem", conv_norm(b, "encoder.stem", x, width, 7, 2, 1)));
  for (int level = 0; level < LEVELS; level++) {
    for (int i = 0; i < blocks[level]; i++) {
      g_autofree char *name = g_strdup_printf("encoder.stage%d.block%d", level + 1, i + 1);
      x = basic_block(b, name, x, width << level, level > 0 && i == 0 ? 2 : 1);
    }
    features[level] = x;
  }
}

/* ---- MobileNetV2 ---- */

/** Convolution, normalisation and ReLU6. */
static Map conv_norm_relu6(LusLayers *b, const char *name, Map x, int out, int kernel, int stride, int groups)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.alpha = 0;
  attrs.beta = 6;
  g_autofree char *clip = g_strdup_printf("%s.relu6", name);
  Map y = conv_norm(b, name, x, out, kernel, stride, groups);
  return (Map){lus_graph_add_node(b->graph, LUS_OP_CLIP, clip, 1, &y.value, &attrs), out};
}

/** 1x1 to @expansion times the channels, depthwise 3x3, 1x1 without activation; beside the identity where the shape
 *  stays. */
static Map inverted_residual(LusLayers *b, const char *name, Map x, int out, int stride, int expansion)
{
  g_autofree char *expand = g_strdup_printf("%s.expand", name);
  g_autofree char *depthwise = g_strdup_printf("%s.depthwise", name);
  g_autofree char *project = g_strdup_printf("%s.project", name);
  Map y = expansion == 1 ? x : conv_norm_relu6(b, expand, x, x.channels * expansion, 1, 1, 1);
  y = conv_norm_relu6(b, depthwise, y, y.channels, 3, stride, y.channels);
  y = conv_norm(b, project, y, out, 1, 1, 1);
  return stride == 1 && x.channels == out ? (Map){lus_layers_add(b, name, x.value, y.value), out} : y;
}

/** The features are those of the last block before each halving, and of the last layer. */
static void mobilenet_v2(LusLayers *b, Map features[LEVELS], Map x, int width)
{
  static const struct {
    int expansion, channels, blocks, stride;
    int level; /* that it completes, -1: none */
  } stages[] = {{1, 16, 1, 1, -1}, {6, 24, 2, 2, 0},  {6, 32, 3, 2, 1},  {6, 64, 4, 2, -1},
                {6, 96, 3, 1, 2},  {6, 160, 3, 2, -1}, {6, 320, 1, 1, -1}};
  x = conv_norm_relu6(b, "encoder.stem", x, width, 3, 2, 1);
  for (guint s = 0; s < G_N_ELEMENTS(stages); s++) {
    for (int i = 0; i < stages[s].blocks; i++) {
      g_autofree char *name = g_strdup_printf("encoder.stage%u.block%d", s + 1, i + 1);
      x = inverted_residual(b, name, x, stages[s].channels * width / MOBILENET_WIDTH, i == 0 ? stages[s].stride : 1,
                            stages[s].expansion);
    }
    if (stages[s].level >= 0)
      features[stages[s].level] = x;
  }
  features[LEVELS - 1] = conv_norm_relu6(b, "encoder.last", x, 1280 * width / MOBILENET_WIDTH, 1, 1, 1);
}

/* ---- decoder ---- */

static int up_bilinear(LusLayers *b, const char *layer, int x, float factor)
{
  return lus_layers_up(b, layer, x, LUS_RESIZE_LINEAR, LUS_COORD_ALIGN_CORNERS, factor);
}

/** A pyramid level brought to 1/4: 3x3 convolution, GroupNorm, ReLU and x2 per doubling; without x2 at 1/4. */
static int segmentation(LusLayers *b, int level, int x, int in, int out)
{
  for (int i = 0; i < MAX(level, 1); i++) {
    g_autofree char *name = g_strdup_printf("segmentation.p%d.block%d", level + 2, i + 1);
    x = lus_layers_conv(b, name, x, i == 0 ? in : out, out, 3, 1, 1);
    x = lus_layers_relu(b, name, lus_layers_group_norm(b, name, x, out, NORM_GROUPS, 1));
    if (level > 0)
      x = up_bilinear(b, name, x, 2);
  }
  return x;
}

static void build(LusLayers *b, const LusEncoderFpnConfig *n)
{
  const int pyramid = 4 * n->width, width = 2 * n->width;
  Map x = {lus_graph_add_input(b->graph, "x"), n->in_channels}, features[LEVELS];
  if (n->encoder == LUS_ENCODER_MOBILENET_V2)
    mobilenet_v2(b, features, x, n->width);
  else
    resnet(b, features, x, n->width, n->encoder == LUS_ENCODER_RESNET18 ? (int[]){2, 2, 2, 2} : (int[]){3, 4, 6, 3});

  int p[LEVELS];
  for (int i = LEVELS - 1; i >= 0; i--) {
    g_autofree char *name = g_strdup_printf("pyramid.p%d", i + 2);
    p[i] = lus_layers_conv_1x1(b, name, features[i].value, features[i].channels, pyramid, 0);
    if (i < LEVELS - 1)
      p[i] = lus_layers_add(b, name, lus_layers_up_nearest(b, name, p[i + 1]), p[i]);
  }

  int merged = segmentation(b, LEVELS - 1, p[LEVELS - 1], pyramid, width);
  for (int i = LEVELS - 2; i >= 0; i--) {
    g_autofree char *name = g_strdup_printf("merge.p%d", i + 2);
    merged = lus_layers_add(b, name, merged, segmentation(b, i, p[i], pyramid, width));
  }
  int logits = lus_layers_conv_1x1(b, "head", merged, width, n->classes, n->head_bias);
  lus_layers_finish(b, up_bilinear(b, "head", logits, 4));
}

/* ---- what can be asked for ---- */

gboolean lus_encoder_parse(LusEncoder *encoder, const char *text, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS(encoders); i++)
    if (g_str_equal(encoders[i].name, text)) {
      *encoder = (LusEncoder)i;
      return TRUE;
    }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "encoder '%s': is one of resnet18, resnet34, mobilenet_v2", text);
  return FALSE;
}

const char *lus_encoder_name(LusEncoder encoder)
{
  return encoders[encoder].name;
}

int lus_encoder_usual_width(LusEncoder encoder)
{
  return encoders[encoder].usual_width;
}

gboolean lus_encoder_fpn_named(LusEncoderFpnConfig *config, const char *name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS(reference_networks); i++)
    if (g_str_equal(reference_networks[i].name, name)) {
      config->encoder = reference_networks[i].encoder;
      config->width = reference_networks[i].width;
      return TRUE;
    }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "network '%s': is one of r18gn, r18h, mbv2", name);
  return FALSE;
}

static gboolean check_config(const LusEncoderFpnConfig *n, GError **error)
{
  if ((guint)n->encoder >= G_N_ELEMENTS(encoders))
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "network: there is no encoder number %d", (int)n->encoder);
  else if (n->width < WIDTH_UNIT || n->width > MAX_WIDTH || n->width % WIDTH_UNIT != 0)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "network: the width is %d but must be a multiple of %d up to %d",
                n->width, WIDTH_UNIT, MAX_WIDTH);
  else if (n->in_channels < 1 || n->in_channels > MAX_IN_CHANNELS)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "network: %d input channels but there must be 1 to %d",
                n->in_channels, MAX_IN_CHANNELS);
  else if (n->classes < 1 || n->classes > MAX_CLASSES)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "network: %d classes but there must be 1 to %d", n->classes,
                MAX_CLASSES);
  else
    return TRUE;
  return FALSE;
}

LusGraph *lus_encoder_fpn_new(const LusEncoderFpnConfig *config, guint64 seed, GError **error)
{
  if (!check_config(config, error))
    return NULL;
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusLayers b = {.graph = graph, .error = error, .group_norm = config->group_norm};
  lus_rng_init(&b.rng, seed, 0);
  build(&b, config);
  return b.failed ? NULL : g_steal_pointer(&graph);
}
