/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inputs.h"
#include <string.h>

#define MAX_DEPTH 16 /* of folders; a folder that links to its parent must end somewhere */

static void input_free(gpointer data)
{
  LusToolInput *input = data;
  g_free(input->path);
  g_free(input->name);
  g_free(input);
}

static gboolean is_video(const char *name)
{
  static const char *const extensions[] = {".mkv", ".mp4", ".avi", ".mov",  ".m4v",   ".mpg", ".mpeg", ".webm",
                                           ".wmv", ".ogv", ".ts",  ".mjpg", ".mjpeg", ".flv", ".3gp"};
  g_autofree char *lower = g_ascii_strdown(name, -1);
  for (gsize i = 0; i < G_N_ELEMENTS(extensions); i++)
    if (g_str_has_suffix(lower, extensions[i]))
      return TRUE;
  return FALSE;
}

/** The base name without its extension, behind @folder unless that is "". */
static void add(GPtrArray *inputs, const char *path, const char *folder)
{
  LusToolInput *input = g_new0(LusToolInput, 1);
  g_autofree char *stem = g_path_get_basename(path);
  char *dot = strrchr(stem, '.');
  if (dot && dot != stem)
    *dot = 0;
  input->path = g_strdup(path);
  input->name = *folder ? g_build_filename(folder, stem, NULL) : g_strdup(stem);
  g_ptr_array_add(inputs, input);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/** @below: the path from the argument to here, "" at first. */
static gboolean walk(GPtrArray *inputs, const char *path, const char *below, int depth, GError **error)
{
  GError *cause = NULL;
  g_autoptr(GDir) folder = g_dir_open(path, 0, &cause);
  if (!folder) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s", cause->message);
    g_error_free(cause);
    return FALSE;
  }
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (const char *name = g_dir_read_name(folder); name; name = g_dir_read_name(folder))
    g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    g_autofree char *full = g_build_filename(path, name, NULL);
    if (g_file_test(full, G_FILE_TEST_IS_DIR)) {
      g_autofree char *inner = *below ? g_build_filename(below, name, NULL) : g_strdup(name);
      if (depth < MAX_DEPTH && !walk(inputs, full, inner, depth + 1, error))
        return FALSE;
    } else if (is_video(name)) {
      add(inputs, full, below);
    }
  }
  return TRUE;
}

/** Puts the last folder before each name that occurs more than once. */
static void keep_folders(GPtrArray *inputs, GHashTable *counts)
{
  for (guint i = 0; i < inputs->len; i++) {
    LusToolInput *input = inputs->pdata[i];
    if (GPOINTER_TO_UINT(g_hash_table_lookup(counts, input->name)) < 2)
      continue;
    g_autofree char *absolute = g_canonicalize_filename(input->path, NULL);
    g_autofree char *stem = g_path_get_basename(input->name), *parent = g_path_get_dirname(absolute);
    g_autofree char *folder = g_path_get_basename(parent);
    g_free(input->name);
    input->name = g_build_filename(folder, stem, NULL);
  }
}

static GHashTable *count_names(const GPtrArray *inputs)
{
  GHashTable *counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < inputs->len; i++) {
    const LusToolInput *input = inputs->pdata[i];
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, input->name));
    g_hash_table_insert(counts, g_strdup(input->name), GUINT_TO_POINTER(n + 1));
  }
  return counts;
}

static gboolean tell_apart(GPtrArray *inputs, GError **error)
{
  g_autoptr(GHashTable) counts = count_names(inputs);
  keep_folders(inputs, counts);
  g_autoptr(GHashTable) kept = count_names(inputs);
  for (guint i = 0; i < inputs->len; i++) {
    const LusToolInput *input = inputs->pdata[i];
    if (GPOINTER_TO_UINT(g_hash_table_lookup(kept, input->name)) < 2)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: another input would be kept as '%s' too; rename one, or give them "
                "in separate runs",
                input->path, input->name);
    return FALSE;
  }
  return TRUE;
}

GPtrArray *lus_tool_inputs(char *const *arguments, GError **error)
{
  g_autoptr(GPtrArray) inputs = g_ptr_array_new_with_free_func(input_free);
  for (; *arguments; arguments++) {
    guint before = inputs->len;
    if (!g_file_test(*arguments, G_FILE_TEST_IS_DIR)) {
      add(inputs, *arguments, "");
    } else if (!walk(inputs, *arguments, "", 0, error)) {
      return NULL;
    } else if (inputs->len == before) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no video file in this folder", *arguments);
      return NULL;
    }
  }
  return tell_apart(inputs, error) ? g_steal_pointer(&inputs) : NULL;
}
