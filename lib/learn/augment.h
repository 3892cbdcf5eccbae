/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/rng.h"

LUS_BEGIN_DECLS

/** Random changes fit for ultrasound; one table, from which names, parsing, configuration, help, docs and tests follow. */
typedef enum {
  LUS_AUGMENT_FLIP,        /* left-right */
  LUS_AUGMENT_BEAM,        /* a part of the sector, cut out along the beams, takes the place of all: the outline stays */
  LUS_AUGMENT_JITTER,      /* the sector itself: scale about the top centre, aspect, shift, near field cut off */
  LUS_AUGMENT_ATTENUATION, /* darker with depth */
  LUS_AUGMENT_TGC,         /* six sliders over the depth */
  LUS_AUGMENT_SHADOW,      /* a band of beams darkened from some depth on */
  LUS_AUGMENT_SPECKLE,     /* grain along the beams */
  LUS_AUGMENT_GAIN,        /* times a factor */
  LUS_AUGMENT_GAMMA,       /* grey map */
  LUS_AUGMENT_RANGE,       /* dynamic range: distance from white times a factor */
  LUS_AUGMENT_NOISE,       /* of single pixels */
  LUS_AUGMENT_BOX,         /* black, as a text's background leaves it */
  LUS_AUGMENT_N
} LusAugmentMethod;

/** 0: never; 1: as in the table; up to LUS_AUGMENT_MAX: wider (flip and box: more often). */
typedef struct {
  double strength[LUS_AUGMENT_N];
} LusAugment;
#define LUS_AUGMENT_MAX 3.0

/** All at 1. */
LUS_API void lus_augment_init(LusAugment *augment);
/** Changes what "NAME=STRENGTH,..." names, from left to right; "none" sets all to 0. */
LUS_API gboolean lus_augment_parse(LusAugment *augment, const char *text, GError **error);
/** All of them, "flip=1,beam=1,...". */
LUS_API char *lus_augment_to_string(const LusAugment *augment);
/** The table: name, how often at strength 1 (0..1), and what it does with its range there. Static strings. */
LUS_API const char *lus_augment_name(LusAugmentMethod method);
LUS_API double lus_augment_probability(LusAugmentMethod method);
LUS_API const char *lus_augment_summary(LusAugmentMethod method);

/** Changes one sample in place. Labels move along with the picture (nearest pixel); what comes from outside is 0 in luma
 *  and labels; what shadows and boxes hide stays labelled. Each method draws from a stream of its own, so that the
 *  strength of one changes nothing of the others. @labels [n_classes][height][width]. */
LUS_API void lus_augment(guint8 *luma, guint8 *labels, int n_classes, int width, int height, const LusAugment *augment,
                         LusRng *rng, guint8 *scratch);
/** Bytes of scratch. */
LUS_API gsize lus_augment_scratch_size(int n_classes, int width, int height);

LUS_END_DECLS
