/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/optimizer.h"
#include "nn/error.h"

/** Two steps of one parameter, worked out by hand from algorithm 2 of the paper. */
static void test_adamw(void)
{
  LusOptimizer adamw;
  lus_optimizer_init(&adamw, LUS_OPTIMIZER_ADAMW);
  float parameter = 1, m = 0, v = 0;
  assert_near(lus_optimizer_step(&parameter, &m, &v, (float[]){0.5f}, 1, &adamw, 0.1, 1, NULL), 0.5, 0);
  assert_near((double)m, 0.05, 1e-8);
  assert_near((double)v, 0.00025, 1e-9);
  assert_near((double)parameter, 0.8999, 1e-6); /* 1 - 0.1 (1 + 0.001) */
  assert_near(lus_optimizer_step(&parameter, &m, &v, (float[]){-0.25f}, 1, &adamw, 0.1, 2, NULL), 0.25, 0);
  assert_near((double)m, 0.02, 1e-8);
  assert_near((double)v, 0.00031225, 1e-9);
  assert_near((double)parameter, 0.8731763, 2e-6); /* 0.89981001 - 0.1 (0.1052632 / 0.3952254) */
}

static void test_clipping(void)
{
  LusOptimizer adamw;
  lus_optimizer_init(&adamw, LUS_OPTIMIZER_ADAMW);
  float parameters[2] = {0, 0}, m[2] = {0, 0}, v[2] = {0, 0};
  assert_near(lus_optimizer_step(parameters, m, v, (float[]){3, -4}, 2, &adamw, 0.01, 1, NULL), 5, 1e-12);
  assert_near((double)m[0], 0.12, 1e-7); /* 0.1 x 3 x 2 / 5 */
  assert_near((double)m[1], -0.16, 1e-7);
  assert_near((double)v[0], 0.00144, 1e-8);
  assert_near((double)parameters[0], -0.01, 1e-7);
  assert_near((double)parameters[1], 0.01, 1e-7);
}

static void test_no_clipping(void)
{
  LusOptimizer sgd;
  lus_optimizer_init(&sgd, LUS_OPTIMIZER_SGD);
  sgd.clip = 0;
  float parameters[2] = {0, 0}, m[2] = {0, 0};
  assert_near(lus_optimizer_step(parameters, m, NULL, (float[]){30, -40}, 2, &sgd, 0.01, 1, NULL), 50, 1e-12);
  assert_near((double)parameters[0], -0.3, 1e-6);
  assert_near((double)parameters[1], 0.4, 1e-6);
}

/** Two steps by hand, with momentum 0.9 and decay 0.1. */
static void test_sgd(void)
{
  LusOptimizer sgd;
  lus_optimizer_init(&sgd, LUS_OPTIMIZER_SGD);
  sgd.weight_decay = 0.1;
  float parameter = 1, m = 0, v = 7;
  assert_near(lus_optimizer_step(&parameter, &m, &v, (float[]){0.5f}, 1, &sgd, 0.1, 1, NULL), 0.5, 0);
  assert_near((double)parameter, 0.94, 1e-6); /* 0.99 - 0.1 x 0.5 */
  lus_optimizer_step(&parameter, &m, &v, (float[]){-0.25f}, 1, &sgd, 0.2, 2, NULL);
  assert_near((double)m, 0.2, 1e-7); /* 0.45 - 0.25 */
  assert_near((double)parameter, 0.8812, 1e-6); /* 0.98 x 0.94 - 0.2 x 0.2 */
  assert_near((double)v, 7, 0);
}

static void test_names(void)
{
  for (int i = 0; i < LUS_OPTIMIZER_N; i++) {
    LusOptimizerMethod method = LUS_OPTIMIZER_N;
    g_assert_true(lus_optimizer_parse(&method, lus_optimizer_name((LusOptimizerMethod)i), NULL));
    g_assert_cmpint((int)method, ==, i);
  }
  LusOptimizerMethod method = LUS_OPTIMIZER_SGD;
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_optimizer_parse(&method, "adam", &error));
  assert_error(error, LUS_ERROR_INVALID, "optimizer 'adam': is one of adamw, sgd");
  g_assert_cmpint((int)method, ==, LUS_OPTIMIZER_SGD);
}

static void test_decay_alone(void)
{
  LusOptimizer adamw;
  lus_optimizer_init(&adamw, LUS_OPTIMIZER_ADAMW);
  adamw.weight_decay = 0.5;
  float parameter = 8, m = 0, v = 0;
  lus_optimizer_step(&parameter, &m, &v, (float[]){0}, 1, &adamw, 0.25, 1, NULL);
  assert_near((double)parameter, 7, 1e-6);
}

static void test_learning_rate(void)
{
  assert_near(lus_learning_rate(2e-3, 1, 50, 1050), 4e-5, 1e-12);
  assert_near(lus_learning_rate(2e-3, 25, 50, 1050), 1e-3, 1e-12);
  assert_near(lus_learning_rate(2e-3, 50, 50, 1050), 2e-3, 1e-12);
  assert_near(lus_learning_rate(2e-3, 550, 50, 1050), 2e-3 * (0.005 + 0.995 / 2), 1e-12);
  assert_near(lus_learning_rate(2e-3, 1050, 50, 1050), 1e-5, 1e-12);
  assert_near(lus_learning_rate(2e-3, 2000, 50, 1050), 1e-5, 1e-12);
  /* No warm-up; a training that is over before the warm-up is. */
  assert_near(lus_learning_rate(1, 5, 0, 10), 0.005 + 0.995 / 2, 1e-12);
  assert_near(lus_learning_rate(1, 10, 50, 10), 0.2, 1e-12);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/optimizer/adamw", test_adamw);
  g_test_add_func("/optimizer/clipping", test_clipping);
  g_test_add_func("/optimizer/no_clipping", test_no_clipping);
  g_test_add_func("/optimizer/sgd", test_sgd);
  g_test_add_func("/optimizer/names", test_names);
  g_test_add_func("/optimizer/decay_alone", test_decay_alone);
  g_test_add_func("/optimizer/learning_rate", test_learning_rate);
  return g_test_run();
}
