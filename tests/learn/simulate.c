/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"
#include "learn/dataset.h"

typedef struct {
  char *folder;
  int created; /* clips begun */
  gint64 stop_at;
  LusSimulateConfig config;
} Fixture;

static gboolean progress(gpointer data, const char *what, gint64 done, gint64 total)
{
  const Fixture *f = data;
  g_assert_cmpstr(what, ==, "simulating clips");
  g_assert_cmpint(done, <=, total);
  return done != f->stop_at;
}

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
  f->config = (LusSimulateConfig){.patients = 1,
                                  .seed = 4,
                                  .frames = 2,
                                  .width = 64,
                                  .height = 48,
                                  .experts = 1,
                                  .create = text_sink_create,
                                  .user_data = &f->created,
                                  .progress = progress,
                                  .progress_data = f};
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  folder_remove(f->folder);
  g_free(f->folder);
}

static guint8 *read_file(const Fixture *f, const char *name, gsize *length)
{
  g_autofree char *path = g_build_filename(f->folder, name, NULL);
  return lus_file_read(path, 1000000, length, NULL);
}

static gboolean exists(const Fixture *f, const char *name)
{
  gsize length;
  g_autofree guint8 *data = read_file(f, name, &length);
  return data != NULL;
}

static void simulate(Fixture *f)
{
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_dataset_simulate(f->folder, &f->config, &error));
  g_assert_no_error(error);
}

static void test_contract(Fixture *f, gconstpointer data)
{
  (void)data;
  f->config.patients = f->config.experts = 2;
  simulate(f);
  g_assert_cmpint(f->created, ==, 24);
  g_autoptr(GError) error = NULL;
  g_autoptr(LusDataset) d = lus_dataset_load(f->folder, &error);
  g_assert_no_error(error);
  g_assert_cmpint(d->n_clips, ==, 24);
  g_assert_cmpint(d->n_classes, ==, 3);
  g_assert_cmpstr(d->classes[2], ==, "vertical_line");
  g_assert_cmpstr(d->clips[0].name, ==, "P0001_d1_R1");
  g_assert_cmpstr(d->clips[23].file, ==, "clips/P0002_d2_L3.mkv");
  g_assert_cmpint(d->clips[23].day, ==, 2);
  g_assert_true(exists(f, "clips/P0002_d2_L3.mkv"));
  g_assert_true(exists(f, "labels/expert1/P0001_d2_L2/frame000000.fascia_band.png"));
  g_assert_true(exists(f, "labels/expert2/P0002_d1_R3/frame000000.vertical_line.png"));
  g_assert_false(exists(f, "labels/expert3/P0002_d1_R3/frame000000.vertical_line.png"));

  gsize length;
  g_autofree char *outcomes = (char *)read_file(f, "outcomes.csv", &length);
  g_auto(GStrv) lines = g_strsplit(outcomes, "\n", -1);
  g_assert_cmpint(g_strv_length(lines), ==, 6); /* the last is empty */
  g_assert_cmpstr(lines[0], ==, "patient,day,spo2_percent,fio2,o2_l_min,readmitted_30d,readmission_risk");
  g_assert_true(g_str_has_prefix(lines[4], "P0002,2,"));
}

static void test_samples(Fixture *f, gconstpointer data)
{
  (void)data;
  simulate(f);
  g_autoptr(GError) error = NULL;
  g_autoptr(LusDataset) d = lus_dataset_load(f->folder, &error);
  g_autoptr(LusSamples) s = lus_samples_load(d, LUS_SPLIT_TRAIN, 64, 64, text_source_open, NULL, NULL, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpint(s->n, ==, 12); /* one patient is too few for the other splits */
  g_assert_cmpstr(s->names[11], ==, "P0001_d2_L3/0");
}

static void test_interrupted(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  f->stop_at = 3;
  g_assert_false(lus_dataset_simulate(f->folder, &f->config, &error));
  assert_error(error, LUS_ERROR_CANCELLED, "stopped after 3 of 12 clips");
  g_assert_cmpint(f->created, ==, 3);
  g_assert_false(exists(f, "dataset.json"));
  f->stop_at = 0;
  simulate(f);
  g_assert_cmpint(f->created, ==, 12);
  g_assert_true(exists(f, "dataset.json"));
  simulate(f);
  g_assert_cmpint(f->created, ==, 12);
}

static void refuses(Fixture *f, int code, const char *part)
{
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_dataset_simulate(f->folder, &f->config, &error));
  assert_error(error, code, part);
}

static void test_other_folder(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *path = g_build_filename(f->folder, "holiday.txt", NULL);
  g_assert_true(lus_file_write(path, "x", 1, NULL));
  refuses(f, LUS_ERROR_INVALID, "is not empty");
  g_unlink(path);
  simulate(f);
  f->config.seed = 5;
  refuses(f, LUS_ERROR_INVALID, "other settings");
  f->config.seed = 4;
  f->config.width = 80;
  refuses(f, LUS_ERROR_INVALID, "other settings");
  g_assert_cmpint(f->created, ==, 12);
}

static void test_limits(Fixture *f, gconstpointer data)
{
  (void)data;
  f->config.patients = 0;
  refuses(f, LUS_ERROR_INVALID, "0 patients; give 1 to");
  f->config.patients = 1;
  f->config.height = 15;
  refuses(f, LUS_ERROR_INVALID, "15 pixels of height");
  f->config.height = 48;
  f->config.frames = -1;
  refuses(f, LUS_ERROR_INVALID, "-1 frames");
}

/** Same seed, same files; each patient in one split. */
static void test_reproducible(Fixture *f, gconstpointer data)
{
  (void)data;
  static const char *const files[] = {"dataset.json", "outcomes.csv",
                                      "labels/expert1/P0001_d1_R2/frame000000.pleural_line.png"};
  simulate(f);
  guint8 *before[3];
  gsize length[3];
  for (int i = 0; i < 3; i++)
    before[i] = read_file(f, files[i], &length[i]);
  folder_remove(f->folder);
  simulate(f);
  for (int i = 0; i < 3; i++) {
    gsize n = 0;
    g_autofree guint8 *after = read_file(f, files[i], &n);
    g_assert_cmpmem(after, n, before[i], length[i]);
    g_free(before[i]);
  }
}

static void test_splits(Fixture *f, gconstpointer data)
{
  (void)data;
  f->config.patients = 3;
  f->config.frames = 1;
  f->config.width = f->config.height = 32;
  simulate(f);
  g_autoptr(LusDataset) d = lus_dataset_load(f->folder, NULL);
  int n[LUS_SPLIT_N] = {0};
  for (int i = 0; i < d->n_clips; i++)
    n[d->clips[i].split]++;
  g_assert_cmpint(n[LUS_SPLIT_TRAIN], ==, 1 * 12);
  g_assert_cmpint(n[LUS_SPLIT_VALIDATION], ==, 1 * 12);
  g_assert_cmpint(n[LUS_SPLIT_TEST], ==, 1 * 12);
}

#define ADD(name) g_test_add("/simulate/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD(contract);
  ADD(samples);
  ADD(interrupted);
  ADD(other_folder);
  ADD(limits);
  ADD(reproducible);
  ADD(splits);
  return g_test_run();
}
