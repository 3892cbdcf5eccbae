/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** COCO: polygons, uncompressed and compressed run lengths. */
#include "import-internal.h"

#include <string.h>

typedef struct {
  const char *path;
  LusRegions *regions;
  GHashTable *images;     /* id -> LusRegion without a class, its clip owned */
  GHashTable *categories; /* id -> name, owned by the JSON */
  GError **error;
} Coco;

static void free_image(gpointer data)
{
  LusRegion *image = data;
  g_free((char *)image->clip);
  g_free(image);
}

static gint64 *get_id(const Coco *c, json_t *object, const char *key, const char *place)
{
  json_t *value = json_object_get(object, key);
  if (json_is_integer(value)) {
    gint64 id = json_integer_value(value);
    return g_memdup2(&id, sizeof id);
  }
  lus_import_refuse(c->error, place, "key '%s' is missing or not a whole number", key);
  return NULL;
}

static gboolean read_image(const Coco *c, json_t *object, const char *place)
{
  const char *name = lus_import_text(object, "file_name", place, c->error);
  g_autofree char *clip = NULL, *rest = NULL;
  LusRegion r = {.place = place};
  if (!name)
    return FALSE;
  if (!lus_picture_name_parse(name, &clip, &r.frame, &rest))
    return lus_import_refuse(c->error, place, "file_name '%s' does not end with a frame number; name it like "
                             "CLIP_frame000012.png", name);
  if (!lus_import_int(&r.width, object, "width", 1, 8192, place, c->error) ||
      !lus_import_int(&r.height, object, "height", 1, 8192, place, c->error))
    return FALSE;
  gint64 *id = get_id(c, object, "id", place);
  if (!id)
    return FALSE;
  r.last = r.frame;
  r.clip = clip;
  LusRegion empty = r;
  r.clip = g_strdup(clip);
  if (!g_hash_table_insert(c->images, id, g_memdup2(&r, sizeof r)))
    return lus_import_refuse(c->error, place, "its id is there twice");
  return lus_regions_add(c->regions, &empty, c->error);
}

static gboolean read_category(const Coco *c, json_t *object, const char *place)
{
  const char *name = lus_import_text(object, "name", place, c->error);
  gint64 *id = name ? get_id(c, object, "id", place) : NULL;
  if (!id)
    return FALSE;
  if (!g_hash_table_insert(c->categories, id, (gpointer)name))
    return lus_import_refuse(c->error, place, "its id is there twice");
  return TRUE;
}

/** The COCO API's text form of run lengths: six bits a character from '0' on, the sixth says that more follow, the
 *  fifth of the last is the sign; from the fourth run on the difference to the last but one is stored. */
static gboolean read_compressed(const Coco *c, LusRegion *r, const char *text)
{
  gsize length = strlen(text);
  r->runs = g_try_new(guint32, length + 1);
  if (!r->runs || length > G_MAXINT)
    return lus_import_refuse(c->error, r->place, "no memory for its counts");
  for (gsize i = 0; i < length;) {
    gint64 value = 0;
    int shift = 0, bits;
    do {
      bits = i < length ? text[i++] - '0' : -1;
      if (bits < 0 || bits > 63 || shift > 30)
        return lus_import_refuse(c->error, r->place, "damaged counts near character %d", (int)i);
      value += (gint64)(bits & 31) * ((gint64)1 << shift);
      shift += 5;
    } while (bits & 32);
    if (bits & 16)
      value -= (gint64)1 << shift;
    if (r->n_runs > 2)
      value += r->runs[r->n_runs - 2];
    if (value < 0 || value > G_MAXINT)
      return lus_import_refuse(c->error, r->place, "damaged counts near character %d", (int)i);
    r->runs[r->n_runs++] = (guint32)value;
  }
  return TRUE;
}

static gboolean read_counts(const Coco *c, LusRegion *r, json_t *list)
{
  gsize n = json_array_size(list);
  r->runs = n < G_MAXINT ? g_try_new(guint32, n + 1) : NULL;
  if (!r->runs)
    return lus_import_refuse(c->error, r->place, "no memory for its counts");
  for (gsize i = 0; i < n; i++) {
    json_int_t value = json_is_integer(json_array_get(list, i)) ? json_integer_value(json_array_get(list, i)) : -1;
    if (value < 0 || value > G_MAXINT)
      return lus_import_refuse(c->error, r->place, "counts[%d] is not a whole number of pixels", (int)i);
    r->runs[r->n_runs++] = (guint32)value;
  }
  return TRUE;
}

static gboolean add_runs(const Coco *c, LusRegion r, json_t *segmentation)
{
  json_t *size = json_object_get(segmentation, "size"), *counts = json_object_get(segmentation, "counts");
  json_int_t h = json_integer_value(json_array_get(size, 0)), w = json_integer_value(json_array_get(size, 1));
  if (h != r.height || w != r.width)
    return lus_import_refuse(c->error, r.place, "segmentation.size is not the image's [height, width]");
  r.kind = LUS_REGION_RUNS;
  r.columns = TRUE;
  r.box_width = r.width;
  r.box_height = r.height;
  gboolean ok = FALSE;
  if (json_is_string(counts))
    ok = read_compressed(c, &r, json_string_value(counts));
  else if (json_is_array(counts))
    ok = read_counts(c, &r, counts);
  else
    lus_import_refuse(c->error, r.place, "segmentation.counts is neither a text nor a list");
  if (ok)
    return lus_regions_add(c->regions, &r, c->error);
  g_free(r.runs);
  return FALSE;
}

/** Several polygons are parts of one object: their union. */
static gboolean add_polygons(const Coco *c, const LusRegion *base, json_t *segmentation)
{
  for (gsize i = 0; i < json_array_size(segmentation); i++) {
    LusRegion r = *base;
    r.kind = LUS_REGION_POLYGON;
    r.points = lus_import_points(&r.n_points, json_array_get(segmentation, i), TRUE, r.place, c->error);
    if (!r.points || !lus_regions_add(c->regions, &r, c->error))
      return FALSE;
  }
  return TRUE;
}

/** attributes.confidence, else score, else 100 %. */
static gboolean read_confidence(const Coco *c, LusRegion *r, json_t *object)
{
  json_t *confidence = json_object_get(json_object_get(object, "attributes"), "confidence");
  json_t *score = json_object_get(object, "score");
  r->percent = 100;
  if (confidence)
    return lus_import_json_percent(&r->percent, confidence, r->place, c->error);
  if (!score)
    return TRUE;
  double value = json_number_value(score);
  if (!json_is_number(score) || !(value >= 0 && value <= 1))
    return lus_import_refuse(c->error, r->place, "score is not a number of 0 to 1");
  r->percent = (guint8)(value * 100 + 0.5);
  return TRUE;
}

static gboolean read_annotation(const Coco *c, json_t *object, const char *place)
{
  g_autofree gint64 *image_id = get_id(c, object, "image_id", place);
  g_autofree gint64 *category_id = image_id ? get_id(c, object, "category_id", place) : NULL;
  if (!category_id)
    return FALSE;
  const LusRegion *image = g_hash_table_lookup(c->images, image_id);
  const char *name = g_hash_table_lookup(c->categories, category_id);
  if (!image || !name)
    return lus_import_refuse(c->error, place, "its %s is not in the list of %s", image ? "category_id" : "image_id",
                             image ? "categories" : "images");
  LusRegion r = *image;
  r.place = place;
  r.class_name = name;
  json_t *segmentation = json_object_get(object, "segmentation");
  if (!read_confidence(c, &r, object))
    return FALSE;
  if (json_is_object(segmentation))
    return add_runs(c, r, segmentation);
  if (json_is_array(segmentation) && json_array_size(segmentation) > 0)
    return add_polygons(c, &r, segmentation);
  return lus_import_refuse(c->error, place, "has no segmentation; boxes alone are no labels");
}

static gboolean read_root(const Coco *c, json_t *root)
{
  const struct {
    const char *key;
    gboolean (*read)(const Coco *c, json_t *object, const char *place);
  } lists[] = {{"images", read_image}, {"categories", read_category}, {"annotations", read_annotation}};
  for (gsize k = 0; k < G_N_ELEMENTS(lists); k++) {
    json_t *list = lus_import_list(root, lists[k].key, c->path, c->error);
    for (gsize i = 0; i < json_array_size(list); i++) {
      g_autofree char *place = g_strdup_printf("%s: %s[%d]", c->path, lists[k].key, (int)i);
      if (!lists[k].read(c, json_array_get(list, i), place))
        return FALSE;
    }
    if (!list)
      return FALSE;
  }
  return TRUE;
}

gboolean lus_import_coco(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  (void)config;
  json_t *root = lus_import_json(path, error);
  if (!root)
    return FALSE;
  Coco c = {.path = path, .regions = regions, .error = error};
  c.images = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_image);
  c.categories = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  gboolean ok = lus_import_kind(root, "images", path, error) && read_root(&c, root);
  g_hash_table_unref(c.images);
  g_hash_table_unref(c.categories);
  json_decref(root);
  return ok;
}
