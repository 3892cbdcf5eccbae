/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "toy.h"
#include "learn/metrics.h"
#include "nn/error.h"

static void test_dice(void)
{
  assert_near(lus_dice(3, 4, 8), 0.5, 1e-12);
  assert_near(lus_dice(0, 5, 0), 0, 0);
  assert_near(lus_dice(4, 4, 4), 1, 0);
  assert_near(lus_dice(0, 0, 0), 1, 0);
}

/** q = floor(255 c + 0.5) >= 153 for a cut of 60 %: 0.598 gives 152, 0.5981 gives 153. */
static void test_count(void)
{
  const float confidence[9] = {0.9f, 0.598f, 0.5981f, 0.61f, 0.1f, 0.0f, 0.99f, 0.99f, NAN};
  const guint8 percent[9] = {60, 100, 59, 100, 70, 0, 255, 61, 0};
  LusMaskCount count = {.known = 10};
  lus_mask_count(&count, confidence, percent, 9, 0.6, 60);
  g_assert_cmpint(count.known, ==, 18);
  g_assert_cmpint(count.found, ==, 4);     /* 0, 2, 3, 7 */
  g_assert_cmpint(count.reference, ==, 5); /* 0, 1, 3, 4, 7 */
  g_assert_cmpint(count.both, ==, 3);      /* 0, 3, 7 */
}

static void test_summarise(void)
{
  const LusMaskCount counts[5] = {{.both = 10, .found = 20, .reference = 10, .known = 100},
                                  {.both = 0, .found = 0, .reference = 10, .known = 100},
                                  {.both = 30, .found = 30, .reference = 30, .known = 100},
                                  {.both = 0, .found = 10, .reference = 0, .known = 100},
                                  {0}};
  const int group[5] = {7, 7, -2, 40, 41};
  LusClassMetrics m;
  lus_metrics_summarise(&m, counts, group, 5, 1);
  assert_near(m.dice, 80.0 / 110, 1e-12);
  assert_near(m.precision, 40.0 / 60, 1e-12);
  assert_near(m.recall, 40.0 / 50, 1e-12);
  g_assert_cmpint(m.positive_pixels, ==, 50);
  /* Three groups with Dice 0.5, 1 and 0: the interval reaches from worst to best. */
  assert_near(m.dice_low, 0, 1e-12);
  assert_near(m.dice_high, 1, 1e-12);
  lus_metrics_summarise(&m, counts, group, 2, 1); /* one group: no interval */
  assert_near(m.dice, 0.5, 1e-12);
  g_assert_true(isnan(m.dice_low) && isnan(m.dice_high));
}

/** 400 groups, half of them hit, half missed: sd of the share is about 0.025, 95 % about +-0.049. */
static void test_interval(void)
{
  enum { N = 400 };
  LusMaskCount counts[N];
  int group[N];
  for (int i = 0; i < N; i++) {
    gint64 hit = i % 2;
    counts[i] = (LusMaskCount){.both = 10 * hit, .found = 10, .reference = 10, .known = 50};
    group[i] = i;
  }
  LusClassMetrics m, again;
  lus_metrics_summarise(&m, counts, group, N, 3);
  lus_metrics_summarise(&again, counts, group, N, 3);
  g_assert_cmpmem(&m, sizeof m, &again, sizeof again);
  assert_near(m.dice, 0.5, 1e-12);
  assert_near(m.dice_low, 0.451, 0.008);
  assert_near(m.dice_high, 0.549, 0.008);
}

static void test_unknown(void)
{
  LusClassMetrics m;
  const int group[1] = {0};
  lus_metrics_summarise(&m, &(LusMaskCount){0}, group, 1, 1);
  g_assert_true(isnan(m.dice) && isnan(m.dice_low) && isnan(m.precision) && isnan(m.recall));
  lus_metrics_summarise(&m, &(LusMaskCount){.known = 9, .reference = 4}, group, 1, 1);
  assert_near(m.dice, 0, 0);
  assert_near(m.recall, 0, 0);
  g_assert_true(isnan(m.precision));
  lus_metrics_summarise(&m, &(LusMaskCount){.known = 9}, group, 1, 1);
  assert_near(m.dice, 1, 0);
  g_assert_true(isnan(m.precision) && isnan(m.recall));
}

/** A trained toy network through file and evaluation. */
static void test_model(void)
{
  g_autofree char *folder = folder_new();
  g_autofree char *path = g_build_filename(folder, "toy.onnx", NULL);
  g_autoptr(LusSamples) samples = toy_samples(24, 1);
  g_autoptr(LusSamples) held_out = toy_samples(10, 2);
  LusTrainConfig config = toy_config(200);
  config.threads = 2;
  g_autoptr(GError) error = NULL;
  g_autoptr(LusGraph) graph = lus_train(&config, samples, NULL, &error);
  g_assert_no_error(error);
  g_assert_true(lus_calibrate(graph, NULL, held_out, &config.target, 0.6, 1, &error));
  LusModelInfo info;
  lus_model_info_init(&info);
  g_free(info.classes[2]);
  info.classes[2] = NULL;
  info.n_classes = 2;
  info.width = TOY_WIDTH;
  info.height = TOY_HEIGHT;
  g_assert_true(lus_model_save(graph, &info, path, &error));
  lus_model_info_clear(&info);
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_no_error(error);

  LusClassMetrics m[2], other[2];
  g_assert_true(lus_metrics_evaluate(m, model, held_out, 0.6, 60, 1, 1, NULL, NULL, &error));
  g_assert_true(lus_metrics_evaluate(other, model, held_out, 0.6, 60, 1, 2, NULL, NULL, &error));
  g_assert_cmpmem(m, sizeof m, other, sizeof other);
  for (int k = 0; k < 2; k++) {
    g_test_message("class %d: Dice %.3f (%.3f to %.3f)", k, m[k].dice, m[k].dice_low, m[k].dice_high);
    g_assert_cmpfloat(m[k].dice, >, 0.85);
    g_assert_cmpfloat(m[k].dice_low, <=, m[k].dice);
    g_assert_cmpfloat(m[k].dice_high, >=, m[k].dice);
  }
  g_assert_cmpint(m[0].positive_pixels, ==, 10 * 4 * TOY_WIDTH);
  g_assert_true(lus_metrics_evaluate(m, model, held_out, 0.6, 95, 1, 1, NULL, NULL, &error));
  g_assert_cmpint(m[0].positive_pixels, ==, 0);

  held_out->n_classes = 1;
  g_assert_false(lus_metrics_evaluate(m, model, held_out, 0.6, 60, 1, 1, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "has 2 classes, the samples have 1");
  held_out->n_classes = 2;
  held_out->width = TOY_WIDTH / 2;
  g_assert_false(lus_metrics_evaluate(m, model, held_out, 0.6, 60, 1, 1, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "64 x 32");
  folder_remove(folder);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/metrics/dice", test_dice);
  g_test_add_func("/metrics/count", test_count);
  g_test_add_func("/metrics/summarise", test_summarise);
  g_test_add_func("/metrics/interval", test_interval);
  g_test_add_func("/metrics/unknown", test_unknown);
  g_test_add_func("/metrics/model", test_model);
  return g_test_run();
}
