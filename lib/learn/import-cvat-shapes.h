/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/import.h"

/** One line of a track: what it looks like from its frame on, or that it is hidden. */
typedef struct {
  LusRegion region; /* place: owned by the key */
  gboolean outside;
  gboolean inherits; /* tells no confidence: that of the key before it holds on */
} LusTrackKey;

/** Turns keys (GArray of LusTrackKey, which loses what it owned) into regions: positions move linearly between keys of
 *  as many points and stay else; the last key holds until @end. */
gboolean lus_import_track(LusRegions *regions, GArray *keys, int end, GError **error);
void lus_track_keys_clear(GArray *keys);
/** What a CVAT shape of this type becomes; its points are those of the file. */
gboolean lus_import_cvat_geometry(LusRegion *region, const char *type, const LusImportConfig *config, GError **error);
/** Runs, then left, top, right, bottom: CVAT's masks in JSON. */
gboolean lus_import_cvat_runs(LusRegion *region, const double *numbers, int n, GError **error);

/** Frames of a CVAT task in those of its clip: start + frame * step. */
typedef struct {
  int start, stop, step;
  char *clip; /* stem, or NULL */
} LusCvatTask;
gboolean lus_cvat_task_filter(LusCvatTask *task, const char *filter, const char *place, GError **error);
gboolean lus_cvat_task_frame(int *out, const LusCvatTask *task, int frame, const char *place, GError **error);
int lus_cvat_task_end(const LusCvatTask *task);
