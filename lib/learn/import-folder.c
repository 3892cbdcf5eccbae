/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import-folder.h"
#include "nn/error.h"
#include "nn/refuse.h"

#include <string.h>

#define MAX_DEPTH 8 /* folders in folders; one that links to its parent must end somewhere */

static gint compare_paths(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static gboolean has_ending(const char *name, const char *endings)
{
  const char *dot = strrchr(name, '.');
  g_autofree char *ending = g_ascii_strdown(dot ? dot : "", -1);
  const char *found = *ending ? strstr(endings, ending) : NULL;
  return found && (found[strlen(ending)] == ' ' || !found[strlen(ending)]);
}

static gboolean list_files(GPtrArray *paths, const char *folder, const char *endings, int depth, GError **error)
{
  GError *cause = NULL;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
  if (!dir) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s", cause->message);
    g_error_free(cause);
    return FALSE;
  }
  for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (*name == '.')
      continue;
    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
      if (has_ending(name, endings))
        g_ptr_array_add(paths, g_steal_pointer(&path));
    } else if (depth == MAX_DEPTH) {
      return lus_refuse(error, path, NULL, NULL, "lies too deep in other folders; give it as a source of its own");
    } else if (!list_files(paths, path, endings, depth + 1, error)) {
      return FALSE;
    }
  }
  return TRUE;
}

GPtrArray *lus_import_files(const char *folder, const char *endings, GError **error)
{
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
  if (!list_files(paths, folder, endings, 0, error))
    return NULL;
  g_ptr_array_sort(paths, compare_paths);
  return g_steal_pointer(&paths);
}
