/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "image.h"
#include "../nn/rng.h"

LUS_BEGIN_DECLS

/** A simulated probe: B-mode lung ultrasound with ground truth and simulated expert confidence (docs/phantom.md).
 *  Everything follows from (seed, stream): same arguments, same pictures. */

typedef enum { LUS_PROBE_RANDOM = -1, LUS_PROBE_LINEAR, LUS_PROBE_CONVEX, LUS_PROBE_PHASED } LusProbe;

/** Classes the phantom labels, in the contract's order. */
enum { LUS_PHANTOM_PLEURAL_LINE, LUS_PHANTOM_FASCIA_BAND, LUS_PHANTOM_VERTICAL_LINE, LUS_PHANTOM_CLASSES };
#define LUS_LABEL_IGNORE 255

typedef struct {
  guint64 seed, stream;
  int width, height;      /* of the frame, LUS_FRAME_MIN..2048 */
  LusProbe probe;         /* default random */
  double water;           /* lung water 0..1 sets number, width and strength of vertical lines; < 0: random over scenes, as
                             training wants it */
  gboolean screen;        /* TRUE: a whole scanner screen (margins, burned-in text, depth marks outside the sector); FALSE:
                             the sector fills the frame, with random crops, as training wants it */
  guint64 patient;        /* != 0: probe, anatomy and machine settings follow from it, so that the clips of one patient look
                             alike; 0: from stream */
} LusPhantomConfig;

/** What the simulator knows of a scene. */
typedef struct {
  LusProbe probe;
  double depth_mm, pleura_depth_mm;
  int vertical_lines;           /* simulated ones, comet tails not counted */
  gboolean a_lines, consolidation;
  double mm_per_pixel;
} LusPhantomInfo;

typedef struct _LusPhantom LusPhantom;

LUS_API void lus_phantom_config_init(LusPhantomConfig *config);
/** Draws the scene. Error: sizes out of range. */
LUS_API LusPhantom *lus_phantom_new(const LusPhantomConfig *config, GError **error);
LUS_API void lus_phantom_free(LusPhantom *phantom);
LUS_API void lus_phantom_info(const LusPhantom *phantom, LusPhantomInfo *info);

/** The picture at @seconds (breathing moves pleura, lung texture and vertical lines; wall stays): @gray
 *  [height][stride], and unless NULL the confidences @labels [LUS_PHANTOM_CLASSES][height][width], 0..100 %. */
LUS_API void lus_phantom_render(LusPhantom *phantom, double seconds, guint8 *gray, int stride, guint8 *labels);

/** A simulated expert: a monotone personal scale, blurred or sharpened borders, missed faint objects. @expert 0 is
 *  unbiased; others draw their bias from (seed, expert) and their slips from (stream, expert). In place. */
LUS_API void lus_phantom_expert(guint8 *labels, int n_classes, int width, int height, guint64 seed, guint64 stream,
                                int expert);

/** One simulated patient: lung water per day and zone from one latent state, and the outcomes that follow from it. */
#define LUS_PATIENT_ZONES 6
typedef struct {
  double water[2][LUS_PATIENT_ZONES]; /* day 1, 2; zones R1 R2 R3 L1 L2 L3; 0..1 */
  double spo2_percent[2], fio2[2], o2_l_min[2];
  double sf[2];                       /* what these give */
  double readmission_risk;            /* the simulator's own probability */
  gboolean readmitted_30d;
} LusPatient;
LUS_API void lus_patient_simulate(LusPatient *patient, guint64 seed, guint64 number);

LUS_END_DECLS
