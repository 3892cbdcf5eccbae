/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusvalues.h"
#include "gstluselements.h"

static void append_string(GValue *array, const char *string)
{
  GValue item = G_VALUE_INIT;

  g_value_init(&item, G_TYPE_STRING);
  g_value_set_string(&item, string);
  gst_value_array_append_and_take_value(array, &item);
}

GParamSpec *gst_lus_param_spec_strings(const char *name, const char *nick, const char *blurb, const char *item_blurb)
{
  GParamSpec *item = g_param_spec_string("item", "Item", item_blurb, NULL, GST_LUS_PARAM_FLAGS);

  return gst_param_spec_array(name, nick, blurb, item, GST_LUS_PARAM_FLAGS);
}

char **gst_lus_strings_from_value(const GValue *value)
{
  guint n = gst_value_array_get_size(value);
  GPtrArray *strings = g_ptr_array_new();

  for (guint i = 0; i < n; i++) {
    const GValue *item = gst_value_array_get_value(value, i);
    if (G_VALUE_HOLDS_STRING(item) && g_value_get_string(item))
      g_ptr_array_add(strings, g_value_dup_string(item));
  }
  g_ptr_array_add(strings, NULL);
  return (char **)g_ptr_array_free(strings, FALSE);
}

void gst_lus_strings_to_value(GValue *value, char *const *strings)
{
  for (; strings && *strings; strings++)
    append_string(value, *strings);
}

gboolean gst_lus_rect_from_value(LusRect *rect, const GValue *value)
{
  int numbers[4];

  if (gst_value_array_get_size(value) != 4)
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    const GValue *item = gst_value_array_get_value(value, i);
    if (!G_VALUE_HOLDS_INT(item))
      return FALSE;
    numbers[i] = g_value_get_int(item);
  }
  *rect = (LusRect){numbers[0], numbers[1], numbers[2], numbers[3]};
  return rect->x >= 0 && rect->y >= 0 && rect->width > 0 && rect->height > 0;
}

void gst_lus_rect_to_value(GValue *value, LusRect rect)
{
  const int numbers[4] = {rect.x, rect.y, rect.width, rect.height};

  for (int i = 0; rect.width > 0 && i < 4; i++) {
    GValue item = G_VALUE_INIT;
    g_value_init(&item, G_TYPE_INT);
    g_value_set_int(&item, numbers[i]);
    gst_value_array_append_and_take_value(value, &item);
  }
}

GstStructure *gst_lus_model_to_structure(const LusModel *model)
{
  const LusModelInfo *info = lus_model_info(model);
  GValue classes = G_VALUE_INIT;
  GstStructure *structure =
      gst_structure_new("lus-model", "path", G_TYPE_STRING, lus_model_path(model), "sha256", G_TYPE_STRING,
                        lus_model_sha256(model), "version", G_TYPE_STRING, info->version, "threshold", G_TYPE_DOUBLE,
                        (gdouble)info->threshold, "input-width", G_TYPE_INT, info->width, "input-height", G_TYPE_INT,
                        info->height, "input-channels", G_TYPE_INT, info->channels, "licence", G_TYPE_STRING,
                        info->licence, "training", G_TYPE_STRING, info->training, "probes", G_TYPE_STRING, info->probes,
                        NULL);

  g_value_init(&classes, GST_TYPE_ARRAY);
  for (int i = 0; i < info->n_classes; i++)
    append_string(&classes, info->classes[i]);
  gst_structure_take_value(structure, "classes", &classes);
  return structure;
}
