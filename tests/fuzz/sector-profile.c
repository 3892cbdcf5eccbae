/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scanner's profile, for pictures of 40x32; what is read is shown, written and read again. */
#include "import.h"
#include "lung/sector-profile.h"

/** A picture that is lit on the left, except at its top. */
static void look(LusSector *sector)
{
  guint8 plane[FUZZ_WIDTH * FUZZ_HEIGHT] = {0};
  LusRect rect;
  for (int y = 2; y < FUZZ_HEIGHT; y++)
    memset(plane + (size_t)y * FUZZ_WIDTH, 90, FUZZ_WIDTH - 10);
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = FUZZ_WIDTH, .height = FUZZ_HEIGHT, .planes = {plane},
                    .strides = {FUZZ_WIDTH}};
  lus_sector_update(sector, &image);
  if (!lus_sector_get_rect(sector, &rect))
    return;
  g_assert_true(rect.x >= 0 && rect.width >= LUS_FRAME_MIN && rect.x + rect.width <= FUZZ_WIDTH);
  g_assert_true(rect.y >= 0 && rect.height >= LUS_FRAME_MIN && rect.y + rect.height <= FUZZ_HEIGHT);
  lus_sector_sample(sector, plane, rect, FUZZ_WIDTH, FUZZ_HEIGHT);
}

/** Profiles where there can be none, one that is a folder, and one that is new. */
static void try_no_file(void)
{
  g_autofree char *odd = g_build_filename(fuzz_folder, "none", "scanner.profile", NULL),
                  *fresh = g_build_filename(fuzz_folder, "fresh.profile", NULL);
  const struct {
    const char *path;
    gboolean loads, saves;
  } cases[] = {{fuzz_folder, FALSE, FALSE}, {odd, TRUE, FALSE}, {fresh, TRUE, TRUE}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusSector *sector = lus_sector_new(FUZZ_WIDTH, FUZZ_HEIGHT, LUS_SECTOR_AUTO, (LusRect){0});
    g_assert_true(lus_sector_profile_save(sector, cases[i].path, NULL)); /* nothing is known yet */
    for (int n = 0; n < 40; n++)
      look(sector);
    g_assert_cmpint(lus_sector_profile_load(sector, cases[i].path, NULL), ==, cases[i].loads);
    g_assert_cmpint(lus_sector_profile_save(sector, cases[i].path, NULL), ==, cases[i].saves);
    lus_sector_free(sector);
  }
  g_unlink(fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = fuzz_named_file("scanner.profile", data, size);
  if (size == 0)
    try_no_file();
  LusSector *sector = lus_sector_new(FUZZ_WIDTH, FUZZ_HEIGHT, LUS_SECTOR_AUTO, (LusRect){0});
  gboolean known = lus_sector_profile_load(sector, path, &error);
  g_assert_true(known == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  if (known) { /* looking takes long */
    LusSector *next = lus_sector_new(FUZZ_WIDTH, FUZZ_HEIGHT, LUS_SECTOR_AUTO, (LusRect){0});
    look(sector);
    lus_sector_profile_save(sector, path, &error);
    g_assert_no_error(error);
    lus_sector_profile_load(next, path, &error);
    g_assert_no_error(error);
    lus_sector_free(next);
  }
  lus_sector_free(sector);
  return 0;
}
