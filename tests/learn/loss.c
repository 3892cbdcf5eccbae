/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/loss.h"
#include "nn/error.h"
#include "nn/rng.h"

enum { BATCH = 3, CLASSES = 2, PIXELS = 37, PLANES = CLASSES * PIXELS };

typedef struct {
  float d[BATCH][PLANES], logits[BATCH][PLANES], target[BATCH][PLANES], weight[BATCH][PLANES];
} Batch;

static double run(Batch *b, double *dice, const LusLoss *loss, LusParallel *pool)
{
  float *d[BATCH];
  const float *logits[BATCH], *target[BATCH], *weight[BATCH];
  for (int i = 0; i < BATCH; i++) {
    d[i] = b->d[i];
    logits[i] = b->logits[i];
    target[i] = b->target[i];
    weight[i] = b->weight[i];
  }
  return lus_loss_batch(d, dice, logits, target, weight, loss, BATCH, CLASSES, PIXELS, pool);
}

/** Soft targets and weights of 0, 1 and between. */
static void fill(Batch *b)
{
  LusRng rng;
  lus_rng_init(&rng, 5, 0);
  for (int i = 0; i < BATCH; i++)
    for (int j = 0; j < PLANES; j++) {
      b->logits[i][j] = (float)lus_rng_normal(&rng, 0, 2);
      b->target[i][j] = (float)lus_rng_below(&rng, 5) / 4;
      b->weight[i][j] = (float)lus_rng_below(&rng, 3) / 2;
    }
}

/** One pixel, one class: 2 x 7 ln 2 + 1 - 51 / 51.25. */
static void test_by_hand(void)
{
  LusLoss loss;
  lus_loss_init(&loss, 1);
  float d = 0;
  double dice = 0;
  double value = lus_loss_batch((float *[]){&d}, &dice, (const float *[]){(float[]){0}},
                                (const float *[]){(float[]){1}}, (const float *[]){(float[]){1}}, &loss, 1, 1, 1,
                                NULL);
  assert_near(dice, 51 / 51.25, 1e-7);
  assert_near(value, 9.7040605 + 0.0048780, 1e-5);
  assert_near((double)d, -7.0049018, 1e-5);
}

static void test_defaults(void)
{
  LusLoss loss;
  lus_loss_init(&loss, 4);
  g_autofree char *text = lus_loss_to_string(&loss);
  g_assert_cmpstr(text, ==, "2*bce+1*dice");
  const float expected[] = {7, 7, 3, 3};
  for (int k = 0; k < 4; k++)
    assert_near((double)loss.positive_weight[k], (double)expected[k], 0);
  lus_loss_weigh_classes(&loss, (const char *const[]){"vertical_line", "fascia_band", "a_line", "pleural_line"}, 4);
  const float named[] = {3, 7, 3, 7};
  for (int k = 0; k < 4; k++)
    assert_near((double)loss.positive_weight[k], (double)named[k], 0);
}

static const char *const sums[] = {"2*bce+dice", "dice", "bce", "focal:2", "focal:2.5", "focal:3.5", "tversky",
                                   "tversky:0.9:0.2", "0.25*bce+3*focal:2.5+dice+2*tversky:0.1:1"};

static void parse(LusLoss *loss, const char *text)
{
  g_autoptr(GError) error = NULL;
  lus_loss_init(loss, CLASSES);
  g_assert_true(lus_loss_parse(loss, text, &error));
  g_assert_no_error(error);
}

/** Every derivative against (f(x + h) - f(x - h)) / 2h: the Dice couples the samples of the batch. */
static void test_gradient(void)
{
  for (gsize sum = 0; sum < G_N_ELEMENTS(sums); sum++) {
    LusLoss loss;
    parse(&loss, sums[sum]);
    loss.positive_weight[1] = 2.5f;
    Batch b, scratch;
    fill(&b);
    run(&b, NULL, &loss, NULL);
    double largest = 0;
    for (int j = 0; j < PLANES; j++)
      largest = MAX(largest, (double)fabsf(b.d[1][j]));
    g_assert_cmpfloat(largest, >, 1e-4);
    const float h = 0.0078125f;
    for (int j = 0; j < PLANES; j++) {
      scratch = b;
      scratch.logits[1][j] = b.logits[1][j] + h;
      double high = run(&scratch, NULL, &loss, NULL);
      scratch.logits[1][j] = b.logits[1][j] - h;
      double low = run(&scratch, NULL, &loss, NULL);
      assert_near((double)b.d[1][j], (high - low) / (2 * (double)h), 2e-3 * largest);
    }
  }
}

/** Soft targets: nothing pulls where p = t, and one pixel off to either side costs. */
static void test_minimum(void)
{
  for (gsize sum = 0; sum < G_N_ELEMENTS(sums); sum++) {
    LusLoss loss;
    parse(&loss, sums[sum]);
    Batch b;
    fill(&b);
    for (int i = 0; i < BATCH; i++)
      for (int j = 0; j < PLANES; j++) {
        b.target[i][j] = 0.1f + 0.2f * (float)(j % 5);
        b.logits[i][j] = logf(b.target[i][j] / (1 - b.target[i][j]));
      }
    double dice[CLASSES];
    double value = run(&b, dice, &loss, NULL);
    for (int k = 0; k < CLASSES; k++)
      assert_near(dice[k], 1, 1e-6);
    for (int i = 0; i < BATCH; i++)
      for (int j = 0; j < PLANES; j++)
        assert_near((double)b.d[i][j], 0, 1e-6);
    for (int j = 0; j < PLANES; j += 7) {
      b.weight[0][j] = 1;
      value = run(&b, NULL, &loss, NULL);
      b.logits[0][j] += 0.5f;
      g_assert_cmpfloat(run(&b, NULL, &loss, NULL), >, value);
      b.logits[0][j] -= 1.0f;
      g_assert_cmpfloat(run(&b, NULL, &loss, NULL), >, value);
      b.logits[0][j] += 0.5f;
    }
  }
}

/** One pixel by hand at p = 1/2, t = 1, weight 7: focal 7 (1/2)^2 ln 2; Tversky with I = .5, M = .25:
 *  25.5 / (25.5 + .7 x .25). */
static void test_terms_by_hand(void)
{
  const struct {
    const char *text;
    double value;
  } cases[] = {{"focal:2", 7 * 0.25 * 0.6931472},
               {"3*focal:1", 3 * 7 * 0.5 * 0.6931472},
               {"tversky", 1 - 25.5 / 25.675},
               {"tversky:0.2:0.4", 1 - 25.5 / 25.6},
               {"tversky:0.5:0.5", 1 - 51 / 51.25}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusLoss loss;
    parse(&loss, cases[i].text);
    float d = 0;
    double value = lus_loss_batch((float *[]){&d}, NULL, (const float *[]){(float[]){0}},
                                  (const float *[]){(float[]){1}}, (const float *[]){(float[]){1}}, &loss, 1, 1, 1,
                                  NULL);
    assert_near(value, cases[i].value, 1e-6);
  }
}

static void test_parse(void)
{
  const struct {
    const char *text, *back;
  } cases[] = {{"bce", "1*bce"},
               {"dice+2*bce", "2*bce+1*dice"},
               {"focal", "1*focal:2"},
               {"tversky:0.5", "1*tversky:0.5:0.7"},
               {"0.5*focal:1+tversky:0.1:0.9", "0.5*focal:1+1*tversky:0.1:0.9"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusLoss loss;
    parse(&loss, cases[i].text);
    g_autofree char *back = lus_loss_to_string(&loss);
    g_assert_cmpstr(back, ==, cases[i].back);
  }
  const struct {
    const char *text, *part;
  } wrong[] = {{"", "is empty"},           {"bce+", "'' is unknown"},         {"hinge", "'hinge' is unknown"},
               {"bce+bce", "there twice"}, {"0*bce", "'0' is no factor"},     {"-1*bce", "'-1'"},
               {"x*dice", "'x'"},          {"dice:1", "too many numbers"},    {"focal:0.5", "no GAMMA"},
               {"focal:", "'' is no"},     {"tversky:1:1:1", "tversky:ALPHA"}, {"nan*dice", "'nan'"}};
  for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
    LusLoss loss;
    lus_loss_init(&loss, CLASSES);
    g_autoptr(GError) error = NULL;
    g_assert_false(lus_loss_parse(&loss, wrong[i].text, &error));
    assert_error(error, LUS_ERROR_INVALID, wrong[i].part);
    assert_near((double)loss.factor[LUS_LOSS_BCE], 2, 0); /* left as it was */
  }
}

static void test_ignored(void)
{
  LusLoss loss;
  lus_loss_init(&loss, CLASSES);
  Batch b;
  fill(&b);
  b.weight[2][5] = 0;
  double before = run(&b, NULL, &loss, NULL);
  b.logits[2][5] = 9;
  b.target[2][5] = 0;
  assert_near(run(&b, NULL, &loss, NULL), before, 0);
  assert_near((double)b.d[2][5], 0, 0);
}

static void test_extreme_logits(void)
{
  for (gsize sum = 0; sum < G_N_ELEMENTS(sums); sum++) {
    LusLoss loss;
    parse(&loss, sums[sum]);
    Batch b;
    fill(&b);
    for (int i = 0; i < BATCH; i++)
      for (int j = 0; j < PLANES; j++)
        b.logits[i][j] = j % 2 ? 1e30f : -1e4f;
    g_assert_true(isfinite(run(&b, NULL, &loss, NULL)));
    for (int i = 0; i < BATCH; i++)
      for (int j = 0; j < PLANES; j++)
        g_assert_true(isfinite(b.d[i][j]));
  }
}

/** Every term of the table is documented as it is written. */
static void test_docs(void)
{
  g_autofree char *path = g_build_filename(g_getenv("LUS_SOURCE_ROOT"), "docs", "learning.md", NULL);
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  for (int i = 0; i < LUS_LOSS_N; i++) {
    g_autofree char *row = g_strdup_printf("| `%s` | %s |", lus_loss_form((LusLossTerm)i),
                                           lus_loss_summary((LusLossTerm)i));
    if (!strstr(text, row))
      g_test_message("docs/learning.md lacks: %s", row);
    g_assert_nonnull(strstr(text, row));
  }
}

static void test_threads(void)
{
  LusLoss loss;
  lus_loss_init(&loss, CLASSES);
  Batch one, three;
  fill(&one);
  three = one;
  LusParallel *pool = lus_parallel_new(3);
  double a = run(&one, NULL, &loss, NULL), b = run(&three, NULL, &loss, pool);
  lus_parallel_free(pool);
  g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
  g_assert_cmpmem(one.d, sizeof one.d, three.d, sizeof three.d);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/loss/by_hand", test_by_hand);
  g_test_add_func("/loss/defaults", test_defaults);
  g_test_add_func("/loss/gradient", test_gradient);
  g_test_add_func("/loss/minimum", test_minimum);
  g_test_add_func("/loss/terms_by_hand", test_terms_by_hand);
  g_test_add_func("/loss/parse", test_parse);
  g_test_add_func("/loss/docs", test_docs);
  g_test_add_func("/loss/ignored", test_ignored);
  g_test_add_func("/loss/extreme_logits", test_extreme_logits);
  g_test_add_func("/loss/threads", test_threads);
  return g_test_run();
}
