/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/heads.h"

#include <stdatomic.h>

/** Inside of lung and of the fit: linear predictors on standardised exam inputs. */

#define LUS_HEADS_SCHEMA 2
#define LUS_HEADS_MAX_BYTES ((gsize)4 << 20)

typedef struct {
  int index;           /* of the exam input */
  gboolean difference; /* its change since the earlier exam, not its value */
  double mean, sd;     /* over the exams fitted on */
  double low, high;    /* smallest and largest there */
  double weight;       /* per sd */
} LusHeadInput;

/** From the linear predictor e to the outcome when so many zones are at hand. sf: offset + slope e, +- half_width.
 *  change: log odds of a class no higher than j: cuts[j] - slope e; the class that is said is the lowest one up to slope e =
 *  borders[0], the highest one from borders[1] on, without borders the likeliest. readmission: log odds offset + slope e with variance
 *  variance[0] + 2 variance[1] e + variance[2] e^2. */
typedef struct {
  double offset, slope, half_width, cuts[LUS_CHANGE_N - 1], variance[3];
  gboolean has_borders;
  double borders[LUS_CHANGE_N - 1];
} LusHeadZones;

typedef struct {
  int n_inputs;        /* 0: there is no such head */
  LusHeadInput *inputs;
  double intercept;
  double range_margin; /* sd an input may lie outside low..high */
  int zones, min_zones; /* of a complete exam; needed at least */
  LusHeadZones by_zones[LUS_MAX_ZONES]; /* [zones], for 1, 2 ... zones at hand */
  char *fit;           /* how it was fitted, JSON */
} LusHead;

struct _LusHeads {
  atomic_int references;
  char *sha256;
  char *model_sha256;
  double threshold;
  LusZoneProfile profile;
  LusHead heads[LUS_TASK_N];
  struct {
    char *path, *sha256; /* of a video network, NULL: none */
  } networks[LUS_TASK_N];
};

/** All inputs a head may ask for: of the exam, and their change since the earlier one (NaN without one). */
typedef struct {
  double level[LUS_EXAM_INPUT_N], difference[LUS_EXAM_INPUT_N];
} LusHeadValues;

/** lus_exam_inputs() with zone number @replaced (-1: none) as the profile has it. */
void lus_exam_inputs_replacing(double out[LUS_EXAM_INPUT_N], const LusExam *exam, const LusZoneProfile *profile,
                               guint mask, int min_frames, int replaced);
