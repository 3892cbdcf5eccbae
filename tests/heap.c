/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

/* Other libraries are to find these too. */
#define SEEN __attribute__((visibility("default")))

static atomic_int watching;
static atomic_long allocations, in_use, peak, countdown, fail_size;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void heap_watch(void)
{
  atomic_store(&allocations, 0);
  atomic_store(&in_use, 0);
  atomic_store(&peak, 0);
  atomic_store(&countdown, -1);
  atomic_store(&watching, 1);
}

long heap_stop(void)
{
  atomic_store(&watching, 0);
  return atomic_load(&allocations);
}

gsize heap_peak(void)
{
  return (gsize)atomic_load(&peak);
}

void heap_fail(long n, gsize size)
{
  atomic_store(&fail_size, (long)size);
  atomic_store(&countdown, n);
}

gboolean heap_failed(void)
{
  return atomic_load(&countdown) == 0;
}

/** Whether this allocation is the one that fails. */
static gboolean fails(size_t size)
{
  if (!atomic_load(&watching))
    return FALSE;
  atomic_fetch_add(&allocations, 1);
  long before = atomic_load(&countdown);
  if (before <= 0 || (long)size < atomic_load(&fail_size))
    return FALSE;
  atomic_store(&countdown, before - 1);
  return before == 1;
}

static void *taken(void *memory)
{
  if (!memory || !atomic_load(&watching))
    return memory;
  long bytes = (long)malloc_usable_size(memory), now = atomic_fetch_add(&in_use, bytes) + bytes;
  for (long most = atomic_load(&peak); now > most && !atomic_compare_exchange_weak(&peak, &most, now);)
    ;
  return memory;
}

static void given(void *memory)
{
  if (memory && atomic_load(&watching))
    atomic_fetch_sub(&in_use, (long)malloc_usable_size(memory));
}

SEEN void *malloc(size_t size)
{
  return fails(size) ? NULL : taken(__libc_malloc(size));
}

SEEN void *calloc(size_t n, size_t size)
{
  return fails(n * size) ? NULL : taken(__libc_calloc(n, size));
}

SEEN void *realloc(void *memory, size_t size)
{
  if (fails(size))
    return NULL;
  given(memory);
  void *moved = __libc_realloc(memory, size);
  if (moved || size > 0)
    taken(moved ? moved : memory);
  return moved;
}

SEEN void *memalign(size_t alignment, size_t size)
{
  return fails(size) ? NULL : taken(__libc_memalign(alignment, size));
}

SEEN void *aligned_alloc(size_t alignment, size_t size)
{
  return memalign(alignment, size);
}

SEEN int posix_memalign(void **memory, size_t alignment, size_t size)
{
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}

SEEN void free(void *memory)
{
  given(memory);
  __libc_free(memory);
}
