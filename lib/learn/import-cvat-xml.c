/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** CVAT's XML, "for images" and "for video", read by GLib's GMarkup: it knows no entities but the five and no DTD. */
#include "import-cvat-xml.h"
#include "import-cvat-shapes.h"
#include "import-internal.h"

#include <string.h>

#define MAX_DEPTH 16

typedef struct {
  const char *path;
  LusRegions *regions;
  const LusImportConfig *config;
  LusCvatTask task;
  int n_tasks; /* more than one in the export of a project */
  GMarkupParseContext *context;
  char *place;
  /* the image or track one is in */
  char *clip, *label;
  int frame, width, height;
  guint8 track_percent;
  GArray *keys;
  gboolean in_image, in_track;
  /* the shape one is in */
  LusTrackKey shape;
  char *class_name;
  gboolean in_shape, in_confidence;
  GString *text;
} Xml;

static const char *find(const char **names, const char **values, const char *name)
{
  for (int i = 0; names[i]; i++)
    if (g_str_equal(names[i], name))
      return values[i];
  return NULL;
}

/** "file: line 12: polygon". */
static void set_place(Xml *x, const char *element)
{
  int line = 0;
  g_markup_parse_context_get_position(x->context, &line, NULL);
  g_free(x->place);
  x->place = g_strdup_printf("%s: line %d: %s", x->path, line, element);
}

static const char *need(const Xml *x, const char **names, const char **values, const char *name, GError **error)
{
  const char *value = find(names, values, name);
  if (!value)
    lus_import_refuse(error, x->place, "attribute '%s' is missing", name);
  return value;
}

static gboolean whole(const Xml *x, int *out, const char *text, const char *name, int high, GError **error)
{
  guint64 value = 0;
  if (!g_ascii_string_to_unsigned(text, 10, 0, (guint64)high, &value, NULL))
    return lus_import_refuse(error, x->place, "%s '%s' is not a whole number of 0 to %d", name, text, high);
  *out = (int)value;
  return TRUE;
}

static gboolean need_whole(const Xml *x, int *out, const char **names, const char **values, const char *name, int high,
                           GError **error)
{
  const char *text = need(x, names, values, name, error);
  return text && whole(x, out, text, name, high, error);
}

/** Numbers between any of " ,;" */
static double *numbers(const Xml *x, int *n, const char *text, GError **error)
{
  gsize room = strlen(text) / 2 + 1;
  g_autofree double *list = g_try_new(double, room);
  *n = 0;
  while (list && *(text += strspn(text, " ,;\n\t"))) {
    char *end = NULL;
    list[*n] = g_ascii_strtod(text, &end);
    if (end == text || !strchr(" ,;\n\t", *end)) {
      lus_import_refuse(error, x->place, "number %d, '%.12s', is none", *n, text);
      return NULL;
    }
    ++*n;
    text = end;
  }
  if (!list)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for its points", x->place);
  return g_steal_pointer(&list);
}

/** Only images that name their clip can be told apart. */
static gboolean refuse_project(const Xml *x, GError **error)
{
  return lus_import_refuse(error, x->place, "is of a project of %d tasks; export each task by itself", x->n_tasks);
}

static gboolean start_image(Xml *x, const char **names, const char **values, GError **error)
{
  const char *name = need(x, names, values, "name", error), *id = find(names, values, "id");
  g_autofree char *rest = NULL;
  g_clear_pointer(&x->clip, g_free);
  if (!name || !need_whole(x, &x->width, names, values, "width", 8192, error) ||
      !need_whole(x, &x->height, names, values, "height", 8192, error))
    return FALSE;
  if (!lus_picture_name_parse(name, &x->clip, &x->frame, &rest) &&
      (!id || !whole(x, &x->frame, id, "id", LUS_REGION_LAST, error)))
    return error && *error ? FALSE : lus_import_refuse(error, x->place, "neither name nor id tells the frame");
  if (!(x->clip && *x->clip) && x->n_tasks > 1)
    return refuse_project(x, error);
  x->in_image = TRUE;
  LusRegion empty = {.clip = x->clip && *x->clip ? x->clip : x->task.clip, .place = x->place, .frame = x->frame,
                     .last = x->frame, .width = x->width, .height = x->height};
  return lus_regions_add(x->regions, &empty, error);
}

static gboolean start_track(Xml *x, const char **names, const char **values, GError **error)
{
  const char *label = need(x, names, values, "label", error);
  if (label && x->n_tasks > 1)
    return refuse_project(x, error);
  g_free(x->label);
  x->track_percent = 100;
  x->label = label ? lus_import_label(&x->track_percent, label, x->place, error) : NULL;
  x->in_track = x->label != NULL;
  return x->in_track;
}

static gboolean read_mask(const Xml *x, LusRegion *r, const char **names, const char **values, GError **error)
{
  static const char *const box[] = {"left", "top", "width", "height"};
  int sides[4], n = 0;
  const char *rle = need(x, names, values, "rle", error);
  for (int i = 0; i < 4; i++)
    if (!rle || !need_whole(x, &sides[i], names, values, box[i], 8192, error))
      return FALSE;
  g_autofree double *runs = numbers(x, &n, rle, error);
  double *all = runs ? g_try_renew(double, runs, (gsize)n + 4) : NULL;
  if (!all)
    return runs ? lus_import_refuse(error, x->place, "no memory for its mask") : FALSE;
  runs = all;
  runs[n] = sides[0];
  runs[n + 1] = sides[1];
  runs[n + 2] = sides[0] + sides[2] - 1;
  runs[n + 3] = sides[1] + sides[3] - 1;
  return lus_import_cvat_runs(r, runs, n + 4, error);
}

static gboolean read_points(const Xml *x, LusRegion *r, const char *element, const char **names, const char **values,
                            GError **error)
{
  g_autofree char *box = NULL;
  const char *text = find(names, values, "points"), *rotation = find(names, values, "rotation");
  if (rotation && g_ascii_strtod(rotation, NULL) != 0)
    return lus_import_refuse(error, x->place, "rotated shapes are not read; draw a polygon");
  gboolean is_box = g_str_equal(element, "box");
  if (is_box) {
    static const char *const sides[] = {"xtl", "ytl", "xbr", "ybr"};
    const char *side[4];
    for (int i = 0; i < 4; i++)
      if (!(side[i] = need(x, names, values, sides[i], error)))
        return FALSE;
    text = box = g_strdup_printf("%s,%s;%s,%s", side[0], side[1], side[2], side[3]);
  }
  if (!text && !need(x, names, values, "points", error))
    return FALSE;
  int n = 0;
  g_autofree double *list = numbers(x, &n, text, error);
  if (!list)
    return FALSE;
  if (n % 2)
    return lus_import_refuse(error, x->place, "points are %d numbers; they are pairs x,y", n);
  r->n_points = n / 2;
  r->points = g_new(LusPoint, MAX(r->n_points, 1));
  for (int i = 0; i < r->n_points; i++)
    r->points[i] = (LusPoint){list[2 * i], list[2 * i + 1]};
  return lus_import_cvat_geometry(r, is_box ? "rectangle" : element, x->config, error);
}

static gboolean start_shape(Xml *x, const char *element, const char **names, const char **values, GError **error)
{
  LusRegion *r = &x->shape.region;
  *r = (LusRegion){.place = x->place, .percent = x->in_track ? x->track_percent : 100};
  x->shape.outside = FALSE;
  x->shape.inherits = x->in_track;
  if (x->in_track) {
    const char *outside = find(names, values, "outside");
    x->shape.outside = outside && g_str_equal(outside, "1");
    /* frames in CVAT's XML are those of the clip; only its JSON counts those of the task */
    if (!need_whole(x, &r->frame, names, values, "frame", LUS_REGION_LAST, error))
      return FALSE;
  } else {
    const char *label = need(x, names, values, "label", error);
    g_free(x->class_name);
    x->class_name = label ? lus_import_label(&r->percent, label, x->place, error) : NULL;
    if (!x->class_name)
      return FALSE;
    r->frame = x->frame;
  }
  r->last = r->frame;
  x->in_shape = TRUE;
  return g_str_equal(element, "mask") ? read_mask(x, r, names, values, error)
                                      : read_points(x, r, element, names, values, error);
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                     gpointer user_data, GError **error)
{
  Xml *x = user_data;
  x->context = context;
  if (!x->in_shape)
    set_place(x, element);
  g_string_truncate(x->text, 0);
  const GSList *stack = g_markup_parse_context_get_element_stack(context);
  if (g_slist_nth((GSList *)stack, MAX_DEPTH)) {
    lus_import_refuse(error, x->place, "more than %d elements in each other; this is no XML of CVAT", MAX_DEPTH);
  } else if (!stack->next && !g_str_equal(element, "annotations")) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: this is no XML of CVAT; it begins with 'annotations'", x->place);
  } else if (g_str_equal(element, "image") && !x->in_track && !x->in_image) {
    start_image(x, names, values, error);
  } else if (g_str_equal(element, "track") && !x->in_track && !x->in_image) {
    start_track(x, names, values, error);
  } else if (x->in_shape) {
    const char *name = find(names, values, "name");
    x->in_confidence = g_str_equal(element, "attribute") && name && g_str_equal(name, "confidence");
  } else if ((x->in_image || x->in_track) && !g_str_equal(element, "tag")) {
    if (stack->next && stack->next->next && !stack->next->next->next)
      start_shape(x, element, names, values, error);
  }
}

static gboolean end_shape(Xml *x, GError **error)
{
  LusTrackKey key = x->shape;
  LusRegion *r = &key.region;
  x->shape = (LusTrackKey){0};
  x->in_shape = FALSE;
  r->clip = x->in_image && x->clip && *x->clip ? x->clip : x->task.clip;
  r->class_name = x->in_track ? x->label : x->class_name;
  r->width = x->width;
  r->height = x->height;
  r->place = x->place;
  if (!x->in_track)
    return lus_regions_add(x->regions, r, error);
  r->place = g_strdup(x->place);
  g_array_append_val(x->keys, key);
  return TRUE;
}

/** A value of <meta>; @above is the element around it. */
static gboolean end_meta(Xml *x, const char *element, const char *above, GError **error)
{
  const char *text = g_strstrip(x->text->str);
  gboolean task = g_str_equal(above, "task") || g_str_equal(above, "job");
  int size = 0;
  x->n_tasks += task && g_str_equal(element, "name");
  if (task && g_str_equal(element, "name") && !x->task.clip)
    x->task.clip = lus_import_stem(text);
  else if (task && g_str_equal(element, "start_frame"))
    return whole(x, &x->task.start, text, element, LUS_REGION_LAST, error);
  else if (task && g_str_equal(element, "stop_frame"))
    return whole(x, &x->task.stop, text, element, LUS_REGION_LAST, error);
  else if (task && g_str_equal(element, "frame_filter"))
    return lus_cvat_task_filter(&x->task, text, x->place, error);
  else if (task && g_str_equal(element, "size") && x->task.stop < 0) {
    if (!whole(x, &size, text, element, LUS_REGION_LAST, error))
      return FALSE;
    x->task.stop = MIN(x->task.start + (gint64)MAX(size - 1, 0) * x->task.step, LUS_REGION_LAST);
  } else if (g_str_equal(above, "original_size") && g_str_equal(element, "width"))
    return whole(x, &x->width, text, element, 8192, error);
  else if (g_str_equal(above, "original_size") && g_str_equal(element, "height"))
    return whole(x, &x->height, text, element, 8192, error);
  return TRUE;
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer user_data, GError **error)
{
  Xml *x = user_data;
  const GSList *stack = g_markup_parse_context_get_element_stack(context);
  gsize depth = (gsize)g_slist_length((GSList *)stack);
  if (x->in_confidence && g_str_equal(element, "attribute")) {
    x->in_confidence = FALSE;
    x->shape.inherits = FALSE;
    lus_import_percent(&x->shape.region.percent, g_strstrip(x->text->str), x->place, error);
  } else if (x->in_shape && depth == 3) {
    end_shape(x, error);
  } else if (x->in_track && depth == 2) {
    x->in_track = FALSE;
    lus_import_track(x->regions, x->keys, lus_cvat_task_end(&x->task), error);
  } else if (x->in_image && depth == 2) {
    x->in_image = FALSE;
    g_clear_pointer(&x->clip, g_free);
  } else if (!x->in_image && !x->in_track && stack->next) {
    end_meta(x, element, stack->next->data, error);
  }
  g_string_truncate(x->text, 0);
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer user_data, GError **error)
{
  (void)context;
  (void)error;
  Xml *x = user_data;
  if (x->text->len + length <= 4096)
    g_string_append_len(x->text, text, (gssize)length);
}

gboolean lus_import_cvat_xml(LusRegions *regions, const char *path, const char *text, gsize length,
                             const LusImportConfig *config, GError **error)
{
  static const GMarkupParser parser = {.start_element = on_start, .end_element = on_end, .text = on_text};
  Xml x = {.path = path, .regions = regions, .config = config, .task = {.stop = -1, .step = 1}};
  x.text = g_string_new(NULL);
  x.keys = g_array_new(FALSE, TRUE, sizeof(LusTrackKey));
  GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &x, NULL);
  GError *problem = NULL;
  gboolean ok = g_markup_parse_context_parse(context, text, (gssize)length, &problem) &&
                g_markup_parse_context_end_parse(context, &problem);
  if (problem && problem->domain == G_MARKUP_ERROR) {
    lus_import_refuse(error, path, "%s; export the file again", problem->message);
    g_error_free(problem);
  } else if (problem) {
    g_propagate_error(error, problem);
  }
  g_markup_parse_context_free(context);
  g_free(x.shape.region.points);
  g_free(x.shape.region.runs);
  lus_track_keys_clear(x.keys);
  g_array_unref(x.keys);
  g_string_free(x.text, TRUE);
  g_free(x.place);
  g_free(x.clip);
  g_free(x.label);
  g_free(x.class_name);
  g_free(x.task.clip);
  return ok;
}
