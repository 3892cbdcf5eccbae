/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "api.h"

LUS_BEGIN_DECLS

/** A pool of worker threads (pthread + C11 atomics). Work is cut into items whose boundaries never depend on the number
 *  of threads, so that results do not either. */
typedef struct _LusParallel LusParallel;

/** @threads in all, the caller's included; 0 = one per online CPU. NULL only if out of memory. */
LUS_API LusParallel *lus_parallel_new(int threads);
LUS_API void lus_parallel_free(LusParallel *pool);
LUS_API int lus_parallel_threads(const LusParallel *pool);

/** Runs body(data, item, thread) for every item in 0..@items-1, in any order, and returns when all are done.
 *  thread is in 0..threads-1 and names the scratch space to use. @pool NULL: runs here, in order, thread 0.
 *  Must not be called from inside a body of the same pool, nor by two threads at once. */
typedef void (*LusParallelBody)(void *data, int item, int thread);
LUS_API void lus_parallel_for(LusParallel *pool, int items, LusParallelBody body, void *data);

LUS_END_DECLS
