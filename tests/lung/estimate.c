/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/estimate.h"
#include "nn/error.h"
#include "nn/file.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_SHA "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MIN_FRAMES 10

/* S/F = 300 - 4 (vertical_percent.mean - 30), at 100 % breaks: 0 (weight 0); interval +-50 with six zones, +-60 with four or
 * five. Change: log odds of a class no higher -1 and 1, less 0.1 per % that vertical_percent fell. Readmission: log odds
 * -1 + 0.05 (vertical_percent.mean - 30), standard deviation 0.1. */
#define INPUT(name, of, mean, sd, low, high, weight) \
  "{\"name\":\"" name "\",\"of\":\"" of "\",\"mean\":" mean ",\"sd\":" sd ",\"low\":" low ",\"high\":" high ",\"weight\":" weight "}"
#define INPUT_A INPUT("vertical_percent.mean", "level", "30", "10", "5", "60", "-40")
#define INPUT_B INPUT("pleura_depth.max", "level", "20", "2.5", "15", "25", "0")
#define LINE(half_width) "{\"offset\":0,\"slope\":1,\"half_width\":" half_width "}"
#define SIX(line) line "," line "," line "," line "," line "," line
#define TAIL "\"range_margin\":1,\"zones\":6,\"min_zones\":4,\"fit\":{\"cases\":20}}"
#define SF \
  "{\"inputs\":[" INPUT_A "," INPUT_B "],\"intercept\":300,\"by_zones\":[" LINE("90") "," LINE("80") "," LINE("70") "," \
  LINE("60") "," LINE("60") "," LINE("50") "]," TAIL
#define CHANGE \
  "{\"inputs\":[" INPUT("vertical_percent.mean", "difference", "0", "10", "-50", "50", "-1") "],\"intercept\":0," \
  "\"by_zones\":[" SIX("{\"cuts\":[-1,1],\"slope\":1}") "]," TAIL
#define READMISSION \
  "{\"inputs\":[" INPUT("vertical_percent.mean", "level", "30", "10", "5", "60", "0.5") "],\"intercept\":0," \
  "\"by_zones\":[" SIX("{\"offset\":-1,\"slope\":1,\"variance\":[0.01,0,0]}") "]," TAIL
#define PROFILE "\"profile\":{\"R1\":{\"features\":{\"vertical_percent\":20},\"features_p90\":{\"vertical_percent\":20}}}"
#define HEAD(model, rest) \
  "{\"schema\":2,\"notice\":\"n\",\"version\":\"0\",\"command\":\"c\",\"model_sha256\":\"" model "\"," rest "}"
#define NO_PROFILE "\"profile\":{}"
#define HEADS HEAD(SHA, "\"threshold\":0.6," NO_PROFILE ",\"heads\":{\"sf\":" SF "}")
#define ALL_HEADS \
  HEAD(SHA, "\"threshold\":0.6," PROFILE ",\"heads\":{\"sf\":" SF ",\"change\":" CHANGE ",\"readmission\":" READMISSION "}")

static LusHeads *load(const char *text, gssize length, GError **error)
{
  g_autofree char *folder = g_dir_make_tmp("lus-heads-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "heads.json", NULL);
  g_assert_true(g_file_set_contents(path, text, length, NULL));
  LusHeads *heads = lus_heads_load(path, error);
  g_remove(path);
  g_rmdir(folder);
  return heads;
}

static LusHeads *standard_heads(void)
{
  g_autoptr(GError) error = NULL;
  LusHeads *heads = load(HEADS, -1, &error);
  g_assert_no_error(error);
  return heads;
}

static void estimate(LusEstimate *out, const LusHeads *heads, const LusExam *exam, const char *model)
{
  const LusEstimateQuery query = {.exam = exam, .model_sha256 = model, .min_frames = MIN_FRAMES};
  lus_estimate(out, heads, &query);
}

/** @frames of a zone with the given B-line/pleura percentage, @pleura of them with a pleural line. */
static void add_frames(LusExam *exam, const char *zone, int frames, int pleura, double vertical_percent)
{
  for (int i = 0; i < frames; i++) {
    double features[LUS_FEATURE_N];
    for (int f = 0; f < LUS_FEATURE_N; f++)
      features[f] = i < pleura ? 20 : NAN;
    features[LUS_FEATURE_PLEURA_COVERAGE] = i < pleura ? 90 : 0;
    if (i < pleura)
      features[LUS_FEATURE_VERTICAL_PERCENT] = vertical_percent;
    lus_exam_add_frame(exam, lus_exam_zone(exam, zone), features);
  }
}

static void test_inputs(void)
{
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  double inputs[LUS_EXAM_INPUT_N];
  add_frames(exam, "R1", 10, 10, 12);
  add_frames(exam, "R2", 10, 10, 30);
  add_frames(exam, "R3", 10, 10, 60);
  add_frames(exam, "L3", 10, 10, 18);
  add_frames(exam, "L1", 9, 9, 100);  /* too few frames */
  add_frames(exam, "L2", 20, 1, 100); /* hardly a pleural line */
  lus_exam_inputs(inputs, exam, NULL, ~0u, MIN_FRAMES);
  int at = LUS_EXAM_PARTS * LUS_FEATURE_VERTICAL_PERCENT;
  g_assert_cmpstr(lus_exam_input_name(at), ==, "vertical_percent.mean");
  g_assert_cmpstr(lus_exam_input_name(at + 1), ==, "vertical_percent.max");
  g_assert_cmpstr(lus_exam_input_name(at + 2), ==, "vertical_percent.lower");
  g_assert_cmpfloat(inputs[at], ==, 30);
  g_assert_cmpfloat(inputs[at + 1], ==, 60);
  g_assert_cmpfloat(inputs[at + 2], ==, 39);
  g_assert_cmpfloat(inputs[at + 3], ==, 12); /* upper: R1 */
  g_assert_cmpfloat(inputs[at + 4], ==, 16); /* right 34, left 18 */
  g_assert_cmpfloat(inputs[at + 5], ==, 30);
  int positive = lus_exam_input_from_name("zones.positive"), missing = lus_exam_input_from_name("missing.R1");
  g_assert_cmpfloat(inputs[positive], ==, 100); /* 20 lines each */
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat(inputs[missing + i], ==, i == 3 || i == 4 ? 1 : 0); /* L1, L2 */
  lus_exam_inputs(inputs, exam, NULL, 1u << 2, MIN_FRAMES);
  g_assert_cmpfloat(inputs[at], ==, 60);
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    g_assert_cmpint(lus_exam_input_from_name(lus_exam_input_name(i)), ==, i);
  g_assert_cmpint(lus_exam_input_water(at), ==, 1);
  g_assert_cmpint(lus_exam_input_water(at + 4), ==, 0);
  lus_exam_reset(exam);
  add_frames(exam, "R1", 10, 10, 8);
  add_frames(exam, "L4V", 10, 10, 16);
  lus_exam_inputs(inputs, exam, NULL, ~0u, MIN_FRAMES);
  g_assert_cmpfloat(inputs[at], ==, 12);
  g_assert_cmpfloat(inputs[at + 2], ==, 12);
  lus_exam_reset(exam);
  lus_exam_inputs(inputs, exam, NULL, ~0u, MIN_FRAMES);
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    g_assert_true(i >= missing ? inputs[i] >= 1 : isnan(inputs[i]));
}

/** A missing zone is taken to lie as far from the profile as the others do. */
static void test_profile(void)
{
  g_autoptr(LusExam) exam = lus_exam_new("R1,R3", NULL);
  LusZoneProfile *profile = g_new0(LusZoneProfile, 1);
  double inputs[LUS_EXAM_INPUT_N];
  int at = LUS_EXAM_PARTS * LUS_FEATURE_VERTICAL_PERCENT;
  profile->n = 2;
  g_strlcpy(profile->zones[0], "R1", LUS_ZONE_LENGTH);
  g_strlcpy(profile->zones[1], "R3", LUS_ZONE_LENGTH);
  profile->features[0][LUS_FEATURE_VERTICAL_PERCENT] = 10;
  profile->features[1][LUS_FEATURE_VERTICAL_PERCENT] = 40;
  add_frames(exam, "R1", 10, 10, 16);
  lus_exam_inputs(inputs, exam, profile, ~0u, MIN_FRAMES);
  g_assert_cmpfloat_with_epsilon(inputs[at], 31, 1e-9); /* 16 and 46 */
  g_assert_cmpfloat_with_epsilon(inputs[at + 2], 46, 1e-9);
  g_assert_cmpfloat(inputs[lus_exam_input_from_name("missing.R3")], ==, 1);
  add_frames(exam, "R3", 10, 10, 20);
  lus_exam_inputs(inputs, exam, profile, ~0u, MIN_FRAMES);
  g_assert_cmpfloat_with_epsilon(inputs[at], 18, 1e-9);
  g_free(profile);
}

static void add_exam(LusExam *exam, double percent)
{
  for (int i = 0; i < 6; i++)
    add_frames(exam, (const char *[]){"R1", "R2", "R3", "L1", "L2", "L3"}[i], 10, 10, percent);
}

/** From 40 to 10 %: 3 in the predictor. Zones that only one day has don't count. */
static void test_tasks(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusHeads) heads = load(ALL_HEADS, -1, &error);
  g_assert_no_error(error);
  g_autoptr(LusExam) before = lus_exam_new(NULL, NULL);
  g_autoptr(LusExam) now = lus_exam_new(NULL, NULL);
  LusEstimateQuery query = {.exam = now, .model_sha256 = SHA, .min_frames = MIN_FRAMES};
  LusEstimate e;
  add_exam(before, 40);
  add_exam(now, 10);
  lus_estimate(&e, heads, &query);
  g_assert_cmpstr(e.change_reason, ==, "No earlier exam");
  query.baseline = before;
  query.baseline_model = OTHER_SHA;
  lus_estimate(&e, heads, &query);
  g_assert_cmpstr(e.change_reason, ==, "Other model");
  query.baseline_model = SHA;
  lus_estimate(&e, heads, &query);
  g_assert_true(e.change_valid);
  g_assert_cmpint(e.change_class, ==, 1);
  g_assert_cmpfloat_with_epsilon(e.change_probability[0], 1 / (1 + exp(4)), 1e-9);
  g_assert_cmpfloat_with_epsilon(e.change_probability[2], 1 - 1 / (1 + exp(2)), 1e-9);
  double odds = -1 - 1;
  g_assert_cmpfloat_with_epsilon(e.readmission.value, 1 / (1 + exp(-odds)), 1e-9);
  g_assert_cmpfloat_with_epsilon(e.readmission.low, 1 / (1 + exp(-odds + 0.16448536)), 1e-6);
  g_assert_cmpfloat_with_epsilon(e.readmission.high, 1 / (1 + exp(-odds - 0.16448536)), 1e-6);
  lus_exam_reset(before);
  add_frames(before, "R1", 10, 10, 40);
  lus_estimate(&e, heads, &query);
  g_assert_false(e.change_valid);
  g_assert_cmpstr(e.change_reason, ==, "No earlier exam of these zones");
}

/** An exam that goes on has a value once all its zones are at hand; each zone has its own from its first frames on. */
static void test_running(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusHeads) heads = load(ALL_HEADS, -1, &error);
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  LusEstimateQuery query = {.exam = exam, .model_sha256 = SHA, .min_frames = MIN_FRAMES, .running = TRUE};
  LusEstimate e;
  for (int i = 0; i < 5; i++)
    add_frames(exam, (const char *[]){"R1", "R2", "R3", "L1", "L2"}[i], 10, 10, 10 + i);
  lus_estimate(&e, heads, &query);
  g_assert_cmpstr(e.sf.reason, ==, "Zones missing L3");
  g_assert_cmpfloat_with_epsilon(e.zone_sf[1], 300 - 4 * (11 - 30), 1e-9);
  g_assert_true(isnan(e.zone_sf[5]));
  query.running = FALSE;
  lus_estimate(&e, heads, &query);
  g_assert_true(e.sf.valid);
  g_assert_cmpfloat_with_epsilon(e.sf.high - e.sf.value, 60, 1e-9);
  query.running = TRUE;
  add_frames(exam, "L3", 10, 10, 20);
  lus_estimate(&e, heads, &query);
  g_assert_true(e.sf.valid);
  g_autoptr(LusExam) other = lus_exam_new(NULL, NULL);
  query.exam = other;
  for (int i = 0; i < 6; i++) /* R4 stands in for none of the expected zones */
    add_frames(other, (const char *[]){"R1", "R2", "R3", "L1", "L2", "R4"}[i], 10, 10, 10 + i);
  lus_estimate(&e, heads, &query);
  g_assert_cmpstr(e.sf.reason, ==, "Zones missing L3");
}

/** Zone R1 shows 50 % where the profile has 20: of six zones' mean it is 5, of S/F -20. */
static void test_contributions(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusHeads) heads = load(ALL_HEADS, -1, &error);
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  LusContributions c;
  const LusEstimateQuery query = {.exam = exam, .model_sha256 = SHA, .min_frames = MIN_FRAMES};
  g_assert_false(lus_heads_contributions(&c, heads, LUS_TASK_SF, &query));
  add_exam(exam, 50);
  g_assert_true(lus_heads_contributions(&c, heads, LUS_TASK_SF, &query));
  g_assert_cmpfloat_with_epsilon(c.zones[0], -20, 1e-9);
  g_assert_cmpfloat_with_epsilon(c.zones[1], 0, 1e-9); /* not in the profile */
  g_assert_cmpfloat_with_epsilon(c.zones[0] + c.other, -80, 1e-9);
  g_autofree char *text = lus_heads_describe(heads);
  g_assert_nonnull(strstr(text, "vertical_percent.mean"));
  g_assert_nonnull(strstr(text, "readmission:"));
}

static void test_change_class(void)
{
  g_assert_cmpint(lus_change_class(LUS_CHANGE_DEAD_BAND), ==, LUS_CHANGE_SAME);
  g_assert_cmpint(lus_change_class(LUS_CHANGE_DEAD_BAND + 0.01), ==, LUS_CHANGE_HIGHER);
  g_assert_cmpint(lus_change_class(-LUS_CHANGE_DEAD_BAND - 0.01), ==, LUS_CHANGE_LOWER);
  g_assert_cmpint(lus_task_from_name("change"), ==, LUS_TASK_CHANGE);
  g_assert_cmpint(lus_task_from_name("x"), ==, -1);
}

/** The class that is said of a change of slope e = 3 whose likeliest class is the highest, with @borders in the file; -2: refused. */
static int said(const char *borders)
{
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) parts = g_strsplit(ALL_HEADS, "\"cuts\"", -1);
  g_autofree char *with = g_strdup_printf("\"borders\":%s,\"cuts\"", borders), *text = g_strjoinv(with, parts);
  g_autoptr(LusHeads) heads = load(text, -1, &error);
  g_autoptr(LusExam) before = lus_exam_new(NULL, NULL);
  g_autoptr(LusExam) now = lus_exam_new(NULL, NULL);
  const LusEstimateQuery query = {.exam = now, .baseline = before, .model_sha256 = SHA, .min_frames = MIN_FRAMES};
  LusEstimate e;
  if (!heads) {
    g_assert_nonnull(strstr(error->message, "borders"));
    return -2;
  }
  add_exam(before, 40);
  add_exam(now, 10);
  lus_estimate(&e, heads, &query);
  g_assert_true(e.change_valid);
  g_assert_cmpfloat_with_epsilon(e.change_probability[2], 1 - 1 / (1 + exp(2)), 1e-9);
  return e.change_class;
}

static void test_borders(void)
{
  g_assert_cmpint(said("[3.5,4]"), ==, -1);
  g_assert_cmpint(said("[2,4]"), ==, 0);
  g_assert_cmpint(said("[1,2.5]"), ==, 1);
  g_assert_cmpint(said("[2.5,1]"), ==, -2);
  g_assert_cmpint(said("[1e9,1e9]"), ==, -2);
}

static void test_value(void)
{
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  g_autoptr(LusHeads) heads = standard_heads();
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  LusEstimate e;
  for (int i = 0; i < 4; i++)
    add_frames(exam, zones[i], 10, 10, 20);
  estimate(&e, heads, exam, SHA);
  g_assert_cmpstr(e.sf.reason, ==, "");
  g_assert_true(e.sf.valid);
  g_assert_cmpfloat_with_epsilon(e.sf.value, 340, 1e-9);
  g_assert_cmpfloat_with_epsilon(e.sf.low, 280, 1e-9); /* two of six zones are missing */
  g_assert_cmpfloat_with_epsilon(e.sf.high, 400, 1e-9);
  for (int i = 4; i < 6; i++)
    add_frames(exam, zones[i], 10, 10, 20);
  estimate(&e, heads, exam, SHA);
  g_assert_cmpfloat_with_epsilon(e.sf.low, 290, 1e-9);
  g_assert_cmpfloat_with_epsilon(e.sf.high, 390, 1e-9);
  add_frames(exam, "R4", 10, 10, 20); /* more zones than fitted on: no narrower */
  estimate(&e, heads, exam, SHA);
  g_assert_cmpfloat_with_epsilon(e.sf.high, 390, 1e-9);
  g_assert_false(e.readmission.valid);
  g_assert_cmpstr(e.readmission.reason, ==, "No estimator");
  g_assert_false(e.change_valid);
  g_assert_cmpstr(e.change_reason, ==, "No estimator");
}

/** 300 - 4 (0 - 30) = 420 + 50 is cut at 480; a steeper head is cut as well. */
static void test_clipped(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  g_auto(GStrv) parts = g_strsplit(HEADS, "\"weight\":-40", 2);
  g_autofree char *text = g_strjoinv("\"weight\":-400", parts);
  g_autoptr(LusHeads) steep = load(text, -1, &error);
  g_autoptr(LusHeads) heads = standard_heads();
  LusEstimate e;
  g_assert_no_error(error);
  for (int i = 0; i < 6; i++)
    add_frames(exam, (const char *[]){"R1", "R2", "R3", "L1", "L2", "L3"}[i], 10, 10, 5);
  estimate(&e, heads, exam, SHA);
  g_assert_cmpfloat_with_epsilon(e.sf.value, 400, 1e-9);
  estimate(&e, steep, exam, SHA);
  g_assert_cmpfloat(e.sf.value, ==, 480);
  g_assert_cmpfloat(e.sf.low, ==, 430);
  g_assert_cmpfloat(e.sf.high, ==, 480);
}

static void assert_reason(const LusHeads *heads, const LusExam *exam, const char *model, const char *reason)
{
  LusEstimate e;
  estimate(&e, heads, exam, model);
  g_assert_false(e.sf.valid);
  g_assert_cmpstr(e.sf.reason, ==, reason);
  g_assert_true(isnan(e.sf.value) && isnan(e.sf.low) && isnan(e.sf.high));
}

static void test_reasons(void)
{
  g_autoptr(LusHeads) heads = standard_heads();
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  assert_reason(NULL, exam, SHA, "No estimator");
  assert_reason(heads, exam, OTHER_SHA, "Other model");
  assert_reason(heads, exam, NULL, "Zones missing R1 R2 R3 L1 L2 L3"); /* nothing measured yet */
  assert_reason(heads, exam, SHA, "Zones missing R1 R2 R3 L1 L2 L3");
  add_frames(exam, "R1", 10, 10, 20);
  assert_reason(heads, exam, NULL, "Other model");
  add_frames(exam, "R2", 10, 10, 20);
  add_frames(exam, "L1", 10, 10, 20);
  assert_reason(heads, exam, SHA, "Zones missing R3 L2 L3");
  add_frames(exam, "L3", 9, 9, 20);
  assert_reason(heads, exam, SHA, "Too few frames L3");
  add_frames(exam, "L3", 1, 1, 20);
  add_frames(exam, "R1", 200, 0, 20);
  assert_reason(heads, exam, SHA, "No pleural line R1");
  add_frames(exam, "R3", 10, 10, 20);
  LusEstimate e;
  estimate(&e, heads, exam, SHA); /* four others are enough */
  g_assert_true(e.sf.valid);
  estimate(&e, heads, exam, OTHER_SHA);
  g_assert_cmpstr(e.readmission.reason, ==, "Other model");
  g_assert_cmpstr(e.change_reason, ==, "Other model");
}

/** An exam that expects fewer zones than the head needs: the others come from the fit, or their number is told. */
static void test_too_few_expected(void)
{
  g_autoptr(LusHeads) heads = standard_heads();
  g_autoptr(LusHeads) usual = load(ALL_HEADS, -1, NULL);
  g_autoptr(LusExam) exam = lus_exam_new("R2,L2", NULL);
  add_frames(exam, "R2", 10, 10, 20);
  assert_reason(usual, exam, SHA, "Zones missing L2 R1");
  add_frames(exam, "L2", 10, 10, 20);
  assert_reason(usual, exam, SHA, "Zones missing R1");
  assert_reason(heads, exam, SHA, "Needs 4 zones");
  add_frames(exam, "R1", 10, 10, 20);
  assert_reason(usual, exam, SHA, "Needs 4 zones");
}

/** Up to one sd outside 5..60 is accepted. */
static void test_trained_range(void)
{
  static const struct {
    double value;
    gboolean valid;
  } cases[] = {{70, TRUE}, {70.001, FALSE}, {0, TRUE}};
  g_autoptr(LusHeads) heads = standard_heads();
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(LusExam) exam = lus_exam_new("R1,R2,R3,L1", NULL);
    LusEstimate e;
    for (int z = 0; z < 4; z++)
      add_frames(exam, (const char *[]){"R1", "R2", "R3", "L1"}[z], 10, 10, cases[i].value);
    estimate(&e, heads, exam, SHA);
    g_assert_cmpint(e.sf.valid, ==, cases[i].valid);
    g_assert_cmpstr(e.sf.reason, ==, cases[i].valid ? "" : "Outside trained range");
  }
}

/** Sixteen long names still fit or are cut, never overrun. */
static void test_long_reason(void)
{
  g_autoptr(LusHeads) heads = standard_heads();
  g_autoptr(LusExam) exam =
      lus_exam_new("aaaaaa1,aaaaaa2,aaaaaa3,aaaaaa4,aaaaaa5,aaaaaa6,aaaaaa7,aaaaaa8,aaaaaa9,aaaaa10,"
                   "aaaaa11,aaaaa12,aaaaa13,aaaaa14,aaaaa15,aaaaa16",
                   NULL);
  LusEstimate e;
  estimate(&e, heads, exam, SHA);
  g_assert_true(g_str_has_prefix(e.sf.reason, "Zones missing aaaaaa1 aaaaaa2"));
  g_assert_cmpuint(strlen(e.sf.reason), ==, sizeof(e.sf.reason) - 1);
}

static void test_heads(void)
{
  g_autoptr(LusHeads) heads = standard_heads();
  g_autofree char *sha = lus_sha256(HEADS, strlen(HEADS));
  g_assert_cmpstr(lus_heads_sha256(heads), ==, sha);
  g_assert_cmpfloat(lus_heads_threshold(heads), ==, 0.6);
  LusHeads *again = lus_heads_ref(heads);
  lus_heads_unref(again);
  g_assert_cmpstr(lus_heads_sha256(heads), ==, sha);
  lus_heads_unref(NULL);
}

/** The valid file with @from replaced by @to is refused with @message. */
typedef struct {
  const char *from, *to, *message;
} Wrong;

static void test_heads_refused(void)
{
  static const Wrong cases[] = {
    {HEADS, "", "not valid JSON"},
    {HEADS, "{}", "no heads file"},
    {HEADS, "[]", "no heads file"},
    {HEADS, "{\"schema\":2,\"exam_id\":\"e\"}", "no heads file"},
    {"\"schema\":2,", "", "schema"},
    {HEADS, HEADS " x", "not valid JSON"},
    {"\"schema\":2", "\"schema\":2,\"schema\":2", "not valid JSON"},
    {"\"schema\":2", "\"schema\":1", "schema: 1 is another version"},
    {"\"schema\":2", "\"schema\":4294967298", "schema"},
    {"\"schema\":2", "\"schema\":\"2\"", "schema"},
    {NO_PROFILE, "\"profile\":[]", "profile: expected"},
    {NO_PROFILE, "\"profile\":{\"R1\":{\"features\":{\"x\":1},\"features_p90\":{}}}", "'x' is no feature"},
    {NO_PROFILE, "\"profile\":{\"R1R1R1R1\":{\"features\":{},\"features_p90\":{}}}", "longer than 7"},
    {"\"notice\":\"n\",", "", "notice"},
    {"\"notice\":\"n\",", "\"notice\":\"n\",\"extra\":1,", "top level"},
    {SHA, "0123", "model_sha256: expected 64"},
    {SHA, "X123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "model_sha256: expected 64"},
    {"\"threshold\":0.6", "\"threshold\":1.5", "threshold is 1.5"},
    {"\"heads\":{\"sf\"", "\"heads\":{\"fs\"", "unknown task 'fs'"},
    {"\"heads\":{", "\"heads\":{\"change\":{},", "heads.change"},
    {"\"intercept\":300", "\"intercept\":50000", "intercept is 50000"},
    {"\"of\":\"level\"", "\"of\":\"levels\"", "of is 'levels'"},
    {LINE("90") ",", "", "one line for each of 6"},
    {"\"slope\":1,", "", "heads.sf.by_zones[0]"},
    {"\"intercept\":300", "\"intercept\":1e999", "not valid JSON"},
    {"\"intercept\":300", "\"intercept\":null", "heads.sf"},
    {"\"half_width\":50", "\"half_width\":-1", "half_width is -1"},
    {"\"range_margin\":1", "\"range_margin\":110", "range_margin is 110"},
    {"\"zones\":6", "\"zones\":17", "zones is 17"},
    {"\"zones\":6", "\"zones\":4294967302", "zones is 4.29497e+09"},
    {"\"zones\":6", "\"zones\":6.5", "heads.sf"},
    {"\"min_zones\":4", "\"min_zones\":0", "min_zones is 0"},
    {"\"min_zones\":4", "\"min_zones\":7", "min_zones is 7"},
    {INPUT_A "," INPUT_B, "", "heads.sf.inputs"},
    {"[" INPUT_A "," INPUT_B "]", "{}", "heads.sf.inputs"},
    {INPUT_B, INPUT_A, "heads.sf.inputs[1]: input 'vertical_percent.mean' stands there twice"},
    {"pleura_depth.max", "pleura_depth.min", "heads.sf.inputs[1]: unknown input 'pleura_depth.min'"},
    {"\"sd\":2.5", "\"sd\":0", "heads.sf.inputs[1]: sd is 0"},
    {"\"mean\":30", "\"mean\":1e7", "heads.sf.inputs[0]: mean is 1e+07"},
    {"\"low\":5", "\"low\":-1e9", "low is -1e+09"},
    {"\"high\":60", "\"high\":4", "heads.sf.inputs[0]: high is 4"},
    {"\"weight\":-40", "\"weight\":true", "heads.sf.inputs[0]"},
    {"\"weight\":-40", "\"weight\":-2e6", "weight is -2e+06"},
    {"\"weight\":-40", "\"weight\":-40,\"bias\":1", "heads.sf.inputs[0]"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(HEADS, cases[i].from, 2);
    g_assert_nonnull(parts[1]);
    g_autofree char *text = g_strjoinv(cases[i].to, parts);
    g_assert_null(load(text, -1, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "lus fit"));
    if (!strstr(error->message, cases[i].message))
      g_error("'%s' does not tell '%s'", error->message, cases[i].message);
  }
}

static void test_heads_files(void)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_heads_load("/no/such/heads.json", &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
  g_clear_error(&error);
  gsize size = ((gsize)4 << 20) + 1;
  g_autofree char *large = g_strnfill(size, ' ');
  g_assert_null(load(large, (gssize)size, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
  g_clear_error(&error);
  memset(large, '[', 200000);
  g_assert_null(load(large, 200000, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_clear_error(&error);
  /* Every truncation of the file is refused. */
  for (gsize n = 0; n < strlen(HEADS); n++) {
    g_assert_null(load(HEADS, (gssize)n, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_clear_error(&error);
  }
}

static json_t *parsed(const LusExam *exam, const LusEstimate *estimate, const LusExamRecord *record)
{
  g_autofree char *text = lus_exam_to_json(exam, estimate, record);
  json_error_t problem;
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
  g_assert_nonnull(root);
  return root;
}

static void test_json(void)
{
  g_autoptr(LusHeads) heads = standard_heads();
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  LusEstimate e;
  add_frames(exam, "R1", 10, 5, 12.5);
  add_frames(exam, "L2", 3, 0, 0);
  lus_exam_add_clip(exam, 0, "p\"1\xff.mkv");
  estimate(&e, heads, exam, SHA);
  LusExamRecord record = {.exam_id = "e1", .day = -1, .model_sha256 = SHA, .heads_sha256 = lus_heads_sha256(heads),
                          .min_frames = MIN_FRAMES};
  json_t *root = parsed(exam, &e, &record);
  int schema, frames;
  const char *notice, *id, *clip, *reason, *sha;
  double percent;
  json_t *patient, *day, *missing, *value, *depth, *class_name;
  g_assert_cmpint(
      json_unpack(root, "{s:i, s:s, s:s, s:o, s:o, s:{s:{s:[s], s:i, s:{s:F}}}, s:o, s:{s:o, s:b, s:s}, s:s}", "schema",
                  &schema, "notice", &notice, "exam_id", &id, "patient", &patient, "day", &day, "zones", "R1", "clips",
                  &clip, "frames", &frames, "features", "vertical_percent", &percent, "missing_zones", &missing, "sf",
                  "value", &value, "valid", &(int){0}, "reason", &reason, "model_sha256", &sha),
      ==, 0);
  g_assert_cmpint(schema, ==, 1);
  g_assert_cmpstr(notice, ==, LUS_NOTICE);
  g_assert_cmpstr(clip, ==, "p\"1\xef\xbf\xbd.mkv");
  g_assert_true(json_is_null(patient) && json_is_null(day) && json_is_null(value));
  g_assert_cmpfloat(percent, ==, 12.5);
  g_assert_cmpint(frames, ==, 10);
  g_assert_cmpuint(json_array_size(missing), ==, 5); /* L2 has too few frames */
  g_assert_cmpstr(json_string_value(json_array_get(missing, 3)), ==, "L2");
  g_assert_cmpstr(reason, ==, "Zones missing R2 R3 L1 L3");
  g_assert_cmpstr(sha, ==, SHA);
  json_unpack(root, "{s:{s:{s:{s:o}}}, s:{s:o}}", "zones", "L2", "features", "pleura_depth", &depth, "change", "class",
              &class_name);
  g_assert_true(json_is_null(depth) && json_is_null(class_name));
  g_assert_null(json_object_get(json_object_get(root, "zones"), "R2"));
  json_decref(root);
}

static void test_json_valid(void)
{
  g_autoptr(LusExam) exam = lus_exam_new("R1", NULL);
  LusEstimate e = {.sf = {.value = 287.5, .low = 251, .high = 323, .valid = TRUE},
                   .readmission = {.value = 0.18, .low = 0.09, .high = 0.31, .valid = TRUE},
                   .change_class = 1, .change_probability = {0.04, 0.15, 0.81}, .change_valid = TRUE};
  LusExamRecord record = {.patient = "p003", .day = 2, .min_frames = 1, .baseline = "old.json", .sf_measured = 290};
  json_t *root = parsed(exam, &e, &record);
  double value, low, probability, higher;
  const char *class_name, *patient;
  int day, valid;
  g_assert_cmpint(json_unpack(root, "{s:s, s:i, s:{s:F, s:F, s:b}, s:{s:F}, s:{s:s, s:{s:F}}}", "patient", &patient,
                              "day", &day, "sf", "value", &value, "low", &low, "valid", &valid, "readmission",
                              "probability", &probability, "change", "class", &class_name, "probabilities", "higher",
                              &higher),
                  ==, 0);
  g_assert_cmpstr(patient, ==, "p003");
  g_assert_cmpint(day, ==, 2);
  g_assert_cmpfloat(value, ==, 287.5);
  g_assert_cmpfloat(low, ==, 251);
  g_assert_true(valid);
  g_assert_cmpfloat(probability, ==, 0.18);
  g_assert_cmpstr(class_name, ==, "higher");
  g_assert_cmpfloat(higher, ==, 0.81);
  json_t *measured = json_object_get(json_object_get(root, "sf"), "measured");
  g_assert_cmpfloat(json_number_value(measured), ==, 290);
  g_assert_cmpstr(json_string_value(json_object_get(json_object_get(root, "change"), "baseline")), ==, "old.json");
  /* The contract's order, so that two files can be compared line by line. */
  static const char *const order[] = {"schema", "notice",      "exam_id",       "patient",
                                      "day",    "zones",       "missing_zones", "sf",
                                      "change", "readmission", "model_sha256",  "heads_sha256"};
  void *at = json_object_iter(root);
  for (gsize i = 0; i < G_N_ELEMENTS(order); i++, at = json_object_iter_next(root, at))
    g_assert_cmpstr(json_object_iter_key(at), ==, order[i]);
  g_assert_null(at);
  json_decref(root);
}

static void test_sf_ratio(void)
{
  static const struct {
    double spo2, fio2, sf;
  } good[] = {{97, 0.21, 461.9}, {100, 0.21, 476.2}, {90, 1, 90}, {88, 0.4, 220}, {40, 1, 40}};
  static const double bad[][2] = {{101, 0.21}, {0, 0.21}, {NAN, 0.21}, {97, 0.2},
                                  {97, 21},    {97, NAN}, {39, 1},     {-5, 1}};
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    double sf = 0;
    g_assert_true(lus_sf_ratio(&sf, good[i].spo2, good[i].fio2, NULL));
    g_assert_cmpfloat_with_epsilon(sf, good[i].sf, 0.05);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    double sf = -1;
    g_assert_false(lus_sf_ratio(&sf, bad[i][0], bad[i][1], &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_assert_cmpfloat(sf, ==, -1);
  }
  g_assert_cmpfloat_with_epsilon(lus_fio2_from_flow(0), 0.21, 1e-12);
  g_assert_cmpfloat_with_epsilon(lus_fio2_from_flow(2), 0.29, 1e-12);
  g_assert_cmpfloat(lus_fio2_from_flow(30), ==, 0.9);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/estimate/inputs", test_inputs);
  g_test_add_func("/estimate/profile", test_profile);
  g_test_add_func("/estimate/tasks", test_tasks);
  g_test_add_func("/estimate/running", test_running);
  g_test_add_func("/estimate/contributions", test_contributions);
  g_test_add_func("/estimate/change-class", test_change_class);
  g_test_add_func("/estimate/borders", test_borders);
  g_test_add_func("/estimate/value", test_value);
  g_test_add_func("/estimate/clipped", test_clipped);
  g_test_add_func("/estimate/reasons", test_reasons);
  g_test_add_func("/estimate/too-few-expected", test_too_few_expected);
  g_test_add_func("/estimate/trained-range", test_trained_range);
  g_test_add_func("/estimate/long-reason", test_long_reason);
  g_test_add_func("/estimate/heads", test_heads);
  g_test_add_func("/estimate/heads-refused", test_heads_refused);
  g_test_add_func("/estimate/heads-files", test_heads_files);
  g_test_add_func("/estimate/json", test_json);
  g_test_add_func("/estimate/json-valid", test_json_valid);
  g_test_add_func("/estimate/sf-ratio", test_sf_ratio);
  return g_test_run();
}
