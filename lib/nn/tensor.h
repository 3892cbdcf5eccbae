/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "api.h"

LUS_BEGIN_DECLS

#define LUS_TENSOR_MAX_RANK 8
/** Most elements a tensor may have (1 GiB of floats). */
#define LUS_TENSOR_MAX_COUNT ((gsize)1 << 28)

/** A dense float32 array, row major (last dimension fastest), 64-byte aligned. Rank 0 is a scalar (count 1). */
typedef struct {
  int rank;
  int dims[LUS_TENSOR_MAX_RANK]; /* each >= 0 */
  gsize count;                   /* product of dims */
  float *data;
} LusTensor;

/** A zero-filled tensor owned by the caller, or NULL with LUS_ERROR_LIMIT or LUS_ERROR_MEMORY. */
LUS_API LusTensor *lus_tensor_new(int rank, const int *dims, GError **error);
LUS_API LusTensor *lus_tensor_copy(const LusTensor *tensor, GError **error);
/** NULL is accepted. */
LUS_API void lus_tensor_free(LusTensor *tensor);
/** "3x4x5" for messages; newly allocated. */
LUS_API char *lus_tensor_dims_string(const LusTensor *tensor);

/** 64-byte aligned zero-filled memory of @bytes bytes, or NULL; free with lus_aligned_free(). */
LUS_API void *lus_aligned_alloc(gsize bytes);
LUS_API void lus_aligned_free(void *memory);

/** NPY version 1.0/2.0 files, float32 little endian, C order ('<f4'; '|u1' is converted on reading). */
LUS_API LusTensor *lus_tensor_read_npy(const char *path, GError **error);
LUS_API gboolean lus_tensor_write_npy(const LusTensor *tensor, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusTensor, lus_tensor_free)

LUS_END_DECLS
