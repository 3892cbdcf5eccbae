/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "toy.h"
#include "learn/evaluate.h"
#include "learn/surface.h"
#include "nn/error.h"

/** Ten patients, of whom number i has 10 pixels, i of them hit. */
static void test_bootstrap(void)
{
  double numerator[10], denominator[10], one[10];
  for (int i = 0; i < 10; i++) {
    numerator[i] = i;
    denominator[i] = 10;
    one[i] = 1;
  }
  g_autoptr(LusBootstrap) b = lus_bootstrap_new(10, 3);
  LusInterval r = lus_bootstrap_ratio(b, numerator, denominator);
  /* sd of a patient's share: 0.287; of the mean of ten: 0.091; 95 %: +- 0.178. */
  assert_near(r.value, 0.45, 1e-12);
  assert_near(r.low, 0.45 - 0.178, 0.025);
  assert_near(r.high, 0.45 + 0.178, 0.025);
  /* Paired: the difference is the same for everybody, so that it has no spread. */
  double shifted[10];
  for (int i = 0; i < 10; i++)
    shifted[i] = numerator[i] - 2;
  LusInterval d = lus_bootstrap_difference(b, numerator, denominator, shifted, denominator);
  assert_near(d.value, 0.2, 1e-12);
  assert_near(d.low, 0.2, 1e-12);
  assert_near(d.high, 0.2, 1e-12);
  double zero[10] = {0};
  r = lus_bootstrap_ratio(b, one, zero);
  g_assert_true(isnan(r.value) && isnan(r.low) && isnan(r.high));
  /* Of ten patients one has such pixels: a single patient's ratio has no interval. */
  zero[4] = 5;
  r = lus_bootstrap_ratio(b, one, zero);
  g_assert_true(isfinite(r.value) && isnan(r.low) && isnan(r.high));
  d = lus_bootstrap_difference(b, one, zero, one, denominator);
  g_assert_true(d.low < d.high);
  g_autoptr(LusBootstrap) alone = lus_bootstrap_new(1, 3);
  r = lus_bootstrap_ratio(alone, one, denominator);
  assert_near(r.value, 0.1, 1e-12);
  g_assert_true(isnan(r.low) && isnan(r.high));
}

/** Two squares of 4 x 4, one 3 pixels to the right of the other. */
static void test_surface(void)
{
  enum { W = 16, H = 11 };
  guint8 a[W * H] = {0}, b[W * H] = {0};
  for (int y = 3; y < 7; y++)
    for (int x = 2; x < 6; x++) {
      a[y * W + x] = 1;
      b[y * W + x + 3] = 1;
    }
  LusSurface sa, sb;
  float sorted[W * H];
  double mean = 0, far = 0;
  g_assert_true(lus_surface_init(&sa, W, H) && lus_surface_init(&sb, W, H));
  lus_surface_set(&sa, a);
  lus_surface_set(&sb, b);
  g_assert_cmpint(sa.n, ==, 12);
  assert_near((double)sa.distance[5 * W + 15], 10, 0);
  assert_near((double)sa.distance[10 * W + 8], 5, 1e-6); /* 3 right of and 4 below the corner (5, 6) */
  g_assert_true(lus_surface_compare(&mean, &far, &sa, &sb, sorted));
  /* From each side: columns 2, 3, 4, 5 of a lie 3, 2, 1, 0 from column 5, but the inner rows 4 and 5 of columns 3 and 4
   * are no border: 4 * 3 + 2 * 2 + 2 * 1 + 4 * 0 = 18 over 12. */
  assert_near(mean, 1.5, 1e-6);
  assert_near(far, 3, 1e-6);
  lus_surface_set(&sb, a);
  g_assert_true(lus_surface_compare(&mean, &far, &sa, &sb, sorted));
  assert_near(mean, 0, 0);
  memset(b, 0, sizeof b);
  lus_surface_set(&sb, b);
  g_assert_false(lus_surface_compare(&mean, &far, &sa, &sb, sorted));
  lus_surface_clear(&sa);
  lus_surface_clear(&sb);
}

/** Distances against all pairs, on random masks. */
static void test_surface_random(void)
{
  enum { W = 33, H = 18 };
  guint8 mask[W * H];
  LusRng rng;
  lus_rng_init(&rng, 5, 0);
  LusSurface s;
  g_assert_true(lus_surface_init(&s, W, H));
  for (int round = 0; round < 40; round++) {
    for (int i = 0; i < W * H; i++)
      mask[i] = lus_rng_uniform01(&rng) < (round + 1) / 60.0;
    lus_surface_set(&s, mask);
    for (int i = 0; i < W * H && s.n > 0; i++) {
      double best = 1e9;
      for (int j = 0; j < s.n; j++) {
        double dx = (int)s.border[j] % W - i % W, dy = (int)s.border[j] / W - i / W;
        best = fmin(best, sqrt(dx * dx + dy * dy));
      }
      assert_near((double)s.distance[i], best, 1e-4);
    }
  }
  lus_surface_clear(&s);
}

/** A network of one Conv that gives back what lies in the picture: class 0 its luma, class 1 half of it. */
static LusModel *echo_model(const char *folder, const char *name, int width, int height, float scale)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusTensor *weight = lus_tensor_new(4, (int[]){2, 1, 1, 1}, &error);
  weight->data[0] = scale;
  weight->data[1] = 0.5f * scale;
  int input = lus_graph_add_input(graph, "input");
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 1;
  int constant = lus_graph_add_constant(graph, "echo", weight);
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "out", 2, (int[]){input, constant}, &attrs));
  LusModelInfo info;
  lus_model_info_init(&info);
  g_clear_pointer(&info.classes[2], g_free);
  info.n_classes = 2;
  info.width = width;
  info.height = height;
  info.logits = FALSE;
  info.normalise = (LusNormalise){.mode = LUS_NORMALISE_FIXED, .mean = 0, .std = 1};
  g_assert_true(lus_model_save(graph, &info, path, &error));
  lus_model_info_clear(&info);
  LusModel *model = lus_model_load(path, &error);
  g_assert_no_error(error);
  return model;
}

enum { SIDE = 32, PIXELS = SIDE * SIDE, SAMPLES = 6 };

/** Three patients of two samples: a square of luma 204 (80 %) whose label has 70 % in the square and 30 % in the two
 *  columns right of it; the last sample has neither. */
static LusSamples *squares(void)
{
  static char *const patients[] = {(char *)"anna", (char *)"bert", (char *)"cleo", NULL};
  LusSamples *s = g_new0(LusSamples, 1);
  *s = (LusSamples){.n = SAMPLES, .n_classes = 2, .width = SIDE, .height = SIDE};
  s->luma = g_malloc0_n(SAMPLES, PIXELS);
  s->labels = g_malloc0_n(SAMPLES * 2, PIXELS);
  s->group = g_new0(int, SAMPLES);
  s->names = g_new0(char *, SAMPLES);
  s->mm_per_pixel = g_new0(double, SAMPLES);
  s->sector_height = g_new0(double, SAMPLES);
  s->patients = g_strdupv((char **)patients);
  for (int i = 0; i < SAMPLES; i++) {
    s->group[i] = i / 2;
    s->names[i] = g_strdup_printf("clip%d/0", i);
    s->mm_per_pixel[i] = 0.5;
    s->sector_height[i] = 25;
    memset(s->labels + (i * 2 + 1) * PIXELS, 255, PIXELS); /* class 1 is not labelled */
    for (int p = 0; p < PIXELS && i < SAMPLES - 1; p++) {
      int x = p % SIDE, y = p / SIDE;
      if (y < 8 || y >= 18 || x < 8 || x >= 20)
        continue;
      s->luma[i * PIXELS + p] = x < 18 ? 204 : 0;
      s->labels[i * 2 * PIXELS + p] = x < 18 ? 70 : 30;
    }
  }
  return s;
}

static void check_scores(const LusEvaluation *e, const LusBootstrap *b)
{
  LusScores s;
  lus_evaluation_scores(&s, e, 0, 2, b); /* level 60: the square itself */
  assert_near(s.dice.value, 1, 1e-12);
  assert_near(s.distance.value, 0, 1e-12);
  g_assert_cmpint(s.compared, ==, 5);
  g_assert_cmpint(s.one_sided, ==, 0);
  lus_evaluation_scores(&s, e, 0, 1, b); /* level 20: two columns more */
  assert_near(s.dice.value, 200.0 / 220, 1e-12);
  assert_near(s.iou.value, 100.0 / 120, 1e-12);
  assert_near(s.precision.value, 1, 1e-12);
  assert_near(s.recall.value, 100.0 / 120, 1e-12);
  assert_near(s.hausdorff95.value, 2 * 0.5, 1e-6); /* two pixels of 0.5 mm */
  g_assert_cmpint(s.reference, ==, 5 * 120);
  lus_evaluation_scores(&s, e, 0, 3, b); /* level 80: nothing is labelled, though something was found */
  g_assert_true(isnan(s.dice.value) && isnan(s.dice.high) && isnan(s.iou.value));
  g_assert_true(isnan(s.recall.value) && isnan(s.distance.value));
  g_assert_cmpint(s.one_sided, ==, 5);
  lus_evaluation_scores(&s, e, 1, 2, b);
  g_assert_true(isnan(s.dice.value) && isnan(s.dice.low) && isnan(s.distance.value));
}

static void check_calibration(const LusEvaluation *e, const LusBootstrap *b)
{
  LusCalibration c;
  double all = SAMPLES * PIXELS, square = 500, side = 100;
  lus_evaluation_calibration(&c, e, 0, 60, b);
  assert_near(c.brier.value, square * 0.04 / all, 1e-9);
  assert_near(c.ece, square * 0.2 / all, 1e-9);
  assert_near(c.ece_marked, 0.2, 1e-9);
  g_assert_cmpint(c.bins[8].pixels, ==, 500);
  assert_near(c.bins[8].confidence, 0.8, 1e-9);
  assert_near(c.bins[8].observed.value, 1, 1e-12);
  g_assert_true(isnan(c.bins[5].confidence) && isnan(c.bins[5].observed.value));
  lus_evaluation_calibration(&c, e, 0, -1, b);
  assert_near(c.brier.value, (square * 0.01 + side * 0.09) / all, 1e-9);
  assert_near(c.bins[8].observed.value, 0.7, 1e-12);
}

static void test_evaluate(void)
{
  static const double levels[] = {0, 20, 60, 80};
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = squares();
  g_autoptr(LusModel) model = echo_model(folder, "a.onnx", SIDE, SIDE, 1);
  g_autoptr(GError) error = NULL;
  LusEvaluateConfig config = {.levels = levels, .n_levels = 4, .cut = 0.6, .threads = 2};
  g_autoptr(LusEvaluation) e = lus_evaluate(model, samples, &config, &error);
  g_assert_no_error(error);
  g_autoptr(LusBootstrap) b = lus_bootstrap_new(3, 1);
  g_assert_cmpint(e->n_patients, ==, 3);
  g_assert_cmpstr(e->patients[2], ==, "cleo");
  g_assert_true(e->mm);
  check_scores(e, b);
  check_calibration(e, b);
  assert_near(lus_evaluation_best_cut(e, 0, 60), 204.0 / 255, 1e-12);
  g_assert_true(isnan(lus_evaluation_best_cut(e, 0, 80)));
  LusMaskCount counts[3];
  lus_evaluation_count(counts, e, 0, 0.81, 20); /* a cut above the square's 80 % */
  g_assert_cmpint(counts[0].found, ==, 0);
  g_assert_cmpint(counts[2].reference, ==, 120);
  g_assert_cmpint(counts[1].known, ==, 2 * PIXELS);

  g_autofree char *csv = lus_evaluation_csv(e, b);
  g_assert_nonnull(strstr(csv, "distance_mm,distance_mm_low"));
  g_assert_nonnull(strstr(csv, "pleural_line,20,60,anna,2048,240,200,200,0.909091,,,0.833333,,,1,,,0.833333"));
  g_assert_nonnull(strstr(csv, "fascia_band,20,60,anna,0,0,0,0,,,,"));
  g_assert_true(lus_evaluation_plots(e, 60, b, folder, "test", &error));
  g_autofree char *plot = g_build_filename(folder, "reliability.svg", NULL);
  g_assert_true(g_file_test(plot, G_FILE_TEST_EXISTS));

  samples->mm_per_pixel[3] = 0; /* one unknown scale: all in % of the sector */
  g_autoptr(LusEvaluation) percent = lus_evaluate(model, samples, &config, &error);
  g_assert_false(percent->mm);
  LusScores s;
  lus_evaluation_scores(&s, percent, 0, 1, b);
  assert_near(s.hausdorff95.value, 100 * 2.0 / 25, 1e-5);
  g_assert_false(lus_evaluation_add(e, percent, &error));
  assert_error(error, LUS_ERROR_INVALID, "different units of length");
  folder_remove(folder);
}

/** Two folds put together are the whole, and the same patients twice are themselves doubled. */
static void test_add(void)
{
  static const double levels[] = {20, 60};
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = squares();
  g_autoptr(LusModel) model = echo_model(folder, "a.onnx", SIDE, SIDE, 1);
  g_autoptr(GError) error = NULL;
  LusEvaluateConfig config = {.levels = levels, .n_levels = 2, .cut = 0.6, .threads = 1};
  g_autoptr(LusEvaluation) whole = lus_evaluate(model, samples, &config, &error);
  g_autoptr(LusSamples) first = lus_samples_select(samples, (const int[]){0, 1, 4}, 3, &error);
  g_autoptr(LusSamples) second = lus_samples_select(samples, (const int[]){2, 3, 5}, 3, &error);
  g_autoptr(LusEvaluation) e = lus_evaluate(model, first, &config, &error);
  g_autoptr(LusEvaluation) other = lus_evaluate(model, second, &config, &error);
  g_assert_no_error(error);
  g_assert_true(lus_evaluation_add(e, other, &error));
  g_assert_cmpint(e->n_patients, ==, 3);
  g_assert_cmpint(e->n_samples, ==, 6);
  g_assert_cmpstr(e->patients[1], ==, "cleo");
  for (int level = 0; level < 2; level++) {
    LusMaskCount a[3], b[3];
    lus_evaluation_count(a, whole, 0, 0.6, levels[level]);
    lus_evaluation_count(b, e, 0, 0.6, levels[level]);
    g_assert_cmpmem(&a[0], sizeof *a, &b[0], sizeof *b);
    g_assert_cmpmem(&a[1], sizeof *a, &b[2], sizeof *b);
    g_assert_cmpmem(&a[2], sizeof *a, &b[1], sizeof *b);
    g_assert_cmpint(e->distances[level * 3 + 1].n, ==, whole->distances[level * 3 + 2].n);
  }
  folder_remove(folder);
}

static void test_against(void)
{
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = squares();
  g_autoptr(LusModel) model = echo_model(folder, "a.onnx", SIDE, SIDE, 1);
  g_autoptr(LusModel) weaker = echo_model(folder, "b.onnx", SIDE, SIDE, 0.7f);
  for (int p = 0; p < PIXELS; p++) /* patient bert's second sample is full strength: 0.7 of it still is in the mask */
    if (samples->luma[3 * PIXELS + p])
      samples->luma[3 * PIXELS + p] = 255;
  g_autoptr(GError) error = NULL;
  LusLikeness l[3];
  g_assert_true(lus_evaluate_against(l, model, model, samples, 1, 2, NULL, NULL, &error));
  assert_near(l[0].iou.value, 1, 0);
  assert_near(l[1].iou.value, 1, 0);
  assert_near(l[2].difference, 0, 0);
  g_assert_true(lus_evaluate_against(l, model, weaker, samples, 1, 2, NULL, NULL, &error));
  g_assert_no_error(error);
  assert_near(l[0].iou.value, 0.2, 1e-12);
  g_assert_cmpint(l[0].first, ==, 500);
  g_assert_cmpint(l[2].second, ==, 100);
  /* |204 - 143| on 400 and |255 - 179| on 100 pixels (0.7 * 255 = 178.5 or a little less) */
  assert_near(l[0].difference, (400 * 61.0 + 100 * 76.5) / 255 / (SAMPLES * PIXELS), 1e-4);
  g_autoptr(LusModel) small = echo_model(folder, "c.onnx", SIDE / 2, SIDE, 1);
  g_assert_false(lus_evaluate_against(l, model, small, samples, 1, 1, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "takes 16 x 32 pixels");
  folder_remove(folder);
}

static gboolean stop(gpointer user_data, const char *what, gint64 done, gint64 total)
{
  (void)user_data, (void)what, (void)done, (void)total;
  return FALSE;
}

static void test_errors(void)
{
  static const double falling[] = {60, 20}, good[] = {60};
  g_autofree char *folder = folder_new();
  g_autoptr(LusSamples) samples = squares();
  g_autoptr(LusModel) model = echo_model(folder, "a.onnx", SIDE, SIDE, 1);
  g_autoptr(GError) error = NULL;
  LusEvaluateConfig config = {.levels = falling, .n_levels = 2, .cut = 0.6};
  g_assert_null(lus_evaluate(model, samples, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "levels ascend");
  config = (LusEvaluateConfig){.levels = good, .n_levels = 1, .cut = 0.6, .progress = stop};
  g_assert_null(lus_evaluate(model, samples, &config, &error));
  assert_error(error, LUS_ERROR_CANCELLED, "stopped");
  samples->n_classes = 1;
  g_assert_null(lus_evaluate(model, samples, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "has 2 classes, the samples have 1");
  samples->n_classes = 2;
  folder_remove(folder);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/evaluate/bootstrap", test_bootstrap);
  g_test_add_func("/evaluate/surface", test_surface);
  g_test_add_func("/evaluate/surface-random", test_surface_random);
  g_test_add_func("/evaluate/evaluate", test_evaluate);
  g_test_add_func("/evaluate/add", test_add);
  g_test_add_func("/evaluate/against", test_against);
  g_test_add_func("/evaluate/errors", test_errors);
  return g_test_run();
}
