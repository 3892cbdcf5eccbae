/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusmeta.h"

void gst_lus_summary_register(void)
{
  static gsize done = 0;
  static const gchar *tags[] = {NULL};

  if (g_once_init_enter(&done)) {
    gst_meta_register_custom(GST_LUS_SUMMARY_META_NAME, tags, NULL, NULL, NULL);
    g_once_init_leave(&done, 1);
  }
}

const GstStructure *gst_buffer_get_lus_summary(GstBuffer *buffer)
{
  GstCustomMeta *meta;

  gst_lus_summary_register();
  meta = gst_buffer_get_custom_meta(buffer, GST_LUS_SUMMARY_META_NAME);
  return meta ? gst_custom_meta_get_structure(meta) : NULL;
}

GstStructure *gst_buffer_add_lus_summary(GstBuffer *buffer)
{
  GstCustomMeta *meta;

  gst_lus_summary_register();
  meta = gst_buffer_get_custom_meta(buffer, GST_LUS_SUMMARY_META_NAME);
  if (!meta)
    meta = gst_buffer_add_custom_meta(buffer, GST_LUS_SUMMARY_META_NAME);
  return gst_custom_meta_get_structure(meta);
}

/* Fields of one estimate: NAME, NAME-low, NAME-high when valid, else NAME-reason. */
static void set_value(GstStructure *summary, const char *name, const LusEstimateValue *value)
{
  g_autofree char *low = g_strconcat(name, "-low", NULL), *high = g_strconcat(name, "-high", NULL);
  g_autofree char *reason = g_strconcat(name, "-reason", NULL);

  if (value->valid) {
    gst_structure_set(summary, name, G_TYPE_DOUBLE, value->value, low, G_TYPE_DOUBLE, value->low, high, G_TYPE_DOUBLE,
                      value->high, NULL);
    gst_structure_remove_field(summary, reason);
  } else {
    gst_structure_remove_fields(summary, name, low, high, NULL);
    gst_structure_set(summary, reason, G_TYPE_STRING, value->reason, NULL);
  }
}

static void get_text(const GstStructure *summary, const char *field, char *out, gsize size)
{
  const char *text = gst_structure_get_string(summary, field);

  g_strlcpy(out, text ? text : "", size);
}

static void get_value(const GstStructure *summary, const char *name, LusEstimateValue *value)
{
  g_autofree char *low = g_strconcat(name, "-low", NULL), *high = g_strconcat(name, "-high", NULL);
  g_autofree char *reason = g_strconcat(name, "-reason", NULL);

  value->valid = gst_structure_get(summary, name, G_TYPE_DOUBLE, &value->value, low, G_TYPE_DOUBLE, &value->low, high,
                                   G_TYPE_DOUBLE, &value->high, NULL);
  get_text(summary, reason, value->reason, sizeof(value->reason));
}

static void set_change(GstStructure *summary, const LusEstimate *estimate)
{
  const double *p = estimate->change_probability;

  if (estimate->change_valid)
    gst_structure_set(summary, "change", G_TYPE_INT, estimate->change_class, "change-lower", G_TYPE_DOUBLE, p[0],
                      "change-same", G_TYPE_DOUBLE, p[1], "change-higher", G_TYPE_DOUBLE, p[2], NULL);
  else
    gst_structure_set(summary, "change-reason", G_TYPE_STRING, estimate->change_reason, NULL);
}

static void get_change(const GstStructure *summary, LusEstimate *estimate)
{
  double *p = estimate->change_probability;

  estimate->change_valid =
      gst_structure_get(summary, "change", G_TYPE_INT, &estimate->change_class, "change-lower", G_TYPE_DOUBLE, &p[0],
                        "change-same", G_TYPE_DOUBLE, &p[1], "change-higher", G_TYPE_DOUBLE, &p[2], NULL);
  get_text(summary, "change-reason", estimate->change_reason, sizeof(estimate->change_reason));
}

static void set_zones(GstStructure *summary, const LusExamView *view)
{
  GValue zones = G_VALUE_INIT, missing = G_VALUE_INIT, frames = G_VALUE_INIT, item = G_VALUE_INIT;

  gst_value_array_init(&zones, (guint)view->n_zones);
  gst_value_array_init(&missing, (guint)view->n_zones);
  gst_value_array_init(&frames, (guint)view->n_zones);
  for (int i = 0; i < view->n_zones; i++) {
    g_value_init(&item, G_TYPE_STRING);
    g_value_set_string(&item, view->zones[i]);
    if (view->frames[i] < view->min_frames)
      gst_value_array_append_value(&missing, &item);
    gst_value_array_append_and_take_value(&zones, &item);
    g_value_init(&item, G_TYPE_INT);
    g_value_set_int(&item, view->frames[i]);
    gst_value_array_append_and_take_value(&frames, &item);
  }
  gst_structure_take_value(summary, "zones", &zones);
  gst_structure_take_value(summary, "missing-zones", &missing);
  gst_structure_take_value(summary, "frames", &frames);
}

static gboolean get_zones(const GstStructure *summary, LusExamView *view)
{
  const GValue *zones = gst_structure_get_value(summary, "zones");
  const GValue *frames = gst_structure_get_value(summary, "frames");
  guint n;

  if (!zones || !GST_VALUE_HOLDS_ARRAY(zones) || !frames || !GST_VALUE_HOLDS_ARRAY(frames))
    return FALSE;
  n = MIN(gst_value_array_get_size(zones), gst_value_array_get_size(frames));
  view->n_zones = (int)MIN(n, LUS_MAX_ZONES);
  for (guint i = 0; i < (guint)view->n_zones; i++) {
    const GValue *zone = gst_value_array_get_value(zones, i), *count = gst_value_array_get_value(frames, i);
    if (!G_VALUE_HOLDS_STRING(zone) || !g_value_get_string(zone) || !G_VALUE_HOLDS_INT(count))
      return FALSE;
    g_strlcpy(view->zones[i], g_value_get_string(zone), LUS_ZONE_LENGTH);
    view->frames[i] = g_value_get_int(count);
  }
  return TRUE;
}

void gst_lus_summary_set_exam(GstStructure *summary, const LusExamView *view)
{
  gst_structure_remove_fields(summary, "change", "change-lower", "change-same", "change-higher", "change-reason",
                              "finished-at", "baseline-sf", "baseline-date", NULL);
  gst_structure_set(summary, "zone", G_TYPE_STRING, view->zone, "min-frames-per-zone", G_TYPE_INT, view->min_frames,
                    "finished", G_TYPE_BOOLEAN, view->finished, "has-estimate", G_TYPE_BOOLEAN, view->has_estimate,
                    NULL);
  set_zones(summary, view);
  if (view->has_estimate) {
    set_value(summary, "sf", &view->estimate.sf);
    set_value(summary, "readmission", &view->estimate.readmission);
    set_change(summary, &view->estimate);
  }
  if (*view->finished_at)
    gst_structure_set(summary, "finished-at", G_TYPE_STRING, view->finished_at, NULL);
  if (view->has_baseline)
    gst_structure_set(summary, "baseline-sf", G_TYPE_DOUBLE, view->baseline_sf, "baseline-date", G_TYPE_STRING,
                      view->baseline_date, NULL);
}

gboolean gst_lus_summary_get_exam(const GstStructure *summary, LusExamView *view)
{
  memset(view, 0, sizeof(*view));
  if (!summary || !gst_structure_get_int(summary, "min-frames-per-zone", &view->min_frames) ||
      !get_zones(summary, view))
    return FALSE;
  view->present = TRUE;
  get_text(summary, "zone", view->zone, sizeof(view->zone));
  gst_structure_get_boolean(summary, "finished", &view->finished);
  get_text(summary, "finished-at", view->finished_at, sizeof(view->finished_at));
  gst_structure_get_boolean(summary, "has-estimate", &view->has_estimate);
  if (view->has_estimate) {
    get_value(summary, "sf", &view->estimate.sf);
    get_value(summary, "readmission", &view->estimate.readmission);
    get_change(summary, &view->estimate);
  }
  view->has_baseline = gst_structure_get_double(summary, "baseline-sf", &view->baseline_sf);
  get_text(summary, "baseline-date", view->baseline_date, sizeof(view->baseline_date));
  return TRUE;
}
