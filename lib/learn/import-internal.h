/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/import.h"
#include "nn/error.h"
#include "nn/refuse.h"

#include <jansson.h>

/** Largest annotation file that is read. */
#define LUS_IMPORT_BYTES ((gsize)256 << 20)

gboolean lus_import_cvat(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
gboolean lus_import_labelme(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
gboolean lus_import_coco(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
gboolean lus_import_slicer(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
gboolean lus_import_layers(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
gboolean lus_import_masks(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
gboolean lus_import_polygons(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);

/** LUS_ERROR_INVALID "place: text"; FALSE. */
#define lus_import_refuse(error, place, ...) lus_refuse(error, place, NULL, NULL, __VA_ARGS__)
/** The whole file as JSON, duplicate keys refused. NULL with @error. */
json_t *lus_import_json(const char *path, GError **error);
json_t *lus_import_parse_json(const char *path, const char *text, gsize length, GError **error);
/** Whether @root is an object with @key, which all files of a format have; else LUS_ERROR_UNSUPPORTED. */
gboolean lus_import_kind(json_t *root, const char *key, const char *path, GError **error);
/** Member @key as a text, a list, or a whole number of @low..@high; @missing: what to return where there is none, NULL
 *  or below @low: that is an error. Wrong types are always errors. */
const char *lus_import_text(json_t *object, const char *key, const char *place, GError **error);
json_t *lus_import_list(json_t *object, const char *key, const char *place, GError **error);
gboolean lus_import_int(int *out, json_t *object, const char *key, int low, int high, const char *place,
                        GError **error);
/** The file's name without folder and extensions. */
char *lus_import_stem(const char *path);
/** "60", "60 %", "0.6", "ignore" into percent. Numbers above 0 and below 1 are parts of one. */
gboolean lus_import_percent(guint8 *out, const char *text, const char *place, GError **error);
gboolean lus_import_json_percent(guint8 *out, json_t *value, const char *place, GError **error);
/** "name@60": the name without the confidence, which goes to *@percent. */
char *lus_import_label(guint8 *percent, const char *label, const char *place, GError **error);
/** Pairs [[x, y], ...] (@flat: [x, y, x, y, ...]) into new points. */
LusPoint *lus_import_points(int *n, json_t *list, gboolean flat, const char *place, GError **error);
/** The four corners of a box. */
LusPoint *lus_import_box(LusPoint a, LusPoint b);
double lus_import_line_width(const LusImportConfig *config);

/** Puts the manifest's patients from the @first on into splits; of those with @labelled clips each split gets its part. */
void lus_import_deal(json_t *manifest, gsize first, GHashTable *labelled);
