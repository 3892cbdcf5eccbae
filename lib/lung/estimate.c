/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/estimate.h"
#include "lung/heads-file.h"
#include "nn/error.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { PART_MEAN, PART_MAX, PART_LOWER, PART_N };
G_STATIC_ASSERT(PART_N * LUS_FEATURE_N == LUS_EXAM_INPUT_N);

static char input_names[LUS_EXAM_INPUT_N][40];
static pthread_once_t input_names_once = PTHREAD_ONCE_INIT;

static void make_input_names(void)
{
  static const char *const parts[PART_N] = {"mean", "max", "lower"};
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    g_snprintf(input_names[i], sizeof(input_names[i]), "%s.%s", lus_feature_info(i / PART_N)->name, parts[i % PART_N]);
}

const char *lus_exam_input_name(int index)
{
  g_return_val_if_fail(index >= 0 && index < LUS_EXAM_INPUT_N, NULL);
  pthread_once(&input_names_once, make_input_names);
  return input_names[index];
}

static gboolean has_frames(const LusZone *zone, int min_frames)
{
  return zone->frames > 0 && zone->frames >= min_frames;
}

gboolean lus_zone_at_hand(const LusZone *zone, int min_frames)
{
  return has_frames(zone, min_frames) && zone->pleura_frames >= (zone->frames + 9) / 10;
}

static gboolean is_lower(const char *zone)
{
  return g_str_equal(zone, "R3") || g_str_equal(zone, "L3");
}

void lus_exam_inputs(double out[LUS_EXAM_INPUT_N], const LusExam *exam, int min_frames)
{
  double sum[LUS_FEATURE_N] = {0}, lower_sum[LUS_FEATURE_N] = {0}, max[LUS_FEATURE_N];
  int n[LUS_FEATURE_N] = {0}, lower_n[LUS_FEATURE_N] = {0};
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    if (!lus_zone_at_hand(&zone, min_frames))
      continue;
    for (int f = 0; f < LUS_FEATURE_N; f++) {
      double value = zone.features[f];
      if (isnan(value))
        continue;
      max[f] = n[f] ? MAX(max[f], value) : value;
      sum[f] += value;
      n[f]++;
      lower_sum[f] += is_lower(zone.name) ? value : 0;
      lower_n[f] += is_lower(zone.name);
    }
  }
  for (int f = 0; f < LUS_FEATURE_N; f++) {
    double *parts = out + f * PART_N;
    parts[PART_MEAN] = n[f] ? sum[f] / n[f] : NAN;
    parts[PART_MAX] = n[f] ? max[f] : NAN;
    parts[PART_LOWER] = lower_n[f] ? lower_sum[f] / lower_n[f] : parts[PART_MEAN];
  }
}

/** How far the zones of an exam got. */
typedef struct {
  int seen, long_enough, at_hand;
} ZoneCounts;

static gboolean is_seen(const LusZone *zone, int min_frames)
{
  (void)min_frames;
  return zone->frames > 0;
}

static ZoneCounts count_zones(const LusExam *exam, int min_frames)
{
  ZoneCounts counts = {0};
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    counts.seen += is_seen(&zone, min_frames);
    counts.long_enough += has_frames(&zone, min_frames);
    counts.at_hand += lus_zone_at_hand(&zone, min_frames);
  }
  return counts;
}

typedef gboolean (*ZoneTest)(const LusZone *zone, int min_frames);

/** @what and the zones that pass @before (NULL: the expected ones) but not @after. */
static void list_zones(char *reason, gsize size, const char *what, ZoneTest before, ZoneTest after, const LusExam *exam,
                       int min_frames)
{
  g_strlcpy(reason, what, size);
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    gboolean listed = before ? before(&zone, min_frames) : i < lus_exam_n_expected(exam);
    if (!listed || after(&zone, min_frames))
      continue;
    g_strlcat(reason, " ", size);
    g_strlcat(reason, zone.name, size);
  }
}

/** FALSE with the reason when fewer zones than the head needs are at hand: the first hurdle that too many
 *  don't take. */
static gboolean check_zones(char *reason, gsize size, const LusHead *head, const LusExam *exam, int min_frames)
{
  ZoneCounts counts = count_zones(exam, min_frames);
  if (counts.seen < head->min_zones)
    list_zones(reason, size, "Zones missing", NULL, is_seen, exam, min_frames);
  else if (counts.long_enough < head->min_zones)
    list_zones(reason, size, "Too few frames", is_seen, has_frames, exam, min_frames);
  else if (counts.at_hand < head->min_zones)
    list_zones(reason, size, "No pleural line", has_frames, lus_zone_at_hand, exam, min_frames);
  return counts.at_hand >= head->min_zones;
}

/** NaN when an input lies outside the range the head was fitted on. An unknown input counts as the mean of the fit. */
static double apply_head(const LusHead *head, const double inputs[LUS_EXAM_INPUT_N])
{
  double value = head->intercept;
  for (int i = 0; i < head->n_inputs; i++) {
    const LusHeadInput *input = &head->inputs[i];
    double x = inputs[input->index], margin = head->range_margin * input->sd;
    if (isnan(x))
      continue;
    if (x < input->low - margin || x > input->high + margin)
      return NAN;
    value += input->weight * (x - input->mean) / input->sd;
  }
  return value;
}

static void estimate_sf(LusEstimateValue *out, const LusHead *head, const LusExam *exam, int min_frames)
{
  double inputs[LUS_EXAM_INPUT_N];
  if (!check_zones(out->reason, sizeof(out->reason), head, exam, min_frames))
    return;
  lus_exam_inputs(inputs, exam, min_frames);
  double value = apply_head(head, inputs);
  if (isnan(value)) {
    g_strlcpy(out->reason, "Outside trained range", sizeof(out->reason));
    return;
  }
  /* The inputs are means over zones, whose variance goes with 1 / zones. */
  double missing = MAX(1.0, (double)head->zones / count_zones(exam, min_frames).at_hand);
  double half_width = head->half_width * sqrt(missing);
  out->valid = TRUE;
  out->value = CLAMP(value, LUS_SF_MIN, LUS_SF_MAX);
  out->low = MAX(out->value - half_width, LUS_SF_MIN);
  out->high = MIN(out->value + half_width, LUS_SF_MAX);
}

static void invalidate(LusEstimateValue *value, const char *reason)
{
  *value = (LusEstimateValue){.value = NAN, .low = NAN, .high = NAN};
  g_strlcpy(value->reason, reason, sizeof(value->reason));
}

void lus_estimate(LusEstimate *out, const LusHeads *heads, const LusExam *exam, int min_frames,
                  const char *model_sha256)
{
  gboolean other_model = heads && (!model_sha256 || !g_str_equal(heads->model_sha256, model_sha256));
  const char *reason = other_model ? "Other model" : "No estimator";
  memset(out, 0, sizeof(*out));
  invalidate(&out->readmission, reason);
  g_strlcpy(out->change_reason, reason, sizeof(out->change_reason));
  for (int i = 0; i < 3; i++)
    out->change_probability[i] = NAN;
  invalidate(&out->sf, heads && !other_model ? "" : reason);
  if (heads && !other_model)
    estimate_sf(&out->sf, &heads->sf, exam, min_frames);
}

gboolean lus_sf_ratio(double *sf, double spo2_percent, double fio2, GError **error)
{
  if (!(spo2_percent > 0 && spo2_percent <= 100)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "SpO2 %g is not a percentage above 0, at most 100", spo2_percent);
    return FALSE;
  }
  if (!(fio2 >= 0.21 && fio2 <= 1)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "FiO2 %g is not a fraction from 0.21 (room air) to 1; give 0.4 for 40 %%", fio2);
    return FALSE;
  }
  double ratio = spo2_percent / fio2;
  if (ratio < LUS_SF_MIN || ratio > LUS_SF_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "S/F %.1f from SpO2 %g %% and FiO2 %g is outside %g to %g", ratio,
                spo2_percent, fio2, LUS_SF_MIN, LUS_SF_MAX);
    return FALSE;
  }
  *sf = ratio;
  return TRUE;
}

double lus_fio2_from_flow(double o2_l_min)
{
  return MIN(0.21 + 0.04 * o2_l_min, 0.9);
}
