/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** What CVAT's XML and JSON have in common: shapes, tracks, frames of tasks. */
#include "import-cvat-shapes.h"
#include "import-internal.h"

#include <math.h>

void lus_track_keys_clear(GArray *keys)
{
  for (guint i = 0; i < keys->len; i++) {
    LusRegion *r = &g_array_index(keys, LusTrackKey, i).region;
    g_free(r->points);
    g_free(r->runs);
    g_free((char *)r->place);
  }
  g_array_set_size(keys, 0);
}

static int compare_keys(gconstpointer a, gconstpointer b)
{
  return ((const LusTrackKey *)a)->region.frame - ((const LusTrackKey *)b)->region.frame;
}

gboolean lus_import_track(LusRegions *regions, GArray *keys, int end, GError **error)
{
  g_array_sort(keys, compare_keys);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < keys->len; i++) {
    LusTrackKey *key = &g_array_index(keys, LusTrackKey, i);
    if (key->inherits && i > 0)
      key->region.percent = g_array_index(keys, LusTrackKey, i - 1).region.percent;
    LusTrackKey *next = i + 1 < keys->len ? &g_array_index(keys, LusTrackKey, i + 1) : NULL;
    LusRegion r = key->region;
    if (next && next->region.frame == r.frame) {
      ok = lus_import_refuse(error, next->region.place, "frame %d is twice in this track", r.frame);
    } else if (!key->outside) {
      key->region.points = NULL;
      key->region.runs = NULL;
      r.last = next ? next->region.frame - 1 : MAX(end, r.frame);
      if (next && r.last > r.frame && next->region.kind == r.kind && next->region.n_points == r.n_points && r.points)
        r.towards = g_memdup2(next->region.points, (gsize)r.n_points * sizeof *r.points);
      ok = lus_regions_add(regions, &r, error);
    }
  }
  lus_track_keys_clear(keys);
  return ok;
}

gboolean lus_import_cvat_geometry(LusRegion *r, const char *type, const LusImportConfig *config, GError **error)
{
  r->kind = LUS_REGION_POLYGON;
  if (g_str_equal(type, "polygon"))
    return TRUE;
  if (g_str_equal(type, "polyline")) {
    r->kind = LUS_REGION_LINE;
    r->thickness = lus_import_line_width(config);
    return TRUE;
  }
  if (!g_str_equal(type, "rectangle"))
    return lus_import_refuse(error, r->place, "a shape of type '%s' is not read; draw polygon, rectangle, polyline or "
                             "mask", type);
  if (r->n_points != 2)
    return lus_import_refuse(error, r->place, "a rectangle of %d points; it has 2", r->n_points);
  LusPoint *corners = lus_import_box(r->points[0], r->points[1]);
  g_free(r->points);
  r->points = corners;
  r->n_points = 4;
  return TRUE;
}

gboolean lus_import_cvat_runs(LusRegion *r, const double *numbers, int n, GError **error)
{
  for (int i = 0; i < n; i++)
    if (!(numbers[i] >= (i < n - 4 ? 0 : -1e6) && numbers[i] <= 1e8) || floor(numbers[i]) != numbers[i])
      return lus_import_refuse(error, r->place, "number %d of the mask is not whole and within bounds", i);
  if (n < 5)
    return lus_import_refuse(error, r->place, "a mask of %d numbers; runs are followed by left, top, right, bottom",
                             n);
  r->kind = LUS_REGION_RUNS;
  r->n_runs = n - 4;
  r->runs = g_try_new(guint32, r->n_runs);
  if (!r->runs)
    return lus_import_refuse(error, r->place, "no memory for its mask");
  for (int i = 0; i < r->n_runs; i++)
    r->runs[i] = (guint32)numbers[i];
  r->left = (int)numbers[n - 4];
  r->top = (int)numbers[n - 3];
  r->box_width = (int)(numbers[n - 2] - numbers[n - 4]) + 1;
  r->box_height = (int)(numbers[n - 1] - numbers[n - 3]) + 1;
  return TRUE;
}

gboolean lus_cvat_task_filter(LusCvatTask *task, const char *filter, const char *place, GError **error)
{
  guint64 step = 1;
  if (g_str_has_prefix(filter, "step=") &&
      g_ascii_string_to_unsigned(filter + 5, 10, 1, LUS_REGION_LAST, &step, NULL))
    task->step = (int)step;
  else if (*filter)
    return lus_import_refuse(error, place, "frame filter '%s' is not read; only step=N is", filter);
  return TRUE;
}

gboolean lus_cvat_task_frame(int *out, const LusCvatTask *task, int frame, const char *place, GError **error)
{
  gint64 real = task->start + (gint64)frame * task->step;
  if (frame < 0 || real > LUS_REGION_LAST)
    return lus_import_refuse(error, place, "frame %d is out of bounds", frame);
  *out = (int)real;
  return TRUE;
}

int lus_cvat_task_end(const LusCvatTask *task)
{
  return task->stop >= 0 ? task->stop : LUS_REGION_LAST;
}
