/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/tensor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"

#define ALIGNMENT 64

/* The address calloc() returned stands in the word before the aligned block. calloc() hands out
 * large blocks as untouched zero pages, so asking for much memory costs nothing before it is used.
 */
void *lus_aligned_alloc(gsize bytes)
{
  if (bytes > G_MAXSIZE - ALIGNMENT - sizeof(void *))
    return NULL;
  char *block = calloc(1, bytes + ALIGNMENT + sizeof(void *));
  if (!block)
    return NULL;
  uintptr_t first = (uintptr_t)block + sizeof(void *);
  char *aligned = block + sizeof(void *) + (ALIGNMENT - first % ALIGNMENT) % ALIGNMENT;
  memcpy(aligned - sizeof(void *), &block, sizeof block);
  return aligned;
}

void lus_aligned_free(void *memory)
{
  if (!memory)
    return;
  void *block;
  memcpy(&block, (char *)memory - sizeof(void *), sizeof block);
  free(block);
}

/* Product of the dims, or -1 when it exceeds LUS_TENSOR_MAX_COUNT. */
static gssize count_elements(int rank, const int *dims)
{
  gsize count = 1;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0)
      return -1;
    if (dims[i] > 0 && count > LUS_TENSOR_MAX_COUNT / (gsize)dims[i])
      return -1;
    count *= (gsize)dims[i];
  }
  return (gssize)count;
}

static char *dims_string(int rank, const int *dims)
{
  GString *text = g_string_new(NULL);
  for (int i = 0; i < rank; i++)
    g_string_append_printf(text, "%s%d", i ? "x" : "", dims[i]);
  if (rank == 0)
    g_string_append(text, "scalar");
  return g_string_free(text, FALSE);
}

LusTensor *lus_tensor_new(int rank, const int *dims, GError **error)
{
  if (rank < 0 || rank > LUS_TENSOR_MAX_RANK) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "a tensor of rank %d: at most %d dimensions are supported", rank,
                LUS_TENSOR_MAX_RANK);
    return NULL;
  }
  gssize count = count_elements(rank, dims);
  if (count < 0) {
    g_autofree char *text = dims_string(rank, dims);
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
                "a tensor of %s: dimensions must not be negative and at most %" G_GSIZE_FORMAT
                " elements are supported",
                text, LUS_TENSOR_MAX_COUNT);
    return NULL;
  }
  LusTensor *tensor = g_new0(LusTensor, 1);
  tensor->rank = rank;
  if (rank > 0)
    memcpy(tensor->dims, dims, (gsize)rank * sizeof *dims);
  tensor->count = (gsize)count;
  tensor->data = lus_aligned_alloc(MAX((gsize)count, 1) * sizeof(float));
  if (!tensor->data) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY,
                "out of memory: a tensor of %" G_GSSIZE_FORMAT " floats", count);
    g_free(tensor);
    return NULL;
  }
  return tensor;
}

LusTensor *lus_tensor_copy(const LusTensor *tensor, GError **error)
{
  LusTensor *copy = lus_tensor_new(tensor->rank, tensor->dims, error);
  if (copy && tensor->count > 0)
    memcpy(copy->data, tensor->data, tensor->count * sizeof(float));
  return copy;
}

void lus_tensor_free(LusTensor *tensor)
{
  if (!tensor)
    return;
  lus_aligned_free(tensor->data);
  g_free(tensor);
}

char *lus_tensor_dims_string(const LusTensor *tensor)
{
  return dims_string(tensor->rank, tensor->dims);
}
