/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"
#include "learn/dataset.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE };

static const char manifest[] =
  "{\"version\": 1, \"licence\": \"\", \"classes\": [\"pleural_line\", \"vertical_line\"], \"patients\": [\"A\", "
  "\"B\"],"
  " \"splits\": {\"train\": [\"A\", \"B\"], \"validation\": [], \"test\": []}, \"clips\": ["
  "{\"file\": \"A_d1_R1.txt\", \"patient\": \"A\", \"day\": 1, \"zone\": \"R1\"},"
  "{\"file\": \"B_d1_L2.txt\", \"patient\": \"B\", \"day\": 1, \"zone\": \"L2\"},"
  "{\"file\": \"A_d2_R1.txt\", \"patient\": \"A\", \"day\": 2, \"zone\": \"R1\"}]}";

typedef struct {
  char *folder;
  LusDataset *dataset;
} Fixture;

static void write_text(const Fixture *f, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(f->folder, name, NULL);
  g_assert_true(lus_file_write(path, text, strlen(text), NULL));
}

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
  write_text(f, "dataset.json", manifest);
  write_text(f, "A_d1_R1.txt", "32x32 5");
  write_text(f, "B_d1_L2.txt", "32x32 3");
  g_autoptr(GError) error = NULL;
  f->dataset = lus_dataset_load(f->folder, &error);
  g_assert_no_error(error);
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  lus_dataset_free(f->dataset);
  folder_remove(f->folder);
  g_free(f->folder);
}

/** Labels/@annotator/@clip/frame@frame.@class_name.png: one value everywhere, but @left at the left half. */
static void label(const Fixture *f, const char *annotator, const char *clip, int frame, const char *class_name,
                  int side, guint8 left, guint8 value)
{
  g_autofree char *folder = g_build_filename(f->folder, "labels", annotator, clip, NULL);
  g_assert_cmpint(g_mkdir_with_parents(folder, 0777), ==, 0);
  g_autofree char *path = g_strdup_printf("%s/frame%06d.%s.png", folder, frame, class_name);
  g_autofree guint8 *plane = g_malloc((gsize)side * side);
  for (int i = 0; i < side * side; i++)
    plane[i] = i % side < side / 2 ? left : value;
  g_assert_true(lus_label_write(path, plane, side, side, NULL));
}

static LusSamples *load(const Fixture *f, LusSplit split, GError **error)
{
  return lus_samples_load(f->dataset, split, SIDE, SIDE, text_source_open, NULL, NULL, NULL, error);
}

/** Two annotators: their mean, the other one where one ignores, 255 where both do or nobody said anything. */
static void test_load(Fixture *f, gconstpointer data)
{
  (void)data;
  label(f, "ann", "A_d1_R1", 0, "pleural_line", SIDE, 40, 255);
  label(f, "bob", "A_d1_R1", 0, "pleural_line", SIDE, 81, 30);
  label(f, "bob", "A_d1_R1", 3, "vertical_line", SIDE, 255, 90);
  label(f, "ann", "B_d1_L2", 2, "pleural_line", SIDE, 5, 5);
  label(f, "ann", "B_d1_L2", 2, "other_class", SIDE, 5, 5);
  label(f, "ann", "B_d1_L2", 1, "other_class", SIDE, 5, 5); /* not one of the data set's: frame 1 is not labelled */
  g_autoptr(GError) error = NULL;
  g_autoptr(LusSamples) s = load(f, LUS_SPLIT_TRAIN, &error);
  g_assert_no_error(error);
  g_assert_cmpint(s->n, ==, 3);
  g_assert_cmpint(s->n_classes, ==, 2);
  g_assert_cmpstr(s->names[0], ==, "A_d1_R1/0");
  g_assert_cmpstr(s->names[1], ==, "A_d1_R1/3");
  g_assert_cmpstr(s->names[2], ==, "B_d1_L2/2");
  g_assert_cmpint(s->group[0], ==, 0);
  g_assert_cmpint(s->group[1], ==, 0);
  g_assert_cmpint(s->group[2], ==, 1);
  const int left = 10 * SIDE + 6, right = 10 * SIDE + 25;
  const struct {
    int sample, class_index, left, right;
  } expected[] = {{0, 0, 61, 30},  {0, 1, 255, 255}, {1, 0, 255, 255},
                  {1, 1, 255, 90}, {2, 0, 5, 5},     {2, 1, 255, 255}};
  for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
    const guint8 *plane = s->labels + (expected[i].sample * 2 + expected[i].class_index) * PIXELS;
    g_assert_cmpint(plane[left], ==, expected[i].left);
    g_assert_cmpint(plane[right], ==, expected[i].right);
  }
  g_assert_cmpint(s->luma[left], ==, 100);
  g_assert_cmpint(s->luma[PIXELS + left], ==, 103);
  g_assert_cmpint(s->luma[2 * PIXELS + left], ==, 102);
}

/** Beside the crop of a frame that is no square, a class is absent if it is labelled, and else as unknown as within. */
static void test_unlabelled(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 plane[SIDE * 20];
  memset(plane, 40, sizeof plane);
  write_text(f, "A_d1_R1.txt", "32x20 5");
  g_autofree char *folder = g_build_filename(f->folder, "labels", "ann", "A_d1_R1", NULL);
  g_autofree char *path = g_build_filename(folder, "frame000000.pleural_line.png", NULL);
  g_assert_cmpint(g_mkdir_with_parents(folder, 0777), ==, 0);
  g_assert_true(lus_label_write(path, plane, SIDE, 20, NULL));
  g_autoptr(GError) error = NULL;
  g_autoptr(LusSamples) s = load(f, LUS_SPLIT_TRAIN, &error);
  g_assert_no_error(error);
  g_assert_cmpint(s->labels[0], ==, 40);
  g_assert_cmpint(s->labels[PIXELS - 1], ==, 0);
  for (int i = 0; i < PIXELS; i++)
    g_assert_cmpint(s->labels[PIXELS + i], ==, 255);
}

static void test_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_assert_null(load(f, LUS_SPLIT_TRAIN, &error));
  assert_error(error, LUS_ERROR_INVALID, "no labelled frames in split 'train'");
  label(f, "ann", "A_d1_R1", 0, "pleura", SIDE, 5, 5);
  g_assert_null(load(f, LUS_SPLIT_TRAIN, &error));
  assert_error(error, LUS_ERROR_INVALID, "the classes asked for are pleural_line, vertical_line");
  label(f, "ann", "B_d1_L2", 3, "pleural_line", SIDE, 5, 5);
  g_assert_null(load(f, LUS_SPLIT_TRAIN, &error));
  assert_error(error, LUS_ERROR_INVALID, "B_d1_L2.txt: has 3 frames, but frame 3 is labelled");
  label(f, "ann", "A_d1_R1", 0, "pleural_line", 20, 5, 5);
  g_assert_null(load(f, LUS_SPLIT_TRAIN, &error));
  assert_error(error, LUS_ERROR_INVALID, "20 x 20 pixels, but the clip's frames have 32 x 32");
  write_text(f, "labels/ann/A_d1_R1/frame000000.pleural_line.png", "text");
  g_assert_null(load(f, LUS_SPLIT_TRAIN, &error));
  assert_error(error, LUS_ERROR_INVALID, "not a PNG");
  folder_remove(f->folder);
  g_mkdir(f->folder, 0777);
  label(f, "ann", "A_d1_R1", 0, "pleural_line", SIDE, 5, 5);
  g_assert_null(load(f, LUS_SPLIT_TRAIN, &error));
  assert_error(error, LUS_ERROR_IO, "A_d1_R1.txt");
}

static void test_simulate(void)
{
  enum { N = 5 };
  g_autoptr(GError) error = NULL;
  LusParallel *pool = lus_parallel_new(3);
  g_autoptr(LusSamples) a = lus_samples_simulate(N, 7, 0, 64, 96, NULL, NULL, NULL, &error);
  g_autoptr(LusSamples) b = lus_samples_simulate(N, 7, 0, 64, 96, pool, NULL, NULL, &error);
  g_autoptr(LusSamples) c = lus_samples_simulate(2, 7, 3, 64, 96, pool, NULL, NULL, &error);
  g_autoptr(LusSamples) d = lus_samples_simulate(2, 8, 3, 64, 96, pool, NULL, NULL, &error);
  lus_parallel_free(pool);
  g_assert_no_error(error);
  gsize pixels = 64 * 96;
  g_assert_cmpmem(a->luma, N * pixels, b->luma, N * pixels);
  g_assert_cmpmem(a->labels, 3 * N * pixels, b->labels, 3 * N * pixels);
  g_assert_cmpmem(a->luma + 3 * pixels, 2 * pixels, c->luma, 2 * pixels);
  g_assert_cmpmem(a->labels + 9 * pixels, 6 * pixels, c->labels, 6 * pixels);
  g_assert_true(memcmp(c->luma, d->luma, 2 * pixels) != 0);
  g_assert_cmpstr(c->names[1], ==, "phantom/4");
  gsize lit = 0, positive = 0;
  for (gsize i = 0; i < 3 * N * pixels; i++) {
    g_assert_true(a->labels[i] <= 100 || a->labels[i] == 255);
    positive += a->labels[i] >= 60 && a->labels[i] <= 100;
  }
  for (gsize i = 0; i < N * pixels; i++)
    lit += a->luma[i] > 3;
  g_assert_cmpuint(lit, >, N * pixels / 10);
  g_assert_cmpuint(positive, >, 10);
}

static gboolean stop(gpointer data, const char *what, gint64 done, gint64 total)
{
  (void)data;
  (void)what;
  (void)done;
  (void)total;
  return FALSE;
}

static void test_simulate_errors(void)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_samples_simulate(0, 1, 0, 64, 64, NULL, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "0 stills");
  g_assert_null(lus_samples_simulate(1, 1, 0, 64, 15, NULL, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "64 x 15");
  g_assert_null(lus_samples_simulate(2, 1, 0, 32, 32, NULL, stop, NULL, &error));
  assert_error(error, LUS_ERROR_CANCELLED, "stopped");
}

#define ADD(name) g_test_add("/samples/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD(load);
  ADD(unlabelled);
  ADD(errors);
  g_test_add_func("/samples/simulate", test_simulate);
  g_test_add_func("/samples/simulate_errors", test_simulate_errors);
  return g_test_run();
}
