/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** A program that links this counts its own and its libraries' allocations, and can let one fail. Not together with a
 *  sanitizer, which brings an allocator of its own. */

/** From here on: allocations are counted, and memory above what is in use now. */
void heap_watch(void);
/** Stops counting, and failing. Allocations since heap_watch(). */
long heap_stop(void);
/** Most bytes in use at one time above those at heap_watch(), until heap_stop(). */
gsize heap_peak(void);
/** After heap_watch(): allocation number @n (from 1) among those of at least @size bytes fails. */
void heap_fail(long n, gsize size);
/** Whether it was reached. */
gboolean heap_failed(void);
