/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"

LUS_BEGIN_DECLS

/** Several annotators of the same frames: one label out of many, how far they agree, and a common scale. */

/* ---- Fusion ---- */

typedef enum {
  LUS_FUSE_MEAN,
  LUS_FUSE_MEDIAN,  /* of an even number: the mean of the middle two */
  LUS_FUSE_MAXIMUM,
  LUS_FUSE_STAPLE,  /* Warfield, Zou and Wells 2004, for each tenth of the scale; see lus_fuse() */
  LUS_FUSE_N
} LusFuseMethod;

/** "mean", "median", "maximum", "staple". */
LUS_API gboolean lus_fuse_parse(LusFuseMethod *method, const char *text, GError **error);
LUS_API const char *lus_fuse_name(LusFuseMethod method);
/** @out [pixels] from @planes, @n of them [pixels], percents or 255 = ignored, which does not count; 255 where nobody knew.
 *
 *  STAPLE takes decisions, not confidences, so the scale is cut into tenths. In the tenth that ends at L percent an annotator
 *  who says q decides c = clip((q - L + 10) / 10, 0, 1). Expectation: W = share of f P1 in f P1 + (1 - f) P0, where
 *  P1 = prod s^c (1 - s)^(1 - c), P0 = prod (1 - h)^c h^(1 - c), f the share of positives, s and h each annotator's
 *  sensitivity and specificity; maximisation sets f, s and h to the means of W and c. It begins with W = the mean of the
 *  decisions. The fused percent is 10 times the sum of W over the tenths. */
LUS_API gboolean lus_fuse(guint8 *out, const guint8 *const *planes, int n, gsize pixels, LusFuseMethod method,
                          GError **error);

/* ---- A common scale ---- */

/** What one annotator's percents mean on the common scale: monotone, 0 stays 0, 255 (ignored) stays. */
typedef struct {
  guint8 to[256];
  gint64 pixels; /* it was fitted on; 0: unchanged */
} LusScale;

LUS_API void lus_scale_init(LusScale *scale);
/** Isotonic regression by pooling adjacent violators (Barlow et al. 1972): to[q] is the non-decreasing function nearest to
 *  sum[q] / count[q] in squares weighted by count, q = 1..100; @sum of percents. Between the q that were seen it is linear, and
 *  beyond them towards 0 and 100. */
LUS_API void lus_scale_fit(LusScale *scale, const double sum[101], const gint64 count[101]);
LUS_API void lus_scale_apply(guint8 *plane, gsize n, const LusScale *scale);

/* ---- Agreement ---- */

#define LUS_AGREEMENT_LEVELS 11 /* 0, 10, ... 100 percent */
#define LUS_AGREEMENT_MAX 16    /* annotators */

/** Two annotators on one class. NaN: unknown. */
typedef struct {
  gint64 frames, pixels;              /* labelled by both */
  double dice[LUS_AGREEMENT_LEVELS];  /* of the masks at each level; NaN where both are empty */
  double kappa[LUS_AGREEMENT_LEVELS]; /* Cohen's, over pixels */
  double icc;                         /* ICC(2,1), Shrout and Fleiss 1979, of the percents of pixels that both call above 0 */
  double icc_area;                    /* of the frames' areas, each pixel counting by its percent */
  double difference;                  /* mean absolute difference of these percents */
} LusPairAgreement;

typedef struct {
  int n_annotators, n_classes, n_pairs;
  char **annotators, **classes;
  LusScale *scales;              /* [n_annotators] */
  /* [n_classes][n_pairs], pairs in the order 01, 02, .. 12, ..; on the annotators' own scales and on the common one */
  LusPairAgreement *own, *common;
} LusAgreement;

/** Reads every frame that at least two of the data set's annotators labelled. The common scale is the mean of the
 *  annotators, or that of @reference (a name) unless NULL; it is fitted over all classes on the pixels that two call above 0: an
 *  object that only one saw says nothing of scales. Errors: fewer than 2 or more than LUS_AGREEMENT_MAX annotators, no such
 *  reference, no common frame, labels that cannot be read or differ in size. */
LUS_API LusAgreement *lus_agreement_measure(const LusDataset *dataset, const char *reference, LusProgress progress,
                                            gpointer progress_data, GError **error);
LUS_API void lus_agreement_free(LusAgreement *agreement);
/** Number of the pair @i < @j. */
LUS_API int lus_agreement_pair(const LusAgreement *agreement, int i, int j);

/* ---- A fused annotator ---- */

typedef struct {
  LusFuseMethod method;
  gboolean standardise;  /* put everyone on the common scale first */
  const char *reference; /* as above; may be NULL */
  const char *command;   /* recorded; may be NULL */
  LusProgress progress;
  gpointer progress_data;
} LusFuseConfig;

/** Writes labels/@name/: for every frame and class that anyone labelled, the fused label, and LUS_FUSION_RECORD, first.
 *  *@frames counts the frames unless NULL. A folder of that name is refused unless it was fused too, and then replaced. */
LUS_API gboolean lus_dataset_fuse(const LusDataset *dataset, const char *name, const LusFuseConfig *config, int *frames,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusAgreement, lus_agreement_free)

LUS_END_DECLS
