/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/heads.h"
#include "learn/sweep.h"

/** Inside of learn: the parts of a sweep. */

/** All jobs, in the order of their numbers; elements are LusSweepJob*. */
GPtrArray *lus_sweep_jobs(const LusSweepConfig *config);
/** path/jobs/NAME/FILE. */
char *lus_sweep_job_path(const LusSweepConfig *config, const LusSweepJob *job, const char *file);
/** Everything the job's result depends on, as lines; @data: the fold's samples by their content. */
char *lus_sweep_data(const LusSweepConfig *config, const LusSplit *roles);
char *lus_sweep_settings(const LusSweepConfig *config, const LusSweepJob *job, const char *data);

/** What a finished job leaves. */
typedef struct {
  LusEvaluation *evaluation; /* of the fold's test patients */
  double *cuts;              /* [n_classes][n_levels]: best on the calibrating patients, 0..1; NaN: they have none */
} LusSweepResult;

gboolean lus_sweep_result_write(const char *path, const LusSweepResult *result, const char *settings, GError **error);
/** With @settings: those it must have. Errors: damaged, other settings. */
gboolean lus_sweep_result_read(LusSweepResult *result, const char *path, const char *settings, GError **error);
void lus_sweep_result_clear(LusSweepResult *result);

/** Pictures of a few test samples that show much, for the report: @folder/example1.frame.png, .label.png (labelled
 *  confidence) and .mask.png (the model's masks). */
#define LUS_SWEEP_EXAMPLES 3
gboolean lus_sweep_write_examples(const char *folder, LusModel *model, const LusSamples *test, GError **error);

/** path/outcomes/TARGETSUFFIX, "threshold-60.features.csv" say. */
char *lus_sweep_outcomes_path(const LusSweepConfig *config, int target, const char *suffix);
/** Puts the features of a method's folds (those of the first seed) into one table, outcomes/TARGET.features.csv. */
gboolean lus_sweep_outcomes_gather(const LusSweepConfig *config, int target, GError **error);

/** Outcomes estimated from each method's masks. */
typedef struct {
  int n_targets;                                /* 0: no outcomes are asked for */
  LusOutcomeReport *(*reports)[LUS_TASK_N];     /* [n_targets]; NULL: too few cases */
} LusSweepOutcomes;

/** Heads are fitted and tested on patients left out, on features by models that have not seen the patient either; figures and
 *  predictions go to outcomes/TARGET/. */
gboolean lus_sweep_outcomes_fit(LusSweepOutcomes *outcomes, const LusSweepConfig *config, GError **error);
void lus_sweep_outcomes_clear(LusSweepOutcomes *outcomes);
/** A method's mean absolute error of S/F minus the baseline's, paired over patients. */
LusInterval lus_sweep_outcomes_difference(const LusSweepOutcomes *outcomes, int target, int baseline, guint64 seed);
/** outcomes.csv: a row per method, task and figure. @names of the methods. */
char *lus_sweep_outcomes_csv(const LusSweepOutcomes *outcomes, char *const *names);

/** The methods side by side: all folds and seeds put together. */
typedef struct {
  const LusSweepConfig *config;
  int n_targets, n_classes, n_levels, n_patients;
  int baseline;               /* the target that others are compared with: threshold:60, else the first */
  char **names;               /* [n_targets] "threshold:60" */
  LusEvaluation **evaluations; /* [n_targets] */
  LusMaskCount *counts;       /* [n_targets][2][n_classes][n_levels][n_patients]: masks at the models' threshold, and at
                                 the cuts that the calibrating patients gave for the level */
  LusBootstrap *bootstrap;
  LusSweepOutcomes outcomes;
} LusSweepTable;

gboolean lus_sweep_table_fill(LusSweepTable *table, const LusSweepConfig *config, GError **error);
void lus_sweep_table_clear(LusSweepTable *table);
/** [n_patients]; @fitted: with the cuts of the calibrating patients. */
const LusMaskCount *lus_sweep_counts(const LusSweepTable *table, int target, gboolean fitted, int class_index,
                                     int level);
char *lus_sweep_csv(const LusSweepTable *table);
/** dice, dice-fitted and reliability into the folder. */
gboolean lus_sweep_plots(const LusSweepTable *table, const char *folder, GError **error);
/** The page; reads charts and examples from the sweep's folder. */
char *lus_sweep_html(const LusSweepTable *table, GError **error);
/** A target's text as part of a file name: "threshold-60". */
char *lus_sweep_file_name(const char *target);
