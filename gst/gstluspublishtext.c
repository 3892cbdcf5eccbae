/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusmeta.h"
#include "gstluspublisher.h"
#include <jansson.h>
#include <math.h>

static json_t *to_json(const GValue *value)
{
  if (G_VALUE_HOLDS_STRING(value))
    return json_string(g_value_get_string(value)); /* NULL, and left out, if it is not UTF-8 */
  if (G_VALUE_HOLDS_DOUBLE(value))
    return isfinite(g_value_get_double(value)) ? json_real(g_value_get_double(value)) : NULL;
  if (G_VALUE_HOLDS_BOOLEAN(value))
    return json_boolean(g_value_get_boolean(value));
  if (G_VALUE_HOLDS_INT(value))
    return json_integer(g_value_get_int(value));
  if (G_VALUE_HOLDS_UINT64(value))
    return g_value_get_uint64(value) <= G_MAXINT64 ? json_integer((json_int_t)g_value_get_uint64(value)) : NULL;
  if (GST_VALUE_HOLDS_ARRAY(value)) {
    json_t *array = json_array();
    for (guint i = 0; i < gst_value_array_get_size(value); i++)
      json_array_append_new(array, to_json(gst_value_array_get_value(value, i)));
    return array;
  }
  return NULL;
}

static gboolean add_field(GQuark field, const GValue *value, gpointer object)
{
  json_object_set_new(object, g_quark_to_string(field), to_json(value));
  return TRUE;
}

char *gst_lus_values_to_json(const GstStructure *values)
{
  json_t *object = json_pack("{s:s, s:i, s:s}", "lus", lus_version(), "schema", 1, "notice", LUS_NOTICE);
  char *text, *out;

  gst_structure_foreach(values, add_field, object);
  text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(7));
  out = g_strdup(text);
  free(text);
  json_decref(object);
  return out;
}

static void add_head(GString *out, const char *name, const char *help)
{
  g_string_append_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void add_line(GString *out, const char *name, const char *labels, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf(out, "%s%s %s\n", name, labels, g_ascii_formatd(digits, sizeof(digits), "%.10g", value));
}

static void add_gauge(GString *out, const GstStructure *values, const char *field, const char *name, const char *help)
{
  gdouble value;

  if (!gst_structure_get_double(values, field, &value) || !isfinite(value))
    return;
  add_head(out, name, help);
  add_line(out, name, "", value);
}

static void add_zones(GString *out, const LusExamView *view)
{
  add_head(out, "lus_zone_frames", "Frames measured in each lung zone.");
  for (int i = 0; i < view->n_zones; i++) {
    g_autofree char *labels = g_strdup_printf("{zone=\"%s\"}", view->zones[i]);
    add_line(out, "lus_zone_frames", labels, view->frames[i]);
  }
  if (!lus_zone_known(view->zone))
    return;
  add_head(out, "lus_current_zone", "1 for the zone that is scanned now.");
  g_autofree char *labels = g_strdup_printf("{zone=\"%s\"}", view->zone);
  add_line(out, "lus_current_zone", labels, 1);
}

static void add_features(GString *out, const GstStructure *values)
{
  add_head(out, "lus_feature", "Lung features of the last frame measured.");
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    const LusFeatureInfo *info = lus_feature_info(i);
    g_autofree char *labels = g_strdup_printf("{feature=\"%s\",unit=\"%s\"}", info->name, info->unit);
    gdouble value;
    if (gst_structure_get_double(values, info->name, &value) && isfinite(value))
      add_line(out, "lus_feature", labels, value);
  }
}

char *gst_lus_values_to_metrics(const GstStructure *values, double now)
{
  GString *out = g_string_new("# " LUS_NOTICE "\n");
  LusExamView view;

  add_head(out, "lus_updated_timestamp_seconds", "When these values were written.");
  add_line(out, "lus_updated_timestamp_seconds", "", now);
  if (gst_lus_summary_get_exam(values, &view)) {
    add_head(out, "lus_exam_finished", "1 once the exam takes no more frames.");
    add_line(out, "lus_exam_finished", "", view.finished);
    add_zones(out, &view);
  }
  add_gauge(out, values, "sf", "lus_sf_ratio", "Estimated S/F ratio; missing where it is not valid.");
  add_gauge(out, values, "sf-low", "lus_sf_ratio_low", "Lower end of its 90 % interval.");
  add_gauge(out, values, "sf-high", "lus_sf_ratio_high", "Upper end of its 90 % interval.");
  add_gauge(out, values, "readmission", "lus_readmission_probability", "Estimated probability of readmission.");
  add_features(out, values);
  return g_string_free(out, FALSE);
}
