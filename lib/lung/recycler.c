/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/recycler.h"

#include <pthread.h>
#include <stdatomic.h>

#include "nn/tensor.h"

typedef struct Header Header;
struct Header {
  LusRecycler *recycler;
  Header *next; /* of the idle ones */
  gsize bytes;
  atomic_int references;
};

#define HEADER_BYTES 64 /* keeps the block aligned */
G_STATIC_ASSERT(sizeof(Header) <= HEADER_BYTES);

struct _LusRecycler {
  void (*clear)(void *block);
  pthread_mutex_t mutex; /* guards what follows */
  Header *idle;
  gsize bytes;   /* of the idle blocks */
  int in_use;    /* blocks with references */
  gboolean open; /* the owner is there */
};

static void *block_of(Header *header)
{
  return (char *)header + HEADER_BYTES;
}

static Header *header_of(void *block)
{
  return (void *)((char *)block - HEADER_BYTES);
}

LusRecycler *lus_recycler_new(void (*clear)(void *block))
{
  LusRecycler *recycler = g_try_new0(LusRecycler, 1);
  if (!recycler)
    return NULL;
  if (pthread_mutex_init(&recycler->mutex, NULL) != 0) {
    g_free(recycler);
    return NULL;
  }
  recycler->clear = clear;
  recycler->open = TRUE;
  return recycler;
}

static void free_idle(LusRecycler *recycler)
{
  while (recycler->idle) {
    Header *header = recycler->idle;
    recycler->idle = header->next;
    lus_aligned_free(header);
  }
}

/* To be called with the mutex held; releases it. */
static void unlock_and_free_if_unused(LusRecycler *recycler)
{
  gboolean unused = !recycler->open && recycler->in_use == 0;
  pthread_mutex_unlock(&recycler->mutex);
  if (!unused)
    return;
  pthread_mutex_destroy(&recycler->mutex);
  g_free(recycler);
}

void lus_recycler_close(LusRecycler *recycler)
{
  if (!recycler)
    return;
  pthread_mutex_lock(&recycler->mutex);
  recycler->open = FALSE;
  free_idle(recycler);
  unlock_and_free_if_unused(recycler);
}

void *lus_recycler_take(LusRecycler *recycler, gsize bytes)
{
  pthread_mutex_lock(&recycler->mutex);
  if (recycler->bytes != bytes)
    free_idle(recycler);
  recycler->bytes = bytes;
  Header *header = recycler->idle;
  if (header)
    recycler->idle = header->next;
  else
    header = lus_aligned_alloc(HEADER_BYTES + bytes);
  recycler->in_use += header != NULL;
  pthread_mutex_unlock(&recycler->mutex);
  if (!header)
    return NULL;
  header->recycler = recycler;
  header->bytes = bytes;
  atomic_init(&header->references, 1);
  return block_of(header);
}

void lus_block_ref(void *block)
{
  atomic_fetch_add_explicit(&header_of(block)->references, 1, memory_order_relaxed);
}

void lus_block_unref(void *block)
{
  Header *header = header_of(block);
  LusRecycler *recycler = header->recycler;
  if (atomic_fetch_sub_explicit(&header->references, 1, memory_order_acq_rel) > 1)
    return;
  if (recycler->clear)
    recycler->clear(block);
  pthread_mutex_lock(&recycler->mutex);
  recycler->in_use--;
  if (recycler->open && header->bytes == recycler->bytes) {
    header->next = recycler->idle;
    recycler->idle = header;
  } else {
    lus_aligned_free(header);
  }
  unlock_and_free_if_unused(recycler);
}
