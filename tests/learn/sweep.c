/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/sweep-internal.h"
#include "learn/tables.h"
#include "learn/train-lock.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/rng.h"

/** Sweeps whose trainings are a stand-in: networks that give back the picture, so that results are known. */

enum { SIDE = 32, PIXELS = SIDE * SIDE, PATIENTS = 7, SAMPLES = 2 * PATIENTS };

/** Two samples per patient: a square of luma 204 whose label is 70 %; patient 3's second one has none. */
static LusSamples *make_samples(void)
{
  LusSamples *s = g_new0(LusSamples, 1);
  *s = (LusSamples){.n = SAMPLES, .n_classes = 1, .width = SIDE, .height = SIDE};
  s->luma = g_malloc0_n(SAMPLES, PIXELS);
  s->labels = g_malloc0_n(SAMPLES, PIXELS);
  s->group = g_new0(int, SAMPLES);
  s->names = g_new0(char *, SAMPLES);
  s->patients = g_new0(char *, PATIENTS + 1);
  for (int i = 0; i < SAMPLES; i++) {
    s->group[i] = i / 2;
    s->names[i] = g_strdup_printf("P%d_d%d_R1/0", i / 2, i % 2 + 1);
    if (i % 2 == 0)
      s->patients[i / 2] = g_strdup_printf("P%d", i / 2);
    for (int p = 0; p < PIXELS && i != 7; p++)
      if (p % SIDE >= 8 && p % SIDE < 18 && p / SIDE >= 4 + i / 2 && p / SIDE < 20) {
        s->luma[i * PIXELS + p] = 204;
        s->labels[i * PIXELS + p] = 70;
      }
  }
  return s;
}

typedef struct {
  int calls, fail_at; /* fail_at: the call that is interrupted, 0: none */
  int measured;
  GString *notes;
} Trainings;

/** Weaker for higher levels: at 100 % the square is below the threshold. */
static gboolean train(gpointer user_data, const LusTarget *target, guint64 seed, const LusSamples *training,
                      const LusSamples *held_out, const char *model, const char *checkpoint, GError **error)
{
  Trainings *t = user_data;
  (void)seed;
  g_assert_cmpint(training->n + held_out->n, <, SAMPLES);
  if (++t->calls == t->fail_at) {
    g_assert_true(lus_file_write(checkpoint, "half", 4, error));
    g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "stopped");
    return FALSE;
  }
  LusGraph *graph = lus_graph_new();
  LusTensor *weight = lus_tensor_new(4, (int[]){1, 1, 1, 1}, error);
  weight->data[0] = target->level >= 100 ? 0.5f : 1.0f;
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 1;
  int input = lus_graph_add_input(graph, "x"), constant = lus_graph_add_constant(graph, "w", weight);
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "y", 2, (int[]){input, constant}, &attrs));
  LusModelInfo info;
  lus_model_info_init(&info);
  for (int k = 1; k < 3; k++)
    g_clear_pointer(&info.classes[k], g_free);
  info.n_classes = 1;
  info.width = info.height = SIDE;
  info.logits = FALSE;
  info.normalise = (LusNormalise){.mode = LUS_NORMALISE_FIXED, .mean = 0, .std = 1};
  gboolean ok = lus_model_save(graph, &info, model, error);
  lus_model_info_clear(&info);
  lus_graph_free(graph);
  return ok;
}

static const double levels[] = {20, 60, 80};
static const LusTarget targets[] = {{.method = LUS_TARGET_THRESHOLD, .level = 20},
                                    {.method = LUS_TARGET_THRESHOLD, .level = 60},
                                    {.method = LUS_TARGET_THRESHOLD, .level = 100}};

static LusSweepConfig make_config(const char *folder, const LusSamples *samples, Trainings *trainings)
{
  return (LusSweepConfig){.path = folder, .command = "lus sweep <data>", .data_name = "squares",
                          .settings = "steps 5\n", .n_targets = 3, .targets = targets, .folds = 3, .seeds = 1, .seed = 1,
                          .shards = 1, .samples = samples, .levels = levels, .n_levels = 3, .threads = 1, .train = train,
                          .user_data = trainings};
}

static void test_roles(void)
{
  g_autoptr(LusSamples) samples = make_samples();
  g_autoptr(GError) error = NULL;
  LusSweepConfig c = make_config("/", samples, NULL);
  int tested[PATIENTS] = {0};
  LusSplit roles[SAMPLES];
  for (int fold = 0; fold < 3; fold++) {
    int n[LUS_SPLIT_N] = {0};
    g_assert_true(lus_sweep_roles(roles, &c, fold, &error));
    for (int i = 0; i < SAMPLES; i++) {
      g_assert_cmpint(roles[i], ==, roles[i / 2 * 2]); /* a patient has one role */
      n[roles[i]]++;
      tested[i / 2] += i % 2 == 0 && roles[i] == LUS_SPLIT_TEST;
    }
    g_assert_cmpint(n[LUS_SPLIT_VALIDATION], ==, 2); /* 15 % of 4 or 5 patients: one */
    g_assert_cmpint(n[LUS_SPLIT_TEST], ==, fold == 0 ? 6 : 4);
  }
  for (int p = 0; p < PATIENTS; p++)
    g_assert_cmpint(tested[p], ==, 1);
  c.folds = 7;
  g_assert_true(lus_sweep_roles(roles, &c, 6, &error));
  c.folds = 8;
  g_assert_false(lus_sweep_roles(roles, &c, 0, &error)); /* at once, not when the empty fold's turn comes */
  assert_error(error, LUS_ERROR_INVALID, "7 patients are too few for 8 folds");
  LusSplit splits[PATIENTS] = {LUS_SPLIT_TRAIN, LUS_SPLIT_VALIDATION, LUS_SPLIT_TEST};
  c.folds = 1;
  c.splits = splits;
  g_assert_true(lus_sweep_roles(roles, &c, 0, &error));
  g_assert_cmpint(roles[5], ==, LUS_SPLIT_TEST);
  splits[1] = LUS_SPLIT_TRAIN;
  g_assert_false(lus_sweep_roles(roles, &c, 0, &error));
  assert_error(error, LUS_ERROR_INVALID, "no labelled frames in split 'validation'");
}

static void check_report(const LusSweepConfig *c)
{
  static const char *const files[] = {"dice.png", "dice-fitted.svg", "reliability.png", "patients/threshold-60.csv"};
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_sweep_report(c, &error));
  g_assert_no_error(error);
  for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(c->path, files[i], NULL);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
  }
  g_autofree char *csv_path = g_build_filename(c->path, "sweep.csv", NULL), *csv = NULL;
  g_assert_true(g_file_get_contents(csv_path, &csv, NULL, &error));
  g_assert_nonnull(strstr(csv, "threshold:60,pleural_line,60,threshold,1,1,1,0,0,0,1,1,1,1,1,1,0,0,0,0,0,0\n"));
  /* Half of 80 % is no mask at 60 %; where the cut may move, nothing is lost. */
  g_assert_nonnull(strstr(csv, "threshold:100,pleural_line,60,threshold,0,0,0,-1,-1,-1,"));
  g_assert_nonnull(strstr(csv, "threshold:100,pleural_line,60,fitted,1,1,1,0,0,0,"));
  g_autofree char *html_path = g_build_filename(c->path, "report.html", NULL), *html = NULL;
  g_assert_true(g_file_get_contents(html_path, &html, NULL, &error));
  g_assert_nonnull(strstr(html, "lus sweep &lt;data&gt;"));
  g_assert_nonnull(strstr(html, "7 patients, 14 samples"));
  g_assert_nonnull(strstr(html, "data:image/svg+xml;base64,"));
  g_assert_nonnull(strstr(html, "data:image/png;base64,"));
  g_assert_null(strstr(html, "src=\"http"));
}

/** Stopped, repeated, shared out, damaged, other settings. */
static void test_run(void)
{
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = make_samples();
  g_autoptr(GError) error = NULL;
  Trainings t = {.fail_at = 3};
  LusSweepConfig c = make_config(folder, samples, &t);
  int missing = -1;
  g_assert_false(lus_sweep_run(&c, &missing, &error));
  assert_error(error, LUS_ERROR_CANCELLED, "threshold-100_fold1_seed1: stopped");
  g_autofree char *half = g_build_filename(folder, "jobs", "threshold-100_fold1_seed1", "checkpoint", NULL);
  g_assert_true(g_file_test(half, G_FILE_TEST_EXISTS));
  t = (Trainings){0};
  c.shard = 0;
  c.shards = 2; /* jobs 0, 2, 4, 6, 8, of which 0 is done, and 1 is done already */
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_cmpint(t.calls, ==, 4);
  g_assert_cmpint(missing, ==, 3);
  g_assert_false(g_file_test(half, G_FILE_TEST_EXISTS));
  c.shard = 1;
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_cmpint(t.calls, ==, 7);
  g_assert_cmpint(missing, ==, 0);
  check_report(&c);

  c.shard = 0;
  c.shards = 1;
  g_autofree char *result = g_build_filename(folder, "jobs", "threshold-20_fold2_seed1", "result.bin", NULL);
  g_assert_true(lus_file_write(result, "LUSSWEEP", 8, &error));
  g_assert_false(lus_sweep_report(&c, &error));
  assert_error(error, LUS_ERROR_INVALID, "threshold-20_fold2_seed1/result.bin: is no result of a sweep");
  g_assert_true(lus_sweep_run(&c, &missing, &error)); /* that one alone again */
  g_assert_cmpint(t.calls, ==, 8);
  c.settings = "steps 6\n";
  g_assert_false(lus_sweep_run(&c, &missing, &error));
  assert_error(error, LUS_ERROR_INVALID, "it has 'steps 5', this one 'steps 6'");
  c.settings = "steps 5\n";
  samples->labels[0] ^= 1;
  g_assert_false(lus_sweep_run(&c, &missing, &error));
  assert_error(error, LUS_ERROR_INVALID, "belongs to another sweep");
  samples->labels[0] ^= 1;
  samples->mm_per_pixel = g_new0(double, SAMPLES);
  samples->mm_per_pixel[0] = 0.3;
  g_assert_false(lus_sweep_run(&c, &missing, &error));
  assert_error(error, LUS_ERROR_INVALID, "belongs to another sweep");
  g_assert_cmpint(t.calls, ==, 8);
  folder_remove(folder);
}

/** What another process did meanwhile: the other part, while this one is at a job. */
typedef struct {
  LusSweepConfig other;
  Trainings trainings;
  int calls;
} Meanwhile;

static gboolean train_meanwhile(gpointer user_data, const LusTarget *target, guint64 seed, const LusSamples *training,
                                const LusSamples *held_out, const char *model, const char *checkpoint, GError **error)
{
  Meanwhile *m = user_data;
  int missing = -1;
  if (++m->calls == 4) {
    g_assert_true(lus_sweep_run(&m->other, &missing, error));
    g_assert_cmpint(missing, ==, 1); /* the job that this one is at */
  }
  return train(&m->trainings, target, seed, training, held_out, model, checkpoint, error);
}

/** The part that ends last finds no job missing, also of those that it passed before the other part had done them. */
static void test_last_part(void)
{
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = make_samples();
  g_autoptr(GError) error = NULL;
  Meanwhile m = {.calls = 0};
  m.other = make_config(folder, samples, &m.trainings);
  m.other.shards = 2;
  LusSweepConfig c = m.other;
  c.shard = 1;
  c.train = train_meanwhile;
  c.user_data = &m;
  int missing = -1;
  g_assert_true(lus_sweep_run(&c, &missing, &error)); /* jobs 1, 3, 5, 7 */
  g_assert_cmpint(m.calls, ==, 4);
  g_assert_cmpint(m.trainings.calls, ==, 9);
  g_assert_cmpint(missing, ==, 0);
  folder_remove(folder);
}

/** Lengths are in mm where every clip's scale is known; where one is not, in no fold. */
static void test_unit(void)
{
  g_autoptr(LusSamples) samples = make_samples();
  g_autoptr(GError) error = NULL;
  samples->mm_per_pixel = g_new0(double, SAMPLES);
  for (int known = SAMPLES - 1; known <= SAMPLES; known++) {
    g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "sweep.csv", NULL), *csv = NULL;
    Trainings t = {0};
    LusSweepConfig c = make_config(folder, samples, &t);
    int missing = -1;
    for (int i = 0; i < known; i++)
      samples->mm_per_pixel[i] = 0.3;
    g_assert_true(lus_sweep_run(&c, &missing, &error));
    g_assert_true(lus_sweep_report(&c, &error));
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(path, &csv, NULL, &error));
    g_assert_nonnull(strstr(csv, known == SAMPLES ? ",distance_mm," : ",distance_sector_percent,"));
    folder_remove(folder);
  }
}

/** A result file read again is the same; damaged ones are errors, also where the checksum has been made to fit. */
static void test_result(void)
{
  g_autofree char *folder = folder_new(), *path = g_build_filename(folder, "r.bin", NULL);
  g_autofree char *again = g_build_filename(folder, "again.bin", NULL);
  g_autoptr(LusSamples) samples = make_samples();
  g_autoptr(GError) error = NULL;
  Trainings t = {0};
  LusSweepConfig c = make_config(folder, samples, &t);
  int missing = 0;
  c.n_targets = 1;
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_autofree char *first = g_build_filename(folder, "jobs", "threshold-20_fold1_seed1", "result.bin", NULL);
  g_autofree char *text_path = g_build_filename(folder, "jobs", "threshold-20_fold1_seed1", "settings.txt", NULL);
  g_autofree char *settings = NULL;
  g_assert_true(g_file_get_contents(text_path, &settings, NULL, &error));
  LusSweepResult result;
  g_assert_true(lus_sweep_result_read(&result, first, settings, &error));
  g_assert_true(lus_sweep_result_write(again, &result, settings, &error));
  lus_sweep_result_clear(&result);
  gsize length = 0, length2 = 0;
  g_autofree guint8 *data = lus_file_read(first, 1 << 20, &length, &error);
  g_autofree guint8 *copy = lus_file_read(again, 1 << 20, &length2, &error);
  g_assert_cmpmem(data, length, copy, length2);
  g_assert_false(lus_sweep_result_read(&result, first, "others", &error));
  assert_error(error, LUS_ERROR_INVALID, "is the result of other settings");
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  for (int i = 0; i < 500; i++) {
    g_autofree guint8 *bad = g_memdup2(data, length);
    gsize n = i % 3 == 0 ? 64 + lus_rng_below(&rng, (guint32)length - 64) : length;
    bad[lus_rng_below(&rng, (guint32)n - 64)] ^= (guint8)(1 + lus_rng_below(&rng, 255));
    if (i % 2) { /* whoever damages it knows how to sign it */
      g_autofree char *digest = lus_sha256(bad, n - 64);
      memcpy(bad + n - 64, digest, 64);
    }
    g_assert_true(lus_file_write(path, bad, n, &error));
    if (lus_sweep_result_read(&result, path, settings, &error))
      lus_sweep_result_clear(&result);
    else
      assert_error(error, LUS_ERROR_INVALID, "r.bin: ");
  }
  folder_remove(folder);
}

/** A job that another process works on is left to it; one that cannot be locked is an error, not somebody else's. */
static void test_lock(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = make_samples();
  Trainings trainings = {0};
  LusSweepConfig c = make_config(folder, samples, &trainings);
  g_autoptr(GPtrArray) jobs = lus_sweep_jobs(&c);
  g_autofree char *path = lus_sweep_job_path(&c, jobs->pdata[4], "job"), *file = g_strconcat(path, ".lock", NULL);
  g_autofree char *parent = g_path_get_dirname(path);
  g_assert_cmpint(g_mkdir_with_parents(parent, 0777), ==, 0);
  LusTrainLock *lock = lus_train_lock_new(path, &error);
  g_assert_no_error(error);
  int missing = 0;
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_no_error(error);
  g_assert_cmpint(missing, ==, 1);
  g_assert_cmpint(trainings.calls, ==, 8);
  lus_train_lock_free(lock);
  g_assert_cmpint(g_mkdir(file, 0777), ==, 0);
  g_assert_false(lus_sweep_run(&c, &missing, &error));
  assert_error(error, LUS_ERROR_IO, "job.lock: cannot lock");
  g_assert_cmpint(g_rmdir(file), ==, 0);
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_cmpint(missing, ==, 0);
  folder_remove(folder);
}

/** Rows of the patients' six zones on two days, with more vertical lines the higher the patient's number. */
static gboolean measure(gpointer user_data, const char *model, const char *const *patients, const char *table,
                        GError **error)
{
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  Trainings *t = user_data;
  g_autoptr(LusModel) loaded = lus_model_load(model, error);
  g_autoptr(GString) out = g_string_new(NULL);
  t->measured++;
  lus_features_csv_begin(out, lus_model_sha256(loaded), 0.6);
  for (int p = 0; patients[p]; p++)
    for (int z = 0; z < 12; z++) {
      LusClipName name = {.day = z / 6 + 1};
      LusZone zone = {.frames = 20, .pleura_frames = 20};
      g_strlcpy(name.patient, patients[p], sizeof name.patient);
      g_strlcpy(name.zone, zones[z % 6], sizeof name.zone);
      for (int f = 0; f < LUS_FEATURE_N; f++)
        zone.features[f] = zone.peaks[f] = lus_feature_info((LusFeature)f)->low;
      zone.features[LUS_FEATURE_VERTICAL_PERCENT] = zone.peaks[LUS_FEATURE_VERTICAL_PERCENT] =
        10 * (patients[p][1] - '0') + 5 * (z / 6);
      g_autofree char *clip = g_strdup_printf("%s_d%d_%s", patients[p], name.day, name.zone);
      lus_features_csv_add(out, clip, &name, &zone, 0, "");
    }
  return lus_file_write(table, out->str, out->len, error);
}

static void note(gpointer data, const char *line)
{
  Trainings *t = data;
  g_string_append_printf(t->notes, "%s\n", line);
}

/** Every patient's clips are measured once per method by a model that has not seen them, also when that is asked for only
 *  afterwards; then S/F is estimated, and what has too few cases is left out and said. */
static void test_outcomes(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = folder_new(), *outcomes = g_build_filename(folder, "o.csv", NULL);
  g_autoptr(LusSamples) samples = make_samples();
  g_autoptr(GString) notes = g_string_new(NULL), rows = g_string_new("patient,day,spo2_percent,fio2\n");
  Trainings t = {.notes = notes};
  LusSweepConfig c = make_config(folder, samples, &t);
  int missing = 0;
  for (int p = 0; p < PATIENTS; p++)
    for (int day = 1; day <= 2; day++)
      g_string_append_printf(rows, "P%d,%d,%d,0.3\n", p, day, 97 - 3 * p - day);
  g_assert_true(lus_file_write(outcomes, rows->str, rows->len, NULL));
  c.n_targets = 1;
  c.min_frames = 10;
  c.outcomes = outcomes;
  c.note = note;
  c.progress_data = &t;
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_cmpint(t.measured, ==, 0);
  c.measure = measure;
  c.clips = "a 1\n";
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_no_error(error);
  g_assert_cmpint(t.calls, ==, 3);
  g_assert_cmpint(t.measured, ==, 3);
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_cmpint(t.measured, ==, 3);
  c.clips = "a 2\n"; /* a clip is another one now: measured again, nothing trained again */
  g_assert_true(lus_sweep_run(&c, &missing, &error));
  g_assert_cmpint(t.measured, ==, 6);
  g_assert_cmpint(t.calls, ==, 3);
  g_assert_true(lus_sweep_report(&c, &error));
  g_assert_no_error(error);
  g_autofree char *csv_path = g_build_filename(folder, "outcomes.csv", NULL), *csv = NULL;
  g_autofree char *table_path = g_build_filename(folder, "outcomes", "threshold-20.features.csv", NULL), *table = NULL;
  g_autofree char *html_path = g_build_filename(folder, "report.html", NULL), *html = NULL;
  g_assert_true(g_file_get_contents(csv_path, &csv, NULL, NULL));
  g_assert_true(g_file_get_contents(table_path, &table, NULL, NULL));
  g_assert_true(g_file_get_contents(html_path, &html, NULL, NULL));
  g_assert_nonnull(strstr(csv, "threshold:20,sf,mae,14,7,"));
  g_assert_nonnull(strstr(html, "<h2>Outcomes</h2>"));
  g_assert_nonnull(strstr(notes->str, "threshold:20: outcome change: left out: "));
  g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
  g_assert_cmpuint(g_strv_length(lines), ==, 2 + 12 * PATIENTS + 1);
  folder_remove(folder);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sweep/roles", test_roles);
  g_test_add_func("/sweep/run", test_run);
  g_test_add_func("/sweep/last-part", test_last_part);
  g_test_add_func("/sweep/unit", test_unit);
  g_test_add_func("/sweep/result", test_result);
  g_test_add_func("/sweep/lock", test_lock);
  g_test_add_func("/sweep/outcomes", test_outcomes);
  return g_test_run();
}
