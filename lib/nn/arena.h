/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Places blocks that live for a while only into one piece of memory. */

typedef struct {
  gsize size;     /* floats */
  int begin, end; /* first and last moment at which the block is in use */
  gsize offset;   /* set by lus_arena_place(), a multiple of 16 floats */
} LusArenaBlock;

/** Gives every block of a size > 0 an offset so that blocks in use at the same moment do not
 * overlap: first fit in the order of @begin. Returns the floats needed in all. */
gsize lus_arena_place(LusArenaBlock *blocks, int n);
