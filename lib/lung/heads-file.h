/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/estimate.h"

#include <stdatomic.h>

/** What estimate.c and heads-file.c share: a linear head on standardised exam inputs. */

#define LUS_HEADS_SCHEMA 1
#define LUS_HEADS_MAX_BYTES ((gsize)1 << 20)

typedef struct {
  int index;        /* of the exam input */
  double mean, sd;  /* over the exams fitted on */
  double low, high; /* smallest and largest there */
  double weight;    /* per sd */
} LusHeadInput;

typedef struct {
  int n_inputs;
  LusHeadInput inputs[LUS_EXAM_INPUT_N];
  double intercept;
  double half_width;     /* of the 90 % interval when no zone is missing */
  double range_margin;   /* sd an input may lie outside low..high */
  int zones, min_zones;  /* of a complete exam; needed at least */
} LusHead;

struct _LusHeads {
  atomic_int references;
  char *sha256;
  char *model_sha256;
  double threshold;
  LusHead sf;
};
