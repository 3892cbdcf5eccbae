/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"

LUS_BEGIN_DECLS

/** Feature Pyramid Networks over the usual encoders, with random weights: for training, and for measuring this engine and
 *  others on what people train in PyTorch. The segmentation blocks have GroupNorm of 32 groups, the encoder BatchNorm as in
 *  its paper, or GroupNorm of 8 channels per group for training here. */
typedef enum {
  LUS_ENCODER_RESNET18,    /* He et al. 2016, table 1 */
  LUS_ENCODER_MOBILENET_V2, /* Sandler et al. 2018, table 2 */
  LUS_ENCODER_RESNET34,     /* He et al. 2016, table 1 */
  LUS_ENCODER_N
} LusEncoder;

typedef struct {
  LusEncoder encoder;
  int width;       /* of the stem, a multiple of 16 up to 512; all others are in proportion: pyramid 4, segmentation 2
                      times it. The papers' encoders have 64 (ResNet) and 32 (MobileNetV2) */
  int in_channels; /* 1..64 */
  int classes;     /* 1..16 */
  gboolean group_norm; /* GroupNorm instead of BatchNorm, so that the encoder can be trained; each residual branch of a
                          ResNet then ends in a zero scale */
  float head_bias; /* initial bias of the head: log odds of a rare class, say */
} LusEncoderFpnConfig;

/** "resnet18", "resnet34", "mobilenet_v2" to its number; FALSE with an error for other words. */
LUS_API gboolean lus_encoder_parse(LusEncoder *encoder, const char *text, GError **error);
LUS_API const char *lus_encoder_name(LusEncoder encoder);
/** The stem's width in the encoder's paper. */
LUS_API int lus_encoder_usual_width(LusEncoder encoder);
/** Sets encoder and width of a reference network: "r18gn" (ResNet-18), "r18h" (ResNet-18 of half the width), "mbv2"
 *  (MobileNetV2). */
LUS_API gboolean lus_encoder_fpn_named(LusEncoderFpnConfig *config, const char *name, GError **error);

/** He-normal weights and BatchNorm statistics from @seed. Input value "x" [1][in_channels][h][w] (h and w multiples of
 *  32), output value "logits" [1][classes][h][w]. */
LUS_API LusGraph *lus_encoder_fpn_new(const LusEncoderFpnConfig *config, guint64 seed, GError **error);

LUS_END_DECLS
