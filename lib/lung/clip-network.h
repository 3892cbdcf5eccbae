/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "clip-planes.h"
#include "video-head.h"
#include "../nn/graph.h"
#include "../nn/parallel.h"

LUS_BEGIN_DECLS

/** A loaded or freshly trained network. Not thread-safe. */
typedef struct _LusClipNetwork LusClipNetwork;

/** Takes @graph, whose input is [frames x planes][LUS_CLIP_PIXELS][LUS_CLIP_PIXELS] and whose output is [embedding + 1]. */
LUS_API LusClipNetwork *lus_clip_network_new(LusGraph *graph, const LusVideoHead *head, GError **error);
/** Errors: no ONNX file, not one that 'lus fit --network' wrote, numbers out of range; with place. */
LUS_API LusClipNetwork *lus_clip_network_load(const char *path, GError **error);
/** ONNX, with @record (JSON text or NULL) as metadata lus.training; atomically. */
LUS_API gboolean lus_clip_network_save(const LusClipNetwork *network, const char *record, const char *path,
                                       GError **error);
LUS_API void lus_clip_network_free(LusClipNetwork *network);
LUS_API const LusVideoHead *lus_clip_network_head(const LusClipNetwork *network);
/** For numbers that are known only after the training. */
LUS_API void lus_clip_network_set_head(LusClipNetwork *network, const LusVideoHead *head);
/** Of the file; NULL of one that was not loaded. */
LUS_API const char *lus_clip_network_sha256(const LusClipNetwork *network);
/** Training record of the file, JSON text; NULL: none, or not loaded. */
LUS_API const char *lus_clip_network_training(const LusClipNetwork *network);
LUS_API gsize lus_clip_network_n_parameters(const LusClipNetwork *network);

/** The input of the network: every (LUS_CLIP_FRAMES / frames)-th frame from @first on, of the planes that the head reads,
 *  0..1, mirrored left to right where @mirror. @out [frames x planes][LUS_CLIP_PIXELS][LUS_CLIP_PIXELS]. */
LUS_API void lus_clip_network_input(float *out, const guint8 *planes, const LusVideoHead *head, int first,
                                    gboolean mirror);
/** @out [embedding + 1] of a clip. @pool may be NULL. */
LUS_API void lus_clip_network_embed(LusClipNetwork *network, float *out, const guint8 *planes, LusParallel *pool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusClipNetwork, lus_clip_network_free)

LUS_END_DECLS
