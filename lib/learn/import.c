/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** The table of formats, and what happens to the regions of any of them. */
#include "import-folder.h"
#include "import-internal.h"

#include <math.h>
#include <string.h>

static const LusImportFormat formats[] = {
  {"cvat", "CVAT: XML for images or video, or a task's annotations.json", ".xml .json", lus_import_cvat},
  {"labelme", "LabelMe: a JSON per frame", ".json", lus_import_labelme},
  {"coco", "COCO: polygons and run lengths", ".json", lus_import_coco},
  {"slicer", "AnnotateUltrasound of 3D Slicer, and OHIF: lines in mm", ".json", lus_import_slicer},
  {"layers", "transparent PNG layers of a paint program, opacity = confidence", ".png", lus_import_layers},
  {"masks", "grey PNG: confidence per class, or one number per class", ".png", lus_import_masks},
  {"polygons", "JSON with clip, frame and regions of class, confidence, polygon", ".json", lus_import_polygons},
  {NULL, NULL, NULL, NULL},
};

const LusImportFormat *lus_import_formats(void)
{
  return formats;
}

/** What other programs call our classes. */
static const struct {
  const char *from, *to;
} aliases[] = {{"pleura_lines", "pleural_line"}, {"b_lines", "vertical_line"}};

/** The name after the map; "" leaves the region out. */
static const char *map_class(const LusImportConfig *config, const char *name)
{
  gsize n = strlen(name);
  for (int i = 0; config->class_map && config->class_map[i]; i++)
    if (strncmp(config->class_map[i], name, n) == 0 && config->class_map[i][n] == '=')
      return config->class_map[i] + n + 1;
  for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++)
    if (g_str_equal(name, aliases[i].from))
      return aliases[i].to;
  return name;
}

static gboolean check_map(const LusImportConfig *config, GError **error)
{
  for (int i = 0; config->class_map && config->class_map[i]; i++) {
    const char *equals = strchr(config->class_map[i], '=');
    if (equals && equals > config->class_map[i])
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "class map: '%s' is not FROM=TO (or FROM= to leave it out)",
                config->class_map[i]);
    return FALSE;
  }
  return TRUE;
}

static gboolean move(LusRegion *r, const LusImportConfig *config, GError **error)
{
  if (config->offset_x == 0 && config->offset_y == 0)
    return TRUE;
  if (r->kind == LUS_REGION_PICTURE)
    return lus_import_refuse(error, r->place, "an offset is not for pictures; crop them like the clip");
  for (int i = 0; i < r->n_points; i++) {
    LusPoint *both[] = {r->points, r->towards};
    for (int k = 0; k < 2; k++)
      if (both[k]) {
        both[k][i].x -= config->offset_x;
        both[k][i].y -= config->offset_y;
      }
  }
  r->left -= (int)lrint(config->offset_x);
  r->top -= (int)lrint(config->offset_y);
  r->width = r->height = 0; /* those of the uncut picture */
  return TRUE;
}

/** All files of a folder. One of another kind is left out if it left no region behind. */
static gboolean read_all(LusRegions *regions, const LusImportFormat *format, const char *folder,
                         const LusImportConfig *config, GError **error)
{
  g_autoptr(GPtrArray) paths = lus_import_files(folder, format->endings, error);
  if (!paths)
    return FALSE;
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

/** @path itself or, where it is a folder, the files in it. */
static gboolean read_files(LusRegions *regions, const LusImportFormat *format, const char *path,
                           const LusImportConfig *config, GError **error)
{
  return g_file_test(path, G_FILE_TEST_IS_DIR) ? read_all(regions, format, path, config, error)
                                               : format->read(regions, path, config, error);
}

gboolean lus_import_read(LusRegions *regions, const char *format, const char *path, const LusImportConfig *config,
                         GError **error)
{
  const LusImportFormat *f = formats;
  while (f->name && !g_str_equal(f->name, format))
    f++;
  if (!f->name) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "format '%s' is not known", format);
    return FALSE;
  }
  guint first = regions->list->len, kept = first;
  if (!check_map(config, error) || !read_files(regions, f, path, config, error))
    return FALSE;
  for (guint i = first; i < regions->list->len; i++) {
    LusRegion *r = &g_array_index(regions->list, LusRegion, i);
    const char *to = r->class_name ? map_class(config, r->class_name) : NULL;
    if (to && !*to) {
      lus_region_clear(r);
      continue;
    }
    r->class_name = to ? g_string_chunk_insert_const(regions->texts, to) : NULL;
    if (config->annotator)
      r->annotator = g_string_chunk_insert_const(regions->texts, config->annotator);
    LusRegion done = *r;
    *r = (LusRegion){.place = done.place};
    g_array_index(regions->list, LusRegion, kept++) = done;
    if (!move(&g_array_index(regions->list, LusRegion, kept - 1), config, error))
      return FALSE;
  }
  g_array_set_size(regions->list, kept);
  return TRUE;
}
