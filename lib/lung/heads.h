/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "exam.h"

LUS_BEGIN_DECLS

/** What is estimated of an exam, and the fitted heads that do it (docs/estimate.md). */
typedef enum { LUS_TASK_SF, LUS_TASK_CHANGE, LUS_TASK_READMISSION, LUS_TASK_N } LusTask;
/** "sf", "change", "readmission"; and back (-1: none of these). */
LUS_API const char *lus_task_name(LusTask task);
LUS_API int lus_task_from_name(const char *name);

/** A change of S/F is called same when it is no larger than this, lower or higher beyond. */
#define LUS_CHANGE_DEAD_BAND 25.0
enum { LUS_CHANGE_LOWER, LUS_CHANGE_SAME, LUS_CHANGE_HIGHER, LUS_CHANGE_N };
/** Class of an S/F that rose by @difference. */
LUS_API int lus_change_class(double difference);

/** Fitted heads: `lus fit` writes them as JSON, lib/models/default.heads.json is the bundled file. Immutable and
 *  counted. */
typedef struct _LusHeads LusHeads;
LUS_API LusHeads *lus_heads_load(const char *path, GError **error);
LUS_API LusHeads *lus_heads_ref(LusHeads *heads);
LUS_API void lus_heads_unref(LusHeads *heads);
LUS_API const char *lus_heads_sha256(const LusHeads *heads);
/** Confidence threshold (0..1) of the masks the heads were fitted on: an exam's masks should be cut there too. */
LUS_API double lus_heads_threshold(const LusHeads *heads);
/** TRUE if they were fitted on masks of the model with this SHA-256 (64 hexadecimal digits). */
LUS_API gboolean lus_heads_suit(const LusHeads *heads, const char *model_sha256);

/** The S/F ratio's possible range: 97 % on room air is 462, 100 % is 476. */
#define LUS_SF_MIN 40.0
#define LUS_SF_MAX 480.0

/** What the heads file says, as text: inputs with their weights, zones, intervals, how they were fitted, video
 *  networks. Newly allocated. */
LUS_API char *lus_heads_describe(const LusHeads *heads);

/** A zone is at hand when it has @min_frames frames or more, with a pleural line on at least a tenth of them. */
LUS_API gboolean lus_zone_at_hand(const LusZone *zone, int min_frames);

/** What each zone showed on average over the exams of a fit: what a missing zone is completed by, so that an exam without
 *  the wet lower zones does not look dry. */
typedef struct {
  int n;
  char zones[LUS_MAX_ZONES][LUS_ZONE_LENGTH];
  double features[LUS_MAX_ZONES][LUS_FEATURE_N], peaks[LUS_MAX_ZONES][LUS_FEATURE_N]; /* NaN: unknown */
} LusZoneProfile;

/** The inputs of the heads. For every feature, over the zones: the mean of the clips' medians ("vertical_percent.mean"),
 *  the largest (".max"), the lower zones R3, L3 (".lower"), the upper ones R1, L1 (".upper"), right against left
 *  (".sides", absolute difference), and the mean of the 90th percentiles (".peak"). Then the part of the zones at hand
 *  with three vertical lines or more ("zones.positive", %), and for each of the six usual zones whether it is missing
 *  ("missing.R1", 0 or 1). */
#define LUS_EXAM_PARTS 6
#define LUS_EXAM_INPUT_N (LUS_EXAM_PARTS * LUS_FEATURE_N + 7)
/** NaN where no zone at hand knows the feature. @profile: NULL: zones that are missing are left out. @mask: bit i set:
 *  zone i of the exam may be used; all bits for all. */
LUS_API void lus_exam_inputs(double out[LUS_EXAM_INPUT_N], const LusExam *exam, const LusZoneProfile *profile,
                             guint mask, int min_frames);
/** Zones at hand, as bits for the mask above; and how many bits are set. */
LUS_API guint lus_exam_at_hand(const LusExam *exam, int min_frames);
LUS_API int lus_zones_count(guint mask);
/** Their names, NULL-terminated, newly allocated (g_strfreev()). */
LUS_API char **lus_exam_zones_at_hand(const LusExam *exam, int min_frames);
/** "vertical_percent.mean"; static. And back, or -1. */
LUS_API const char *lus_exam_input_name(int index);
LUS_API int lus_exam_input_from_name(const char *name);
/** +1 where medicine says that the input grows with lung water, -1 where it falls, else 0. */
LUS_API int lus_exam_input_water(int index);
/** TRUE for sizes in mm, which are known only where the scale is. */
LUS_API gboolean lus_exam_input_in_mm(int index);
/** TRUE for "missing.R1" and its like. */
LUS_API gboolean lus_exam_input_is_missing(int index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusHeads, lus_heads_unref)

LUS_END_DECLS
