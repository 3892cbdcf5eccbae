/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "clips.h"

/** features.csv while it is made: rows that are done stand in FILE.resume until FILE is complete. */
typedef struct _LusToolFeatures LusToolFeatures;

/** @resume: rows of FILE and FILE.resume of this model and threshold are known. */
LusToolFeatures *lus_tool_features_open(const char *path, const char *model_sha256, double threshold, gboolean resume,
                                        GError **error);
void lus_tool_features_free(LusToolFeatures *features);
/** What is known of the clip of this hash, measured with the scale that is told now; FALSE: nothing. */
gboolean lus_tool_features_known(const LusToolFeatures *features, const LusToolClip *clip, const char *clip_sha256,
                                 LusZone *measured);
/** Keeps a measured clip in FILE.resume. From any thread. */
gboolean lus_tool_features_keep(LusToolFeatures *features, const LusToolClip *clip, const LusZone *measured,
                                const char *clip_sha256, GError **error);
/** Writes FILE: a row for each of the @n clips whose hash is not NULL, in their order. FILE.resume goes if that is all. */
gboolean lus_tool_features_write(LusToolFeatures *features, const GPtrArray *clips, const LusZone *measured,
                                 char *const *clip_sha256, GError **error);
/** Puts the same into a database (docs/results.md). @errors: of the clips that failed. */
gboolean lus_tool_features_store(const LusToolFeatures *features, const char *path, const GPtrArray *clips,
                                 const LusZone *measured, char *const *clip_sha256, char *const *errors, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusToolFeatures, lus_tool_features_free)
