/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "clip-network.h"
#include "estimate.h"
#include "exam-file.h"

LUS_BEGIN_DECLS

/** The video networks that a heads file names, at work on one exam (docs/video.md). Not thread-safe. */
typedef struct _LusExamNetworks LusExamNetworks;

/** Loads the networks of @heads; one without any is fine. Errors: those of lus_clip_network_load(); a file that is not
 *  the one the heads were written with. */
LUS_API LusExamNetworks *lus_exam_networks_new(const LusHeads *heads, GError **error);
LUS_API void lus_exam_networks_free(LusExamNetworks *networks);
/** How many there are: without any, no planes are needed. */
LUS_API int lus_exam_networks_count(const LusExamNetworks *networks);
/** A clip of a zone with its planes. Errors: other classes than the networks were trained on. */
LUS_API gboolean lus_exam_networks_add_clip(LusExamNetworks *networks, const char *zone, const guint8 *planes,
                                            int classes, GError **error);
/** Puts the networks' numbers in the place of the valid ones of @estimate, whose checks (zones, frames, range) hold for
 *  both. @earlier: the exam that the change is measured against, or NULL; without the embeddings that an exam.json of
 *  the same network holds, the interpretable heads' numbers stay. @at_hand: zones at hand. */
LUS_API void lus_exam_networks_estimate(LusExamNetworks *networks, LusEstimate *estimate, const LusExamFile *earlier,
                                        int at_hand);
/** The exam's embedding by each network, for exam.json: {"sf": {"network_sha256": ..., "values": [...]}}; NULL: no network or no
 *  clip. Newly allocated. */
LUS_API char *lus_exam_networks_to_json(const LusExamNetworks *networks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusExamNetworks, lus_exam_networks_free)

LUS_END_DECLS
