/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fused annotator, written beside those it was made from. */
#include "learn/annotation.h"
#include "learn/experts.h"
#include "learn/labels.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

typedef struct {
  const LusDataset *dataset;
  const LusFuseConfig *config;
  const char *name;
  char *folder; /* labels/NAME */
  char **annotators;
  LusScale *scales; /* NULL: everyone's own */
} Fusion;

static gboolean make_folder(const char *path, GError **error)
{
  if (g_mkdir_with_parents(path, 0777) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder: %s", path, g_strerror(errno));
  return FALSE;
}

static gboolean check_name(const Fusion *f, GError **error)
{
  for (const char *c = f->name; *c; c++)
    if (!g_ascii_isalnum(*c) && !strchr("-_", *c)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "'%s' cannot name an annotator: use letters, digits, '-' and '_'",
                  f->name);
      return FALSE;
    }
  if (*f->name == 0 || g_strv_contains((const char *const *)f->annotators, f->name)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "'%s': the fused annotator needs a name of its own", f->name);
    return FALSE;
  }
  if (lus_labels_fused(f->dataset, f->name) || !lus_labels_any(f->folder))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: holds labels that were not fused; choose another name",
              f->folder);
  return FALSE;
}

/** Removes what an earlier fusion of this name left, but its record and the mark of this one. */
static gboolean clear_folder(const char *path, GError **error)
{
  GDir *dir = g_dir_open(path, 0, NULL);
  if (!dir)
    return TRUE;
  gboolean ok = TRUE;
  for (const char *name = g_dir_read_name(dir); ok && name; name = g_dir_read_name(dir)) {
    g_autofree char *child = g_build_filename(path, name, NULL);
    if (g_str_equal(name, LUS_FUSION_RECORD) || g_str_equal(name, LUS_FUSION_BEGUN))
      continue;
    if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
      ok = clear_folder(child, error);
    if (ok && g_remove(child) != 0) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot remove: %s", child, g_strerror(errno));
      ok = FALSE;
    }
  }
  g_dir_close(dir);
  return ok;
}

static json_t *scales_json(const Fusion *f)
{
  json_t *scales = json_object();
  for (int i = 0; f->scales && f->annotators[i]; i++) {
    json_t *to = json_array();
    for (int q = 0; q <= 100; q++)
      json_array_append_new(to, json_integer(f->scales[i].to[q]));
    json_object_set_new(scales, f->annotators[i], to);
  }
  return scales;
}

static gboolean write_record(const Fusion *f, GError **error)
{
  const LusFuseConfig *c = f->config;
  json_t *from = json_array();
  for (int i = 0; f->annotators[i]; i++)
    json_array_append_new(from, json_string(f->annotators[i]));
  json_t *root = json_pack("{s:s, s:s, s:o, s:b, s:s*, s:s*, s:o}", "lus", lus_version(), "method",
                           lus_fuse_name(c->method), "annotators", from, "standardised", c->standardise, "reference",
                           c->reference, "command", c->command, "scales", scales_json(f));
  char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
  g_autofree char *path = g_build_filename(f->folder, LUS_FUSION_RECORD, NULL);
  gboolean ok = text && lus_file_write(path, text, strlen(text), error);
  if (!text)
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: a name in it is not UTF-8", path);
  free(text);
  json_decref(root);
  return ok;
}

/** The folder with its record and without labels, marked as not finished before anything else: wherever this is stopped,
 *  the folder is refused as an annotator and taken when the command is repeated. */
static gboolean begin(const Fusion *f, GError **error)
{
  g_autofree char *begun = g_build_filename(f->folder, LUS_FUSION_BEGUN, NULL);
  return make_folder(f->folder, error) && lus_file_write(begun, "", 0, error) && write_record(f, error) &&
         clear_folder(f->folder, error);
}

static gboolean finish(const Fusion *f, GError **error)
{
  g_autofree char *begun = g_build_filename(f->folder, LUS_FUSION_BEGUN, NULL);
  if (g_unlink(begun) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot remove: %s", begun, g_strerror(errno));
  return FALSE;
}

static gboolean fuse_class(const Fusion *f, const LusLabelled *labelled, int class_index, GError **error)
{
  int width, height, n = (int)g_strv_length(f->annotators), m = 0;
  guint8 *planes[LUS_MAX_ANNOTATORS];
  const guint8 *given[LUS_MAX_ANNOTATORS];
  if (!lus_labels_read(planes, &width, &height, f->dataset, f->annotators, labelled, class_index, error))
    return FALSE;
  gsize pixels = (gsize)width * height;
  for (int i = 0; i < n; i++) {
    if (!planes[i])
      continue;
    if (f->scales)
      lus_scale_apply(planes[i], pixels, &f->scales[i]);
    given[m++] = planes[i];
  }
  gboolean ok = TRUE;
  if (m > 0) {
    g_autofree guint8 *fused = g_try_malloc(pixels);
    g_autofree char *path = lus_labels_path(f->dataset, f->name, labelled->clip->name, labelled->frame, class_index);
    if (!fused)
      g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for the label", path);
    ok = fused && lus_fuse(fused, given, m, pixels, f->config->method, error) &&
         lus_label_write(path, fused, width, height, error);
  }
  lus_labels_clear(planes, n);
  return ok;
}

static gboolean fuse_clip(const Fusion *f, const LusClip *clip, int *frames, GError **error)
{
  g_autoptr(GArray) labelled = g_array_new(FALSE, FALSE, sizeof(LusLabelled));
  lus_labels_find(labelled, f->dataset, f->annotators, clip, FALSE);
  if (labelled->len == 0)
    return TRUE;
  g_autofree char *folder = g_build_filename(f->folder, clip->name, NULL);
  if (!make_folder(folder, error))
    return FALSE;
  for (guint i = 0; i < labelled->len; i++)
    for (int k = 0; k < f->dataset->n_classes; k++)
      if (!fuse_class(f, &g_array_index(labelled, LusLabelled, i), k, error))
        return FALSE;
  *frames += (int)labelled->len;
  return TRUE;
}

static gboolean fuse_all(Fusion *f, int *frames, GError **error)
{
  const LusFuseConfig *c = f->config;
  g_autoptr(LusAgreement) agreement = NULL;
  if (c->standardise) {
    agreement = lus_agreement_measure(f->dataset, c->reference, c->progress, c->progress_data, error);
    if (!agreement)
      return FALSE;
    f->scales = agreement->scales;
  }
  if (!check_name(f, error) || !begin(f, error))
    return FALSE;
  for (int i = 0; i < f->dataset->n_clips; i++) {
    if (!fuse_clip(f, &f->dataset->clips[i], frames, error))
      return FALSE;
    if (c->progress && !c->progress(c->progress_data, "fusing labels", i + 1, f->dataset->n_clips)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped; repeat the command", f->folder);
      return FALSE;
    }
  }
  if (*frames > 0)
    return finish(f, error);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the annotators have no labels of its clips and classes",
              f->dataset->path);
  return FALSE;
}

gboolean lus_dataset_fuse(const LusDataset *dataset, const char *name, const LusFuseConfig *config, int *frames,
                          GError **error)
{
  Fusion f = {.dataset = dataset, .config = config, .name = name};
  int counted = 0;
  f.annotators = lus_dataset_annotators(dataset, error);
  if (!f.annotators)
    return FALSE;
  f.folder = g_build_filename(dataset->path, "labels", name, NULL);
  gboolean ok = fuse_all(&f, &counted, error);
  if (frames)
    *frames = counted;
  g_strfreev(f.annotators);
  g_free(f.folder);
  return ok;
}
