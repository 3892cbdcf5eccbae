/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inputs.h"
#include "results.h"
#include "source.h"
#include "table.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FOLDERS 16 /* before a name, to tell it from others */

/** A folder that is looked through, and those above it. */
typedef struct Folder {
  const struct Folder *above;
  GStatBuf status;
} Folder;

void lus_tool_input_free(gpointer data)
{
  LusToolInput *input = data;
  g_free(input->path);
  g_free(input->name);
  g_free(input);
}

gboolean lus_tool_is_video(const char *name)
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
static LusToolInput *add(GPtrArray *inputs, const char *path, const char *folder)
{
  LusToolInput *input = g_new0(LusToolInput, 1);
  g_autofree char *stem = g_path_get_basename(path);
  char *dot = strrchr(stem, '.');
  /* DICOM files may be named by a UID; dots alone would name another folder. */
  if (dot && strspn(stem, ".") < (gsize)(dot - stem) && strspn(dot + 1, "0123456789") < strlen(dot + 1))
    *dot = 0;
  input->path = g_strdup(path);
  input->name = *folder ? g_build_filename(folder, stem, NULL) : g_strdup(stem);
  input->told.day = -1;
  g_ptr_array_add(inputs, input);
  return input;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/** A video that lus segment wrote beside its frames.jsonl is no clip, also where results lie among clips. */
static gboolean is_result(const char *folder, const char *name)
{
  static const char *const names[] = {LUS_OVERLAY_NAME, LUS_WHOLE_NAME, LUS_MASKS_NAME, LUS_CONFIDENCES_NAME,
                                      LUS_SEGMENTATION_NAME, NULL};
  g_autofree char *frames = g_build_filename(folder, LUS_FRAMES_NAME, NULL);
  return g_strv_contains(names, name) && g_file_test(frames, G_FILE_TEST_EXISTS);
}

static gboolean is_among(const Folder *folder, const GStatBuf *status)
{
  while (folder && (folder->status.st_dev != status->st_dev || folder->status.st_ino != status->st_ino))
    folder = folder->above;
  return folder != NULL;
}

/** @below: the path from the argument to here, "" at first. */
static gboolean walk(GPtrArray *inputs, const char *path, const char *below, const Folder *above, GError **error)
{
  Folder here = {.above = above};
  GError *cause = NULL;
  g_autoptr(GDir) folder = g_dir_open(path, 0, &cause);
  if (!folder) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s", cause->message);
    g_error_free(cause);
    return FALSE;
  }
  if (g_stat(path, &here.status) == 0 && is_among(above, &here.status))
    return TRUE; /* a link back: its clips are there already */
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (const char *name = g_dir_read_name(folder); name; name = g_dir_read_name(folder))
    g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    g_autofree char *full = g_build_filename(path, name, NULL);
    if (*name == '.' || is_result(path, name)) /* also "._x.mp4", which macOS leaves beside x.mp4 on other file systems */
      continue;
    if (g_file_test(full, G_FILE_TEST_IS_DIR)) {
      g_autofree char *inner = *below ? g_build_filename(below, name, NULL) : g_strdup(name);
      if (!walk(inputs, full, inner, &here, error))
        return FALSE;
    } else if (lus_tool_is_video(name) || lus_tool_is_dicom(full)) {
      add(inputs, full, below);
    }
  }
  return TRUE;
}

static GHashTable *count_names(const GPtrArray *inputs)
{
  GHashTable *counts = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < inputs->len; i++) {
    const LusToolInput *input = inputs->pdata[i];
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, input->name));
    g_hash_table_replace(counts, input->name, GUINT_TO_POINTER(n + 1));
  }
  return counts;
}

/** The stem behind the last @input->folders folders of the path; all of them where there are no more. */
static char *name_with_folders(const LusToolInput *input)
{
  g_autofree char *absolute = g_canonicalize_filename(input->path, NULL), *stem = g_path_get_basename(input->name);
  g_autofree char *parent = g_path_get_dirname(absolute);
  g_auto(GStrv) folders = g_strsplit(parent, G_DIR_SEPARATOR_S, -1);
  int n = (int)g_strv_length(folders);
  g_autofree char *kept = g_strjoinv(G_DIR_SEPARATOR_S, folders + MAX(n - input->folders, 1));
  return *kept ? g_build_filename(kept, stem, NULL) : g_steal_pointer(&stem);
}

/** Puts one more folder before each name that occurs more than once. FALSE: there was none. */
static gboolean keep_folders(GPtrArray *inputs)
{
  g_autoptr(GHashTable) counts = count_names(inputs);
  g_autoptr(GPtrArray) old = g_ptr_array_new_with_free_func(g_free); /* the table's keys */
  for (guint i = 0; i < inputs->len; i++) {
    LusToolInput *input = inputs->pdata[i];
    if (GPOINTER_TO_UINT(g_hash_table_lookup(counts, input->name)) < 2)
      continue;
    input->folders++;
    g_ptr_array_add(old, input->name);
    input->name = name_with_folders(input);
  }
  return old->len > 0;
}

/** The same file twice: by its path, whatever way it was written. */
static gboolean refuse_twice(const GPtrArray *inputs, GError **error)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < inputs->len; i++) {
    const LusToolInput *input = inputs->pdata[i];
    if (g_hash_table_add(seen, g_canonicalize_filename(input->path, NULL)))
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is named twice; a folder names all files in it", input->path);
    return FALSE;
  }
  return TRUE;
}

static gboolean tell_apart(GPtrArray *inputs, GError **error)
{
  if (!refuse_twice(inputs, error))
    return FALSE;
  for (int i = 0; i < MAX_FOLDERS && keep_folders(inputs); i++)
    ;
  g_autoptr(GHashTable) counts = count_names(inputs);
  for (guint i = 0; i < inputs->len; i++) {
    const LusToolInput *input = inputs->pdata[i];
    if (GPOINTER_TO_UINT(g_hash_table_lookup(counts, input->name)) < 2)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: another input would be kept as '%s' too; rename one, or give them "
                "in separate runs",
                input->path, input->name);
    return FALSE;
  }
  return TRUE;
}

/** A path of a list or manifest, which begins at @folder unless it is absolute or @folder is NULL. */
static LusToolInput *add_listed(GPtrArray *inputs, const char *file, const char *folder)
{
  g_autofree char *path = folder && !g_path_is_absolute(file) ? g_build_filename(folder, file, NULL) : g_strdup(file);
  return add(inputs, path, "");
}

static gboolean add_list(GPtrArray *inputs, const char *path, GError **error)
{
  gboolean stdin_list = g_str_equal(path, "-");
  FILE *file = stdin_list ? stdin : g_fopen(path, "re");
  if (!file) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot open: %s", path, g_strerror(errno));
    return FALSE;
  }
  char *line = NULL;
  size_t room = 0;
  gboolean first = TRUE;
  for (gssize length = getline(&line, &room, file); length >= 0; length = getline(&line, &room, file)) {
    const char *text = line + (first ? lus_utf8_mark(line, (gsize)length) : 0);
    first = FALSE;
    line[strcspn(line, "\r\n")] = 0;
    if (*text && *text != '#')
      add_listed(inputs, text, NULL);
  }
  free(line);
  gboolean ok = !ferror(file);
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot read: %s", path, g_strerror(errno));
  if (!stdin_list)
    fclose(file);
  return ok;
}

/** A name that is cut might be another patient's. */
static gboolean take_patient(LusToolInput *input, const char *patient, const char *manifest, GError **error)
{
  if (g_strlcpy(input->told.patient, patient, sizeof(input->told.patient)) < sizeof(input->told.patient))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: patient '%s' is longer than %d bytes", manifest, patient,
              (int)sizeof(input->told.patient) - 1);
  return FALSE;
}

static gboolean take_told(LusToolInput *input, const LusToolTable *table, GError **error)
{
  LusClipName *told = &input->told;
  const char *mm = lus_tool_table_field(table, lus_tool_table_column(table, "mm_per_pixel"));
  char *rest = NULL;
  const char *day = lus_tool_table_field(table, lus_tool_table_column(table, "day"));
  g_autofree char *zone = g_ascii_strup(lus_tool_table_field(table, lus_tool_table_column(table, "zone")), -1);
  gint64 number = -1;
  if (*day && !g_ascii_string_to_signed(day, 10, 0, 1000000, &number, NULL)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: day '%s' is not 0 to 1000000", table->path, table->line, day);
    return FALSE;
  }
  if (*zone && !lus_zone_known(zone)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: zone '%s' is none of R1 to R6, L1 to L6, R4V, L4V", table->path,
                table->line, zone);
    return FALSE;
  }
  input->mm_per_pixel = g_ascii_strtod(mm, &rest);
  if (*mm && (*rest || !lus_mm_per_pixel_is_valid(input->mm_per_pixel))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: mm_per_pixel '%s' is not %g to %g; leave it empty where it is "
                "unknown", table->path, table->line, mm, LUS_MM_PER_PIXEL_MIN, LUS_MM_PER_PIXEL_MAX);
    return FALSE;
  }
  told->day = (int)number;
  g_strlcpy(told->zone, zone, sizeof(told->zone));
  return take_patient(input, lus_tool_table_field(table, lus_tool_table_column(table, "patient")), table->path, error);
}

static gboolean add_table(GPtrArray *inputs, const char *path, GError **error)
{
  g_autoptr(LusToolTable) table = lus_tool_table_open(path, error);
  if (!table)
    return FALSE;
  int column = lus_tool_table_column(table, "file");
  if (column < 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: has no column 'file'; a manifest names the clips there", path);
    return FALSE;
  }
  g_autofree char *folder = g_path_get_dirname(path);
  gboolean end = FALSE;
  while (lus_tool_table_next(table, &end, error)) {
    const char *file = lus_tool_table_field(table, column);
    if (!*file) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: names no file", path, table->line);
      return FALSE;
    }
    if (!take_told(add_listed(inputs, file, folder), table, error))
      return FALSE;
  }
  return end;
}

static gboolean add_exam(GPtrArray *inputs, const char *path, GError **error)
{
  g_autoptr(LusManifest) manifest = lus_manifest_load(path, error);
  for (int i = 0; manifest && i < manifest->n_clips; i++) {
    LusToolInput *input = add(inputs, manifest->clips[i].file, "");
    LusClipName *told = &input->told;
    input->mm_per_pixel = manifest->clips[i].mm_per_pixel;
    told->day = manifest->day;
    g_strlcpy(told->zone, manifest->clips[i].zone, sizeof(told->zone));
    if (!take_patient(input, manifest->patient ? manifest->patient : "", path, error))
      return FALSE;
  }
  return manifest != NULL;
}

static gboolean add_pattern(GPtrArray *inputs, const char *pattern)
{
  glob_t found;
  if (glob(pattern, 0, NULL, &found) != 0)
    return FALSE;
  for (gsize i = 0; i < found.gl_pathc; i++)
    add(inputs, found.gl_pathv[i], "");
  globfree(&found);
  return TRUE;
}

static gboolean add_argument(GPtrArray *inputs, const char *argument, GError **error)
{
  gboolean exists = g_file_test(argument, G_FILE_TEST_EXISTS);
  if (g_file_test(argument, G_FILE_TEST_IS_DIR))
    return walk(inputs, argument, "", NULL, error);
  if (g_str_equal(argument, "-") || g_str_has_suffix(argument, ".txt"))
    return add_list(inputs, argument, error);
  if (g_str_has_suffix(argument, ".csv"))
    return add_table(inputs, argument, error);
  if (g_str_has_suffix(argument, ".json"))
    return add_exam(inputs, argument, error);
  if (exists || !strpbrk(argument, "*?[") || !add_pattern(inputs, argument))
    add(inputs, argument, ""); /* that there is no such file is told when it is opened */
  return TRUE;
}

GPtrArray *lus_tool_inputs(char *const *arguments, GError **error)
{
  g_autoptr(GPtrArray) inputs = g_ptr_array_new_with_free_func(lus_tool_input_free);
  for (; *arguments; arguments++) {
    guint before = inputs->len;
    if (!add_argument(inputs, *arguments, error))
      return NULL;
    if (inputs->len == before) {
      gboolean folder = g_file_test(*arguments, G_FILE_TEST_IS_DIR);
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s", *arguments,
                  folder ? "no video file in this folder" : "names no clip");
      return NULL;
    }
  }
  return tell_apart(inputs, error) ? g_steal_pointer(&inputs) : NULL;
}

gboolean lus_tool_inputs_shard(GPtrArray *inputs, const char *text, GError **error)
{
  guint part = 1, parts = 1;
  char rest = 0;
  gboolean digits = text && text[strspn(text, "0123456789/")] == '\0'; /* sscanf() takes signs and blanks too */
  if (text && (!digits || sscanf(text, "%9u/%9u%c", &part, &parts, &rest) != 2 || part < 1 || part > parts)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "--shard %s: write K/N with K from 1 to N", text);
    return FALSE;
  }
  GPtrArray *all = g_ptr_array_new();
  for (guint i = 0; i < inputs->len; i++)
    g_ptr_array_add(all, inputs->pdata[i]);
  g_ptr_array_set_free_func(inputs, NULL);
  g_ptr_array_set_size(inputs, 0);
  g_ptr_array_set_free_func(inputs, lus_tool_input_free);
  for (guint i = 0; i < all->len; i++)
    if (i % parts == part - 1)
      g_ptr_array_add(inputs, all->pdata[i]);
    else
      lus_tool_input_free(all->pdata[i]);
  g_ptr_array_unref(all);
  return TRUE;
}
