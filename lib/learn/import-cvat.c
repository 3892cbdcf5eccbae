/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** CVAT: its JSON (a task's annotations.json, with task.json beside it). */
#include "import-cvat-shapes.h"
#include "import-cvat-xml.h"
#include "import-internal.h"
#include "nn/file.h"

#include <string.h>

/** A JSON file being read. */
typedef struct {
  const char *path;
  LusRegions *regions;
  const LusImportConfig *config;
  LusCvatTask task;
  json_t *jobs; /* of task.json, or NULL */
  int end;      /* the last frame of the job that is read */
  GError **error;
} Cvat;

static gboolean read_task_values(Cvat *c, const char *path, json_t *root)
{
  json_t *data = json_object_get(root, "data");
  const char *name = json_string_value(json_object_get(root, "name"));
  const char *filter = json_string_value(json_object_get(data, "frame_filter"));
  c->task.clip = name ? lus_import_stem(name) : NULL;
  c->jobs = json_incref(json_object_get(root, "jobs"));
  return (!json_object_get(data, "start_frame") ||
          lus_import_int(&c->task.start, data, "start_frame", 0, LUS_REGION_LAST, path, c->error)) &&
         (!json_object_get(data, "stop_frame") ||
          lus_import_int(&c->task.stop, data, "stop_frame", 0, LUS_REGION_LAST, path, c->error)) &&
         lus_cvat_task_filter(&c->task, filter ? filter : "", path, c->error);
}

/** task.json beside annotations.json tells the clip's name and which of its frames were annotated. */
static gboolean read_task(Cvat *c)
{
  g_autofree char *base = g_path_get_basename(c->path);
  char *at = strstr(base, "annotations");
  if (!at)
    return TRUE;
  g_autofree char *name = g_strdup_printf("%.*stask%s", (int)(at - base), base, at + strlen("annotations"));
  g_autofree char *folder = g_path_get_dirname(c->path), *path = g_build_filename(folder, name, NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  json_t *root = lus_import_json(path, c->error);
  gboolean ok = root && read_task_values(c, path, root);
  json_decref(root);
  return ok;
}

static json_t *find_confidence(json_t *object)
{
  json_t *attributes = json_object_get(object, "attributes");
  for (gsize i = 0; i < json_array_size(attributes); i++) {
    json_t *attribute = json_array_get(attributes, i);
    const char *name = json_string_value(json_object_get(attribute, "name"));
    if (name && g_str_equal(name, "confidence"))
      return attribute;
  }
  return NULL;
}

static gboolean read_attributes(const Cvat *c, LusRegion *r, json_t *object)
{
  json_t *found = find_confidence(object);
  return !found || lus_import_json_percent(&r->percent, json_object_get(found, "value"), r->place, c->error);
}

static gboolean read_mask(const Cvat *c, LusRegion *r, json_t *points)
{
  gsize n = json_array_size(points);
  g_autofree double *numbers = g_try_new(double, n + 1);
  for (gsize i = 0; numbers && i < n; i++)
    numbers[i] = json_is_number(json_array_get(points, i)) ? json_number_value(json_array_get(points, i)) : -1e9;
  return numbers && n < G_MAXINT ? lus_import_cvat_runs(r, numbers, (int)n, c->error)
                                 : lus_import_refuse(c->error, r->place, "no memory for its mask");
}

/** Frame, attributes and geometry of a shape or of a track's key. On failure nothing is left in @r. */
static gboolean read_shape(const Cvat *c, LusRegion *r, json_t *shape)
{
  int frame = 0;
  json_t *points = json_object_get(shape, "points"), *rotation = json_object_get(shape, "rotation");
  const char *type = lus_import_text(shape, "type", r->place, c->error);
  if (!type || !lus_import_int(&frame, shape, "frame", 0, LUS_REGION_LAST, r->place, c->error) ||
      !lus_cvat_task_frame(&r->frame, &c->task, frame, r->place, c->error) || !read_attributes(c, r, shape))
    return FALSE;
  r->last = r->frame;
  if (json_number_value(rotation) != 0)
    return lus_import_refuse(c->error, r->place, "rotated shapes are not read; draw a polygon");
  if (g_str_equal(type, "mask"))
    return read_mask(c, r, points);
  r->points = lus_import_points(&r->n_points, points, TRUE, r->place, c->error);
  if (r->points && lus_import_cvat_geometry(r, type, c->config, c->error))
    return TRUE;
  g_clear_pointer(&r->points, g_free);
  return FALSE;
}

/** The class of an object, with a confidence that may stand behind it. */
static gboolean read_label(const Cvat *c, LusRegion *r, char **name, json_t *object)
{
  const char *label = lus_import_text(object, "label", r->place, c->error);
  *name = label ? lus_import_label(&r->percent, label, r->place, c->error) : NULL;
  r->class_name = *name;
  return *name && read_attributes(c, r, object);
}

static gboolean add_shape(const Cvat *c, json_t *shape, const char *place)
{
  g_autofree char *name = NULL;
  LusRegion r = {.clip = c->task.clip, .place = place, .percent = 100};
  return read_label(c, &r, &name, shape) && read_shape(c, &r, shape) && lus_regions_add(c->regions, &r, c->error);
}

static gboolean add_track(const Cvat *c, json_t *track, const char *place)
{
  g_autofree char *name = NULL;
  LusRegion base = {.clip = c->task.clip, .place = place, .percent = 100};
  json_t *shapes = lus_import_list(track, "shapes", place, c->error);
  if (!shapes || !read_label(c, &base, &name, track))
    return FALSE;
  g_autoptr(GArray) keys = g_array_new(FALSE, TRUE, sizeof(LusTrackKey));
  gboolean ok = TRUE;
  for (gsize i = 0; ok && i < json_array_size(shapes); i++) {
    json_t *shape = json_array_get(shapes, i);
    LusTrackKey key = {.region = base, .outside = json_is_true(json_object_get(shape, "outside")),
                       .inherits = !find_confidence(shape)}; /* CVAT keeps an attribute where it changes */
    key.region.place = g_strdup_printf("%s.shapes[%d]", place, (int)i);
    ok = read_shape(c, &key.region, shape);
    g_array_append_val(keys, key);
  }
  if (ok)
    return lus_import_track(c->regions, keys, c->end, c->error);
  lus_track_keys_clear(keys);
  return FALSE;
}

/** A job's tracks end with it, whatever the task goes on with; a job that goes beyond the task ends with the task. */
static gboolean find_end(Cvat *c, int index)
{
  json_t *job = json_array_get(c->jobs, (gsize)index);
  int stop = 0, end = 0;
  c->end = lus_cvat_task_end(&c->task);
  if (!json_object_get(job, "stop_frame"))
    return TRUE;
  g_autofree char *folder = g_path_get_dirname(c->path);
  g_autofree char *place = g_strdup_printf("%s/task.json: jobs[%d]", folder, index);
  if (!lus_import_int(&stop, job, "stop_frame", 0, LUS_REGION_LAST, place, c->error))
    return FALSE;
  if (lus_cvat_task_frame(&end, &c->task, stop, c->path, NULL))
    c->end = MIN(c->end, end);
  return TRUE;
}

static gboolean add_job(Cvat *c, json_t *job, int index)
{
  const struct {
    const char *key;
    gboolean (*add)(const Cvat *c, json_t *object, const char *place);
  } lists[] = {{"shapes", add_shape}, {"tracks", add_track}};
  if (!find_end(c, index))
    return FALSE;
  for (gsize k = 0; k < G_N_ELEMENTS(lists); k++) {
    json_t *list = json_object_get(job, lists[k].key);
    if (!list && k == 0)
      return lus_import_kind(job, lists[k].key, c->path, c->error);
    if (list && !json_is_array(list))
      return lus_import_refuse(c->error, c->path, "[%d].%s is not a list; this is no annotations.json of CVAT", index,
                               lists[k].key);
    for (gsize i = 0; i < json_array_size(list); i++) {
      g_autofree char *place = g_strdup_printf("%s: [%d].%s[%d]", c->path, index, lists[k].key, (int)i);
      if (!lists[k].add(c, json_array_get(list, i), place))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean add_jobs(Cvat *c, json_t *root)
{
  gboolean ok = read_task(c);
  if (json_is_array(root))
    for (gsize i = 0; ok && i < json_array_size(root); i++)
      ok = add_job(c, json_array_get(root, i), (int)i);
  else
    ok = ok && add_job(c, root, 0);
  return ok;
}

gboolean lus_import_cvat(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  gsize length = 0;
  g_autofree guint8 *text = lus_file_read(path, LUS_IMPORT_BYTES, &length, error);
  if (!text)
    return FALSE;
  const char *begin = (const char *)text + lus_utf8_mark((const char *)text, length);
  if (begin[strspn(begin, " \t\r\n")] == '<')
    return lus_import_cvat_xml(regions, path, begin, length - (gsize)(begin - (const char *)text), config, error);
  Cvat c = {.path = path, .regions = regions, .config = config, .task = {.stop = -1, .step = 1}, .error = error};
  json_t *root = lus_import_parse_json(path, (const char *)text, length, error);
  gboolean ok = root && add_jobs(&c, root);
  g_free(c.task.clip);
  json_decref(c.jobs);
  json_decref(root);
  return ok;
}
