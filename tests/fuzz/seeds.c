/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over the seeds and the findings that are kept: seeds TARGET SEEDS REGRESSIONS. The latter is a folder of
 * files TARGET-WHAT. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** In memory of the file's size, so that a sanitizer or valgrind sees each byte too many. */
static void run(const char *path)
{
  g_autofree char *text = NULL;
  gsize length = 0;
  g_assert_true(g_file_get_contents(path, &text, &length, NULL));
  uint8_t *copy = malloc(MAX(length, 1));
  memcpy(copy, text, length);
  LLVMFuzzerTestOneInput(copy, length);
  free(copy);
}

static int run_folder(const char *folder, const char *prefix)
{
  int n = 0;
  GDir *dir = g_dir_open(folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name(dir));) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (!g_str_has_prefix(name, prefix))
      continue;
    run(path);
    n++;
  }
  if (dir)
    g_dir_close(dir);
  return n;
}

int main(int argc, char **argv)
{
  g_assert_cmpint(argc, ==, 4);
  g_autofree char *prefix = g_strconcat(argv[1], "-", NULL);
  int seeds = run_folder(argv[2], ""), found = run_folder(argv[3], prefix);
  g_print("%s: %d seeds, %d regressions\n", argv[1], seeds, found);
  return seeds > 0 ? 0 : 1;
}
