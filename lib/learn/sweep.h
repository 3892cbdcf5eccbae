/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "evaluate.h"
#include "target.h"

LUS_BEGIN_DECLS

/** A sweep trains one network for each target method, fold of patients and seed, evaluates each on the fold's patients,
 *  and compares the methods in a report. Its folder holds jobs/NAME/ with settings, model and result of each job, so
 *  that an interrupted sweep goes on where it was and several processes may share the jobs out. */

typedef struct {
  int number;     /* 0.. over all shards */
  int target;     /* number of the method */
  int fold;       /* 0.. */
  guint64 seed;
  char *name;     /* of its folder: "threshold-60_fold1_seed1" */
} LusSweepJob;

/** Trains a network for @target on @training and calibrates it on @held_out (of other patients); writes it to @model
 *  and keeps unfinished work in @checkpoint, from which it goes on, and which it leaves there. */
typedef gboolean (*LusSweepTrain)(gpointer user_data, const LusTarget *target, guint64 seed, const LusSamples *training,
                                  const LusSamples *held_out, const char *model, const char *checkpoint,
                                  GError **error);

/** Measures all clips of @patients (NULL-terminated) with @model, whose masks are cut at its threshold, into a features.csv
 *  at @table. */
typedef gboolean (*LusSweepMeasure)(gpointer user_data, const char *model, const char *const *patients,
                                    const char *table, GError **error);

typedef struct {
  const char *path;         /* the report's folder; made if need be */
  const char *command, *data_name; /* for the report */
  const char *settings;     /* lines: everything but data, target and seed that the trainings depend on */
  int n_targets;
  const LusTarget *targets; /* [n_targets], each once */
  int folds;                /* each patient is tested in one of them; 1: the data set's own splits */
  int seeds;                /* trainings of each method and fold, with the seeds @seed, @seed + 1, ... */
  guint64 seed;             /* also of the folds and the bootstrap */
  int shard, shards;        /* only jobs whose number divided by @shards leaves @shard; 0, 1: all */
  const LusSamples *samples;      /* all of them, with the annotators' mean */
  const LusSamples *each;         /* with each annotator's label by itself, for targets that need it; or NULL */
  const LusSplit *splits;         /* [number of the group in samples]: with folds = 1; else NULL */
  const double *levels;     /* [n_levels] as for lus_evaluate() */
  int n_levels;
  int threads;
  LusSweepTrain train;
  LusSweepMeasure measure;  /* NULL: no outcomes are estimated */
  const char *outcomes;     /* with measure: outcomes.csv */
  const char *clips;        /* with measure: which clips there are, with their content; what other clips gave is measured again */
  int min_frames;           /* of a zone that counts */
  gpointer user_data;
  void (*note)(gpointer progress_data, const char *line); /* what was done, a line without its end */
  LusProgress progress;     /* of the evaluation */
  gpointer progress_data;
} LusSweepConfig;

/** Which patients a fold tests, trains and calibrates on: @roles [n of samples]. Patients are shuffled by the seed and
 *  dealt out to the folds; of those not tested 15 %, at least one, calibrate. Errors: too few patients. */
LUS_API gboolean lus_sweep_roles(LusSplit *roles, const LusSweepConfig *config, int fold, GError **error);

/** Does the shard's jobs that are not done yet. *missing: how many jobs of the whole sweep are not done then. Errors:
 *  also a job's folder that belongs to other settings. */
LUS_API gboolean lus_sweep_run(const LusSweepConfig *config, int *missing, GError **error);

/** Writes report.html with all figures and pictures inside, sweep.csv, patients/TARGET.csv and the charts as PNG and
 *  SVG. All jobs must be done. */
LUS_API gboolean lus_sweep_report(const LusSweepConfig *config, GError **error);

LUS_END_DECLS
