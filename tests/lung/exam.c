/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/exam.h"
#include "lung/manifest.h"
#include "nn/error.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static void fill(double features[LUS_FEATURE_N], double value)
{
  for (int i = 0; i < LUS_FEATURE_N; i++)
    features[i] = value;
}

static void test_zones(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusExam) exam = lus_exam_new(NULL, &error);
  g_assert_no_error(error);
  LusZone zone;
  g_assert_cmpint(lus_exam_n_zones(exam), ==, 6);
  g_assert_cmpint(lus_exam_n_expected(exam), ==, 6);
  lus_exam_get_zone(exam, 5, &zone);
  g_assert_cmpstr(zone.name, ==, "L3");
  g_assert_cmpint(zone.frames, ==, 0);
  g_assert_true(isnan(zone.features[0]));
  g_assert_cmpint(lus_exam_zone(exam, "L1"), ==, 3);
  g_assert_cmpint(lus_exam_zone(exam, "R4V"), ==, 6);
  g_assert_cmpint(lus_exam_zone(exam, "R4V"), ==, 6);
  g_assert_cmpint(lus_exam_zone(exam, "X1"), ==, -1);
  g_assert_cmpint(lus_exam_n_zones(exam), ==, 7);
  g_assert_cmpint(lus_exam_n_expected(exam), ==, 6);
  lus_exam_reset(exam);
  g_assert_cmpint(lus_exam_n_zones(exam), ==, 6);
}

static void test_zone_lists(void)
{
  static const char *const wrong[][2] = {
    {"", "empty"}, {"R1,,R2", "empty"}, {"R1,R2,R1", "twice"}, {"R1,r1", "twice"}, {"R1,ABCDEFGH", "longer"},
    {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "more than 16"}};
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(lus_exam_new(wrong[i][0], &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, wrong[i][1]));
  }
  g_autoptr(LusExam) exam = lus_exam_new(" R1, R2,upper ", NULL);
  LusZone zone;
  lus_exam_get_zone(exam, 2, &zone);
  g_assert_cmpstr(zone.name, ==, "upper");
  g_assert_cmpint(lus_exam_zone(exam, "UPPER"), ==, 2);
  g_autoptr(LusExam) small = lus_exam_new("r1,l4v", NULL);
  g_assert_cmpint(lus_exam_zone(small, "R1"), ==, 0);
  g_assert_cmpint(lus_exam_zone(small, "L4V"), ==, 1);
  lus_exam_get_zone(small, 1, &zone);
  g_assert_cmpstr(zone.name, ==, "L4V");
  g_autoptr(LusExam) full = lus_exam_new("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", NULL);
  g_assert_cmpint(lus_exam_zone(full, "R1"), ==, -1);
}

/** Of each clip the median counts, of a zone the mean of its clips, by frames on which the feature is known. */
static void test_means(void)
{
  g_autoptr(LusExam) exam = lus_exam_new("R1,L1", NULL);
  double features[LUS_FEATURE_N];
  LusZone zone;
  lus_exam_add_clip(exam, 0, "a");
  fill(features, 10);
  lus_exam_add_frame(exam, 0, features);
  fill(features, 20);
  lus_exam_add_frame(exam, 0, features);
  lus_exam_add_clip(exam, 0, "b");
  fill(features, 60);
  lus_exam_add_frame(exam, 0, features);
  fill(features, NAN);
  features[LUS_FEATURE_PLEURA_COVERAGE] = 2;
  lus_exam_add_frame(exam, 0, features);
  lus_exam_get_zone(exam, 0, &zone);
  g_assert_cmpint(zone.frames, ==, 4);
  g_assert_cmpint(zone.pleura_frames, ==, 3);
  g_assert_cmpfloat(zone.features[LUS_FEATURE_PLEURA_COVERAGE], ==, 23); /* (2 x 15 + 2 x 31) / 4 */
  g_assert_cmpfloat(zone.features[LUS_FEATURE_VERTICAL_COUNT], ==, 30);  /* (2 x 15 + 60) / 3 */
  g_assert_cmpfloat(zone.peaks[LUS_FEATURE_VERTICAL_COUNT], ==, 100 / 3.0); /* (2 x 20 + 60) / 3 */
  const char *const *clips = lus_exam_clips(exam, 0);
  g_assert_cmpstr(clips[0], ==, "a");
  g_assert_cmpstr(clips[1], ==, "b");
  g_assert_null(clips[2]);
  g_assert_null(lus_exam_clips(exam, 1)[0]);
  lus_exam_reset(exam);
  lus_exam_get_zone(exam, 0, &zone);
  g_assert_cmpint(zone.frames, ==, 0);
  g_assert_null(lus_exam_clips(exam, 0)[0]);
}

/** Outliers don't move the median; percentiles are exact where values repeat. */
static void test_robust(void)
{
  g_autoptr(LusExam) exam = lus_exam_new("R1", NULL);
  double features[LUS_FEATURE_N];
  LusZone zone;
  for (int i = 0; i < 100; i++) {
    fill(features, i < 5 ? 100 : i < 85 ? 12.345 : 33);
    lus_exam_add_frame(exam, 0, features);
  }
  lus_exam_get_zone(exam, 0, &zone);
  g_assert_cmpfloat_with_epsilon(zone.features[LUS_FEATURE_VERTICAL_PERCENT], 12.345, 1e-9);
  g_assert_cmpfloat_with_epsilon(zone.peaks[LUS_FEATURE_VERTICAL_PERCENT], 33, 1e-9);
  lus_exam_reset(exam);
  for (int i = 0; i < 100; i++) { /* mm that differ little against their range of 500 */
    fill(features, i < 40 ? 3.0 : i < 60 ? 3.2 : 3.4);
    lus_exam_add_frame(exam, 0, features);
  }
  lus_exam_get_zone(exam, 0, &zone);
  g_assert_cmpfloat_with_epsilon(zone.features[LUS_FEATURE_VERTICAL_WIDTH_MM], 3.2, 1e-9);
  g_assert_cmpfloat_with_epsilon(zone.peaks[LUS_FEATURE_VERTICAL_WIDTH_MM], 3.4, 1e-9);
}

/** A zone taken over as a whole gives what its clip gave. */
static void test_measured(void)
{
  g_autoptr(LusExam) frames = lus_exam_new("R1", NULL);
  g_autoptr(LusExam) whole = lus_exam_new("R1", NULL);
  double features[LUS_FEATURE_N];
  LusZone part, a, b;
  fill(features, 8);
  lus_exam_add_frame(frames, 0, features);
  fill(features, NAN);
  for (int i = 0; i < LUS_FEATURE_N; i++)
    if (!lus_feature_info(i)->needs_pleura)
      features[i] = 0;
  lus_exam_add_frame(frames, 0, features);
  lus_exam_get_zone(frames, 0, &part);
  lus_exam_add_measured(whole, 0, &part);
  fill(features, 16);
  lus_exam_add_clip(frames, 0, "second");
  lus_exam_add_frame(frames, 0, features);
  lus_exam_add_frame(whole, 0, features);
  lus_exam_get_zone(frames, 0, &a);
  lus_exam_get_zone(whole, 0, &b);
  g_assert_cmpint(b.frames, ==, 3);
  g_assert_cmpint(b.pleura_frames, ==, 2);
  g_assert_cmpfloat(b.features[LUS_FEATURE_PLEURA_COVERAGE], ==, 8); /* (2 x 4 + 16) / 3 */
  g_assert_cmpfloat(b.features[LUS_FEATURE_VERTICAL_AREA], ==, 12);
  g_assert_cmpmem(a.features, sizeof(a.features), b.features, sizeof(b.features));
  LusZone huge = {.frames = G_MAXINT, .pleura_frames = G_MAXINT};
  lus_exam_add_measured(whole, 0, &huge);
  lus_exam_get_zone(whole, 0, &b);
  g_assert_cmpint(b.frames, ==, G_MAXINT);
}

static void test_zone_names(void)
{
  static const char *const names[][2] = {
    {"patient_10_L1.mp4", "L1"}, {"p003_d1_R2.mkv", "R2"}, {"/data/R3/p1-l2.avi", "L2"}, {"R1.mkv", "R1"},
    {"exam R4V view.mp4", "R4V"}, {"R6", "R6"}, {"p1_L1_again_l1.mkv", "L1"}, {"p\xc3\xa4_R5.mkv", "R5"}};
  static const char *const none[] = {"patient_10.mp4", "VOL1.mkv",  "R12.mkv", "XR1.mkv", "R1x.mkv", "R7_L0.mkv",
                                     "L3V.mkv",        "R1_L2.mkv", "",        "R",       "_.mkv",   "/R1/clip.mkv"};
  char zone[LUS_ZONE_LENGTH];
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_assert_true(lus_zone_from_name(zone, names[i][0]));
    g_assert_cmpstr(zone, ==, names[i][1]);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(none); i++)
    g_assert_false(lus_zone_from_name(zone, none[i]));
  g_assert_true(lus_zone_known("L6"));
  g_assert_true(lus_zone_known("L4V"));
  g_assert_false(lus_zone_known("r1"));
  g_assert_false(lus_zone_known("R1V"));
  g_assert_false(lus_zone_known(""));
  g_assert_false(lus_zone_known("R4VV"));
}

static void test_clip_names(void)
{
  static const struct {
    const char *file, *patient;
    int day;
    const char *zone;
  } names[] = {
    {"p003_d1_R2.mkv", "p003", 1, "R2"},      {"clips/p003_d12_R2.mkv", "p003", 12, "R2"},
    {"patient_10_L1.mp4", "patient_10", -1, "L1"}, {"clip.mkv", "", -1, ""},
    {"a-b_D2.mkv", "a-b", 2, ""},             {"d1_R1.mkv", "", 1, "R1"},
    {"ward_d3b_R1.mkv", "ward_d3b", -1, "R1"}, {"p1_R1_L2.mkv", "", -1, ""}};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    LusClipName name;
    lus_clip_name_parse(&name, names[i].file);
    g_assert_cmpstr(name.patient, ==, names[i].patient);
    g_assert_cmpint(name.day, ==, names[i].day);
    g_assert_cmpstr(name.zone, ==, names[i].zone);
  }
}

static LusManifest *load_manifest(const char *text, char **folder, GError **error)
{
  *folder = g_dir_make_tmp("lus-manifest-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(*folder, "exam.json", NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  LusManifest *manifest = lus_manifest_load(path, error);
  g_remove(path);
  g_rmdir(*folder);
  return manifest;
}

static void test_manifest(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = NULL, *short_folder = NULL;
  g_autoptr(LusManifest) manifest =
      load_manifest("{\"schema\":1,\"exam_id\":\"e7\",\"patient\":\"p\",\"day\":2,\"zones\":\"R1,L1\","
                    "\"clips\":[{\"file\":\"a.mkv\",\"zone\":\"R1\"},{\"file\":\"/tmp/b.mkv\",\"zone\":\"L1\"}]}",
                    &folder, &error);
  g_assert_no_error(error);
  g_autofree char *first = g_build_filename(folder, "a.mkv", NULL);
  g_assert_cmpint(manifest->n_clips, ==, 2);
  g_assert_cmpstr(manifest->clips[0].file, ==, first);
  g_assert_cmpstr(manifest->clips[1].file, ==, "/tmp/b.mkv");
  g_assert_cmpstr(manifest->clips[1].zone, ==, "L1");
  g_assert_cmpstr(manifest->exam_id, ==, "e7");
  g_assert_cmpstr(manifest->zones, ==, "R1,L1");
  g_assert_cmpint(manifest->day, ==, 2);
  g_autoptr(LusManifest) least =
    load_manifest("{\"schema\":1,\"clips\":[{\"file\":\"a\",\"zone\":\"R1\"}]}", &short_folder, &error);
  g_assert_no_error(error);
  g_assert_cmpint(least->day, ==, -1);
  g_assert_null(least->patient);
}

static void test_manifest_refused(void)
{
  static const char *const wrong[][2] = {
      {"{\"schema\":1", "not valid JSON"},
      {"{\"schema\":1,\"schema\":1,\"clips\":[]}", "not valid JSON"},
      {"[]", "top level"},
      {"{\"schema\":2,\"clips\":[{\"file\":\"a\",\"zone\":\"R1\"}]}", "schema"},
      {"{\"schema\":1}", "clips"},
      {"{\"schema\":1,\"clips\":[]}", "clips"},
      {"{\"schema\":1,\"clips\":{}}", "clips"},
      {"{\"schema\":1,\"day\":-3,\"clips\":[{\"file\":\"a\",\"zone\":\"R1\"}]}", "day"},
      {"{\"schema\":1,\"extra\":1,\"clips\":[{\"file\":\"a\",\"zone\":\"R1\"}]}", "top level"},
      {"{\"schema\":1,\"clips\":[{\"file\":\"a\",\"zone\":\"R9\"}]}", "clips[0]: the zone"},
      {"{\"schema\":1,\"clips\":[{\"file\":\"a\",\"zone\":\"R1\"},{\"file\":\"\",\"zone\":\"R1\"}]}",
       "clips[1]: the file"},
      {"{\"schema\":1,\"clips\":[{\"file\":1,\"zone\":\"R1\"}]}", "clips[0]"},
      {"{\"schema\":1,\"clips\":[{\"file\":\"a\",\"zone\":\"R1\",\"mm_per_pixel\":0}]}", "clips[0]: mm_per_pixel"},
      {"{\"schema\":1,\"clips\":[7]}", "clips[0]"}};
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = NULL;
    g_assert_null(load_manifest(wrong[i][0], &folder, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    if (!strstr(error->message, wrong[i][1]))
      g_error("'%s' does not tell '%s'", error->message, wrong[i][1]);
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_manifest_load("/no/such/exam.json", &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_IO);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/exam/zones", test_zones);
  g_test_add_func("/exam/zone-lists", test_zone_lists);
  g_test_add_func("/exam/means", test_means);
  g_test_add_func("/exam/measured", test_measured);
  g_test_add_func("/exam/robust", test_robust);
  g_test_add_func("/exam/zone-names", test_zone_names);
  g_test_add_func("/exam/clip-names", test_clip_names);
  g_test_add_func("/exam/manifest", test_manifest);
  g_test_add_func("/exam/manifest-refused", test_manifest_refused);
  return g_test_run();
}
