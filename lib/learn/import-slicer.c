/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** AnnotateUltrasound: lines in mm along the pleura, and across B-lines. Two dialects: frame_annotations is an object
 *  of frame -> {pleura_lines, b_lines} in RAS, or a list with frame_number, coordinate_space and a rater per line. */
#include "import-internal.h"

#include <math.h>
#include <string.h>

#define LINE_MM 2.0 /* thickness of what is drawn as a line */
#define ARC 16      /* points of an arc */

/** The sector in pixels, as the file tells it, and the scale. */
typedef struct {
  const char *path;
  char *clip;
  LusRegions *regions;
  double mm;            /* per pixel */
  gboolean fan;
  double row, column;   /* centre of the arcs */
  double r1, r2;        /* radii */
  double angle1, angle2; /* from the right, downwards, degrees; the first is the larger one */
  int width, height;
  GError **error;
} Slicer;

static gboolean number(double *out, json_t *root, const char *key)
{
  json_t *value = json_object_get(root, key);
  *out = json_number_value(value);
  return json_is_number(value) && fabs(*out) <= 1e5;
}

static gboolean read_geometry(Slicer *s, json_t *root, const LusImportConfig *config)
{
  double a = 0, b = 0;
  const char *type = json_string_value(json_object_get(root, "mask_type"));
  s->fan = (!type || g_str_equal(type, "fan")) && number(&s->row, root, "center_rows_px") &&
           number(&s->column, root, "center_cols_px") && number(&s->r1, root, "radius1") &&
           number(&s->r2, root, "radius2") && number(&a, root, "angle1") && number(&b, root, "angle2") &&
           s->r2 > s->r1;
  s->angle1 = MAX(a, b);
  s->angle2 = MIN(a, b);
  s->mm = config->mm_per_pixel;
  if (!(s->mm > 0) && s->fan && config->depth_mm > 0)
    s->mm = config->depth_mm / (s->r2 - s->r1);
  if (!(s->mm > 0))
    return lus_import_refuse(s->error, s->path,
                             "lines are in mm, and the file does not tell the scale; give --mm-per-pixel (ten times "
                             "DICOM's PhysicalDeltaX) or, with a fan, --depth in cm");
  return (!json_object_get(root, "image_size_cols") ||
          lus_import_int(&s->width, root, "image_size_cols", 1, 8192, s->path, s->error)) &&
         (!json_object_get(root, "image_size_rows") ||
          lus_import_int(&s->height, root, "image_size_rows", 1, 8192, s->path, s->error));
}

/** The line's points, in pixels. RAS has both axes the other way round; whole pixels are centres in Slicer. */
static LusPoint *line_points(const Slicer *s, int *n, json_t *entry, gboolean ras, const char *place)
{
  json_t *line = json_is_object(entry) ? json_object_get(json_object_get(entry, "line"), "points") : entry;
  LusPoint *points = lus_import_points(n, line, FALSE, place, s->error);
  double scale = (ras ? -1 : 1) / s->mm;
  for (int i = 0; points && i < *n; i++)
    points[i] = (LusPoint){points[i].x * scale + 0.5, points[i].y * scale + 0.5};
  return points;
}

static double radius_of(const Slicer *s, LusPoint p)
{
  return hypot(p.x - s->column, p.y - s->row);
}

static double angle_of(const Slicer *s, LusPoint p)
{
  return CLAMP(atan2(p.y - s->row, p.x - s->column) * 180 / G_PI, s->angle2, s->angle1);
}

/** What a B-line's mark spans, between the angles of its ends and from @from down to the sector's end. */
static LusPoint *beam(const Slicer *s, int *n, LusPoint a, LusPoint b, double from)
{
  double first = angle_of(s, a), last = angle_of(s, b);
  LusPoint *points = g_new(LusPoint, 2 * ARC);
  for (int i = 0; i < ARC; i++) {
    double angle = (first + (last - first) * i / (ARC - 1)) * G_PI / 180;
    points[i] = (LusPoint){s->column + from * cos(angle), s->row + from * sin(angle)};
    points[2 * ARC - 1 - i] = (LusPoint){s->column + s->r2 * cos(angle), s->row + s->r2 * sin(angle)};
  }
  *n = 2 * ARC;
  return points;
}

/** Adds the line itself, and for B-lines its beam. @pleura: mean radius of the frame's pleura, 0 unknown, is added up
 *  from pleura lines into *@sum and *@count. */
static gboolean add_line(const Slicer *s, LusRegion r, json_t *entry, gboolean ras, double pleura, double *sum, int *count)
{
  gboolean b_line = g_str_equal(r.class_name, "b_lines");
  const char *rater = json_string_value(json_object_get(entry, "rater"));
  r.annotator = rater ? rater : r.annotator;
  r.kind = LUS_REGION_LINE;
  r.thickness = LINE_MM / s->mm;
  r.points = line_points(s, &r.n_points, entry, ras, r.place);
  if (!r.points)
    return FALSE;
  if (r.n_points < 2) {
    g_free(r.points);
    return lus_import_refuse(s->error, r.place, "a line of %d points; it needs 2", r.n_points);
  }
  LusPoint a = r.points[0], b = r.points[r.n_points - 1];
  for (int i = 0; !b_line && i < r.n_points; i++, ++*count)
    *sum += radius_of(s, r.points[i]);
  LusRegion below = r;
  if (!lus_regions_add(s->regions, &r, s->error))
    return FALSE;
  if (!b_line || !s->fan)
    return TRUE;
  double own = MIN(radius_of(s, a), radius_of(s, b));
  below.kind = LUS_REGION_POLYGON;
  below.points = beam(s, &below.n_points, a, b, CLAMP(pleura > 0 ? MIN(pleura, own) : own, s->r1, s->r2));
  return lus_regions_add(s->regions, &below, s->error);
}

static gboolean add_lines(const Slicer *s, LusRegion r, json_t *frame, const char *key, gboolean ras, double *pleura)
{
  json_t *lines = json_object_get(frame, key);
  if (lines && !json_is_array(lines))
    return lus_import_refuse(s->error, r.place, "'%s' is not a list", key);
  double sum = 0;
  int count = 0;
  g_autofree char *at = g_strdup(r.place);
  r.class_name = key;
  for (gsize i = 0; i < json_array_size(lines); i++) {
    g_autofree char *place = g_strdup_printf("%s: %s[%d]", at, key, (int)i);
    r.place = place;
    json_t *entry = json_array_get(lines, i);
    if (json_is_array(entry) && json_array_size(entry) == 0)
      continue; /* the older dialect keeps the place of a removed line */
    if (!add_line(s, r, entry, ras, *pleura, &sum, &count))
      return FALSE;
  }
  if (count > 0)
    *pleura = sum / count;
  return TRUE;
}

/** The rater of lines that name none, and of frames without lines. */
static const char *rater_of(json_t *frame)
{
  static const char *const keys[] = {"pleura_lines", "b_lines"};
  for (gsize k = 0; k < G_N_ELEMENTS(keys); k++) {
    const char *rater =
      json_string_value(json_object_get(json_array_get(json_object_get(frame, keys[k]), 0), "rater"));
    if (rater)
      return rater;
  }
  return NULL;
}

static gboolean add_frame(const Slicer *s, json_t *frame, int index, gboolean ras, const char *rater,
                          const char *place)
{
  json_t *inner = json_object_get(frame, "annotation"); /* some files wrap it */
  frame = json_is_object(inner) ? inner : frame;
  const char *space = json_string_value(json_object_get(frame, "coordinate_space"));
  if (space && !g_str_equal(space, "RAS") && !g_str_equal(space, "LPS"))
    return lus_import_refuse(s->error, place, "coordinate_space '%s'; RAS and LPS are read", space);
  ras = space ? g_str_equal(space, "RAS") : ras;
  const char *own = rater_of(frame);
  LusRegion r = {.clip = s->clip, .annotator = own ? own : rater, .place = place, .frame = index, .last = index,
                 .width = s->width, .height = s->height, .percent = 100};
  LusRegion empty = r;
  double pleura = 0;
  return lus_regions_add(s->regions, &empty, s->error) && add_lines(s, r, frame, "pleura_lines", ras, &pleura) &&
         add_lines(s, r, frame, "b_lines", ras, &pleura);
}

static gboolean add_object(const Slicer *s, json_t *frames)
{
  const char *key;
  json_t *frame;
  json_object_foreach(frames, key, frame) {
    g_autofree char *place = g_strdup_printf("%s: frame_annotations.%s", s->path, key);
    guint64 index = 0;
    if (!g_ascii_string_to_unsigned(key, 10, 0, LUS_REGION_LAST, &index, NULL))
      return lus_import_refuse(s->error, place, "the key is not a frame number");
    if (!add_frame(s, frame, (int)index, TRUE, NULL, place))
      return FALSE;
  }
  return TRUE;
}

static gboolean add_list(const Slicer *s, json_t *frames)
{
  const char *rater = NULL;
  for (gsize i = 0; !rater && i < json_array_size(frames); i++)
    rater = rater_of(json_array_get(frames, i));
  for (gsize i = 0; i < json_array_size(frames); i++) {
    g_autofree char *place = g_strdup_printf("%s: frame_annotations[%d]", s->path, (int)i);
    json_t *frame = json_array_get(frames, i);
    int index = (int)i; /* OHIF's list has one entry per frame and no number */
    if (json_object_get(frame, "frame_number") &&
        !lus_import_int(&index, frame, "frame_number", 0, LUS_REGION_LAST, place, s->error))
      return FALSE;
    if (!add_frame(s, frame, index, FALSE, rater, place))
      return FALSE;
  }
  return TRUE;
}

gboolean lus_import_slicer(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  json_t *root = lus_import_json(path, error);
  if (!root)
    return FALSE;
  Slicer s = {.path = path, .regions = regions, .error = error, .clip = lus_import_stem(path)};
  json_t *frames = json_object_get(root, "frame_annotations");
  gboolean ok = FALSE;
  if (lus_import_kind(root, "frame_annotations", path, error) && !json_is_array(frames) && !json_is_object(frames))
    lus_import_refuse(error, path, "key 'frame_annotations' is neither a list nor an object");
  else if (frames && read_geometry(&s, root, config))
    ok = json_is_array(frames) ? add_list(&s, frames) : add_object(&s, frames);
  g_free(s.clip);
  json_decref(root);
  return ok;
}
