/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** The table of formats, and what happens to the regions of any of them. */
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
  if (!check_map(config, error) || !lus_import_read_files(regions, f, path, config, error))
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
