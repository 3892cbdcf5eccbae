/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "learn/labels.h"
#include "nn/error.h"

#include <string.h>

#define FUSION_PREFIX "fusion." /* of the record, the mark, and what they are called while they are written */
#define FRAME_PREFIX "frame"
#define FRAME_DIGITS 6

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *lus_folder_names(const char *path)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  GDir *dir = g_dir_open(path, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir))
    if (*name != '.')
      g_ptr_array_add(names, g_strdup(name));
  g_clear_pointer(&dir, g_dir_close);
  g_ptr_array_sort(names, compare_names);
  return names;
}

static char *annotator_folder(const LusDataset *dataset, const char *annotator)
{
  return g_build_filename(dataset->path, "labels", annotator, NULL);
}

gboolean lus_labels_any(const char *folder)
{
  g_autoptr(GPtrArray) names = lus_folder_names(folder);
  for (guint i = 0; i < names->len; i++)
    if (!g_str_has_prefix(names->pdata[i], FUSION_PREFIX))
      return TRUE;
  return FALSE;
}

GPtrArray *lus_labels_annotators(const LusDataset *dataset)
{
  g_autofree char *folder = g_build_filename(dataset->path, "labels", NULL);
  GPtrArray *names = lus_folder_names(folder);
  for (guint i = names->len; i-- > 0;) {
    const char *name = names->pdata[i];
    g_autofree char *path = annotator_folder(dataset, name);
    if (*name == '.' || !g_file_test(path, G_FILE_TEST_IS_DIR) || !lus_labels_any(path))
      g_ptr_array_remove_index(names, i);
  }
  return names;
}

gboolean lus_labels_fused(const LusDataset *dataset, const char *annotator)
{
  g_autofree char *folder = annotator_folder(dataset, annotator);
  g_autofree char *record = g_build_filename(folder, LUS_FUSION_RECORD, NULL);
  return g_file_test(record, G_FILE_TEST_EXISTS);
}

/** Names go into files and JSON, which know UTF-8 alone. */
static gboolean check_name(const LusDataset *dataset, const char *annotator, GError **error)
{
  if (g_utf8_validate(annotator, -1, NULL))
    return TRUE;
  g_autofree char *shown = g_filename_display_name(annotator);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s/labels: annotator '%s' has a name that is not UTF-8; rename the folder",
              dataset->path, shown);
  return FALSE;
}

char **lus_dataset_annotators(const LusDataset *dataset, GError **error)
{
  if (dataset->annotators)
    return g_strdupv(dataset->annotators);
  g_autoptr(GPtrArray) names = lus_labels_annotators(dataset);
  g_autoptr(GPtrArray) kept = g_ptr_array_new();
  for (guint i = 0; i < names->len; i++) {
    if (lus_labels_fused(dataset, names->pdata[i]))
      continue;
    if (!check_name(dataset, names->pdata[i], error))
      return NULL;
    g_ptr_array_add(kept, names->pdata[i]);
  }
  if (kept->len > LUS_MAX_ANNOTATORS) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s/labels: more than %d annotators", dataset->path, LUS_MAX_ANNOTATORS);
    return NULL;
  }
  g_ptr_array_add(kept, NULL);
  return g_strdupv((char **)kept->pdata);
}

gboolean lus_dataset_select_annotators(LusDataset *dataset, char *const *names, GError **error)
{
  int n = 0;
  for (; names[n]; n++) {
    g_autofree char *folder = annotator_folder(dataset, names[n]);
    if (!check_name(dataset, names[n], error))
      return FALSE;
    if (*names[n] == 0 || strchr(names[n], '/') || *names[n] == '.' || !g_file_test(folder, G_FILE_TEST_IS_DIR)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "there is no annotator '%s'; annotators are the folders of %s/labels",
                  names[n], dataset->path);
      return FALSE;
    }
    g_autofree char *begun = g_build_filename(folder, LUS_FUSION_BEGUN, NULL);
    if (g_file_test(begun, G_FILE_TEST_EXISTS)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: lus fuse was stopped before all labels were there; repeat it",
                  folder);
      return FALSE;
    }
    for (int i = 0; i < n; i++)
      if (g_str_equal(names[i], names[n])) {
        g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "annotator '%s' is named twice", names[n]);
        return FALSE;
      }
  }
  if (n < 1 || n > LUS_MAX_ANNOTATORS) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "name 1 to %d annotators", LUS_MAX_ANNOTATORS);
    return FALSE;
  }
  g_strfreev(dataset->annotators);
  dataset->annotators = g_strdupv((char **)names);
  return TRUE;
}

/** "frame000012.pleural_line.png" of one of the classes gives 12, else -1. */
static int frame_of(const LusDataset *dataset, const char *name)
{
  gsize prefix = strlen(FRAME_PREFIX);
  if (strncmp(name, FRAME_PREFIX, prefix) != 0)
    return -1;
  int frame = 0;
  for (gsize i = prefix; i < prefix + FRAME_DIGITS; i++) {
    if (!g_ascii_isdigit(name[i]))
      return -1;
    frame = frame * 10 + name[i] - '0';
  }
  const char *rest = name + prefix + FRAME_DIGITS;
  if (*rest != '.')
    return -1;
  for (int k = 0; k < dataset->n_classes; k++) {
    gsize n = strlen(dataset->classes[k]);
    if (strncmp(rest + 1, dataset->classes[k], n) == 0 && g_str_equal(rest + 1 + n, ".png"))
      return frame;
  }
  return -1;
}

static int compare_labelled(gconstpointer a, gconstpointer b)
{
  const LusLabelled *x = a, *y = b;
  return x->frame != y->frame ? x->frame - y->frame : x->annotator - y->annotator;
}

void lus_labels_find(GArray *labelled, const LusDataset *dataset, char *const *annotators, const LusClip *clip,
                     gboolean each)
{
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(LusLabelled));
  for (int a = 0; annotators[a]; a++) {
    g_autofree char *folder = g_build_filename(dataset->path, "labels", annotators[a], clip->name, NULL);
    g_autoptr(GPtrArray) names = lus_folder_names(folder);
    for (guint i = 0; i < names->len; i++) {
      LusLabelled one = {clip, frame_of(dataset, names->pdata[i]), each ? a : -1};
      if (one.frame >= 0)
        g_array_append_val(found, one);
    }
  }
  g_array_sort(found, compare_labelled);
  for (guint i = 0; i < found->len; i++) {
    LusLabelled *one = &g_array_index(found, LusLabelled, i);
    if (i == 0 || compare_labelled(one, one - 1) != 0)
      g_array_append_val(labelled, *one);
  }
}

char *lus_labels_path(const LusDataset *dataset, const char *annotator, const char *clip, int frame, int class_index)
{
  g_autofree char *name = g_strdup_printf(FRAME_PREFIX "%0*d.%s.png", FRAME_DIGITS, frame,
                                          dataset->classes[class_index]);
  return g_build_filename(dataset->path, "labels", annotator, clip, name, NULL);
}

void lus_labels_clear(guint8 **planes, int n)
{
  for (int i = 0; i < n; i++)
    g_clear_pointer(&planes[i], g_free);
}

gboolean lus_labels_read(guint8 **planes, int *width, int *height, const LusDataset *dataset, char *const *annotators,
                         const LusLabelled *labelled, int class_index, GError **error)
{
  int n = (int)g_strv_length((char **)annotators), w = 0, h = 0;
  *width = *height = 0;
  memset(planes, 0, n * sizeof *planes);
  for (int i = 0; i < n; i++) {
    g_autofree char *path = lus_labels_path(dataset, annotators[i], labelled->clip->name, labelled->frame, class_index);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
      continue;
    planes[i] = lus_label_read(path, &w, &h, error);
    gboolean fits = *width == 0 || (w == *width && h == *height);
    if (planes[i] && !fits)
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %d x %d pixels, but another annotator's label has %d x %d", path,
                  w, h, *width, *height);
    if (!planes[i] || !fits) {
      lus_labels_clear(planes, n);
      return FALSE;
    }
    *width = w;
    *height = h;
  }
  return TRUE;
}
