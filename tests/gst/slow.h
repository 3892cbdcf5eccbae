/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/* Stands before liblus's lus_segmenter_job_run(), so that a test decides how long the model takes, in a time of its
 * own, and whether it fails. Nothing depends on how fast the machine is. */

/** From now on a run takes @duration_ns, from when its picture came (PTS) or the run before it ended. Time is 0. */
void slow_begin(gint64 duration_ns);
void slow_set_duration(gint64 duration_ns);
/** From now on runs fail, or not any more. */
void slow_set_failing(gboolean failing);
/** A picture was given to the worker; -1: what waited was forgotten. */
void slow_note_post(gint64 pts_ns);
/** Moves time on, and waits until the worker has done all that it can until then. */
void slow_advance(gint64 now_ns);
/** PTS of the picture that the model began with last; -1 none. */
gint64 slow_last_begun(void);
/** Runs take no time again, the one that waits ends. To be called before the element is stopped. */
void slow_end(void);
