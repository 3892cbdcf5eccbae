/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "annotation.h"
#include "../lung/source.h"
#include "../lung/phantom.h"
#include "../nn/parallel.h"

LUS_BEGIN_DECLS

/** The data set of the contract: DIR/dataset.json, clips/, labels/<annotator>/<clip>/frame%06d.<class>.png,
 *  outcomes.csv. */

typedef enum { LUS_SPLIT_TRAIN, LUS_SPLIT_VALIDATION, LUS_SPLIT_TEST, LUS_SPLIT_N } LusSplit;

typedef struct {
  char *name;     /* file stem, <patient>_d<day>_<zone> */
  char *file;     /* path relative to the folder */
  char *patient, *zone;
  int day;        /* 1, 2, ... */
  double mm_per_pixel; /* of its frames, 0 = unknown */
  LusSplit split; /* of its patient */
} LusClip;

typedef struct {
  char *path;
  int version;
  int n_classes;
  char **classes;
  int n_clips;
  LusClip *clips;
  char *licence;
  char **annotators;       /* whose labels are used; NULL: everybody's, fused ones left out */
  gboolean each_annotator; /* samples: one per frame and annotator instead of the annotators' mean */
} LusDataset;

/** Strict: refuses a patient in two splits, clips twice, unknown keys of wrong types; the message names place and
 *  remedy. */
LUS_API LusDataset *lus_dataset_load(const char *path, GError **error);
LUS_API void lus_dataset_free(LusDataset *dataset);
/** "train", "validation", "test". */
LUS_API const char *lus_split_name(LusSplit split);
/** Replaces the data set's classes by others, in their order: labels are then looked for under these names, and a
 *  class without any counts as not labelled. */
LUS_API gboolean lus_dataset_select_classes(LusDataset *dataset, int n, char *const *classes, GError **error);

/** In labels/<annotator>/: the file that marks fused labels, and tells how they were made. */
#define LUS_FUSION_RECORD "fusion.json"
/** The annotators in use, by name: those selected, else all folders of labels/ but hidden ones and those with a fusion
 *  record. Free with g_strfreev(). Errors: a name that is not UTF-8. */
LUS_API char **lus_dataset_annotators(const LusDataset *dataset, GError **error);
/** Uses the labels of these alone (NULL-terminated); fused ones may be among them. Errors: no such folder, a
 *  name that is not UTF-8, named twice, a fusion that was stopped before it was done. */
LUS_API gboolean lus_dataset_select_annotators(LusDataset *dataset, char *const *names, GError **error);

/** Progress of long work: called with 0..total; returning FALSE cancels (LUS_ERROR_CANCELLED). May be NULL. */
typedef gboolean (*LusProgress)(gpointer user_data, const char *what, gint64 done, gint64 total);

/** Writes a simulated data set of @patients patients (two days, six zones each), @frames frames per clip, @experts
 *  annotators, patient-wise splits 70/15/15. Finished clips are kept, so that an interrupted run can be repeated. */
typedef struct {
  int patients;
  guint64 seed;
  int frames;        /* per clip, default 30 */
  int width, height; /* default 350 x 350 */
  int experts;       /* default 2 */
  LusFrameCreate create;
  gpointer user_data;
  LusProgress progress;
  gpointer progress_data;
} LusSimulateConfig;
LUS_API gboolean lus_dataset_simulate(const char *path, const LusSimulateConfig *config, GError **error);

/** Labelled pictures ready for learning: network-sized luma and label percents, in memory. */
typedef struct {
  int n, n_classes, width, height;
  guint8 *luma;    /* [n][height][width] */
  guint8 *labels;  /* [n][n_classes][height][width], 0..100 or 255 */
  int *group;      /* [n]: patient number; splits never cut a group */
  char **names;    /* [n]: "clip/frame" for messages */
  double *mm_per_pixel;  /* [n]: of the sample's own pixels, 0 = unknown; NULL: all unknown */
  double *sector_height; /* [n]: pixels of the sample, from which sizes in % of the sector follow; NULL: the height */
  char **patients;       /* NULL-terminated, by number of the group; NULL: they have no names */
} LusSamples;

/** All labelled frames of one split (LUS_SPLIT_N: of all), cropped to the sector and scaled like at inference. The annotators in use are
 *  averaged, or kept apart with each_annotator. */
LUS_API LusSamples *lus_samples_load(const LusDataset *dataset, LusSplit split, int width, int height,
                                     LusFrameOpen open, gpointer user_data, LusProgress progress,
                                     gpointer progress_data, GError **error);
/** @n phantom stills, number @first on, made in parallel; no data set needed. Each passes through the sector finder
 *  and lus_preprocess_luma() like a real frame. Deterministic whatever the number of threads. */
LUS_API LusSamples *lus_samples_simulate(int n, guint64 seed, guint64 first, int width, int height, LusParallel *pool,
                                         LusProgress progress, gpointer progress_data, GError **error);
/** Copies of the @n samples @indices, in this order, at least one. Groups keep their numbers. Errors: out of memory. */
LUS_API LusSamples *lus_samples_select(const LusSamples *samples, const int *indices, int n, GError **error);
/** Whether the scale of every sample is known, so that lengths can be told in mm. */
LUS_API gboolean lus_samples_scaled(const LusSamples *samples);
LUS_API void lus_samples_free(LusSamples *samples);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusDataset, lus_dataset_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSamples, lus_samples_free)

LUS_END_DECLS
