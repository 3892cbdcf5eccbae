/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/loss.h"
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
  assert_near((double)loss.bce, 2, 0);
  assert_near((double)loss.dice, 1, 0);
  const float expected[] = {7, 7, 3, 3};
  for (int k = 0; k < 4; k++)
    assert_near((double)loss.positive_weight[k], (double)expected[k], 0);
}

/** Every derivative against (f(x + h) - f(x - h)) / 2h: the Dice couples the samples of the batch. */
static void test_gradient(void)
{
  LusLoss loss;
  lus_loss_init(&loss, CLASSES);
  loss.positive_weight[1] = 2.5f;
  const struct {
    float bce, dice;
  } parts[] = {{2, 1}, {0, 1}, {1, 0}};
  for (gsize part = 0; part < G_N_ELEMENTS(parts); part++) {
    loss.bce = parts[part].bce;
    loss.dice = parts[part].dice;
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
      assert_near((double)b.d[1][j], (high - low) / (2 * (double)h), 1e-3 * largest);
    }
  }
}

/** Soft targets: nothing pulls where p = t. */
static void test_minimum(void)
{
  LusLoss loss;
  lus_loss_init(&loss, CLASSES);
  Batch b;
  fill(&b);
  for (int i = 0; i < BATCH; i++)
    for (int j = 0; j < PLANES; j++) {
      b.target[i][j] = 0.1f + 0.2f * (float)(j % 5);
      b.logits[i][j] = logf(b.target[i][j] / (1 - b.target[i][j]));
    }
  b.weight[0][3] = 1;
  double dice[CLASSES];
  double value = run(&b, dice, &loss, NULL);
  for (int k = 0; k < CLASSES; k++)
    assert_near(dice[k], 1, 1e-6);
  for (int i = 0; i < BATCH; i++)
    for (int j = 0; j < PLANES; j++)
      assert_near((double)b.d[i][j], 0, 1e-8);
  b.logits[0][3] += 0.5f;
  g_assert_cmpfloat(run(&b, NULL, &loss, NULL), >, value);
  b.logits[0][3] -= 1.0f;
  g_assert_cmpfloat(run(&b, NULL, &loss, NULL), >, value);
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
  LusLoss loss;
  lus_loss_init(&loss, CLASSES);
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
  g_test_add_func("/loss/ignored", test_ignored);
  g_test_add_func("/loss/extreme_logits", test_extreme_logits);
  g_test_add_func("/loss/threads", test_threads);
  return g_test_run();
}
