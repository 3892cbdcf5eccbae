/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "bootstrap.h"
#include "metrics.h"

LUS_BEGIN_DECLS

/** How well a model does: one pass over the samples keeps, for each class and patient, how many pixels had which
 *  quantised confidence q and which label percent. Dice, IoU, precision, recall at any cut and any level, and the
 *  calibration, follow from that; the distances between borders are kept for one cut and a list of levels. */

#define LUS_EVALUATION_LEVELS 101

typedef struct {
  const double *levels;   /* [n_levels] ascending, 0..100: a label is positive from this percent on (0: above 0) */
  int n_levels;           /* 1..LUS_EVALUATION_LEVELS */
  double cut;             /* 0..1: where the model's masks begin */
  int threads;            /* 0 = all */
  LusProgress progress;
  gpointer progress_data;
} LusEvaluateConfig;

/** Cells that hold pixels, ascending: q 101 + percent in the 16 highest bits, how many pixels in the other 48. */
typedef struct {
  int n;
  guint64 *cells;
} LusHistogram;

/** Sums over the samples of one patient. */
typedef struct {
  int n;                    /* samples in which both masks hold something; only they have a distance */
  int one_sided;            /* samples in which one of them is empty and the other is not */
  double mean, hausdorff95; /* sums over the n */
} LusDistances;

typedef struct {
  int n_classes, n_patients, n_samples, n_levels;
  char **classes, **patients; /* NULL-terminated names; a patient without one is called like its first sample */
  double cut;                 /* 0..1 */
  double *levels;             /* [n_levels] percent */
  gboolean mm;                /* distances in mm: each sample's scale is known; else in % of the sector's height */
  LusHistogram *histograms;   /* [n_classes][n_patients] */
  LusDistances *distances;    /* [n_classes][n_levels][n_patients] */
} LusEvaluation;

/** The samples' classes are the model's, in its order. Does not depend on the threads. Errors: other classes or size,
 *  levels out of range, out of memory, cancelled. */
LUS_API LusEvaluation *lus_evaluate(LusModel *model, const LusSamples *samples, const LusEvaluateConfig *config,
                                    GError **error);
LUS_API void lus_evaluation_free(LusEvaluation *evaluation);

/** Adds @other up: patients of the same name become one, others are added at the end. Errors: other classes, levels,
 *  cut or unit. */
LUS_API gboolean lus_evaluation_add(LusEvaluation *evaluation, const LusEvaluation *other, GError **error);

/** One class's pixels at a cut (0..1) and a level (percent), for each patient: @counts [n_patients]. */
LUS_API void lus_evaluation_count(LusMaskCount *counts, const LusEvaluation *evaluation, int class_index, double cut,
                                  double level);
/** The cut (0..1, of the 256 that differ) whose masks have the best Dice at @level over all patients; NaN when no label
 *  is positive. */
LUS_API double lus_evaluation_best_cut(const LusEvaluation *evaluation, int class_index, double level);

/** Pixels are pooled, intervals are over patients. NaN: unknown, as in LusClassMetrics. */
typedef struct {
  LusInterval dice, iou, precision, recall; /* 0..1 */
  LusInterval distance, hausdorff95;        /* mean over samples; mm or % of the sector's height */
  int compared, one_sided;                  /* samples with a distance; samples in which one mask alone is empty */
  gint64 reference, found;                  /* pixels */
} LusScores;
/** At the evaluation's cut and its level number @level_index. */
LUS_API void lus_evaluation_scores(LusScores *out, const LusEvaluation *evaluation, int class_index, int level_index,
                                   const LusBootstrap *bootstrap);

#define LUS_CALIBRATION_BINS 10
/** How the confidence c = q / 255 relates to what the labels say of the same pixels, y. */
typedef struct {
  LusInterval brier; /* mean of (c - y)^2 */
  double ece;        /* expected calibration error: |mean c - mean y| of ten bins of c, weighted by their pixels */
  double ece_marked; /* the same over the pixels with c of 5 % and more: the rest, nearly all background, hides much */
  struct {
    gint64 pixels;
    double confidence;    /* mean c, NaN when empty */
    LusInterval observed; /* mean y */
  } bins[LUS_CALIBRATION_BINS];
} LusCalibration;
/** @level 0..100: y is 1 where the label is positive there, else 0; below 0: y is the label's confidence itself. */
LUS_API void lus_evaluation_calibration(LusCalibration *out, const LusEvaluation *evaluation, int class_index,
                                        double level, const LusBootstrap *bootstrap);

/** Everything as a table: a row per class, level and patient, and one for all of them with intervals. Columns:
 *  class,level_percent,cut_percent,patient,known_pixels,reference_pixels,found_pixels,both_pixels, then for dice, iou,
 *  precision, recall, distance_UNIT and hausdorff95_UNIT (UNIT: mm or sector_percent) the figure, in the rows of all
 *  ("all") also _low and _high. Unknown is empty. Free with g_free(). */
LUS_API char *lus_evaluation_csv(const LusEvaluation *evaluation, const LusBootstrap *bootstrap);
/** Charts into the folder, which must be there, each as PNG and SVG: dice, Dice against level; reliability, the share
 *  of pixels labelled at or above @level against their predicted confidence; reliability-confidence, the mean labelled
 *  confidence against it. @what: the charts' second line. */
LUS_API gboolean lus_evaluation_plots(const LusEvaluation *evaluation, double level, const LusBootstrap *bootstrap,
                                      const char *folder, const char *what, GError **error);

/** How alike the masks of two models are, each at its own threshold. The last of @out [n_classes + 1] is pooled over
 *  the classes. */
typedef struct {
  LusInterval iou;      /* 1 where both have nothing */
  gint64 first, second, both; /* pixels */
  double difference;    /* mean |q1 - q2| / 255 over all pixels */
} LusLikeness;
LUS_API gboolean lus_evaluate_against(LusLikeness *out, LusModel *first, LusModel *second, const LusSamples *samples,
                                      guint64 seed, int threads, LusProgress progress, gpointer progress_data,
                                      GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusEvaluation, lus_evaluation_free)

LUS_END_DECLS
