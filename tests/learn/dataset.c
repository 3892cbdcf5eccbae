/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"
#include "folder.h"
#include "learn/dataset.h"

#define HEAD "\"version\": 1, \"licence\": \"CC0\", "
#define CLASSES "\"classes\": [\"pleural_line\", \"b-line\"], "
#define PATIENTS "\"patients\": [\"A\", \"B\", \"C.1\"], "
#define SPLITS "\"splits\": {\"train\": [\"A\"], \"validation\": [\"C.1\"], \"test\": [\"B\"]}, "
#define CLIP_A "{\"file\": \"clips/A_d1_R1.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\"}"
#define CLIP_B "{\"file\": \"clips/B_d2_L3.mp4\", \"patient\": \"B\", \"day\": 2, \"zone\": \"L3\", \"mm_per_pixel\": 0.25}"
#define CLIPS "\"clips\": [" CLIP_A ", " CLIP_B "]"

static LusDataset *load(const Fixture *f, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(f->folder, "dataset.json", NULL);
  g_assert_true(lus_file_write(path, text, strlen(text), NULL));
  return lus_dataset_load(f->folder, error);
}

static void test_load(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autoptr(LusDataset) d = load(f, "\xef\xbb\xbf{" HEAD CLASSES PATIENTS SPLITS CLIPS "}", &error);
  g_assert_no_error(error);
  g_assert_cmpint(d->version, ==, 1);
  g_assert_cmpstr(d->licence, ==, "CC0");
  g_assert_cmpstr(d->path, ==, f->folder);
  g_assert_cmpint(d->n_classes, ==, 2);
  g_assert_cmpstr(d->classes[1], ==, "b-line");
  g_assert_cmpint(d->n_clips, ==, 2);
  g_assert_cmpstr(d->clips[0].name, ==, "A_d1_R1");
  g_assert_cmpstr(d->clips[1].file, ==, "clips/B_d2_L3.mp4");
  g_assert_cmpstr(d->clips[1].patient, ==, "B");
  g_assert_cmpstr(d->clips[1].zone, ==, "L3");
  g_assert_cmpint(d->clips[1].day, ==, 2);
  assert_near(d->clips[0].mm_per_pixel, 0, 0);
  assert_near(d->clips[1].mm_per_pixel, 0.25, 0);
  g_assert_cmpint(d->clips[0].split, ==, LUS_SPLIT_TRAIN);
  g_assert_cmpint(d->clips[1].split, ==, LUS_SPLIT_TEST);
  g_assert_cmpstr(lus_split_name(LUS_SPLIT_VALIDATION), ==, "validation");
}

static void test_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  const struct {
    const char *text, *part;
  } cases[] = {
    {"", "dataset.json: line"},
    {"[1, 2]", "must hold a JSON object"},
    {"{" HEAD "\"version\": 1}", "duplicate"},
    {"{" HEAD CLASSES PATIENTS SPLITS CLIPS "} x", "line 1"},
    {"{" HEAD CLASSES PATIENTS SPLITS "\"clip\": []}", "unknown key 'clip'"},
    {"{\"licence\": \"\"}", "'version' is missing"},
    {"{\"version\": \"1\", \"licence\": \"\"}", "'version' is missing or not a whole number"},
    {"{\"version\": 2, \"licence\": \"\"}", "reads version 1"},
    {"{\"version\": 1}", "'licence' is missing"},
    {"{" HEAD PATIENTS SPLITS CLIPS "}", "'classes' must be a list"},
    {"{" HEAD "\"classes\": []," PATIENTS SPLITS CLIPS "}", "'classes' must be a list"},
    {"{" HEAD "\"classes\": [\"a\", \"a\"]," PATIENTS SPLITS CLIPS "}", "classes[1]: 'a' is there twice"},
    {"{" HEAD "\"classes\": [\"../a\"]," PATIENTS SPLITS CLIPS "}", "classes[0]"},
    {"{" HEAD "\"classes\": [\"ignore\"]," PATIENTS SPLITS CLIPS "}", "not 'ignore'"},
    {"{" HEAD "\"classes\": [7]," PATIENTS SPLITS CLIPS "}", "classes[0]"},
    {"{" HEAD CLASSES PATIENTS CLIPS "}", "'splits' must be an object"},
    {"{" HEAD CLASSES PATIENTS "\"splits\": {\"train\": [], \"test\": []}, " CLIPS "}", "'validation' is missing"},
    {"{" HEAD CLASSES PATIENTS "\"splits\": {\"training\": []}, " CLIPS "}", "unknown key 'training'"},
    {"{" HEAD CLASSES PATIENTS
     "\"splits\": {\"train\": [\"A\", \"B\"], \"validation\": [], \"test\": [\"A\"]}, " CLIPS "}",
     "patient 'A' is in split 'train' and again in 'test'"},
    {"{" HEAD CLASSES PATIENTS "\"splits\": {\"train\": [\"A\", 3], \"validation\": [], \"test\": []}, " CLIPS "}",
     "splits.train[1]"},
    {"{" HEAD CLASSES "\"patients\": [\"A\", \"B\", \"C.1\", \"D\"], " SPLITS CLIPS "}",
     "patients[3]: 'D' is in no split"},
    {"{" HEAD CLASSES "\"patients\": [\"A\", \"B\"], " SPLITS CLIPS "}", "lists 2 patients, the splits hold 3"},
    {"{" HEAD CLASSES SPLITS CLIPS "}", "'patients' must be a list"},
    {"{" HEAD CLASSES PATIENTS SPLITS "\"clips\": {}}", "'clips' must be a list"},
    {"{" HEAD CLASSES PATIENTS SPLITS "\"clips\": [5]}", "clips[0]: must be an object"},
    {"{" HEAD CLASSES PATIENTS SPLITS "\"clips\": [" CLIP_A ", " CLIP_A "]}",
     "clips[1]: clip 'A_d1_R1' is there twice"},
    {"{" HEAD CLASSES PATIENTS SPLITS "\"clips\": [{\"patient\": \"A\"}]}", "clips[0]: key 'file' is missing"},
    {"{" HEAD CLASSES PATIENTS SPLITS "\"clips\": [{\"file\": \"a.mkv\", \"patient\": \"A\", \"zone\": \"R1\"}]}",
     "'day'"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"a.mkv\", \"patient\": \"A\", \"day\": 0, \"zone\": \"R1\"}]}",
     "'day'"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"a.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\", \"mm_per_pixel\": 0}]}",
     "clips[0]: key 'mm_per_pixel' must be a number of 0.001 to 10"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"a.mkv\", \"patient\": \"Z\", \"day\": 1, \"zone\": \"R1\"}]}",
     "patient 'Z' is in no split"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"a.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"X1\"}]}",
     "zone 'X1' is unknown"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"../a.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\"}]}",
     "inside of the data set"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"/etc/a.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\"}]}",
     "inside of the data set"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"a b.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\"}]}",
     "must have a name of letters"},
    {"{" HEAD CLASSES PATIENTS SPLITS
     "\"clips\": [{\"file\": \"a.mkv\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\", \"frames\": 3}]}",
     "unknown key 'frames'"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_test_message("%s", cases[i].text);
    g_assert_null(load(f, cases[i].text, &error));
    g_assert_nonnull(strstr(error->message, f->folder));
    assert_error(error, LUS_ERROR_INVALID, cases[i].part);
  }
}

static void test_missing(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_dataset_load(f->folder, &error));
  assert_error(error, LUS_ERROR_IO, "a data set is a folder with a dataset.json");
}

static void test_nesting(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *deep = g_strnfill(200000, '[');
  g_autoptr(GError) error = NULL;
  g_assert_null(load(f, deep, &error));
  assert_error(error, LUS_ERROR_INVALID, "line 1");
}

static void test_select_classes(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autoptr(LusDataset) d = load(f, "{" HEAD CLASSES PATIENTS SPLITS CLIPS "}", &error);
  char *const names[] = {(char[]){"a_line"}, (char[]){"pleural_line"}, (char[]){"x/y"}};
  g_assert_true(lus_dataset_select_classes(d, 2, names, &error));
  g_assert_cmpint(d->n_classes, ==, 2);
  g_assert_cmpstr(d->classes[0], ==, "a_line");
  g_assert_cmpstr(d->classes[1], ==, "pleural_line");
  g_assert_false(lus_dataset_select_classes(d, 3, names, &error));
  assert_error(error, LUS_ERROR_INVALID, "'x/y'");
}

#define ADD(name) g_test_add("/dataset/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD(load);
  ADD(errors);
  ADD(missing);
  ADD(nesting);
  ADD(select_classes);
  return g_test_run();
}
