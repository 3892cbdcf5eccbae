/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;

static char *in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static guint count_entries(void)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  guint n = 0;
  while (g_dir_read_name(dir))
    n++;
  return n;
}

static void refuse_read(const char *path, gsize max, int code, const char *text)
{
  g_autoptr(GError) error = NULL;
  gsize length = 0;
  g_assert_null(lus_file_read(path, max, &length, &error));
  g_assert_error(error, LUS_ERROR, code);
  g_assert_nonnull(strstr(error->message, path));
  g_assert_nonnull(strstr(error->message, text));
}

static void test_round_trip(void)
{
  static const char content[] = "one\0two\n";
  g_autofree char *path = in_folder("a");
  g_autoptr(GError) error = NULL;
  gsize length = 0;
  g_assert_true(lus_file_write(path, content, 8, &error));
  g_assert_no_error(error);
  g_assert_true(lus_file_write(path, content, 7, &error));
  g_autofree guint8 *read = lus_file_read(path, 7, &length, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(read, length, content, 7);
  g_assert_cmpint(read[7], ==, 0);
  g_assert_cmpuint(count_entries(), ==, 1);
  g_unlink(path);
}

static void test_empty(void)
{
  g_autofree char *path = in_folder("empty");
  gsize length = 1;
  g_assert_true(lus_file_write(path, NULL, 0, NULL));
  g_autofree guint8 *read = lus_file_read(path, 0, &length, NULL);
  g_assert_nonnull(read);
  g_assert_cmpuint(length, ==, 0);
  g_unlink(path);
}

static void test_refusals(void)
{
  g_autofree char *path = in_folder("big"), *fifo = in_folder("fifo"), *missing = in_folder("missing");
  g_assert_true(lus_file_write(path, "12345", 5, NULL));
  refuse_read(path, 4, LUS_ERROR_LIMIT, "at most 4");
  g_unlink(path);
  refuse_read(missing, 10, LUS_ERROR_IO, "No such file");
  refuse_read(folder, 10, LUS_ERROR_IO, "not a regular file");
  refuse_read("/dev/zero", 10, LUS_ERROR_IO, "not a regular file");
  g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
  refuse_read(fifo, 10, LUS_ERROR_IO, "not a regular file"); /* at once: nobody writes to it */
  g_unlink(fifo);
}

/** Nothing is left when the folder or the name is wrong, and an older file stays. */
static void test_failed_write(void)
{
  g_autofree char *nowhere = in_folder("no/such/folder"), *path = in_folder("taken"), *inner = in_folder("taken/inner");
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_file_write(nowhere, "x", 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
  g_clear_error(&error);
  /* The final name is a folder with something in it: the rename fails. */
  g_assert_cmpint(g_mkdir_with_parents(inner, 0700), ==, 0);
  g_assert_false(lus_file_write(path, "x", 1, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
  g_assert_nonnull(strstr(error->message, path));
  g_assert_cmpuint(count_entries(), ==, 1);
  g_rmdir(inner);
  g_rmdir(path);
}

/** A name like that of a temporary file that a process of @host was writing; made as an empty file. */
static char *left_over(const char *dir, guint32 host, const char *end)
{
  g_autofree char *name = g_strdup_printf("model.onnx.%08x-%s", host, end);
  char *path = g_build_filename(dir, name, NULL);
  g_assert_true(g_file_set_contents(path, "half", 4, NULL));
  return path;
}

/** The first write to a folder clears away what killed processes of this machine left there, and nothing else. */
static void test_left(void)
{
  guint32 here = g_str_hash(g_get_host_name());
  g_autofree char *dir = in_folder("left"), *path = g_build_filename(dir, "other", NULL);
  g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
  g_autofree char *left = left_over(dir, here, "999999999-3.part"), *written = left_over(dir, here, "1-0.part"),
                  *elsewhere = left_over(dir, here + 1, "999999999-3.part"), *odd = left_over(dir, here, "1-0-0.part"),
                  *longer = left_over(dir, here, "1-0.part.txt"), *user = g_build_filename(dir, "mine.part", NULL),
                  *link = g_strconcat(dir, "/l", strrchr(left, '/') + 1, NULL);
  g_assert_true(g_file_set_contents(user, "mine", 4, NULL));
  g_assert_cmpint(symlink("mine.part", link), ==, 0);
  int fd = open(written, O_RDWR | O_CLOEXEC);
  g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
  g_assert_true(lus_file_write(path, "x", 1, NULL));
  g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
  const char *const kept[] = {path, written, elsewhere, odd, longer, link, user};
  for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
    g_assert_true(g_file_test(kept[i], G_FILE_TEST_IS_REGULAR));
  close(fd);
  for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
    g_assert_cmpint(g_unlink(kept[i]), ==, 0);
  g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void test_commit(void)
{
  g_autofree char *part = in_folder("v.part"), *path = in_folder("v");
  g_autoptr(GError) error = NULL;
  g_assert_true(g_file_set_contents(part, "abc", 3, NULL));
  g_assert_true(lus_file_commit(part, path, &error));
  g_assert_no_error(error);
  g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
  g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
  g_assert_false(lus_file_commit(part, path, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
  g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
  g_unlink(path);
}

/** FIPS 180-2, appendix B.1, and the empty message. */
static void test_sha256(void)
{
  g_autofree char *abc = lus_sha256("abc", 3), *empty = lus_sha256(NULL, 0);
  g_assert_cmpstr(abc, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  g_assert_cmpstr(empty, ==, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp(NULL, NULL);
  g_test_add_func("/nn/file/round-trip", test_round_trip);
  g_test_add_func("/nn/file/empty", test_empty);
  g_test_add_func("/nn/file/refusals", test_refusals);
  g_test_add_func("/nn/file/failed-write", test_failed_write);
  g_test_add_func("/nn/file/left", test_left);
  g_test_add_func("/nn/file/commit", test_commit);
  g_test_add_func("/nn/file/sha256", test_sha256);
  int code = g_test_run();
  g_rmdir(folder);
  g_free(folder);
  return code;
}
