/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/file.h"
#include "nn/tensor.h"

#include <glib/gstdio.h>
#include <string.h>

static char *path;

/** Writes a version 1.0 file with this dictionary and @n bytes 1, 2, 3, ... */
static void write_npy(const char *dictionary, gsize n)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  const guint8 length[2] = {(guint8)(strlen(dictionary) & 255), (guint8)(strlen(dictionary) >> 8)};
  g_byte_array_append(bytes, (const guint8 *)"\x93NUMPY\x01\x00", 8);
  g_byte_array_append(bytes, length, 2);
  g_byte_array_append(bytes, (const guint8 *)dictionary, (guint)strlen(dictionary));
  for (gsize i = 0; i < n; i++) {
    guint8 byte = (guint8)(i + 1);
    g_byte_array_append(bytes, &byte, 1);
  }
  g_assert_true(lus_file_write(path, bytes->data, bytes->len, NULL));
}

static void refuse(const char *dictionary, gsize n, int code, const char *text)
{
  g_autoptr(GError) error = NULL;
  write_npy(dictionary, n);
  g_assert_null(lus_tensor_read_npy(path, &error));
  g_assert_error(error, LUS_ERROR, code);
  if (!strstr(error->message, text) || !strstr(error->message, path))
    g_error("%s", error->message);
}

static void check_round_trip(int rank, const int *dims)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusTensor) tensor = lus_tensor_new(rank, dims, NULL);
  for (gsize i = 0; i < tensor->count; i++)
    tensor->data[i] = (float)i * .5f - 3;
  g_assert_true(lus_tensor_write_npy(tensor, path, &error));
  g_autoptr(LusTensor) read = lus_tensor_read_npy(path, &error);
  g_assert_no_error(error);
  g_assert_cmpint(read->rank, ==, rank);
  g_assert_cmpmem(read->dims, (gsize)rank * sizeof(int), dims, (gsize)rank * sizeof(int));
  g_assert_cmpmem(read->data, read->count * 4, tensor->data, tensor->count * 4);
}

static void test_round_trip(void)
{
  check_round_trip(0, NULL);
  check_round_trip(1, (int[]){7});
  check_round_trip(3, (int[]){3, 5, 2});
  check_round_trip(4, (int[]){1, 1, 9, 11});
  check_round_trip(8, (int[]){1, 2, 1, 2, 1, 2, 1, 3});
  check_round_trip(2, (int[]){0, 3});
}

/** The bytes that NumPy 1.24 writes for np.float32([[1], [2]]). */
static void test_bytes(void)
{
  g_autoptr(LusTensor) tensor = lus_tensor_new(2, (int[]){2, 1}, NULL);
  tensor->data[0] = 1;
  tensor->data[1] = 2;
  g_assert_true(lus_tensor_write_npy(tensor, path, NULL));
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(path, 1000, &length, NULL);
  g_assert_cmpuint(length, ==, 128 + 8);
  g_assert_cmpmem(bytes, 10, "\x93NUMPY\x01\x00\x76\x00", 10);
  g_assert_true(
      g_str_has_prefix((const char *)bytes + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }  "));
  g_assert_cmpint(bytes[127], ==, '\n');
  g_assert_cmpmem(bytes + 128, 8, "\x00\x00\x80\x3f\x00\x00\x00\x40", 8);
}

static void test_bytes_in(void)
{
  g_autoptr(GError) error = NULL;
  write_npy("{'shape': (2,3), 'fortran_order': False, 'descr': '|u1'}\n", 6);
  g_autoptr(LusTensor) tensor = lus_tensor_read_npy(path, &error);
  g_assert_no_error(error);
  g_assert_cmpint(tensor->dims[1], ==, 3);
  g_assert_cmpfloat(tensor->data[5], ==, 6);
}

static void test_refusals(void)
{
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 7, LUS_ERROR_INVALID, "shorter or longer");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 9, LUS_ERROR_INVALID, "shorter or longer");
  refuse("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n", 8, LUS_ERROR_INVALID, "neither float32");
  refuse("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }\n", 4, LUS_ERROR_INVALID, "Fortran");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", 4, LUS_ERROR_INVALID, "not a number");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n", 4, LUS_ERROR_INVALID,
         "8 dimensions");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (65536,65536), }\n", 4, LUS_ERROR_LIMIT, "elements");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n", 4, LUS_ERROR_LIMIT,
         "elements");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1", 4, LUS_ERROR_INVALID, "malformed");
  refuse("{'descr': '<f4', 'fortran_order': False}", 4, LUS_ERROR_INVALID, "no 'shape'");
}

static void test_truncations(void)
{
  g_autoptr(LusTensor) tensor = lus_tensor_new(1, (int[]){3}, NULL);
  g_assert_true(lus_tensor_write_npy(tensor, path, NULL));
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(path, 1000, &length, NULL);
  for (gsize n = 0; n < length; n++) {
    g_autoptr(GError) error = NULL;
    g_assert_true(lus_file_write(path, bytes, n, NULL));
    g_assert_null(lus_tensor_read_npy(path, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_autofree char *folder = g_dir_make_tmp(NULL, NULL);
  path = g_build_filename(folder, "t.npy", NULL);
  g_test_add_func("/nn/npy/round-trip", test_round_trip);
  g_test_add_func("/nn/npy/bytes", test_bytes);
  g_test_add_func("/nn/npy/bytes-in", test_bytes_in);
  g_test_add_func("/nn/npy/refusals", test_refusals);
  g_test_add_func("/nn/npy/truncations", test_truncations);
  int code = g_test_run();
  g_unlink(path);
  g_rmdir(folder);
  g_free(path);
  return code;
}
