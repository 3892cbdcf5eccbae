/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/experts.h"
#include "nn/error.h"
#include "nn/file.h"

enum { SIDE = 160, PIXELS = SIDE * SIDE, PATIENTS = 6, EXPERTS = 4 };

static void fuse(const char *method, const guint8 *a, const guint8 *b, const guint8 *c, const guint8 *d, int n,
                 const guint8 *expected)
{
  g_autoptr(GError) error = NULL;
  LusFuseMethod m;
  g_assert_true(lus_fuse_parse(&m, method, &error));
  g_assert_cmpstr(lus_fuse_name(m), ==, method);
  const guint8 *planes[4] = {a, b, c, d};
  guint8 out[8];
  g_assert_true(lus_fuse(out, planes, d ? 4 : c ? 3 : 2, (gsize)n, m, &error));
  g_assert_cmpmem(out, n, expected, n);
}

static void test_pixels(void)
{
  const guint8 a[5] = {0, 100, 255, 30, 255}, b[5] = {10, 0, 60, 255, 255}, c[5] = {50, 90, 41, 71, 255};
  const guint8 d[5] = {1, 80, 255, 72, 255};
  fuse("mean", a, b, c, NULL, 5, (guint8[]){20, 63, 51, 51, 255});
  fuse("median", a, b, c, NULL, 5, (guint8[]){10, 90, 51, 51, 255});
  fuse("median", a, b, c, d, 5, (guint8[]){6, 85, 51, 71, 255});
  fuse("maximum", a, b, c, NULL, 5, (guint8[]){50, 100, 60, 71, 255});
  g_autoptr(GError) error = NULL;
  LusFuseMethod m;
  g_assert_false(lus_fuse_parse(&m, "vote", &error));
  assert_error(error, LUS_ERROR_INVALID, "known are mean, median, maximum, staple");
  g_assert_false(lus_fuse((guint8[1]){0}, (const guint8 *[]){a}, 0, 1, LUS_FUSE_MEAN, &error));
  assert_error(error, LUS_ERROR_LIMIT, "0 annotators");
}

/** A 40 x 40 square of @percent at (@left, @top) of 100 x 100 pixels. */
static void square(guint8 *plane, int left, int top, guint8 percent)
{
  memset(plane, 0, 10000);
  for (int y = top; y < top + 40; y++)
    memset(plane + y * 100 + left, percent, 40);
}

/** Two careful annotators and one who draws all over the place: the careful ones win where the mean is misled. */
static void test_staple(void)
{
  static guint8 a[10000], b[10000], c[10000], out[10000];
  const guint8 *planes[3] = {a, b, c};
  g_autoptr(GError) error = NULL;
  square(a, 20, 20, 80);
  square(b, 21, 20, 80);
  square(c, 55, 55, 80);
  b[0] = c[5] = 255;
  g_assert_true(lus_fuse(out, planes, 3, 10000, LUS_FUSE_STAPLE, &error));
  g_assert_cmpint(out[30 * 100 + 40], ==, 80);
  g_assert_cmpint(out[70 * 100 + 70], ==, 0);
  /* One who draws least and one who is thought little of: what nobody drew is nothing, also where one ignored it. */
  memset(a, 0, sizeof a);
  memset(b, 90, sizeof b);
  b[7] = 0;
  b[8] = 255;
  g_assert_true(lus_fuse(out, (const guint8 *[]){a, b}, 2, 10000, LUS_FUSE_STAPLE, &error));
  g_assert_cmpint(out[7], ==, 0);
  g_assert_cmpint(out[8], ==, 0);
  square(a, 20, 20, 80);
  square(b, 21, 20, 80);
  b[0] = 255;
  g_assert_true(lus_fuse(out, planes, 3, 10000, LUS_FUSE_STAPLE, &error));
  g_assert_cmpint(out[0], ==, 0);
  g_assert_cmpint(out[99], ==, 0);
  /* All agree: what they say, whatever it is, to the tenth. */
  square(a, 30, 10, 50);
  memcpy(b, a, sizeof a);
  memcpy(c, a, sizeof a);
  g_assert_true(lus_fuse(out, planes, 3, 10000, LUS_FUSE_STAPLE, &error));
  g_assert_cmpmem(out, sizeof out, a, sizeof a);
  memset(a, 0, sizeof a);
  g_assert_true(lus_fuse(out, (const guint8 *[]){a, a}, 2, 10000, LUS_FUSE_STAPLE, &error));
  g_assert_cmpmem(out, sizeof out, a, sizeof a);
  memset(a, 255, sizeof a);
  g_assert_true(lus_fuse(out, (const guint8 *[]){a, a}, 2, 10000, LUS_FUSE_STAPLE, &error));
  g_assert_cmpmem(out, sizeof out, a, sizeof a);
}

/** Means 30 (x1), 50 (x1), 20 (x3) at q = 10, 20, 30: the last two pool to 27.5, then all to 28. */
static void test_isotonic(void)
{
  double sum[101] = {0};
  gint64 count[101] = {0};
  LusScale scale;
  lus_scale_fit(&scale, sum, count);
  g_assert_cmpint(scale.pixels, ==, 0);
  for (int q = 0; q < 256; q++)
    g_assert_cmpint(scale.to[q], ==, q);

  sum[10] = 30;
  sum[20] = 50;
  sum[30] = 60;
  count[10] = count[20] = 1;
  count[30] = 3;
  lus_scale_fit(&scale, sum, count);
  g_assert_cmpint(scale.pixels, ==, 5);
  g_assert_cmpint(scale.to[0], ==, 0);
  g_assert_cmpint(scale.to[5], ==, 14);
  g_assert_cmpint(scale.to[10], ==, 28);
  g_assert_cmpint(scale.to[17], ==, 28);
  g_assert_cmpint(scale.to[30], ==, 28);
  g_assert_cmpint(scale.to[65], ==, 64);
  g_assert_cmpint(scale.to[100], ==, 100);
  g_assert_cmpint(scale.to[255], ==, 255);

  sum[100] = 10 * 90; /* in order: nothing more to pool */
  count[100] = 10;
  lus_scale_fit(&scale, sum, count);
  g_assert_cmpint(scale.to[100], ==, 90);
  g_assert_cmpint(scale.to[65], ==, 59);
  guint8 plane[4] = {0, 100, 255, 10};
  lus_scale_apply(plane, 4, &scale);
  g_assert_cmpmem(plane, 4, ((guint8[]){0, 90, 255, 28}), 4);
}

/* ---- Data sets on disk ---- */

typedef struct {
  char *folder;
  LusDataset *dataset;
} Fixture;

static void write_manifest(const Fixture *f, int clips)
{
  g_autoptr(GString) text = g_string_new("{\"version\": 1, \"licence\": \"\", \"classes\": [\"pleural_line\", "
                                         "\"fascia_band\", \"vertical_line\"], \"patients\": [\"A\"], \"splits\": "
                                         "{\"train\": [\"A\"], \"validation\": [], \"test\": []}, \"clips\": [");
  for (int i = 0; i < clips; i++)
    g_string_append_printf(text, "%s{\"file\": \"A_d%d_R1.mkv\", \"patient\": \"A\", \"day\": %d, \"zone\": \"R1\"}",
                           i ? "," : "", i + 1, i + 1);
  g_string_append(text, "]}");
  g_autofree char *path = g_build_filename(f->folder, "dataset.json", NULL);
  g_assert_true(lus_file_write(path, text->str, text->len, NULL));
}

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
  write_manifest(f, 3);
  f->dataset = lus_dataset_load(f->folder, NULL);
  g_assert_nonnull(f->dataset);
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  lus_dataset_free(f->dataset);
  folder_remove(f->folder);
  g_free(f->folder);
}

static char *label_path(const Fixture *f, const char *annotator, int clip, const char *class_name)
{
  return g_strdup_printf("%s/labels/%s/A_d%d_R1/frame000000.%s.png", f->folder, annotator, clip, class_name);
}

static void write_label(const Fixture *f, const char *annotator, int clip, const char *class_name, const guint8 *plane,
                        int width, int height)
{
  g_autofree char *path = label_path(f, annotator, clip, class_name);
  g_autofree char *folder = g_path_get_dirname(path);
  g_assert_cmpint(g_mkdir_with_parents(folder, 0777), ==, 0);
  g_assert_true(lus_label_write(path, plane, width, height, NULL));
}

/** 20 x 16 pixels: the first 64 say @first, the next 64 @second, the rest 0. */
static void write_blocks(const Fixture *f, const char *annotator, int clip, guint8 first, guint8 second)
{
  guint8 plane[320] = {0};
  memset(plane, first, 64);
  memset(plane + 64, second, 64);
  write_label(f, annotator, clip, "pleural_line", plane, 20, 16);
}

static LusAgreement *measure(const Fixture *f, const char *reference)
{
  g_autoptr(GError) error = NULL;
  LusAgreement *a = lus_agreement_measure(f->dataset, reference, NULL, NULL, &error);
  g_assert_no_error(error);
  return a;
}

/** By hand: ann 40/80, bob 60/0 of 64 pixels each. */
static void test_agreement(Fixture *f, gconstpointer data)
{
  (void)data;
  write_blocks(f, "ann", 1, 40, 80);
  write_blocks(f, "bob", 1, 60, 0);
  write_blocks(f, "ann", 2, 20, 20);
  g_autoptr(LusAgreement) a = measure(f, NULL);
  g_assert_cmpint(a->n_annotators, ==, 2);
  g_assert_cmpstr(a->annotators[1], ==, "bob");
  g_assert_cmpint(a->n_pairs, ==, 1);
  const LusPairAgreement *p = &a->own[0];
  g_assert_cmpint(p->frames, ==, 1); /* the other one was labelled by one alone */
  g_assert_cmpint(p->pixels, ==, 320);
  assert_near(p->dice[0], 2.0 * 64 / (128 + 64), 1e-12);
  assert_near(p->dice[4], 2.0 * 64 / (128 + 64), 1e-12);
  assert_near(p->dice[5], 0, 0);
  g_assert_true(isnan(p->dice[9]) && isnan(p->kappa[9]));
  /* Level 0: seen (320 - 64) / 320 = .8; chance (128 x 64 + 192 x 256) / 320^2 = .56. */
  assert_near(p->kappa[0], 0.24 / 0.44, 1e-12);
  assert_near(p->difference, 20, 1e-12);
  g_assert_true(isnan(p->icc_area));       /* one frame has no spread */
  g_assert_cmpint(a->own[1].pixels, ==, 0); /* fascia_band */
  g_assert_true(isnan(a->own[1].dice[0]));
  /* The common scale: 40 and 60 are both 50. */
  g_assert_cmpint(a->scales[0].to[40], ==, 50);
  g_assert_cmpint(a->scales[1].to[60], ==, 50);
  assert_near(a->common[0].difference, 0, 0);
  g_autoptr(LusAgreement) by_bob = measure(f, "bob");
  g_assert_cmpint(by_bob->scales[0].to[40], ==, 60);
  g_assert_cmpint(by_bob->scales[1].to[60], ==, 60);
}

/** Areas are compared over the pixels that both know: what one ignored is no area of the other's. */
static void test_ignored_area(Fixture *f, gconstpointer data)
{
  (void)data;
  for (int clip = 1; clip <= 2; clip++) {
    guint8 plane[320] = {0};
    memset(plane, 50, 64);
    memset(plane + 64, clip == 1 ? 0 : 50, 64);
    memset(plane + 128, 255, 64);
    write_label(f, "bob", clip, "pleural_line", plane, 20, 16);
    memset(plane + 128, 90, 64); /* where bob looked away */
    write_label(f, "ann", clip, "pleural_line", plane, 20, 16);
  }
  g_autoptr(LusAgreement) a = measure(f, NULL);
  g_assert_cmpint(a->own[0].frames, ==, 2);
  g_assert_cmpint(a->own[0].pixels, ==, 2 * 256);
  assert_near(a->own[0].icc_area, 1, 1e-9);
}

/** Shrout and Fleiss 1979: of the pairs (9, 2), (6, 1), (8, 4), (7, 1), (10, 5), (6, 2), their table 2's judges 1 and 2, each
 *  times 5: BMS 4.683, EMS .683, JMS 80.083, so ICC(2,1) = 4 / (5.367 + 2 x 79.4 / 6) = .1257. */
static void test_icc(Fixture *f, gconstpointer data)
{
  (void)data;
  const guint8 x[6] = {9, 6, 8, 7, 10, 6}, y[6] = {2, 1, 4, 1, 5, 2};
  guint8 first[320] = {0}, second[320] = {0};
  for (int i = 0; i < 300; i++) {
    first[i] = (guint8)(5 * x[i % 6]);
    second[i] = (guint8)(5 * y[i % 6]);
  }
  write_label(f, "a", 1, "vertical_line", first, 20, 16);
  write_label(f, "b", 1, "vertical_line", second, 20, 16);
  g_autoptr(LusAgreement) a = measure(f, NULL);
  /* 50 copies of each pair: BMS and EMS grow by 50 x 5 / 299, JMS by 50. */
  const double grow = 250.0 / 299, bms = 4.6833333 * grow, ems = 0.6833333 * grow, jms = 80.0833333 * 50;
  assert_near(a->own[2].icc, (bms - ems) / (bms + ems + 2 * (jms - ems) / 300), 1e-6);
}

static void test_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_agreement_measure(f->dataset, NULL, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "0 annotators; agreement is among 2");
  write_blocks(f, "ann", 1, 1, 2);
  write_blocks(f, "bob", 2, 1, 2);
  g_assert_null(lus_agreement_measure(f->dataset, NULL, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "no frame was labelled by two");
  g_assert_null(lus_agreement_measure(f->dataset, "eve", NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "reference 'eve'");
  const guint8 plane[400] = {0};
  write_label(f, "bob", 1, "pleural_line", plane, 20, 20);
  g_assert_null(lus_agreement_measure(f->dataset, NULL, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "20 x 20 pixels, but another annotator's label has 20 x 16");

  char *nobody[] = {NULL}, *eve[] = {(char *)"eve", NULL}, *up[] = {(char *)"..", NULL};
  char *twice[] = {(char *)"ann", (char *)"ann", NULL};
  g_assert_false(lus_dataset_select_annotators(f->dataset, nobody, &error));
  assert_error(error, LUS_ERROR_INVALID, "name 1 to 255");
  g_assert_false(lus_dataset_select_annotators(f->dataset, eve, &error));
  assert_error(error, LUS_ERROR_INVALID, "there is no annotator 'eve'");
  g_assert_false(lus_dataset_select_annotators(f->dataset, up, &error));
  assert_error(error, LUS_ERROR_INVALID, "there is no annotator '..'");
  g_assert_false(lus_dataset_select_annotators(f->dataset, twice, &error));
  assert_error(error, LUS_ERROR_INVALID, "named twice");

  const LusFuseConfig config = {.method = LUS_FUSE_MEAN};
  const char *names[] = {"", "a/b", "bob"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_assert_false(lus_dataset_fuse(f->dataset, names[i], &config, NULL, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_clear_error(&error);
  }
  char *ann[] = {(char *)"ann", NULL};
  g_assert_true(lus_dataset_select_annotators(f->dataset, ann, &error));
  g_assert_false(lus_dataset_fuse(f->dataset, "bob", &config, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "holds labels that were not fused");
}

static void test_fuse(Fixture *f, gconstpointer data)
{
  (void)data;
  write_blocks(f, "ann", 1, 40, 80);
  write_blocks(f, "bob", 1, 60, 0);
  write_blocks(f, "ann", 2, 40, 40);
  g_autoptr(GError) error = NULL;
  LusFuseConfig config = {.method = LUS_FUSE_MEAN, .command = "test"};
  int frames = 0;
  g_assert_true(lus_dataset_fuse(f->dataset, "all", &config, &frames, &error));
  g_assert_no_error(error);
  g_assert_cmpint(frames, ==, 2);
  g_autofree char *path = label_path(f, "all", 1, "pleural_line");
  g_autofree char *other = label_path(f, "all", 2, "pleural_line");
  int w, h;
  g_autofree guint8 *mean = lus_label_read(path, &w, &h, &error);
  g_assert_cmpint(mean[0], ==, 50);
  g_assert_cmpint(mean[64], ==, 40);
  /* The fused annotator is nobody: it counts neither in a second fusion nor in the agreement. What a file manager leaves
   * behind, or a text, is no annotator either. */
  g_autofree char *hidden = g_build_filename(f->folder, "labels", ".trash", NULL);
  g_autofree char *text = g_build_filename(f->folder, "labels", "notes.txt", NULL);
  g_assert_cmpint(g_mkdir(hidden, 0777), ==, 0);
  g_assert_true(g_file_set_contents(text, "", 0, NULL));
  g_auto(GStrv) annotators = lus_dataset_annotators(f->dataset, &error);
  g_assert_cmpint(g_strv_length(annotators), ==, 2);
  config.method = LUS_FUSE_MAXIMUM;
  config.standardise = TRUE;
  g_assert_true(lus_dataset_fuse(f->dataset, "all", &config, &frames, &error));
  g_autofree guint8 *standardised = lus_label_read(path, &w, &h, &error);
  g_assert_cmpint(standardised[0], ==, 50);
  g_autofree guint8 *alone = lus_label_read(other, &w, &h, &error);
  g_assert_cmpint(alone[0], ==, 50); /* what ann calls 40 */
  char *fused[] = {(char *)"all", NULL};
  g_assert_true(lus_dataset_select_annotators(f->dataset, fused, &error));
}

/** JSON would lose such a name, and its annotator with it. */
static void test_names(Fixture *f, gconstpointer data)
{
  (void)data;
  char *jose[] = {(char *)"jos\xe9", NULL};
  g_autoptr(GError) error = NULL;
  write_blocks(f, "ann", 1, 40, 80);
  write_blocks(f, jose[0], 1, 40, 80);
  g_assert_null(lus_agreement_measure(f->dataset, NULL, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "has a name that is not UTF-8; rename the folder");
  g_assert_false(lus_dataset_select_annotators(f->dataset, jose, &error));
  assert_error(error, LUS_ERROR_INVALID, "has a name that is not UTF-8");
}

static gboolean stop(gpointer data, const char *what, gint64 done, gint64 total)
{
  (void)data;
  (void)what;
  return done == total;
}

/** What was stopped half-way is no annotator until it is repeated. */
static void test_stopped(Fixture *f, gconstpointer data)
{
  (void)data;
  write_blocks(f, "ann", 1, 40, 80);
  write_blocks(f, "bob", 1, 60, 0);
  write_blocks(f, "ann", 2, 40, 40);
  g_autoptr(GError) error = NULL;
  LusFuseConfig config = {.method = LUS_FUSE_MEAN, .command = "test", .progress = stop};
  char *fused[] = {(char *)"all", NULL};
  g_assert_false(lus_dataset_fuse(f->dataset, "all", &config, NULL, &error));
  assert_error(error, LUS_ERROR_CANCELLED, "stopped; repeat the command");
  g_assert_false(lus_dataset_select_annotators(f->dataset, fused, &error));
  assert_error(error, LUS_ERROR_INVALID, "labels/all: lus fuse was stopped");
  config.progress = NULL;
  g_assert_true(lus_dataset_fuse(f->dataset, "all", &config, NULL, &error));
  g_assert_true(lus_dataset_select_annotators(f->dataset, fused, &error));
}

/** Killed before the record was there, and between the mark and the record of another fusion: repeating it mends both. */
static void test_killed(Fixture *f, gconstpointer data)
{
  (void)data;
  write_blocks(f, "ann", 1, 40, 80);
  write_blocks(f, "bob", 1, 60, 0);
  g_autoptr(GError) error = NULL;
  LusFuseConfig config = {.method = LUS_FUSE_MEAN, .command = "test"};
  char *fused[] = {(char *)"all", NULL};
  g_autofree char *folder = g_build_filename(f->folder, "labels", "all", NULL);
  g_autofree char *begun = g_build_filename(folder, "fusion.begun", NULL);
  g_autofree char *half = g_build_filename(folder, "fusion.begun.00000000-1-0.part", NULL);
  g_assert_cmpint(g_mkdir(folder, 0777), ==, 0);
  g_assert_true(g_file_set_contents(half, "", 0, NULL));
  for (int record = 0; record < 2; record++) {
    g_assert_true(g_file_set_contents(begun, "", 0, NULL));
    g_auto(GStrv) annotators = lus_dataset_annotators(f->dataset, &error);
    g_assert_cmpint(g_strv_length(annotators), ==, 2);
    g_assert_false(lus_dataset_select_annotators(f->dataset, fused, &error));
    assert_error(error, LUS_ERROR_INVALID, "labels/all: lus fuse was stopped");
    g_assert_true(lus_dataset_fuse(f->dataset, "all", &config, NULL, &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(begun, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(half, G_FILE_TEST_EXISTS));
  }
}

/** Simulated experts of known bias label simulated frames; scales are fitted on the first half against the unbiased one,
 *  and the others' distance from the truth is measured on the second half. */
static void test_standardisation(Fixture *f, gconstpointer data)
{
  (void)data;
  static guint8 gray[PIXELS], truth[3 * PIXELS], labels[3 * PIXELS];
  static const char *const classes[3] = {"pleural_line", "fascia_band", "vertical_line"};
  g_autoptr(GError) error = NULL;
  lus_dataset_free(f->dataset);
  write_manifest(f, 16);
  f->dataset = lus_dataset_load(f->folder, &error);
  g_assert_no_error(error);
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = 11;
  config.width = config.height = SIDE;
  LusScale scales[EXPERTS];
  double before[EXPERTS] = {0}, after[EXPERTS] = {0};
  gint64 pixels[EXPERTS] = {0};
  for (int i = 0; i < 32; i++) {
    config.stream = (guint64)i;
    LusPhantom *phantom = lus_phantom_new(&config, &error);
    g_assert_no_error(error);
    lus_phantom_render(phantom, 0, gray, SIDE, truth);
    lus_phantom_free(phantom);
    for (int e = 0; e < EXPERTS; e++) {
      memcpy(labels, truth, sizeof labels);
      lus_phantom_expert(labels, 3, SIDE, SIDE, config.seed, config.stream, e);
      g_autofree char *name = g_strdup_printf("expert%d", e);
      for (int k = 0; i < 16 && k < 3; k++)
        write_label(f, name, i + 1, classes[k], labels + k * PIXELS, SIDE, SIDE);
      for (gsize p = 0; i >= 16 && p < 3 * PIXELS; p++) {
        if (truth[p] < 1 || truth[p] > 100 || labels[p] < 1 || labels[p] > 100)
          continue;
        before[e] += abs(labels[p] - truth[p]);
        after[e] += abs(scales[e].to[labels[p]] - truth[p]);
        pixels[e]++;
      }
    }
    if (i != 15)
      continue;
    g_autoptr(LusAgreement) a = measure(f, "expert0");
    memcpy(scales, a->scales, sizeof scales);
    g_autoptr(LusAgreement) b = measure(f, NULL);
    for (int k = 0; k < 3; k++)
      for (int pair = 0; pair < b->n_pairs; pair++) {
        const LusPairAgreement *own = &b->own[k * b->n_pairs + pair], *common = &b->common[k * b->n_pairs + pair];
        g_test_message("%s pair %d: own scales ICC %.3f, difference %.1f; common ICC %.3f, difference %.1f", classes[k],
                       pair, own->icc, own->difference, common->icc, common->difference);
      }
  }
  double all_before = 0, all_after = 0;
  for (int e = 0; e < EXPERTS; e++) {
    double x = before[e] / (double)pixels[e], y = after[e] / (double)pixels[e];
    g_test_message("expert %d: %.2f percent from the truth, on the common scale %.2f; 50 means %d", e, x, y,
                   scales[e].to[50]);
    if (e == 0)
      g_assert_true(x == 0 && y == 0);
    all_before += x;
    all_after += y;
  }
  g_assert_cmpfloat(all_after, <, 0.2 * all_before);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/experts/pixels", test_pixels);
  g_test_add_func("/experts/staple", test_staple);
  g_test_add_func("/experts/isotonic", test_isotonic);
  g_test_add("/experts/agreement", Fixture, NULL, set_up, test_agreement, tear_down);
  g_test_add("/experts/ignored-area", Fixture, NULL, set_up, test_ignored_area, tear_down);
  g_test_add("/experts/icc", Fixture, NULL, set_up, test_icc, tear_down);
  g_test_add("/experts/errors", Fixture, NULL, set_up, test_errors, tear_down);
  g_test_add("/experts/fuse", Fixture, NULL, set_up, test_fuse, tear_down);
  g_test_add("/experts/names", Fixture, NULL, set_up, test_names, tear_down);
  g_test_add("/experts/stopped", Fixture, NULL, set_up, test_stopped, tear_down);
  g_test_add("/experts/killed", Fixture, NULL, set_up, test_killed, tear_down);
  g_test_add("/experts/standardisation", Fixture, NULL, set_up, test_standardisation, tear_down);
  return g_test_run();
}
