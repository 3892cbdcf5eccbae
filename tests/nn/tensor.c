/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>

#include "nn/error.h"
#include "nn/tensor.h"

static void test_new(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusTensor) tensor = lus_tensor_new(3, (int[]){3, 5, 7}, &error);
  g_assert_no_error(error);
  g_assert_cmpint(tensor->rank, ==, 3);
  g_assert_cmpuint(tensor->count, ==, 105);
  for (gsize i = 0; i < tensor->count; i++)
    g_assert_cmpfloat(tensor->data[i], ==, 0);
  g_autofree char *dims = lus_tensor_dims_string(tensor);
  g_assert_cmpstr(dims, ==, "3x5x7");
}

static void test_scalar_and_empty(void)
{
  g_autoptr(LusTensor) scalar = lus_tensor_new(0, NULL, NULL);
  g_assert_cmpuint(scalar->count, ==, 1);
  g_autofree char *dims = lus_tensor_dims_string(scalar);
  g_assert_cmpstr(dims, ==, "scalar");
  g_autoptr(LusTensor) empty = lus_tensor_new(2, (int[]){4, 0}, NULL);
  g_assert_cmpuint(empty->count, ==, 0);
  g_assert_nonnull(empty->data);
  g_autoptr(LusTensor) copy = lus_tensor_copy(empty, NULL);
  g_assert_cmpuint(copy->count, ==, 0);
}

static void test_copy(void)
{
  g_autoptr(LusTensor) tensor = lus_tensor_new(1, (int[]){3}, NULL);
  tensor->data[0] = 1.5f;
  tensor->data[2] = -2;
  g_autoptr(LusTensor) copy = lus_tensor_copy(tensor, NULL);
  tensor->data[0] = 9;
  g_assert_cmpfloat(copy->data[0], ==, 1.5f);
  g_assert_cmpfloat(copy->data[1], ==, 0);
  g_assert_cmpfloat(copy->data[2], ==, -2);
}

static void assert_refused(int rank, const int *dims)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_tensor_new(rank, dims, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
}

static void test_limits(void)
{
  assert_refused(9, (int[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
  assert_refused(-1, NULL);
  assert_refused(2, (int[]){3, -1});
  assert_refused(2, (int[]){1 << 15, 1 << 14});
  assert_refused(
      8, (int[]){G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT});
}

static void test_aligned(void)
{
  for (gsize bytes = 0; bytes < 200; bytes += 7) {
    unsigned char *memory = lus_aligned_alloc(bytes);
    g_assert_nonnull(memory);
    g_assert_cmpuint((uintptr_t)memory % 64, ==, 0);
    for (gsize i = 0; i < bytes; i++) {
      g_assert_cmpuint(memory[i], ==, 0);
      memory[i] = 0xff;
    }
    lus_aligned_free(memory);
  }
  lus_aligned_free(NULL);
  g_assert_null(lus_aligned_alloc(G_MAXSIZE));
  g_assert_null(lus_aligned_alloc(G_MAXSIZE - 64));
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tensor/new", test_new);
  g_test_add_func("/tensor/scalar-and-empty", test_scalar_and_empty);
  g_test_add_func("/tensor/copy", test_copy);
  g_test_add_func("/tensor/limits", test_limits);
  g_test_add_func("/tensor/aligned", test_aligned);
  return g_test_run();
}
