/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"

LUS_BEGIN_DECLS

/** Feature Pyramid Network for segmentation (Kirillov et al. 2019, "Panoptic Feature Pyramid Networks", fig. 3): residual
 *  encoder, 1x1 laterals, top-down path by nearest x2 and addition, per level segmentation blocks (3x3 conv, GroupNorm,
 *  ReLU, bilinear x2) merged by addition at 1/4, a 1x1 head with one logit per class, bilinear to the input's size.
 *  GroupNorm throughout, so that samples stay independent of each other. */
typedef struct {
  int in_channels;  /* 1: luma */
  int classes;      /* 1..16 outputs */
  int stem;         /* width of the stem at 1/2 */
  int widths[4];    /* encoder widths at 1/4, 1/8, 1/16, 1/32 */
  int blocks[4];    /* residual blocks per stage, >= 1 */
  int pyramid;      /* width of the laterals */
  int segmentation; /* width of the segmentation blocks */
  int detail;       /* 0: the paper's network, head at 1/4. Else the merged map goes up to 1/2, the stem's features are
                       added by a 1x1 lateral, and a 3x3 block of this width precedes the head: thin lines keep their
                       edges */
  float head_bias;  /* initial bias of the head: log odds of a rare class, -3 */
} LusFpnConfig;

/** The bundled model's network: 1 channel, 3 classes, 1.3 million parameters. All widths are multiples of 8. */
LUS_API LusFpnConfig lus_fpn_config_default(void);

/** He-normal initial weights from @seed; residual branches end in a zero GroupNorm scale. Input value "luma"
 *  [1][in_channels][h][w] (h and w multiples of 32), output value "logits" [1][classes][h][w]. */
LUS_API LusGraph *lus_fpn_new(const LusFpnConfig *config, guint64 seed, GError **error);

LUS_END_DECLS
