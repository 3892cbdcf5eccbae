/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/arena.h"

#define ALIGNMENT 16 /* floats */

static gsize padded(gsize size)
{
  return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int compare_begin(gconstpointer a, gconstpointer b)
{
  const LusArenaBlock *x = *(LusArenaBlock *const *)a, *y = *(LusArenaBlock *const *)b;
  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x < y ? -1 : x > y; /* the order of the array: the same plan every time */
}

/* @live holds the blocks in use, in the order of their offsets. */
static void drop_ended(GPtrArray *live, int now)
{
  guint kept = 0;
  for (guint i = 0; i < live->len; i++) {
    LusArenaBlock *block = g_ptr_array_index(live, i);
    if (block->end >= now)
      live->pdata[kept++] = block;
  }
  g_ptr_array_set_size(live, (int)kept);
}

static void insert_into_gap(GPtrArray *live, LusArenaBlock *block)
{
  gsize offset = 0;
  guint i = 0;
  for (; i < live->len; i++) {
    const LusArenaBlock *next = g_ptr_array_index(live, i);
    if (next->offset - offset >= padded(block->size))
      break;
    offset = next->offset + padded(next->size);
  }
  block->offset = offset;
  g_ptr_array_insert(live, (int)i, block);
}

gsize lus_arena_place(LusArenaBlock *blocks, int n)
{
  g_autoptr(GPtrArray) order = g_ptr_array_new();
  g_autoptr(GPtrArray) live = g_ptr_array_new();
  for (int i = 0; i < n; i++)
    if (blocks[i].size > 0)
      g_ptr_array_add(order, &blocks[i]);
  g_ptr_array_sort(order, compare_begin);
  gsize total = 0;
  for (guint i = 0; i < order->len; i++) {
    LusArenaBlock *block = g_ptr_array_index(order, i);
    drop_ended(live, block->begin);
    insert_into_gap(live, block);
    total = MAX(total, block->offset + padded(block->size));
  }
  return total;
}
