/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** The files that a source stands for: itself, or those of a folder. */
#include "import-internal.h"

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
      return lus_import_refuse(error, path, "lies too deep in other folders; give it as a source of its own");
    } else if (!list_files(paths, path, endings, depth + 1, error)) {
      return FALSE;
    }
  }
  return TRUE;
}

/** All files of a folder. One of another kind is left out if it left no region behind. */
static gboolean read_all(LusRegions *regions, const LusImportFormat *format, const char *folder,
                         const LusImportConfig *config, GError **error)
{
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
  if (!list_files(paths, folder, format->endings, 0, error))
    return FALSE;
  g_ptr_array_sort(paths, compare_paths);
  guint n_read = 0;
  g_autoptr(GError) other = NULL;
  for (guint i = 0; i < paths->len; i++) {
    guint before = regions->list->len;
    GError *cause = NULL;
    if (format->read(regions, paths->pdata[i], config, &cause)) {
      n_read++;
    } else if (!g_error_matches(cause, LUS_ERROR, LUS_ERROR_UNSUPPORTED) || regions->list->len > before) {
      g_propagate_error(error, cause);
      return FALSE;
    } else {
      if (config->skipped)
        g_ptr_array_add(config->skipped, g_strdup(paths->pdata[i]));
      g_clear_error(&other);
      other = cause;
    }
  }
  if (n_read == 0 && other)
    g_propagate_error(error, g_steal_pointer(&other));
  else if (n_read == 0)
    return lus_import_refuse(error, folder, "no file of this format in this folder (%s)", format->endings);
  return n_read > 0;
}

gboolean lus_import_read_files(LusRegions *regions, const LusImportFormat *format, const char *path,
                               const LusImportConfig *config, GError **error)
{
  return g_file_test(path, G_FILE_TEST_IS_DIR) ? read_all(regions, format, path, config, error)
                                               : format->read(regions, path, config, error);
}
