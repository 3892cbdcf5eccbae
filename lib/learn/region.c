/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/region.h"
#include "learn/annotation.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define MAX_REGIONS 1000000
#define MAX_COORDINATE 1e6
#define SIDE_MAX 8192

LusRegions *lus_regions_new(void)
{
  LusRegions *regions = g_new0(LusRegions, 1);
  regions->list = g_array_new(FALSE, TRUE, sizeof(LusRegion));
  regions->texts = g_string_chunk_new(4096);
  return regions;
}

void lus_region_clear(LusRegion *region)
{
  g_clear_pointer(&region->points, g_free);
  g_clear_pointer(&region->towards, g_free);
  g_clear_pointer(&region->rings, g_free);
  g_clear_pointer(&region->runs, g_free);
}

void lus_regions_free(LusRegions *regions)
{
  if (!regions)
    return;
  for (guint i = 0; i < regions->list->len; i++)
    lus_region_clear(&g_array_index(regions->list, LusRegion, i));
  g_array_unref(regions->list);
  g_string_chunk_free(regions->texts);
  g_free(regions);
}

static gboolean G_GNUC_PRINTF(4, 5) refuse(const LusRegion *r, LusError code, GError **error, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *text = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_set_error(error, LUS_ERROR, code, "%s: %s", r->place, text);
  return FALSE;
}

static gboolean check_points(const LusRegion *r, const LusPoint *points, GError **error)
{
  for (int i = 0; points && i < r->n_points; i++)
    if (!(fabs(points[i].x) <= MAX_COORDINATE && fabs(points[i].y) <= MAX_COORDINATE))
      return refuse(r, LUS_ERROR_INVALID, error, "point %d lies at %g, %g; coordinates are pixels of the picture", i,
                    points[i].x, points[i].y);
  return TRUE;
}

static gboolean check_rings(const LusRegion *r, GError **error)
{
  for (int i = 0; r->rings && i < r->n_rings; i++)
    if (r->rings[i] < 3)
      return refuse(r, LUS_ERROR_INVALID, error, "ring %d has %d points; a polygon and a hole need 3", i, r->rings[i]);
  return TRUE;
}

static gboolean check_runs(const LusRegion *r, GError **error)
{
  if (r->box_width < 1 || r->box_height < 1 || r->box_width > SIDE_MAX || r->box_height > SIDE_MAX)
    return refuse(r, LUS_ERROR_LIMIT, error, "mask of %d x %d pixels; sides are 1 to %d", r->box_width,
                  r->box_height, SIDE_MAX);
  if (abs(r->left) > MAX_COORDINATE || abs(r->top) > MAX_COORDINATE)
    return refuse(r, LUS_ERROR_LIMIT, error, "mask at %d, %d lies far outside of the picture", r->left, r->top);
  guint64 sum = 0;
  for (int i = 0; i < r->n_runs; i++)
    sum += r->runs[i];
  if (sum != (guint64)r->box_width * (guint64)r->box_height)
    return refuse(r, LUS_ERROR_INVALID, error,
                  "the mask's runs add up to %" G_GUINT64_FORMAT " pixels, its %d x %d box has others; export it again",
                  sum, r->box_width, r->box_height);
  return TRUE;
}

static gboolean check(const LusRegions *regions, const LusRegion *r, GError **error)
{
  if (regions->list->len >= MAX_REGIONS)
    return refuse(r, LUS_ERROR_LIMIT, error, "more than %d regions; import fewer files at once", MAX_REGIONS);
  if (r->frame < 0 || r->frame > LUS_REGION_LAST || r->last < r->frame || r->last > LUS_REGION_LAST)
    return refuse(r, LUS_ERROR_INVALID, error, "frames %d to %d; they are 0 to %d, ascending", r->frame, r->last,
                  LUS_REGION_LAST);
  if (r->width < 0 || r->height < 0 || r->width > SIDE_MAX || r->height > SIDE_MAX)
    return refuse(r, LUS_ERROR_LIMIT, error, "picture of %d x %d pixels; sides are up to %d", r->width, r->height,
                  SIDE_MAX);
  if (r->percent > 100 && r->percent != LUS_REGION_IGNORE)
    return refuse(r, LUS_ERROR_INVALID, error, "confidence %d is neither 0 to 100 nor ignored", r->percent);
  if (r->kind == LUS_REGION_POLYGON && r->n_points < 3)
    return refuse(r, LUS_ERROR_INVALID, error, "a polygon of %d points; it needs 3", r->n_points);
  if (r->kind == LUS_REGION_LINE && (r->n_points < 2 || !(r->thickness > 0 && r->thickness <= SIDE_MAX)))
    return refuse(r, LUS_ERROR_INVALID, error, "a line of %d points, %g pixels thick; it needs 2 points", r->n_points,
                  r->thickness);
  return check_points(r, r->points, error) && check_points(r, r->towards, error) && check_rings(r, error) &&
         (r->kind != LUS_REGION_RUNS || check_runs(r, error));
}

static const char *keep(LusRegions *regions, const char *text)
{
  return text ? g_string_chunk_insert_const(regions->texts, text) : NULL;
}

gboolean lus_regions_add(LusRegions *regions, LusRegion *region, GError **error)
{
  if (!check(regions, region, error)) {
    lus_region_clear(region);
    return FALSE;
  }
  LusRegion kept = *region;
  kept.clip = keep(regions, region->clip);
  kept.annotator = keep(regions, region->annotator);
  kept.class_name = keep(regions, region->class_name);
  kept.place = keep(regions, region->place);
  kept.path = keep(regions, region->path);
  g_array_append_val(regions->list, kept);
  *region = (LusRegion){0};
  return TRUE;
}

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/** Where the closed ring crosses the height @y, appended to @crossings. */
static int ring_crossings(double *crossings, int count, const LusPoint *p, int n, double y)
{
  for (int i = 0, j = n - 1; i < n; j = i++)
    if ((p[i].y <= y) != (p[j].y <= y))
      crossings[count++] = p[i].x + (y - p[i].y) * (p[j].x - p[i].x) / (p[j].y - p[i].y);
  return count;
}

/** The first pixel whose centre is not left of @x. */
static int first_pixel(double x, int width)
{
  return (int)CLAMP(ceil(x - 0.5), 0, width);
}

static void raise_pixels(guint8 *row, int from, int to, guint8 value)
{
  for (int x = from; x < to; x++)
    row[x] = MAX(row[x], value);
}

gboolean lus_polygon_fill(guint8 *plane, int width, int height, const LusPoint *points, const int *rings, int n_rings,
                          int n_points, guint8 value)
{
  g_autofree double *crossings = g_try_new(double, MAX(n_points, 1));
  if (!crossings)
    return FALSE;
  double low = G_MAXDOUBLE, high = -G_MAXDOUBLE;
  for (int i = 0; i < n_points; i++) {
    low = MIN(low, points[i].y);
    high = MAX(high, points[i].y);
  }
  int one = n_points;
  for (int y = first_pixel(low, height), end = first_pixel(high, height); y < end; y++) {
    int count = 0;
    const LusPoint *ring = points;
    for (int r = 0; r < (rings ? n_rings : 1); r++) {
      int n = rings ? rings[r] : one;
      count = ring_crossings(crossings, count, ring, n, y + 0.5);
      ring += n;
    }
    qsort(crossings, (size_t)count, sizeof *crossings, compare_doubles);
    for (int i = 0; i + 1 < count; i += 2)
      raise_pixels(plane + (gsize)y * width, first_pixel(crossings[i], width), first_pixel(crossings[i + 1], width),
                   value);
  }
  return TRUE;
}

static double distance_squared(double x, double y, LusPoint a, LusPoint b)
{
  double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  double t = length > 0 ? CLAMP(((x - a.x) * dx + (y - a.y) * dy) / length, 0, 1) : 0;
  double ex = x - a.x - t * dx, ey = y - a.y - t * dy;
  return ex * ex + ey * ey;
}

void lus_line_fill(guint8 *plane, int width, int height, const LusPoint *points, int n_points, double thickness,
                   guint8 value)
{
  double radius = thickness / 2;
  for (int i = 0; i + 1 < n_points; i++) {
    LusPoint a = points[i], b = points[i + 1];
    int x0 = first_pixel(MIN(a.x, b.x) - radius, width), x1 = first_pixel(MAX(a.x, b.x) + radius + 1, width);
    int y0 = first_pixel(MIN(a.y, b.y) - radius, height), y1 = first_pixel(MAX(a.y, b.y) + radius + 1, height);
    for (int y = y0; y < y1; y++)
      for (int x = x0; x < x1; x++)
        if (distance_squared(x + 0.5, y + 0.5, a, b) <= radius * radius)
          raise_pixels(plane + (gsize)y * width, x, x + 1, value);
  }
}

/** One run, from pixel @start of the box on, row by row or column by column: the box may be far larger than the plane. */
static void fill_run(const LusRegion *r, guint8 *plane, int width, int height, gsize start, gsize length)
{
  gsize side = (gsize)(r->columns ? r->box_height : r->box_width);
  for (gsize end = start + length; start < end;) {
    gsize stop = MIN(end, (start / side + 1) * side);
    int across = (int)(start / side), from = (int)(start % side), to = from + (int)(stop - start);
    if (r->columns) {
      int x = r->left + across;
      for (int y = MAX(r->top + from, 0); x >= 0 && x < width && y < MIN(r->top + to, height); y++)
        raise_pixels(plane + (gsize)y * width, x, x + 1, r->percent);
    } else {
      int y = r->top + across;
      if (y >= 0 && y < height)
        raise_pixels(plane + (gsize)y * width, MAX(r->left + from, 0), MIN(r->left + to, width), r->percent);
    }
    start = stop;
  }
}

gboolean lus_picture_opaque(const guint8 *rgba, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (rgba[4 * i + 3] < 255)
      return FALSE;
  return TRUE;
}

static gboolean draw_picture(const LusRegion *r, guint8 *plane, int width, int height, GError **error)
{
  int w = 0, h = 0;
  g_autofree guint8 *pixels = r->picture == LUS_PICTURE_PERCENT
                                ? lus_label_read(r->path, &w, &h, error)
                                : lus_png_read(r->path, r->picture == LUS_PICTURE_VALUE ? 1 : 4, &w, &h, error);
  if (!pixels)
    return FALSE;
  if (w != width || h != height)
    return refuse(r, LUS_ERROR_INVALID, error, "%d x %d pixels, but the clip's frames have %d x %d", w, h, width,
                  height);
  gboolean opaque = r->picture == LUS_PICTURE_IGNORE && lus_picture_opaque(pixels, (gsize)w * h);
  for (gsize i = 0; i < (gsize)w * h; i++) {
    guint8 value = 0;
    switch (r->picture) {
    case LUS_PICTURE_PERCENT:
      value = pixels[i];
      break;
    case LUS_PICTURE_ALPHA:
      value = (guint8)((pixels[4 * i + 3] * 100 + 127) / 255);
      break;
    case LUS_PICTURE_VALUE:
      value = pixels[i] == r->value ? r->percent : 0;
      break;
    case LUS_PICTURE_IGNORE:
      value = pixels[4 * i + (opaque ? 0 : 3)] >= 128 ? LUS_REGION_IGNORE : 0;
      break;
    }
    plane[i] = MAX(plane[i], value);
  }
  return TRUE;
}

static gboolean draw_points(const LusRegion *r, guint8 *plane, int width, int height, int frame, GError **error)
{
  g_autofree LusPoint *points = g_try_new(LusPoint, r->n_points);
  if (!points)
    return refuse(r, LUS_ERROR_MEMORY, error, "no memory for %d points", r->n_points);
  double t = r->towards ? (double)(frame - r->frame) / (r->last + 1 - r->frame) : 0;
  for (int i = 0; i < r->n_points; i++) {
    LusPoint to = r->towards ? r->towards[i] : r->points[i];
    points[i].x = r->points[i].x + t * (to.x - r->points[i].x);
    points[i].y = r->points[i].y + t * (to.y - r->points[i].y);
  }
  if (r->kind == LUS_REGION_LINE)
    lus_line_fill(plane, width, height, points, r->n_points, r->thickness, r->percent);
  else if (!lus_polygon_fill(plane, width, height, points, r->rings, r->n_rings, r->n_points, r->percent))
    return refuse(r, LUS_ERROR_MEMORY, error, "no memory for %d points", r->n_points);
  return TRUE;
}

gboolean lus_region_draw(const LusRegion *r, guint8 *plane, int width, int height, int frame, GError **error)
{
  switch (r->kind) {
  case LUS_REGION_EMPTY:
    return TRUE;
  case LUS_REGION_PICTURE:
    return draw_picture(r, plane, width, height, error);
  case LUS_REGION_RUNS: {
    gsize start = 0;
    for (int i = 0; i < r->n_runs; start += r->runs[i++])
      if (i % 2)
        fill_run(r, plane, width, height, start, r->runs[i]);
    return TRUE;
  }
  case LUS_REGION_POLYGON:
  case LUS_REGION_LINE:
    return draw_points(r, plane, width, height, frame, error);
  }
  return TRUE;
}

/** The last group of digits of @stem ends at *@end; returns its start, or -1. The digits of a class's name don't count:
 *  the search stops at the first '.'. */
static int find_number(const char *stem, int *end)
{
  const char *frame = NULL;
  for (const char *next = strstr(stem, "frame"); next; next = strstr(next + 1, "frame")) {
    const char *digits = next + 5 + (next[5] == '_' || next[5] == '-');
    gsize n = strspn(digits, "0123456789");
    frame = n > 0 || !frame ? next : frame;
    if (n > 0 && digits[n] == '.')
      break; /* what follows is the class */
  }
  int from = frame ? (int)(frame - stem) : 0, length = (int)strcspn(stem + from, ".") + from;
  if (frame) {
    int i = from + 5 + (stem[from + 5] == '_' || stem[from + 5] == '-');
    for (*end = i; g_ascii_isdigit(stem[*end]);)
      ++*end;
    return *end > i ? i : -1;
  }
  for (*end = length; *end > 0 && !g_ascii_isdigit(stem[*end - 1]);)
    --*end;
  int start = *end;
  while (start > 0 && g_ascii_isdigit(stem[start - 1]))
    start--;
  return *end > start ? start : -1;
}

gboolean lus_picture_name_parse(const char *name, char **clip, int *frame, char **rest)
{
  g_autofree char *stem = g_strdup(name);
  char *dot = strrchr(stem, '.'), *slash = strrchr(stem, '/');
  if (dot && (!slash || dot > slash))
    *dot = 0;
  const char *base = slash ? slash + 1 : stem;
  int end = 0, start = find_number(base, &end);
  if (start < 0 || end - start > 9)
    return FALSE;
  *frame = (int)g_ascii_strtoll(base + start, NULL, 10);
  g_autofree char *before = g_strndup(base, start);
  g_strdelimit(before, " ", '_');
  gsize n = strlen(before);
  while (n > 0 && strchr("_-.", before[n - 1]))
    before[--n] = 0;
  if (g_str_has_suffix(before, "frame"))
    before[n -= 5] = 0;
  while (n > 0 && strchr("_-.", before[n - 1]))
    before[--n] = 0;
  if (n == 0 && slash) { /* the folder is named after the clip */
    *slash = 0;
    char *folder = strrchr(stem, '/');
    *clip = g_strdup(folder ? folder + 1 : stem);
  } else {
    *clip = g_strdup(before);
  }
  base += end;
  *rest = g_strdup(base + strspn(base, "_-."));
  return TRUE;
}
