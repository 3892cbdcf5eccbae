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
/** Whether any of them reads the grey plane. */
LUS_API gboolean lus_exam_networks_read_grey(const LusExamNetworks *networks);
/** Whether planes of @model's results are for them. FALSE without an error: there are no networks, or the heads are of
 *  another model and nothing is estimated. FALSE with @error: they read another number of classes. */
LUS_API gboolean lus_exam_networks_suit(const LusExamNetworks *networks, const LusModel *model, GError **error);
/** Runs them over the planes of a clip. @number: of the clip within its zone; an earlier clip of that number is
 *  replaced. Results do not depend on the order in which clips come. Errors: another number of classes, a network that
 *  gives no sensible numbers. */
LUS_API gboolean lus_exam_networks_set_clip(LusExamNetworks *networks, const char *zone, int number,
                                            const guint8 *planes, int classes, GError **error);
/** Puts the networks' numbers in the place of the valid ones of @estimate, whose checks (zones, frames, range) hold for
 *  both. @zones: those at hand (lus_exam_zones_at_hand()), of which clips count; with fewer than a network was trained
 *  with, the interpretable head's number stays. @earlier: the exam that the change is measured against, or NULL; without
 *  the embeddings that an exam.json of the same network and model holds, the interpretable numbers stay. */
LUS_API void lus_exam_networks_estimate(const LusExamNetworks *networks, LusEstimate *estimate,
                                        const LusExamFile *earlier, const char *const *zones);
/** After an error above: what the networks should have given is invalid, "Network failed". */
LUS_API void lus_exam_networks_fail(const LusExamNetworks *networks, LusEstimate *estimate);
/** The exam's embedding by each network, for exam.json: {"sf": {"network_sha256": ..., "values": [...]}}; NULL: no network
 *  or no clip of @zones. Newly allocated. */
LUS_API char *lus_exam_networks_to_json(const LusExamNetworks *networks, const char *const *zones);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusExamNetworks, lus_exam_networks_free)

LUS_END_DECLS
