/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/clip-planes.h"
#include "lung/video-head.h"
#include "nn/graph.h"

/** Inside of lung: the ONNX file of a video network. The graph is newly allocated, the head checked; *@training: the training
 *  record, NULL: none. */
LusGraph *lus_clip_network_read(const char *path, LusVideoHead *head, char **sha256, char **training, GError **error);
gboolean lus_clip_network_write(const LusGraph *graph, const LusVideoHead *head, const char *record, const char *path,
                                GError **error);
