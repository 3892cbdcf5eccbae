/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include "clips.h"
#include "learn/annotation.h"
#include "learn/check.h"

static const char manifest[] =
  "{\"version\": 1, \"licence\": \"CC0\", \"classes\": [\"pleural_line\"], \"patients\": [\"A\"], "
  "\"splits\": {\"train\": [\"A\"], \"validation\": [], \"test\": []}, \"clips\": ["
  "{\"file\": \"clips/A_d1_R1.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\"}]}";

typedef struct {
  char *folder;
  GString *found; /* "place|text\n", places without the folder */
} Fixture;

static void put(const Fixture *f, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(f->folder, name, NULL), *parent = g_path_get_dirname(path);
  g_assert_cmpint(g_mkdir_with_parents(parent, 0777), ==, 0);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void put_label(const Fixture *f, const char *name, int width, int height)
{
  g_autofree char *path = g_build_filename(f->folder, name, NULL), *parent = g_path_get_dirname(path);
  g_autofree guint8 *plane = g_malloc0((gsize)width * height);
  g_assert_cmpint(g_mkdir_with_parents(parent, 0777), ==, 0);
  g_assert_true(lus_label_write(path, plane, width, height, NULL));
}

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
  f->found = g_string_new(NULL);
  put(f, "dataset.json", manifest);
  put(f, "clips/A_d1_R1.mkv", "20x16 4");
  put_label(f, "labels/anna/A_d1_R1/frame000003.pleural_line.png", 20, 16);
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  folder_remove(f->folder);
  g_free(f->folder);
  g_string_free(f->found, TRUE);
}

static void on_found(gpointer user_data, const char *place, const char *text, const char *remedy)
{
  Fixture *f = user_data;
  g_assert_true(g_str_has_prefix(place, f->folder));
  g_assert_cmpint(strlen(remedy), >, 10);
  g_string_append_printf(f->found, "%s|%s|%s\n", place + strlen(f->folder), text, remedy);
}

static int check(Fixture *f, LusCheckSummary *summary)
{
  g_string_truncate(f->found, 0);
  return lus_dataset_check(summary, f->folder, text_source_open, NULL, on_found, f, NULL, NULL, NULL);
}

/** Exactly one finding, which says so. */
static void expect(Fixture *f, const char *line)
{
  LusCheckSummary summary;
  int n = check(f, &summary);
  if (n != 1 || !strstr(f->found->str, line))
    g_test_message("expected '%s', found '%s'", line, f->found->str);
  g_assert_cmpint(n, ==, 1);
  g_assert_nonnull(strstr(f->found->str, line));
}

static void test_good(Fixture *f, gconstpointer data)
{
  (void)data;
  LusCheckSummary s;
  put(f, "outcomes.csv", "patient,day,spo2_percent,fio2\nA,1,95,0.21\nA,2,,\n");
  put(f, "labels/anna/fusion.json", "{}");
  put(f, "labels/.git/x", "");
  put(f, "labels/anna/.DS_Store", "");
  put(f, "labels/nobody/.keep", "");
  g_assert_cmpint(check(f, &s), ==, 0);
  g_assert_cmpint(s.clips, ==, 1);
  g_assert_cmpint(s.pictures, ==, 4);
  g_assert_cmpint(s.annotators, ==, 1);
  g_assert_cmpint(s.frames, ==, 1);
  g_assert_cmpint(s.labels, ==, 1);
}

static void test_labels(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *file, *line;
    int width, height;
  } cases[] = {
    {"labels/b/A_d1_R1/frame000004.pleural_line.png", "frame000004.pleural_line.png|labels frame 4, but the clip has 4 frames", 20, 16},
    {"labels/b/A_d1_R1/frame000000.pleural_line.png", "has 20 x 17 pixels, the clip's frames have 20 x 16", 20, 17},
    {"labels/b/A_d1_R1/frame000000.rib.png", "class 'rib' is not one of the data set's", 20, 16},
    {"labels/b/A_d1_R1/frame0.pleural_line.png", "is not named like a label", 20, 16},
    {"labels/b/A_d1_R1/frame000000.pleural_line.ignore.png", "belongs to no label", 20, 16},
    {"labels/b/B_d1_R1/frame000000.pleural_line.png", "/labels/b/B_d1_R1|labels without a clip", 20, 16},
  };
  (void)data;
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    put_label(f, cases[i].file, cases[i].width, cases[i].height);
    expect(f, cases[i].line);
    g_autofree char *folder = g_build_filename(f->folder, "labels", "b", NULL);
    folder_remove(folder);
  }
  put(f, "labels/b/A_d1_R1/frame000000.pleural_line.png", "text");
  expect(f, "frame000000.pleural_line.png|not a PNG file");
}

static void test_fusion(Fixture *f, gconstpointer data)
{
  (void)data;
  put(f, "labels/anna/fusion.begun", "");
  expect(f, "/labels/anna|lus fuse was stopped");
}

static void test_clips(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *clip = g_build_filename(f->folder, "clips", "A_d1_R1.mkv", NULL);
  put(f, "clips/stray.mkv", "20x16 4");
  expect(f, "/clips/stray.mkv|is not listed");
  g_autofree char *stray = g_build_filename(f->folder, "clips", "stray.mkv", NULL);
  g_unlink(stray);
  put(f, "clips/A_d1_R1.mkv", "20x16 0");
  expect(f, "/clips/A_d1_R1.mkv|has no pictures");
  g_unlink(clip);
  expect(f, "/clips/A_d1_R1.mkv|the clip is listed, but");
}

static void test_manifest(Fixture *f, gconstpointer data)
{
  (void)data;
  g_auto(GStrv) parts = g_strsplit(manifest, "\"test\": []", 2);
  g_autofree char *twice = g_strjoinv("\"test\": [\"A\"]", parts);
  put(f, "dataset.json", twice);
  expect(f, "/dataset.json|patient 'A' is in split 'train' and again in 'test'");
  put(f, "dataset.json", "{");
  expect(f, "/dataset.json|line 1");
  expect(f, "correct dataset.json first");
  g_autofree char *path = g_build_filename(f->folder, "dataset.json", NULL);
  g_assert_cmpint(g_remove(path), ==, 0);
  expect(f, "|give the folder of a data set");
}

static void test_outcomes(Fixture *f, gconstpointer data)
{
  (void)data;
  static const char *const wrong[][2] = {
    {"A,1,95,0.21,,\nA,1,96,0.21,,\n", "/outcomes.csv|3: patient 'A', day 1 is there twice"},
    {"A,1,95,0.21,,\nA,1.0,96,0.21,,\n", "/outcomes.csv|3: patient 'A', day 1 is there twice"},
    {"A,1.5,95,0.21,,\n", "not a whole number"},
    {"B,1,95,0.21,,\n", "/outcomes.csv|2: patient 'B' has no clip"},
    {"A,1,950,0.21,,\n", "950"},
    {"A,1,95,21,,\n", "FiO2"},
    {"A,1,95,,,\n", "give fio2"},
    {"A,1,95,,x,\n", "'x'"},
    {"A,1,95,0.21,,2\n", "readmitted_30d"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autofree char *text = g_strconcat("patient,day,spo2_percent,fio2,o2_l_min,readmitted_30d\n", wrong[i][0], NULL);
    put(f, "outcomes.csv", text);
    expect(f, wrong[i][1]);
  }
  put(f, "outcomes.csv", "patient,day\nA,1\n");
  expect(f, "spo2_percent");
}

static void test_empty(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *labels = g_build_filename(f->folder, "labels", NULL);
  folder_remove(labels);
  expect(f, "/labels|the data set has no labels");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add("/check/good", Fixture, NULL, set_up, test_good, tear_down);
  g_test_add("/check/labels", Fixture, NULL, set_up, test_labels, tear_down);
  g_test_add("/check/fusion", Fixture, NULL, set_up, test_fusion, tear_down);
  g_test_add("/check/clips", Fixture, NULL, set_up, test_clips, tear_down);
  g_test_add("/check/manifest", Fixture, NULL, set_up, test_manifest, tear_down);
  g_test_add("/check/outcomes", Fixture, NULL, set_up, test_outcomes, tear_down);
  g_test_add("/check/empty", Fixture, NULL, set_up, test_empty, tear_down);
  return g_test_run();
}
