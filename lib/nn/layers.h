/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"
#include "rng.h"

/** A graph under construction, layer by layer. Each layer adds nodes with initial weights and returns its output value. */
typedef struct {
  LusGraph *graph;
  LusRng rng;
  GError **error;
  gboolean failed; /* error is set; what follows adds nodes without parameters and is thrown away */
  gboolean group_norm; /* what lus_layers_norm() adds: GroupNorm, which can be trained, or BatchNorm */
} LusLayers;

/** A constant "LAYER.WHAT"; -1 on failure. */
int lus_layers_constant(LusLayers *b, const char *layer, const char *what, int rank, const int *dims, float fill);
/** Convolution with padding kernel / 2, He-normal weights (He et al. 2015, eq. 10: variance 2 / fan-in), no bias. */
int lus_layers_conv(LusLayers *b, const char *name, int x, int in, int out, int kernel, int stride, int groups);
/** The same with a 1x1 kernel and a bias. */
int lus_layers_conv_1x1(LusLayers *b, const char *name, int x, int in, int out, float bias);
/** Normalisations "LAYER.norm". BatchNorm's statistics are random: mean N(0, 0.1), variance U(0.5, 1.5). */
int lus_layers_group_norm(LusLayers *b, const char *layer, int x, int channels, int groups, float scale);
int lus_layers_batch_norm(LusLayers *b, const char *layer, int x, int channels);
/** One or the other. GroupNorm has 8 channels per group, or as many of 4, 2, 1 as divide them; @scale is its first scale. */
int lus_layers_norm(LusLayers *b, const char *layer, int x, int channels, float scale);
int lus_layers_relu(LusLayers *b, const char *layer, int x); /* "LAYER.relu" */
int lus_layers_add(LusLayers *b, const char *layer, int x, int y); /* "LAYER.add" */
/** Resize by @factor, "LAYER.up". */
int lus_layers_up(LusLayers *b, const char *layer, int x, LusResizeMode mode, LusResizeCoord coord, float factor);
/** Nearest, by 2. */
int lus_layers_up_nearest(LusLayers *b, const char *layer, int x);
/** The end: @value becomes the graph's output under the name "logits". */
void lus_layers_finish(LusLayers *b, int value);
