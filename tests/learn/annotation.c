/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/annotation.h"
#include "nn/error.h"
#include "nn/file.h"

#include <zlib.h>

typedef struct {
  char *folder, *path;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
  f->path = g_build_filename(f->folder, "frame000000.pleural_line.png", NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  folder_remove(f->folder);
  g_free(f->folder);
  g_free(f->path);
}

static void fill(guint8 *percent, gsize n)
{
  for (gsize i = 0; i < n; i++)
    percent[i] = (guint8)(i % 101);
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 percent[17 * 23];
  g_autoptr(GError) error = NULL;
  fill(percent, sizeof percent);
  percent[5] = percent[390] = 255;
  g_assert_true(lus_label_write(f->path, percent, 17, 23, &error));
  g_assert_no_error(error);
  g_autofree char *ignore = g_build_filename(f->folder, "frame000000.pleural_line.ignore.png", NULL);
  g_assert_true(g_file_test(ignore, G_FILE_TEST_EXISTS));

  int width = 0, height = 0;
  g_autofree guint8 *read = lus_label_read(f->path, &width, &height, &error);
  g_assert_no_error(error);
  g_assert_cmpint(width, ==, 17);
  g_assert_cmpint(height, ==, 23);
  g_assert_cmpmem(read, sizeof percent, percent, sizeof percent);

  /* 16-bit grey, as the header says (PNG specification, 11.2.2). */
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(f->path, 100000, &length, &error);
  g_assert_cmpint(bytes[24], ==, 16);
  g_assert_cmpint(bytes[25], ==, 0);

  percent[5] = percent[390] = 7;
  g_assert_true(lus_label_write(f->path, percent, 17, 23, &error));
  g_assert_false(g_file_test(ignore, G_FILE_TEST_EXISTS));
}

static void test_eight_bits(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 grey[16 * 16] = {0, 255, 128, 153, 152, 1, 2};
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_png_write(f->path, grey, 16, 16, 16, 1, &error));
  int width, height;
  g_autofree guint8 *percent = lus_label_read(f->path, &width, &height, &error);
  g_assert_no_error(error);
  const guint8 expected[] = {0, 100, 50, 60, 60, 0, 1};
  g_assert_cmpmem(percent, sizeof expected, expected, sizeof expected);
}

static void test_stride(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 grey[16 * 19];
  for (int i = 0; i < 16 * 19; i++)
    grey[i] = i % 19 < 16 ? 255 : 0;
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_png_write(f->path, grey, 16, 16, 19, 1, &error));
  int width, height;
  g_autofree guint8 *percent = lus_label_read(f->path, &width, &height, &error);
  for (int i = 0; i < 256; i++)
    g_assert_cmpint(percent[i], ==, 100);
}

static void read_fails(const char *path, int code, const char *part)
{
  g_autoptr(GError) error = NULL;
  int width, height;
  g_assert_null(lus_label_read(path, &width, &height, &error));
  assert_error(error, code, part);
}

static void test_not_png(Fixture *f, gconstpointer data)
{
  (void)data;
  read_fails(f->path, LUS_ERROR_IO, f->path);
  g_assert_true(lus_file_write(f->path, "hello, this is text", 19, NULL));
  read_fails(f->path, LUS_ERROR_INVALID, "not a PNG");
  g_assert_true(lus_file_write(f->path, "", 0, NULL));
  read_fails(f->path, LUS_ERROR_INVALID, "not a PNG");
}

static void test_colour(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 rgb[16 * 16 * 3] = {0};
  g_assert_true(lus_png_write(f->path, rgb, 16, 16, 48, 3, NULL));
  read_fails(f->path, LUS_ERROR_UNSUPPORTED, "not a grey PNG");
}

static void put_big_endian(guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE(value);
  memcpy(at, &value, 4);
}

/** A well-formed header with other dimensions: the checksum is made anew. */
static void write_with_size(const char *path, guint32 width, guint32 height)
{
  guint8 grey[16 * 16] = {0};
  g_assert_true(lus_png_write(path, grey, 16, 16, 16, 1, NULL));
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(path, 100000, &length, NULL);
  put_big_endian(bytes + 16, width);
  put_big_endian(bytes + 20, height);
  put_big_endian(bytes + 29, (guint32)crc32(0, bytes + 12, 17));
  g_assert_true(lus_file_write(path, bytes, length, NULL));
}

static void test_dimensions(Fixture *f, gconstpointer data)
{
  (void)data;
  write_with_size(f->path, 8193, 16);
  read_fails(f->path, LUS_ERROR_LIMIT, "8193 x 16");
  write_with_size(f->path, 16, 15);
  read_fails(f->path, LUS_ERROR_LIMIT, "16 x 15");
  write_with_size(f->path, 2000000000, 2000000000);
  read_fails(f->path, LUS_ERROR_INVALID, "damaged");
  write_with_size(f->path, 8192, 8192); /* allowed, but no data of this length unfold to so many pixels */
  read_fails(f->path, LUS_ERROR_INVALID, "too short for its picture");
  write_with_size(f->path, 16, 17); /* the data end early */
  read_fails(f->path, LUS_ERROR_INVALID, "damaged");
}

static void test_damaged(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 percent[16 * 16];
  fill(percent, sizeof percent);
  g_assert_true(lus_label_write(f->path, percent, 16, 16, NULL));
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(f->path, 100000, &length, NULL);
  /* The last 12 bytes are the IEND chunk. */
  for (gsize n = 0; n < length; n += n < 60 ? 1 : 13) {
    g_assert_true(lus_file_write(f->path, bytes, n, NULL));
    read_fails(f->path, LUS_ERROR_INVALID, f->path);
  }
  int refused = 0;
  for (gsize i = 0; i < length; i++) {
    bytes[i] ^= (guint8)(1 << i % 8);
    g_assert_true(lus_file_write(f->path, bytes, length, NULL));
    g_autoptr(GError) error = NULL;
    int width, height;
    g_autofree guint8 *read = lus_label_read(f->path, &width, &height, &error);
    g_assert_true((read != NULL) == (error == NULL));
    refused += read == NULL;
    bytes[i] ^= (guint8)(1 << i % 8);
  }
  g_assert_cmpint(refused, >, (int)length * 9 / 10);
}

/** A text chunk behind the header that says to hold nearly 2 GB. */
static void test_long_chunk(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 grey[16 * 16] = {0}, chunk[8] = {0, 0, 0, 0, 'z', 'T', 'X', 't'};
  g_assert_true(lus_png_write(f->path, grey, 16, 16, 16, 1, NULL));
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(f->path, 100000, &length, NULL);
  const guint32 sizes[] = {0x706c000c, (guint32)length, 0x7fffffff};
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    put_big_endian(chunk, sizes[i]);
    memcpy(bytes + 33, chunk, sizeof chunk);
    g_assert_true(lus_file_write(f->path, bytes, length, NULL));
    read_fails(f->path, LUS_ERROR_INVALID, "longer than the file");
  }
}

static void test_ignore_of_other_size(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 plane[32 * 16] = {0};
  g_assert_true(lus_label_write(f->path, plane, 16, 16, NULL));
  g_autofree char *ignore = g_build_filename(f->folder, "frame000000.pleural_line.ignore.png", NULL);
  g_assert_true(lus_png_write(ignore, plane, 32, 16, 32, 1, NULL));
  read_fails(f->path, LUS_ERROR_INVALID, "32 x 16");
}

static void test_write_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  guint8 plane[16 * 16] = {0};
  plane[3 * 16 + 2] = 101;
  g_assert_false(lus_label_write(f->path, plane, 16, 16, &error));
  assert_error(error, LUS_ERROR_INVALID, "label 101 at pixel 2, 3");
  g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
  g_assert_false(lus_label_write(f->path, plane, 16, 15, &error));
  assert_error(error, LUS_ERROR_LIMIT, "16 x 15");
  g_assert_false(lus_png_write(f->path, plane, 4, 4, 8, 2, &error));
  assert_error(error, LUS_ERROR_UNSUPPORTED, "2 channels");
  g_autofree char *nowhere = g_build_filename(f->folder, "no", "such.png", NULL);
  g_assert_false(lus_png_write(nowhere, plane, 16, 16, 16, 1, &error));
  assert_error(error, LUS_ERROR_IO, nowhere);
}

#define ADD(name) g_test_add("/annotation/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD(round_trip);
  ADD(eight_bits);
  ADD(stride);
  ADD(not_png);
  ADD(colour);
  ADD(dimensions);
  ADD(damaged);
  ADD(long_chunk);
  ADD(ignore_of_other_size);
  ADD(write_errors);
  return g_test_run();
}
