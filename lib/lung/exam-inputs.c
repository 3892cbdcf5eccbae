/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/heads-file.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { PART_MEAN, PART_MAX, PART_LOWER, PART_UPPER, PART_SIDES, PART_PEAK };
G_STATIC_ASSERT(PART_PEAK + 1 == LUS_EXAM_PARTS);
enum { INPUT_POSITIVE = LUS_EXAM_PARTS * LUS_FEATURE_N, INPUT_MISSING };
#define USUAL_ZONES 6
#define POSITIVE_LINES 3 /* that make a zone positive (Volpicelli et al. 2012) */

static const char *const usual[USUAL_ZONES] = {"R1", "R2", "R3", "L1", "L2", "L3"};
static char input_names[LUS_EXAM_INPUT_N][40];
static pthread_once_t input_names_once = PTHREAD_ONCE_INIT;

static void make_input_names(void)
{
  static const char *const parts[LUS_EXAM_PARTS] = {"mean", "max", "lower", "upper", "sides", "peak"};
  for (int i = 0; i < INPUT_POSITIVE; i++)
    g_snprintf(input_names[i], sizeof(input_names[i]), "%s.%s", lus_feature_info(i / LUS_EXAM_PARTS)->name,
               parts[i % LUS_EXAM_PARTS]);
  g_strlcpy(input_names[INPUT_POSITIVE], "zones.positive", sizeof(input_names[0]));
  for (int i = 0; i < USUAL_ZONES; i++)
    g_snprintf(input_names[INPUT_MISSING + i], sizeof(input_names[0]), "missing.%s", usual[i]);
}

const char *lus_exam_input_name(int index)
{
  g_return_val_if_fail(index >= 0 && index < LUS_EXAM_INPUT_N, NULL);
  pthread_once(&input_names_once, make_input_names);
  return input_names[index];
}

int lus_exam_input_from_name(const char *name)
{
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    if (g_str_equal(lus_exam_input_name(i), name))
      return i;
  return -1;
}

int lus_exam_input_water(int index)
{
  if (index >= INPUT_POSITIVE)
    return index == INPUT_POSITIVE;
  return index % LUS_EXAM_PARTS == PART_SIDES ? 0 : lus_feature_info(index / LUS_EXAM_PARTS)->water;
}

gboolean lus_exam_input_in_mm(int index)
{
  return index < INPUT_POSITIVE && g_str_equal(lus_feature_info(index / LUS_EXAM_PARTS)->unit, "mm");
}

gboolean lus_exam_input_is_missing(int index)
{
  return index >= INPUT_MISSING;
}

gboolean lus_zone_at_hand(const LusZone *zone, int min_frames)
{
  return zone->frames > 0 && zone->frames >= min_frames && zone->pleura_frames >= (zone->frames + 9) / 10;
}

guint lus_exam_at_hand(const LusExam *exam, int min_frames)
{
  guint mask = 0;
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    mask |= lus_zone_at_hand(&zone, min_frames) ? 1u << i : 0;
  }
  return mask;
}

int lus_zones_count(guint mask)
{
  int n = 0;
  for (; mask; mask &= mask - 1)
    n++;
  return n;
}

char **lus_exam_zones_at_hand(const LusExam *exam, int min_frames)
{
  guint mask = lus_exam_at_hand(exam, min_frames);
  char **names = g_new0(char *, (gsize)lus_zones_count(mask) + 1);
  for (int i = 0, n = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    if (mask >> i & 1)
      names[n++] = g_strdup(zone.name);
  }
  return names;
}

/** The zones that go into the inputs: those at hand, and those that the profile completes. */
typedef struct {
  int n, n_seen;                      /* the first n_seen are at hand */
  LusZone zones[2 * LUS_MAX_ZONES];
} Zones;

static int find_zone(const LusZoneProfile *profile, const char *name)
{
  for (int i = 0; profile && i < profile->n; i++)
    if (g_str_equal(profile->zones[i], name))
      return i;
  return -1;
}

/** Mean over the zones at hand of how far they lie from the profile, added to the profile of the missing zone. */
static double complete(const Zones *zones, const LusZoneProfile *profile, int missing, int feature, gboolean peak)
{
  double sum = 0;
  int n = 0;
  for (int i = 0; i < zones->n_seen; i++) {
    int at = find_zone(profile, zones->zones[i].name);
    double value = peak ? zones->zones[i].peaks[feature] : zones->zones[i].features[feature];
    double usually = at < 0 ? NAN : peak ? profile->peaks[at][feature] : profile->features[at][feature];
    if (isnan(value) || isnan(usually))
      continue;
    sum += value - usually;
    n++;
  }
  return n ? sum / n + (peak ? profile->peaks[missing][feature] : profile->features[missing][feature]) : NAN;
}

static gboolean is_seen(const Zones *zones, const char *name)
{
  for (int i = 0; i < zones->n_seen; i++)
    if (g_str_equal(zones->zones[i].name, name))
      return TRUE;
  return FALSE;
}

/** Puts the profile in the place of what the zone showed. */
static void make_usual(LusZone *zone, const LusZoneProfile *profile)
{
  int at = find_zone(profile, zone->name);
  if (at < 0)
    return;
  memcpy(zone->features, profile->features[at], sizeof(zone->features));
  memcpy(zone->peaks, profile->peaks[at], sizeof(zone->peaks));
}

static void gather(Zones *zones, const LusExam *exam, const LusZoneProfile *profile, guint mask, int min_frames,
                   int replaced)
{
  zones->n = 0;
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone *zone = &zones->zones[zones->n];
    lus_exam_get_zone(exam, i, zone);
    if (!(mask >> i & 1) || !lus_zone_at_hand(zone, min_frames))
      continue;
    if (i == replaced)
      make_usual(zone, profile);
    zones->n++;
  }
  zones->n_seen = zones->n;
  for (int p = 0; profile && p < profile->n; p++) {
    if (is_seen(zones, profile->zones[p]))
      continue;
    LusZone *zone = &zones->zones[zones->n++];
    *zone = (LusZone){.frames = 0};
    g_strlcpy(zone->name, profile->zones[p], LUS_ZONE_LENGTH);
    for (int f = 0; f < LUS_FEATURE_N; f++) {
      zone->features[f] = complete(zones, profile, p, f, FALSE);
      zone->peaks[f] = complete(zones, profile, p, f, TRUE);
    }
  }
}

/** A mean in the making. */
typedef struct {
  double sum;
  int n;
} Mean;

static void add(Mean *mean, double value, gboolean belongs)
{
  if (isnan(value) || !belongs)
    return;
  mean->sum += value;
  mean->n++;
}

static double result(const Mean *mean, double otherwise)
{
  return mean->n ? mean->sum / mean->n : otherwise;
}

static void reduce(double parts[LUS_EXAM_PARTS], const Zones *zones, int f)
{
  Mean all = {0}, lower = {0}, upper = {0}, right = {0}, left = {0}, peak = {0};
  double largest = NAN;
  for (int i = 0; i < zones->n; i++) {
    const LusZone *zone = &zones->zones[i];
    double value = zone->features[f];
    add(&all, value, TRUE);
    add(&lower, value, zone->name[1] == '3');
    add(&upper, value, zone->name[1] == '1');
    add(&right, value, zone->name[0] == 'R');
    add(&left, value, zone->name[0] == 'L');
    add(&peak, zone->peaks[f], TRUE);
    largest = fmax(largest, value);
  }
  parts[PART_MEAN] = result(&all, NAN);
  parts[PART_MAX] = largest;
  parts[PART_LOWER] = result(&lower, parts[PART_MEAN]);
  parts[PART_UPPER] = result(&upper, parts[PART_MEAN]);
  parts[PART_SIDES] = fabs(result(&right, NAN) - result(&left, NAN));
  parts[PART_PEAK] = result(&peak, NAN);
}

void lus_exam_inputs_replacing(double out[LUS_EXAM_INPUT_N], const LusExam *exam, const LusZoneProfile *profile,
                               guint mask, int min_frames, int replaced)
{
  Zones zones;
  Mean positive = {0};
  gather(&zones, exam, profile, mask, min_frames, replaced);
  for (int f = 0; f < LUS_FEATURE_N; f++)
    reduce(out + f * LUS_EXAM_PARTS, &zones, f);
  for (int i = 0; i < zones.n_seen; i++) {
    double lines = zones.zones[i].features[LUS_FEATURE_VERTICAL_COUNT];
    add(&positive, isnan(lines) ? NAN : lines >= POSITIVE_LINES ? 100 : 0, TRUE);
  }
  out[INPUT_POSITIVE] = result(&positive, NAN);
  for (int i = 0; i < USUAL_ZONES; i++)
    out[INPUT_MISSING + i] = is_seen(&zones, usual[i]) ? 0 : 1;
}

void lus_exam_inputs(double out[LUS_EXAM_INPUT_N], const LusExam *exam, const LusZoneProfile *profile, guint mask,
                     int min_frames)
{
  lus_exam_inputs_replacing(out, exam, profile, mask, min_frames, -1);
}
