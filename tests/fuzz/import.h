/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "fuzz.h"
#include "learn/import.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#define FUZZ_WIDTH 40
#define FUZZ_HEIGHT 32

static char fuzz_folder[64];
static char *fuzz_files[16]; /* what lies in it */

static inline void fuzz_folder_remove(void)
{
  for (size_t i = 0; i < G_N_ELEMENTS(fuzz_files) && fuzz_files[i]; i++) {
    g_unlink(fuzz_files[i]);
    g_clear_pointer(&fuzz_files[i], g_free);
  }
  g_rmdir(fuzz_folder);
}

/** For readers that look at names: the file @name with this content, in a folder of this process alone. The path is to
 *  be freed. */
static inline char *fuzz_named_file(const char *name, const uint8_t *data, size_t size)
{
  if (!*fuzz_folder) {
    g_snprintf(fuzz_folder, sizeof fuzz_folder, "%s/lus-fuzz-XXXXXX",
               g_file_test("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : "/tmp");
    g_assert_nonnull(g_mkdtemp(fuzz_folder));
    atexit(fuzz_folder_remove);
  }
  char *path = g_build_filename(fuzz_folder, name, NULL);
  size_t i = 0;
  while (fuzz_files[i] && !g_str_equal(fuzz_files[i], path))
    i++;
  g_assert_cmpuint(i, <, G_N_ELEMENTS(fuzz_files));
  if (!fuzz_files[i])
    fuzz_files[i] = g_strdup(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  g_assert_cmpint(fd, >=, 0);
  g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
  close(fd);
  return path;
}

/** Reads @path and draws what was found as it is on its first, a middle and its last frame. A refusal must name a file of
 *  the folder. @depth_mm 0: the scale is given, else it follows from the fan. */
static inline void fuzz_import(const char *format, const char *path, double depth_mm)
{
  static const char *const map[] = {"pleura=pleural_line", "left_out=", NULL};
  LusImportConfig config = {.class_map = (char *const *)map, .depth_mm = depth_mm, .line_width = 3};
  config.mm_per_pixel = depth_mm > 0 ? 0 : 0.5;
  if (!g_str_equal(format, "layers") && !g_str_equal(format, "masks")) {
    config.offset_x = 1.5;
    config.offset_y = -1;
  }
  GError *error = NULL;
  g_autoptr(LusRegions) regions = lus_regions_new();
  gboolean ok = lus_import_read(regions, format, path, &config, &error);
  g_assert_true(ok == (error == NULL));
  if (error && !strstr(error->message, fuzz_folder))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  for (guint i = 0; ok && i < MIN(regions->list->len, 64); i++) {
    guint8 plane[FUZZ_WIDTH * FUZZ_HEIGHT] = {0};
    const LusRegion *r = &g_array_index(regions->list, LusRegion, i);
    int frames[] = {r->frame, r->frame + (r->last - r->frame) / 2, r->last};
    for (size_t k = 0; k < G_N_ELEMENTS(frames); k++)
      lus_region_draw(r, plane, FUZZ_WIDTH, FUZZ_HEIGHT, frames[k], NULL);
  }
}
