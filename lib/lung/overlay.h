/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "confidence.h"
#include "estimate.h"

LUS_BEGIN_DECLS

/** Draws masks, legend, exam and estimate on a frame, natively in every LusFormat (docs/display.md). */
typedef enum { LUS_OVERLAY_FILL, LUS_OVERLAY_CONTOUR, LUS_OVERLAY_BOTH } LusOverlayStyle;
typedef enum { LUS_STALE_DIM, LUS_STALE_HIDE } LusStalePolicy;

typedef struct {
  double opacity;           /* 0..1, multiplies fill and contour; default 1 */
  LusOverlayStyle style;    /* default contour */
  gboolean show_legend, show_confidence, show_estimate, show_status; /* default TRUE */
  LusStalePolicy stale_policy;
  gint64 expire_ns;         /* masks older than this are stale; default 300 ms */
  guint32 class_mask;       /* bit i: draw class i; default all */
  gboolean texts_apart;     /* texts are not drawn, lus_overlay_texts() has them; default FALSE */
} LusOverlayConfig;

typedef enum {
  LUS_STATUS_LIVE, LUS_STATUS_SLOW, LUS_STATUS_STALE, LUS_STATUS_STARTING, LUS_STATUS_NO_SIGNAL, LUS_STATUS_FROZEN,
  LUS_STATUS_NO_MODEL, LUS_STATUS_NO_CONTACT, LUS_STATUS_NEW_DEPTH, LUS_STATUS_NO_MASKS, LUS_STATUS_N
} LusStatus;

/** The exam column: plain data, so that it can travel in a buffer's metadata. */
typedef struct {
  gboolean present;                    /* FALSE: no exam runs, the column shows nothing */
  char zone[LUS_ZONE_LENGTH];          /* current zone, "" = none */
  int n_zones;                         /* expected ones */
  char zones[LUS_MAX_ZONES][LUS_ZONE_LENGTH];
  int frames[LUS_MAX_ZONES];
  int min_frames;                      /* frames that make a zone done */
  gboolean finished;                   /* finish-exam was given: missing zones get a dashed edge */
  LusEstimate estimate;
  gboolean has_estimate;
  gboolean has_baseline;               /* an earlier exam's value is drawn as the hollow triangle */
  double baseline_sf;
  char baseline_date[24];              /* "21 Nov" */
  char finished_at[8];                 /* "14:31", "" unknown */
} LusExamView;

typedef struct {
  LusStatus status;
  gint64 mask_age_ns;                  /* of the result shown; < 0 unknown */
  guint64 result_number;               /* counts verified results; the status mark steps with it */
  const LusSegmentation *segmentation; /* NULL: no result. Not to be kept: its place may be that of a scaled picture */
  const LusMask *mask;                 /* NULL: nothing to draw */
  const LusExamView *exam;             /* NULL: as present = FALSE */
  gint64 unchanged_ns;                 /* with LUS_STATUS_FROZEN: how long the picture has been the same; 0 = counted
                                          from the first frozen frame */
  gint64 now_ns;                       /* stream time, for rates of change (texts at most twice a second) */
} LusOverlayState;

/** Not thread-safe; one per stream. */
typedef struct _LusOverlay LusOverlay;
LUS_API void lus_overlay_config_init(LusOverlayConfig *config);
LUS_API LusOverlay *lus_overlay_new(void);
LUS_API void lus_overlay_free(LusOverlay *overlay);
LUS_API void lus_overlay_set_config(LusOverlay *overlay, const LusOverlayConfig *config);
/** Forgets the layout (new caps, new stream). */
LUS_API void lus_overlay_reset(LusOverlay *overlay);
/** Draws in place. Pixels outside what is drawn stay bit-identical. */
LUS_API void lus_overlay_draw(LusOverlay *overlay, LusImage *frame, const LusOverlayState *state);

/** A block of text as a picture of its own. */
typedef struct {
  LusRect rect;        /* its place; may reach past the frame's right and lower side by a pixel */
  const guint32 *argb; /* [rect.height][stride], premultiplied by alpha, in the CPU's byte order */
  int stride;          /* pixels */
  guint64 serial;      /* not 0; another one where pixels or place are others */
} LusOverlayText;
#define LUS_OVERLAY_TEXTS 10
/** With texts_apart: the blocks that the last lus_overlay_draw() left to others, the first to be drawn first. Returns how many; the
 *  pixels live until the next call with @overlay. */
LUS_API int lus_overlay_texts(const LusOverlay *overlay, LusOverlayText texts[LUS_OVERLAY_TEXTS]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusOverlay, lus_overlay_free)

LUS_END_DECLS
