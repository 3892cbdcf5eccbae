/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/fpn.h"

#include "nn/error.h"
#include "nn/layers.h"

#define CHANNELS_PER_GROUP 8
#define LEVELS 4 /* 1/4, 1/8, 1/16, 1/32 */
#define MAX_WIDTH 4096
#define MAX_BLOCKS 64

/* ---- layers ---- */

static int conv(LusLayers *b, const char *name, int x, int in, int out, int kernel, int stride)
{
  return lus_layers_conv(b, name, x, in, out, kernel, stride, 1);
}

static int norm(LusLayers *b, const char *layer, int x, int channels, float scale)
{
  return lus_layers_group_norm(b, layer, x, channels, channels / CHANNELS_PER_GROUP, scale);
}

static int up_bilinear(LusLayers *b, const char *layer, int x, float factor)
{
  return lus_layers_up(b, layer, x, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, factor);
}

/* conv, GroupNorm, ReLU */
static int block(LusLayers *b, const char *name, int x, int in, int out, int kernel, int stride)
{
  return lus_layers_relu(b, name, norm(b, name, conv(b, name, x, in, out, kernel, stride), out, 1));
}

/* Basic residual block (He et al. 2016, fig. 2): two 3x3, the last scale zero so that training
 * starts from the identity (Goyal et al. 2017, section 5.1). */
static int residual(LusLayers *b, const char *name, int x, int in, int out, int stride)
{
  g_autofree char *first = g_strdup_printf("%s.conv1", name);
  g_autofree char *second = g_strdup_printf("%s.conv2", name);
  g_autofree char *shortcut = g_strdup_printf("%s.shortcut", name);
  int y = block(b, first, x, in, out, 3, stride);
  y = norm(b, second, conv(b, second, y, out, out, 3, 1), out, 0);
  if (stride != 1 || in != out)
    x = norm(b, shortcut, conv(b, shortcut, x, in, out, 1, stride), out, 1);
  return lus_layers_relu(b, name, lus_layers_add(b, name, y, x));
}

/* ---- the network ---- */

static int stage(LusLayers *b, int level, int x, int in, int out, int blocks)
{
  for (int i = 0; i < blocks; i++) {
    g_autofree char *name = g_strdup_printf("encoder.stage%d.block%d", level + 1, i + 1);
    x = residual(b, name, x, i == 0 ? in : out, out, i == 0 ? 2 : 1);
  }
  return x;
}

/* A pyramid level brought to 1/4: one block and x2 per doubling; the 1/4 level has one block alone.
 */
static int segmentation(LusLayers *b, int level, int x, int in, int out)
{
  for (int i = 0; i < MAX(level, 1); i++) {
    g_autofree char *name = g_strdup_printf("segmentation.p%d.block%d", level + 2, i + 1);
    x = block(b, name, x, i == 0 ? in : out, out, 3, 1);
    if (level > 0)
      x = up_bilinear(b, name, x, 2);
  }
  return x;
}

static void build(LusLayers *b, const LusFpnConfig *n)
{
  int x = lus_graph_add_input(b->graph, "luma");

  /* stem at 1/2, encoder c2..c5 at 1/4..1/32 */
  x = block(b, "stem.conv1", x, n->in_channels, n->stem, 5, 2);
  int stem = block(b, "stem.conv2", x, n->stem, n->stem, 3, 1);
  int c[LEVELS];
  for (int i = 0; i < LEVELS; i++)
    c[i] = stage(b, i, i == 0 ? stem : c[i - 1], i == 0 ? n->stem : n->widths[i - 1], n->widths[i],
                 n->blocks[i]);

  /* laterals and top-down path p5..p2 */
  int p[LEVELS];
  for (int i = LEVELS - 1; i >= 0; i--) {
    g_autofree char *name = g_strdup_printf("pyramid.p%d", i + 2);
    p[i] = lus_layers_conv_1x1(b, name, c[i], n->widths[i], n->pyramid, 0);
    if (i < LEVELS - 1)
      p[i] = lus_layers_add(b, name, p[i], lus_layers_up_nearest(b, name, p[i + 1]));
  }

  /* segmentation blocks, merged at 1/4 */
  int merged = segmentation(b, LEVELS - 1, p[LEVELS - 1], n->pyramid, n->segmentation);
  for (int i = LEVELS - 2; i >= 0; i--) {
    g_autofree char *name = g_strdup_printf("merge.p%d", i + 2);
    merged = lus_layers_add(b, name, merged, segmentation(b, i, p[i], n->pyramid, n->segmentation));
  }

  /* detail at 1/2, head, and up to the input's size */
  int width = n->segmentation;
  if (n->detail > 0) {
    merged = up_bilinear(b, "detail", merged, 2);
    merged = lus_layers_add(b, "detail", lus_layers_conv_1x1(b, "detail.lateral", stem, n->stem, width, 0), merged);
    merged = block(b, "detail.block", merged, width, n->detail, 3, 1);
    width = n->detail;
  }
  int logits = lus_layers_conv_1x1(b, "head", merged, width, n->classes, n->head_bias);
  logits = up_bilinear(b, "head", logits, n->detail > 0 ? 2 : 4);
  lus_layers_finish(b, logits);
}

LusFpnConfig lus_fpn_config_default(void)
{
  return (LusFpnConfig){
      .in_channels = 1,
      .classes = 3,
      .stem = 16,
      .widths = {32, 64, 96, 128},
      .blocks = {1, 2, 3, 2},
      .pyramid = 48,
      .segmentation = 32,
      .detail = 24,
      .head_bias = -3,
  };
}

static gboolean check_width(const char *what, int width, gboolean grouped, GError **error)
{
  int unit = grouped ? CHANNELS_PER_GROUP : 1;
  if (width >= 1 && width <= MAX_WIDTH && width % unit == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "network: %s is %d but must be a multiple of %d from %d to %d", what, width, unit,
              unit, MAX_WIDTH);
  return FALSE;
}

static gboolean check_config(const LusFpnConfig *n, GError **error)
{
  if (!check_width("the number of input channels", n->in_channels, FALSE, error) ||
      !check_width("the stem's width", n->stem, TRUE, error) ||
      !check_width("the pyramid's width", n->pyramid, FALSE, error) ||
      !check_width("the segmentation blocks' width", n->segmentation, TRUE, error) ||
      (n->detail != 0 && !check_width("the detail block's width", n->detail, TRUE, error)))
    return FALSE;
  for (int i = 0; i < LEVELS; i++) {
    if (!check_width("an encoder width", n->widths[i], TRUE, error))
      return FALSE;
    if (n->blocks[i] < 1 || n->blocks[i] > MAX_BLOCKS) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                  "network: stage %d has %d blocks but must have 1 to %d", i + 1, n->blocks[i],
                  MAX_BLOCKS);
      return FALSE;
    }
  }
  if (n->classes < 1 || n->classes > 16) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "network: %d classes but there must be 1 to 16", n->classes);
    return FALSE;
  }
  return TRUE;
}

LusGraph *lus_fpn_new(const LusFpnConfig *config, guint64 seed, GError **error)
{
  if (!check_config(config, error))
    return NULL;
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusLayers b = {.graph = graph, .error = error};
  lus_rng_init(&b.rng, seed, 0);
  build(&b, config);
  return b.failed ? NULL : g_steal_pointer(&graph);
}
