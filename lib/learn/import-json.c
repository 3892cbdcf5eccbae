/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** What the JSON formats share, and the two smallest: LabelMe and lists of polygons. */
#include "import-internal.h"
#include "nn/file.h"

#include <math.h>
#include <string.h>

#define MAX_HOLES 1000

json_t *lus_import_parse_json(const char *path, const char *text, gsize length, GError **error)
{
  if (length >= 4 && memcmp(text, "PK\3\4", 4) == 0) {
    lus_import_refuse(error, path, "is a ZIP archive; unpack it and give the file or folder in it");
    return NULL;
  }
  gsize skip = lus_utf8_mark(text, length);
  json_error_t problem;
  json_t *root = json_loadb(text + skip, length - skip, JSON_REJECT_DUPLICATES, &problem);
  if (!root)
    lus_import_refuse(error, path, "line %d, column %d: %s; export the file again", problem.line, problem.column,
                      problem.text);
  return root;
}

json_t *lus_import_json(const char *path, GError **error)
{
  gsize length = 0;
  g_autofree guint8 *text = lus_file_read(path, LUS_IMPORT_BYTES, &length, error);
  return text ? lus_import_parse_json(path, (const char *)text, length, error) : NULL;
}

gboolean lus_import_kind(json_t *root, const char *key, const char *path, GError **error)
{
  if (json_object_get(root, key))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: has no key '%s', which all files of this format have", path,
              key);
  return FALSE;
}

const char *lus_import_text(json_t *object, const char *key, const char *place, GError **error)
{
  const char *text = json_string_value(json_object_get(object, key));
  if (!text)
    lus_import_refuse(error, place, "key '%s' is missing or not a text", key);
  return text;
}

json_t *lus_import_list(json_t *object, const char *key, const char *place, GError **error)
{
  json_t *list = json_object_get(object, key);
  if (json_is_array(list))
    return list;
  lus_import_refuse(error, place, "key '%s' is missing or not a list", key);
  return NULL;
}

gboolean lus_import_int(int *out, json_t *object, const char *key, int low, int high, const char *place,
                        GError **error)
{
  json_t *value = json_object_get(object, key);
  double number = json_number_value(value);
  if (!json_is_number(value) || !(number >= low && number <= high) || floor(number) != number)
    return lus_import_refuse(error, place, "key '%s' is missing or not a whole number of %d to %d", key, low, high);
  *out = (int)number;
  return TRUE;
}

char *lus_import_stem(const char *path)
{
  char *stem = g_path_get_basename(path);
  char *dot = strchr(stem + (stem[0] == '.'), '.');
  if (dot)
    *dot = 0;
  return stem;
}

/** @point: written with a decimal point. */
static gboolean to_percent(guint8 *out, double value, gboolean point, const char *place, GError **error)
{
  if (point && value == 1)
    return lus_import_refuse(error, place, "confidence 1.0 may mean 1 or 100 %%; write 1 or 100");
  if (value > 0 && value < 1)
    value *= 100;
  if (!(value >= 0 && value <= 100))
    return lus_import_refuse(error, place, "confidence %g is not 0 to 100", value);
  *out = (guint8)floor(value + 0.5);
  return TRUE;
}

gboolean lus_import_percent(guint8 *out, const char *text, const char *place, GError **error)
{
  if (g_str_equal(text, "ignore")) {
    *out = LUS_REGION_IGNORE;
    return TRUE;
  }
  char *end = NULL;
  double value = g_ascii_strtod(text, &end);
  while (end != text && (*end == ' ' || *end == '%'))
    end++;
  if (end == text || *end)
    return lus_import_refuse(error, place, "confidence '%s' is neither a number of 0 to 100 nor 'ignore'", text);
  return to_percent(out, value, strchr(text, '.') != NULL, place, error);
}

gboolean lus_import_json_percent(guint8 *out, json_t *value, const char *place, GError **error)
{
  if (json_is_string(value))
    return lus_import_percent(out, json_string_value(value), place, error);
  if (json_is_number(value))
    return to_percent(out, json_number_value(value), json_is_real(value), place, error);
  return lus_import_refuse(error, place, "confidence is neither a number of 0 to 100 nor 'ignore'");
}

char *lus_import_label(guint8 *percent, const char *label, const char *place, GError **error)
{
  const char *at = strrchr(label, '@');
  if (!at)
    return g_strdup(label);
  return lus_import_percent(percent, at + 1, place, error) ? g_strndup(label, at - label) : NULL;
}

LusPoint *lus_import_points(int *n, json_t *list, gboolean flat, const char *place, GError **error)
{
  gsize size = json_array_size(list) / (flat ? 2 : 1);
  if (!json_is_array(list) || size > 1000000 || (flat && json_array_size(list) % 2)) {
    lus_import_refuse(error, place, "points must be a list of %s", flat ? "x, y, x, y, ..." : "pairs x, y");
    return NULL;
  }
  g_autofree LusPoint *points = g_try_new(LusPoint, size + 1);
  for (gsize i = 0; points && i < size; i++) {
    json_t *pair = flat ? list : json_array_get(list, i);
    json_t *x = json_array_get(pair, flat ? 2 * i : 0), *y = json_array_get(pair, flat ? 2 * i + 1 : 1);
    if (!json_is_number(x) || !json_is_number(y)) {
      lus_import_refuse(error, place, "point %d is not two numbers", (int)i);
      return NULL;
    }
    points[i] = (LusPoint){json_number_value(x), json_number_value(y)};
  }
  if (!points)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for %d points", place, (int)size);
  *n = (int)size;
  return g_steal_pointer(&points);
}

LusPoint *lus_import_box(LusPoint a, LusPoint b)
{
  LusPoint *corners = g_new(LusPoint, 4);
  corners[0] = a;
  corners[1] = (LusPoint){b.x, a.y};
  corners[2] = b;
  corners[3] = (LusPoint){a.x, b.y};
  return corners;
}

double lus_import_line_width(const LusImportConfig *config)
{
  return config->line_width > 0 ? config->line_width : 6;
}

/** Two corners become four; a circle of centre and a point on it becomes 32. */
static gboolean labelme_geometry(LusRegion *r, const char *type, const LusImportConfig *config, GError **error)
{
  r->kind = LUS_REGION_POLYGON;
  if (g_str_equal(type, "polygon"))
    return TRUE;
  if (g_str_equal(type, "line") || g_str_equal(type, "linestrip")) {
    r->kind = LUS_REGION_LINE;
    r->thickness = lus_import_line_width(config);
    return TRUE;
  }
  gboolean circle = g_str_equal(type, "circle");
  if (!circle && !g_str_equal(type, "rectangle"))
    return lus_import_refuse(error, r->place, "shape_type '%s' is not read; draw polygon, rectangle, circle, line or "
                             "linestrip", type);
  if (r->n_points != 2)
    return lus_import_refuse(error, r->place, "a %s of %d points; it has 2", type, r->n_points);
  LusPoint a = r->points[0], b = r->points[1];
  g_free(r->points);
  if (!circle) {
    r->points = lus_import_box(a, b);
    r->n_points = 4;
    return TRUE;
  }
  double radius = hypot(b.x - a.x, b.y - a.y);
  r->n_points = 32;
  r->points = g_new(LusPoint, r->n_points);
  for (int i = 0; i < r->n_points; i++)
    r->points[i] = (LusPoint){a.x + radius * cos(G_PI * i / 16), a.y + radius * sin(G_PI * i / 16)};
  return TRUE;
}

/** The confidence stands behind the label (name@60), in the description, or under an own key. */
static gboolean labelme_shape(LusRegions *regions, LusRegion frame, json_t *shape, const LusImportConfig *config,
                              GError **error)
{
  LusRegion r = frame;
  r.percent = 100;
  const char *label = lus_import_text(shape, "label", r.place, error);
  g_autofree char *name = label ? lus_import_label(&r.percent, label, r.place, error) : NULL;
  const char *description = json_string_value(json_object_get(shape, "description"));
  json_t *confidence = json_object_get(shape, "confidence");
  if (!name || (description && *description && !lus_import_percent(&r.percent, description, r.place, error)) ||
      (confidence && !lus_import_json_percent(&r.percent, confidence, r.place, error)))
    return FALSE;
  r.class_name = name;
  r.points = lus_import_points(&r.n_points, json_object_get(shape, "points"), FALSE, r.place, error);
  const char *type = json_string_value(json_object_get(shape, "shape_type"));
  if (r.points && labelme_geometry(&r, type ? type : "polygon", config, error))
    return lus_regions_add(regions, &r, error);
  g_free(r.points);
  return FALSE;
}

static gboolean labelme_root(LusRegions *regions, const char *path, json_t *root, const LusImportConfig *config,
                             GError **error)
{
  json_t *shapes = lus_import_kind(root, "shapes", path, error) ? lus_import_list(root, "shapes", path, error) : NULL;
  if (!shapes)
    return FALSE;
  const char *image = json_string_value(json_object_get(root, "imagePath"));
  g_autofree char *clip = NULL, *rest = NULL;
  LusRegion frame = {.place = path};
  if (!lus_picture_name_parse(path, &clip, &frame.frame, &rest) &&
      !(image && lus_picture_name_parse(image, &clip, &frame.frame, &rest)))
    return lus_import_refuse(error, path, "neither the file's name nor imagePath ends with a frame number; name it "
                             "like CLIP_frame000012.json");
  frame.last = frame.frame;
  frame.clip = clip;
  json_t *sizes[] = {json_object_get(root, "imageWidth"), json_object_get(root, "imageHeight")};
  if (json_is_integer(sizes[0]) && json_is_integer(sizes[1]) &&
      (!lus_import_int(&frame.width, root, "imageWidth", 1, 8192, path, error) ||
       !lus_import_int(&frame.height, root, "imageHeight", 1, 8192, path, error)))
    return FALSE;
  LusRegion empty = frame;
  gboolean ok = lus_regions_add(regions, &empty, error);
  for (gsize i = 0; ok && i < json_array_size(shapes); i++) {
    g_autofree char *place = g_strdup_printf("%s: shapes[%d]", path, (int)i);
    frame.place = place;
    ok = labelme_shape(regions, frame, json_array_get(shapes, i), config, error);
  }
  return ok;
}

gboolean lus_import_labelme(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  json_t *root = lus_import_json(path, error);
  gboolean ok = root && labelme_root(regions, path, root, config, error);
  json_decref(root);
  return ok;
}

/** The outline and, where there are some, its holes, as rings of one region. */
static gboolean polygon_rings(LusRegion *r, json_t *object, GError **error)
{
  json_t *holes = json_object_get(object, "holes");
  r->points = lus_import_points(&r->n_points, json_object_get(object, "polygon"), FALSE, r->place, error);
  if (!r->points || !holes)
    return r->points != NULL;
  if (!json_is_array(holes) || json_array_size(holes) > MAX_HOLES)
    return lus_import_refuse(error, r->place, "'holes' is not a list of at most %d lists of points", MAX_HOLES);
  r->n_rings = (int)json_array_size(holes) + 1;
  r->rings = g_new0(int, r->n_rings);
  r->rings[0] = r->n_points;
  for (int i = 1; i < r->n_rings; i++) {
    g_autofree LusPoint *hole =
      lus_import_points(&r->rings[i], json_array_get(holes, (gsize)i - 1), FALSE, r->place, error);
    LusPoint *all = hole ? g_try_renew(LusPoint, r->points, (gsize)r->n_points + (gsize)r->rings[i] + 1) : NULL;
    if (!all)
      return hole ? lus_import_refuse(error, r->place, "no memory for its holes") : FALSE;
    memcpy(all + r->n_points, hole, (gsize)r->rings[i] * sizeof *hole);
    r->points = all;
    r->n_points += r->rings[i];
  }
  return TRUE;
}

static gboolean polygons_region(LusRegions *regions, const LusRegion *frame, json_t *object, GError **error)
{
  LusRegion r = *frame;
  r.kind = LUS_REGION_POLYGON;
  r.class_name = lus_import_text(object, "class", r.place, error);
  if (r.class_name && lus_import_json_percent(&r.percent, json_object_get(object, "confidence"), r.place, error) &&
      polygon_rings(&r, object, error))
    return lus_regions_add(regions, &r, error);
  g_free(r.points);
  g_free(r.rings);
  return FALSE;
}

static gboolean polygons_root(LusRegions *regions, const char *path, json_t *root, GError **error)
{
  LusRegion frame = {.place = path};
  json_t *list = lus_import_kind(root, "regions", path, error) ? lus_import_list(root, "regions", path, error) : NULL;
  frame.clip = list ? lus_import_text(root, "clip", path, error) : NULL;
  if (!frame.clip || !lus_import_int(&frame.frame, root, "frame", 0, LUS_REGION_LAST, path, error))
    return FALSE;
  frame.last = frame.frame;
  frame.annotator = json_string_value(json_object_get(root, "annotator"));
  LusRegion empty = frame;
  gboolean ok = lus_regions_add(regions, &empty, error);
  for (gsize i = 0; ok && i < json_array_size(list); i++) {
    g_autofree char *place = g_strdup_printf("%s: regions[%d]", path, (int)i);
    frame.place = place;
    ok = polygons_region(regions, &frame, json_array_get(list, i), error);
  }
  return ok;
}

gboolean lus_import_polygons(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  (void)config;
  json_t *root = lus_import_json(path, error);
  gboolean ok = root && polygons_root(regions, path, root, error);
  json_decref(root);
  return ok;
}
