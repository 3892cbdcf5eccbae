/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of lung: reference-counted blocks whose memory is used again. Blocks may be handed to other threads and may
 *  outlive the recycler's owner. */
typedef struct _LusRecycler LusRecycler;

/** @clear (may be NULL) is called on a block when its last reference goes, by the thread that drops it. NULL: out of
 *  memory. */
LusRecycler *lus_recycler_new(void (*clear)(void *block));
/** The owner is done: idle blocks are freed now, the others when their last reference goes. NULL is accepted. */
void lus_recycler_close(LusRecycler *recycler);
/** A block of @bytes bytes, 64-byte aligned, with one reference; its content is undefined. Idle blocks of another size are
 *  freed. NULL: out of memory. */
void *lus_recycler_take(LusRecycler *recycler, gsize bytes);

void lus_block_ref(void *block);
void lus_block_unref(void *block);
