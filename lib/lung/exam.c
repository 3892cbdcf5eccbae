/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/exam.h"
#include "lung/feature-stats.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define DEFAULT_ZONES "R1,R2,R3,L1,L2,L3"

#define PEAK 0.9

/** Clips that are over: sums weighted by the frames on which each feature is known. */
typedef struct {
  double features[LUS_FEATURE_N], peaks[LUS_FEATURE_N];
  gint64 known[LUS_FEATURE_N];
} Clips;

typedef struct {
  char name[LUS_ZONE_LENGTH];
  int frames, pleura_frames;
  Clips over;
  LusFeatureStats *clip; /* the one that is running; NULL: no frame yet */
  LusZone *known;        /* what it all comes to, once asked for; frames -1: to be found anew */
  GPtrArray *clips;      /* char*, NULL-terminated */
} Zone;

struct _LusExam {
  int n_expected, n_zones;
  Zone zones[LUS_MAX_ZONES];
};

gboolean lus_zone_known(const char *name)
{
  if ((name[0] != 'R' && name[0] != 'L') || name[1] < '1' || name[1] > '6')
    return FALSE;
  return name[2] == 0 || (name[1] == '4' && g_str_equal(name + 2, "V"));
}

static int find_zone(const LusExam *exam, const char *name)
{
  for (int i = 0; i < exam->n_zones; i++)
    if (g_ascii_strcasecmp(exam->zones[i].name, name) == 0)
      return i;
  return -1;
}

/** A new zone behind the others; there must be room. */
static int append_zone(LusExam *exam, const char *name)
{
  Zone *zone = &exam->zones[exam->n_zones];
  g_strlcpy(zone->name, name, LUS_ZONE_LENGTH);
  zone->clips = g_ptr_array_new_with_free_func(g_free);
  zone->known = g_new0(LusZone, 1);
  zone->known->frames = -1;
  g_ptr_array_add(zone->clips, NULL);
  return exam->n_zones++;
}

static void clear_zone(Zone *zone)
{
  lus_feature_stats_free(zone->clip);
  g_free(zone->known);
  g_ptr_array_unref(zone->clips);
  memset(zone, 0, sizeof(*zone));
}

static gboolean add_expected(LusExam *exam, const char *name, const char *list, GError **error)
{
  const char *problem = NULL;
  if (*name == 0)
    problem = "a name is empty";
  else if (strlen(name) >= LUS_ZONE_LENGTH)
    problem = "a name is longer than 7 letters";
  else if (find_zone(exam, name) >= 0)
    problem = "a name stands there twice";
  else if (exam->n_zones == LUS_MAX_ZONES)
    problem = "more than 16 zones";
  if (problem) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "zones '%s': %s; expected a list like %s", list, problem,
                DEFAULT_ZONES);
    return FALSE;
  }
  g_autofree char *capitals = g_ascii_strup(name, -1);
  append_zone(exam, lus_zone_known(capitals) ? capitals : name);
  return TRUE;
}

LusExam *lus_exam_new(const char *zones, GError **error)
{
  g_autoptr(LusExam) exam = g_new0(LusExam, 1);
  const char *list = zones ? zones : DEFAULT_ZONES;
  g_auto(GStrv) names = g_strsplit(list, ",", LUS_MAX_ZONES + 2);
  if (!names[0]) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "zones: the list is empty; expected one like %s", DEFAULT_ZONES);
    return NULL;
  }
  for (int i = 0; names[i]; i++)
    if (!add_expected(exam, g_strstrip(names[i]), list, error))
      return NULL;
  exam->n_expected = exam->n_zones;
  return g_steal_pointer(&exam);
}

void lus_exam_free(LusExam *exam)
{
  if (!exam)
    return;
  for (int i = 0; i < exam->n_zones; i++)
    clear_zone(&exam->zones[i]);
  g_free(exam);
}

void lus_exam_reset(LusExam *exam)
{
  int n = exam->n_zones;
  exam->n_zones = 0;
  for (int i = 0; i < n; i++) {
    char name[LUS_ZONE_LENGTH];
    g_strlcpy(name, exam->zones[i].name, LUS_ZONE_LENGTH);
    clear_zone(&exam->zones[i]);
    if (i < exam->n_expected)
      append_zone(exam, name);
  }
}

int lus_exam_zone(LusExam *exam, const char *name)
{
  int index = find_zone(exam, name);
  if (index >= 0)
    return index;
  if (!lus_zone_known(name) || exam->n_zones == LUS_MAX_ZONES)
    return -1;
  return append_zone(exam, name);
}

void lus_exam_add_frame(LusExam *exam, int zone, const double features[LUS_FEATURE_N])
{
  g_return_if_fail(zone >= 0 && zone < exam->n_zones);
  Zone *z = &exam->zones[zone];
  if (!z->clip)
    z->clip = lus_feature_stats_new();
  z->frames++;
  z->known->frames = -1;
  z->pleura_frames += !isnan(features[LUS_FEATURE_PLEURA_DEPTH]);
  lus_feature_stats_add(z->clip, features);
}

static void add_to_clips(Clips *clips, LusFeature feature, double value, double peak, int known)
{
  if (isnan(value) || isnan(peak) || known == 0)
    return;
  clips->features[feature] += value * known;
  clips->peaks[feature] += peak * known;
  clips->known[feature] += known;
}

/** The clips that are over, and the one that is running. */
static Clips all_clips(const Zone *zone)
{
  Clips all = zone->over;
  for (int i = 0; zone->clip && i < LUS_FEATURE_N; i++)
    add_to_clips(&all, (LusFeature)i, lus_feature_stats_percentile(zone->clip, (LusFeature)i, 0.5),
                 lus_feature_stats_percentile(zone->clip, (LusFeature)i, PEAK),
                 lus_feature_stats_known(zone->clip, (LusFeature)i));
  return all;
}

void lus_exam_add_measured(LusExam *exam, int zone, const LusZone *measured)
{
  g_return_if_fail(zone >= 0 && zone < exam->n_zones);
  Zone *z = &exam->zones[zone];
  z->known->frames = -1;
  z->frames = (int)MIN((gint64)z->frames + measured->frames, G_MAXINT);
  z->pleura_frames = (int)MIN((gint64)z->pleura_frames + measured->pleura_frames, G_MAXINT);
  for (int i = 0; i < LUS_FEATURE_N; i++)
    add_to_clips(&z->over, (LusFeature)i, measured->features[i], measured->peaks[i],
                 lus_feature_info((LusFeature)i)->needs_pleura ? measured->pleura_frames : measured->frames);
}

void lus_exam_add_clip(LusExam *exam, int zone, const char *clip)
{
  g_return_if_fail(zone >= 0 && zone < exam->n_zones);
  Zone *z = &exam->zones[zone];
  g_ptr_array_insert(z->clips, (gint)z->clips->len - 1, g_strdup(clip));
  z->over = all_clips(z);
  z->known->frames = -1;
  if (z->clip)
    lus_feature_stats_clear(z->clip);
}

const char *const *lus_exam_clips(const LusExam *exam, int zone)
{
  g_return_val_if_fail(zone >= 0 && zone < exam->n_zones, NULL);
  return (const char *const *)exam->zones[zone].clips->pdata;
}

int lus_exam_n_zones(const LusExam *exam)
{
  return exam->n_zones;
}

int lus_exam_n_expected(const LusExam *exam)
{
  return exam->n_expected;
}

static void find_features(LusZone *out, const Zone *zone)
{
  Clips all = all_clips(zone);
  g_strlcpy(out->name, zone->name, LUS_ZONE_LENGTH);
  out->frames = zone->frames;
  out->pleura_frames = zone->pleura_frames;
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    out->features[i] = all.known[i] > 0 ? all.features[i] / (double)all.known[i] : NAN;
    out->peaks[i] = all.known[i] > 0 ? all.peaks[i] / (double)all.known[i] : NAN;
  }
}

void lus_exam_get_zone(const LusExam *exam, int index, LusZone *out)
{
  g_return_if_fail(index >= 0 && index < exam->n_zones);
  const Zone *zone = &exam->zones[index];
  if (zone->known->frames < 0)
    find_features(zone->known, zone);
  *out = *zone->known;
}

/** The next part of a file name made of letters and digits; its length, 0 at the end. */
static gsize next_part(const char **part, const char *from)
{
  while (*from && !g_ascii_isalnum(*from))
    from++;
  *part = from;
  while (g_ascii_isalnum(*from))
    from++;
  return (gsize)(from - *part);
}

static gboolean zone_from_part(char *out, const char *part, gsize length)
{
  if (length == 0 || length >= LUS_ZONE_LENGTH)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    out[i] = g_ascii_toupper(part[i]);
  out[length] = 0;
  return lus_zone_known(out);
}

/** Finds the one zone named; *at its place in @base. */
static gboolean find_zone_part(char *out, const char **at, const char *base)
{
  gboolean found = FALSE;
  const char *part;
  for (gsize length = next_part(&part, base); length > 0; length = next_part(&part, part + length)) {
    char zone[LUS_ZONE_LENGTH];
    if (!zone_from_part(zone, part, length))
      continue;
    if (found && !g_str_equal(zone, out))
      return FALSE;
    g_strlcpy(out, zone, LUS_ZONE_LENGTH);
    *at = part;
    found = TRUE;
  }
  return found;
}

gboolean lus_zone_from_name(char *out, const char *file_name)
{
  g_autofree char *base = g_path_get_basename(file_name);
  char zone[LUS_ZONE_LENGTH];
  const char *at;
  if (!find_zone_part(zone, &at, base))
    return FALSE;
  g_strlcpy(out, zone, LUS_ZONE_LENGTH);
  return TRUE;
}

/** The last part of the form d1..d9999; its place, or NULL. */
static const char *find_day_part(int *day, const char *base)
{
  const char *part, *at = NULL;
  for (gsize length = next_part(&part, base); length > 0; length = next_part(&part, part + length)) {
    if ((*part != 'd' && *part != 'D') || length < 2 || length > 5)
      continue;
    int value = 0;
    gsize i = 1;
    for (; i < length && g_ascii_isdigit(part[i]); i++)
      value = 10 * value + (part[i] - '0');
    if (i < length)
      continue;
    *day = value;
    at = part;
  }
  return at;
}

void lus_clip_name_parse(LusClipName *out, const char *file_name)
{
  g_autofree char *base = g_path_get_basename(file_name);
  *out = (LusClipName){.day = -1};
  const char *zone_at = NULL, *day_at = find_day_part(&out->day, base);
  if (!find_zone_part(out->zone, &zone_at, base)) {
    out->zone[0] = 0;
    zone_at = NULL;
  }
  const char *end = day_at ? day_at : zone_at;
  if (!end)
    return;
  gsize length = (gsize)(end - base);
  while (length > 0 && !g_ascii_isalnum(base[length - 1]))
    length--;
  g_strlcpy(out->patient, base, MIN(length + 1, sizeof(out->patient)));
}
