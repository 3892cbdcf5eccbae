/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/target.h"
#include "nn/error.h"

#include <string.h>

#define DEFAULT_LEVEL 60.0

static float threshold_value(int percent, double level)
{
  return lus_target_positive((guint8)percent, level) ? 1.0f : 0.0f;
}

static float soft_value(int percent, double level)
{
  (void)level;
  return (float)percent / 100.0f;
}

static const struct {
  const char *name;
  gboolean has_level;
  float (*value)(int percent, double level); /* of 0..100 percent */
} methods[LUS_TARGET_N] = {
  [LUS_TARGET_THRESHOLD] = {"threshold", TRUE, threshold_value},
  [LUS_TARGET_SOFT] = {"soft", FALSE, soft_value},
};

gboolean lus_target_positive(guint8 percent, double level)
{
  return percent > 0 && percent <= 100 && percent >= level;
}

static gboolean parse_level(LusTarget *target, const char *text, const char *number, GError **error)
{
  char *end = NULL;
  target->level = g_ascii_strtod(number, &end);
  if (end != number && *end == 0 && target->level >= 0 && target->level <= 100)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "target '%s': '%s' is not a level of 0 to 100 percent; write threshold:60", text, number);
  return FALSE;
}

gboolean lus_target_parse(LusTarget *target, const char *text, GError **error)
{
  const char *colon = strchr(text, ':');
  gsize length = colon ? (gsize)(colon - text) : strlen(text);
  for (int i = 0; i < LUS_TARGET_N; i++) {
    if (strlen(methods[i].name) != length || strncmp(text, methods[i].name, length) != 0)
      continue;
    *target = (LusTarget){.method = (LusTargetMethod)i, .level = DEFAULT_LEVEL};
    if (!colon)
      return TRUE;
    if (methods[i].has_level)
      return parse_level(target, text, colon + 1, error);
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "target '%s': '%s' takes no level; write %s", text,
                methods[i].name, methods[i].name);
    return FALSE;
  }
  g_autoptr(GString) known = g_string_new(NULL);
  for (int i = 0; i < LUS_TARGET_N; i++)
    g_string_append_printf(known, "%s%s%s", i ? ", " : "", methods[i].name, methods[i].has_level ? ":PERCENT" : "");
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "target '%s' is unknown; known are: %s", text, known->str);
  return FALSE;
}

char *lus_target_to_string(const LusTarget *target)
{
  if (!methods[target->method].has_level)
    return g_strdup(methods[target->method].name);
  char level[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(level, sizeof level, "%.6g", target->level);
  return g_strdup_printf("%s:%s", methods[target->method].name, level);
}

void lus_target_apply(float *target, float *weight, const guint8 *percents, gsize n, const LusTarget *method)
{
  float value[256] = {0}, known[256] = {0};
  for (int p = 0; p <= 100; p++) {
    value[p] = methods[method->method].value(p, method->level);
    known[p] = 1.0f;
  }
  for (gsize i = 0; i < n; i++) {
    target[i] = value[percents[i]];
    weight[i] = known[percents[i]];
  }
}
