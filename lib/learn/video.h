/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "../lung/clip-network.h"

LUS_BEGIN_DECLS

/** Video networks on what the segmentation gave: exams' planes to an outcome (docs/video.md). */

/** A clip of an exam. */
typedef struct {
  int zone;       /* lus_video_zone() */
  guint8 *planes; /* LUS_CLIP_SIZE(classes) */
} LusVideoClip;

/** One patient's day. */
typedef struct {
  int patient, day;
  int first_clip, n_clips; /* of LusVideoData.clips, n_clips >= 1 */
  double sf;               /* NaN: not known */
} LusVideoExam;

typedef struct {
  int classes;
  int n_clips, n_exams, n_patients;
  LusVideoClip *clips;
  LusVideoExam *exams;  /* ordered by patient, then day */
  int *readmitted;      /* per patient, after the last exam: 1 yes, 0 no, -1 not known */
  char **patients;      /* names */
  char *model_sha256;   /* whose planes these are */
  gboolean unmarked;    /* as far as the table tells: the planes' folder has no LUS_PLANES_RECORD */
  int without_planes;   /* rows of the table left out because no frame of the clip showed a sector */
  int not_at_hand;      /* those left out because an exam would not count the zone, lus_zone_at_hand() */
} LusVideoData;

/** In a folder of planes: the model that they are of. */
#define LUS_PLANES_RECORD "planes.json"
/** Marks @folder, which is made if it is not there, as that of the model's planes. *same: it was so before, and pictures in
 *  it are of this model. Errors: it is another model's. */
LUS_API gboolean lus_video_planes_begin(gboolean *same, const char *folder, const char *model_sha256, GError **error);

/** Joins features.csv and outcomes.csv, as lus_outcome_table_load() does, with the planes that 'lus features --planes'
 *  wrote into @folder, one PNG per clip. Errors name file and line; planes of another model than the table's are one. */
LUS_API LusVideoData *lus_video_data_load(const char *features, const char *folder, const char *outcomes, int min_frames,
                                          GError **error);
LUS_API void lus_video_data_free(LusVideoData *data);

/** A clip's planes as one grey picture for @path: a column per frame, a row per plane. */
LUS_API gboolean lus_video_planes_write(const char *path, const guint8 *planes, int classes, GError **error);
/** *planes is newly allocated; NULL where the file does not exist. */
LUS_API gboolean lus_video_planes_read(const char *path, guint8 **planes, int *classes, GError **error);

typedef struct {
  LusTask task;
  int frames;            /* 8 (default) or 16 */
  gboolean grey;         /* also the grey plane; default FALSE */
  int widths[3];         /* of the stages at 1/4, 1/8 and 1/16; default 16, 24, 32; multiples of 8 */
  int embedding;         /* default 16 */
  int steps;             /* default 400 */
  double learning_rate;  /* peak, default 0.003 */
  double contrast;       /* factor of the contrastive loss, 0 (default): none */
  int folds;             /* of patients, for the figures and the interval; default 5 */
  guint64 seed;
  int threads;           /* 0 = one per CPU */
  const char *checkpoint; /* begin of the names of checkpoints, one per fold; NULL: none */
  LusProgress progress;
  gpointer progress_data;
} LusVideoConfig;
LUS_API void lus_video_config_init(LusVideoConfig *config);

/** The network: per frame a residual encoder (stem at 1/2, three stages of one residual block each), whose blocks see an
 *  eighth of the channels of the frame before and another eighth of the frame after (Lin et al. 2019, "TSM: temporal shift
 *  module", fig. 3b; at the ends the frame itself); the mean over frames and pixels, beside mixtures of the planes' own means,
 *  gives embedding and score.
 *  Input [frames x @planes][LUS_CLIP_PIXELS][LUS_CLIP_PIXELS], output [embedding + 1]. */
LUS_API LusGraph *lus_video_network_new(const LusVideoConfig *config, int planes, GError **error);

/** What a task learns from: an exam, or the last of two. */
typedef struct {
  int exam, earlier;  /* earlier: -1 none */
  double target;      /* S/F; class 0..2; 0 or 1 */
} LusVideoSample;
/** All samples of a task; newly allocated. */
LUS_API LusVideoSample *lus_video_samples(const LusVideoData *data, const LusVideoConfig *config, int *n);

typedef struct {
  int samples, patients;
  /* on patients that the network has not seen */
  double mae, mae_median;       /* S/F */
  double coverage;              /* S/F: of the interval that the other folds' errors give */
  double macro_f1, majority_f1; /* change */
  double auroc;                 /* readmission */
  double log_loss, log_loss_base; /* change and readmission, after calibration; of always saying the shares */
} LusVideoReport;

/** Trains on all but a fold of the patients, @folds times, for the report, then on all. @predicted (may be NULL): per
 *  sample the outputs [3] of the network that has not seen its patient. Errors: too few samples or patients; cancelled,
 *  with a checkpoint from which the same call goes on. */
LUS_API LusClipNetwork *lus_video_fit(const LusVideoConfig *config, const LusVideoData *data, LusVideoReport *report,
                                      float **predicted, GError **error);

#define LUS_VIDEO_MIN_PATIENTS 10

/** Where the network of a heads file lies: "heads.sf.onnx" beside "heads.json". Newly allocated. */
LUS_API char *lus_heads_network_path(const char *heads, LusTask task);
/** Whether a network for @task can be entered into the heads file at @heads. Errors: no heads file, one of another
 *  segmentation model, or without a head for the task, which says when an estimate is valid. */
LUS_API gboolean lus_heads_take_network(const char *heads, LusTask task, const char *model_sha256, GError **error);
/** Enters the network at @path, which lies beside it, into the heads file at @heads, in the place of an older one. Errors:
 *  those of lus_heads_take_network(). */
LUS_API gboolean lus_heads_add_network(const char *heads, LusTask task, const char *path, const char *model_sha256,
                                       GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusVideoData, lus_video_data_free)

LUS_END_DECLS
