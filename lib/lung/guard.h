/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "segmenter.h"

LUS_BEGIN_DECLS

/** Looks at what the model is about to see and tells when it is no live ultrasound picture. Only the sector's content counts:
 *  clocks and texts beside it may go on. Deterministic in the sequence of pictures and times. Not thread-safe; one per
 *  stream. */
typedef struct _LusGuard LusGuard;

/** Names: lus_guard_name(). Where several apply, the highest is told. */
typedef enum {
  LUS_GUARD_CLEAR,      /* a live picture */
  LUS_GUARD_NEW_DEPTH,  /* depth or zoom was changed within the last half second */
  LUS_GUARD_NO_CONTACT, /* the probe is off the skin: echoes of the probe's own face, nothing below */
  LUS_GUARD_FROZEN,     /* the picture has stayed the same, but for the noise of a grabber */
  LUS_GUARD_NO_SIGNAL,  /* black, one grey, colour bars or other drawn pictures, noise */
  LUS_GUARD_N
} LusGuardState;

/** What to look for. */
typedef struct {
  gboolean signal, freeze, contact, depth;
} LusGuardConfig;

/** NULL: out of memory. */
LUS_API LusGuard *lus_guard_new(void);
LUS_API void lus_guard_free(LusGuard *guard);
/** Forgets all pictures (new stream, flush, new caps). */
LUS_API void lus_guard_reset(LusGuard *guard);
/** Looks at the next picture, as lus_segmenter_prepare() filled it into @job. @time_ns: its stream time, rising. States but
 *  NEW_DEPTH begin at most 170 ms and one picture after what they are about, and end 100 ms after it. */
LUS_API LusGuardState lus_guard_watch(LusGuard *guard, const LusSegmenterJob *job, gint64 time_ns,
                                      const LusGuardConfig *config);
/** How long the sector has been the same, in ns. */
LUS_API gint64 lus_guard_unchanged_ns(const LusGuard *guard);
/** "clear", "new-depth", "no-contact", "frozen", "no-signal". */
LUS_API const char *lus_guard_name(LusGuardState state);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusGuard, lus_guard_free)

LUS_END_DECLS
