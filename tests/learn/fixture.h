/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/** A fresh folder for one test. */
static inline char *folder_new(void)
{
  g_autoptr(GError) error = NULL;
  char *path = g_dir_make_tmp("lus-learn-XXXXXX", &error);
  g_assert_no_error(error);
  return path;
}

static inline void folder_remove(const char *path)
{
  GDir *dir = g_dir_open(path, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    if (g_file_test(child, G_FILE_TEST_IS_DIR))
      folder_remove(child);
    else
      g_unlink(child);
  }
  if (dir)
    g_dir_close(dir);
  g_rmdir(path);
}

static inline void assert_near(double value, double expected, double tolerance)
{
  if (fabs(value - expected) <= tolerance)
    return;
  g_test_message("%.9g, expected %.9g within %g", value, expected, tolerance);
  g_test_fail();
}

/** The error has this code and its message contains @part; it is cleared. */
#define assert_error(error, error_code, part) \
  G_STMT_START { \
    g_assert_error(error, LUS_ERROR, error_code); \
    if (!strstr((error)->message, part)) \
      g_test_message("'%s' does not contain '%s'", (error)->message, part); \
    g_assert_nonnull(strstr((error)->message, part)); \
    g_clear_error(&(error)); \
  } G_STMT_END
