/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/sector-profile.h"

#include <glib/gstdio.h>
#include <string.h>

enum { WIDTH = 400, HEIGHT = 300 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusSector, lus_sector_free)

static char *folder;

static LusSector *new_sector(const char *profile)
{
  g_autoptr(GError) error = NULL;
  LusSector *sector = lus_sector_new(WIDTH, HEIGHT, LUS_SECTOR_AUTO, (LusRect){0});
  if (profile)
    lus_sector_profile_load(sector, profile, &error);
  g_assert_no_error(error);
  return sector;
}

/* A picture that is lit in @lit alone, down to its last row or fading. */
static gboolean look_at(LusSector *sector, LusRect lit, gboolean fading)
{
  g_autofree guint8 *pixels = g_malloc0(WIDTH * HEIGHT);
  for (int y = lit.y; y < lit.y + lit.height; y++)
    memset(pixels + y * WIDTH + lit.x, fading ? 90 - 84 * (y - lit.y) / lit.height : 90, (gsize)lit.width);
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = WIDTH, .height = HEIGHT, .planes = {pixels}, .strides = {WIDTH}};
  return lus_sector_update(sector, &image);
}

static gboolean look(LusSector *sector, LusRect lit)
{
  return look_at(sector, lit, FALSE);
}

/* A dark scan, of which little is to be seen. */
static gboolean look_in_the_dark(LusSector *sector)
{
  return look_at(sector, (LusRect){120, 60, 150, 80}, TRUE);
}

static void assert_rect(const LusSector *sector, LusRect expected)
{
  LusRect rect;
  g_assert_true(lus_sector_get_rect(sector, &rect));
  g_assert_cmpint(rect.x, ==, expected.x);
  g_assert_cmpint(rect.y, ==, expected.y);
  g_assert_cmpint(rect.width, ==, expected.width);
  g_assert_cmpint(rect.height, ==, expected.height);
}

static char *save(const char *name, LusRect lit)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusSector) sector = new_sector(NULL);
  char *path = g_build_filename(folder, name, NULL);
  g_assert_true(look(sector, lit));
  g_assert_true(lus_sector_profile_save(sector, path, &error));
  g_assert_no_error(error);
  return path;
}

static const LusRect whole = {100, 50, 200, 220}, other = {20, 50, 300, 220};

/* A dark scan begins with what a bright one left behind; black pictures still show nothing. */
static void test_remembered(void)
{
  g_autofree char *path = save("remembered", whole);
  g_autoptr(LusSector) sector = new_sector(path);
  LusRect rect;
  g_assert_false(lus_sector_get_rect(sector, &rect));
  g_assert_false(look(sector, (LusRect){0}));
  g_assert_false(lus_sector_get_rect(sector, &rect));
  g_assert_true(look_in_the_dark(sector));
  assert_rect(sector, whole);
  g_assert_false(look(sector, whole));
  assert_rect(sector, whole);
  lus_sector_reset(sector);
  g_assert_false(lus_sector_get_rect(sector, &rect));
  g_assert_true(look_in_the_dark(sector));
  assert_rect(sector, whole);
}

/* Pictures that show another sector count, and take the place of what the file holds; a mere part of it does not. */
static void test_refuted(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = save("refuted", whole), *before = NULL, *after = NULL;
  g_file_get_contents(path, &before, NULL, &error);
  g_assert_no_error(error);
  g_autoptr(LusSector) sector = new_sector(path);
  look_in_the_dark(sector);
  g_assert_true(lus_sector_profile_save(sector, path, &error));
  g_file_get_contents(path, &after, NULL, &error);
  g_assert_cmpstr(before, ==, after);

  g_assert_true(look(sector, other));
  assert_rect(sector, other);
  g_assert_true(lus_sector_profile_save(sector, path, &error));
  g_assert_no_error(error);
  g_autoptr(LusSector) next = new_sector(path);
  look_in_the_dark(next);
  assert_rect(next, other);

  /* A smaller one whose borders are all seen: another depth. */
  lus_sector_reset(next);
  g_assert_true(look(next, (LusRect){100, 50, 160, 220}));
  assert_rect(next, (LusRect){100, 50, 160, 220});
}

/* Each size of picture has its own; other groups and comments stay. */
static void test_sizes(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = save("sizes", whole), *text = NULL, *more = NULL;
  g_file_get_contents(path, &text, NULL, &error);
  g_assert_nonnull(strstr(text, "[400x300]\n"));
  g_assert_nonnull(strstr(text, LUS_NOTICE));
  more = g_strconcat("# the one in room 4\n", text, "\n[640x480]\nrows=10;400;\nleft=20;30;\nright=600;610;\n", NULL);
  g_file_set_contents(path, more, -1, &error);
  g_autoptr(LusSector) sector = new_sector(path);
  look(sector, other);
  g_assert_true(lus_sector_profile_save(sector, path, &error));
  g_assert_no_error(error);
  g_autofree char *now = NULL;
  g_file_get_contents(path, &now, NULL, &error);
  g_assert_nonnull(strstr(now, "# the one in room 4\n"));
  g_assert_nonnull(strstr(now, "[640x480]\nrows=10;400;\n"));
}

static void test_none(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = g_build_filename(folder, "none", NULL);
  g_autoptr(LusSector) sector = new_sector(path); /* no file is no error */
  g_assert_true(lus_sector_profile_save(sector, path, &error)); /* nothing was found: nothing is written */
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  look(sector, whole);
  g_autofree char *nowhere = g_build_filename(folder, "no", "such", "folder", NULL);
  g_assert_false(lus_sector_profile_save(sector, nowhere, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
  g_assert_nonnull(strstr(error->message, nowhere));
}

static void test_broken(void)
{
  static const char *const texts[] = {
    "", "no key file", "[400x300]\nrows=1;2;\n", "[lus-scanner-profile]\nversion=2\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;200;\nleft=1;2;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;200;\nleft=1;2;\nright=9;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;300;\nleft=1;2;\nright=300;300;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;10;\nleft=1;2;\nright=300;300;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;200;\nleft=1;200;\nright=300;200;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;200;\nleft=-1;2;\nright=300;401;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=10;12;\nleft=1;2;\nright=300;300;\n",
    "[lus-scanner-profile]\nversion=1\n[400x300]\nrows=99999999999;a;\nleft=1;2;\nright=3;4;\n"};
  g_autofree char *path = g_build_filename(folder, "broken", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(LusSector) sector = lus_sector_new(WIDTH, HEIGHT, LUS_SECTOR_AUTO, (LusRect){0});
    g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
    g_test_message("%s", texts[i]);
    g_assert_false(lus_sector_profile_load(sector, path, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, "delete it"));
    g_assert_true(look(sector, whole)); /* goes on as without */
    assert_rect(sector, whole);
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(LusSector) sector = lus_sector_new(WIDTH, HEIGHT, LUS_SECTOR_AUTO, (LusRect){0});
  g_assert_false(lus_sector_profile_load(sector, folder, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("lus-profile-XXXXXX", NULL);
  g_test_add_func("/sector-profile/remembered", test_remembered);
  g_test_add_func("/sector-profile/refuted", test_refuted);
  g_test_add_func("/sector-profile/sizes", test_sizes);
  g_test_add_func("/sector-profile/none", test_none);
  g_test_add_func("/sector-profile/broken", test_broken);
  int status = g_test_run();
  static const char *const names[] = {"remembered", "refuted", "sizes", "broken"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(folder, names[i], NULL);
    g_unlink(path);
  }
  g_rmdir(folder);
  g_free(folder);
  return status;
}
