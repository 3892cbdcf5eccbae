/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/estimate-internal.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define Z90 1.6448536 /* of the normal distribution: 90 % lie within */

static gboolean has_frames(const LusZone *zone, int min_frames)
{
  return zone->frames > 0 && zone->frames >= min_frames;
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

/** Of the first @n zones. */
static ZoneCounts count_zones(const LusExam *exam, int n, int min_frames)
{
  ZoneCounts counts = {0};
  for (int i = 0; i < n; i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    counts.seen += is_seen(&zone, min_frames);
    counts.long_enough += has_frames(&zone, min_frames);
    counts.at_hand += lus_zone_at_hand(&zone, min_frames);
  }
  return counts;
}

typedef gboolean (*ZoneTest)(const LusZone *zone, int min_frames);

/** @what and the zones that pass @before (NULL: the expected ones) but not @after. How many they are. */
static int list_zones(char *reason, gsize size, const char *what, ZoneTest before, ZoneTest after, const LusExam *exam,
                      int min_frames)
{
  int listed = 0;
  g_strlcpy(reason, what, size);
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    gboolean asked = before ? before(&zone, min_frames) : i < lus_exam_n_expected(exam);
    if (!asked || after(&zone, min_frames))
      continue;
    g_strlcat(reason, " ", size);
    g_strlcat(reason, zone.name, size);
    listed++;
  }
  return listed;
}

static gboolean has_zone(const LusExam *exam, const char *name)
{
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    if (g_str_equal(zone.name, name))
      return TRUE;
  }
  return FALSE;
}

/** Names the zones that are missing: the expected ones without frames and, where an exam expects fewer than the head
 *  needs, those of the fit that it does not have; where that tells no zone, how many are needed. */
static void list_missing(char *reason, gsize size, int needed, int seen, const LusZoneProfile *profile,
                         const LusExam *exam, int min_frames)
{
  int listed = list_zones(reason, size, "Zones missing", NULL, is_seen, exam, min_frames);
  gboolean enough = seen + listed >= needed;
  for (int p = 0; !enough && p < profile->n; p++) {
    if (has_zone(exam, profile->zones[p]))
      continue;
    g_strlcat(reason, " ", size);
    g_strlcat(reason, profile->zones[p], size);
    listed++;
  }
  if (!listed)
    g_snprintf(reason, size, "Needs %d zones", needed);
}

/** FALSE with the reason when fewer than @needed zones are at hand: the first hurdle that too many don't take. While the
 *  exam goes on, zones beyond the expected ones stand in for none of these. */
static gboolean check_zones(char *reason, gsize size, int needed, const LusHeads *heads, const LusEstimateQuery *q)
{
  const LusExam *exam = q->exam;
  const int min_frames = q->min_frames, n_expected = lus_exam_n_expected(exam);
  ZoneCounts counts =
    count_zones(exam, q->running && needed <= n_expected ? n_expected : lus_exam_n_zones(exam), min_frames);
  if (counts.seen < needed)
    list_missing(reason, size, needed, counts.seen, &heads->profile, exam, min_frames);
  else if (counts.long_enough < needed)
    list_zones(reason, size, "Too few frames", is_seen, has_frames, exam, min_frames);
  else if (counts.at_hand < needed)
    list_zones(reason, size, "No pleural line", has_frames, lus_zone_at_hand, exam, min_frames);
  return counts.at_hand >= needed;
}

double lus_head_predict(const LusHead *head, const LusHeadValues *values)
{
  double value = head->intercept;
  for (int i = 0; i < head->n_inputs; i++) {
    const LusHeadInput *input = &head->inputs[i];
    double x = input->difference ? values->difference[input->index] : values->level[input->index];
    if (!isnan(x))
      value += input->weight * (CLAMP(x, input->low, input->high) - input->mean) / input->sd;
  }
  return value;
}

gboolean lus_head_in_range(const LusHead *head, const LusHeadValues *values)
{
  for (int i = 0; i < head->n_inputs; i++) {
    const LusHeadInput *input = &head->inputs[i];
    double x = input->difference ? values->difference[input->index] : values->level[input->index];
    double margin = head->range_margin * input->sd;
    if (!isnan(x) && fabs(input->weight) > 0 && (x < input->low - margin || x > input->high + margin))
      return FALSE;
  }
  return TRUE;
}

const LusHeadZones *lus_head_zones(const LusHead *head, int at_hand)
{
  return &head->by_zones[CLAMP(at_hand, 1, head->zones) - 1];
}

static double logistic(double x)
{
  return 1 / (1 + exp(-x));
}

int lus_head_change(double probability[LUS_CHANGE_N], const LusHeadZones *zones, double predictor)
{
  double below = 0, at = zones->slope * predictor;
  int best = 0;
  for (int j = 0; j < LUS_CHANGE_N; j++) {
    double up_to = j < LUS_CHANGE_N - 1 ? logistic(zones->cuts[j] - at) : 1;
    probability[j] = MAX(0.0, up_to - below);
    below = MAX(below, up_to);
    best = probability[j] > probability[best] ? j : best;
  }
  if (!zones->has_borders)
    return best;
  return at <= zones->borders[0] ? 0 : at < zones->borders[1] ? 1 : 2;
}

guint lus_query_common_zones(const LusEstimateQuery *q)
{
  guint mask = 0, here = lus_exam_at_hand(q->exam, q->min_frames), there = lus_exam_at_hand(q->baseline, q->min_frames);
  for (int i = 0; i < lus_exam_n_zones(q->exam); i++)
    for (int j = 0; j < lus_exam_n_zones(q->baseline); j++) {
      LusZone a, b;
      lus_exam_get_zone(q->exam, i, &a);
      lus_exam_get_zone(q->baseline, j, &b);
      if ((here >> i & 1) && (there >> j & 1) && g_str_equal(a.name, b.name))
        mask |= 1u << i;
    }
  return mask;
}

/** The bits of @mask, which are of @from's zones, as bits of @to's. */
static guint same_zones(const LusExam *to, const LusExam *from, guint mask)
{
  guint out = 0;
  for (int i = 0; i < lus_exam_n_zones(from); i++)
    for (int j = 0; j < lus_exam_n_zones(to); j++) {
      LusZone a, b;
      lus_exam_get_zone(from, i, &a);
      lus_exam_get_zone(to, j, &b);
      if ((mask >> i & 1) && g_str_equal(a.name, b.name))
        out |= 1u << j;
    }
  return out;
}

void lus_head_values(LusHeadValues *values, const LusHeads *heads, const LusEstimateQuery *q, guint mask, int replaced)
{
  lus_exam_inputs_replacing(values->level, q->exam, &heads->profile, mask, q->min_frames, replaced);
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    values->difference[i] = NAN;
  guint common = q->baseline ? lus_query_common_zones(q) & mask : 0;
  if (!common)
    return;
  double now[LUS_EXAM_INPUT_N], before[LUS_EXAM_INPUT_N];
  lus_exam_inputs_replacing(now, q->exam, &heads->profile, common, q->min_frames, replaced);
  lus_exam_inputs(before, q->baseline, &heads->profile, same_zones(q->baseline, q->exam, common), q->min_frames);
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    values->difference[i] = now[i] - before[i];
}

static void invalidate(LusEstimateValue *value, const char *reason)
{
  *value = (LusEstimateValue){.value = NAN, .low = NAN, .high = NAN};
  g_strlcpy(value->reason, reason, sizeof(value->reason));
}

static void set_sf(LusEstimateValue *out, const LusHeadZones *zones, double predictor)
{
  out->valid = TRUE;
  out->value = CLAMP(zones->offset + zones->slope * predictor, LUS_SF_MIN, LUS_SF_MAX);
  out->low = MAX(out->value - zones->half_width, LUS_SF_MIN);
  out->high = MIN(out->value + zones->half_width, LUS_SF_MAX);
}

static void set_readmission(LusEstimateValue *out, const LusHeadZones *zones, double e)
{
  double log_odds = zones->offset + zones->slope * e;
  double variance = zones->variance[0] + 2 * zones->variance[1] * e + zones->variance[2] * e * e;
  double reach = Z90 * sqrt(MAX(variance, 0.0));
  out->valid = TRUE;
  out->value = logistic(log_odds);
  out->low = logistic(log_odds - reach);
  out->high = logistic(log_odds + reach);
}

static void set_change(LusEstimate *out, const LusHeadZones *zones, double predictor)
{
  out->change_class = lus_head_change(out->change_probability, zones, predictor) - 1;
  out->change_valid = TRUE;
}

/** Before the first result the model is unknown, and nothing is wrong yet. */
static gboolean is_other_model(const LusHeads *heads, const LusEstimateQuery *q)
{
  if (q->model_sha256)
    return !lus_heads_suit(heads, q->model_sha256);
  return count_zones(q->exam, lus_exam_n_zones(q->exam), q->min_frames).seen > 0;
}

/** What stands in the way of a head's number, as a reason; NULL: nothing so far. */
static const char *find_obstacle(const LusHeads *heads, LusTask task, const LusEstimateQuery *q)
{
  if (!heads)
    return "No estimator";
  if (is_other_model(heads, q))
    return "Other model";
  if (heads->heads[task].n_inputs == 0)
    return "No estimator";
  if (task == LUS_TASK_CHANGE && !q->baseline)
    return "No earlier exam";
  if (task == LUS_TASK_CHANGE && q->baseline_model && !lus_heads_suit(heads, q->baseline_model))
    return "Other model";
  return NULL;
}

static void estimate_task(LusEstimate *out, LusEstimateValue *value, const LusHeads *heads, LusTask task,
                          const LusEstimateQuery *q)
{
  const LusHead *head = &heads->heads[task];
  LusHeadValues values;
  guint mask = lus_exam_at_hand(q->exam, q->min_frames);
  int needed = q->running ? MAX(head->min_zones, MIN(head->zones, lus_exam_n_expected(q->exam))) : head->min_zones;
  if (!check_zones(value->reason, sizeof(value->reason), needed, heads, q))
    return;
  if (task == LUS_TASK_CHANGE)
    mask = lus_query_common_zones(q);
  if (lus_zones_count(mask) < head->min_zones) {
    g_strlcpy(value->reason, "No earlier exam of these zones", sizeof(value->reason));
    return;
  }
  lus_head_values(&values, heads, q, mask, -1);
  if (!lus_head_in_range(head, &values)) {
    g_strlcpy(value->reason, "Outside trained range", sizeof(value->reason));
    return;
  }
  const LusHeadZones *zones = lus_head_zones(head, lus_zones_count(mask));
  double predictor = lus_head_predict(head, &values);
  if (task == LUS_TASK_SF)
    set_sf(&out->sf, zones, predictor);
  else if (task == LUS_TASK_READMISSION)
    set_readmission(&out->readmission, zones, predictor);
  else
    set_change(out, zones, predictor);
}

/** The running estimate of each zone: as if it were the only one at hand. */
static void estimate_zones(LusEstimate *out, const LusHeads *heads, const LusEstimateQuery *q)
{
  const LusHead *head = &heads->heads[LUS_TASK_SF];
  guint mask = lus_exam_at_hand(q->exam, q->min_frames);
  for (int i = 0; i < lus_exam_n_zones(q->exam); i++) {
    LusHeadValues values;
    LusEstimateValue value;
    if (!(mask >> i & 1))
      continue;
    lus_head_values(&values, heads, q, 1u << i, -1);
    set_sf(&value, lus_head_zones(head, 1), lus_head_predict(head, &values));
    out->zone_sf[i] = value.value;
  }
}

void lus_estimate(LusEstimate *out, const LusHeads *heads, const LusEstimateQuery *query)
{
  LusEstimateValue change, *values[LUS_TASK_N] = {&out->sf, &change, &out->readmission};
  LusEstimateQuery q = *query;
  memset(out, 0, sizeof(*out));
  for (int i = 0; i < LUS_CHANGE_N; i++)
    out->change_probability[i] = NAN;
  for (int i = 0; i < LUS_MAX_ZONES; i++)
    out->zone_sf[i] = NAN;
  if (heads && q.baseline_model && !lus_heads_suit(heads, q.baseline_model))
    q.baseline = NULL;
  for (int task = 0; task < LUS_TASK_N; task++) {
    const char *obstacle = find_obstacle(heads, (LusTask)task, query);
    invalidate(values[task], obstacle ? obstacle : "");
    if (!obstacle)
      estimate_task(out, values[task], heads, (LusTask)task, &q);
    if (!obstacle && task == LUS_TASK_SF)
      estimate_zones(out, heads, &q);
  }
  g_strlcpy(out->change_reason, out->change_valid ? "" : change.reason, sizeof(out->change_reason));
}

gboolean lus_heads_contributions(LusContributions *out, const LusHeads *heads, LusTask task, const LusEstimateQuery *q)
{
  const LusHead *head = &heads->heads[task];
  LusHeadValues values;
  guint mask = task == LUS_TASK_CHANGE && q->baseline ? lus_query_common_zones(q) : lus_exam_at_hand(q->exam, q->min_frames);
  *out = (LusContributions){.other = 0};
  if (head->n_inputs == 0 || !mask)
    return FALSE;
  double slope = lus_head_zones(head, lus_zones_count(mask))->slope;
  lus_head_values(&values, heads, q, mask, -1);
  double all = lus_head_predict(head, &values);
  out->other = slope * (all - head->intercept);
  for (int i = 0; i < lus_exam_n_zones(q->exam); i++) {
    if (!(mask >> i & 1))
      continue;
    lus_head_values(&values, heads, q, mask, i);
    out->zones[i] = slope * (all - lus_head_predict(head, &values));
    out->other -= out->zones[i];
  }
  return TRUE;
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
